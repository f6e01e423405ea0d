package fs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// TarType is the kind of a tar member.
type TarType int

// The kinds of members. V7's own tar writes files and hard links only;
// directories and devices come from later ones. V7 has no place for the rest.
const (
	TarFile TarType = iota
	TarLink
	TarDir
	TarChar
	TarBlock
	TarSymlink
	TarFifo
)

// TarHeader describes a member of an archive.
type TarHeader struct {
	Name     string // relative, without "." or ".." or empty components
	Type     TarType
	Mode     uint16 // permissions with the set-id and sticky bits
	UID, GID int64
	Size     int64     // of the file, with its holes; 0 but for files
	MTime    time.Time // to the second, rounded down
	Link     string    // for TarLink, the member linked to, in the form of Name; for TarSymlink as it is
	Major    int64     // for devices
	Minor    int64

	// Pieces says where what Read gives belongs in the file, if it is sparse: in
	// ascending order and with holes between.
	Pieces []TarPiece

	// Notes say in words what is not as in the archive, such as a name that was absolute.
	Notes []string

	// Bad says why the member cannot be had as the archive has it. Then what else is
	// known of it may be wrong, and there is nothing to Read. The archive goes on.
	Bad error
}

// TarPiece is a part of a sparse file, in bytes.
type TarPiece struct{ Off, Len int64 }

// ErrTar is returned, wrapped with the member and the reason, for an archive
// that is damaged or of a kind that is not read here.
var ErrTar = errors.New("bad tar archive")

// ErrTarCut is an ErrTar: the archive ends before its end.
var ErrTarCut = fmt.Errorf("%w: it ends early", ErrTar)

// TarReader reads tar archives: V7's old format, ustar, pax and what GNU tar adds. Its
// zero value is of no use; see NewTarReader.
//
// An archive is not to be trusted. A member of which something is wrong is told by its
// Bad, and a damaged header by a member without a name; the archive is then searched for
// the next one. The memory that is used is bounded, whatever an archive says.
type TarReader struct {
	r      io.Reader
	left   int64 // bytes of this member still to be read
	pad    int64 // bytes to the next header after those
	offset int64 // of the next byte from r, for messages
	err    error // final
	hdr    [BlockSize]byte
	held   bool // hdr is the next header, found after damage
	good   int  // headers that were none of damage

	global, local paxRecords
	longName      *string // of the next member, from a GNU header
	longLink      *string
	wrong         error // what is wrong with headers before the next member
}

// compressions are how archives are compressed that are not read here, by how they
// begin.
var compressions = []struct{ magic, name, undo string }{
	{"\xfd7zXZ\x00", "xz", "xz -d"},
	{"\x28\xb5\x2f\xfd", "zstd", "zstd -d"},
	{"BZh", "bzip2", "bzip2 -d"},
	{"\x1f\x9d", "compress", "uncompress"},
	{"\x1f\x1e", "pack", "unpack"},
	{"LZIP", "lzip", "lzip -d"},
	{"\x5d\x00\x00", "lzma", "xz -d"},
	{"\x04\x22\x4d\x18", "lz4", "lz4 -d"},
	{"\x89LZO", "lzop", "lzop -d"},
	{"7z\xbc\xaf\x27\x1c", "7z", "7z x"},
	{"PK\x03\x04", "zip", "unzip"},
}

// NewTarReader returns a reader of the archive r, plain or compressed by gzip. One that
// is compressed by something else is named in the error.
func NewTarReader(r io.Reader) (*TarReader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	t := &TarReader{r: b}
	magic, _ := b.Peek(BlockSize)
	if bytes.HasPrefix(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", ErrTar, err)
		}
		t.r = z
		return t, nil
	}
	if len(magic) == BlockSize && tarSum(magic) == nil {
		return t, nil // whatever the name of its first member begins with
	}
	for _, c := range compressions {
		if bytes.HasPrefix(magic, []byte(c.magic)) {
			return nil, fmt.Errorf("%w: it is compressed by %s, which is not read here: undo that first (%s)", ErrTar,
				c.name, c.undo)
		}
	}
	return t, nil
}

// fail makes an error final. An archive that ends too early says so in words.
func (t *TarReader) fail(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("%w, at byte %d", ErrTarCut, t.offset)
	} else if !errors.Is(err, ErrTar) {
		err = fmt.Errorf("%w: at byte %d: %w", ErrTar, t.offset, err)
	}
	t.err = err
	return err
}

// block reads the next block into t.hdr. At the end of the archive the error is io.EOF.
func (t *TarReader) block() error {
	n, err := io.ReadFull(t.r, t.hdr[:])
	t.offset += int64(n)
	if err == nil || err == io.EOF {
		return err
	}
	return t.fail(err)
}

// Next skips the rest of the member before and returns the next one's header,
// io.EOF after the last. Any other error is final: see ErrTar.
func (t *TarReader) Next() (*TarHeader, error) {
	for {
		if t.err != nil {
			return nil, t.err
		}
		n, err := io.CopyN(io.Discard, t.r, t.left+t.pad)
		t.offset += n
		if err == io.EOF && n >= t.left {
			err = nil // all that is missing is padding
			t.held = false
		}
		if err != nil {
			return nil, t.fail(err)
		}
		t.left, t.pad = 0, 0
		at := t.offset
		if t.held {
			at -= BlockSize
		} else if err := t.block(); err == io.EOF {
			if at == 0 {
				return nil, t.fail(fmt.Errorf("%w: it is empty", ErrTar))
			}
			t.err = io.EOF // many tars write no end mark, or lose it
			return nil, io.EOF
		} else if err != nil {
			return nil, err
		}
		t.held = false
		if t.hdr == [BlockSize]byte{} {
			return nil, t.end()
		}
		if h, err := t.header(at); h != nil || err != nil {
			return h, err
		}
	}
}

// header takes the header in t.hdr, which stands at a byte of the archive. It returns
// nil for one that only says something of the next.
func (t *TarReader) header(at int64) (*TarHeader, error) {
	size, err := t.size()
	if err != nil {
		if t.good == 0 {
			return nil, t.fail(fmt.Errorf("%w: header at byte %d: %w: not a tar archive, or damaged", ErrTar, at, err))
		}
		return t.search(at, err)
	}
	t.good++
	switch t.hdr[tarTypeflag] {
	case 'x', 'X', 'g', 'L', 'K':
		return nil, t.extended(t.hdr[tarTypeflag], size)
	}
	h := t.member(size)
	if t.err != nil {
		return nil, t.err
	}
	if t.wrong != nil && h.Bad == nil {
		h.Bad = t.wrong
	}
	t.local, t.longName, t.longLink, t.wrong = paxRecords{}, nil, nil, nil
	if h.Bad != nil { // what it has is skipped
		t.pad += t.left
		t.left = 0
	}
	if t.hdr[tarTypeflag] == 'V' { // the archive's own name
		return nil, nil
	}
	return h, nil
}

// search looks for the next header after one that is damaged.
func (t *TarReader) search(at int64, why error) (*TarHeader, error) {
	h := &TarHeader{}
	for {
		err := t.block()
		if err != nil && err != io.EOF {
			return nil, err
		}
		// A file that has lost its header may be full of blocks of zeros: here they are
		// no end.
		if err == nil && (t.hdr == [BlockSize]byte{} || tarSum(t.hdr[:]) != nil) {
			continue
		}
		t.held = err == nil
		end := t.offset
		if t.held {
			end -= BlockSize
		}
		h.Bad = fmt.Errorf("a damaged header at byte %d (%w), and what follows to byte %d", at, why, end)
		t.local, t.longName, t.longLink, t.wrong = paxRecords{}, nil, nil, nil
		return h, nil
	}
}

// end reads what follows the end mark: padding of the tape block, and a compressed
// archive's checksum.
func (t *TarReader) end() error {
	n, err := io.CopyN(io.Discard, t.r, 1<<20)
	t.offset += n
	if err != nil && err != io.EOF {
		return t.fail(err)
	}
	t.err = io.EOF
	return io.EOF
}

// Read reads from the member that Next returned, to io.EOF at its end. Of a sparse file
// it gives the pieces, one after the other.
func (t *TarReader) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	if t.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > t.left {
		p = p[:t.left]
	}
	n, err := t.r.Read(p)
	t.left -= int64(n)
	t.offset += int64(n)
	if err == io.EOF && t.left == 0 {
		err = nil
	}
	if err != nil {
		return n, t.fail(err)
	}
	return n, nil
}

// maxTarName and maxTarDepth bound names, in bytes and components. Directories can be
// followed to maxDepth.
const (
	maxTarName  = 4096
	maxTarDepth = maxDepth / 2
)

// cleanTarName returns a member's name without needless slashes and dots, and says
// whether it was absolute. A name that leads out of the tree is an error. The top of the
// tree is ".".
func cleanTarName(name string) (clean string, absolute bool, err error) {
	switch {
	case name == "":
		return "", false, errors.New("no name")
	case len(name) > maxTarName:
		return "", false, fmt.Errorf("a name of %d bytes", len(name))
	}
	var parts []string
	for p := range strings.SplitSeq(name, "/") {
		switch p {
		case "", ".":
		case "..":
			return "", false, fmt.Errorf("name %s leads out of the tree", quoted(name))
		default:
			parts = append(parts, p)
		}
	}
	if len(parts) > maxTarDepth {
		return "", false, fmt.Errorf("a name of %d components", len(parts))
	}
	if len(parts) == 0 {
		return ".", name[0] == '/', nil
	}
	return strings.Join(parts, "/"), name[0] == '/', nil
}
