package mmu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// plain is the relocation unit as the handbook tells it (PDP-11/70 Processor
// Handbook, "Memory Management"; PDP-11/45 Processor Handbook likewise), with
// nothing cached.
type plain struct {
	par, pdr   [8][8]uint16
	mmr0, mmr3 uint16
}

// reference does one reference, with all that changes.
func (p *plain) reference(space int, va uint16, write bool) (pa uint32, aborted, trapped bool) {
	if p.mmr0&1 == 0 {
		if va >= 0160000 {
			return 017600000 | uint32(va), false, false
		}
		return uint32(va), false, false
	}
	dBit := []uint16{4, 2, 0, 1}[space/2]
	if p.mmr3&dBit == 0 {
		space &^= 1
	}
	page := va / 020000
	pdr := &p.pdr[space][page]
	block, length := va/64%128, *pdr/256%128
	var abort uint16
	var trap bool
	switch *pdr % 8 {
	case 0, 3, 7:
		abort = 0100000
	case 1:
		trap = !write
		if write {
			abort = 020000
		}
	case 2:
		if write {
			abort = 020000
		}
	case 4:
		trap = true
	case 5:
		trap = write
	}
	if *pdr&010 == 0 && block > length || *pdr&010 != 0 && block < length {
		abort |= 040000
	}
	note := func(bits uint16) {
		if p.mmr0&0160000 == 0 {
			p.mmr0 = p.mmr0&^0176 | uint16(space)<<4 | page<<1
		}
		p.mmr0 |= bits
	}
	if trap {
		*pdr |= 0200
		if p.mmr0&01000 != 0 {
			note(010000)
			trapped = true
		}
	}
	if abort != 0 {
		*pdr |= 0200
		note(abort)
		return 0, true, trapped
	}
	if write {
		*pdr |= 0100
	}
	pa = uint32(p.par[space][page])*64 + uint32(va%020000)
	if p.mmr3&020 != 0 {
		return pa % (1 << 22), false, trapped
	}
	pa %= 1 << 18
	if pa >= 0760000 {
		pa |= 017000000
	}
	return pa, false, trapped
}

// TestAgainstPlain makes random references, as a processor does: through the
// cached translations where one matches, else through Translate. Between them
// registers are written. A reference that a cached translation serves must be one
// that changes nothing.
func TestAgainstPlain(t *testing.T) {
	for _, has70 := range []bool{true, false} {
		t.Run(fmt.Sprintf("11/70 %v", has70), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(11, 70))
			m, err := New(128<<10, has70)
			if err != nil {
				t.Fatal(err)
			}
			p := &plain{}
			parMask, mmr3Mask := uint16(0177777), uint16(067)
			if !has70 {
				parMask, mmr3Mask = 07777, 07
			}
			write := func(addr uint32, v, mask uint16) {
				if !m.Write(addr, v, mask) {
					t.Fatalf("nothing at %06o", addr)
				}
			}
			hits := 0
			for step := range 300_000 {
				switch n := rnd.IntN(100); {
				case n < 4:
					addr := []uint32{RegKernel, RegSuper, RegUser}[rnd.IntN(3)]
					i := rnd.IntN(32)
					space := map[uint32]int{RegKernel: 0, RegSuper: 2, RegUser: 6}[addr] + i/8%2
					v, mask := uint16(rnd.Uint32()), []uint16{0177777, 0177777, 0377, 0177400}[rnd.IntN(4)]
					reg := &p.pdr[space][i%8]
					if i >= 16 {
						reg = &p.par[space][i%8]
						v &= []uint16{0177777, 03777, 07777}[rnd.IntN(3)]
					} else if rnd.IntN(3) > 0 {
						v = v&^7 | 6
					}
					write(addr+uint32(2*i), v, mask)
					*reg = *reg&^mask | v&mask
					if i >= 16 {
						*reg &= parMask
					}
					p.pdr[space][i%8] &= 077417
				case n == 4:
					v := uint16(rnd.Uint32())&01001 | uint16(rnd.IntN(8)/7)<<(13+rnd.IntN(3))
					write(RegMMR0, v, 0177777)
					p.mmr0 = p.mmr0&^0171401 | v
				case n == 5:
					v := uint16(rnd.Uint32())
					write(RegMMR3, v, 0177777)
					p.mmr3 = v & mmr3Mask
				default:
					space, va, isWrite := rnd.IntN(8), uint16(rnd.Uint32()), rnd.IntN(2) == 0
					cache := &m.R
					if isWrite {
						cache = &m.W
					}
					before := *p
					want, aborted, trapped := p.reference(space, va, isWrite)
					if e := cache[space][va>>13]; uint32(va)-e.Start < e.Size {
						hits++
						if pa := uint32(va) + e.Base; pa != want || aborted || trapped || *p != before {
							t.Fatalf("step %d: space %d, address %06o, write %v: cached as %08o, want %08o (abort %v, trap %v)",
								step, space, va, isWrite, pa, want, aborted, trapped)
						}
						if int(want) >= len(m.Mem)*2 {
							t.Fatalf("step %d: %08o is cached, and is no memory", step, want)
						}
						continue
					}
					pa, ok := m.Translate(space, va, isWrite)
					if ok == aborted || pa != want || m.TrapPending != trapped {
						t.Fatalf("step %d: space %d, address %06o, write %v: %08o %v, trap %v; want %08o, abort %v, trap %v",
							step, space, va, isWrite, pa, ok, m.TrapPending, want, aborted, trapped)
					}
					m.TrapPending = false
				}
				if m.PAR != p.par || m.PDR != p.pdr || m.MMR0 != p.mmr0 || m.MMR3 != p.mmr3 {
					t.Fatalf("step %d: registers differ: MMR0 %06o, want %06o\n%06o\n%06o", step, m.MMR0, p.mmr0, m.PDR, p.pdr)
				}
			}
			if hits < 10_000 {
				t.Errorf("only %d references were cached", hits)
			}
		})
	}
}

// TestMaintenance: with relocation off and maintenance mode on, what is written
// is relocated, and nothing else.
func TestMaintenance(t *testing.T) {
	m, err := New(64<<10, true)
	if err != nil {
		t.Fatal(err)
	}
	m.PAR[0][1], m.PDR[0][1] = 0400, 077406
	m.Write(RegMMR0, MMR0Maint, 0177777)
	for range 2 {
		for _, tt := range []struct {
			write bool
			want  uint32
		}{{false, 020010}, {true, 040010}} {
			if pa, ok := m.Translate(0, 020010, tt.write); !ok || pa != tt.want {
				t.Errorf("write %v: %06o %v, want %06o", tt.write, pa, ok, tt.want)
			}
		}
		if m.R != [8]Space{} || m.W != [8]Space{} {
			t.Error("a translation is cached")
		}
	}
}

// TestMemorySizes: the sizes there are, and what lies behind memory.
func TestMemorySizes(t *testing.T) {
	for _, tt := range []struct {
		size  int
		has70 bool
		got   int // 0: refused
	}{
		{8 << 10, false, 8 << 10}, {248 << 10, false, 248 << 10}, {256 << 10, false, 248 << 10}, {257 << 10, false, 0}, {264 << 10, false, 0},
		{256 << 10, true, 256 << 10}, {2 << 20, true, 2 << 20}, {3840 << 10, true, 3840 << 10}, {4 << 20, true, 0},
		{0, true, 0}, {-8 << 10, true, 0}, {12 << 10, true, 0},
	} {
		m, err := New(tt.size, tt.has70)
		if tt.got == 0 {
			if err == nil {
				t.Errorf("%d bytes, 11/70 %v: accepted", tt.size, tt.has70)
			}
			continue
		}
		if err != nil || m.Size() != tt.got || len(m.Mem)*2 != tt.got {
			t.Errorf("%d bytes, 11/70 %v: %v", tt.size, tt.has70, err)
			continue
		}
		end := uint32(tt.got)
		if !m.WritePhys(end-2, 0123456, 0177777) || m.WritePhys(end, 1, 0177777) && end < IOPage22 {
			t.Errorf("%d bytes: the end is elsewhere", tt.size)
		}
		if v, ok := m.ReadPhys(end - 2); !ok || v != 0123456 {
			t.Errorf("%d bytes: last word reads %06o %v", tt.size, v, ok)
		}
		if _, ok := m.ReadPhys(end); ok {
			t.Errorf("%d bytes: there is a word behind it", tt.size)
		}
	}
}

// TestUnibusMap: addresses on the Unibus reach memory through the mapping
// registers when MMR3 says so, a register for each 8 KB; transfers end where
// memory or the Unibus's do.
func TestUnibusMap(t *testing.T) {
	m, err := New(1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range m.Mem {
		m.Mem[i] = uint16(i*7 + i>>9)
	}
	set := func(reg int, pa uint32) {
		if !m.Write(RegUBMap+uint32(4*reg), uint16(pa), 0177777) || !m.Write(RegUBMap+uint32(4*reg)+2, uint16(pa>>16), 0177777) {
			t.Fatal("no mapping registers")
		}
	}
	set(0, 02000000)
	set(1, 0500)
	set(2, 03777776)
	set(3, 017777776)
	if v, _ := m.Read(RegUBMap + 4*3); v != 0177776 {
		t.Errorf("low part of a mapping register reads %06o", v)
	}
	if v, _ := m.Read(RegUBMap + 4*3 + 2); v != 077 {
		t.Errorf("high part of a mapping register reads %06o", v)
	}
	m.Write(RegUBMap, 0377, 0377) // even addresses only
	if m.UBMap[0] != 02000376 {
		t.Errorf("after a byte write mapping register 0 is %08o", m.UBMap[0])
	}
	set(0, 02000000)
	for _, tt := range []struct {
		on   bool
		addr uint32
		n    int
		want func(i int) uint32 // physical address of word i
		did  int
	}{
		{false, 017776, 4, func(i int) uint32 { return 017776 + uint32(2*i) }, 4},
		{true, 0, 4, func(i int) uint32 { return 02000000 + uint32(2*i) }, 4},
		{true, 017774, 4, func(i int) uint32 { return []uint32{02017774, 02017776, 0500, 0502}[i] }, 4},
		{true, 020000, 1, func(i int) uint32 { return 0500 }, 1},
		{true, 040000, 3, func(i int) uint32 { return 03777776 }, 1}, // memory ends
		{true, 060002, 1, func(i int) uint32 { return 0 }, 1},        // round the top of the address space
		{true, 060000, 1, nil, 0},                                     // the I/O page is no memory
		{false, 0757776, 4, func(i int) uint32 { return 0757776 }, 1}, // the Unibus ends
		{false, 0777776, 1, nil, 0},
	} {
		m.Write(RegMMR3, 0, 0177777)
		if tt.on {
			m.Write(RegMMR3, MMR3UBMap, 0177777)
		}
		got := make([]uint16, tt.n)
		if did := m.DMARead(tt.addr, got); did != tt.did {
			t.Errorf("map %v, %d words at %06o: %d read, want %d", tt.on, tt.n, tt.addr, did, tt.did)
			continue
		}
		for i := range tt.did {
			if want := m.Mem[tt.want(i)/2]; got[i] != want {
				t.Errorf("map %v, %06o: word %d is %06o, want %06o", tt.on, tt.addr, i, got[i], want)
			}
		}
		before := slices.Clone(m.Mem)
		data := make([]uint16, tt.n)
		for i := range data {
			data[i] = ^uint16(i)
		}
		if did := m.DMAWrite(tt.addr, data); did != tt.did {
			t.Errorf("map %v, %d words at %06o: %d written, want %d", tt.on, tt.n, tt.addr, did, tt.did)
		}
		for i := range tt.did {
			before[tt.want(i)/2] = ^uint16(i)
		}
		if !slices.Equal(m.Mem, before) {
			t.Errorf("map %v, %06o: memory is not as written", tt.on, tt.addr)
		}
	}

	m, err = New(64<<10, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Read(RegUBMap); ok || m.Write(RegUBMap, 0, 0177777) {
		t.Error("an 11/45 has a Unibus map")
	}
}

// TestCopyFrom: a copy has the source's registers and memory, and none of its
// own translations.
func TestCopyFrom(t *testing.T) {
	src, _ := New(64<<10, true)
	dst, _ := New(64<<10, true)
	dst.PAR[0][1], dst.PDR[0][1], dst.MMR0 = 0100, 077406, MMR0Enable
	dst.Translate(0, 020000, true)
	src.PAR[0][1], src.PDR[0][1], src.MMR0, src.UBMap[5] = 0200, 077406, MMR0Enable, 012
	src.Mem[020000/2] = 42
	dst.CopyFrom(src)
	if dst.State != src.State || !slices.Equal(dst.Mem, src.Mem) {
		t.Error("a copy differs")
	}
	if dst.R != [8]Space{} || dst.W != [8]Space{} {
		t.Error("a copy keeps translations")
	}
	if pa, ok := dst.Translate(0, 020000, true); !ok || pa != 020000 {
		t.Errorf("the copy translates to %06o", pa)
	}
}
