package lockstep

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"v7em/asm"
	"v7em/cpu"
	"v7em/mmu"
)

// standInVar is set for a test binary that is to be SIMH, and says how it behaves: like
// it, or, by words,
//
//	11/70, 11/45  as this model, whatever it is told
//	dies:N        it dies before its N-th program
const standInVar = "V7EM_LOCKSTEP_STANDIN"

func TestMain(m *testing.M) {
	how := os.Getenv(standInVar)
	if how == "" {
		os.Exit(m.Run())
	}
	s := standIn{words: strings.Fields(how)}
	if err := s.run(os.Args[1]); err != nil {
		fmt.Println("stand-in:", err)
		os.Exit(1)
	}
}

// standIn does SIMH's scripts on our machine. So what is between the machines is tested:
// tapes, the harness as SIMH starts it and its comparison, and what is read from SIMH.
type standIn struct {
	words []string
	c     *cpu.CPU
	m     *mmu.MMU
	page  cpuPage
	ran   int
}

func (s *standIn) run(script string) error {
	text, err := os.ReadFile(script)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if err := s.obey(append(strings.Fields(line), "", "")); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
	}
	return nil
}

func (s *standIn) obey(words []string) error {
	switch words[0] {
	case "set":
		if words[1] == "cpu" && strings.HasPrefix(words[2], "11/") {
			return s.build(words[2])
		}
	case "d":
	case "load":
		b, err := os.ReadFile(words[1])
		if err != nil {
			return err
		}
		tape, err := asm.ParseLDA(b)
		if err != nil {
			return err
		}
		for _, b := range tape.Blocks {
			for i, c := range b.Data {
				at, shift := (int(b.Addr)+i)/2, (int(b.Addr)+i)%2*8
				s.m.Mem[at] = s.m.Mem[at]&^(0377<<shift) | uint16(c)<<shift
			}
		}
	case "go":
		if s.ran++; slices.Contains(s.words, fmt.Sprintf("dies:%d", s.ran)) {
			os.Exit(0)
		}
		pc, err := strconv.ParseUint(words[1], 8, 16)
		if err != nil {
			return err
		}
		s.m.Reset()
		s.c.SetState(cpu.State{})
		s.c.SetPSW(0340)
		s.c.Start(uint16(pc))
		for s.c.Instructions() < 1<<26 {
			switch s.c.Run(1 << 16) {
			case cpu.StopHalt:
				fmt.Printf("\nHALT instruction, PC: %06o\n", s.c.R[7])
				return nil
			case cpu.StopWait:
				return errors.New("WAIT")
			}
		}
		return errors.New("no end")
	case "ex":
		return s.examine(words[1])
	case "echo":
		fmt.Println(words[1])
	case "quit":
		os.Exit(0)
	default:
		fmt.Println("Unknown command")
	}
	return nil
}

func (s *standIn) build(model string) error {
	is70 := model == "11/70"
	for _, m := range []string{"11/70", "11/45"} {
		if slices.Contains(s.words, m) {
			is70 = m == "11/70"
		}
	}
	m, err := mmu.New(cpuMemory, is70)
	if err != nil {
		return err
	}
	s.m = m
	s.page = cpuPage{m: m, is70: is70}
	m.IO = &s.page
	s.c = cpu.New(m, &s.page, is70, true)
	s.page.c = s.c
	return nil
}

// examine prints registers or words of memory, "r0-r5" or "1000-1004", by name or
// physical address.
func (s *standIn) examine(what string) error {
	first, last, isRange := strings.Cut(what, "-")
	if !isRange {
		last = first
	}
	registers := []string{"pc", "psw", "sp", "mmr0", "mmr1", "mmr2", "mmr3",
		"r0", "r1", "r2", "r3", "r4", "r5", "r00", "r01", "r02", "r03", "r04", "r05", "r10", "r11", "r12", "r13", "r14", "r15"}
	if i := slices.Index(registers, first); i >= 0 {
		values := []uint16{s.c.R[7], s.c.PSW(), s.c.R[6], s.m.MMR0, s.m.MMR1, s.m.MMR2, s.m.MMR3}
		values = append(values, s.c.R[:6]...)
		for set := range 2 {
			for n := range 6 {
				values = append(values, s.c.Register(set, n))
			}
		}
		for ; i <= slices.Index(registers, last); i++ {
			fmt.Printf("%s:\t%06o\n", strings.ToUpper(registers[i]), values[i])
		}
		return nil
	}
	from, err := strconv.ParseUint(first, 8, 22)
	to, err2 := strconv.ParseUint(last, 8, 22)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	for a := uint32(from); a <= uint32(to); a += 2 {
		v, ok := uint16(0), true
		if a < cpuMemory {
			v = s.m.Mem[a/2]
		} else {
			v, ok = s.page.Read(a & 0777777)
		}
		if !ok {
			fmt.Println("Address space exceeded")
			return nil
		}
		fmt.Printf("%o:\t%06o\n", a, v)
	}
	return nil
}

// self is the program that is the stand-in, told how to behave.
func self(t *testing.T, how string) string {
	t.Helper()
	t.Setenv(standInVar, "as "+how)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStandIn has our machine in SIMH's place: the cases agree, what does not is noticed,
// and a HALT leaves what it leaves.
func TestStandIn(t *testing.T) {
	for _, model := range []cpuModel{model70, model45} {
		t.Run(model.name, func(t *testing.T) {
			path := self(t, "")
			prog := cpuAssemble(t, model)
			x := newCPUMachine(t, prog)
			g := newCPUGen(*cpuSeed, prog)
			var batches []*cpuBatch
			for range 3 {
				batches = append(batches, g.fill(x, 150))
			}
			results, err := cpuSIMH(path, t.TempDir(), prog, batches, "")
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range results {
				if b := batches[i]; r.count != len(b.cases) || r.bad != 0 || r.sum != b.sum() {
					t.Errorf("batch %d: %d cases, %d wrong, sums %o, want %d cases, sums %o", i, r.count, r.bad, r.sum, len(b.cases), b.sum())
				}
			}
		})
	}
	t.Run("differences", func(t *testing.T) { integerFails(t, self(t, "")) })
	t.Run("halt", func(t *testing.T) { halts(t, self(t, "")) })
}

// TestStandInDiffers: a test that fails names the case and what differs, and a SIMH that
// ends too early is an error, with the results so far.
func TestStandInDiffers(t *testing.T) {
	dir := t.TempDir()
	prog := cpuAssemble(t, model45)
	x := newCPUMachine(t, prog)
	g := newCPUGen(*cpuSeed, prog)
	b := g.fill(x, 100)

	results, err := cpuSIMH(self(t, "dies:3"), dir, prog, []*cpuBatch{b, b}, "")
	if err == nil || !strings.Contains(err.Error(), "1 of 2 batches") || len(results) != 1 || results[0].count != len(b.cases) {
		t.Errorf("a SIMH that ends in the middle: %d results, %v", len(results), err)
	}

	path := self(t, "11/70")
	results, err = cpuSIMH(path, dir, prog, []*cpuBatch{b}, "")
	if err != nil {
		t.Fatal(err)
	}
	if results[0].bad == 0 || len(results[0].failed) == 0 {
		t.Fatal("no case tells an 11/70 from an 11/45")
	}
	for _, c := range b.cases {
		if c.at != results[0].failed[0] {
			continue
		}
		text, err := cpuDiagnose(path, dir, x, b, c)
		if err != nil || !strings.HasPrefix(text, c.String()) || !strings.Contains(text, ", with SIMH ") {
			t.Errorf("the diagnosis is %q, %v", text, err)
		}
		t.Logf("%s", text)
		return
	}
	t.Errorf("no case is at %o", results[0].failed[0])
}
