package asm

import "fmt"

// parser handles one statement. The first mistake stops it (msg); undefined names
// do not, so that sizes stay right.
type parser struct {
	a     *assembler
	st    statement
	index int // of the statement
	pos   int
	start uint16 // "." at the start of the statement
	nest  int
	msg   string
	moved bool // "." was assigned to

	// noForward forbids values from the pass before: nothing, names set by
	// assignment, or every name.
	noForward int
}

const (
	forwardAll = iota
	forwardLabels
	forwardNone
)

func (p *parser) fail(format string, args ...any) {
	if p.msg == "" {
		p.msg = fmt.Sprintf(format, args...)
	}
}

func (p *parser) peek() token { return p.st.toks[p.pos] }

func (p *parser) next() token {
	t := p.st.toks[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

func (p *parser) at(op byte) bool {
	t := p.peek()
	return t.kind == tokOp && t.op == op
}

// after reports whether the token after the current one is op.
func (p *parser) after(op byte) bool {
	if p.pos+1 >= len(p.st.toks) {
		return false
	}
	t := p.st.toks[p.pos+1]
	return t.kind == tokOp && t.op == op
}

func (p *parser) accept(op byte) bool {
	if p.at(op) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(op byte) {
	if !p.accept(op) {
		p.fail("%q expected, not %s", string(op), p.peek())
	}
}

func (p *parser) statement() {
	a := p.a
	if a.skip > 0 {
		p.skipped()
		return
	}
	for p.after(':') {
		p.label()
		if p.msg != "" {
			return
		}
	}
	t := p.peek()
	switch {
	case t.kind == tokEnd:
		return
	case t.kind == tokString:
		p.next()
		p.end()
		if p.msg == "" {
			p.emit([]byte(t.text)...)
		}
		return
	case t.kind == tokName && p.after('='):
		p.assign()
		return
	case t.kind == tokName:
		if v := p.name(t.text); v.t.keyword() {
			p.next()
			p.keyword(v)
			return
		}
	}
	v := p.expr()
	if p.operandStart() {
		// V7 adds operands without an operator between them. Here that is for
		// instructions that a source defines as numbers only: "spl = 230; spl 7".
		v = p.combine('+', v, p.expr())
	}
	p.end()
	if p.msg == "" {
		p.emitWords(v.v)
	}
}

// end checks that the statement is at its end.
func (p *parser) end() {
	if t := p.peek(); t.kind != tokEnd {
		p.fail("unexpected %s", t)
	}
}

func (p *parser) skipped() {
	for p.after(':') && p.pos+2 < len(p.st.toks) {
		p.pos += 2
	}
	if t := p.peek(); t.kind == tokName {
		switch predefined[t.text].t {
		case tIf:
			p.a.skip++
		case tEndif:
			p.a.skip--
		}
	}
}

func (p *parser) label() {
	a := p.a
	t := p.next()
	p.next()
	switch t.kind {
	case tokName:
		if t.text == "." || t.text == ".." {
			p.fail("%q cannot be a label", t.text)
			return
		}
		s := a.sym(t.text)
		if s.cur.t != tUndef {
			p.fail("%q is defined twice", t.text)
			return
		}
		s.cur = value{a.dot(), a.dotType()}
		s.label, s.labelled = true, true
	case tokNumber:
		if t.val > 9 {
			p.fail("a numeric label is one digit")
			return
		}
		l := &a.locals[t.val]
		l.cur = append(l.cur, a.dot())
		if len(l.cur) > len(l.seg) {
			l.seg = append(l.seg, a.dotType())
		}
		l.seg[len(l.cur)-1] = a.dotType()
	default:
		p.fail("%s cannot be a label", t)
	}
}

func (p *parser) assign() {
	a := p.a
	name := p.next().text
	p.next()
	p.noForward = forwardLabels
	if name == "." {
		p.noForward = forwardNone
	}
	v := p.expr()
	p.end()
	if p.msg != "" {
		return
	}
	if name != "." {
		s := a.sym(name)
		if s.labelled {
			p.fail("%q is defined twice", name)
			return
		}
		s.cur, s.label = v, false
		return
	}
	p.moved = true
	if v.t == tUndef {
		return
	}
	if v.t != tAbs && v.t != a.dotType() {
		p.fail("\".\" cannot leave its segment")
		return
	}
	n := int(v.v) - int(a.dot())
	if n < 0 {
		p.fail("\".\" cannot go back from %s to %s", octal(a.dot()), octal(v.v))
		return
	}
	if !p.room(n) {
		return
	}
	s := &a.segs[a.seg]
	s.size += n
	if a.seg != segBSS {
		s.bytes = append(s.bytes, make([]byte, n)...)
	}
}

// name returns the value of a name.
func (p *parser) name(name string) value {
	a := p.a
	if name == "." {
		return value{a.dot(), a.dotType()}
	}
	s := a.syms[name]
	if s != nil {
		if s.cur.t != tUndef {
			return s.cur
		}
		if s.prev.t != tUndef && (p.noForward == forwardAll || p.noForward == forwardLabels && s.label) {
			return s.prev
		}
	}
	if v, ok := predefined[name]; ok {
		return v
	}
	if s != nil && s.global && a.opt.undefinedOK {
		return value{0, tExt}
	}
	if s != nil && s.prev.t != tUndef {
		p.fail("%q is used before its definition", name)
	} else {
		a.errf(p.st.file, p.st.line, "%q is not defined", name)
	}
	return value{}
}

func (p *parser) operandStart() bool {
	t := p.peek()
	return t.kind == tokName || t.kind == tokNumber || t.kind == tokLocal || t.kind == tokOp && t.op == '['
}

// expr evaluates an expression: operators from left to right, all of one
// precedence; an operator without a left operand has 0 there.
func (p *parser) expr() value {
	v := value{0, tAbs}
	if p.operandStart() {
		v = p.operand()
	} else if t := p.peek(); t.kind != tokOp || !isOperator(t.op) {
		p.fail("value expected, not %s", t)
		return value{}
	}
	for p.msg == "" {
		t := p.peek()
		if t.kind != tokOp || !isOperator(t.op) {
			break
		}
		p.next()
		v = p.combine(t.op, v, p.operand())
	}
	return v
}

func isOperator(op byte) bool {
	switch op {
	case '+', '-', '*', '/', '&', '|', '<', '>', '%', '!', '^':
		return true
	}
	return false
}

// operand evaluates one operand, with any signs before it.
func (p *parser) operand() value {
	if p.nest++; p.nest > maxNest {
		p.fail("expression nested too deep")
		return value{}
	}
	defer func() { p.nest-- }()
	t := p.next()
	switch t.kind {
	case tokNumber:
		return value{t.val, tAbs}
	case tokName:
		return p.name(t.text)
	case tokLocal:
		return p.local(t)
	case tokOp:
		switch t.op {
		case '-', '!', '+':
			return p.combine(t.op, value{0, tAbs}, p.operand())
		case '[':
			v := p.expr()
			p.expect(']')
			return v
		}
	}
	p.fail("value expected, not %s", t)
	return value{}
}

func (p *parser) local(t token) value {
	l := &p.a.locals[t.val]
	if t.back {
		if n := len(l.cur); n > 0 {
			return value{l.cur[n-1], l.seg[n-1]}
		}
	} else if n := len(l.cur); n < len(l.prev) {
		if p.noForward == forwardNone {
			p.fail("%s is used before its definition", t)
			return value{}
		}
		return value{l.prev[n], l.seg[n]}
	}
	p.a.errf(p.st.file, p.st.line, "%s is not defined", t)
	return value{}
}

func (p *parser) combine(op byte, a, b value) value {
	if op == '^' {
		return value{a.v, b.t}
	}
	if a.t == tUndef || b.t == tUndef {
		return value{}
	}
	seg := func(t typ) bool { return t >= tText && t <= tExt }
	r := value{0, tAbs}
	switch {
	case seg(a.t) || seg(b.t):
		// Addresses are final here, so any operation on them makes sense, but only
		// an address plus or minus a number is still an address.
		if seg(a.t) && !seg(b.t) && (op == '+' || op == '-') {
			r.t = a.t
		} else if !seg(a.t) && op == '+' {
			r.t = b.t
		}
		if (a.t == tExt || b.t == tExt) && r.t != tExt {
			p.fail("%q cannot be applied to an undefined external name", string(op))
		}
	default:
		r.t = max(a.t, b.t)
	}
	switch op {
	case '+':
		r.v = a.v + b.v
	case '-':
		r.v = a.v - b.v
	case '*':
		r.v = a.v * b.v
	case '/', '%':
		if b.v == 0 {
			p.fail("division by zero")
			return value{}
		}
		if op == '/' {
			r.v = a.v / b.v
		} else {
			r.v = a.v % b.v
		}
	case '&':
		r.v = a.v & b.v
	case '|':
		r.v = a.v | b.v
	case '<':
		r.v = a.v << b.v
	case '>':
		r.v = a.v >> b.v
	case '!':
		r.v = a.v + ^b.v
	}
	return r
}

// keyword handles a statement that starts with an instruction or directive.
func (p *parser) keyword(k value) {
	a := p.a
	switch k.t {
	case tTextSeg, tDataSeg, tBSSSeg:
		p.end()
		if p.msg == "" {
			p.even()
			a.seg = int(k.t - tTextSeg)
			p.moved = true
		}
	case tEven:
		p.end()
		p.even()
	case tByte:
		p.bytes()
	case tGlobl:
		for {
			t := p.next()
			if t.kind != tokName {
				p.fail("name expected, not %s", t)
				return
			}
			a.sym(t.text).global = true
			if !p.accept(',') || p.peek().kind == tokEnd {
				break
			}
		}
		p.end()
	case tComm:
		t := p.next()
		if t.kind != tokName {
			p.fail("name expected, not %s", t)
			return
		}
		p.expect(',')
		p.noForward = forwardNone
		v := p.expr()
		p.end()
		s := a.sym(t.text)
		s.global, s.common = true, int(v.v)
	case tIf:
		p.noForward = forwardNone
		v := p.expr()
		p.end()
		if v.t != tUndef && v.v == 0 {
			a.skip = 1
		} else {
			a.ifs++
		}
	case tEndif:
		p.end()
		if a.ifs == 0 {
			p.fail(".endif without .if")
			return
		}
		a.ifs--
	default:
		p.instruction(k)
	}
}

func (p *parser) even() {
	a := p.a
	if a.dot()&1 == 0 {
		return
	}
	if a.seg == segBSS {
		a.segs[segBSS].size++
		return
	}
	p.emit(0)
}

func (p *parser) bytes() {
	var b []byte
	for {
		v := p.expr()
		if v.v > 0o377 && v.v < 0o177600 {
			p.fail("%s does not fit in a byte", octal(v.v))
		}
		b = append(b, byte(v.v))
		if !p.accept(',') {
			break
		}
	}
	p.end()
	if p.msg == "" {
		p.emit(b...)
	}
}
