package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"v7em/images"
)

// The exit statuses of run that are not the guest's.
const (
	statusTimeout     = 124 // --timeout or --guest-timeout is over
	statusOwn         = 125 // v7em could not do it, or the guest has crashed
	statusInterrupted = 130 // a signal
)

// exitError is an error that chooses the exit status.
type exitError struct {
	error
	status int
}

func (e exitError) ExitStatus() int { return e.status }
func (e exitError) Unwrap() error   { return e.error }

// errInterrupted is the cause of a run that a signal has ended.
var errInterrupted = errors.New("interrupted")

// timeoutError is the cause of a run that took too long on the host.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("timed out after %v (--timeout)", e.limit) }

// runError gives the error of a run in ctx its exit status.
func runError(ctx context.Context, err error) error {
	if err == nil || errors.As(err, new(guestStatus)) {
		return err
	}
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		if cause := context.Cause(ctx); !errors.Is(err, cause) {
			err = cause // said by who does not know it
		}
		if errors.Is(err, errInterrupted) {
			return exitError{err, statusInterrupted}
		}
		return exitError{err, statusTimeout}
	}
	if errors.As(err, new(*images.LimitError)) {
		return exitError{fmt.Errorf("%w (--guest-timeout sets another limit, 0 none)", err), statusTimeout}
	}
	if stuck := new(images.StuckError); errors.As(err, &stuck) && len(stuck.Readers) > 0 {
		err = fmt.Errorf("%w: commands have their input from standard input", err)
	}
	return exitError{err, statusOwn}
}

// both returns the error of a run and of what came after it. A guest's status is no error
// where there is another.
func both(err, after error) error {
	switch {
	case after == nil:
		return err
	case err == nil || errors.As(err, new(guestStatus)):
		return after
	}
	return errors.Join(err, after)
}
