// Package commit finds the commit points of a running machine: states of its packs
// in which no file-system operation is half done, though the guest, an unmodified
// V7, keeps half of each file system in memory and is hardly ever between
// operations.
//
// The machine is cloned, which takes the guest's own time, but no more than copying
// its memory does. In the clone whatever is under way comes to its end: user
// programs stand still, disks answer at once, and the scheduler never waits. Then
// what the clone's kernel has in memory is laid over what is on its packs. So a
// commit point is one future of the instant of the clone: operations that were done
// are in it, and each one that was under way is in it whole.
package commit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"v7em/block"
	"v7em/machine"
	"v7em/mmu"
	"v7em/rk"
	"v7em/unibus"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// Programs are those of V7 that change directories by several system calls.
var Programs = []string{"mkdir", "rmdir", "mv"}

// DefaultLimit is how many instructions a clone may take to settle. It needs less
// than 100,000 half of the time.
const DefaultLimit = 2_000_000

// timeLimit bounds the virtual time of a clone whose processor does nothing.
const timeLimit = 1000e9

// Settler brings clones of one machine to a commit point, one after the other.
// Clone is called where the machine runs; Settle may run in another goroutine,
// but not at the same time as Clone.
type Settler struct {
	// Programs are the names of programs that bracket what they do, and Limit the
	// instructions that a clone may take. They may be changed between two clones.
	Programs []string
	Limit    uint64
	// Unbracketed takes commit points inside brackets too.
	Unbracketed bool
	// Fallback has Settle take the packs as the guest's writes have left them when no
	// better point can be had, as with a guest that is not known.
	Fallback bool
	// Parts are what a captured state consists of: all parts but in tests.
	Parts kernel.Parts
	// Hasty is for tests: it takes a state as soon as the kernel is not at work, though
	// operations are half done.
	Hasty bool

	clone  *machine.Machine
	kernel atomic.Pointer[kernel.Kernel]
}

// NewSettler returns a settler with the defaults.
func NewSettler() *Settler {
	return &Settler{Programs: Programs, Limit: DefaultLimit, Parts: kernel.AllParts}
}

// Point is a commit point: the state of all packs.
type Point struct {
	// Settled says that the guest is V7 and no operation is half done. Otherwise the
	// packs are as its writes have left them, and Why says why there is no more: it
	// wraps kernel.ErrUnknown, and kernel.Why tells the reason, or is an UnsettledError.
	Settled bool
	Why     error
	Packs   map[kernel.Drive]*block.Store
	// Volumes are what V7 has mounted, the root first. One that is Wrong is as the writes
	// have left it.
	Volumes []kernel.Volume

	Instructions uint64 // that the clone took
}

// UnsettledError says that a clone did not settle.
type UnsettledError struct {
	Instructions uint64           // that it was given
	Underway     []kernel.Process // what did not end; empty if that is not known
}

func (e *UnsettledError) Error() string {
	var what []string
	for _, p := range e.Underway {
		what = append(what, fmt.Sprintf("%s (process %d)", p.Name, p.PID))
	}
	if what == nil {
		what = []string{"the kernel"}
	}
	return fmt.Sprintf("no commit point within %d instructions: %s did not come to an end", e.Instructions, strings.Join(what, ", "))
}

// Kernel returns the kernel that was found in the newest clone that had one, or nil.
// It may be called from any goroutine.
func (s *Settler) Kernel() *kernel.Kernel { return s.kernel.Load() }

// Clone copies the machine, between two of its instructions. All its packs must be
// Snapshotters. The brackets of processes that are gone are forgotten.
func (s *Settler) Clone(m *machine.Machine) error {
	if s.clone == nil || s.clone.Config() != m.Config() {
		c, err := machine.New(m.Config())
		if err != nil {
			return err
		}
		s.clone = c
	}
	if k := s.Kernel(); k != nil && len(m.Brackets.PIDs()) > 0 {
		if g := see(m); k.Loaded(g) {
			m.Brackets.Forget(func(pid int) bool { return !k.Alive(g, pid) })
		}
	}
	return m.CloneInto(s.clone)
}

// Console returns how the guest's kernel, if it was found, has its console set: see
// kernel.Kernel.Console. It belongs to the goroutine that runs the machine.
func (s *Settler) Console(m *machine.Machine) (kernel.TTY, bool) {
	k := s.Kernel()
	if k == nil {
		return kernel.TTY{}, false
	}
	return k.Console(see(m))
}

// see returns what the kernel is seen in.
func see(m *machine.Machine) *kernel.Guest {
	return &kernel.Guest{
		Memory: m.MMU.Mem, KISA: m.MMU.PAR[mmu.Kernel<<1], KDSA: m.MMU.PAR[mmu.Kernel<<1|1],
		User: m.CPU.Mode == mmu.User, Waiting: m.CPU.Waiting,
	}
}

// Settle brings the clone to a commit point and returns that. The clone is used up
// then. The error is an *UnsettledError when something did not end in time, and
// wraps kernel.ErrUnknown when V7 is in memory but not up, or has panicked.
func (s *Settler) Settle() (*Point, error) {
	before := s.packs()
	for d, pack := range before {
		before[d] = pack.Clone()
	}
	p, err := s.settle(before)
	if err != nil && s.Fallback {
		return &Point{Packs: before, Why: err}, nil
	}
	return p, err
}

// settle does that. before are the packs as the guest's writes have left them.
func (s *Settler) settle(before map[kernel.Drive]*block.Store) (*Point, error) {
	c := s.clone
	guest := func() *kernel.Guest {
		g := see(c)
		g.Pack = s.pack
		return g
	}
	k, err := s.find(guest())
	if errors.Is(err, kernel.ErrUnknown) {
		return &Point{Packs: before, Why: err}, nil
	}
	if err != nil {
		return nil, err
	}

	brackets := func() *kernel.Brackets {
		if s.Unbracketed {
			return nil
		}
		return &kernel.Brackets{Programs: s.Programs, PIDs: c.Brackets.PIDs()}
	}
	begin := c.Instructions()
	var view *kernel.View
	var unknown error
	settled := func() bool {
		g := guest()
		switch {
		case s.Hasty && !g.User && !g.Waiting:
			return false
		case !s.Hasty && !k.Settled(g, brackets()):
			return false
		}
		v, err := k.Look(g)
		switch {
		case err != nil:
			unknown = err
		case s.Hasty || v.Settled(brackets()):
			view = v
		}
		return unknown != nil || view != nil
	}
	if !settled() {
		hold := func() bool { return !k.InBracket(guest(), brackets()) }
		idle := func() bool {
			if settled() {
				return true
			}
			k.Hurry(guest(), c.MMU.WritePhys)
			return false
		}
		quicken(c)
		c.RunHeld(timeLimit, s.Limit, hold, idle)
	}
	switch {
	case unknown != nil:
		return nil, unknown
	case view == nil:
		err := &UnsettledError{Instructions: c.Instructions() - begin}
		if v, e := k.Look(guest()); e == nil {
			err.Underway = v.Underway(brackets())
		}
		return nil, err
	}
	p := &Point{Settled: true, Packs: s.packs(), Instructions: c.Instructions() - begin}
	parts := s.Parts
	if s.Hasty {
		parts |= kernel.Unsettled
	}
	for d, pack := range p.Packs {
		state, err := view.State(d, pack, parts)
		if err != nil {
			return nil, err
		}
		p.Packs[d] = state
	}
	p.Volumes = view.Volumes()
	return p, p.keepWrites(before)
}

// keepWrites puts what before has of the volumes that are wrong into the point's packs.
func (p *Point) keepWrites(before map[kernel.Drive]*block.Store) error {
	var b [block.Size]byte
	for _, v := range p.Volumes {
		if v.Wrong == "" || v.Extent == 0 || p.Packs[v.Drive] == nil {
			continue
		}
		from, to := before[v.Drive], p.Packs[v.Drive]
		for _, n := range slices.Collect(from.Diff(to)) {
			if !kernel.Doubtful(p.Volumes, v.Drive, n) {
				continue
			}
			if err := errors.Join(from.ReadBlock(n, b[:]), to.WriteBlock(n, b[:])); err != nil {
				return err
			}
		}
	}
	return nil
}

// find returns the kernel in memory.
func (s *Settler) find(g *kernel.Guest) (*kernel.Kernel, error) {
	if k := s.Kernel(); k != nil && k.Loaded(g) {
		return k, nil
	}
	var roots []fs.Device
	for unit := range rk.Drives {
		for _, d := range []kernel.Drive{{Controller: kernel.RK, Unit: unit}, {Controller: kernel.RP, Unit: unit}} {
			if p := s.disk(d); p != nil {
				roots = append(roots, p)
			}
		}
	}
	k, err := kernel.Find(g, roots...)
	if err == nil {
		s.kernel.Store(k)
	}
	return k, err
}

// disk returns the clone's pack in a drive, or nil.
func (s *Settler) disk(d kernel.Drive) *block.Store {
	disk := s.clone.RK.Disk(d.Unit)
	if d.Controller == kernel.RP {
		disk = s.clone.RP.Disk(d.Unit)
	}
	if m, ok := disk.(machine.MemDisk); ok {
		return m.Store
	}
	return nil
}

func (s *Settler) pack(d kernel.Drive) kernel.Blocks {
	if p := s.disk(d); p != nil {
		return p
	}
	return nil
}

// packs returns all of the clone's packs.
func (s *Settler) packs() map[kernel.Drive]*block.Store {
	packs := map[kernel.Drive]*block.Store{}
	for unit := range rk.Drives {
		for _, d := range []kernel.Drive{{Controller: kernel.RK, Unit: unit}, {Controller: kernel.RP, Unit: unit}} {
			if p := s.disk(d); p != nil {
				packs[d] = p
			}
		}
	}
	return packs
}

// quicken lets the disks answer at once, also those that are at it already.
func quicken(c *machine.Machine) {
	c.RK.SetTiming(rk.Timing{})
	c.RP.SetTiming(rk.Timing{})
	for _, e := range c.Bus.State().Events {
		if e.Slot == unibus.SlotRK11 || e.Slot == unibus.SlotRP11 {
			c.Bus.Schedule(e.Slot, e.Code, 0)
		}
	}
}
