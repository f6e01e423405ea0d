//go:build !unix

package machine

import "time"

var started = time.Now()

// hostTime is the time since some moment.
func hostTime() time.Duration { return time.Since(started) }
