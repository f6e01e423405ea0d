package main

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
	line  int       // columns that the user typed since the line began
	wait  []awaited // echoes to replace
}

// awaited is an echo that will be shown differently.
type awaited struct {
	echo  byte   // what V7 sends
	show  string // what the terminal gets
	until uint64 // virtual time at which it is forgotten
}

// key returns what the guest gets for one byte from the terminal. now is the
// virtual time in nanoseconds.
func (k *keyboard) key(c byte, now uint64) []byte {
	if k.plain {
		return []byte{c}
	}
	switch {
	case c == '\b' || c == 0o177:
		show := ""
		if k.line > 0 {
			k.line--
			show = "\b \b"
		}
		k.await(guestErase, show, now)
		return []byte{guestErase}
	case c == 'U'&0o37:
		show := make([]byte, 0, 3*k.line)
		for range k.line {
			show = append(show, "\b \b"...)
		}
		k.line = 0
		k.await(guestKill, string(show), now)
		// V7 goes to a new line after the kill character; the user stays on this.
		k.await('\r', "", now)
		k.await('\n', "", now)
		return []byte{guestKill}
	case c == 'C'&0o37:
		k.line = 0
		return []byte{guestInterrupt}
	case c == guestErase || c == guestKill:
		k.line++
		k.await('\\', "", now)
		return []byte{'\\', c}
	case c == '\r' || c == '\n':
		k.line = 0
	case c >= 0o200:
		return nil // V7 has seven bits: half a letter would be another one
	case c >= ' ':
		k.line++
	}
	return []byte{c}
}

func (k *keyboard) await(echo byte, show string, now uint64) {
	k.wait = append(k.wait, awaited{echo, show, now + echoWait})
}

// shown returns what the terminal gets for a character that the guest sent. Its
// parity bit is taken off.
func (k *keyboard) shown(c byte, now uint64) []byte {
	c &= 0o177
	for len(k.wait) > 0 && now > k.wait[0].until {
		k.wait = k.wait[1:]
	}
	if len(k.wait) > 0 && c == k.wait[0].echo {
		show := k.wait[0].show
		k.wait = k.wait[1:]
		return []byte(show)
	}
	return []byte{c}
}
