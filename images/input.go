package images

import (
	_ "embed"
	"fmt"
	"io"
	"time"

	"v7em/asm"
	"v7em/unibus"
	"v7em/unix/aout"
	"v7em/unix/kernel"
)

// feederFile is the program that hands on to the commands, through a pipe, what the host
// types for them.
const (
	feederFile = "/.v7em.in"
	feederName = ".v7em.in"
)

//go:embed pdp11/feeder.s
var feederSource string

// feeder returns the program: an a.out.
func feeder() ([]byte, error) {
	p, err := asm.AssembleString("feeder.s", feederSource, asm.Options{})
	if err != nil {
		return nil, fmt.Errorf("the feeder: %w", err)
	}
	f := &aout.File{
		Header: aout.Header{Magic: uint16(p.Layout), BSSSize: uint16(p.BSSSize), Entry: p.TextBase}, Text: p.Text,
		Data: p.Data,
	}
	return f.Bytes()
}

const (
	// chunkSize is how many bytes of input are typed at once: with a count before them
	// and a number behind, fewer than V7 throws away all of (TTYHOG, 256).
	chunkSize = 200
	// typeTime is the virtual time between two of them: the interrupts follow upon one
	// another, so that the feeder gets all at once.
	typeTime = 20_000
)

// How long, on the host, input is waited for while the guest could go on without, so
// that what is typed does not depend on how fast the host is.
const (
	patience = 200 * time.Millisecond
	dribble  = 20 * time.Millisecond // for the rest of a chunk
)

// Input is what the commands of a script read on their standard input. It is read only as
// far as they read it, some kilobytes more excepted.
type Input struct {
	// Reader is where it comes from.
	Reader io.Reader
	// Live says that somebody types it: it is handed over as it comes, and read only when
	// the commands would not go on without.
	Live bool

	blocks  chan []byte // from the goroutine that reads; closed at the end
	err     error       // what ended it, if not its end; valid when blocks is closed
	pending []byte
	ended   bool
	quiet   bool // nothing came in time
	number  byte // of chunks
}

// start begins to read.
func (in *Input) start() {
	if in.blocks != nil {
		return
	}
	in.blocks = make(chan []byte)
	go func() {
		defer close(in.blocks)
		for {
			buf := make([]byte, 4096)
			n, err := in.Reader.Read(buf)
			if n > 0 {
				in.blocks <- buf[:n]
			}
			if err != nil {
				if err != io.EOF {
					in.err = err
				}
				return
			}
		}
	}()
}

// more waits for input, if there is none, until late tells. It returns false when that
// was first.
func (in *Input) more(late <-chan time.Time) bool {
	select {
	case b, ok := <-in.blocks:
		in.took(b, ok)
		return true
	default:
	}
	select {
	case b, ok := <-in.blocks:
		in.took(b, ok)
		return true
	case <-late:
		return false
	}
}

func (in *Input) took(b []byte, ok bool) {
	in.pending = append(in.pending, b...)
	in.ended = in.ended || !ok
}

// ready gets what is to be typed next, and says whether there is something: the input's
// end too.
func (in *Input) ready() bool {
	if in.Live && in.blocks == nil {
		return false // a shell stops its background jobs that read the terminal
	}
	in.start()
	if len(in.pending) == 0 && !in.ended {
		wait := patience
		if in.quiet || in.Live {
			wait = 0
		}
		in.quiet = !in.more(time.After(wait))
	}
	for len(in.pending) > 0 && len(in.pending) < chunkSize && !in.ended && !in.Live && in.more(time.After(dribble)) {
	}
	return len(in.pending) > 0 || in.ended
}

// chunk returns the next bytes to type: as the feeder wants them, or what ends it.
func (in *Input) chunk() []byte {
	n := min(len(in.pending), chunkSize)
	if n == 0 {
		return []byte{0}
	}
	in.number++
	c := append(append([]byte{byte(n)}, in.pending[:n]...), in.number)
	in.pending = in.pending[n:]
	return c
}

// feed types what the feeder waits for. Is there nothing to type, and stuck says that the
// guest will not go on without, a channel tells when there is.
func (a *attendant) feed(r kernel.Rest, stuck bool) (typed bool, wait <-chan struct{}) {
	if a.in == nil || len(r.Readers) != 1 || r.Readers[0].Name != feederName || a.m.Console.Pending() > 0 {
		return false, nil
	}
	if a.out.done() {
		// Nobody reads any more: it may want the rest of a chunk first, and ends then.
		a.m.Console.Type(0)
		return true, nil
	}
	if !a.in.ready() {
		if stuck && r.Stuck {
			return false, a.await()
		}
		return false, nil
	}
	if a.in.ended && len(a.in.pending) == 0 && a.in.err != nil {
		a.fail(fmt.Errorf("reading standard input: %w", a.in.err))
		return false, nil
	}
	typeFast(a.m.Console)
	a.m.Console.Type(a.in.chunk()...)
	return true, nil
}

// await returns a channel that tells when there is input, or the run is over.
func (a *attendant) await() <-chan struct{} {
	a.in.start()
	ch := make(chan struct{})
	go func() {
		defer close(ch)
		select {
		case b, ok := <-a.in.blocks:
			a.in.took(b, ok)
		case <-a.ctx.Done():
		}
	}()
	return ch
}

// typeFast has what is typed follow closely upon one another.
func typeFast(k *unibus.KL11) {
	if s := k.State(); s.TypeTime != typeTime {
		s.TypeTime = typeTime
		_ = k.SetState(s) // it has just been the console's own
	}
}
