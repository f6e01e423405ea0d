package unibus

import (
	"fmt"
	"slices"
)

// Terminal shows what the console prints.
type Terminal interface {
	// Put shows one character; bit 7 may be parity.
	Put(c byte)
}

// KL11 is the console: a KL11 or DL11-A serial line, registers at 0777560 to
// 0777566, interrupts at BR4 through vectors 060 (receiver) and 064
// (transmitter).
type KL11 struct {
	// Typist, if not nil, is asked for more when all that was typed has been
	// received. It belongs to the machine's goroutine, as all of this, and not to the
	// machine: a copy has none.
	Typist Typist

	bus   *Bus
	term  Terminal
	state KL11State
	mine  int // how many characters that the guest has not read are the Typist's: the first ones
}

// Typist types on the console, character by character as the guest takes them.
type Typist interface {
	// More returns the next characters, at a moment at which the first of them can
	// be received. With none, again says whether to ask again a while later;
	// otherwise Wake has to be called when there are some.
	More() (p []byte, again bool)
	// Taken tells that the guest reads a character that More returned, in the order
	// of those, before it does anything else. lost says that the bus was reset
	// instead.
	Taken(c byte, lost bool)
}

// KL11State is all that a console knows.
type KL11State struct {
	RCSR uint16 // receiver status: bit 11 active, 7 done, 6 interrupt enable
	RBUF uint16 // the last character received
	XCSR uint16 // transmitter status: bit 7 ready, 6 interrupt enable, 2 maintenance, 0 break
	XBUF uint16 // the last character to send

	Input    []byte // typed by the host, not yet received
	Held     bool   // the character received was not read yet (done or not): the next one waits
	SendTime uint64 // virtual time (ns) to send a character
	TypeTime uint64 // virtual time (ns) from the guest's reading of a character to the next one
}

// Console timing, in nanoseconds of virtual time. Characters go out fast, as no
// guest minds. They come in no faster than the guest reads them, and slowly
// enough for it to look at each.
const (
	DefaultSendTime = 20_000
	DefaultTypeTime = 1_000_000
	// askTimes is how many times the latter a Typist is left alone that has nothing yet.
	askTimes = 10
)

// RegXCSR is the address of the transmitter's status register, and XCSRInterrupt its
// bit that has it interrupt whenever it is ready.
const (
	RegXCSR       = klAddr + 4
	XCSRInterrupt = csrIE
)

const (
	klAddr   = 0o777560
	klLevel  = 4
	klVector = 0o60 // receiver; the transmitter's is 4 further

	// Lines and events of the slot.
	klReceive  = 0
	klTransmit = 1

	rcsrActive = 1 << 11
	rcsrDone   = 1 << 7
	csrIE      = 1 << 6
	rcsrReader = 1 << 0 // write only
	xcsrReady  = 1 << 7
	xcsrMaint  = 1 << 2
	xcsrBreak  = 1 << 0
)

// NewKL11 puts a console on the bus, which prints to term (nil: nowhere).
//
// Until a first character comes the receiver's buffer holds a rubout: V7's kernel
// prints no message while it reads a NUL there.
func NewKL11(b *Bus, term Terminal) *KL11 {
	k := &KL11{bus: b, term: term, state: KL11State{
		RBUF: 0o177, XCSR: xcsrReady, SendTime: DefaultSendTime, TypeTime: DefaultTypeTime,
	}}
	b.Add(SlotKL11, k, klAddr, klAddr+6)
	return k
}

// SetTerminal sets where the console prints (nil: nowhere).
func (k *KL11) SetTerminal(t Terminal) { k.term = t }

// Type queues characters that the host types. The guest receives them one by
// one: the next comes TypeTime after it has read the one before.
func (k *KL11) Type(p ...byte) {
	k.state.Input = append(k.state.Input, p...)
	k.feed(k.state.TypeTime)
}

// Wake says that the Typist has something to type.
func (k *KL11) Wake() {
	k.feed(k.state.TypeTime)
}

// Pending returns how many typed characters the guest has not yet read.
func (k *KL11) Pending() int {
	n := len(k.state.Input)
	if k.state.Held {
		n++
	}
	return n
}

// feed lets the next typed character arrive after delay, or asks the Typist for one
// then, if the receiver is free.
func (k *KL11) feed(delay uint64) {
	if len(k.state.Input) == 0 && k.Typist == nil || k.state.Held || k.state.XCSR&xcsrMaint != 0 {
		return
	}
	if len(k.state.Input) > 0 {
		k.state.RCSR |= rcsrActive
	}
	if !k.bus.Scheduled(SlotKL11, klReceive) {
		k.bus.Schedule(SlotKL11, klReceive, delay)
	}
}

// receive puts a character into the receiver.
func (k *KL11) receive(c byte) {
	k.state.RBUF = uint16(c)
	k.state.RCSR = k.state.RCSR&^rcsrActive | rcsrDone
	if k.state.RCSR&csrIE != 0 {
		k.bus.Request(SlotKL11, klReceive, klLevel, klVector)
	}
}

// Read implements Device.
func (k *KL11) Read(addr uint32) (uint16, bool) {
	switch addr & 6 {
	case 0:
		return k.state.RCSR, true
	case 2:
		k.clearDone()
		return k.state.RBUF, true
	case 4:
		return k.state.XCSR, true
	}
	return k.state.XBUF, true
}

// clearDone is what reading the buffer does.
func (k *KL11) clearDone() {
	k.state.RCSR &^= rcsrDone
	k.bus.Cancel(SlotKL11, klReceive)
	if k.state.Held {
		k.taken(false)
		k.feed(k.state.TypeTime)
	}
}

// readAgain is what enabling the reader does: done is cleared. A character that was not
// read comes again. V7 reads one and then enables the reader: what has come between the
// two, when a clock interrupt was there too, it would never see.
func (k *KL11) readAgain() {
	if k.state.Held && k.state.RCSR&rcsrDone != 0 {
		k.state.Held = false
		k.state.Input = append([]byte{byte(k.state.RBUF)}, k.state.Input...)
	}
	k.clearDone()
	k.feed(k.state.TypeTime)
}

// taken frees the receiver.
func (k *KL11) taken(lost bool) {
	k.state.Held = false
	if k.mine > 0 && k.Typist != nil {
		k.mine--
		k.Typist.Taken(byte(k.state.RBUF), lost)
	}
}

// Write implements Device. All that can be written is in the low bytes.
func (k *KL11) Write(addr uint32, v, mask uint16) bool {
	if mask&0o377 == 0 {
		return true
	}
	switch addr & 6 {
	case 0:
		k.setIE(&k.state.RCSR, v, klReceive)
		if v&rcsrReader != 0 {
			k.readAgain()
		}
	case 4:
		k.setIE(&k.state.XCSR, v, klTransmit)
		k.state.XCSR = k.state.XCSR&^(xcsrMaint|xcsrBreak) | v&(xcsrMaint|xcsrBreak)
		k.feed(k.state.TypeTime) // maintenance mode may have held it up
	case 6:
		k.state.XBUF = v & 0o377
		// The terminal gets it at once, so that nothing is lost when the guest
		// halts or resets before the sending time is over.
		if k.term != nil && k.state.XCSR&xcsrBreak == 0 {
			k.term.Put(byte(v))
		}
		k.state.XCSR &^= xcsrReady
		k.bus.Cancel(SlotKL11, klTransmit)
		k.bus.Schedule(SlotKL11, klTransmit, k.state.SendTime)
	}
	return true
}

// setIE sets the interrupt enable bit of a status register as in v. Done and
// ready are both bit 7: enabling interrupts while it is up requests one.
func (k *KL11) setIE(csr *uint16, v uint16, line int) {
	switch {
	case v&csrIE == 0:
		k.bus.Cancel(SlotKL11, line)
	case *csr&csrIE == 0 && *csr&xcsrReady != 0:
		k.bus.Request(SlotKL11, line, klLevel, klVector+4*uint16(line))
	}
	*csr = *csr&^csrIE | v&csrIE
}

// Event implements Device: a character has come in or gone out.
func (k *KL11) Event(code int) {
	if code == klReceive {
		if len(k.state.Input) == 0 && k.Typist != nil && !k.state.Held {
			p, again := k.Typist.More()
			k.state.Input, k.mine = append(k.state.Input, p...), len(p)
			if len(p) == 0 && again {
				k.feed(askTimes * k.state.TypeTime)
			}
		}
		if len(k.state.Input) > 0 {
			c := k.state.Input[0]
			k.state.Input = k.state.Input[1:]
			k.state.Held = true
			k.receive(c)
		}
		return
	}
	k.state.XCSR |= xcsrReady
	if k.state.XCSR&csrIE != 0 {
		k.bus.Request(SlotKL11, klTransmit, klLevel, klVector+4)
	}
	if k.state.XCSR&xcsrMaint != 0 {
		c := byte(k.state.XBUF)
		if k.state.XCSR&xcsrBreak != 0 {
			c = 0 // a line held at space
		}
		k.receive(c)
	}
}

// Reset implements Device. A character that is done but unread is lost, as on
// the hardware; what is still queued comes later.
func (k *KL11) Reset() {
	k.bus.Unschedule(SlotKL11, klReceive)
	k.bus.Unschedule(SlotKL11, klTransmit)
	k.state.RCSR = 0
	k.state.XCSR = xcsrReady
	if k.state.Held {
		k.taken(true)
	}
	k.feed(k.state.TypeTime)
}

// State returns a copy of the console's state.
func (k *KL11) State() KL11State {
	s := k.state
	s.Input = slices.Clone(s.Input)
	return s
}

// SetState sets the console's state to a copy of s; its requests and events are
// the bus's. A state that no console can have is refused.
func (k *KL11) SetState(s KL11State) error {
	if s.RCSR&^(rcsrActive|rcsrDone|csrIE) != 0 || s.XCSR&^(xcsrReady|csrIE|xcsrMaint|xcsrBreak) != 0 ||
		s.RBUF > 0o377 || s.XBUF > 0o377 {
		return fmt.Errorf("console state: registers %06o %06o %06o %06o are impossible", s.RCSR, s.RBUF, s.XCSR, s.XBUF)
	}
	s.Input = slices.Clone(s.Input)
	k.state = s
	return nil
}
