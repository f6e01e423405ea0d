package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"v7em/commit"
	"v7em/images"
	"v7em/images/console"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
)

func bootCommand() *cobra.Command {
	var o bootOptions
	cmd := &cobra.Command{
		Use:   "boot",
		Short: "Boot V7 on this terminal (the default)",
		Long: `Boot starts V7 on this terminal and takes it to multi-user operation; log in as root,
with the password root. Where no machine is installed it installs one first, or boots
mini, a small system of our own, when there is no copy of V7 to be had.

Backspace erases a character, ^U the line, ^C interrupts, and # and @ are ordinary
characters. V7 itself has #, @ and DEL for the first three: with --plain-keys all keys
reach it as they are. ^E opens a menu over the running machine, with a way out.

V7's clock starts from the host's. It shows the time of its own zone, New York, by the
daylight saving rules of its day, which ended in 2006.`,
		Example: `  v7em boot
  v7em boot --single --plain-keys
  v7em boot --model 45 --memory 256K
  v7em boot --disk rp
  v7em boot --guest mini
  v7em boot --dir ~/v7 --save state; v7em boot --dir ~/v7 --restore state`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.setKeys = cmd.Flags().Changed("plain-keys")
			return o.run(cmd)
		},
	}
	f := cmd.Flags()
	o.machineFlags.add(f)
	o.keepFlags.add(f)
	o.guestFlags.add(f)
	f.BoolVar(&o.single, "single", false, "stay in single-user operation")
	f.StringVar(&o.kernel, "kernel", "", "the `name` of the kernel in the root directory (default: unix)")
	f.BoolVar(&o.plain, "plain-keys", false, "leave the terminal's keys alone (default: v7em.conf, or no)")
	f.StringVar(&o.save, "save", "", "where the menu saves the machine's state; a signal saves it there too")
	f.StringVar(&o.restore, "restore", "", "go on from a `file` that --save made instead of booting")
	return cmd
}

type bootOptions struct {
	machineFlags
	guestFlags
	keepFlags
	single, plain, setKeys bool
	kernel                 string
	save, restore          string
}

func (o *bootOptions) run(cmd *cobra.Command) (err error) {
	if !isTerminal(cmd.InOrStdin()) || !isTerminal(cmd.OutOrStdout()) {
		return errors.New("booting needs a terminal on standard input and output; v7em run does without")
	}
	in, out := cmd.InOrStdin().(*os.File), cmd.OutOrStdout().(*os.File)
	if o.restore != "" && (o.model != 0 || o.memory != "" || o.single || o.kernel != "") {
		return usagef("--restore goes on with the machine that was saved: --model, --memory, --single and --kernel do not apply")
	}
	if err := errors.Join(o.keepFlags.check(), o.guestFlags.check()); err != nil {
		return err
	}
	ctx := cmd.Context()
	dir, err := o.machineDir()
	if err != nil {
		return err
	}
	dir, isMini, err := o.prepare(ctx, dir, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	o.single = o.single || isMini // mini has one user
	c, err := o.config(dir)
	if err != nil {
		return err
	}
	set, err := c.Set()
	if err != nil {
		return err
	}
	lock, err := journaldev.LockDir(dir, "v7em boot")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	packs, err := set.OpenPacksAs(dir, o.keep)
	if err != nil {
		return err
	}
	tellRecovery(cmd.ErrOrStderr(), packs.ByDrive(), "\n")
	t := &terminal{
		in: in, out: out, dir: dir, save: o.save, set: set, drives: packs.ByDrive(), keep: o.keep,
		keyboard: keyboard{plain: c.PlainKeys},
		req:      make(chan func(*machine.Machine)),
		ended:    make(chan struct{}),
	}
	if o.setKeys {
		t.keyboard.plain = o.plain
	}
	defer func() {
		if cerr := t.closePacks(); err == nil {
			err = cerr
		}
	}()
	if o.restore != "" {
		if t.m, err = restore(o.restore, packs); err != nil {
			return err
		}
	} else {
		if t.m, err = newMachine(c, 0); err != nil {
			return err
		}
		if err := packs.SetClock(time.Now()); err != nil {
			return err
		}
		if err := packs.Attach(t.m); err != nil {
			return err
		}
	}
	t.committer = o.committer(t.m, t.drives)
	return t.run(ctx, o)
}

// restore reads a saved machine.
func restore(file string, packs *images.Packs) (*machine.Machine, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var p machine.Packs
	if packs.Set.Name == "rp" {
		copy(p.RP[:], packs.Disks)
	} else {
		copy(p.RK[:], packs.Disks)
	}
	m, err := machine.Restore(f, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

// terminal is a machine's console on the user's terminal.
type terminal struct {
	in, out *os.File
	dir     string // the machine's directory
	save    string // where its state goes
	set     *images.Set
	drives  map[string]images.Pack // what is in them
	keep    images.Keep            // how they are kept on the host
	m       *machine.Machine
	// committer commits the journaled packs; nil without a journal. It belongs
	// to the goroutine that runs the machine.
	committer *commit.Committer
	c         *console.Session
	screen    *screen
	keys      chan byte // from the terminal; closed when it is gone

	// Of the goroutine that runs the machine.
	keyboard keyboard
	tail     []byte // the latest output
	multi    bool   // V7 has asked for a login

	req   chan func(*machine.Machine) // work for that goroutine
	ended chan struct{}               // closed when it has ended; then these tell why:
	stop  machine.Stop
	crash error
}

// leaving says how the user wants to leave the machine.
type leaving int

const (
	stay leaving = iota
	leaveSync
	leaveCut
	leaveSave
)

// run is the user's session. It leaves the terminal as it was.
func (t *terminal) run(ctx context.Context, o *bootOptions) error {
	old, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	// A terminal that is gone cannot be restored, and need not be.
	defer func() { _ = term.Restore(int(t.in.Fd()), old) }()
	t.screen = newScreen(t.out)
	defer t.screen.close()
	t.keys = make(chan byte, 256)
	go t.readKeys()

	t.c = console.New(t.m)
	t.c.Echo = t.show
	t.c.Paced = machine.SystemClock()
	t.say("^E opens the menu")
	if o.restore == "" {
		if err := t.boot(ctx, o); err != nil {
			return err
		}
	}

	running, halt := context.WithCancel(context.Background())
	defer halt()
	go t.machine(running)
	how, err := t.serve(ctx)
	if err != nil {
		t.screen.hurry()
	}
	halt()
	<-t.ended
	if t.crash != nil {
		return t.crash
	}
	if how == stay {
		return err // it has stopped by itself
	}
	return errors.Join(t.leave(how), err)
}

// boot takes V7 to where the options want it.
func (t *terminal) boot(ctx context.Context, o *bootOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := t.set.BootKernel(ctx, t.m, t.c, o.kernel)
	if err == nil && !o.single {
		err = images.MultiUser(ctx, t.c)
	}
	if errors.As(err, new(*images.BootError)) || errors.As(err, new(*console.Error)) {
		// The user sees what is on the console, and may know what to do.
		t.say("V7 did not come up by itself; ^E opens the menu")
		return nil
	}
	return err
}

// readKeys reads the terminal until it is gone.
func (t *terminal) readKeys() {
	defer close(t.keys)
	buf := make([]byte, 256)
	for {
		n, err := t.in.Read(buf)
		for _, c := range buf[:n] {
			t.keys <- c
		}
		if err != nil || n == 0 {
			return
		}
	}
}

// show puts a character of the machine's on the screen.
func (t *terminal) show(c byte) {
	t.screen.write(t.keyboard.shown(c, t.m.Now()))
	if t.tail = append(t.tail, c&0o177); len(t.tail) > len(images.LoginPrompt) {
		t.tail = t.tail[1:]
	}
	t.multi = t.multi || string(t.tail) == images.LoginPrompt
}

// say puts a line of v7em's own on the screen.
func (t *terminal) say(format string, args ...any) {
	t.screen.write([]byte("v7em: " + fmt.Sprintf(format, args...) + "\r\n"))
}

// machine runs the machine until it stops or ctx ends.
func (t *terminal) machine(ctx context.Context) {
	defer close(t.ended)
	defer func() {
		if p := recover(); p != nil {
			t.crash = fmt.Errorf("a fault of v7em's own: %v\n%s", p, debug.Stack())
		}
	}()
	// The context's end is no error: the caller ended it.
	t.stop, _ = t.m.RunPaced(ctx, t.c.Paced, t.req)
}

// do lets the machine's goroutine do something. It returns false if there is no
// running machine any more, or ctx has ended.
func (t *terminal) do(ctx context.Context, f func(m *machine.Machine)) bool {
	done := make(chan struct{})
	select {
	case t.req <- func(m *machine.Machine) { defer close(done); f(m) }:
	case <-t.ended:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-done:
		return true
	case <-t.ended:
		return false
	}
}

// typed passes a key on to the machine.
func (t *terminal) typed(ctx context.Context, c byte) {
	t.do(ctx, func(m *machine.Machine) {
		m.Console.Type(t.keyboard.key(c, m.Now())...)
	})
}

// serve passes keys on and serves the menu until it is time to leave.
func (t *terminal) serve(ctx context.Context) (leaving, error) {
	warned := false
	check := time.NewTicker(time.Second)
	defer check.Stop()
	for {
		select {
		case c, ok := <-t.keys:
			switch {
			case !ok:
				return t.byForce(), errors.New("the terminal is gone")
			case c == keyMenu:
				if how := t.menu(ctx); how != stay {
					return how, nil
				}
			default:
				t.typed(ctx, c)
			}
		case <-ctx.Done():
			return t.byForce(), errors.New("ended by a signal")
		case <-t.ended:
			return stay, fmt.Errorf("the machine has stopped: %v at PC %06o", t.stop, t.m.CPU.R[7])
		case <-check.C:
			if err := t.packErr(ctx); err != nil && !warned {
				t.say("%v; the pack is read-only now", err)
				warned = true
			}
		}
	}
}

// byForce says what becomes of the machine when nobody can be asked.
func (t *terminal) byForce() leaving {
	if t.save != "" {
		return leaveSave
	}
	return leaveSync
}

// packErr returns a pack's failed write to the host, if there is one.
func (t *terminal) packErr(ctx context.Context) (err error) {
	t.do(ctx, func(*machine.Machine) {
		for _, p := range t.drives {
			if err == nil {
				err = p.Err()
			}
		}
	})
	return err
}

// leave ends the machine, which does not run any more.
func (t *terminal) leave(how leaving) error {
	switch how {
	case leaveSave:
		if err := t.commit("save"); err != nil {
			return err
		}
		if err := t.saveState(); err != nil {
			return err
		}
		t.say("saved in %s", t.save)
	case leaveSync:
		t.say("V7 writes everything out")
		t.c.Echo, t.c.Paced = nil, nil
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		answered, err := images.Shutdown(ctx, t.m, t.c)
		switch {
		case t.committer != nil:
			if err := t.commit("power off"); err != nil {
				return err
			}
		case err != nil || !answered && !t.multi:
			t.say("no shell answered the sync: what V7 had not written is lost")
		}
		t.say("powered off")
	case leaveCut:
		for name, p := range t.drives {
			if v, ok := p.(*journaldev.Volume); ok {
				v.Cut()
				delete(t.drives, name)
			}
		}
		t.say("the power is cut")
	}
	return nil
}

// commit makes what the guest has done durable in the journals.
func (t *terminal) commit(reason string) error {
	if t.committer == nil {
		return nil
	}
	return t.committer.Commit(reason)
}

// saveState writes the machine's state, and gives the file its name when it is
// complete.
func (t *terminal) saveState() (err error) {
	f, err := os.CreateTemp(filepath.Dir(t.save), filepath.Base(t.save)+".part*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	err = t.m.Save(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), t.save)
}

// closePacks closes everything in the drives.
func (t *terminal) closePacks() error {
	var errs []error
	if t.committer != nil {
		t.committer.Close()
	}
	for _, p := range t.drives {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// drive is a drive's name taken apart.
type drive struct {
	name string // "rk0" to "rk7", "rp0" to "rp7"
	rp   bool
	unit int
}

func parseDrive(s string) (drive, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) == 3 && (s[:2] == "rk" || s[:2] == "rp") && s[2] >= '0' && s[2] < '0'+rk.Drives {
		return drive{s, s[:2] == "rp", int(s[2] - '0')}, nil
	}
	return drive{}, fmt.Errorf("%q is no drive: want rk0 to rk7 or rp0 to rp7", s)
}
