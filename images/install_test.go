package images

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"v7em/block"
	"v7em/images/console"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/fs"
)

// testTime stamps what the tests make: a winter's noon.
var testTime = time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)

var shared struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	if at := os.Getenv(asInstaller); at != "" {
		quickInstall(at)
	}
	if at := os.Getenv(asDownloader); at != "" {
		download(at, os.Args[1])
	}
	code := m.Run()
	if shared.dir != "" {
		os.RemoveAll(filepath.Dir(shared.dir))
	}
	os.Exit(code)
}

// installed returns the directory of a machine that tests share and must not
// change.
func installed(t *testing.T) string {
	t.Helper()
	d := dist(t)
	shared.once.Do(func() {
		tmp, err := os.MkdirTemp("", "v7em-test-")
		if err != nil {
			shared.err = err
			return
		}
		shared.dir = filepath.Join(tmp, "machine")
		shared.err = Install(context.Background(), InstallOptions{Dir: shared.dir, Finder: &Finder{File: d}, Now: testTime})
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.dir
}

// drives returns copies in memory of the shared machine's packs.
func drives(t *testing.T, s *Set) *Drives {
	t.Helper()
	dir := installed(t)
	d := &Drives{Set: s}
	for unit := range s.Units {
		f, err := os.Open(filepath.Join(dir, s.PackFile(unit)))
		if err != nil {
			t.Fatal(err)
		}
		store := block.NewStore(s.Kind.Blocks)
		err = store.Load(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		d.Disks = append(d.Disks, machine.MemDisk{Store: store})
	}
	return d
}

// clean fails the test if a file system of the drives is not consistent.
func clean(t *testing.T, d *Drives) {
	t.Helper()
	for _, v := range d.Set.volumes {
		for _, p := range fs.Check(fs.Region{Device: d.Disks[v.unit], Start: v.offset, N: v.blocks}).Problems {
			t.Errorf("%s: %v", v.node, p)
		}
	}
}

func TestInstallIsClean(t *testing.T) {
	clean(t, drives(t, RK()))
	clean(t, drives(t, RP()))
}

// TestInstallHasEverything compares every member of the distribution with what is on
// the packs.
func TestInstallHasEverything(t *testing.T) {
	ours := map[string]bool{"/etc/rc": true, "/etc/mtab": true, "/unix": true}
	for _, s := range []*Set{RK(), RP()} {
		tree, mounts, err := drives(t, s).Tree()
		if err != nil {
			t.Fatal(err)
		}
		if len(mounts) != len(s.volumes)-1 {
			t.Errorf("%s: /etc/rc mounts %v", s.Name, mounts)
		}
		f, err := os.Open(dist(t))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := fs.NewTarReader(f)
		if err != nil {
			t.Fatal(err)
		}
		members, moved := 0, 0
		for {
			h, err := r.Next()
			if err != nil {
				break
			}
			members++
			name := s.place("/" + h.Name)
			if name != "/"+h.Name {
				moved++
			}
			got, err := tree.ReadFile(name)
			if err != nil {
				t.Errorf("%s: %v", s.Name, err)
				continue
			}
			st, _ := tree.Lookup(name)
			want := new(bytes.Buffer)
			want.ReadFrom(r)
			switch {
			case ours["/"+h.Name] && s.Name == "rk" || name == "/etc/rc" || name == "/etc/mtab":
			case h.Type == fs.TarLink:
				link, err := tree.ReadFile(s.place("/" + h.Link))
				if err != nil || !bytes.Equal(got, link) {
					t.Errorf("%s: %s is not %s: %v", s.Name, name, h.Link, err)
				}
			case !bytes.Equal(got, want.Bytes()):
				t.Errorf("%s: %s differs", s.Name, name)
			case st.Mode&fs.ModePerm != h.Mode || int64(st.UID) != h.UID || int64(st.GID) != h.GID || !fs.UnixTime(st.MTime).Equal(h.MTime):
				t.Errorf("%s: %s has mode %o, owner %d.%d, time %v; the archive %o, %d.%d, %v", s.Name, name,
					st.Mode, st.UID, st.GID, fs.UnixTime(st.MTime), h.Mode, h.UID, h.GID, h.MTime)
			}
		}
		if members != 2144 {
			t.Errorf("%d members", members)
		}
		t.Logf("%s: %d of %d members moved", s.Name, moved, members)
		if s.Name == "rp" && moved != 0 {
			t.Error("the RP03 pack has room for everything in its place")
		}
	}
}

// TestInstallLeavesRoom: what a user or a compiler writes needs free blocks.
func TestInstallLeavesRoom(t *testing.T) {
	want := map[string]int{"/": 250, "/usr": 1000, "/usr/lib": 500, "/usr/sys": 1000, "/usr/src/cmd": 100, "/tmp": 4000}
	tree, _, err := drives(t, RK()).Tree()
	if err != nil {
		t.Fatal(err)
	}
	for dir, n := range want {
		f, _ := tree.at(dir)
		blocks, inodes, err := f.Free()
		if err != nil || blocks < n || inodes < 40 {
			t.Errorf("%s: %d blocks and %d inodes free, want %d and 40: %v", dir, blocks, inodes, n, err)
		}
	}
}

func TestBootMultiUser(t *testing.T) {
	for _, tt := range []struct {
		set    *Set
		model  machine.Model
		memory int
	}{
		{RK(), machine.PDP1170, 0},
		{RK(), machine.PDP1145, 0},
		{RK(), machine.PDP1170, 1 << 20},
		{RP(), machine.PDP1145, 0},
	} {
		t.Run(tt.set.Name+"-"+strings.ReplaceAll(tt.model.String(), "/", "-"), func(t *testing.T) {
			d := drives(t, tt.set)
			if err := d.SetClock(testTime); err != nil {
				t.Fatal(err)
			}
			m, err := machine.New(machine.Config{Model: tt.model, Memory: tt.memory})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Attach(m); err != nil {
				t.Fatal(err)
			}
			c := console.New(m)
			var out bytes.Buffer
			c.Echo = func(c byte) { out.WriteByte(c & 0o177) }
			if err := d.Set.Boot(t.Context(), m, c); err != nil {
				t.Fatal(err)
			}
			if err := MultiUser(t.Context(), m, c); err != nil {
				t.Fatal(err)
			}
			// New York is five hours behind Greenwich in winter.
			if !strings.Contains(out.String(), "WED JAN 15 07:00:") {
				t.Errorf("the date is wrong: %q", out.String())
			}
			dialogue := []struct{ send, want string }{
				{"root\r", "Password:"},
				{"root\r", "# "},
				{"mkdir /tmp/d; ps ax | grep -c update\r", "\n2\r\n# "},
			}
			for _, step := range dialogue {
				c.Type(step.send)
				if _, err := c.Expect(t.Context(), 60*console.Second, step.want); err != nil {
					t.Fatalf("%v\n%s", err, out.String())
				}
			}
			if answered, err := Shutdown(t.Context(), m, c, nil); !answered || err != nil {
				t.Errorf("Shutdown: %v, %v", answered, err)
			}
			tree, _, err := d.Tree()
			if err != nil {
				t.Fatal(err)
			}
			if st, err := tree.Lookup("/tmp/d"); err != nil || !st.IsDir() {
				t.Errorf("what was made before the shutdown is not there: %v", err)
			}
			clean(t, d)
		})
	}
}

// TestShutdownSingleUser: no /etc/update runs, and a program has the terminal.
func TestShutdownSingleUser(t *testing.T) {
	for _, running := range []string{"", "cat"} {
		d := drives(t, RK())
		m, err := machine.New(machine.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Attach(m); err != nil {
			t.Fatal(err)
		}
		c := console.New(m)
		if err := d.Set.Boot(t.Context(), m, c); err != nil {
			t.Fatal(err)
		}
		c.Type("mkdir /single\r" + running + "\r")
		if _, err := c.Run(t.Context(), 3*console.Second); err != nil {
			t.Fatal(err)
		}
		if answered, err := Shutdown(t.Context(), m, c, nil); !answered || err != nil {
			t.Errorf("Shutdown with %q: %v, %v", running, answered, err)
		}
		tree, _, err := d.Tree()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Lookup("/single"); err != nil {
			t.Errorf("with %q: %v", running, err)
		}
		clean(t, d)
	}
}

// install is Install into dir with a progress function.
func install(t *testing.T, ctx context.Context, dir string, force bool, p Progress) error {
	t.Helper()
	return Install(ctx, InstallOptions{Dir: dir, Finder: &Finder{File: dist(t)}, Force: force, Progress: p, Now: testTime})
}

// TestInstallInterrupted cancels an install at each of its steps.
func TestInstallInterrupted(t *testing.T) {
	steps := map[string]bool{}
	var order []string
	parent := t.TempDir()
	dir := filepath.Join(parent, "m")
	err := install(t, t.Context(), dir, false, func(step string, _, _ int64) {
		if !steps[step] {
			steps[step] = true
			order = append(order, step)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(order) < 4 {
		t.Fatalf("only the steps %q", order)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, at := range order {
		ctx, cancel := context.WithCancel(t.Context())
		err := install(t, ctx, dir, false, func(step string, _, _ int64) {
			if step == at {
				cancel()
			}
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled while %s: %v", at, err)
		}
		empty(t, parent)
	}
}

func TestInstallRefuses(t *testing.T) {
	dist(t)
	parent := t.TempDir()
	dir := filepath.Join(parent, "m")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		if err := install(t, t.Context(), dir, force, nil); err == nil || !strings.Contains(err.Error(), "thesis.txt") {
			t.Errorf("other files, force %v: %v", force, err)
		}
	}
	if b, err := os.ReadFile(mine); err != nil || string(b) != "mine" {
		t.Fatalf("the user's file: %q, %v", b, err)
	}
	os.Remove(mine)
	// An empty directory is taken.
	if err := install(t, t.Context(), dir, false, nil); err != nil {
		t.Fatal(err)
	}
	pack := filepath.Join(dir, "rk3.rk05")
	if err := os.WriteFile(pack, []byte("precious"), 0o666); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, ConfigName)
	if err := os.WriteFile(conf, []byte("plain-keys = true\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	// A journal, and one whose making was cut short.
	for _, name := range []string{pack + ".journal", filepath.Join(dir, "rk4.rk05.journal.new")} {
		if err := os.WriteFile(name, []byte("of the old pack"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := install(t, t.Context(), dir, false, nil); !errors.Is(err, ErrInstalled) {
		t.Errorf("second install: %v", err)
	}
	if b, _ := os.ReadFile(pack); string(b) != "precious" {
		t.Error("a refused install changed a pack")
	}
	lock, err := journaldev.LockDir(dir, "v7em boot")
	if err != nil {
		t.Fatal(err)
	}
	if err := install(t, t.Context(), dir, true, nil); !errors.As(err, new(*journaldev.BusyError)) {
		t.Errorf("install over a running machine: %v", err)
	}
	lock.Unlock()
	if err := install(t, t.Context(), dir, true, nil); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(pack); err != nil || st.Size() != journaldev.RK05.Bytes() {
		t.Errorf("--force did not make the pack anew: %v", err)
	}
	if old, _ := filepath.Glob(filepath.Join(dir, "*.journal*")); len(old) > 0 {
		t.Errorf("--force left journals of the old packs: %v", old)
	}
	if b, _ := os.ReadFile(conf); string(b) != "plain-keys = true\n" {
		t.Errorf("--force changed the configuration to %q", b)
	}
	es, _ := os.ReadDir(parent)
	if len(es) != 1 {
		t.Errorf("left beside the machine: %v", es)
	}
}

// TestDamagedPacks: a pack that V7 cannot boot, or that is no pack, is an error.
func TestDamagedPacks(t *testing.T) {
	d := drives(t, RK())
	zero := make([]byte, block.Size)
	if err := d.Disks[0].WriteBlock(0, zero); err != nil {
		t.Fatal(err)
	}
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Attach(m); err != nil {
		t.Fatal(err)
	}
	if err := d.Set.Boot(t.Context(), m, console.New(m)); !errors.As(err, new(*console.Error)) {
		t.Errorf("boot without a boot block: %v", err)
	}

	for _, unit := range []int{0, 4} {
		d := drives(t, RK())
		if err := d.Disks[unit].WriteBlock(1, zero); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Tree(); !errors.Is(err, fs.ErrNotV7) || !strings.Contains(err.Error(), "rk"+string(rune('0'+unit))) {
			t.Errorf("rk%d without a superblock: %v", unit, err)
		}
	}
}

func TestOpenPacks(t *testing.T) {
	src := installed(t)
	dir := t.TempDir()
	copyPack := func(unit int) {
		b, err := os.ReadFile(filepath.Join(src, RK().PackFile(unit)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, RK().PackFile(unit)), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := RK().OpenPacks(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without rk0: %v", err)
	}
	copyPack(0)
	copyPack(2)
	p, err := RK().OpenPacks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := RK().OpenPacks(dir); !errors.As(err, new(*journaldev.BusyError)) {
		t.Errorf("packs opened twice: %v", err)
	}
	if p.Disks[0] == nil || p.Disks[1] != nil || p.Disks[2] == nil {
		t.Errorf("drives: %v", p.Disks)
	}
	if by := p.ByDrive(); len(by) != 2 || by["rk2"] == nil {
		t.Errorf("ByDrive: %v", by)
	}
	// rc mounts rk1, whose drive is empty.
	if _, _, err := p.Tree(); err == nil || !strings.Contains(err.Error(), "/dev/rk1") {
		t.Errorf("Tree: %v", err)
	}
	if err := p.SetClock(testTime); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := fs.OpenHostFile(filepath.Join(dir, "rk0.rk05"), 0, 4000, true)
	if err != nil {
		t.Fatal(err)
	}
	v7, err := fs.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := v7.Super().Time; got != fs.Stamp(testTime) {
		t.Errorf("s_time on the host is %d", got)
	}
	// A failed open gives back what it had opened.
	if err := os.WriteFile(filepath.Join(dir, "rk5.rk05"), []byte("short"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := RK().OpenPacks(dir); !errors.As(err, new(*journaldev.SizeError)) {
		t.Errorf("wrong size: %v", err)
	}
	os.Remove(filepath.Join(dir, "rk5.rk05"))
	if p, err = RK().OpenPacks(dir); err != nil {
		t.Fatalf("a failed open keeps its locks: %v", err)
	}
	p.Close()
}

func TestSetClockWriteProtected(t *testing.T) {
	d := &Drives{Set: RK(), Disks: []rk.Disk{machine.MemDisk{Store: block.NewStore(journaldev.RK05.Blocks), Protected: true}}}
	if err := d.SetClock(testTime); err != nil {
		t.Error(err)
	}
	b := make([]byte, block.Size)
	if d.Disks[0].ReadBlock(1, b); !bytes.Equal(b, make([]byte, block.Size)) {
		t.Error("a protected pack was written")
	}
}

func TestPlacement(t *testing.T) {
	s := RK()
	for _, tt := range []struct{ name, want, dir string }{
		{"/bin/ls", "/bin/ls", "/"},
		{"/usr/lib/tmac/tmac.an", "/usr/lib/tmac/tmac.an", "/usr/lib"},
		{"/usr/library", "/usr/library", "/usr"},
		{"/usr/src/cmd/ed.c", "/usr/src/cmd/ed.c", "/usr/src/cmd"},
		{"/usr/src/cmd/c/c00.c", "/usr/src/c/c00.c", "/usr/src"},
		{"/usr/src/cmd/cal.c", "/usr/src/cmd/cal.c", "/usr/src/cmd"},
		{"/usr/src/cmd/troff/font/ftR.c", "/usr/src/troff/font/ftR.c", "/usr/src"},
		{"/hptmunix", "/usr/sys/conf/hptmunix", "/usr/sys"},
		{"/usr/doc/troff/a", "/usr/doc/troff/a", "/usr/doc"},
	} {
		got := s.place(tt.name)
		if dir := s.volumes[s.volume(got)].dir; got != tt.want || dir != tt.dir {
			t.Errorf("%s goes to %s on the pack of %s, want %s on that of %s", tt.name, got, dir, tt.want, tt.dir)
		}
	}
	if len(s.volumes) > 8 {
		t.Errorf("%d file systems; V7 mounts at most 8", len(s.volumes))
	}
	seen := map[string]bool{}
	for _, v := range s.volumes {
		if up := path.Dir(v.dir); v.dir != "/" && !seen[s.volumes[s.volume(up)].dir] {
			t.Errorf("%s is mounted before what it is mounted on", v.dir)
		}
		seen[v.dir] = true
	}
}

func TestRC(t *testing.T) {
	got, err := RP().rc([]byte("a\n/etc/mount /dev/rp3 /usr\nb\n"))
	if err != nil || string(got) != "a\n/etc/mount /dev/rp3 /usr\nb\n" {
		t.Errorf("rp: %q, %v", got, err)
	}
	got, err = RK().rc([]byte("/etc/mount /dev/rp3 /usr"))
	if err != nil || !strings.HasPrefix(string(got), "/etc/mount /dev/rk1 /usr\n/etc/mount /dev/rk2 /usr/lib\n") {
		t.Errorf("rk: %q, %v", got, err)
	}
	if _, err := RK().rc([]byte("nothing\n")); err == nil {
		t.Error("an rc that mounts nothing was accepted")
	}
}
