//go:build !linux

package journaldev

import (
	"os"
	"runtime"
)

// msyncNeedsFlush says whether msync leaves the drive's own cache alone.
const msyncNeedsFlush = runtime.GOOS == "darwin"

func fdatasync(f *os.File) error { return f.Sync() }
