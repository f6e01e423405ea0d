package kernel

import "slices"

// Probe returns the kernel in the machine's memory without its file: V7's, whose
// tables are found by what they hold, and by how its text goes about them. So a
// kernel without a name list is seen, one whose file has been removed or replaced
// since it was started, and one whose sizes are not those that V7 comes with. V7 must
// be up; the answer has stood all the tests of Look. Without a kernel the error wraps
// ErrUnknown. If it has the reason AtWork there may be one: the processor must be in
// user mode or in WAIT.
//
// How what is found (sys/sys and sys/dev have the places):
//
//	proc       from u.u_procp back to the scheduler, whose memory ends the text
//	sizes      a loop over a table begins with its address in a register or variable,
//	           and compares that with the address of its end
//	buf        what has pointers, in steps, to the buffers
//	bfreelist  the head of the list of free buffers
//	mount      the table that names a buffer without a device first; rootdev is
//	           moved to its first word (iinit)
//	bdevsw     has the head of a list of buffers where their device number says, and
//	           strategies are called by way of it
//	time       moved from and to s_time, at 0636 of a superblock
//	updlock    tested and counted up in the routine that stamps superblocks
//	panicstr   set to its argument by a routine that calls that
//	runrun     the byte that is tested when a device's routine has returned
//	swplo      what is made one less at start, nswap what was pushed before that;
//	           swapdev goes to a buffer's b_dev where swplo is added to its block
//	nblkdev    counted up by the routine that goes through bdevsw
//	rktab      used by the routine of vector 0220 that talks to an RK11; rptab by
//	           that of vector 0254 which talks to an RP11
//	rp_sizes   longs that the strategy of the RP11 has by index
//	kl11       added by the routine of the console's vector, 060
func Probe(g *Guest) (*Kernel, error) {
	p := &prober{g: g, r: &reader{g: g}, k: &Kernel{}}
	if !p.procs() || p.r.bad {
		return nil, notV7("there is no process table where V7 has it")
	}
	if !g.User && !g.Waiting {
		return nil, because(AtWork, "tables may be half changed")
	}
	for _, step := range []func() bool{
		p.code, p.buffers, p.mounts, p.inodes, p.devices, p.texts, p.clock, p.update, p.panic, p.swap, p.drives, p.console,
	} {
		if !step() || p.r.bad {
			return nil, notV7("what is in memory is not built as V7 is")
		}
	}
	if _, err := p.k.Look(g); err != nil && Why(err) != Panicked {
		return nil, notV7("%v", err)
	}
	return p.k, nil
}

// prober looks for a kernel.
type prober struct {
	g *Guest
	r *reader
	k *Kernel

	text  int // its length in bytes
	ins   []instruction
	loops []loop
	tabs  []uint16 // the heads of devices' buffers
}

// loop is one over a table: the addresses of its first entry and behind its last. If
// it does not branch back, it may be something else that compares with an entry.
type loop struct {
	from, to uint16
	back     bool
}

// even says whether a word can be the address of a word in kernel data.
func even(a uint16) bool { return a != 0 && a%2 == 0 && a < dataEnd }

// entry says whether a word can be the address of a routine.
func (p *prober) entry(a uint16) bool { return a != 0 && a%2 == 0 && int(a) < p.text }

// procs finds the process table, and the length of the text: the scheduler's user
// structure is the first memory behind it.
func (p *prober) procs() bool {
	r := p.r
	current := r.word(userVA + userProc)
	if !even(current) {
		return false
	}
	for e := int(current); e > 0; e -= procSize {
		a := readProc(r, uint16(e))
		if a.stat == 0 || a.stat > pStop || a.pid != 0 {
			continue
		}
		b := readProc(r, uint16(e+procSize))
		if a.flag&(pLoad|pSys) != pLoad|pSys || a.pri != 0 || b.pid != 1 || b.flag&pSys != 0 {
			continue
		}
		if at := uint32(a.addr) << 6; r.phys(at+userProc) != uint16(e) {
			continue
		}
		p.k.proc = table{base: e, size: procSize}
		p.text = (int(a.addr) - int(p.g.KISA[0])) << 6
		return p.text >= minText && p.text <= 7*8192
	}
	return false
}

// code reads the text and finds the loops over tables in it.
func (p *prober) code() bool {
	p.k.text = make([]uint16, p.text/2)
	for i := range p.k.text {
		p.k.text[i] = p.r.phys(uint32(p.g.KISA[2*i>>13])<<6 + uint32(2*i&0o17777))
	}
	p.ins = decode(p.k.text)
	const far = 100 // instructions from the beginning of a loop to its end
	type since struct {
		at   int
		from uint16
	}
	set := map[operand]since{}
	note := func(i int, at operand, to uint16) {
		if s, ok := set[at]; ok && i-s.at < far && s.from < to && i+1 < len(p.ins) && p.ins[i+1].unsigned() {
			p.loops = append(p.loops, loop{s.from, to, int8(p.ins[i+1].op) < 0})
		}
	}
	for i := range p.ins {
		in := &p.ins[i]
		switch {
		case in.double(opMOV) && in.src.immediate():
			set[in.dst] = since{i, in.src.value}
		case in.double(opMOV), in.single(opCLR):
			delete(set, in.dst)
		case in.double(opCMP) && in.src.immediate():
			note(i, in.dst, in.src.value)
		case in.double(opCMP) && in.dst.immediate():
			note(i, in.src, in.dst.value)
		}
	}
	return p.size(&p.k.proc, 3)
}

// size finds out how many entries a table has of which base and size are known. All
// loops over it that branch back must agree; if there are none, as in code that has not
// been optimized, the longest is it.
func (p *prober) size(t *table, least int) bool {
	t.n = 0
	back := false
	for _, l := range p.loops {
		if int(l.from) != t.base || int(l.to-l.from)%t.size != 0 {
			continue
		}
		n := int(l.to-l.from) / t.size
		switch {
		case l.back && back && n != t.n:
			return false
		case l.back:
			back, t.n = true, n
		case !back:
			t.n = max(t.n, n)
		}
	}
	return t.n >= least && t.base+t.n*t.size <= dataEnd
}

// tables returns the tables of entries of a size that there are loops over.
func (p *prober) tables(size, least int) (list []table) {
	for _, l := range p.loops {
		t := table{base: int(l.from), size: size}
		known := slices.ContainsFunc(list, func(o table) bool { return o.base == t.base })
		if !known && even(l.from) && int(l.to-l.from)%size == 0 && p.size(&t, least) {
			list = append(list, t)
		}
	}
	return list
}

// buffers finds the buffers and their headers, and the list of those that are free.
func (p *prober) buffers() bool {
	r := p.r
	const least, most = 3, 200
	var found table
	for e := 0; e+bufSize*least < dataEnd; e += 2 {
		at := func(i int) int { return int(r.word(uint16(e + i*bufSize + bufAddr))) }
		stride := at(1) - at(0)
		if stride < 512 || stride > 1024 || stride%2 != 0 || at(0)%2 != 0 {
			continue
		}
		n := 1
		for n < most && e+(n+1)*bufSize <= dataEnd && at(n) == at(0)+n*stride && at(n)+stride <= dataEnd &&
			r.byte(uint16(e+n*bufSize+bufXmem)) == 0 {
			n++
		}
		if n >= least && n > found.n {
			found = table{base: e, size: bufSize, n: n}
			p.k.buffers = table{base: at(0), size: stride, n: n}
		}
	}
	p.k.buf = found
	if found.n == 0 {
		return false
	}
	for i := range found.n {
		e := found.at(i)
		if r.word(e+bufFlags)&bBusy != 0 {
			continue
		}
		for n := 0; n <= found.n && even(e); n++ {
			if _, ok := found.index(e); !ok {
				p.k.freelist = e
				return true
			}
			e = r.word(e + avForw)
		}
		return false
	}
	return false
}

// mounts finds the mount table and the variable that has the root's device number.
func (p *prober) mounts() bool {
	for _, t := range p.tables(mountSize, 1) {
		b, ok := p.k.buf.index(p.r.word(t.at(0) + mountBuf))
		if !ok {
			continue
		}
		e := p.k.buf.at(b)
		if p.r.word(e+bufFlags)&bBusy == 0 || p.r.word(e+bufDev) != noDev {
			continue
		}
		for i := range p.ins {
			in := &p.ins[i]
			if in.double(opMOV) && in.src.variable() && in.dst.at(uint16(t.base)) && p.r.word(in.src.value) == p.r.word(t.at(0)+mountDev) {
				p.k.mount, p.k.rootdev = t, in.src.value
				return even(p.k.rootdev)
			}
		}
	}
	return false
}

// inodes finds the inodes: the root's is in use as long as the kernel runs.
func (p *prober) inodes() bool {
	root := p.r.word(p.k.rootdev)
	for _, t := range p.tables(inodeSize, 10) {
		for i := range t.n {
			e := t.at(i)
			if p.r.byte(e+inodeCount) > 0 && p.r.word(e+inodeDev) == root && p.r.word(e+inodeNumber) == 2 {
				p.k.inode = t
				return true
			}
		}
	}
	return false
}

// devices finds the table of block devices, and the variable with their number.
func (p *prober) devices() bool {
	r, k := p.r, p.k
	for i := range k.buf.n {
		dev := r.word(k.buf.at(i) + bufDev)
		head := k.buf.at(i)
		for n := 0; n <= k.buf.n && even(head); n++ {
			if _, ok := k.buf.index(head); !ok {
				break
			}
			head = r.word(head + bufForw)
		}
		if _, ok := k.buf.index(head); ok || dev == noDev || !even(head) || head == k.freelist {
			continue
		}
		for a := bdevTab; a < dataEnd; a += 2 {
			base := a - bdevTab - bdevSize*int(dev>>8)
			if base <= 0 || r.word(uint16(a)) != head || !p.calls(uint16(base+4)) {
				continue
			}
			if tabs := p.devicesAt(uint16(base)); len(tabs) > int(dev>>8) {
				k.bdev = table{base: base, size: bdevSize, n: len(tabs) + 1}
				p.tabs = tabs
				return p.counted(uint16(base), len(tabs))
			}
		}
	}
	return false
}

// devicesAt returns the heads of buffers in a table of block devices, nil if it is none.
func (p *prober) devicesAt(base uint16) (tabs []uint16) {
	const most = 64
	for e := base; len(tabs) < most; e += bdevSize {
		if p.r.word(e+bdevOpen) == 0 {
			return tabs
		}
		tab := p.r.word(e + bdevTab)
		if !p.entry(p.r.word(e)) || !p.entry(p.r.word(e+2)) || !p.entry(p.r.word(e+4)) || tab != 0 && !even(tab) {
			return nil
		}
		tabs = append(tabs, tab)
	}
	return nil
}

// calls says whether the text calls routines by way of words at an address and an
// index.
func (p *prober) calls(at uint16) bool {
	return slices.ContainsFunc(p.ins, func(in instruction) bool {
		return in.jsr(7) && in.dst.mode == 7 && in.dst.reg != 7 && in.dst.value == at
	})
}

// counted finds the variable that a routine has counted the block devices in.
func (p *prober) counted(base uint16, devices int) bool {
	for i := range p.ins {
		in := &p.ins[i]
		if !in.double(opMOV) || !in.src.immediate() || in.src.value != base {
			continue
		}
		for _, in := range p.rest(i) {
			if in.single(opINC) && in.dst.variable() && even(in.dst.value) && int(p.r.word(in.dst.value)) == devices {
				p.k.nblkdev = in.dst.value
				return true
			}
		}
	}
	return false
}

// rest returns the instructions of a routine from the one at an index on.
func (p *prober) rest(i int) []instruction {
	end := i + 1
	for end < len(p.ins) && !p.begins(end) {
		end++
	}
	return p.ins[i:end]
}

// begins says whether a routine of C begins with an instruction: it saves registers.
func (p *prober) begins(i int) bool {
	return p.ins[i].jsr(5) && p.ins[i].dst.variable()
}

// routine returns all instructions of the routine that an instruction belongs to.
func (p *prober) routine(i int) []instruction {
	for i > 0 && !p.begins(i) {
		i--
	}
	return p.rest(i)
}

// routineAt returns those of the routine at an address.
func (p *prober) routineAt(pc uint16) []instruction {
	i, ok := slices.BinarySearchFunc(p.ins, pc, func(in instruction, pc uint16) int { return int(in.pc) - int(pc) })
	if !ok {
		return nil
	}
	return p.rest(i)
}

// texts finds the table of shared texts: that which processes point to. Without any
// the table is empty, and nothing is known of a program before it names a file.
func (p *prober) texts() bool {
	k := p.k
	k.texts = table{size: textSize}
	list := p.tables(textSize, 1)
	for i := range k.proc.n {
		a := readProc(p.r, k.proc.at(i))
		if a.stat == 0 || a.stat == pZomb || a.text == 0 {
			continue
		}
		for _, t := range list {
			if _, ok := t.index(a.text); ok {
				k.texts = t
				return true
			}
		}
	}
	return true
}

// Where a superblock has its time.
const superTime = 0o636

// clock finds the kernel's time: it is set from a superblock's once, and the other way
// with each sync.
func (p *prober) clock() bool {
	for i := range len(p.ins) - 1 {
		a, b := &p.ins[i], &p.ins[i+1]
		if a.double(opMOV) && b.double(opMOV) && a.src.indexed() && a.src.value == superTime && b.src.indexed() && b.src.value == superTime+2 &&
			a.dst.variable() && b.dst.at(a.dst.value+2) && even(a.dst.value) {
			p.k.time = a.dst.value
			return true
		}
	}
	return false
}

// stamps returns the index of the instruction by which update stamps a superblock.
func (p *prober) stamps() int {
	return slices.IndexFunc(p.ins, func(in instruction) bool {
		return in.double(opMOV) && in.src.at(p.k.time) && in.dst.indexed() && in.dst.value == superTime
	})
}

// update finds the lock of sync.
func (p *prober) update() bool {
	i := p.stamps()
	if i < 0 {
		return false
	}
	body := p.routine(i)
	for j := range body {
		if t := body[j]; t.single(opTST) && t.dst.variable() && even(t.dst.value) {
			lock := t.dst.value
			if !slices.ContainsFunc(body[j:], func(in instruction) bool { return in.single(opINC) && in.dst.at(lock) }) ||
				!slices.ContainsFunc(body[j:], func(in instruction) bool { return in.single(opCLR) && in.dst.at(lock) }) {
				return false
			}
			p.k.updlock = lock
			return true
		}
	}
	return false
}

// panic finds where a panic leaves its message, and runrun.
func (p *prober) panic() bool {
	update := p.routine(p.stamps())[0].pc
	for i := range p.ins {
		in := &p.ins[i]
		if !in.double(opMOV) || !in.src.indexed() || in.src.reg != 5 || in.src.value != 4 || !in.dst.variable() || !even(in.dst.value) {
			continue
		}
		after := p.ins[i+1:]
		if len(after) > 0 && after[0].jsr(7) {
			if to, ok := after[0].target(); ok && to == update {
				p.k.panicstr = in.dst.value
				break
			}
		}
	}
	if p.k.panicstr == 0 {
		return false
	}
	const callBack = 0o004720 // jsr pc,(r0)+
	for i := range p.ins {
		if p.ins[i].op != callBack || i+1 == len(p.ins) {
			continue
		}
		if t := &p.ins[i+1]; t.single(opTSTB) && t.dst.variable() && t.dst.value < dataEnd &&
			slices.ContainsFunc(p.ins, func(in instruction) bool { return in.single(opINCB) && in.dst.at(t.dst.value) }) {
			p.k.runrun = t.dst.value
			return true
		}
	}
	return false
}

// swap finds what the kernel swaps to.
func (p *prober) swap() bool {
	for i := range len(p.ins) - 1 {
		a, b := &p.ins[i], &p.ins[i+1]
		if !a.double(opSUB) || !a.src.immediate() || a.src.value != 1 || !a.dst.variable() || !b.single(opSBC) || !b.dst.at(a.dst.value-2) {
			continue
		}
		swplo := b.dst.value
		before := p.ins[max(0, i-6):i]
		for j := range before {
			// mfree(swapmap, nswap, 1)
			if in := &before[j]; in.double(opMOV) && in.src.variable() && in.dst.mode == 4 && in.dst.reg == 6 {
				p.k.nswap = in.src.value
			}
		}
		p.k.swplo = swplo
		break
	}
	if !even(p.k.swplo) || !even(p.k.nswap) {
		return false
	}
	for i := range p.ins {
		if in := &p.ins[i]; !in.double(opADD) || !in.src.at(p.k.swplo) {
			continue
		}
		for _, in := range p.routine(i) {
			if in.double(opMOV) && in.src.variable() && in.dst.indexed() && in.dst.value == bufDev && even(in.src.value) {
				p.k.swapdev = in.src.value
				return true
			}
		}
	}
	return false
}

// The vectors of devices, and the addresses of their registers.
const (
	vectorKL = 0o60
	vectorRK = 0o220
	vectorRP = 0o254
)

// vector returns the routine of C that a vector leads to: the vector's has two
// instructions, jsr r0,call and jmp routine.
func (p *prober) vector(v uint16) []instruction {
	i, ok := slices.BinarySearchFunc(p.ins, p.r.word(v), func(in instruction, pc uint16) int { return int(in.pc) - int(pc) })
	if !ok || i+1 >= len(p.ins) || !p.ins[i].jsr(0) || !p.ins[i+1].single(opJMP) {
		return nil
	}
	to, ok := p.ins[i+1].target()
	if !ok {
		return nil
	}
	return p.routineAt(to)
}

// drives finds which devices are RK05 and RP03 drives.
func (p *prober) drives() bool {
	// table returns the head that a vector's routine uses which also uses one of the
	// registers from first to last.
	table := func(vector, first, last uint16) uint16 {
		body := p.vector(vector)
		talks, tab := false, uint16(0)
		for i := range body {
			for _, o := range []operand{body[i].src, body[i].dst} {
				if !o.variable() {
					continue
				}
				talks = talks || o.value >= first && o.value <= last
				for _, t := range p.tabs {
					if tab == 0 && t != 0 && o.value >= t && o.value < t+bufSize {
						tab = t
					}
				}
			}
		}
		if !talks {
			return 0
		}
		return tab
	}
	p.k.rktab = table(vectorRK, 0o177400, 0o177416)
	p.k.rptab = table(vectorRP, 0o176710, 0o176736)
	if p.k.rptab == 0 {
		return p.k.rktab != 0
	}
	major := slices.Index(p.tabs, p.k.rptab)
	var indexes []uint16
	for _, in := range p.routineAt(p.r.word(p.k.bdev.at(major) + 4)) {
		for _, o := range []operand{in.src, in.dst} {
			if o.indexed() && o.reg < 5 && even(o.value) && o.value >= 0o400 {
				indexes = append(indexes, o.value)
			}
		}
	}
	for _, x := range indexes {
		if slices.Contains(indexes, x+2) {
			p.k.rpSizes = x
			return true
		}
	}
	return false
}

// console finds the console's terminal. A kernel may do without.
func (p *prober) console() bool {
	body := p.vector(vectorKL)
	for i := range body {
		if in := &body[i]; in.double(opADD) && in.src.immediate() {
			p.k.console = terminal(int(in.src.value), dataEnd)
		}
	}
	return true
}
