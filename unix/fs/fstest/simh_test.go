package fstest_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/simh"
	"v7em/unix/fs"
	"v7em/unix/fs/fstest"
)

// hpFour is where V7's partition hp(0,4) of an RP06 begins: at cylinder 44 of 19
// tracks of 22 sectors (hp(4)). hpUsed is as much of it as the images need.
const (
	hpFour = 44 * 19 * 22
	hpUsed = 50000
)

type hpImage struct {
	name  string
	image *fs.Mem
	quiet [2]bool // of icheck and dcheck, from the corruptor's table
}

// V7's own icheck and dcheck, run on SIMH, agree with the checker on clean
// images and on each way to damage one.
func TestV7Agrees(t *testing.T) {
	dist := os.Getenv("V7EM_DIST")
	if dist == "" {
		t.Skip("set V7EM_DIST to v7.tar.gz (Henry Spencer's V7 tree, from The Unix Heritage Society)")
	}
	program, err := simh.Find()
	if err != nil {
		t.Skip(err)
	}
	images := corpus(t)
	pack := makePack(t, dist, images)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hp0"), pack.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := simh.Start(program, dir, "set cpu 11/70", "set cpu 2M", "set rp0 rp06", "attach rp0 hp0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	must := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must("", s.Go("boot rp0"))
	must("", s.Type("boot\r"))
	must(s.Expect(": "))
	must("", s.Type("hp(0,0)hptmunix\r"))
	must(s.Expect("# "))
	must("", s.Type("sh /check\r"))
	must(s.Expect("FINISHED"))
	must("", s.Interrupt())
	must(s.Command("detach all"))

	b, err := os.ReadFile(filepath.Join(dir, "hp0"))
	if err != nil {
		t.Fatal(err)
	}
	after, err := fs.Open(fs.MemOf(b[hpFour*fs.BlockSize:]))
	if err != nil {
		t.Fatal(err)
	}
	for i, im := range images {
		ic, err1 := after.ReadFile(fmt.Sprintf("/i%d", i))
		dc, err2 := after.ReadFile(fmt.Sprintf("/d%d", i))
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
			continue
		}
		r := fs.Check(im.image)
		for _, d := range fstest.Compare(r, string(ic), string(dc)) {
			t.Errorf("%s: %s\nchecker: %v", im.name, d, r.Problems)
		}
		c, err := fstest.ParseIcheck(string(ic))
		if err != nil {
			continue
		}
		if quiet := [2]bool{c.Clean(), fstest.ParseDcheck(string(dc)).Clean()}; quiet != im.quiet {
			t.Errorf("%s: icheck and dcheck quiet: %v, the table says %v\n%s%s", im.name, quiet, im.quiet, ic, dc)
		}
	}
	t.Logf("%d images", len(images))

	// What the running V7 has made and written is clean to the checker too.
	for what, at := range map[string]int{"root": 0, "images": hpFour} {
		for _, p := range fs.Check(fs.MemOf(b[at*fs.BlockSize:])).Problems {
			t.Errorf("the file system of the %s: %v", what, p)
		}
	}
	for blocks, inter := range madeByV7 {
		made, err := after.ReadFile(fmt.Sprintf("/mkfs%d", blocks))
		if err != nil {
			t.Error(err)
			continue
		}
		// The file ends with the last block that mkfs wrote.
		theirs := fs.NewMem(blocks)
		copy(theirs.Bytes(), made)
		for _, p := range fs.Check(theirs).Problems {
			t.Errorf("V7's mkfs of %d blocks: %v", blocks, p)
		}
		ours := fs.NewMem(blocks)
		var s fs.Super
		s.Decode(theirs.Block(fs.SuperBlock))
		if _, err := fs.Mkfs(ours, fs.MkfsOptions{M: inter[0], N: inter[1], Time: fs.UnixTime(s.Time), Root: fs.Attr{Perm: 0o777}}); err != nil {
			t.Error(err)
			continue
		}
		copy(theirs.Block(fs.SuperBlock)[418:422], ours.Block(fs.SuperBlock)[418:]) // s_tfree: V7 counts the end of the list
		for n := range blocks {
			if !bytes.Equal(ours.Block(n), theirs.Block(n)) {
				t.Errorf("mkfs of %d blocks: block %d is not as V7 makes it", blocks, n)
			}
		}
	}
}

// madeByV7 has the sizes and interleaves of the file systems that V7's own mkfs
// makes, to be held against ours. (It loses the last block when the size less one
// is a multiple of the second number.)
var madeByV7 = map[int][2]int{700: {3, 500}, 1234: {3, 24}, 300: {2, 7}}

// corpus returns clean and damaged images.
func corpus(t *testing.T) []hpImage {
	t.Helper()
	var list []hpImage
	add := func(name string, seed uint64, cor *fstest.Corruption) {
		m, err := fstest.Sample(seed)
		if err != nil {
			t.Fatal(err)
		}
		im := hpImage{name, m, [2]bool{true, true}}
		if cor != nil {
			text, err := cor.Apply(m, seed)
			if err != nil {
				t.Fatal(err)
			}
			im.name = fmt.Sprintf("%s, seed %d: %s", name, seed, text)
			im.quiet = [2]bool{!cor.Icheck, !cor.Dcheck}
		}
		list = append(list, im)
	}
	for seed := range uint64(3) {
		add(fmt.Sprintf("clean, seed %d", seed), seed, nil)
	}
	for i, cor := range fstest.Corruptions() {
		if !cor.Endless {
			add(cor.Name, uint64(300+i), &cor)
		}
	}
	return list
}

// makePack makes an RP06 pack, no longer than needed, with a root to boot from,
// a script there, and a second file system with the images as files.
func makePack(t *testing.T, dist string, images []hpImage) *fs.Mem {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := simh.HPPack(dist)
	must(err)
	pack := fs.NewMem(hpFour + hpUsed)
	copy(pack.Bytes(), first)
	root, err := fs.Open(pack)
	must(err)
	must(root.Mknod("/dev/hp4", fs.ModeBlock, 6, 4, fs.Attr{Perm: 0o600}))
	must(root.MkdirAll("/mnt", fs.Attr{Perm: 0o777}))
	var script strings.Builder
	script.WriteString("/etc/mount /dev/hp4 /mnt\n")
	four, err := fs.Mkfs(fs.MemOf(pack.Bytes()[hpFour*fs.BlockSize:]), fs.MkfsOptions{})
	must(err)
	for i, im := range images {
		must(four.WriteFile(fmt.Sprintf("/%d", i), im.image.Bytes(), fs.Attr{Perm: 0o444}))
		fmt.Fprintf(&script, "icheck /mnt/%d >/mnt/i%d; dcheck /mnt/%d >/mnt/d%d\n", i, i, i, i)
	}
	for blocks, m := range madeByV7 {
		fmt.Fprintf(&script, "/etc/mkfs /mnt/mkfs%d %d %d %d\n", blocks, blocks, m[0], m[1])
	}
	script.WriteString("sync\nsync\necho finished\n")
	must(root.WriteFile("/check", []byte(script.String()), fs.Attr{Perm: 0o755}))
	must(root.Sync())
	must(four.Sync())
	return pack
}
