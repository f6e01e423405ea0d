package unibus

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"testing"
)

// screen is a terminal that keeps what it gets.
type screen struct{ bytes.Buffer }

func (s *screen) Put(c byte) { s.WriteByte(c) }

// console is a bus with a console.
type console struct {
	t      *testing.T
	clock  fakeClock
	bus    *Bus
	kl     *KL11
	screen screen
}

func newConsole(t *testing.T) *console {
	c := &console{t: t}
	c.bus = NewBus(&c.clock, nil)
	c.kl = NewKL11(c.bus, &c.screen)
	return c
}

const (
	rcsr = klAddr
	rbuf = klAddr + 2
	xcsr = klAddr + 4
	xbuf = klAddr + 6
)

func (c *console) get(addr uint32) uint16 {
	c.t.Helper()
	v, ok := c.bus.Read(addr)
	if !ok {
		c.t.Fatalf("%o: timeout", addr)
	}
	return v
}

func (c *console) put(addr uint32, v uint16) {
	c.t.Helper()
	if !c.bus.Write(addr, v, 0o177777) {
		c.t.Fatalf("%o: timeout", addr)
	}
}

// after lets time pass.
func (c *console) after(ns uint64) {
	c.clock += fakeClock(ns)
	c.bus.RunDue(uint64(c.clock))
}

func (c *console) want(addr uint32, want uint16) {
	c.t.Helper()
	if v := c.get(addr); v != want {
		c.t.Errorf("%o is %o, want %o", addr, v, want)
	}
}

// irq checks which interrupt is granted next, 0 for none.
func (c *console) irq(want uint16) {
	c.t.Helper()
	if v := c.bus.Grant(4); v != want {
		c.t.Errorf("vector %o, want %o", v, want)
	}
}

func TestConsolePrints(t *testing.T) {
	c := newConsole(t)
	c.want(xcsr, xcsrReady)
	c.put(xcsr, csrIE) // ready already: an interrupt at once
	c.irq(0o64)
	c.put(xcsr, csrIE) // nothing new
	c.irq(0)
	c.put(xbuf, 0o177400|'H')
	c.want(xcsr, csrIE)
	c.after(DefaultSendTime - 1)
	c.want(xcsr, csrIE)
	c.irq(0)
	c.after(1)
	c.want(xcsr, csrIE|xcsrReady)
	// Taking back the enable takes back the request.
	c.put(xcsr, 0)
	c.irq(0)
	c.put(xcsr, csrIE)
	c.put(xbuf, 'i'|0o200) // so does using the buffer; parity goes through
	c.irq(0)
	c.after(DefaultSendTime)
	c.irq(0o64)
	if got := c.screen.String(); got != "H\351" {
		t.Errorf("the terminal shows %q", got)
	}
	// The odd bytes hold nothing.
	if !c.bus.Write(xbuf+1, 'x'<<8, 0o177400) || !c.bus.Write(xcsr+1, 0, 0o177400) {
		t.Error("a byte of a register times out")
	}
	c.want(xcsr, csrIE|xcsrReady)
	if c.screen.Len() != 2 {
		t.Errorf("the terminal shows %q", c.screen.String())
	}
	c.kl.SetTerminal(nil)
	c.put(xbuf, 'z')
	c.want(xbuf, 'z')
}

func TestConsoleReceives(t *testing.T) {
	c := newConsole(t)
	if v := c.get(rbuf) & 0o177; v == 0 {
		t.Error("the buffer is NUL at power-up: V7 would not print")
	}
	c.put(rcsr, csrIE)
	c.kl.Type('a', 'b')
	c.kl.Type('c')
	if c.kl.Pending() != 3 {
		t.Errorf("%d characters wait", c.kl.Pending())
	}
	c.want(rcsr, rcsrActive|csrIE)
	c.after(DefaultTypeTime - 1)
	c.irq(0)
	c.after(1)
	c.want(rcsr, rcsrDone|csrIE)
	c.irq(0o60)
	// The next one waits until this one is read, however long that takes.
	c.after(100 * DefaultTypeTime)
	c.irq(0)
	if c.kl.Pending() != 3 {
		t.Errorf("%d characters wait", c.kl.Pending())
	}
	c.want(rbuf, 'a')
	c.want(rbuf, 'a') // still there
	c.want(rcsr, rcsrActive|csrIE)
	if c.kl.Pending() != 2 {
		t.Errorf("%d characters wait", c.kl.Pending())
	}
	c.after(DefaultTypeTime)
	// Reading takes back a request that was not granted.
	c.want(rbuf, 'b')
	c.irq(0)
	// Without interrupts: only done. Enabling them then requests one.
	c.put(rcsr, 0)
	c.after(DefaultTypeTime)
	c.want(rcsr, rcsrDone)
	c.irq(0)
	c.put(rcsr, csrIE)
	c.irq(0o60)
	// Reader enable clears done. It reads as 0. What was not read comes again: V7 reads
	// a character, and enables the reader when the next one may be there already.
	c.kl.Type('d')
	c.put(rcsr, csrIE|rcsrReader)
	c.want(rcsr, rcsrActive|csrIE)
	c.irq(0)
	c.after(DefaultTypeTime)
	c.irq(0o60)
	c.want(rbuf, 'c')
	c.put(rcsr, csrIE|rcsrReader) // it was read
	c.after(DefaultTypeTime)
	c.want(rbuf, 'd')
	c.after(100 * DefaultTypeTime)
	c.want(rcsr, csrIE)
	if c.kl.Pending() != 0 {
		t.Errorf("%d characters wait", c.kl.Pending())
	}
	if _, ok := c.bus.Next(); ok {
		t.Error("an idle console has events")
	}
}

func TestConsoleReset(t *testing.T) {
	c := newConsole(t)
	c.put(rcsr, csrIE)
	c.put(xcsr, csrIE|xcsrMaint|xcsrBreak)
	c.put(xcsr, csrIE)
	c.kl.Type('a', 'b')
	c.after(DefaultTypeTime)
	c.put(xbuf, 'x')
	c.bus.Reset()
	c.irq(0)
	c.want(rcsr, rcsrActive) // b is under way, a is lost
	c.want(xcsr, xcsrReady)
	// The sending that was cut off ends with no second interrupt.
	c.put(xcsr, csrIE)
	c.irq(0o64)
	c.after(DefaultSendTime)
	c.irq(0)
	c.put(xcsr, 0)
	c.after(DefaultTypeTime - DefaultSendTime)
	c.want(rcsr, rcsrDone)
	c.want(rbuf, 'b')
	if c.screen.String() != "x" {
		t.Errorf("the terminal shows %q", c.screen.String())
	}
}

// TestConsoleResetTyping resets while a character is coming in: it starts anew.
func TestConsoleResetTyping(t *testing.T) {
	c := newConsole(t)
	c.kl.Type('a')
	c.after(DefaultTypeTime / 2)
	c.bus.Reset()
	c.after(DefaultTypeTime - 1)
	c.want(rcsr, rcsrActive)
	c.after(1)
	c.want(rcsr, rcsrDone)
	c.want(rbuf, 'a')
}

func TestConsoleMaintenance(t *testing.T) {
	c := newConsole(t)
	c.put(rcsr, csrIE)
	c.put(xcsr, xcsrMaint)
	c.kl.Type('k') // must wait for the end of maintenance
	c.put(xbuf, 0o252)
	c.after(DefaultSendTime)
	c.irq(0o60)
	c.want(rbuf, 0o252)
	c.put(xcsr, xcsrMaint|xcsrBreak)
	c.put(xbuf, 'x')
	c.after(100 * DefaultTypeTime)
	c.want(rbuf, 0) // a line held at space
	c.want(xcsr, xcsrMaint|xcsrBreak|xcsrReady)
	c.put(xcsr, xcsrBreak)
	c.put(xbuf, 'y')
	c.put(xcsr, 0)
	c.after(DefaultTypeTime)
	c.want(rbuf, 'k')
	if got := c.screen.String(); got != "\252" {
		t.Errorf("the terminal shows %q, want nothing of a break", got)
	}
}

// TestConsoleState copies a console in the middle of its work.
func TestConsoleState(t *testing.T) {
	c := newConsole(t)
	c.put(rcsr, csrIE)
	c.kl.Type('a', 'b')
	c.after(DefaultTypeTime)
	c.put(xbuf, 'x')
	if c.kl.State().Input[0] = 'z'; c.kl.State().Input[0] != 'b' {
		t.Error("a state is no copy")
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(c.kl.State()); err != nil {
		t.Fatal(err)
	}
	var s KL11State
	if err := gob.NewDecoder(&buf).Decode(&s); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, c.kl.State()) {
		t.Fatalf("%+v after gob: %+v", c.kl.State(), s)
	}
	d := newConsole(t)
	d.clock = c.clock
	if err := d.kl.SetState(s); err != nil {
		t.Fatal(err)
	}
	if err := d.bus.SetState(c.bus.State()); err != nil {
		t.Fatal(err)
	}
	s.Input[0] = 'z' // both have their own queue
	c.kl.Type('c')
	for _, x := range []*console{d, c} {
		x.irq(0o60)
		x.want(rbuf, 'a')
		x.after(DefaultTypeTime)
		x.want(rbuf, 'b')
		x.want(xcsr, xcsrReady)
	}
	if c.kl.Pending() != 1 || d.kl.Pending() != 0 {
		t.Errorf("%d and %d characters wait, want 1 and 0", c.kl.Pending(), d.kl.Pending())
	}
}

func TestConsoleSetStateRefuses(t *testing.T) {
	for name, s := range map[string]KL11State{
		"rcsr": {RCSR: 1}, "xcsr": {XCSR: 0o400}, "rbuf": {RBUF: 0o400}, "xbuf": {XBUF: 0o400},
	} {
		c := newConsole(t)
		before := c.kl.State()
		if c.kl.SetState(s) == nil || !reflect.DeepEqual(before, c.kl.State()) {
			t.Errorf("%s: taken", name)
		}
	}
}

// typist types what it holds, a batch at a time, and notes what is taken.
type typist struct {
	batches     []string // an empty one: ask again
	asked       int
	taken, lost string
}

func (p *typist) More() ([]byte, bool) {
	p.asked++
	if len(p.batches) == 0 {
		return nil, false
	}
	b := p.batches[0]
	p.batches = p.batches[1:]
	return []byte(b), b == ""
}

func (p *typist) Taken(c byte, lost bool) {
	if lost {
		p.lost += string(c)
	} else {
		p.taken += string(c)
	}
}

// TestConsoleTypist: the typist is asked only when a character can be received, and
// hears of its own characters and no others.
func TestConsoleTypist(t *testing.T) {
	c := newConsole(t)
	p := &typist{}
	c.kl.Typist = p
	read := func(want byte) {
		t.Helper()
		c.after(DefaultTypeTime)
		c.want(rcsr, rcsrDone)
		c.want(rbuf, uint16(want))
	}
	c.kl.Type('a', 'b')
	p.batches = []string{"xy", "", "z"}
	c.kl.Wake()
	read('a')
	read('b')
	if p.asked != 0 {
		t.Error("it is asked before the others' characters are received")
	}
	c.after(DefaultTypeTime)
	c.want(rcsr, rcsrDone)
	if p.asked != 1 || p.taken != "" {
		t.Errorf("asked %d times, %q taken", p.asked, p.taken)
	}
	c.kl.Type('c') // comes after the batch
	c.want(rbuf, 'x')
	if p.taken != "x" {
		t.Errorf("%q taken", p.taken)
	}
	read('y')
	read('c')
	c.after(DefaultTypeTime) // nothing yet
	c.want(rcsr, 0)
	c.after(askTimes*DefaultTypeTime - DefaultTypeTime)
	read('z')
	c.after(10 * DefaultTypeTime)
	if p.asked != 4 || p.taken != "xyz" {
		t.Errorf("asked %d times, %q taken", p.asked, p.taken)
	}
	p.batches = []string{"u"}
	c.after(10 * DefaultTypeTime)
	if p.asked != 4 {
		t.Error("asked, though nobody has woken it")
	}
	c.kl.Wake()
	c.kl.Wake()
	c.after(DefaultTypeTime)
	c.kl.Reset()
	if p.lost != "u" || p.taken != "xyz" {
		t.Errorf("%q lost, %q taken", p.lost, p.taken)
	}
}
