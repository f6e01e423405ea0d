package machine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"v7em/block"
	"v7em/mmu"
)

// wild runs whatever comes on machines of one configuration.
type wild struct {
	t   *testing.T
	rng *rand.Rand
}

func (w wild) newMachine(cfg Config) *Machine {
	m, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	s := block.NewStore(4872)
	for n := range 64 {
		b := make([]byte, block.Size)
		for i := range b {
			b[i] = byte(w.rng.Uint32())
		}
		if err := s.WriteBlock(n, b); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := m.AttachRK(0, MemDisk{Store: s}); err != nil {
		w.t.Fatal(err)
	}
	for i := range m.MMU.Mem {
		m.MMU.Mem[i] = w.word()
		if w.rng.IntN(2) == 0 { // an instruction that changes its operand: com, incb, bis, xor
			m.MMU.Mem[i] = []uint16{0o005100, 0o105200, 0o050000, 0o074000}[w.rng.IntN(4)] | 0o10 + w.word()&0o67
		}
	}
	for space := range 8 {
		for page := range 8 {
			m.MMU.PAR[space][page] = uint16(w.rng.Uint32N(uint32(len(m.MMU.Mem) / 32)))
			m.MMU.PDR[space][page] = uint16(w.rng.Uint32())&0o177770 | []uint16{6, 4, 5, 2}[w.rng.IntN(4)]
		}
	}
	for i := range m.MMU.UBMap {
		m.MMU.UBMap[i] = w.rng.Uint32N(uint32(2*len(m.MMU.Mem))) &^ 1
	}
	return m
}

// run does what a machine can do to its memory, for a short while: few
// instructions, so that what one of them fails to note is not hidden by another.
func (w wild) run(m *Machine) {
	for range 1 + w.rng.IntN(6) {
		switch w.rng.IntN(20) {
		case 0:
			m.MMU.WritePhys(w.rng.Uint32N(uint32(2*len(m.MMU.Mem)))&^1, uint16(w.rng.Uint32()), 0o377)
		case 1:
			if err := m.Boot("rk", 0); err != nil {
				w.t.Fatal(err)
			}
			m.MMU.Reset()
		case 2: // read a block or two from the pack
			for addr, v := range map[uint32]uint16{0o777406: -w.word() & 0o777, 0o777410: w.word(), 0o777412: w.word() & 0o17} {
				m.Bus.Write(addr, v, 0o177777)
			}
			m.Bus.Write(0o777404, 5|w.word()&0o60, 0o177777)
			m.setTime(m.Now() + 1e9)
		case 3, 4:
			m.MMU.Write(mmu.RegMMR3, w.word()&0o67, 0o177777)
			m.MMU.Write(mmu.RegMMR0, []uint16{0, mmu.MMR0Enable, mmu.MMR0Enable}[w.rng.IntN(3)], 0o177777)
		case 5:
			m.MMU.Write(mmu.RegKernel|uint32(w.word()&0o37)<<1|0o40, w.word()&uint16(len(m.MMU.Mem)/32-1), 0o177777)
		case 6:
			m.CPU.SetPSW(w.word())
		default:
			m.CPU.Traps = 0
			for i := range m.CPU.R {
				m.CPU.R[i] = w.word() &^ 1
			}
			m.CPU.Start(m.CPU.R[7])
		}
		for range w.rng.IntN(4) {
			m.Step()
		}
	}
}

func (w wild) word() uint16 { return uint16(w.rng.Uint32()) }

// TestCloneAgain clones machines that run anything into one another, time and
// again: however little a clone copies, it is the machine.
func TestCloneAgain(t *testing.T) {
	rounds := 4000
	if testing.Short() {
		rounds = 250
	}
	for _, cfg := range []Config{{Model: PDP1170, Memory: 512 << 10}, {Model: PDP1145, Memory: 248 << 10}} {
		t.Run(cfg.Model.String(), func(t *testing.T) {
			w := wild{t, rand.New(rand.NewPCG(11, 70))}
			ms := []*Machine{w.newMachine(cfg), w.newMachine(cfg), w.newMachine(cfg)}
			ran := uint64(0)
			for round := range rounds {
				from, to := ms[0], ms[1]
				if w.rng.IntN(10) == 0 { // not the usual pair
					p := w.rng.Perm(len(ms))
					from, to = ms[p[0]], ms[p[1]]
				}
				begin := from.Instructions()
				w.run(from)
				ran += from.Instructions() - begin
				w.run(to)
				if err := from.CloneInto(to); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(from.MMU.Mem, to.MMU.Mem) {
					for i := range from.MMU.Mem {
						if a, b := from.MMU.Mem[i], to.MMU.Mem[i]; a != b {
							t.Fatalf("round %d: the word at %o is %06o, in the clone %06o", round, 2*i, a, b)
						}
					}
				}
				if round%64 == 0 {
					same(t, "a clone", from, to)
				}
			}
			if ran < uint64(rounds) {
				t.Errorf("only %d instructions were done", ran)
			}
		})
	}
}

// TestCloneCopiesLittle: the memory that neither machine has written since the last
// clone is left alone, unless one of them was cloned elsewhere in between.
func TestCloneCopiesLittle(t *testing.T) {
	m, c := newBusy(t), newBusy(t)
	clone := func(from, to *Machine) {
		t.Helper()
		if err := from.CloneInto(to); err != nil {
			t.Fatal(err)
		}
	}
	clone(m, c)
	const far = 0o1000000 / 2
	c.MMU.Mem[far] = 42 // behind its back
	m.Run(1e6)
	clone(m, c)
	if c.MMU.Mem[far] != 42 {
		t.Error("all memory was copied")
	}
	if err := m.Boot("rk", 0); err != nil {
		t.Fatal(err)
	}
	clone(m, c)
	if c.MMU.Mem[0o2000/2] != m.MMU.Mem[0o2000/2] || m.MMU.Mem[0o2000/2] == 0 {
		t.Error("the clone has another bootstrap")
	}
	other := newBusy(t)
	clone(m, other)
	clone(m, c)
	if c.MMU.Mem[far] != 0 {
		t.Error("less than all was copied after a clone into another machine")
	}
}
