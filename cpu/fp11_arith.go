package cpu

import "math/bits"

// Bits of the floating-point status register (PDP-11/70 Processor Handbook,
// chapter "Floating Point Processor", section "FPP Status Register").
const (
	fpsFER  = 0100000 // an exception occurred
	fpsFID  = 0040000 // no interrupts at all
	fpsFIUV = 0004000 // interrupt on the undefined variable, -0 from memory
	fpsFIU  = 0002000 // interrupt on underflow
	fpsFIV  = 0001000 // interrupt on overflow
	fpsFIC  = 0000400 // interrupt on a failed conversion to integer
	fpsFD   = 0000200 // double precision (D format)
	fpsFL   = 0000100 // long (32-bit) integers
	fpsFT   = 0000040 // chop instead of round
	fpsFMM  = 0000020 // maintenance mode
	fpsFN   = 0000010 // result negative
	fpsFZ   = 0000004 // result zero
	fpsFV   = 0000002 // exponent overflow
	fpsFC   = 0000001 // conversion to integer failed

	fpsCC = fpsFN | fpsFZ | fpsFV | fpsFC
)

// Floating exception codes, as STST reports them.
const (
	fecOpcode    = 002 // illegal opcode or accumulator
	fecDivide    = 004 // division by zero
	fecConvert   = 006 // conversion to integer out of range
	fecOverflow  = 010 // exponent overflow
	fecUnderflow = 012 // exponent underflow
	fecUndefined = 014 // undefined variable (-0) read from memory
)

// Operands are the 64 bits of the D format (sign, eight exponent bits in
// excess 128, 55 fraction bits after a hidden one); an F format operand has
// its low 32 bits zero. An exponent field of zero makes the number zero,
// whatever the sign and the fraction.
const (
	fpSign     = 1 << 63
	fpExpShift = 55
	fpExpMask  = 0377
	fpHidden   = 1 << fpExpShift
	fpFraction = fpHidden - 1
	fpBias     = 0200
	fpHigh     = 0xffffffff00000000 // the F format half

	// The data path is 59 bits wide: the 56-bit fraction and three guard
	// bits (FP11-C manual; the handbook's error bound of 3/4 LSB in double
	// precision follows from it). Working fractions have their leading one
	// in bit 58.
	fpGuard = 3
	fpTop   = 1 << (fpExpShift + fpGuard)
)

func fpExp(v uint64) int      { return int(v>>fpExpShift) & fpExpMask }
func fpIsZero(v uint64) bool  { return v>>fpExpShift&fpExpMask == 0 }
func fpIsMinus(v uint64) bool { return v&fpSign != 0 }

// fpFrac returns the 56-bit fraction of a number that is not zero.
func fpFrac(v uint64) uint64 { return v&fpFraction | fpHidden }

// fpPack rounds or chops a normalized 59-bit fraction to the precision that
// fps asks for and puts the number together. A result out of range is exact
// zero, or, when its interrupt is enabled, has the exponent that is left
// after dropping the bits that do not fit, which is wrong by 0400. The second
// value is 0, fecOverflow or fecUnderflow, whether enabled or not.
func fpPack(fps uint16, sign uint64, exp int, frac uint64) (uint64, uint16) {
	drop := uint(fpGuard)
	if fps&fpsFD == 0 {
		drop += 32
	}
	if fps&fpsFT == 0 {
		frac += 1 << (drop - 1)
		if frac >= fpTop<<1 {
			frac >>= 1
			exp++
		}
	}
	frac = frac >> drop << (drop - fpGuard)
	return fpWithExponent(fps, sign|frac&fpFraction, exp)
}

// fpWithExponent returns v, whose exponent is 0, with exp as its exponent. One that
// is out of range loses its upper bits, or makes the result 0 if the FPS does not
// have it interrupt.
func fpWithExponent(fps uint16, v uint64, exp int) (uint64, uint16) {
	v |= uint64(exp&fpExpMask) << fpExpShift
	switch {
	case exp > fpExpMask:
		if fps&fpsFIV == 0 {
			v = 0
		}
		return v, fecOverflow
	case exp <= 0:
		if fps&fpsFIU == 0 {
			v = 0
		}
		return v, fecUnderflow
	}
	return v, 0
}

// fpAdd returns a+b.
func fpAdd(fps uint16, a, b uint64) (uint64, uint16) {
	if fpIsZero(b) {
		if fpIsZero(a) {
			return 0, 0
		}
		return a, 0
	}
	if fpIsZero(a) {
		return b, 0
	}
	if b&^fpSign > a&^fpSign {
		a, b = b, a
	}
	exp := fpExp(a)
	fa := fpFrac(a) << fpGuard
	// What alignment shifts out past the guard bits is lost.
	fb := fpFrac(b) << fpGuard >> uint(exp-fpExp(b))
	if (a^b)&fpSign == 0 {
		sum := fa + fb
		if sum >= fpTop<<1 {
			sum >>= 1
			exp++
		}
		return fpPack(fps, a&fpSign, exp, sum)
	}
	diff := fa - fb
	if diff == 0 {
		return 0, 0
	}
	up := bits.LeadingZeros64(diff) - bits.LeadingZeros64(fpTop)
	return fpPack(fps, a&fpSign, exp-up, diff<<up)
}

// fpProduct returns the exponent and the fraction of the product of two
// numbers that are not zero. The data path keeps the first 59 bits of the
// product, so when it has to be normalized by a shift to the left the last
// bit of the fraction is zero. Only MODf can tell.
func fpProduct(a, b uint64) (exp int, frac uint64) {
	const width = fpExpShift + 1 + fpGuard
	hi, _ := bits.Mul64(fpFrac(a)<<8, fpFrac(b)<<8)
	exp = fpExp(a) + fpExp(b) - fpBias
	frac = hi >> (64 - width)
	if frac < fpTop {
		return exp - 1, frac << 1
	}
	return exp, frac
}

// fpMul returns a*b.
func fpMul(fps uint16, a, b uint64) (uint64, uint16) {
	if fpIsZero(a) || fpIsZero(b) {
		return 0, 0
	}
	exp, frac := fpProduct(a, b)
	return fpPack(fps, (a^b)&fpSign, exp, frac)
}

// fpDiv returns a/b; b is not zero.
func fpDiv(fps uint16, a, b uint64) (uint64, uint16) {
	if fpIsZero(a) {
		return 0, 0
	}
	fa, fb := fpFrac(a), fpFrac(b)
	exp := fpExp(a) - fpExp(b) + fpBias
	if fa >= fb {
		fb <<= 1
		exp++
	}
	const shift = fpExpShift + fpGuard + 1
	frac, _ := bits.Div64(fa>>(64-shift), fa<<shift, fb)
	return fpPack(fps, (a^b)&fpSign, exp, frac)
}

// fpMod multiplies a by b and returns the integer part of the product,
// chopped, and its fraction part. The product has the 59 bits of
// fpProduct, so a fraction after a long integer part lacks its last bits.
func fpMod(fps uint16, a, b uint64) (whole, part uint64, exc uint16) {
	if fpIsZero(a) || fpIsZero(b) {
		return 0, 0, 0
	}
	exp, frac := fpProduct(a, b)
	sign := (a ^ b) & fpSign
	width := 24
	if fps&fpsFD != 0 {
		width = 56
	}
	n := exp - fpBias // bits before the point
	switch {
	case n <= 0:
		part, exc = fpPack(fps, sign, exp, frac)
		return 0, part, exc
	case n > width:
		whole, exc = fpPack(fps|fpsFT, sign, exp, frac)
		return whole, 0, exc
	}
	below := frac & (fpTop<<1>>uint(n) - 1)
	whole, _ = fpPack(fps|fpsFT, sign, exp, frac-below)
	if below == 0 {
		return whole, 0, 0
	}
	up := bits.LeadingZeros64(below) - bits.LeadingZeros64(fpTop)
	part, exc = fpPack(fps, sign, exp-up, below<<up)
	return whole, part, exc
}

// fpCompare returns the sign of a-b.
func fpCompare(a, b uint64) int {
	if fpIsZero(a) {
		a = 0
	}
	if fpIsZero(b) {
		b = 0
	}
	switch {
	case a == b:
		return 0
	case (a^b)&fpSign != 0:
		if fpIsMinus(a) {
			return -1
		}
		return 1
	case a > b != fpIsMinus(a):
		return 1
	}
	return -1
}

// fpConvert rounds or chops v, a D format number, to the precision that fps
// asks for.
func fpConvert(fps uint16, v uint64) (uint64, uint16) {
	if fpIsZero(v) {
		return 0, 0
	}
	return fpPack(fps, v&fpSign, fpExp(v), fpFrac(v)<<fpGuard)
}

// fpFromInt converts an integer.
func fpFromInt(fps uint16, n int32) uint64 {
	if n == 0 {
		return 0
	}
	var sign uint64
	mag := uint64(n)
	if n < 0 {
		sign, mag = fpSign, -mag
	}
	up := bits.LeadingZeros64(mag) - bits.LeadingZeros64(fpTop)
	v, _ := fpPack(fps, sign, fpBias+fpExpShift+fpGuard+1-up, mag<<up)
	return v
}

// fpToInt chops v to an integer; ok is false when it does not fit 16 bits,
// or 32 when fps has FL.
func fpToInt(fps uint16, v uint64) (n int32, ok bool) {
	width := 16
	if fps&fpsFL != 0 {
		width = 32
	}
	exp := fpExp(v) - fpBias
	if exp <= 0 {
		return 0, true
	}
	if exp > width {
		return 0, false
	}
	mag := fpFrac(v) >> uint(fpExpShift+1-exp)
	limit := uint64(1) << (width - 1)
	if fpIsMinus(v) {
		if mag > limit {
			return 0, false
		}
		return int32(-mag), true
	}
	if mag >= limit {
		return 0, false
	}
	return int32(mag), true
}

// fpScale returns v with n+0200 as its exponent (LDEXP).
func fpScale(fps uint16, v uint64, n int16) (uint64, uint16) {
	return fpWithExponent(fps, v&^(fpExpMask<<fpExpShift), int(n)+fpBias)
}
