// Package journaldev stands between the drives of a machine and the image files
// on the host. A Volume is a host file mounted in a drive with a journal beside it:
// whatever the host does, the file comes back as it was at a commit. A Pack is one
// without.
package journaldev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"v7em/block"
)

// Kind is a kind of disk pack.
type Kind struct {
	Name   string // "RK05"
	Blocks int    // its size in blocks of 512 bytes
}

// The packs that the machine's drives take.
var (
	// RK05 has 203 cylinders of 2 tracks of 12 sectors (RK11-D handbook).
	RK05 = Kind{"RK05", 203 * 2 * 12}
	// RP03 has 406 cylinders of 20 tracks of 10 sectors (RP11 handbook).
	RP03 = Kind{"RP03", 406 * 20 * 10}
)

// Bytes returns the length of an image of the kind.
func (k Kind) Bytes() int64 { return int64(k.Blocks) * block.Size }

// Options says how a pack is opened.
type Options struct {
	Unit     string // the drive's name for messages, "rk0"
	ReadOnly bool   // mount it write-protected

	// AnySize takes an image of any length: what is missing reads as zeros, and what is
	// behind the pack is left alone.
	AnySize bool

	Sync SyncMethod // how written blocks are made durable, empty for fdatasync

	// WriteThrough makes every block that a guest writes durable before the drive
	// says that it is written. It means nothing for a Volume.
	WriteThrough bool

	// Wrap, if set, stands between a pack that may be written and its files. name is
	// "image" or "journal".
	Wrap func(name string, f File) File
}

// Pack is a host file mounted in a drive, without a journal. All of it is kept in memory, as a
// copy-on-write store, so that a machine with its disks clones in microseconds;
// every write goes to the host file first. A write that fails is final: the
// drive gets the error, the pack is read-only from then on, and Err tells why.
//
// A Pack may be used by one goroutine at a time, but for Err.
type Pack struct {
	store     *block.Store
	back      *backing
	kind      Kind
	readOnly  bool
	protected error // why it is
	through   bool  // sync every write
	written   bool  // something was
	recovery  Recovery
}

// Open opens the image at path as a pack of the given kind and takes the
// advisory lock on it. The image may be short by what Kind.Short allows: what is missing
// reads as zeros, and the file stays short until it is written there. Behind the blocks
// there may be SIMH's footer, which stays. A file of another length is refused with a
// *SizeError, one that is in use with a *BusyError; neither changes anything. A file that this
// user may not write is opened write-protected. What a journal beside the image has
// is brought home first or, if the pack is only read, put over it in memory.
func Open(path string, kind Kind, o Options) (*Pack, error) {
	f, form, protected, err := openImage(path, kind, o)
	if err != nil {
		return nil, err
	}
	readOnly := protected != nil
	p := &Pack{kind: kind, readOnly: readOnly, protected: protected, through: o.WriteThrough}
	if !readOnly {
		p.recovery, err = settleOpen(f, path, form, nil, false, emptied)
	}
	var file File = osFile{f}
	if err == nil && !readOnly {
		if file, err = openMethod(f, o.Sync); err != nil {
			err = &Error{Op: "open", Unit: o.Unit, Path: path, Block: -1, Err: err}
		} else if o.Wrap != nil {
			file = o.Wrap("image", file)
		}
	}
	if err == nil {
		p.back = &backing{f: file, path: path, unit: o.Unit, shape: form}
		if !readOnly {
			p.back.host = watch(f, path)
		}
		var seen Recovery
		p.store, seen, err = loadThrough(f, path, form, o.Unit)
		if readOnly {
			p.recovery = seen
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// errAsked is why a pack is write-protected that somebody wants only to read.
var errAsked = errors.New("the pack is write-protected")

// openImage opens the file of a pack, of any kind if that is zero, and locks it. form is
// how the pack lies in it. protected is nil for one that may be written, and else says
// why it may not.
func openImage(path string, kind Kind, o Options) (f *os.File, form *shape, protected, err error) {
	wrap := func(op string, err error) error {
		return &Error{Op: op, Unit: o.Unit, Path: path, Block: -1, Err: err}
	}
	if o.ReadOnly {
		protected = errAsked
	} else if f, err = openRegular(path, os.O_RDWR); errors.Is(err, fs.ErrPermission) || isReadOnlyFS(err) {
		protected = err
	}
	if protected != nil {
		f, err = openRegular(path, os.O_RDONLY)
	}
	if err != nil {
		return nil, nil, nil, wrap("open", err)
	}
	// The lock comes first: who has it may be making the file longer.
	if err = lockFile(f, path, protected == nil); err == nil {
		var s shape
		s, err = measureFile(f, path, kind, o.AnySize)
		form = &s
	}
	if err != nil {
		f.Close()
		return nil, nil, nil, err
	}
	return f, form, protected, nil
}

// Path returns the name of the host file.
func (p *Pack) Path() string { return p.back.path }

// Kind returns what kind of pack it is.
func (p *Pack) Kind() Kind { return p.kind }

// Blocks returns the number of blocks.
func (p *Pack) Blocks() int { return p.store.Blocks() }

// Recovery tells what a journal beside the image had to say.
func (p *Pack) Recovery() Recovery { return p.recovery }

// ReadOnly says whether the drive's write-protect switch is on: the file was
// opened so, or a write to it has failed.
func (p *Pack) ReadOnly() bool { return p.readOnly || p.Err() != nil }

// Protected says why the pack was opened write-protected, nil if it was not.
func (p *Pack) Protected() error { return p.protected }

// Err returns the failed write or sync that made the pack read-only, or nil. Any
// goroutine may ask.
func (p *Pack) Err() error {
	if err := p.back.told.Load(); err != nil {
		return *err
	}
	return nil
}

// ReadBlock copies block n (0 to Blocks()-1) to the 512 bytes of buf.
func (p *Pack) ReadBlock(n int, buf []byte) error { return p.store.ReadBlock(n, buf) }

// WriteBlock writes the 512 bytes of buf to block n (0 to Blocks()-1) of the host
// file and, when that succeeded, of the pack.
func (p *Pack) WriteBlock(n int, buf []byte) error {
	switch {
	case p.back.failed != nil:
		return p.back.failed
	case p.readOnly:
		return &Error{Op: "write", Unit: p.back.unit, Path: p.back.path, Block: n,
			Err: errors.New("the pack is write-protected")}
	case n < 0 || n >= p.Blocks():
		return &block.RangeError{Block: n, Blocks: p.Blocks()}
	case len(buf) != block.Size:
		return fmt.Errorf("write of %d bytes to block %d, a block has %d", len(buf), n, block.Size)
	}
	p.written = true
	if err := p.back.writeBlock(n, buf); err != nil {
		return err
	}
	if p.through {
		if err := p.back.sync(); err != nil {
			return err
		}
	}
	return p.store.WriteBlock(n, buf)
}

// Snapshot returns the pack's contents as a store of their own, which shares
// memory until one of the two is written. Writes to it never reach the host.
func (p *Pack) Snapshot() *block.Store { return p.store.Clone() }

// Sync makes all writes durable on the host.
func (p *Pack) Sync() error { return p.back.sync() }

// Cut closes the file as a power failure would: nothing is synced.
func (p *Pack) Cut() { p.back.f.Close() }

// Close syncs the host file, gives back the lock and closes the file. The pack
// must be out of the drive. A journal beside it, which has nothing for a plain pack,
// learns what the pack is now.
func (p *Pack) Close() error {
	var err error
	if p.written {
		err = p.settleJournal()
	}
	if cerr := p.back.close(); err == nil {
		err = cerr
	}
	return err
}

// settleJournal has a journal beside the pack begin anew with the pack as it is, so that
// nobody takes what was done here for another program's doing.
func (p *Pack) settleJournal() error {
	if err := p.back.sync(); err != nil {
		return err
	}
	name := JournalPath(p.back.path)
	f, err := openRegular(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &Error{Op: "open", Unit: p.back.unit, Path: name, Block: -1, Err: err}
	}
	defer f.Close()
	if isEmpty(osFile{f}) {
		return nil
	}
	j, err := readJournal(osFile{f})
	if err != nil {
		return journalError(p.back.path, nil, err)
	}
	r, err := lookThrough(p.store, j, false)
	if err != nil {
		return journalError(p.back.path, j, err)
	}
	return emptied(r, &backing{f: osFile{f}, path: name, unit: p.back.unit})
}
