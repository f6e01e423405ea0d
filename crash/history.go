package crash

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"v7em/block"
	"v7em/unix/fs"
)

// TreeOf returns the names on a pack that has a V7 file system at its beginning. Of a
// damaged one it returns what can be read: names that no path can give are left out,
// and a directory that comes up twice has names in one place only.
func TreeOf(pack *block.Store) (Tree, error) {
	var n names
	if _, err := n.update(pack); err != nil {
		return nil, err
	}
	return n.tree, nil
}

// names are the names on a pack, kept up as it changes.
type names struct {
	pack   *block.Store
	isize  int // s_isize: where the data blocks begin
	fsize  int
	inodes []file
	owner  []int32         // of the blocks of files: the inode; 0: none
	also   map[int][]int32 // further owners of a block, on a damaged pack
	tree   Tree
	paths  map[int][]string // by inode
}

// file is an inode in use; the zero file is none.
type file struct {
	value  Value
	dir    bool
	blocks []int // of its data and indirect blocks
	data   []int // of a directory: its blocks in their order, 0 for a hole
	size   int
}

// update makes n the names of a pack, and returns the paths of which the value has
// changed, sorted. The pack must not be changed afterwards.
func (n *names) update(pack *block.Store) (changed []string, err error) {
	var raw, was [block.Size]byte
	if err := pack.ReadBlock(fs.SuperBlock, raw[:]); err != nil {
		return nil, err
	}
	var s fs.Super
	s.Decode(raw[:])
	if s.ISize <= fs.FirstIBlock || int(s.FSize) <= int(s.ISize) || int(s.FSize) > pack.Blocks() {
		return nil, fmt.Errorf("%w: its superblock is damaged", fs.ErrNotV7)
	}
	if n.pack == nil || int(s.ISize) != n.isize || int(s.FSize) != n.fsize {
		*n = names{
			pack: block.NewStore(pack.Blocks()), isize: int(s.ISize), fsize: int(s.FSize),
			inodes: make([]file, s.Inodes()+1), owner: make([]int32, s.FSize), tree: n.tree,
		}
	}
	dirty := map[int]bool{}
	for b := range pack.Diff(n.pack) {
		switch {
		case b < fs.FirstIBlock || b >= n.fsize:
		case b >= n.isize:
			if o := n.owner[b]; o != 0 {
				dirty[int(o)] = true
			}
			for _, o := range n.also[b] {
				dirty[int(o)] = true
			}
		default:
			if err := errors.Join(pack.ReadBlock(b, raw[:]), n.pack.ReadBlock(b, was[:])); err != nil {
				return nil, err
			}
			for off := 0; off < block.Size; off += fs.InodeSize {
				// All but the times.
				if [52]byte(raw[off:]) != [52]byte(was[off:]) {
					dirty[(b-fs.FirstIBlock)*fs.InodesBlock+off/fs.InodeSize+1] = true
				}
			}
		}
	}
	n.pack = pack.Clone()
	if len(dirty) == 0 {
		return nil, nil
	}
	inos := slices.Sorted(maps.Keys(dirty))
	walk := n.tree == nil || n.paths == nil
	for _, ino := range inos {
		for _, b := range n.inodes[ino].blocks {
			n.disown(b, int32(ino))
		}
		walk = walk || n.inodes[ino].dir
	}
	for _, ino := range inos {
		f, err := n.read(ino)
		if err != nil {
			return nil, err
		}
		walk = walk || f.dir || (f.value == Value{}) != (n.inodes[ino].value == Value{})
		n.inodes[ino] = f
		for _, b := range f.blocks {
			n.own(b, int32(ino))
		}
	}
	if !walk {
		for _, ino := range inos {
			for _, p := range n.paths[ino] {
				if n.tree[p] != n.inodes[ino].value {
					n.tree[p] = n.inodes[ino].value
					changed = append(changed, p)
				}
			}
		}
		slices.Sort(changed)
		return changed, nil
	}
	old := n.tree
	n.tree, n.paths = make(Tree, len(old)), make(map[int][]string, len(old))
	if err := n.walk("/", fs.RootIno, map[int]bool{}); err != nil {
		return nil, err
	}
	for p, v := range n.tree {
		if old[p] != v {
			changed = append(changed, p)
		}
	}
	for p := range old {
		if _, ok := n.tree[p]; !ok {
			changed = append(changed, p)
		}
	}
	slices.Sort(changed)
	return changed, nil
}

// own notes that a block belongs to an inode.
func (n *names) own(b int, ino int32) {
	switch {
	case n.owner[b] == 0:
		n.owner[b] = ino
	case n.owner[b] != ino && !slices.Contains(n.also[b], ino):
		if n.also == nil {
			n.also = map[int][]int32{}
		}
		n.also[b] = append(n.also[b], ino)
	}
}

// disown notes that a block does not belong to an inode.
func (n *names) disown(b int, ino int32) {
	also := n.also[b]
	if n.owner[b] == ino {
		n.owner[b] = 0
		if len(also) > 0 {
			n.owner[b], also = also[0], also[1:]
		}
	} else {
		also = slices.DeleteFunc(also, func(o int32) bool { return o == ino })
	}
	if len(also) > 0 {
		n.also[b] = also
	} else {
		delete(n.also, b)
	}
}

// read reads an inode and sums it up.
func (n *names) read(ino int) (file, error) {
	var raw [block.Size]byte
	b, off := fs.InodeBlock(ino)
	if err := n.pack.ReadBlock(b, raw[:]); err != nil {
		return file{}, err
	}
	var node fs.Inode
	node.Decode(raw[off:])
	if node.Mode == 0 {
		return file{}, nil
	}
	f := file{dir: node.IsDir(), size: int(node.Size)}
	h := sha256.New()
	word := func(v int) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(v))
		h.Write(b[:])
	}
	word(int(node.Mode))
	word(int(node.UID))
	word(int(node.GID))
	switch {
	case node.IsDevice():
		major, minor := node.Device()
		word(major<<8 | minor)
	case f.dir:
	default:
		word(int(node.Size))
	}
	if !node.IsDevice() {
		blocks := (max(f.size, 0) + block.Size - 1) / block.Size
		var data [block.Size]byte
		seen := 0
		var follow func(addr uint32, first, depth int) error
		follow = func(addr uint32, first, depth int) error {
			if addr < uint32(n.isize) || addr >= uint32(n.fsize) || seen > n.fsize {
				return nil // a hole, or damage
			}
			seen++
			f.blocks = append(f.blocks, int(addr))
			if err := n.pack.ReadBlock(int(addr), data[:]); err != nil {
				return err
			}
			if depth == 0 {
				if first >= blocks {
					return nil
				}
				if f.dir {
					for len(f.data) <= first && len(f.data) <= n.fsize {
						f.data = append(f.data, 0)
					}
					if first < len(f.data) {
						f.data[first] = int(addr)
					}
					return nil
				}
				if end := f.size - first*block.Size; end < block.Size {
					clear(data[end:])
				}
				if data != [block.Size]byte{} { // a hole reads as zeros too
					word(first)
					h.Write(data[:])
				}
				return nil
			}
			indirect := data
			span := 1
			for range depth - 1 {
				span *= fs.NIndirect
			}
			for i := range fs.NIndirect {
				if err := follow(uint32(fs.Long(indirect[4*i:])), first+i*span, depth-1); err != nil {
					return err
				}
			}
			return nil
		}
		first, span := fs.NDirect, 1
		for i, a := range node.Addr {
			at, depth := i, 0
			if i >= fs.NDirect {
				depth = i - fs.NDirect + 1
				span *= fs.NIndirect
				at, first = first, first+span
			}
			if err := follow(a, at, depth); err != nil {
				return file{}, err
			}
		}
	}
	f.value = Value(h.Sum(nil)[:len(Value{})])
	return f, nil
}

// unallocated is the value of a name that leads to an inode that is free.
var unallocated = Value{0xff}

// walk enters a name and, of a directory, all below it.
func (n *names) walk(name string, ino int, seen map[int]bool) error {
	f := &n.inodes[ino]
	n.tree[name] = cmp.Or(f.value, unallocated)
	n.paths[ino] = append(n.paths[ino], name)
	if !f.dir || seen[ino] {
		return nil
	}
	seen[ino] = true
	var raw [block.Size]byte
	for i, b := range f.data {
		if b == 0 {
			continue
		}
		if err := n.pack.ReadBlock(b, raw[:]); err != nil {
			return err
		}
		for off := 0; off < block.Size && i*block.Size+off < f.size; off += fs.DirentSize {
			e := raw[off : off+fs.DirentSize]
			child := int(binary.LittleEndian.Uint16(e))
			text, _, _ := strings.Cut(string(e[2:]), "\x00")
			if child == 0 || child >= len(n.inodes) || text == "" || text == "." || text == ".." || strings.Contains(text, "/") {
				continue
			}
			if err := n.walk(path.Join(name, text), child, seen); err != nil {
				return err
			}
		}
	}
	return nil
}
