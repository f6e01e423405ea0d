//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"v7em/images/mini"
)

// pane is a user at a terminal of tmux's, who sees the screen as it is.
type pane struct {
	t      *testing.T
	socket string
}

// sitAtPane runs v7em with these arguments in a terminal of that size.
func sitAtPane(t *testing.T, w, h int, args ...string) *pane {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return sitAtPaneFor(t, w, h, fmt.Sprintf("%s=1 TERM=screen LC_ALL=C.UTF-8 '%s' '%s'; echo status $?; sleep 1000", asProgram, self, strings.Join(args, "' '")))
}

// sitAtPaneFor runs a shell command in a terminal of that size.
func sitAtPaneFor(t *testing.T, w, h int, command string) *pane {
	t.Helper()
	if testing.Short() {
		t.Skip("a session on a terminal takes seconds")
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed (apt-get install tmux)")
	}
	u := &pane{t, filepath.Join(t.TempDir(), "tmux")}
	u.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(w), "-y", fmt.Sprint(h), command)
	t.Cleanup(func() { u.tmux("kill-server") })
	return u
}

func (u *pane) tmux(args ...string) string {
	u.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-u", "-S", u.socket}, args...)...).CombinedOutput()
	if err != nil {
		u.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// screen returns what is on the screen.
func (u *pane) screen() string { return u.tmux("capture-pane", "-p") }

// sees waits until all the texts are on the screen at once, and returns that.
func (u *pane) sees(texts ...string) string {
	u.t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		screen, all := u.screen(), true
		for _, text := range texts {
			all = all && strings.Contains(screen, text)
		}
		if all {
			return screen
		}
		if time.Now().After(late) {
			u.t.Fatalf("%q is not on the screen:\n%s", texts, screen)
		}
	}
}

func (u *pane) types(text string) {
	u.t.Helper()
	u.tmux("send-keys", "-l", text)
}

func (u *pane) presses(keys ...string) {
	u.t.Helper()
	u.tmux(append([]string{"send-keys"}, keys...)...)
}

// colour waits until something is drawn on that background, by its SGR number.
func (u *pane) colour(sgr string) {
	u.t.Helper()
	for late := time.Now().Add(patience); ; {
		// The legend has each colour, too, once.
		if strings.Count(u.tmux("capture-pane", "-p", "-e"), sgr) > 1 {
			return
		}
		if time.Now().After(late) {
			u.t.Fatalf("nothing is drawn with %q:\n%s", sgr, u.screen())
		}
	}
}

// consoleHas says whether the console has these rows, from some row on; what is
// beside it does not count.
func consoleHas(screen string, want ...string) bool {
	var rows []string
	for _, row := range strings.Split(screen, "\n") {
		if left, _, ok := strings.Cut(row, "│"); ok {
			rows = append(rows, strings.TrimRight(left, " "))
		}
	}
	return strings.Contains("\n"+strings.Join(rows, "\n")+"\n", "\n"+strings.Join(want, "\n")+"\n")
}

// TestScreenMini is a session with mini on the screen: commands, the menu, power cut,
// power off, boot again, and the end.
func TestScreenMini(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "machine")
	u := sitAtPane(t, 121, 30, "boot", "--screen", "--fragile", "--guest", "mini", "--dir", dir)
	u.sees("v7em  PDP-11/70, 2048 KB", "waiting", "─ rk0 ─", "S super", "FREE CREATE START TRANS END ESTART", "# ")
	u.types("mkdir /made; echo hel")
	u.presses("x", "BSpace") // Backspace is an ordinary key of v7em's
	u.types("lo; ls -l /bin")
	u.presses("Enter")
	u.sees("hello", " sync", " wc")
	u.types("sync; echo three")
	u.presses("Enter")
	if s := u.sees("\nthree"); !consoleHas(s, "# sync; echo three", "three", "#") {
		t.Errorf("the console:\n%s", s)
	}
	u.presses("PageUp")
	u.sees("scrolled back", "hello")
	u.presses("PageDown")

	u.presses("C-e")
	u.sees("┌─ the machine", "c  continue", "v7em> ")
	u.types("i")
	u.sees("PDP-11/70, 2048 KB:", "journal:", "commit points")
	u.types("c")
	u.sees("# sync; echo three", "three")

	u.presses("F4") // the console alone
	u.types("echo " + strings.Repeat("0123456789", 8))
	u.presses("Enter")
	u.sees("\n" + strings.Repeat("0123456789", 8))
	u.presses("F4")
	u.sees("─ rk0 ─")

	// There is something to recover: the mark that all is home was not synced yet. It
	// stays until a key is pressed, and hides nothing of what is said.
	u.presses("F8")
	u.sees("v7em: the power is cut", "the power is on again", "recovery of rk0", "any key goes on")
	time.Sleep(time.Second) // more would not do harm, nor less
	u.sees("v7em: the power is cut", "the power is on again", "recovery of rk0")
	u.presses("x")
	u.sees("waiting", "boot: unix")
	u.types("ls -l /made; echo after")
	u.presses("Enter")
	if s := u.sees("\nafter"); strings.Contains(s, "not found") {
		t.Errorf("what was synced is lost:\n%s", s)
	}

	u.presses("F6")
	u.sees("power off", "v7em: powered off", "F9 boots again; any other key")
	u.presses("F9")
	u.sees("waiting")
	u.types("echo third")
	u.presses("Enter")
	u.sees("\nthird")

	u.presses("F9") // in one go
	u.sees("v7em: powered off")
	u.types("echo fourth")
	u.presses("Enter")
	u.sees("\nfourth")
	u.tmux("resize-window", "-x", "60", "-y", "15")
	u.sees("the picture needs 80x22", "fourth")
	u.tmux("resize-window", "-x", "80", "-y", "24")
	u.sees("─ rk0 ─", "fourth", "ESTART")

	u.presses("F6")
	u.sees("F9 boots again")
	u.types("q")
	u.sees("echo fourth", "v7em: powered off", "status 0") // what the console showed stays
	if out, errs, status := v7em("", "fs", "ls", filepath.Join(mini.Dir(dir), "rk0.rk05"), "/"); status != 0 || !strings.Contains(out, "made") {
		t.Errorf("the pack: %q %q", out, errs)
	}
}

// TestScreenV7 sees V7's blocks light up, and a recovery.
func TestScreenV7(t *testing.T) {
	dir := newMachineDir(t)
	u := sitAtPane(t, 132, 43, "boot", "--screen", "--fragile", "--single", "--dir", dir)
	u.sees(" rk0 S", " rk7 S", "~~~~~", "\n# ")
	u.types("STTY -LCASE; PATH=/BIN:/USR/BIN:/ETC; ECHO SET")
	u.presses("Enter")
	u.sees("\nset") // stty throws away what is typed ahead
	u.types("i=0; while mkdir /tmp/a$i; do i=1$i; done; echo done")
	u.presses("Enter")
	const read, written, home = "\x1b[30m\x1b[42m", "\x1b[30m\x1b[43m", "\x1b[30m\x1b[46m"
	u.colour(written)
	u.colour(home)
	u.presses("F8")
	u.sees("v7em: the power is cut", "any key goes on")
	u.presses("Enter")
	u.sees("waiting", "boot: unix", "\n# ")
	u.types("MKDIR /KEPT; ECHO AFTER")
	u.presses("Enter")
	u.sees("\nAFTER")
	u.presses("F6")
	u.sees("powered off", "F9 boots again")
	u.presses("Enter")
	u.sees("status 0")
	packsAreClean(t, dir, "/kept")
}

// TestScreenEnds: a signal, or the end of the terminal, ends the session, and the
// terminal is as it was.
func TestScreenEnds(t *testing.T) {
	for name, end := range map[string]func(u *user){
		"signal":   func(u *user) { u.cmd.Process.Signal(syscall.SIGTERM) },
		"vanished": func(u *user) { u.pty.Close() },
		"stuck": func(u *user) {
			u.mu.Lock() // the reader stops
			defer u.mu.Unlock()
			u.pty.WriteString(strings.Repeat("\x1bOS", 200)) // F4, which draws everything anew
			time.Sleep(time.Second)                          // more would not do harm, nor less
			u.cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-u.ended:
			case <-time.After(patience):
				u.t.Error("the stuck terminal holds up the end")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := sitDown(t, "boot", "--screen", "--guest", "mini", "--dir", filepath.Join(t.TempDir(), "machine"))
			u.sees("\x1b[?1049h") // the terminal's other screen
			u.sees("PDP-11/70")
			end(u)
			if status := u.leaves(); status != 1 {
				t.Errorf("status %d", status)
			}
		})
	}
}
