package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"v7em/images"
	"v7em/journaldev"
)

// asProgram makes the test binary be v7em itself, for tests that need a process.
const asProgram = "V7EM_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	code := m.Run()
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// v7em runs a command line in this process.
func v7em(stdin string, args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	status = execute(args, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), status
}

// shared is a machine that is installed once.
var shared struct {
	once sync.Once
	dir  string
	err  error
}

// newMachineDir returns a machine's directory of the test's own, with RK05 packs.
func newMachineDir(t testing.TB) string {
	t.Helper()
	if os.Getenv("V7EM_DIST") == "" {
		t.Skip("needs the V7 distribution: set V7EM_DIST to v7.tar.gz from the TUHS archive")
	}
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "v7em-test-"); shared.err == nil {
			shared.err = install(t.Context(), filepath.Join(shared.dir, "m"), "", false, io.Discard)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	dir := t.TempDir()
	for unit := range images.RK().Units {
		name := images.RK().PackFile(unit)
		b, err := os.ReadFile(filepath.Join(shared.dir, "m", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// oneLine fails the test unless an error message is one line with want in it.
func oneLine(t *testing.T, what, stderr, want string) {
	t.Helper()
	stderr = strings.TrimSuffix(stderr, "v7em: try --help\n")
	if !strings.HasPrefix(stderr, "v7em: ") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
		t.Errorf("%s: %q; want one line with %q", what, stderr, want)
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args string
		want string
	}{
		{"frobnicate", `unknown command "frobnicate"`},
		{"--frobnicate", "unknown flag: --frobnicate"},
		{"instal", `unknown command "instal" for "v7em"; did you mean install?`},
		{"journal stauts x", `unknown command "stauts" for "v7em journal"; did you mean status?`},
		{"fs cats", "did you mean cat?"},
		{"help instal", `unknown command "instal" for "v7em"; did you mean install?`},
		{"help fs cats", "did you mean cat?"},
		{"completion bsh", `unknown command "bsh" for "v7em completion"; did you mean bash`},
		{"boot here", `v7em boot takes no argument, and has "here"`},
		{"version x", `v7em version takes no argument, and has "x"`},
		// What is wrong is told before the terminal that is missing here.
		{"boot --model 34", "--model 34: must be 70 or 45"},
		{"boot --disk rl", `--disk "rl": must be rk or rp`},
		{"run --memory 1T true", `memory "1T"`},
		{"boot --memory 3", "--memory: memory size 3"},
		{"run --model 45 --memory 1M true", "--memory: memory size 1048576"},
		{"boot --journal-size 1", "--journal-size: a journal of 1 bytes"},
		{"boot --journal-size 1G", "want a size such as 512K or 8M"},
		{"boot --journal-size 1K", "--journal-size: a journal of 1024 bytes"},
		{"boot --journal-size -1", "want a size such as 512K or 8M"},
		{"boot --commit-interval 0s", "must be positive"},
		{"boot --guest v6", "want v7 or mini"},
		{"--model x", "invalid argument"},
		{"install there", `v7em install takes no argument, and has "there"`},
		{"bare", "name a program, or a pack to boot from"},
		{"bare x y", "usage: v7em bare [FILE]"},
		{"bare --start 1000", "--start is for a program"},
		{"bare --switches 8 x.lda", "--switches"},
		{"bare --attach rk8=x x.lda", "is no drive"},
		{"bare --attach rk0 x.lda", "want DRIVE=FILE"},
		{"asm", "usage: v7em asm FILE..."},
		{"asm --format elf x.s", "want lda, a.out or image"},
		{"asm --origin 1 x.s", "--origin"},
		{"disasm --words 9 x", "--words"},
		{"journal status", "usage: v7em journal status IMAGE"},
		{"journal off x y", "usage: v7em journal off IMAGE"},
		{"bare --model 34 x.lda", "no PDP-11 model 34"},
		{"bare --memory 1T x.lda", `memory "1T"`},
		{"bare --model 45 --memory 1M x.lda", "memory size 1048576"},
		{"bare --dump 9:1 x.lda", `"9" is not an octal number`},
		{"bare --dump 1000 x.lda", "want ADDRESS:WORDS"},
		{"bare --dump 1001:1 x.lda", "the address is odd"},
		{"bare --memory 64K --dump 200000:1 x.lda", "memory ends at 200000"},
		{"run --cp x true", "want HOST:GUEST"},
		{"run --cp x: true", "want HOST:GUEST"},
		{"run --get :x true", "want GUEST:HOST"},
		{"run --timeout -1s true", "must not be negative"},
		{"run --timeout soon true", "invalid argument"},
		{"run --guest-timeout -1s true", "must not be negative"},
		{"run --date tomorrow true", "want a date such as 1979-01-10"},
		{"run --date 1969-12-31 true", "from 1970 to January 2038"},
		{"run --scratch --fragile true", "do not go together"},
		{"run --frobnicate true", "unknown flag"},
	} {
		_, stderr, status := v7em("", append(strings.Fields(tt.args), []string{}...)...)
		want := 2
		if strings.HasPrefix(tt.args, "run ") {
			want = 125 // the guest's commands may end with 2
		}
		if status != want || !strings.HasSuffix(stderr, "v7em: try --help\n") {
			t.Errorf("%s: status %d, %q", tt.args, status, stderr)
		}
		oneLine(t, tt.args, stderr, tt.want)
	}
	if es, _ := os.ReadDir(dir); len(es) != 0 {
		t.Errorf("a wrong command line left %v", es)
	}
}

// TestHelp: every command says what it does and gives examples that it understands.
func TestHelp(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if !c.Runnable() {
			return
		}
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: no short description or no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			if !strings.Contains(line, "v7em") {
				t.Errorf("%s: example %q", c.CommandPath(), line)
			}
		}
	}
	walk(rootCommand())
	walk = func(c *cobra.Command) {
		if c.Name() == "completion" { // cobra's own words
			return
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
		stdout, _, status := v7em("", append(strings.Fields(c.CommandPath())[1:], "--help")...)
		if status != 0 {
			t.Errorf("%s --help: status %d", c.CommandPath(), status)
		}
		for line := range strings.Lines(stdout) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s --help: %d columns: %s", c.CommandPath(), n, line)
			}
		}
	}
	walk(rootCommand())
	for _, args := range []string{"--help", "help run", "run --help", "completion bash", "completion zsh", "completion fish"} {
		stdout, stderr, status := v7em("", strings.Fields(args)...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, "v7em") {
			t.Errorf("%s: status %d, %q", args, status, stderr)
		}
	}
}

// TestComplete: the shell offers what a flag can be.
func TestComplete(t *testing.T) {
	for args, want := range map[string]string{
		"--guest": "v7 mini", "boot --journal": "on off write-through", "run --sync": "fsync fdatasync msync none",
		"bench --model": "70 45", "crash --model": "prefix lost torn all", "crash --guest": "v7 mini", "run --data": "journal ordered",
	} {
		stdout, _, status := v7em("", append(append([]string{"__complete"}, strings.Fields(args)...), "")...)
		if got := strings.Fields(stdout); status != 0 || !slices.Equal(got, append(strings.Fields(want), ":4")) {
			t.Errorf("%s: %q; want %s", args, stdout, want)
		}
	}
}

func TestMachineDir(t *testing.T) {
	t.Setenv("HOME", "/home/x")
	for _, tt := range []struct{ flag, env, xdg, want string }{
		{"/a", "/b", "/c", "/a"},
		{"", "/b", "/c", "/b"},
		{"", "", "/c", "/c/v7em"},
		{"", "", "", "/home/x/"},
		{"", "", "relative", "/home/x/"},
	} {
		t.Setenv("V7EM_DIR", tt.env)
		t.Setenv("XDG_DATA_HOME", tt.xdg)
		f := machineFlags{dir: tt.flag}
		got, err := f.machineDir()
		if err != nil || got != tt.want && (!strings.HasSuffix(tt.want, "/") || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%+v: %q, %v", tt, got, err)
		}
	}
}

func TestConfigFlags(t *testing.T) {
	dir := t.TempDir()
	conf := "model = 45\nmemory = \"128K\"\n"
	if err := os.WriteFile(filepath.Join(dir, images.ConfigName), []byte(conf), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		f    machineFlags
		want images.Config
	}{
		{machineFlags{}, images.Config{Model: 45, Memory: "128K", Disk: "rk"}},
		{machineFlags{memory: "256K"}, images.Config{Model: 45, Memory: "256K", Disk: "rk"}},
		{machineFlags{model: 70}, images.Config{Model: 70, Disk: "rk"}},
		{machineFlags{model: 45}, images.Config{Model: 45, Memory: "128K", Disk: "rk"}},
		{machineFlags{disk: "rp"}, images.Config{Disk: "rp"}},
	} {
		if got, err := tt.f.config(dir); err != nil || got != tt.want {
			t.Errorf("%+v: %+v, %v; want %+v", tt.f, got, err, tt.want)
		}
	}
	for _, f := range []machineFlags{{model: 20}, {disk: "dt"}, {memory: "x"}, {model: 70, disk: "rp"}, {model: 70, memory: "4M"}} {
		if _, err := f.config(dir); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}

func TestTransfers(t *testing.T) {
	in, err := transfers("cp", []string{"a:/b", "C:\\x:y:/z"}, true)
	if err != nil || fmt.Sprint(in) != `[{a /b} {C:\x:y /z}]` {
		t.Errorf("cp: %v, %v", in, err)
	}
	out, err := transfers("get", []string{"/b:a", "/z:C:\\x"}, false)
	if err != nil || fmt.Sprint(out) != `[{/b a} {/z C:\x}]` {
		t.Errorf("get: %v, %v", out, err)
	}
}

func TestBarLine(t *testing.T) {
	for _, tt := range []struct {
		done, total int64
		width       int
		want        string
	}{
		{0, 0, 79, "step                        "},
		{0, 10, 79, "step                         [..............................]"},
		{5, 10, 79, "step                         [###############...............]"},
		{99, 10, 79, "step                         [##############################]"},
		{5, 10, 6, "step  "},
		{5, 10, -1, ""},
	} {
		if got := barLine("step", tt.done, tt.total, tt.width); got != tt.want {
			t.Errorf("%d of %d in %d: %q", tt.done, tt.total, tt.width, got)
		}
	}
}

func TestParseDrive(t *testing.T) {
	for s, want := range map[string]drive{
		"rk0": {"rk0", false, 0}, " RK7 ": {"rk7", false, 7}, "rp3": {"rp3", true, 3},
		"rk8": {}, "rk": {}, "": {}, "hp0": {}, "rk00": {}, "rk-1": {},
	} {
		if got, err := parseDrive(s); got != want || (err == nil) != (want.name != "") {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
}

func TestRun(t *testing.T) {
	dir := newMachineDir(t)
	src := filepath.Join(t.TempDir(), "hello.c")
	if err := os.WriteFile(src, []byte("main() { printf(\"hello from %d\\n\", 1979); exit(7); }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	got := filepath.Join(t.TempDir(), "hello")
	for _, tt := range []struct {
		name   string
		stdin  string
		args   []string
		want   string
		status int
	}{
		{"an argument", "", []string{`cd /tmp; echo "main(){printf(\"%d\",6*7);}" >a.c; cc a.c; a.out`}, "42", 0},
		{"several arguments", "", []string{"--", "echo", "a", "-n"}, "a -n\n", 0},
		{"standard input", "echo one\necho two\nexit 9\n", nil, "one\ntwo\n", 9},
		{"what was made is kept", "", []string{"ls /tmp/a.c"}, "/tmp/a.c\n", 0},
		{"files in and out", "", []string{"--cp", src + ":/tmp/hello.c", "--get", "/tmp/hello:" + got, "--get", "/etc/group:-",
			"cd /tmp; cc -o hello hello.c; hello; test -r hello"}, "hello from 1979\nother::1:\nsys::2:bin,sys\nbin::3:sys,bin\nuucp::4:\n", 0},
		{"the other model", "", []string{"--model", "45", "--memory", "200K", "pwd"}, "/\n", 0},
	} {
		stdout, stderr, status := v7em(tt.stdin, append([]string{"run", "--dir", dir}, tt.args...)...)
		if stdout != tt.want || stderr != "" || status != tt.status {
			t.Errorf("%s: %q, %q, status %d; want %q, status %d", tt.name, stdout, stderr, status, tt.want, tt.status)
		}
	}
	if b, err := os.ReadFile(got); err != nil || len(b) < 1000 || b[0] != 0o7 || b[1] != 1 {
		t.Errorf("the program that came out: %d bytes, %v", len(b), err)
	}
	if out, errs, status := v7em("", "fs", "check", filepath.Join(dir, "rk7.rk05")); status != 0 {
		t.Errorf("check: %q %q", out, errs)
	}
}

func TestRunErrors(t *testing.T) {
	dir := newMachineDir(t)
	run := func(args ...string) (stderr string, status int) {
		_, stderr, status = v7em("", append([]string{"run", "--dir", dir}, args...)...)
		return stderr, status
	}
	expect := func(what, want string, args ...string) {
		t.Helper()
		stderr, status := run(args...)
		if status != 125 {
			t.Errorf("%s: status %d", what, status)
		}
		oneLine(t, what, stderr, want)
	}
	before := time.Now()
	// On a slow host V7 is not up by then, and what is kept of it is told too.
	if stderr, status := run("--timeout", "300ms", "while true; do :; done"); status != 124 || !strings.HasSuffix(stderr, "v7em: timed out after 300ms (--timeout)\n") {
		t.Errorf("timeout: %q, status %d", stderr, status)
	}
	if d := time.Since(before); d > time.Minute {
		t.Errorf("the timeout of 300 ms took %v", d)
	}
	expect("no such host file", "no such file", "--cp", "/no/such:/tmp/x", "true")
	expect("no such guest file", "/no/such", "--get", "/no/such:x", "true")

	lock, err := journaldev.LockDir(dir, "v7em boot")
	if err != nil {
		t.Fatal(err)
	}
	expect("in use", fmt.Sprintf("in use by pid %d (v7em boot) on host", os.Getpid()), "true")
	lock.Unlock()

	rk3 := filepath.Join(dir, "rk3.rk05")
	whole, err := os.ReadFile(rk3)
	if err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":     {nil, "it has 0 bytes"},
		"truncated": {whole[:len(whole)/2], "(1247232 bytes)"},
	} {
		if err := os.WriteFile(rk3, tt.data, 0o666); err != nil {
			t.Fatal(err)
		}
		expect(what+" pack", tt.want, "true")
		if b, err := os.ReadFile(rk3); err != nil || !bytes.Equal(b, tt.data) {
			t.Errorf("the %s pack was changed", what)
		}
	}
	if err := os.WriteFile(rk3, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, images.ConfigName)
	if err := os.WriteFile(conf, []byte("modle = 45\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	expect("configuration", `unknown setting "modle"`, "true")
	os.Remove(conf)

	// All is as it was.
	if stderr, status := run("true"); status != 0 {
		t.Errorf("after the errors: status %d, %s", status, stderr)
	}
}

// TestFirstUse: without a machine the commands install one, and say what is wrong
// when they cannot.
func TestFirstUse(t *testing.T) {
	dist := os.Getenv("V7EM_DIST")
	bad := filepath.Join(t.TempDir(), "v7.tar.gz")
	if err := os.WriteFile(bad, make([]byte, images.DistSize), 0o666); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new", "machine")
	t.Setenv("V7EM_DIR", dir)
	for _, tt := range []struct{ dist, want string }{
		{bad, "SHA-256"},
		{bad + ".none", "no such file"},
	} {
		t.Setenv("V7EM_DIST", tt.dist)
		for _, args := range [][]string{{"run", "true"}, {"install"}, {"install", "--dist", tt.dist}} {
			_, stderr, status := v7em("", args...)
			want := 1
			if args[0] == "run" {
				want = 125
			}
			if status != want {
				t.Errorf("%v: status %d", args, status)
			}
			oneLine(t, strings.Join(args, " "), stderr, tt.want)
		}
		if _, err := os.Stat(filepath.Dir(dir)); err == nil {
			t.Error("a failed install left a directory")
		}
	}
	if dist == "" {
		t.Skip("needs the V7 distribution: set V7EM_DIST to v7.tar.gz from the TUHS archive")
	}
	t.Setenv("V7EM_DIST", dist)
	stdout, stderr, status := v7em("", "run", "echo new")
	if stdout != "new\n" || status != 0 || !strings.Contains(stderr, "installed in "+dir) {
		t.Errorf("first use: %q, %q, status %d", stdout, stderr, status)
	}
	if _, err := os.Stat(filepath.Join(dir, images.ConfigName)); err != nil {
		t.Error(err)
	}
	_, stderr, status = v7em("", "install")
	if status != 1 {
		t.Errorf("second install: status %d", status)
	}
	oneLine(t, "second install", stderr, "--force")
	stdout, stderr, status = v7em("", "run", "--disk", "rp", "df | wc -l")
	if stdout != "      2\n" || status != 0 {
		t.Errorf("from the RP03 pack: %q, %q, status %d", stdout, stderr, status)
	}
}

func TestBootNeedsTerminal(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"--dir", dir}, {"boot", "--dir", dir}} {
		_, stderr, status := v7em("", args...)
		if status != 1 {
			t.Errorf("%v: status %d", args, status)
		}
		oneLine(t, strings.Join(args, " "), stderr, "needs a terminal")
	}
	if es, _ := os.ReadDir(dir); len(es) != 0 {
		t.Errorf("left %v", es)
	}
}
