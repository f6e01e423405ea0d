package lockstep

import (
	"fmt"
	"strings"
	"testing"

	"v7em/asm"
)

// The integer cases run inside the machine, in a harness that is the same
// bytes on both sides. A case is a record in memory; for each the harness
// fills the zone, the only memory that a case may change, from a table of
// words, applies the record's patches, loads the relocation registers, both
// register sets, the stack pointers and the status registers, and enters the
// instruction by RTT (so that the T bit stops after it) or by a write of the
// PSW and a JMP (no T bit; any stack pointer). Every vector leads to stub,
// which collects what a program can see and folds it, with the zone and the
// page descriptors, into 32 bits.
//
// The records are made while our machine runs the harness case by case: a case
// that disturbs anything but zone, vectors and the harness's own cells is not
// used, and the others get the 32 bits as what to expect. SIMH then runs the
// same records, compares in the machine, and says which failed.

// Memory of the harness, physical. The records, and what else is not the same
// on both machines, lie above 64 KB, out of the cases' reach. SIMH's loader
// does not reach there either: it gets them in two steps, the program first
// moving the records from where they are loaded.
const (
	cpuOrigin = 0400 // vectors below, cells and code above, to 020000 at most
	cpuTabOn  = 020000
	cpuTabOff = 030000
	cpuConfs  = 040000
	cpuZone   = 0154600
	cpuLow    = 0160000 // end of what can be reached with the MMU off

	cpuHigh    = 0200000 // count of failures, the first failures, records
	cpuFailed  = cpuHigh + 2
	cpuRecs    = cpuHigh + 020
	cpuHighEnd = cpuHigh + cpuLow - cpuTabOn

	cpuMemory    = 128 << 10
	cpuHighWords = (cpuMemory - cpuHigh) / 2

	cpuZoneWords = 128
	cpuTabWords  = 2048
	cpuConfWords = 96
	cpuNumConfs  = 32
	cpuMaxFailed = (cpuRecs - cpuFailed) / 2
	cpuConfKPAR  = 2 * 16 // offset of the kernel's I PAR in a configuration
	maxPatches   = 16
	maxRecord    = 2 * (recPatches + 2 + 2*maxPatches) // bytes, with the zero word behind it
)

// A record, in words: its length in bytes, the two halves of the result
// expected, then what the harness has from rec on: the address of the
// configuration (PDR and PAR of kernel, supervisor and user), that of the words
// for the zone, state as listed here, and the number of patches and the patches,
// address and value.
const (
	recLength = iota
	recLow
	recHigh
	recConf
	recFill
	recFlags
	recMMR0
	recMMR3
	recStackLimit
	recPIRQ
	recKSP
	recSSP
	recUSP
	recSP2
	recPC
	recPSW
	recRegs
	recPatches = recRegs + 12
)

// Bits of recFlags.
const (
	flagRTT  = 1 // enter by RTT; KSP is the address of PC and PSW
	flagDeep = 2 // fold in all registers of MMU and Unibus map, and reload them afterwards
	flagNoA  = 4 // leave the A bit of pages written that trap on writing out; see departures
	flagNoR1 = 8 // leave MMR1 out; see departures
)

// cpuVectors are the vectors that lead to the stub. The condition codes of
// their new PSW are the index here plus one.
var cpuVectors = []uint16{04, 010, 014, 020, 024, 030, 034, 0114, 0240, 0244, 0250, 0100, 060, 064}

// cpuSaved names the words from saved on, which a case leaves behind.
var cpuSaved = []string{
	"PSW of vector", "MMR0", "MMR1", "MMR2", "MMR3",
	"R0", "R1", "R2", "R3", "R4", "R5", "R0'", "R1'", "R2'", "R3'", "R4'", "R5'",
	"KSP", "SSP", "USP", "SP of mode 2", "stack limit", "PIRQ", "CPU error", "microbreak", "word 0", "word 2",
}

// cpuProgram is the harness for a model.
type cpuProgram struct {
	*asm.Program
	model cpuModel
}

// at is the address of a label.
func (p *cpuProgram) at(name string) uint16 {
	v, ok := p.Lookup(name)
	if !ok {
		panic("the harness has no " + name)
	}
	return v
}

// cpuAssemble makes the harness for a model.
func cpuAssemble(tb testing.TB, model cpuModel) *cpuProgram {
	tb.Helper()
	var s strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&s, format+"\n", a...) }
	repeat := func(n int, text string) {
		for range n {
			line("%s", text)
		}
	}
	for name, v := range map[string]int{
		"tabon": cpuTabOn, "zone": cpuZone, "zoneend": cpuZone + 2*cpuZoneWords, "lowend": cpuLow,
		"highpar": cpuHigh >> 6, "recs": cpuRecs - cpuHigh, "failed": cpuFailed - cpuHigh, "maxfailed": cpuMaxFailed,
		"psw": 0177776, "stklim": 0177774, "pirq": 0177772, "mbrk": 0177770, "cpuerr": 0177766, "display": 0177570,
		"mmr0": 0177572, "mmr1": 0177574, "mmr2": 0177576, "mmr3": 0172516,
		"kpdr": 0172300, "kpar": 0172340, "spdr": 0172200, "updr": 0177600, "upar": 0177640, "ubmap": 0170200, "memerr": 0177744, "cache": 0177746,
		"rtt1": flagRTT, "deep": flagDeep, "noa": flagNoA, "nor1": flagNoR1, "olow": 2 * recLow, "ohigh": 2 * recHigh,
		"fpar": cpuConfKPAR,
	} {
		line("%s = 0%o", name, v)
	}
	line(`
ptr:	recs		/ record under way, from the start of high memory
count:	0		/ cases done
low:	0		/ result of the last case
high:	0
sumlow:	0		/ of all memory that no case may change
sumhigh: 0
loaded:	0		/ configuration that is loaded
reload:	1		/ it must be loaded again
pdr1:	0		/ what was in the registers that map uses
par1:	0
rec:	.=.+%d.		/ the record from conf on
saved:	.=.+%d.
	.=.+64.
stack:
enter:	mov	cpsw,*$psw	/ from here on it is the case's mode and stack
	jmp	*$0
target	= .-2
cellend:
conf = rec; fill = rec+2; flags = rec+4; cmmr0 = rec+6; cmmr3 = rec+10; cstklim = rec+12; cpirq = rec+14
cksp = rec+16; cssp = rec+20; cusp = rec+22; csp2 = rec+24; cpc = rec+26; cpsw = rec+30; cregs = rec+32
patches = cregs+30`, 2*(recPatches-recConf+1+2*maxPatches), 2*len(cpuSaved))

	line(`
start:	mov	$340,*$psw
	reset
	mov	$stack,sp
	clr	*$kpar
	mov	$177600,*$kpar+16
	mov	$77406,*$kpdr
	mov	$77406,*$kpdr+16
	mov	$1f,*$14	/ a trap, for MMR0 to be as always
	mov	$340,*$16
	bpt
1:	mov	$stack,sp
next:	mov	ptr,r5
	jsr	pc,map
	mov	(r5),r2
	bne	1f
	jmp	done
1:	asr	r2
	sub	$3,r2
	add	$6,r5
	mov	$rec,r1
1:	mov	(r5)+,(r1)+
	sob	r2,1b
	clr	*$mmr0
	mov	fill,r0
	mov	$zone,r1`)
	repeat(cpuZoneWords, "mov (r0)+,(r1)+")
	line("clr *$0; clr *$2")
	for i, v := range cpuVectors {
		line("mov $stub,*$0%o; mov $0%o,*$0%o", v, 0340+i+1, v+2)
	}
	line(`
	mov	$patches,r0
	mov	(r0)+,r2
	beq	2f
1:	mov	(r0)+,r1
	mov	(r0)+,(r1)
	sob	r2,1b
2:	mov	conf,r0		/ PAR and PDR
	cmp	r0,loaded
	bne	1f
	tst	reload
	bne	1f
	jmp	pdronly
1:	mov	r0,loaded
	mov	$kpdr,r1`)
	repeat(32, "mov (r0)+,(r1)+")
	line("mov $spdr,r1")
	repeat(32, "mov (r0)+,(r1)+")
	line("mov $updr,r1")
	repeat(32, "mov (r0)+,(r1)+")
	if model.is70 {
		line("mov $ubmap,r1; mov $100,r2; 1: clr (r1)+; sob r2,1b; mov $-1,*$memerr; clr *$cache")
	}
	line("br 1f")
	line("pdronly: mov fpar+2(r0),*$kpar+2; mov $kpdr,r1")
	repeat(16, "mov (r0)+,(r1)+")
	line("add $40,r0; mov $spdr,r1")
	repeat(16, "mov (r0)+,(r1)+")
	line("add $40,r0; mov $updr,r1")
	repeat(16, "mov (r0)+,(r1)+")
	line(`
1:	mov	flags,reload
	bic	$!deep,reload`)
	if model.is70 {
		line("clr *$mbrk; clr *$cpuerr")
	}
	line(`
	mov	cpc,target
	mov	$10340,*$psw
	mov	cssp,-(sp)
	mtpi	sp
	mov	$20340,*$psw
	mov	csp2,-(sp)
	mtpi	sp
	mov	$30340,*$psw
	mov	cusp,-(sp)
	mtpi	sp
	mov	$4340,*$psw
	mov	$cregs+12.,r5
	mov	(r5)+,r0; mov (r5)+,r1; mov (r5)+,r2; mov (r5)+,r3; mov (r5)+,r4; mov (r5)+,r5
	mov	$340,*$psw
	mov	$cregs,r5
	mov	(r5)+,r0; mov (r5)+,r1; mov (r5)+,r2; mov (r5)+,r3; mov (r5)+,r4; mov (r5)+,r5
	mov	cmmr3,*$mmr3
	mov	cmmr0,*$mmr0
	mov	cstklim,*$stklim
	mov	cpirq,*$pirq
	mov	cksp,sp
	bit	$rtt1,flags
	beq	1f
rtt2:	rtt
1:	jmp	enter

/ map high memory from offset r5 on at kernel page 1, where r5 then points
map:	mov	r5,r0
	ash	$-6,r0
	bic	$!1777,r0
	add	$highpar,r0
	mov	r0,*$kpar+2
	mov	$77406,*$kpdr+2
	bic	$!77,r5
	add	$20000,r5
	clr	*$mmr3
	mov	$1,*$mmr0
	rts	pc

/ SIMH begins here: move what is loaded from tabon to lowend to high memory
move:	mov	$340,*$psw
	mov	$stack,sp
	clr	*$mmr3
	mov	$kpar,r0
	clr	r1
	jsr	pc,pages
	mov	$177600,*$kpar+16
	mov	$upar,r0
	mov	$highpar,r1
	jsr	pc,pages
	mov	$1,*$mmr0
	mov	$30340,*$psw	/ previous mode user
	mov	$tabon,r1
	clr	r0
1:	mov	(r1)+,-(sp)
	mtpi	(r0)+
	cmp	r1,$lowend
	blo	1b
	clr	*$mmr0
	halt

/ eight pages from PAR r0 on, from block r1 on
pages:	mov	$10,r2
1:	mov	$77406,-40(r0)
	mov	r1,(r0)+
	add	$200,r1
	sob	r2,1b
	rts	pc

relay:	iot			/ a trap into another mode goes on to kernel mode
stub:	mov	*$psw,saved
	mov	*$mmr0,saved+2
	mov	*$mmr1,saved+4
	mov	*$mmr2,saved+6
	mov	*$mmr3,saved+10
	clr	*$mmr0
	mov	$340,*$psw
	mov	sp,saved+42
	mov	r0,saved+12; mov r1,saved+14; mov r2,saved+16; mov r3,saved+20; mov r4,saved+22; mov r5,saved+24
	mov	$4340,*$psw
	mov	r0,saved+26; mov r1,saved+30; mov r2,saved+32; mov r3,saved+34; mov r4,saved+36; mov r5,saved+40
	mov	*$stklim,saved+52
	clr	*$stklim
	mov	*$pirq,saved+54
	clr	*$pirq
	mov	$stack,sp
	mov	$10340,*$psw
	mfpi	sp
	mov	(sp)+,saved+44
	mov	$30340,*$psw
	mfpi	sp
	mov	(sp)+,saved+46
	mov	$20340,*$psw
	mfpi	sp
	mov	(sp)+,saved+50
	mov	$340,*$psw`)
	if model.is70 {
		line("mov *$cpuerr,saved+56; mov *$mbrk,saved+60")
	}
	line(`
	mov	*$0,saved+62
	mov	*$2,saved+64
	bit	$nor1,flags
	beq	1f
	clr	saved+4
1:	clr	r1
	clr	r2
	mov	$saved,r0`)
	repeat(len(cpuSaved), "add (r0)+,r1; add r1,r2")
	line("mov $zone,r0")
	repeat(cpuZoneWords, "add (r0)+,r1; add r1,r2")
	line("bit $noa,flags; beq 1f; jmp masked; 1:")
	for _, block := range []string{"kpdr", "spdr", "updr"} {
		line("mov $%s,r0", block)
		repeat(16, "add (r0)+,r1; add r1,r2")
	}
	line(`
unmasked:
	bit	$deep,flags
	bne	1f
	jmp	folded
1:	mov	$kpdr+40,r0
	jsr	pc,fold16
	mov	$spdr+40,r0
	jsr	pc,fold16
	mov	$updr+40,r0
	jsr	pc,fold16`)
	if model.is70 {
		line("mov $ubmap,r0; jsr pc,fold16; jsr pc,fold16; jsr pc,fold16; jsr pc,fold16")
		line("add *$memerr,r1; add r1,r2; add *$cache,r1; add r1,r2")
	}
	line(`
folded:	mov	r1,low
	mov	r2,high
	mov	*$kpdr+2,r0
	bic	$200,r0		/ of which SIMH has its own idea
	mov	r0,pdr1
	mov	*$kpar+2,par1
	mov	ptr,r5
	jsr	pc,map
	cmp	low,olow(r5)
	bne	1f
	cmp	high,ohigh(r5)
	beq	2f
1:	clr	r5
	mov	ptr,r4
	jsr	pc,map
	mov	(r5),r0
	inc	(r5)+
	cmp	r0,$maxfailed
	bhis	3f
	asl	r0
	add	r0,r5
	mov	r4,(r5)
3:	mov	r4,r5
	jsr	pc,map
2:	add	(r5),ptr
	clr	*$mmr0
	inc	count
	mov	count,*$display
	jmp	next

fold16:	mov	$20,r3
1:	add	(r0)+,r1
	add	r1,r2
	sob	r3,1b
	rts	pc

masked:	mov	$kpdr,r0
	jsr	pc,mask16
	mov	$spdr,r0
	jsr	pc,mask16
	mov	$updr,r0
	jsr	pc,mask16
	jmp	unmasked

mask16:	mov	$20,r3
1:	mov	(r0)+,r4
	bit	$100,r4		/ written
	beq	2f
	mov	r4,r5
	bic	$!7,r5
	cmp	r5,$4
	beq	3f
	cmp	r5,$5
	bne	2f
3:	bic	$200,r4
2:	add	r4,r1
	add	r1,r2
	sob	r3,1b
	rts	pc

done:	clr	*$mmr0
	clr	r1
	clr	r2
	mov	$tabon,r0
1:`)
	repeat(16, "add (r0)+,r1; add r1,r2")
	line("cmp r0,$zone; blo 1b; mov $zoneend,r0; 1:")
	repeat(16, "add (r0)+,r1; add r1,r2")
	line(`
	cmp	r0,$lowend
	blo	1b
	mov	r1,sumlow
	mov	r2,sumhigh
	halt
	jmp	start
codeend:`)
	p, err := asm.AssembleString("harness", s.String(), asm.Options{Origin: cpuOrigin})
	if err != nil {
		tb.Fatal(err)
	}
	if len(p.Text)+cpuOrigin > cpuTabOn || len(p.Data) > 0 {
		tb.Fatalf("the harness is too long: %d bytes", len(p.Text))
	}
	return &cpuProgram{p, model}
}
