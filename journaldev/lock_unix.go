//go:build unix

package journaldev

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flock locks the file without waiting. A file system that has no locks is no
// error: the lock is advisory.
func flock(f *os.File, alone bool) error {
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOSYS):
			return nil
		}
		return err
	}
}

func isBusy(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) }

func isReadOnlyFS(err error) bool { return errors.Is(err, unix.EROFS) }
