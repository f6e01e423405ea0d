package journaldev

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev/crashtest"
	"v7em/tests/form"
)

// unevenFile takes now more, now less time to sync.
type unevenFile struct {
	File
	mu  sync.Mutex
	rnd *rand.Rand
}

func (f *unevenFile) Sync() error {
	f.mu.Lock()
	d := f.rnd.IntN(600)
	f.mu.Unlock()
	time.Sleep(time.Duration(d) * time.Microsecond)
	return f.File.Sync()
}

// TestPowerCutsInLanes has volumes bring home what is committed beside new commits, the
// syncs of their two files overlapping in every way, and cuts the power everywhere.
func TestPowerCutsInLanes(t *testing.T) {
	overlaps := 0
	for name, m := range modes {
		for seed := range form.Pick(2, 50) {
			var trace crashtest.Trace
			image, journal := trace.NewFile(testPack(t)), trace.NewFile(nil)
			rnd := rand.New(rand.NewPCG(uint64(seed), 11))
			uneven := func(f File) File { return &unevenFile{File: f, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 1))} }
			o := m.o
			if o.Layout == nil {
				o.Swap = testSwap
			}
			v, err := Mount(uneven(image), uneven(journal), o)
			if err != nil {
				t.Fatal(err)
			}
			w := &workload{t: t, rnd: rnd, trace: &trace, v: v, raw: m.raw, states: []*block.Store{v.Snapshot()}, swaps: []Range{o.Swap}}
			w.begin = len(trace.Events())
			var acks sync.WaitGroup
			last := make(chan struct{})
			close(last)
			for range 50 {
				w.change()
				s := v.Snapshot()
				w.states, w.swaps = append(w.states, s), append(w.swaps, o.Swap)
				k := len(w.states) - 1
				trace.Mark(called(k))
				ticket, err := v.Commit(s, Note{})
				if err != nil {
					t.Fatal(err)
				}
				before, done := last, make(chan struct{})
				last = done
				acks.Go(func() { // in order
					defer close(done)
					<-before
					if err := ticket.Wait(); err != nil {
						t.Error(err)
					}
					trace.Mark(acked(k))
				})
				time.Sleep(time.Duration(rnd.IntN(400)) * time.Microsecond)
			}
			acks.Wait()
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := w.verify(m.o); err != nil {
				t.Errorf("%s, seed %d: %v", name, seed, err)
			}
			overlaps += overlapping(trace.Events())
		}
	}
	if overlaps < 20 {
		t.Errorf("the journal was written %d times while blocks were on their way home", overlaps)
	}
}

// overlapping counts the writes to the journal between a write and a sync of the image.
func overlapping(events []crashtest.Event) (n int) {
	const image, journal = 0, 1 // in the order in which they joined the trace
	homing := false
	for _, e := range events {
		switch {
		case e.File == image && e.Kind == crashtest.Write:
			homing = true
		case e.File == image && e.Kind == crashtest.Sync:
			homing = false
		case e.File == journal && e.Kind == crashtest.Write && homing:
			n++
		}
	}
	return n
}

// TestHomeHoldsUpNoCommit holds the image's sync: commits are durable nevertheless, until the
// transactions run out.
func TestHomeHoldsUpNoCommit(t *testing.T) {
	var trace crashtest.Trace
	gate := make(chan struct{})
	image := gatedSync{trace.NewFile(testPack(t)), gate}
	v, err := Mount(image, trace.NewFile(nil), VolumeOptions{Transactions: 4, Swap: testSwap})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 3 {
		if err := v.WriteBlock(60+k, make([]byte, block.Size)); err != nil {
			t.Fatal(err)
		}
		if err := v.WriteBlock(70, []byte(strings.Repeat(string(rune('a'+k)), block.Size))); err != nil {
			t.Fatal(err)
		}
		ticket, err := v.Commit(v.Snapshot(), Note{})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-ticket.Done():
		case <-time.After(20 * time.Second):
			t.Fatalf("commit %d waits for the image", k)
		}
	}
	if s := v.Status(); s.Home != 0 || s.Committed != 3 {
		t.Errorf("%+v", s)
	}
	close(gate)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if s := v.Status(); s.Home != 3 {
		t.Errorf("%+v", s)
	}
}

// gatedSync syncs when its gate is open.
type gatedSync struct {
	File
	gate chan struct{}
}

func (f gatedSync) Sync() error {
	<-f.gate
	return f.File.Sync()
}
