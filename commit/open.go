package commit

import (
	"fmt"
	"slices"
	"time"

	"v7em/escape"
)

// OpenBracket is a process whose bracket did not end at the newest commit point.
type OpenBracket struct {
	PID     int       `json:"pid"`
	Program string    `json:"program"`
	Since   time.Time `json:"since"` // when that was seen first
	// Own says that the process has opened the bracket itself, by the registers. What it
	// does in there may be committed in part. Of mkdir and its like directories are
	// completed, so that no operation is half done.
	Own bool `json:"own"`
}

// String is a line for people.
func (b OpenBracket) String() string {
	if b.Own {
		return fmt.Sprintf("%s (process %d) has not ended its bracket since %s: commit points come within it",
			escape.Name(b.Program), b.PID, b.Since.Format(time.TimeOnly))
	}
	return fmt.Sprintf("%s (process %d) has not ended since %s: what it has half done is committed whole",
		escape.Name(b.Program), b.PID, b.Since.Format(time.TimeOnly))
}

// standBrackets notes which brackets did not end at a point, and tells what is less than
// was promised. c.mu is held.
func (c *Committer) standBrackets(p *Point, now time.Time) {
	var open []OpenBracket
	for _, q := range p.Cut {
		b := OpenBracket{PID: q.PID, Program: q.Name, Since: now, Own: !slices.Contains(c.settler.Programs, q.Name)}
		i := slices.IndexFunc(c.open, func(o OpenBracket) bool { return o.PID == b.PID && o.Program == b.Program })
		switch {
		case i >= 0:
			b.Since = c.open[i].Since
		case b.Own:
			c.news = append(c.news, b.String())
		}
		open = append(open, b)
	}
	c.open = open
	for _, d := range p.Damaged {
		if !slices.Contains(c.damaged, d) {
			c.news = append(c.news, "a directory stays half done: "+d)
		}
	}
	c.damaged = p.Damaged
}
