package journaldev

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev/crashtest"
	"v7em/unix/fs"
)

// rkSwap is what a kernel swaps to on the pack of rk05.
var rkSwap = Range{4000, 4872}

// rk05 makes the image of an RK05 with a file system of 4000 blocks.
func rk05(t testing.TB) string {
	t.Helper()
	m := fs.NewMem(RK05.Blocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: 4000})
	if err == nil {
		err = f.Sync()
	}
	path := filepath.Join(t.TempDir(), "rk0.rk05")
	if err == nil {
		err = os.WriteFile(path, m.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func openVol(t testing.TB, path string, o VolumeOptions) *Volume {
	t.Helper()
	o.Unit = "rk0"
	if o.Layout == nil {
		o.Swap = rkSwap
	}
	v, err := OpenVolume(path, RK05, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func commit(t testing.TB, v *Volume) *Ticket {
	t.Helper()
	tok, err := v.Commit(v.Snapshot(), Note{Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func write(t testing.TB, v *Volume, n int, c byte) {
	t.Helper()
	if err := v.WriteBlock(n, fill(c)); err != nil {
		t.Fatal(err)
	}
}

// TestVolumeOnFiles runs a volume on files of the host with every way to sync:
// what was committed comes back, and what was not does not.
func TestVolumeOnFiles(t *testing.T) {
	for _, method := range SyncMethods {
		t.Run(string(method), func(t *testing.T) {
			path := rk05(t)
			o := VolumeOptions{JournalSize: 8 * MinJournalSize}
			o.Sync = method
			v := openVol(t, path, o)
			before := v.Snapshot()
			for i := range 300 {
				write(t, v, 200+i, 1)
			}
			if err := commit(t, v).Wait(); err != nil {
				t.Fatal(err)
			}
			committed := v.Snapshot()
			write(t, v, 300, 2)
			v.Cut() // power failure
			if err := v.WriteBlock(1, fill(0)); err == nil {
				t.Error("a volume that was cut takes writes")
			}

			// Read only, the pack looks recovered and is not touched.
			was, _ := os.ReadFile(path)
			ro := openVol(t, path, VolumeOptions{Options: Options{ReadOnly: true}})
			if !same(ro.Snapshot(), committed, counted(committed, o, rkSwap)) {
				t.Error("reading does not look through the journal")
			}
			if err := ro.WriteBlock(5, fill(1)); err == nil || !ro.ReadOnly() {
				t.Error("a pack opened to be read takes writes")
			}
			ro.Close()
			p, err := Open(path, RK05, Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			if !same(p.Snapshot(), committed, counted(committed, o, rkSwap)) {
				t.Error("a read-only pack does not look through the journal")
			}
			p.Close()
			if is, _ := os.ReadFile(path); string(is) != string(was) {
				t.Error("reading changed the image")
			}

			v = openVol(t, path, o)
			if !same(v.Snapshot(), committed, counted(committed, o, rkSwap)) || same(v.Snapshot(), before, counted(before, o, rkSwap)) {
				t.Error("the commit is not there")
			}
			if n := v.Recovery().Count; len(v.Replayed()) != n || n > 0 && !slices.Contains(v.Replayed()[0].Blocks, 300) {
				t.Errorf("%d transactions recovered: %v", n, v.Replayed())
			}
			written := 0
			for _, r := range v.Replayed() {
				for _, w := range r.Written {
					if w {
						written++
					}
				}
			}
			if written != v.Recovery().Blocks { // one transaction: no block twice
				t.Errorf("%d blocks written, %v", written, v.Recovery())
			}
			if v.Recovery().Damaged != 0 || v.Recovery().Changed {
				t.Errorf("recovery says %v", v.Recovery())
			}
			write(t, v, 301, 3)
			write(t, v, 4500, 9) // swap space
			commit(t, v)
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			is, _ := os.ReadFile(path)
			if is[301*512] != 3 || is[300*512] != 1 || is[4500*512] != 9 {
				t.Error("Close did not bring all home")
			}
			if rec, err := Recover(path, false); err != nil || rec.Count != 0 || rec.Changed {
				t.Errorf("after Close recovery says %v, %v", rec, err)
			}
			// A plain pack recovers too.
			v = openVol(t, path, o)
			write(t, v, 302, 4)
			commit(t, v).Wait()
			v.Cut()
			p, err = Open(path, RK05, Options{Sync: method, WriteThrough: true})
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, block.Size)
			if p.ReadBlock(302, b); b[0] != 4 {
				t.Error("a plain pack is not recovered")
			}
			if err := p.WriteBlock(303, fill(5)); err != nil {
				t.Fatal(err)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			v = openVol(t, path, o)
			if v.ReadBlock(303, b); b[0] != 5 || v.Recovery() != (Recovery{}) {
				t.Errorf("after use as a plain pack: %d, %v", b[0], v.Recovery())
			}
			v.Close()
			// What another program does is told, and what a plain pack was killed in.
			if err := os.WriteFile(path, append(append(is[:304*512:304*512], fill(6)...), is[305*512:]...), 0o644); err != nil {
				t.Fatal(err)
			}
			if p, err = Open(path, RK05, Options{Sync: method}); err != nil || !p.Recovery().Changed || !p.Recovery().Telling() {
				t.Fatalf("after another program: %v", err)
			}
			if err := p.WriteBlock(303, fill(7)); err != nil {
				t.Fatal(err)
			}
			p.Cut()
			v = openVol(t, path, o)
			if v.ReadBlock(303, b); b[0] != 7 || !v.Recovery().Changed || !v.Recovery().Telling() {
				t.Errorf("after a plain pack that was cut off: %d, %v", b[0], v.Recovery())
			}
			v.Close()
			if _, err := RemoveJournal(path); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(JournalPath(path)); !errors.Is(err, os.ErrNotExist) {
				t.Error("the journal is still there")
			}
		})
	}
}

// TestConcurrentVolume writes, commits and looks at a volume from several
// goroutines (the race detector sees what they must not share), and checks that no
// commit waits for the host but by rule 6.
func TestConcurrentVolume(t *testing.T) {
	var trace crashtest.Trace
	image, journal := trace.NewFile(testPack(t)), trace.NewFile(nil)
	slow := func(f File) File { return slowFile{f} }
	o := VolumeOptions{JournalSize: MinJournalSize, Transactions: 3, Swap: testSwap}
	v, err := Mount(slow(image), slow(journal), o)
	if err != nil {
		t.Fatal(err)
	}
	w := &workload{t: t, rnd: rand.New(rand.NewPCG(1, 1)), trace: &trace, v: v, states: []*block.Store{v.Snapshot()}, swaps: []Range{o.Swap}}
	w.begin = len(trace.Events())
	var wg sync.WaitGroup
	for range 150 {
		w.change()
		s := v.Snapshot()
		w.states, w.swaps = append(w.states, s), append(w.swaps, o.Swap)
		k := len(w.states) - 1
		w.trace.Mark(called(k))
		tok, err := v.Commit(s, Note{})
		if err != nil {
			t.Fatal(err)
		}
		if k%8 == 0 {
			wg.Go(func() {
				if err := tok.Wait(); err != nil {
					t.Error(err)
				}
				v.Status()
			})
		}
		if k%20 == 0 {
			if err := v.Sync(); err != nil {
				t.Fatal(err)
			}
			trace.Mark(acked(k))
		}
	}
	wg.Wait()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	trace.Mark(acked(len(w.states) - 1))
	if _, err := w.verify(o); err != nil {
		t.Error(err)
	}
	if s := v.Status(); s.Home != s.Newest || s.Pending != 0 || s.Commits < 8 {
		t.Errorf("status after Close: %+v", s)
	}
}

// slowFile takes its time to sync.
type slowFile struct{ File }

func (f slowFile) Sync() error {
	time.Sleep(200 * time.Microsecond)
	return f.File.Sync()
}

// TestCommitDoesNotWait holds the host's sync: neither the guest nor, as long as a
// transaction is free or collecting, a commit may wait for it.
func TestCommitDoesNotWait(t *testing.T) {
	gate := make(chan bool)
	journal := &gated{File: &crashtest.Plain{}, gate: gate}
	v, err := Mount(&crashtest.Plain{Data: testPack(t)}, journal, VolumeOptions{Transactions: 2})
	if err != nil {
		t.Fatal(err)
	}
	journal.shut.Store(true)
	var tokens []*Ticket
	for i := range 50 { // the first is being written, the others collect in one
		write(t, v, 100, byte(i+1))
		tokens = append(tokens, commit(t, v))
	}
	if s := v.Status(); s.Newest > 2 || s.Committed != 0 {
		t.Errorf("with the sync held: %+v", s)
	}
	journal.shut.Store(false)
	close(gate)
	for _, tok := range tokens {
		if err := tok.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRule6 commits when no transaction is free: the oldest are pushed home first.
func TestRule6(t *testing.T) {
	o := VolumeOptions{Transactions: 2}
	w := startWorkload(t, 1, o)
	for i := range byte(2) {
		write(t, w.v, 100+int(i), 1)
		w.commit()
		for w.acked < len(w.tokens) {
			w.step()
		}
	}
	if s := w.v.Status(); s.States["TRANS"] != 2 || s.Home != 0 || s.Pending != 2 {
		t.Fatalf("status %+v", s)
	}
	s := w.v.Status()
	for i, tr := range s.Transactions {
		if tr.State != StateTrans || tr.ID != uint64(i)+1 || !slices.Equal(tr.Blocks, []int{100 + i}) || tr.RingUsed == 0 {
			t.Errorf("transaction %d: %+v", i, tr)
		}
	}
	if a, b := s.Transactions[0], s.Transactions[1]; b.RingAt != a.RingAt+a.RingUsed || s.RingHead != b.RingAt+b.RingUsed || s.RingUsed != a.RingUsed+b.RingUsed {
		t.Errorf("the ring: %+v", s)
	}
	write(t, w.v, 102, 1)
	w.commit() // does the I/O that it has to wait for
	if s := w.v.Status(); s.States["CREATE"] != 1 || s.States["FREE"] != 1 || s.Home != 2 || s.Newest != 3 {
		t.Errorf("status %+v", s)
	}
	for w.step() {
	}
	if _, err := w.verify(o); err != nil {
		t.Error(err)
	}
}

func TestUnchangedCommit(t *testing.T) {
	v, err := Mount(&crashtest.Plain{Data: testPack(t)}, &crashtest.Plain{}, VolumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a := commit(t, v)
	write(t, v, 100, 1)
	b := commit(t, v)
	c := commit(t, v)
	for _, tok := range []*Ticket{a, b, c} {
		if err := tok.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if b.ID() == a.ID() || b.ID() != c.ID() {
		t.Errorf("transactions %d %d %d", a.ID(), b.ID(), c.ID())
	}
	if s := v.Status(); s.Newest != 1 || s.Commits != 1 {
		t.Errorf("status %+v", s)
	}
	v.Close()
	if _, err := v.Commit(v.Snapshot(), Note{}); err == nil {
		t.Error("a closed volume takes a commit")
	}
}

// TestGrow commits more than the journal holds.
func TestGrow(t *testing.T) {
	path := rk05(t)
	v := openVol(t, path, VolumeOptions{JournalSize: MinJournalSize})
	for n := 200; n < 4000; n++ {
		write(t, v, n, byte(n))
	}
	if err := commit(t, v).Wait(); err != nil {
		t.Fatal(err)
	}
	want := v.Snapshot()
	v.Cut()
	if st, err := os.Stat(JournalPath(path)); err != nil || st.Size() < 3800*512 {
		t.Errorf("the journal has not grown: %v, %v", st.Size(), err)
	}
	v = openVol(t, path, VolumeOptions{})
	if !same(v.Snapshot(), want, counted(want, VolumeOptions{}, rkSwap)) {
		t.Error("the commit is not there")
	}
	if v.Recovery().Count != 1 {
		t.Errorf("recovery says %v", v.Recovery())
	}
	v.Close()
}

// TestSwapMoves makes a new file system that takes in what was swap space: blocks
// that were written loosely must become part of the commit.
func TestSwapMoves(t *testing.T) {
	for seed := range uint64(5) {
		w := startWorkload(t, 40+seed, VolumeOptions{JournalSize: MinJournalSize})
		w.run(8)
		for _, size := range []int{testBlocks - 3, 100, testFSize} {
			f, err := fs.Mkfs(w.v, fs.MkfsOptions{Blocks: size})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
			if w.rnd.IntN(2) == 0 {
				f.WriteFile("/a", []byte(strings.Repeat("data", 3000)), fs.Attr{})
				f.Sync()
			}
			w.commit()
			w.run(4)
		}
		if _, err := w.verify(VolumeOptions{}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestDump checks what the journal says of a mkdir: the design note's example.
func TestDump(t *testing.T) {
	path := rk05(t)
	v := openVol(t, path, VolumeOptions{Undo: true})
	f, err := fs.Open(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir("/d", fs.Attr{Perm: 0o755}); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	op := Op{Program: "mkdir", PID: 7, Call: "mknod", Path: "/d"}
	if _, err := v.Commit(v.Snapshot(), Note{Reason: "sync", Ops: []Op{op}}); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := ReadLog(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []Transaction
	for tr := range l.Transactions(false) {
		got = append(got, tr)
	}
	if len(got) != 1 || got[0].ID != 1 || got[0].State != "home" || got[0].Note.Reason != "sync" || len(got[0].Note.Ops) != 1 || got[0].Note.Ops[0] != op {
		t.Fatalf("transactions %+v", got)
	}
	root, d := lookup(t, f, "/"), lookup(t, f, "/d")
	inode := func(ino int) string {
		b, at := fs.InodeBlock(ino)
		return fmt.Sprintf("INODE %d %d-%d", b, at, at+64)
	}
	want := map[string]bool{
		inode(root.Ino):                             true,
		inode(d.Ino):                                true,
		fmt.Sprintf("USED %d 0-512", d.Addr[0]):     true, // "." and ".."
		fmt.Sprintf("FDATA %d 32-48", root.Addr[0]): true, // the third entry of the root
	}
	for _, u := range got[0].Updates {
		s := fmt.Sprintf("%s %d %d-%d", u.Type, u.Block, u.From, u.To)
		switch {
		case want[s]:
			delete(want, s)
		case u.Type == "SUPER" && u.Block == 1:
		default:
			t.Errorf("update %s should not be there", s)
		}
	}
	if len(want) > 0 {
		t.Errorf("updates %v are missing from %+v", want, got[0].Updates)
	}
	for tr := range l.Transactions(true) {
		for i, u := range tr.Updates {
			if u.Number != len(tr.Updates)-1-i {
				t.Errorf("backwards, update %d is number %d", i, u.Number)
			}
		}
	}
}

func lookup(t *testing.T, f *fs.FS, path string) fs.Stat {
	t.Helper()
	st, err := f.Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// gated is a file whose syncs wait, while it is shut, for the gate.
type gated struct {
	File
	gate chan bool
	shut atomic.Bool
}

func (f *gated) Sync() error {
	if f.shut.Load() {
		<-f.gate
	}
	return f.File.Sync()
}

// TestSetSwap has kernels come and go that swap to the pack, or do not. Swap space that
// is none any more goes with the next commit; what becomes swap space passes by the
// journal when a commit that says so is durable, and not before.
func TestSetSwap(t *testing.T) {
	w := startWorkload(t, 1, VolumeOptions{JournalSize: MinJournalSize})
	write(t, w.v, testFSize+1, 1)
	write(t, w.v, testFSize+2, 1)
	w.v.SetSwap(Range{})
	write(t, w.v, testFSize+2, 2)
	write(t, w.v, testFSize+3, 2)
	if len(w.v.loose) != 0 || w.v.Writes() != 2 {
		t.Errorf("%d loose blocks, %d writes", len(w.v.loose), w.v.Writes())
	}
	w.commit()
	if updates := w.v.core.find(1).updates; len(updates) != 3 {
		t.Errorf("updates %+v", updates)
	}
	for w.step() {
	}
	home := func(n int) byte {
		t.Helper()
		var b [block.Size]byte
		if _, err := w.v.home.f.ReadAt(b[:], int64(n)*block.Size); err != nil {
			t.Fatal(err)
		}
		return b[0]
	}

	w.v.SetSwap(testSwap)
	write(t, w.v, testFSize+4, 3)
	for w.step() {
	}
	if home(testFSize+4) == 3 {
		t.Error("a block went home past the journal, before any commit knew it for swap space")
	}
	w.commit()
	write(t, w.v, testFSize+5, 4)
	write(t, w.v, testFSize+3, 5)
	if len(w.v.loose) != 0 {
		t.Error("swap space before the commit is durable")
	}
	for w.step() {
	}
	for n, want := range map[int]byte{1: 1, 2: 2, 3: 5, 4: 3, 5: 4} {
		if got := home(testFSize + n); got != want {
			t.Errorf("at home block %d behind the file system has %d, want %d", n, got, want)
		}
	}
	if n := w.v.Writes(); n != 5 {
		t.Errorf("%d writes: one of them was to swap space", n)
	}
	write(t, w.v, testFSize+6, 6)
	if len(w.v.loose) != 1 || w.v.Writes() != 5 {
		t.Errorf("%d loose blocks, %d writes", len(w.v.loose), w.v.Writes())
	}

	// What a file system has is none of it, nor what is before it is said.
	if got := (&Layout{Systems: 1}).WithSwap(w.v.Snapshot(), Range{0, testBlocks}).Swap; got != (Range{testFSize, testBlocks}) {
		t.Errorf("swap space is %v", got)
	}
	// One that was written as swap space, and then belongs to a file system.
	w.v.SetSwap(Range{})
	w.commit()
	for w.step() {
	}
	if n, err := w.verify(VolumeOptions{}); err != nil || n < 10 {
		t.Error(n, err)
	}
	if l := layoutOf(w.v.Snapshot(), func(*block.Store) Layout { return Layout{Systems: 9} }, testSwap); l != (Layout{}) {
		t.Errorf("a layout that cannot be is %+v", l)
	}
}

// TestSwapJournaledBefore has a block that was journaled become swap space and be written
// past the journal, while the transaction that holds it may still have to be brought home:
// recovery finds in it what no transaction knows, and that does not count.
func TestSwapJournaledBefore(t *testing.T) {
	for steps := range 12 {
		w := startWorkload(t, 1, VolumeOptions{JournalSize: MinJournalSize})
		w.v.SetSwap(Range{})
		w.commit()
		write(t, w.v, testFSize+1, 1)
		w.commit()
		for range steps {
			w.step()
		}
		w.v.SetSwap(testSwap)
		write(t, w.v, 50, 1)
		w.commit()
		for range 40 {
			w.step()
			write(t, w.v, testFSize+1, 2)
		}
		for w.step() {
		}
		if _, err := w.verify(VolumeOptions{}); err != nil {
			t.Fatalf("%d steps: %v", steps, err)
		}
	}
}

// TestSwapThatCounts kills v7em when a block that passed by the journal is at home, but
// not durable, opens the pack, where it counts as long as no kernel is known, and cuts
// the power: what the journal says of the pack must hold.
func TestSwapThatCounts(t *testing.T) {
	w := startWorkload(t, 1, VolumeOptions{JournalSize: MinJournalSize})
	write(t, w.v, 50, 1)
	w.commit()
	for w.step() {
	}
	w.v.Close()
	trace, files := w.trace.Kill(len(w.trace.Events()))
	w = &workload{t: t, trace: trace}
	w.mount(files[0], files[1], VolumeOptions{Swap: testSwap})
	write(t, w.v, testFSize+1, 1)
	for w.step() {
	}
	trace, files = w.trace.Kill(len(w.trace.Events()))
	w = &workload{t: t, trace: trace}
	w.mount(files[0], files[1], VolumeOptions{})
	d := trace.Replay()
	for {
		if _, ok := d.Next(); !ok {
			break
		}
	}
	lost := d.Crash(crashtest.LoseAll, nil)
	v, err := Mount(&crashtest.Plain{Data: lost[0]}, &crashtest.Plain{Data: lost[1]}, VolumeOptions{ByHand: true, Clock: testClock()})
	if err != nil {
		t.Fatal(err)
	}
	if v.Recovery().Changed {
		t.Errorf("recovery says %v", v.Recovery())
	}
}

func TestFlags(t *testing.T) {
	var m SyncMethod
	for _, s := range []string{"fsync", "fdatasync", "msync", "none"} {
		if err := m.Set(s); err != nil || m.String() != s {
			t.Errorf("%s: %v", s, err)
		}
	}
	if err := m.Set("often"); err == nil || !strings.Contains(err.Error(), "fdatasync, fsync, msync, none") {
		t.Errorf("%v", err)
	}
	var d DataMode
	if d.Set("ordered") != nil || d != DataOrdered || d.Set("lost") == nil {
		t.Errorf("data mode %v", d)
	}
	for _, o := range []VolumeOptions{{JournalSize: MinJournalSize - 1}, {JournalSize: 2 << 30}, {Transactions: 1}} {
		if _, err := Mount(&crashtest.Plain{}, &crashtest.Plain{}, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestLook(t *testing.T) {
	path := rk05(t)
	v := openVol(t, path, VolumeOptions{})
	write(t, v, 300, 6)
	commit(t, v).Wait()
	if _, _, err := Look(path); !errors.As(err, new(*BusyError)) {
		t.Errorf("while it runs: %v", err)
	}
	v.Cut()
	was, _ := os.ReadFile(path)
	s, _, err := Look(path)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, block.Size)
	if s.ReadBlock(300, b); b[0] != 6 || s.Blocks() != RK05.Blocks {
		t.Errorf("block 300 is %d of %d blocks", b[0], s.Blocks())
	}
	if is, _ := os.ReadFile(path); string(is) != string(was) {
		t.Error("it changed the image")
	}
}
