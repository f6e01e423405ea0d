package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"v7em/asm"
	"v7em/journaldev"
	"v7em/unix/aout"
)

// tape assembles a program for 01000 to an absolute-loader tape.
func tape(t *testing.T, source string) string {
	t.Helper()
	p, err := asm.AssembleString("test.s", ".. = 1000\n"+source, asm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "test.lda", p.LDA(0o1000).Bytes())
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBare(t *testing.T) {
	sum := tape(t, "mov $12, r1; clr r0; 1: add r1, r0; sob r1, 1b; mov $1000, sp; halt\n")
	loop := tape(t, "br .\n")
	wait := tape(t, "1: wait; br 1b\n")
	print := tape(t, "movb $'h, *$177566; 1: tstb *$177564; bpl 1b; movb $'i, *$177566; 1: tstb *$177564; bpl 1b; halt\n")
	echo := tape(t, `1: tstb *$177560; bpl 1b; mov *$177562, r0; mov r0, *$177566
2: tstb *$177564; bpl 2b; cmp r0, $'.; bne 1b; halt
`)
	pack := write(t, "a.rk05", make([]byte, journaldev.RK05.Bytes()))
	plain, err := (&aout.File{Header: aout.Header{Magic: aout.Plain, Entry: 4}, Text: words(0, 0, 0o013700, 12, 0), Data: words(0, 0o1234)}).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	shared, err := (&aout.File{Header: aout.Header{Magic: aout.Shared}, Text: words(0o013700, 0o20000, 0), Data: words(0o4321)}).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		args   []string
		want   string
		errs   string
		status int
	}{
		// 10+9+...+1 = 55 = 067; the HALT is the word at 01016.
		{"sum", []string{sum}, "HALT PC=001020 R0=000067 R1=000000 R2=000000 R3=000000 R4=000000 R5=000000 SP=001000 PSW=000000\n", "", 0},
		{"start elsewhere", []string{sum, "--start", "1020"}, "HALT PC=001022 R0=000000 R1=000000 R2=000000 R3=000000 R4=000000 R5=000000 SP=000000 PSW=000000\n", "", 0},
		{"no end", []string{loop, "--max", "1000"}, "MAX PC=001000 R0=", "no HALT within 1000 instructions", 1},
		{"waiting", []string{wait, "--max", "100000"}, "MAX PC=001002 R0=", "no HALT within 100000 instructions", 1},
		{"console", []string{print}, "hi\nHALT PC=001032 R0=", "", 0},
		{"0407", []string{write(t, "a.out", plain)}, "HALT PC=000012 R0=001234 ", "", 0},
		{"0410", []string{write(t, "a.out", shared)}, "HALT PC=000006 R0=004321 ", "", 0},
		{"input", []string{echo, "--input", write(t, "in", []byte("ab."))}, "ab.\nHALT PC=", "", 0},
		{"no input", []string{echo, "--max", "1000"}, "MAX PC=", "no HALT", 1},
		{"switches", []string{tape(t, "mov *$177570, r0; halt\n"), "--switches", "123456"}, "R0=123456", "", 0},
		{"no pack", []string{"--attach", "rk0=/no/such.rk05"}, "", "no such file", 1},
		{"two packs in a drive", []string{"--attach", "rk0=" + pack, "--attach", "rk0=" + pack}, "", "rk0 has a pack already", 2},
		{"one pack in two drives", []string{"--attach", "rk0=" + pack, "--attach", "rk1=" + pack}, "", "in use", 1},
		{"dump", []string{sum, "--dump", "1000:2", "--dump", "0:11"}, "PSW=000000\n00001000: 012701 000012\n00000000: 000000 000000 000000 000000 000000 000000 000000 000000\n00000020: 000000\n", "", 0},
		{"no file", []string{"/no/such.lda"}, "", "no such file", 1},
		{"not a program", []string{write(t, "x", []byte("hello, world"))}, "", "absolute-loader tape: no block at byte 0", 1},
		{"empty", []string{write(t, "x", nil)}, "", "absolute-loader tape", 1},
		{"cut short", []string{write(t, "x", plain[:18])}, "", "bad format", 1},
		{"separate", []string{write(t, "x", words(0o411, 0, 0, 0, 0, 0, 0, 1))}, "", "type 0411 does not run on a bare machine", 1},
		{"no start", []string{write(t, "x", (&asm.LDA{Blocks: []asm.LDABlock{{Addr: 0o1000, Data: words(0)}}}).Bytes())}, "", "no start address: give one with --start", 2},
		{"too little memory", []string{sum, "--memory", "8K", "--start", "77777777"}, "", "octal address", 2},
		{"high", []string{write(t, "x", (&asm.LDA{Blocks: []asm.LDABlock{{Addr: 0o20000, Data: words(0)}}, HasStart: true}).Bytes()), "--memory", "8K"}, "", "memory ends at 20000", 1},
	} {
		stdout, stderr, status := v7em("", append([]string{"bare"}, tt.args...)...)
		if !strings.Contains(stdout, tt.want) || status != tt.status || tt.want == "" && stdout != "" {
			t.Errorf("%s: printed %q, status %d; want %q, %d (%s)", tt.name, stdout, status, tt.want, tt.status, stderr)
		}
		if tt.errs == "" && stderr != "" {
			t.Errorf("%s: %q", tt.name, stderr)
		} else if tt.errs != "" {
			oneLine(t, tt.name, stderr, tt.errs)
		}
	}
}

// words are 16-bit words as bytes.
func words(list ...uint16) (b []byte) {
	for _, w := range list {
		b = append(b, byte(w), byte(w>>8))
	}
	return b
}

func TestBareJSON(t *testing.T) {
	// Both register sets, three stacks, a page register, floating point, a word
	// left in memory, and something on the console.
	file := tape(t, `
	mov	$1000,sp
	mov	$1,r0
	mov	$4000,*$177776
	mov	$2,r0
	mov	$10000,*$177776
	mov	$500,-(sp); mtpi sp
	mov	$30000,*$177776
	mov	$600,-(sp); mtpi sp
	clr	*$177776
	mov	$1234,*$172340
	mov	$77406,*$177614
	setd
	ldd	one,r1
	mov	$5252,*$700
	movb	$'!,*$177566
1:	tstb	*$177564
	bpl	1b
	halt
one:	40200; 0; 0; 1
`)
	for _, model := range []string{"70", "45"} {
		stdout, stderr, status := v7em("", "bare", "--json", "--model", model, "--dump", "676:3", file)
		if status != 0 || stderr != "!\n" {
			t.Errorf("status %d, %q", status, stderr)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		at := func(keys ...any) any {
			var v any = got
			for _, k := range keys {
				switch k := k.(type) {
				case string:
					v = v.(map[string]any)[k]
				case int:
					v = v.([]any)[k]
				}
			}
			return v
		}
		for _, tt := range []struct {
			keys []any
			want any
		}{
			{[]any{"stop"}, "HALT"},
			{[]any{"ksp"}, "001000"},
			{[]any{"ssp"}, "000500"},
			{[]any{"usp"}, "000600"},
			{[]any{"register_sets", 0, 0}, "000001"},
			{[]any{"register_sets", 1, 0}, "000002"},
			{[]any{"par", "kernel_i", 0}, "001234"},
			{[]any{"pdr", "user_i", 6}, "077406"},
			{[]any{"fp", "ac", 1}, []any{"040200", "000000", "000000", "000001"}},
			{[]any{"fp", "fps"}, "000200"},
			{[]any{"dump", 0}, map[string]any{"address": "00000676", "words": []any{"000000", "005252", "000000"}}},
		} {
			if v := at(tt.keys...); !reflect.DeepEqual(v, tt.want) {
				t.Errorf("model %s: %v = %v, want %v", model, tt.keys, v, tt.want)
			}
		}
		if m, ok := got["unibus_map"].([]any); ok != (model == "70") || ok && len(m) != 31 {
			t.Errorf("model %s: Unibus map %v", model, got["unibus_map"])
		}
	}
	stdout, _, _ := v7em("", "bare", "--json", "--nofpp", tape(t, "halt\n"))
	if strings.Contains(stdout, `"fp"`) {
		t.Error("a machine without floating point shows its registers")
	}
}

// TestBareAttach boots a pack whose block 0 writes a block, waits until the controller is
// ready, and halts: the block is in the image. The words are the machine code itself.
func TestBareAttach(t *testing.T) {
	boot := words(0o000240, 0o012737, 0o123456, 0o001000, 0o012701, 0o177412, 0o012711, 0o000204,
		0o012741, 0o001000, 0o012741, 0o177400, 0o012741, 0o000003, 0o105711, 0o100376, 0)
	image := make([]byte, journaldev.RK05.Bytes())
	copy(image, boot)
	pack := write(t, "a.rk05", image)
	stdout, stderr, status := v7em("", "bare", "--attach", "rk0="+pack)
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "HALT PC=000042 ") {
		t.Fatalf("%q, %q, status %d", stdout, stderr, status)
	}
	// RKDA 0204 is cylinder 4, surface 0, sector 4: block 4*24+4.
	copy(image[(4*24+4)*512:], words(0o123456))
	if got, err := os.ReadFile(pack); err != nil || !bytes.Equal(got[:101*512], image[:101*512]) {
		t.Errorf("the pack has something else (%v)", err)
	}
	other := write(t, "rp.rp03", make([]byte, journaldev.RP03.Bytes()))
	if stdout, _, status := v7em("", "bare", "--attach", "rp0="+other, "--max", "1000"); status != 0 || !strings.HasPrefix(stdout, "HALT PC=000002 ") {
		t.Errorf("an RP03 with nothing on it: %q, status %d", stdout, status)
	}
}
