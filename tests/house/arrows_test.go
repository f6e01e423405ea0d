package house

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// arrows says what each package may import of the module: all that it has, and no more.
// An arrow with a "-" is one that stands and has to go; there must not be more of them.
// What wants a new arrow that points down (see docs/ARCHITECTURE.md) is entered here.
var arrows = map[string]string{
	"asm":   "",
	"bench": "block commit images images/console journaldev machine simh unix/fs unix/kernel",
	"block": "",
	"cmd/v7em": "asm bench block -commit crash crash/report escape images images/console images/mini " +
		"internal/hostfile journaldev keys -machine -mmu -rk screen unix/aout unix/fs unix/kernel",
	"commit": "block escape journaldev machine mmu rk unibus unix/fs unix/kernel",
	"cpu":    "mmu",
	"crash": "block commit escape images images/console internal/hostfile journaldev " +
		"-journaldev/crashtest machine rk unix/fs -unix/fs/fstest unix/kernel",
	"crash/report": "crash unix/fs",
	"escape":       "",
	"images": "asm block escape images/boot images/console internal/hostfile journaldev machine mmu " +
		"rk unibus unix/aout unix/fs unix/kernel",
	"images/boot":          "asm",
	"images/console":       "machine",
	"images/mini":          "asm images images/boot internal/hostfile unix/aout unix/fs",
	"internal/hostfile":    "",
	"journaldev":           "block internal/hostfile -unix/fs",
	"journaldev/crashtest": "",
	"keys":                 "unix/kernel",
	"machine":              "block cpu mmu rk unibus",
	"mmu":                  "",
	"rk":                   "unibus",
	"screen":               "block journaldev machine",
	"simh":                 "images/boot unix/fs",
	"tests/crash":          "",
	"tests/forgetful":      "journaldev/crashtest",
	"tests/form":           "",
	"tests/guest":          "block images images/console images/mini machine rk unix/fs",
	"tests/house":          "",
	"tests/vectors":        "",
	"unibus":               "",
	"unix/aout":            "",
	"unix/fs":              "escape",
	"unix/fs/fstest":       "unix/fs",
	"unix/kernel":          "block escape unix/aout unix/fs",
	"wrapup":               "",
}

// others says which packages may import what is neither of the module nor of Go.
var others = map[string]string{
	"cmd/v7em": "github.com/gdamore/tcell/v2 github.com/spf13/cobra github.com/spf13/pflag " +
		"golang.org/x/sys/unix golang.org/x/term",
	"images":          "github.com/BurntSushi/toml",
	"journaldev":      "golang.org/x/sys/unix",
	"machine":         "golang.org/x/sys/unix",
	"screen":          "github.com/gdamore/tcell/v2 github.com/rivo/uniseg",
	"simh":            "github.com/creack/pty golang.org/x/sys/unix",
	"tests/forgetful": "github.com/hanwen/go-fuse/v2/fs github.com/hanwen/go-fuse/v2/fuse",
	"tests/guest":     "github.com/creack/pty",
	"unix/fs":         "golang.org/x/sys/unix",
}

// flags are the packages that know of flags. Nobody but cmd may import them.
var flags = []string{"flag", "github.com/spf13/pflag", "github.com/spf13/cobra"}

// TestArrows holds the imports against the table, both ways.
func TestArrows(t *testing.T) {
	h := read(t)
	for _, name := range h.names() {
		may, listed := arrows[name]
		if !listed {
			t.Errorf("package %s is not in the table of arrows (tests/house/arrows_test.go)", name)
		}
		allowed := strings.Fields(strings.ReplaceAll(may, "-", " "))
		is := h.rooms(name)
		for _, to := range is {
			if !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s, which the table of arrows (tests/house/arrows_test.go) does not allow", name, to)
			}
		}
		for _, to := range allowed {
			if !slices.Contains(is, to) {
				t.Errorf("%s does not import %s any more: take the arrow out of the table (tests/house/arrows_test.go)", name, to)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(arrows)) {
		if h.pkgs[name] == nil {
			t.Errorf("the table of arrows has a package %s, which does not exist", name)
		}
	}
}

// TestOthers holds the imports from outside against the table, both ways.
func TestOthers(t *testing.T) {
	h := read(t)
	for _, name := range h.names() {
		allowed := strings.Fields(others[name])
		is := map[string]bool{}
		for i := range h.pkgs[name].imports {
			if host, _, _ := strings.Cut(i, "/"); strings.Contains(host, ".") {
				is[i] = true
				if !slices.Contains(allowed, i) {
					t.Errorf("%s imports %s, which the table (tests/house/arrows_test.go) does not allow", name, i)
				}
			}
		}
		for _, i := range allowed {
			if !is[i] {
				t.Errorf("%s does not import %s any more: take it out of the table", name, i)
			}
		}
	}
}

// TestNobodyImportsCommands sees to it that what a command does stays in it, tests
// included, and that libraries do not know of flags.
func TestNobodyImportsCommands(t *testing.T) {
	h := read(t)
	for _, f := range h.files {
		for _, i := range f.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			if strings.HasPrefix(name, module+"/cmd/") {
				t.Errorf("%s imports %s", f.name, name)
			}
			if slices.Contains(flags, name) && !f.test && !strings.HasPrefix(f.name, "cmd/") {
				t.Errorf("%s imports %s: libraries do not know of flags", f.name, name)
			}
		}
	}
}

// shippedTests are the packages for tests that the command has in it and has to lose.
var shippedTests = []string{"journaldev/crashtest", "unix/fs/fstest"}

// TestShipped sees to it that nothing for tests is in the command, but for what has to go.
func TestShipped(t *testing.T) {
	h := read(t)
	in := h.reach("cmd/v7em")
	for name := range in {
		if forTests(name) && !slices.Contains(shippedTests, name) {
			t.Errorf("the command v7em has %s in it, which is for tests", name)
		}
		if h.pkgs[name].imports["testing"] {
			t.Errorf("the command v7em has %s in it, which imports testing", name)
		}
	}
	for _, name := range shippedTests {
		if !in[name] {
			t.Errorf("%s is in the command no more: take it out of shippedTests", name)
		}
	}
}

// toGo are the arrows that stand and have to go, as DESIGN has it; "a b" is that from a to b.
func toGo() map[string]bool {
	m := map[string]bool{}
	for from, list := range arrows {
		for _, to := range strings.Fields(list) {
			if strings.HasPrefix(to, "-") {
				m[from+" "+to[1:]] = true
			}
		}
	}
	return m
}
