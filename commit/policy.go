package commit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"v7em/block"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/mmu"
	"v7em/unix/kernel"
)

// Volume is a pack that commits states: a journaldev.Volume.
type Volume interface {
	Commit(state *block.Store, note journaldev.Note) (*journaldev.Ticket, error)
	Writes() uint64
}

// DefaultInterval is the time between two commits while there is something to
// commit.
const DefaultInterval = 200 * time.Millisecond

const (
	// busyWrites is how many block writes of the guest make a commit due
	// before its time.
	busyWrites = 512
	// tries is how often a clone may fail to settle for a commit that somebody
	// waits for.
	tries = 5
	// maxPause is the longest time, in intervals, between two tries.
	maxPause = 9
	// keptTimes is how many settling times are kept for the statistics.
	keptTimes = 4096
)

// procPointer is the offset of u_procp in V7's user area, which stands at kernel
// virtual 0140000.
const procPointer = 76

// kernelData is the kernel's D space.
const kernelData = mmu.Kernel<<1 | 1

// Options say when a Committer commits.
type Options struct {
	Interval time.Duration // 0 for DefaultInterval
	// SyncWaits has the guest's sync return only when its commit is durable.
	SyncWaits bool
	Clock     func() time.Time // nil for the host's
	Settler   *Settler         // nil for one with the defaults

	// InStep, if set, has everything go on in the goroutine that runs the machine, so
	// that a run in virtual time is the same each time. A clone is settled at once;
	// whether its commit is durable is looked at with each Attend and CPU.Hold, while
	// virtual time goes on. InStep is called when Commit, SetVolumes or Close have to
	// wait: it must let the volumes get on.
	InStep func()
}

// Stats count what a Committer did.
type Stats struct {
	Clones    int `json:"clones"`    // that were taken
	Settled   int `json:"settled"`   // commit points of V7
	Prefixes  int `json:"prefixes"`  // of a guest that is not known
	Unsettled int `json:"unsettled"` // did not settle in time; tried again
	Unknown   int `json:"unknown"`   // V7 was not up
	Cut       int `json:"cut"`       // commit points inside a bracket that did not end; see Point.Cut
	Syncs     int `json:"syncs"`     // of the guest, that waited for their commit
	Given     int `json:"given_up"`  // syncs that returned without one

	// The newest times, oldest first, at most 4096: what a clone cost the
	// guest, and what settling took beside it.
	CloneTimes   []time.Duration `json:"-"`
	SettleTimes  []time.Duration `json:"-"`
	Instructions []uint64        `json:"-"`

	LastErr error `json:"-"` // of the newest clone that came to nothing

	// Stuck are the processes whose brackets did not end at the newest point.
	Stuck []kernel.Process `json:"-"`
}

// Committer takes commit points of a running machine and commits them to its
// volumes. All its methods but Stats belong to the goroutine that runs the
// machine; settling and committing go on in another one.
type Committer struct {
	m       *machine.Machine
	o       Options
	settler *Settler
	volumes map[kernel.Drive]Volume

	last   time.Time // when the newest clone was taken
	writes uint64    // by the guest by then
	// traps counts the system calls since then. Without any, and without a
	// block written, there is nothing to commit: nothing else changes a file
	// system, but for processes that end, by what other processes call.
	traps uint64
	seen  operations
	due   string // why a commit is due now; empty: none is

	// syncs are the processes, by u_procp, that are in sync.
	syncs map[uint16]*waiter

	// committed is what each volume holds; of the commit under way.
	committed map[kernel.Drive]*block.Store

	mu       sync.Mutex    // protects what follows
	running  chan struct{} // closed when the commit under way is over; nil: none is
	handed   *handed       // in step: the commit under way
	err      error         // of the newest commit, nil when it is durable
	failures int           // how many in a row came to nothing
	returned operations    // what it would have told
	covered  time.Time     // when the clone of the newest durable commit was taken
	missed   *handed       // the newest commit, if it was handed over and is not durable
	stats    Stats
}

// waiter is a process that is to return from sync.
type waiter struct {
	asked bool // a commit since it returned was started
	done  bool // and is durable
	tries int
}

// NewCommitter has a machine committed to its volumes. From now on the machine's
// Attend, Held, CPU.Hold and CPU.OnTRAP are the committer's.
func NewCommitter(m *machine.Machine, volumes map[kernel.Drive]Volume, o Options) *Committer {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Settler == nil {
		o.Settler = NewSettler()
	}
	c := &Committer{m: m, o: o, settler: o.Settler, syncs: map[uint16]*waiter{}}
	c.SetVolumes(volumes)
	c.last = o.Clock()
	c.covered = c.last
	m.Attend = c.attend
	m.Held = c.held
	m.CPU.OnTRAP = c.trap
	if o.InStep != nil {
		m.CPU.Hold = c.hold
	}
	return c
}

// Stats returns what was done so far.
func (c *Committer) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.CloneTimes = slices.Clone(s.CloneTimes)
	s.SettleTimes = slices.Clone(s.SettleTimes)
	s.Instructions = slices.Clone(s.Instructions)
	return s
}

// attend starts a commit if one is due.
func (c *Committer) attend() {
	c.poll()
	reason := c.due
	if reason == "" {
		since := c.o.Clock().Sub(c.last)
		if since < c.o.Interval/8 {
			return
		}
		failed := c.failed()
		writes := c.guestWrites() - c.writes
		switch {
		case failed > 0 && since < c.o.Interval*time.Duration(1+min(failed, maxPause)):
			return // what did not end may need some time
		case writes >= busyWrites:
			reason = "size"
		case since < c.o.Interval || writes == 0 && c.traps == 0 && failed == 0:
			return
		default:
			reason = "interval"
		}
	}
	if c.start(reason, nil) {
		c.due = ""
	}
}

// failed returns how many commits in a row came to nothing.
func (c *Committer) failed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failures
}

func (c *Committer) guestWrites() (n uint64) {
	for _, v := range c.volumes {
		n += v.Writes()
	}
	return n
}

// start clones the machine and commits what the clone settles to. It does nothing,
// and reports false, while another commit is under way.
func (c *Committer) start(reason string, w *waiter) bool {
	c.mu.Lock()
	if c.running != nil {
		c.mu.Unlock()
		return false
	}
	if w != nil {
		w.asked = true
	}
	begin := c.o.Clock()
	c.stats.Clones++
	if err := c.settler.Clone(c.m); err != nil {
		c.end(nil, 0, err, w)
		c.mu.Unlock()
		return true
	}
	c.stats.CloneTimes = keep(c.stats.CloneTimes, c.o.Clock().Sub(begin))
	c.seen.giveBack(c.returned)
	h := &handed{begin: begin, ops: c.seen.take(), w: w}
	c.returned = operations{}
	c.last, c.writes, c.traps = begin, c.guestWrites(), 0
	c.running = make(chan struct{})
	c.mu.Unlock()
	if c.o.InStep == nil {
		go func() {
			c.settle(h, reason)
			c.finish(h)
		}()
		return true
	}
	c.settle(h, reason)
	c.handed = h
	c.poll()
	return true
}

func keep[T any](list []T, v T) []T {
	if len(list) >= keptTimes {
		list = slices.Delete(list, 0, keptTimes/2)
	}
	return append(list, v)
}

// handed is a commit that was handed to the volumes.
type handed struct {
	begin   time.Time // when the clone was taken
	point   *Point
	took    time.Duration // to settle
	ops     operations
	w       *waiter
	drives  []kernel.Drive // of the tickets
	tickets []*journaldev.Ticket
	err     error
}

// settle settles the clone and hands what comes of it to the volumes.
func (c *Committer) settle(h *handed, reason string) {
	begin := c.o.Clock()
	h.point, h.err = c.settler.Settle()
	h.took = c.o.Clock().Sub(begin)
	if h.err == nil {
		c.hand(h, journaldev.Note{Reason: reason, Ops: h.ops.list, More: h.ops.more})
	}
}

// poll finishes the commit under way, in step, if it is durable.
func (c *Committer) poll() {
	h := c.handed
	if h == nil {
		return
	}
	for _, t := range h.tickets {
		select {
		case <-t.Done():
		default:
			return
		}
	}
	c.handed = nil
	c.finish(h)
}

// finish waits until a commit is durable, and notes how it ended.
func (c *Committer) finish(h *handed) {
	errs := []error{h.err}
	for i, t := range h.tickets {
		drive := h.drives[i]
		if err := t.Wait(); err != nil {
			errs = append(errs, inDrive(drive, err))
			continue
		}
		c.committed[drive] = h.point.Packs[drive]
	}
	err := errors.Join(errs...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed = nil
	switch {
	case err == nil:
		c.covered = h.begin
	case h.err == nil:
		c.missed = h
		fallthrough
	default:
		c.returned = h.ops
	}
	c.end(h.point, h.took, err, h.w)
	close(c.running)
	c.running = nil
}

// end notes how a commit ended. c.mu is held.
func (c *Committer) end(p *Point, took time.Duration, err error, w *waiter) {
	unsettled := errors.As(err, new(*UnsettledError))
	switch {
	case unsettled:
		c.stats.Unsettled++
	case errors.Is(err, kernel.ErrUnknown):
		c.stats.Unknown++
	case err == nil && p.Settled:
		c.stats.Settled++
		c.stats.SettleTimes = keep(c.stats.SettleTimes, took)
		c.stats.Instructions = keep(c.stats.Instructions, p.Instructions)
		c.stats.Stuck = p.Cut
		if len(p.Cut) > 0 {
			c.stats.Cut++
		}
	case err == nil:
		c.stats.Prefixes++
	}
	c.err = err
	c.failures++
	if err == nil {
		c.failures = 0
	} else {
		c.stats.LastErr = err
	}
	if w == nil {
		return
	}
	w.tries++
	switch {
	case err == nil:
		w.done = true
		c.stats.Syncs++
	case unsettled && w.tries <= tries:
		w.asked = false
	default:
		w.done = true
		c.stats.Given++
	}
}

// hand hands a commit point to the volumes that it changes, in the order of their
// drives.
func (c *Committer) hand(h *handed, note journaldev.Note) {
	drives := slices.SortedFunc(maps.Keys(c.volumes), func(a, b kernel.Drive) int {
		return cmp.Or(cmp.Compare(a.Controller, b.Controller), cmp.Compare(a.Unit, b.Unit))
	})
	var errs []error
	for _, drive := range drives {
		state := h.point.Packs[drive]
		if state == nil || c.committed[drive] != nil && same(state, c.committed[drive]) {
			continue
		}
		delete(c.committed, drive)
		t, err := c.volumes[drive].Commit(state, note)
		if err != nil {
			errs = append(errs, inDrive(drive, err))
			continue
		}
		h.drives, h.tickets = append(h.drives, drive), append(h.tickets, t)
	}
	h.err = errors.Join(errs...)
}

// inDrive says in which drive something has failed, if the error does not.
func inDrive(drive kernel.Drive, err error) error {
	if e := new(journaldev.Error); errors.As(err, &e) && e.Unit != "" {
		return err
	}
	return fmt.Errorf("%s: %w", drive, err)
}

// same says whether two states of a pack differ in nothing but swap space.
func same(a, b *block.Store) bool {
	layout := journaldev.Detect(a)
	for n := range a.Diff(b) {
		if !layout.Swap.Has(n) {
			return false
		}
	}
	return true
}

// Commit makes durable what the guest has done so far, and waits for that. The
// machine must not run meanwhile.
func (c *Committer) Commit(reason string) error {
	c.wait()
	c.start(reason, nil)
	c.wait()
	return c.outcome()
}

// outcome returns the error of the newest commit.
func (c *Committer) outcome() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// wait waits until no commit is under way.
func (c *Committer) wait() {
	for c.poll(); c.handed != nil; c.poll() {
		c.o.InStep()
	}
	c.mu.Lock()
	running := c.running
	c.mu.Unlock()
	if running != nil {
		<-running
	}
}

// SetVolumes changes which packs are committed: one was put into a drive or taken
// out. Commit first.
func (c *Committer) SetVolumes(volumes map[kernel.Drive]Volume) {
	c.wait()
	c.volumes = volumes
	c.committed = map[kernel.Drive]*block.Store{}
	c.writes = c.guestWrites()
}

// Close ends the commit under way and leaves the machine alone.
func (c *Committer) Close() {
	c.wait()
	c.m.Attend, c.m.Held, c.m.CPU.Hold, c.m.CPU.OnTRAP = nil, nil, nil, nil
}

// trap sees the guest's system calls.
func (c *Committer) trap(code uint8) {
	c.traps++
	call, _, _ := decode(c.m, code)
	if syscalls[call].name != "" {
		if k := c.settler.Kernel(); k != nil {
			c.seen.see(c.m, k, code)
		}
	}
	switch call {
	case callUmount:
		c.due = "umount"
	case callSync:
		p := process(c.m)
		if !c.o.SyncWaits || p == 0 {
			c.due = "sync"
			break
		}
		c.syncs[p] = &waiter{}
		if c.o.InStep == nil {
			c.m.CPU.Hold = c.hold
		}
	}
}

// hold says whether the process that is about to go on in user mode has to wait for
// its commit.
func (c *Committer) hold() bool {
	c.poll()
	p := process(c.m)
	w := c.syncs[p]
	if w == nil {
		return false
	}
	c.mu.Lock()
	done, asked := w.done, w.asked
	c.mu.Unlock()
	if !done {
		if !asked {
			c.start("sync", w)
		}
		return true
	}
	delete(c.syncs, p)
	if len(c.syncs) == 0 && c.o.InStep == nil {
		c.m.CPU.Hold = nil
	}
	return false
}

// over is a channel that is closed.
var over = func() <-chan struct{} {
	ch := make(chan struct{})
	close(ch)
	return ch
}()

// held tells a machine whose processor stands still what it waits for.
func (c *Committer) held() <-chan struct{} {
	if c.o.InStep != nil {
		return nil // virtual time goes on
	}
	if c.m.CPU.Mode != mmu.User || c.m.CPU.Waiting || c.syncs[process(c.m)] == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return over // hold knows more
	}
	return c.running
}
