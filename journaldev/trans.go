package journaldev

import (
	"cmp"
	"fmt"
	"slices"
)

// State is where a transaction stands.
type State uint8

// The states of a transaction, in the order in which it goes through them.
const (
	StateFree   State = iota // unused
	StateCreate              // collecting updates
	StateStart               // its records are being written to the journal
	StateTrans               // committed: the commit mark is durable; home writes are under way
	StateEnd                 // all its blocks are home, durably
	StateEStart              // the completion mark is written, but may not be durable yet
	numStates
)

var stateNames = [numStates]string{"FREE", "CREATE", "START", "TRANS", "END", "ESTART"}

func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Type is what part of a file system an update changes. The values are those of
// the journal's format.
type Type uint8

// The types of updates.
const (
	TypeSuper Type = 1 + iota // the superblock
	TypeInode                 // an inode, in a block of inodes
	TypeIList                 // an indirect block
	TypeFree                  // a block of the free chain, or one that nothing uses any more
	TypeUsed                  // a fresh block, handed to a file
	TypeFData                 // data of a directory or file, and all that is in no file system
	numTypes
)

var typeNames = [numTypes]string{"?", "SUPER", "INODE", "ILIST", "FREE", "USED", "FDATA"}

func (t Type) String() string {
	if t > 0 && t < numTypes {
		return typeNames[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// Update is a change to one range of bytes in one block. A transaction may have
// several for a block.
type Update struct {
	Block    int
	Type     Type
	From, To int // the bytes From to To-1 of the block, 0 <= From < To <= block.Size

	// Direct marks the data of a plain file that may be written home before the
	// transaction commits, because nothing used the block before (--data ordered).
	Direct bool
}

// trans is one transaction.
type trans struct {
	id      uint64
	state   State
	nest    int // gets without their put
	updates []Update
	blocks  map[int]held
	going   bool   // in TRANS: the home writes and sync under way are its own
	first   uint64 // where its records start in the ring, from START on
	sectors int    // how many sectors of the ring its records and mark take
}

// held is what a transaction knows of a block that it updates.
type held struct {
	heir   uint64 // the newer transaction that has the block too, 0 for none
	direct bool   // written home before the commit, not to the journal
}

// op is a kind of I/O that the core asks for.
type op uint8

const (
	opNone        op = iota
	opData           // write the direct blocks of a transaction to the image
	opDataSync       // sync the image
	opJournal        // append a transaction's records and commit mark to the journal
	opJournalSync    // sync the journal
	opHome           // write blocks of committed transactions to the image
	opHomeSync       // sync the image
	opMark           // append a completion mark to the journal
	opGrow           // make the ring, which is empty, bigger
)

// action is one piece of I/O. It is done when all of it has succeeded.
type action struct {
	op      op
	id      uint64      // opData, opJournal: the transaction; opMark: all up to it are home
	at      uint64      // opJournal, opMark: the first sector of the ring to write
	sectors int         // opJournal, opMark: how many; opGrow: how many the ring must have
	home    uint64      // opJournal: all transactions up to this one are home
	writes  []homeWrite // opHome, in ascending order of blocks
}

// homeWrite is a block that goes home as a transaction has it.
type homeWrite struct {
	id    uint64
	block int
}

// markReserve is the room in the ring, in sectors, that transactions leave for a
// completion mark, which must always fit: it is what frees the rest. It also keeps
// a transaction that is being written from covering the newest mark, just before
// it, which tells what is home.
const markReserve = 1

// core decides what happens to the transactions and in what order their bytes
// reach the two files. It is a pure machine: updates come in by get, add and put;
// next tells the I/O to do, one piece at a time; done takes its outcome. It has
// no clock, no file and no goroutine, so that a model checker can drive it.
//
// A get joins the transaction that is collecting, if there is one. That one
// starts as soon as nobody is inside, the I/O before it is done, and the ring has
// room. While it is being written, new updates go to the next. When no
// transaction is free, or the ring is full, the committed ones are pushed home
// first and new work waits (rule 6).
type core struct {
	trans     []trans
	last      uint64 // the newest transaction's id; ids grow by one
	committed uint64 // all transactions up to this one are committed
	home      uint64 // all transactions up to this one are home
	head      uint64 // the next sector of the ring, counted from the beginning of time
	ring      int    // sectors in the ring
	waiting   bool   // a get found nothing free
	chain     op     // what has to follow the I/O just done
	doing     action // the I/O under way
	homing    op     // what has to follow of what brings transactions home: opNone or opHomeSync
	homeward  uint64 // the newest transaction that is on its way home
	markDue   bool   // all up to c.home are home, and no mark says so yet
	err       error  // the I/O that failed: nothing moves any more (rule 7)

	// lanes has the I/O that brings transactions home go on beside the other: nextHome
	// tells it, and doneHome takes its outcome, and next and done are for the rest. Then a
	// sync of the image holds up no commit.
	lanes     bool
	doingHome action

	// unsafeInherit is for tests: it treats a block that a newer transaction has
	// as home, though that one may never commit.
	unsafeInherit bool
}

// newCore returns a core of n transactions over an empty ring. last is the id of
// the newest transaction so far, all of which are home.
func newCore(n int, last, head uint64, ring int) *core {
	return &core{trans: make([]trans, n), last: last, committed: last, home: last, head: head, ring: ring}
}

// find returns the transaction with the id, or nil.
func (c *core) find(id uint64) *trans {
	for i := range c.trans {
		if t := &c.trans[i]; t.state != StateFree && t.id == id {
			return t
		}
	}
	return nil
}

// in returns a transaction in the state, or nil.
func (c *core) in(s State) *trans {
	for i := range c.trans {
		if t := &c.trans[i]; t.state == s {
			return t
		}
	}
	return nil
}

// move puts every transaction that is in one state into another.
func (c *core) move(from, to State) {
	for i := range c.trans {
		if t := &c.trans[i]; t.state == from {
			t.state = to
			if to == StateFree {
				*t = trans{}
			}
		}
	}
}

// get enters the transaction that is collecting, or a new one, and returns its
// id. Every get needs its put. It returns 0 when none is free: then the caller
// waits until done has freed one.
func (c *core) get() uint64 {
	t := c.in(StateCreate)
	if t == nil {
		if t = c.in(StateFree); t == nil {
			c.waiting = true
			return 0
		}
		c.last++
		*t = trans{id: c.last, state: StateCreate, blocks: map[int]held{}}
	}
	c.waiting = false
	t.nest++
	return t.id
}

// add puts an update into the collecting transaction that get returned. A block
// that an older transaction has not brought home yet is inherited: the newer
// version will go home for both, once it is committed.
func (c *core) add(id uint64, u Update) {
	t := c.find(id)
	if _, ok := t.blocks[u.Block]; !ok {
		h := held{direct: u.Direct}
		for i := range c.trans {
			o := &c.trans[i]
			if o.state == StateFree || o.state == StateCreate {
				continue
			}
			oh, ok := o.blocks[u.Block]
			if !ok || oh.direct {
				continue
			}
			// Recovery may still replay the older version over what is home.
			h.direct = false
			if oh.heir == 0 {
				oh.heir = id
				o.blocks[u.Block] = oh
			}
		}
		t.blocks[u.Block] = h
	}
	u.Direct = t.blocks[u.Block].direct
	t.updates = append(t.updates, u)
}

// clear takes all updates out of the collecting transaction again, for a caller
// that replaces them.
func (c *core) clear(id uint64) {
	t := c.find(id)
	t.updates = nil
	clear(t.blocks)
	for i := range c.trans {
		for b, h := range c.trans[i].blocks {
			if h.heir == id {
				h.heir = 0
				c.trans[i].blocks[b] = h
			}
		}
	}
}

// put leaves the transaction. sectors is how many its records will take as it is
// now; 0 gives an empty transaction back as if it had never been.
func (c *core) put(id uint64, sectors int) {
	t := c.find(id)
	t.sectors = sectors
	if t.nest--; t.nest == 0 && len(t.updates) == 0 && sectors == 0 {
		*t = trans{}
		c.last--
	}
}

// used returns how many sectors of the ring hold what may still be needed: the
// records of transactions that are not known to be home, from the oldest on.
func (c *core) used() int {
	tail := c.head
	for i := range c.trans {
		if t := &c.trans[i]; t.state >= StateStart {
			tail = min(tail, t.first)
		}
	}
	return int(c.head - tail)
}

// syncs says whether the I/O to do now is a sync that follows from the one before.
func (c *core) syncs() bool {
	return c.err == nil && (c.chain == opDataSync || c.chain == opJournalSync || c.homing == opHomeSync)
}

// next returns the I/O to do now. After it the caller must call done before the
// next next. opNone says that there is nothing to do until the next put, or doneHome.
func (c *core) next() action {
	if c.err != nil {
		return action{}
	}
	if c.homing != opNone && !c.lanes {
		c.doing = action{op: c.homing}
	} else if c.doing = c.decide(); c.doing.op == opNone && !c.lanes {
		c.doing = c.decideHome()
	}
	return c.doing
}

// nextHome is next for what brings transactions home. It returns nothing while direct
// data is on its way to the image.
func (c *core) nextHome() action {
	if c.err != nil || c.directs() {
		return action{}
	}
	if c.homing != opNone {
		c.doingHome = action{op: c.homing}
	} else {
		c.doingHome = c.decideHome()
	}
	return c.doingHome
}

// quiet says that nothing is under way, or waits to be, but what has nobody inside yet.
func (c *core) quiet() bool {
	busy := c.doing.op != opNone || c.doingHome.op != opNone || c.chain != opNone || c.homing != opNone || c.markDue
	for i := range c.trans {
		switch t := &c.trans[i]; t.state {
		case StateFree, StateEStart:
		case StateCreate:
			busy = busy || t.nest == 0
		default:
			busy = true
		}
	}
	return !busy
}

// directs says that direct data is on its way to the image.
func (c *core) directs() bool {
	return c.doing.op == opData || c.doing.op == opDataSync || c.chain == opDataSync
}

func (c *core) decide() action {
	switch c.chain {
	case opNone:
	case opJournal:
		return c.journal(c.in(StateStart))
	default:
		return action{op: c.chain}
	}
	switch {
	case !c.markDue:
	case c.used()+markReserve > c.ring && c.in(StateEStart) != nil:
		return action{op: opJournalSync} // the mark before makes room for this one
	default:
		c.markDue = false
		a := action{op: opMark, id: c.home, at: c.head, sectors: 1}
		c.head++
		return a
	}
	ready := c.in(StateCreate)
	if ready != nil && ready.nest > 0 {
		ready = nil
	}
	room := ready != nil && c.used()+ready.sectors+markReserve <= c.ring
	switch {
	case room && hasDirect(ready) && (c.homing != opNone || c.doingHome.op != opNone):
		return action{} // one at a time on the image
	case room:
		ready.state = StateStart
		ready.first = c.head
		if hasDirect(ready) {
			return action{op: opData, id: ready.id}
		}
		return c.journal(ready)
	case (ready != nil || c.waiting) && c.in(StateEStart) != nil:
		return action{op: opJournalSync}
	case c.in(StateTrans) != nil: // bring that home first
	case ready != nil:
		return action{op: opGrow, sectors: max(2*c.ring, ready.sectors+markReserve)}
	}
	return action{}
}

// decideHome begins to bring home what is committed.
func (c *core) decideHome() action {
	if c.in(StateTrans) == nil {
		return action{}
	}
	for i := range c.trans {
		c.trans[i].going = c.trans[i].state == StateTrans
	}
	c.homeward = c.committed
	return action{op: opHome, writes: c.homeWrites()}
}

func hasDirect(t *trans) bool {
	for _, h := range t.blocks {
		if h.direct {
			return true
		}
	}
	return false
}

func (c *core) journal(t *trans) action {
	a := action{op: opJournal, id: t.id, at: c.head, sectors: t.sectors, home: c.home}
	c.head += uint64(t.sectors)
	return a
}

// homeWrites returns what brings every committed transaction home. A block whose
// heir is committed goes home as the heir has it, and only so.
func (c *core) homeWrites() []homeWrite {
	var w []homeWrite
	for i := range c.trans {
		t := &c.trans[i]
		if t.state != StateTrans {
			continue
		}
		for b, h := range t.blocks {
			inherited := h.heir != 0 && (h.heir <= c.committed || c.unsafeInherit)
			if !h.direct && !inherited {
				w = append(w, homeWrite{t.id, b})
			}
		}
	}
	slices.SortFunc(w, func(a, b homeWrite) int {
		return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.id, b.id))
	})
	return w
}

// done tells that the I/O which next returned is done, or failed.
func (c *core) done(err error) {
	a := c.doing
	c.doing = action{}
	if a.op != opHome && a.op != opHomeSync {
		c.chain = opNone
	}
	c.ended(a, err)
}

// doneHome is done for nextHome.
func (c *core) doneHome(err error) {
	a := c.doingHome
	c.doingHome = action{}
	c.ended(a, err)
}

func (c *core) ended(a action, err error) {
	if err != nil {
		c.err = err
		return
	}
	switch a.op {
	case opData:
		c.chain = opDataSync
	case opDataSync:
		c.chain = opJournal
	case opJournal:
		c.chain = opJournalSync
	case opJournalSync:
		// What was appended before is durable now: the commit mark of the one that is
		// starting and the completion mark of those that are ending.
		if t := c.in(StateStart); t != nil {
			c.committed = t.id
		}
		c.move(StateStart, StateTrans)
		c.move(StateEStart, StateFree)
	case opHome:
		c.homing = opHomeSync
	case opHomeSync:
		for i := range c.trans {
			if t := &c.trans[i]; t.going {
				t.state, t.going = StateEnd, false
			}
		}
		c.home, c.homing, c.markDue = c.homeward, opNone, true
	case opMark:
		for i := range c.trans { // newer ones may have come home meanwhile
			if t := &c.trans[i]; t.state == StateEnd && t.id <= a.id {
				t.state = StateEStart
			}
		}
	case opGrow:
		c.ring = a.sectors
	}
}
