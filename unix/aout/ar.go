package aout

import (
	"encoding/binary"
	"strings"
)

// ArchiveMagic is the first word of an archive.
const ArchiveMagic = 0o177545

// Member is a file in an archive.
type Member struct {
	Name     string // at most 14 bytes
	Date     int32  // seconds since 1970
	UID, GID uint8
	Mode     uint16
	Data     []byte
}

// memberLen is the length of a member's header (ar.h): name c[14], date long,
// uid and gid a byte each, mode u16, size long; a long has its high word first.
// The data follows, and a byte of padding after an odd size.
const memberLen = 26

// ParseArchive reads an archive. The members' data are parts of b.
func ParseArchive(b []byte) ([]Member, error) {
	if len(b) < 2 || binary.LittleEndian.Uint16(b) != ArchiveMagic {
		return nil, bad("not an archive: it does not begin with %06o", ArchiveMagic)
	}
	var list []Member
	for at := 2; at < len(b); { // an odd last member may lack its padding
		h := b[at:]
		if len(h) < memberLen {
			return nil, bad("archive cut short: a header of %d bytes at byte %d", len(h), at)
		}
		name, _, _ := strings.Cut(string(h[:14]), "\x00")
		size := int64(long(h[22:]))
		if size < 0 || size > int64(len(h)-memberLen) {
			return nil, bad("archive member %q at byte %d has %d bytes, the archive only %d more", name, at, size,
				len(h)-memberLen)
		}
		list = append(list, Member{
			Name: name, Date: long(h[14:]), UID: h[18], GID: h[19],
			Mode: binary.LittleEndian.Uint16(h[20:]),
			Data: h[memberLen : memberLen+size : memberLen+size],
		})
		at += memberLen + even(int(size))
	}
	return list, nil
}

// long reads a PDP-11 long, the high word first.
func long(b []byte) int32 {
	return int32(uint32(binary.LittleEndian.Uint16(b))<<16 | uint32(binary.LittleEndian.Uint16(b[2:])))
}
