package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"v7em/block"
	"v7em/commit"
	"v7em/images"
	"v7em/images/console"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// RecordOptions say what is recorded.
type RecordOptions struct {
	Mode     Mode
	Workload Workload
	// Packs are those of the guest, V7 or mini, in RK05 drives: machine.Snapshotters,
	// which are not changed.
	Packs   *images.Drives
	Machine machine.Config // the default is what goes with the disks
	Drives  rk.Timing      // of the guest's drives during the workload; the default is DefaultDrives
	Now     time.Time      // the guest's clock at boot; the default is Epoch

	Keep KeepOptions // how the packs are journaled; the zero value stands for StressKeep
	Flaw Flaw        // a mistake, for tests
	// Limit is the virtual time, in nanoseconds, that the workload may take; 0 for an
	// hour.
	Limit uint64
	// Progress, if not nil, is told now and then of the virtual time of the workload
	// and of the events so far.
	Progress func(nanos uint64, events int)
}

// Epoch is the guest's clock at boot unless options say otherwise.
var Epoch = time.Date(1983, time.March, 14, 15, 9, 26, 0, time.UTC)

// DefaultDrives are drives that make the guest wait, and writes queue, if not as long as
// an RK05 does.
var DefaultDrives = rk.Timing{Overhead: 2_000_000}

// How long things may take, in virtual time.
const (
	commandLimit  = 60 * console.Second
	workloadLimit = 3600 * console.Second
	settleTime    = 1 * console.Second // what the drives get to write what is queued
	recordSlice   = 5_000_000          // between two looks at the volumes
)

// Names that a recording has in the guest.
const (
	scriptFile = "/crash.sh"
	workDir    = "/crash" // on the root's pack
	otherDir   = "/usr/tmp"
)

// recorder is a machine that is recorded.
type recorder struct {
	o       RecordOptions
	ctx     context.Context
	m       *machine.Machine
	console *console.Session
	out     strings.Builder // printed since the last command
	mounts  map[int]string  // by unit

	trace
	run     *Run
	packs   []*pack
	settler *commit.Settler
	watcher *commit.Watcher
	calls   map[int]begun  // by process
	execs   map[int]uint64 // when processes called for their program
	told    []Tree         // by pack: what Ops have accounted for
	open    []map[string]bool
	drives  map[uint16]int // packs by device number
	err     error

	journal
}

// begun is a call that was made.
type begun struct {
	at  uint64
	ops int // that had returned
}

// pack is a pack in a drive that is recorded.
type pack struct {
	r     *recorder
	index int
	unit  int
	mode  Mode
	names names
	bad   bool // it has no file system
	*block.Store
}

// WriteBlock is the guest's.
func (p *pack) WriteBlock(n int, b []byte) error {
	if err := p.Store.WriteBlock(n, b); err != nil {
		return err
	}
	now := p.r.m.Now()
	p.r.add(now, Event{Kind: Write, Pack: p.index, Off: int64(n) * block.Size, Data: slices.Clone(b)})
	if p.mode == WriteThrough {
		p.r.add(now, Event{Kind: Sync, Pack: p.index})
	}
	return nil
}

// ReadOnly implements rk.Disk.
func (p *pack) ReadOnly() bool { return false }

// Snapshot implements machine.Snapshotter.
func (p *pack) Snapshot() *block.Store { return p.Store.Clone() }

// Record boots the guest on copies of its packs, runs the workload once, and returns
// what happened. The same options give the same Run.
func Record(ctx context.Context, o RecordOptions) (*Run, error) {
	r := &recorder{o: o, ctx: ctx, calls: map[int]begun{}, execs: map[int]uint64{}, drives: map[uint16]int{}, settler: commit.NewSettler()}
	r.settler.Unbracketed = true
	if !slices.Contains(Modes, o.Mode) {
		return nil, fmt.Errorf("recording: no mode %q", o.Mode)
	}
	if o.Limit == 0 {
		r.o.Limit = workloadLimit
	}
	r.o.Keep = cmp.Or(o.Keep, StressKeep)
	if k := r.o.Keep; k.SyncTime < 0 || k.Pause < 0 {
		return nil, fmt.Errorf("recording: a sync that takes %v, and %v after it", k.SyncTime, k.Pause)
	}
	r.sync, r.pause = uint64(r.o.Keep.SyncTime), uint64(r.o.Keep.Pause)
	if err := r.boot(); err != nil {
		return nil, fmt.Errorf("recording: booting the guest: %w", err)
	}
	if err := r.insert(); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	if err := r.work(); err != nil {
		return nil, fmt.Errorf("recording the workload %s: %w", o.Workload.Name, err)
	}
	return r.run, nil
}

// boot boots the guest, with the workload on its pack, and mounts the packs.
func (r *recorder) boot() error {
	if r.o.Packs == nil || r.o.Packs.Set.Name != "rk" {
		return errors.New("the packs must be RK05s")
	}
	d := &images.Drives{Set: r.o.Packs.Set, Disks: make([]rk.Disk, len(r.o.Packs.Disks))}
	for i, disk := range r.o.Packs.Disks {
		if disk == nil {
			continue
		}
		s, ok := disk.(machine.Snapshotter)
		if !ok {
			return fmt.Errorf("the pack in drive rk%d cannot be copied", i)
		}
		d.Disks[i] = machine.MemDisk{Store: s.Snapshot()}
	}
	now := r.epoch()
	tree, mounts, err := d.Mounted(nil)
	if err != nil {
		return err
	}
	tree.SetClock(now)
	err = errors.Join( // these are copies: nothing is in the workload's way
		tree.RemoveAll(scriptFile), tree.RemoveAll(workDir), tree.Empty(otherDir),
		tree.Put(scriptFile, strings.NewReader(r.o.Workload.Script), fs.Attr{Perm: 0o755, MTime: now}),
		tree.Sync(), d.SetClock(now))
	if err != nil {
		return err
	}
	cfg := r.o.Machine
	if cfg.Model == 0 {
		cfg.Model = d.Set.Model(0)
	}
	if r.m, err = machine.New(cfg); err != nil {
		return err
	}
	if err := d.Attach(r.m); err != nil {
		return err
	}
	r.console = console.New(r.m)
	r.console.Echo = func(c byte) {
		if c &= 0o177; c != 0 && c != '\r' && c != 0o177 { // parity, padding
			r.out.WriteByte(c)
		}
	}
	if err := d.Set.Boot(r.ctx, r.m, r.console); err != nil {
		return err
	}
	// A terminal for programs: nothing is echoed, delayed or changed.
	r.console.Type("stty -lcase -echo cr0 nl0 tabs erase '^h' kill '^u'\r")
	if _, err := r.console.Expect(r.ctx, commandLimit, "# ", "$ "); err != nil {
		return err
	}
	r.console.Type("PS1='" + prompt + "' PS2=\r")
	if _, err := r.console.Expect(r.ctx, commandLimit, prompt); err != nil {
		return err
	}
	commands := []string{"PATH=:/bin:/usr/bin HOME=/; export PATH HOME; umask 2; rm -f /etc/mtab; cat /dev/null >/etc/mtab"}
	r.mounts = map[int]string{0: "/"}
	for _, m := range mounts {
		var unit int
		if _, err := fmt.Sscanf(m.Device, "/dev/rk%d", &unit); err != nil {
			return fmt.Errorf("%s is mounted, which is no pack of its own", m.Device)
		}
		r.mounts[unit] = m.Dir
		commands = append(commands, fmt.Sprintf("/etc/mount %s %s", m.Device, m.Dir)) // mini has done it
	}
	commands = append(commands, "mkdir "+workDir, "test -d "+otherDir+" || mkdir "+otherDir)
	for _, c := range append(commands, "sync", "sync") {
		if _, err := r.command(c); err != nil {
			return err
		}
	}
	_, err = r.console.Run(r.ctx, settleTime)
	return err
}

// epoch is the guest's clock at boot.
func (r *recorder) epoch() time.Time {
	if r.o.Now.IsZero() {
		return Epoch
	}
	return r.o.Now
}

// prompt is one that no program prints by chance.
const prompt = "\x02v7\x03"

// command gives the shell a command and returns what it prints.
func (r *recorder) command(c string) (string, error) {
	r.out.Reset()
	r.console.Type(c + "\r")
	_, err := r.console.Expect(r.ctx, commandLimit, prompt)
	return strings.TrimSuffix(r.out.String(), prompt), err
}

// insert puts packs that are recorded into the drives, in place of those that are
// there.
func (r *recorder) insert() error {
	r.now = r.m.Now
	r.run = &Run{Mode: r.o.Mode, SyncTime: r.sync}
	for unit := range rk.Drives {
		disk, ok := r.m.RK.Disk(unit).(machine.MemDisk)
		if !ok {
			continue
		}
		drive := fmt.Sprintf("rk%d", unit)
		s := disk.Store
		p := Pack{Drive: drive, Unit: unit, Dir: r.mounts[unit], Start: s.Clone(), Swap: s.Blocks()}
		if p.Dir != "" {
			if rep := fs.Check(s); !rep.Clean() {
				return fmt.Errorf("%s is damaged before the workload: %v", drive, rep)
			}
			f, err := fs.Open(s)
			if err != nil {
				return fmt.Errorf("%s: %w", drive, err)
			}
			p.Swap = int(f.Super().FSize)
		}
		rec := &pack{r: r, index: len(r.packs), unit: unit, mode: r.o.Mode, Store: s, bad: p.Dir == ""}
		if !rec.bad {
			if _, err := rec.names.update(s); err != nil {
				return fmt.Errorf("%s: %w", drive, err)
			}
			p.Tree = maps.Clone(rec.names.tree)
		}
		r.packs = append(r.packs, rec)
		r.told = append(r.told, maps.Clone(p.Tree))
		r.open = append(r.open, map[string]bool{})
		r.run.Packs = append(r.run.Packs, p)
	}
	for i, p := range r.packs {
		disk, err := r.keep(p, &r.run.Packs[i])
		if err != nil {
			return err
		}
		r.m.DetachRK(p.unit)
		if err := r.m.AttachRK(p.unit, disk); err != nil {
			return err
		}
	}
	// The kernel is there, with all packs mounted.
	point, err := r.settle()
	if err != nil {
		return err
	}
	if !point.Settled || len(point.Volumes) != len(r.mounts) {
		return fmt.Errorf("the guest has %d file systems mounted, and should have %d", len(point.Volumes), len(r.mounts))
	}
	for _, v := range point.Volumes {
		for i, p := range r.packs {
			if v.Drive == (kernel.Drive{Controller: kernel.RK, Unit: p.unit}) {
				r.drives[v.Dev] = i
			}
		}
	}
	r.commits()
	r.watcher = commit.Watch(r.m, r.settler.Kernel, r.called, r.returned)
	return nil
}

// settle returns a settled state of the packs, inside brackets too.
func (r *recorder) settle() (*commit.Point, error) {
	if err := r.settler.Clone(r.m); err != nil {
		return nil, err
	}
	return r.settler.Settle()
}

// work runs the workload.
func (r *recorder) work() error {
	r.m.RK.SetTiming(cmp.Or(r.o.Drives, DefaultDrives))
	r.on, r.begin = true, r.m.Now()
	r.out.Reset()
	r.console.Type("sh " + scriptFile + "\r")
	ctx, leave := images.Attend(r.ctx, r.m)
	err := r.await(ctx, r.o.Limit, prompt)
	leave()
	if err == nil {
		// What is queued, and the commits under way.
		if err = r.await(r.ctx, settleTime, ""); errors.As(err, new(*console.Error)) {
			err = nil
		}
	}
	if err != nil && (r.o.Flaw == "" || r.ctx.Err() != nil) {
		return err
	}
	r.on = false
	r.run.Output = strings.TrimSuffix(r.out.String(), prompt)
	r.account()
	r.run.Events, r.run.Time = r.events, r.m.Now()-r.begin
	return nil
}

// await lets the machine run until it has printed a text.
func (r *recorder) await(ctx context.Context, limit uint64, text string) error {
	texts := []string{text}
	if text == "" {
		texts = nil
	}
	for end := r.m.Now() + limit; ; {
		slice := min(recordSlice, end-r.m.Now())
		if due, ok := r.due(); ok {
			slice = min(slice, max(due, r.m.Now()+1)-r.m.Now())
		}
		_, err := r.console.Expect(ctx, slice, texts...)
		r.attend()
		var e *console.Error
		switch {
		case r.err != nil:
			return r.err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			return nil
		case !errors.As(err, &e) || e.Stop != machine.StopLimit || r.m.Now() >= end:
			return err
		}
		if r.o.Progress != nil {
			r.o.Progress(r.m.Now()-r.begin, len(r.events))
		}
	}
}

// attend lets the host's disk and the committer get on.
func (r *recorder) attend() {
	if r.m.Attend != nil {
		r.m.Attend()
	}
}

// called notes when a system call is made.
func (r *recorder) called(c commit.Call) {
	r.calls[c.PID] = begun{r.m.Now(), len(r.run.Ops)}
}

// returned records that a system call has returned, and what it changed.
func (r *recorder) returned(c commit.Call) {
	b := r.calls[c.PID]
	delete(r.calls, c.PID)
	if !r.on || r.err != nil {
		return
	}
	now := r.m.Now()
	switch {
	case c.Name == "sync":
		r.add(now, Event{Kind: Synced, Op: b.ops})
		return
	case c.Failed:
		return
	case c.Name == "exec":
		r.execs[c.PID] = b.at
		return
	}
	op := Op{
		Called: r.since(b.at), Returned: r.time(now), Began: r.since(r.execs[c.PID]),
		PID: c.PID, Program: c.Program, Call: c.Name,
	}
	if len(c.Paths) > 0 {
		op.Path = c.Paths[0]
	}
	op.Changes = r.changes(&c)
	r.run.Ops = append(r.run.Ops, op)
	r.add(now, Event{Kind: Return, Op: len(r.run.Ops) - 1})
}

// since returns how long after the workload's beginning a time is.
func (r *recorder) since(at uint64) uint64 { return at - min(at, r.begin) }

// changes returns what has changed since the call before, but for what calls have
// done that are still under way: the settled state has those done.
func (r *recorder) changes(c *commit.Call) []Change {
	point, err := r.settle()
	if err != nil || !point.Settled {
		// It can be that something does not end. The next call accounts for it.
		if err != nil && r.o.Flaw == "" && !errors.As(err, new(*commit.UnsettledError)) {
			r.fail(err)
		}
		return nil
	}
	var list []Change
	for i, p := range r.packs {
		if p.bad {
			continue
		}
		changed, err := p.names.update(point.Packs[kernel.Drive{Controller: kernel.RK, Unit: p.unit}])
		if err != nil {
			if r.o.Flaw == "" {
				r.fail(fmt.Errorf("rk%d: %w", p.unit, err))
			}
			continue
		}
		for _, name := range changed {
			r.open[i][name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(r.open[i])) {
			v, is := p.names.tree[name]
			if was, ok := r.told[i][name]; was == v && ok == is {
				delete(r.open[i], name)
				continue
			}
			if c != nil && !r.concerns(c, i, name) {
				other := false
				r.watcher.Underway(func(u *commit.Call) { other = other || r.concerns(u, i, name) })
				if other {
					continue
				}
			}
			delete(r.open[i], name)
			if is {
				r.told[i][name] = v
			} else {
				delete(r.told[i], name)
			}
			list = append(list, Change{Pack: i, Path: name, Is: v})
		}
	}
	return list
}

// concerns says whether a call may be what changes a name of a pack.
func (r *recorder) concerns(c *commit.Call, pack int, name string) bool {
	if c.Name == "write" {
		i, ok := r.drives[c.Dev]
		return ok && i == pack && slices.Contains(r.packs[i].names.paths[c.Inode], name)
	}
	for _, p := range c.Paths {
		p = strings.TrimRight(p, "/")
		last := p[strings.LastIndexByte(p, '/')+1:]
		if last != "" && strings.Contains(name+"/", "/"+last+"/") {
			return true
		}
	}
	return false
}

// account has the last call account for what none has.
func (r *recorder) account() {
	if n := len(r.run.Ops); n > 0 {
		op := &r.run.Ops[n-1]
		op.Changes = append(op.Changes, r.changes(nil)...)
	}
}

func (r *recorder) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.m.Stop()
}
