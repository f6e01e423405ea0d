package rk

import (
	"fmt"

	"v7em/unibus"
)

// An RP03 pack: 406 cylinders of 20 tracks of 10 sectors.
const (
	rpCylinders = 406
	rpTracks    = 20
	rpSectors   = 10

	// RP03Blocks is the number of blocks of an RP03 pack.
	RP03Blocks = rpCylinders * rpTracks * rpSectors
)

const (
	rpAddr   = 0o776710
	rpVector = 0o254
	rpLevel  = 5
)

// Offsets of the registers.
const (
	offRPDS = 2 * iota
	offRPER
	offRPCS
	offRPWC
	offRPBA
	offRPCA
	offRPDA
	offRPM1
	offRPM2
	offRPM3
	offSUCA
	offSILO
)

// Bits of RPDS, the status of the selected drive. Bits 7-0 are the drives'
// attentions; writing a one clears one.
const (
	RPDSWP   = 1 << 8  // write-protected
	RPDSFU   = 1 << 9  // file unsafe
	RPDSSU   = 1 << 10 // seek underway
	RPDSSI   = 1 << 11 // seek incomplete
	RPDSHNF  = 1 << 12 // header not found
	RPDSRP03 = 1 << 13 // the drive is an RP03
	RPDSOL   = 1 << 14 // on line
	RPDSRDY  = 1 << 15 // ready
)

// Bits of RPER, the errors.
const (
	RPERDSK  = 1 << 0  // drive error: RPDS has which
	RPEREOP  = 1 << 1  // end of pack
	RPERNXM  = 1 << 2  // no such memory
	RPERWCE  = 1 << 3  // write check
	RPERTIME = 1 << 4  // timing
	RPERCSM  = 1 << 5  // checksum
	RPERWPE  = 1 << 6  // word parity
	RPERLPE  = 1 << 7  // longitudinal parity
	RPERMODE = 1 << 8  // mode
	RPERFMT  = 1 << 9  // format
	RPERPGE  = 1 << 10 // programming
	RPERNXS  = 1 << 11 // no such sector
	RPERNXT  = 1 << 12 // no such track
	RPERNXC  = 1 << 13 // no such cylinder
	RPERFUV  = 1 << 14 // file unsafe violation
	RPERWPV  = 1 << 15 // write protect violation

	rperHard = RPERWPV | RPERFUV | RPERNXC | RPERNXT | RPERNXS | RPERPGE | RPERMODE | RPERNXM | RPERDSK
)

// Bits of RPCS, control and status. Bits 3-1 are the function, 10-8 the drive.
const (
	RPCSGO   = 1 << 0
	rpcsFunc = 7 << 1
	rpcsMEX  = 3 << 4 // bits 17-16 of the bus address
	RPCSIDE  = 1 << 6
	RPCSRDY  = 1 << 7
	rpcsUnit = 7 << 8
	RPCSHDR  = 1 << 11 // header
	RPCSMODE = 1 << 12 // 18-bit words, as of the PDP-10 and -15
	RPCSAIE  = 1 << 13 // attention interrupt enable
	RPCSHE   = 1 << 14 // hard error
	RPCSERR  = 1 << 15 // any error

	rpcsWritable = RPCSAIE | RPCSMODE | RPCSHDR | rpcsUnit | RPCSIDE | rpcsMEX | rpcsFunc
)

// What there is of RPDA and RPCA.
const (
	rpdaSector   = 0o17
	rpdaCount    = 0o17 << 4 // read only: the sector under the heads
	rpdaTrack    = 0o37 << 8
	rpdaWritable = rpdaSector | rpdaTrack
	rpcaWritable = 0o777
)

// Functions.
const (
	rpReset = iota
	rpWrite
	rpRead
	rpWriteCheck
	rpSeek
	rpWriteNoSeek
	rpHomeSeek
	rpReadNoSeek
)

// Interrupt lines and events of the slot. Seeks have one event a drive.
const (
	rpLineControl   = 0
	rpLineAttention = 1

	rpEventTransfer = 0
	rpEventSeek     = 1 // + drive
)

// RP11 is an RP11-C controller with eight RP03 drives: registers at 0776710 to
// 0776736, interrupts at BR5 through vector 0254. Header operations and the
// 18-bit mode, which only formatters and the PDP-10 use, give errors.
type RP11 struct {
	packs
	bus   *unibus.Bus
	state RP11State
}

// RP11State is all that the controller and its drives know, but for the packs.
type RP11State struct {
	RPER      uint16
	RPCS      uint16 // without GO, HE and ERR, which follow from the rest
	RPWC      uint16
	RPBA      uint16
	RPCA      uint16
	RPDA      uint16
	Attention uint16 // RPDS bits 7-0
	NoHeader  bool   // RPDS bit 12, of the last function
	Func      uint16 // function under way while RPCS has no RDY

	Drives [Drives]RP03State
	Timing Timing
}

// RP03State is all that a drive knows.
type RP03State struct {
	Cylinder  uint16 // where the heads are, or are moving to
	Seeking   bool   // they are moving
	WriteLock bool   // the write protect switch
	Stats     Stats
}

// NewRP11 puts a controller on the bus, with eight empty drives.
func NewRP11(b *unibus.Bus) *RP11 {
	r := &RP11{bus: b, packs: packs{name: "rp", blocks: RP03Blocks}}
	r.state.RPCS = RPCSRDY
	r.state.Timing = FastTiming
	b.Add(unibus.SlotRP11, r, rpAddr, rpAddr+offSILO)
	return r
}

// Drive returns a copy of the state of drive unit, 0 to 7.
func (r *RP11) Drive(unit int) RP03State { return r.state.Drives[unit] }

// SetTiming sets how long the drives take.
func (r *RP11) SetTiming(t Timing) { r.state.Timing = t }

// SetWriteLock is the drive's write protect switch.
func (r *RP11) SetWriteLock(unit int, on bool) { r.state.Drives[unit].WriteLock = on }

// State returns a copy of the state.
func (r *RP11) State() RP11State { return r.state }

// SetState sets the state; requests and events are the bus's, and packs stay as
// they are. A state that no controller can have is refused.
func (r *RP11) SetState(s RP11State) error {
	if s.RPCS&^(rpcsWritable|RPCSRDY) != 0 || s.RPBA&1 != 0 || s.RPCA&^rpcaWritable != 0 ||
		s.RPDA&^rpdaWritable != 0 || s.Attention > 0o377 || s.Func > 7 {
		return fmt.Errorf("RP11 state: registers are impossible: %+v", s)
	}
	if err := s.Timing.check(); err != nil {
		return fmt.Errorf("RP11 state: %w", err)
	}
	for i, d := range s.Drives {
		if d.Cylinder >= rpCylinders || d.Stats.Last < 0 || d.Stats.Last >= RP03Blocks {
			return fmt.Errorf("RP11 state: drive %d is impossible: %+v", i, d)
		}
	}
	r.state = s
	return nil
}

// selected returns the number of the drive in RPCS.
func (s *RP11State) selected() int { return int(s.RPCS & rpcsUnit >> 8) }

// address splits RPCA and RPDA.
func (s *RP11State) address() (cylinder, track, sector int) {
	return int(s.RPCA), int(s.RPDA & rpdaTrack >> 8), int(s.RPDA & rpdaSector)
}

// rpds returns the status of the selected drive.
func (r *RP11) rpds() uint16 {
	unit := r.state.selected()
	d := &r.state.Drives[unit]
	v := r.state.Attention | RPDSRP03
	if r.state.NoHeader {
		v |= RPDSHNF
	}
	disk := r.all[unit].disk
	if disk == nil {
		return v
	}
	v |= RPDSOL
	if d.WriteLock || disk.ReadOnly() {
		v |= RPDSWP
	}
	switch {
	case d.Seeking:
		v |= RPDSSU
	case r.state.RPCS&RPCSRDY != 0:
		v |= RPDSRDY
	}
	return v
}

// rpcs returns control and status as the guest sees it.
func (r *RP11) rpcs() uint16 {
	v := r.state.RPCS
	if r.state.RPER != 0 {
		v |= RPCSERR
	}
	if r.state.RPER&rperHard != 0 {
		v |= RPCSHE
	}
	return v
}

// Read implements unibus.Device.
func (r *RP11) Read(addr uint32) (uint16, bool) {
	s := &r.state
	switch addr - rpAddr {
	case offRPDS:
		return r.rpds(), true
	case offRPER:
		return s.RPER, true
	case offRPCS:
		return r.rpcs(), true
	case offRPWC:
		return s.RPWC, true
	case offRPBA:
		return s.RPBA, true
	case offRPCA:
		return s.RPCA, true
	case offRPDA:
		return s.RPDA | s.Timing.angle(r.bus.Now(), rpSectors)<<4&rpdaCount, true
	case offSUCA:
		return s.Drives[s.selected()].Cylinder, true
	}
	return 0, true // the maintenance registers and the silo
}

// Write implements unibus.Device.
func (r *RP11) Write(addr uint32, v, mask uint16) bool {
	s := &r.state
	set := func(reg *uint16, writable uint16) { *reg = *reg&^mask | v&mask&writable }
	ready := s.RPCS&RPCSRDY != 0
	switch addr - rpAddr {
	case offRPDS:
		s.Attention &^= v & mask & 0o377
		if s.Attention == 0 {
			r.bus.Cancel(unibus.SlotRP11, rpLineAttention)
		}
	case offRPCS:
		r.writeRPCS(s.RPCS&^mask | v&mask)
	case offRPWC:
		set(&s.RPWC, 0o177777)
	case offRPBA:
		set(&s.RPBA, 0o177776)
	case offRPCA:
		if ready {
			set(&s.RPCA, rpcaWritable)
		}
	case offRPDA:
		if ready {
			set(&s.RPDA, rpdaWritable)
		}
	}
	return true
}

func (r *RP11) writeRPCS(v uint16) {
	s := &r.state
	old := s.RPCS
	writable := uint16(rpcsWritable)
	if old&RPCSRDY == 0 {
		// The function under way goes on undisturbed, but to start another or to
		// select another drive is an error.
		if v&RPCSGO != 0 || (v^old)&rpcsUnit != 0 {
			s.RPER |= RPERPGE
		}
		writable = RPCSAIE | RPCSIDE
	}
	s.RPCS = old&^writable | v&writable
	enabled := s.RPCS &^ old
	if v&RPCSIDE == 0 {
		r.bus.Cancel(unibus.SlotRP11, rpLineControl)
	} else if enabled&RPCSIDE != 0 && old&RPCSRDY != 0 {
		r.bus.Request(unibus.SlotRP11, rpLineControl, rpLevel, rpVector)
	}
	if v&RPCSAIE == 0 {
		r.bus.Cancel(unibus.SlotRP11, rpLineAttention)
	} else if enabled&RPCSAIE != 0 && s.Attention != 0 {
		r.bus.Request(unibus.SlotRP11, rpLineAttention, rpLevel, rpVector)
	}
	if v&RPCSGO != 0 && old&RPCSRDY != 0 {
		r.start()
	}
}

// start begins the function in RPCS.
func (r *RP11) start() {
	s := &r.state
	s.Func = s.RPCS & rpcsFunc >> 1
	if s.Func == rpReset {
		r.reset()
		return
	}
	s.RPER, s.NoHeader = 0, false
	s.RPCS &^= RPCSRDY
	r.bus.Cancel(unibus.SlotRP11, rpLineControl)

	unit := s.selected()
	d := &s.Drives[unit]
	if e := r.refuse(unit, d); e != 0 {
		r.finish(e)
		return
	}

	cylinder, _, sector := s.address()
	switch s.Func {
	case rpHomeSeek:
		cylinder = 0
	case rpReadNoSeek, rpWriteNoSeek:
		if cylinder != int(d.Cylinder) {
			// The controller looks for the sector's header where the heads are.
			s.NoHeader = true
			r.finish(RPERDSK)
			return
		}
	}
	at := r.bus.Now() + s.Timing.Overhead + s.Timing.seek(int(d.Cylinder), cylinder)
	d.Cylinder = uint16(cylinder)
	if s.Func == rpSeek || s.Func == rpHomeSeek {
		d.Seeking = true
		r.bus.ScheduleAt(unibus.SlotRP11, rpEventSeek+unit, at)
		r.finish(0)
		return
	}
	sectors := (wordCount(s.RPWC) + sectorWords - 1) / sectorWords
	at += s.Timing.access(at, sector, rpSectors, sectors)
	r.bus.ScheduleAt(unibus.SlotRP11, rpEventTransfer, at)
}

// writes says whether the function writes to the pack.
func (s *RP11State) writes() bool { return s.Func == rpWrite || s.Func == rpWriteNoSeek }

// refuse returns the errors for which the function is not even begun.
func (r *RP11) refuse(unit int, d *RP03State) (e uint16) {
	s := &r.state
	disk := r.all[unit].disk
	if disk == nil || d.Seeking {
		return RPERPGE
	}
	seeks := s.Func == rpSeek || s.Func == rpHomeSeek
	switch {
	case s.RPCS&(RPCSHDR|RPCSMODE) == RPCSHDR|RPCSMODE && !seeks:
		e |= RPERFMT
	case s.RPCS&(RPCSHDR|RPCSMODE) != 0 && !seeks:
		e |= RPERMODE
	}
	if s.writes() && (d.WriteLock || disk.ReadOnly()) {
		e |= RPERWPV
	}
	if s.Func == rpHomeSeek {
		return e
	}
	cylinder, track, sector := s.address()
	if sector >= rpSectors {
		e |= RPERNXS
	}
	if track >= rpTracks {
		e |= RPERNXT
	}
	if cylinder >= rpCylinders {
		e |= RPERNXC
	}
	return e
}

// finish ends a function: RDY, and an interrupt if wanted.
func (r *RP11) finish(e uint16) {
	r.state.RPER |= e
	r.state.RPCS |= RPCSRDY
	if r.state.RPCS&RPCSIDE != 0 {
		r.bus.Request(unibus.SlotRP11, rpLineControl, rpLevel, rpVector)
	}
}

// Event implements unibus.Device.
func (r *RP11) Event(code int) {
	s := &r.state
	if code == rpEventTransfer {
		if s.RPCS&RPCSRDY == 0 {
			r.finish(r.transfer())
		}
		return
	}
	unit := code - rpEventSeek
	if unit < 0 || unit >= Drives {
		return
	}
	s.Drives[unit].Seeking = false
	s.Attention |= 1 << unit
	if s.RPCS&RPCSAIE != 0 {
		r.bus.Request(unibus.SlotRP11, rpLineAttention, rpLevel, rpVector)
	}
}

// transfer moves the data of the function under way and returns its errors.
func (r *RP11) transfer() uint16 {
	s := &r.state
	unit := s.selected()
	d := &s.Drives[unit]
	cylinder, track, sector := s.address()
	disk := r.all[unit].disk
	if disk == nil || cylinder >= rpCylinders || track >= rpTracks || sector >= rpSectors {
		return RPERDSK // the pack was taken off meanwhile
	}
	t := transfer{
		unit:  unit,
		block: (cylinder*rpTracks+track)*rpSectors + sector,
		words: wordCount(s.RPWC),
		addr:  uint32(s.RPCS&rpcsMEX)<<12 | uint32(s.RPBA),
	}
	bits := uint16(RPERCSM)
	switch s.Func {
	case rpWrite, rpWriteNoSeek:
		t.op = opWrite
		bits = RPERDSK
		if d.WriteLock || disk.ReadOnly() {
			return RPERWPV
		}
	case rpWriteCheck:
		t.op = opCheck
	case rpRead, rpReadNoSeek:
	default:
		return RPERDSK
	}
	res := r.run(r.bus.Memory(), t, &d.Stats)

	s.RPWC += uint16(res.words)
	t.addr += 2 * uint32(res.words)
	s.RPBA = uint16(t.addr)
	s.RPCS = s.RPCS&^rpcsMEX | uint16(t.addr>>12)&rpcsMEX
	next := t.block + res.sectors
	s.RPCA = uint16(next / (rpTracks * rpSectors))
	s.RPDA = uint16(next/rpSectors%rpTracks)<<8 | uint16(next%rpSectors)
	d.Cylinder = min(s.RPCA, rpCylinders-1) // the heads stay on the last cylinder

	var e uint16
	if res.nxm {
		e |= RPERNXM
	}
	if res.overrun {
		e |= RPEREOP
	}
	if res.mismatch {
		e |= RPERWCE
	}
	if res.fault != nil {
		if f := uint16(*res.fault); f != 0 {
			bits = f
		}
		e |= bits
	}
	return e
}

// reset is the reset function, and INIT. Heads that move go on.
func (r *RP11) reset() {
	s := &r.state
	r.bus.Unschedule(unibus.SlotRP11, rpEventTransfer)
	r.bus.Cancel(unibus.SlotRP11, rpLineControl)
	r.bus.Cancel(unibus.SlotRP11, rpLineAttention)
	s.RPER, s.RPCS, s.RPWC, s.RPBA, s.RPCA, s.RPDA = 0, RPCSRDY, 0, 0, 0, 0
	s.Attention, s.NoHeader, s.Func = 0, false, 0
}

// Reset implements unibus.Device. A transfer that is under way does not happen.
func (r *RP11) Reset() { r.reset() }
