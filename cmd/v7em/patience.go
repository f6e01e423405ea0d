package main

import (
	"context"
	"errors"
	"time"

	"v7em/journaldev"
)

// Who only reads a pack, as run --scratch does, has it for some milliseconds.
const (
	lockPatience = 5 * time.Second
	lockPeriod   = 20 * time.Millisecond
)

// patiently opens packs; for a moment it tries again while somebody else has one of them.
func patiently[T any](ctx context.Context, open func() (T, error)) (T, error) {
	for late := time.Now().Add(lockPatience); ; {
		v, err := open()
		if !errors.As(err, new(*journaldev.BusyError)) || time.Now().After(late) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, context.Cause(ctx)
		case <-time.After(lockPeriod):
		}
	}
}
