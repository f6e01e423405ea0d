package fs

import (
	"errors"
	"fmt"
	"slices"
)

// Half is a directory that a program has half made, moved or removed. V7's kernel
// has no system call for any of that: mkdir(1) makes an empty directory and links its
// "." and ".." one after the other, rmdir(1) unlinks "..", "." and the name, and
// mv(1) gives a directory a second name, takes the first away, and exchanges "..".
// All other system calls leave a file system whole.
//
// Halves can be compared: the same directory in the same state, not touched since, is
// the same Half.
type Half struct {
	Ino       int
	Names     int  // entries for it, besides "." and ".."; at least 1
	Dot       bool // it has its "."
	DotDot    int  // the inode that its ".." names; 0 without one
	Parent    int  // the directory with the name that it is to keep
	Offset    int  // of that name, in bytes
	CTime     int32
	Childless bool // nothing else is in it
}

// String says what is missing.
func (h Half) String() string {
	switch {
	case h.Names > 1:
		return fmt.Sprintf("inode %d: a directory with %d names", h.Ino, h.Names)
	case !h.Dot && h.DotDot == 0:
		return fmt.Sprintf(`inode %d: a directory without "." and ".."`, h.Ino)
	case !h.Dot:
		return fmt.Sprintf(`inode %d: a directory without "."`, h.Ino)
	case h.DotDot == 0:
		return fmt.Sprintf(`inode %d: a directory without ".."`, h.Ino)
	}
	return fmt.Sprintf(`inode %d: a directory whose ".." is inode %d, in inode %d`, h.Ino, h.DotDot, h.Parent)
}

// halfDir is a directory that was read.
type halfDir struct {
	ino    int
	inode  Inode
	dot    bool
	dotdot int
	others bool // it has entries but "." and ".."
	bad    bool // it could not be read to its end
	names  []halfName
}

// halfName is an entry for a directory.
type halfName struct{ dir, off int }

// found is a half directory with the names that it is not to keep.
type found struct {
	Half
	drop []halfName
}

// Halves returns the directories that are half made, half moved or half removed, in
// the order of their inodes. Directories that cannot be read, as only damage makes
// them, are not among them. An error, ErrDamaged or of the device, means that the
// answer would not be complete.
func (f *FS) Halves() ([]Half, error) {
	all, err := f.findHalves()
	var list []Half
	for _, h := range all {
		list = append(list, h.Half)
	}
	return list, err
}

func (f *FS) findHalves() ([]found, error) {
	dirs, err := f.readDirs()
	if err != nil {
		return nil, err
	}
	var list []found
	for _, d := range dirs {
		if d.bad || d.ino == RootIno || len(d.names) == 0 {
			continue
		}
		// Of several names the one in the directory above is kept: the move has not
		// got further than that.
		keep := max(0, slices.IndexFunc(d.names, func(n halfName) bool { return n.dir == d.dotdot }))
		name := d.names[keep]
		if len(d.names) == 1 && d.dot && d.dotdot == name.dir {
			continue
		}
		h := Half{
			Ino: d.ino, Names: len(d.names), Dot: d.dot, DotDot: d.dotdot,
			Parent: name.dir, Offset: name.off, CTime: d.inode.CTime, Childless: !d.others,
		}
		list = append(list, found{h, slices.Delete(d.names, keep, keep+1)})
	}
	return list, nil
}

// readDirs reads all directories, in the order of their inodes.
func (f *FS) readDirs() ([]*halfDir, error) {
	var order []*halfDir
	dirs := map[int]*halfDir{}
	for b := FirstIBlock; b < int(f.super.ISize); b++ {
		if err := f.dev.ReadBlock(b, f.buf[:]); err != nil {
			return nil, fmt.Errorf("block %d: %w", b, err)
		}
		for i := range InodesBlock {
			raw := f.buf[i*InodeSize : (i+1)*InodeSize]
			if word(raw[inodeMode:])&ModeType != ModeDir {
				continue
			}
			d := &halfDir{ino: (b-FirstIBlock)*InodesBlock + i + 1}
			d.inode.Decode(raw)
			dirs[d.ino] = d
			order = append(order, d)
		}
	}
	// In a sound file system no directory shares a block with another.
	budget := int(f.super.FSize)
	for _, d := range order {
		if budget -= max(0, d.inode.blocks()); budget < 0 {
			return nil, fmt.Errorf("directories of more blocks than there are: %w", ErrDamaged)
		}
		err := f.scanDir(d.ino, &d.inode, func(off int, slot []byte) bool {
			e := int(word(slot))
			switch name := [NameMax]byte(slot[2:]); {
			case e == 0:
			case name == [NameMax]byte{'.'}:
				d.dot = true
			case name == [NameMax]byte{'.', '.'}:
				d.dotdot = e
			default:
				d.others = true
				if c := dirs[e]; c != nil {
					c.names = append(c.names, halfName{d.ino, off})
				}
			}
			return false
		})
		switch {
		case errors.Is(err, ErrDamaged):
			d.bad = true
		case err != nil:
			return nil, err
		}
	}
	return order, nil
}

// CompleteHalves makes the half directories, but for those that skip says, whole ones,
// and returns what they were: each keeps one name, gets its "." and a ".." that is the
// directory above, and the links are counted accordingly. What is in it stays. One that
// has just been made, for whose first block there is no room, is removed instead. After
// an error a directory may still be half.
func (f *FS) CompleteHalves(skip func(Half) bool) ([]Half, error) {
	all, err := f.findHalves()
	if err != nil {
		return nil, err
	}
	var done []Half
	for _, h := range all {
		if skip(h.Half) {
			continue
		}
		if err := f.complete(h); err != nil {
			return done, fmt.Errorf("completing a directory: inode %d: %w", h.Ino, err)
		}
		done = append(done, h.Half)
	}
	return done, nil
}

func (f *FS) complete(h found) error {
	for _, name := range h.drop {
		n, err := f.used(name.dir)
		if err == nil {
			err = f.erase(name.dir, &n, name.off)
		}
		if err == nil {
			err = f.count(h.Ino, -1)
		}
		if err != nil {
			return err
		}
	}
	if h.DotDot != 0 && h.DotDot != h.Parent {
		if err := f.redirect(h.Half); err != nil {
			return err
		}
	}
	if !h.Dot {
		if err := f.addLink(h.Ino, ".", h.Ino); err != nil {
			if h.Childless && h.DotDot == 0 {
				return f.undo(h.Half)
			}
			return err
		}
	}
	if h.DotDot == 0 {
		return f.addLink(h.Ino, "..", h.Parent)
	}
	return nil
}

// addLink gives directory to a name in directory dir.
func (f *FS) addLink(dir int, name string, to int) error {
	n, err := f.used(dir)
	if err != nil {
		return err
	}
	if err := f.enter(dir, &n, name, to); err != nil {
		return err
	}
	return f.count(to, 1)
}

// count changes how many links an inode has.
func (f *FS) count(ino, by int) error {
	n, err := f.used(ino)
	if err != nil {
		return err
	}
	n.Nlink += int16(by)
	n.CTime = f.now
	return f.putInode(ino, &n)
}

// redirect has ".." name the directory above.
func (f *FS) redirect(h Half) error {
	n, err := f.used(h.Ino)
	if err != nil {
		return err
	}
	_, off, err := f.find(h.Ino, &n, "..")
	if err != nil {
		return err
	}
	var e [DirentSize]byte
	putDirent(e[:], h.Parent, "..")
	if _, err := f.writeAt(h.Ino, &n, e[:], int64(off)); err != nil {
		return err
	}
	old, err := f.Inode(h.DotDot)
	switch {
	case err != nil || !old.IsDir():
	case old.Nlink == 1: // it was removed, and this ".." was its last link
		err = f.drop(h.DotDot, &old)
	default:
		err = f.count(h.DotDot, -1)
	}
	return errors.Join(err, f.count(h.Parent, 1))
}

// undo removes a directory that has nothing, not even its "." and "..".
func (f *FS) undo(h Half) error {
	n, err := f.used(h.Parent)
	if err != nil {
		return err
	}
	if err := f.erase(h.Parent, &n, h.Offset); err != nil {
		return err
	}
	d, err := f.used(h.Ino)
	if err != nil {
		return err
	}
	return f.drop(h.Ino, &d)
}
