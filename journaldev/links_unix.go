//go:build unix

package journaldev

import (
	"io/fs"
	"syscall"
)

// unlinked says whether an open file has no name any more.
func unlinked(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && sys.Nlink == 0
}
