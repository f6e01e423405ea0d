package machine

import (
	"errors"
	"slices"

	"v7em/unibus"
)

// Addresses of the bracket registers, where DEC leaves room for a user's devices.
const (
	RegBracketBegin = 0o764000
	RegBracketEnd   = 0o764002
)

// maxBrackets is how many processes can be inside brackets at a time.
const maxBrackets = 32

// Brackets is a device of two words by which a program tells the emulator that
// several of its system calls belong together: a commit point comes before all of
// them or after all.
//
//	0764000  write a process number: that process begins a bracket
//	         read: the number of processes inside one
//	0764002  write a process number: that process ends its bracket
//	         read: 0
//
// Brackets nest. Process numbers above 32767, and 0, are ignored, as is a process
// that begins when there is no room. A word can be written at once or, as by
// V7's /dev/kmem, byte by byte, the odd byte last. INIT ends all brackets.
type Brackets struct {
	state BracketsState
}

// BracketsState is all that the device knows.
type BracketsState struct {
	Open []Bracket
	Low  [2]uint8 // even bytes that were written, of each register
}

// Bracket is a process inside one or more brackets.
type Bracket struct {
	PID   uint16
	Depth uint16 // how many
}

func newBrackets(b *unibus.Bus) *Brackets {
	d := new(Brackets)
	b.Add(unibus.SlotUser0, d, RegBracketBegin, RegBracketEnd)
	return d
}

// Read implements unibus.Device.
func (d *Brackets) Read(addr uint32) (uint16, bool) {
	if addr == RegBracketBegin {
		return uint16(len(d.state.Open)), true
	}
	return 0, true
}

// Write implements unibus.Device.
func (d *Brackets) Write(addr uint32, v, mask uint16) bool {
	n := int(addr>>1) & 1
	switch mask {
	case 0o377:
		d.state.Low[n] = uint8(v)
		return true
	case 0o177400:
		v = v&mask | uint16(d.state.Low[n])
	}
	if v == 0 || v > 0o77777 {
		return true
	}
	i := slices.IndexFunc(d.state.Open, func(b Bracket) bool { return b.PID == v })
	switch {
	case addr == RegBracketBegin && i < 0:
		if len(d.state.Open) < maxBrackets {
			d.state.Open = append(d.state.Open, Bracket{v, 1})
		}
	case addr == RegBracketBegin:
		d.state.Open[i].Depth = min(d.state.Open[i].Depth+1, 0o77777)
	case i >= 0:
		if d.state.Open[i].Depth--; d.state.Open[i].Depth == 0 {
			d.state.Open = slices.Delete(d.state.Open, i, i+1)
		}
	}
	return true
}

// Event implements unibus.Device: there are none.
func (d *Brackets) Event(int) {}

// Reset implements unibus.Device.
func (d *Brackets) Reset() { d.state = BracketsState{} }

// PIDs returns the processes inside brackets.
func (d *Brackets) PIDs() []int {
	var list []int
	for _, b := range d.state.Open {
		list = append(list, int(b.PID))
	}
	return list
}

// Forget ends the brackets of processes that are gone, for whoever can tell.
func (d *Brackets) Forget(gone func(pid int) bool) {
	d.state.Open = slices.DeleteFunc(d.state.Open, func(b Bracket) bool { return gone(int(b.PID)) })
}

// State returns a copy of the state.
func (d *Brackets) State() BracketsState {
	s := d.state
	s.Open = slices.Clone(s.Open)
	return s
}

// SetState sets the state. One that the device cannot have is refused.
func (d *Brackets) SetState(s BracketsState) error {
	seen := map[uint16]bool{}
	for _, b := range s.Open {
		if b.PID == 0 || b.PID > 0o77777 || b.Depth == 0 || b.Depth > 0o77777 || seen[b.PID] {
			return errors.New("bracket registers: impossible state")
		}
		seen[b.PID] = true
	}
	if len(s.Open) > maxBrackets {
		return errors.New("bracket registers: impossible state")
	}
	d.state = BracketsState{Open: slices.Clone(s.Open), Low: s.Low}
	return nil
}
