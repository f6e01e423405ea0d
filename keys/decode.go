package keys

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Key is what one key has sent, or a terminal by itself.
type Key struct {
	Code Code
	Raw  string // the bytes that came
}

// Code is a character, or one of the constants.
type Code rune

// Keys that are no characters.
const (
	Up Code = -1 - iota
	Down
	Left
	Right
	Home
	End
	Delete
	Unknown // a key that means nothing here
	Report  // nobody has pressed it: the mouse, the focus, the ends of a paste, an answer
)

// Escape is the key of that name, by itself.
const Escape Code = 0o33

// How long the rest of a sequence may take. ESC alone is a key.
const (
	escapeTime   = 100 * time.Millisecond
	sequenceTime = 500 * time.Millisecond
)

// rawLimit is how much of a sequence's bytes a Key keeps.
const rawLimit = 256

// Decoder takes what a terminal sends apart into keys. A sequence comes out as one key,
// however it is cut up on its way. The zero value is ready.
type Decoder struct {
	state   state
	raw     []byte
	params  []byte
	escapes int  // ESC that have come in a row
	more    int  // bytes to come of a report of the mouse
	intro   byte // in stateLateIntro
}

type state uint8

const (
	stateGround    state = iota
	stateUTF8            // within a character
	stateEscape          // after ESC
	stateCharset         // after ESC and some of !"#$%&'()*+,-./ or a blank
	stateCSI             // after ESC [
	stateConsole         // after ESC [ [, which only Linux's console sends
	stateSS3             // after ESC O
	stateMouse           // after ESC [ M
	stateString          // within ESC ] or its like, up to BEL or ESC \
	stateLate            // an ESC counts as a key already, and may yet have been the start of a sequence
	stateLateIntro       // after [ or O then
)

// Wait returns how long to wait for more bytes before Late is to be called; 0 when
// nothing is amiss.
func (d *Decoder) Wait() time.Duration {
	switch d.state {
	case stateGround:
		return 0
	case stateUTF8, stateEscape, stateCharset, stateLateIntro:
		return escapeTime
	}
	return sequenceTime
}

// Late says that nothing has come for Wait, and returns the keys that this makes of what
// came before.
func (d *Decoder) Late() (keys []Key) {
	switch d.state {
	case stateUTF8:
		keys = d.end(utf8.RuneError)
	case stateEscape:
		for range d.escapes {
			keys = append(keys, Key{Escape, "\x1b"})
		}
		d.begin(stateLate)
		return keys
	case stateLateIntro:
		keys = []Key{{Code(d.intro), string(d.intro)}}
	case stateCharset:
		keys = d.end(Unknown)
	}
	d.begin(stateGround)
	return keys
}

func (d *Decoder) begin(s state) {
	d.state, d.escapes, d.raw, d.params = s, 0, d.raw[:0], d.params[:0]
}

// end ends a sequence as a key.
func (d *Decoder) end(c Code) []Key {
	k := Key{c, string(d.raw)}
	d.begin(stateGround)
	return []Key{k}
}

// Put takes the next byte and returns the keys that are complete with it.
func (d *Decoder) Put(c byte) []Key {
	switch d.state {
	case stateGround:
		return d.ground(c)
	case stateUTF8:
		if c&0o300 != 0o200 {
			return append(d.end(utf8.RuneError), d.ground(c)...)
		}
		d.raw = append(d.raw, c)
		if !utf8.FullRune(d.raw) {
			return nil
		}
		r, _ := utf8.DecodeRune(d.raw)
		return d.end(Code(r))
	case stateLate:
		d.begin(stateGround)
		if c == '[' || c == 'O' {
			d.state, d.intro = stateLateIntro, c
			return nil
		}
		return d.ground(c)
	case stateLateIntro:
		d.begin(stateEscape)
		d.raw, d.escapes = append(d.raw, 0o33), 1
		d.Put(d.intro)
		return d.Put(c)
	}
	// Control characters do what they do in the midst of a sequence.
	switch {
	case c == 0o33 && d.state != stateString:
		if d.state != stateEscape {
			d.begin(stateEscape)
		}
		d.escapes++
		d.keep(c)
		return nil
	case d.state == stateString:
		return d.text(c)
	case c == 'X'&0o37 || c == 'Z'&0o37,
		c < ' ' && (d.state == stateEscape || d.state == stateCharset || d.state == stateMouse):
		d.begin(stateGround)
		return d.ground(c)
	case c < ' ' || c == 0o177 && d.state != stateMouse:
		return []Key{{Code(c), string(c)}}
	}
	d.keep(c)
	switch d.state {
	case stateEscape:
		return d.escape(c)
	case stateCharset:
		if c >= '0' {
			return d.end(Unknown)
		}
	case stateConsole:
		return d.end(Unknown)
	case stateCSI:
		return d.csi(c)
	case stateSS3:
		switch {
		case c >= 0o200 || c < '@' && c >= '0' && c <= ';':
		case c < '@':
			return d.end(Unknown)
		default:
			return d.end(ss3Code(c))
		}
	case stateMouse:
		if d.more--; d.more == 0 {
			return d.end(Report)
		}
	}
	return nil
}

func (d *Decoder) keep(c byte) {
	if len(d.raw) < rawLimit {
		d.raw = append(d.raw, c)
	}
}

func (d *Decoder) ground(c byte) []Key {
	switch {
	case c == 0o33:
		d.begin(stateEscape)
		d.raw, d.escapes = append(d.raw, c), 1
		return nil
	case c < utf8.RuneSelf:
		return []Key{{Code(c), string(rune(c))}}
	}
	d.begin(stateUTF8)
	if d.raw = append(d.raw, c); utf8.FullRune(d.raw) { // no character begins so
		return d.end(utf8.RuneError)
	}
	return nil
}

// escape takes what follows ESC.
func (d *Decoder) escape(c byte) []Key {
	switch {
	case c == '[':
		d.state = stateCSI
	case c == 'O':
		d.state = stateSS3
	case strings.IndexByte("P]X^_", c) >= 0:
		d.state = stateString
	case c < '0':
		d.state = stateCharset
	case c >= utf8.RuneSelf:
		d.begin(stateGround)
		return d.ground(c)
	default: // with Alt
		return d.end(Unknown)
	}
	d.escapes = 0
	return nil
}

// text takes a byte of a string that a terminal sends.
func (d *Decoder) text(c byte) []Key {
	switch {
	case d.escapes > 0 && c == '\\' || c == '\a':
		return d.end(Report)
	case d.escapes > 0: // another sequence
		d.begin(stateEscape)
		d.raw, d.escapes = append(d.raw, 0o33), 1
		return d.Put(c)
	case c == 0o33:
		d.escapes = 1
	case c < ' ':
		d.begin(stateGround)
		return d.ground(c)
	}
	return nil
}

// csi takes a byte of a control sequence.
func (d *Decoder) csi(c byte) []Key {
	switch {
	case c >= 0o200:
	case c < '@' && !(c == '$' && len(d.params) > 0 && d.params[0] >= '0' && d.params[0] <= '9'):
		if len(d.params) < rawLimit {
			d.params = append(d.params, c)
		}
	case c == '[' && len(d.params) == 0:
		d.state = stateConsole
	case c == 'M' && len(d.params) == 0:
		d.state, d.more = stateMouse, 3
	default:
		return d.end(csiCode(string(d.params), c))
	}
	return nil
}

// cursorKeys are the ends of what the keys that move the cursor send.
var cursorKeys = map[byte]Code{'A': Up, 'B': Down, 'C': Right, 'D': Left, 'H': Home, 'F': End}

// tildeKeys are the numbers of the keys whose sequences end in ~. 200 and 201 are the ends
// of a paste.
var tildeKeys = map[string]Code{
	"1": Home, "7": Home, "4": End, "8": End, "3": Delete, "200": Report, "201": Report,
}

func csiCode(params string, c byte) Code {
	if k, ok := cursorKeys[c]; ok {
		return k
	}
	n, _, _ := strings.Cut(params, ";")
	switch {
	case strings.IndexByte("~$^@", c) >= 0 && tildeKeys[n] != 0: // with Shift and Control, rxvt ends in another
		return tildeKeys[n]
	case strings.IndexByte("MmIORcnty", c) >= 0:
		return Report
	}
	return Unknown
}

// ss3Code is what ESC O and c stand for: cursor keys, and those of the keypad.
func ss3Code(c byte) Code {
	if k, ok := cursorKeys[c]; ok {
		return k
	}
	switch {
	case c == 'M':
		return '\r'
	case c >= 'j' && c <= 'y':
		return Code(c - 'j' + '*')
	}
	return Unknown
}
