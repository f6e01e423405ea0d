package forgetful

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"v7em/journaldev/crashtest"
)

// Host is a file system in memory behind FUSE that has two versions of everything: what
// programs see, and what is durable. A name, also one that is gone, is durable when its
// directory is synced.
//
// No file on it may be touched by the test's own process, which serves it.
type Host struct {
	Dir string // where it is mounted

	// OnStrike is called when a fault strikes, if it is set before anything is done.
	OnStrike func()

	server *fuse.Server

	mu      sync.Mutex // protects what follows
	changed sync.Cond
	power   Power
	cut     int // the power goes off after this many changes; 0: it does not
	changes int
	log     []string
	refused syscall.Errno // of a rename
	root    *dir

	writes, syncs int // of files
	fault         Fault
	struck        string
}

// Power is that of the disk.
type Power uint8

const (
	On     Power = iota
	Frozen       // nothing that would change the disk is answered
	Off          // and now it is: with an error
)

// Fault has one call fail, the write or sync of a file with the number At. After a
// sync that failed, what it should have covered is never written, as on Linux, where the
// pages count as clean then; only the first sync tells. It strikes nothing with a number
// of 0.
type Fault struct {
	At    int           // counted from 1, as Calls does
	Err   syscall.Errno // of the write or sync
	Short bool          // a write writes its first half, and the one for the rest fails
}

// node is a file or directory.
type node interface {
	fusefs.InodeEmbedder
	attr(a *fuse.Attr)
}

// dir is a directory.
type dir struct {
	fusefs.Inode
	host    *Host
	name    string // its path from the root
	mode    uint32
	names   map[string]node // what programs see
	durable map[string]node
	pending []change // what a sync makes durable, in order
}

// change is one of a directory's names: one that goes and one that comes, either or both.
type change struct {
	gone, come string
	node       node // of what comes
}

// file is a file.
type file struct {
	fusefs.Inode
	host     *Host
	name     string // its path from the root
	mode     uint32
	uid, gid uint32
	mtime    uint64
	data     []byte
	durable  []byte
	dirty    map[int64]bool // the sectors that the next sync makes durable
}

// Mount mounts a Host with these files, by their paths, durable, on a directory, until
// the test ends. A path that ends in a slash is a directory. Where that cannot be done
// the test is skipped.
func Mount(t testing.TB, at string, files map[string][]byte, fault Fault) *Host {
	t.Helper()
	h := &Host{Dir: at, fault: fault}
	h.changed.L = &h.mu
	h.root = h.newDir("", 0o777)
	if err := os.MkdirAll(at, 0o777); err != nil {
		t.Fatal(err)
	}
	forever := time.Hour // nobody else changes it
	server, err := fusefs.Mount(at, h.root, &fusefs.Options{
		EntryTimeout: &forever, AttrTimeout: &forever,
		OnAdd:        func(ctx context.Context) { h.fill(ctx, files) },
		MountOptions: fuse.MountOptions{DirectMount: true, DisableXAttrs: true, FsName: "forgetful", Name: "v7em"},
	})
	if err != nil {
		t.Skipf("needs /dev/fuse and the right to mount there (run as root, or install fuse3): %v", err)
	}
	h.server = server
	t.Cleanup(h.Unmount)
	return h
}

// fill makes the files that are there at first.
func (h *Host) fill(ctx context.Context, files map[string][]byte) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at := h.root
		parts := strings.Split(name, "/")
		for _, part := range parts[:len(parts)-1] {
			next, ok := at.names[part].(*dir)
			if !ok {
				next = h.newDir(path.Join(at.name, part), 0o755)
				at.add(ctx, part, next)
			}
			at = next
		}
		if base := parts[len(parts)-1]; base != "" {
			f := h.newFile(name, 0o644)
			f.data, f.durable = slices.Clone(files[name]), slices.Clone(files[name])
			at.add(ctx, base, f)
		}
	}
}

// add adds what is there at first, durable.
func (d *dir) add(ctx context.Context, name string, n node) {
	var mode uint32 = syscall.S_IFREG
	if _, ok := n.(*dir); ok {
		mode = syscall.S_IFDIR
	}
	d.AddChild(name, d.NewPersistentInode(ctx, n, fusefs.StableAttr{Mode: mode}), true)
	d.names[name], d.durable[name] = n, n
}

func (h *Host) newDir(name string, mode uint32) *dir {
	return &dir{host: h, name: name, mode: mode & 0o7777, names: map[string]node{}, durable: map[string]node{}}
}

func (h *Host) newFile(name string, mode uint32) *file {
	return &file{host: h, name: name, mode: mode & 0o7777, dirty: map[int64]bool{}}
}

// Unmount ends it. Nobody must use it any more.
func (h *Host) Unmount() {
	if h.server == nil {
		return
	}
	h.SetPower(Off)
	for range 200 {
		if h.server.Unmount() == nil {
			break
		}
		time.Sleep(10 * time.Millisecond) // a process that was killed may hold it yet
	}
	h.server = nil
}

// SetPower cuts the power. It cannot be turned on again.
func (h *Host) SetPower(p Power) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.power = max(h.power, p)
	h.changed.Broadcast()
}

// CutAfter has the power go off after the first n changes; what comes then fails.
func (h *Host) CutAfter(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut = n
	if n == 0 {
		h.power = Off
	}
}

// RefuseRename has all renames fail.
func (h *Host) RefuseRename(err syscall.Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = err
}

// Changes returns what was done: each write, sync, and change of a name or a length,
// as in "write a.journal" or "sync .", in order.
func (h *Host) Changes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.log)
}

// Calls returns how many writes and syncs of files there were.
func (h *Host) Calls() (writes, syncs int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes, h.syncs
}

// Struck returns the call that a fault struck, "write rk0.rk05"; empty if it was none.
func (h *Host) Struck() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.struck
}

// change waits while the power is frozen, and counts a change. It is false if the power
// is off. mu is held.
func (h *Host) change(what, name string) bool {
	for h.power == Frozen {
		h.changed.Wait()
	}
	if h.power != On {
		return false
	}
	if h.cut > 0 && h.changes == h.cut {
		h.power = Off
		return false
	}
	h.changes++
	if name == "" {
		name = "."
	}
	h.log = append(h.log, what+" "+name)
	return true
}

// Left returns the files that a power failure leaves, by their paths; of an empty
// directory the path ends in a slash. With KeepAll it is what a kill leaves.
func (h *Host) Left(l crashtest.Loss, rnd *rand.Rand) map[string][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	files := map[string][]byte{}
	h.root.left(files, "", l, rnd)
	return files
}

// DurableFile returns what a power failure leaves of a file, durable or not as its name
// may be.
func (h *Host) DurableFile(name string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := node(h.root)
	for _, part := range strings.Split(name, "/") {
		d, ok := n.(*dir)
		if !ok {
			return nil
		}
		n = d.names[part]
	}
	if f, ok := n.(*file); ok {
		return slices.Clone(f.durable)
	}
	return nil
}

func (d *dir) left(files map[string][]byte, at string, l crashtest.Loss, rnd *rand.Rand) {
	names := d.durable
	switch l {
	case crashtest.KeepAll:
		names = d.names
	case crashtest.Random: // some of the changes, each in whole
		names = maps.Clone(names)
		for _, c := range d.pending {
			if rnd.IntN(2) == 0 {
				continue
			}
			delete(names, c.gone)
			if c.come != "" {
				names[c.come] = c.node
			}
		}
	}
	if len(names) == 0 && at != "" {
		files[at] = nil
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch n := names[name].(type) {
		case *dir:
			n.left(files, at+name+"/", l, rnd)
		case *file:
			files[at+name] = n.left(l, rnd)
		}
	}
}

func (f *file) left(l crashtest.Loss, rnd *rand.Rand) []byte {
	switch l {
	case crashtest.KeepAll:
		return slices.Clone(f.data)
	case crashtest.LoseAll:
		return slices.Clone(f.durable)
	}
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
	return b
}

// strikes says whether the call that is being made fails. mu is held.
func (h *Host) strikes(f *file, call string) bool {
	at, calls := h.fault.At, h.writes+h.syncs
	if at == 0 || calls != at && !(h.fault.Short && calls == at+1) {
		return false
	}
	if h.struck == "" {
		h.struck = call + " " + f.name
		if h.OnStrike != nil {
			h.OnStrike()
		}
	}
	return true
}

var (
	_ fusefs.NodeCreater   = (*dir)(nil)
	_ fusefs.NodeMkdirer   = (*dir)(nil)
	_ fusefs.NodeRmdirer   = (*dir)(nil)
	_ fusefs.NodeRenamer   = (*dir)(nil)
	_ fusefs.NodeUnlinker  = (*dir)(nil)
	_ fusefs.NodeLinker    = (*dir)(nil)
	_ fusefs.NodeFsyncer   = (*dir)(nil)
	_ fusefs.NodeGetattrer = (*dir)(nil)
	_ fusefs.NodeSetattrer = (*dir)(nil)
	_ fusefs.NodeOpener    = (*file)(nil)
	_ fusefs.NodeReader    = (*file)(nil)
	_ fusefs.NodeWriter    = (*file)(nil)
	_ fusefs.NodeFsyncer   = (*file)(nil)
	_ fusefs.NodeFlusher   = (*file)(nil)
	_ fusefs.NodeGetattrer = (*file)(nil)
	_ fusefs.NodeSetattrer = (*file)(nil)
)

func (d *dir) attr(a *fuse.Attr) { a.Mode = syscall.S_IFDIR | d.mode }

func (d *dir) Getattr(_ context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	d.attr(&out.Attr)
	return 0
}

func (d *dir) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	if mode, ok := in.GetMode(); ok {
		d.mode = mode & 0o7777
	}
	d.attr(&out.Attr)
	return 0
}

func (d *dir) Create(
	ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut,
) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.newFile(path.Join(d.name, name), mode)
	if !h.change("create", f.name) {
		return nil, nil, 0, syscall.EIO
	}
	d.change(change{come: name, node: f})
	f.attr(&out.Attr)
	return d.NewPersistentInode(ctx, f, fusefs.StableAttr{Mode: syscall.S_IFREG}), nil, 0, 0
}

func (d *dir) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	sub := h.newDir(path.Join(d.name, name), mode)
	if !h.change("mkdir", sub.name) {
		return nil, syscall.EIO
	}
	d.change(change{come: name, node: sub})
	sub.attr(&out.Attr)
	return d.NewPersistentInode(ctx, sub, fusefs.StableAttr{Mode: syscall.S_IFDIR}), 0
}

func (d *dir) Rename(_ context.Context, name string, parent fusefs.InodeEmbedder, to string,
	flags uint32) syscall.Errno {
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	target, ok := parent.(*dir)
	if flags != 0 || !ok {
		return syscall.EINVAL
	}
	n := d.names[name]
	full := path.Join(target.name, to)
	if over, ok := target.names[to].(*dir); ok && len(over.names) > 0 {
		return syscall.ENOTEMPTY
	}
	if h.refused != 0 {
		return h.refused
	}
	if !h.change("rename", path.Join(d.name, name)+" "+full) {
		return syscall.EIO
	}
	if target == d {
		d.change(change{name, to, n})
	} else {
		// No file is on neither side: its old name goes when its directory is synced.
		target.change(change{come: to, node: n})
		delete(d.names, name)
	}
	switch n := n.(type) {
	case *file:
		n.name = full
	case *dir:
		n.rename(full)
	}
	return 0
}

// rename tells a directory and all in it their new paths.
func (d *dir) rename(to string) {
	d.name = to
	for base, n := range d.names {
		switch n := n.(type) {
		case *file:
			n.name = path.Join(to, base)
		case *dir:
			n.rename(path.Join(to, base))
		}
	}
}

func (d *dir) Link(_ context.Context, target fusefs.InodeEmbedder, name string,
	out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := target.(*file)
	if !ok {
		return nil, syscall.EPERM
	}
	if !h.change("link", f.name+" "+path.Join(d.name, name)) {
		return nil, syscall.EIO
	}
	d.change(change{come: name, node: f})
	f.attr(&out.Attr)
	return f.EmbeddedInode(), 0
}

func (d *dir) Unlink(_ context.Context, name string) syscall.Errno {
	return d.remove(name)
}

func (d *dir) Rmdir(_ context.Context, name string) syscall.Errno {
	return d.remove(name)
}

func (d *dir) remove(name string) syscall.Errno {
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if sub, ok := d.names[name].(*dir); ok && len(sub.names) > 0 {
		return syscall.ENOTEMPTY
	}
	if !h.change("remove", path.Join(d.name, name)) {
		return syscall.EIO
	}
	d.change(change{gone: name})
	return 0
}

// change changes what programs see. mu is held.
func (d *dir) change(c change) {
	delete(d.names, c.gone)
	if c.come != "" {
		d.names[c.come] = c.node
	}
	d.pending = append(d.pending, c)
}

// Fsync makes the names durable.
func (d *dir) Fsync(context.Context, fusefs.FileHandle, uint32) syscall.Errno {
	h := d.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.change("sync", d.name) {
		return syscall.EIO
	}
	d.durable, d.pending = maps.Clone(d.names), nil
	return 0
}

func (f *file) attr(a *fuse.Attr) {
	a.Mode, a.Size = syscall.S_IFREG|f.mode, uint64(len(f.data))
	a.Uid, a.Gid, a.Mtime = f.uid, f.gid, f.mtime
}

func (f *file) Getattr(_ context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	f.attr(&out.Attr)
	return 0
}

func (f *file) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		if !f.host.change("resize", f.name) {
			return syscall.EIO
		}
		f.resize(int(size))
	}
	if mode, ok := in.GetMode(); ok {
		f.mode = mode & 0o7777
	}
	if uid, ok := in.GetUID(); ok {
		f.uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		f.gid = gid
	}
	if t, ok := in.GetMTime(); ok {
		f.mtime = uint64(t.Unix())
	}
	f.attr(&out.Attr)
	return 0
}

// resize changes the length. All sectors behind the shorter one are dirty.
func (f *file) resize(size int) {
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
func (f *file) Open(context.Context, uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

func (f *file) Flush(context.Context, fusefs.FileHandle) syscall.Errno { return 0 }

func (f *file) Read(_ context.Context, _ fusefs.FileHandle, p []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	if off >= int64(len(f.data)) {
		return fuse.ReadResultData(nil), 0
	}
	n := copy(p, f.data[off:])
	return fuse.ReadResultData(p[:n]), 0
}

func (f *file) Write(_ context.Context, _ fusefs.FileHandle, p []byte, off int64) (uint32, syscall.Errno) {
	h := f.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.change("write", f.name) {
		return 0, syscall.EIO
	}
	h.writes++
	if h.strikes(f, "write") {
		if !h.fault.Short || h.writes+h.syncs != h.fault.At || len(p) < 2 {
			return 0, h.fault.Err
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

// datasync marks an fdatasync: FUSE_FSYNC_FDATASYNC of the protocol.
const datasync = 1

// Fsync is fsync, fdatasync, and the second half of msync: the pages were written. An
// fdatasync makes no new length durable. Linux promises more, and has broken it now and
// then (ext4 and XFS, after fallocate).
func (f *file) Fsync(_ context.Context, _ fusefs.FileHandle, flags uint32) syscall.Errno {
	h := f.host
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.change("sync", f.name) {
		return syscall.EIO
	}
	h.syncs++
	if h.strikes(f, "sync") {
		clear(f.dirty)
		return h.fault.Err
	}
	if flags&datasync != 0 {
		f.sync(min(len(f.durable), len(f.data)))
		return 0
	}
	if len(f.durable) > len(f.data) {
		f.durable = f.durable[:len(f.data):len(f.data)]
	} else {
		f.durable = append(f.durable, make([]byte, len(f.data)-len(f.durable))...)
	}
	f.sync(len(f.data))
	return 0
}

// sync makes the sectors that begin before an end durable.
func (f *file) sync(end int) {
	for s := range f.dirty {
		if from := int(s) * crashtest.SectorSize; from < end {
			copy(f.durable[from:], f.data[from:min(from+crashtest.SectorSize, len(f.data))])
			delete(f.dirty, s)
		}
	}
}

// Store writes files into a directory, which is made if need be.
func Store(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	err := os.MkdirAll(dir, 0o777)
	for name, b := range files {
		if err == nil {
			err = os.MkdirAll(filepath.Join(dir, path.Dir(name+"x")), 0o777)
		}
		if err == nil && !strings.HasSuffix(name, "/") {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o666)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Load reads the files of a directory, without those in others below it.
func Load(t testing.TB, dir string) map[string][]byte {
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
