package fs

import "fmt"

// allocBlock takes a block off the free list, as the kernel's alloc does: the
// last entry of s_free; when that was the only one, the block itself holds the
// next entries. The block's contents are whatever they were.
func (f *FS) allocBlock() (uint32, error) {
	s := &f.super
	if s.NFree <= 0 || s.NFree == 1 && s.Free[0] == 0 {
		return 0, ErrNoSpace
	}
	b := uint32(s.Free[s.NFree-1])
	if b == 0 {
		return 0, ErrNoSpace
	}
	if err := f.validBlock(b); err != nil {
		return 0, fmt.Errorf("free list: %w", err)
	}
	if s.NFree == 1 {
		if err := f.dev.ReadBlock(int(b), f.buf[:]); err != nil {
			return 0, fmt.Errorf("free list: %w", err)
		}
		n := int16(word(f.buf[chainCount:]))
		if n < 1 || n > NICFree {
			return 0, fmt.Errorf("free list: block %d: count is %d, must be 1 to %d: %w", b, n, NICFree, ErrDamaged)
		}
		s.NFree = n
		for i := range s.Free {
			s.Free[i] = Long(f.buf[chainFree+4*i:])
		}
	} else {
		s.NFree--
	}
	f.dirty = true
	return b, nil
}

// allocZeroed is allocBlock with the block zeroed on the device, for an
// indirect block.
func (f *FS) allocZeroed() (uint32, error) {
	b, err := f.allocBlock()
	if err != nil {
		return 0, err
	}
	clear(f.buf[:])
	return b, f.dev.WriteBlock(int(b), f.buf[:])
}

// freeBlock puts a block on the free list, as the kernel's free does: when
// s_free is full it moves into the block.
func (f *FS) freeBlock(b uint32) error {
	if err := f.validBlock(b); err != nil {
		return err
	}
	s := &f.super
	if s.NFree <= 0 {
		s.NFree, s.Free[0] = 1, 0
	}
	if s.NFree >= NICFree {
		clear(f.buf[:])
		putWord(f.buf[chainCount:], uint16(s.NFree))
		for i, v := range s.Free {
			PutLong(f.buf[chainFree+4*i:], v)
		}
		if err := f.dev.WriteBlock(int(b), f.buf[:]); err != nil {
			return fmt.Errorf("free list: %w", err)
		}
		s.NFree = 0
	}
	s.Free[s.NFree] = int32(b)
	s.NFree++
	f.dirty = true
	return nil
}

// allocInode takes a free inode: from s_inode, which is filled by a scan of
// the inode blocks when it is empty, as the kernel's ialloc does. The inode on
// the device stays free until it is written.
func (f *FS) allocInode() (int, error) {
	s := &f.super
	for range 2 {
		for s.NInode > 0 {
			s.NInode--
			f.dirty = true
			ino := int(s.Inode[s.NInode])
			if ino < RootIno {
				continue
			}
			n, err := f.Inode(ino)
			if err != nil {
				return 0, fmt.Errorf("free inode list: %w", err)
			}
			if n.Mode == 0 {
				return ino, nil
			}
		}
		var list [NICInode]uint16
		k, err := f.freeInodes(list[:])
		if err != nil {
			return 0, err
		}
		// The kernel fills the list ascending and takes from its end; filled the
		// other way round, numbers and the tree's order agree, and scans stay near.
		for i := range k {
			s.Inode[i] = list[k-1-i]
		}
		s.NInode = int16(k)
	}
	return 0, ErrNoInodes
}

// freeInodes stores the numbers of the first free inodes in list and returns
// how many there are.
func (f *FS) freeInodes(list []uint16) (int, error) {
	k := 0
	for b := FirstIBlock; b < int(f.super.ISize) && k < len(list); b++ {
		if err := f.dev.ReadBlock(b, f.buf[:]); err != nil {
			return 0, err
		}
		for i := 0; i < InodesBlock && k < len(list); i++ {
			ino := (b-FirstIBlock)*InodesBlock + i + 1
			if ino >= RootIno && word(f.buf[i*InodeSize+inodeMode:]) == 0 {
				list[k] = uint16(ino)
				k++
			}
		}
	}
	return k, nil
}

// freeInode frees inode ino on the device and notes it in s_inode if there is
// room, as the kernel's ifree does.
func (f *FS) freeInode(ino int) error {
	n := Inode{ATime: f.now, MTime: f.now, CTime: f.now}
	if err := f.putInode(ino, &n); err != nil {
		return err
	}
	if s := &f.super; s.NInode < NICInode {
		s.Inode[s.NInode] = uint16(ino)
		s.NInode++
		f.dirty = true
	}
	return nil
}

// Free counts the free blocks, along the chain, and the free inodes.
func (f *FS) Free() (blocks, inodes int, err error) {
	all := make([]uint16, f.super.Inodes())
	if inodes, err = f.freeInodes(all); err != nil {
		return 0, 0, err
	}
	s := f.super
	for s.NFree > 0 {
		// A zero ends the list wherever it is; only entry 0 is a chain block.
		for i := int(s.NFree) - 1; i >= 0; i-- {
			b := uint32(s.Free[i])
			if b == 0 {
				return blocks, inodes, nil
			}
			if err := f.validBlock(b); err != nil {
				return 0, 0, fmt.Errorf("free list: %w", err)
			}
			if blocks++; blocks > int(s.FSize) {
				return 0, 0, fmt.Errorf("free list: it never ends: %w", ErrDamaged)
			}
		}
		b := s.Free[0]
		if err := f.dev.ReadBlock(int(b), f.buf[:]); err != nil {
			return 0, 0, fmt.Errorf("free list: %w", err)
		}
		s.NFree = int16(word(f.buf[chainCount:]))
		if s.NFree < 0 || s.NFree > NICFree {
			return 0, 0, fmt.Errorf("free list: block %d: count is %d: %w", b, s.NFree, ErrDamaged)
		}
		for i := range s.Free {
			s.Free[i] = Long(f.buf[chainFree+4*i:])
		}
	}
	return blocks, inodes, nil
}

// FreeOrphans frees every inode in use that has no links and no business
// being there: files that were removed while open, and pipes. It returns their
// numbers. Inode 1 is left alone. Link counts must be right: see Check.
func (f *FS) FreeOrphans() ([]int, error) {
	var gone []int
	for ino := RootIno + 1; ino <= f.super.Inodes(); ino++ {
		ok, err := f.FreeOrphan(ino)
		if err != nil {
			return gone, err
		}
		if ok {
			gone = append(gone, ino)
		}
	}
	return gone, nil
}

// FreeOrphan frees inode ino if it is in use and has no links, and says whether
// it did.
func (f *FS) FreeOrphan(ino int) (bool, error) {
	n, err := f.Inode(ino)
	if err != nil || n.Type() == 0 || n.Nlink > 0 {
		return false, err
	}
	return true, f.drop(ino, &n)
}

// drop frees the blocks and the inode of a file without links.
func (f *FS) drop(ino int, n *Inode) error {
	if n.Type() == ModeRegular || n.Type() == ModeDir {
		if err := f.truncate(ino, n, 0); err != nil {
			return err
		}
	}
	return f.freeInode(ino)
}
