package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/pflag"

	"v7em/images"
	"v7em/machine"
)

// machineFlags are the options that choose a machine and say what it is.
type machineFlags struct {
	dir    string
	model  int
	memory string
	disk   string
}

func (f *machineFlags) addDir(fs *pflag.FlagSet) {
	fs.StringVar(&f.dir, "dir", "", "the machine's directory (default: $V7EM_DIR, or v7em in your data directory)")
}

func (f *machineFlags) addHardware(fs *pflag.FlagSet) {
	f.addDir(fs)
	fs.IntVar(&f.model, "model", 0, "the PDP-11: 70 or 45 (default: v7em.conf, or 70)")
	fs.StringVar(&f.memory, "memory", "", "its memory, such as 256K or 2M (default: v7em.conf, or 2M; 256K for a 45)")
}

func (f *machineFlags) add(fs *pflag.FlagSet) {
	f.addHardware(fs)
	fs.StringVar(&f.disk, "disk", "", "boot from the RK05 packs (rk) or the RP03 pack (rp) (default: v7em.conf, or rk)")
}

// check checks what can be told without the machine's configuration.
func (f *machineFlags) check() error {
	switch {
	case f.model != 0 && f.model != int(machine.PDP1145) && f.model != int(machine.PDP1170):
		return usagef("--model %d: must be 70 or 45", f.model)
	case f.disk != "" && f.disk != images.RK().Name && f.disk != images.RP().Name:
		return usagef("--disk %q: must be rk or rp", f.disk)
	case f.memory != "":
		n, err := images.ParseMemory(f.memory)
		if err == nil {
			// Which model the configuration has is not known yet: the 70 takes what the 45 does.
			_, err = machine.New(machine.Config{Model: machine.Model(cmp.Or(f.model, int(machine.PDP1170))), Memory: n})
		}
		if err != nil {
			return usagef("--memory: %w", err)
		}
	}
	return nil
}

// machineDir returns the machine's directory.
func (f *machineFlags) machineDir() (string, error) {
	if f.dir != "" {
		return f.dir, nil
	}
	if d := os.Getenv("V7EM_DIR"); d != "" {
		return d, nil
	}
	data, err := dataDir()
	if err != nil {
		return "", fmt.Errorf("where should the machine be? %w: give --dir", err)
	}
	return filepath.Join(data, "v7em"), nil
}

// dataDir returns where this system keeps a user's data.
func dataDir() (string, error) {
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return d, nil
	}
	if runtime.GOOS == "windows" {
		if d := os.Getenv("LocalAppData"); d != "" {
			return d, nil
		}
		return "", errors.New("%LocalAppData% is not set")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support"), nil
	}
	return filepath.Join(home, ".local", "share"), nil
}

// config returns the directory's configuration with the options applied to it.
func (f *machineFlags) config(dir string) (images.Config, error) {
	c, err := images.LoadConfig(dir)
	if err != nil {
		return c, err
	}
	if f.disk != "" && f.disk != c.Disk {
		// The file's model and memory were meant for its own disks.
		c.Disk, c.Model, c.Memory = f.disk, 0, ""
	}
	if f.model != 0 && f.model != c.Model {
		c.Model, c.Memory = f.model, ""
	}
	if f.memory != "" {
		c.Memory = f.memory
	}
	if err := c.Check(); err != nil {
		return c, badUsage{err}
	}
	return c, nil
}

// newMachine makes the configured machine.
func newMachine(c images.Config, nanos uint64) (*machine.Machine, error) {
	mc, err := c.Machine()
	if err != nil {
		return nil, err
	}
	mc.NanosPerInstr = nanos
	return machine.New(mc)
}
