// Package unibus is the PDP-11's peripheral bus: registers in the I/O page,
// interrupt requests at BR4 to BR7, and a queue of device events in virtual
// time. The console (KL11) and the line clock (KW11-L), which every machine
// has, live here too.
//
// All that a bus and its devices know is plain data; a machine copies it with
// State and SetState to clone or save itself.
package unibus

import (
	"fmt"
	"slices"
)

// Clock tells virtual time.
type Clock interface {
	// Now returns the virtual time in nanoseconds since power-up. It never goes
	// back.
	Now() uint64
}

// Memory is what devices reach by direct memory access: the 18-bit Unibus
// address space below the I/O page, through the Unibus map where there is one.
type Memory interface {
	// DMARead copies words from the even Unibus address addr to p and returns how
	// many. Fewer than len(p) means that the next one does not exist.
	DMARead(addr uint32, p []uint16) int
	// DMAWrite copies p to the even Unibus address addr and returns how many words
	// it could write.
	DMAWrite(addr uint32, p []uint16) int
}

// Device is a set of registers on the bus.
type Device interface {
	// Read returns the register at addr, an even 18-bit Unibus address. False
	// means that there is none (the CPU sees a bus timeout). Reading may have side
	// effects, as on the hardware.
	Read(addr uint32) (uint16, bool)
	// Write sets those bits of the register at addr that mask has (0177777, 0377
	// for the even byte, 0177400 for the odd one) to those of v, which is
	// positioned in the word. False means that there is no such register.
	Write(addr uint32, v, mask uint16) bool
	// Event is called when an event that was scheduled for the device is due.
	Event(code int)
	// Reset is the bus signal INIT. The bus has cleared all interrupt requests;
	// the device takes back those of its events that INIT cancels.
	Reset()
}

// Granter is a Device that wants to know when the CPU takes its interrupt.
type Granter interface {
	// Granted is called after the request of the given line was consumed.
	Granted(line int)
}

// The slots of the bus. A lower one is nearer to the CPU and goes first among
// interrupt requests of the same level.
const (
	SlotCPU = iota
	SlotMMU
	SlotKW11
	SlotRK11
	SlotRP11
	SlotKL11
	SlotUser0 // free for whoever wires a machine
	SlotUser1
	SlotUser2
	SlotUser3
	NumSlots
)

const (
	// IOPage is the first Unibus address of the I/O page.
	IOPage = 0o760000
	// ioMask takes the offset in the I/O page out of an address.
	ioMask = 0o17777
	// noSlot marks the addresses where nothing answers.
	noSlot = 0xff
)

// MaxLevel is the highest bus request level.
const MaxLevel = 7

// Request is an interrupt request that waits for the CPU.
type Request struct {
	Slot   int
	Line   int    // which of the device's requests, 0 up; goes by line within a slot
	Level  int    // bus request level, 4 to 7
	Vector uint16 // address of the vector, a multiple of 4
}

// Event is something that a device will do later.
type Event struct {
	When uint64 // virtual time, ns
	Slot int
	Code int // the device's own
}

// State is all that a bus knows between two accesses.
type State struct {
	Requests []Request // by slot, then line
	Events   []Event   // by time, then in the order in which they were scheduled
}

// Bus is a Unibus. Its zero value is not usable; see NewBus.
type Bus struct {
	clock Clock
	mem   Memory
	level int // the highest level in requests, or 0

	requests []Request
	events   []Event
	devs     [NumSlots]Device
	granters [NumSlots]Granter
	slots    [(ioMask + 1) / 2]uint8 // slot of each word of the I/O page
}

// NewBus returns a bus with nothing on it.
func NewBus(clock Clock, mem Memory) *Bus {
	b := &Bus{clock: clock, mem: mem}
	for i := range b.slots {
		b.slots[i] = noSlot
	}
	return b
}

// Add puts d into a slot and lets it answer at the addresses lo to hi, both
// included: in the I/O page, with or without their two high bits. A device with
// several ranges is added several times; of ranges that overlap the last counts.
func (b *Bus) Add(slot int, d Device, lo, hi uint32) {
	b.devs[slot] = d
	b.granters[slot], _ = d.(Granter)
	for a := lo & ioMask &^ 1; a <= hi&ioMask; a += 2 {
		b.slots[a/2] = uint8(slot)
	}
}

// Read returns the register at addr, of which only the offset in the I/O page
// counts. False is a bus timeout.
func (b *Bus) Read(addr uint32) (uint16, bool) {
	s := b.slots[addr&ioMask/2]
	if s == noSlot {
		return 0, false
	}
	return b.devs[s].Read(IOPage | addr&ioMask&^1)
}

// Write sets the bits in mask of the register at addr; see Device. False is a
// bus timeout.
func (b *Bus) Write(addr uint32, v, mask uint16) bool {
	s := b.slots[addr&ioMask/2]
	if s == noSlot {
		return false
	}
	return b.devs[s].Write(IOPage|addr&ioMask&^1, v, mask)
}

// Reset is the RESET instruction: it clears all interrupt requests and tells
// every device.
func (b *Bus) Reset() {
	b.requests = b.requests[:0]
	b.level = 0
	for _, d := range b.devs {
		if d != nil {
			d.Reset()
		}
	}
}

// Now returns the virtual time in nanoseconds.
func (b *Bus) Now() uint64 { return b.clock.Now() }

// Memory returns what devices reach by direct memory access.
func (b *Bus) Memory() Memory { return b.mem }

// compareRequests orders requests by slot, then line.
func compareRequests(a, b Request) int {
	if a.Slot != b.Slot {
		return a.Slot - b.Slot
	}
	return a.Line - b.Line
}

// Request asks for an interrupt at level (4 to 7) through vector. A request that
// the line of the slot already has is replaced.
func (b *Bus) Request(slot, line, level int, vector uint16) {
	r := Request{Slot: slot, Line: line, Level: level, Vector: vector}
	i, found := slices.BinarySearchFunc(b.requests, r, compareRequests)
	if found {
		b.requests[i] = r
		b.setLevel()
		return
	}
	b.requests = slices.Insert(b.requests, i, r)
	b.level = max(b.level, level)
}

// Cancel takes back the request of a slot's line, if there is one.
func (b *Bus) Cancel(slot, line int) {
	i, found := slices.BinarySearchFunc(b.requests, Request{Slot: slot, Line: line}, compareRequests)
	if found {
		b.requests = slices.Delete(b.requests, i, i+1)
		b.setLevel()
	}
}

// setLevel finds the highest level anew.
func (b *Bus) setLevel() {
	b.level = 0
	for i := range b.requests {
		b.level = max(b.level, b.requests[i].Level)
	}
}

// Level returns the highest level at which an interrupt is requested, 0 if none.
func (b *Bus) Level() int { return b.level }

// Grant takes the request of the given level that is nearest to the CPU, and
// returns its vector. Without one it returns 0.
func (b *Bus) Grant(level int) uint16 {
	for i, r := range b.requests {
		if r.Level != level {
			continue
		}
		b.requests = slices.Delete(b.requests, i, i+1)
		b.setLevel()
		if g := b.granters[r.Slot]; g != nil {
			g.Granted(r.Line)
		}
		return r.Vector
	}
	return 0
}

// Schedule lets a slot's device have an event delay nanoseconds from now. An
// event of the same code that it still has waiting is replaced.
func (b *Bus) Schedule(slot, code int, delay uint64) {
	b.ScheduleAt(slot, code, b.clock.Now()+delay)
}

// ScheduleAt is Schedule with an absolute virtual time.
func (b *Bus) ScheduleAt(slot, code int, when uint64) {
	b.Unschedule(slot, code)
	i := len(b.events)
	for i > 0 && b.events[i-1].When > when {
		i--
	}
	b.events = slices.Insert(b.events, i, Event{When: when, Slot: slot, Code: code})
}

// Unschedule takes back a slot's event of the given code, if it has one.
func (b *Bus) Unschedule(slot, code int) {
	for i := range b.events {
		if b.events[i].Slot == slot && b.events[i].Code == code {
			b.events = slices.Delete(b.events, i, i+1)
			return
		}
	}
}

// Scheduled says whether a slot has an event of the given code waiting.
func (b *Bus) Scheduled(slot, code int) bool {
	for i := range b.events {
		if b.events[i].Slot == slot && b.events[i].Code == code {
			return true
		}
	}
	return false
}

// Next returns the virtual time of the first event, false when none waits.
func (b *Bus) Next() (when uint64, ok bool) {
	if len(b.events) == 0 {
		return 0, false
	}
	return b.events[0].When, true
}

// RunDue lets all events happen that are due at virtual time now, by time and
// then in the order in which they were scheduled, and says whether there were
// any. Events that devices schedule meanwhile count too when they are due.
func (b *Bus) RunDue(now uint64) bool {
	any := false
	for len(b.events) > 0 && b.events[0].When <= now {
		e := b.events[0]
		b.events = slices.Delete(b.events, 0, 1)
		any = true
		if d := b.devs[e.Slot]; d != nil {
			d.Event(e.Code)
		}
	}
	return any
}

// State returns a copy of the waiting requests and events.
func (b *Bus) State() State {
	return State{Requests: slices.Clone(b.requests), Events: slices.Clone(b.events)}
}

// SetState replaces the waiting requests and events by a copy of s, also those
// that devices made when they were added. The devices' own states are theirs to
// set. A state that no bus can have is refused, and changes nothing.
func (b *Bus) SetState(s State) error {
	for i, r := range s.Requests {
		if r.Slot < 0 || r.Slot >= NumSlots || r.Level < 4 || r.Level > MaxLevel || r.Vector&3 != 0 {
			return fmt.Errorf("unibus state: request %d is impossible: %+v", i, r)
		}
		if i > 0 && compareRequests(s.Requests[i-1], r) >= 0 {
			return fmt.Errorf("unibus state: request %d is out of order", i)
		}
	}
	for i, e := range s.Events {
		if e.Slot < 0 || e.Slot >= NumSlots {
			return fmt.Errorf("unibus state: event %d is for slot %d", i, e.Slot)
		}
		if i > 0 && s.Events[i-1].When > e.When {
			return fmt.Errorf("unibus state: event %d is out of order", i)
		}
	}
	b.requests = slices.Clone(s.Requests)
	b.events = slices.Clone(s.Events)
	b.setLevel()
	return nil
}
