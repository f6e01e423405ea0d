package machine

import (
	"errors"
	"slices"

	"v7em/unibus"
)

// Addresses of the bracket registers, where DEC leaves room for a user's devices.
const (
	RegBracketProcess = 0o764000
	RegBracketCommand = 0o764002
)

// Commands of the second bracket register.
const (
	BracketBegin = 1
	BracketEnd   = 2
)

// maxBrackets is how many processes can be inside brackets at a time.
const maxBrackets = 32

// Brackets is a device of two words by which a program tells the emulator that
// several of its system calls belong together: a commit point comes before all of
// them or after all.
//
//	0764000  a process number, 1 to 32767
//	0764002  write, bits 7-0: 1, that process begins a bracket; 2, it ends one
//	         read, bits 15-8: the number of processes inside brackets
//
// While a process inside a bracket waits for its children, or for a pipe, these work for
// it. A bracket that does not end holds up nobody: commit points come within it then,
// which is told, with the directories that are half made, moved or removed completed.
//
// Brackets nest. A process that begins when there is no room is not inside. V7's
// /dev/kmem has the registers at 0164000; a program that writes both words by one
// write(2) there is not disturbed by others that do so. (It writes byte by byte,
// each by reading the word and writing it back: hence the command reads as 0.)
// INIT ends all brackets.
type Brackets struct {
	state BracketsState
}

// BracketsState is all that the device knows.
type BracketsState struct {
	Process uint16 // what was written to the first register
	Open    []Bracket
}

// Bracket is a process inside one or more brackets.
type Bracket struct {
	PID   uint16
	Depth uint16 // how many
}

func newBrackets(b *unibus.Bus) *Brackets {
	d := new(Brackets)
	b.Add(unibus.SlotUser0, d, RegBracketProcess, RegBracketCommand)
	return d
}

// Read implements unibus.Device.
func (d *Brackets) Read(addr uint32) (uint16, bool) {
	if addr == RegBracketProcess {
		return d.state.Process, true
	}
	return uint16(len(d.state.Open)) << 8, true
}

// Write implements unibus.Device.
func (d *Brackets) Write(addr uint32, v, mask uint16) bool {
	if addr == RegBracketProcess {
		d.state.Process = d.state.Process&^mask | v&mask
		return true
	}
	pid := d.state.Process
	if pid == 0 || pid > 0o77777 {
		return true
	}
	i := slices.IndexFunc(d.state.Open, func(b Bracket) bool { return b.PID == pid })
	switch v & mask & 0o377 {
	case BracketBegin:
		switch {
		case i >= 0:
			d.state.Open[i].Depth = min(d.state.Open[i].Depth+1, 0o77777)
		case len(d.state.Open) < maxBrackets:
			d.state.Open = append(d.state.Open, Bracket{pid, 1})
		}
	case BracketEnd:
		if i < 0 {
			break
		}
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
	d.state = BracketsState{Process: s.Process, Open: slices.Clone(s.Open)}
	return nil
}
