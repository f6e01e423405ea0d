package journaldev

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"v7em/block"
)

// drive does a volume's I/O: one goroutine performs, one after the other, what the
// core asks for, and another brings home what is committed, so that no commit waits for
// a sync of the image. Its fields belong to the first, but for the time before it
// starts and after it has stopped; the image belongs to the second, but for what goes
// there directly, which the core has the second stand still for.
type drive struct {
	home, journal *backing
	head          header        // as it is in the journal
	print         fingerprint   // of the newest transaction in the journal
	state         packState     // likewise
	stopped       chan struct{} // closed when both have ended

	late   []byte // with FlawMarkFirst, records that are not written yet
	lateAt uint64 // and where they go
}

// run is both goroutines. They end when the volume is stopping and all is home, when
// it was cut, or when something has failed.
func (v *Volume) run() {
	var both sync.WaitGroup
	both.Go(func() { v.lane(v.stepJournal) })
	both.Go(func() { v.lane(v.stepHome) })
	both.Wait()
	close(v.stopped)
}

// lane does I/O until there will be no more. What one lane has done is work for the other.
func (v *Volume) lane(step func() bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for {
		switch {
		case step():
			v.work.Broadcast()
		case v.cut, v.Err() != nil, v.stopping && v.core.quiet() && len(v.loose) == 0:
			v.work.Broadcast()
			return
		default:
			v.work.Wait()
		}
	}
}

// step does the next piece of I/O of a volume that is driven by hand, and returns false
// if there is none. mu is held, but not during the I/O.
func (v *Volume) step() bool { return v.stepJournal() || v.stepLoose() }

// stepJournal does the next piece of I/O, but what nextHome tells if there are lanes.
func (v *Volume) stepJournal() bool {
	if v.cut || v.Err() != nil {
		return false
	}
	a := v.core.next()
	if a.op == opNone {
		return false
	}
	v.mu.Unlock()
	err := v.perform(a)
	v.mu.Lock()
	v.finish(a, err, v.core.done)
	return true
}

// stepHome brings something home.
func (v *Volume) stepHome() bool {
	if v.cut || v.Err() != nil {
		return false
	}
	a := v.core.nextHome()
	if a.op == opNone {
		return !v.core.directs() && v.stepLoose()
	}
	v.mu.Unlock()
	err := v.perform(a)
	v.mu.Lock()
	v.finish(a, err, v.core.doneHome)
	return true
}

// stepLoose brings swap space home.
func (v *Volume) stepLoose() bool {
	if v.cut || v.Err() != nil || len(v.loose) == 0 {
		return false
	}
	loose := v.loose
	v.loose = map[int][]byte{}
	v.mu.Unlock()
	err := v.writeHome(loose)
	v.mu.Lock()
	if err != nil {
		v.fail(err)
	}
	return true
}

// Step does the next piece of I/O of a volume that is driven by hand, and returns
// false if there is none: until the next Commit, or write to swap space.
func (v *Volume) Step() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.step()
}

// Syncs says, of a volume that is driven by hand, whether the next Step is the sync
// that makes durable what the Step before has written.
func (v *Volume) Syncs() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.syncs()
}

// body returns a transaction's body.
func (v *Volume) body(id uint64) *body {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.bodies[id]
}

// perform does one piece of I/O.
func (v *Volume) perform(a action) error {
	switch a.op {
	case opData:
		b := v.body(a.id)
		direct := map[int][]byte{}
		for _, e := range b.entries {
			if e.Direct {
				direct[e.Block] = b.blocks[e.Block]
			}
		}
		return v.writeHome(direct)
	case opDataSync, opHomeSync:
		return v.home.sync()
	case opJournal:
		return v.append(a)
	case opJournalSync:
		return v.syncJournal()
	case opHome:
		blocks := make(map[int][]byte, len(a.writes))
		for _, w := range a.writes { // ids ascend within a block: the newest stays
			blocks[w.block] = v.body(w.id).blocks[w.block]
		}
		return v.writeHome(blocks)
	case opMark:
		payload := le.AppendUint64(nil, uint64(nanos(v.o.Clock())))
		place := v.place(a.at)
		b, _ := appendRecord(nil, &place, kindHome, a.id, 0, payload)
		return v.ring().write(a.at, b)
	case opGrow:
		return v.grow(a.sectors)
	}
	return fmt.Errorf("op %d is none that a drive does", a.op)
}

func (v *Volume) ring() ring { return ring{v.journal, v.head.ring} }

func (v *Volume) place(seq uint64) recordPlace {
	return recordPlace{id: v.head.id, generation: v.head.generation, seq: seq}
}

// append writes a transaction's records and mark.
func (v *Volume) append(a action) error {
	b := v.body(a.id)
	changed := func(n int) bool { _, ok := b.blocks[n]; return ok }
	v.state = v.print.update(b.state, b.layout, v.o.Data == DataOrdered, b.uses, changed)
	mark := commitMark{home: a.home, time: nanos(v.o.Clock()), state: v.state, note: b.noteJSON}
	records := encodeTrans(v.place(a.at), a.id, b.entries, v.o.Undo, mark)
	if len(records) != a.sectors*sectorSize {
		return fmt.Errorf("transaction %d has %d bytes of records in %d sectors", a.id, len(records), a.sectors)
	}
	if v.o.Flaw == FlawMarkFirst {
		mark := 0 // where the last record begins
		for at := 0; at < len(records); at += (int(le.Uint32(records[at+8:])) + sectorSize - 1) / sectorSize * sectorSize {
			mark = at
		}
		v.late, v.lateAt = records[:mark], a.at
		return v.ring().write(a.at+uint64(mark/sectorSize), records[mark:])
	}
	return v.ring().write(a.at, records)
}

func (v *Volume) syncJournal() error {
	if v.o.Flaw == FlawNoSync {
		return nil
	}
	err := v.journal.sync()
	if late := v.late; len(late) > 0 && err == nil {
		v.late = nil
		return v.ring().write(v.lateAt, late)
	}
	return err
}

// writeHome writes blocks to the image, neighbours in one write.
func (v *Volume) writeHome(blocks map[int][]byte) error {
	order := make([]int, 0, len(blocks))
	for n := range blocks {
		order = append(order, n)
	}
	slices.Sort(order)
	return writeRuns(v.home, order, func(n int, p []byte) error { copy(p, blocks[n]); return nil })
}

// grow makes the ring bigger, for a transaction that does not fit. All is home.
func (v *Volume) grow(sectors int) error {
	if sectors > maxRing {
		return &Error{Op: "write", Unit: v.o.Unit, Path: v.journal.path, Block: -1,
			Err: fmt.Errorf("a commit needs a journal of %d MB", sectors>>11)}
	}
	if err := writeZeros(v.journal, ringOffset+int64(v.head.ring)*sectorSize,
		ringOffset+int64(sectors)*sectorSize); err != nil {
		return err
	}
	return v.begin(sectors)
}

// begin writes a header under which the ring is empty. All is home.
func (v *Volume) begin(sectors int) error {
	v.mu.Lock()
	h := v.head
	h.generation++
	h.start, h.home = v.core.head, v.core.home
	v.mu.Unlock()
	h.ring, h.state, h.time = sectors, v.state, nanos(v.o.Clock())
	if err := writeHeader(v.journal, h); err != nil {
		return err
	}
	v.head = h
	return nil
}

// finish tells the core, by done, how a piece of I/O went. mu is held.
func (v *Volume) finish(a action, err error, done func(error)) {
	before := v.core.committed
	done(err)
	if err != nil {
		v.fail(err)
	}
	if v.Err() != nil {
		return // the other lane has failed meanwhile: nothing counts any more
	}
	switch a.op {
	case opJournal:
		v.stats.journalBytes += int64(a.sectors) * sectorSize
	case opJournalSync:
		if v.core.committed != before {
			b := v.bodies[v.core.committed]
			v.stats.committed(b, v.o.Clock())
			close(b.ticket.done)
			b.state, b.base, b.uses, b.baseUses = nil, nil, nil, nil
			v.durable()
		}
	case opHome:
		v.stats.homeBlocks += int64(len(a.writes))
	case opHomeSync:
		for id := range v.bodies {
			if v.core.find(id).state == StateEnd {
				delete(v.bodies, id)
			}
		}
	}
	v.room.Broadcast()
}

// fail makes the volume read-only for good (rule 7). Commits that are not durable
// fail with it; those that are can be recovered. mu is held.
func (v *Volume) fail(err error) {
	if v.Err() != nil {
		return
	}
	v.failure.Store(&err)
	for id, b := range v.bodies {
		if id > v.core.committed {
			b.ticket.err = err
			close(b.ticket.done)
		}
	}
	v.room.Broadcast()
}

// Close brings every commit home and closes the files; the journal has nothing to
// recover then. What the guest has written since the last commit is lost, as in a
// power failure: commit first.
func (v *Volume) Close() error {
	if v.readOnly {
		return v.home.f.Close()
	}
	v.committing.Lock() // let a commit under way get in
	v.stop(false)
	v.committing.Unlock()
	err := v.Err()
	if err == nil && v.core.last > v.head.home {
		err = v.begin(v.head.ring)
	}
	if err != nil {
		v.closeFiles()
		return err
	}
	err = v.journal.close()
	if herr := v.home.close(); herr != nil {
		err = herr // of the two it is the one that says more
	}
	return err
}

// Cut closes the files as a power failure would: what is under way is left there.
func (v *Volume) Cut() {
	if !v.readOnly {
		v.stop(true)
		v.mu.Lock()
		v.fail(&Error{Op: "commit", Unit: v.o.Unit, Path: v.home.path, Block: -1, Err: ErrCut})
		v.mu.Unlock()
	}
	v.closeFiles()
}

func (v *Volume) stop(cut bool) {
	v.mu.Lock()
	v.stopping, v.cut = true, v.cut || cut
	v.work.Broadcast()
	v.room.Broadcast()
	v.mu.Unlock()
	if v.o.ByHand {
		for v.Step() {
		}
		close(v.stopped)
	}
	<-v.stopped
}

func (v *Volume) closeFiles() {
	v.home.f.Close()
	if v.journal != nil {
		v.journal.f.Close()
	}
}

// stats is what a volume counts.
type stats struct {
	commits      int64
	updates      int64
	changedBytes int64 // of the ranges of the updates
	journalBytes int64
	homeBlocks   int64
	last         time.Time // the newest durable commit
	latency      time.Duration
	latencySum   time.Duration
	latencyMax   time.Duration
}

func (s *stats) committed(b *body, now time.Time) {
	s.commits++
	s.updates += int64(len(b.entries))
	for _, e := range b.entries {
		s.changedBytes += int64(e.To - e.From)
	}
	s.last = now
	s.latency = now.Sub(b.called)
	s.latencySum += s.latency
	s.latencyMax = max(s.latencyMax, s.latency)
}

// Status is how a volume stands.
type Status struct {
	States       map[string]int `json:"states"`      // transactions by state
	Newest       uint64         `json:"newest"`      // the newest transaction
	Committed    uint64         `json:"committed"`   // all up to this one are durable
	Home         uint64         `json:"home"`        // all up to this one are home
	Pending      int            `json:"pending"`     // committed and not home, or not yet committed
	RingUsed     int64          `json:"ring_used"`   // bytes
	RingSize     int64          `json:"ring_size"`   // bytes
	RingHead     int64          `json:"ring_head"`   // where the next record goes: bytes from the start of the ring
	Commits      int64          `json:"commits"`     // durable ones since the volume was opened
	LastCommit   time.Time      `json:"last_commit"` // the newest durable one; zero if there was none
	Latency      time.Duration  `json:"latency_ns"`  // of the newest, from the call of Commit until it was durable
	LatencyMean  time.Duration  `json:"latency_mean_ns"`
	LatencyMax   time.Duration  `json:"latency_max_ns"`
	ChangedBytes int64          `json:"changed_bytes"` // that the updates changed
	JournalBytes int64          `json:"journal_bytes"` // written to the journal
	HomeBytes    int64          `json:"home_bytes"`    // of committed blocks written to the image
	GuestWrites  uint64         `json:"guest_writes"`  // blocks
	Updates      int64          `json:"updates"`
	Err          string         `json:"error,omitempty"` // what made the volume read-only

	Transactions []TransStatus `json:"transactions"` // in their places, which they keep while they are in use
}

// TransStatus is how one transaction stands.
type TransStatus struct {
	State    State  `json:"state"`
	ID       uint64 `json:"id"`        // 0: in StateFree
	Blocks   []int  `json:"-"`         // that it updates, in no order
	RingAt   int64  `json:"ring_at"`   // where its records begin: bytes from the start of the ring, from StateStart on
	RingUsed int64  `json:"ring_used"` // bytes of its records
}

// Status returns how the volume stands.
func (v *Volume) Status() Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := Status{States: map[string]int{}, GuestWrites: v.Writes()}
	if err := v.Err(); err != nil {
		s.Err = err.Error()
	}
	if v.readOnly {
		return s
	}
	c, n := v.core, &v.stats
	s.Transactions = make([]TransStatus, len(c.trans))
	ring := uint64(c.ring)
	for i := range c.trans {
		t := &c.trans[i]
		s.States[t.state.String()]++
		s.Transactions[i] = TransStatus{
			State: t.state, ID: t.id, Blocks: slices.Collect(maps.Keys(t.blocks)),
			RingAt: int64(t.first%ring) * sectorSize, RingUsed: int64(t.sectors) * sectorSize,
		}
	}
	s.RingHead = int64(c.head%ring) * sectorSize
	s.Newest, s.Committed, s.Home = c.last, c.committed, c.home
	s.Pending = int(c.last - c.home)
	s.RingUsed, s.RingSize = int64(c.used())*sectorSize, int64(c.ring)*sectorSize
	s.Commits, s.Updates, s.LastCommit = n.commits, n.updates, n.last
	s.Latency, s.LatencyMax = n.latency, n.latencyMax
	if n.commits > 0 {
		s.LatencyMean = n.latencySum / time.Duration(n.commits)
	}
	s.ChangedBytes, s.JournalBytes, s.HomeBytes = n.changedBytes, n.journalBytes, n.homeBlocks*block.Size
	return s
}
