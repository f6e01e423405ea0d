package keys

import (
	"bytes"
	"fmt"
	"slices"

	"v7em/unix/kernel"
)

// act is what becomes of V7's echo of a character.
type act uint8

const (
	actNone     act = iota // as it is, and it is no part of the line
	actShow                // as it is, or in the place of what V7 echoes: a character of the line
	actHide                // nothing shows
	actErase               // the last character goes
	actEraseTwo            // the last two do
	actKill                // the line goes
	actEnd                 // as it is: the line is complete
	actForget              // as it is: V7 has taken the line, or thrown it away
)

// echo is what V7 will send for a character that it has read.
type echo struct {
	at   uint64 // how many characters there are before it, of all that V7 sends
	want []byte
	got  int
	late bool // a program sends it, and not the kernel at once
	sent
}

// cell is a character of the line on the screen.
type cell struct {
	c     byte
	width int // columns; a tab's depends on where it is
}

// rowLimit is how much is known of the row before the line.
const rowLimit = 200

// display follows the user's screen: where the cursor is, which characters of the line
// stand before it, and where among what V7 sends the echo of each key will be.
type display struct {
	width int    // of a row, 0 for any
	out   []byte // to be shown

	count  uint64 // characters that V7 has sent
	still  uint64 // how many it had when stale was asked last,
	asked  int    // and for how many times in a row
	echoes []echo // to come

	row      []byte // what is on the cursor's row, but for the line
	returned bool   // the cursor went back to its start
	col      int    // the cursor, counted from the last carriage return
	wraps    bool   // the last column of a row was written, and the cursor still is on that row
	cells    []cell // the line
	cur      int    // the cursor among them
	from     int    // the column where the line starts
	apart    bool   // something else was shown since
	tail     int    // how many cells were shown after that
}

// take returns what is to be shown.
func (d *display) take() []byte {
	p := d.out
	d.out = nil
	return p
}

// quiet says whether no echo is to come, besides n characters that V7 has not read.
func (d *display) quiet(n int) bool { return n == 0 && len(d.echoes) == 0 }

// resync forgets echoes that cannot come any more, as V7 has thrown them away: so many
// characters are all that it has still to send.
func (d *display) resync(output int) {
	for i, e := range d.echoes {
		if !e.late && e.at+uint64(len(e.want)) > d.count+uint64(output) {
			d.echoes = d.echoes[:i]
			return
		}
	}
}

// stale is resync for any moment: V7 may be about to echo. It is asked again and again,
// and what does not come while there is nothing to send does not come at all.
func (d *display) stale(output int) {
	if output > 0 || d.count != d.still {
		d.still, d.asked = d.count, 0
		return
	}
	if d.asked++; d.asked > 3 {
		d.resync(0)
	}
}

// expect notes that V7, whose terminal is set so, reads a character.
func (d *display) expect(s sent, tty kernel.TTY) {
	if tty.Interrupt == s.c || tty.Quit == s.c {
		d.echoes = nil
		d.clear()
		return
	}
	d.echoes = slices.DeleteFunc(d.echoes, func(e echo) bool { return e.late })
	d.resync(tty.Output)
	d.asked = 0
	e := echo{at: d.count + uint64(tty.Output), want: echoOf(s.c, tty), sent: s}
	d.echoes = append(d.echoes, e)
	d.due()
}

// expectLater notes that getty reads a character, and will echo it next.
func (d *display) expectLater(s sent, tty kernel.TTY) {
	e := echo{at: d.count + uint64(tty.Output), want: []byte{s.c}, late: true, sent: s}
	switch {
	case s.do == actNone:
		d.echoes = nil
		d.clear()
		return
	case s.c == defaultKill:
		e.want = []byte("@\r\n")
	}
	if n := len(d.echoes); n > 0 {
		e.at = max(e.at, d.echoes[n-1].at+uint64(len(d.echoes[n-1].want)))
	}
	d.echoes = append(d.echoes, e)
}

// due does what echoes of no characters have to do.
func (d *display) due() {
	for len(d.echoes) > 0 && len(d.echoes[0].want) == 0 && d.echoes[0].at <= d.count {
		if e := d.echoes[0]; e.do == actForget || e.do == actEnd {
			d.clear()
		}
		d.echoes = d.echoes[1:]
	}
}

// printed takes a character that V7 sends.
func (d *display) printed(c byte) {
	at := d.count
	d.count++
	defer d.due()
	for len(d.echoes) > 0 {
		e := &d.echoes[0]
		if at == e.at+uint64(e.got) && e.got < len(e.want) && e.want[e.got] == c {
			if e.got++; e.got == len(e.want) {
				d.echoes = d.echoes[1:]
				d.echoed(*e)
			}
			return
		}
		if at < e.at {
			break
		}
		// It is not what was expected: then all that came is shown as it is.
		missed := *e
		d.echoes = d.echoes[1:]
		for _, m := range missed.want[:missed.got] {
			d.other(m)
		}
		if missed.got > 0 {
			d.due()
		}
	}
	d.other(c)
}

// echoed does what an echo has to do.
func (d *display) echoed(e echo) {
	switch e.do {
	case actShow:
		text := e.want
		switch n := len(text); {
		case e.cell == '\t': // V7's idea of the column is another
			text = bytes.Repeat([]byte(" "), columns('\t', d.col))
		case n > 1 && text[n-1] == '\n': // it goes to a new line after a kill character
			text = text[:1]
		}
		d.echoCell(e.cell, text)
	case actErase:
		d.erase(1)
	case actEraseTwo:
		d.erase(2)
	case actKill:
		d.draw(nil, 0)
		d.clear()
	case actEnd, actForget:
		d.clear()
		for _, c := range e.want {
			d.other(c)
		}
	case actNone:
		for _, c := range e.want {
			d.other(c)
		}
	}
}

// echoCell shows a new character at the end of the line.
func (d *display) echoCell(c byte, text []byte) {
	if len(d.cells) == 0 {
		d.from, d.cur, d.apart, d.tail = d.col, 0, false, 0
	}
	before := d.col
	d.put(text...)
	d.cells = append(d.cells, cell{c, max(d.col-before, 0)})
	d.cur = len(d.cells)
	d.tail++
}

// other shows a character that does not belong to the line.
func (d *display) other(c byte) {
	if len(d.cells) > 0 {
		d.apart, d.tail = true, 0
	}
	d.put(c)
	if c == '\n' || d.returned && c >= ' ' {
		d.row = d.row[:0]
	}
	d.returned = c == '\r' || d.returned && c < ' ' && c != '\n'
	switch {
	case c == '\b' && len(d.row) > 0:
		d.row = d.row[:len(d.row)-1]
	case (c >= ' ' || c == '\t') && len(d.row) < rowLimit:
		d.row = append(d.row, c)
	}
}

// clear begins a new line.
func (d *display) clear() {
	for _, c := range d.cells {
		if !d.apart && c.c >= ' ' && len(d.row) < rowLimit {
			d.row = append(d.row, c.c)
		}
	}
	d.cells, d.cur, d.apart, d.tail = d.cells[:0], 0, false, 0
}

// disturb says that something else was shown, and the cursor is at the start of a row.
func (d *display) disturb() {
	d.col, d.wraps = 0, false
	if len(d.cells) > 0 {
		d.apart, d.tail = true, 0
	}
}

// redisplay shows the last row, with the line, anew.
func (d *display) redisplay() {
	text, cur := d.text(), d.cur
	d.put('\r')
	d.put(d.row...)
	if len(text) > 0 {
		d.renew(text, cur)
	}
}

func (d *display) text() (p []byte) {
	for _, c := range d.cells {
		p = append(p, c.c)
	}
	return p
}

// erase takes the last n characters off the line.
func (d *display) erase(n int) {
	text := d.text()
	if len(text) == 0 {
		return
	}
	text = text[:max(len(text)-n, 0)]
	d.draw(text, len(text))
	if len(text) == 0 {
		d.clear()
	}
}

// draw shows the line as this text, with the cursor there.
func (d *display) draw(text []byte, cur int) {
	if len(d.cells) == 0 {
		d.from, d.cur = d.col, 0
	}
	if d.apart {
		if d.tail > 0 && d.col > 0 {
			d.put('\r', '\n')
		}
		d.renew(text, cur)
		return
	}
	old, was := d.cells, d.cur
	same := 0
	for same < len(old) && same < len(text) && old[same].c == text[same] {
		same++
	}
	d.cells = append(make([]cell, 0, len(text)), old[:same]...)
	at := d.from + total(d.cells)
	for _, c := range text[same:] {
		w := columns(c, at)
		d.cells = append(d.cells, cell{c, w})
		at += w
	}
	if same == len(old) && same == len(text) {
		d.move(old, was, cur)
		d.cur = cur
		return
	}
	d.move(old, was, same)
	before := total(old[same:])
	d.write(d.cells[same:])
	if over := before - total(d.cells[same:]); over > 0 {
		d.put(bytes.Repeat([]byte(" "), over)...)
		d.left(over)
	}
	d.move(d.cells, len(text), cur)
	d.cur = cur
}

// renew shows the line where the cursor is.
func (d *display) renew(text []byte, cur int) {
	d.cells, d.cur, d.from, d.apart, d.tail = d.cells[:0], 0, d.col, false, 0
	d.draw(text, cur)
	d.tail = len(text)
}

// move moves the cursor from one of the cells to another.
func (d *display) move(cells []cell, from, to int) {
	if from < to {
		d.write(cells[from:to])
	} else {
		d.left(total(cells[to:from]))
	}
}

// write shows cells; a tab as blanks, and no control characters.
func (d *display) write(cells []cell) {
	for _, c := range cells {
		for range c.width {
			if c.c > ' ' {
				d.put(c.c)
			} else {
				d.put(' ')
			}
		}
	}
}

func total(cells []cell) (n int) {
	for _, c := range cells {
		n += c.width
	}
	return n
}

// columns is how many columns a character takes from a column on.
func columns(c byte, at int) int {
	switch {
	case c == '\t':
		return 8 - at%8
	case c >= ' ' && c < 0o177:
		return 1
	}
	return 0
}

// put shows characters and follows the cursor.
func (d *display) put(p ...byte) {
	for _, c := range p {
		d.out = append(d.out, c)
		switch {
		case c == '\r':
			d.col, d.wraps = 0, false
		case c == '\b':
			d.col, d.wraps = max(d.col-1, 0), false
		case c == '\t':
			d.col, d.wraps = d.col&^7+8, false
		case c >= ' ' && c < 0o177:
			d.col++
			d.wraps = d.width > 0 && d.col%d.width == 0
		}
	}
}

// left moves the cursor so many columns to the left, over the margin if need be.
func (d *display) left(n int) {
	if n > 0 && d.wraps { // to the start of the next row, as the next character would go
		d.out = append(d.out, " \r"...)
		d.wraps = false
	}
	for ; n > 0 && d.col > 0; n-- {
		if d.width > 0 && d.col%d.width == 0 {
			d.out = fmt.Appendf(d.out, "\x1b[A\r\x1b[%dC", max(d.width-1, 1))
		} else {
			d.out = append(d.out, '\b')
		}
		d.col--
	}
}

// echoOf returns what V7 sends for a character that comes in line mode.
func echoOf(c byte, tty kernel.TTY) []byte {
	switch {
	case tty.Flags&kernel.TTYEcho == 0:
		return nil
	case tty.Flags&kernel.TTYRaw != 0:
		return []byte{c}
	}
	c &= 0o177
	switch {
	case c == tty.Start || c == tty.Stop || c == tty.Interrupt || c == tty.Quit:
		return nil
	case c == '\r' && tty.Flags&kernel.TTYCRMod != 0:
		c = '\n'
	case tty.Flags&kernel.TTYLcase != 0 && c >= 'A' && c <= 'Z':
		c += 'a' - 'A'
	}
	p := output(c, tty)
	if c == tty.Kill && tty.LineMode() {
		p = append(p, output('\n', tty)...)
	}
	return p
}

// output is what V7 makes of a character that it sends (ttyoutput in V7's dev/tty.c).
func output(c byte, tty kernel.TTY) (p []byte) {
	switch {
	case c == 0o4:
		return nil
	case c == '\t' && tty.Flags&kernel.TTYXTabs == kernel.TTYXTabs:
		return bytes.Repeat([]byte(" "), 8-tty.Column&7)
	case c == '\n' && tty.Flags&kernel.TTYCRMod != 0:
		return []byte("\r\n")
	case tty.Flags&kernel.TTYLcase == 0:
		return []byte{c}
	}
	const escaped, shown = "{}|~`", `()!^'`
	if i := bytes.IndexByte([]byte(escaped), c); i >= 0 {
		return []byte{'\\', shown[i]}
	}
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return []byte{c}
}
