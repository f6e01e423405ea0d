package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"v7em/bench"
	"v7em/commit"
	"v7em/images"
)

func benchCommand() *cobra.Command {
	var o machineFlags
	var which guestFlags
	var sim string
	var runs int
	var asJSON, disk bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Time guest work, here and under SIMH",
		Long: `Bench boots V7 on copies of the RK05 packs and times work in it: booting, a
sieve, sort, the C compiler, nroff, making a kernel, dc. With --simh the same
work is done under that SIMH, in turn with our own runs, and the table shows how
many times as long SIMH took. On mini (--guest mini, or where there is no copy
of V7) the work is loops, copies, pipes and processes.

With --disk it times work that changes disks, in turn on packs without a
journal, with one, with one and ordered data, and written through; and it shows
what the journal did meanwhile, and what taking commit points takes under load.
The copies of the packs are made in the machine's directory, to be on the same
disk of the host.`,
		Example: `  v7em bench
  v7em bench --simh pdp11 --runs 5
  v7em bench --simh pdp11 --json >times.json
  v7em bench --disk --runs 7
  v7em bench --guest mini`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case runs < 1:
				return usagef("--runs %d: want at least 1", runs)
			case disk && sim != "":
				return usagef("--disk and --simh do not go together")
			case interval <= 0:
				return usagef("--commit-interval %v: must be positive", interval)
			}
			if err := which.check(); err != nil {
				return err
			}
			dir, err := o.machineDir()
			if err != nil {
				return err
			}
			dir, isMini, err := which.prepare(cmd.Context(), dir, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			work := bench.V7
			if isMini {
				work = bench.Mini
			}
			o.disk = images.RK().Name
			c, err := o.config(dir)
			if err != nil {
				return err
			}
			m, err := newMachine(c, 0)
			if err != nil {
				return err
			}
			cfg := m.Config()
			status := func(string, string) {}
			if isTerminal(cmd.ErrOrStderr()) {
				status = func(engine, task string) {
					fmt.Fprintf(cmd.ErrOrStderr(), "\r\x1b[K%s: %s", engine, task)
					if task == "" {
						fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K")
					}
				}
			}
			if disk {
				opts := bench.DiskOptions{Config: cfg, Work: work, Interval: interval, Runs: runs, Settles: settles}
				r, err := bench.Disk(cmd.Context(), dir, opts, status)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), r, "  ")
				}
				return printDisk(cmd.OutOrStdout(), r)
			}
			engines := []bench.Engine{bench.Here{Config: cfg}}
			if sim != "" {
				path, err := bench.FindSIMH(sim)
				if err != nil {
					return err
				}
				engines = append(engines, bench.SIMH{Path: path, Config: cfg})
			}
			r, err := bench.Run(cmd.Context(), dir, work, engines, runs, status)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), r, "  ")
			}
			return printBench(cmd.OutOrStdout(), r)
		},
	}
	which.add(cmd.Flags())
	o.addHardware(cmd.Flags()) // the work is on the RK05 packs
	cmd.Flags().StringVar(&sim, "simh", "", "also time the SIMH PDP-11 at `PATH`, or of that name")
	cmd.Flags().IntVar(&runs, "runs", 3, "do everything so many times; the table has the medians")
	cmd.Flags().BoolVar(&disk, "disk", false, "time what journals cost")
	cmd.Flags().DurationVar(&interval, "commit-interval", commit.DefaultInterval, "with --disk: commit so often")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print every time and ratio as JSON")
	return cmd
}

// settles is how many clones --disk settles under load.
const settles = 400

// printDisk prints the medians, and what the journals did, as tables.
func printDisk(w io.Writer, r *bench.DiskReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "seconds")
	for i, m := range r.Modes {
		fmt.Fprintf(t, "\t%s", m)
		if i > 0 {
			fmt.Fprint(t, "\tratio (fastest)")
		}
	}
	fmt.Fprintln(t, "\t")
	for _, res := range r.Results {
		fmt.Fprint(t, res.Task)
		for i, m := range r.Modes {
			fmt.Fprintf(t, "\t%.3f", bench.Median(res.Times[m]))
			if i > 0 {
				fmt.Fprintf(t, "\t%.2f (%.2f)", res.Ratios[m], res.Fastest[m])
			}
		}
		fmt.Fprintln(t, "\t")
	}
	fmt.Fprintln(t, "\nmode\ttask\tcommits/s\tbytes journaled/changed\tlatency, ms\tbare append, ms\tratio\t")
	for _, j := range r.Journal {
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", j.Mode, j.Task, j.CommitsPerSecond,
			float64(j.JournalBytes)/float64(max(j.ChangedBytes, 1)), j.Latency*1e3, j.Bare*1e3, j.Latency/j.Bare)
	}
	fmt.Fprintf(t, "\nsix loops, %d settled, %d not\tmedian\t99%%\tworst\t\n", r.Settle.Settled, r.Settle.Unsettled)
	row := func(name string, s bench.Spread, unit float64) {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t\n", name, s.Median*unit, s.P99*unit, s.Worst*unit)
	}
	row("thousand instructions to settle", r.Settle.Instructions, 1e-3)
	row("ms to settle, beside the guest", r.Settle.Settle, 1e3)
	row("ms to clone, of the guest's time", r.Settle.Clone, 1e3)
	return t.Flush()
}

// printBench prints the medians as a table.
func printBench(w io.Writer, r *bench.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "task")
	for _, e := range r.Engines {
		fmt.Fprintf(t, "\t%s, s", e)
	}
	if r.GeomeanRatio != 0 {
		fmt.Fprint(t, "\tratio")
	}
	fmt.Fprintln(t, "\t")
	for _, res := range r.Results {
		fmt.Fprint(t, res.Task)
		for _, e := range r.Engines {
			fmt.Fprintf(t, "\t%.3f", bench.Median(res.Times[e]))
		}
		if r.GeomeanRatio != 0 {
			fmt.Fprintf(t, "\t%.2f", res.Ratio)
		}
		fmt.Fprintln(t, "\t")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.GeomeanRatio != 0 {
		_, err := fmt.Fprintf(w, "geometric mean of the ratios: %.2f\n", r.GeomeanRatio)
		return err
	}
	return nil
}
