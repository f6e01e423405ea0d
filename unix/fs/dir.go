package fs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"v7em/escape"
)

// quoted returns a name for a message.
func quoted(name string) string { return `"` + escape.Name(name) + `"` }

func validName(name string) error {
	if name == "" || len(name) > NameMax || strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("name %s: %w", quoted(name), ErrName)
	}
	return nil
}

// splitPath returns the components of path, empty ones left out.
func splitPath(path string) ([]string, error) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for _, p := range parts {
		if err := validName(p); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// scanDir calls fn with each 16-byte slot of directory ino and its offset,
// empty slots included, until fn returns true. The slot is valid only during
// the call, and fn must not use the FS.
func (f *FS) scanDir(ino int, n *Inode, fn func(off int, slot []byte) (stop bool)) error {
	if !n.IsDir() {
		return ErrNotDir
	}
	if n.Size < 0 || n.blocks() > int(f.super.FSize) {
		return fmt.Errorf("inode %d: directory of %d bytes: %w", ino, n.Size, ErrDamaged)
	}
	var block [BlockSize]byte
	for off := 0; off < int(n.Size); off += DirentSize {
		in := off % BlockSize
		if in == 0 {
			b, err := f.bmap(n, off/BlockSize)
			if err == nil && b == 0 {
				err = fmt.Errorf("directory has a hole at %d: %w", off, ErrDamaged)
			}
			if err == nil {
				err = f.dev.ReadBlock(int(b), block[:])
			}
			if err != nil {
				return fmt.Errorf("inode %d: %w", ino, err)
			}
		}
		if fn(off, block[in:in+DirentSize]) {
			return nil
		}
	}
	return nil
}

// find returns the inode that name stands for in directory ino and the offset
// of the entry, or os.ErrNotExist.
func (f *FS) find(ino int, n *Inode, name string) (child, off int, err error) {
	var want [NameMax]byte
	copy(want[:], name)
	err = f.scanDir(ino, n, func(o int, slot []byte) bool {
		if e := word(slot); e != 0 && [NameMax]byte(slot[2:]) == want {
			child, off = int(e), o
			return true
		}
		return false
	})
	if err == nil && child == 0 {
		err = os.ErrNotExist
	}
	return child, off, err
}

// enter writes an entry for child into the first empty slot of directory ino,
// or at its end.
func (f *FS) enter(ino int, n *Inode, name string, child int) error {
	at := int(n.Size)
	err := f.scanDir(ino, n, func(o int, slot []byte) bool {
		if word(slot) == 0 {
			at = o
			return true
		}
		return false
	})
	if err != nil {
		return err
	}
	var e [DirentSize]byte
	putDirent(e[:], child, name)
	_, err = f.writeAt(ino, n, e[:], int64(at))
	return err
}

// erase empties the slot at off of directory ino; like the kernel it leaves
// the name there.
func (f *FS) erase(ino int, n *Inode, off int) error {
	_, err := f.writeAt(ino, n, []byte{0, 0}, int64(off))
	return err
}

// walk follows path from the root to its last component.
func (f *FS) walk(parts []string) (int, Inode, error) {
	ino := RootIno
	n, err := f.Inode(ino)
	for _, name := range parts {
		if err != nil {
			return 0, n, err
		}
		if !n.IsDir() {
			return 0, n, ErrNotDir
		}
		if ino, _, err = f.find(ino, &n, name); err == nil {
			n, err = f.used(ino)
		}
	}
	return ino, n, err
}

// used reads an inode that an entry names, which must be in use.
func (f *FS) used(ino int) (Inode, error) {
	n, err := f.Inode(ino)
	if err == nil && n.Type() == 0 {
		err = fmt.Errorf("inode %d: an entry names it but it is free: %w", ino, ErrDamaged)
	}
	return n, err
}

func isNotExist(err error) bool { return errors.Is(err, os.ErrNotExist) }

// place is where a path ends: a directory and a name in it.
type place struct {
	dir   int
	n     Inode // of dir
	name  string
	child int // inode that the name stands for, 0 if none
	off   int // offset of the entry
	c     Inode
}

// locate finds the directory that path ends in and what is there. The last
// component may be missing; it cannot be the root, "." or "..".
func (f *FS) locate(path string) (*place, error) {
	parts, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, os.ErrExist
	}
	p := &place{name: parts[len(parts)-1]}
	if p.name == "." || p.name == ".." {
		return nil, fmt.Errorf("name %s: %w", quoted(p.name), os.ErrInvalid)
	}
	if p.dir, p.n, err = f.walk(parts[:len(parts)-1]); err != nil {
		return nil, err
	}
	p.child, p.off, err = f.find(p.dir, &p.n, p.name)
	if isNotExist(err) {
		p.child = 0
		return p, nil
	}
	if err == nil {
		p.c, err = f.used(p.child)
	}
	return p, err
}

// locateOld is locate for something that must be there.
func (f *FS) locateOld(path string) (*place, error) {
	p, err := f.locate(path)
	if err == nil && p.child == 0 {
		err = os.ErrNotExist
	}
	return p, err
}

// locateNew is locate for something that must not be there yet.
func (f *FS) locateNew(path string) (*place, error) {
	p, err := f.locate(path)
	if err == nil && p.child != 0 {
		err = os.ErrExist
	}
	return p, err
}
