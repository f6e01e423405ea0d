package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"v7em/crash"
)

// outcomeHeads are the heads of a table's columns of outcomes.
var outcomeHeads = map[crash.Outcome]string{
	crash.Clean: "clean", crash.Harmless: "harmless", crash.HalfDone: "half-done", crash.PromiseLost: "broken",
	crash.Harmful: "harmful", crash.RecoveryFailed: "failed",
}

// tableCell is the format of each column of outcomes.
var tableCells = map[crash.Outcome]string{
	crash.Clean: "%8s", crash.Harmless: "%9s", crash.HalfDone: "%10s", crash.PromiseLost: "%8s",
	crash.Harmful: "%8s", crash.RecoveryFailed: "%7s",
}

// tableRow returns a line of a table: 78 columns.
func tableRow(mode, model, cuts string, cell func(crash.Outcome) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-13s %-6s%8s", mode, model, cuts)
	for _, o := range crash.Outcomes {
		fmt.Fprintf(&b, tableCells[o], cell(o))
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

func tableHead() string {
	return tableRow("disk", "model", "cuts", func(o crash.Outcome) string { return outcomeHeads[o] })
}

// modeRows returns a mode's lines of a table: one for each model, and the shares of all.
func modeRows(mode crash.Mode, models []crash.Model, counts map[crash.Model]map[crash.Outcome]int) string {
	var b strings.Builder
	all, total := map[crash.Outcome]int{}, 0
	name := string(mode)
	for _, model := range models {
		cuts := 0
		for o, n := range counts[model] {
			cuts += n
			all[o] += n
		}
		total += cuts
		b.WriteString(tableRow(name, string(model), fmt.Sprint(cuts),
			func(o crash.Outcome) string { return fmt.Sprint(counts[model][o]) }))
		name = ""
	}
	b.WriteString(tableRow("", "all", fmt.Sprint(total),
		func(o crash.Outcome) string { return tableShare(all[o], total) }))
	return b.String()
}

// tableShare returns a share that is 0% or 100% only when it is that exactly.
func tableShare(n, of int) string {
	switch {
	case of == 0:
		return "-"
	case n == 0:
		return "0%"
	case n == of:
		return "100%"
	}
	return fmt.Sprintf("%.1f%%", min(max(100*float64(n)/float64(of), 0.1), 99.9))
}

// resultTable is a campaign as a table and a few lines.
func resultTable(r *crash.Result) string {
	var b strings.Builder
	b.WriteString(tableHead())
	for _, m := range r.Modes {
		b.WriteString(modeRows(m.Mode, r.Models, m.Counts))
	}
	fmt.Fprintf(&b, "\n%-13s %17s %12s %17s %16s\n", "disk", "lost at worst", "operations", "promises broken",
		"half-done dirs")
	for _, m := range r.Modes {
		var ops int
		var lost uint64
		promised, half := 0, 0
		for _, c := range m.Cuts {
			ops, lost = max(ops, c.LostOps), max(lost, c.LostTime)
			if c.PromiseLost > 0 {
				promised++
			}
			if c.HalfDone > 0 {
				half++
			}
		}
		fmt.Fprintf(&b, "%-13s %17s %12d %17s %16s\n", m.Mode, time.Duration(lost).Round(time.Millisecond), ops,
			fmt.Sprintf("in %d cuts", promised), fmt.Sprintf("in %d cuts", half))
	}
	b.WriteString("\n")
	for _, m := range r.Modes {
		if m.GuestChecks > 0 {
			fmt.Fprintf(&b, "%s: the guest's icheck and dcheck looked at %d disks; %d disagreements\n", m.Mode,
				m.GuestChecks, len(m.Disagreements))
		}
	}
	return b.String()
}

// liveTable shows a campaign on a terminal while it is made. Elsewhere it shows nothing.
type liveTable struct {
	w             io.Writer
	width, height int // of the terminal; 0: none
	models        []crash.Model
	now           func() time.Time

	mu      sync.Mutex
	modes   []crash.Mode // that have been begun
	counts  map[crash.Mode]map[crash.Model]map[crash.Outcome]int
	begun   time.Time
	shown   time.Time
	lines   int // on the terminal
	measure meter
}

// tableInterval is the time between two pictures of the table.
const tableInterval = 100 * time.Millisecond

func newLiveTable(w io.Writer, models []crash.Model) *liveTable {
	t := &liveTable{w: w, models: models, now: time.Now, counts: map[crash.Mode]map[crash.Model]map[crash.Outcome]int{}}
	if f, ok := fileOf(w); ok && term.IsTerminal(int(f.Fd())) {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil {
			t.width, t.height = width, height
		}
	}
	t.begun = t.now()
	t.measure.last = t.begun
	return t
}

// show is a progress function of a campaign.
func (t *liveTable) show(p crash.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.measure.saw(p, now)
	if !slices.Contains(t.modes, p.Mode) {
		t.modes = append(t.modes, p.Mode)
	}
	t.counts[p.Mode] = p.Counts
	if t.width == 0 || now.Sub(t.shown) < tableInterval && p.AllDone < p.AllTotal {
		return
	}
	t.shown = now
	t.draw(t.text(p, now))
}

// text is the table at a moment, in lines that fit.
func (t *liveTable) text(p crash.Progress, now time.Time) []string {
	var b strings.Builder
	if rows := 3 + len(t.modes)*(len(t.models)+1); rows < t.height {
		b.WriteString(tableHead())
		for _, m := range t.modes {
			b.WriteString(modeRows(m, t.models, t.counts[m]))
		}
	}
	step := fmt.Sprintf("%s: %d of %d cuts", p.Mode, p.AllDone, p.AllTotal)
	if p.Model == "" && p.GuestTotal > 0 {
		step = fmt.Sprintf("%s: guests check, %d of %d", p.Mode, p.GuestDone, p.GuestTotal)
	}
	bar := barLine(step, int64(p.AllDone), int64(p.AllTotal), t.width-1)
	if seconds := now.Sub(t.begun).Seconds(); seconds > 0.5 {
		bar += fmt.Sprintf("  %.0f/s", float64(p.AllDone)/seconds)
	}
	lines := strings.Split(b.String()+bar, "\n")
	for i, l := range lines {
		lines[i] = l[:min(len(l), t.width-1)]
	}
	return lines
}

// draw replaces what is on the terminal.
func (t *liveTable) draw(lines []string) {
	var b strings.Builder
	t.clear(&b)
	b.WriteString(strings.Join(lines, "\n"))
	t.lines = len(lines)
	io.WriteString(t.w, b.String())
}

// clear takes the table away: the cursor is in its last line.
func (t *liveTable) clear(b *strings.Builder) {
	if t.lines == 0 {
		return
	}
	b.WriteString("\r")
	if t.lines > 1 {
		fmt.Fprintf(b, "\x1b[%dA", t.lines-1)
	}
	b.WriteString("\x1b[J")
	t.lines = 0
}

// done leaves the terminal as it was.
func (t *liveTable) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	t.clear(&b)
	io.WriteString(t.w, b.String())
}

// rate is a line that says how fast prefix cuts were made; it is empty if there were none.
func (t *liveTable) rate() string {
	m := t.measure
	if m.cuts == 0 || m.spent <= 0 {
		return ""
	}
	return fmt.Sprintf("%d prefix cuts in %.1f s: %.0f a second\n", m.cuts, m.spent.Seconds(),
		float64(m.cuts)/m.spent.Seconds())
}
