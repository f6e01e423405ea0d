package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/images"
	"v7em/images/mini"
)

// TestMiniGuest runs the embedded guest, with and without a journal, and checks its pack.
func TestMiniGuest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	for _, tt := range []struct {
		args   []string
		stdout string
		status int
	}{
		{[]string{"mkdir a; ls / | wc"}, "9 9 38\n", 0},
		{[]string{"--journal=off", "mkdir a/b && cd a && pwd; exit 3"}, "/a\n", 3},
		{[]string{"--model", "45", "--journal=write-through", "rmdir a/b a; ls a 2>&1; sync"}, "ls: a: no such file or directory\n", 0},
		{[]string{"for i in 1 2 3 4 5; do mkdir d$i; mkdir d$i/e; done; rmdir d1/e d1; echo d[0-9]"}, "d2 d3 d4 d5\n", 0},
	} {
		args := append([]string{"run", "--dir", dir, "--guest", "mini"}, tt.args...)
		stdout, stderr, status := v7em("", args...)
		if strings.Join(strings.Fields(stdout), " ") != strings.Join(strings.Fields(tt.stdout), " ") || stderr != "" || status != tt.status {
			t.Errorf("%v: %q, %q, status %d", tt.args, stdout, stderr, status)
		}
		pack := filepath.Join(mini.Dir(dir), images.RK().PackFile(0))
		if stdout, stderr, status := v7em("", "fs", "check", pack); status != 0 || !strings.Contains(stdout, "clean") {
			t.Errorf("after %v: %s%s", tt.args, stdout, stderr)
		}
	}
	if _, stderr, status := v7em("", "run", "--dir", dir, "--guest", "v8", "ls"); status != 125 || !strings.Contains(stderr, "want v7 or mini") {
		t.Errorf("a guest that there is not: %q, status %d", stderr, status)
	}
}

// TestMiniWithoutDistribution: with no copy of V7 and no network the guest is mini, and
// one line says why.
func TestMiniWithoutDistribution(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	t.Setenv("V7EM_DIST", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	defer func(m []string) { images.Mirrors = m }(images.Mirrors)
	images.Mirrors = []string{"http://127.0.0.1:1/"}
	if _, stderr, status := v7em("", "run", "--dir", dir, "--guest", "v7", "echo x"); status != 125 || !strings.Contains(stderr, "cannot download") {
		t.Errorf("v7: %q, status %d", stderr, status)
	}
	for _, want := range []string{"none to be downloaded (127.0.0.1:1: connection refused): booting mini", "v7em install makes the disks of V7"} {
		stdout, stderr, status := v7em("", "run", "--dir", dir, "echo x")
		if stdout != "x\n" || status != 0 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q, %q, status %d", stdout, stderr, status)
		}
	}
	if images.Installed(dir) {
		t.Error("V7 counts as installed")
	}
	if _, err := os.Stat(filepath.Join(mini.Dir(dir), "rk0.rk05")); err != nil {
		t.Error(err)
	}
}

// TestDistFlag names a copy of V7 when a machine is made by its first use: a wrong one is
// an error, and no reason to boot mini.
func TestDistFlag(t *testing.T) {
	dist := os.Getenv("V7EM_DIST")
	t.Setenv("V7EM_DIST", "")
	dir := filepath.Join(t.TempDir(), "m")
	none := filepath.Join(t.TempDir(), "none.tar.gz")
	stdout, stderr, status := v7em("", "run", "--dir", dir, "--dist", none, "echo x")
	if stdout != "" || status != 125 || !strings.Contains(stderr, none) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a copy that is not there: %q, %q, status %d", stdout, stderr, status)
	}
	if images.Installed(dir) || images.Installed(mini.Dir(dir)) {
		t.Error("a machine was made all the same")
	}
	if dist == "" {
		t.Skip("no V7: set V7EM_DIST to v7.tar.gz (Henry Spencer's V7 tree, from The Unix Heritage Society)")
	}
	if stdout, stderr, status := v7em("", "run", "--dir", dir, "--dist", dist, "echo x"); stdout != "x\n" || status != 0 {
		t.Errorf("%q, %q, status %d", stdout, stderr, status)
	}
	if !images.Installed(dir) {
		t.Error("V7 is not installed")
	}
}

// TestBootMini works at mini's console, and cuts the power: what was synced is there.
func TestBootMini(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	u := sitDown(t, "boot", "--dir", dir, "--guest", "mini")
	u.sees("# ")
	u.types("for i in 1 2 3; do mkdir d$i; done; rmdir d1; sync\r")
	u.sees("sync\r\n# ")
	u.types("for i in 1 2 3 4 5 6 7 8 9; do mkdir e$i; done; echo made\r")
	u.sees("\nmade\r\n# ")
	u.types("\x05x")
	u.sees("the power is cut")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	stdout, stderr, status := v7em("", "run", "--dir", dir, "--guest", "mini", "echo d[0-9]")
	if stdout != "d2 d3\n" || status != 0 {
		t.Errorf("after the power cut: %q, %q, status %d", stdout, stderr, status)
	}
	if stdout, stderr, status := v7em("", "fs", "check", filepath.Join(mini.Dir(dir), "rk0.rk05")); status != 0 {
		t.Errorf("after the power cut: %s%s", stdout, stderr)
	}
}

// TestBootAgain cuts the power twice in one session. Each time what was synced is
// there, and what a menu has done to the drives stays.
func TestBootAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	u := sitDown(t, "boot", "--dir", dir, "--guest", "mini")
	u.sees("# ")
	for _, name := range []string{"one", "two"} {
		u.types("mkdir " + name + "; sync; echo done\r")
		u.sees("\ndone\r\n# ")
		u.types("\x05p")
		u.sees("the power is cut")
		u.sees("# ")
	}
	u.types("ls\r")
	u.sees("one\r\n")
	u.sees("two\r\n")
	u.sees("# ")
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}
