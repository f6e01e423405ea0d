package report

import (
	"fmt"
	"math/rand/v2"

	"v7em/crash"
	"v7em/unix/fs"
)

// synthetic makes a result that looks like one of a campaign: per models of cuts for
// each event of each mode.
func synthetic(events, per int) *crash.Result {
	r := &crash.Result{Workload: "mixed", Guest: "v7", Seed: 7, Points: "all", Models: crash.Models}
	for _, mode := range crash.Modes {
		r.Modes = append(r.Modes, syntheticMode(mode, events, per))
	}
	return r
}

func syntheticMode(mode crash.Mode, events, per int) crash.ModeResult {
	rng := rand.New(rand.NewPCG(1, uint64(len(mode))))
	m := crash.ModeResult{Mode: mode, Counts: map[crash.Model]map[crash.Outcome]int{}, Kinds: map[fs.Kind]int{}}
	programs := []string{"mkdir", "rmdir", "cp", "rm", "sh", "cc", "as", "ld", "sync", "update"}
	calls := []string{"mknod", "link", "unlink", "creat", "write", "chown"}
	whats := []string{"inode", "directory", "file", "free", "superblock", "indirect", "swap"}
	t, lastCommit := uint64(0), uint64(0)
	programAt := 0
	for e := range events {
		t += uint64(rng.ExpFloat64() * 8e6)
		if e%97 == 0 {
			t += 400e6
		}
		switch rng.IntN(4) {
		case 0:
			if rng.IntN(6) == 0 {
				programAt = rng.IntN(len(programs))
			}
			m.Ops = append(m.Ops, crash.OpInfo{Called: t - min(t, 3e6), Returned: t, Program: programs[programAt], Call: calls[rng.IntN(len(calls))], Path: fmt.Sprintf("/tmp/d%d", rng.IntN(20))})
		default:
			what := whats[rng.IntN(len(whats))]
			if mode == crash.Journal && e%3 != 0 {
				what = "journal"
			}
			n := 1 + rng.IntN(4)
			m.Blocks = append(m.Blocks, crash.BlockWrite{Event: e, Time: t, Drive: "rk0", Block: rng.IntN(4872), Count: n, What: what})
			m.Writes++
			m.Bytes += int64(n) * 512
		}
		if e%230 == 229 {
			m.Synced = append(m.Synced, t)
		}
		if mode == crash.WriteThrough || mode == crash.Journal && e%40 == 0 {
			m.Syncs++
		}
		if e%40 == 0 {
			m.Commits++
			lastCommit = t
		}
		mood := (e / 60) % 5
		for _, model := range crash.Models {
			for v := range per {
				cut := crash.Cut{ID: fmt.Sprintf("%s.%s.%d.%d", mode, model, e, v), Model: model, Event: e, Time: t, Outcome: crash.Clean}
				switch {
				case mode == crash.Journal:
					cut.LostTime = (t - lastCommit) % 200e6
					cut.LostOps = int(cut.LostTime / 20e6)
					cut.Transactions, cut.HomeBlocks = rng.IntN(3), rng.IntN(60)
					cut.RecoveryTime = 4e6 + uint64(cut.HomeBlocks)*300e3 + uint64(rng.IntN(2e6))
				default:
					x := rng.IntN(100)
					limit := 10 * mood
					if mode == crash.WriteThrough {
						limit /= 2
					}
					if model == crash.Lost {
						limit += 20
					}
					switch {
					case x < limit:
						cut.Outcome = crash.Harmful
						cut.Kinds = [][]fs.Kind{{fs.UsedAndFree}, {fs.EntryUnallocated, fs.LinksLow}, {fs.DotMissing, fs.Missing}, {fs.LinksLow}}[rng.IntN(4)]
					case x < limit+4:
						cut.Outcome, cut.HalfDone = crash.HalfDone, 1
					case x < limit+15:
						cut.Outcome, cut.PromiseLost = crash.PromiseLost, 1+rng.IntN(5)
					case x < limit+40:
						cut.Outcome = crash.Harmless
						cut.Kinds = [][]fs.Kind{{fs.Missing}, {fs.Unreferenced}, {fs.LinksHigh, fs.Missing}}[rng.IntN(3)]
					}
					cut.LostTime = uint64(rng.ExpFloat64() * 3e9)
					cut.LostOps = int(cut.LostTime / 40e6)
				}
				if m.Counts[model] == nil {
					m.Counts[model] = map[crash.Outcome]int{}
				}
				m.Counts[model][cut.Outcome]++
				for _, k := range cut.Kinds {
					m.Kinds[k]++
				}
				m.Cuts = append(m.Cuts, cut)
			}
		}
	}
	m.Time = t
	m.GuestChecks = 20
	return m
}
