// Package fs reads, makes, changes and checks Seventh Edition Unix file
// systems.
//
// # Layout
//
// A file system is an array of 512-byte blocks on a [Device]. Words are 16
// bits, little-endian. A long is 32 bits as the PDP-11 C compiler has it: two
// words, the HIGH word first, each little-endian (bytes 2,3 of significance,
// then 0,1). A disk address inside an inode is three bytes in the order bits
// 16-23, bits 0-7, bits 8-15: a long without its highest byte.
//
//	block 0                boot block, not part of the file system
//	block 1                superblock
//	blocks 2..isize-1      inodes, 8 a block, 64 bytes each, numbered from 1
//	blocks isize..fsize-1  data: files, directories, indirect blocks, free chain
//	blocks from fsize on   not part of the file system (swap space, perhaps)
//
// Superblock (sys/filsys.h), offsets in bytes:
//
//	  0 u16    s_isize       number of the first data block
//	  2 long   s_fsize       number of the first block past the file system
//	  6 s16    s_nfree       entries in s_free, 0-50
//	  8 l[50]  s_free        free blocks; entry 0 is the next chain block, or 0
//	208 s16    s_ninode      entries in s_inode, 0-100
//	210 u16[]  s_inode[100]  some free inodes
//	410 byte   s_flock       lock, of meaning only in memory
//	411 byte   s_ilock       lock, of meaning only in memory
//	412 byte   s_fmod        modified flag, of meaning only in memory
//	413 byte   s_ronly       read-only flag, of meaning only in memory
//	414 long   s_time        last update; the root's sets the clock at boot
//	418 long   s_tfree       not kept up by the kernel
//	422 u16    s_tinode      not kept up by the kernel
//	424 s16    s_m           interleave
//	426 s16    s_n           blocks in which the interleave runs
//	428 c[6]   s_fname       name
//	434 c[6]   s_fpack       pack
//
// A free-chain block (sys/fblk.h) is a free block that holds the next 50 free
// block numbers: count s16 at 0, then long[50] at 2. Allocation takes the last
// entry of s_free; when that was entry 0, the block's own contents first
// become s_nfree and s_free. A zero entry ends the chain.
//
// Inode (sys/ino.h), offsets in bytes:
//
//	 0 u16     di_mode   type and permissions; a type of 0 is a free inode
//	 2 s16     di_nlink  directory entries that name it
//	 4 s16     di_uid
//	 6 s16     di_gid
//	 8 long    di_size   bytes
//	12 3b[13]  di_addr   10 direct, then single, double and triple indirect;
//	                     for a device the first is the number major<<8 | minor
//	51 byte    unused
//	52 long    di_atime  seconds since 1970
//	56 long    di_mtime
//	60 long    di_ctime
//
// An indirect block is long[128]; address 0 anywhere is a hole.
//
// A directory is a file of 16-byte entries (sys/dir.h): inode number u16 at 0
// (0 for an empty slot), name c[14] at 2, padded with NUL but not ended by
// one. Inode 1 collects bad blocks and has no name; the root is inode 2.
package fs

import (
	"encoding/binary"
	"time"
)

// Sizes and numbers of the file system, from sys/param.h and the headers named
// in the package comment.
const (
	BlockSize   = 512 // bytes in a block
	InodeSize   = 64  // bytes in an inode on disk
	InodesBlock = BlockSize / InodeSize
	DirentSize  = 16 // bytes in a directory entry
	NameMax     = 14 // bytes in a name
	NICFree     = 50 // free block numbers in the superblock or a chain block
	NICInode    = 100
	NAddr       = 13 // addresses in an inode
	NDirect     = 10 // of them direct
	NIndirect   = BlockSize / 4

	SuperBlock  = 1 // block number of the superblock
	FirstIBlock = 2 // first block of inodes
	BadIno      = 1 // inode that collects bad blocks
	RootIno     = 2 // inode of the root directory

	// MaxFileBlocks is the number of blocks that an inode can address, and
	// MaxFileSize the same in bytes.
	MaxFileBlocks = NDirect + NIndirect + NIndirect*NIndirect + NIndirect*NIndirect*NIndirect
	MaxFileSize   = MaxFileBlocks * BlockSize

	// MaxBlocks bounds s_fsize: addresses in inodes have 24 bits.
	MaxBlocks = 1 << 24
	// MaxISize bounds s_isize: the kernel computes (ino+15)>>3 in 16 bits, so
	// the last inode that it can reach is 65520, in block 8191.
	MaxISize = 8192
)

// Bits of an inode's mode, from sys/inode.h and sys/stat.h.
const (
	ModeType     uint16 = 0o170000 // mask of the type
	ModeDir      uint16 = 0o040000
	ModeChar     uint16 = 0o020000
	ModeBlock    uint16 = 0o060000
	ModeRegular  uint16 = 0o100000
	ModeMpxChar  uint16 = 0o030000 // multiplexed; the distribution's kernels have no such driver
	ModeMpxBlock uint16 = 0o070000
	ModeSetUID   uint16 = 0o004000
	ModeSetGID   uint16 = 0o002000
	ModeSticky   uint16 = 0o001000 // keep the text in swap space after use
	ModePerm     uint16 = 0o007777 // permissions with the three bits above
)

// Byte offsets within a superblock.
const (
	superISize  = 0
	superFSize  = 2
	superNFree  = 6
	superFree   = 8
	superNInode = 208
	superInode  = 210
	superFLock  = 410
	superILock  = 411
	superFMod   = 412
	superROnly  = 413
	superTime   = 414
	superTFree  = 418
	superTInode = 422
	superM      = 424
	superN      = 426
	superFName  = 428
	superFPack  = 434
)

// Byte offsets within an inode.
const (
	inodeMode  = 0
	inodeNlink = 2
	inodeUID   = 4
	inodeGID   = 6
	inodeSize  = 8
	inodeAddr  = 12
	inodeATime = 52
	inodeMTime = 56
	inodeCTime = 60
)

// Byte offsets within a free-chain block.
const (
	chainCount = 0
	chainFree  = 2
)

// Long reads a PDP-11 long (high word first) from the first four bytes of b.
func Long(b []byte) int32 {
	_ = b[3]
	return int32(uint32(b[1])<<24 | uint32(b[0])<<16 | uint32(b[3])<<8 | uint32(b[2]))
}

// PutLong writes v as a PDP-11 long (high word first) to the first four bytes of b.
func PutLong(b []byte, v int32) {
	_ = b[3]
	b[0], b[1] = byte(v>>16), byte(v>>24)
	b[2], b[3] = byte(v), byte(v>>8)
}

// Addr3 reads the three-byte disk address at the start of b.
func Addr3(b []byte) uint32 {
	_ = b[2]
	return uint32(b[0])<<16 | uint32(b[2])<<8 | uint32(b[1])
}

// PutAddr3 writes the low 24 bits of v as a three-byte disk address.
func PutAddr3(b []byte, v uint32) {
	_ = b[2]
	b[0], b[1], b[2] = byte(v>>16), byte(v), byte(v>>8)
}

func word(b []byte) uint16       { return binary.LittleEndian.Uint16(b) }
func putWord(b []byte, v uint16) { binary.LittleEndian.PutUint16(b, v) }

// Super is a superblock in memory. Field names and meanings are those of the
// package comment.
type Super struct {
	ISize  uint16
	FSize  int32
	NFree  int16
	Free   [NICFree]int32
	NInode int16
	Inode  [NICInode]uint16
	FLock  byte
	ILock  byte
	FMod   byte
	ROnly  byte
	Time   int32
	TFree  int32
	TInode uint16
	M, N   int16
	FName  [6]byte
	FPack  [6]byte
}

// Decode fills s from a superblock of at least 440 bytes. It checks nothing.
func (s *Super) Decode(b []byte) {
	s.ISize = word(b[superISize:])
	s.FSize = Long(b[superFSize:])
	s.NFree = int16(word(b[superNFree:]))
	for i := range s.Free {
		s.Free[i] = Long(b[superFree+4*i:])
	}
	s.NInode = int16(word(b[superNInode:]))
	for i := range s.Inode {
		s.Inode[i] = word(b[superInode+2*i:])
	}
	s.FLock, s.ILock, s.FMod, s.ROnly = b[superFLock], b[superILock], b[superFMod], b[superROnly]
	s.Time = Long(b[superTime:])
	s.TFree = Long(b[superTFree:])
	s.TInode = word(b[superTInode:])
	s.M, s.N = int16(word(b[superM:])), int16(word(b[superN:]))
	copy(s.FName[:], b[superFName:])
	copy(s.FPack[:], b[superFPack:])
}

// Encode writes s to the first 440 bytes of b and leaves the rest alone.
func (s *Super) Encode(b []byte) {
	putWord(b[superISize:], s.ISize)
	PutLong(b[superFSize:], s.FSize)
	putWord(b[superNFree:], uint16(s.NFree))
	for i, v := range s.Free {
		PutLong(b[superFree+4*i:], v)
	}
	putWord(b[superNInode:], uint16(s.NInode))
	for i, v := range s.Inode {
		putWord(b[superInode+2*i:], v)
	}
	b[superFLock], b[superILock], b[superFMod], b[superROnly] = s.FLock, s.ILock, s.FMod, s.ROnly
	PutLong(b[superTime:], s.Time)
	PutLong(b[superTFree:], s.TFree)
	putWord(b[superTInode:], s.TInode)
	putWord(b[superM:], uint16(s.M))
	putWord(b[superN:], uint16(s.N))
	copy(b[superFName:superFName+6], s.FName[:])
	copy(b[superFPack:superFPack+6], s.FPack[:])
}

// Inodes returns the number of inodes that the inode blocks hold, 0 when ISize
// leaves room for none.
func (s *Super) Inodes() int {
	return max(0, int(s.ISize)-FirstIBlock) * InodesBlock
}

// Inode is an inode in memory. Times are seconds since 1970, as on disk.
type Inode struct {
	Mode     uint16
	Nlink    int16
	UID, GID int16
	Size     int32
	Addr     [NAddr]uint32
	ATime    int32
	MTime    int32
	CTime    int32
}

// Decode fills n from the 64 bytes of an inode on disk. It checks nothing.
func (n *Inode) Decode(b []byte) {
	_ = b[InodeSize-1]
	n.Mode = word(b[inodeMode:])
	n.Nlink = int16(word(b[inodeNlink:]))
	n.UID = int16(word(b[inodeUID:]))
	n.GID = int16(word(b[inodeGID:]))
	n.Size = Long(b[inodeSize:])
	for i := range n.Addr {
		n.Addr[i] = Addr3(b[inodeAddr+3*i:])
	}
	n.ATime = Long(b[inodeATime:])
	n.MTime = Long(b[inodeMTime:])
	n.CTime = Long(b[inodeCTime:])
}

// Encode writes n to the 64 bytes of an inode on disk.
func (n *Inode) Encode(b []byte) {
	_ = b[InodeSize-1]
	putWord(b[inodeMode:], n.Mode)
	putWord(b[inodeNlink:], uint16(n.Nlink))
	putWord(b[inodeUID:], uint16(n.UID))
	putWord(b[inodeGID:], uint16(n.GID))
	PutLong(b[inodeSize:], n.Size)
	for i, a := range n.Addr {
		PutAddr3(b[inodeAddr+3*i:], a)
	}
	PutLong(b[inodeATime:], n.ATime)
	PutLong(b[inodeMTime:], n.MTime)
	PutLong(b[inodeCTime:], n.CTime)
}

// Type returns the type bits of the mode: 0 for a free inode, else one of
// ModeDir, ModeRegular and so on.
func (n *Inode) Type() uint16 { return n.Mode & ModeType }

// IsDir reports whether n is a directory.
func (n *Inode) IsDir() bool { return n.Type() == ModeDir }

// IsDevice reports whether n is a character or block device.
func (n *Inode) IsDevice() bool { return n.Type() == ModeChar || n.Type() == ModeBlock }

// Device returns the major and minor number of a device inode.
func (n *Inode) Device() (major, minor int) {
	return int(n.Addr[0] >> 8 & 0xff), int(n.Addr[0] & 0xff)
}

// blocks returns the number of blocks that the size covers, holes included.
func (n *Inode) blocks() int { return (int(n.Size) + BlockSize - 1) / BlockSize }

// Dirent is one entry of a directory. Its name is what the kernel compares, all 14
// bytes without the NULs at the end: in a damaged directory, or one made to deceive, it
// can be empty or hold slashes and NULs.
type Dirent struct {
	Ino  int
	Name string
}

// direntName returns the name of the 16-byte entry e without its padding.
func direntName(e []byte) string {
	n := DirentSize
	for n > 2 && e[n-1] == 0 {
		n--
	}
	return string(e[2:n])
}

func putDirent(e []byte, ino int, name string) {
	putWord(e, uint16(ino))
	clear(e[2:DirentSize])
	copy(e[2:DirentSize], name)
}

// InodeBlock returns the block that holds inode ino (from 1) and the byte
// offset of the inode within it.
func InodeBlock(ino int) (block, offset int) {
	i := ino - 1
	return FirstIBlock + i/InodesBlock, i % InodesBlock * InodeSize
}

// Stamp converts a time to the seconds that V7 keeps. Times that do not fit in
// a signed long (before 1901, after 2038) go to the nearest that does.
func Stamp(t time.Time) int32 {
	s := t.Unix()
	return int32(min(max(s, -1<<31), 1<<31-1))
}

// UnixTime converts V7's seconds to a time in UTC.
func UnixTime(sec int32) time.Time { return time.Unix(int64(sec), 0).UTC() }
