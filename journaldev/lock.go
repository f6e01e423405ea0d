package journaldev

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"v7em/unix/fs"
)

// LockName is the file in a machine's directory that the v7em which runs the
// machine keeps locked. It holds one line that says who that is.
const LockName = "v7em.lock"

// BusyError says that a pack or a machine's directory is in use.
type BusyError struct {
	Path   string // the image or the directory
	Holder string // who has it: "pid 42 (v7em boot) on host x since ..."; empty if unknown
}

func (e *BusyError) Error() string {
	who := e.Holder
	if who == "" {
		who = "another program"
	}
	return fmt.Sprintf("%s is in use by %s", e.Path, who)
}

// Unwrap says that it is fs.ErrInUse.
func (e *BusyError) Unwrap() error { return fs.ErrInUse }

// InUse returns the error for an image that someone else has locked.
func InUse(path string) *BusyError {
	who := holder(filepath.Dir(path))
	if strings.HasPrefix(who, fmt.Sprintf("pid %d (", os.Getpid())) {
		who += ": this v7em, which has the same file in another drive"
	}
	return &BusyError{Path: path, Holder: who}
}

// DirLock is the lock on a machine's directory.
type DirLock struct {
	f   *os.File
	dir bool // f is the directory itself
}

// LockDir takes the lock on the machine directory dir for the named command
// ("v7em boot"). If someone has it the error is a *BusyError that says who. The
// lock ends with Unlock or with the process. A full disk is no hindrance: where there is
// no room for the line nobody is told who it is, and where there is none for the file
// the directory itself is locked.
func LockDir(dir, command string) (*DirLock, error) {
	path := filepath.Join(dir, LockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	itself := noRoom(err)
	if itself {
		f, err = os.Open(dir)
	}
	if err != nil {
		return nil, &Error{Op: "lock", Path: path, Block: -1, Err: err}
	}
	if err := fs.Lock(f, true); err != nil {
		f.Close()
		if errors.Is(err, fs.ErrInUse) {
			return nil, &BusyError{Path: dir, Holder: holder(dir)}
		}
		return nil, &Error{Op: "lock", Path: path, Block: -1, Err: err}
	}
	if itself {
		return &DirLock{f, true}, nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	line := fmt.Sprintf("pid %d (%s) on host %s since %s\n", os.Getpid(), command, host, time.Now().Format(time.DateTime))
	if err = f.Truncate(0); err == nil {
		if _, err = f.WriteAt([]byte(line), 0); noRoom(err) {
			err = f.Truncate(0) // half a line says nothing
		}
	}
	if err != nil {
		f.Close()
		return nil, &Error{Op: "lock", Path: path, Block: -1, Err: err}
	}
	return &DirLock{f, false}, nil
}

// noRoom says whether an error is that of a disk that is full, for this user at least.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Unlock gives the lock back. The file stays, empty: removing it would let two
// others lock two files of the same name.
func (l *DirLock) Unlock() error {
	var err error
	if !l.dir {
		err = l.f.Truncate(0)
	}
	if cerr := l.f.Close(); err == nil {
		err = cerr
	}
	return err
}

// holder returns what the lock file in dir says, or nothing.
func holder(dir string) string {
	f, err := os.Open(filepath.Join(dir, LockName))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 256))
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, line)
}

// lockFile takes the advisory lock on an open image: alone to write it, shared to
// read it.
func lockFile(f *os.File, path string, alone bool) error {
	err := fs.Lock(f, alone)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrInUse):
		return InUse(path)
	}
	return &Error{Op: "lock", Path: path, Block: -1, Err: err}
}

func isReadOnlyFS(err error) bool { return errors.Is(err, syscall.EROFS) }
