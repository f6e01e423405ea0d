// Package vectors makes what cpu/testdata has: PDP-11 instructions, each with the state
// before and after, as text that people can read and other emulators can use. It works out
// what comes after from the rules of the handbook (PDP-11/70 Processor Handbook, chapter
// 4) by a small arithmetic of its own, and knows nothing of package cpu, which is held
// against it.
//
// A line is
//
//	060100 add r1,r0 / r0=077777 r1=000001 nzvc=0000 / r0=100000 nzvc=1010
//
// the instruction's word, which stands at 001000; the instruction in the assembly
// language of V7; what there is before; what there is afterwards. Numbers are octal, m is
// the word of memory at 002000, and nzvc are the condition codes. What is not named is 0
// before, and stays as it was. A ? is a condition code that the handbook leaves open.
// Lines that begin with # are comments.
//
//go:generate go test v7em/tests/vectors -update
package vectors

import (
	"fmt"
	"strings"
)

// Files returns the contents of the files, by their names.
func Files() map[string]string {
	return map[string]string{
		"single.txt": made("single-operand instructions", singles),
		"double.txt": made("double-operand instructions", doubles),
		"muldiv.txt": made("MUL and DIV", mulDiv),
		"shift.txt":  made("ASH and ASHC", shifts),
		"branch.txt": made("branches, SOB, and operations on condition codes", branches),
	}
}

func made(what string, f func(*list)) string {
	var l list
	fmt.Fprintf(&l, "# PDP-11 instruction vectors: %s.\n", what)
	fmt.Fprintf(&l, "# Made by go generate ./tests/vectors; its documentation says what a line means.\n")
	f(&l)
	return l.String()
}

// list collects lines.
type list struct{ strings.Builder }

func (l *list) add(op uint16, text, before, after string) {
	fmt.Fprintf(l, "%06o %s / %s / %s\n", op, text, before, after)
}

// cond are condition codes.
type cond struct{ n, z, v, c bool }

// ones and none are all codes set, and none.
var (
	ones = cond{true, true, true, true}
	none = cond{}
)

func (c cond) String() string { return "nzvc=" + bit(c.n) + bit(c.z) + bit(c.v) + bit(c.c) }

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// width is that of an operand in bits: 8 or 16.
type width int

// mask returns the bits of an operand.
func (w width) mask() int { return 1<<w - 1 }

// signed returns the number that an operand is in two's complement.
func (w width) signed(x int) int {
	x &= w.mask()
	if x >= 1<<(w-1) {
		x -= 1 << w
	}
	return x
}

// fits says whether a number can be had in two's complement.
func (w width) fits(x int) bool { return -1<<(w-1) <= x && x < 1<<(w-1) }

// nz sets N and Z by a result.
func (c cond) nz(w width, x int) cond {
	c.n, c.z = w.signed(x) < 0, x&w.mask() == 0
	return c
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
