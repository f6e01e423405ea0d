package fs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// member is one header of an old tar, written by hand so that the reader is
// not tested against a library that rounds the oddities off.
type member struct {
	name, link, data string
	flag             byte
	mode             string
	size             int // overrides len(data) when not 0
	breakSum         bool
}

func oldTar(end int, members ...member) []byte {
	var out bytes.Buffer
	for _, m := range members {
		var h [512]byte
		copy(h[:], m.name)
		mode := m.mode
		if mode == "" {
			mode = "   664 \x00"
		}
		copy(h[100:], mode)
		copy(h[108:], "     3 \x00     4 \x00")
		size := len(m.data)
		if m.size != 0 {
			size = m.size
		}
		copy(h[124:], fmt.Sprintf("%11o ", size))
		copy(h[136:], fmt.Sprintf("%11o ", testTime.Unix()))
		copy(h[148:], "        ")
		h[156] = m.flag
		copy(h[157:], m.link)
		sum := 0
		for _, c := range h {
			sum += int(c)
		}
		if m.breakSum {
			sum++
		}
		copy(h[148:], fmt.Sprintf("%6o\x00 ", sum))
		out.Write(h[:])
		out.WriteString(m.data)
		out.Write(make([]byte, -len(m.data)&511))
	}
	out.Write(make([]byte, end))
	return out.Bytes()
}

func readTar(b []byte) ([]TarHeader, []string, error) {
	t, err := NewTarReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil, err
	}
	var hs []TarHeader
	var data []string
	for {
		h, err := t.Next()
		if err == io.EOF {
			return hs, data, nil
		}
		if err != nil {
			return hs, data, err
		}
		p, err := io.ReadAll(t)
		if err != nil {
			return hs, data, err
		}
		hs, data = append(hs, *h), append(data, string(p))
	}
}

func TestTarOld(t *testing.T) {
	b := oldTar(1024,
		member{name: "bin/mv", data: strings.Repeat("x", 700), mode: "  4755 \x00"},
		member{name: "usr/tmp/", mode: "  1777 \x00"},
		member{name: "./a//b/./c", data: ""},
		// A hard link repeats the size but no data follows.
		member{name: "usr/sys/h/pk.p", link: "usr/include/sys/pk.p", flag: '1', size: 3511},
		member{name: strings.Repeat("n/", 49) + "nn", data: "end"},
	)
	hs, data, err := readTar(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []TarHeader{
		{Name: "bin/mv", Mode: 0o4755, Size: 700},
		{Name: "usr/tmp", Type: TarDir, Mode: 0o1777},
		{Name: "a/b/c", Mode: 0o664},
		{Name: "usr/sys/h/pk.p", Type: TarLink, Mode: 0o664, Link: "usr/include/sys/pk.p"},
		{Name: strings.Repeat("n/", 49) + "nn", Mode: 0o664, Size: 3},
	}
	if len(hs) != len(want) {
		t.Fatalf("%d members, want %d", len(hs), len(want))
	}
	for i, w := range want {
		w.UID, w.GID, w.MTime = 3, 4, testTime
		if !reflect.DeepEqual(hs[i], w) {
			t.Errorf("member %d is %+v, want %+v", i, hs[i], w)
		}
	}
	if data[0] != strings.Repeat("x", 700) || data[4] != "end" {
		t.Errorf("contents are %q", data)
	}
}

func TestTarBad(t *testing.T) {
	good := member{name: "f", data: "data"}
	whole := oldTar(1024, good)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(whole)
	z.Close()
	flipped := bytes.Clone(zipped.Bytes())
	flipped[len(flipped)-6] ^= 1 // in the checksum, after the end mark
	for _, c := range []struct {
		what string
		b    []byte
		want string
	}{
		{"empty", nil, "it is empty"},
		{"half a header", whole[:300], "ends early, at byte 300"},
		{"no data", whole[:512], "ends early, at byte 512"},
		{"half the data", whole[:514], "ends early, at byte 514"},
		{"half an end mark", whole[:1100], "ends early, at byte 1100"},
		{"checksum", oldTar(1024, member{name: "f", breakSum: true}), "checksum"},
		{"noise", content(3, 2048), "not a tar archive"},
		{"gzip cut", zipped.Bytes()[:zipped.Len()/2], "ends early"},
		{"gzip cut in the trailer", zipped.Bytes()[:zipped.Len()-1], "ends early"},
		{"gzip checksum", flipped, "checksum"},
		{"gzip header", []byte{0x1f, 0x8b, 0, 0}, "gzip"},
	} {
		_, _, err := readTar(c.b)
		if !errors.Is(err, ErrTar) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.what, err, c.want)
		}
		if cut := strings.Contains(c.want, "ends early"); errors.Is(err, ErrTarCut) != cut {
			t.Errorf("%s: %v is ErrTarCut: %v", c.what, err, !cut)
		}
	}
	for what, b := range map[string][]byte{
		"whole": whole, "half an end mark": oldTar(512, good), "no end mark": whole[:1024], "no padding": whole[:700], "no more than the data": whole[:516],
		"gzip": zipped.Bytes(), "much behind the end": append(bytes.Clone(whole), content(1, 2<<20)...),
	} {
		if hs, data, err := readTar(b); err != nil || len(hs) != 1 || hs[0].Bad != nil || data[0] != "data" {
			t.Errorf("%s: %v %q, %v", what, hs, data, err)
		}
	}
	// What is wrong with one member leaves the others.
	for _, c := range []struct {
		what string
		m    member
		want string
	}{
		{"dot dot", member{name: "a/../../etc/passwd", data: "x"}, "leads out"},
		{"no name", member{data: "x"}, "no name"},
		{"link out", member{name: "a", flag: '1', link: "../x"}, "leads out"},
		{"link to nothing", member{name: "a", flag: '1'}, "no name"},
		{"mode", member{name: "a", mode: "  9999 \x00", data: "x"}, "octal"},
		{"checksum", member{name: "a", data: "x", breakSum: true}, "a damaged header at byte 1024"},
		{"volume", member{name: "a", flag: 'M', data: "x"}, "another volume"},
		{"pax", member{name: "a", flag: 'x', data: "3 path=x\n"}, "damaged extended header"},
		{"pax without an end", member{name: "a", flag: 'x', data: "11 path=x\t"}, "damaged extended header"},
		{"pax number", member{name: "a", flag: 'x', data: "13 uid=many\n"}, "damaged extended header"},
		{"long header", member{name: "a", flag: 'L', data: strings.Repeat("x", 2<<20)}, "extended header of 2097152 bytes"},
		{"deep name", member{name: "a", flag: 'L', data: strings.Repeat("x/", 600)}, "a name of 600 components"},
		{"long name", member{name: "a", flag: 'L', data: strings.Repeat("x", 5000)}, "a name of 5000 bytes"},
	} {
		hs, data, err := readTar(oldTar(1024, good, c.m, good, good))
		bad := 0
		for i, h := range hs {
			if h.Bad == nil {
				continue
			}
			bad++
			if !strings.Contains(h.Bad.Error(), c.want) || data[i] != "" {
				t.Errorf("%s: %v, data %q, want %q", c.what, h.Bad, data[i], c.want)
			}
		}
		// A header that says something of the next member takes that with it.
		n := 4
		if c.m.flag == 'x' || c.m.flag == 'L' {
			n = 3
		}
		if err != nil || bad != 1 || len(hs) != n || data[n-1] != "data" {
			t.Errorf("%s: %d members, %d bad, %v", c.what, len(hs), bad, err)
		}
	}
}

// The formats that today's tar writes, by Go's own writer.
func TestTarModern(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	long := strings.Repeat("directory/", 12) + "file"
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o755, Uid: 1000, Gid: 1000},
		{Typeflag: tar.TypeReg, Name: "d/f", Mode: 0o100644, Size: 3},
		{Typeflag: tar.TypeReg, Name: long, Mode: 0o600},
		{Typeflag: tar.TypeLink, Name: "d/g", Linkname: "d/f"},
		{Typeflag: tar.TypeChar, Name: "d/tty", Devmajor: 17, Devminor: 3, Mode: 0o622},
		{Typeflag: tar.TypeBlock, Name: "d/rk0", Devmajor: 0, Devminor: 1},
	} {
		h.Format, h.ModTime = tar.FormatUSTAR, testTime
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("abc"))
		}
	}
	w.Close()
	hs, data, err := readTar(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := []TarHeader{
		{Name: "d", Type: TarDir, Mode: 0o755, UID: 1000, GID: 1000},
		{Name: "d/f", Mode: 0o644, Size: 3},
		{Name: long, Mode: 0o600},
		{Name: "d/g", Type: TarLink, Link: "d/f"},
		{Name: "d/tty", Type: TarChar, Mode: 0o622, Major: 17, Minor: 3},
		{Name: "d/rk0", Type: TarBlock, Minor: 1},
	}
	for i, w := range want {
		w.MTime = testTime
		if !reflect.DeepEqual(hs[i], w) {
			t.Errorf("member %d is %+v, want %+v", i, hs[i], w)
		}
	}
	if data[1] != "abc" {
		t.Errorf("d/f has %q", data[1])
	}
}

func extract(t *testing.T, f *FS, b []byte, o ExtractOptions) (Extracted, error) {
	t.Helper()
	r, err := NewTarReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return f.Extract(r, o)
}

func TestExtract(t *testing.T) {
	f, _ := newFS(t, 1000)
	b := oldTar(1024,
		member{name: "usr/include/pk.p", data: "pk"},
		member{name: "usr/sys/h/pk.p", link: "usr/include/pk.p", flag: '1', size: 2},
		member{name: "bin/mv", data: "mv", mode: "  4755 \x00"},
		member{name: "usr/bin/", mode: "   711 \x00"},
	)
	var names []string
	o := ExtractOptions{
		Dir:      Attr{Perm: 0o775, UID: 3, GID: 3},
		Progress: func(h *TarHeader, path string) { names = append(names, path) },
	}
	got, err := extract(t, f, b, o)
	if err != nil {
		t.Fatal(err)
	}
	if got.Files != 2 || got.Links != 1 || got.Dirs != 1 || got.Bytes != 4 || len(got.Apart) != 0 {
		t.Errorf("extracted %+v", got)
	}
	if want := "/usr/include/pk.p /usr/sys/h/pk.p /bin/mv /usr/bin"; strings.Join(names, " ") != want {
		t.Errorf("progress on %v", names)
	}
	for _, c := range []struct {
		path  string
		mode  uint16
		nlink int16
		uid   int16
		mtime time.Time
	}{
		{"usr", 0o40775, 5, 3, testTime},
		{"usr/sys/h", 0o40775, 2, 3, testTime},
		{"usr/bin", 0o40711, 2, 3, testTime},
		{"bin/mv", 0o104755, 1, 3, testTime},
		{"usr/sys/h/pk.p", 0o100664, 2, 3, testTime},
	} {
		st, err := f.Lookup(c.path)
		if err != nil || st.Mode != c.mode || st.Nlink != c.nlink || st.UID != c.uid || UnixTime(st.MTime) != c.mtime {
			t.Errorf("%s is %+v, %v", c.path, st, err)
		}
	}
	mustCheck(t, f)

	// Again over itself, with what is in the way replaced.
	if err := f.WriteFile("bin/mv", content(1, 9999), Attr{}); err != nil {
		t.Fatal(err)
	}
	if _, err := extract(t, f, b, o); err != nil {
		t.Fatal(err)
	}
	if p, err := f.ReadFile("/bin/mv"); err != nil || string(p) != "mv" {
		t.Errorf("bin/mv has %d bytes, %v", len(p), err)
	}
	a, _ := f.Lookup("usr/include/pk.p")
	if h, _ := f.Lookup("usr/sys/h/pk.p"); a.Ino != h.Ino || a.Nlink != 2 {
		t.Errorf("the hard link is inode %d, the file inode %d with %d links", h.Ino, a.Ino, a.Nlink)
	}
	mustCheck(t, f)
}

func TestExtractMap(t *testing.T) {
	f, _ := newFS(t, 1000)
	b := oldTar(1024,
		member{name: "usr/include/pk.p", data: "pk"},
		member{name: "usr/sys/h/pk.p", link: "usr/include/pk.p", flag: '1', size: 2},
		member{name: "bin/mv", data: "mv"},
	)
	got, err := extract(t, f, b, ExtractOptions{Map: func(name string) (string, bool) {
		rest, ok := strings.CutPrefix(name, "usr/sys/")
		return rest, ok
	}})
	if err != nil || got.Files != 0 || len(got.Apart) != 1 || got.Apart[0].Link != "usr/include/pk.p" {
		t.Errorf("extracted %+v, %v", got, err)
	}
	got, err = extract(t, f, b, ExtractOptions{Map: func(name string) (string, bool) {
		return strings.CutPrefix(name, "usr/")
	}})
	if err != nil || got.Files != 1 || got.Links != 1 {
		t.Errorf("extracted %+v, %v", got, err)
	}
	if _, err := f.Lookup("sys/h/pk.p"); err != nil {
		t.Error(err)
	}
	mustCheck(t, f)
}

func TestExtractFull(t *testing.T) {
	f, _ := newFS(t, 400)
	b := oldTar(1024, member{name: "big", data: strings.Repeat("x", 300000)})
	if _, err := extract(t, f, b, ExtractOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("%v, want %v", err, ErrNoSpace)
	}
	mustCheck(t, f)
	if _, err := extract(t, f, oldTar(0, member{name: "a", data: "x"})[:300], ExtractOptions{}); !errors.Is(err, ErrTarCut) {
		t.Errorf("half a header: %v", err)
	}
}

// The whole distribution onto a file system of RP03 size, held against Go's
// own tar reader.
func TestDistribution(t *testing.T) {
	dist := os.Getenv("V7EM_DIST")
	if dist == "" {
		t.Skip("set V7EM_DIST to v7.tar.gz (Henry Spencer's V7 tree, from The Unix Heritage Society)")
	}
	zipped, err := os.ReadFile(dist)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMem(81000)
	f, err := Mkfs(m, MkfsOptions{Time: testTime})
	if err != nil {
		t.Fatal(err)
	}
	got, err := extract(t, f, zipped, ExtractOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := mustCheck(t, f)
	t.Logf("%+v; %v", got, r)

	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	oracle := tar.NewReader(z)
	files, links := 0, 0
	for {
		h, err := oracle.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		st, err := f.Lookup(h.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		if h.Typeflag == tar.TypeLink {
			links++
			if to, err := f.Lookup(h.Linkname); err != nil || to.Ino != st.Ino {
				t.Errorf("%s is inode %d, %s inode %d (%v)", h.Name, st.Ino, h.Linkname, to.Ino, err)
			}
			continue
		}
		files++
		if st.Mode != ModeRegular|uint16(h.Mode) || int(st.UID) != h.Uid || int(st.GID) != h.Gid || !UnixTime(st.MTime).Equal(h.ModTime) {
			t.Errorf("%s: mode %06o owner %d,%d time %v, want %04o %d,%d %v", h.Name, st.Mode, st.UID, st.GID, UnixTime(st.MTime), h.Mode, h.Uid, h.Gid, h.ModTime)
		}
		want, err := io.ReadAll(oracle)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := f.ReadFile(h.Name); err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s has %d bytes, want %d (%v)", h.Name, len(data), len(want), err)
		}
	}
	// As many as tar tzf lists.
	if files != got.Files || links != got.Links || files+links != 2144 {
		t.Errorf("%d files and %d links, extracted %d and %d", files, links, got.Files, got.Links)
	}
	if r.Regular != files+1 {
		t.Errorf("%d regular inodes, want %d and the one for bad blocks", r.Regular, files)
	}
}
