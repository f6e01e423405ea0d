package fs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
)

// Device is an array of 512-byte blocks that may hold a file system. Block
// numbers run from 0 to Blocks()-1; p is exactly one block long. A block
// number out of range is an error.
type Device interface {
	Blocks() int
	ReadBlock(n int, p []byte) error
	WriteBlock(n int, p []byte) error
}

var (
	// ErrReadOnly is returned, wrapped, for a write to a device opened read-only.
	ErrReadOnly = errors.New("opened read-only")
	// ErrInUse is returned, wrapped, for a host file that another program has
	// open and locked, such as a pack in a running machine.
	ErrInUse = errors.New("in use by another program")
)

func rangeErr(what string, n, blocks int) error {
	return fmt.Errorf("%s block %d: out of range (the device has %d blocks)", what, n, blocks)
}

// Mem is a Device in memory.
type Mem struct {
	b []byte
}

// NewMem returns a Device of the given number of zeroed blocks.
func NewMem(blocks int) *Mem { return &Mem{make([]byte, blocks*BlockSize)} }

// MemOf returns a Device over the bytes of an image, which it keeps and
// changes. A last block that is not whole is left out.
func MemOf(image []byte) *Mem { return &Mem{image[: len(image)&^(BlockSize-1) : len(image)]} }

// Bytes returns the device's contents, not a copy.
func (m *Mem) Bytes() []byte { return m.b }

// Block returns block n's bytes, not a copy. It panics when n is out of range.
func (m *Mem) Block(n int) []byte { return m.b[n*BlockSize : (n+1)*BlockSize : (n+1)*BlockSize] }

// Clone returns a copy that shares nothing with m.
func (m *Mem) Clone() *Mem { return &Mem{slices.Clone(m.b)} }

// Blocks implements Device.
func (m *Mem) Blocks() int { return len(m.b) / BlockSize }

// ReadBlock implements Device.
func (m *Mem) ReadBlock(n int, p []byte) error {
	if n < 0 || n >= m.Blocks() {
		return rangeErr("read", n, m.Blocks())
	}
	copy(p[:BlockSize], m.b[n*BlockSize:])
	return nil
}

// WriteBlock implements Device.
func (m *Mem) WriteBlock(n int, p []byte) error {
	if n < 0 || n >= m.Blocks() {
		return rangeErr("write", n, m.Blocks())
	}
	copy(m.b[n*BlockSize:(n+1)*BlockSize], p)
	return nil
}

// HostFile is a Device over part of a host file.
type HostFile struct {
	f        *os.File
	name     string
	offset   int
	blocks   int
	readOnly bool
}

// OpenHostFile opens the part of a host file that starts at block offset and
// is blocks long. With blocks 0 it ends where the file does, without a last
// block that is not whole. With a given length, blocks past the end of the
// file read as zeros and a write to one makes the file longer: emulators leave
// off the part of a pack that was never written.
//
// It takes the advisory lock on the file, alone to write and shared to read, for
// as long as the file is open.
func OpenHostFile(name string, offset, blocks int, readOnly bool) (*HostFile, error) {
	if offset < 0 || blocks < 0 || offset > MaxBlocks || blocks > MaxBlocks {
		return nil, fmt.Errorf("%s: a region at block %d of %d blocks: must be between 0 and %d", name, offset,
			blocks, MaxBlocks)
	}
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(name, flag|syscall.O_NONBLOCK, 0) // a pipe would wait for its other end
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
	case st.IsDir():
		err = fmt.Errorf("%s: is a directory, not a disk image", name)
	case st.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0:
		err = fmt.Errorf("%s: is a pipe, not a disk image", name)
	}
	if err == nil {
		if err = Lock(f, !readOnly); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	if blocks == 0 {
		size, err := f.Seek(0, io.SeekEnd) // not st.Size: a host block device has none
		if err != nil {
			f.Close()
			return nil, err
		}
		total := min(size/BlockSize, 2*MaxBlocks)
		blocks = min(int(total)-offset, MaxBlocks)
		if blocks <= 0 {
			f.Close()
			return nil, fmt.Errorf("%s: has %d blocks of %d bytes, so nothing at block offset %d", name, total,
				BlockSize, offset)
		}
	}
	return &HostFile{f, name, offset, blocks, readOnly}, nil
}

// Blocks implements Device.
func (h *HostFile) Blocks() int { return h.blocks }

// ReadBlock implements Device.
func (h *HostFile) ReadBlock(n int, p []byte) error {
	if n < 0 || n >= h.blocks {
		return fmt.Errorf("%s: %w", h.name, rangeErr("read", n, h.blocks))
	}
	p = p[:BlockSize]
	k, err := h.f.ReadAt(p, int64(h.offset+n)*BlockSize)
	if err == io.EOF {
		clear(p[k:])
		err = nil
	}
	if err != nil {
		return fmt.Errorf("block %d: %w", n, err)
	}
	return nil
}

// WriteBlock implements Device.
func (h *HostFile) WriteBlock(n int, p []byte) error {
	if h.readOnly {
		return fmt.Errorf("%s: write block %d: %w", h.name, n, ErrReadOnly)
	}
	if n < 0 || n >= h.blocks {
		return fmt.Errorf("%s: %w", h.name, rangeErr("write", n, h.blocks))
	}
	if _, err := h.f.WriteAt(p[:BlockSize], int64(h.offset+n)*BlockSize); err != nil {
		return fmt.Errorf("block %d: %w", n, err)
	}
	return nil
}

// Sync makes what was written durable.
func (h *HostFile) Sync() error { return h.f.Sync() }

// Close closes the host file; it does not sync.
func (h *HostFile) Close() error { return h.f.Close() }

// Region is a Device over N blocks of another one, from its block Start on. A block
// past the other's end is an error of that one.
type Region struct {
	Device
	Start, N int
}

// Blocks implements Device.
func (r Region) Blocks() int { return r.N }

// ReadBlock implements Device.
func (r Region) ReadBlock(n int, p []byte) error {
	if n < 0 || n >= r.N {
		return rangeErr("read", n, r.N)
	}
	return r.Device.ReadBlock(r.Start+n, p)
}

// WriteBlock implements Device.
func (r Region) WriteBlock(n int, p []byte) error {
	if n < 0 || n >= r.N {
		return rangeErr("write", n, r.N)
	}
	return r.Device.WriteBlock(r.Start+n, p)
}

// Cache is a Device that holds every block written until Flush, and every
// block read. An operation that fails half-way can so be given up without a
// trace in the device below.
type Cache struct {
	dev    Device
	blocks map[int]*cacheBlock
}

type cacheBlock struct {
	dirty bool
	b     [BlockSize]byte
}

// NewCache returns an empty Cache over dev.
func NewCache(dev Device) *Cache {
	return &Cache{dev: dev, blocks: make(map[int]*cacheBlock)}
}

// Blocks implements Device.
func (c *Cache) Blocks() int { return c.dev.Blocks() }

// ReadBlock implements Device.
func (c *Cache) ReadBlock(n int, p []byte) error {
	cb := c.blocks[n]
	if cb == nil {
		cb = new(cacheBlock)
		if err := c.dev.ReadBlock(n, cb.b[:]); err != nil {
			return err
		}
		c.blocks[n] = cb
	}
	copy(p[:BlockSize], cb.b[:])
	return nil
}

// WriteBlock implements Device.
func (c *Cache) WriteBlock(n int, p []byte) error {
	if n < 0 || n >= c.dev.Blocks() {
		return rangeErr("write", n, c.dev.Blocks())
	}
	cb := c.blocks[n]
	if cb == nil {
		cb = new(cacheBlock)
		c.blocks[n] = cb
	}
	copy(cb.b[:], p[:BlockSize])
	cb.dirty = true
	return nil
}

// Flush writes the held blocks to the device below, in ascending order. It
// does not make them durable.
func (c *Cache) Flush() error {
	dirty := make([]int, 0, len(c.blocks))
	for n, cb := range c.blocks {
		if cb.dirty {
			dirty = append(dirty, n)
		}
	}
	slices.Sort(dirty)
	for _, n := range dirty {
		if err := c.dev.WriteBlock(n, c.blocks[n].b[:]); err != nil {
			return err
		}
		c.blocks[n].dirty = false
	}
	return nil
}
