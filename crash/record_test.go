package crash

import (
	"os"
	"testing"
	"time"

	"v7em/images"
	"v7em/tests/guest"
)

// guests are those that can be had here: V7 and mini.
func guests(t *testing.T) map[string]*images.Drives {
	t.Helper()
	g := map[string]*images.Drives{"mini": guest.MiniPacks(t)}
	if os.Getenv("V7EM_DIST") != "" {
		g["v7"] = guest.Packs(t, "")
	}
	return g
}

func record(t *testing.T, o RecordOptions, name string) *Run {
	t.Helper()
	w, err := LoadWorkload(name, 1)
	if err != nil {
		t.Fatal(err)
	}
	o.Workload = w
	begin := time.Now()
	r, err := Record(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[Kind]int{}
	for _, e := range r.Events {
		kinds[e.Kind]++
	}
	t.Logf("%s, %s: %d events (%d writes, %d syncs, %d returns, %d synced), %d ops, %.1f s virtual, recorded in %v",
		name, o.Mode, len(r.Events), kinds[Write], kinds[Sync], kinds[Return], kinds[Synced], len(r.Ops), float64(r.Time)/1e9, time.Since(begin).Round(time.Millisecond))
	return r
}

func TestRecord(t *testing.T) {
	for name, packs := range guests(t) {
		t.Run(name, func(t *testing.T) {
			for _, w := range Workloads {
				record(t, RecordOptions{Mode: Plain, Packs: packs}, w)
			}
		})
	}
}
