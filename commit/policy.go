package commit

import (
	"errors"
	"fmt"
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
	// idleInstructions is how many instructions without a block write need
	// no commit yet: V7 with nothing to do takes as many in a third of a
	// second, for its clock.
	idleInstructions = 4000
	// syncTries is how often a commit for the guest's sync is tried before
	// sync returns without it.
	syncTries = 5
	// keptTimes is how many settling times are kept for the statistics.
	keptTimes = 4096
)

// V7 system calls (sys/sysent.c).
const (
	sysUmount = 22
	sysSync   = 36
)

// procPointer is the offset of u_procp in V7's user area, which stands at kernel
// virtual 0140000.
const procPointer = 76

// Options say when a Committer commits.
type Options struct {
	Interval time.Duration // 0 for DefaultInterval
	// SyncWaits has the guest's sync return only when its commit is durable.
	SyncWaits bool
	Clock     func() time.Time // nil for the host's
	Settler   *Settler         // nil for one with the defaults
}

// Stats count what a Committer did.
type Stats struct {
	Clones    int `json:"clones"`    // that were taken
	Settled   int `json:"settled"`   // commit points of V7
	Prefixes  int `json:"prefixes"`  // of a guest that is not known
	Unsettled int `json:"unsettled"` // did not settle in time; tried again
	Unknown   int `json:"unknown"`   // V7 was not up
	Syncs     int `json:"syncs"`     // of the guest, that waited for their commit
	Given     int `json:"given_up"`  // syncs that returned without one

	// The newest times, oldest first, at most 4096: what a clone cost the
	// guest, and what settling took beside it.
	CloneTimes   []time.Duration `json:"-"`
	SettleTimes  []time.Duration `json:"-"`
	Instructions []uint64        `json:"-"`

	LastErr error `json:"-"` // of the newest clone that came to nothing
}

// Committer takes commit points of a running machine and commits them to its
// volumes. All its methods but Stats belong to the goroutine that runs the
// machine; settling and committing go on in another one.
type Committer struct {
	m       *machine.Machine
	o       Options
	settler *Settler
	volumes map[kernel.Drive]Volume

	last         time.Time // when the newest clone was taken
	instructions uint64    // done by then
	writes       uint64    // by the guest by then

	// syncs are the processes, by u_procp, that are in sync or umount.
	syncs map[uint16]*waiter

	mu      sync.Mutex    // protects what follows
	running chan struct{} // closed when the commit under way is over; nil: none is
	err     error         // of the newest commit, nil when it is durable
	stats   Stats
}

// waiter is a process that is to return from a system call.
type waiter struct {
	wait  bool // until the commit is durable
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
	c := &Committer{m: m, o: o, settler: o.Settler, volumes: volumes, syncs: map[uint16]*waiter{}}
	c.last = o.Clock()
	m.Attend = c.attend
	m.Held = c.held
	m.CPU.OnTRAP = c.trap
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
	now := c.o.Clock()
	since := now.Sub(c.last)
	writes := c.guestWrites() - c.writes
	if since < c.o.Interval && (writes < busyWrites || since < c.o.Interval/8) {
		return
	}
	if writes == 0 && c.m.Instructions()-c.instructions < idleInstructions {
		return
	}
	reason := "interval"
	if since < c.o.Interval {
		reason = "size"
	}
	c.start(reason, nil)
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
	defer c.mu.Unlock()
	if c.running != nil {
		return false
	}
	begin := c.o.Clock()
	c.stats.Clones++
	if err := c.settler.Clone(c.m); err != nil {
		c.stats.LastErr, c.err = err, err
		return false
	}
	c.stats.CloneTimes = keep(c.stats.CloneTimes, c.o.Clock().Sub(begin))
	c.last, c.instructions, c.writes = begin, c.m.Instructions(), c.guestWrites()
	c.running = make(chan struct{})
	if w != nil {
		w.asked = true
	}
	go c.finish(reason, w)
	return true
}

func keep[T any](list []T, v T) []T {
	if len(list) >= keptTimes {
		list = slices.Delete(list, 0, keptTimes/2)
	}
	return append(list, v)
}

// finish settles the clone, commits and waits until that is durable.
func (c *Committer) finish(reason string, w *waiter) {
	begin := time.Now()
	p, err := c.settler.Settle()
	took := time.Since(begin)
	if err == nil {
		err = c.commit(p, reason)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.As(err, new(*UnsettledError)):
		c.stats.Unsettled++
	case errors.Is(err, kernel.ErrUnknown):
		c.stats.Unknown++
	case err == nil && p.Settled:
		c.stats.Settled++
		c.stats.SettleTimes = keep(c.stats.SettleTimes, took)
		c.stats.Instructions = keep(c.stats.Instructions, p.Instructions)
	case err == nil:
		c.stats.Prefixes++
	}
	c.err = err
	if err != nil {
		c.stats.LastErr = err
	}
	if w != nil {
		if w.tries++; err == nil {
			w.done = true
			c.stats.Syncs++
		} else if !errors.As(err, new(*UnsettledError)) || w.tries >= syncTries {
			w.done = true
			c.stats.Given++
		} else {
			w.asked = false
		}
	}
	close(c.running)
	c.running = nil
}

// commit hands a commit point to the volumes and waits until it is durable.
func (c *Committer) commit(p *Point, reason string) error {
	var tickets []*journaldev.Ticket
	var errs []error
	for drive, v := range c.volumes {
		state := p.Packs[drive]
		if state == nil {
			continue
		}
		t, err := v.Commit(state, journaldev.Note{Reason: reason})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", drive, err))
			continue
		}
		tickets = append(tickets, t)
	}
	for _, t := range tickets {
		errs = append(errs, t.Wait())
	}
	return errors.Join(errs...)
}

// Commit makes durable what the guest has done so far, and waits for that. The
// machine must not run meanwhile.
func (c *Committer) Commit(reason string) error {
	c.wait()
	c.start(reason, nil)
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// wait waits until no commit is under way.
func (c *Committer) wait() {
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
	c.writes = c.guestWrites()
}

// Close ends the commit under way and leaves the machine alone.
func (c *Committer) Close() {
	c.wait()
	c.m.Attend, c.m.Held, c.m.CPU.Hold, c.m.CPU.OnTRAP = nil, nil, nil, nil
}

// process is u_procp of the process that the processor runs, in physical memory
// where kernel D space page 6 begins.
func (c *Committer) process() uint16 {
	at := int(c.m.MMU.PAR[mmu.Kernel<<1|1][6])*32 + procPointer/2
	if at >= len(c.m.MMU.Mem) {
		return 0
	}
	return c.m.MMU.Mem[at]
}

// trap sees the guest's system calls.
func (c *Committer) trap(code uint8) {
	if code != sysSync && code != sysUmount {
		return
	}
	if p := c.process(); p != 0 {
		c.syncs[p] = &waiter{wait: code == sysSync && c.o.SyncWaits}
		c.m.CPU.Hold = c.hold
	}
}

// hold says whether the process that is about to go on in user mode has to wait for
// its commit.
func (c *Committer) hold() bool {
	p := c.process()
	w := c.syncs[p]
	if w == nil {
		return false
	}
	c.mu.Lock()
	done, asked := w.done, w.asked
	c.mu.Unlock()
	if !asked && !done {
		reason := "sync"
		if !w.wait {
			reason = "call"
		}
		done = c.start(reason, w) && !w.wait
	}
	if !done {
		return true
	}
	delete(c.syncs, p)
	if len(c.syncs) == 0 {
		c.m.CPU.Hold = nil
	}
	return false
}

// held tells a machine whose processor stands still what it waits for.
func (c *Committer) held() <-chan struct{} {
	if c.m.CPU.Mode != mmu.User || c.m.CPU.Waiting || c.syncs[c.process()] == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running
}
