package images

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"v7em/internal/hostfile"
	"v7em/journaldev"
	"v7em/rk"
	v7fs "v7em/unix/fs"
)

// What an install has in a machine's directory before the packs have their names.
const (
	makingName = hostfile.Prefix + "making" // a directory with what is made so far
	readyName  = hostfile.Prefix + "ready"  // the same, complete: it only has to be put in place
)

// Installed says whether a directory holds the packs of a machine, all of them.
func Installed(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, readyName)); err == nil {
		return false // an install was killed as it gave them their names
	}
	for _, s := range []*Set{RK(), RP()} {
		if _, err := os.Stat(filepath.Join(dir, s.PackFile(0))); err == nil {
			return true
		}
	}
	return false
}

// target is a machine's directory that an install has for itself.
type target struct {
	dir      string
	made     string // the outermost directory that was made for it; empty if there were all
	lock     *journaldev.DirLock
	hadLock  bool       // the lock's file was there before
	old      []*os.File // the packs that are replaced, locked
	complete bool       // what was made is ready, and will be put in place
}

func (t *target) making() string { return filepath.Join(t.dir, makingName) }
func (t *target) ready() string  { return filepath.Join(t.dir, readyName) }

// openTarget takes a directory for an install: one that is not there, or empty, or, with
// force, a machine's that nobody uses and that holds nothing else. It finishes what an
// install that was killed has left ready, and removes what one has left half-made.
func openTarget(dir string, force bool) (_ *target, err error) {
	t := &target{dir: dir}
	if err := t.check(force); err != nil {
		return nil, err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		t.made = at
	}
	if err := hostfile.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	_, err = os.Lstat(filepath.Join(dir, journaldev.LockName))
	t.hadLock = err == nil
	if t.lock, err = journaldev.LockDir(dir, "v7em install"); err != nil {
		t.removeMade()
		return nil, err
	}
	defer func() {
		if err != nil {
			t.close(true)
		}
	}()
	if err := os.RemoveAll(t.making()); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(t.ready()); err == nil {
		t.complete = true
		if err := t.finish(); err != nil {
			return nil, err
		}
		t.complete = false
	}
	if err := t.check(force); err != nil { // another install may have been at work until now
		return nil, err
	}
	return t, t.lockPacks()
}

// check says whether an install may make the directory what it makes it.
func (t *target) check(force bool) error {
	entries, err := os.ReadDir(t.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	installed, ready := false, false
	for _, e := range entries {
		switch name := e.Name(); {
		case name == readyName:
			ready = true
		case name == ConfigName, name == journaldev.LockName, hostfile.IsTemporary(name), name == "lost+found":
		case !packFile(name):
			return fmt.Errorf("%s holds other files (%s): give the machine a directory of its own with --dir", t.dir, name)
		default:
			installed = true
		}
	}
	if installed && !ready && !force {
		return fmt.Errorf("%s: %w", t.dir, ErrInstalled)
	}
	return nil
}

// packFile says whether a name is that of a machine's pack, or of what goes with one.
func packFile(name string) bool {
	name = strings.TrimSuffix(name, hostfile.Suffix) // of a journal whose making was cut short
	name = strings.TrimSuffix(name, ".journal")
	for _, s := range []*Set{RK(), RP()} {
		for unit := range rk.Drives {
			if name == s.PackFile(unit) {
				return true
			}
		}
	}
	return false
}

// lockPacks takes the locks of the packs that are there: v7em fs may be at work on one.
func (t *target) lockPacks() error {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !packFile(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(t.dir, e.Name())
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrPermission) {
			f, err = os.Open(path)
		}
		if err != nil {
			return err
		}
		t.old = append(t.old, f)
		if err := v7fs.Lock(f, true); errors.Is(err, v7fs.ErrInUse) {
			return journaldev.InUse(path)
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// keepConfig leaves a configuration file that is there where it is.
func (t *target) keepConfig() error {
	if _, err := os.Lstat(filepath.Join(t.dir, ConfigName)); err != nil {
		return nil
	}
	return os.Remove(filepath.Join(t.making(), ConfigName))
}

// putInPlace gives what was made its names. From its first rename on the old machine is
// gone and the new one there, whatever happens: what is ready is put in place by the next
// who needs it.
func (t *target) putInPlace() error {
	// The files are durable; so must be their names, before they count as complete.
	if err := hostfile.SyncDir(t.making()); err != nil {
		return err
	}
	if err := os.Rename(t.making(), t.ready()); err != nil {
		return err
	}
	t.complete = true
	if err := hostfile.SyncDir(t.dir); err != nil {
		return err
	}
	if err := t.finish(); err != nil {
		return fmt.Errorf("the machine is made; the next v7em boot or install puts it in its place: %w", err)
	}
	return nil
}

// finish moves all that is ready into the directory. It can be done again from wherever
// it was cut off.
func (t *target) finish() error {
	entries, err := os.ReadDir(t.ready())
	if err != nil {
		return err
	}
	// The journal of an old pack must not be found beside a new one.
	for _, e := range entries {
		journal := filepath.Join(t.dir, e.Name()+".journal")
		for _, name := range []string{journal, journal + hostfile.Suffix} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := hostfile.SyncDir(t.dir); err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(t.ready(), e.Name()), filepath.Join(t.dir, e.Name())); err != nil {
			return err
		}
	}
	if err := hostfile.SyncDir(t.dir); err != nil {
		return err
	}
	return hostfile.Remove(t.ready())
}

// close gives the directory back. After an error nothing is left in it but what was there
// before, and what is ready.
func (t *target) close(failed bool) {
	if failed && !t.complete {
		os.RemoveAll(t.making())
		if !t.hadLock {
			os.Remove(filepath.Join(t.dir, journaldev.LockName))
		}
	}
	for _, f := range t.old {
		f.Close()
	}
	t.lock.Unlock()
	if failed && !t.complete {
		t.removeMade()
	}
}

// removeMade removes the directories that were made, as far as nothing is in them.
func (t *target) removeMade() {
	if t.made == "" {
		return
	}
	for at := t.dir; os.Remove(at) == nil && at != t.made; {
		at = filepath.Dir(at)
	}
}
