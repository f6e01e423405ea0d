//go:build linux || darwin || freebsd

package journaldev

import (
	"errors"

	"golang.org/x/sys/unix"
)

// nextData implements seeker. It moves the file's own offset, which nobody uses.
func (f osFile) nextData(off int64) (int64, error) {
	to, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) { // nothing but a hole up to the end
		return f.Size()
	}
	return to, err
}
