package lockstep

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"v7em/images/console"
	"v7em/machine"
	"v7em/mmu"
	"v7em/rk"
	"v7em/tests/guest"
	"v7em/unibus"
)

// The tests here hold our machine against itself, where how it is run must not
// matter. They need neither SIMH nor V7.

// session is what is typed at mini's console, each after the prompt of its turn: the
// answers to the bootstrap aside.
var session = []string{
	"mkdir /d; cd /d; pwd\r",
	"for i in a b c; do echo $i $$ >$i; done; cat a b c | wc\r",
	"ls -l; sync\r",
}

// typed is what an operator types at a virtual time, having done nothing since the
// one before, and the machine as it is before that.
type typed struct {
	at    uint64
	text  string
	state *machine.Machine
}

// printed is what a machine prints, with the time of each character.
type printed struct {
	m    *machine.Machine
	text []byte
	at   []uint64
	stop bool // stop the machine at each
}

func (p *printed) Put(c byte) {
	p.text, p.at = append(p.text, c), append(p.at, p.m.Now())
	if p.stop {
		p.m.Stop()
	}
}

// sit makes p the terminal of m, where it may have been that of another machine.
func (p *printed) sit(m *machine.Machine) {
	p.m = m
	m.Console.SetTerminal(p)
}

// recorded is a session that an operator had who waited for each prompt.
type recorded struct {
	from *machine.Machine // ready to be started
	turn []typed          // the last types nothing
	out  printed
}

// record has the session with a machine of some configuration.
func record(t *testing.T, cfg machine.Config) *recorded {
	t.Helper()
	m, err := machine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := guest.MiniPacks(t)
	if err := d.SetClock(guest.Epoch); err != nil {
		t.Fatal(err)
	}
	if err := d.Attach(m); err != nil {
		t.Fatal(err)
	}
	if err := m.Boot("rk", 0); err != nil {
		t.Fatal(err)
	}
	r := &recorded{from: clone(t, m)}
	c := console.New(m)
	c.Echo = (&r.out).Put
	r.out.m = m
	expect := func(text string) {
		t.Helper()
		if _, err := c.Expect(t.Context(), 60*guest.Second, text); err != nil {
			t.Fatal(err)
		}
	}
	turn := func(text string) {
		r.turn = append(r.turn, typed{m.Now(), text, clone(t, m)})
		c.Type(text)
	}
	expect("# ")
	for _, text := range session {
		turn(text)
		expect("# ")
	}
	// Let the drives write.
	m.Run(guest.Second / 10)
	turn("")
	return r
}

func clone(t *testing.T, m *machine.Machine) *machine.Machine {
	t.Helper()
	c, err := m.Clone()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// play has the session again: run lets a machine run to a virtual time, and returns
// it, or one that took its place. All must be as it was, to the character.
func (r *recorded) play(t *testing.T, out *printed, run func(m *machine.Machine, end uint64) *machine.Machine) {
	t.Helper()
	m := clone(t, r.from)
	out.sit(m)
	for i, turn := range r.turn {
		if m = run(m, turn.at); t.Failed() {
			return
		}
		if diff := differ(t, turn.state, m); diff != "" {
			t.Fatalf("turn %d: %s", i, diff)
		}
		m.Console.Type([]byte(turn.text)...)
	}
	if !bytes.Equal(out.text, r.out.text) {
		t.Errorf("it printed\n%q\nnot\n%q", out.text, r.out.text)
	} else if !slices.Equal(out.at, r.out.at) {
		t.Error("it printed at other times")
	}
}

// differ says how the machine b is not the machine a: in its state, memory or packs.
func differ(t *testing.T, a, b *machine.Machine) string {
	t.Helper()
	x, y := reflect.ValueOf(a.State()), reflect.ValueOf(b.State())
	for i := range x.NumField() {
		// As text: an empty list may be nil or not.
		if p, q := fmt.Sprintf("%+v", x.Field(i)), fmt.Sprintf("%+v", y.Field(i)); p != q {
			return fmt.Sprintf("%s is %s, want %s", x.Type().Field(i).Name, q, p)
		}
	}
	for i, w := range a.MMU.Mem {
		if v := b.MMU.Mem[i]; v != w {
			return fmt.Sprintf("the word at %o is %06o, want %06o", 2*i, v, w)
		}
	}
	for unit := range rk.Drives {
		p, q := a.RK.Disk(unit), b.RK.Disk(unit)
		if (p == nil) != (q == nil) {
			return fmt.Sprintf("drive %d: one machine has a pack there", unit)
		}
		if p != nil && !bytes.Equal(guest.Image(t, p), guest.Image(t, q)) {
			return fmt.Sprintf("the packs in drive %d differ", unit)
		}
	}
	return ""
}

// inSlices lets m run to a virtual time, so many instructions at a time.
func inSlices(t *testing.T, m *machine.Machine, end uint64, instructions uint64) {
	t.Helper()
	step := instructions * m.Config().NanosPerInstr
	for m.Now() < end {
		if stop := m.Run(min(step, end-m.Now())); stop != machine.StopLimit && stop != machine.StopRequested {
			t.Fatalf("it stopped: %v", stop)
		}
	}
}

// moments are those at which a machine is copied: the first, the base-th, the base
// squared-th time that it is in each of the states that a copy could lose something of.
type moments struct {
	base int
	met  map[moment]int
}

// moment is what a machine is doing.
type moment struct{ user, waiting, traps, request, disk, output, input, typed bool }

// now says whether m is to be copied.
func (s *moments) now(m *machine.Machine) bool {
	at := moment{
		user:    m.CPU.Mode == mmu.User,
		waiting: m.CPU.Waiting,
		traps:   m.CPU.Traps != 0,
		request: m.Bus.Level() > 0,
		disk:    scheduled(m, unibus.SlotRK11),
		output:  m.Bus.Scheduled(unibus.SlotKL11, 1),
		input:   m.Bus.Scheduled(unibus.SlotKL11, 0),
		typed:   m.Console.Pending() > 0,
	}
	if s.met == nil {
		s.met = map[moment]int{}
	}
	s.met[at]++
	n := s.met[at]
	for n%s.base == 0 {
		n /= s.base
	}
	return n == 1
}

// scheduled says whether a device has something to do later.
func scheduled(m *machine.Machine, slot int) bool {
	for code := range 16 {
		if m.Bus.Scheduled(slot, code) {
			return true
		}
	}
	return false
}

// wants fails the test when one of the states was never met.
func (s *moments) wants(t *testing.T) {
	t.Helper()
	var all moment
	for at := range s.met {
		all.user = all.user || at.user
		all.waiting = all.waiting || at.waiting
		all.traps = all.traps || at.traps
		all.request = all.request || at.request
		all.disk = all.disk || at.disk
		all.output = all.output || at.output
		all.input = all.input || at.input
		all.typed = all.typed || at.typed
	}
	if all != (moment{true, true, true, true, true, true, true, true}) {
		t.Errorf("copies were made in too few states: %+v", all)
	}
}

// TestSelf has a session on mini: in one go, in slices, on machines that are cloned or
// saved and restored on the way, and with hooks that do nothing. All of them are in
// the same state at each turn.
func TestSelf(t *testing.T) {
	for _, cfg := range []machine.Config{
		{Model: machine.PDP1170, Memory: 512 << 10},
		{Model: machine.PDP1145, NanosPerInstr: 1300},
	} {
		t.Run(cfg.Model.String(), func(t *testing.T) {
			r := record(t, cfg)
			spare, again := clone(t, r.from), false
			last := r.turn[len(r.turn)-1].state
			t.Logf("%d instructions in %d ms of virtual time", last.Instructions(), last.Now()/1e6)
			if !bytes.Contains(r.out.text, []byte("/d\r\n")) || !bytes.Contains(r.out.text, []byte("      3 ")) {
				t.Fatalf("not the session that was meant: %q", r.out.text)
			}

			t.Run("one go", func(t *testing.T) {
				r.play(t, &printed{}, func(m *machine.Machine, end uint64) *machine.Machine {
					if stop := m.Run(end - m.Now()); stop != machine.StopLimit {
						t.Fatalf("it stopped: %v", stop)
					}
					return m
				})
			})
			t.Run("stopped by its terminal", func(t *testing.T) {
				r.play(t, &printed{stop: true}, func(m *machine.Machine, end uint64) *machine.Machine {
					inSlices(t, m, end, 1<<40)
					return m
				})
			})
			for _, n := range []uint64{1, 7, 1000} {
				t.Run(fmt.Sprintf("slices of %d", n), func(t *testing.T) {
					r.play(t, &printed{}, func(m *machine.Machine, end uint64) *machine.Machine {
						inSlices(t, m, end, n)
						return m
					})
				})
			}

			for _, copied := range []struct {
				name        string
				base, short int // of the moments, and with -short
				copy        func(m *machine.Machine) *machine.Machine
			}{
				{"cloned", 2, 3, func(m *machine.Machine) *machine.Machine {
					if again = !again; again {
						if err := m.CloneInto(spare); err != nil {
							t.Fatal(err)
						}
						m, spare = spare, m
						return m
					}
					c := clone(t, m)
					// What the original does afterwards is nothing to the clone.
					m.Console.SetTerminal(nil)
					m.Run(1e6)
					return c
				}},
				{"restored", 10, 100, func(m *machine.Machine) *machine.Machine { return restore(t, m) }},
			} {
				t.Run(copied.name, func(t *testing.T) {
					when := moments{base: copied.base}
					if testing.Short() {
						when.base = copied.short
					}
					copies := 0
					out := &printed{}
					r.play(t, out, func(m *machine.Machine, end uint64) *machine.Machine {
						for m.Now() < end {
							n := uint64(1)
							if m.CPU.Waiting { // most of the time
								n = 31
							}
							inSlices(t, m, min(end, m.Now()+n*m.Config().NanosPerInstr), n)
							if when.now(m) {
								m = copied.copy(m)
								out.sit(m)
								copies++
							}
						}
						return m
					})
					when.wants(t)
					t.Logf("%d copies in %d states", copies, len(when.met))
				})
			}

			t.Run("watched", func(t *testing.T) {
				var attended, calls int
				r.play(t, &printed{}, func(m *machine.Machine, end uint64) *machine.Machine {
					m.Attend = func() { attended++ }
					m.Held = func() <-chan struct{} { return nil }
					m.CPU.OnTRAP = func(uint8) { calls++ }
					m.CPU.Hold = func() bool { return false }
					inSlices(t, m, end, 1<<40)
					return m
				})
				if attended == 0 || calls == 0 {
					t.Errorf("Attend was called %d times, OnTRAP %d", attended, calls)
				}
			})
		})
	}
}

// restore returns the machine that comes of saving m, with copies of its packs.
func restore(t *testing.T, m *machine.Machine) *machine.Machine {
	t.Helper()
	var file bytes.Buffer
	if err := m.Save(&file, time.Time{}); err != nil {
		t.Fatal(err)
	}
	var packs machine.Packs
	for unit := range rk.Drives {
		if d := m.RK.Disk(unit); d != nil {
			packs.RK[unit] = machine.MemDisk{Store: d.(machine.Snapshotter).Snapshot()}
		}
	}
	r, _, err := machine.Restore(&file, packs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCasesInSlices runs random cases, as those that are compared with SIMH, in one go
// and in slices; the last has a new processor after each, which knows of the one
// before only its state.
func TestCasesInSlices(t *testing.T) {
	cases := 1500
	if testing.Short() {
		cases /= 5
	}
	for _, model := range []cpuModel{model70, model45} {
		for _, how := range []struct {
			slice int
			anew  bool
		}{{1, false}, {7, false}, {1000, false}, {1, true}} {
			t.Run(fmt.Sprintf("%s by %d, anew %v", model.name, how.slice, how.anew), func(t *testing.T) {
				prog := cpuAssemble(t, model)
				x, y := newCPUMachine(t, prog), newCPUMachine(t, prog)
				y.slice, y.anew = how.slice, how.anew
				g := newCPUGen(*cpuSeed, prog)
				var count [numReasons]int
				for done := 0; done < cases; {
					b := g.newBatch()
					x.begin(b)
					y.begin(b)
					for ; done < cases && x.free < cpuHighEnd-maxRecord; done++ {
						c := g.newCase(g.IntN(cpuNumConfs))
						why, again := x.run(c.record()), y.run(c.record())
						count[why]++
						if why != again || x.c.State != y.c.State || x.m.State != y.m.State ||
							x.haltedCPU != y.haltedCPU || x.haltedMMU != y.haltedMMU || !slices.Equal(x.m.Mem, y.m.Mem) {
							t.Fatalf("case %d, %s: %d, in slices %d\n%+v %+v\n%+v %+v", done, c, why, again, x.c.State, x.m.State, y.c.State, y.m.State)
						}
					}
				}
				if count[accepted] < cases/2 || count[rejHalt] == 0 {
					t.Errorf("%d of %d cases were accepted, %d halted", count[accepted], cases, count[rejHalt])
				}
			})
		}
	}
}
