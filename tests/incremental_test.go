package tests

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"v7em/block"
	"v7em/machine"
	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
)

// blockWrite is a block that a guest has written.
type blockWrite struct {
	unit, n int
	b       [block.Size]byte
}

// recorder is a pack that notes what is written to it.
type recorder struct {
	machine.MemDisk
	unit    int
	written *[]blockWrite
}

func (r recorder) WriteBlock(n int, p []byte) error {
	*r.written = append(*r.written, blockWrite{r.unit, n, [block.Size]byte(p)})
	return r.MemDisk.WriteBlock(n, p)
}

// guestWrites has a guest work with files. It returns the packs as they were and
// all that was written to them.
func guestWrites(t testing.TB, o guest.Options) (packs []*block.Store, written []blockWrite) {
	t.Helper()
	g := guest.Boot(t, o)
	for unit := range 8 {
		disk, ok := g.M.RK.Disk(unit).(machine.MemDisk)
		if !ok {
			packs = append(packs, nil)
			continue
		}
		packs = append(packs, disk.Store.Clone())
		g.M.DetachRK(unit)
		if err := g.M.AttachRK(unit, recorder{disk, unit, &written}); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"/tmp", "/usr/tmp"} {
		g.Run("cd " + dir)
		for i := range 6 {
			g.Run(fmt.Sprintf("mkdir d%d; cp /etc/passwd d%d/p; cat /bin/sh /bin/sh /bin/sh >d%d/big", i, i, i))
			if i%2 == 1 {
				g.Run("sync")
			}
			if i > 1 {
				g.Run(fmt.Sprintf("rm d%d/p d%d/big; rmdir d%d; mv d%d/big d%d/b", i-2, i-2, i-2, i, i))
			}
		}
		g.Run("sync")
	}
	return packs, written
}

// After each block that a guest writes to its packs, and with each of them left out,
// the incremental checker finds what a full check finds.
func TestIncrementalCheck(t *testing.T) {
	for _, system := range []string{guest.V7, guest.Mini} {
		t.Run(system, func(t *testing.T) {
			if system == guest.V7 {
				guest.Dist(t)
			}
			packs, written := guestWrites(t, guest.Options{Guest: system})
			agree := func(when string, c *v7fs.Incremental, dev v7fs.Device) bool {
				t.Helper()
				full := v7fs.Checker{Brief: true}
				want, got := full.Check(dev), c.Report()
				kinds := map[v7fs.Kind]int{}
				for _, p := range want.Problems {
					kinds[p.Kind]++
				}
				for k, n := range kinds {
					if c.Count(k) != n {
						t.Fatalf("%s: %d problems of kind %s, want %d", when, c.Count(k), k, n)
					}
				}
				if len(got.Problems) != len(kinds) || got.Harmful != want.Harmful || got.Harmless != want.Harmless || got.String() != want.String() {
					t.Fatalf("%s: %v, want %v", when, got, want)
				}
				return want.Harmful > 0
			}
			rng := rand.New(rand.NewPCG(1, 2))
			harmful := 0
			disks, checks := make([]*block.Store, len(packs)), make([]*v7fs.Incremental, len(packs))
			for unit, p := range packs {
				if p != nil {
					disks[unit] = p.Clone()
					checks[unit] = v7fs.NewIncremental(disks[unit])
					agree(fmt.Sprintf("rk%d at first", unit), checks[unit], disks[unit])
				}
			}
			for i, w := range written {
				when := fmt.Sprintf("write %d of %d, rk%d block %d", i, len(written), w.unit, w.n)
				unit, dev, c := w.unit, disks[w.unit], checks[w.unit]
				dev.WriteBlock(w.n, w.b[:])
				c.Update(w.n)
				if agree(when, c, dev) {
					harmful++
				}
				// The power is cut later, and of a few writes some are lost.
				var back []blockWrite
				for _, w := range written[i+1 : min(i+30, len(written))] {
					if w.unit == unit && rng.IntN(3) > 0 {
						old := blockWrite{n: w.n}
						dev.ReadBlock(w.n, old.b[:])
						back = append(back, old)
						dev.WriteBlock(w.n, w.b[:])
						c.Update(w.n)
					}
				}
				if agree(when+", then some", c, dev) {
					harmful++
				}
				for k := len(back) - 1; k >= 0; k-- {
					dev.WriteBlock(back[k].n, back[k].b[:])
					c.Update(back[k].n)
				}
			}
			t.Logf("%d writes, %d of %d disks harmed", len(written), harmful, 2*len(written))
			if len(written) < 200 || harmful < 50 {
				t.Errorf("only %d writes and %d harmed disks", len(written), harmful)
			}
		})
	}
}

// BenchmarkIncrementalCheck brings V7's packs forward by one block that V7 has
// written, and checks.
func BenchmarkIncrementalCheck(b *testing.B) {
	guest.Dist(b)
	packs, written := guestWrites(b, guest.Options{})
	for _, how := range []string{"Full", "Incremental"} {
		b.Run(how, func(b *testing.B) {
			disks, checks := make([]*block.Store, len(packs)), make([]*v7fs.Incremental, len(packs))
			for unit, p := range packs {
				if p != nil {
					disks[unit] = p.Clone()
					checks[unit] = v7fs.NewIncremental(disks[unit])
				}
			}
			full := v7fs.Checker{Brief: true}
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % len(written) {
				w := &written[i]
				disks[w.unit].WriteBlock(w.n, w.b[:])
				if how == "Full" {
					full.Check(disks[w.unit])
					continue
				}
				checks[w.unit].Update(w.n)
				checks[w.unit].Report()
			}
		})
	}
}
