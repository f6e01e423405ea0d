package vectors

import (
	"fmt"
	"slices"
	"strings"
)

// pair returns two registers that hold 32 bits, the high ones first.
func pair(x int) string { return fmt.Sprintf("r0=%06o r1=%06o", x>>16&0o177777, x&0o177777) }

func mulDiv(l *list) {
	for i, x := range values[16] {
		for k, y := range values[16] {
			c := []cond{none, ones}[(i+k)%2]
			p := width(16).signed(x) * width(16).signed(y)
			now := cond{p < 0, p == 0, false, !width(16).fits(p)}
			l.add(0o070002, "mul r2,r0", fmt.Sprintf("r0=%06o r2=%06o %v", x, y, c), fmt.Sprintf("%s %v", pair(p), now))
			if i%2 == 0 { // an odd register takes the low half only
				l.add(0o070302, "mul r2,r3", fmt.Sprintf("r2=%06o r3=%06o %v", y, x, c),
					fmt.Sprintf("r3=%06o %v", p&0o177777, now))
			}
		}
	}
	for _, dividend := range []int{0, 1, -1, 7, -7, 100, -100, 32767, -32768, 65536, -65536, 1<<30 - 1, -1 << 30} {
		for _, divisor := range []int{0, 1, -1, 2, -2, 3, -3, 7, 256, -256, 32767, -32768} {
			before := fmt.Sprintf("%s r2=%06o nzvc=1111", pair(dividend), divisor&0o177777)
			after := ""
			switch {
			case divisor == 0:
				after = "nzvc=??11"
			case abs(dividend>>16) > abs(divisor):
				after = "nzvc=??10"
			case dividend/divisor < -32767 || dividend/divisor > 32767:
				continue // the handbook does not say what becomes of the registers, or of the least quotient
			default: // the remainder has the sign of the dividend, as in Go
				q, r := dividend/divisor, dividend%divisor
				after = fmt.Sprintf("r0=%06o r1=%06o %v", q&0o177777, r&0o177777, cond{n: q < 0, z: q == 0})
			}
			l.add(0o071002, "div r2,r0", before, after)
		}
	}
}

func abs(x int) int { return max(x, -x) }

// shift shifts bit by bit: V is set if the sign ever changes, and C is the last bit out.
func shift(w width, x, n int) (int, cond) {
	var c cond
	for ; n > 0; n-- {
		c.c = w.signed(x) < 0
		x = x * 2 & w.mask()
		c.v = c.v || c.c != (w.signed(x) < 0)
	}
	for ; n < 0; n++ {
		c.c = x%2 != 0
		x = (w.signed(x) - x%2) / 2 & w.mask()
	}
	return x, c.nz(w, x)
}

// open returns codes as text, with C open when nothing was shifted.
func open(c cond, n int) string {
	s := c.String()
	if n == 0 {
		s = strings.TrimSuffix(s, "0") + "?"
	}
	return s
}

// counts are how far: up to 31 to the left, 32 to the right.
var counts = []int{0, 1, 2, 7, 15, 16, 17, 30, 31, -1, -2, -8, -15, -16, -17, -31, -32}

func shifts(l *list) {
	words := append(slices.Clone(values[16]), 0o40000, 0o125252)
	for i, x := range words {
		for k, n := range counts {
			c := []cond{none, ones}[(i+k)%2]
			r, now := shift(16, x, n)
			// Only the lowest six bits count.
			l.add(0o072001, "ash r1,r0", fmt.Sprintf("r0=%06o r1=%06o %v", x, n&0o77|0o100*k, c),
				fmt.Sprintf("r0=%06o %s", r, open(now, n)))
		}
	}
	for i, x := range []int{0, 1, 1 << 15, 1<<16 - 1, 1 << 16, 1 << 30, 1<<31 - 1, 1 << 31, 1<<32 - 1, 0x5555aaaa} {
		for k, n := range counts {
			c := []cond{none, ones}[(i+k)%2]
			r, now := shift(32, x, n)
			l.add(0o073002, "ashc r2,r0", fmt.Sprintf("%s r2=%06o %v", pair(x), n&0o77, c),
				fmt.Sprintf("%s %s", pair(r), open(now, n)))
		}
	}
}
