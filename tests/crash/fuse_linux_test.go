package crash

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"v7em/block"
	"v7em/images"
	"v7em/images/mini"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/tests/forgetful"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
)

var fuseCuts = flag.Int("fuse-cuts", 0, "how often TestFuse cuts the power of each guest (default 4 for mini and 2 for V7, in the long form 12 and 3, or ten times that with -long)")

// onFuse is v7em with its machine's files on a forgetful file system.
type onFuse struct {
	*v7em
	sys   *system
	at    string // the directory that the packs are in, a mount point
	files map[string][]byte
}

// newOnFuse builds v7em and makes a machine. Its files are still in memory only.
func newOnFuse(t *testing.T, s *system) *onFuse {
	t.Helper()
	var v *v7em
	if s.name == guest.V7 {
		v = build(t)
	} else {
		v = compile(t)
		v.run("run", "--dir", v.dir, "--guest", s.name, "true")
	}
	// What a first run has made, the journal, is made anew.
	o := &onFuse{v7em: v, sys: s, at: v.packs(s)}
	o.files = forgetful.Load(t, o.at)
	maps.DeleteFunc(o.files, func(name string, _ []byte) bool { return strings.HasSuffix(name, ".journal") })
	v.dir = filepath.Join(t.TempDir(), "machine") // which is not there
	o.at = v.packs(s)
	return o
}

// packs returns the directory with the packs of the guest.
func (v *v7em) packs(s *system) string {
	if s.name == guest.Mini {
		return mini.Dir(v.dir)
	}
	return v.dir
}

// powerCut runs the script on a forgetful file system and cuts the power some time after
// v7em has printed a line. It returns what v7em had printed by then, and the host.
func (o *onFuse) powerCut(t *testing.T, files map[string][]byte, after string, wait time.Duration, flags ...string) (stdout, stderr string, h *forgetful.Host) {
	t.Helper()
	h = forgetful.Mount(t, o.at, files, forgetful.Fault{})
	out, errs := &output{until: after, seen: make(chan struct{})}, new(bytes.Buffer)
	if after == "" {
		close(out.seen)
	}
	cmd := exec.Command(o.exe, append([]string{"run", "--dir", o.dir, "--guest", o.sys.name}, flags...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(o.sys.script()), out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
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
	// First the disk stops, then the program, and only then its calls return.
	h.SetPower(forgetful.Frozen)
	cmd.Process.Kill()
	h.SetPower(forgetful.Off)
	<-over
	h.Unmount()
	return out.b.String(), errs.String(), h
}

// judgeLeft checks what a power cut has left.
func (o *onFuse) judgeLeft(t *testing.T, files map[string][]byte, synced int, copied []byte, byHand bool) (wrong []string) {
	t.Helper()
	w := &v7em{t, o.exe, t.TempDir()}
	forgetful.Store(t, w.dir, files)
	stores, _ := w.look()
	for unit, s := range stores {
		if r := fs.Check(s); !r.Clean() {
			wrong = append(wrong, fmt.Sprintf("rk%d: %v", unit, r.Problems))
		}
	}
	wrong = append(wrong, o.sys.present(stores, synced, copied)...)
	if byHand && len(wrong) == 0 { // the real program comes to the same
		for unit := range stores {
			w.run("journal", "recover", w.pack(unit))
			w.run("fs", "check", w.pack(unit))
		}
		after, _ := w.look()
		for unit, s := range after {
			for n := range s.Diff(stores[unit]) {
				t.Fatalf("recovery and reading through the journal differ in block %d of rk%d", n, unit)
			}
		}
	}
	return wrong
}

// copiedProgram returns what the script copies.
func (o *onFuse) copiedProgram(t *testing.T) []byte {
	t.Helper()
	f, err := fs.Open(fs.MemOf(o.files[images.RK().PackFile(0)]))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.ReadFile(o.sys.copied)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fuseWays are the options of the runs whose power is cut.
var fuseWays = [][]string{
	{"--sync", "fsync"},
	{"--sync", "fdatasync", "--data", "ordered"},
	{"--sync", "msync"},
	{"--sync", "msync", "--data", "ordered", "--commit-interval", "10ms"},
	{"--sync", "fdatasync", "--commit-interval", "10ms", "--journal-size", "262144"},
	{"--sync", "fsync", "--data", "ordered", "--commit-interval", "50ms"},
}

// TestFuse runs v7em as a process on a file system that forgets what fsync, fdatasync or
// msync had not covered, and cuts the power at random moments, each time on what the last
// time has left. All packs come back clean, with all that was synced.
func TestFuse(t *testing.T) {
	if testing.Short() {
		t.Skip("runs v7em again and again: left out with -short")
	}
	for i := range systems {
		t.Run(systems[i].name, func(t *testing.T) { testFuse(t, &systems[i]) })
	}
}

func testFuse(t *testing.T, s *system) {
	o := newOnFuse(t, s)
	want := *fuseCuts
	if want == 0 {
		want = form.Pick(4, 12*scale())
		if s.name == guest.V7 {
			want = form.Pick(2, 3*scale())
		}
	}
	copied := o.copiedProgram(t)
	rnd := rand.New(rand.NewPCG(*seed, 23))
	losses := []crashtest.Loss{crashtest.LoseAll, crashtest.Random}
	files := o.files
	best, writes, syncs := -1, 0, 0
	for i := range want {
		way := fuseWays[i%len(fuseWays)]
		after := ""
		if n := rnd.IntN(rounds + 2); n > 0 {
			after = fmt.Sprintf("synced %d\n", n-1)
		}
		wait := time.Duration(rnd.IntN(100)) * time.Millisecond
		loss := losses[i/len(fuseWays)%len(losses)]
		out, errs, h := o.powerCut(t, files, after, wait, way...)
		m := marker(out)
		if m < 0 && after != "" {
			t.Fatalf("cut %d, %v: it prints %q and %q", i, way, out, errs)
		}
		w, y := h.Calls()
		if (w == 0 || y == 0) && m >= 0 {
			t.Errorf("cut %d, %v: the host has seen %d writes and %d syncs", i, way, w, y)
		}
		best, writes, syncs = max(best, m), writes+w, syncs+y
		files = h.Left(loss, rnd)
		if wrong := o.judgeLeft(t, files, m, copied, i%3 == 0); wrong != nil {
			t.Fatalf("seed %d, cut %d, %v, synced %d, %v: %q", *seed, i, way, m, loss, wrong)
		}
	}
	t.Logf("seed %d: %d cuts, %d writes, %d syncs, none of the promises broken", *seed, want, writes, syncs)
	if best < 3 && want >= 12 {
		t.Errorf("no run came further than sync %d", best)
	}
}

// TestFuseForgets shows that the file system really forgets: what is not synced, or not
// journaled, is damaged or gone.
func TestFuseForgets(t *testing.T) {
	if testing.Short() {
		t.Skip("runs v7em again and again: left out with -short")
	}
	o := newOnFuse(t, &systems[len(systems)-1])
	copied := o.copiedProgram(t)
	rnd := rand.New(rand.NewPCG(*seed, 29))
	for _, way := range [][]string{{"--sync", "none"}, {"--journal", "off"}} {
		for _, loss := range []crashtest.Loss{crashtest.LoseAll, crashtest.Random} {
			const tries = 5
			var wrong []string
			for try := 0; try < tries && wrong == nil; try++ {
				out, errs, h := o.powerCut(t, o.files, "synced 3\n", 0, way...)
				if marker(out) < 3 {
					t.Fatalf("%v: it prints %q and %q", way, out, errs)
				}
				wrong = o.judgeForgotten(t, h.Left(loss, rnd), marker(out), copied)
			}
			if wrong == nil {
				t.Errorf("%v, %v: neither damage nor loss in %d cuts", way, loss, tries)
			} else {
				t.Logf("%v, %v: %.300q", way, loss, wrong)
			}
		}
	}
}

// judgeForgotten is judgeLeft for packs that may be damaged as much as they like, with
// their journals.
func (o *onFuse) judgeForgotten(t *testing.T, files map[string][]byte, synced int, copied []byte) []string {
	t.Helper()
	dir := t.TempDir()
	forgetful.Store(t, dir, files)
	pack := filepath.Join(dir, images.RK().PackFile(0))
	s, r, err := journaldev.Look(pack)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	if r.Damaged > 0 || r.Changed || r.Forced {
		wrong = append(wrong, r.String())
	}
	if c := fs.Check(s); !c.Clean() {
		wrong = append(wrong, c.String())
	}
	return append(wrong, o.sys.present([]*block.Store{s}, synced, copied)...)
}
