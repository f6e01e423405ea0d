package commit

import (
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
	// SetSwap says which blocks the guest swaps to: they need no commit.
	SetSwap(journaldev.Range)
	// Err returns the failed write or sync that made it read-only, or nil.
	Err() error
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
	// maxPause is how many intervals more than one there are at most between two tries.
	maxPause = 2
	// maxUnder is how many commits may be under way at a time.
	maxUnder = 8
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

	// Tell, if not nil, gets a line for the user whenever the guest's work is kept to less
	// than was promised, or to that again. It is called in the goroutine that runs the
	// machine, or calls Commit.
	Tell func(line string)
	// Late is how old the oldest work that no durable point covers may become before
	// that is told; 0 for two intervals. It may be half a second more when no commit has
	// come to nothing but the host takes its time, and before the first point it is five
	// seconds at least.
	Late time.Duration

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
	Fallbacks int `json:"fallbacks"` // points of a V7 of which only the writes could be had

	// The newest times, oldest first, at most 4096: what a clone cost the
	// guest, and what settling took beside it.
	CloneTimes   []time.Duration `json:"-"`
	SettleTimes  []time.Duration `json:"-"`
	Instructions []uint64        `json:"-"`
	// Ages are how old the oldest work of each point was when the point was durable.
	Ages []time.Duration `json:"-"`

	LastErr error `json:"-"` // of the newest clone that came to nothing
}

// Committer takes commit points of a running machine and commits them to its
// volumes. All its methods but Stats and Status belong to the goroutine that runs the
// machine; settling and committing go on in others.
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
	watch watch

	// syncs are the processes, by u_procp, that are in sync.
	syncs map[uint16]*waiter

	// newest is what each volume was handed last; of the commit that settles.
	newest map[kernel.Drive]*block.Store
	swap   map[kernel.Drive]journaldev.Range // what each volume was told that the guest swaps to

	mu       sync.Mutex // protects what follows
	settling bool       // a clone is in use
	under    []*handed  // the commits under way, oldest first
	wake     chan struct{}
	err      error      // of the newest commit, nil when it is durable
	failures int        // how many in a row came to nothing
	returned operations // what they would have told
	wants    wants      // of the next commit
	covered  time.Time  // when the clone of the newest durable commit was taken
	missed   []*handed  // the newest commits that were handed over and are not durable
	stats    Stats
	standing
}

// waiter is a process that is to return from sync.
type waiter struct {
	asked bool // a commit since it returned was started
	done  bool // and is durable, or cannot be had
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
	if o.Late <= 0 {
		o.Late = 2 * o.Interval
	}
	c := &Committer{m: m, o: o, settler: o.Settler, syncs: map[uint16]*waiter{}, wake: make(chan struct{})}
	c.promise, c.odd = NoPoint, map[kernel.Drive]VolumeStatus{}
	c.last = o.Clock()
	c.covered = c.last
	c.SetVolumes(volumes)
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
	s.Ages = slices.Clone(s.Ages)
	return s
}

// attend starts a commit if one is due.
func (c *Committer) attend() {
	c.poll()
	now := c.o.Clock()
	c.look(now)
	c.tell()
	if c.due == "" && now.Sub(c.last) < c.o.Interval/8 {
		return
	}
	reason := c.due
	if reason == "" {
		reason = c.timely(now)
	}
	if reason != "" && c.start(reason, nil) {
		c.due = ""
	}
}

// timely returns why it is time for a commit, empty if it is not.
func (c *Committer) timely(now time.Time) string {
	since := now.Sub(c.last)
	failed := c.failed()
	writes := c.guestWrites() - c.writes
	switch {
	case failed > 0 && since < c.o.Interval*time.Duration(1+min(failed, maxPause)):
		return "" // what did not end may need some time
	case writes >= busyWrites:
		return "size"
	case since < c.o.Interval || writes == 0 && c.traps == 0 && failed == 0:
		return ""
	}
	return "interval"
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

// Commit makes durable what the guest has done so far, and waits for that. The
// machine must not run meanwhile. A volume that has failed is no error here: see Left.
func (c *Committer) Commit(reason string) error {
	defer c.tell()
	c.wait()
	c.start(reason, nil)
	c.wait()
	c.look(c.o.Clock()) // a pack that has failed since
	return c.outcome()
}

// Last is Commit at the end of a run. When no better point can be had, the packs are
// taken as the guest's writes have left them. The error says what the run leaves behind:
// then, or when a volume has failed, not all that the guest did is kept, or not as was
// promised.
func (c *Committer) Last(reason string) error {
	defer c.tell()
	err := c.Commit(reason)
	switch {
	case err == nil:
		err = c.fellBack(c.fallen())
	case !c.behind():
		err = nil // V7 is on its way up, or away: nothing was done
	default:
		c.want(wants{fallback: true, last: true})
		c.start(reason, nil)
		c.wait()
		if ferr := c.outcome(); ferr != nil {
			err = fmt.Errorf("what the guest did last is not kept: %w", ferr)
		} else {
			err = c.fellBack(err)
		}
	}
	return errors.Join(err, c.Left())
}

// fallen says why the newest point of a V7 has no more than its writes, nil if it has.
func (c *Committer) fallen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fell
}

// behind says that the guest has done something that no durable point covers.
func (c *Committer) behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !earlier(c.returnedDirty, c.dirty).IsZero()
}

// want says what the next commit may be less than others.
func (c *Committer) want(w wants) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wants = w
}

// outcome returns the error of the newest commit.
func (c *Committer) outcome() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// wait waits until no commit is under way.
func (c *Committer) wait() {
	for {
		c.poll()
		c.mu.Lock()
		var newest *handed
		if n := len(c.under); n > 0 {
			newest = c.under[n-1]
		}
		c.mu.Unlock()
		switch {
		case newest == nil:
			return
		case c.o.InStep != nil:
			c.o.InStep()
		default:
			<-newest.over
		}
	}
}

// SetVolumes changes which packs are committed: one was put into a drive or taken
// out. Commit first.
func (c *Committer) SetVolumes(volumes map[kernel.Drive]Volume) {
	c.wait()
	c.mu.Lock()
	for d, v := range c.odd {
		if volumes[d] == nil || v.State == VolumeFailed && volumes[d] != c.volumes[d] {
			delete(c.odd, d)
		}
	}
	c.mu.Unlock()
	for d, v := range volumes {
		if c.volumes != nil && c.volumes[d] != v {
			c.settler.inserted(c.m, d)
		}
	}
	c.settler.mounted.look(c.m)
	c.volumes = maps.Clone(volumes)
	c.newest, c.swap = map[kernel.Drive]*block.Store{}, map[kernel.Drive]journaldev.Range{}
	c.writes = c.guestWrites()
}

// Close ends the commit under way and leaves the machine alone.
func (c *Committer) Close() {
	c.wait()
	c.m.Attend, c.m.Held, c.m.CPU.Hold, c.m.CPU.OnTRAP = nil, nil, nil, nil
}

// trap sees the guest's system calls.
func (c *Committer) trap(code uint8) {
	if c.traps++; c.dirty.IsZero() {
		c.work(c.o.Clock())
	}
	call, _, _ := decode(c.m, code)
	if syscalls[call].name != "" {
		if k := c.settler.Kernel(); k != nil {
			c.seen.see(c.m, k, code)
		}
	}
	switch call {
	case callMount:
		if k := c.settler.Kernel(); k != nil {
			c.settler.mounted.mounting(k.Mounted(see(c.m)))
		}
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
		c.look(c.o.Clock())
		c.tell()
		return true
	}
	c.tell() // what it does not cover is told before it returns
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

// askAgain is the longest time, on the host, that a processor stands still before the
// committer looks again.
const askAgain = 50 * time.Millisecond

// held tells a machine whose processor stands still what it waits for.
func (c *Committer) held() <-chan struct{} {
	if c.o.InStep != nil {
		return nil // virtual time goes on
	}
	if c.m.CPU.Mode != mmu.User || c.m.CPU.Waiting {
		return nil
	}
	w := c.syncs[process(c.m)]
	if w == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.done || !w.asked && !c.settling {
		return over // hold knows more
	}
	wake, again := c.wake, make(chan struct{})
	go func() {
		defer close(again)
		t := time.NewTimer(askAgain)
		defer t.Stop()
		select {
		case <-wake:
		case <-t.C:
		}
	}()
	return again
}
