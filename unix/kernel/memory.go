package kernel

import "slices"

// Guest is what there is to see of a machine.
type Guest struct {
	// Memory is physical memory, word n at byte address 2n.
	Memory []uint16
	// KISA and KDSA are the page address registers of the kernel's I and D space.
	KISA, KDSA [8]uint16
	// User says that the processor is in user mode, Waiting that it is in WAIT.
	User, Waiting bool
	// Pack reads from the pack in a drive as the guest would; nil where there is
	// none. Only swap space is read through it.
	Pack func(Drive) Blocks
}

// Blocks are those of a pack.
type Blocks interface {
	Blocks() int
	ReadBlock(n int, p []byte) error
}

// reader reads kernel D space. A read that memory does not answer gives zeros and
// sets bad.
type reader struct {
	g   *Guest
	bad bool
}

// phys reads the word at an even physical byte address.
func (r *reader) phys(pa uint32) uint16 {
	if int(pa/2) >= len(r.g.Memory) {
		r.bad = true
		return 0
	}
	return r.g.Memory[pa/2]
}

func (r *reader) pa(va uint16) uint32 {
	return uint32(r.g.KDSA[va>>13])<<6 + uint32(va&0o17776)
}

func (r *reader) word(va uint16) uint16 { return r.phys(r.pa(va)) }

func (r *reader) byte(va uint16) uint8 {
	w := r.word(va)
	if va&1 != 0 {
		return uint8(w >> 8)
	}
	return uint8(w)
}

// long reads a long: two words, the high one first.
func (r *reader) long(va uint16) int32 {
	return int32(uint32(r.word(va))<<16 | uint32(r.word(va+2)))
}

// bytes fills p from an even address on.
func (r *reader) bytes(va uint16, p []byte) {
	for i := 0; i < len(p); i += 2 {
		w := r.word(va + uint16(i))
		p[i] = byte(w)
		if i+1 < len(p) {
			p[i+1] = byte(w >> 8)
		}
	}
}

// Loaded says whether the kernel's text is what the machine has mapped as the
// kernel's I space.
func (k *Kernel) Loaded(g *Guest) bool {
	const page = 8192 / 2
	for i, rest := 0, k.text; len(rest) > 0; i++ {
		n := min(len(rest), page)
		from := int(g.KISA[i]) << 5
		if from+n > len(g.Memory) || !slices.Equal(g.Memory[from:from+n], rest[:n]) {
			return false
		}
		rest = rest[n:]
	}
	return true
}
