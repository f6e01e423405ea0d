package images

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"v7em/escape"
	"v7em/unix/fs"
)

// Tree is a V7 file tree over several file systems, joined at directories as
// V7's mount does it. Paths are absolute. "." and ".." count by name, so a path
// never leaves the tree.
type Tree struct {
	mounts []mounted // by falling length of dir: the first match is the right one
}

type mounted struct {
	dir string // absolute and clean
	fs  *fs.FS
}

// NewTree returns a tree with the given root.
func NewTree(root *fs.FS) *Tree { return &Tree{[]mounted{{"/", root}}} }

// Mount joins a file system to the tree at dir, which must be a directory.
func (t *Tree) Mount(f *fs.FS, dir string) error {
	dir = path.Clean("/" + dir)
	at, name := t.at(dir)
	if st, err := at.Lookup(name); err != nil {
		return fmt.Errorf("mount at %s: %w", dir, err)
	} else if !st.IsDir() {
		return fmt.Errorf("mount at %s: not a directory", dir)
	}
	t.mounts = append(t.mounts, mounted{dir, f})
	slices.SortStableFunc(t.mounts, func(a, b mounted) int { return len(b.dir) - len(a.dir) })
	return nil
}

// at returns the file system that a path is on and the path within it.
func (t *Tree) at(name string) (*fs.FS, string) {
	name = path.Clean("/" + name)
	for _, m := range t.mounts {
		if name == m.dir {
			return m.fs, "/"
		}
		if rest, ok := strings.CutPrefix(name, strings.TrimSuffix(m.dir, "/")+"/"); ok {
			return m.fs, "/" + rest
		}
	}
	panic("a tree without a root")
}

// on adds to an error of the file system that name is on, which has paths within it,
// where that is mounted.
func (t *Tree) on(name string, err error) error {
	f, _ := t.at(name)
	for _, m := range t.mounts {
		if err != nil && m.fs == f && m.dir != "/" {
			return fmt.Errorf("on %s: %w", escape.Name(m.dir), err)
		}
	}
	return err
}

// Sync writes the superblocks that have changed.
func (t *Tree) Sync() error {
	for _, m := range t.mounts {
		if err := m.fs.Sync(); err != nil {
			return fmt.Errorf("the file system of %s: %w", m.dir, err)
		}
	}
	return nil
}

// SetClock sets the time that changes are stamped with.
func (t *Tree) SetClock(now time.Time) {
	for _, m := range t.mounts {
		m.fs.SetClock(now)
	}
}

// Lookup returns what a path names.
func (t *Tree) Lookup(name string) (fs.Stat, error) {
	f, rel := t.at(name)
	st, err := f.Lookup(rel)
	return st, t.on(name, err)
}

// Open opens a regular file or directory for reading.
func (t *Tree) Open(name string) (*fs.File, error) {
	f, rel := t.at(name)
	r, err := f.Open(rel)
	return r, t.on(name, err)
}

// ReadFile returns a regular file's contents.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	f, rel := t.at(name)
	data, err := f.ReadFile(rel)
	return data, t.on(name, err)
}

// Put makes name a regular file with what r has to its end.
func (t *Tree) Put(name string, r io.Reader, a fs.Attr) error {
	f, rel := t.at(name)
	_, err := f.Put(rel, r, a)
	return t.on(name, err)
}

// PutWhole is Put that leaves a file that is there as it is until r has been read to its
// end.
func (t *Tree) PutWhole(name string, r io.Reader, a fs.Attr) error {
	f, rel := t.at(name)
	_, err := f.PutWhole(rel, r, a)
	return t.on(name, err)
}

// MkdirAll makes a directory and those missing above it. It says whether the directory
// was not there before.
func (t *Tree) MkdirAll(name string, a fs.Attr) (fresh bool, err error) {
	f, rel := t.at(name)
	_, err = f.Lookup(rel)
	return errors.Is(err, os.ErrNotExist), t.on(name, f.MkdirAll(rel, a))
}

// Chtimes sets the times of last access and modification.
func (t *Tree) Chtimes(name string, atime, mtime time.Time) error {
	f, rel := t.at(name)
	return f.Chtimes(rel, atime, mtime)
}

// WalkAll calls fn for what name stands for and all below it, over all file systems:
// see fs.FS.WalkAll. f is the file system that st is of.
func (t *Tree) WalkAll(name string, fn func(name string, f *fs.FS, st fs.Stat, err error) error) error {
	name = path.Clean("/" + name)
	f, rel := t.at(name)
	return f.WalkAll(rel, func(at string, st fs.Stat, err error) error {
		full := fs.Join(name, strings.TrimPrefix(strings.TrimPrefix(at, rel), "/"))
		if at == rel {
			full = name
		} else if m, _ := t.at(full); err == nil && m != f { // a mount point
			if err := t.WalkAll(full, fn); err != nil {
				return err
			}
			return fs.SkipDir
		}
		return fn(full, f, st, t.on(full, err))
	})
}

// Remove removes a file. It is no error when there is none.
func (t *Tree) Remove(name string) error {
	f, rel := t.at(name)
	if err := f.Unlink(rel); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveAll removes what a path names, and all below it on that file system. It is no
// error when there is nothing.
func (t *Tree) RemoveAll(name string) error {
	f, rel := t.at(name)
	if err := f.RemoveAll(rel); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Empty removes all that is in a directory, but for what is mounted there. It is no error
// when there is no such directory.
func (t *Tree) Empty(dir string) error {
	f, rel := t.at(dir)
	entries, err := f.ReadDir(rel)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := fs.Join(dir, e.Name)
		if e.Name == "." || e.Name == ".." || slices.ContainsFunc(t.mounts, func(m mounted) bool { return m.dir == name }) {
			continue
		}
		if err := f.RemoveAll(fs.Join(rel, e.Name)); err != nil {
			return err
		}
	}
	return nil
}
