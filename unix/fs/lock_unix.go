//go:build unix

package fs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Lock takes the advisory lock on an open file, alone or shared, without waiting.
// It ends when the file is closed. When someone else has it, or has just put another
// file in the place of this one, the error is ErrInUse. A host file system without
// locks is no error.
func Lock(f *os.File, alone bool) error {
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrInUse
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOSYS):
			return nil
		case err != nil:
			return err
		}
		break
	}
	locked, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Stat(f.Name()); err == nil && !os.SameFile(locked, now) {
		return ErrInUse // it was replaced between open and lock
	}
	return nil
}
