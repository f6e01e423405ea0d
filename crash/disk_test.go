package crash

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"v7em/block"
)

func TestIDs(t *testing.T) {
	for _, mode := range Modes {
		for _, model := range Models {
			for _, n := range []int{0, 1, 1234} {
				p := point{mode, model, n, n % 4}
				if got, err := parseID(p.ID()); err != nil || got != p {
					t.Errorf("%s: %v, %v", p.ID(), got, err)
				}
			}
		}
	}
	for _, id := range []string{
		"", "journal", "journal.lost.1", "journal.lost.1.2.3", "none.lost.1.2", "journal.none.1.2", "journal.lost.-1.2",
		"journal.lost.1.-2", "journal.lost.01.2", "journal.lost.+1.2", "journal.lost. 1.2", "Journal.lost.1.2", "journal.lost.1e3.2",
		"journal.lost.99999999999999999999.2", "journal.lost.1.2\n",
	} {
		if p, err := parseID(id); err == nil || !strings.Contains(err.Error(), "journal.lost.1234.2") {
			t.Errorf("%q: %v, %v", id, p, err)
		}
		if _, err := ModeOf(id); err == nil {
			t.Errorf("%q has a mode", id)
		}
	}
}

func FuzzID(f *testing.F) {
	for _, id := range []string{"journal.lost.1234.2", "plain.prefix.0.0", "write-through.torn.7.3", "", "...", "a.b.1.2", "plain.prefix.00.0"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		p, err := parseID(id)
		if err == nil && (p.ID() != id || p.event < 0 || p.variant < 0) {
			t.Errorf("%q is %v", id, p)
		}
	})
}

// The cuts of a run: all of them, each once, in order; and some of them.
func TestPoints(t *testing.T) {
	r, err := newReplay(busy(t, Plain).run)
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	for _, e := range r.Events {
		if e.Kind == Write {
			writes++
		}
	}
	first := slices.IndexFunc(r.Events, func(e Event) bool { return e.Kind == Write })
	want := map[Model]int{Prefix: len(r.Events), Torn: 4 * writes, Lost: 4*(len(r.Events)-first) + first}
	for _, m := range Models {
		all := r.points(m)
		if len(all) != want[m] {
			t.Errorf("%s: %d cuts, must be %d", m, len(all), want[m])
		}
		before := func(a, b point) int { return 4*(a.event-b.event) + a.variant - b.variant }
		if !slices.IsSortedFunc(all, before) {
			t.Errorf("%s: not in order", m)
		}
		for _, n := range []int{0, 1, 10, 100, len(all) - 1, len(all), 10 * len(all)} {
			some := choose(all, n, 5)
			if k := min(n, len(all)); len(some) != k && (n > 0 || len(some) != len(all)) {
				t.Errorf("%s: %d of %d cuts", m, len(some), n)
			}
			if !slices.IsSortedFunc(some, before) || len(slices.Compact(slices.Clone(some))) != len(some) {
				t.Errorf("%s: %d cuts are not in order", m, n)
			}
			if n > 0 && n < len(all) {
				for k := 1; k < n; k++ { // no gap is longer than two parts
					if gap := slices.Index(all, some[k]) - slices.Index(all, some[k-1]); gap > 2*(len(all)/n+1) {
						t.Errorf("%s: %d cuts leave out %d", m, n, gap)
					}
				}
				if n >= 10 && n < len(all)/2 && slices.Equal(some, choose(all, n, 6)) {
					t.Errorf("%s: another seed chooses the same %d cuts", m, n)
				}
			}
		}
	}
}

// What is left of files after a cut is what the model says.
func TestRemains(t *testing.T) {
	for _, mode := range Modes {
		run := busy(t, mode).run
		r, err := newReplay(run)
		if err != nil {
			t.Fatal(err)
		}
		whole := map[Model]int{}
		for _, model := range Models {
			c, err := r.cursor()
			if err != nil {
				t.Fatal(err)
			}
			left := make([][2]remains, 1)
			// The model: every sector's versions since the newest sync, the synced first.
			type sector struct{ file, n int }
			versions := map[sector][][]byte{}
			images := [2][]byte{stored(t, run.Packs[0].Start), append(bytes.Clone(run.Packs[0].Journal), make([]byte, 64*1024)...)}
			at := 0
			put := func(e Event) {
				f := 0
				if e.Journal {
					f = 1
				}
				switch e.Kind {
				case Write:
					for k := 0; k < len(e.Data); k += block.Size {
						key := sector{f, int(e.Off)/block.Size + k/block.Size}
						if versions[key] == nil {
							versions[key] = [][]byte{bytes.Clone(images[f][key.n*block.Size:][:block.Size])}
						}
						versions[key] = append(versions[key], e.Data[k:][:block.Size])
						copy(images[f][key.n*block.Size:], e.Data[k:][:block.Size])
					}
				case Sync:
					for key := range versions {
						if key.file == f {
							delete(versions, key)
						}
					}
				}
			}
			for _, p := range choose(r.points(model), 400, 1) {
				upTo := p.event + 1
				if model == Torn {
					upTo--
				}
				for ; at < upTo; at++ {
					put(run.Events[at])
				}
				if err := c.goTo(upTo); err != nil {
					t.Fatal(err)
				}
				if err := c.cut(p, 3, left); err != nil {
					t.Fatal(err)
				}
				for f := range 2 {
					rest := left[0][f]
					got := make([]byte, rest.size)
					if _, err := rest.ReadAt(got, 0); err != nil && rest.size > 0 {
						t.Fatal(err)
					}
					var total sum
					for n := range len(got) / block.Size {
						b := got[n*block.Size:][:block.Size]
						if f == 0 && n < storySystem {
							total.swap(sum{}, sumOf(n, b))
						}
						now := images[f][n*block.Size:][:block.Size]
						v := versions[sector{f, n}]
						switch {
						case bytes.Equal(b, now):
							if v != nil {
								whole[model]++
							}
						case model == Lost && slices.ContainsFunc(v, func(o []byte) bool { return bytes.Equal(o, b) }):
						case model == Torn && half(run.Events[p.event], f, n, now, b):
						default:
							t.Fatalf("%s: sector %d of file %d is none that it can be", p.ID(), n, f)
						}
						if model == Lost && p.variant == 0 && v != nil && !bytes.Equal(b, v[0]) {
							t.Fatalf("%s: sector %d of file %d is not lost", p.ID(), n, f)
						}
					}
					if f == 0 && total != rest.total {
						t.Fatalf("%s: the sum is not that of the image", p.ID())
					}
				}
			}
		}
		if whole[Prefix] == 0 && mode != WriteThrough || whole[Lost] == 0 && mode == Plain {
			t.Errorf("%s: that is no test: %v", mode, whole)
		}
	}
}

// half says whether b is what a write makes of a sector that stops in it, or has just
// written it.
func half(e Event, file, n int, old, b []byte) bool {
	if (file == 1) != e.Journal || int64(n)*block.Size < e.Off || int64(n)*block.Size >= e.Off+int64(len(e.Data)) {
		return false
	}
	new := e.Data[int64(n)*block.Size-e.Off:][:block.Size]
	for k := 1; k <= block.Size; k++ {
		if bytes.Equal(b[:k], new[:k]) && bytes.Equal(b[k:], old[k:]) {
			return true
		}
	}
	return false
}

// atEnd returns a cursor that has gone through all of a run.
func atEnd(t *testing.T, run *Run) *cursor {
	t.Helper()
	r, err := newReplay(run)
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.cursor()
	if err == nil {
		err = c.goTo(len(r.Events))
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// At 50% about half of the sectors are lost, at 5% few, at 95% most.
func TestLoss(t *testing.T) {
	s := newStory(t, Plain)
	for n := range 280 {
		for v := range 2 {
			s.event(Event{Kind: Write, Off: int64(n+10) * block.Size, Data: bytes.Repeat([]byte{byte(v + 0x81)}, block.Size)})
		}
	}
	c := atEnd(t, s.run)
	left := make([][2]remains, 1)
	for v, bounds := range [][2]int{{280, 280}, {110, 170}, {2, 30}, {250, 279}} {
		p := point{Plain, Lost, len(c.r.Events) - 1, v}
		if err := c.cut(p, 1, left); err != nil {
			t.Fatal(err)
		}
		var lost, older int
		for n := range 280 {
			var b [block.Size]byte
			if _, err := left[0][0].ReadAt(b[:], int64(n+10)*block.Size); err != nil {
				t.Fatal(err)
			}
			if b[0] != 0x82 {
				lost++
			}
			if b[0] == 0x81 {
				older++
			}
		}
		if lost < bounds[0] || lost > bounds[1] || v == 1 && (older < lost/4 || older > 3*lost/4) {
			t.Errorf("variant %d: %d lost, %d of them for an older version", v, lost, older)
		}
	}
}

// A run that makes no sense is refused.
func TestReplayRefuses(t *testing.T) {
	for i, spoil := range []func(r *Run){
		func(r *Run) { r.Packs[0].Start = nil },
		func(r *Run) { r.Packs[0].Swap = -1 },
		func(r *Run) { r.Packs[0].Swap = storyBlocks + 1 },
		func(r *Run) { r.Events[0].Pack = 1 },
		func(r *Run) { r.Events[0].Pack = -1 },
		func(r *Run) { r.Events[0].Off = -1 },
		func(r *Run) { r.Events[0].Off = storyBlocks * block.Size },
		func(r *Run) { r.Events[0].Data = nil },
		func(r *Run) { r.Events[0].Journal, r.Events[0].Off = true, 1<<40 },
		func(r *Run) { r.Events[0].Kind = 9 },
		func(r *Run) { r.Events[0] = Event{Kind: Return, Op: 99} },
		func(r *Run) { r.Events[0] = Event{Kind: Synced, Op: -1} },
		func(r *Run) { r.Ops[0].Changes = []Change{{Pack: 3}} },
	} {
		s := newStory(t, Plain)
		s.event(Event{Kind: Write, Off: 0, Data: make([]byte, block.Size)})
		s.mkdir("/d")
		spoil(s.run)
		if _, err := Campaign(t.Context(), []*Run{s.run}, CampaignOptions{}); err == nil {
			t.Errorf("case %d is not refused", i)
		}
	}
}

// Writes of any size and place come out as they are.
func TestOddWrites(t *testing.T) {
	s := newStory(t, Plain)
	rnd := rand.New(rand.NewPCG(1, 2))
	image := stored(t, s.run.Packs[0].Start)
	for range 50 {
		off := 20*block.Size + rnd.IntN(200*block.Size)
		b := bytes.Repeat([]byte{byte(rnd.IntN(255) + 1)}, 1+rnd.IntN(3*block.Size))
		s.event(Event{Kind: Write, Off: int64(off), Data: b})
		copy(image[off:], b)
	}
	c := atEnd(t, s.run)
	got := make([]byte, len(image))
	if _, err := c.files[0][0].now.ReadAt(got, 0); err != nil || !bytes.Equal(got, image) {
		t.Error("not what was written", fmt.Sprint(err))
	}
}
