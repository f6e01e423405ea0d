package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	v7fs "v7em/unix/fs"
	"v7em/unix/fs/fstest"
)

// fsRun runs an fs command line and returns what it prints and its error.
func fsRun(ctx context.Context, stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	root := &cobra.Command{Use: "v7em", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(fsCommand())
	var o, e bytes.Buffer
	root.SetArgs(append([]string{"fs"}, args...))
	root.SetIn(stdin)
	root.SetOut(&o)
	root.SetErr(&e)
	err = root.ExecuteContext(ctx)
	return o.String(), e.String(), err
}

// fsOK runs a command line that must work and returns what it prints.
func fsOK(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, _, err := fsRun(t.Context(), strings.NewReader(stdin), args...)
	if err != nil {
		t.Fatalf("fs %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// newImage makes a file system in a new image.
func newImage(t *testing.T) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "rk.img")
	fsOK(t, "", "mkfs", img, "4000")
	return img
}

func TestFsMkfs(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args   []string
		blocks int64
	}{
		{[]string{"4000"}, 4872},
		{[]string{"4872"}, 4872},
		{[]string{"4873"}, 81200},
		{[]string{"--offset", "40600", "40600"}, 81200},
		{[]string{"90000"}, 90000},
	} {
		img := filepath.Join(dir, strings.Join(c.args, ""))
		fsOK(t, "", append([]string{"mkfs", img}, c.args...)...)
		if st, err := os.Stat(img); err != nil || st.Size() != c.blocks*512 {
			t.Errorf("mkfs %v: %v, %v, want %d blocks", c.args, st.Size(), err, c.blocks)
		}
		fsOK(t, "", append([]string{"check", img}, c.args[:len(c.args)-1]...)...)
	}
	img := filepath.Join(dir, "labels")
	fsOK(t, "", "mkfs", "--inodes", "100", "--interleave", "3,24", "--name", "root", "--pack", "v7", img, "1000")
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	v, err := v7fs.Open(v7fs.MemOf(b))
	if err != nil {
		t.Fatal(err)
	}
	if s := v.Super(); s.M != 3 || s.N != 24 || s.ISize != 15 || string(s.FName[:4]) != "root" || string(s.FPack[:2]) != "v7" {
		t.Errorf("superblock is %+v", s)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 6 {
		t.Errorf("%d files in the directory, want the 6 images: %v", len(list), list)
	}
}

func TestFsMkfsExisting(t *testing.T) {
	img := newImage(t)
	fsOK(t, "x", "put", img, "-", "/x")
	before, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	copy(before, "boot block")
	copy(before[4001*512:], "swap space")
	if err := os.WriteFile(img, before, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(img, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{img, "4000"}, {"--force", img, "4873"}, {"--force", "--offset", "1000", img, "4000"}, {"--force", "--inodes", "99999", img, "4000"}} {
		if _, _, err := fsRun(t.Context(), nil, append([]string{"mkfs"}, args...)...); err == nil {
			t.Errorf("mkfs %v worked", args)
		}
	}
	if after, _ := os.ReadFile(img); !bytes.Equal(before, after) {
		t.Fatal("a refused mkfs changed the image")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(img, link); err != nil {
		t.Fatal(err)
	}
	fsOK(t, "", "mkfs", "--force", link, "4000")
	after, err := os.ReadFile(img)
	if err != nil || len(after) != len(before) || !bytes.Equal(after[:512], before[:512]) || !bytes.Equal(after[4000*512:], before[4000*512:]) {
		t.Errorf("what lies outside of the file system has changed, or the length (%v)", err)
	}
	if out := fsOK(t, "", "ls", img); out != "" {
		t.Errorf("the new file system has %q", out)
	}
	if st, _ := os.Stat(img); st.Mode().Perm() != 0o640 {
		t.Errorf("the image's permissions became %v", st.Mode())
	}
	if st, _ := os.Lstat(link); st.Mode()&os.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
}

func TestFsFiles(t *testing.T) {
	img := newImage(t)
	dir := t.TempDir()
	write := func(name, data string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(p, []byte(data), mode), os.Chmod(p, mode)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	hello := write("hello.c", "main(){}\n", 0o640)
	big := write("big", strings.Repeat("0123456789", 20000), 0o755)
	write("src/a.c", "a", 0o644)
	write("src/sub/b.c", "b", 0o600)
	when := time.Date(1979, 5, 5, 10, 19, 0, 0, time.UTC)
	if err := os.Chtimes(hello, when, when); err != nil {
		t.Fatal(err)
	}

	fsOK(t, "", "mkdir", "--mode", "777", img, "/tmp", "/etc")
	fsOK(t, "", "mkdir", "-p", img, "/usr/spool/uucp", "/etc")
	fsOK(t, "", "put", img, hello, big, "/tmp")
	fsOK(t, "the message\n", "put", "--mode", "4711", "--uid", "3", "--gid", "4", img, "-", "/etc/motd")
	fsOK(t, "", "put", "-r", img, filepath.Join(dir, "src"), "/usr")
	fsOK(t, "", "mknod", "--mode", "622", img, "/tty", "c", "17", "3")
	fsOK(t, "", "mknod", img, "/rk1", "b", "0", "1")
	fsOK(t, "", "check", img)

	if got := fsOK(t, "", "cat", img, "/etc/motd", "/tmp/hello.c", "/usr/src/sub/b.c"); got != "the message\nmain(){}\nb" {
		t.Errorf("cat gives %q", got)
	}
	if got := fsOK(t, "", "ls", img); got != "etc\nrk1\ntmp\ntty\nusr\n" {
		t.Errorf("ls gives %q", got)
	}
	if got := fsOK(t, "", "ls", img, "/usr/src", "/tty", "/tmp"); got != "/usr/src:\na.c\nsub\n/tty\n\n/tmp:\nbig\nhello.c\n" {
		t.Errorf("ls of several gives %q", got)
	}
	if got := fsOK(t, "", "ls", "-R", img, "/usr"); got != "/usr:\nspool\nsrc\n\n/usr/spool:\nuucp\n\n/usr/spool/uucp:\n\n/usr/src:\na.c\nsub\n\n/usr/src/sub:\nb.c\n" {
		t.Errorf("ls -R gives %q", got)
	}
	if got, want := fsOK(t, "", "ls", "-l", img, "/tmp/hello.c"), "-rw-r-----   1   0   0        9 1979-05-05 10:19 /tmp/hello.c\n"; got != want {
		t.Errorf("ls -l gives\n%swant\n%s", got, want)
	}
	long := fsOK(t, "", "ls", "-l", img)
	for _, want := range []string{"drwxrwxrwx   2   0   0 ", "crw--w--w-   1   0   0   17,  3 ", "brw-r--r--   1   0   0    0,  1 "} {
		if !strings.Contains(long, want) {
			t.Errorf("ls -l gives\n%swithout %q", long, want)
		}
	}
	if got := fsOK(t, "", "ls", "-l", img, "/etc"); !strings.Contains(got, "-rws--x--x   1   3   4       12 ") {
		t.Errorf("ls -l of /etc gives %s", got)
	}
	if got := fsOK(t, "", "ls", "-aid", img, "/"); got != "    2 /\n" {
		t.Errorf("ls -aid gives %q", got)
	}
	if got := fsOK(t, "", "ls", "-ai", img, "/tmp"); !strings.Contains(got, "    2 ..\n") || !strings.HasSuffix(got, " hello.c\n") {
		t.Errorf("ls -ai gives %q", got)
	}

	out := t.TempDir()
	fsOK(t, "", "get", img, "/tmp/hello.c", "/etc/motd", out)
	fsOK(t, "", "get", img, "/tmp/big", filepath.Join(out, "copy"))
	if got := fsOK(t, "", "get", img, "/tmp/hello.c", "-"); got != "main(){}\n" {
		t.Errorf("get to standard output gives %q", got)
	}
	fsOK(t, "", "get", "-r", img, "/usr", filepath.Join(out, "usr"))
	_, stderr, err := fsRun(t.Context(), nil, "get", "-r", img, "/", filepath.Join(out, "all"))
	if err != nil || !strings.Contains(stderr, "/tty: a device, left out") {
		t.Errorf("get of everything: %v, %q", err, stderr)
	}
	for name, want := range map[string]string{
		"hello.c": "main(){}\n", "motd": "the message\n", "copy": strings.Repeat("0123456789", 20000),
		"usr/src/sub/b.c": "b", "all/usr/src/a.c": "a",
	} {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != want {
			t.Errorf("%s has %d bytes, want %d (%v)", name, len(got), len(want), err)
		}
	}
	if st, err := os.Stat(filepath.Join(out, "hello.c")); err != nil || !st.ModTime().Equal(when) || st.Mode().Perm() != 0o640 {
		t.Errorf("hello.c is %v of %v, %v", st.Mode(), st.ModTime(), err)
	}
	list, _ := os.ReadDir(out)
	if slices.ContainsFunc(list, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }) {
		t.Errorf("temporary files are left: %v", list)
	}

	fsOK(t, "", "rm", img, "/tmp/big")
	fsOK(t, "", "rm", "-r", img, "/usr", "/tmp")
	fsOK(t, "", "rm", "-f", img, "/nothing")
	if got := fsOK(t, "", "ls", img); got != "etc\nrk1\ntty\n" {
		t.Errorf("ls gives %q", got)
	}
	if got := fsOK(t, "", "check", img); !strings.Contains(got, "clean") {
		t.Errorf("check gives %q", got)
	}
}

func TestFsTar(t *testing.T) {
	img := newImage(t)
	// A member in the old format.
	h := make([]byte, 512)
	copy(h, "bin/true")
	copy(h[100:], "   755 \x00     3 \x00     3 \x00          5            0 ")
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%6o\x00 ", sum))
	archive := string(h) + "exit\n" + strings.Repeat("\x00", 507+1024)
	if got := fsOK(t, archive, "tar", "-v", img, "-"); got != "/bin/true\n1 files, 0 links, 0 directories, 0 devices, 5 bytes\n" {
		t.Errorf("tar prints %q", got)
	}
	file := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(file, []byte(archive), 0o666); err != nil {
		t.Fatal(err)
	}
	fsOK(t, "", "tar", "--into", "/usr", img, file)
	if got := fsOK(t, "", "cat", img, "/bin/true", "/usr/bin/true"); got != "exit\nexit\n" {
		t.Errorf("the files have %q", got)
	}
	fsOK(t, "", "check", img)
}

// A command that fails leaves the image as it was, and says why in one line.
func TestFsErrors(t *testing.T) {
	img := newImage(t)
	dir := t.TempDir()
	fsOK(t, "hello", "put", img, "-", "/file")
	fsOK(t, "", "mkdir", img, "/dir")
	fsOK(t, "", "mknod", img, "/tty", "c", "17", "0")
	huge := filepath.Join(dir, "huge")
	noise := filepath.Join(dir, "noise")
	short := filepath.Join(dir, "short")
	loop := filepath.Join(dir, "tree")
	if err := errors.Join(
		os.WriteFile(huge, make([]byte, 3000000), 0o666),
		os.WriteFile(noise, bytes.Repeat([]byte("noise"), 5000), 0o666),
		os.WriteFile(short, make([]byte, 100), 0o666),
		os.Mkdir(loop, 0o777), os.Symlink(".", filepath.Join(loop, "self")),
	); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"no such image", []string{"ls", filepath.Join(dir, "none")}},
		{"no such image", []string{"put", filepath.Join(dir, "none"), "-", "/x"}},
		{"is a directory, not a disk image", []string{"ls", dir}},
		{"not a V7 file system", []string{"ls", noise}},
		{"not a V7 file system", []string{"mkdir", noise, "/x"}},
		{"nothing at block offset 0", []string{"check", short}},
		{"nothing at block offset 5000", []string{"ls", "--offset", "5000", img}},
		{"not a V7 file system", []string{"ls", "--offset", "5", img}},
		{"the device only 3999", []string{"ls", "--blocks", "3999", img}},
		{"/none: file does not exist", []string{"ls", img, "/none"}},
		{"/dir: is a directory", []string{"cat", img, "/dir"}},
		{"/tty: not a regular file", []string{"cat", img, "/tty"}},
		{"no free blocks left", []string{"put", img, huge, "/x"}},
		{"14 bytes", []string{"put", img, huge, "/a-name-too-long"}},
		{"not a directory, for more than one", []string{"put", img, huge, noise, "/file"}},
		{"name the file for standard input", []string{"put", img, "-", "/dir"}},
		{"give -r", []string{"put", img, dir, "/x"}},
		{"1 file cannot be copied, so nothing is", []string{"put", "-r", img, loop, "/x"}},
		{"give -r", []string{"get", img, "/dir", dir}},
		{"not a directory, for more than one", []string{"get", img, "/file", "/dir", huge}},
		{"not a regular file", []string{"get", img, "/tty", dir}},
		{"/file: file already exists", []string{"mkdir", img, "/new", "/file"}},
		{"file already exists", []string{"mknod", img, "/tty", "b", "0", "0"}},
		{"file does not exist", []string{"rm", img, "/file", "/none"}},
		{"give -r", []string{"rm", img, "/file", "/dir"}},
		{"the root cannot be removed", []string{"rm", "-r", img, "/file", "/"}},
		{"bad tar archive", []string{"tar", img, noise}},
		{"no such file", []string{"tar", img, filepath.Join(dir, "none")}},
		{"no such file or directory", []string{"mkfs", filepath.Join(dir, "no", "where"), "100"}},
	} {
		_, _, err := fsRun(t.Context(), strings.NewReader(""), c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("fs %v: %v, want one line with %q", c.args, err, c.want)
		}
		if after, _ := os.ReadFile(img); !bytes.Equal(before, after) {
			t.Fatalf("fs %v changed the image", c.args)
		}
	}
}

// What cannot be understood has status 2.
func TestFsUsage(t *testing.T) {
	img := newImage(t)
	for _, args := range [][]string{
		{"mkfs", img, "many"},
		{"mkfs", img, "0"},
		{"mkfs", "--force", "--interleave", "3", img, "4000"},
		{"mkfs", "--offset", "-1", img, "4000"},
		{"ls", "--offset", "-1", img},
		{"mknod", img, "/x", "d", "0", "0"},
		{"mknod", img, "/x", "b", "256", "0"},
		{"mknod", img, "/x", "b", "0", "-1"},
		{"check", "--max", "0", img},
	} {
		_, _, err := fsRun(t.Context(), nil, args...)
		var coded interface{ ExitStatus() int }
		if strings.HasPrefix(args[len(args)-1], "-") { // cobra takes it for a flag, which is status 2 too
			if err == nil {
				t.Errorf("fs %v worked", args)
			}
			continue
		}
		if !errors.As(err, &coded) || coded.ExitStatus() != 2 {
			t.Errorf("fs %v: %v, want a usage error", args, err)
		}
	}
	for _, args := range [][]string{{"nonsense"}, {"ls"}, {"check", img, "x"}, {"mkdir", "--mode", "888", img, "/x"}, {"cat", img}} {
		if _, _, err := fsRun(t.Context(), nil, args...); err == nil {
			t.Errorf("fs %v worked", args)
		}
	}
}

func TestFsCheck(t *testing.T) {
	img := filepath.Join(t.TempDir(), "img")
	damage := func(name string) {
		t.Helper()
		m, err := fstest.Sample(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range fstest.Corruptions() {
			if c.Name == name {
				if _, err := c.Apply(m, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := os.WriteFile(img, m.Bytes(), 0o444); err != nil { // read-only will do
			t.Fatal(err)
		}
	}
	check := func(args ...string) (string, bool) {
		t.Helper()
		out, _, err := fsRun(t.Context(), nil, append([]string{"check", img}, args...)...)
		if err != nil && err != error(inconsistent{}) {
			t.Fatal(err)
		}
		return out, err == nil
	}
	damage("")
	if out, ok := check(); !ok || strings.Count(out, "\n") != 1 || !strings.Contains(out, "clean") {
		t.Errorf("a good image: %v, %q", ok, out)
	}
	os.Remove(img)
	damage("block used and free")
	out, ok := check()
	if ok || !strings.HasPrefix(out, "harmful  used-and-free block ") || !strings.Contains(out, "\nharmless missing block ") {
		t.Errorf("a block used and free: %v\n%s", ok, out)
	}
	if more, _ := check("--max", "1"); strings.Count(more, "\n") != 3 || !strings.Contains(more, "and 1 more\n") {
		t.Errorf("with --max 1:\n%s", more)
	}
	out, ok = check("--json")
	var r struct {
		Image    string
		Clean    bool
		Harmful  int
		Harmless int
		Problems []v7fs.Problem
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || ok || r.Clean || r.Image != img || r.Harmful != 1 || r.Harmless != 1 || len(r.Problems) != 2 || r.Problems[0].Kind != v7fs.UsedAndFree {
		t.Errorf("as JSON: %+v, %v\n%s", r, err, out)
	}
	os.Remove(img)
	if err := os.WriteFile(img, make([]byte, 5120), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, ok := check(); ok || !strings.Contains(out, "harmful  bad-superblock") {
		t.Errorf("zeros: %v, %q", ok, out)
	}
}

// An interrupt ends the wait for standard input and leaves the image alone.
func TestFsInterrupt(t *testing.T) {
	img := newImage(t)
	before, _ := os.ReadFile(img)
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		w.Write([]byte("some"))
		cancel()
	}()
	if _, _, err := fsRun(ctx, r, "put", img, "-", "/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if after, _ := os.ReadFile(img); !bytes.Equal(before, after) {
		t.Error("the image has changed")
	}
}

// A pack that is in use is left alone.
func TestFsInUse(t *testing.T) {
	img := newImage(t)
	d, err := v7fs.OpenHostFile(img, 0, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, args := range [][]string{{"ls", img}, {"mkdir", img, "/x"}, {"mkfs", "--force", img, "100"}} {
		if _, _, err := fsRun(t.Context(), nil, args...); !errors.Is(err, v7fs.ErrInUse) {
			t.Errorf("fs %v: %v", args, err)
		}
	}
}

// Every command has a help text with an example.
func TestFsHelp(t *testing.T) {
	for _, c := range append(fsCommand().Commands(), fsCommand()) {
		if c.Short == "" || c.Long == "" || !strings.Contains(c.Example, "v7em fs") {
			t.Errorf("%s has no help or no example", c.Name())
		}
	}
}
