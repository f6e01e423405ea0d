package mini_test

import (
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"v7em/tests/guest"
	"v7em/unix/fs"
)

// testProgram assembles one of testdata.
func testProgram(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return guest.Program(t, string(text))
}

// tree describes all below a directory.
func tree(t *testing.T, f *fs.FS, dir string) string {
	t.Helper()
	var b strings.Builder
	err := f.Walk(dir, func(path string, st fs.Stat) error {
		fmt.Fprintf(&b, "%s %o %d %d %d", path, st.Mode, st.Nlink, st.UID, st.GID)
		if st.Type() == fs.ModeRegular {
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

// TestCalls makes system calls of all kinds, on mini and on V7, and compares what they
// return, and the files that they leave.
func TestCalls(t *testing.T) {
	want, err := os.ReadFile(callsWant)
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range []string{guest.Mini, guest.V7} {
		t.Run(system, func(t *testing.T) {
			g := guest.Boot(t, guest.Options{Guest: system, Files: map[string]string{"/c": testProgram(t, "calls.s")}})
			g.Run("umask 0; chmod 755 /c; mkdir /tmp/calls; chmod 755 /tmp/calls; cd /tmp/calls")
			got := g.Run("/c; cd /; rm -f /tmp/calls/core")
			g.Sync()
			for _, v := range guest.Volumes(t, g.Drives()) {
				f, err := fs.Open(v.Dev)
				if err != nil {
					t.Fatal(err)
				}
				for _, dir := range []string{"/tmp/calls", "/calls"} { // V7 has a pack on /tmp
					if _, err := f.Lookup(dir); err == nil {
						got += strings.ReplaceAll(tree(t, f, dir), dir, "/tmp/calls")
					}
				}
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
