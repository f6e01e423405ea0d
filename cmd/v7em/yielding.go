package main

import (
	"context"
	"io"
	"os"
	"time"
)

// yieldingFile is a file to print on that lets go of who writes when a signal has
// come: a reader that does not read would hold the command up for ever.
type yieldingFile struct {
	ctx context.Context
	f   *os.File
}

// yielding returns w with writes that ctx ends, if w is a file.
func yielding(ctx context.Context, w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok {
		return yieldingFile{ctx, f}
	}
	return w
}

// Write implements io.Writer. After the context has ended a write gets a moment, for last
// words; its error is the context's.
func (f yieldingFile) Write(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	b := append([]byte(nil), p...) // who writes may go on, and the write with it
	go func() {
		n, err := f.f.Write(b)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-f.ctx.Done():
	}
	select {
	case r := <-done:
		return r.n, r.err
	case <-time.After(pumpTime):
		return 0, f.ctx.Err()
	}
}

// fileOf returns the file behind a stream of a command, if there is one.
func fileOf(stream any) (*os.File, bool) {
	switch f := stream.(type) {
	case *os.File:
		return f, true
	case yieldingFile:
		return f.f, true
	}
	return nil, false
}
