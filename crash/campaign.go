package crash

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"v7em/block"
	"v7em/images"
	"v7em/journaldev"
	"v7em/unix/fs"
)

// CampaignOptions say which cuts are made of runs.
type CampaignOptions struct {
	Workload string  // the name of what was run, for the Result
	Guest    string  // likewise, of the guest: "v7" or "mini"
	Models   []Model // empty for all
	Points   int     // cuts for each mode and model; 0 for all of them
	Seed     uint64
	// GuestCheck says for how many cuts, of all modes, V7's own icheck and dcheck run
	// on the disks. GuestPacks are V7's RK05 packs, machine.Snapshotters, for a guest
	// that has no such programs; it is not checked if they are nil.
	GuestCheck int
	GuestPacks *images.Drives
	Workers    int // how many goroutines; 0 for as many as Go runs at once

	// Progress, if not nil, is told how far the campaign is: after every few hundred
	// cuts, at the end of each mode, and never by two goroutines at once.
	Progress func(Progress)
}

// Progress is how far a campaign is.
type Progress struct {
	Mode  Mode
	Model Model // of the newest cuts; empty while guests check

	// The cuts of the mode: how many are made, of how many, and what they came to.
	Done, Total int
	Counts      map[Model]map[Outcome]int

	// The cuts of all modes.
	AllDone, AllTotal int

	// Guests that have checked in this mode, and how many will.
	GuestDone, GuestTotal int
}

// chunk is how many cuts a worker makes between two looks at the others.
const chunk = 256

// Campaign cuts the power of recorded runs, one of each mode, and says what the cuts
// came to. The Result depends on the runs and the options only, not on Workers.
//
// When the context ends the Result has the cuts that were made, which depend on more,
// together with the error.
func Campaign(ctx context.Context, runs []*Run, o CampaignOptions) (*Result, error) {
	if len(o.Models) == 0 {
		o.Models = Models
	}
	for _, m := range o.Models {
		if !slices.Contains(Models, m) {
			return nil, fmt.Errorf("crash campaign: no model %q", m)
		}
	}
	if o.Points < 0 || o.GuestCheck < 0 {
		return nil, errors.New("crash campaign: a number of points or of guest checks that makes no sense")
	}
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	res := &Result{Version: ResultVersion, Workload: o.Workload, Guest: o.Guest, Seed: o.Seed, Points: "all",
		Models: o.Models, Modes: []ModeResult{}}
	if o.Points > 0 {
		res.Points = strconv.Itoa(o.Points)
	}
	c := &campaign{CampaignOptions: o}
	courts := make([]*court, len(runs))
	points := make([][]point, len(runs))
	for i, run := range runs {
		var err error
		if courts[i], err = newCourt(run, o.Seed); err != nil {
			return nil, fmt.Errorf("crash campaign, %s: %w", run.Mode, err)
		}
		for _, m := range o.Models {
			points[i] = append(points[i], choose(courts[i].points(m), o.Points, o.Seed)...)
		}
		c.progress.AllTotal += len(points[i])
	}
	for i, court := range courts {
		// Each mode has its part of the guest's checks.
		m, err := c.mode(ctx, court, points[i], (i+1)*o.GuestCheck/len(courts)-i*o.GuestCheck/len(courts))
		if m != nil {
			res.Modes = append(res.Modes, *m)
		}
		if err != nil {
			err = fmt.Errorf("crash campaign, %s: %w", court.Mode, err)
			if ctx.Err() == nil {
				res = nil
			}
			return res, err
		}
		courts[i] = nil // and what it remembers
	}
	return res, nil
}

// campaign is one that is under way.
type campaign struct {
	CampaignOptions
	mu       sync.Mutex
	progress Progress
}

// tell counts cuts that are made, and tells of them.
func (c *campaign) tell(model Model, cuts []Cut) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.progress
	p.Model = model
	p.Done += len(cuts)
	p.AllDone += len(cuts)
	for _, cut := range cuts {
		if p.Counts[cut.Model] == nil {
			p.Counts[cut.Model] = map[Outcome]int{}
		}
		p.Counts[cut.Model][cut.Outcome]++
	}
	if c.Progress != nil {
		q := *p
		q.Counts = map[Model]map[Outcome]int{}
		for m, counts := range p.Counts {
			q.Counts[m] = maps.Clone(counts)
		}
		c.Progress(q)
	}
}

// mode makes the cuts of one run, and has the guest check some. When the context ends
// before that the result has the cuts that were made, together with the error.
func (c *campaign) mode(ctx context.Context, court *court, points []point, guests int) (*ModeResult, error) {
	c.progress = Progress{Mode: court.Mode, Total: len(points), AllDone: c.progress.AllDone,
		AllTotal: c.progress.AllTotal, Counts: map[Model]map[Outcome]int{}}
	cuts := make([]Cut, len(points))
	// A judge goes through the events once, so each model, all cuts of which are in
	// the order of their events, has its own.
	for from := 0; from < len(points); {
		to := from
		for to < len(points) && points[to].model == points[from].model {
			to++
		}
		if err := c.judge(ctx, court, points[from:to], cuts[from:to]); err != nil {
			if ctx.Err() == nil {
				return nil, err
			}
			made := slices.DeleteFunc(cuts, func(c Cut) bool { return c.ID == "" })
			r, rerr := court.modeResult(made)
			return r, cmp.Or(rerr, err)
		}
		from = to
	}
	r, err := court.modeResult(cuts)
	if err != nil {
		return nil, err
	}
	if guests > 0 {
		if err := c.guests(ctx, court, guests, r); err != nil {
			return r, err
		}
	}
	c.tell(c.progress.Model, nil)
	return r, nil
}

// judge judges the cuts of one model.
func (c *campaign) judge(ctx context.Context, court *court, points []point, cuts []Cut) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(c.Workers, (len(points)+chunk-1)/chunk) {
		wait.Go(func() {
			j, err := court.judge()
			for err == nil {
				from := int(next.Add(chunk)) - chunk
				if from >= len(points) {
					return
				}
				to := min(from+chunk, len(points))
				for i := from; i < to && err == nil; i++ {
					var f *finding
					if err = ctx.Err(); err == nil {
						if f, err = j.judge(points[i]); err == nil {
							cuts[i] = f.Cut
						}
					}
				}
				if err == nil {
					c.tell(points[from].model, cuts[from:to])
				}
			}
			cancel(err)
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

// modeResult sums up a run and its cuts.
func (c *court) modeResult(cuts []Cut) (*ModeResult, error) {
	r := &ModeResult{
		Mode: c.Mode, Time: c.Time, Ops: []OpInfo{}, Synced: []uint64{}, Cuts: cuts,
		Counts: map[Model]map[Outcome]int{}, Kinds: map[fs.Kind]int{}, Disagreements: []string{},
	}
	for _, o := range c.Ops {
		r.Ops = append(r.Ops, OpInfo{Called: o.Called, Returned: o.Returned, Program: o.Program, Call: o.Call, Path: o.Path})
	}
	for _, e := range c.Events {
		switch e.Kind {
		case Write:
			r.Writes++
			r.Bytes += int64(len(e.Data))
		case Sync:
			r.Syncs++
		case Synced:
			r.Synced = append(r.Synced, e.Time)
		}
	}
	for _, cut := range cuts {
		if r.Counts[cut.Model] == nil {
			r.Counts[cut.Model] = map[Outcome]int{}
		}
		r.Counts[cut.Model][cut.Outcome]++
		for _, k := range cut.Kinds {
			r.Kinds[k]++
		}
	}
	var err error
	if r.Blocks, err = c.blockWrites(); err != nil {
		return nil, err
	}
	r.Commits = c.commits()
	return r, nil
}

// records calls f for every record that a write to a journal begins, with the kind and
// the number of the transaction: see "The journal file" in journaldev/format.go.
func (e Event) records(f func(kind byte, id uint64)) {
	for at := 0; at+64 <= len(e.Data); at += block.Size {
		if b := e.Data[at:]; string(b[:4]) == "V7JR" {
			f(b[4], binary.LittleEndian.Uint64(b[48:]))
		}
	}
}

// commits counts the transactions of which the mark was made durable.
func (c *court) commits() (n int) {
	marks := make([]int, len(c.Packs)) // that are not
	for _, e := range c.Events {
		switch {
		case e.Kind == Write && e.Journal:
			e.records(func(kind byte, _ uint64) {
				if kind == 'C' {
					marks[e.Pack]++
				}
			})
		case e.Kind == Sync && e.Journal:
			n += marks[e.Pack]
			marks[e.Pack] = 0
		}
	}
	return n
}

// what names what a block is used for.
var what = map[journaldev.Use]string{
	journaldev.UseFile: "file", journaldev.UseDir: "directory", journaldev.UseChain: "free",
	journaldev.UseIList: "indirect",
	journaldev.UseInode: "inode", journaldev.UseSuper: "superblock",
}

// blockWrites tells what each write was.
func (c *court) blockWrites() ([]BlockWrite, error) {
	uses, err := c.uses()
	if err != nil {
		return nil, err
	}
	list := []BlockWrite{}
	for i, e := range c.Events {
		if e.Kind != Write {
			continue
		}
		for k, v := range c.versions[i] {
			w := BlockWrite{Event: i, Time: e.Time, Drive: c.Packs[e.Pack].Drive, Block: v.sector, Count: 1, What: "journal"}
			if !e.Journal {
				w.What = uses[i][k]
			}
			if n := len(list); n > 0 {
				if last := &list[n-1]; last.Event == i && last.What == w.What && last.Block+last.Count == w.Block {
					last.Count++
					continue
				}
			}
			list = append(list, w)
		}
	}
	return list, nil
}

// uses tells of each write to an image what its blocks are. A guest writes a block
// before or after what says what the block is for, so what counts is the last that is
// said of it until it is written again; or, if nothing is, what was said before.
func (c *court) uses() ([][]string, error) {
	list := make([][]string, len(c.Events))
	type place struct{ event, at int }
	for i, p := range c.Packs {
		open := map[int]place{} // of each block, the newest write of which that is not clear
		store := p.Start.Clone()
		layout := journaldev.Detect(store)
		was := journaldev.Survey(store, layout)
		for n, e := range c.Events {
			if e.Kind != Write || e.Pack != i || e.Journal {
				continue
			}
			list[n] = make([]string, len(c.versions[n]))
			meta := false
			for k, v := range c.versions[n] {
				if err := store.WriteBlock(v.sector, v.data); err != nil {
					return nil, err
				}
				use := journaldev.UseOther
				if v.sector < len(was) {
					use = was[v.sector]
				}
				switch w := &list[n][k]; {
				case v.sector >= p.Swap:
					*w = "swap"
				case v.sector == 0:
					*w = "boot"
				case use == journaldev.UseSuper || use == journaldev.UseInode:
					*w, meta = what[use], true
				default:
					meta = meta || use == journaldev.UseIList || use == journaldev.UseChain
					open[v.sector] = place{n, k}
					if *w = what[use]; *w == "" {
						*w = "file"
						if chain(v.data, p.Swap) {
							*w = "free"
						}
					}
				}
			}
			if !meta {
				continue
			}
			is := journaldev.Survey(store, layout)
			for b, at := range open {
				if name := what[is[b]]; name != "" && is[b] != was[b] {
					list[at.event][at.at] = name
				}
			}
			was = is
		}
	}
	return list, nil
}

// chain says whether a block looks like one of the free chain.
func chain(b []byte, blocks int) bool {
	n := int(binary.LittleEndian.Uint16(b))
	if n < 1 || n > fs.NICFree {
		return false
	}
	for i := range n {
		if a := fs.Long(b[2+4*i:]); a < fs.FirstIBlock && (a != 0 || i > 0) || int(a) >= blocks {
			return false
		}
	}
	return true
}
