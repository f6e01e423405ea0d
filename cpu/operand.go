package cpu

import "v7em/mmu"

// An operand specifier is six bits: mode<<3|register.

// address works out the address of an operand of a mode other than 0, with
// the registers' changes, and whether the reference goes to I space (register
// 7 in modes 1, 2 and 4). step is the autoincrement of modes 2 and 4.
func (c *CPU) address(spec, step uint16) (va uint16, inI, ok bool) {
	reg := spec & 7
	switch spec >> 3 & 7 {
	case 1:
		return c.R[reg], reg == 7, true
	case 2:
		va = c.R[reg]
		if reg >= 6 {
			step = 2
		}
		c.R[reg] = va + step
		c.note(step<<3 | reg)
		return va, reg == 7, true
	case 3:
		va = c.R[reg]
		c.R[reg] = va + 2
		c.note(2<<3 | reg)
		if reg == 7 {
			va, ok = c.readI(va)
			return va, false, ok
		}
	case 4:
		if reg >= 6 {
			step = 2
		}
		va = c.R[reg] - step
		c.R[reg] = va
		c.note(-step&037<<3 | reg)
		if reg == 6 && uint32(va) < c.limit {
			ok = c.stackCheck(va)
			return va, false, ok
		}
		return va, reg == 7, true
	case 5:
		va = c.R[reg] - 2
		c.R[reg] = va
		c.note(-2&037<<3 | reg)
		if reg == 7 {
			va, ok = c.readI(va)
			return va, false, ok
		}
		if reg == 6 && uint32(va) < c.limit && !c.stackCheck(va) {
			return va, false, false
		}
	case 6:
		x, ok := c.fetch()
		return c.R[reg] + x, false, ok
	case 7:
		x, ok := c.fetch()
		if !ok {
			return 0, false, false
		}
		va = c.R[reg] + x
	}
	va, ok = c.readD(va)
	return va, false, ok
}

// loadW reads a word operand.
func (c *CPU) loadW(spec uint16) (uint16, bool) {
	reg := spec & 7
	var va uint16
	switch spec >> 3 & 7 {
	case 0:
		return c.R[reg], true
	case 1:
		if reg == 7 {
			return c.readI(c.R[7])
		}
		va = c.R[reg]
	case 2:
		if reg == 7 {
			return c.fetch2()
		}
		va = c.R[reg]
		c.R[reg] = va + 2
		c.note(2<<3 | reg)
	case 6:
		pc := c.R[7]
		p := &c.ip[pc>>13]
		if off := uint32(pc); off-p.Start < p.Size && pc&1 == 0 {
			c.R[7] = pc + 2
			va = c.R[reg] + c.mem[(off+p.Base)>>1]
		} else {
			x, ok := c.fetch()
			if !ok {
				return 0, false
			}
			va = c.R[reg] + x
		}
	default:
		var inI, ok bool
		va, inI, ok = c.address(spec, 2)
		if !ok {
			return 0, false
		}
		if inI {
			return c.readI(va)
		}
	}
	p := &c.dr[va>>13]
	if off := uint32(va); off-p.Start < p.Size && va&1 == 0 {
		return c.mem[(off+p.Base)>>1], true
	}
	return c.readSpace(int(c.Mode)<<1|1, va)
}

// fetch2 is an immediate operand: the register moves on even if the reference
// aborts.
func (c *CPU) fetch2() (uint16, bool) {
	pc := c.R[7]
	c.R[7] = pc + 2
	c.note(2<<3 | 7)
	return c.readI(pc)
}

// storeW writes a word operand that is not read first. Between address and
// write it sets the condition codes as MOV does: the write may be to the PSW.
func (c *CPU) storeW(spec, v uint16) {
	reg := spec & 7
	va := c.R[reg]
	switch spec >> 3 & 7 {
	case 0:
		c.N, c.Z, c.V = v, v, 0
		c.R[reg] = v
		return
	case 1:
		if reg == 7 {
			c.storeI(va, v)
			return
		}
	case 6:
		x, ok := c.fetch()
		if !ok {
			return
		}
		va = c.R[reg] + x
	default:
		var inI, ok bool
		va, inI, ok = c.address(spec, 2)
		if !ok {
			return
		}
		if inI {
			c.storeI(va, v)
			return
		}
	}
	c.N, c.Z, c.V = v, v, 0
	p := &c.dw[va>>13]
	if off := uint32(va); off-p.Start < p.Size && va&1 == 0 {
		c.mem[(off+p.Base)>>1] = v
		return
	}
	c.writeSpace(int(c.Mode)<<1|1, va, v)
}

// storeI is the end of storeW for an operand in I space.
func (c *CPU) storeI(va, v uint16) {
	c.N, c.Z, c.V = v, v, 0
	c.writeSpace(int(c.Mode)<<1, va, v)
}

// refW finds a word operand to be changed in place: a register, a word of
// memory, or, for the I/O page, the scratch word, which commit then writes.
func (c *CPU) refW(spec uint16) (*uint16, bool) {
	reg := spec & 7
	var va uint16
	space := int(c.Mode)<<1 | 1
	switch spec >> 3 & 7 {
	case 0:
		return &c.R[reg], true
	case 1:
		if reg == 7 {
			space--
		}
		va = c.R[reg]
	default:
		var inI, ok bool
		va, inI, ok = c.address(spec, 2)
		if !ok {
			return nil, false
		}
		if inI {
			space--
		}
	}
	if va&1 != 0 {
		c.odd()
		return nil, false
	}
	p := &c.mmu.W[space&7][va>>13]
	if off := uint32(va); off-p.Start < p.Size {
		return &c.mem[(off+p.Base)>>1], true
	}
	return c.refSlow(space, va, 0177777)
}

// refSlow is refW for a word that no translation is cached for.
func (c *CPU) refSlow(space int, va, mask uint16) (*uint16, bool) {
	pa, ok := c.translate(space, va, true)
	if !ok {
		return nil, false
	}
	pa &^= 1
	if pa>>1 < uint32(len(c.mem)) {
		c.mmu.Touch(pa, 2)
		return &c.mem[pa>>1], true
	}
	if mmu.IsIO(pa) {
		c.touchIO()
	}
	c.scratch, ok = c.mmu.ReadPhys(pa)
	if !ok {
		c.timeout(pa)
		return nil, false
	}
	c.ioAddr, c.ioMask = pa, mask
	return &c.scratch, true
}

// commit writes the scratch word to the I/O page.
func (c *CPU) commit() bool {
	if !c.mmu.WritePhys(c.ioAddr, c.scratch, c.ioMask) {
		c.timeout(c.ioAddr)
		return false
	}
	return true
}

// loadB reads a byte operand.
func (c *CPU) loadB(spec uint16) (uint8, bool) {
	reg := spec & 7
	var va uint16
	space := int(c.Mode)<<1 | 1
	switch spec >> 3 & 7 {
	case 0:
		return uint8(c.R[reg]), true
	case 1:
		if reg == 7 {
			space--
		}
		va = c.R[reg]
	case 2:
		va = c.R[reg]
		switch reg {
		case 7:
			c.R[7] = va + 2
			c.note(2<<3 | 7)
			space--
		case 6:
			c.R[6] = va + 2
			c.note(2<<3 | 6)
		default:
			c.R[reg] = va + 1
			c.note(1<<3 | reg)
		}
	default:
		var inI, ok bool
		va, inI, ok = c.address(spec, 1)
		if !ok {
			return 0, false
		}
		if inI {
			space--
		}
	}
	p := &c.mmu.R[space&7][va>>13]
	if off := uint32(va); off-p.Start < p.Size {
		return uint8(c.mem[(off+p.Base)>>1] >> (va & 1 << 3)), true
	}
	pa, ok := c.translate(space, va, false)
	if !ok {
		return 0, false
	}
	if mmu.IsIO(pa) {
		c.touchIO()
	}
	v, ok := c.mmu.ReadPhys(pa &^ 1)
	if !ok {
		c.timeout(pa)
		return 0, false
	}
	return uint8(v >> (pa & 1 << 3)), true
}

// storeB writes a byte operand, not a register, that is not read first. See
// storeW.
func (c *CPU) storeB(spec uint16, v uint8) {
	space := int(c.Mode)<<1 | 1
	va, inI, ok := c.address(spec, 1)
	if !ok {
		return
	}
	if inI {
		space--
	}
	c.N, c.Z, c.V = uint16(v)<<8, uint16(v), 0
	shift := va & 1 << 3
	p := &c.mmu.W[space&7][va>>13]
	if off := uint32(va); off-p.Start < p.Size {
		w := &c.mem[(off+p.Base)>>1]
		*w = *w&^(0377<<shift) | uint16(v)<<shift
		return
	}
	c.writeMasked(space, va, uint16(v)<<shift, 0377<<shift)
}

// refB finds a byte operand to be changed in place: the word that holds it and
// the number of bits it is shifted left there. See refW.
func (c *CPU) refB(spec uint16) (p *uint16, shift uint16, ok bool) {
	if spec&070 == 0 {
		return &c.R[spec&7], 0, true
	}
	space := int(c.Mode)<<1 | 1
	va, inI, ok := c.address(spec, 1)
	if !ok {
		return nil, 0, false
	}
	if inI {
		space--
	}
	shift = va & 1 << 3
	t := &c.mmu.W[space&7][va>>13]
	if off := uint32(va); off-t.Start < t.Size {
		return &c.mem[(off+t.Base)>>1], shift, true
	}
	p, ok = c.refSlow(space, va, 0377<<shift)
	return p, shift, ok
}
