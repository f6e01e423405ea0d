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
)

// vectorNames are what a vector can name, as SIMH calls it: see package tests/vectors.
var vectorNames = map[string]string{
	"r0": "R0", "r1": "R1", "r2": "R2", "r3": "R3", "r4": "R4", "r5": "R5", "pc": "PC", "m": "2000",
}

// vectorValues adds what a part of a vector says to what is known. PSW is that of
// priority 7; open are the condition codes that are left open.
func vectorValues(t *testing.T, known simhState, part string) (open uint16) {
	t.Helper()
	for _, field := range strings.Fields(part) {
		name, value, _ := strings.Cut(field, "=")
		base := 8
		if name == "nzvc" {
			base = 2
			for i, c := range value {
				if c == '?' {
					open |= 8 >> i
				}
			}
			value = strings.ReplaceAll(value, "?", "0")
		}
		v, err := strconv.ParseUint(value, base, 16)
		switch simh, ok := vectorNames[name]; {
		case err == nil && ok:
			known[simh] = uint16(v)
		case err == nil && name == "nzvc" && len(value) == 4:
			known["PSW"] = 0o340 | uint16(v)
		default:
			t.Fatalf("%q: %v", field, err)
		}
	}
	return open
}

// TestVectors has SIMH do the instructions of cpu/testdata, so that the rules by which
// they were made are held against a second opinion.
func TestVectors(t *testing.T) {
	path := simhPath(t)
	files, err := filepath.Glob("../../cpu/testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var script strings.Builder
	script.WriteString("set cpu 11/70\n")
	type vector struct {
		line  string
		after simhState
		open  uint16
	}
	var vectors []vector
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			parts := strings.Split(line, " / ")
			if line == "" || line[0] == '#' {
				continue
			}
			if len(parts) != 3 {
				t.Fatalf("%s: %q", name, line)
			}
			state := simhState{"PC": 0o1000, "PSW": 0o340}
			for _, simh := range vectorNames {
				if simh != "PC" {
					state[simh] = 0
				}
			}
			vectorValues(t, state, parts[1])
			word, _, _ := strings.Cut(parts[0], " ")
			fmt.Fprintf(&script, "d 1000 %s\n", word)
			for simh, v := range state {
				fmt.Fprintf(&script, "d %s %o\n", simh, v)
			}
			script.WriteString("step\ne r0,r1,r2,r3,r4,r5,pc,psw\ne 2000\necho next\n")
			state["PC"] += 2
			open := vectorValues(t, state, parts[2])
			vectors = append(vectors, vector{line, state, open})
		}
	}
	script.WriteString("quit\n")
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), simhTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, file).CombinedOutput()
	if err != nil {
		t.Logf("SIMH: %v", err)
	}
	done, seen := 0, simhState{}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "next" {
			seen.add(line)
			continue
		}
		if done == len(vectors) {
			t.Fatal("SIMH has done more than there is")
		}
		v := vectors[done]
		for name, want := range v.after {
			got, ok := seen[name]
			if name == "PSW" {
				got &^= v.open
			}
			if !ok || got != want {
				t.Errorf("%s: under SIMH %s is %06o, want %06o", v.line, name, got, want)
			}
		}
		done, seen = done+1, simhState{}
	}
	if done != len(vectors) {
		t.Errorf("SIMH has done %d of %d", done, len(vectors))
	}
}
