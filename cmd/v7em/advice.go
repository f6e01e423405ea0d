package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"v7em/journaldev"
)

// advised is an error with what the user can do about it.
type advised struct {
	error
	hint string
}

func (a advised) Error() string { return a.error.Error() + " (" + a.hint + ")" }
func (a advised) Unwrap() error { return a.error }

// advise adds to an error of the packages below, which know no commands and no flags, what
// the user can do about it. Advice by which something is lost says so.
func advise(err error) error {
	if err == nil || errors.As(err, new(advised)) {
		return err
	}
	var j *journaldev.JournalError
	if errors.As(err, &j) {
		hint := fmt.Sprintf(`"v7em journal off --force %s" goes on without it`, j.Image)
		if lost := heldText(j.Held, time.Now()); lost != "" {
			hint += ", and loses " + lost
		}
		return advised{err, hint}
	}
	var size *journaldev.SizeError
	if errors.As(err, &size) {
		return advised{err, "--" + anySize + " of boot, run, bare and crash takes it: what is missing reads as zeros"}
	}
	if errors.Is(err, journaldev.ErrNoRoom) {
		return advised{err, "--journal-size 128K makes a small one; with --journal off a power cut can damage the pack"}
	}
	return err
}

// heldText says what a journal has, for a user who may be about to lose it: nothing if
// it has nothing.
func heldText(h journaldev.Held, now time.Time) string {
	switch {
	case !h.Known:
		return "whatever was committed to it and is not in the image"
	case h.Transactions == 0:
		return ""
	}
	return fmt.Sprintf("%s committed to it and not in the image, the newest %s old", count(h.Transactions, "transaction"), age(now.Sub(h.Newest)))
}

// withAdvice has the errors of a command, and of those below it, end with what to do.
func withAdvice(cmd *cobra.Command) *cobra.Command {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return advise(run(cmd, args)) }
	}
	for _, c := range cmd.Commands() {
		withAdvice(c)
	}
	return cmd
}
