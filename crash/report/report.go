// Package report makes of a crash campaign's result a page to read, to project in a
// class and to print: one HTML file that needs nothing else, neither network nor
// scripts. Colours follow the reader's light or dark.
//
// The pictures are SVG by gonum.org/v1/plot, drawn on a canvas of our own whose colours
// are classes of the style sheet. Thousands of cuts become columns of shares, so that
// the page stays small however many there are.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"v7em/crash"
)

//go:embed report.html
var page string

//go:embed style.css
var style string

var pageTemplate = template.Must(template.New("report").Parse(page))

// content is what the page shows.
type content struct {
	Style    template.CSS
	Headline string
	Workload string
	Guest    string
	Seed     uint64
	Cuts     string
	Modes    []modeContent
	Cards    []card
	Legend   []term
	Survival template.HTML
	Outcomes []outcomeRow
	Among    []outcomeRow
	Models   []modelRow
	ModeTerm []term
	Terms    []term

	Damage    template.HTML
	Kinds     []kindRow
	LossTime  template.HTML
	LossOps   template.HTML
	Losses    []lossRow
	Recovery  template.HTML
	Recovered bool
	Written   template.HTML
	Picks     []pick

	GuestChecks   string
	Checked       bool
	Disagreements []string
	Command       string
	Example       string
}

// modeContent is what the page shows of one mode.
type modeContent struct {
	Class    ink
	Name     string
	Timeline template.HTML
	Slices   []sliceRow
	Facts    string
	Syncs    string
	Time     string
	Writes   string
	HostSync string
	Bytes    string
	Commits  string
}

// Write writes the report of a campaign. The same result gives the same page, byte for
// byte. Names in the result may have any bytes in them.
func Write(w io.Writer, r *crash.Result) error {
	c := content{
		Style: template.CSS(style), Headline: headline(r), Workload: printable(r.Workload), Guest: guestName(r.Guest),
		Seed: r.Seed, Cards: cards(r), Outcomes: outcomeRows(r), Among: amongRows(r), Models: modelRows(r), Losses: lossRows(r),
		Picks: worst(r), Command: Command(r),
	}
	total, checks := 0, 0
	for i := range r.Modes {
		m := &r.Modes[i]
		total += len(m.Cuts)
		checks += m.GuestChecks
		c.Disagreements = append(c.Disagreements, m.Disagreements...)
		mc := modeContent{
			Class: class(string(m.Mode)), Name: modeName(m.Mode), Slices: slicesOf(m), Syncs: count(len(m.Synced)),
			Time:   span(m.Time),
			Writes: count(m.Writes), HostSync: count(m.Syncs), Bytes: size(m.Bytes), Commits: "–",
		}
		if m.Mode == crash.Journal {
			mc.Commits = count(m.Commits)
		}
		mc.Facts = fmt.Sprintf("%s. The workload took %s of the guest’s time and made %s.",
			plural(len(m.Cuts), "cut", "cuts"), span(m.Time),
			plural(len(m.Ops), "operation", "operations"))
		if len(m.Cuts) > 0 {
			mc.Timeline = timeline(r, m)
		}
		c.Modes = append(c.Modes, mc)
		t := modeTerms[m.Mode]
		t.Class = string(mc.Class)
		c.ModeTerm = append(c.ModeTerm, t)
	}
	c.Cuts, c.GuestChecks, c.Checked = count(total), plural(checks, "recovered disk", "recovered disks"), checks > 0
	for i, d := range c.Disagreements {
		c.Disagreements[i] = printable(d)
	}
	for _, m := range r.Models {
		c.Terms = append(c.Terms, modelTerms[m])
	}
	for _, o := range crash.Outcomes {
		t := outcomeTerms[o]
		t.Class = string(class(string(o)))
		c.Legend = append(c.Legend, t)
	}
	if len(c.Picks) > 0 {
		c.Example = PointCommand(r, c.Picks[0].ID)
	}
	if total > 0 {
		kinds := kindsOf(r)
		c.Kinds = kindRows(r, kinds)
		c.Survival, c.Damage = survival(r), damage(r, kinds)
		c.LossTime = loss(r, timeBuckets, "age of the oldest work lost", func(c crash.Cut) uint64 { return c.LostTime })
		c.LossOps = loss(r, opBuckets, "operations lost", func(c crash.Cut) uint64 { return uint64(max(c.LostOps, 0)) })
		c.Recovery, c.Written = recoveries(r), written(r)
	}
	c.Recovered = c.Recovery != ""
	if err := pageTemplate.Execute(w, c); err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	return nil
}

func guestName(g string) string {
	switch g {
	case "v7":
		return "Seventh Edition Unix"
	case "":
		return "the guest"
	}
	return printable(g)
}
