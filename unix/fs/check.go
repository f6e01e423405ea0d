package fs

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"v7em/escape"
)

// DefaultMaxProblems is the number of problems that a Report lists when
// Checker.Max is 0.
const DefaultMaxProblems = 10000

// Checker checks file systems. It keeps its tables from one Check to the next,
// so use one for many images; the zero value is ready. It is not safe for
// concurrent use.
//
// Blocks are counted the way V7's icheck does and links the way its dcheck
// does: every address of every regular file and directory counts whatever the
// file's size, the free list ends at the first bad entry, and entries count
// whether or not their directory can be reached. The checker sees more than the
// two: "." and "..", reachability, sizes, names, the superblock's inode list.
type Checker struct {
	Max   int  // problems to list; 0 means DefaultMaxProblems
	Brief bool // no paths and no second owners of blocks, which is quicker on damaged images

	count *[kindNumbers]int // problems by kind, for Incremental; may be nil

	dev    Device
	r      *Report
	super  Super
	isize  uint32
	fsize  uint32
	inodes int
	budget int // indirect and directory blocks that may still be read

	used, free bitmap   // data blocks, by number less isize
	chain      bitmap   // those read as free-chain blocks
	mode       []uint16 // by inode number
	nlink      []int16
	entries    []uint32
	lostIn     []uint32 // entries in lost directories; empty when there are none
	parent     []uint16 // a directory with an entry for the inode, 0 if none
	dirs       []dirRecord
	state      []dirState // by inode number
	names      nameTable

	sbuf [BlockSize]byte    // superblock, inode block, free-chain block
	dbuf [BlockSize]byte    // directory block
	ind  [3][BlockSize]byte // indirect blocks, by depth left
	indN [3]uint32          // what ind holds while directories are read, 0 for nothing
}

// dirState is what is known of an inode's place in the tree.
type dirState byte

const (
	reached   dirState = 1 << iota // a path from the root leads to the directory
	lost                           // none does, going up by the first name of each directory
	doubtful                       // with lost: a directory on the way up has other names
	onPath                         // on the way up that is being followed
	manyNames                      // more than one entry names it
	listed                         // in s_inode
)

// gone says whether it is certain that no path from the root leads to a directory.
func (s dirState) gone() bool { return s&(lost|doubtful) == lost }

type dirRecord struct {
	ino  int
	up   int // what its ".." says, 0 for none
	size int32
	addr [NAddr]uint32
	read int32                  // blocks looked for
	harm [len(lostKinds)]uint32 // problems of these kinds
}

// lostKinds are the kinds of problems that harm only whoever comes by the directory:
// in one that is lost they are LostDamaged.
var lostKinds = [...]Kind{BadDirSize, DirHole, BadEntry, EntryUnallocated, DotMissing, DotDotMissing, DotWrong}

type bitmap []uint64

// reset returns a cleared bitmap of n bits, in the same memory if it fits.
func (b bitmap) reset(n int) bitmap { return cleared(b, (n+63)/64) }

// set sets bit i and reports whether it was set before.
func (b bitmap) set(i uint32) bool {
	w, m := &b[i>>6], uint64(1)<<(i&63)
	was := *w&m != 0
	*w |= m
	return was
}

func (b bitmap) has(i uint32) bool { return b[i>>6]>>(i&63)&1 != 0 }

// cleared returns a slice of n zeros, in the memory of s if it fits.
func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// Check checks the file system on dev. See Checker.
func Check(dev Device) *Report {
	var c Checker
	return c.Check(dev)
}

// Check checks the file system on dev, whatever it holds: there is no image on
// which it fails, only ones of which it finds more or less wrong. Time is
// bounded by a small multiple of the number of blocks.
func (c *Checker) Check(dev Device) *Report {
	r := &Report{Problems: []Problem{}}
	c.dev, c.r = dev, r
	defer func() { c.dev, c.r = nil, nil }()
	if !c.checkSuper() {
		return r
	}
	n := int(c.fsize - c.isize)
	c.used, c.free, c.chain = c.used.reset(n), c.free.reset(n), c.chain.reset(n)
	c.mode = cleared(c.mode, c.inodes+1)
	c.nlink = cleared(c.nlink, c.inodes+1)
	c.entries = cleared(c.entries, c.inodes+1)
	c.parent = cleared(c.parent, c.inodes+1)
	c.state = cleared(c.state, c.inodes+1)
	c.lostIn = c.lostIn[:0]
	c.dirs = c.dirs[:0]
	// A sound file system reads each block at most once for its addresses and
	// once as a directory.
	c.budget = 2*n + 1000

	c.checkInodes()
	c.checkDirs()
	c.checkTree()
	c.checkLost()
	c.checkLinks()
	c.checkFreeInodes()
	c.checkFreeList()
	c.checkMissing()
	if !c.Brief {
		c.addOwners()
		c.addPaths()
	}
	return r
}

func (c *Checker) report(p Problem) {
	p.Severity = p.Kind.Severity()
	if p.Severity == Harmful {
		c.r.Harmful++
	} else {
		c.r.Harmless++
	}
	if c.count != nil {
		c.count[p.Kind.number()]++
	}
	limit := c.Max
	if limit == 0 {
		limit = DefaultMaxProblems
	}
	if len(c.r.Problems) < limit {
		c.r.Problems = append(c.r.Problems, p)
	}
}

// reportIn reports a problem of a directory, of one of lostKinds.
func (c *Checker) reportIn(d *dirRecord, p Problem) {
	d.harm[slices.Index(lostKinds[:], p.Kind)]++
	p.Inode = d.ino
	c.report(p)
}

// read reads a block into p, or zeros when the device has an error.
func (c *Checker) read(b, ino int, p []byte) {
	if err := c.dev.ReadBlock(b, p); err != nil {
		clear(p[:BlockSize])
		c.report(Problem{Kind: Unreadable, Block: b, Inode: ino, Detail: err.Error()})
	}
}

// spend takes one from the budget for blocks that damage can make the check
// read again and again.
func (c *Checker) spend(ino int) bool {
	c.budget--
	if c.budget == -1 {
		c.report(Problem{Kind: TooTangled, Inode: ino,
			Detail: "shared blocks lead to ever more blocks; the rest is not followed"})
	}
	return c.budget >= 0
}

// checkSuper reads the superblock and reports whether the rest can be checked.
func (c *Checker) checkSuper() bool {
	if c.dev.Blocks() <= FirstIBlock {
		c.report(Problem{Kind: BadSuper, Block: SuperBlock, Detail: fmt.Sprintf("the device has only %d blocks",
			c.dev.Blocks())})
		return false
	}
	c.read(SuperBlock, 0, c.sbuf[:])
	s := &c.super
	s.Decode(c.sbuf[:])
	size := *s
	size.FSize = min(size.FSize, int32(c.dev.Blocks()))
	if err := checkSuper(s, c.dev.Blocks()); err != nil {
		c.report(Problem{Kind: BadSuper, Detail: err.Error()})
		// A device that ends early is checked as far as it goes.
		if s.FSize > MaxBlocks || checkSuper(&size, c.dev.Blocks()) != nil {
			return false
		}
	}
	if s.NFree < 0 || s.NFree > NICFree {
		c.report(Problem{Kind: BadSuper, Block: SuperBlock, Detail: fmt.Sprintf("s_nfree is %d, must be 0 to %d",
			s.NFree, NICFree)})
	}
	if s.NInode < 0 || s.NInode > NICInode {
		c.report(Problem{Kind: BadSuper, Block: SuperBlock, Detail: fmt.Sprintf("s_ninode is %d, must be 0 to %d",
			s.NInode, NICInode)})
	}
	c.isize, c.fsize, c.inodes = uint32(s.ISize), uint32(size.FSize), s.Inodes()
	c.r.Blocks, c.r.Inodes = int(c.fsize), c.inodes
	return true
}

// checkInodes reads all inodes, notes which are in use and counts the blocks
// that they name.
func (c *Checker) checkInodes() {
	for b := FirstIBlock; b < int(c.isize); b++ {
		c.read(b, 0, c.sbuf[:])
		for i := range InodesBlock {
			d := c.sbuf[i*InodeSize : (i+1)*InodeSize : (i+1)*InodeSize]
			mode := word(d[inodeMode:])
			if mode == 0 {
				continue
			}
			c.checkInode((b-FirstIBlock)*InodesBlock+i+1, mode, d)
		}
	}
	if c.mode[RootIno]&ModeType != ModeDir {
		c.report(Problem{Kind: BadRoot, Inode: RootIno,
			Detail: fmt.Sprintf("the root has mode %06o, which is no directory", c.mode[RootIno])})
	}
}

func (c *Checker) checkInode(ino int, mode uint16, d []byte) {
	c.mode[ino] = mode
	c.nlink[ino] = int16(word(d[inodeNlink:]))
	switch mode & ModeType {
	case ModeRegular:
		c.r.Regular++
	case ModeDir:
		c.r.Dirs++
	case ModeChar:
		c.r.CharDev++
		return
	case ModeBlock:
		c.r.BlockDev++
		return
	default:
		c.report(Problem{Kind: BadType, Inode: ino, Detail: fmt.Sprintf("mode %06o", mode)})
		return
	}
	size := Long(d[inodeSize:])
	blocks := (int64(size) + BlockSize - 1) / BlockSize
	if mode&ModeType == ModeDir {
		rec := dirRecord{ino: ino, size: size}
		if size < 0 || size > MaxFileSize || size%DirentSize != 0 {
			c.reportIn(&rec, Problem{Kind: BadDirSize, Detail: fmt.Sprintf("size %d", size)})
		}
		for i := range rec.addr {
			rec.addr[i] = Addr3(d[inodeAddr+3*i:])
		}
		c.dirs = append(c.dirs, rec)
	} else if size < 0 || size > MaxFileSize {
		c.report(Problem{Kind: BadSize, Inode: ino, Detail: fmt.Sprintf("size %d", size)})
		blocks = MaxFileBlocks // so as not to report every block as well
	}
	// Most files are short: look once whether anything follows three blocks.
	const more = inodeAddr + 3*3
	direct, indirect := NDirect, true
	if quad(d[more:])|quad(d[more+8:])|quad(d[more+16:])|quad(d[inodeAddr+3*NAddr-8:]) == 0 {
		direct, indirect = 3, false
	}
	past := int64(0) // blocks past the size
	for i := range direct {
		a := Addr3(d[inodeAddr+3*i:])
		if a == 0 {
			continue
		}
		c.r.Data++
		c.use(a, ino, "data")
		if int64(i) >= blocks {
			past++
		}
	}
	first := int64(NDirect)
	for depth := 1; depth <= 3 && indirect; depth++ {
		if a := Addr3(d[inodeAddr+3*(NDirect+depth-1):]); a != 0 {
			past += c.indirect(a, ino, depth, depth, first, blocks)
		}
		first += 1 << (7 * depth)
	}
	if past > 0 {
		c.report(Problem{Kind: PastSize, Inode: ino, Detail: fmt.Sprintf("%d blocks past the size %d", past, size)})
	}
}

// use counts block a as used by ino and reports whether it is in the data area.
func (c *Checker) use(a uint32, ino int, what string) bool {
	if a < c.isize || a >= c.fsize {
		c.report(Problem{Kind: BadAddress, Block: int(int32(a)), Inode: ino, Detail: what + " block out of range"})
		return false
	}
	if c.used.set(a - c.isize) {
		c.report(Problem{Kind: UsedTwice, Block: int(a), Inode: ino, Detail: what + " block already used"})
	}
	return true
}

// indirect counts indirect block a and what it names. depth is the number of
// levels left and top that of the inode's address; first is the file block that
// a begins with. It returns the number of data blocks at and past limit.
func (c *Checker) indirect(a uint32, ino, depth, top int, first, limit int64) (past int64) {
	switch top - depth {
	case 0:
		c.r.Single++
	case 1:
		c.r.Double++
	case 2:
		c.r.Triple++
	}
	if !c.use(a, ino, "indirect") || !c.spend(ino) {
		return 0
	}
	buf := &c.ind[depth-1]
	c.read(int(a), ino, buf[:])
	if depth == 1 {
		for i := range NIndirect {
			v := uint32(Long(buf[4*i:]))
			if v == 0 {
				continue
			}
			c.r.Data++
			c.use(v, ino, "data")
			if first+int64(i) >= limit {
				past++
			}
		}
		return past
	}
	for i := range NIndirect {
		if v := uint32(Long(buf[4*i:])); v != 0 {
			past += c.indirect(v, ino, depth-1, top, first+int64(i)<<(7*(depth-1)), limit)
		}
	}
	return past
}

// checkDirs reads all directories and counts the entries.
func (c *Checker) checkDirs() {
	c.indN = [3]uint32{}
	for i := range c.dirs {
		c.checkDir(&c.dirs[i])
	}
}

func (c *Checker) checkDir(d *dirRecord) {
	ones, twos := 0, 0 // entries "." and ".."
	c.names.reset(min(int(d.size)/DirentSize, int(c.fsize)*(BlockSize/DirentSize)))
	for off := int32(0); off < d.size; off += BlockSize {
		lbn := int(off / BlockSize)
		if lbn >= MaxFileBlocks || !c.spend(d.ino) {
			break
		}
		d.read++
		a := c.dirBlock(d, lbn)
		if a == badBlock { // reported with the inode
			continue
		}
		if a == 0 {
			c.reportIn(d, Problem{Kind: DirHole, Detail: fmt.Sprintf("no block at %d of %d bytes", off, d.size)})
			break
		}
		c.read(int(a), d.ino, c.dbuf[:])
		end := int(min(BlockSize, d.size-off))
		for o := 0; o < end; o += DirentSize {
			slot := c.dbuf[o : o+DirentSize : o+DirentSize]
			e := int(word(slot))
			if e == 0 {
				continue
			}
			lo, hi := nameWords(slot[2:])
			dot := dots(lo, hi)
			good := dot == 0 && goodName(lo, hi)
			if dot == 0 && !good {
				c.report(Problem{Kind: BadName, Inode: d.ino, Detail: fmt.Sprintf("entry %s", quoted(direntName(slot)))})
			}
			if dot == 1 {
				ones++
				if e != d.ino {
					c.reportIn(d, Problem{Kind: DotWrong, Entry: e, Detail: fmt.Sprintf(`"." is inode %d`, e)})
				}
			}
			if dot == 2 {
				twos++
				d.up = e
			}
			if c.names.add(lo, hi) {
				c.report(Problem{Kind: DuplicateName, Inode: d.ino, Detail: fmt.Sprintf("%s is there twice",
					quoted(direntName(slot)))})
			}
			if e <= BadIno || e > c.inodes {
				c.reportIn(d, Problem{Kind: BadEntry, Entry: e, Detail: fmt.Sprintf("%s is inode %d, must be %d to %d",
					quoted(direntName(slot)), e, RootIno, c.inodes)})
				if dot == 2 {
					d.up = -1
				}
				continue
			}
			c.entries[e]++
			if c.mode[e]&ModeType == 0 {
				c.reportIn(d, Problem{Kind: EntryUnallocated, Entry: e, Detail: fmt.Sprintf("%s is inode %d, which is free",
					quoted(direntName(slot)), e)})
			}
			if !good { // nothing leads anywhere by it
				continue
			}
			if c.parent[e] == 0 && e != RootIno {
				c.parent[e] = uint16(d.ino)
			} else if c.mode[e]&ModeType == ModeDir {
				c.report(Problem{Kind: SecondName, Inode: e, Detail: fmt.Sprintf("a directory, also %s in inode %d",
					quoted(direntName(slot)), d.ino)})
				c.state[e] |= manyNames
			}
		}
	}
	if ones == 0 {
		c.reportIn(d, Problem{Kind: DotMissing})
	}
	if twos == 0 {
		c.reportIn(d, Problem{Kind: DotDotMissing})
	}
}

// nameWords returns the 14 bytes of a name, the first ones lowest.
func nameWords(name []byte) (lo, hi uint64) {
	return quad(name), uint64(binary.LittleEndian.Uint32(name[8:])) | uint64(word(name[12:]))<<32
}

// dots returns 1 for the name ".", 2 for "..", else 0. Like the kernel it looks at all
// 14 bytes.
func dots(lo, hi uint64) int {
	switch {
	case hi != 0:
	case lo == '.':
		return 1
	case lo == '.'|'.'<<8:
		return 2
	}
	return 0
}

func quad(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// goodName reports whether a name is one that a path can reach: with something
// in it, without a slash, and NUL to the end after the first NUL.
func goodName(lo, hi uint64) bool {
	const slashes = 0x2f2f2f2f2f2f2f2f
	if zeroBytes(lo^slashes)|zeroBytes(hi^slashes) != 0 || lo&0xff == 0 {
		return false
	}
	if z := zeroBytes(lo); z != 0 {
		return hi == 0 && lo>>(bits.TrailingZeros64(z)&^7) == 0
	}
	// The upper two bytes of hi are zero, so there is a first zero.
	return hi>>(bits.TrailingZeros64(zeroBytes(hi))&^7) == 0
}

// zeroBytes returns a word whose lowest set bit is in the first zero byte of v,
// 0 when it has none.
func zeroBytes(v uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return (v - ones) &^ v & tops
}

// dirBlock returns the block that holds file block lbn of a directory: 0 for a
// hole, badBlock when the address is out of range.
func (c *Checker) dirBlock(d *dirRecord, lbn int) uint32 {
	i, depth, rest := indirectDepth(lbn)
	a := d.addr[i]
	for ; a != 0; depth-- {
		if a < c.isize || a >= c.fsize {
			return badBlock
		}
		if depth == 0 {
			break
		}
		buf := &c.ind[depth-1]
		if c.indN[depth-1] != a {
			if c.dev.ReadBlock(int(a), buf[:]) != nil { // reported when the inode was checked
				return badBlock
			}
			c.indN[depth-1] = a
		}
		a = uint32(Long(buf[4*(rest>>(7*(depth-1))&(NIndirect-1)):]))
	}
	return a
}

// badBlock stands for an address out of range; no block has this number.
const badBlock = ^uint32(0)

// checkTree looks at each directory's place: whether it can be reached from the root,
// and "..".
func (c *Checker) checkTree() {
	c.state[RootIno] |= reached
	for i := range c.dirs {
		d := &c.dirs[i]
		if top := follow(d.ino, c.parent, c.state); top != 0 {
			detail := "no entry leads to the directory"
			if c.parent[top] != 0 {
				detail = "the directory is inside itself"
			}
			c.report(Problem{Kind: Unreachable, Inode: top, Detail: detail})
		}
	}
	for i := range c.dirs {
		d := &c.dirs[i]
		if dotdotWrong(d.up, d.ino, c.parent, c.state) {
			p := Problem{Kind: DotDotWrong, Inode: d.ino, Entry: d.up, Detail: fmt.Sprintf(`".." is inode %d, must be %d`, d.up, above(d.ino, c.parent))}
			if c.state[d.ino].gone() {
				p = lostDamaged(p)
			}
			c.report(p)
		}
	}
}

// lostDamaged returns the problem of a directory as it is when that is lost.
func lostDamaged(p Problem) Problem {
	p.Of, p.Kind, p.Severity = p.Kind, LostDamaged, LostDamaged.Severity()
	return p
}

// checkLost looks again at the directories that are lost: what is wrong with them is no
// harm, and entries in them are counted apart.
func (c *Checker) checkLost() {
	any := false
	for i := range c.dirs {
		d := &c.dirs[i]
		if !c.state[d.ino].gone() {
			continue
		}
		for k, n := range d.harm {
			c.r.Harmful -= int(n)
			c.r.Harmless += int(n)
			if c.count != nil {
				c.count[lostKinds[k].number()] -= int(n)
				c.count[nLostDamaged] += int(n)
			}
			any = any || n > 0
		}
		c.countLost(d)
	}
	if !any {
		return
	}
	for i := range c.r.Problems {
		p := &c.r.Problems[i]
		// The inode of one of these kinds is a directory.
		if slices.Contains(lostKinds[:], p.Kind) && c.state[p.Inode].gone() {
			*p = lostDamaged(*p)
		}
	}
}

// countLost counts the entries of a lost directory.
func (c *Checker) countLost(d *dirRecord) {
	if len(c.lostIn) == 0 {
		c.lostIn = cleared(c.lostIn, c.inodes+1)
	}
	for lbn := range d.read {
		a := c.dirBlock(d, int(lbn))
		// What cannot be read was reported.
		if a == 0 || a == badBlock || c.dev.ReadBlock(int(a), c.dbuf[:]) != nil {
			continue
		}
		for o := 0; o < int(min(BlockSize, d.size-lbn*BlockSize)); o += DirentSize {
			if e := int(word(c.dbuf[o:])); e > BadIno && e <= c.inodes {
				c.lostIn[e]++
			}
		}
	}
}

// above returns the directory that ino is in, 0 when that is not known.
func above(ino int, parent []uint16) int {
	if ino == RootIno {
		return RootIno
	}
	return int(parent[ino])
}

// dotdotWrong reports whether up, the ".." of directory ino, is known to be
// wrong.
func dotdotWrong(up, ino int, parent []uint16, state []dirState) bool {
	right := above(ino, parent)
	return up > 0 && right != 0 && up != right && state[ino]&manyNames == 0
}

// follow finds out whether directory ino can be reached from the root. Of a
// tree that cannot it returns the top, or one directory of a loop, the first
// time and unless that has many names; else 0.
func follow(ino int, parent []uint16, state []dirState) (top int) {
	at, last := ino, 0 // last is the uppermost with many names
	for state[at]&(reached|lost|onPath) == 0 {
		state[at] |= onPath
		if state[at]&manyNames != 0 {
			last = at
		}
		if parent[at] == 0 {
			break
		}
		at = int(parent[at])
	}
	verdict := state[at] & (reached | lost)
	below, all := last != 0, state[at]&doubtful != 0
	if verdict == 0 {
		verdict = lost
		all = below && parent[at] != 0 // in a loop each is above all others
		if state[at]&manyNames == 0 {
			top = at
		}
	}
	for at = ino; state[at]&onPath != 0; at = int(parent[at]) {
		state[at] = state[at]&^onPath | verdict
		if verdict == lost && (all || below) {
			state[at] |= doubtful
		}
		below = below && at != last
	}
	return top
}

// checkLinks compares the link counts with the entries.
func (c *Checker) checkLinks() {
	for ino := BadIno; ino <= c.inodes; ino++ {
		if c.mode[ino]&ModeType == 0 {
			continue
		}
		n, l, gone := int(c.entries[ino]), int(c.nlink[ino]), 0
		if len(c.lostIn) != 0 {
			gone = int(c.lostIn[ino])
		}
		k := linkProblem(ino, n, gone, l)
		if k == "" {
			continue
		}
		p := Problem{Kind: k, Inode: ino, Detail: fmt.Sprintf("%d links counted, %d entries", l, n)}
		switch k {
		case LostLinks:
			p.Detail += fmt.Sprintf(", %d of them in directories that are lost", gone)
		case Orphan:
			p.Detail = "in use, with no links and no entry"
		}
		c.report(p)
	}
}

// linkProblem returns what is wrong with an inode in use that is named by n
// entries, gone of them in lost directories, and counts l, "" for nothing.
func linkProblem(ino, n, gone, l int) Kind {
	switch {
	case n == l && l != 0 || ino == BadIno && n == 0 && l == 0:
		return ""
	case n == 0 && l == 0:
		return Orphan
	case n == 0:
		return Unreferenced
	case l < n-gone:
		return LinksLow
	case l < n:
		return LostLinks
	}
	return LinksHigh
}

// checkFreeInodes looks at the superblock's list of free inodes. The kernel
// skips numbers below 2 and inodes that turn out to be in use.
func (c *Checker) checkFreeInodes() {
	s := &c.super
	for i := range min(max(int(s.NInode), 0), NICInode) {
		ino := int(s.Inode[i])
		if ino > c.inodes {
			c.report(Problem{Kind: BadFreeInode, Detail: fmt.Sprintf("s_inode[%d] is %d, must be %d to %d", i, ino,
				RootIno, c.inodes)})
		} else if ino >= RootIno && c.mode[ino] != 0 {
			c.report(Problem{Kind: FreeInodeUsed, Inode: ino, Detail: "in use, but on the superblock's list of free inodes"})
		} else if c.state[ino]&listed != 0 {
			c.report(Problem{Kind: FreeInodeTwice, Inode: ino, Detail: "twice on the superblock's list of free inodes"})
		} else if ino >= RootIno {
			c.state[ino] |= listed
		}
	}
}

// checkFreeList follows the free list as the kernel takes blocks off it. Like
// icheck it does not count a chain block with a bad count as free.
func (c *Checker) checkFreeList() {
	n, from := int(c.super.NFree), SuperBlock
	if n > NICFree { // reported with the superblock
		return
	}
	list := c.super.Free
	for n > 0 {
		for i := n - 1; i >= 0; i-- {
			a := uint32(list[i])
			if a == 0 {
				if i > 0 {
					c.report(Problem{Kind: FreeCut, Block: from, Detail: fmt.Sprintf("entry %d of %d is zero", i, n)})
				}
				return
			}
			if a < c.isize || a >= c.fsize {
				c.report(Problem{Kind: BadFreeAddress, Block: int(int32(a)),
					Detail: fmt.Sprintf("entry %d of block %d; the rest of the free list is not followed", i, from)})
				return
			}
			if i == 0 {
				if c.chain.set(a - c.isize) {
					c.report(Problem{Kind: FreeLoop, Block: int(a), Detail: "the free chain comes back to this block"})
					return
				}
				from = int(a)
				c.read(from, 0, c.sbuf[:])
				n = int(int16(word(c.sbuf[chainCount:])))
				if n < 1 || n > NICFree {
					c.report(Problem{Kind: BadFreeCount, Block: from,
						Detail: fmt.Sprintf("count of a free-chain block is %d, must be 1 to %d", n, NICFree)})
				}
				if n < 0 || n > NICFree {
					return
				}
				for k := range n {
					list[k] = Long(c.sbuf[chainFree+4*k:])
				}
			}
			c.r.Free++
			if twice := c.free.set(a - c.isize); c.used.has(a - c.isize) {
				c.report(Problem{Kind: UsedAndFree, Block: int(a), Detail: "in a file and on the free list"})
			} else if twice {
				c.report(Problem{Kind: FreeTwice, Block: int(a), Detail: "on the free list again"})
			}
		}
	}
}

// checkMissing reports runs of blocks that are neither used nor free.
func (c *Checker) checkMissing() {
	n := int(c.fsize - c.isize)
	start := -1
	end := func(i int) {
		if start >= 0 {
			c.r.Missing += i - start
			c.report(Problem{Kind: Missing, Block: int(c.isize) + start, Count: i - start, Detail: "neither used nor free"})
			start = -1
		}
	}
	for w := range c.used {
		gone := ^(c.used[w] | c.free[w])
		if last := n - w*64; last < 64 {
			gone &= 1<<last - 1
		}
		if gone == 0 && start < 0 {
			continue
		}
		for i := w * 64; i < min(n, w*64+64); i++ {
			if gone>>(i&63)&1 == 0 {
				end(i)
			} else if start < 0 {
				start = i
			}
		}
	}
	end(n)
}

// addOwners adds, to problems with blocks in two places, the first file that
// uses the block.
func (c *Checker) addOwners() {
	owner := map[uint32]int{}
	for _, p := range c.r.Problems {
		if p.Kind == UsedTwice || p.Kind == UsedAndFree {
			owner[uint32(p.Block)] = 0
		}
	}
	if len(owner) == 0 {
		return
	}
	c.budget = 2*int(c.fsize) + 1000
	for ino := BadIno; ino <= c.inodes; ino++ {
		if t := c.mode[ino] & ModeType; t != ModeRegular && t != ModeDir {
			continue
		}
		b, off := InodeBlock(ino)
		if c.dev.ReadBlock(b, c.sbuf[:]) != nil {
			continue
		}
		d := c.sbuf[off : off+InodeSize]
		for i := range NAddr {
			if a := Addr3(d[inodeAddr+3*i:]); a != 0 {
				c.own(owner, a, ino, max(0, i-NDirect+1))
			}
		}
	}
	for i := range c.r.Problems {
		p := &c.r.Problems[i]
		switch p.Kind {
		case UsedAndFree:
			p.Inode = owner[uint32(p.Block)]
		case UsedTwice:
			if o := owner[uint32(p.Block)]; o != 0 {
				p.Detail += fmt.Sprintf(" by inode %d", o)
			}
		}
	}
}

// own notes ino as owner of those blocks of the tree under a that are keys of
// owner and have none yet.
func (c *Checker) own(owner map[uint32]int, a uint32, ino, depth int) {
	if a < c.isize || a >= c.fsize {
		return
	}
	if o, ok := owner[a]; ok && o == 0 {
		owner[a] = ino
	}
	if depth == 0 {
		return
	}
	if c.budget--; c.budget < 0 || c.dev.ReadBlock(int(a), c.ind[depth-1][:]) != nil {
		return
	}
	for i := range NIndirect {
		if v := uint32(Long(c.ind[depth-1][4*i:])); v != 0 {
			c.own(owner, v, ino, depth-1)
		}
	}
}

// addPaths adds the paths of the inodes in the problems, as far as a bounded
// number of directory blocks gives them.
func (c *Checker) addPaths() {
	c.budget = 20000
	c.indN = [3]uint32{}
	for i := range c.r.Problems {
		if p := &c.r.Problems[i]; p.Inode != 0 {
			p.Path = c.path(p.Inode)
		}
	}
}

// path returns a path of inode ino, "" when none leads there from the root.
func (c *Checker) path(ino int) string {
	if ino == RootIno {
		return "/"
	}
	path := ""
	for range 64 {
		up := int(c.parent[ino])
		name, ok := c.entryName(up, ino)
		if !ok {
			return ""
		}
		path = "/" + escape.Name(name) + path
		if up == RootIno {
			return path
		}
		ino = up
	}
	return ""
}

// entryName returns the first name but "." and ".." that directory dir has for
// inode ino.
func (c *Checker) entryName(dir, ino int) (string, bool) {
	i, ok := slices.BinarySearchFunc(c.dirs, dir, func(d dirRecord, ino int) int { return d.ino - ino })
	if !ok {
		return "", false
	}
	d := &c.dirs[i]
	for off := int32(0); off < d.size && off/BlockSize < MaxFileBlocks && c.budget > 0; off += BlockSize {
		c.budget--
		a := c.dirBlock(d, int(off/BlockSize))
		if a == 0 {
			break
		}
		if a == badBlock || c.dev.ReadBlock(int(a), c.dbuf[:]) != nil {
			continue
		}
		for o := 0; o < int(min(BlockSize, d.size-off)); o += DirentSize {
			slot := c.dbuf[o : o+DirentSize]
			if int(word(slot)) != ino {
				continue
			}
			if name := direntName(slot); name != "." && name != ".." {
				return name, true
			}
		}
	}
	return "", false
}

// nameTable finds names that come twice. Slots of an earlier round count as
// empty, so a reset costs nothing.
type nameTable struct {
	round uint32
	mask  uint32
	left  int
	slots []nameSlot
}

type nameSlot struct {
	round  uint32
	lo, hi uint64 // the name's 14 bytes
}

// maxNames bounds the table; names past it are not compared.
const maxNames = 1 << 16

// reset empties the table and makes room for n names, at most maxNames.
func (t *nameTable) reset(n int) {
	n = min(max(n, 8), maxNames)
	size := 1 << bits.Len(uint(2*n-1))
	if len(t.slots) < size {
		*t = nameTable{slots: make([]nameSlot, size)}
	}
	t.round++
	if t.round == 0 { // wrapped: old rounds would come alive
		clear(t.slots)
		t.round = 1
	}
	t.mask, t.left = uint32(size-1), n
}

// add adds a name and reports whether it was there.
func (t *nameTable) add(lo, hi uint64) bool {
	h := (lo ^ hi*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	for i := uint32(h>>33) & t.mask; ; i = (i + 1) & t.mask {
		s := &t.slots[i]
		if s.round != t.round {
			if t.left > 0 {
				t.left--
				*s = nameSlot{t.round, lo, hi}
			}
			return false
		}
		if s.lo == lo && s.hi == hi {
			return true
		}
	}
}
