package images

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"v7em/unix/fs"
)

// A directory goes out with what is mounted in it, not with what that covers.
func TestCopyMounted(t *testing.T) {
	var tree *Tree
	for i, files := range [][]string{{"/etc/rc", "/usr/covered"}, {"/bin/ed", "/a/b/c"}, {"/deep"}} {
		f, err := fs.Mkfs(fs.NewMem(200), fs.MkfsOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if err := f.MkdirAll(filepath.Dir(name), fs.Attr{Perm: 0o755}); err != nil {
				t.Fatal(err)
			}
			if err := f.WriteFile(name, []byte(name), fs.Attr{Perm: 0o644}); err != nil {
				t.Fatal(err)
			}
		}
		switch i {
		case 0:
			tree = NewTree(f)
		case 1:
			err = tree.Mount(f, "/usr")
		case 2:
			err = tree.Mount(f, "/usr/a/b")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	c := Copier{Tree: tree, Recursive: true, Say: func(line string) { t.Errorf("said: %s", line) }}
	if err := c.Out(context.Background(), "/", dir); err != nil {
		t.Fatal(err)
	}
	var got []string
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if b, _ := os.ReadFile(path); !e.IsDir() {
			got = append(got, strings.TrimPrefix(path, dir)+" "+string(b))
		}
		return err
	})
	want := []string{"/etc/rc /etc/rc", "/usr/a/b/deep /deep", "/usr/bin/ed /bin/ed"}
	if !slices.Equal(got, want) {
		t.Errorf("copied %q, want %q", got, want)
	}

	// And in again, over two file systems.
	if err := c.In(context.Background(), filepath.Join(dir, "usr"), "/usr/copy"); err != nil {
		t.Fatal(err)
	}
	if b, err := tree.ReadFile("/usr/copy/a/b/deep"); err != nil || string(b) != "/deep" {
		t.Errorf("in again: %q, %v", b, err)
	}
	if err := c.In(context.Background(), filepath.Join(dir, "usr"), "/"); err != nil {
		t.Fatal(err)
	}
	if b, err := tree.mounts[0].fs.ReadFile("/deep"); err != nil || string(b) != "/deep" {
		t.Errorf("over what is mounted: %q, %v", b, err)
	}

	// An error says where.
	_, err := tree.Lookup("/usr/a/b/none")
	if err == nil || err.Error() != "on /usr/a/b: look up /none: file does not exist" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an error below a mount point: %v", err)
	}
}

// A file of holes takes no room on the host.
func TestCopyHoles(t *testing.T) {
	f, err := fs.Mkfs(fs.NewMem(200), fs.MkfsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 3_000_000)
	copy(want[1_000_000:], "middle")
	if err := f.WriteFile("/f", nil, fs.Attr{Perm: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt("/f", []byte("middle"), 1_000_000); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate("/f", int64(len(want))); err != nil {
		t.Fatal(err)
	}
	host := filepath.Join(t.TempDir(), "f")
	if err := copyOut(NewTree(f), "/f", host); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(host); err != nil || !bytes.Equal(b, want) {
		t.Errorf("it has %d bytes, %v", len(b), err)
	}
	st, err := os.Stat(host)
	if err != nil {
		t.Fatal(err)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Blocks*512 > 1_000_000 {
		t.Errorf("it takes %d KB", sys.Blocks/2)
	}
}
