// Package form tells tests how much is asked of them.
//
// There are three forms of every test. The quick form is what go test ./... runs:
// all of it takes under three minutes on two idle cores, and no package over one. The
// long form does more of the same, ten times or a hundred times as often: V7EM_LONG=1
// in the environment asks for it, and CI does. With -short, for the race detector, what
// takes long, or does nothing at once, is left out.
package form

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Long says whether the long form is asked for.
func Long() bool {
	v := os.Getenv("V7EM_LONG")
	return v != "" && v != "0"
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
