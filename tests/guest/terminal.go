package guest

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Terminal is a program that runs on a terminal of its own: v7em itself, in real time.
type Terminal struct {
	Cmd *exec.Cmd

	t     testing.TB
	pty   *os.File
	ended chan struct{}

	mu   sync.Mutex
	seen []byte // not yet looked at
}

// patience is how long a user waits for anything.
const patience = 5 * time.Minute

// OnTerminal starts a program in a directory, with more in its environment. It is
// killed when the test ends.
func OnTerminal(t testing.TB, dir string, env []string, command string, args ...string) *Terminal {
	t.Helper()
	x := &Terminal{t: t, Cmd: exec.Command(command, args...), ended: make(chan struct{})}
	x.Cmd.Dir = dir
	x.Cmd.Env = append(os.Environ(), env...)
	var err error
	if x.pty, err = pty.StartWithSize(x.Cmd, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.ended)
		b := make([]byte, 4096)
		for {
			n, err := x.pty.Read(b)
			x.mu.Lock()
			x.seen = append(x.seen, b[:n]...)
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		// An error means that it has ended.
		_ = x.Cmd.Process.Kill()
		_ = x.Cmd.Wait()
		x.pty.Close()
		<-x.ended
	})
	return x
}

// Sees waits for a text on the screen and returns what came before it.
func (x *Terminal) Sees(text string) string {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		x.mu.Lock()
		before, after, ok := bytes.Cut(x.seen, []byte(text))
		if ok {
			x.seen = append([]byte(nil), after...)
		}
		x.mu.Unlock()
		if ok {
			return string(before)
		}
		gone := false
		select {
		case <-x.ended:
			gone = true
		default:
		}
		if gone || time.Now().After(deadline) {
			x.t.Fatalf("waited for %q, saw %q", text, before)
		}
	}
}

// Types types a text.
func (x *Terminal) Types(text string) {
	x.t.Helper()
	if _, err := x.pty.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}
