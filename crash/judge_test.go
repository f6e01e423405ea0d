package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/unix/fs"
)

// story is a run that is made up: what a guest does on a small pack.
type story struct {
	t      *testing.T
	run    *Run
	now    uint64
	pack   *block.Store // as the guest has it
	on     bool         // what is written is recorded
	tree   Tree
	volume *journaldev.Volume
}

// The size of a story's pack and of its file system, in blocks.
const (
	storyBlocks = 320
	storySystem = 300
)

func newStory(t *testing.T, mode Mode) *story {
	t.Helper()
	s := &story{t: t, pack: block.NewStore(storyBlocks)}
	f, err := fs.Mkfs(s.pack, fs.MkfsOptions{Blocks: storySystem, Inodes: 64, Time: Epoch})
	s.must(err)
	s.must(f.WriteFile("/old", []byte("old"), fs.Attr{Perm: 0o644}))
	s.must(f.Sync())
	s.run = &Run{Mode: mode, Packs: []Pack{{Drive: "rk0", Dir: "/", Start: s.pack.Clone(), Swap: storySystem}}}
	p := &s.run.Packs[0]
	p.Tree, err = TreeOf(s.pack)
	s.must(err)
	s.tree = p.Tree
	if mode == Journal {
		files := [2]*storyFile{{s: s}, {s: s, journal: true}}
		files[0].Data = stored(t, s.pack)
		s.volume, err = journaldev.Mount(files[0], files[1], journaldev.VolumeOptions{
			ByHand: true, JournalSize: journaldev.MinJournalSize, Random: rand.NewChaCha8([32]byte{1}),
			Clock: func() time.Time { return Epoch.Add(time.Duration(s.now)) },
		})
		s.must(err)
		p.Journal = bytes.Clone(files[1].Data)
	}
	s.on = true
	return s
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// storyFile is a file of a story's volume.
type storyFile struct {
	crashtest.Plain
	s       *story
	journal bool
}

func (f *storyFile) WriteAt(p []byte, off int64) (int, error) {
	f.s.event(Event{Kind: Write, Journal: f.journal, Off: off, Data: bytes.Clone(p)})
	return f.Plain.WriteAt(p, off)
}

func (f *storyFile) Sync() error {
	f.s.event(Event{Kind: Sync, Journal: f.journal})
	return nil
}

func (s *story) event(e Event) {
	if s.on {
		s.now += 1000
		e.Time = s.now
		s.run.Events, s.run.Time = append(s.run.Events, e), s.now
	}
}

// op has the guest do something, all of it in memory, which returns.
func (s *story) op(text string, do func(f *fs.FS) error) {
	s.t.Helper()
	called := s.now
	f, err := fs.Open(s.pack)
	s.must(err)
	f.SetClock(Epoch)
	s.must(do(f))
	s.must(f.Sync())
	s.now += 1000
	words := strings.Fields(text + " x x")
	o := Op{Called: called, Returned: s.now, PID: len(s.run.Ops) + 2, Program: words[0], Call: words[0], Path: words[1]}
	tree, err := TreeOf(s.pack)
	s.must(err)
	paths := maps.Clone(tree)
	maps.Copy(paths, s.tree)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if s.tree[path] != tree[path] {
			o.Changes = append(o.Changes, Change{Path: path, Is: tree[path]})
		}
	}
	s.tree = tree
	s.run.Ops = append(s.run.Ops, o)
	s.event(Event{Kind: Return, Op: len(s.run.Ops) - 1})
}

func (s *story) mkdir(path string) {
	s.t.Helper()
	s.op("mkdir "+path, func(f *fs.FS) error { return f.Mkdir(path, fs.Attr{Perm: 0o755, MTime: Epoch}) })
}

func (s *story) put(path, text string) {
	s.t.Helper()
	s.op("cat "+path, func(f *fs.FS) error {
		return f.WriteFile(path, []byte(text), fs.Attr{Perm: 0o644, MTime: Epoch})
	})
}

// write has blocks of the guest's pack written to the image, in that order; all that
// were changed if none are named.
func (s *story) write(blocks ...int) {
	s.t.Helper()
	if len(blocks) == 0 {
		c := s.written()
		blocks = slices.Collect(s.pack.Diff(c))
	}
	for _, n := range blocks {
		b := make([]byte, block.Size)
		s.must(s.pack.ReadBlock(n, b))
		s.event(Event{Kind: Write, Off: int64(n) * block.Size, Data: b})
		if s.run.Mode == WriteThrough {
			s.event(Event{Kind: Sync})
		}
	}
}

// written returns what the image has when all is written.
func (s *story) written() *block.Store {
	c := s.run.Packs[0].Start.Clone()
	for _, e := range s.run.Events {
		if e.Kind == Write && !e.Journal {
			for k := 0; k < len(e.Data); k += block.Size {
				s.must(c.WriteBlock(int(e.Off)/block.Size+k/block.Size, e.Data[k:k+block.Size]))
			}
		}
	}
	return c
}

// synced has the guest's sync return.
func (s *story) synced() { s.event(Event{Kind: Synced, Op: len(s.run.Ops)}) }

// commit commits the guest's pack and lets the volume do so many steps; all that there
// are if steps is negative.
func (s *story) commit(steps int) {
	s.t.Helper()
	_, err := s.volume.Commit(s.pack.Clone(), journaldev.Note{})
	s.must(err)
	for ; steps != 0 && s.volume.Step(); steps-- {
	}
}

// last returns the ID of a cut after the newest event, or in it.
func (s *story) last(m Model, variant int) string {
	return point{s.run.Mode, m, len(s.run.Events) - 1, variant}.ID()
}

// judged returns what cuts came to.
func (s *story) judged(id string) *finding {
	s.t.Helper()
	c, err := newCourt(s.run, 1)
	s.must(err)
	j, err := c.judge()
	s.must(err)
	p, err := parseID(id)
	s.must(err)
	f, err := j.judge(p)
	s.must(err)
	return f
}

// Where things are on a story's pack: inodes 1 to 8 are in the first block of inodes,
// so a directory's inode and the root's in the same.
const (
	superBlock = fs.SuperBlock
	inodeBlock = fs.FirstIBlock
)

// rootData returns the block of the root's entries.
func (s *story) rootData() int { return s.dataOf("/") }

// dataOf returns the first block of a file.
func (s *story) dataOf(path string) int {
	s.t.Helper()
	f, err := fs.Open(s.pack)
	s.must(err)
	st, err := f.Lookup(path)
	s.must(err)
	return int(st.Addr[0])
}

// TestOutcomes has stories of which the end is known.
func TestOutcomes(t *testing.T) {
	type want struct {
		id    string
		short string // outcome kinds; half-done, promises lost, operations lost
	}
	for _, c := range []struct {
		name string
		tell func(s *story) []want
		mode Mode
	}{
		{"a mkdir, from the superblock to the name", func(s *story) (w []want) {
			s.mkdir("/d")
			for _, step := range []struct {
				block int
				short string
			}{
				{superBlock, "harmless [missing] 0 0 1"}, // a block is off the free list
				{s.dataOf("/d"), "harmless [missing] 0 0 1"},
				// The inode has a link from "." and counts one more from a name.
				{inodeBlock, "half-done [links-high unreachable] 1 0 1"},
				{s.rootData(), "clean [] 0 0 0"},
			} {
				s.write(step.block)
				w = append(w, want{s.last(Prefix, 0), step.short})
			}
			return w
		}, Plain},
		{"a mkdir, from the name to the superblock", func(s *story) (w []want) {
			s.mkdir("/d")
			for _, step := range []struct {
				block int
				short string
			}{
				{s.rootData(), "clean [] 0 0 1"}, // the entry is past the root's size
				// The new directory is empty, its block and inode still free. It has one
				// entry and counts two links; the root counts one for "..".
				{inodeBlock, "harmful [dot-missing dotdot-missing free-inode-used links-high used-and-free] 1 0 0"},
				{s.dataOf("/d"), "harmful [free-inode-used used-and-free] 0 0 0"},
				{superBlock, "clean [] 0 0 0"},
			} {
				s.write(step.block)
				w = append(w, want{s.last(Prefix, 0), step.short})
			}
			return w
		}, Plain},
		{"a name before its file", func(s *story) []want {
			s.op("rm /old", func(f *fs.FS) error { return f.Unlink("/old") })
			s.write()
			s.put("/new", "new") // where the entry of the other was
			s.write(s.rootData())
			return []want{{s.last(Prefix, 0), "harmful [entry-unallocated] 0 0 1"}}
		}, Plain},
		{"a promise that a plain disk does not keep", func(s *story) []want {
			s.mkdir("/d")
			s.write()
			s.synced()
			s.put("/f", "more")
			return []want{
				{s.last(Prefix, 0), "clean [] 0 0 1"},
				{s.last(Lost, 0), "promise-lost [] 0 1 2"},
			}
		}, Plain},
		{"a promise that a synced disk keeps", func(s *story) []want {
			s.mkdir("/d")
			s.write()
			s.synced()
			s.put("/f", "more")
			return []want{{s.last(Prefix, 0), "clean [] 0 0 1"}, {s.last(Lost, 0), "clean [] 0 0 1"}}
		}, WriteThrough},
		{"what was there is damaged", func(s *story) []want {
			b := make([]byte, block.Size)
			copy(b, "new")
			s.event(Event{Kind: Write, Off: int64(s.dataOf("/old")) * block.Size, Data: b})
			return []want{{s.last(Prefix, 0), "promise-lost [] 0 1 0"}}
		}, Plain},
		{"a file that is gone either way", func(s *story) []want {
			s.put("/f", "one")
			s.write()
			s.synced()
			s.op("rm /f", func(f *fs.FS) error { return f.Unlink("/f") })
			return []want{{s.last(Prefix, 0), "clean [] 0 0 1"}, {s.last(Lost, 0), "clean [] 0 0 0"}}
		}, Plain},
		{"a promise that a later operation hides", func(s *story) []want {
			// There is no file, as before the first operation and after the second: the
			// second was not called when the power failed.
			s.put("/f", "one")
			s.synced()
			id := s.last(Prefix, 0)
			s.now += 1e9
			s.op("rm /f", func(f *fs.FS) error { return f.Unlink("/f") })
			return []want{{id, "promise-lost [] 0 1 1"}, {s.last(Prefix, 0), "clean [] 0 0 0"}}
		}, Plain},
		{"a torn superblock", func(s *story) (w []want) {
			b := make([]byte, block.Size)
			for i := range b {
				b[i] = 0xff // s_isize and all else
			}
			s.event(Event{Kind: Write, Off: superBlock * block.Size, Data: b})
			for v := range tornVariants {
				w = append(w, want{s.last(Torn, v), "harmful [bad-superblock] 0 2 0"}) // the root and /old
			}
			return w
		}, Plain},
		{"a write to swap space", func(s *story) (w []want) {
			b := bytes.Repeat([]byte{0xff}, 2*block.Size)
			s.event(Event{Kind: Write, Off: storySystem * block.Size, Data: b})
			for v := range tornVariants {
				w = append(w, want{s.last(Torn, v), "clean [] 0 0 0"})
			}
			return append(w, want{s.last(Lost, 2), "clean [] 0 0 0"})
		}, Plain},
		{"a rename that is half done", func(s *story) (w []want) {
			s.mkdir("/a")
			s.op("rm /old", func(f *fs.FS) error { return f.Unlink("/old") })
			s.write()
			s.op("mv /old", func(f *fs.FS) error {
				// As mv does it: another name, and then one less. The name of a file that was
				// removed is still there, without its inode.
				b := make([]byte, block.Size)
				s.must(s.pack.ReadBlock(s.rootData(), b))
				at := bytes.Index(b, []byte("old")) - 2
				b[at] = byte(rootEntry(s, "a"))
				return s.pack.WriteBlock(s.rootData(), b)
			})
			s.write()
			// One more entry than links are counted.
			return []want{{s.last(Prefix, 0), "harmful [links-low second-name] 1 0 0"}}
		}, Plain},
		{"a journal keeps its promises", func(s *story) (w []want) {
			s.mkdir("/a")
			s.commit(-1)
			s.synced()
			s.mkdir("/b")
			w = append(w, want{s.last(Lost, 0), "clean [] 0 0 1"}, want{s.last(Prefix, 0), "clean [] 0 0 1"})
			s.commit(1) // the records are written
			w = append(w, want{s.last(Lost, 0), "clean [] 0 0 1"}, want{s.last(Prefix, 0), "clean [] 0 0 0"},
				want{s.last(Torn, 0), "clean [] 0 0 1"}, want{s.last(Torn, 1), "clean [] 0 0 1"}, want{s.last(Torn, 3), "clean [] 0 0 1"})
			for s.volume.Step() {
				w = append(w, want{s.last(Lost, 0), "clean [] 0 0 0"}, want{s.last(Lost, 1), "clean [] 0 0 0"}, want{s.last(Prefix, 0), "clean [] 0 0 0"})
			}
			return w
		}, Journal},
		{"a journal that is not synced", func(s *story) []want {
			s.mkdir("/a")
			s.commit(1)
			s.synced()
			return []want{{s.last(Prefix, 0), "clean [] 0 0 0"}, {s.last(Lost, 0), "promise-lost [] 0 1 1"}}
		}, Journal},
		{"a journal without a header", func(s *story) []want {
			s.mkdir("/a")
			s.commit(1)
			s.event(Event{Kind: Write, Journal: true, Off: 0, Data: make([]byte, block.Size)})
			one := s.last(Prefix, 0)
			s.event(Event{Kind: Write, Journal: true, Off: 4096, Data: make([]byte, block.Size)})
			return []want{{one, "clean [] 0 0 0"}, {s.last(Prefix, 0), "recovery-failed [] 0 0 1"}, {s.last(Lost, 0), "clean [] 0 0 1"}}
		}, Journal},
		{"a pack that was written without its journal", func(s *story) []want {
			s.mkdir("/a")
			s.commit(-1)
			s.event(Event{Kind: Write, Off: 299 * block.Size, Data: bytes.Repeat([]byte{1}, block.Size)})
			return []want{{s.last(Prefix, 0), "recovery-failed [] 0 0 0"}}
		}, Journal},
		{"half of an operation is committed", func(s *story) []want {
			s.put("/f", "whole")
			s.now += 1e9
			whole := s.pack.Clone()
			b := make([]byte, block.Size)
			copy(b, "wh\x00\x00\x00")
			s.must(s.pack.WriteBlock(s.dataOf("/f"), b))
			s.commit(-1)
			s.pack = whole
			return []want{{s.last(Prefix, 0), "promise-lost [] 0 1 1"}}
		}, Journal},
		{"what is committed is older in one place than in another", func(s *story) []want {
			s.put("/f", "one")
			old := make([]byte, block.Size)
			s.must(s.pack.ReadBlock(s.dataOf("/f"), old))
			s.now += 1e9
			s.put("/f", "two")
			s.now += 1e9
			s.commit(-1)
			w := []want{{s.last(Prefix, 0), "clean [] 0 0 0"}}
			s.put("/g", "three")
			s.must(s.pack.WriteBlock(s.dataOf("/f"), old))
			s.commit(-1)
			return append(w, want{s.last(Prefix, 0), "promise-lost [] 0 1 1"})
		}, Journal},
		{"a pack without a file system", func(s *story) []want {
			s.run.Packs = append(s.run.Packs, Pack{Drive: "rk1", Unit: 1, Start: block.NewStore(storyBlocks), Swap: storyBlocks})
			s.event(Event{Kind: Write, Pack: 1, Off: superBlock * block.Size, Data: bytes.Repeat([]byte{1}, block.Size)})
			return []want{{s.last(Prefix, 0), "clean [] 0 0 0"}}
		}, Plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(t, c.mode)
			for _, w := range c.tell(s) {
				f := s.judged(w.id)
				got := fmt.Sprintf("%s %v %d %d %d", f.Outcome, f.Kinds, f.HalfDone, f.PromiseLost, f.LostOps)
				if got != w.short {
					t.Errorf("%s: %s, must be %s", w.id, got, w.short)
				}
			}
		})
	}
}

// rootEntry returns the inode of a name in the root.
func rootEntry(s *story, name string) int {
	f, err := fs.Open(s.pack)
	s.must(err)
	st, err := f.Lookup("/" + name)
	s.must(err)
	return st.Ino
}

// A loss is told in operations and from the return of the oldest of them.
func TestLostTime(t *testing.T) {
	s := newStory(t, WriteThrough)
	s.put("/a", "1")
	s.write()
	s.put("/b", "2")
	s.now += 5e6
	s.put("/c", "3")
	s.event(Event{Kind: Sync})
	f := s.judged(s.last(Prefix, 0))
	if f.LostOps != 2 || f.LostTime != s.now-s.run.Ops[1].Returned || f.Time != s.now {
		t.Errorf("%+v; %d is now", f.Cut, s.now)
	}
}

// busy is a story with some of everything.
func busy(t *testing.T, mode Mode) *story {
	s := newStory(t, mode)
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		name := fmt.Sprintf("/n%d", rnd.IntN(12))
		_, file := s.tree[name]
		switch dir := fmt.Sprintf("/d%d", rnd.IntN(5)); {
		case rnd.IntN(3) == 0 && s.tree[dir] == (Value{}):
			s.mkdir(dir)
		case rnd.IntN(3) == 0 && s.tree[dir] != (Value{}):
			s.op("rmdir "+dir, func(f *fs.FS) error { return f.Rmdir(dir) })
		case file && rnd.IntN(2) == 0:
			s.op("rm "+name, func(f *fs.FS) error { return f.Unlink(name) })
		default:
			s.put(name, strings.Repeat(fmt.Sprint(i, " "), rnd.IntN(800)))
		}
		switch {
		case mode == Journal && rnd.IntN(3) == 0:
			s.commit(rnd.IntN(4) - 1)
		case mode != Journal && rnd.IntN(2) == 0:
			s.write()
		case mode != Journal && rnd.IntN(2) == 0:
			blocks := slices.Collect(s.pack.Diff(s.written()))
			rnd.Shuffle(len(blocks), func(i, k int) { blocks[i], blocks[k] = blocks[k], blocks[i] })
			s.write(blocks[:len(blocks)/2]...)
		}
		if rnd.IntN(10) == 0 {
			if mode == Journal {
				s.commit(-1)
			} else {
				s.write()
			}
			s.synced()
		}
	}
	return s
}

func campaignJSON(t *testing.T, runs []*Run, o CampaignOptions) (*Result, string) {
	t.Helper()
	r, err := Campaign(t.Context(), runs, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

func busyRuns(t *testing.T) (runs []*Run) {
	for _, mode := range Modes {
		runs = append(runs, busy(t, mode).run)
	}
	return runs
}

// A campaign comes out the same with any number of workers, whatever is remembered, and
// each cut alone.
func TestCampaignRepeats(t *testing.T) {
	runs := busyRuns(t)
	var first string
	var res *Result
	for _, workers := range []int{1, 2, 5} {
		r, text := campaignJSON(t, runs, CampaignOptions{Seed: 7, Workers: workers})
		if first == "" {
			first, res = text, r
		} else if text != first {
			t.Errorf("another result with %d workers", workers)
		}
	}
	if _, text := campaignJSON(t, runs, CampaignOptions{Seed: 8}); text == first {
		t.Error("another seed has the same result")
	}
	alone := 0
	for i, m := range res.Modes {
		t.Logf("%s: %d cuts, %v, %v", m.Mode, len(m.Cuts), m.Counts, m.Kinds)
		c, err := newCourt(runs[i], 7)
		if err != nil {
			t.Fatal(err)
		}
		c.memo.none = true
		for k := 0; k < len(m.Cuts); k += 1 + len(m.Cuts)/150 {
			j, err := c.judge()
			if err != nil {
				t.Fatal(err)
			}
			p, err := parseID(m.Cuts[k].ID)
			if err != nil {
				t.Fatal(err)
			}
			f, err := j.judge(p)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(f.Cut) != fmt.Sprint(m.Cuts[k]) {
				t.Errorf("alone %+v, in the campaign %+v", f.Cut, m.Cuts[k])
			}
			alone++
		}
		// A story whose guest commits whole states comes to no harm with a journal.
		for model, counts := range m.Counts {
			if bad := len(m.Cuts) - counts[Clean]; m.Mode == Journal && len(counts) != 1 || m.Mode == Plain && model == Prefix && bad == 0 {
				t.Errorf("%s, %s: %v", m.Mode, model, counts)
			}
		}
	}
	if alone < 300 {
		t.Errorf("only %d cuts", alone)
	}
}

// Every verdict is what a check from scratch and the tree of the pack say.
func TestVerdictsFromScratch(t *testing.T) {
	for _, run := range busyRuns(t)[:2] {
		c, err := newCourt(run, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, model := range Models {
			j, err := c.judge()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.points(model) {
				f, err := j.judge(p)
				if err != nil {
					t.Fatal(err)
				}
				var b [storyBlocks * block.Size]byte
				if _, err := j.left[0][0].ReadAt(b[:], 0); err != nil {
					t.Fatal(err)
				}
				var kinds []fs.Kind
				rep := fs.Check(fs.MemOf(b[:]))
				for _, q := range rep.Problems {
					kinds = append(kinds, q.Kind)
				}
				slices.Sort(kinds)
				if got := f.Kinds; !slices.Equal(got, slices.Compact(kinds)) {
					t.Fatalf("%s: %v, from scratch %v", p.ID(), got, kinds)
				}
				s := block.NewStore(storyBlocks)
				if err := s.Load(bytes.NewReader(b[:])); err != nil {
					t.Fatal(err)
				}
				tree, err := TreeOf(s)
				if err != nil {
					t.Fatal(err)
				}
				differs := map[string]Value{}
				for _, d := range f.packs[0].differs {
					h := &c.promises.paths[d.path]
					if d.value != unknown {
						differs[h.path] = h.values[d.value]
					} else {
						differs[h.path] = Value{1}
					}
				}
				for path, k := range c.promises.index[0] {
					want, start := tree[path], c.promises.paths[k].values[0]
					if got, ok := differs[path]; ok != (want != start) || ok && got != want && got != (Value{1}) {
						t.Fatalf("%s: %s is %x, differs %v as %x, from scratch %x", p.ID(), path, start, ok, got, want)
					}
				}
			}
		}
	}
}
