// Package simh drives SIMH's PDP-11 (Debian package simh, program pdp11), the machine that
// this project's is held against. Its command prompt and the simulated console share one
// pseudo-terminal, which this package reads and types on as an operator would.
package simh

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Program is the name of the simulator's executable.
const Program = "pdp11"

// Prompt is what the simulator prints when it wants a command.
const Prompt = "sim> "

// Find returns the path of the simulator. Its error says how to get one.
func Find() (string, error) {
	p, err := exec.LookPath(Program)
	if err != nil {
		return "", fmt.Errorf("no SIMH here: %w; install Debian's package simh", err)
	}
	return p, nil
}

// Sim is a running simulator. Its methods are for one goroutine.
type Sim struct {
	cmd   *exec.Cmd
	term  *os.File
	input chan []byte // what it prints; closed when it has ended
	seen  []byte      // printed and not yet matched

	// Timeout bounds each wait for output; Start sets it to a minute.
	Timeout time.Duration
	// Log, if not nil, gets everything that is printed.
	Log func(p []byte)
}

// Start starts the simulator at path with dir as its working directory and gives it commands,
// each of which must return to the prompt.
func Start(path, dir string, commands ...string) (*Sim, error) {
	return startWithin(time.Minute, path, dir, commands)
}

// startWithin is Start with another timeout.
func startWithin(timeout time.Duration, path, dir string, commands []string) (*Sim, error) {
	cmd := exec.Command(path)
	cmd.Dir = dir
	term, err := pty.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	s := &Sim{cmd: cmd, term: term, input: make(chan []byte, 64), Timeout: timeout}
	go func() {
		defer close(s.input)
		for {
			b := make([]byte, 4096)
			n, err := term.Read(b)
			if n > 0 {
				s.input <- b[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	if _, err = s.Expect(Prompt); err == nil {
		for _, c := range commands {
			if _, err = s.Command(c); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Command gives one command at the prompt and returns what is printed before the next
// prompt. Complaints of the simulator about the command are an error.
func (s *Sim) Command(line string) (string, error) {
	if err := s.Send(line + "\r"); err != nil {
		return "", err
	}
	out, err := s.Expect(Prompt)
	if err != nil {
		return out, fmt.Errorf("SIMH command %q: %w", line, err)
	}
	_, out, _ = strings.Cut(out, "\n") // the echo
	out = strings.ReplaceAll(out, "\r", "")
	return out, complaint(line, out)
}

// complaint returns an error when the simulator's answer to a command says that it is wrong.
func complaint(command, answer string) error {
	for _, bad := range []string{"Unknown command", "Invalid argument", "Non-existent", "No such",
		"File open error", "Too few arguments", "Too many arguments", "Unit not attached"} {
		if strings.Contains(answer, bad) {
			return fmt.Errorf("SIMH command %q: %s", command, strings.TrimSpace(answer))
		}
	}
	return nil
}

// Go gives a command that starts the simulated machine ("boot rk0", "continue") and waits
// until the terminal is the machine's, or it has stopped already.
func (s *Sim) Go(command string) error {
	if err := s.Send(command + "\r"); err != nil {
		return err
	}
	if _, err := s.Expect("\n"); err != nil { // the echo
		return err
	}
	for deadline := time.Now().Add(s.Timeout); ; time.Sleep(time.Millisecond) {
		// The simulator turns off echo while the machine runs.
		mode, err := unix.IoctlGetTermios(int(s.term.Fd()), getTermios)
		if err != nil {
			return fmt.Errorf("SIMH's terminal: %w", err)
		}
		if mode.Lflag&unix.ECHO == 0 {
			return nil
		}
		alive := s.drain()
		if before, _, stopped := bytes.Cut(s.seen, []byte(Prompt)); stopped {
			return complaint(command, string(before))
		}
		if !alive {
			return fmt.Errorf("SIMH command %q: SIMH ended; it printed %q", command, tail(s.seen))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("SIMH command %q did not start the machine within %v; it printed %q", command, s.Timeout,
				tail(s.seen))
		}
	}
}

// Send writes bytes to the terminal as they are.
func (s *Sim) Send(text string) error {
	if _, err := s.term.WriteString(text); err != nil {
		return fmt.Errorf("write to SIMH: %w", err)
	}
	return nil
}

// Type types text on the simulated console, each character after the echo of the one
// before, since the simulated line has no buffer. Letters may be echoed in
// upper case, and a carriage return as any line end.
func (s *Sim) Type(text string) error {
	for _, c := range []byte(text) {
		if err := s.Send(string(c)); err != nil {
			return err
		}
		echo := func(p byte) bool {
			return p == c || p == '\n' && c == '\r' || c >= 'a' && c <= 'z' && p == c-'a'+'A'
		}
		if err := s.wait(fmt.Sprintf("the echo of %q", c), func() (int, bool) {
			for i, p := range s.seen {
				if echo(p & 0o177) {
					return i + 1, true
				}
			}
			return 0, false
		}); err != nil {
			return err
		}
	}
	return nil
}

// Expect waits until text is printed and returns what was printed before it. Parity bits
// are ignored.
func (s *Sim) Expect(text string) (string, error) {
	_, before, err := s.ExpectAny(text)
	return before, err
}

// ExpectAny waits for the first of several texts and also returns its index.
func (s *Sim) ExpectAny(texts ...string) (which int, before string, err error) {
	err = s.wait(fmt.Sprintf("%q", texts), func() (int, bool) {
		at := -1
		end := 0
		for k, text := range texts {
			if i := bytes.Index(s.seen, []byte(text)); i >= 0 && (at < 0 || i < at) {
				which, at, end = k, i, i+len(text)
			}
		}
		if at < 0 {
			return 0, false
		}
		before = string(s.seen[:at])
		return end, true
	})
	return which, before, err
}

// wait reads output until done accepts it; done returns how much of it is used up.
func (s *Sim) wait(what string, done func() (int, bool)) error {
	deadline := time.NewTimer(s.Timeout)
	defer deadline.Stop()
	for {
		if n, ok := done(); ok {
			s.seen = s.seen[n:]
			return nil
		}
		select {
		case b, ok := <-s.input:
			if !ok {
				return fmt.Errorf("SIMH ended while it was to print %s; it printed %q", what, tail(s.seen))
			}
			s.take(b)
		case <-deadline.C:
			return fmt.Errorf("SIMH did not print %s within %v; it printed %q", what, s.Timeout, tail(s.seen))
		}
	}
}

// take adds output to what was seen.
func (s *Sim) take(b []byte) {
	if s.Log != nil {
		s.Log(b)
	}
	for _, c := range b {
		s.seen = append(s.seen, c&0o177)
	}
}

// drain takes the output that is there. It returns false when there will be no more.
func (s *Sim) drain() bool {
	for {
		select {
		case b, ok := <-s.input:
			if !ok {
				return false
			}
			s.take(b)
		default:
			return true
		}
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-500):] }

// Interrupt stops the simulated machine and waits for the command prompt.
func (s *Sim) Interrupt() error {
	if err := s.Send("\x05"); err != nil {
		return err
	}
	_, err := s.Expect(Prompt)
	return err
}

// Close ends the simulator. Images that it has attached are complete only if it was
// at its prompt and got the command "detach all" before.
func (s *Sim) Close() error {
	killErr := s.cmd.Process.Kill()
	if errors.Is(killErr, os.ErrProcessDone) {
		killErr = nil
	}
	_ = s.cmd.Wait() // the error is that it was killed
	closeErr := s.term.Close()
	for range s.input { // let the reader end
	}
	return errors.Join(killErr, closeErr)
}
