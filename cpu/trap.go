package cpu

import "v7em/mmu"

// Trap is a set of trap requests, highest priority in the lowest bit.
type Trap uint32

// Trap requests in the order of service (PDP-11/70 Processor Handbook, 2.4).
const (
	TrapRed       Trap = 1 << iota // stack limit violated: fatal
	TrapOdd                        // word reference to an odd address
	TrapMM                         // memory management abort or trap
	TrapNXM                        // nothing answered
	TrapParity                     // memory parity
	TrapHalt                       // HALT outside kernel mode
	TrapReserved                   // illegal and reserved instructions
	TrapBPT                        // BPT
	TrapIOT                        // IOT
	TrapEMT                        // EMT
	TrapTRAP                       // TRAP
	TrapTrace                      // T bit
	TrapYellow                     // stack limit warning
	TrapPowerFail                  // power failure
	TrapFPP                        // floating-point exception

	// trapAborts ended an instruction before it was done.
	trapAborts = TrapRed | TrapOdd | TrapNXM | TrapParity
	// trapSynchronous are the instruction's own: taking one forgets that
	// the instruction was to be traced.
	trapSynchronous = trapAborts | TrapMM | TrapHalt | TrapReserved | TrapBPT | TrapIOT | TrapEMT | TrapTRAP
)

var trapVectors = [...]uint16{04, 04, 0250, 04, 0114, 04, 010, 014, 020, 030, 034, 014, 04, 024, 0244}

// CPU error register bits, 11/70.
const (
	errRed    = 1 << 2
	errYellow = 1 << 3
	errTime   = 1 << 4
	errNXM    = 1 << 5
	errOdd    = 1 << 6
	errHalt   = 1 << 7
)

// trap requests a trap at the end of this instruction.
func (c *CPU) trap(t Trap) {
	c.Traps |= t
	c.attend()
}

// fpTrap requests the floating-point exception trap.
func (c *CPU) fpTrap() { c.trap(TrapFPP) }

// serveTrap takes the highest trap requested.
func (c *CPU) serveTrap() {
	n := 0
	for c.Traps>>n&1 == 0 {
		n++
	}
	t := Trap(1) << n
	if t&trapSynchronous != 0 {
		c.Traps &^= TrapTrace
	}
	if t&(TrapRed|TrapOdd|TrapMM|TrapNXM) != 0 {
		c.Traps &^= TrapYellow
	}
	if t == TrapRed {
		c.Traps &^= trapAborts | TrapYellow
		c.setKernelStack(4)
	}
	c.Traps &^= t
	c.Waiting = false
	if c.enter(trapVectors[n]) && t&(TrapRed|TrapYellow) == 0 {
		c.checkNewStack()
	}
}

// checkNewStack looks, after a trap or interrupt, at how low the kernel stack
// has become. The stack's own traps do not ask for another.
func (c *CPU) checkNewStack() {
	if uint32(c.R[6]) < c.limit {
		c.stackCheck(c.R[6])
	}
}

func (c *CPU) setKernelStack(sp uint16) {
	if c.Mode == mmu.Kernel {
		c.R[6] = sp
	} else {
		c.SP[mmu.Kernel] = sp
	}
}

// red requests the trap for a violated kernel stack.
func (c *CPU) red() {
	c.CPUError |= errRed
	c.trap(TrapRed)
}

// enter takes a trap or interrupt through a vector: new PC and PSW from
// kernel D space, the old ones pushed on the stack of the new mode. An abort
// on the way leaves the old state and its own request; if it was a push on the
// kernel's stack, a red stack trap goes before that.
func (c *CPU) enter(vector uint16) bool {
	c.instPC, c.mods = vector, 0
	c.mmu.MMR0 &^= mmu.MMR0Done
	pc, ok := c.readSpace(mmu.Kernel<<1|1, vector)
	if !ok {
		return false
	}
	psw, ok := c.readSpace(mmu.Kernel<<1|1, vector+2)
	if !ok {
		return false
	}
	mode := int(psw >> 14)
	old := c.PSW()
	sp := c.StackPointer(mode)
	if !c.writeSpace(mode<<1|1, sp-2, old) || !c.writeSpace(mode<<1|1, sp-4, c.R[7]) {
		if mode == mmu.Kernel {
			c.red()
		}
		return false
	}
	oldMode := c.Mode
	if uint8(mode) == c.Mode {
		c.R[6] = sp - 4
	} else {
		c.SP[mode] = sp - 4
	}
	c.SetPSW(psw)
	c.PrevMode = oldMode
	c.mmu.MMR0 |= mmu.MMR0Done
	c.R[7] = pc
	return true
}

// stackCheck is for a kernel stack reference below the limit: a warning
// within 16 words of it, else the fatal trap, and false.
func (c *CPU) stackCheck(va uint16) bool {
	if va >= c.StackLimit+0340 {
		c.CPUError |= errYellow
		c.trap(TrapYellow)
		return true
	}
	c.red()
	return false
}
