// Package block holds what a disk is made of here: blocks of 512 bytes, and an
// in-memory array of them that can be cloned in microseconds.
package block

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Size is the length of a block in bytes: an RK05 or RP03 sector, and a V7
// file-system block.
const Size = 512

// chunkBlocks is how many blocks are shared and copied together.
const chunkBlocks = 64

// chunk is the data of chunkBlocks consecutive blocks. One that stores share is
// never written.
type chunk [chunkBlocks * Size]byte

// Store is an array of blocks in memory. Blocks never written read as zeros and
// take no memory. Clone shares the data; each side copies a chunk of it before
// its own first write there.
//
// A Store may be used by one goroutine at a time; a store and its clones may be
// used by different goroutines at once.
type Store struct {
	n      int
	chunks []*chunk // nil: zeros
	owned  []bool   // owned[i]: no other store has chunks[i], it may be written
}

// RangeError tells of a block number outside a store.
type RangeError struct {
	Block  int // the block asked for
	Blocks int // how many there are
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("block %d is outside the disk of %d blocks", e.Block, e.Blocks)
}

// NewStore returns a store of n blocks of zeros. A negative n counts as 0.
func NewStore(n int) *Store {
	n = max(n, 0)
	c := (n + chunkBlocks - 1) / chunkBlocks
	return &Store{n: n, chunks: make([]*chunk, c), owned: make([]bool, c)}
}

// Blocks returns the number of blocks.
func (s *Store) Blocks() int { return s.n }

// check refuses block numbers outside the store and buffers of another length
// than Size.
func (s *Store) check(n int, p []byte) error {
	if n < 0 || n >= s.n {
		return &RangeError{Block: n, Blocks: s.n}
	}
	if len(p) != Size {
		return fmt.Errorf("block %d: buffer of %d bytes, a block has %d", n, len(p), Size)
	}
	return nil
}

// ReadBlock copies block n (0 to Blocks()-1) to p, which must be Size bytes long.
func (s *Store) ReadBlock(n int, p []byte) error {
	if err := s.check(n, p); err != nil {
		return err
	}
	if c := s.chunks[n/chunkBlocks]; c != nil {
		copy(p, c[n%chunkBlocks*Size:])
	} else {
		clear(p)
	}
	return nil
}

// WriteBlock sets block n (0 to Blocks()-1) to the Size bytes of p.
func (s *Store) WriteBlock(n int, p []byte) error {
	if err := s.check(n, p); err != nil {
		return err
	}
	copy(s.own(n / chunkBlocks)[n%chunkBlocks*Size:], p)
	return nil
}

// ReadAt implements io.ReaderAt: the blocks one after the other.
func (s *Store) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d of a disk", off)
	}
	const chunkBytes = chunkBlocks * Size
	done := 0
	for size := int64(s.n) * Size; done < len(p) && off < size; {
		in := off % chunkBytes
		part := p[done:min(int64(len(p)), int64(done)+chunkBytes-in, int64(done)+size-off)]
		if c := s.chunks[off/chunkBytes]; c != nil {
			copy(part, c[in:])
		} else {
			clear(part)
		}
		done, off = done+len(part), off+int64(len(part))
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// own returns chunk i ready to be written by this store.
func (s *Store) own(i int) *chunk {
	if !s.owned[i] {
		c := new(chunk)
		if old := s.chunks[i]; old != nil {
			*c = *old
		}
		s.chunks[i], s.owned[i] = c, true
	}
	return s.chunks[i]
}

// Clone returns a store with the same contents. It copies pointers only (an RK05
// has 77 of them). The caller must not use s elsewhere meanwhile; afterwards the
// two are independent, also in different goroutines.
func (s *Store) Clone() *Store {
	t := &Store{n: s.n, chunks: make([]*chunk, len(s.chunks)), owned: make([]bool, len(s.chunks))}
	copy(t.chunks, s.chunks)
	clear(s.owned)
	return t
}

// Diff yields, in ascending order, the numbers of the blocks whose contents
// differ between s and t. Chunks that the two share cost one pointer comparison.
// If the stores differ in length, every block that only one has is yielded.
// Neither may be written during the iteration.
func (s *Store) Diff(t *Store) iter.Seq[int] {
	return func(yield func(int) bool) {
		both := min(s.n, t.n)
		for i := 0; i*chunkBlocks < both; i++ {
			a, b := s.chunks[i], t.chunks[i]
			if a == b {
				continue
			}
			for n := i * chunkBlocks; n < min((i+1)*chunkBlocks, both); n++ {
				if sameBlock(a, b, n%chunkBlocks) {
					continue
				}
				if !yield(n) {
					return
				}
			}
		}
		for n := both; n < max(s.n, t.n); n++ {
			if !yield(n) {
				return
			}
		}
	}
}

// zeros stands for a chunk that was never written.
var zeros chunk

// sameBlock says whether block k of the chunks a and b is the same.
func sameBlock(a, b *chunk, k int) bool {
	if a == nil {
		a = &zeros
	}
	if b == nil {
		b = &zeros
	}
	return [Size]byte(a[k*Size:]) == [Size]byte(b[k*Size:])
}

// Load sets the store to the first Blocks()*Size bytes of r. What lies behind
// r's end is zeros; blocks of zeros take no memory. On an error the store is
// unchanged.
func (s *Store) Load(r io.ReaderAt) error {
	t := NewStore(s.n)
	var c *chunk
	for i := range t.chunks {
		if c == nil {
			c = new(chunk)
		}
		buf := c[:min(chunkBlocks, s.n-i*chunkBlocks)*Size]
		got, err := r.ReadAt(buf, int64(i)*chunkBlocks*Size)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("load block %d: %w", i*chunkBlocks+got/Size, err)
		}
		clear(buf[got:])
		if *c != zeros {
			t.chunks[i], t.owned[i], c = c, true, nil
		}
		if err != nil {
			break
		}
	}
	*s = *t
	return nil
}
