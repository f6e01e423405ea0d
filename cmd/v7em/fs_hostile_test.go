package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"v7em/commit"
	"v7em/journaldev"
	v7fs "v7em/unix/fs"
)

// Names that do something to a terminal, or that the host cannot have.
const (
	evilName  = "e\x1b]0;x\a\x9b31m"
	newLine   = "n\nv7em: ok"
	slashName = "a/b"
	nulName   = "a\x00b"
)

// hostileImage makes an image with names that no path can give, and such as go to a
// terminal; what is in the files is the name.
func hostileImage(t *testing.T) string {
	t.Helper()
	img := newImage(t)
	d, err := v7fs.OpenHostFile(img, 0, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := v7fs.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir("/d", v7fs.Attr{Perm: 0o755}); err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir("/d/"+evilName, v7fs.Attr{Perm: 0o755}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", evilName + "/in", newLine, "slash", "nul", "twice", "again", "empty", "last"} {
		if err := f.WriteFile("/d/"+name, []byte(name), v7fs.Attr{Perm: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	st, err := f.Lookup("/d")
	if err != nil {
		t.Fatal(err)
	}
	var b [v7fs.BlockSize]byte
	if err := d.ReadBlock(int(st.Addr[0]), b[:]); err != nil {
		t.Fatal(err)
	}
	for o := 0; o < v7fs.BlockSize; o += v7fs.DirentSize {
		name := b[o+2 : o+v7fs.DirentSize]
		to, ok := map[string]string{"slash": slashName, "nul": nulName, "again": "twice", "empty": ""}[string(bytes.TrimRight(name, "\x00"))]
		if ok {
			clear(name)
			copy(name, to)
		}
	}
	if err := d.WriteBlock(int(st.Addr[0]), b[:]); err != nil {
		t.Fatal(err)
	}
	return img
}

// harmless fails the test when a text does anything to a terminal but print.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	for i, c := range []byte(text) {
		if c < ' ' && c != '\n' || c > '~' {
			t.Errorf("%s prints %q", what, text[max(0, i-20):min(len(text), i+20)])
			return
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "v7em: ok") {
			t.Errorf("%s prints a line of the image's: %q", what, line)
		}
	}
}

func TestFsHostileNames(t *testing.T) {
	img := hostileImage(t)
	dir := t.TempDir()
	evil, line := "/d/"+evilName, "/d/"+newLine
	for _, args := range [][]string{
		{"ls", img, "/d"}, {"ls", "-la", img, "/d", evil}, {"ls", "-lR", img}, {"ls", img, line + "no"}, {"ls", img, evil + "/no"},
		{"get", img, evil, dir}, {"get", img, line + "no", dir}, {"get", img, line, filepath.Join(dir, "no", "x\x1b[2J")},
		{"cat", img, evil}, {"cat", img, line + "no"}, {"rm", img, evil}, {"rm", img, line + "no"}, {"rm", "-r", img, "/d/no\x1b"},
		{"mkdir", img, evil}, {"mkdir", img, evil + "/x\x1b/y"}, {"mknod", img, evil, "c", "0", "0"}, {"put", img, "-", evil},
		{"check", img}, {"check", "--json", img},
	} {
		stdout, stderr, _ := v7em("", append([]string{"fs"}, args...)...)
		if stdout+stderr == "" {
			t.Errorf("%q prints nothing", args)
		}
		harmless(t, fmt.Sprintf("%q", args), stdout)
		harmless(t, fmt.Sprintf("%q", args), stderr)
	}
	// A listing goes on past what no path can give.
	out, errs, status := v7em("", "fs", "ls", "-R", img)
	if status != 1 || !strings.Contains(out, "last\n") || !strings.Contains(out, "23331m:\nin\n") || strings.Count(errs, "no path can give it") != 3 || !strings.HasSuffix(errs, ": 3 files could not be listed\n") {
		t.Errorf("ls -R: status %d, %q, %q", status, out, errs)
	}
	// What the user asked for comes as it is.
	if out, _, status := v7em("", "fs", "cat", img, line); out != newLine || status != 0 {
		t.Errorf("cat gives %q", out)
	}
	if out, _, _ := v7em("", "fs", "ls", img, "/d"); !strings.Contains(out, `e\033]0;x\007\23331m`+"\n") || !strings.Contains(out, `n\012v7em: ok`+"\n") || !strings.Contains(out, `a\000b`+"\n") {
		t.Errorf("ls gives %q", out)
	}
}

// What the host cannot have is left out, with a line each, and the rest is copied.
func TestFsGetGoesOn(t *testing.T) {
	img := hostileImage(t)
	to := filepath.Join(t.TempDir(), "copy")
	out, errs, status := v7em("", "fs", "get", "-r", img, "/d", to)
	harmless(t, "get -r", errs)
	lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
	if out != "" || status != 1 || len(lines) != 5 || lines[4] != fmt.Sprintf("v7em: %s: 4 files left out", img) {
		t.Errorf("get -r: %q, status %d, %q", out, status, errs)
	}
	for _, name := range []string{`/d/a/b: name "a/b"`, `/d/a\000b: name "a\000b"`, `/d/: name ""`, "/twice: the host takes the name"} {
		if !slices.ContainsFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, "v7em: left out: ") && strings.Contains(l, name)
		}) {
			t.Errorf("no line has %q: %q", name, lines)
		}
	}
	var got []string
	filepath.WalkDir(to, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			t.Error(err)
		}
		if !e.IsDir() {
			b, _ := os.ReadFile(path)
			rel, _ := filepath.Rel(to, path)
			if string(b) != rel {
				t.Errorf("%q has %q", rel, b)
			}
			got = append(got, rel)
		}
		return nil
	})
	if want := []string{evilName + "/in", "first", "last", newLine, "twice"}; !slices.Equal(got, want) {
		t.Errorf("copied %q, want %q", got, want)
	}
}

// A name too long for the host is one that it cannot have.
func TestFsGetLongPath(t *testing.T) {
	img := newImage(t)
	deep := strings.Repeat("/fourteen-bytes"[:15], 4096/15)
	fsOK(t, "", "mkdir", "-p", img, deep, "/after")
	fsOK(t, "x", "put", img, "-", deep+"/f")
	fsOK(t, "x", "put", img, "-", "/after/f")
	to := t.TempDir()
	_, errs, status := v7em("", "fs", "get", "-r", img, "/", to)
	if status != 1 || strings.Count(errs, "v7em: left out: ") != 1 || !strings.Contains(errs, "too long") {
		t.Errorf("status %d, %q", status, errs)
	}
	if b, err := os.ReadFile(filepath.Join(to, "after", "f")); err != nil || string(b) != "x" {
		t.Errorf("what comes after it: %q, %v", b, err)
	}
	os.Chmod(to, 0o700)
}

// What the guest named goes to the terminal escaped also where losses and journals are
// told.
func TestToldNames(t *testing.T) {
	u := &commit.Undone{Ops: []journaldev.Op{{Program: "a\x1b[2J", Call: "mknod", Path: "/x\n\x9b1m"}}, Since: time.Unix(1, 0)}
	line := undoneLine(u, time.Unix(2, 0))
	harmless(t, "the loss", line)
	if !strings.Contains(line, `mknod /x\012\2331m (a\033[2J)`) {
		t.Errorf("told: %q", line)
	}
	var b bytes.Buffer
	tr := journaldev.Transaction{State: "home", Note: journaldev.Note{Reason: "r\x1b", Ops: append(u.Ops, journaldev.Op{Path: "/\u009b31m\x7f"})}}
	if err := printTransaction(&b, tr); err != nil {
		t.Fatal(err)
	}
	harmless(t, "journal dump", b.String())
	b.Reset()
	if err := printJSON(&b, tr, ""); err != nil {
		t.Fatal(err)
	}
	if i := bytes.IndexFunc(b.Bytes(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }); i >= 0 {
		t.Errorf("journal dump --json: %q", b.String())
	}
}

// fs tar extracts what it can, says what it cannot, and its status tells.
func TestFsTarGoesOn(t *testing.T) {
	img := newImage(t)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "/etc/motd", Typeflag: tar.TypeReg, Mode: 0o4755, Size: 3},
		{Name: "link\x1b]0;x\a", Typeflag: tar.TypeSymlink, Linkname: "t\x1b[2J"},
		{Name: "../out", Typeflag: tar.TypeReg, Size: 3},
		{Name: "a-name-that-is-long\x1b", Typeflag: tar.TypeReg, Size: 3, Uid: 1 << 30, Format: tar.FormatGNU},
		{Name: "last", Typeflag: tar.TypeReg, Size: 3},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("abc"))
		}
	}
	w.Close()
	whole := b.String()
	out, errs, status := v7em(whole, "fs", "tar", "-v", "--into", "/usr/src", img, "-")
	harmless(t, "tar", out)
	harmless(t, "tar", errs)
	if status != 1 || !strings.HasSuffix(out, "3 files, 0 links, 0 directories, 0 devices, 9 bytes; 2 changed; 2 left out\n") || strings.Count(errs, "\n") != 5 ||
		!strings.HasSuffix(errs, "v7em: -: 2 members left out\n") || !strings.Contains(errs, "v7em: /etc/motd: the name was absolute\n") && !strings.Contains(errs, "v7em: etc/motd: the name was absolute\n") {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	if got := fsOK(t, "", "ls", "-l", img, "/usr/src", "/usr/src/etc"); !strings.Contains(got, " a-name-that-is\n") || !strings.Contains(got, " last\n") || !strings.Contains(got, "-rwsr-xr-x   1   0   0        3 ") {
		t.Errorf("there is %s", got)
	}
	if got := fsOK(t, "", "ls", img); got != "usr\n" {
		t.Errorf("the root has %q", got)
	}
	// Cut off in its first file: nothing of that, and it is said.
	out, errs, status = v7em(whole[:514], "fs", "tar", img, "-")
	if status != 1 || !strings.Contains(errs, "etc/motd: left out") || !strings.Contains(errs, "it ends early, at byte 514: what came before is extracted") {
		t.Errorf("cut off: status %d, %q, %q", status, out, errs)
	}
	if got := fsOK(t, "", "ls", img); got != "etc\nusr\n" {
		t.Errorf("the root has %q", got)
	}
	fsOK(t, "", "check", img)

	out, errs, status = v7em("BZh9\x17", "fs", "tar", img, "-")
	if status != 1 || out != "" || !strings.Contains(errs, "it is compressed by bzip2") {
		t.Errorf("bzip2: status %d, %q, %q", status, out, errs)
	}
}

// TestBadArchiveIsNamed extracts what is no archive: of the two files the message names the
// one that is bad.
func TestBadArchiveIsNamed(t *testing.T) {
	img, bad := newImage(t), filepath.Join(t.TempDir(), "bad.tar")
	for _, b := range [][]byte{nil, bytes.Repeat([]byte("no archive"), 200)} {
		if err := os.WriteFile(bad, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := fsRun(t.Context(), nil, "tar", img, bad); err == nil || !strings.Contains(err.Error(), bad+": bad tar archive") {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}
