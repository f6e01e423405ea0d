package mini

import (
	"errors"
	"fmt"
	"time"

	"v7em/images/boot"
	v7fs "v7em/unix/fs"
)

// Sizes of a pack, in blocks: that of an RK05, and of the file system on it. The rest is
// where V7 would swap; mini does not.
const (
	PackBlocks = 4872
	RootBlocks = 4000
)

// inodes is how many the file system has: enough to make a good number of files.
const inodes = 1200

// rc is what init has the shell do first.
const rc = `# What is done before the first prompt.
cat /etc/motd
/etc/update &
`

// motd greets on the console.
const motd = `This is mini, a small system of the kind of Seventh Edition Unix. Its programs
are in /bin; the shell does loops, pipes and a little more. You are the
super-user.
`

// Pack makes a bootable RK05 pack: kernel, programs, devices. It returns PackBlocks
// blocks. The times of its files, and the clock that the guest starts with, are now.
func Pack(now time.Time) ([]byte, error) {
	m := v7fs.NewMem(PackBlocks)
	if err := write(m, now); err != nil {
		return nil, fmt.Errorf("making a mini pack: %w", err)
	}
	return m.Bytes(), nil
}

func write(m *v7fs.Mem, now time.Time) error {
	f, err := v7fs.Mkfs(m, v7fs.MkfsOptions{Blocks: RootBlocks, Inodes: inodes, Time: now, Name: "root", Pack: "mini"})
	if err != nil {
		return err
	}
	f.SetClock(now)
	block0, err := boot.Block0()
	if err != nil {
		return err
	}
	copy(m.Block(0), block0)
	second, err := boot.SecondStage()
	if err != nil {
		return err
	}
	kernel, err := Kernel()
	if err != nil {
		return err
	}
	for _, d := range []struct {
		name string
		perm uint16
	}{{"/bin", 0o755}, {"/dev", 0o755}, {"/etc", 0o755}, {"/mnt", 0o755}, {"/tmp", 0o777}, {"/usr", 0o755}} {
		if err := f.Mkdir(d.name, v7fs.Attr{Perm: d.perm}); err != nil {
			return err
		}
	}
	err = errors.Join(
		f.WriteFile(boot.Name, second, v7fs.Attr{Perm: 0o644}),
		f.WriteFile("/unix", kernel, v7fs.Attr{Perm: 0o644}),
		f.WriteFile("/etc/rc", []byte(rc), v7fs.Attr{Perm: 0o644}),
		f.WriteFile("/etc/motd", []byte(motd), v7fs.Attr{Perm: 0o644}),
		f.Mknod("/dev/console", v7fs.ModeChar, 0, 0, v7fs.Attr{Perm: 0o622}),
		f.Mknod("/dev/tty", v7fs.ModeChar, 17, 0, v7fs.Attr{Perm: 0o666}),
		f.Mknod("/dev/null", v7fs.ModeChar, 8, 2, v7fs.Attr{Perm: 0o666}),
	)
	for i := range 8 {
		err = errors.Join(err, f.Mknod(fmt.Sprintf("/dev/rk%d", i), v7fs.ModeBlock, 0, i, v7fs.Attr{Perm: 0o644}))
	}
	if err != nil {
		return err
	}
	names, err := Programs()
	if err != nil {
		return err
	}
	for _, n := range names {
		p, err := Program(n)
		if err != nil {
			return err
		}
		dir := "/bin/"
		if system[n] {
			dir = "/etc/"
		}
		if err := f.WriteFile(dir+n, p, v7fs.Attr{Perm: 0o755}); err != nil {
			return err
		}
	}
	return f.Sync()
}

// system are the programs that go to /etc: nobody types their names.
var system = map[string]bool{"init": true, "update": true, "mount": true, "umount": true}
