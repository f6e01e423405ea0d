package screen

import (
	"sync"
	"time"

	"v7em/journaldev"
)

const (
	// stepTime is how long a block of a recovery is shown, if there are few.
	stepTime = 60 * time.Millisecond
	// replayTime is the longest time that a recovery moves.
	replayTime = 4 * time.Second
	quickTime  = time.Second // likewise, when all blocks were home already
)

// step is a block that recovery took from the journal.
type step struct {
	drive       string
	transaction uint64
	block       int
	written     bool // it was not home yet
}

// replay is a recovery that is shown. over is closed when it was.
type replay struct {
	steps []step
	texts map[string]string
	long  time.Duration // that showing the steps may take
	start time.Time     // zero until it is first shown
	over  chan struct{}
	once  sync.Once
}

// newReplay returns a recovery of drives, to be shown.
func newReplay(of []Recovered) *replay {
	r := &replay{texts: map[string]string{}, long: quickTime, over: make(chan struct{})}
	for _, o := range of {
		r.texts[o.Drive] = o.Text
		for _, t := range o.Replayed {
			for i, n := range t.Blocks {
				r.steps = append(r.steps, step{o.Drive, t.Transaction, n, t.Written[i]})
				if t.Written[i] {
					r.long = replayTime
				}
			}
		}
	}
	return r
}

// Recovered is what recovery did for a drive.
type Recovered struct {
	Drive    string
	Text     string // what the journal had to say, in a line
	Replayed []journaldev.Replay
}

func (r *replay) end() { r.once.Do(func() { close(r.over) }) }

// overlay marks the blocks that were brought home or were there already, and those to
// come, on the drives, and returns what is being done. It ends the replay when all was shown.
func (r *replay) overlay(drives []Drive, now time.Time) *Recovery {
	if r.start.IsZero() {
		r.start = now
	}
	each := min(stepTime, r.long/time.Duration(max(len(r.steps), 1)))
	passed := now.Sub(r.start)
	done := len(r.steps)
	if each > 0 {
		done = min(done, int(passed/each))
	}
	byName := map[string]*Drive{}
	for i := range drives {
		byName[drives[i].Name] = &drives[i]
		for n := range drives[i].Blocks {
			drives[i].Blocks[n].Act = ActNone
		}
	}
	mark := func(s step, a Act, age uint8) {
		if d := byName[s.drive]; d != nil && s.block < len(d.Blocks) {
			d.Blocks[s.block].Act, d.Blocks[s.block].Age = a, age
		}
	}
	for i := done; i < len(r.steps); i++ {
		mark(r.steps[i], ActJournaled, warmAge)
	}
	for i := range done {
		age := warmAge
		if done-i <= 4 || done == len(r.steps) {
			age = 0
		}
		act := ActHome
		if !r.steps[i].written {
			act = ActRead
		}
		mark(r.steps[i], act, uint8(age))
	}
	if len(r.steps) == 0 {
		return nil
	}
	s := r.steps[max(done-1, 0)]
	v := &Recovery{Drive: s.drive, Transaction: s.transaction, Block: s.block, Written: s.written, Done: done,
		Total: len(r.steps), Text: r.texts[s.drive]}
	if d := byName[s.drive]; d != nil && s.block < len(d.Blocks) {
		v.Kind = d.Blocks[s.block].Kind
	}
	return v
}
