package crash

import (
	"testing"
	"time"

	"v7em/crash"
	"v7em/images"
	"v7em/journaldev"
	"v7em/tests/form"
	"v7em/tests/guest"
)

// maxLoss bounds what a power cut may take from a journaled disk that no sync has
// covered, in virtual time: some commits' worth.
const maxLoss = time.Second

// TestCampaigns cuts the power at every point of every workload, by every model, 50,000
// times and more in each guest: on a journaled disk nothing may be wrong, and on a plain
// one a good part must be. With -long it goes on with other seeds until the journaled
// disks alone have had a million cuts.
func TestCampaigns(t *testing.T) {
	want := form.Pick(10_000, 50_000)
	if testing.Short() {
		want = 2_000
	}
	ordered := func(k crash.KeepOptions) crash.KeepOptions {
		k.Data = journaldev.DataOrdered
		return k
	}
	each := func(t *testing.T, packs *images.Drives) {
		all := 0
		done := map[crash.Mode]int{}
		spent := map[crash.Mode]time.Duration{}
		var most time.Duration // lost
		campaign := func(workload string, seed uint64, keep crash.KeepOptions, modes ...crash.Mode) {
			w, err := crash.LoadWorkload(workload, seed)
			if err != nil {
				t.Fatal(err)
			}
			for _, mode := range modes {
				run, err := crash.Record(t.Context(), crash.RecordOptions{Mode: mode, Workload: w, Packs: packs, Keep: keep})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				res, err := crash.Campaign(t.Context(), []*crash.Run{run}, crash.CampaignOptions{Workload: workload, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				spent[mode] += time.Since(begin)
				r := res.Modes[0]
				done[mode] += len(r.Cuts)
				all += len(r.Cuts)
				harmed, wrong := 0, 0
				for _, c := range r.Cuts {
					if c.Outcome == crash.Harmful {
						harmed++
					}
					if mode != crash.Journal {
						continue
					}
					lost := time.Duration(c.LostTime)
					most = max(most, lost)
					if !bad(c) && lost <= maxLoss {
						continue
					}
					if wrong++; wrong <= 3 {
						t.Errorf("%s, seed %d, %s: %s %v, %d half done, %d promises broken, %v lost", workload, seed, c.ID, c.Outcome, c.Kinds, c.HalfDone, c.PromiseLost, lost)
					}
				}
				t.Logf("%s, seed %d, %s: %d cuts, %d harmful; %+v", workload, seed, mode, len(r.Cuts), harmed, keep)
				if mode == crash.Plain && harmed < len(r.Cuts)/10 {
					t.Errorf("%s, %s: only %d of %d cuts are harmful", workload, mode, harmed, len(r.Cuts))
				}
			}
		}
		workloads := crash.Workloads
		if testing.Short() {
			workloads = workloads[:1]
		}
		for _, w := range workloads {
			// What each workload does to disks without a journal is much the same.
			if done[crash.Journal] >= want && !*long {
				break
			}
			if modes := crash.Modes; form.Long() && (w == "mkdir" || w == "mixed") || *long || !testing.Short() && w == "mkdir" {
				campaign(w, 1, crash.StressKeep, modes...)
			} else {
				campaign(w, 1, crash.StressKeep, crash.Journal)
			}
		}
		for i := 0; all < want || *long && done[crash.Journal] < 20*want; i++ {
			keep := []crash.KeepOptions{crash.ProductKeep, ordered(crash.StressKeep), crash.StressKeep, ordered(crash.ProductKeep)}[i%4]
			campaign([]string{"mixed", "churn", "files"}[i%3], uint64(i+2), keep, crash.Journal)
		}
		for _, mode := range crash.Modes {
			if n := done[mode]; n > 0 {
				t.Logf("%s: %d cuts, %.0f a second", mode, n, float64(n)/max(spent[mode].Seconds(), 1e-9))
			}
		}
		t.Logf("a journaled disk lost %v at most", most)
	}
	t.Run(guest.V7, func(t *testing.T) {
		if testing.Short() {
			t.Skip("mini is quicker")
		}
		each(t, guest.Packs(t, ""))
	})
	t.Run(guest.Mini, func(t *testing.T) { each(t, guest.MiniPacks(t)) })
}
