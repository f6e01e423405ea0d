package fs

import (
	"errors"
	"fmt"
	"time"
)

// Errors that the operations return, wrapped with the operation, the path and,
// where they matter, the inode and block. A missing file is os.ErrNotExist and
// an existing one os.ErrExist.
var (
	ErrNotV7    = errors.New("not a V7 file system")
	ErrDamaged  = errors.New("the file system is damaged")
	ErrNoSpace  = errors.New("no free blocks left")
	ErrNoInodes = errors.New("no free inodes left")
	ErrName     = fmt.Errorf("a name must have 1 to %d bytes and no NUL", NameMax)
	ErrNotDir   = errors.New("not a directory")
	ErrIsDir    = errors.New("is a directory")
	ErrNotFile  = errors.New("not a regular file")
	ErrNotEmpty = errors.New("directory not empty")
	ErrTooBig   = errors.New("too big for a V7 file")
	ErrLinks    = errors.New("too many links")
)

// FS is a V7 file system on a Device. It keeps the superblock in memory: call
// Sync after the last change. All else goes to the device at once. An FS is
// not safe for concurrent use.
//
// Paths are separated by slashes and start at the root, with or without a
// leading slash; "." and ".." are looked up in the directory as V7 does.
type FS struct {
	dev   Device
	super Super
	raw   [BlockSize]byte // superblock as read: what follows the fields is kept
	dirty bool            // super differs from the device
	now   int32

	buf [BlockSize]byte // scratch: never in use across a call that may use it
}

// checkSuper returns what makes s no usable superblock on a device of the
// given size.
func checkSuper(s *Super, blocks int) error {
	switch {
	case s.ISize <= FirstIBlock || s.ISize > MaxISize:
		return fmt.Errorf("block 1: s_isize is %d, must be %d to %d", s.ISize, FirstIBlock+1, MaxISize)
	case s.FSize <= int32(s.ISize) || s.FSize > MaxBlocks:
		return fmt.Errorf("block 1: s_fsize is %d, must be %d to %d", s.FSize, s.ISize+1, MaxBlocks)
	case int(s.FSize) > blocks:
		return fmt.Errorf("the file system has %d blocks, the device only %d", s.FSize, blocks)
	}
	return nil
}

// Open opens the file system on dev. It returns ErrNotV7, wrapped with the
// reason, when the superblock or the root cannot be those of one. Nothing is
// written before the first change.
func Open(dev Device) (*FS, error) {
	f := &FS{dev: dev}
	if dev.Blocks() <= FirstIBlock {
		return nil, fmt.Errorf("%w: the device has only %d blocks", ErrNotV7, dev.Blocks())
	}
	if err := dev.ReadBlock(SuperBlock, f.raw[:]); err != nil {
		return nil, fmt.Errorf("superblock: %w", err)
	}
	f.super.Decode(f.raw[:])
	s := &f.super
	err := checkSuper(s, dev.Blocks())
	switch {
	case err != nil:
	case s.NFree < 0 || s.NFree > NICFree:
		err = fmt.Errorf("block 1: s_nfree is %d, must be 0 to %d", s.NFree, NICFree)
	case s.NInode < 0 || s.NInode > NICInode:
		err = fmt.Errorf("block 1: s_ninode is %d, must be 0 to %d", s.NInode, NICInode)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotV7, err)
	}
	root, err := f.Inode(RootIno)
	if err != nil {
		return nil, err
	}
	if !root.IsDir() {
		return nil, fmt.Errorf("%w: the root, inode %d, has mode %06o, which is no directory", ErrNotV7, RootIno, root.Mode)
	}
	f.now = s.Time
	return f, nil
}

// SetClock sets the time that changes from now on are stamped with. At first
// it is the superblock's s_time.
func (f *FS) SetClock(t time.Time) { f.now = Stamp(t) }

// Super returns a copy of the superblock.
func (f *FS) Super() Super { return f.super }

// Sync writes the superblock when it has changed, stamped with the clock.
func (f *FS) Sync() error {
	if !f.dirty {
		return nil
	}
	f.super.FLock, f.super.ILock, f.super.FMod = 0, 0, 0
	f.super.Time = f.now
	f.super.Encode(f.raw[:])
	if err := f.dev.WriteBlock(SuperBlock, f.raw[:]); err != nil {
		return fmt.Errorf("superblock: %w", err)
	}
	f.dirty = false
	return nil
}

func (f *FS) validIno(ino int) error {
	if ino < 1 || ino > f.super.Inodes() {
		return fmt.Errorf("inode %d: out of range 1 to %d: %w", ino, f.super.Inodes(), ErrDamaged)
	}
	return nil
}

// validBlock returns an error for a block number that is not in the data area.
func (f *FS) validBlock(b uint32) error {
	if b < uint32(f.super.ISize) || b >= uint32(f.super.FSize) {
		return fmt.Errorf("block %d: out of range %d to %d: %w", b, f.super.ISize, f.super.FSize-1, ErrDamaged)
	}
	return nil
}

// Inode reads inode ino, free or not.
func (f *FS) Inode(ino int) (Inode, error) {
	var n Inode
	if err := f.validIno(ino); err != nil {
		return n, err
	}
	b, off := InodeBlock(ino)
	if err := f.dev.ReadBlock(b, f.buf[:]); err != nil {
		return n, fmt.Errorf("inode %d: %w", ino, err)
	}
	n.Decode(f.buf[off:])
	return n, nil
}

// putInode writes n as inode ino.
func (f *FS) putInode(ino int, n *Inode) error {
	if err := f.validIno(ino); err != nil {
		return err
	}
	b, off := InodeBlock(ino)
	if err := f.dev.ReadBlock(b, f.buf[:]); err != nil {
		return fmt.Errorf("inode %d: %w", ino, err)
	}
	n.Encode(f.buf[off : off+InodeSize])
	if err := f.dev.WriteBlock(b, f.buf[:]); err != nil {
		return fmt.Errorf("inode %d: %w", ino, err)
	}
	return nil
}
