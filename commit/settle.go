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
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"v7em/block"
	"v7em/escape"
	"v7em/journaldev"
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

const (
	// shortLimit is how many instructions brackets that did not end before are given.
	shortLimit = 150_000

	// Bounds of the virtual time, in nanoseconds, of a clone whose processor does
	// nothing: for all, for brackets, and for those that did not end before. A swap may
	// take some seconds. What is stamped in the clone is stamped by its time.
	timeLimit   = 30e9
	bracketTime = 5e9
	shortTime   = 1e9
)

// Settler brings clones of one machine to a commit point, one after the other.
// Clone is called where the machine runs; Settle may run in another goroutine,
// but not at the same time as Clone.
type Settler struct {
	// Programs are the names of programs that bracket what they do, and Limit the
	// instructions that a clone may take. They may be changed between two clones.
	Programs []string
	Limit    uint64
	// Unbracketed is for observers: points are taken inside brackets too, and what is
	// half done there is captured as it is.
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

	// impatient is for tests: brackets get no instructions at all.
	impatient bool

	missed  missed
	mounted mounted
	stuck   processes // the brackets that did not end when they were given Limit
	// whole are the packs at the newest point at which nobody was inside a bracket.
	whole map[kernel.Drive]*block.Store
	left  map[kernel.Volume]map[fs.Half]bool // in those packs, as far as they were looked for
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
	// Swap is what V7 swaps to, where its packs have any.
	Swap map[kernel.Drive]journaldev.Range

	// Cut are the processes whose brackets did not end. Directories that they had
	// half made, moved or removed are whole in the point; Completed says which. What
	// else belongs together in such a bracket may be in the point in part.
	// Damaged are the volumes where that cannot be, since they were damaged before; they
	// are as they are.
	Cut       []kernel.Process
	Completed []string
	Damaged   []string

	Instructions uint64 // that the clone took
}

// UnsettledError says that a clone did not settle.
type UnsettledError struct {
	Instructions uint64           // that it was given
	Underway     []kernel.Process // what did not end; empty if that is not known
	Err          error            // why what is half done could not be completed; nil if that was not tried
}

func (e *UnsettledError) Error() string {
	var what []string
	for _, p := range e.Underway {
		what = append(what, fmt.Sprintf("%s (process %d)", escape.Name(p.Name), p.PID))
	}
	if what == nil {
		what = []string{"the kernel"}
	}
	who := strings.Join(what, ", ")
	if e.Err != nil {
		return fmt.Sprintf("no commit point: %s did not come to an end, and what is half done cannot be completed: %v",
			who, e.Err)
	}
	return fmt.Sprintf("no commit point within %d instructions: %s did not come to an end", e.Instructions, who)
}

// Unwrap returns Err.
func (e *UnsettledError) Unwrap() error { return e.Err }

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
	s.mounted.look(m)
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
//
// A bracket that does not end holds nothing up: what its program has half done is
// completed in the captured state. See Point.Cut.
func (s *Settler) Settle() (*Point, error) {
	before := s.packs()
	for d, pack := range before {
		before[d] = pack.Clone()
	}
	p, err := s.settle(before)
	if err != nil && s.Fallback {
		p, err = &Point{Packs: before, Why: err}, nil
	}
	if err == nil {
		s.mounted.keep(p)
	}
	return p, err
}

// settle does that. before are the packs as the guest's writes have left them.
func (s *Settler) settle(before map[kernel.Drive]*block.Store) (*Point, error) {
	k, err := s.find()
	if errors.Is(err, kernel.ErrUnknown) {
		return &Point{Packs: before, Why: err}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := k.Up(s.guest()); err != nil {
		return nil, err
	}
	a := &attempt{s: s, c: s.clone, k: k, bracketed: !s.Unbracketed}
	begin := a.c.Instructions()
	a.run()
	spent := a.c.Instructions() - begin
	switch {
	case a.unknown != nil:
		return nil, a.unknown
	case a.view == nil:
		e := &UnsettledError{Instructions: spent}
		if v, err := k.Look(s.guest()); err == nil {
			e.Underway = v.Underway(nil)
		}
		return nil, e
	}
	s.mounted.judge(k, a.view, s.packs())
	p := &Point{Settled: true, Packs: s.packs(), Instructions: spent}
	parts := s.Parts
	if s.Hasty {
		parts |= kernel.Unsettled
	}
	for d, pack := range p.Packs {
		state, err := a.view.State(d, pack, parts)
		if err != nil {
			return nil, err
		}
		p.Packs[d] = state
	}
	p.Volumes = a.view.Volumes()
	if d, first, blocks, ok := a.view.Swap(); ok {
		p.Swap = map[kernel.Drive]journaldev.Range{d: {From: first, To: first + blocks}}
	}
	if err := s.endBrackets(p, a); err != nil {
		return nil, &UnsettledError{Instructions: spent, Underway: p.Cut, Err: err}
	}
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

// guest is what the kernel is seen in, in the clone.
func (s *Settler) guest() *kernel.Guest {
	g := see(s.clone)
	g.Pack = s.pack
	return g
}

// attempt brings one clone to a settled instant.
type attempt struct {
	s *Settler
	c *machine.Machine
	k *kernel.Kernel

	bracketed bool // brackets are to end
	others    bool // of them those that were not stuck before
	view      *kernel.View
	unknown   error
}

// run runs the clone until it is settled, a.view, or no answer is possible, a.unknown.
func (a *attempt) run() {
	if a.settled() {
		return
	}
	quicken(a.c)
	limit := a.s.Limit
	if !a.bracketed {
		a.wait(limit, timeLimit)
		return
	}
	if !a.s.impatient {
		a.waitForBrackets(limit)
	}
	if a.over() {
		return
	}
	// The programs inside brackets stand still like all others from now on. One that a
	// debugger has stopped has done so all the time: only the debugger knows which
	// instruction it is at.
	a.bracketed = false
	a.wait(limit, timeLimit)
}

// waitForBrackets waits for the ends of brackets, and remembers which do not end. Those
// that did not the last time get no more than they would take, and stand still while
// others come to their ends.
func (a *attempt) waitForBrackets(limit uint64) {
	short := min(limit, shortLimit)
	a.wait(short, shortTime)
	if a.over() {
		return
	}
	a.others = true
	a.wait(limit-short, bracketTime)
	a.others = false
	if !a.over() {
		a.s.stuck = named(a.inside())
	}
}

func (a *attempt) over() bool { return a.view != nil || a.unknown != nil }

// brackets are those that are to end before the instant is settled.
func (a *attempt) brackets() *kernel.Brackets {
	if !a.bracketed {
		return nil
	}
	b := a.s.brackets()
	if a.others {
		b.Except = slices.Collect(maps.Keys(a.s.stuck))
	}
	return b
}

// inside returns the processes inside brackets.
func (a *attempt) inside() []kernel.Process { return a.k.Inside(a.s.guest(), a.s.brackets()) }

// settled looks whether the instant is settled, and keeps the view if it is.
func (a *attempt) settled() bool {
	g, b := a.s.guest(), a.brackets()
	switch {
	case a.s.Hasty && !g.User && !g.Waiting:
		return false
	case !a.s.Hasty && !a.k.Settled(g, b):
		return false
	}
	v, err := a.k.Look(g)
	switch {
	case err != nil:
		a.unknown = err
	case a.s.Hasty || v.Settled(b):
		a.view = v
	}
	return a.over()
}

// wait runs the clone for so many instructions and nanoseconds of virtual time at
// most. Only programs inside brackets go on, and those that they wait for; the
// scheduler never waits, and ^S does not hold the console's output.
func (a *attempt) wait(instructions, time uint64) {
	var helpers []int
	hold := func() bool {
		g := a.s.guest()
		return !a.k.InBracket(g, a.brackets()) && (helpers == nil || !a.k.Runs(g, helpers))
	}
	idle := func() bool {
		if a.settled() {
			return true
		}
		g := a.s.guest()
		a.k.Hurry(g, a.c.MMU.WritePhys)
		if helpers = a.k.Helpers(g, a.brackets()); a.bracketed && a.k.Release(g, a.c.MMU.WritePhys) {
			a.c.Console.Write(unibus.RegXCSR, 0, 0o377)
			a.c.Console.Write(unibus.RegXCSR, unibus.XCSRInterrupt, 0o377)
		}
		return false
	}
	a.c.RunHeld(time, instructions, hold, idle)
}

// find returns the kernel in the clone's memory: that in a file on a pack, or else what
// can be made out without one. To see that, the clone may have to go on until the
// kernel is not at work.
func (s *Settler) find() (*kernel.Kernel, error) {
	g := s.guest()
	if k := s.Kernel(); k != nil && k.Loaded(g) {
		return k, nil
	}
	k, err := s.findFile(g)
	if err == nil && (g.User || g.Waiting) {
		// Its name list may be another's.
		if _, wrong := k.Look(g); kernel.Why(wrong) == kernel.Contradictory {
			if p, err := kernel.Probe(g); err == nil {
				k = p
			}
		}
	}
	if err != nil {
		k, err = kernel.Probe(g)
	}
	if kernel.Why(err) == kernel.AtWork {
		quicken(s.clone)
		s.clone.RunHeld(timeLimit, shortLimit, func() bool { return true }, func() bool { return true })
		k, err = kernel.Probe(s.guest())
	}
	if err == nil {
		s.kernel.Store(k)
	}
	return k, err
}

// missed is a guest for which no file was found.
type missed struct {
	text  uint64 // its text, or what stands where that would be
	tries int
}

// again is how often a guest is looked at without going through the packs anew.
const again = 20

// findFile returns the kernel in memory if its file is on a pack. For a guest that
// stays the same the packs are gone through now and then only.
func (s *Settler) findFile(g *kernel.Guest) (*kernel.Kernel, error) {
	text := g.Text()
	if s.missed.text == text && s.missed.tries < again {
		s.missed.tries++
		return nil, kernel.ErrUnknown
	}
	s.missed = missed{text: text}
	var roots []fs.Device
	for unit := range rk.Drives {
		for _, d := range []kernel.Drive{{Controller: kernel.RK, Unit: unit}, {Controller: kernel.RP, Unit: unit}} {
			if p := s.disk(d); p != nil {
				roots = append(roots, p)
			}
		}
	}
	return kernel.Find(g, roots...)
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
