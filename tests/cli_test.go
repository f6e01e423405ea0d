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
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"v7em/tests/guest"
)

// terminal is a program on a terminal of its own. It is in real time, as its user is.
type terminal struct {
	t     *testing.T
	cmd   *exec.Cmd
	pty   *os.File
	ended chan struct{}

	mu   sync.Mutex
	seen []byte // not yet looked at
}

// patience is how long a user waits for anything.
const patience = 5 * time.Minute

func start(t *testing.T, env []string, command string, args ...string) *terminal {
	t.Helper()
	x := &terminal{t: t, cmd: exec.Command(command, args...), ended: make(chan struct{})}
	x.cmd.Dir = ".."
	x.cmd.Env = append(os.Environ(), env...)
	var err error
	if x.pty, err = pty.StartWithSize(x.cmd, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.ended)
		b := make([]byte, 4096)
		for {
			n, err := x.pty.Read(b)
			x.mu.Lock()
			x.seen = append(x.seen, b[:n]...)
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		// An error means that it has ended.
		_ = x.cmd.Process.Kill()
		_ = x.cmd.Wait()
		x.pty.Close()
		<-x.ended
	})
	return x
}

// sees waits for a text and returns what came before it.
func (x *terminal) sees(text string) string {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		x.mu.Lock()
		before, after, ok := bytes.Cut(x.seen, []byte(text))
		if ok {
			x.seen = append([]byte(nil), after...)
		}
		x.mu.Unlock()
		if ok {
			return string(before)
		}
		gone := false
		select {
		case <-x.ended:
			gone = true
		default:
		}
		if gone || time.Now().After(deadline) {
			x.t.Fatalf("waited for %q, saw %q", text, before)
		}
	}
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := x.pty.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// Who has Go and the distribution types "go run ./cmd/v7em", sees the disks being made,
// logs in, works, and finds it all there the next time, also from v7em run.
func TestFirstSession(t *testing.T) {
	dist := guest.Dist(t)
	t.Parallel()
	data := t.TempDir()
	env := []string{"XDG_DATA_HOME=" + data, "V7EM_DIST=" + dist}
	x := start(t, env, "go", "run", "./cmd/v7em")
	x.sees("RP03") // the progress of the install
	x.sees("RK05")
	x.sees("login: ")
	login := func() {
		x.types("root\r")
		x.sees("Password:")
		x.types("root\r")
		x.sees("# ")
	}
	login()
	x.types("echo I was here >/usr/pub/note; date\r")
	// V7's zone is five hours west, four in summer; the clock is the host's.
	east := time.Now().In(time.FixedZone("", -5*3600))
	if out := x.sees("# "); !strings.Contains(out, strconv.Itoa(east.Year())) || !strings.Contains(out, east.Format("Jan")) && !strings.Contains(out, east.Add(time.Hour).Format("Jan")) {
		t.Errorf("date printed %q, the host says %v", out, east)
	}
	x.types("\x05")
	x.sees("v7em> ")
	x.types("s")
	x.sees("powered off")
	if err := x.cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(data, "v7em", "rk0.rk05")); err != nil {
		t.Error(err)
	}

	x = start(t, env, "go", "run", "./cmd/v7em")
	if out := x.sees("login: "); strings.Contains(out, "RP03") {
		t.Errorf("it installs again: %q", out)
	}
	login()
	x.types("cat /usr/pub/note\r")
	x.sees("I was here\r\n")
	x.sees("# ")
	x.types("\x05")
	x.sees("v7em> ")
	x.types("s")
	x.sees("powered off")

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

// A V7 at its login prompt uses less than two hundredths of the host.
func TestIdle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processor times are read from Linux's /proc")
	}
	dist := guest.Dist(t)
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "v7em-test")
	build := exec.Command("go", "build", "-o", program, "./cmd/v7em")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	x := start(t, []string{"V7EM_DIST=" + dist}, program, "--dir", filepath.Join(dir, "machine"))
	x.sees("login: ")
	time.Sleep(time.Second)
	const period = 8 * time.Second
	before := cpuTime(t, x.cmd.Process.Pid)
	time.Sleep(period)
	used := cpuTime(t, x.cmd.Process.Pid) - before
	t.Logf("%v of processor time in %v", used, period)
	if used > period/50 {
		t.Errorf("V7 at its login prompt used %v of processor time in %v", used, period)
	}
}
