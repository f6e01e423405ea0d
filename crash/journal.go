package crash

import (
	"math/rand/v2"
	"slices"
	"time"

	"v7em/block"
	"v7em/commit"
	"v7em/journaldev"
	"v7em/rk"
	"v7em/unix/kernel"
)

// KeepOptions say how packs are journaled.
type KeepOptions struct {
	// JournalSize is that of each pack's, in bytes, from journaldev.MinJournalSize on; 0 for
	// journaldev.DefaultJournalSize.
	JournalSize  int64
	Transactions int                 // of each pack, at least 2; 0 for journaldev.DefaultTransactions
	Data         journaldev.DataMode // empty for journaldev.DataJournal
	Interval     time.Duration       // between commits, virtual; 0 for commit.DefaultInterval
	SyncTime     time.Duration       // what a sync takes on the host's disk, virtual
	Pause        time.Duration       // for how long that disk does nothing after a sync, virtual
}

var (
	// StressKeep commits often, into small journals, onto a disk as slow as a memory
	// card, which does some housekeeping of its own after each sync: commits follow each
	// other before the older ones are home. A run is to meet all that can happen.
	StressKeep = KeepOptions{
		JournalSize: journaldev.MinJournalSize, Transactions: 16, Data: journaldev.DataJournal,
		Interval: 10 * time.Millisecond, SyncTime: 30 * time.Millisecond, Pause: 30 * time.Millisecond,
	}
	// ProductKeep is what the transaction layer does unless it is told otherwise, as in
	// v7em boot, on the disk of a common host: an SSD, of which a sync takes some
	// milliseconds.
	ProductKeep = KeepOptions{
		JournalSize: journaldev.DefaultJournalSize, Transactions: journaldev.DefaultTransactions,
		Data:     journaldev.DataJournal,
		Interval: commit.DefaultInterval, SyncTime: 5 * time.Millisecond,
	}
)

// journal is what a recorder has in the journal mode.
type journal struct {
	volumes []*volume
	commit  *commit.Committer
}

// volume is a journaled pack on the host's virtual disk. It gets on while virtual time
// passes.
type volume struct {
	*journaldev.Volume
	r     *recorder
	files [2]*hostFile
	ready uint64 // when it can do more
	idle  bool   // it has nothing to do
}

// WriteBlock is the guest's.
func (v *volume) WriteBlock(n int, b []byte) error {
	err := v.Volume.WriteBlock(n, b)
	v.wake()
	return err
}

// Commit implements commit.Volume.
func (v *volume) Commit(state *block.Store, note journaldev.Note) (*journaldev.Ticket, error) {
	v.begin() // it may need room
	t, err := v.Volume.Commit(state, note)
	v.wake()
	return t, err
}

// begin says that what the files are told now happens as soon as the host's disk is
// free.
func (v *volume) begin() {
	for _, f := range v.files {
		f.at = v.r.m.Now()
	}
}

// wake says that there may be something to do.
func (v *volume) wake() {
	if v.idle {
		v.idle, v.ready = false, max(v.ready, v.r.m.Now())
	}
}

// next returns the volume that is the next to do something, when it begins with it,
// and when that has an effect: a write at once, a sync at its end. The host's disk does
// one thing at a time.
func (r *recorder) next() (next *volume, begin, effect uint64) {
	for _, v := range r.volumes {
		if !v.idle && (next == nil || v.ready < next.ready) {
			next = v
		}
	}
	if next == nil {
		return nil, 0, 0
	}
	begin = max(next.ready, r.busy)
	if effect = begin; next.Syncs() {
		effect += r.sync
	}
	return next, begin, effect
}

// due returns when the host's disk is to do something.
func (r *recorder) due() (uint64, bool) {
	v, _, at := r.next()
	return at, v != nil
}

// pump has the host's disk do all that it does until a virtual time.
func (r *recorder) pump(until uint64) {
	for {
		v, begin, effect := r.next()
		if v == nil || effect > until {
			return
		}
		for _, f := range v.files {
			f.at = begin
		}
		if v.Step() {
			v.ready = max(begin, r.busy)
		} else {
			v.idle = true
		}
	}
}

// keep returns the disk for a pack's drive, and completes what the run has of it.
func (r *recorder) keep(p *pack, run *Pack) (rk.Disk, error) {
	if p.mode != Journal {
		return p, nil
	}
	v := &volume{r: r, idle: true}
	v.files = [2]*hostFile{{t: &r.trace, pack: p.index}, {t: &r.trace, pack: p.index, journal: true}}
	image := make([]byte, run.Start.Blocks()*block.Size)
	if _, err := run.Start.ReadAt(image, 0); err != nil {
		return nil, err
	}
	v.files[0].Data = image
	o := journaldev.VolumeOptions{
		Options: journaldev.Options{Unit: run.Drive},
		Data:    r.o.Keep.Data, Transactions: r.o.Keep.Transactions, JournalSize: r.o.Keep.JournalSize,
		Clock: r.clock, ByHand: true, Flaw: r.o.Flaw.ofVolume(),
		Random: rand.NewChaCha8([32]byte{byte(p.unit)}),
	}
	var err error
	if v.Volume, err = journaldev.Mount(v.files[0], v.files[1], o); err != nil {
		return nil, err
	}
	r.busy = 0 // the new journal was there before
	run.Journal = slices.Clone(v.files[1].Data)
	r.volumes = append(r.volumes, v)
	return v, nil
}

// clock is the machine's time, for the journals.
func (r *recorder) clock() time.Time { return r.epoch().Add(time.Duration(r.m.Now())) }

// commits has the machine committed to its volumes.
func (r *recorder) commits() {
	if len(r.volumes) == 0 {
		return
	}
	volumes := map[kernel.Drive]commit.Volume{}
	for i, v := range r.volumes {
		volumes[kernel.Drive{Controller: kernel.RK, Unit: r.packs[i].unit}] = v
	}
	r.commit = commit.NewCommitter(r.m, volumes, commit.Options{
		Interval: r.o.Keep.Interval, SyncWaits: true, Clock: r.clock, Settler: r.o.Flaw.settler(),
		InStep: func() {
			if at, ok := r.due(); ok {
				r.pump(at)
			}
		},
	})
	attend, hold := r.m.Attend, r.m.CPU.Hold
	r.m.Attend = func() {
		r.pump(r.m.Now())
		attend()
	}
	r.m.CPU.Hold = func() bool {
		r.pump(r.m.Now())
		return hold()
	}
}
