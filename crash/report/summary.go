package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"v7em/crash"
	"v7em/unix/fs"
)

// outcomes returns how many cuts of a mode came to each outcome.
func outcomes(m *crash.ModeResult) map[crash.Outcome]int {
	ns := map[crash.Outcome]int{}
	for _, c := range m.Cuts {
		ns[c.Outcome]++
	}
	return ns
}

// headline says in a sentence or two what the campaign found.
func headline(r *crash.Result) string {
	var harmed, lost, safe []string
	of := " of the cases"
	for i := range r.Modes {
		m := &r.Modes[i]
		ns, all := outcomes(m), len(m.Cuts)
		name := "the " + strings.ToLower(modeName(m.Mode))
		harmful, other := ns[crash.Harmful]+ns[crash.RecoveryFailed], ns[crash.HalfDone]+ns[crash.PromiseLost]
		switch {
		case all == 0:
		case harmful > 0:
			harmed = append(harmed, fmt.Sprintf("%s in %s%s", name, roundPercent(harmful, all), of))
			of = ""
		case other > 0:
			lost = append(lost, fmt.Sprintf("%s left work half done or broke a promise in %s of the cases", name,
				percent(other, all)))
		default:
			safe = append(safe, name)
		}
	}
	var sentences []string
	if len(harmed) > 0 {
		sentences = append(sentences, "A power cut harmed "+list(harmed)+".")
	}
	if len(lost) > 0 {
		sentences = append(sentences, sentence(list(lost))+".")
	}
	if len(safe) > 0 {
		sentences = append(sentences, sentence(list(safe))+" came through every time.")
	}
	if len(sentences) == 0 {
		return "No cuts were made."
	}
	return strings.Join(sentences, " ")
}

// roundPercent is percent without decimals.
func roundPercent(n, of int) string {
	p := 100 * float64(n) / float64(of)
	switch {
	case n == of:
		return "100%"
	case p < 1:
		return "less than 1%"
	case p > 99:
		return "over 99%"
	}
	return fmt.Sprintf("%.0f%%", p)
}

// sentence begins a sentence.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// card is a mode in a few numbers.
type card struct {
	Class   ink
	Name    string
	Number  string
	Of      string
	Details string
}

func cards(r *crash.Result) []card {
	var cs []card
	for i := range r.Modes {
		m := &r.Modes[i]
		ns := outcomes(m)
		harmful := ns[crash.Harmful] + ns[crash.RecoveryFailed]
		c := card{Class: class(string(m.Mode)), Name: modeName(m.Mode), Number: percent(harmful, len(m.Cuts))}
		c.Of = fmt.Sprintf("of %s left harmful damage", plural(len(m.Cuts), "cut", "cuts"))
		var lost []uint64
		promised := 0
		for _, cut := range m.Cuts {
			lost = append(lost, cut.LostTime)
			if cut.PromiseLost > 0 {
				promised++
			}
		}
		if len(lost) > 0 {
			c.Details = fmt.Sprintf("Promised work was missing after %s of the cuts. At worst %s of work was lost.",
				percent(promised, len(m.Cuts)), span(slices.Max(lost)))
		}
		cs = append(cs, c)
	}
	return cs
}

// cell is one number of a table.
type cell struct {
	Count, Share string
	Zero         bool
}

func newCell(n, of int) cell { return cell{count(n), percent(n, of), n == 0} }

// outcomeRow is a line of the summary: an outcome, and a cell for each mode.
type outcomeRow struct {
	term
	Cells []cell
}

func outcomeRows(r *crash.Result) []outcomeRow {
	var rows []outcomeRow
	for _, o := range crash.Outcomes {
		row := outcomeRow{term: outcomeTerms[o]}
		row.Class = string(class(string(o)))
		for i := range r.Modes {
			row.Cells = append(row.Cells, newCell(outcomes(&r.Modes[i])[o], len(r.Modes[i].Cuts)))
		}
		rows = append(rows, row)
	}
	return rows
}

// amongRows are counts that go across outcomes: a cut with harmful damage can have more
// wrong with it.
func amongRows(r *crash.Result) []outcomeRow {
	var rows []outcomeRow
	for _, a := range []struct {
		name string
		has  func(crash.Cut) bool
	}{
		{"a directory half made or half removed", func(c crash.Cut) bool { return c.HalfDone > 0 }},
		{"promised work missing", func(c crash.Cut) bool { return c.PromiseLost > 0 }},
	} {
		row := outcomeRow{term: term{Name: a.name}}
		for i := range r.Modes {
			n := 0
			for _, c := range r.Modes[i].Cuts {
				if a.has(c) {
					n++
				}
			}
			row.Cells = append(row.Cells, newCell(n, len(r.Modes[i].Cuts)))
		}
		rows = append(rows, row)
	}
	return rows
}

// modelRow is a line of the table of a model's counts.
type modelRow struct {
	Model, Mode string
	Cells       []cell
	Total       string
}

func modelRows(r *crash.Result) []modelRow {
	var rows []modelRow
	for i := range r.Modes {
		m := &r.Modes[i]
		for _, model := range r.Models {
			row, total := modelRow{Model: modelTerms[model].Name, Mode: modeName(m.Mode)}, 0
			for _, n := range m.Counts[model] {
				total += n
			}
			for _, o := range crash.Outcomes {
				row.Cells = append(row.Cells, newCell(m.Counts[model][o], total))
			}
			row.Total = count(total)
			rows = append(rows, row)
		}
	}
	return rows
}

// sliceRow is a line of a timeline's table: a part of the run.
type sliceRow struct {
	From, To string
	Cells    []string
	Cuts     string
	Ops      string
}

// slices of a timeline's table.
const timeSlices = 20

// slicesOf returns a timeline in numbers, in equal parts of its events.
func slicesOf(m *crash.ModeResult) []sliceRow {
	if len(m.Cuts) == 0 {
		return nil
	}
	c := newClock(m)
	n := min(timeSlices, len(c.events))
	var rows []sliceRow
	for i := range n {
		first, end := i*len(c.events)/n, (i+1)*len(c.events)/n
		from, to := c.events[first], c.events[end-1]
		ns, cuts := map[crash.Outcome]int{}, 0
		for _, cut := range m.Cuts {
			if cut.Event >= from && cut.Event <= to {
				ns[cut.Outcome]++
				cuts++
			}
		}
		ops := 0
		since := uint64(0)
		if first > 0 {
			since = c.times[first-1] + 1
		}
		for _, o := range m.Ops {
			if o.Returned >= since && o.Returned <= c.times[end-1] {
				ops++
			}
		}
		row := sliceRow{From: fmt.Sprintf("%.3f", float64(c.times[first])/1e9),
			To: fmt.Sprintf("%.3f s", float64(c.times[end-1])/1e9), Cuts: count(cuts), Ops: count(ops)}
		for _, o := range crash.Outcomes {
			row.Cells = append(row.Cells, count(ns[o]))
		}
		rows = append(rows, row)
	}
	return rows
}

// lossRow is a mode's losses in numbers.
type lossRow struct {
	Class                                    ink
	Mode                                     string
	MedianTime, HighTime, WorstTime          string
	MedianOps, HighOps, WorstOps             string
	Promised                                 cell
	Recovered                                cell
	MedianRecovery, WorstRecovery, WorstHome string
}

func lossRows(r *crash.Result) []lossRow {
	var rows []lossRow
	for i := range r.Modes {
		m := &r.Modes[i]
		var times, ops, recoveries []uint64
		promised, home, recovered := 0, 0, 0
		for _, c := range m.Cuts {
			times, ops = append(times, c.LostTime), append(ops, uint64(max(c.LostOps, 0)))
			if c.PromiseLost > 0 {
				promised++
			}
			if c.RecoveryTime > 0 {
				recoveries = append(recoveries, c.RecoveryTime)
			}
			if c.Transactions > 0 {
				recovered++
			}
			home = max(home, c.HomeBlocks)
		}
		row := lossRow{Class: class(string(m.Mode)), Mode: modeName(m.Mode), Promised: newCell(promised, len(m.Cuts)),
			Recovered: newCell(recovered, len(m.Cuts))}
		if len(times) > 0 {
			row.MedianTime, row.HighTime, row.WorstTime = span(quantile(times, 0.5)), span(quantile(times, 0.95)),
				span(quantile(times, 1))
			n := func(v uint64) string { return count(int64(v)) }
			row.MedianOps, row.HighOps, row.WorstOps = n(quantile(ops, 0.5)), n(quantile(ops, 0.95)), n(quantile(ops, 1))
		}
		if len(recoveries) > 0 {
			row.MedianRecovery, row.WorstRecovery, row.WorstHome = span(quantile(recoveries, 0.5)),
				span(quantile(recoveries, 1)), count(home)
		}
		rows = append(rows, row)
	}
	return rows
}

// quantile returns the value that a share of the values does not exceed. It sorts them.
func quantile(vs []uint64, q float64) uint64 {
	slices.Sort(vs)
	return vs[min(int(q*float64(len(vs))), len(vs)-1)]
}

// pick is a cut that is worth looking at.
type pick struct {
	ID, Class, Outcome, Mode, Why, Time, Lost string
}

// picks are how many cuts a mode has in the list of those worth looking at.
const picks = 6

// worst returns for each mode the worst cuts, each damaged in another way, and that
// with the largest loss.
func worst(r *crash.Result) []pick {
	var ps []pick
	for i := range r.Modes {
		m := &r.Modes[i]
		order := slices.Clone(m.Cuts)
		slices.SortStableFunc(order, func(a, b crash.Cut) int {
			return cmp.Or(cmp.Compare(slices.Index(crash.Outcomes, b.Outcome), slices.Index(crash.Outcomes, a.Outcome)),
				cmp.Compare(len(b.Kinds), len(a.Kinds)), cmp.Compare(b.PromiseLost, a.PromiseLost),
				cmp.Compare(b.LostOps, a.LostOps))
		})
		seen, ids := map[string]bool{}, map[string]bool{}
		add := func(c crash.Cut, why string) {
			if ids[c.ID] {
				return
			}
			ids[c.ID] = true
			lost := "nothing"
			if c.LostOps > 0 {
				lost = fmt.Sprintf("%s, %s", plural(c.LostOps, "operation", "operations"), span(c.LostTime))
			}
			ps = append(ps, pick{printable(c.ID), string(class(string(c.Outcome))), outcomeName(c.Outcome),
				modeName(m.Mode), why,
				fmt.Sprintf("%.3f s", float64(c.Time)/1e9), lost})
		}
		for _, c := range order {
			if c.Outcome == crash.Clean || len(ids) == picks-1 {
				break
			}
			if key := fmt.Sprint(c.Outcome, c.Kinds); !seen[key] {
				seen[key] = true
				add(c, why(c))
			}
		}
		if len(order) == 0 {
			continue
		}
		largest := slices.MaxFunc(order, func(a, b crash.Cut) int {
			return cmp.Or(cmp.Compare(a.LostOps, b.LostOps), cmp.Compare(a.LostTime, b.LostTime))
		})
		if largest.LostOps > 0 {
			add(largest, "most work lost in this mode")
		}
		longest := slices.MaxFunc(order, func(a, b crash.Cut) int { return cmp.Compare(a.RecoveryTime, b.RecoveryTime) })
		if longest.RecoveryTime > 0 {
			add(longest, fmt.Sprintf("longest recovery: %s brought home in %s",
				plural(longest.Transactions, "transaction", "transactions"), span(longest.RecoveryTime)))
		}
	}
	return ps
}

// why says what is the matter with a cut.
func why(c crash.Cut) string {
	var words []string
	for _, k := range c.Kinds {
		words = append(words, printable(string(k)))
	}
	if c.HalfDone > 0 {
		words = append(words, plural(c.HalfDone, "directory half done", "directories half done"))
	}
	if c.PromiseLost > 0 {
		words = append(words, plural(c.PromiseLost, "promised operation missing", "promised operations missing"))
	}
	return strings.Join(words, ", ")
}

// kindRow is a line of the table of kinds of damage.
type kindRow struct {
	Kind    string
	Harmful bool
	Means   string
	Cells   []cell
}

func kindRows(r *crash.Result, kinds []fs.Kind) []kindRow {
	var rows []kindRow
	for _, k := range kinds {
		row := kindRow{Kind: printable(string(k)), Harmful: k.Severity() == fs.Harmful, Means: kindTerms[k]}
		for i := range r.Modes {
			row.Cells = append(row.Cells, newCell(r.Modes[i].Kinds[k], len(r.Modes[i].Cuts)))
		}
		rows = append(rows, row)
	}
	return rows
}
