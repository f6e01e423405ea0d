package machine

import "testing"

// ticker runs a program in user mode that counts in r1, while the clock counts
// in 2000; TRAP halts.
const ticker = `
	mov	$tick,100
	mov	$340,102
	mov	$trap,34
	mov	$340,36
	mov	$100,*$177546
	mov	$140000,-(sp)
	mov	$user,-(sp)
	rti
user:	inc	r1
	br	user
tick:	inc	2000
	rti
trap:	halt
`

func TestRunHeld(t *testing.T) {
	m := newBare(t, Config{}, ticker)
	if s := m.Run(1e9 + 5e6); s != StopLimit {
		t.Fatal(s)
	}
	ticks, count := m.MMU.Mem[01000], m.CPU.R[1]
	if ticks == 0 || count == 0 {
		t.Fatalf("%d ticks, r1 is %d", ticks, count)
	}

	// Held for ever, it takes only interrupts: the tenth ends the run.
	idles := 0
	s := m.RunHeld(10e9, 1e6, func() bool { return true }, func() bool {
		idles++
		return m.MMU.Mem[01000] == ticks+10
	})
	if s != StopRequested || m.MMU.Mem[01000] != ticks+10 || m.CPU.R[1] != count {
		t.Errorf("held: %v after %d ticks, r1 went on by %d", s, m.MMU.Mem[01000]-ticks, m.CPU.R[1]-count)
	}
	if idles != 11 {
		t.Errorf("idle was called %d times, want once before each tick and at the end", idles)
	}

	// Both limits.
	before := m.Instructions()
	if s := m.RunHeld(10e9, 100, func() bool { return true }, nil); s != StopLimit || m.Instructions()-before > 110 {
		t.Errorf("limit of 100 instructions: %v after %d", s, m.Instructions()-before)
	}
	now := m.Now()
	if s := m.RunHeld(1e9, 1e6, func() bool { return true }, nil); s != StopLimit || m.Now()-now > 11e8 {
		t.Errorf("limit of a second: %v after %d ns", s, m.Now()-now)
	}

	// Held for some time only.
	n := 0
	m.RunHeld(1e9, 1e6, func() bool { n++; return n < 5 }, nil)
	if m.CPU.R[1] == count {
		t.Error("it did not run on when it was no longer held")
	}
	m.RunHeld(1e8, 1e6, func() bool { return true }, nil)
	count = m.CPU.R[1]
	if m.Run(1e9); m.CPU.R[1] == count {
		t.Error("a plain run after it is still held")
	}
}

// TestHeldTakesTraps holds a program that has just done TRAP.
func TestHeldTakesTraps(t *testing.T) {
	m := newBare(t, Config{}, ticker)
	m.Run(1e8)
	m.MMU.Mem[m.CPU.R[7]/2] = 0104400
	for m.CPU.Traps == 0 {
		m.Step()
	}
	if s := m.RunHeld(1e9, 1e6, func() bool { return true }, nil); s != StopHalt {
		t.Errorf("%v, want the trap to be taken", s)
	}
}
