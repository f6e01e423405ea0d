// Package rk holds the moving-head disks: the RK11-D controller with eight RK05
// drives (2.5 MB a pack) and the RP11-C with eight RP03 drives (41 MB). They
// know a pack only as an array of blocks.
//
// A controller moves the data of a transfer, to the host's disk too, at the
// moment of virtual time when the guest is told that it is complete: a power cut
// before that loses the whole transfer, and one after it nothing.
package rk

import (
	"errors"
	"fmt"

	"v7em/unibus"
)

// Drives is how many drives each controller has.
const Drives = 8

const (
	blockSize   = 512
	sectorWords = blockSize / 2
)

// Disk is a pack: an array of blocks of 512 bytes. Words in it are little-endian.
type Disk interface {
	// Blocks returns the number of blocks.
	Blocks() int
	// ReadBlock copies block n to the 512 bytes of p. An error that is, or wraps,
	// a Fault chooses the error bits that the guest sees.
	ReadBlock(n int, p []byte) error
	// WriteBlock sets block n to the 512 bytes of p; errors as for ReadBlock.
	WriteBlock(n int, p []byte) error
	// ReadOnly says that the pack must not be written: its drive is
	// write-protected. It may change while the pack is attached.
	ReadOnly() bool
}

// Fault is an error of a Disk with the bits of the controller's error register
// (RKER, RPER) that it sets. With it a disk can have any error that a real one
// has.
type Fault uint16

func (f Fault) Error() string { return fmt.Sprintf("drive fault %06o", uint16(f)) }

// Error is a host's error that a drive met.
type Error struct {
	Drive string // as the guest's user calls it: rk0 to rk7, rp0 to rp7
	Op    string // read or write
	Block int    // on the pack
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s of block %d: %v", e.Drive, e.Op, e.Block, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Stats counts what a drive has done since the machine was made.
type Stats struct {
	Reads  uint64 // blocks read or checked
	Writes uint64 // blocks written
	Last   int    // the block of the last access
}

// Timing is how long a drive takes, in nanoseconds of virtual time.
type Timing struct {
	Overhead   uint64 // for any function
	SeekBase   uint64 // to move the heads at all
	SeekPerCyl uint64 // for each cylinder that they move
	Sector     uint64 // to transfer a sector
	Rotation   uint64 // of the pack; 0: every sector is under the heads when wanted
}

// FastTiming is the default: a tenth of a millisecond, wherever the block is.
var FastTiming = Timing{Overhead: 100_000, Sector: 10_000}

// The true speeds. RK05: 1500 rpm, 10 ms to the next cylinder, 85 ms across all.
// RP03: 2400 rpm, 7.5 ms and 55 ms.
var (
	RealRK05Timing = Timing{Overhead: 10_000, SeekBase: 9_627_000, SeekPerCyl: 373_000,
		Sector: 40_000_000 / rkSectors, Rotation: 40_000_000}
	RealRP03Timing = Timing{Overhead: 10_000, SeekBase: 7_382_000, SeekPerCyl: 118_000,
		Sector: 25_000_000 / rpSectors, Rotation: 25_000_000}
)

// maxTime keeps sums of times far from overflow: a hundred seconds.
const maxTime = 100e9

func (t Timing) check() error {
	if max(t.Overhead, t.SeekBase, t.SeekPerCyl, t.Sector, t.Rotation) > maxTime {
		return fmt.Errorf("times of more than 100 s: %+v", t)
	}
	return nil
}

// seek returns how long the heads take from one cylinder to another.
func (t Timing) seek(from, to int) uint64 {
	if from == to {
		return 0
	}
	return t.SeekBase + t.SeekPerCyl*uint64(max(from-to, to-from))
}

// access returns how long a transfer of n sectors takes that begins at the given
// one, on a track of that many, when the heads are there at virtual time at.
func (t Timing) access(at uint64, sector, track, n int) uint64 {
	d := t.Sector * uint64(n)
	if t.Rotation != 0 {
		want := t.Rotation * uint64(sector) / uint64(track)
		d += (want + t.Rotation - at%t.Rotation) % t.Rotation
	}
	return d
}

// angle returns which of track sectors is under the heads at virtual time now.
func (t Timing) angle(now uint64, track int) uint16 {
	rotation := t.Rotation
	if rotation == 0 {
		rotation = 40_000_000
	}
	return uint16(now % rotation * uint64(track) / rotation)
}

// pack is what a drive holds on the host's side; no part of the machine's state.
type pack struct {
	disk Disk
	err  *Error // the last one
}

// packs are those of a controller, with what all controllers do to them. It is
// embedded in them: its exported methods are theirs.
type packs struct {
	name   string // of the drives, without the digit
	blocks int    // a pack's
	all    [Drives]pack

	// Room for a sector, which would otherwise escape to the heap.
	bytes [blockSize]byte
	words [sectorWords]uint16
}

// Attach mounts a pack on drive unit, 0 to 7. It must have as many blocks as the
// drives take, RK05Blocks or RP03Blocks.
func (p *packs) Attach(unit int, d Disk) error {
	if unit < 0 || unit >= Drives {
		return fmt.Errorf("%s%d: there are only drives 0 to %d", p.name, unit, Drives-1)
	}
	if p.all[unit].disk != nil {
		return fmt.Errorf("%s%d: it already holds a pack; detach that first", p.name, unit)
	}
	if n := d.Blocks(); n != p.blocks {
		return fmt.Errorf("%s%d: the pack has %d blocks of %d bytes, the drive takes packs of %d", p.name, unit, n,
			blockSize, p.blocks)
	}
	p.all[unit] = pack{disk: d}
	return nil
}

// Detach takes the pack off a drive and returns it, nil if there was none. A
// transfer that is under way to it fails.
func (p *packs) Detach(unit int) Disk {
	if unit < 0 || unit >= Drives {
		return nil
	}
	d := p.all[unit].disk
	p.all[unit] = pack{}
	return d
}

// Disk returns the pack on a drive, or nil.
func (p *packs) Disk(unit int) Disk {
	if unit < 0 || unit >= Drives {
		return nil
	}
	return p.all[unit].disk
}

// LastError returns the last error, an *Error, that the pack on a drive gave, or
// nil.
func (p *packs) LastError(unit int) error {
	if unit < 0 || unit >= Drives || p.all[unit].err == nil {
		return nil
	}
	return p.all[unit].err
}

// operation is what a transfer does with a sector.
type operation int

const (
	opRead   operation = iota // disk to memory
	opWrite                   // memory to disk; the rest of the last sector becomes zeros
	opCheck                   // compare memory with disk
	opVerify                  // read the disk, leave memory alone
	opHeader                  // one word for each sector: its header
)

// transfer is a transfer of the data of one or more sectors.
type transfer struct {
	op      operation
	unit    int
	block   int    // the first, of the pack
	words   int    // how many
	addr    uint32 // Unibus address, even, 18 bits
	inhibit bool   // the address stays where it is
	stop    bool   // stop after the first sector with a difference
	header  func(block int) uint16
}

// result is how far a transfer came, and why no further.
type result struct {
	words    int // done
	sectors  int // begun
	last     uint16
	nxm      bool   // memory ended
	overrun  bool   // the pack ended
	mismatch bool   // opCheck found a difference
	fault    *Fault // the bits that the disk's error asks for; 0 if it asks for none
}

// run does a transfer against the pack on a drive, which must have one.
func (p *packs) run(mem unibus.Memory, t transfer, stats *Stats) result {
	var r result
	k := &p.all[t.unit]
	for r.words < t.words {
		block := t.block + r.sectors
		if block >= p.blocks {
			r.overrun = true
			return r
		}
		n := min(t.words-r.words, sectorWords)
		if t.op == opHeader {
			n = 1
		}
		addr := t.addr
		if !t.inhibit {
			addr += 2 * uint32(r.words)
		}
		buf := p.words[:n]
		if t.op == opWrite {
			n = dma(mem.DMARead, addr, buf, t.inhibit)
			if n == 0 {
				r.nxm = true
				return r
			}
			pack16(p.bytes[:], buf[:n])
			if err := k.disk.WriteBlock(block, p.bytes[:]); err != nil {
				r.fault = p.failed(t.unit, "write", block, err)
				return r
			}
			stats.Writes++
		} else {
			if err := k.disk.ReadBlock(block, p.bytes[:]); err != nil {
				r.fault = p.failed(t.unit, "read", block, err)
				return r
			}
			stats.Reads++
			unpack16(buf, p.bytes[:])
			switch t.op {
			case opHeader:
				buf[0] = t.header(block)
				n = dma(mem.DMAWrite, addr, buf, t.inhibit)
			case opRead:
				n = dma(mem.DMAWrite, addr, buf, t.inhibit)
			case opCheck:
				var same bool
				n, same = compare(mem, addr, buf, t.inhibit)
				r.mismatch = r.mismatch || !same
			}
		}
		stats.Last = block
		r.words += n
		if n > 0 {
			r.sectors++
			r.last = buf[n-1]
		}
		if n < len(buf) {
			r.nxm = true
			return r
		}
		if r.mismatch && t.stop {
			return r
		}
	}
	return r
}

// failed keeps a disk's error for the host's user and returns the bits it asks for.
func (p *packs) failed(unit int, op string, block int, err error) *Fault {
	p.all[unit].err = &Error{Drive: fmt.Sprintf("%s%d", p.name, unit), Op: op, Block: block, Err: err}
	f := new(Fault)
	errors.As(err, f)
	return f
}

// dma moves buf with move; with inhibit, every word at the same address.
func dma(move func(uint32, []uint16) int, addr uint32, buf []uint16, inhibit bool) int {
	if !inhibit {
		return move(addr, buf)
	}
	for i := range buf {
		if move(addr, buf[i:i+1]) == 0 {
			return i
		}
	}
	return len(buf)
}

// compare compares want with memory, and says how much of it there is and
// whether that is the same.
func compare(mem unibus.Memory, addr uint32, want []uint16, inhibit bool) (n int, same bool) {
	var got [1]uint16
	same = true
	for i, w := range want {
		if mem.DMARead(addr, got[:]) == 0 {
			return i, same
		}
		same = same && got[0] == w
		if !inhibit {
			addr += 2
		}
	}
	return len(want), same
}

// pack16 sets p to the words of w and zeros behind them.
func pack16(p []byte, w []uint16) {
	for i, v := range w {
		p[2*i] = byte(v)
		p[2*i+1] = byte(v >> 8)
	}
	clear(p[2*len(w):])
}

// unpack16 sets w to the first words of p.
func unpack16(w []uint16, p []byte) {
	for i := range w {
		w[i] = uint16(p[2*i]) | uint16(p[2*i+1])<<8
	}
}

// wordCount turns a word count register, which holds the two's complement, into
// a number of words, 1 to 65536.
func wordCount(reg uint16) int { return 1<<16 - int(reg) }
