package fs

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(1979, 5, 5, 10, 19, 0, 0, time.UTC)

// newFS makes a file system of the given size in memory.
func newFS(t testing.TB, blocks int) (*FS, *Mem) {
	t.Helper()
	m := NewMem(blocks)
	f, err := Mkfs(m, MkfsOptions{Time: testTime})
	if err != nil {
		t.Fatal(err)
	}
	return f, m
}

// mustCheck fails the test unless the file system is strictly clean.
func mustCheck(t testing.TB, f *FS) *Report {
	t.Helper()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	r := Check(f.dev)
	for _, p := range r.Problems {
		t.Error(p)
	}
	if t.Failed() {
		t.FailNow()
	}
	return r
}

func TestLayout(t *testing.T) {
	// 0x01020304: the high word 0x0102 first, each word low byte first.
	var b [4]byte
	PutLong(b[:], 0x01020304)
	if want := [4]byte{2, 1, 4, 3}; b != want {
		t.Errorf("PutLong gives % x, want % x", b, want)
	}
	if v := Long(b[:]); v != 0x01020304 {
		t.Errorf("Long gives %#x", v)
	}
	if PutLong(b[:], -2); Long(b[:]) != -2 {
		t.Errorf("Long of -2 gives %d", Long(b[:]))
	}
	// Bits 16-23, 0-7, 8-15 (FACTS, "The file system on disk").
	PutAddr3(b[:], 0x010203)
	if want := [3]byte{1, 3, 2}; [3]byte(b[:3]) != want {
		t.Errorf("PutAddr3 gives % x, want % x", b[:3], want)
	}
	if v := Addr3(b[:]); v != 0x010203 {
		t.Errorf("Addr3 gives %#x", v)
	}
	if MaxFileBlocks != 2113674 {
		t.Errorf("MaxFileBlocks is %d", MaxFileBlocks)
	}
	for _, c := range []struct{ ino, block, off int }{{1, 2, 0}, {2, 2, 64}, {8, 2, 448}, {9, 3, 0}, {65520, 8191, 448}} {
		if b, o := InodeBlock(c.ino); b != c.block || o != c.off {
			t.Errorf("inode %d is in block %d at %d, want %d at %d", c.ino, b, o, c.block, c.off)
		}
	}
}

func TestSuperAndInodeRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var raw, again [BlockSize]byte
	for i := range raw {
		raw[i] = byte(rng.Uint32())
	}
	again = raw
	clear(again[:440])
	var s Super
	s.Decode(raw[:])
	s.Encode(again[:])
	if raw != again {
		t.Error("a superblock does not survive Decode and Encode")
	}
	var n Inode
	n.Decode(raw[:])
	clear(again[:])
	n.Encode(again[:])
	raw[51] = 0 // the one byte with no meaning
	if !bytes.Equal(raw[:InodeSize], again[:InodeSize]) {
		t.Error("an inode does not survive Decode and Encode")
	}
}

func TestMkfs(t *testing.T) {
	for _, c := range []struct {
		blocks  int
		o       MkfsOptions
		isize   int
		problem string
	}{
		{4872, MkfsOptions{}, 196, ""},
		{4872, MkfsOptions{Blocks: 4000}, 162, ""},
		{4872, MkfsOptions{Inodes: 100, M: 3, N: 24}, 15, ""},
		{81000, MkfsOptions{M: 5, N: 200, Name: "usr", Pack: "v7-1"}, 3242, ""},
		{400, MkfsOptions{M: 1, N: 1}, 18, ""},
		{501, MkfsOptions{}, 22, ""}, // fsize-1 a multiple of n: V7's own mkfs loses a block
		{4, MkfsOptions{}, 3, ""},
		{4, MkfsOptions{Inodes: 9}, 0, "no room for data"},
		{3, MkfsOptions{}, 0, "no room for data"},
		{0, MkfsOptions{}, 0, "no room for data"},
		{100, MkfsOptions{Blocks: 101}, 0, "the device has 100"},
		{100, MkfsOptions{Blocks: -1}, 0, "the device has 100"},
		{100, MkfsOptions{Inodes: 70000}, 0, "must be 1 to 65500"},
		{100, MkfsOptions{M: 4, N: 3}, 0, "interleave"},
		{100, MkfsOptions{N: 501}, 0, "interleave"},
		{100, MkfsOptions{Name: "toolong"}, 0, "at most 6"},
	} {
		m := NewMem(c.blocks)
		for i := range m.Bytes() {
			m.Bytes()[i] = 0xe5 // an old pack
		}
		c.o.Time = testTime
		f, err := Mkfs(m, c.o)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%d blocks, %+v: error %v, want one about %q", c.blocks, c.o, err, c.problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d blocks, %+v: %v", c.blocks, c.o, err)
			continue
		}
		r := mustCheck(t, f)
		fsize := c.blocks
		if c.o.Blocks != 0 {
			fsize = c.o.Blocks
		}
		if s := f.Super(); int(s.ISize) != c.isize || int(s.FSize) != fsize || UnixTime(s.Time) != testTime {
			t.Errorf("%d blocks: isize %d, fsize %d, time %v", c.blocks, s.ISize, s.FSize, UnixTime(s.Time))
		}
		if want := fsize - c.isize - 1; r.Free != want || r.Data != 1 || r.Dirs != 1 || r.Regular != 1 {
			t.Errorf("%d blocks: %v, want %d free", c.blocks, r, want)
		}
		blocks, inodes, err := f.Free()
		if want := f.Super(); err != nil || blocks != r.Free || int(want.TFree) != blocks || inodes != r.Inodes-2 || int(want.TInode) != inodes {
			t.Errorf("%d blocks: Free gives %d, %d, %v; the superblock %d, %d", c.blocks, blocks, inodes, err, want.TFree, want.TInode)
		}
		if m.Bytes()[0] != 0xe5 || m.Bytes()[511] != 0xe5 {
			t.Errorf("%d blocks: the boot block was written", c.blocks)
		}
		if _, err := Open(m); err != nil {
			t.Errorf("%d blocks: %v", c.blocks, err)
		}
	}
}

// The order in which V7's mkfs 100 3 8 hands out blocks, worked out by hand:
// within eight, 3 at a time, from the bottom of the disk.
func TestInterleave(t *testing.T) {
	m := NewMem(30)
	f, err := Mkfs(m, MkfsOptions{Inodes: 8, M: 3, N: 8})
	if err != nil {
		t.Fatal(err)
	}
	// adr = 1 4 7 2 5 8 3 6, d = 8: freed 8-1, 8-4, ... so taken from the end:
	// 8-6=2, 8-3=5, 8-8=0, 8-5=3, 8-2=6, 8-7=1, 8-4=4, 8-1=7; isize is 3.
	want := []uint32{5, 3, 6, 4, 7, 10, 13, 8, 11, 14, 9, 12, 15}
	// The root has taken the first.
	for i, w := range want[1:] {
		b, err := f.allocBlock()
		if err != nil || b != w {
			t.Fatalf("block %d is %d (%v), want %d", i+1, b, err, w)
		}
	}
}

// content returns n bytes that depend on a seed.
func content(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

func TestFileSizes(t *testing.T) {
	f, _ := newFS(t, 40000)
	const small, large = NDirect * BlockSize, (NDirect + NIndirect) * BlockSize
	huge := large + NIndirect*NIndirect*BlockSize
	for i, size := range []int{0, 1, 511, 512, 513, small - 1, small, small + 1, large - 1, large, large + 1, huge + 1000} {
		before, _, _ := f.Free()
		want := content(uint64(i), size)
		if err := f.WriteFile("/x", want, Attr{Perm: 0o644}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		got, err := f.ReadFile("/x")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d, error %v", size, len(got), err)
		}
		mustCheck(t, f)
		if err := f.Truncate("/x", int64(size/2)); err != nil {
			t.Fatal(err)
		}
		got, err = f.ReadFile("/x")
		if err != nil || !bytes.Equal(got, want[:size/2]) {
			t.Errorf("%d bytes cut in half: read %d, error %v", size, len(got), err)
		}
		mustCheck(t, f)
		if err := f.Truncate("/x", int64(size)); err != nil {
			t.Fatal(err)
		}
		if got, err = f.ReadFile("/x"); err != nil || len(got) != size || bytes.Count(got[size/2:], []byte{0}) != size-size/2 {
			t.Errorf("%d bytes cut in half and lengthened: the second half is not zero (%v)", size, err)
		}
		if err := f.Unlink("/x"); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, f)
		if after, _, _ := f.Free(); after != before {
			t.Errorf("%d bytes: %d blocks were free, %d are after removal", size, before, after)
		}
	}
}

func TestHoles(t *testing.T) {
	f, _ := newFS(t, 2000)
	if err := f.WriteFile("h", nil, Attr{}); err != nil {
		t.Fatal(err)
	}
	start, _, _ := f.Free()
	// One byte deep in the region of triple indirection costs four blocks.
	const off = int64(NDirect+NIndirect+NIndirect*NIndirect+5*NIndirect*NIndirect+70)*BlockSize + 17
	if _, err := f.WriteAt("h", []byte{'x'}, off); err != nil {
		t.Fatal(err)
	}
	if now, _, _ := f.Free(); start-now != 4 {
		t.Errorf("the byte took %d blocks, want 4", start-now)
	}
	mustCheck(t, f)
	r, err := f.Open("h")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1024)
	if n, err := r.ReadAt(p, off-1000); n != 1001 || err != io.EOF || p[1000] != 'x' || bytes.Count(p[:1000], []byte{0}) != 1000 {
		t.Errorf("read %d bytes, error %v, last %q", n, err, p[1000])
	}
	if _, err := f.ReadFile("h"); !errors.Is(err, ErrTooBig) {
		t.Errorf("ReadFile of a file of holes gives %v", err)
	}
	if _, err := f.WriteAt("h", []byte{1}, MaxFileSize); !errors.Is(err, ErrTooBig) {
		t.Errorf("a write at the end of all files gives %v", err)
	}
	if err := f.Truncate("h", off); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	if err := f.Truncate("h", 0); err != nil {
		t.Fatal(err)
	}
	if now, _, _ := f.Free(); now != start {
		t.Errorf("%d blocks free, want %d", now, start)
	}
	mustCheck(t, f)
}

func TestErrors(t *testing.T) {
	f, _ := newFS(t, 400)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.Mkdir("/d", Attr{Perm: 0o755}))
	must(f.WriteFile("/d/f", []byte("hello"), Attr{Perm: 0o644}))
	must(f.Mknod("/tty", ModeChar, 17, 0, Attr{Perm: 0o622}))
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"read missing", second(f.ReadFile("/no")), os.ErrNotExist},
		{"read below missing", second(f.ReadFile("/no/x")), os.ErrNotExist},
		{"read below a file", second(f.ReadFile("/d/f/x")), ErrNotDir},
		{"read a directory", second(f.ReadFile("/d")), ErrIsDir},
		{"read a device", second(f.ReadFile("/tty")), ErrNotFile},
		{"list a file", second(f.ReadDir("/d/f")), ErrNotDir},
		{"write a directory", f.WriteFile("/d", nil, Attr{}), ErrIsDir},
		{"write a device", f.WriteFile("/tty", nil, Attr{}), ErrNotFile},
		{"write the root", f.WriteFile("/", nil, Attr{}), os.ErrExist},
		{"write below missing", f.WriteFile("/no/x", nil, Attr{}), os.ErrNotExist},
		{"write below a file", f.WriteFile("/d/f/x", nil, Attr{}), ErrNotDir},
		{"long name", f.WriteFile("/fifteen-letters", nil, Attr{}), ErrName},
		{"NUL in a name", f.WriteFile("/a\x00b", nil, Attr{}), ErrName},
		{"mkdir existing", f.Mkdir("/d", Attr{}), os.ErrExist},
		{"mkdir root", f.Mkdir("/", Attr{}), os.ErrExist},
		{"mkdir dot", f.Mkdir("/d/.", Attr{}), os.ErrInvalid},
		{"mkdir all over a file", f.MkdirAll("/d/f/g", Attr{}), ErrNotDir},
		{"rmdir full", f.Rmdir("/d"), ErrNotEmpty},
		{"rmdir a file", f.Rmdir("/d/f"), ErrNotDir},
		{"rmdir missing", f.Rmdir("/no"), os.ErrNotExist},
		{"unlink a directory", f.Unlink("/d"), ErrIsDir},
		{"unlink missing", f.Unlink("/no"), os.ErrNotExist},
		{"link a directory", f.Link("/d", "/e"), ErrIsDir},
		{"link over a file", f.Link("/tty", "/d/f"), os.ErrExist},
		{"link missing", f.Link("/no", "/e"), os.ErrNotExist},
		{"mknod existing", f.Mknod("/tty", ModeBlock, 0, 0, Attr{}), os.ErrExist},
		{"mknod of a file", f.Mknod("/x", ModeRegular, 0, 0, Attr{}), os.ErrInvalid},
		{"truncate a directory", f.Truncate("/d", 0), ErrIsDir},
		{"truncate too far", f.Truncate("/d/f", MaxFileSize+1), ErrTooBig},
		{"chmod missing", f.Chmod("/no", 0), os.ErrNotExist},
		{"walk missing", f.Walk("/no", nil), os.ErrNotExist},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.err, c.want)
		}
	}
	if err := f.Mknod("/x", ModeBlock, 256, 0, Attr{}); err == nil {
		t.Error("mknod took major number 256")
	}
	if err := f.RemoveAll("/no/such"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("RemoveAll below a missing directory: %v", err)
	}
	must(f.RemoveAll("/nothing"))
	mustCheck(t, f)
}

func second[T any](_ T, err error) error { return err }

func TestAttributes(t *testing.T) {
	f, _ := newFS(t, 400)
	f.SetClock(testTime.Add(time.Hour))
	when := time.Date(1978, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := f.WriteFile("f", []byte("x"), Attr{Perm: 0o4755, UID: 3, GID: 4, MTime: when}); err != nil {
		t.Fatal(err)
	}
	if err := f.Mkdir("d", Attr{Perm: 0o1777, UID: 5, GID: -6, MTime: when}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want Inode
	}{
		{"f", Inode{Mode: 0o104755, Nlink: 1, UID: 3, GID: 4, Size: 1}},
		{"d", Inode{Mode: 0o041777, Nlink: 2, UID: 5, GID: -6, Size: 32}},
	} {
		st, err := f.Lookup(c.path)
		if err != nil {
			t.Fatal(err)
		}
		got := st.Inode
		if UnixTime(got.MTime) != when || UnixTime(got.CTime) != testTime.Add(time.Hour) {
			t.Errorf("%s: modified %v, changed %v", c.path, UnixTime(got.MTime), UnixTime(got.CTime))
		}
		got.ATime, got.MTime, got.CTime, got.Addr = 0, 0, 0, [NAddr]uint32{}
		if got != c.want {
			t.Errorf("%s is %+v, want %+v", c.path, got, c.want)
		}
	}
	if err := errors.Join(f.Chmod("f", 0o2711), f.Chown("f", 7, 8), f.Chtimes("f", when, testTime)); err != nil {
		t.Fatal(err)
	}
	st, _ := f.Lookup("f")
	if st.Mode != 0o102711 || st.UID != 7 || st.GID != 8 || UnixTime(st.ATime) != when || UnixTime(st.MTime) != testTime {
		t.Errorf("f is %+v", st)
	}
	if err := f.Mknod("null", ModeChar, 8, 2, Attr{Perm: 0o666}); err != nil {
		t.Fatal(err)
	}
	st, _ = f.Lookup("null")
	if a, b := st.Device(); a != 8 || b != 2 || !st.IsDevice() {
		t.Errorf("null is %+v", st)
	}
	mustCheck(t, f)
}

// Times past 2038 and before 1901 go to the ends of a long.
func TestStamp(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want int32
	}{
		{time.Unix(0, 0), 0},
		{time.Unix(-5, 0), -5},
		{time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC), 1<<31 - 1},
		{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), 1<<31 - 1},
		{time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC), -1 << 31},
	} {
		if got := Stamp(c.t); got != c.want {
			t.Errorf("%v is %d, want %d", c.t, got, c.want)
		}
	}
}

func TestFull(t *testing.T) {
	f, _ := newFS(t, 200)
	free, _, _ := f.Free()
	err := f.WriteFile("/big", make([]byte, 200*BlockSize), Attr{})
	if !errors.Is(err, ErrNoSpace) {
		t.Fatalf("writing more than fits: %v", err)
	}
	if _, err := f.Lookup("/big"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what did not fit is still there: %v", err)
	}
	mustCheck(t, f)
	if now, _, _ := f.Free(); now != free {
		t.Errorf("%d blocks free, want %d", now, free)
	}
	// To the last block: 189 are free, and more than 138 blocks of data take three
	// indirect ones.
	if err := f.WriteFile("/big", make([]byte, (free-3)*BlockSize), Attr{}); err != nil {
		t.Fatal(err)
	}
	if now, _, _ := f.Free(); now != 0 {
		t.Errorf("%d blocks free, want none", now)
	}
	mustCheck(t, f)
	if err := f.Mkdir("/d", Attr{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("mkdir on a full file system: %v", err)
	}
	if _, err := f.Lookup("/d"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory that did not fit is still there: %v", err)
	}
	mustCheck(t, f)

	g, _ := newFS(t, 200)
	var n int
	for {
		name := "f" + string(rune('a'+n/26)) + string(rune('a'+n%26))
		if err := g.WriteFile(name, nil, Attr{}); err != nil {
			if !errors.Is(err, ErrNoInodes) {
				t.Fatal(err)
			}
			break
		}
		n++
	}
	// 200/25 = 8 blocks of inodes, less inodes 1 and 2.
	if n != 62 {
		t.Errorf("%d files fit, want 62", n)
	}
	mustCheck(t, g)
}

func TestRemoveAllAndWalk(t *testing.T) {
	f, _ := newFS(t, 4872)
	free, inodes, _ := f.Free()
	var want []string
	for _, d := range []string{"/a", "/a/b", "/a/b/c", "/z"} {
		want = append(want, d)
		if err := f.Mkdir(d, Attr{Perm: 0o755}); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			p := d + "/" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "x"
			want = append(want, p)
			if err := f.WriteFile(p, content(uint64(i), i*300), Attr{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Link("/a/b/c/aax", "/kept"); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	seen := map[string]bool{}
	if err := f.Walk("/", func(p string, st Stat) error { seen[p] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, p := range append(want, "/", "/kept") {
		if !seen[p] {
			t.Errorf("the walk missed %s", p)
		}
	}
	if len(seen) != len(want)+2 {
		t.Errorf("the walk saw %d paths, want %d", len(seen), len(want)+2)
	}
	for _, d := range []string{"/a", "/z", "/kept"} {
		if err := f.RemoveAll(d); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, f)
	}
	if b, i, _ := f.Free(); b != free || i != inodes {
		t.Errorf("%d blocks and %d inodes free, want %d and %d", b, i, free, inodes)
	}
}

func TestFreeOrphans(t *testing.T) {
	f, m := newFS(t, 1000)
	free, inodes, _ := f.Free()
	for _, name := range []string{"one", "two", "dir"} {
		if err := f.WriteFile(name, content(9, 20000), Attr{}); err != nil {
			t.Fatal(err)
		}
		// As the kernel has it for a file that is removed while open.
		p, err := f.locate(name)
		if err != nil {
			t.Fatal(err)
		}
		p.c.Nlink = 0
		if err := errors.Join(f.erase(p.dir, &p.n, p.off), f.putInode(p.child, &p.c), f.Sync()); err != nil {
			t.Fatal(err)
		}
	}
	if r := Check(m); r.Harmless != 3 || !r.Has(Orphan) {
		t.Fatalf("three orphans: %v %v", r, r.Problems)
	}
	gone, err := f.FreeOrphans()
	if err != nil || len(gone) != 3 {
		t.Errorf("freed %v, error %v", gone, err)
	}
	mustCheck(t, f)
	if b, i, _ := f.Free(); b != free || i != inodes {
		t.Errorf("%d blocks and %d inodes free, want %d and %d", b, i, free, inodes)
	}
}

func TestHostFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "img")
	// A pack cut in two: a file system at block 100 whose tail was never written.
	if err := os.WriteFile(name, make([]byte, 120*BlockSize+7), 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := OpenHostFile(name, 100, 300, false)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Mkfs(d, MkfsOptions{Time: testTime})
	if err != nil {
		t.Fatal(err)
	}
	want := content(1, 100*BlockSize+3)
	if err := f.WriteFile("x", want, Attr{}); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHostFile(name, 100, 300, true); !errors.Is(err, ErrInUse) {
		t.Errorf("opened while it is being written: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenHostFile(name, 100, 300, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	g, err := Open(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := g.ReadFile("x"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes back, error %v", len(got), err)
	}
	if err := g.Mkdir("d", Attr{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("mkdir on a read-only image: %v", err)
	}
	if err := r.ReadBlock(300, make([]byte, BlockSize)); err == nil {
		t.Error("read past the region")
	}
	if err := r.ReadBlock(-1, make([]byte, BlockSize)); err == nil {
		t.Error("read before the region")
	}
	if s, err := OpenHostFile(name, 100, 0, true); err != nil {
		t.Error(err)
	} else {
		if st, _ := os.Stat(name); s.Blocks() != int(st.Size()/BlockSize)-100 {
			t.Errorf("the region has %d blocks of a file of %d bytes", s.Blocks(), st.Size())
		}
		s.Close()
	}
	for _, c := range []struct{ offset, blocks int }{{-1, 0}, {0, -1}, {1 << 40, 0}, {1000000, 0}} {
		if s, err := OpenHostFile(name, c.offset, c.blocks, true); err == nil {
			t.Errorf("opened %+v", c)
			s.Close()
		}
	}
	if _, err := OpenHostFile(t.TempDir(), 0, 0, true); err == nil {
		t.Error("opened a directory")
	}
}

// What goes wrong above a Cache leaves no trace below it.
func TestCache(t *testing.T) {
	_, m := newFS(t, 300)
	before := m.Clone()
	c := NewCache(m)
	f, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.WriteFile("x", content(1, 5000), Attr{}); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	if !bytes.Equal(m.Bytes(), before.Bytes()) {
		t.Error("the device changed before Flush")
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if g, err := Open(m); err != nil {
		t.Error(err)
	} else if got, err := g.ReadFile("x"); err != nil || !bytes.Equal(got, content(1, 5000)) {
		t.Errorf("after Flush: %d bytes, %v", len(got), err)
	}
}

func TestOpenGarbage(t *testing.T) {
	_, good := newFS(t, 300)
	for _, c := range []struct {
		what string
		do   func(b []byte)
	}{
		{"s_isize 0", func(b []byte) { putWord(b[512+superISize:], 0) }},
		{"s_isize huge", func(b []byte) { putWord(b[512+superISize:], 0xffff) }},
		{"s_fsize 0", func(b []byte) { PutLong(b[512+superFSize:], 0) }},
		{"s_fsize negative", func(b []byte) { PutLong(b[512+superFSize:], -1) }},
		{"s_fsize past the device", func(b []byte) { PutLong(b[512+superFSize:], 301) }},
		{"s_nfree 51", func(b []byte) { putWord(b[512+superNFree:], 51) }},
		{"s_ninode -1", func(b []byte) { putWord(b[512+superNInode:], 0xffff) }},
		{"no root", func(b []byte) { putWord(b[1024+64:], 0) }},
		{"all zero", func(b []byte) { clear(b) }},
	} {
		m := good.Clone()
		c.do(m.Bytes())
		if _, err := Open(m); !errors.Is(err, ErrNotV7) {
			t.Errorf("%s: %v", c.what, err)
		}
		if r := Check(m); r.Harmful == 0 {
			t.Errorf("%s: the check finds nothing harmful", c.what)
		}
	}
	for n := range 3 {
		if _, err := Open(NewMem(n)); !errors.Is(err, ErrNotV7) {
			t.Errorf("%d blocks: %v", n, err)
		}
		if r := Check(NewMem(n)); r.Harmful == 0 {
			t.Errorf("%d blocks: the check finds nothing harmful", n)
		}
	}
}

// TestLockReplaced: a file that gave way to another of its name after it was opened
// is in use by whoever did that.
func TestLockReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "image")
	create := func(name string) *os.File {
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	f := create(name)
	create(name + ".new")
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	if err := Lock(f, true); !errors.Is(err, ErrInUse) {
		t.Errorf("a file that was replaced: %v", err)
	}
}
