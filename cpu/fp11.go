package cpu

// FP11 is the state of the floating-point processor. It is plain data: a
// copy is a clone.
type FP11 struct {
	// AC are the accumulators in D format: sign in bit 63, exponent (excess
	// 0200) in bits 62-55, fraction in bits 54-0 with the leading one hidden.
	// F format uses bits 63-32; F instructions leave bits 31-0 alone.
	AC [6]uint64
	// FPS is the status register; bits 13, 12 and 4 are always zero.
	FPS uint16
	// FEC is the code of the last exception, an even number 2-014.
	FEC uint16
	// FEA is the virtual address of the instruction that caused it.
	FEA uint16
}

// fpsWritable are the bits that LDFPS loads. Maintenance mode is not
// modelled.
const fpsWritable = 0147757

// Accumulators 6 and 7 do not exist.
const fpAccs = 6

// fpRaise records exception code and reports whether it counts. The
// last four codes count only when their interrupt is enabled; FID stops the
// trap but not FER, FEC and FEA.
func (c *CPU) fpRaise(code uint16) bool {
	var enable uint16
	switch code {
	case fecConvert:
		enable = fpsFIC
	case fecOverflow:
		enable = fpsFIV
	case fecUnderflow:
		enable = fpsFIU
	case fecUndefined:
		enable = fpsFIUV
	}
	fp := &c.FP
	if enable != 0 && fp.FPS&enable == 0 {
		return false
	}
	fp.FPS |= fpsFER
	fp.FEC = code
	fp.FEA = c.instPC
	if fp.FPS&fpsFID == 0 {
		c.fpTrap()
	}
	return true
}

// fpSetCC sets FN and FZ from v, and FV, and clears FC.
func (c *CPU) fpSetCC(v uint64, overflow bool) {
	cc := uint16(0)
	if fpIsMinus(v) {
		cc |= fpsFN
	}
	if fpIsZero(v) {
		cc |= fpsFZ
	}
	if overflow {
		cc |= fpsFV
	}
	c.FP.FPS = c.FP.FPS&^fpsCC | cc
}

// fpResult ends an instruction that leaves v in accumulator ac with exception
// exc, or 0.
func (c *CPU) fpResult(ac int, v uint64, exc uint16) {
	c.fpStore(ac, v)
	c.fpSetCC(v, exc == fecOverflow)
	if exc != 0 {
		c.fpRaise(exc)
	}
}

// fpLoad returns accumulator ac in the current precision.
func (c *CPU) fpLoad(ac int) uint64 {
	if c.FP.FPS&fpsFD == 0 {
		return c.FP.AC[ac] & fpHigh
	}
	return c.FP.AC[ac]
}

// fpStore sets accumulator ac, only its first half in single precision.
func (c *CPU) fpStore(ac int, v uint64) {
	if c.FP.FPS&fpsFD == 0 {
		v = v&fpHigh | c.FP.AC[ac]&^fpHigh
	}
	c.FP.AC[ac] = v
}

// fpOperand is a memory operand: words consecutive words from va on, in I
// space or D space.
type fpOperand struct {
	va     uint16
	words  int
	iSpace bool
}

// fpStep is an autoincrement or autodecrement. MMR1 records those of the PC
// too (handbook, "Memory Management Register 1").
func (c *CPU) fpStep(reg, delta int) bool {
	if reg == 7 {
		c.R[7] += uint16(delta)
		c.note(uint16(delta)&037<<3 | 7)
		return true
	}
	return c.regMod(reg, delta)
}

// fpAddress works out the operand that mode and register spec (mode 1-7)
// address; it is words words long, but an immediate one is a single word.
func (c *CPU) fpAddress(spec uint16, words int) (op fpOperand, ok bool) {
	mode, reg := spec>>3, int(spec&7)
	pc := reg == 7
	op = fpOperand{words: words, iSpace: pc}
	step := 2 * words
	ok = true
	switch mode {
	case 1:
		op.va = c.R[reg]
		return op, true
	case 2:
		if pc {
			op.words, step = 1, 2
		}
		op.va = c.R[reg]
		return op, c.fpStep(reg, step)
	case 4:
		ok = c.fpStep(reg, -step)
		op.va = c.R[reg]
		return op, ok
	case 3:
		op.va = c.R[reg]
		ok = c.fpStep(reg, 2)
	case 5:
		ok = c.fpStep(reg, -2)
		op.va = c.R[reg]
	case 6, 7:
		var x uint16
		if x, ok = c.readI(c.R[7]); !ok {
			return op, false
		}
		c.R[7] += 2
		op.iSpace = false
		op.va = x + c.R[reg]
		if mode == 6 {
			return op, true
		}
	}
	if !ok {
		return op, false
	}
	// Deferred: what was found so far is where the address is.
	if op.iSpace {
		op.va, ok = c.readI(op.va)
	} else {
		op.va, ok = c.readD(op.va)
	}
	op.iSpace = false
	return op, ok
}

// fpFetch reads an operand; its first word lands in bits 63-48.
func (c *CPU) fpFetch(op fpOperand) (v uint64, ok bool) {
	for i := range op.words {
		va := op.va + uint16(2*i)
		var w uint16
		if op.iSpace {
			w, ok = c.readI(va)
		} else {
			w, ok = c.readD(va)
		}
		if !ok {
			return 0, false
		}
		v |= uint64(w) << (48 - 16*i)
	}
	return v, true
}

// fpWrite writes an operand word by word: what comes before a word that aborts
// has been written.
func (c *CPU) fpWrite(op fpOperand, v uint64) bool {
	for i := range op.words {
		va, w := op.va+uint16(2*i), uint16(v>>(48-16*i))
		ok := false
		if op.iSpace {
			ok = c.writeSpace(int(c.Mode)<<1, va, w)
		} else {
			ok = c.writeD(va, w)
		}
		if !ok {
			return false
		}
	}
	return true
}

// fpRewrite writes back an operand that was read: all of it or, as half a
// result would be negated again when the instruction is restarted, nothing.
func (c *CPU) fpRewrite(op fpOperand, v uint64) bool {
	if !op.iSpace {
		for i := range op.words {
			if !c.checkWriteD(op.va + uint16(2*i)) {
				return false
			}
		}
	}
	return c.fpWrite(op, v)
}

// fpWords is the length in words of a number in the precision that fps gives.
func fpWords(fps uint16) int {
	if fps&fpsFD != 0 {
		return 4
	}
	return 2
}

// fpFetchSrc reads the number that spec addresses, an accumulator or memory,
// with the given number of words. go is false when the instruction ends
// here: an abort (ok false), a missing accumulator, or -0 from memory.
func (c *CPU) fpFetchSrc(spec uint16, words int) (v uint64, run, ok bool) {
	if spec < 010 {
		if spec >= fpAccs {
			c.fpRaise(fecOpcode)
			return 0, false, true
		}
		v = c.FP.AC[spec]
		if words == 2 {
			v &= fpHigh
		}
		return v, true, true
	}
	op, ok := c.fpAddress(spec, words)
	if !ok {
		return 0, false, false
	}
	if v, ok = c.fpFetch(op); !ok {
		return 0, false, false
	}
	if fpIsUndefined(v) && c.fpRaise(fecUndefined) {
		return 0, false, true
	}
	return v, true, true
}

// fpIsUndefined reports whether v is the undefined variable, -0.
func fpIsUndefined(v uint64) bool { return fpIsMinus(v) && fpIsZero(v) }

// fpFetchInt reads a word or, when long, an integer of two words. A register
// or an immediate operand is always one word and then is the high half of a
// long.
func (c *CPU) fpFetchInt(spec uint16, long bool) (v uint32, ok bool) {
	words := 1
	if long {
		words = 2
	}
	if spec < 010 {
		return uint32(c.R[spec]) << 16, true
	}
	op, ok := c.fpAddress(spec, words)
	if !ok {
		return 0, false
	}
	w, ok := c.fpFetch(op)
	return uint32(w >> 32), ok
}

// fpWriteInt is the counterpart of fpFetchInt: it writes the first or both
// words of v, of which a register takes the first.
func (c *CPU) fpWriteInt(spec uint16, v uint32, long bool) bool {
	if spec < 010 {
		c.R[spec] = uint16(v >> 16)
		return true
	}
	words := 1
	if long {
		words = 2
	}
	op, ok := c.fpAddress(spec, words)
	return ok && c.fpWrite(op, uint64(v)<<32)
}

// execFP executes a floating-point instruction, 017xxxx. It returns false
// when a memory access aborted; then the FP11 is as it was before, and the
// general registers changed only by what MMR1 records, so that software can
// restart the instruction.
func (c *CPU) execFP(ir uint16) bool {
	fp := &c.FP
	ac := int(ir>>6) & 3
	spec := ir & 077
	words := fpWords(fp.FPS)
	switch ir >> 8 & 017 {
	case 000:
		return c.fpControl(ac, spec, ir)
	case 001:
		return c.fpUnary(ac, spec, words)
	case 010: // STf
		v := fp.AC[ac]
		if spec < 010 {
			if spec >= fpAccs {
				c.fpRaise(fecOpcode)
			} else {
				c.fpStore(int(spec), v)
			}
			return true
		}
		op, ok := c.fpAddress(spec, words)
		return ok && c.fpWrite(op, v)
	case 012: // STEXP
		n := uint16(fpExp(fp.AC[ac]) - fpBias)
		if !c.fpWriteInt(spec, uint32(n)<<16, false) {
			return false
		}
		c.fpIntCC(int16(n) < 0, n == 0, false)
		return true
	case 013:
		return c.fpStoreInt(ac, spec)
	case 014: // STCfd
		v, exc := fpConvert(fp.FPS^fpsFD, c.fpLoad(ac))
		if spec < 010 {
			if spec >= fpAccs {
				c.fpRaise(fecOpcode)
				return true
			}
			fp.FPS ^= fpsFD
			c.fpStore(int(spec), v)
			fp.FPS ^= fpsFD
		} else {
			op, ok := c.fpAddress(spec, 6-words)
			if !ok || !c.fpWrite(op, v) {
				return false
			}
		}
		c.fpSetCC(v, exc == fecOverflow)
		if exc != 0 {
			c.fpRaise(exc)
		}
		return true
	case 015: // LDEXP
		n, ok := c.fpFetchInt(spec, false)
		if !ok {
			return false
		}
		v, exc := fpScale(fp.FPS, c.fpLoad(ac), int16(n>>16))
		c.fpResult(ac, v, exc)
		return true
	case 016: // LDCif
		long := fp.FPS&fpsFL != 0
		w, ok := c.fpFetchInt(spec, long)
		if !ok {
			return false
		}
		n := int32(w)
		if !long {
			n >>= 16
		}
		c.fpResult(ac, fpFromInt(fp.FPS, n), 0)
		return true
	case 017: // LDCdf
		v, run, ok := c.fpFetchSrc(spec, 6-words)
		if !run {
			return ok
		}
		v, exc := fpConvert(fp.FPS, v)
		c.fpResult(ac, v, exc)
		return true
	}

	// The rest take an operand in the current precision and an accumulator.
	b, run, ok := c.fpFetchSrc(spec, words)
	if !run {
		return ok
	}
	a := c.fpLoad(ac)
	var v uint64
	var exc uint16
	switch ir >> 8 & 017 {
	case 002: // MULf
		v, exc = fpMul(fp.FPS, a, b)
	case 003: // MODf
		var whole uint64
		whole, v, exc = fpMod(fp.FPS, a, b)
		c.fpStore(ac|1, whole)
	case 004: // ADDf
		v, exc = fpAdd(fp.FPS, a, b)
	case 005: // LDf
		v = b
	case 006: // SUBf
		v, exc = fpAdd(fp.FPS, a, b^fpSign)
	case 007: // CMPf
		c.fpCompare(ac, a, b)
		return true
	case 011: // DIVf
		if fpIsZero(b) {
			c.fpRaise(fecDivide)
			return true
		}
		v, exc = fpDiv(fp.FPS, a, b)
	}
	c.fpResult(ac, v, exc)
	return true
}

// fpIntCC ends STEXP and STCfi: the condition codes go to FPS and to the PSW.
func (c *CPU) fpIntCC(n, z, failed bool) {
	cc := uint16(0)
	if n {
		cc |= fpsFN
	}
	if z {
		cc |= fpsFZ
	}
	if failed {
		cc |= fpsFC
	}
	c.FP.FPS = c.FP.FPS&^fpsCC | cc
	c.setNZVC(n, z, false, failed)
}

// fpCompare is CMPf: source minus accumulator. Two zeros leave exact zero in
// the accumulator.
func (c *CPU) fpCompare(ac int, a, b uint64) {
	switch d := fpCompare(b, a); {
	case d < 0:
		c.fpSetCC(fpSign|fpHidden, false)
	case d > 0:
		c.fpSetCC(fpHidden, false)
	default:
		if fpIsZero(a) {
			c.fpStore(ac, 0)
		}
		c.fpSetCC(0, false)
	}
}

// fpStoreInt is STCfi.
func (c *CPU) fpStoreInt(ac int, spec uint16) bool {
	long := c.FP.FPS&fpsFL != 0
	n, fits := fpToInt(c.FP.FPS, c.fpLoad(ac))
	w := uint32(n)
	if !long {
		w <<= 16
	}
	if !c.fpWriteInt(spec, w, long) {
		return false
	}
	c.fpIntCC(n < 0, n == 0, !fits)
	if !fits {
		c.fpRaise(fecConvert)
	}
	return true
}

// fpControl is the group of instructions that take no accumulator.
func (c *CPU) fpControl(sub int, spec, ir uint16) bool {
	fp := &c.FP
	switch sub {
	case 1: // LDFPS
		w, ok := c.fpFetchInt(spec, false)
		if ok {
			fp.FPS = uint16(w>>16) & fpsWritable
		}
		return ok
	case 2: // STFPS
		return c.fpWriteInt(spec, uint32(fp.FPS)<<16, false)
	case 3: // STST
		return c.fpWriteInt(spec, uint32(fp.FEC)<<16|uint32(fp.FEA), true)
	}
	switch ir {
	case 0170000: // CFCC
		c.setNZVC(fp.FPS&fpsFN != 0, fp.FPS&fpsFZ != 0, fp.FPS&fpsFV != 0, fp.FPS&fpsFC != 0)
	case 0170001: // SETF
		fp.FPS &^= fpsFD
	case 0170002: // SETI
		fp.FPS &^= fpsFL
	case 0170011: // SETD
		fp.FPS |= fpsFD
	case 0170012: // SETL
		fp.FPS |= fpsFL
	default:
		c.fpRaise(fecOpcode)
	}
	return true
}

// fpUnary is CLRf, TSTf, ABSf and NEGf.
func (c *CPU) fpUnary(sub int, spec uint16, words int) bool {
	var op fpOperand
	var v uint64
	if spec < 010 {
		if spec >= fpAccs {
			c.fpRaise(fecOpcode)
			return true
		}
		v = c.fpLoad(int(spec))
	} else {
		var ok bool
		if op, ok = c.fpAddress(spec, words); !ok {
			return false
		}
		if sub != 0 {
			if v, ok = c.fpFetch(op); !ok {
				return false
			}
		}
	}
	undefined := spec >= 010 && fpIsUndefined(v)
	switch {
	case sub == 0 || fpIsZero(v) && sub != 1:
		v = 0
	case sub == 2:
		v &^= fpSign
	case sub == 3:
		v ^= fpSign
	}
	switch {
	case sub == 1:
	case spec < 010:
		c.fpStore(int(spec), v)
	case sub == 0:
		if !c.fpWrite(op, v) {
			return false
		}
	default:
		if !c.fpRewrite(op, v) {
			return false
		}
	}
	c.fpSetCC(v, false)
	if undefined {
		c.fpRaise(fecUndefined)
	}
	return true
}
