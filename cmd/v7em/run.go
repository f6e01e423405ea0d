package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"v7em/images"
	"v7em/journaldev"
	"v7em/machine"
)

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [flags] [--] [COMMANDS]",
		Short: "Run shell commands in V7 and print what they print",
		Long: `Run boots V7 without a terminal, mounts all packs, has the shell run the
commands as root, and prints what they print. Then V7 writes everything out and
the power goes off. The commands read v7em's standard input; without COMMANDS
that is the script itself, and they have nothing on theirs.

The guest runs as fast as it can, not by the host's clock: a sleep takes no
time. With --date the clock starts there, and two runs of the same commands, on
the same packs and with the same input, come out the same in every byte. With
--scratch all changes are thrown away at the end, and any number of such runs
go on at once in one directory.

A pack that is missing, or has no file system, is told and left out. A command
that reads the terminal ends the run, as nobody types there; so does a guest
that has crashed, or will never go on.

The exit status is that of the guest's last command, or
  124  if --timeout or --guest-timeout was over
  125  if v7em could not do it, or the guest has crashed
  130  if a signal has interrupted it
In all these cases what the guest had done is kept. V7's sync ends with any
status: say "sync; true".

--cp and --get copy directories with all that is in them, and permissions, with
the set-id and sticky bits, and times. When something cannot be copied in, the
guest does not run; out, the rest is, and the status is 125.`,
		Example: `  v7em run 'who; date; df'
  v7em run --cp hello.c:/tmp/hello.c 'cd /tmp; cc hello.c; a.out'
  v7em run --get /usr/man/man1/ed.1:ed.1 true
  v7em run 'sort | uniq -c' <words
  v7em run --timeout 1m <script.sh
  v7em run --scratch --date 1979-01-10 'date; rm -rf /usr/games'
  v7em run --guest mini 'mkdir a; ls'`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	o.machineFlags.add(cmd.Flags())
	o.keepFlags.add(cmd.Flags())
	o.guestFlags.add(cmd.Flags())
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "give up after this long (30s, 5m); 0: never")
	cmd.Flags().DurationVar(&o.guestTimeout, "guest-timeout", time.Hour,
		"give up when the guest has taken so long, by its own clock; 0: never")
	cmd.Flags().StringVar(&o.date, "date", "",
		"the guest's clock at the start: \"1979-01-10 12:00\", in GMT, or @SECONDS since 1970 (default: now)")
	cmd.Flags().BoolVar(&o.scratch, "scratch", false, "throw all changes to the packs away")
	cmd.Flags().StringArrayVar(&o.put, "cp", nil, "copy a host file or directory in first: `HOST:GUEST` (may be repeated)")
	cmd.Flags().StringArrayVar(&o.get, "get", nil,
		"copy a guest file or directory out afterwards: `GUEST:HOST`, - for standard output (may be repeated)")
	return cmd
}

type runOptions struct {
	machineFlags
	guestFlags
	keepFlags
	timeout, guestTimeout time.Duration
	date                  string
	scratch               bool
	put, get              []string

	putFiles, getFiles []transfer
	now                time.Time
}

// check checks the options, and completes them.
func (o *runOptions) check() (err error) {
	if o.putFiles, err = transfers("cp", o.put, true); err != nil {
		return err
	}
	if o.getFiles, err = transfers("get", o.get, false); err != nil {
		return err
	}
	if err := errors.Join(o.machineFlags.check(), o.keepFlags.check(), o.guestFlags.check()); err != nil {
		return err
	}
	switch {
	case o.timeout < 0:
		return usagef("--timeout %v: must not be negative", o.timeout)
	case o.guestTimeout < 0:
		return usagef("--guest-timeout %v: must not be negative", o.guestTimeout)
	case o.scratch && o.fragile:
		return usagef("--scratch and --fragile do not go together: nothing is written that could be lost")
	}
	o.now = time.Now()
	if o.date != "" {
		o.now, err = parseDate(o.date)
	}
	return err
}

// dateForms are how --date may be given.
var dateForms = []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339}

// parseDate reads a value of --date: a time that V7's clock can have.
func parseDate(s string) (time.Time, error) {
	var t time.Time
	err := errors.New("no date")
	if sec, ok := strings.CutPrefix(s, "@"); ok {
		var n int64
		if n, err = strconv.ParseInt(sec, 10, 64); err == nil {
			t = time.Unix(n, 0)
		}
	}
	for _, form := range dateForms {
		if err != nil {
			t, err = time.Parse(form, s)
		}
	}
	if err != nil {
		return t, usagef("--date %q: want a date such as 1979-01-10, with a time behind it perhaps (12:00), or @SECONDS", s)
	}
	if sec := t.Unix(); sec < 0 || sec > math.MaxInt32 {
		return t, usagef("--date %q: V7's clock goes from 1970 to January 2038", s)
	}
	return t.UTC(), nil
}

// transfer is a file to copy: --cp and --get.
type transfer struct{ from, to string }

// transfers reads the values of --cp (in) or --get. The host's name may have colons
// in it, the guest's may not.
func transfers(flag string, values []string, in bool) ([]transfer, error) {
	var list []transfer
	for _, v := range values {
		i := strings.Index(v, ":")
		if in {
			i = strings.LastIndex(v, ":")
		}
		if i <= 0 || i == len(v)-1 {
			want := "GUEST:HOST"
			if in {
				want = "HOST:GUEST"
			}
			return nil, usagef("--%s %q: want %s", flag, v, want)
		}
		list = append(list, transfer{v[:i], v[i+1:]})
	}
	return list, nil
}

// run does the command. What goes wrong has an exit status of its own.
func (o *runOptions) run(cmd *cobra.Command, args []string) error {
	if err := o.check(); err != nil {
		return runError(cmd.Context(), err)
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(cmd.Context()))
	defer stop(nil)
	defer context.AfterFunc(cmd.Context(), func() { stop(errInterrupted) })()
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, &timeoutError{o.timeout})
		defer cancel()
	}
	// A reader that goes away is an error of the writes, not the end of v7em.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	commands, in := strings.Join(args, " "), commandInput(cmd.InOrStdin())
	if len(args) == 0 {
		in = nil
		if isTerminal(cmd.InOrStdin()) {
			return runError(ctx, usagef("no commands: give them as an argument or on standard input"))
		}
		b, err := readAll(ctx, cmd.InOrStdin())
		if err != nil {
			return runError(ctx, fmt.Errorf("reading the script: %w", err))
		}
		commands = string(b)
	}
	out := newPump(ctx, cmd.OutOrStdout())
	script := images.Script{
		Commands: commands, In: in, Out: out, Now: o.now, Limit: o.guestTimeout, Fixed: o.date != "",
		Note: sayOn(cmd.ErrOrStderr()),
	}
	err := o.runScript(ctx, cmd.ErrOrStderr(), script, out)
	if ferr := out.finish(); ferr != nil && !errors.Is(err, ferr) {
		err = both(err, fmt.Errorf("writing the output: %w", ferr))
	}
	return runError(ctx, err)
}

// commandInput returns what the guest's commands read, nil for nothing.
func commandInput(stdin io.Reader) *images.Input {
	f, ok := stdin.(*os.File)
	if !ok {
		return &images.Input{Reader: stdin}
	}
	st, err := f.Stat()
	if err != nil {
		return nil // it is closed
	}
	if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(st, null) {
		return nil
	}
	return &images.Input{Reader: f, Live: isTerminal(f)}
}

// readAll reads r to its end, or until the context ends.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(r)
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// runScript runs the script on the machine of the options.
func (o *runOptions) runScript(ctx context.Context, errs io.Writer, script images.Script, out io.Writer) error {
	dir, err := o.machineDir()
	if err != nil {
		return err
	}
	if dir, _, err = o.prepare(ctx, dir, errs); err != nil {
		return err
	}
	c, err := o.config(dir)
	if err != nil {
		return err
	}
	set, err := c.Set()
	if err != nil {
		return err
	}
	m, err := newMachine(c, 0)
	if err != nil {
		return err
	}
	if o.scratch {
		d, err := patiently(ctx, func() (*images.Drives, error) { return set.OpenScratch(dir) })
		if err != nil {
			return err
		}
		return o.session(ctx, errs, d, out, func() (int, error) { return d.RunScript(ctx, m, script) })
	}
	return o.runOnPacks(ctx, errs, dir, set, m, script, out)
}

// session copies files in, has the guest run, and copies files out.
func (o *runOptions) session(ctx context.Context, errs io.Writer, d *images.Drives, out io.Writer,
	run func() (int, error)) error {
	if err := copyIn(ctx, d, o.putFiles, o.now, sayOn(errs)); err != nil {
		return err
	}
	status, err := run()
	if err != nil {
		return err
	}
	if err := copyOut(ctx, d, o.getFiles, out, sayOn(errs)); err != nil {
		return err
	}
	if status != 0 {
		return guestStatus(status)
	}
	return nil
}

// runOnPacks runs the script on the packs of a directory, which keep what it does.
func (o *runOptions) runOnPacks(ctx context.Context, errs io.Writer, dir string, set *images.Set,
	m *machine.Machine, script images.Script, out io.Writer) (err error) {
	lock, err := journaldev.LockDir(dir, "v7em run")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	packs, err := patiently(ctx, func() (*images.Packs, error) { return set.OpenPacksAs(dir, o.keep) })
	if err != nil {
		return err
	}
	tellRecovery(errs, packs.ByDrive(), "\n")
	defer func() { err = both(err, packs.Close()) }()
	ran := false
	if c := o.committer(m, packs.ByDrive(), lateRun, sayOn(errs)); c != nil {
		script.Off = func() error {
			err := c.Last("power off")
			c.Close()
			packs.Revert()
			return err
		}
		defer func() {
			if ran { // else nothing is kept, not even what was copied in
				err = both(err, packs.Commit())
			}
		}()
	}
	return o.session(ctx, errs, &packs.Drives, out, func() (int, error) {
		ran = true
		ctx, stop := context.WithCancelCause(ctx)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			watchPacks(ctx, packs, stop)
		}()
		status, err := packs.RunScript(ctx, m, script)
		stop(nil)
		<-watched
		if perr := packs.Err(); perr != nil {
			err = perr // whatever else has gone wrong comes of that
		}
		return status, err
	})
}

// lateRun is how old work may become that is not durable before a run says so: nobody
// looks on, and the host may have much to do.
const lateRun = 3 * time.Second

// The times of watchPacks.
const (
	watchPeriod = 100 * time.Millisecond
	failedTime  = time.Second
)

// watchPacks ends a run soon after a pack has failed: the guest has seen errors then,
// and may never get to the end of its script.
func watchPacks(ctx context.Context, packs *images.Packs, stop context.CancelCauseFunc) {
	check := time.NewTicker(watchPeriod)
	defer check.Stop()
	for packs.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-check.C:
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(failedTime):
		stop(packs.Err())
	}
}

// copyIn copies files and directories into the guest's tree. When one cannot be had
// whole the guest is not to run.
func copyIn(ctx context.Context, d *images.Drives, files []transfer, now time.Time, say func(string)) error {
	if len(files) == 0 {
		return nil
	}
	t, _, err := d.Mounted(nil) // RunScript says what is left out
	if err != nil {
		return err
	}
	t.SetClock(now)
	for _, f := range files {
		c := images.Copier{Tree: t, Recursive: true, Say: say}
		err := c.In(ctx, f.from, f.to)
		if err == nil && c.Left > 0 {
			err = fmt.Errorf("%s cannot be copied", count(c.Left, "file"))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("--cp %s: %w", f.from, err), t.Sync())
		}
	}
	return t.Sync()
}

// copyOut copies files and directories to the host, all that can be.
func copyOut(ctx context.Context, d *images.Drives, files []transfer, w io.Writer, say func(string)) error {
	if len(files) == 0 {
		return nil
	}
	t, _, err := d.Mounted(nil) // RunScript says what is left out
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		c := images.Copier{Tree: t, Recursive: true, Say: say, Stdout: w}
		err := c.Out(ctx, f.from, f.to)
		if err == nil && c.Left > 0 {
			err = fmt.Errorf("%s left out", count(c.Left, "file"))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--get %s: %w", f.from, err))
		}
	}
	return errors.Join(errs...)
}
