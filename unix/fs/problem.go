package fs

import "fmt"

// Kind is what is wrong with a file system at one point. The values are the
// words that the command line and JSON show.
type Kind string

// Kinds that are harmful: going on with such a file system can lose or mix up
// data that is still whole.
const (
	BadSuper         Kind = "bad-superblock"       // sizes or counts in the superblock out of range
	BadAddress       Kind = "bad-address"          // a block number in a file, out of the data area
	UsedTwice        Kind = "used-twice"           // a block in two places of files
	UsedAndFree      Kind = "used-and-free"        // a block in a file and on the free list
	FreeTwice        Kind = "free-twice"           // a block on the free list twice
	BadFreeAddress   Kind = "bad-free-address"     // a block number on the free list, out of the data area
	BadFreeCount     Kind = "bad-free-count"       // the count in a free-chain block, not 1-50
	FreeLoop         Kind = "free-loop"            // the free chain comes back to one of its blocks
	BadFreeInode     Kind = "bad-free-inode"       // an inode number in s_inode, out of range
	BadType          Kind = "bad-type"             // an inode of a type that V7 does not have
	BadRoot          Kind = "bad-root"             // inode 2 is no directory
	BadDirSize       Kind = "bad-directory-size"   // a directory's size is negative, too big, or no multiple of 16
	DirHole          Kind = "directory-hole"       // a directory without a block where its size has one
	BadEntry         Kind = "bad-entry"            // an entry with an inode number out of range
	EntryUnallocated Kind = "entry-unallocated"    // an entry for a free inode
	DotMissing       Kind = "dot-missing"          // a directory without "."
	DotDotMissing    Kind = "dotdot-missing"       // a directory without ".."
	DotWrong         Kind = "dot-wrong"            // "." is another inode
	DotDotWrong      Kind = "dotdot-wrong"         // ".." is not the directory above
	LinksLow         Kind = "links-low"            // fewer links counted in the inode than there are entries
	Unreadable       Kind = "unreadable"           // the device did not give a block
	TooTangled       Kind = "too-tangled-to-check" // blocks shared so often that the check stopped following them
)

// Kinds that are harmless: space lost, or files that no name leads to. What a directory
// is like that cannot be reached from the root, and what it names, harms nobody: nothing
// comes by it, and clearing it takes all of it away.
const (
	Missing        Kind = "missing"             // blocks that are neither used nor free
	LinksHigh      Kind = "links-high"          // more links counted in the inode than there are entries
	Unreferenced   Kind = "unreferenced"        // an inode with links counted and no entry
	Orphan         Kind = "orphan"              // an inode in use with no links and no entry: a removed open file, a pipe
	Unreachable    Kind = "unreachable"         // a directory that cannot be reached from the root
	LostDamaged    Kind = "lost-damaged"        // such a directory with what would be harmful in another
	LostLinks      Kind = "lost-links"          // fewer links counted than entries, of which enough are in such directories
	SecondName     Kind = "second-name"         // a directory that two entries name
	DuplicateName  Kind = "duplicate-name"      // the same name twice in a directory
	BadName        Kind = "bad-name"            // a name that no path can give: empty, with a slash, with more after a NUL
	BadSize        Kind = "bad-size"            // a file's size is negative or too big
	PastSize       Kind = "past-size"           // a file has blocks past its size
	FreeInodeUsed  Kind = "free-inode-used"     // s_inode lists an inode in use; the kernel looks again
	FreeInodeTwice Kind = "free-inode-twice"    // s_inode lists an inode twice
	FreeCut        Kind = "free-list-cut-short" // a zero on the free list before its end
)

// Severity tells what a Kind of problem can lead to.
type Severity string

// The two severities.
const (
	Harmful  Severity = "harmful"  // data can be lost or mixed up when the file system is used
	Harmless Severity = "harmless" // only space, or what was lost anyway
)

// Severity returns how bad problems of kind k are.
func (k Kind) Severity() Severity {
	switch k {
	case Missing, LinksHigh, Unreferenced, Orphan, Unreachable, LostDamaged, LostLinks, SecondName, DuplicateName,
		BadName, BadSize, PastSize, FreeInodeUsed, FreeInodeTwice, FreeCut:
		return Harmless
	}
	return Harmful
}

// Problem is one thing that is wrong. Inode and Block are 0 where they say
// nothing.
type Problem struct {
	Kind     Kind     `json:"kind"`
	Severity Severity `json:"severity"`
	Of       Kind     `json:"of,omitempty"` // for LostDamaged, the kind that it would be in a directory that can be reached
	Inode    int      `json:"inode,omitempty"`
	Block    int      `json:"block,omitempty"`
	Count    int      `json:"count,omitempty"`  // blocks from Block on, for Missing
	Entry    int      `json:"entry,omitempty"`  // inode number in an entry of directory Inode
	Path     string   `json:"path,omitempty"`   // of Inode, where a name is known, as escape.Name has it
	Detail   string   `json:"detail,omitempty"` // the rest in words, fit for a terminal
}

// String returns the problem on one line.
func (p Problem) String() string {
	s := fmt.Sprintf("%-8s %s", p.Severity, p.Kind)
	if p.Of != "" {
		s += fmt.Sprintf(" (%s)", p.Of)
	}
	if p.Count > 1 {
		s += fmt.Sprintf(" blocks %d-%d", p.Block, p.Block+p.Count-1)
	} else if p.Block != 0 {
		s += fmt.Sprintf(" block %d", p.Block)
	}
	if p.Inode != 0 {
		s += fmt.Sprintf(" inode %d", p.Inode)
	}
	if p.Path != "" {
		s += " " + p.Path
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

// Report is what a check found.
type Report struct {
	// Problems in the order of the check: superblock, inodes and their blocks,
	// directories, links, free list. At most Checker.Max; the counts below go on.
	Problems []Problem `json:"problems"`
	Harmful  int       `json:"harmful"`
	Harmless int       `json:"harmless"`

	Regular  int `json:"regular"` // inodes in use by type; inode 1 is a regular file
	Dirs     int `json:"directories"`
	BlockDev int `json:"block_devices"`
	CharDev  int `json:"character_devices"`

	Data    int `json:"data_blocks"`         // addresses of data blocks in files
	Single  int `json:"indirect_blocks"`     // of indirect blocks that an inode names
	Double  int `json:"second_level_blocks"` // of those one level down
	Triple  int `json:"third_level_blocks"`  // and two
	Free    int `json:"free_blocks"`         // entries on the free list
	Missing int `json:"missing_blocks"`      // blocks neither used nor free
	Blocks  int `json:"blocks"`              // s_fsize
	Inodes  int `json:"inodes"`              // in use and free
}

// Clean reports whether nothing at all is wrong.
func (r *Report) Clean() bool { return r.Harmful == 0 && r.Harmless == 0 }

// Has reports whether the listed problems include one of kind k.
func (r *Report) Has(k Kind) bool {
	for _, p := range r.Problems {
		if p.Kind == k {
			return true
		}
	}
	return false
}

// String sums the report up on one line.
func (r *Report) String() string {
	s := fmt.Sprintf("%d files, %d directories, %d devices; %d blocks used, %d free",
		r.Regular, r.Dirs, r.BlockDev+r.CharDev, r.Data+r.Single+r.Double+r.Triple, r.Free)
	if r.Clean() {
		return s + "; clean"
	}
	return fmt.Sprintf("%s; %d harmful and %d harmless problems", s, r.Harmful, r.Harmless)
}
