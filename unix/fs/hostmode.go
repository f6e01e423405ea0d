package fs

import "os"

// hostBits are the bits of a mode that the host's have elsewhere.
var hostBits = []struct {
	v7   uint16
	host os.FileMode
}{{ModeSetUID, os.ModeSetuid}, {ModeSetGID, os.ModeSetgid}, {ModeSticky, os.ModeSticky}}

// PermOf returns the permissions of a host file's mode, with the set-id and sticky
// bits, as V7 has them.
func PermOf(m os.FileMode) uint16 {
	perm := uint16(m.Perm())
	for _, b := range hostBits {
		if m&b.host != 0 {
			perm |= b.v7
		}
	}
	return perm
}

// HostPerm returns the permissions of a V7 mode, with the set-id and sticky bits, as
// the host has them. The type bits are ignored.
func HostPerm(mode uint16) os.FileMode {
	m := os.FileMode(mode & 0o777)
	for _, b := range hostBits {
		if mode&b.v7 != 0 {
			m |= b.host
		}
	}
	return m
}
