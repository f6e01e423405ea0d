package journaldev

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev/crashtest"
	"v7em/unix/fs"
)

var cuts = flag.Int("cuts", 20_000, "how many power cuts TestPowerCuts makes")

// processes are what the test binary can be, as asProcess says, other than a test.
var processes = map[string]func() error{}

const asProcess = "V7EM_TEST_PROCESS"

// TestMain lets garbage lie about longer: each of the many cuts makes some, and
// next to nothing is alive.
func TestMain(m *testing.M) {
	if os.Getenv(asVictim) != "" {
		fmt.Fprintln(os.Stderr, victim(os.Args[1]))
		os.Exit(1)
	}
	if f := processes[os.Getenv(asProcess)]; f != nil {
		if err := f(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	debug.SetGCPercent(500)
	os.Exit(m.Run())
}

// The packs of these tests: a file system, and swap space behind it.
const (
	testBlocks = 128
	testFSize  = 104
)

// testSwap is what the kernel of these tests swaps to, as far as no file system has it.
var testSwap = Range{96, testBlocks}

// testPack returns the image of a pack with an empty file system.
func testPack(t testing.TB) []byte {
	t.Helper()
	m := fs.NewMem(testBlocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: testFSize, Time: time.Unix(300_000_000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return m.Bytes()
}

// testClock returns a clock that goes on by a millisecond with every look.
func testClock() func() time.Time {
	now := time.Unix(1_000_000_000, 0)
	return func() time.Time {
		now = now.Add(time.Millisecond)
		return now
	}
}

// workload is a volume on recorded files, with all that was committed to it.
type workload struct {
	t      testing.TB
	rnd    *rand.Rand
	trace  *crashtest.Trace
	v      *Volume
	states []*block.Store // the first is the pack before any commit
	swaps  []Range        // what the kernel swapped to then
	moving bool           // the kernel changes what it swaps to
	tokens []*Ticket
	acked  int
	raw    bool // no file system: blocks written at random
	begin  int  // the event from which on the files are a pack with its journal

	faults bool // errors are expected: they end the workload
	failed error
}

// no takes an error of the volume.
func (w *workload) no(err error) {
	w.t.Helper()
	if err != nil && !w.faults {
		w.t.Fatal(err)
	}
	w.failed = cmp.Or(w.failed, err)
}

// The notes in a trace.
type (
	called int // commit number k was called
	acked  int // commit number k was told durable
)

func startWorkload(t testing.TB, seed uint64, o VolumeOptions) *workload {
	t.Helper()
	w := &workload{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), trace: new(crashtest.Trace)}
	if o.Layout == nil {
		o.Swap = testSwap
	}
	w.mount(w.trace.NewFile(testPack(t)), w.trace.NewFile(nil), o)
	w.states, w.swaps = []*block.Store{w.v.Snapshot()}, []Range{o.Swap}
	w.begin = len(w.trace.Events())
	return w
}

func (w *workload) mount(image, journal File, o VolumeOptions) {
	w.t.Helper()
	o.ByHand = true
	if o.Clock == nil {
		o.Clock = testClock()
	}
	v, err := Mount(image, journal, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.v = v
}

// commit commits the view.
func (w *workload) commit() {
	w.t.Helper()
	s := w.v.Snapshot()
	w.states, w.swaps = append(w.states, s), append(w.swaps, w.v.o.Swap)
	k := len(w.states) - 1
	// The mark comes first: Commit itself may do I/O that makes it durable.
	w.trace.Mark(called(k))
	tok, err := w.v.Commit(s, Note{Reason: "test", Ops: []Op{{Program: "op", PID: k}}})
	if w.no(err); err != nil {
		return
	}
	w.tokens = append(w.tokens, tok)
	w.acks()
}

// acks notes the commits that were told durable.
func (w *workload) acks() {
	for w.acked < len(w.tokens) {
		select {
		case <-w.tokens[w.acked].Done():
			if err := w.tokens[w.acked].Wait(); err != nil {
				w.no(err)
				return
			}
			w.acked++
			w.trace.Mark(acked(w.acked))
		default:
			return
		}
	}
}

// step lets the drive do one piece of I/O.
func (w *workload) step() bool {
	w.v.mu.Lock()
	ok := w.v.step()
	w.v.mu.Unlock()
	w.acks()
	return ok
}

// change does one random operation on the file system.
func (w *workload) change() {
	w.t.Helper()
	var b [block.Size]byte
	if w.rnd.IntN(3) == 0 { // swap, as an exec does
		w.fill(b[:])
		w.no(w.v.WriteBlock(testFSize+w.rnd.IntN(testBlocks-testFSize), b[:]))
	}
	if w.raw {
		n := 1 + w.rnd.IntN(12)
		if w.rnd.IntN(9) == 0 {
			n = 300 // more than the journal holds
		}
		for range n {
			w.fill(b[:])
			w.no(w.v.WriteBlock(w.rnd.IntN(testBlocks), b[:]))
		}
		return
	}
	f, err := fs.Open(w.v)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	f.Walk("/", func(path string, st fs.Stat) error {
		all = append(all, path)
		return nil
	})
	any := all[w.rnd.IntN(len(all))]
	name := fs.Join(any, fmt.Sprintf("f%d", w.rnd.IntN(20)))
	a := fs.Attr{Perm: 0o644}
	// Errors, of what is no directory or a full disk, are part of the life.
	switch w.rnd.IntN(9) {
	case 0, 1:
		f.Mkdir(name, a)
	case 2, 3, 4:
		n := w.rnd.IntN(3 * block.Size)
		if w.rnd.IntN(4) == 0 {
			n = w.rnd.IntN(80 * block.Size) // perhaps more than the journal holds
		}
		data := make([]byte, n)
		w.fill(data)
		f.WriteFile(name, data, a)
	case 5:
		f.Link(any, fmt.Sprintf("/l%d", w.rnd.IntN(20)))
	case 6, 7:
		if len(all) > 12 && any != "/" {
			f.RemoveAll(any)
		} else {
			f.Unlink(any)
		}
	case 8:
		f.WriteAt(any, []byte("changed in place"), int64(w.rnd.IntN(2000)))
	}
	w.no(f.Sync())
}

func (w *workload) fill(p []byte) {
	for i := range p {
		p[i] = byte(w.rnd.Uint32())
	}
}

// run does operations, commits and I/O in random order.
func (w *workload) run(ops int) {
	w.t.Helper()
	for range ops {
		w.change()
		if w.moving && w.rnd.IntN(3) == 0 {
			w.v.SetSwap([]Range{{}, testSwap, {testFSize + 9, testBlocks - 3}, {0, testBlocks}}[w.rnd.IntN(4)])
		}
		if w.rnd.IntN(3) > 0 && w.failed == nil {
			w.commit()
		}
		for range w.rnd.IntN(9) {
			w.step()
		}
		if w.failed != nil {
			return
		}
	}
}

// counted says which blocks a recovered pack must have as the commit had them.
func counted(s *block.Store, o VolumeOptions, swap Range) []bool {
	find := o.Layout
	if find == nil {
		find = Detect
	}
	l := layoutOf(s, find, swap)
	return counting(s.Blocks(), l, o.Data == DataOrdered, Survey(s, l))
}

// same says whether a recovered pack is as the commit had it.
func same(got, want *block.Store, counts []bool) bool {
	for n := range got.Diff(want) {
		if counts[n] {
			return false
		}
	}
	return true
}

// verify cuts the power after every write and sync of the trace from begin on, and
// checks what recovery makes of it. It returns the number of cuts.
func (w *workload) verify(o VolumeOptions) (done int, err error) {
	var counts [][]bool
	for k, s := range w.states {
		counts = append(counts, counted(s, o, w.swaps[k]))
	}
	lo, hi := 0, 0
	d := w.trace.Replay()
	cut := func(l crashtest.Loss) error {
		done++
		files := d.Crash(l, w.rnd)
		if done%200 != 0 {
			_, err := w.recovers(files, o, counts, lo, hi)
			return err
		}
		image, err := w.recovers([][]byte{bytes.Clone(files[0]), bytes.Clone(files[1])}, o, counts, lo, hi)
		if err == nil {
			err = w.recoverTwice(files, image)
		}
		return err
	}
	for {
		e, ok := d.Next()
		if !ok {
			return done, nil
		}
		switch k := e.Note.(type) {
		case called:
			hi = int(k)
		case acked:
			lo = int(k)
		}
		if d.At() < w.begin || e.Kind == crashtest.Mark {
			continue
		}
		for _, l := range []crashtest.Loss{crashtest.KeepAll, crashtest.LoseAll, crashtest.Random, crashtest.Random} {
			if l == crashtest.Random && d.Unsynced() == 0 {
				continue
			}
			if err := cut(l); err != nil {
				return done, fmt.Errorf("cut after event %d (%v), %v: %w", d.At(), e, l, err)
			}
		}
	}
}

// recovers recovers what a crash left, in place, and checks that the pack is one of
// the commits lo to hi. It returns the image.
func (w *workload) recovers(files [][]byte, o VolumeOptions, counts [][]bool, lo, hi int) (*crashtest.Plain, error) {
	image := &crashtest.Plain{Data: files[0]}
	r, err := open(packOf(image), &backing{f: &crashtest.Plain{Data: files[1]}}, false)
	if err != nil {
		return nil, err
	}
	if r.report.Damaged != 0 || r.report.Changed {
		return nil, fmt.Errorf("recovery says: %v", r.report)
	}
	got := block.NewStore(testBlocks)
	if err := got.Load(image); err != nil {
		return nil, err
	}
	for k := hi; k >= lo; k-- {
		if same(got, w.states[k], counts[k]) {
			return image, nil
		}
	}
	return nil, fmt.Errorf("the pack is none of the commits %d to %d", lo, hi)
}

// recoverTwice cuts the power in the middle of recovery, everywhere, and recovers
// again: that must give the same pack.
func (w *workload) recoverTwice(files [][]byte, want *crashtest.Plain) error {
	var t crashtest.Trace
	image, journal := t.NewFile(files[0]), t.NewFile(files[1])
	v, err := Mount(image, journal, VolumeOptions{ByHand: true, Clock: testClock()})
	if err != nil {
		return err
	}
	v.Cut()
	d := t.Replay()
	for {
		for l := range crashtest.NumLoss {
			files := d.Crash(l, w.rnd)
			image := &crashtest.Plain{Data: files[0]}
			r, err := open(packOf(image), &backing{f: &crashtest.Plain{Data: files[1]}}, false)
			if err != nil {
				return fmt.Errorf("crash after event %d of recovery, %v: %w", d.At(), l, err)
			}
			if !bytes.Equal(image.Data, want.Data) || r.report.Damaged != 0 || r.report.Changed {
				return fmt.Errorf("crash after event %d of recovery, %v: another pack comes out (%v)", d.At(), l, r.report)
			}
		}
		if _, ok := d.Next(); !ok {
			return nil
		}
	}
}

// modes are the ways in which the volumes of the crash tests run.
var modes = map[string]struct {
	o      VolumeOptions
	raw    bool
	moving bool
}{
	"journal":     {o: VolumeOptions{JournalSize: MinJournalSize, Transactions: 3}},
	"undo":        {o: VolumeOptions{JournalSize: 2 * MinJournalSize, Undo: true}},
	"ordered":     {o: VolumeOptions{JournalSize: MinJournalSize, Data: DataOrdered}},
	"two at most": {o: VolumeOptions{JournalSize: MinJournalSize, Transactions: 2, Data: DataOrdered}},
	"no V7":       {o: VolumeOptions{JournalSize: MinJournalSize, Layout: NoLayout}, raw: true},
	"swap moves":  {o: VolumeOptions{JournalSize: MinJournalSize, Transactions: 3}, moving: true},
}

func TestPowerCuts(t *testing.T) {
	total, commits, grown := 0, 0, 0
	for seed := uint64(1); total < *cuts; seed++ {
		for name, m := range modes {
			w := startWorkload(t, seed, m.o)
			w.raw, w.moving = m.raw, m.moving
			w.run(60)
			if seed%2 == 0 {
				if err := w.v.Close(); err != nil {
					t.Fatal(err)
				}
				w.acks()
				if w.acked != len(w.tokens) {
					t.Fatalf("%s: Close left commits that are not durable", name)
				}
			}
			n, err := w.verify(m.o)
			if err != nil {
				t.Fatalf("%s, seed %d: %v", name, seed, err)
			}
			total += n
			commits += len(w.states) - 1
			if w.v.head.ring > ringFor(m.o.JournalSize) {
				grown++
			}
		}
	}
	t.Logf("%d cuts of workloads of %d commits; %d journals grew", total, commits, grown)
	if grown == 0 {
		t.Error("no journal grew")
	}
}

// TestPowerCutsNotice breaks what the cuts rest on: they must notice.
func TestPowerCutsNotice(t *testing.T) {
	for name, m := range map[string]struct {
		o    VolumeOptions
		drop func(name string, f File) File
	}{
		"journal not synced": {drop: func(name string, f File) File {
			if name == "journal" {
				return unsynced{f}
			}
			return f
		}},
		"image not synced": {drop: func(name string, f File) File {
			if name == "image" {
				return unsynced{f}
			}
			return f
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				w := startWorkload(t, seed, m.o)
				if m.drop != nil {
					w.v.home.f, w.v.journal.f = m.drop("image", w.v.home.f), m.drop("journal", w.v.journal.f)
				}
				w.run(60)
				if _, err := w.verify(m.o); err != nil {
					t.Log(err)
					return
				}
			}
			t.Error("the cuts find nothing wrong")
		})
	}
}

// TestInheritance dirties the blocks of a committed transaction again while the
// journal is full: the first has to go home and leave the journal before the second
// can be written. Rule 5 says that its blocks go home then, though the second has
// newer versions. To treat them as written, as the design note does, loses them when
// the power fails between the two.
func TestInheritance(t *testing.T) {
	for _, unsafe := range []bool{false, true} {
		o := VolumeOptions{JournalSize: MinJournalSize, Layout: NoLayout}
		if unsafe {
			o.Flaw = FlawInherit
		}
		w := startWorkload(t, 1, o)
		w.raw = true
		change := func(c byte) {
			for n := range 40 { // of a ring with room for fewer than 60
				if err := w.v.WriteBlock(n, fill(c)); err != nil {
					t.Fatal(err)
				}
			}
			w.commit()
		}
		change(1)
		for w.v.core.in(StateTrans) == nil {
			w.step()
		}
		change(2)
		for w.step() {
		}
		n, err := w.verify(o)
		t.Logf("unsafe %v: %d cuts, %v", unsafe, n, err)
		if (err != nil) != unsafe {
			t.Errorf("unsafe %v: %v", unsafe, err)
		}
	}
}

// unsynced is a file whose syncs do nothing.
type unsynced struct{ File }

func (unsynced) Sync() error { return nil }

// TestKilledThenPowerCut kills the process, which leaves everything to be read but
// not durable, lets recovery run, and cuts the power during and after it.
func TestKilledThenPowerCut(t *testing.T) {
	for name, m := range modes {
		for seed := range uint64(2) {
			w := startWorkload(t, 100+seed, m.o)
			w.raw, w.moving = m.raw, m.moving
			w.run(30)
			w.begin += w.rnd.IntN(len(w.trace.Events()) - w.begin)
			var files []*crashtest.File
			w.trace, files = w.trace.Kill(w.begin)
			lo, hi := 0, 0
			for _, e := range w.trace.Events() {
				switch k := e.Note.(type) {
				case called:
					hi = int(k)
				case acked:
					lo = int(k)
				}
			}
			w.mount(files[0], files[1], m.o)
			// What was not acknowledged may be there or not. What is there when Mount
			// has returned is durable.
			got, k := w.v.Snapshot(), hi
			for ; k >= lo && !same(got, w.states[k], counted(w.states[k], m.o, w.swaps[k])); k-- {
			}
			if k < lo {
				t.Fatalf("%s, seed %d: killed at %d, the pack is none of the commits %d to %d", name, seed, w.begin, lo, hi)
			}
			w.states, w.swaps = append(w.states[:hi+1], got), append(w.swaps[:hi+1], Range{})
			w.tokens, w.acked = make([]*Ticket, hi+1), hi+1
			w.trace.Mark(called(hi + 1))
			w.trace.Mark(acked(hi + 1))
			w.run(20)
			if _, err := w.verify(m.o); err != nil {
				t.Fatalf("%s, seed %d, killed at %d: %v", name, seed, w.begin, err)
			}
		}
	}
}

// TestCommittedStatesAreClean checks that the workload's commits are clean file
// systems, so that the cuts above recover to clean ones.
func TestCommittedStatesAreClean(t *testing.T) {
	w := startWorkload(t, 3, VolumeOptions{})
	w.run(100)
	for k, s := range w.states {
		if r := fs.Check(s); !r.Clean() {
			t.Fatalf("commit %d: %v", k, r.Problems)
		}
	}
	if n := slices.IndexFunc(w.states, func(s *block.Store) bool { return fs.Check(s).Dirs > 4 }); n < 0 {
		t.Error("the workload makes hardly any directories")
	}
}
