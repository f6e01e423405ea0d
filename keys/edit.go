package keys

import (
	"slices"

	"v7em/unix/kernel"
)

// hold has the line edited here from now on, for the sake of key c. V7 forgets what it
// has of it.
func (k *Keyboard) hold(c Code, tty kernel.TTY) (p []byte, wait bool) {
	switch {
	case tty.Flags&kernel.TTYEcho == 0, c == Unknown, // nobody is to see it
		len(k.line) == 0 && c != Up, c == Up && len(k.lines) == 0, len(k.line) > 0 && !usable(tty.Kill, tty):
		k.bell()
		return nil, false
	case !k.display.quiet(len(k.sent)):
		return nil, true
	}
	line := slices.Clone(k.line)
	if !k.room(line, tty) {
		k.bell()
		return nil, false
	}
	k.held = &held{text: line, pos: len(line), nth: len(k.lines)}
	if len(line) > 0 {
		p = k.kill(actHide, tty)
	}
	return p, true
}

// edit is a key in a line that is kept here.
func (k *Keyboard) edit(c Code, tty kernel.TTY) (p []byte, wait bool) {
	if !k.display.quiet(len(k.sent)) {
		return nil, true
	}
	h := k.held
	n := len(h.text)
	switch {
	case ends(c, tty), isByte(c, tty.EOF) || isByte(c, tty.Break):
		p = append(encode(h.text, tty), byte(c))
		if tty.Lines > 0 && tty.Typed+len(p) > lineLimit {
			return nil, true
		}
		h.pos = n
		k.draw()
		do := actForget
		if ends(c, tty) {
			do = actEnd
			k.remember(h.text, tty)
		}
		k.held, k.line = nil, nil
		return k.send(do, p...), false
	case c == Left && h.pos > 0:
		h.pos--
	case c == Right && h.pos < n:
		h.pos++
	case c == Home:
		h.pos = 0
	case c == End:
		h.pos = n
	case c == Delete && h.pos < n:
		h.text = slices.Delete(h.text, h.pos, h.pos+1)
	case erases(c, tty) && h.pos > 0:
		h.pos--
		h.text = slices.Delete(h.text, h.pos, h.pos+1)
	case kills(c, tty):
		h.text, h.pos = nil, 0
	case c == Up && h.nth > 0:
		if h.nth == len(k.lines) {
			h.was = string(h.text)
		}
		h.nth--
		if line := []byte(k.lines[h.nth]); k.room(line, tty) {
			h.text, h.pos = line, len(line)
		} else {
			k.bell()
		}
	case c == Down && h.nth < len(k.lines):
		line := []byte(h.was)
		if h.nth++; h.nth < len(k.lines) {
			line = []byte(k.lines[h.nth])
		}
		if k.room(line, tty) {
			h.text, h.pos = line, len(line)
		} else {
			k.bell()
		}
	case c >= 0 && !erases(c, tty) && k.room(append([]byte{byte(c)}, h.text...), tty):
		h.text = slices.Insert(h.text, h.pos, byte(c))
		h.pos++
	default:
		k.bell()
		return nil, false
	}
	k.draw()
	if len(h.text) == 0 && h.nth == len(k.lines) {
		k.held = nil // V7 may as well have it again
	}
	return nil, false
}

// room says whether a line can go to V7 in the place of what it has got for this one.
func (k *Keyboard) room(line []byte, tty kernel.TTY) bool {
	kill := 0
	if k.held == nil {
		kill = 2
	}
	return k.raw+kill+len(encode(line, tty)) < lineLimit
}

// draw shows the line that is kept here.
func (k *Keyboard) draw() { k.display.draw(k.held.text, k.held.pos) }
