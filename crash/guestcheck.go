package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"v7em/block"
	"v7em/images"
	"v7em/images/console"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/fs"
	"v7em/unix/fs/fstest"
)

// checkPrograms are those by which V7 checks a file system. Mini has none.
var checkPrograms = []string{"/bin/icheck", "/bin/dcheck"}

// guests has V7 check disks of some of the cuts of a mode, and notes where it does not
// agree with the check of unix/fs.
func (c *campaign) guests(ctx context.Context, court *court, n int, r *ModeResult) error {
	own := slices.ContainsFunc(court.Packs, func(p Pack) bool { return p.Unit == 0 && p.Dir == "/" })
	for _, name := range checkPrograms {
		for i, p := range court.Packs {
			if p.Unit == 0 {
				_, there := court.promises.index[i][name]
				own = own && there
			}
		}
	}
	root := c.GuestPacks
	if own {
		root = nil
	} else if root == nil {
		return nil // there is no V7
	}
	sample := spread(r.Cuts, n)
	c.progress.GuestTotal = len(sample)
	c.tell("", nil)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := make([][]string, len(sample))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(c.Workers, len(sample)) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(sample) || ctx.Err() != nil {
					return
				}
				var err error
				if found[i], err = court.ask(ctx, sample[i], root); err != nil {
					cancel(fmt.Errorf("the guest's check of %s: %w", sample[i], err))
					return
				}
				c.mu.Lock()
				c.progress.GuestDone++
				c.mu.Unlock()
				c.tell("", nil)
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r.GuestChecks = len(sample)
	for _, lines := range found {
		r.Disagreements = append(r.Disagreements, lines...)
	}
	return nil
}

// spread returns the IDs of n cuts, in the order of the cuts: of each outcome that
// there is as many as of the others, if it has them, evenly spread.
func spread(cuts []Cut, n int) []string {
	by := map[Outcome][]int{}
	for i, c := range cuts {
		by[c.Outcome] = append(by[c.Outcome], i)
	}
	n = min(n, len(cuts))
	share := map[Outcome]int{}
	for left := n; left > 0; {
		for _, o := range Outcomes {
			if left > 0 && share[o] < len(by[o]) {
				share[o]++
				left--
			}
		}
	}
	var chosen []int
	for o, k := range share {
		for i := range k {
			chosen = append(chosen, by[o][(2*i+1)*len(by[o])/(2*k)])
		}
	}
	slices.Sort(chosen)
	ids := make([]string, len(chosen))
	for i, k := range chosen {
		ids[i] = cuts[k].ID
	}
	return ids
}

// ask makes a cut again and has V7 check its packs: booted from them or, if that does
// not come up, on other packs; with root, always on those. It returns a line for each
// pack on which the guest does not agree.
func (c *court) ask(ctx context.Context, id string, root *images.Drives) ([]string, error) {
	p, err := parseID(id)
	if err != nil {
		return nil, err
	}
	j, err := c.judge()
	if err != nil {
		return nil, err
	}
	stores, err := j.stores(p)
	if err != nil {
		return nil, err
	}
	drives := &images.Drives{Set: images.RK(), Disks: make([]rk.Disk, rk.Drives)}
	pristine := &images.Drives{Set: images.RK(), Disks: make([]rk.Disk, rk.Drives)}
	for i, pack := range c.Packs {
		drives.Disks[pack.Unit] = machine.MemDisk{Store: stores[i].Clone()}
		pristine.Disks[pack.Unit] = machine.MemDisk{Store: pack.Start.Clone()}
	}
	if root != nil {
		if pristine, err = copyDrives(root); err != nil {
			return nil, err
		}
	}
	var booted, spare *operator
	if root == nil {
		if booted, err = sitDown(ctx, drives); err != nil && ctx.Err() != nil {
			return nil, err
		}
	}
	var lines []string
	for i, pack := range c.Packs {
		if pack.Dir == "" || !c.touched(i) {
			continue
		}
		r := fs.Check(stores[i])
		if r.Has(fs.FreeLoop) || r.Has(fs.TooTangled) || r.Has(fs.BadSuper) {
			continue // icheck goes on for ever, or believes sizes that are wrong
		}
		diff := []string{"it did not boot"}
		if booted != nil {
			if diff, err = booted.compare(ctx, pack.Unit, r); err != nil {
				booted = nil // a damaged root can come to anything
				diff = []string{err.Error()}
			}
		}
		if len(diff) > 0 {
			// The guest on a sound root has the last word.
			if spare == nil {
				if spare, err = sitDown(ctx, pristine); err != nil {
					return nil, err
				}
			}
			// Each pack goes into a drive whose blocks the guest has not seen.
			const unit = rk.Drives - 1
			o, err := spare.clone()
			if err != nil {
				return nil, err
			}
			o.m.DetachRK(unit)
			if err := o.m.AttachRK(unit, machine.MemDisk{Store: stores[i].Clone()}); err != nil {
				return nil, err
			}
			if diff, err = o.compare(ctx, unit, r); err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				diff = []string{err.Error()}
			}
		}
		for _, d := range diff {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", id, pack.Drive, d))
		}
	}
	return lines, nil
}

// touched says whether the run writes to a pack's file system.
func (c *court) touched(pack int) bool {
	for i, e := range c.Events {
		counts := func(v version) bool { return v.sector < c.Packs[pack].Swap }
		if e.Kind == Write && e.Pack == pack && (e.Journal || slices.ContainsFunc(c.versions[i], counts)) {
			return true
		}
	}
	return false
}

// stores returns the packs of a cut as recovery leaves them.
func (j *judge) stores(p point) ([]*block.Store, error) {
	f, err := j.judge(p)
	if err != nil {
		return nil, err
	}
	var list []*block.Store
	for i := range j.packs {
		s, err := j.left[i][0].store()
		if err != nil {
			return nil, err
		}
		if j.Mode == Journal && f.packs[i].err == nil {
			r, err := j.restore(i, s, new(uint64))
			if err != nil {
				return nil, err
			}
			s = r.Store
		}
		list = append(list, s)
	}
	return list, nil
}

func copyDrives(d *images.Drives) (*images.Drives, error) {
	c := &images.Drives{Set: d.Set, Disks: make([]rk.Disk, len(d.Disks))}
	for i, disk := range d.Disks {
		if disk == nil {
			continue
		}
		s, ok := disk.(machine.Snapshotter)
		if !ok {
			return nil, fmt.Errorf("the pack in drive %s%d cannot be copied", d.Set.Name, i)
		}
		c.Disks[i] = machine.MemDisk{Store: s.Snapshot()}
	}
	return c, nil
}

// operator is at the console of a guest that runs a shell for programs.
type operator struct {
	m       *machine.Machine
	console *console.Session
	out     *strings.Builder
}

func operate(m *machine.Machine) *operator {
	o := &operator{m, console.New(m), new(strings.Builder)}
	o.console.Echo = func(c byte) {
		if c &= 0o177; c != 0 && c != '\r' && c != 0o177 { // parity, padding
			o.out.WriteByte(c)
		}
	}
	return o
}

// sitDown boots V7 to the shell of single-user operation.
func sitDown(ctx context.Context, d *images.Drives) (*operator, error) {
	m, err := machine.New(machine.Config{Model: d.Set.Model(0)})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.SetClock(Epoch), d.Attach(m)); err != nil {
		return nil, err
	}
	o := operate(m)
	if err := d.Set.Boot(ctx, m, o.console); err != nil {
		return nil, err
	}
	// A terminal for programs: nothing is echoed, delayed or changed.
	o.console.Type("stty -lcase -echo cr0 nl0 tabs erase '^h' kill '^u'\r")
	if _, err := o.console.Expect(ctx, commandLimit, "# ", "$ "); err != nil {
		return nil, err
	}
	_, err = o.command(ctx, "PS1='"+prompt+"' PS2=")
	return o, err
}

func (o *operator) clone() (*operator, error) {
	m, err := o.m.Clone()
	if err != nil {
		return nil, err
	}
	return operate(m), nil
}

// command gives the shell a command and returns what it prints.
func (o *operator) command(ctx context.Context, c string) (string, error) {
	o.out.Reset()
	o.console.Type(c + "\r")
	_, err := o.console.Expect(ctx, 10*commandLimit, prompt)
	return strings.TrimSuffix(o.out.String(), prompt), err
}

// compare has the guest check the pack in a drive, and returns where it does not agree
// with our report. The error says that it has not checked.
func (o *operator) compare(ctx context.Context, unit int, r *fs.Report) ([]string, error) {
	var out []string
	for _, program := range checkPrograms {
		text, err := o.command(ctx, fmt.Sprintf("%s /dev/rk%d", program, unit))
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	if _, err := fstest.ParseIcheck(out[0]); err != nil {
		return nil, err
	}
	return fstest.Compare(r, out[0], out[1]), nil
}
