//go:build unix

package hostfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func put(t *testing.T, path, s string, perm fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(s), perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, perm); err != nil {
		t.Fatal(err)
	}
}

// has fails unless the file has these contents and the directory only these names.
func has(t *testing.T, path, want string, names ...string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%s has %.60q, %v; want %.60q", path, b, err, want)
	}
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if names != nil && strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the directory has %q, want %q", got, names)
	}
}

func TestNew(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, o := range []Options{{}, {New: true}, {Whole: true, Alone: true}, {New: true, Perm: 0o444}} {
		if err := Write(path, []byte("new"), o); err != nil {
			t.Fatal(err)
		}
		has(t, path, "new", "f")
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want := fs.FileMode(0o640)
		if o.Perm != 0 {
			want = o.Perm &^ 0o027
		}
		if st.Mode() != want {
			t.Errorf("%+v: mode %v, want %v", o, st.Mode(), want)
		}
		os.Remove(path)
	}
}

// TestReplace: links stay, permissions stay, and times are as they are set.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(sub, "real")
	put(t, real, "old", 0o604)
	if err := os.Symlink("sub", filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../d/real", filepath.Join(sub, "hop")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("d/../sub/hop", link); err != nil {
		t.Fatal(err)
	}
	when := time.Unix(1e9, 0)
	err := Replace(link, Options{Whole: true}, func(f *File) error {
		f.SetTime(when)
		_, err := io.WriteString(f, "new")
		has(t, real, "old")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	has(t, real, "new", "hop", "real")
	has(t, link, "new", "d", "link", "sub")
	st, err := os.Lstat(real)
	if err != nil || st.Mode() != 0o604 || !st.ModTime().Equal(when) {
		t.Errorf("%v %v %v", st.Mode(), st.ModTime(), err)
	}
	// Where a link leads to nothing, the file is made there.
	os.Remove(real)
	if err := Write(link, []byte("again"), Options{New: true}); err != nil {
		t.Fatal(err)
	}
	has(t, real, "again", "hop", "real")
	if st, err := os.Lstat(link); err != nil || st.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	// A mode that is set counts, whatever was there.
	f, err := Create(real, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.SetMode(0o751 | fs.ModeSetuid)
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(real); err != nil || st.Mode() != 0o751|fs.ModeSetuid {
		t.Error(st.Mode(), err)
	}
	f.Abandon()
	if err := f.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a second commit: %v", err)
	}
	has(t, real, "", "hop", "real")
	// A circle ends.
	if err := errors.Join(os.Symlink("b", filepath.Join(dir, "a")), os.Symlink("a", filepath.Join(dir, "b"))); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "a"), nil, Options{}); err == nil || strings.Contains(err.Error(), Prefix) {
		t.Errorf("a circle of links: %v", err)
	}
}

// TestUnchanged: what fails, or is not committed, changes nothing and leaves nothing.
func TestUnchanged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "old", 0o644)
	bad := errors.New("bad")
	if err := Replace(path, Options{}, func(f *File) error { io.WriteString(f, "new"); return bad }); err != bad {
		t.Errorf("got %v", err)
	}
	has(t, path, "old", "f")
	f, err := Create(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "new")
	f.Abandon()
	has(t, path, "old", "f")
	for _, c := range []struct {
		path string
		o    Options
		want error
		text string
	}{
		{path, Options{New: true}, fs.ErrExist, ""},
		{dir, Options{}, nil, "is a directory"},
		{"/dev/null", Options{Whole: true}, nil, "not a regular file"},
		{filepath.Join(dir, "no/such"), Options{}, fs.ErrNotExist, ""},
		{filepath.Join(path, "x"), Options{}, syscall.ENOTDIR, ""},
		{"", Options{}, fs.ErrNotExist, ""},
	} {
		err := Write(c.path, []byte("new"), c.o)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), Prefix) {
			t.Errorf("%s %+v: %v", c.path, c.o, err)
		}
	}
	has(t, path, "old", "f")
	// What comes in between is not replaced with New.
	other := filepath.Join(dir, "g")
	err = Replace(other, Options{New: true}, func(*File) error { put(t, other, "theirs", 0o644); return nil })
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("made in between: %v", err)
	}
	has(t, other, "theirs", "f", "g")
}

// TestAlone takes over what a killed process has left, were it a link to elsewhere.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "f"), filepath.Join(t.TempDir(), "other")
	put(t, other, "keep", 0o644)
	for range 2 {
		if err := Write(path, []byte("new"), Options{Alone: true}); err != nil {
			t.Fatal(err)
		}
		has(t, path, "new", "f")
		has(t, other, "keep")
		if err := os.Symlink(other, path+Suffix); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSpecial writes into what is no regular file, and leaves it what it is.
func TestSpecial(t *testing.T) {
	null, err := os.Stat("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Create("/dev/null", Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.SetMode(0o600)
	f.SetTime(time.Unix(1, 0))
	io.WriteString(f, "lost")
	if err := f.Commit(); err != nil {
		t.Error(err)
	}
	if now, err := os.Stat("/dev/null"); err != nil || now.Mode() != null.Mode() {
		t.Fatalf("/dev/null is %v now, %v", now.Mode(), err)
	}

	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() {
		b, _ := os.ReadFile(fifo)
		got <- string(b)
	}()
	if err := Write(fifo, []byte("through"), Options{Context: t.Context()}); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "through" {
		t.Errorf("the fifo gave %q", s)
	}

	// Nobody reads it: that is waited for as long as the caller wants, and then said.
	if err := Write(fifo, []byte("x"), Options{}); err == nil || !strings.Contains(err.Error(), "nobody reads it") {
		t.Errorf("a fifo without a reader: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Write(fifo, []byte("x"), Options{Context: ctx}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fifo without a reader, for a while: %v", err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		b, _ := os.ReadFile(fifo)
		got <- string(b)
	}()
	if err := Write(fifo, []byte("late"), Options{Context: t.Context()}); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "late" {
		t.Errorf("the fifo gave %q", s)
	}
	// Who has it open may not read.
	stuck, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Write(fifo, make([]byte, 1<<20), Options{Context: ctx}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fifo that is not read: %v", err)
	}

	// This process's standard output is written to where it is, not replaced.
	out, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer func(f *os.File) { os.Stdout = f }(os.Stdout)
	os.Stdout = out
	io.WriteString(out, "before ")
	if err := Write(out.Name(), []byte("between"), Options{}); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(out, " after"); err != nil {
		t.Error(err)
	}
	has(t, out.Name(), "before between after", "log")
}

// TestOwner: root replaces somebody's file, and it stays theirs.
func TestOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "old", 0o640)
	if err := os.Chown(path, 12, 34); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), Options{}); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := st.Sys().(*syscall.Stat_t); s.Uid != 12 || s.Gid != 34 || st.Mode() != 0o640 {
		t.Errorf("it is %d:%d's now, %v", s.Uid, s.Gid, st.Mode())
	}
}

// TestPermissions has another user write, where the directory, the file, or both may not
// be written by that user.
func TestPermissions(t *testing.T) {
	if os.Getenv("HOSTFILE_CHILD") != "" {
		asNobody()
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	dir, err := os.MkdirTemp("", "hostfile")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, c := range []struct {
		name           string
		dirs, mode     fs.FileMode
		owner          int
		whole          bool
		content        string
		sticky, failed bool
	}{
		{"all may", 0o777, 0o666, 65534, false, "new", false, false},
		{"another's, in a directory of all", 0o777, 0o666, 0, false, "new", false, false},
		{"another's, in a sticky directory", 0o777, 0o666, 0, false, "new", true, false},
		{"in a directory that may not be written", 0o755, 0o666, 0, false, "new", false, false},
		{"that, whole", 0o755, 0o666, 65534, true, "old", false, true},
		{"a file that may not be written", 0o777, 0o444, 65534, false, "old", false, true},
		{"that, whole", 0o777, 0o444, 65534, true, "old", false, true},
		{"neither", 0o755, 0o644, 0, false, "old", false, true},
	} {
		d := filepath.Join(dir, "d")
		os.RemoveAll(d)
		path := filepath.Join(d, "f")
		if err := errors.Join(os.Mkdir(d, 0o777), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		put(t, path, "old", c.mode)
		if c.sticky {
			c.dirs |= fs.ModeSticky
		}
		if err := errors.Join(os.Chown(path, c.owner, c.owner), os.Chmod(d, c.dirs)); err != nil {
			t.Fatal(err)
		}
		err := runAsNobody(t, path, c.whole)
		if (err != nil) != c.failed || err != nil && (!strings.Contains(err.Error(), "permission denied") || strings.Contains(err.Error(), Prefix)) {
			t.Errorf("%s: %v", c.name, err)
		}
		has(t, path, c.content, "f")
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if s := st.Sys().(*syscall.Stat_t); int(s.Uid) != c.owner || st.Mode() != c.mode {
			t.Errorf("%s: it is %d's now, %v", c.name, s.Uid, st.Mode())
		}
	}
}

// runAsNobody has this test write "new" to a file as the user 65534.
func runAsNobody(t *testing.T, path string, whole bool) error {
	t.Helper()
	exe := filepath.Join(filepath.Dir(filepath.Dir(path)), "test") // where that user can reach it
	if _, err := os.Stat(exe); err != nil {
		b, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			t.Skip(err)
		}
		put(t, exe, string(b), 0o755)
	}
	cmd := exec.Command(exe, "-test.run", "^TestPermissions$")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOSTFILE_CHILD="+path, fmt.Sprintf("HOSTFILE_WHOLE=%v", whole), "TMPDIR="+os.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return errors.New(string(out))
	}
	return err
}

// asNobody is what runs there.
func asNobody() {
	content := "new"
	if s := os.Getenv("HOSTFILE_CONTENT"); s != "" {
		content = s
	}
	if err := Write(os.Getenv("HOSTFILE_CHILD"), []byte(content), Options{Whole: os.Getenv("HOSTFILE_WHOLE") == "true"}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := MkdirAll(filepath.Join(dir, "a/b/c"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "a/f"), "", 0o666)
	if err := MkdirAll(filepath.Join(dir, "a/f/g"), 0o777); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(SyncTree(dir), Rename(filepath.Join(dir, "a/f"), filepath.Join(dir, "g")), Remove(filepath.Join(dir, "g"))); err != nil {
		t.Error(err)
	}
}
