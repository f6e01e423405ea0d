package lockstep

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"v7em/asm"
)

// simhPath finds SIMH or skips the test.
func simhPath(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("pdp11")
	if err != nil {
		tb.Skip("no SIMH: the program pdp11 is not in PATH (apt-get install simh)")
	}
	return path
}

// simhPreamble takes away what devices can be, and lets a fault in a trap
// sequence go on as the hardware does instead of stopping the simulator.
const simhPreamble = `set rha disabled
set ptr disabled
set ptp disabled
set cr disabled
set lpt disabled
set dz disabled
set rk disabled
set rl disabled
set hk disabled
set rx disabled
set rp disabled
set rq disabled
set tm disabled
set tq disabled
d stop_traps 0
d stop_veca 0
d stop_spa 0
`

// simhTimeout bounds a run of SIMH: a case that goes astray there loops for ever.
const simhTimeout = 2 * time.Minute

// simhState is what SIMH printed of registers and memory, by name or octal
// physical address.
type simhState map[string]uint16

// add takes in a line of SIMH's, if it is one of those.
func (s simhState) add(line string) {
	if name, v, ok := strings.Cut(line, ":\t"); ok {
		if v, err := strconv.ParseUint(v, 8, 16); err == nil {
			s[name] = uint16(v)
		}
	}
}

// at is the word at a physical address.
func (s simhState) at(addr uint32) uint16 { return s[strconv.FormatUint(uint64(addr), 8)] }

// cpuResult is what SIMH says of a batch.
type cpuResult struct {
	count  int      // cases done
	failed []uint32 // records of the first that differ
	bad    int      // all that differ
	sum    [2]uint16
	seen   simhState
}

// tape is the program on an absolute-loader tape, with these words from
// cpuTabOn on.
func (p *cpuProgram) tape(words []uint16) []byte {
	data := make([]byte, 2*len(words))
	for i, w := range words {
		data[2*i], data[2*i+1] = byte(w), byte(w>>8)
	}
	l := p.LDA(0)
	l.HasStart = false
	l.Blocks = append(l.Blocks, asm.LDABlock{Addr: 0, Data: make([]byte, cpuOrigin)}, asm.LDABlock{Addr: cpuTabOn, Data: data})
	return l.Bytes()
}

// sum is the checksum of what no case may change, as the harness works it out.
func (b *cpuBatch) sum() (s [2]uint16) {
	for _, r := range [][2]int{{cpuTabOn / 2, cpuZone / 2}, {cpuZone/2 + cpuZoneWords, cpuLow / 2}} {
		for _, w := range b.mem[r[0]:r[1]] {
			s[0] += w
			s[1] += s[0]
		}
	}
	return s
}

// cpuSIMH runs batches on SIMH. dump has further commands that examine memory
// after each. With an error there are the results of the batches before it.
func cpuSIMH(path, dir string, prog *cpuProgram, batches []*cpuBatch, dump string) ([]cpuResult, error) {
	var script strings.Builder
	for _, c := range prog.model.set {
		fmt.Fprintln(&script, c)
	}
	script.WriteString(simhPreamble)
	count, end := prog.at("count"), prog.at("sumhigh")
	for i, b := range batches {
		for _, part := range []struct {
			name, start string
			words       []uint16
		}{{"records", "move", b.high}, {"tables", "start", b.mem[cpuTabOn/2 : cpuLow/2]}} {
			name := filepath.Join(dir, fmt.Sprintf("%d.%s", i, part.name))
			if err := os.WriteFile(name, prog.tape(part.words), 0o666); err != nil {
				return nil, err
			}
			fmt.Fprintf(&script, "load %s\ngo %o\n", name, prog.at(part.start))
		}
		fmt.Fprintf(&script, "ex %o-%o\nex %o-%o\n%secho batch\n", count, end, cpuHigh, cpuRecs-2, dump)
	}
	script.WriteString("quit\n")
	file := filepath.Join(dir, "script")
	if err := os.WriteFile(file, []byte(script.String()), 0o666); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), simhTimeout)
	defer cancel()
	out, runErr := exec.CommandContext(ctx, path, file).CombinedOutput()
	var results []cpuResult
	seen := simhState{}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line != "batch" {
			seen.add(line)
			continue
		}
		r := cpuResult{
			count: int(seen.at(uint32(count))),
			bad:   int(seen.at(cpuHigh)),
			sum:   [2]uint16{seen.at(uint32(prog.at("sumlow"))), seen.at(uint32(end))},
			seen:  seen,
		}
		for i := range uint32(min(r.bad, cpuMaxFailed)) {
			r.failed = append(r.failed, cpuHigh+uint32(seen.at(cpuFailed+2*i)))
		}
		results = append(results, r)
		seen = simhState{}
	}
	if len(results) != len(batches) {
		return results, fmt.Errorf("SIMH finished %d of %d batches (%v)", len(results), len(batches), runErr)
	}
	return results, nil
}
