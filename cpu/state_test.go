package cpu

import (
	"testing"
)

// TestRunCounts: Run does no more instructions than it is asked to, and Count
// has them all, over traps, interrupts and references to the I/O page.
func TestRunCounts(t *testing.T) {
	r := newRig(t, "mov $1f,*$30; clr *$32; mov $0,*$34; 2: inc r0; emt 0; mov *$psw,r1; br 2b; 1: rti")
	for n := range 400 {
		before := r.Count
		s := r.Run(1 + n%5)
		did := r.Count - before
		if did == 0 || did > uint64(1+n%5) || s == StopLimit && did != uint64(1+n%5) {
			t.Fatalf("Run(%d) did %d and stopped for reason %d", 1+n%5, did, s)
		}
		if r.Instructions() != r.Count {
			t.Fatalf("Instructions is %d after Run, Count %d", r.Instructions(), r.Count)
		}
	}
	// inc, emt, the trap, rti, mov, br
	if loops := (r.Count - 3) / 6; uint64(r.R[0]) < loops || uint64(r.R[0]) > loops+1 {
		t.Errorf("%d times round in %d instructions", r.R[0], r.Count)
	}
}

// TestState: a processor that is given another's state goes on like that one.
func TestState(t *testing.T) {
	const program = `
	mov	$100,r0
	mov	$1f,*$30
	mov	$4340,*$32	/ register set 1
2:	mov	r0,-(sp)
	emt	0
	bis	$140000,*$psw
	mov	r0,sp
	emt	1
	mul	r0,r2
	sob	r0,2b
	halt
1:	inc	r0
	add	r0,r1
	bis	$4,2(sp)
	rti
`
	whole := newRig(t, program)
	for !whole.Halted {
		half := newRig(t, program)
		copy(half.m.Mem, whole.m.Mem)
		half.m.SetState(whole.m.State)
		half.SetState(whole.State)
		whole.Run(3)
		half.Run(3)
		if half.State != whole.State {
			t.Fatalf("after %d instructions\n%+v, want\n%+v", whole.Count, half.State, whole.State)
		}
		if whole.Count > 10_000 {
			t.Fatalf("does not end: PC %06o PSW %06o", whole.R[7], whole.PSW())
		}
	}
	// A state that no processor has is made one of those that can be.
	whole.SetState(State{Mode: 7, PrevMode: 9, Set: 3, Priority: 200})
	if whole.PSW()&0174340 != 0154000 {
		t.Errorf("PSW of an impossible state is %06o", whole.PSW())
	}
}

// TestModels: what an 11/45 has not.
func TestModels(t *testing.T) {
	for _, tt := range []struct {
		reference string
		vector    uint16
	}{
		{"tst *$cpuerr", 4}, {"tst *$177746", 4}, {"tst *$177760", 4}, {"tst *$170200", 4},
		{"tst *$stklim", 030}, {"tst *$pirq", 030}, {"tst *$mmr3", 030}, {"tst *$177570", 030},
	} {
		r := newModelRig(t, false, tt.reference+"; emt 0")
		r.traps(t, tt.vector)
		r = newModelRig(t, true, tt.reference+"; emt 0")
		r.traps(t, 030)
	}
	r := newModelRig(t, false, "mov $177777,*$mmr3; mov *$mmr3,r0; clr *$mmr3; mov $177777,*$kipar+2; mov *$kipar+2,r1; halt")
	r.halts(t)
	if r.R[0] != 7 || r.R[1] != 07777 {
		t.Errorf("11/45: MMR3 reads %06o, a PAR %06o", r.R[0], r.R[1])
	}
}

// TestRegisters writes ones, then zeros, to the processor's registers and looks
// at which bits there are.
func TestRegisters(t *testing.T) {
	for _, tt := range []struct {
		name       string
		addr       uint32
		ones, zero uint16
	}{
		{"stack limit", regStackLimit, 0177400, 0},
		{"PIRQ", regPIRQ, 0177356, 0},
		{"microbreak", regMicroBreak, 0377, 0},
		{"cache control", regCache, 077, 0},
		{"memory size", regLowerSize, 03777, 03777},
		{"upper size", regUpperSize, 0, 0},
		{"CPU error", regCPUError, 0, 0},
	} {
		r := newRig(t, "halt")
		for _, w := range []struct{ v, want uint16 }{{0177777, tt.ones}, {0, tt.zero}} {
			if !r.Write(tt.addr, w.v, 0177777) {
				t.Fatalf("%s cannot be written", tt.name)
			}
			if v, ok := r.Read(tt.addr); !ok || v != w.want {
				t.Errorf("%s reads %06o after a write of %06o, want %06o", tt.name, v, w.v, w.want)
			}
		}
	}
	r := newRig(t, "mov $123456,*$177570; mov *$177570,r0; halt")
	r.Switches = 054321
	r.halts(t)
	if r.Display != 0123456 || r.R[0] != 054321 {
		t.Errorf("display %06o, switches read %06o", r.Display, r.R[0])
	}
	// The CPU error register is cleared by any write.
	r = newRig(t, "mov $1f,*$4; tst *$160000; halt; 1: mov *$cpuerr,r0; mov $177777,*$cpuerr; mov *$cpuerr,r1; halt")
	r.halts(t)
	if r.R[0] != errTime || r.R[1] != 0 {
		t.Errorf("CPU error reads %03o, after a write %03o", r.R[0], r.R[1])
	}
}
