package unibus

import "fmt"

// KW11 is the KW11-L line clock: register LKS at 0777546, interrupts at BR6
// through vector 0100, once every cycle of the mains.
type KW11 struct {
	bus   *Bus
	state KW11State
}

// KW11State is all that a line clock knows.
type KW11State struct {
	LKS   uint16 // bit 7 monitor, bit 6 interrupt enable
	Hz    uint32 // ticks per second of virtual time: 60, or 50
	Start uint64 // virtual time (ns) at which the ticks are counted from
	Ticks uint64 // ticks since Start
}

const (
	kw11Addr   = 0o777546
	kw11Vector = 0o100
	kw11Level  = 6

	lksMonitor = 1 << 7
	lksIE      = 1 << 6
)

// NewKW11 puts a line clock of hz ticks per second (60 or 50) on the bus; its
// first tick is one period from now.
func NewKW11(b *Bus, hz int) *KW11 {
	k := &KW11{bus: b, state: KW11State{LKS: lksMonitor, Hz: uint32(hz), Start: b.Now()}}
	b.Add(SlotKW11, k, kw11Addr, kw11Addr)
	b.ScheduleAt(SlotKW11, 0, k.next())
	return k
}

// next returns the virtual time of the tick to come. Computed from the start, it
// does not drift.
func (k *KW11) next() uint64 {
	n := k.state.Ticks + 1
	hz := uint64(k.state.Hz)
	return k.state.Start + n/hz*1e9 + n%hz*1e9/hz
}

// Read implements Device.
func (k *KW11) Read(addr uint32) (uint16, bool) { return k.state.LKS, true }

// Write implements Device. The monitor bit can be cleared but not set.
func (k *KW11) Write(addr uint32, v, mask uint16) bool {
	if mask&0o377 == 0 {
		return true
	}
	k.state.LKS = v&lksIE | k.state.LKS&v&lksMonitor
	if v&lksIE == 0 {
		k.bus.Cancel(SlotKW11, 0)
	}
	return true
}

// Event implements Device: a tick.
func (k *KW11) Event(code int) {
	k.state.Ticks++
	next, now := k.next(), k.bus.Now()
	if next < now && now-next > 1e9 {
		// Time has jumped, or the state was another machine's: forget the ticks
		// missed instead of making up for them one by one.
		k.state.Start, k.state.Ticks = now, 0
		next = k.next()
	}
	k.bus.ScheduleAt(SlotKW11, 0, next)
	k.state.LKS |= lksMonitor
	if k.state.LKS&lksIE != 0 {
		k.bus.Request(SlotKW11, 0, kw11Level, kw11Vector)
	}
}

// Reset implements Device: INIT sets the monitor bit and disables interrupts.
// The mains go on.
func (k *KW11) Reset() { k.state.LKS = lksMonitor }

// State returns the clock's state.
func (k *KW11) State() KW11State { return k.state }

// SetState sets the clock's state; its event is the bus's. A state that no clock
// can have is refused.
func (k *KW11) SetState(s KW11State) error {
	if s.Hz != 50 && s.Hz != 60 {
		return fmt.Errorf("line clock state: %d Hz, want 50 or 60", s.Hz)
	}
	if s.LKS&^(lksMonitor|lksIE) != 0 {
		return fmt.Errorf("line clock state: LKS %06o is impossible", s.LKS)
	}
	k.state = s
	return nil
}
