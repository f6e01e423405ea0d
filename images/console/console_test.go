package console

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"v7em/asm"
	"v7em/machine"
)

// start makes a machine that runs a program from 01000.
func start(t *testing.T, source string) (*machine.Machine, *Session) {
	t.Helper()
	p, err := asm.AssembleString("test.s", source, asm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(machine.Config{Memory: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range p.LDA(0o1000).Blocks {
		for i, c := range b.Data {
			a := int(b.Addr) + i
			m.MMU.Mem[a/2] |= uint16(c) << (a & 1 * 8)
		}
	}
	c := New(m)
	m.CPU.Start(0o1000)
	return m, c
}

// hello prints a greeting with parity and padding, then echoes what is typed until
// that is a period, and halts.
const hello = `
.. = 1000
	mov	$1000,sp
	mov	$text,r1
1:
	movb	(r1)+,r0
	beq	2f
	jsr	pc,put
	br	1b
2:
	tstb	*$177560
	bpl	2b
	mov	*$177562,r0
	cmp	r0,$'.
	beq	3f
	jsr	pc,put
	br	2b
3:
	halt
put:
	tstb	*$177564
	bpl	put
	movb	r0,*$177566
	rts	pc
text:	<hello>
	.byte	377, 215
	<\n: \0>
	.even
`

func TestExpect(t *testing.T) {
	_, c := start(t, hello)
	var raw bytes.Buffer
	c.Echo = func(b byte) { raw.WriteByte(b) }
	ctx := t.Context()
	if i, err := c.Expect(ctx, Second, "goodbye", "hello\r\n"); i != 1 || err != nil {
		t.Fatalf("greeting: %d, %v", i, err)
	}
	if !strings.HasPrefix(raw.String(), "hello\xff\x8d\n") {
		t.Errorf("Echo got %q", raw.String())
	}
	if _, err := c.Expect(ctx, Second, ": "); err != nil {
		t.Fatal(err)
	}
	// What came before the last match does not count again.
	var e *Error
	if _, err := c.Expect(ctx, Second/10, "hello"); !errors.As(err, &e) || e.Stop != machine.StopLimit {
		t.Errorf("old output was seen again: %v", err)
	}
	c.Type("one two")
	if i, err := c.Expect(ctx, Second, "two", "one"); i != 1 || err != nil {
		t.Errorf("the first of two: %d, %v", i, err)
	}
	if i, err := c.Expect(ctx, Second, "two"); i != 0 || err != nil {
		t.Errorf("what came right behind a match: %d, %v", i, err)
	}
	// Seen before it is waited for.
	c.Type("early")
	if _, err := c.Run(ctx, Second); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Expect(ctx, 0, "early"); err != nil {
		t.Errorf("printed before: %v", err)
	}
	c.Type("bye.")
	if _, err := c.Expect(ctx, Second, "never"); !errors.As(err, &e) || e.Stop != machine.StopHalt || !strings.HasSuffix(e.Output, "bye") {
		t.Errorf("a machine that halts: %v", err)
	}
}

func TestExpectLongOutput(t *testing.T) {
	_, c := start(t, hello)
	text := strings.Repeat("0123456789", 3*keep/10)
	c.Type(text + "end")
	if _, err := c.Expect(t.Context(), 3600*Second, "9end"); err != nil {
		t.Error(err)
	}
}

func TestContextEnds(t *testing.T) {
	for _, paced := range []bool{false, true} {
		_, c := start(t, hello)
		if paced {
			c.Paced = machine.SystemClock()
		}
		ctx, cancel := context.WithCancel(t.Context())
		c.Echo = func(b byte) {
			if b == ' ' {
				cancel()
			}
		}
		if _, err := c.Expect(ctx, 1<<62, "never"); !errors.Is(err, context.Canceled) {
			t.Errorf("paced %v: %v", paced, err)
		}
	}
}

func TestPacedLimit(t *testing.T) {
	_, c := start(t, hello)
	c.Paced = machine.SystemClock()
	before := time.Now()
	var e *Error
	if _, err := c.Expect(t.Context(), Second/20, "never"); !errors.As(err, &e) || e.Stop != machine.StopLimit {
		t.Errorf("got %v", err)
	}
	if d := time.Since(before); d < 50*time.Millisecond {
		t.Errorf("a twentieth of a second took %v", d)
	}
	if _, err := c.Expect(t.Context(), 3600*Second, "hello"); err != nil {
		t.Error(err)
	}
}
