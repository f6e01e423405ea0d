package lockstep

import (
	"slices"
	"testing"

	"v7em/cpu"
	"v7em/mmu"
)

// cpuModel is a machine to compare. Neither has floating point: those
// instructions trap as reserved here, and have a test of their own.
type cpuModel struct {
	name string
	set  []string // SIMH commands
	is70 bool
}

var (
	model70 = cpuModel{"11-70", []string{"set cpu 11/70", "set cpu nofpp", "set cpu 128k"}, true}
	model45 = cpuModel{"11-45", []string{"set cpu 11/45", "set cpu nofpp", "set cpu 128k"}, false}
)

// Registers in the I/O page; mmu has those of the MMU.
const (
	regErrorLow   = 0777740 // and the first of the processor's, but for the switches
	regErrorHigh  = 0777742
	regCache      = 0777746
	regSystemID   = 0777764
	regCPUError   = 0777766
	regMicroBreak = 0777770
	regPIRQ       = 0777772
	regStackLimit = 0777774
	regPSW        = 0777776
)

// cpuPage is the I/O page without devices: processor and MMU only. It watches
// what the instruction under test does there.
type cpuPage struct {
	c *cpu.CPU
	m *mmu.MMU

	is70          bool
	code, codeEnd uint16   // references from kernel code between them are the harness's
	deep          bool     // the case may write registers that only a deep one looks at
	granted       uint8    // levels of program interrupt request that were granted
	reject        reason   // why the case under way cannot be used
	wrote         []string // registers that the case wrote to
}

// reason says why a case is not compared.
type reason int

const (
	accepted reason = iota

	// The case is no good.
	rejHalt      // it halts the machine; see TestHalt
	rejWait      // it waits for ever
	rejRunaway   // the harness was not reached again
	rejDisturbed // it wrote outside the zone
	rejDevice    // it reached for a device that SIMH cannot be without, or the display
	rejSystemID  // it read the system ID, a serial number
	rejRecords   // it set a PAR so that the records, not all of which are there yet, can be reached

	// It must be tried again, with flagDeep, flagNoA or flagNoR1.
	rejShallow
	rejTrapPage
	rejTrapR1

	// SIMH departs from the handbook; see departures.
	rejReadPDR
	rejMaint
	rejByte
	rejMicroBreak
	rejReadOnly
	rejCache
	rejPIRQ
	rejPushPSW
	rejCSM

	numReasons
)

// departures lists where SIMH 3.8.1 departs from the handbooks. Only these
// cases are left out, and of the first two only the bit and the register are.
var departures = []struct {
	why      reason
	simh     string
	handbook string // the chapter of the PDP-11/70 Processor Handbook, or else as it says
}{
	{rejTrapPage, "a write to a page with access control 4 or 5 loses the A bit that it has just set", "Memory Management: page descriptor register, bit 7"},
	{rejTrapR1, "when taking a trap or interrupt aborts, MMR1 still has the register changes of the instruction before", "Memory Management: MMR1 and MMR2; MMR2 then holds the vector"},
	{rejReadPDR, "the first, where the program reads the page descriptor register", "as there"},
	{rejMaint, "MMR0 bit 8, maintenance mode, does nothing", "Memory Management: MMR0, bit 8"},
	{rejByte, "a write to the low byte, of which there are no bits, clears the stack limit or PIRQ register's high byte", "System Architecture: stack limit register; program interrupt request register"},
	{rejMicroBreak, "the 11/45's microprogram break register cannot be written: bus timeout", "PDP-11/45 Processor Handbook, appendix of UNIBUS addresses: 777770"},
	{rejReadOnly, "a write to the read-only error address registers or system ID is a bus timeout", "Memory System, System Registers: 17777740, 17777742, 17777764"},
	{rejCache, "bits 15-6 of the cache control register can be set", "Memory System: cache control register"},
	{rejPIRQ, "a program interrupt is forgotten when it is taken, though its bit is still set", "System Architecture: program interrupt requests are the program's to clear"},
	{rejPushPSW, "a trap whose stack is at the PSW, so that the push changes the register set, loses one of the sets; a push that changes the mode is checked against the new mode's stack limit", "System Architecture: processor status word, bit 11"},
	{rejCSM, "007000-007077 outside kernel mode is CSM, an instruction of later models", "Instruction Set: reserved instructions trap through 10"},
}

// inTrap says whether a trap or interrupt is being taken: MMR0 shows that.
func (p *cpuPage) inTrap() bool { return p.m.MMR0&mmu.MMR0Done == 0 }

// harness says whether a reference is the harness's and not the case's.
func (p *cpuPage) harness() bool {
	return !p.inTrap() && p.c.Mode == mmu.Kernel && p.c.R[7] >= p.code && p.c.R[7] < p.codeEnd
}

func (p *cpuPage) Read(addr uint32) (uint16, bool) {
	switch {
	case device(addr):
		p.reject = rejDevice
	case p.is70 && addr == regSystemID:
		p.reject = rejSystemID
	}
	if addr >= regErrorLow || addr == cpu.RegSwitches {
		return p.c.Read(addr)
	}
	v, ok := p.m.Read(addr)
	if ok && registerName(addr) == "PAR or PDR" && addr&040 == 0 && trapsOnWrite(v) && !p.harness() {
		p.reject = rejReadPDR
	}
	return v, ok
}

func (p *cpuPage) Write(addr uint32, v, mask uint16) bool {
	switch {
	case device(addr):
		p.reject = rejDevice
	case mask == 0377 && (addr == regPIRQ || addr == regStackLimit):
		p.reject = rejByte
	case !p.is70 && addr == regMicroBreak:
		p.reject = rejMicroBreak
	case p.is70 && (addr == regErrorLow || addr == regErrorHigh || addr == regSystemID):
		p.reject = rejReadOnly
	case p.is70 && addr == regCache && v&mask&^077 != 0:
		p.reject = rejCache
	case addr == regPSW && p.inTrap() && (v^p.c.PSW())&mask&04000 != 0,
		addr == regPSW && p.c.R[6]&077 == regPSW&077 && (v^p.c.PSW())&mask&0140000 != 0:
		p.reject = rejPushPSW
	case addr == mmu.RegMMR0 && v&mask&mmu.MMR0Maint != 0:
		p.reject = rejMaint
	case p.harness():
	case addr == cpu.RegSwitches:
		p.reject = rejDevice
	case !p.deep && addr != mmu.RegMMR0 && addr != mmu.RegMMR3 && addr < 0777766:
		p.reject = rejShallow
	}
	if name := registerName(addr); name != "" && !p.harness() {
		p.wrote = append(p.wrote, name)
		if addr == regPSW && mask != 0177777 {
			p.wrote = append(p.wrote, "byte of PSW")
		}
	}
	if addr >= regErrorLow || addr == cpu.RegSwitches {
		return p.c.Write(addr, v, mask)
	}
	ok := p.m.Write(addr, v, mask)
	if !p.harness() && registerName(addr) == "PAR or PDR" {
		for _, space := range p.m.PAR {
			for _, par := range space {
				if reachesRecords(par) {
					p.reject = rejRecords
				}
			}
		}
	}
	return ok
}

// reachesRecords says whether a page of this PAR can reach the records, whatever
// the width of addresses.
func reachesRecords(par uint16) bool {
	return par&07777 > cpuHigh>>6-0200 && par&07777 < cpuHighEnd>>6
}

// registerName names those registers whose writing is to be covered.
func registerName(addr uint32) string {
	switch {
	case addr == regPSW:
		return "PSW"
	case addr == regStackLimit:
		return "stack limit"
	case addr == regPIRQ:
		return "PIRQ"
	case addr == regMicroBreak:
		return "microbreak"
	case addr == regCPUError:
		return "CPU error"
	case addr == mmu.RegMMR0:
		return "MMR0"
	case addr == mmu.RegMMR3:
		return "MMR3"
	case addr >= mmu.RegUBMap && addr < mmu.RegUBMap+0200:
		return "Unibus map"
	case addr&^0177 == mmu.RegSuper || addr&^077 == mmu.RegUser:
		return "PAR or PDR"
	}
	return ""
}

// device says whether something answers at an address in SIMH that is neither
// processor nor MMU: line clock and console.
func device(addr uint32) bool { return addr == 0777546 || addr >= 0777560 && addr < 0777570 }

// Level watches for a program interrupt request that is granted a second time.
func (p *cpuPage) Level() int {
	if level := p.c.PIRQ >> 5 & 7; uint8(level) > p.c.Priority {
		if p.granted>>level&1 != 0 {
			p.reject = rejPIRQ
		}
		p.granted |= 1 << level
	}
	return 0
}

func (*cpuPage) Grant(int) uint16 { return 0 }
func (*cpuPage) Reset()           {}

// words64K is the memory that a case can reach.
type words64K = [1 << 15]uint16

// cpuMachine is our machine with the harness, stopped between cases.
type cpuMachine struct {
	prog *cpuProgram
	c    *cpu.CPU
	m    *mmu.MMU
	page cpuPage

	// What the machine was like when the last case that is used had ended.
	mem   *words64K
	high  []uint16 // likewise, from cpuHigh on; with the record under way
	cpu   cpu.State
	mmu   mmu.State
	free  uint32 // physical address of the next record
	count uint16 // cases done

	slice int  // instructions that the processor does at a time; 0: as many as there are
	anew  bool // after each slice comes a new processor, in the state of the one before

	haltedCPU cpu.State // after the last HALT
	haltedMMU mmu.State

	// Labels of the program: word addresses, but for stack.
	ptrAt, countAt, loadedAt, resultAt, pdr1At, recAt, savedAt, enterAt, targetAt, cellEnd, stack uint16
}

func newCPUMachine(tb testing.TB, prog *cpuProgram) *cpuMachine {
	tb.Helper()
	m, err := mmu.New(cpuMemory, prog.model.is70)
	if err != nil {
		tb.Fatal(err)
	}
	x := &cpuMachine{prog: prog, m: m, mem: new(words64K), high: make([]uint16, cpuHighWords)}
	x.page = cpuPage{m: m, is70: prog.model.is70, code: prog.at("enter"), codeEnd: prog.at("codeend")}
	m.IO = &x.page
	x.c = cpu.New(m, &x.page, prog.model.is70, true)
	x.page.c = x.c
	for name, p := range map[string]*uint16{
		"ptr": &x.ptrAt, "count": &x.countAt, "loaded": &x.loadedAt, "low": &x.resultAt, "pdr1": &x.pdr1At,
		"rec": &x.recAt, "saved": &x.savedAt, "enter": &x.enterAt, "target": &x.targetAt, "cellend": &x.cellEnd,
	} {
		*p = prog.at(name) / 2
	}
	x.stack = prog.at("stack")
	return x
}

// begin starts a batch: harness, tables and configurations are put into
// memory and the processor at its start.
func (x *cpuMachine) begin(b *cpuBatch) {
	*x.mem = [1 << 15]uint16{}
	for i := range len(x.prog.Text) / 2 {
		x.mem[cpuOrigin/2+i] = uint16(x.prog.Text[2*i]) | uint16(x.prog.Text[2*i+1])<<8
	}
	copy(x.mem[cpuTabOn/2:], b.on[:])
	copy(x.mem[cpuTabOff/2:], b.off[:])
	for i := range b.confs {
		copy(x.mem[cpuConfs/2+i*cpuConfWords:], b.confs[i].words())
	}
	clear(x.high)
	clear(x.m.Mem)
	copy(x.m.Mem, x.mem[:])
	x.m.SetState(mmu.State{})
	x.m.Reset()
	x.c.SetState(cpu.State{})
	x.c.SetPSW(0340)
	x.c.Start(x.prog.at("start"))
	for next := x.prog.at("next"); x.c.R[7] != next; {
		x.c.Run(1)
	}
	copy(x.mem[:x.cellEnd], x.m.Mem)
	x.cpu, x.mmu = x.c.State, x.m.State
	x.free, x.count = cpuRecs, 0
}

// end completes a batch with what is in memory.
func (x *cpuMachine) end(b *cpuBatch) {
	b.mem = new(words64K)
	*b.mem = *x.mem
	b.high = slices.Clone(x.high[:(cpuHighEnd-cpuHigh)/2])
}

// caseLimit bounds the instructions of a case and of the harness around it.
const caseLimit = 4000

// run puts a record, with a zero word behind it, at x.free and executes it.
// A case that can be used is given the result to expect and stays; otherwise
// the machine is put back to where it was.
func (x *cpuMachine) run(rec []uint16) reason {
	at := x.high[(x.free-cpuHigh)/2:]
	copy(at, rec)
	copy(x.m.Mem[x.free/2:], rec)
	x.page.reject, x.page.granted, x.page.wrote, x.page.deep = accepted, 0, x.page.wrote[:0], rec[recFlags]&flagDeep != 0
	x.c.CPUError = 0 // on an 11/45 the harness cannot: it is not visible there
	why := x.loop()
	if why == accepted {
		why = x.page.reject
	}
	if why == accepted && rec[recFlags]&flagNoA == 0 && x.wroteTrapPage() {
		why = rejTrapPage
	}
	if why == accepted && rec[recFlags]&flagNoR1 == 0 && x.abortedTrap(rec) {
		why = rejTrapR1
	}
	if why == accepted && x.holdsCSM() {
		why = rejCSM
	}
	if why == accepted && !x.settle(rec) {
		why = rejDisturbed
	}
	if why != accepted {
		copy(x.m.Mem, x.mem[:])
		copy(x.m.Mem[cpuHigh/2:], x.high)
		x.c.SetState(x.cpu)
		x.m.SetState(x.mmu)
		return why
	}
	copy(at[recLow:], x.m.Mem[x.resultAt:x.resultAt+2])
	copy(x.m.Mem[x.free/2:], at[:recConf])
	x.free += uint32(rec[recLength])
	x.count++
	x.cpu, x.mmu = x.c.State, x.m.State
	return accepted
}

// settle takes over what a case may change, vectors and cells and zone, into
// x.mem, and reports whether nothing else differs and the harness is where it
// should be, with the cells whole that it relies on. If not, it leaves x.mem
// alone.
func (x *cpuMachine) settle(rec []uint16) bool {
	const zone = cpuZone / 2
	if x.c.PSW()&0144360 != 0340 || x.c.R[6] != x.stack ||
		x.m.Mem[x.ptrAt] != uint16(x.free-cpuHigh)+rec[recLength] || x.m.Mem[x.countAt] != x.count+1 || x.m.Mem[x.loadedAt] != rec[recConf] ||
		!slices.Equal(x.m.Mem[x.recAt:int(x.recAt)+len(rec)-1-recConf], rec[recConf:len(rec)-1]) ||
		!slices.Equal(x.m.Mem[x.enterAt:x.targetAt], x.mem[x.enterAt:x.targetAt]) {
		return false
	}
	low := slices.Clone(x.mem[:x.cellEnd])
	old := *(*[cpuZoneWords]uint16)(x.mem[zone:])
	copy(x.mem[:x.cellEnd], x.m.Mem)
	copy(x.mem[zone:zone+cpuZoneWords], x.m.Mem[zone:])
	copy(x.m.Mem[cpuHigh/2:cpuRecs/2], x.high) // all fail: their records have no result to expect yet
	if *x.mem == *(*words64K)(x.m.Mem) && *(*[cpuHighWords]uint16)(x.high) == *(*[cpuHighWords]uint16)(x.m.Mem[cpuHigh/2:]) {
		return true
	}
	copy(x.mem[:], low)
	copy(x.mem[zone:], old[:])
	return false
}

// wroteTrapPage looks for a page that traps on writing and has been written.
func (x *cpuMachine) wroteTrapPage() bool {
	pdrs := x.m.PDR
	pdrs[mmu.Kernel<<1][1] = x.m.Mem[x.pdr1At] // the harness has used that page since
	for _, space := range pdrs {
		for _, pdr := range space {
			if trapsOnWrite(pdr) {
				return true
			}
		}
	}
	return false
}

// abortedTrap reports whether taking a trap or interrupt aborted and froze the
// status registers: MMR2 is a vector then.
func (x *cpuMachine) abortedTrap(rec []uint16) bool {
	mmr0, mmr2 := x.m.Mem[x.savedAt+1], x.m.Mem[x.savedAt+3]
	return rec[recMMR0]&mmu.MMR0Frozen == 0 && mmr0&mmu.MMR0Frozen != 0 && mmr2 < 0400
}

// trapsOnWrite says whether a PDR is that of a page that traps on writing and
// has been written.
func trapsOnWrite(pdr uint16) bool { return pdr&0100 != 0 && (pdr&7 == 4 || pdr&7 == 5) }

// holdsCSM reports whether there is a CSM in the zone. What is planted is none,
// and memory starts without, but an instruction may make one, and the next,
// where none is traced, may be it.
func (x *cpuMachine) holdsCSM() bool {
	return slices.ContainsFunc(x.m.Mem[cpuZone/2:cpuZone/2+cpuZoneWords], isCSM)
}

func isCSM(word uint16) bool { return word&0177700 == opCSM }

// loop runs to the end of the case.
func (x *cpuMachine) loop() reason {
	display := x.c.Display
	for end := x.c.Instructions() + caseLimit; x.c.Instructions() < end; {
		n := int(end - x.c.Instructions())
		if x.slice > 0 {
			n = min(n, x.slice)
		}
		stop := x.c.Run(n)
		if x.anew {
			x.renew()
		}
		switch stop {
		case cpu.StopHalt:
			x.haltedCPU, x.haltedMMU = x.c.State, x.m.State
			return rejHalt
		case cpu.StopWait:
			return rejWait
		case cpu.StopIO:
			if x.c.Display != display {
				return accepted
			}
		}
	}
	return rejRunaway
}

// renew replaces the processor by one in the same state.
func (x *cpuMachine) renew() {
	c, m := x.c.State, x.m.State
	x.c = cpu.New(x.m, &x.page, x.prog.model.is70, true)
	x.page.c = x.c
	x.m.SetState(mmu.State{})
	x.m.SetState(m)
	x.c.SetState(c)
}
