package crash

import (
	"flag"
	"testing"

	"v7em/tests/guest"
)

var miniPoints = flag.Int("minipoints", 60, "how many cuts of each model TestMini makes in each mode; 0 for all")

// Every workload on mini, which needs no distribution, cut in every mode: with a journal
// nothing is damaged, half done, or lost that was promised; without one much is.
func TestMini(t *testing.T) {
	for _, name := range Workloads {
		t.Run(name, func(t *testing.T) {
			points := *miniPoints
			if testing.Short() && points > 0 {
				points = max(points/3, 1)
			}
			res := cutAll(t, guest.MiniPacks(t), name, CampaignOptions{Points: points, Seed: 1})
			for _, m := range res.Modes {
				if m.Mode == Journal {
					sound(t, m)
					continue
				}
				damaged, promises := 0, 0
				for _, model := range Models {
					damaged += m.Counts[model][Harmful]
					promises += m.Counts[model][PromiseLost]
				}
				if damaged == 0 || m.Mode == Plain && damaged+promises < len(m.Cuts)/20 {
					t.Errorf("%s: nothing to compare with: %v", m.Mode, m.Counts)
				}
			}
		})
	}
}
