//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/term"

	"v7em/journaldev"
)

// stops stops v7em as kill -STOP does, for so long, with a shell at the terminal
// meanwhile, and waits until it has taken the terminal again.
func (u *user) stops(d time.Duration) {
	u.t.Helper()
	raw, err := term.GetState(int(u.tty.Fd()))
	if err != nil {
		u.t.Fatal(err)
	}
	u.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(d)
	if err := term.Restore(int(u.tty.Fd()), u.before); err != nil {
		u.t.Fatal(err)
	}
	u.cmd.Process.Signal(syscall.SIGCONT)
	for late := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		now, err := term.GetState(int(u.tty.Fd()))
		if err == nil && reflect.DeepEqual(now, raw) {
			return
		}
		if time.Now().After(late) {
			u.t.Fatal("the terminal stays as the shell has left it")
		}
	}
}

// TestBootStopped: after SIGSTOP and SIGCONT the terminal is raw again, the prompt and
// the line are shown, and V7's clock has caught up.
func TestBootStopped(t *testing.T) {
	u := sitDown(t, "boot", "--dir", newMachineDir(t))
	u.logsIn()
	u.types("echo half")
	u.sees("echo half")
	const away = 4 * time.Second
	u.stops(away)
	u.sees("# echo half")
	u.types("x\x7f-done\r")
	u.sees("\r\nhalf-done\r\n# ")
	clock := regexp.MustCompile(`\d\d:\d\d:\d\d`)
	// A guest on a busy host may be a little late, but not for long.
	for late := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		u.types("date\r")
		u.sees("date\r\n")
		u.mu.Lock()
		from := u.from
		u.mu.Unlock()
		u.sees("# ")
		now := time.Now()
		u.mu.Lock()
		shown := clock.FindString(u.seen.String()[from:u.from])
		u.mu.Unlock()
		guest, err := time.Parse("15:04:05", shown)
		if err != nil {
			t.Fatal(err)
		}
		// Time zones differ by half hours, and V7's seconds begin anywhere.
		seconds := func(t time.Time) int { return t.Minute()%30*60 + t.Second() }
		behind := (seconds(now) - seconds(guest) + 1800) % 1800
		if behind <= 2 || behind >= 1798 {
			break
		}
		if now.After(late) {
			t.Fatalf("V7 says %s at %v", shown, now)
		}
	}
	u.types("\x05")
	u.sees("v7em> ")
	u.stops(0)
	u.sees("v7em> ")
	u.types("z") // nobody could let it go on
	u.sees("was not started by a shell")
	u.sees("v7em> ")
	u.types("s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestSuspend suspends v7em for a shell, from the menu and by a signal, without and with
// the picture, and lets it go on.
func TestSuspend(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, flag := range map[string]string{"plain": "", "screen": " --screen"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "machine")
			u := sitAtPaneFor(t, 100, 40, asProgram+"=1 TERM=screen LC_ALL=C.UTF-8 PS1='host> ' "+bash+" --norc --noprofile -i")
			u.sees("host>")
			u.types(self + " boot --guest mini --dir " + dir + flag)
			u.presses("Enter")
			u.sees("\n#")
			u.types("echo abc")
			u.sees("# echo abc")
			u.presses("C-e")
			u.sees("z  suspend")
			u.types("z")
			u.sees("Stopped", "host>")
			u.types("stty -a | tr ';' '\\n' | grep -w icanon; fg")
			u.presses("Enter")
			u.sees("# echo abc")
			u.presses("x", "BSpace")
			u.types("def")
			u.presses("Enter")
			u.sees("\nabcdef")
			lock, err := journaldev.LockDir(filepath.Join(dir+"-mini"), "the test")
			if err == nil {
				lock.Unlock()
				t.Fatal("the machine's directory is free")
			}
			if flag != "" {
				u.presses("F6")
				u.sees("F9 boots again")
				u.types("q")
			} else {
				u.presses("C-e")
				u.types("s")
			}
			u.sees("powered off", "host>")
		})
	}
}

// TestBootMenuMounted: a pack that V7 has mounted is named, and asked about.
func TestBootMenuMounted(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir)
	u.logsIn()
	ask := func(drive, want, answer string) {
		t.Helper()
		u.types("d")
		u.sees("drive: ")
		u.types(drive + "\r")
		u.sees(want)
		u.sees("(y or n) ")
		u.types(answer + "\r")
	}
	u.types("\x05")
	u.sees("v7em> ")
	ask("rk0", "V7 has its root on rk0, with rk0.rk05 in it", "n")
	u.sees("v7em> ")
	ask("rk1", "V7 has rk1 mounted, with rk1.rk05 in it", "")
	u.sees("v7em> ")
	ask("rk1", "V7 has rk1 mounted", "y")
	u.sees("rk1 is empty")
	u.sees("v7em> ")
	u.types("a")
	u.sees("rp7): ")
	u.types("rk1\r")
	u.sees("V7 has rk1 mounted: it will take this pack for the one that was there.")
	u.sees("(y or n) ")
	u.types("y\r")
	u.sees("image file: ")
	u.types(filepath.Join(dir, "rk1") + "\t\t") // .rk05 and its journal
	u.sees("rk1.rk05  rk1.rk05.journal")
	u.types("\r")
	u.sees("rk1 holds " + filepath.Join(dir, "rk1.rk05"))
	u.types("x")
	u.sees("the power is cut")
	u.leaves()
}

func TestCompleteFile(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"one.rk05", "one.rk05.journal", "sub/two", "odd\x1b[2Jname", ".hidden"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ line, done, others string }{
		{"~/o", "~/one.rk05", ""},
		{"~/one.rk05", "~/one.rk05", "one.rk05 one.rk05.journal"},
		{"~/s", "~/sub/", ""},
		{"~/sub/", "~/sub/two", ""},
		{"~/x", "~/x", ""},
		{"~/", "~/", "one.rk05 one.rk05.journal sub/"},
		{home + "/sub/t", home + "/sub/two", ""},
		{home + "/.h", home + "/.hidden", ""},
		{"~nobody-of-this-name/x", "~nobody-of-this-name/x", ""},
		{"/nowhere/x", "/nowhere/x", ""},
	} {
		done, others := completeFile(tt.line)
		if done != tt.done || strings.Join(others, " ") != tt.others {
			t.Errorf("%q becomes %q, or %q", tt.line, done, others)
		}
	}
	if s, err := expandHome("~/a"); s != home+"/a" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := expandHome("~nobody-of-this-name/a"); err == nil {
		t.Error("the home of nobody")
	}
	if s, _ := expandHome("a~b"); s != "a~b" {
		t.Error(s)
	}
}
