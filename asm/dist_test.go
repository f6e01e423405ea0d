package asm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"testing"
)

// distribution reads the files of the V7 distribution whose names keep wants.
func distribution(t *testing.T, keep func(name string) bool) map[string][]byte {
	t.Helper()
	name := os.Getenv("V7EM_DIST")
	if name == "" {
		t.Skip("set V7EM_DIST to v7.tar.gz, the V7 distribution")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.TrimPrefix(h.Name, "./"); keep(n) {
			if files[n], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// object is what matters here of a V7 a.out file.
func object(t *testing.T, b []byte) (layout Layout, text, data []byte, bss int) {
	t.Helper()
	if len(b) < 16 {
		t.Fatalf("a.out of %d bytes", len(b))
	}
	w := words(b[:16])
	if len(b) < 16+int(w[1])+int(w[2]) {
		t.Fatalf("a.out of %d bytes, text %d, data %d", len(b), w[1], w[2])
	}
	b = b[16:]
	return Layout(w[0]), b[:w[1]], b[w[1]:][:w[2]], int(w[3])
}

// Sources that ship with the objects that V7's own assembler made of them must
// give the same text, data and bss.
func TestSameAsV7(t *testing.T) {
	files := distribution(t, func(n string) bool {
		return strings.HasSuffix(n, ".s") || strings.HasSuffix(n, ".o") || strings.HasSuffix(n, "uboot") ||
			n == "bin/as" || n == "lib/as2" || n == "lib/libc.a"
	})
	compare := func(objName string, obj []byte, sources ...string) {
		t.Run(objName, func(t *testing.T) {
			layout, text, data, bss := object(t, obj)
			var in []File
			for _, s := range sources {
				if files[s] == nil {
					t.Fatalf("%s is not in the distribution", s)
				}
				in = append(in, File{s, string(files[s])})
			}
			p, err := Assemble(Options{Layout: layout, undefinedOK: true}, in...)
			if err != nil {
				t.Fatal(err)
			}
			if layout == Shared { // ld rounds shared text up to 64 bytes
				p.Text = append(p.Text, make([]byte, -len(p.Text)&63)...)
			}
			if len(p.Text) != len(text) || len(p.Data) != len(data) || p.BSSSize != bss {
				t.Errorf("text %d data %d bss %d; V7 has %d, %d, %d", len(p.Text), len(p.Data), p.BSSSize, len(text), len(data), bss)
			}
			diff := func(name string, base uint16, got, want []byte) {
				n := 0
				for i := 0; i+1 < min(len(got), len(want)); i += 2 {
					if g, w := binary.LittleEndian.Uint16(got[i:]), binary.LittleEndian.Uint16(want[i:]); g != w {
						if n++; n < 8 {
							t.Errorf("%s %06o: %06o, V7 has %06o", name, int(base)+i, g, w)
						}
					}
				}
			}
			diff("text", p.TextBase, p.Text, text)
			diff("data", p.DataBase, p.Data, data)
		})
	}
	as := func(pass string) []string {
		s := []string{"usr/include/sys.s"}
		for d := '1'; d <= '9'; d++ {
			s = append(s, "usr/src/cmd/as/as"+pass+string(d)+".s")
		}
		return s
	}
	compare("bin/as", files["bin/as"], as("1")...)
	compare("lib/as2", files["lib/as2"], as("2")...)
	compare("rpuboot", files["usr/mdec/rpuboot"], "usr/mdec/rpuboot.s")
	compare("hpuboot", files["usr/mdec/hpuboot"], "usr/mdec/hpuboot.s")
	compare("mch.o", files["usr/sys/conf/mch.o"], "usr/sys/conf/mch0.s", "usr/sys/conf/mch.s")

	// The C library: every member with an assembler source of its name.
	sources := map[string]string{}
	for n := range files {
		if strings.HasPrefix(n, "usr/src/libc/") && !strings.HasPrefix(n, "usr/src/libc/v6/") && strings.HasSuffix(n, ".s") {
			sources[strings.TrimSuffix(path.Base(n), ".s")] = n
		}
	}
	lib := files["lib/libc.a"]
	if len(lib) < 2 || words(lib[:2])[0] != 0o177545 {
		t.Fatal("lib/libc.a is no archive")
	}
	count := 0
	for lib = lib[2:]; len(lib) >= 26; {
		name := strings.TrimRight(string(lib[:14]), "\x00")
		size := int(binary.LittleEndian.Uint16(lib[22:]))<<16 | int(binary.LittleEndian.Uint16(lib[24:]))
		body := lib[26 : 26+size]
		lib = lib[26+(size+1)&^1:]
		if src := sources[strings.TrimSuffix(name, ".o")]; src != "" {
			count++
			compare(name, bytes.Clone(body), "usr/include/sys.s", src)
		}
	}
	if count < 50 {
		t.Errorf("only %d members of libc.a compared", count)
	}
}
