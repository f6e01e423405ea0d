package kernel

import (
	"encoding/binary"

	"v7em/unix/aout"
	"v7em/unix/fs"
)

// maxFile is the length of the longest file that is looked at for a kernel.
const maxFile = 256 << 10

// Find returns the kernel that is loaded in the machine: that one of the plain
// files in the root directories of the given file systems whose text is the one
// in memory. What cannot be a file system or a kernel is passed over. Without a
// kernel the error wraps ErrUnknown.
func Find(g *Guest, packs ...fs.Device) (*Kernel, error) {
	for _, d := range packs {
		f, err := fs.Open(d)
		if err != nil {
			continue
		}
		entries, err := f.ReadDir("/")
		if err != nil {
			continue
		}
		for _, e := range entries {
			if k := load(g, f, "/"+e.Name); k != nil {
				return k, nil
			}
		}
	}
	return nil, notV7("no file in a root directory is what is in memory")
}

// load returns the kernel in the named file if it is the one in memory.
func load(g *Guest, f *fs.FS, name string) *Kernel {
	r, err := f.Open(name)
	if err != nil {
		return nil
	}
	if st := r.Stat(); st.Type() != fs.ModeRegular || st.Size > maxFile {
		return nil
	}
	var magic [2]byte
	if n, _ := r.ReadAt(magic[:], 0); n < len(magic) || binary.LittleEndian.Uint16(magic[:]) != aout.Separate {
		return nil
	}
	data, err := f.ReadFile(name)
	if err != nil {
		return nil
	}
	k, err := New(data)
	if err != nil || !k.Loaded(g) {
		return nil
	}
	return k
}
