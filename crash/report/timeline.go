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

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

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
func (c *clock) ticks() plot.ConstantTicks {
	var ts plot.ConstantTicks
	last := float64(c.times[len(c.times)-1])
	if last == 0 {
		return plot.ConstantTicks{{Value: 0, Label: "0"}}
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
				ts = append(ts, plot.Tick{Value: x, Label: fmt.Sprintf("%.4g s", float64(i)*step/1e9)})
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
	plot    func(c *canvas, r vg.Rectangle, x func(float64) vg.Length)
}

// lanes is a plotter of lanes, one under the other. The data's y is in pixels, from 0
// downwards.
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

// Plot implements plot.Plotter.
func (l *lanes) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	begin, end, height := l.layout()
	for i, r := range l.rows {
		rect := vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: y(-end[i])}, Max: vg.Point{X: c.Max.X, Y: y(-begin[i])}}
		svgOf(c).boxes(inkLane, "", []vg.Rectangle{rect})
		r.plot(svgOf(c), rect, x)
		if r.caption != "" {
			above := vg.Length(7)
			if i == 0 && len(l.syncs) > 0 {
				above = 15 // over the marks of the syncs
			}
			c.FillText(textStyle(smallSize, inkMuted, text.XLeft, text.YBottom), vg.Point{X: c.Min.X, Y: rect.Max.Y + above}, r.caption)
		}
	}
	line := draw.LineStyle{Color: inkSync, Width: 1.2, Dashes: []vg.Length{5, 4}}
	for _, s := range l.syncs {
		if len(l.syncs) <= syncLines {
			c.StrokeLine2(draw.LineStyle{Color: inkLane, Width: 3}, x(s), y(-height), x(s), y(-begin[0]))
			c.StrokeLine2(line, x(s), y(-height), x(s), y(-begin[0]))
		}
		top := y(-begin[0]) + 1
		c.FillPolygon(inkSync, []vg.Point{{X: x(s) - 4.5, Y: top + 9}, {X: x(s) + 4.5, Y: top + 9}, {X: x(s), Y: top}})
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
		l.rows = append(l.rows, lane{label: shorten(p.label, 16), height: opHeight, caption: caption, plot: operations(m, p.has, c)})
		caption = ""
	}
	for _, t := range m.Synced {
		l.syncs = append(l.syncs, c.at(t))
	}
	p := newPlot()
	p.Add(l)
	begin, end, height := l.layout()
	p.X.Min, p.X.Max = 0, c.end()
	p.Y.Min, p.Y.Max = -height, 0
	p.X.Tick.Marker = c.ticks()
	p.Y.LineStyle.Width, p.Y.Tick.Length, p.Y.Padding = 0, 0, 2
	var ys plot.ConstantTicks
	for i, row := range l.rows {
		ys = append(ys, plot.Tick{Value: -(begin[i] + end[i]) / 2, Label: row.label})
	}
	p.Y.Tick.Marker = ys
	words := fmt.Sprintf("Timeline of the workload on the %s: %s, %s of the host, %s. The table below has the same in numbers.", strings.ToLower(modeName(m.Mode)),
		plural(len(m.Cuts), "cut", "cuts"), plural(m.Writes, "write", "writes"), plural(len(m.Ops), "operation", "operations"))
	return render(p, wide, vg.Length(height)+34, words)
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
func strip(m *crash.ModeResult, model crash.Model, clk *clock) func(*canvas, vg.Rectangle, func(float64) vg.Length) {
	gs := groups(m, model, clk)
	return func(c *canvas, r vg.Rectangle, x func(float64) vg.Length) {
		worst := slices.Clone(crash.Outcomes)
		slices.Reverse(worst)
		drawn := map[crash.Outcome][]vg.Rectangle{}
		width := clk.end() / columns
		first := 0
		var titles []struct {
			r    vg.Rectangle
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
			column := vg.Rectangle{Min: vg.Point{X: x(from), Y: r.Min.Y}, Max: vg.Point{X: x(to), Y: r.Max.Y}}
			y := column.Min.Y
			for i, h := range heights(worst, shares, total, float64(r.Max.Y-r.Min.Y)) {
				if h > 0 {
					drawn[worst[i]] = append(drawn[worst[i]], vg.Rectangle{Min: vg.Point{X: column.Min.X, Y: y}, Max: vg.Point{X: column.Max.X, Y: y + vg.Length(h)}})
					y += vg.Length(h)
				}
			}
			var words []string
			for _, o := range worst {
				if counts[o] > 0 {
					words = append(words, fmt.Sprintf("%d %s", counts[o], outcomeName(o)))
				}
			}
			titles = append(titles, struct {
				r    vg.Rectangle
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
func merge(rs []vg.Rectangle) []vg.Rectangle {
	var out []vg.Rectangle
	for _, r := range rs {
		if n := len(out); n > 0 && out[n-1].Min.Y == r.Min.Y && out[n-1].Max.Y == r.Max.Y && math.Abs(float64(out[n-1].Max.X-r.Min.X)) < 0.01 {
			out[n-1].Max.X = r.Max.X
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
func writes(m *crash.ModeResult, what, name string) func(*canvas, vg.Rectangle, func(float64) vg.Length) {
	return func(c *canvas, r vg.Rectangle, x func(float64) vg.Length) {
		width := float64(r.Max.X-r.Min.X) / columns
		sectors := make([]int, columns)
		most := 0
		for _, b := range m.Blocks {
			if b.What == what {
				col := min(max(int(float64(x(float64(b.Event)+0.5)-r.Min.X)/width), 0), columns-1)
				sectors[col] += max(b.Count, 1)
				most = max(most, sectors[col])
			}
		}
		var levels [3][]vg.Rectangle
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
			from := r.Min.X + vg.Length(float64(col)*width)
			levels[level] = append(levels[level], vg.Rectangle{Min: vg.Point{X: from, Y: r.Min.Y}, Max: vg.Point{X: from + vg.Length(width), Y: r.Max.Y}})
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
func operations(m *crash.ModeResult, has func(string) bool, clk *clock) func(*canvas, vg.Rectangle, func(float64) vg.Length) {
	return func(c *canvas, r vg.Rectangle, x func(float64) vg.Length) {
		apart := (r.Max.X - r.Min.X) / opColumns
		type bar struct {
			r        vg.Rectangle
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
			if n := len(bs); n > 0 && from < bs[n-1].r.Max.X+apart/2 && from >= bs[n-1].r.Min.X {
				b := &bs[n-1]
				b.r.Max.X = max(b.r.Max.X, to)
				b.returned = max(b.returned, o.Returned)
				if len(b.calls) < 3 {
					b.calls = append(b.calls, call)
				} else {
					b.more++
				}
				continue
			}
			bs = append(bs, bar{vg.Rectangle{Min: vg.Point{X: from, Y: r.Min.Y + 1}, Max: vg.Point{X: to, Y: r.Max.Y - 1}}, o.Called, o.Returned, []string{call}, 0})
		}
		var rs []vg.Rectangle
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
