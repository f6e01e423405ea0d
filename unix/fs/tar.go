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
// directories and devices come from later ones.
const (
	TarFile TarType = iota
	TarLink
	TarDir
	TarChar
	TarBlock
)

// TarHeader describes a member of an archive.
type TarHeader struct {
	Name     string // relative, without "." or ".." or empty components
	Type     TarType
	Mode     uint16 // permissions with the set-id and sticky bits
	UID, GID int    // 0 to 65535
	Size     int64  // bytes that follow, 0 but for files
	MTime    time.Time
	Link     string // for TarLink, the member linked to, in the form of Name
	Major    int    // for devices
	Minor    int
}

// Byte offsets within a tar header, from tar(5); those from tarMagic on are
// ustar's, zero in an old archive.
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
)

// ErrTar is returned, wrapped with the member and the reason, for an archive
// that is damaged or of a kind that is not read here.
var ErrTar = errors.New("bad tar archive")

// TarReader reads tar archives: V7's old format and as much of ustar as a V7
// file system has a use for. Its zero value is of no use; see NewTarReader.
type TarReader struct {
	r      io.Reader
	gz     *gzip.Reader
	left   int64 // bytes of this member still to be read
	pad    int64 // bytes to the next header after those
	offset int64 // of the next byte from r, for messages
	err    error // final
	hdr    [BlockSize]byte
}

// NewTarReader returns a reader of the archive r, plain or compressed by gzip.
func NewTarReader(r io.Reader) (*TarReader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	t := &TarReader{r: b}
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", ErrTar, err)
		}
		t.gz, t.r = z, z
	}
	return t, nil
}

// fail makes an error final. An archive that ends too early says so in words.
func (t *TarReader) fail(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("%w: it ends early, at byte %d", ErrTar, t.offset)
	} else if !errors.Is(err, ErrTar) {
		err = fmt.Errorf("%w: at byte %d: %w", ErrTar, t.offset, err)
	}
	t.err = err
	return err
}

// Next skips the rest of the member before and returns the next one's header,
// io.EOF after the last. Any other error is final.
func (t *TarReader) Next() (*TarHeader, error) {
	if t.err != nil {
		return nil, t.err
	}
	n, err := io.CopyN(io.Discard, t.r, t.left+t.pad)
	t.offset += n
	if err != nil {
		return nil, t.fail(err)
	}
	t.left, t.pad = 0, 0
	at := t.offset
	k, err := io.ReadFull(t.r, t.hdr[:])
	t.offset += int64(k)
	if err != nil {
		return nil, t.fail(err)
	}
	if t.hdr == [BlockSize]byte{} {
		return nil, t.end()
	}
	h, err := parseTarHeader(t.hdr[:])
	if err != nil {
		err = fmt.Errorf("%w: header at byte %d: %w", ErrTar, at, err)
		t.err = err
		return nil, err
	}
	t.left = h.Size
	t.pad = -h.Size & (BlockSize - 1)
	return h, nil
}

// end reads what follows the end mark: padding of the tape block. It takes a
// compressed archive to its checksum.
func (t *TarReader) end() error {
	n, err := io.CopyN(io.Discard, t.r, 1<<20)
	t.offset += n
	if err == nil {
		return t.fail(errors.New("more than a megabyte follows the end mark"))
	}
	if err != io.EOF {
		return t.fail(err)
	}
	t.err = io.EOF
	return io.EOF
}

// Read reads from the member that Next returned, to io.EOF at its end.
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
		err = nil // the padding is missing; Next will say so
	}
	if err != nil {
		return n, t.fail(err)
	}
	return n, nil
}

func parseTarHeader(b []byte) (*TarHeader, error) {
	want, err := tarNumber(b[tarChecksum:tarTypeflag], 1<<31)
	if err != nil {
		return nil, fmt.Errorf("checksum: %w", err)
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
		return nil, fmt.Errorf("checksum is %d, must be %d: not a tar archive, or damaged", want, sum)
	}
	name := cString(b[tarName:tarMode])
	if string(b[tarMagic:tarMagic+6]) == "ustar\x00" {
		if prefix := cString(b[tarPrefix:500]); prefix != "" {
			name = prefix + "/" + name
		}
	}
	h := &TarHeader{}
	if h.Name, err = cleanTarName(name); err != nil {
		return nil, err
	}
	num := func(what string, from, to int, limit int64) int64 {
		v, e := tarNumber(b[from:to], limit)
		if e != nil && err == nil {
			err = fmt.Errorf("%s: %s: %w", h.Name, what, e)
		}
		return v
	}
	// A regular file's type bits come with the mode in some archives.
	h.Mode = uint16(num("mode", tarMode, tarUID, 1<<24)) & ModePerm
	h.UID = int(num("user", tarUID, tarGID, 65535))
	h.GID = int(num("group", tarGID, tarSize, 65535))
	size := num("size", tarSize, tarMTime, 1<<40)
	h.MTime = time.Unix(num("time", tarMTime, tarChecksum, 1<<40), 0).UTC()
	switch flag := b[tarTypeflag]; flag {
	case 0, '0', '7':
		h.Size = size
		if strings.HasSuffix(name, "/") {
			h.Type = TarDir
		}
	case '1':
		// The size is the file's; no data follows.
		h.Type = TarLink
		if h.Link, err = cleanTarName(cString(b[tarLinkname:tarMagic])); err != nil {
			return nil, fmt.Errorf("%s: link: %w", h.Name, err)
		}
	case '3', '4':
		h.Type = TarChar
		if flag == '4' {
			h.Type = TarBlock
		}
		h.Major = int(num("major number", tarMajor, tarMinor, 255))
		h.Minor = int(num("minor number", tarMinor, tarPrefix, 255))
	case '5':
		h.Type = TarDir
	case '2':
		return nil, fmt.Errorf("%s: a symbolic link, which V7 does not have", h.Name)
	default:
		return nil, fmt.Errorf("%s: type %q is not read here; make the archive with tar --format=v7", h.Name, flag)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// cString returns b up to its first NUL.
func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// tarNumber reads octal digits with blanks before them and blanks or NULs
// behind; nothing at all is 0.
func tarNumber(b []byte, limit int64) (int64, error) {
	digits := strings.TrimLeft(strings.TrimRight(string(b), " \x00"), " ")
	var v int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '7' {
			return 0, fmt.Errorf("%q is no octal number", b)
		}
		if v = v<<3 | int64(c-'0'); v > limit {
			return 0, fmt.Errorf("%s is too big", digits)
		}
	}
	return v, nil
}

// cleanTarName returns a member's name without needless slashes and dots. A
// name that leads out of the tree is an error. The top of the tree is ".".
func cleanTarName(name string) (string, error) {
	if name == "" {
		return "", errors.New("a member without a name")
	}
	if name[0] == '/' {
		return "", fmt.Errorf("name %q is absolute", name)
	}
	var parts []string
	for p := range strings.SplitSeq(name, "/") {
		switch p {
		case "", ".":
		case "..":
			return "", fmt.Errorf("name %q leads out of the tree", name)
		default:
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return ".", nil
	}
	return strings.Join(parts, "/"), nil
}
