package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	// screenLimit is how much output may wait for a slow terminal before the
	// machine waits too.
	screenLimit = 64 << 10
	// heldLimit is how much is kept while the menu has the screen; what is older is
	// lost.
	heldLimit = 1 << 20
	// rowLimit is how much of a row is remembered.
	rowLimit = 200
)

// screen passes the machine's output on to the terminal, in a goroutine of its own,
// so that the machine does not wait for every character.
type screen struct {
	w  io.Writer
	in *os.File    // the terminal, in raw mode; nil if it is none
	as *term.State // as it was before
	mu sync.Mutex
	// changed tells of any change of what follows.
	changed sync.Cond
	buf     []byte
	held    bool // the menu has the screen
	away    bool // v7em is being stopped: the terminal is the shell's
	free    bool // never let the machine wait
	busy    bool // a write is under way
	closed  bool
	amid    bool   // what was shown last did not end its line
	row     []byte // of that line, what was shown; nil when it is too much
	again   bool   // that was shown once more, and nothing since
}

// openPlain makes a terminal a screen, in raw mode.
func openPlain(in, out *os.File) (*screen, error) {
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	s := newScreen(out)
	s.in, s.as = in, old
	return s, nil
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	s.changed.L = &s.mu
	go s.pass()
	return s
}

// pass writes what comes until the screen is closed or the terminal fails.
func (s *screen) pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for !s.closed && (len(s.buf) == 0 || s.held || s.away) {
			s.changed.Wait()
		}
		if s.closed {
			return
		}
		p := s.buf
		s.buf, s.busy = nil, true
		s.changed.Broadcast()
		s.mu.Unlock()
		_, err := s.w.Write(p)
		s.mu.Lock()
		s.busy = false
		if err != nil {
			s.closed = true // the terminal is gone
		}
		s.changed.Broadcast()
	}
}

// write queues output. It waits while the terminal is far behind.
func (s *screen) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) > screenLimit && !s.held && !s.away && !s.free && !s.closed {
		s.changed.Wait()
	}
	if s.closed || len(p) == 0 {
		return
	}
	s.amid, s.again = p[len(p)-1] != '\n', false
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		s.row = append(s.row[:0:0], p[i+1:]...)
	} else if s.row = append(s.row, p...); len(s.row) > rowLimit {
		s.row = s.row[:rowLimit+1] // too much
	}
	s.queue(p)
}

// queue has p written. The caller holds mu.
func (s *screen) queue(p []byte) {
	if s.buf = append(s.buf, p...); len(s.buf) > heldLimit {
		s.buf = append([]byte(nil), s.buf[len(s.buf)-heldLimit/2:]...)
	}
	s.changed.Broadcast()
}

// Write shows what the menu prints, which has the terminal.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	if len(p) > 0 && len(s.buf) == 0 {
		s.amid, s.row, s.again = p[len(p)-1] != '\n', nil, false
	}
	s.mu.Unlock()
	return s.w.Write(p)
}

// say shows a line of v7em's own, on a new line and folded between words. While the
// machine runs, the row that it interrupts, with the prompt and what was typed there, is
// shown again behind it.
func (s *screen) say(line string, running bool) {
	line = fold(line, s.width())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	row := s.row
	switch {
	case s.again && s.amid:
		line = "\r\x1b[K" + line
	case s.amid:
		line = "\r\n" + line
	}
	s.amid, s.again = false, false
	if running && len(row) > 0 && len(row) <= rowLimit {
		line += string(row)
		s.amid, s.again = true, true
	} else {
		s.row = nil
	}
	s.queue([]byte(line))
}

// width is how many columns the terminal has; 0 when that is not known.
func (s *screen) width() int {
	f, ok := s.w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// fold breaks a line between words so that no row is wider than the terminal, where
// words allow it. Width 0 is any.
func fold(line string, width int) string {
	text := strings.TrimRight(line, "\r\n")
	end := line[len(text):]
	if width <= 0 {
		return line
	}
	var b strings.Builder
	col := 0
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case col+1+n > width:
			b.WriteString("\r\n")
			col = 0
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	return b.String() + end
}

// hold keeps output back until release.
func (s *screen) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
	for s.busy && !s.closed {
		s.changed.Wait()
	}
	s.changed.Broadcast()
}

// release lets output through again.
func (s *screen) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = false
	s.changed.Broadcast()
}

func (s *screen) page() {}

// hurry makes writers not wait any more, for a terminal that may be stuck.
func (s *screen) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = true
	s.changed.Broadcast()
}

func (s *screen) suspend() {
	s.mu.Lock()
	s.away = true
	for s.busy && !s.closed {
		s.changed.Wait()
	}
	s.mu.Unlock()
	_, _ = io.WriteString(s.w, "\r\n")
	s.restore()
}

// restore leaves the terminal as it was. One that is gone cannot be, and need not.
func (s *screen) restore() {
	if s.in != nil {
		_ = term.Restore(int(s.in.Fd()), s.as)
	}
}

func (s *screen) resume() {
	if s.in != nil {
		_, _ = term.MakeRaw(int(s.in.Fd())) // likewise
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = false
	s.changed.Broadcast()
}

// closeTime is how long a terminal may take for the last output.
const closeTime = 2 * time.Second

// close writes what is left and ends.
func (s *screen) close() {
	defer s.restore()
	late := time.AfterFunc(closeTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closed = true
		s.changed.Broadcast()
	})
	defer late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.away = false, false
	s.changed.Broadcast()
	for (len(s.buf) > 0 || s.busy) && !s.closed {
		s.changed.Wait()
	}
	s.closed = true
	s.changed.Broadcast()
}
