package commit

import (
	"errors"
	"fmt"
	"maps"

	"v7em/block"
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
	if s.Unbracketed {
		return nil
	}
	p.Cut = a.inside()
	cut := named(p.Cut)
	maps.DeleteFunc(s.stuck, func(pid int, name string) bool { return cut[pid] != name })
	// One that waits for somebody is not waited for, but may have begun something.
	b := s.brackets()
	b.Waiting = true
	if len(a.k.Inside(s.guest(), b)) == 0 {
		s.whole = p.Packs
		return nil
	}
	for _, v := range p.Volumes {
		if v.ReadOnly || v.Wrong != "" || p.Packs[v.Drive] == nil {
			continue
		}
		at := func(pack *block.Store) fs.Region { return fs.Region{Device: pack, Start: v.First, N: v.Blocks} }
		before := map[fs.Half]bool{}
		if was := s.whole[v.Drive]; was != nil && was.Blocks() >= v.First+v.Blocks {
			before = halves(at(was))
		}
		pack := p.Packs[v.Drive].Clone()
		done, err := complete(at(pack), before, a.view.Time)
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

// halves returns the half directories of a file system at an earlier point. Nobody was
// at work at them then: they were left so, and stay.
func halves(dev fs.Device) map[fs.Half]bool {
	m := map[fs.Half]bool{}
	f, err := fs.Open(dev)
	if err != nil {
		return m // it was not mounted then
	}
	list, err := f.Halves()
	if err != nil {
		return m
	}
	for _, h := range list {
		m[h] = true
	}
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
	if err != nil {
		return nil, err
	}
	var done []fs.Half
	var was fs.Report
	checker := fs.Checker{Brief: true}
	for _, h := range list {
		if before[h] {
			continue
		}
		if done == nil {
			was = *checker.Check(dev)
		}
		if err := f.Complete(h); err != nil {
			return nil, err
		}
		done = append(done, h)
	}
	if done == nil {
		return nil, nil
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	// Damage can make a directory look half done, and be made worse.
	if is := checker.Check(dev); is.Harmful > was.Harmful || is.Harmful+is.Harmless >= was.Harmful+was.Harmless {
		return nil, fmt.Errorf("half directories: %w", fs.ErrDamaged)
	}
	return done, nil
}
