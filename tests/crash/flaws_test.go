package crash

import (
	"slices"
	"testing"

	"v7em/crash"
	"v7em/images"
	"v7em/tests/guest"
)

// bad says whether a cut of a journaled run must not be.
func bad(c crash.Cut) bool {
	return c.Outcome != crash.Clean || c.HalfDone > 0 || c.PromiseLost > 0
}

// TestFlaws runs campaigns on transaction layers with a mistake in each: the mistake is
// found within 2,000 cuts, and without it there is nothing to find.
func TestFlaws(t *testing.T) {
	if testing.Short() {
		t.Skip("makes over 20,000 cuts: left out with -short")
	}
	const allowed = 2000
	// campaign returns how many cuts were made until one was bad, and that one.
	campaign := func(t *testing.T, packs *images.Drives, flaw crash.Flaw, workload string, points int) (int, *crash.Cut) {
		w, err := crash.LoadWorkload(workload, 1)
		if err != nil {
			t.Fatal(err)
		}
		// A guest that is served what was committed loses its way, and may never end.
		o := crash.RecordOptions{Mode: crash.Journal, Workload: w, Packs: packs, Flaw: flaw}
		if flaw != "" {
			o.Limit = 60 * guest.Second
		}
		run, err := crash.Record(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		res, err := crash.Campaign(t.Context(), []*crash.Run{run}, crash.CampaignOptions{Points: points, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		cuts := res.Modes[0].Cuts
		if i := slices.IndexFunc(cuts, bad); i >= 0 {
			return i + 1, &cuts[i]
		}
		return len(cuts), nil
	}
	each := func(t *testing.T, packs *images.Drives) {
		for _, flaw := range append([]crash.Flaw{""}, crash.Flaws...) {
			name := string(flaw)
			if flaw == "" {
				name = "none"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				done := 0
				for _, w := range []string{"mixed", "mkdir"} {
					n, cut := campaign(t, packs, flaw, w, allowed/3/2)
					done += n
					if cut != nil {
						t.Logf("%s, cut %d, %s: %s %v, %d half done, %d promises broken", w, done, cut.ID, cut.Outcome, cut.Kinds, cut.HalfDone, cut.PromiseLost)
						if flaw == "" {
							t.Error("there is nothing to find")
						}
						return
					}
				}
				switch {
				case flaw != "":
					t.Errorf("not found within %d cuts", done)
				case done < allowed*9/10:
					t.Errorf("only %d cuts", done)
				}
			})
		}
	}
	t.Run(guest.V7, func(t *testing.T) { each(t, guest.Packs(t, "")) })
	t.Run(guest.Mini, func(t *testing.T) { each(t, guest.MiniPacks(t)) })
}
