// Package keys turns the keys of a terminal of today into what Seventh Edition Unix
// expects at its console, and V7's echo into what its user expects to see.
//
// V7 edits lines as a teletype does: # erases a character, @ kills the line, DEL
// interrupts, and a \ takes the meaning of the first two away. Here Backspace takes the
// last character off the screen, ^U the line, ^C interrupts, and # and @ stand for
// themselves. Left, Right, Home, End and Delete edit the line, and Up and Down bring
// lines back that were typed before. A line that is edited so is kept here and goes to
// V7 when it is complete; until then V7 has got what was typed, as it was typed.
//
// All of this needs to know how V7's terminal is set at that moment, which its kernel is
// asked. Where it does not edit lines itself (raw and cbreak mode), where it is another
// kernel or none is up yet, keys go through as the terminal has sent them.
package keys

import (
	"slices"

	"v7em/unix/kernel"
)

// The keys of today.
const (
	keyBackspace Code = '\b'
	keyRubout    Code = 0o177
	keyKill      Code = 'U' & 0o37
	keyInterrupt Code = 'C' & 0o37
)

// V7's characters, as they are at first.
const (
	defaultErase = '#'
	defaultKill  = '@'
)

const (
	// none is a special character that there is not.
	none = 0o377
	// aheadLimit is how many characters may wait in V7's queue, with complete lines among
	// them, before more are kept here. lineLimit is how many V7 may get for one line, and
	// eraseLimit how many with those that erase: it throws the queue away at 257.
	aheadLimit = 150
	lineLimit  = 240
	eraseLimit = 250
	// linesKept is how many lines are remembered.
	linesKept = 500
	// getty is the program that reads the name of who logs in.
	getty = "getty"
	// unclearTimes is how often it is looked again for a program that reads.
	unclearTimes = 5
	// queueLimit is how many keys may wait.
	queueLimit = 1 << 17
)

// Keyboard is the user at V7's console. It is the Typist of a KL11. All of it belongs to
// the goroutine that runs the machine.
type Keyboard struct {
	// Plain has all keys go through as they are, always.
	Plain bool
	// Console tells how V7's terminal is set; false when that is not known.
	Console func() (kernel.TTY, bool)
	// Show gets what the user is to see when V7 does not print it.
	Show func(p []byte)
	// Say, if not nil, gets a line for the user about a key.
	Say func(format string, args ...any)
	// Width, if not nil, returns how many columns a row of the user's terminal has.
	// Without it, or at 0, rows have no end.
	Width func() int

	// Wait, if not nil, says whether the keys have to wait, for so long as some do.
	Wait func() bool

	reader string // who read last in raw mode
	asked  int    // for how many times in a row that is not clear

	queue []Key  // typed, not yet given to the console
	sent  []sent // given to it, not yet read by V7
	line  []byte // what V7 has of the line, as it was typed
	raw   int    // how many characters it has got for that
	held  *held  // the line, when it is edited here
	lines []string
	told  map[rune]bool // characters of which was said what becomes of them

	display display
}

// held is a line that is kept here.
type held struct {
	text []byte
	pos  int    // of the cursor
	nth  int    // which of the remembered lines it was; len(lines) for none
	was  string // what was there before Up
}

// sent is a character that V7 is to read, and what becomes of its echo.
type sent struct {
	c    byte
	do   act
	cell byte // for actShow
}

// mode is what is done with keys.
type mode uint8

const (
	modeDirect  mode = iota // they go through as they are
	modeLine                // V7 edits lines
	modeLogin               // getty does, in raw mode
	modeUnclear             // raw mode, and nobody reads who could be asked
)

// mode returns what is to be done with keys now.
func (k *Keyboard) mode(tty kernel.TTY, known bool) mode {
	switch {
	case k.Plain || !known:
		return modeDirect
	case tty.LineMode():
		k.reader = ""
		return modeLine
	case tty.Flags&kernel.TTYRaw == 0:
		return modeDirect
	case tty.Reader != "":
		k.reader = tty.Reader
	case tty.Reading: // it is swapped out
	case k.reader == "" || k.reader == getty:
		return modeUnclear
	}
	if k.reader == getty {
		return modeLogin
	}
	return modeDirect
}

// Direct says whether keys go through as they are, at this moment.
func (k *Keyboard) Direct() bool { return k.mode(k.Console()) == modeDirect }

// Type takes keys. Beyond so many that no hand types them they are lost; then it returns
// false.
func (k *Keyboard) Type(keys ...Key) bool {
	tty, known := k.Console()
	m := k.mode(tty, known)
	for _, key := range keys {
		if m == modeLine {
			switch {
			case k.interrupts(key.Code, tty):
				k.queue = k.queue[:0] // as V7 throws away what is typed ahead
			case ahead(tty) && (isByte(key.Code, tty.Stop) || isByte(key.Code, tty.Start)):
				k.queue = slices.Insert(k.queue, 0, key)
				continue
			}
		}
		if len(k.queue) >= queueLimit {
			return false
		}
		k.queue = append(k.queue, key)
	}
	return true
}

// Redisplay shows the guest's last row and what was typed on it once more, behind
// something else that was shown.
func (k *Keyboard) Redisplay() {
	k.display.disturb()
	k.display.redisplay()
	k.flush()
}

// Restart forgets what was typed, but for the lines: the machine is another one.
func (k *Keyboard) Restart() {
	k.queue, k.sent, k.line, k.raw, k.held = nil, nil, nil, 0, nil
	k.display = display{}
}

// flush shows what has come together.
func (k *Keyboard) flush() {
	if p := k.display.take(); len(p) > 0 && k.Show != nil {
		k.Show(p)
	}
}

func (k *Keyboard) bell() { k.display.out = append(k.display.out, '\a') }

func isByte(c Code, b byte) bool { return b != none && c == Code(b) }

// isControl says whether c is the control character b.
func isControl(c Code, b byte) bool { return c == Code(b) && b < ' ' }

// erases and the like say what a key means in line mode.
func erases(c Code, tty kernel.TTY) bool {
	return c == keyBackspace || c == keyRubout || isControl(c, tty.Erase)
}

func kills(c Code, tty kernel.TTY) bool { return c == keyKill || isControl(c, tty.Kill) }

func (k *Keyboard) interrupts(c Code, tty kernel.TTY) bool {
	return !erases(c, tty) && (c == keyInterrupt || isByte(c, tty.Interrupt) || isByte(c, tty.Quit))
}

// More implements unibus.Typist.
func (k *Keyboard) More() (p []byte, again bool) {
	defer k.flush()
	if k.Width != nil {
		k.display.width = k.Width()
	}
	for {
		if len(k.queue) > 0 && k.Wait != nil && k.Wait() {
			return nil, true
		}
		tty, known := k.Console()
		if known && len(k.sent) == 0 {
			k.display.stale(tty.Output)
		}
		m := k.mode(tty, known)
		if k.held != nil && !(m == modeLine && tty.Flags&kernel.TTYEcho != 0) {
			if p := k.letGo(m == modeLine, tty); len(p) > 0 {
				return p, false
			}
		}
		if len(k.queue) == 0 {
			return nil, k.held != nil
		}
		key := k.queue[0]
		if m == modeUnclear && k.asked < unclearTimes {
			k.asked++
			return nil, true
		}
		k.asked = 0
		wait := false
		switch m {
		case modeLine:
			p, wait = k.cooked(key.Code, tty)
		case modeLogin:
			p, wait = k.login(key.Code, tty)
		default:
			k.line, k.raw = k.line[:0], 0
			k.display.clear()
			p = k.send(actNone, []byte(key.Raw)...)
		}
		if wait {
			return p, true
		}
		k.queue = k.queue[1:]
		if len(p) > 0 {
			return p, false
		}
	}
}

// send notes characters that V7 is to read, all but the last of which show nothing.
func (k *Keyboard) send(do act, p ...byte) []byte {
	for i, c := range p {
		s := sent{c: c, do: do}
		if i < len(p)-1 && do != actNone {
			s.do = actHide
		}
		k.sent = append(k.sent, s)
	}
	k.raw += len(p)
	if do == actEnd || do == actForget {
		k.raw = 0
	}
	return p
}

// letGo sends the line that was kept here, as it is, when V7's terminal is not any more
// what it was kept for.
func (k *Keyboard) letGo(lines bool, tty kernel.TTY) []byte {
	text := k.held.text
	k.held, k.line = nil, nil
	k.display.clear()
	if lines {
		k.line = slices.Clone(text)
		text = encode(text, tty)
	}
	return k.send(actNone, text...)
}

// encode returns what has to be typed so that V7 gets the text.
func encode(text []byte, tty kernel.TTY) (p []byte) {
	for _, c := range text {
		if c == tty.Erase || c == tty.Kill {
			p = append(p, '\\')
		}
		p = append(p, c)
	}
	return p
}

// cooked is a key in line mode: it returns what V7 gets. When it has to wait, the key
// comes again.
func (k *Keyboard) cooked(c Code, tty kernel.TTY) (p []byte, wait bool) {
	switch {
	case c == Report:
		return nil, false
	case isByte(c, tty.Stop) || isByte(c, tty.Start):
		return k.send(actNone, byte(c)), false
	case k.interrupts(c, tty):
		b := byte(c)
		if c == keyInterrupt && tty.Interrupt != none {
			b = tty.Interrupt
		}
		k.held, k.line = nil, nil
		return k.send(actForget, b), false
	case ahead(tty):
		return nil, true
	case c >= 0o200:
		return nil, k.foreign(rune(c))
	case k.held != nil && tty.Stopped:
		return k.send(actNone, tty.Start), true // any key goes on
	case k.held != nil:
		return k.edit(c, tty)
	}
	switch {
	case c < 0:
		return k.hold(c, tty)
	case k.raw >= eraseLimit && erases(c, tty):
		k.bell()
		return nil, false
	case erases(c, tty):
		return k.erase(tty), false
	case kills(c, tty) && !usable(tty.Kill, tty):
		k.bell()
		return nil, false
	case kills(c, tty):
		return k.kill(actKill, tty), false
	case ends(c, tty):
		k.remember(k.line, tty)
		k.line = k.line[:0]
		return k.send(actEnd, byte(c)), false
	case isByte(c, tty.EOF) || isByte(c, tty.Break):
		k.line = k.line[:0]
		return k.send(actForget, byte(c)), false
	case k.raw >= lineLimit:
		k.bell()
		return nil, false
	}
	k.line = append(k.line, byte(c))
	p = k.send(actShow, encode([]byte{byte(c)}, tty)...)
	k.sent[len(k.sent)-1].cell = byte(c)
	return p, false
}

// ahead says whether V7 has enough lines to read.
func ahead(tty kernel.TTY) bool { return tty.Lines > 0 && tty.Typed >= aheadLimit }

// login is a key for getty, which has V7's usual characters and echoes what comes.
func (k *Keyboard) login(c Code, tty kernel.TTY) (p []byte, wait bool) {
	n := len(k.line)
	switch {
	case c == Report:
		return nil, false
	case c >= 0o200:
		return nil, k.foreign(rune(c))
	case c < 0, n == 0 && (c == keyBackspace || c == keyRubout || c == keyKill || c == keyInterrupt):
		k.bell()
		return nil, false
	case c == keyBackspace || c == keyRubout:
		k.line = k.line[:n-1]
		return k.send(actErase, defaultErase), false
	case c == keyKill || c == keyInterrupt:
		k.line = k.line[:0]
		return k.send(actKill, defaultKill), false
	case c < ' ' || c == defaultKill:
		k.line = k.line[:0]
		return k.send(actNone, byte(c)), false
	case c == defaultErase:
		k.line = k.line[:max(n-1, 0)]
		return k.send(actNone, byte(c)), false
	}
	k.line = append(k.line, byte(c))
	p = k.send(actShow, byte(c))
	k.sent[len(k.sent)-1].cell = byte(c)
	return p, false
}

// ends says whether c ends a line.
func ends(c Code, tty kernel.TTY) bool {
	return c == '\n' || c == '\r' && tty.Flags&kernel.TTYCRMod != 0
}

// foreign replaces a character that V7 does not have, at the head of the queue, or says
// that it cannot be had. It returns whether there is a replacement.
func (k *Keyboard) foreign(r rune) bool {
	to, ok := toASCII[r]
	if k.told == nil {
		k.told = map[rune]bool{}
	}
	if !k.told[r] && k.Say != nil {
		k.told[r] = true
		defer k.Redisplay()
		switch {
		case r == 0xfffd:
			k.Say("V7 knows ASCII only: a byte that was typed is left out")
		case ok:
			k.Say("V7 knows ASCII only: %q is typed as %q", r, to)
		default:
			k.Say("V7 knows ASCII only: %q is left out", r)
		}
	}
	if !ok {
		k.bell()
		return false
	}
	rest := k.queue[1:]
	k.queue = nil
	for _, c := range to {
		k.queue = append(k.queue, Key{Code(c), string(c)})
	}
	k.queue = append(k.queue, rest...)
	return true
}

// usable says whether V7 takes a character for erase or kill that its terminal has set
// for that.
func usable(c byte, tty kernel.TTY) bool {
	return c < 0o200 && c != tty.Interrupt && c != tty.Quit && c != tty.Start && c != tty.Stop
}

// erase is Backspace in a line that V7 has.
func (k *Keyboard) erase(tty kernel.TTY) []byte {
	n := len(k.line)
	if !usable(tty.Erase, tty) {
		k.bell()
		return nil
	}
	if n == 0 {
		return k.send(actErase, tty.Erase) // V7 may know better
	}
	last := k.line[n-1]
	k.line = k.line[:n-1]
	switch {
	case last == '\\':
		// The first only turns the \ into an erase character, which the second erases.
		return k.send(actErase, tty.Erase, tty.Erase)
	case tty.Flags&kernel.TTYLcase != 0 && n > 1 && k.line[n-2] == '\\' && mapped(last):
		k.line = k.line[:n-2] // the two are one character
		p := k.send(actErase, tty.Erase)
		k.sent[len(k.sent)-1].do = actEraseTwo
		return p
	}
	return k.send(actErase, tty.Erase)
}

// kill is ^U in a line that V7 has.
func (k *Keyboard) kill(do act, tty kernel.TTY) []byte {
	p := []byte{tty.Kill}
	if n := len(k.line); n > 0 && k.line[n-1] == '\\' {
		p = append(p, tty.Kill) // as in erase
	}
	k.line = k.line[:0]
	return k.send(do, p...)
}

// mapped says whether \ and c are one character to an upper-case terminal.
func mapped(c byte) bool {
	switch c {
	case '!', '\'', '(', ')', '^':
		return true
	}
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// remember notes a line that was typed for all to see.
func (k *Keyboard) remember(line []byte, tty kernel.TTY) {
	n := len(k.lines)
	if len(line) == 0 || tty.Flags&kernel.TTYEcho == 0 || n > 0 && k.lines[n-1] == string(line) {
		return
	}
	if k.lines = append(k.lines, string(line)); len(k.lines) > linesKept {
		k.lines = k.lines[1:]
	}
}

// Taken implements unibus.Typist.
func (k *Keyboard) Taken(c byte, lost bool) {
	if len(k.sent) == 0 {
		return
	}
	s := k.sent[0]
	k.sent = k.sent[1:]
	tty, known := k.Console()
	if lost || !known || k.Plain || s.c != c {
		return
	}
	if k.mode(tty, known) == modeLine {
		k.display.expect(s, tty)
	} else if k.reader == getty {
		k.display.expectLater(s, tty)
	}
}

// Printed returns what the terminal gets for a character that the guest has sent, whose
// parity bit is taken off.
func (k *Keyboard) Printed(c byte) []byte {
	k.display.printed(c & 0o177)
	return k.display.take()
}
