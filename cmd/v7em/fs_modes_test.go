package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Set-id and sticky bits, and the modes of directories, go out and in again; a file that
// is replaced keeps its owner.
func TestFsModes(t *testing.T) {
	img := newImage(t)
	dir := t.TempDir()
	fsOK(t, "", "mkdir", "--mode", "555", img, "/d", "/d/sub")
	fsOK(t, "", "mkdir", "--mode", "1777", img, "/d/tmp")
	fsOK(t, "one", "put", "--mode", "4755", "--uid", "3", "--gid", "4", img, "-", "/d/passwd")
	fsOK(t, "two", "put", "--mode", "2711", img, "-", "/d/mail")
	fsOK(t, "three", "put", "--mode", "1755", img, "-", "/d/sub/ed")
	fsOK(t, "", "put", "--mode", "7000", img, "-", "/d/none")
	before := fsOK(t, "", "ls", "-lR", img)

	copied := filepath.Join(dir, "d")
	if _, errs, status := v7em("", "fs", "get", "-r", img, "/d", copied); status != 0 || errs != "" {
		t.Fatalf("get -r: status %d, %q", status, errs)
	}
	defer filepath.WalkDir(copied, func(path string, e os.DirEntry, _ error) error { return os.Chmod(path, 0o700) })
	const bits = os.ModeSetuid | os.ModeSetgid | os.ModeSticky | os.ModePerm
	for name, want := range map[string]os.FileMode{
		"": 0o555, "sub": 0o555, "tmp": os.ModeSticky | 0o777, "passwd": os.ModeSetuid | 0o755, "mail": os.ModeSetgid | 0o711,
		"sub/ed": os.ModeSticky | 0o755, "none": os.ModeSetuid | os.ModeSetgid | os.ModeSticky,
	} {
		st, err := os.Stat(filepath.Join(copied, name))
		if err != nil || st.Mode()&bits != want {
			t.Errorf("%q has %v, %v; want %v", name, st.Mode(), err, want)
		}
	}
	os.Chmod(filepath.Join(copied, "none"), os.ModeSetuid|os.ModeSetgid|os.ModeSticky|0o400)
	then := time.Date(1979, 5, 5, 10, 19, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(copied, "sub"), then, then); err != nil {
		t.Fatal(err)
	}
	fsOK(t, "", "rm", "-r", img, "/d/sub")
	fsOK(t, "", "put", "-r", img, copied, "/")
	after := fsOK(t, "", "ls", "-lR", img)
	if !regexp.MustCompile(`1979-05-05 10:19 sub\n`).MatchString(after) {
		t.Errorf("the time of a directory:\n%s", after)
	}
	line := regexp.MustCompile(`.* sub\n`)
	if want := line.ReplaceAllString(strings.Replace(before, "---S--S--T", "-r-S--S--T", 1), line.FindString(after)); after != want {
		t.Errorf("out and in again:\n%s\nwant\n%s", after, want)
	}
	fsOK(t, "", "put", "--uid", "7", img, filepath.Join(copied, "passwd"), "/d/passwd")
	if out := fsOK(t, "", "ls", "-l", img, "/d/passwd"); !strings.HasPrefix(out, "-rwsr-xr-x   1   7   0 ") {
		t.Errorf("with --uid: %s", out)
	}
	fsOK(t, "", "check", img)
}

// Directories go into a guest and out again, with all bits.
func TestRunDirectories(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	for i, name := range []string{"a/b/deep", "a/c", "top"} {
		file := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, []os.FileMode{os.ModeSetuid | 0o755, os.ModeSetgid | 0o711, os.ModeSticky | 0o644}[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(src, "a"), 0o711); err != nil {
		t.Fatal(err)
	}
	m := filepath.Join(dir, "m")
	out, errs, status := v7em("", "run", "--guest", "mini", "--dir", m, "--cp", src+":/tmp", "--get", "/tmp/src:"+filepath.Join(dir, "out"), "--get", "/tmp/src/a:"+dir,
		"cat /tmp/src/a/b/deep /tmp/src/top")
	if status != 0 || out != "a/b/deeptop" {
		t.Fatalf("run: status %d, %q, %q", status, out, errs)
	}
	for name, want := range map[string]os.FileMode{
		"out/a": os.ModeDir | 0o711, "out/a/b": os.ModeDir | 0o755, "out/a/b/deep": os.ModeSetuid | 0o755, "out/a/c": os.ModeSetgid | 0o711,
		"out/top": os.ModeSticky | 0o644, "a": os.ModeDir | 0o711, "a/b/deep": os.ModeSetuid | 0o755,
	} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode() != want {
			t.Errorf("%s is %v, %v; want %v", name, st, err, want)
		}
	}

	// What V7 cannot have is said, and the guest does not run.
	for _, name := range []string{"a-name-of-15-by", "fine", "another-name-too"} {
		if err := os.WriteFile(filepath.Join(src, "a", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, status = v7em("", "run", "--dir", m, "--guest", "mini", "--cp", src+":/", "echo ran")
	if status == 0 || out != "" || strings.Count(errs, "\n") != 3 || !strings.Contains(errs, `name "a-name-of-15-by"`) || !strings.Contains(errs, `name "another-name-too"`) ||
		!strings.HasSuffix(errs, fmt.Sprintf("v7em: --cp %s: 2 files cannot be copied\n", src)) {
		t.Errorf("names too long: status %d, %q, %q", status, out, errs)
	}
	if out, errs, status = v7em("", "run", "--dir", m, "--guest", "mini", "ls /src"); status == 0 {
		t.Errorf("there is something of what was not copied: %q, %q", out, errs)
	}
}
