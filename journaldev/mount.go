package journaldev

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"v7em/block"
	"v7em/internal/hostfile"
)

// Check says whether OpenVolume would take the options.
func (o VolumeOptions) Check() error {
	_, err := o.withDefaults()
	return err
}

// withDefaults fills in what is not set.
func (o VolumeOptions) withDefaults() (VolumeOptions, error) {
	if o.Data == "" {
		o.Data = DataJournal
	}
	if o.Transactions == 0 {
		o.Transactions = DefaultTransactions
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Layout == nil {
		o.Layout = Detect
	}
	if o.Wrap == nil {
		o.Wrap = func(_ string, f File) File { return f }
	}
	switch {
	case o.JournalSize != 0 && (o.JournalSize < MinJournalSize || o.JournalSize > ringOffset+maxRing*sectorSize):
		return o, fmt.Errorf("a journal of %d bytes: it must have %d KB to %d MB", o.JournalSize, MinJournalSize>>10,
			maxRing*sectorSize>>20)
	case o.Transactions < 2:
		return o, fmt.Errorf("%d transactions: there must be at least 2", o.Transactions)
	}
	return o, nil
}

// ringFor returns the sectors in the ring of a journal of a size, 0 for the
// default.
func ringFor(size int64) int {
	if size == 0 {
		size = DefaultJournalSize
	}
	return int((size - ringOffset) / sectorSize)
}

// OpenVolume opens the image at path as a pack of the given kind with its journal,
// which it makes if there is none, recovers what the journal has, and takes the
// lock on the image. Errors are as for Open, and those of the journal, which wrap
// ErrJournal or ErrForeign. Opened to be read only, nothing is written: the volume
// shows the pack as it will be once it is recovered.
func OpenVolume(path string, kind Kind, o VolumeOptions) (*Volume, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	f, form, protected, err := openImage(path, kind, o.Options)
	if err != nil {
		return nil, err
	}
	v, err := openVolume(f, path, kind, form, protected, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	return v, nil
}

func openVolume(f *os.File, path string, kind Kind, form *shape, protected error, o VolumeOptions) (*Volume, error) {
	if protected != nil {
		store, rec, err := loadThrough(f, path, form, o.Unit)
		if err != nil {
			return nil, err
		}
		v := &Volume{kind: kind, o: o, recovery: rec, readOnly: true, protection: protected, view: store, tip: store.Clone()}
		v.home = &backing{f: osFile{f}, path: path, unit: o.Unit}
		layout := v.layoutOf(store)
		v.surveyed.Store(&surveyed{Survey(store, layout), layout})
		return v, nil
	}
	name := JournalPath(path)
	jf, err := openRegular(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createJournal(name, form.blocks, ringFor(o.JournalSize), o.Random); err == nil {
			jf, err = openRegular(name, os.O_RDWR)
		} else if noRoom(err) {
			err = fmt.Errorf("%w of %d KB: %w", ErrNoRoom, (ringOffset+int64(ringFor(o.JournalSize))*sectorSize)>>10, err)
		}
	}
	if err != nil {
		return nil, &Error{Op: "open", Unit: o.Unit, Path: name, Block: -1, Err: err}
	}
	journal, err := openMethod(jf, o.Sync)
	if err != nil {
		jf.Close()
		return nil, &Error{Op: "open", Unit: o.Unit, Path: name, Block: -1, Err: err}
	}
	image, err := openMethod(f, o.Sync)
	if err != nil {
		journal.Close()
		return nil, &Error{Op: "open", Unit: o.Unit, Path: path, Block: -1, Err: err}
	}
	empty := isEmpty(journal)
	v, err := mount(&backing{f: o.Wrap("image", image), path: path, unit: o.Unit, shape: form, host: watch(f, path)},
		&backing{f: o.Wrap("journal", journal), path: name, unit: o.Unit, host: watch(jf, name)}, o)
	if err != nil {
		journal.Close()
		image.Close()
		return nil, err
	}
	v.kind = kind
	v.recovery.Empty = empty
	return v, nil
}

// createJournal makes the file of a journal with an empty ring. It appears under
// its name only when it is whole and durable. Its zeros are written, so that later
// writes need no space and no change to the host's own metadata.
func createJournal(name string, blocks, ring int, random io.Reader) error {
	// The image's lock is held, so nobody else makes it.
	return hostfile.Replace(name, hostfile.Options{Whole: true, Alone: true}, func(f *hostfile.File) error {
		return formatJournal(&backing{f: osFile{f.OS()}, path: name}, blocks, ring, random)
	})
}

func formatJournal(b *backing, blocks, ring int, random io.Reader) error {
	if err := writeZeros(b, 0, ringOffset+int64(ring)*sectorSize); err != nil {
		return err
	}
	h := header{generation: 1, ring: ring, blocks: blocks} // never used: it describes no state
	if _, err := io.ReadFull(random, h.id[:]); err != nil {
		return err
	}
	return writeHeader(b, h)
}

// Mount is OpenVolume for files that are open already: the image of a pack, of any
// size, and its journal, which is made if it is empty. Nothing is locked; o.Sync
// and o.Wrap say nothing here. The volume closes the files, also on an error.
func Mount(image, journal File, o VolumeOptions) (*Volume, error) {
	o, err := o.withDefaults()
	var v *Volume
	if err == nil {
		var form *shape
		if form, err = wholly(image); err == nil {
			v, err = mount(&backing{f: image, path: "image", unit: o.Unit, shape: form},
				&backing{f: journal, path: "image.journal", unit: o.Unit}, o)
		}
	}
	if err != nil {
		image.Close()
		journal.Close()
		return nil, err
	}
	return v, nil
}

// open reads an image and its journal and brings home what the journal has.
func open(home, journal *backing, force bool) (*recovered, error) {
	j, err := readJournal(journal.f)
	if err != nil {
		return nil, journalError(home.path, nil, err)
	}
	if err := home.shape.journaled(j.blocks); err != nil {
		return nil, journalError(home.path, j, err)
	}
	image, err := home.shape.load(home.f)
	if err != nil {
		return nil, &Error{Op: "read", Unit: home.unit, Path: home.path, Block: -1, Err: err}
	}
	r, err := lookThrough(image, j, force)
	if err != nil {
		return nil, journalError(home.path, j, err)
	}
	return r, r.bringHome(home, journal)
}

func mount(home, journal *backing, o VolumeOptions) (*Volume, error) {
	if isEmpty(journal.f) {
		if err := formatJournal(journal, home.shape.blocks, ringFor(o.JournalSize), o.Random); err != nil {
			return nil, err
		}
	}
	r, err := open(home, journal, false)
	if err != nil {
		return nil, err
	}

	// The journal begins anew: what it holds now is home.
	v := &Volume{
		o: o, recovery: r.report, replayed: r.replayed, view: r.store, tip: r.store.Clone(),
		bodies: map[uint64]*body{}, loose: map[int][]byte{}, coming: map[int][]byte{}, strays: map[int]bool{},
		newest: newTicket(r.plan.newest),
		drive:  drive{home: home, journal: journal, stopped: make(chan struct{})},
	}
	close(v.newest.done)
	v.work.L, v.room.L = &v.mu, &v.mu
	layout := v.layoutOf(v.tip)
	v.space.Store(&space{layout.Swap, o.Swap})
	if err := r.claim(home, layout); err != nil {
		return nil, err
	}
	v.tipUses = Survey(v.tip, layout)
	v.surveyed.Store(&surveyed{v.tipUses, layout})
	v.state = r.describe(layout, o.Data == DataOrdered, v.tipUses)
	v.print = r.print
	v.head = r.next(v.state, nanos(o.Clock()))
	if o.JournalSize != 0 && ringFor(o.JournalSize) != v.head.ring {
		v.head.ring = ringFor(o.JournalSize)
		if err := writeZeros(journal, ringOffset+int64(r.j.ring)*sectorSize,
			ringOffset+int64(v.head.ring)*sectorSize); err != nil {
			return nil, err
		}
	}
	if err := writeHeader(journal, v.head); err != nil {
		return nil, err
	}
	v.core = newCore(o.Transactions, v.head.home, v.head.start, v.head.ring)
	v.core.unsafeInherit = o.Flaw == FlawInherit
	if v.core.lanes = !o.ByHand; v.core.lanes {
		go v.run()
	}
	return v, nil
}

// loadThrough reads an image and puts its journal, if it has one, over it, in
// memory. It writes nothing.
func loadThrough(f *os.File, path string, form *shape, unit string) (*block.Store, Recovery, error) {
	jf, err := openJournal(path)
	if err != nil {
		return nil, Recovery{}, err
	}
	var j *journal
	var seen Recovery
	if jf != nil {
		defer jf.Close()
		if seen.Empty = isEmpty(osFile{jf}); !seen.Empty {
			if j, err = readJournal(osFile{jf}); err != nil {
				return nil, Recovery{}, journalError(path, nil, err)
			}
			if err := form.journaled(j.blocks); err != nil {
				return nil, Recovery{}, journalError(path, j, err)
			}
		}
	}
	store, err := form.load(f)
	if err != nil {
		return nil, Recovery{}, &Error{Op: "read", Unit: unit, Path: path, Block: -1, Err: err}
	}
	if j == nil {
		return store, seen, nil
	}
	r, err := lookThrough(store, j, false)
	if err != nil {
		return nil, Recovery{}, journalError(path, j, err)
	}
	return r.store, r.report, nil
}
