package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/tests/forgetful"
	"v7em/tests/form"
	v7fs "v7em/unix/fs"
)

// smallImage returns a file system of 100 blocks with the file /f in it.
func smallImage(t *testing.T) []byte {
	t.Helper()
	d := v7fs.NewMem(100)
	if _, err := v7fs.Mkfs(d, v7fs.MkfsOptions{Blocks: 100, Time: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	v, err := v7fs.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Put("/f", strings.NewReader("from the image"), v7fs.Attr{Perm: 0o644, MTime: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := v.Sync(); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(d.Bytes())
}

// smallJournal returns the journal of an image, with nothing in it.
func smallJournal(t *testing.T, image []byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "i")
	if err := os.WriteFile(path, image, 0o666); err != nil {
		t.Fatal(err)
	}
	v, err := journaldev.OpenVolume(path, journaldev.Kind{Name: "small", Blocks: 100}, journaldev.VolumeOptions{JournalSize: journaldev.MinJournalSize, Layout: journaldev.NoLayout})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(journaldev.JournalPath(path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDurable runs each command that makes, replaces or removes files of the host, on a
// host that forgets what no sync has covered. When it has ended without an error, a power
// cut takes nothing. When the power is cut, or it is killed, after any of the changes that
// it makes, each file is whole: as it was before, or as it would have been.
func TestDurable(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	local := t.TempDir() // a host that does not forget
	source := filepath.Join(local, "source")
	if err := os.WriteFile(source, []byte("start: halt\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	image := smallImage(t)
	journal := smallJournal(t, image)
	old := []byte("what was there")
	machine := []string{"--dir", filepath.Join(local, "m"), "--guest", "mini"}
	if _, errs, status := v7em("", append(append([]string{"run"}, machine...), "true")...); status != 0 {
		t.Fatal(errs)
	}
	type files = map[string][]byte
	for _, c := range []struct {
		name   string
		before files
		args   string // words; @ is the host's directory
		once   bool   // it is not cut: it takes long
	}{
		{"put", files{"i": image}, "fs put @/i " + source + " /s", false},
		{"put, journaled", files{"i": image, "i.journal": journal}, "fs put @/i " + source + " /s", false},
		{"mkfs", nil, "fs mkfs @/i 50", true},
		{"mkfs, replaced", files{"i": image, "i.journal": journal}, "fs mkfs --force @/i 50", false},
		{"get", files{"i": image}, "fs get @/i /f @/out", false},
		{"get, replaced", files{"i": image, "out": old}, "fs get @/i /f @/out", false},
		{"get, a tree", files{"i": image}, "fs get -r @/i / @/out", false},
		{"journal off", files{"i": image, "i.journal": journal}, "journal off @/i", false},
		{"asm", files{"out": old}, "asm -o @/out " + source, false},
		{"run --get", files{"out": old}, "run " + strings.Join(machine, " ") + " --get /bin/echo:@/out true", true},
		{"run --get, a tree", nil, "run " + strings.Join(machine, " ") + " --get /bin:@/out true", true},
		{"crash", files{"html": old}, "crash " + strings.Join(machine, " ") + " --workload mkdir --points 1 --html @/html --json @/json", true},
		{"crash --point", nil, "crash " + strings.Join(machine, " ") + " --workload mkdir --point plain.prefix.27.0 --out @/cut", true},
		{"a first run", nil, "run --dir @/m --guest mini --journal-size 131072 true", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := func(cut int) (*forgetful.Host, error) {
				h := forgetful.Mount(t, t.TempDir(), c.before, forgetful.Fault{})
				if cut >= 0 {
					h.CutAfter(cut)
				}
				cmd := exec.Command(self, strings.Fields(strings.ReplaceAll(c.args, "@", h.Dir))...)
				cmd.Env = append(os.Environ(), asProgram+"=1")
				out, err := cmd.CombinedOutput()
				h.Unmount()
				if err != nil {
					err = fmt.Errorf("%w: %s", err, out)
				}
				return h, err
			}
			h, err := run(-1)
			if err != nil {
				t.Fatal(err)
			}
			after, changes := seenFiles(h, crashtest.KeepAll, nil), h.Changes()
			if maps.EqualFunc(after, files(c.before), bytes.Equal) {
				t.Fatal("it has changed nothing")
			}
			for name := range after {
				if strings.Contains(name, ".v7em-") || strings.HasSuffix(name, ".new") {
					t.Errorf("it leaves %s", name)
				}
			}
			durable := seenFiles(h, crashtest.LoseAll, nil)
			for _, name := range slices.Sorted(maps.Keys(merged(after, durable))) {
				if b, there := durable[name]; !bytes.Equal(b, after[name]) || there != hasKey(after, name) {
					t.Errorf("%s has %d bytes (there: %v); a power cut leaves %d (there: %v)", name, len(after[name]), hasKey(after, name), len(b), there)
				}
			}
			if c.once || t.Failed() {
				return
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			first := 0
			if !form.Long() {
				first = max(0, len(changes)-8) // the end is where names and syncs are
			}
			for cut := first; cut < len(changes); cut++ {
				h, err := run(cut)
				for n := range 5 {
					l := min(crashtest.Loss(n), crashtest.Random)
					got := seenFiles(h, l, rnd)
					for _, name := range []string{"i", "out", "out/f"} {
						is := state(t, got, name)
						was, will := state(t, c.before, name), state(t, after, name)
						if is != will && (is != was || err == nil) {
							t.Errorf("cut after %q, %v (it says %v): %s is %s; it was %s, and should be %s", changes[:cut], l, err, name, is, was, will)
						}
					}
				}
			}
		})
	}
}

// TestSaveDurable saves the machine on a host that forgets: when that is told, a power
// cut takes nothing of it.
func TestSaveDurable(t *testing.T) {
	var before map[string][]byte
	for range 2 { // the second over what the first has saved
		h := forgetful.Mount(t, t.TempDir(), before, forgetful.Fault{})
		u := sitDown(t, "boot", "--dir", filepath.Join(t.TempDir(), "m"), "--guest", "mini", "--save", filepath.Join(h.Dir, "state"))
		u.sees("# ")
		if err := u.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		u.sees("saved in ")
		h.SetPower(forgetful.Off)
		u.leaves()
		h.Unmount()
		got, want := seenFiles(h, crashtest.LoseAll, nil), seenFiles(h, crashtest.KeepAll, nil)
		if len(want["state"]) < 1000 || !bytes.Equal(got["state"], want["state"]) {
			t.Errorf("saved %d bytes, and a power cut leaves %d", len(want["state"]), len(got["state"]))
		}
		before = map[string][]byte{"state": want["state"]}
	}
}

// state tells what is in a file; of an image with its journal, what both come to.
func state(t *testing.T, files map[string][]byte, name string) string {
	t.Helper()
	b, there := files[name]
	if !there {
		return "nothing"
	}
	if name != "i" {
		return fmt.Sprintf("%q", b)
	}
	path := filepath.Join(t.TempDir(), "i")
	forgetful.Store(t, filepath.Dir(path), map[string][]byte{"i": b})
	if j, there := files["i.journal"]; there {
		forgetful.Store(t, filepath.Dir(path), map[string][]byte{"i.journal": j})
	}
	d, r, err := journaldev.Look(path)
	if err != nil {
		return err.Error()
	}
	if r.Changed || r.Damaged > 0 {
		return r.String()
	}
	if r := v7fs.Check(d); !r.Clean() {
		return fmt.Sprint(r.Problems)
	}
	v, err := v7fs.Open(d)
	if err != nil {
		return err.Error()
	}
	list, err := v.ReadDir("/")
	if err != nil {
		return err.Error()
	}
	s := "an image"
	for _, e := range list {
		b, _ := v.ReadFile("/" + e.Name) // a directory has none
		s += fmt.Sprintf(" %s %q", e.Name, b)
	}
	return s
}

// seenFiles returns what is left of a host's files, but for locks, files that were being
// made, and directories.
func seenFiles(h *forgetful.Host, l crashtest.Loss, rnd *rand.Rand) map[string][]byte {
	files := h.Left(l, rnd)
	maps.DeleteFunc(files, func(name string, _ []byte) bool {
		return filepath.Base(name) == journaldev.LockName || strings.HasSuffix(name, "/") ||
			l != crashtest.KeepAll && (strings.Contains(name, ".v7em-") || strings.HasSuffix(name, ".new"))
	})
	return files
}

func hasKey(files map[string][]byte, name string) bool {
	_, ok := files[name]
	return ok
}

func merged(a, b map[string][]byte) map[string][]byte {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
