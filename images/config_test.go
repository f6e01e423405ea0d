package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/machine"
)

func TestLoadConfig(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		want       Config
		err        string // part of the message
	}{
		{"default", DefaultConfig, Config{Disk: "rk"}, ""},
		{"empty", "", Config{Disk: "rk"}, ""},
		{"everything", "model = 45\nmemory = \"128K\"\ndisk = \"rp\"\nplain-keys = true\n", Config{45, "128K", "rp", true}, ""},
		{"model", "model = 20\n", Config{}, "model 20: must be 70 or 45"},
		{"disk", "disk = \"hp\"\n", Config{}, `disk "hp": must be rk or rp`},
		{"no 70 with rp", "model = 70\ndisk = \"rp\"\n", Config{}, "on an 11/45 only"},
		{"memory", "memory = \"lots\"\n", Config{}, `memory "lots"`},
		{"too much memory", "memory = \"3M\"\n", Config{}, "more than 2M"},
		{"unknown", "modle = 45\n", Config{}, `unknown setting "modle"`},
		{"not TOML", "model = 45\nmodel 45\n", Config{}, "line 2"},
		{"wrong type", "model = \"45\"\n", Config{}, "model"},
		{"binary", "\x00\xff", Config{}, "line 1"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, ConfigName)
		if err := os.WriteFile(path, []byte(tt.file), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := LoadConfig(dir)
		switch {
		case tt.err == "" && (err != nil || got != tt.want):
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v; want one line with %q and the file's name", tt.name, err, tt.err)
		}
	}
	if c, err := LoadConfig(t.TempDir()); err != nil || c.Disk != "rk" {
		t.Errorf("no file: %+v, %v", c, err)
	}
}

func TestConfigMachine(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		want machine.Config
	}{
		{Config{Disk: "rk"}, machine.Config{Model: 70}},
		{Config{Disk: "rp"}, machine.Config{Model: 45}},
		{Config{Disk: "rk", Model: 45, Memory: "128K"}, machine.Config{Model: 45, Memory: 128 << 10}},
	} {
		if got, err := tt.c.Machine(); err != nil || got != tt.want {
			t.Errorf("%+v: %+v, %v", tt.c, got, err)
		}
	}
}

func TestParseMemory(t *testing.T) {
	for s, want := range map[string]int{
		"256K": 262144, "2M": 2097152, "2m": 2097152, " 64k ": 65536, "8192": 8192,
		"": 0, "K": 0, "0": 0, "-1K": 0, "2G": 0, "1.5M": 0, "2MB": 0, "99999999999M": 0, "9223372036854775807": 0,
	} {
		if got, err := ParseMemory(s); got != want || (err == nil) != (want != 0) {
			t.Errorf("ParseMemory(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
}

func FuzzLoadConfig(f *testing.F) {
	f.Add(DefaultConfig)
	f.Add("model = 45\nmemory = \"128K\"\ndisk = \"rp\"\n")
	f.Add("[a]\nb = [1, 2\n")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseConfig(ConfigName, s)
		if err != nil {
			return
		}
		if _, err := c.Machine(); err != nil {
			t.Errorf("%q: accepted, but %v", s, err)
		}
	})
}
