package crash

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"v7em/block"
	"v7em/commit"
	"v7em/journaldev"
	"v7em/unix/fs"
)

// promises is what a guest was told about the names on its packs.
type promises struct {
	run   *Run
	index []map[string]int // of each pack: the place of a path in paths
	paths []promise
	live  []int    // those of paths that the run changes
	from  []uint64 // of each operation: from when on it may be on a disk
}

// promise is the history of a path.
type promise struct {
	pack    int
	path    string
	values  []Value  // that it had, each once; the first is that at the start
	changes []turn   // ascending
	spans   [][]span // of each of values, when a pack of which it is in one state had it
}

// turn is an operation that changed a path, and to what: an index in values.
type turn struct{ op, value int }

// span is a time in virtual nanoseconds since the workload began, both ends included.
type span struct{ from, to uint64 }

// unknown is the index of a value that a path never had.
const unknown = -1

// newPromises finds out what a run promises. trees are those of the packs at the
// start.
func newPromises(run *Run, trees []Tree) (*promises, error) {
	p := &promises{run: run}
	for pack, tree := range trees {
		p.index = append(p.index, map[string]int{})
		for _, path := range slices.Sorted(maps.Keys(tree)) {
			p.add(pack, path, tree[path])
		}
	}
	for op, o := range run.Ops {
		for _, c := range o.Changes {
			if c.Pack < 0 || c.Pack >= len(trees) {
				return nil, errors.New("an operation of the run changes a pack that there is not")
			}
			i, ok := p.index[c.Pack][c.Path]
			if !ok {
				i = p.add(c.Pack, c.Path, Value{})
			}
			h := &p.paths[i]
			if len(h.changes) == 0 {
				p.live = append(p.live, i)
			}
			v := slices.Index(h.values, c.Is)
			if v < 0 {
				v = len(h.values)
				h.values = append(h.values, c.Is)
			}
			h.changes = append(h.changes, turn{op, v})
		}
	}
	// An operation under way may be on a disk, and so may the rest of a mkdir, rmdir
	// or mv that is under way: commit points do not come inside of those.
	for _, o := range run.Ops {
		from := o.Called
		if slices.Contains(commit.Programs, o.Program) {
			from = o.Began
		}
		p.from = append(p.from, from)
	}
	for _, i := range p.live {
		p.paths[i].date(p)
	}
	return p, nil
}

// date finds out when the path had each of its values, in a state of the pack in which
// all is done that had returned, and nothing that had not been called.
func (h *promise) date(p *promises) {
	h.spans = make([][]span, len(h.values))
	had := func(value int, s span) {
		all := h.spans[value]
		if n := len(all); n > 0 && s.from <= all[n-1].to {
			s.from = min(s.from, all[n-1].from)
			all = all[:n-1]
		}
		h.spans[value] = append(all, s)
	}
	from, value := uint64(0), 0
	for _, c := range h.changes {
		had(value, span{from, p.run.Ops[c.op].Returned})
		from, value = p.from[c.op], c.value
	}
	had(value, span{from, math.MaxUint64})
}

// instants returns when a pack had the values that a disk has, all of them that it ever
// had: none if that is a mixture of states. differs is as in a verdict.
func (p *promises) instants(pack int, differs []difference) []span {
	when := []span{{0, math.MaxUint64}}
	for _, i := range p.live {
		if p.paths[i].pack != pack {
			continue
		}
		value := 0
		if k, ok := slices.BinarySearchFunc(differs, i, func(d difference, i int) int { return cmp.Compare(d.path, i) }); ok {
			value = differs[k].value
		}
		if value != unknown {
			when = common(when, p.paths[i].spans[value])
		}
	}
	return when
}

// common returns the times that are in both lists, each of which is in ascending order.
func common(a, b []span) (both []span) {
	for _, s := range a {
		for _, t := range b {
			if from, to := max(s.from, t.from), min(s.to, t.to); from <= to {
				both = append(both, span{from, to})
			}
		}
	}
	return both
}

func (p *promises) add(pack int, path string, v Value) int {
	p.paths = append(p.paths, promise{pack: pack, path: path, values: []Value{v}})
	p.index[pack][path] = len(p.paths) - 1
	return len(p.paths) - 1
}

// moment is how far a run was when the power failed.
type moment struct {
	ops  int // how many operations had returned
	sure int // how many of them a returned sync covers
	time uint64
}

// broken is a path that is not as was promised, or lacks what had returned.
type broken struct {
	path     int   // in promises.paths
	promised bool  // a promise is broken
	ops      []int // that are not there and had returned
	covered  int   // how many of them, the first ones, are promised
}

// look holds the value of a path on a disk against its history. strict says that a
// value that it never had breaks a promise even when operations on it were under way.
// It returns false if nothing is missing.
func (p *promises) look(i, value int, m moment, strict bool) (broken, bool) {
	h := &p.paths[i]
	const none = -2
	is := func(k int) int { // the value after change k; -1 for the start
		if k < 0 {
			return 0
		}
		return h.changes[k].value
	}
	base := -1
	for base+1 < len(h.changes) && h.changes[base+1].op < m.sure {
		base++
	}
	match, later := none, false
	for k := len(h.changes) - 1; k > base && match == none; k-- {
		if op := h.changes[k].op; op < m.ops || p.from[op] <= m.time {
			later = true
			if is(k) == value {
				match = k
			}
		}
	}
	if match == none && is(base) == value {
		match = base
	}
	b := broken{path: i, promised: match == none}
	for k := base - 1; k >= -1 && match == none; k-- {
		if is(k) == value {
			match = k
		}
	}
	if match == none { // a value that it never had, or never up to now
		b.promised = strict || !later
		for match = len(h.changes) - 1; match >= 0 && h.changes[match].op >= m.ops; match-- {
		}
		match-- // the newest that had returned is missing
		if match >= base && b.promised {
			match = base - 1
		}
		match = max(match, -1)
	}
	for _, t := range h.changes[match+1:] {
		if t.op < m.ops {
			b.ops = append(b.ops, t.op)
			if t.op < m.sure && b.promised {
				b.covered++
			}
		}
	}
	return b, b.promised || len(b.ops) > 0
}

// verdict is what is wrong with what a pack holds. It is not changed any more.
type verdict struct {
	kinds    []fs.Kind // of problems that were not there at the start, sorted
	harmful  bool
	harmless bool
	half     int          // directories that are half done
	differs  []difference // paths that are not as they were at the start, ascending
	strange  int          // names that there never were
	mixed    bool         // it is of no instant: older in one place than in another
}

// difference is a path with another value than at the start.
type difference struct{ path, value int }

// memo remembers verdicts by what packs hold. It never changes one.
type memo struct {
	m    sync.Map
	n    atomic.Int64
	none bool // remember nothing, for tests
}

type memoKey struct {
	pack int
	sum  sum
}

// maxMemo bounds how many verdicts are remembered.
const maxMemo = 100_000

func (m *memo) get(k memoKey) *verdict {
	if v, ok := m.m.Load(k); ok && !m.none {
		return v.(*verdict)
	}
	return nil
}

func (m *memo) put(k memoKey, v *verdict) {
	if m.n.Load() < maxMemo {
		if _, there := m.m.LoadOrStore(k, v); !there {
			m.n.Add(1)
		}
	}
}

// court is what all judges of a run share.
type court struct {
	*replay
	promises *promises
	seed     uint64
	before   []map[fs.Problem]bool // of each pack: what was wrong with it at the start; nil: it had no file system
	memo     memo
}

func newCourt(run *Run, seed uint64) (*court, error) {
	r, err := newReplay(run)
	if err != nil {
		return nil, err
	}
	c := &court{replay: r, seed: seed}
	var trees []Tree
	for _, p := range run.Packs {
		tree, err := TreeOf(p.Start)
		trees = append(trees, tree)
		if err != nil {
			c.before = append(c.before, nil) // nothing is promised of it
			continue
		}
		before := map[fs.Problem]bool{}
		for _, q := range fs.Check(p.Start).Problems {
			for q := range single(q) {
				before[q] = true
			}
		}
		c.before = append(c.before, before)
	}
	c.promises, err = newPromises(run, trees)
	return c, err
}

// single yields a problem as it is compared: without words, one for each block.
func single(p fs.Problem) func(func(fs.Problem) bool) {
	return func(yield func(fs.Problem) bool) {
		for k := range max(p.Count, 1) {
			if !yield(fs.Problem{Kind: p.Kind, Inode: p.Inode, Block: p.Block + k, Entry: p.Entry}) {
				return
			}
		}
	}
}

// judge judges cuts of a run, one after the other. What it has found out of one it
// does not find out again for the next: cuts that are near each other cost little.
type judge struct {
	*court
	c     *cursor
	left  [][2]remains
	packs []bench
	value []int  // of each path, on the disks that are judged; 0 where nothing differs
	gone  []bool // by operation, in one cut
}

// bench is what a judge keeps of one pack.
type bench struct {
	restorer journaldev.Restorer
	checker  *fs.Incremental
	full     fs.Checker
	names    names
	view     pane  // what was looked at last, in front of checker
	sums     []sum // of view
	want     []sum // of what is to be looked at
	known    bool  // result is that of states
	states   [2]int
	result   packResult
}

// pane is a device that shows one disk after the other.
type pane struct{ *block.Store }

// packResult is what a cut came to on one pack.
type packResult struct {
	*verdict
	err      error // recovery has failed
	recovery journaldev.Recovery
	time     uint64
}

func (c *court) judge() (*judge, error) {
	cur, err := c.cursor()
	if err != nil {
		return nil, err
	}
	j := &judge{
		court: c, c: cur, left: make([][2]remains, len(c.Packs)), packs: make([]bench, len(c.Packs)),
		value: make([]int, len(c.promises.paths)), gone: make([]bool, len(c.Ops)),
	}
	for i := range j.packs {
		b := &j.packs[i]
		b.full.Brief = true
		b.restorer.Clock = func() time.Time { return time.Unix(0, 0) }
	}
	return j, nil
}

// recoveryError says that a journal had lost what it should have, or that the pack was
// not as its journal says.
type recoveryError struct{ journaldev.Recovery }

func (e recoveryError) Error() string { return e.Recovery.String() }

// recovering is a file while a pack is recovered: what is written is only counted, in
// the time that it takes on the host's disk.
type recovering struct {
	*remains
	time     *uint64
	syncTime uint64
}

func (f recovering) spend(nanos uint64, bytes int) {
	*f.time += nanos + SectorTime*uint64(bytes/block.Size)
}

func (f recovering) ReadAt(p []byte, off int64) (int, error) {
	f.spend(0, len(p))
	return f.remains.ReadAt(p, off)
}

func (f recovering) WriteAt(p []byte, _ int64) (int, error) {
	f.spend(WriteTime, len(p))
	return len(p), nil
}

func (f recovering) Size() (int64, error) { return f.size, nil }
func (f recovering) Sync() error          { f.spend(f.syncTime, 0); return nil }
func (f recovering) Close() error         { return nil }

// restore recovers what is left of pack i, of which store is the image, and adds the
// time that it takes to spent.
func (j *judge) restore(i int, store *block.Store, spent *uint64) (*journaldev.Restored, error) {
	left := &j.left[i]
	image, journal := recovering{&left[0], spent, j.SyncTime}, recovering{&left[1], spent, j.SyncTime}
	image.spend(0, store.Blocks()*block.Size) // it is read as a whole
	return j.packs[i].restorer.Restore(store, image, journal)
}

// pack judges what is left of a pack.
func (j *judge) pack(i int) (*packResult, error) {
	b, left := &j.packs[i], &j.left[i]
	states := [2]int{left[0].base.state, left[1].base.state}
	plain := len(left[0].over)+len(left[1].over) == 0
	if plain && b.known && b.states == states {
		return &b.result, nil
	}
	b.known = false
	store, err := left[0].store()
	if err != nil {
		return nil, err
	}
	b.want = append(b.want[:0], left[0].base.sums...)
	for _, v := range left[0].over {
		if v.sector < len(b.want) {
			b.want[v.sector] = v.sum
		}
	}
	total := left[0].total
	res := packResult{}
	if j.Mode == Journal {
		r, err := j.restore(i, store, &res.time)
		if err != nil {
			res.err = err
		} else {
			res.recovery = r.Recovery
			if r.Recovery.Damaged > 0 || r.Recovery.Changed || r.Recovery.Forced {
				res.err = recoveryError{r.Recovery}
			}
			store = r.Store
			var raw [block.Size]byte
			for _, n := range r.Writes {
				if n >= len(b.want) {
					continue
				}
				if err := store.ReadBlock(n, raw[:]); err != nil {
					return nil, err
				}
				s := sumOf(n, raw[:])
				total.swap(b.want[n], s)
				b.want[n] = s
			}
		}
	}
	key := memoKey{i, total}
	if res.verdict = j.memo.get(key); res.verdict == nil {
		if res.verdict, err = j.examine(i, store); err != nil {
			return nil, err
		}
		j.memo.put(key, res.verdict)
	}
	b.known, b.states, b.result = plain, states, res
	return &b.result, nil
}

// examine looks at what pack i holds, of which the sums are wanted.
func (j *judge) examine(i int, store *block.Store) (*verdict, error) {
	if j.before[i] == nil {
		return &verdict{}, nil
	}
	b := &j.packs[i]
	b.view.Store = store
	if b.checker == nil {
		b.checker = fs.NewIncremental(&b.view)
	} else {
		for n, s := range b.want {
			if s != b.sums[n] {
				b.checker.Update(n)
			}
		}
	}
	b.sums = append(b.sums[:0], b.want...)
	v := &verdict{}
	if r := b.checker.Report(); !r.Clean() {
		// The incremental check says what kinds of problems there are, not where.
		if len(j.before[i]) > 0 || slices.ContainsFunc(r.Problems, func(p fs.Problem) bool { return halfDone(p.Kind) }) {
			r = b.full.Check(store)
		}
		v.problems(r, j.before[i])
	}
	var tree Tree
	if _, err := b.names.update(store); err == nil {
		tree = b.names.tree
	} // otherwise none of its names can be reached
	index := j.promises.index[i]
	for path, value := range tree {
		k, ok := index[path]
		if !ok {
			v.strange++
			continue
		}
		if n := slices.Index(j.promises.paths[k].values, value); n != 0 {
			v.differs = append(v.differs, difference{k, n})
		}
	}
	for path, k := range index {
		if _, ok := tree[path]; !ok {
			if n := slices.Index(j.promises.paths[k].values, Value{}); n != 0 {
				v.differs = append(v.differs, difference{k, n})
			}
		}
	}
	slices.SortFunc(v.differs, func(a, b difference) int { return cmp.Compare(a.path, b.path) })
	v.mixed = len(j.promises.instants(i, v.differs)) == 0
	return v, nil
}

// halfDone says whether a problem is that of a directory which was begun or removed,
// but not to the end. Of LostDamaged only some are: see fs.Problem.Of.
func halfDone(k fs.Kind) bool {
	switch k {
	case fs.DotMissing, fs.DotDotMissing, fs.DotWrong, fs.DotDotWrong, fs.SecondName, fs.Unreachable, fs.LostDamaged:
		return true
	}
	return false
}

// problems notes what a check has found and was not there before.
func (v *verdict) problems(r *fs.Report, before map[fs.Problem]bool) {
	half := map[int]bool{}
	for _, p := range r.Problems {
		fresh := len(before) == 0
		for q := range single(p) {
			fresh = fresh || !before[q]
		}
		if !fresh {
			continue
		}
		if halfDone(p.Kind) && (p.Kind != fs.LostDamaged || halfDone(p.Of)) {
			half[p.Inode] = true
		}
		if p.Severity == fs.Harmful {
			v.harmful = true
		} else {
			v.harmless = true
		}
		if !slices.Contains(v.kinds, p.Kind) {
			v.kinds = append(v.kinds, p.Kind)
		}
	}
	slices.Sort(v.kinds)
	v.half = len(half)
}

// finding is a cut with what its short form has no place for.
type finding struct {
	Cut
	packs  []packResult
	broken []broken
}

// judge judges a cut. Cuts must come in the order of their events, and the torn ones
// apart from others.
func (j *judge) judge(p point) (*finding, error) {
	if p.event >= len(j.Events) || p.mode != j.Mode {
		return nil, fmt.Errorf("there is no cut %s: the run is %s and has %d events", p.ID(), j.Mode, len(j.Events))
	}
	next := p.event + 1
	if p.model == Torn {
		next = p.event
	}
	if err := j.c.goTo(next); err != nil {
		return nil, err
	}
	if err := j.c.cut(p, j.seed, j.left); err != nil {
		return nil, err
	}
	f := &finding{Cut: Cut{ID: p.ID(), Model: p.model, Event: p.event, Time: j.Events[p.event].Time, Outcome: Clean}}
	worst := func(o Outcome) {
		if slices.Index(Outcomes, o) > slices.Index(Outcomes, f.Outcome) {
			f.Outcome = o
		}
	}
	strange := 0
	for i := range j.packs {
		r, err := j.pack(i)
		if err != nil {
			return nil, err
		}
		f.packs = append(f.packs, *r)
		f.HalfDone += r.half
		f.Kinds = append(f.Kinds, r.kinds...)
		f.Transactions += r.recovery.Count
		f.HomeBlocks += r.recovery.Blocks
		f.RecoveryTime += r.time
		strange += r.strange
		if r.mixed && r.err == nil {
			strange++
		}
		switch {
		case r.err != nil:
			worst(RecoveryFailed)
		case r.harmful:
			worst(Harmful)
		case r.harmless:
			worst(Harmless)
		}
		for _, d := range r.differs {
			j.value[d.path] = d.value
		}
	}
	slices.Sort(f.Kinds)
	f.Kinds = slices.Compact(f.Kinds)
	if f.HalfDone > 0 {
		worst(HalfDone)
	}
	j.keep(f, strange)
	if f.PromiseLost > 0 {
		worst(PromiseLost)
	}
	for i := range f.packs {
		for _, d := range f.packs[i].differs {
			j.value[d.path] = 0
		}
	}
	return f, nil
}

// keep finds out which promises were kept. strange is how many names, and states of
// packs, there are that there never were.
func (j *judge) keep(f *finding, strange int) {
	m := moment{ops: j.c.ops, sure: j.c.sure, time: f.Time}
	// Where no operation is ever half done, and each commit has all of the pack, nothing
	// is there that never was.
	strict := j.Mode == Journal
	look := func(i int) {
		if b, bad := j.promises.look(i, j.value[i], m, strict); bad {
			f.broken = append(f.broken, b)
		}
	}
	for _, i := range j.promises.live {
		look(i)
	}
	for _, r := range f.packs {
		for _, d := range r.differs {
			if len(j.promises.paths[d.path].changes) == 0 {
				look(d.path)
			}
		}
	}
	if strict {
		f.PromiseLost += strange
	}
	var lost []int
	covered := map[int]bool{}
	for _, b := range f.broken {
		for k, op := range b.ops {
			if !j.gone[op] {
				j.gone[op] = true
				lost = append(lost, op)
			}
			if k < b.covered {
				covered[op] = true
			}
		}
		if b.promised && b.covered == 0 {
			f.PromiseLost++ // what was there at the start, or half an operation is
		}
	}
	f.PromiseLost += len(covered)
	f.LostOps = len(lost)
	for _, op := range lost {
		j.gone[op] = false
		if t := j.Ops[op].Returned; t < f.Time {
			f.LostTime = max(f.LostTime, f.Time-t)
		}
	}
}
