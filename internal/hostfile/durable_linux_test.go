package hostfile

import (
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
