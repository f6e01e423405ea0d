// Package cpu executes PDP-11 instructions: the processors of the 11/45
// (KB11-A) and the 11/70 (KB11-B), with the FP11-C. It knows its registers, its
// traps and the memory system; it knows no device and no operating system.
//
// This is the reference interpreter: a fetch, one switch over a decoded
// operation, operands through the memory system's translations. It is held in
// lockstep against SIMH by tests/lockstep, and other engines are to be held
// against it.
package cpu

import "v7em/mmu"

// Interrupts is the priority arbitration of the bus as the processor sees it.
type Interrupts interface {
	// Level is the highest bus request pending, 4-7, or 0.
	Level() int
	// Grant takes the highest request at a level off and returns its vector.
	Grant(level int) uint16
	// Reset is the INIT line: the RESET instruction.
	Reset()
}

// Stop says why Run returned.
type Stop int

// Reasons to return from Run.
const (
	StopLimit Stop = iota // the instructions asked for are done
	StopIO                // the last instruction touched the I/O page
	StopWait              // WAIT, and nothing to serve
	StopHalt              // HALT in kernel mode
)

// Condition code bits of the PSW, and its T bit.
const (
	PSWC = 1 << 0
	PSWV = 1 << 1
	PSWZ = 1 << 2
	PSWN = 1 << 3
	PSWT = 1 << 4
)

// State is everything a program can see of the processor. It is plain data.
type State struct {
	// R is the current registers: R0-R5 of the current set, R6 the current
	// mode's stack pointer, R7 the program counter.
	R [8]uint16
	// Regs holds R0-R5 of the set not current, SP the stack pointers of the
	// modes not current; the entries of the current ones are stale.
	Regs [2][6]uint16
	SP   [4]uint16

	// N, Z, V and C are kept as they fall out of an operation: the N and V
	// conditions are bit 15, Z is set when the word is zero, C is 0 or 1.
	N, Z, V, C uint16

	Mode, PrevMode uint8 // PSW bits 15-14 and 13-12
	Set            uint8 // PSW bit 11
	Priority       uint8 // PSW bits 7-5
	T              bool  // PSW bit 4

	FP FP11

	StackLimit uint16 // 0777774, bits 15-8
	PIRQ       uint16 // 0777772, bits 15-9
	CPUError   uint16 // 0777766, 11/70
	MicroBreak uint16 // 0777770
	MemError   uint16 // 0777744, 11/70
	Cache      uint16 // 0777746, 11/70
	Switches   uint16 // 0777570 read
	Display    uint16 // 0777570 written

	Waiting bool // in WAIT
	Halted  bool
	Traps   Trap // requests not yet served
	// Count is the instructions done since power-up; a trap or interrupt
	// taken counts as one.
	Count uint64
}

// CPU is one processor.
type CPU struct {
	State
	mmu  *mmu.MMU
	mem  []uint16
	ints Interrupts

	// Translations of the current mode: I space and D space for reading, D
	// space for writing.
	ip, dr, dw *mmu.Space

	instPC uint16 // address of the current instruction
	mods   uint16 // register changes so far, in the format of MMR1
	limit  uint32 // stack addresses below it need a look; 0 outside kernel mode

	budget int // instructions until the loop looks up
	saved  int // budget put aside by attend
	ends   uint64
	io     bool // this instruction touched the I/O page
	rti    bool // the last instruction was RTI: a T bit that it loaded traps at once

	// scratch stands for an operand in the I/O page while an instruction
	// reads, changes and writes it.
	scratch uint16
	ioAddr  uint32
	ioMask  uint16
	is70    bool
	noFPP   bool

	// Hold, if not nil, is asked before a program in user mode goes on, at
	// least after every trap and interrupt. While it says yes, the processor
	// only takes traps and interrupts, and Run reports StopWait when there
	// are none. It is no part of the state.
	Hold func() bool

	// OnTRAP, if not nil, is told of each TRAP instruction in user mode, with
	// its low byte, before the trap is taken. It is not part of the state.
	OnTRAP func(code uint8)
}

// New makes a processor on a memory system: an 11/70 or else an 11/45, with
// or without floating point. It starts halted in kernel mode with cleared
// registers; set R[7] and call Start.
func New(m *mmu.MMU, ints Interrupts, is70, noFPP bool) *CPU {
	c := &CPU{mmu: m, mem: m.Mem, ints: ints, is70: is70, noFPP: noFPP}
	c.Halted = true
	c.Z = 1
	c.remap()
	return c
}

// Start sets the program counter and lets the processor run.
func (c *CPU) Start(pc uint16) {
	c.R[7] = pc
	c.Halted, c.Waiting = false, false
}

// SetState puts back a saved state.
func (c *CPU) SetState(s State) {
	c.State = s
	c.Mode &= 3
	c.PrevMode &= 3
	c.Set &= 1
	c.Priority &= 7
	c.ends, c.budget, c.saved = c.Count, 0, 0
	c.remap()
}

// remap points the processor at the translations of its mode.
func (c *CPU) remap() {
	s := int(c.Mode) << 1
	c.ip = &c.mmu.R[s]
	c.dr = &c.mmu.R[s|1]
	c.dw = &c.mmu.W[s|1]
	c.limit = 0
	if c.Mode == mmu.Kernel {
		c.limit = uint32(c.StackLimit) + 0400
	}
}

// PSW is the processor status word.
func (c *CPU) PSW() uint16 {
	v := uint16(c.Mode)<<14 | uint16(c.PrevMode)<<12 | uint16(c.Set)<<11 | uint16(c.Priority)<<5
	if c.T {
		v |= PSWT
	}
	return v | c.codes()
}

func (c *CPU) codes() uint16 {
	v := c.N >> 15 << 3
	if c.Z == 0 {
		v |= PSWZ
	}
	return v | c.V>>15<<1 | c.C
}

func (c *CPU) setCodes(v uint16) {
	c.N = v << 12
	c.Z = ^v & PSWZ
	c.V = v << 14
	c.C = v & PSWC
}

// SetPSW loads the whole processor status word: bits 10-8 do not exist.
func (c *CPU) SetPSW(v uint16) {
	c.setCodes(v)
	c.T = v&PSWT != 0
	c.Priority = uint8(v >> 5 & 7)
	c.PrevMode = uint8(v >> 12 & 3)
	c.setMode(uint8(v>>14), uint8(v>>11&1))
	c.attend()
}

// restorePSW is RTI and RTT: outside kernel mode, modes and register set can
// only be raised and the priority stays.
func (c *CPU) restorePSW(v uint16) {
	if c.Mode != mmu.Kernel {
		v = v&^0340 | c.PSW()&0174340 | v&0174000
	}
	c.SetPSW(v)
}

// setMode changes to a mode and register set.
func (c *CPU) setMode(mode, set uint8) {
	if set != c.Set {
		copy(c.Regs[c.Set][:], c.R[:6])
		copy(c.R[:6], c.Regs[set][:])
		c.Set = set
	}
	if mode != c.Mode {
		c.SP[c.Mode] = c.R[6]
		c.R[6] = c.SP[mode]
		c.Mode = mode
		c.remap()
	}
}

// StackPointer is R6 of a mode.
func (c *CPU) StackPointer(mode int) uint16 {
	if uint8(mode) == c.Mode {
		return c.R[6]
	}
	return c.SP[mode&3]
}

// Register is R0-R5 of a register set.
func (c *CPU) Register(set, n int) uint16 {
	if uint8(set) == c.Set {
		return c.R[n]
	}
	return c.Regs[set&1][n]
}

// Instructions is the number done, up to date even within an instruction.
func (c *CPU) Instructions() uint64 {
	return c.ends - uint64(c.budget) - uint64(c.saved)
}

// attend makes the loop look up after this instruction.
func (c *CPU) attend() {
	c.saved += c.budget
	c.budget = 0
}

// pendingLevel is the highest request of bus and PIRQ register, and whether it
// is the latter's; at one level that goes first.
func (c *CPU) pendingLevel() (level int, pirq bool) {
	level = c.ints.Level()
	for l := 7; l >= level && l > 0; l-- {
		if c.PIRQ>>(8+l)&1 != 0 {
			return l, true
		}
	}
	return level, false
}

// Run does at most n instructions, n > 0, and says why it stopped. It returns
// at once after an instruction that touched the I/O page, so that the caller
// can look at devices and at the time.
func (c *CPU) Run(n int) Stop {
	if c.Halted {
		return StopHalt
	}
	c.budget, c.saved = 0, n
	c.ends = c.Count + uint64(n)
	stop := StopLimit
	for {
		c.budget, c.saved = c.saved, 0
		if c.budget <= 0 {
			break
		}
		if c.Traps != 0 {
			c.budget--
			c.serveTrap()
			c.attend()
			continue
		}
		if level, pirq := c.pendingLevel(); level > int(c.Priority) {
			c.budget--
			c.Waiting = false
			vector := uint16(0240)
			if !pirq {
				vector = c.ints.Grant(level)
			}
			if vector != 0 && c.enter(vector) {
				c.checkNewStack()
			}
			c.attend()
			continue
		}
		if c.Waiting {
			stop = StopWait
			break
		}
		if c.Hold != nil && c.Mode == mmu.User && c.Hold() {
			stop = StopWait
			break
		}
		traced := c.T
		if traced {
			c.saved += c.budget - 1
			c.budget = 1
		}
		c.rti = false
		c.execute()
		if (traced || c.rti && c.T) && c.Traps&trapSynchronous == 0 {
			c.Traps |= TrapTrace
		}
		if c.Halted {
			stop = StopHalt
			break
		}
		if c.io {
			c.io = false
			stop = StopIO
			break
		}
	}
	c.Count = c.Instructions()
	c.ends = c.Count
	c.budget, c.saved = 0, 0
	return stop
}
