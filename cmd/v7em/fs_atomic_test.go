package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"v7em/block"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	v7fs "v7em/unix/fs"
)

// shuffle changes much of a file system that journaledPack or newImage has made.
func shuffle(v *v7fs.FS) error {
	if err := v.RemoveAll("/d"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, name := range []string{"/a", "/b", "/a/c", "/a/e"} {
		if err := v.Mkdir(name, v7fs.Attr{Perm: 0o755}); err != nil {
			return err
		}
		if err := v.WriteFile(name+"/file", []byte(strings.Repeat(name, 3000)), v7fs.Attr{Perm: 0o644}); err != nil {
			return err
		}
	}
	return v.RemoveAll("/b")
}

func command(t *testing.T) *cobra.Command {
	cmd := &cobra.Command{Use: "put"}
	cmd.SetContext(t.Context())
	cmd.SetErr(io.Discard)
	return cmd
}

func look(t *testing.T, image string) *block.Store {
	t.Helper()
	s, _, err := journaldev.Look(image)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func same(a, b *block.Store) bool {
	for range a.Diff(b) {
		return false
	}
	return true
}

// TestFsCommits cuts the power after every write and sync of a command that changes an
// image with a journal: the pack is as it was before or as it is afterwards.
func TestFsCommits(t *testing.T) {
	img := journaledPack(t, false)
	start := contents(t, img)
	before := look(t, img)
	var trace crashtest.Trace
	index := map[string]int{}
	r := fsRegion{wrap: func(name string, f journaldev.File) journaldev.File {
		w, err := trace.Wrap(f)
		if err != nil {
			t.Fatal(err)
		}
		index[name] = len(index)
		return w
	}}
	if err := r.write(command(t), img, shuffle); err != nil {
		t.Fatal(err)
	}
	after := look(t, img)
	if same(before, after) {
		t.Fatal("the command has done nothing")
	}
	end := contents(t, img)
	if bytes.Equal(start[0], end[0]) {
		t.Error("what was committed is not home")
	}
	log, err := journaldev.ReadLog(img)
	if err != nil {
		t.Fatal(err)
	}
	for l := range log.Transactions(true) {
		if l.Note.Reason != "fs-put" || l.State != "home" {
			t.Errorf("the newest transaction is %q, %v", l.Note.Reason, l.State)
		}
		break
	}
	emptyPack(t, img)

	rnd := rand.New(rand.NewPCG(3, 3))
	cut := filepath.Join(t.TempDir(), "cut.rk05")
	disk := trace.Replay()
	seen := map[string]int{}
	for last := ""; ; {
		for l := range crashtest.NumLoss {
			if testing.Short() && disk.At()%3 != int(l) {
				continue
			}
			files := disk.Crash(l, rnd)
			for i, name := range []string{cut, journaldev.JournalPath(cut)} {
				if err := os.WriteFile(name, files[index[[]string{"image", "journal"}[i]]], 0o666); err != nil {
					t.Fatal(err)
				}
			}
			s := look(t, cut)
			switch {
			case same(s, before):
				last = "before"
			case same(s, after):
				last = "after"
			default:
				t.Fatalf("after %d events, losing %v: neither the old pack nor the new one", disk.At(), l)
			}
			seen[last]++
			if rep := (&v7fs.Checker{}).Check(s); !rep.Clean() {
				t.Fatalf("after %d events, losing %v: %v", disk.At(), l, rep.Problems)
			}
		}
		if _, more := disk.Next(); !more {
			if last != "after" {
				t.Error("the command was done, but not durable")
			}
			break
		}
	}
	if seen["before"] < 3 || seen["after"] < 3 {
		t.Errorf("only so many cuts: %v", seen)
	}
	t.Logf("%d events, states %v", disk.At(), seen)
}

// TestFsReplaces: without a journal no byte of the old image is written; a changed
// copy takes its name.
func TestFsReplaces(t *testing.T) {
	img := newImage(t)
	dir := filepath.Dir(img)
	// Odd sizes, other things around the file system, permissions: all stays.
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	b = slices.Concat(bytes.Repeat([]byte("front"), 1024/5+1)[:1024], b, []byte("the end"))
	if err := os.WriteFile(img, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(img, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(img, link); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	inode := func() os.FileInfo {
		st, err := os.Stat(img)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	was := inode()

	r := fsRegion{offset: 2}
	wrong := errors.New("wrong")
	if err := r.write(command(t), link, func(v *v7fs.FS) error { return errors.Join(shuffle(v), wrong) }); !errors.Is(err, wrong) {
		t.Errorf("a command that fails: %v", err)
	}
	if !os.SameFile(was, inode()) {
		t.Error("a command that failed has replaced the image")
	}
	if err := r.write(command(t), link, shuffle); err != nil {
		t.Fatal(err)
	}
	still := make([]byte, len(b)+1)
	if n, err := old.ReadAt(still, 0); err != io.EOF || !bytes.Equal(still[:n], b) {
		t.Errorf("the old file was written (%v)", err)
	}
	now := inode()
	if os.SameFile(was, now) || now.Mode() != was.Mode() || now.Size() != int64(len(b)) {
		t.Errorf("the new image: %v %v, want %v and %d bytes", now.Mode(), now.Size(), was.Mode(), len(b))
	}
	c, err := os.ReadFile(img)
	if err != nil || !bytes.Equal(c[:1024], b[:1024]) || !bytes.HasSuffix(c, []byte("the end")) {
		t.Errorf("what is around the file system has changed (%v)", err)
	}
	if out := fsOK(t, "", "ls", "--offset", "2", link); out != "a\n" {
		t.Errorf("ls prints %q", out)
	}
	fsOK(t, "", "check", "--offset", "2", img)
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v is left beside the image (%v)", list, err)
	}
}
