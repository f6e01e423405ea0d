package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"v7em/journaldev"
	"v7em/unix/fs"
)

// journalTool runs a journal command.
func journalTool(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := journalCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.Execute()
	return out.String(), err
}

// journaledPack makes an RK05 image on which a directory was made and committed, and
// leaves it as a power failure does. The commit is in the journal and, home being
// false, not in the image.
func journaledPack(t *testing.T, home bool) string {
	t.Helper()
	m := fs.NewMem(journaldev.RK05.Blocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rk0.rk05")
	if err := os.WriteFile(path, m.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	v, err := journaldev.OpenVolume(path, journaldev.RK05, journaldev.VolumeOptions{
		Clock: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		Options: journaldev.Options{Wrap: func(name string, f journaldev.File) journaldev.File {
			if name == "image" && !home {
				return unwritable{f}
			}
			return f
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if f, err = fs.Open(v); err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir("/d", fs.Attr{Perm: 0o755}); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	tok, err := v.Commit(v.Snapshot(), journaldev.Note{Reason: "sync", Ops: []journaldev.Op{{Program: "mkdir", PID: 27, Call: "mknod", Path: "/d \x1b[2J"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Wait(); err != nil {
		t.Fatal(err)
	}
	if home {
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	v.Cut()
	return path
}

// unwritable is an image on a disk that has just broken.
type unwritable struct{ journaldev.File }

func (unwritable) WriteAt([]byte, int64) (int, error) { return 0, errors.New("broken") }

func TestJournalCommands(t *testing.T) {
	path := journaledPack(t, true)
	out, err := journalTool("status", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"home:        transaction 1", "committed:   transaction 1, 0 not home", "last commit: 2026-01-02 03:04:05, ", "recovery:    nothing to recover\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	out, err = journalTool("dump", path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 6 || !regexp.MustCompile(`^TRANS: 1 home 2026-01-02T03:04:05\.000Z \d updates \d+ bytes sync$`).MatchString(lines[0]) ||
		lines[1] != `OP: 1 0 mkdir 27 mknod /d\040\033[2J` {
		t.Errorf("dump:\n%s", out)
	}
	update := regexp.MustCompile(`^(SUPER|INODE|USED|FDATA): 1 \d+ bno = \d+ \d+ - \d+$`)
	for _, l := range lines[2:] {
		if !update.MatchString(l) {
			t.Errorf("dump has the line %q", l)
		}
	}
	out, err = journalTool("dump", "-r", path)
	if err != nil {
		t.Fatal(err)
	}
	if back := strings.Split(strings.TrimSpace(out), "\n"); len(back) != len(lines) || back[2] != lines[len(lines)-1] {
		t.Errorf("dump -r:\n%s", out)
	}
	out, err = journalTool("dump", "--json", path)
	var tr journaldev.Transaction
	if err != nil || json.Unmarshal([]byte(out), &tr) != nil || tr.ID != 1 || len(tr.Updates) != len(lines)-2 || tr.Note.Ops[0].PID != 27 {
		t.Errorf("dump --json: %v\n%s", err, out)
	}
	if out, err = journalTool("off", path); err != nil || !strings.Contains(out, "nothing to recover") {
		t.Errorf("off: %v\n%s", err, out)
	}
	if out, err = journalTool("status", path); err != nil || !strings.Contains(out, "has no journal") {
		t.Errorf("status without a journal: %v\n%s", err, out)
	}
	if _, err = journalTool("dump", path); err == nil {
		t.Error("dump without a journal does not fail")
	}
	if _, err = journalTool("status", filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "no such image") {
		t.Errorf("status of nothing: %v", err)
	}
}

func TestJournalRecover(t *testing.T) {
	path := journaledPack(t, false)
	before, _ := os.ReadFile(path)
	out, err := journalTool("status", path)
	if err != nil || !strings.Contains(out, "transaction 1, 1 not home") || !strings.Contains(out, "would have recovered transaction 1 ") {
		t.Errorf("status: %v\n%s", err, out)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("status changed the image")
	}
	// A journal of another pack is refused, until it is forced or dropped.
	other := bytes.Clone(before)
	other[4000*512]++
	if err := os.WriteFile(path, other, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"recover", "off", "status"} {
		if out, err := journalTool(c, path); err == nil || !strings.Contains(err.Error(), "journal off --force") {
			t.Errorf("%s with another pack: %v\n%s", c, err, out)
		}
	}
	if err := os.WriteFile(path, before, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err = journalTool("recover", path); err != nil || !strings.Contains(out, "recovered transaction 1 ") {
		t.Errorf("recover: %v\n%s", err, out)
	}
	h, err := fs.OpenHostFile(path, 0, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fs.Open(h)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := f.Lookup("/d"); err != nil || !st.IsDir() || !fs.Check(h).Clean() {
		t.Errorf("after recover: %v, %v", err, fs.Check(h))
	}
	h.Close()
	if out, err = journalTool("recover", "--json", path); err != nil || !strings.Contains(out, `"count":0`) {
		t.Errorf("recover again: %v\n%s", err, out)
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1400 * time.Millisecond: "1s", 47 * time.Hour: "47h0m0s", 48 * time.Hour: "2 days", 383006 * time.Hour: "15958 days",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// TestJournalOffSaysWhatIsLost drops a journal that has a committed transaction, and is
// told beforehand and afterwards what that loses.
func TestJournalOffSaysWhatIsLost(t *testing.T) {
	path := journaledPack(t, false)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image[4000*512]++ // another program has written to it
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	const lost = "1 transaction committed to it and not in the image, the newest "
	_, err = journalTool("off", path)
	if err == nil || !strings.Contains(err.Error(), "goes on without it, and loses "+lost) || !strings.Contains(err.Error(), "days old") {
		t.Errorf("off: %v", err)
	}
	out, err := journalTool("off", "--force", path)
	if err != nil || !strings.Contains(out, "the journal is gone, and with it "+lost) {
		t.Errorf("off --force: %v\n%s", err, out)
	}
	path = journaledPack(t, true)
	if out, err = journalTool("off", "--force", path); err != nil || out != path+": the journal is gone\n" {
		t.Errorf("off --force of a journal with nothing in it: %v\n%s", err, out)
	}
	path = journaledPack(t, false)
	if err := os.WriteFile(journaldev.JournalPath(path), bytes.Repeat([]byte("junk"), 5000), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = journalTool("off", path); err == nil || !strings.Contains(err.Error(), "loses whatever was committed to it") {
		t.Errorf("off of a journal that cannot be read: %v", err)
	}
	if out, err = journalTool("off", "--force", path); err != nil || !strings.Contains(out, "with it whatever was committed to it") {
		t.Errorf("off --force of a journal that cannot be read: %v\n%s", err, out)
	}
}

// TestEmptyJournalIsNone has the commands look at a journal without a byte.
func TestEmptyJournalIsNone(t *testing.T) {
	path := journaledPack(t, true)
	if err := os.Truncate(journaldev.JournalPath(path), 0); err != nil {
		t.Fatal(err)
	}
	if out, err := journalTool("status", path); err != nil || !strings.Contains(out, "has no journal: nothing to recover; the journal was an empty file") {
		t.Errorf("status: %v\n%s", err, out)
	}
	if _, err := journalTool("dump", path); err == nil || !strings.Contains(err.Error(), "has no journal") {
		t.Errorf("dump: %v", err)
	}
	if out, err := journalTool("recover", path); err != nil || !strings.Contains(out, "empty file") {
		t.Errorf("recover: %v\n%s", err, out)
	}
	if out, _, err := fsRun(t.Context(), strings.NewReader(""), "ls", path); err != nil || out != "d\n" {
		t.Errorf("fs ls: %v\n%s", err, out)
	}
	if _, errs, err := fsRun(t.Context(), strings.NewReader(""), "mkdir", path, "/e"); err != nil || !strings.Contains(errs, "empty file") {
		t.Errorf("fs mkdir: %v\n%s", err, errs)
	}
	if out, err := journalTool("status", path); err != nil || !strings.Contains(out, "committed:   transaction 1, 0 not home") {
		t.Errorf("status of the new journal: %v\n%s", err, out)
	}
	if out, err := journalTool("off", path); err != nil {
		t.Errorf("off: %v\n%s", err, out)
	}
}

// TestJournalOfNoImage: what is no image is told, by every command.
func TestJournalOfNoImage(t *testing.T) {
	text := write(t, "README.md", []byte("# no image\n"))
	for _, name := range []string{text, write(t, "empty", nil), t.TempDir()} {
		for _, command := range []string{"status", "dump"} {
			if out, err := journalTool(command, name); err == nil || !strings.Contains(err.Error(), "is no disk image") {
				t.Errorf("%s %s: %q, %v", command, name, out, err)
			}
		}
	}
	if out, err := journalTool("recover", text); err == nil {
		t.Errorf("recover: %q", out)
	}
}

// TestNoJournalToDrop removes a journal twice: the second time there is none, and nothing
// failed.
func TestNoJournalToDrop(t *testing.T) {
	path := journaledPack(t, true)
	for _, want := range []string{"the journal is gone", "has no journal"} {
		if out, err := journalTool("off", "--force", path); err != nil || !strings.Contains(out, want) {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if _, err := journalTool("off", "--force", path+".not"); err == nil {
		t.Error("an image that is not there has its journal removed")
	}
}
