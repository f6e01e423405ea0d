package house

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the house of docs/ anew, and note which long lines have gone")

const (
	root   = "../.."
	module = "v7em"
)

// source is a file of the module.
type source struct {
	name string // from the module's root
	text string
	test bool // a _test.go
	*ast.File
}

// pkg is a package: a directory with Go files that are no tests.
type pkg struct {
	path    string // from the module's root: "unix/fs"
	files   []*source
	imports map[string]bool // whole paths; those of tests are not among them
}

// house is all sources and packages.
type house struct {
	fset  *token.FileSet
	files []*source
	pkgs  map[string]*pkg
}

func read(t *testing.T) *house {
	t.Helper()
	h := &house{fset: token.NewFileSet(), pkgs: map[string]*pkg{}}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(h.fset, rel, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		h.add(&source{rel, string(text), strings.HasSuffix(rel, "_test.go"), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) add(s *source) {
	h.files = append(h.files, s)
	dir := path.Dir(s.name)
	if s.test {
		return
	}
	p := h.pkgs[dir]
	if p == nil {
		p = &pkg{path: dir, imports: map[string]bool{}}
		h.pkgs[dir] = p
	}
	p.files = append(p.files, s)
	for _, i := range s.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		p.imports[name] = true
	}
}

// names returns the packages in order.
func (h *house) names() []string { return slices.Sorted(maps.Keys(h.pkgs)) }

// rooms returns which packages of the module a package imports, in order.
func (h *house) rooms(name string) []string {
	var r []string
	for i := range h.pkgs[name].imports {
		if s, ok := strings.CutPrefix(i, module+"/"); ok {
			r = append(r, s)
		}
	}
	slices.Sort(r)
	return r
}

// reach returns the packages that a package needs, directly or not, and itself.
func (h *house) reach(name string) map[string]bool {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(n string) {
		if seen[n] || h.pkgs[n] == nil {
			return
		}
		seen[n] = true
		for _, r := range h.rooms(n) {
			visit(r)
		}
	}
	visit(name)
	return seen
}

// doc returns a package's documentation, the longest comment if there are several.
func (p *pkg) doc() string {
	var doc string
	for _, f := range p.files {
		if s := f.Doc.Text(); len(s) > len(doc) {
			doc = s
		}
	}
	return doc
}

// forTests says that a package is for tests only.
func forTests(name string) bool {
	return strings.HasPrefix(name, "tests/") || strings.HasSuffix(name, "test")
}

// parse parses the text of a file.
func parse(t *testing.T, h *house, text string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(h.fset, "p.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
