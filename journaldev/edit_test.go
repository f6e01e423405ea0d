package journaldev

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"v7em/journaldev/crashtest"
)

// TestEditsAfterACrash has another program change one block of a pack that has not been
// recovered yet, at 2,000 instants of workloads: recovery refuses the pack, or says
// something, or the edit is there afterwards. Nothing is overwritten in silence, and the
// same packs without an edit recover without a word of it.
func TestEditsAfterACrash(t *testing.T) {
	counts := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(modes)) {
		m := modes[name]
		for seed := range uint64(4) {
			w := startWorkload(t, 500+seed, m.o)
			w.raw, w.moving = m.raw, m.moving
			w.run(30)
			rnd := rand.New(rand.NewPCG(seed, 77))
			for range 500 / len(modes) {
				at := w.begin + rnd.IntN(len(w.trace.Events())-w.begin)
				_, files := w.trace.Kill(at)
				image, journal := all(files[0]), all(files[1])
				r, clean, err := recoverBytes(image, journal)
				if err != nil || r.report.Overwritten > 0 || r.report.Changed {
					t.Fatalf("%s, seed %d, event %d, without an edit: %v, %v", name, seed, at, r, err)
				}
				edited := bytes.Clone(image)
				n := rnd.IntN(testBlocks)
				if len(r.writes) > 0 && rnd.IntN(2) == 0 {
					n = r.writes[rnd.IntN(len(r.writes))]
				}
				switch b := edited[n*512:][:512]; rnd.IntN(3) {
				case 0: // a bit
					b[rnd.IntN(512)] ^= 1 << rnd.IntN(8)
				case 1: // an inode, or some entries of a directory
					for i := 64 * rnd.IntN(8); i%64 < 63; i++ {
						b[i] = byte(rnd.Uint32())
					}
				default:
					for i := range b {
						b[i] = byte(rnd.Uint32())
					}
				}
				if bytes.Equal(edited, image) {
					continue
				}
				r, after, err := recoverBytes(edited, journal)
				b := edited[n*512:][:512]
				switch {
				case errors.Is(err, ErrForeign) && bytes.Equal(after, edited):
					counts["refused"]++
				case err != nil:
					t.Fatalf("%s, seed %d, event %d, block %d: %v", name, seed, at, n, err)
				case bytes.Equal(after[n*512:][:512], b) && r.report.Changed:
					counts["kept and told"]++
				case bytes.Equal(after[n*512:][:512], b) && (n >= testFSize || m.o.Data == DataOrdered || m.raw):
					counts["kept where nothing counts"]++
				case r.report.Overwritten == 1 && strings.Contains(r.report.String(), "another program's is lost"):
					counts["overwritten and told"]++
				case m.moving && n >= testFSize: // swap space before: nobody knows what was there
					counts["in what was swap space"]++
				default:
					counts["in silence"]++
					t.Errorf("%s, seed %d, event %d: an edit of block %d is overwritten in silence (%v; clean %t)", name, seed, at, n, r.report, bytes.Equal(after, clean))
				}
			}
		}
	}
	t.Logf("%v", counts)
	for _, what := range []string{"refused", "kept and told"} {
		if counts[what] == 0 {
			t.Errorf("none was %s: the test does not see it", what)
		}
	}
}

// TestTornBlock stops a home write in the middle of each block, at each byte: the pack
// recovers, and says that there was something that the journal does not know. With a
// byte changed before or behind the place it does not.
func TestTornBlock(t *testing.T) {
	image, journal, states := dirty(t, 1, VolumeOptions{JournalSize: 8 * MinJournalSize})
	r, whole, err := recoverBytes(image, journal)
	if err != nil || len(r.writes) < 5 {
		t.Fatalf("the test has nothing to do: %v, %v", r, err)
	}
	torn, refused := 0, 0
	for _, n := range r.writes {
		old, will := image[n*512:][:512], whole[n*512:][:512]
		for k := 1; k < 512; k += 13 {
			is := slices.Concat(will[:k], old[k:])
			if bytes.Equal(is, old) || bytes.Equal(is, will) {
				continue
			}
			bad := bytes.Clone(image)
			copy(bad[n*512:], is)
			r, out, err := recoverBytes(bad, journal)
			if err != nil || r.report.Overwritten > 1 || which(out, states) != len(states)-1 {
				t.Fatalf("block %d, the first %d bytes: %v, %v", n, k, r, err)
			}
			torn += r.report.Overwritten
			for _, at := range []int{0, 511} {
				bad[n*512+at] ^= 1
				if _, _, err := recoverBytes(bad, journal); errors.Is(err, ErrForeign) {
					refused++
				}
				bad[n*512+at] ^= 1
			}
		}
	}
	if torn < 20 || refused < 20 {
		t.Errorf("%d blocks were seen to be torn, %d changed ones refused: the test does nothing", torn, refused)
	}
	t.Logf("%d torn, %d refused", torn, refused)
}

// all returns the contents of a file.
func all(f *crashtest.File) []byte {
	n, _ := f.Size()
	b := make([]byte, n)
	f.ReadAt(b, 0)
	return b
}
