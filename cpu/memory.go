package cpu

import "v7em/mmu"

// fault records that a word reference to an odd address was tried.
func (c *CPU) odd() {
	c.CPUError |= errOdd
	c.trap(TrapOdd)
}

// timeout records that nothing answered at a physical address.
func (c *CPU) timeout(pa uint32) {
	if mmu.IsIO(pa) {
		c.CPUError |= errTime
	} else {
		c.CPUError |= errNXM
	}
	c.trap(TrapNXM)
}

// translate relocates va in a space (mode<<1|d), requesting what traps and
// aborts follow. An abort freezes MMR1 and MMR2.
func (c *CPU) translate(space int, va uint16, write bool) (uint32, bool) {
	frozen := c.mmu.Frozen()
	pa, ok := c.mmu.Translate(space, va, write)
	if !ok && !frozen {
		c.mmu.MMR1, c.mmu.MMR2 = c.mods, c.instPC
	}
	if !ok || c.mmu.TrapPending {
		c.mmu.TrapPending = false
		c.trap(TrapMM)
	}
	return pa, ok
}

// touchIO is called before a reference to the I/O page: the registers that
// follow the instruction are brought up to date and the loop is made to look
// up.
func (c *CPU) touchIO() {
	if !c.mmu.Frozen() {
		c.mmu.MMR1, c.mmu.MMR2 = c.mods, c.instPC
	}
	c.io = true
	c.attend()
}

// readSpace reads a word of any mode's space.
func (c *CPU) readSpace(space int, va uint16) (uint16, bool) {
	p := &c.mmu.R[space&7][va>>13]
	if off := uint32(va); off-p.Start < p.Size && va&1 == 0 {
		return c.mem[(off+p.Base)>>1], true
	}
	if va&1 != 0 {
		c.odd()
		return 0, false
	}
	pa, ok := c.translate(space, va, false)
	if !ok {
		return 0, false
	}
	if mmu.IsIO(pa) {
		c.touchIO()
	}
	v, ok := c.mmu.ReadPhys(pa)
	if !ok {
		c.timeout(pa)
	}
	return v, ok
}

// writeSpace writes a word of any mode's space.
func (c *CPU) writeSpace(space int, va, v uint16) bool {
	p := &c.mmu.W[space&7][va>>13]
	if off := uint32(va); off-p.Start < p.Size && va&1 == 0 {
		c.mem[(off+p.Base)>>1] = v
		return true
	}
	if va&1 != 0 {
		c.odd()
		return false
	}
	return c.writeMasked(space, va, v, 0177777)
}

// writeMasked writes the bits in mask of the word that holds va.
func (c *CPU) writeMasked(space int, va, v, mask uint16) bool {
	pa, ok := c.translate(space, va, true)
	if !ok {
		return false
	}
	if mmu.IsIO(pa) {
		c.touchIO()
	}
	if !c.mmu.WritePhys(pa&^1, v, mask) {
		c.timeout(pa)
		return false
	}
	return true
}

// readI reads a word of the current I space.
func (c *CPU) readI(va uint16) (uint16, bool) {
	p := &c.ip[va>>13]
	if off := uint32(va); off-p.Start < p.Size && va&1 == 0 {
		return c.mem[(off+p.Base)>>1], true
	}
	return c.readSpace(int(c.Mode)<<1, va)
}

// readD reads a word of the current D space.
func (c *CPU) readD(va uint16) (uint16, bool) {
	p := &c.dr[va>>13]
	if off := uint32(va); off-p.Start < p.Size && va&1 == 0 {
		return c.mem[(off+p.Base)>>1], true
	}
	return c.readSpace(int(c.Mode)<<1|1, va)
}

// writeD writes a word of the current D space.
func (c *CPU) writeD(va, v uint16) bool {
	p := &c.dw[va>>13]
	if off := uint32(va); off-p.Start < p.Size && va&1 == 0 {
		c.mem[(off+p.Base)>>1] = v
		return true
	}
	return c.writeSpace(int(c.Mode)<<1|1, va, v)
}

// checkWriteD tests that a word of the current D space can be written.
func (c *CPU) checkWriteD(va uint16) bool {
	if va&1 != 0 {
		c.odd()
		return false
	}
	pa, ok := c.translate(int(c.Mode)<<1|1, va, true)
	if ok && !mmu.IsIO(pa) && pa >= uint32(c.mmu.Size()) {
		c.timeout(pa)
		return false
	}
	return ok
}

// note records a register change for MMR1: two at most, the first in the low
// byte. Operands through the program counter count (PDP-11/70 Processor
// Handbook, 6.6.2), the fetch of instruction and index words does not.
func (c *CPU) note(change uint16) {
	if c.mods == 0 {
		c.mods = change
	} else {
		c.mods |= change << 8
	}
}

// regMod adds delta (-8 to 8) to a register for an autoincrement or
// autodecrement and records it. It reports false, with the trap requested,
// when the kernel stack pointer went below the limit.
func (c *CPU) regMod(reg int, delta int) bool {
	c.R[reg] += uint16(delta)
	c.note(uint16(delta)&037<<3 | uint16(reg))
	if reg == 6 && delta < 0 && uint32(c.R[6]) < c.limit {
		return c.stackCheck(c.R[6])
	}
	return true
}

// fetch reads the next word of the instruction stream.
func (c *CPU) fetch() (uint16, bool) {
	pc := c.R[7]
	p := &c.ip[pc>>13]
	if off := uint32(pc); off-p.Start < p.Size && pc&1 == 0 {
		c.R[7] = pc + 2
		return c.mem[(off+p.Base)>>1], true
	}
	v, ok := c.readSpace(int(c.Mode)<<1, pc)
	if ok {
		c.R[7] = pc + 2
	}
	return v, ok
}

// push writes a word on the current stack, and then looks whether the kernel's
// went below the limit.
func (c *CPU) push(v uint16) bool {
	sp := c.R[6] - 2
	c.R[6] = sp
	c.note(-2&037<<3 | 6)
	return c.writeD(sp, v) && (uint32(sp) >= c.limit || c.stackCheck(sp))
}
