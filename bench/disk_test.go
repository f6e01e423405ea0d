package bench

import (
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	var list []time.Duration
	for i := 1000; i >= 1; i-- {
		list = append(list, time.Duration(i)*time.Millisecond)
	}
	if got, want := seconds(list), (Spread{0.5, 0.99, 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := SpreadOf([]uint64(nil)); got != (Spread{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// TestDisk measures everything once: the work must be done in every mode, and the
// journals must have done theirs.
func TestDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("boots guests again and again: left out with -short")
	}
	both(t, func(t *testing.T, dir string, work Work) {
		r, err := Disk(t.Context(), dir, DiskOptions{Work: work, Interval: 20 * time.Millisecond, Runs: 1, Settles: 20}, func(string, string) {})
		if err != nil {
			t.Fatal(err)
		}
		for _, res := range r.Results {
			for _, m := range Modes {
				if times := res.Times[m.Name]; len(times) != 1 || times[0] <= 0 {
					t.Errorf("%s: %s took %v", m.Name, res.Task, times)
				}
				if ratio, ok := res.Ratios[m.Name]; ok != (m.Name != Modes[0].Name) || ok && ratio <= 0 {
					t.Errorf("%s: %s has the ratio %v", m.Name, res.Task, ratio)
				}
			}
		}
		if want := 2 * len(work.Disk); len(r.Journal) != want {
			t.Fatalf("%d lines about journals, want %d", len(r.Journal), want)
		}
		for _, j := range r.Journal {
			if j.CommitsPerSecond <= 0 || j.ChangedBytes <= 0 || j.Transactions == 0 || j.Latency <= 0 || j.Bare <= 0 {
				t.Errorf("%+v", j)
			}
			// A journal of all data has more bytes than change.
			if j.Mode == "journal" && j.JournalBytes <= j.ChangedBytes {
				t.Errorf("%s: %d bytes journaled for %d that changed", j.Task, j.JournalBytes, j.ChangedBytes)
			}
		}
		if s := r.Settle; s.Settled < 20 || s.Unsettled > 0 || s.Instructions.Worst <= 0 || s.Settle.Median <= 0 || s.Clone.Median <= 0 {
			t.Errorf("%+v", s)
		}
	})
}
