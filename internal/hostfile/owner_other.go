//go:build !unix

package hostfile

import (
	"io/fs"
	"os"
)

// keepOwner does nothing: files have no owner that a program sets here.
func keepOwner(*os.File, fs.FileInfo) error { return nil }
