package commit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"v7em/block"
	"v7em/images"
	"v7em/journaldev"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// keptGuest is a guest whose packs are files with journals.
type keptGuest struct {
	*guest.Guest
	c     *Committer
	packs *images.Packs
}

// bootKept boots a guest from files. It commits only when told.
func bootKept(t *testing.T, o guest.Options) *keptGuest {
	t.Helper()
	dir := t.TempDir()
	d := o.Drives(t)
	for unit, disk := range d.Disks {
		if disk == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, d.Set.PackFile(unit)), guest.Image(t, disk), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	packs, err := d.Set.OpenPacksAs(dir, images.Keep{Sync: journaldev.SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := packs.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Packs = &packs.Drives
	g := guest.Boot(t, o)
	volumes := map[kernel.Drive]Volume{}
	for unit, disk := range d.Disks {
		if disk != nil {
			volumes[rk0(unit)] = packs.Disks[unit].(*journaldev.Volume)
		}
	}
	k := &keptGuest{g, NewCommitter(g.M, volumes, Options{Interval: time.Hour}), packs}
	t.Cleanup(k.c.Close)
	return k
}

func rk0(unit int) kernel.Drive { return kernel.Drive{Controller: kernel.RK, Unit: unit} }

// commit commits and returns what a pack holds then.
func (k *keptGuest) commit(t *testing.T, unit int) (*journaldev.Volume, *block.Store) {
	t.Helper()
	if err := k.c.Commit("test"); err != nil {
		t.Fatal(err)
	}
	v := k.packs.Disks[unit].(*journaldev.Volume)
	return v, v.Committed()
}

// TestMkdirInDump has a guest make a directory, in a directory that has room for its entry
// and in one that has not, and holds the transaction that it becomes against the file
// system.
func TestMkdirInDump(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		const unit = 7 // mounted on /tmp
		g := bootKept(t, o)
		for _, c := range []struct {
			name, prepare, dir string
			n, at              int   // where in parent the entry goes: block and byte
			more               int32 // bytes that parent grows
		}{
			{"room", "cd /tmp", "/", 0, 32, 16},
			{"a free entry", "mkdir /tmp/q; cd /tmp/q; >x; >y; rm x", "/q", 0, 32, 0},
			{"full block", "mkdir /tmp/p; cd /tmp/p; for i in 0 1 2; do for j in 0 1 2 3 4 5 6 7 8 9; do >$i$j; done; done", "/p", 1, 0, 16},
		} {
			t.Run(c.name, func(t *testing.T) {
				g.Run(c.prepare)
				_, before := g.commit(t, unit)
				if out := g.Run("mkdir d"); out != "" {
					t.Fatal(out)
				}
				v, after := g.commit(t, unit)
				if r := fs.Check(after); !r.Clean() {
					t.Fatalf("what was committed is damaged: %v", r.Problems)
				}
				tr := lastTransaction(t, v)

				// What the file system says that has changed.
				was, is := open(t, before), open(t, after)
				parentWas, parent, d := lookup(t, was, c.dir), lookup(t, is, c.dir), lookup(t, is, fs.Join(c.dir, "d"))
				n, at := findEntry(t, after, parent, d.Ino, "d")
				if fresh := parentWas.Addr[n] == 0; n != c.n || at != c.at || fresh != (n > 0) || parent.Size != parentWas.Size+c.more {
					t.Errorf("the entry is at %d of block %d of the parent, %+v, which was %+v", at, n, parent, parentWas)
				}
				want := map[string]bool{
					inodeUpdate(parent.Ino):                 true,
					inodeUpdate(d.Ino):                      true,
					fmt.Sprintf("USED %d 0-512", d.Addr[0]): true,
					fmt.Sprintf("SUPER %d", fs.SuperBlock):  true,
					entryUpdate(parent.Addr[n], at, n > 0):  true,
				}
				if parent.Nlink != parentWas.Nlink+1 || !d.IsDir() || d.Nlink != 2 || d.Size != 32 {
					t.Errorf("parent %+v, before %+v, directory %+v", parent, parentWas, d)
				}

				// What the transaction says.
				covered := map[int][]byte{} // by block: what an update is about
				redo := map[int][]byte{}
				for _, u := range tr.Updates {
					name := fmt.Sprintf("%s %d %d-%d", u.Type, u.Block, u.From, u.To)
					if u.Type == "SUPER" {
						name = fmt.Sprintf("%s %d", u.Type, u.Block)
					}
					switch {
					case want[name]:
						delete(want, name)
					case u.Type == "INODE" && accessed(t, was, is, u):
					default:
						t.Errorf("%s should not be there", name)
					}
					if u.Redo != nil {
						redo[u.Block] = u.Redo
					}
					if covered[u.Block] == nil {
						covered[u.Block] = make([]byte, block.Size)
					}
					for i := u.From; i < u.To; i++ {
						covered[u.Block][i] = 1
					}
				}
				for name := range want {
					t.Errorf("%s is missing", name)
				}
				// The updates cover all that has changed, and carry it.
				for n := range before.Diff(after) {
					var old, new [block.Size]byte
					before.ReadBlock(n, old[:])
					after.ReadBlock(n, new[:])
					if !bytes.Equal(redo[n], new[:]) {
						t.Errorf("block %d is not as in the transaction", n)
					}
					for i := range old {
						if old[i] != new[i] && (covered[n] == nil || covered[n][i] == 0) {
							t.Fatalf("byte %d of block %d has changed, and no update says so", i, n)
						}
					}
				}
				if !slices.ContainsFunc(tr.Note.Ops, func(o journaldev.Op) bool {
					return o.Program == "mkdir" && o.Call == "mknod" && o.Path == "d"
				}) {
					t.Errorf("the operations are %+v, mkdir's mknod is not among them", tr.Note.Ops)
				}
			})
		}
	})
}

func inodeUpdate(ino int) string {
	b, at := fs.InodeBlock(ino)
	return fmt.Sprintf("INODE %d %d-%d", b, at, at+fs.InodeSize)
}

func entryUpdate(n uint32, at int, fresh bool) string {
	if fresh {
		return fmt.Sprintf("USED %d 0-512", n)
	}
	return fmt.Sprintf("FDATA %d %d-%d", n, at, at+fs.DirentSize)
}

// findEntry returns where a directory has an entry: in which of its blocks, and at
// which byte of that.
func findEntry(t *testing.T, s *block.Store, dir fs.Stat, ino int, name string) (n, at int) {
	t.Helper()
	want := make([]byte, fs.DirentSize)
	want[0], want[1] = byte(ino), byte(ino>>8)
	copy(want[2:], name)
	var b [block.Size]byte
	for n, a := range dir.Addr[:fs.NDirect] {
		if a == 0 {
			break
		}
		if err := s.ReadBlock(int(a), b[:]); err != nil {
			t.Fatal(err)
		}
		for at := 0; at < block.Size; at += fs.DirentSize {
			if bytes.Equal(b[at:at+fs.DirentSize], want) {
				return n, at
			}
		}
	}
	t.Fatalf("no entry for %s in %v", name, dir)
	return 0, 0
}

// accessed says whether an update is of an inode of which nothing but the time of
// access has changed.
func accessed(t *testing.T, was, is *fs.FS, u journaldev.Logged) bool {
	t.Helper()
	if u.To-u.From != fs.InodeSize || u.From%fs.InodeSize != 0 {
		return false
	}
	ino := (u.Block-fs.FirstIBlock)*(fs.BlockSize/fs.InodeSize) + u.From/fs.InodeSize + 1
	a, err := was.Inode(ino)
	if err != nil {
		t.Fatal(err)
	}
	b, err := is.Inode(ino)
	if err != nil {
		t.Fatal(err)
	}
	a.ATime = b.ATime
	return a == b
}

// lastTransaction returns the newest transaction of a volume's journal.
func lastTransaction(t *testing.T, v *journaldev.Volume) journaldev.Transaction {
	t.Helper()
	l, err := journaldev.ReadLog(v.Path())
	if err != nil {
		t.Fatal(err)
	}
	for tr := range l.Transactions(false) {
		if tr.ID == l.Newest {
			return tr
		}
	}
	t.Fatal("the journal has no transaction")
	return journaldev.Transaction{}
}

func open(t *testing.T, s *block.Store) *fs.FS {
	t.Helper()
	f, err := fs.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func lookup(t *testing.T, f *fs.FS, path string) fs.Stat {
	t.Helper()
	st, err := f.Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
