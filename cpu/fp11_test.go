package cpu

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"v7em/mmu"
)

// fpExact is an exact binary number, m*2^e, and the sign it is shown with.
// It is how these tests know what the FP11 should find: computed with
// math/big, rounded once.
type fpExact struct {
	neg bool
	m   *big.Int // not negative
	e   int
}

// fpValue is the exact value of a D format number.
func fpValue(v uint64) fpExact {
	x := fpExact{neg: v>>63 != 0, m: new(big.Int), e: int(v>>55&255) - 128 - 56}
	if v>>55&255 != 0 {
		x.m.SetUint64(v&(1<<55-1) | 1<<55)
	}
	return x
}

// signed is m with its sign, for an exponent of e or less.
func (x fpExact) signed(e int) *big.Int {
	v := new(big.Int).Lsh(x.m, uint(x.e-e))
	if x.neg {
		v.Neg(v)
	}
	return v
}

func (x fpExact) add(y fpExact) fpExact {
	e := min(x.e, y.e)
	sum := new(big.Int).Add(x.signed(e), y.signed(e))
	return fpExact{sum.Sign() < 0, sum.Abs(sum), e}
}

func (x fpExact) mul(y fpExact) fpExact {
	return fpExact{x.neg != y.neg, new(big.Int).Mul(x.m, y.m), x.e + y.e}
}

// div has a last bit that stands for all that follow it.
func (x fpExact) div(y fpExact) fpExact {
	q, r := new(big.Int).QuoRem(new(big.Int).Lsh(x.m, 200), y.m, new(big.Int))
	q.Lsh(q, 1)
	if r.Sign() != 0 {
		q.SetBit(q, 0, 1)
	}
	return fpExact{x.neg != y.neg, q, x.e - y.e - 201}
}

// chop drops the bits below 2^e.
func (x fpExact) chop(e int) fpExact {
	if e <= x.e {
		return x
	}
	return fpExact{x.neg, new(big.Int).Rsh(x.m, uint(e-x.e)), e}
}

// exponent is that of the normalized number, excess 128.
func (x fpExact) exponent() int { return x.e + x.m.BitLen() + 128 }

// result is the number that an instruction under fps stores, and its
// exception (handbook: the "Interrupts" paragraph of ADDF and MULF).
func (x fpExact) result(fps uint16) (uint64, uint16) {
	if x.m.Sign() == 0 {
		return 0, 0
	}
	width := 24
	if fps&0200 != 0 {
		width = 56
	}
	exp := x.exponent()
	m := new(big.Int).Set(x.m)
	if drop := m.BitLen() - width; drop > 0 {
		if fps&040 == 0 {
			m.Add(m, new(big.Int).Lsh(big.NewInt(1), uint(drop-1)))
		}
		m.Rsh(m, uint(drop))
		if m.BitLen() > width {
			m.Rsh(m, 1)
			exp++
		}
	}
	m.Lsh(m, uint(56-m.BitLen()))
	v := uint64(exp&255)<<55 | m.Uint64()&(1<<55-1)
	if x.neg {
		v |= 1 << 63
	}
	switch {
	case exp > 255:
		if fps&01000 == 0 {
			v = 0
		}
		return v, 010
	case exp < 1:
		if fps&02000 == 0 {
			v = 0
		}
		return v, 012
	}
	return v, 0
}

// cmp compares magnitudes.
func (x fpExact) cmp(y fpExact) int {
	e := min(x.e, y.e)
	return x.signed(e).CmpAbs(y.signed(e))
}

// fpModel runs one arithmetic operation exactly and returns its results: for
// MODf the fraction part and the integer part.
func fpModel(op string, fps uint16, a, b uint64) (v, whole uint64, exc uint16) {
	x, y := fpValue(a), fpValue(b)
	switch op {
	case "sub":
		y.neg = !y.neg
		fallthrough
	case "add":
		// The operand with the smaller exponent loses what alignment shifts
		// past the three guard bits; the other fits.
		e := max(a>>55&255, b>>55&255)
		if x.m.Sign() == 0 || y.m.Sign() == 0 {
			break
		}
		x, y = x.chop(int(e)-128-59), y.chop(int(e)-128-59)
	}
	switch op {
	case "add", "sub":
		v, exc = x.add(y).result(fps)
	case "mul":
		v, exc = x.mul(y).result(fps)
	case "div":
		v, exc = x.div(y).result(fps)
	case "mod":
		p := x.mul(y)
		if p.m.Sign() == 0 {
			return 0, 0, 0
		}
		p = p.chop(x.e + y.e + 112 - 59)
		width := 24
		if fps&0200 != 0 {
			width = 56
		}
		one := fpValue(0201 << 55)
		switch {
		case p.exponent() > 128+width: // no fraction kept
			whole, exc = p.result(fps | 040)
		case p.cmp(one) < 0:
			v, exc = p.result(fps)
		default:
			n := p.chop(0)
			whole, _ = n.result(fps | 040)
			n.neg = !p.neg
			f := p.add(n)
			f.neg = p.neg
			v, exc = f.result(fps)
		}
	}
	return v, whole, exc
}

// fpOps are the operations of fpModel as the FP11 does them.
var fpOps = map[string]func(fps uint16, a, b uint64) (v, whole uint64, exc uint16){
	"add": func(fps uint16, a, b uint64) (uint64, uint64, uint16) {
		v, exc := fpAdd(fps, a, b)
		return v, 0, exc
	},
	"sub": func(fps uint16, a, b uint64) (uint64, uint64, uint16) {
		v, exc := fpAdd(fps, a, b^1<<63)
		return v, 0, exc
	},
	"mul": func(fps uint16, a, b uint64) (uint64, uint64, uint16) {
		v, exc := fpMul(fps, a, b)
		return v, 0, exc
	},
	"div": func(fps uint16, a, b uint64) (uint64, uint64, uint16) {
		if b>>55&255 == 0 {
			return 0, 0, 0
		}
		v, exc := fpDiv(fps, a, b)
		return v, 0, exc
	},
	"mod": func(fps uint16, a, b uint64) (uint64, uint64, uint16) {
		whole, v, exc := fpMod(fps, a, b)
		return v, whole, exc
	},
}

// fpCheckOps holds every operation on a and b against the model.
func fpCheckOps(t testing.TB, fps uint16, a, b uint64) {
	if fps&0200 == 0 {
		a &^= 0xffffffff
		b &^= 0xffffffff
	}
	for op, f := range fpOps {
		if op == "div" && b>>55&255 == 0 {
			continue
		}
		v, whole, exc := f(fps, a, b)
		wantV, wantWhole, wantExc := fpModel(op, fps, a, b)
		if v != wantV || whole != wantWhole || exc != wantExc {
			t.Errorf("%s fps %06o a %016x b %016x: %016x %016x exception %o, want %016x %016x exception %o",
				op, fps, a, b, v, whole, exc, wantV, wantWhole, wantExc)
		}
	}
	x, y := fpValue(a), fpValue(b)
	e := min(x.e, y.e)
	if got, want := fpCompare(a, b), x.signed(e).Cmp(y.signed(e)); got != want {
		t.Errorf("compare %016x %016x: %d, want %d", a, b, got, want)
	}
	v, exc := fpConvert(fps, a)
	if want, wantExc := x.result(fps); v != want || exc != wantExc {
		t.Errorf("convert fps %06o %016x: %016x exception %o, want %016x exception %o", fps, a, v, exc, want, wantExc)
	}
	n := new(big.Int).Rsh(new(big.Int).Lsh(x.m, 512), uint(512-x.e))
	if x.neg {
		n.Neg(n)
	}
	bits := 15
	if fps&0100 != 0 {
		bits = 31
	}
	limit := int64(1) << bits
	wantFits := n.IsInt64() && n.Int64() >= -limit && n.Int64() < limit
	if got, fits := fpToInt(fps, a); fits != wantFits || fits && int64(got) != n.Int64() || !fits && got != 0 {
		t.Errorf("to integer fps %06o %016x: %d %v, want %v %v", fps, a, got, fits, n, wantFits)
	}
	i := int32(b >> 20)
	z := fpExact{i < 0, new(big.Int).Abs(big.NewInt(int64(i))), 0}
	if want, _ := z.result(fps); fpFromInt(fps, i) != want {
		t.Errorf("from integer fps %06o %d: %016x, want %016x", fps, i, fpFromInt(fps, i), want)
	}
}

// fpRandom gives numbers that are likely to be trouble, and pairs that are
// near each other.
type fpRandom struct{ *rand.Rand }

func (r fpRandom) fraction() uint64 {
	f := r.Uint64()
	switch r.IntN(8) {
	case 0:
		f = 0
	case 1:
		f = 1<<55 - 1
	case 2:
		f = 1<<55 - 1<<r.IntN(55)
	case 3:
		f = 1 << r.IntN(55)
	case 4:
		f &^= 1<<r.IntN(55) - 1
	case 5: // a single precision fraction and one near a half of its last bit
		f = f>>41<<32 + 1<<31*uint64(r.IntN(2)) + uint64(r.IntN(5)) - 2
	}
	return f & (1<<55 - 1)
}

func (r fpRandom) number() uint64 {
	e := uint64(r.IntN(256))
	switch r.IntN(8) {
	case 0:
		e = uint64(r.IntN(3))
	case 1:
		e = uint64(255 - r.IntN(3))
	case 2, 3:
		e = uint64(123 + r.IntN(66))
	case 4, 5:
		e = uint64(126 + r.IntN(5))
	}
	f := r.fraction()
	if e == 0 && r.IntN(2) == 0 {
		f = 0
	}
	return uint64(r.IntN(2))<<63 | e<<55 | f
}

func (r fpRandom) near(a uint64) uint64 {
	width := 3
	if r.IntN(3) == 0 {
		width = 62
	}
	e := int(a>>55&255) + r.IntN(2*width+1) - width
	f := r.fraction()
	if r.IntN(2) == 0 {
		f = (a + uint64(r.IntN(5)) - 2) & (1<<55 - 1)
	}
	return uint64(r.IntN(2))<<63 | uint64(max(0, min(e, 255)))<<55 | f
}

func TestFPArithmetic(t *testing.T) {
	n := 200000
	if testing.Short() {
		n = 20000
	}
	r := fpRandom{rand.New(rand.NewPCG(11, 70))}
	for range n {
		a := r.number()
		b := r.number()
		if r.IntN(2) == 0 {
			b = r.near(a)
		}
		fpCheckOps(t, uint16(r.IntN(010000)), a, b)
		if t.Failed() {
			return
		}
	}
}

// TestFPAddBounds checks sums against the error bounds of the handbook
// ("Accuracy" under ADDF): one unit of the last place when chopping, half a
// unit when rounding to single precision, three quarters when rounding to
// double precision; and exact when leading bits cancelled out.
func TestFPAddBounds(t *testing.T) {
	r := fpRandom{rand.New(rand.NewPCG(1, 2))}
	for range 50000 {
		a := r.number()
		b := r.near(a)
		fps := uint16(r.IntN(010000))
		width, quarters := 56, int64(3)
		if fps&0200 == 0 {
			a &^= 0xffffffff
			b &^= 0xffffffff
			width, quarters = 24, 2
		}
		if fps&040 != 0 {
			quarters = 4
		}
		v, exc := fpAdd(fps, a, b)
		exact := fpValue(a).add(fpValue(b))
		if exc != 0 || exact.m.Sign() == 0 {
			continue
		}
		got := fpValue(v)
		diff := got
		diff.neg = !diff.neg
		diff = diff.add(exact)
		unit := fpExact{m: big.NewInt(quarters), e: got.exponent() - 128 - width - 2}
		if c := diff.cmp(unit); c > 0 || c == 0 && quarters != 2 {
			t.Fatalf("fps %06o %016x + %016x = %016x: error of more than %d/4 of the last place", fps, a, b, v, quarters)
		}
		de := int(a>>55&255) - int(b>>55&255)
		lost := max(int(a>>55&255), int(b>>55&255)) - exact.exponent()
		if de >= -1 && de <= 1 && lost >= 1 && (a^b)>>63 != 0 && diff.m.Sign() != 0 {
			t.Fatalf("fps %06o %016x + %016x = %016x is not exact", fps, a, b, v)
		}
	}
}

func TestFPScale(t *testing.T) {
	const v = 1<<63 | 0201<<55 | 0x123456789abc
	for _, tt := range []struct {
		fps  uint16
		n    int16
		want uint64
		exc  uint16
	}{
		{0, 0, 1<<63 | 0200<<55 | v&(1<<55-1), 0},
		{0, 0177, 1<<63 | 0377<<55 | v&(1<<55-1), 0},
		{0, -0177, 1<<63 | 1<<55 | v&(1<<55-1), 0},
		{0, 0200, 0, 010},
		{01000, 0200, 1<<63 | v&(1<<55-1), 010},
		{01000, 0201, 1<<63 | 1<<55 | v&(1<<55-1), 010},
		{01000, 32767, 1<<63 | 0177<<55 | v&(1<<55-1), 010},
		{0, -0200, 0, 012},
		{02000, -0200, 1<<63 | v&(1<<55-1), 012},
		{02000, -0201, 1<<63 | 0377<<55 | v&(1<<55-1), 012},
		{02000, -32768, 1<<63 | 0200<<55 | v&(1<<55-1), 012},
	} {
		if got, exc := fpScale(tt.fps, v, tt.n); got != tt.want || exc != tt.exc {
			t.Errorf("fps %o scale %o: %016x exception %o, want %016x exception %o", tt.fps, tt.n, got, exc, tt.want, tt.exc)
		}
	}
}

// fpBus is an I/O page with nothing in it but the processor's registers, and
// no interrupts.
type fpBus struct{ c *CPU }

func (b *fpBus) Read(addr uint32) (uint16, bool)     { return b.c.Read(addr) }
func (b *fpBus) Write(addr uint32, v, m uint16) bool { return b.c.Write(addr, v, m) }
func (*fpBus) Level() int                            { return 0 }
func (*fpBus) Grant(int) uint16                      { return 0 }
func (*fpBus) Reset()                                {}

// fpMachine is an 11/70 with the given words from 01000 on, PC there, the
// stack at 0700, and HALT with condition codes of their own behind vectors 4
// and 0244.
func fpMachine(t testing.TB, code ...uint16) *CPU {
	m, err := mmu.New(128<<10, true)
	if err != nil {
		t.Fatal(err)
	}
	bus := &fpBus{}
	m.IO = bus
	c := New(m, bus, true, false)
	bus.c = c
	copy(m.Mem[01000/2:], code)
	for _, v := range []int{04, 0244, 0250} {
		m.Mem[v/2], m.Mem[v/2+1] = uint16(0400+v), 0340
	}
	c.R[6] = 0700
	c.Start(01000)
	return c
}

// fpF puts an F format number together from its two words.
func fpF(hi, lo uint16) uint64 { return uint64(hi)<<48 | uint64(lo)<<32 }

// Numbers in F format: one is 2^0 = .1 (binary) times 2^1.
var (
	fpOne   = fpF(040200, 0)
	fpTwo   = fpF(040400, 0)
	fpThree = fpF(040500, 0)
	fpHalf  = fpF(040000, 0)
	fpHuge  = fpF(077777, 0177777)
	fpTiny  = fpF(0000200, 0)
	fpMinus = fpF(0100000, 0) // -0, the undefined variable
)

// TestFPInstructions runs single instructions and looks at everything that
// they change.
func TestFPInstructions(t *testing.T) {
	const at = 02000 // R1 points here, the operand in memory
	neg := func(v uint64) uint64 { return v ^ 1<<63 }
	for _, tt := range []struct {
		name    string
		code    []uint16
		fps     uint16
		ac0     uint64
		ac1     uint64
		mem     uint64 // four words at R1
		wantAC0 uint64
		wantAC1 uint64
		wantMem uint64
		wantFPS uint16
		wantFEC uint16 // with FEA 01000; 0 when neither changes
		trap    bool
		wantR1  uint16 // change
		wantPSW uint16 // condition codes; they start as NV
	}{
		{name: "CFCC", code: []uint16{0170000}, fps: 5, wantFPS: 5, wantPSW: 5},
		{name: "SETF", code: []uint16{0170001}, fps: 0300, wantFPS: 0100, wantPSW: 012},
		{name: "SETI", code: []uint16{0170002}, fps: 0300, wantFPS: 0200, wantPSW: 012},
		{name: "SETD", code: []uint16{0170011}, wantFPS: 0200, wantPSW: 012},
		{name: "SETL", code: []uint16{0170012}, wantFPS: 0100, wantPSW: 012},
		{name: "illegal", code: []uint16{0170010}, wantFPS: 0100000, wantFEC: 2, trap: true, wantPSW: 012},
		{name: "illegal, FID", code: []uint16{0170077}, fps: 040000, wantFPS: 0140000, wantFEC: 2, wantPSW: 012},
		{name: "LDFPS masks", code: []uint16{0170127, 0177777}, wantFPS: 0147757, wantPSW: 012},
		{name: "LDFPS (R1)+", code: []uint16{0170121}, mem: fpF(0217, 0), wantMem: fpF(0217, 0), wantFPS: 0217 &^ 020, wantR1: 2, wantPSW: 012},
		{name: "STFPS (R1)", code: []uint16{0170211}, fps: 0200, mem: 0, wantMem: fpF(0200, 0), wantFPS: 0200, wantPSW: 012},
		{name: "STST (R1)+", code: []uint16{0170321}, mem: ^uint64(0), wantMem: 0x00000000ffffffff, wantR1: 4, wantPSW: 012},
		{name: "LDF keeps the second half", code: []uint16{0172411}, ac0: 0x1234567, mem: fpOne, wantAC0: fpOne | 0x1234567, wantMem: fpOne, wantPSW: 012},
		{name: "LDD #: one word", code: []uint16{0172427, 040200}, fps: 0200, ac0: 0x1234567, wantAC0: fpOne, wantFPS: 0200, wantPSW: 012},
		{name: "LDD (R1)+", code: []uint16{0172421}, fps: 0217, mem: neg(fpOne) | 7, wantAC0: neg(fpOne) | 7, wantMem: neg(fpOne) | 7, wantFPS: 0210, wantR1: 8, wantPSW: 012},
		{name: "LDF -0", code: []uint16{0172411}, mem: fpMinus, wantAC0: fpMinus, wantMem: fpMinus, wantFPS: 014, wantPSW: 012},
		{name: "LDF -0, FIUV", code: []uint16{0172421}, fps: 04000, ac0: fpOne, mem: fpMinus, wantAC0: fpOne, wantMem: fpMinus, wantFPS: 0104000, wantFEC: 014, trap: true, wantR1: 4, wantPSW: 012},
		{name: "LDF #-0, FIUV and FID", code: []uint16{0172427, 0100000}, fps: 044000, ac0: fpOne, wantAC0: fpOne, wantFPS: 0144000, wantFEC: 014, wantPSW: 012},
		{name: "LDF AC0: -0 is no matter, FIUV", code: []uint16{0172400}, fps: 04000, ac0: fpMinus, wantAC0: fpMinus, wantFPS: 04014, wantPSW: 012},
		{name: "LDF AC6", code: []uint16{0172406}, ac0: fpOne, wantAC0: fpOne, wantFPS: 0100000, wantFEC: 2, trap: true, wantPSW: 012},
		{name: "STF AC7", code: []uint16{0174007}, ac0: fpOne, wantAC0: fpOne, wantFPS: 0100000, wantFEC: 2, trap: true, wantPSW: 012},
		{name: "STD -(R1)", code: []uint16{0174041}, fps: 0201, ac0: fpOne | 3, mem: 9, wantAC0: fpOne | 3, wantMem: 9, wantFPS: 0201, wantR1: 0177770, wantPSW: 012},
		{name: "STF (R1)", code: []uint16{0174011}, ac0: fpOne | 3, mem: 9, wantAC0: fpOne | 3, wantMem: fpOne | 9, wantPSW: 012},
		{name: "CLRD (R1)", code: []uint16{0170411}, fps: 0213, mem: fpOne | 3, wantFPS: 0204, wantPSW: 012},
		{name: "CLRF AC0", code: []uint16{0170400}, ac0: fpOne | 3, wantAC0: 3, wantFPS: 4, wantPSW: 012},
		{name: "TSTF (R1)", code: []uint16{0170511}, mem: neg(fpOne), wantMem: neg(fpOne), wantFPS: 010, wantPSW: 012},
		{name: "TSTF -0, FIUV: after execution", code: []uint16{0170511}, fps: 04003, mem: fpMinus, wantMem: fpMinus, wantFPS: 0104014, wantFEC: 014, trap: true, wantPSW: 012},
		{name: "ABSD (R1)", code: []uint16{0170611}, fps: 0200, mem: neg(fpOne) | 3, wantMem: fpOne | 3, wantFPS: 0200, wantPSW: 012},
		{name: "ABSF -0, FIUV: exact 0 is stored", code: []uint16{0170611}, fps: 04000, mem: fpMinus, wantFPS: 0104004, wantFEC: 014, trap: true, wantPSW: 012},
		{name: "NEGF (R1)", code: []uint16{0170711}, mem: fpOne | 3, wantMem: neg(fpOne) | 3, wantFPS: 010, wantPSW: 012},
		{name: "NEGF: exponent 0 becomes exact 0", code: []uint16{0170711}, mem: fpF(0100, 5), wantFPS: 4, wantPSW: 012},
		{name: "NEGF -0, FIUV: exact 0 is stored", code: []uint16{0170711}, fps: 04000, mem: fpMinus, wantFPS: 0104004, wantFEC: 014, trap: true, wantPSW: 012},
		{name: "ADDF", code: []uint16{0172011}, fps: 017, ac0: fpOne, mem: fpTwo, wantAC0: fpThree, wantMem: fpTwo, wantPSW: 012},
		{name: "ADDF overflow", code: []uint16{0172000}, ac0: fpHuge, wantFPS: 6, wantPSW: 012},
		{name: "ADDF overflow, FIV", code: []uint16{0172000}, fps: 01000, ac0: fpHuge, wantAC0: fpF(0177, 0177777), wantFPS: 0101006, wantFEC: 010, trap: true, wantPSW: 012},
		{name: "SUBF underflow", code: []uint16{0173011}, ac0: fpF(0300, 0), mem: fpTiny, wantMem: fpTiny, wantFPS: 4, wantPSW: 012},
		{name: "SUBF underflow, FIU: -0 can result", code: []uint16{0173011}, fps: 02000, ac0: fpTiny, mem: fpF(0300, 0), wantAC0: fpMinus, wantMem: fpF(0300, 0), wantFPS: 0102014, wantFEC: 012, trap: true, wantPSW: 012},
		{name: "MULF overflow, FIV, FID", code: []uint16{0171000}, fps: 041000, ac0: fpHuge, wantAC0: fpF(037577, 0177776), wantFPS: 0141002, wantFEC: 010, wantPSW: 012},
		{name: "MULF underflow, FIU", code: []uint16{0171000}, fps: 02000, ac0: fpTiny, wantAC0: fpOne, wantFPS: 0102000, wantFEC: 012, trap: true, wantPSW: 012},
		{name: "DIVF", code: []uint16{0174411}, ac0: fpOne, mem: neg(fpThree), wantAC0: neg(fpF(037652, 0125253)), wantMem: neg(fpThree), wantFPS: 010, wantPSW: 012},
		{name: "DIVF chopped", code: []uint16{0174411}, fps: 040, ac0: fpOne, mem: fpThree, wantAC0: fpF(037652, 0125252), wantMem: fpThree, wantFPS: 040, wantPSW: 012},
		{name: "DIVF by zero", code: []uint16{0174411}, fps: 013, ac0: fpOne, wantAC0: fpOne, wantFPS: 0100013, wantFEC: 4, trap: true, wantPSW: 012},
		{name: "CMPF (R1): source less", code: []uint16{0173411}, ac0: fpTwo, mem: fpOne, wantAC0: fpTwo, wantMem: fpOne, wantFPS: 010, wantPSW: 012},
		{name: "CMPF (R1): source greater", code: []uint16{0173411}, ac0: neg(fpTwo), mem: neg(fpOne), wantAC0: neg(fpTwo), wantMem: neg(fpOne), wantPSW: 012},
		{name: "CMPF: two zeros leave exact 0", code: []uint16{0173411}, ac0: fpF(077, 1) | fpMinus, mem: 0, wantFPS: 4, wantPSW: 012},
		{name: "MODF: 0.8125 times 4", code: []uint16{0171427, 040600}, ac0: fpF(040120, 0), wantAC0: fpF(037600, 0), wantAC1: fpThree, wantPSW: 012},
		{name: "MODF in an odd accumulator keeps the fraction", code: []uint16{0171511}, ac1: fpThree, mem: fpHalf, wantAC1: fpHalf, wantMem: fpHalf, wantPSW: 012},
		{name: "MODF overflow", code: []uint16{0171400}, ac0: fpHuge, wantFPS: 6, wantPSW: 012},
		{name: "MODF overflow, FIV", code: []uint16{0171400}, fps: 01000, ac0: fpHuge, wantAC1: fpF(037577, 0177776), wantFPS: 0101006, wantFEC: 010, trap: true, wantPSW: 012},
		{name: "STEXP", code: []uint16{0175011}, ac0: fpF(010000, 0), wantAC0: fpF(010000, 0), wantMem: fpF(0177640, 0), wantFPS: 010, wantPSW: 010},
		{name: "STEXP of one", code: []uint16{0175021}, ac0: fpOne, wantAC0: fpOne, wantMem: fpF(1, 0), wantR1: 2},
		{name: "LDEXP #", code: []uint16{0176427, 2}, ac0: neg(fpThree), wantAC0: neg(fpThree), wantFPS: 010, wantPSW: 012},
		{name: "LDEXP overflow, FIV", code: []uint16{0176427, 0200}, fps: 01000, ac0: fpThree, wantAC0: fpF(0100, 0), wantFPS: 0101006, wantFEC: 010, trap: true, wantPSW: 012},
		{name: "LDCIF", code: []uint16{0177021}, mem: fpF(0177777, 0), wantAC0: neg(fpOne), wantMem: fpF(0177777, 0), wantFPS: 010, wantR1: 2, wantPSW: 012},
		{name: "LDCLF", code: []uint16{0177021}, fps: 0100, mem: fpF(0, 3), wantAC0: fpThree, wantMem: fpF(0, 3), wantFPS: 0100, wantR1: 4, wantPSW: 012},
		{name: "LDCLF #: the word is the high half", code: []uint16{0177027, 1}, fps: 0100, wantAC0: fpF(044200, 0), wantFPS: 0100, wantPSW: 012},
		{name: "LDCLF R6: so is a register", code: []uint16{0177006}, fps: 0100, wantAC0: fpF(046340, 0), wantFPS: 0100, wantPSW: 012},
		{name: "STCFI", code: []uint16{0175421}, ac0: neg(fpThree), wantAC0: neg(fpThree), wantMem: fpF(0177775, 0), wantFPS: 010, wantR1: 2, wantPSW: 010},
		{name: "STCFL", code: []uint16{0175421}, fps: 0100, ac0: fpThree, wantAC0: fpThree, wantMem: fpF(0, 3), wantFPS: 0100, wantR1: 4},
		{name: "STCFL R1: the high half", code: []uint16{0175401}, fps: 0100, ac0: fpF(044200, 0), wantAC0: fpF(044200, 0), wantFPS: 0100, wantR1: 0176001},
		{name: "STCFI -32768", code: []uint16{0175411}, fps: 0400, ac0: fpF(0144000, 0), wantAC0: fpF(0144000, 0), wantMem: fpF(0100000, 0), wantFPS: 0410, wantPSW: 010},
		{name: "STCFI 32768", code: []uint16{0175411}, ac0: fpF(044000, 0), mem: 5 << 48, wantAC0: fpF(044000, 0), wantFPS: 5, wantPSW: 5},
		{name: "STCFI 32768, FIC", code: []uint16{0175411}, fps: 0400, ac0: fpF(044000, 0), mem: 5 << 48, wantAC0: fpF(044000, 0), wantFPS: 0100405, wantFEC: 6, trap: true, wantPSW: 5},
		{name: "STCFD (R1)+", code: []uint16{0176021}, ac0: fpOne | 5, mem: 7, wantAC0: fpOne | 5, wantMem: fpOne, wantR1: 8, wantPSW: 012},
		{name: "STCDF (R1)+ rounds", code: []uint16{0176021}, fps: 0200, ac0: fpOne | 1<<31, mem: 7, wantAC0: fpOne | 1<<31, wantMem: fpOne | 1<<32 | 7, wantFPS: 0200, wantR1: 4, wantPSW: 012},
		{name: "STCDF overflow by rounding, FIV", code: []uint16{0176011}, fps: 01200, ac0: fpHuge | 1<<31, mem: 7, wantAC0: fpHuge | 1<<31, wantMem: 7, wantFPS: 0101206, wantFEC: 010, trap: true, wantPSW: 012},
		{name: "LDCDF", code: []uint16{0177421}, fps: 040, mem: fpOne | 0xffffffff, wantAC0: fpOne, wantMem: fpOne | 0xffffffff, wantFPS: 040, wantR1: 8, wantPSW: 012},
		{name: "LDCFD", code: []uint16{0177421}, fps: 0200, ac0: 5, mem: fpOne | 0xffffffff, wantAC0: fpOne, wantMem: fpOne | 0xffffffff, wantFPS: 0200, wantR1: 4, wantPSW: 012},
		{name: "odd address", code: []uint16{0172411}, fps: 017, ac0: fpOne, wantAC0: fpOne, wantFPS: 017, wantR1: 1, wantPSW: 012, trap: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fpMachine(t, tt.code...)
			c.R[1] = at
			if tt.name == "odd address" {
				c.R[1]++
			}
			for i := range 4 {
				c.mem[at/2+i] = uint16(tt.mem >> (48 - 16*i))
			}
			c.FP = FP11{FPS: tt.fps}
			c.FP.AC[0], c.FP.AC[1] = tt.ac0, tt.ac1
			c.setNZVC(true, false, true, false)
			c.Run(1)
			var mem uint64
			for i := range 4 {
				mem = mem<<16 | uint64(c.mem[at/2+i])
			}
			check := func(what string, got, want uint64) {
				if got != want {
					t.Errorf("%s = %o (%x), want %o (%x)", what, got, got, want, want)
				}
			}
			check("AC0", c.FP.AC[0], tt.wantAC0)
			check("AC1", c.FP.AC[1], tt.wantAC1)
			check("memory", mem, tt.wantMem)
			check("FPS", uint64(c.FP.FPS), uint64(tt.wantFPS))
			check("FEC", uint64(c.FP.FEC), uint64(tt.wantFEC))
			if tt.wantFEC != 0 {
				check("FEA", uint64(c.FP.FEA), 01000)
			}
			check("R1", uint64(c.R[1]-at), uint64(tt.wantR1))
			check("PC", uint64(c.R[7]), uint64(01000+2*len(tt.code)))
			check("condition codes", uint64(c.PSW()&017), uint64(tt.wantPSW))
			if (c.Traps != 0) != tt.trap {
				t.Errorf("trap requests %b, want some: %v", c.Traps, tt.trap)
			}
			if tt.wantFEC != 0 && tt.trap && c.Traps != TrapFPP {
				t.Errorf("trap requests %b, want %b", c.Traps, TrapFPP)
			}
		})
	}
}

// TestFPAddressing loads 1.5 or -2 with every mode and register, as F and as
// D, and checks the register afterwards.
func TestFPAddressing(t *testing.T) {
	for _, fps := range []uint16{0, 0200} {
		size := uint16(4)
		if fps != 0 {
			size = 8
		}
		for mode := uint16(1); mode < 8; mode++ {
			for reg := uint16(0); reg < 8; reg++ {
				if reg == 7 && (mode == 4 || mode == 5) {
					continue // the instruction itself
				}
				t.Run(fmt.Sprintf("fps%o/%d%d", fps, mode, reg), func(t *testing.T) {
					const at, ptr = 03000, 02000
					c := fpMachine(t, 0172400|mode<<3|reg)
					want := uint64(0040300)<<48 | 0123<<32
					if fps != 0 {
						want |= 0456<<16 | 0777
					}
					place := func(va uint16) {
						for i := range uint16(4) {
							c.mem[va/2+i] = uint16((uint64(0040300)<<48 | 0123<<32 | 0456<<16 | 0777) >> (48 - 16*i))
						}
					}
					place(at)
					c.mem[ptr/2] = at
					base, after, pc := uint16(at), uint16(at), uint16(01002)
					switch mode {
					case 1:
						if reg == 7 {
							place(01002)
						}
					case 2:
						after += size
						if reg == 7 {
							place(01002)
							want = 0040300 << 48
							pc += 2
						}
					case 3:
						base, after = ptr, ptr+2
						if reg == 7 {
							c.mem[01002/2] = at
							pc += 2
						}
					case 4:
						base = at + size
					case 5:
						base, after = ptr+2, ptr
					case 6:
						base = at - 0100
						after = base
						c.mem[01002/2] = 0100
						pc += 2
						if reg == 7 {
							c.mem[01002/2] = at - 01004
						}
					case 7:
						base = ptr + 0100
						after = base
						c.mem[01002/2] = 0177700
						pc += 2
						if reg == 7 {
							c.mem[01002/2] = ptr - 01004&0177777
						}
					}
					if reg < 7 {
						c.R[reg] = base
					} else {
						after = pc
					}
					c.FP.FPS = fps
					c.Run(1)
					if c.FP.AC[0] != want {
						t.Errorf("AC0 = %016x, want %016x", c.FP.AC[0], want)
					}
					if c.R[reg] != after {
						t.Errorf("R%d = %06o, want %06o", reg, c.R[reg], after)
					}
					if c.R[7] != pc {
						t.Errorf("PC = %06o, want %06o", c.R[7], pc)
					}
					if c.Traps != 0 {
						t.Errorf("traps %b", c.Traps)
					}
				})
			}
		}
	}
}

// TestFPTrap follows the trap through vector 0244 and finds the address of
// the instruction, not of the trap.
func TestFPTrap(t *testing.T) {
	c := fpMachine(t, 0170127, 0, 0174427, 0)
	c.Run(3)
	if c.R[7] != 0644 || c.mem[c.R[6]/2] != 01010 {
		t.Errorf("PC %06o, saved PC %06o, want 000644 and 001010", c.R[7], c.mem[c.R[6]/2])
	}
	if c.FP.FEC != 4 || c.FP.FEA != 01004 {
		t.Errorf("FEC %o FEA %06o, want 4 and 001004", c.FP.FEC, c.FP.FEA)
	}
}

// TestFPRestart aborts instructions half-way through an operand that goes on
// in a page which is not there. The FP11 must be as before, and once MMR1 has
// been undone and the page provided, the instruction must work.
func TestFPRestart(t *testing.T) {
	const at = 020000 - 4
	number := fpOne | 0x123456789
	for _, tt := range []struct {
		name string
		ir   uint16
		r1   uint16
		mmr1 uint16
		ac0  uint64 // in the end
		mem  uint64 // in the end
	}{
		{"LDD (R1)+", 0172421, at, 0101, number, number},
		{"LDD -(R1)", 0172441, at + 8, 0301, number, number},
		{"ADDD (R1)", 0172011, at, 0, fpTwo | 0x91a2b3c5, number},
		{"STD (R1)+", 0174021, at, 0101, fpOne | 1, fpOne | 1},
		{"NEGD (R1)", 0170711, at, 0, fpOne | 1, number ^ 1<<63},
		{"CLRD -(R1)", 0170441, at + 8, 0301, fpOne | 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fpMachine(t, tt.ir)
			m := c.mmu
			for page := range 2 {
				for space := range 2 {
					m.PAR[space][page] = uint16(page) << 7
					m.PDR[space][page] = 077406 &^ uint16(6*page)
				}
			}
			m.MMR0 = mmu.MMR0Enable
			m.Flush()
			for i := range 4 {
				c.mem[at/2+i] = uint16(number >> (48 - 16*i))
			}
			c.R[1] = tt.r1
			c.FP.FPS = 0217
			c.FP.AC[0] = fpOne | 1
			before := c.FP
			c.Run(1)
			if c.FP != before {
				t.Errorf("the abort changed %+v to %+v", before, c.FP)
			}
			if c.Traps != TrapMM || m.MMR1 != tt.mmr1 || m.MMR2 != 01000 {
				t.Errorf("traps %b MMR1 %06o MMR2 %06o, want %b, %06o and 001000", c.Traps, m.MMR1, m.MMR2, TrapMM, tt.mmr1)
			}
			c.Traps = 0
			c.R[1] -= uint16(int8(m.MMR1) >> 3)
			if c.R[1] != tt.r1 {
				t.Fatalf("R1 %06o is not what it was before, %06o", c.R[1], tt.r1)
			}
			m.PDR[0][1], m.PDR[1][1] = 077406, 077406
			m.MMR0 = mmu.MMR0Enable
			m.Flush()
			c.Start(01000)
			c.Run(1)
			var mem uint64
			for i := range 4 {
				mem = mem<<16 | uint64(c.mem[at/2+i])
			}
			if c.Traps != 0 || c.FP.AC[0] != tt.ac0 || mem != tt.mem {
				t.Errorf("restarted: traps %b AC0 %016x memory %016x, want none, %016x and %016x", c.Traps, c.FP.AC[0], mem, tt.ac0, tt.mem)
			}
		})
	}
}
