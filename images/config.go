package images

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"v7em/machine"
)

// ConfigName is the name of the configuration file in a machine's directory.
const ConfigName = "v7em.conf"

// Config is what the configuration file says. Options of the command line go
// before it.
type Config struct {
	Model     int    `toml:"model"`      // 70 or 45; 0: what goes with the disks
	Memory    string `toml:"memory"`     // see ParseMemory; empty: what the model usually has
	Disk      string `toml:"disk"`       // "rk" or "rp"
	PlainKeys bool   `toml:"plain-keys"` // leave the terminal's keys alone
}

// DefaultConfig is the file that an install makes.
const DefaultConfig = `# The machine in this directory. Options of the v7em command go before what is
# said here. This file is TOML.

# The PDP-11: 70 or 45. From the RP03 pack V7 runs on the 45 only.
#model = 70

# Its memory. V7 wants 256K on an 11/45 and 1M or 2M on an 11/70.
#memory = "2M"

# The disks to boot from: "rk", eight RK05 packs, or "rp", one RP03 pack.
disk = "rk"

# Backspace erases and ^C interrupts, unless this is true: then V7's own keys do,
# # and DEL (and @ for the line).
plain-keys = false
`

// LoadConfig reads the configuration file in a machine's directory. Without a file
// it returns the defaults. What the file should not say is an error.
func LoadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, ConfigName)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Config{Disk: "rk"}, err
	}
	return parseConfig(path, string(text))
}

// parseConfig reads the text of the configuration file at path.
func parseConfig(path, text string) (Config, error) {
	c := Config{Disk: "rk"}
	md, err := toml.Decode(text, &c)
	if perr := new(toml.ParseError); errors.As(err, perr) {
		return c, fmt.Errorf("%s line %d: %s", path, perr.Position.Line, perr.Message)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if extra := md.Undecoded(); len(extra) > 0 {
		return c, fmt.Errorf("%s: unknown setting %q", path, extra[0].String())
	}
	if err := c.Check(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Check says what is wrong with a configuration.
func (c Config) Check() error {
	set, err := c.Set()
	if err != nil {
		return err
	}
	model := machine.Model(c.Model)
	switch {
	case model != 0 && model != machine.PDP1145 && model != machine.PDP1170:
		return fmt.Errorf("model %d: must be 70 or 45", c.Model)
	case model != 0 && set.Model(model) != model:
		return fmt.Errorf("model %d: V7 runs from %s disks on an %v only", c.Model, strings.ToUpper(c.Disk), set.Model(model))
	}
	m, err := c.Machine()
	if err == nil && m.Memory > maxMemory {
		err = fmt.Errorf("memory %s: V7 does not come up with more than 2M", c.Memory)
	}
	return err
}

// maxMemory is what V7 can count in bytes of its own.
const maxMemory = 2 << 20

// Set returns the disks to boot from.
func (c Config) Set() (*Set, error) {
	switch c.Disk {
	case "rk":
		return RK(), nil
	case "rp":
		return RP(), nil
	}
	return nil, fmt.Errorf("disk %q: must be rk or rp", c.Disk)
}

// Machine returns the machine that is configured.
func (c Config) Machine() (machine.Config, error) {
	set, err := c.Set()
	if err != nil {
		return machine.Config{}, err
	}
	m := machine.Config{Model: set.Model(machine.Model(c.Model))}
	if c.Memory != "" {
		m.Memory, err = ParseMemory(c.Memory)
	}
	return m, err
}

// ParseMemory reads a size of memory: a number of bytes, or of units of 1024 (K) or
// 1048576 bytes (M).
func ParseMemory(s string) (int, error) {
	digits, unit := strings.ToUpper(strings.TrimSpace(s)), 1
	if n, ok := strings.CutSuffix(digits, "K"); ok {
		digits, unit = n, 1<<10
	} else if n, ok := strings.CutSuffix(digits, "M"); ok {
		digits, unit = n, 1<<20
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n <= 0 || n > 1<<30/unit {
		return 0, fmt.Errorf("memory %q: must be a size such as 256K or 2M", s)
	}
	return n * unit, nil
}
