package crash

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"v7em/images"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/tests/forgetful"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
)

// steps are those of faultScript.
const steps = 4

// faultScript makes directories with a file each, takes some away, and tells of every
// sync that has returned.
func faultScript() string {
	var b strings.Builder
	for r := 1; r <= steps; r++ {
		fmt.Fprintf(&b, "mkdir /d%[1]d /g%[1]d; echo %[1]d >/d%[1]d/f; cp /bin/echo /d%[1]d/echo; rmdir /g%[1]d\nsync; echo synced %[1]d\n", r)
	}
	// What is in the guest's cache has to go somewhere.
	b.WriteString("for i in 1 2 3; do mkdir /last$i; sync; done; echo end\n")
	return b.String()
}

// faultPromise checks that the pack is clean and what was synced is there.
func faultPromise(dir string, synced int, echo []byte) error {
	s, r, err := journaldev.Look(filepath.Join(dir, images.RK().PackFile(0)))
	if err != nil {
		return err
	}
	if r.Damaged > 0 || r.Forced {
		return errors.New(r.String())
	}
	if c := fs.Check(s); !c.Clean() {
		return fmt.Errorf("%v", c.Problems)
	}
	v, err := fs.Open(s)
	if err != nil {
		return err
	}
	for r := 1; r <= synced; r++ {
		if b, err := v.ReadFile(fmt.Sprintf("/d%d/f", r)); err != nil || string(b) != fmt.Sprintf("%d\n", r) {
			return fmt.Errorf("synced %d, but /d%d/f has %q: %v", synced, r, b, err)
		}
		if b, err := v.ReadFile(fmt.Sprintf("/d%d/echo", r)); err != nil || !bytes.Equal(b, echo) {
			return fmt.Errorf("synced %d, but /d%d/echo is not what was copied: %v", synced, r, err)
		}
		if _, err := v.Lookup(fmt.Sprintf("/g%d", r)); err == nil {
			return fmt.Errorf("synced %d, but /g%d is back", synced, r)
		}
	}
	return nil
}

// hostFaults are the ways in which calls of the host fail, and what v7em is to say.
var hostFaults = []struct {
	name  string
	fault forgetful.Fault
	says  string
}{
	{"EIO", forgetful.Fault{Err: syscall.EIO}, "input/output error"},
	{"no space", forgetful.Fault{Err: syscall.ENOSPC}, "no space left on device"},
	{"short write", forgetful.Fault{Err: syscall.ENOSPC, Short: true}, "no space left on device"},
}

// faulty runs faultScript on a host on which a call may fail. synced is the last sync
// that had returned by then.
func (o *onFuse) faulty(t *testing.T, f forgetful.Fault, method string) (stdout, stderr string, status, synced int, h *forgetful.Host) {
	t.Helper()
	h = forgetful.Mount(t, o.at, o.files, f)
	out, errs := &output{}, new(bytes.Buffer)
	h.OnStrike = func() {
		out.mu.Lock()
		defer out.mu.Unlock()
		synced = marker(out.b.String())
	}
	cmd := exec.Command(o.exe, "run", "--dir", o.dir, "--guest", o.sys.name, "--sync", method, "--commit-interval", "1h", "--journal-size", "131072", "--timeout", "2m")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(faultScript()), out, errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	h.Unmount()
	return out.b.String(), errs.String(), cmd.ProcessState.ExitCode(), synced, h
}

// TestFuseFaults has writes and syncs of the host's files fail, each in turn, for each
// way to sync, while the real binary runs: it says so at once and at its end, and fails, the guest
// gets errors, and when the power goes then, all that was synced before is there.
func TestFuseFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("runs v7em again and again: left out with -short")
	}
	for i := range systems {
		t.Run(systems[i].name, func(t *testing.T) { testFuseFaults(t, &systems[i]) })
	}
}

func testFuseFaults(t *testing.T, s *system) {
	o := newOnFuse(t, s)
	root, err := fs.Open(fs.MemOf(o.files[images.RK().PackFile(0)]))
	if err != nil {
		t.Fatal(err)
	}
	echo, err := root.ReadFile("/bin/echo")
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(*seed, 31))
	guestTold := 0
	for _, method := range []string{"fsync", "fdatasync", "msync"} {
		out, errs, status, _, whole := o.faulty(t, forgetful.Fault{}, method)
		if status != 0 || errs != "" || !strings.HasSuffix(out, fmt.Sprintf("synced %d\nend\n", steps)) {
			t.Fatalf("%s, no fault: status %d, %q, %q", method, status, out, errs)
		}
		writes, syncs := whole.Calls()
		calls := writes + syncs
		all := rnd.Perm(calls * len(hostFaults))
		switch {
		case *long:
		case s.name == guest.Mini:
			all = all[:form.Pick(4, 14)]
		default: // a few, while the script runs
			for i := range all {
				all[i] = (calls*2/5+all[i]%(calls/4))*len(hostFaults) + all[i]%len(hostFaults)
			}
			all = all[:1]
		}
		struck := map[string]int{}
		for i, n := range all {
			kind := hostFaults[n%len(hostFaults)]
			kind.fault.At = 1 + n/len(hostFaults)
			out, errs, status, synced, h := o.faulty(t, kind.fault, method)
			at := fmt.Sprintf("seed %d, --sync %s, %s at call %d of %d (%s)", *seed, method, kind.name, kind.fault.At, calls, h.Struck())
			if h.Struck() == "" { // there were fewer calls this time
				if status != 0 {
					t.Errorf("%s: status %d, %q", at, status, errs)
				}
				continue
			}
			struck[h.Struck()]++
			// A mapped page that could not be written in whole is an error of its own.
			says := strings.Contains(errs, kind.says) || method == "msync" && strings.Contains(errs, "input/output error")
			// One line when it happens, if the guest still ran, and one at the end.
			lines := strings.Count(errs, "\n")
			if status != 125 || lines < 1 || lines > 2 || strings.Count(errs, "v7em: ") != lines || !says || !strings.Contains(errs, o.at) || strings.Contains(errs, "rk0: rk0:") {
				t.Errorf("%s: status %d, and it says %q", at, status, errs)
			}
			if strings.Contains(out, "err on dev") {
				guestTold++
			}
			dir := t.TempDir()
			forgetful.Store(t, dir, h.Left(crashtest.Loss(i)%crashtest.NumLoss, rnd))
			if err := faultPromise(dir, synced, echo); err != nil {
				t.Errorf("%s, power cut after it: %v", at, err)
			}
			if t.Failed() {
				t.Fatalf("the guest printed %q", out)
			}
		}
		t.Logf("seed %d, %s: %d of %d faults: %v", *seed, method, len(all), calls*len(hostFaults), struck)
	}
	t.Logf("the guest told of errors on the disk %d times", guestTold)
	if s.name == guest.V7 && guestTold == 0 { // mini does not tell
		t.Error("V7 has seen no error")
	}
}
