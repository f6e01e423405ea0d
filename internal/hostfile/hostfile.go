// Package hostfile makes, replaces, renames and removes files on the host so that they
// survive a power cut. It knows nothing of what is in them.
//
// A file that is made here gets its name when all of it is on the disk, and when Commit
// has returned without an error, so is the name. Until then whatever had the name before
// stays as it was: after an error (a full disk, say), a kill or a power cut the file is
// the old one, whole, or the new one, whole.
//
// What a name is on the host is respected. A link is followed, and stays. A file that is
// replaced keeps its permissions and its owner, and one that this user may not write is
// not replaced; but other hard links to it keep the old contents. Something that is no
// regular file (a terminal, /dev/null, a fifo) is written to as it is.
package hostfile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Prefix begins the names of files that are being made. Those that stand in a directory
// with nobody at work were left by a process that was killed: they can be removed.
const Prefix = ".v7em-"

// Suffix ends the name of a file that is being made with Options.Alone, as in
// "rk0.rk05.journal.new".
const Suffix = ".new"

// Options say how a file is made.
type Options struct {
	// Perm are the permissions of a file that was not there, before the umask; 0 means
	// 0666. A file that is replaced keeps its own.
	Perm fs.FileMode

	// New makes the file only if there is none of its name yet, neither before nor when
	// it is done. Otherwise the error is fs.ErrExist.
	New bool

	// Whole refuses what cannot be had whole or not at all: to write to something that is
	// no regular file, and to write in place a file that cannot be replaced, because it
	// is a mount point or because its directory may not be written.
	Whole bool

	// Alone says that the caller keeps all others from making this file, by a lock. Then
	// what a killed process has left of it is taken away.
	Alone bool

	// Context, if not nil, says how long to wait for who reads what is no regular file:
	// a fifo that nobody has opened, a pipe that is full. Without it a fifo that nobody
	// has opened is an error.
	Context context.Context

	// Names, if not nil, has the name made durable later, with others: see there.
	Names *Names
}

// File is a file that is being made. It is to be ended by Commit or Abandon. One
// goroutine may use it at a time.
type File struct {
	o     Options
	path  string      // as the caller named it
	name  string      // where it is, links followed
	there fs.FileInfo // the file that is to be replaced; nil if there is none
	f     *os.File    // what is written now
	how   way
	ended bool

	unwatch func() bool // ends what Options.Context does to a direct file

	mode  *fs.FileMode
	mtime *time.Time
}

// way is how a file comes under its name.
type way uint8

const (
	beside way = iota // it is made beside it, and renamed
	place             // it is made elsewhere, and written over the one that is there
	direct            // it is written as it comes: it is no regular file
	std               // so is the standard output or error of this process, which stays open
)

// Create begins to make the file at path.
func Create(path string, o Options) (*File, error) {
	f := &File{o: o, path: path}
	if o.Perm == 0 {
		f.o.Perm = 0o666
	}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, f.told("create", err)
	case o.New:
		return nil, f.told("create", fs.ErrExist)
	case st.IsDir():
		return nil, f.told("create", errors.New("is a directory"))
	case !st.Mode().IsRegular() && o.Whole:
		return nil, f.told("create", errors.New("not a regular file"))
	case !o.Whole && isStd(st) != nil:
		f.f, f.how = isStd(st), std
		return f, nil
	case !st.Mode().IsRegular():
		if err := f.openDirect(); err != nil {
			return nil, f.told("open", err)
		}
		return f, nil
	default:
		f.there = st
	}
	if f.name, err = resolve(path); err != nil {
		return nil, f.told("create", err)
	}
	if f.there != nil {
		// What may not be written is not replaced, though the directory would allow it.
		if err := mayWrite(f.name, f.there); err != nil {
			return nil, f.told("open", err)
		}
	}
	if err := f.makeBeside(); err != nil {
		if !f.inPlace(err) {
			return nil, f.told("create", err)
		}
		if f.f, err = os.CreateTemp("", Prefix+"*"); err != nil {
			return nil, f.told("create", err)
		}
		f.how = place
	}
	return f, nil
}

// openDirect opens what is no regular file.
func (f *File) openDirect() error {
	f.how, f.unwatch = direct, func() bool { return true }
	var over <-chan struct{}
	if f.o.Context != nil {
		over = f.o.Context.Done()
	}
	for {
		var err error
		f.f, err = os.OpenFile(f.path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		switch {
		case errors.Is(err, syscall.ENXIO) && f.o.Context != nil:
			select {
			case <-over:
				return context.Cause(f.o.Context)
			case <-time.After(fifoPeriod):
			}
			continue
		case errors.Is(err, syscall.ENXIO):
			return errors.New("nobody reads it")
		case err == nil && f.o.Context != nil:
			// Where there are no deadlines, as of a disk, nothing waits for long.
			f.unwatch = context.AfterFunc(f.o.Context, func() { _ = f.f.SetWriteDeadline(time.Unix(1, 0)) })
		}
		return err
	}
}

// fifoPeriod is how often it is seen whether somebody reads a fifo.
const fifoPeriod = 20 * time.Millisecond

// Replace makes the file at path: fill writes it. On an error from fill nothing is
// changed.
func Replace(path string, o Options, fill func(f *File) error) error {
	f, err := Create(path, o)
	if err != nil {
		return err
	}
	defer f.Abandon()
	if err := fill(f); err != nil {
		return f.renamed(err)
	}
	return f.Commit()
}

// Write makes the file at path with these contents.
func Write(path string, data []byte, o Options) error {
	return Replace(path, o, func(f *File) error {
		_, err := f.Write(data)
		return err
	})
}

// Path returns the name of the file, as it was given to Create.
func (f *File) Path() string { return f.path }

// OS returns the host's file with what is written so far, under the name that it has
// until Commit. It is not to be closed.
func (f *File) OS() *os.File { return f.f }

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && f.o.Context != nil && f.o.Context.Err() != nil {
		err = context.Cause(f.o.Context)
	}
	return n, f.told("write", err)
}

// SetMode has the file get these permissions, whatever the umask and the file that is
// replaced have. It means nothing for what is no regular file.
func (f *File) SetMode(m fs.FileMode) { f.mode = &m }

// SetTime has the file get this time of modification. It means nothing for what is no
// regular file.
func (f *File) SetTime(t time.Time) { f.mtime = &t }

// Commit makes what was written durable and gives the file its name. When it returns
// without an error both survive a power cut (with Options.Names, only what was written
// does). On any other error but that of the directory's sync, which says so, the name
// has what it had before.
func (f *File) Commit() error {
	if f.ended {
		return f.told("commit", fs.ErrClosed)
	}
	defer f.Abandon()
	switch f.how {
	case std:
		return f.told("sync", syncAny(f.f))
	case direct:
		if err := syncAny(f.f); err != nil {
			return f.told("sync", err)
		}
		return f.told("close", f.f.Close())
	case place:
		return f.overwrite(f.f)
	}
	if err := f.setAttributes(f.f); err != nil {
		return f.told("write", err)
	}
	if err := f.f.Sync(); err != nil {
		return f.told("sync", err)
	}
	if err := f.f.Close(); err != nil {
		return f.told("close", err)
	}
	if err := f.giveName(); err != nil {
		if !f.inPlace(err) {
			return f.told("rename", err)
		}
		whole, err := os.Open(f.f.Name())
		if err != nil {
			return f.told("open", err)
		}
		defer whole.Close()
		return f.overwrite(whole)
	}
	if f.o.Names != nil {
		f.o.Names.add(filepath.Dir(f.name))
		return nil
	}
	if err := SyncDir(filepath.Dir(f.name)); err != nil {
		return fmt.Errorf("%s: written, but its name may not survive a power cut: %w", f.path, err)
	}
	return nil
}

// Abandon ends the making of a file that is not committed: nothing is changed. After
// Commit it does nothing.
func (f *File) Abandon() {
	if f.ended {
		return
	}
	f.ended = true
	switch f.how {
	case std:
		return
	case direct:
		f.unwatch()
	default:
		os.Remove(f.f.Name()) // after Commit it is not there
	}
	f.f.Close()
}

// makeBeside makes the file that will be renamed, in the same directory.
func (f *File) makeBeside() (err error) {
	perm := f.o.Perm
	if f.there != nil {
		perm = f.there.Mode().Perm()
	}
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL
	if f.o.Alone {
		name := f.name + Suffix
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f.f, err = os.OpenFile(name, flags, perm)
	} else {
		f.f, err = os.OpenFile(filepath.Join(filepath.Dir(f.name), Prefix+rand.Text()), flags, perm)
	}
	if err != nil || f.there == nil {
		return err
	}
	if err = keepOwner(f.f, f.there); err == nil {
		err = f.f.Chmod(perm)
	}
	if err != nil {
		f.f.Close()
		os.Remove(f.f.Name())
	}
	return err
}

// inPlace says whether a file that could not be replaced is to be written in place.
func (f *File) inPlace(err error) bool {
	return f.there != nil && !f.o.Whole && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) ||
		errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV))
}

// giveName renames the finished file.
func (f *File) giveName() error {
	if f.o.New {
		// A link, unlike a rename, never replaces what has come in between.
		err := os.Link(f.f.Name(), f.name)
		if err == nil {
			return os.Remove(f.f.Name())
		}
		if errors.Is(err, fs.ErrExist) {
			return fs.ErrExist
		}
		if _, err := os.Lstat(f.name); err == nil { // no hard links here
			return fs.ErrExist
		}
	}
	return os.Rename(f.f.Name(), f.name)
}

// overwrite writes what from has over the file that is there. What makes it longer goes
// first: when there is no room for that, nothing is changed.
func (f *File) overwrite(from *os.File) error {
	to, err := os.OpenFile(f.name, os.O_WRONLY, 0)
	if err != nil {
		return f.told("open", err)
	}
	defer to.Close()
	end, err := from.Seek(0, io.SeekEnd)
	if err != nil {
		return f.told("read", err)
	}
	now, err := to.Seek(0, io.SeekEnd)
	if err != nil {
		return f.told("read", err)
	}
	if end > now {
		err := copyAt(to, from, now, end)
		if err == nil {
			err = to.Sync()
		}
		if err != nil {
			return f.told("write", errors.Join(err, to.Truncate(now)))
		}
	}
	err = copyAt(to, from, 0, min(now, end))
	if err == nil {
		err = to.Truncate(end)
	}
	if err == nil {
		err = to.Sync()
	}
	if err != nil {
		return fmt.Errorf("%s: could only be written in place, and is part old, part new now: %w", f.path, inner(err))
	}
	if err := f.setAttributes(to); err != nil && !errors.Is(err, fs.ErrPermission) {
		return f.told("write", err)
	}
	return f.told("close", to.Close())
}

// copyAt copies the bytes from to to-1 between files.
func copyAt(w, r *os.File, from, to int64) error {
	n, err := io.Copy(io.NewOffsetWriter(w, from), io.NewSectionReader(r, from, to-from))
	if err == nil && n < to-from {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// setAttributes gives a file its permissions and time.
func (f *File) setAttributes(to *os.File) error {
	if f.mode != nil {
		if err := to.Chmod(*f.mode); err != nil {
			return err
		}
	}
	if f.mtime != nil {
		return os.Chtimes(to.Name(), time.Time{}, *f.mtime)
	}
	return nil
}

// told wraps an error of the host with the name that the user knows.
func (f *File) told(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.path, Err: inner(err)}
}

// renamed returns an error of a caller's, with the file's own name in it for the
// temporary one.
func (f *File) renamed(err error) error {
	if pe := new(fs.PathError); errors.As(err, &pe) && pe.Path == f.f.Name() {
		return f.told(pe.Op, pe)
	}
	return err
}

// inner returns an error without the names that the host's calls have put before it.
func inner(err error) error {
	if pe := new(fs.PathError); errors.As(err, &pe) {
		return pe.Err
	}
	if le := new(os.LinkError); errors.As(err, &le) {
		return le.Err
	}
	return err
}

// isStd returns this process's standard output or error if that is the file, else nil.
func isStd(st fs.FileInfo) *os.File {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if is, err := f.Stat(); err == nil && os.SameFile(is, st) {
			return f
		}
	}
	return nil
}

// mayWrite returns the error of writing to the file at name, which st describes.
func mayWrite(name string, st fs.FileInfo) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	is, err := f.Stat()
	if err == nil && !os.SameFile(is, st) {
		err = errors.New("was just replaced by another program")
	}
	return err
}

// maxLinks is how many links in a row are followed, as on Linux.
const maxLinks = 40

// resolve follows the links at the end of a path, also to where nothing is.
func resolve(path string) (string, error) {
	for range maxLinks {
		st, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && st.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			// The directory's own links come first, or ".." would be another one.
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			to = dir + string(filepath.Separator) + to
		}
		path = to
	}
	return "", errors.New("too many links")
}

// IsTemporary says whether a name in a directory is one that a file has only while it
// is being made.
func IsTemporary(name string) bool { return strings.HasPrefix(name, Prefix) }
