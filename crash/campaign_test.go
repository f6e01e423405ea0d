package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"v7em/block"
	"v7em/images"
	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/fs"
)

// cutAll records a workload in all modes and cuts the power.
func cutAll(t *testing.T, packs *images.Drives, name string, o CampaignOptions) *Result {
	t.Helper()
	var runs []*Run
	for _, mode := range Modes {
		runs = append(runs, record(t, RecordOptions{Mode: mode, Packs: packs, Workload: workload(t, name)}))
	}
	res, err := Campaign(t.Context(), runs, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range res.Modes {
		t.Logf("%s: %d cuts, %v, %v; %d guest checks, %q", m.Mode, len(m.Cuts), m.Counts, m.Kinds, m.GuestChecks, m.Disagreements)
	}
	return res
}

// sound fails the test if a journal did not keep what it promises.
func sound(t *testing.T, m ModeResult) {
	t.Helper()
	recovered := 0
	for _, c := range m.Cuts {
		if c.Outcome != Clean || c.HalfDone > 0 || c.PromiseLost > 0 || len(c.Kinds) > 0 {
			t.Errorf("%+v", c)
			return
		}
		recovered += c.Transactions
	}
	if recovered == 0 || m.Commits < 5 {
		t.Errorf("%d transactions recovered, %d commits: that is no test", recovered, m.Commits)
	}
}

// Mkdir, cut in all modes: a plain disk comes to harm, a journaled one to none, and the
// guest agrees.
func TestCampaign(t *testing.T) {
	eachGuest(t, func(t *testing.T, packs *images.Drives) {
		// Mini's disks cannot be checked by mini.
		o := CampaignOptions{Points: 300, Seed: 1, GuestCheck: 9}
		if testing.Short() {
			o.Points, o.GuestCheck = 50, 0
		}
		res := cutAll(t, packs, "mkdir", o)
		for _, m := range res.Modes {
			if len(m.Cuts) != 3*o.Points || m.Writes == 0 || m.Bytes == 0 || len(m.Ops) == 0 || len(m.Synced) == 0 || len(m.Blocks) < m.Writes {
				t.Errorf("%s: %d cuts of %d writes, %d operations, %d syncs, %d blocks", m.Mode, len(m.Cuts), m.Writes, len(m.Ops), len(m.Synced), len(m.Blocks))
			}
			if len(m.Disagreements) > 0 {
				t.Errorf("the guest does not agree: %q", m.Disagreements)
			}
			if m.Mode == Journal {
				sound(t, m)
				continue
			}
			half := slices.ContainsFunc(m.Cuts, func(c Cut) bool { return c.HalfDone > 0 })
			if m.Counts[Prefix][Harmful] < o.Points/10 || m.Counts[Prefix][Clean] < o.Points/10 || !half {
				t.Errorf("%s: %v, half done %v", m.Mode, m.Counts, half)
			}
			// V7's sync only queues the writes, synced on the host or not. Where nothing is
			// synced, more is lost.
			if m.Counts[Lost][PromiseLost] == 0 || m.Mode == WriteThrough && m.Counts[Lost][Clean] <= res.Modes[0].Counts[Lost][Clean] {
				t.Errorf("%s: promises lost in %d cuts, %d clean", m.Mode, m.Counts[Lost][PromiseLost], m.Counts[Lost][Clean])
			}
		}
	})
}

// What V7 says of disks is held against what we say, and differences are told.
func TestGuestCheck(t *testing.T) {
	packs := guest.Packs(t, "")
	o, err := sitDown(t.Context(), packs)
	if err != nil {
		t.Fatal(err)
	}
	usr := packs.Disks[1].(machine.MemDisk).Store.Clone()
	sane := fs.Check(usr)
	if diff, err := o.compare(t.Context(), 1, sane); err != nil || len(diff) > 0 {
		t.Errorf("%q, %v", diff, err)
	}
	var b [block.Size]byte
	if err := usr.ReadBlock(fs.FirstIBlock, b[:]); err != nil {
		t.Fatal(err)
	}
	b[fs.InodeSize+2]++ // the root's links
	if err := usr.WriteBlock(fs.FirstIBlock, b[:]); err != nil {
		t.Fatal(err)
	}
	if diff, err := o.compare(t.Context(), 1, fs.Check(usr)); err != nil || len(diff) != 1 {
		t.Errorf("a report of another disk: %q, %v", diff, err)
	}
	if _, err := o.compare(t.Context(), 9, sane); err == nil {
		t.Error("a drive that is not there was checked")
	}
}

// Guest checks of a damaged root, and of packs of a guest that cannot check them.
func TestGuestCheckDamaged(t *testing.T) {
	if testing.Short() {
		t.Skip("boots many guests")
	}
	v7 := guest.Packs(t, "")
	for _, packs := range []*images.Drives{v7, guest.MiniPacks(t)} {
		run := record(t, RecordOptions{Mode: Plain, Packs: packs, Workload: workload(t, "churn")})
		for _, have := range []*images.Drives{nil, v7} {
			res, err := Campaign(t.Context(), []*Run{run}, CampaignOptions{Models: []Model{Lost}, Points: 100, GuestCheck: 4, GuestPacks: have})
			if err != nil {
				t.Fatal(err)
			}
			want := 4
			if have == nil && packs != v7 {
				want = 0
			}
			if m := res.Modes[0]; m.GuestChecks != want || len(m.Disagreements) > 0 {
				t.Errorf("%d checks, must be %d: %q", m.GuestChecks, want, m.Disagreements)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	var cuts []Cut
	for i, o := range []Outcome{Clean, Clean, Clean, Clean, Harmful, Clean, Harmless, Clean, Harmful, Clean} {
		cuts = append(cuts, Cut{ID: fmt.Sprint(i), Outcome: o})
	}
	for n, want := range map[int][]string{
		0: {}, 1: {"3"}, 2: {"3", "6"}, 3: {"3", "6", "8"}, 4: {"1", "6", "7", "8"},
		10: {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, 99: {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
	} {
		if got := spread(cuts, n); !slices.Equal(got, want) {
			t.Errorf("%d: %v, must be %v", n, got, want)
		}
	}
	if got := spread(cuts, 6); len(slices.Compact(got)) != 6 {
		t.Errorf("6: %v", got)
	}
}

func TestProgress(t *testing.T) {
	runs := busyRuns(t)
	var last Progress
	done := 0
	res, err := Campaign(t.Context(), runs, CampaignOptions{Workers: 3, Progress: func(p Progress) {
		if p.AllDone < done || p.Done > p.Total || p.AllDone > p.AllTotal {
			t.Errorf("after %d: %+v", done, p)
		}
		last, done = p, p.AllDone
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := res.Modes[len(res.Modes)-1]
	if last.Mode != m.Mode || last.Done != last.Total || last.Done != len(m.Cuts) || last.AllDone != last.AllTotal || !reflect.DeepEqual(last.Counts, m.Counts) {
		t.Errorf("%+v, at the end of %v", last, m.Counts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Campaign(ctx, runs, CampaignOptions{Progress: func(Progress) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// What a write was follows from what is said of its block next.
func TestBlockWrites(t *testing.T) {
	s := newStory(t, Plain)
	s.mkdir("/d")
	dir := s.dataOf("/d")
	s.write(dir, s.rootData(), inodeBlock, superBlock)
	s.op("rmdir /d", func(f *fs.FS) error { return f.Rmdir("/d") })
	s.write(superBlock, inodeBlock, s.rootData())
	s.put("/f", string(make([]byte, 12*block.Size))) // reuses the block
	file := s.dataOf("/f")
	s.write(file, inodeBlock)
	s.event(Event{Kind: Write, Off: (storySystem - 1) * block.Size, Data: make([]byte, 2*block.Size)})
	s.event(Event{Kind: Write, Data: make([]byte, block.Size)})
	s.event(Event{Kind: Write, Journal: true, Off: 3 * block.Size, Data: make([]byte, 4*block.Size)})
	c, err := newCourt(s.run, 1)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.blockWrites()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range list {
		got = append(got, fmt.Sprintf("%d+%d %s", b.Block, b.Count, b.What))
	}
	want := []string{
		fmt.Sprintf("%d+1 directory", dir), fmt.Sprintf("%d+1 directory", s.rootData()), "2+1 inode", "1+1 superblock",
		"1+1 superblock", "2+1 inode", fmt.Sprintf("%d+1 directory", s.rootData()),
		fmt.Sprintf("%d+1 file", file), "2+1 inode",
		fmt.Sprintf("%d+1 file", storySystem-1), fmt.Sprintf("%d+1 swap", storySystem),
		"0+1 boot", "3+4 journal",
	}
	if dir != file || !slices.Equal(got, want) {
		t.Errorf("%q\nmust be %q (blocks %d and %d)", got, want, dir, file)
	}
}

func BenchmarkPrefixCuts(b *testing.B) {
	packs := guest.MiniPacks(b)
	if os.Getenv("V7EM_DIST") != "" {
		packs = guest.Packs(b, "")
	}
	for _, mode := range Modes {
		b.Run(string(mode), func(b *testing.B) {
			w, err := LoadWorkload("mixed", 1)
			if err != nil {
				b.Fatal(err)
			}
			run, err := Record(b.Context(), RecordOptions{Mode: mode, Packs: packs, Workload: w})
			if err != nil {
				b.Fatal(err)
			}
			cuts := 0
			for b.Loop() {
				res, err := Campaign(b.Context(), []*Run{run}, CampaignOptions{Models: []Model{Prefix}})
				if err != nil {
					b.Fatal(err)
				}
				cuts += len(res.Modes[0].Cuts)
			}
			b.ReportMetric(float64(cuts)/b.Elapsed().Seconds(), "cuts/s")
		})
	}
}
