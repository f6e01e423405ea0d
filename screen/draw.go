package screen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"v7em/journaldev"
)

// The ages, in samples, up to which what has happened to a block is shown in full
// and at all.
const (
	hotAge  = 4
	warmAge = 20
)

// The look of things. Colours stand for what happens, shapes for what is there: both
// can be told on a terminal of eight colours, and the shapes on one of none.
var (
	plain  = tcell.StyleDefault
	dim    = plain.Dim(true)
	bold   = plain.Bold(true)
	bar    = plain.Reverse(true)
	alarm  = plain.Foreground(tcell.ColorMaroon).Bold(true)
	own    = plain.Foreground(tcell.ColorTeal)
	actHue = [numActs]tcell.Color{ActRead: tcell.ColorGreen, ActWritten: tcell.ColorOlive,
		ActJournaled: tcell.ColorPurple, ActHome: tcell.ColorTeal}
)

// actLetters stand for what happens where there are no colours.
var actLetters = [numActs]rune{ActRead: 'r', ActWritten: 'w', ActJournaled: 'j', ActHome: 'h'}

var actNames = [numActs]string{ActRead: "read", ActWritten: "written", ActJournaled: "journaled", ActHome: "home"}

// look of a kind of block. weight is how much one counts among others that share a
// place on the map: what is rare is not to vanish.
var kindLook = [numKinds]struct {
	name   string
	shape  rune
	style  tcell.Style
	weight int
}{
	KindOther:    {"other", '-', dim, 1},
	KindFree:     {"free", '·', dim, 2},
	KindData:     {"data", '▒', dim, 2},
	KindSwap:     {"swap", '~', dim, 2},
	KindInodes:   {"inodes", '≡', bold, 2},
	KindChain:    {"chain", '+', plain, 20},
	KindDir:      {"dir", '/', bold, 20},
	KindIndirect: {"indirect", '*', bold, 24},
	KindSuper:    {"super", 'S', bold, 1000},
}

// legendRows is how high a picture has to be for all of the legend. F1 shows more.
const legendRows = 20

// Fallbacks for terminals without Unicode.
var fallbacks = map[rune]string{
	'≡': "=", '●': "*", '○': "o", '▁': "_", '▂': "_", '▃': "-", '▄': "-", '▅': "=", '▆': "=", '▇': "#", '…': ".",
}

var sparks = []rune(" ▁▂▃▄▅▆▇█")

// canvas is what a terminal is to show. Most of it is the same each time: only what has
// changed is handed on.
type canvas struct {
	w, h         int
	cells, shown []cell
}

type cell struct {
	r     rune
	style tcell.Style
}

// resize makes it of that size; then all has to be handed on.
func (c *canvas) resize(w, h int) {
	if w != c.w || h != c.h {
		*c = canvas{w, h, make([]cell, w*h), make([]cell, w*h)}
	}
}

// set sets one cell. What is outside is not shown.
func (c *canvas) set(x, y int, r rune, style tcell.Style) {
	if x >= 0 && x < c.w && y >= 0 && y < c.h {
		c.cells[y*c.w+x] = cell{r, style}
	}
}

// flush hands on what has changed.
func (c *canvas) flush(s tcell.Screen) {
	for i := range c.cells {
		if n := &c.cells[i]; *n != c.shown[i] {
			s.SetContent(i%c.w, i/c.w, n.r, nil, n.style)
			c.shown[i] = *n
		}
	}
}

// painter draws on a canvas.
type painter struct {
	s    *canvas
	mono bool // there are no colours
}

// text writes at x, y, in at most w columns, and returns how many it took.
func (p painter) text(x, y, w int, style tcell.Style, text string) int {
	n := 0
	for _, c := range text {
		if n >= w {
			break
		}
		p.s.set(x+n, y, c, style)
		n++
	}
	return n
}

// fill clears a part.
func (p painter) fill(r rect, style tcell.Style) {
	for y := r.y; y < r.y+r.h; y++ {
		for x := r.x; x < r.x+r.w; x++ {
			p.s.set(x, y, ' ', style)
		}
	}
}

// heading draws a line with a title in it, and something at its right end.
func (p painter) heading(r rect, title, right string, style tcell.Style) {
	for x := range r.w {
		p.s.set(r.x+x, r.y, tcell.RuneHLine, dim)
	}
	p.text(r.x+1, r.y, r.w-2, style, " "+title+" ")
	if right != "" && runes(title)+runes(right)+8 <= r.w {
		p.text(r.x+r.w-runes(right)-3, r.y, r.w, plain, " "+right+" ")
	}
}

func runes(s string) int { return len([]rune(s)) }

// console draws a glass terminal and returns where its cursor is.
func (p painter) console(r rect, v View) (x, y int, ok bool) {
	p.fill(r, plain)
	for i, row := range v.Rows {
		style := plain
		if row.Own {
			style = own
		}
		for j, c := range row.Text {
			p.s.set(r.x+j, r.y+i, c, style)
		}
	}
	return r.x + v.X, r.y + v.Y, v.Y >= 0
}

// picture draws the machine.
func (p painter) picture(r rect, above bool, m *Model) {
	p.fill(r, plain)
	if above {
		left, right := r.left(r.w - pictureColumns - 1)
		_, right = right.left(1)
		legend := len(kindLegends(left.w))
		maps, foot := left.top(left.h - legend)
		p.drives(maps, m.Drives)
		p.legend(foot, kindLegends(foot.w))
		lights, rest := right.top(lightRows)
		p.processor(lights, m.Processor, false)
		p.journals(rest, m.Drives)
		return
	}
	lights, r := r.top(4)
	p.processor(lights, m.Processor, true)
	entries := p.legends(r.w, r.h >= legendRows)
	legend := len(entries)
	journals := journalRows(r.h-legend, m.Drives)
	r, foot := r.top(r.h - journals)
	r, key := r.top(r.h - legend)
	p.drives(r, m.Drives)
	p.legend(key, entries)
	p.journals(foot, m.Drives)
}

// journalRows returns how many of so many rows the transactions get. What they leave
// is for the maps, which have a row each at least.
func journalRows(h int, drives []Drive) int {
	volumes := 0
	for _, d := range drives {
		if d.Journal != nil {
			volumes++
		}
	}
	if volumes == 0 {
		return min(1, max(0, h-len(drives)))
	}
	all, one := 2+2*volumes, 2+volumes+1 // with all rings, and with one
	if h-all >= 2*len(drives) {
		return all
	}
	return max(0, min(one, h-len(drives)))
}

// processor draws the lights.
func (p painter) processor(r rect, c Processor, titled bool) {
	if r.h < 3 {
		return
	}
	if titled {
		p.heading(r, "processor", "", bold)
		_, r = r.top(1)
	}
	x := r.x + 1
	for i, name := range []string{"kernel", "super", "user"} {
		lamp, style := '○', dim
		if c.Power.on() && c.Mode() == []int{0, 1, 3}[i] {
			lamp, style = '●', bold
		}
		p.s.set(x, r.y, lamp, style)
		x += 2 + p.text(x+1, r.y, r.x+r.w-x-1, style, name)
	}
	x += 1 + p.text(x, r.y, r.x+r.w-x, plain, fmt.Sprintf(" pri %d ", c.Priority()))
	for i, name := range "TNZVC" {
		style := dim
		if c.v(c.PSW)>>(4-i)&1 != 0 {
			style = bar
		}
		if x < r.x+r.w {
			p.s.set(x, r.y, name, style)
		}
		x += 2
	}
	x = r.x + 1
	for _, f := range []struct {
		name string
		v    uint16
	}{{"PC", c.PC}, {"PSW", c.PSW}, {"DISPLAY", c.Display}} {
		x += p.text(x, r.y+1, r.x+r.w-x, dim, f.name+" ")
		x += p.text(x, r.y+1, r.x+r.w-x, plain, fmt.Sprintf("%06o", c.v(f.v))) + 2
	}
	n := p.text(r.x+1, r.y+2, r.w-1, bold, fmt.Sprintf("%5.1f", c.MIPS))
	n += p.text(r.x+1+n, r.y+2, r.w-1-n, plain, " MIPS ") + 1
	p.spark(rect{r.x + n, r.y + 2, r.w - n - 1, 1}, c.History)
}

// v is a value as the lights show it.
func (c Processor) v(x uint16) uint16 {
	if !c.Power.on() {
		return 0
	}
	return x
}

// spark draws a little curve of the newest values.
func (p painter) spark(r rect, values []float64) {
	if len(values) > r.w {
		values = values[len(values)-max(r.w, 0):]
	}
	top := 1.0
	for _, v := range values {
		top = max(top, v)
	}
	for i, v := range values {
		level := int(v/top*float64(len(sparks)-1) + 0.5)
		p.s.set(r.x+i, r.y, sparks[max(0, min(level, len(sparks)-1))], plain.Foreground(tcell.ColorGreen))
	}
}

// drives draws the maps. With enough room each has a title, otherwise they are
// labelled at the left.
func (p painter) drives(r rect, drives []Drive) {
	switch {
	case r.empty():
		return
	case len(drives) == 0:
		p.heading(r, "no packs", "", plain)
		return
	case r.h >= 4*len(drives):
		for i, d := range drives {
			var mine, title rect
			mine, r = r.top(r.h / (len(drives) - i))
			title, mine = mine.top(1)
			name, style := d.Name, bold
			switch {
			case d.Failed:
				name, style = name+" FAILED", alarm
			case d.ReadOnly:
				name += " read-only"
			}
			area := rect{mine.x + 1, mine.y, mine.w - 2, mine.h}
			p.heading(title, name, fmt.Sprintf("%s %3.0f rd/s %3.0f wr/s", scale(area, d.Blocks), d.Reads, d.Writes), style)
			p.blocks(area, d.Blocks)
		}
		return
	}
	title, r := r.top(min(1, r.h-len(drives)))
	if title.h > 0 {
		reads, writes := 0.0, 0.0
		for _, d := range drives {
			reads, writes = reads+d.Reads, writes+d.Writes
		}
		area := rect{0, 0, r.w - 6, r.h / len(drives)}
		p.heading(title, "packs", fmt.Sprintf("%s %3.0f rd/s %3.0f wr/s", scale(area, drives[0].Blocks), reads, writes), bold)
	}
	shown := min(len(drives), r.h)
	if hidden := len(drives) - shown; hidden > 0 {
		var last rect
		r, last = r.top(r.h - 1)
		shown, hidden = shown-1, hidden+1
		p.text(last.x+1, last.y, last.w-1, dim, fmt.Sprintf("%d more %s: make the window taller", hidden,
			plural("drive", hidden)))
	}
	// The first ones, which are used most, get what is left over.
	each, over := r.h/max(shown, 1), r.h%max(shown, 1)
	for i, d := range drives[:shown] {
		rows := each
		if i < over {
			rows++
		}
		var mine rect
		mine, r = r.top(rows)
		p.text(mine.x+1, mine.y, 3, p.lamp(d), d.Name)
		p.blocks(rect{mine.x + 5, mine.y, mine.w - 6, mine.h}, d.Blocks)
	}
}

func plural(s string, n int) string {
	if n == 1 {
		return s
	}
	return s + "s"
}

// lamp is the style of a drive's name, which is lit when the guest reads or writes.
func (p painter) lamp(d Drive) tcell.Style {
	b := Block{Age: 255}
	for _, o := range d.Blocks {
		if (o.Act == ActRead || o.Act == ActWritten) && (o.Age < b.Age || o.Age == b.Age && o.Act > b.Act) {
			b = o
		}
	}
	switch {
	case d.Failed:
		return alarm
	case b.Act != ActNone && b.Age <= hotAge:
		return p.hot(b.Act)
	case d.ReadOnly:
		return dim
	}
	return bold
}

// blocks draws a map, in which every place stands for as many blocks as any other,
// and for one at least.
func (p painter) blocks(r rect, blocks []Block) {
	if r.empty() {
		return
	}
	places := min(r.w*r.h, len(blocks))
	for i := range places {
		b := join(blocks[i*len(blocks)/places : (i+1)*len(blocks)/places])
		shape, style := p.look(b)
		p.s.set(r.x+i%r.w, r.y+i/r.w, shape, style)
	}
}

// scale says how many blocks a place on a map of that size stands for.
func scale(r rect, blocks []Block) string {
	places := r.w * r.h
	if places <= 0 || len(blocks) == 0 {
		return ""
	}
	return fmt.Sprintf("1:%d", (len(blocks)+places-1)/places)
}

// join makes one of blocks that share a place: the kind that counts most, the
// newest of what has happened; and what is only in the journal does not vanish.
func join(blocks []Block) Block {
	var weight [numKinds]int
	var j Block
	j.Age = 255
	journaled := false
	for _, b := range blocks {
		weight[b.Kind] += kindLook[b.Kind].weight
		switch {
		case b.Act == ActJournaled:
			journaled = true
		case b.Act != ActNone && (b.Age < j.Age || b.Age == j.Age && b.Act > j.Act):
			j.Act, j.Age = b.Act, b.Age
		}
	}
	if journaled && (j.Act == ActNone || j.Age > hotAge) {
		j.Act, j.Age = ActJournaled, 0
	}
	for k, w := range weight {
		if w > weight[j.Kind] {
			j.Kind = Kind(k)
		}
	}
	return j
}

// look returns how a block is drawn.
func (p painter) look(b Block) (rune, tcell.Style) {
	k := kindLook[b.Kind]
	switch {
	case b.Act == ActNone || b.Age > warmAge:
		return k.shape, k.style
	case p.mono && b.Age > hotAge:
		return actLetters[b.Act], plain
	case p.mono:
		return actLetters[b.Act], p.hot(b.Act)
	case b.Age > hotAge:
		return k.shape, plain.Foreground(actHue[b.Act])
	}
	return k.shape, p.hot(b.Act)
}

// hot is the style of what is happening.
func (p painter) hot(a Act) tcell.Style {
	if p.mono {
		return bar
	}
	return plain.Foreground(tcell.ColorBlack).Background(actHue[a])
}

// legend explains shapes and colours.
func (p painter) legend(r rect, rows [][]legendEntry) {
	for i, row := range rows {
		if i >= r.h {
			return
		}
		x := r.x + 1
		for _, e := range row {
			p.text(x, r.y+i, r.x+r.w-x, e.style, string(e.shape))
			x += 1 + p.text(x+1, r.y+i, r.x+r.w-x-1, dim, " "+e.name+" ")
		}
	}
}

type legendEntry struct {
	shape rune
	style tcell.Style
	name  string
}

// legends arranges all entries in rows of that width; those for transactions only if
// states says so.
func (p painter) legends(w int, states bool) [][]legendEntry {
	rows := kindLegends(w)
	all := [][]legendEntry{p.actLegend()}
	if states {
		all = append(all, stateLegend())
	}
	for _, more := range all {
		last := &rows[len(rows)-1]
		if used := legendWidth(append(slices.Clone(*last), more...)); used <= w {
			*last = append(*last, more...)
		} else {
			rows = append(rows, more)
		}
	}
	return rows
}

// legendWidth is how wide entries are.
func legendWidth(row []legendEntry) int {
	n := 0
	for _, e := range row {
		n += len(e.name) + 3
	}
	return n
}

// actLegend are the entries for what happens to blocks.
func (p painter) actLegend() (row []legendEntry) {
	for a := ActRead; a < numActs; a++ {
		shape := ' '
		if p.mono {
			shape = actLetters[a]
		}
		row = append(row, legendEntry{shape, p.hot(a), actNames[a]})
	}
	return row
}

// stateLegend are the entries for transactions in their states, and for the ring.
func stateLegend() []legendEntry {
	return []legendEntry{{'●', plain, "now"}, {'○', plain, "just"}, {tcell.RuneBlock, plain, "used"}, {'>', bold, "head"}}
}

// help explains all that is shown.
func (p painter) help(r rect) {
	in := p.box(r, "what is what: any key goes on")
	y := 0
	row := func(style tcell.Style, text string) {
		if y < in.h {
			p.text(in.x+1, in.y+y, in.w-2, style, text)
		}
		y++
	}
	row(bold, "The packs. Each place is one block or several, as the line above says:")
	for _, l := range kindLegends(in.w) {
		p.legend(rect{in.x, in.y + y, in.w, min(1, in.h-y)}, [][]legendEntry{l})
		y++
	}
	row(plain, "What happened to them last; it fades. journaled: in the journal, not home yet.")
	p.legend(rect{in.x, in.y + y, in.w, min(1, in.h-y)}, [][]legendEntry{p.actLegend()})
	y++
	row(bold, "The transactions, by their states:")
	for s := journaldev.StateFree; s <= journaldev.StateEStart; s++ {
		row(plain, fmt.Sprintf("  %-8s%s", s, stateMeaning[s]))
	}
	row(plain, "  ● one in that state now   ○ one was, a moment ago   · none")
	row(bold, "A journal: [──████>───]")
	row(plain, "  █ used   ─ free   > where the next record goes; then how much of it is used,")
	row(plain, "  commits in a second, and how long the newest took")
	row(bold, "The processor: its mode, priority and condition codes; PC, PSW and the display")
	row(plain, "  register; millions of instructions in a second, and the last seconds of that")
	row(bold, "Keys: PgUp and PgDn scroll the console, or a dialog. F4 hides the picture.")
}

var stateMeaning = [...]string{
	journaldev.StateFree:   "not in use (how many)",
	journaldev.StateCreate: "collects what is to be written",
	journaldev.StateStart:  "is being written to the journal",
	journaldev.StateTrans:  "is committed: it survives a power cut; its blocks go home",
	journaldev.StateEnd:    "all its blocks are home",
	journaldev.StateEStart: "that they are home is being marked in the journal",
}

// kindLegends arranges the entries for the kinds of blocks.
func kindLegends(w int) [][]legendEntry {
	var rows [][]legendEntry
	var row []legendEntry
	for _, k := range []Kind{KindSuper, KindInodes, KindDir, KindData, KindIndirect, KindChain, KindFree, KindSwap} {
		e := legendEntry{kindLook[k].shape, kindLook[k].style, kindLook[k].name}
		if len(row) > 0 && legendWidth(row)+len(e.name)+2 >= w {
			rows, row = append(rows, row), nil
		}
		row = append(row, e)
	}
	return append(rows, row)
}

// stateColumns returns how wide the columns of the states are, one blank included,
// in a picture of so many columns.
func stateColumns(w int) [journaldev.StateEStart + 1]int {
	c := [...]int{5, 7, 6, 6, 4, 6}
	for s := journaldev.StateCreate; s <= journaldev.StateEStart; s++ {
		c[s] += max(0, min(w-pictureColumns, 60)) / int(journaldev.StateEStart)
	}
	return c
}

// journals draws the transactions and the rings. Where there is no room for all, those
// that were busy last come first.
func (p painter) journals(r rect, drives []Drive) {
	var with []Drive
	rate := 0.0
	for _, d := range drives {
		if d.Journal != nil {
			with = append(with, d)
			rate += d.Journal.Rate
		}
	}
	title, r := r.top(1)
	switch {
	case title.empty():
		return
	case len(with) == 0:
		p.heading(title, "no journal", "", plain)
		return
	case r.h < 2:
		p.heading(title, "transactions: no room", "", plain)
		return
	}
	p.heading(title, "transactions", fmt.Sprintf("%.1f commits/s", rate), bold)
	head, r := r.top(1)
	x, columns := head.x+5, stateColumns(head.w)
	for s := journaldev.StateFree; s <= journaldev.StateEStart; s++ {
		style := dim
		for _, d := range with {
			if s != journaldev.StateFree && d.Journal.Ages[s] <= hotAge {
				style = bold
			}
		}
		p.text(x, head.y, head.x+head.w-x, style, s.String())
		x += columns[s]
	}
	busy := slices.Clone(with)
	slices.SortStableFunc(busy, func(a, b Drive) int { return cmp.Compare(a.Journal.idle(), b.Journal.idle()) })
	one := r.h < 2*len(with) && r.h > 1 // a ring
	shown := min(len(with), r.h)
	if one {
		shown = min(shown, r.h-1)
	}
	for _, d := range with {
		if !slices.ContainsFunc(busy[:shown], func(b Drive) bool { return b.Name == d.Name }) {
			continue
		}
		var mine rect
		mine, r = r.top(1)
		p.transactions(mine, d)
		if !one {
			mine, r = r.top(1)
			p.ring(mine, "", d.Journal)
		}
	}
	if one {
		p.ring(r, busy[0].Name, busy[0].Journal)
	}
}

// idle is for how many samples a journal has not done anything.
func (j *Journal) idle() uint8 {
	return min(j.Ages[journaldev.StateCreate], j.Ages[journaldev.StateStart], j.Ages[journaldev.StateTrans],
		j.Ages[journaldev.StateEnd])
}

// transactions draws one drive's transactions in the columns of their states. One
// that was in a state a moment ago leaves a trace there.
func (p painter) transactions(r rect, d Drive) {
	p.text(r.x+1, r.y, r.w-1, bold, d.Name)
	x, columns := r.x+5, stateColumns(r.w)
	for s := journaldev.StateFree; s <= journaldev.StateEStart; s++ {
		n, room := d.Journal.States[s], min(columns[s]-1, r.x+r.w-x)
		style := plain.Foreground(stateHue[s])
		switch {
		case s == journaldev.StateFree:
			p.text(x, r.y, room, dim, fmt.Sprintf("%3d", n))
		case n > 0:
			p.text(x, r.y, room, style, d.Journal.in(s, n, room))
		case d.Journal.Ages[s] <= hotAge:
			p.text(x, r.y, room, style, "○")
		default:
			p.text(x, r.y, room, dim, "·")
		}
		x += columns[s]
	}
}

// in tells of the n transactions in a state what there is room for: which they are,
// or how many.
func (j *Journal) in(s journaldev.State, n, room int) string {
	var ids []string
	for _, t := range j.Transactions {
		if t.State == s {
			ids = append(ids, fmt.Sprintf("●%d", t.ID))
		}
	}
	slices.Sort(ids)
	if text := strings.Join(ids, " "); runes(text) <= room && len(ids) == n && room > 7 {
		return text
	}
	if n <= room {
		return strings.Repeat("●", n)
	}
	return fmt.Sprintf("%d●", n)
}

var stateHue = [...]tcell.Color{
	journaldev.StateCreate: tcell.ColorOlive,
	journaldev.StateStart:  tcell.ColorPurple,
	journaldev.StateTrans:  tcell.ColorPurple,
	journaldev.StateEnd:    tcell.ColorTeal,
	journaldev.StateEStart: tcell.ColorTeal,
}

// ring draws a journal's ring: what is used of it, and where the head is.
func (p painter) ring(r rect, name string, j *Journal) {
	const tail = 18 // "  0%   4.9/s 2.3ms"
	w := r.w - 5 - tail - 2
	if r.h < 1 || w < 4 || j.Size <= 0 {
		return
	}
	p.text(r.x+1, r.y, 4, dim, name)
	x := r.x + 5
	p.s.set(x, r.y, '[', dim)
	p.s.set(x+w+1, r.y, ']', dim)
	size := j.Size
	head := int(j.Head * int64(w) / size)
	for i := range w {
		p.s.set(x+1+i, r.y, tcell.RuneHLine, dim)
	}
	// From the tail, which is Used before the head, round the end of the ring.
	from := (j.Head - j.Used + size) % size
	for at := int64(0); at < j.Used; at += max(size/int64(4*w), 1) {
		p.s.set(x+1+int((from+at)%size*int64(w)/size), r.y, tcell.RuneBlock, plain.Foreground(tcell.ColorPurple))
	}
	p.s.set(x+1+max(0, min(head, w-1)), r.y, '>', bold)
	p.text(x+w+2, r.y, r.x+r.w-x-w-2, plain, fmt.Sprintf("%3d%% %5.1f/s %s", 100*j.Used/size, j.Rate, short(j.Latency)))
}

// short is a duration in at most five columns.
func short(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 100*time.Microsecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

var powerNames = [...]string{PowerOff: "power off", Running: "running", Waiting: "waiting", Halted: "halted",
	Recovering: "recovering"}

// title draws the top row.
func (p painter) title(r rect, c Processor, note string) {
	p.fill(r, bar)
	n := p.text(r.x, r.y, r.w, bar.Bold(true), " v7em ")
	n += p.text(r.x+n, r.y, r.w-n, bar, " "+c.Name)
	right := fmt.Sprintf(" %s  up %s ", powerNames[c.Power], c.Up.Truncate(time.Second))
	if note != "" {
		right = " " + note + " "
	}
	if l := runes(right); n+l < r.w {
		p.text(r.x+r.w-l, r.y, l, bar, right)
	} else if note != "" {
		p.text(r.x, r.y, r.w, bar, right)
	}
}

// keyHelp is what the keys do, the most useful ones first.
var keyHelp = []struct{ key, what string }{
	{"^E", "menu"}, {"F8", "cut the power"}, {"F6", "sync & power off"}, {"F9", "boot again"}, {"F1", "legend"},
	{"F4", "picture"}, {"PgUp/Dn", "scroll"},
}

// keys draws the bottom row.
func (p painter) keys(r rect) {
	p.fill(r, bar)
	x := r.x
	for _, k := range keyHelp {
		if x+len(k.key)+len(k.what)+3 > r.x+r.w {
			break
		}
		x += p.text(x, r.y, r.w, bar.Bold(true), " "+k.key)
		x += p.text(x, r.y, r.w, bar, " "+k.what+" ")
	}
}

// inner is what a box around r leaves.
func (r rect) inner() rect { return rect{r.x + 1, r.y + 1, r.w - 2, r.h - 2} }

// box draws a frame, with a title, around what it returns.
func (p painter) box(r rect, title string) rect {
	p.fill(r, plain)
	for x := r.x + 1; x < r.x+r.w-1; x++ {
		p.s.set(x, r.y, tcell.RuneHLine, bold)
		p.s.set(x, r.y+r.h-1, tcell.RuneHLine, bold)
	}
	for y := r.y + 1; y < r.y+r.h-1; y++ {
		p.s.set(r.x, y, tcell.RuneVLine, bold)
		p.s.set(r.x+r.w-1, y, tcell.RuneVLine, bold)
	}
	p.s.set(r.x, r.y, tcell.RuneULCorner, bold)
	p.s.set(r.x+r.w-1, r.y, tcell.RuneURCorner, bold)
	p.s.set(r.x, r.y+r.h-1, tcell.RuneLLCorner, bold)
	p.s.set(r.x+r.w-1, r.y+r.h-1, tcell.RuneLRCorner, bold)
	p.text(r.x+2, r.y, r.w-4, bold, " "+title+" ")
	return r.inner()
}

// recovery draws how far a recovery is.
func (p painter) recovery(r rect, v *Recovery) {
	if r.h < 4 || r.w < 20 {
		p.text(r.x, r.y, r.w, bold, fmt.Sprintf("recovery: block %d of %d: any key", v.Done, v.Total))
		return
	}
	what := "was there already"
	if v.Written {
		what = "brought home"
	}
	in := p.box(r, "recovery of "+v.Drive)
	type row struct {
		style tcell.Style
		text  string
	}
	rows := []row{
		{plain, v.Text},
		{bold, fmt.Sprintf("transaction %d  block %d", v.Transaction, v.Block)},
		{plain, fmt.Sprintf("%s: %s", kindLook[v.Kind].name, what)},
		{}, // the bar
		{plain, fmt.Sprintf("%d of %d blocks of the journal", v.Done, v.Total)},
		{bold, "any key goes on"},
	}
	for _, least := range []int{0, 1, 1, 1} { // what can be left out
		if len(rows) > in.h {
			rows = slices.Delete(rows, least, least+1)
		}
	}
	for y, row := range rows {
		if row.text != "" {
			p.text(in.x+1, in.y+y, in.w-2, row.style, row.text)
			continue
		}
		w := in.w - 2
		for i := range w {
			c, style := tcell.RuneHLine, dim
			if i < v.Done*w/max(v.Total, 1) {
				c, style = tcell.RuneBlock, plain.Foreground(actHue[ActHome])
			}
			p.s.set(in.x+1+i, in.y+y, c, style)
		}
	}
}

// center returns a part of r of at most that size, in its middle.
func center(r rect, w, h int) rect {
	w, h = min(w, r.w), min(h, r.h)
	return rect{r.x + (r.w-w)/2, r.y + (r.h-h)/2, w, h}
}
