package journaldev

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"v7em/block"
)

// DataMode says what becomes of the data of plain files.
type DataMode string

// The modes.
const (
	// DataJournal puts file data through the journal like everything else.
	DataJournal DataMode = "journal"
	// DataOrdered writes data for fresh blocks home, durably, before the transaction
	// that refers to it commits. What was used before the transaction, by whatever,
	// is not touched: data for such a block goes through the journal.
	DataOrdered DataMode = "ordered"
)

// Set implements pflag.Value.
func (m *DataMode) Set(s string) error {
	switch k := DataMode(s); k {
	case DataJournal, DataOrdered:
		*m = k
		return nil
	}
	return fmt.Errorf("must be %s or %s", DataJournal, DataOrdered)
}

// Type implements pflag.Value.
func (m *DataMode) Type() string { return "mode" }

func (m *DataMode) String() string { return string(*m) }

// VolumeOptions says how a pack is opened with its journal.
type VolumeOptions struct {
	Options

	Data         DataMode         // empty for DataJournal
	JournalSize  int64            // bytes; 0 leaves a journal as it is and makes a new one of 4 MB
	Transactions int              // how many there are; 0 for 8, at least 2
	Undo         bool             // keep undo images in the journal
	Clock        func() time.Time // nil for the host's

	// Layout tells which file systems are where on a pack that holds these blocks; nil
	// for Detect. Swap is the pack's swap space from the beginning, as in SetSwap.
	Layout func(*block.Store) Layout
	Swap   Range

	// ByHand leaves the I/O on the files to calls of Step: the volume has no goroutine
	// of its own, and belongs to one. So a run in virtual time is the same each time.
	ByHand bool
	// Random gives the journal its id, 16 bytes; nil for crypto/rand.
	Random io.Reader

	Flaw Flaw // for tests and teaching: a mistake
}

// Flaw is a mistake in how a volume works, by which tests see whether they would
// notice it. Nothing else must set one: it loses data.
type Flaw uint8

// The flaws.
const (
	NoFlaw        Flaw = iota
	FlawMarkFirst      // a commit's mark is made durable, and its records are written after that
	FlawNoSync         // blocks go home without a sync of the journal before
	FlawInherit        // a block that a newer transaction has counts as home, though that one has not committed
	FlawServe          // the guest is served from what was committed, not from what it has written
)

// The defaults, and the least, of the sizes in VolumeOptions.
const (
	DefaultJournalSize  = 4 << 20
	MinJournalSize      = ringOffset + minRing*sectorSize
	DefaultTransactions = 8
)

// Volume is a pack with a journal. The guest reads and writes the view, in memory.
// What reaches the host are states of the pack handed to Commit: each becomes, with
// the blocks in which it differs from the one before, a transaction. After a crash
// the image, once recovered, is as one of those states, and no older than the last
// whose Ticket was done.
//
// The methods of a drive (ReadBlock, WriteBlock, Snapshot) belong to the goroutine
// that runs the machine. Commit, Sync, Status, Uses, Err and ReadOnly may be called
// from any. Close and Cut come last.
type Volume struct {
	kind     Kind
	o        VolumeOptions
	recovery Recovery
	replayed []Replay
	readOnly bool
	// protection is why it was opened to be read only.
	protection error

	view    *block.Store // the drive's; of the machine's goroutine
	writes  atomic.Uint64
	space   atomic.Pointer[space] // changed under mu
	failure atomic.Pointer[error] // what made the volume read-only; set under mu

	// committing is held through Commit, so that commits are one after the other. It
	// protects the newest committed state and what its blocks are used for.
	committing sync.Mutex
	tip        *block.Store
	tipUses    []Use

	surveyed atomic.Pointer[surveyed] // of the newest commit

	// mu protects what follows, but is never held during I/O.
	mu       sync.Mutex
	work     sync.Cond // there may be something to do for the drive's goroutines
	room     sync.Cond // a transaction may have become free
	core     *core
	bodies   map[uint64]*body // of the transactions in CREATE, START and TRANS
	newest   *Ticket          // of the newest commit
	loose    map[int][]byte   // swap blocks on their way home
	coming   map[int][]byte   // newest contents of blocks that shall be swap space
	strays   map[int]bool     // swap blocks written since they were journaled last
	layout   Layout           // of the newest commit that became a transaction
	layoutID uint64           // and that
	stats    stats
	stopping bool // Close or Cut was called
	cut      bool // by Cut

	drive
}

// space says which blocks pass by the journal. Their contents must not count for any
// state that recovery can end with: so swap space that a commit gives up is none at
// once, and what it takes is swap space when the commit is durable.
type space struct {
	swap   Range // passes by the journal
	coming Range // shall do so: the kernel's, whatever belongs to file systems
}

// surveyed is what the blocks of a commit are used for. It does not change.
type surveyed struct {
	uses   []Use
	layout Layout
}

// body is what a transaction holds. It changes, in Commit, only until the core
// starts it.
type body struct {
	base     *block.Store // the committed state before it
	baseUses []Use
	baseSwap Range        // where base may differ from what is home
	state    *block.Store // the committed state with it
	uses     []Use
	layout   Layout
	blocks   map[int][]byte // the blocks that it updates
	strays   map[int]bool   // those of them that may differ at home from base
	entries  []entry
	note     Note
	noteJSON []byte
	called   time.Time // when the first of its commits was
	ticket   *Ticket
}

// Ticket stands for the durability of a commit.
type Ticket struct {
	id   uint64
	done chan struct{}
	err  error // final when done is closed
}

// ID returns the transaction that carries the commit.
func (t *Ticket) ID() uint64 { return t.id }

// Done returns a channel that is closed when the commit is durable, or has failed.
func (t *Ticket) Done() <-chan struct{} { return t.done }

// Wait waits for Done. An error says that the commit may be lost.
func (t *Ticket) Wait() error {
	<-t.done
	return t.err
}

func newTicket(id uint64) *Ticket { return &Ticket{id: id, done: make(chan struct{})} }

// Kind returns what kind of pack it is.
func (v *Volume) Kind() Kind { return v.kind }

// Path returns the name of the host file.
func (v *Volume) Path() string { return v.home.path }

// Recovery tells what the journal had to say when the volume was opened.
func (v *Volume) Recovery() Recovery { return v.recovery }

// Blocks returns the number of blocks.
func (v *Volume) Blocks() int { return v.view.Blocks() }

// Err returns the failed write or sync that made the volume read-only, or nil.
func (v *Volume) Err() error {
	if err := v.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// ReadOnly says whether the drive's write-protect switch is on: the volume was
// opened so, or a write or sync has failed.
func (v *Volume) ReadOnly() bool { return v.readOnly || v.failure.Load() != nil }

// Protected says why the volume was opened to be read only, nil if it was not.
func (v *Volume) Protected() error { return v.protection }

// ReadBlock copies block n (0 to Blocks()-1) to the 512 bytes of buf.
func (v *Volume) ReadBlock(n int, buf []byte) error { return v.view.ReadBlock(n, buf) }

// WriteBlock writes the 512 bytes of buf to block n (0 to Blocks()-1). It does not
// wait for the host. A block of the swap space goes home soon, any other with a
// commit.
func (v *Volume) WriteBlock(n int, buf []byte) error {
	if err := v.Err(); err != nil {
		return err
	}
	if v.readOnly {
		return v.protected(n)
	}
	if err := v.view.WriteBlock(n, buf); err != nil {
		return err
	}
	sp := v.space.Load()
	if !sp.swap.Has(n) {
		v.writes.Add(1)
		if !sp.coming.Has(n) {
			return nil
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch sp := v.space.Load(); { // a commit may have changed it
	case sp.swap.Has(n):
		v.loose[n] = bytes.Clone(buf)
		v.strays[n] = true
		v.work.Broadcast()
	case sp.coming.Has(n):
		v.coming[n] = bytes.Clone(buf)
	}
	return nil
}

func (v *Volume) protected(n int) error {
	return &Error{Op: "write", Unit: v.o.Unit, Path: v.home.path, Block: n, Err: errors.New("the pack is write-protected")}
}

// Writes returns how many blocks the guest has written outside of swap space since
// the volume was opened.
func (v *Volume) Writes() uint64 { return v.writes.Load() }

// Snapshot returns the view as a store of its own, which shares memory until one
// of the two is written.
func (v *Volume) Snapshot() *block.Store { return v.view.Clone() }

// Committed returns the newest state that was committed, which is what the image
// will be.
func (v *Volume) Committed() *block.Store {
	v.committing.Lock()
	defer v.committing.Unlock()
	return v.tip.Clone()
}

// Uses returns what every block of the pack was used for at the newest commit, which
// the caller must not change, and where its file systems and swap space were. It
// does not wait.
func (v *Volume) Uses() ([]Use, Layout) {
	s := v.surveyed.Load()
	return s.uses, s.layout
}

// Replayed returns what the journal brought home when the volume was opened,
// transaction by transaction, which the caller must not change.
func (v *Volume) Replayed() []Replay { return v.replayed }

// Revert makes the view what was committed last, for changes from the host when the
// guest is off. Swap space goes with it. It belongs to the machine's goroutine.
func (v *Volume) Revert() { v.view = v.Committed() }

// Commit makes state, one consistent state of the pack, what recovery may bring
// back, and returns at once: the ticket tells when it is durable. Only when no
// transaction is free it waits until the oldest is home (rule 6). The blocks in
// which state differs from the one committed before go into a transaction, with
// those of the commit before if that one has not started yet. Swap space does
// not count. The caller may go on to use state afterwards.
func (v *Volume) Commit(state *block.Store, note Note) (*Ticket, error) {
	switch {
	case v.readOnly:
		return nil, v.protected(-1)
	case state.Blocks() != v.Blocks():
		return nil, fmt.Errorf("commit of %d blocks to a pack of %d", state.Blocks(), v.Blocks())
	}
	v.committing.Lock()
	defer v.committing.Unlock()
	id, b, joined, err := v.enter()
	if err != nil {
		return nil, err
	}
	// Nobody else touches b now: the core does not start what someone is in.
	layout := v.layoutOf(state)
	b.state, b.layout, b.uses = state.Clone(), layout, Survey(state, layout)
	b.note = b.note.join(note)
	b.noteJSON = b.note.encode()

	v.mu.Lock()
	past := v.space.Load().swap.and(layout.Swap) // passes by the journal, and goes on doing so
	v.settle(past)
	strays := b.strays
	maps.Copy(strays, v.strays)
	b.strays, v.strays = map[int]bool{}, map[int]bool{}
	for n := range strays {
		if past.Has(n) {
			v.strays[n] = true
		} else {
			b.strays[n] = true
		}
	}
	v.mu.Unlock()

	updates := b.difference(past, v.o.Data == DataOrdered)
	if v.o.Flaw == FlawServe {
		v.serve(state, layout)
	}

	v.mu.Lock()
	defer v.mu.Unlock()
	v.core.clear(id)
	for _, u := range updates {
		v.core.add(id, u)
	}
	b.setEntries(v.core.find(id).updates, v.o.Undo)
	v.tip, v.tipUses = b.state, b.uses
	v.surveyed.Store(&surveyed{b.uses, b.layout})
	if len(updates) == 0 && !joined {
		v.core.put(id, 0)
		delete(v.bodies, id)
		return v.newest, nil
	}
	v.core.put(id, transSectors(b.entries, v.o.Undo, b.noteJSON))
	v.layout, v.layoutID = layout, id
	v.newest = b.ticket
	v.work.Broadcast()
	return b.ticket, nil
}

// SetSwap says which blocks of the pack the kernel that runs uses for swapping, the
// zero Range if none: they pass by the journal, but for those that belong to a file
// system. What is swap space no more goes with the next commit; what is from now on
// passes by the journal as soon as the next commit is durable. Before anybody has
// said so all of a pack is journaled.
func (v *Volume) SetSwap(r Range) {
	if v.readOnly {
		return
	}
	v.committing.Lock()
	defer v.committing.Unlock()
	if v.o.Swap == r {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.o.Swap = r
	v.settle(v.space.Load().swap.and(r))
}

// settle changes which blocks pass by the journal, and from now on. Loose writes stop
// where there is no swap space any more: those blocks are strays, which the next commit
// takes. mu is held.
func (v *Volume) settle(swap Range) {
	v.space.Store(&space{swap, v.o.Swap})
	for n := range v.loose {
		if !swap.Has(n) {
			delete(v.loose, n)
		}
	}
	for n, b := range v.coming {
		switch {
		case swap.Has(n):
			v.loose[n] = b
			v.strays[n] = true
			v.work.Broadcast()
			fallthrough
		case !v.o.Swap.Has(n):
			delete(v.coming, n)
		}
	}
}

// durable lets the swap space of the newest commit pass by the journal, when that one
// is durable. mu is held.
func (v *Volume) durable() {
	if v.layoutID != 0 && v.core.committed >= v.layoutID {
		v.settle(v.layout.Swap.and(v.o.Swap))
	}
}

// layoutOf returns the layout of a pack, the zero one for one that cannot be.
func (v *Volume) layoutOf(s *block.Store) Layout { return layoutOf(s, v.o.Layout, v.o.Swap) }

func layoutOf(s *block.Store, find func(*block.Store) Layout, swap Range) Layout {
	if l := find(s); l.valid(s.Blocks()) {
		return l.WithSwap(s, swap)
	}
	return Layout{}
}

// enter gets into the collecting transaction. joined says that it holds a commit
// already.
func (v *Volume) enter() (id uint64, b *body, joined bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for {
		if err := v.Err(); err != nil {
			return 0, nil, false, err
		}
		if v.stopping {
			return 0, nil, false, &Error{Op: "commit", Unit: v.o.Unit, Path: v.home.path, Block: -1,
				Err: errors.New("the pack is closed")}
		}
		if id = v.core.get(); id != 0 {
			break
		}
		if v.o.ByHand {
			v.step()
			continue
		}
		v.work.Broadcast()
		v.room.Wait()
	}
	b = v.bodies[id]
	if b != nil {
		return id, b, true, nil
	}
	b = &body{base: v.tip, baseUses: v.tipUses, baseSwap: v.surveyed.Load().layout.Swap, strays: map[int]bool{},
		called: v.o.Clock(), ticket: newTicket(id)}
	v.bodies[id] = b
	return id, b, false, nil
}

// difference collects the blocks in which the state differs from the base, but for
// those that pass by the journal, and returns the updates.
func (b *body) difference(past Range, ordered bool) []Update {
	b.blocks = map[int][]byte{}
	var order []int
	for n := range b.state.Diff(b.base) {
		if !past.Has(n) && !b.strays[n] {
			order = append(order, n)
		}
	}
	for n := range b.strays {
		order = append(order, n)
	}
	slices.Sort(order)
	var updates []Update
	var old, new [block.Size]byte
	for _, n := range order {
		b.base.ReadBlock(n, old[:])
		b.state.ReadBlock(n, new[:])
		b.blocks[n] = bytes.Clone(new[:])
		was, is := b.baseUses[n], b.uses[n]
		fresh := ordered && was == UseNone && is <= UseFile
		for _, u := range changes(n, was, is, &old, &new) {
			u.Direct = fresh
			updates = append(updates, u)
		}
	}
	return updates
}

// setEntries makes the journal's entries of the updates as the core took them:
// images go with the first update of each block.
func (b *body) setEntries(updates []Update, undo bool) {
	b.entries = make([]entry, len(updates))
	last := -1
	for i, u := range updates {
		e := &b.entries[i]
		e.Update = u
		if u.Block == last || u.Direct {
			continue
		}
		last = u.Block
		e.redo = b.blocks[u.Block]
		if !b.strays[u.Block] && !b.baseSwap.Has(u.Block) {
			e.before = newBefore(b.base, u.Block, e.redo)
		}
		if undo {
			e.undo = make([]byte, block.Size)
			b.base.ReadBlock(u.Block, e.undo)
		}
	}
}

// serve makes the view a state, but for swap space: see FlawServe.
func (v *Volume) serve(state *block.Store, l Layout) {
	var b [block.Size]byte
	for n := range state.Diff(v.view.Clone()) {
		if !l.Swap.Has(n) {
			state.ReadBlock(n, b[:])
			v.view.WriteBlock(n, b[:])
		}
	}
}

// Sync waits until every commit so far is durable.
func (v *Volume) Sync() error {
	if v.readOnly {
		return nil
	}
	v.mu.Lock()
	t := v.newest
	v.mu.Unlock()
	for v.o.ByHand && v.Step() {
	}
	return t.Wait()
}
