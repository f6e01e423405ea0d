package images

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"v7em/block"
	"v7em/images/boot"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
	v7fs "v7em/unix/fs"
)

// InstallOptions says how a machine's directory is made.
type InstallOptions struct {
	Dir      string  // the directory; it appears when all is done
	Finder   *Finder // finds the distribution
	Force    bool    // replace the packs that are there
	Progress Progress
	Now      time.Time // stamps what V7 did not date
}

// ErrInstalled says that there are packs already.
var ErrInstalled = errors.New("a machine is installed there already; --force makes its packs anew, and what they hold is lost")

// Prefixes of what an install makes beside the machine's directory.
const (
	newPrefix = ".v7em-new-"
	oldPrefix = ".v7em-old-"
)

// Install makes a machine's directory: the RP03 pack, the RK05 packs and the
// configuration file. Everything is made in a directory of its own beside it, which
// takes the name at the end: an install that fails or is interrupted leaves nothing,
// and one that is killed only what the next install removes.
func Install(ctx context.Context, o InstallOptions) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	parent := filepath.Dir(dir)
	if err := clearLeftovers(parent, dir); err != nil {
		return err
	}
	unlock, err := checkTarget(dir, o.Force)
	if err != nil {
		return err
	}
	defer unlock()
	dist, err := o.Finder.Find(ctx)
	if err != nil {
		return err
	}

	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	tmp := filepath.Join(parent, newPrefix+filepath.Base(dir)+"-"+rand.Text())
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	lock, err := journaldev.LockDir(tmp, "v7em install")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if err := makeMachine(ctx, tmp, dist, o); err != nil {
		return err
	}
	if err := keepConfig(dir, tmp); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return swapIn(tmp, dir)
}

// makeMachine fills an empty directory.
func makeMachine(ctx context.Context, dir, dist string, o InstallOptions) error {
	p := o.Progress
	src, err := readDist(ctx, dist, p)
	if err != nil {
		return err
	}
	learn, err := lessons(src)
	if err != nil {
		return err
	}

	p.report("making the RP03 pack", 0, 0)
	rp := newDrives(RP())
	rpboot, err := src.ReadFile("/usr/mdec/rpuboot")
	if err != nil {
		return err
	}
	if err := rp.build(src, rpboot, learn, o.Now); err != nil {
		return err
	}

	// V7 makes the kernel on a copy, so that the pack is as it was distributed.
	kernel, err := makeKernel(ctx, rp.clone(), p)
	if err != nil {
		return err
	}

	p.report("making the RK05 packs", 0, 0)
	rk := newDrives(RK())
	block0, err := boot.Block0()
	if err != nil {
		return err
	}
	stage2, err := boot.SecondStage()
	if err != nil {
		return err
	}
	program := v7fs.Attr{Perm: 0o775, UID: 3, GID: 3, MTime: o.Now}
	extra := append(slices.Clone(learn),
		file{name: boot.Name, data: stage2, attr: program},
		file{name: "/unix", data: kernel, attr: program})
	if err := rk.build(src, block0, extra, o.Now); err != nil {
		return err
	}

	for _, d := range []*Drives{rp, rk} {
		for unit, disk := range d.Disks {
			p.report("writing the packs", int64(unit), int64(len(d.Disks)))
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := writeImage(filepath.Join(dir, d.Set.PackFile(unit)), disk); err != nil {
				return err
			}
		}
	}
	return writeFile(filepath.Join(dir, ConfigName), []byte(DefaultConfig))
}

// newDrives returns empty packs for a set, in memory.
func newDrives(s *Set) *Drives {
	d := &Drives{Set: s}
	for range s.Units {
		d.Disks = append(d.Disks, machine.MemDisk{Store: block.NewStore(s.Kind.Blocks)})
	}
	return d
}

// clone returns copies of packs in memory.
func (d *Drives) clone() *Drives {
	c := &Drives{Set: d.Set}
	for _, disk := range d.Disks {
		c.Disks = append(c.Disks, machine.MemDisk{Store: disk.(machine.Snapshotter).Snapshot()})
	}
	return c
}

// build makes the set's file systems on the packs: the distribution, with an
// /etc/rc that mounts them, the files that V7 wants to find, and extra ones.
func (d *Drives) build(src *Tree, boot []byte, extra []file, now time.Time) error {
	old, err := src.ReadFile("/etc/rc")
	if err != nil {
		return err
	}
	st, err := src.Lookup("/etc/rc")
	if err != nil {
		return err
	}
	rc, err := d.Set.rc(old)
	if err != nil {
		return err
	}
	data := v7fs.Attr{Perm: 0o644, UID: 3, GID: 3, MTime: now}
	extra = append(slices.Clone(extra),
		file{name: "/etc/rc", data: rc, attr: v7fs.Attr{Perm: st.Mode & v7fs.ModePerm, UID: st.UID, GID: st.GID, MTime: now}},
		file{name: "/etc/mtab", attr: data},
		file{name: "/usr/adm/wtmp", attr: data})
	var packs []v7fs.Device
	for _, disk := range d.Disks {
		packs = append(packs, disk)
	}
	_, err = d.Set.build(src, packs, boot, extra, now)
	return err
}

// writeImage writes a pack to a new file, durably.
func writeImage(path string, d rk.Disk) error {
	data := make([]byte, d.Blocks()*block.Size)
	for n := range d.Blocks() {
		if err := d.ReadBlock(n, data[n*block.Size:(n+1)*block.Size]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return writeFile(path, data)
}

// sparseFrom is the size from which zeros in a file take no room on the host's disk.
// An RK05 pack takes all its room at once, and cannot run out of it later.
const sparseFrom = 8 << 20

// writeFile writes a new file, durably.
func writeFile(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	const chunk = 64 << 10
	var zeros [chunk]byte
	for at := 0; at < len(data); at += chunk {
		c := data[at:min(at+chunk, len(data))]
		if len(data) >= sparseFrom && bytes.Equal(c, zeros[:len(c)]) {
			continue
		}
		if _, err := f.WriteAt(c, int64(at)); err != nil {
			return err
		}
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	return f.Sync()
}

// machineFile says whether a name is one that a machine's directory holds.
func machineFile(name string) bool {
	if name == ConfigName || name == journaldev.LockName {
		return true
	}
	name = strings.TrimSuffix(name, ".new") // of a journal whose making was cut short
	name = strings.TrimSuffix(name, ".journal")
	for _, s := range []*Set{RK(), RP()} {
		for unit := range rk.Drives {
			if name == s.PackFile(unit) {
				return true
			}
		}
	}
	return false
}

// checkTarget says whether an install may make dir: it is not there, or empty, or,
// with force, a machine's directory that nobody uses and that holds nothing else.
// Then it is locked until unlock is called.
func checkTarget(dir string, force bool) (unlock func(), err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	installed := false
	for _, e := range entries {
		if !machineFile(e.Name()) {
			return nil, fmt.Errorf("%s holds other files (%s): give the machine a directory of its own with --dir", dir, e.Name())
		}
		if e.Name() != journaldev.LockName {
			installed = true
		}
	}
	if !installed {
		return func() {}, nil
	}
	if !force {
		return nil, fmt.Errorf("%s: %w", dir, ErrInstalled)
	}
	lock, err := journaldev.LockDir(dir, "v7em install")
	if err != nil {
		return nil, err
	}
	return func() { lock.Unlock() }, nil
}

// keepConfig takes the configuration file of the machine that is replaced over.
func keepConfig(old, new string) error {
	data, err := os.ReadFile(filepath.Join(old, ConfigName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	path := filepath.Join(new, ConfigName)
	if err := os.Remove(path); err != nil {
		return err
	}
	return writeFile(path, data)
}

// swapIn gives the finished directory its name. The one that it replaces goes aside
// first; should the process die in between, the next install puts it back.
func swapIn(tmp, dir string) error {
	old := filepath.Join(filepath.Dir(dir), oldPrefix+filepath.Base(dir))
	err := os.Rename(dir, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	replaced := err == nil
	if err := os.Rename(tmp, dir); err != nil {
		if replaced {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return err
	}
	if err := journaldev.SyncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// clearLeftovers removes what installs of dir that were killed have left, and puts
// back the machine that one of them was about to replace.
func clearLeftovers(parent, dir string) error {
	old := filepath.Join(parent, oldPrefix+filepath.Base(dir))
	if _, err := os.Stat(old); err == nil {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(old, dir); err != nil {
				return err
			}
		} else if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	left, err := filepath.Glob(filepath.Join(parent, newPrefix+"*"))
	if err != nil {
		return err
	}
	for _, d := range left {
		if !strings.HasPrefix(filepath.Base(d), newPrefix+filepath.Base(dir)+"-") {
			continue
		}
		lock, err := journaldev.LockDir(d, "v7em install")
		if err != nil {
			continue // an install that is under way
		}
		err = os.RemoveAll(d)
		lock.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
