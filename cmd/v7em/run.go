package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"v7em/images"
	"v7em/journaldev"
)

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [flags] [--] [COMMANDS]",
		Short: "Run shell commands in V7 and print what they print",
		Long: `Run boots V7 without a terminal, mounts all packs, has the shell run the
commands as root, and prints what they print. Without COMMANDS the script is
read from standard input. Then V7 writes everything out and the power goes off.
The exit status is that of the guest's last command.

The guest runs as fast as it can, not by the host's clock: a sleep takes no
time. The commands have nothing on their standard input.

--cp and --get copy directories with all that is in them, and permissions, with
the set-id and sticky bits, and times. When something cannot be copied in, the
guest does not run; out, the rest is, and the status is 1.`,
		Example: `  v7em run 'who; date; df'
  v7em run --cp hello.c:/tmp/hello.c 'cd /tmp; cc hello.c; a.out'
  v7em run --get /usr/man/man1/ed.1:ed.1 true
  v7em run --timeout 1m <script.sh
  v7em run --guest mini 'mkdir a; ls'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			commands := strings.Join(args, " ")
			if len(args) == 0 {
				if isTerminal(cmd.InOrStdin()) {
					return usagef("no commands: give them as an argument or on standard input")
				}
				b, err := io.ReadAll(cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("reading the script: %w", err)
				}
				commands = string(b)
			}
			return o.run(cmd, commands)
		},
	}
	o.machineFlags.add(cmd.Flags())
	o.keepFlags.add(cmd.Flags())
	o.guestFlags.add(cmd.Flags())
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "give up after this long (30s, 5m); 0: never")
	cmd.Flags().StringArrayVar(&o.put, "cp", nil, "copy a host file or directory in first: `HOST:GUEST` (may be repeated)")
	cmd.Flags().StringArrayVar(&o.get, "get", nil, "copy a guest file or directory out afterwards: `GUEST:HOST`, - for standard output (may be repeated)")
	return cmd
}

type runOptions struct {
	machineFlags
	guestFlags
	keepFlags
	timeout  time.Duration
	put, get []string
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

func (o *runOptions) run(cmd *cobra.Command, commands string) (err error) {
	put, err := transfers("cp", o.put, true)
	if err != nil {
		return err
	}
	get, err := transfers("get", o.get, false)
	if err != nil {
		return err
	}
	if err := errors.Join(o.machineFlags.check(), o.keepFlags.check(), o.guestFlags.check()); err != nil {
		return err
	}
	if o.timeout < 0 {
		return usagef("--timeout %v: must not be negative", o.timeout)
	}
	ctx := cmd.Context()
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("timed out after %v", o.timeout))
		defer cancel()
	}
	dir, err := o.machineDir()
	if err != nil {
		return err
	}
	dir, _, err = o.prepare(ctx, dir, cmd.ErrOrStderr())
	if err != nil {
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
	lock, err := journaldev.LockDir(dir, "v7em run")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	packs, err := set.OpenPacksAs(dir, o.keep)
	if err != nil {
		return err
	}
	tellRecovery(cmd.ErrOrStderr(), packs.ByDrive(), "\n")
	defer func() {
		if cerr := packs.Close(); err == nil || errors.As(err, new(guestStatus)) && cerr != nil {
			err = cerr
		}
	}()
	m, err := newMachine(c, 0)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := copyIn(ctx, &packs.Drives, put, now, sayOn(cmd)); err != nil {
		return err
	}
	script := images.Script{Commands: commands, Out: cmd.OutOrStdout(), Now: now}
	tell := func(line string) { fmt.Fprintf(cmd.ErrOrStderr(), "v7em: %s\n", line) }
	if c := o.committer(m, packs.ByDrive(), lateRun, tell); c != nil {
		script.Off = func() error {
			err := c.Last("power off")
			c.Close()
			packs.Revert()
			return err
		}
		defer func() {
			if cerr := packs.Commit(); err == nil || errors.As(err, new(guestStatus)) && cerr != nil {
				err = cerr
			}
		}()
	}
	ctx, stop := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchPacks(ctx, packs, stop)
	}()
	status, err := packs.RunScript(ctx, m, script)
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.Cause(ctx)
	}
	stop(nil)
	<-watched
	if perr := packs.Err(); perr != nil {
		err = perr // whatever else has gone wrong comes of that
	}
	if err != nil {
		return err
	}
	if err := copyOut(cmd.Context(), &packs.Drives, get, cmd.OutOrStdout(), sayOn(cmd)); err != nil {
		return err
	}
	if status != 0 {
		return guestStatus(status)
	}
	return nil
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
	t, _, err := d.Tree()
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
	t, _, err := d.Tree()
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
