package crash

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"v7em/block"
	"v7em/images"
	"v7em/images/mini"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/fs/fstest"
)

var (
	long  = flag.Bool("long", false, "cut the power ten times as often")
	kills = flag.Int("kills", 0, "how often TestKill kills v7em (default 5, in the long form 20, or 200 with -long)")
	seed  = flag.Uint64("seed", 1, "of what is random")
)

// scale is how much more is to be done than by default.
func scale() int {
	if *long {
		return 10
	}
	return 1
}

// rounds are those of the script of TestKill.
const rounds = 8

// system is a guest and what the script does there.
type system struct {
	name    string
	copied  string // a program, to copy
	volumes []volume
	// fill fills a pack, prints something in peace, and makes room again.
	fill, prints string
}

// volume is a directory that the script works in, and where it is.
type volume struct {
	dir  string
	unit int
	at   string
}

var systems = []system{
	{
		name: guest.V7, copied: "/bin/ed",
		volumes: []volume{{"/w", 0, "/w"}, {"/usr/tmp/w", 1, "/tmp/w"}, {"/usr/src/w", 5, "/w"}, {"/tmp/w", 7, "/w"}},
		// There is room for one.
		fill:   "mkdir /usr/src/cmd/w; cd /usr/src/cmd/w; cp /unix 1; cp /unix 2; cp /unix 3; ls -l 1 2; rm -rf /usr/src/cmd/w",
		prints: "50946",
	},
	{
		name: guest.Mini, copied: "/bin/sh",
		volumes: []volume{{"/w", 0, "/w"}, {"/usr/w", 0, "/usr/w"}},
		fill: "mkdir /usr/f; cd /usr/f; n='1 2 3 4 5 6 7 8 9'; for i in $n; do for j in $n; do cat /unix /unix >$i$j; done; done 2>/dev/null; " +
			"cp 11 a || echo full; cd /; rm -rf /usr/f",
		prints: "full",
	},
}

// script makes and removes over a hundred directories, copies, links, renames and
// removes files in all volumes and fills one. In each round some things are made to
// stay and others that the next round takes away. It tells of every sync that has
// returned.
func (s *system) script() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	var dirs []string
	for _, v := range s.volumes {
		dirs = append(dirs, v.dir)
	}
	each := "for v in " + strings.Join(dirs, " ") + "; do"
	line("%s rm -rf $v; mkdir $v; done", each)
	line("sync; echo synced 0")
	for r := 1; r <= rounds; r++ {
		line("%s cd $v", each)
		line("mkdir a.%[1]d b.%[1]d b.%[1]d/x c.%[1]d d.%[1]d e.%[1]d f.%[1]d", r)
		line("cp %[2]s ed.%[1]d; ln ed.%[1]d lk.%[1]d; mv ed.%[1]d mv.%[1]d", r, s.copied)
		line("echo %[1]d >a.%[1]d/f; mv a.%[1]d/f kp.%[1]d; cp /bin/cat t.%[1]d; mv b.%[1]d m.%[1]d; echo %[1]d >>log", r)
		line("done")
		line("sync; echo synced %d", r)
		line("%s cd $v", each)
		line("rmdir a.%[1]d m.%[1]d/x m.%[1]d c.%[1]d d.%[1]d e.%[1]d f.%[1]d; rm t.%[1]d mv.%[1]d", r)
		line("done")
		if r%3 == 0 {
			line("%s", s.fill)
		}
	}
	line("sync; echo synced %d", rounds+1)
	return b.String()
}

// v7em is the program under test with a machine that it has installed.
type v7em struct {
	t   *testing.T
	exe string
	dir string
}

// build builds it and installs V7.
func build(t *testing.T) *v7em {
	t.Helper()
	guest.Dist(t)
	v := compile(t)
	v.run("install", "--dir", v.dir)
	return v
}

// compile builds it. There is no machine yet.
func compile(t *testing.T) *v7em {
	t.Helper()
	tmp := t.TempDir()
	v := &v7em{t, filepath.Join(tmp, "v7em"), filepath.Join(tmp, "machine")}
	if out, err := exec.Command("go", "build", "-o", v.exe, "v7em/cmd/v7em").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return v
}

// run runs a command that must work and returns what it prints.
func (v *v7em) run(args ...string) string {
	v.t.Helper()
	out, err := exec.Command(v.exe, args...).CombinedOutput()
	if err != nil {
		v.t.Fatalf("v7em %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (v *v7em) pack(unit int) string { return filepath.Join(v.dir, images.RK().PackFile(unit)) }

// output collects what a process prints and tells of its lines.
type output struct {
	mu    sync.Mutex
	b     bytes.Buffer
	until string
	seen  chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b.Write(p)
	if o.until != "" && strings.Contains(o.b.String(), o.until) {
		o.until = ""
		close(o.seen)
	}
	return len(p), nil
}

// killed runs a script and kills v7em some time after it has printed a line, "" for
// its start. ended says that the script came to its end before.
func (v *v7em) killed(script, after string, wait time.Duration, flags ...string) (stdout, stderr string, ended bool) {
	v.t.Helper()
	out, errs := &output{until: after, seen: make(chan struct{})}, new(bytes.Buffer)
	if after == "" {
		close(out.seen)
	}
	cmd := exec.Command(v.exe, append([]string{"run", "--dir", v.dir}, flags...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), out, errs
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { cmd.Wait(); close(over) }()
	select {
	case <-out.seen:
		select {
		case <-time.After(wait):
		case <-over:
		}
	case <-over:
	}
	cmd.Process.Kill()
	<-over
	return out.b.String(), errs.String(), cmd.ProcessState.Exited()
}

// marker returns the last sync that has returned, -1 for none.
func marker(out string) int {
	last := -1
	for line := range strings.Lines(out) {
		if n, ok := strings.CutPrefix(line, "synced "); ok && strings.HasSuffix(n, "\n") {
			if k, err := strconv.Atoi(strings.TrimSpace(n)); err == nil {
				last = k
			}
		}
	}
	return last
}

// present checks that what was done before a sync is there.
func (s *system) present(stores []*block.Store, synced int, ed []byte) (wrong []string) {
	if synced < 0 {
		return nil
	}
	for _, vol := range s.volumes {
		bad := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%s, synced %d: ", vol.dir, synced)+fmt.Sprintf(format, args...))
		}
		v, err := fs.Open(stores[vol.unit])
		if err != nil {
			bad("%v", err)
			continue
		}
		if _, err := v.Lookup(vol.at); err != nil {
			bad("%v", err)
			continue
		}
		read := func(name string) []byte {
			f, err := v.Open(vol.at + "/" + name)
			if err != nil {
				return nil
			}
			b, _ := io.ReadAll(f)
			return b
		}
		var log string
		for r := 1; r <= min(synced, rounds); r++ {
			log += fmt.Sprintf("%d\n", r)
			if !bytes.Equal(read(fmt.Sprintf("lk.%d", r)), ed) {
				bad("lk.%d is not what was copied", r)
			}
			if got := string(read(fmt.Sprintf("kp.%d", r))); got != fmt.Sprintf("%d\n", r) {
				bad("kp.%d has %q", r, got)
			}
			if r == synced {
				break // what the next round removes may be there or not
			}
			if st, err := v.Lookup(fmt.Sprintf("%s/lk.%d", vol.at, r)); err != nil || st.Nlink != 1 {
				bad("lk.%d has %d links: %v", r, st.Nlink, err)
			}
			for _, gone := range []string{"a", "b", "m", "c", "d", "e", "f", "t", "ed", "mv"} {
				if _, err := v.Lookup(fmt.Sprintf("%s/%s.%d", vol.at, gone, r)); err == nil {
					bad("%s.%d is back", gone, r)
				}
			}
		}
		if got := string(read("log")); !strings.HasPrefix(got, log) {
			bad("the log has %q", got)
		}
	}
	return wrong
}

// look returns the packs as recovery leaves them.
func (v *v7em) look() (stores []*block.Store, recovered int) {
	v.t.Helper()
	for unit := range images.RK().Units {
		if _, err := os.Stat(v.pack(unit)); unit > 0 && err != nil {
			break // mini has one
		}
		s, r, err := journaldev.Look(v.pack(unit))
		if err != nil {
			v.t.Fatal(err)
		}
		if r.Damaged > 0 || r.Changed || r.Forced {
			v.t.Errorf("%s: %v", v.pack(unit), r)
		}
		recovered += r.Count
		stores = append(stores, s)
	}
	return stores, recovered
}

// judge boots V7, from the packs if they are its own, and has icheck and dcheck judge
// all of them. Without V7 there is our own check alone.
func (s *system) judge(t *testing.T, stores []*block.Store, model machine.Model) {
	t.Helper()
	if os.Getenv("V7EM_DIST") == "" {
		return
	}
	var d *images.Drives
	if s.name == guest.V7 {
		d = &images.Drives{Set: images.RK()}
		for _, s := range stores {
			d.Disks = append(d.Disks, machine.MemDisk{Store: s.Clone()})
		}
	}
	g := guest.PowerOn(t, guest.Options{Packs: d, Machine: machine.Config{Model: model}})
	g.Shell()
	g.Run("PATH=:/bin")
	for i := range stores {
		// The root too, once more in a drive of its own: the running one changes.
		unit, s := i, stores[i]
		if i == 0 {
			continue
		}
		opinion(t, g, unit, s)
	}
	var image bytes.Buffer
	var b [block.Size]byte
	for n := range stores[0].Blocks() {
		stores[0].ReadBlock(n, b[:])
		image.Write(b[:])
	}
	last := images.RK().Units - 1
	h := g.Clone(t)
	h.Insert(last, image.Bytes())
	opinion(t, h, last, stores[0])
}

// opinion compares what V7 says of a pack in a drive with what we say.
func opinion(t *testing.T, g *guest.Guest, unit int, s *block.Store) {
	t.Helper()
	ic, dc := g.Run(fmt.Sprintf("icheck /dev/rrk%d", unit)), g.Run(fmt.Sprintf("dcheck /dev/rrk%d", unit))
	if diff := fstest.Compare(fs.Check(s), ic, dc); len(diff) > 0 {
		t.Errorf("rk%d: V7 does not agree: %q", unit, diff)
	}
	if c, err := fstest.ParseIcheck(ic); err != nil || !c.Clean() || !fstest.ParseDcheck(dc).Clean() {
		t.Errorf("rk%d: V7 finds something: %q %q", unit, ic, dc)
	}
}

// ways are the options of the runs that are killed.
var ways = [][]string{
	nil,
	{"--data", "ordered"},
	{"--sync", "msync"},
	nil,
	{"--sync", "fsync", "--commit-interval", "20ms"},
	{"--model", "45", "--memory", "256K"},
	{"--data", "ordered", "--sync", "msync", "--commit-interval", "5ms"},
	{"--sync", "none", "--journal-size", "262144"},
	{"--model", "45", "--memory", "256K", "--data", "ordered", "--sync", "fsync"},
	{"--sync-waits=false", "--commit-interval", "10ms"},
}

// TestKill kills v7em at random moments while V7 is at work, each time on the packs
// that the last time has left.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("runs v7em again and again: left out with -short")
	}
	for i := range systems {
		t.Run(systems[i].name, func(t *testing.T) { testKill(t, &systems[i]) })
	}
}

func testKill(t *testing.T, s *system) {
	var v, packs *v7em
	if s.name == guest.V7 {
		v = build(t)
		packs = v
	} else {
		v = compile(t)
		packs = &v7em{t, v.exe, mini.Dir(v.dir)}
	}
	want := *kills
	if want == 0 {
		want = form.Pick(5, 20*scale())
	}
	begin := time.Now()
	out := v.run("run", "--dir", v.dir, "--guest", s.name, s.script())
	if marker(out) != rounds+1 || strings.Count(out, s.prints) != 2 || !strings.Contains(out, "cp: ") {
		t.Fatalf("the script, in peace, prints\n%s", out)
	}
	stores, _ := packs.look()
	root, err := fs.Open(stores[0])
	if err != nil {
		t.Fatal(err)
	}
	ed, err := root.ReadFile(s.copied)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := s.present(stores, rounds+1, ed); wrong != nil {
		t.Fatalf("after the script, in peace: %q", wrong)
	}
	if wrong := s.present(stores, rounds, ed[1:]); wrong == nil {
		t.Fatal("a wrong file is not noticed")
	}
	round := time.Since(begin) / rounds

	rnd := rand.New(rand.NewPCG(*seed, 17))
	recovered, synced, done := 0, 0, 0
	for i := 0; done < want; i++ {
		if i > 3*want {
			t.Fatalf("of %d runs only %d could be killed in time", i, done)
		}
		way := ways[i%len(ways)]
		after := ""
		if n := rnd.IntN(rounds + 2); n > 0 {
			after = fmt.Sprintf("synced %d\n", n-1)
		}
		out, errs, ended := v.killed(s.script(), after, time.Duration(rnd.Int64N(int64(round))), append([]string{"--guest", s.name}, way...)...)
		if ended {
			if marker(out) != rounds+1 {
				t.Fatalf("%v: %s%s", way, out, errs)
			}
			continue
		}
		done++
		stores, n := packs.look()
		recovered += n
		m := marker(out)
		synced = max(synced, m)
		for unit, s := range stores {
			if r := fs.Check(s); !r.Clean() {
				t.Errorf("kill %d, %v, synced %d: rk%d: %v", i, way, m, unit, r.Problems)
			}
		}
		// Without --sync-waits nothing is promised to the script.
		if !slices.Contains(way, "--sync-waits=false") {
			if wrong := s.present(stores, m, ed); wrong != nil {
				t.Errorf("kill %d, %v: %q", i, way, wrong)
			}
		}
		if done%4 == 0 { // v7em itself, by hand, and the rest by the next start
			for unit := range stores {
				v.run("fs", "check", packs.pack(unit))
				if unit%2 == 0 {
					v.run("journal", "recover", packs.pack(unit))
				}
			}
			after, _ := packs.look()
			for unit, s := range after {
				for n := range s.Diff(stores[unit]) {
					t.Fatalf("kill %d: recovery and reading through the journal differ in block %d of rk%d", i, n, unit)
				}
			}
		}
		model := machine.Model(0)
		if slices.Contains(way, "--model") {
			model = machine.PDP1145
		}
		s.judge(t, stores, model)
		if t.Failed() {
			t.Fatalf("after %d kills", done)
		}
	}
	// How many there are to recover is the host's speed; the cuts of recorded runs
	// see to all of them.
	t.Logf("%d kills, %d transactions were recovered", done, recovered)
	if synced < rounds/2 && done >= 20 {
		t.Errorf("no run came further than sync %d", synced)
	}
}
