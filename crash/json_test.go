package crash

import (
	"context"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestJSONIsDocumented: docs/crash-json.md names every field of a Result, and every word
// that can stand in one.
func TestJSONIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/crash-json.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
				names[name] = true
				walk(typ.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[Result]())
	for _, v := range Outcomes {
		names[string(v)] = true
	}
	for _, v := range Models {
		names[string(v)] = true
	}
	for _, v := range Modes {
		names[string(v)] = true
	}
	for name := range names {
		if !strings.Contains(string(b), "`"+name+"`") {
			t.Errorf("docs/crash-json.md does not have %q", name)
		}
	}
	if len(names) < 40 {
		t.Errorf("only %d names", len(names))
	}
}

// TestCampaignInterrupted: a campaign that is interrupted has what it has found.
func TestCampaignInterrupted(t *testing.T) {
	runs := busyRuns(t)
	o := CampaignOptions{Seed: 1, Workers: 2}
	full, _ := campaignJSON(t, runs, o)
	outcomes := map[string]Outcome{}
	for _, m := range full.Modes {
		for _, c := range m.Cuts {
			outcomes[c.ID] = c.Outcome
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Progress = func(p Progress) {
		if p.AllDone > chunk {
			cancel()
		}
	}
	r, err := Campaign(ctx, runs, o)
	if err == nil || r == nil {
		t.Fatalf("%v, %v", r, err)
	}
	cuts := 0
	for _, m := range r.Modes {
		cuts += len(m.Cuts)
		sum := 0
		for _, counts := range m.Counts {
			for _, n := range counts {
				sum += n
			}
		}
		if sum != len(m.Cuts) {
			t.Errorf("%s: %d cuts, and %d counted", m.Mode, len(m.Cuts), sum)
		}
		for _, c := range m.Cuts {
			if outcomes[c.ID] != c.Outcome {
				t.Errorf("%s: %s, and %s when nobody interrupts", c.ID, c.Outcome, outcomes[c.ID])
			}
		}
	}
	if cuts <= chunk || cuts >= len(outcomes) {
		t.Errorf("%d cuts of %d", cuts, len(outcomes))
	}
}
