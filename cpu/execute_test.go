package cpu

import (
	"testing"
)

// TestInstructions runs short programs to their HALT. Where the handbook
// (PDP-11/70 Processor Handbook, chapter 4) gives an example, it is that.
func TestInstructions(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		flags      string
		regs       [6]uint16
		words      map[string]uint16
	}{
		// Single operands.
		{name: "clr", code: "mov $177777,r1; sec; clr r1", flags: "z"},
		{name: "clrb of a register", code: "mov $177777,r1; clrb r1", flags: "z", regs: [6]uint16{1: 0177400}},
		{name: "com", code: "mov $13333,r0; com r0", flags: "nc", regs: [6]uint16{0164444}},
		{name: "inc", code: "mov $333,r2; scc; inc r2", flags: "c", regs: [6]uint16{2: 0334}},
		{name: "inc to the sign", code: "mov $77777,r2; inc r2", flags: "nv", regs: [6]uint16{2: 0100000}},
		{name: "inc to zero leaves C", code: "mov $-1,r2; clc; inc r2", flags: "z"},
		{name: "dec", code: "mov $1,r5; sec; dec r5", flags: "zc"},
		{name: "dec from the sign", code: "mov $100000,r5; clc; dec r5", flags: "v", regs: [6]uint16{5: 077777}},
		{name: "neg", code: "mov $10,r0; neg r0", flags: "nc", regs: [6]uint16{0177770}},
		{name: "neg 0", code: "sec; clr r0; neg r0", flags: "z"},
		{name: "neg of the least", code: "mov $100000,r0; neg r0", flags: "nvc", regs: [6]uint16{0100000}},
		{name: "tst", code: "mov $12340,r1; scc; tst r1", regs: [6]uint16{1: 012340}},
		{name: "comb of the low byte", code: "mov $1,r0; comb r0", flags: "nc", regs: [6]uint16{0376}},
		{name: "incb carries nothing over", code: "mov $377,r0; clc; incb r0", flags: "z"},
		{name: "decb at an odd address", code: "sec; decb b+1; mov b,r0", words: map[string]uint16{"b": 1}, regs: [6]uint16{1}, flags: "c"},
		{name: "negb", code: "mov $200,r0; negb r0", flags: "nvc", regs: [6]uint16{0200}},
		{name: "asr", code: "mov $100001,r0; asr r0", flags: "nc", regs: [6]uint16{0140000}},
		{name: "asl", code: "mov $100000,r0; asl r0", flags: "zvc"},
		{name: "ror", code: "mov $2,r0; sec; ror r0", flags: "nv", regs: [6]uint16{0100001}},
		{name: "rol", code: "mov $40000,r0; sec; rol r0", flags: "nv", regs: [6]uint16{0100001}},
		{name: "rorb", code: "mov $401,r0; clc; rorb r0", flags: "zvc", regs: [6]uint16{0400}},
		{name: "rolb at an odd address", code: "sec; rolb b+1; mov b,r0", words: map[string]uint16{"b": 01401}, regs: [6]uint16{01401}},
		{name: "asrb", code: "mov $201,r0; asrb r0", flags: "nc", regs: [6]uint16{0300}},
		{name: "aslb", code: "mov $300,r0; aslb r0", flags: "nc", regs: [6]uint16{0200}},
		{name: "swab", code: "mov $77777,r1; scc; swab r1", regs: [6]uint16{1: 0177577}},
		{name: "adc", code: "mov $77777,r0; sec; adc r0", flags: "nv", regs: [6]uint16{0100000}},
		{name: "adc to zero", code: "mov $-1,r0; sec; adc r0", flags: "zc"},
		{name: "adcb", code: "mov $1377,r0; sec; adcb r0", flags: "zc", regs: [6]uint16{01000}},
		{name: "sbc", code: "clr r0; sec; sbc r0", flags: "nc", regs: [6]uint16{0177777}},
		{name: "sbc from the sign", code: "mov $100000,r0; sec; sbc r0", flags: "v", regs: [6]uint16{077777}},
		{name: "sxt", code: "sen; sxt r0", flags: "n", regs: [6]uint16{0177777}},
		{name: "sxt plus", code: "mov $5,r0; cln; sev; sxt r0", flags: "z"},

		// Double operands.
		{name: "mov leaves C", code: "sec; mov $100000,r0", flags: "nc", regs: [6]uint16{0100000}},
		{name: "movb extends the sign", code: "movb $200,r0", flags: "n", regs: [6]uint16{0177600}},
		{name: "movb to memory does not", code: "movb $200,b; mov b,r0", words: map[string]uint16{"b": 0600}, regs: [6]uint16{0600}},
		{name: "cmp", code: "cmp $1,$2", flags: "nc"},
		{name: "cmp across the sign", code: "cmp $100000,$1", flags: "v"},
		{name: "cmpb", code: "cmpb $177,$200", flags: "nvc"},
		{name: "add", code: "mov $20,r0; mov $30,r1; add r0,r1", regs: [6]uint16{020, 050}},
		{name: "add overflows", code: "mov $77777,r0; add $1,r0", flags: "nv", regs: [6]uint16{0100000}},
		{name: "add carries", code: "mov $-1,r0; add $1,r0", flags: "zc"},
		{name: "sub", code: "mov $11111,r1; mov $12345,r2; sub r1,r2", regs: [6]uint16{1: 011111, 2: 01234}},
		{name: "sub borrows", code: "clr r0; sub $1,r0", flags: "nc", regs: [6]uint16{0177777}},
		{name: "bit", code: "bit $14,$10"},
		{name: "bic", code: "mov $1234,r3; mov $1111,r4; bic r3,r4", regs: [6]uint16{3: 01234, 4: 0101}},
		{name: "bis", code: "mov $1234,r0; mov $1111,r1; bis r0,r1", regs: [6]uint16{01234, 01335}},
		{name: "bicb bisb", code: "mov $125252,r0; bicb $360,r0; bisb $5,r0", regs: [6]uint16{0125017}},
		{name: "xor", code: "mov $1234,r0; mov $1111,r2; xor r0,r2", regs: [6]uint16{01234, 0, 0325}},

		// Registers pairs.
		{name: "mul into an odd register", code: "mov $400,r1; mul $10,r1", flags: "", regs: [6]uint16{1: 04000}},
		{name: "mul into a pair", code: "mov $-2,r0; mul $77777,r0", flags: "nc", regs: [6]uint16{0177777, 2}},
		{name: "div", code: "clr r0; mov $20001,r1; div $2,r0", regs: [6]uint16{010000, 1}},
		{name: "div, remainder as the dividend", code: "mov $-1,r0; mov $-7,r1; div $2,r0", flags: "n", regs: [6]uint16{0177775, 0177777}},
		{name: "ash left", code: "mov $1,r0; ash $3,r0", regs: [6]uint16{010}},
		{name: "ash left loses the sign", code: "mov $40000,r0; ash $1,r0", flags: "nv", regs: [6]uint16{0100000}},
		{name: "ash right", code: "mov $100001,r0; ash $-1,r0", flags: "nc", regs: [6]uint16{0140000}},
		{name: "ash takes six bits", code: "mov $1,r0; ash $177702,r0", regs: [6]uint16{4}},
		{name: "ashc left", code: "mov $1,r0; mov $100000,r1; ashc $1,r0", regs: [6]uint16{3}},
		{name: "ashc right", code: "mov $1,r0; clr r1; ashc $-1,r0", regs: [6]uint16{0, 0100000}},
		{name: "ashc of an odd register rotates", code: "mov $1,r1; ashc $-1,r1", flags: "c", regs: [6]uint16{1: 0100000}},
		{name: "sob", code: "mov $5,r0; clr r1; 1: inc r1; sob r0,1b", regs: [6]uint16{0, 5}},

		// Addressing.
		{name: "autoincrement by word and byte", code: "mov $b,r0; mov r0,r1; tst (r0)+; tstb (r1)+; sub $b,r0; sub $b,r1", regs: [6]uint16{2, 1}},
		{name: "bytes through SP and PC step by words", code: "mov sp,r0; movb $1,-(sp); sub sp,r0; tstb (sp)+", flags: "", regs: [6]uint16{2}},
		{name: "deferred", code: "mov $pb,r0; mov *(r0)+,r1; mov *-(r0),r2; mov *pb,r3; mov *$b,r4; clr r0", flags: "z", regs: [6]uint16{1: 0401, 2: 0401, 3: 0401, 4: 0401}},
		{name: "indexed", code: "mov $b-4,r0; mov 4(r0),r1; mov $pb-4,r0; mov *4(r0),r2; clr r0", flags: "z", regs: [6]uint16{1: 0401, 2: 0401}},
		{name: "source before destination", code: "mov $b,r0; mov r0,(r0)+; mov b,r1; sub r0,r1; clr r0", flags: "z", regs: [6]uint16{1: 0177776}},

		// Control.
		{name: "jsr and rts", code: "mov $7,r5; jsr r5,1f; 5; halt; 1: mov (r5)+,r0; mov (sp),r1; rts r5", regs: [6]uint16{5, 7, 0, 0, 0, 7}},
		{name: "jsr pc through the stack", code: "mov $1f,-(sp); jsr pc,*(sp)+; inc r0; br 2f; 1: inc r1; jsr pc,*(sp)+; inc r0; 2: tst (sp)+; clc; tst r0", regs: [6]uint16{1, 1}},
		{name: "branches, signed", code: "cmp $-1,$1; blt 1f; halt; 1: bgt 2f; ble 1f; 2: halt; 1: bge 2b; bne 1f; halt; 1: inc r0; clc; tst r0", regs: [6]uint16{1}},
		{name: "branches, unsigned", code: "cmp $-1,$1; bhi 1f; halt; 1: blos 2f; bcc 1f; 2: halt; 1: bcs 2b; bmi 1f; halt; 1: bvc 1f; halt; 1: inc r0; tst r0", regs: [6]uint16{1}},
		{name: "mark", code: `
				mov $100,r5; mov r5,-(sp); mov $1,-(sp); mov $2,-(sp); mov $mark+2,-(sp)
				mov sp,r5; jsr pc,1f; br 2f
			1:	mov 2(r5),r0; rts r5
			2:	mov sp,r1; sub $1000,r1; tst r0`, regs: [6]uint16{2, 0, 0, 0, 0, 0100}},
		{name: "codes", code: "ccc; sez|sec; clc", flags: "z"},
		{name: "spl", code: "spl 3; mov *$psw,r0; bic $!340,r0; spl 7; tst r0", regs: [6]uint16{0140}},

		// The processor status word as a memory location.
		{name: "psw read", code: "scc; mov *$psw,r0; bic $!17,r0", regs: [6]uint16{017}, flags: "c"},
		{name: "psw written: codes are the operand's", code: "mov $353,*$psw", flags: "nvc"},
		{name: "psw by byte", code: "movb $356,*$psw", flags: "nzv"},
		{name: "psw has no bits 8-10", code: "bis $3400,*$psw; mov *$psw,r0; bic $3400,r0; bic $!174000,r0", flags: "z"},
		{name: "second register set", code: "mov $1,r0; mov $4340,*$psw; mov $2,r0; mov $340,*$psw; tst r0", regs: [6]uint16{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.code+"; halt; b: 401; pb: b\n")
			r.halts(t)
			if f := flags(r.PSW()); f != tt.flags {
				t.Errorf("condition codes %q, want %q", f, tt.flags)
			}
			if got := [6]uint16(r.R[:6]); got != tt.regs {
				t.Errorf("registers %06o, want %06o", got, tt.regs)
			}
			r.wantWords(t, tt.words)
		})
	}
}
