package mini

import (
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"v7em/asm"
	"v7em/machine"
	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
)

// testProgram assembles one of testdata.
func testProgram(t *testing.T, name string) []byte {
	t.Helper()
	start, err := source(library)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := asm.Assemble(asm.Options{}, start, asm.File{Name: name, Text: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := executable(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put adds files, with mode 755, to the pack of a machine that is off.
func (g *small) put(files map[string][]byte) {
	g.t.Helper()
	f, err := v7fs.Open(g.disk)
	if err != nil {
		g.t.Fatal(err)
	}
	for name, b := range files {
		if err := f.MkdirAll(name[:strings.LastIndex(name, "/")], v7fs.Attr{Perm: 0o755}); err != nil {
			g.t.Fatal(err)
		}
		if err := f.WriteFile(name, b, v7fs.Attr{Perm: 0o755}); err != nil {
			g.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		g.t.Fatal(err)
	}
}

// tree describes all below a directory.
func tree(t *testing.T, f *v7fs.FS, dir string) string {
	t.Helper()
	var b strings.Builder
	err := f.Walk(dir, func(path string, st v7fs.Stat) error {
		fmt.Fprintf(&b, "%s %o %d %d %d", path, st.Mode, st.Nlink, st.UID, st.GID)
		if st.Type() == v7fs.ModeRegular {
			p, err := f.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d bytes %08x", len(p), crc32.ChecksumIEEE(p))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const callsWant = "testdata/calls.out"

// TestCalls makes system calls of all kinds and compares what they return, and the files
// that they leave, with what V7 does: see TestCallsV7.
func TestCalls(t *testing.T) {
	want, err := os.ReadFile(callsWant)
	if err != nil {
		t.Fatal(err)
	}
	g := off(t, machine.Config{})
	g.put(map[string][]byte{"/tmp/c": testProgram(t, "calls.s")})
	g.on()
	g.sh("mkdir /tmp/calls; chmod 755 /tmp/calls; cd /tmp/calls")
	got := g.sh("/tmp/c; cd /")
	g.clean()
	f, err := v7fs.Open(g.disk)
	if err != nil {
		t.Fatal(err)
	}
	if got += tree(t, f, "/tmp/calls"); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCallsV7 runs the same program on V7.
func TestCallsV7(t *testing.T) {
	want, err := os.ReadFile(callsWant)
	if err != nil {
		t.Fatal(err)
	}
	g := guest.Boot(t, guest.Options{Files: map[string]string{"/c": string(testProgram(t, "calls.s"))}})
	g.Run("umask 0; chmod 755 /c; mkdir /tmp/calls; chmod 755 /tmp/calls; cd /tmp/calls")
	got := g.Run("/c; cd /; rm -f /tmp/calls/core")
	g.Sync()
	var files string
	for _, v := range guest.Volumes(t, g.Drives()) {
		f, err := v7fs.Open(v.Dev)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Lookup("/calls"); err == nil {
			files = strings.ReplaceAll(tree(t, f, "/calls"), "/calls", "/tmp/calls")
		}
	}
	if got += files; got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
