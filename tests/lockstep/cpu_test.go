package lockstep

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"v7em/mmu"
	"v7em/tests/form"
)

var (
	cpuCases = flag.Int("cpucases", 0, "integer cases for each model; 0: as many as the test wants")
	cpuSeed  = flag.Uint64("cpuseed", 1, "seed of the integer cases")
)

// fill makes and runs cases until the memory for records is full or n are used.
func (g *cpuGen) fill(x *cpuMachine, n int) *cpuBatch {
	b := g.newBatch()
	x.begin(b)
	for len(b.cases) < n && x.free < cpuHighEnd-maxRecord {
		c := g.newCase(g.IntN(cpuNumConfs))
		c.at = x.free
		why := x.run(c.record())
		for again := map[reason]uint16{rejShallow: flagDeep, rejTrapPage: flagNoA, rejTrapR1: flagNoR1}; again[why] != 0; {
			g.count[why]++
			c.header[recFlags] |= again[why]
			why = x.run(c.record())
		}
		g.count[why]++
		if why == accepted {
			b.cases = append(b.cases, c)
			g.coverage.add(x, c)
		}
	}
	x.end(b)
	return b
}

const (
	cpuGroup     = 32 // batches that SIMH does in one run
	maxDiagnoses = 5  // with which a failing test explains itself
)

// TestInteger holds all but floating point against SIMH.
func TestInteger(t *testing.T) {
	path := simhPath(t)
	for _, m := range []struct {
		cpuModel
		cases int
	}{{model70, 560_000}, {model45, 450_000}} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			n := m.cases
			if testing.Short() || !form.Long() {
				n /= 20
			}
			if *cpuCases > 0 {
				n = *cpuCases
			}
			prog := cpuAssemble(t, m.cpuModel)
			x := newCPUMachine(t, prog)
			g := newCPUGen(*cpuSeed, prog)
			dir := t.TempDir()
			diagnoses := 0
			for left := n; left > 0 && diagnoses < maxDiagnoses; {
				var batches []*cpuBatch
				for len(batches) < cpuGroup && left > 0 {
					b := g.fill(x, left)
					left -= len(b.cases)
					batches = append(batches, b)
				}
				results, err := cpuSIMH(path, dir, prog, batches, "")
				if err != nil {
					t.Error(err)
				}
				for i, b := range batches {
					if i > len(results) {
						break
					}
					var wrong []*cpuCase
					if i == len(results) || results[i].count != len(b.cases) || results[i].sum != b.sum() {
						wrong = append(wrong, cpuStrayed(path, dir, x, b))
					}
					if i < len(results) && results[i].bad > 0 {
						t.Errorf("%d of %d cases differ", results[i].bad, len(b.cases))
						for _, c := range b.cases {
							if slices.Contains(results[i].failed, c.at) {
								wrong = append(wrong, c)
							}
						}
					}
					for _, c := range wrong[:min(len(wrong), maxDiagnoses-diagnoses)] {
						diagnoses++
						text, err := cpuDiagnose(path, dir, x, b, c)
						t.Errorf("%s (%v)", text, err)
					}
				}
			}
			t.Logf("%d cases compared; of others, %d were no good, and %d are left out for what SIMH does", g.count[accepted],
				total(g.count[rejHalt:rejShallow]), total(g.count[rejReadPDR:]))
			for _, d := range departures {
				t.Logf("%6d: SIMH: %s", g.count[d.why], d.simh)
			}
			if n >= m.cases/20 {
				for _, what := range g.coverage.wanted(m.cpuModel) {
					if g.coverage[what] == 0 {
						t.Errorf("no case had %s", what)
					}
				}
			}
		})
	}
}

func total(counts []int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// TestIntegerFails shows that the comparison in SIMH notices what it should: a
// result that differs, and a change where there must be none.
func TestIntegerFails(t *testing.T) { integerFails(t, simhPath(t)) }

func integerFails(t *testing.T, path string) {
	prog := cpuAssemble(t, model70)
	x := newCPUMachine(t, prog)
	b := newCPUGen(*cpuSeed, prog).fill(x, 100)
	wrong := b.cases[57]
	at := (wrong.at - cpuHigh) / 2
	b.high[at+recLow] ^= 0100
	results, err := cpuSIMH(path, t.TempDir(), prog, []*cpuBatch{b}, "")
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.count != 100 || r.bad != 1 || !slices.Equal(r.failed, []uint32{wrong.at}) || r.sum != b.sum() {
		t.Errorf("with a wrong result in the record at %o, SIMH reports %d cases, %d wrong, at %o, sums %o, want %o",
			wrong.at, r.count, r.bad, r.failed, r.sum, b.sum())
	}
	b.high[at+recLow] ^= 0100
	sum := b.sum()
	b.mem[cpuLow/2-1]++
	results, err = cpuSIMH(path, t.TempDir(), prog, []*cpuBatch{b}, "")
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.count != 100 || r.bad != 0 || r.sum == sum {
		t.Errorf("with a word of memory changed, SIMH reports %d cases, %d wrong, at %o, sums %o as before", r.count, r.bad, r.failed, r.sum)
	}
}

// TestHalt compares what a HALT in kernel mode leaves, which the other cases
// cannot have.
func TestHalt(t *testing.T) { halts(t, simhPath(t)) }

func halts(t *testing.T, path string) {
	prog := cpuAssemble(t, model70)
	x := newCPUMachine(t, prog)
	g := newCPUGen(*cpuSeed, prog)
	for range 10 {
		b := g.newBatch()
		x.begin(b)
		for {
			c := g.newCase(g.IntN(cpuNumConfs))
			c.at = x.free
			if c.planted && c.code[0] == 0 && c.header[recPSW]>>14 == mmu.Kernel && x.run(c.record()) == rejHalt {
				break
			}
		}
		x.end(b)
		results, err := cpuSIMH(path, t.TempDir(), prog, []*cpuBatch{b}, "ex pc\nex psw\nex sp\nex r0-r5\nex r00-r15\nex mmr0-mmr3\n")
		if err != nil {
			t.Fatal(err)
		}
		x.c.SetState(x.haltedCPU)
		s := &x.haltedCPU
		want := map[string]uint16{
			"PC": s.R[7], "PSW": x.c.PSW(), "SP": s.R[6], "MMR0": x.haltedMMU.MMR0, "MMR3": x.haltedMMU.MMR3,
		}
		for i, v := range s.R[:6] {
			want[fmt.Sprintf("R%d", i)] = v
			want[fmt.Sprintf("R%d%d", s.Set^1, i)] = s.Regs[s.Set^1][i]
		}
		for name, v := range want {
			if got := results[0].seen[name]; got != v {
				t.Errorf("after HALT %s is %06o, with SIMH %06o", name, v, got)
			}
		}
	}
}
