package fs

import (
	"errors"
	"io"
)

// PutWhole is Put for a device that is changed as it is written: an existing file keeps
// its contents until r has been read to its end without an error. For a while there
// must be room for both.
func (f *FS) PutWhole(path string, r io.Reader, a Attr) (int64, error) {
	size, err := f.putWhole(path, r, a)
	if err != nil {
		return size, fail("write", path, err)
	}
	return size, nil
}

func (f *FS) putWhole(path string, r io.Reader, a Attr) (size int64, err error) {
	p, err := f.locate(path)
	switch {
	case err != nil:
		return 0, err
	case p.child == 0:
		return f.put(path, r, a)
	case p.c.IsDir():
		return 0, ErrIsDir
	case p.c.Type() != ModeRegular:
		return 0, ErrNotFile
	}
	ino, n, err := f.fill(a, func(ino int, n *Inode) error {
		size, err = f.pour(ino, n, r)
		return err
	})
	if err != nil {
		return size, err
	}
	// The blocks change places. At no time does an inode on the device have a block of
	// the other's: one that stops here has lost space, no more.
	fresh := n
	n.Addr, n.Size = [NAddr]uint32{}, 0
	if err := f.putInode(ino, &n); err != nil {
		return size, err
	}
	old := p.c
	p.c.Addr, p.c.Size = fresh.Addr, fresh.Size
	f.dress(&p.c, a)
	if err := f.putInode(p.child, &p.c); err != nil {
		return size, err
	}
	n.Addr, n.Size = old.Addr, old.Size
	if err := f.putInode(ino, &n); err != nil {
		return size, err
	}
	return size, f.drop(ino, &n)
}

// putNew makes path a new regular file of what write writes, and takes the name from
// what has it now, no directory, when write has returned without an error.
func (f *FS) putNew(path string, a Attr, write func(ino int, n *Inode) error) error {
	p, err := f.locate(path)
	if err != nil {
		return err
	}
	if p.child != 0 && p.c.IsDir() {
		return ErrIsDir
	}
	if p.n.Nlink <= 0 {
		return ErrNotDir // removed while it was in use: V7 refuses too
	}
	ino, n, err := f.fill(a, write)
	if err != nil {
		return err
	}
	n.Nlink = 1
	if err := f.putInode(ino, &n); err != nil {
		return err
	}
	if p.child == 0 {
		if err := f.enter(p.dir, &p.n, p.name, ino); err != nil {
			return errors.Join(err, f.drop(ino, &n))
		}
		return nil
	}
	var e [DirentSize]byte
	putDirent(e[:], ino, p.name)
	if _, err := f.writeAt(p.dir, &p.n, e[:], int64(p.off)); err != nil {
		return err
	}
	return f.release(p)
}

// fill makes a regular file without a name, which write writes. On an error nothing is
// left of it.
func (f *FS) fill(a Attr, write func(ino int, n *Inode) error) (ino int, n Inode, err error) {
	if ino, err = f.allocInode(); err != nil {
		return 0, n, err
	}
	n = f.newInode(ModeRegular, a)
	if err := f.putInode(ino, &n); err != nil {
		return 0, n, err
	}
	if err := write(ino, &n); err != nil {
		return 0, n, errors.Join(err, f.drop(ino, &n))
	}
	f.dress(&n, a)
	return ino, n, f.putInode(ino, &n)
}
