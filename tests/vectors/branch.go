package vectors

import "fmt"

// at is where the instruction stands.
const at = 0o1000

var branchTable = []struct {
	name  string
	op    uint16
	taken func(c cond) bool
}{
	{"br", 0o000400, func(c cond) bool { return true }},
	{"bne", 0o001000, func(c cond) bool { return !c.z }},
	{"beq", 0o001400, func(c cond) bool { return c.z }},
	{"bge", 0o002000, func(c cond) bool { return c.n == c.v }},
	{"blt", 0o002400, func(c cond) bool { return c.n != c.v }},
	{"bgt", 0o003000, func(c cond) bool { return !c.z && c.n == c.v }},
	{"ble", 0o003400, func(c cond) bool { return c.z || c.n != c.v }},
	{"bpl", 0o100000, func(c cond) bool { return !c.n }},
	{"bmi", 0o100400, func(c cond) bool { return c.n }},
	{"bhi", 0o101000, func(c cond) bool { return !c.c && !c.z }},
	{"blos", 0o101400, func(c cond) bool { return c.c || c.z }},
	{"bvc", 0o102000, func(c cond) bool { return !c.v }},
	{"bvs", 0o102400, func(c cond) bool { return c.v }},
	{"bcc", 0o103000, func(c cond) bool { return !c.c }},
	{"bcs", 0o103400, func(c cond) bool { return c.c }},
}

// conds returns all condition codes.
func conds() (all []cond) {
	for i := range 16 {
		all = append(all, cond{i&8 != 0, i&4 != 0, i&2 != 0, i&1 != 0})
	}
	return all
}

func branches(l *list) {
	for _, b := range branchTable {
		for i, c := range conds() {
			words := []int{2, -3, 127, -128}[i%4] // from the next instruction
			pc := at + 2
			if b.taken(c) {
				pc += 2 * words
			}
			l.add(b.op|uint16(words&0o377), fmt.Sprintf("%s %06o", b.name, at+2+2*words),
				c.String(), fmt.Sprintf("pc=%06o %v", pc, c))
		}
	}
	for _, x := range []int{0, 1, 2, 0o77777, 0o100000, 0o177777} {
		for i, words := range []int{0, 1, 63} {
			c := []cond{none, ones}[i%2]
			left, pc := (x-1)&0o177777, at+2
			if left != 0 {
				pc -= 2 * words
			}
			l.add(0o077000|uint16(words), fmt.Sprintf("sob r0,%06o", at+2-2*words), fmt.Sprintf("r0=%06o %v", x, c),
				fmt.Sprintf("r0=%06o pc=%06o %v", left, pc, c))
		}
	}
	for op := 0o240; op <= 0o277; op++ { // bit 4 sets what bits 3-0 choose, or clears it
		for _, c := range []cond{none, ones} {
			set := op&0o20 != 0
			now := c
			for i, code := range []*bool{&now.c, &now.v, &now.z, &now.n} {
				if op>>i&1 != 0 {
					*code = set
				}
			}
			l.add(uint16(op), fmt.Sprintf("%06o", op), c.String(), now.String())
		}
	}
}
