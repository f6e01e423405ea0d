package journaldev

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev/crashtest"
)

// A Restorer makes of every cut of a run what Mount makes of it, to the byte, in
// whatever order they come, and fails where that fails.
func TestRestorer(t *testing.T) {
	clock := func() time.Time { return time.Unix(1_000_000_000, 0) }
	var trace crashtest.Trace
	image := make([]byte, 300*block.Size)
	o := VolumeOptions{JournalSize: MinJournalSize, Transactions: 3, Clock: clock, Layout: NoLayout}
	v, err := Mount(trace.NewFile(image), trace.NewFile(nil), o)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	state := v.Snapshot()
	for range 40 {
		for range 1 + rnd.IntN(9) {
			b := bytes.Repeat([]byte{byte(rnd.Uint32())}, block.Size)
			if err := state.WriteBlock(rnd.IntN(300), b); err != nil {
				t.Fatal(err)
			}
		}
		ticket, err := v.Commit(state.Clone(), Note{})
		if err != nil {
			t.Fatal(err)
		}
		if err := ticket.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	v.Cut()

	r := Restorer{Clock: clock}
	replayed, failed := 0, 0
	for d := trace.Replay(); ; {
		if _, more := d.Next(); !more {
			break
		}
		for loss := range crashtest.NumLoss {
			files := d.Crash(loss, rnd)
			if len(files[1]) == 0 {
				continue // no journal yet: Mount makes one, with a random id
			}
			if rnd.IntN(20) == 0 {
				files[rnd.IntN(2)][rnd.IntN(300*block.Size/4)] ^= 4
			}
			mine := [2]*crashtest.Plain{{Data: slices.Clone(files[0])}, {Data: slices.Clone(files[1])}}
			theirs := [2]*crashtest.Plain{{Data: files[0]}, {Data: files[1]}}
			store := block.NewStore(300)
			if err := store.Load(mine[0]); err != nil {
				t.Fatal(err)
			}
			got, err := r.Restore(store, mine[0], mine[1])
			want, werr := Mount(theirs[0], theirs[1], VolumeOptions{Clock: clock, Layout: NoLayout, ByHand: true})
			if fmt.Sprint(err) != fmt.Sprint(werr) {
				t.Fatalf("event %d, %v: %v, Mount says %v", d.At(), loss, err, werr)
			}
			if !bytes.Equal(mine[0].Data, theirs[0].Data) || !bytes.Equal(mine[1].Data, theirs[1].Data) {
				t.Fatalf("event %d, %v: the files are not as Mount leaves them", d.At(), loss)
			}
			if err != nil {
				failed++
				continue
			}
			if got.Recovery != want.Recovery() {
				t.Fatalf("event %d, %v: %v, Mount says %v", d.At(), loss, got.Recovery, want.Recovery())
			}
			for n := range got.Store.Diff(want.Snapshot()) {
				t.Fatalf("event %d, %v: block %d is not as Mount has it", d.At(), loss, n)
			}
			replayed += got.Recovery.Count
		}
	}
	if replayed < 100 || failed < 5 {
		t.Errorf("that is no test: %d transactions, %d failures", replayed, failed)
	}
}
