//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"v7em/images"
	"v7em/images/mini"
	"v7em/unix/fs"
)

// cutsPower cuts the power and returns what v7em tells of that.
func (u *user) cutsPower() string {
	u.t.Helper()
	u.types("\x05p")
	u.sees("v7em: the power is cut\r\n")
	from := u.from
	u.sees("v7em: the power is on again\r\n")
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.String()[from:u.from]
}

func wants(t *testing.T, told string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(told, text) {
			t.Errorf("%q is not told: %q", text, told)
		}
	}
}

// has says which of these names are in a directory of a pack.
func has(t *testing.T, pack, dir string, names ...string) (there []string) {
	t.Helper()
	out, errs, status := v7em("", "fs", "ls", pack, dir)
	if status != 0 {
		t.Fatalf("fs ls: %s", errs)
	}
	for _, name := range names {
		if strings.Contains("\n"+out, "\n"+name+"\n") || strings.Contains(out, name+"/") || strings.Contains(out, " "+name+"\n") {
			there = append(there, name)
		}
	}
	return there
}

// TestCutFragile works at mini's console with no commits but by sync, and cuts the power
// again and again: what was synced is there, the rest is gone and told.
func TestCutFragile(t *testing.T) {
	for _, method := range []string{"fsync", "fdatasync", "msync"} {
		t.Run(method, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "m")
			pack := filepath.Join(mini.Dir(dir), images.RK().PackFile(0))
			u := sitDown(t, "boot", "--dir", dir, "--guest", "mini", "--fragile", "--commit-interval", "1h", "--sync", method)
			u.sees("# ")
			u.types("mkdir kept; sync; mkdir gone; echo do''ne\r")
			u.sees("done\r\n# ")
			told := u.cutsPower()
			wants(t, told, "forgotten what no sync had covered", "lost: ", "(mkdir)", "gone", "rk0: ", "clean\r\n")
			if n := strings.Count(told, "\n"); n < 3 || n > 6 {
				t.Errorf("%d lines: %q", n, told)
			}
			u.sees("# ")
			u.types("ls\r")
			u.sees("kept\r\n")
			u.sees("# ")
			if strings.Contains(u.seen.String()[u.from-60:], "gone\r\n") {
				t.Error("what was not synced is there")
			}
			u.types("mkdir more; sync; echo do''ne\r")
			u.sees("done\r\n# ")
			wants(t, u.cutsPower(), "rk0: ", "clean\r\n")
			u.sees("# ")
			u.types("\x05x")
			u.sees("the power is cut\r\n")
			if status := u.leaves(); status != 0 {
				t.Errorf("status %d", status)
			}
			if out, errs, status := v7em("", "fs", "check", pack); status != 0 {
				t.Errorf("%s%s", out, errs)
			}
			if there := has(t, pack, "/", "kept", "gone", "more"); strings.Join(there, " ") != "kept more" {
				t.Errorf("there are %q", there)
			}
		})
	}
}

// TestCutFragilePlain: without a journal even what the guest's sync has written is gone,
// for nothing has made it durable; written through it is there.
func TestCutFragilePlain(t *testing.T) {
	for _, tt := range []struct {
		keep []string
		kept string
	}{
		{[]string{"--journal", "off"}, ""},
		{[]string{"--journal", "write-through"}, "kept"},
		{[]string{"--journal", "write-through", "--sync", "none"}, ""},
		{[]string{"--journal", "on", "--sync", "none"}, ""},
	} {
		dir := filepath.Join(t.TempDir(), "m")
		u := sitDown(t, append([]string{"boot", "--dir", dir, "--guest", "mini", "--fragile", "--write-back", "0"}, tt.keep...)...)
		u.sees("# ")
		u.types("mkdir kept; sync; echo do''ne\r")
		u.sees("done\r\n# ")
		wants(t, u.cutsPower(), "forgotten", "rk0: ", "clean\r\n")
		u.sees("# ")
		u.types("\x05s")
		u.sees("powered off")
		if status := u.leaves(); status != 0 {
			t.Errorf("%v: status %d", tt.keep, status)
		}
		pack := filepath.Join(mini.Dir(dir), images.RK().PackFile(0))
		if there := strings.Join(has(t, pack, "/", "kept"), " "); there != tt.kept {
			t.Errorf("%v: there is %q, want %q", tt.keep, there, tt.kept)
		}
	}
}

// TestCutTellsDamage cuts the power of a plain pack in the middle of many mkdirs until
// there is damage. What is told each time is what a check of the pack finds.
func TestCutTellsDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	pack := filepath.Join(mini.Dir(dir), images.RK().PackFile(0))
	u := sitDown(t, "boot", "--dir", dir, "--guest", "mini", "--journal", "off")
	u.sees("# ")
	damaged := false
	for round := 0; round < 20 && !damaged; round++ {
		u.types(fmt.Sprintf("mkdir %[1]d; cd %[1]d; for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do mkdir x$i$j; echo made $i''$j; done; done\r", round))
		u.sees(fmt.Sprintf("made %d%d\r\n", round%9+1, round*4%9+1))
		told := u.cutsPower()
		u.sees("# ")
		b, err := os.ReadFile(pack) // which the guest, at its prompt, does not write
		if err != nil {
			t.Fatal(err)
		}
		r := fs.Check(fs.MemOf(b))
		damaged = strings.Contains(told, "damaged: ")
		if damaged == r.Clean() || r.Harmful > 0 && !strings.Contains(told, fmt.Sprintf("%d harmful (", r.Harmful)) {
			t.Fatalf("round %d: %q, but a check says %v", round, told, r)
		}
		if damaged {
			wants(t, told, "v7em fs check "+pack, "icheck -s")
		}
	}
	if !damaged {
		t.Error("20 power cuts in the middle of mkdir, and no damage")
	}
	u.types("\x05x")
	u.leaves()
}

// TestCutV7 cuts the power of V7 in the middle of many mkdirs: all of its packs come back
// clean, and what was synced is there.
func TestCutV7(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir, "--fragile", "--single", "--plain-keys")
	u.sees("# ")
	u.types("mkdir /kept; sync; echo do''ne\r")
	u.sees("DONE\r\n# ")
	u.types("for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do mkdir /tmp/x$i$j; echo made $i''$j; done; done\r")
	u.sees("MADE 2")
	told := u.cutsPower()
	wants(t, told, "forgotten", "lost", "rk0", "clean\r\n")
	if n := strings.Count(told, "\n"); n < 3 || n > 6 || strings.Contains(told, "damaged") {
		t.Errorf("told: %q", told)
	}
	u.sees("# ")
	u.types("ls -d /kept\r")
	u.sees("/KEPT\r\n# ")
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/kept")
}

// TestRunFragileKilled kills v7em run: nothing that was not synced has reached the host.
func TestRunFragileKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs v7em as processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ journal, want string }{{"on", "kept"}, {"off", ""}} {
		dir := filepath.Join(t.TempDir(), "m")
		if _, errs, status := v7em("", "run", "--dir", dir, "--guest", "mini", "true"); status != 0 {
			t.Fatal(errs)
		}
		cmd := exec.Command(self, "run", "--dir", dir, "--guest", "mini", "--fragile", "--write-back", "0", "--commit-interval", "1h", "--journal", tt.journal)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		cmd.Stdin = strings.NewReader("mkdir kept; sync; mkdir gone; echo made; while true; do true; done")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		for n := 0; n < len(buf); {
			k, err := out.Read(buf[n:])
			if n += k; err != nil {
				t.Fatalf("%q, %v", buf[:n], err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // it was killed
		pack := filepath.Join(mini.Dir(dir), images.RK().PackFile(0))
		if there := strings.Join(has(t, pack, "/", "kept", "gone"), " "); string(buf) != "made\n" || there != tt.want {
			t.Errorf("journal %s: there is %q, want %q", tt.journal, there, tt.want)
		}
		if out, _, status := v7em("", "fs", "check", pack); status != 0 {
			t.Errorf("journal %s: %s", tt.journal, out)
		}
	}
}
