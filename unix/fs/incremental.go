package fs

import (
	"bytes"
	"math/bits"
	"slices"
)

// Incremental checks a file system again and again while blocks of it change,
// as a crash campaign does: each disk that a power cut can leave differs from
// the one before in a few blocks. It finds what Check finds, the same number of
// problems of each kind, on whatever the device holds, but looks only at what
// changed.
//
//	c := fs.NewIncremental(dev)   // nothing is read yet
//	r := c.Report()               // reads the whole file system, as Check does
//	dev.WriteBlock(n, p)
//	c.Update(n)                   // reads block n, if it is more than a file's data
//	r = c.Report()                // r.Harmful, r.Harmless, a Problem for each kind
//	dev.WriteBlock(n, old)        // back again: there is no journal to undo,
//	c.Update(n)                   // an Update of what was put back costs the same
//	other := c.Clone(dev.Clone()) // for another goroutine
//
// Update and Report need the device as it is to be checked: every block that
// differs from what it was at the last Report must have been given to Update by
// the next Report, in any order. A block that turns unreadable has changed too.
//
// It keeps the inodes, and of the other blocks those that the check reads:
// indirect blocks, directories and the free chain, 250 to 500 KB for an RK05. An
// Update of one block with its Report takes 0.1 to 5 µs and allocates nothing,
// more only when a big directory or file comes or goes, for all that is in it.
// When blocks are shared so wildly that Check gives up, when the device has
// errors or the superblock makes no sense, each Report is a full Check; one that
// changes the sizes in the superblock reads all once more.
//
// An Incremental is not safe for concurrent use.
type Incremental struct {
	dev    Device
	unread bool // the tables say nothing: the next Report must read everything
	r      Report
	count  [kindNumbers]int // problems by kind
	full   Checker          // for what the tables cannot hold

	isize, fsize  uint32
	inodes        int
	budget, spent int    // as of Checker: blocks read for what is in them
	tallied       bool   // count has the inodes' problems
	moved         bool   // the tree of directories may have changed
	first         uint32 // first block of the free chain, 0 for none
	relinked      bool   // the chain may have

	super  [BlockSize]byte
	inode  []byte // the blocks of inodes
	facts  []inodeFacts
	isDir  bitmap
	blocks []blockFacts // by number less isize

	held       []heldBlock // what blockFacts.held counts in; 0 stands for none
	spareHeld  []int32
	visits     []visit // 0 stands for none
	spareVisit int32
	chain      []uint32 // the free chain as last followed
	round      uint32   // the number of that time

	parent  []uint16 // of directories, while the tree is looked at
	state   []dirState
	names   nameTable
	readers []uint16
	oldList []uint32
	buf     [BlockSize]byte
}

// inodeFacts is what is known of an inode beside what it says itself.
type inodeFacts struct {
	entries uint32 // that name it
	gone    uint32 // those of them in directories that count as lost
	names   uint32 // those that a path can give, but "." and ".."
	from    uint32 // sum of the inode numbers of the directories that they are in
	past    int32  // blocks past its size
	listed  uint8  // times it is in s_inode

	// Of a directory.
	read        bool // the rest holds
	dot, dotdot bool // it has the entry
	hole        bool
	lost        bool  // it counts as lost; checkTree sees to that
	upWrong     bool  // its ".." counts as wrong
	up          int32 // what its ".." says, 0 for none, -1 for what can be no inode
	doubles     int32 // names that are there again
	spent       int32 // blocks looked for, of the budget
}

// blockFacts is what is known of a block of the data area.
type blockFacts struct {
	uses uint32 // addresses in files
	free uint32 // entries on the free list
	held int32
}

// heldBlock is a block that the check reads, as it was last read.
type heldBlock struct {
	b      [BlockSize]byte
	first  int32 // visit
	visits int32
	chain  bool   // it is in the free chain
	round  uint32 // in which it was last seen there
	next   uint32 // the next block of the chain
}

// visit is one reason for a block to be held: a place in a file.
type visit struct {
	next  int32
	at    int32  // the file block that it, or what is below it, begins with
	ino   uint16 // the file
	depth uint8  // levels of indirect blocks left, 0 for a directory block
}

// maxVisits bounds the list of visits of one block. Past it all is left to
// Check.
const maxVisits = 1000

// Numbers of kinds, for tables.
const (
	nBadSuper = iota
	nBadAddress
	nUsedTwice
	nUsedAndFree
	nFreeTwice
	nBadFreeAddress
	nBadFreeCount
	nFreeLoop
	nBadFreeInode
	nBadType
	nBadRoot
	nBadDirSize
	nDirHole
	nBadEntry
	nEntryUnallocated
	nDotMissing
	nDotDotMissing
	nDotWrong
	nDotDotWrong
	nLinksLow
	nUnreadable
	nTooTangled
	nMissing
	nLinksHigh
	nUnreferenced
	nOrphan
	nUnreachable
	nLostDamaged
	nLostLinks
	nSecondName
	nDuplicateName
	nBadName
	nBadSize
	nPastSize
	nFreeInodeUsed
	nFreeInodeTwice
	nFreeCut
	kindNumbers
)

var numbered = [kindNumbers]Kind{
	nBadSuper:         BadSuper,
	nBadAddress:       BadAddress,
	nUsedTwice:        UsedTwice,
	nUsedAndFree:      UsedAndFree,
	nFreeTwice:        FreeTwice,
	nBadFreeAddress:   BadFreeAddress,
	nBadFreeCount:     BadFreeCount,
	nFreeLoop:         FreeLoop,
	nBadFreeInode:     BadFreeInode,
	nBadType:          BadType,
	nBadRoot:          BadRoot,
	nBadDirSize:       BadDirSize,
	nDirHole:          DirHole,
	nBadEntry:         BadEntry,
	nEntryUnallocated: EntryUnallocated,
	nDotMissing:       DotMissing,
	nDotDotMissing:    DotDotMissing,
	nDotWrong:         DotWrong,
	nDotDotWrong:      DotDotWrong,
	nLinksLow:         LinksLow,
	nUnreadable:       Unreadable,
	nTooTangled:       TooTangled,
	nMissing:          Missing,
	nLinksHigh:        LinksHigh,
	nUnreferenced:     Unreferenced,
	nOrphan:           Orphan,
	nUnreachable:      Unreachable,
	nLostDamaged:      LostDamaged,
	nLostLinks:        LostLinks,
	nSecondName:       SecondName,
	nDuplicateName:    DuplicateName,
	nBadName:          BadName,
	nBadSize:          BadSize,
	nPastSize:         PastSize,
	nFreeInodeUsed:    FreeInodeUsed,
	nFreeInodeTwice:   FreeInodeTwice,
	nFreeCut:          FreeCut,
}

// number returns the number of kind k.
func (k Kind) number() int { return slices.Index(numbered[:], k) }

// NewIncremental returns an incremental checker of dev, which must keep its
// length. The first Report reads it.
func NewIncremental(dev Device) *Incremental { return &Incremental{dev: dev, unread: true} }

// Clone returns a checker that goes on independently with dev, which must hold
// what c's device holds. It copies the tables, as large as the type's comment
// says: 50 to 100 µs for an RK05, as long as a Check. To try many variants of one
// disk it is better to go back by Update.
func (c *Incremental) Clone(dev Device) *Incremental {
	d := *c
	d.dev, d.full, d.names = dev, Checker{}, nameTable{}
	d.r.Problems = nil
	d.inode, d.facts, d.isDir, d.blocks = slices.Clone(c.inode), slices.Clone(c.facts), slices.Clone(c.isDir),
		slices.Clone(c.blocks)
	d.held, d.spareHeld, d.visits, d.chain = slices.Clone(c.held), slices.Clone(c.spareHeld),
		slices.Clone(c.visits), slices.Clone(c.chain)
	d.parent, d.state, d.readers, d.oldList = nil, nil, nil, nil
	return &d
}

// Count returns how many problems of kind k the last Report counted.
func (c *Incremental) Count(k Kind) int {
	if i := k.number(); i >= 0 {
		return c.count[i]
	}
	return 0
}

// Report returns what is wrong now: what Check's report has, but Problems holds
// one problem for each kind, without inode, block and words. See Count. The
// report is valid until the next call of a method.
func (c *Incremental) Report() *Report {
	if c.unread {
		c.unread = !c.build()
	}
	if !c.unread && c.relinked {
		c.followChain()
	}
	if !c.unread && c.moved {
		c.checkTree()
	}
	r := &c.r
	if c.unread {
		clear(c.count[:])
		c.full.Brief, c.full.Max, c.full.count = true, -1, &c.count
		list := r.Problems
		*r = *c.full.Check(c.dev)
		r.Problems = list
	} else {
		r.Blocks, r.Inodes = int(c.fsize), c.inodes
	}
	r.Harmful, r.Harmless, r.Problems = 0, 0, r.Problems[:0]
	for i, n := range c.count {
		if n == 0 {
			continue
		}
		p := Problem{Kind: numbered[i], Severity: numbered[i].Severity()}
		if p.Severity == Harmful {
			r.Harmful += n
		} else {
			r.Harmless += n
		}
		r.Problems = append(r.Problems, p)
	}
	return r
}

// Update takes note that the given blocks of the device may have changed, and
// reads those that matter. Numbers out of range do not matter.
func (c *Incremental) Update(blocks ...int) {
	for _, n := range blocks {
		switch {
		case c.unread:
			return
		case n < SuperBlock || n >= int(c.fsize):
		case n == SuperBlock:
			c.updateSuper()
		case n < int(c.isize):
			c.updateInodes(n)
		case c.blocks[n-int(c.isize)].held != 0:
			c.updateHeld(uint32(n))
		}
	}
}

// build fills the tables from the device and reports whether they can hold what
// is there.
func (c *Incremental) build() bool {
	c.r = Report{Problems: c.r.Problems}
	clear(c.count[:])
	if c.dev.Blocks() <= FirstIBlock || c.dev.ReadBlock(SuperBlock, c.super[:]) != nil {
		return false
	}
	var s Super
	s.Decode(c.super[:])
	if checkSuper(&s, c.dev.Blocks()) != nil {
		return false
	}
	c.isize, c.fsize, c.inodes = uint32(s.ISize), uint32(s.FSize), s.Inodes()
	n := int(c.fsize - c.isize)
	c.budget, c.spent = 2*n+1000, 0
	c.facts = cleared(c.facts, c.inodes+1)
	c.isDir = c.isDir.reset(c.inodes + 1)
	c.blocks = cleared(c.blocks, n)
	c.held, c.spareHeld = append(c.held[:0], heldBlock{}), c.spareHeld[:0]
	c.visits, c.spareVisit = append(c.visits[:0], visit{}), 0
	c.chain, c.first = c.chain[:0], 0
	c.r.Missing, c.count[nMissing] = n, 1
	c.unread, c.tallied, c.moved, c.relinked = false, false, true, true

	if size := c.inodes * InodeSize; cap(c.inode) < size {
		c.inode = make([]byte, size)
	} else {
		c.inode = c.inode[:size]
	}
	for b := FirstIBlock; b < int(c.isize); b++ {
		if c.dev.ReadBlock(b, c.inode[(b-FirstIBlock)*BlockSize:][:BlockSize]) != nil {
			return false
		}
	}
	for ino := BadIno; ino <= c.inodes; ino++ {
		if c.walkInode(ino, 1); c.unread {
			return false
		}
	}
	c.tallied = true
	for ino := BadIno; ino <= c.inodes; ino++ {
		c.tallyInode(ino, 1)
	}
	c.countSuper(1)
	c.first = c.countList(c.super[superFree:], int(int16(word(c.super[superNFree:]))), 1)
	c.countListed(nil, c.super[superNInode:])
	return true
}

// raw returns what inode ino says.
func (c *Incremental) raw(ino int) []byte {
	return c.inode[(ino-1)*InodeSize : ino*InodeSize : ino*InodeSize]
}

// read reads block n into c.buf and reports whether that is possible. If not,
// the rest is left to Check.
func (c *Incremental) read(n int) bool {
	if c.dev.ReadBlock(n, c.buf[:]) != nil {
		c.unread = true
	}
	return !c.unread
}

// updateSuper reads the superblock again.
func (c *Incremental) updateSuper() {
	if !c.read(SuperBlock) || c.buf == c.super {
		return
	}
	if !bytes.Equal(c.buf[:superNFree], c.super[:superNFree]) { // the sizes
		c.unread = true
		return
	}
	c.countSuper(-1)
	list := !bytes.Equal(c.buf[superNFree:superNInode], c.super[superNFree:superNInode])
	if list {
		c.countList(c.super[superFree:], int(int16(word(c.super[superNFree:]))), -1)
	}
	if !bytes.Equal(c.buf[superNInode:superFLock], c.super[superNInode:superFLock]) {
		c.countListed(c.super[superNInode:], c.buf[superNInode:])
	}
	c.super = c.buf
	c.countSuper(1)
	if list {
		if next := c.countList(c.super[superFree:], int(int16(word(c.super[superNFree:]))), 1); next != c.first {
			c.first, c.relinked = next, true
		}
	}
}

// countSuper adds the problems of the superblock's counts, times sign.
func (c *Incremental) countSuper(sign int) {
	if n := int16(word(c.super[superNFree:])); n < 0 || n > NICFree {
		c.count[nBadSuper] += sign
	}
	if n := int16(word(c.super[superNInode:])); n < 0 || n > NICInode {
		c.count[nBadSuper] += sign
	}
}

// countListed replaces the s_ninode and s_inode at was, if there is one, by
// those at is.
func (c *Incremental) countListed(was, is []byte) {
	count := func(p []byte) int {
		if p == nil {
			return 0
		}
		return min(max(int(int16(word(p))), 0), NICInode)
	}
	n, m := count(was), count(is)
	for i := range max(n, m) {
		at := superInode - superNInode + 2*i
		if i < n && i < m && word(was[at:]) == word(is[at:]) {
			continue
		}
		if i < n {
			c.countFreeInode(int(word(was[at:])), -1)
		}
		if i < m {
			c.countFreeInode(int(word(is[at:])), 1)
		}
	}
}

func (c *Incremental) countFreeInode(ino, sign int) {
	switch {
	case ino > c.inodes:
		c.count[nBadFreeInode] += sign
	case ino >= RootIno:
		c.tallyFree(ino, -1)
		c.facts[ino].listed += uint8(sign)
		c.tallyFree(ino, 1)
	}
}

// tallyFree adds the problems that s_inode has with inode ino.
func (c *Incremental) tallyFree(ino, sign int) {
	n := int(c.facts[ino].listed)
	switch {
	case n == 0:
	case word(c.raw(ino)[inodeMode:]) != 0:
		c.count[nFreeInodeUsed] += sign * n
	default:
		c.count[nFreeInodeTwice] += sign * (n - 1)
	}
}

// countList adds the n entries of the free list at p, as far as the kernel would
// come, times sign. It returns the first one, the next block of the chain, 0
// when the list ends.
func (c *Incremental) countList(p []byte, n, sign int) uint32 {
	if n > NICFree {
		return 0
	}
	for i := n - 1; i >= 0; i-- {
		a := uint32(Long(p[4*i:]))
		switch {
		case a == 0:
			if i > 0 {
				c.count[nFreeCut] += sign
			}
			return 0
		case a < c.isize || a >= c.fsize:
			c.count[nBadFreeAddress] += sign
			return 0
		case i == 0:
			return a
		}
		c.addFree(a, sign)
	}
	return 0
}

// countChain adds the chain block a, which is held, and its entries, times sign,
// and returns the next one.
func (c *Incremental) countChain(a uint32, sign int) uint32 {
	b := &c.held[c.blocks[a-c.isize].held].b
	n := int(int16(word(b[chainCount:])))
	if n < 1 || n > NICFree {
		c.count[nBadFreeCount] += sign
	}
	if n < 0 || n > NICFree {
		return 0
	}
	c.addFree(a, sign)
	return c.countList(b[chainFree:], n, sign)
}

// followChain follows the free chain. It reads only blocks that were not in it.
func (c *Incremental) followChain() {
	c.relinked = false
	c.round++
	c.oldList, c.chain = c.chain, c.oldList[:0]
	c.count[nFreeLoop] = 0
	for next := c.first; next != 0; {
		f := &c.blocks[next-c.isize]
		if f.held == 0 || !c.held[f.held].chain {
			if c.hold(next); c.unread {
				return
			}
			c.held[f.held].chain = true
			c.held[f.held].next = c.countChain(next, 1)
		} else if c.held[f.held].round == c.round {
			c.count[nFreeLoop] = 1
			break
		}
		h := &c.held[f.held]
		h.round = c.round
		c.chain = append(c.chain, next)
		next = h.next
	}
	for _, a := range c.oldList {
		if h := &c.held[c.blocks[a-c.isize].held]; h.round != c.round {
			c.countChain(a, -1)
			h.chain = false
			c.release(a)
		}
	}
}

// gone returns 1 when data block i is neither used nor free.
func (c *Incremental) gone(i int) int {
	if uint(i) < uint(len(c.blocks)) && c.blocks[i].uses|c.blocks[i].free == 0 {
		return 1
	}
	return 0
}

// lose takes note that data block i has become missing, or with sign -1 that it
// no longer is.
func (c *Incremental) lose(i, sign int) {
	c.r.Missing += sign
	c.count[nMissing] += sign * (1 - c.gone(i-1) - c.gone(i+1)) // runs of missing blocks
}

// addFree adds an entry for block a on the free list, or with sign -1 takes one
// off.
func (c *Incremental) addFree(a uint32, sign int) {
	i := int(a - c.isize)
	f := &c.blocks[i]
	c.r.Free += sign
	was := f.free
	f.free += uint32(sign)
	switch {
	case f.uses != 0:
		c.count[nUsedAndFree] += sign
	case was == 0:
		c.lose(i, -1)
	case f.free == 0:
		c.lose(i, 1)
	default:
		c.count[nFreeTwice] += sign
	}
}

// use adds a use of block a by a file, or with sign -1 takes it away, and
// reports whether a is in the data area.
func (c *Incremental) use(a uint32, sign int) bool {
	if a < c.isize || a >= c.fsize {
		c.count[nBadAddress] += sign
		return false
	}
	i := int(a - c.isize)
	f := &c.blocks[i]
	was := f.uses
	f.uses += uint32(sign)
	switch {
	case was != 0 && f.uses != 0:
		c.count[nUsedTwice] += sign
	case f.free == 0:
		c.lose(i, -sign)
	default:
		c.count[nUsedAndFree] += sign * int(f.free)
		c.count[nFreeTwice] -= sign * int(f.free-1)
	}
	return true
}

// hold makes sure that block a, of the data area, is held.
func (c *Incremental) hold(a uint32) {
	f := &c.blocks[a-c.isize]
	if f.held != 0 {
		return
	}
	if n := len(c.spareHeld); n > 0 {
		f.held = c.spareHeld[n-1]
		c.spareHeld = c.spareHeld[:n-1]
	} else {
		f.held = int32(len(c.held))
		c.held = append(c.held, heldBlock{})
	}
	h := &c.held[f.held]
	h.first, h.visits, h.chain, h.round = 0, 0, false, 0
	if c.dev.ReadBlock(int(a), h.b[:]) != nil {
		c.unread = true
	}
}

// release lets block a go when nothing needs it any more.
func (c *Incremental) release(a uint32) {
	f := &c.blocks[a-c.isize]
	if h := &c.held[f.held]; h.visits == 0 && !h.chain {
		c.spareHeld = append(c.spareHeld, f.held)
		f.held = 0
	}
}

// visit takes one from the budget and holds block a for the place in a file.
func (c *Incremental) visit(a uint32, v visit) {
	if c.hold(a); c.unread {
		return
	}
	h := &c.held[c.blocks[a-c.isize].held]
	i := c.spareVisit
	if i != 0 {
		c.spareVisit = c.visits[i].next
	} else {
		i = int32(len(c.visits))
		c.visits = append(c.visits, visit{})
	}
	v.next = h.first
	c.visits[i] = v
	h.first = i
	if h.visits++; h.visits > maxVisits {
		c.unread = true
	}
}

// leave undoes visit.
func (c *Incremental) leave(a uint32, v visit) {
	h := &c.held[c.blocks[a-c.isize].held]
	for p := &h.first; *p != 0; p = &c.visits[*p].next {
		w := &c.visits[*p]
		if w.ino == v.ino && w.depth == v.depth && w.at == v.at {
			i := *p
			*p = w.next
			w.next, c.spareVisit = c.spareVisit, i
			h.visits--
			break
		}
	}
	c.release(a)
}

// spend takes n from the budget.
func (c *Incremental) spend(n int) {
	if c.spent += n; c.spent > c.budget {
		c.unread = true
	}
}

// updateInodes reads inode block n again.
func (c *Incremental) updateInodes(n int) {
	if !c.read(n) {
		return
	}
	was := c.inode[(n-FirstIBlock)*BlockSize:][:BlockSize]
	if bytes.Equal(was, c.buf[:]) {
		return
	}
	for i := range InodesBlock {
		is := c.buf[i*InodeSize : (i+1)*InodeSize]
		if bytes.Equal(was[i*InodeSize:][:inodeATime], is[:inodeATime]) {
			continue
		}
		if c.changeInode((n-FirstIBlock)*InodesBlock+i+1, is); c.unread {
			return
		}
	}
	copy(was, c.buf[:]) // the times
}

// changeInode makes inode ino say what is at p.
func (c *Incremental) changeInode(ino int, p []byte) {
	d := c.raw(ino)
	mode := word(d[inodeMode:])
	same := (mode == 0) == (word(p[inodeMode:]) == 0) && mode&ModeType == word(p[inodeMode:])&ModeType
	sizes := Long(d[inodeSize:]) == Long(p[inodeSize:])
	addrs := bytes.Equal(d[inodeAddr:inodeATime], p[inodeAddr:inodeATime])
	was, is := fileBlocks(d), fileBlocks(p)
	switch {
	case same && sizes && addrs:
		c.replaceInode(ino, p)
	case same && mode&ModeType == ModeRegular && c.facts[ino].past == 0 && is >= was:
		c.growFile(ino, p)
	case same && mode&ModeType == ModeDir && addrs && is == was:
		c.resizeDir(ino, p)
	default:
		c.walkInode(ino, -1)
		c.replaceInode(ino, p)
		c.walkInode(ino, 1)
	}
}

// replaceInode makes inode ino say what is at p, as far as entries and the
// superblock go.
func (c *Incremental) replaceInode(ino int, p []byte) {
	c.tallyInode(ino, -1)
	copy(c.raw(ino), p)
	c.tallyInode(ino, 1)
}

// growFile is changeInode for a regular file that has no blocks past its size
// and whose size covers no fewer blocks than before: blocks of which nothing
// changes are not past it now either.
func (c *Incremental) growFile(ino int, p []byte) {
	d := c.raw(ino)
	c.countSize(ino, -1)
	was, is := fileBlocks(d), fileBlocks(p)
	past := int64(0)
	for i := range NAddr {
		a, b := Addr3(d[inodeAddr+3*i:]), Addr3(p[inodeAddr+3*i:])
		if a == b {
			continue
		}
		c.walkAddr(a, ino, i, was, -1)
		if past += c.walkAddr(b, ino, i, is, 1); c.unread {
			return
		}
	}
	c.countPast(ino, past)
	c.replaceInode(ino, p)
	c.countSize(ino, 1)
}

// resizeDir is changeInode for a directory of which only the size changes, and
// not the number of blocks.
func (c *Incremental) resizeDir(ino int, p []byte) {
	d := c.raw(ino)
	c.countSize(ino, -1)
	was, is := int(Long(d[inodeSize:])), int(Long(p[inodeSize:]))
	c.replaceInode(ino, p)
	c.countSize(ino, 1)
	lbn := int(fileBlocks(d)) - 1
	if lbn < 0 || lbn >= int(c.facts[ino].spent) {
		return
	}
	a := c.dirBlock(d, lbn)
	if a == badBlock || a == 0 {
		return
	}
	b := &c.held[c.blocks[a-c.isize].held].b
	from, to, sign := was, is, 1
	if is < was {
		from, to, sign = is, was, -1
	}
	slots := func(size int) int { return (size - lbn*BlockSize + DirentSize - 1) / DirentSize }
	for i := slots(from); i < slots(to); i++ {
		c.countEntry(ino, b[i*DirentSize:(i+1)*DirentSize:(i+1)*DirentSize], sign)
	}
	c.scanDir(ino)
}

// kind returns what a problem of kind k, one of lostKinds or ".." that is wrong, counts
// as in directory f.
func (f *inodeFacts) kind(k int) int {
	if f.lost {
		return nLostDamaged
	}
	return k
}

// countSize adds the problem of the size of the file or directory ino, times sign.
func (c *Incremental) countSize(ino, sign int) {
	d := c.raw(ino)
	size := Long(d[inodeSize:])
	dir := word(d[inodeMode:])&ModeType == ModeDir
	switch {
	case size >= 0 && size <= MaxFileSize && (!dir || size%DirentSize == 0):
	case dir:
		c.count[c.facts[ino].kind(nBadDirSize)] += sign
	default:
		c.count[nBadSize] += sign
	}
}

// countPast takes note that file ino now has so many blocks past its size.
func (c *Incremental) countPast(ino int, past int64) {
	f := &c.facts[ino]
	if f.past > 0 {
		c.count[nPastSize]--
	}
	if past > 0 {
		c.count[nPastSize]++
	}
	f.past = int32(past)
}

// tallyInode adds the problems, times sign, that lie between what inode ino says
// and what entries and the superblock say of it.
func (c *Incremental) tallyInode(ino, sign int) {
	if !c.tallied {
		return
	}
	f, d := &c.facts[ino], c.raw(ino)
	c.tallyFree(ino, sign)
	t := word(d[inodeMode:]) & ModeType
	if ino == RootIno && t != ModeDir {
		c.count[nBadRoot] += sign
	}
	if t == 0 {
		c.count[nEntryUnallocated] += sign * int(f.entries-f.gone)
		c.count[nLostDamaged] += sign * int(f.gone)
		return
	}
	if t == ModeDir && c.manyNames(ino) {
		n := int(f.names)
		if ino != RootIno {
			n--
		}
		c.count[nSecondName] += sign * n
	}
	if k := linkProblem(ino, int(f.entries), int(f.gone), int(int16(word(d[inodeNlink:])))); k != "" {
		c.count[k.number()] += sign
	}
}

// manyNames reports whether directory ino has more names than it should.
func (c *Incremental) manyNames(ino int) bool {
	n := c.facts[ino].names
	return n > 1 || n == 1 && ino == RootIno
}

// walkInode adds inode ino, the blocks that it names and the entries that are in
// them, or with sign -1 takes all of that away.
func (c *Incremental) walkInode(ino, sign int) {
	d := c.raw(ino)
	mode := word(d[inodeMode:])
	dir := false
	switch mode & ModeType {
	case ModeRegular:
		c.r.Regular += sign
	case ModeDir:
		c.r.Dirs += sign
		dir = true
		c.moved = true
	case ModeChar:
		c.r.CharDev += sign
		return
	case ModeBlock:
		c.r.BlockDev += sign
		return
	default:
		if mode != 0 {
			c.count[nBadType] += sign
		}
		return
	}
	c.countSize(ino, sign)
	if dir && sign < 0 {
		c.isDir.clear(uint32(ino))
		c.dropDir(ino)
	}
	limit := fileBlocks(d)
	past := int64(0)
	for i := range NAddr {
		past += c.walkAddr(Addr3(d[inodeAddr+3*i:]), ino, i, limit, sign)
	}
	if c.unread {
		return
	}
	if sign < 0 {
		past = 0
	}
	c.countPast(ino, past)
	if dir && sign > 0 {
		c.isDir.set(uint32(ino))
		c.addDir(ino)
	}
}

// walkAddr adds address i of inode ino, which is a, and what is below it, times
// sign. It returns the number of data blocks at and past limit.
func (c *Incremental) walkAddr(a uint32, ino, i int, limit int64, sign int) (past int64) {
	switch {
	case a == 0 || c.unread:
		return 0
	case i < NDirect:
		c.r.Data += sign
		c.use(a, sign)
		if int64(i) >= limit {
			return 1
		}
		return 0
	}
	first, depth := int64(NDirect), i-NDirect+1
	for k := 1; k < depth; k++ {
		first += 1 << (7 * k)
	}
	return c.indirect(a, ino, depth, depth, first, limit, sign)
}

// fileBlocks returns the number of blocks that the size of the file with inode d
// covers.
func fileBlocks(d []byte) int64 {
	size := Long(d[inodeSize:])
	if word(d[inodeMode:])&ModeType != ModeDir && (size < 0 || size > MaxFileSize) {
		return MaxFileBlocks
	}
	return (int64(size) + BlockSize - 1) / BlockSize
}

// indirect is Checker.indirect, or with sign -1 its opposite.
func (c *Incremental) indirect(a uint32, ino, depth, top int, first, limit int64, sign int) (past int64) {
	switch top - depth {
	case 0:
		c.r.Single += sign
	case 1:
		c.r.Double += sign
	case 2:
		c.r.Triple += sign
	}
	if !c.use(a, sign) {
		return 0
	}
	c.spend(sign)
	v := visit{ino: uint16(ino), depth: uint8(depth), at: int32(first)}
	if sign > 0 && !c.unread {
		c.visit(a, v)
	}
	if c.unread {
		return 0
	}
	k := c.blocks[a-c.isize].held
	if depth == 1 {
		b := &c.held[k].b
		for i := range NIndirect {
			v := uint32(Long(b[4*i:]))
			if v == 0 {
				continue
			}
			c.r.Data += sign
			c.use(v, sign)
			if first+int64(i) >= limit {
				past++
			}
		}
	} else {
		for i := range NIndirect {
			if v := uint32(Long(c.held[k].b[4*i:])); v != 0 {
				past += c.indirect(v, ino, depth-1, top, first+int64(i)<<(7*(depth-1)), limit, sign)
				if c.unread {
					return 0
				}
			}
		}
	}
	if sign < 0 {
		c.leave(a, v)
	}
	return past
}

// dirBlock is Checker.dirBlock; the indirect blocks are held.
func (c *Incremental) dirBlock(d []byte, lbn int) uint32 {
	i, depth, rest := indirectDepth(lbn)
	a := Addr3(d[inodeAddr+3*i:])
	for ; a != 0; depth-- {
		if a < c.isize || a >= c.fsize {
			return badBlock
		}
		if depth == 0 {
			break
		}
		b := &c.held[c.blocks[a-c.isize].held].b
		a = uint32(Long(b[4*(rest>>(7*(depth-1))&(NIndirect-1)):]))
	}
	return a
}

// addDir adds the entries of directory ino.
func (c *Incremental) addDir(ino int) {
	f, d := &c.facts[ino], c.raw(ino)
	size := int(Long(d[inodeSize:]))
	f.hole, f.spent = false, 0
	for lbn := 0; lbn*BlockSize < size && lbn < MaxFileBlocks; lbn++ {
		f.spent++
		if c.spend(1); c.unread {
			return
		}
		a := c.dirBlock(d, lbn)
		if a == badBlock {
			continue
		}
		if a == 0 {
			f.hole = true
			c.count[nDirHole]++
			break
		}
		if c.visit(a, visit{ino: uint16(ino), at: int32(lbn)}); c.unread {
			return
		}
		b := &c.held[c.blocks[a-c.isize].held].b
		for o := 0; o < min(BlockSize, size-lbn*BlockSize); o += DirentSize {
			c.countEntry(ino, b[o:o+DirentSize:o+DirentSize], 1)
		}
	}
	c.scanDir(ino)
}

// dropDir undoes addDir.
func (c *Incremental) dropDir(ino int) {
	f, d := &c.facts[ino], c.raw(ino)
	size := int(Long(d[inodeSize:]))
	for lbn := range int(f.spent) {
		a := c.dirBlock(d, lbn)
		if a == badBlock || a == 0 {
			continue
		}
		b := &c.held[c.blocks[a-c.isize].held].b
		for o := 0; o < min(BlockSize, size-lbn*BlockSize); o += DirentSize {
			c.countEntry(ino, b[o:o+DirentSize:o+DirentSize], -1)
		}
		c.leave(a, visit{ino: uint16(ino), at: int32(lbn)})
	}
	if f.hole {
		c.count[f.kind(nDirHole)]--
	}
	c.spent -= int(f.spent)
	c.countUp(f, false)
	c.tallyDir(f, -1)
	f.read, f.dot, f.dotdot, f.hole, f.lost, f.up, f.doubles, f.spent = false, false, false, false, false, 0, 0, 0
}

// countEntry adds an entry of directory ino, times sign.
func (c *Incremental) countEntry(ino int, slot []byte, sign int) {
	e := int(word(slot))
	if e == 0 {
		return
	}
	dir := &c.facts[ino]
	lo, hi := nameWords(slot[2:])
	dot := dots(lo, hi)
	good := dot == 0 && goodName(lo, hi)
	if dot == 0 && !good {
		c.count[nBadName] += sign
	}
	if dot == 1 && e != ino {
		c.count[dir.kind(nDotWrong)] += sign
	}
	if e <= BadIno || e > c.inodes {
		c.count[dir.kind(nBadEntry)] += sign
		return
	}
	c.tallyInode(e, -1)
	f := &c.facts[e]
	f.entries += uint32(sign)
	if dir.lost {
		f.gone += uint32(sign)
	}
	if good {
		f.names += uint32(sign)
		f.from += uint32(sign * ino)
		if c.isDir.has(uint32(e)) {
			c.moved = true
		}
	}
	c.tallyInode(e, 1)
}

// tallyDir adds the problems, times sign, that a directory has as a whole.
func (c *Incremental) tallyDir(f *inodeFacts, sign int) {
	if !f.read {
		return
	}
	if !f.dot {
		c.count[f.kind(nDotMissing)] += sign
	}
	if !f.dotdot {
		c.count[f.kind(nDotDotMissing)] += sign
	}
	c.count[nDuplicateName] += sign * int(f.doubles)
}

// scanDir finds out what a directory has as a whole: ".", ".." and names that
// are there twice.
func (c *Incremental) scanDir(ino int) {
	f, d := &c.facts[ino], c.raw(ino)
	c.tallyDir(f, -1)
	size := int(Long(d[inodeSize:]))
	up := f.up
	f.read, f.dot, f.dotdot, f.up, f.doubles = true, false, false, 0, 0
	c.names.reset(min(size/DirentSize, int(c.fsize)*(BlockSize/DirentSize)))
	n := 0
	for lbn := range int(f.spent) {
		a := c.dirBlock(d, lbn)
		if a == badBlock || a == 0 {
			continue
		}
		b := &c.held[c.blocks[a-c.isize].held].b
		for o := 0; o < min(BlockSize, size-lbn*BlockSize); o += DirentSize {
			slot := b[o : o+DirentSize : o+DirentSize]
			e := int(word(slot))
			if e == 0 {
				continue
			}
			lo, hi := nameWords(slot[2:])
			switch dots(lo, hi) {
			case 1:
				f.dot = true
			case 2:
				f.dotdot = true
				if f.up = int32(e); e <= BadIno || e > c.inodes {
					f.up = -1
				}
			}
			if c.names.add(lo, hi) {
				f.doubles++
			}
			n++
		}
	}
	if n > maxNames { // Check compares no more
		c.unread = true
	}
	if f.up != up {
		c.moved = true
	}
	c.tallyDir(f, 1)
}

// updateHeld reads block a again, which is held.
func (c *Incremental) updateHeld(a uint32) {
	if !c.read(int(a)) {
		return
	}
	h := &c.held[c.blocks[a-c.isize].held]
	if c.buf == h.b {
		return
	}
	chain := h.chain
	if chain {
		c.countChain(a, -1)
	}
	v := c.visits[h.first]
	switch {
	case h.visits == 0:
		h.b = c.buf
	case h.visits == 1 && v.depth == 0:
		c.changeDir(int(v.ino), int(v.at), h)
	case h.visits == 1 && v.depth == 1 && !c.isDir.has(uint32(v.ino)):
		c.changeIndirect(int(v.ino), int64(v.at), h)
	default:
		c.changeFiles(a, h)
	}
	if chain && !c.unread {
		h = &c.held[c.blocks[a-c.isize].held]
		if next := c.countChain(a, 1); next != h.next {
			h.next, c.relinked = next, true
		}
	}
}

// changeDir gives h, which is block lbn of directory ino and nothing else of
// files, the contents of c.buf.
func (c *Incremental) changeDir(ino, lbn int, h *heldBlock) {
	size := int(Long(c.raw(ino)[inodeSize:]))
	was := h.b
	h.b = c.buf
	for o := 0; o < min(BlockSize, size-lbn*BlockSize); o += DirentSize {
		p, q := was[o:o+DirentSize:o+DirentSize], h.b[o:o+DirentSize:o+DirentSize]
		if bytes.Equal(p, q) {
			continue
		}
		c.countEntry(ino, p, -1)
		c.countEntry(ino, q, 1)
	}
	c.scanDir(ino)
}

// changeIndirect gives h, which is an indirect block of the last level in
// regular file ino and nothing else of files, the contents of c.buf. first is
// the file block that it begins with.
func (c *Incremental) changeIndirect(ino int, first int64, h *heldBlock) {
	limit := fileBlocks(c.raw(ino))
	past := int64(c.facts[ino].past)
	for i := range NIndirect {
		v, w := uint32(Long(h.b[4*i:])), uint32(Long(c.buf[4*i:]))
		if v == w {
			continue
		}
		beyond := int64(0)
		if first+int64(i) >= limit {
			beyond = 1
		}
		if v != 0 {
			c.r.Data--
			c.use(v, -1)
			past -= beyond
		}
		if w != 0 {
			c.r.Data++
			c.use(w, 1)
			past += beyond
		}
	}
	c.countPast(ino, past)
	h.b = c.buf
}

// changeFiles gives block a the contents of c.buf, whatever it is in whichever
// files.
func (c *Incremental) changeFiles(a uint32, h *heldBlock) {
	c.readers = c.readers[:0]
	for i := h.first; i != 0; i = c.visits[i].next {
		if ino := c.visits[i].ino; !slices.Contains(c.readers, ino) {
			c.readers = append(c.readers, ino)
		}
	}
	for _, ino := range c.readers {
		c.walkInode(int(ino), -1)
	}
	if k := c.blocks[a-c.isize].held; k != 0 { // in the free chain as well
		c.held[k].b = c.buf
	}
	for _, ino := range c.readers {
		if c.walkInode(int(ino), 1); c.unread {
			return
		}
	}
}

// checkTree counts the problems that Checker.checkTree reports.
func (c *Incremental) checkTree() {
	c.moved = false
	c.count[nUnreachable] = 0
	c.state = cleared(c.state, c.inodes+1)
	if len(c.parent) != c.inodes+1 {
		c.parent = cleared(c.parent, c.inodes+1)
	}
	many := false
	for ino := range c.isDir.all() {
		switch f := &c.facts[ino]; {
		case c.manyNames(ino):
			c.state[ino] |= manyNames
			c.parent[ino] = 0
			many = true
		case f.names == 1:
			c.parent[ino] = uint16(f.from)
		default:
			c.parent[ino] = 0
		}
	}
	if many {
		c.findParents()
	}
	c.state[RootIno] |= reached
	for ino := range c.isDir.all() {
		if follow(ino, c.parent, c.state) != 0 {
			c.count[nUnreachable]++
		}
	}
	for ino := range c.isDir.all() {
		f := &c.facts[ino]
		c.countUp(f, false)
		if gone := c.state[ino].gone(); f.lost != gone {
			c.setLost(ino, gone)
		}
		c.countUp(f, dotdotWrong(int(f.up), ino, c.parent, c.state))
	}
	c.moved = false // which setLost says, though nothing has moved
}

// countUp takes note of whether the ".." of a directory is wrong.
func (c *Incremental) countUp(f *inodeFacts, wrong bool) {
	switch {
	case wrong && !f.upWrong:
		c.count[f.kind(nDotDotWrong)]++
	case f.upWrong && !wrong:
		c.count[f.kind(nDotDotWrong)]--
	}
	f.upWrong = wrong
}

// setLost has directory ino and its entries count as lost, or no longer.
func (c *Incremental) setLost(ino int, lost bool) {
	f, d := &c.facts[ino], c.raw(ino)
	hole := 0
	if f.hole {
		hole = 1
	}
	c.countSize(ino, -1)
	c.tallyDir(f, -1)
	c.count[f.kind(nDirHole)] -= hole
	size := int(Long(d[inodeSize:]))
	for lbn := range int(f.spent) {
		a := c.dirBlock(d, lbn)
		if a == badBlock || a == 0 {
			continue
		}
		b := &c.held[c.blocks[a-c.isize].held].b
		for o := 0; o < min(BlockSize, size-lbn*BlockSize); o += DirentSize {
			slot := b[o : o+DirentSize : o+DirentSize]
			f.lost = !lost
			c.countEntry(ino, slot, -1)
			f.lost = lost
			c.countEntry(ino, slot, 1)
		}
	}
	f.lost = lost
	c.countSize(ino, 1)
	c.tallyDir(f, 1)
	c.count[f.kind(nDirHole)] += hole
}

// findParents finds the first directories that name those with many names.
func (c *Incremental) findParents() {
	for ino := range c.isDir.all() {
		d := c.raw(ino)
		size := int(Long(d[inodeSize:]))
		for lbn := range int(c.facts[ino].spent) {
			a := c.dirBlock(d, lbn)
			if a == badBlock || a == 0 {
				continue
			}
			b := &c.held[c.blocks[a-c.isize].held].b
			for o := 0; o < min(BlockSize, size-lbn*BlockSize); o += DirentSize {
				slot := b[o : o+DirentSize : o+DirentSize]
				e := int(word(slot))
				if e > RootIno && e <= c.inodes && c.state[e]&manyNames != 0 && c.parent[e] == 0 && leads(slot) {
					c.parent[e] = uint16(ino)
				}
			}
		}
	}
}

// leads says whether the name in an entry is one by which a path can go down.
func leads(slot []byte) bool {
	lo, hi := nameWords(slot[2:])
	return dots(lo, hi) == 0 && goodName(lo, hi)
}

// clear clears bit i.
func (b bitmap) clear(i uint32) { b[i>>6] &^= 1 << (i & 63) }

// all yields the numbers of the bits that are set, in ascending order.
func (b bitmap) all() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for w, m := range b {
			for ; m != 0; m &= m - 1 {
				if !yield(w*64 + bits.TrailingZeros64(m)) {
					return
				}
			}
		}
	}
}
