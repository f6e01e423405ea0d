package crash

import (
	"errors"
	"time"

	"v7em/journaldev"
	"v7em/rk"
)

// KeepOptions say how packs are journaled. Zero values stand for the defaults.
type KeepOptions struct {
	JournalSize  int64 // bytes; the default is 128 KB, so that there is not always room
	Transactions int
	Data         journaldev.DataMode
	Interval     time.Duration // between commits, virtual
}

// journal is what a recorder has in the journal mode.
type journal struct{}

func (r *recorder) keep(p *pack, run *Pack) (rk.Disk, error) {
	if p.mode == Journal {
		return nil, errors.New("there is no journal yet")
	}
	return p, nil
}
func (r *recorder) commits()            {}
func (r *recorder) due() (uint64, bool) { return 0, false }
