package commit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"v7em/journaldev/crashtest"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/kernel"
)

var errIO = errors.New("input/output error")

// TestFaultedSyncs has one call on the host's files of a pack fail, whatever call: a
// guest's sync that the pack has part in returns when what it covered is durable, or when
// the user knows that it is not; the other pack's part is durable in any case.
func TestFaultedSyncs(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		booted := guest.Boot(t, o)
		faulted, lost := 0, 0
		seed := -1
		form.Batches(t, func(t *testing.T) bool {
			seed++
			rng := rand.New(rand.NewPCG(uint64(seed), 10))
			g := booted.Clone(t)
			fault := &crashtest.Fault{At: 1 + rng.IntN(24), Short: rng.IntN(4) == 0}
			h := simulated(t, g, guest.Second/50, Options{}, map[int]*crashtest.Fault{7: fault}, 0, 7)
			bad := h.volumes[rk7]
			for i := 0; i < 8 && bad.Err() == nil; i++ {
				g.Run(fmt.Sprintf("echo x >/tmp/f%d; echo x >/f%d; sync", i, i))
				told := strings.Contains(strings.Join(h.told, "\n"), "rk7: ")
				if bad.Err() == nil && rng.IntN(4) > 0 {
					continue
				}
				if bad.Err() != nil {
					faulted++
				}
				durable := h.has(7, fmt.Sprintf("/f%d", i))
				if !durable {
					lost++
				}
				if !durable && !told {
					t.Errorf("seed %d: sync %d has returned, and what it covered is lost; told %q; %+v", seed, i, h.told, h.c.Status())
				}
				if !h.has(0, fmt.Sprintf("/f%d", i)) {
					t.Errorf("seed %d: sync %d has returned, and is lost on the pack that has not failed", seed, i)
				}
			}
			if bad.Err() == nil {
				return true
			}
			g.Wait(guest.Second / 10)
			g.M.Attend() // an idle machine that runs freely does so seldom
			if s := h.c.Status(); len(s.Volumes) != 1 || s.Volumes[0].State != VolumeFailed || s.Volumes[0].Name != "rk7" {
				t.Errorf("seed %d: %+v", seed, s)
			}
			if n := strings.Count(strings.Join(h.told, "\n"), "read-only"); n != 1 {
				t.Errorf("seed %d: told %q", seed, h.told)
			}
			if err := h.c.Last("power off"); err == nil || !strings.Contains(err.Error(), "rk7: ") {
				t.Errorf("seed %d: a run ends with %v", seed, err)
			}
			return faulted < form.Times(40, 500)
		})
		t.Logf("%d faulted syncs, %d not durable and told", faulted, lost)
		if lost == 0 || lost == faulted {
			t.Error("that is one-sided")
		}
	})
}

// TestOnePackFails: the others keep their pace.
func TestOnePackFails(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		o.Files = loops
		g := guest.Boot(t, o)
		background(g, "files /usr/tmp/1", "files /tmp/1")
		fault := &crashtest.Fault{At: 40}
		units := []int{0, 1, 7}
		if o.Guest == guest.Mini {
			units = []int{0, 7}
		}
		other := kernel.Drive{Unit: units[len(units)-2]} // where the other loop works
		h := simulated(t, g, guest.Second/100, Options{}, map[int]*crashtest.Fault{7: fault}, units...)
		for range 100 {
			if g.Wait(guest.Second / 5); h.volumes[rk7].Err() != nil {
				break
			}
		}
		if h.volumes[rk7].Err() == nil {
			t.Fatal("nothing has failed")
		}
		before, newest := h.c.Stats().Settled, h.volumes[other].Status().Commits
		h.ages = nil
		g.Wait(10 * guest.Second)
		points, commits := h.c.Stats().Settled-before, h.volumes[other].Status().Commits-newest
		if points < 45 || commits < 30 {
			t.Errorf("%d points and %d commits of the pack that is left, in 50 intervals", points, commits)
		}
		if worst := percentile(h.ages, 1000); worst > 2*DefaultInterval {
			t.Errorf("work was %v old", worst)
		}
	})
}
