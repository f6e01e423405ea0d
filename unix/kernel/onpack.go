package kernel

import (
	"bytes"
	"errors"
	"fmt"

	"v7em/escape"
	"v7em/unix/aout"
	"v7em/unix/fs"
)

// messages are what every V7 kernel has in its data, with a name list or without: what
// it prints when the free list of a file system is wrong, and when it panics
// (sys/alloc.c, prf.c).
var messages = []string{"panic: %s", "Bad free count", "Out of inodes"}

// OnPack returns nil if the file system on a pack, or on a part of one, is a root that
// V7 boots from: a V7 file system whose root directory names itself, with a kernel among
// its files. The error says what is missing. Nothing is written.
func OnPack(dev fs.Device) error {
	f, err := fs.Open(dev)
	if err != nil {
		return err
	}
	entries, err := f.ReadDir("/")
	if err != nil {
		return fmt.Errorf("the root directory: %w", err)
	}
	self := map[string]bool{}
	for _, e := range entries {
		if e.Ino == fs.RootIno {
			self[e.Name] = true
		}
	}
	if !self["."] || !self[".."] {
		return errors.New("its root directory does not name itself")
	}
	for _, e := range entries {
		if isKernel(f, "/"+e.Name) {
			return nil
		}
	}
	return errors.New("no file of its root directory is a kernel of V7")
}

// isKernel says whether a file is a kernel of V7 or mini.
func isKernel(f *fs.FS, name string) bool {
	data, err := readExecutable(f, name)
	if err != nil {
		return false
	}
	if _, err := New(data); err == nil {
		return true
	}
	a, err := aout.Parse(data)
	if err != nil || len(a.Text) < minText {
		return false
	}
	for _, m := range messages {
		if !bytes.Contains(a.Data, []byte(m)) {
			return false
		}
	}
	return true
}

// errNoKernel is the error of a file that need not be read whole.
var errNoKernel = errors.New("cannot be a kernel")

// readExecutable returns the contents of a plain file that may be a kernel.
func readExecutable(f *fs.FS, name string) ([]byte, error) {
	r, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	if st := r.Stat(); st.Type() != fs.ModeRegular || st.Size > maxFile {
		return nil, errNoKernel
	}
	var magic [2]byte
	if n, _ := r.ReadAt(magic[:], 0); n < len(magic) || !aout.IsMagic(uint16(magic[0])|uint16(magic[1])<<8) {
		return nil, errNoKernel
	}
	data, err := f.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", escape.Name(name), err)
	}
	return data, nil
}
