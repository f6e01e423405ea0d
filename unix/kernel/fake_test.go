package kernel

import (
	"encoding/binary"
	"testing"

	"v7em/block"
	"v7em/unix/aout"
	"v7em/unix/fs"
)

// fake is a kernel of our own making that is up: its file, a memory with its
// tables, and a pack in rk0 with its root. It shows without any V7 what is read
// from where; the tests against a real V7 show that V7 has it there too.
type fake struct {
	file    []byte
	symbols map[string]uint16
	guest   Guest
	pack    *block.Store
	now     int32
}

// Sizes of the fake's tables.
const (
	fakeBufs   = 6
	fakeInodes = 12
	fakeProcs  = 5
	fakeMounts = 3
	fakeTexts  = 3
)

// fakeTextAt and fakeUserAt are where the text and the process's areas are, in
// bytes; the last process is in swap space.
const (
	fakeTextAt = 0o200000
	fakeUserAt = 0o240000
	fakeSwplo  = 4000
	fakeNswap  = 872
)

// fakeTables are the fake's data in the order in which it has them.
var fakeTables = []struct {
	name string
	size int
}{
	{"vectors", 64}, {"_bdevsw", 3 * bdevSize}, {"_rootdev", 2}, {"_swapdev", 2}, {"_swplo", 4}, {"_nswap", 2}, {"_rp_size", 8 * partSize},
	{"_runrun", 2}, {"_time", 4}, {"_nblkdev", 2}, {"_updlock", 2}, {"_rktab", bufSize}, {"_rptab", bufSize},
	{"_buf", fakeBufs * bufSize}, {"_inode", fakeInodes * inodeSize}, {"_proc", fakeProcs * procSize},
	{"_text", fakeTexts * textSize}, {"_bfreeli", bufSize}, {"_mount", fakeMounts * mountSize},
	{"_buffers", fakeBufs * bufferSize}, {"_panicst", 2}, {"_kl11", ttySize}, {"_end", 0},
}

// fakeFile makes the kernel's file; change may alter it before it is written.
func fakeFile(tb testing.TB, change func(*aout.File)) ([]byte, map[string]uint16) {
	tb.Helper()
	f := &aout.File{Text: make([]byte, 9000)}
	f.Magic = aout.Separate
	for i := range f.Text {
		f.Text[i] = byte(i * 7 >> 3)
	}
	at := 0
	symbols := map[string]uint16{}
	for i, t := range fakeTables {
		typ := aout.BSS
		if i < 8 {
			typ = aout.Data
			f.Data = append(f.Data, make([]byte, t.size)...)
		} else {
			f.BSSSize += uint16(t.size)
		}
		f.Symbols = append(f.Symbols, aout.Symbol{Name: t.name, Type: typ | aout.External, Value: uint16(at)})
		symbols[t.name] = uint16(at)
		at += t.size
	}
	if change != nil {
		change(f)
	}
	file, err := f.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return file, symbols
}

// newFake makes a fake that is up and in WAIT: a scheduler, init, a shell and a
// process in swap space; the root of rk0 mounted and in memory.
func newFake(tb testing.TB) *fake {
	tb.Helper()
	f := &fake{now: 1_000_000}
	f.file, f.symbols = fakeFile(tb, nil)
	f.guest.Memory = make([]uint16, 0o600000/2)
	for i := range 8 {
		f.guest.KDSA[i] = uint16(0o200 * i)
		f.guest.KISA[i] = uint16(fakeTextAt/64 + 0o200*i)
	}
	f.guest.KDSA[6] = fakeUserAt / 64
	f.guest.KDSA[7] = 0o177600
	f.guest.Waiting = true
	f.guest.Pack = func(d Drive) Blocks {
		if d == (Drive{RK, 0}) {
			return f.pack
		}
		return nil
	}
	a, err := aout.Parse(f.file)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(a.Text); i += 2 {
		f.guest.Memory[(fakeTextAt+i)/2] = binary.LittleEndian.Uint16(a.Text[i:])
	}

	f.pack = block.NewStore(rkBlocks)
	v, err := fs.Mkfs(fs.Region{Device: f.pack, N: fakeSwplo}, fs.MkfsOptions{Time: fs.UnixTime(f.now - 1000)})
	if err != nil {
		tb.Fatal(err)
	}
	if err := v.WriteFile("/file", make([]byte, 3000), fs.Attr{Perm: 0o644}); err != nil {
		tb.Fatal(err)
	}
	if err := v.Mkdir("/mnt", fs.Attr{Perm: 0o755}); err != nil {
		tb.Fatal(err)
	}
	if err := v.Sync(); err != nil {
		tb.Fatal(err)
	}

	// Devices: rk is block device 0, rp 1.
	f.set("_bdevsw", bdevOpen, 0o1000)
	f.set("_bdevsw", bdevTab, f.symbols["_rktab"])
	f.set("_bdevsw", bdevSize+bdevOpen, 0o1000)
	f.set("_bdevsw", bdevSize+bdevTab, f.symbols["_rptab"])
	f.set("_nblkdev", 0, 2)
	f.set("_swplo", 2, fakeSwplo-1)
	f.set("_nswap", 0, fakeNswap)
	f.set("_time", 0, uint16(f.now>>16))
	f.set("_time", 2, uint16(f.now))
	for i, p := range [][2]int{{81000, 0}, {5000, 0}, {2000, 25}, {74000, 35}} {
		f.set("_rp_size", i*partSize, uint16(p[0]>>16))
		f.set("_rp_size", i*partSize+2, uint16(p[0]))
		f.set("_rp_size", i*partSize+4, uint16(p[1]))
	}

	// Buffers: 0 holds the root's superblock, the others are free.
	for i := range fakeBufs {
		e := i * bufSize
		f.set("_buf", e+bufDev, noDev)
		f.set("_buf", e+bufAddr, f.symbols["_buffers"]+uint16(i*bufferSize))
	}
	f.set("_buf", bufFlags, bBusy)
	f.lists()
	var super [fs.BlockSize]byte
	if err := f.pack.ReadBlock(fs.SuperBlock, super[:]); err != nil {
		tb.Fatal(err)
	}
	f.data(0, super[:])
	f.set("_mount", mountBuf, f.symbols["_buf"])

	f.inode(tb, 0, 0, fs.RootIno, 2)
	f.process(0, 0, pSleep, pLoad|pSys, 0, fakeUserAt/64, "")
	f.process(1, 1, pSleep, pLoad, 30, fakeUserAt/64+0o100, "init")
	f.process(2, 7, pSleep, pLoad, 28, fakeUserAt/64+0o200, "sh")
	f.process(3, 9, pSleep, 0, 40, 5, "")
	f.swapUser(tb, 3, 5, "cron")
	return f
}

// set sets a word of a table or variable.
func (f *fake) set(name string, off int, v uint16) {
	at, ok := f.symbols[name]
	if !ok {
		panic(name)
	}
	f.guest.Memory[(int(at)+off)/2] = v
}

func (f *fake) get(name string, off int) uint16 {
	return f.guest.Memory[(int(f.symbols[name])+off)/2]
}

// data fills a buffer.
func (f *fake) data(buf int, p []byte) {
	for i := 0; i < len(p); i += 2 {
		f.set("_buffers", buf*bufferSize+i, binary.LittleEndian.Uint16(p[i:]))
	}
}

// buffer makes a buffer one of a device's block.
func (f *fake) buffer(i int, flags, dev uint16, blkno int32, fill byte) {
	e := i * bufSize
	f.set("_buf", e+bufFlags, flags)
	f.set("_buf", e+bufDev, dev)
	f.set("_buf", e+bufBlkno, uint16(blkno>>16))
	f.set("_buf", e+bufBlkno+2, uint16(blkno))
	p := make([]byte, fs.BlockSize)
	for j := range p {
		p[j] = fill
	}
	f.data(i, p)
	f.lists()
}

// lists puts all buffers on the lists where they belong.
func (f *fake) lists() {
	ring := func(head uint16, forw, back int, member func(i int) bool) {
		at := func(p uint16, off int) *uint16 { return &f.guest.Memory[(int(p)+off)/2] }
		last := head
		for i := range fakeBufs {
			if !member(i) {
				continue
			}
			p := f.symbols["_buf"] + uint16(i*bufSize)
			*at(last, forw), *at(p, back) = p, last
			last = p
		}
		*at(last, forw), *at(head, back) = head, last
	}
	dev := func(i int) uint16 { return f.get("_buf", i*bufSize+bufDev) }
	ring(f.symbols["_rktab"], bufForw, bufBack, func(i int) bool { return dev(i)>>8 == 0 })
	ring(f.symbols["_rptab"], bufForw, bufBack, func(i int) bool { return dev(i)>>8 == 1 })
	ring(f.symbols["_bfreeli"], bufForw, bufBack, func(i int) bool { return dev(i) == noDev })
	ring(f.symbols["_bfreeli"], avForw, avBack, func(i int) bool { return f.get("_buf", i*bufSize)&bBusy == 0 })
}

// inode takes an inode of the root into memory.
func (f *fake) inode(tb testing.TB, slot int, dev uint16, number, count int) {
	tb.Helper()
	v, err := fs.Open(fs.Region{Device: f.pack, N: fakeSwplo})
	if err != nil {
		tb.Fatal(err)
	}
	n, err := v.Inode(number)
	if err != nil {
		tb.Fatal(err)
	}
	f.putInode(slot, dev, number, count, 0, n)
}

func (f *fake) putInode(slot int, dev uint16, number, count int, flag uint8, n fs.Inode) {
	e := slot * inodeSize
	words := []uint16{uint16(flag) | uint16(count)<<8, dev, uint16(number), n.Mode, uint16(n.Nlink), uint16(n.UID), uint16(n.GID), uint16(n.Size >> 16), uint16(n.Size)}
	for _, a := range n.Addr {
		words = append(words, uint16(a>>16), uint16(a))
	}
	for i, w := range words {
		f.set("_inode", e+2*i, w)
	}
}

// process fills a slot of the process table and the process's user structure.
func (f *fake) process(slot, pid int, stat, flag uint8, pri int8, addr uint16, comm string) {
	e := slot * procSize
	f.set("_proc", e+procStat, uint16(stat)|uint16(flag)<<8)
	f.set("_proc", e+procPri, uint16(uint8(pri)))
	f.set("_proc", e+procPID, uint16(pid))
	f.set("_proc", e+procAddr, addr)
	if flag&pLoad == 0 {
		return
	}
	for i, w := range userWords(f.symbols["_proc"]+uint16(e), comm) {
		f.guest.Memory[int(addr)*32+i] = w
	}
}

// swapUser puts the user structure of the process in a slot into swap space.
func (f *fake) swapUser(tb testing.TB, slot, block int, comm string) {
	tb.Helper()
	b := make([]byte, fs.BlockSize)
	for i, w := range userWords(f.symbols["_proc"]+uint16(slot*procSize), comm) {
		binary.LittleEndian.PutUint16(b[2*i:], w)
	}
	if err := f.pack.WriteBlock(fakeSwplo-1+block, b); err != nil {
		tb.Fatal(err)
	}
}

func userWords(entry uint16, comm string) []uint16 {
	b := make([]byte, fs.BlockSize)
	binary.LittleEndian.PutUint16(b[userProc:], entry)
	copy(b[userComm:userComm+14], comm)
	w := make([]uint16, len(b)/2)
	for i := range w {
		w[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return w
}

// look reads the fake, which must be known and settled.
func (f *fake) look(tb testing.TB) *View {
	tb.Helper()
	k, err := New(f.file)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := k.Look(&f.guest)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}
