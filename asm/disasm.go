package asm

import (
	"fmt"
	"strings"
)

// Disasm returns the instruction at address pc in the syntax that Assemble reads,
// and how many words it takes (1 to 3). words(i) must return the word at pc+2*i;
// it is called for i from 0 up to the last word of the instruction only. A word
// that is no instruction is shown as a number. The text assembles, at pc, to the same words.
func Disasm(words func(i int) uint16, pc uint16) (text string, n int) {
	w := words(0)
	d := &disassembler{words: words, pc: pc, n: 1}
	text, ok := d.instr(w)
	if !ok {
		return octal(w), 1
	}
	return text, d.n
}

type disassembler struct {
	words func(i int) uint16
	pc    uint16
	n     int
}

func (d *disassembler) instr(w uint16) (string, bool) {
	in, ok := Find(w)
	if !ok {
		return "", false
	}
	lo := w & 0o77
	reg := regNames[w>>6&7]
	ac := fmt.Sprintf("fr%d", w>>6&3)
	if in.FP && in.floatOperand() && (lo == 6 || lo == 7) {
		return "", false // there are six accumulators
	}
	switch in.Format {
	case FmtNone:
		return in.Name, true
	case FmtReg:
		return in.Name + " " + regNames[w&7], true
	case FmtPriority:
		return in.Name + " " + octal(w&7), true
	case FmtCC:
		return ccText(w)
	case FmtSingle:
		return in.Name + " " + d.general(lo), true
	case FmtDouble:
		s := d.general(w >> 6 & 0o77)
		return in.Name + " " + s + "," + d.general(lo), true
	case FmtRegDst:
		return in.Name + " " + reg + "," + d.general(lo), true
	case FmtSrcReg:
		return in.Name + " " + d.general(lo) + "," + reg, true
	case FmtBranch:
		return in.Name + " " + octal(d.pc+2+2*uint16(int8(w))), true
	case FmtSob:
		return in.Name + " " + reg + "," + octal(d.pc+2-2*lo), true
	case FmtMark:
		return in.Name + " " + octal(lo), true
	case FmtTrap:
		return in.Name + " " + octal(w&0o377), true
	case FmtFPSingle:
		return in.Name + " " + d.floating(lo), true
	case FmtFPSrcAC:
		name := in.Name
		if name == "ldf" && lo > 3 {
			name = "movf"
		}
		return name + " " + d.floating(lo) + "," + ac, true
	case FmtFPACDst:
		name := in.Name
		if name == "stf" {
			name = "movf"
		}
		return name + " " + ac + "," + d.floating(lo), true
	case FmtFPIntSrcAC:
		return in.Name + " " + d.general(lo) + "," + ac, true
	case FmtFPACIntDst:
		return in.Name + " " + ac + "," + d.general(lo), true
	}
	return "", false
}

// floatOperand reports whether mode 0 of the operand names an accumulator.
func (in Instr) floatOperand() bool {
	return in.Format == FmtFPSingle || in.Format == FmtFPSrcAC || in.Format == FmtFPACDst
}

// ccText names a condition-code operator; 0260, which does nothing, has no name.
func ccText(w uint16) (string, bool) {
	for name, v := range ccNames {
		if v == w {
			return name, true
		}
	}
	prefix := "cl"
	if w&0o20 != 0 {
		prefix = "se"
	}
	var parts []string
	for i, flag := range "cvzn" {
		if w>>i&1 != 0 {
			parts = append(parts, prefix+string(flag))
		}
	}
	return strings.Join(parts, "|"), len(parts) > 0
}

var regNames = [8]string{"r0", "r1", "r2", "r3", "r4", "r5", "sp", "pc"}

func (d *disassembler) next() uint16 {
	d.n++
	return d.words(d.n - 1)
}

func (d *disassembler) floating(bits uint16) string {
	if bits < 8 {
		return fmt.Sprintf("fr%d", bits)
	}
	return d.general(bits)
}

func (d *disassembler) general(bits uint16) string {
	r := bits & 7
	name := regNames[r]
	star := ""
	if bits&0o10 != 0 {
		star = "*"
	}
	switch bits >> 3 {
	case 0:
		return name
	case 1:
		return "(" + name + ")"
	case 2, 3:
		if r == 7 {
			return star + "$" + octal(d.next())
		}
		return star + "(" + name + ")+"
	case 4, 5:
		return star + "-(" + name + ")"
	}
	x := d.next()
	if r == 7 {
		return star + octal(d.pc+2*uint16(d.n)+x)
	}
	if x >= 0o177000 {
		return star + "-" + octal(-x) + "(" + name + ")"
	}
	return star + octal(x) + "(" + name + ")"
}
