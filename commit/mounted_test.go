package commit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"v7em/block"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// filled returns a pack with a file system that is not the guest's.
func filled(t *testing.T, name string) []byte {
	t.Helper()
	m := fs.NewMem(4872)
	f, err := fs.Mkfs(m, fs.MkfsOptions{Time: guest.Epoch, Name: "b", Pack: name})
	if err == nil {
		err = f.WriteFile("/"+name, []byte("hello\n"), fs.Attr{Perm: 0o644, MTime: guest.Epoch})
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Bytes()
}

func storeOf(t *testing.T, image []byte) *block.Store {
	t.Helper()
	s := block.NewStore(4872)
	if err := s.Load(strings.NewReader(string(image))); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestExchanged exchanges a pack under its mount: the new one gets nothing of what V7 has
// in memory, until V7 mounts it, and the old one gets it when it is back.
func TestExchanged(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		x := newCampaign(t, g)
		point := func() *Point {
			t.Helper()
			p := x.capture(guest.Second)
			if p == nil {
				t.Fatal("not settled")
			}
			return p
		}
		volume := func(p *Point) kernel.Volume {
			t.Helper()
			i := slices.IndexFunc(p.Volumes, func(v kernel.Volume) bool { return v.Drive == rk7 })
			if i < 0 {
				t.Fatalf("rk7 is not mounted: %+v", p.Volumes)
			}
			return p.Volumes[i]
		}
		differ := func(a, b *block.Store) (n int) {
			for range a.Diff(b) {
				n++
			}
			return n
		}
		g.Run("mkdir /tmp/a; cp /bin/ls /tmp/a; cd /tmp/a")
		first := point()
		if v := volume(first); v.Wrong != "" || differ(first.Packs[rk7], plainOf(t, g, 7)) == 0 {
			t.Fatalf("there is nothing to see: %+v", v)
		}
		own := first.Packs[rk7]

		other := filled(t, "other")
		g.Insert(7, other)
		for i := range 3 {
			p := point()
			if v := volume(p); !v.Exchanged || v.Wrong == "" {
				t.Fatalf("the exchange is not seen: %+v", v)
			}
			want := plainOf(t, g, 7) // later V7 may write to it
			if i == 0 {
				want = storeOf(t, other)
			}
			if n := differ(p.Packs[rk7], want); n > 0 {
				t.Errorf("%d blocks of the other pack are changed", n)
			}
			if r := fs.Check(p.Packs[kernel.Drive{Controller: kernel.RK}]); !r.Clean() {
				t.Errorf("the root: %v", r.Problems)
			}
			g.Run("cp /bin/ls /usr/tmp/x; rm /usr/tmp/x; ls /")
		}
		// Its own is back, as the last point had it.
		g.Insert(7, imageOf(t, own))
		p := point()
		if v := volume(p); v.Wrong != "" {
			t.Fatalf("its own pack is back: %+v", v)
		}
		if r := fs.Check(p.Packs[rk7]); !r.Clean() {
			t.Errorf("its own pack is back: %v", r.Problems)
		}
		// Taken off, exchanged, and mounted: the new one is V7's now.
		umount, mount := "cd /; /etc/umount /dev/rk7", "/etc/mount /dev/rk7 /tmp; echo new >/tmp/new"
		if out := g.Run(umount); out != "" {
			t.Fatal(out)
		}
		point()
		g.Insert(7, other)
		g.Run("cat /bin/* /etc/* >/dev/null; ls -lR / >/dev/null") // V7 forgets the old one
		point()
		if out := g.Run(mount); out != "" {
			t.Fatal(out)
		}
		p = point()
		if v := volume(p); v.Wrong != "" || !fs.Check(p.Packs[rk7]).Clean() {
			t.Errorf("mounted: %+v", v)
		}
		f, err := fs.Open(p.Packs[rk7])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"/other", "/new"} {
			if _, err := f.Lookup(name); err != nil {
				t.Error(err)
			}
		}
	})
}

func imageOf(t *testing.T, s *block.Store) []byte {
	t.Helper()
	return guest.Image(t, machine.MemDisk{Store: s})
}

func plainOf(t *testing.T, g *guest.Guest, unit int) *block.Store {
	t.Helper()
	return storeOf(t, guest.Image(t, g.M.RK.Disk(unit)))
}

// TestExchangedUnseen has a new settler, as after a restore, find another pack in a
// drive than the one that V7 has mounted.
func TestExchangedUnseen(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		for _, dirty := range []bool{false, true} {
			g := guest.Boot(t, o)
			if dirty {
				g.Run("mkdir /tmp/a; cp /bin/ls /tmp/a")
			}
			if x := newCampaign(t, g); len(x.capture(1).Volumes) < 2 {
				t.Fatal("nothing is mounted")
			} else if v := x.capture(guest.Second).Volumes; v[len(v)-1].Wrong != "" {
				t.Fatalf("nothing is wrong: %+v", v)
			}
			other := filled(t, "other")
			g.Insert(7, other)
			p := newCampaign(t, g).capture(1)
			i := slices.IndexFunc(p.Volumes, func(v kernel.Volume) bool { return v.Drive == rk7 })
			if i < 0 || !p.Volumes[i].Exchanged {
				t.Errorf("the exchange is not seen: %+v", p.Volumes)
			}
			for n := range p.Packs[rk7].Diff(storeOf(t, other)) {
				t.Errorf("block %d of the other pack is changed", n)
			}
		}
	})
}

// TestExchangeIsTold exchanges a pack under a committer that makes no points meanwhile:
// the user hears of it, and when the guest has mounted it all is well again.
func TestExchangeIsTold(t *testing.T) {
	g := guest.Boot(t, guest.Options{})
	j := journaled(t, g)
	var told []string
	c := NewCommitter(g.M, j.volumes, Options{Clock: j.clock.Now, Tell: func(line string) { told = append(told, line) }})
	defer c.Close()
	g.Run("mkdir /tmp/a")
	if err := c.Commit("detach"); err != nil {
		t.Fatal(err)
	}
	exchange := func(image []byte) {
		t.Helper()
		delete(j.volumes, rk7)
		c.SetVolumes(j.volumes)
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path, image, 0o666); err != nil {
			t.Fatal(err)
		}
		v, err := journaldev.OpenVolume(path, journaldev.RK05, journaldev.VolumeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Cut)
		g.M.DetachRK(7)
		if err := g.M.AttachRK(7, v); err != nil {
			t.Fatal(err)
		}
		j.volumes[rk7] = v
		c.SetVolumes(j.volumes)
	}
	other := filled(t, "other")
	exchange(other)
	g.Run("echo >/usr/tmp/y")
	if err := c.Commit("interval"); err != nil {
		t.Fatal(err)
	}
	c.attend()
	s := c.Status()
	if len(s.Volumes) != 1 || s.Volumes[0].State != VolumeExchanged || !strings.HasPrefix(s.Volumes[0].String(), "rk7: another pack is in the drive: ") {
		t.Errorf("%+v", s.Volumes)
	}
	if !slices.ContainsFunc(told, func(l string) bool { return strings.HasPrefix(l, "rk7: another pack is in the drive") }) {
		t.Errorf("told %q", told)
	}
	for n := range j.volume(7).Snapshot().Diff(storeOf(t, other)) {
		t.Errorf("block %d of the other pack is changed", n)
	}
	// Taken off and mounted with no point between.
	if out := g.Run("/etc/umount /dev/rk7"); out != "" {
		t.Fatal(out)
	}
	exchange(other)
	g.Run("cat /bin/* /etc/* >/dev/null; ls -lR /usr >/dev/null")
	if out := g.Run("/etc/mount /dev/rk7 /tmp; mkdir /tmp/b"); out != "" {
		t.Fatal(out)
	}
	if err := c.Commit("interval"); err != nil {
		t.Fatal(err)
	}
	c.attend()
	if s := c.Status(); len(s.Volumes) != 0 {
		t.Errorf("%+v, told %q", s.Volumes, told)
	}
	f, err := fs.Open(j.volume(7).Committed())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Lookup("/b"); err != nil {
		t.Error(err)
	}
}

// TestMountedTwice mounts the root's pack a second time, by another device number that the
// driver takes for the same drive: no pack was exchanged, and the user is told what is so.
func TestMountedTwice(t *testing.T) {
	g := guest.Boot(t, guest.Options{})
	x := newCampaign(t, g)
	g.Run("/etc/umount /dev/rk7; /etc/mknod /dev/twice b 0 8; mkdir /m; /etc/mount /dev/twice /m; " +
		"echo x >/x; sync; echo y >/y; sync")
	p := x.capture(guest.Second)
	i := slices.IndexFunc(p.Volumes, func(v kernel.Volume) bool { return v.Dev == 8 })
	if i < 0 {
		t.Fatalf("it is not mounted: %+v", p.Volumes)
	}
	if v := p.Volumes[i]; v.Exchanged || !strings.Contains(v.Wrong, "overlaps") {
		t.Errorf("%+v", v)
	}
	root := p.Packs[kernel.Drive{Controller: kernel.RK}]
	if r := fs.Check(root); !r.Clean() {
		t.Errorf("the root: %v", r.Problems)
	}
	if f, err := fs.Open(root); err != nil {
		t.Error(err)
	} else if _, err := f.Lookup("/y"); err != nil {
		t.Error(err)
	}
}
