package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"v7em/escape"
	"v7em/images"
	"v7em/images/mini"
)

// guestFlags choose the system to run, and what its disks are made from the first time.
type guestFlags struct{ guest, dist string }

// The guests. Without a choice it is V7 or, where that is not to be had, mini.
const (
	guestV7   = "v7"
	guestMini = "mini"
)

func (g *guestFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&g.guest, "guest", "", "the system to run: v7, or mini, the small one that v7em brings along "+
		"(default: v7, or mini when there is no copy of V7 to be had)")
	fs.StringVar(&g.dist, "dist", "", "what the disks are made from the first time: a `file`, v7.tar.gz (default: "+
		"$V7EM_DIST, or downloaded)")
}

func (g *guestFlags) check() error {
	switch g.guest {
	case "", guestV7, guestMini:
		return nil
	}
	return usagef("--guest %q: want v7 or mini", g.guest)
}

// prepare returns the directory with the packs of the chosen guest, which belong to the
// machine of dir, and makes them when they are not there.
func (g *guestFlags) prepare(ctx context.Context, dir string, w io.Writer) (packs string, isMini bool, err error) {
	small := mini.Dir(dir)
	wanted := g.guest == guestMini
	if !wanted && !images.Installed(dir) {
		if g.guest == "" && g.dist == "" && os.Getenv("V7EM_DIST") == "" && images.Installed(small) {
			fmt.Fprintln(w, "v7em: booting mini; v7em install makes the disks of V7, beside it, from a copy or the network")
			wanted = true
		} else if err := ensureInstalled(ctx, dir, g.dist, w); g.guest == "" && errors.Is(err, images.ErrNoDistribution) {
			fmt.Fprintf(w, "v7em: no copy of V7 here, and none to be downloaded%s: booting mini, the small system that "+
				"v7em brings along\n", escape.Line(why(err)))
			wanted = true
		} else if err != nil {
			return "", false, err
		}
	}
	if !wanted {
		return dir, false, nil
	}
	if _, err := mini.Install(small, time.Now()); err != nil {
		return "", false, err
	}
	return small, true, nil
}

// why tells in a few words what a download failed of.
func why(err error) string {
	if e := new(images.NoDistributionError); errors.As(err, &e) {
		return " (" + e.Why() + ")"
	}
	return ""
}
