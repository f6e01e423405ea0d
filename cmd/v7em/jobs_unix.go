//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// jobs keeps the terminal as it has to be when v7em is stopped and goes on, until the
// function that it returns is called.
func (t *terminal) jobs(ctx context.Context) (end func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGCONT)
	if underShell() == nil {
		signal.Notify(signals, unix.SIGTSTP)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	t.continued = make(chan struct{}, 1)
	go func() {
		defer close(done)
		for {
			select {
			case s := <-signals:
				if s == unix.SIGTSTP {
					t.screen.suspend()
					_ = unix.Kill(unix.Getpid(), unix.SIGSTOP) // a process may stop itself
				} else {
					t.goOn()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		cancel()
		<-done
	}
}

// goOn takes the terminal again. The goroutine that serves it shows the prompt.
func (t *terminal) goOn() {
	t.screen.resume()
	if t.watch == nil && t.choosing.Load() {
		_, _ = t.screen.Write([]byte("\r\nv7em> "))
	}
	select {
	case t.continued <- struct{}{}:
	default:
	}
}

// underShell returns nil if a shell would see that v7em has stopped and could have it go
// on.
func underShell() error {
	session, err := unix.Getsid(0)
	if err != nil {
		return err
	}
	if session == syscall.Getpgrp() {
		return errors.New("v7em was not started by a shell that could let it go on")
	}
	return nil
}

// suspend stops v7em, for the shell that has started it.
func (t *terminal) suspend(ctx context.Context) error {
	if err := underShell(); err != nil {
		return err
	}
	select {
	case <-t.continued: // of an earlier time
	default:
	}
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return err
	}
	select {
	case <-t.continued:
	case <-ctx.Done():
	}
	return nil
}
