package screen

import (
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

const (
	// keepLines is how many lines a glass terminal remembers.
	keepLines = 5000
	// lineLimit is how long a line may be; what comes then is on a new one.
	lineLimit = 2000
	tabWidth  = 8
)

// Glass is a plain glass terminal, a teletype without paper: it knows CR, LF, BS,
// TAB and BEL, wraps what is too long, scrolls, and remembers what has left the
// screen. Lines are kept as they came and are folded when they are looked at, so
// that it has no size of its own. Its methods may be called by any goroutine.
//
// A line feed keeps the column. What is neither one of those characters nor a
// printing one shows nothing.
type Glass struct {
	// Changed, if not nil, is called after each Write, on its goroutine. It must
	// not be changed once the terminal is written to.
	Changed func()

	mu    sync.Mutex
	lines []line // the cursor is on the last, and there always is one
	gone  int    // lines that were forgotten
	col   int    // the cursor's column: 0 to lineLimit
	bells int
	part  []byte // of a character in UTF-8
	top   *place // of the first row shown; nil: the last rows are
	own   bool   // what is written is the host's
	again bool   // the last line was shown before, and nothing was written since
	seq   sequence
	vt    bool
}

// line is a line of text.
type line struct {
	text []rune
	own  bool // the host said it, not the guest
}

// place is a row of a line.
type place struct {
	line int // counted from the first one ever
	row  int
}

// sequence is how far a control sequence has come.
type sequence uint8

const (
	seqNone   sequence = iota
	seqEscape          // after ESC
	seqParams          // after ESC [
)

// NewGlass returns an empty terminal.
func NewGlass() *Glass { return &Glass{lines: make([]line, 1)} }

// newDialog returns a terminal that also understands what golang.org/x/term sends to
// edit a line: cursor left and right, and clear to the end of the line.
func newDialog() *Glass {
	g := NewGlass()
	g.vt = true
	return g
}

// Write shows what the guest sends. It never fails.
func (g *Glass) Write(p []byte) (int, error) {
	g.write(p, false)
	return len(p), nil
}

// Say shows a line of the host's own, which stands out. It begins on a new line. When
// the guest runs, the line that it interrupts is shown again behind it.
func (g *Glass) Say(text string, running bool) {
	g.mu.Lock()
	at := *g.last()
	col := g.col
	fresh := col == 0 && len(at.text) == 0
	if g.again && !fresh { // it was shown again just now
		*g.last() = line{}
		g.col, fresh = 0, true
	}
	g.mu.Unlock()
	if !fresh {
		text = "\r\n" + text
	}
	g.write([]byte(text), true)
	if !running || at.own || len(at.text) == 0 {
		return
	}
	g.mu.Lock()
	if g.col == 0 && len(g.last().text) == 0 {
		*g.last() = line{text: slices.Clone(at.text)}
		g.col, g.again = col, true
	}
	g.mu.Unlock()
	if g.Changed != nil {
		g.Changed()
	}
}

func (g *Glass) write(p []byte, own bool) {
	g.mu.Lock()
	g.own, g.again = own, false
	for _, c := range p {
		g.put(c)
	}
	g.mu.Unlock()
	if g.Changed != nil {
		g.Changed()
	}
}

func (g *Glass) last() *line { return &g.lines[len(g.lines)-1] }

// put takes one byte.
func (g *Glass) put(c byte) {
	if c >= utf8.RuneSelf {
		g.part = append(g.part, c)
		if utf8.FullRune(g.part) {
			r, _ := utf8.DecodeRune(g.part)
			g.part = g.part[:0]
			g.show(r)
		}
		return
	}
	if len(g.part) > 0 { // it was cut off
		g.part = g.part[:0]
		g.show(utf8.RuneError)
	}
	if g.vt && g.control(c) {
		return
	}
	switch c {
	case '\r':
		g.col = 0
	case '\n':
		g.newLine()
	case '\b':
		g.col = max(g.col-1, 0)
	case '\t':
		g.col = min(g.col-g.col%tabWidth+tabWidth, lineLimit)
	case '\a':
		g.bells++
	default:
		if c >= ' ' && c < 0o177 {
			g.show(rune(c))
		}
	}
}

// control takes a byte of a control sequence. It returns false if c is none.
func (g *Glass) control(c byte) bool {
	switch {
	case c == 0o33:
		g.seq = seqEscape
	case g.seq == seqEscape && c == '[':
		g.seq = seqParams
	case g.seq == seqParams && (c >= '0' && c <= '9' || c == ';'):
	case g.seq == seqParams && c == 'D':
		g.col, g.seq = max(g.col-1, 0), seqNone
	case g.seq == seqParams && c == 'C':
		g.col, g.seq = min(g.col+1, lineLimit), seqNone
	case g.seq == seqParams && c == 'K':
		l := g.last()
		l.text, g.seq = l.text[:min(g.col, len(l.text))], seqNone
	case g.seq != seqNone:
		g.seq = seqNone
	default:
		return false
	}
	return true
}

// show puts a character at the cursor. One that does not take exactly one column
// would shift what is beside it.
func (g *Glass) show(r rune) {
	if r >= utf8.RuneSelf && uniseg.StringWidth(string(r)) != 1 {
		r = '?'
	}
	if g.col >= lineLimit {
		g.col = 0
		g.newLine()
	}
	l := g.last()
	for len(l.text) < g.col {
		l.text = append(l.text, ' ')
	}
	if g.col < len(l.text) {
		l.text[g.col] = r
	} else {
		l.text = append(l.text, r)
	}
	l.own = l.own || g.own
	g.col++
}

func (g *Glass) newLine() {
	g.lines = append(g.lines, line{})
	if over := len(g.lines) - keepLines; over > 0 && len(g.lines) > keepLines+keepLines/4 {
		g.lines = slices.Clone(g.lines[over:])
		g.gone += over
	}
}

// Row is a row of a terminal as it is seen.
type Row struct {
	Text []rune // at most as many as the terminal is wide; not to be changed
	Own  bool   // the host said it
}

// View is what a terminal shows.
type View struct {
	Rows   []Row // from the top; fewer than the terminal has when it has not scrolled yet
	X, Y   int   // the cursor; Y is -1 if it is not in sight
	Behind int   // how many rows there are below the last one in sight
	Above  bool  // there are rows above the first
}

// rows is how many rows a line takes.
func (l *line) rows(width int) int {
	if !l.own {
		return max(1, (len(l.text)+width-1)/width)
	}
	n := 1
	for at := l.next(0, width); at < len(l.text); at = l.next(at, width) {
		n++
	}
	return n
}

// next returns where the row after the one that starts at from starts. Lines of the
// host's own are folded between words, if they can be.
func (l *line) next(from, width int) int {
	to := from + width
	if l.own && to < len(l.text) {
		for i := to; i > from; i-- {
			if l.text[i-1] == ' ' {
				return i
			}
		}
	}
	return to
}

// row returns the part of a line that is in a row.
func (l *line) row(row, width int) (from, to int) {
	if !l.own {
		from = row * width
	} else {
		for range row {
			from = l.next(from, width)
		}
	}
	from = min(from, len(l.text))
	return from, min(l.next(from, width), len(l.text))
}

// View returns what a terminal of so many columns and rows shows. There is at least
// one of each.
func (g *Glass) View(width, height int) View {
	width, height = max(width, 1), max(height, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	top := g.first(width, height)
	var v View
	v.Y = -1
	v.Above = top.row > 0 || top.line > g.gone
	for at := top; at.line < g.gone+len(g.lines); {
		l := &g.lines[at.line-g.gone]
		if len(v.Rows) == height {
			v.Behind += l.rows(width) - at.row
		} else {
			from, to := l.row(at.row, width)
			v.Rows = append(v.Rows, Row{slices.Clone(l.text[from:to]), l.own})
			if at.line == g.gone+len(g.lines)-1 && at.row == g.cursorRow(width) {
				v.X, v.Y = g.col-from, len(v.Rows)-1
				if v.X >= width { // beyond the margin: the next character folds
					v.X = width - 1
				}
			}
			if at.row++; at.row < l.rows(width) {
				continue
			}
		}
		at = place{at.line + 1, 0}
	}
	return v
}

// cursorRow is the row of the last line in which the cursor is.
func (g *Glass) cursorRow(width int) int {
	l := g.last()
	n := l.rows(width)
	for row := range n {
		if _, to := l.row(row, width); g.col < to {
			return row
		}
	}
	return n - 1
}

// first returns the first row shown.
func (g *Glass) first(width, height int) place {
	tail := g.back(place{g.gone + len(g.lines) - 1, g.last().rows(width) - 1}, height-1, width)
	if g.top == nil {
		return tail
	}
	at := *g.top
	if at.line < g.gone {
		at = place{g.gone, 0}
	}
	at.row = min(at.row, g.lines[at.line-g.gone].rows(width)-1)
	if tail.line < at.line || tail.line == at.line && tail.row < at.row {
		return tail
	}
	return at
}

// back goes so many rows back from a row, at most to the first one.
func (g *Glass) back(p place, rows, width int) place {
	for ; rows > 0; rows-- {
		switch {
		case p.row > 0:
			p.row--
		case p.line > g.gone:
			p.line--
			p.row = g.lines[p.line-g.gone].rows(width) - 1
		default:
			return p
		}
	}
	return p
}

// Scroll moves what a terminal of that size shows by so many rows: back, for a
// negative number, or on. Where the last row comes into sight it follows what is
// written again.
func (g *Glass) Scroll(rows, width, height int) {
	width, height = max(width, 1), max(height, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.first(width, height)
	if rows < 0 {
		at = g.back(at, -rows, width)
		g.top = &at
		return
	}
	for ; rows > 0; rows-- {
		if at.row++; at.row == g.lines[at.line-g.gone].rows(width) {
			if at.line+1 == g.gone+len(g.lines) {
				break
			}
			at = place{at.line + 1, 0}
		}
	}
	g.top = &at
	tail := g.back(place{g.gone + len(g.lines) - 1, g.last().rows(width) - 1}, height-1, width)
	if g.first(width, height) == tail {
		g.top = nil
	}
}

// Follow shows the last rows again.
func (g *Glass) Follow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.top = nil
}

// Clear begins with an empty terminal again.
func (g *Glass) Clear() {
	g.mu.Lock()
	g.lines, g.col, g.gone, g.top, g.part = make([]line, 1), 0, 0, nil, nil
	g.mu.Unlock()
	if g.Changed != nil {
		g.Changed()
	}
}

// Bells returns how often the bell has rung.
func (g *Glass) Bells() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bells
}
