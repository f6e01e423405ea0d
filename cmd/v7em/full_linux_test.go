package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"v7em/images"
	"v7em/images/mini"
	"v7em/journaldev"
	v7fs "v7em/unix/fs"
)

// TestFullHostDisk puts a machine whose journal holds something on a disk that is full to
// the last byte: it is recovered, it runs, and what it does is there afterwards.
func TestFullHostDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=12m,nr_inodes=20"); err != nil {
		t.Skipf("needs the right to mount a small tmpfs (run as root): %v", err)
	}
	defer syscall.Unmount(disk, syscall.MNT_DETACH)
	dir := filepath.Join(disk, "m")
	run := func(args ...string) (string, string, int) {
		return v7em("", append([]string{"run", "--dir", dir, "--guest", "mini"}, args...)...)
	}
	if out, errs, status := run("echo made"); status != 0 || out != "made\n" {
		t.Fatalf("%q, %q, status %d", out, errs, status)
	}
	img := filepath.Join(mini.Dir(dir), images.RK().PackFile(0))
	// A commit that is in the journal only.
	broken := func(_, name string, f journaldev.File) journaldev.File {
		if name == "image" {
			return unwritable{f}
		}
		return f
	}
	p, err := images.Keep{Wrap: broken}.Open(img, journaldev.RK05, "rk0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := v7fs.Open(p)
	if err == nil {
		err = errors.Join(f.Mkdir("/precious", v7fs.Attr{Perm: 0o755}), f.Sync())
	}
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := p.(*journaldev.Volume).Commit(p.Snapshot(), journaldev.Note{})
	if err == nil {
		err = ticket.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Cut()
	// No lock file either, and not an inode for one.
	if err := os.Remove(filepath.Join(mini.Dir(dir), journaldev.LockName)); err != nil {
		t.Fatal(err)
	}
	fill, err := os.Create(filepath.Join(disk, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer fill.Close()
	if _, err := io.Copy(fill, endless{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk does not get full: %v", err)
	}
	for i := 0; ; i++ {
		if err := os.Mkdir(filepath.Join(disk, strings.Repeat("i", i+1)), 0o777); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil || i > 30 {
			t.Fatalf("the disk has no end of inodes: %v", err)
		}
	}
	if out := fsOK(t, "", "ls", img); !strings.Contains(out, "precious\n") {
		t.Errorf("ls prints %q", out)
	}
	out, errs, status := run("ls -d /precious; mkdir /more; sync; echo done")
	if status != 0 || !strings.HasSuffix(out, "done\n") || !strings.Contains(errs, "recovered transaction") {
		t.Errorf("a run prints %q, %q, status %d", out, errs, status)
	}
	if out := fsOK(t, "", "ls", img); !strings.Contains(out, "precious\n") || !strings.Contains(out, "more\n") {
		t.Errorf("after it ls prints %q", out)
	}
	fsOK(t, "", "check", img)
	if out, err := journalTool("recover", img); err != nil {
		t.Errorf("recover: %v, %s", err, out)
	}
	if out, err := journalTool("off", img); err != nil {
		t.Errorf("off: %v, %s", err, out)
	}
}

// endless is a file of ones without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte{1}, len(p)))
	return len(p), nil
}
