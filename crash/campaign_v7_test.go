package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"v7em/tests/guest"
)

func TestExplore(t *testing.T) {
	if os.Getenv("EXPLORE") == "" {
		t.Skip("exploration")
	}
	words := strings.Split(os.Getenv("EXPLORE"), ",") // guest, workload, modes...
	packs := guest.MiniPacks(t)
	if words[0] == "v7" {
		packs = guest.Packs(t, "")
	}
	guests, _ := strconv.Atoi(os.Getenv("GUESTS"))
	for _, mode := range words[2:] {
		run := record(t, RecordOptions{Mode: Mode(mode), Packs: packs, Workload: workload(t, words[1])})
		for _, m := range Models {
			begin := time.Now()
			res, err := Campaign(t.Context(), []*Run{run}, CampaignOptions{Models: []Model{m}, Seed: 1, GuestCheck: guests})
			if err != nil {
				t.Fatal(err)
			}
			r := res.Modes[0]
			d := time.Since(begin)
			promise, half := 0, 0
			first := map[Outcome]Cut{}
			for _, c := range r.Cuts {
				if c.PromiseLost > 0 {
					promise++
				}
				if c.HalfDone > 0 {
					half++
				}
				if _, ok := first[c.Outcome]; !ok {
					first[c.Outcome] = c
				}
			}
			t.Logf("%s %s: %d cuts in %v, %.0f/s; %v; promise lost in %d, half done in %d; kinds %v; commits %d", mode, m, len(r.Cuts), d.Round(time.Millisecond), float64(len(r.Cuts))/d.Seconds(), r.Counts[m], promise, half, r.Kinds, r.Commits)
			t.Logf("guests %d: %q", r.GuestChecks, r.Disagreements)
			for o, c := range first {
				if o != Clean {
					t.Logf("   %s: %+v", o, c)
				}
			}
			if m == Prefix {
				kinds := map[string]int{}
				for _, b := range r.Blocks {
					kinds[b.What]++
				}
				fmt.Println(kinds)
			}
		}
	}
}
