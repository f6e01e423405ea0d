package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"v7em/escape"
	"v7em/rk"
)

func bootCommand() *cobra.Command {
	var o bootOptions
	cmd := &cobra.Command{
		Use:   "boot",
		Short: "Boot V7 on this terminal (the default)",
		Long: `Boot starts V7 on this terminal and takes it to multi-user operation; log in as
root, with the password root. Where no machine is installed it installs one
first, or boots mini, a small system of our own, when there is no copy of V7 to
be had.

Backspace erases a character, ^U the line, ^C interrupts, and # and @ are
ordinary characters. Up and Down bring lines back, Left, Right, Home, End and
Delete edit the line. V7 itself has #, @ and DEL for the first three, until stty
chooses others, and knows no arrows: with --plain-keys all keys reach it as they
are, as they do in its raw and cbreak modes and before it is up. ^E opens a menu
over the running machine, with a way out.

The menu can cut the power and boot again, and says then what was lost and what
was repaired. With --fragile the host takes part in that: it forgets what no
sync had covered, as a real one does. A plain pack (--journal off) is never
synced, so it loses all that the host has not yet written back by itself.

--screen shows the machine at work beside its console: the packs block by block,
the transactions, the journals, the processor; F1 says what is what. It has keys
of its own for the menu's power switches, and wants a terminal of 80 columns and
24 rows, or better 121 and 40.

V7's clock starts from the host's. It shows the time of its own zone, New York,
by the daylight saving rules of its day, which ended in 2006. A machine that
--restore brings back lives through the time since it was saved, if that is no
more than a week, as fast as it can: its clock is right again in a moment.`,
		Example: `  v7em boot
  v7em boot --single --plain-keys
  v7em boot --model 45 --memory 256K
  v7em boot --disk rp
  v7em boot --guest mini
  v7em boot --screen --fragile
  v7em boot --fragile --journal off
  v7em boot --dir ~/v7 --save state; v7em boot --dir ~/v7 --restore state`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.setKeys = cmd.Flags().Changed("plain-keys")
			return o.run(cmd)
		},
	}
	f := cmd.Flags()
	o.machineFlags.add(f)
	o.keepFlags.add(f)
	o.guestFlags.add(f)
	f.BoolVar(&o.single, "single", false, "stay in single-user operation, where V7 writes capitals until stty -lcase")
	f.StringVar(&o.kernel, "kernel", "", "the `name` of the kernel in the root directory (default: unix)")
	f.BoolVar(&o.plain, "plain-keys", false, "leave the terminal's keys alone (default: v7em.conf, or no)")
	f.BoolVar(&o.screen, "screen", false, "show the machine at work beside its console")
	f.StringVar(&o.save, "save", "", "where the menu saves the machine's state; a signal saves it there too")
	f.StringVar(&o.restore, "restore", "", "go on from a `file` that --save made instead of booting")
	return cmd
}

type bootOptions struct {
	machineFlags
	guestFlags
	keepFlags
	single, plain, setKeys bool
	screen                 bool
	kernel                 string
	save, restore          string
}

func (o *bootOptions) run(cmd *cobra.Command) (err error) {
	if o.restore != "" && (o.model != 0 || o.memory != "" || o.single || o.kernel != "") {
		return usagef("--restore goes on with the machine that was saved: --model, --memory, --single and --kernel do " +
			"not apply")
	}
	if err := errors.Join(o.machineFlags.check(), o.keepFlags.check(), o.guestFlags.check()); err != nil {
		return err
	}
	if !isTerminal(cmd.InOrStdin()) || !isTerminal(cmd.OutOrStdout()) {
		return errors.New("booting needs a terminal on standard input and output; v7em run does without")
	}
	if o.save != "" {
		if err := checkSave(o.save); err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	in := cmd.InOrStdin().(*os.File)
	out, _ := fileOf(cmd.OutOrStdout()) // it is a terminal
	ctx := cmd.Context()
	s, err := o.open(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.close(); err == nil {
			err = cerr
		}
	}()
	t := &terminal{session: s, in: in, out: out}
	return t.run(ctx)
}

// terminal is a session on the user's terminal.
type terminal struct {
	*session
	in, out *os.File
	screen  display
	keys    chan []byte // from the terminal; closed when it is gone
	rest    []byte      // of them, not yet looked at

	choosing  atomic.Bool   // the menu waits for a choice
	continued chan struct{} // told when v7em goes on that was stopped
}

// run is the user's session. It leaves the terminal as it was. The error says, too, what
// was not kept of packs that were taken out on the way.
func (t *terminal) run(ctx context.Context) error {
	err := t.sit(ctx)
	return errors.Join(err, t.behind)
}

// sit is the session itself.
func (t *terminal) sit(ctx context.Context) error {
	t.keys = make(chan []byte, 16)
	if t.watch != nil {
		if err := t.openScreen(); err != nil {
			return err
		}
	} else {
		s, err := openPlain(t.in, t.out)
		if err != nil {
			return err
		}
		t.screen = s
		t.keyboard.Width = s.width
		go t.readKeys()
	}
	defer t.screen.close()
	t.show = t.screen.write
	t.say = func(format string, args ...any) {
		t.screen.say("v7em: "+escape.Line(fmt.Sprintf(format, args...))+"\r\n", t.running.Load())
	}
	defer t.jobs(ctx)()
	t.say("^E opens the menu")
	if t.warm {
		t.say("%s", wake(t.m, t.saved, time.Now()))
	}
	for {
		t.watch.starts(ctx, t.drives)
		t.start()
		how, err := t.serve(ctx)
		if err != nil {
			t.screen.hurry()
		}
		t.halt()
		t.watch.stops()
		switch {
		case t.failed != nil:
			return errors.Join(t.failed, t.commitStopped())
		case how == stay: // it has stopped by itself, or before it was up
			if cerr := t.commitStopped(); cerr != nil {
				return errors.Join(err, cerr)
			}
			if !t.bootsAgain(ctx, err) {
				return err
			}
			how = syncAndBoot
		case how != cutAndBoot && how != syncAndBoot:
			lerr := t.leave(how)
			if err == nil && errors.As(lerr, new(*saveError)) { // the user can try another file
				t.say("%v; the machine goes on", lerr)
				t.o.save, t.warm = "", true
				continue
			}
			err = errors.Join(lerr, err)
			if how != leaveSync || err != nil || !t.bootsAgain(ctx, nil) {
				return err
			}
			how = syncAndBoot
		case how == syncAndBoot:
			if err := t.leave(leaveSync); err != nil {
				return err
			}
		}
		if how == syncAndBoot {
			err = t.closeAndReopen()
		} else {
			err = t.cutAndReopen()
		}
		if err != nil {
			return err
		}
	}
}

// cutAndReopen cuts the power, powers on again and says what that has meant.
func (t *terminal) cutAndReopen() error {
	l := t.cut()
	t.say("the power is cut")
	if err := t.reopen(l); err != nil {
		return errors.Join(err, l.failed())
	}
	for _, line := range l.told() {
		t.say("%s", line)
	}
	t.say("the power is on again")
	return nil
}

// readKeys reads the terminal until it is gone.
func (t *terminal) readKeys() {
	defer close(t.keys)
	buf := make([]byte, 4096)
	for {
		n, err := t.in.Read(buf)
		t.pass(buf[:n])
		if err != nil || n == 0 {
			return
		}
	}
}

// pass passes on what the terminal has sent. ^E is passed on alone: what follows may be
// for the menu.
func (t *terminal) pass(p []byte) {
	for len(p) > 0 {
		n := 1
		if p[0] != keyMenu {
			if n = bytes.IndexByte(p, keyMenu); n < 0 {
				n = len(p)
			}
		}
		t.keys <- slices.Clone(p[:n])
		p = p[n:]
	}
}

// serve passes keys on and serves the menu until it is time to leave.
func (t *terminal) serve(ctx context.Context) (leaving, error) {
	warned := false
	check := time.NewTicker(time.Second)
	defer check.Stop()
	var late <-chan time.Time // for the rest of what a key sends
	wait := func(d time.Duration) {
		if late = nil; d > 0 {
			late = time.After(d)
		}
	}
	for {
		if p := t.rest; len(p) > 0 {
			t.rest = nil
			if p[0] == keyMenu {
				if how := t.menu(ctx); how != stay {
					return how, nil
				}
			} else {
				wait(t.typed(ctx, p...))
			}
		}
		select {
		case p, ok := <-t.keys:
			if !ok {
				return t.byForce(), errors.New("the terminal is gone")
			}
			t.rest = p
		case <-late:
			wait(t.late(ctx))
		case <-t.continued:
			t.redisplay(ctx)
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
