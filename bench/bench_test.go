package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"v7em/images"
	"v7em/images/mini"
	"v7em/machine"
	"v7em/unix/fs"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		times []float64
		want  float64
	}{
		{[]float64{3}, 3}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5},
	} {
		if got := Median(c.times); got != c.want {
			t.Errorf("Median(%v) = %v, want %v", c.times, got, c.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

// fakeEngine boots guests whose commands take no time and may fail.
type fakeEngine struct {
	name string
	took time.Duration
	log  *[]string
	fail string // the command that fails
}

func (e fakeEngine) Name() string { return e.name }
func (e fakeEngine) Boot(context.Context, string) (Guest, time.Duration, error) {
	*e.log = append(*e.log, e.name+" boot")
	return &fakeGuest{e, ""}, e.took, nil
}

type fakeGuest struct {
	fakeEngine
	line string
}

func (g *fakeGuest) Type(_ context.Context, line string) error { g.line = line; return nil }
func (g *fakeGuest) Enter(context.Context) error {
	if g.fail != "" && strings.Contains(g.line, g.fail) {
		return errors.New("broken")
	}
	*g.log = append(*g.log, g.name+" "+g.line)
	return nil
}
func (g *fakeGuest) Close() error { *g.log = append(*g.log, g.name+" close"); return nil }

func TestRunAlternates(t *testing.T) {
	dir := install(t)
	var log []string
	engines := []Engine{fakeEngine{"a", time.Second, &log, ""}, fakeEngine{"b", 3 * time.Second, &log, ""}}
	r, err := Run(t.Context(), dir, V7, engines, 2, func(string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Results[0]; got.Ratio != 3 || len(got.Times["a"]) != 2 {
		t.Errorf("booting: %+v, want 2 times and the ratio 3", got)
	}
	var order []string
	for _, l := range log {
		if strings.HasSuffix(l, " boot") || strings.HasSuffix(l, " close") {
			order = append(order, l)
		}
	}
	want := "[a boot a close b boot b close a boot a close b boot b close]"
	if fmt.Sprint(order) != want {
		t.Errorf("order %v, want %v", order, want)
	}
	log = nil
	if _, err := Run(t.Context(), dir, V7, []Engine{fakeEngine{"a", 1, &log, "bench.t3"}}, 1, func(string, string) {}); err == nil {
		t.Error("a failed task went unnoticed")
	} else if log[len(log)-1] != "a close" {
		t.Error("the guest of a failed task was left running")
	}
}

// both runs a test with the packs and the work of each guest.
func both(t *testing.T, test func(t *testing.T, dir string, work Work)) {
	t.Run("mini", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "machine")
		if _, err := mini.Install(dir, time.Now()); err != nil {
			t.Fatal(err)
		}
		test(t, dir, Mini)
	})
	t.Run("v7", func(t *testing.T) {
		if testing.Short() {
			t.Skip("boots V7: left out with -short")
		}
		test(t, install(t), V7)
	})
}

// TestWork does each task once: what is timed must really be done.
func TestWork(t *testing.T) {
	if testing.Short() {
		t.Skip("does all the work: left out with -short")
	}
	both(t, func(t *testing.T, dir string, work Work) {
		r, err := Run(t.Context(), dir, work, []Engine{Here{machine.Config{}}}, 1, func(string, string) {})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Results) != len(work.Tasks) {
			t.Errorf("%d results of %d tasks", len(r.Results), len(work.Tasks))
		}
		for _, res := range r.Results {
			if len(res.Times["v7em"]) != 1 || res.Times["v7em"][0] <= 0 {
				t.Errorf("%s: times %v", res.Task, res.Times)
			}
		}
	})
}

// TestFailureIsNoticed has the guest run a script that fails.
func TestFailureIsNoticed(t *testing.T) {
	both(t, func(t *testing.T, dir string, work Work) {
		tmp := t.TempDir()
		if err := copyPacks(tmp, dir, []Task{{Script: "true; false; true"}}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			line string
			want error
		}{
			{"true || echo " + failed, nil},
			{"sh -e /no.such.script || echo " + failed, errFailed},
			{script("t", 0), errFailed},
		} {
			g, _, err := Here{machine.Config{}}.Boot(t.Context(), tmp)
			if err != nil {
				t.Fatal(err)
			}
			if err := command(t.Context(), g, c.line); !errors.Is(err, c.want) {
				t.Errorf("%s gave %v, want %v", c.line, err, c.want)
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestRoom: what a user has where the scripts work is in nobody's way.
func TestRoom(t *testing.T) {
	both(t, func(t *testing.T, dir string, work Work) {
		tmp, again := t.TempDir(), t.TempDir()
		if err := copyPacks(tmp, dir, work.Disk); err != nil {
			t.Fatal(err)
		}
		// Files where the scripts want directories, and the other way round.
		set, err := images.RK().OpenPacks(tmp)
		if err != nil {
			t.Fatal(err)
		}
		tree, _, err := set.Tree()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"/tmp/t", "/tmp/a", "/tmp/b"} {
			err = errors.Join(err, tree.Put(name, strings.NewReader("mine"), fs.Attr{Perm: 0o444}))
		}
		err = errors.Join(err, tree.RemoveAll("/bench.t1"), tree.Sync())
		root, ferr := fs.Open(set.Disks[0])
		err = errors.Join(err, ferr, root.Mkdir("/bench.t1", fs.Attr{Perm: 0o755}), root.Sync(), set.Close())
		if err != nil {
			t.Fatal(err)
		}
		if err := copyPacks(again, tmp, work.Disk); err != nil {
			t.Fatal(err)
		}
		g, _, err := Here{machine.Config{}}.Boot(t.Context(), again)
		if err != nil {
			t.Fatal(err)
		}
		for i := range work.Disk[:2] {
			for _, letter := range []string{"p", "t"} {
				if err := command(t.Context(), g, script(letter, i)); err != nil {
					t.Errorf("%s: %v", work.Disk[i].Name, err)
				}
			}
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

// install makes V7's packs.
func install(t *testing.T) string {
	t.Helper()
	dist := os.Getenv("V7EM_DIST")
	if dist == "" {
		t.Skip("no V7: set V7EM_DIST to v7.tar.gz of The Unix Heritage Society")
	}
	dir := filepath.Join(t.TempDir(), "machine")
	if err := images.Install(t.Context(), images.InstallOptions{Dir: dir, Finder: &images.Finder{File: dist}, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return dir
}
