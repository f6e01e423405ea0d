//go:build unix

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"v7em/journaldev"
)

// TestNotAllowed has somebody who may read a pack, and not write it, do what writes:
// the answer is that it is not permitted, with no advice to throw the journal away. What
// only reads does its work.
func TestNotAllowed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	dir, err := os.MkdirTemp("", "v7em-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	exe := filepath.Join(dir, "v7em")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("needs its own program: ", err)
	}
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Fatal(err)
	}
	// Everybody may write in the directory: what protects the journal is the image.
	if err := errors.Join(os.Chmod(dir, 0o777), os.Chmod(exe, 0o755)); err != nil {
		t.Fatal(err)
	}
	from := journaledPack(t, false)
	img := filepath.Join(dir, "rk0.rk05")
	for to, name := range map[string]string{img: from, journaldev.JournalPath(img): journaldev.JournalPath(from)} {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(to, b, 0o644)
		}
		if err == nil {
			err = os.Chmod(to, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	before := contents(t, img)
	run := func(args ...string) (string, string, error) {
		cmd := exec.Command(exe, args...)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		return out.String(), errs.String(), err
	}
	for _, args := range [][]string{
		{"journal", "recover", img}, {"journal", "recover", "--force", img}, {"journal", "off", img}, {"journal", "off", "--force", img},
		{"fs", "mkdir", img, "/e"}, {"fs", "rm", "-r", img, "/d"}, {"fs", "mkfs", "--force", img, "4000"},
	} {
		if out, errs, err := run(args...); err == nil || !strings.Contains(errs, "permission denied") || strings.Contains(errs, "journal off") {
			t.Errorf("%v: %v\n%s%s", args, err, out, errs)
		}
	}
	if out, errs, err := run("fs", "ls", img); err != nil || out != "d\n" {
		t.Errorf("ls: %v\n%s%s", err, out, errs)
	}
	if out, errs, err := run("journal", "status", img); err != nil || !strings.Contains(out, "would have recovered transaction 1 ") {
		t.Errorf("status: %v\n%s%s", err, out, errs)
	}
	if after := contents(t, img); !bytes.Equal(before[0], after[0]) || !bytes.Equal(before[1], after[1]) {
		t.Error("something was changed")
	}
}

// TestProtectedIsTold opens a pack on a file system that is read-only: a line says so.
func TestProtectedIsTold(t *testing.T) {
	path := journaledPack(t, false)
	v, err := journaldev.OpenVolume(path, journaldev.RK05, journaldev.VolumeOptions{Options: journaldev.Options{ReadOnly: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Protected() == nil {
		t.Error("a volume opened to be read is not protected")
	}
	lines := packLines(v)
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "recovered transaction 1 ") || !strings.HasPrefix(lines[1], "write-protected: ") {
		t.Errorf("%q", lines)
	}
	if _, err := v.Commit(v.Snapshot(), journaldev.Note{}); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("commit: %v", err)
	}
}
