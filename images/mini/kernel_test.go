package mini_test

import (
	"fmt"
	"testing"

	"v7em/commit"
	"v7em/machine"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// TestKernelView: the view of a running V7 kernel knows mini's too, and the states that
// it captures while several loops run are clean.
func TestKernelView(t *testing.T) {
	g := start(t, machine.Config{})
	for i, loop := range loads {
		g.Run(fmt.Sprintf("mkdir p%d; (cd p%d; while true; do %s; done) >out%d 2>&1 &", i, i, loop, i))
	}
	captures, failed, damaged, instructions := 0, 0, 0, uint64(0)
	s := commit.NewSettler()
	for i := range 300 {
		g.M.Run(uint64(7_000_000 + 310_000*(i%17)))
		if err := s.Clone(g.M); err != nil {
			t.Fatal(err)
		}
		p, err := s.Settle()
		if err != nil {
			failed++
			t.Log(err)
			continue
		}
		captures++
		if !p.Settled {
			t.Fatal("the kernel is unknown")
		}
		instructions = max(instructions, p.Instructions)
		for d, state := range p.Packs {
			if d.Controller != kernel.RK || d.Unit != 0 && d.Unit != 7 {
				t.Errorf("drive %v", d)
			}
			if r := fs.Check(state); !r.Clean() {
				t.Errorf("capture %d: %s\n%v", i, r, r.Problems[:min(len(r.Problems), 10)])
			}
		}
		if r := fs.Check(g.Drives().Disks[0]); !r.Clean() {
			damaged++
		}
	}
	t.Logf("%d captures, %d failed, the plain disk was damaged at %d; at most %d instructions", captures, failed, damaged, instructions)
	if failed > captures/100 || damaged == 0 {
		t.Error("too many captures failed, or there was nothing to see")
	}
}
