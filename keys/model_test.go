package keys

import (
	"strings"
	"testing"

	"v7em/unix/kernel"
)

// v7 is a model of V7's terminal (dev/tty.c): what its driver does with what comes and
// what canon makes of it. Output waits until it is drained.
type v7 struct {
	t       testing.TB
	tty     kernel.TTY
	unknown bool   // no kernel is up
	reader  string // who waits for input
	rawq    []int
	outq    []byte
	lines   []string // read
	typed   []byte   // all that came
	signals int
	lost    int // how often the queue was thrown away

	k      *Keyboard
	d      Decoder
	screen *glass
	paper  []byte // what went to the screen
	said   []string
}

const delimiter = -1

func newV7(t testing.TB, width int) *v7 {
	v := &v7{t: t, screen: newGlass(width), tty: kernel.TTY{
		Flags: kernel.TTYEcho | kernel.TTYCRMod | kernel.TTYXTabs, Erase: '#', Kill: '@',
		Interrupt: 0o177, Quit: 0o34, Start: 0o21, Stop: 0o23, EOF: 4, Break: 0o377,
	}}
	v.k = &Keyboard{
		Console: v.console, Show: v.show, Width: func() int { return width },
		Say: func(format string, args ...any) { v.said = append(v.said, format) },
	}
	return v
}

func (v *v7) show(p []byte) {
	v.paper = append(v.paper, p...)
	v.screen.write(p)
}

func (v *v7) console() (kernel.TTY, bool) {
	t := v.tty
	t.Reading, t.Reader = v.reader != "", v.reader
	t.Typed, t.Output = len(v.rawq), len(v.outq)
	for _, c := range v.rawq {
		if c == delimiter {
			t.Lines++
		}
	}
	return t, !v.unknown
}

// has says whether V7's terminal is in that mode.
func (v *v7) has(f kernel.TTYFlags) bool { return v.tty.Flags&f == f }

// input is ttyinput.
func (v *v7) input(c byte) {
	raw := v.has(kernel.TTYRaw)
	slow := raw || v.has(kernel.TTYCbreak)
	v.typed = append(v.typed, c)
	if !raw {
		c &= 0o177
		v.tty.Stopped = c == v.tty.Stop
		if c == v.tty.Stop || c == v.tty.Start {
			return
		}
		if c == v.tty.Interrupt || c == v.tty.Quit {
			v.rawq, v.outq = nil, nil
			v.signals++
			return
		}
		if c == '\r' && v.has(kernel.TTYCRMod) {
			c = '\n'
		}
	}
	if len(v.rawq) > 256 {
		v.rawq, v.outq = nil, nil
		v.lost++
		return
	}
	if v.has(kernel.TTYLcase) && c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	v.rawq = append(v.rawq, int(c))
	if !slow && (c == '\n' || c == v.tty.EOF || c == v.tty.Break) {
		v.rawq = append(v.rawq, delimiter)
	}
	if v.has(kernel.TTYEcho) {
		v.output(c)
		if c == v.tty.Kill && !slow {
			v.output('\n')
		}
	}
}

// output is ttyoutput, without delays.
func (v *v7) output(c byte) {
	send := func(c byte) {
		v.outq = append(v.outq, c)
		switch {
		case c == '\r' || c == '\n':
			v.tty.Column = 0
		case c == '\b':
			v.tty.Column = max(v.tty.Column-1, 0)
		case c >= ' ' && c < 0o177:
			v.tty.Column++
		}
	}
	if v.has(kernel.TTYRaw) {
		v.outq = append(v.outq, c)
		return
	}
	if c &= 0o177; c == 4 {
		return
	}
	if c == '\t' && v.has(kernel.TTYXTabs) {
		for {
			send(' ')
			if v.tty.Column%8 == 0 {
				return
			}
		}
	}
	if v.has(kernel.TTYLcase) {
		for i := 0; i < 10; i += 2 {
			if "({)}!|^~'`"[i+1] == c {
				send('\\')
				c = "({)}!|^~'`"[i]
				break
			}
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
	}
	if c == '\n' && v.has(kernel.TTYCRMod) {
		send('\r')
	}
	send(c)
}

// prints has a program print something.
func (v *v7) prints(s string) {
	for _, c := range []byte(s) {
		v.output(c)
	}
}

// drain sends up to n characters of the output.
func (v *v7) drain(n int) {
	for ; n > 0 && len(v.outq) > 0 && !v.tty.Stopped; n-- {
		c := v.outq[0]
		v.outq = v.outq[1:]
		v.show(v.k.Printed(c | 0o200))
	}
}

// canon reads a line, if there is one.
func (v *v7) canon() bool {
	end := -1
	for i, c := range v.rawq {
		if c == delimiter {
			end = i
			break
		}
	}
	if end < 0 {
		return false
	}
	b := []byte{0, 0}
	at := func(i int) byte { return b[len(b)-i] }
	for _, q := range v.rawq[:end] {
		c := byte(q)
		if at(1) != '\\' {
			switch {
			case c == v.tty.Erase:
				if len(b) > 2 {
					b = b[:len(b)-1]
				}
				continue
			case c == v.tty.Kill:
				b = b[:2]
				continue
			case c == v.tty.EOF:
				continue
			}
		} else {
			mc := maptab(c)
			if c == v.tty.Erase || c == v.tty.Kill {
				mc = c
			}
			if mc != 0 && (mc == c || v.has(kernel.TTYLcase)) {
				if at(2) != '\\' {
					c = mc
				}
				b = b[:len(b)-1]
			}
		}
		b = append(b, c)
	}
	v.rawq = v.rawq[end+1:]
	v.lines = append(v.lines, string(b[2:]))
	return true
}

func maptab(c byte) byte {
	if i := strings.IndexByte("!'()^", c); i >= 0 {
		return "|`{}~"[i]
	}
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return 0
}

// getty reads one character, as V7's getty does, which has the name read so far. It
// returns false when there is none.
func (v *v7) getty(name *string) bool {
	if len(v.rawq) == 0 {
		return false
	}
	c := byte(v.rawq[0])
	v.rawq = v.rawq[1:]
	if c == '\r' || c == '\n' {
		*name += "$"
		v.prints("\r\n")
		return true
	}
	v.output(c | 0o200)
	switch c {
	case '#':
		*name = (*name)[:max(len(*name)-1, 0)]
	case '@':
		*name = ""
		v.prints("\r\n")
	default:
		*name += string(c)
	}
	return true
}

// step lets the console ask for more and V7 take that. It returns false when there is
// nothing more to do.
func (v *v7) step(drain int) bool {
	p, again := v.k.More()
	for _, c := range p {
		v.k.Taken(c, false)
		v.input(c)
		v.drain(drain)
	}
	v.drain(drain)
	return len(p) > 0 || again && (len(v.k.queue) > 0 || len(v.outq) > 0)
}

// types types bytes, all at once, and lets V7 do all it can, without reading.
func (v *v7) types(s string) {
	for _, c := range []byte(s) {
		v.k.Type(v.d.Put(c)...)
	}
	v.settle()
}

// pauses lets the time pass that tells ESC from the start of a sequence.
func (v *v7) pauses() {
	for v.d.Wait() > 0 {
		v.k.Type(v.d.Late()...)
	}
	v.settle()
}

func (v *v7) settle() {
	was, idle := len(v.typed), 0
	for n := 0; v.step(1000) && idle < 10; n++ {
		if idle++; len(v.typed) != was {
			was, idle = len(v.typed), 0
		}
		if n > 100_000 {
			v.t.Fatal("it does not end")
		}
	}
}

// reads returns the lines that a program reads.
func (v *v7) reads() string {
	for v.canon() {
		v.settle()
	}
	s := strings.Join(v.lines, "|")
	v.lines = nil
	return strings.ReplaceAll(s, "\n", "$")
}

// glass is a model of a terminal: rows of so many columns, 0 for any.
type glass struct {
	width  int
	rows   [][]byte
	x, y   int
	wrap   bool // the last column was written: the next character goes to the next row
	escape string
	bells  int
	wrong  string // what it does not know
}

func newGlass(width int) *glass { return &glass{width: width, rows: [][]byte{nil}} }

func (g *glass) write(p []byte) {
	for _, c := range p {
		g.put(c)
	}
}

func (g *glass) put(c byte) {
	if g.escape != "" || c == 0o33 {
		g.escape += string(c)
		if len(g.escape) < 3 || c < '@' {
			return
		}
		n := 0
		for _, d := range g.escape[2 : len(g.escape)-1] {
			n = n*10 + int(d-'0')
		}
		switch c {
		case 'A':
			g.y = max(g.y-max(n, 1), 0)
		case 'C':
			g.x = min(g.x+max(n, 1), g.width-1)
		default:
			g.wrong += g.escape
		}
		g.escape, g.wrap = "", false
		return
	}
	switch {
	case c == '\r':
		g.x, g.wrap = 0, false
	case c == '\n':
		g.down()
		g.wrap = false
	case c == '\b':
		g.x, g.wrap = max(g.x-1, 0), false
	case c == '\a':
		g.bells++
	case c >= ' ' && c < 0o177:
		if g.wrap {
			g.x, g.wrap = 0, false
			g.down()
		}
		for len(g.rows[g.y]) <= g.x {
			g.rows[g.y] = append(g.rows[g.y], ' ')
		}
		g.rows[g.y][g.x] = c
		if g.x++; g.width > 0 && g.x == g.width {
			g.x, g.wrap = g.width-1, true
		}
	}
}

func (g *glass) down() {
	if g.y++; g.y == len(g.rows) {
		g.rows = append(g.rows, nil)
	}
}

// String returns what is on the screen, the cursor as _ where it is not at an end.
func (g *glass) String() string {
	var b strings.Builder
	for y, row := range g.rows {
		text := string(row)
		if y == g.y {
			x := g.x
			if g.wrap {
				x++
			}
			rest := ""
			if x < len(text) {
				rest = text[x:]
			}
			if rest = strings.TrimRight(rest, " "); rest != "" {
				text = text[:x] + "_" + rest
			} else {
				text = (text + strings.Repeat(" ", 200))[:x]
			}
		} else {
			text = strings.TrimRight(text, " ")
		}
		if y > 0 && (g.width == 0 || len(g.rows[y-1]) < g.width) {
			b.WriteByte('$')
		}
		b.WriteString(text)
	}
	return b.String()
}
