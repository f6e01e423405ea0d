package tests

import (
	"embed"
	"io/fs"
	"path"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
)

//go:embed testdata/*
var testdata embed.FS

// programs are the files of testdata, for the guest's /tmp.
func programs(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(testdata, "testdata", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := testdata.ReadFile(p)
		files[path.Join("/tmp", path.Base(p))] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// small is the machine that has to swap.
var small = machine.Config{Model: machine.PDP1145}

// boot returns a guest with the shell in /tmp, where the files of testdata are.
func boot(t *testing.T) *guest.Guest {
	t.Helper()
	return bootOn(t, guest.Options{})
}

// bootOn is boot on another machine or from other disks.
func bootOn(t *testing.T, o guest.Options) *guest.Guest {
	t.Helper()
	o.Files = programs(t)
	g := guest.Boot(t, o)
	expect(t, g, "cd /tmp", "")
	return g
}

// long skips a test that takes its time.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: left out with -short")
	}
}

// expect gives the guest a command that must print want.
func expect(t *testing.T, g *guest.Guest, command, want string) {
	t.Helper()
	got := g.Run(command)
	switch {
	case got == want:
	case len(got)+len(want) < 2000:
		t.Errorf("%s: printed %q, want %q", command, got, want)
	default:
		same(t, command, strings.Split(got, "\n"), strings.Split(want, "\n"))
	}
}

// contains gives the guest a command whose output must contain all of the texts, and
// returns the output.
func contains(t *testing.T, g *guest.Guest, command string, texts ...string) string {
	t.Helper()
	got := g.Run(command)
	for _, want := range texts {
		if !strings.Contains(got, want) {
			t.Errorf("%s: printed\n%s\nwithout %q", command, got, want)
		}
	}
	return got
}

// checkPacks holds the guest's idle file systems to be clean: for V7's icheck and
// dcheck, and after a sync for our own check.
func checkPacks(t *testing.T, g *guest.Guest) {
	t.Helper()
	g.Sync()
	for _, v := range guest.Volumes(t, g.Drives()) {
		if r := v7fs.Check(v.Dev); !r.Clean() {
			t.Errorf("%s (%s) is not clean: %v", v.Device, v.Dir, r.Problems)
		}
		if out := g.Run("icheck " + v.Device); strings.Contains(out, "bad") || strings.Contains(out, "dup") || !strings.Contains(out, "missing    0\n") {
			t.Errorf("icheck %s: %s", v.Device, out)
		}
		expect(t, g, "dcheck "+v.Device, v.Device+":\n")
	}
}
