package screen

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"v7em/journaldev"
)

func TestKeys(t *testing.T) {
	s := simulation(t, 121, 30)
	x := Open(s, nil)
	defer x.Close()
	type press struct {
		k    tcell.Key
		r    rune
		m    tcell.ModMask
		want string
	}
	keys := []press{
		{tcell.KeyEnter, 0, 0, "\r"}, {tcell.KeyTab, 0, 0, "\t"}, {tcell.KeyEsc, 0, 0, "\x1b"}, {tcell.KeyBackspace, 0, 0, "\x7f"}, {tcell.KeyBackspace2, 0, 0, "\x7f"},
		{tcell.KeyRune, 'a', 0, "a"}, {tcell.KeyRune, 'Z', 0, "Z"}, {tcell.KeyRune, '#', 0, "#"}, {tcell.KeyRune, '~', 0, "~"}, {tcell.KeyRune, 'ä', 0, "ä"},
		{tcell.KeyRune, 'x', tcell.ModAlt, "\x1bx"}, {tcell.KeyUp, 0, 0, "\x1b[A"}, {tcell.KeyDelete, 0, 0, "\x1b[3~"},
		{tcell.KeyCtrlSpace, 0, tcell.ModCtrl, "\x00"}, {tcell.KeyCtrlBackslash, 0, tcell.ModCtrl, "\x1c"}, {tcell.KeyCtrlUnderscore, 0, tcell.ModCtrl, "\x1f"},
	}
	for c := 'A'; c <= 'Z'; c++ {
		if c != 'H' && c != 'I' && c != 'M' { // those are other keys' too
			keys = append(keys, press{tcell.KeyCtrlA + tcell.Key(c-'A'), 0, tcell.ModCtrl, string(c & 0o37)})
		}
	}
	for _, k := range keys {
		s.InjectKey(k.k, k.r, k.m)
		select {
		case got := <-x.Keys():
			if string(got) != k.want {
				t.Errorf("key %v %q sends %q, want %q", k.k, k.r, got, k.want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("key %v %q sends nothing", k.k, k.r)
		}
	}
}

func TestCommands(t *testing.T) {
	s := simulation(t, 121, 30)
	x := Open(s, map[Command]string{PowerOffKey: "\x05s", CutKey: "\x05p", BootKey: "\x05b"})
	x.Console.Write([]byte(strings.Repeat("x\r\n", 100)))
	s.InjectKey(tcell.KeyF6, 0, 0)
	s.InjectKey(tcell.KeyF8, 0, 0)
	s.InjectKey(tcell.KeyF9, 0, 0)
	for _, want := range []string{"\x05s", "\x05p", "\x05b"} {
		if k := <-x.Keys(); string(k) != want {
			t.Errorf("%q is sent, want %q", k, want)
		}
	}
	s.InjectKey(tcell.KeyPgUp, 0, 0)
	eventually(t, func() bool { return x.Console.View(80, 28).Behind == 27 })
	s.InjectKey(tcell.KeyPgDn, 0, 0)
	eventually(t, func() bool { return x.Console.View(80, 28).Behind == 0 })
	s.InjectKey(tcell.KeyPgUp, 0, 0)
	s.InjectKey(tcell.KeyRune, 'a', 0)
	if k := <-x.Keys(); string(k) != "a" || x.Console.View(80, 28).Behind != 0 {
		t.Errorf("a key sends %q and does not bring the end back", k)
	}
	// Without the picture the console has all columns.
	s.InjectKey(tcell.KeyF4, 0, 0)
	x.Console.Write([]byte(strings.Repeat("y", 110)))
	eventually(t, func() bool { return strings.HasPrefix(screenRow(x, 28), strings.Repeat("y", 110)) })
	s.InjectKey(tcell.KeyF4, 0, 0)
	eventually(t, func() bool { return strings.HasPrefix(screenRow(x, 28), strings.Repeat("y", 30)+" ") })
	for range 2 { // the second time does nothing
		if !x.Close() {
			t.Error("it does not close")
		}
	}
	if _, ok := <-x.Keys(); ok {
		t.Error("a key after the end")
	}
}

// TestTypeAhead types while nobody reads: the screen lives on, and nothing is lost.
func TestTypeAhead(t *testing.T) {
	s := simulation(t, 121, 30)
	x := Open(s, nil)
	defer x.Close()
	const n = 1000
	for i := range n {
		s.InjectKey(tcell.KeyRune, rune('a'+i%26), 0)
		if i%8 == 0 {
			time.Sleep(time.Millisecond) // the simulation drops what its queue has no room for
		}
	}
	x.Console.Write([]byte("alive"))
	eventually(t, func() bool { return strings.HasPrefix(screenRow(x, 1), "alive") })
	for i := range n {
		if k := <-x.Keys(); string(k) != string(rune('a'+i%26)) {
			t.Fatalf("key %d is %q", i, k)
		}
	}
}

// TestTerminalGone: the keys end when the terminal cannot be read any more.
func TestTerminalGone(t *testing.T) {
	s := simulation(t, 121, 30)
	x := Open(s, nil)
	s.PostEvent(tcell.NewEventError(errors.New("gone")))
	if k, ok := <-x.Keys(); ok {
		t.Errorf("%q was typed", k)
	}
	x.Replay(t.Context(), []Recovered{{"rk0", "", []journaldev.Replay{{Blocks: []int{1}, Written: []bool{true}}}}}) // does not wait
	x.Close()
}
