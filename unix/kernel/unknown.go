package kernel

import (
	"errors"
	"fmt"
)

// ErrUnknown is wrapped by all errors that say that no answer is possible: what
// runs is not the kernel, or not in a state that V7 can be in. Why tells which.
var ErrUnknown = errors.New("not a V7 kernel that is up")

// Reason is why a guest is not seen as a V7 that is up.
type Reason uint8

// The reasons.
const (
	// Known is no reason: of no error, or of one that is not about the guest.
	Known Reason = iota
	// NotV7: no V7 kernel is recognized in memory.
	NotV7
	// NotUp: a V7 kernel is in memory, but has not come up yet.
	NotUp
	// AtWork: the processor is in the kernel, where tables may be half changed.
	AtWork
	// Panicked: the kernel has panicked.
	Panicked
	// Contradictory: a V7 kernel is up, and what it has in memory contradicts itself
	// or the pack.
	Contradictory
)

// String says it in a few words, fit to follow a colon.
func (r Reason) String() string {
	names := [...]string{
		NotV7: "no V7 kernel is recognized", NotUp: "V7 is not up yet", AtWork: "V7's kernel is at work",
		Panicked: "V7 has panicked", Contradictory: "V7's tables contradict each other",
	}
	if int(r) < len(names) && names[r] != "" {
		return names[r]
	}
	return "it is known"
}

// UnknownError says why a guest is not seen as a V7 that is up. It wraps ErrUnknown.
type UnknownError struct {
	Reason Reason
	Detail string // what was found, for who wants to know more
}

func (e *UnknownError) Error() string { return fmt.Sprintf("%v: %s", e.Reason, e.Detail) }

// Unwrap returns ErrUnknown.
func (e *UnknownError) Unwrap() error { return ErrUnknown }

// Why returns the reason in an error of this package, Known if there is none.
func Why(err error) Reason {
	if e := new(UnknownError); errors.As(err, &e) {
		return e.Reason
	}
	if errors.Is(err, ErrUnknown) {
		return Contradictory
	}
	return Known
}

// because returns an UnknownError.
func because(r Reason, format string, a ...any) error {
	return &UnknownError{Reason: r, Detail: fmt.Sprintf(format, a...)}
}

// unknown returns the error of tables that contradict each other.
func unknown(format string, a ...any) error { return because(Contradictory, format, a...) }

// notV7 returns the error of what is no V7 kernel.
func notV7(format string, a ...any) error { return because(NotV7, format, a...) }
