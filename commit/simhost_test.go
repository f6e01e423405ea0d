package commit

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// simHost keeps packs of a guest on a host of virtual time, on which each pack has a
// disk of its own: a write takes no time, a sync some.
type simHost struct {
	t       *testing.T
	g       *guest.Guest
	c       *Committer
	sync    uint64 // nanoseconds that a sync takes
	volumes map[kernel.Drive]*simVolume
	told    []string
	ages    []time.Duration // at each look
	harmed  int             // problems of the packs that are none of v7em's
}

// simVolume is a pack on that host.
type simVolume struct {
	*journaldev.Volume
	h     *simHost
	trace crashtest.Trace
	ready uint64 // when its disk can do more
	idle  bool   // it has nothing to do
}

// simulated gives packs of a guest journals on such a host and has it committed. strike, if
// not nil, says what fails of a drive's files: at that call from now on.
func simulated(t *testing.T, g *guest.Guest, sync time.Duration, o Options, strike map[int]*crashtest.Fault, units ...int) *simHost {
	t.Helper()
	h := &simHost{t: t, g: g, sync: uint64(sync), volumes: map[kernel.Drive]*simVolume{}}
	volumes := map[kernel.Drive]Volume{}
	at := map[int]int{}
	for unit, f := range strike {
		at[unit], f.At = f.At, -1
	}
	for _, unit := range units {
		image := guest.Image(t, g.M.RK.Disk(unit))
		v := &simVolume{h: h, idle: true}
		var files [2]journaldev.File
		for i, data := range [][]byte{image, nil} {
			files[i] = v.trace.NewFile(data)
			if f := strike[unit]; f != nil {
				files[i] = crashtest.Faulty{HostFile: files[i], Fault: f}
			}
		}
		var err error
		v.Volume, err = journaldev.Mount(files[0], files[1], journaldev.VolumeOptions{
			Options: journaldev.Options{Unit: kernel.Drive{Unit: unit}.String()},
			Clock:   h.clock, ByHand: true, Random: rand.NewChaCha8([32]byte{byte(unit)}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if f := strike[unit]; f != nil { // it counts from here on
			calls, _ := f.Calls()
			f.At, f.Err = calls+at[unit], errIO
		}
		t.Cleanup(v.Cut)
		g.M.DetachRK(unit)
		if err := g.M.AttachRK(unit, v); err != nil {
			t.Fatal(err)
		}
		d := kernel.Drive{Controller: kernel.RK, Unit: unit}
		h.volumes[d], volumes[d] = v, v
	}
	o.Clock, o.SyncWaits = h.clock, true
	o.Tell = func(line string) { h.told = append(h.told, line) }
	o.InStep = func() { h.pump(h.due()) }
	h.c = NewCommitter(g.M, volumes, o)
	attend, hold := g.M.Attend, g.M.CPU.Hold
	g.M.Attend = func() {
		h.pump(g.M.Now())
		attend()
		h.ages = append(h.ages, h.c.Status().Age)
	}
	g.M.CPU.Hold = func() bool {
		h.pump(g.M.Now())
		return hold()
	}
	return h
}

func (h *simHost) clock() time.Time { return guest.Epoch.Add(time.Duration(h.g.M.Now())) }

// WriteBlock is the guest's.
func (v *simVolume) WriteBlock(n int, b []byte) error {
	defer v.wakeUp()
	return v.Volume.WriteBlock(n, b)
}

// Commit implements Volume.
func (v *simVolume) Commit(state *block.Store, note journaldev.Note) (*journaldev.Ticket, error) {
	defer v.wakeUp()
	return v.Volume.Commit(state, note)
}

func (v *simVolume) wakeUp() {
	if v.idle {
		v.idle, v.ready = false, max(v.ready, v.h.g.M.Now())
	}
}

// at returns when the volume's disk has done what it is to do next.
func (v *simVolume) at() uint64 {
	if v.Syncs() {
		return v.ready + v.h.sync
	}
	return v.ready
}

// due returns when a disk has done something.
func (h *simHost) due() uint64 {
	at := uint64(1 << 63)
	for _, v := range h.volumes {
		if !v.idle {
			at = min(at, v.at())
		}
	}
	return at
}

// pump has the disks do what they do until a virtual time.
func (h *simHost) pump(until uint64) {
	for _, v := range h.volumes {
		for !v.idle && v.at() <= until {
			at := v.at()
			if v.idle = !v.Step(); !v.idle {
				v.ready = at
			}
		}
	}
}

// recovered returns the file system on a pack as a power cut now would leave it, when
// all that no sync had covered is lost.
func (h *simHost) recovered(unit int) *block.Store {
	h.t.Helper()
	v := h.volumes[kernel.Drive{Controller: kernel.RK, Unit: unit}]
	d := v.trace.Replay()
	for {
		if _, ok := d.Next(); !ok {
			break
		}
	}
	files := d.Crash(crashtest.LoseAll, nil)
	image := &crashtest.Plain{Data: files[0]}
	r, err := journaldev.Mount(image, &crashtest.Plain{Data: files[1]}, journaldev.VolumeOptions{ByHand: true, Random: rand.NewChaCha8([32]byte{})})
	if err != nil {
		h.t.Fatal(err)
	}
	defer r.Cut()
	return r.Snapshot()
}

// has says whether a file would be there, on a file system without harmful damage but
// what is known: h.harmed.
func (h *simHost) has(unit int, path string) bool {
	h.t.Helper()
	pack := h.recovered(unit)
	if r := fs.Check(pack); r.Harmful > h.harmed {
		h.t.Errorf("rk%d: %v", unit, r.Problems)
	}
	f, err := fs.Open(pack)
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = f.Lookup(path)
	return err == nil
}

// percentile returns an age that so many of 1,000 ages do not exceed.
func percentile(ages []time.Duration, permille int) time.Duration {
	s := slices.Sorted(slices.Values(ages))
	return s[min(len(s)*permille/1000, len(s)-1)]
}
