package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"v7em/images"
)

func installCommand() *cobra.Command {
	var flags machineFlags
	var dist string
	var force bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Make the disks from the V7 distribution",
		Long: `Install makes a machine's directory: eight RK05 packs (rk0.rk05 to rk7.rk05)
with all of the distribution, the RP03 pack rp0.rp03, and the configuration file
v7em.conf. The kernel for RK05 disks is made by V7 itself, booted from the RP03
pack.

The distribution is v7.tar.gz as the Unix Heritage Society keeps it. It is taken
from --dist, from $V7EM_DIST, or from the cache, into which it is downloaded if
need be.`,
		Example: `  v7em install
  v7em install --dir ~/v7 --dist ~/Downloads/v7.tar.gz
  v7em install --force        # make the packs anew; what they hold is lost`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := flags.machineDir()
			if err != nil {
				return err
			}
			return install(cmd.Context(), dir, dist, force, cmd.ErrOrStderr())
		},
	}
	flags.addDir(cmd.Flags())
	cmd.Flags().StringVar(&dist, "dist", "", "the distribution, v7.tar.gz (default: $V7EM_DIST, or downloaded)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the packs of an installed machine")
	return cmd
}

// install makes the machine in dir and tells w about it.
func install(ctx context.Context, dir, dist string, force bool, w io.Writer) error {
	if dist == "" {
		dist = os.Getenv("V7EM_DIST")
	}
	f := &images.Finder{File: dist, Mirrors: images.Mirrors}
	if dist == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no place for the distribution: %w: name a copy with --dist", err)
		}
		f.Cache = filepath.Join(cache, "v7em")
	}
	bar := newProgressBar(w)
	f.Progress = bar.show
	err := images.Install(ctx, images.InstallOptions{
		Dir: dir, Finder: f, Force: force, Progress: bar.show, Now: time.Now(),
	})
	bar.done()
	if errors.Is(err, images.ErrNoDistribution) {
		return fmt.Errorf("%w and name it with --dist FILE or $V7EM_DIST", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "v7em: installed in %s\n", dir)
	return nil
}

// ensureInstalled installs a machine in dir when none is there.
func ensureInstalled(ctx context.Context, dir, dist string, w io.Writer) error {
	if images.Installed(dir) {
		return nil
	}
	err := install(ctx, dir, dist, false, w)
	if errors.Is(err, images.ErrInstalled) {
		return nil // by another v7em, just now
	}
	return err
}

// progressBar shows the steps of an install on one line of a terminal. Elsewhere it
// shows nothing.
type progressBar struct {
	w     io.Writer
	width int // of the terminal; 0: none
	shown string
}

func newProgressBar(w io.Writer) *progressBar {
	b := &progressBar{w: w}
	if f, ok := fileOf(w); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			b.width = width
		}
	}
	return b
}

// show is an images.Progress.
func (b *progressBar) show(step string, done, total int64) {
	if b.width == 0 {
		return
	}
	if line := barLine(step, done, total, b.width-1); line != b.shown {
		fmt.Fprintf(b.w, "\r\x1b[K%s", line)
		b.shown = line
	}
}

// barLine returns the text of the bar in a number of columns.
func barLine(step string, done, total int64, width int) string {
	const cells = 30
	line := fmt.Sprintf("%-28s", step)
	if total > 0 {
		full := int(min(max(done, 0), total) * cells / total)
		line = fmt.Sprintf("%-28s [%s%s]", step, strings.Repeat("#", full), strings.Repeat(".", cells-full))
	}
	return line[:min(len(line), max(width, 0))]
}

// done takes the bar away.
func (b *progressBar) done() {
	if b.shown != "" {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
