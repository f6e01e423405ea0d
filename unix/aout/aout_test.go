package aout

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
)

func words(w ...uint16) []byte {
	var b []byte
	for _, v := range w {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func sym(name string, typ, value uint16) []byte {
	var b [8]byte
	copy(b[:], name)
	return append(b[:], words(typ, value)...)
}

func TestParse(t *testing.T) {
	b := cat(
		words(0o411, 4, 2, 10, 36, 0o34, 0, 1),
		words(0o12700, 0o42), words(7),
		sym("_main", 0o42, 0o34), sym("_longnam", 0o44, 0o100), sym("l1", 2, 2),
		[]byte("more"),
	)
	f, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Header: Header{0o411, 4, 2, 10, 36, 0o34, 0, 1},
		Text:   words(0o12700, 0o42), Data: words(7),
		Symbols: []Symbol{{"_main", Text | External, 0o34}, {"_longnam", BSS | External, 0o100}, {"l1", Text, 2}},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("parsed %+v, want %+v", f, want)
	}
	for name, value := range map[string]uint16{"_main": 0o34, "_longname": 0o100, "_longnam": 0o100, "l1": 2} {
		if s, ok := f.Lookup(name); !ok || s.Value != value {
			t.Errorf("%s is %+v, %v, want %o", name, s, ok, value)
		}
	}
	if s, ok := f.Lookup("main"); ok {
		t.Errorf("main is %+v", s)
	}
	// An object file: a word of relocation for each word.
	b = cat(words(0o407, 4, 2, 0, 12, 0, 0, 0), words(1, 2), words(3), words(4, 5, 6), sym("x", 0o40, 0))
	if f, err = Parse(b); err != nil || !bytes.Equal(f.Reloc, words(4, 5, 6)) || f.Symbols[0].Name != "x" {
		t.Errorf("object file: %+v, %v", f, err)
	}
}

// The external symbol wins over a local one of the same name before it.
func TestLookupExternal(t *testing.T) {
	f := File{Symbols: []Symbol{{"x", Text, 1}, {"x", Data | External, 2}, {"x", Text, 3}}}
	if s, _ := f.Lookup("x"); s.Value != 2 {
		t.Errorf("x is %+v", s)
	}
}

func TestParseErrors(t *testing.T) {
	good := cat(words(0o407, 4, 2, 0, 12, 0, 0, 0), words(1, 2), words(3), words(4, 5, 6), sym("x", 0o40, 0))
	for n := range len(good) {
		if _, err := Parse(good[:n]); !errors.Is(err, ErrFormat) {
			t.Errorf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{words(0o406, 0, 0, 0, 0, 0, 0, 1), "magic"},
		{words(0o407, 3, 0, 0, 0, 0, 0, 1, 0, 0), "even"},
		{words(0o407, 0, 1, 0, 0, 0, 0, 1, 0, 0), "even"},
		{words(0o407, 0, 0, 0, 13, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), "multiple of 12"},
		{words(0o407, 0xfffe, 0xfffe, 0xffff, 0, 0, 0, 0), "cut short"},
	} {
		if _, err := Parse(c.b); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("% x: %v, want an error about %q", c.b, err, c.want)
		}
	}
}

func TestBytes(t *testing.T) {
	f := &File{
		Header: Header{Magic: Plain, BSSSize: 6, Entry: 2},
		Text:   []byte{1, 2, 3}, Data: []byte{4},
		Symbols: []Symbol{{"start", Text | External, 2}},
	}
	b, err := f.Bytes()
	want := cat(words(0o407, 4, 2, 6, 12, 2, 0, 1), []byte{1, 2, 3, 0, 4, 0}, sym("start", 0o42, 2))
	if err != nil || !bytes.Equal(b, want) {
		t.Errorf("got % x, %v, want % x", b, err, want)
	}
	f.Reloc = words(0, 0, 0)
	if b, err = f.Bytes(); err != nil {
		t.Fatal(err)
	}
	if g, err := Parse(b); err != nil || g.Stripped != 0 || len(g.Reloc) != 6 || g.Symbols[0] != f.Symbols[0] {
		t.Errorf("with relocation: %+v, %v", g, err)
	}
	for _, g := range []File{
		{Header: Header{Magic: 1}},
		{Header: Header{Magic: Plain}, Text: make([]byte, 65535)},
		{Header: Header{Magic: Plain}, Text: make([]byte, 4), Reloc: make([]byte, 2)},
		{Header: Header{Magic: Plain}, Symbols: make([]Symbol, 5462)},
		{Header: Header{Magic: Plain}, Symbols: []Symbol{{Name: "ninebytes"}}},
	} {
		if _, err := g.Bytes(); !errors.Is(err, ErrFormat) {
			t.Errorf("wrote a bad file: %v", err)
		}
	}
}

func archive(name string, data []byte) []byte {
	var n [14]byte
	copy(n[:], name)
	pad := make([]byte, len(data)&1)
	// The date 0x01020304 and the size have their high words first.
	return cat(n[:], words(0x0102, 0x0304), []byte{3, 4}, words(0o100664), words(0, uint16(len(data))), data, pad)
}

func TestArchive(t *testing.T) {
	b := cat(words(ArchiveMagic), archive("fourteen.chars", []byte("odd")), archive("b.o", nil), archive("c.o", []byte("even")))
	got, err := ParseArchive(b)
	want := []Member{
		{"fourteen.chars", 0x01020304, 3, 4, 0o100664, []byte("odd")},
		{"b.o", 0x01020304, 3, 4, 0o100664, []byte{}},
		{"c.o", 0x01020304, 3, 4, 0o100664, []byte("even")},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := ParseArchive(words(ArchiveMagic)); err != nil || len(got) != 0 {
		t.Errorf("an empty archive: %v, %v", got, err)
	}
	last := 2 + memberLen + 4 + memberLen // where c.o begins
	for _, n := range []int{0, 1, 3, 20, last + 1, len(b) - 1} {
		if _, err := ParseArchive(b[:n]); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	huge := archive("x", nil)
	copy(huge[22:], words(0x8000, 0))
	if _, err := ParseArchive(cat(words(ArchiveMagic), huge)); !errors.Is(err, ErrFormat) {
		t.Errorf("a negative size: %v", err)
	}
}

// The distribution's kernels, commands and libraries.
func TestDistribution(t *testing.T) {
	dist := os.Getenv("V7EM_DIST")
	if dist == "" {
		t.Skip("set V7EM_DIST to v7.tar.gz (Henry Spencer's V7 tree, from The Unix Heritage Society)")
	}
	file, err := os.Open(dist)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	execs, objects, libs := 0, 0, map[string]int{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < headerLen {
			continue
		}
		magic := binary.LittleEndian.Uint16(b)
		if magic == ArchiveMagic {
			list, err := ParseArchive(b)
			if err != nil {
				t.Errorf("%s: %v", h.Name, err)
			}
			for _, m := range list {
				if path.Ext(m.Name) != ".o" {
					continue
				}
				if f, err := Parse(m.Data); err != nil || f.Magic != Plain {
					t.Errorf("%s(%s): %v", h.Name, m.Name, err)
				}
				objects++
			}
			libs[h.Name] = len(list)
		}
		if !IsMagic(magic) {
			continue
		}
		f, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", h.Name, err)
			continue
		}
		execs++
		if h.Name != "rptmunix" {
			continue
		}
		for _, name := range []string{"_proc", "_mount", "_buffers", "_rootdir", "_time"} {
			if s, ok := f.Lookup(name); !ok || s.Type&External == 0 || s.Value == 0 {
				t.Errorf("%s: %s is %+v, %v", h.Name, name, s, ok)
			}
		}
		if f.Magic != Separate {
			t.Errorf("%s has magic %06o", h.Name, f.Magic)
		}
		again, err := f.Bytes()
		if err != nil || !bytes.Equal(again, b[:len(again)]) {
			t.Errorf("%s does not survive Parse and Bytes: %v", h.Name, err)
		}
	}
	if execs < 200 || objects < 300 || libs["lib/libc.a"] == 0 || libs["usr/sys/sys/LIB1"] == 0 {
		t.Errorf("found only %d executables and %d objects in archives %v", execs, objects, libs)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(cat(words(0o407, 4, 2, 0, 12, 0, 0, 0), words(1, 2), words(3), words(4, 5, 6), sym("x", 0o40, 0)))
	f.Add(cat(words(0o411, 4, 2, 10, 12, 0o34, 0, 1), words(1, 2), words(3), sym("_main", 0o42, 0o34)))
	f.Add(words(0o410, 0xfffe, 0xfffe, 0, 0xfffc, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		file.Lookup("_main")
		again, err := file.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		g, err := Parse(again)
		if err != nil {
			t.Fatal(err)
		}
		if g.Stripped != file.Stripped && len(file.Text)+len(file.Data) != 0 || !reflect.DeepEqual(g.Symbols, file.Symbols) || !bytes.Equal(g.Text, file.Text) || !bytes.Equal(g.Data, file.Data) {
			t.Fatalf("%+v became %+v", file, g)
		}
	})
}

func FuzzArchive(f *testing.F) {
	f.Add(cat(words(ArchiveMagic), archive("a.o", []byte("odd")), archive("b.o", []byte("even"))))
	f.Add(words(ArchiveMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseArchive(b)
		if err != nil {
			return
		}
		total := 2
		for _, m := range list {
			total += memberLen + len(m.Data)
		}
		if total > len(b) {
			t.Fatalf("members of %d bytes in an archive of %d", total, len(b))
		}
	})
}
