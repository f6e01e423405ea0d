package main

import (
	"strings"
	"testing"
	"time"
)

func TestFold(t *testing.T) {
	for _, tt := range []struct {
		line  string
		width int
		want  string
	}{
		{"the power is cut\r\n", 0, "the power is cut\r\n"},
		{"the power is cut\r\n", 16, "the power is cut\r\n"},
		{"the power is cut\r\n", 15, "the power is\r\ncut\r\n"},
		{"the power is cut, unfortunately\r\n", 10, "the power\r\nis cut,\r\nunfortunately\r\n"},
		{"\r\n", 10, "\r\n"},
		{"", 10, ""},
		{"éé éé", 5, "éé éé"},
	} {
		if got := fold(tt.line, tt.width); got != tt.want {
			t.Errorf("fold(%q, %d): %q, want %q", tt.line, tt.width, got, tt.want)
		}
	}
}

// TestScreenSay: a line of v7em's own begins on a new line, behind a prompt, a menu and
// what the machine has printed while the menu was open.
func TestScreenSay(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b)
	shown := func() {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			s.mu.Lock()
			done := len(s.buf) == 0 && !s.busy
			s.mu.Unlock()
			if done {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("nothing is shown")
			}
		}
	}
	s.say("v7em: one\r\n", false)
	s.write([]byte("# "))
	s.say("v7em: two\r\n", false)
	s.write([]byte("# "))
	shown()
	s.hold()
	s.Write([]byte("\r\nmenu> p\r\n"))
	s.release()
	s.say("v7em: three\r\n", false)
	shown()
	s.hold()
	s.Write([]byte("\r\nmenu> "))
	s.write([]byte("late"))
	s.Write([]byte("p\r\n"))
	s.release()
	s.say("v7em: four\r\n", false)
	s.write([]byte("$ ls\b \b"))
	s.say("v7em: five\r\n", true)
	s.say("v7em: six\r\n", true)
	s.write([]byte("s"))
	s.say("v7em: seven\r\n", true)
	s.close()
	const again = "$ ls\b \b\r\nv7em: five\r\n$ ls\b \b\r\x1b[Kv7em: six\r\n$ ls\b \bs\r\nv7em: seven\r\n$ ls\b \bs"
	const want = "v7em: one\r\n# \r\nv7em: two\r\n# \r\nmenu> p\r\nv7em: three\r\n\r\nmenu> p\r\nlate\r\nv7em: four\r\n" + again
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
