//go:build unix && !linux

package machine

import "golang.org/x/sys/unix"

// clockID is the clock that never goes back. On macOS it goes on while the host
// sleeps.
const clockID = unix.CLOCK_MONOTONIC
