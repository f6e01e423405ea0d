// Package mmu is the memory of a PDP-11: physical words, the KT11-C (11/45)
// or KT11-CM (11/70) relocation unit, and the Unibus map of the 11/70.
//
// The relocation registers are the truth; a table of translations derived
// from them (the TLB) serves the common case, so that a processor can go from
// a virtual address to a word of Mem without a call. An entry is made by the
// first reference that the slow path allows and is dropped when a register
// that it came from is written.
package mmu

import "fmt"

// Processor modes, as in PSW bits 15-14 (PDP-11/70 Processor Handbook, 2.3).
// Mode 2 does not exist: every reference in it aborts as non-resident.
const (
	Kernel     = 0
	Supervisor = 1
	Illegal    = 2
	User       = 3
)

// IOPage is the 4K words at the top of the address space. addr is an even
// 18-bit Unibus address, 0760000-0777776. Write stores those bits of v that
// mask has: 0177777 for a word, 0377 or 0177400 for a byte. Both report
// false where nothing answers (bus timeout).
type IOPage interface {
	Read(addr uint32) (uint16, bool)
	Write(addr uint32, v, mask uint16) bool
}

// Addresses of the I/O page.
const (
	IOPage18 = 0760000   // its base on the Unibus, bytes
	IOPage22 = 017760000 // its base in 22-bit physical space, bytes
)

// MMR0 bits.
const (
	MMR0Enable      = 1 << 0
	MMR0Page        = 0176   // mode, space and page of the fault, bits 6-1
	MMR0Done        = 1 << 7 // 0 while a trap or interrupt is being taken
	MMR0Maint       = 1 << 8
	MMR0TrapEnable  = 1 << 9
	MMR0Trap        = 1 << 12
	MMR0ReadOnly    = 1 << 13
	MMR0Length      = 1 << 14
	MMR0NonResident = 1 << 15
	MMR0Frozen      = MMR0ReadOnly | MMR0Length | MMR0NonResident
	mmr0Writable    = 0171401
)

// MMR3 bits.
const (
	MMR3UserD   = 1 << 0
	MMR3SuperD  = 1 << 1
	MMR3KernelD = 1 << 2
	MMR3Map22   = 1 << 4 // 22-bit relocation, 11/70 only
	MMR3UBMap   = 1 << 5 // Unibus map, 11/70 only
)

// PDR bits.
const (
	pdrACF    = 07     // access control field
	pdrDown   = 1 << 3 // expansion direction: downward
	pdrWrite  = 1 << 6 // page written since the PDR or PAR was loaded
	pdrAccess = 1 << 7 // access that trapped or aborted
	pdrPLF    = 077400 // page length field, bits 14-8
)

// A Page is one cached translation: virtual addresses va with
// va-Start < Size (in uint32 arithmetic) lie in ordinary memory at physical
// byte address va+Base. A zero Page matches nothing.
type Page struct {
	Start, Size, Base uint32
	_                 uint32 // pads the entry to a power of two
}

// A Space is the eight pages of one address space of one mode.
type Space [8]Page

// State is everything about the unit that a program can see, without the
// memory itself. It is plain data.
type State struct {
	// PAR and PDR are indexed by mode<<1|d, d being 1 for D space.
	PAR, PDR [8][8]uint16
	// MMR0, MMR1, MMR2 and MMR3 are the status registers. MMR1 and MMR2
	// hold what the processor froze there; while MMR0 shows no abort they
	// follow the instruction under way.
	MMR0, MMR1, MMR2, MMR3 uint16
	// UBMap holds the 31 mapping registers of the 11/70 (22-bit even byte
	// addresses); the last entry is not used by transfers.
	UBMap [32]uint32
	// TrapPending asks for a memory management trap (vector 0250) at the
	// end of the instruction.
	TrapPending bool
}

// MMU is the memory system of one machine.
type MMU struct {
	State
	// Mem is physical memory, word n at byte address 2n. What writes it without
	// the methods here, after a copy was made, must call Touch.
	Mem []uint16
	// R and W cache translations for reading and for writing, indexed by
	// mode<<1|d.
	R, W [8]Space
	// IO answers references to the I/O page.
	IO IOPage

	size  uint32 // bytes of memory
	has70 bool

	// written says of each chunk of memory whether it may have changed since twin
	// was set: that a translation for writing leads there is enough. Two units that
	// have one twin had equal memories when they got it.
	written []bool
	twin    *twin
}

// A chunk is what CopyFrom copies at least.
const (
	chunkShift = 12 // 4096 bytes
	chunkWords = 1 << chunkShift / 2
)

// A twin stands for the moment at which one memory was copied to another.
type twin struct{ _ byte } // a size, so that each has an address of its own

// New makes a memory system with size bytes, a multiple of 8192: up to 248 KB
// on an 11/45, up to 4 MB less 256 KB on an 11/70 (has70). 256 KB is taken
// on an 11/45 and means 248 KB: the top 8 KB are the I/O page.
func New(size int, has70 bool) (*MMU, error) {
	limit := 0760000
	if has70 {
		limit = 017000000
	} else if size == 01000000 {
		size = limit
	}
	if size < 020000 || size > limit || size%020000 != 0 {
		return nil, fmt.Errorf("memory size %d: want a multiple of 8 KB from 8 KB to %d KB", size, limit/1024)
	}
	return &MMU{
		Mem: make([]uint16, size/2), size: uint32(size), has70: has70,
		written: make([]bool, size>>chunkShift),
	}, nil
}

// Size is the memory in bytes.
func (m *MMU) Size() int { return int(m.size) }

// SetState puts back a saved state.
func (m *MMU) SetState(s State) {
	m.State = s
	m.Flush()
}

// CopyFrom makes m, of the same size, equal to src in registers and memory.
// When the last copy that either of them took part in was between the two, only
// what has been written since is copied. Neither keeps translations for writing.
func (m *MMU) CopyFrom(src *MMU) {
	if m.twin == nil || m.twin != src.twin {
		copy(m.Mem, src.Mem)
	} else {
		m.copyWritten(src)
	}
	clear(m.written)
	clear(src.written)
	m.twin = new(twin)
	src.twin = m.twin
	src.W = [8]Space{}
	m.SetState(src.State)
}

// copyWritten copies the chunks that either unit has written.
func (m *MMU) copyWritten(src *MMU) {
	for n := 0; n < len(m.written); n++ {
		first := n
		for n < len(m.written) && (m.written[n] || src.written[n]) {
			n++
		}
		if n > first {
			copy(m.Mem[first*chunkWords:n*chunkWords], src.Mem[first*chunkWords:])
		}
	}
}

// Touch notes that size > 0 bytes of memory from physical byte address pa on may
// be written.
func (m *MMU) Touch(pa, size uint32) {
	for n := pa >> chunkShift; n <= (pa+size-1)>>chunkShift; n++ {
		m.written[n] = true
	}
}

// Reset is what the processor's power-up and RESET do: relocation off,
// D space off.
func (m *MMU) Reset() {
	m.MMR0, m.MMR3 = 0, 0
	m.TrapPending = false
	m.Flush()
}

// Flush forgets all cached translations.
func (m *MMU) Flush() {
	m.R = [8]Space{}
	m.W = [8]Space{}
}

// flushPage forgets the translations of one page of both spaces of a mode: a
// mode without D space uses the I space registers for data.
func (m *MMU) flushPage(space, page int) {
	i, d := space&^1, space|1
	m.R[i][page], m.R[d][page] = Page{}, Page{}
	m.W[i][page], m.W[d][page] = Page{}, Page{}
}

// Frozen reports whether an abort has frozen MMR0, MMR1 and MMR2.
func (m *MMU) Frozen() bool { return m.MMR0&MMR0Frozen != 0 }

// dEnable gives the MMR3 bit that turns on D space, by mode.
var dEnable = [4]uint16{Kernel: MMR3KernelD, Supervisor: MMR3SuperD, User: MMR3UserD}

// Translate relocates va in a space (mode<<1|d) and reports false when the
// reference aborts; MMR0 then says why. It sets the access and written bits
// and asks for a trap where the page's access control says so. The address
// is a 22-bit physical one; nothing need answer there.
func (m *MMU) Translate(space int, va uint16, write bool) (pa uint32, ok bool) {
	page := int(va >> 13)
	// Maintenance mode, in which only destinations are relocated, is for
	// diagnostics: it is left to this path, and what is written counts as one.
	maint := m.MMR0&(MMR0Enable|MMR0Maint) == MMR0Maint
	if m.MMR0&MMR0Enable == 0 && !(maint && write) {
		pa = uint32(va)
		if pa >= 0160000 {
			return pa | 017600000, true
		}
		if !maint {
			m.fill(space, page, uint32(page)<<13, uint32(page)<<13, 020000, true, true)
		}
		return pa, true
	}
	phys := space
	if m.MMR3&dEnable[space>>1] == 0 {
		phys = space &^ 1
	}
	pdr := m.PDR[phys][page]
	var fault uint16
	trap, readable, writable := false, false, false
	switch pdr & pdrACF {
	case 2:
		readable = true
	case 6:
		readable, writable = true, true
	case 1:
		readable, trap = true, !write
	case 4:
		readable, writable, trap = true, true, true
	case 5:
		readable, writable, trap = true, true, write
	}
	if !readable {
		fault = MMR0NonResident
	} else if write && !writable {
		fault = MMR0ReadOnly
	}
	block := va >> 6 & 0177
	plf := pdr & pdrPLF >> 8
	down := pdr&pdrDown != 0
	if down && block < plf || !down && block > plf {
		fault |= MMR0Length
	}
	where := uint16(phys)<<4 | uint16(page)<<1
	if trap {
		m.PDR[phys][page] |= pdrAccess
		if m.MMR0&MMR0TrapEnable != 0 {
			if !m.Frozen() {
				m.MMR0 = m.MMR0&^MMR0Page | where
			}
			m.MMR0 |= MMR0Trap
			m.TrapPending = true
		}
	}
	if fault != 0 {
		if !m.Frozen() {
			m.MMR0 = m.MMR0&^MMR0Page | where
		}
		m.PDR[phys][page] |= pdrAccess
		m.MMR0 |= fault
		return 0, false
	}
	if write {
		m.PDR[phys][page] |= pdrWrite
	}
	base := uint32(m.PAR[phys][page]) << 6
	lo, size := uint32(0), (uint32(plf)+1)<<6
	if down {
		lo, size = uint32(plf)<<6, 020000-uint32(plf)<<6
	}
	mask := uint32(017777777)
	if m.MMR3&MMR3Map22 == 0 {
		mask = 0777777
	}
	pa = (base + uint32(va&017777)) & mask
	if mask == 0777777 && pa >= IOPage18 {
		return pa | 017000000, true
	}
	// So is a page that wraps round the address space.
	if first := (base + lo) & mask; first+size <= mask && !maint {
		acf := pdr & pdrACF
		m.fill(space, page, uint32(page)<<13+lo, first, size,
			acf == 2 || acf == 6 || acf == 5, write && acf == 6)
	}
	return pa, true
}

// fill caches a translation of size bytes from virtual byte address va to
// physical byte address pa, if all of it is ordinary memory.
func (m *MMU) fill(space, page int, va, pa, size uint32, read, write bool) {
	if pa+size > m.size {
		return
	}
	p := Page{Start: va, Size: size, Base: pa - va}
	if read {
		m.R[space][page] = p
	}
	if write {
		m.W[space][page] = p
		m.Touch(pa, size)
	}
}

// ReadPhys reads the word at an even physical byte address; false when
// nothing answers.
func (m *MMU) ReadPhys(pa uint32) (uint16, bool) {
	if pa < m.size {
		return m.Mem[pa>>1], true
	}
	if pa >= IOPage22 {
		return m.IO.Read(pa & 0777776)
	}
	return 0, false
}

// WritePhys writes those bits of v that mask has to the word at an even
// physical byte address; false when nothing answers.
func (m *MMU) WritePhys(pa uint32, v, mask uint16) bool {
	if pa < m.size {
		m.written[pa>>chunkShift] = true
		p := &m.Mem[pa>>1]
		*p = *p&^mask | v&mask
		return true
	}
	if pa >= IOPage22 {
		return m.IO.Write(pa&0777776, v, mask)
	}
	return false
}

// IsIO reports whether a physical address lies in the I/O page.
func IsIO(pa uint32) bool { return pa >= IOPage22 }
