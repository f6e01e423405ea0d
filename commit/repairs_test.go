package commit

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"v7em/block"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// masked returns a file system's blocks without the times of its inodes and, if so
// told, that of its superblock.
func masked(t *testing.T, s *block.Store, blocks int, super bool) *block.Store {
	t.Helper()
	out := block.NewStore(blocks)
	var b [block.Size]byte
	var sb fs.Super
	for n := range blocks {
		if err := s.ReadBlock(n, b[:]); err != nil {
			t.Fatal(err)
		}
		switch {
		case n == fs.SuperBlock:
			if sb.Decode(b[:]); super {
				sb.Time = 0
				sb.Encode(b[:])
			}
		case n >= fs.FirstIBlock && n < int(sb.ISize):
			for i := 0; i < len(b); i += fs.InodeSize {
				var node fs.Inode
				node.Decode(b[i:])
				node.ATime, node.MTime, node.CTime = 0, 0, 0
				node.Encode(b[i : i+fs.InodeSize])
			}
		}
		if err := out.WriteBlock(n, b[:]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestRepairs has V7 mend its root while that is mounted, as its manual says: icheck -s
// and a reboot without sync, clri. What is captured then must be what the plain disk
// holds, if the repair writes everything itself, and in any case what V7's own sync
// writes at that instant.
func TestRepairs(t *testing.T) {
	n := form.Times(16, 100)
	booted := guest.Boot(t, guest.Options{})
	const root = 4000
	mended, held, alike := 0, 0, 0
	i := -1
	form.Batches(t, func(t *testing.T) bool {
		i++
		seed := i
		if !form.Long() && i < 3 {
			seed += 112 // a new settler finds a root whose superblock has been put right
		}
		rng := rand.New(rand.NewPCG(uint64(seed), 8))
		pick := func(list ...string) string { return list[rng.IntN(len(list))] }
		g := booted.Clone(t)
		var did []string
		run := func(format string, a ...any) string {
			c := fmt.Sprintf(format, a...)
			did = append(did, c)
			return g.Run(c)
		}
		run("mkdir /w; cd /w; cp /bin/ls a; cp /bin/sh b; ln a c; mkdir d d/e")
		for range rng.IntN(4) {
			run("%s", pick("rm -f a", "cp b d/e/f", "mv d/e d/g", "cat b b >h; rm b", "rmdir d/e", "ls -lR / >i", "chmod 700 c"))
		}
		ino := strings.Fields(run("ls -i %s", pick("b", "c")))[0]
		if rng.IntN(3) > 0 {
			run("sync")
			g.Wait(guest.Second)
		}
		if rng.IntN(3) == 0 { // a file that somebody holds open without a name
			run("cp /bin/ls o; (rm o; sleep 1000) <o &")
			g.Wait(guest.Second)
		}
		dev := pick("/dev/rk0", "/dev/rrk0")
		if rng.IntN(2) == 0 { // the free list loses its first block and what hangs on it
			run("sync")
			g.Wait(guest.Second)
			s := block.NewStore(1)
			var b [block.Size]byte
			pack := g.Drives().Disks[0]
			if err := pack.ReadBlock(fs.SuperBlock, b[:]); err != nil {
				t.Fatal(err)
			}
			var super fs.Super
			super.Decode(b[:])
			super.NFree = int16(1 + rng.IntN(3))
			super.Free[0] = 0
			super.Encode(b[:])
			s.WriteBlock(0, b[:])
			if err := pack.WriteBlock(fs.SuperBlock, b[:]); err != nil {
				t.Fatal(err)
			}
			dev = "/dev/rrk0" // V7's own buffer of the superblock may be older
		}
		icheck := false
		for range 1 + rng.IntN(2) {
			if icheck = rng.IntN(3) > 0; icheck {
				run("icheck -s %s", dev)
			} else {
				run("clri %s %s", pick("/dev/rk0", "/dev/rrk0"), ino)
			}
		}
		g.Wait(uint64(rng.IntN(3)) * guest.Second)

		s := NewSettler()
		if err := s.Clone(g.M); err != nil {
			t.Fatal(err)
		}
		p, err := s.Settle()
		if err != nil || !p.Settled {
			t.Fatalf("seed %d: %v, %+v", seed, err, p)
		}
		rk0 := kernel.Drive{Controller: kernel.RK}
		got := p.Packs[rk0]
		orphan := strings.Contains(strings.Join(did, "\n"), "sleep")
		compare := func(what string, want *block.Store, super bool) {
			t.Helper()
			var differ []int
			if !orphan {
				for b := range masked(t, got, root, super).Diff(masked(t, want, root, super)) {
					differ = append(differ, b)
				}
			}
			a, b := fs.Check(fs.Region{Device: got, N: root}), fs.Check(fs.Region{Device: want, N: root})
			harmA, harmB := harm(a), harm(b)
			if differ != nil || harmA != harmB {
				t.Errorf("seed %d: %s: blocks %v differ from %s;\ncaptured: %s\n%s: %s", seed, strings.Join(did, "; "), differ, what, harmA, what, harmB)
			}
		}
		plain := plainPack(t, g)
		if icheck && harm(fs.Check(fs.Region{Device: plain, N: root})) == harm(fs.Check(fs.Region{Device: got, N: root})) {
			mended++
		}
		if icheck {
			compare("the plain disk", plain, false)
		}
		held += map[bool]int{true: 1}[orphan]
		c := g.Clone(t)
		c.Sync()
		// The command sync itself takes buffers. What V7 still has of a block that clri has
		// written past them may be gone then, and what it writes is another block.
		if last := did[len(did)-1]; !strings.HasPrefix(last, "clri /dev/rrk0") || strings.Contains(strings.Join(did, "\n"), "sync") {
			compare("what V7's sync writes", plainPack(t, c), true)
		}
		if !bytes.Equal(guest.Image(t, g.Drives().Disks[0]), guest.Image(t, c.Drives().Disks[0])) {
			alike++
		}
		return i+1 < n
	})
	if mended < n/5 || held == 0 || alike < n/8 {
		t.Errorf("%d of %d mended a root, %d held a file without a name, %d left something to sync", mended, n, held, alike)
	}
}

func plainPack(t *testing.T, g *guest.Guest) *block.Store {
	t.Helper()
	s := block.NewStore(4872)
	if err := s.Load(bytes.NewReader(guest.Image(t, g.Drives().Disks[0]))); err != nil {
		t.Fatal(err)
	}
	return s
}

// harm says what is harmful in a file system, orphans aside.
func harm(r *fs.Report) string {
	var list []string
	for _, p := range r.Problems {
		if p.Kind.Severity() == fs.Harmful {
			list = append(list, p.String())
		}
	}
	return strings.Join(list, "; ")
}
