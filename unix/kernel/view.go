package kernel

import (
	"fmt"
	"slices"

	"v7em/unix/fs"
)

// View is a kernel's memory at one instant, read and checked.
type View struct {
	k *Kernel
	g *Guest

	// Time is the kernel's clock, in seconds since 1970.
	Time int32

	tabs    []uint16 // the drivers' tables, by major number; 0: no such device
	parts   [8]part  // of an RP03
	bufs    []buf
	inodes  []inode // those in use
	mounts  []mount // the root first
	procs   []proc  // those in use
	swapdev uint16
	swplo   int32
	nswap   int
}

// part is a partition of an RP03, in blocks.
type part struct{ first, blocks int }

// buf is a buffer.
type buf struct {
	flags uint16
	dev   uint16
	blkno int32
	data  uint16 // address
}

// queued says that the buffer's block is being written, or waits for that.
func (b *buf) queued() bool {
	return b.dev != noDev && b.flags&(bBusy|bRead|bDone) == bBusy
}

// inode is an inode in memory.
type inode struct {
	flag   uint8
	dev    uint16
	number int
	node   fs.Inode // without the times
}

// mount is an entry of the mount table.
type mount struct {
	Volume
	super uint16 // address of the superblock
}

// Look reads and checks what a kernel has in memory, at an instant at which the
// processor is in user mode or in WAIT: at others tables may be half changed. An
// error wraps ErrUnknown.
func (k *Kernel) Look(g *Guest) (*View, error) {
	if !g.User && !g.Waiting {
		return nil, because(AtWork, "tables may be half changed")
	}
	if !k.Loaded(g) {
		return nil, notV7("its text is not in memory")
	}
	v := &View{k: k, g: g}
	r := &reader{g: g}
	v.Time = r.long(k.time)
	v.swapdev = r.word(k.swapdev)
	v.swplo = r.long(k.swplo)
	if k.nswap != 0 {
		v.nswap = int(r.word(k.nswap))
	}
	if err := k.Up(g); err != nil {
		return nil, err
	}
	for _, step := range []func(*reader) error{v.readDevices, v.readBufs, v.readLists, v.readMounts, v.readInodes,
		v.checkMounts, v.readProcs} {
		err := step(r)
		if r.bad {
			err = unknown("a table is not in memory")
		}
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Up says why the kernel, which is loaded, does no work for anybody: it is NotUp, or has
// Panicked. The processor may do anything.
func (k *Kernel) Up(g *Guest) error {
	r := &reader{g: g}
	switch {
	case r.word(k.panicstr) != 0:
		return because(Panicked, "panicstr is set")
	case r.word(k.mount.at(0)+mountBuf) == 0 || r.byte(k.proc.at(1)+procStat) == 0:
		return because(NotUp, "it has no root yet, or no init")
	}
	return nil
}

// readDevices reads the table of block devices and the partitions of an RP03.
func (v *View) readDevices(r *reader) error {
	k := v.k
	for i := range k.bdev.n {
		e := k.bdev.at(i)
		if r.word(e+bdevOpen) == 0 {
			break
		}
		tab := r.word(e + bdevTab)
		if tab%2 != 0 || tab >= dataEnd {
			return unknown("device table %d is at %06o", i, tab)
		}
		v.tabs = append(v.tabs, tab)
	}
	if n := int(r.word(k.nblkdev)); n == 0 || n != len(v.tabs) {
		return unknown("%d block devices, of %d", n, len(v.tabs))
	}
	if k.rptab == 0 {
		return nil
	}
	for i := range v.parts {
		e := k.rpSizes + uint16(i*partSize)
		blocks, first := int(r.long(e)), int(r.word(e+4))*rpCylinder
		if blocks < 0 || blocks > rpBlocks || first+blocks > rpBlocks {
			return unknown("partition %d of an RP03 has %d blocks from %d on", i, blocks, first)
		}
		v.parts[i] = part{first, blocks}
	}
	return nil
}

// readBufs reads the buffers. Each has the room in memory that it was given in
// the beginning.
func (v *View) readBufs(r *reader) error {
	k := v.k
	v.bufs = make([]buf, k.buf.n)
	for i := range v.bufs {
		e := k.buf.at(i)
		b := buf{
			flags: r.word(e + bufFlags),
			dev:   r.word(e + bufDev),
			blkno: r.long(e + bufBlkno),
			data:  r.word(e + bufAddr),
		}
		if b.data != k.buffers.at(i) || r.byte(e+bufXmem) != 0 {
			return unknown("buffer %d has its data at %06o", i, b.data)
		}
		v.bufs[i] = b
	}
	return nil
}

// readLists checks the lists that the buffers are on: each is on that of its
// device, or on that of the buffers without one, and just those that are not
// busy are on the list of free ones.
func (v *View) readLists(r *reader) error {
	k := v.k
	ring := func(head, forw, back uint16, seen func(i int) bool) error {
		last := head
		for p, n := r.word(head+forw), 0; ; p, n = r.word(p+forw), n+1 {
			if n > k.buf.n || r.word(p+back) != last {
				return unknown("the list of buffers at %06o is broken at %06o", head, p)
			}
			if p == head {
				return nil
			}
			i, ok := k.buf.index(p)
			if !ok || !seen(i) {
				return unknown("the list of buffers at %06o has %06o", head, p)
			}
			last = p
		}
	}
	on := make([]bool, k.buf.n)
	count := 0
	add := func(i int, ok bool) bool {
		ok = ok && !on[i]
		on[i] = true
		count++
		return ok
	}
	for major, tab := range v.tabs {
		if tab == 0 || slices.Index(v.tabs, tab) < major {
			continue
		}
		err := ring(tab, bufForw, bufBack, func(i int) bool {
			d := v.bufs[i].dev
			return add(i, d == noDev || int(d>>8) < len(v.tabs) && v.tabs[d>>8] == tab)
		})
		if err != nil {
			return err
		}
	}
	err := ring(k.freelist, bufForw, bufBack, func(i int) bool { return add(i, v.bufs[i].dev == noDev) })
	if err != nil {
		return err
	}
	if count != k.buf.n {
		return unknown("%d of %d buffers are on the lists of devices", count, k.buf.n)
	}

	free := make([]bool, k.buf.n)
	err = ring(k.freelist, avForw, avBack, func(i int) bool {
		free[i] = true
		return v.bufs[i].flags&bBusy == 0
	})
	if err != nil {
		return err
	}
	type place struct {
		dev   uint16
		blkno int32
	}
	at := map[place]bool{}
	for i, b := range v.bufs {
		if free[i] != (b.flags&bBusy == 0) {
			return unknown("buffer %d has flags %06o, and its place on the free list contradicts that", i, b.flags)
		}
		if b.dev == noDev {
			continue
		}
		p := place{b.dev, b.blkno}
		if at[p] {
			return unknown("two buffers have block %d of device %06o", b.blkno, b.dev)
		}
		at[p] = true
	}
	return nil
}

// readMounts reads the mount table.
func (v *View) readMounts(r *reader) error {
	k := v.k
	for i := range k.mount.n {
		e := k.mount.at(i)
		bp := r.word(e + mountBuf)
		if bp == 0 {
			if i == 0 {
				return unknown("no root is mounted")
			}
			continue
		}
		b, ok := k.buf.index(bp)
		if !ok || v.bufs[b].flags&bBusy == 0 || v.bufs[b].dev != noDev {
			return unknown("mount %d has its superblock in %06o", i, bp)
		}
		m := mount{super: v.bufs[b].data}
		m.Dev = r.word(e + mountDev)
		if i == 0 && m.Dev != r.word(k.rootdev) {
			return unknown("the root is device %06o, and %06o is mounted there", r.word(k.rootdev), m.Dev)
		}
		at, disk := v.region(m.Dev)
		m.Drive, m.First, m.Extent = at.drive, at.first, at.blocks
		var s fs.Super
		var raw [fs.BlockSize]byte
		r.bytes(m.super, raw[:])
		s.Decode(raw[:])
		m.Blocks, m.ReadOnly = int(s.FSize), s.ROnly != 0
		m.Wrong = impossible(&s, at.blocks)
		if !disk {
			m.Wrong = "it is no disk of this machine"
		}
		if m.Wrong != "" {
			m.Blocks = at.blocks
		}
		for _, o := range v.mounts {
			switch {
			case o.Dev == m.Dev:
				return unknown("device %06o is mounted twice", m.Dev)
			case o.super == m.super:
				return unknown("devices %06o and %06o have one superblock", o.Dev, m.Dev)
			case m.Wrong == "" && o.Wrong == "" && m.overlaps(&o.Volume):
				m.Wrong = fmt.Sprintf("it overlaps device %06o, which was mounted before", o.Dev)
			}
		}
		if node := r.word(e + mountNode); i > 0 {
			if _, ok := k.inode.index(node); !ok {
				return unknown("device %06o is mounted on %06o", m.Dev, node)
			}
			m.OnDev, m.OnInode = r.word(node+inodeDev), r.word(node+inodeNumber)
		}
		v.mounts = append(v.mounts, m)
	}
	return nil
}

// impossible says what in a superblock cannot be, on a device of so many blocks; empty:
// nothing.
func impossible(s *fs.Super, blocks int) string {
	switch {
	case s.ISize <= fs.FirstIBlock || s.FSize <= int32(s.ISize):
		return fmt.Sprintf("its superblock is impossible: s_isize %d, s_fsize %d", s.ISize, s.FSize)
	case int(s.FSize) > blocks:
		return fmt.Sprintf("its superblock is impossible: s_fsize %d, and the device has %d blocks", s.FSize, blocks)
	case s.NFree < 0 || s.NFree > fs.NICFree:
		return fmt.Sprintf("its superblock is impossible: s_nfree %d", s.NFree)
	case s.NInode < 0 || s.NInode > fs.NICInode:
		return fmt.Sprintf("its superblock is impossible: s_ninode %d", s.NInode)
	}
	return ""
}

// checkMounts checks that what is mounted on is mounted.
func (v *View) checkMounts(*reader) error {
	for _, m := range v.mounts[1:] {
		if v.mount(m.OnDev) == nil {
			return unknown("device %06o is mounted on device %06o, which is not", m.Dev, m.OnDev)
		}
	}
	return nil
}

// mount returns the mounted file system with a device number, or nil.
func (v *View) mount(dev uint16) *mount {
	for i := range v.mounts {
		if v.mounts[i].Dev == dev {
			return &v.mounts[i]
		}
	}
	return nil
}

// readInodes reads the inodes in use.
func (v *View) readInodes(r *reader) error {
	k := v.k
	type place struct {
		dev    uint16
		number int
	}
	at := map[place]bool{}
	for i := range k.inode.n {
		e := k.inode.at(i)
		if r.byte(e+inodeCount) == 0 {
			continue
		}
		n := inode{flag: r.byte(e + inodeFlag), dev: r.word(e + inodeDev), number: int(r.word(e + inodeNumber))}
		m := v.mount(n.dev)
		if m == nil {
			return unknown("inode %d of device %06o is in use, which is not mounted", n.number, n.dev)
		}
		if isize := int(r.word(m.super)); m.Wrong == "" && (n.number < 1 ||
			n.number > (isize-fs.FirstIBlock)*fs.InodesBlock) {
			m.Wrong = fmt.Sprintf("inode %d is in use, and it has none", n.number) // a directory names it
		}
		p := place{n.dev, n.number}
		if at[p] {
			return unknown("inode %d of device %06o is in use twice", n.number, n.dev)
		}
		at[p] = true
		n.node = fs.Inode{
			Mode:  r.word(e + inodeMode),
			Nlink: int16(r.word(e + inodeNlink)),
			UID:   int16(r.word(e + inodeUID)),
			GID:   int16(r.word(e + inodeGID)),
			Size:  r.long(e + inodeSizeL),
		}
		for j := range n.node.Addr {
			n.node.Addr[j] = uint32(r.long(e + inodeAddr + uint16(4*j)))
		}
		v.inodes = append(v.inodes, n)
	}
	if len(v.inodes) == 0 {
		return unknown("no inode is in use")
	}
	return nil
}
