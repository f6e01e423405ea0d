package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/journaldev"
	v7fs "v7em/unix/fs"
)

// contents returns an image and its journal, nil for one that is not there.
func contents(t *testing.T, image string) [2][]byte {
	t.Helper()
	var c [2][]byte
	for i, name := range []string{image, journaldev.JournalPath(image)} {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		c[i] = b
	}
	return c
}

// refused runs a command line that must fail with one line that has a text in it.
func refused(t *testing.T, want string, args ...string) {
	t.Helper()
	_, _, err := fsRun(t.Context(), strings.NewReader("x"), args...)
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("fs %v: %v, want a line with %q", args, err, want)
	}
}

// TestFsReadsThroughJournal reads an image whose journal has a directory that the
// image has not. Nothing on the host changes.
func TestFsReadsThroughJournal(t *testing.T) {
	img := journaledPack(t, false)
	before := contents(t, img)
	if v, err := v7fs.Open(v7fs.MemOf(bytes.Clone(before[0]))); err != nil {
		t.Fatal(err)
	} else if _, err := v.Lookup("/d"); err == nil {
		t.Fatal("the image itself has the directory: the test shows nothing")
	}
	if out := fsOK(t, "", "ls", img); out != "d\n" {
		t.Errorf("ls prints %q", out)
	}
	if out := fsOK(t, "", "check", img); !strings.Contains(out, ", 2 directories, ") {
		t.Errorf("check prints %q", out)
	}
	fsOK(t, "", "get", "-r", img, "/d", filepath.Join(t.TempDir(), "d"))
	refused(t, "directory", "cat", img, "/d")
	refused(t, "nothing at block offset 4872", "ls", "--offset", "4872", img)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(img, link); err != nil {
		t.Fatal(err)
	}
	if out := fsOK(t, "", "ls", link); out != "d\n" {
		t.Errorf("ls through a link prints %q", out)
	}
	if after := contents(t, img); !bytes.Equal(before[0], after[0]) || !bytes.Equal(before[1], after[1]) {
		t.Error("reading has changed the image or its journal")
	}
}

// TestFsRecoversFirst changes an image that has a journal: what the journal has
// comes first, and is not applied again later.
func TestFsRecoversFirst(t *testing.T) {
	img := journaledPack(t, false)
	_, stderr, err := fsRun(t.Context(), strings.NewReader("hello"), "put", img, "-", "/d/x")
	if err != nil || !strings.Contains(stderr, "recovered transaction 1 ") {
		t.Fatalf("put: %v, %q", err, stderr)
	}
	if out := fsOK(t, "", "cat", img, "/d/x"); out != "hello" {
		t.Errorf("the file has %q", out)
	}
	fsOK(t, "", "rm", "-r", img, "/d")
	v, err := journaldev.OpenVolume(img, journaldev.RK05, journaldev.VolumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if r := v.Recovery(); r.Count != 0 || r.Blocks != 0 {
		t.Errorf("there was still something to recover: %v", r)
	}
	if f, err := v7fs.Open(v); err != nil {
		t.Error(err)
	} else if _, err := f.Lookup("/d"); err == nil {
		t.Error("the journal has brought back what was removed")
	}
	// In use: reading and writing are refused, and the line says who has it.
	dir := filepath.Dir(img)
	lock, err := journaldev.LockDir(dir, "v7em boot")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	for _, args := range [][]string{{"ls", img}, {"check", img}, {"mkdir", img, "/e"}, {"mkfs", "--force", img, "4000"}} {
		refused(t, "(v7em boot)", args...)
	}
	if err := os.Rename(journaldev.JournalPath(img), img+".gone"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"ls", img}, {"mkdir", img, "/e"}} { // without a journal
		refused(t, "(v7em boot)", args...)
	}
}

// TestFsRefusesJournal gives an image a damaged journal, and that of another pack.
func TestFsRefusesJournal(t *testing.T) {
	damaged, foreign := journaledPack(t, false), journaledPack(t, false)
	if err := os.WriteFile(journaldev.JournalPath(damaged), bytes.Repeat([]byte("junk"), 5000), 0o666); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	b[4000*512]++
	if err := os.WriteFile(foreign, b, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, img := range []string{damaged, foreign} {
		before := contents(t, img)
		for _, args := range [][]string{
			{"ls", img}, {"check", img}, {"cat", img, "/x"}, {"get", img, "/x", "-"}, {"put", img, "-", "/x"}, {"mkdir", img, "/x"},
			{"mknod", img, "/x", "c", "0", "0"}, {"rm", img, "/x"}, {"mkfs", "--force", img, "4000"},
		} {
			refused(t, `"v7em journal off --force `+img+`" goes on without it`, args...)
		}
		if after := contents(t, img); !bytes.Equal(before[0], after[0]) || !bytes.Equal(before[1], after[1]) {
			t.Errorf("%s: refused commands have changed something", img)
		}
	}
	// An image of another length has no journal that fits.
	long := journaledPack(t, false)
	if err := os.Truncate(long, 5000*512); err != nil {
		t.Fatal(err)
	}
	refused(t, "it is of a pack of 4872 blocks, this one has 5000", "ls", long)
	refused(t, "it is of a pack of 4872 blocks, this one has 5000", "mkdir", long, "/x")
}

// TestFsMkfsJournal makes a file system where there is a journal: that of the image,
// and one whose image is gone.
func TestFsMkfsJournal(t *testing.T) {
	img := journaledPack(t, false)
	refused(t, "give --force", "mkfs", img, "4000")
	if out := fsOK(t, "", "ls", img); out != "d\n" {
		t.Errorf("a refused mkfs has done something: %q", out)
	}
	fsOK(t, "", "mkfs", "--force", img, "4000")
	emptyPack(t, img)

	img = journaledPack(t, false)
	if err := os.Remove(img); err != nil {
		t.Fatal(err)
	}
	refused(t, img+".journal is the journal of an image that is gone: give --force", "mkfs", img, "4000")
	fsOK(t, "", "mkfs", "--force", img, "4000")
	emptyPack(t, img)
}

// emptyPack opens a pack as a machine does: nothing may be recovered.
func emptyPack(t *testing.T, img string) {
	t.Helper()
	v, err := journaldev.OpenVolume(img, journaldev.RK05, journaldev.VolumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if r := v.Recovery(); r != (journaldev.Recovery{}) {
		t.Errorf("a new pack has something to recover: %v", r)
	}
	if f, err := v7fs.Open(v); err != nil {
		t.Error(err)
	} else if _, err := f.Lookup("/d"); err == nil {
		t.Error("the journal was applied to the new file system")
	}
}
