package journaldev

import (
	"time"

	"v7em/block"
)

// Restorer recovers packs one after the other, as opening each would do it. What it
// knows of the blocks of one it need not find out again for the next, so packs that
// differ little cost little. The zero value is ready. It is for one goroutine.
type Restorer struct {
	Data  DataMode         // as in VolumeOptions
	Clock func() time.Time // dates the journals that begin anew; nil for the host's

	before *recovered // the newest pack
	data   []byte     // memory for a journal's ring
}

// Restored is a pack as recovery leaves it.
type Restored struct {
	Store    *block.Store // the pack
	Writes   []int        // the blocks that recovery changed, in ascending order
	Recovery Recovery
}

// Restore brings home what the journal in a file has, and has the journal begin anew,
// as Mount does and with its errors. image is the file of the pack and store what it
// holds, which is not changed.
func (r *Restorer) Restore(store *block.Store, image, journal File) (*Restored, error) {
	home, jb := &backing{f: image, path: "image"}, &backing{f: journal, path: "image.journal"}
	j, err := readJournalInto(journal, r.data, false)
	if err != nil {
		return nil, journalError(home.path, nil, err)
	}
	r.data = j.window
	rec, err := lookThroughAfter(r.before, store, j, false)
	if err != nil {
		return nil, journalError(home.path, j, err)
	}
	if err := rec.bringHome(home, jb); err != nil {
		return nil, err
	}
	clock := r.Clock
	if clock == nil {
		clock = time.Now
	}
	layout := layoutOf(rec.store, Detect, Range{})
	if err := rec.claim(home, layout); err != nil {
		return nil, err
	}
	state := rec.describe(layout, r.Data == DataOrdered, nil)
	if err := writeHeader(jb, rec.next(state, nanos(clock()))); err != nil {
		return nil, err
	}
	rec.j, rec.plan = nil, plan{}
	r.before = rec
	return &Restored{Store: rec.store.Clone(), Writes: rec.writes, Recovery: rec.report}, nil
}
