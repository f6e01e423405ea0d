package main

import "strings"

// V7's own keys: # erases a character, @ kills the line, DEL interrupts. A \
// before # or @ takes their meaning away.
const (
	guestErase     = '#'
	guestKill      = '@'
	guestInterrupt = 0o177

	keyMenu = 'E' & 0o37 // ^E
)

// echoWait is how long, in virtual nanoseconds, the echo of a key may take before
// it is not expected any more: the program reads without echo.
const echoWait = 500e6

// keyboard turns the keys of a terminal of today into V7's, and V7's echo of them
// into what the user expects to see: Backspace takes the last character off the
// screen, ^U the line, and a # or @ that is typed stands for itself.
type keyboard struct {
	plain bool      // leave keys and echo alone (--plain-keys)
	line  []typed   // what the user typed since the line began
	wait  []awaited // echoes to replace
	col   int       // where the terminal's cursor is
}

// typed is a character of the line and the columns that its echo takes.
type typed struct {
	c     byte
	width int
}

// awaited is an echo that will be shown differently.
type awaited struct {
	echo  byte   // what V7 sends
	show  string // what the terminal gets
	until uint64 // virtual time at which it is forgotten
}

// rubout takes one column off the screen.
const rubout = "\b \b"

// key returns what the guest gets for one byte from the terminal. now is the
// virtual time in nanoseconds.
func (k *keyboard) key(c byte, now uint64) []byte {
	if k.plain {
		return []byte{c}
	}
	switch c {
	case '\b', 0o177:
		return k.erase(now)
	case 'U' & 0o37:
		return k.kill(now)
	case 'C' & 0o37:
		k.line, k.wait = nil, nil // V7 drops what it had not printed yet
		return []byte{guestInterrupt}
	case '\r', '\n':
		k.line = nil
	case guestErase, guestKill:
		k.line = append(k.line, typed{c, 1})
		k.await('\\', "", now)
		if c == guestKill { // V7 goes to a new line all the same
			k.await(guestKill, "@", now)
			k.await('\r', "", now)
			k.await('\n', "", now)
		}
		return []byte{'\\', c}
	case '\t':
		k.line = append(k.line, typed{c, 8 - k.col%8})
	default:
		switch {
		case c >= 0o200:
			return nil // V7 has seven bits: half a letter would be another one
		case c >= ' ':
			k.line = append(k.line, typed{c, 1})
		case c != 'S'&0o37 && c != 'Q'&0o37 && c != 'D'&0o37 && c != '\\'&0o37:
			k.line = append(k.line, typed{c, 0})
		}
	}
	return []byte{c}
}

// erase is Backspace.
func (k *keyboard) erase(now uint64) []byte {
	if len(k.line) == 0 {
		k.await(guestErase, "", now)
		return []byte{guestErase}
	}
	last := k.line[len(k.line)-1]
	k.line = k.line[:len(k.line)-1]
	keys := []byte{guestErase}
	if last.c == '\\' {
		// The first only turns the \ into a #, which the second erases.
		k.await(guestErase, "", now)
		keys = append(keys, guestErase)
	}
	k.await(guestErase, strings.Repeat(rubout, last.width), now)
	return keys
}

// kill is ^U.
func (k *keyboard) kill(now uint64) []byte {
	keys, width := []byte{guestKill}, 0
	for _, t := range k.line {
		width += t.width
	}
	if n := len(k.line); n > 0 && k.line[n-1].c == '\\' {
		keys = append(keys, guestKill) // as in erase
	}
	k.line = nil
	for range keys {
		k.await(guestKill, strings.Repeat(rubout, width), now)
		// V7 goes to a new line after the kill character; the user stays on this.
		k.await('\r', "", now)
		k.await('\n', "", now)
		width = 0
	}
	return keys
}

func (k *keyboard) await(echo byte, show string, now uint64) {
	k.wait = append(k.wait, awaited{echo, show, now + echoWait})
}

// shown returns what the terminal gets for a character that the guest sent. Its
// parity bit is taken off.
func (k *keyboard) shown(c byte, now uint64) []byte {
	c &= 0o177
	show := []byte{c}
	for len(k.wait) > 0 && now > k.wait[0].until {
		k.wait = k.wait[1:]
	}
	if len(k.wait) > 0 && c == k.wait[0].echo {
		show = []byte(k.wait[0].show)
		k.wait = k.wait[1:]
	}
	for _, c := range show {
		switch {
		case c == '\r':
			k.col = 0
		case c == '\b':
			k.col = max(k.col-1, 0)
		case c == '\t':
			k.col = k.col&^7 + 8
		case c >= ' ' && c < 0o177:
			k.col++
		}
	}
	return show
}
