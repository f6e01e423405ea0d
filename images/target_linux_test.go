package images

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/tests/forgetful"
)

// cutInstall makes an install on a host whose power goes off after so many changes, or
// never if it is negative. It returns the host, and whether the install said that it was done.
func cutInstall(t *testing.T, before map[string]string, cut int) (*forgetful.Host, bool) {
	t.Helper()
	files := map[string][]byte{}
	for name, s := range before {
		files[name] = []byte(s)
	}
	h := forgetful.Mount(t, t.TempDir(), files, forgetful.Fault{})
	if cut >= 0 {
		h.CutAfter(cut)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asInstaller+"="+h.Dir)
	out, err := cmd.CombinedOutput()
	if cut < 0 && err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h.Unmount()
	return h, err == nil
}

// TestInstallCut kills an install, and cuts the power, after each of the changes that it
// makes to its host. What is left is the old machine, or the new one, or counts as none,
// and then the next install makes it one.
func TestInstallCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for name, before := range map[string]map[string]string{"new": {"lost+found/": ""}, "replaced": oldFiles} {
		after := replacedFiles()
		if name == "new" {
			after = maps.Clone(newFiles)
			after["lost+found/"] = ""
		}
		h, _ := cutInstall(t, before, -1)
		changes := h.Changes()
		done, seen := map[string]int{}, map[string]bool{}
		for cut := range len(changes) + 1 {
			h, ok := cutInstall(t, before, cut)
			for n := range 6 {
				l := min(crashtest.Loss(n), crashtest.Random)
				left := h.Left(l, rnd)
				delete(left, journaldev.LockName)
				key := fmt.Sprintf("%v %q", ok, left)
				if seen[key] {
					continue
				}
				seen[key] = true
				dir := t.TempDir()
				forgetful.Store(t, dir, left)
				bad := func(what string) {
					t.Errorf("%s, cut after %d changes (%q), %v: %s: %q", name, cut, changes[max(cut-1, 0)], l, what, holds(t, dir))
				}
				got := holds(t, dir)
				installed := Installed(dir)
				switch {
				case ok && !(installed && maps.Equal(got, after)):
					bad("it was done, but is not there")
				case installed && maps.Equal(got, after):
					done["new"]++
				case installed:
					done["old"]++
					for f, s := range before {
						if got[f] != s {
							bad("what was there has changed")
							break
						}
					}
				default:
					done["none"]++
				}
				if got["rk0.rk05"] == newFiles["rk0.rk05"] && got["rk0.rk05.journal"] != "" {
					bad("a new pack beside the journal of the old one")
				}
				// The next one makes it good. Where a machine was it is not made anew without
				// a word: what was ready is put in place.
				if err := makeQuickly(dir, installed); err != nil && !errors.Is(err, ErrInstalled) {
					bad(err.Error())
				} else if name == "replaced" && !errors.Is(err, ErrInstalled) && !installed {
					bad("the old machine is gone, and the new one was not ready")
				}
				if got := holds(t, dir); !Installed(dir) || !maps.Equal(got, after) {
					bad("the next install does not make it good")
				}
			}
		}
		t.Logf("%s: %d changes, %v", name, len(changes), done)
		if done["none"] == 0 || done["new"] == 0 {
			t.Errorf("%s: only %v came of it", name, done)
		}
	}
}

// TestInstallMountPoint installs into a directory that is a file system of its own, twice.
func TestInstallMountPoint(t *testing.T) {
	dist(t)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160m"); err != nil {
		t.Skipf("needs the right to mount a tmpfs (run as root): %v", err)
	}
	defer syscall.Unmount(dir, 0)
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		if err := install(t, t.Context(), dir, force, nil); err != nil {
			t.Fatal(err)
		}
		if !Installed(dir) {
			t.Error("not installed")
		}
		for _, s := range []*Set{RK(), RP()} {
			p, err := s.OpenPacks(dir)
			if err != nil {
				t.Fatal(err)
			}
			clean(t, &p.Drives)
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestDownloadDurable fills the cache on a host that forgets, and cuts the power.
func TestDownloadDurable(t *testing.T) {
	body, err := os.ReadFile(dist(t))
	if err != nil {
		t.Fatal(err)
	}
	server := archive(t, body)
	for _, before := range []map[string][]byte{nil, {"a/b/" + DistName: []byte("damaged")}} {
		h := forgetful.Mount(t, t.TempDir(), before, forgetful.Fault{})
		cmd := exec.Command(os.Args[0], server.URL+"/Archive")
		cmd.Env = append(os.Environ(), asDownloader+"="+filepath.Join(h.Dir, "a", "b"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		h.Unmount()
		if left := h.Left(crashtest.LoseAll, nil); len(left) != 1 || !bytes.Equal(left["a/b/"+DistName], body) {
			t.Errorf("a power cut leaves %d files, with %d bytes of %d", len(left), len(left["a/b/"+DistName]), len(body))
		}
	}
}
