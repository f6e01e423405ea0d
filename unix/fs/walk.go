package fs

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
)

// SkipDir, returned by the function that Walk or WalkAll calls with a directory, leaves
// out what is in it.
var SkipDir = iofs.SkipDir

// Walk calls fn for what path names and, below a directory, for everything in
// it but "." and "..", a directory before its contents, in the order of the
// entries. An error from fn ends the walk and is returned as it is. A directory
// that comes up twice is an error, since the tree is damaged and may have no
// end, and so is a name that no path can give: names that fn gets are safe to
// use as names on the host, but for what its own system forbids.
func (f *FS) Walk(path string, fn func(path string, st Stat) error) error {
	return f.WalkAll(path, func(path string, st Stat, err error) error {
		if err != nil {
			return err
		}
		return fn(path, st)
	})
}

// WalkAll is Walk that asks fn about errors: fn is called with what is wrong in place
// of a Stat, and the walk goes on behind it when fn returns nil. That can come after a
// call for the same path, when a directory turns out not to be readable to its end. The
// path is then of use in messages only; err says it too.
func (f *FS) WalkAll(path string, fn func(path string, st Stat, err error) error) error {
	st, err := f.Lookup(path)
	if err != nil {
		return fn(path, Stat{}, err)
	}
	w := walker{f: f, seen: map[int]bool{}, fn: fn}
	return w.walk(path, st, 0)
}

type walker struct {
	f    *FS
	seen map[int]bool // directories
	fn   func(path string, st Stat, err error) error
}

func (w *walker) walk(path string, st Stat, depth int) error {
	if st.IsDir() && (w.seen[st.Ino] || depth > maxDepth) {
		return w.fn(path, Stat{}, fail("walk", path, fmt.Errorf("inode %d: %w", st.Ino, errDepth)))
	}
	err := w.fn(path, st, nil)
	if err != nil || !st.IsDir() {
		if st.IsDir() && errors.Is(err, SkipDir) {
			err = nil
		}
		return err
	}
	w.seen[st.Ino] = true
	// On an error the list has what came before.
	list, err := w.f.readDir(st.Ino, &st.Inode)
	for _, e := range list {
		if e.Name == "." || e.Name == ".." {
			continue
		}
		sub := Join(path, e.Name)
		var n Inode
		err := unreachableName(e.Name)
		if err == nil {
			n, err = w.f.used(e.Ino)
		}
		if err != nil {
			err = w.fn(sub, Stat{}, fail("look up", sub, err))
		} else {
			err = w.walk(sub, Stat{e.Ino, n}, depth+1)
		}
		if err != nil {
			return err
		}
	}
	if err != nil {
		return w.fn(path, Stat{}, fail("read directory", path, err))
	}
	return nil
}

// unreachableName returns an error for a name that no path can give.
func unreachableName(name string) error {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("name %s: no path can give it: %w", quoted(name), ErrDamaged)
	}
	return nil
}

// Join returns the path of name in the directory dir. Unlike path.Join it
// leaves dots to the file system.
func Join(dir, name string) string {
	if dir == "" || dir[len(dir)-1] == '/' {
		return dir + name
	}
	return dir + "/" + name
}
