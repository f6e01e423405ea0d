// Package form tells tests how much is asked of them.
//
// There are three forms of every test. The quick form is what go test ./... runs:
// all of it takes under three minutes on two idle cores, and no package over one. The
// long form does more of the same: V7EM_LONG=1 in the environment asks for it, and CI
// does; V7EM_LONG=10 asks for ten times as much as that, which takes hours. With -short, for the race detector, what
// takes long, or does nothing at once, is left out.
package form

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Long says whether the long form is asked for.
func Long() bool { return scale() > 0 }

// scale is the number in V7EM_LONG: 0 without one, and 1 for what is none.
func scale() int {
	v := os.Getenv("V7EM_LONG")
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 1
	}
	return n
}

// Times returns how often something is to be tried: quick, or in the long form long, as
// many times as V7EM_LONG says.
func Times(quick, long int) int {
	if n := scale(); n > 0 {
		return n * long
	}
	return quick
}

// Batches calls f until it says that there is no more to do, fifty times in a subtest, at
// whose end what f has left to t.Cleanup is released.
func Batches(t *testing.T, f func(t *testing.T) (more bool)) {
	more := true
	for n := 0; more; n++ {
		ok := t.Run(fmt.Sprintf("batch %d", n), func(t *testing.T) {
			for i := 0; more && i < 50; i++ {
				more = f(t)
			}
		})
		if !ok {
			return
		}
	}
}

// Pick returns quick, or long in the long form.
func Pick[T any](quick, long T) T {
	if Long() {
		return long
	}
	return quick
}

// LeftOut returns what tests of this environment leave out, a line each.
func LeftOut() []string {
	var out []string
	if os.Getenv("V7EM_DIST") == "" {
		out = append(out, "what needs V7: set V7EM_DIST to v7.tar.gz, the distribution of The Unix Heritage Society")
	}
	if _, err := exec.LookPath("pdp11"); err != nil {
		out = append(out, "what needs SIMH: its pdp11 (Debian's package simh) is not in PATH")
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		out = append(out, "what looks at a screen: tmux is not in PATH")
	}
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		out = append(out, fmt.Sprintf("what needs a host that forgets: %v", err))
	} else {
		f.Close()
	}
	if testing.Short() {
		out = append(out, "with -short: what takes long")
	} else if !Long() {
		out = append(out, "the long forms: set V7EM_LONG=1 (some minutes)")
	}
	return out
}
