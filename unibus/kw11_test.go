package unibus

import "testing"

// lineClock is a bus with a line clock.
func lineClock(hz int) (*Bus, *KW11, *fakeClock) {
	clock := new(fakeClock)
	b := NewBus(clock, nil)
	return b, NewKW11(b, hz), clock
}

// run lets time pass to end, event by event.
func run(b *Bus, clock *fakeClock, end uint64) {
	for {
		when, ok := b.Next()
		if !ok || when > end {
			break
		}
		*clock = fakeClock(when)
		b.RunDue(when)
	}
	*clock = fakeClock(end)
}

func TestLineClockTicks(t *testing.T) {
	for _, hz := range []int{50, 60} {
		b, _, clock := lineClock(hz)
		b.Write(kw11Addr, lksIE, 0o177777)
		ticks := 0
		const seconds = 1000
		for s := range uint64(seconds) {
			for range hz {
				when, ok := b.Next()
				if !ok {
					t.Fatal("no tick is to come")
				}
				run(b, clock, when)
				if b.Grant(6) == 0o100 {
					ticks++
				}
			}
			if when := uint64(*clock); when != (s+1)*1e9 {
				t.Fatalf("%d Hz: after %d ticks it is %d ns", hz, ticks, when)
			}
		}
		if ticks != seconds*hz {
			t.Errorf("%d Hz: %d interrupts in %d s", hz, ticks, seconds)
		}
	}
}

func TestLineClockRegister(t *testing.T) {
	b, _, clock := lineClock(60)
	get := func() uint16 {
		v, ok := b.Read(kw11Addr)
		if !ok {
			t.Fatal("timeout")
		}
		return v
	}
	want := func(v uint16, level int, when string) {
		t.Helper()
		if get() != v || b.Level() != level {
			t.Errorf("%s: LKS %o at level %d, want %o at %d", when, get(), b.Level(), v, level)
		}
	}
	const tick = 16_666_667
	want(lksMonitor, 0, "power-up")
	if !b.Write(kw11Addr, 0, 0o177777) || !b.Write(kw11Addr+1, 0, 0o177400) {
		t.Error("timeout")
	}
	want(0, 0, "cleared")
	b.Write(kw11Addr, lksMonitor, 0o177777)
	want(0, 0, "monitor cannot be set")
	run(b, clock, tick)
	want(lksMonitor, 0, "tick without interrupts")
	b.Write(kw11Addr, lksIE|lksMonitor, 0o177777)
	want(lksIE|lksMonitor, 0, "enabled, monitor kept")
	run(b, clock, 2*tick)
	want(lksIE|lksMonitor, 6, "tick")
	b.Write(kw11Addr, 0, 0o177400)
	want(lksIE|lksMonitor, 6, "odd byte written")
	b.Write(kw11Addr, 0o115, 0o377) // as V7 does
	want(lksIE, 6, "monitor cleared")
	b.Write(kw11Addr, 0, 0o177777)
	want(0, 0, "disabled")
	b.Write(kw11Addr, lksIE, 0o177777)
	b.Reset()
	want(lksMonitor, 0, "INIT")
	run(b, clock, 3*tick)
	want(lksMonitor, 0, "INIT disables")
}

// TestLineClockJump lets time jump by years, which must cost no work.
func TestLineClockJump(t *testing.T) {
	b, k, clock := lineClock(60)
	*clock = 1 << 62
	b.RunDue(1 << 62)
	when, ok := b.Next()
	if d := when - 1<<62; !ok || d > 16_666_667 {
		t.Errorf("the next tick comes after %d ns", d)
	}
	if n := k.State().Ticks; n > 60 {
		t.Errorf("%d ticks were made up for", n)
	}
	// A state whose arithmetic overflows must not hang either.
	s := k.State()
	s.Start, s.Ticks = 1<<63, 1<<63
	if err := k.SetState(s); err != nil {
		t.Fatal(err)
	}
	b.ScheduleAt(SlotKW11, 0, 0)
	b.RunDue(1 << 62)
}

func TestLineClockState(t *testing.T) {
	b, k, clock := lineClock(60)
	b.Write(kw11Addr, lksIE, 0o177777)
	run(b, clock, 100_000_000)
	c, l, clock2 := lineClock(50)
	if err := l.SetState(k.State()); err != nil {
		t.Fatal(err)
	}
	if err := c.SetState(b.State()); err != nil {
		t.Fatal(err)
	}
	*clock2 = *clock
	run(b, clock, 1e9)
	run(c, clock2, 1e9)
	if k.State() != l.State() || k.State().Ticks != 60 {
		t.Errorf("the clocks differ: %+v, %+v", k.State(), l.State())
	}
	for _, s := range []KW11State{{Hz: 0}, {Hz: 55}, {Hz: 60, LKS: 1}} {
		if k.SetState(s) == nil || k.State() != l.State() {
			t.Errorf("%+v is taken", s)
		}
	}
}
