package mmu

// Unibus addresses of the unit's registers (PDP-11/70 Processor Handbook,
// appendix D).
const (
	RegUBMap   = 0770200 // -0770376, 11/70: pairs of low 16 and high 6 bits
	RegSuper   = 0772200 // -0772276: PDR I, PDR D, PAR I, PAR D
	RegKernel  = 0772300 // -0772376
	RegMMR3    = 0772516
	RegMMR0    = 0777572
	RegMMR1    = 0777574
	RegMMR2    = 0777576
	RegUser    = 0777600 // -0777676
	ubmapLimit = 0770400
)

// Event does nothing: the unit schedules none.
func (m *MMU) Event(int) {}

// apr finds the PDR or PAR at a Unibus address.
func (m *MMU) apr(addr uint32) (space, page int, par, ok bool) {
	mode := 0
	switch addr &^ 077 {
	case RegKernel:
		mode = Kernel
	case RegSuper:
		mode = Supervisor
	case RegUser:
		mode = User
	default:
		return 0, 0, false, false
	}
	return mode<<1 | int(addr>>4&1), int(addr >> 1 & 7), addr&040 != 0, true
}

// Read returns the register at a Unibus address. MMR1 and MMR2 are what the
// processor last left there.
func (m *MMU) Read(addr uint32) (uint16, bool) {
	if space, page, par, ok := m.apr(addr); ok {
		if par {
			return m.PAR[space][page], true
		}
		return m.PDR[space][page], true
	}
	switch {
	case addr == RegMMR0:
		return m.MMR0, true
	case addr == RegMMR1:
		return m.MMR1, true
	case addr == RegMMR2:
		return m.MMR2, true
	case addr == RegMMR3:
		return m.MMR3, true
	case m.has70 && addr >= RegUBMap && addr < ubmapLimit:
		r := m.UBMap[addr>>2&037]
		if addr&2 != 0 {
			return uint16(r >> 16), true
		}
		return uint16(r), true
	}
	return 0, false
}

// Write stores into the register at a Unibus address. Loading a PAR or PDR
// clears the page's access and written bits.
func (m *MMU) Write(addr uint32, v, mask uint16) bool {
	if space, page, par, ok := m.apr(addr); ok {
		if par {
			m.PAR[space][page] = (m.PAR[space][page]&^mask | v&mask) & m.parMask()
		} else {
			m.PDR[space][page] = (m.PDR[space][page]&^mask | v&mask) & (pdrPLF | pdrDown | pdrACF)
		}
		m.PDR[space][page] &^= pdrWrite | pdrAccess
		m.flushPage(space, page)
		return true
	}
	switch {
	case addr == RegMMR0:
		mask &= mmr0Writable
		m.MMR0 = m.MMR0&^mask | v&mask
		m.Flush()
	case addr == RegMMR1, addr == RegMMR2: // read only
	case addr == RegMMR3:
		if m.has70 {
			mask &= 067
		} else {
			mask &= 07
		}
		m.MMR3 = m.MMR3&^mask | v&mask
		m.Flush()
	case m.has70 && addr >= RegUBMap && addr < ubmapLimit:
		r := &m.UBMap[addr>>2&037]
		if addr&2 != 0 {
			hi := (uint16(*r>>16)&^mask | v&mask) & 077
			*r = *r&0177777 | uint32(hi)<<16
		} else {
			lo := (uint16(*r)&^mask | v&mask) &^ 1
			*r = *r&^0177777 | uint32(lo)
		}
	default:
		return false
	}
	return true
}

func (m *MMU) parMask() uint16 {
	if m.has70 {
		return 0177777
	}
	return 07777
}

// unibus turns a Unibus address into a physical one.
func (m *MMU) unibus(addr uint32) uint32 {
	if m.MMR3&MMR3UBMap == 0 {
		return addr
	}
	return (m.UBMap[addr>>13&037] + addr&017777) & 017777777
}

// DMARead copies memory at a Unibus address (18 bits, even) into p, through
// the Unibus map where it is on. It returns the words done: fewer than
// len(p) when the transfer ran into non-existent memory or the I/O page.
func (m *MMU) DMARead(addr uint32, p []uint16) int {
	for i := range p {
		a := addr + uint32(i)*2
		pa := m.unibus(a)
		if a >= IOPage18 || pa >= m.size {
			return i
		}
		p[i] = m.Mem[pa>>1]
	}
	return len(p)
}

// DMAWrite copies p into memory; see DMARead.
func (m *MMU) DMAWrite(addr uint32, p []uint16) int {
	for i := range p {
		a := addr + uint32(i)*2
		pa := m.unibus(a)
		if a >= IOPage18 || pa >= m.size {
			return i
		}
		m.written[pa>>chunkShift] = true
		m.Mem[pa>>1] = p[i]
	}
	return len(p)
}
