package cpu

import "v7em/mmu"

// execute does instructions until the budget is used up or put aside. An
// instruction that aborts has requested its trap; the registers it changed
// stay changed and are described by MMR1.
func (c *CPU) execute() {
	for c.budget > 0 {
		c.budget--
		pc := c.R[7]
		c.instPC, c.mods = pc, 0
		var ir uint16
		t := &c.ip[pc>>13]
		if off := uint32(pc); off-t.Start < t.Size && pc&1 == 0 {
			ir = c.mem[(off+t.Base)>>1]
			c.R[7] = pc + 2
		} else {
			var ok bool
			if ir, ok = c.fetch(); !ok {
				continue
			}
		}
		switch decoded[ir] {
		case opMOV:
			v := c.R[ir>>6&7]
			if ir&07000 != 0 {
				var ok bool
				if v, ok = c.loadW(ir >> 6); !ok {
					continue
				}
			}
			if ir&070 == 0 {
				c.N, c.Z, c.V = v, v, 0
				c.R[ir&7] = v
			} else {
				c.storeW(ir, v)
			}
		case opMOVB:
			v, ok := c.loadB(ir >> 6)
			if !ok {
				continue
			}
			if ir&070 == 0 {
				c.N, c.Z, c.V = uint16(v)<<8, uint16(v), 0
				c.R[ir&7] = uint16(int8(v))
			} else {
				c.storeB(ir, v)
			}
		case opCMP:
			s, ok := c.loadW(ir >> 6)
			if !ok {
				continue
			}
			d := c.R[ir&7]
			if ir&070 != 0 {
				if d, ok = c.loadW(ir); !ok {
					continue
				}
			}
			r := uint32(s) - uint32(d)
			c.N, c.Z = uint16(r), uint16(r)
			c.V = (s ^ d) & (s ^ uint16(r))
			c.C = uint16(r>>16) & 1
		case opCMPB:
			s, ok := c.loadB(ir >> 6)
			if !ok {
				continue
			}
			d, ok := c.loadB(ir)
			if !ok {
				continue
			}
			r := uint16(s) - uint16(d)
			c.N, c.Z = r<<8, r&0377
			c.V = uint16((s^d)&(s^uint8(r))) << 8
			c.C = r >> 15
		case opBIT:
			s, ok := c.loadW(ir >> 6)
			if !ok {
				continue
			}
			d, ok := c.loadW(ir)
			if !ok {
				continue
			}
			r := s & d
			c.N, c.Z, c.V = r, r, 0
		case opBITB:
			s, ok := c.loadB(ir >> 6)
			if !ok {
				continue
			}
			d, ok := c.loadB(ir)
			if !ok {
				continue
			}
			r := uint16(s & d)
			c.N, c.Z, c.V = r<<8, r, 0
		case opBIC:
			s, ok := c.loadW(ir >> 6)
			if !ok {
				continue
			}
			p, ok := c.refW(ir)
			if !ok {
				continue
			}
			r := *p &^ s
			c.N, c.Z, c.V = r, r, 0
			c.put(p, r)
		case opBICB:
			s, ok := c.loadB(ir >> 6)
			if !ok {
				continue
			}
			p, shift, ok := c.refB(ir)
			if !ok {
				continue
			}
			c.putLogicB(p, shift, uint8(*p>>shift)&^s)
		case opBIS:
			s, ok := c.loadW(ir >> 6)
			if !ok {
				continue
			}
			p, ok := c.refW(ir)
			if !ok {
				continue
			}
			r := *p | s
			c.N, c.Z, c.V = r, r, 0
			c.put(p, r)
		case opBISB:
			s, ok := c.loadB(ir >> 6)
			if !ok {
				continue
			}
			p, shift, ok := c.refB(ir)
			if !ok {
				continue
			}
			c.putLogicB(p, shift, uint8(*p>>shift)|s)
		case opADD:
			s := c.R[ir>>6&7]
			if ir&07000 != 0 {
				var ok bool
				if s, ok = c.loadW(ir >> 6); !ok {
					continue
				}
			}
			p := &c.R[ir&7]
			if ir&070 != 0 {
				var ok bool
				if p, ok = c.refW(ir); !ok {
					continue
				}
			}
			d := *p
			r := uint32(s) + uint32(d)
			c.N, c.Z = uint16(r), uint16(r)
			c.V = ^(s ^ d) & (s ^ uint16(r))
			c.C = uint16(r >> 16)
			c.put(p, uint16(r))
		case opSUB:
			s := c.R[ir>>6&7]
			if ir&07000 != 0 {
				var ok bool
				if s, ok = c.loadW(ir >> 6); !ok {
					continue
				}
			}
			p := &c.R[ir&7]
			if ir&070 != 0 {
				var ok bool
				if p, ok = c.refW(ir); !ok {
					continue
				}
			}
			d := *p
			r := uint32(d) - uint32(s)
			c.N, c.Z = uint16(r), uint16(r)
			c.V = (s ^ d) & (d ^ uint16(r))
			c.C = uint16(r>>16) & 1
			c.put(p, uint16(r))
		case opXOR:
			s := c.R[ir>>6&7]
			p, ok := c.refW(ir)
			if !ok {
				continue
			}
			r := *p ^ s
			c.N, c.Z, c.V = r, r, 0
			c.put(p, r)

		case opBR:
			c.branch(ir)
		case opBNE:
			if c.Z != 0 {
				c.branch(ir)
			}
		case opBEQ:
			if c.Z == 0 {
				c.branch(ir)
			}
		case opBGE:
			if int16(c.N^c.V) >= 0 {
				c.branch(ir)
			}
		case opBLT:
			if int16(c.N^c.V) < 0 {
				c.branch(ir)
			}
		case opBGT:
			if int16(c.N^c.V) >= 0 && c.Z != 0 {
				c.branch(ir)
			}
		case opBLE:
			if int16(c.N^c.V) < 0 || c.Z == 0 {
				c.branch(ir)
			}
		case opBPL:
			if int16(c.N) >= 0 {
				c.branch(ir)
			}
		case opBMI:
			if int16(c.N) < 0 {
				c.branch(ir)
			}
		case opBHI:
			if c.C == 0 && c.Z != 0 {
				c.branch(ir)
			}
		case opBLOS:
			if c.C != 0 || c.Z == 0 {
				c.branch(ir)
			}
		case opBVC:
			if int16(c.V) >= 0 {
				c.branch(ir)
			}
		case opBVS:
			if int16(c.V) < 0 {
				c.branch(ir)
			}
		case opBCC:
			if c.C == 0 {
				c.branch(ir)
			}
		case opBCS:
			if c.C != 0 {
				c.branch(ir)
			}
		case opSOB:
			r := &c.R[ir>>6&7]
			*r--
			if *r != 0 {
				c.R[7] -= ir & 077 << 1
			}

		case opJMP:
			if ir&070 == 0 {
				c.trap(TrapReserved)
				continue
			}
			if va, _, ok := c.address(ir, 2); ok {
				c.R[7] = va
			}
		case opJSR:
			if ir&070 == 0 {
				c.trap(TrapReserved)
				continue
			}
			va, _, ok := c.address(ir, 2)
			if !ok {
				continue
			}
			link := ir >> 6 & 7
			sp := c.R[6] - 2
			c.R[6] = sp
			c.note(-2&037<<3 | 6)
			if c.writeD(sp, c.R[link]) && (uint32(sp) >= c.limit || c.stackCheck(sp)) {
				c.R[link] = c.R[7]
				c.R[7] = va
			}
		case opRTS:
			link := ir & 7
			c.R[7] = c.R[link]
			v, ok := c.readD(c.R[6])
			if !ok {
				continue
			}
			c.R[6] += 2
			c.R[link] = v

		case opCLR:
			c.N, c.Z, c.V, c.C = 0, 0, 0, 0
			c.storeW(ir, 0)
		case opCLRB:
			c.N, c.Z, c.V, c.C = 0, 0, 0, 0
			if ir&070 == 0 {
				c.R[ir&7] &= 0177400
			} else {
				c.storeB(ir, 0)
			}
		case opTST:
			v := c.R[ir&7]
			if ir&070 != 0 {
				var ok bool
				if v, ok = c.loadW(ir); !ok {
					continue
				}
			}
			c.N, c.Z, c.V, c.C = v, v, 0, 0
		case opTSTB:
			v, ok := c.loadB(ir)
			if !ok {
				continue
			}
			c.N, c.Z, c.V, c.C = uint16(v)<<8, uint16(v), 0, 0
		case opSXT:
			v := uint16(int16(c.N) >> 15)
			c.Z, c.V = v, 0
			c.storeW(ir, v)
		case opCOM, opINC, opDEC, opNEG, opADC, opSBC, opROR, opROL, opASR, opASL, opSWAB:
			p := &c.R[ir&7]
			if ir&070 != 0 {
				var ok bool
				if p, ok = c.refW(ir); !ok {
					continue
				}
			}
			c.put(p, c.alterW(decoded[ir], *p))
		case opCOMB, opINCB, opDECB, opNEGB, opADCB, opSBCB, opRORB, opROLB, opASRB, opASLB:
			p, shift, ok := c.refB(ir)
			if !ok {
				continue
			}
			r := c.alterB(decoded[ir], uint8(*p>>shift))
			c.put(p, *p&^(0377<<shift)|uint16(r)<<shift)

		case opMUL:
			s, ok := c.loadW(ir)
			if !ok {
				continue
			}
			r := ir >> 6 & 7
			v := int32(int16(c.R[r])) * int32(int16(s))
			c.N, c.Z, c.V = uint16(v>>16), uint16(v>>16)|uint16(v), 0
			c.C = bit(v != int32(int16(v)))
			c.R[r] = uint16(v >> 16)
			c.R[r|1] = uint16(v)
		case opDIV:
			if s, ok := c.loadW(ir); ok {
				c.divide(ir>>6&7, s)
			}
		case opASH:
			if s, ok := c.loadW(ir); ok {
				c.shift(ir>>6&7, s&077)
			}
		case opASHC:
			if s, ok := c.loadW(ir); ok {
				c.shiftLong(ir>>6&7, s&077)
			}

		case opCLx:
			c.setCodes(c.codes() &^ (ir & 017))
		case opSEx:
			c.setCodes(c.codes() | ir&017)
		case opSPL:
			if c.Mode == mmu.Kernel {
				c.Priority = uint8(ir & 7)
				c.attend()
			}
		case opMFPI, opMFPD:
			c.fromPrevious(ir)
		case opMTPI, opMTPD:
			c.toPrevious(ir)
		case opMARK:
			sp := c.R[7] + ir&077<<1
			c.R[7] = c.R[5]
			v, ok := c.readD(sp)
			if !ok {
				continue
			}
			c.R[5] = v
			c.R[6] = sp + 2
		case opRTI, opRTT:
			pc, ok := c.readD(c.R[6])
			if !ok {
				continue
			}
			psw, ok := c.readD(c.R[6] + 2)
			if !ok {
				continue
			}
			c.R[6] += 4
			c.R[7] = pc
			c.restorePSW(psw)
			c.rti = ir == 2
		case opEMT:
			c.trap(TrapEMT)
		case opTRAP:
			c.trap(TrapTRAP)
			if c.OnTRAP != nil && c.Mode == mmu.User {
				c.OnTRAP(uint8(ir))
			}
		case opBPT:
			c.trap(TrapBPT)
		case opIOT:
			c.trap(TrapIOT)
		case opHALT:
			if c.Mode != mmu.Kernel {
				c.CPUError |= errHalt
				c.trap(TrapHalt)
				continue
			}
			c.Halted = true
			c.attend()
		case opWAIT:
			c.Waiting = true
			c.attend()
		case opRESET:
			if c.Mode == mmu.Kernel {
				c.reset()
			}
		case opFP:
			if c.noFPP {
				c.trap(TrapReserved)
			} else {
				c.execFP(ir)
			}
		default:
			c.trap(TrapReserved)
		}
	}
}

// put stores the result of an instruction that reads and writes its operand.
func (c *CPU) put(p *uint16, v uint16) {
	*p = v
	if p == &c.scratch {
		c.commit()
	}
}

// putLogicB stores the result of a byte instruction with the condition codes
// of a logical operation.
func (c *CPU) putLogicB(p *uint16, shift uint16, r uint8) {
	c.N, c.Z, c.V = uint16(r)<<8, uint16(r), 0
	c.put(p, *p&^(0377<<shift)|uint16(r)<<shift)
}

func (c *CPU) branch(ir uint16) {
	c.R[7] += uint16(int8(ir)) << 1
}

func bit(b bool) uint16 {
	if b {
		return 1
	}
	return 0
}

// setNZVC sets the condition codes.
func (c *CPU) setNZVC(n, z, v, cc bool) {
	c.setCodes(bit(n)<<3 | bit(z)<<2 | bit(v)<<1 | bit(cc))
}

// alterW is the single-operand word instructions that read and write: the
// new value, with the condition codes set.
func (c *CPU) alterW(o op, d uint16) (r uint16) {
	switch o {
	case opINC:
		r = d + 1
		c.V = r &^ d
	case opDEC:
		r = d - 1
		c.V = d &^ r
	case opCOM:
		r = ^d
		c.V, c.C = 0, 1
	case opNEG:
		r = -d
		c.V, c.C = r&d, bit(r != 0)
	case opADC:
		r = d + c.C
		c.V = r &^ d
		c.C &= bit(r == 0)
	case opSBC:
		r = d - c.C
		c.V = d &^ r
		c.C &= bit(d == 0)
	case opROR:
		r = d>>1 | c.C<<15
		c.C = d & 1
		c.V = r ^ d<<15
	case opROL:
		r = d<<1 | c.C
		c.C = d >> 15
		c.V = r ^ d
	case opASR:
		r = d>>1 | d&0100000
		c.C = d & 1
		c.V = r ^ d<<15
	case opASL:
		r = d << 1
		c.C = d >> 15
		c.V = r ^ d
	case opSWAB:
		r = d>>8 | d<<8
		c.N, c.Z, c.V, c.C = r<<8, r&0377, 0, 0
		return r
	}
	c.N, c.Z = r, r
	return r
}

// alterB is alterW for bytes.
func (c *CPU) alterB(o op, d uint8) (r uint8) {
	var v uint8 // bit 7 is V
	switch o {
	case opINCB:
		r = d + 1
		v = r &^ d
	case opDECB:
		r = d - 1
		v = d &^ r
	case opCOMB:
		r = ^d
		c.C = 1
	case opNEGB:
		r = -d
		v = r & d
		c.C = bit(r != 0)
	case opADCB:
		r = d + uint8(c.C)
		v = r &^ d
		c.C &= bit(r == 0)
	case opSBCB:
		r = d - uint8(c.C)
		v = d &^ r
		c.C &= bit(d == 0)
	case opRORB:
		r = d>>1 | uint8(c.C)<<7
		c.C = uint16(d & 1)
		v = r ^ d<<7
	case opROLB:
		r = d<<1 | uint8(c.C)
		c.C = uint16(d >> 7)
		v = r ^ d
	case opASRB:
		r = d>>1 | d&0200
		c.C = uint16(d & 1)
		v = r ^ d<<7
	case opASLB:
		r = d << 1
		c.C = uint16(d >> 7)
		v = r ^ d
	}
	c.N, c.Z, c.V = uint16(r)<<8, uint16(r), uint16(v)<<8
	return r
}

// divide is DIV: the pair r, r|1 by s, truncating. A quotient that does not
// fit leaves the registers alone.
func (c *CPU) divide(r, s uint16) {
	n := int32(uint32(c.R[r])<<16 | uint32(c.R[r|1]))
	d := int32(int16(s))
	if d == 0 {
		c.setNZVC(false, true, true, true)
		return
	}
	q := int64(n) / int64(d)
	if q > 077777 || q < -0100000 {
		c.setNZVC((n < 0) != (d < 0), false, true, false)
		return
	}
	c.R[r] = uint16(q)
	c.R[r|1] = uint16(int64(n) % int64(d))
	c.setNZVC(q < 0, q == 0, false, false)
}

// shift is ASH: r by a six-bit signed count.
func (c *CPU) shift(r, count uint16) {
	v := int64(int16(c.R[r]))
	var out int64
	c.V, c.C = 0, 0
	if count&040 == 0 {
		out = v << count
		if count != 0 {
			c.C = uint16(out>>16) & 1
		}
		// V when the sign was anything but constant on the way.
		if out != int64(int16(out)) {
			c.V = 0100000
		}
	} else {
		n := 64 - count
		c.C = uint16(v>>(n-1)) & 1
		out = v >> n
	}
	c.R[r] = uint16(out)
	c.N, c.Z = uint16(out), uint16(out)
}

// shiftLong is ASHC: the pair r, r|1 by a six-bit signed count. With an odd
// register a right shift rotates it.
func (c *CPU) shiftLong(r, count uint16) {
	v := int64(int32(uint32(c.R[r])<<16 | uint32(c.R[r|1])))
	var out int64
	c.V, c.C = 0, 0
	if count&040 == 0 {
		out = v << count
		if count != 0 {
			c.C = uint16(out>>32) & 1
		}
		if out != int64(int32(out)) {
			c.V = 0100000
		}
	} else {
		n := 64 - count
		c.C = uint16(v>>(n-1)) & 1
		out = v >> n
	}
	c.R[r] = uint16(out >> 16)
	c.R[r|1] = uint16(out)
	c.N, c.Z = uint16(out>>16), uint16(out>>16)|uint16(out)
}

// previousSpace is the space that MFPx and MTPx reach: of the previous mode,
// I or D. A user program with user as its previous mode reads its I space
// only as data, so that it may be execute-only.
func (c *CPU) previousSpace(ir uint16) int {
	s := int(c.PrevMode) << 1
	if ir&0100000 != 0 {
		s |= 1
	}
	return s
}

// prevSP is R6 as MFPx and MTPx see it.
func (c *CPU) prevSP() *uint16 {
	if c.PrevMode == c.Mode {
		return &c.R[6]
	}
	return &c.SP[c.PrevMode]
}

// fromPrevious is MFPI and MFPD: an operand of the previous mode's space
// onto the current stack.
func (c *CPU) fromPrevious(ir uint16) {
	var v uint16
	if ir&070 == 0 {
		v = c.R[ir&7]
		if ir&7 == 6 {
			v = *c.prevSP()
		}
	} else {
		va, _, ok := c.address(ir, 2)
		if !ok {
			return
		}
		space := c.previousSpace(ir)
		if c.Mode == mmu.User && c.PrevMode == mmu.User {
			space |= 1
		}
		if v, ok = c.readSpace(space, va); !ok {
			return
		}
	}
	c.N, c.Z, c.V = v, v, 0
	c.push(v)
}

// toPrevious is MTPI and MTPD: the word on the current stack into the
// previous mode's space.
func (c *CPU) toPrevious(ir uint16) {
	v, ok := c.readD(c.R[6])
	if !ok {
		return
	}
	c.R[6] += 2
	c.note(2<<3 | 6)
	c.N, c.Z, c.V = v, v, 0
	if ir&070 == 0 {
		if ir&7 == 6 {
			*c.prevSP() = v
		} else {
			c.R[ir&7] = v
		}
		return
	}
	if va, _, ok := c.address(ir, 2); ok {
		c.writeSpace(c.previousSpace(ir), va, v)
	}
}

// reset is the RESET instruction: INIT on the bus, and the registers that it
// clears in the processor. The CPU error register is not one of them.
func (c *CPU) reset() {
	c.PIRQ, c.StackLimit = 0, 0
	c.Traps &^= TrapPowerFail
	c.mmu.Reset()
	c.remap()
	c.ints.Reset()
	c.io = true
	c.attend()
}
