package journaldev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"

	"v7em/block"
	"v7em/unix/fs"
)

// Kinds are the kinds of packs that there are.
var Kinds = []Kind{RK05, RP03}

// shortImages has the lengths in blocks of images that leave off the end of their pack:
// that of a file system without the swap space behind it, one of a group of V6 packs
// that are handed round, and 200 of the 203 cylinders, as DEC's systems use them.
var shortImages = map[string][]int{RK05.Name: {4000, 4058, 4800}}

// Short returns the lengths in blocks, besides that of the whole pack, that an image of
// the kind may have. What is missing in it reads as zeros.
func (k Kind) Short() []int { return shortImages[k.Name] }

// fits says whether an image of the kind may have that many bytes.
func (k Kind) fits(length int64) bool {
	return length == k.Bytes() || length%block.Size == 0 && slices.Contains(k.Short(), int(length/block.Size))
}

// lengths tells how long images of the kind are.
func (k Kind) lengths() string {
	s := fmt.Sprintf("an %s has %d blocks", k.Name, k.Blocks)
	if short := k.Short(); len(short) > 0 {
		var n []string
		for _, b := range short {
			n = append(n, fmt.Sprint(b))
		}
		s += fmt.Sprintf(" (or %s)", strings.Join(n, ", "))
	}
	return s
}

// SizeError says that a file cannot be an image of a pack.
type SizeError struct {
	Path string
	Kind Kind
	Size int64 // the file's length in bytes
}

func (e *SizeError) Error() string {
	has := fmt.Sprintf("%d bytes, a pack has %d", e.Size, e.Kind.Bytes())
	if e.Size > 0 && e.Size%block.Size == 0 {
		has = fmt.Sprintf("%d blocks (%d bytes)", e.Size/block.Size, e.Size)
	}
	s := fmt.Sprintf("%s is no %s pack: it has %s", e.Path, e.Kind.Name, has)
	for i, k := range Kinds {
		s += [...]string{"; ", ", "}[min(i, 1)] + k.lengths()
	}
	return s
}

// The footer that SIMH 4 puts behind the blocks of a pack when it attaches it: 512 bytes
// that begin with "simh". Its integers have their most significant byte first. The
// last 4 bytes are the CRC-32 of those before them.
const (
	footerSize  = 512
	footerMagic = "simh"
)

// isFooter says whether b begins as a footer does and, if strict, has its checksum.
func isFooter(b []byte, strict bool) bool {
	const sum = footerSize - 4
	return len(b) == footerSize && string(b[:len(footerMagic)]) == footerMagic &&
		(!strict || binary.BigEndian.Uint32(b[sum:]) == crc32.ChecksumIEEE(b[:sum]))
}

// shape is how a pack lies in the file of its image.
type shape struct {
	blocks int    // in the pack
	length int64  // bytes of the file that are the pack's, from its beginning; past them it reads as zeros
	footer []byte // what SIMH has put behind them, or nil
	size   int64  // bytes in the file
	open   bool   // no kind was asked for: a journal may know better how many blocks there are
}

// wholly is the shape of a file that is a pack and nothing else.
func wholly(f File) (*shape, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	n := size / block.Size
	return &shape{blocks: int(n), length: n * block.Size, size: size}, nil
}

// full returns how long the pack is, in bytes.
func (s *shape) full() int64 { return int64(s.blocks) * block.Size }

// measure finds out how a pack of a kind lies in a file. A kind of zero takes any, and
// files of any size. With anySize so does one that is not zero: what is missing reads as
// zeros, and what is too much is left alone.
func measure(f io.ReaderAt, path string, size int64, kind Kind, anySize bool) (shape, error) {
	kinds := Kinds
	if kind != (Kind{}) {
		kinds = []Kind{kind}
	}
	s := shape{length: size, size: size, open: kind == Kind{}}
	if !slices.ContainsFunc(kinds, func(k Kind) bool { return k.fits(size) }) && size > footerSize &&
		size%block.Size == 0 {
		tail := make([]byte, footerSize)
		if err := readZeroed(f, tail, size-footerSize); err != nil {
			return s, &Error{Op: "read", Path: path, Block: -1, Err: err}
		}
		// What is behind a whole pack can be nothing else.
		whole := slices.ContainsFunc(kinds, func(k Kind) bool { return k.Bytes() == size-footerSize })
		if isFooter(tail, !whole) {
			s.footer, s.length = tail, size-footerSize
		}
	}
	for _, k := range kinds {
		if k.fits(s.length) {
			s.blocks = k.Blocks
			return s, nil
		}
	}
	switch {
	case kind == Kind{} && s.length/block.Size <= 2*fs.MaxBlocks:
		s.blocks = int(s.length / block.Size)
	case kind == Kind{} || !anySize:
		return s, &SizeError{Path: path, Kind: kind, Size: size}
	case s.length > kind.Bytes():
		s.blocks, s.length, s.footer = kind.Blocks, kind.Bytes(), nil
	default:
		s.blocks = kind.Blocks
	}
	return s, nil
}

// journaled takes what a journal of the image says of the pack's size, if that may be. It
// was made when somebody knew. If it is of a pack of another size the error says so, before
// a file of any size is read.
func (s *shape) journaled(blocks int) error {
	known := slices.ContainsFunc(Kinds, func(k Kind) bool { return k.Blocks == blocks })
	if s.open && (known && s.length <= int64(blocks)*block.Size || int64(blocks) == s.length/block.Size) {
		s.blocks = blocks
	}
	if s.blocks != blocks {
		return wrongSize(blocks, s.blocks)
	}
	return nil
}

// load reads the pack out of a file of this shape.
func (s *shape) load(f io.ReaderAt) (*block.Store, error) {
	store := block.NewStore(s.blocks)
	if err := store.Load(io.NewSectionReader(f, 0, s.length)); err != nil {
		return nil, err
	}
	// When a short image grew and the power went, its footer may still be where a block
	// is now.
	var b [block.Size]byte
	if s.footer != nil && s.length == s.full() && isFooter(s.footer, true) {
		for n := range s.blocks {
			if store.ReadBlock(n, b[:]); bytes.Equal(b[:], s.footer) {
				store.WriteBlock(n, make([]byte, block.Size))
			}
		}
	}
	return store, nil
}

// grow makes the file as long as the pack, with the footer behind it as before. It is
// on the disk so before anything is written to what was missing: at no time has the
// file a length that says nothing.
func (b *backing) grow() error {
	s := b.shape
	last, at := make([]byte, block.Size), s.full()-block.Size
	if s.footer != nil {
		last, at = s.footer, s.full()
	}
	steps := []struct {
		p  []byte
		at int64
	}{{last, at}}
	if s.footer != nil {
		steps = append(steps, struct {
			p  []byte
			at int64
		}{make([]byte, footerSize), s.length})
	}
	for _, step := range steps {
		if _, err := b.f.WriteAt(step.p, step.at); err != nil {
			return b.fail("write", int(step.at/block.Size), err)
		}
		if err := b.syncAll(); err != nil {
			return err
		}
	}
	s.length = s.full()
	s.size = s.length + int64(len(s.footer))
	return nil
}

// ImageBlocks returns how many blocks the pack of an image has, and whether its file is
// something else than these blocks: some are missing, or SIMH has put a footer behind
// them. A file that is as long as no pack has as many blocks as are in it.
func ImageBlocks(path string) (blocks int, odd bool, err error) {
	f, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return 0, false, &Error{Op: "open", Path: path, Block: -1, Err: err}
	}
	defer f.Close()
	s, err := measureFile(f, path, Kind{}, false)
	return s.blocks, s.footer != nil || s.length < s.full(), err
}

func measureFile(f *os.File, path string, kind Kind, anySize bool) (shape, error) {
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return shape{}, &Error{Op: "open", Path: path, Block: -1, Err: err}
	}
	return measure(f, path, st.Size(), kind, anySize)
}
