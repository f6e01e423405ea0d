package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"v7em/block"
	"v7em/images/boot"
	"v7em/machine"
	"v7em/rk"
	v7fs "v7em/unix/fs"
)

// InstallOptions says how a machine's directory is made.
type InstallOptions struct {
	Dir      string  // the directory, which is made if it is not there
	Finder   *Finder // finds the distribution
	Force    bool    // replace the packs that are there
	Progress Progress
	Now      time.Time // stamps what V7 did not date
}

// ErrInstalled says that there are packs already.
var ErrInstalled = errors.New("a machine is installed there already; --force makes its packs anew, and what " +
	"they hold is lost")

// Install makes a machine's directory: the RP03 pack, the RK05 packs and the
// configuration file. The directory may be there already, be a mount point, and lie in
// one that may not be written: everything is made in it, under a name that is nobody's
// pack, and gets its own when all of it is on the disk. An install that fails or is
// interrupted leaves nothing. One that is killed leaves nothing that counts as
// installed; the next one, or the next boot, finishes it or begins anew.
func Install(ctx context.Context, o InstallOptions) (err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	t, err := openTarget(dir, o.Force)
	if err != nil {
		return err
	}
	defer func() { t.close(err != nil) }()
	dist, err := o.Finder.Find(ctx)
	if err != nil {
		return err
	}
	if err := os.Mkdir(t.making(), 0o777); err != nil {
		return err
	}
	if err := makeMachine(ctx, t.making(), dist, o); err != nil {
		return err
	}
	if err := t.keepConfig(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.putInPlace()
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
