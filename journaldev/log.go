package journaldev

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"
)

// Log is what can be read in a journal, for people. Reading it changes nothing and
// needs no lock, but a journal that is being written may look damaged.
type Log struct {
	Path       string    `json:"journal"`
	ID         string    `json:"id"`
	Version    int       `json:"version"`
	Generation uint64    `json:"generation"` // how often it was begun anew
	Blocks     int       `json:"blocks"`     // in the pack
	RingSize   int64     `json:"ring_size"`  // bytes
	RingUsed   int64     `json:"ring_used"`  // bytes of transactions that are not home
	Home       uint64    `json:"home"`       // all transactions up to this one are home
	Committed  uint64    `json:"committed"`  // recovery applies those from Home to this one
	Newest     uint64    `json:"newest"`     // the newest of which there is a trace
	Damaged    uint64    `json:"damaged"`    // the first that is damaged, 0 for none
	LastCommit time.Time `json:"last_commit"`

	whole []logged
	j     *journal
}

// Transaction is a transaction that is whole in the journal.
type Transaction struct {
	ID      uint64    `json:"id"`
	State   string    `json:"state"` // "home"; "committed"; "lost", behind a damaged one; "damaged"
	Time    time.Time `json:"time"`
	Bytes   int       `json:"bytes"` // its records
	Note    Note      `json:"note"`
	Updates []Logged  `json:"updates"`
}

// Logged is an update as the journal has it.
type Logged struct {
	Number int    `json:"number"` // in its transaction, from 0
	Type   string `json:"type"`   // "INODE"
	Block  int    `json:"block"`
	From   int    `json:"from"` // the bytes From to To-1 of the block changed
	To     int    `json:"to"`
	Direct bool   `json:"direct,omitempty"` // the block was written home before the commit
	Redo   []byte `json:"-"`                // the block afterwards, with the block's first update
	Undo   []byte `json:"-"`                // the block before, likewise, if the journal keeps it
}

// ErrEmpty says that a journal is a file without a byte. To all that use an image it is
// as good as none, but it may have been one.
var ErrEmpty = errors.New("it is an empty file")

// ReadLog reads the journal of an image. If there is none the error wraps
// fs.ErrNotExist; if it has not a byte, ErrEmpty.
func ReadLog(image string) (*Log, error) {
	f, err := openRegular(JournalPath(image), os.O_RDONLY)
	if err != nil {
		return nil, &Error{Op: "open", Path: JournalPath(image), Block: -1, Err: err}
	}
	defer f.Close()
	if isEmpty(osFile{f}) {
		return nil, &Error{Op: "read", Path: JournalPath(image), Block: -1, Err: ErrEmpty}
	}
	j, err := readJournalInto(osFile{f}, nil, true)
	if err != nil {
		return nil, journalError(image, nil, err)
	}
	return newLog(JournalPath(image), j), nil
}

func newLog(path string, j *journal) *Log {
	p := makePlan(j.header, j.records)
	l := &Log{
		Path: path, ID: hex.EncodeToString(j.id[:]), Version: journalVersion, Generation: j.generation, Blocks: j.blocks,
		RingSize: int64(j.ring) * sectorSize, Home: p.home, Committed: p.home + uint64(len(p.apply)),
		Newest: p.newest, Damaged: p.damaged,
		whole: assemble(j.records), j: j,
	}
	j.f, j.window = nil, nil // the file is closed

	if len(p.apply) > 0 {
		l.RingUsed = int64(j.end()-p.apply[0].mark.first) * sectorSize
	}
	for _, t := range l.whole {
		if when := fromNanos(t.mark.time); when.After(l.LastCommit) {
			l.LastCommit = when
		}
	}
	return l
}

// Transactions yields the whole transactions, the oldest first; or, backwards, the
// newest first, each with its updates from the last to the first. It reads them from
// the file: one that is not there any more as it was is "damaged".
func (l *Log) Transactions(backwards bool) iter.Seq[Transaction] {
	return func(yield func(Transaction) bool) {
		j := *l.j
		j.f = noFile{}
		if f, err := openRegular(l.Path, os.O_RDONLY); err == nil {
			defer f.Close()
			j.f = osFile{f}
		}
		for i := range l.whole {
			if backwards {
				i = len(l.whole) - 1 - i
			}
			t := l.transaction(&j, &l.whole[i])
			if backwards {
				slices.Reverse(t.Updates)
			}
			if !yield(t) {
				return
			}
		}
	}
}

// noFile is a file that is gone.
type noFile struct{ File }

func (noFile) ReadAt([]byte, int64) (int, error) { return 0, fs.ErrNotExist }

func (l *Log) transaction(j *journal, w *logged) Transaction {
	t := Transaction{
		ID: w.id, State: "home", Time: fromNanos(w.mark.time), Note: j.note(w),
		Bytes: int(w.end-w.mark.first) * sectorSize,
	}
	switch {
	case w.generation < l.Generation || w.id <= l.Home:
	case w.id <= l.Committed:
		t.State = "committed"
	default:
		t.State = "lost"
	}
	entries, err := j.entries(w)
	if err != nil {
		t.State = "damaged"
	}
	for i, e := range entries {
		t.Updates = append(t.Updates, Logged{Number: i, Type: e.Type.String(), Block: e.Block, From: e.From, To: e.To,
			Direct: e.Direct, Redo: e.redo, Undo: e.undo})
	}
	return t
}
