//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"v7em/images"
)

// writeAndHalt is a boot block: it writes memory from 0 on to block 100 (cylinder 4,
// surface 0, sector 4), waits until the controller is ready, and halts. The first word
// written is 123456.
var writeAndHalt = []uint16{
	0o000240, 0o012737, 0o123456, 0o001000, 0o012701, 0o177412, 0o012711, 0o000204,
	0o012741, 0o001000, 0o012741, 0o177400, 0o012741, 0o000003, 0o105711, 0o100376, 0o000000,
}

// foreignPack makes a directory whose drive 0 holds a pack with that boot block and
// nothing else.
func foreignPack(t *testing.T, boot []uint16) (dir, rk0 string) {
	t.Helper()
	image := make([]byte, images.RK().Kind.Bytes())
	for i, w := range boot {
		binary.LittleEndian.PutUint16(image[2*i:], w)
	}
	dir = t.TempDir()
	rk0 = filepath.Join(dir, images.RK().PackFile(0))
	if err := os.WriteFile(rk0, image, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir, rk0
}

// wordOf returns the first word of a block of an image.
func wordOf(t *testing.T, image string, block int) uint16 {
	t.Helper()
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint16(b[512*block:])
}

// TestBootHalt: what a program has written when it halts is there, with a journal or
// without.
func TestBootHalt(t *testing.T) {
	for _, journal := range []string{"on", "off", "write-through"} {
		dir, rk0 := foreignPack(t, writeAndHalt)
		u := sitDown(t, "boot", "--dir", dir, "--journal", journal)
		u.sees("the machine has stopped: halt at PC 000042")
		if status := u.leaves(); status != 1 {
			t.Errorf("--journal %s: status %d", journal, status)
		}
		if _, errs, status := v7em("", "journal", "recover", rk0); journal == "on" && status != 0 {
			t.Errorf("recover: %s", errs)
		}
		if w := wordOf(t, rk0, 100); w != 0o123456 {
			t.Errorf("--journal %s: block 100 begins with %06o", journal, w)
		}
	}
}

// TestBootForeign: a boot leaves a pack that is not V7's as it is, and so does its end.
func TestBootForeign(t *testing.T) {
	dir, rk0 := foreignPack(t, []uint16{0o000777}) // br .
	before, err := os.ReadFile(rk0)
	if err != nil {
		t.Fatal(err)
	}
	u := sitDown(t, "boot", "--dir", dir)
	u.sees("rk0 is not recognized as V7: ")
	u.types("\x05s")
	u.sees("is not recognized as V7: ")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	if _, errs, status := v7em("", "journal", "recover", rk0); status != 0 {
		t.Errorf("recover: %s", errs)
	}
	after, err := os.ReadFile(rk0)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the pack was changed")
	}
}
