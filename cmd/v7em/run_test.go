package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"v7em/images"
)

// TestRunInput: the commands read standard input, whatever bytes it has and however many.
func TestRunInput(t *testing.T) {
	dir := newMachineDir(t)
	all := make([]byte, 20000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range all {
		all[i] = byte(r.Uint32())
	}
	for _, tt := range []struct {
		name, stdin, commands, want string
		status                      int
	}{
		{"a line", "hello\n", "cat", "hello\n", 0},
		{"nothing", "", "cat; wc -c", "      0\n", 0},
		{"every byte, in and out", string(all), "cat", string(all), 0},
		{"through a file", string(all), "cat >/tmp/x; cat /tmp/x; rm /tmp/x", string(all), 0},
		{"a part of it", strings.Repeat("y\n", 50000), "sed 2q; exit 3", "y\ny\n", 3},
		{"none of it", strings.Repeat("y\n", 50000), "sleep 100; echo done", "done\n", 0},
		{"by several", "a\nb\nc\n", "read x; read y; echo $y $x; cat", "b a\nc\n", 0},
		{"late", "x\n", "sleep 1000; cat", "x\n", 0},
		{"beside a program that waits now and then", "x\n", "(while :; do sleep 1; done)& cat; echo y", "x\ny\n", 0},
	} {
		stdout, stderr, status := v7em(tt.stdin, "run", "--dir", dir, "--scratch", tt.commands)
		if stdout != tt.want || stderr != "" || status != tt.status {
			t.Errorf("%s: %.200q, %q, status %d; want %.200q, status %d", tt.name, stdout, stderr, status, tt.want, tt.status)
		}
	}
	// Here the script is what stands on standard input.
	if stdout, stderr, status := v7em("cat; echo end\nabc\n", "run", "--dir", dir, "--scratch"); stdout != "end\n/.v7em.cmd: abc: not found\n" || stderr != "" {
		t.Errorf("a script: %q, %q, %d", stdout, stderr, status)
	}
}

// TestRunMiniInput: mini is fed likewise.
func TestRunMiniInput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	in := strings.Repeat("a line of input\n", 200)
	stdout, stderr, status := v7em(in, "run", "--dir", dir, "--guest", "mini", "cat; false")
	if stdout != in || stderr != "" || status != 1 {
		t.Errorf("%.200q, %q, status %d", stdout, stderr, status)
	}
	// A terminal that waits, here too.
	_, stderr, status = v7em("", "run", "--dir", dir, "--guest", "mini", "cat /dev/tty </dev/tty")
	if status != 125 {
		t.Errorf("status %d", status)
	}
	oneLine(t, "mini", stderr, "cat reads the terminal")
}

// TestRunEnds: a run whose commands will not come to an end ends all the same, keeps what
// was done, and says why.
func TestRunEnds(t *testing.T) {
	dir := newMachineDir(t)
	for i, tt := range []struct {
		name, commands, want string
		status               int
	}{
		{"a terminal that waits", "cat /dev/tty </dev/tty", "in the guest cat reads the terminal", 125},
		{"one that waits for input behind it", "cat; cat /dev/tty", "in the guest cat reads the terminal", 125},
		{"a name that is none", "cp /bin/cat '/tmp/a\x1b[31m'; '/tmp/a\x1b[31m' /dev/tty", `in the guest a\033[31m reads the terminal`, 125},
		{"a deadlock", "sh -c 'kill -9 $$ | cat /dev/tty' </dev/tty", "in the guest cat reads the terminal", 125},
		{"a terminal set anew", "stty -raw; cat", "have set the guest's terminal anew", 125},
		{"no shell any more", "kill -9 0", "in the guest getty reads the terminal", 125},
		{"a loop", "while :; do :; done", "not done after 2m0s of the guest's time (--guest-timeout", 124},
		{"a long sleep", "sleep 200", "not done after 2m0s of the guest's time", 124},
	} {
		made := fmt.Sprintf("/made%d", i)
		stdout, stderr, status := v7em("x", "run", "--dir", dir, "--guest-timeout", "2m", "mkdir "+made+"; echo -n begun; "+tt.commands)
		if !strings.HasPrefix(stdout, "begun") || status != tt.status {
			t.Errorf("%s: %q, status %d", tt.name, stdout, status)
		}
		oneLine(t, tt.name, stderr, tt.want)
		packsAreWhole(t, dir, made)
	}
}

// packsAreWhole checks the packs of a directory, recovered, that a directory is on them,
// and that no script has left its files.
func packsAreWhole(t *testing.T, dir, want string) {
	t.Helper()
	for unit := range images.RK().Units {
		name := filepath.Join(dir, images.RK().PackFile(unit))
		if _, err := os.Stat(name); err != nil {
			continue
		}
		if out, errs, status := v7em("", "fs", "check", name); status != 0 {
			t.Errorf("rk%d: %s%s", unit, out, errs)
		}
	}
	out, errs, status := v7em("", "fs", "ls", filepath.Join(dir, images.RK().PackFile(0)), "/")
	if status != 0 || !strings.Contains("\n"+out, "\n"+strings.TrimPrefix(want, "/")+"\n") || strings.Contains(out, ".v7em") {
		t.Errorf("the root has %q, without %s: %s", out, want, errs)
	}
}

// crashes are commands after which the guest's kernel runs no more.
var crashes = []struct{ name, commands, want string }{
	{"a kernel whose data is overwritten", "dd if=/bin/ed of=/dev/kmem bs=512 seek=10 count=20", "panic: "},
	{"a halt", "dd if=/z of=/dev/mem bs=512 seek=84 count=60", "its processor has stopped (halt) at PC "},
	{"a loop at high priority", "cat /loop >/dev/mem", "its kernel stays at PC "},
}

// TestRunCrash: a guest that has crashed ends the run.
func TestRunCrash(t *testing.T) {
	dir, host := newMachineDir(t), t.TempDir()
	put := func(name string, b []byte) string {
		name = filepath.Join(host, name)
		if err := os.WriteFile(name, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return name
	}
	// V7's data begins with the vectors: each that goes to a word 000777 (br .) with
	// priority 7 ends there.
	loop := make([]byte, 0o10000)
	for i := 0; i < len(loop); i += 4 {
		copy(loop[i:], []byte{0o376, 0, 0o340, 0})
	}
	z, l := put("z", make([]byte, 200*512)), put("loop", loop)
	for _, tt := range crashes {
		_, stderr, status := v7em("", "run", "--dir", dir, "--scratch", "--cp", z+":/z", "--cp", l+":/loop", tt.commands)
		if status != 125 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: %q, status %d", tt.name, stderr, status)
		}
	}
}

// TestRunPackMissing: as V7's own /etc/rc does, a run goes on without a pack that is
// missing or blank, and can make a file system on it.
func TestRunPackMissing(t *testing.T) {
	dir := newMachineDir(t)
	rk5, rk7 := filepath.Join(dir, "rk5.rk05"), filepath.Join(dir, "rk7.rk05")
	if err := os.Remove(rk5); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rk7, make([]byte, images.RK().Kind.Bytes()), 0o666); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := v7em("", "run", "--dir", dir, "/etc/mkfs /dev/rrk7 4872")
	if status != 0 || !strings.HasPrefix(stdout, "isize = ") {
		t.Errorf("%q, status %d", stdout, status)
	}
	for _, want := range []string{"v7em: /dev/rk5 is not mounted on /usr/src: ", "v7em: /dev/rk7 is not mounted on /tmp: "} {
		if !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 3 /* rk6 is mounted on rk5 */ {
			t.Errorf("%q, want %q", stderr, want)
		}
	}
	// The file system is one.
	_, stderr, status = v7em("", "run", "--dir", dir, "test -d /tmp && mkdir /tmp/d /root5")
	if status != 0 || strings.Contains(stderr, "rk7") {
		t.Errorf("%q, status %d", stderr, status)
	}
	packsAreWhole(t, dir, "root5")
}

// TestRunNeeds: a guest without a program that a run needs is told, before anything of it
// has run. Without stty it would print parity bits and capitals.
func TestRunNeeds(t *testing.T) {
	dir := newMachineDir(t)
	root := filepath.Join(dir, images.RK().PackFile(0))
	for _, name := range []string{"/bin/stty", "/bin/sync", "/bin/echo"} {
		if _, stderr, status := v7em("", "fs", "rm", root, name); status != 0 {
			t.Fatal(stderr)
		}
		stdout, stderr, status := v7em("", "run", "--dir", dir, "mkdir /made")
		if status != 125 || stdout != "" {
			t.Errorf("%s: %q, status %d", name, stdout, status)
		}
		oneLine(t, name, stderr, "the guest cannot run commands: look up "+name)
		if out, _, _ := v7em("", "fs", "ls", root, "/"); strings.Contains(out, "made") || strings.Contains(out, ".v7em") {
			t.Errorf("%s: the root has %q", name, out)
		}
		if _, stderr, status := v7em("x", "fs", "put", root, "-", name); status != 0 {
			t.Fatal(stderr)
		}
	}
}

// TestRunScriptFiles: the script's files go, whatever it does to the other packs.
func TestRunScriptFiles(t *testing.T) {
	dir := newMachineDir(t)
	_, stderr, status := v7em("", "run", "--dir", dir, "mkdir /made; rm /dev/rk3; dd if=/dev/rk0 of=/dev/rk5 count=2")
	if status != 0 {
		t.Errorf("status %d, %s", status, stderr)
	}
	out, errs, status := v7em("", "fs", "ls", filepath.Join(dir, "rk0.rk05"), "/")
	if status != 0 || !strings.Contains(out, "made\n") || strings.Contains(out, ".v7em") {
		t.Errorf("%q, %s", out, errs)
	}
}

// TestRunDate: two runs at the same date come out the same in every byte.
func TestRunDate(t *testing.T) {
	dirs := []string{newMachineDir(t), newMachineDir(t)}
	var outs []string
	for i, dir := range dirs {
		var journal []string
		if i == 1 {
			journal = []string{"--commit-interval", "7ms"}
		}
		args := append([]string{"run", "--dir", dir, "--date", "1979-01-10 12:00"}, journal...)
		stdout, stderr, status := v7em("some\ninput\n", append(args, "date; cat; cd /tmp; mkdir d; cp /bin/[a-m]* d; rm d/[c-k]*; ls -l d; ps alx; sync; true")...)
		if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "Wed Jan 10 07:00:0") {
			t.Errorf("%.60q, %q, status %d", stdout, stderr, status)
		}
		outs = append(outs, stdout)
	}
	if outs[0] != outs[1] {
		t.Errorf("they print %q and %q", outs[0], outs[1])
	}
	for unit := range images.RK().Units {
		var packs [][]byte
		for _, dir := range dirs {
			b, err := os.ReadFile(filepath.Join(dir, images.RK().PackFile(unit)))
			if err != nil {
				t.Fatal(err)
			}
			packs = append(packs, b)
		}
		for n := 0; n < len(packs[0]); n += 512 {
			if !bytes.Equal(packs[0][n:n+512], packs[1][n:n+512]) {
				t.Errorf("block %d of rk%d differs", n/512, unit)
			}
		}
	}
}

// TestRunScratch: nothing is kept, and many run at once.
func TestRunScratch(t *testing.T) {
	dir := newMachineDir(t)
	before := dirContents(t, dir)
	var all sync.WaitGroup
	for i := range 3 {
		all.Add(1)
		go func() {
			defer all.Done()
			got := filepath.Join(t.TempDir(), "got")
			stdout, stderr, status := v7em("", "run", "--dir", dir, "--scratch", "--get", "/x:"+got, fmt.Sprintf("rm -f /unix; echo %d >/x; cat /x", i))
			b, err := os.ReadFile(got)
			if want := fmt.Sprintf("%d\n", i); stdout != want || stderr != "" || status != 0 || string(b) != want {
				t.Errorf("%q, %q, status %d; %q, %v", stdout, stderr, status, b, err)
			}
		}()
	}
	all.Wait()
	// Whoever keeps what is done gets its turn meanwhile.
	other := newMachineDir(t)
	for range 3 {
		all.Add(1)
		go func() {
			defer all.Done()
			if _, stderr, status := v7em("", "run", "--dir", other, "--scratch", "true"); status != 0 {
				t.Errorf("--scratch: status %d, %s", status, stderr)
			}
		}()
	}
	time.Sleep(10 * time.Millisecond)
	if _, stderr, status := v7em("", "run", "--dir", other, "true"); status != 0 {
		t.Errorf("beside --scratch: status %d, %s", status, stderr)
	}
	all.Wait()
	if after := dirContents(t, dir); before != after {
		t.Error("the directory was changed")
	}
}

// dirContents returns all of a directory's files.
func dirContents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %d\n%s", e.Name(), len(b), b)
	}
	return all.String()
}

// TestRunStripped: a kernel without its name list is seen like any other.
func TestRunStripped(t *testing.T) {
	dir := newMachineDir(t)
	if out, errs, status := v7em("", "run", "--dir", dir, "strip /unix"); out+errs != "" || status != 0 {
		t.Fatalf("%s%s, status %d", out, errs, status)
	}
	stdout, stderr, status := v7em("hello\n", "run", "--dir", dir, "--date", "1979-01-10", "cat; sleep 1000; date")
	if !strings.HasPrefix(stdout, "hello\nTue Jan  9 19:16:4") || stderr != "" || status != 0 {
		t.Errorf("%q, %q, status %d", stdout, stderr, status)
	}
	_, stderr, status = v7em("", "run", "--dir", dir, "cat /dev/tty </dev/tty")
	if status != 125 {
		t.Errorf("status %d", status)
	}
	oneLine(t, "a terminal that waits", stderr, "cat reads the terminal")
}
