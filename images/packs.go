package images

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"v7em/escape"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
	v7fs "v7em/unix/fs"
)

// PackFile returns the name that the image of a drive's pack has in a machine's
// directory: rk0.rk05, rp0.rp03.
func (s *Set) PackFile(unit int) string {
	return fmt.Sprintf("%s%d.%s", s.Name, unit, strings.ToLower(s.Kind.Name))
}

// Drives are the packs of a set in the drives of a machine.
type Drives struct {
	Set   *Set
	Disks []rk.Disk // by drive; nil: the drive is empty
}

// Attach puts the packs into the drives of a machine.
func (d *Drives) Attach(m *machine.Machine) error {
	attach := m.AttachRK
	if d.Set.Name == "rp" {
		attach = m.AttachRP
	}
	for i, disk := range d.Disks {
		if disk == nil {
			continue
		}
		if err := attach(i, disk); err != nil {
			return err
		}
	}
	return nil
}

// SetClock sets the time that V7 will start from: s_time of the root's
// superblock. A write-protected pack keeps the one it has. So does one that is not
// V7's: then the error is a *ForeignError.
func (d *Drives) SetClock(now time.Time) error {
	if len(d.Disks) > 0 && d.Disks[0] != nil && d.Disks[0].ReadOnly() {
		return nil
	}
	if err := d.Recognize(); err != nil {
		return err
	}
	root := d.Disks[0]
	var b [v7fs.BlockSize]byte
	if err := root.ReadBlock(v7fs.SuperBlock, b[:]); err != nil {
		return err
	}
	var s v7fs.Super
	s.Decode(b[:])
	s.Time = v7fs.Stamp(now)
	s.Encode(b[:])
	return root.WriteBlock(v7fs.SuperBlock, b[:])
}

// Mount is what one line of the guest's /etc/rc mounts.
type Mount struct {
	Device string // "/dev/rk1"
	Dir    string // "/usr"
}

// Tree returns the file tree on the packs, mounted as the guest's /etc/rc does
// it, and what that mounts. What cannot be mounted is an error.
func (d *Drives) Tree() (*Tree, []Mount, error) {
	var failed error
	t, mounts, err := d.mount(func(_ Mount, err error) { failed = errors.Join(failed, err) })
	if err == nil && failed != nil {
		err = fmt.Errorf("/etc/rc on %s: %w", d.Set.volumes[0].node, failed)
	}
	if err != nil {
		return nil, nil, err
	}
	return t, mounts, nil
}

// Mounted is Tree without what cannot be mounted: a missing pack, one without a file
// system. note, if not nil, gets a line for each.
func (d *Drives) Mounted(note func(line string)) (*Tree, []Mount, error) {
	return d.mount(func(m Mount, err error) {
		if note != nil {
			note(fmt.Sprintf("%s is not mounted on %s: %v", escape.Name(m.Device), escape.Name(m.Dir), err))
		}
	})
}

// root returns the root's file system.
func (d *Drives) root() (*v7fs.FS, error) {
	v := d.Set.volumes[0]
	root, err := v7fs.Open(v7fs.Region{Device: d.Disks[0], Start: v.offset, N: v.blocks})
	if err != nil {
		return nil, fmt.Errorf("the root on %s: %w", v.node, err)
	}
	return root, nil
}

// mount returns the tree of the root with what /etc/rc mounts and can be mounted; the
// rest goes to without.
func (d *Drives) mount(without func(Mount, error)) (*Tree, []Mount, error) {
	root, err := d.root()
	if err != nil {
		return nil, nil, err
	}
	t := NewTree(root)
	rc, err := t.ReadFile("/etc/rc")
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("/etc/rc on %s: %w", d.Set.volumes[0].node, err)
	}
	var mounts []Mount
	for line := range strings.Lines(string(rc)) {
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != "/etc/mount" {
			continue
		}
		m := Mount{words[1], words[2]}
		if err := d.mountOne(t, m); err != nil {
			without(m, err)
			continue
		}
		mounts = append(mounts, m)
	}
	return t, mounts, nil
}

// mountOne mounts in t what a line of /etc/rc does.
func (d *Drives) mountOne(t *Tree, m Mount) error {
	st, err := t.Lookup(m.Device)
	if err != nil {
		return err
	}
	major, minor := st.Device()
	r, ok := d.region(minor)
	if st.Type() != v7fs.ModeBlock || major != d.Set.block || !ok {
		return fmt.Errorf("%s is no pack in a drive", escape.Name(m.Device))
	}
	f, err := v7fs.Open(r)
	if err != nil {
		return fmt.Errorf("%s: %w", escape.Name(m.Device), err)
	}
	return t.Mount(f, m.Dir)
}

// region returns what the driver's minor device number stands for.
func (d *Drives) region(minor int) (v7fs.Region, bool) {
	unit, part := minor, v7fs.Region{N: d.Set.Kind.Blocks}
	if d.Set.Name == "rp" {
		unit = minor >> 3
		switch minor & 7 { // the table in V7's rp driver
		case 0:
			part.N = 81000
		case 1:
			part.N = 5000
		case 2:
			part.Start, part.N = 25*200, 2000
		case 3:
			part.Start, part.N = 35*200, 74000
		default:
			return v7fs.Region{}, false
		}
	}
	if unit >= len(d.Disks) || d.Disks[unit] == nil {
		return v7fs.Region{}, false
	}
	part.Device = d.Disks[unit]
	return part, true
}

// Packs are the packs of a set, open on the host.
type Packs struct {
	Drives
	packs []Pack // those in Disks
}

// OpenPacks opens the images of a set in a machine's directory, without journals.
func (s *Set) OpenPacks(dir string) (*Packs, error) {
	return s.OpenPacksAs(dir, Keep{Journal: JournalOff})
}

// OpenPacksAs opens the images of a set in a machine's directory. Those that are
// missing leave their drives empty; the one of drive 0 must be there.
func (s *Set) OpenPacksAs(dir string, k Keep) (*Packs, error) {
	p := &Packs{Drives: Drives{Set: s, Disks: make([]rk.Disk, s.Units)}}
	for i := range p.Disks {
		pack, err := k.Open(filepath.Join(dir, s.PackFile(i)), s.Kind, fmt.Sprintf("%s%d", s.Name, i))
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			p.Close()
			return nil, err
		}
		p.Disks[i] = pack
		p.packs = append(p.packs, pack)
	}
	return p, nil
}

// OpenScratch returns the packs of a set in a machine's directory, in memory: nothing that
// is done to them reaches the host. Others may do the same at once. Those that are
// missing leave their drives empty; the one of drive 0 must be there.
func (s *Set) OpenScratch(dir string) (*Drives, error) {
	d := &Drives{Set: s, Disks: make([]rk.Disk, s.Units)}
	for i := range d.Disks {
		o := journaldev.Options{Unit: fmt.Sprintf("%s%d", s.Name, i), ReadOnly: true}
		p, err := journaldev.Open(filepath.Join(dir, s.PackFile(i)), s.Kind, o)
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		d.Disks[i] = machine.MemDisk{Store: p.Snapshot()}
		if err := p.Close(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// ByDrive returns the packs by the names of their drives, "rk0".
func (p *Packs) ByDrive() map[string]Pack {
	drives := map[string]Pack{}
	for unit, d := range p.Disks {
		if d != nil {
			drives[fmt.Sprintf("%s%d", p.Set.Name, unit)] = d.(Pack)
		}
	}
	return drives
}

// Err returns the first failed host write of the packs, or nil.
func (p *Packs) Err() error {
	for _, d := range p.packs {
		if d.Err() != nil {
			return d.Err()
		}
	}
	return nil
}

// Revert takes the journaled packs back to what was committed last, for changes
// from the host when the guest is off.
func (p *Packs) Revert() {
	for _, d := range p.packs {
		if v, ok := d.(*journaldev.Volume); ok {
			v.Revert()
		}
	}
}

// Commit commits the journaled packs as they are, with what the host has changed
// while the guest is off.
func (p *Packs) Commit() error {
	var errs []error
	for _, d := range p.packs {
		if v, ok := d.(*journaldev.Volume); ok && !v.ReadOnly() {
			_, err := v.Commit(v.Snapshot(), journaldev.Note{Reason: "host"})
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.Sync())...)
}

// Sync makes all writes, or all commits of journaled packs, durable on the host.
func (p *Packs) Sync() error {
	var errs []error
	for _, d := range p.packs {
		errs = append(errs, d.Sync())
	}
	return errors.Join(errs...)
}

// Close syncs and closes the packs.
func (p *Packs) Close() error {
	var errs []error
	for _, d := range p.packs {
		errs = append(errs, d.Close())
	}
	p.packs = nil
	return errors.Join(errs...)
}
