package asm

import (
	"errors"
	"fmt"
)

// LDA is a program on an absolute-loader paper tape (DEC's .LDA files).
//
// A block of the tape is the bytes 1 and 0, a count of all its bytes but the
// checksum, the load address, the data, and a checksum that makes the sum of all
// its bytes zero modulo 256; count and address are little-endian words. A block without data ends
// the program and its address is the start address, or none when it is odd. Zero
// bytes may stand between blocks.
type LDA struct {
	Blocks   []LDABlock
	Start    uint16 // where to start, when HasStart
	HasStart bool
}

// LDABlock is data for consecutive bytes from Addr on. Data is at most 65529 bytes.
type LDABlock struct {
	Addr uint16
	Data []byte
}

const ldaHeader = 6 // bytes before the data, counted in a block's count

// ParseLDA reads an absolute-loader tape. What follows the block with the start address is not
// read. Data that passes the top of the address space is an error.
func ParseLDA(tape []byte) (*LDA, error) {
	l := &LDA{}
	for pos := 0; ; {
		for pos < len(tape) && tape[pos] == 0 {
			pos++
		}
		if pos == len(tape) {
			return nil, errors.New("absolute-loader tape: no block with a start address at the end")
		}
		b := tape[pos:]
		if len(b) < ldaHeader+1 {
			return nil, fmt.Errorf("absolute-loader tape: block at byte %d is cut short", pos)
		}
		if b[0] != 1 || b[1] != 0 {
			return nil, fmt.Errorf("absolute-loader tape: no block at byte %d (found %#x, %#x; a block starts with 1, 0)",
				pos, b[0], b[1])
		}
		count := int(b[2]) | int(b[3])<<8
		addr := uint16(b[4]) | uint16(b[5])<<8
		if count < ldaHeader {
			return nil, fmt.Errorf("absolute-loader tape: block at byte %d: count %d is less than its header", pos, count)
		}
		if count+1 > len(b) {
			return nil, fmt.Errorf("absolute-loader tape: block at byte %d is cut short: %d of %d bytes", pos, len(b), count+1)
		}
		sum := byte(0)
		for _, c := range b[:count+1] {
			sum += c
		}
		if sum != 0 {
			return nil, fmt.Errorf("absolute-loader tape: block at byte %d: wrong checksum", pos)
		}
		pos += count + 1
		if count == ldaHeader {
			l.Start, l.HasStart = addr, addr&1 == 0
			return l, nil
		}
		if int(addr)+count-ldaHeader > 1<<16 {
			return nil, fmt.Errorf("absolute-loader tape: block for address %06o passes the top of memory", addr)
		}
		l.Blocks = append(l.Blocks, LDABlock{addr, append([]byte(nil), b[ldaHeader:count]...)})
	}
}

// Bytes writes the tape. A program without a start address gets an odd one. Blocks without
// data are left out: such a block would end the tape.
func (l *LDA) Bytes() []byte {
	var out []byte
	block := func(addr uint16, data []byte) {
		n := ldaHeader + len(data)
		b := append([]byte{1, 0, byte(n), byte(n >> 8), byte(addr), byte(addr >> 8)}, data...)
		sum := byte(0)
		for _, c := range b {
			sum -= c
		}
		out = append(append(out, b...), sum)
	}
	const chunk = 512
	for _, b := range l.Blocks {
		for at := 0; at < len(b.Data); at += chunk {
			block(b.Addr+uint16(at), b.Data[at:min(at+chunk, len(b.Data))])
		}
	}
	start := uint16(1)
	if l.HasStart {
		start = l.Start
	}
	block(start, nil)
	return out
}

// LDA returns the program as a tape that starts at the given address. Only what was assembled is
// on it: bss is not cleared by loading.
func (p *Program) LDA(start uint16) *LDA {
	l := &LDA{Start: start, HasStart: true}
	if len(p.Text) > 0 {
		l.Blocks = append(l.Blocks, LDABlock{p.TextBase, p.Text})
	}
	if len(p.Data) > 0 {
		l.Blocks = append(l.Blocks, LDABlock{p.DataBase, p.Data})
	}
	return l
}
