package journaldev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrGone says that a file is not any more what it was when it was opened: another program
// has removed it, put another one in its place, or cut it short. It is wrapped with what
// has happened.
var ErrGone = errors.New("what was written to it since it was opened may be lost")

// host watches the host file of a pack or a journal, which anybody can take away: to
// write to it is no error then. A nil host watches nothing.
type host struct {
	f    *os.File
	name string // under which it is known, links in it resolved
	size int64  // as long as it was at least
}

// watch returns the watcher of an open file.
func watch(f *os.File, path string) *host {
	h := &host{f: f, name: path}
	if st, err := f.Stat(); err == nil {
		h.size = st.Size()
	}
	return h
}

// there says, by an error, that the file has no name any more, or not all of its bytes.
func (h *host) there() error {
	if h == nil {
		return nil
	}
	st, err := h.f.Stat()
	switch {
	case err != nil:
		return err
	case unlinked(st) && !h.found(st):
		return fmt.Errorf("it was deleted or replaced while it was in use: %w", ErrGone)
	case st.Size() < h.size:
		return fmt.Errorf("it was cut short from %d to %d bytes while it was in use: %w", h.size, st.Size(), ErrGone)
	}
	h.size = st.Size()
	return nil
}

// found says whether the file is found under its name. Some file systems count no links.
func (h *host) found(st fs.FileInfo) bool {
	is, err := os.Stat(h.name)
	return err == nil && os.SameFile(st, is)
}

// named is there for a file that is about to be closed: it must also be the one that is
// found under its name, and have nothing behind it that was not there.
func (h *host) named(s *shape) error {
	if h == nil {
		return nil
	}
	if err := h.there(); err != nil {
		return err
	}
	is, err := os.Stat(h.name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it was moved while it was in use, and is not there any more: what was written is where it is now")
	}
	if err != nil {
		return err
	}
	was, err := h.f.Stat()
	switch {
	case err != nil:
		return err
	case !os.SameFile(was, is):
		return fmt.Errorf("another file has taken its place while it was in use: %w", ErrGone)
	case s != nil && is.Size() > s.size:
		return fmt.Errorf("another program has made it longer while it was in use, from %d to %d bytes", s.size, is.Size())
	}
	return nil
}
