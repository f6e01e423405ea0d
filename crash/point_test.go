package crash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"v7em/block"
	"v7em/journaldev"
	v7fs "v7em/unix/fs"
)

// A cut that is made again in files is the same: the packs are as the judge had them,
// and recovering the files with the program itself comes to the same.
func TestPoint(t *testing.T) {
	for _, mode := range Modes {
		run := busy(t, mode).run
		res, err := Campaign(t.Context(), []*Run{run}, CampaignOptions{Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		cuts := res.Modes[0].Cuts
		seen := map[string]bool{}
		recovered := 0
		for k := 0; k < len(cuts); k++ {
			cut := cuts[k]
			// The first of each kind, and some more.
			kind := fmt.Sprint(cut.Model, cut.Outcome, cut.Transactions > 0)
			if seen[kind] && k%211 != 0 {
				continue
			}
			seen[kind] = true
			dir := filepath.Join(t.TempDir(), "cut")
			got, err := Point(run, 7, cut.ID, dir)
			if err != nil {
				t.Fatalf("%s: %v", cut.ID, err)
			}
			if fmt.Sprint(*got) != fmt.Sprint(cut) {
				t.Errorf("%+v, in the campaign %+v", *got, cut)
			}
			path := filepath.Join(dir, "before", "rk0.pack")
			store := load(t, path)
			if mode == Journal {
				if _, err := journaldev.Recover(path, false); err != nil {
					t.Fatalf("%s: %v", cut.ID, err)
				}
				changed := 0
				for range store.Diff(load(t, path)) {
					changed++
				}
				if changed != cut.HomeBlocks {
					t.Errorf("%s: recovery changes %d blocks, %d in the campaign", cut.ID, changed, cut.HomeBlocks)
				}
				recovered += changed
				store = load(t, path)
				for n := range store.Diff(load(t, filepath.Join(dir, "recovered", "rk0.pack"))) {
					t.Errorf("%s: block %d is not as recovery leaves it", cut.ID, n)
				}
			}
			var kinds []v7fs.Kind
			for _, p := range v7fs.Check(store).Problems {
				kinds = append(kinds, p.Kind)
			}
			slices.Sort(kinds)
			if !slices.Equal(slices.Compact(kinds), cut.Kinds) {
				t.Errorf("%s: %v in the files, %v in the campaign", cut.ID, kinds, cut.Kinds)
			}
			for name, words := range map[string][]string{
				"trace.txt":  {cut.ID, string(cut.Outcome), "the power fail", "The operations around it"},
				"README.txt": {cut.ID, "v7em fs check", "v7em boot --dir try"},
			} {
				b, err := os.ReadFile(filepath.Join(dir, name))
				for _, w := range words {
					if err != nil || !strings.Contains(string(b), w) {
						t.Errorf("%s: %s does not have %q: %v", cut.ID, name, w, err)
					}
				}
			}
		}
		if len(seen) < 3 || mode == Journal && recovered == 0 {
			t.Errorf("%s: that is no test: %v", mode, seen)
		}
	}
}

func load(t *testing.T, path string) *block.Store {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := block.NewStore(storyBlocks)
	if err := s.Load(f); err != nil {
		t.Fatal(err)
	}
	return s
}

// What is no cut makes no directory, and what is there is left alone.
func TestPointRefuses(t *testing.T) {
	run := busy(t, Plain).run
	dir := t.TempDir()
	for _, id := range []string{
		"nonsense", "journal.lost.1.2", "plain.prefix.99999.0", "plain.prefix.3.1", "plain.torn.0.0", "plain.lost.20.4",
	} {
		if _, err := Point(run, 1, id, filepath.Join(dir, "new")); err == nil {
			t.Errorf("%s is no cut", id)
		}
	}
	if _, err := Point(run, 1, "plain.prefix.3.0", filepath.Join(dir, "no", "such")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
	if _, err := Point(run, 1, "plain.prefix.3.0", dir); err == nil {
		t.Error("a directory that is there was used")
	}
	if list, _ := os.ReadDir(dir); len(list) > 0 {
		t.Errorf("left behind: %v", list)
	}
}
