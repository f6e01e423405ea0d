package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"v7em/block"
	"v7em/commit"
	"v7em/images"
	"v7em/images/console"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/unix/kernel"
)

// diskTasks is the guest work that shows what a way of keeping packs costs. Each
// leaves the file systems as it found them.
var diskTasks = []Task{
	{
		Name:   "mkdir and rmdir",
		Script: mkdirs,
	},
	{
		Name: "cp of a tree",
		// The shell's -e does not spare what if tests.
		Script: "mkdir /tmp/t; cd /usr/doc\n" +
			"for d in `echo */. | sed 's;/\\.;;g'`; do mkdir /tmp/t/$d; cp $d/* /tmp/t/$d; done\n" +
			"rm -r /tmp/t",
	},
	{
		Name:    "make unix",
		Prepare: "cd /usr/sys/conf; mkconf <rktmconf",
		Script:  "cd /usr/sys/conf; rm -f *.o unix; make unix",
	},
}

// Mode is a way of keeping packs on the host.
type Mode struct {
	Name string
	Keep images.Keep
}

// Modes are the ways to compare; the ratios are those to the first.
var Modes = []Mode{
	{"plain", images.Keep{Journal: images.JournalOff}},
	{"journal", images.Keep{Journal: images.JournalOn, Data: journaldev.DataJournal}},
	{"ordered", images.Keep{Journal: images.JournalOn, Data: journaldev.DataOrdered}},
	{"write-through", images.Keep{Journal: images.JournalThrough}},
}

// DiskOptions say what to measure.
type DiskOptions struct {
	Config   machine.Config
	Interval time.Duration // between two commits; 0 for the default
	Runs     int           // each task, in each mode
	Settles  int           // clones to settle under load
	Work     Work          // what the guest does: V7 or Mini
}

// DiskReport is what keeping packs safe costs.
type DiskReport struct {
	Modes   []string     `json:"modes"`
	Runs    int          `json:"runs"`
	Results []DiskResult `json:"results"`
	Journal []Journaling `json:"journal"`
	Settle  Settling     `json:"settle"`
}

// DiskResult is the times of one task.
type DiskResult struct {
	Task   string               `json:"task"`
	Times  map[string][]float64 `json:"times"`  // by mode, in seconds of host time
	Ratios map[string]float64   `json:"ratios"` // of the median to that of the first mode
	// Fastest is the ratios of the fastest runs: a busy host disturbs those least.
	Fastest map[string]float64 `json:"fastest_ratios"`
}

// Journaling is what a journal did for one task in one mode.
type Journaling struct {
	Task             string  `json:"task"`
	Mode             string  `json:"mode"`
	CommitsPerSecond float64 `json:"commits_per_second"` // commit points, of all packs together
	JournalBytes     int64   `json:"journal_bytes"`
	ChangedBytes     int64   `json:"changed_bytes"` // of the ranges that changed
	// Transactions is how many were timed. Latency, in seconds, is the median
	// time from the call of Commit for one pack until it was durable, and Bare that
	// of then appending as many bytes to a file on the same disk, and fdatasync.
	Transactions int     `json:"transactions"`
	Latency      float64 `json:"latency"`
	Bare         float64 `json:"bare"`
}

// Spread is how some numbers are spread.
type Spread struct {
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Worst  float64 `json:"worst"`
}

// SpreadOf returns the spread of some numbers, zeros if there are none.
func SpreadOf[T ~int64 | ~uint64](list []T) Spread {
	if len(list) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(list))
	at := func(percent int) float64 { return float64(s[(len(s)-1)*percent/100]) }
	return Spread{at(50), at(99), at(100)}
}

// seconds is a spread of durations in seconds.
func seconds(list []time.Duration) Spread {
	s := SpreadOf(list)
	return Spread{s.Median / 1e9, s.P99 / 1e9, s.Worst / 1e9}
}

// Settling is what it takes to settle clones beside a guest under load.
type Settling struct {
	Settled      int    `json:"settled"`
	Unsettled    int    `json:"unsettled"`
	Instructions Spread `json:"instructions"`
	Settle       Spread `json:"settle"` // seconds of host time, beside the guest
	Clone        Spread `json:"clone"`  // seconds of host time, of the guest's own
}

// Disk does o.Work.Disk in each of the Modes in turn, on copies of the RK05 packs in
// dir, and then settles clones of a guest under load. The copies are made in dir, so
// that they are on the same disk of the host. progress is told what is being timed,
// and an empty task at the end.
func Disk(ctx context.Context, dir string, o DiskOptions, progress func(mode, task string)) (r *DiskReport, err error) {
	r = &DiskReport{Runs: o.Runs}
	for _, m := range Modes {
		r.Modes = append(r.Modes, m.Name)
	}
	for _, t := range o.Work.Disk {
		r.Results = append(r.Results, DiskResult{Task: t.Name, Times: map[string][]float64{},
			Ratios: map[string]float64{}, Fastest: map[string]float64{}})
	}
	tmp, err := os.MkdirTemp(dir, "bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	defer progress("", "")

	guests := make([]*kept, len(Modes))
	defer func() {
		for _, g := range guests {
			if g != nil {
				err = errors.Join(err, g.Close())
			}
		}
	}()
	for i, m := range Modes {
		progress(m.Name, "booting")
		at := filepath.Join(tmp, strconv.Itoa(i))
		if err := os.Mkdir(at, 0o777); err != nil {
			return nil, err
		}
		if err := copyPacks(at, dir, append(slices.Clone(o.Work.Disk), o.Work.load)); err != nil {
			return nil, err
		}
		if guests[i], err = bootKept(ctx, at, m.Keep, o); err != nil {
			return nil, fmt.Errorf("benchmark of %s: %w", m.Name, err)
		}
	}
	for task, t := range o.Work.Disk {
		costs := make([]cost, len(Modes))
		for run := range o.Runs + 1 {
			for i := range Modes {
				i = (i + run) % len(Modes)
				name, g := Modes[i].Name, guests[i]
				progress(name, t.Name)
				// V7 has to read everything in the first run. It is the one in which
				// commits are timed, as bare appends disturb it.
				g.log.compare = run == 0
				c, err := g.do(ctx, task)
				if err != nil {
					return nil, fmt.Errorf("benchmark of %s: %s: %w", name, t.Name, err)
				}
				if run > 0 {
					times := r.Results[task].Times
					times[name] = append(times[name], c.time.Seconds())
					costs[i] = costs[i].plus(c)
				}
			}
		}
		res := &r.Results[task]
		for i, m := range Modes {
			if i > 0 {
				times, first := res.Times[m.Name], res.Times[Modes[0].Name]
				res.Ratios[m.Name] = Median(times) / Median(first)
				res.Fastest[m.Name] = slices.Min(times) / slices.Min(first)
			}
			if guests[i].committer == nil {
				continue
			}
			j := Journaling{
				Task: t.Name, Mode: m.Name,
				CommitsPerSecond: float64(costs[i].points) / costs[i].time.Seconds(),
				JournalBytes:     costs[i].journal, ChangedBytes: costs[i].changed,
			}
			if err := guests[i].log.sum(&j); err != nil {
				return nil, err
			}
			r.Journal = append(r.Journal, j)
		}
	}
	progress("journal", "settling")
	i := slices.IndexFunc(guests, func(g *kept) bool { return g.committer != nil })
	r.Settle, err = guests[i].settle(ctx, o.Settles)
	return r, err
}

// kept is a guest of this project's machine whose packs are kept in some way.
type kept struct {
	here
	m         *machine.Machine
	committer *commit.Committer // nil without journals
	volumes   map[kernel.Drive]commit.Volume
	journaled []*journaldev.Volume
	log       *transactionLog
	load      int // its task
}

// bootKept boots a guest from the packs in a directory.
func bootKept(ctx context.Context, dir string, k images.Keep, o DiskOptions) (*kept, error) {
	packs, err := images.RK().OpenPacksAs(dir, k)
	if err != nil {
		return nil, err
	}
	log, err := openLog(filepath.Join(dir, "bare"))
	if err != nil {
		return nil, errors.Join(err, packs.Close())
	}
	g := &kept{here: here{packs: packs}, log: log, load: len(o.Work.Disk), volumes: map[kernel.Drive]commit.Volume{}}
	for unit, d := range packs.Disks {
		if v, ok := d.(*journaldev.Volume); ok {
			g.journaled = append(g.journaled, v)
			g.volumes[kernel.Drive{Controller: kernel.RK, Unit: unit}] = timedVolume{v, g.log}
		}
	}
	ready := func(m *machine.Machine) {
		g.m = m
		if len(g.journaled) > 0 {
			g.committer = commit.NewCommitter(m, g.volumes, commit.Options{Interval: o.Interval, SyncWaits: true})
		}
	}
	if _, err := g.boot(ctx, o.Config, ready); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Close ends the commit under way and closes the packs.
func (g *kept) Close() error {
	if g.committer != nil {
		g.committer.Close()
	}
	return errors.Join(g.packs.Close(), g.log.file.Close())
}

// do does a task, and times it, and then waits until the host has nothing to do for
// this guest any more.
func (g *kept) do(ctx context.Context, task int) (cost, error) {
	if err := command(ctx, g, script("p", task)); err != nil {
		return cost{}, err
	}
	if err := g.quiet(ctx); err != nil {
		return cost{}, err
	}
	if err := g.Type(ctx, script("t", task)); err != nil {
		return cost{}, err
	}
	before := g.cost()
	start := time.Now()
	if err := g.Enter(ctx); err != nil {
		return cost{}, err
	}
	took := time.Since(start)
	c := g.cost().since(before)
	c.time = took
	return c, g.quiet(ctx)
}

// quiet makes durable what the guest did, and waits until all of that is home.
func (g *kept) quiet(ctx context.Context) error {
	if g.committer == nil {
		return g.packs.Sync()
	}
	if err := g.committer.Commit("bench"); err != nil {
		return err
	}
	for _, v := range g.journaled {
		for v.Status().Pending > 0 {
			if err := errors.Join(ctx.Err(), v.Err()); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// settle settles clones of the guest while six loops run in it.
func (g *kept) settle(ctx context.Context, n int) (Settling, error) {
	g.committer.Close()
	g.committer = commit.NewCommitter(g.m, g.volumes, commit.Options{Interval: settleInterval, SyncWaits: true})
	if err := command(ctx, g, "sh /bench.t"+strconv.Itoa(g.load)+" >/dev/null 2>&1 &"); err != nil {
		return Settling{}, err
	}
	if _, err := g.session.Run(ctx, 5*console.Second); err != nil {
		return Settling{}, err
	}
	before := g.committer.Stats()
	var s commit.Stats
	for done := 0; done < n; {
		if _, err := g.session.Run(ctx, console.Second); err != nil {
			return Settling{}, err
		}
		s = g.committer.Stats()
		done = s.Settled + s.Unsettled - before.Settled - before.Unsettled
		if s.Clones-before.Clones > 4*n+100 {
			return Settling{}, fmt.Errorf("%d clones, and only %d of V7: %w", s.Clones, done, s.LastErr)
		}
	}
	settled := s.Settled - before.Settled
	return Settling{
		Settled: settled, Unsettled: s.Unsettled - before.Unsettled,
		Instructions: SpreadOf(newest(s.Instructions, settled)),
		Settle:       seconds(newest(s.SettleTimes, settled)),
		Clone:        seconds(newest(s.CloneTimes, s.Clones-before.Clones)),
	}, nil
}

// settleInterval is the time between two clones to settle.
const settleInterval = 20 * time.Millisecond

// newest returns the last n of a list, or all of it.
func newest[T any](list []T, n int) []T { return list[max(len(list)-n, 0):] }

// load starts six loops on two volumes: they make and remove directories and files,
// link and move them, copy, pipe and compile. It is one script, as a shell that has
// to share the machine with them may not prompt for long.
var load = Task{
	Name: "six loops",
	Script: `cd /tmp; mkdir 1 2 3; cd /usr/tmp; mkdir 1 2 3
for d in /tmp /usr/tmp; do
	(cd $d/1; while :; do mkdir x x/y; mv x w; rmdir w/y w; done) &
	(cd $d/2; while :; do cp /bin/ls a; ln a b; cp a c; mv c d; rm -f a b d; done) &
done
(cd /usr/tmp/3; while :; do ls -l /bin | sort +3 | tee t | wc >u; cat t | sort -r >v; rm -f t u v; done) &
(cd /tmp/3; echo 'main(){printf("42\n");}' >a.c; while :; do cc -O a.c; a.out >o; rm -f a.out o; done) &`,
}

// transactionLog times what a guest's packs commit, and bare appends beside it.
type transactionLog struct {
	compare bool // do that from now on

	mu            sync.Mutex // protects what follows
	file          journaldev.File
	end           int64
	latency, bare []time.Duration
	err           error
}

// openLog returns a log with a file of that name.
func openLog(name string) (*transactionLog, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	file, err := journaldev.NewFile(f, journaldev.SyncFdatasync)
	if err == nil {
		err = file.Sync() // the first one costs more
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &transactionLog{file: file}, nil
}

// note notes how long a transaction of n bytes took, and appends as many.
func (l *transactionLog) note(n int64, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	data := bytes.Repeat([]byte{0o125}, int(n))
	start := time.Now()
	_, err := l.file.WriteAt(data, l.end)
	if err == nil {
		err = l.file.Sync()
	}
	l.latency, l.bare = append(l.latency, took), append(l.bare, time.Since(start))
	l.end += n
	l.err = errors.Join(l.err, err)
}

// sum puts the medians into j, and forgets them.
func (l *transactionLog) sum(j *Journaling) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	j.Transactions, j.Latency, j.Bare = len(l.latency), seconds(l.latency).Median, seconds(l.bare).Median
	l.latency, l.bare = nil, nil
	return l.err
}

// timedVolume notes what each commit takes.
type timedVolume struct {
	*journaldev.Volume
	log *transactionLog
}

// Commit implements commit.Volume, for one commit at a time.
func (v timedVolume) Commit(state *block.Store, note journaldev.Note) (*journaldev.Ticket, error) {
	if !v.log.compare {
		return v.Volume.Commit(state, note)
	}
	start, before := time.Now(), v.Status().JournalBytes
	t, err := v.Volume.Commit(state, note)
	if err != nil {
		return nil, err
	}
	go func() {
		if t.Wait() != nil {
			return
		}
		took := time.Since(start)
		if n := v.Status().JournalBytes - before; n > 0 {
			v.log.note(n, took)
		}
	}()
	return t, nil
}

// cost is what a guest's work has cost: up to some moment, or between two.
type cost struct {
	time             time.Duration
	points           int   // commit points
	journal, changed int64 // bytes
}

func (g *kept) cost() cost {
	if g.committer == nil {
		return cost{}
	}
	s := g.committer.Stats()
	c := cost{points: s.Settled + s.Prefixes}
	for _, v := range g.journaled {
		st := v.Status()
		c.journal += st.JournalBytes
		c.changed += st.ChangedBytes
	}
	return c
}

// since is what c has cost since before.
func (c cost) since(before cost) cost {
	return cost{c.time - before.time, c.points - before.points, c.journal - before.journal, c.changed - before.changed}
}

// plus adds two costs.
func (c cost) plus(d cost) cost {
	return cost{c.time + d.time, c.points + d.points, c.journal + d.journal, c.changed + d.changed}
}
