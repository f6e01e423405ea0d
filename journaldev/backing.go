package journaldev

import (
	"fmt"
	"os"
	"sync/atomic"

	"v7em/block"
)

// Error tells what went wrong with the host file of a pack, where, and in which
// drive.
type Error struct {
	Op    string // "open", "lock", "read", "write", "sync" or "close"
	Unit  string // the drive, "rk0"; empty when the file is in none
	Path  string // the host file
	Block int    // the block, -1 when the error concerns the whole file
	Err   error
}

func (e *Error) Error() string {
	s := e.Op + " " + e.Path
	if e.Unit != "" {
		s = e.Unit + ": " + s
	}
	if e.Block >= 0 {
		s += fmt.Sprintf(" block %d", e.Block)
	}
	// The cause is told once: errors of package os repeat operation and path.
	err := e.Err
	if p, ok := err.(*os.PathError); ok {
		err = p.Err
	}
	return s + ": " + err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// hostFile is what a backing writes to.
type hostFile = File

// backing is the one way in which bytes reach a host image or its journal. Its first failed
// write or sync is final: the same error is the answer to everything after it,
// so nothing that may be lost is ever called written.
type backing struct {
	f      hostFile
	path   string
	unit   string
	shape  *shape // of an image: how the pack lies in it
	host   *host  // what is known of the file below f; nil if there is none
	dirty  bool   // written since the last sync
	failed error
	told   atomic.Pointer[error] // failed, for other goroutines
}

func (b *backing) fail(op string, n int, err error) error {
	b.failed = &Error{Op: op, Unit: b.unit, Path: b.path, Block: n, Err: err}
	b.told.Store(&b.failed)
	return b.failed
}

// writeBlock writes the whole blocks of p, usually one, to block n and those behind
// it of the file.
func (b *backing) writeBlock(n int, p []byte) error {
	return b.write(p, int64(n)*block.Size, n)
}

// writeAt writes p at byte off of a file that is no image.
func (b *backing) writeAt(p []byte, off int64) error { return b.write(p, off, -1) }

func (b *backing) write(p []byte, off int64, block int) error {
	if b.failed != nil {
		return b.failed
	}
	// A write past the end would hide that the file was cut short.
	if err := b.host.there(); err != nil {
		return b.fail("write", block, err)
	}
	b.dirty = true
	if b.shape != nil && off+int64(len(p)) > b.shape.length {
		if err := b.grow(); err != nil {
			return err
		}
	}
	if _, err := b.f.WriteAt(p, off); err != nil {
		return b.fail("write", block, err)
	}
	return nil
}

// sync makes everything written durable.
func (b *backing) sync() error {
	if !b.dirty {
		return b.failed
	}
	return b.syncAll()
}

// syncAll is sync also when nothing was written through b: another process, now
// gone, may have left something.
func (b *backing) syncAll() error {
	if b.failed != nil {
		return b.failed
	}
	if err := b.f.Sync(); err != nil {
		return b.fail("sync", -1, err)
	}
	// What is synced to a file that is gone is gone.
	if err := b.host.there(); err != nil {
		return b.fail("sync", -1, err)
	}
	b.dirty = false
	return nil
}

// close syncs and closes the file. It closes it also when the sync fails. An error also
// says that the file is not any more what the name stands for.
func (b *backing) close() error {
	err := b.sync()
	if err == nil {
		if err = b.host.named(b.shape); err != nil {
			err = b.fail("close", -1, err)
		}
	}
	if cerr := b.f.Close(); cerr != nil && err == nil {
		err = b.fail("close", -1, cerr)
	}
	return err
}
