package mini

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"v7em/images"
)

// Dir returns the directory of the mini machine that goes with a V7 machine's directory.
// It lies beside that one, which an install replaces as a whole.
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
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(dir, "rk0.part*")
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(image)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		// Link, unlike Rename, does not replace what another v7em has made just now.
		if err = os.Link(f.Name(), name); errors.Is(err, fs.ErrExist) {
			return false, nil
		} else if err != nil {
			err = os.Rename(f.Name(), name) // no hard links here
		}
	}
	if err != nil {
		return false, fmt.Errorf("making %s: %w", name, err)
	}
	return true, nil
}
