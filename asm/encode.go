package asm

// operand is a general operand: six bits, and perhaps an address word.
type operand struct {
	bits uint16
	ext  bool
	word value
	rel  bool // word is an address, to be stored relative to the word after it
}

func (p *parser) instruction(k value) {
	op := k.v
	switch k.t {
	case tMovf:
		p.movf()
		return
	case tJbr, tJcc:
		p.jump(k)
		return
	}
	switch Format(k.t - tInstr) {
	case FmtReg:
		r := p.register(7)
		p.code(op | r)
	case FmtPriority:
		p.code(op | p.number(7))
	case FmtMark:
		p.code(op | p.number(0o77))
	case FmtTrap:
		p.code(op | p.number(0o377))
	case FmtSingle:
		d := p.general()
		p.code(op|d.bits, d)
	case FmtDouble:
		s := p.general()
		p.expect(',')
		d := p.general()
		p.code(op|s.bits<<6|d.bits, s, d)
	case FmtRegDst:
		r := p.register(7)
		p.expect(',')
		d := p.general()
		p.code(op|r<<6|d.bits, d)
	case FmtSrcReg:
		s := p.general()
		p.expect(',')
		r := p.register(7)
		p.code(op|r<<6|s.bits, s)
	case FmtBranch:
		target := p.target()
		if off, ok := p.offset(target); ok {
			op |= off
		} else if target.t != tUndef {
			p.fail("branch target %s is odd or too far from %s", octal(target.v), octal(p.a.dot()))
		}
		p.code(op)
	case FmtSob:
		r := p.register(7)
		p.expect(',')
		target := p.target()
		back := (p.a.dot() + 2 - target.v) >> 1
		if target.t != tUndef && (target.v&1 != 0 || back > 0o77) {
			p.fail("sob target %s is odd, ahead, or too far from %s", octal(target.v), octal(p.a.dot()))
		}
		p.code(op | r<<6 | back&0o77)
	case FmtFPSingle:
		d := p.floating()
		p.code(op|d.bits, d)
	case FmtFPSrcAC:
		s := p.floating()
		p.expect(',')
		r := p.register(3)
		p.code(op|r<<6|s.bits, s)
	case FmtFPACDst:
		r := p.register(3)
		p.expect(',')
		d := p.floating()
		p.code(op|r<<6|d.bits, d)
	case FmtFPIntSrcAC:
		s := p.general()
		p.expect(',')
		r := p.register(3)
		p.code(op|r<<6|s.bits, s)
	case FmtFPACIntDst:
		r := p.register(3)
		p.expect(',')
		d := p.general()
		p.code(op|r<<6|d.bits, d)
	}
}

// movf is V7's one name for ldf and stf: it stores when the first operand is an
// accumulator that can be a source (fr0-fr3), else it loads.
func (p *parser) movf() {
	s := p.floating()
	p.expect(',')
	if s.bits < 4 {
		d := p.floating()
		p.code(0o174000|s.bits<<6|d.bits, d)
		return
	}
	r := p.register(3)
	p.code(0o172400|r<<6|s.bits, s)
}

// jump is jbr, jeq and the like: a branch where it reaches, else a jmp to the
// absolute address as V7 does it, for the conditional ones behind the opposite
// branch.
func (p *parser) jump(k value) {
	target := p.target()
	off, ok := p.offset(target)
	if target.t != tUndef && !ok || p.a.pass >= longPass {
		p.a.long[p.index] = true
	}
	if !p.a.long[p.index] {
		p.code(k.v | off)
		return
	}
	dst := operand{bits: 0o37, ext: true, word: target}
	const jmp = 0o000100
	p.end()
	if p.msg != "" {
		return
	}
	if k.t == tJcc {
		p.emitWords(k.v ^ 0o402) // the opposite condition, two words ahead
	}
	p.code(jmp|dst.bits, dst)
}

// code emits an instruction word and the address words of its operands.
func (p *parser) code(op uint16, operands ...operand) {
	p.end()
	if p.msg != "" {
		return
	}
	words := []uint16{op}
	for _, o := range operands {
		if !o.ext {
			continue
		}
		w := o.word.v
		if o.rel {
			w -= p.a.dot() + 2*uint16(len(words)) + 2
		}
		words = append(words, w)
	}
	p.emitWords(words...)
}

// target is the operand of a branch: an address.
func (p *parser) target() value {
	v := p.expr()
	if v.t == tReg {
		p.fail("address expected, not a register")
	}
	return v
}

// offset returns the low byte of a branch at "." to target, and whether it
// reaches.
func (p *parser) offset(target value) (uint16, bool) {
	d := int16(target.v-p.a.dot()-2) >> 1
	return uint16(d) & 0o377, target.v&1 == 0 && d >= -128 && d <= 127
}

func (p *parser) number(limit uint16) uint16 {
	v := p.expr()
	if v.v > limit {
		p.fail("%s is more than %s", octal(v.v), octal(limit))
	}
	return v.v & limit
}

func (p *parser) register(limit uint16) uint16 {
	v := p.expr()
	if p.msg == "" && v.t != tReg && v.t != tUndef {
		p.fail("register expected")
	}
	if v.v > limit {
		p.fail("register number %s is more than %s", octal(v.v), octal(limit))
	}
	return v.v & limit
}

// floating is a general operand whose mode 0 names an accumulator.
func (p *parser) floating() operand {
	o := p.general()
	if o.bits == 6 || o.bits == 7 {
		p.fail("there is no floating accumulator %d", o.bits)
	}
	return o
}

func (p *parser) general() operand {
	deferred := uint16(0)
	star := p.accept('*')
	if star {
		deferred = 0o10
	}
	switch {
	case p.accept('$'):
		return operand{bits: 0o27 | deferred, ext: true, word: p.expr()}
	case p.at('-') && p.after('('):
		p.next()
		return operand{bits: 0o40 | deferred | p.paren()}
	case p.at('('):
		r := p.paren()
		switch {
		case p.accept('+'):
			return operand{bits: 0o20 | deferred | r}
		case star:
			return operand{bits: 0o70 | r, ext: true}
		}
		return operand{bits: 0o10 | r}
	}
	v := p.expr()
	switch {
	case p.at('('):
		return operand{bits: 0o60 | deferred | p.paren(), ext: true, word: v}
	case v.t == tReg:
		if v.v > 7 {
			p.fail("there is no register %s", octal(v.v))
		}
		return operand{bits: deferred | v.v&7}
	}
	return operand{bits: 0o67 | deferred, ext: true, word: v, rel: true}
}

// paren is a register in parentheses.
func (p *parser) paren() uint16 {
	p.expect('(')
	r := p.register(7)
	p.expect(')')
	return r
}
