package cpu

import "testing"

// FuzzFPArithmetic holds every operation against exact arithmetic.
func FuzzFPArithmetic(f *testing.F) {
	for _, fps := range []uint16{0, 040, 0200, 0240, 03000, 03300, 03340} {
		f.Add(fps, uint64(fpOne), uint64(fpThree))
		f.Add(fps, uint64(fpHuge), uint64(fpTiny))
		f.Add(fps, uint64(fpHuge|1<<31), ^uint64(0))
		f.Add(fps, uint64(0x40800000ffffffff), uint64(0xc080000000000000))
		f.Add(fps, uint64(0x4f80000000000001), uint64(0xb3ffffffffffffff))
		f.Add(fps, uint64(fpMinus), uint64(0x007fffffffffffff))
	}
	f.Fuzz(func(t *testing.T, fps uint16, a, b uint64) { fpCheckOps(t, fps, a, b) })
}

// FuzzFPInstruction runs any floating-point instruction on any state. It must
// end, leave a status register that exists, and, when memory aborted it, the
// whole FP11 as it was.
func FuzzFPInstruction(f *testing.F) {
	for op := uint16(0170000); op != 0; op += 0400 {
		f.Add(op|021, uint16(0), fpOne, fpThree, uint16(02000), uint16(0))
		f.Add(op|0141, uint16(0347), fpHuge, fpMinus, uint16(01003), uint16(0776))
		f.Add(op|066, uint16(07740), fpTiny, fpHuge, uint16(0300), uint16(0177400))
		f.Add(op|0337, uint16(07640), fpTiny, fpHuge, uint16(0300), uint16(0170000))
	}
	f.Fuzz(func(t *testing.T, ir, fps uint16, ac, operand uint64, r, x uint16) {
		c := fpMachine(t, 0170000|ir, x)
		for i := range c.R[:6] {
			c.R[i] = r
		}
		c.R[6] = r &^ 1
		for i := range 4 {
			c.mem[02000/2+i] = uint16(operand >> (48 - 16*i))
		}
		c.FP = FP11{FPS: fps & fpsWritable, FEC: 2, FEA: 4}
		for i := range c.FP.AC {
			c.FP.AC[i] = ac
		}
		before := c.FP
		c.Run(1)
		if c.Traps&trapAborts != 0 && c.FP != before {
			t.Errorf("%06o aborted and changed %+v to %+v", ir, before, c.FP)
		}
		if c.FP.FPS&^fpsWritable != 0 {
			t.Errorf("%06o: FPS %06o", ir, c.FP.FPS)
		}
		if c.FP.FEC&1 != 0 || c.FP.FEC > fecUndefined {
			t.Errorf("%06o: FEC %o", ir, c.FP.FEC)
		}
		if fps&fpsFID != 0 && ir&0177700 != 0170100 && c.Traps&TrapFPP != 0 {
			t.Errorf("%06o: trap in spite of FID", ir)
		}
	})
}
