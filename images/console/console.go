// Package console works a machine's console as an operator would: it types, and
// lets the machine run until what it waits for has been printed.
package console

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"v7em/machine"
)

// Second is a second of virtual time.
const Second = 1_000_000_000

// keep is how much of the latest output is looked at.
const keep = 4096

// Session is an operator at the console of a machine.
type Session struct {
	// Echo, if not nil, gets every character as it comes, parity and all.
	Echo func(c byte)
	// Paced, if not nil, ties virtual time to this clock. Otherwise the machine runs
	// freely, and a wait costs the host only what the guest computes.
	Paced machine.HostClock
	// Requests are what a paced machine is to do between two instructions, if not nil.
	Requests <-chan func(*machine.Machine)
	// Typing, if not nil, is called whenever something is typed.
	Typing func()

	m *machine.Machine

	seen []byte   // latest output since the last match, without parity and padding
	want [][]byte // what Expect waits for
	hit  int      // which of them was seen, -1 for none
}

// New sits down at the console of m: it becomes the console's terminal.
func New(m *machine.Machine) *Session {
	s := &Session{m: m, hit: -1}
	m.Console.SetTerminal(s)
	return s
}

// Put implements unibus.Terminal.
func (s *Session) Put(c byte) {
	if s.Echo != nil {
		s.Echo(c)
	}
	if c &= 0o177; c == 0 || c == 0o177 {
		return // padding
	}
	if len(s.seen) >= 2*keep {
		s.seen = append(s.seen[:0], s.seen[len(s.seen)-keep:]...)
	}
	s.seen = append(s.seen, c)
	if s.hit >= 0 {
		return
	}
	for i, w := range s.want {
		if bytes.HasSuffix(s.seen, w) {
			s.hit = i
			s.seen = s.seen[:0]
			s.m.Stop()
			return
		}
	}
}

// Error says that what was waited for did not come.
type Error struct {
	Want   []string     // what was waited for
	Stop   machine.Stop // why the machine stopped; StopLimit when it took too long
	Output string       // the last of what the guest printed instead
}

func (e *Error) Error() string {
	why := "the machine stopped"
	if e.Stop == machine.StopLimit {
		why = "it took too long"
	}
	return fmt.Sprintf("the guest did not print %q: %s; its last output was %q", strings.Join(e.Want, "\" or \""),
		why, e.Output)
}

// Type types text, after what is still to be typed.
func (s *Session) Type(text string) {
	if s.Typing != nil {
		s.Typing()
	}
	s.m.Console.Type([]byte(text)...)
}

// Expect lets the machine run until it has printed one of the texts and returns
// which. What was printed before the last match does not count. It gives up with
// an *Error when limit nanoseconds of virtual time have passed or the machine has
// halted, and with the context's error when that ends.
func (s *Session) Expect(ctx context.Context, limit uint64, texts ...string) (int, error) {
	s.want = s.want[:0]
	for _, t := range texts {
		s.want = append(s.want, []byte(t))
	}
	s.hit = -1
	for i, w := range s.want {
		if _, after, ok := bytes.Cut(s.seen, w); ok {
			s.seen, s.want = append(s.seen[:0], after...), nil
			return i, nil
		}
	}
	stop, err := s.run(ctx, limit, func() bool { return s.hit >= 0 })
	s.want = s.want[:0]
	switch {
	case s.hit >= 0:
		return s.hit, nil
	case err != nil:
		return -1, err
	}
	out := s.seen[max(0, len(s.seen)-160):]
	return -1, &Error{Want: texts, Stop: stop, Output: string(out)}
}

// Run lets the machine run for the given virtual time, in nanoseconds, or until it
// halts.
func (s *Session) Run(ctx context.Context, limit uint64) (machine.Stop, error) {
	return s.run(ctx, limit, func() bool { return false })
}

// run runs the machine until done, the limit or a halt.
func (s *Session) run(ctx context.Context, limit uint64, done func() bool) (machine.Stop, error) {
	defer context.AfterFunc(ctx, s.m.Stop)()
	end := s.m.Now() + limit
	for {
		if err := ctx.Err(); err != nil {
			return machine.StopRequested, err
		}
		now := s.m.Now()
		if now >= end {
			return machine.StopLimit, nil
		}
		// A stop that was asked for may be one of an earlier run.
		if stop := s.slice(ctx, end-now); done() || stop != machine.StopRequested {
			return stop, nil
		}
	}
}

// slice runs the machine once. Paced, the end of the time is a stop like any other.
func (s *Session) slice(ctx context.Context, limit uint64) machine.Stop {
	if s.Paced == nil {
		return s.m.Run(limit)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(min(limit, 1<<62)))
	defer cancel()
	stop, _ := s.m.RunPaced(ctx, s.Paced, s.Requests) // the caller looks at its own context
	return stop
}
