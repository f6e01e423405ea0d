package images

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestInstallDiskFull installs on a file system that is too small.
func TestInstallDiskFull(t *testing.T) {
	dist(t)
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("needs the right to mount a small tmpfs (run as root): %v", err)
	}
	defer syscall.Unmount(small, 0)
	err := install(t, t.Context(), filepath.Join(small, "m"), false, nil)
	if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	empty(t, small)
}
