package fs

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// sparseHeader makes a member of GNU tar's old sparse format: pieces of 1 byte each.
func sparseHeader(real string, more byte, offsets ...string) []byte {
	b := oldTar(0, member{name: "s", flag: 'S', data: strings.Repeat("x", len(offsets))})
	for i, o := range offsets {
		copy(b[gnuPieces+24*i:], fmt.Sprintf("%11s\x00%11o\x00", o, 1))
	}
	copy(b[gnuRealSize:], fmt.Sprintf("%11s\x00", real))
	b[gnuExtended] = more
	sum := 0
	copy(b[tarChecksum:], "        ")
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[tarChecksum:], fmt.Sprintf("%6o\x00 ", sum))
	return b
}

// resum gives blocks that could be headers the right checksum now and then, so that a
// fuzzer gets past it: those whose first byte is odd.
func resum(b []byte) []byte {
	b = bytes.Clone(b)
	for h := range slices.Chunk(b, 512) {
		if len(h) < 512 || h[0]&1 == 0 {
			continue
		}
		copy(h[tarChecksum:tarTypeflag], "        ")
		sum := 0
		for _, c := range h {
			sum += int(c)
		}
		copy(h[tarChecksum:], fmt.Sprintf("%6o\x00 ", sum))
	}
	return b
}

// Whatever an archive says: no panic, a sound file system, nothing outside of where
// Map puts it, each member counted once and told once.
func FuzzTar(f *testing.F) {
	good := oldTar(1024,
		member{name: "usr/include/pk.p", data: "pk"},
		member{name: "usr/sys/h/pk.p", link: "usr/include/pk.p", flag: '1', size: 2},
		member{name: "usr/tmp/", mode: "  1777 \x00"},
	)
	f.Add(good)
	f.Add(good[:700])
	f.Add(oldTar(512, member{name: "../x"}))
	f.Add(oldTar(512, member{name: "big", size: 1 << 30}))
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(good)
	w.Close()
	f.Add(z.Bytes())
	pax := func(records ...string) member {
		m := member{name: "PaxHeader", flag: 'x'}
		for _, r := range records {
			n := len(r) + 3
			if n > 9 {
				n++
			}
			m.data += fmt.Sprintf("%d %s\n", n, r)
		}
		return m
	}
	file := member{name: "made up", data: "1\n5\n3\n" + strings.Repeat("\x00", 506) + "abc"}
	f.Add(oldTar(0, pax("path=a/b", "uid=70000", "mtime=-1.5", "size=3"), member{name: "x", data: "abc"}))
	f.Add(oldTar(0, pax("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=s", "GNU.sparse.realsize=600"), file))
	f.Add(oldTar(0, pax("GNU.sparse.size=600", "GNU.sparse.map=5,3"), member{name: "s", data: "abc"}))
	f.Add(oldTar(0, pax("GNU.sparse.size=600", "GNU.sparse.offset=5", "GNU.sparse.numbytes=3"), member{name: "s", data: "abc"}))
	f.Add(oldTar(0, member{name: "g", flag: 'g', data: "9 uid=1\n"}, member{name: "L", flag: 'L', data: strings.Repeat("long/", 30)}, member{name: "K", flag: 'K', data: "target\x00"}, member{flag: '1'}))
	f.Add(append(sparseHeader("77777777777", 0, "1", "1000", "7777777777"), good...))
	f.Add(append(sparseHeader("1000", 1, "1"), good...))
	f.Add(oldTar(0, member{name: "V", flag: 'V'}, member{name: "D", flag: 'D', data: "Yx\x00\x00"}, member{name: "M", flag: 'M', data: "x"}, member{name: "fifo", flag: '6'}, member{name: "a name of more than 14"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, resum(b)} {
			fsys, _ := newFS(t, 100)
			if err := fsys.Mkdir("/in", Attr{}); err != nil {
				t.Fatal(err)
			}
			r, err := NewTarReader(bytes.NewReader(b))
			if err != nil {
				return
			}
			told := 0
			got, err := fsys.Extract(r, ExtractOptions{
				Map: func(name string) (string, bool) { return "/in/" + name, true },
				Tell: func(line string) {
					told++
					if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
						t.Errorf("told: %q", line)
					}
				},
			})
			if told != got.Left+got.Changed {
				t.Errorf("%d lines, %+v", told, got)
			}
			mustCheck(t, fsys)
			if list, _ := fsys.ReadDir("/"); len(list) != 3 {
				t.Errorf("the root has %v after %v", list, err)
			}
			if got.Files+got.Links+got.Dirs+got.Devices+got.Left > len(b) && !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
				t.Errorf("%+v out of %d bytes", got, len(b))
			}
		}
	})
}

// patched returns a small file system with the fuzzer's bytes written over it:
// pairs of a 16-bit position, scaled to cover it, and a byte.
func patched(t testing.TB, base []byte, patch []byte) *Mem {
	m := MemOf(bytes.Clone(base))
	for ; len(patch) >= 3; patch = patch[3:] {
		// Even positions anywhere, odd ones in the superblock and first inodes.
		at := int(binary.LittleEndian.Uint16(patch))
		if at&1 == 0 {
			at = at * len(base) >> 16
		} else {
			at = 512 + at>>1%1024
		}
		m.Bytes()[at] = patch[2]
	}
	return m
}

// sample makes a small file system with a bit of everything in it.
func sample(t testing.TB) []byte {
	f, m := newFS(t, 800)
	for _, d := range []string{"/a", "/a/b", "/c"} {
		if err := f.Mkdir(d, Attr{Perm: 0o755}); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			if err := f.WriteFile(d+"/f"+string(rune('0'+i)), content(uint64(i), i*20), Attr{Perm: 0o644}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.RemoveAll("/c"); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteFile("/big", content(1, 145*BlockSize), Attr{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Mknod("/tty", ModeChar, 17, 0, Attr{}); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	return m.Bytes()
}

// FuzzImage sees that no image makes the checker or the operations panic or
// hang, that the checker gives the same answer with tables of earlier use, and
// that what it finds clean can be read.
func FuzzImage(f *testing.F) {
	base := sample(f)
	f.Add([]byte{})
	f.Add([]byte{1, 4, 0xff, 0x81, 4, 0xff})
	f.Add([]byte{0x80, 4, 3, 3, 8, 1, 0x11, 9, 0xff})
	f.Add(content(1, 300))
	f.Add(content(2, 3000))
	var used Checker
	f.Fuzz(func(t *testing.T, patch []byte) {
		m := patched(t, base, patch)
		r := used.Check(m)
		if again := Check(m); again.Harmful != r.Harmful || again.Harmless != r.Harmless || len(again.Problems) != len(r.Problems) {
			t.Fatalf("the answer depends on earlier use: %v and %v", r, again)
		}
		for _, p := range r.Problems {
			if p.String() == "" || bytes.ContainsAny([]byte(p.String()), "\n\x1b") {
				t.Fatalf("problem %q is not one line", p)
			}
		}
		g, err := Open(m)
		if err != nil {
			if r.Harmful == 0 {
				t.Fatalf("nothing harmful found in what Open refuses: %v", err)
			}
			return
		}
		err = g.Walk("/", func(p string, st Stat) error {
			if st.Type() != ModeRegular {
				return nil
			}
			file, err := g.Open(p)
			if err != nil {
				return err
			}
			if _, err := file.ReadAt(make([]byte, 20000), 0); err != nil && err != io.EOF {
				return err
			}
			return nil
		})
		if err != nil && r.Clean() {
			t.Fatalf("clean, but %v", err)
		}
		if _, _, err := g.Free(); err != nil && r.Clean() {
			t.Fatalf("clean, but %v", err)
		}
		// Changes to a damaged file system may fail; to a clean one they must
		// leave it clean.
		g.WriteFile("/new", content(1, 9000), Attr{})
		g.Mkdir("/newdir", Attr{})
		g.RemoveAll("/a")
		g.Truncate("/big", 100)
		g.FreeOrphans()
		g.Sync()
		if r.Clean() {
			if after := Check(m); !after.Clean() {
				t.Fatalf("clean before: %v", after.Problems)
			}
		}
	})
}

// FuzzRaw takes the superblock and all that follows from the fuzzer.
func FuzzRaw(f *testing.F) {
	f.Add(sample(f)[512:8000], uint8(0))
	f.Add(content(3, 5000), uint8(40))
	f.Fuzz(func(t *testing.T, b []byte, more uint8) {
		m := NewMem((len(b)+511)/512 + 1 + int(more))
		copy(m.Bytes()[512:], b)
		r := Check(m)
		g, err := Open(m)
		if err != nil {
			return
		}
		err = g.Walk("/", func(p string, st Stat) error { return nil })
		if err != nil && r.Clean() {
			t.Fatalf("clean, but %v", err)
		}
		g.RemoveAll("/a")
		g.WriteFile("/new", content(1, 9000), Attr{})
	})
}
