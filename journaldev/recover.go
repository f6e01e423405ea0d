package journaldev

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"v7em/block"
	"v7em/internal/hostfile"
)

// Errors of journals that are not replayed, wrapped with the file and what to do.
var (
	// ErrJournal says that a journal cannot be read.
	ErrJournal = errors.New("the journal cannot be used")
	// ErrForeign says that a journal does not fit its pack.
	ErrForeign = errors.New("the journal does not fit the pack")
	// ErrNoRoom says that a new journal does not fit on the host's disk.
	ErrNoRoom = errors.New("there is no room for a journal")
)

// plan is what there is to do with a journal's transactions.
type plan struct {
	home    uint64   // all transactions up to this one are home
	apply   []logged // committed and not home: those that follow, in order
	newest  uint64   // the newest transaction of which there is a trace
	damaged uint64   // the first that had committed and is not whole any more, or 0
}

// makePlan finds the prefix of the committed transactions that recovery applies.
// Transactions are written one after the other, so a trace of one proves that all
// before it had committed. Of the newest one it cannot be told whether it had: if
// it is not whole, its writing was cut off, or it was damaged afterwards.
func makePlan(h header, records []record) plan {
	p := plan{home: h.home}
	for _, r := range records {
		switch {
		case r.generation != h.generation || r.seq < h.start:
			continue
		case r.kind == kindHome:
			p.home = max(p.home, r.id)
		case r.kind == kindCommit && r.mark != nil:
			p.home = max(p.home, r.mark.home)
		}
		p.newest = max(p.newest, r.id)
	}
	p.newest = max(p.newest, p.home)
	next := p.home + 1
	for _, l := range assemble(records) {
		if l.generation == h.generation && l.mark.first >= h.start && l.id == next {
			p.apply = append(p.apply, l)
			next++
		}
	}
	if next < p.newest {
		p.damaged = next
	}
	return p
}

// Recovery tells what a journal had to say when a pack was opened.
type Recovery struct {
	// Transactions First to Last were committed and not home; they are now, or, for
	// reading only, are seen as if they were. Count is 0 if there were none.
	First  uint64 `json:"first,omitempty"`
	Last   uint64 `json:"last,omitempty"`
	Count  int    `json:"count"`
	Blocks int    `json:"blocks"` // how many blocks differed from the image

	// Uncommitted is the newest transaction, if it is not whole: its writing was cut
	// off, so that nobody was told that it is durable, or it was damaged later. Which
	// of the two cannot be told. It is dropped.
	Uncommitted uint64 `json:"uncommitted,omitempty"`

	// Damaged is the first transaction that had committed but is not whole any more,
	// 0 if there is none. It and all after it, Lost of them, are not applied.
	Damaged uint64 `json:"damaged,omitempty"`
	Lost    int    `json:"lost,omitempty"`

	// Changed says that the image is not as it was left: it was written without the
	// journal. There was nothing to apply, so it is taken as it is.
	Changed bool `json:"changed,omitempty"`

	// Forced says that the journal did not fit the pack, which may be damaged now.
	Forced bool `json:"forced,omitempty"`

	// Overwritten is how many blocks had neither what was there before the transactions
	// nor what one of them brings. They have what the journal says now. They may be
	// writes that stopped in their middle, one each time that v7em was killed; others
	// there are only if the journal is damaged or was forced on the pack.
	Overwritten int `json:"overwritten,omitempty"`

	// Empty says that the journal was a file without a byte, which v7em never leaves
	// behind: if there was something in it, that is lost.
	Empty bool `json:"empty,omitempty"`
}

// Telling says whether there is something that the user of a pack should hear when
// it is opened: what was brought home, and what is not as it should be.
func (r Recovery) Telling() bool {
	return r.Blocks > 0 || r.Uncommitted > 0 || r.Damaged > 0 || r.Changed || r.Forced || r.Empty
}

// String tells it in one line.
func (r Recovery) String() string {
	s := "nothing to recover"
	switch {
	case r.Count == 1:
		s = fmt.Sprintf("recovered transaction %d (%d blocks)", r.First, r.Blocks)
	case r.Count > 1:
		s = fmt.Sprintf("recovered transactions %d to %d (%d blocks)", r.First, r.Last, r.Blocks)
	}
	if r.Uncommitted > 0 {
		s += fmt.Sprintf("; dropped transaction %d, which is not whole: it was cut off or damaged", r.Uncommitted)
	}
	if r.Damaged > 0 {
		s += fmt.Sprintf("; the journal is damaged: transaction %d and those after it, %d in all, are lost",
			r.Damaged, r.Lost)
	}
	if r.Changed {
		s += "; the pack was changed without its journal"
		if r.Uncommitted > 0 {
			s += ", or that transaction was on its way home: check its file system"
		}
	}
	if r.Forced {
		s += "; the journal did not fit the pack: check its file system"
	}
	if r.Overwritten > 0 {
		s += fmt.Sprintf("; %d of them had something that the journal does not know: a write was cut off, or another "+
			"program's is lost", r.Overwritten)
	}
	if r.Empty {
		s += "; the journal was an empty file: what it may have had is lost"
	}
	return s
}

// recovered is a pack with its journal looked through: what recovery would make of
// it, before anything is written.
type recovered struct {
	j      *journal
	plan   plan
	store  *block.Store // the pack as recovery leaves it
	print  fingerprint  // of store
	writes []int        // the blocks in which the image differs, in ascending order
	report Recovery

	replayed []Replay
}

// Replay is what recovery took from one transaction.
type Replay struct {
	Transaction uint64
	Blocks      []int  // of which the journal had an image, in the journal's order
	Written     []bool // for each: the image did not have it yet, or not as it is now
}

// lookThrough puts a journal over an image in memory. It writes nothing. A journal
// that does not fit the image is an error unless force is set.
func lookThrough(image *block.Store, j *journal, force bool) (*recovered, error) {
	return lookThroughAfter(nil, image, j, force)
}

// lookThroughAfter is lookThrough with what is known of a pack recovered before, if
// there was one.
func lookThroughAfter(before *recovered, image *block.Store, j *journal, force bool) (*recovered, error) {
	if j.blocks != image.Blocks() {
		return nil, wrongSize(j.blocks, image.Blocks())
	}
	r := &recovered{j: j, plan: makePlan(j.header, j.records), store: image.Clone()}
	p := &r.plan
	var strange []int // the blocks to write of which the image has something else than any transaction
	explained := map[int]bool{}
	for i := range p.apply {
		entries, err := j.entries(&p.apply[i])
		if err != nil {
			p.damaged = p.apply[i].id
			p.apply = p.apply[:i]
			break
		}
		replay := Replay{Transaction: p.apply[i].id}
		for _, e := range entries {
			if e.redo == nil {
				continue
			}
			// It is as before, or as some transaction brings it: home writes may have begun.
			// What was swap space before one of them nobody knows.
			was, seen := explained[e.Block]
			explained[e.Block] = was || e.before == 0 || !seen && e.before.is(image, e.Block) || holds(image, e.Block, e.redo)
			if err := r.store.WriteBlock(e.Block, e.redo); err != nil {
				return nil, err
			}
			replay.Blocks = append(replay.Blocks, e.Block)
		}
		r.replayed = append(r.replayed, replay)
	}
	// What the pack should be now: as the last commit mark that is applied says, or
	// the last one that is home.
	state, known := r.state()
	valid := known && state.layout.valid(j.blocks)
	for n, ok := range explained {
		switch {
		case valid && state.layout.Swap.Has(n):
			// It became swap space since, and was written past the journal: it does not count.
			if err := keepBlock(r.store, image, n); err != nil {
				return nil, err
			}
		case !ok:
			strange = append(strange, n)
		}
	}
	if before != nil && before.store.Blocks() == r.store.Blocks() {
		r.print = before.print.clone()
		r.print.renew(r.store, r.store.Diff(before.store))
	}
	fits := valid && r.describe(state.layout, state.ordered, nil) == state
	if n := len(p.apply); n > 0 {
		r.report.First, r.report.Last, r.report.Count = p.apply[0].id, p.apply[n-1].id, n
		r.report.Overwritten = len(strange)
		// Each recovery that was itself cut off may have left another torn block.
		fits = fits && (p.damaged > 0 || !slices.ContainsFunc(strange, func(n int) bool { return !r.torn(image, n) }))
		if !fits && !force {
			return nil, fmt.Errorf("%w: either it is of another pack, or another program has changed this one since", ErrForeign)
		}
		r.report.Forced = !fits
	} else {
		r.report.Changed = known && !fits
		r.report.Forced = r.report.Changed && p.damaged > 0
		if r.report.Forced && !force {
			// The damaged one was on its way home, or another program was at work.
			return nil, fmt.Errorf("transaction %d in it is damaged, and the pack is not as the one before left it", p.damaged)
		}
	}
	if p.damaged > 0 {
		r.report.Damaged, r.report.Lost = p.damaged, int(p.newest-p.damaged)+1
	} else if p.newest > p.home+uint64(len(p.apply)) {
		r.report.Uncommitted = p.newest
	}
	r.writes = slices.Collect(image.Diff(r.store))
	for i := range r.replayed {
		for _, n := range r.replayed[i].Blocks {
			_, written := slices.BinarySearch(r.writes, n)
			r.replayed[i].Written = append(r.replayed[i].Written, written)
		}
	}
	r.report.Blocks = len(r.writes)
	return r, nil
}

// keepBlock gives block n of a store what the image has there.
func keepBlock(s, image *block.Store, n int) error {
	var b [block.Size]byte
	if err := image.ReadBlock(n, b[:]); err != nil {
		return err
	}
	return s.WriteBlock(n, b[:])
}

// torn says whether block n of the image may be one of which a home write stopped in its
// middle, as when the host has no room for the rest: it begins as some transaction brings
// it and ends as one before brings it, or as it was before them all.
func (r *recovered) torn(image *block.Store, n int) bool {
	is := make([]byte, block.Size)
	image.ReadBlock(n, is)
	var versions [][]byte
	var was before
	for i := range r.plan.apply {
		entries, err := r.j.entries(&r.plan.apply[i])
		if err != nil {
			return false
		}
		for _, e := range entries {
			if e.Block == n && e.redo != nil {
				if versions == nil {
					was = e.before
				}
				versions = append(versions, e.redo)
			}
		}
	}
	first, last := was.changes() // in which it was another than in the first version; between, nobody knows
	for i, v := range versions {
		done := common(is, v)
		for _, old := range versions[:i] {
			if bytes.Equal(is[done:], old[done:]) {
				return true
			}
		}
		begun := first
		if i > 0 {
			begun = min(first, common(v, versions[0]))
		}
		fits := done > begun
		for p := done; p < block.Size && fits; p++ {
			switch same := is[p] == versions[0][p]; {
			case p < first || p > last:
				fits = same
			case p == first || p == last:
				fits = !same
			}
		}
		if fits {
			return true
		}
	}
	return false
}

// common returns how many bytes of two blocks are the same, from the beginning.
func common(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

// wrongSize says that a journal is of a pack of another size.
func wrongSize(of, is int) error {
	return fmt.Errorf("%w: it is of a pack of %d blocks, this one has %d", ErrForeign, of, is)
}

// holds says whether block n of a store has the contents b.
func holds(s *block.Store, n int, b []byte) bool {
	var is [block.Size]byte
	return s.ReadBlock(n, is[:]) == nil && bytes.Equal(is[:], b)
}

// describe returns what describes the pack as recovery leaves it. uses is what a
// survey with that layout finds, or nil.
func (r *recovered) describe(l Layout, ordered bool, uses []Use) packState {
	if ordered && uses == nil {
		uses = Survey(r.store, l)
	}
	return r.print.update(r.store, l, ordered, uses, func(int) bool { return false })
}

// state returns what the journal says of the pack with the plan carried out. It is
// false if it does not say.
func (r *recovered) state() (packState, bool) {
	if n := len(r.plan.apply); n > 0 {
		return r.plan.apply[n-1].mark.state, true
	}
	if r.plan.home == r.j.home {
		return r.j.header.state, r.j.generation > 1
	}
	for _, rec := range r.j.records {
		if rec.kind == kindCommit && rec.generation == r.j.generation && rec.id == r.plan.home && rec.mark != nil {
			return rec.mark.state, true
		}
	}
	return packState{}, false
}

// bringHome writes what recovery changes to the image. The journal stays as it is,
// so that a crash in between only means to do it again. A process that was killed
// leaves records that are not durable yet: they must be, before the image follows
// them (rule 1).
func (r *recovered) bringHome(home, journal *backing) error {
	if len(r.plan.apply) == 0 {
		return nil
	}
	if err := journal.syncAll(); err != nil {
		return err
	}
	if err := writeRuns(home, r.writes, r.store.ReadBlock); err != nil {
		return err
	}
	return home.syncAll()
}

// claim makes what a header with that layout says of the pack durable. Blocks that
// passed by the journal so far, and count from now on, may not be: nobody has synced
// them.
func (r *recovered) claim(home *backing, l Layout) error {
	was, known := r.state()
	if !known || was.layout.Swap == was.layout.Swap.and(l.Swap) {
		return nil
	}
	return home.syncAll()
}

// next returns the header under which the journal begins anew, with nothing in it
// that is not home. state describes the pack.
func (r *recovered) next(state packState, now int64) header {
	h := r.j.header
	h.generation++
	h.start = r.j.end()
	h.home = r.plan.newest
	h.state = state
	h.time = now
	return h
}

// writeHeader writes both copies of a header, each durable before what follows.
func writeHeader(f *backing, h header) error {
	b := h.encode()
	for _, at := range []int64{0, headerApart} {
		if err := f.writeAt(b, at); err != nil {
			return err
		}
		if err := f.syncAll(); err != nil {
			return err
		}
	}
	return nil
}

// writeRuns writes blocks, in ascending order, neighbours in one write. read gives
// the contents of each.
func writeRuns(f *backing, blocks []int, read func(n int, p []byte) error) error {
	var b []byte
	for i, n := range blocks {
		b = append(b, make([]byte, block.Size)...)
		if err := read(n, b[len(b)-block.Size:]); err != nil {
			return err
		}
		if i+1 < len(blocks) && blocks[i+1] == n+1 {
			continue
		}
		if err := f.writeBlock(n+1-len(b)/block.Size, b); err != nil {
			return err
		}
		b = b[:0]
	}
	return nil
}

// writeZeros writes zeros to the bytes from to to-1 of a file, and makes them durable:
// a header must not say that there are more sectors than the file has.
func writeZeros(f *backing, from, to int64) error {
	zeros := make([]byte, 1<<20)
	for from < to {
		n := min(int64(len(zeros)), to-from)
		if err := f.writeAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return f.sync()
}

// JournalPath returns the name of the journal of the image at path: beside the
// image itself, wherever links lead to it from.
func JournalPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path + ".journal"
}

// JournalError says that the journal of an image cannot be used, which wraps ErrJournal,
// or does not fit it, which wraps ErrForeign. Neither file was changed.
type JournalError struct {
	Image string // the host file of the pack
	Held  Held   // what is lost if somebody goes on without the journal
	Err   error
}

func (e *JournalError) Error() string { return fmt.Sprintf("%s: %v", JournalPath(e.Image), e.Err) }

func (e *JournalError) Unwrap() error { return e.Err }

// Held is what a journal has that is not in its image: committed transactions.
type Held struct {
	Known        bool      // false: the journal cannot be read, so nobody knows
	Transactions int       // how many
	Newest       time.Time // when the newest of them was committed
}

// held returns what a journal has; nil stands for one that cannot be read.
func (j *journal) held() Held {
	if j == nil {
		return Held{}
	}
	p := makePlan(j.header, j.records)
	h := Held{Known: true, Transactions: len(p.apply)}
	if n := len(p.apply); n > 0 {
		h.Newest = fromNanos(p.apply[n-1].mark.time)
	}
	return h
}

// journalError says what is wrong with the journal of an image; j is nil if it cannot
// be read.
func journalError(image string, j *journal, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return &Error{Op: "read", Path: JournalPath(image), Block: -1, Err: err}
	}
	if !errors.Is(err, ErrForeign) {
		err = fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return &JournalError{Image: image, Held: j.held(), Err: err}
}

// Recover brings home what the journal of the image at path has, and leaves the
// journal empty. Without a journal there is nothing to do. With force it applies a
// journal that does not fit the image. Nobody else may have the image.
func Recover(path string, force bool) (Recovery, error) {
	return settle(path, force, emptied)
}

// emptied begins a journal anew, with nothing in it that is not home. A file without
// a byte stays one: it means the same to everybody.
func emptied(r *recovered, journal *backing) error {
	if r == nil {
		return nil
	}
	state, _ := r.state()
	if !state.layout.valid(r.j.blocks) {
		state = packState{}
	}
	return writeHeader(journal, r.next(r.describe(state.layout, state.ordered, nil), nanos(time.Now())))
}

// Look returns the image at path, in memory, as Recover would leave it, and what that
// would do. It writes nothing. If someone has the image the error is a *BusyError.
func Look(path string) (*block.Store, Recovery, error) {
	return LookAs(path, Kind{}, Options{})
}

// LookAs is Look for an image of a pack of that kind. Of the options only Unit and AnySize
// mean something.
func LookAs(path string, kind Kind, o Options) (*block.Store, Recovery, error) {
	o.ReadOnly = true
	f, form, _, err := openImage(path, kind, o)
	if err != nil {
		return nil, Recovery{}, err
	}
	defer f.Close()
	return loadThrough(f, path, form, o.Unit)
}

// RemoveJournal brings home what the journal of the image at path has and removes
// it: the pack is a plain one then.
func RemoveJournal(path string) (Recovery, error) {
	return settle(path, false, func(*recovered, *backing) error { return removeJournal(path) })
}

// DropJournal removes the journal of the image at path, and with it what it has, which
// is returned and lost. Nobody else may have the image, and this user must be able to
// write it.
func DropJournal(path string) (Held, error) {
	f, _, protected, err := openImage(path, Kind{}, Options{})
	if err != nil {
		return Held{}, err
	}
	defer f.Close()
	if protected != nil {
		return Held{}, &Error{Op: "remove", Path: JournalPath(path), Block: -1, Err: protected}
	}
	var j *journal
	empty := false
	if jf, err := openJournal(path); err == nil && jf != nil {
		defer jf.Close()
		if empty = isEmpty(osFile{jf}); !empty {
			j, _ = readJournal(osFile{jf}) // one that cannot be read is what this is for
		}
	}
	held := j.held()
	held.Known = held.Known || empty
	return held, removeJournal(path)
}

func removeJournal(path string) error {
	name := JournalPath(path)
	if err := hostfile.Remove(name); err != nil {
		return &Error{Op: "remove", Path: name, Block: -1, Err: err}
	}
	return nil
}

// isEmpty says whether a file has no byte.
func isEmpty(f File) bool {
	size, err := f.Size()
	return err == nil && size == 0
}

// settle brings home what the journal of an image has and then calls done, with nil for
// a journal without a byte. Without a journal it does nothing.
func settle(path string, force bool, done func(r *recovered, journal *backing) error) (Recovery, error) {
	f, form, protected, err := openImage(path, Kind{}, Options{})
	if err != nil {
		return Recovery{}, err
	}
	defer f.Close()
	return settleOpen(f, path, form, protected, force, done)
}

// settleOpen is settle for an image that is open; protected says why it may not be
// written, if so.
func settleOpen(f *os.File, path string, form *shape, protected error, force bool,
	done func(r *recovered, journal *backing) error) (Recovery, error) {
	name := JournalPath(path)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return Recovery{}, nil
	}
	if protected != nil {
		return Recovery{}, &Error{Op: "recover", Path: path, Block: -1, Err: protected}
	}
	jf, err := openRegular(name, os.O_RDWR)
	if err != nil {
		return Recovery{}, &Error{Op: "recover", Path: name, Block: -1, Err: err}
	}
	defer jf.Close()
	journal := &backing{f: osFile{jf}, path: name}
	if isEmpty(journal.f) {
		return Recovery{Empty: true}, done(nil, journal)
	}
	r, err := open(&backing{f: osFile{f}, path: path, shape: form}, journal, force)
	if err != nil {
		return Recovery{}, err
	}
	return r.report, done(r, journal)
}

// openJournal opens the journal of an image, to read it. There may be none: then
// both results are nil.
func openJournal(image string) (*os.File, error) {
	f, err := openRegular(JournalPath(image), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{Op: "open", Path: JournalPath(image), Block: -1, Err: err}
	}
	return f, nil
}

// openRegular opens a file that must be a regular one. Anything else is refused at
// once: opening a pipe would wait for the other end.
func openRegular(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
