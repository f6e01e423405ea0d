package house

import (
	"fmt"
	"go/doc/comment"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rows returns the packages that are shown, by how far they stand from the ground: a
// package stands one row above the highest that it imports. Tests are not shown.
func (h *house) rows() [][]string {
	level := map[string]int{}
	var of func(name string) int
	of = func(name string) int {
		if l, ok := level[name]; ok {
			return l
		}
		level[name] = 0
		l := 0
		for _, r := range h.rooms(name) {
			l = max(l, of(r)+1)
		}
		level[name] = l
		return l
	}
	var rows [][]string
	for _, name := range h.shown() {
		for len(rows) <= of(name) {
			rows = append(rows, nil)
		}
		rows[of(name)] = append(rows[of(name)], name)
	}
	return rows
}

// shown returns the packages that are part of the command.
func (h *house) shown() (list []string) {
	in := h.reach("cmd/v7em")
	for _, name := range h.names() {
		if in[name] {
			list = append(list, name)
		}
	}
	return list
}

// direct returns what a package imports that it does not reach by another import.
func (h *house) direct(name string) (list []string) {
	rooms := h.rooms(name)
	for _, to := range rooms {
		if !slices.ContainsFunc(rooms, func(by string) bool { return by != to && h.reach(by)[to] }) {
			list = append(list, to)
		}
	}
	return list
}

// picture draws the packages of the command and their arrows, which point down. An
// arrow that other arrows imply is not drawn, unless it has to go: those are red.
func (h *house) picture() string {
	const width, wide, high, apart = 1180, 128, 30, 78
	rows := h.rows()
	at := map[string][2]int{}
	var b strings.Builder
	height := len(rows)*apart + 40
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `, width, height)
	b.WriteString(`font-family="sans-serif" font-size="13">` + "\n" + markList)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	for i, row := range rows {
		for k, name := range row {
			at[name] = [2]int{width * (2*k + 1) / (2 * len(row)), (len(rows)-1-i)*apart + 15}
		}
	}
	arrow := func(from, to, color string) {
		a, z := at[from], at[to]
		y0, y1 := a[1]+high, z[1]
		fmt.Fprintf(&b, `<path d="M%d %d C%d %d %d %d %d %d" `, a[0], y0, a[0], y0+25, z[0], y1-25, z[0], y1)
		fmt.Fprintf(&b, `fill="none" stroke="%s"><title>%s imports %s</title></path>`+"\n", color, from, to)
		fmt.Fprintf(&b, `<path d="M%d %dl-4 -8h8z" fill="%s"/>`+"\n", z[0], y1, color)
	}
	gone := toGo()
	for _, name := range h.shown() {
		for _, to := range h.direct(name) {
			if !gone[name+" "+to] {
				arrow(name, to, "#8a94a6")
			}
		}
	}
	for _, name := range h.shown() {
		for _, to := range h.rooms(name) {
			if gone[name+" "+to] {
				arrow(name, to, "#c62828")
			}
		}
	}
	for _, name := range h.shown() {
		p := at[name]
		fmt.Fprintf(&b, `<g><title>%s</title>`, html.EscapeString(h.pkgs[name].summary()))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="5" `, p[0]-wide/2, p[1], wide, high)
		b.WriteString(`fill="#eef3fb" stroke="#33507f"/>`)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text></g>`+"\n", p[0], p[1]+20, name)
	}
	fmt.Fprintf(&b, `<text x="10" y="%d" fill="#555">An arrow points to what is imported. `+
		`One that others imply is left out; a red one has to go.</text>`+"\n</svg>\n", height-12)
	return b.String()
}

// summary returns the first sentence of a package's documentation, but for its first two
// words.
func (p *pkg) summary() string {
	s := strings.Join(strings.Fields(p.doc()), " ")
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i+1]
	}
	w := strings.SplitN(s, " ", 3)
	return w[len(w)-1]
}

// list is the picture in words.
func (h *house) list() string {
	var b strings.Builder
	rows := h.rows()
	slices.Reverse(rows)
	gone := toGo()
	for _, row := range rows {
		for _, name := range row {
			fmt.Fprintf(&b, "- [`%s`](../%s) %s", name, name, h.pkgs[name].summary())
			var to []string
			for _, r := range h.rooms(name) {
				if gone[name+" "+r] {
					r += " (to go)"
				}
				to = append(to, r)
			}
			if len(to) > 0 {
				fmt.Fprintf(&b, "  \n  *imports %s*", strings.Join(to, ", "))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// Marks stand around what is made from the code.
const (
	markList   = "<!-- made by go generate ./tests/house -->\n"
	markFormat = "<!-- the format, made by go generate ./tests/house -->\n"
	markEnd    = "<!-- to here -->\n"
)

// between returns a text with something else between two marks.
func between(t *testing.T, text, mark, now string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, mark)
	_, after, ok2 := strings.Cut(rest, markEnd)
	if !ok || !ok2 {
		t.Fatalf("the marks %q and %q are missing", mark, markEnd)
	}
	return before + mark + now + markEnd + after
}

// TestPicture sees to it that docs/ shows the house as it is.
func TestPicture(t *testing.T) {
	h := read(t)
	fresh(t, "docs/house.svg", func(string) string { return h.picture() })
	fresh(t, "docs/ARCHITECTURE.md", func(old string) string { return between(t, old, markList, h.list()) })
}

// TestJournalFormat sees to it that docs/ has the journal's format as journaldev has it.
func TestJournalFormat(t *testing.T) {
	h := read(t)
	fresh(t, "docs/journal-format.md", func(old string) string { return between(t, old, markFormat, h.format(t)) })
}

// format is the comment of journaldev/format.go that begins with a heading.
func (h *house) format(t *testing.T) string {
	t.Helper()
	for _, f := range h.files {
		if f.name != "journaldev/format.go" {
			continue
		}
		for _, c := range f.Comments {
			if strings.HasPrefix(c.Text(), "# ") {
				var p comment.Parser
				pr := comment.Printer{HeadingLevel: 2, HeadingID: func(*comment.Heading) string { return "" }}
				return string(pr.Markdown(p.Parse(c.Text())))
			}
		}
	}
	t.Fatal("journaldev/format.go does not say what the format is")
	return ""
}

// fresh compares a file with what it should be, or makes it that.
func fresh(t *testing.T, name string, want func(old string) string) {
	t.Helper()
	path := filepath.Join(root, name)
	old, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	now := want(string(old))
	if now == string(old) {
		return
	}
	if !*update {
		t.Errorf("%s does not show the house as it is: go generate ./tests/house", name)
		return
	}
	if err := os.WriteFile(path, []byte(now), 0o666); err != nil {
		t.Fatal(err)
	}
}
