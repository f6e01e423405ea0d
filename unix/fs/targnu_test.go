package fs

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// gnuTar makes an archive of what is in dir.
func gnuTar(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	if out, err := exec.Command("tar", "--version").Output(); err != nil || !bytes.Contains(out, []byte("GNU tar")) {
		t.Skip("needs GNU tar")
	}
	c := exec.Command("tar", append([]string{"-C", dir, "-cf", "-"}, args...)...)
	var errs bytes.Buffer
	c.Stderr = &errs
	b, err := c.Output()
	if err != nil {
		t.Fatalf("tar %q: %v: %s", args, err, errs.String())
	}
	return b
}

// sampleTree makes a directory with one of everything, and returns the contents of its
// sparse file.
func sampleTree(t *testing.T) (dir string, sparse []byte) {
	t.Helper()
	dir = t.TempDir()
	write := func(name string, data []byte, mode os.FileMode, mtime int64) {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, data, 0o600), os.Chmod(name, mode), os.Chtimes(name, time.Unix(mtime, 0), time.Unix(mtime, 0))); err != nil {
			t.Fatal(err)
		}
	}
	long := "d/" + strings.Repeat("deep/", 25)
	if err := os.MkdirAll(filepath.Join(dir, long), 0o755); err != nil {
		t.Fatal(err)
	}
	write("d/first", []byte("first"), 0o644, 300000000)
	write("d/setuid", []byte("setuid"), os.ModeSetuid|0o755, 300000000)
	write("d/before", []byte("before 1970"), 0o644, -100)
	write("d/after", []byte("after 2038"), 0o644, 1<<33)
	write("d/long-name-of-a-file", []byte("long"), 0o644, 300000000)
	write("d/long-name-of-another", []byte("other"), 0o644, 300000000)
	write(long+"file", []byte("deep"), 0o644, 300000000)
	sparse = make([]byte, 300_000)
	for i := range 30 {
		copy(sparse[10_000*i+i:], fmt.Sprintf("piece %d", i))
	}
	// Pieces of whole blocks of the host, so that there are holes.
	f, err := os.Create(filepath.Join(dir, "d/sparse"))
	if err == nil {
		err = f.Truncate(int64(len(sparse)))
	}
	for i := range 30 {
		at := 10_000 * i
		if err == nil {
			_, err = f.WriteAt(sparse[at:at+50], int64(at))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	err = errors.Join(
		os.Link(filepath.Join(dir, "d/first"), filepath.Join(dir, "d/hard")),
		os.Symlink("first", filepath.Join(dir, "d/soft")),
		os.Symlink(strings.Repeat("x/", 100)+"far", filepath.Join(dir, "d/softer")),
		syscall.Mkfifo(filepath.Join(dir, "d/fifo"), 0o644),
		os.Chmod(filepath.Join(dir, "d"), os.ModeSticky|0o711),
		os.Chtimes(filepath.Join(dir, "d"), time.Unix(300000000, 0), time.Unix(300000000, 0)),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir, sparse
}

// The formats of GNU tar, each with one of everything: what V7 can have is there, of
// the rest each is told and counted.
func TestExtractGNU(t *testing.T) {
	dir, sparse := sampleTree(t)
	for _, args := range [][]string{
		{"--format=gnu"}, {"--format=oldgnu"}, {"--format=posix"},
		{"--format=gnu", "--sparse"}, {"--format=oldgnu", "--sparse"},
		{"--format=posix", "--sparse", "--sparse-version=0.0"}, {"--format=posix", "--sparse", "--sparse-version=0.1"}, {"--format=posix", "--sparse", "--sparse-version=1.0"},
		{"--format=posix", "--pax-option=globexthdr.name=/tmp/GlobalHead.%p,comment=a global header,mtime:=300000000.5"},
		{"--format=gnu", "-b", "1", "-z"}, {"--format=gnu", "--label=a volume"},
	} {
		archive := gnuTar(t, dir, append(args, "--sort=name", "--owner=ken:70000", "--group=sys:3", "d")...)
		f, _ := newFS(t, 2000)
		var told []string
		got, err := extract(t, f, archive, ExtractOptions{Tell: func(line string) { told = append(told, line) }})
		if err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		mustCheck(t, f)
		want := Extracted{Files: 7, Links: 1, Dirs: 26, Left: 4}
		if got.Files != want.Files || got.Links != want.Links || got.Dirs != want.Dirs || got.Left != want.Left || got.Cut != nil || len(told) != got.Left+got.Changed {
			t.Errorf("%q: %+v, %d lines, want %+v", args, got, len(told), want)
		}
		for name, data := range map[string]string{
			"first": "first", "hard": "first", "setuid": "setuid", "before": "before 1970", "after": "after 2038", "long-name-of-a": "long",
			strings.Repeat("deep/", 25) + "file": "deep", "sparse": string(sparse),
		} {
			if b, err := f.ReadFile("/d/" + name); err != nil || string(b) != data {
				t.Errorf("%q: %s has %.20q of %d bytes, %v", args, name, b, len(b), err)
			}
		}
		global := strings.Contains(args[len(args)-1], "mtime:=")
		for name, c := range map[string]struct {
			mode  uint16
			mtime int64
		}{
			"": {ModeDir | 0o1711, 300000000}, "/setuid": {ModeRegular | 0o755, 300000000}, "/before": {ModeRegular | 0o644, -100}, "/after": {ModeRegular | 0o644, 1<<31 - 1},
		} {
			if global {
				c.mtime = 300000000
			}
			if st, err := f.Lookup("/d" + name); err != nil || st.Mode != c.mode || int64(st.MTime) != c.mtime || st.UID != 0 || st.GID != 3 {
				t.Errorf("%q: d%s is %+v, %v; want mode %06o, time %d", args, name, st, err, c.mode, c.mtime)
			}
		}
		for _, line := range []string{
			"d/fifo: left out: a fifo, which V7 does not have",
			`d/soft: left out: a symbolic link to "first", which V7 does not have`,
			`d/softer: left out: a symbolic link to "` + strings.Repeat("x/", 100) + `far", which V7 does not have`,
			"d/long-name-of-another: left out: its name, cut to d/long-name-of-a, is that of d/long-name-of-a-file",
			"d/long-name-of-a-file: the name is cut to d/long-name-of-a; owner 70000 is 0",
			"d/setuid: owner 70000 is 0; without its set-id bit",
		} {
			if !slices.Contains(told, line) {
				t.Errorf("%q: nobody says %q: %q", args, line, told)
			}
		}
		if strings.Contains(strings.Join(args, " "), "--sparse") {
			st, _ := f.Lookup("/d/sparse")
			if blocks := 0; f.checkTree(&st.Inode, &blocks) != nil || blocks > 300 {
				t.Errorf("%q: the sparse file has %d blocks", args, blocks)
			}
		}
	}
	// Names that are absolute stay in the target, and those with .. are left out.
	for _, format := range []string{"--format=gnu", "--format=posix", "--format=ustar", "--format=v7"} {
		archive := gnuTar(t, dir, format, "-P", filepath.Join(dir, "d/first"), "d/../d/setuid", "d/before", "--mtime=@5")
		f, _ := newFS(t, 400)
		var told []string
		if err := f.Mkdir("/in", Attr{}); err != nil {
			t.Fatal(err)
		}
		got, err := extract(t, f, archive, ExtractOptions{
			Tell: func(line string) { told = append(told, line) },
			Map:  func(name string) (string, bool) { return "/in/" + name, true },
		})
		if err != nil || got.Files != 2 || got.Left != 1 || !strings.Contains(told[1], `leads out of the tree`) || !strings.Contains(told[0], "the name was absolute") {
			t.Errorf("%s: %+v, %v, %q", format, got, err, told)
		}
		if list, err := f.ReadDir("/"); err != nil || len(list) != 3 {
			t.Errorf("%s: the root has %v, %v", format, list, err)
		}
		mustCheck(t, f)
	}
}

// What other programs compress is named.
func TestTarCompressed(t *testing.T) {
	dir, _ := sampleTree(t)
	for _, name := range []string{"xz", "zstd", "bzip2", "compress"} {
		if _, err := exec.LookPath(name); err != nil && name != "xz" && name != "bzip2" {
			t.Logf("%s is not installed", name)
			continue
		}
		b := gnuTar(t, dir, "--use-compress-program="+name, "d/first")
		if _, err := NewTarReader(bytes.NewReader(b)); !errors.Is(err, ErrTar) || !strings.Contains(err.Error(), "compressed by "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, magic := range map[string]string{"compress": "\x1f\x9d\x90ab", "zstd": "\x28\xb5\x2f\xfd\x04"} {
		if _, err := NewTarReader(strings.NewReader(magic)); !errors.Is(err, ErrTar) || !strings.Contains(err.Error(), "compressed by "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file may be called so.
	if r, err := NewTarReader(bytes.NewReader(oldTar(0, member{name: "BZh"}))); err != nil {
		t.Error(err)
	} else if h, err := r.Next(); err != nil || h.Name != "BZh" {
		t.Errorf("%+v, %v", h, err)
	}
}

// What is in the way, comes twice or is linked to oddly costs one member each.
func TestExtractConflicts(t *testing.T) {
	for _, c := range []struct {
		what    string
		members []member
		left    []string // what the lines say
		files   map[string]string
	}{
		{"file as directory", []member{{name: "a", data: "1"}, {name: "a/b", data: "2"}, {name: "c", data: "3"}}, []string{"a/b: left out"}, map[string]string{"a": "1", "c": "3"}},
		{"directory in the way", []member{{name: "a/b", data: "1"}, {name: "a", data: "2"}, {name: "c", data: "3"}}, []string{"a: left out"}, map[string]string{"a/b": "1", "c": "3"}},
		{"file in the way", []member{{name: "a", data: "1"}, {name: "a/"}, {name: "c", data: "3"}}, []string{"a: left out"}, map[string]string{"a": "1", "c": "3"}},
		{"twice", []member{{name: "a", data: "1"}, {name: "a", data: "2"}}, nil, map[string]string{"a": "2"}},
		{"link to nothing", []member{{name: "a", flag: '1', link: "b"}, {name: "c", data: "3"}}, []string{"a: left out: hard link"}, map[string]string{"c": "3"}},
		{"link to a directory", []member{{name: "d/"}, {name: "a", flag: '1', link: "d"}, {name: "c", data: "3"}}, []string{"a: left out: hard link"}, map[string]string{"c": "3"}},
		{"link out", []member{{name: "a", flag: '1', link: "../old"}, {name: "c", data: "3"}}, []string{"a: left out: link"}, map[string]string{"c": "3"}},
		{"link to itself", []member{{name: "a", data: "1"}, {name: "a", flag: '1', link: "a"}}, nil, map[string]string{"a": "1"}},
		{"device", []member{{name: "a", flag: '3'}, {name: "a", flag: '4'}, {name: "c", data: "3"}}, nil, map[string]string{"c": "3"}},
		{"unknown type", []member{{name: "a", flag: 'Q', data: "1"}, {name: "b", flag: '7', data: "2"}}, nil, map[string]string{"a": "1", "b": "2"}},
		{"damaged header", []member{{name: "a", data: "1"}, {name: "b", data: strings.Repeat("\x00", 2000), breakSum: true}, {name: "c", data: "3"}},
			[]string{"a member: left out: a damaged header at byte 1024"}, map[string]string{"a": "1", "c": "3"}},
		{"long directories", []member{{name: "a-directory-with-1/x", data: "1"}, {name: "a-directory-with-2/x", data: "2"}, {name: "a-directory-with-1/y", data: "3"}},
			[]string{"a-directory-with-2/x: left out: its name, cut to a-directory-wi, is that of a-directory-with-1"},
			map[string]string{"a-directory-wi/x": "1", "a-directory-wi/y": "3"}},
		{"fourteen letters", []member{{name: "exactly-14-let", data: "1"}, {name: "exactly-14-letters", data: "2"}}, []string{"exactly-14-letters: left out"}, map[string]string{"exactly-14-let": "1"}},
		{"a link by a long name", []member{{name: "longer-than-fourteen", data: "1"}, {name: "b", flag: '1', link: "longer-than-fourteen"}}, nil, map[string]string{"b": "1"}},
	} {
		f, _ := newFS(t, 400)
		if err := f.WriteFile("/old", []byte("old"), Attr{}); err != nil {
			t.Fatal(err)
		}
		var left []string
		got, err := extract(t, f, oldTar(1024, c.members...), ExtractOptions{Tell: func(line string) {
			if strings.Contains(line, "left out") {
				left = append(left, line)
			}
		}})
		if err != nil || got.Left != len(c.left) || len(left) != got.Left || got.Cut != nil {
			t.Errorf("%s: %+v, %v, %q", c.what, got, err, left)
		}
		if (got.Whole() == nil) != (got.Left == 0) {
			t.Errorf("%s: whole: %v", c.what, got.Whole())
		}
		for i := range min(len(left), len(c.left)) {
			if !strings.HasPrefix(left[i], c.left[i]) {
				t.Errorf("%s: %q, want %q", c.what, left[i], c.left[i])
			}
		}
		for name, data := range c.files {
			if b, err := f.ReadFile(name); err != nil || string(b) != data {
				t.Errorf("%s: %s has %q, %v", c.what, name, b, err)
			}
		}
		mustCheck(t, f)
	}
}

// An archive that ends in a member leaves what that was to replace as it was, and what
// came before extracted.
func TestExtractCut(t *testing.T) {
	b := oldTar(1024, member{name: "a", data: "new a"}, member{name: "b", data: strings.Repeat("new b", 500)})
	for cut := 512; cut < len(b); cut += 100 {
		f, _ := newFS(t, 400)
		for _, name := range []string{"a", "b"} {
			if err := f.WriteFile(name, []byte("old"), Attr{}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := extract(t, f, b[:cut], ExtractOptions{})
		if err != nil {
			t.Fatal(err)
		}
		a, _ := f.ReadFile("a")
		if want := map[bool]string{false: "old", true: "new a"}[cut >= 517]; string(a) != want {
			t.Errorf("cut at %d: a has %q, want %q", cut, a, want)
		}
		whole := cut >= 1536+2500
		bb, _ := f.ReadFile("b")
		if want := map[bool]string{false: "old", true: strings.Repeat("new b", 500)}[whole]; string(bb) != want {
			t.Errorf("cut at %d: b has %.10q", cut, bb)
		}
		// At a header's place, or where only padding is missing, nobody can know.
		silent := cut == 1024 || whole && cut <= 4096 || cut >= 517 && cut < 1024 || cut >= 4096 && cut%512 == 0 || cut >= 4608
		if (got.Cut == nil) != silent {
			t.Errorf("cut at %d: %v", cut, got.Cut)
		}
		mustCheck(t, f)
	}
}

// Go's own writer, where that can say more than GNU tar's options.
func TestExtractPax(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeReg, Name: "b", Uid: 1 << 40, Gid: -1, Mode: 0o6755, ModTime: time.Unix(1<<40, 0), Format: tar.FormatGNU},
		{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x", "uid": "11"}},
		{Typeflag: tar.TypeReg, Name: "a", ModTime: time.Unix(-5, 500000000), Format: tar.FormatPAX},
		{Typeflag: tar.TypeReg, Name: "c\x1b", Uid: 12, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "1"}, Format: tar.FormatPAX},
		{Typeflag: tar.TypeChar, Name: "tty", Devmajor: 300, Format: tar.FormatGNU},
		{Typeflag: tar.TypeChar, Name: "con", Devmajor: 17, Devminor: 2, Format: tar.FormatGNU},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	f, _ := newFS(t, 400)
	var told []string
	got, err := extract(t, f, b.Bytes(), ExtractOptions{Tell: func(line string) { told = append(told, line) }})
	want := []string{
		"b: owner 1099511627776 is 0; without its set-id bit; group -1 is 0; without its set-id bit; time 1099511627776 is 2038-01-19 03:14:07",
		"tty: left out: device 300,0: V7 has numbers of 0 to 255",
	}
	if err != nil || got.Files != 3 || got.Devices != 1 || !slices.Equal(told, want) {
		t.Errorf("%+v, %v, %q", got, err, told)
	}
	for name, c := range map[string]struct {
		mtime int32
		uid   int16
		perm  uint16
	}{"a": {-5, 11, 0}, "b": {1<<31 - 1, 0, 0o755}, "c\x1b": {0, 11, 0}} {
		st, err := f.Lookup(name)
		if err != nil || name != "c\x1b" && st.MTime != c.mtime || st.UID != c.uid || st.Mode&ModePerm != c.perm {
			t.Errorf("%q: %+v, %v; want %+v", name, st, err, c)
		}
	}
	mustCheck(t, f)
}
