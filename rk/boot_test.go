package rk_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"v7em/asm"
	"v7em/block"
	"v7em/machine"
	"v7em/rk"
)

// bootSource is the bootstraps in the assembler's language.
var bootSource = map[string]string{
	"rk": `
rkda = 177412
	mov	$2000,sp
	mov	$unit,r0
	mov	$rkda,r1
	mov	$unit*20000,(r1)
	clr	-(r1)
	mov	$-256.,-(r1)
	mov	$5,-(r1)
1:	tstb	(r1)
	bpl	1b
	tst	(r1)
	bmi	2f
	clr	pc
2:	halt
`,
	"rp": `
rpda = 176724
	mov	$2000,sp
	mov	$unit,r0
	mov	$rpda+2,r1
	clr	-(r1)
	clr	-(r1)
	clr	-(r1)
	mov	$-256.,-(r1)
	mov	$unit*400+5,-(r1)
1:	tstb	(r1)
	bpl	1b
	tst	(r1)
	bmi	2f
	clr	pc
2:	halt
`,
}

func TestBootstrapAssembles(t *testing.T) {
	for dev, source := range bootSource {
		for unit := range rk.Drives {
			code, origin, start, err := rk.Bootstrap(dev, unit)
			if err != nil {
				t.Fatal(err)
			}
			if origin != 0o2000 || start != origin {
				t.Errorf("%s%d: origin %o, start %o", dev, unit, origin, start)
			}
			p, err := asm.AssembleString(dev, fmt.Sprintf("unit = %d.\n", unit)+source, asm.Options{Origin: origin})
			if err != nil {
				t.Fatal(err)
			}
			want := make([]uint16, len(p.Text)/2)
			for i := range want {
				want[i] = binary.LittleEndian.Uint16(p.Text[2*i:])
			}
			if !slices.Equal(code, want) {
				t.Errorf("%s%d: the code is\n%06o, its source gives\n%06o", dev, unit, code, want)
			}
		}
	}
}

func TestBootstrapRefuses(t *testing.T) {
	for _, x := range []struct {
		dev  string
		unit int
		want string
	}{
		{"rk", 8, "boot from rk8: there are only drives 0 to 7"},
		{"rp", -1, "boot from rp-1: there are only drives 0 to 7"},
		{"hp", 0, "boot from hp0: only rk and rp drives can be booted from"},
	} {
		if _, _, _, err := rk.Bootstrap(x.dev, x.unit); err == nil || err.Error() != x.want {
			t.Errorf("%s%d: %v, want %s", x.dev, x.unit, err, x.want)
		}
	}
}

// TestBootstrapRuns boots a block that stores what it finds in the registers.
// SIMH's bootstrap for the RK leaves the same: the drive in R0, the address of
// RKCS in R1, 02000 in SP.
func TestBootstrapRuns(t *testing.T) {
	const program = `
	mov	r0,700
	mov	r1,702
	mov	sp,704
	halt
`
	p, err := asm.AssembleString("block 0", program, asm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	boot := make([]byte, block.Size)
	copy(boot, p.Text)
	boot[block.Size-1] = 0o123
	for _, x := range []struct {
		dev    string
		unit   int
		blocks int
		empty  bool // no pack
		csr    uint16
	}{
		{dev: "rk", unit: 0, blocks: rk.RK05Blocks, csr: 0o177404},
		{dev: "rk", unit: 5, blocks: rk.RK05Blocks, csr: 0o177404},
		{dev: "rp", unit: 0, blocks: rk.RP03Blocks, csr: 0o176714},
		{dev: "rp", unit: 7, blocks: rk.RP03Blocks, csr: 0o176714},
		{dev: "rk", unit: 1, empty: true},
		{dev: "rp", unit: 1, empty: true},
	} {
		for _, model := range []machine.Model{machine.PDP1145, machine.PDP1170} {
			m, err := machine.New(machine.Config{Model: model})
			if err != nil {
				t.Fatal(err)
			}
			if !x.empty {
				s := block.NewStore(x.blocks)
				if err := s.WriteBlock(0, boot); err != nil {
					t.Fatal(err)
				}
				attach := m.AttachRK
				if x.dev == "rp" {
					attach = m.AttachRP
				}
				if err := attach(x.unit, machine.MemDisk{Store: s}); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Boot(x.dev, x.unit); err != nil {
				t.Fatal(err)
			}
			if stop := m.Run(1e9); stop != machine.StopHalt {
				t.Errorf("%s%d on %v: stopped by %v", x.dev, x.unit, model, stop)
			}
			if x.empty {
				if pc := m.CPU.Register(0, 7); pc < 0o2000 {
					t.Errorf("%s%d on %v: without pack it halts at %o", x.dev, x.unit, model, pc)
				}
				continue
			}
			want := []uint16{uint16(x.unit), x.csr, 0o2000}
			if got := m.MMU.Mem[0o700/2 : 0o706/2]; !slices.Equal(got, want) {
				t.Errorf("%s%d on %v: R0, R1, SP are %o, want %o", x.dev, x.unit, model, got, want)
			}
			if m.MMU.Mem[0o776/2]>>8 != 0o123 {
				t.Errorf("%s%d on %v: not the whole block was read", x.dev, x.unit, model)
			}
		}
	}
}
