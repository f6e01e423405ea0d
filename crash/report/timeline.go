package report

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"v7em/crash"
)

const (
	columns   = 480 // of the strips of a timeline
	opColumns = 240 // of its lanes of operations and writes

	stripHeight = 54
	writeHeight = 15
	opHeight    = 15
	gapHeight   = 40 // before a group of lanes, with its caption
	programs    = 7  // with a lane of their own
	syncLines   = 30 // more syncs of the guest than this have a mark each, but no line
)

// clock knows when each event of a mode's run was. The timelines run in events: a disk
// is idle for long and then busy for an instant, in which most cuts fall.
type clock struct {
	events []int
	times  []uint64
}

func newClock(m *crash.ModeResult) *clock {
	at := map[int]uint64{0: 0}
	for _, c := range m.Cuts {
		at[c.Event] = c.Time
	}
	for _, b := range m.Blocks {
		at[b.Event] = b.Time
	}
	c := &clock{events: slices.Sorted(maps.Keys(at))}
	for _, e := range c.events {
		t := at[e]
		if n := len(c.times); n > 0 {
			t = max(t, c.times[n-1])
		}
		c.times = append(c.times, t)
	}
	return c
}

// end is where the last event's place ends.
func (c *clock) end() float64 { return float64(c.events[len(c.events)-1] + 1) }

// at returns where on the axis a time is.
func (c *clock) at(t uint64) float64 {
	i := sort.Search(len(c.times), func(i int) bool { return c.times[i] > t }) - 1
	switch {
	case i < 0:
		return 0
	case i == len(c.times)-1:
		return float64(c.events[i])
	}
	part := float64(t-c.times[i]) / float64(c.times[i+1]-c.times[i])
	return float64(c.events[i]) + part*float64(c.events[i+1]-c.events[i])
}

// ticks returns labels of round times, none nearer to another than it is wide.
func (c *clock) ticks() []tick {
	var ts []tick
	last := float64(c.times[len(c.times)-1])
	if last == 0 {
		return []tick{{0, "0"}}
	}
	// The roundest times are labelled first, others where there is room.
	room := c.end() / 18
	var labelled []float64
	for _, n := range []int{3, 6, 12, 24} {
		step := niceStep(last, n)
		for i := 0; float64(i)*step <= last; i++ {
			x := c.at(uint64(float64(i) * step))
			if !slices.ContainsFunc(labelled, func(l float64) bool { return math.Abs(l-x) < room }) {
				labelled = append(labelled, x)
				ts = append(ts, tick{x, fmt.Sprintf("%.4g s", float64(i)*step/1e9)})
			}
		}
	}
	return ts
}

// lane is a row of a timeline. Its plot function draws it in a rectangle; x tells where
// on the axis something is.
type lane struct {
	label   string
	height  float64
	caption string // above it; it begins a group
	plot    func(c *canvas, r box, x func(float64) float64)
}

// lanes are lanes one under the other.
type lanes struct {
	rows  []lane
	syncs []float64 // the guest's, on the axis
}

// layout returns where each lane begins and ends, and where all end.
func (l *lanes) layout() (begin, end []float64, height float64) {
	for i, r := range l.rows {
		if r.caption != "" {
			height += gapHeight
		} else if i > 0 {
			height += 3
		}
		begin = append(begin, height)
		height += r.height
		end = append(end, height)
	}
	return begin, end, height + 4
}

// draw draws the lanes in the area of p, whose y is in pixels.
func (l *lanes) draw(p *plot) {
	begin, end, height := l.layout()
	for i, r := range l.rows {
		rect := box{p.area.x0, p.y(begin[i]), p.area.x1, p.y(end[i])}
		p.boxes(inkLane, "", []box{rect})
		r.plot(&p.canvas, rect, p.x)
		if r.caption != "" {
			above := 12.0
			if i == 0 && len(l.syncs) > 0 {
				above = 20 // over the marks of the syncs
			}
			p.text(inkMuted, smallSize, left, p.area.x0, rect.y0-above, r.caption)
		}
	}
	top, bottom := p.y(begin[0]), p.y(height)
	for _, s := range l.syncs {
		if len(l.syncs) <= syncLines {
			p.line(inkLane, 3, "", p.x(s), bottom, p.x(s), top)
			p.line(inkSync, 1.2, "5 4", p.x(s), bottom, p.x(s), top)
		}
		p.pointer(inkSync, p.x(s), top-1, 9)
	}
}

// timeline is the picture of one mode's run: the cuts by what they came to, what the
// host wrote, and what the guest was doing. All modes have the same lanes.
func timeline(r *crash.Result, m *crash.ModeResult) template.HTML {
	c := newClock(m)
	l := &lanes{}
	for i, model := range r.Models {
		row := lane{label: modelTerms[model].Name, height: stripHeight, plot: strip(m, model, c)}
		if i == 0 {
			row.caption = "If the power had failed here"
		}
		l.rows = append(l.rows, row)
	}
	caption := "What the host wrote"
	for _, w := range writeNames {
		if used(r, w.what) {
			l.rows = append(l.rows, lane{label: w.name, height: writeHeight, caption: caption, plot: writes(m, w.what, w.name)})
			caption = ""
		}
	}
	caption = "What programs were doing"
	for _, p := range laneNames(r) {
		l.rows = append(l.rows, lane{label: shorten(p.label, 16), height: opHeight, caption: caption,
			plot: operations(m, p.has, c)})
		caption = ""
	}
	for _, t := range m.Synced {
		l.syncs = append(l.syncs, c.at(t))
	}
	begin, end, height := l.layout()
	var rows []tick
	for i, row := range l.rows {
		rows = append(rows, tick{(begin[i] + end[i]) / 2, row.label})
	}
	ticks := c.ticks()
	p := newPlot(wide, height+34, 0, c.end(), 0, height, frame{rows: rows, cols: ticks})
	l.draw(p)
	p.base(ticks)
	words := fmt.Sprintf("Timeline of the workload on the %s: %s, %s of the host, %s. The table below has the same "+
		"in numbers.", strings.ToLower(modeName(m.Mode)),
		plural(len(m.Cuts), "cut", "cuts"), plural(m.Writes, "write", "writes"),
		plural(len(m.Ops), "operation", "operations"))
	return p.svg(words)
}

// group is the cuts of one model after one event, which has its place on the axis up to
// the next event with cuts.
type group struct {
	cuts     []crash.Cut
	from, to float64
}

func groups(m *crash.ModeResult, model crash.Model, c *clock) []group {
	var gs []group
	cuts := slices.Clone(m.Cuts)
	cuts = slices.DeleteFunc(cuts, func(c crash.Cut) bool { return c.Model != model })
	slices.SortStableFunc(cuts, func(a, b crash.Cut) int { return cmp.Compare(a.Event, b.Event) })
	for i := 0; i < len(cuts); {
		j := i
		for j < len(cuts) && cuts[j].Event == cuts[i].Event {
			j++
		}
		g := group{cuts: cuts[i:j], from: float64(cuts[i].Event), to: c.end()}
		if j < len(cuts) {
			g.to = float64(cuts[j].Event)
		}
		gs = append(gs, g)
		i = j
	}
	return gs
}

// strip returns a lane's plot of the cuts of one model: in each column the outcomes are
// stacked, the worst lowest, each with a height by its share. None that occurs is too
// thin to be seen.
func strip(m *crash.ModeResult, model crash.Model, clk *clock) func(*canvas, box, func(float64) float64) {
	gs := groups(m, model, clk)
	return func(c *canvas, r box, x func(float64) float64) {
		worst := slices.Clone(crash.Outcomes)
		slices.Reverse(worst)
		drawn := map[crash.Outcome][]box{}
		width := clk.end() / columns
		first := 0
		var titles []struct {
			r    box
			text string
		}
		for col := range columns {
			from, to := float64(col)*width, float64(col+1)*width
			for first < len(gs) && gs[first].to <= from {
				first++
			}
			shares, total := map[crash.Outcome]float64{}, 0.0
			counts, cuts, id, badness := map[crash.Outcome]int{}, 0, "", -1
			var when uint64
			for _, g := range gs[first:] {
				if g.from >= to {
					break
				}
				part := min(g.to, to) - max(g.from, from)
				total += part
				for _, cut := range g.cuts {
					shares[cut.Outcome] += part / float64(len(g.cuts))
					counts[cut.Outcome]++
					if cuts++; cuts == 1 {
						when = cut.Time
					}
					if b := slices.Index(crash.Outcomes, cut.Outcome); b > badness {
						badness, id = b, cut.ID
					}
				}
			}
			if cuts == 0 {
				continue
			}
			column := box{x(from), r.y0, x(to), r.y1}
			y := column.y1
			for i, h := range heights(worst, shares, total, r.y1-r.y0) {
				if h > 0 {
					drawn[worst[i]] = append(drawn[worst[i]], box{column.x0, y - h, column.x1, y})
					y -= h
				}
			}
			var words []string
			for _, o := range worst {
				if counts[o] > 0 {
					words = append(words, fmt.Sprintf("%d %s", counts[o], outcomeName(o)))
				}
			}
			titles = append(titles, struct {
				r    box
				text string
			}{column, fmt.Sprintf("%.3f s: %s. %s", float64(when)/1e9, strings.Join(words, ", "), id)})
		}
		for _, o := range worst {
			c.boxes(class(string(o)), "crisp", merge(drawn[o]))
		}
		for _, t := range titles {
			c.title(t.r, t.text)
		}
	}
}

// heights divides a height by shares of a total, with at least two pixels for each
// outcome that occurs.
func heights(outcomes []crash.Outcome, shares map[crash.Outcome]float64, total, height float64) []float64 {
	const least = 2
	hs := make([]float64, len(outcomes))
	small, big := 0.0, 0.0
	for i, o := range outcomes {
		if s := shares[o]; s > 0 {
			if hs[i] = s / total * height; hs[i] < least {
				hs[i] = least
				small += least
			} else {
				big += hs[i]
			}
		}
	}
	for i := range hs {
		if hs[i] > least && big > 0 {
			hs[i] *= (height - small) / big
		}
	}
	return hs
}

// merge joins rectangles that continue each other to the right.
func merge(rs []box) []box {
	var out []box
	for _, r := range rs {
		if n := len(out); n > 0 && out[n-1].y0 == r.y0 && out[n-1].y1 == r.y1 && math.Abs(out[n-1].x1-r.x0) < 0.01 {
			out[n-1].x1 = r.x1
			continue
		}
		out = append(out, r)
	}
	return out
}

// used says whether the host wrote something of a kind in any mode.
func used(r *crash.Result, what string) bool {
	return slices.ContainsFunc(r.Modes, func(m crash.ModeResult) bool {
		return slices.ContainsFunc(m.Blocks, func(b crash.BlockWrite) bool { return b.What == what })
	})
}

// writes returns a lane's plot of the host's writes of a kind, the darker the more there
// were.
func writes(m *crash.ModeResult, what, name string) func(*canvas, box, func(float64) float64) {
	return func(c *canvas, r box, x func(float64) float64) {
		width := (r.x1 - r.x0) / columns
		sectors := make([]int, columns)
		most := 0
		for _, b := range m.Blocks {
			if b.What == what {
				col := min(max(int((x(float64(b.Event)+0.5)-r.x0)/width), 0), columns-1)
				sectors[col] += max(b.Count, 1)
				most = max(most, sectors[col])
			}
		}
		var levels [3][]box
		for col, n := range sectors {
			if n == 0 {
				continue
			}
			level := 2
			if f := math.Log1p(float64(n)) / math.Log1p(float64(most)); most > 1 && f < 0.45 {
				level = 0
			} else if most > 1 && f < 0.75 {
				level = 1
			}
			from := r.x0 + float64(col)*width
			levels[level] = append(levels[level], box{from, r.y0, from + width, r.y1})
		}
		for i, l := range levels {
			c.boxes("w-"+class(what), [...]string{"level1", "level2", ""}[i], merge(l))
		}
		total := 0
		for _, n := range sectors {
			total += n
		}
		if total > 0 {
			c.title(r, fmt.Sprintf("%s: %s written", name, plural(total, "sector", "sectors")))
		}
	}
}

// laneOf is a lane of operations.
type laneOf struct {
	label string
	has   func(program string) bool
}

// laneNames returns the programs with most operations in any mode, and the rest.
func laneNames(r *crash.Result) []laneOf {
	counts := map[string]int{}
	for _, m := range r.Modes {
		in := map[string]int{}
		for _, o := range m.Ops {
			in[o.Program]++
		}
		for p, n := range in {
			counts[p] = max(counts[p], n)
		}
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var ls []laneOf
	for i, n := range names {
		if i == programs && len(names) > programs+1 {
			rest := names[i:]
			return append(ls, laneOf{"others", func(p string) bool { return slices.Contains(rest, p) }})
		}
		ls = append(ls, laneOf{n, func(p string) bool { return p == n }})
	}
	return ls
}

// operations returns a lane's plot of the system calls of some programs, those that are
// close together as one.
func operations(m *crash.ModeResult, has func(string) bool, clk *clock) func(*canvas, box, func(float64) float64) {
	return func(c *canvas, r box, x func(float64) float64) {
		apart := (r.x1 - r.x0) / opColumns
		type bar struct {
			r        box
			called   uint64
			returned uint64
			calls    []string
			more     int
		}
		var bs []bar
		for _, o := range m.Ops {
			if !has(o.Program) {
				continue
			}
			from, to := x(clk.at(o.Called)), x(clk.at(o.Returned))
			to = max(to, from+1.5)
			call := strings.TrimSpace(shorten(o.Program, 16) + ": " + o.Call + " " + shorten(o.Path, 40))
			if n := len(bs); n > 0 && from < bs[n-1].r.x1+apart/2 && from >= bs[n-1].r.x0 {
				b := &bs[n-1]
				b.r.x1 = max(b.r.x1, to)
				b.returned = max(b.returned, o.Returned)
				if len(b.calls) < 3 {
					b.calls = append(b.calls, call)
				} else {
					b.more++
				}
				continue
			}
			bs = append(bs, bar{box{from, r.y0 + 1, to, r.y1 - 1}, o.Called, o.Returned, []string{call}, 0})
		}
		var rs []box
		for _, b := range bs {
			rs = append(rs, b.r)
		}
		c.boxes(inkOp, "", rs)
		for _, b := range bs {
			words := strings.Join(b.calls, ", ")
			if b.more > 0 {
				words += fmt.Sprintf(" and %d more", b.more)
			}
			c.title(b.r, fmt.Sprintf("%.3f–%.3f s: %s", float64(b.called)/1e9, float64(b.returned)/1e9, words))
		}
	}
}

// shorten cuts a name that is too long.
func shorten(s string, n int) string {
	if rs := []rune(printable(s)); len(rs) > n {
		return string(rs[:n-1]) + "…"
	}
	return s
}
