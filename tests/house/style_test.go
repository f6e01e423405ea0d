package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxLine is how many characters a line may have; a tab counts as one.
const maxLine = 120

const longFile = "testdata/long-lines.txt"

// longLines are how many longer lines files have from before, which have to go.
func longLines(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(longFile)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var n int
		var name string
		if _, err := fmt.Sscan(line, &n, &name); err != nil {
			t.Fatalf("%s: %q: %v", longFile, line, err)
		}
		m[name] = n
	}
	return m
}

// TestLineLengths: no file has more lines that are too long than it had. What falls below
// that is noted with -update; new files have none.
func TestLineLengths(t *testing.T) {
	h := read(t)
	old := longLines(t)
	var now strings.Builder
	for _, f := range h.files {
		n, at := 0, 0
		var where []int
		for line := range strings.Lines(f.text) {
			if at++; utf8.RuneCountInString(strings.TrimRight(line, "\n")) > maxLine {
				n++
				where = append(where, at)
			}
		}
		if n > old[f.name] {
			t.Errorf("%s has lines of more than %d characters at %d; it may have %d of them",
				f.name, maxLine, where, old[f.name])
		}
		if n = min(n, old[f.name]); n > 0 {
			fmt.Fprintln(&now, n, f.name)
		}
	}
	if *update {
		if err := os.WriteFile(longFile, []byte(now.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPackageComments: every package says, once, what it is.
func TestPackageComments(t *testing.T) {
	h := read(t)
	for _, name := range h.names() {
		p := h.pkgs[name]
		start := "Package " + p.files[0].Name.Name + " "
		if p.files[0].Name.Name == "main" {
			start = "Command " + name[strings.LastIndex(name, "/")+1:] + " "
		}
		var in []string
		for _, f := range p.files {
			if f.Doc.Text() != "" {
				in = append(in, f.name)
			}
		}
		if len(in) != 1 {
			t.Errorf("package %s has comments in %d files: %q", name, len(in), in)
		}
		if !strings.HasPrefix(p.doc(), start) {
			t.Errorf("the comment of package %s does not begin with %q", name, start)
		}
	}
}

// wellKnown are methods that say all they do by what they are called.
var wellKnown = map[string]bool{"String": true, "Error": true, "Unwrap": true, "Is": true}

// TestExportedNames: every exported name of a package that others may use has a comment.
func TestExportedNames(t *testing.T) {
	h := read(t)
	for _, f := range h.files {
		dir := f.name[:strings.LastIndex(f.name, "/")+1]
		if f.test || f.Name.Name == "main" || forTests(dir) || strings.HasPrefix(dir, "internal/") {
			continue
		}
		for _, bare := range uncommented(f.File) {
			t.Errorf("%s: %s has no comment", h.fset.Position(bare.Pos()), bare.Name)
		}
	}
}

// uncommented returns the exported names of a file that have no comment.
func uncommented(f *ast.File) (bare []*ast.Ident) {
	note := func(id *ast.Ident, comments ...*ast.CommentGroup) {
		if !id.IsExported() {
			return
		}
		for _, c := range comments {
			if c.Text() != "" {
				return
			}
		}
		bare = append(bare, id)
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ofExported(d) && !wellKnown[d.Name.Name] {
				note(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			group := d.Doc
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if d.Lparen != token.NoPos {
						group = nil // a comment on several types says nothing of one
					}
					note(s.Name, group, s.Doc, s.Comment)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						note(id, group, s.Doc, s.Comment)
					}
				}
			}
		}
	}
	return bare
}

// ofExported says whether a method is of an exported type.
func ofExported(d *ast.FuncDecl) bool {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// TestUncommented sees to it that the check finds what it is for.
func TestUncommented(t *testing.T) {
	h := &house{fset: token.NewFileSet()}
	f := parse(t, h, `package p

// A is said.
type A struct{}

type B struct{}

func (A) M() {}
func (A) String() string { return "" }
func (*b) N() {}

// G is said.
func G() {}
func H() {}

// Both are said.
const (
	C = 1
	D = 2
)

var E = 1

const F = 1 // is said
`)
	var names []string
	for _, id := range uncommented(f) {
		names = append(names, id.Name)
	}
	if got := strings.Join(names, " "); got != "B M H E" {
		t.Errorf("without a comment: %s; want B M H E", got)
	}
}
