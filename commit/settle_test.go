package commit

import (
	"slices"
	"testing"

	"v7em/block"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/kernel"
)

// TestUnknownGuest settles clones of a machine that runs no V7: its packs are as
// its writes have left them.
func TestUnknownGuest(t *testing.T) {
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSettler()
	for i := range 3 {
		pack := block.NewStore(rk.RK05Blocks)
		if err := pack.WriteBlock(7, slices.Repeat([]byte{byte(i + 1)}, block.Size)); err != nil {
			t.Fatal(err)
		}
		m.DetachRK(2)
		if err := m.AttachRK(2, machine.MemDisk{Store: pack}); err != nil {
			t.Fatal(err)
		}
		if err := s.Clone(m); err != nil {
			t.Fatal(err)
		}
		p, err := s.Settle()
		if err != nil {
			t.Fatal(err)
		}
		if p.Settled || len(p.Packs) != 1 || kernel.Why(p.Why) != kernel.NotV7 {
			t.Fatalf("got %+v", p)
		}
		for n := range pack.Diff(p.Packs[kernel.Drive{Controller: kernel.RK, Unit: 2}]) {
			t.Errorf("block %d differs", n)
		}
	}
}

func TestUnsettledError(t *testing.T) {
	for want, e := range map[string]*UnsettledError{
		"no commit point within 5 instructions: the kernel did not come to an end":                     {Instructions: 5},
		"no commit point within 5 instructions: mv (process 7), cp (process 8) did not come to an end": {Instructions: 5, Underway: []kernel.Process{{Name: "mv", PID: 7}, {Name: "cp", PID: 8}}},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
