package fstest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"v7em/unix/fs"
)

// Corruption is a way to damage a file system.
type Corruption struct {
	Name string
	Want fs.Kind // a problem that the checker must report

	// Icheck and Dcheck tell whether V7's programs have something to say about
	// it; of the rest they see nothing. Missing blocks count as something.
	Icheck, Dcheck bool

	// Endless: V7's icheck does not come to an end.
	Endless bool

	do func(c *image) (string, error)
}

// image is a file system that is being damaged.
type image struct {
	*fs.Mem
	rng   *rand.Rand
	super fs.Super
	inode []fs.Inode // by number
}

// Apply damages the file system on m, in a place that depends on the seed, and
// says what it did. The image must be clean; one of Sample has all it needs.
func (c *Corruption) Apply(m *fs.Mem, seed uint64) (string, error) {
	im := &image{Mem: m, rng: rand.New(rand.NewPCG(seed, 0xbad))}
	im.super.Decode(m.Block(fs.SuperBlock))
	im.inode = make([]fs.Inode, im.super.Inodes()+1)
	for i := 1; i < len(im.inode); i++ {
		b, off := fs.InodeBlock(i)
		im.inode[i].Decode(m.Block(b)[off:])
	}
	text, err := c.do(im)
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.Name, err)
	}
	im.super.Encode(m.Block(fs.SuperBlock))
	for i := 1; i < len(im.inode); i++ {
		b, off := fs.InodeBlock(i)
		im.inode[i].Encode(m.Block(b)[off : off+fs.InodeSize])
	}
	return text, nil
}

// pick returns a random inode from 3 on for which ok holds.
func (c *image) pick(what string, ok func(ino int, n *fs.Inode) bool) (int, error) {
	var list []int
	for i := fs.RootIno + 1; i < len(c.inode); i++ {
		if ok(i, &c.inode[i]) {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return 0, fmt.Errorf("the image has no %s", what)
	}
	return list[c.rng.IntN(len(list))], nil
}

func regular(n *fs.Inode) bool { return n.Type() == fs.ModeRegular }

// file picks a file with a direct block, other than not.
func (c *image) file(not int) (int, error) {
	return c.pick("file with blocks", func(i int, n *fs.Inode) bool { return i != not && regular(n) && n.Addr[0] != 0 })
}

// indirect picks a file with a single indirect block, other than not.
func (c *image) indirect(not int) (int, error) {
	return c.pick("file with an indirect block", func(i int, n *fs.Inode) bool {
		return i != not && regular(n) && n.Addr[fs.NDirect] != 0 && n.Addr[0] != 0
	})
}

// dir picks a directory other than the root and not.
func (c *image) dir(not int) (int, error) {
	return c.pick("directory", func(i int, n *fs.Inode) bool { return i != not && n.IsDir() })
}

// free picks a free inode.
func (c *image) free() (int, error) {
	return c.pick("free inode", func(_ int, n *fs.Inode) bool { return n.Mode == 0 })
}

// slots returns the entry slots of a directory of direct blocks, free and used.
func (c *image) slots(dir int) [][]byte {
	var list [][]byte
	n := &c.inode[dir]
	for off := 0; off < int(n.Size); off += fs.DirentSize {
		b := c.Block(int(n.Addr[off/fs.BlockSize]))
		list = append(list, b[off%fs.BlockSize:][:fs.DirentSize])
	}
	return list
}

func ino(slot []byte) int         { return int(binary.LittleEndian.Uint16(slot)) }
func setIno(slot []byte, ino int) { binary.LittleEndian.PutUint16(slot, uint16(ino)) }

// entry picks an entry for an inode for which ok holds, other than "." and
// "..", and returns the directory and the slot.
func (c *image) entry(what string, ok func(n *fs.Inode) bool) (dir int, slot []byte, err error) {
	type place struct {
		dir  int
		slot []byte
	}
	var list []place
	for d := fs.RootIno; d < len(c.inode); d++ {
		if !c.inode[d].IsDir() {
			continue
		}
		for _, s := range c.slots(d)[2:] {
			if e := ino(s); e != 0 && ok(&c.inode[e]) {
				list = append(list, place{d, s})
			}
		}
	}
	if len(list) == 0 {
		return 0, nil, fmt.Errorf("the image has no entry for a %s", what)
	}
	p := list[c.rng.IntN(len(list))]
	return p.dir, p.slot, nil
}

// freeEntry picks the index of an entry of s_free that is no chain block.
func (c *image) freeEntry() (int, error) {
	if c.super.NFree < 3 {
		return 0, fmt.Errorf("the superblock lists only %d free blocks", c.super.NFree)
	}
	return 1 + c.rng.IntN(int(c.super.NFree)-1), nil
}

// chain returns the free-chain blocks in order.
func (c *image) chain() []int {
	var list []int
	for b := c.super.Free[0]; b != 0; b = fs.Long(c.Block(int(b))[2:]) {
		list = append(list, int(b))
	}
	return list
}

// outside returns a block number past the file system and past any device.
func (c *image) outside() uint32 { return 0x800000 + c.rng.Uint32N(0x7fffff) }

// Corruptions returns the ways to damage a file system, in a fixed order.
func Corruptions() []Corruption { return slices.Clone(corruptions) }

var corruptions = []Corruption{
	{Name: "data block used twice", Want: fs.UsedTwice, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		if err != nil {
			return "", err
		}
		b, err := c.file(a)
		if err != nil {
			return "", err
		}
		c.inode[a].Addr[0] = c.inode[b].Addr[0]
		return fmt.Sprintf("inode %d has block %d of inode %d", a, c.inode[b].Addr[0], b), nil
	}},
	{Name: "data block used twice, by an indirect block", Want: fs.UsedTwice, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.indirect(0)
		if err != nil {
			return "", err
		}
		b, err := c.file(a)
		if err != nil {
			return "", err
		}
		fs.PutLong(c.Block(int(c.inode[a].Addr[fs.NDirect])), int32(c.inode[b].Addr[0]))
		return fmt.Sprintf("an indirect block of inode %d has block %d of inode %d", a, c.inode[b].Addr[0], b), nil
	}},
	{Name: "indirect block shared", Want: fs.UsedTwice, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.indirect(0)
		if err != nil {
			return "", err
		}
		b, err := c.indirect(a)
		if err != nil {
			return "", err
		}
		c.inode[a].Addr[fs.NDirect] = c.inode[b].Addr[fs.NDirect]
		return fmt.Sprintf("inode %d has the indirect block of inode %d", a, b), nil
	}},
	{Name: "block used and free", Want: fs.UsedAndFree, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		if err != nil {
			return "", err
		}
		i, err := c.freeEntry()
		c.super.Free[i] = int32(c.inode[a].Addr[0])
		return fmt.Sprintf("block %d of inode %d is free", c.super.Free[i], a), err
	}},
	{Name: "indirect block used and free", Want: fs.UsedAndFree, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.indirect(0)
		if err != nil {
			return "", err
		}
		i, err := c.freeEntry()
		c.super.Free[i] = int32(c.inode[a].Addr[fs.NDirect])
		return fmt.Sprintf("indirect block %d of inode %d is free", c.super.Free[i], a), err
	}},
	{Name: "chain block used", Want: fs.UsedAndFree, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		if err != nil {
			return "", err
		}
		list := c.chain()
		b := list[c.rng.IntN(len(list))]
		c.inode[a].Addr[0] = uint32(b)
		return fmt.Sprintf("inode %d has free-chain block %d", a, b), nil
	}},
	{Name: "block free twice", Want: fs.FreeTwice, Icheck: true, do: func(c *image) (string, error) {
		i, err := c.freeEntry()
		if err != nil {
			return "", err
		}
		j := i - 1
		if j == 0 {
			j = i + 1
		}
		c.super.Free[i] = c.super.Free[j]
		return fmt.Sprintf("block %d is free twice", c.super.Free[j]), nil
	}},
	{Name: "blocks missing", Want: fs.Missing, Icheck: true, do: func(c *image) (string, error) {
		i, err := c.freeEntry()
		c.super.NFree = int16(i)
		return fmt.Sprintf("the superblock's free blocks from %d on are lost", i), err
	}},
	{Name: "block past the end", Want: fs.BadAddress, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a].Addr[0] = c.outside()
		return fmt.Sprintf("inode %d has block %d", a, c.inode[a].Addr[0]), err
	}},
	{Name: "block just past the end", Want: fs.BadAddress, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a].Addr[0] = uint32(c.super.FSize)
		return fmt.Sprintf("inode %d has block %d", a, c.super.FSize), err
	}},
	{Name: "block among the inodes", Want: fs.BadAddress, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a].Addr[0] = uint32(1 + c.rng.IntN(int(c.super.ISize)-1))
		return fmt.Sprintf("inode %d has block %d", a, c.inode[a].Addr[0]), err
	}},
	{Name: "indirect block past the end", Want: fs.BadAddress, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.indirect(0)
		c.inode[a].Addr[fs.NDirect] = c.outside()
		return fmt.Sprintf("inode %d has indirect block %d", a, c.inode[a].Addr[fs.NDirect]), err
	}},
	{Name: "negative block in an indirect block", Want: fs.BadAddress, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.indirect(0)
		fs.PutLong(c.Block(int(c.inode[a].Addr[fs.NDirect])), -int32(1+c.rng.IntN(1<<20)))
		return fmt.Sprintf("an indirect block of inode %d has a negative number", a), err
	}},
	{Name: "block past the end under double indirection", Want: fs.BadAddress, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.pick("file with double indirection", func(_ int, n *fs.Inode) bool { return regular(n) && n.Addr[fs.NDirect+1] != 0 })
		if err != nil {
			return "", err
		}
		second := fs.Long(c.Block(int(c.inode[a].Addr[fs.NDirect+1])))
		fs.PutLong(c.Block(int(second)), int32(c.outside()))
		return fmt.Sprintf("block %d of inode %d has a number past the end", second, a), nil
	}},
	{Name: "directory block past the end", Want: fs.BadAddress, Icheck: true, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		c.inode[a].Addr[0] = c.outside()
		return fmt.Sprintf("directory %d has block %d", a, c.inode[a].Addr[0]), err
	}},
	{Name: "free block past the end", Want: fs.BadFreeAddress, Icheck: true, do: func(c *image) (string, error) {
		i, err := c.freeEntry()
		c.super.Free[i] = int32(c.outside())
		return fmt.Sprintf("s_free[%d] is %d", i, c.super.Free[i]), err
	}},
	{Name: "free block negative", Want: fs.BadFreeAddress, Icheck: true, do: func(c *image) (string, error) {
		i, err := c.freeEntry()
		c.super.Free[i] = -1
		return fmt.Sprintf("s_free[%d] is -1", i), err
	}},
	{Name: "free block among the inodes", Want: fs.BadFreeAddress, Icheck: true, do: func(c *image) (string, error) {
		b := c.chain()[0]
		fs.PutLong(c.Block(b)[2+4*7:], int32(c.super.ISize)-1)
		return fmt.Sprintf("chain block %d has block %d", b, c.super.ISize-1), nil
	}},
	{Name: "chain count too high", Want: fs.BadFreeCount, Icheck: true, do: func(c *image) (string, error) {
		list := c.chain()
		b := list[c.rng.IntN(len(list))]
		setIno(c.Block(b), fs.NICFree+1+c.rng.IntN(30000))
		return fmt.Sprintf("chain block %d counts %d", b, ino(c.Block(b))), nil
	}},
	{Name: "chain count negative", Want: fs.BadFreeCount, Icheck: true, do: func(c *image) (string, error) {
		b := c.chain()[0]
		setIno(c.Block(b), 0xffff)
		return fmt.Sprintf("chain block %d counts -1", b), nil
	}},
	{Name: "chain block zeroed", Want: fs.BadFreeCount, Icheck: true, do: func(c *image) (string, error) {
		b := c.chain()[0]
		clear(c.Block(b))
		return fmt.Sprintf("chain block %d is zero", b), nil
	}},
	{Name: "free chain in a loop", Want: fs.FreeLoop, Icheck: true, Endless: true, do: func(c *image) (string, error) {
		list := c.chain()
		last := list[len(list)-1]
		fs.PutLong(c.Block(last)[2:], int32(list[0]))
		return fmt.Sprintf("chain block %d leads back to %d", last, list[0]), nil
	}},
	{Name: "free list cut short", Want: fs.FreeCut, Icheck: true, do: func(c *image) (string, error) {
		i, err := c.freeEntry()
		c.super.Free[i] = 0
		return fmt.Sprintf("s_free[%d] is 0", i), err
	}},
	{Name: "s_nfree too high", Want: fs.BadSuper, Icheck: true, do: func(c *image) (string, error) {
		c.super.NFree = int16(fs.NICFree + 1 + c.rng.IntN(1000))
		return fmt.Sprintf("s_nfree is %d", c.super.NFree), nil
	}},
	{Name: "s_nfree negative", Want: fs.BadSuper, Icheck: true, do: func(c *image) (string, error) {
		c.super.NFree = -1
		return "s_nfree is -1", nil
	}},
	{Name: "s_fsize too low", Want: fs.BadFreeAddress, Icheck: true, do: func(c *image) (string, error) {
		c.super.FSize -= 5 // the last blocks are free in a sample
		return fmt.Sprintf("s_fsize is %d", c.super.FSize), nil
	}},
	{Name: "s_ninode too high", Want: fs.BadSuper, do: func(c *image) (string, error) {
		c.super.NInode = fs.NICInode + 1
		return fmt.Sprintf("s_ninode is %d", c.super.NInode), nil
	}},
	{Name: "inode in use listed as free", Want: fs.FreeInodeUsed, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.super.NInode = 1
		c.super.Inode[0] = uint16(a)
		return fmt.Sprintf("s_inode has inode %d", a), err
	}},
	{Name: "inode listed as free twice", Want: fs.FreeInodeTwice, do: func(c *image) (string, error) {
		a, err := c.free()
		c.super.NInode = 2
		c.super.Inode[0], c.super.Inode[1] = uint16(a), uint16(a)
		return fmt.Sprintf("s_inode has inode %d twice", a), err
	}},
	{Name: "free inode out of range", Want: fs.BadFreeInode, do: func(c *image) (string, error) {
		c.super.NInode = 1
		c.super.Inode[0] = uint16(c.super.Inodes() + 1 + c.rng.IntN(1000))
		return fmt.Sprintf("s_inode has inode %d", c.super.Inode[0]), nil
	}},
	{Name: "link count too low", Want: fs.LinksLow, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.pick("file with two links", func(_ int, n *fs.Inode) bool { return n.Nlink > 1 })
		c.inode[a].Nlink--
		return fmt.Sprintf("inode %d counts %d links", a, c.inode[a].Nlink), err
	}},
	{Name: "link count zero", Want: fs.LinksLow, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a].Nlink = 0
		return fmt.Sprintf("inode %d counts no links", a), err
	}},
	{Name: "link count too high", Want: fs.LinksHigh, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.pick("inode in use", func(_ int, n *fs.Inode) bool { return n.Mode != 0 })
		c.inode[a].Nlink += int16(1 + c.rng.IntN(5))
		return fmt.Sprintf("inode %d counts %d links", a, c.inode[a].Nlink), err
	}},
	{Name: "entry for a free inode", Want: fs.EntryUnallocated, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.free()
		if err != nil {
			return "", err
		}
		d, slot, err := c.entry("file", regular)
		if err != nil {
			return "", err
		}
		old := ino(slot)
		setIno(slot, a)
		return fmt.Sprintf("an entry of directory %d names inode %d for %d", d, a, old), nil
	}},
	{Name: "file's inode cleared", Want: fs.EntryUnallocated, Icheck: true, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a] = fs.Inode{}
		return fmt.Sprintf("inode %d is cleared", a), err
	}},
	{Name: "directory's inode cleared", Want: fs.EntryUnallocated, Icheck: true, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		c.inode[a] = fs.Inode{}
		return fmt.Sprintf("directory inode %d is cleared", a), err
	}},
	{Name: "entry out of range", Want: fs.BadEntry, Dcheck: true, do: func(c *image) (string, error) {
		d, slot, err := c.entry("file", regular)
		if err != nil {
			return "", err
		}
		setIno(slot, c.super.Inodes()+1+c.rng.IntN(60000))
		return fmt.Sprintf("an entry of directory %d names inode %d", d, ino(slot)), nil
	}},
	{Name: "entry for inode 1", Want: fs.BadEntry, Dcheck: true, do: func(c *image) (string, error) {
		d, slot, err := c.entry("file", regular)
		if err != nil {
			return "", err
		}
		setIno(slot, fs.BadIno)
		return fmt.Sprintf("an entry of directory %d names inode 1", d), nil
	}},
	{Name: "entry lost", Want: fs.Unreferenced, Dcheck: true, do: func(c *image) (string, error) {
		d, slot, err := c.entry("file of one link", func(n *fs.Inode) bool { return regular(n) && n.Nlink == 1 })
		if err != nil {
			return "", err
		}
		old := ino(slot)
		setIno(slot, 0)
		return fmt.Sprintf("the entry of directory %d for inode %d is empty", d, old), nil
	}},
	{Name: "one of two entries lost", Want: fs.LinksHigh, Dcheck: true, do: func(c *image) (string, error) {
		d, slot, err := c.entry("file of two links", func(n *fs.Inode) bool { return regular(n) && n.Nlink > 1 })
		if err != nil {
			return "", err
		}
		old := ino(slot)
		setIno(slot, 0)
		return fmt.Sprintf("the entry of directory %d for inode %d is empty", d, old), nil
	}},
	{Name: "directory's entry lost", Want: fs.Unreachable, Dcheck: true, do: func(c *image) (string, error) {
		d, slot, err := c.entry("directory", (*fs.Inode).IsDir)
		if err != nil {
			return "", err
		}
		old := ino(slot)
		setIno(slot, 0)
		return fmt.Sprintf("the entry of directory %d for directory %d is empty", d, old), nil
	}},
	{Name: "directory inside itself", Want: fs.Unreachable, do: func(c *image) (string, error) {
		d, slot, err := c.entry("directory", (*fs.Inode).IsDir)
		if err != nil {
			return "", err
		}
		a := ino(slot)
		own := c.slots(a)
		i := slices.IndexFunc(own[2:], func(s []byte) bool { return ino(s) != 0 && regular(&c.inode[ino(s)]) })
		if i < 0 {
			return "", fmt.Errorf("directory %d has no file", a)
		}
		other := own[2+i]
		f := ino(other)
		setIno(slot, f) // swap a file in it with the directory
		setIno(other, a)
		return fmt.Sprintf("directory %d of %d has an entry for itself in place of inode %d", a, d, f), nil
	}},
	{Name: "no .", Want: fs.DotMissing, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		if err == nil {
			setIno(c.slots(a)[0], 0)
		}
		return fmt.Sprintf("directory %d has no .", a), err
	}},
	{Name: "no ..", Want: fs.DotDotMissing, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		if err == nil {
			setIno(c.slots(a)[1], 0)
		}
		return fmt.Sprintf("directory %d has no ..", a), err
	}},
	{Name: ". wrong", Want: fs.DotWrong, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		if err != nil {
			return "", err
		}
		b, err := c.dir(a)
		setIno(c.slots(a)[0], b)
		return fmt.Sprintf(". of directory %d is %d", a, b), err
	}},
	{Name: ".. wrong", Want: fs.DotDotWrong, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		if err != nil {
			return "", err
		}
		slot := c.slots(a)[1]
		up := ino(slot)
		b, err := c.dir(up)
		setIno(slot, b)
		return fmt.Sprintf(".. of directory %d is %d, was %d", a, b, up), err
	}},
	{Name: ".. with a byte behind it", Want: fs.DotDotMissing, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		if err == nil {
			c.slots(a)[1][2+3] = 'x' // the links stay the same, and dcheck looks no further
		}
		return fmt.Sprintf(".. of directory %d has a byte behind its NUL", a), err
	}},
	{Name: "directory leaked", Want: fs.LostDamaged, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.free() // as mknod leaves it on a full disk
		c.inode[a] = fs.Inode{Mode: fs.ModeDir | 0o777, Nlink: 1}
		return fmt.Sprintf("inode %d is a directory that nothing refers to", a), err
	}},
	{Name: "directory lost, its .. not counted", Want: fs.LostLinks, Dcheck: true, do: func(c *image) (string, error) {
		d, slot, err := c.entry("directory", func(n *fs.Inode) bool { return n.IsDir() })
		if err != nil {
			return "", err
		}
		a := ino(slot)
		setIno(slot, 0)
		c.inode[a].Nlink--
		c.inode[d].Nlink--
		return fmt.Sprintf("directory %d is lost, and the links of %d are without its ..", a, d), nil
	}},
	{Name: "directory data zeroed", Want: fs.DotMissing, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		if err == nil {
			clear(c.Block(int(c.inode[a].Addr[0])))
		}
		return fmt.Sprintf("the first block of directory %d is zero", a), err
	}},
	{Name: "directory size odd", Want: fs.BadDirSize, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		c.inode[a].Size += int32(1 + c.rng.IntN(15))
		return fmt.Sprintf("directory %d has size %d", a, c.inode[a].Size), err
	}},
	{Name: "directory with a hole", Want: fs.DirHole, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		c.inode[a].Size += 2 * fs.BlockSize
		return fmt.Sprintf("directory %d has size %d", a, c.inode[a].Size), err
	}},
	{Name: "directory turned into a file", Want: fs.Unreferenced, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.pick("directory of files", func(i int, n *fs.Inode) bool {
			return n.IsDir() && slices.ContainsFunc(c.slots(i)[2:], func(s []byte) bool { e := &c.inode[ino(s)]; return regular(e) && e.Nlink == 1 })
		})
		c.inode[a].Mode = c.inode[a].Mode&^fs.ModeType | fs.ModeRegular
		return fmt.Sprintf("directory %d is a file", a), err
	}},
	{Name: "unknown type", Want: fs.BadType, Icheck: true, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a].Mode = c.inode[a].Mode&^fs.ModeType | 0o110000
		return fmt.Sprintf("inode %d has mode %06o", a, c.inode[a].Mode), err
	}},
	{Name: "root is no directory", Want: fs.BadRoot, Dcheck: true, do: func(c *image) (string, error) {
		c.inode[fs.RootIno].Mode = fs.ModeRegular | 0o777
		return "the root is a file", nil
	}},
	{Name: "blocks past the size", Want: fs.PastSize, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a].Size = 0
		return fmt.Sprintf("inode %d has size 0", a), err
	}},
	{Name: "negative size", Want: fs.BadSize, do: func(c *image) (string, error) {
		a, err := c.file(0)
		c.inode[a].Size = -c.inode[a].Size
		return fmt.Sprintf("inode %d has size %d", a, c.inode[a].Size), err
	}},
	{Name: "orphan", Want: fs.Orphan, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.free()
		c.inode[a] = fs.Inode{Mode: fs.ModeRegular}
		return fmt.Sprintf("inode %d is in use without links", a), err
	}},
	{Name: "inode without an entry", Want: fs.Unreferenced, Dcheck: true, do: func(c *image) (string, error) {
		a, err := c.free()
		c.inode[a] = fs.Inode{Mode: fs.ModeRegular | 0o644, Nlink: 1}
		return fmt.Sprintf("inode %d is in use without an entry", a), err
	}},
	{Name: "name twice", Want: fs.DuplicateName, do: func(c *image) (string, error) {
		a, err := c.pick("directory of two files", func(i int, n *fs.Inode) bool {
			return n.IsDir() && len(c.slots(i)) >= 4 && ino(c.slots(i)[2]) != 0 && ino(c.slots(i)[3]) != 0
		})
		if err == nil {
			copy(c.slots(a)[3][2:], c.slots(a)[2][2:])
		}
		return fmt.Sprintf("directory %d has a name twice", a), err
	}},
	{Name: "name with a slash", Want: fs.BadName, do: func(c *image) (string, error) {
		d, slot, err := c.entry("file", regular)
		if err == nil {
			slot[3] = '/'
		}
		return fmt.Sprintf("a name in directory %d has a slash", d), err
	}},
	{Name: "directory with two names", Want: fs.SecondName, do: func(c *image) (string, error) {
		a, err := c.dir(0)
		if err != nil {
			return "", err
		}
		d, slot, err := c.entry("file of two links", func(n *fs.Inode) bool { return regular(n) && n.Nlink > 1 })
		if err != nil {
			return "", err
		}
		c.inode[ino(slot)].Nlink--
		c.inode[a].Nlink++
		setIno(slot, a)
		return fmt.Sprintf("directory %d has a second name in directory %d", a, d), nil
	}},
}
