package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const hello = `/ prints a line on the console
start:	mov	$text,r1
1:	tstb	*$177564	/ ready?
	bpl	1b
	movb	(r1)+,*$177566
	bne	1b
	halt
text:	<hello\n\0>
	.even
`

// TestAsm goes from a source to its output, by each kind of file.
func TestAsm(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "hello.s")
	if err := os.WriteFile(source, []byte(hello), 0o666); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		args string
		out  string
	}{
		{"", "hello.lda"},
		{"--format a.out", "hello.out"},
		{"--origin 4000 -o " + at("high.lda"), "high.lda"},
	} {
		stdout, stderr, status := v7em("", append(append([]string{"asm"}, strings.Fields(tt.args)...), source)...)
		if stdout != "" || stderr != "" || status != 0 {
			t.Fatalf("asm %s: %q, %q, status %d", tt.args, stdout, stderr, status)
		}
		stdout, stderr, status = v7em("", "bare", at(tt.out))
		if !strings.HasPrefix(stdout, "hello\nHALT PC=") || stderr != "" || status != 0 {
			t.Errorf("bare %s: %q, %q, status %d", tt.out, stdout, stderr, status)
		}
		stdout, stderr, status = v7em("", "disasm", at(tt.out))
		for _, want := range []string{": 012701 0", "mov $", "halt", "/ starts at "} {
			if !strings.Contains(stdout, want) || stderr != "" || status != 0 {
				t.Errorf("disasm %s: %q, %q, status %d: no %q", tt.out, stdout, stderr, status, want)
			}
		}
	}

	// What disasm prints assembles to the same words.
	code, _, status := v7em("", "asm", "--format", "image", "-o", "-", source)
	if status != 0 || len(code) == 0 {
		t.Fatalf("status %d", status)
	}
	listing, _, _ := v7em("", "disasm", "--raw", write(t, "code", []byte(code)))
	var again strings.Builder
	for line := range strings.Lines(listing) {
		again.WriteString(line[30:])
	}
	if second, stderr, _ := v7em("", "asm", "--format", "image", "-o", "-", write(t, "again.s", []byte(again.String()))); second != code {
		t.Errorf("%q is %q, want %q (%s)", again.String(), second, code, stderr)
	}

	stdout, _, status := v7em("", "asm", "--list", source)
	if status != 0 || !strings.Contains(stdout, "start:\tmov\t$text,r1") || !strings.Contains(stdout, "000000  012701") {
		t.Errorf("listing: %q, status %d", stdout, status)
	}
}

func TestAsmErrors(t *testing.T) {
	bad := write(t, "bad.s", []byte("mov r0\nfrob\n"))
	stdout, stderr, status := v7em("", "asm", bad)
	if stdout != "" || status != 1 || strings.Count(stderr, "\n") != 3 || !strings.Contains(stderr, bad+":1: ") || !strings.Contains(stderr, "nothing was made") {
		t.Errorf("%q, %q, status %d", stdout, stderr, status)
	}
	if _, err := os.Stat(strings.TrimSuffix(bad, ".s") + ".lda"); err == nil {
		t.Error("a tape was made of a source with mistakes")
	}
	good := write(t, "good.s", []byte("halt\n"))
	_, stderr, status = v7em("", "asm", "-o", good, good)
	if text, _ := os.ReadFile(good); string(text) != "halt\n" || status != 2 {
		t.Errorf("the source became %q (%s)", text, stderr)
	}
	for _, args := range [][]string{
		{"asm", "/no/such.s"},
		{"asm", t.TempDir()},
		{"asm", "--start", "nowhere", good},
		{"asm", "--format", "a.out", "--origin", "1000", good},
		{"disasm", "/no/such.lda"},
		{"disasm", good},
		{"disasm", write(t, "a.out", []byte{0o7, 1, 9, 9})},
	} {
		if stdout, stderr, status := v7em("", args...); status == 0 || stdout != "" {
			t.Errorf("%v: %q, %q, status %d", args, stdout, stderr, status)
		} else {
			oneLine(t, strings.Join(args, " "), stderr, "v7em: ")
		}
	}
}
