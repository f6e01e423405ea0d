//go:build unix

package journaldev

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// mapped is a file that is written through a mapping and synced by msync, of the
// pages that changed only. Its size is a multiple of 512, as is every write.
type mapped struct {
	osFile

	mu     sync.RWMutex // protects what follows: reads come from other goroutines
	data   []byte       // the mapping, of the whole file
	dirty  []pages      // in ascending order, apart from each other
	synced bool         // the file has been synced once
}

// pages are the bytes from to to-1 of a mapping, whole pages but at its end.
type pages struct{ from, to int }

func newMapped(f osFile) (File, error) {
	m := &mapped{osFile: f}
	if err := m.remap(); err != nil {
		return nil, err
	}
	return m, nil
}

// remap maps the file as long as it is now.
func (m *mapped) remap() error {
	size, err := m.Size()
	if err != nil {
		return err
	}
	if m.data != nil {
		if err := unix.Munmap(m.data); err != nil {
			return os.NewSyscallError("munmap", err)
		}
		m.data = nil
	}
	if size == 0 {
		return nil
	}
	data, err := unix.Mmap(int(m.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	m.data = data
	return nil
}

// access copies to or from the mapping. A page that cannot be had (a bad sector, a
// full disk under a hole, a file that was cut short) is a signal, here an error. Bytes
// are copied in ascending order, which the built-in copy does not promise (on amd64 it
// leaves the first 32 for the end): a write that stops in its middle must leave at most one
// block half done, one that begins as it shall be and ends as it was.
func (m *mapped) access(to, from []byte) (n int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(runtime.Error); !ok {
				panic(r)
			}
			n, err = 0, errors.New("a page of the mapped file cannot be had: a bad sector, or a full disk")
			if size, serr := m.Size(); serr == nil && size < int64(len(m.data)) {
				err = fmt.Errorf("it was cut short from %d to %d bytes while it was in use: %w", len(m.data), size, ErrGone)
			}
		}
	}()
	n = min(len(to), len(from))
	to, from = to[:n], from[:n]
	for len(to) >= 8 {
		le.PutUint64(to, le.Uint64(from))
		to, from = to[8:], from[8:]
	}
	for i := range to {
		to[i] = from[i]
	}
	return n, nil
}

func (m *mapped) ReadAt(p []byte, off int64) (int, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if off < 0 || off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n, err := m.access(p, m.data[off:])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (m *mapped) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end := off + int64(len(p)); end > int64(len(m.data)) {
		// What makes the file longer is written, so that a full disk is an error.
		// The pages before are synced with the file, as it is mapped anew.
		n, err := m.osFile.WriteAt(p, off)
		if err != nil {
			return n, err
		}
		m.synced = false
		return n, m.remap()
	}
	n, err := m.access(m.data[off:], p)
	if err != nil {
		return n, err
	}
	page := unix.Getpagesize()
	from := int(off) / page * page
	to := min((int(off)+n+page-1)/page*page, len(m.data))
	i, _ := slices.BinarySearchFunc(m.dirty, from, func(d pages, from int) int { return d.to - from })
	j := i
	for ; j < len(m.dirty) && m.dirty[j].from <= to; j++ {
		from, to = min(from, m.dirty[j].from), max(to, m.dirty[j].to)
	}
	m.dirty = slices.Replace(m.dirty, i, j, pages{from, to})
	return n, nil
}

// Sync syncs the pages written since the last Sync, neighbours in one call. The
// first one syncs the whole file, for what a killed process left.
func (m *mapped) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.dirty {
		if err := unix.Msync(m.data[d.from:d.to], unix.MS_SYNC); err != nil {
			return os.NewSyscallError("msync", err)
		}
	}
	m.dirty = m.dirty[:0]
	if m.synced && !msyncNeedsFlush {
		return nil
	}
	err := m.File.Sync()
	m.synced = err == nil
	return err
}

func (m *mapped) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	if m.data != nil {
		err = os.NewSyscallError("munmap", unix.Munmap(m.data))
		m.data = nil
	}
	if cerr := m.File.Close(); err == nil {
		err = cerr
	}
	return err
}
