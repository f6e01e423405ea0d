package fs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Byte offsets within a tar header, from tar(5); those from tarMagic on are
// ustar's, zero in an old archive. What GNU tar has in place of the prefix is in sparse
// files only.
const (
	tarName     = 0   // c[100], NUL at the end unless full
	tarMode     = 100 // octal digits, blanks before, blank or NUL after
	tarUID      = 108
	tarGID      = 116
	tarSize     = 124
	tarMTime    = 136
	tarChecksum = 148 // of the header with blanks here
	tarTypeflag = 156 // NUL for a file, '1' for a hard link
	tarLinkname = 157 // c[100]
	tarMagic    = 257
	tarMajor    = 329
	tarMinor    = 337
	tarPrefix   = 345 // c[155]

	gnuPieces   = 386 // four of 24 bytes: offset and length
	gnuExtended = 482 // not 0: a block with more follows
	gnuRealSize = 483
	gnuMore     = 504 // in such a block, after 21: one more follows
)

// maxTarSize bounds what a header may say of a size.
const maxTarSize = 1 << 50

// size returns the bytes that follow the header in t.hdr, or an error if it is none.
func (t *TarReader) size() (int64, error) {
	if err := tarSum(t.hdr[:]); err != nil {
		return 0, err
	}
	size, err := tarNumber(t.hdr[tarSize:tarMTime])
	if err == nil && (size < 0 || size > maxTarSize) {
		err = fmt.Errorf("%d bytes", size)
	}
	if err != nil {
		return 0, fmt.Errorf("size: %w", err)
	}
	return size, nil
}

// tarSum returns an error when a block does not have the checksum of a header.
func tarSum(b []byte) error {
	want, err := tarNumber(b[tarChecksum:tarTypeflag])
	if err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	// Some old tars summed signed characters.
	var sum, signed int64
	for i, c := range b {
		if i >= tarChecksum && i < tarTypeflag {
			c = ' '
		}
		sum += int64(c)
		signed += int64(int8(c))
	}
	if want != sum && want != signed {
		return fmt.Errorf("checksum is %d, must be %d", want, sum)
	}
	return nil
}

// tarNumber reads a number: octal digits with blanks before them and blanks or NULs
// behind, nothing at all for 0; or as GNU tar has it, when the first byte has its top
// bit set, binary, two's complement, the first byte highest.
func tarNumber(b []byte) (int64, error) {
	if b[0]&0x80 != 0 {
		v := int64(0)
		if b[0]&0x40 != 0 {
			v = -1
		}
		for i, c := range b {
			if i == 0 {
				c = c&0x7f | c&0x40<<1
			}
			if v > math.MaxInt64>>8 || v < math.MinInt64>>8 {
				return 0, errors.New("a number of more than 64 bits")
			}
			v = v<<8 | int64(c)
		}
		return v, nil
	}
	digits := strings.TrimLeft(strings.TrimRight(string(b), " \x00"), " ")
	if i := strings.IndexByte(digits, 0); i >= 0 {
		digits = digits[:i] // some leave garbage behind the NUL
	}
	var v int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '7' {
			return 0, fmt.Errorf("%s is no octal number", quoted(string(b)))
		}
		v = v<<3 | int64(c-'0') // at most 12 digits
	}
	return v, nil
}

// cString returns b up to its first NUL.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// member returns the member of the header in t.hdr, which is followed by size bytes, as
// the headers before it have it.
func (t *TarReader) member(size int64) *TarHeader {
	b, flag := t.hdr[:], t.hdr[tarTypeflag]
	h := &TarHeader{}
	bad := func(format string, args ...any) {
		if h.Bad == nil {
			h.Bad = fmt.Errorf(format, args...)
		}
	}
	note := func(format string, args ...any) { h.Notes = append(h.Notes, fmt.Sprintf(format, args...)) }
	num := func(what string, from, to int) int64 {
		v, err := tarNumber(b[from:to])
		if err != nil {
			bad("%s: %w", what, err)
		}
		return v
	}

	// What is not in the header can be in those before it.
	pax := t.global.with(t.local)
	name, link := cString(b[tarName:tarMode]), cString(b[tarLinkname:tarMagic])
	if string(b[tarMagic:tarMagic+6]) == "ustar\x00" {
		if prefix := cString(b[tarPrefix:500]); prefix != "" {
			name = prefix + "/" + name
		}
	}
	for _, s := range []struct{ to, from *string }{{&name, t.longName}, {&name, pax.path}, {&link, t.longLink},
		{&link, pax.link}} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	// A regular file's type bits come with the mode in some archives.
	h.Mode = uint16(num("mode", tarMode, tarUID)) & ModePerm
	h.UID, h.GID = num("user", tarUID, tarGID), num("group", tarGID, tarSize)
	mtime := num("time", tarMTime, tarChecksum)
	for _, n := range []struct{ to, from *int64 }{{&h.UID, pax.uid}, {&h.GID, pax.gid}, {&mtime, pax.mtime},
		{&size, pax.size}} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
	h.MTime = time.Unix(mtime, 0).UTC()
	t.left, t.pad = size, -size&(BlockSize-1)
	none := func() { t.left, t.pad = 0, 0 } // whatever the size says, no data follows

	switch flag {
	case 0, '0', '7':
		h.Size = size
		if strings.HasSuffix(name, "/") {
			h.Type, h.Size = TarDir, 0
			t.pad, t.left = t.pad+t.left, 0
		}
	case '1':
		h.Type = TarLink
		none()
	case '2':
		h.Type, h.Link = TarSymlink, link
		none()
	case '3', '4':
		h.Type = TarChar
		if flag == '4' {
			h.Type = TarBlock
		}
		h.Major, h.Minor = num("major number", tarMajor, tarMinor), num("minor number", tarMinor, tarPrefix)
		none()
	case '5':
		h.Type = TarDir
		none()
	case 'D': // GNU: a directory, followed by a list of what is in it
		h.Type = TarDir
		t.pad, t.left = t.pad+t.left, 0
	case '6':
		h.Type = TarFifo
		none()
	case 'S':
		h.Size = size
		if err := t.oldSparse(h); err != nil {
			bad("%w", err)
		}
	case 'V':
	case 'M':
		bad("the rest of a file from another volume")
	default:
		h.Size = size
		note("of type %s, which is not known here: taken as a file", quoted(string(flag)))
	}
	if h.Type == TarFile && h.Bad == nil && flag != 'S' && flag != 'V' {
		if pax.name != nil {
			name = *pax.name
		}
		if err := t.paxSparse(h, &pax); err != nil {
			bad("%w", err)
		}
	}
	if flag == 'V' {
		return h
	}

	clean, absolute, err := cleanTarName(name)
	if err != nil {
		bad("%w", err)
		h.Name = name[:min(len(name), maxTarName)]
	} else {
		h.Name = clean
	}
	if absolute {
		note("the name was absolute")
	}
	if h.Type == TarLink {
		if h.Link, absolute, err = cleanTarName(link); err != nil {
			bad("link: %w", err)
		}
		if absolute {
			note("the name linked to was absolute")
		}
	}
	return h
}

// maxPieces bounds the pieces of a sparse file.
const maxPieces = 1 << 16

// oldSparse reads the pieces of a sparse file from its header and the blocks that follow,
// as GNU tar had it before pax.
func (t *TarReader) oldSparse(h *TarHeader) error {
	var wrong error
	number := func(b []byte) int64 {
		v, err := tarNumber(b[:12])
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("sparse file: %w", err)
		}
		return v
	}
	var list []TarPiece
	add := func(b []byte) {
		if b[0] != 0 && len(list) <= maxPieces {
			list = append(list, TarPiece{number(b), number(b[12:])})
		}
	}
	real := number(t.hdr[gnuRealSize:])
	for i := range 4 {
		add(t.hdr[gnuPieces+24*i:])
	}
	head := t.hdr
	for more := head[gnuExtended] != 0; more; more = t.hdr[gnuMore] != 0 {
		if err := t.block(); err != nil {
			if err == io.EOF {
				err = t.fail(err)
			}
			return err
		}
		for i := range 21 {
			add(t.hdr[24*i:])
		}
	}
	t.hdr = head
	if wrong != nil {
		return wrong
	}
	return h.setPieces(list, real, t.left)
}

// setPieces makes h a sparse file of real bytes, of which the packed ones follow.
func (h *TarHeader) setPieces(list []TarPiece, real, packed int64) error {
	at, sum := int64(0), int64(0)
	for _, p := range list {
		if p.Off < at || p.Len < 0 || p.Len > real || p.Off > real-p.Len {
			return fmt.Errorf("sparse file of %d bytes: a piece of %d at %d", real, p.Len, p.Off)
		}
		at = p.Off + p.Len
		sum += p.Len
	}
	if len(list) > maxPieces || sum != packed {
		return fmt.Errorf("sparse file of %d pieces with %d bytes, of which there are %d", len(list), sum, packed)
	}
	h.Pieces, h.Size = list, real
	if list == nil {
		h.Pieces = []TarPiece{}
	}
	return nil
}
