package commit

import (
	"maps"
	"reflect"
	"slices"

	"v7em/block"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/kernel"
)

// mounted is what a settler knows of the packs that V7 has mounted. What V7 has in
// memory belongs to the pack that was in the drive when it was mounted; if another is
// there, it must not get that.
type mounted struct {
	kernel *kernel.Kernel // they are mounted by
	// devices are those mounted at the newest point, and whether what is in the drive is
	// another pack.
	devices map[uint16]*device
	// kept are the packs as the newest point has left them which had what is mounted.
	kept map[kernel.Drive]*block.Store
	swap map[kernel.Drive]journaldev.Range

	// disks are the packs seen in the drives last. tables are set when the guest was
	// seen to mount something since the newest point: those devices that were mounted all
	// the time.
	disks  map[kernel.Drive]rk.Disk
	tables bool
	always []uint16
}

type device struct {
	drive     kernel.Drive
	exchanged bool
}

// everyDrive calls f for every drive of a machine.
func everyDrive(m *machine.Machine, f func(kernel.Drive, rk.Disk)) {
	for unit := range rk.Drives {
		f(kernel.Drive{Controller: kernel.RK, Unit: unit}, m.RK.Disk(unit))
		f(kernel.Drive{Controller: kernel.RP, Unit: unit}, m.RP.Disk(unit))
	}
}

// look looks which packs are in the drives. The machine does not run, and no clone is in
// use.
func (s *mounted) look(m *machine.Machine) {
	if s.disks == nil {
		s.disks = map[kernel.Drive]rk.Disk{}
	}
	if s.tables {
		maps.DeleteFunc(s.devices, func(dev uint16, _ *device) bool { return !slices.Contains(s.always, dev) })
		s.tables, s.always = false, nil
	}
	everyDrive(m, func(d kernel.Drive, disk rk.Disk) {
		if disk == nil || alike(disk, s.disks[d]) {
			return // an empty drive may get its pack back
		}
		first := s.disks[d] == nil
		s.disks[d] = disk
		if first {
			return
		}
		other := true
		if p, ok := disk.(machine.Snapshotter); ok && s.kept[d] != nil {
			other = !same(p.Snapshot(), s.kept[d], s.swap[d])
		}
		for _, dev := range s.devices {
			if dev.drive == d {
				dev.exchanged = other
			}
		}
	})
}

// alike says whether two disks are the same one.
func alike(a, b rk.Disk) bool {
	return b != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}

// mounting says which devices are mounted when a program is about to mount one: what is
// not among them now has been taken off, whatever is mounted later. It belongs to the
// goroutine that runs the machine.
func (s *mounted) mounting(list []uint16) {
	if s.tables {
		list = slices.DeleteFunc(list, func(dev uint16) bool { return !slices.Contains(s.always, dev) })
	}
	s.tables, s.always = true, list
}

// judge finds out which of the mounted devices have another pack in their drives, and
// says so to the view. packs are those in the clone's drives.
func (s *mounted) judge(k *kernel.Kernel, v *kernel.View, packs map[kernel.Drive]*block.Store) {
	if s.kernel != k {
		s.kernel, s.devices, s.kept = k, map[uint16]*device{}, map[kernel.Drive]*block.Store{}
	}
	now := map[uint16]*device{}
	for _, m := range v.Volumes() {
		if m.Extent == 0 {
			continue // on no disk
		}
		d := s.devices[m.Dev]
		if d == nil {
			if m.Wrong != "" {
				continue // it gets nothing in any case; when it does, it is looked at
			}
			pack := packs[m.Drive]
			d = &device{m.Drive, pack != nil && !v.Fits(m.Dev, pack)}
		}
		if now[m.Dev] = d; d.exchanged {
			v.Exchange(m.Dev)
		}
	}
	s.devices = now
}

// keep remembers the packs of a point.
func (s *mounted) keep(p *Point) {
	if s.kernel == nil {
		return
	}
	for drive, pack := range p.Packs {
		exchanged := false
		for _, d := range s.devices {
			exchanged = exchanged || d.drive == drive && d.exchanged
		}
		if !exchanged {
			s.kept[drive] = pack
		}
	}
	if p.Settled {
		s.swap = p.Swap
	}
}
