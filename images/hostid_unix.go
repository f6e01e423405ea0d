//go:build unix

package images

import (
	"os"
	"syscall"
)

// hostID tells a file of the host from all others.
type hostID struct{ dev, ino uint64 }

func idOf(st os.FileInfo) (hostID, bool) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return hostID{}, false
	}
	return hostID{uint64(s.Dev), uint64(s.Ino)}, true
}
