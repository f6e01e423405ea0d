package fs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// model is a file tree in Go's own terms, to hold an FS against.
type model struct {
	nodes map[string]*modelNode // by clean absolute path; hard links share a node
}

type modelNode struct {
	dir      bool
	dev      int // major<<8 | minor, -1 for files and directories
	data     []byte
	perm     uint16
	uid, gid int16
}

func newModel() *model {
	return &model{map[string]*modelNode{"/": {dir: true, dev: -1, perm: 0o755}}}
}

func (m *model) children(dir string) []string {
	var list []string
	for p := range m.nodes {
		if p != "/" && path.Dir(p) == dir {
			list = append(list, p)
		}
	}
	return list
}

// parentErr is the error for making or finding p when what is above is wrong.
func (m *model) parentErr(p string) error {
	up := path.Dir(p)
	if up != "/" {
		if err := m.parentErr(up); err != nil {
			return err
		}
	}
	n := m.nodes[up]
	switch {
	case n == nil:
		return os.ErrNotExist
	case !n.dir:
		return ErrNotDir
	}
	return nil
}

func (m *model) find(p string) (*modelNode, error) {
	if p != "/" {
		if err := m.parentErr(p); err != nil {
			return nil, err
		}
	}
	if n := m.nodes[p]; n != nil {
		return n, nil
	}
	return nil, os.ErrNotExist
}

// absent is nil when p may be made.
func (m *model) absent(p string) error {
	switch _, err := m.find(p); {
	case err == nil:
		return os.ErrExist
	case err != os.ErrNotExist || m.parentErr(p) != nil:
		return err
	}
	return nil
}

func (m *model) regular(p string) (*modelNode, error) {
	n, err := m.find(p)
	switch {
	case err != nil:
		return nil, err
	case n.dir:
		return nil, ErrIsDir
	case n.dev >= 0:
		return nil, ErrNotFile
	}
	return n, nil
}

// step does one random operation to both.
func (m *model) step(rng *rand.Rand, f *FS) (op string, want, got error) {
	names := []string{"a", "b", "c", "d", "e", "fourteen-bytes"}
	random := func() string {
		p := "/"
		for range 1 + rng.IntN(3) {
			p = path.Join(p, names[rng.IntN(len(names))])
		}
		return p
	}
	p := random()
	attr := Attr{Perm: uint16(rng.IntN(0o10000)), UID: int16(rng.IntN(100)), GID: int16(rng.IntN(100))}
	switch rng.IntN(13) {
	case 0, 1, 2:
		size := rng.IntN(3000)
		if rng.IntN(8) == 0 {
			size = rng.IntN(150 * BlockSize)
		}
		data := content(rng.Uint64(), size)
		op, got = fmt.Sprintf("write %s %d", p, size), f.WriteFile(p, data, attr)
		n, err := m.regular(p)
		if err == os.ErrNotExist && m.parentErr(p) == nil {
			n, err = &modelNode{dev: -1}, nil
		}
		if want = err; want == nil {
			n.data, n.perm, n.uid, n.gid = data, attr.Perm, attr.UID, attr.GID
			m.nodes[p] = n
		}
	case 3, 4:
		op, got = "mkdir "+p, f.Mkdir(p, attr)
		if want = m.absent(p); want == nil {
			m.nodes[p] = &modelNode{dir: true, dev: -1, perm: attr.Perm, uid: attr.UID, gid: attr.GID}
		}
	case 5:
		major, minor := rng.IntN(256), rng.IntN(256)
		op, got = "mknod "+p, f.Mknod(p, ModeBlock, major, minor, attr)
		if want = m.absent(p); want == nil {
			m.nodes[p] = &modelNode{dev: major<<8 | minor, perm: attr.Perm, uid: attr.UID, gid: attr.GID}
		}
	case 6:
		q := random()
		op, got = "link "+p+" "+q, f.Link(p, q)
		n, err := m.find(p)
		switch {
		case err != nil:
			want = err
		case n.dir:
			want = ErrIsDir
		default:
			if want = m.absent(q); want == nil {
				m.nodes[q] = n
			}
		}
	case 7, 8:
		op, got = "unlink "+p, f.Unlink(p)
		n, err := m.find(p)
		if want = err; err == nil && n.dir {
			want = ErrIsDir
		}
		if want == nil {
			delete(m.nodes, p)
		}
	case 9:
		op, got = "rmdir "+p, f.Rmdir(p)
		n, err := m.find(p)
		switch {
		case err != nil:
			want = err
		case !n.dir:
			want = ErrNotDir
		case len(m.children(p)) > 0:
			want = ErrNotEmpty
		default:
			delete(m.nodes, p)
		}
	case 10:
		off, data := rng.IntN(100*BlockSize), content(rng.Uint64(), rng.IntN(2000))
		op = fmt.Sprintf("write %s at %d %d", p, off, len(data))
		_, got = f.WriteAt(p, data, int64(off))
		n, err := m.regular(p)
		if want = err; err == nil && len(data) > 0 {
			if grow := off + len(data) - len(n.data); grow > 0 {
				n.data = append(n.data, make([]byte, grow)...)
			}
			copy(n.data[off:], data)
		}
	case 11:
		size := rng.IntN(160 * BlockSize)
		op, got = fmt.Sprintf("truncate %s %d", p, size), f.Truncate(p, int64(size))
		n, err := m.regular(p)
		if want = err; err == nil {
			n.data = append(n.data, make([]byte, max(0, size-len(n.data)))...)[:size:size]
		}
	case 12:
		if rng.IntN(4) != 0 {
			op, got = "chmod "+p, errors.Join(f.Chmod(p, attr.Perm), f.Chown(p, attr.UID, attr.GID))
			n, err := m.find(p)
			if want = err; err == nil {
				n.perm, n.uid, n.gid = attr.Perm, attr.UID, attr.GID
			}
			break
		}
		op, got = "remove all "+p, f.RemoveAll(p)
		if want = m.parentErr(p); want == nil {
			for q := range m.nodes {
				if q == p || strings.HasPrefix(q, p+"/") {
					delete(m.nodes, q)
				}
			}
		}
	}
	return op, want, got
}

// compare holds everything in f against m.
func (m *model) compare(t *testing.T, f *FS) {
	t.Helper()
	inodes := map[*modelNode]int{}
	seen := map[string]bool{}
	err := f.Walk("/", func(p string, st Stat) error {
		seen[p] = true
		n := m.nodes[p]
		if n == nil {
			t.Errorf("%s is there and should not be", p)
			return nil
		}
		if was, ok := inodes[n]; ok && was != st.Ino {
			t.Errorf("%s is inode %d, its other name %d", p, st.Ino, was)
		}
		inodes[n] = st.Ino
		links := 0
		for q, o := range m.nodes {
			if o == n || n.dir && o.dir && q != "/" && path.Dir(q) == p {
				links++
			}
		}
		if n.dir {
			links++ // its "."; the root's ".." stands for the name that it does not have
		}
		if int(st.Nlink) != links {
			t.Errorf("%s has %d links, want %d", p, st.Nlink, links)
		}
		if st.Mode&ModePerm != n.perm || st.UID != n.uid || st.GID != n.gid || st.IsDir() != n.dir || st.IsDevice() != (n.dev >= 0) {
			t.Errorf("%s is %+v, want %+v", p, st, n)
		}
		if n.dev >= 0 {
			if major, minor := st.Device(); major<<8|minor != n.dev {
				t.Errorf("%s is device %d,%d, want %d,%d", p, major, minor, n.dev>>8, n.dev&255)
			}
		} else if !n.dir {
			if data, err := f.ReadFile(p); err != nil || !bytes.Equal(data, n.data) {
				t.Errorf("%s has %d bytes, want %d, error %v", p, len(data), len(n.data), err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, p := range slices.Sorted(maps.Keys(m.nodes)) {
		if !seen[p] {
			t.Errorf("%s is missing", p)
		}
	}
}

// Random operations on a file system and on a model give the same errors and
// the same tree, and leave a strictly clean image.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			f, dev := newFS(t, 20000)
			free, inodes, _ := f.Free()
			m := newModel()
			var trail []string
			for i := range 400 {
				op, want, got := m.step(rng, f)
				trail = append(trail, op)
				if !errors.Is(got, want) || want == nil && got != nil {
					t.Fatalf("%s: error %v, want %v", op, got, want)
				}
				if i%50 == 49 {
					mustCheck(t, f)
				}
			}
			m.compare(t, f)
			mustCheck(t, f)
			// The same through a fresh FS.
			f, err := Open(dev)
			if err != nil {
				t.Fatal(err)
			}
			m.compare(t, f)
			for _, e := range first(f.ReadDir("/")) {
				if e.Name != "." && e.Name != ".." {
					if err := f.RemoveAll(e.Name); err != nil {
						t.Fatal(err)
					}
				}
			}
			mustCheck(t, f)
			// The root keeps the blocks that it has grown to; here that is one.
			if b, i, err := f.Free(); b != free || i != inodes || err != nil {
				t.Errorf("%d blocks and %d inodes free at the end, want %d and %d (%v)", b, i, free, inodes, err)
			}
			if t.Failed() {
				t.Log(strings.Join(trail, "\n"))
			}
		})
	}
}

func first[T any](v T, _ error) T { return v }
