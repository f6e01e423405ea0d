package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"v7em/block"
	"v7em/commit"
	"v7em/images"
	"v7em/images/console"
	"v7em/internal/hostfile"
	"v7em/journaldev"
	"v7em/keys"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/kernel"
)

// session is a machine in use, from its first power-on to the end, through any number
// of power cuts between.
//
// open puts packs into the drives and powers on; start lets the machine run, in a
// goroutine of its own; halt waits for that to end. Then leave ends the session, or
// cut cuts the power and reopen powers on again. close comes last.
type session struct {
	o    *bootOptions
	dir  string
	conf images.Config
	set  *images.Set
	lock *journaldev.DirLock
	// show gets what the machine prints, as the user is to see it, and say a line of
	// v7em's own. Both are called by any goroutine.
	show  func(p []byte)
	say   func(format string, args ...any)
	watch *watcher // nil without --screen

	drives map[string]images.Pack // what is in them; of the machine's goroutine while there is one
	off    map[string]images.Pack // what was in them when the power was cut; closed
	behind error                  // what was taken out of them, and is not kept whole
	m      *machine.Machine
	// committer commits the journaled packs; nil without a journal. It belongs
	// to the goroutine that runs the machine.
	committer *commit.Committer
	c         *console.Session
	warm      bool      // the machine goes on from a saved state: it need not boot
	saved     time.Time // when that was saved; zero if it does not tell

	// Of the goroutine that runs the machine.
	keyboard keys.Keyboard
	decoder  keys.Decoder
	full     bool   // more was typed than can wait
	looked   uint64 // when the kernel was looked for last, in virtual time
	boot     booting
	tail     []byte // the latest output
	multi    bool   // V7 has asked for a login
	// kernel is the V7 that was seen to run when it had come up; nil: none was.
	kernel *kernel.Kernel

	running atomic.Bool // between start and halt
	stopRun context.CancelFunc
	req     chan func(*machine.Machine) // work for that goroutine
	booted  chan struct{}               // closed when the guest is up, or the user may see to it
	ended   chan struct{}               // closed when that goroutine has ended; then these tell why:
	stop    machine.Stop
	failed  error
}

// leaving says how the user wants to leave the machine.
type leaving int

const (
	stay leaving = iota
	leaveSync
	leaveSave
	leaveCut
	// Those are no leaving at all: the power comes back.
	cutAndBoot
	syncAndBoot
)

// open takes the machine's directory, puts its packs into the drives and powers on.
func (o *bootOptions) open(ctx context.Context, errs io.Writer) (*session, error) {
	dir, err := o.machineDir()
	if err != nil {
		return nil, err
	}
	dir, isMini, err := o.prepare(ctx, dir, errs)
	if err != nil {
		return nil, err
	}
	o.single = o.single || isMini // mini has one user
	s := &session{o: o, dir: dir}
	if o.screen {
		s.watch = o.watch()
	}
	if s.conf, err = o.config(dir); err != nil {
		return nil, err
	}
	if s.set, err = s.conf.Set(); err != nil {
		return nil, err
	}
	s.keyboard.Plain = s.conf.PlainKeys
	if o.setKeys {
		s.keyboard.Plain = o.plain
	}
	s.keyboard.Console = s.console
	s.keyboard.Wait = s.keysWait
	s.keyboard.Show = func(p []byte) { s.show(p) }
	s.keyboard.Say = func(format string, args ...any) { s.say(format, args...) }
	if s.lock, err = journaldev.LockDir(dir, "v7em boot"); err != nil {
		return nil, err
	}
	if err := s.insertPacks(errs); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// insertPacks puts the directory's packs into the drives and powers on.
func (s *session) insertPacks(errs io.Writer) error {
	packs, err := patiently(context.Background(), func() (*images.Packs, error) {
		return s.set.OpenPacksAs(s.dir, s.o.keep)
	})
	if err != nil {
		return err
	}
	s.drives = packs.ByDrive()
	tellRecovery(errs, s.drives, "\n")
	if s.o.restore == "" {
		return s.powerOn()
	}
	for unit := range packs.Disks {
		name := fmt.Sprintf("%s%d", s.set.Name, unit)
		if p := s.drives[name]; p != nil {
			packs.Disks[unit] = s.watch.disk(name, p)
		}
	}
	if s.m, s.saved, err = restore(s.o.restore, packs); err != nil {
		return err
	}
	s.warm = true
	s.committer = s.o.committer(s.m, s.drives, 0, s.tell)
	return nil
}

// powerOn makes a machine of what is in the drives.
func (s *session) powerOn() (err error) {
	if s.m, err = newMachine(s.conf, 0); err != nil {
		return err
	}
	d := images.Drives{Set: s.set, Disks: make([]rk.Disk, s.set.Units)}
	for name, p := range s.drives {
		if drive, err := parseDrive(name); err == nil && drive.rp == (s.set.Name == "rp") && drive.unit < len(d.Disks) {
			d.Disks[drive.unit] = p
		}
	}
	// The clock of a pack that is not V7's is left alone; boot says so.
	if err := d.SetClock(time.Now()); err != nil && !errors.As(err, new(*images.ForeignError)) {
		return err
	}
	for name, p := range s.drives {
		if err := insert(s.m, name, s.watch.disk(name, p)); err != nil {
			return err
		}
	}
	s.committer = s.o.committer(s.m, s.drives, 0, s.tell)
	s.warm, s.tail, s.multi, s.kernel = false, nil, false, nil
	s.keyboard.Restart()
	return nil
}

// insert puts a pack into a drive.
func insert(m *machine.Machine, name string, p rk.Disk) error {
	d, err := parseDrive(name)
	if err != nil {
		return err
	}
	if d.rp {
		return m.AttachRP(d.unit, p)
	}
	return m.AttachRK(d.unit, p)
}

// restore reads a saved machine.
func restore(file string, packs *images.Packs) (m *machine.Machine, at time.Time, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, at, err
	}
	defer f.Close()
	var p machine.Packs
	if packs.Set.Name == "rp" {
		copy(p.RP[:], packs.Disks)
	} else {
		copy(p.RK[:], packs.Disks)
	}
	m, at, err = machine.Restore(f, p)
	if err != nil {
		return nil, at, fmt.Errorf("%s: %w", file, err)
	}
	return m, at, nil
}

// wake has the clock of a guest that was saved catch up with the host's, and returns what
// its user should know: when it was saved, and if its clock stays behind.
func wake(m *machine.Machine, saved, now time.Time) string {
	slept := now.Sub(saved).Round(time.Second)
	switch {
	case saved.IsZero():
		return "the machine goes on where it was saved; its clock stays behind: V7's date sets it"
	case slept < 0:
		return fmt.Sprintf("the machine goes on; it was saved at %s, which is still to come: its clock is ahead, V7's "+
			"date sets it",
			saved.Format(time.DateTime))
	case slept > machine.BehindLimit:
		return fmt.Sprintf("the machine goes on where it was saved at %s; its clock stays at that time: V7's date sets it",
			saved.Format(time.DateTime))
	}
	m.Behind(now.Sub(saved))
	return fmt.Sprintf("the machine goes on where it was saved %v ago; its clock catches up", slept)
}

// start boots the guest, if it is not running, and lets it run until halt.
func (s *session) start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stopRun = stop
	s.req, s.booted, s.ended = make(chan func(*machine.Machine)), make(chan struct{}), make(chan struct{})
	s.stop, s.failed = 0, nil
	s.c = console.New(s.m)
	s.c.Echo = s.printed
	s.c.Paced = machine.SystemClock()
	s.c.Requests = s.req
	s.m.Console.Typist = &s.keyboard
	s.watch.attend(s.m, s.drives)
	s.watch.note(s.committer)
	s.running.Store(true)
	go s.run(ctx)
}

// run is the goroutine that runs the machine, until that stops or ctx ends.
func (s *session) run(ctx context.Context) {
	defer close(s.ended)
	defer func() {
		if p := recover(); p != nil {
			s.failed = fmt.Errorf("a fault of v7em's own: %v\n%s", p, debug.Stack())
		}
	}()
	if !s.warm {
		if err := s.comeUp(ctx); ctx.Err() != nil {
			return // the caller has thought better of it
		} else if err != nil {
			s.failed = err
			return
		}
	}
	s.kernel, _ = images.Recognize(s.m, nil) // not V7, or not yet
	close(s.booted)
	// The context's end is no error: the caller ended it.
	s.stop = machine.StopRequested
	for s.stop == machine.StopRequested && ctx.Err() == nil { // it may be one of an earlier run
		s.stop, _ = s.m.RunPaced(ctx, s.c.Paced, s.req)
	}
}

// halt ends the machine's goroutine.
func (s *session) halt() {
	s.stopRun()
	<-s.ended
	s.running.Store(false)
	s.m.Console.Typist = nil
}

// printed shows a character of the machine's.
func (s *session) printed(c byte) {
	s.show(s.keyboard.Printed(c))
	if s.tail = append(s.tail, c&0o177); len(s.tail) > len(images.LoginPrompt) {
		s.tail = s.tail[1:]
	}
	s.multi = s.multi || string(s.tail) == images.LoginPrompt
}

// do lets the machine's goroutine do something. It returns false if there is no running
// machine any more, or ctx has ended.
func (s *session) do(ctx context.Context, f func(m *machine.Machine)) bool {
	done := make(chan struct{})
	select {
	case s.req <- func(m *machine.Machine) { defer close(done); f(m) }:
	case <-s.ended:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-done:
		return true
	case <-s.ended:
		return false
	}
}

// byForce says what becomes of the machine when nobody can be asked.
func (s *session) byForce() leaving {
	if s.o.save != "" {
		return leaveSave
	}
	return leaveSync
}

// packErr returns a failed write to the host of a pack that is not committed, if there is
// one: the committer tells of the others.
func (s *session) packErr(ctx context.Context) (err error) {
	s.do(ctx, func(*machine.Machine) {
		for _, p := range s.drives {
			if _, committed := p.(*journaldev.Volume); err == nil && !committed {
				err = p.Err()
			}
		}
	})
	return err
}

// leave ends the machine, which has been halted.
func (s *session) leave(how leaving) error {
	switch how {
	case leaveSave:
		// What is not committed is in the state.
		err := s.commitLast("save")
		if serr := s.saveState(); serr != nil {
			return errors.Join(err, &saveError{serr})
		}
		s.say("saved in %s", s.o.save)
		return err
	case leaveSync:
		return s.powerOff()
	case leaveCut:
		l := s.cut()
		s.say("the power is cut")
		return l.failed()
	}
	return nil
}

// whole commits, and says whether all packs are durable then as V7's own sync would leave
// them, every operation whole. V7 need not be asked: that takes interrupting whatever has
// the terminal, and a rmdir that is interrupted leaves half a directory.
func (s *session) whole() bool {
	if s.committer == nil || s.committer.Commit("power off") != nil {
		return false
	}
	st := s.committer.Status()
	return st.Promise == commit.WholeOperations && len(st.Volumes) == 0
}

// powerOff has V7 write everything out, or takes that out of its memory, and commits it. A
// guest that is not V7 is asked for nothing: what it has written is committed.
func (s *session) powerOff() error {
	k, foreign := images.Recognize(s.m, s.kernel)
	if foreign != nil {
		s.say("%v: it is not asked to write anything out", foreign)
	} else if s.say("the guest writes everything out"); !s.whole() {
		s.c.Echo, s.c.Paced = nil, nil
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		answered, err := images.Shutdown(ctx, s.m, s.c, k)
		if s.committer == nil && (err != nil || !answered && !s.multi) {
			s.say("no shell answered the sync: what it had not written is lost")
		}
	}
	err := s.commitLast("power off")
	if err == nil {
		s.say("powered off")
	}
	return err
}

// cut cuts the power of the machine, which has been halted. The packs are closed
// then, as a power failure leaves them.
func (s *session) cut() *loss {
	l := cutNow(s.o.host, s.drives)
	if s.committer != nil {
		u := s.committer.Undone()
		l.undone = &u
		s.closeCommitter()
	}
	s.off, s.drives = s.drives, nil
	return l
}

// reopen opens what was in the drives when the power went off, notes in l, if there is
// one, what that has repaired, and powers on.
func (s *session) reopen(l *loss) error {
	s.drives = map[string]images.Pack{}
	for _, name := range slices.Sorted(maps.Keys(s.off)) {
		path, kind := s.off[name].Path(), s.off[name].Kind()
		var before *block.Store
		if l != nil {
			before = readImage(path, kind)
		}
		p, err := s.o.keep.Open(path, kind, name)
		if err != nil {
			return err
		}
		s.drives[name] = p
		if l != nil {
			l.drives[name].back(p, before)
		}
	}
	return s.powerOn()
}

// closeAndReopen closes the packs of a machine that was powered off, opens them again and
// powers on.
func (s *session) closeAndReopen() error {
	s.closeCommitter()
	for _, name := range slices.Sorted(maps.Keys(s.drives)) {
		old := s.drives[name]
		delete(s.drives, name)
		if err := old.Close(); err != nil {
			return err
		}
		p, err := s.o.keep.Open(old.Path(), old.Kind(), name)
		if err != nil {
			return err
		}
		s.drives[name] = p
		for _, line := range packLines(p) {
			s.say("%s: %s", name, line)
		}
	}
	return s.powerOn()
}

// tell says what the committer has to say.
func (s *session) tell(line string) { s.say("%s", line) }

// commit makes what the guest has done durable in the journals.
func (s *session) commit(reason string) error {
	if s.committer == nil {
		return nil
	}
	return s.committer.Commit(reason)
}

// commitLast is commit when nothing comes after it: the error says what is not kept.
func (s *session) commitLast(reason string) error {
	if s.committer == nil {
		return nil
	}
	return s.committer.Last(reason)
}

// commitStopped makes durable what a machine has done that has stopped by itself: it is
// off then, and what it had finished is finished.
func (s *session) commitStopped() error {
	return s.commitLast("stopped")
}

func (s *session) closeCommitter() {
	if s.committer != nil {
		s.committer.Close()
		s.committer = nil
	}
}

// drivesChanged has the packs that are in the drives now committed.
func (s *session) drivesChanged() {
	s.watch.packs(s.drives)
	if s.committer != nil {
		s.committer.SetVolumes(volumes(s.drives))
	}
}

// saveError is why a machine could not be saved.
type saveError struct{ err error }

func (e *saveError) Error() string { return fmt.Sprintf("the machine is not saved: %v", e.err) }
func (e *saveError) Unwrap() error { return e.err }

// checkSave says why the machine's state cannot be saved in a file, nil if nothing seems to
// be in its way. What is there and is no saved machine, a pack say, is left alone.
func checkSave(file string) error {
	if st, err := os.Stat(filepath.Dir(file)); err != nil {
		return err
	} else if !st.IsDir() {
		return fmt.Errorf("%s is no directory", filepath.Dir(file))
	}
	st, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !st.Mode().IsRegular():
		return fmt.Errorf("%s is no file that a machine could be saved in", file)
	case st.Size() == 0:
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if !machine.IsSaved(f) {
		return fmt.Errorf("%s is there, and is no saved machine: it is left alone; choose another name", file)
	}
	return nil
}

// saveState writes the machine's state.
func (s *session) saveState() error {
	if err := checkSave(s.o.save); err != nil {
		return err
	}
	return hostfile.Replace(s.o.save, hostfile.Options{Perm: 0o600}, func(f *hostfile.File) error {
		return s.m.Save(f, time.Now())
	})
}

// close closes everything in the drives and gives back the directory.
func (s *session) close() error {
	var errs []error
	s.closeCommitter()
	for _, p := range s.drives {
		errs = append(errs, p.Close())
	}
	s.drives = nil
	// The lock ends with the process in any case.
	_ = s.lock.Unlock()
	return errors.Join(errs...)
}
