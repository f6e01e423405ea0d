// Package rk holds the moving-head disks: the RK11-D controller with eight RK05
// drives (2.5 MB a pack) and the RP11-C with eight RP03 drives (40 MB). They
// know a pack only as an array of blocks.
package rk

// Disk is a pack: an array of blocks of 512 bytes.
type Disk interface {
	// Blocks returns the number of blocks.
	Blocks() int
	// ReadBlock copies block n to the 512 bytes of p.
	ReadBlock(n int, p []byte) error
	// WriteBlock sets block n to the 512 bytes of p.
	WriteBlock(n int, p []byte) error
	// ReadOnly says that the pack must not be written: its drive is
	// write-protected.
	ReadOnly() bool
}

// Drives is how many drives each controller has.
const Drives = 8
