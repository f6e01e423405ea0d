package simh

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"v7em/images/boot"
	"v7em/unix/fs"
)

const (
	rkBlocks = 4872 // an RK05 pack
	rkFS     = 4000 // of it the root; swap space follows

	hpFS   = 9614        // the root that V7's hp driver sees in drive 0
	hpDisk = hpFS + 9000 // and swap space behind it

	// KernelMD5 is the checksum of the kernel that V7 makes of rktmconf.
	KernelMD5 = "452bfb1605cb0aa15692a54c11cbbbf8"
)

var nodes = []struct {
	name         string
	mode         uint16
	major, minor int
}{
	{"console", fs.ModeChar, 0, 0}, {"tty", fs.ModeChar, 17, 0},
	{"mem", fs.ModeChar, 8, 0}, {"kmem", fs.ModeChar, 8, 1}, {"null", fs.ModeChar, 8, 2},
	{"rk0", fs.ModeBlock, 0, 0}, {"rk1", fs.ModeBlock, 0, 1},
	{"hp0", fs.ModeBlock, 6, 0}, {"swap", fs.ModeBlock, 6, 1},
}

// root makes a root file system of the distribution's files that keep accepts (their
// names without a slash before), on a disk of so many blocks.
func root(dist string, disk, blocks int, keep func(name string) bool) (*fs.Mem, *fs.FS, error) {
	f, err := os.Open(dist)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	tar, err := fs.NewTarReader(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dist, err)
	}
	m := fs.NewMem(disk)
	now := time.Date(1979, 7, 1, 12, 0, 0, 0, time.UTC)
	v, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: blocks, Time: now})
	if err != nil {
		return nil, nil, err
	}
	v.SetClock(now)
	got, err := v.Extract(tar, fs.ExtractOptions{Map: func(name string) (string, bool) {
		return "/" + name, keep(strings.TrimPrefix(name, "./"))
	}})
	if err == nil {
		err = got.Whole()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dist, err)
	}
	for _, d := range []string{"/dev", "/tmp", "/usr"} {
		if err := v.MkdirAll(d, fs.Attr{Perm: 0o777}); err != nil {
			return nil, nil, err
		}
	}
	for _, n := range nodes {
		if err := v.Mknod("/dev/"+n.name, n.mode, n.major, n.minor, fs.Attr{Perm: 0o666}); err != nil {
			return nil, nil, err
		}
	}
	return m, v, nil
}

func under(name string, dirs ...string) bool {
	for _, d := range dirs {
		if strings.HasPrefix(name, d+"/") {
			return true
		}
	}
	return false
}

// HPPack returns the start of an RP04, RP05 or RP06 pack that boots the distribution's own
// kernel hptmunix (type "boot", then "hp(0,0)hptmunix") and has what it takes to make
// another one.
func HPPack(dist string) ([]byte, error) {
	m, v, err := root(dist, hpDisk, hpFS, func(n string) bool {
		return n == "boot" || n == "hptmunix" || under(n, "bin", "lib", "etc", "usr/sys", "usr/include", "usr/mdec")
	})
	if err != nil {
		return nil, err
	}
	b, err := v.ReadFile("/usr/mdec/hpuboot")
	if err != nil {
		return nil, err
	}
	if len(b) < 16 || len(b) > 16+fs.BlockSize {
		return nil, fmt.Errorf("/usr/mdec/hpuboot: %d bytes", len(b))
	}
	copy(m.Block(0), b[16:]) // without the a.out header
	return m.Bytes(), v.Sync()
}

// RKPack returns an RK05 pack with our bootstrap, the kernel as /unix, and /bin, /lib and
// /etc of the distribution. Files are put beside them by extra, which may be nil.
func RKPack(dist string, kernel []byte, extra func(v *fs.FS) error) ([]byte, error) {
	m, v, err := root(dist, rkBlocks, rkFS, func(n string) bool {
		return n == "boot" || under(n, "bin", "lib", "etc")
	})
	if err != nil {
		return nil, err
	}
	block0, err := boot.Block0()
	if err != nil {
		return nil, err
	}
	copy(m.Block(0), block0)
	second, err := boot.SecondStage()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		v.WriteFile(boot.Name, second, fs.Attr{Perm: 0o644}),
		v.WriteFile("/unix", kernel, fs.Attr{Perm: 0o755}))
	if err == nil && extra != nil {
		err = extra(v)
	}
	if err != nil {
		return nil, err
	}
	return m.Bytes(), v.Sync()
}

// Kernel has V7 make its kernel for RK05 disks in the simulator at path, working in dir.
func Kernel(path, dir, dist string) (kernel []byte, err error) {
	image, err := HPPack(dist)
	if err != nil {
		return nil, err
	}
	const name = "hp.dsk"
	disk := filepath.Join(dir, name)
	if err := os.WriteFile(disk, image, 0o666); err != nil {
		return nil, err
	}
	s, err := Start(path, dir, "set cpu 11/70", "set cpu 2M", "set rp0 rp06", "attach rp0 "+name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Go("boot rp0"); err != nil {
		return nil, err
	}
	for _, step := range []struct{ send, expect string }{
		{"boot\r", ": "},
		{"hp(0,0)hptmunix\r", "# "},
		{"stty -lcase cr0 nl0\r", "# "},
		{"cd /usr/sys/conf\r", "# "},
		{"mkconf <rktmconf; make unix\r", "# "},
		{"sync\r", "# "},
		{"sync\r", "# "},
	} {
		if err := s.Type(step.send); err != nil {
			return nil, err
		}
		if _, err := s.Expect(step.expect); err != nil {
			return nil, err
		}
	}
	if err := s.Interrupt(); err != nil {
		return nil, err
	}
	if _, err := s.Command("detach rp0"); err != nil {
		return nil, err
	}
	if image, err = os.ReadFile(disk); err != nil {
		return nil, err
	}
	v, err := fs.Open(fs.MemOf(image))
	if err != nil {
		return nil, err
	}
	if kernel, err = v.ReadFile("/usr/sys/conf/unix"); err != nil {
		return nil, err
	}
	if sum := md5.Sum(kernel); hex.EncodeToString(sum[:]) != KernelMD5 {
		return nil, fmt.Errorf("the kernel that V7 made has MD5 %x, not %s", sum, KernelMD5)
	}
	return bytes.Clone(kernel), nil
}
