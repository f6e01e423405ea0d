package machine

import "golang.org/x/sys/unix"

// clockID is the clock that goes on while the host sleeps.
const clockID = unix.CLOCK_BOOTTIME
