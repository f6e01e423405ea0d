// Package machine wires one PDP-11 together: processor, memory management,
// bus, console, line clock, RK11 and RP11. It runs it in virtual time, either
// freely and deterministically or paced by the host's clock, and copies it: a
// machine is a value, and a clone goes its own way.
package machine

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"v7em/block"
	"v7em/cpu"
	"v7em/mmu"
	"v7em/rk"
	"v7em/unibus"
)

// Model is a kind of PDP-11.
type Model int

// The models.
const (
	PDP1145 Model = 45
	PDP1170 Model = 70
)

// String is the usual name: 11/45 or 11/70.
func (m Model) String() string { return fmt.Sprintf("11/%d", int(m)) }

// DefaultMemory is a model's memory in bytes where nothing else is said: all
// that an 11/45 can have, and 2 MB on an 11/70 (V7 panics with 4).
func (m Model) DefaultMemory() int {
	if m == PDP1145 {
		return 256 << 10
	}
	return 2 << 20
}

// DefaultNanosPerInstr is the virtual time that an instruction takes, about
// that of a real 11/70.
const DefaultNanosPerInstr = 1000

// LineFrequency is that of the line clock, in hertz.
const LineFrequency = 60

// Config is what a machine is made of. Zero values stand for the defaults.
type Config struct {
	Model Model // default PDP1170
	// Memory is in bytes, a multiple of 8 KB; see Model.DefaultMemory.
	Memory int
	NoFPP  bool // without the FP11
	// NanosPerInstr is the virtual time of one instruction in nanoseconds.
	NanosPerInstr uint64
}

func (c Config) withDefaults() (Config, error) {
	if c.Model == 0 {
		c.Model = PDP1170
	}
	if c.Model != PDP1145 && c.Model != PDP1170 {
		return c, fmt.Errorf("no PDP-11 model %d: want 45 or 70", int(c.Model))
	}
	if c.Memory == 0 {
		c.Memory = c.Model.DefaultMemory()
	}
	if c.NanosPerInstr == 0 {
		c.NanosPerInstr = DefaultNanosPerInstr
	}
	return c, nil
}

// Stop says why a run ended.
type Stop int

// Reasons for the end of a run.
const (
	StopLimit       Stop = iota // the time asked for has passed
	StopHalt                    // HALT
	StopWaitForever             // WAIT, and no device has anything to do
	StopRequested               // Machine.Stop was called
)

// String names the reason.
func (s Stop) String() string {
	return [...]string{"limit", "halt", "wait forever", "stop requested"}[s]
}

// Machine is one PDP-11. Its methods are for one goroutine at a time, Stop
// excepted.
type Machine struct {
	CPU     *cpu.CPU
	MMU     *mmu.MMU
	Bus     *unibus.Bus
	Console *unibus.KL11
	Clock   *unibus.KW11
	RK      *rk.RK11
	RP      *rk.RP11
	// Brackets are the registers for programs that bracket what they do.
	Brackets *Brackets

	// Attend, if not nil, is called on the goroutine that runs the machine,
	// between two instructions, often by the host's clock and whenever the
	// processor has nothing to do. It must be quick.
	Attend func()
	// Held, if not nil, is asked when the processor stands still and may
	// return a channel that tells when CPU.Hold is to be asked again. While
	// it is not nil, a machine that runs freely waits for it and its virtual
	// time stands.
	Held func() <-chan struct{}

	cfg Config
	// Virtual time was base when count instructions were done.
	base, count uint64
	nanos       uint64        // per instruction
	behind      time.Duration // the host's clock, for RunPaced to catch up with
	stop        atomic.Bool
	attended    uint64                // instructions done when Attend was last called
	disks       [2][rk.Drives]rk.Disk // by controller: RK11, RP11
}

// New makes a machine, halted, with nothing attached.
func New(cfg Config) (*Machine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Machine{cfg: cfg, nanos: cfg.NanosPerInstr}
	is70 := cfg.Model == PDP1170
	if m.MMU, err = mmu.New(cfg.Memory, is70); err != nil {
		return nil, err
	}
	m.Bus = unibus.NewBus(m, m.MMU)
	m.MMU.IO = m.Bus
	m.CPU = cpu.New(m.MMU, m.Bus, is70, cfg.NoFPP)
	m.Bus.Add(unibus.SlotCPU, m.CPU, cpu.RegSwitches, cpu.RegSwitches)
	m.Bus.Add(unibus.SlotCPU, m.CPU, 0777740, 0777776)
	m.Bus.Add(unibus.SlotMMU, m.MMU, mmu.RegMMR0, mmu.RegMMR2)
	m.Bus.Add(unibus.SlotMMU, m.MMU, mmu.RegMMR3, mmu.RegMMR3)
	m.Bus.Add(unibus.SlotMMU, m.MMU, mmu.RegUser, mmu.RegUser+077)
	m.Bus.Add(unibus.SlotMMU, m.MMU, mmu.RegSuper, mmu.RegKernel+077)
	m.Bus.Add(unibus.SlotMMU, m.MMU, mmu.RegUBMap, mmu.RegUBMap+0177)
	m.Console = unibus.NewKL11(m.Bus, nil)
	m.Clock = unibus.NewKW11(m.Bus, LineFrequency)
	m.RK = rk.NewRK11(m.Bus)
	m.RP = rk.NewRP11(m.Bus)
	m.Brackets = newBrackets(m.Bus)
	return m, nil
}

// Config is what the machine was made of, defaults filled in.
func (m *Machine) Config() Config { return m.cfg }

// Now is the virtual time in nanoseconds since power-up.
func (m *Machine) Now() uint64 { return m.base + (m.CPU.Instructions()-m.count)*m.nanos }

// Instructions is the number done since power-up.
func (m *Machine) Instructions() uint64 { return m.CPU.Instructions() }

// setTime moves virtual time to t and counts on from there.
func (m *Machine) setTime(t uint64) {
	m.base, m.count = t, m.CPU.Instructions()
}

// AttachRK puts a pack into an RK05 drive, 0-7.
func (m *Machine) AttachRK(unit int, d rk.Disk) error { return m.attach(0, unit, d, m.RK.Attach) }

// AttachRP puts a pack into an RP03 drive, 0-7.
func (m *Machine) AttachRP(unit int, d rk.Disk) error { return m.attach(1, unit, d, m.RP.Attach) }

func (m *Machine) attach(controller, unit int, d rk.Disk, to func(int, rk.Disk) error) error {
	if err := to(unit, d); err != nil {
		return err
	}
	m.disks[controller][unit] = d
	return nil
}

// DetachRK takes the pack out of an RK05 drive.
func (m *Machine) DetachRK(unit int) {
	m.RK.Detach(unit)
	m.disks[0][unit&7] = nil
}

// DetachRP takes the pack out of an RP03 drive.
func (m *Machine) DetachRP(unit int) {
	m.RP.Detach(unit)
	m.disks[1][unit&7] = nil
}

// Boot puts the bootstrap for a disk ("rk" or "rp") and drive into memory and
// starts it. Like an 11/70's boot ROM it leaves the Unibus map mapping every
// page to itself: V7's /boot turns the map on without loading it.
func (m *Machine) Boot(device string, unit int) error {
	code, origin, start, err := rk.Bootstrap(device, unit)
	if err != nil {
		return err
	}
	copy(m.MMU.Mem[origin/2:], code)
	m.MMU.Touch(uint32(origin), uint32(2*len(code)))
	for i := range m.MMU.UBMap {
		m.MMU.UBMap[i] = uint32(i) << 13
	}
	m.CPU.SetPSW(0340)
	m.CPU.Start(start)
	return nil
}

// Stop makes the run under way, or else the next one, return soon. It may be
// called from any goroutine and by devices.
func (m *Machine) Stop() { m.stop.Store(true) }

// slice bounds the instructions between two looks at the stop flag.
const slice = 200_000

// Run lets the machine run freely for limit nanoseconds of virtual time. WAIT
// costs the host nothing: virtual time goes on to the next event.
func (m *Machine) Run(limit uint64) Stop {
	return m.run(limit, math.MaxUint64, nil)
}

// RunHeld is Run with programs in user mode held while hold says so: the
// processor then only takes interrupts, and virtual time goes on to the next
// event. Whenever the processor can do no more before that event, held or in
// WAIT, idle is called; true ends the run with StopRequested. The run is also
// over, with StopLimit, after the given number of instructions.
func (m *Machine) RunHeld(limit, instructions uint64, hold, idle func() bool) Stop {
	m.CPU.Hold = hold
	defer func() { m.CPU.Hold = nil }()
	return m.run(limit, instructions, idle)
}

func (m *Machine) run(limit, instructions uint64, idle func() bool) Stop {
	end := m.Now() + limit
	begin := m.Instructions()
	for {
		if m.stop.Swap(false) {
			return StopRequested
		}
		m.attend(attendEvery)
		now := m.Now()
		m.Bus.RunDue(now)
		if now >= end || m.Instructions()-begin >= instructions {
			return StopLimit
		}
		switch m.step(now, end) {
		case cpu.StopHalt:
			return StopHalt
		case cpu.StopWait:
			if idle != nil && idle() {
				return StopRequested
			}
			if ch := m.held(); ch != nil {
				<-ch
				continue
			}
			next, ok := m.Bus.Next()
			if !ok {
				return StopWaitForever
			}
			m.setTime(max(m.Now(), min(next, end)))
		}
	}
}

// attendEvery is how many instructions there are at most between two calls of
// Attend, a slice more or less.
const attendEvery = 50_000

// attend calls Attend if so many instructions were done since it was called.
func (m *Machine) attend(every uint64) {
	if m.Attend != nil && m.Instructions()-m.attended >= every {
		m.attended = m.Instructions()
		m.Attend()
	}
}

func (m *Machine) held() <-chan struct{} {
	if m.Held == nil {
		return nil
	}
	return m.Held()
}

// Step does one instruction, or takes one trap or interrupt, with the events
// that are due before it.
func (m *Machine) Step() cpu.Stop {
	m.Bus.RunDue(m.Now())
	return m.CPU.Run(1)
}

// step runs the processor to the next event or to end, at most a slice.
func (m *Machine) step(now, end uint64) cpu.Stop {
	if next, ok := m.Bus.Next(); ok && next < end {
		end = next
	}
	n := (end - now + m.nanos - 1) / m.nanos
	return m.CPU.Run(int(min(max(n, 1), slice)))
}

// MemDisk is a pack in memory: block n of a store. It is what a clone's
// drives hold.
type MemDisk struct {
	*block.Store
	Protected bool // write protected
}

// ReadOnly reports whether the pack is write protected.
func (d MemDisk) ReadOnly() bool { return d.Protected }

// Snapshot is a copy-on-write copy of the pack.
func (d MemDisk) Snapshot() *block.Store { return d.Clone() }
