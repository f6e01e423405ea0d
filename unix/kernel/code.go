package kernel

import "math/bits"

// An operand is one of an instruction's, with the word that belongs to it.
type operand struct {
	mode, reg uint8
	// value is of mode 2 on pc the word itself, an immediate value; of modes 3, 6 and 7
	// on pc the address meant; of modes 6 and 7 on other registers the index.
	value uint16
}

// immediate says that the operand is a value.
func (o operand) immediate() bool { return o.mode == 2 && o.reg == 7 }

// variable says that the operand is what is at an address that is known: value.
func (o operand) variable() bool { return o.reg == 7 && (o.mode == 3 || o.mode == 6) }

// indexed says that the operand is at a distance, value, from where a register points.
func (o operand) indexed() bool { return o.mode == 6 && o.reg != 7 }

// at says that the operand is what is at the address.
func (o operand) at(address uint16) bool { return o.variable() && o.value == address }

// instruction is one of a kernel's text.
type instruction struct {
	pc, op   uint16
	src, dst operand // as far as it has them; one that has only one has dst
}

// The parts of opcodes that tell what an instruction does with its operands.
const (
	opMOV  = 0o010000
	opCMP  = 0o020000
	opADD  = 0o060000
	opSUB  = 0o160000
	opCLR  = 0o005000
	opINC  = 0o005200
	opSBC  = 0o005600
	opTST  = 0o005700
	opINCB = 0o105200
	opTSTB = 0o105700
	opJMP  = 0o000100
	opJSR  = 0o004000
)

// double says that it is a double-operand instruction of that kind, word-wide for a
// mov, cmp, add or sub.
func (i *instruction) double(op uint16) bool { return i.op&0o170000 == op }

// single says that it is a single-operand instruction of that kind.
func (i *instruction) single(op uint16) bool { return i.op&0o177700 == op }

// jsr says that it calls a subroutine by that register.
func (i *instruction) jsr(reg uint16) bool { return i.op&0o177000 == opJSR && i.op>>6&7 == reg }

// unsigned says that it branches as two addresses compare: bhi, blos, bhis or blo.
func (i *instruction) unsigned() bool {
	switch i.op & 0o177400 {
	case 0o101000, 0o101400, 0o103000, 0o103400:
		return true
	}
	return false
}

// target is where a jump or call to a known address goes.
func (i *instruction) target() (uint16, bool) { return i.dst.value, i.dst.variable() }

// operands returns how many operands, of general addressing, an opcode has: 0, 1 (then
// it is the low six bits) or 2.
func operands(op uint16) int {
	switch top := op >> 12 & 7; {
	case top >= 1 && top <= 6:
		return 2
	case op>>12 == 0o17: // floating point
		if op < 0o170100 {
			return 0
		}
		return 1
	case op>>12 == 0o7: // mul to xor; sob, and what there is not
		if op>>9 <= 0o74 {
			return 1
		}
		return 0
	}
	switch op >> 6 & 0o1777 {
	case 0o1, 0o3: // jmp, swab
		return 1
	case 0o64: // mark
		return 0
	}
	switch n := op >> 6 & 0o777; {
	case n >= 0o40 && n <= 0o47: // jsr; emt and trap
		if op < 0o100000 {
			return 1
		}
		return 0
	case n >= 0o50 && n <= 0o67:
		return 1
	}
	return 0
}

// decode returns the instructions of a text, one behind the other from its beginning
// to its end. What C makes has nothing but instructions there.
func decode(text []uint16) []instruction {
	list := make([]instruction, 0, len(text)/2)
	for at := 0; at < len(text); {
		in := instruction{pc: uint16(2 * at), op: text[at]}
		at++
		take := func(field uint16) operand {
			o := operand{mode: uint8(field >> 3 & 7), reg: uint8(field & 7)}
			if o.mode < 6 && (o.reg != 7 || o.mode != 2 && o.mode != 3) || at >= len(text) {
				return o
			}
			o.value = text[at]
			at++
			if o.reg == 7 && o.mode >= 6 {
				o.value += uint16(2 * at)
			}
			return o
		}
		switch operands(in.op) {
		case 2:
			in.src = take(in.op >> 6)
			in.dst = take(in.op)
		case 1:
			in.dst = take(in.op)
		}
		list = append(list, in)
	}
	return list
}

// Text tells apart what guests have where a kernel's text begins. It is quick, and
// looks at the first 8 KB.
func (g *Guest) Text() uint64 {
	from := int(g.KISA[0]) << 5
	if from >= len(g.Memory) {
		return 0
	}
	text := g.Memory[from:min(from+4096, len(g.Memory))]
	h := uint64(g.KISA[0]) + 1
	for _, w := range text {
		h = bits.RotateLeft64(h^uint64(w), 23) * 0x9e3779b97f4a7c15
	}
	return h
}
