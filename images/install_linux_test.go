package images

import (
	"errors"
	"os"
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

// TestCopyOutFull copies a guest's file onto a full disk, over one that is there.
func TestCopyOutFull(t *testing.T) {
	d := drives(t, RK())
	tree, _, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("needs the right to mount a small tmpfs (run as root): %v", err)
	}
	defer syscall.Unmount(small, 0)
	host := filepath.Join(small, "f")
	if err := os.WriteFile(host, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := copyOut(tree, "/unix", host); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), host) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(host); err != nil || string(b) != "mine" {
		t.Errorf("the file that was there has %q now, %v", b, err)
	}
	if list, err := os.ReadDir(small); err != nil || len(list) != 1 {
		t.Errorf("the directory has %v, %v", list, err)
	}
}
