package mini

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"v7em/images"
	"v7em/internal/hostfile"
)

// Dir returns the directory of the mini machine that goes with a V7 machine's directory.
// It lies beside that one, where an install of V7 wants no other files.
func Dir(machine string) string {
	if abs, err := filepath.Abs(machine); err == nil {
		machine = abs
	}
	return filepath.Clean(machine) + "-mini"
}

// Install makes a mini machine in dir, which it makes if need be: one pack in drive 0. A
// pack that is there already stays as it is, and false is returned. The pack gets its name
// when all of it is on the disk.
func Install(dir string, now time.Time) (made bool, err error) {
	name := filepath.Join(dir, images.RK().PackFile(0))
	if _, err := os.Stat(name); err == nil {
		return false, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	image, err := Pack(now)
	if err != nil {
		return false, err
	}
	if err := hostfile.MkdirAll(dir, 0o777); err != nil {
		return false, err
	}
	err = hostfile.Write(name, image, hostfile.Options{New: true, Whole: true, Perm: 0o644})
	if errors.Is(err, fs.ErrExist) {
		return false, nil // another v7em has made it just now
	}
	return err == nil, err
}
