package rk

import (
	"fmt"

	"v7em/unibus"
)

// An RK05 pack: 203 cylinders of 2 surfaces of 12 sectors.
const (
	rkCylinders = 203
	rkSurfaces  = 2
	rkSectors   = 12

	// RK05Blocks is the number of blocks of an RK05 pack.
	RK05Blocks = rkCylinders * rkSurfaces * rkSectors
)

const (
	rkAddr   = 0o777400
	rkVector = 0o220
	rkLevel  = 5
)

// Offsets of the registers.
const (
	offRKDS = 2 * iota
	offRKER
	offRKCS
	offRKWC
	offRKBA
	offRKDA
	offRKMR
	offRKDB
)

// Bits of RKDS, the drive status. Bits 3-0 are the sector under the heads.
const (
	RKDSSame  = 1 << 4  // that sector is the one in RKDA
	RKDSWPS   = 1 << 5  // write-protected
	RKDSRWS   = 1 << 6  // heads ready to read, write or seek
	RKDSDRY   = 1 << 7  // drive ready
	RKDSSOK   = 1 << 8  // sector counter good
	RKDSRK05  = 1 << 11 // the drive is an RK05
	rkdsIDPos = 13      // 15-13: drive that the last interrupt is about
)

// Bits of RKER, the errors.
const (
	RKERWCE = 1 << 0  // write check
	RKERCSE = 1 << 1  // checksum
	RKERNXS = 1 << 5  // no such sector
	RKERNXC = 1 << 6  // no such cylinder
	RKERNXD = 1 << 7  // no such drive
	RKERTE  = 1 << 8  // timing
	RKERDLT = 1 << 9  // data late
	RKERNXM = 1 << 10 // no such memory
	RKERPGE = 1 << 11 // programming
	RKERSKE = 1 << 12 // seek
	RKERWLO = 1 << 13 // write lockout
	RKEROVR = 1 << 14 // overrun
	RKERDRE = 1 << 15 // drive

	rkerSoft = RKERWCE | RKERCSE
	rkerAll  = 0o177743
)

// Bits of RKCS, control and status. Bits 3-1 are the function.
const (
	RKCSGO   = 1 << 0
	rkcsFunc = 7 << 1
	rkcsMEX  = 3 << 4 // bits 17-16 of the bus address
	RKCSIDE  = 1 << 6
	RKCSRDY  = 1 << 7
	RKCSSSE  = 1 << 8  // stop on soft error
	RKCSFMT  = 1 << 10 // format
	RKCSIBA  = 1 << 11 // inhibit increment of RKBA
	RKCSSCP  = 1 << 13 // the last interrupt is about a seek
	RKCSHE   = 1 << 14 // hard error
	RKCSERR  = 1 << 15 // any error

	rkcsWritable = RKCSIBA | RKCSFMT | RKCSSSE | RKCSIDE | rkcsMEX | rkcsFunc
)

// Functions.
const (
	rkReset = iota
	rkWrite
	rkRead
	rkWriteCheck
	rkSeek
	rkReadCheck
	rkDriveReset
	rkWriteLock
)

// Interrupt lines and events of the slot. Seeks have one event a drive.
const (
	rkLineControl = 0
	rkLineSeek    = 1

	rkEventTransfer = 0
	rkEventSeek     = 1 // + drive
)

// RK11 is an RK11-D controller with eight RK05 drives: registers at 0777400 to
// 0777416, interrupts at BR5 through vector 0220.
type RK11 struct {
	packs
	bus   *unibus.Bus
	state RK11State
}

// RK11State is all that the controller and its drives know, but for the packs.
type RK11State struct {
	RKER uint16
	RKCS uint16 // without GO, HE and ERR, which follow from the rest
	RKWC uint16
	RKBA uint16
	RKDA uint16
	RKDB uint16 // the last word transferred
	ID   uint16 // RKDS bits 15-13: drive that the last interrupt is about
	Func uint16 // function under way while RKCS has no RDY

	Drives [Drives]RK05State
	Timing Timing
}

// RK05State is all that a drive knows.
type RK05State struct {
	Cylinder  uint16 // where the heads are, or are moving to
	Seeking   bool   // they are moving
	SeekEnd   uint64 // virtual time (ns) at which they arrive
	Arrived   bool   // a seek has ended that no interrupt has told of
	WriteLock bool   // write-protected by the write lock function or the switch
	Missing   bool   // there is no such drive
	Stats     Stats
}

// NewRK11 puts a controller on the bus, with eight empty drives.
func NewRK11(b *unibus.Bus) *RK11 {
	r := &RK11{bus: b, packs: packs{name: "rk", blocks: RK05Blocks}}
	r.state.RKCS = RKCSRDY
	r.state.Timing = FastTiming
	b.Add(unibus.SlotRK11, r, rkAddr, rkAddr+offRKDB)
	return r
}

// Attach mounts a pack of RK05Blocks blocks on drive unit, 0 to 7. It takes the
// write lock off.
func (r *RK11) Attach(unit int, d Disk) error {
	if err := r.packs.Attach(unit, d); err != nil {
		return err
	}
	r.state.Drives[unit].WriteLock = false
	return nil
}

// Drive returns a copy of the state of drive unit, 0 to 7.
func (r *RK11) Drive(unit int) RK05State { return r.state.Drives[unit] }

// SetTiming sets how long the drives take.
func (r *RK11) SetTiming(t Timing) { r.state.Timing = t }

// SetWriteLock is the drive's WT PROT switch, which alone takes back the write
// lock function.
func (r *RK11) SetWriteLock(unit int, on bool) { r.state.Drives[unit].WriteLock = on }

// SetMissing says whether there is no drive of this number at all: another error
// to the guest than a drive without a pack.
func (r *RK11) SetMissing(unit int, missing bool) { r.state.Drives[unit].Missing = missing }

// State returns a copy of the state.
func (r *RK11) State() RK11State { return r.state }

// SetState sets the state; requests and events are the bus's, and packs stay as
// they are. A state that no controller can have is refused.
func (r *RK11) SetState(s RK11State) error {
	if s.RKER&^rkerAll != 0 || s.RKCS&^(rkcsWritable|RKCSRDY|RKCSSCP) != 0 || s.RKBA&1 != 0 || s.ID > 7 || s.Func > 7 {
		return fmt.Errorf("RK11 state: registers are impossible: %+v", s)
	}
	if err := s.Timing.check(); err != nil {
		return fmt.Errorf("RK11 state: %w", err)
	}
	for i, d := range s.Drives {
		if d.Cylinder >= rkCylinders || d.Stats.Last < 0 || d.Stats.Last >= RK05Blocks {
			return fmt.Errorf("RK11 state: drive %d is impossible: %+v", i, d)
		}
	}
	r.state = s
	return nil
}

// selected returns the number of the drive in RKDA.
func (s *RK11State) selected() int { return int(s.RKDA >> 13) }

// address splits RKDA.
func (s *RK11State) address() (cylinder, surface, sector int) {
	return int(s.RKDA >> 5 & 0o377), int(s.RKDA >> 4 & 1), int(s.RKDA & 0o17)
}

// rkds returns the status of the selected drive.
func (r *RK11) rkds() uint16 {
	unit := r.state.selected()
	d := &r.state.Drives[unit]
	v := r.state.ID << rkdsIDPos
	if d.Missing {
		return v
	}
	v |= RKDSRK05
	disk := r.all[unit].disk
	if disk == nil {
		return v
	}
	sector := r.state.Timing.angle(r.bus.Now(), rkSectors)
	v |= RKDSDRY | RKDSSOK | sector
	if sector == r.state.RKDA&0o17 {
		v |= RKDSSame
	}
	if d.WriteLock || disk.ReadOnly() {
		v |= RKDSWPS
	}
	if !d.Seeking {
		v |= RKDSRWS
	}
	return v
}

// rkcs returns control and status as the guest sees it.
func (r *RK11) rkcs() uint16 {
	v := r.state.RKCS
	if r.state.RKER != 0 {
		v |= RKCSERR
	}
	if r.state.RKER&^rkerSoft != 0 {
		v |= RKCSHE
	}
	return v
}

// Read implements unibus.Device.
func (r *RK11) Read(addr uint32) (uint16, bool) {
	switch addr - rkAddr {
	case offRKDS:
		return r.rkds(), true
	case offRKER:
		return r.state.RKER, true
	case offRKCS:
		return r.rkcs(), true
	case offRKWC:
		return r.state.RKWC, true
	case offRKBA:
		return r.state.RKBA, true
	case offRKDA:
		return r.state.RKDA, true
	case offRKDB:
		return r.state.RKDB, true
	}
	return 0, true // RKMR, the RK11-C's maintenance register
}

// Write implements unibus.Device.
func (r *RK11) Write(addr uint32, v, mask uint16) bool {
	s := &r.state
	set := func(reg *uint16) { *reg = *reg&^mask | v&mask }
	switch addr - rkAddr {
	case offRKCS:
		r.writeRKCS(s.RKCS&^mask | v&mask)
	case offRKWC:
		set(&s.RKWC)
	case offRKBA:
		set(&s.RKBA)
		s.RKBA &^= 1
	case offRKDA:
		if s.RKCS&RKCSRDY != 0 {
			set(&s.RKDA)
		}
	}
	return true
}

func (r *RK11) writeRKCS(v uint16) {
	s := &r.state
	enabling := v&RKCSIDE != 0 && s.RKCS&RKCSIDE == 0
	s.RKCS = s.RKCS&^rkcsWritable | v&rkcsWritable
	ready := s.RKCS&RKCSRDY != 0
	switch {
	case v&RKCSIDE == 0:
		r.cancel()
	case enabling && ready:
		r.bus.Request(unibus.SlotRK11, rkLineControl, rkLevel, rkVector)
	}
	if v&RKCSGO != 0 && ready {
		r.start()
	}
}

// cancel takes back all interrupts.
func (r *RK11) cancel() {
	r.bus.Cancel(unibus.SlotRK11, rkLineControl)
	r.bus.Cancel(unibus.SlotRK11, rkLineSeek)
	for i := range r.state.Drives {
		r.state.Drives[i].Arrived = false
	}
}

// start begins the function in RKCS.
func (r *RK11) start() {
	s := &r.state
	s.Func = s.RKCS & rkcsFunc >> 1
	if s.Func == rkReset {
		r.reset()
		return
	}
	s.RKER &^= rkerSoft
	s.RKCS &^= RKCSSCP | RKCSRDY
	r.bus.Cancel(unibus.SlotRK11, rkLineControl)
	r.bus.Cancel(unibus.SlotRK11, rkLineSeek) // drives are polled again at the end

	unit := s.selected()
	d := &s.Drives[unit]
	if e := r.refuse(unit, d); e != 0 {
		r.finish(e)
		return
	}
	if s.Func == rkWriteLock {
		d.WriteLock = true
		r.finish(0)
		return
	}

	cylinder, _, sector := s.address()
	if s.Func == rkDriveReset {
		cylinder = 0
	}
	// Heads that are still moving must arrive first.
	at := r.bus.Now() + s.Timing.Overhead
	if d.Seeking {
		at = max(at, d.SeekEnd)
	}
	at += s.Timing.seek(int(d.Cylinder), cylinder)
	d.Cylinder = uint16(cylinder)
	if s.Func == rkSeek || s.Func == rkDriveReset {
		d.Seeking, d.SeekEnd, d.Arrived = true, at, false
		r.bus.ScheduleAt(unibus.SlotRK11, rkEventSeek+unit, at)
		r.finish(0)
		return
	}
	sectors := (wordCount(s.RKWC) + sectorWords - 1) / sectorWords
	at += s.Timing.access(at, sector, rkSectors, sectors)
	r.bus.ScheduleAt(unibus.SlotRK11, rkEventTransfer, at)
}

// refuse returns the errors for which the function is not even begun.
func (r *RK11) refuse(unit int, d *RK05State) (e uint16) {
	s := &r.state
	disk := r.all[unit].disk
	switch {
	case d.Missing:
		return RKERNXD
	case disk == nil:
		return RKERDRE
	case s.RKCS&RKCSFMT != 0 && s.Func != rkRead && s.Func != rkWrite:
		return RKERPGE
	case s.Func == rkWrite && (d.WriteLock || disk.ReadOnly()):
		return RKERWLO
	case s.Func == rkDriveReset || s.Func == rkWriteLock:
		return 0 // the address does not matter
	}
	cylinder, _, sector := s.address()
	if sector >= rkSectors {
		e |= RKERNXS
	}
	if cylinder >= rkCylinders {
		e |= RKERNXC
	}
	return e
}

// finish ends a function: RDY, and an interrupt if wanted.
func (r *RK11) finish(e uint16) {
	s := &r.state
	s.RKER |= e
	s.RKCS |= RKCSRDY
	if s.RKCS&RKCSIDE != 0 {
		r.bus.Request(unibus.SlotRK11, rkLineControl, rkLevel, rkVector)
	}
	r.poll()
}

// poll requests an interrupt when a drive has ended a seek and the controller is
// free.
func (r *RK11) poll() {
	if r.state.RKCS&(RKCSRDY|RKCSIDE) != RKCSRDY|RKCSIDE {
		return
	}
	for i := range r.state.Drives {
		if r.state.Drives[i].Arrived {
			r.bus.Request(unibus.SlotRK11, rkLineSeek, rkLevel, rkVector)
			return
		}
	}
}

// Granted implements unibus.Granter. Of several seeks that have ended the
// interrupt tells of the drive with the lowest number; the others come next.
func (r *RK11) Granted(line int) {
	s := &r.state
	if line == rkLineControl {
		s.ID = uint16(s.selected())
		s.RKCS &^= RKCSSCP
		return
	}
	for i := range s.Drives {
		if s.Drives[i].Arrived {
			s.Drives[i].Arrived = false
			s.ID = uint16(i)
			s.RKCS |= RKCSSCP
			break
		}
	}
	r.poll()
}

// Event implements unibus.Device.
func (r *RK11) Event(code int) {
	if code == rkEventTransfer {
		if r.state.RKCS&RKCSRDY == 0 {
			r.finish(r.transfer())
		}
		return
	}
	unit := code - rkEventSeek
	if unit < 0 || unit >= Drives {
		return
	}
	d := &r.state.Drives[unit]
	d.Seeking = false
	if r.state.RKCS&RKCSIDE != 0 {
		d.Arrived = true
		r.poll()
	} else {
		r.state.RKCS |= RKCSSCP
	}
}

// transfer moves the data of the function under way and returns its errors.
func (r *RK11) transfer() uint16 {
	s := &r.state
	unit := s.selected()
	cylinder, surface, sector := s.address()
	if r.all[unit].disk == nil || cylinder >= rkCylinders || sector >= rkSectors {
		return RKERDRE // the pack was taken off meanwhile
	}
	t := transfer{
		unit:    unit,
		block:   (cylinder*rkSurfaces+surface)*rkSectors + sector,
		words:   wordCount(s.RKWC),
		addr:    uint32(s.RKCS&rkcsMEX)<<12 | uint32(s.RKBA),
		inhibit: s.RKCS&RKCSIBA != 0,
		stop:    s.RKCS&RKCSSSE != 0,
		header:  rkHeader,
	}
	bits := uint16(RKERCSE)
	switch s.Func {
	case rkWrite:
		t.op = opWrite
		bits = RKERDRE
		if s.Drives[unit].WriteLock || r.all[unit].disk.ReadOnly() {
			return RKERWLO
		}
	case rkWriteCheck:
		t.op = opCheck
	case rkReadCheck:
		t.op = opVerify
	case rkRead:
		if s.RKCS&RKCSFMT != 0 {
			t.op = opHeader
		}
	default:
		return RKERDRE
	}
	res := r.run(r.bus.Memory(), t, &s.Drives[unit].Stats)

	s.RKWC += uint16(res.words)
	if !t.inhibit {
		t.addr += 2 * uint32(res.words)
		s.RKBA = uint16(t.addr)
		s.RKCS = s.RKCS&^rkcsMEX | uint16(t.addr>>12)&rkcsMEX
	}
	next := t.block + res.sectors
	track := next / rkSectors // cylinder and surface as they are in RKDA
	s.RKDA = uint16(unit)<<13 | uint16(track)<<4 | uint16(next%rkSectors)
	// After the last sector the heads stay on the last cylinder.
	s.Drives[unit].Cylinder = uint16(min(track/rkSurfaces, rkCylinders-1))
	if res.sectors > 0 {
		s.RKDB = res.last
	}

	var e uint16
	if res.nxm {
		e |= RKERNXM
	}
	if res.overrun {
		e |= RKEROVR
	}
	if res.mismatch {
		e |= RKERWCE
	}
	if res.fault != nil {
		if f := uint16(*res.fault) & rkerAll; f != 0 {
			bits = f
		}
		e |= bits
	}
	return e
}

// rkHeader returns the header of a sector: its cylinder, where RKDA has it.
func rkHeader(block int) uint16 {
	return uint16(block / (rkSurfaces * rkSectors) << 5)
}

// reset is the control reset function, and INIT. Heads that move go on.
func (r *RK11) reset() {
	s := &r.state
	r.bus.Unschedule(unibus.SlotRK11, rkEventTransfer)
	r.cancel()
	s.RKER, s.RKCS, s.RKWC, s.RKBA, s.RKDA, s.RKDB, s.ID, s.Func = 0, RKCSRDY, 0, 0, 0, 0, 0, 0
}

// Reset implements unibus.Device. A transfer that is under way does not happen.
func (r *RK11) Reset() { r.reset() }
