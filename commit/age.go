package commit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"v7em/block"
	"v7em/journaldev"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

const (
	// stood is how long a committer that is not called may have been asleep, with its
	// machine, at least: that time makes no work older.
	stood = 500 * time.Millisecond
	// slack is by how much later a line says that points are late when nothing is wrong
	// but that the host takes its time: one that is busy for a moment is no news, and the
	// status says so from the beginning.
	slack = 500 * time.Millisecond
	// firstPoint is the least that the first point may take: a guest is coming up, and
	// nothing was promised yet.
	firstPoint = 5 * time.Second
	// forgotten is when lateness that was told is forgotten. Until then it takes twice as
	// much to be told again.
	forgotten = time.Minute
	// youngWork is the most of a guest's time that is given up at the end of a run for a
	// pack that is not damaged.
	youngWork = 2 * time.Second
)

// watch is how the committer watches the guest's work get old. It belongs to the
// goroutine that runs the machine.
type watch struct {
	looked time.Time // when the committer looked last
	worked time.Time // when the guest was last seen to do something
	traps  uint64    // Committer.traps at that time
	writes uint64    // of the guest's controllers at that time
	cloned uint64    // and when the newest clone was taken

	told      bool          // the user knows that work is late
	peak      time.Duration // how late it became
	threshold time.Duration // from when on it is told again,
	until     time.Time     // until that
}

// standing is what the committer knows of how the guest is kept. Committer.mu protects
// it, but dirty is changed by the goroutine that runs the machine alone.
type standing struct {
	promise Promise
	why     string
	fell    error // why the newest point of a V7 has no more than its writes
	strange int   // points in a row of a guest that is not known, but at work
	odd     map[kernel.Drive]VolumeStatus
	kept    []string  // packs that stay at their newest point: see judge
	dirty   time.Time // when the oldest work was done since the newest clone; zero: none was
	worst   time.Duration
	news    []string // not yet told
	open    []OpenBracket
	damaged []string // of the newest point: see Point

	// returnedDirty is when the oldest work was done that a commit which came to nothing
	// should have covered, and returnedBegin when the newest such commit was begun.
	returnedDirty, returnedBegin time.Time
}

// earlier returns the earlier of two times; a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// work notes that the guest has done something.
func (c *Committer) work(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = now
}

// look looks at how old the guest's work has become, and whether its volumes stand.
func (c *Committer) look(now time.Time) {
	w := &c.watch
	if gap := now.Sub(w.looked); !w.looked.IsZero() && gap > max(stood, 2*c.o.Interval) {
		c.younger(gap)
	}
	writes := c.guestWrites()
	if w.looked.IsZero() {
		w.writes, w.cloned = writes, writes // before it ran, the host wrote
	}
	w.looked = now
	if writes != w.writes || c.traps != w.traps {
		w.worked, w.writes, w.traps = now, writes, c.traps
		if c.dirty.IsZero() && (c.traps > 0 || writes != w.cloned) {
			c.work(now)
		}
	}
	for drive, v := range c.volumes {
		if err := v.Err(); err != nil && !errors.Is(err, journaldev.ErrCut) {
			c.setAside(drive, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	age := c.age(now)
	c.aged(age)
	limit := c.tolerated(c.o.Late)
	if c.err == nil {
		limit += slack
	}
	if now.Before(w.until) {
		limit = max(limit, w.threshold)
	}
	switch {
	case !w.told && age > limit:
		w.told, w.peak = true, age
		c.news = append(c.news, fmt.Sprintf("no commit point since %s (%v): %s",
			now.Add(-age).Format(time.TimeOnly), rounded(age), c.whyLate(now)))
	case w.told && age > 2*c.o.Interval:
		w.peak = max(w.peak, age)
	case w.told:
		w.told, w.threshold, w.until = false, 2*w.peak, now.Add(forgotten)
		c.news = append(c.news, fmt.Sprintf("commit points come again: work had waited up to %v", rounded(w.peak)))
	}
}

// younger says that nothing went on for so long.
func (c *Committer) younger(gap time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	later := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(gap)
		}
	}
	later(&c.dirty)
	later(&c.returnedDirty)
	for _, h := range c.under {
		later(&h.dirty)
	}
}

// age returns how old the oldest work is that no durable point covers, 0 if there is
// none. c.mu is held.
func (c *Committer) age(now time.Time) time.Duration {
	oldest := earlier(c.returnedDirty, c.dirty)
	for _, h := range c.under {
		oldest = earlier(oldest, h.dirty)
	}
	if oldest.IsZero() {
		return 0
	}
	return max(now.Sub(oldest), 0)
}

// tolerated returns how old work may be without being late, if that is limit for a guest
// that has had a commit point. c.mu is held.
func (c *Committer) tolerated(limit time.Duration) time.Duration {
	if c.promise == NoPoint {
		return max(limit, firstPoint)
	}
	return limit
}

// aged notes an age. c.mu is held.
func (c *Committer) aged(age time.Duration) { c.worst = max(c.worst, age) }

// whyLate says why there is no durable commit point. c.mu is held.
func (c *Committer) whyLate(now time.Time) string {
	settling := time.Duration(-1) // for how long a clone settles
	for _, h := range c.under {
		if !h.settled {
			settling = now.Sub(h.begin)
			break
		}
		var late []string
		for i, t := range h.tickets {
			select {
			case <-t.Done():
			default:
				late = append(late, h.drives[i].String())
			}
		}
		if late != nil {
			return fmt.Sprintf("the host has not yet written what %s got %v ago", strings.Join(late, ", "),
				rounded(now.Sub(h.begin)))
		}
	}
	if c.err != nil {
		return c.err.Error()
	}
	if settling >= 0 {
		return fmt.Sprintf("this host is slow: the point begun %v ago is not complete yet", rounded(settling))
	}
	return "this host is slow: none could be begun"
}

// contradicted says that V7 is up, and that it could not be read for so long that its
// packs are to be taken as its writes have left them, until it can be. c.mu is held.
func (c *Committer) contradicted(now time.Time) bool {
	return c.promise == WritePrefix || c.failures > 0 && kernel.Why(c.err) == kernel.Contradictory &&
		c.age(now) >= 3*c.o.Interval
}

// stand notes how the guest is kept when a point is durable. c.mu is held.
func (c *Committer) stand(h *handed, now time.Time) {
	p := h.point
	if p.Settled {
		if c.promise == WritePrefix {
			c.news = append(c.news, "V7 is seen again: its packs are kept to whole operations")
		}
		c.promise, c.why, c.fell, c.strange = WholeOperations, "", nil, 0
		c.standVolumes(p.Volumes, now)
		c.standBrackets(p, now)
		return
	}
	if h.fellBack() {
		c.fell = p.Why
	}
	// A guest that is not known may be on its way to become so, unless it is at work.
	if len(h.tickets) > 0 && h.written || h.traps {
		c.strange++
	}
	if c.fell == nil && !(len(h.tickets) > 0 && h.written) && c.strange < 2 {
		return
	}
	if c.promise != WritePrefix {
		c.news = append(c.news, fmt.Sprintf("the guest is only kept to a prefix of its writes: %v", p.Why))
	}
	c.promise, c.why = WritePrefix, p.Why.Error()
}

// standVolumes notes which mounted volumes make no sense. c.mu is held.
func (c *Committer) standVolumes(list []kernel.Volume, now time.Time) {
	wrong := map[kernel.Drive]bool{}
	for _, v := range list {
		if v.Wrong == "" || v.Extent == 0 || c.volumes[v.Drive] == nil {
			continue
		}
		wrong[v.Drive] = true
		if _, ok := c.odd[v.Drive]; ok {
			continue
		}
		s := VolumeStatus{Drive: v.Drive, Name: v.Drive.String(), State: VolumePrefix, Since: now, Why: v.Wrong}
		if v.Exchanged {
			s.State = VolumeExchanged
		}
		c.odd[v.Drive] = s
		c.news = append(c.news, s.String())
	}
	for d, s := range c.odd {
		if (s.State == VolumePrefix || s.State == VolumeExchanged) && !wrong[d] {
			delete(c.odd, d)
			if slices.ContainsFunc(list, func(v kernel.Volume) bool { return v.Drive == d }) {
				c.news = append(c.news, fmt.Sprintf("%s: kept to whole operations again", d))
			}
		}
	}
}

// setAside leaves a volume that has failed to itself.
func (c *Committer) setAside(drive kernel.Drive, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.odd[drive].State == VolumeFailed {
		return
	}
	s := VolumeStatus{Drive: drive, Name: drive.String(), State: VolumeFailed, Since: c.o.Clock(), Why: err.Error()}
	c.odd[drive] = s
	left := fmt.Sprintf("what was durable at %s can be recovered, what the guest wrote to it since is lost",
		c.covered.Format(time.TimeOnly))
	if errors.Is(err, journaldev.ErrGone) {
		left = "nothing more gets there"
	}
	c.news = append(c.news, fmt.Sprintf("%v; the pack is read-only now: %s; the other packs go on",
		inDrive(drive, err), left))
}

// aside says that a volume has failed.
func (c *Committer) aside(drive kernel.Drive) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.odd[drive].State == VolumeFailed
}

// tell tells the user what is new.
func (c *Committer) tell() {
	c.mu.Lock()
	news := c.news
	c.news = nil
	c.mu.Unlock()
	if c.o.Tell == nil {
		return
	}
	for _, line := range news {
		c.o.Tell(line)
	}
}

// Status returns how the durability of the guest's work stands. Any goroutine may ask.
func (c *Committer) Status() Status {
	now := c.o.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	age := c.age(now)
	s := Status{
		Promise: c.promise, Why: c.why, Point: c.covered, Waits: age > 0 || !c.dirty.IsZero(), Age: age,
		Worst: max(c.worst, age),
	}
	if age > c.tolerated(2*c.o.Interval) {
		s.Late = &Late{Since: now.Add(-age), Why: c.whyLate(now)}
	}
	for _, v := range c.odd {
		s.Volumes = append(s.Volumes, v)
	}
	sortVolumes(s.Volumes)
	s.Open = slices.Clone(c.open)
	return s
}

// Left returns an error that names the volumes that have failed, nil if none has: of
// them not all is kept that the guest wrote.
func (c *Committer) Left() error {
	var errs []error
	for _, v := range c.Status().Volumes {
		if v.State == VolumeFailed {
			errs = append(errs, fmt.Errorf("%s: not all that the guest wrote is kept: %s", v.Name, v.Why))
		}
	}
	return errors.Join(errs...)
}

// judge says that a pack is to stay at its newest commit point at the end of a run of
// which no point could be had: as the writes have left it, it is damaged, at the point it
// is not, and what the guest did since is little.
func (c *Committer) judge(h *handed, drive kernel.Drive, state *block.Store) bool {
	point := c.newest[drive]
	if point == nil || state == nil || h.span > youngWork || !harmed(state) || harmed(point) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, drive.String())
	return true
}

// harmed says whether a file system on a pack is damaged in a way that loses more.
func harmed(pack *block.Store) bool {
	l := journaldev.Detect(pack)
	starts := l.Start[:l.Systems]
	for i, start := range starts {
		end := pack.Blocks()
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		if fs.Check(fs.Region{Device: pack, Start: start, N: end - start}).Harmful > 0 {
			return true
		}
	}
	return false
}

// fellBack says what a run leaves behind of which no point could be had, and why.
func (c *Committer) fellBack(why error) error {
	if why == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		return fmt.Errorf("%w: the packs are as the guest's writes have left them, and may be damaged: v7em fs check "+
			"tells", why)
	}
	return fmt.Errorf("%w: what the guest did last on %s is not kept, since its writes have left that damaged",
		why, strings.Join(c.kept, ", "))
}
