package commit

import (
	"errors"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/aout"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// TestKernelWithoutItsFile has kernels run of which no file with a name list is on a pack:
// all that is captured while the guest is busy must be whole all the same.
func TestKernelWithoutItsFile(t *testing.T) {
	for _, c := range []struct {
		what    string
		o       guest.Options
		strip   bool   // before the boot
		command string // after it
	}{
		{"stripped", guest.Options{}, true, ""},
		{"stripped, 11/45", guest.Options{Machine: machine.Config{Model: machine.PDP1145}}, true, ""},
		{"removed", guest.Options{}, false, "rm -f /unix"},
		{"replaced", guest.Options{}, false, "mv /other /unix"},
		{"overwritten", guest.Options{}, false, "cp /other /unix"},
		{"removed, RP03", guest.Options{Disk: "rp"}, false, "rm -f /unix /*tunix"},
	} {
		t.Run(c.what, func(t *testing.T) {
			o := c.o
			o.Files = loops
			if o.Disk == "" {
				o.Packs = guest.Packs(t, "rk")
				guest.PutFiles(t, o.Packs, loops)
				kernels(t, o, c.strip)
			}
			g := guest.Boot(t, o)
			if c.command != "" {
				if out := g.Run(c.command); out != "" {
					t.Fatal(out)
				}
				g.Sync()
			}
			sixLoops(g, o)
			x := newCampaign(t, g)
			setTiming(g.M, slow)
			g.Wait(10 * guest.Second)
			for i := range form.Times(30, 100) {
				if i%10 == 0 {
					setTiming(g.M, x.rng.IntN(3))
				}
				p := x.capture(60e6) // fails if the guest is not recognized
				if p == nil {
					continue
				}
				for _, w := range x.check(p) {
					t.Errorf("capture %d: %s", i, w)
				}
			}
			if x.captured < 25 {
				t.Errorf("%d captures", x.captured)
			}
		})
	}
}

// kernels puts another kernel beside the one on the packs, or takes the name list of
// that away.
func kernels(t *testing.T, o guest.Options, strip bool) {
	t.Helper()
	tree, _, err := o.Packs.Tree()
	if err != nil {
		t.Fatal(err)
	}
	b, err := tree.ReadFile("/unix")
	if err != nil {
		t.Fatal(err)
	}
	f, err := aout.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	name := "/other"
	f.Text[len(f.Text)/2] ^= 1
	if strip {
		name, f.Symbols = "/unix", nil
		f.Text[len(f.Text)/2] ^= 1
	}
	if b, err = f.Bytes(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tree.Put(name, strings.NewReader(string(b)), fs.Attr{Perm: 0o755, MTime: guest.Epoch}), tree.Sync()); err != nil {
		t.Fatal(err)
	}
}

// TestUnknownKernel: mini without its file is no V7, and it is said why there are no points.
func TestUnknownKernel(t *testing.T) {
	g := guest.Boot(t, guest.Options{Guest: guest.Mini})
	g.Run("rm /unix")
	g.Sync()
	s := NewSettler()
	for range 3 {
		if err := s.Clone(g.M); err != nil {
			t.Fatal(err)
		}
		p, err := s.Settle()
		if err != nil {
			t.Fatal(err)
		}
		if p.Settled || kernel.Why(p.Why) != kernel.NotV7 {
			t.Errorf("%+v", p)
		}
	}
}
