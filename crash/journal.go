package crash

import (
	"cmp"
	"math/rand/v2"
	"time"

	"v7em/block"
	"v7em/commit"
	"v7em/journaldev"
	"v7em/rk"
	"v7em/unix/kernel"
)

// KeepOptions say how packs are journaled. What is zero is as in StressKeep.
type KeepOptions struct {
	JournalSize  int64               // of each pack's, in bytes, from journaldev.MinJournalSize on
	Transactions int                 // of each pack, at least 2
	Data         journaldev.DataMode // empty for journaldev.DataJournal
	Interval     time.Duration       // between commits, virtual
	SyncTime     time.Duration       // what a sync takes on the host's disk, virtual
}

var (
	// StressKeep commits often, into small journals, onto a disk as slow as a memory
	// card, so that most of the transactions are under way at once: a run is to meet all
	// that can happen.
	StressKeep = KeepOptions{
		JournalSize: journaldev.MinJournalSize, Transactions: 16, Data: journaldev.DataJournal,
		Interval: 10 * time.Millisecond, SyncTime: 60 * time.Millisecond,
	}
	// ProductKeep is what the transaction layer does unless it is told otherwise, as in
	// v7em boot, on the disk of a common host: an SSD, of which a sync takes some
	// milliseconds.
	ProductKeep = KeepOptions{
		JournalSize: journaldev.DefaultJournalSize, Transactions: journaldev.DefaultTransactions, Data: journaldev.DataJournal,
		Interval: commit.DefaultInterval, SyncTime: 5 * time.Millisecond,
	}
)

// withDefaults fills in what is zero.
func (o KeepOptions) withDefaults() KeepOptions {
	d := StressKeep
	return KeepOptions{
		JournalSize: cmp.Or(o.JournalSize, d.JournalSize), Transactions: cmp.Or(o.Transactions, d.Transactions),
		Data: cmp.Or(o.Data, d.Data), Interval: cmp.Or(o.Interval, d.Interval), SyncTime: cmp.Or(o.SyncTime, d.SyncTime),
	}
}

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
		f.at = max(v.r.m.Now(), v.r.busy)
	}
}

// wake says that there may be something to do.
func (v *volume) wake() {
	if v.idle {
		v.idle, v.ready = false, max(v.ready, v.r.m.Now())
	}
}

// next returns the volume that is the next to do something, and when. The host's disk
// does one thing at a time.
func (j *journal) next(busy uint64) (next *volume, at uint64) {
	for _, v := range j.volumes {
		if !v.idle && (next == nil || v.ready < next.ready) {
			next = v
		}
	}
	if next == nil {
		return nil, 0
	}
	return next, max(next.ready, busy)
}

// due returns when the host's disk is to do something.
func (r *recorder) due() (uint64, bool) {
	v, at := r.next(r.busy)
	return at, v != nil
}

// pump has the host's disk do all that it does until a virtual time.
func (r *recorder) pump(until uint64) {
	for {
		v, at := r.next(r.busy)
		if v == nil || at > until {
			return
		}
		for _, f := range v.files {
			f.at = at
		}
		if v.Step() {
			v.ready = max(at, r.busy)
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
	image := make([]byte, run.Start.Blocks()*block.Size)
	for n := range run.Start.Blocks() {
		if err := run.Start.ReadBlock(n, image[n*block.Size:][:block.Size]); err != nil {
			return nil, err
		}
	}
	v.files = [2]*hostFile{{t: &r.trace, pack: p.index, data: image}, {t: &r.trace, pack: p.index, journal: true}}
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
	run.Journal = append([]byte{}, v.files[1].data...)
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
