package fs

import (
	"errors"
	"fmt"
	"io"
)

// indirectDepth returns, for file block lbn, the index of the inode address
// that leads to it, the number of indirect blocks in between, and the block's
// number below that address.
func indirectDepth(lbn int) (addr, depth, rest int) {
	if lbn < NDirect {
		return lbn, 0, 0
	}
	rest = lbn - NDirect
	span := NIndirect
	for depth = 1; rest >= span; depth++ {
		rest -= span
		span *= NIndirect
	}
	return NDirect + depth - 1, depth, rest
}

// bmap returns the block that holds file block lbn of n, or 0 for a hole.
func (f *FS) bmap(n *Inode, lbn int) (uint32, error) {
	if lbn < 0 || lbn >= MaxFileBlocks {
		return 0, ErrTooBig
	}
	i, depth, rest := indirectDepth(lbn)
	b := n.Addr[i]
	for {
		if b == 0 {
			return 0, nil
		}
		if err := f.validBlock(b); err != nil {
			return 0, err
		}
		if depth == 0 {
			return b, nil
		}
		if err := f.dev.ReadBlock(int(b), f.buf[:]); err != nil {
			return 0, err
		}
		depth--
		b = uint32(Long(f.buf[4*(rest>>(7*depth)&(NIndirect-1)):]))
	}
}

// bmapAlloc is bmap that fills holes on the way; fresh says that the block is
// new and its contents are to be taken as zero. It changes n, not its copy on
// the device.
func (f *FS) bmapAlloc(n *Inode, lbn int) (block uint32, fresh bool, err error) {
	if lbn < 0 || lbn >= MaxFileBlocks {
		return 0, false, ErrTooBig
	}
	i, depth, rest := indirectDepth(lbn)
	get := f.allocBlock
	if depth > 0 {
		get = f.allocZeroed
	}
	b := n.Addr[i]
	if b == 0 {
		if b, err = get(); err != nil {
			return 0, false, err
		}
		n.Addr[i], fresh = b, true
	}
	for ; depth > 0; depth-- {
		if err := f.validBlock(b); err != nil {
			return 0, false, err
		}
		if err := f.dev.ReadBlock(int(b), f.buf[:]); err != nil {
			return 0, false, err
		}
		off := 4 * (rest >> (7 * (depth - 1)) & (NIndirect - 1))
		next := uint32(Long(f.buf[off:]))
		if fresh = next == 0; fresh {
			get = f.allocBlock
			if depth > 1 {
				get = f.allocZeroed
			}
			if next, err = get(); err != nil {
				return 0, false, err
			}
			// get used the scratch buffer.
			if err := f.dev.ReadBlock(int(b), f.buf[:]); err != nil {
				return 0, false, err
			}
			PutLong(f.buf[off:], int32(next))
			if err := f.dev.WriteBlock(int(b), f.buf[:]); err != nil {
				return 0, false, err
			}
		}
		b = next
	}
	return b, fresh, f.validBlock(b)
}

// readBlock reads file block lbn of n into p, zeros for a hole.
func (f *FS) readBlock(n *Inode, lbn int, p []byte) error {
	b, err := f.bmap(n, lbn)
	if err != nil {
		return err
	}
	if b == 0 {
		clear(p[:BlockSize])
		return nil
	}
	return f.dev.ReadBlock(int(b), p)
}

// writeAt writes p at off into file ino, whose inode is n, fills holes there
// and makes the file longer. On an error n and the device still agree and the
// file has what was written before it.
func (f *FS) writeAt(ino int, n *Inode, p []byte, off int64) (done int, err error) {
	if off < 0 || off+int64(len(p)) > MaxFileSize {
		return 0, fmt.Errorf("inode %d: %d bytes at %d: %w", ino, len(p), off, ErrTooBig)
	}
	defer func() {
		if end := off + int64(done); done > 0 && end > int64(n.Size) {
			n.Size = int32(end)
		}
		n.MTime, n.CTime = f.now, f.now
		if e := f.putInode(ino, n); err == nil {
			err = e
		}
	}()
	var block [BlockSize]byte
	for done < len(p) {
		pos := off + int64(done)
		in := int(pos % BlockSize)
		k := min(BlockSize-in, len(p)-done)
		b, fresh, err := f.bmapAlloc(n, int(pos/BlockSize))
		if err != nil {
			return done, fmt.Errorf("inode %d: %w", ino, err)
		}
		src := p[done : done+k]
		if k < BlockSize {
			if fresh {
				clear(block[:])
			} else if err := f.dev.ReadBlock(int(b), block[:]); err != nil {
				return done, fmt.Errorf("inode %d: %w", ino, err)
			}
			copy(block[in:], src)
			src = block[:]
		}
		if err := f.dev.WriteBlock(int(b), src); err != nil {
			return done, fmt.Errorf("inode %d: %w", ino, err)
		}
		done += k
	}
	return done, nil
}

// truncate sets the length of file ino, whose inode is n, and frees the blocks
// past it, the last first as the kernel does. A longer length makes a hole.
func (f *FS) truncate(ino int, n *Inode, size int64) error {
	if size < 0 || size > MaxFileSize {
		return fmt.Errorf("inode %d: length %d: %w", ino, size, ErrTooBig)
	}
	keep := int((size + BlockSize - 1) / BlockSize)
	// First see that every address is good, so that damage changes nothing.
	blocks := 0
	if err := f.checkTree(n, &blocks); err != nil {
		return fmt.Errorf("inode %d: %w", ino, err)
	}
	var tail uint32
	if in := size % BlockSize; in != 0 && size < int64(n.Size) {
		b, err := f.bmap(n, keep-1)
		if err != nil {
			return fmt.Errorf("inode %d: %w", ino, err)
		}
		tail = b
	}
	for i := NAddr - 1; i >= 0; i-- {
		first, depth := i, 0
		if i >= NDirect {
			depth = i - NDirect + 1
			first = NDirect
			for d := 1; d < depth; d++ {
				first += 1 << (7 * d)
			}
		}
		if n.Addr[i] == 0 {
			continue
		}
		empty, err := f.freeTree(n.Addr[i], first, depth, keep)
		if err != nil {
			return fmt.Errorf("inode %d: %w", ino, err)
		}
		if empty {
			n.Addr[i] = 0
		}
	}
	if tail != 0 {
		if err := f.dev.ReadBlock(int(tail), f.buf[:]); err != nil {
			return fmt.Errorf("inode %d: %w", ino, err)
		}
		clear(f.buf[size%BlockSize:])
		if err := f.dev.WriteBlock(int(tail), f.buf[:]); err != nil {
			return fmt.Errorf("inode %d: %w", ino, err)
		}
	}
	n.Size = int32(size)
	n.MTime, n.CTime = f.now, f.now
	return f.putInode(ino, n)
}

// checkTree validates every address of n and counts the blocks; a file with
// more blocks than the file system has is damaged.
func (f *FS) checkTree(n *Inode, count *int) error {
	for i, a := range n.Addr {
		if a != 0 {
			if err := f.checkSubtree(a, max(0, i-NDirect+1), count); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *FS) checkSubtree(b uint32, depth int, count *int) error {
	if err := f.validBlock(b); err != nil {
		return err
	}
	if *count++; *count > int(f.super.FSize) {
		return fmt.Errorf("block %d: reached more than once: %w", b, ErrDamaged)
	}
	if depth == 0 {
		return nil
	}
	var ind [BlockSize]byte
	if err := f.dev.ReadBlock(int(b), ind[:]); err != nil {
		return err
	}
	for i := range NIndirect {
		if a := uint32(Long(ind[4*i:])); a != 0 {
			if err := f.checkSubtree(a, depth-1, count); err != nil {
				return err
			}
		}
	}
	return nil
}

// freeTree frees what lies under block b, whose first file block is first, at
// and past file block keep; empty says that b itself was freed too.
func (f *FS) freeTree(b uint32, first, depth, keep int) (empty bool, err error) {
	if depth == 0 {
		if first < keep {
			return false, nil
		}
		return true, f.freeBlock(b)
	}
	if first+1<<(7*depth) <= keep {
		return false, nil
	}
	var ind [BlockSize]byte
	if err := f.dev.ReadBlock(int(b), ind[:]); err != nil {
		return false, err
	}
	changed := false
	for i := NIndirect - 1; i >= 0; i-- {
		a := uint32(Long(ind[4*i:]))
		if a == 0 {
			continue
		}
		gone, err := f.freeTree(a, first+i<<(7*(depth-1)), depth-1, keep)
		if err != nil {
			return false, err
		}
		if gone {
			PutLong(ind[4*i:], 0)
			changed = true
		}
	}
	if first >= keep {
		return true, f.freeBlock(b)
	}
	if changed {
		err = f.dev.WriteBlock(int(b), ind[:])
	}
	return false, err
}

// File reads a regular file or the raw entries of a directory, block by block,
// as an io.Reader and an io.ReaderAt.
type File struct {
	fs  *FS
	ino int
	n   Inode
	off int64
}

// Stat returns the file's inode as it was when the file was opened.
func (r *File) Stat() Stat { return Stat{r.ino, r.n} }

// Read implements io.Reader.
func (r *File) Read(p []byte) (int, error) {
	k, err := r.ReadAt(p, r.off)
	r.off += int64(k)
	if k > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return k, err
}

// ReadAt implements io.ReaderAt. Holes read as zeros.
func (r *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("inode %d: read at %d: negative offset", r.ino, off)
	}
	done := 0
	var block [BlockSize]byte
	for done < len(p) {
		pos := off + int64(done)
		left := int64(r.n.Size) - pos
		if left <= 0 {
			return done, io.EOF
		}
		in := int(pos % BlockSize)
		k := min(BlockSize-in, len(p)-done, int(min(left, BlockSize)))
		dst := block[:]
		if k == BlockSize {
			dst = p[done : done+k]
		}
		if err := r.fs.readBlock(&r.n, int(pos/BlockSize), dst); err != nil {
			return done, fmt.Errorf("inode %d: %w", r.ino, err)
		}
		if k < BlockSize {
			copy(p[done:done+k], block[in:])
		}
		done += k
	}
	return done, nil
}
