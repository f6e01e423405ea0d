//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"v7em/images"
	"v7em/journaldev"
	"v7em/machine"
)

// patience is how long a test waits for what must come. It only matters when it does
// not.
const patience = 3 * time.Minute

// user is somebody at a terminal on which v7em runs.
type user struct {
	t        *testing.T
	pty, tty *os.File
	cmd      *exec.Cmd
	before   *term.State

	mu   sync.Mutex
	seen bytes.Buffer
	from int // what is before was waited for already
	more chan struct{}

	ended chan struct{} // closed when v7em has
}

// sitDown runs v7em with these arguments on a new terminal.
func sitDown(t *testing.T, args ...string) *user {
	t.Helper()
	if testing.Short() {
		t.Skip("a session on a terminal takes seconds")
	}
	p, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	u := &user{t: t, pty: p, tty: tty, more: make(chan struct{}, 1), ended: make(chan struct{})}
	if u.before, err = term.GetState(int(tty.Fd())); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	u.cmd = exec.Command(self, args...)
	u.cmd.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm")
	u.cmd.Stdin, u.cmd.Stdout, u.cmd.Stderr = tty, tty, tty
	u.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(u.ended)
		u.cmd.Wait() // ProcessState has the rest
	}()
	t.Cleanup(func() {
		u.cmd.Process.Kill()
		<-u.ended
		p.Close()
		tty.Close()
	})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := p.Read(buf)
			u.mu.Lock()
			u.seen.Write(buf[:n])
			u.mu.Unlock()
			select {
			case u.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return u
}

// sees waits until the text is on the screen, after what was waited for before.
func (u *user) sees(text string) {
	u.t.Helper()
	late := time.After(patience)
	for {
		u.mu.Lock()
		screen := u.seen.String()[u.from:]
		i := strings.Index(screen, text)
		if i >= 0 {
			u.from += i + len(text)
		}
		u.mu.Unlock()
		if i >= 0 {
			return
		}
		select {
		case <-u.more:
		case <-late:
			u.t.Fatalf("%q is not on the screen: %q", text, screen)
		}
	}
}

func (u *user) types(keys string) {
	u.t.Helper()
	if _, err := u.pty.WriteString(keys); err != nil {
		u.t.Fatal(err)
	}
}

// leaves waits for v7em to end and returns its exit status. The terminal must be as
// it was.
func (u *user) leaves() int {
	u.t.Helper()
	select {
	case <-u.ended:
	case <-time.After(patience):
		u.t.Fatal("v7em does not end")
	}
	after, err := term.GetState(int(u.tty.Fd()))
	if err == nil && !reflect.DeepEqual(u.before, after) {
		u.t.Error("the terminal is not as it was before")
	}
	return u.cmd.ProcessState.ExitCode()
}

// logsIn waits for the login prompt and logs in.
func (u *user) logsIn() {
	u.t.Helper()
	u.sees("login: ")
	u.types("root\r")
	u.sees("Password:")
	u.types("root\r")
	u.sees("# ")
}

// packsAreClean checks the packs of a machine's directory, and that a directory is
// there.
func packsAreClean(t *testing.T, dir, want string) {
	t.Helper()
	for unit := range images.RK().Units {
		if out, errs, status := v7em("", "fs", "check", filepath.Join(dir, images.RK().PackFile(unit))); status != 0 {
			t.Errorf("rk%d: %s%s", unit, out, errs)
		}
	}
	p, err := images.RK().OpenPacks(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	tree, _, err := p.Tree()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Lookup(want); err != nil {
		t.Errorf("what was made in the session: %v", err)
	}
}

func TestBootSession(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "--dir", dir)
	u.logsIn()
	// Keys as on a terminal of today: this is "mkdir /tmp/d", with mistakes.
	u.types("junk\x15mkdirs\x7f /tmp/f\bd\r")
	u.sees("mkdirs\b \b /tmp/f\b \bd\r\n")
	u.sees("# ")
	u.types("cat -u\r")
	u.types("a#b\r")
	u.sees("a#b\r\na#b\r\n") // typed, and from cat, which runs, then
	u.types("\x03")
	u.sees("# ")
	u.types("\x05")
	u.sees("v7em> ")
	u.types("i")
	u.sees("PDP-11/70, 2048 KB")
	u.sees("rk7  rk7.rk05: ")
	u.sees("v7em> ")
	u.types("c")
	u.types("\x04") // logs out
	u.sees("login: ")

	other := sitDown(t, "boot", "--dir", dir)
	other.sees("is in use by pid ")
	other.sees("(v7em boot) on host ")
	if status := other.leaves(); status != 1 {
		t.Errorf("the second v7em ended with status %d", status)
	}

	u.types("\x05")
	u.sees("v7em> ")
	u.types("s")
	u.sees("powered off\r\n")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/tmp/d")
}

func TestBootSingleUser(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir, "--single", "--plain-keys", "--kernel", "unix")
	u.sees("# ")
	u.types("mkdirs# /x@mkdir /single\r")
	u.sees("MKDIRS# /X@")
	u.sees("MKDIR /SINGLE\r\n# ")
	u.types("\x05e")            // V7 gets a ^E, which means nothing
	u.types("\x05\x05\x05y\rc") // twice, and a key that the menu does not know
	u.sees("v7em> y")
	u.sees("v7em> ")
	u.types("\r@echo done\r")
	u.sees("\nDONE\r\n# ")
	u.types("\x05s")
	u.sees("powered off\r\n")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/single")
}

func TestBootMenuPacks(t *testing.T) {
	dir := newMachineDir(t)
	spare := filepath.Join(t.TempDir(), "spare.rk05")
	b, err := os.ReadFile(filepath.Join(dir, "rk3.rk05"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spare, b, 0o666); err != nil {
		t.Fatal(err)
	}
	u := sitDown(t, "boot", "--dir", dir, "--single")
	u.sees("# ")
	u.types("\x05d")
	u.sees("drive: ")
	u.types("rk3\r")
	u.sees("rk3 is empty; " + filepath.Join(dir, "rk3.rk05") + " is free")
	u.types("d")
	u.sees("drive: ")
	u.types("rk3\r")
	u.sees("rk3 is empty")
	for _, tt := range []struct{ drive, file, want string }{
		{"rk9\r", "", `"rk9" is no drive`},
		{"rk4\r", "", "rk4 holds "},
		{"rk3\r", filepath.Join(dir, "none") + "\r", "no such file"},
		{"rp0\r", spare + "\r", "is no RP03 pack"},
		{"rk3\r", filepath.Join(dir, "rk4.rk05") + "\r", "same file in another drive"},
		{"\x03", "", "\r\nv7em> "},
		{"rk3\r", strings.TrimSuffix(spare, "are.rk05") + "\t\r", "rk3 holds " + spare},
	} {
		u.types("a")
		u.sees("rp0 to rp7): ")
		u.types(tt.drive)
		if tt.file != "" {
			u.sees("image file: ")
			u.types(tt.file)
		}
		u.sees(tt.want)
	}
	u.types("i")
	u.sees("rk3  " + spare)
	u.types("c")
	u.types("\r")
	u.sees("# ")
	u.types("/etc/mount /dev/rk3 /usr; mkdir /usr/made; sync\r")
	u.sees("SYNC\r\n# ")
	u.types("\x05x")
	u.sees("the power is cut\r\n")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	if out, errs, status := v7em("", "fs", "ls", spare, "/"); status != 0 || !strings.Contains(out, "made") {
		t.Errorf("the attached pack: %q %q", out, errs)
	}
}

// TestBootSignal: SIGTERM powers off in good order.
func TestBootSignal(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir)
	u.logsIn()
	u.types("mkdir /tmp/last\r")
	u.sees("# ")
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	u.sees("ended by a signal")
	if status := u.leaves(); status != 1 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/tmp/last")
}

// TestBootTerminalVanishes closes the terminal's other end.
func TestBootTerminalVanishes(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir)
	u.logsIn()
	u.types("mkdir /tmp/last\r")
	u.sees("# ")
	u.types("yes\r") // it is in the middle of printing
	u.sees("y\r\ny\r\n")
	u.pty.Close()
	if status := u.leaves(); status != 1 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/tmp/last")
}

// TestBootStuckTerminal: nobody reads what the guest prints, and v7em is told to
// end. It gets as far as its last words.
func TestBootStuckTerminal(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir)
	u.logsIn()
	u.types("mkdir /tmp/last\r")
	u.sees("# ")
	u.mu.Lock() // the reader stops
	if _, err := u.pty.WriteString("yes 'all work and no play makes jack a dull boy'\r"); err != nil {
		t.Error(err)
	}
	time.Sleep(time.Second) // more would not do harm, nor less
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	var err error
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		var lock *journaldev.DirLock
		if lock, err = journaldev.LockDir(dir, "the test"); err == nil {
			lock.Unlock()
			break
		}
	}
	u.mu.Unlock()
	if err != nil {
		t.Errorf("the stuck terminal holds up the end: %v", err)
	}
	if status := u.leaves(); status != 1 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/tmp/last")
}

func TestBootSaveAndRestore(t *testing.T) {
	dir := newMachineDir(t)
	state := filepath.Join(t.TempDir(), "state")
	u := sitDown(t, "boot", "--dir", dir)
	u.logsIn()
	u.types("cd /usr/games; x=remembered\r")
	u.sees("# ")
	u.types("\x05w")
	u.sees("save in which file? ")
	u.types(state + "\r")
	u.sees("saved in " + state)
	if status := u.leaves(); status != 0 {
		t.Fatalf("status %d", status)
	}

	u = sitDown(t, "boot", "--dir", dir, "--restore", state, "--save", state)
	u.sees("its clock catches up")
	u.types("pwd; echo $x\r")
	u.sees("/usr/games\r\nremembered\r\n# ")
	if err := u.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	u.sees("saved in " + state)
	if status := u.leaves(); status != 1 {
		t.Errorf("status %d", status)
	}

	u = sitDown(t, "boot", "--dir", dir, "--restore", state)
	u.types("echo $x again\r")
	u.sees("remembered again\r\n# ")
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/usr/games")

	// The packs have gone on, so the state is no longer theirs.
	for _, tt := range []struct{ file, want string }{
		{state, "has changed since the state was saved"},
		{state + ".none", "no such file"},
		{filepath.Join(dir, "rk0.rk05"), "not a saved machine"},
	} {
		u = sitDown(t, "boot", "--dir", dir, "--restore", tt.file)
		u.sees(tt.want)
		if status := u.leaves(); status != 1 {
			t.Errorf("%s: status %d", tt.want, status)
		}
	}
}

// TestSaveGoesWrong: a machine that cannot be saved goes on, and what stands where it was to
// be saved is left alone.
func TestSaveGoesWrong(t *testing.T) {
	dir := newMachineDir(t)
	pack := filepath.Join(dir, "rk3.rk05")
	before, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	u := sitDown(t, "boot", "--dir", dir, "--save", pack)
	u.sees("is no saved machine")
	if status := u.leaves(); status != 1 {
		t.Errorf("status %d", status)
	}
	there := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(there, "state")
	u = sitDown(t, "boot", "--dir", dir, "--save", state)
	u.logsIn()
	u.types("x=remembered\r")
	u.sees("# ")
	if err := os.Remove(there); err != nil {
		t.Fatal(err)
	}
	u.types("\x05w")
	u.sees("the machine is not saved")
	u.types("echo $x still\r")
	u.sees("remembered still\r\n# ")
	for _, tt := range []struct{ file, want string }{
		{state, "no such file"},
		{pack, "is no saved machine: it is left alone"},
		{dir, "is no file that a machine could be saved in"},
	} {
		u.types("\x05w")
		u.sees("save in which file? ")
		u.types(tt.file + "\r")
		u.sees(tt.want)
		u.types("c")
	}
	u.types("echo $x again\r")
	u.sees("remembered again\r\n# ")
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	after, err := os.ReadFile(pack)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the pack is another: %v", err)
	}
}

// TestWake: a machine that was saved catches up with the time since, or its user hears what
// its clock does.
func TestWake(t *testing.T) {
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 29, 2, 0, 0, 0, time.Local)
	for _, tt := range []struct {
		saved  time.Time
		want   string
		behind time.Duration
	}{
		{now.Add(-90 * time.Minute), "saved 1h30m0s ago; its clock catches up", 90 * time.Minute},
		{now.AddDate(0, 0, -8), "saved at 2026-11-21 02:00:00; its clock stays at that time", 0},
		{now.Add(time.Hour), "saved at 2026-11-29 03:00:00, which is still to come", 0},
		{time.Time{}, "its clock stays behind", 0},
	} {
		if got := wake(m, tt.saved, now); !strings.Contains(got, tt.want) {
			t.Errorf("saved at %v: %q, want %q", tt.saved, got, tt.want)
		}
		var b bytes.Buffer
		if err := m.Save(&b, now); err != nil {
			t.Fatal(err)
		}
		_, at, err := machine.Restore(&b, machine.Packs{})
		if behind := now.Sub(at); err != nil || behind != tt.behind {
			t.Errorf("saved at %v: its clock is %v behind, want %v; %v", tt.saved, behind, tt.behind, err)
		}
		m.Behind(-tt.behind)
	}
}

// TestBootUnbootable leaves the user at the console.
func TestBootUnbootable(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir, "--kernel", "nounix")
	u.sees("not found")
	u.sees("V7 did not come up by itself")
	u.types("unix\r")
	u.sees("mem = ")
	u.sees("# ")
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}
