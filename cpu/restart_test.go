package cpu

import (
	"slices"
	"testing"

	"v7em/mmu"
)

// TestRestart has user programs abort on pages that are not there yet, takes
// the registers back by MMR1, brings the page in and starts the instruction
// again where MMR2 says, as an operating system would (PDP-11/70 Processor
// Handbook, "Memory Management", fault recovery). The outcome is that of a run
// with all pages in.
func TestRestart(t *testing.T) {
	for _, code := range []string{
		"mov (r0)+,(r1)+",
		"mov -(r0),-(r1)",
		"mov *(r0)+,*(r1)+",
		"mov *-(r0),*-(r1)",
		"mov 4(r0),6(r1)",
		"mov *0(r0),*0(r1)",
		"mov (r0)+,(r0)+",
		"mov -(sp),(r1)",
		"mov (r0),-(sp)",
		"mov $5,(r1)+",
		"mov *$40000,*$60002",
		"movb (r0)+,(r1)+",
		"movb -(r0),*(r1)+",
		"cmp (r0)+,(r1)+",
		"cmpb -(r0),-(r1)",
		"bit (r0)+,-(r1)",
		"add (r0)+,*(r1)+",
		"sub -(r0),*-(r1)",
		"bisb (r0)+,(r1)+",
		"bicb -(r0),*(r1)+",
		"xor r2,(r1)+",
		"mul (r0)+,r2",
		"div *(r0)+,r2",
		"ash -(r0),r2",
		"ashc (r0)+,r2",
		"inc (r0)+",
		"decb -(r0)",
		"neg *(r0)+",
		"sec; adc -(r1)",
		"rol *-(r1)",
		"clr (r0)+",
		"clrb *(r0)+",
		"sen; sxt (r0)+",
		"swab -(r0)",
		"tst (r0)+",
		"jsr r5,2(r4)",
		"jsr pc,*(r3)+",
		"mov $here,(sp); rts pc; here:",
		"mfpi (r0)+",
		"mfpi *-(r0)",
		"mfpi r2",
		"mtpi (r1)+",
		"mtpi *-(r1)",
		"mtpi r2",
	} {
		t.Run(code, func(t *testing.T) {
			whole, n := runPaged(t, code, true)
			if n != 0 {
				t.Fatalf("%d aborts with all pages in", n)
			}
			paged, n := runPaged(t, code, false)
			if n == 0 {
				t.Fatal("no abort: the test shows nothing")
			}
			if paged.R != whole.R || paged.PSW() != whole.PSW() {
				t.Errorf("registers %06o PSW %06o, want %06o PSW %06o", paged.R, paged.PSW(), whole.R, whole.PSW())
			}
			if !slices.Equal(paged.m.Mem[040000/2:], whole.m.Mem[040000/2:]) {
				t.Error("memory differs")
			}
		})
	}
}

// runPaged runs user code that is followed by an EMT. Pages 1-4 hold pointers to
// each other; r0 points into page 2, r1 into page 3, sp into page 1, and r3 and
// r4 to a return in page 0. What is not in is brought in on an abort, of which it
// returns the number.
func runPaged(t *testing.T, code string, in bool) (r *rig, aborts int) {
	t.Helper()
	r = newRig(t, code+"; emt 0\n.=[.+200]&177600\nlanding: emt 0; emt 0; emt 0\npointer: landing; landing\n")
	user := mmu.User << 1
	for page := range uint16(8) {
		r.m.PAR[mmu.Kernel<<1][page], r.m.PAR[user][page] = page<<7, page<<7
		r.m.PDR[mmu.Kernel<<1][page] = 077406
		if page == 0 || in {
			r.m.PDR[user][page] = 077406
		}
	}
	r.m.PAR[mmu.Kernel<<1][7] = 0177600
	r.m.MMR0 = mmu.MMR0Enable
	for page := uint16(1); page <= 4; page++ {
		for a := page << 13; a < (page+1)<<13; a += 2 {
			r.put(a, (page%4+1)<<13|a&01776|020)
		}
	}
	r.SetPSW(0170000)
	r.R = [8]uint16{040100, 060200, 0123, r.at("pointer"), r.at("landing") - 2, 020344, 020300, codeAt}
	for range 10 {
		r.Halted = false
		r.toHalt(t)
		if r.trapped() != 0250 {
			break
		}
		aborts++
		where := r.m.MMR0
		if where&mmu.MMR0NonResident == 0 || where>>5&3 != mmu.User {
			t.Fatalf("abort with MMR0 %06o", where)
		}
		psw := r.word(r.R[6] + 2)
		r.R[6] += 4
		r.SetPSW(psw)
		for change := r.m.MMR1; change != 0; change >>= 8 {
			r.R[change&7] -= uint16(int8(change) >> 3)
		}
		r.R[7] = r.m.MMR2
		r.m.Write(mmu.RegUser+uint32(where&016), 077406, 0177777)
		r.m.Write(mmu.RegMMR0, mmu.MMR0Enable, 0177777)
	}
	if v := r.trapped(); v != 030 {
		t.Fatalf("ended with a trap through %03o, PC %06o", v, r.word(r.R[6]))
	}
	// Back to the user's registers, for comparison.
	pc, psw := r.word(r.R[6]), r.word(r.R[6]+2)
	r.R[6] += 4
	r.SetPSW(psw)
	r.R[7] = pc
	return r, aborts
}
