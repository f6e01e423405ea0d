//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"v7em/asm"
	"v7em/images"
)

// seesWithout waits for a text, and fails the test if another one is on the screen before.
func (u *user) seesWithout(text, not string) {
	u.t.Helper()
	u.mu.Lock()
	from := u.from
	u.mu.Unlock()
	u.sees(text)
	u.mu.Lock()
	defer u.mu.Unlock()
	if s := u.seen.String()[from:u.from]; strings.Contains(s, not) {
		u.t.Errorf("%q is on the screen: %q", not, s)
	}
}

// TestBootKeys uses the keys of today in V7: the arrows at the login prompt and in the
// menu, editing a line and bringing one back, other erase and kill characters, raw mode,
// a long paste.
func TestBootKeys(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir)
	u.sees("login: ")
	u.types("\x1b[A\x1bOP\x1b[15~")
	time.Sleep(50 * time.Millisecond) // what is wrong may come late: more would do no harm
	u.types("root\r")
	u.seesWithout("Password:", "PASSWORD")
	u.types("root\r")
	u.seesWithout("# ", "[A")

	u.types("ehco one\x1b[H\x1b[C\x1b[C\x1b[D\x1b[C\x7fh\x1b[C\x1b[C") // corrected below
	u.types("\x15echo tw\x1b[Do\x1b[D\x1b[C\x1b[3~w\x1b[1~\x1b[4~\x7f\x7fwo\r")
	u.sees("\r\ntwo\r\n# ")
	u.types("echo first\r")
	u.sees("\r\nfirst\r\n# ")
	u.types("\x1b[A\x1b[A\r")
	u.sees("\r\ntwo\r\n# ")

	u.types("\x05")
	u.sees("v7em> ")
	u.types("\x1b[A")
	u.sees("\a")
	u.types("i")
	u.sees("PDP-11/70")
	u.sees("v7em> ")
	u.types("c")
	u.sees("# ") // the prompt is shown again
	u.types("stty erase '^h' kill '^u'; echo done\r")
	u.sees("\r\ndone\r\n# ")
	u.types("junk\x15echo 'a#b@c'x\x7f\r")
	u.sees("\r\na#b@c\r\n# ")
	u.types("stty erase '#' kill '@'; stty raw -echo; dd bs=1 count=6 2>/dev/null | od -b; stty -raw echo\r")
	time.Sleep(500 * time.Millisecond) // dd must be reading: od shows nothing before
	u.types("\x1b[A\x7f#\x03")
	u.sees("033 133 101 177 043 003")
	u.sees("# ")

	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "#define A%d \"@\"\t\\# é %d\n", i, i)
	}
	u.types("cat >/tmp/pasted\r")
	u.types(strings.ReplaceAll(text.String(), "\n", "\r") + "\x04")
	u.seesWithout("\r\n# ", `\@`)
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
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
	got, err := tree.ReadFile("/tmp/pasted")
	if want := strings.ReplaceAll(text.String(), "é", "e"); err != nil || string(got) != want {
		t.Errorf("pasted: %v, %q", err, got)
	}
}

// echoer is a boot block that prints every character that is typed, letters as capitals.
const echoer = `
	nop
1:	tstb	*$177560
	bpl	1b
	mov	*$177562,r0
	bic	$!177,r0
	cmp	r0,$140
	blo	2f
	sub	$40,r0
2:	tstb	*$177564
	bpl	2b
	mov	r0,*$177566
	br	1b
`

// TestBootForeignKeys: a guest that prints nothing has the keyboard from its first
// instruction on, and the menu is there.
func TestBootForeignKeys(t *testing.T) {
	p, err := asm.AssembleString("echoer.s", echoer, asm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	for name, v7 := range map[string]bool{"no V7": false, "V7's pack, another boot block": true} {
		t.Run(name, func(t *testing.T) {
			var dir string
			if v7 {
				dir = newMachineDir(t)
			} else {
				dir, _ = foreignPack(t, nil)
			}
			f, err := os.OpenFile(filepath.Join(dir, images.RK().PackFile(0)), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(code, 0); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			u := sitDown(t, "boot", "--dir", dir, "--single")
			u.sees("^E opens the menu")
			u.types("x")
			if v7 {
				u.sees("the keyboard is yours")
			} else {
				u.sees("X")
			}
			u.types("hello\x7f\x03\x1b[A")
			u.sees("HELLO_\x03\x1b[A")
			u.types("\x05")
			u.sees("v7em> ")
			u.types("i")
			u.sees("instructions in ")
			u.types("c")
			u.types("there")
			u.sees("THERE")
			u.types("\x05x")
			u.sees("the power is cut")
			if status := u.leaves(); status != 0 {
				t.Errorf("status %d", status)
			}
			if d := time.Since(start); d > 50*time.Second { // promptLimit is a minute
				t.Errorf("it took %v", d)
			}
		})
	}
}

// TestBootTypeAhead types before V7 is up: it comes to V7, and not to its bootstrap.
func TestBootTypeAhead(t *testing.T) {
	u := sitDown(t, "boot", "--guest", "mini", "--dir", filepath.Join(t.TempDir(), "machine"))
	u.types("echo ahead | wc\r")
	u.sees("# echo ahead | wc\r\n")
	u.sees("# ")
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
}
