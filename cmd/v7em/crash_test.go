package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"v7em/crash"
)

func TestCrashUsage(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args string
		want string
	}{
		{"here", `v7em crash takes no argument, and has "here"`},
		{"--guest v6", "want v7 or mini"},
		{"--workload nothing", `no workload "nothing"`},
		{"--workload ./nothing.sh", "nothing.sh"},
		{"--modes plain,fancy", `--modes "fancy": want plain, write-through, journal`},
		{"--modes=", "want some of plain"},
		{"--model half", `--model "half": want prefix, lost, torn`},
		{"--points 0", "want a number from 1 on, or all"},
		{"--points some", "want a number from 1 on, or all"},
		{"--seed -1", "invalid argument"},
		{"--guest-check -1", "must not be negative"},
		{"--out x", "--out goes with --point"},
		{"--point plain.prefix.1.0 --json -", "--point does not go with"},
		{"--point plain.prefix", "--point:"},
		{"--html -", "needs a file"},
		{"--html x --json x", "files of their own"},
	} {
		_, stderr, status := v7em("", append([]string{"crash", "--dir", filepath.Join(dir, "m")}, strings.Fields(tt.args)...)...)
		if status != 2 {
			t.Errorf("%s: status %d", tt.args, status)
		}
		oneLine(t, tt.args, stderr, tt.want)
	}
	if es, _ := os.ReadDir(dir); len(es) != 0 {
		t.Errorf("a wrong command line left %v", es)
	}
}

func TestCrashCompletion(t *testing.T) {
	for flag, want := range map[string]string{
		"--workload": "mkdir\nfiles\nchurn\nmixed\n", "--modes": "plain\nwrite-through\njournal\n", "--model": "prefix\nlost\ntorn\nall\n", "--guest": "v7\nmini\n",
	} {
		if out, _, status := v7em("", "__complete", "crash", flag, ""); status != 0 || !strings.HasPrefix(out, want) {
			t.Errorf("%s: status %d, %q", flag, status, out)
		}
	}
}

// someResult has a plain disk that came to harm and a journaled one that did not.
func someResult() *crash.Result {
	plain := crash.ModeResult{Mode: crash.Plain, GuestChecks: 2, Counts: map[crash.Model]map[crash.Outcome]int{
		crash.Prefix: {crash.Clean: 1, crash.Harmful: 1}, crash.Torn: {crash.HalfDone: 1},
	}, Cuts: []crash.Cut{
		{ID: "plain.prefix.1.0", Outcome: crash.Clean, LostTime: 1_234_567_890, LostOps: 7},
		{ID: "plain.prefix.2.0", Outcome: crash.Harmful, PromiseLost: 1, HalfDone: 1},
		{ID: "plain.torn.2.0", Outcome: crash.HalfDone, HalfDone: 1, LostOps: 9},
	}}
	journal := crash.ModeResult{Mode: crash.Journal, Counts: map[crash.Model]map[crash.Outcome]int{
		crash.Prefix: {crash.Clean: 1000}, crash.Torn: {crash.Clean: 999, crash.Harmless: 1},
	}, Cuts: []crash.Cut{{ID: "journal.torn.5.0", Outcome: crash.Harmless}}}
	return &crash.Result{Workload: "mkdir", Guest: "v7", Seed: 3, Points: "all", Models: []crash.Model{crash.Prefix, crash.Torn}, Modes: []crash.ModeResult{plain, journal}}
}

func TestResultTable(t *testing.T) {
	const want = `disk          model     cuts   clean harmless half-done  broken harmful failed
plain         prefix       2       1        0         0       0       1      0
              torn         1       0        0         1       0       0      0
              all          3   33.3%       0%     33.3%      0%   33.3%     0%
journal       prefix    1000    1000        0         0       0       0      0
              torn      1000     999        1         0       0       0      0
              all       2000   99.9%     0.1%        0%      0%      0%     0%

disk              lost at worst   operations   promises broken   half-done dirs
plain                    1.235s            9         in 1 cuts        in 2 cuts
journal                      0s            0         in 0 cuts        in 0 cuts

plain: the guest's icheck and dcheck looked at 2 disks; 0 disagreements
`
	got := resultTable(someResult())
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for _, l := range strings.Split(got, "\n") {
		if len(l) > 79 {
			t.Errorf("%d columns: %s", len(l), l)
		}
	}
}

func TestVerdict(t *testing.T) {
	r := someResult()
	if err := verdict(io.Discard, r); err != nil {
		t.Errorf("harmless: %v", err)
	}
	r.Modes[0].Disagreements = []string{"plain.prefix.1.0: icheck \x1b"}
	var b strings.Builder
	if err := verdict(&b, r); err == nil || !strings.Contains(b.String(), "plain.prefix.1.0") || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%v, %q", err, b.String())
	}
	r.Modes[0].Disagreements = nil
	m := &r.Modes[1]
	for _, o := range []crash.Outcome{crash.HalfDone, crash.PromiseLost, crash.Harmful, crash.RecoveryFailed} {
		id := "journal.prefix.9." + string(o)
		m.Cuts = append(m.Cuts, crash.Cut{ID: id, Outcome: o})
		b.Reset()
		err := verdict(&b, r)
		want := "  v7em crash --guest v7 --workload mkdir --seed 3 --point " + id + " --out cut-" + id + "\n"
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(len(m.Cuts)-1)) || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v\n%s", o, err, b.String())
		}
	}
}

// The live table is drawn anew in place and taken away at the end.
func TestLiveTable(t *testing.T) {
	now := time.Unix(1000, 0)
	var b bytes.Buffer
	table := newLiveTable(&b, []crash.Model{crash.Prefix, crash.Lost})
	table.now = func() time.Time { return now }
	table.begun, table.measure.last = now, now
	p := func(mode crash.Mode, model crash.Model, done int) crash.Progress {
		return crash.Progress{Mode: mode, Model: model, AllDone: done, AllTotal: 400, Counts: map[crash.Model]map[crash.Outcome]int{model: {crash.Harmful: done}}}
	}
	table.show(p(crash.Plain, crash.Prefix, 0))
	if b.Len() != 0 {
		t.Errorf("it writes where there is no terminal: %q", b.String())
	}
	table.width, table.height = 80, 24
	now = now.Add(time.Second)
	table.show(p(crash.Plain, crash.Prefix, 100))
	want := `disk          model     cuts   clean harmless half-done  broken harmful failed
plain         prefix     100       0        0         0       0     100      0
              lost         0       0        0         0       0       0      0
              all        100      0%       0%        0%      0%    100%     0%
plain: 100 of 400 cuts       [#######.......................]  100/s`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	table.show(p(crash.Plain, crash.Prefix, 101))
	if b.Len() != 0 {
		t.Errorf("too soon: %q", b.String())
	}
	now = now.Add(time.Second)
	table.show(p(crash.Journal, crash.Prefix, 200))
	if !strings.HasPrefix(b.String(), "\r\x1b[4A\x1b[Jdisk ") || strings.Count(b.String(), "\n") != 7 {
		t.Errorf("%q", b.String())
	}
	for _, l := range strings.Split(b.String(), "\n") {
		if len(strings.TrimPrefix(l, "\r\x1b[4A\x1b[J")) > 79 {
			t.Errorf("%d columns: %s", len(l), l)
		}
	}
	table.show(p(crash.Journal, crash.Lost, 200))
	b.Reset()
	table.height = 5 // too low for it
	now = now.Add(time.Second)
	table.show(p(crash.Journal, crash.Lost, 300))
	if b.String() != "\r\x1b[7A\x1b[Jjournal: 300 of 400 cuts     [######################........]  100/s" {
		t.Errorf("%q", b.String())
	}
	b.Reset()
	table.done()
	if b.String() != "\r\x1b[J" {
		t.Errorf("%q", b.String())
	}
	// 200 prefix cuts in two seconds; the others do not count.
	if got := table.rate(); got != "200 prefix cuts in 2.0 s: 100 a second\n" {
		t.Errorf("%q", got)
	}
}

// A file gets its name when it is whole.
func TestCrashOutput(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if _, err := newOutput(filepath.Join(dir, "no", "f"), nil); err == nil {
		t.Error("a file in no directory")
	}
	if _, err := newOutput(dir, nil); err == nil {
		t.Error("a file over a directory")
	}
	for _, fail := range []error{nil, errors.New("full")} {
		o, err := newOutput(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = o.write(func(w io.Writer) error {
			io.WriteString(w, "text")
			return fail
		})
		o.abandon()
		if !errors.Is(err, fail) {
			t.Error(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "text" {
			t.Errorf("%q, %v", b, err)
		}
		if es, _ := os.ReadDir(dir); len(es) != 1 {
			t.Errorf("it leaves %v", es)
		}
	}
}

// sums returns the contents of a directory's files.
func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	m := map[string][32]byte{}
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m[e.Name()] = sha256.Sum256(b)
	}
	return m
}

// A campaign on mini, which every machine has: the table, the same JSON each time, the
// report, one cut's disks, and packs that stay as they are.
func TestCrashMini(t *testing.T) {
	dir := t.TempDir()
	machine := filepath.Join(dir, "m")
	t.Setenv("V7EM_DIST", filepath.Join(dir, "none"))
	run := func(args ...string) (string, string, int) {
		t.Helper()
		return v7em("", append([]string{"crash", "--dir", machine, "--guest", "mini", "--workload", "mkdir"}, args...)...)
	}
	html := filepath.Join(dir, "report.html")
	first, stderr, status := run("--points", "20", "--json", "-", "--html", html)
	if status != 0 || !strings.Contains(stderr, "\njournal       prefix      20      20 ") || !strings.Contains(stderr, " a second\n") {
		t.Fatalf("status %d, %s", status, stderr)
	}
	var r crash.Result
	if err := json.Unmarshal([]byte(first), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Modes) != 3 || len(r.Modes[0].Cuts) != 60 || r.Workload != "mkdir" || r.Guest != "mini" || r.Seed != 1 {
		t.Errorf("%d modes, %d cuts, %q on %q, seed %d", len(r.Modes), len(r.Modes[0].Cuts), r.Workload, r.Guest, r.Seed)
	}
	if page, err := os.ReadFile(html); err != nil || !bytes.HasPrefix(page, []byte("<!DOCTYPE html>")) || !bytes.HasSuffix(bytes.TrimSpace(page), []byte("</html>")) {
		t.Errorf("the report: %d bytes, %v", len(page), err)
	}
	packs := sums(t, machine+"-mini")
	file := filepath.Join(dir, "result.json")
	stdout, stderr, status := run("--points", "20", "--json", file)
	if again, err := os.ReadFile(file); status != 0 || stderr != "" || err != nil || string(again) != first {
		t.Errorf("status %d, %q, %v; the same: %v", status, stderr, err, string(again) == first)
	}
	if !strings.HasPrefix(stdout, tableHead()) {
		t.Error(stdout)
	}
	if other, _, _ := run("--points", "20", "--json", "-", "--seed", "2"); other == first {
		t.Error("another seed gives the same")
	}

	cut := r.Modes[2].Cuts[len(r.Modes[2].Cuts)-1]
	out := filepath.Join(dir, "cut")
	stdout, stderr, status = run("--point", cut.ID, "--out", out)
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, fmt.Sprintf("%s: %s\n", cut.ID, cut.Outcome)) {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	for _, name := range []string{"README.txt", "trace.txt", "before/rk0.rk05", "recovered/rk0.rk05"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	_, stderr, status = run("--point", cut.ID, "--out", out)
	if status != 1 {
		t.Errorf("over a directory: status %d", status)
	}
	oneLine(t, "over a directory", stderr, "there already")
	_, stderr, status = run("--guest-check", "1")
	if status != 2 {
		t.Errorf("no V7 to check with: status %d", status)
	}
	oneLine(t, "no V7 to check with", stderr, "none is installed")
	if now := sums(t, machine+"-mini"); !maps.Equal(now, packs) {
		t.Error("it changed the packs")
	}
}

// An interrupted campaign leaves no files and says so.
func TestCrashInterrupted(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("V7EM_DIST", filepath.Join(dir, "none"))
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o777); err != nil {
		t.Fatal(err)
	}
	var o crashOptions
	o.guest, o.dir, o.workload, o.points, o.models, o.modes = guestMini, filepath.Join(dir, "m"), "mkdir", "all", []string{"all"}, flagWords(crash.Modes)
	o.html, o.json = filepath.Join(out, "h"), filepath.Join(out, "j")
	c, err := o.campaign()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := crashCommand()
	cmd.SetContext(ctx)
	cmd.SetOut(io.Discard)
	var said strings.Builder
	cmd.SetErr(&said)
	if err := c.run(cmd); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if want := "v7em: not written: " + o.json + ", " + o.html + "\n"; !strings.Contains(said.String(), want) {
		t.Errorf("it says %q; want %q", said.String(), want)
	}
	if es, _ := os.ReadDir(out); len(es) != 0 {
		t.Errorf("it leaves %v", es)
	}
}

// On V7 a plain disk comes to harm, a journaled one does not, and V7 itself agrees.
func TestCrashV7(t *testing.T) {
	if testing.Short() {
		t.Skip("a campaign on V7 is left out with -short")
	}
	dir := newMachineDir(t)
	stdout, stderr, status := v7em("", "crash", "--dir", dir, "--workload", "mkdir", "--points", "60", "--modes", "plain,journal", "--guest-check", "2", "--stress")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	lines := strings.Split(stdout, "\n")
	plain := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "plain ") })
	if plain < 0 || strings.Fields(lines[plain])[7] == "0" || strings.Contains(stdout, "write-through") {
		t.Error(stdout)
	}
	if !strings.Contains(stdout, "\njournal       prefix      60      60 ") || !strings.Contains(stdout, "looked at 1 disks; 0 disagreements") {
		t.Error(stdout)
	}
}

// TestDoubts has workloads that are not what their author thinks.
func TestDoubts(t *testing.T) {
	for _, c := range []struct {
		run  crash.Run
		want string
	}{
		{crash.Run{Ops: make([]crash.Op, 1)}, ""},
		{crash.Run{Ops: make([]crash.Op, 1), Output: "\r\n"}, ""},
		{crash.Run{Output: "nosuch: not found\r\n"}, "v7em: the workload printed \"nosuch: not found\"\n"},
		{crash.Run{Ops: make([]crash.Op, 1), Output: "a\nb\x1b\n"}, "v7em: the workload printed 2 lines, at last \"b\\x1b\"\n"},
	} {
		if got := doubts(&c.run); got != c.want {
			t.Errorf("%+v: %q, want %q", c.run, got, c.want)
		}
	}
}

// TestWorthless: a campaign that says nothing fails, whichever way the workload is wrong.
func TestWorthless(t *testing.T) {
	dir := t.TempDir()
	for what, tt := range map[string]struct{ script, want string }{
		"syntax at once": {"for do done\n", "does not understand the workload"},
		"syntax later":   {"mkdir /crash/a\nif true\n", "does not understand the workload"},
		"no change":      {"cat /etc/motd >/dev/null; no-such-command\n", "the workload changed no file"},
		"nothing":        {"", "the workload changed no file"},
	} {
		script := filepath.Join(dir, "script.sh")
		if err := os.WriteFile(script, []byte(tt.script), 0o666); err != nil {
			t.Fatal(err)
		}
		guests := []string{guestMini}
		machine := filepath.Join(dir, "m")
		if os.Getenv("V7EM_DIST") != "" && !testing.Short() && what != "nothing" {
			guests, machine = append(guests, guestV7), newMachineDir(t)
		}
		for _, guest := range guests {
			stdout, stderr, status := v7em("", "crash", "--dir", machine, "--guest", guest, "--workload", script, "--points", "5", "--modes", "plain", "--model", "prefix")
			if status != 1 || stdout != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("%s on %s: status %d, %q, %q", what, guest, status, stdout, stderr)
			}
		}
	}
}

// TestCrashWorkloadStops: a workload after which the guest does nothing more, or that waits
// for what nobody types, ends the recording with what is wrong.
func TestCrashWorkloadStops(t *testing.T) {
	dir := newMachineDir(t)
	script := filepath.Join(t.TempDir(), "script.sh")
	for what, tt := range map[string]struct{ script, want string }{
		"a terminal that waits": {"mkdir /crash/a; cat /dev/tty\n",
			"in the guest cat reads the terminal, and nobody types there\n"},
		"a kernel that goes wild": {"mkdir /crash/a; dd if=/unix of=/dev/kmem\n", "the guest has crashed: "},
	} {
		if err := os.WriteFile(script, []byte(tt.script), 0o666); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, status := v7em("", "crash", "--dir", dir, "--workload", script, "--points", "5",
			"--modes", "plain", "--model", "prefix")
		if status != 1 || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: status %d, %q, %q", what, status, stdout, stderr)
		}
	}
}

// TestReadmePoint: the cut that the README has as its example is worth looking at.
func TestReadmePoint(t *testing.T) {
	if testing.Short() {
		t.Skip("a recording of V7 is left out with -short")
	}
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(b))
	at := slices.Index(words, "--point")
	if at < 0 {
		t.Fatal("the README has no example of --point")
	}
	id := strings.TrimRight(words[at+1], "`.")
	stdout, stderr, status := v7em("", "crash", "--dir", newMachineDir(t), "--workload", "mkdir", "--point", id, "--out", filepath.Join(t.TempDir(), "cut"))
	if status != 0 || !strings.HasPrefix(stdout, id+": harmful\n") {
		t.Errorf("%s: %q, %s", id, stdout, stderr)
	}
}
