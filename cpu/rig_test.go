package cpu

import (
	"fmt"
	"strings"
	"testing"

	"v7em/asm"
	"v7em/mmu"
)

// rig is a processor with memory, MMU and their registers on a bus that has
// nothing else but interrupt requests.
type rig struct {
	*CPU
	m    *mmu.MMU
	prog *asm.Program

	requests [8]uint16 // vector by level
	resets   int
}

func (r *rig) Level() int {
	for l := 7; l > 0; l-- {
		if r.requests[l] != 0 {
			return l
		}
	}
	return 0
}

func (r *rig) Grant(level int) uint16 {
	v := r.requests[level]
	r.requests[level] = 0
	return v
}

func (r *rig) Reset() { r.resets++ }

func (r *rig) Read(addr uint32) (uint16, bool) {
	if addr >= regMemErrLow || addr == RegSwitches {
		return r.CPU.Read(addr)
	}
	return r.m.Read(addr)
}

func (r *rig) Write(addr uint32, v, mask uint16) bool {
	if addr >= regMemErrLow || addr == RegSwitches {
		return r.CPU.Write(addr, v, mask)
	}
	return r.m.Write(addr, v, mask)
}

// equates are names that programs may use; every vector leads to a HALT of its
// own (at 0500 and up, see vectorHalt) unless the program says otherwise.
const equates = `
psw = 177776; stklim = 177774; pirq = 177772; cpuerr = 177766
mmr0 = 177572; mmr1 = 177574; mmr2 = 177576; mmr3 = 172516
kipdr = 172300; kdpdr = 172320; kipar = 172340; kdpar = 172360
sipdr = 172200; sdpdr = 172220; sipar = 172240; sdpar = 172260
uipdr = 177600; udpdr = 177620; uipar = 177640; udpar = 177660
`

// codeAt is where programs are put and the kernel's stack ends.
const codeAt = 01000

// newRig assembles a program, which starts at its label start or else at its
// beginning, on an 11/70 without floating point with 128 KB. The vectors halt; see
// trapped. The priority is 7.
func newRig(tb testing.TB, source string) *rig {
	tb.Helper()
	return newModelRig(tb, true, source)
}

func newModelRig(tb testing.TB, is70 bool, source string) *rig {
	tb.Helper()
	p, err := asm.AssembleString("test", equates+source, asm.Options{Origin: codeAt})
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{prog: p}
	if r.m, err = mmu.New(128<<10, is70); err != nil {
		tb.Fatal(err)
	}
	r.m.IO = r
	r.CPU = New(r.m, r, is70, true)
	for vector := uint16(4); vector < 0400; vector += 4 {
		r.put(vector, vectorHalt(vector))
		r.put(vector+2, 0340)
	}
	image, err := p.Image()
	if err != nil {
		tb.Fatal(err)
	}
	for i, b := range image {
		a := codeAt + i
		r.m.Mem[a/2] |= uint16(b) << (a & 1 << 3)
	}
	start, ok := p.Lookup("start")
	if !ok {
		start = codeAt
	}
	r.SetPSW(0340)
	r.R[6] = codeAt
	r.Start(start)
	return r
}

// vectorHalt is where a vector that a program leaves alone leads to.
func vectorHalt(vector uint16) uint16 { return 0500 + vector/2 }

// trapped is the vector that led to the HALT at which the machine stands, 0 for
// none.
func (r *rig) trapped() uint16 {
	if a := r.R[7] - 2; r.Halted && a >= vectorHalt(0) && a < vectorHalt(0400) {
		return (a - vectorHalt(0)) * 2
	}
	return 0
}

func (r *rig) put(addr, v uint16) { r.m.Mem[addr/2] = v }

func (r *rig) word(addr uint16) uint16 { return r.m.Mem[addr/2] }

// at is the address of a label.
func (r *rig) at(name string) uint16 {
	v, ok := r.prog.Lookup(name)
	if !ok {
		panic("no label " + name)
	}
	return v
}

// toHalt runs until the processor stops for another reason than the I/O page.
func (r *rig) toHalt(tb testing.TB) Stop {
	tb.Helper()
	for range 10_000 {
		if s := r.Run(1000); s != StopIO && s != StopLimit {
			return s
		}
	}
	tb.Fatalf("does not halt: PC %06o PSW %06o", r.R[7], r.PSW())
	return 0
}

// halts runs a program that is to end at its own HALT.
func (r *rig) halts(tb testing.TB) {
	tb.Helper()
	if s := r.toHalt(tb); s != StopHalt {
		tb.Fatalf("stopped for reason %d at %06o", s, r.R[7])
	}
	if v := r.trapped(); v != 0 {
		tb.Fatalf("trapped through %03o, with PC %06o PSW %06o on the stack, CPU error %03o", v, r.word(r.R[6]), r.word(r.R[6]+2), r.CPUError)
	}
}

// traps runs a program that is to end in a trap through a vector, and returns
// the PC and PSW that were pushed.
func (r *rig) traps(tb testing.TB, vector uint16) (pc, psw uint16) {
	tb.Helper()
	if s := r.toHalt(tb); s != StopHalt {
		tb.Fatalf("stopped for reason %d at %06o", s, r.R[7])
	}
	if v := r.trapped(); v != vector {
		tb.Fatalf("at PC %06o: trap through %03o, want %03o", r.R[7], v, vector)
	}
	return r.word(r.R[6]), r.word(r.R[6] + 2)
}

// flags shows condition codes as letters.
func flags(psw uint16) string {
	var b strings.Builder
	for i, c := range "nzvc" {
		if psw>>(3-i)&1 != 0 {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// wantWords compares named words of memory: "label" or "label+offset" in octal.
func (r *rig) wantWords(tb testing.TB, want map[string]uint16) {
	tb.Helper()
	for name, w := range want {
		label, offset, _ := strings.Cut(name, "+")
		var n uint16
		if offset != "" {
			if _, err := fmt.Sscanf(offset, "%o", &n); err != nil {
				tb.Fatal(err)
			}
		}
		if got := r.word(r.at(label) + n); got != w {
			tb.Errorf("%s is %06o, want %06o", name, got, w)
		}
	}
}
