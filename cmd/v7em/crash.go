package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"v7em/crash"
	"v7em/crash/report"
	"v7em/escape"
	"v7em/images"
	"v7em/internal/hostfile"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
)

// crashOptions are the flags of the crash command as they were given.
type crashOptions struct {
	guestFlags
	dir        string
	workload   string
	modes      []string
	points     string
	models     []string
	seed       uint64
	guestCheck int
	stress     bool
	anySize    bool
	json, html string
	point, out string
}

func crashCommand() *cobra.Command {
	var o crashOptions
	var machine machineFlags
	cmd := &cobra.Command{
		Use:   "crash",
		Short: "Cut the power at thousands of points and compare what survives",
		Long: `Crash runs a workload in the guest once on each kind of disk, recording
everything that the host writes and syncs. Then it cuts the power at points of
the record: it makes the disks that the cut leaves, recovers them, checks their
file systems, and compares them with what the guest had been promised.

The modes are kinds of disks: plain (the host writes when it likes),
write-through (each write is synced) and journal (as v7em keeps its packs). The
models say what a cut does: prefix (all that was written before is there), lost
(of what no sync had covered, any part is missing) and torn (the write under way
stops in its middle).

The workload is mkdir, files, churn or mixed, or a shell script. It runs on
copies in memory of the packs in the machine's directory, which are not changed.
The same packs and the same seed give the same campaign, byte for byte, on any
computer.

With --point it makes one cut again, in a directory: the disks as the power
failure left them, what happened around it, and the commands to look at them.

A disk is clean, or has harmless damage, a directory half done, a broken promise
(work is missing that a sync covers), or harmful damage, or its recovery failed:
the worst counts.

The status is 1 if a journaled disk came to harm, or lost what it had promised;
if the guest's shell does not understand the workload, or it changes nothing;
and when ^C ends the campaign: then what was found so far is printed.`,
		Example: `  v7em crash
  v7em crash --workload mixed --points all --html report.html
  v7em crash --workload script.sh --modes plain,journal --model prefix
  v7em crash --workload mkdir --point plain.prefix.27.0 --out cut`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.campaign()
			if err != nil {
				return err
			}
			if o.dir, err = machine.machineDir(); err != nil {
				return err
			}
			return c.run(cmd)
		},
	}
	fs := cmd.Flags()
	machine.addDir(fs)
	o.guestFlags.add(fs)
	fs.StringVar(&o.workload, "workload", "mixed", "what the guest does: mkdir, files, churn, mixed, or the `file` of a shell script")
	fs.StringSliceVar(&o.modes, "modes", flagWords(crash.Modes), "the kinds of disks")
	fs.StringVar(&o.points, "points", "1000", "how many cuts for each mode and model: a `number`, or all")
	fs.StringSliceVar(&o.models, "model", []string{"all"}, "what a cut does: prefix, lost, torn, or all")
	fs.Uint64Var(&o.seed, "seed", 1, "chooses the points, what is lost, and what the workload does")
	fs.IntVar(&o.guestCheck, "guest-check", 0, "have V7's own icheck and dcheck look at the disks of so many cuts")
	fs.BoolVar(&o.stress, "stress", false, "commit 20 times as often as v7em boot does, into small journals, so that more is under way at a cut")
	addAnySize(fs, &o.anySize)
	fs.StringVar(&o.json, "json", "", "write everything that was found to a `file`, - for standard output")
	fs.StringVar(&o.html, "html", "", "write a report with pictures to a `file`")
	fs.StringVar(&o.point, "point", "", "make one cut again, by its `ID`")
	fs.StringVar(&o.out, "out", "", "with --point: the `directory` to make (default: cut-ID)")
	complete(cmd, "modes", flagWords(crash.Modes)...)
	complete(cmd, "model", append(flagWords(crash.Models), "all")...)
	complete(cmd, "points", "all")
	complete(cmd, "guest", guestV7, guestMini)
	if err := cmd.RegisterFlagCompletionFunc("workload", cobra.FixedCompletions(crash.Workloads, cobra.ShellCompDirectiveDefault)); err != nil {
		panic(err) // a flag that is not there
	}
	return cmd
}

// flagWords returns values as strings.
func flagWords[T ~string](values []T) []string {
	var s []string
	for _, v := range values {
		s = append(s, string(v))
	}
	return s
}

// choose returns those of all that are named, in all's order.
func choose[T ~string](flag string, named []string, all []T) ([]T, error) {
	for _, n := range named {
		if !slices.Contains(all, T(n)) {
			return nil, usagef("--%s %q: want %s", flag, n, strings.Join(flagWords(all), ", "))
		}
	}
	var chosen []T
	for _, v := range all {
		if slices.Contains(named, string(v)) {
			chosen = append(chosen, v)
		}
	}
	if len(chosen) == 0 {
		return nil, usagef("--%s: want some of %s", flag, strings.Join(flagWords(all), ", "))
	}
	return chosen, nil
}

// campaign is what the options ask for.
type campaign struct {
	*crashOptions
	workload crash.Workload
	modes    []crash.Mode
	models   []crash.Model
	points   int // for each mode and model; 0 for all
}

// campaign checks the options.
func (o *crashOptions) campaign() (*campaign, error) {
	c := &campaign{crashOptions: o}
	if err := o.guestFlags.check(); err != nil {
		return nil, err
	}
	var err error
	if c.modes, err = choose("modes", o.modes, crash.Modes); err != nil {
		return nil, err
	}
	if models := o.models; slices.Equal(models, []string{"all"}) {
		c.models = crash.Models
	} else if c.models, err = choose("model", models, crash.Models); err != nil {
		return nil, err
	}
	if o.points != "all" {
		if c.points, err = strconv.Atoi(o.points); err != nil || c.points < 1 {
			return nil, usagef("--points %q: want a number from 1 on, or all", o.points)
		}
	}
	if o.guestCheck < 0 {
		return nil, usagef("--guest-check %d: must not be negative", o.guestCheck)
	}
	switch {
	case o.point == "" && o.out != "":
		return nil, usagef("--out goes with --point")
	case o.point != "" && (o.json != "" || o.html != ""):
		return nil, usagef("--point does not go with --json or --html")
	case o.html == "-":
		return nil, usagef("--html -: the report needs a file")
	case o.json != "" && o.json == o.html:
		return nil, usagef("--json and --html want files of their own")
	}
	if o.point != "" {
		mode, err := crash.ModeOf(o.point)
		if err != nil {
			return nil, badUsage{fmt.Errorf("--point: %w", err)}
		}
		c.modes = []crash.Mode{mode}
		if o.out == "" {
			o.out = "cut-" + o.point
		}
	}
	if c.workload, err = crash.LoadWorkload(o.workload, o.seed); err != nil {
		return nil, badUsage{fmt.Errorf("--workload: %w", err)}
	}
	return c, nil
}

// run makes the campaign, or the one cut.
func (c *campaign) run(cmd *cobra.Command) error {
	ctx, stderr := cmd.Context(), cmd.ErrOrStderr()
	jsonOut, err := newOutput(c.json, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	defer jsonOut.abandon()
	htmlOut, err := newOutput(c.html, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	defer htmlOut.abandon()
	dir, isMini, err := c.prepare(ctx, c.dir, stderr)
	if err != nil {
		return err
	}
	packs, err := lookAtPacks(dir, c.anySize)
	if err != nil {
		return err
	}
	o := crash.CampaignOptions{
		Workload: c.workload.Name, Guest: guestV7, Models: c.models, Points: c.points, Seed: c.seed, GuestCheck: c.guestCheck,
	}
	if isMini {
		o.Guest = guestMini
		if c.guestCheck > 0 {
			if !images.Installed(c.dir) {
				return usagef("--guest-check: mini has no icheck; it takes V7's, and none is installed in %s", c.dir)
			}
			if o.GuestPacks, err = lookAtPacks(c.dir, c.anySize); err != nil {
				return err
			}
		}
	}
	runs, err := c.record(ctx, packs, stderr)
	if err != nil {
		c.tellUnwritten(stderr, err)
		return err
	}
	if c.point != "" {
		cut, err := crash.Point(runs[0], c.seed, c.point, c.out)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\nIts disks are in %s; start with %s.\n", cut.ID, cut.Outcome, c.out, filepath.Join(c.out, "README.txt"))
		return nil
	}
	w := cmd.OutOrStdout()
	if c.json == "-" || c.html == "-" {
		w = stderr
	}
	live := newLiveTable(stderr, c.models)
	o.Progress = live.show
	r, err := crash.Campaign(ctx, runs, o)
	live.done()
	if err != nil {
		if r != nil {
			_, werr := io.WriteString(w, soFar(r, live))
			err = errors.Join(err, werr)
		}
		c.tellUnwritten(stderr, err)
		return err
	}
	r.Stress = c.stress
	if err := jsonOut.write(func(w io.Writer) error { return printJSON(w, r, "") }); err != nil {
		return err
	}
	if err := htmlOut.write(func(w io.Writer) error { return report.Write(w, r) }); err != nil {
		return err
	}
	if _, err := io.WriteString(w, resultTable(r)+live.rate()); err != nil {
		return err
	}
	return verdict(w, r)
}

// tellUnwritten says which files an interrupted campaign has not written.
func (c *campaign) tellUnwritten(w io.Writer, err error) {
	files := slices.DeleteFunc([]string{c.json, c.html}, func(name string) bool { return name == "" })
	if errors.Is(err, context.Canceled) && len(files) > 0 {
		fmt.Fprintf(w, "v7em: not written: %s\n", escape.Line(strings.Join(files, ", ")))
	}
}

// record runs the workload once in each mode.
func (c *campaign) record(ctx context.Context, packs *images.Drives, w io.Writer) ([]*crash.Run, error) {
	bar := newProgressBar(w)
	defer bar.done()
	var runs []*crash.Run
	for _, mode := range c.modes {
		o := crash.RecordOptions{Mode: mode, Workload: c.workload, Packs: packs, Keep: crash.ProductKeep}
		if c.stress {
			o.Keep = crash.StressKeep
		}
		bar.show(fmt.Sprintf("recording %s on %s: booting", c.workload.Name, mode), 0, 0)
		o.Progress = func(nanos uint64, events int) {
			bar.show(fmt.Sprintf("recording %s on %s: %.1f s of the guest's time, %d events", escape.Line(c.workload.Name), mode, float64(nanos)/1e9, events), 0, 0)
		}
		run, err := crash.Record(ctx, o)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	bar.done()
	io.WriteString(w, doubts(runs[0]))
	return runs, worthless(runs[0])
}

// soFar is what to print of a campaign that was interrupted.
func soFar(r *crash.Result, live *liveTable) string {
	cuts := 0
	for _, m := range r.Modes {
		cuts += len(m.Cuts)
	}
	if cuts == 0 {
		return ""
	}
	return fmt.Sprintf("the first %s, the last disk not with all of its own:\n%s%s", count(cuts, "cut"), resultTable(r), live.rate())
}

// syntaxError is what the guest's shells say of a script that they do not understand. V7's
// names the script and the line before it.
var syntaxError = regexp.MustCompile(`(?m)^.*\bsyntax error\b.*$`)

// worthless returns an error if cuts of a workload would say nothing, or not what they
// seem to.
func worthless(run *crash.Run) error {
	if line := syntaxError.FindString(run.Output); line != "" {
		return fmt.Errorf("the guest's shell does not understand the workload: %q", strings.TrimSpace(line))
	}
	if !slices.ContainsFunc(run.Ops, func(o crash.Op) bool { return len(o.Changes) > 0 }) {
		return errors.New("the workload changed no file: there is nothing that a cut could take")
	}
	return nil
}

// doubts says what a user should know of a workload before believing what cuts of it
// come to: what it printed, which the built-in ones do not.
func doubts(run *crash.Run) string {
	said := ""
	if out := strings.TrimSpace(strings.ReplaceAll(run.Output, "\r", "")); out != "" {
		lines := strings.Split(out, "\n")
		said = fmt.Sprintf("v7em: the workload printed %q\n", lines[len(lines)-1])
		if len(lines) > 1 {
			said = fmt.Sprintf("v7em: the workload printed %d lines, at last %q\n", len(lines), lines[len(lines)-1])
		}
	}
	return said
}

// lookAtPacks returns copies in memory of the packs in a directory, as recovery would
// leave them. It changes nothing there.
func lookAtPacks(dir string, anySize bool) (*images.Drives, error) {
	set := images.RK()
	d := &images.Drives{Set: set, Disks: make([]rk.Disk, set.Units)}
	for unit := range d.Disks {
		o := journaldev.Options{Unit: fmt.Sprintf("%s%d", set.Name, unit), AnySize: anySize}
		store, _, err := journaldev.LookAs(filepath.Join(dir, set.PackFile(unit)), set.Kind, o)
		if unit > 0 && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d.Disks[unit] = machine.MemDisk{Store: store}
	}
	return d, nil
}

// verdict prints what is wrong with the journaled disks and how to look at it, and
// returns an error if something is.
func verdict(w io.Writer, r *crash.Result) error {
	for _, m := range r.Modes {
		for _, d := range m.Disagreements {
			fmt.Fprintf(w, "the guest does not agree: %s\n", escape.Line(d))
		}
		if m.Mode != crash.Journal {
			continue
		}
		var worst *crash.Cut
		wrong := 0
		for i := range m.Cuts {
			c := &m.Cuts[i]
			if slices.Index(crash.Outcomes, c.Outcome) < slices.Index(crash.Outcomes, crash.HalfDone) {
				continue
			}
			wrong++
			if worst == nil || slices.Index(crash.Outcomes, c.Outcome) > slices.Index(crash.Outcomes, worst.Outcome) {
				worst = c
			}
		}
		if wrong > 0 {
			fmt.Fprintf(w, "\nThe worst on the journaled disk is %s (%s). To look at it:\n  %s\n", worst.ID, worst.Outcome, report.PointCommand(r, worst.ID))
			return fmt.Errorf("the journaled disk did not keep what it promises in %d cuts", wrong)
		}
	}
	for _, m := range r.Modes {
		if len(m.Disagreements) > 0 {
			return errors.New("the guest's icheck and dcheck do not agree with v7em's check")
		}
	}
	return nil
}

// output is a file that is written at the end of a campaign.
type output struct {
	file *hostfile.File
	w    io.Writer // instead of a file; both nil: nothing is wanted
}

// newOutput begins to write a file; the empty path is none, and - is w.
func newOutput(path string, w io.Writer) (*output, error) {
	switch path {
	case "":
		return &output{}, nil
	case "-":
		return &output{w: w}, nil
	}
	f, err := hostfile.Create(path, hostfile.Options{})
	return &output{file: f}, err
}

// write writes it all.
func (o *output) write(f func(io.Writer) error) error {
	if o.file == nil {
		if o.w == nil {
			return nil
		}
		return f(o.w)
	}
	w := bufio.NewWriter(o.file)
	if err := cmp.Or(f(w), w.Flush()); err != nil {
		return err
	}
	return o.file.Commit()
}

// abandon removes what was not written to the end.
func (o *output) abandon() {
	if o.file != nil {
		o.file.Abandon()
	}
}

// meter measures how many prefix cuts are made in a second.
type meter struct {
	cuts  int
	spent time.Duration
	last  time.Time
	done  int
}

// saw counts what was done since the last time.
func (m *meter) saw(p crash.Progress, now time.Time) {
	if p.Model == crash.Prefix && p.AllDone > m.done && !m.last.IsZero() {
		m.cuts += p.AllDone - m.done
		m.spent += now.Sub(m.last)
	}
	m.last, m.done = now, p.AllDone
}
