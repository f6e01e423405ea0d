package journaldev

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// msyncNeedsFlush says whether msync leaves the drive's own cache alone.
const msyncNeedsFlush = false

func fdatasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
