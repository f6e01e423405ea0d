package images

import (
	"errors"
	"fmt"

	"v7em/images/console"
	"v7em/machine"
	"v7em/mmu"
	"v7em/rk"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// ForeignError says that a pack, or what runs, is not recognized as V7 or mini. What
// v7em knows of V7 is not applied to it: its clock is not set, and nothing is typed.
type ForeignError struct {
	What string // "rk0", or "the guest"
	Err  error  // what was missing
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is not recognized as V7: %v", e.What, e.Err)
}

func (e *ForeignError) Unwrap() error { return e.Err }

// Recognize returns nil if the pack in drive 0 has a root file system that V7 boots
// from: its superblock, its root directory and a kernel are V7's. The error is a
// *ForeignError. Nothing is written.
func (d *Drives) Recognize() error {
	if len(d.Disks) == 0 || d.Disks[0] == nil {
		return &ForeignError{d.Set.Name + "0", errors.New("the drive is empty")}
	}
	return d.Set.recognize(d.Disks[0])
}

// recognize is Recognize for the pack of drive 0.
func (s *Set) recognize(root rk.Disk) error {
	v := s.volumes[0]
	if err := kernel.OnPack(fs.Region{Device: root, Start: v.offset, N: v.blocks}); err != nil {
		return &ForeignError{s.Name + "0", err}
	}
	return nil
}

// Recognize returns the V7 kernel that a machine has in memory: known, which may be nil,
// if that is it, or one of those in the root directories on its packs, or one that is
// up. The error is a *ForeignError. The machine must not run meanwhile.
func Recognize(m *machine.Machine, known *kernel.Kernel) (*kernel.Kernel, error) {
	g := look(m)
	if known != nil && known.Loaded(g) {
		return known, nil
	}
	var roots []fs.Device
	for unit := range rk.Drives {
		for _, d := range []rk.Disk{m.RK.Disk(unit), m.RP.Disk(unit)} {
			if d != nil {
				roots = append(roots, d)
			}
		}
	}
	k, err := kernel.Find(g, roots...)
	if err != nil {
		k, err = kernel.Probe(g)
	}
	if kernel.Why(err) == kernel.AtWork {
		// Its tables are whole when a copy of it is through with what it does.
		if c, cerr := m.Clone(); cerr == nil {
			always := func() bool { return true }
			c.RunHeld(console.Second, workLimit, always, always)
			k, err = kernel.Probe(look(c))
		}
	}
	if err == nil {
		return k, nil
	}
	if u := new(kernel.UnknownError); errors.As(err, &u) {
		err = errors.New(u.Detail)
	}
	return nil, &ForeignError{"the guest", err}
}

// workLimit bounds what a kernel may be at for Recognize, in instructions.
const workLimit = 1_000_000

// Console returns how a kernel that is in a machine's memory has its console set: see
// kernel.Kernel.Console. The machine must not run meanwhile.
func Console(m *machine.Machine, k *kernel.Kernel) (kernel.TTY, bool) { return k.Console(look(m)) }

// Mounted returns what a kernel that is in a machine's memory has mounted. The error
// wraps kernel.ErrUnknown when that cannot be seen at this moment. The machine must not
// run meanwhile.
func Mounted(m *machine.Machine, k *kernel.Kernel) ([]kernel.Volume, error) {
	v, err := k.Look(look(m))
	if err != nil {
		return nil, err
	}
	return v.Volumes(), nil
}

// look returns what a kernel is seen in.
func look(m *machine.Machine) *kernel.Guest {
	return &kernel.Guest{
		Memory: m.MMU.Mem, KISA: m.MMU.PAR[mmu.Kernel<<1], KDSA: m.MMU.PAR[mmu.Kernel<<1|1],
		User: m.CPU.Mode == mmu.User, Waiting: m.CPU.Waiting,
	}
}
