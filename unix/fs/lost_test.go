package fs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// kinds checks dev in full and incrementally, holds the two against each other and
// returns the problems by kind.
func kinds(t *testing.T, dev *Mem) map[Kind]int {
	t.Helper()
	if diff := agree(NewIncremental(dev), dev); diff != "" {
		t.Errorf("the incremental check has %s", diff)
	}
	_, kinds := fullCounts(dev)
	return kinds
}

// slot returns the entry of that name in a directory of one block.
func slot(t *testing.T, f *FS, m *Mem, dir, name string) []byte {
	t.Helper()
	st, err := f.Lookup(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := m.Block(int(st.Addr[0]))
	for o := 0; o < int(st.Size); o += DirentSize {
		if word(b[o:]) != 0 && direntName(b[o:o+DirentSize]) == name {
			return b[o : o+DirentSize]
		}
	}
	t.Fatalf("%s has no entry %q", dir, name)
	return nil
}

// A disk that is full when mknod has an inode and no room for the entry, as V7's mkdir
// leaves it: of type directory, one link counted, empty, and nothing refers to it.
func TestLeakedDirectory(t *testing.T) {
	f, m := newFS(t, 100)
	ino, err := f.allocInode()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.putInode(ino, &Inode{Mode: ModeDir | 0o777, Nlink: 1}); err != nil {
		t.Fatal(err)
	}
	f.Sync()
	want := map[Kind]int{LostDamaged: 2, Unreachable: 1, Unreferenced: 1}
	if got := kinds(t, m); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if r := Check(m); r.Harmful != 0 || r.Harmless != 4 {
		t.Errorf("%d harmful and %d harmless problems, want 0 and 4", r.Harmful, r.Harmless)
	}
}

// What is wrong in a directory that lost its name is no harm, and neither is it that
// its "..", which nobody comes by, is not counted.
func TestLostDirectory(t *testing.T) {
	for _, tt := range []struct {
		name    string
		damage  func(f *FS, m *Mem)
		in, out map[Kind]int // in a lost directory, and in one that can be reached
	}{
		{"no .", func(f *FS, m *Mem) { putWord(slot(t, f, m, "/a/d", "."), 0) },
			map[Kind]int{LostDamaged: 1}, map[Kind]int{DotMissing: 1, LinksHigh: 1}},
		{". is another", func(f *FS, m *Mem) { putWord(slot(t, f, m, "/a/d", "."), RootIno) },
			map[Kind]int{LostDamaged: 1, LostLinks: 1}, map[Kind]int{DotWrong: 1, LinksHigh: 1, LinksLow: 1}},
		{".. out of range", func(f *FS, m *Mem) { putWord(slot(t, f, m, "/a/d", ".."), 9999) },
			map[Kind]int{LostDamaged: 1}, map[Kind]int{BadEntry: 1, LinksHigh: 1}},
		{"size", func(f *FS, m *Mem) {
			st, _ := f.Lookup("/a/d")
			st.Size++
			f.putInode(st.Ino, &st.Inode)
		}, map[Kind]int{LostDamaged: 1}, map[Kind]int{BadDirSize: 1}},
		{"hole", func(f *FS, m *Mem) {
			st, _ := f.Lookup("/a/d")
			st.Size += BlockSize
			f.putInode(st.Ino, &st.Inode)
		}, map[Kind]int{LostDamaged: 1}, map[Kind]int{DirHole: 1}},
		{"a file that is free", func(f *FS, m *Mem) {
			st, _ := f.Lookup("/a/d/f")
			st.Mode = 0
			f.putInode(st.Ino, &st.Inode)
		}, map[Kind]int{LostDamaged: 1}, map[Kind]int{EntryUnallocated: 1}},
		{"a link that is not counted", func(f *FS, m *Mem) {
			st, _ := f.Lookup("/a")
			st.Nlink--
			f.putInode(st.Ino, &st.Inode)
		}, map[Kind]int{LostLinks: 1}, map[Kind]int{LinksLow: 1}},
		{"two links that are not counted", func(f *FS, m *Mem) {
			st, _ := f.Lookup("/a")
			st.Nlink -= 2
			f.putInode(st.Ino, &st.Inode)
		}, map[Kind]int{LinksLow: 1}, map[Kind]int{LinksLow: 1}},
	} {
		f, m := newFS(t, 100)
		for _, d := range []string{"/a", "/a/d"} {
			if err := f.Mkdir(d, Attr{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.WriteFile("/a/d/f", nil, Attr{}); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, f)
		tt.damage(f, m)
		if got := kinds(t, m); fmt.Sprint(got) != fmt.Sprint(tt.out) {
			t.Errorf("%s: found %v, want %v", tt.name, got, tt.out)
		}
		// And with the name gone, and the link of it: the check follows the change.
		c := NewIncremental(m)
		c.Report()
		clear(slot(t, f, m, "/a", "d")[:2])
		st, _ := f.Lookup("/a")
		c.Update(int(st.Addr[0]))
		if diff := agree(c, m); diff != "" {
			t.Errorf("%s: after the name went the incremental check has %s", tt.name, diff)
		}
		want := map[Kind]int{Unreachable: 1, LinksHigh: 1}
		for k, n := range tt.in {
			want[k] += n
		}
		got := kinds(t, m)
		for _, k := range []Kind{LinksHigh, Unreferenced} { // of the directory itself
			delete(got, k)
			delete(want, k)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s, lost: found %v, want %v", tt.name, got, want)
		}
	}
}

// V7 compares all 14 bytes of a name: ".." with something behind its NUL is not "..".
func TestDotDotJunk(t *testing.T) {
	for i, name := range []string{".", ".", "..", ".."} {
		at := []int{5, 15}[i%2] // in either half of the name
		f, m := newFS(t, 100)
		for _, d := range []string{"/a", "/a/d"} {
			if err := f.Mkdir(d, Attr{}); err != nil {
				t.Fatal(err)
			}
		}
		mustCheck(t, f)
		slot(t, f, m, "/a/d", name)[at] = 1
		missing := map[string]Kind{".": DotMissing, "..": DotDotMissing}[name]
		got := kinds(t, m)
		if got[missing] != 1 || got[BadName] != 1 || got[SecondName] != 0 {
			t.Errorf("%q with a byte behind it: found %v", name, got)
		}
		if _, err := f.Lookup("/a/d/" + name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Lookup of %q: %v", name, err)
		}
		list, err := f.ReadDir("/a/d")
		if err != nil || len(list) != 2 || !slices.ContainsFunc(list, func(e Dirent) bool { return len(e.Name) == at-1 && e.Name[at-2] == 1 }) {
			t.Errorf("ReadDir gives %+v, %v", list, err)
		}
	}
}

// Whether a directory counts as lost is held against a search from the root, while
// entries come and go.
func TestLostAgainstSearch(t *testing.T) {
	const dirs = 8
	f, m := newFS(t, 100)
	for i := range dirs {
		if err := f.Mkdir(fmt.Sprintf("/d%d", i), Attr{}); err != nil {
			t.Fatal(err)
		}
	}
	mustCheck(t, f)
	var block [dirs + 1]int
	for i := range block {
		n, err := f.Inode(RootIno + i)
		if err != nil {
			t.Fatal(err)
		}
		block[i] = int(n.Addr[0])
		b, off := InodeBlock(RootIno + i)
		PutLong(m.Block(b)[off+inodeSize:], BlockSize)
	}
	names := []string{"e0", "e1", "e2", "a/b", "..\x00x"}
	damaged, links := 0, 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 25))
		dev := m.Clone()
		c := NewIncremental(dev)
		c.Report()
		for range 100 {
			b := block[rng.IntN(len(block))]
			slot := dev.Block(b)[rng.IntN(2+dirs)*DirentSize:]
			switch {
			case rng.IntN(8) == 0:
				putWord(slot, uint16(rng.IntN(dirs+5)))
			case rng.IntN(3) > 0 && word(slot[2:]) != '.':
				putWord(slot, 0)
			case word(slot[2:]) != '.' || rng.IntN(4) == 0:
				putDirent(slot, RootIno+rng.IntN(dirs+1), names[rng.IntN(len(names))])
			}
			c.Update(b)
			if diff := agree(c, dev); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
			damaged += c.Count(LostDamaged)
			links += c.Count(LostLinks)

			// The directories that a path leads to, and the entries in them.
			reached := map[int]bool{RootIno: true}
			entries := map[int]int{}
			for todo := []int{RootIno}; len(todo) > 0; todo = todo[1:] {
				p := dev.Block(block[todo[0]-RootIno])
				for o := 0; o < BlockSize; o += DirentSize {
					e, name := int(word(p[o:])), direntName(p[o:o+DirentSize])
					if e == 0 {
						continue
					}
					entries[e]++
					if e >= RootIno && e < RootIno+len(block) && !reached[e] && name != "" && name != "a/b" && (name[0] == 'd' || name[0] == 'e') {
						reached[e] = true
						todo = append(todo, e)
					}
				}
			}
			certain := c.Count(SecondName) == 0
			for _, p := range Check(dev).Problems {
				switch {
				case p.Kind == LostDamaged && reached[p.Inode]:
					t.Fatalf("seed %d: %v: but a path leads there", seed, p)
				case certain && (slices.Contains(lostKinds[:], p.Kind) || p.Kind == DotDotWrong) && !reached[p.Inode]:
					t.Fatalf("seed %d: %v: but no path leads there", seed, p)
				case p.Kind == LostLinks || p.Kind == LinksLow && certain:
					n, err := f2(dev).Inode(p.Inode)
					if err != nil {
						t.Fatal(err)
					}
					if low := int(n.Nlink) < entries[p.Inode]; low != (p.Kind == LinksLow) {
						t.Fatalf("seed %d: %v: but %d entries can be reached", seed, p, entries[p.Inode])
					}
				}
			}
		}
	}
	if damaged < 1000 || links < 200 {
		t.Errorf("only %d problems in lost directories, %d of links from there", damaged, links)
	}
}

// f2 returns the file system on dev, unchecked.
func f2(dev Device) *FS {
	f := &FS{dev: dev}
	dev.ReadBlock(SuperBlock, f.raw[:])
	f.super.Decode(f.raw[:])
	return f
}

// Names in errors are escaped where they are put in.
func TestErrorNames(t *testing.T) {
	f, _ := newFS(t, 100)
	const evil = "/e\x1b\n\x9b"
	_, err := f.Lookup(evil)
	for _, err := range []error{err, f.Unlink(evil), f.Rmdir(evil), f.Mkdir(evil+"/x", Attr{}), f.Link("/", evil), f.Link(evil, "/x"), f.Mkdir("/\x1b\n\x9b345678901234", Attr{})} {
		if err == nil || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", err)
		}
	}
}
