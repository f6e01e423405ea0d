package crash

import (
	"slices"

	"v7em/block"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
)

// The host's disk of a recorded run: what each write and each sync takes of virtual
// time, in nanoseconds. It does one thing at a time, for all packs. What a sync takes
// is one of the KeepOptions.
const (
	WriteTime  = 100_000 // a write, and
	SectorTime = 10_000  // each of its sectors
)

// trace records what happens while a workload runs.
type trace struct {
	now    func() uint64 // virtual time, since the machine was switched on
	on     bool
	begin  uint64 // when the workload began
	last   uint64 // the time of the newest event
	events []Event

	sync  uint64 // what a sync takes of virtual time, in nanoseconds
	pause uint64 // and for how long nothing follows it
	busy  uint64 // when the host's disk will have done what it does now
}

// time returns the time of an event that happens at virtual time t: no earlier than
// the newest.
func (t *trace) time(at uint64) uint64 {
	t.last = max(t.last, at-min(at, t.begin))
	return t.last
}

// add records an event that happens at virtual time at.
func (t *trace) add(at uint64, e Event) {
	if t.on {
		e.Time = t.time(at)
		t.events = append(t.events, e)
	}
}

// hostFile is a file on the host's disk, in memory. It implements journaldev.File.
type hostFile struct {
	crashtest.Plain
	t       *trace
	pack    int
	journal bool
	at      uint64 // what it is told begins no earlier
}

var _ journaldev.File = (*hostFile)(nil)

// WriteAt implements journaldev.File.
func (f *hostFile) WriteAt(p []byte, off int64) (int, error) {
	begin := max(f.at, f.t.busy)
	f.t.add(begin, Event{Kind: Write, Pack: f.pack, Journal: f.journal, Off: off, Data: slices.Clone(p)})
	f.t.busy = begin + WriteTime + SectorTime*uint64((len(p)+block.Size-1)/block.Size)
	return f.Plain.WriteAt(p, off)
}

// Sync implements journaldev.File. What was written is durable when it ends.
func (f *hostFile) Sync() error {
	end := max(f.at, f.t.busy) + f.t.sync
	f.t.add(end, Event{Kind: Sync, Pack: f.pack, Journal: f.journal})
	f.t.busy = end + f.t.pause
	return nil
}
