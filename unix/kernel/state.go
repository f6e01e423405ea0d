package kernel

import (
	"errors"
	"fmt"

	"v7em/block"
	"v7em/unix/fs"
)

// Parts are the parts of a file system's state that the kernel has in memory.
type Parts uint8

// The parts. A state without one of them is damaged; only tests and
// demonstrations leave one out.
const (
	Delayed Parts = 1 << iota // buffers whose write is delayed
	Queued                    // buffers whose write is queued or under way
	Inodes                    // inodes that have changed
	Supers                    // superblocks
	Orphans                   // files without links that are open: freed

	// Unsettled is no part, and for tests only: the state is taken though operations
	// are under way.
	Unsettled Parts = 1 << 7

	AllParts = Delayed | Queued | Inodes | Supers | Orphans
)

// State returns what the pack in a drive would hold if the kernel wrote out all
// that it has of it: the pack's blocks as they are, the buffers of its devices,
// the inodes and the superblocks of the file systems mounted from it, and the
// blocks and inodes of open files without links (and of pipes) free. The
// instant must be settled. An error means that the tables contradict each
// other in a way that they never do then; it wraps ErrUnknown.
//
// What is Doubtful stays as it is on the pack. A volume whose state cannot be had,
// since it was damaged before, becomes Wrong; what State returns for it is of no use.
//
// pack is not changed but for what block.Store.Clone does.
func (v *View) State(d Drive, pack *block.Store, parts Parts) (*block.Store, error) {
	if parts&Unsettled == 0 {
		if err := v.atRest(); err != nil {
			return nil, err
		}
	}
	s := pack.Clone()
	if err := v.putBuffers(d, s, parts); err != nil {
		return nil, err
	}
	for i := range v.mounts {
		m := &v.mounts[i]
		if m.Drive != d || m.ReadOnly || m.Wrong != "" {
			continue
		}
		vol := fs.Region{Device: s, Start: m.First, N: m.Blocks}
		var err error
		if parts&Inodes != 0 {
			err = v.putInodes(m, vol)
		}
		if parts&Supers != 0 && err == nil {
			err = v.putSuper(m, vol)
		}
		if parts&Orphans != 0 && err == nil {
			err = v.freeOrphans(m, vol)
		}
		if err != nil {
			m.Wrong = fmt.Sprintf("its state cannot be had: %v", err)
		}
	}
	return s, nil
}

// atRest checks what must be so at a settled instant.
func (v *View) atRest() error {
	r := &reader{g: v.g}
	if r.word(v.k.updlock) != 0 {
		return unknown("a sync is under way")
	}
	if v.locked() {
		return unknown("an inode or buffer is locked")
	}
	for i := range v.procs {
		if p := &v.procs[i]; p.flag&pSys == 0 && p.within() {
			return unknown("process %d is within an operation", p.pid)
		}
	}
	for i, b := range v.bufs {
		if b.flags&bDelwri != 0 && b.flags&(bBusy|bDone|bError) != bDone {
			return unknown("buffer %d has flags %06o", i, b.flags)
		}
	}
	for _, m := range v.mounts {
		var raw [fs.BlockSize]byte
		var s fs.Super
		r.bytes(m.super, raw[:])
		if s.Decode(raw[:]); s.FLock != 0 || s.ILock != 0 {
			return unknown("the superblock of device %06o is locked", m.Dev)
		}
		if m.OnInode == 0 {
			continue
		}
		if n := v.inode(m.OnDev, int(m.OnInode)); n == nil || n.flag&iMount == 0 {
			return unknown("device %06o is mounted on inode %d, which does not know it", m.Dev, m.OnInode)
		}
	}
	return nil
}

// inode returns the inode in memory, or nil.
func (v *View) inode(dev uint16, number int) *inode {
	for i := range v.inodes {
		if n := &v.inodes[i]; n.dev == dev && n.number == number {
			return n
		}
	}
	return nil
}

// putBuffers writes the buffers of a drive that are newer than the pack: also of
// what is not mounted, since umount returns with writes queued.
func (v *View) putBuffers(d Drive, s *block.Store, parts Parts) error {
	r := &reader{g: v.g}
	var data [fs.BlockSize]byte
	volumes := v.Volumes()
	for i := range v.bufs {
		b := &v.bufs[i]
		if !(b.dev != noDev && b.flags&bDelwri != 0 && parts&Delayed != 0) && !(b.queued() && parts&Queued != 0) {
			continue
		}
		at, ok := v.region(b.dev)
		if !ok || at.drive != d || b.blkno < 0 || int(b.blkno) >= at.blocks {
			continue // the driver would refuse it
		}
		if Doubtful(volumes, d, at.first+int(b.blkno)) {
			continue
		}
		r.bytes(b.data, data[:])
		if err := s.WriteBlock(at.first+int(b.blkno), data[:]); err != nil {
			return fmt.Errorf("%w: %w", ErrUnknown, err)
		}
	}
	return nil
}

// cached returns the buffer in which the kernel would find a block without reading
// it, or nil. What a program writes past the buffers, to a raw device, it has not.
func (v *View) cached(dev uint16, blkno int) *buf {
	for i := range v.bufs {
		b := &v.bufs[i]
		if b.dev == dev && int(b.blkno) == blkno && b.flags&(bDone|bError) == bDone {
			return b
		}
	}
	return nil
}

// putInodes writes the inodes that have changed into the blocks that hold them, as
// V7's iupdat does: into the kernel's buffer of the block, if it has one, and with
// new times only where a flag stands for them.
func (v *View) putInodes(m *mount, vol fs.Region) error {
	var raw [fs.BlockSize]byte
	taken := map[int]bool{} // blocks that begin as the kernel's buffer has them
	for i := range v.inodes {
		n := &v.inodes[i]
		if n.dev != m.Dev || n.flag&(iUpd|iAcc|iChg) == 0 {
			continue
		}
		b, off := fs.InodeBlock(n.number)
		if c := v.cached(m.Dev, b); c != nil && !taken[b] {
			taken[b] = true
			(&reader{g: v.g}).bytes(c.data, raw[:])
		} else if err := vol.ReadBlock(b, raw[:]); err != nil {
			return err
		}
		var old fs.Inode
		old.Decode(raw[off:])
		node := n.node
		node.ATime, node.MTime, node.CTime = old.ATime, old.MTime, old.CTime
		if n.flag&iAcc != 0 {
			node.ATime = v.Time
		}
		if n.flag&iUpd != 0 {
			node.MTime = v.Time
		}
		if n.flag&iChg != 0 {
			node.CTime = v.Time
		}
		node.Encode(raw[off : off+fs.InodeSize])
		if err := vol.WriteBlock(b, raw[:]); err != nil {
			return err
		}
	}
	return nil
}

// putSuper writes a superblock as V7's update does: if it has changed since it was
// read or written last (s_fmod), and stamped. One that has not stays as the pack has
// it: somebody may have put it right there, as icheck -s does on a mounted root.
func (v *View) putSuper(m *mount, vol fs.Region) error {
	var raw [fs.BlockSize]byte
	(&reader{g: v.g}).bytes(m.super, raw[:])
	var s fs.Super
	if s.Decode(raw[:]); s.FMod == 0 || s.ROnly != 0 || s.FLock != 0 || s.ILock != 0 {
		return nil
	}
	s.FMod, s.Time = 0, v.Time
	s.Encode(raw[:])
	return vol.WriteBlock(fs.SuperBlock, raw[:])
}

// freeOrphans frees the files that have no links left but are open.
func (v *View) freeOrphans(m *mount, vol fs.Region) error {
	var f *fs.FS
	for i := range v.inodes {
		n := &v.inodes[i]
		if n.dev != m.Dev || n.node.Nlink > 0 || n.node.Mode == 0 {
			continue
		}
		if f == nil {
			var err error
			if f, err = fs.Open(vol); err != nil {
				return err
			}
			f.SetClock(fs.UnixTime(v.Time))
		}
		// One with impossible blocks was damaged before; it stays as it is.
		if _, err := f.FreeOrphan(n.number); err != nil && !errors.Is(err, fs.ErrDamaged) {
			return err
		}
	}
	if f == nil {
		return nil
	}
	return f.Sync()
}
