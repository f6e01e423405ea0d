package images

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"v7em/journaldev"
	"v7em/unix/fs"
)

// asInstaller has the test binary be an install into the directory that it names, of
// packs that are quickly made.
const asInstaller = "V7EM_TEST_INSTALL"

// newFiles are the files of quickInstall.
var newFiles = map[string]string{
	"rk0.rk05": "new 0", "rk1.rk05": strings.Repeat("new 1", 1000), "rp0.rp03": "new rp", ConfigName: "# new\n",
}

// makeQuickly is Install, with newFiles for the packs.
func makeQuickly(dir string, force bool) (err error) {
	t, err := openTarget(dir, force)
	if err != nil {
		return err
	}
	defer func() { t.close(err != nil) }()
	if err := os.Mkdir(t.making(), 0o777); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(newFiles)) {
		if err := writeFile(filepath.Join(t.making(), name), []byte(newFiles[name])); err != nil {
			return err
		}
	}
	if err := t.keepConfig(); err != nil {
		return err
	}
	return t.putInPlace()
}

func quickInstall(dir string) {
	if err := makeQuickly(dir, true); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// asDownloader has the test binary fill the cache that it names.
const asDownloader = "V7EM_TEST_DOWNLOAD"

func download(cache, mirror string) {
	if _, err := (&Finder{Cache: cache, Mirrors: []string{mirror}}).Find(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// holds returns the files of a directory and below, but for the lock.
func holds(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || path == dir || e.Name() == journaldev.LockName {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if e.IsDir() {
			files[name+"/"] = ""
			return err
		}
		b, err := os.ReadFile(path)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, s := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o777)
		} else if err == nil {
			err = os.WriteFile(path, []byte(s), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// oldFiles are those of a machine that is replaced, in a directory that is a mount point.
var oldFiles = map[string]string{
	"rk0.rk05": "old 0", "rk0.rk05.journal": "old journal", "rk1.rk05": "old 1", "rk1.rk05.journal.new": "x",
	"rk7.rk05": "mine", "rk7.rk05.journal": "mine too", ConfigName: "# old\n", "lost+found/": "",
}

// replacedFiles are what is there after that.
func replacedFiles() map[string]string {
	files := maps.Clone(newFiles)
	for _, name := range []string{"rk7.rk05", "rk7.rk05.journal", ConfigName, "lost+found/"} {
		files[name] = oldFiles[name]
	}
	return files
}

// TestTarget: what an install finds in a directory, and what it leaves.
func TestTarget(t *testing.T) {
	ready := map[string]string{}
	for name, s := range newFiles {
		ready[readyName+"/"+name] = s
	}
	half := map[string]string{makingName + "/rk0.rk05": "half"}
	with := func(files ...map[string]string) map[string]string {
		all := map[string]string{}
		for _, f := range files {
			maps.Copy(all, f)
		}
		return all
	}
	conf := map[string]string{ConfigName: "# mine\n"}
	for _, c := range []struct {
		name   string
		before map[string]string
		force  bool
		want   map[string]string // nil: as before
		err    error
	}{
		{"nothing", nil, false, newFiles, nil},
		{"a mount point", map[string]string{"lost+found/": ""}, false, with(newFiles, map[string]string{"lost+found/": ""}), nil},
		{"a configuration", conf, false, with(newFiles, conf), nil},
		{"a machine", oldFiles, false, nil, ErrInstalled},
		{"a machine, by force", oldFiles, true, replacedFiles(), nil},
		{"a half-made one", half, false, newFiles, nil},
		{"a machine and a half-made one, by force", with(oldFiles, half), true, replacedFiles(), nil},
		{"one that is ready", ready, false, newFiles, ErrInstalled},
		{"one that is in place in part", with(ready, map[string]string{"rk0.rk05": "new 0"}), false, newFiles, ErrInstalled},
		{"a machine and one that is ready for it", with(oldFiles, ready), false, with(replacedFiles(), map[string]string{ConfigName: newFiles[ConfigName]}), ErrInstalled},
	} {
		dir := filepath.Join(t.TempDir(), "a", "b")
		if c.before != nil {
			fill(t, dir, c.before)
		}
		installed := Installed(dir)
		if _, old := c.before["rk0.rk05"]; installed != (old && c.before[readyName+"/rk0.rk05"] == "") {
			t.Errorf("%s: installed %v", c.name, installed)
		}
		if err := makeQuickly(dir, c.force); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want == nil {
			c.want = c.before
		}
		if got := holds(t, dir); !maps.Equal(got, c.want) {
			t.Errorf("%s: it has %q, want %q", c.name, got, c.want)
		}
		if !Installed(dir) {
			t.Errorf("%s: not installed", c.name)
		}
	}
}

// TestTargetRefused: what is not an install's is left alone, and so is a machine in use.
func TestTargetRefused(t *testing.T) {
	for _, name := range []string{"thesis.txt", ".hidden", "rk8.rk05", "rk0.rk05.bak"} {
		dir := t.TempDir()
		before := map[string]string{name: "mine"}
		fill(t, dir, before)
		for _, force := range []bool{false, true} {
			if err := makeQuickly(dir, force); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, force %v: %v", name, force, err)
			}
			if got, err := os.ReadDir(dir); err != nil || len(got) != 1 {
				t.Errorf("%s: it has %v now", name, got)
			}
		}
	}
	dir := t.TempDir()
	fill(t, dir, oldFiles)
	f, err := os.Open(filepath.Join(dir, "rk1.rk05"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := fs.Lock(f, false); err != nil {
		t.Fatal(err)
	}
	if err := makeQuickly(dir, true); !errors.As(err, new(*journaldev.BusyError)) {
		t.Errorf("a pack in use: %v", err)
	}
	if got := holds(t, dir); !maps.Equal(got, oldFiles) {
		t.Errorf("a pack in use: it has %q", got)
	}
}

// TestInstallsAtOnce: of many at once in one directory one makes it.
func TestInstallsAtOnce(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "m")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { errs[i] = makeQuickly(dir, false) })
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			switch {
			case err == nil:
				made++
			case !errors.Is(err, ErrInstalled) && !errors.As(err, new(*journaldev.BusyError)):
				t.Error(err)
			}
		}
		if got := holds(t, dir); made != 1 || !maps.Equal(got, newFiles) {
			t.Errorf("%d have made it, and it has %q", made, got)
		}
	}
}

// TestTargetFails: an install that fails after it has begun leaves what was there.
func TestTargetFails(t *testing.T) {
	for _, before := range []map[string]string{nil, {}, oldFiles} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "a", "b")
		if before != nil {
			fill(t, dir, before)
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		tt, err := openTarget(dir, true)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, tt.making(), newFiles)
		tt.close(true)
		if before == nil {
			empty(t, parent)
		} else if got := holds(t, dir); !maps.Equal(got, before) {
			t.Errorf("it has %q, want %q", got, before)
		}
		if list, _ := os.ReadDir(dir); len(before) == 0 && len(list) > 0 {
			t.Errorf("it has %v", list)
		}
	}
}
