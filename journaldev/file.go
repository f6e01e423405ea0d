package journaldev

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// File is what the transaction layer needs of a host file. A write past the end
// makes the file longer. What was written may be lost in a crash, any of its
// sectors alone, until Sync has returned without an error.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Size returns the file's length in bytes.
	Size() (int64, error)
	Sync() error
	Close() error
}

// SyncMethod is how written bytes are made durable.
type SyncMethod string

// The methods.
const (
	SyncFsync     SyncMethod = "fsync"
	SyncFdatasync SyncMethod = "fdatasync" // fsync where the host has none
	SyncMsync     SyncMethod = "msync"     // the file is mapped, and only the pages that changed are synced
	SyncNone      SyncMethod = "none"      // not at all: a crash of the host may lose everything
)

// SyncMethods lists them, the default first.
var SyncMethods = []SyncMethod{SyncFdatasync, SyncFsync, SyncMsync, SyncNone}

// Set implements pflag.Value.
func (m *SyncMethod) Set(s string) error {
	var names []string
	for _, k := range SyncMethods {
		if string(k) == s {
			*m = k
			return nil
		}
		names = append(names, string(k))
	}
	return fmt.Errorf("must be one of %s", strings.Join(names, ", "))
}

// Type implements pflag.Value.
func (m *SyncMethod) Type() string { return "method" }

func (m *SyncMethod) String() string { return string(*m) }

// openMethod returns f as a File that is synced so. The empty method is the
// default. f is open for reading and writing; closing the File closes it.
func openMethod(f *os.File, m SyncMethod) (File, error) {
	plain := osFile{f}
	switch m {
	case SyncFsync:
		return plain, nil
	case SyncFdatasync, "":
		return &dataFile{osFile: plain}, nil
	case SyncMsync:
		return newMapped(plain)
	case SyncNone:
		return unsyncedFile{plain}, nil
	}
	return nil, fmt.Errorf("%q is no way to sync", m)
}

// NewFile returns f, which is open for reading and writing, as a File that is synced
// by the method; empty is fdatasync. Closing the File closes f.
func NewFile(f *os.File, m SyncMethod) (File, error) { return openMethod(f, m) }

// osFile is a file that is synced by fsync, on macOS by F_FULLFSYNC (package os
// does that), which also gets the drive's own cache.
type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// WriteAt writes all of p or fails: a short write is an error.
func (f osFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// dataFile is a file that is synced by fdatasync. The first sync is an fsync, for it
// may have to make durable what a killed process left; so is that of a file that has
// grown, for what else than contents becomes durable is the host's choice.
type dataFile struct {
	osFile
	size int64 // that an fsync has made durable; 0 before the first
}

func (f *dataFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.osFile.WriteAt(p, off)
	if off+int64(n) > f.size {
		f.size = 0
	}
	return n, err
}

func (f *dataFile) Sync() error {
	if f.size > 0 {
		return fdatasync(f.File)
	}
	err := f.File.Sync()
	if err == nil {
		f.size, err = f.Size()
	}
	return err
}

// unsyncedFile is a file that is never synced.
type unsyncedFile struct{ osFile }

func (unsyncedFile) Sync() error { return nil }
