package crash

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"v7em/journaldev/crashtest"
)

// forgetful is a file system, one directory in memory behind FUSE, that has two versions
// of everything: what programs see, and what fsync, fdatasync or msync has made durable.
// A name is durable when the directory is synced. Its power can be cut, and its calls
// can be made to fail.
//
// No file on it must be touched by the test's own process, which serves it.
type forgetful struct {
	dir    string // where it is mounted
	server *fuse.Server

	mu      sync.Mutex // protects what follows
	changed sync.Cond
	power   power
	names   map[string]*forgetfulFile // what programs see
	durable map[string]*forgetfulFile

	writes, syncs int // of files
	fault         hostFault
	struck        string // the call that failed: "write rk0.rk05"
	onStrike      func() // called when that happens, if set
}

// power is that of the disk.
type power uint8

const (
	on     power = iota
	frozen       // nothing that would change the disk is answered
	off          // and now it is: with an error
)

// hostFault has one call fail, the write or sync of a file with the number at. After a
// sync that failed, what it should have covered is never written, as on Linux, where the
// pages count as clean then; only the first sync tells. It strikes nothing with a number
// of 0.
type hostFault struct {
	at    int           // counted from 1, as calls does
	err   syscall.Errno // of the write or sync
	short bool          // a write writes its first half, and the one for the rest fails
}

// calls returns how many writes and syncs of files there were.
func (h *forgetful) calls() int { return h.writes + h.syncs }

// forgetfulFile is a file of it.
type forgetfulFile struct {
	fusefs.Inode
	host    *forgetful
	name    string
	data    []byte
	durable []byte
	dirty   map[int64]bool // the sectors that the next sync makes durable
}

// forgetfulRoot is its directory.
type forgetfulRoot struct {
	fusefs.Inode
	host *forgetful
}

// mountForgetful mounts one with these files, durable, on a directory, until the test ends.
func mountForgetful(t *testing.T, dir string, files map[string][]byte, fault hostFault) *forgetful {
	t.Helper()
	h := &forgetful{dir: dir, fault: fault, names: map[string]*forgetfulFile{}}
	h.changed.L = &h.mu
	for name, b := range files {
		h.names[name] = &forgetfulFile{host: h, name: name, data: slices.Clone(b), durable: slices.Clone(b), dirty: map[int64]bool{}}
	}
	h.durable = maps.Clone(h.names)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	forever := time.Hour // nobody else changes it
	server, err := fusefs.Mount(dir, &forgetfulRoot{host: h}, &fusefs.Options{
		EntryTimeout: &forever, AttrTimeout: &forever,
		MountOptions: fuse.MountOptions{DirectMount: true, DisableXAttrs: true, FsName: "forgetful", Name: "v7em"},
	})
	if err != nil {
		t.Skipf("needs /dev/fuse and the right to mount there (run as root, or install fuse3): %v", err)
	}
	h.server = server
	t.Cleanup(h.unmount)
	return h
}

// unmount ends it. Nobody must use it any more.
func (h *forgetful) unmount() {
	if h.server == nil {
		return
	}
	h.setPower(off)
	for range 200 {
		if h.server.Unmount() == nil {
			break
		}
		time.Sleep(10 * time.Millisecond) // a process that was killed may hold it yet
	}
	h.server = nil
}

func (h *forgetful) setPower(p power) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.power = max(h.power, p)
	h.changed.Broadcast()
}

// alive waits while the power is frozen and says whether it is on. mu is held.
func (h *forgetful) alive() bool {
	for h.power == frozen {
		h.changed.Wait()
	}
	return h.power == on
}

// left returns the files that a power failure leaves.
func (h *forgetful) left(l crashtest.Loss, rnd *rand.Rand) map[string][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := h.durable
	if l == crashtest.KeepAll {
		names = h.names
	}
	files := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		switch l {
		case crashtest.KeepAll:
			files[name] = slices.Clone(f.data)
		case crashtest.LoseAll:
			files[name] = slices.Clone(f.durable)
		default:
			b := slices.Clone(f.durable)
			for _, s := range slices.Sorted(maps.Keys(f.dirty)) {
				if from := int(s) * crashtest.SectorSize; rnd.IntN(2) == 0 && from < len(f.data) {
					part := f.data[from:min(from+crashtest.SectorSize, len(f.data))]
					if need := from + len(part) - len(b); need > 0 {
						b = append(b, make([]byte, need)...)
					}
					copy(b[from:], part)
				}
			}
			files[name] = b
		}
	}
	return files
}

// strikes says whether the call that is being made fails. mu is held.
func (h *forgetful) strikes(f *forgetfulFile, call string) bool {
	at := h.fault.at
	if at == 0 || h.calls() != at && !(h.fault.short && h.calls() == at+1) {
		return false
	}
	if h.struck == "" {
		h.struck = call + " " + f.name
		if h.onStrike != nil {
			h.onStrike()
		}
	}
	return true
}

var (
	_ fusefs.NodeOnAdder   = (*forgetfulRoot)(nil)
	_ fusefs.NodeCreater   = (*forgetfulRoot)(nil)
	_ fusefs.NodeRenamer   = (*forgetfulRoot)(nil)
	_ fusefs.NodeUnlinker  = (*forgetfulRoot)(nil)
	_ fusefs.NodeFsyncer   = (*forgetfulRoot)(nil)
	_ fusefs.NodeOpener    = (*forgetfulFile)(nil)
	_ fusefs.NodeReader    = (*forgetfulFile)(nil)
	_ fusefs.NodeWriter    = (*forgetfulFile)(nil)
	_ fusefs.NodeFsyncer   = (*forgetfulFile)(nil)
	_ fusefs.NodeFlusher   = (*forgetfulFile)(nil)
	_ fusefs.NodeGetattrer = (*forgetfulFile)(nil)
	_ fusefs.NodeSetattrer = (*forgetfulFile)(nil)
)

func (r *forgetfulRoot) OnAdd(ctx context.Context) {
	for name, f := range r.host.names {
		r.AddChild(name, r.NewPersistentInode(ctx, f, fusefs.StableAttr{Mode: syscall.S_IFREG}), true)
	}
}

func (r *forgetfulRoot) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	h := r.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alive() {
		return nil, nil, 0, syscall.EIO
	}
	f := &forgetfulFile{host: h, name: name, dirty: map[int64]bool{}}
	h.names[name] = f
	f.attr(&out.Attr)
	return r.NewPersistentInode(ctx, f, fusefs.StableAttr{Mode: syscall.S_IFREG}), nil, 0, 0
}

func (r *forgetfulRoot) Rename(_ context.Context, name string, _ fusefs.InodeEmbedder, to string, flags uint32) syscall.Errno {
	h := r.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alive() {
		return syscall.EIO
	}
	if flags != 0 {
		return syscall.EINVAL
	}
	f := h.names[name]
	delete(h.names, name)
	f.name, h.names[to] = to, f
	return 0
}

func (r *forgetfulRoot) Unlink(_ context.Context, name string) syscall.Errno {
	h := r.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alive() {
		return syscall.EIO
	}
	delete(h.names, name)
	return 0
}

// Fsync makes the names durable.
func (r *forgetfulRoot) Fsync(context.Context, fusefs.FileHandle, uint32) syscall.Errno {
	h := r.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alive() {
		return syscall.EIO
	}
	h.durable = maps.Clone(h.names)
	return 0
}

func (f *forgetfulFile) attr(a *fuse.Attr) {
	a.Mode, a.Size = syscall.S_IFREG|0o644, uint64(len(f.data))
}

func (f *forgetfulFile) Getattr(_ context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	f.attr(&out.Attr)
	return 0
}

func (f *forgetfulFile) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		if !f.host.alive() {
			return syscall.EIO
		}
		f.resize(int(size))
	}
	f.attr(&out.Attr)
	return 0
}

// resize changes the length. All sectors behind the shorter one are dirty.
func (f *forgetfulFile) resize(size int) {
	for at := min(size, len(f.data)); at < max(size, len(f.data)); at += crashtest.SectorSize {
		f.dirty[int64(at/crashtest.SectorSize)] = true
	}
	if size <= len(f.data) {
		f.data = f.data[:size:size]
	} else {
		f.data = append(f.data, make([]byte, size-len(f.data))...)
	}
}

// Open keeps the kernel's cache: a mapping needs it, and nobody else writes.
func (f *forgetfulFile) Open(context.Context, uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

func (f *forgetfulFile) Flush(context.Context, fusefs.FileHandle) syscall.Errno { return 0 }

func (f *forgetfulFile) Read(_ context.Context, _ fusefs.FileHandle, p []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	if off >= int64(len(f.data)) {
		return fuse.ReadResultData(nil), 0
	}
	n := copy(p, f.data[off:])
	return fuse.ReadResultData(p[:n]), 0
}

func (f *forgetfulFile) Write(_ context.Context, _ fusefs.FileHandle, p []byte, off int64) (uint32, syscall.Errno) {
	h := f.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alive() {
		return 0, syscall.EIO
	}
	h.writes++
	if h.strikes(f, "write") {
		if !h.fault.short || h.calls() != h.fault.at || len(p) < 2 {
			return 0, h.fault.err
		}
		p = p[:len(p)/2]
	}
	if end := int(off) + len(p); end > len(f.data) {
		f.resize(end)
	}
	copy(f.data[off:], p)
	for s := off / crashtest.SectorSize; s*crashtest.SectorSize < off+int64(len(p)); s++ {
		f.dirty[s] = true
	}
	return uint32(len(p)), 0
}

// Fsync is fsync, fdatasync, and the second half of msync: the pages were written.
func (f *forgetfulFile) Fsync(context.Context, fusefs.FileHandle, uint32) syscall.Errno {
	h := f.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.alive() {
		return syscall.EIO
	}
	h.syncs++
	if h.strikes(f, "sync") {
		clear(f.dirty)
		return h.fault.err
	}
	if len(f.durable) > len(f.data) {
		f.durable = f.durable[:len(f.data):len(f.data)]
	} else {
		f.durable = append(f.durable, make([]byte, len(f.data)-len(f.durable))...)
	}
	for s := range f.dirty {
		if from := int(s) * crashtest.SectorSize; from < len(f.data) {
			copy(f.durable[from:], f.data[from:min(from+crashtest.SectorSize, len(f.data))])
		}
	}
	clear(f.dirty)
	return 0
}

// store writes files into a new directory.
func store(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	err := os.MkdirAll(dir, 0o777)
	for name, b := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o666)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// load reads the files of a directory.
func load(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range list {
		if !e.Type().IsRegular() {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
