package lockstep

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"v7em/asm"
)

// cpuView is all that one machine shows after a case.
type cpuView struct {
	what string
	at   uint32 // physical
}

// cpuViews lists what a case is compared in.
func cpuViews(prog *cpuProgram, deep bool) []cpuView {
	var vs []cpuView
	for i, n := range cpuSaved {
		vs = append(vs, cpuView{n, uint32(prog.at("saved")) + 2*uint32(i)})
	}
	for i := range cpuZoneWords {
		a := cpuZone + 2*uint32(i)
		vs = append(vs, cpuView{fmt.Sprintf("memory %06o", a), a})
	}
	for _, m := range []struct {
		name string
		at   uint32
	}{{"kernel", 0172300}, {"super", 0172200}, {"user", 0177600}} {
		for i := range uint32(32) {
			name := fmt.Sprintf("%s %cP%cR%d", m.name, "ID"[i>>3&1], "DA"[i>>4], i&7)
			at := 017600000 | m.at + 2*i
			switch name {
			case "kernel IPDR1":
				at = uint32(prog.at("pdr1"))
			case "kernel IPAR1":
				at = uint32(prog.at("par1"))
			}
			if i < 16 || deep {
				vs = append(vs, cpuView{name, at})
			}
		}
	}
	if deep && prog.model.is70 {
		for a := uint32(0170200); a < 0170400; a += 2 {
			vs = append(vs, cpuView{fmt.Sprintf("Unibus map %06o", a), 017600000 | a})
		}
		vs = append(vs, cpuView{"memory error", 017777744}, cpuView{"cache control", 017777746})
	}
	return vs
}

// String shows the instruction and the state it started in.
func (c *cpuCase) String() string {
	var b strings.Builder
	h := &c.header
	text, n := "(not planted)", 0
	if c.planted {
		text, n = asm.Disasm(func(i int) uint16 { return c.code[i] }, h[recPC])
	}
	fmt.Fprintf(&b, "%s %06o (%d words) at %06o, PSW %06o, flags %o\n", text, c.code, n, h[recPC], h[recPSW], h[recFlags])
	fmt.Fprintf(&b, "  R %06o\n  R' %06o\n  KSP %06o SSP %06o USP %06o (mode 2: %06o) limit %06o PIRQ %06o MMR0 %06o MMR3 %06o\n",
		h[recRegs:recRegs+6], h[recRegs+6:recRegs+12], h[recKSP], h[recSSP], h[recUSP], h[recSP2], h[recStackLimit], h[recPIRQ], h[recMMR0], h[recMMR3])
	fmt.Fprintf(&b, "  patches %06o\n", c.patches)
	if c.mmuOn() {
		for s := range 8 {
			if s>>1 != 2 {
				fmt.Fprintf(&b, "  %s%c PAR %06o PDR %06o\n", []string{"kernel", "super", "", "user"}[s>>1], "ID"[s&1], c.conf.par[s], c.conf.pdr[s])
			}
		}
	}
	return b.String()
}

// cpuDiagnose runs a case that failed on both machines and lists what differs:
// alone or, where it needs them, with cases before it.
func cpuDiagnose(path, dir string, x *cpuMachine, b *cpuBatch, c *cpuCase) (string, error) {
	last := slices.Index(b.cases, c)
	for before := 0; ; before = min(2*before+1, last) {
		diff, err := cpuCompare(path, dir, x, b, b.cases[last-before:last+1])
		if err != nil || diff != "" || before == last {
			return fmt.Sprintf("%safter %d others\n%s", c, before, diff), err
		}
	}
}

// cpuStrayed finds the case at which SIMH lost its way, in a batch that it did
// not finish.
func cpuStrayed(path, dir string, x *cpuMachine, b *cpuBatch) *cpuCase {
	n := sort.Search(len(b.cases), func(n int) bool {
		part := *b
		x.begin(&part)
		for _, c := range b.cases[:n+1] {
			x.run(c.record())
		}
		x.end(&part)
		rs, err := cpuSIMH(path, dir, x.prog, []*cpuBatch{&part}, "")
		return err != nil || rs[0].count != n+1 || rs[0].sum != part.sum()
	})
	return b.cases[min(n, len(b.cases)-1)]
}

// cpuCompare runs cases on both machines and lists what differs after the last.
func cpuCompare(path, dir string, x *cpuMachine, b *cpuBatch, cases []*cpuCase) (string, error) {
	part := *b
	x.begin(&part)
	var s strings.Builder
	for _, c := range cases {
		if why := x.run(c.record()); why != accepted {
			fmt.Fprintf(&s, "  here it cannot be used (%d)\n", why)
		}
	}
	x.end(&part)
	views := cpuViews(x.prog, cases[len(cases)-1].header[recFlags]&flagDeep != 0)
	var dump strings.Builder
	for _, v := range views {
		fmt.Fprintf(&dump, "ex %o\n", v.at)
	}
	fmt.Fprintf(&dump, "ex %o-157776\n", cpuTabOn)
	rs, err := cpuSIMH(path, dir, x.prog, []*cpuBatch{&part}, dump.String())
	if err != nil {
		return s.String(), err
	}
	if rs[0].bad == 0 && rs[0].sum == part.sum() {
		return s.String(), nil
	}
	for a := uint32(cpuTabOn); a < 0160000; a += 2 {
		if w := rs[0].seen.at(a); (a < cpuZone || a >= cpuZone+2*cpuZoneWords) && w != part.mem[a/2] {
			fmt.Fprintf(&s, "  memory %06o, which is no case's, is %06o, with SIMH %06o\n", a, part.mem[a/2], w)
		}
	}
	for _, v := range views {
		var ours uint16
		if v.at >= 017000000 {
			ours, _ = x.page.Read(v.at & 0777777)
		} else {
			ours = x.mem[v.at/2]
		}
		if simh := rs[0].seen.at(v.at); simh != ours {
			fmt.Fprintf(&s, "  %s is %06o, with SIMH %06o\n", v.what, ours, simh)
		}
	}
	return s.String(), nil
}
