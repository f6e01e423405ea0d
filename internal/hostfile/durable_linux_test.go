package hostfile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"v7em/journaldev/crashtest"
	"v7em/tests/forgetful"
)

// TestDurable writes a file on a host that forgets, in each way, and cuts the power after
// each of the changes that this makes.
func TestDurable(t *testing.T) {
	long := strings.Repeat("old ", 1000)
	for _, c := range []struct {
		name, old, content string
		place              bool // it cannot be renamed, so it is written in place
	}{
		{"a new file", "", "new", false},
		{"replaced", long, "new", false},
		{"in place, shorter", long, "new", true},
		{"in place, longer", "old", strings.Repeat("new ", 1000), true},
	} {
		run := func(cut int) (*forgetful.Host, bool) {
			files := map[string][]byte{}
			if c.old != "" {
				files["f"] = []byte(c.old)
			}
			h := forgetful.Mount(t, t.TempDir(), files, forgetful.Fault{})
			if c.place {
				h.RefuseRename(syscall.EBUSY)
			}
			if cut >= 0 {
				h.CutAfter(cut)
			}
			cmd := exec.Command(os.Args[0], "-test.run", "^TestPermissions$")
			cmd.Env = append(os.Environ(), "HOSTFILE_CHILD="+filepath.Join(h.Dir, "f"), "HOSTFILE_CONTENT="+c.content)
			err := cmd.Run()
			h.Unmount()
			return h, err == nil
		}
		h, ok := run(-1)
		if !ok {
			t.Fatalf("%s: it fails", c.name)
		}
		changes := h.Changes()
		// That there is room is certain before what is there is written over.
		if all := strings.Join(changes, ", "); c.place && len(c.content) > len(c.old) && !strings.Contains(all, "write f, sync f, write f") {
			t.Errorf("%s: it does %s", c.name, all)
		}
		rnd := rand.New(rand.NewPCG(1, 1))
		for cut := range len(changes) + 1 {
			h, ok := run(cut)
			for n := range 6 {
				l := min(crashtest.Loss(n), crashtest.Random)
				left := h.Left(l, rnd)
				got := string(left["f"])
				switch {
				case got == c.content, !ok && got == c.old:
				case !ok && c.place && strings.Contains(strings.Join(changes[:cut], " "), "write f"):
					// That is what cannot be had in place.
				default:
					t.Errorf("%s, cut after %q, %v, done %v: it has %.20q, %d bytes", c.name, changes[:cut], l, ok, got, len(got))
				}
			}
		}
	}
}

// TestFull: on a full disk the file that was there stays, whichever way it is written.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a small tmpfs (run as root): %v", err)
	}
	defer syscall.Unmount(dir, 0)
	path := filepath.Join(dir, "f")
	put(t, path, "old", 0o644)
	big := bytes.Repeat([]byte{7}, 2<<20)
	check := func(o Options) {
		t.Helper()
		if err := Write(path, big, o); !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), Prefix) {
			t.Errorf("%+v: %v", o, err)
		}
		has(t, path, "old", "f")
	}
	check(Options{})
	check(Options{Whole: true, Alone: true})
	// A file that is a mount point itself cannot be replaced, so it is written in place.
	if err := syscall.Mount(path, path, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(path, 0)
	check(Options{})
	if err := Write(path, []byte("a longer new one"), Options{}); err != nil {
		t.Error(err)
	}
	has(t, path, "a longer new one", "f")
	if err := Write(path, []byte("short"), Options{}); err != nil {
		t.Error(err)
	}
	has(t, path, "short", "f")
	// There is room for the new one beside it, but not for both.
	big = big[:600<<10]
	if err := Write(path, big, Options{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("longer than there is room: %v", err)
	}
	has(t, path, "short", "f")
	if err := Write(path, []byte("whole"), Options{Whole: true}); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("whole: %v", err)
	}
	has(t, path, "short", "f")
}
