package cpu

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// vectorState is what a vector says of the processor: see package tests/vectors.
type vectorState struct {
	regs  [8]uint16
	m     uint16 // memory at vectorM
	codes string // "0000"; ? for one that is left open
}

const vectorM = 0o2000

// set puts into a state what a vector names.
func (s *vectorState) set(text string) error {
	for _, field := range strings.Fields(text) {
		name, value, _ := strings.Cut(field, "=")
		if name == "nzvc" {
			if len(value) != 4 || strings.Trim(value, "01?") != "" {
				return fmt.Errorf("%q", field)
			}
			s.codes = value
			continue
		}
		n, err := strconv.ParseUint(value, 8, 16)
		switch {
		case err != nil:
			return fmt.Errorf("%q: %w", field, err)
		case name == "m":
			s.m = uint16(n)
		case name == "pc":
			s.regs[7] = uint16(n)
		case len(name) == 2 && name[0] == 'r' && name[1] >= '0' && name[1] <= '5':
			s.regs[name[1]-'0'] = uint16(n)
		default:
			return fmt.Errorf("%q", field)
		}
	}
	return nil
}

// TestVectors does the instructions of testdata one by one and looks at all that they may
// have changed.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	r := newRig(t, "halt")
	count := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if err := r.vector(line); err != nil {
				t.Errorf("%s: %s: %v", name, line, err)
			}
			count++
		}
	}
	if count < 3000 {
		t.Errorf("there are only %d vectors", count)
	}
}

// vector does one instruction, and says what differs from what the line has.
func (r *rig) vector(line string) error {
	parts := strings.Split(line, " / ")
	if len(parts) != 3 {
		return fmt.Errorf("%d parts", len(parts))
	}
	word, _, _ := strings.Cut(parts[0], " ")
	op, err := strconv.ParseUint(word, 8, 16)
	if err != nil {
		return err
	}
	before := vectorState{codes: "0000"}
	before.regs[6], before.regs[7] = codeAt, codeAt
	if err := before.set(parts[1]); err != nil {
		return err
	}
	codes, err := strconv.ParseUint(before.codes, 2, 4)
	if err != nil {
		return err
	}
	after := before
	after.regs[7] += 2
	if err := after.set(parts[2]); err != nil {
		return err
	}

	r.put(codeAt, uint16(op))
	r.put(vectorM, before.m)
	r.R = before.regs
	r.SetPSW(0o340 | uint16(codes))
	r.Run(1)
	now := vectorState{r.R, r.word(vectorM), fmt.Sprintf("%04b", r.PSW()&0o17)}
	for i, c := range after.codes {
		if c == '?' {
			now.codes = now.codes[:i] + "?" + now.codes[i+1:]
		}
	}
	if now != after {
		return fmt.Errorf("is %06o m=%06o nzvc=%s, want %06o m=%06o nzvc=%s",
			now.regs, now.m, now.codes, after.regs, after.m, after.codes)
	}
	if r.PSW()&^0o17 != 0o340 {
		return fmt.Errorf("PSW is %06o", r.PSW())
	}
	return nil
}
