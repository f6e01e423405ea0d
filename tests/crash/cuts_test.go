package crash

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"v7em/asm"
	"v7em/block"
	"v7em/commit"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/machine"
	"v7em/rk"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

var cuts = flag.Int("cuts", 0, "at how many places TestCuts cuts the power at least (default 6000, in the long form 20000, a quarter for mini; ten times that with -long)")

// called and acked are the notes in a trace: commit number k was asked for, and
// was told durable.
type (
	called int
	acked  int
)

// recorded is a journaled pack in memory, with all that is written to it and its
// journal, and all that was committed.
type recorded struct {
	*journaldev.Volume
	unit    int
	mode    journaldev.VolumeOptions
	trace   crashtest.Trace
	begin   int         // the event from which on there is a pack with its journal
	written []guestWord // by a guest that is not V7
	keep    bool        // written

	mu     sync.Mutex     // protects what follows, while there are commits
	states []*block.Store // the first is the pack before any commit
	acked  int
}

// guestWord is the first word of a block that a guest has written.
type guestWord struct {
	block int
	word  uint16
}

func newRecorded(t *testing.T, unit int, image []byte, o journaldev.VolumeOptions) *recorded {
	t.Helper()
	r := &recorded{unit: unit, mode: o}
	v, err := journaldev.Mount(r.trace.NewFile(image), r.trace.NewFile(nil), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Volume, r.begin = v, len(r.trace.Events())
	r.states = []*block.Store{v.Snapshot()}
	return r
}

// fileSystem returns the size of the V7 file system on a pack, or of the pack if
// there is none.
func fileSystem(s *block.Store) int {
	if v, err := fs.Open(s); err == nil {
		return int(v.Super().FSize)
	}
	return s.Blocks()
}

// Commit implements commit.Volume. It returns when the state is durable; in step,
// when it is home.
func (r *recorded) Commit(state *block.Store, n journaldev.Note) (*journaldev.Ticket, error) {
	r.mu.Lock()
	r.states = append(r.states, state.Clone())
	k := len(r.states) - 1
	r.mu.Unlock()
	r.trace.Mark(called(k))
	ticket, err := r.Volume.Commit(state, n)
	if err != nil {
		return nil, err
	}
	for r.mode.ByHand && r.Step() {
	}
	if err := ticket.Wait(); err != nil {
		return nil, err
	}
	r.trace.Mark(acked(k))
	r.mu.Lock()
	r.acked = k
	r.mu.Unlock()
	return ticket, nil
}

// durable returns the newest state that was told durable.
func (r *recorded) durable() *block.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.states[r.acked]
}

// WriteBlock is the guest's. In step, swap space is written before it returns.
func (r *recorded) WriteBlock(n int, p []byte) error {
	if r.keep {
		r.written = append(r.written, guestWord{n, uint16(p[0]) | uint16(p[1])<<8})
	}
	err := r.Volume.WriteBlock(n, p)
	for r.mode.ByHand && r.Step() {
	}
	return err
}

// run is a machine whose packs are recorded.
type run struct {
	t     *testing.T
	m     *machine.Machine
	c     *commit.Committer
	packs []*recorded
	now   atomic.Uint64 // virtual time, for the committer
}

// commits has a machine committed to its recorded packs, by its own virtual time. In
// step, the machine waits for each commit: the traces are the same each time then.
func commits(t *testing.T, m *machine.Machine, interval time.Duration, inStep bool, packs ...*recorded) *run {
	t.Helper()
	r := &run{t: t, m: m, packs: packs}
	volumes := map[kernel.Drive]commit.Volume{}
	for _, p := range packs {
		volumes[kernel.Drive{Controller: kernel.RK, Unit: p.unit}] = p
		m.DetachRK(p.unit)
		if err := m.AttachRK(p.unit, p); err != nil {
			t.Fatal(err)
		}
	}
	r.now.Store(m.Now())
	o := commit.Options{
		Interval: interval, SyncWaits: true,
		Clock: func() time.Time { return time.Unix(0, int64(r.now.Load())) },
	}
	if inStep {
		o.InStep = func() {} // nothing is left to do: see recorded
	}
	r.c = commit.NewCommitter(m, volumes, o)
	attend := m.Attend
	m.Attend = func() {
		r.now.Store(m.Now())
		attend()
	}
	return r
}

// end ends the run as a power failure does: commits that are under way are not.
func (r *run) end() {
	r.c.Close()
	for _, p := range r.packs {
		p.Cut()
	}
}

// verdict counts what cutting the power of a pack came to.
type verdict struct {
	cuts, events, commits, recovered int
	matched                          map[int]bool
}

// cut cuts the power after every write and sync of the pack's trace, and checks that
// what recovery makes of it is one of the commits: no older than what was durable,
// no newer than what was asked for, and clean, if it is to be. extra is how many
// random subsets of what was not synced are lost, beside all and nothing.
func (r *recorded) cut(rnd *rand.Rand, extra int, clean bool, events []crashtest.Event) (verdict, error) {
	v := verdict{matched: map[int]bool{}, commits: len(r.states) - 1}
	d := r.trace.Replay()
	lo, hi, seen := 0, 0, 0
	for at, e := range events {
		switch k := e.Note.(type) {
		case called:
			hi = int(k)
		case acked:
			lo = int(k)
		}
		d.Happen(e)
		if at < r.begin || e.Kind == crashtest.Mark {
			continue
		}
		v.events++
		for i := range 2 + extra {
			l := crashtest.Loss(min(i, int(crashtest.Random)))
			if l != crashtest.KeepAll && d.Unsynced() == 0 {
				continue // is the same
			}
			k, n, err := r.recover(d.Leave(l, rnd), lo, hi)
			v.cuts++
			v.recovered += n
			if err == nil && l == crashtest.KeepAll {
				if k < seen {
					err = fmt.Errorf("commit %d comes back, %d did before", k, seen)
				}
				seen = k
			}
			if err == nil && clean && !v.matched[k] {
				if rep := fs.Check(r.states[k]); !rep.Clean() {
					err = fmt.Errorf("commit %d: %v", k, rep.Problems)
				}
			}
			if err != nil {
				return v, fmt.Errorf("rk%d, cut after event %d (%v), %v: %w", r.unit, at, e, l, err)
			}
			v.matched[k] = true
		}
	}
	return v, nil
}

// recover recovers what a crash left and returns the commit that it is, and how many
// transactions were brought home.
func (r *recorded) recover(files []*crashtest.Left, lo, hi int) (commit, count int, err error) {
	o := r.mode
	o.JournalSize = 0
	v, err := journaldev.Mount(files[0], files[1], o)
	if err != nil {
		return 0, 0, err
	}
	rec, got := v.Recovery(), v.Snapshot()
	v.Cut()
	if rec.Damaged > 0 || rec.Changed || rec.Forced {
		return 0, 0, fmt.Errorf("recovery says: %v", rec)
	}
	for k := hi; k >= lo; k-- {
		if same(got, r.states[k], r.mode.Data == journaldev.DataOrdered) {
			return k, rec.Count, nil
		}
	}
	return 0, 0, fmt.Errorf("the pack is none of the commits %d to %d (%v)", lo, hi, rec)
}

// same says whether a recovered pack is as a commit had it, but for swap space and,
// if ordered, blocks that are free.
func same(got, want *block.Store, ordered bool) bool {
	var free map[int]bool
	end := fileSystem(want)
	for n := range got.Diff(want) {
		if n >= end {
			break
		}
		if ordered && free == nil {
			free = freeBlocks(want)
		}
		if !free[n] {
			return false
		}
	}
	return true
}

// freeBlocks returns the blocks that are on a file system's free list, or are not
// used at all; those that link the list count.
func freeBlocks(s *block.Store) map[int]bool {
	v, err := fs.Open(s)
	if err != nil {
		return map[int]bool{}
	}
	free := map[int]bool{}
	super := v.Super()
	list, n := super.Free[:], int(super.NFree)
	var b [block.Size]byte
	for range s.Blocks() {
		if n <= 0 || n > len(list) {
			break
		}
		for _, bno := range list[1:n] {
			free[int(bno)] = true
		}
		next := int(list[0])
		if next == 0 || s.ReadBlock(next, b[:]) != nil {
			break
		}
		n = int(b[0]) | int(b[1])<<8
		more := make([]int32, len(list))
		for i := range more {
			p := b[2+4*i:]
			more[i] = int32(p[0])<<16 | int32(p[1])<<24 | int32(p[2]) | int32(p[3])<<8
		}
		list = more
	}
	return free
}

// workRounds are the rounds of work.
const workRounds = 3

// work is what a guest does while its packs are recorded.
var work = `
for r in ` + numbers(workRounds, " ") + `; do
for v in /tmp /usr/doc /usr/tmp; do
cd $v
mkdir a.$r b.$r b.$r/x c.$r d.$r
cp /bin/cat t.$r; ln t.$r l.$r; mv t.$r m.$r; cp /bin/echo k.$r
mv b.$r w.$r; rmdir w.$r/x w.$r c.$r
echo $r >>log
done
sync; echo synced $r
for v in /tmp /usr/doc /usr/tmp; do
cd $v
rmdir a.$r d.$r; rm l.$r m.$r
done
if test $r = 2; then
cd /tmp; for i in 1 2 3 4 5 6 7 8; do cp /unix big.$i; done 2>/dev/null; rm big.*
fi
done
sync; echo synced ` + fmt.Sprint(workRounds+1) + `
`

// numbers returns the numbers from 1 to n, each followed by a text.
func numbers(n int, text string) (s string) {
	for k := range n {
		s += fmt.Sprint(k+1) + text
	}
	return s
}

// small returns the image of a pack with an empty file system of so many blocks.
func small(t *testing.T, blocks int) []byte {
	t.Helper()
	m := fs.NewMem(journaldev.RK05.Blocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: blocks, Time: guest.Epoch})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return m.Bytes()
}

// recordGuest records a guest at work on the packs of its root, of /usr, which mini has
// on its root, and on two small ones.
func recordGuest(t *testing.T, system string, inStep bool, o journaldev.VolumeOptions, interval time.Duration) *run {
	t.Helper()
	o.ByHand = inStep
	g := guest.Boot(t, guest.Options{Guest: system, Files: map[string]string{"/work.sh": work}})
	logs := map[int]string{1: "/tmp/log", 3: "/log", 7: "/log"}
	if system == guest.Mini {
		logs = map[int]string{0: "/usr/tmp/log", 3: "/log", 7: "/log"}
		g.Run("mkdir /usr/doc")
	}
	g.Run("/etc/umount /dev/rk7; /etc/umount /dev/rk3")
	g.Insert(7, small(t, 420))
	g.Insert(3, small(t, 520))
	g.Run("/etc/mount /dev/rk7 /tmp; /etc/mount /dev/rk3 /usr/doc; mkdir /tmp/w")
	g.Sync()
	var packs []*recorded
	for unit := range 8 {
		if unit > 0 && logs[unit] == "" {
			continue
		}
		image := guest.Image(t, g.M.RK.Disk(unit))
		if r := fs.Check(fs.MemOf(bytes.Clone(image))); !r.Clean() {
			t.Fatalf("rk%d, to begin with: %v", unit, r.Problems)
		}
		packs = append(packs, newRecorded(t, unit, image, o))
	}
	r := commits(t, g.M, interval, inStep, packs...)
	g.Send("sh /work.sh\r")
	for k := 1; k <= workRounds+1; k++ {
		g.Await(fmt.Sprintf("synced %d\r", k))
		for _, p := range packs {
			name := logs[p.unit]
			if name == "" {
				continue
			}
			// The newest that is durable has what was done before the sync.
			v, err := fs.Open(p.durable())
			if err != nil {
				t.Fatal(err)
			}
			f, err := v.Open(name)
			if err != nil {
				t.Fatalf("rk%d, synced %d: %v", p.unit, k, err)
			}
			b, _ := io.ReadAll(f)
			if !strings.HasPrefix(string(b), numbers(min(k, workRounds), "\n")) {
				t.Errorf("rk%d, synced %d: the log that is durable has %q", p.unit, k, b)
			}
		}
	}
	g.Wait(guest.Second)
	r.end()
	return r
}

// events returns a trace in words.
func (r *recorded) events() (list []string) {
	for _, e := range r.trace.Events()[r.begin:] {
		w := fmt.Sprint(e)
		if h := fnv.New64a(); e.File == 0 { // every record of the journal has its id, which is random
			h.Write(e.Data)
			w += fmt.Sprintf(" %x", h.Sum64())
		}
		list = append(list, w)
	}
	return list
}

// TestCuts records all that is written on the host while a guest works on its packs,
// and cuts the power after every single write.
func TestCuts(t *testing.T) {
	for _, system := range []string{guest.V7, guest.Mini} {
		t.Run(system, func(t *testing.T) {
			if system == guest.V7 {
				guest.Dist(t)
			}
			testCuts(t, system)
		})
	}
}

func testCuts(t *testing.T, system string) {
	want := *cuts
	if want == 0 {
		want = form.Pick(6_000, 20_000*scale())
		if system == guest.Mini {
			want /= 4
		}
		if testing.Short() {
			want = 0
		}
	}
	rnd := rand.New(rand.NewPCG(*seed, 23))
	total := 0
	runs := []struct {
		name     string
		inStep   bool
		o        journaldev.VolumeOptions
		interval time.Duration
	}{
		{"in step", true, journaldev.VolumeOptions{JournalSize: 4 * journaldev.MinJournalSize, Clock: ticking()}, 40 * time.Millisecond},
		{"racing", false, journaldev.VolumeOptions{JournalSize: 2 * journaldev.MinJournalSize, Transactions: 3, Clock: ticking()}, 20 * time.Millisecond},
		{"ordered", false, journaldev.VolumeOptions{JournalSize: 4 * journaldev.MinJournalSize, Data: journaldev.DataOrdered, Clock: ticking()}, 30 * time.Millisecond},
	}
	if testing.Short() { // for the race detector
		runs = runs[1:2]
	}
	for i, run := range runs {
		t.Run(run.name, func(t *testing.T) {
			begin := time.Now()
			r := recordGuest(t, system, run.inStep, run.o, run.interval)
			t.Logf("recorded in %v: %+v", time.Since(begin).Round(time.Millisecond), counts(r.c.Stats()))
			share, extra, mine := (want-total)/(len(runs)-i), form.Pick(0, 2), 0
			for first := true; first || mine < share; first = false {
				for _, p := range r.packs {
					if p.unit < 3 && (!first || i > 0 && !form.Long()) || testing.Short() && p.unit != 3 {
						continue // the small ones are quick
					}
					begin := time.Now()
					v, err := p.cut(rnd, extra, true, p.trace.Events())
					if err != nil {
						t.Fatal(err)
					}
					mine += v.cuts
					t.Logf("rk%d: %d cuts after %d events of %d commits; %d came back, all clean; %d transactions brought home; %v a cut",
						p.unit, v.cuts, v.events, v.commits, len(v.matched), v.recovered, (time.Since(begin) / time.Duration(max(v.cuts, 1))).Round(time.Microsecond))
					if v.commits < 10 || len(v.matched) < v.commits/2 || v.recovered == 0 {
						t.Errorf("rk%d: that is no test", p.unit)
					}
				}
			}
			total += mine
		})
	}
	t.Logf("%d cuts", total)
	if !t.Failed() && total < want {
		t.Errorf("only %d cuts", total)
	}
}

func counts(s commit.Stats) string {
	return fmt.Sprintf("%d clones, %d settled, %d did not, %d cut, %d syncs waited, %d gave up", s.Clones, s.Settled, s.Unsettled, s.Cut, s.Syncs, s.Given)
}

// ticking returns a clock that goes on by a millisecond with each look.
func ticking() func() time.Time {
	var n atomic.Int64
	return func() time.Time { return time.Unix(1_000_000_000, n.Add(1)*1e6) }
}

// TestCutsRepeat records the same run twice: the traces are the same, so that what a
// cut finds can be found again.
func TestCutsRepeat(t *testing.T) {
	if testing.Short() {
		t.Skip("slow under the race detector")
	}
	for _, system := range []string{guest.V7, guest.Mini} {
		t.Run(system, func(t *testing.T) {
			var first []*recorded
			for range 2 {
				r := recordGuest(t, system, true, journaldev.VolumeOptions{JournalSize: 4 * journaldev.MinJournalSize, Clock: ticking()}, 40*time.Millisecond)
				for i, p := range r.packs {
					if first == nil {
						break
					}
					was, is := first[i].events(), p.events()
					if slices.Equal(was, is) {
						continue
					}
					for n := range min(len(was), len(is)) {
						if was[n] != is[n] {
							t.Errorf("rk%d: event %d of %d and %d is %q and then %q", p.unit, n, len(was), len(is), was[n], is[n])
							break
						}
					}
				}
				first = r.packs
			}
		})
	}
}

// bare writes for ever: the sectors of a pack in an order that hits some again and
// again, two at a time now and then, each full of the number of the write.
const bare = `.=1000
	mov	$776,sp
	clr	r0
	mov	$1,r5		/ where
1:	inc	r0
	mov	$buf,r1
	mov	$1000,r2	/ two sectors of words
2:	mov	r0,(r1)+
	dec	r2
	bne	2b
	add	$13,r5		/ the next address, within 16 cylinders
	bic	$177740,r5
	mov	r5,r3
	mov	r0,r4
	bic	$177770,r4
	ash	$5,r4
	bis	r4,r3
	bic	$10,r3		/ sectors 0 to 7 of a track
	mov	r3,*$177412
	mov	$buf,*$177410
	mov	$-400,*$177406
	bit	$3,r0
	bne	3f
	mov	$-1000,*$177406
3:	mov	$3,*$177404
4:	tstb	*$177404
	bpl	4b
	tst	*$177404
	bpl	1b
	halt
buf:
`

// recordBare records the program bare until there are so many commits.
func recordBare(t *testing.T, inStep bool, n int) *run {
	t.Helper()
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := asm.AssembleString("bare.s", bare, asm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	image, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(image); i += 2 {
		m.MMU.Mem[i/2] = uint16(image[i]) | uint16(image[i+1])<<8
	}
	m.CPU.SetPSW(0o340)
	m.CPU.Start(0o1000)
	m.RK.SetTiming(rk.FastTiming)
	o := journaldev.VolumeOptions{JournalSize: 2 * journaldev.MinJournalSize, Clock: ticking(), ByHand: inStep}
	pack := newRecorded(t, 0, make([]byte, journaldev.RK05.Bytes()), o)
	pack.keep = true
	r := commits(t, m, 5*time.Millisecond, inStep, pack)
	for r.c.Stats().Prefixes < n {
		if stop := m.Run(1e7); stop != machine.StopLimit {
			t.Fatal(stop)
		}
	}
	r.end()
	if s := r.c.Stats(); s.Settled > 0 {
		t.Errorf("%+v", s)
	}
	return r
}

// TestCutsBare cuts the power of a guest that is not V7: what comes back is the pack
// after some prefix of what the guest wrote, and as much as was told durable.
func TestCutsBare(t *testing.T) {
	for _, inStep := range []bool{true, false} {
		if inStep && testing.Short() {
			continue // nothing is at once there
		}
		pack := recordBare(t, inStep, 30*scale()).packs[0]
		// Every commit is the pack after some prefix of the writes.
		done, last := block.NewStore(pack.Blocks()), 0
		for k, s := range pack.states {
			for ; differ(done, s); last++ {
				if last == len(pack.written) {
					t.Fatalf("commit %d is no prefix of the writes", k)
				}
				w := pack.written[last]
				if err := done.WriteBlock(w.block, bytes.Repeat([]byte{byte(w.word), byte(w.word >> 8)}, block.Size/2)); err != nil {
					t.Fatal(err)
				}
			}
		}
		v, err := pack.cut(rand.New(rand.NewPCG(*seed, 29)), form.Pick(0, 2), false, pack.trace.Events())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("in step %v: %d cuts after %d events; %d of %d commits came back, prefixes of %d writes; %d transactions brought home",
			inStep, v.cuts, v.events, len(v.matched), v.commits+1, last, v.recovered)
		if len(v.matched) < v.commits/2 || v.recovered == 0 || last < 300 {
			t.Error("that is no test")
		}
	}
}

// TestCutsNotice takes the syncs of one file out of a trace: the cuts notice.
func TestCutsNotice(t *testing.T) {
	pack := recordBare(t, true, 30).packs[0]
	for file, name := range []string{"image", "journal"} {
		var events []crashtest.Event
		for i, e := range pack.trace.Events() {
			if i < pack.begin || e.Kind != crashtest.Sync || e.File != file {
				events = append(events, e)
			}
		}
		_, err := pack.cut(rand.New(rand.NewPCG(*seed, 31)), 2, false, events)
		t.Logf("%s not synced: %v", name, err)
		if err == nil {
			t.Errorf("the cuts find nothing wrong when the %s is not synced", name)
		}
	}
}

func differ(a, b *block.Store) bool {
	for range a.Diff(b) {
		return true
	}
	return false
}
