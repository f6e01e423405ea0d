package fs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
)

// halfFS does single system calls of V7's kernel, as mkdir(1), rmdir(1) and mv(1) make
// them: of the super-user, to whom directories are files like others.
type halfFS struct {
	t *testing.T
	*FS
}

func (h halfFS) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// at finds the directory that a path ends in, and what is there.
func (h halfFS) at(p string) *place {
	h.t.Helper()
	st, err := h.Lookup(path.Dir(p))
	h.must(err)
	name := path.Base(p)
	child, off, err := h.find(st.Ino, &st.Inode, name)
	if isNotExist(err) {
		child, err = 0, nil
	}
	h.must(err)
	at := &place{dir: st.Ino, n: st.Inode, name: name, child: child, off: off}
	if child != 0 {
		at.c, err = h.Inode(child)
		h.must(err)
	}
	return at
}

func (h halfFS) mknod(p string) error {
	n := h.newInode(ModeDir, Attr{Perm: 0o777})
	_, err := h.create(h.at(p), &n)
	return err
}

// last splits the last component off without cleaning what is before it.
func last(p string) (dir, name string) {
	i := len(p) - 1
	for p[i] != '/' {
		i--
	}
	return p[:i+1], p[i+1:]
}

func (h halfFS) klink(old, p string) error {
	h.t.Helper()
	st, err := h.Lookup(old)
	if err != nil {
		return err
	}
	dir, name := last(p)
	up, err := h.Lookup(dir)
	if err != nil {
		return err
	}
	if err := h.enter(up.Ino, &up.Inode, name, st.Ino); err != nil {
		return err
	}
	return h.count(st.Ino, 1)
}

func (h halfFS) kunlink(p string) error {
	h.t.Helper()
	dir, name := last(p)
	up, err := h.Lookup(dir)
	if err != nil {
		return err
	}
	child, off, err := h.find(up.Ino, &up.Inode, name)
	if err != nil {
		return err
	}
	if err := h.erase(up.Ino, &up.Inode, off); err != nil {
		return err
	}
	n, err := h.Inode(child)
	if err != nil {
		return err
	}
	if n.Nlink--; n.Nlink <= 0 {
		return h.drop(child, &n)
	}
	return h.putInode(child, &n)
}

// A step is a system call.
type step func(h halfFS) error

func mkdirSteps(p string) []step {
	return []step{
		func(h halfFS) error { return h.mknod(p) },
		func(h halfFS) error { return h.klink(p, p+"/.") },
		func(h halfFS) error { return h.klink(path.Dir(p), p+"/..") },
	}
}

func rmdirSteps(p string) []step {
	return []step{
		func(h halfFS) error { return h.kunlink(p + "/..") },
		func(h halfFS) error { return h.kunlink(p + "/.") },
		func(h halfFS) error { return h.kunlink(p) },
	}
}

func mvSteps(from, to string) []step {
	steps := []step{
		func(h halfFS) error { return h.klink(from, to) },
		func(h halfFS) error { return h.kunlink(from) },
	}
	if path.Dir(from) != path.Dir(to) {
		steps = append(steps,
			func(h halfFS) error { return h.kunlink(to + "/..") },
			func(h halfFS) error { return h.klink(path.Dir(to), to+"/..") })
	}
	return steps
}

// mvFails is mv whose last link fails, and which goes back.
func mvFails(from, to string) []step {
	return append(mvSteps(from, to)[:3],
		func(h halfFS) error { return h.klink(path.Dir(from), to+"/..") },
		func(h halfFS) error { return h.klink(to, from) },
		func(h halfFS) error { return h.kunlink(to) })
}

// tree is what is in a file system, by path, with the contents of files.
func tree(t *testing.T, f *FS) string {
	t.Helper()
	m := map[string]string{}
	err := f.Walk("/", func(p string, st Stat) error {
		m[p] = "directory"
		if !st.IsDir() {
			data, err := f.ReadFile(p)
			m[p] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := ""
	for _, p := range slices.Sorted(maps.Keys(m)) {
		s += p + " " + m[p] + "\n"
	}
	return s
}

// completed returns a copy of a file system with all halves completed. It must be
// strictly clean, and have no halves.
func completed(t *testing.T, f *FS) *FS {
	t.Helper()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(MemOf(slices.Clone(f.dev.(*Mem).Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	halves, err := c.Halves()
	if err != nil {
		t.Fatal(err)
	}
	if got := Check(c.dev).Clean(); got != (len(halves) == 0) {
		t.Fatalf("clean is %v, and the halves are %v", got, halves)
	}
	done, err := c.CompleteHalves(func(Half) bool { return false })
	if err != nil || !slices.Equal(done, halves) {
		t.Fatalf("%v, want %v: %v", done, halves, err)
	}
	mustCheck(t, c)
	if left, err := c.Halves(); err != nil || left != nil {
		t.Fatalf("still half: %v, %v", left, err)
	}
	return c
}

// TestHalves cuts mkdir, rmdir and mv after each of their system calls: completed, the
// file system is clean and has the whole of it or nothing.
func TestHalves(t *testing.T) {
	sub := Attr{Perm: 0o755}
	for _, c := range []struct {
		name    string
		prepare func(h halfFS)
		steps   []step
		after   string // if that is not what it comes to in the end
	}{
		{"mkdir", nil, mkdirSteps("/a/d"), ""},
		{"mkdir in the root", nil, mkdirSteps("/d"), ""},
		{"rmdir", func(h halfFS) { h.must(h.Mkdir("/a/d", sub)) }, rmdirSteps("/a/d"), ""},
		{"rmdir of one that has had files", func(h halfFS) {
			h.must(h.Mkdir("/a/d", sub))
			for i := range 100 {
				h.must(h.WriteFile(fmt.Sprintf("/a/d/%d", i), nil, sub))
			}
			for i := range 100 {
				h.must(h.Unlink(fmt.Sprintf("/a/d/%d", i)))
			}
		}, rmdirSteps("/a/d"), ""},
		{"mv of an empty directory", func(h halfFS) { h.must(h.Mkdir("/a/d", sub)) }, mvSteps("/a/d", "/a/e"), ""},
		{"mv of an empty directory elsewhere", func(h halfFS) { h.must(h.Mkdir("/a/d", sub)) }, mvSteps("/a/d", "/b/e"), ""},
		{"mv", func(h halfFS) {
			h.must(h.MkdirAll("/a/d/x/y", sub))
			h.must(h.WriteFile("/a/d/f", []byte("text"), sub))
		}, mvSteps("/a/d", "/a/e"), ""},
		{"mv elsewhere", func(h halfFS) {
			h.must(h.MkdirAll("/a/d/x/y", sub))
			h.must(h.WriteFile("/a/d/f", []byte("text"), sub))
		}, mvSteps("/a/d", "/b/e"), ""},
		{"mv to the root", func(h halfFS) { h.must(h.MkdirAll("/a/d/x/y", sub)) }, mvSteps("/a/d", "/e"), ""},
		{"mv from the root", func(h halfFS) { h.must(h.MkdirAll("/e/x/y", sub)) }, mvSteps("/e", "/a/d"), ""},
		{"mv upwards", func(h halfFS) { h.must(h.MkdirAll("/a/d/x/y", sub)) }, mvSteps("/a/d/x", "/a/z"), ""},
		{"mv that fails and goes back", func(h halfFS) { h.must(h.MkdirAll("/a/d/x", sub)) }, mvFails("/a/d", "/b/e"),
			"/ directory\n/a directory\n/b directory\n/b/e directory\n/b/e/x directory\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := newFS(t, 1000)
			h := halfFS{t, f}
			h.must(h.Mkdir("/a", sub))
			h.must(h.Mkdir("/b", sub))
			if c.prepare != nil {
				c.prepare(h)
			}
			before := tree(t, f)
			var between []string
			for i, s := range c.steps {
				if err := s(h); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				between = append(between, tree(t, completed(t, f)))
			}
			after := tree(t, f)
			if c.after != "" {
				after = c.after
			}
			for i, got := range between {
				if got != before && got != after {
					t.Errorf("after system call %d:\n%swhich is neither\n%snor\n%s", i, got, before, after)
				}
			}
		})
	}
}

// TestHalvesInUse has another program put a file into a directory that is half made or
// half removed: it stays.
func TestHalvesInUse(t *testing.T) {
	for i, steps := range [][]step{mkdirSteps("/d"), rmdirSteps("/d")} {
		for done := 1; done < len(steps); done++ {
			f, _ := newFS(t, 1000)
			h := halfFS{t, f}
			if i == 1 {
				h.must(h.Mkdir("/d", Attr{Perm: 0o755})) // there must be something to remove
			}
			for _, s := range steps[:done] {
				h.must(s(h))
			}
			h.must(h.WriteFile("/d/f", []byte("text"), Attr{Perm: 0o644}))
			if data, err := completed(t, f).ReadFile("/d/f"); err != nil || string(data) != "text" {
				t.Errorf("after %d system calls: %q, %v", done, data, err)
			}
		}
	}
}

// TestHalvesFullDisk has no room for the first block of a directory: that is not made.
func TestHalvesFullDisk(t *testing.T) {
	f, _ := newFS(t, 200)
	h := halfFS{t, f}
	h.must(h.mknod("/d"))
	h.must(h.WriteFile("/full", nil, Attr{Perm: 0o644}))
	for i := 0; ; i++ {
		if _, err := h.WriteAt("/full", make([]byte, BlockSize), int64(i)*BlockSize); err != nil {
			break
		}
	}
	blocks, inodes, err := h.Free()
	if h.must(err); blocks != 0 {
		t.Fatalf("%d blocks are free", blocks)
	}
	c := completed(t, f)
	if _, err := c.Lookup("/d"); !isNotExist(err) {
		t.Errorf("a directory for which there is no room: %v", err)
	}
	if _, left, err := c.Free(); err != nil || left != inodes+1 {
		t.Errorf("%d inodes free, want %d: %v", left, inodes+1, err)
	}
}

// TestHalvesLeaveDamage has directories that are damaged in other ways: they are no
// halves, and nothing of them is changed; those that cannot be read are passed over.
func TestHalvesLeaveDamage(t *testing.T) {
	f, dev := newFS(t, 1000)
	h := halfFS{t, f}
	for _, p := range []string{"/hole", "/lost", "/whole"} {
		h.must(h.Mkdir(p, Attr{Perm: 0o755}))
	}
	hole := h.at("/hole")
	hole.c.Addr[0] = 0
	h.must(h.putInode(hole.child, &hole.c))
	lost := h.at("/lost")
	h.must(h.erase(lost.dir, &lost.n, lost.off))
	h.must(h.kunlink("/whole/.")) // this one is half, and found nevertheless
	h.must(h.Sync())
	before := slices.Clone(dev.Bytes())
	halves, err := f.Halves()
	if err != nil || len(halves) != 1 || halves[0].Ino != h.at("/whole").child {
		t.Fatalf("%v, %v", halves, err)
	}
	if !slices.Equal(before, dev.Bytes()) {
		t.Error("looking has changed something")
	}
	// A directory of more blocks than the disk has is an error, and quick.
	whole := h.at("/whole")
	whole.c.Size = 900 * BlockSize
	h.must(h.putInode(whole.child, &whole.c))
	lost.c.Size = 900 * BlockSize
	h.must(h.putInode(lost.child, &lost.c))
	if _, err := f.Halves(); err == nil {
		t.Error("directories of more blocks than there are, and no error")
	}
}

// TestHalvesRemovedParent moves a directory away from another one, which is removed
// before ".." is exchanged.
func TestHalvesRemovedParent(t *testing.T) {
	f, _ := newFS(t, 1000)
	h := halfFS{t, f}
	h.must(h.MkdirAll("/a/d", Attr{Perm: 0o755}))
	steps := mvSteps("/a/d", "/e")
	h.must(steps[0](h))
	h.must(steps[1](h))
	for _, s := range rmdirSteps("/a") {
		h.must(s(h))
	}
	c := completed(t, f)
	if st, err := c.Lookup("/e/.."); err != nil || st.Ino != RootIno {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestHalvesCrossed has two directories on their ways into each other: both stay where
// they were, and can be reached.
func TestHalvesCrossed(t *testing.T) {
	f, _ := newFS(t, 1000)
	h := halfFS{t, f}
	for _, p := range []string{"/a", "/b", "/x"} { // the inodes of a and b come first
		h.must(h.Mkdir(p, Attr{Perm: 0o755}))
	}
	for _, s := range append(mvSteps("/a", "/x/a"), mvSteps("/b", "/x/b")...) {
		h.must(s(h))
	}
	before := tree(t, f)
	h.must(mvSteps("/x/a", "/x/b/a")[0](h))
	h.must(mvSteps("/x/b", "/x/a/b")[0](h))
	if after := tree(t, completed(t, f)); after != before {
		t.Errorf("there is %s, want %s", after, before)
	}
}

// FuzzHalves sees that completing panics or hangs on no image, and leaves those alone that
// have no halves.
func FuzzHalves(f *testing.F) {
	base := sample(f)
	f.Add([]byte{})
	f.Add([]byte{1, 4, 0xff, 0x81, 4, 0xff})
	f.Fuzz(func(t *testing.T, patch []byte) { completeAny(t, patched(t, base, patch)) })
}

// TestHalvesOnAnything does so with random bytes in directories and their inodes.
func TestHalvesOnAnything(t *testing.T) {
	base := sample(t)
	f, err := Open(MemOf(base))
	if err != nil {
		t.Fatal(err)
	}
	var places []int // offsets of 64 bytes
	for _, dir := range []string{"/", "/a", "/a/b"} {
		st, err := f.Lookup(dir)
		if err != nil {
			t.Fatal(err)
		}
		b, off := InodeBlock(st.Ino)
		places = append(places, b*BlockSize+off, int(st.Addr[0])*BlockSize)
	}
	rng := rand.New(rand.NewPCG(3, 8))
	some := 0
	for range 1000 {
		dev := MemOf(slices.Clone(base))
		for range 1 + rng.IntN(5) {
			dev.Bytes()[places[rng.IntN(len(places))]+rng.IntN(64)] = byte(rng.Uint32() & rng.Uint32() & 31)
		}
		some += completeAny(t, dev)
	}
	if some < 100 {
		t.Errorf("only %d halves", some)
	}
}

func completeAny(t *testing.T, dev *Mem) (completed int) {
	f, err := Open(dev)
	if err != nil {
		return 0
	}
	clean := Check(dev).Clean()
	before := slices.Clone(dev.Bytes())
	halves, err := f.Halves()
	if clean && (err != nil || halves != nil) {
		t.Fatalf("a clean file system has the halves %v, %v", halves, err)
	}
	done, err := f.CompleteHalves(func(Half) bool { return false })
	if len(done) > len(halves) {
		t.Fatalf("%d completed, of %d", len(done), len(halves))
	}
	if halves == nil && !slices.Equal(before, dev.Bytes()) {
		t.Fatal("there was nothing to complete, and something was changed")
	}
	if err == nil && len(done) != len(halves) {
		t.Fatalf("%d completed, of %d", len(done), len(halves))
	}
	return len(done)
}

// TestHalvesModel has several programs at work at once, each making, moving and
// removing directories by single system calls, and others that make and remove files
// in them. At every point, completed, the file system is clean and has all the files.
func TestHalvesModel(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 8))
		f, _ := newFS(t, 4000)
		h := halfFS{t, f}
		h.must(h.Mkdir("/p", Attr{Perm: 0o755}))
		type program struct {
			steps []step
			where string // of its directory; empty: none
			next  string
		}
		programs := make([]program, 5)
		files := map[string]bool{}
		for range 200 {
			i := rng.IntN(len(programs))
			p := &programs[i]
			if len(p.steps) == 0 {
				p.where = p.next
				switch {
				case p.where == "":
					p.next = fmt.Sprintf("/d%d", i)
					p.steps = mkdirSteps(p.next)
				case rng.IntN(2) == 0:
					p.next = fmt.Sprintf("/p/d%d", i)
					if p.where == p.next {
						p.next = fmt.Sprintf("/d%d.%d", i, rng.IntN(2))
					}
					p.steps = mvSteps(p.where, p.next)
				default:
					p.next = ""
					h.must(h.RemoveAll(p.where + "/f"))
					delete(files, fmt.Sprint(i))
					p.steps = rmdirSteps(p.where)
				}
			}
			h.must(p.steps[0](h))
			p.steps = p.steps[1:]
			// Somebody else is at work in the directories that have a name.
			i = rng.IntN(len(programs))
			p = &programs[i]
			for _, dir := range []string{p.where, p.next} {
				if _, err := h.Lookup(dir); dir == "" || err != nil || p.next == "" {
					continue
				}
				h.must(h.WriteFile(dir+"/f", []byte(fmt.Sprint(i)), Attr{Perm: 0o644}))
				files[fmt.Sprint(i)] = true
				break
			}
			c := completed(t, f)
			found := map[string]bool{}
			h.must(c.Walk("/", func(at string, st Stat) error {
				if !st.IsDir() {
					data, err := c.ReadFile(at)
					found[string(data)] = true
					return err
				}
				return nil
			}))
			if !maps.Equal(found, files) {
				t.Fatalf("seed %d: files %v, want %v", seed, found, files)
			}
		}
	}
}
