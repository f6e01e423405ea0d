package report

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"

	"v7em/crash"
	"v7em/unix/fs"
)

// survival is the picture of all cuts by mode and model, as shares.
func survival(r *crash.Result) template.HTML {
	var rows []tick
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
			ss[i].titles = append(ss[i].titles, fmt.Sprintf("%s, %s: %s, %s of %s", modeName(m.Mode), model,
				outcomeName(o), percent(n, total), plural(total, "cut", "cuts")))
		}
		rows = append(rows, tick{float64(row), modeName(m.Mode) + " · " + modelTerms[model].Name})
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
	cols := valueTicks(100, 10, func(v float64) string { return fmt.Sprintf("%.0f%%", v) })
	p := newPlot(wide, float64(row*34+36), 0, 100, -0.6, float64(row)-0.4, frame{rows: rows, cols: cols})
	p.uprights(cols)
	p.stacked(ss, 26)
	p.base(cols)
	return p.svg("Share of the cuts with each outcome, a bar for each mode and model. The table below has the numbers.")
}

// modeSeries returns a series of bars for each mode.
func modeSeries(
	r *crash.Result, rows int, value func(m *crash.ModeResult, row int) (v float64, label, title string),
) []series {
	var ss []series
	for i := range r.Modes {
		m := &r.Modes[i]
		s := series{ink: class(string(m.Mode))}
		for row := range rows {
			v, label, title := value(m, row)
			s.values, s.labels, s.titles = append(s.values, v), append(s.labels, label),
				append(s.titles, modeName(m.Mode)+": "+title)
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
func rowBars(rows []string, ss []series, unit func(float64) string, words string) template.HTML {
	const thick = 14
	limit := most(ss, 1e-3)
	cols := valueTicks(limit, 6, unit)
	n, group := float64(len(rows)), thick*(1+between)*float64(len(ss))+18
	p := newPlot(wide, group*n+40, 0, limit*1.1, -0.55, n-0.45, frame{rows: labelled(rows), cols: cols})
	p.uprights(cols)
	p.lying(ss, thick)
	p.line(inkRule, 1, "", p.area.x0, p.area.y0, p.area.x0, p.area.y1)
	p.base(cols)
	return p.svg(words)
}

// labelled returns ticks at 0, 1, 2.
func labelled(labels []string) []tick {
	var ts []tick
	for i, l := range labels {
		ts = append(ts, tick{float64(i), l})
	}
	return ts
}

// columnBars is a picture of vertical bars: a group for each column, with a bar for each
// mode.
func columnBars(cols []string, label string, ss []series, words string) template.HTML {
	limit := most(ss, 1)
	rows := valueTicks(limit, 5, func(v float64) string { return fmt.Sprintf("%.0f%%", v) })
	p := newPlot(half, 300, -0.5, float64(len(cols))-0.5, limit*1.06, 0,
		frame{rows: rows, small: true, cols: labelled(cols), label: label})
	p.levels(rows)
	p.standing(ss, min(500/float64(len(cols))*0.8/float64(len(ss))/(1+between), 30))
	p.base(nil)
	return p.svg(words)
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
func damage(r *crash.Result, kinds []fs.Kind) template.HTML {
	if len(kinds) == 0 {
		return ""
	}
	kinds = kinds[:min(len(kinds), pictured)]
	ss := modeSeries(r, len(kinds), func(m *crash.ModeResult, row int) (float64, string, string) {
		n := m.Kinds[kinds[row]]
		share := percent(n, len(m.Cuts))
		return 100 * float64(n) / float64(max(len(m.Cuts), 1)), share,
			fmt.Sprintf("%s in %s of %s", kinds[row], count(n), plural(len(m.Cuts), "cut", "cuts"))
	})
	var rows []string
	for _, k := range kinds {
		rows = append(rows, string(k))
	}
	return rowBars(rows, ss, func(v float64) string { return fmt.Sprintf("%.4g%%", v) },
		"Share of the cuts of each mode in which each kind of damage was found.")
}

// bucket is a range of losses, with the limit in it.
type bucket struct {
	upTo  uint64
	label string
}

var timeBuckets = []bucket{
	{0, "none"}, {50e6, "50 ms"}, {100e6, "0.1 s"}, {200e6, "0.2 s"}, {500e6, "0.5 s"}, {1e9, "1 s"}, {5e9, "5 s"},
	{30e9, "30 s"}, {math.MaxUint64, "more"},
}

var opBuckets = []bucket{
	{0, "none"}, {1, "1"}, {3, "3"}, {10, "10"}, {30, "30"}, {100, "100"}, {300, "300"}, {math.MaxUint64, "more"},
}

// loss is a picture of how much the cuts lost.
func loss(r *crash.Result, buckets []bucket, label string, of func(crash.Cut) uint64) template.HTML {
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
		return 100 * float64(n) / float64(max(len(m.Cuts), 1)), "",
			fmt.Sprintf("%s of the cuts lost %s", percent(n, len(m.Cuts)), bucketWords(buckets, row, label))
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
func recoveries(r *crash.Result) template.HTML {
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
		return ""
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
		return float64(in), "", fmt.Sprintf("%.6g–%.6g ms in %s", least+float64(row)*step,
			least+float64(row+1)*step, plural(in, "cut", "cuts"))
	})
	ss = slices.DeleteFunc(ss, func(s series) bool { return most([]series{s}, 0) == 0 })
	high := most(ss, 1)
	rows, cols := valueTicks(high, 5, func(v float64) string { return count(int(v)) }), recoveryTicks(n, least, step)
	p := newPlot(wide, 260, -0.5, float64(n)-0.5, high*1.05, 0,
		frame{rows: rows, small: true, cols: cols, label: "milliseconds on the host’s disk"})
	p.levels(rows)
	p.standing(ss, 1080/float64(n)/float64(len(ss))*0.86)
	p.base(cols)
	return p.svg("Number of cuts by how long recovery took.")
}

func recoveryTicks(n int, least, step float64) []tick {
	var ts []tick
	every := max(1, int(niceStep(float64(n), 12)))
	for i := 0; i <= n; i += every {
		ts = append(ts, tick{float64(i) - 0.5, fmt.Sprintf("%.6g", least+float64(i)*step)})
	}
	return ts
}

// written is the picture of what the host's writes were.
func written(r *crash.Result) template.HTML {
	var rows []string
	var whats []string
	for _, w := range writeNames {
		if used(r, w.what) {
			rows, whats = append(rows, w.name), append(whats, w.what)
		}
	}
	if len(rows) == 0 {
		return ""
	}
	ss := modeSeries(r, len(rows), func(m *crash.ModeResult, row int) (float64, string, string) {
		n := 0
		for _, b := range m.Blocks {
			if b.What == whats[row] {
				n += max(b.Count, 1)
			}
		}
		return float64(n) / 2, fmt.Sprintf("%s KB", strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/2), ".0")),
			fmt.Sprintf("%s of %s", plural(n, "sector", "sectors"), rows[row])
	})
	return rowBars(rows, ss, func(v float64) string { return count(int(v)) + " KB" },
		"How much the host wrote of each kind of block, in each mode.")
}
