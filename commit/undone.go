package commit

import (
	"slices"
	"time"

	"v7em/journaldev"
	"v7em/unix/kernel"
)

// Undone is what the guest has done and no durable commit covers.
type Undone struct {
	// Since is when the newest durable commit was taken, or the committer began.
	Since time.Time
	// Ops are the operations since then, as far as they were noted, and More is how
	// many were not.
	Ops  []journaldev.Op
	More int
	// Quiet says that the guest has made no system call since then, and written
	// nothing.
	Quiet bool
	// Worst is the longest that work has waited until it was durable.
	Worst time.Duration

	// Handed are the transactions of the first commit since then, by drive, if all packs that
	// it changes have got theirs, but were not heard of. If all of them are recovered
	// nevertheless, Later is what is left to lose, which may go on in the same way.
	Handed map[kernel.Drive]uint64
	Later  *Undone
}

// Undone tells what a power failure now would take, or has taken if the volumes were
// cut. The machine must not run.
func (c *Committer) Undone() Undone {
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := operations{list: slices.Clone(c.seen.list), more: c.seen.more}
	all.giveBack(c.returned)
	quiet := c.traps == 0 && c.guestWrites() == c.writes
	u := Undone{Since: c.covered, Ops: all.list, More: all.more, Quiet: quiet && c.failures == 0, Worst: c.worst}
	// What is left to lose behind each commit of which nothing was heard.
	for last := &u; len(c.missed) > 0; {
		h := c.missed[0]
		c.missed = c.missed[1:]
		last.Handed = map[kernel.Drive]uint64{}
		for i, t := range h.tickets {
			last.Handed[h.drives[i]] = t.ID()
		}
		later := operations{list: slices.Clone(c.seen.list), more: c.seen.more}
		for _, o := range slices.Backward(c.missed) {
			later.giveBack(o.own)
		}
		last.Later = &Undone{Since: h.begin, Ops: later.list, More: later.more, Quiet: quiet && len(c.missed) == 0}
		last = last.Later
	}
	return u
}
