package main

import (
	"strings"
	"testing"
)

func TestKeysReachTheGuest(t *testing.T) {
	for _, tt := range []struct {
		name, typed, plain, mapped string
	}{
		{"a line", "date\r", "date\r", "date\r"},
		{"backspace", "a\x7fb\bc", "a\x7fb\bc", "a#b#c"},
		{"interrupt", "\x03", "\x03", "\x7f"},
		{"kill", "junk\x15", "junk\x15", "junk@"},
		{"hash and at", "#include a@b", "#include a@b", `\#include a\@b`},
		{"end of file", "\x04", "\x04", "\x04"},
		{"stop and go", "\x13\x11", "\x13\x11", "\x13\x11"},
		{"control", "\x1c\t\x1b", "\x1c\t\x1b", "\x1c\t\x1b"},
		{"erase a backslash", "\\\x7fx", "\\\x7fx", "\\##x"},
		{"kill after a backslash", "a\\\x15x", "a\\\x15x", "a\\@@x"},
		{"not ASCII", "\xc3\xa9x", "\xc3\xa9x", "x"},
	} {
		for _, plain := range []bool{true, false} {
			k := keyboard{plain: plain}
			var got strings.Builder
			for _, c := range []byte(tt.typed) {
				got.Write(k.key(c, 0))
			}
			want := tt.mapped
			if plain {
				want = tt.plain
			}
			if got.String() != want {
				t.Errorf("%s, plain %v: guest gets %q, want %q", tt.name, plain, got.String(), want)
			}
		}
	}
}

// cooked is a model of V7's echo in a cooked terminal: every character as it comes,
// a new line after the kill character, CR as CR LF.
func cooked(c byte) string {
	switch c {
	case guestKill:
		return "@\r\n"
	case '\r':
		return "\r\n"
	case guestInterrupt, 4:
		return ""
	}
	return string(c)
}

// typeAll types each key and lets the guest echo it at once.
func typeAll(k *keyboard, keys string, echo func(byte) string) string {
	var screen strings.Builder
	var now uint64
	for _, c := range []byte(keys) {
		now += 1e8
		for _, g := range k.key(c, now) {
			for _, e := range []byte(echo(g)) {
				screen.Write(k.shown(e|0o200, now)) // with parity, as V7 sends it
			}
		}
	}
	return screen.String()
}

func TestEchoOnScreen(t *testing.T) {
	for _, tt := range []struct {
		name, typed, plain, mapped string
	}{
		{"plain text", "date\r", "date\r\n", "date\r\n"},
		{"erase", "datf\x7fe", "datfe", "datf\b \be"},
		{"erase nothing", "\x7f\x7fa", "a", "a"},
		{"erase stops at the line's start", "a\b\b\bb", "a\b\b\bb", "a\b \bb"},
		{"erase a hash", "#\bx", "#\bx", "#\b \bx"},
		{"new line", "a\r\b", "a\r\n\b", "a\r\n"},
		{"kill", "ab\x15c", "ab\x15c", "ab\b \b\b \bc"},
		{"erase a backslash", "a\\\bx", "a\\\bx", "a\\\b \bx"},
		{"kill after a backslash", "a\\\x15x", "a\\\x15x", "a\\\b \b\b \bx"},
		{"erase a tab", "a\t\bb", "a\t\bb", "a\t" + strings.Repeat("\b \b", 7) + "b"},
		{"erase a control character", "a\x01\bb", "a\x01\bb", "a\x01b"},
		{"at", "a@b", "a@\r\nb", "a@b"},
		{"erase an at", "@\bx", "@\r\n\bx", "@\b \bx"},
	} {
		k := &keyboard{plain: true}
		if got := typeAll(k, tt.typed, cooked); got != tt.plain {
			t.Errorf("%s, plain: screen %q, want %q", tt.name, got, tt.plain)
		}
		k = &keyboard{}
		if got := typeAll(k, tt.typed, cooked); got != tt.mapped {
			t.Errorf("%s: screen %q, want %q", tt.name, got, tt.mapped)
		}
	}
}

func TestNoEchoIsForgotten(t *testing.T) {
	k := &keyboard{}
	silent := func(byte) string { return "" }
	if got := typeAll(k, "pass\x7f#\x15", silent); got != "" {
		t.Errorf("screen %q", got)
	}
	var got strings.Builder
	for _, c := range []byte("# a@b\\\r\n") {
		got.Write(k.shown(c, 1e12))
	}
	if got.String() != "# a@b\\\r\n" {
		t.Errorf("later output is shown as %q", got.String())
	}
}
