package journaldev

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"v7em/block"
	"v7em/journaldev/crashtest"
)

// faults are the ways in which a host's call fails.
var faults = map[string]struct {
	err   error
	short bool
}{
	"EIO":         {err: syscall.EIO},
	"ENOSPC":      {err: syscall.ENOSPC},
	"short write": {err: syscall.ENOSPC, short: true},
}

// TestRule7 makes each call on the host's files fail in turn. The volume must turn
// read-only at once, touch its files no more, call nothing durable that is not, and
// leave behind what recovers to all that was acknowledged.
func TestRule7(t *testing.T) {
	const ops = 8
	grown := 0
	for name, m := range modes {
		// How many calls a run without a fault makes.
		whole := &crashtest.Fault{}
		w := startFaulty(t, m.o, m.raw, whole)
		w.run(ops)
		w.no(w.v.Close())
		if w.v.head.ring > ringFor(m.o.JournalSize) {
			grown++
		}
		calls, _ := whole.Calls()
		if calls < 30 {
			t.Fatalf("%s: only %d calls", name, calls)
		}
		for kind, fault := range faults {
			for at := 1; at <= calls; at++ {
				if err := oneFault(t, m.o, m.raw, &crashtest.Fault{At: at, Err: fault.err, Short: fault.short}, ops); err != nil {
					t.Fatalf("%s, %s at call %d of %d: %v", name, kind, at, calls, err)
				}
			}
		}
	}
	if grown == 0 {
		t.Error("no journal grew: the calls that make one bigger are left out")
	}
}

// startFaulty starts a workload on files that the fault may strike.
func startFaulty(t *testing.T, o VolumeOptions, raw bool, f *crashtest.Fault) *workload {
	w := startWorkload(t, 5, o)
	w.raw, w.faults = raw, true
	w.v.home.f = crashtest.Faulty{HostFile: w.v.home.f, Fault: f}
	w.v.journal.f = crashtest.Faulty{HostFile: w.v.journal.f, Fault: f}
	return w
}

func oneFault(t *testing.T, o VolumeOptions, raw bool, f *crashtest.Fault, ops int) error {
	want := f.Err
	w := startFaulty(t, o, raw, f)
	w.run(ops)
	for w.failed == nil && w.step() {
	}
	v := w.v
	var p [block.Size]byte
	if err := v.Err(); err != nil { // else it is one of Close's calls
		var e *Error
		switch {
		case !errors.As(err, &e) || e.Path == "" || !errors.Is(err, want):
			return fmt.Errorf("the error is %v", err)
		case !v.ReadOnly():
			return errors.New("the volume is not read-only")
		case !errors.Is(v.WriteBlock(20, p[:]), want):
			return errors.New("the guest may write")
		case v.ReadBlock(20, p[:]) != nil:
			return errors.New("the guest may not read")
		case v.Status().Err == "":
			return errors.New("the status says nothing")
		}
		if _, err := v.Commit(v.Snapshot(), Note{}); !errors.Is(err, want) {
			return fmt.Errorf("a commit gives %v", err)
		}
		if err := v.Sync(); w.acked < len(w.tokens) && !errors.Is(err, want) {
			return fmt.Errorf("Sync gives %v", err)
		}
	}
	for k, tok := range w.tokens {
		select {
		case <-tok.Done():
		default:
			if v.Err() != nil {
				return fmt.Errorf("commit %d has no end", k+1)
			}
		}
	}
	if err := v.Close(); !errors.Is(err, want) {
		return fmt.Errorf("Close gives %v", err)
	}
	w.acks()
	if _, after := f.Calls(); after > 0 {
		return fmt.Errorf("%d calls after the one that failed", after)
	}
	// The power goes now. What is on the disk of the writes that failed, or were not
	// synced, nobody knows.
	d := w.trace.Replay()
	for {
		if _, ok := d.Next(); !ok {
			break
		}
	}
	var counts [][]bool
	for _, s := range w.states {
		counts = append(counts, counted(s, o, testSwap))
	}
	for l := range crashtest.NumLoss {
		if _, err := w.recovers(d.Crash(l, w.rnd), o, counts, w.acked, len(w.states)-1); err != nil {
			return fmt.Errorf("after it, %v: %w", l, err)
		}
	}
	return nil
}

// TestRecoveryFaults makes each call of recovery fail in turn. Mount fails then, and
// the next one recovers.
func TestRecoveryFaults(t *testing.T) {
	for name, m := range modes {
		w := startWorkload(t, 11, m.o)
		w.raw = m.raw
		w.run(12)
		w.commit()
		for w.acked < len(w.tokens) {
			w.step()
		}
		dirty, _ := w.trace.Kill(len(w.trace.Events()))
		files := dirty.Replay()
		for {
			if _, ok := files.Next(); !ok {
				break
			}
		}
		data := files.Crash(crashtest.KeepAll, nil)
		for kind, fault := range faults {
			for at := 1; ; at++ {
				image, journal := new(crashtest.Trace), new(crashtest.Trace)
				im, jm := image.NewFile(data[0]), journal.NewFile(data[1])
				f := &crashtest.Fault{At: at, Err: fault.err, Short: fault.short}
				o := m.o
				o.ByHand = true
				v, err := Mount(crashtest.Faulty{HostFile: im, Fault: f}, crashtest.Faulty{HostFile: jm, Fault: f}, o)
				if err == nil {
					if at < 5 {
						t.Errorf("%s: recovery makes only %d calls", name, at-1)
					}
					v.Cut()
					break
				}
				if !errors.Is(err, fault.err) {
					t.Fatalf("%s, %s at call %d: %v", name, kind, at, err)
				}
				if _, after := f.Calls(); after > 0 {
					t.Fatalf("%s, %s at call %d: %d calls after it", name, kind, at, after)
				}
				after := [][]byte{crash(image), crash(journal)}
				last := len(w.states) - 1
				counts := make([][]bool, last+1)
				counts[last] = counted(w.states[last], m.o, w.swaps[last])
				if _, err := w.recovers(after, m.o, counts, last, last); err != nil {
					t.Fatalf("%s, %s at call %d: %v", name, kind, at, err)
				}
			}
		}
	}
}

// crash returns what is left of a trace's only file.
func crash(t *crashtest.Trace) []byte {
	d := t.Replay()
	for {
		if _, ok := d.Next(); !ok {
			return d.Crash(crashtest.Random, rand.New(rand.NewPCG(1, 1)))[0]
		}
	}
}
