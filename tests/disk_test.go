package tests

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/rk"
	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
)

// volume returns the guest's volume that is mounted on a directory.
func volume(t *testing.T, g *guest.Guest, dir string) guest.Volume {
	t.Helper()
	for _, v := range guest.Volumes(t, g.Drives()) {
		if v.Dir == dir {
			return v
		}
	}
	t.Fatalf("no volume is mounted on %s", dir)
	panic("unreachable")
}

// checked returns our report on a volume after a sync; icheck must count the same.
func checked(t *testing.T, g *guest.Guest, dir string) *v7fs.Report {
	t.Helper()
	g.Sync()
	v := volume(t, g, dir)
	r := v7fs.Check(v.Dev)
	out := g.Run("icheck " + v.Device)
	// Its sum of used blocks has the second level twice and the third not at all.
	want := fmt.Sprintf("used %7d (i=%d,ii=%d,iii=%d,d=%d)\nfree %7d\nmissing%5d\n",
		r.Data+r.Single+2*r.Double, r.Single, r.Double, r.Triple, r.Data, r.Free, r.Missing)
	if !strings.HasSuffix(out, want) {
		t.Errorf("icheck printed %s, want %s", out, want)
	}
	return r
}

// pattern is what testdata/pattern.c writes to a block.
func pattern(n int) []byte {
	b := make([]byte, v7fs.BlockSize)
	for i := range b {
		b[i] = byte(n*7 + i*3 + n>>5)
	}
	return b
}

// patterns is a file of such blocks from first on, with a hole before them.
func patterns(first, blocks int) []byte {
	b := make([]byte, first*v7fs.BlockSize)
	for n := first; n < first+blocks; n++ {
		b = append(b, pattern(n)...)
	}
	return b
}

// Files with every degree of indirection, whole and with holes: V7 wrote them, we
// read them, and the counts are as the layout makes them.
func TestBigFiles(t *testing.T) {
	long(t)
	t.Parallel()
	const (
		direct = v7fs.NDirect
		single = direct + v7fs.BlockSize/4
		double = single + v7fs.BlockSize/4*v7fs.BlockSize/4
	)
	g := boot(t)
	g.Run("cc -o pattern pattern.c")
	before := checked(t, g, "/tmp")
	for _, c := range []struct{ first, blocks, i, ii, iii int }{ // the levels as icheck counts them
		{0, direct, 0, 0, 0},
		{0, direct + 1, 1, 0, 0},
		{0, single, 1, 0, 0},
		{0, single + 1, 2, 1, 0}, // the double one and another below it
		{0, 1000, 2, (1000 - single + 127) / 128, 0},
		{single + 128*5, 1, 1, 1, 0},
		{double - 1, 1, 1, 1, 0},
		{double - 1, 2, 2, 2, 1},
		{double + 128*130, 3, 1, 1, 1},
	} {
		expect(t, g, fmt.Sprintf("rm -f big; pattern big %d %d", c.first, c.blocks), "")
		r := checked(t, g, "/tmp")
		if !r.Clean() {
			t.Errorf("%+v: not clean: %v", c, r.Problems)
		}
		if i, ii, iii, d := r.Single-before.Single, r.Double-before.Double, r.Triple-before.Triple, r.Data-before.Data; i != c.i || ii != c.ii || iii != c.iii || d != c.blocks {
			t.Errorf("%+v: takes %d, %d, %d indirect blocks and %d others", c, i, ii, iii, d)
		}
		tree, _, err := g.Drives().Tree()
		if err != nil {
			t.Fatal(err)
		}
		st, err := tree.Lookup("/tmp/big")
		if err != nil || int(st.Size) != (c.first+c.blocks)*v7fs.BlockSize {
			t.Errorf("%+v: size %d, %v", c, st.Size, err)
		}
		if c.first < double-1 && !bytes.Equal(g.ReadFile("/tmp/big"), patterns(c.first, c.blocks)) {
			t.Errorf("%+v: the contents are not what was written", c)
		}
	}
	// The guest reads back what it wrote: the same blocks in a second file, and a copy.
	g.Run("rm big; pattern big 0 700; cp big copy; pattern other 0 700")
	expect(t, g, "cmp big copy; cmp big other; sum big copy | awk '{print $1}' | uniq | wc -l", "      1\n")
	g.Run("rm -f big copy other")
	if r := checked(t, g, "/tmp"); *reportCounts(r) != *reportCounts(before) {
		t.Errorf("after all is removed: %v, before: %v", r, before)
	}
	checkPacks(t, g)
}

// counts are what a report counts.
type counts struct{ files, dirs, data, single, double, triple, free int }

func reportCounts(r *v7fs.Report) *counts {
	return &counts{r.Regular, r.Dirs, r.Data, r.Single, r.Double, r.Triple, r.Free}
}

// A disk that is full: writes fail with ENOSPC, the operator is told, nothing else is
// hurt, and the room comes back.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const dir, device, said = "/usr/src/cmd", "/dev/rk6", "no space on dev 0/6\n"
	g := boot(t)
	g.Run("cc -o pattern pattern.c; PATH=$PATH:/tmp; cd " + dir)
	before := checked(t, g, dir)
	// Every free block can be had: so many hold data, the rest is indirect.
	data := before.Free
	for indirect(data)+data > before.Free {
		data--
	}
	whole := fmt.Sprintf("%s%d blocks, write gives -1, errno %d\n", said, data, eNOSPC)
	expect(t, g, "pattern big 0 20000", whole)
	full := checked(t, g, dir)
	if !full.Clean() || full.Free != 0 {
		t.Errorf("the full disk: %v %v", full, full.Problems)
	}
	if !bytes.Equal(g.ReadFile(dir+"/big"), patterns(0, data)) {
		t.Error("what was written before the disk was full is not there")
	}
	// V7 leaves empty files and goes on.
	contains(t, g, "cp /bin/cat new; ls -l new", said, " 0 Mar 14 ")
	contains(t, g, "mkdir e", said)
	contains(t, g, "df "+device, device+" 0\n")
	expect(t, g, "echo other >/usr/tmp/x; cat /usr/tmp/x; rm /usr/tmp/x", "other\n")

	g.Run("rm -rf big new e")
	after := checked(t, g, dir)
	if after.Harmful > 0 || *reportCounts(after) != *reportCounts(before) {
		t.Errorf("after all is removed: %v, before: %v; problems %v", after, before, after.Problems)
	}
	// It can be filled again as far as before.
	expect(t, g, "pattern big 0 20000", whole)
	g.Run("rm big")
	checkPacks(t, g)
}

// indirect returns how many indirect blocks a file of so many others needs.
func indirect(data int) int {
	const per = v7fs.BlockSize / 4
	n := 0
	if data > v7fs.NDirect {
		n++
	}
	if more := data - v7fs.NDirect - per; more > 0 {
		n += 1 + (more+per-1)/per
	}
	return n
}

// All inodes in use.
func TestNoInodes(t *testing.T) {
	long(t)
	t.Parallel()
	const dir = "/usr/src/cmd"
	g := boot(t)
	g.Run("cc -o inodes inodes.c; cd " + dir + "; mkdir d; cd d")
	before := checked(t, g, dir)
	free := before.Inodes - before.Regular - before.Dirs - before.BlockDev - before.CharDev
	expect(t, g, "/tmp/inodes", fmt.Sprintf("Out of inodes on dev 0/6\n%d files, errno %d\n", free, eNOSPC))
	full := checked(t, g, dir)
	if !full.Clean() || full.Regular != before.Regular+free {
		t.Errorf("with no inodes left: %v %v", full, full.Problems)
	}
	contains(t, g, "mkdir e; ls", "mkdir: cannot make directory e\n")
	// Directories never shrink, so this one goes too.
	g.Run("for i in 0 1 2 3 4 5 6 7 8 9; do rm -f e$i e?$i e??$i; done; cd ..; rmdir d; mkdir d; cd d")
	after := checked(t, g, dir)
	if !after.Clean() || *reportCounts(after) != *reportCounts(before) {
		t.Errorf("after all is removed: %v, before: %v; problems %v", after, before, after.Problems)
	}
	checkPacks(t, g)
}

// Names, links, directories and what V7's tools say about them.
func TestTree(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	expect(t, g, "mkdir a a/b a/b/c; cd a/b/c; pwd; cd ../..; find . -print; cd ..", "/tmp/a/b/c\n.\n./b\n./b/c\n")
	expect(t, g, "echo 1 >a/f; ln a/f a/b/g; ls -l a/f | awk '{print $2}'; rm a/f; cat a/b/g", "2\n1\n")
	expect(t, g, "ln a/b/g /usr/g", "ln: Cross-device link\n")
	expect(t, g, "mv a/b/g /usr/g; cat /usr/g; mv /usr/g a/g; cat a/g", "1\n1\n")
	expect(t, g, "mv a/b a/x; ls a; rmdir a/x; rmdir a/x/c a/x; ls a", "g\nx\nrmdir: a/x not empty\ng\n")
	// Fourteen characters of a name count.
	expect(t, g, "echo long >fourteen.chars.and.more; cat fourteen.chars; rm fourteen.chars.and.even.more; ls fourteen*", "long\nfourteen* not found\n")
	// An archive of the distribution's sources, to tape format and back.
	g.Run("cd /usr/src/games; tar cf /tmp/games.tar *; cd /tmp; mkdir games; cd games; tar xf ../games.tar; cd ..")
	expect(t, g, "for i in /usr/src/games/*.c; do cmp $i games/`basename $i` || echo $i differs; done", "")
	expect(t, g, "find games -type f -print | wc -l; find /usr/src/games -type f -print | wc -l", func() string {
		n := strings.TrimSpace(g.Run("find /usr/src/games -type f -print | wc -l"))
		return fmt.Sprintf("%7s\n%7s\n", n, n)
	}())
	// An empty directory of V7's has 32 bytes, and a file's blocks are counted in du.
	contains(t, g, "mkdir empty; ls -ld empty", " 32 ")
	expect(t, g, "du -s /tmp/empty; rm -r a games games.tar empty; ls a", "1\t/tmp/empty\na not found\n")
	// umount refuses while somebody is in it, and writes everything out.
	contains(t, g, "cd /usr/doc; /etc/umount /dev/rk3; cd /", "usy")
	expect(t, g, "/etc/umount /dev/rk3; ls /usr/doc; /etc/mount /dev/rk3 /usr/doc; ls /usr/doc | sed 1q", "README\n")
	checkPacks(t, g)
}

// V7 makes a file system of its own on a pack, and we find nothing wrong with it.
func TestMkfs(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	g.Run("cd /; /etc/umount /dev/rk3")
	contains(t, g, "/etc/mkfs /dev/rk3 4872", "isize = ")
	g.Run("/etc/mount /dev/rk3 /usr/doc; cp /bin/* /usr/doc")
	expect(t, g, "for i in /bin/*; do cmp $i /usr/doc/`basename $i`; done", "")
	checkPacks(t, g)
}

// V7's own damage: on a full disk, a file that is made in a directory that would have
// to grow keeps its inode without an entry. We call it what dcheck does, and harmless.
func TestFullDirectory(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	g.Run("cc -o pattern pattern.c; PATH=$PATH:/tmp; mkdir d; cd d")
	// 32 entries are a block, "." and ".." among them.
	g.Run("for i in 0 1 2 3 4; do for j in 0 1 2 3 4 5; do >$i$j; done; done")
	contains(t, g, "ls -ld .", " 512 ")
	contains(t, g, "pattern ../big 0 20000", "no space on dev 0/7\n")
	contains(t, g, ">more; ls | wc -l", "no space on dev 0/7\n", "     30\n")
	g.Sync()
	r := v7fs.Check(volume(t, g, "/tmp").Dev)
	if len(r.Problems) != 1 || r.Problems[0].Kind != v7fs.Unreferenced || r.Harmful != 0 {
		t.Fatalf("our check says %v", r.Problems)
	}
	ino := r.Problems[0].Inode
	if out := g.Run("dcheck /dev/rk7"); !regexp.MustCompile(fmt.Sprintf(`\n%d\s+0\s+1\n$`, ino)).MatchString(out) {
		t.Errorf("dcheck says %q, want inode %d with 0 entries and 1 link", out, ino)
	}
	// The manual's way out.
	g.Run(fmt.Sprintf("rm ../big; cd /; sync; /etc/umount /dev/rk7; clri /dev/rk7 %d", ino))
	checkPacks(t, g)
}

// A day's work from the RP03 pack, with V7's own kernel, boot block and /boot.
func TestWorkOnRP(t *testing.T) {
	long(t)
	t.Parallel()
	g := bootOn(t, guest.Options{Disk: "rp"})
	expect(t, g, "/etc/mount", "rp3 on /usr\n")
	expect(t, g, "cc -O arith.c; a.out", arith())
	expect(t, g, "sort -r /usr/dict/words >s; sed 1q s; cat s | sort -r | cmp - s", "zucchini\n")
	expect(t, g, "cc -o pattern pattern.c; pattern /usr/tmp/big 0 300; cp /usr/tmp/big big; cmp big /usr/tmp/big", "")
	g.Sync()
	for _, name := range []string{"/tmp/big", "/usr/tmp/big"} {
		if !bytes.Equal(g.ReadFile(name), patterns(0, 300)) {
			t.Errorf("%s is not what was written", name)
		}
	}
	contains(t, g, "man ls | col -b", "LS(1)", "list contents of directory")
	expect(t, g, "rm big /usr/tmp/big; f77 sums.f 2>/dev/null; a.out | sed -n 7p", "abcd |  5  5040\n")
	checkPacks(t, g)
}

// faulty is a pack with a bad block.
type faulty struct {
	machine.MemDisk
	block int
}

func (f faulty) ReadBlock(n int, p []byte) error {
	if n == f.block {
		return errors.New("a scratch")
	}
	return f.MemDisk.ReadBlock(n, p)
}

func (f faulty) WriteBlock(n int, p []byte) error {
	if n == f.block {
		return errors.New("a scratch")
	}
	return f.MemDisk.WriteBlock(n, p)
}

// swapPack puts another pack into a drive.
func swapPack(t *testing.T, g *guest.Guest, unit int, d rk.Disk) {
	t.Helper()
	g.M.DetachRK(unit)
	if err := g.M.AttachRK(unit, d); err != nil {
		t.Fatal(err)
	}
}

// A block that cannot be read: the program that wants it gets an error, the operator a
// message, and all else goes on.
func TestBadBlock(t *testing.T) {
	long(t)
	t.Parallel()
	const name = "/usr/doc/README"
	g := guest.Boot(t, guest.Options{})
	data := g.ReadFile(name)
	rk3 := g.M.RK.Disk(3).(machine.MemDisk)
	// The block that has the file's first bytes.
	bad := -1
	b := make([]byte, v7fs.BlockSize)
	for n := range rk3.Blocks() {
		if err := rk3.ReadBlock(n, b); err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(b, data[:min(len(data), 200)]) {
			bad = n
		}
	}
	if bad < 0 {
		t.Fatalf("%s is not on rk3", name)
	}
	swapPack(t, g, 3, faulty{rk3, bad})
	out := g.Run("cp " + name + " /tmp/x; wc -c /tmp/x; cat " + name)
	if !strings.Contains(out, fmt.Sprintf("err on dev 0/3\nbn=%d er=", bad)) {
		t.Errorf("V7 says of block %d: %q", bad, out)
	}
	if strings.Contains(out, string(data[:20])) {
		t.Errorf("the file was read: %q", out)
	}
	expect(t, g, "ls /usr/doc | sed 1q; echo all right", "README\nall right\n")
	checkPacks(t, g)
}

// A write-protected pack is read as ever, and what V7 means to write does not arrive.
func TestWriteProtected(t *testing.T) {
	long(t)
	t.Parallel()
	g := guest.Boot(t, guest.Options{})
	expect(t, g, "cd /; /etc/umount /dev/rk3", "")
	rk3 := g.M.RK.Disk(3).(machine.MemDisk)
	rk3.Protected = true
	before := guest.Image(t, rk3)
	swapPack(t, g, 3, rk3)
	// Mounted as one that can be written: V7 finds out too late, and says so.
	contains(t, g, "/etc/mount /dev/rk3 /usr/doc; ls /usr/doc; cp /bin/cat /usr/doc/cat; sync", "README\n", "err on dev 0/3\n")
	g.Run("/etc/umount /dev/rk3")
	// As it should be.
	out := g.Run("/etc/mount /dev/rk3 /usr/doc -r; echo x >/usr/doc/x; cat /usr/doc/README | wc -l; sync")
	if !strings.Contains(out, "/usr/doc/x: cannot create\n") || strings.Contains(out, "err on dev") {
		t.Errorf("mounted read-only: %q", out)
	}
	if !bytes.Equal(guest.Image(t, g.M.RK.Disk(3)), before) {
		t.Error("the write-protected pack was changed")
	}
	checkPacks(t, g)
}
