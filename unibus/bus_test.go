package unibus

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// fakeClock is virtual time that the test sets.
type fakeClock uint64

func (c *fakeClock) Now() uint64 { return uint64(*c) }

// recorder is a device that writes down what happens to it.
type recorder struct {
	name    string
	log     *[]string
	reg     uint16
	onEvent func(code int)
}

func (r *recorder) note(format string, a ...any) {
	*r.log = append(*r.log, r.name+" "+fmt.Sprintf(format, a...))
}

func (r *recorder) Read(addr uint32) (uint16, bool) {
	r.note("read %o", addr)
	return r.reg, addr&0o10 == 0
}

func (r *recorder) Write(addr uint32, v, mask uint16) bool {
	r.note("write %o %o %o", addr, v, mask)
	return addr&0o10 == 0
}

func (r *recorder) Event(code int) {
	r.note("event %d", code)
	if r.onEvent != nil {
		r.onEvent(code)
	}
}

func (r *recorder) Reset() { r.note("reset") }

// granted is a recorder that hears of its grants.
type granted struct{ recorder }

func (g *granted) Granted(line int) { g.note("granted %d", line) }

func wantLog(t *testing.T, log *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*log, want) {
		t.Errorf("what happened is\n%q, want\n%q", *log, want)
	}
	*log = nil
}

func TestDispatch(t *testing.T) {
	var log []string
	b := NewBus(new(fakeClock), nil)
	a := &recorder{name: "a", log: &log, reg: 0o123}
	c := &recorder{name: "c", log: &log, reg: 0o456}
	b.Add(SlotKL11, a, 0o777560, 0o777577)
	b.Add(SlotMMU, c, 0o172200, 0o172276) // without the high bits
	b.Add(SlotMMU, c, 0o777572, 0o777572)
	for _, x := range []struct {
		addr uint32
		v    uint16
		ok   bool
	}{
		{0o777560, 0o123, true},
		{0o177566, 0o123, true},
		{0o17777564, 0o123, true}, // 22 bits
		{0o777561, 0o123, true},   // the byte's word
		{0o777570, 0o123, false},  // the device says no
		{0o777572, 0o456, false},  // added later
		{0o772200, 0o456, true},
		{0o772276, 0o456, false},
		{0o772300, 0, false},
		{0o760000, 0, false},
		{0o777776, 0, false},
		{0o777556, 0, false},
		{0o777600, 0, false},
	} {
		v, ok := b.Read(x.addr)
		if ok != x.ok || ok && v != x.v {
			t.Errorf("Read(%o) = %o, %v; want %o, %v", x.addr, v, ok, x.v, x.ok)
		}
		if ok := b.Write(x.addr, 0o1234, 0o377); ok != x.ok {
			t.Errorf("Write(%o) = %v", x.addr, ok)
		}
	}
	log = nil
	b.Read(0o177565)
	b.Write(0o17777567, 0o52525, 0o177400)
	wantLog(t, &log, "a read 777564", "a write 777566 52525 177400")
}

func TestRequests(t *testing.T) {
	var log []string
	b := NewBus(new(fakeClock), nil)
	g := &granted{recorder{name: "g", log: &log}}
	b.Add(SlotRK11, g, 0o777400, 0o777416)
	if b.Level() != 0 || b.Grant(4) != 0 {
		t.Error("an idle bus requests something")
	}
	b.Request(SlotKL11, 1, 4, 0o64)
	b.Request(SlotKL11, 0, 4, 0o60)
	b.Request(SlotRP11, 0, 5, 0o254)
	b.Request(SlotRK11, 1, 5, 0o224)
	b.Request(SlotRK11, 0, 5, 0o220)
	b.Request(SlotKW11, 0, 6, 0o100)
	b.Request(SlotKW11, 0, 6, 0o104) // replaces it
	if v := b.Grant(7); v != 0 {
		t.Errorf("level 7 grants %o", v)
	}
	for i, want := range []struct {
		level  int
		vector uint16
	}{{6, 0o104}, {5, 0o220}, {5, 0o224}, {5, 0o254}, {4, 0o60}, {4, 0o64}} {
		if l := b.Level(); l != want.level {
			t.Errorf("step %d: level %d, want %d", i, l, want.level)
		}
		if v := b.Grant(want.level); v != want.vector {
			t.Errorf("step %d: vector %o, want %o", i, v, want.vector)
		}
	}
	if b.Level() != 0 {
		t.Errorf("level %d when all are granted", b.Level())
	}
	wantLog(t, &log, "g granted 0", "g granted 1")

	b.Request(SlotKL11, 0, 4, 0o60)
	b.Request(SlotRK11, 0, 5, 0o220)
	b.Cancel(SlotRK11, 1) // not there
	b.Cancel(SlotRK11, 0)
	if b.Level() != 4 {
		t.Errorf("level %d after a cancel, want 4", b.Level())
	}
	b.Reset()
	if b.Level() != 0 {
		t.Errorf("level %d after a reset", b.Level())
	}
	wantLog(t, &log, "g reset")
	b.Request(SlotKL11, 0, 7, 0o60)
	b.Request(SlotKL11, 0, 4, 0o60)
	if b.Level() != 4 {
		t.Errorf("level %d after a request was lowered", b.Level())
	}
}

func TestEvents(t *testing.T) {
	var log []string
	clock := new(fakeClock)
	b := NewBus(clock, nil)
	a := &recorder{name: "a", log: &log}
	c := &recorder{name: "c", log: &log}
	b.Add(SlotKW11, a, 0o777546, 0o777546)
	b.Add(SlotKL11, c, 0o777560, 0o777566)

	if _, ok := b.Next(); ok || b.RunDue(1e9) {
		t.Error("an empty queue has events")
	}
	*clock = 1000
	b.Schedule(SlotKL11, 1, 50)
	b.Schedule(SlotKW11, 1, 50)
	b.Schedule(SlotKL11, 2, 10)
	b.Schedule(SlotKL11, 3, 70)
	b.Schedule(SlotKL11, 3, 20) // moves it
	b.ScheduleAt(SlotKW11, 4, 1050)
	b.Schedule(SlotKL11, 5, 1)
	b.Unschedule(SlotKL11, 5)
	b.Unschedule(SlotKL11, 6)
	if !b.Scheduled(SlotKL11, 3) || b.Scheduled(SlotKL11, 5) || b.Scheduled(SlotKW11, 3) {
		t.Error("Scheduled is wrong")
	}
	if when, ok := b.Next(); !ok || when != 1010 {
		t.Errorf("next is %d, %v; want 1010", when, ok)
	}
	if b.RunDue(1009) {
		t.Error("an event came too early")
	}
	*clock = 1020
	if !b.RunDue(1020) {
		t.Error("no event came")
	}
	wantLog(t, &log, "c event 2", "c event 3")
	// An event that schedules others: those that are due come at once.
	a.onEvent = func(code int) {
		if code == 1 {
			b.Schedule(SlotKL11, 8, 0)
			b.Schedule(SlotKL11, 9, 1)
		}
	}
	*clock = 1050
	b.RunDue(1050)
	wantLog(t, &log, "c event 1", "a event 1", "a event 4", "c event 8")
	b.RunDue(1051)
	wantLog(t, &log, "c event 9")
}

// TestState copies a bus through gob and lets both go on.
func TestState(t *testing.T) {
	var log []string
	clock := new(fakeClock)
	b := NewBus(clock, nil)
	a := &recorder{name: "a", log: &log}
	b.Add(SlotKL11, a, 0o777560, 0o777566)
	b.Request(SlotKL11, 0, 4, 0o60)
	b.Request(SlotRK11, 0, 5, 0o220)
	b.Schedule(SlotKL11, 1, 10)
	b.Schedule(SlotKL11, 2, 10)

	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(b.State()); err != nil {
		t.Fatal(err)
	}
	var s State
	if err := gob.NewDecoder(&buf).Decode(&s); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, b.State()) {
		t.Fatalf("state is %+v, after gob %+v", b.State(), s)
	}
	clone := NewBus(clock, nil)
	clone.Add(SlotKL11, &recorder{name: "b", log: &log}, 0o777560, 0o777566)
	clone.Schedule(SlotKL11, 7, 1) // must go away
	if err := clone.SetState(s); err != nil {
		t.Fatal(err)
	}
	b.Grant(5)
	b.Unschedule(SlotKL11, 1)
	s.Events[0].Slot = 0 // the bus has a copy of its own
	if clone.Level() != 5 || clone.Grant(5) != 0o220 || clone.Grant(4) != 0o60 || b.Level() != 4 {
		t.Error("requests of the two are mixed up")
	}
	clone.RunDue(10)
	b.RunDue(10)
	wantLog(t, &log, "b event 1", "b event 2", "a event 2")
}

func TestSetStateRefuses(t *testing.T) {
	ok := Request{Slot: SlotKL11, Line: 0, Level: 4, Vector: 0o60}
	bad := func(f func(*Request)) State {
		r := ok
		f(&r)
		return State{Requests: []Request{r}}
	}
	for name, s := range map[string]State{
		"slot":          bad(func(r *Request) { r.Slot = NumSlots }),
		"negative slot": bad(func(r *Request) { r.Slot = -1 }),
		"level 3":       bad(func(r *Request) { r.Level = 3 }),
		"level 8":       bad(func(r *Request) { r.Level = 8 }),
		"vector":        bad(func(r *Request) { r.Vector = 0o62 }),
		"twice":         {Requests: []Request{ok, ok}},
		"event slot":    {Events: []Event{{Slot: NumSlots}}},
		"event before":  {Events: []Event{{Slot: -1}}},
		"event order":   {Events: []Event{{When: 2}, {When: 1}}},
	} {
		b := NewBus(new(fakeClock), nil)
		b.Request(SlotKW11, 0, 6, 0o100)
		if b.SetState(s) == nil {
			t.Errorf("%s: taken", name)
		}
		if b.Level() != 6 {
			t.Errorf("%s: the state changed", name)
		}
	}
}

// TestEventWithoutDevice is a state from a machine that had more devices.
func TestEventWithoutDevice(t *testing.T) {
	b := NewBus(new(fakeClock), nil)
	if err := b.SetState(State{
		Events:   []Event{{When: 1, Slot: 0}, {When: 1, Slot: NumSlots - 1}},
		Requests: []Request{{Slot: 0, Level: 7, Vector: 8}, {Slot: NumSlots - 1, Level: 4, Vector: 4}},
	}); err != nil {
		t.Fatal(err)
	}
	if !b.RunDue(1) || b.Grant(4) != 4 {
		t.Error("the event or the request is lost")
	}
}
