package report

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"v7em/crash"
	"v7em/unix/fs"
)

// survival is the picture of all cuts by mode and model, as shares.
func survival(r *crash.Result) (template.HTML, error) {
	var ticks plot.ConstantTicks
	var ss []series
	for _, o := range crash.Outcomes {
		ss = append(ss, series{ink: class(string(o))})
	}
	row := 0
	add := func(m *crash.ModeResult, model crash.Model) {
		total := 0
		for _, o := range crash.Outcomes {
			total += m.Counts[model][o]
		}
		for i, o := range crash.Outcomes {
			n := m.Counts[model][o]
			v := 0.0
			if total > 0 {
				v = 100 * float64(n) / float64(total)
			}
			ss[i].values = append(ss[i].values, v)
			ss[i].titles = append(ss[i].titles, fmt.Sprintf("%s, %s: %s, %s of %s", modeName(m.Mode), model, outcomeName(o), percent(n, total), plural(total, "cut", "cuts")))
		}
		ticks = append(ticks, plot.Tick{Value: -float64(row), Label: modeName(m.Mode) + "  ·  " + modelTerms[model].Name})
		row++
	}
	for i := range r.Modes {
		if i > 0 {
			for j := range ss { // a row apart
				ss[j].values, ss[j].titles = append(ss[j].values, 0), append(ss[j].titles, "")
			}
			row++
		}
		for _, model := range r.Models {
			add(&r.Modes[i], model)
		}
	}
	b, err := newBars(ss, 26, true, true)
	if err != nil {
		return "", err
	}
	p := newPlot()
	p.Add(grid(p, true), b)
	p.X.Min, p.X.Max = 0, 100
	p.Y.Min, p.Y.Max = -float64(row)+0.4, 0.6
	p.X.Tick.Marker = valueTicks(100, 10, func(v float64) string { return fmt.Sprintf("%.0f%%", v) })
	p.Y.Tick.Marker = ticks
	p.Y.LineStyle.Width, p.Y.Tick.Length = 0, 0
	return render(p, wide, vg.Length(row*34)+36, "Share of the cuts with each outcome, a bar for each mode and model. The table below has the numbers."), nil
}

// modeSeries returns a series of bars for each mode.
func modeSeries(r *crash.Result, rows int, value func(m *crash.ModeResult, row int) (v float64, label, title string)) []series {
	var ss []series
	for i := range r.Modes {
		m := &r.Modes[i]
		s := series{ink: class(string(m.Mode))}
		for row := range rows {
			v, label, title := value(m, row)
			s.values, s.labels, s.titles = append(s.values, v), append(s.labels, label), append(s.titles, modeName(m.Mode)+": "+title)
		}
		ss = append(ss, s)
	}
	return ss
}

// most returns the largest value of any series, at least a little.
func most(ss []series, least float64) float64 {
	for _, s := range ss {
		for _, v := range s.values {
			least = max(least, v)
		}
	}
	return least
}

// rowBars is a picture of horizontal bars: a group for each row, with a bar for each mode.
func rowBars(rows []string, ss []series, width vg.Length, unit func(float64) string, words string) (template.HTML, error) {
	const thick = 14
	b, err := newBars(ss, thick, true, false)
	if err != nil {
		return "", err
	}
	p := newPlot()
	p.Add(grid(p, true), b)
	limit := most(ss, 1e-3)
	p.X.Min, p.X.Max = 0, limit*1.1
	p.X.Tick.Marker = valueTicks(limit, 6, unit)
	p.Y.Min, p.Y.Max = -float64(len(rows))+0.45, 0.55
	var ticks plot.ConstantTicks
	for i, row := range rows {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: row})
	}
	p.Y.Tick.Marker = ticks
	p.Y.Tick.Length, p.Y.Padding = 0, 0
	group := thick*1.12*float64(len(ss)) + 18
	return render(p, width, vg.Length(group*float64(len(rows)))+40, words), nil
}

// columnBars is a picture of vertical bars: a group for each column, with a bar for each
// mode.
func columnBars(cols []string, label string, ss []series, words string) (template.HTML, error) {
	group := 500 / float64(len(cols))
	b, err := newBars(ss, vg.Length(math.Min(group*0.8/float64(len(ss))/1.12, 30)), false, false)
	if err != nil {
		return "", err
	}
	p := newPlot()
	p.Add(grid(p, false), b)
	limit := most(ss, 1)
	p.X.Min, p.X.Max = -0.5, float64(len(cols))-0.5
	p.Y.Min, p.Y.Max = 0, limit*1.06
	p.X.Label.Text = label
	p.Y.Tick.Marker = valueTicks(limit, 5, func(v float64) string { return fmt.Sprintf("%.0f%%", v) })
	p.Y.Tick.Label = textStyle(smallSize, inkMuted, text.XRight, text.YCenter)
	p.Y.LineStyle.Width, p.Y.Tick.Length = 0, 0
	var ticks plot.ConstantTicks
	for i, c := range cols {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: c})
	}
	p.X.Tick.Marker = ticks
	p.X.Tick.Length, p.X.Padding = 0, 0
	return render(p, half, 300, words), nil
}

// kindsOf returns the kinds of damage that occurred, the harmful first, the frequent first.
func kindsOf(r *crash.Result) []fs.Kind {
	sums := map[fs.Kind]int{}
	for _, m := range r.Modes {
		for k, n := range m.Kinds {
			sums[k] += n
		}
	}
	maps.DeleteFunc(sums, func(_ fs.Kind, n int) bool { return n == 0 })
	return slices.SortedFunc(maps.Keys(sums), func(a, b fs.Kind) int {
		ha, hb := a.Severity() == fs.Harmful, b.Severity() == fs.Harmful
		if ha != hb {
			if ha {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
}

// pictured is how many kinds of damage are in the picture. The table has all.
const pictured = 12

// damage is the picture of kinds of damage.
func damage(r *crash.Result, kinds []fs.Kind) (template.HTML, error) {
	if len(kinds) == 0 {
		return "", nil
	}
	kinds = kinds[:min(len(kinds), pictured)]
	ss := modeSeries(r, len(kinds), func(m *crash.ModeResult, row int) (float64, string, string) {
		n := m.Kinds[kinds[row]]
		share := percent(n, len(m.Cuts))
		return 100 * float64(n) / float64(max(len(m.Cuts), 1)), share, fmt.Sprintf("%s in %s of %s", kinds[row], count(n), plural(len(m.Cuts), "cut", "cuts"))
	})
	var rows []string
	for _, k := range kinds {
		rows = append(rows, string(k))
	}
	return rowBars(rows, ss, wide, func(v float64) string { return fmt.Sprintf("%.4g%%", v) }, "Share of the cuts of each mode in which each kind of damage was found.")
}

// bucket is a range of losses, with the limit in it.
type bucket struct {
	upTo  uint64
	label string
}

var timeBuckets = []bucket{
	{0, "none"}, {50e6, "50 ms"}, {100e6, "0.1 s"}, {200e6, "0.2 s"}, {500e6, "0.5 s"}, {1e9, "1 s"}, {5e9, "5 s"}, {30e9, "30 s"}, {math.MaxUint64, "more"},
}

var opBuckets = []bucket{
	{0, "none"}, {1, "1"}, {3, "3"}, {10, "10"}, {30, "30"}, {100, "100"}, {300, "300"}, {math.MaxUint64, "more"},
}

// loss is a picture of how much the cuts lost.
func loss(r *crash.Result, buckets []bucket, label string, of func(crash.Cut) uint64) (template.HTML, error) {
	last := 1
	shares := make([][]int, len(r.Modes))
	for i := range r.Modes {
		shares[i] = make([]int, len(buckets))
		for _, c := range r.Modes[i].Cuts {
			n := slices.IndexFunc(buckets, func(b bucket) bool { return of(c) <= b.upTo })
			shares[i][n]++
			last = max(last, n)
		}
	}
	buckets = buckets[:last+1]
	mode := 0
	ss := modeSeries(r, len(buckets), func(m *crash.ModeResult, row int) (float64, string, string) {
		if row == 0 {
			mode = slices.IndexFunc(r.Modes, func(o crash.ModeResult) bool { return o.Mode == m.Mode })
		}
		n := shares[mode][row]
		return 100 * float64(n) / float64(max(len(m.Cuts), 1)), "", fmt.Sprintf("%s of the cuts lost %s", percent(n, len(m.Cuts)), bucketWords(buckets, row, label))
	})
	var cols []string
	for i, b := range buckets {
		if i > 0 && b.upTo != math.MaxUint64 {
			cols = append(cols, "≤ "+b.label)
		} else {
			cols = append(cols, b.label)
		}
	}
	return columnBars(cols, label, ss, "Share of the cuts of each mode by what was lost: "+label+". The table below has medians and the worst.")
}

func bucketWords(bs []bucket, i int, label string) string {
	switch {
	case i == 0:
		return "nothing"
	case bs[i].upTo == math.MaxUint64:
		return "more than " + bs[i-1].label
	}
	return "at most " + bs[i].label
}

// recoveries is the picture of recovery times of the modes that have any. It is empty
// when nothing was recovered.
func recoveries(r *crash.Result) (template.HTML, error) {
	const bins = 24
	var rs []uint64
	for _, m := range r.Modes {
		for _, c := range m.Cuts {
			if c.RecoveryTime > 0 {
				rs = append(rs, c.RecoveryTime)
			}
		}
	}
	if len(rs) == 0 {
		return "", nil
	}
	// Much of a recovery is the same for all: the scale begins where they differ.
	least, limit := float64(slices.Min(rs))/1e6, float64(slices.Max(rs))/1e6
	if least < limit/2 {
		least = 0
	}
	step := niceStep(max(limit-least, limit/1000), bins)
	least = math.Floor(least/step) * step
	bin := func(ns uint64) int { return int((float64(ns)/1e6 - least) / step) }
	n := bin(slices.Max(rs)) + 1
	ss := modeSeries(r, n, func(m *crash.ModeResult, row int) (float64, string, string) {
		in := 0
		for _, c := range m.Cuts {
			if c.RecoveryTime > 0 && bin(c.RecoveryTime) == row {
				in++
			}
		}
		return float64(in), "", fmt.Sprintf("%.6g–%.6g ms in %s", least+float64(row)*step, least+float64(row+1)*step, plural(in, "cut", "cuts"))
	})
	ss = slices.DeleteFunc(ss, func(s series) bool { return most([]series{s}, 0) == 0 })
	b, err := newBars(ss, vg.Length(1080/float64(n)/float64(len(ss))*0.86), false, false)
	if err != nil {
		return "", err
	}
	p := newPlot()
	p.Add(grid(p, false), b)
	high := most(ss, 1)
	p.X.Min, p.X.Max = -0.5, float64(n)-0.5
	p.X.Tick.Marker = recoveryTicks(n, least, step)
	p.X.Padding = 0
	p.X.Label.Text = "milliseconds on the host’s disk"
	p.Y.Min, p.Y.Max = 0, high*1.05
	p.Y.Tick.Marker = valueTicks(high, 5, func(v float64) string { return count(int(v)) })
	p.Y.Tick.Label = textStyle(smallSize, inkMuted, text.XRight, text.YCenter)
	p.Y.LineStyle.Width, p.Y.Tick.Length = 0, 0
	return render(p, wide, 260, "Number of cuts by how long recovery took."), nil
}

func recoveryTicks(n int, least, step float64) plot.ConstantTicks {
	var ts plot.ConstantTicks
	every := max(1, int(niceStep(float64(n), 12)))
	for i := 0; i <= n; i += every {
		ts = append(ts, plot.Tick{Value: float64(i) - 0.5, Label: fmt.Sprintf("%.6g", least+float64(i)*step)})
	}
	return ts
}

// written is the picture of what the host's writes were.
func written(r *crash.Result) (template.HTML, error) {
	var rows []string
	var whats []string
	for _, w := range writeNames {
		if used(r, w.what) {
			rows, whats = append(rows, w.name), append(whats, w.what)
		}
	}
	if len(rows) == 0 {
		return "", nil
	}
	ss := modeSeries(r, len(rows), func(m *crash.ModeResult, row int) (float64, string, string) {
		n := 0
		for _, b := range m.Blocks {
			if b.What == whats[row] {
				n += max(b.Count, 1)
			}
		}
		return float64(n) / 2, fmt.Sprintf("%s KB", strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/2), ".0")), fmt.Sprintf("%s of %s", plural(n, "sector", "sectors"), rows[row])
	})
	return rowBars(rows, ss, wide, func(v float64) string { return count(int(v)) + " KB" }, "How much the host wrote of each kind of block, in each mode.")
}
