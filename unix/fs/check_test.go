package fs

import (
	"bytes"
	"errors"
	"testing"
)

func TestGoodName(t *testing.T) {
	for _, c := range []struct {
		name string
		good bool
	}{
		{"a", true}, {"seven77", true}, {"eight888", true}, {"nine99999", true}, {"thirteen13131", true}, {"fourteen141414", true},
		{"\xff\x80\x01", true}, {"\x01", true},
		{"", false}, {"/", false}, {"eight88/", false}, {"nine9999/", false}, {"fourteen14141/", false},
		{"a\x00b", false}, {"\x00b", false}, {"a\x00\x00\x00\x00\x00\x00\x00\x00b", false}, {"eight888\x00b", false}, {"a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00b", false},
		{"seven77\x00b", false}, {"a\x00\x01", false},
	} {
		var b [NameMax]byte
		copy(b[:], c.name)
		if got := goodName(nameWords(b[:])); got != c.good {
			t.Errorf("%q: %v", c.name, got)
		}
	}
}

var errBroken = errors.New("broken")

// faulty is a device of which the n-th operation from now on fails.
type faulty struct {
	Device
	n int
}

func (d *faulty) fails() bool { d.n--; return d.n == 0 }

func (d *faulty) ReadBlock(n int, p []byte) error {
	if d.fails() {
		return errBroken
	}
	return d.Device.ReadBlock(n, p)
}

func (d *faulty) WriteBlock(n int, p []byte) error {
	if d.fails() {
		return errBroken
	}
	return d.Device.WriteBlock(n, p)
}

// Every error of the device comes out, wherever it strikes.
func TestDeviceErrors(t *testing.T) {
	base := sample(t)
	for _, c := range []struct {
		what string
		do   func(f *FS) error
	}{
		{"read", func(f *FS) error { _, err := f.ReadFile("/big"); return err }},
		{"walk", func(f *FS) error { return f.Walk("/", func(string, Stat) error { return nil }) }},
		{"free", func(f *FS) error { _, _, err := f.Free(); return err }},
		{"write", func(f *FS) error { return f.WriteFile("/a/new", content(1, 80000), Attr{}) }},
		{"mkdir", func(f *FS) error { return f.MkdirAll("/a/x/y", Attr{}) }},
		{"mknod", func(f *FS) error { return f.Mknod("/a/t", ModeChar, 1, 2, Attr{}) }},
		{"link", func(f *FS) error { return f.Link("/big", "/a/big2") }},
		{"chmod", func(f *FS) error { return f.Chmod("/a/f0", 0) }},
		{"truncate", func(f *FS) error { return f.Truncate("/big", 5000) }},
		{"remove", func(f *FS) error { return f.RemoveAll("/a") }},
		{"sync", func(f *FS) error { return errors.Join(f.Unlink("/big"), f.Sync()) }},
	} {
		for n := 1; ; n++ {
			d := &faulty{Device: MemOf(bytes.Clone(base))}
			f, err := Open(d)
			if err != nil {
				t.Fatal(err)
			}
			d.n = n
			err = c.do(f)
			if d.n > 0 { // it has ended before the fault
				if err != nil {
					t.Errorf("%s without a fault: %v", c.what, err)
				}
				break
			}
			if !errors.Is(err, errBroken) {
				t.Errorf("%s with a fault at operation %d: %v", c.what, n, err)
			}
		}
	}
	for n := 1; ; n++ {
		d := &faulty{Device: MemOf(base), n: n}
		r := Check(d)
		if d.n > 0 {
			break
		}
		if !r.Has(Unreadable) || r.Harmful == 0 {
			t.Errorf("a check with a fault at operation %d: %v", n, r)
		}
	}
}
