package vectors

import "fmt"

// values are the operands of each width: about zero, about the sign, about the end.
var values = map[width][]int{
	16: {0, 1, 0o377, 0o400, 0o77776, 0o77777, 0o100000, 0o100001, 0o177776, 0o177777},
	8:  {0, 1, 2, 0o176, 0o177, 0o200, 0o201, 0o376, 0o377},
}

// single is an instruction with one operand, of which it returns what becomes.
type single struct {
	name  string
	op    uint16 // the word without the operand
	bytes bool   // there is one for bytes
	do    func(w width, x int, c cond) (int, cond)
}

var singleTable = []single{
	{"clr", 0o005000, true, func(w width, x int, c cond) (int, cond) { return 0, cond{z: true} }},
	{"com", 0o005100, true, func(w width, x int, c cond) (int, cond) {
		x = w.mask() - x
		return x, cond{c: true}.nz(w, x)
	}},
	{"inc", 0o005200, true, func(w width, x int, c cond) (int, cond) { return sum(w, x, 1, cond{c: c.c}) }},
	{"dec", 0o005300, true, func(w width, x int, c cond) (int, cond) { return sum(w, x, -1, cond{c: c.c}) }},
	{"neg", 0o005400, true, func(w width, x int, c cond) (int, cond) {
		r, _ := sum(w, 0, -w.signed(x), cond{})
		return r, cond{v: !w.fits(-w.signed(x)), c: r != 0}.nz(w, r)
	}},
	{"adc", 0o005500, true, func(w width, x int, c cond) (int, cond) {
		return sum(w, x, one(c.c), cond{c: x+one(c.c) > w.mask()})
	}},
	{"sbc", 0o005600, true, func(w width, x int, c cond) (int, cond) {
		return sum(w, x, -one(c.c), cond{c: x-one(c.c) < 0})
	}},
	{"tst", 0o005700, true, func(w width, x int, c cond) (int, cond) { return x, cond{}.nz(w, x) }},
	{"ror", 0o006000, true, func(w width, x int, c cond) (int, cond) {
		return moved(w, x/2+one(c.c)<<(w-1), x%2 != 0)
	}},
	{"rol", 0o006100, true, func(w width, x int, c cond) (int, cond) {
		return moved(w, x*2+one(c.c), x*2 > w.mask())
	}},
	{"asr", 0o006200, true, func(w width, x int, c cond) (int, cond) {
		return moved(w, (w.signed(x)-x%2)/2, x%2 != 0)
	}},
	{"asl", 0o006300, true, func(w width, x int, c cond) (int, cond) { return moved(w, x*2, x*2 > w.mask()) }},
	{"swab", 0o000300, false, func(w width, x int, c cond) (int, cond) {
		return x/256 + x%256*256, cond{}.nz(8, x/256)
	}},
	{"sxt", 0o006700, false, func(w width, x int, c cond) (int, cond) {
		return one(c.n) * w.mask(), cond{c.n, !c.n, false, c.c}
	}},
}

// sum returns x+y and the codes of that, but for C.
func sum(w width, x, y int, c cond) (int, cond) {
	n := w.signed(x) + y
	c.v = !w.fits(n)
	return n & w.mask(), c.nz(w, n)
}

// moved returns what a shift by one has made, out being the bit that went out: V is N
// exclusive or C.
func moved(w width, x int, out bool) (int, cond) {
	c := cond{c: out}.nz(w, x)
	c.v = c.n != c.c
	return x & w.mask(), c
}

func singles(l *list) {
	for _, s := range singleTable {
		for _, x := range values[16] {
			for _, c := range []cond{none, ones} {
				r, now := s.do(16, x, c)
				l.add(s.op, s.name+" r0", fmt.Sprintf("r0=%06o %v", x, c), fmt.Sprintf("r0=%06o %v", r, now))
			}
		}
		if !s.bytes {
			continue
		}
		// Of a register it is the low byte, and the high one stays; in memory either.
		for _, x := range values[8] {
			for _, c := range []cond{none, ones} {
				r, now := s.do(8, x, c)
				l.add(s.op|0o100000, s.name+"b r0", fmt.Sprintf("r0=%06o %v", 0o125000|x, c),
					fmt.Sprintf("r0=%06o %v", 0o125000|r, now))
				l.add(s.op|0o100012, s.name+"b (r2)", fmt.Sprintf("r2=002001 m=%06o %v", x<<8|0o252, c),
					fmt.Sprintf("m=%06o %v", r<<8|0o252, now))
			}
		}
	}
}

// double is an instruction with two operands, of the second of which it returns what
// becomes.
type double struct {
	name  string
	op    uint16
	bytes bool
	do    func(w width, src, dst int, c cond) (int, cond)
}

var doubleTable = []double{
	{"mov", 0o010000, true, func(w width, src, dst int, c cond) (int, cond) { return src, cond{c: c.c}.nz(w, src) }},
	{"cmp", 0o020000, true, func(w width, src, dst int, c cond) (int, cond) {
		_, now := sum(w, src, -w.signed(dst), cond{c: src < dst})
		return dst, now
	}},
	{"bit", 0o030000, true, func(w width, src, dst int, c cond) (int, cond) {
		return dst, cond{c: c.c}.nz(w, src&dst)
	}},
	{"bic", 0o040000, true, func(w width, src, dst int, c cond) (int, cond) {
		return dst &^ src, cond{c: c.c}.nz(w, dst&^src)
	}},
	{"bis", 0o050000, true, func(w width, src, dst int, c cond) (int, cond) {
		return src | dst, cond{c: c.c}.nz(w, src|dst)
	}},
	{"add", 0o060000, false, func(w width, src, dst int, c cond) (int, cond) {
		return sum(w, dst, w.signed(src), cond{c: src+dst > w.mask()})
	}},
	{"sub", 0o160000, false, func(w width, src, dst int, c cond) (int, cond) {
		return sum(w, dst, -w.signed(src), cond{c: dst < src})
	}},
	{"xor", 0o074000, false, func(w width, src, dst int, c cond) (int, cond) {
		return src ^ dst, cond{c: c.c}.nz(w, src^dst)
	}},
}

func doubles(l *list) {
	for _, d := range doubleTable {
		for i, src := range values[16] {
			for k, dst := range values[16] {
				c := []cond{none, ones}[(i+k)%2]
				r, now := d.do(16, src, dst, c)
				l.add(d.op|0o100, d.name+" r1,r0", fmt.Sprintf("r0=%06o r1=%06o %v", dst, src, c),
					fmt.Sprintf("r0=%06o %v", r, now))
			}
		}
		if !d.bytes {
			continue
		}
		for i, src := range values[8] {
			for k, dst := range values[8] {
				c := []cond{none, ones}[(i+k)%2]
				r, now := d.do(8, src, dst, c)
				high := 0o125000
				if d.name == "mov" { // to a register: the sign is extended
					high = width(8).signed(r) & 0o177400
				}
				l.add(d.op|0o100100, d.name+"b r1,r0", fmt.Sprintf("r0=%06o r1=%06o %v", 0o125000|dst, 0o52400|src, c),
					fmt.Sprintf("r0=%06o %v", high|r, now))
				if (i+k)%3 == 0 {
					l.add(d.op|0o100112, d.name+"b r1,(r2)",
						fmt.Sprintf("r1=%06o r2=002001 m=%06o %v", 0o52400|src, dst<<8|0o252, c),
						fmt.Sprintf("m=%06o %v", r<<8|0o252, now))
				}
			}
		}
	}
}
