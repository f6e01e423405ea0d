package journaldev

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"v7em/block"
	"v7em/journaldev/crashtest"
)

// TestSwapOverJournaled has a kernel swap to blocks that a transaction had brought home
// just before, and cuts the power: what it swapped out is no edit by another program,
// whether or not the mark is there that says that the transaction was home.
func TestSwapOverJournaled(t *testing.T) {
	for _, again := range []bool{false, true} {
		w := startWorkload(t, 1, VolumeOptions{Transactions: 8})
		to := func(swap Range, fill int) {
			w.v.SetSwap(swap)
			for n := testFSize + 1; n < testFSize+9; n++ {
				write(t, w.v, n, byte(fill+n))
			}
			write(t, w.v, 60, byte(fill)) // so that there is something to commit
			w.commit()
		}
		steps := func() {
			for w.step() {
			}
		}
		to(Range{}, 1)
		steps()
		to(Range{}, 30)
		to(testSwap, 60)
		steps()
		for n := testFSize + 1; n < testFSize+9; n++ {
			write(t, w.v, n, byte(90+n))
		}
		if again { // and it goes with a commit that never comes home
			w.v.SetSwap(Range{})
			w.commit()
			for w.acked < len(w.tokens) {
				w.step()
			}
		} else {
			steps()
		}
		d := w.trace.Replay()
		found := 0
		for rnd := rand.New(rand.NewPCG(1, 2)); ; {
			if _, ok := d.Next(); !ok {
				break
			}
			if d.At() < w.begin {
				continue
			}
			for range 4 {
				files := d.Crash(crashtest.Random, rnd)
				r, _, err := recoverBytes(files[0], files[1])
				if err != nil || r.report.Overwritten > 0 {
					t.Fatalf("again %t, at %d: %v, %v", again, d.At(), r, err)
				}
				found += r.report.Count
			}
		}
		if found < 20 {
			t.Errorf("%d transactions were recovered: the test does nothing", found)
		}
	}
}

// TestTornTwice kills v7em in the middle of a block on its way home, and then recovery in
// the middle of another: the pack is recovered. With a third that was changed it is not.
func TestTornTwice(t *testing.T) {
	image, journal, states := dirty(t, 1, VolumeOptions{JournalSize: 8 * MinJournalSize})
	r, whole, err := recoverBytes(image, journal)
	if err != nil || len(r.writes) < 5 {
		t.Fatalf("the test has nothing to do: %v, %v", r, err)
	}
	torn := 0
	for _, n := range r.writes {
		old, will := image[n*block.Size:][:block.Size], whole[n*block.Size:][:block.Size]
		if k := common(old, will) + 1; torn < 2 && !bytes.Equal(old[k:], will[k:]) {
			copy(old, will[:k])
			torn++
		}
	}
	r, out, err := recoverBytes(image, journal)
	if err != nil || r.report.Overwritten != 2 || which(out, states) != len(states)-1 {
		t.Fatalf("%v, %v", r, err)
	}
	image[r.writes[len(r.writes)-1]*block.Size+block.Size-1] ^= 1
	if _, _, err := recoverBytes(image, journal); !errors.Is(err, ErrForeign) {
		t.Errorf("with a block that another program has changed: %v", err)
	}
}

// TestDamagedOnItsWayHome kills v7em as the only transaction is on its way home and damages
// the journal then: that something of it is on the pack is told, and no other program
// alone is blamed.
func TestDamagedOnItsWayHome(t *testing.T) {
	w := startWorkload(t, 1, VolumeOptions{})
	for n := range 9 {
		write(t, w.v, 60+2*n, 7)
	}
	w.commit()
	for w.acked < len(w.tokens) {
		w.step()
	}
	events := len(w.trace.Events())
	for len(w.trace.Events()) < events+4 && w.step() {
	}
	_, files := w.trace.Kill(events + 4)
	image, journal := all(files[0]), all(files[1])
	r, _, err := recoverBytes(image, journal)
	if err != nil || r.report.Count != 1 || r.report.Blocks == 0 || r.report.Blocks == 9 {
		t.Fatalf("the test has nothing to do: %v, %v", r, err)
	}
	journal[ringOffset+sectorSize+9] ^= 1
	r, _, err = recoverBytes(image, journal)
	if err != nil || r.report.Uncommitted != 1 ||
		!strings.Contains(r.report.String(), "on its way home: check its file system") {
		t.Errorf("%v, %v", r.report, err)
	}
}
