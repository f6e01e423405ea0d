package report

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"v7em/crash"
	"v7em/unix/fs"
)

func write(t *testing.T, r *crash.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements without an end tag.
var void = []string{"meta", "link", "br", "hr", "img", "input"}

// check fails the test unless a page is well formed and needs nothing else. It returns
// its text.
func check(t *testing.T, page string) string {
	t.Helper()
	var text strings.Builder
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			break
		}
		tok := z.Token()
		switch kind {
		case html.TextToken:
			if len(open) > 0 && open[len(open)-1] != "style" {
				text.WriteString(tok.Data)
			}
		case html.StartTagToken:
			if !slices.Contains(void, tok.Data) {
				open = append(open, tok.Data)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != tok.Data {
				t.Fatalf("</%s> in %v", tok.Data, open)
			}
			open = open[:len(open)-1]
		}
		if slices.Contains([]string{"script", "link", "img", "iframe", "object", "embed", "base", "image", "use", "foreignobject"}, strings.ToLower(tok.Data)) && kind != html.TextToken {
			t.Errorf("there is a <%s>", tok.Data)
		}
		for _, a := range tok.Attr {
			if slices.Contains([]string{"src", "href", "xlink:href", "action", "srcset", "data"}, a.Key) || strings.HasPrefix(a.Key, "on") || strings.Contains(a.Val, "NaN") || strings.Contains(a.Val, "Inf") {
				t.Errorf("<%s %s=%q>", tok.Data, a.Key, a.Val)
			}
		}
	}
	if len(open) != 0 {
		t.Errorf("not closed: %v", open)
	}
	if m := regexp.MustCompile(`(?i)https?:|//[a-z]|url\(|@import|@font-face`).FindString(page); m != "" {
		t.Errorf("the page has %q", m)
	}
	return text.String()
}

// Everything that was counted is in the page, by its name.
func TestComplete(t *testing.T) {
	r := synthetic(300, 3)
	page := write(t, r)
	text := check(t, page)
	for _, m := range r.Modes {
		if !strings.Contains(text, modeName(m.Mode)) {
			t.Errorf("no %s", modeName(m.Mode))
		}
		for o, n := range outcomes(&m) {
			if !strings.Contains(page, fmt.Sprintf("<td>%s</td>", count(n))) {
				t.Errorf("%s: no %d cuts that are %s", m.Mode, n, o)
			}
		}
		for k, n := range m.Kinds {
			if !strings.Contains(text, string(k)) || kindTerms[k] == "" || !strings.Contains(page, fmt.Sprintf("<td>%s</td>", count(n))) {
				t.Errorf("%s: no %d of %s", m.Mode, n, k)
			}
		}
	}
	for _, o := range crash.Outcomes {
		if !strings.Contains(text, outcomeTerms[o].Name) || !strings.Contains(text, outcomeTerms[o].Means) {
			t.Errorf("no %s", o)
		}
	}
	for _, m := range crash.Models {
		if !strings.Contains(text, modelTerms[m].Means) {
			t.Errorf("no %s", m)
		}
	}
	if n := strings.Count(page, "<svg"); n != 3+6 {
		t.Errorf("%d pictures", n)
	}
	if n := strings.Count(page, `role="img" aria-label="`); n != 3+6 {
		t.Errorf("%d pictures with words", n)
	}
	for _, want := range []string{"prefers-color-scheme: dark", "@media print", `lang="en"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if again := write(t, r); again != page {
		t.Error("another page the second time")
	}
}

// All kinds of damage have words.
func TestKinds(t *testing.T) {
	for _, k := range []fs.Kind{
		fs.BadSuper, fs.BadAddress, fs.UsedTwice, fs.UsedAndFree, fs.FreeTwice, fs.BadFreeAddress, fs.BadFreeCount, fs.FreeLoop, fs.BadFreeInode, fs.BadType,
		fs.BadRoot, fs.BadDirSize, fs.DirHole, fs.BadEntry, fs.EntryUnallocated, fs.DotMissing, fs.DotDotMissing, fs.DotWrong, fs.DotDotWrong, fs.LinksLow,
		fs.Unreadable, fs.TooTangled, fs.Missing, fs.LinksHigh, fs.Unreferenced, fs.Orphan, fs.Unreachable, fs.LostDamaged, fs.LostLinks, fs.SecondName, fs.DuplicateName, fs.BadName,
		fs.BadSize, fs.PastSize, fs.FreeInodeUsed, fs.FreeInodeTwice, fs.FreeCut,
	} {
		if kindTerms[k] == "" {
			t.Errorf("no words for %s", k)
		}
	}
}

// What a guest or a user named does nothing to the page.
func TestHostile(t *testing.T) {
	const evil = "</title><script>alert(1)</script>\"'\x00\x1b[2J\xff&"
	r := synthetic(60, 1)
	r.Workload, r.Guest = evil, evil
	for i := range r.Modes {
		m := &r.Modes[i]
		for j := range m.Ops {
			m.Ops[j].Path, m.Ops[j].Program, m.Ops[j].Call = evil, evil, evil
		}
		for j := range m.Blocks {
			m.Blocks[j].What = evil
		}
		for j := range m.Cuts {
			m.Cuts[j].ID = evil
		}
		m.Kinds[evil] = 3
		m.Disagreements = []string{evil}
	}
	page := write(t, r)
	check(t, page)
	for _, c := range []string{"<script", "\x00", "\x1b", "\xff"} {
		if strings.Contains(page, c) {
			t.Errorf("the page has %q", c)
		}
	}
}

func TestSmall(t *testing.T) {
	empty := check(t, write(t, &crash.Result{}))
	if !strings.Contains(empty, "No cuts were made.") {
		t.Error("an empty campaign has findings")
	}
	check(t, write(t, &crash.Result{Models: crash.Models, Modes: []crash.ModeResult{{Mode: crash.Journal}}}))
	check(t, write(t, &crash.Result{Models: []crash.Model{"new"}, Modes: []crash.ModeResult{{Mode: "new", Cuts: []crash.Cut{{Outcome: "new", Model: "new"}}}}}))
	one := &crash.Result{Workload: "w", Guest: "mini", Models: []crash.Model{crash.Torn}, Modes: []crash.ModeResult{{
		Mode: crash.Journal, Cuts: []crash.Cut{{ID: "journal.torn.0.0", Model: crash.Torn, Outcome: crash.Clean}},
		Counts: map[crash.Model]map[crash.Outcome]int{crash.Torn: {crash.Clean: 1}},
	}}}
	if text := check(t, write(t, one)); !strings.Contains(text, "The journaled disk came through every time.") || !strings.Contains(text, "No damage was found") {
		t.Error(text)
	}
}

// A page stays small, and is made soon, however many cuts there are.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("a large campaign is left out with -short")
	}
	r := synthetic(100_000/9, 1)
	for i := range r.Modes {
		r.Modes[i].Cuts = slices.Concat(r.Modes[i].Cuts, r.Modes[i].Cuts, r.Modes[i].Cuts)
	}
	begin := time.Now()
	page := write(t, r)
	t.Logf("%d KB in %v", len(page)>>10, time.Since(begin))
	if len(page) > 3<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

func TestHeadline(t *testing.T) {
	mode := func(m crash.Mode, outcomes ...crash.Outcome) crash.ModeResult {
		r := crash.ModeResult{Mode: m}
		for _, o := range outcomes {
			r.Cuts = append(r.Cuts, crash.Cut{Outcome: o})
		}
		return r
	}
	for _, tt := range []struct {
		modes []crash.ModeResult
		want  string
	}{
		{nil, "No cuts were made."},
		{[]crash.ModeResult{mode(crash.Plain, crash.Clean, crash.Harmless)}, "The plain disk came through every time."},
		{[]crash.ModeResult{mode(crash.Plain, crash.Harmful, crash.Clean, crash.Clean), mode(crash.WriteThrough, crash.Harmful), mode(crash.Journal, crash.Clean)},
			"A power cut harmed the plain disk in 33% of the cases and the write-through disk in 100%. The journaled disk came through every time."},
		{[]crash.ModeResult{mode(crash.Journal, crash.PromiseLost, crash.Clean)}, "The journaled disk left work half done or broke a promise in 50.0% of the cases."},
		{[]crash.ModeResult{mode(crash.Journal, crash.RecoveryFailed)}, "A power cut harmed the journaled disk in 100% of the cases."},
	} {
		if got := headline(&crash.Result{Modes: tt.modes}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range [][2]string{
		{span(0), "0 ms"}, {span(950), "950 ns"}, {span(12_300_000), "12.3 ms"}, {span(200_000_000), "200 ms"}, {span(1_500_000_000), "1.5 s"}, {span(75_000_000_000), "1 min 15 s"},
		{count(0), "0"}, {count(999), "999"}, {count(1234567), "1,234,567"}, {count(-1234), "-1,234"},
		{percent(0, 0), "–"}, {percent(0, 9), "0%"}, {percent(9, 9), "100%"}, {percent(1, 100_000), "<0.1%"}, {percent(99_999, 100_000), ">99.9%"}, {percent(1, 3), "33.3%"},
		{quote("a b"), "'a b'"}, {quote("it's"), `'it'\''s'`}, {quote(""), "''"}, {quote("x/y.sh"), "x/y.sh"},
		{list([]string{"a", "b", "c"}), "a, b and c"},
		{size(100), "100 bytes"}, {size(2048), "2 KB"}, {size(3 << 20), "3.0 MB"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("%q, want %q", tt[0], tt[1])
		}
	}
}

func TestCommand(t *testing.T) {
	r := &crash.Result{Workload: "my script.sh", Guest: "mini", Seed: 9, Points: "all", Models: []crash.Model{crash.Prefix, crash.Torn}, Stress: true,
		Modes: []crash.ModeResult{{Mode: crash.Plain, GuestChecks: 3}, {Mode: crash.Journal, GuestChecks: 4}}}
	const want = "v7em crash --guest mini --workload 'my script.sh' --modes plain,journal --points all --model prefix,torn --seed 9 --stress --guest-check 7"
	if got := Command(r); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := PointCommand(r, "plain.torn.7.1"); got != "v7em crash --guest mini --workload 'my script.sh' --seed 9 --stress --point plain.torn.7.1 --out cut-plain.torn.7.1" {
		t.Error(got)
	}
}

// No outcome that occurs is too thin to be seen, and the heights fill the strip.
func TestHeights(t *testing.T) {
	hs := heights([]crash.Outcome{crash.Harmful, crash.Harmless, crash.Clean}, map[crash.Outcome]float64{crash.Harmful: 0.001, crash.Clean: 0.999}, 1, 50)
	if hs[0] != 2 || hs[1] != 0 || hs[2] != 48 {
		t.Error(hs)
	}
}

// pictureBox is a rectangle of a picture's path, and its ink.
type pictureBox struct {
	ink string
	box
}

// pictureBoxes returns the rectangles of a picture, in its order.
func pictureBoxes(t *testing.T, svg template.HTML) []pictureBox {
	t.Helper()
	var bs []pictureBox
	for _, m := range regexp.MustCompile(`<path class="f ([a-z-]+)[^"]*" d="M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-([\d.]+)z"/>`).FindAllStringSubmatch(string(svg), -1) {
		var n [5]float64
		for i := range n {
			v, err := strconv.ParseFloat(m[i+2], 64)
			if err != nil {
				t.Fatal(err)
			}
			n[i] = v
		}
		if n[4] != n[2] {
			t.Errorf("not upright: %s", m[0])
		}
		bs = append(bs, pictureBox{m[1], box{n[0], n[1], n[0] + n[2], n[1] + n[3]}})
	}
	return bs
}

// texts returns where the texts of a picture are.
func texts(t *testing.T, svg template.HTML) map[string][2]float64 {
	t.Helper()
	at := map[string][2]float64{}
	for _, m := range regexp.MustCompile(`<text class="[a-z]+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>`).FindAllStringSubmatch(string(svg), -1) {
		x, err := strconv.ParseFloat(m[1], 64)
		y, err2 := strconv.ParseFloat(m[2], 64)
		if err != nil || err2 != nil {
			t.Fatal(m[0])
		}
		at[m[3]] = [2]float64{x, y}
	}
	return at
}

// Bars are as long as their values, lie beside their labels, and do not overlap.
func TestBars(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.21 {
			t.Errorf("%s is %.1f, want %.1f", what, got, want)
		}
	}
	// Shares of 100%, of one model each.
	r := &crash.Result{Models: []crash.Model{crash.Prefix}}
	for _, m := range crash.Modes[:2] {
		r.Modes = append(r.Modes, crash.ModeResult{Mode: m, Counts: map[crash.Model]map[crash.Outcome]int{crash.Prefix: {crash.Clean: 1, crash.Harmful: 3}}})
	}
	svg := survival(r)
	bs, at := pictureBoxes(t, svg), texts(t, svg)
	if len(bs) != 4 {
		t.Fatalf("%d bars, want 4 of some length: %v", len(bs), bs)
	}
	zero, all := at["0%"][0], at["100%"][0]
	for i, m := range r.Modes {
		clean, harmful := bs[2*i], bs[2*i+1]
		if clean.ink != string(crash.Clean) || harmful.ink != string(crash.Harmful) {
			t.Errorf("the bars are %s and %s", clean.ink, harmful.ink)
		}
		near("the beginning", clean.x0, zero)
		near("a quarter", clean.x1, zero+(all-zero)/4)
		near("what follows", harmful.x0, clean.x1)
		near("all", harmful.x1, all)
		near("a label", at[modeName(m.Mode)+" · "+modelTerms[crash.Prefix].Name][1], (clean.y0+clean.y1)/2+0.36*labelSize)
	}
	if bs[0].y1 >= bs[2].y0 {
		t.Error("one bar over another")
	}

	ss := []series{{ink: "plain", values: []float64{10, 40}, labels: []string{"ten", "forty"}}, {ink: "journal", values: []float64{0, 20}}}
	svg = rowBars([]string{"a", "b"}, ss, func(v float64) string { return fmt.Sprintf("%gu", v) }, "words")
	bs, at = pictureBoxes(t, svg), texts(t, svg)
	if len(bs) != 3 {
		t.Fatalf("%d bars, want 3: %v", len(bs), bs)
	}
	unit := (at["40u"][0] - at["0u"][0]) / 40
	for i, v := range []float64{10, 40, 20} {
		near("a lying bar", bs[i].x1-bs[i].x0, v*unit)
		near("its beginning", bs[i].x0, at["0u"][0])
	}
	near("the end's label", at["forty"][0], bs[1].x1+6)
	near("a group", at["b"][1]-0.36*labelSize, (bs[1].y0+bs[2].y1)/2)
	if bs[1].y1 > bs[2].y0 || bs[0].y1 > bs[1].y0 {
		t.Errorf("lying bars overlap: %v", bs)
	}

	svg = columnBars([]string{"a", "b"}, "label", ss, "words")
	bs, at = pictureBoxes(t, svg), texts(t, svg)
	unit = (at["0%"][1] - at["40%"][1]) / 40
	for i, v := range []float64{10, 40, 20} {
		near("a standing bar", bs[i].y1-bs[i].y0, v*unit)
		near("its foot", bs[i].y1, at["0%"][1]-0.36*smallSize)
	}
	near("a group", at["b"][0], (bs[1].x0+bs[2].x1)/2)
	if bs[1].x1 > bs[2].x0 || bs[0].x1 > bs[1].x0 {
		t.Errorf("standing bars overlap: %v", bs)
	}
	for name, p := range at {
		if strings.HasSuffix(name, "%") && p[0]-textWidth(name, smallSize) < 0 {
			t.Errorf("%s stands out of the picture", name)
		}
	}
}

// Labels at the left fit beside the picture, in the page's typeface.
func TestTextWidth(t *testing.T) {
	// As Adobe's metrics of Helvetica have it: 667 + 222 + 556 + 222 + 556 + 278 + 556.
	if w := textWidth("Plain 1", 1000); w != 667+222+556+222+556+278+556 {
		t.Error(w)
	}
	rows := []string{"entry-unallocated", "WWWWWWWWWWWWWW", "ж", "i"}
	svg := rowBars(rows, []series{{ink: "plain", values: []float64{1, 2, 3, 4}}}, func(v float64) string { return fmt.Sprint(v) }, "")
	for _, r := range rows {
		if at := texts(t, svg)[r]; at[0]-textWidth(r, labelSize) < 0 || at[0] >= pictureBoxes(t, svg)[0].x0 {
			t.Errorf("%s ends at %v, the bars begin at %v", r, at[0], pictureBoxes(t, svg)[0].x0)
		}
	}
}

// Times are found on the axis between the events around them.
func TestClock(t *testing.T) {
	c := newClock(&crash.ModeResult{Cuts: []crash.Cut{{Event: 10, Time: 100}, {Event: 20, Time: 300}}, Blocks: []crash.BlockWrite{{Event: 4, Time: 50}}})
	for _, tt := range []struct {
		t uint64
		x float64
	}{{0, 0}, {25, 2}, {50, 4}, {75, 7}, {200, 15}, {300, 20}, {999, 20}} {
		if x := c.at(tt.t); x != tt.x {
			t.Errorf("at(%d) = %v, want %v", tt.t, x, tt.x)
		}
	}
	if c.end() != 21 {
		t.Error(c.end())
	}
}
