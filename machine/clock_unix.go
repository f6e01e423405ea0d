//go:build unix

package machine

import (
	"time"

	"golang.org/x/sys/unix"
)

var started = time.Now()

// hostTime is the time since some moment.
func hostTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clockID, &t); err != nil {
		return time.Since(started) // a kernel older than the clock
	}
	return time.Duration(t.Nano())
}
