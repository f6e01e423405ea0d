package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/images"
	"v7em/journaldev"
	v7fs "v7em/unix/fs"
)

// simhFooter is what SIMH 4 puts behind the blocks of an RK05 that it attaches.
func simhFooter() []byte {
	b := make([]byte, 512)
	copy(b, "simh")
	copy(b[4:], "PDP-11")
	copy(b[68:], "RK05")
	binary.BigEndian.PutUint32(b[84:], 512)
	binary.BigEndian.PutUint32(b[88:], 4872)
	binary.BigEndian.PutUint32(b[508:], crc32.ChecksumIEEE(b[:508]))
	return b
}

// makeOddPack makes an image with so many blocks of a pack and the footer, if there is one.
func makeOddPack(t *testing.T, path string, blocks int, footer []byte) {
	t.Helper()
	m := v7fs.NewMem(blocks)
	f, err := v7fs.Mkfs(m, v7fs.MkfsOptions{Blocks: 4000})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(m.Bytes(), footer...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOddPacks has v7em fs and v7em journal work on packs as SIMH leaves them, without
// and with journals that hold something.
func TestOddPacks(t *testing.T) {
	for _, footer := range [][]byte{nil, simhFooter()} {
		for _, blocks := range []int{4000, 4058, 4800, 4872} {
			img := filepath.Join(t.TempDir(), "rk0.rk05")
			length := func(want int) {
				t.Helper()
				b, err := os.ReadFile(img)
				if err != nil || len(b) != want*512+len(footer) || !bytes.HasSuffix(b, footer) {
					t.Errorf("%d blocks, footer %t: the file has %d bytes, want %d blocks (%v)", blocks, footer != nil, len(b), want, err)
				}
			}
			makeOddPack(t, img, blocks, footer)
			fsOK(t, "", "mkdir", img, "/a")
			if out := fsOK(t, "", "ls", img); out != "a\n" {
				t.Errorf("ls prints %q", out)
			}
			length(blocks)
			// A machine is killed with something in its journal.
			v, err := images.Keep{}.Open(img, journaldev.RK05, "rk0")
			if err != nil {
				t.Fatal(err)
			}
			f, err := v7fs.Open(v)
			if err == nil {
				err = f.Mkdir("/b", v7fs.Attr{Perm: 0o755})
			}
			if err == nil {
				err = f.Sync()
			}
			if err != nil {
				t.Fatal(err)
			}
			tok, err := v.(*journaldev.Volume).Commit(v.Snapshot(), journaldev.Note{})
			if err == nil {
				err = tok.Wait()
			}
			if err != nil {
				t.Fatal(err)
			}
			v.Cut()
			if out := fsOK(t, "", "ls", img); out != "a\nb\n" {
				t.Errorf("with a journal ls prints %q", out)
			}
			if out, err := journalTool("status", img); err != nil || !strings.Contains(out, "of a pack of 4872 blocks") {
				t.Errorf("status: %v, %s", err, out)
			}
			fsOK(t, "", "mkdir", img, "/c")
			fsOK(t, "", "check", img)
			if out, err := journalTool("off", img); err != nil {
				t.Errorf("off: %v, %s", err, out)
			}
			if out := fsOK(t, "", "ls", img); out != "a\nb\nc\n" {
				t.Errorf("at last ls prints %q", out)
			}
			length(blocks)
			// What does not fit makes the file a whole pack; more does not fit the pack.
			refused(t, "do not fit", "mkfs", "--force", img, "4873")
			fsOK(t, "", "mkfs", "--force", img, "4872")
			length(4872)
			fsOK(t, "", "check", img)
		}
	}
}

// TestOtherSizes has every command refuse a pack of another size, with what helps.
func TestOtherSizes(t *testing.T) {
	dir := newMachineDir(t)
	img := filepath.Join(dir, "rk3.rk05")
	if err := os.Truncate(img, 3000*512); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", "--dir", dir, "true"}, {"bare", "--attach", "rk0=" + img}, {"crash", "--dir", dir, "--points", "1"}, {"bench", "--dir", dir},
		{"run", "--journal=off", "--dir", dir, "true"},
	} {
		_, errs, status := v7em("", args...)
		for _, want := range []string{"it has 3000 blocks (1536000 bytes)", "RK05 has 4872 blocks", "RP03 has 81200", "--any-size"} {
			if status != 1 && status != statusOwn || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("%v: status %d, %q, want a line with %q", args, status, errs, want)
			}
		}
	}
	out, errs, status := v7em("", "run", "--any-size", "--dir", dir, "echo hello")
	if status != 0 || out != "hello\n" {
		t.Errorf("with --any-size: %d, %q, %q", status, out, errs)
	}
}

// TestChangedPackIsTold has another program write to a pack between two runs: the next
// one says so, once, and takes the pack as it is.
func TestChangedPackIsTold(t *testing.T) {
	dir := newMachineDir(t)
	run := func() string {
		_, errs, status := v7em("", "run", "--dir", dir, "true")
		if status != 0 {
			t.Errorf("status %d, %q", status, errs)
		}
		return errs
	}
	if errs := run(); errs != "" {
		t.Errorf("the first run says %q", errs)
	}
	img := filepath.Join(dir, "rk7.rk05")
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	b[4871*512]++ // a free block
	if err := os.WriteFile(img, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if errs := run(); errs != "v7em: rk7: nothing to recover; the pack was changed without its journal\n" {
		t.Errorf("after another program the run says %q", errs)
	}
	if errs := run(); errs != "" {
		t.Errorf("the last run says %q", errs)
	}
}
