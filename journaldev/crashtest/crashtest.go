// Package crashtest cuts the power of programs that write files. A Trace records
// every write and sync, in order; replayed on a Disk, it can be cut after any of
// them. What was written since a file's last sync may then be lost, in whole, in
// part, or in the wrong order; a write of several sectors may be torn between two.
package crashtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
)

// SectorSize is the unit that a disk writes as a whole, in bytes.
const SectorSize = 512

// Kind is a kind of event.
type Kind uint8

// The kinds of events.
const (
	Write Kind = iota // Data was written at Off of File
	Sync              // File was synced, successfully
	Mark              // the test noted Note
)

// Event is one entry of a trace.
type Event struct {
	Kind Kind
	File int // the file's number, in the order in which they joined the trace
	Off  int64
	Data []byte
	Note any
}

func (e Event) String() string {
	switch e.Kind {
	case Write:
		return fmt.Sprintf("write file %d at %d, %d bytes", e.File, e.Off, len(e.Data))
	case Sync:
		return fmt.Sprintf("sync file %d", e.File)
	}
	return fmt.Sprintf("mark %v", e.Note)
}

// Trace records what happens to files. It is safe for concurrent use.
type Trace struct {
	mu     sync.Mutex
	events []Event
	start  [][]byte // the files' contents when they joined
	files  []*File
}

// File is a file in memory, or in front of another file, whose writes and syncs are
// recorded.
type File struct {
	t    *Trace
	n    int
	data []byte
	host HostFile // nil for a file in memory
}

// HostFile is a file that a File can stand in front of.
type HostFile interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Sync() error
	Close() error
}

// NewFile adds a file in memory to the trace. Its contents count as durable.
func (t *Trace) NewFile(data []byte) *File {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &File{t: t, n: len(t.files), data: slices.Clone(data)}
	t.start = append(t.start, slices.Clone(data))
	t.files = append(t.files, f)
	return f
}

// Wrap adds a host's file to the trace. What it holds counts as durable.
func (t *Trace) Wrap(host HostFile) (*File, error) {
	size, err := host.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if _, err := host.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	f := t.NewFile(data)
	f.data, f.host = nil, host
	return f, nil
}

// Mark notes something between the writes: an acknowledgement, say.
func (t *Trace) Mark(note any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, Event{Kind: Mark, Note: note})
}

// Events returns what was recorded so far. It must not be changed.
func (t *Trace) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clip(t.events)
}

// Kill returns a trace as if the program had been killed after the first n events
// of t, but the power had stayed on: its files hold all that was written by then,
// and what was not synced may still be lost.
func (t *Trace) Kill(n int) (*Trace, []*File) {
	d := t.Replay()
	for range n {
		d.Next()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &Trace{events: slices.Clone(t.events[:n]), start: t.start}
	for i, data := range d.Crash(KeepAll, nil) {
		k.files = append(k.files, &File{t: k, n: i, data: data})
	}
	return k, k.files
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.host != nil {
		return f.host.ReadAt(p, off)
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	return readAt(f.data, p, off)
}

func readAt(data, p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(p, data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if f.host != nil {
		if n, err := f.host.WriteAt(p, off); err != nil {
			// What arrived may stay.
			f.t.add(Event{Kind: Write, File: f.n, Off: off, Data: slices.Clone(p[:n])})
			return n, err
		}
	}
	f.t.add(Event{Kind: Write, File: f.n, Off: off, Data: slices.Clone(p)})
	return len(p), nil
}

func (t *Trace) add(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
	if f := t.files[e.File]; f.host == nil && e.Kind == Write {
		f.data = writeAt(f.data, e.Data, e.Off)
	}
}

func writeAt(data, p []byte, off int64) []byte {
	if more := int(off) + len(p) - len(data); more > 0 {
		data = append(data, make([]byte, more)...)
	}
	copy(data[off:], p)
	return data
}

// Size returns the length in bytes.
func (f *File) Size() (int64, error) {
	if f.host != nil {
		return f.host.Size()
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	return int64(len(f.data)), nil
}

// Sync makes what was written durable.
func (f *File) Sync() error {
	if f.host != nil {
		if err := f.host.Sync(); err != nil {
			return err
		}
	}
	f.t.add(Event{Kind: Sync, File: f.n})
	return nil
}

// Close closes the host's file, if there is one.
func (f *File) Close() error {
	if f.host != nil {
		return f.host.Close()
	}
	return nil
}

// Disk is what a trace left on the disk up to some event.
type Disk struct {
	t     *Trace
	files []diskFile
	at    int
}

type diskFile struct {
	durable []byte
	pending []sector
}

// sector is part of a write that is not synced, no longer than a sector.
type sector struct {
	off  int64
	data []byte
}

// Replay returns a disk as it was before the first event.
func (t *Trace) Replay() *Disk {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := &Disk{t: t}
	for _, data := range t.start {
		d.files = append(d.files, diskFile{durable: slices.Clone(data)})
	}
	return d
}

// Next lets the next event happen. It returns false after the last.
func (d *Disk) Next() (Event, bool) {
	d.t.mu.Lock()
	if d.at >= len(d.t.events) {
		d.t.mu.Unlock()
		return Event{}, false
	}
	e := d.t.events[d.at]
	d.t.mu.Unlock()
	d.at++
	d.Happen(e)
	return e, true
}

// Happen lets an event happen that is not the trace's next.
func (d *Disk) Happen(e Event) {
	switch e.Kind {
	case Write:
		f := &d.files[e.File]
		off, data := e.Off, e.Data
		for len(data) > 0 {
			n := min(int(SectorSize-off%SectorSize), len(data))
			f.pending = append(f.pending, sector{off, data[:n]})
			off, data = off+int64(n), data[n:]
		}
	case Sync:
		f := &d.files[e.File]
		for _, s := range f.pending {
			f.durable = writeAt(f.durable, s.data, s.off)
		}
		f.pending = nil
	}
}

// At returns the number of events that have happened.
func (d *Disk) At() int { return d.at }

// Unsynced returns how many sectors a power failure could lose now.
func (d *Disk) Unsynced() int {
	n := 0
	for i := range d.files {
		n += len(d.files[i].pending)
	}
	return n
}

// Loss says what a power failure takes of what was not synced.
type Loss uint8

// The kinds of loss.
const (
	KeepAll Loss = iota // nothing
	LoseAll             // everything
	// Random keeps of every sector one of the versions that were written since the
	// last sync, or none, each sector by itself.
	Random
	NumLoss
)

func (l Loss) String() string { return [...]string{"nothing lost", "all lost", "some lost"}[l] }

// Crash returns what each file holds after a power failure now. The disk goes on as
// if nothing had happened. rnd is used for Random only.
func (d *Disk) Crash(l Loss, rnd *rand.Rand) [][]byte {
	var files [][]byte
	for _, f := range d.Leave(l, rnd) {
		data := make([]byte, f.size)
		f.ReadAt(data, 0)
		files = append(files, data)
	}
	return files
}

// Leave is Crash without a copy of all that the files hold: what it returns can be used
// until the next event happens.
func (d *Disk) Leave(l Loss, rnd *rand.Rand) []*Left {
	var files []*Left
	for i := range d.files {
		f := &d.files[i]
		left := &Left{base: f.durable, changed: map[int64][]byte{}, size: int64(len(f.durable))}
		if l != LoseAll {
			for _, s := range keep(f.pending, l, rnd) {
				left.WriteAt(s.data, s.off)
			}
		}
		files = append(files, left)
	}
	return files
}

// Left is what a power failure left of a file. Neither the disk nor another Left sees
// what is written to it.
type Left struct {
	base    []byte
	changed map[int64][]byte // by sector
	size    int64
}

// ReadAt implements io.ReaderAt.
func (f *Left) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= f.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), f.size-off))
	clear(p[copy(p[:n], f.base[min(off, int64(len(f.base))):]):n])
	if len(f.changed) > 0 {
		for s := off / SectorSize; s*SectorSize < off+int64(n); s++ {
			if b := f.changed[s]; b != nil {
				if at := s*SectorSize - off; at >= 0 {
					copy(p[at:n], b)
				} else {
					copy(p[:n], b[-at:])
				}
			}
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *Left) WriteAt(p []byte, off int64) (int, error) {
	for done := 0; done < len(p); {
		s, at := (off+int64(done))/SectorSize, (off+int64(done))%SectorSize
		b := f.changed[s]
		if b == nil {
			b = make([]byte, SectorSize)
			if from := s * SectorSize; from < int64(len(f.base)) {
				copy(b, f.base[from:])
			}
			f.changed[s] = b
		}
		done += copy(b[at:], p[done:])
	}
	f.size = max(f.size, off+int64(len(p)))
	return len(p), nil
}

// Size returns the length in bytes.
func (f *Left) Size() (int64, error) { return f.size, nil }

// Sync does nothing.
func (f *Left) Sync() error { return nil }

// Close does nothing.
func (f *Left) Close() error { return nil }

// keep returns the sectors that a loss leaves.
func keep(pending []sector, l Loss, rnd *rand.Rand) []sector {
	if l == KeepAll {
		return pending
	}
	versions := map[int64][]sector{}
	var order []int64
	for _, s := range pending {
		n := s.off / SectorSize
		if versions[n] == nil {
			order = append(order, n)
		}
		versions[n] = append(versions[n], s)
	}
	// Losing half, nearly all and nearly nothing find different things.
	lose := []int{50, 5, 95}[rnd.IntN(3)]
	var kept []sector
	for _, n := range order {
		if rnd.IntN(100) < lose {
			continue
		}
		kept = append(kept, versions[n][:1+rnd.IntN(len(versions[n]))]...)
	}
	return kept
}

// Plain is a file in memory of which nothing is recorded.
type Plain struct{ Data []byte }

// ReadAt implements io.ReaderAt.
func (f *Plain) ReadAt(p []byte, off int64) (int, error) { return readAt(f.Data, p, off) }

// WriteAt implements io.WriterAt.
func (f *Plain) WriteAt(p []byte, off int64) (int, error) {
	f.Data = writeAt(f.Data, p, off)
	return len(p), nil
}

// Size returns the length in bytes.
func (f *Plain) Size() (int64, error) { return int64(len(f.Data)), nil }

// Sync does nothing.
func (f *Plain) Sync() error { return nil }

// Close does nothing.
func (f *Plain) Close() error { return nil }

// Fault makes one call on the files that share it fail, and counts the calls.
type Fault struct {
	mu    sync.Mutex
	At    int   // the call that fails, from 1; 0 for none
	Err   error // its error
	Short bool  // a write that fails writes its first half
	calls int
	after int // calls after the one that failed
}

// Calls returns how many writes and syncs there were, and how many of them after the
// one that failed.
func (f *Fault) Calls() (all, after int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, f.after
}

// next counts a call and says whether it fails.
func (f *Fault) next() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.At > 0 && f.calls > f.At {
		f.after++
	}
	return f.calls == f.At
}

// Faulty is a file on which a Fault may strike.
type Faulty struct {
	HostFile
	Fault *Fault
}

// WriteAt implements io.WriterAt.
func (f Faulty) WriteAt(p []byte, off int64) (int, error) {
	if !f.Fault.next() {
		return f.HostFile.WriteAt(p, off)
	}
	n := 0
	if f.Fault.Short {
		n, _ = f.HostFile.WriteAt(p[:len(p)/2], off)
	}
	return n, f.Fault.Err
}

// Sync syncs the file, unless the fault strikes.
func (f Faulty) Sync() error {
	if f.Fault.next() {
		return f.Fault.Err
	}
	return f.HostFile.Sync()
}
