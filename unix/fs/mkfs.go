package fs

import (
	"fmt"
	"time"
)

// MkfsOptions says what file system Mkfs makes.
type MkfsOptions struct {
	Blocks int // s_fsize: blocks from the boot block on; 0 for all of the device
	Inodes int // at least so many; 0 for one block of inodes per 25 blocks, as V7's mkfs has it

	// M and N are the interleave: the free list steps M blocks at a time within
	// every N. 0 gives V7's 3 and 500. N is at most 500, M at most N.
	M, N int

	Time       time.Time // for s_time and the root
	Name, Pack string    // s_fname and s_fpack, at most 6 bytes
	Root       Attr      // of the root; permissions 0 give 0755
}

// maxInterleave bounds s_n: V7's mkfs and icheck have tables of so many.
const maxInterleave = 500

// Mkfs makes an empty file system on dev: inode 1 for bad blocks, and a root
// directory. The boot block stays as it is.
func Mkfs(dev Device, o MkfsOptions) (*FS, error) {
	if o.Blocks == 0 {
		o.Blocks = min(dev.Blocks(), MaxBlocks)
	}
	iblocks := o.Blocks / 25
	if o.Inodes != 0 {
		iblocks = (o.Inodes + InodesBlock - 1) / InodesBlock
	}
	// V7's mkfs stops at 65500 inodes too.
	iblocks = min(max(iblocks, 1), 65500/InodesBlock)
	if o.M == 0 {
		o.M = 3
	}
	if o.N == 0 {
		o.N = maxInterleave
	}
	if o.Root.Perm == 0 {
		o.Root.Perm = 0o755
	}
	switch {
	case o.Blocks < 0 || o.Blocks > dev.Blocks():
		return nil, fmt.Errorf("mkfs: %d blocks: the device has %d", o.Blocks, dev.Blocks())
	case o.Blocks > MaxBlocks:
		return nil, fmt.Errorf("mkfs: %d blocks: at most %d", o.Blocks, MaxBlocks)
	case o.Inodes < 0 || o.Inodes > 65500:
		return nil, fmt.Errorf("mkfs: %d inodes: must be 1 to 65500", o.Inodes)
	case FirstIBlock+iblocks >= o.Blocks:
		return nil, fmt.Errorf("mkfs: %d blocks: no room for data after %d blocks of inodes", o.Blocks, iblocks)
	case o.N < 1 || o.N > maxInterleave || o.M < 1 || o.M > o.N:
		return nil, fmt.Errorf("mkfs: interleave %d,%d: n must be 1 to %d and m 1 to n", o.M, o.N, maxInterleave)
	case len(o.Name) > 6 || len(o.Pack) > 6:
		return nil, fmt.Errorf("mkfs: labels %q and %q: at most 6 bytes each", o.Name, o.Pack)
	}

	f := &FS{dev: dev, now: Stamp(o.Time), dirty: true}
	s := &f.super
	s.ISize = uint16(FirstIBlock + iblocks)
	s.FSize = int32(o.Blocks)
	s.M, s.N = int16(o.M), int16(o.N)
	copy(s.FName[:], o.Name)
	copy(s.FPack[:], o.Pack)
	var zero [BlockSize]byte
	for b := FirstIBlock; b < int(s.ISize); b++ {
		if err := dev.WriteBlock(b, zero[:]); err != nil {
			return nil, fmt.Errorf("mkfs: %w", err)
		}
	}
	if err := f.makeFreeList(); err != nil {
		return nil, fmt.Errorf("mkfs: %w", err)
	}
	bad := f.newInode(ModeRegular, Attr{})
	if err := f.putInode(BadIno, &bad); err != nil {
		return nil, fmt.Errorf("mkfs: %w", err)
	}
	root := f.newInode(ModeDir, o.Root)
	root.Nlink = 2
	var e [2 * DirentSize]byte
	putDirent(e[:], RootIno, ".")
	putDirent(e[DirentSize:], RootIno, "..")
	if _, err := f.writeAt(RootIno, &root, e[:], 0); err != nil {
		return nil, fmt.Errorf("mkfs: root: %w", err)
	}
	s.TFree = s.FSize - int32(s.ISize) - 1
	s.TInode = uint16(s.Inodes() - RootIno)
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("mkfs: %w", err)
	}
	return f, nil
}

// makeFreeList puts all data blocks on the free list, from the highest down,
// so that they are handed out from the lowest up, in steps of the interleave.
// The order is that of V7's mkfs and of icheck -s, but for one thing: when
// s_fsize-1 is a multiple of s_n those two lose the last block.
func (f *FS) makeFreeList() error {
	m, n := int(f.super.M), int(f.super.N)
	order := make([]int, 0, n)
	taken := make([]bool, n)
	for i := 0; len(order) < n; i = (i + m) % n {
		for taken[i] {
			i = (i + 1) % n
		}
		taken[i] = true
		order = append(order, i+1)
	}
	isize, fsize := int(f.super.ISize), int(f.super.FSize)
	for top := (fsize + n - 1) / n * n; top > 0; top -= n {
		for _, below := range order {
			if b := top - below; b >= isize && b < fsize {
				if err := f.freeBlock(uint32(b)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
