package lockstep

import (
	"math/rand/v2"

	"v7em/asm"
	"v7em/mmu"
)

// cpuConf is a setting of the relocation registers, indexed as in mmu.State.
// Kernel page 0 is the harness and its page 7 the I/O page, in both spaces;
// page 0 of the other modes' I space is the harness, read only. Other pages
// mostly reach the zone.
type cpuConf struct {
	par, pdr [8][8]uint16
}

// words is the configuration in the order of the harness.
func (c *cpuConf) words() []uint16 {
	var w []uint16
	for _, mode := range []int{mmu.Kernel, mmu.Supervisor, mmu.User} {
		for _, regs := range []*[8][8]uint16{&c.pdr, &c.par} {
			w = append(w, regs[mode<<1][:]...)
			w = append(w, regs[mode<<1|1][:]...)
		}
	}
	return w
}

// cpuBatch is what a run of SIMH from load to HALT shares.
type cpuBatch struct {
	block   [8]uint16 // by page, the 64-byte block where pointers go
	on, off [cpuTabWords]uint16
	confs   [cpuNumConfs]cpuConf
	mem     *words64K // as after the last case
	high    []uint16  // the records
	cases   []*cpuCase
}

// cpuCase is one instruction in its surroundings.
type cpuCase struct {
	at      uint32 // its record
	conf    *cpuConf
	header  [recPatches]uint16
	patches [][2]uint16
	code    [3]uint16 // as planted; none when the PC reaches no memory
	planted bool
}

func (c *cpuCase) mmuOn() bool { return c.header[recMMR0]&mmu.MMR0Enable != 0 }

// record is the case as the harness wants it, and the zero word of the end.
func (c *cpuCase) record() []uint16 {
	rec := append([]uint16(nil), c.header[:]...)
	rec = append(rec, uint16(len(c.patches)))
	for _, p := range c.patches {
		rec = append(rec, p[0], p[1])
	}
	rec[recLength] = uint16(2 * len(rec))
	return append(rec, 0)
}

// cpuGen makes cases.
type cpuGen struct {
	*rand.Rand
	prog     *cpuProgram
	model    cpuModel
	ops      []asm.Instr // an instruction as often as it is to be chosen
	batch    *cpuBatch
	count    [numReasons]int // cases tried, by what became of them
	coverage cpuCoverage
}

func newCPUGen(seed uint64, prog *cpuProgram) *cpuGen {
	g := &cpuGen{coverage: cpuCoverage{}, Rand: rand.New(rand.NewPCG(seed, 1170)), prog: prog, model: prog.model}
	for _, in := range asm.Table {
		n := 2
		switch {
		case in.FP:
			n = 1
		case in.Format == asm.FmtDouble:
			n = 8
		case in.Format == asm.FmtBranch:
			n = 1
		}
		for range n {
			g.ops = append(g.ops, in)
		}
	}
	return g
}

// odds is true in n cases of a hundred.
func (g *cpuGen) odds(n int) bool { return g.IntN(100) < n }

func (g *cpuGen) word() uint16 { return uint16(g.Uint32()) }

func (g *cpuGen) pick(v ...uint16) uint16 { return v[g.IntN(len(v))] }

// special is a value at which something changes sign, overflows or ends.
func (g *cpuGen) special() uint16 {
	return g.pick(0, 1, 2, 0177777, 0177776, 077777, 0100000, 0100001, 0377, 0200, 0177, 0177400, 040, 037, 020, 015) ^ g.pick(0, 0, 0, 1)
}

// ioRegisters are worth an instruction's attention. The relocation registers
// on which the harness depends are left out.
var ioRegisters = []uint16{
	0177776, 0177776, 0177776, 0177776, 0177774, 0177774, 0177772, 0177772, 0177770, 0177766, 0177764, 0177762, 0177760,
	0177752, 0177750, 0177746, 0177744, 0177742, 0177740, 0177570, 0177572, 0177574, 0177576, 0172516,
	0177600, 0177622, 0177644, 0177676, 0172200, 0172212, 0172236, 0172242, 0172266, 0172304, 0172312, 0172324, 0172334, 0172344, 0172372,
	0170200, 0170202, 0170246, 0170372, 0170376, 0160000, 0167770, 0172376, 0177700, 0177716,
}

func (g *cpuGen) ioPointer() uint16 { return g.pick(ioRegisters...) | g.pick(0, 0, 0, 1) }

// pointer is an address in the window of a page: two blocks from block[page].
func (g *cpuGen) pointer(mmuOn bool) uint16 {
	v := uint16(g.IntN(0200))
	if g.odds(85) {
		v &^= 1
	}
	if !mmuOn {
		return cpuZone + v + g.pick(0, 0200)
	}
	page := uint16(1 + g.IntN(7))
	if g.odds(6) {
		page = 0
	}
	return page<<13 | g.batch.block[page]<<6 + v
}

// datum is any value, often a pointer.
func (g *cpuGen) datum(mmuOn bool) uint16 {
	switch n := g.IntN(100); {
	case n < 50:
		return g.pointer(mmuOn)
	case n < 56:
		return g.ioPointer()
	case n < 86:
		return g.word()
	}
	return g.special()
}

// content is a word of memory.
func (g *cpuGen) content(mmuOn bool) uint16 {
	for {
		if v := g.datum(mmuOn); !isCSM(v) {
			return v
		}
	}
}

// newBatch makes tables and configurations.
func (g *cpuGen) newBatch() *cpuBatch {
	b := &cpuBatch{}
	g.batch = b
	for i := range b.block {
		switch g.IntN(4) {
		case 0:
			b.block[i] = uint16(g.IntN(0176))
		case 1:
			b.block[i] = 0176
		}
	}
	for i := range b.on {
		b.on[i], b.off[i] = g.content(true), g.content(false)
	}
	for i := range b.confs {
		g.configure(&b.confs[i])
	}
	return b
}

const (
	pdrAll      = 077406 // a full page for reading and writing
	pdrReadOnly = 077402
)

func (g *cpuGen) configure(c *cpuConf) {
	parMask, parIO := uint16(0177777), uint16(0177600)
	if !g.model.is70 {
		parMask, parIO = 07777, 07600
	}
	for space := range 8 {
		mode, isD := space>>1, space&1 != 0
		if mode == mmu.Illegal {
			continue
		}
		for page := range 8 {
			par, pdr := &c.par[space][page], &c.pdr[space][page]
			switch {
			case mode == mmu.Kernel && page == 0:
				*par, *pdr = 0, pdrAll
			case mode == mmu.Kernel && page == 7:
				*par, *pdr = parIO, pdrAll
			case page == 0 && !isD:
				*par, *pdr = 0, pdrReadOnly
			default:
				*par, *pdr = g.par(g.batch.block[page], parIO, parMask), g.pdr(g.batch.block[page])
			}
		}
	}
}

// par is a PAR for a page with its pointers at a block.
func (g *cpuGen) par(block, parIO, mask uint16) uint16 {
	for {
		var v uint16
		switch n := g.IntN(100); {
		case n < 84:
			v = cpuZone>>6 + g.pick(0, 0, 1, 2) - block
		case n < 90:
			v = uint16(cpuMemory>>6+g.IntN(03000)) - block // no memory there
			if g.model.is70 {
				v += g.word() & 0170000
			}
		case n < 97:
			v = parIO + g.pick(ioRegisters...)&017777>>6 - block
		default:
			v = g.word()
		}
		if v &= mask; !reachesRecords(v) && !isCSM(v) {
			return v
		}
	}
}

// pdr is a PDR for a page with its pointers at a block.
func (g *cpuGen) pdr(block uint16) uint16 {
	acf := g.pick(6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 2, 2, 4, 4, 5, 5, 1, 1, 0, 3, 7)
	length := g.pick(block+1, block+1, block+1, block, 0177, block-1)
	if g.odds(25) { // downward: blocks from the length up
		acf |= 010
		length = g.pick(block, block, block, block+1, 0, block+2)
	}
	if pdr := acf | length<<8&077400; !isCSM(pdr) {
		return pdr | g.pick(0, 0, 0, 0, 0, 0, 0, 0, 0, 0100000)
	}
	return acf
}

// physical relocates an address that may be read (or else executed) in a mode
// and reports whether it is in the zone.
func (g *cpuGen) physical(c *cpuCase, mode int, isD bool, va uint16) (uint16, bool) {
	pa := uint32(va)
	if c.mmuOn() {
		space := mode << 1
		if isD && c.header[recMMR3]&[]uint16{mmu.Kernel: 4, mmu.Supervisor: 2, mmu.Illegal: 0, mmu.User: 1}[mode] != 0 {
			space++
		}
		pdr := c.conf.pdr[space][va>>13]
		block, plf := va>>6&0177, pdr>>8&0177
		if pdr&7 == 0 || pdr&7 == 3 || pdr&7 == 7 || pdr&010 == 0 && block > plf || pdr&010 != 0 && block < plf {
			return 0, false
		}
		mask := uint32(017777777)
		if c.header[recMMR3]&mmu.MMR3Map22 == 0 {
			mask = 0777777
		}
		pa = (uint32(c.conf.par[space][va>>13])<<6 + uint32(va&017777)) & mask
	}
	return uint16(pa), pa >= cpuZone && pa < cpuZone+2*cpuZoneWords
}

// pointerTo looks for a pointer, even, that reaches at least n bytes of the zone.
func (g *cpuGen) pointerTo(c *cpuCase, mode int, isD bool, n uint16) (va, pa uint16, ok bool) {
	for range 12 {
		va = g.pointer(c.mmuOn()) &^ 1
		pa, ok = g.physical(c, mode, isD, va)
		if _, all := g.physical(c, mode, isD, va+n-2); ok && all {
			return va, pa, true
		}
	}
	return va, 0, false
}

func (c *cpuCase) patch(pa, v uint16) { c.patches = append(c.patches, [2]uint16{pa, v}) }

const (
	opBPT = 3
	opCSM = 07000 // of other models; SIMH executes it here too outside kernel mode
)

// newCase makes a case that uses configuration conf.
func (g *cpuGen) newCase(conf int) *cpuCase {
	c := &cpuCase{conf: &g.batch.confs[conf]}
	h := &c.header
	h[recConf] = uint16(cpuConfs + conf*cpuConfWords*2)
	if g.odds(75) {
		h[recMMR0] = mmu.MMR0Enable | g.pick(0, mmu.MMR0TrapEnable)
		if g.odds(4) {
			h[recMMR0] |= g.pick(mmu.MMR0ReadOnly, mmu.MMR0Length, mmu.MMR0NonResident, mmu.MMR0Trap)
		}
	}
	on := c.mmuOn()
	h[recMMR3] = uint16(g.IntN(8))
	if g.model.is70 {
		h[recMMR3] |= g.pick(0, mmu.MMR3Map22, mmu.MMR3Map22) | g.pick(0, 0, mmu.MMR3UBMap)
	}
	tab := uint16(cpuTabOff)
	if on {
		tab = cpuTabOn
	}
	h[recFill] = tab + 2*uint16(g.IntN(cpuTabWords-cpuZoneWords))
	if g.odds(15) {
		h[recFlags] |= flagDeep
	}
	for i := range 12 {
		h[recRegs+i] = g.datum(on)
	}
	h[recSSP], h[recUSP], h[recSP2] = g.stack(on), g.stack(on), g.stack(on)

	mode := int(g.pick(0, 0, 0, 0, 0, 1, 1, 3, 3, 3))
	if g.odds(2) {
		mode = mmu.Illegal
	}
	psw := uint16(mode)<<14 | g.word()&07757 // T is set below
	psw |= g.pick(0, 1, 3, 3, 2)<<12 | g.pick(0, 0, 04000)
	if g.odds(50) {
		psw |= 0340
	}

	pc, pcPhys, ok := g.pointerTo(c, mode, false, 10)
	if g.odds(2) {
		pc, ok = g.datum(on), false
	}
	c.planted = ok
	h[recPC] = pc
	frame, framePhys, framed := g.pointerTo(c, mmu.Kernel, true, 4)
	if framed && g.odds(55) {
		h[recFlags] |= flagRTT
		h[recKSP] = frame
		if g.odds(90) {
			psw |= 020
		}
		c.patch(framePhys, pc)
		c.patch(framePhys+2, psw)
		frame += 4
	} else {
		frame = g.stack(on)
		h[recKSP] = frame
	}
	h[recPSW] = psw
	if g.odds(30) {
		h[recStackLimit] = frame&0177400 + g.pick(0, 0, 0400, 0177400, 0177000)
	}
	if g.odds(15) {
		h[recPIRQ] = g.word() & 0177000 & g.word()
	}
	g.instruction(c, mode, pc, frame, pcPhys)
	if g.odds(10) {
		g.vector(c)
	}
	return c
}

// stack is a stack pointer, good more often than other registers are.
func (g *cpuGen) stack(on bool) uint16 {
	if g.odds(70) {
		return g.pointer(on) &^ 1
	}
	return g.datum(on)
}

// instruction plants the instruction.
func (g *cpuGen) instruction(c *cpuCase, mode int, pc, kernelSP, pcPhys uint16) {
	in := g.ops[g.IntN(len(g.ops))]
	ir := in.Base | g.word()&^in.Mask
	if g.odds(4) {
		ir = g.word()
	}
	if isCSM(ir) && mode != mmu.Kernel {
		ir |= 0100
	}
	sp := [4]uint16{kernelSP, c.header[recSSP], c.header[recSP2], c.header[recUSP]}[mode]
	set := int(c.header[recPSW] >> 11 & 1)
	next := pc + 2
	register := func(r uint16) uint16 {
		switch r {
		case 6:
			return sp
		case 7:
			return next + 2
		}
		return c.header[recRegs+6*set+int(r)]
	}
	// Offsets that make the indexed operands pointers.
	var specs []uint16
	in, _ = asm.Find(ir)
	switch in.Format {
	case asm.FmtDouble:
		specs = []uint16{ir >> 6 & 077, ir & 077}
	case asm.FmtSingle, asm.FmtRegDst, asm.FmtSrcReg:
		specs = []uint16{ir & 077}
	}
	c.code = [3]uint16{ir, opBPT, opBPT}
	if c.header[recPSW]&020 != 0 {
		c.code[1], c.code[2] = g.datum(c.mmuOn()), g.datum(c.mmuOn())
	}
	n := 1
	for _, s := range specs {
		switch {
		case s >= 060:
			switch k := g.IntN(100); {
			case k < 60:
				c.code[n] = g.datum(c.mmuOn()) - register(s&7)
			case k < 80:
				c.code[n] = uint16(g.IntN(64) - 32)
			}
		case s == 027 || s == 037:
		default:
			continue
		}
		n++
		next += 2
	}
	if !c.planted {
		return
	}
	for i, w := range c.code {
		c.patch(pcPhys+2*uint16(i), w)
	}
	c.patch(pcPhys+6, opBPT)
	c.patch(pcPhys+8, opBPT)
	if ir == 2 || ir == 6 { // RTI, RTT
		if pa, ok := g.physical(c, mode, true, sp); ok && sp&1 == 0 {
			if _, ok := g.physical(c, mode, true, sp+2); ok {
				c.patch(pa, g.pick(pc+2, pc+2, g.pointer(c.mmuOn())))
				c.patch(pa+2, g.word()|g.pick(020, 020, 0))
			}
		}
	}
}

// vector changes one of the vectors.
func (g *cpuGen) vector(c *cpuCase) {
	i := g.IntN(11)
	v := cpuVectors[i]
	psw := uint16(0340+i+1) | g.pick(0, 04000)
	if g.odds(30) && v != 014 {
		psw |= 020
	}
	if g.odds(30) && v != 0240 {
		psw = psw&^0340 | g.word()&0340
	}
	if g.odds(40) && v != 020 && v != 014 {
		psw |= g.pick(1, 3) << 14
		c.patch(v, g.prog.at("relay"))
	}
	c.patch(v+2, psw)
}
