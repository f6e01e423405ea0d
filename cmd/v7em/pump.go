package main

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// pumpLimit is how much output waits for a reader before who writes waits too.
	pumpLimit = 64 << 10
	// pumpTime is how long a reader gets for the last output when there is no more time.
	pumpTime = 200 * time.Millisecond
)

// pump passes output on in a goroutine of its own: a reader that does not read holds up
// nobody once the context has ended.
type pump struct {
	ctx context.Context
	w   io.Writer

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, with any change of what follows
	waiting []byte
	busy    bool // a write is under way
	closed  bool
	err     error // of the writer
}

// newPump returns a pump to w. finish ends it.
func newPump(ctx context.Context, w io.Writer) *pump {
	p := &pump{ctx: ctx, w: w, changed: make(chan struct{})}
	go p.pass()
	return p
}

// tell wakes who waits for a change. p.mu is held.
func (p *pump) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pump) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.waiting) == 0 && !p.closed {
			ch := p.changed
			p.mu.Unlock()
			<-ch
			p.mu.Lock()
		}
		if len(p.waiting) == 0 || p.err != nil {
			return
		}
		b := p.waiting
		p.waiting, p.busy = nil, true
		p.mu.Unlock()
		_, err := p.w.Write(b)
		p.mu.Lock()
		p.busy, p.err = false, err
		p.tell()
	}
}

// Write implements io.Writer. It waits while the reader is far behind, but not longer
// than the context.
func (p *pump) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > pumpLimit && p.err == nil {
		if !p.await(p.ctx.Done()) {
			return 0, context.Cause(p.ctx)
		}
	}
	if p.err != nil {
		return 0, p.err
	}
	p.waiting = append(p.waiting, b...)
	p.tell()
	return len(b), nil
}

// await waits for a change, and returns false if over was first. p.mu is held.
func (p *pump) await(over <-chan struct{}) bool {
	ch := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-ch:
		return true
	case <-over:
		return false
	}
}

// finish waits until all is written. When the context ends before that the rest gets a
// moment, and is lost then: the error says why.
func (p *pump) finish() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.tell()
	over := p.ctx.Done()
	for (len(p.waiting) > 0 || p.busy) && p.err == nil {
		if p.await(over) {
			continue
		}
		if over != p.ctx.Done() {
			return context.Cause(p.ctx)
		}
		late := make(chan struct{})
		time.AfterFunc(pumpTime, func() { close(late) })
		over = late
	}
	return p.err
}
