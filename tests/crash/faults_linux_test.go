package crash

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"v7em/images"
	"v7em/journaldev"
	"v7em/unix/fs"
)

// copyMachine copies the RK05 packs of a machine, without journals.
func (v *v7em) copyMachine(to string) {
	v.t.Helper()
	if err := os.MkdirAll(to, 0o777); err != nil {
		v.t.Fatal(err)
	}
	names := []string{images.ConfigName}
	for unit := range images.RK().Units {
		names = append(names, images.RK().PackFile(unit))
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(v.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o666)
		}
		if err == nil {
			err = os.Chmod(filepath.Join(to, name), 0o666)
		}
		if err != nil {
			v.t.Fatal(err)
		}
	}
}

// refused runs a machine that cannot be kept safe: one line says why, and the packs
// stay as they are.
func (v *v7em) refused(dir string, nobody bool, want ...string) {
	v.t.Helper()
	sum := func() (b []byte) {
		for unit := range images.RK().Units {
			p, err := os.ReadFile(filepath.Join(dir, images.RK().PackFile(unit)))
			if err != nil {
				v.t.Fatal(err)
			}
			b = append(b, p...)
		}
		return b
	}
	before := sum()
	cmd := exec.Command(v.exe, "run", "--dir", dir, "echo hello")
	if nobody {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if !errors.As(err, new(*exec.ExitError)) {
		v.t.Fatalf("%v, %s", err, errs.String())
	}
	msg := errs.String()
	v.t.Logf("%s", strings.TrimSpace(msg))
	if out.Len() > 0 || strings.Count(msg, "\n") != 1 {
		v.t.Errorf("it prints %q and %q, want one line", out.String(), msg)
	}
	for _, w := range want {
		if !strings.Contains(msg, w) {
			v.t.Errorf("%q does not say %q", msg, w)
		}
	}
	if !bytes.Equal(before, sum()) {
		v.t.Error("the packs have changed")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		v.t.Errorf("left behind: %v", left)
	}
}

// TestNoJournal has hosts on which a journal cannot be written.
func TestNoJournal(t *testing.T) {
	if testing.Short() {
		t.Skip("runs v7em again and again: left out with -short")
	}
	v := build(t)

	t.Run("a full disk", func(t *testing.T) {
		v.t = t
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=26m"); err != nil {
			t.Skipf("needs the right to mount a small tmpfs (run as root): %v", err)
		}
		defer syscall.Unmount(dir, 0)
		m := filepath.Join(dir, "m")
		v.copyMachine(m)
		v.refused(m, false, "rk1.rk05.journal", "no space left on device")
		// Smaller journals fit.
		if out := v.run("run", "--dir", m, "--journal-size", "131072", "echo hello"); !strings.HasSuffix(out, "hello\n") {
			t.Errorf("with small journals: %q", out)
		}
	})

	t.Run("a read-only disk", func(t *testing.T) {
		v.t = t
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=26m"); err != nil {
			t.Skipf("needs the right to mount a tmpfs (run as root): %v", err)
		}
		defer syscall.Unmount(dir, 0)
		m := filepath.Join(dir, "m")
		v.copyMachine(m)
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Skip(err)
		}
		v.refused(m, false, "read-only file system")
	})

	t.Run("somebody else's directory", func(t *testing.T) {
		v.t = t
		if os.Getuid() != 0 {
			t.Skip("needs root, to be somebody else")
		}
		dir, err := os.MkdirTemp("", "v7em-crash-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		exe, err := os.ReadFile(v.exe)
		if err != nil {
			t.Fatal(err)
		}
		w := &v7em{t, filepath.Join(dir, "v7em"), v.dir}
		if err := os.WriteFile(w.exe, exe, 0o755); err != nil {
			t.Fatal(err)
		}
		m := filepath.Join(dir, "m")
		w.copyMachine(m)
		for _, d := range []string{dir, m} {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		w.refused(m, true, journaldev.LockName, "permission denied")
		lock := filepath.Join(m, journaldev.LockName)
		if err := os.WriteFile(lock, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(lock, 0o666); err != nil {
			t.Fatal(err)
		}
		w.refused(m, true, "rk0.rk05.journal", "permission denied")
	})

	t.Run("no file", func(t *testing.T) {
		v.t = t
		m := t.TempDir()
		v.copyMachine(m)
		if err := os.Mkdir(filepath.Join(m, "rk0.rk05.journal"), 0o777); err != nil {
			t.Fatal(err)
		}
		v.refused(m, false, "rk0.rk05.journal", "is a directory")
	})
}

// TestFullDirectory shows that what a full disk does to a directory that would have
// to grow is V7's own doing: an inode without an entry, as much on a plain pack, after
// a clean end, as on a journaled one.
func TestFullDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("runs v7em again and again: left out with -short")
	}
	v := build(t)
	const fill = `mkdir /tmp/d; cd /tmp/d
for i in 0 1 2 3 4; do for j in 0 1 2 3 4 5; do >$i$j; done; done
for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5; do cp /unix ../big.$i.$j; done; done 2>/dev/null
(>more)
sync; echo full; sync; true`
	for _, journal := range []string{"off", "on"} {
		w := &v7em{t, v.exe, filepath.Join(t.TempDir(), "m")}
		v.copyMachine(w.dir)
		if journal == "off" {
			v.run("run", "--dir", w.dir, "--journal=off", fill)
		} else if out, errs, _ := w.killed(fill, "full\n", 0); !strings.Contains(out, "full\n") {
			t.Fatalf("the script prints %q, %q", out, errs)
		}
		stores, _ := w.look()
		for unit, s := range stores {
			r := fs.Check(s)
			if unit != 7 && !r.Clean() || unit == 7 && (len(r.Problems) != 1 || r.Problems[0].Kind != fs.Unreferenced) {
				t.Errorf("journal %s: rk%d: %v", journal, unit, r.Problems)
			}
		}
	}
}
