package cpu

import (
	"fmt"
	"slices"
	"testing"
)

// TestTraps has one instruction trap in each way there is, in kernel mode
// without relocation unless it says otherwise.
func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		vector     uint16
		pc         string // label of the PC that is pushed
		cpuError   uint16
	}{
		{"halt in user mode", "mov $140340,-(sp); mov $1f,-(sp); rti; 1: halt; after:", 4, "after", errHalt},
		{"word at an odd address", "mov $3,r0; tst (r0); after:", 4, "after", errOdd},
		{"deferred through an odd address", "mov $3,r0; movb *(r0),r1; after:", 4, "after", errOdd},
		{"odd program counter", "mov $1f+1,r0; jmp (r0); 1: nop; odd = 1b+1", 4, "odd", errOdd},
		{"no device", "tst *$160000; after:", 4, "after", errTime},
		{"no memory", `
				mov $77406,*$kipdr; clr *$kipar; mov $77406,*$kipdr+16; mov $177600,*$kipar+16
				mov $77406,*$kipdr+2; mov $4000,*$kipar+2; inc *$mmr0; tst *$20000; after:`, 4, "after", errNXM},
		{"reserved", "7; after:", 010, "after", 0},
		{"reserved, of other models", "75000; after:", 010, "after", 0},
		{"floating point where there is none", "setd; after:", 010, "after", 0},
		{"jump to a register", "jmp r0; after:", 010, "after", 0},
		{"call of a register", "jsr pc,r0; after:", 010, "after", 0},
		{"bpt", "bpt; after:", 014, "after", 0},
		{"iot", "iot; after:", 020, "after", 0},
		{"emt", "emt 377; after:", 030, "after", 0},
		{"trap", "sys 1; after:", 034, "after", 0},
		{"not resident", `
				mov $77406,*$kipdr; clr *$kipar; mov $77406,*$kipdr+16; mov $177600,*$kipar+16
				inc *$mmr0; tst *$20000; after:`, 0250, "after", 0},
		{"memory management trap", `
				mov $77406,*$kipdr; clr *$kipar; mov $77406,*$kipdr+16; mov $177600,*$kipar+16
				mov $77404,*$kipdr+2; clr *$kipar+2; mov $1001,*$mmr0; tst *$20000; after: halt`, 0250, "after", 0},
		{"program interrupt", "mov $2000,*$pirq; spl 0; after: halt", 0240, "after", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.code)
			pc, _ := r.traps(t, tt.vector)
			if want := r.at(tt.pc); pc != want {
				t.Errorf("pushed PC is %06o, want %06o", pc, want)
			}
			if r.CPUError != tt.cpuError {
				t.Errorf("CPU error is %03o, want %03o", r.CPUError, tt.cpuError)
			}
		})
	}
}

// TestTrapStatus looks at what is pushed and loaded: old PSW, previous mode,
// register set, and the new mode's stack.
func TestTrapStatus(t *testing.T) {
	r := newRig(t, `
	mov	$14340,*$psw	/ previous mode supervisor, register set 1
	mov	$2000,-(sp)
	mtpi	sp
	mov	$50012,*$32	/ EMT enters supervisor mode, with V
	mov	$1f,*$30
	mov	$140341,*$psw	/ user mode, C
	emt	0
here:	halt
1:	br	1b
`)
	for range 8 {
		r.Run(1)
	}
	if want := uint16(1<<14 | 3<<12 | 0012); r.PSW() != want {
		t.Errorf("PSW is %06o, want %06o: previous mode is user", r.PSW(), want)
	}
	if r.R[6] != 02000-4 || r.word(02000-2) != 0140341 || r.word(02000-4) != r.at("here") {
		t.Errorf("supervisor stack at %06o holds %06o %06o", r.R[6], r.word(02000-4), r.word(02000-2))
	}
}

// TestTrace follows the T bit (PDP-11/70 Processor Handbook, chapter 4: BPT,
// RTI, RTT). The handler notes each PC that was pushed and goes on.
func TestTrace(t *testing.T) {
	const handler = `
start:	mov	$trace,*$14
	mov	$340,*$16
	mov	$list,r5
	mov	$360,-(sp)	/ the T bit
	mov	$first,-(sp)
	br	go
trace:	mov	(sp),(r5)+
	rtt
list:	.=.+40
go:
`
	for _, tt := range []struct {
		name, code string
		want       []string // labels of the PCs
	}{
		{"RTT lets one instruction through", "rtt; first: nop; a: clr -(sp); b: mov $d,-(sp); c: rti; d: halt", []string{"a", "b", "c", "d"}},
		{"RTI does not", "rti; first: nop; a: clr -(sp); b: mov $d,-(sp); c: rti; d: halt", []string{"first", "a", "b", "c", "d"}},
		{"RTT that clears the T bit is traced for the last time", "rtt; first: clr -(sp); a: mov $c,-(sp); b: rtt; halt; c: nop; halt", []string{"a", "b", "c"}},
		{"a trap instruction is not traced as well", "mov $1f,*$20; clr *$22; rtt; first: iot; 1: mov 2(sp),r0; halt", nil},
		{"an abort is not traced as well", "mov $1f,*$4; clr *$6; rtt; first: tst *$1; 1: mov 2(sp),r0; halt", nil},
		{"a write of the PSW does not set the T bit", "bis $20,*$psw; nop; first: nop; halt", nil},
		{"nor clears it", "rtt; first: clr *$psw; a: clr -(sp); b: mov $d,-(sp); c: rti; d: halt", []string{"a", "b", "c", "d"}},
		{"WAIT does not wait", "rtt; first: wait; a: clr -(sp); b: mov $d,-(sp); c: rti; d: halt", []string{"a", "b", "c", "d"}},
		{"a jump", "rtt; first: jmp a; halt; a: clr -(sp); b: mov $d,-(sp); c: rti; d: halt", []string{"a", "b", "c", "d"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, handler+tt.code)
			r.halts(t)
			list := r.at("list")
			var got, want []string
			for a := list; a < r.R[5]; a += 2 {
				got = append(got, fmt.Sprintf("%06o", r.word(a)))
			}
			for _, label := range tt.want {
				want = append(want, fmt.Sprintf("%06o", r.at(label)))
			}
			if !slices.Equal(got, want) {
				t.Errorf("traced at %s, want %s, %s", got, want, tt.want)
			}
		})
	}
	// The trap that comes instead has the T bit in the PSW it pushes, for its
	// return to be traced.
	r := newRig(t, handler+"mov $1f,*$20; clr *$22; rtt; first: iot; 1: halt")
	r.halts(t)
	if psw := r.word(r.R[6] + 2); psw&PSWT == 0 {
		t.Errorf("a traced IOT pushes PSW %06o", psw)
	}
}

// TestRequestOrder has several requests wait and looks at which is served
// first: a program interrupt before a bus request of its level, the higher
// level first, and none at or below the processor's priority.
func TestRequestOrder(t *testing.T) {
	for _, tt := range []struct {
		name     string
		priority uint16
		pirq     uint16
		bus      map[int]uint16
		want     []uint16 // vectors, in order, until the priority stops them
	}{
		{"bus by level", 3, 0, map[int]uint16{4: 060, 5: 0220, 6: 0100}, []uint16{0100, 0220, 060}},
		{"not at the priority", 5, 0, map[int]uint16{4: 060, 5: 0220, 6: 0100}, []uint16{0100}},
		{"program before bus", 3, 1 << 13, map[int]uint16{5: 0220}, []uint16{0240, 0220}},
		{"bus before a lower program", 3, 1 << 12, map[int]uint16{5: 0220}, []uint16{0220, 0240}},
		{"program levels below the bus's", 0, 1 << 9, map[int]uint16{4: 060}, []uint16{060, 0240}},
		{"level 7", 6, 1<<15 | 1<<9, nil, []uint16{0240}},
		{"none", 7, 0177000, map[int]uint16{7: 0144}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, "1: br 1b\n")
			for l, v := range tt.bus {
				r.requests[l] = v
			}
			r.setPIRQ(tt.pirq)
			r.SetPSW(tt.priority << 5)
			var got []uint16
			for range len(tt.want) + 3 {
				before := r.R[6]
				r.Run(1)
				if r.R[6] == before {
					continue
				}
				vector := (r.R[7] - vectorHalt(0)) * 2
				got = append(got, vector)
				if vector == 0240 { // the service routine takes its request back
					r.setPIRQ(r.PIRQ & 0177000 &^ (1 << (8 + r.PIRQ>>5&7)))
				}
				// and returns
				r.R[6] += 4
				r.R[7] = codeAt
				r.SetPSW(tt.priority << 5)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("served %03o, want %03o", got, tt.want)
			}
		})
	}
}

// TestPIRQ looks at the number of the highest request that the register shows.
func TestPIRQ(t *testing.T) {
	r := newRig(t, "mov $125000,*$pirq; mov *$pirq,r0; movb $2,*$pirq+1; mov *$pirq,r1; clr *$pirq; mov *$pirq,r2; halt")
	r.halts(t)
	if r.R[0] != 0125000|7<<5|7<<1 || r.R[1] != 1<<9|1<<5|1<<1 || r.R[2] != 0 {
		t.Errorf("PIRQ reads %06o, %06o, %06o", r.R[0], r.R[1], r.R[2])
	}
}

// TestInterruptBetween has a request come and go.
func TestInterruptBetween(t *testing.T) {
	r := newRig(t, "spl 0; 1: br 1b")
	r.Run(5)
	r.requests[4] = 060
	r.Run(1)
	if r.R[7] != vectorHalt(060) || r.word(r.R[6]) != codeAt+2 {
		t.Errorf("interrupt at PC %06o with %06o pushed", r.R[7], r.word(r.R[6]))
	}
	// A device that takes its request back between Level and Grant.
	r = newRig(t, "spl 0; 1: br 1b")
	v := &vanishing{left: 3}
	r.ints = v
	r.Run(10)
	if r.R[7] != codeAt+2 || r.R[6] != codeAt || v.left != 0 {
		t.Errorf("requests that vanished led to PC %06o SP %06o", r.R[7], r.R[6])
	}
}

// vanishing makes requests that are gone when they are granted.
type vanishing struct{ left int }

func (v *vanishing) Level() int { return min(v.left, 1) * 4 }

func (v *vanishing) Grant(int) uint16 {
	v.left--
	return 0
}

func (*vanishing) Reset() {}

// TestWait: WAIT ends with an interrupt, whose return is to the instruction
// behind it; without one Run says so and does nothing.
func TestWait(t *testing.T) {
	r := newRig(t, "mov $1f,*$60; clr *$62; spl 0; wait; after: inc r0; halt; 1: mov (sp),r1; rti")
	if s := r.toHalt(t); s != StopWait {
		t.Fatalf("WAIT stops with reason %d", s)
	}
	count := r.Count
	if s := r.Run(100); s != StopWait || r.Count != count || r.R[7] != r.at("after") {
		t.Errorf("waiting on: reason %d, %d instructions, PC %06o", s, r.Count-count, r.R[7])
	}
	r.requests[4] = 060
	r.halts(t)
	if r.R[0] != 1 || r.R[1] != r.at("after") {
		t.Errorf("after WAIT R0 is %o, and %06o was pushed, want %06o", r.R[0], r.R[1], r.at("after"))
	}
	// Requests at or below the priority do not end it.
	r = newRig(t, "spl 4; wait; halt")
	r.requests[4] = 060
	if s := r.toHalt(t); s != StopWait {
		t.Errorf("with a request at the processor's priority WAIT ends with reason %d", s)
	}
}

// TestReset: RESET clears the bus, relocation, the stack limit and the program
// interrupt requests; outside kernel mode it does nothing.
func TestReset(t *testing.T) {
	const set = `
	mov	$2000,sp
	mov	$77406,*$kipdr; clr *$kipar; mov $77406,*$kipdr+16; mov $177600,*$kipar+16
	mov	$77406,*$uipdr; clr *$uipar; mov $77406,*$uipdr+16; mov $177600,*$uipar+16
	mov	$20,*$mmr3
	inc	*$mmr0
	mov	$400,*$stklim
	mov	$2000,*$pirq
`
	r := newRig(t, set+"mov $123,*$177770; reset; mov *$mmr0,r0; mov *$mmr3,r1; mov *$stklim,r2; mov *$pirq,r3; halt")
	r.halts(t)
	if r.resets != 1 || r.R[0]&1 != 0 || r.R[1] != 0 || r.R[2] != 0 || r.R[3] != 0 {
		t.Errorf("%d resets, MMR0 %06o MMR3 %06o stack limit %06o PIRQ %06o", r.resets, r.R[0], r.R[1], r.R[2], r.R[3])
	}
	r = newRig(t, set+"bis $140000,*$psw; reset; emt 0")
	r.traps(t, 030)
	if r.resets != 0 || r.m.MMR0&1 == 0 || r.m.MMR3 != 020 || r.StackLimit != 0400 || r.PIRQ == 0 {
		t.Errorf("in user mode: %d resets, MMR0 %06o MMR3 %06o stack limit %06o PIRQ %06o", r.resets, r.m.MMR0, r.m.MMR3, r.StackLimit, r.PIRQ)
	}
}

// TestSPL: the priority can be set in kernel mode only.
func TestSPL(t *testing.T) {
	r := newRig(t, "bis $140000,*$psw; spl 0; emt 0")
	if _, psw := r.traps(t, 030); psw&0340 != 0340 {
		t.Errorf("SPL in user mode: PSW %06o", psw)
	}
}

// TestReturnProtection: outside kernel mode RTI can go to a mode with fewer
// rights only, and leaves the priority.
func TestReturnProtection(t *testing.T) {
	for _, tt := range []struct{ from, load, want uint16 }{
		{0340, 0170017, 0170017},          // kernel may all
		{0140340, 0000000, 0140340},       // user stays user, and its priority
		{0140340, 0177757, 0174357},       // previous mode and register set can be raised
		{0040340, 0140000, 0140340},       // supervisor to user
		{0050340, 0000017, 0050357},       // supervisor stays, and what was previous
		{0174357, 0140000, 0174340},       // and the register set
		{0000340, 0030200, 0030200},       // kernel lowers its priority
		{0040140, 0040340, 0040140},       // supervisor does not
		{0140000, 0140000, 0140000},       // nothing changes
		{0144000, 0140000 | 017, 0144017}, // but for the codes
	} {
		r := newRig(t, "rtt; halt")
		r.SetPSW(tt.from)
		r.R[6] = 0700
		r.put(0700, codeAt+2)
		r.put(0702, tt.load)
		r.Run(1)
		if r.PSW() != tt.want {
			t.Errorf("RTT with %06o in PSW %06o gives %06o, want %06o", tt.load, tt.from, r.PSW(), tt.want)
		}
	}
}

// TestStackLimit walks a kernel stack to its limit (PDP-11/70 Processor
// Handbook, chapter 2, stack limit register): a reference below limit+0400 traps
// when the instruction is done, one below limit+0340 ends it.
func TestStackLimit(t *testing.T) {
	for _, tt := range []struct {
		limit, sp uint16
		code      string
		vector    uint16 // 030 is the EMT behind it
		cpuError  uint16
	}{
		{0, 0406, "clr -(sp)", 030, 0}, // the EMT ends at 0400
		{0, 0400, "clr -(sp)", 4, errYellow},
		{0, 0342, "clr -(sp)", 4, errYellow},
		{0, 0340, "clr -(sp)", 4, errRed},
		{0400, 01010, "clr -(sp)", 030, 0},
		{0400, 01000, "clr -(sp)", 4, errYellow},
		{0400, 0742, "clr -(sp)", 4, errYellow},
		{0400, 0740, "clr -(sp)", 4, errRed},
		{0400, 0741, "movb r0,-(sp)", 4, errRed},
		{0400, 0740, "jsr pc,after", 4, errRed},
		{0400, 01000, "jsr pc,after", 4, errYellow},
		{0400, 01000, "mov r0,*-(sp)", 4, errYellow},
		{0400, 01000, "tst -(sp)", 4, errYellow},
		{0400, 0740, "mfpi r0", 4, errRed},
		{0400, 0742, "mfpi r0", 4, errYellow},
		{0400, 0740, "iot", 4, errRed},
		{0400, 0744, "iot", 4, errYellow},
		{0400, 0700, "clr (sp); mov $1010,sp", 030, 0},                     // the stack did not grow
		{0400, 0700, "mov (sp)+,r0; mov $1010,sp", 030, 0},                 // nor here
		{0400, 01010, "mov $740,r1; clr -(r1)", 030, 0},                    // this is no stack pointer
		{0400, 01010, "bis $140000,*$psw; mov $400,sp; clr -(sp)", 030, 0}, // nor this the kernel's
	} {
		t.Run(fmt.Sprintf("limit %o, SP %o, %s", tt.limit, tt.sp, tt.code), func(t *testing.T) {
			// The code is behind the stacks.
			r := newRig(t, fmt.Sprintf("none:.=.+1000\nstart: mov $none,r0; mov $%o,*$stklim; mov $%o,sp; %s; after: emt 0\n", tt.limit, tt.sp, tt.code))
			sp := tt.sp
			pc, _ := r.traps(t, tt.vector)
			if r.CPUError != tt.cpuError {
				t.Errorf("CPU error is %03o, want %03o", r.CPUError, tt.cpuError)
			}
			switch {
			case r.CPUError == errRed && (r.R[6] != 0 || pc != r.at("after") && tt.code != "iot"):
				t.Errorf("red stack trap with PC %06o at SP %06o, want %06o at 0", pc, r.R[6], r.at("after"))
			case tt.vector == 4 && r.CPUError == errYellow && tt.code != "iot" && (r.R[6] != sp-6 || pc != r.at("after")):
				t.Errorf("yellow stack trap with PC %06o at SP %06o, want %06o at %06o", pc, r.R[6], r.at("after"), sp-6)
			}
		})
	}
}

// TestRedStackAbort: when the kernel's stack itself cannot be written, a trap
// becomes a red stack trap on the stack at 4.
func TestRedStackAbort(t *testing.T) {
	for _, sp := range []uint16{0170000, 01001} {
		r := newRig(t, fmt.Sprintf("mov $%o,sp; iot; after:", sp))
		pc, _ := r.traps(t, 4)
		if r.R[6] != 0 || pc != r.at("after") || r.CPUError&errRed == 0 {
			t.Errorf("IOT with the stack at %06o: PC %06o at %06o, CPU error %03o", sp, pc, r.R[6], r.CPUError)
		}
	}
}
