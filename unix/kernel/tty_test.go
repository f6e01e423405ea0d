package kernel

import (
	"errors"
	"testing"
)

func TestWhy(t *testing.T) {
	f := newFake(t)
	k, err := New(f.file)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(f *fake)
		want   Reason
	}{
		"up":           {func(f *fake) {}, Known},
		"at work":      {func(f *fake) { f.guest.Waiting = false }, AtWork},
		"another text": {func(f *fake) { f.guest.Memory[fakeTextAt/2]++ }, NotV7},
		"no root":      {func(f *fake) { f.set("_mount", mountBuf, 0) }, NotUp},
		"no init":      {func(f *fake) { f.set("_proc", procSize, 0) }, NotUp},
		"panicked":     {func(f *fake) { f.set("_panicst", 0, 2) }, Panicked},
		"a bad list":   {func(f *fake) { f.set("_buf", bufSize+bufForw, 2) }, Contradictory},
	} {
		f := newFake(t)
		c.change(f)
		_, err := k.Look(&f.guest)
		if got := Why(err); got != c.want || (err != nil) != errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v (%v), want %v", what, got, err, c.want)
		}
	}
	if got := Why(errors.New("another")); got != Known {
		t.Error(got)
	}
}

func TestConsole(t *testing.T) {
	f := newFake(t)
	k, err := New(f.file)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := k.Console(&f.guest); ok {
		t.Errorf("nobody has opened it: %+v", c)
	}
	set := func(off int, v uint16) { f.set("_kl11", off, v) }
	set(ttyAddr, consoleAddr)
	set(ttyState, ttyOpen|ttyStopped)
	set(ttyFlags, uint16(TTYEcho|TTYCRMod))
	set(ttyRaw, 7)
	set(ttyCanon, 2)
	set(ttyLines, 1)
	set(38, 5|'#'<<8)
	set(40, '@')
	set(44, 0o177|0o34<<8)
	set(46, 0o21|0o23<<8)
	set(48, 0o4|0o377<<8)
	// The output: the last three characters of a block, one of them a delay, and two of
	// another.
	const first, second = 0o70000, 0o70060
	for a, w := range map[uint32]uint16{first: second, first + 14: 'b' | 0o205<<8, second + 2: 'c' | 'd'<<8} {
		f.guest.Memory[a/2] = w
	}
	set(ttyOutput, 4)
	set(ttyOutput+2, first+14)
	set(ttyOutput+4, second+3)
	want := TTY{
		Output: 3,
		Flags:  TTYEcho | TTYCRMod, Erase: '#', Kill: '@', Interrupt: 0o177, Quit: 0o34, Start: 0o21, Stop: 0o23, EOF: 4, Break: 0o377,
		Column: 5, Stopped: true, Typed: 9, Lines: 1,
	}
	f.guest.Waiting = false // the processor may be in the kernel
	if c, ok := k.Console(&f.guest); !ok || c != want || !c.LineMode() {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	f.set("_proc", 2*procSize+procWchan, f.symbols["_kl11"])
	set(ttyState, ttyOpen)
	set(ttyFlags, uint16(TTYCbreak))
	if c, ok := k.Console(&f.guest); !ok || !c.Reading || c.Reader != "sh" || c.Stopped || c.LineMode() {
		t.Errorf("a shell reads in cbreak mode: %+v", c)
	}
	set(ttyFlags, uint16(TTYRaw))
	if c, ok := k.Console(&f.guest); !ok || c.Output != 4 {
		t.Errorf("raw output has no delays: %+v", c)
	}
	set(ttyOutput, 0o177777)
	if c, ok := k.Console(&f.guest); ok {
		t.Errorf("a queue of 65535 characters: %+v", c)
	}
	set(ttyOutput, 0)
	f.guest.Memory[fakeTextAt/2]++
	if c, ok := k.Console(&f.guest); ok {
		t.Errorf("another kernel: %+v", c)
	}
}
