package house

import (
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are those that name parts of the code.
var documents = []string{"docs/ARCHITECTURE.md", "docs/HACKING.md"}

var (
	quoted     = regexp.MustCompile("`([^`\n]+)`")
	identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$`)
	fileName   = regexp.MustCompile(`^[a-z0-9_/.-]+$`)
	linked     = regexp.MustCompile(`\]\(([^)]+)\)`)
)

// notOurs are words in the documents that name nothing in the code.
var notOurs = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`
		mkdir rmdir mv sync umount mini tmux pdp11 gofmt write-through --commit-interval
		journal.torn.418.2 trace.txt before/ recovered/ tests/... ...test
		`) {
		notOurs[w] = true
	}
}

// TestNamesInDocuments sees to it that what the documents name in `quotes` is there: files,
// packages, and names of Go, alone, as package.Name or as Type.Member. Links lead somewhere.
func TestNamesInDocuments(t *testing.T) {
	h := read(t)
	names := h.declared()
	for _, doc := range documents {
		text, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			w := m[1]
			if !identifier.MatchString(w) && !fileName.MatchString(w) || notOurs[w] || names[w] || h.exists(w) {
				continue
			}
			t.Errorf("%s speaks of %q, which does not exist", doc, w)
		}
		for _, m := range linked.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(root, path.Dir(doc), m[1])); err != nil {
				t.Errorf("%s: a link leads nowhere: %v", doc, err)
			}
		}
	}
}

// exists says whether there is a file or directory of that name, from the root, from the
// directory of any package, or of a package's name.
func (h *house) exists(name string) bool {
	for dir, p := range h.pkgs {
		if p.files[0].Name.Name == name {
			return true
		}
		for _, base := range []string{"", dir} {
			full := filepath.Join(root, base, name)
			if found, err := filepath.Glob(full); err == nil && len(found) > 0 {
				return true
			}
		}
	}
	return false
}

// declared returns all names that are declared at the top of a file, and those of methods
// and fields; with those of their packages and types before them as well.
func (h *house) declared() map[string]bool {
	names := map[string]bool{}
	for _, f := range h.files {
		add := func(name string) {
			names[name], names[f.Name.Name+"."+name] = true, true
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name.Name)
					continue
				}
				of := d.Recv.List[0].Type
				if s, ok := of.(*ast.StarExpr); ok {
					of = s.X
				}
				if id, ok := of.(*ast.Ident); ok {
					add(id.Name + "." + d.Name.Name)
					names[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						for _, id := range s.Names {
							add(id.Name)
						}
					case *ast.TypeSpec:
						add(s.Name.Name)
						maps.Copy(names, members(f.Name.Name, s))
					}
				}
			}
		}
	}
	return names
}

// members returns the names of a type's fields, or of an interface's methods.
func members(pkg string, s *ast.TypeSpec) map[string]bool {
	var list *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return nil
	}
	names := map[string]bool{}
	for _, f := range list.List {
		for _, id := range f.Names {
			names[s.Name.Name+"."+id.Name], names[pkg+"."+s.Name.Name+"."+id.Name] = true, true
		}
	}
	return names
}
