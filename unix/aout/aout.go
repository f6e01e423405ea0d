// Package aout reads and writes V7's executables and object files (a.out) and
// reads its archives (ar).
//
// An a.out is, with all words 16 bits and little-endian (a.out.h, a.out(5)):
//
//	 0 u16  magic: 0405 overlay, 0407 plain, 0410 shared text, 0411 separate I and D
//	 2 u16  bytes of text
//	 4 u16  bytes of initialized data
//	 6 u16  bytes of bss
//	 8 u16  bytes of symbol table
//	10 u16  entry point
//	12 u16  unused
//	14 u16  not 0: relocation information has been stripped
//	16      text, data
//	        relocation, a word for each word of text and data, if not stripped
//	        symbols, 12 bytes each: name c[8], type u16, value u16
package aout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The magic numbers.
const (
	Overlay  = 0o405 // text replaces that of the running program
	Plain    = 0o407 // text and data follow each other in one space
	Shared   = 0o410 // text is read-only; data begins at the next 8192-byte segment
	Separate = 0o411 // text is in I space, data in D space from 0
)

const (
	headerLen = 16
	symbolLen = 12
	nameLen   = 8
)

// ErrFormat is returned, wrapped with the reason, for what is no a.out or
// archive, or is cut short.
var ErrFormat = errors.New("bad format")

// Header is the header of an a.out. Sizes are in bytes.
type Header struct {
	Magic    uint16
	TextSize uint16
	DataSize uint16
	BSSSize  uint16
	SymsSize uint16
	Entry    uint16
	Unused   uint16
	Stripped uint16 // not 0: no relocation information
}

// Type is the type of a symbol: one of the constants, perhaps with External.
type Type uint16

// The types of symbols.
const (
	Undefined Type = 0
	Absolute  Type = 1
	Text      Type = 2
	Data      Type = 3
	BSS       Type = 4
	Register  Type = 0o24
	FileName  Type = 0o37
	TypeMask  Type = 0o37
	External  Type = 0o40 // visible to other files
)

// Symbol is an entry of the name list. A C name has an underscore before it.
type Symbol struct {
	Name  string // at most 8 bytes; longer names were cut
	Type  Type
	Value uint16
}

// File is an a.out in memory.
type File struct {
	Header
	Text    []byte
	Data    []byte
	Reloc   []byte // of text, then of data; empty when stripped
	Symbols []Symbol
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrFormat, fmt.Errorf(format, args...))
}

// IsMagic reports whether m is one of the magic numbers.
func IsMagic(m uint16) bool {
	return m == Overlay || m == Plain || m == Shared || m == Separate
}

// Parse reads an a.out. The slices of the result are parts of b. What follows
// the symbols is passed over.
func Parse(b []byte) (*File, error) {
	word := func(at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
	if len(b) < headerLen {
		return nil, bad("%d bytes are too few for an a.out", len(b))
	}
	f := &File{Header: Header{word(0), word(2), word(4), word(6), word(8), word(10), word(12), word(14)}}
	h := &f.Header
	if !IsMagic(h.Magic) {
		return nil, bad("magic number is %06o, not that of an a.out", h.Magic)
	}
	if (h.TextSize|h.DataSize)&1 != 0 {
		return nil, bad("text of %d bytes, data of %d: must be even", h.TextSize, h.DataSize)
	}
	if h.SymsSize%symbolLen != 0 {
		return nil, bad("symbol table of %d bytes: must be a multiple of %d", h.SymsSize, symbolLen)
	}
	rest := b[headerLen:]
	take := func(what string, n int) ([]byte, error) {
		if n > len(rest) {
			return nil, bad("cut short: %s has %d bytes, the file only %d more", what, n, len(rest))
		}
		p := rest[:n:n]
		rest = rest[n:]
		return p, nil
	}
	var err error
	if f.Text, err = take("text", int(h.TextSize)); err != nil {
		return nil, err
	}
	if f.Data, err = take("data", int(h.DataSize)); err != nil {
		return nil, err
	}
	if h.Stripped == 0 {
		if f.Reloc, err = take("relocation", int(h.TextSize)+int(h.DataSize)); err != nil {
			return nil, err
		}
	}
	syms, err := take("symbol table", int(h.SymsSize))
	if err != nil {
		return nil, err
	}
	f.Symbols = make([]Symbol, 0, len(syms)/symbolLen)
	for ; len(syms) > 0; syms = syms[symbolLen:] {
		name, _, _ := strings.Cut(string(syms[:nameLen]), "\x00")
		f.Symbols = append(f.Symbols, Symbol{
			Name:  name,
			Type:  Type(binary.LittleEndian.Uint16(syms[8:])),
			Value: binary.LittleEndian.Uint16(syms[10:]),
		})
	}
	return f, nil
}

// Lookup returns the first symbol of that name, cut to 8 bytes as the linker
// cuts it, external ones before others.
func (f *File) Lookup(name string) (Symbol, bool) {
	if len(name) > nameLen {
		name = name[:nameLen]
	}
	found := -1
	for i, s := range f.Symbols {
		if s.Name != name {
			continue
		}
		if s.Type&External != 0 {
			return s, true
		}
		if found < 0 {
			found = i
		}
	}
	if found < 0 {
		return Symbol{}, false
	}
	return f.Symbols[found], true
}

// Bytes returns f as an a.out. The sizes in the header are taken from the
// slices and not from f.Header; without relocation the file is marked stripped.
// Text and data of an odd length get a zero byte.
func (f *File) Bytes() ([]byte, error) {
	if !IsMagic(f.Magic) {
		return nil, bad("magic number %06o is not that of an a.out", f.Magic)
	}
	text, data := even(len(f.Text)), even(len(f.Data))
	for _, part := range []struct {
		what string
		n    int
	}{{"text", text}, {"data", data}, {"symbol table", len(f.Symbols) * symbolLen}} {
		if part.n > 0xffff {
			return nil, bad("%s of %d bytes: at most 65535", part.what, part.n)
		}
	}
	if n := len(f.Reloc); n != 0 && n != text+data {
		return nil, bad("relocation of %d bytes for %d bytes of text and data", n, text+data)
	}
	h := f.Header
	h.TextSize, h.DataSize, h.SymsSize = uint16(text), uint16(data), uint16(len(f.Symbols)*symbolLen)
	if len(f.Reloc) > 0 {
		h.Stripped = 0
	} else if h.Stripped == 0 {
		h.Stripped = 1
	}
	b := make([]byte, 0, headerLen+2*(text+data)+int(h.SymsSize))
	for _, w := range []uint16{h.Magic, h.TextSize, h.DataSize, h.BSSSize, h.SymsSize, h.Entry, h.Unused, h.Stripped} {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	b = append(b, f.Text...)
	b = append(b, make([]byte, text-len(f.Text))...)
	b = append(b, f.Data...)
	b = append(b, make([]byte, data-len(f.Data))...)
	b = append(b, f.Reloc...)
	for _, s := range f.Symbols {
		if len(s.Name) > nameLen || strings.IndexByte(s.Name, 0) >= 0 {
			return nil, bad("symbol %q: at most %d bytes and no NUL", s.Name, nameLen)
		}
		var name [nameLen]byte
		copy(name[:], s.Name)
		b = append(b, name[:]...)
		b = binary.LittleEndian.AppendUint16(b, uint16(s.Type))
		b = binary.LittleEndian.AppendUint16(b, s.Value)
	}
	return b, nil
}

func even(n int) int { return (n + 1) &^ 1 }
