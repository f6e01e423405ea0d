package main

import (
	"context"
	"errors"

	"v7em/images"
	"v7em/images/console"
)

// While v7em itself brings V7 up, keys wait: startTime from the start, and bootTime from
// each thing that it types, in nanoseconds of virtual time. V7 is up long before. Who
// types something and still has to wait then has the keyboard, and v7em types no more.
const (
	startTime = 500e6
	bootTime  = 5 * console.Second
)

// booting is how far v7em is with that. It belongs to the machine's goroutine.
type booting struct {
	until uint64             // virtual time up to which keys wait; 0: they do not
	over  context.CancelFunc // ends it
}

// keysWait says whether the user's keys have to wait.
func (s *session) keysWait() bool {
	switch {
	case s.boot.until == 0:
		return false
	case s.m.Now() < s.boot.until:
		return true
	}
	s.boot.until = 0
	s.boot.over()
	return false
}

// comeUp takes V7 to where the options want it. The user's keys do not come between what
// it types.
func (s *session) comeUp(ctx context.Context) error {
	mine, over := context.WithCancel(ctx)
	defer over()
	s.boot = booting{until: s.m.Now() + startTime, over: over}
	s.c.Typing = func() { s.boot.until = s.m.Now() + bootTime }
	defer func() { s.boot.until, s.c.Typing = 0, nil }()
	err := s.set.BootKernel(mine, s.m, s.c, s.o.kernel)
	if err == nil && !s.o.single {
		err = images.MultiUser(mine, s.m, s.c)
	}
	foreign := new(images.ForeignError)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.As(err, &foreign):
		s.say("%v: it gets no clock, and no keys but yours", foreign)
	case errors.As(err, new(*images.BootError)) || errors.As(err, new(*console.Error)):
		// The user sees what is on the console, and may know what to do.
		s.say("V7 did not come up by itself; ^E opens the menu")
	case mine.Err() != nil:
		s.say("V7 is not up yet; the keyboard is yours, and v7em types no more")
	default:
		return err
	}
	return nil
}
