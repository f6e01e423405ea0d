package commit

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// testClock is a clock that a test moves.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// journal puts journals under packs of a running guest.
type journal struct {
	t       *testing.T
	dir     string
	volumes map[kernel.Drive]Volume
	clock   testClock
	wrap    func(name string, f journaldev.File) journaldev.File // may be nil
}

func (j *journal) path(unit int) string { return filepath.Join(j.dir, fmt.Sprintf("rk%d.rk05", unit)) }

// journaled gives the guest's root and /tmp journals.
func journaled(t *testing.T, g *guest.Guest) *journal { return journaledOn(t, g, nil) }

// journaledOn does so on files that wrap, if it is not nil, puts in front of the host's.
func journaledOn(t *testing.T, g *guest.Guest, wrap func(name string, f journaldev.File) journaldev.File) *journal {
	t.Helper()
	j := &journal{t: t, dir: t.TempDir(), wrap: wrap}
	j.clock.now = time.Unix(1e9, 0)
	for _, unit := range []int{0, 7} {
		disk := g.M.RK.Disk(unit)
		image := make([]byte, disk.Blocks()*block.Size)
		for n := range disk.Blocks() {
			if err := disk.ReadBlock(n, image[n*block.Size:][:block.Size]); err != nil {
				t.Fatal(err)
			}
		}
		j.insert(g.M, unit, image)
	}
	return j
}

// insert puts a pack with a journal into a drive.
func (j *journal) insert(m *machine.Machine, unit int, image []byte) *journaldev.Volume {
	j.t.Helper()
	if err := os.WriteFile(j.path(unit), image, 0o666); err != nil {
		j.t.Fatal(err)
	}
	v, err := journaldev.OpenVolume(j.path(unit), journaldev.RK05, journaldev.VolumeOptions{Options: journaldev.Options{Wrap: j.wrap}})
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(v.Cut)
	m.DetachRK(unit)
	if err := m.AttachRK(unit, v); err != nil {
		j.t.Fatal(err)
	}
	volumes := map[kernel.Drive]Volume{}
	maps.Copy(volumes, j.volumes)
	volumes[kernel.Drive{Controller: kernel.RK, Unit: unit}] = v
	j.volumes = volumes
	return v
}

// recovered returns the file system on a pack as it would be after a power cut.
func (j *journal) recovered(unit int) *fs.FS {
	j.t.Helper()
	dir := j.t.TempDir()
	image := filepath.Join(dir, "p")
	for _, suffix := range []string{".journal", ""} { // what is brought home meanwhile is in both
		data, err := os.ReadFile(j.path(unit) + suffix)
		if err != nil {
			j.t.Fatal(err)
		}
		if err := os.WriteFile(image+suffix, data, 0o666); err != nil {
			j.t.Fatal(err)
		}
	}
	if _, err := journaldev.Recover(image, false); err != nil {
		j.t.Fatal(err)
	}
	data, err := os.ReadFile(image)
	if err != nil {
		j.t.Fatal(err)
	}
	dev := fs.MemOf(data)
	if r := fs.Check(dev); !r.Clean() {
		j.t.Errorf("rk%d: %v", unit, r.Problems)
	}
	f, err := fs.Open(dev)
	if err != nil {
		j.t.Fatal(err)
	}
	return f
}

func (j *journal) has(unit int, path string) bool {
	j.t.Helper()
	_, err := j.recovered(unit).Lookup(path)
	return err == nil
}

// both runs a test on both guests.
func both(t *testing.T, test func(t *testing.T, o guest.Options)) {
	for _, system := range []string{guest.V7, guest.Mini} {
		t.Run(system, func(t *testing.T) { test(t, guest.Options{Guest: system}) })
	}
}

func TestSyncWaits(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		j := journaled(t, g)
		// The interval never ends.
		c := NewCommitter(g.M, j.volumes, Options{SyncWaits: true, Clock: j.clock.Now})
		defer c.Close()
		const n = 8
		for i := range n {
			name := fmt.Sprintf("d%d", i)
			// At the prompt, sync has returned.
			if out := g.Run("mkdir /tmp/" + name + "; echo x >/tmp/" + name + "/f; sync"); out != "" {
				t.Fatal(out)
			}
			if !j.has(7, "/"+name+"/f") {
				t.Errorf("%s is lost, and sync had returned", name)
			}
		}
		if s := c.Stats(); s.Syncs != n || s.Settled != n || s.Given != 0 || s.Unsettled != 0 {
			t.Errorf("%+v", s)
		}
		g.Run("mkdir /tmp/last")
		if j.has(7, "/last") {
			t.Error("committed before its time")
		}
		if err := c.Commit("power off"); err != nil {
			t.Fatal(err)
		}
		if !j.has(7, "/last") {
			t.Error("lost though it was committed")
		}
	})
}

func TestSyncDoesNotWait(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		j := journaled(t, g)
		c := NewCommitter(g.M, j.volumes, Options{Clock: j.clock.Now})
		defer c.Close()
		g.Run("mkdir /tmp/d; sync; ls -l /bin | wc >/dev/null")
		c.wait()
		if !j.has(7, "/d") {
			t.Error("a sync starts no commit")
		}
		if s := c.Stats(); s.Syncs != 0 || s.Settled != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestInterval(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		j := journaled(t, g)
		c := NewCommitter(g.M, j.volumes, Options{Interval: time.Second, Clock: j.clock.Now})
		defer c.Close()
		settled := func() int { c.wait(); return c.Stats().Settled }
		for i := range 5 {
			g.Run("echo x >/tmp/x; rm /tmp/x")
			g.Wait(guest.Second) // the shell reads again
			if got := settled(); got != i {
				t.Fatalf("%d commits before the interval's end, want %d", got, i)
			}
			j.clock.add(time.Second)
			c.attend()
			if got := settled(); got != i+1 {
				t.Fatalf("%d commits after the interval's end, want %d", got, i+1)
			}
		}
		// Much is written, but not all at once.
		g.Run("cd /tmp; for i in 1 2 3 4; do cp /bin/sh a; cp /bin/ls b; cp /unix c; cp c d; cat a b >e; rm ?; done")
		g.Wait(guest.Second)
		if got := settled(); got != 5 {
			t.Fatalf("%d commits though no time has passed, want 5", got)
		}
		j.clock.add(time.Second / 4)
		c.attend()
		if got := settled(); got != 6 {
			t.Errorf("%d commits after many writes, want 6", got)
		}
		// The guest waits for input: there is nothing to commit.
		for range 3 {
			j.clock.add(time.Minute)
			g.Wait(10 * guest.Second)
			c.attend()
		}
		if got := settled(); got != 6 {
			t.Fatalf("%d commits of an idle guest, want 6", got)
		}
	})
}

func TestUmountCommits(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		j := journaled(t, g)
		c := NewCommitter(g.M, j.volumes, Options{Clock: j.clock.Now, SyncWaits: true})
		defer c.Close()
		g.Run("mkdir /tmp/d; /etc/umount /dev/rk7; ls -l /bin | wc >/dev/null")
		c.wait()
		if !j.has(7, "/d") {
			t.Error("lost though it was unmounted")
		}
		if s := c.Stats(); s.Settled < 2 { // umount syncs first
			t.Errorf("%+v", s)
		}
	})
}

// TestGuestIsNotTouched runs the same commands with commits and without: the guest
// comes out the same, to the last bit.
func TestGuestIsNotTouched(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		o.Files = loops
		base := guest.Boot(t, o)
		var machines []*machine.Machine
		for _, committed := range []bool{false, true} {
			g := base.Clone(t)
			j := journaled(t, g)
			if committed {
				c := NewCommitter(g.M, j.volumes, Options{Interval: time.Millisecond, SyncWaits: true})
				defer c.Close()
				defer func() {
					if s := c.Stats(); s.Settled < 10 || s.Syncs < 3 || s.Unknown > 0 || s.Given > 0 {
						t.Errorf("%d settled, %d syncs, %d given up; %v", s.Settled, s.Syncs, s.Given, s.LastErr)
					}
				}()
			}
			setTiming(g.M, slow)
			background(g, "sync /tmp/1", "dirs /usr/tmp/1", pipes(o)+" /tmp/2")
			g.Wait(60 * guest.Second)
			machines = append(machines, g.M)
		}
		a, b := machines[0], machines[1]
		if !reflect.DeepEqual(a.State(), b.State()) || !reflect.DeepEqual(a.MMU.Mem, b.MMU.Mem) {
			t.Error("the guest is another one with commits")
		}
		for unit := range rk.Drives {
			if a.RK.Disk(unit) == nil {
				continue
			}
			x, y := a.RK.Disk(unit).(machine.Snapshotter).Snapshot(), b.RK.Disk(unit).(machine.Snapshotter).Snapshot()
			for n := range x.Diff(y) {
				t.Errorf("rk%d: block %d differs", unit, n)
			}
		}
	})
}

// TestNotes looks at what the journal tells of the commits.
func TestNotes(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		j := journaled(t, g)
		c := NewCommitter(g.M, j.volumes, Options{SyncWaits: true, Clock: j.clock.Now})
		defer c.Close()
		g.Run("sync") // the guest becomes known
		g.Run("mkdir /tmp/d; sync")
		if err := c.Commit("power off"); err != nil {
			t.Fatal(err)
		}
		log, err := journaldev.ReadLog(j.path(7))
		if err != nil {
			t.Fatal(err)
		}
		var calls []string
		for tr := range log.Transactions(false) {
			for _, op := range tr.Note.Ops {
				calls = append(calls, op.Program+" "+op.Call+" "+op.Path)
			}
		}
		want := []string{"mkdir mknod /tmp/d", "mkdir chown /tmp/d", "mkdir link /tmp/d /tmp/d/.", "mkdir link /tmp/. /tmp/d/.."}
		if o.Guest == guest.Mini {
			want = []string{"mkdir mknod /tmp/d", "mkdir link /tmp/d /tmp/d/.", "mkdir link /tmp/ /tmp/d/.."}
		}
		if !reflect.DeepEqual(calls, want) {
			t.Errorf("got  %q\nwant %q", calls, want)
		}
	})
}
