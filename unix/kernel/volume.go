package kernel

import (
	"fmt"

	"v7em/unix/fs"
)

// Controller is a kind of disks.
type Controller int

// The controllers whose packs can be told from a device number.
const (
	RK Controller = iota // RK11 with RK05 drives
	RP                   // RP11 with RP03 drives
)

// Drive is one drive of the machine.
type Drive struct {
	Controller Controller
	Unit       int // 0 to 7
}

// String is the drive's usual name: rk0, rp1.
func (d Drive) String() string {
	return fmt.Sprintf("%s%d", [...]string{"rk", "rp"}[d.Controller&1], d.Unit)
}

// The sizes of packs in blocks, and of an RP03's cylinder.
const (
	rkBlocks   = 4872
	rpBlocks   = 81200
	rpCylinder = 200
)

// region is what a block device number stands for: blocks of a pack.
type region struct {
	drive         Drive
	first, blocks int
}

// region returns what a device number stands for, as the kernel's driver has it.
// A device that is no disk of this machine is false.
func (v *View) region(dev uint16) (region, bool) {
	major, minor := int(dev>>8), int(dev&0o377)
	if major >= len(v.tabs) {
		return region{}, false
	}
	switch tab := v.tabs[major]; {
	case tab == 0:
		return region{}, false
	case tab == v.k.rktab:
		return region{Drive{RK, minor & 7}, 0, rkBlocks}, true
	case tab == v.k.rptab:
		p := v.parts[minor&7]
		return region{Drive{RP, minor >> 3 & 7}, p.first, p.blocks}, p.blocks > 0
	}
	return region{}, false
}

// Volume is a mounted file system.
type Volume struct {
	Dev   uint16 // the device number, major in the high byte
	Drive Drive
	First int // its boot block, on the pack
	// Blocks is the size of the file system (s_fsize); what follows on the pack is
	// not part of it.
	Blocks   int
	ReadOnly bool // mounted so
	// OnDev and OnInode are the directory that it is mounted on; 0 for the root.
	OnDev, OnInode uint16

	// Wrong says why what is mounted cannot be a file system, or not this one; empty: it
	// can. V7 mounts what it is given. State leaves such a volume as its writes have left
	// it, Extent blocks from First on: all of the device that no other volume has. Extent
	// is 0 for one that is on no disk, as on a tape; Drive says nothing then.
	Wrong  string
	Extent int
	// Exchanged says that it is Wrong because another pack is in the drive than the one
	// that was mounted: see View.Exchange.
	Exchanged bool
}

// Exchange says that the pack in a mounted device's drive is another than the one that
// V7 has mounted. What V7 has in memory of that is not for this one, which is left as
// its writes leave it.
func (v *View) Exchange(dev uint16) {
	if m := v.mount(dev); m != nil {
		m.Exchanged, m.Blocks = true, m.Extent
		m.Wrong = "what V7 has mounted was another one; it is left alone until it is mounted"
	}
}

// Fits says whether what V7 has in memory of a mounted device may be of the pack in the
// drive. The superblock was read there, or written last: as long as nothing has changed it
// both are alike, and their sizes, names and times in any case. The root's may have been
// put right on the pack meanwhile (icheck -s); there it is enough that most of the inodes
// in memory that have not changed are those of the pack.
func (v *View) Fits(dev uint16, pack Blocks) bool {
	m := v.mount(dev)
	if m == nil || pack == nil {
		return false
	}
	var mem, disk [fs.BlockSize]byte
	(&reader{g: v.g}).bytes(m.super, mem[:])
	if v.read(m, fs.SuperBlock, pack, disk[:]) != nil {
		return false
	}
	var a, b fs.Super
	a.Decode(mem[:])
	b.Decode(disk[:])
	if a.ISize != b.ISize || a.FSize != b.FSize || a.FName != b.FName || a.FPack != b.FPack {
		return false
	}
	fmod := a.FMod != 0
	b.FLock, b.ILock, b.FMod, b.ROnly = a.FLock, a.ILock, a.FMod, a.ROnly
	if fmod && a.Time == b.Time || a == b {
		return true
	}
	if m != &v.mounts[0] {
		return false
	}
	match, all := 0, 0
	for i := range v.inodes {
		n := &v.inodes[i]
		at, off := fs.InodeBlock(n.number)
		if n.dev != dev || n.flag&(iUpd|iAcc|iChg) != 0 || v.read(m, at, pack, disk[:]) != nil {
			continue
		}
		var own fs.Inode
		own.Decode(disk[off:])
		own.ATime, own.MTime, own.CTime = 0, 0, 0
		if all++; own == n.node {
			match++
		}
	}
	return all > 0 && 2*match > all
}

// read reads a block of a mounted device as the kernel will have it written.
func (v *View) read(m *mount, n int, pack Blocks, p []byte) error {
	if b := v.cached(m.Dev, n); b != nil && b.flags&bDelwri != 0 {
		(&reader{g: v.g}).bytes(b.data, p)
		return nil
	}
	return pack.ReadBlock(m.First+n, p)
}

// Mounted returns the numbers of the devices in the mount table. It is quick and checks
// nothing; the processor may do anything.
func (k *Kernel) Mounted(g *Guest) []uint16 {
	var list []uint16
	r := &reader{g: g}
	for i := range k.mount.n {
		if e := k.mount.at(i); r.word(e+mountBuf) != 0 {
			list = append(list, r.word(e+mountDev))
		}
	}
	return list
}

// Swap returns which blocks of which pack the kernel uses for swapping: from first on,
// so many. They are no file system's. False means that it swaps to no disk of this
// machine.
func (v *View) Swap() (d Drive, first, blocks int, ok bool) {
	at, ok := v.region(v.swapdev)
	// V7 counts swap space from 1 on, and begins by making swplo one less (startup). The
	// first block is swplo+1.
	from := int(v.swplo) + 1
	to := min(from+v.nswap, at.blocks)
	if !ok || from < 0 || from >= to {
		return Drive{}, 0, 0, false
	}
	return at.drive, at.first + from, to - from, true
}

// Volumes returns the mounted file systems, the root first.
func (v *View) Volumes() []Volume {
	list := make([]Volume, len(v.mounts))
	for i, m := range v.mounts {
		list[i] = m.Volume
	}
	return list
}

// overlaps says whether two volumes have blocks in common.
func (a *Volume) overlaps(b *Volume) bool {
	return a.Drive == b.Drive && a.First < b.First+b.Blocks && b.First < a.First+a.Blocks
}

// Doubtful says whether a block of a drive belongs to a volume that is Wrong, and to
// none that is not.
func Doubtful(list []Volume, d Drive, block int) bool {
	doubtful := false
	for i := range list {
		v := &list[i]
		switch in := block - v.First; {
		case v.Drive != d || in < 0:
		case v.Wrong == "" && in < v.Blocks:
			return false
		case v.Wrong != "" && in < v.Extent:
			doubtful = true
		}
	}
	return doubtful
}
