package screen

import (
	"sync/atomic"

	"v7em/block"
	"v7em/journaldev"
	"v7em/machine"
)

// Activity notes when each block of a pack was last read, written and brought home.
// Noting is a store in memory, for any goroutine. Time is counted in ticks: one for
// each sample that is taken. The zero tick means never.
type Activity struct {
	now                  atomic.Uint32
	read, written, home  []atomic.Uint32
	reads, writes, homes atomic.Uint64
}

// NewActivity returns the activity of a pack of so many blocks.
func NewActivity(blocks int) *Activity {
	a := &Activity{
		read:    make([]atomic.Uint32, blocks),
		written: make([]atomic.Uint32, blocks),
		home:    make([]atomic.Uint32, blocks),
	}
	a.now.Store(1)
	return a
}

func (a *Activity) note(when []atomic.Uint32, count *atomic.Uint64, n int) {
	if n >= 0 && n < len(when) {
		when[n].Store(a.now.Load())
		count.Add(1)
	}
}

// Disk returns d, whose reads and writes are noted. It is all that d is to a
// machine: one that tells what is committed still does.
func (a *Activity) Disk(d machine.Snapshotter) machine.Snapshotter {
	w := disk{d, a}
	if c, ok := d.(machine.Committer); ok {
		return committer{w, c}
	}
	return w
}

type disk struct {
	machine.Snapshotter
	a *Activity
}

func (d disk) ReadBlock(n int, p []byte) error {
	d.a.note(d.a.read, &d.a.reads, n)
	return d.Snapshotter.ReadBlock(n, p)
}

func (d disk) WriteBlock(n int, p []byte) error {
	d.a.note(d.a.written, &d.a.writes, n)
	return d.Snapshotter.WriteBlock(n, p)
}

type committer struct {
	disk
	c machine.Committer
}

func (c committer) Committed() *block.Store { return c.c.Committed() }

// Image returns f, the image of the pack, whose writes are noted as blocks that
// come home.
func (a *Activity) Image(f journaldev.File) journaldev.File { return image{f, a} }

type image struct {
	journaldev.File
	a *Activity
}

func (f image) WriteAt(p []byte, off int64) (int, error) {
	for n := off / block.Size; n*block.Size < off+int64(len(p)); n++ {
		f.a.note(f.a.home, &f.a.homes, int(n))
	}
	return f.File.WriteAt(p, off)
}
