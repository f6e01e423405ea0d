package fs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"v7em/escape"
)

// Stat is an inode with its number.
type Stat struct {
	Ino int
	Inode
}

// Attr is what a new file gets: permissions with the set-id and sticky bits
// (type bits are ignored), owner, and modification time (zero for the clock).
// With KeepOwner a file that is there keeps its owner and group.
type Attr struct {
	Perm      uint16
	UID, GID  int16
	MTime     time.Time
	KeepOwner bool
}

// fail wraps err with what was to be done and to which path.
func fail(op, path string, err error) error {
	return fmt.Errorf("%s %s: %w", op, escape.Name(path), err)
}

// Lookup returns what path names.
func (f *FS) Lookup(path string) (Stat, error) {
	parts, err := splitPath(path)
	if err != nil {
		return Stat{}, fail("look up", path, err)
	}
	ino, n, err := f.walk(parts)
	if err != nil {
		return Stat{}, fail("look up", path, err)
	}
	return Stat{ino, n}, nil
}

// ReadDir returns the entries of a directory as they stand there, "." and ".."
// included, empty slots not.
func (f *FS) ReadDir(path string) ([]Dirent, error) {
	st, err := f.Lookup(path)
	if err != nil {
		return nil, err
	}
	list, err := f.readDir(st.Ino, &st.Inode)
	if err != nil {
		return nil, fail("read directory", path, err)
	}
	return list, nil
}

// maxEntries bounds the entries that are read of a directory: four times as many as
// there can be inodes.
const maxEntries = 1 << 18

func (f *FS) readDir(ino int, n *Inode) ([]Dirent, error) {
	var list []Dirent
	err := f.scanDir(ino, n, func(_ int, slot []byte) bool {
		if e := word(slot); e != 0 {
			list = append(list, Dirent{int(e), direntName(slot)})
		}
		return len(list) > maxEntries
	})
	if err == nil && len(list) > maxEntries {
		err = fmt.Errorf("inode %d: more than %d entries: %w", ino, maxEntries, ErrDamaged)
	}
	return list, err
}

// Open opens a regular file or directory for reading.
func (f *FS) Open(path string) (*File, error) {
	st, err := f.Lookup(path)
	if err != nil {
		return nil, err
	}
	if t := st.Type(); t != ModeRegular && t != ModeDir {
		return nil, fail("open", path, ErrNotFile)
	}
	return f.OpenStat(st), nil
}

// OpenStat opens what Lookup or Walk has found, a regular file or directory, whatever
// its name.
func (f *FS) OpenStat(st Stat) *File { return &File{fs: f, ino: st.Ino, n: st.Inode} }

// ReadFile returns a regular file's contents. A file much longer than the file
// system, as only holes or damage make it, is ErrTooBig: read it with Open.
func (f *FS) ReadFile(path string) ([]byte, error) {
	r, err := f.Open(path)
	if err != nil {
		return nil, err
	}
	switch size := int64(r.n.Size); {
	case r.n.IsDir():
		err = ErrIsDir
	case size < 0 || size > int64(f.super.FSize)*BlockSize+16<<20:
		err = fmt.Errorf("%d bytes: %w", size, ErrTooBig)
	}
	if err != nil {
		return nil, fail("read", path, err)
	}
	p := make([]byte, r.n.Size)
	if _, err := r.ReadAt(p, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fail("read", path, err)
	}
	return p, nil
}

// create makes an inode for p with one link and the entry for it.
func (f *FS) create(p *place, n *Inode) (int, error) {
	if p.n.Nlink <= 0 {
		return 0, ErrNotDir // removed while it was in use: V7 refuses too
	}
	ino, err := f.allocInode()
	if err != nil {
		return 0, err
	}
	n.Nlink = 1
	// The inode before the entry, so that no entry ever names a free inode.
	if err := f.putInode(ino, n); err != nil {
		return 0, err
	}
	if err := f.enter(p.dir, &p.n, p.name, ino); err != nil {
		return 0, errors.Join(err, f.drop(ino, n))
	}
	return ino, nil
}

func (f *FS) newInode(mode uint16, a Attr) Inode {
	n := Inode{Mode: mode | a.Perm&ModePerm, UID: a.UID, GID: a.GID, ATime: f.now, MTime: f.now, CTime: f.now}
	if !a.MTime.IsZero() {
		n.MTime = Stamp(a.MTime)
		n.ATime = n.MTime
	}
	return n
}

// Put makes path a regular file with what r has to its end, or gives an
// existing file that contents, keeping its inode and links. It returns the
// number of bytes. On an error a file that Put made is removed again.
func (f *FS) Put(path string, r io.Reader, a Attr) (int64, error) {
	size, err := f.put(path, r, a)
	if err != nil {
		return size, fail("write", path, err)
	}
	return size, nil
}

func (f *FS) put(path string, r io.Reader, a Attr) (size int64, err error) {
	p, err := f.locate(path)
	if err != nil {
		return 0, err
	}
	ino, n := p.child, p.c
	switch {
	case ino == 0:
		n = f.newInode(ModeRegular, a)
		if ino, err = f.create(p, &n); err != nil {
			return 0, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, f.unlink(path))
			}
		}()
	case n.IsDir():
		return 0, ErrIsDir
	case n.Type() != ModeRegular:
		return 0, ErrNotFile
	default:
		if err := f.truncate(ino, &n, 0); err != nil {
			return 0, err
		}
	}
	if size, err = f.pour(ino, &n, r); err != nil {
		return size, err
	}
	f.dress(&n, a)
	return size, f.putInode(ino, &n)
}

// pour writes what r has to its end into file ino, which is empty and has inode n.
func (f *FS) pour(ino int, n *Inode, r io.Reader) (size int64, err error) {
	return f.pourAt(ino, n, r, 0)
}

// pourAt is pour from a place in the file on. It returns where it ended.
func (f *FS) pourAt(ino int, n *Inode, r io.Reader, size int64) (end int64, err error) {
	buf := make([]byte, 16*BlockSize)
	for {
		k, rerr := io.ReadFull(r, buf)
		if k > 0 {
			if _, err := f.writeAt(ino, n, buf[:k], size); err != nil {
				return size, err
			}
			size += int64(k)
		}
		if rerr == io.EOF || rerr == io.ErrUnexpectedEOF {
			return size, nil
		}
		if rerr != nil {
			return size, rerr
		}
	}
}

// dress gives the regular file with inode n, which has new contents, what a says.
func (f *FS) dress(n *Inode, a Attr) {
	m := f.newInode(ModeRegular, a)
	n.Mode, n.ATime, n.MTime, n.CTime = m.Mode, m.ATime, m.MTime, m.CTime
	if !a.KeepOwner {
		n.UID, n.GID = m.UID, m.GID
	}
}

// WriteFile is Put of a slice.
func (f *FS) WriteFile(path string, data []byte, a Attr) error {
	_, err := f.Put(path, bytes.NewReader(data), a)
	return err
}

// WriteAt writes p at off into an existing regular file. Past its end it
// leaves a hole. It returns the number of bytes written before an error.
func (f *FS) WriteAt(path string, p []byte, off int64) (int, error) {
	st, err := f.regular(path)
	var k int
	if err == nil {
		k, err = f.writeAt(st.Ino, &st.Inode, p, off)
	}
	if err != nil {
		return k, fail("write", path, err)
	}
	return k, nil
}

// Truncate sets the length of an existing regular file.
func (f *FS) Truncate(path string, size int64) error {
	st, err := f.regular(path)
	if err == nil {
		err = f.truncate(st.Ino, &st.Inode, size)
	}
	if err != nil {
		return fail("truncate", path, err)
	}
	return nil
}

func (f *FS) regular(path string) (Stat, error) {
	parts, err := splitPath(path)
	if err != nil {
		return Stat{}, err
	}
	ino, n, err := f.walk(parts)
	switch {
	case err != nil:
	case n.IsDir():
		err = ErrIsDir
	case n.Type() != ModeRegular:
		err = ErrNotFile
	}
	return Stat{ino, n}, err
}

// Mkdir makes a directory with its "." and "..".
func (f *FS) Mkdir(path string, a Attr) error {
	p, err := f.locateNew(path)
	if err == nil {
		err = f.mkdir(p, a)
	}
	if err != nil {
		return fail("mkdir", path, err)
	}
	return nil
}

func (f *FS) mkdir(p *place, a Attr) error {
	if p.n.Nlink == 1<<15-1 {
		return ErrLinks
	}
	n := f.newInode(ModeDir, a)
	ino, err := f.create(p, &n)
	if err != nil {
		return err
	}
	var e [2 * DirentSize]byte
	putDirent(e[:], ino, ".")
	putDirent(e[DirentSize:], p.dir, "..")
	n.Nlink = 2
	mtime := n.MTime
	if _, err := f.writeAt(ino, &n, e[:], 0); err != nil {
		_, off, ferr := f.find(p.dir, &p.n, p.name)
		if ferr == nil {
			ferr = f.erase(p.dir, &p.n, off)
		}
		return errors.Join(err, ferr, f.drop(ino, &n))
	}
	n.MTime = mtime
	if err := f.putInode(ino, &n); err != nil {
		return err
	}
	p.n.Nlink++
	return f.putInode(p.dir, &p.n)
}

// MkdirAll makes a directory and those missing above it. A directory that is
// already there is left as it is.
func (f *FS) MkdirAll(path string, a Attr) error {
	parts, err := splitPath(path)
	if err != nil {
		return fail("mkdir", path, err)
	}
	ino := RootIno
	n, err := f.Inode(ino)
	for i, name := range parts {
		if err == nil {
			ino, n, err = f.enterDir(ino, n, name, a)
		}
		if err != nil {
			return fail("mkdir", "/"+strings.Join(parts[:i+1], "/"), err)
		}
	}
	return err
}

// enterDir returns the directory name in directory dir, which is made if it is missing.
func (f *FS) enterDir(dir int, n Inode, name string, a Attr) (int, Inode, error) {
	ino, _, err := f.find(dir, &n, name)
	if isNotExist(err) && name != "." && name != ".." {
		p := &place{dir: dir, n: n, name: name}
		if err = f.mkdir(p, a); err == nil {
			ino, _, err = f.find(dir, &p.n, name)
		}
	}
	if err != nil {
		return 0, n, err
	}
	if n, err = f.used(ino); err == nil && !n.IsDir() {
		err = ErrNotDir
	}
	return ino, n, err
}

// Mknod makes a device node; mode is ModeChar or ModeBlock, and the numbers
// are 0 to 255.
func (f *FS) Mknod(path string, mode uint16, major, minor int, a Attr) error {
	var err error
	switch {
	case mode != ModeChar && mode != ModeBlock:
		err = fmt.Errorf("mode %06o: %w", mode, os.ErrInvalid)
	case major < 0 || major > 255 || minor < 0 || minor > 255:
		err = fmt.Errorf("device %d,%d: numbers must be 0 to 255", major, minor)
	default:
		var p *place
		if p, err = f.locateNew(path); err == nil {
			n := f.newInode(mode, a)
			n.Addr[0] = uint32(major<<8 | minor)
			_, err = f.create(p, &n)
		}
	}
	if err != nil {
		return fail("mknod", path, err)
	}
	return nil
}

// Link gives the file at old, no directory, the further name path.
func (f *FS) Link(old, path string) error {
	st, err := f.Lookup(old)
	if err != nil {
		return err
	}
	err = ErrIsDir
	if !st.IsDir() {
		var p *place
		if p, err = f.locateNew(path); err == nil {
			err = f.link(st, p)
		}
	}
	if err != nil {
		return fail("link "+escape.Name(old)+" to", path, err)
	}
	return nil
}

func (f *FS) link(st Stat, p *place) error {
	if st.Nlink == 1<<15-1 {
		return ErrLinks
	}
	if p.n.Nlink <= 0 {
		return ErrNotDir
	}
	// The count before the entry: too high is harmless, too low is not.
	st.Nlink++
	st.CTime = f.now
	if err := f.putInode(st.Ino, &st.Inode); err != nil {
		return err
	}
	if err := f.enter(p.dir, &p.n, p.name, st.Ino); err != nil {
		st.Nlink--
		return errors.Join(err, f.putInode(st.Ino, &st.Inode))
	}
	return nil
}

// Unlink removes a name and, with the last one, the file. Directories are
// removed by Rmdir.
func (f *FS) Unlink(path string) error {
	if err := f.unlink(path); err != nil {
		return fail("unlink", path, err)
	}
	return nil
}

func (f *FS) unlink(path string) error {
	p, err := f.locateOld(path)
	switch {
	case err != nil:
		return err
	case p.c.IsDir():
		return ErrIsDir
	}
	return f.remove(p)
}

// remove takes away an entry that names no directory.
func (f *FS) remove(p *place) error {
	if err := f.erase(p.dir, &p.n, p.off); err != nil {
		return err
	}
	return f.release(p)
}

// release takes a link from a file that has lost an entry, and with the last one the
// file itself.
func (f *FS) release(p *place) error {
	if p.c.Nlink--; p.c.Nlink <= 0 {
		return f.drop(p.child, &p.c)
	}
	p.c.CTime = f.now
	return f.putInode(p.child, &p.c)
}

// Rmdir removes an empty directory.
func (f *FS) Rmdir(path string) error {
	p, err := f.locateOld(path)
	if err == nil {
		err = f.rmdir(p)
	}
	if err != nil {
		return fail("rmdir", path, err)
	}
	return nil
}

func (f *FS) rmdir(p *place) error {
	list, err := f.readDir(p.child, &p.c)
	if err != nil {
		return err
	}
	up := 0
	for _, e := range list {
		switch e.Name {
		case ".":
		case "..":
			up = e.Ino
		default:
			return ErrNotEmpty
		}
	}
	if p.child == RootIno {
		return fmt.Errorf("the root: %w", os.ErrInvalid)
	}
	if err := f.erase(p.dir, &p.n, p.off); err != nil {
		return err
	}
	if p.c.Nlink -= 2; p.c.Nlink > 0 { // it has another name, as V7's super-user can give it
		return f.putInode(p.child, &p.c)
	}
	if err := f.drop(p.child, &p.c); err != nil {
		return err
	}
	if up == p.dir {
		p.n.Nlink--
		return f.putInode(p.dir, &p.n)
	}
	return nil
}

// RemoveAll removes what path names and, for a directory, all below it. It is
// no error when nothing is there.
func (f *FS) RemoveAll(path string) error {
	p, err := f.locate(path)
	if err == nil && p.child != 0 {
		err = f.removeAll(p, map[int]bool{p.dir: true})
	}
	if err != nil {
		return fail("remove", path, err)
	}
	return nil
}

// maxDepth bounds how deep directories are followed, so that a damaged tree
// neither fills memory nor takes for ever.
const maxDepth = 1000

var errDepth = fmt.Errorf("directory met twice, or more than %d deep: %w", maxDepth, ErrDamaged)

// removeAll removes the entry at p; above holds the directories on the way
// there, so that a damaged tree that leads back into itself ends.
func (f *FS) removeAll(p *place, above map[int]bool) error {
	if !p.c.IsDir() {
		return f.remove(p)
	}
	if above[p.child] || len(above) > maxDepth {
		return fmt.Errorf("inode %d: %w", p.child, errDepth)
	}
	above[p.child] = true
	defer delete(above, p.child)
	for {
		sub := place{dir: p.child}
		err := f.scanDir(p.child, &p.c, func(o int, slot []byte) bool {
			name := direntName(slot)
			if e := word(slot); e != 0 && name != "." && name != ".." {
				sub.child, sub.off, sub.name = int(e), o, name
			}
			return sub.child != 0
		})
		if err != nil {
			return err
		}
		if sub.child == 0 {
			return f.rmdir(p)
		}
		sub.n = p.c
		if sub.c, err = f.used(sub.child); err != nil {
			return err
		}
		if err := f.removeAll(&sub, above); err != nil {
			return fmt.Errorf("%s: %w", escape.Name(sub.name), err)
		}
		// What went may have been a directory: its ".." was a link to this one.
		if p.c, err = f.Inode(p.child); err != nil {
			return err
		}
	}
}

// change lets fn alter the inode that path names.
func (f *FS) change(op, path string, fn func(n *Inode)) error {
	st, err := f.Lookup(path)
	if err != nil {
		return err
	}
	st.CTime = f.now
	fn(&st.Inode)
	if err := f.putInode(st.Ino, &st.Inode); err != nil {
		return fail(op, path, err)
	}
	return nil
}

// Chmod sets the permissions, with the set-id and sticky bits.
func (f *FS) Chmod(path string, perm uint16) error {
	return f.change("chmod", path, func(n *Inode) { n.Mode = n.Mode&ModeType | perm&ModePerm })
}

// Chown sets the owner and group.
func (f *FS) Chown(path string, uid, gid int16) error {
	return f.change("chown", path, func(n *Inode) { n.UID, n.GID = uid, gid })
}

// Chtimes sets the times of last access and modification.
func (f *FS) Chtimes(path string, atime, mtime time.Time) error {
	return f.change("utime", path, func(n *Inode) { n.ATime, n.MTime = Stamp(atime), Stamp(mtime) })
}
