package journaldev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/block"
	"v7em/journaldev/crashtest"
	"v7em/unix/fs"
)

// simhFooter returns a footer as SIMH 4 puts it behind a pack of so many blocks.
func simhFooter(blocks int) []byte {
	b := make([]byte, 512)
	copy(b, "simh")
	copy(b[4:], "PDP-11")
	copy(b[68:], "RK05")
	binary.BigEndian.PutUint32(b[84:], 512)
	binary.BigEndian.PutUint32(b[88:], uint32(blocks))
	binary.BigEndian.PutUint32(b[92:], 2)
	copy(b[96:], "Sun Nov 29 01:02:03 2026\n")
	b[125] = 1
	binary.BigEndian.PutUint32(b[508:], crc32.ChecksumIEEE(b[:508]))
	return b
}

// shortPack makes an image with a file system of so many blocks, which are all that is
// in the file, and a footer if there is one.
func shortPack(t *testing.T, blocks int, footer []byte) string {
	t.Helper()
	m := fs.NewMem(blocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: min(blocks, 4000)})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rk0.rk05")
	if err := os.WriteFile(path, append(m.Bytes(), footer...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestShapes mounts images that are longer or shorter than their pack, has the guest
// write where the file has something and then where it has nothing, cuts the power, and
// recovers. The file stays short as long as it can; a footer stays what it is.
func TestShapes(t *testing.T) {
	for _, blocks := range []int{4000, 4058, 4800, RK05.Blocks} {
		for _, footer := range [][]byte{nil, simhFooter(RK05.Blocks), append([]byte("simh"), make([]byte, 508)...)} {
			if footer != nil && blocks != RK05.Blocks && !isFooter(footer, true) {
				continue // at the end of a short file it may be a block
			}
			name := fmt.Sprintf("%d blocks, %d bytes behind", blocks, len(footer))
			path := shortPack(t, blocks, footer)
			is := func(length int) {
				t.Helper()
				b, err := os.ReadFile(path)
				if err != nil || len(b) != length*512+len(footer) || !bytes.HasSuffix(b, footer) {
					t.Errorf("%s: the file has %d bytes, want %d blocks and the footer (%v)", name, len(b), length, err)
				}
			}
			o := VolumeOptions{Options: Options{Sync: SyncMethods[blocks%3]}} // each of them some time
			v, err := OpenVolume(path, RK05, o)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var p [512]byte
			if v.Blocks() != RK05.Blocks || v.ReadBlock(RK05.Blocks-1, p[:]) != nil || p != [512]byte{} {
				t.Errorf("%s: the pack has %d blocks", name, v.Blocks())
			}
			write(t, v, 3000, 1)
			if err := commit(t, v).Wait(); err != nil {
				t.Fatal(err)
			}
			v.Cut()
			if r, err := Recover(path, false); err != nil || r.Changed {
				t.Errorf("%s: recovery: %v, %v", name, r, err)
			}
			is(blocks)
			if s, _, err := Look(path); err != nil || s.Blocks() != RK05.Blocks {
				t.Errorf("%s: Look: %v", name, err)
			}
			// A write to what is missing, by way of the journal.
			o.Layout = NoLayout
			v = openVol(t, path, o)
			write(t, v, 4810, 2)
			if err := commit(t, v).Wait(); err != nil {
				t.Fatal(err)
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			is(RK05.Blocks)
			s, r, err := Look(path)
			if err != nil || r != (Recovery{}) {
				t.Errorf("%s: at last: %v, %v", name, r, err)
				continue
			}
			for n, want := range map[int]byte{3000: 1, 4810: 2, 4000: 0, 4058: 0, 4800: 0} {
				if s.ReadBlock(n, p[:]); p != [512]byte(fill(want)) {
					t.Errorf("%s: block %d begins with %q, want %d", name, n, p[:4], want)
				}
			}
		}
	}
	// A plain pack is written at once.
	path := shortPack(t, 4000, simhFooter(RK05.Blocks))
	k, err := Open(path, RK05, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.WriteBlock(4871, fill(5)); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	if len(b) != int(RK05.Bytes())+512 || b[4871*512] != 5 || !bytes.HasSuffix(b, simhFooter(RK05.Blocks)) || !bytes.Equal(b[4000*512:4001*512], make([]byte, 512)) {
		t.Errorf("a short plain pack, written to at its end, has %d bytes", len(b))
	}
}

// TestGrowthAndPowerCuts makes a short image longer and cuts the power wherever it can
// go. What is left recovers to the commit.
func TestGrowthAndPowerCuts(t *testing.T) {
	for _, footer := range [][]byte{nil, simhFooter(RK05.Blocks)} {
		from, err := os.ReadFile(shortPack(t, 4000, footer))
		if err != nil {
			t.Fatal(err)
		}
		trace := new(crashtest.Trace)
		image, journal := trace.NewFile(from), trace.NewFile(nil)
		o, err := VolumeOptions{JournalSize: MinJournalSize, ByHand: true, Layout: NoLayout}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		open := func(image, journal File) (*Volume, error) {
			size, err := image.Size()
			if err != nil {
				return nil, err
			}
			form, err := measure(image, "image", size, RK05, false)
			if err != nil {
				return nil, err
			}
			return mount(&backing{f: image, path: "image", shape: &form}, &backing{f: journal, path: "journal"}, o)
		}
		v, err := open(image, journal)
		if err != nil {
			t.Fatal(err)
		}
		begin := len(trace.Events())
		for _, n := range []int{100, 4500, 4000} {
			write(t, v, n, 9)
		}
		want := v.Snapshot()
		if _, err := v.Commit(want, Note{}); err != nil {
			t.Fatal(err)
		}
		durable := 0
		for v.Step() {
			if durable == 0 && v.Status().Committed > 0 {
				durable = len(trace.Events())
			}
		}
		if len(trace.Events())-durable < 5 {
			t.Fatal("the test does nothing")
		}
		cuts, rnd := 0, rand.New(rand.NewPCG(1, 2))
		d := trace.Replay()
		for {
			if _, ok := d.Next(); !ok {
				break
			}
			if d.At() <= begin {
				continue
			}
			for range 10 {
				left := d.Crash(crashtest.Random, rnd)
				v, err := open(&crashtest.Plain{Data: left[0]}, &crashtest.Plain{Data: left[1]})
				if err != nil {
					t.Fatalf("footer %t, event %d: %v", footer != nil, d.At(), err)
				}
				diff := 0
				for range v.Snapshot().Diff(want) {
					diff++
				}
				if d.At() >= durable && diff > 0 || diff > 3 {
					t.Errorf("footer %t, event %d (durable at %d): %d blocks differ", footer != nil, d.At(), durable, diff)
				}
				v.Cut()
				cuts++
			}
		}
		t.Logf("%d cuts", cuts)
	}
}

// TestAnySize takes what is as long as no pack.
func TestAnySize(t *testing.T) {
	for _, size := range []int64{0, 700, 3000 * 512, RK05.Bytes() - 1, RK05.Bytes() + 5*512} {
		path := filepath.Join(t.TempDir(), "rk1.rk05")
		if err := os.WriteFile(path, bytes.Repeat([]byte{7}, int(size)), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := OpenVolume(path, RK05, VolumeOptions{})
		var se *SizeError
		if !errors.As(err, &se) {
			t.Errorf("%d bytes: %v", size, err)
		} else if s := err.Error(); !strings.Contains(s, fmt.Sprint(size)) || !strings.Contains(s, "RK05 has 4872 blocks (or 4000, 4058, 4800)") || !strings.Contains(s, "RP03 has 81200") || strings.Contains(s, "--") {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, _, err := LookAs(path, RK05, Options{}); !errors.As(err, &se) {
			t.Errorf("%d bytes: LookAs: %v", size, err)
		}
		v, err := OpenVolume(path, RK05, VolumeOptions{Options: Options{AnySize: true}})
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		write(t, v, 4871, 3)
		if err := commit(t, v).Wait(); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(path)
		if int64(len(b)) != max(size, RK05.Bytes()) || b[4871*512] != 3 || size > RK05.Bytes() && b[size-1] != 7 {
			t.Errorf("%d bytes became %d", size, len(b))
		}
		// With its journal everybody knows how long the pack is.
		if s, r, err := Look(path); size <= RK05.Bytes() && (err != nil || s.Blocks() != RK05.Blocks || r != (Recovery{})) {
			t.Errorf("%d bytes: Look: %v, %v", size, r, err)
		}
	}
}

// TestBlockThatBeginsAsAFooter has files whose last block is data, whatever it begins with.
func TestBlockThatBeginsAsAFooter(t *testing.T) {
	for blocks, footer := range map[int][]byte{
		RK05.Blocks - 1: simhFooter(RK05.Blocks),                                     // the pack's last block
		3999:            append([]byte("simh is a simulator"), make([]byte, 493)...), // that of a short one
	} {
		path := shortPack(t, blocks, footer)
		s, _, err := LookAs(path, RK05, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var p [block.Size]byte
		if s.ReadBlock(blocks, p[:]); !bytes.Equal(p[:], footer) {
			t.Errorf("block %d is %q", blocks, p[:20])
		}
	}
}
