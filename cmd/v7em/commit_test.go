//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/images/mini"
)

// TestDetachCommits takes a pack out of a running machine: what the guest has written to
// it is there, also what it had in memory yet.
func TestDetachCommits(t *testing.T) {
	dir := t.TempDir()
	pack := filepath.Join(dir, "spare.rk05")
	if _, errs, status := v7em("", "fs", "mkfs", pack, "4872"); status != 0 {
		t.Fatal(errs)
	}
	// No interval ends, and nobody says sync.
	u := sitDown(t, "boot", "--dir", filepath.Join(dir, "m"), "--guest", "mini", "--commit-interval", "1h")
	u.sees("# ")
	u.types("\x05a")
	u.sees("rp7): ")
	u.types("rk7\r")
	u.sees("image file: ")
	u.types(pack + "\r")
	u.sees("rk7 holds ")
	u.types("c")
	u.types("\r")
	u.sees("# ")
	u.types("/etc/mount /dev/rk7 /tmp; mkdir /tmp/d; echo text >/tmp/d/f; echo wrote\r")
	u.sees("\nwrote\r\n# ")
	u.types("\x05d")
	u.sees("drive: ")
	u.types("rk7\r")
	u.sees("(y or n) ")
	u.types("y\r")
	u.sees("rk7 is empty")
	// Another program may have the pack now.
	if out, errs, status := v7em("", "fs", "cat", pack, "/d/f"); out != "text\n" || status != 0 {
		t.Errorf("%q, %q, status %d", out, errs, status)
	}
	if out, errs, status := v7em("", "fs", "check", pack); status != 0 {
		t.Errorf("%s%s", out, errs)
	}
	u.types("x")
	u.sees("the power is cut")
	u.leaves()
}

// TestPowerOffCommits ends sessions whose guest answers no sync: what it has done is kept
// nevertheless.
func TestPowerOffCommits(t *testing.T) {
	for what, end := range map[string]func(u *user){
		"sync and power off": func(u *user) { u.types("\x05s") },
		"a signal":           func(u *user) { u.cmd.Process.Signal(os.Interrupt) },
		"power off and boot": func(u *user) { u.types("\x05b") },
	} {
		dir := filepath.Join(t.TempDir(), "m")
		u := sitDown(t, "boot", "--dir", dir, "--guest", "mini", "--commit-interval", "1h")
		u.sees("# ")
		// The shell waits for a program that does not hear the interrupt key.
		u.types("mkdir /d; echo text >/d/f; echo wrote; cat >/dev/null\r")
		u.sees("\nwrote\r\n")
		end(u)
		u.sees("writes everything out")
		if what == "power off and boot" {
			u.sees("# ")
			u.types("\x05x")
			u.sees("the power is cut")
		}
		u.leaves()
		if out, errs, status := v7em("", "fs", "cat", filepath.Join(mini.Dir(dir), "rk0.rk05"), "/d/f"); out != "text\n" || status != 0 {
			t.Errorf("%s: %q, %q, status %d", what, out, errs, status)
		}
	}
}

// TestRunTellsWrongVolume: a run says which pack is kept to its writes, and keeps the rest.
func TestRunTellsWrongVolume(t *testing.T) {
	dir := newMachineDir(t)
	out, errs, status := v7em("", "run", "--dir", dir,
		"cd /; /etc/umount /dev/rk7; cp /unix /dev/rk7; /etc/mount /dev/rk7 /tmp; echo precious >/precious; sync; ls /precious")
	if out != "/precious\n" || status != 0 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "v7em: rk7: kept to a prefix of its writes: its superblock is impossible") {
		t.Errorf("%q, %q, status %d", out, errs, status)
	}
	if out, errs, status := v7em("", "fs", "cat", filepath.Join(dir, "rk0.rk05"), "/precious"); out != "precious\n" || status != 0 {
		t.Errorf("%q, %q, status %d", out, errs, status)
	}
}

// TestFailedPackLeaves has a pack fail, and ends the session in other ways than by a power
// off with the pack in its drive: what is not kept of it is said, and the session has failed.
func TestFailedPackLeaves(t *testing.T) {
	for what, end := range map[string]func(u *user, pack string){
		"detach": func(u *user, pack string) {
			u.types("\x05d")
			u.sees("drive: ")
			u.types("rk7\r")
			u.sees("(y or n) ")
			u.types("y\r")
			u.sees("not all that the guest wrote to it is kept: ")
			u.types("s")
			u.sees("powered off")
			u.sees("rk7 is empty; not all that the guest wrote to it is kept: ")
		},
		"cut": func(u *user, _ string) {
			u.types("\x05x")
			u.sees("the power is cut")
			u.sees("rk7: not all that the guest wrote is kept: ")
		},
		"cut, and not up again": func(u *user, pack string) {
			if err := os.Truncate(pack, 512); err != nil {
				u.t.Fatal(err)
			}
			u.types("\x05p")
			u.sees("spare.rk05 is no RK05 pack")
			u.sees("rk7: not all that the guest wrote is kept: ")
		},
		"cut and boot": func(u *user, _ string) {
			told := u.cutsPower()
			wants(u.t, told, "rk7: not all that the guest wrote is kept: ")
			if strings.Contains(told, "nothing is lost: ") {
				u.t.Errorf("told %q", told)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			pack := filepath.Join(dir, "spare.rk05")
			if _, errs, status := v7em("", "fs", "mkfs", pack, "4872"); status != 0 {
				t.Fatal(errs)
			}
			u := sitDown(t, "boot", "--dir", filepath.Join(dir, "m"), "--guest", "mini")
			u.sees("# ")
			u.types("\x05a")
			u.sees("rp7): ")
			u.types("rk7\r")
			u.sees("image file: ")
			u.types(pack + "\r")
			u.sees("rk7 holds ")
			u.types("c")
			u.types("\r")
			u.sees("# ")
			u.types("/etc/mount /dev/rk7 /tmp; sync; echo mounted\r")
			u.sees("\nmounted\r\n# ")
			if err := os.Truncate(pack+".journal", 0); err != nil {
				t.Fatal(err)
			}
			u.types("mkdir /tmp/d; sync\r")
			u.sees("the pack is read-only now")
			end(u, pack)
			if what == "cut and boot" {
				u.sees("# ")
				u.types("\x05x")
				u.sees("the power is cut")
				u.leaves()
			} else if status := u.leaves(); status == 0 {
				t.Error("the status says that all is kept")
			}
		})
	}
}
