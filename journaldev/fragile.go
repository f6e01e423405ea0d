package journaldev

import (
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// WriteBackAfter is how long a host keeps what was written before it writes it back by
// itself: that of Linux, vm.dirty_expire_centisecs.
const WriteBackAfter = 30 * time.Second

// ErrCut is the error of a file whose power is off.
var ErrCut = errors.New("the power was cut")

// Fragile is a File that forgets. As in a host's page cache, what is written stays in
// memory until Sync, which writes it to the file below and syncs that. When the power
// is cut, or the program killed, all of what no Sync had covered is gone.
//
// A host also writes back by itself. Here the whole file is written, but not synced, as
// soon as its oldest unsynced write is old enough: at the next call, or at Cut
// if that is first. So a Fragile needs no time of its own and loses, with the same
// clock, the same each time.
//
// A write or a sync of the file below that fails is final: the same error is the answer
// to every write and sync after it. A Fragile is safe for concurrent use.
type Fragile struct {
	f File
	o FragileOptions

	mu      sync.Mutex       // protects what follows, and is held during I/O
	sectors map[int64][]byte // by number: those written and not yet below, whole
	size    int64            // of the file as it is read, in bytes
	open    Dropped          // what Cut would drop
	since   time.Time        // the oldest write in it
	failed  error            // final
	cut     bool
}

// FragileOptions say how a file forgets.
type FragileOptions struct {
	Clock func() time.Time // nil for the host's
	// WriteBack is how old a write gets before the host writes it back by itself: 0 for
	// WriteBackAfter, negative for never.
	WriteBack time.Duration
	// Unsynced has Sync do nothing, as with SyncNone: only time writes back.
	Unsynced bool
}

// Dropped is what a power cut took of a file.
type Dropped struct {
	Writes  int     // writes since the last sync or write-back
	Bytes   int64   // in them
	Sectors []int64 // the sectors of 512 bytes that they changed, in ascending order
}

// NewFragile returns a file in front of f that forgets. Closing it closes f.
func NewFragile(f File, o FragileOptions) *Fragile {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.WriteBack == 0 {
		o.WriteBack = WriteBackAfter
	}
	size, err := f.Size()
	return &Fragile{f: f, o: o, sectors: map[int64][]byte{}, size: size, failed: err}
}

// Size returns the length in bytes, with what is not yet below.
func (f *Fragile) Size() (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size, f.state()
}

// ReadAt reads what was written last, synced or not.
func (f *Fragile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.cut:
		return 0, ErrCut
	case off < 0:
		return 0, errors.New("negative offset")
	case off >= f.size:
		return 0, io.EOF
	}
	var eof error
	if rest := f.size - off; int64(len(p)) > rest {
		p, eof = p[:rest], io.EOF
	}
	// The file below may still be shorter: a hole reads as zeros.
	n, err := f.f.ReadAt(p, off)
	if err != nil && err != io.EOF {
		return 0, err
	}
	clear(p[n:])
	for s := off / sectorSize; s*sectorSize < off+int64(len(p)); s++ {
		if b := f.sectors[s]; b != nil {
			at := s*sectorSize - off
			copy(p[max(at, 0):], b[max(-at, 0):])
		}
	}
	return len(p), eof
}

// WriteAt keeps p in memory.
func (f *Fragile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if err := f.writeBack(); err != nil || len(p) == 0 {
		return 0, err
	}
	// What is written in part must be known in whole.
	end := off + int64(len(p))
	for _, s := range []int64{off / sectorSize, end / sectorSize} {
		if at := s * sectorSize; f.sectors[s] == nil && (at < off || at+sectorSize > end) && at < end {
			b := make([]byte, sectorSize)
			if _, err := f.f.ReadAt(b, at); err != nil && err != io.EOF {
				return 0, err
			}
			f.sectors[s] = b
		}
	}
	for s := off / sectorSize; s*sectorSize < end; s++ {
		if f.sectors[s] == nil {
			f.sectors[s] = make([]byte, sectorSize)
		}
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		done += copy(f.sectors[at/sectorSize][at%sectorSize:], p[done:])
	}
	f.size = max(f.size, end)
	if f.open.Writes == 0 {
		f.since = f.o.Clock()
	}
	f.open.Writes++
	f.open.Bytes += int64(len(p))
	return len(p), nil
}

// Sync makes durable what was written.
func (f *Fragile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.o.Unsynced {
		return f.writeBack()
	}
	if err := f.through(); err != nil {
		return err
	}
	f.failed = f.f.Sync()
	return f.failed
}

// writeBack lets through what has waited long enough. It returns what is wrong with
// the file. mu is held.
func (f *Fragile) writeBack() error {
	if f.state() == nil && f.open.Writes > 0 && f.o.WriteBack > 0 && f.o.Clock().Sub(f.since) >= f.o.WriteBack {
		return f.through()
	}
	return f.state()
}

func (f *Fragile) state() error {
	if f.cut {
		return ErrCut
	}
	return f.failed
}

// through writes all that was kept to the file below. mu is held.
func (f *Fragile) through() error {
	if err := f.state(); err != nil {
		return err
	}
	order := slices.Sorted(maps.Keys(f.sectors))
	for len(order) > 0 {
		n := 1
		for n < len(order) && order[n] == order[0]+int64(n) {
			n++
		}
		from := order[0] * sectorSize
		var b []byte
		for _, s := range order[:n] {
			b = append(b, f.sectors[s]...)
		}
		if rest := f.size - from; int64(len(b)) > rest {
			b = b[:rest]
		}
		if _, err := f.f.WriteAt(b, from); err != nil {
			f.failed = err
			return err
		}
		order = order[n:]
	}
	clear(f.sectors)
	f.open = Dropped{}
	return nil
}

// Cut cuts the power: what no sync had covered is dropped, and told. The file can only
// be closed then.
func (f *Fragile) Cut() Dropped {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		return Dropped{}
	}
	_ = f.writeBack() // what fails is dropped
	d := f.open
	d.Sectors = slices.Sorted(maps.Keys(f.sectors))
	f.cut, f.sectors, f.open = true, nil, Dropped{}
	return d
}

// Close closes the file below. If the power is on, what was not synced goes there
// before: the host goes on, and writes it back in time.
func (f *Fragile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	if f.state() == nil {
		err = f.through()
	}
	f.cut = true
	if cerr := f.f.Close(); err == nil {
		err = cerr
	}
	return err
}
