package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"v7em/bench"
	"v7em/images"
)

func benchCommand() *cobra.Command {
	var o machineFlags
	var sim string
	var runs int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Time guest work, here and under SIMH",
		Long: `Bench boots V7 on copies of the RK05 packs and times work in it: booting, a sieve,
sort, the C compiler, nroff, making a kernel, dc. With --simh the same work is done
under that SIMH, in turn with our own runs, and the table shows how many times as
long SIMH took.`,
		Example: `  v7em bench
  v7em bench --simh pdp11 --runs 5
  v7em bench --simh pdp11 --json >times.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runs < 1 {
				return usagef("--runs %d: want at least 1", runs)
			}
			dir, err := o.machineDir()
			if err != nil {
				return err
			}
			if err := ensureInstalled(cmd.Context(), dir, cmd.ErrOrStderr()); err != nil {
				return err
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
			engines := []bench.Engine{bench.Here{Config: cfg}}
			if sim != "" {
				path, err := bench.FindSIMH(sim)
				if err != nil {
					return err
				}
				engines = append(engines, bench.SIMH{Path: path, Config: cfg})
			}
			status := func(string, string) {}
			if isTerminal(cmd.ErrOrStderr()) {
				status = func(engine, task string) {
					fmt.Fprintf(cmd.ErrOrStderr(), "\r\x1b[K%s: %s", engine, task)
					if task == "" {
						fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K")
					}
				}
			}
			r, err := bench.Run(cmd.Context(), dir, engines, runs, status)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(r)
			}
			return printBench(cmd.OutOrStdout(), r)
		},
	}
	o.add(cmd.Flags())
	cmd.Flags().Lookup("disk").Hidden = true // the work is on the RK05 packs
	cmd.Flags().StringVar(&sim, "simh", "", "also time the SIMH PDP-11 at `PATH`, or of that name")
	cmd.Flags().IntVar(&runs, "runs", 3, "do everything so many times; the table has the medians")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print every time and ratio as JSON")
	return cmd
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
