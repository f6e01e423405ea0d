package hostfile

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// SyncDir makes the names in a directory durable, on hosts that can do that.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncAny(d)
}

// syncAny syncs a file of any kind. That some kinds cannot be synced is no error.
func syncAny(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// Names are those of many files, made durable together: each directory is synced once.
// Until then a power cut leaves each file whole, or what had its name before.
type Names struct{ dirs map[string]bool }

func (n *Names) add(dir string) {
	if n.dirs == nil {
		n.dirs = map[string]bool{}
	}
	n.dirs[dir] = true
}

// Mkdir is os.Mkdir of a directory whose name is one of them.
func (n *Names) Mkdir(dir string, perm fs.FileMode) error {
	err := os.Mkdir(dir, perm)
	if err == nil {
		n.add(filepath.Dir(filepath.Clean(dir)))
	}
	return err
}

// Sync makes them durable.
func (n *Names) Sync() error {
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(n.dirs)) {
		errs = append(errs, SyncDir(dir))
	}
	n.dirs = nil
	return errors.Join(errs...)
}

// Rename is os.Rename, durable when it returns without an error. What is renamed must
// be durable itself.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	if filepath.Dir(from) != filepath.Dir(to) {
		return SyncDir(filepath.Dir(from))
	}
	return nil
}

// Remove is os.Remove, durable when it returns without an error.
func Remove(name string) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// MkdirAll is os.MkdirAll, durable when it returns without an error.
func MkdirAll(dir string, perm fs.FileMode) error {
	var made []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	if err := os.MkdirAll(dir, perm); err != nil {
		return err
	}
	for _, at := range made {
		if err := SyncDir(filepath.Dir(at)); err != nil {
			return err
		}
	}
	return nil
}

// SyncTree makes a directory with all that is in it durable, but for its own name.
func SyncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return SyncDir(path)
		case !e.Type().IsRegular():
			return nil
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
