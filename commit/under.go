package commit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"v7em/block"
	"v7em/journaldev"
	"v7em/unix/kernel"
)

// handed is a commit under way: first its clone is settled, then it is handed to the
// volumes, and at last it is durable.
type handed struct {
	begin   time.Time     // when the clone was taken
	dirty   time.Time     // when the oldest work was done that it covers and no commit before; zero: there is none
	traps   bool          // the guest has made system calls since the commit before
	written bool          // and written to its disks
	span    time.Duration // from then until the guest did something for the last time
	wants
	point   *Point
	took    time.Duration // to settle
	ops     operations
	own     operations // ops alone, when the commit has come to nothing
	w       *waiter
	drives  []kernel.Drive // of the tickets
	tickets []*journaldev.Ticket
	settled bool // it was handed over; c.mu protects it
	err     error
	over    chan struct{} // closed when it is over
}

// wants is to what a commit may be less than others.
type wants struct {
	fallback bool // the packs may be taken as the guest's writes have left them
	last     bool // and that at the end of a run: see judge
}

// start clones the machine and commits what the clone settles to. It does nothing,
// and reports false, while another clone settles, or when too much is under way.
func (c *Committer) start(reason string, w *waiter) bool {
	c.mu.Lock()
	if c.settling || len(c.under) >= maxUnder {
		c.mu.Unlock()
		return false
	}
	if w != nil {
		w.asked = true
	}
	begin := c.o.Clock()
	c.stats.Clones++
	h := &handed{begin: begin, w: w, over: make(chan struct{}), wants: c.wants}
	c.wants = wants{}
	h.fallback = h.fallback || c.contradicted(begin)
	c.settler.Fallback = h.fallback
	h.err = c.settler.Clone(c.m)
	c.stats.CloneTimes = keep(c.stats.CloneTimes, c.o.Clock().Sub(begin))
	c.seen.giveBack(c.returned)
	h.ops, c.returned = c.seen.take(), operations{}
	writes := c.guestWrites()
	h.traps, h.written = c.traps > 0, writes != c.watch.cloned
	h.dirty = earlier(c.returnedDirty, c.dirty)
	h.span = c.watch.worked.Sub(h.dirty)
	c.returnedDirty, c.dirty, c.watch.cloned = time.Time{}, time.Time{}, writes
	c.last, c.writes, c.traps = begin, writes, 0
	var before *handed
	if n := len(c.under); n > 0 {
		before = c.under[n-1]
	}
	c.under = append(c.under, h)
	c.settling = true
	c.mu.Unlock()
	if c.o.InStep != nil {
		if c.settle(h, reason); h.dead() {
			c.finish(h)
		}
		c.poll()
		return true
	}
	go func() {
		c.settle(h, reason)
		if before != nil && !h.dead() {
			<-before.over // it covers what this one builds upon
		}
		c.finish(h)
	}()
	return true
}

func keep[T any](list []T, v T) []T {
	if len(list) >= keptTimes {
		list = slices.Delete(list, 0, keptTimes/2)
	}
	return append(list, v)
}

// settle settles the clone and hands what comes of it to the volumes.
func (c *Committer) settle(h *handed, reason string) {
	begin := c.o.Clock()
	if h.err == nil {
		h.point, h.err = c.settler.Settle()
	}
	h.took = c.o.Clock().Sub(begin)
	if h.err == nil {
		c.hand(h, journaldev.Note{Reason: reason, Ops: h.ops.list, More: h.ops.more})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h.settled = true
	c.settling = false
	c.notify()
}

// dead says that nothing was handed over: the commit comes to nothing.
func (h *handed) dead() bool { return h.err != nil && len(h.tickets) == 0 }

// fellBack says that V7 is there, and that only its writes could be had.
func (h *handed) fellBack() bool {
	return !h.point.Settled && kernel.Why(h.point.Why) != kernel.NotV7
}

// notify wakes who waits for news. c.mu is held.
func (c *Committer) notify() {
	close(c.wake)
	c.wake = make(chan struct{})
}

// poll finishes the commits under way, in step, that are durable.
func (c *Committer) poll() {
	if c.o.InStep == nil {
		return
	}
	for len(c.under) > 0 {
		h := c.under[0]
		for _, t := range h.tickets {
			select {
			case <-t.Done():
			default:
				return
			}
		}
		c.finish(h)
	}
}

// finish waits until a commit is durable, and notes how it ended.
func (c *Committer) finish(h *handed) {
	errs := []error{h.err}
	cut := false
	for i, t := range h.tickets {
		err := t.Wait()
		switch {
		case errors.Is(err, journaldev.ErrCut):
			cut = true
			errs = append(errs, inDrive(h.drives[i], err))
		case err != nil:
			c.setAside(h.drives[i], err)
		}
	}
	err := errors.Join(errs...)
	now := c.o.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.under = slices.DeleteFunc(c.under, func(o *handed) bool { return o == h })
	switch {
	case err == nil:
		c.covered, c.missed = h.begin, nil
		if !c.returnedBegin.After(h.begin) {
			c.returnedDirty = time.Time{}
		}
		if !h.dirty.IsZero() {
			c.aged(now.Sub(h.dirty))
			c.stats.Ages = keep(c.stats.Ages, now.Sub(h.dirty))
		}
		c.stand(h, now)
	default:
		if cut && h.err == nil {
			c.missed = append(c.missed, h)
		}
		h.own = h.ops
		h.ops.giveBack(c.returned)
		c.returned = h.ops
		if h.written || kernel.Why(err) != kernel.NotUp { // else there is no work yet
			c.returnedDirty, c.returnedBegin = earlier(c.returnedDirty, h.dirty), h.begin
		}
	}
	c.end(h, err)
	close(h.over)
	c.notify()
}

// end notes how a commit ended. c.mu is held.
func (c *Committer) end(h *handed, err error) {
	p, w := h.point, h.w
	unsettled, unknown := errors.As(err, new(*UnsettledError)), errors.Is(err, kernel.ErrUnknown)
	switch {
	case unsettled:
		c.stats.Unsettled++
	case unknown:
		c.stats.Unknown++
	case err == nil && p.Settled:
		c.stats.Settled++
		c.stats.SettleTimes = keep(c.stats.SettleTimes, h.took)
		c.stats.Instructions = keep(c.stats.Instructions, p.Instructions)
		if len(p.Cut) > 0 {
			c.stats.Cut++
		}
	case err == nil && h.fellBack():
		c.stats.Fallbacks++
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
	case unknown && !h.fallback && w.tries <= tries:
		w.asked = false
		c.wants.fallback = true
	default:
		w.done = true
		c.stats.Given++
		c.news = append(c.news, fmt.Sprintf("sync returns, and what the guest wrote is NOT durable: %v", err))
	}
}

// hand hands a commit point to the volumes that it changes, in the order of their
// drives.
func (c *Committer) hand(h *handed, note journaldev.Note) {
	var errs []error
	for _, drive := range slices.SortedFunc(maps.Keys(c.volumes), compareDrives) {
		state := h.point.Packs[drive]
		if h.last && !h.point.Settled && c.judge(h, drive, state) {
			continue
		}
		if state == nil || c.aside(drive) {
			continue
		}
		c.setSwap(drive, h.point)
		if c.newest[drive] != nil && same(state, c.newest[drive], c.swap[drive]) {
			continue
		}
		delete(c.newest, drive)
		t, err := c.volumes[drive].Commit(state, note)
		switch {
		case errors.Is(err, journaldev.ErrCut):
			errs = append(errs, inDrive(drive, err))
		case err != nil:
			c.setAside(drive, err)
		default:
			c.newest[drive] = state
			h.drives, h.tickets = append(h.drives, drive), append(h.tickets, t)
		}
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

// setSwap tells a volume what the guest swaps to. A kernel that is not seen for the
// moment goes on with what it had; where there is none, nothing is swap space.
func (c *Committer) setSwap(drive kernel.Drive, p *Point) {
	if p.Settled || kernel.Why(p.Why) == kernel.NotV7 {
		c.swap[drive] = p.Swap[drive]
		c.volumes[drive].SetSwap(c.swap[drive])
	}
}

// same says whether two states of a pack differ in nothing but swap space.
func same(a, b *block.Store, swap journaldev.Range) bool {
	swap = journaldev.Detect(a).WithSwap(a, swap).Swap
	for n := range a.Diff(b) {
		if !swap.Has(n) {
			return false
		}
	}
	return true
}
