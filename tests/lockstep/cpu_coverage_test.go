package lockstep

import (
	"fmt"

	"v7em/asm"
	"v7em/mmu"
)

// cpuCoverage counts what the cases that were compared exercised.
type cpuCoverage map[string]int

// wanted lists all that the cases for a model must exercise.
func (cpuCoverage) wanted(model cpuModel) (w []string) {
	for _, in := range asm.Table {
		if in.Name != "halt" { // in kernel mode; see TestHalt
			w = append(w, "instruction "+in.Name)
		}
	}
	w = append(w, "halt outside kernel mode", "jmp to a register", "jsr to a register", "reserved instruction",
		"spl in kernel mode", "spl outside kernel mode", "reset in kernel mode", "reset outside kernel mode",
		"rti with trace", "rtt with trace", "wait with trace")
	for spec := range 64 {
		w = append(w, fmt.Sprintf("source %02o", spec), fmt.Sprintf("destination %02o", spec),
			fmt.Sprintf("byte source %02o", spec), fmt.Sprintf("byte destination %02o", spec))
	}
	for _, mode := range cpuModes {
		for set := range 2 {
			for _, m := range []string{"off", "on", "on with D space"} {
				if mode != "mode 2" || m != "on with D space" {
					w = append(w, fmt.Sprintf("%s mode, register set %d, relocation %s", mode, set, m))
				}
			}
		}
		for _, previous := range cpuModes {
			if mode != "mode 2" {
				w = append(w, fmt.Sprintf("MFPx or MTPx in %s mode, previous %s", mode, previous))
			}
		}
	}
	for _, v := range cpuVectors[:11] {
		if v != 024 && v != 0114 && v != 0244 { // power failure, parity error, floating point
			w = append(w, fmt.Sprintf("vector %03o", v))
		}
	}
	w = append(w, "trace trap", "program interrupt", "abort: not resident", "abort: length", "abort: read only", "memory management trap",
		"status registers frozen before", "red stack", "yellow stack", "odd address", "bus timeout", "no such memory", "trap into another mode",
		"write to PSW", "write to byte of PSW", "write to PIRQ", "write to stack limit", "write to MMR0", "write to MMR3", "write to PAR or PDR")
	if model.is70 {
		w = append(w, "22-bit relocation", "write to CPU error", "write to Unibus map", "write to microbreak")
	}
	return w
}

var cpuModes = []string{"kernel", "supervisor", "mode 2", "user"}

// add counts a case that our machine has just done.
func (cov cpuCoverage) add(x *cpuMachine, c *cpuCase) {
	h := &c.header
	psw, mmr0 := h[recPSW], h[recMMR0]
	mode, traced := int(psw>>14), psw&020 != 0
	saved := x.m.Mem[x.savedAt:]
	count := func(ok bool, format string, a ...any) {
		if ok {
			cov[fmt.Sprintf(format, a...)]++
		}
	}

	relocation := "off"
	if c.mmuOn() {
		relocation = "on"
		if h[recMMR3]&[]uint16{4, 2, 0, 1}[mode] != 0 {
			relocation += " with D space"
		}
		count(h[recMMR3]&mmu.MMR3Map22 != 0, "22-bit relocation")
	}
	count(true, "%s mode, register set %d, relocation %s", cpuModes[mode], psw>>11&1, relocation)
	if c.planted {
		cov.addInstruction(c, count)
	}

	// The vector is as good as its new PSW, which a case may have changed.
	if i := int(saved[0] & 017); i > 0 && i <= len(cpuVectors) {
		count(true, "vector %03o", cpuVectors[i-1])
		count(cpuVectors[i-1] == 014 && traced && c.code[0] != opBPT, "trace trap")
	}
	count(x.page.granted != 0, "program interrupt")
	frozen := mmr0&mmu.MMR0Frozen != 0
	count(frozen, "status registers frozen before")
	for bit, what := range map[uint16]string{
		mmu.MMR0NonResident: "abort: not resident", mmu.MMR0Length: "abort: length", mmu.MMR0ReadOnly: "abort: read only",
		mmu.MMR0Trap: "memory management trap",
	} {
		count(!frozen && mmr0&bit == 0 && saved[1]&bit != 0, "%s", what)
	}
	for bit, what := range []string{2: "red stack", "yellow stack", "bus timeout", "no such memory", "odd address", "halt outside kernel mode"} {
		count(what != "" && x.c.CPUError>>bit&1 != 0, "%s", what)
	}
	for _, p := range c.patches {
		count(p[1] == x.prog.at("relay"), "trap into another mode")
	}
	for _, what := range x.page.wrote {
		count(true, "write to %s", what)
	}
}

func (cov cpuCoverage) addInstruction(c *cpuCase, count func(bool, string, ...any)) {
	ir, psw := c.code[0], c.header[recPSW]
	mode, traced := int(psw>>14), psw&020 != 0
	in, ok := asm.Find(ir)
	if !ok {
		count(true, "reserved instruction")
		return
	}
	count(true, "instruction %s", in.Name)
	size := ""
	if in.Byte {
		size = "byte "
	}
	switch in.Format {
	case asm.FmtDouble:
		count(true, "%ssource %02o", size, ir>>6&077)
		count(true, "%sdestination %02o", size, ir&077)
	case asm.FmtSrcReg:
		count(true, "source %02o", ir&077)
	case asm.FmtSingle, asm.FmtRegDst:
		count(true, "%sdestination %02o", size, ir&077)
	}
	where := "outside kernel mode"
	if mode == mmu.Kernel {
		where = "in kernel mode"
	}
	switch in.Name {
	case "jmp", "jsr":
		count(ir&070 == 0, "%s to a register", in.Name)
	case "spl", "reset":
		count(true, "%s %s", in.Name, where)
	case "rti", "rtt", "wait":
		count(traced, "%s with trace", in.Name)
	case "mfpi", "mfpd", "mtpi", "mtpd":
		count(true, "MFPx or MTPx in %s mode, previous %s", cpuModes[mode], cpuModes[psw>>12&3])
	}
}
