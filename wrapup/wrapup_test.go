package wrapup

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"v7em/tests/form"
)

// TestLeftOut says what was left out, in one go. The go command shows nothing that a
// test prints unless it fails, so that without -v this goes where the go command's own
// complaints go, as far as the system has a name for that.
func TestLeftOut(t *testing.T) {
	out := form.LeftOut()
	if len(out) == 0 {
		return
	}
	text := "left out: " + strings.Join(out, "\nleft out: ")
	if testing.Verbose() {
		t.Log(text)
		return
	}
	w, err := terminal()
	if err != nil {
		t.Log(text)
		return
	}
	defer w.Close()
	fmt.Fprintln(w, text)
}

// terminal opens the standard error of the process that runs this test, or the terminal.
func terminal() (io.WriteCloser, error) {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/2", os.Getppid()), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	}
	return f, nil
}
