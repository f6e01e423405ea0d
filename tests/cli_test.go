package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"v7em/tests/guest"
)

// Who has Go and the distribution types "go run ./cmd/v7em", sees the disks being made,
// logs in, works, and finds it all there the next time, also from v7em run.
func TestFirstSession(t *testing.T) {
	long(t)
	dist := guest.Dist(t)
	t.Parallel()
	data := t.TempDir()
	env := []string{"XDG_DATA_HOME=" + data, "V7EM_DIST=" + dist}
	x := guest.OnTerminal(t, "..", env, "go", "run", "./cmd/v7em")
	x.Sees("RP03") // the progress of the install
	x.Sees("RK05")
	x.Sees("login: ")
	login := func() {
		x.Types("root\r")
		x.Sees("Password:")
		x.Types("root\r")
		x.Sees("# ")
	}
	login()
	x.Types("echo I was here >/usr/pub/note; date\r")
	// V7's zone is five hours west, four in summer; the clock is the host's.
	east := time.Now().In(time.FixedZone("", -5*3600))
	if out := x.Sees("# "); !strings.Contains(out, strconv.Itoa(east.Year())) || !strings.Contains(out, east.Format("Jan")) && !strings.Contains(out, east.Add(time.Hour).Format("Jan")) {
		t.Errorf("date printed %q, the host says %v", out, east)
	}
	x.Types("\x05")
	x.Sees("v7em> ")
	x.Types("s")
	x.Sees("powered off")
	if err := x.Cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(data, "v7em", "rk0.rk05")); err != nil {
		t.Error(err)
	}

	x = guest.OnTerminal(t, "..", env, "go", "run", "./cmd/v7em")
	if out := x.Sees("login: "); strings.Contains(out, "RP03") {
		t.Errorf("it installs again: %q", out)
	}
	login()
	x.Types("cat /usr/pub/note\r")
	x.Sees("I was here\r\n")
	x.Sees("# ")
	x.Types("\x05")
	x.Sees("v7em> ")
	x.Types("s")
	x.Sees("powered off")

	cmd := exec.Command("go", "run", "./cmd/v7em", "run", "cat /usr/pub/note; exit 0")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "I was here\n" {
		t.Errorf("v7em run: %q, %v", out, err)
	}
}

// cpuTime is the processor time that a process has used.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(b, []byte(") "))
	f := strings.Fields(string(rest)) // from the third field on
	ticks := 0
	for _, s := range f[11:13] { // utime, stime
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}

// A guest at its prompt uses less than two hundredths of the host.
func TestIdle(t *testing.T) {
	long(t)
	if runtime.GOOS != "linux" {
		t.Skip("processor times are read from Linux's /proc")
	}
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "v7em-test")
	build := exec.Command("go", "build", "-o", program, "./cmd/v7em")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for system, prompt := range map[string]string{guest.V7: "login: ", guest.Mini: "# "} {
		t.Run(system, func(t *testing.T) {
			if system == guest.V7 {
				guest.Dist(t)
			}
			x := guest.OnTerminal(t, "..", nil, program, "--dir", filepath.Join(dir, "machine"), "--guest", system)
			x.Sees(prompt)
			idles(t, x)
		})
	}
}

func idles(t *testing.T, x *guest.Terminal) {
	time.Sleep(time.Second)
	const period = 5 * time.Second
	for try := range 3 { // a host with other work makes each wakeup dearer
		before := cpuTime(t, x.Cmd.Process.Pid)
		time.Sleep(period)
		used := cpuTime(t, x.Cmd.Process.Pid) - before
		t.Logf("%v of processor time in %v", used, period)
		if used <= period/50 {
			return
		}
		if try == 2 {
			t.Errorf("at its prompt it used %v of processor time in %v", used, period)
		}
	}
}
