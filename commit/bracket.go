package commit

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"v7em/block"
	"v7em/machine"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// processes are the names of programs, by process number.
type processes map[int]string

func named(list []kernel.Process) processes {
	s := processes{}
	for _, p := range list {
		s[p.PID] = p.Name
	}
	return s
}

// brackets are those of the clone.
func (s *Settler) brackets() *kernel.Brackets {
	return &kernel.Brackets{Programs: s.Programs, PIDs: s.clone.Brackets.PIDs()}
}

// endBrackets completes in a captured state what programs inside brackets have half
// done, if some are, and remembers which.
func (s *Settler) endBrackets(p *Point, a *attempt) error {
	if s.Unbracketed || s.Hasty {
		return nil
	}
	p.Cut = a.inside()
	cut := named(p.Cut)
	maps.DeleteFunc(s.stuck, func(pid int, name string) bool { return cut[pid] != name })
	// One that waits for somebody is not waited for, but may have begun something.
	b := s.brackets()
	b.Waiting = true
	if len(a.k.Inside(s.guest(), b)) == 0 {
		s.whole, s.left = p.Packs, nil
		return nil
	}
	if s.left == nil {
		s.left = map[kernel.Volume]map[fs.Half]bool{}
	}
	for _, v := range p.Volumes {
		if v.ReadOnly || v.Wrong != "" || p.Packs[v.Drive] == nil {
			continue
		}
		pack := p.Packs[v.Drive].Clone()
		done, err := complete(region(pack, v), s.halvesBefore(v), a.view.Time)
		switch {
		case errors.Is(err, fs.ErrDamaged), errors.Is(err, fs.ErrNotV7):
			p.Damaged = append(p.Damaged, fmt.Sprintf("%v: %v", v.Drive, err))
			continue
		case err != nil:
			return fmt.Errorf("%v: %w", v.Drive, err)
		}
		p.Packs[v.Drive] = pack
		for _, h := range done {
			p.Completed = append(p.Completed, fmt.Sprintf("%v: %v", v.Drive, h))
		}
	}
	return nil
}

// inserted says that a drive has got another pack. No program of the guest has begun
// anything there yet.
func (s *Settler) inserted(m *machine.Machine, d kernel.Drive) {
	disk := m.RK.Disk(d.Unit)
	if d.Controller == kernel.RP {
		disk = m.RP.Disk(d.Unit)
	}
	whole := map[kernel.Drive]*block.Store{}
	maps.Copy(whole, s.whole)
	delete(whole, d)
	if pack, ok := disk.(machine.Snapshotter); ok {
		whole[d] = pack.Snapshot()
	}
	s.whole, s.left = whole, nil
}

// region is the part of a pack that a volume is.
func region(pack *block.Store, v kernel.Volume) fs.Region {
	return fs.Region{Device: pack, Start: v.First, N: v.Blocks}
}

// halvesBefore returns the half directories of a volume at the newest point at which
// nobody was inside a bracket. They were left so, and stay.
func (s *Settler) halvesBefore(v kernel.Volume) map[fs.Half]bool {
	key := kernel.Volume{Drive: v.Drive, First: v.First, Blocks: v.Blocks}
	if m, ok := s.left[key]; ok {
		return m
	}
	m := map[fs.Half]bool{}
	if pack := s.whole[v.Drive]; pack != nil && pack.Blocks() >= v.First+v.Blocks {
		if f, err := fs.Open(region(pack, v)); err == nil { // else it was not mounted then
			list, _ := f.Halves()
			for _, h := range list {
				m[h] = true
			}
		}
	}
	s.left[key] = m
	return m
}

// complete makes the half directories of a file system whole, but for those that were
// there before, and returns them.
func complete(dev fs.Device, before map[fs.Half]bool, now int32) ([]fs.Half, error) {
	f, err := fs.Open(dev)
	if err != nil {
		return nil, err
	}
	f.SetClock(fs.UnixTime(now))
	list, err := f.Halves()
	skip := func(h fs.Half) bool { return before[h] }
	if err != nil || !slices.ContainsFunc(list, func(h fs.Half) bool { return !skip(h) }) {
		return nil, err
	}
	checker := fs.Checker{Brief: true}
	was := checker.Check(dev)
	done, err := f.CompleteHalves(skip)
	if err := errors.Join(err, f.Sync()); err != nil {
		return nil, err
	}
	// Damage can make a directory look half done, and be made worse.
	if is := checker.Check(dev); is.Harmful > was.Harmful || is.Harmful+is.Harmless >= was.Harmful+was.Harmless {
		return nil, fmt.Errorf("half directories: %w", fs.ErrDamaged)
	}
	return done, nil
}
