// Package kernel sees a running Seventh Edition kernel from outside. Given the
// kernel's own file, with its name list, and a machine's memory, it tells which
// file systems are mounted and which processes there are, whether an instant is
// settled (no file-system operation is half done), and what each pack would hold
// if the kernel wrote out all that it still has in memory.
//
// It changes nothing in the machine and believes nothing that it has not
// checked: a kernel that is not V7, or is not up yet, or whose tables contradict
// each other, is unknown, and then there is no answer at all.
//
// # Layout
//
// Where a table is comes from the name list; its number of entries from the
// distance to the next symbol, so that a kernel with other limits is seen too.
// Offsets within the entries, in bytes, from V7's headers (sys/h):
//
//	buf, 24:   flags@0 forw@2 back@4 av_forw@6 av_back@8 dev@10 addr@14 blkno l@16 xmem@20
//	inode, 74: flag b@0 count b@1 dev@2 number@4 mode@6 nlink@8 uid@10 gid@12 size l@14 addr l[13]@18
//	mount, 6:  dev@0 bufp@2 inodp@4
//	proc, 28:  stat b@0 flag b@1 pri b@2 uid@8 pid@12 ppid@14 addr@16 wchan@20 textp@22
//	text, 12:  iptr@6
//	user:      procp@76 dbuf c[14]@96 dent@112 (ino, name c[14]) ofile[20]@194 comm c[14]@376
//	file:      flag b@0 inode@2
//	bdevsw, 8: open@0 tab@6; a table of devices begins like a buf
//	rp_sizes:  6 each, blocks l@0 cylinder@4
//	tty, 50:   rawq@0 canq@6 oproc@18 addr@26 dev@28 flags@30 state@32 delct b@36 col b@38 erase b@39 kill b@40
//	           intrc b@44 quitc b@45 startc b@46 stopc b@47 eofc b@48 brkc b@49; a queue: cc@0
package kernel

import (
	"encoding/binary"
	"slices"

	"v7em/unix/aout"
)

// Sizes of the entries of the kernel's tables, in bytes.
const (
	bufSize    = 24
	inodeSize  = 74
	mountSize  = 6
	procSize   = 28
	textSize   = 12
	bdevSize   = 8
	bufferSize = 512 + 2 // BSIZE+BSLOP
	partSize   = 6
)

// Offsets in them.
const (
	bufFlags = 0
	bufForw  = 2
	bufBack  = 4
	avForw   = 6
	avBack   = 8
	bufDev   = 10
	bufAddr  = 14
	bufBlkno = 16
	bufXmem  = 20

	inodeFlag   = 0
	inodeCount  = 1
	inodeDev    = 2
	inodeNumber = 4
	inodeMode   = 6
	inodeNlink  = 8
	inodeUID    = 10
	inodeGID    = 12
	inodeSizeL  = 14
	inodeAddr   = 18

	mountDev  = 0
	mountBuf  = 2
	mountNode = 4

	procStat  = 0
	procFlag  = 1
	procPri   = 2
	procUID   = 8
	procPID   = 12
	procPPID  = 14
	procAddr  = 16
	procWchan = 20
	procText  = 22

	textInode = 6

	userVA    = 0o140000 // the current process's, in kernel D space
	userProc  = 76
	userDbuf  = 96
	userDent  = 112
	userOfile = 194
	userFiles = 20 // entries of u_ofile
	userComm  = 376
	userSize  = 1024 // with the kernel stack

	fileFlag  = 0
	fileInode = 2
	filePipe  = 0o4 // in its flags

	bdevOpen = 0
	bdevTab  = 6
)

// Buffer flags.
const (
	bRead   = 0o1
	bDone   = 0o2
	bError  = 0o4
	bBusy   = 0o10
	bAsync  = 0o400
	bDelwri = 0o1000
)

// Inode flags.
const (
	iLock  = 0o1
	iUpd   = 0o2
	iAcc   = 0o4
	iMount = 0o10
	iChg   = 0o100
)

// Process states and flags.
const (
	pSleep = 1
	pRun   = 3
	pZomb  = 5
	pStop  = 6

	pLoad = 0o1
	pSys  = 0o2
	pLock = 0o4
	pSwap = 0o10
)

// Priorities at which processes sleep: below pZero within an operation.
const (
	priSwapped  = 1 // PSWP and PSWP+1: waiting for swapping, or for a text
	priZero     = 25
	priTTYInput = 28
	priWait     = 30
)

// noDev is the device number of a buffer that has none.
const noDev = 0o177777

// A table is an array of the kernel's: n entries of size bytes from base on, in
// kernel D space.
type table struct {
	base, size, n int
}

// at returns the address of entry i.
func (t table) at(i int) uint16 { return uint16(t.base + i*t.size) }

// index returns which entry a pointer points to.
func (t table) index(p uint16) (int, bool) {
	d := int(p) - t.base
	if d < 0 || d%t.size != 0 || d/t.size >= t.n {
		return 0, false
	}
	return d / t.size, true
}

// Kernel is a kernel's file: its text, by which it is recognized in memory, and
// where it keeps its tables. It does not change.
type Kernel struct {
	text []uint16

	buf, inode, proc, mount, texts, buffers, bdev table

	freelist, time, rootdev, swapdev, swplo, nswap, nblkdev, panicstr, updlock, runrun uint16
	rktab, rptab, rpSizes                                                              uint16 // 0: it has no such disks

	console                           uint16 // its terminal, kl11[0]; 0 if it has none
	sgtty, ttStop, inN, inLine, lineN uint16 // mini's, instead
	outN                              uint16
}

// dataEnd is where a kernel's data must end: the user structure follows.
const dataEnd = userVA

// minText is the least text, in bytes, that tells one kernel from another.
const minText = 2048

// New returns the kernel in a file. The error, which wraps ErrUnknown, says why
// the file cannot be one: it must be a V7 kernel of separate I and D space with
// its name list, its tables of the sizes that V7's are made of.
func New(file []byte) (*Kernel, error) {
	f, err := aout.Parse(file)
	if err != nil {
		return nil, notV7("%v", err)
	}
	if f.Magic != aout.Separate || len(f.Text) < minText {
		return nil, notV7("an a.out with magic %o and %d bytes of text", f.Magic, len(f.Text))
	}
	k := &Kernel{text: make([]uint16, len(f.Text)/2)}
	for i := range k.text {
		k.text[i] = binary.LittleEndian.Uint16(f.Text[2*i:])
	}

	// The addresses of all that is in data and bss, in ascending order.
	var all []int
	end := len(f.Data) + int(f.BSSSize)
	for _, s := range f.Symbols {
		if t := s.Type & aout.TypeMask; t == aout.Data || t == aout.BSS {
			all = append(all, int(s.Value))
		}
	}
	all = append(all, end)
	slices.Sort(all)
	if end > dataEnd {
		return nil, notV7("%d bytes of data", end)
	}
	var missing error
	find := func(name string) int {
		s, ok := f.Lookup(name)
		t := s.Type & aout.TypeMask
		if !ok || t != aout.Data && t != aout.BSS {
			return 0
		}
		return int(s.Value)
	}
	variable := func(name string, size int) uint16 {
		v := find(name)
		if v == 0 || v%2 != 0 || v+size > end {
			missing = notV7("no variable %s", name)
		}
		return uint16(v)
	}
	tab := func(name string, size, least int) table {
		t := table{base: find(name), size: size}
		if i, ok := slices.BinarySearch(all, t.base+1); t.base > 0 && (ok || i < len(all)) {
			t.n = (all[i] - t.base) / size
			if t.base%2 != 0 || (all[i]-t.base)%size != 0 {
				t.n = 0
			}
		}
		if t.n < least {
			missing = notV7("no table %s of entries of %d bytes", name, size)
		}
		return t
	}
	k.buf = tab("_buf", bufSize, 3)
	k.buffers = tab("_buffers", bufferSize, 3)
	k.inode = tab("_inode", inodeSize, 10)
	k.proc = tab("_proc", procSize, 3)
	k.mount = tab("_mount", mountSize, 1)
	k.texts = tab("_text", textSize, 1)
	k.freelist = variable("_bfreelist", bufSize)
	k.time = variable("_time", 4)
	k.rootdev = variable("_rootdev", 2)
	k.swapdev = variable("_swapdev", 2)
	k.swplo = variable("_swplo", 4)
	if find("_nswap") != 0 { // mini does not swap
		k.nswap = variable("_nswap", 2)
	}
	k.nblkdev = variable("_nblkdev", 2)
	k.panicstr = variable("_panicstr", 2)
	k.updlock = variable("_updlock", 2)
	k.runrun = variable("_runrun", 2)
	k.bdev = table{base: int(variable("_bdevsw", 2*bdevSize)), size: bdevSize}
	if i, ok := slices.BinarySearch(all, k.bdev.base+1); ok || i < len(all) {
		k.bdev.n = (all[i] - k.bdev.base) / bdevSize // a zero word ends it
	}
	k.rktab = uint16(find("_rktab"))
	k.rptab = uint16(find("_rptab"))
	if k.rptab != 0 {
		k.rpSizes = variable("_rp_sizes", 8*partSize)
	}
	k.console = terminal(find("_kl11"), end)
	if k.console == 0 && find("tt.sgtty") != 0 {
		k.sgtty, k.ttStop = variable("tt.sgtty", 6), variable("tt.stop", 2)
		k.inN, k.inLine, k.lineN = variable("in.n", 2), variable("in.line", 2), variable("line.n", 2)
		k.outN = variable("out.n", 2)
	}
	switch {
	case missing != nil:
		return nil, missing
	case k.buf.n != k.buffers.n:
		return nil, notV7("%d buffers for %d buffer headers", k.buffers.n, k.buf.n)
	case k.rktab == 0 && k.rptab == 0:
		return nil, notV7("it has neither RK nor RP disks")
	}
	return k, nil
}

// terminal returns the address of a terminal's structure, 0 where there can be none.
func terminal(at, end int) uint16 {
	if at%2 != 0 || at+ttySize > end {
		return 0
	}
	return uint16(at)
}
