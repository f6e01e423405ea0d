package journaldev

import (
	"fmt"

	"v7em/block"
	"v7em/unix/fs"
)

// Range is the blocks From to To-1.
type Range struct{ From, To int }

// Has says whether block n is in the range.
func (r Range) Has(n int) bool { return n >= r.From && n < r.To }

// and returns the blocks that are in both, the zero Range if there are none.
func (r Range) and(o Range) Range {
	if r.From, r.To = max(r.From, o.From), min(r.To, o.To); r.From >= r.To {
		return Range{}
	}
	return r
}

// Layout says what is where on a pack: its V7 file systems, and the swap space of
// the kernel that runs, which passes by the journal. The zero Layout is a pack
// without either: all of it is journaled.
type Layout struct {
	Swap    Range
	Systems int    // how many file systems there are, at most 4
	Start   [4]int // where they start: their boot blocks
}

func (l *Layout) starts() []int { return l.Start[:l.Systems] }

// valid says whether the layout fits a pack of that many blocks.
func (l *Layout) valid(blocks int) bool {
	if l.Systems < 0 || l.Systems > len(l.Start) {
		return false
	}
	for _, start := range l.starts() {
		if start < 0 || start >= blocks {
			return false
		}
	}
	return l.Swap.From >= 0 && l.Swap.From <= l.Swap.To && l.Swap.To <= blocks
}

// Detect returns the layout of a pack as its superblocks tell it: one file system
// from its beginning, and on an RP03 perhaps a second one, which V7 has at block 7000
// (rp(4)). A pack that does not begin with a V7 file system has the zero Layout. What
// is behind a file system is journaled: that it is swap space no superblock says, see
// WithSwap.
func Detect(s *block.Store) Layout {
	var l Layout
	size := systemSize(s, 0)
	if size == 0 {
		return l
	}
	l.Systems = 1
	if s.Blocks() == RP03.Blocks && size <= rp03Second && systemSize(s, rp03Second) > 0 {
		l.Start[1], l.Systems = rp03Second, 2
	}
	return l
}

// WithSwap returns the layout of a pack that holds these blocks, of which the kernel
// that runs uses a range for swapping. Blocks in it that belong to a file system
// nevertheless are none of the swap space: they are journaled.
func (l Layout) WithSwap(s *block.Store, swap Range) Layout {
	swap = swap.and(Range{0, s.Blocks()})
	for _, start := range l.starts() {
		end := min(start+systemSize(s, start), s.Blocks())
		switch {
		case end <= swap.From || start >= swap.To:
		case start <= swap.From:
			swap = swap.and(Range{end, swap.To})
		default:
			swap.To = start
		}
	}
	l.Swap = swap
	return l
}

// rp03Second is where V7's rp driver has minor device 3.
const rp03Second = 7000

// NoLayout returns the zero Layout: that of a pack whose guest is not known.
func NoLayout(*block.Store) Layout { return Layout{} }

// systemSize returns the number of blocks of the V7 file system that starts at the
// block, 0 if there is none.
func systemSize(s *block.Store, start int) int {
	f, err := fs.Open(fs.Region{Device: s, Start: start, N: s.Blocks() - start})
	if err != nil {
		return 0
	}
	return int(f.Super().FSize)
}

// Use is what a block is used for. Where two claim a block, as on a damaged file
// system, the greater counts.
type Use uint8

// What a block can be used for.
const (
	UseNone  Use = iota // free, or nobody's
	UseFile             // data of a plain file
	UseDir              // data of a directory
	UseChain            // of the free list
	UseIList            // an indirect block
	UseOther            // in no file system, or a boot block
	UseInode
	UseSuper
)

var useNames = [...]string{"free", "file", "directory", "free chain", "indirect", "other", "inodes", "superblock"}

func (u Use) String() string {
	if int(u) < len(useNames) {
		return useNames[u]
	}
	return fmt.Sprintf("Use(%d)", uint8(u))
}

// Survey finds out what every block of the store is used for. Its time is bounded
// by a small multiple of the number of blocks, whatever they hold.
func Survey(s *block.Store, l Layout) []Use {
	v := surveyor{s: s, uses: make([]Use, s.Blocks())}
	for i := range v.uses {
		v.uses[i] = UseOther
	}
	for _, start := range l.starts() {
		v.system(start)
	}
	return v.uses
}

type surveyor struct {
	s          *block.Store
	uses       []Use
	start, end int // the file system looked at
}

// mark claims block n of the file system and returns its number on the pack, or
// false if there is none.
func (v *surveyor) mark(n uint32, u Use) (int, bool) {
	b := v.start + int(n)
	if n == 0 || b >= v.end {
		return 0, false
	}
	v.uses[b] = max(v.uses[b], u)
	return b, true
}

func (v *surveyor) system(start int) {
	size := systemSize(v.s, start)
	if size == 0 {
		return
	}
	v.start, v.end = start, start+size
	var b [block.Size]byte
	var super fs.Super
	v.s.ReadBlock(start+fs.SuperBlock, b[:])
	super.Decode(b[:])
	first := start + int(super.ISize)
	for i := first; i < v.end; i++ {
		v.uses[i] = UseNone
	}
	v.uses[start+fs.SuperBlock] = UseSuper
	for i := start + fs.FirstIBlock; i < first; i++ {
		v.uses[i] = UseInode
		v.s.ReadBlock(i, b[:])
		for at := 0; at < block.Size; at += fs.InodeSize {
			v.inode(b[at : at+fs.InodeSize])
		}
	}
	// A free-chain block is the first entry of the one before.
	next := uint32(super.Free[0])
	for super.NFree > 0 {
		n, ok := v.mark(next, 0)
		if !ok || v.uses[n] == UseChain {
			break
		}
		v.uses[n] = max(v.uses[n], UseChain)
		if v.uses[n] != UseChain {
			break
		}
		v.s.ReadBlock(n, b[:])
		next = uint32(fs.Long(b[2:]))
	}
}

func (v *surveyor) inode(b []byte) {
	var n fs.Inode
	n.Decode(b)
	u := UseFile
	switch n.Type() {
	case fs.ModeRegular:
	case fs.ModeDir:
		u = UseDir
	default:
		return
	}
	for i, a := range n.Addr {
		if i < fs.NDirect {
			v.mark(a, u)
		} else {
			v.indirect(a, i-fs.NDirect, u)
		}
	}
}

// indirect marks an indirect block and what it leads to; level 0 is one of data
// blocks.
func (v *surveyor) indirect(a uint32, level int, u Use) {
	n, ok := v.mark(a, 0)
	if !ok || v.uses[n] >= UseIList {
		return // been here, or no place for one
	}
	v.uses[n] = UseIList
	var b [block.Size]byte
	v.s.ReadBlock(n, b[:])
	for i := 0; i < block.Size; i += 4 {
		a := uint32(fs.Long(b[i:]))
		if level == 0 {
			v.mark(a, u)
		} else {
			v.indirect(a, level-1, u)
		}
	}
}

// changes returns the updates that make block n, used for one thing and now for
// another, from old to new: one for each inode or run of directory entries, else
// one from the first byte that changed to the last.
func changes(n int, was, is Use, old, new *[block.Size]byte) []Update {
	whole := Update{Block: n, From: 0, To: block.Size}
	unit := 1 // ranges begin and end at multiples of it
	switch is {
	case UseSuper:
		whole.Type = TypeSuper
	case UseInode:
		whole.Type, unit = TypeInode, fs.InodeSize
	case UseIList:
		whole.Type, unit = TypeIList, 4
	case UseChain, UseNone:
		whole.Type = TypeFree
	case UseDir:
		whole.Type, unit = TypeFData, fs.DirentSize
	default:
		whole.Type = TypeFData
	}
	if was == UseNone || was == UseChain {
		switch is {
		case UseFile, UseDir:
			whole.Type = TypeUsed
			return []Update{whole}
		case UseIList:
			return []Update{whole}
		}
	}
	var us []Update
	for at := 0; at < block.Size; at += unit {
		if string(old[at:at+unit]) == string(new[at:at+unit]) {
			continue
		}
		u := whole
		u.From, u.To = at, at+unit
		if last := len(us) - 1; last >= 0 && (whole.Type != TypeInode && us[last].To == at || unit <= 4) {
			us[last].To = u.To
		} else {
			us = append(us, u)
		}
	}
	if us == nil {
		us = append(us, whole) // written home since, perhaps, as swap space
	}
	return us
}
