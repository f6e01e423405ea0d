package asm

import (
	"fmt"
	"slices"
	"strings"
)

// Layout says where the data segment lies. Its values are the magic numbers
// with which such a program starts as a V7 a.out.
type Layout uint16

// The layouts. In each the bss segment follows the data segment.
const (
	Contiguous Layout = 0o407 // data follows text
	Shared     Layout = 0o410 // data starts at the next multiple of 8192 bytes after text
	Split      Layout = 0o411 // data starts at 0 in a space of its own
)

// Options for Assemble. The zero value assembles for address 0, contiguous.
type Options struct {
	Origin uint16 // address of the first byte of text; must be even. "..", if the source sets it, is added
	Layout Layout // 0 means Contiguous

	// undefinedOK lets names that are declared .globl stay undefined (as 0), as in
	// an object file; tests use it to compare with objects made by V7.
	undefinedOK bool
}

// File is one source file. Several are assembled as if they were one.
type File struct {
	Name string // for messages and listings
	Text string
}

// SymType says what a symbol's value is measured against.
type SymType uint8

// The symbol types.
const (
	SymUndefined SymType = iota
	SymAbsolute
	SymText
	SymData
	SymBSS
	SymRegister
)

// Symbol is a name that the source defined.
type Symbol struct {
	Name   string
	Type   SymType
	Global bool   // declared .globl
	Value  uint16 // a final address, or an absolute value or register number
}

// Program is the result of an assembly. Text and Data have even lengths.
type Program struct {
	Layout   Layout
	TextBase uint16
	Text     []byte
	DataBase uint16
	Data     []byte
	BSSBase  uint16
	BSSSize  int      // bytes, even
	Symbols  []Symbol // in the order of their first definition

	files []File
	lines []emitted
}

// emitted is what one statement put into a segment.
type emitted struct {
	file, line int
	addr       uint16
	bytes      []byte
}

// Lookup returns the value of a symbol.
func (p *Program) Lookup(name string) (uint16, bool) {
	for _, s := range p.Symbols {
		if s.Name == name && s.Type != SymUndefined {
			return s.Value, true
		}
	}
	return 0, false
}

// Error is one mistake in a source file.
type Error struct {
	File string
	Line int // from 1
	Msg  string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg) }

// ErrorList holds all mistakes found, in source order; at most maxErrors of them.
type ErrorList []*Error

func (l ErrorList) Error() string {
	s := make([]string, len(l))
	for i, e := range l {
		s[i] = e.Error()
	}
	return strings.Join(s, "\n")
}

const (
	maxErrors = 100
	maxPasses = 100
	longPass  = 60 // from this pass on every jbr and its kind is long, so that sizes settle
	maxNest   = 64 // of brackets
)

// AssembleString assembles one file. See [Assemble].
func AssembleString(name, text string, opt Options) (*Program, error) {
	return Assemble(opt, File{name, text})
}

// Assemble assembles files, taken one after the other as one source. The error,
// when there is one, is an [ErrorList].
func Assemble(opt Options, files ...File) (*Program, error) {
	if opt.Layout == 0 {
		opt.Layout = Contiguous
	}
	a := &assembler{
		opt:   opt,
		files: files,
		syms:  map[string]*symbol{},
		long:  map[int]bool{},
		base:  [3]uint16{opt.Origin, opt.Origin, opt.Origin},
	}
	if opt.Origin&1 != 0 {
		a.errf(0, 0, "origin %s is odd", octal(opt.Origin))
		return nil, a.errs
	}
	var stmts []statement
	for i, f := range files {
		l := lexer{src: f.Text, line: 1}
		l.errf = func(line int, format string, args ...any) { a.errf(i, line, format, args...) }
		stmts = append(stmts, l.statements(i)...)
	}
	lexErrs := a.errs
	// Each pass takes the values of names not yet met from the pass before; when
	// a pass changes nothing, what it emitted is right.
	var before string
	for ; ; a.pass++ {
		a.errs = slices.Clone(lexErrs)
		a.runPass(stmts)
		after := a.state()
		if a.pass > 0 && after == before {
			break
		}
		if a.pass == maxPasses {
			a.errf(len(files)-1, 0, "values do not settle: definitions depend on each other")
			break
		}
		before = after
		a.nextPass()
	}
	if len(a.errs) > 0 {
		slices.SortStableFunc(a.errs, func(x, y *Error) int { return a.order(x) - a.order(y) })
		return nil, a.errs
	}
	return a.program(), nil
}

// typ is the type of an expression, as the V7 manual has it. Keywords have types
// of their own, so that "name = value ^ keyword" makes a new one.
type typ uint8

const (
	tUndef typ = iota
	tAbs
	tText
	tData
	tBSS
	tExt
	tReg
	tMovf // ldf or stf
	tJbr
	tJcc
	tByte
	tEven
	tIf
	tEndif
	tGlobl
	tComm
	tTextSeg
	tDataSeg
	tBSSSeg
	tInstr // tInstr+f is an instruction of Format f
)

func (t typ) keyword() bool { return t > tReg }

type value struct {
	v uint16
	t typ
}

// symbol is a name of the source. cur is its value so far in this pass (tUndef
// before its definition), prev its value at the end of the pass before.
type symbol struct {
	name      string
	cur, prev value
	label     bool
	global    bool
	labelled  bool // defined as a label in this pass
	common    int  // bytes of bss that it gets when it is not defined
}

// local is the values that a numeric label took, in order.
type local struct {
	cur, prev []uint16
	seg       []typ // of prev and cur alike once settled
}

const (
	segText = iota
	segData
	segBSS
)

type segment struct {
	bytes []byte // text and data
	size  int
}

type assembler struct {
	opt   Options
	files []File
	errs  ErrorList
	pass  int

	syms   map[string]*symbol
	defs   []*symbol
	locals [10]local
	long   map[int]bool // statements whose jbr, jeq, ... needs a jmp

	base  [3]uint16
	segs  [3]segment
	seg   int
	skip  int // depth of .if inside and including one that is false
	ifs   int // depth of true .ifs
	full  bool
	lines []emitted
}

func (a *assembler) errf(file, line int, format string, args ...any) {
	if len(a.errs) >= maxErrors {
		return
	}
	name := ""
	if file >= 0 && file < len(a.files) {
		name = a.files[file].Name
	}
	e := Error{name, line, fmt.Sprintf(format, args...)}
	if n := len(a.errs); n == 0 || *a.errs[n-1] != e {
		a.errs = append(a.errs, &e)
	}
}

func (a *assembler) order(e *Error) int {
	n := 0
	for _, f := range a.files {
		if f.Name == e.File {
			break
		}
		n += 1 + strings.Count(f.Text, "\n") + 1
	}
	return n + e.Line
}

func (a *assembler) runPass(stmts []statement) {
	a.segs = [3]segment{}
	a.seg, a.skip, a.ifs, a.full = segText, 0, 0, false
	a.lines = nil
	for i, st := range stmts {
		p := &parser{a: a, st: st, index: i, start: a.dot()}
		from := a.segs[a.seg].size
		seg := a.seg
		p.statement()
		if p.msg != "" {
			a.errf(st.file, st.line, "%s", p.msg)
		}
		if s := &a.segs[seg]; seg != segBSS && len(s.bytes) > from && !p.moved {
			a.lines = append(a.lines, emitted{st.file, st.line, a.base[seg] + uint16(from), s.bytes[from:]})
		}
	}
	if a.skip+a.ifs > 0 {
		a.errf(len(a.files)-1, strings.Count(a.files[len(a.files)-1].Text, "\n")+1, ".if without .endif")
	}
	bss := &a.segs[segBSS]
	for _, s := range a.defs {
		if s.common > 0 && s.cur.t == tUndef && !a.opt.undefinedOK {
			bss.size += bss.size & 1
			s.cur = value{a.base[segBSS] + uint16(bss.size), tBSS}
			s.label = true
			bss.size += s.common
		}
	}
	if int(a.base[segBSS])+bss.size > 1<<16 {
		a.errf(len(a.files)-1, 0, "bss is past the end of the address space")
	}
	for i := range a.segs {
		s := &a.segs[i]
		if s.size&1 != 0 {
			s.size++
			if i != segBSS {
				s.bytes = append(s.bytes, 0)
			}
		}
	}
}

// state describes all that the next pass depends on.
func (a *assembler) state() string {
	var b strings.Builder
	for _, s := range a.defs {
		fmt.Fprint(&b, s.cur.v, s.cur.t, ",")
	}
	for _, l := range a.locals {
		fmt.Fprint(&b, l.cur, l.seg)
	}
	for i, s := range a.segs {
		fmt.Fprint(&b, s.size, " ", a.base[i], " ")
	}
	fmt.Fprint(&b, len(a.long), a.nextBases())
	return b.String()
}

func (a *assembler) nextBases() [3]uint16 {
	text := a.opt.Origin
	if s := a.syms[".."]; s != nil {
		text += s.cur.v
	}
	data := int(text) + a.segs[segText].size
	switch a.opt.Layout {
	case Shared:
		data = (data + 0o17777) &^ 0o17777
	case Split:
		data = 0
	}
	// A segment that starts at the very top can only be empty.
	data = min(data, 1<<16-2)
	bss := min(data+a.segs[segData].size, 1<<16-2)
	return [3]uint16{text, uint16(data), uint16(bss)}
}

func (a *assembler) nextPass() {
	a.base = a.nextBases()
	for _, s := range a.defs {
		s.prev, s.cur = s.cur, value{}
		s.labelled = false
	}
	for i := range a.locals {
		l := &a.locals[i]
		l.prev, l.cur = l.cur, nil
	}
}

func (a *assembler) program() *Program {
	p := &Program{
		Layout:   a.opt.Layout,
		TextBase: a.base[segText], Text: a.segs[segText].bytes,
		DataBase: a.base[segData], Data: a.segs[segData].bytes,
		BSSBase: a.base[segBSS], BSSSize: a.segs[segBSS].size,
		files: a.files, lines: a.lines,
	}
	types := map[typ]SymType{tUndef: SymUndefined, tText: SymText, tData: SymData, tBSS: SymBSS, tReg: SymRegister}
	for _, s := range a.defs {
		t, ok := types[s.cur.t]
		if !ok {
			t = SymAbsolute
		}
		if s.name != ".." {
			p.Symbols = append(p.Symbols, Symbol{s.name, t, s.global, s.cur.v})
		}
	}
	return p
}

// dot is the location counter.
func (a *assembler) dot() uint16 { return a.base[a.seg] + uint16(a.segs[a.seg].size) }

func (a *assembler) dotType() typ { return tText + typ(a.seg) }

// sym returns the symbol for name, made when it is new.
func (a *assembler) sym(name string) *symbol {
	s := a.syms[name]
	if s == nil {
		s = &symbol{name: name}
		a.syms[name] = s
		a.defs = append(a.defs, s)
	}
	return s
}

// room reports whether n more bytes fit into the segment; a segment that ends
// past the address space is an error, given once.
func (p *parser) room(n int) bool {
	a := p.a
	if a.full {
		return false
	}
	if int(a.base[a.seg])+a.segs[a.seg].size+n > 1<<16 {
		a.full = true
		p.fail("past the end of the address space")
		return false
	}
	return true
}

func (p *parser) emit(b ...byte) {
	a := p.a
	if a.seg == segBSS {
		p.fail("nothing but space can be put into bss")
		return
	}
	if p.room(len(b)) {
		s := &a.segs[a.seg]
		s.bytes = append(s.bytes, b...)
		s.size += len(b)
	}
}

func (p *parser) emitWords(words ...uint16) {
	if p.a.dot()&1 != 0 {
		p.fail("word at an odd address; use .even")
		return
	}
	for _, w := range words {
		p.emit(byte(w), byte(w>>8))
	}
}

// predefined are the names that a source starts with.
var predefined = func() map[string]value {
	m := map[string]value{
		"r0": {0, tReg}, "r1": {1, tReg}, "r2": {2, tReg}, "r3": {3, tReg},
		"r4": {4, tReg}, "r5": {5, tReg}, "sp": {6, tReg}, "pc": {7, tReg},
		"fr0": {0, tReg}, "fr1": {1, tReg}, "fr2": {2, tReg},
		"fr3": {3, tReg}, "fr4": {4, tReg}, "fr5": {5, tReg},
		"..": {0, tAbs}, "movf": {0o172400, tMovf}, "jbr": {0o000400, tJbr},
		".byte": {0, tByte}, ".even": {0, tEven}, ".if": {0, tIf}, ".endif": {0, tEndif},
		".globl": {0, tGlobl}, ".comm": {0, tComm}, ".text": {0, tTextSeg}, ".data": {0, tDataSeg}, ".bss": {0, tBSSSeg},
	}
	for _, in := range Table {
		t := tInstr + typ(in.Format)
		switch in.Format {
		case FmtNone:
			t = tAbs
		case FmtCC:
			continue
		case FmtBranch:
			if in.Name != "br" {
				m["j"+in.Name[1:]] = value{in.Base, tJcc}
			}
		}
		m[in.Name] = value{in.Base, t}
	}
	for alias, name := range aliases {
		m[alias] = m[name]
		if m[name].t == tInstr+typ(FmtBranch) {
			m["j"+alias[1:]] = value{m[name].v, tJcc}
		}
	}
	for name, w := range ccNames {
		m[name] = value{w, tAbs}
	}
	return m
}()
