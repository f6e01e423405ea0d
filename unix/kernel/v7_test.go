package kernel_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"v7em/block"
	"v7em/images"
	"v7em/images/console"
	"v7em/machine"
	"v7em/mmu"
	"v7em/rk"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// seen is what there is to see of a machine.
func seen(m *machine.Machine) *kernel.Guest {
	return &kernel.Guest{
		Memory: m.MMU.Mem, KISA: m.MMU.PAR[0], KDSA: m.MMU.PAR[1],
		User: m.CPU.Mode == mmu.User, Waiting: m.CPU.Waiting,
		Pack: func(d kernel.Drive) kernel.Blocks {
			if p := disk(m, d); p != nil {
				return p
			}
			return nil
		},
	}
}

// disk returns the pack in a drive, nil if there is none.
func disk(m *machine.Machine, d kernel.Drive) *block.Store {
	p := m.RK.Disk(d.Unit)
	if d.Controller == kernel.RP {
		p = m.RP.Disk(d.Unit)
	}
	if p == nil {
		return nil
	}
	return p.(machine.MemDisk).Store
}

// find finds the running kernel on the pack that the guest booted from.
func find(t *testing.T, g *guest.Guest) *kernel.Kernel {
	t.Helper()
	k, err := kernel.Find(seen(g.M), g.Drives().Disks[0])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// configs are the machines that V7 runs on, with the disks that it boots from, and
// those of mini, whose kernel is to look the same from outside.
var configs = []guest.Options{
	{},
	{Machine: machine.Config{Model: machine.PDP1145}},
	{Disk: "rp"},
	{Guest: guest.Mini},
	{Guest: guest.Mini, Machine: machine.Config{Model: machine.PDP1145}},
}

func name(o guest.Options) string {
	if o.Guest == guest.Mini {
		return fmt.Sprintf("mini %d", int(o.Machine.Model))
	}
	disk := "RK"
	if o.Disk != "" {
		disk = "RP"
	}
	if o.Machine.Model == 0 {
		return disk
	}
	return fmt.Sprintf("%s %d", disk, int(o.Machine.Model))
}

// load starts the bootstrap and has it load the kernel.
func load(t *testing.T, m *machine.Machine, d *images.Drives, c *console.Session) {
	t.Helper()
	if err := errors.Join(d.Attach(m), m.Boot(d.Set.Name, 0)); err != nil {
		t.Fatal(err)
	}
	expect := func(text, answer string) {
		if _, err := c.Expect(t.Context(), 60*guest.Second, text); err != nil {
			t.Fatal(err)
		}
		c.Type(answer)
	}
	if d.Set.Name == "rk" {
		expect("boot: ", "\r")
		return
	}
	m.Run(guest.Second)
	c.Type("boot\n")
	expect("\r: ", "rp(0,0)rptmunix\n")
}

// TestComesUp looks at a guest all through its start: it is unknown until it is up,
// and never again from then on.
func TestComesUp(t *testing.T) {
	for _, o := range configs {
		t.Run(name(o), func(t *testing.T) {
			k := find(t, guest.Boot(t, o)) // skips
			d := o.Drives(t)
			if o.Machine.Model == 0 {
				o.Machine.Model = d.Set.Model(0)
			}
			m, err := machine.New(o.Machine)
			if err != nil {
				t.Fatal(err)
			}
			c := console.New(m)
			var out []byte
			c.Echo = func(b byte) { out = append(out, b&0o177) }
			load(t, m, d, c)

			rng := rand.New(rand.NewPCG(1, 1))
			first, looked := 0, 0
			for n := 1; !bytes.HasSuffix(out, []byte("# ")); n++ {
				if n == 1_000_000 {
					t.Fatalf("it does not come up: %q", out)
				}
				s := seen(m)
				step := 400_000
				if k.Loaded(s) {
					step = 50_000
				}
				m.Run(uint64(rng.IntN(step)))
				s = seen(m)
				v, err := k.Look(s)
				switch {
				case err != nil && !errors.Is(err, kernel.ErrUnknown):
					t.Fatal(err)
				case err == nil:
					if first == 0 {
						first = n
					}
					looked++
					// Mini's /etc/rc mounts another one.
					if vols := v.Volumes(); len(vols) != 1 && (o.Guest != guest.Mini || len(vols) != 2) || vols[0].Drive != (kernel.Drive{Controller: controller(d)}) {
						t.Fatalf("volumes %+v", vols)
					}
				case first > 0 && (s.User || s.Waiting):
					t.Fatalf("it was up, and now: %v", err)
				}
			}
			if looked < 100 || first < 100 {
				t.Errorf("up for %d looks, after %d", looked, first)
			}
			m.Run(guest.Second)
			for s := seen(m); !s.User && !s.Waiting; s = seen(m) { // a tick of the clock
				m.Run(1000)
			}
			v, err := k.Look(seen(m))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, p := range v.Processes() {
				names = append(names, fmt.Sprintf("%d %q %v %d", p.PID, p.Name, p.State, p.Priority))
			}
			shell := 2
			if o.Guest == guest.Mini {
				shell = 4 // after the one that did /etc/rc, and mount
			}
			if want := []string{`1 "init" sleeping 30`, fmt.Sprintf(`%d "sh" sleeping 28`, shell)}; !slices.Equal(names, want) {
				t.Errorf("processes %v, want %v", names, want)
			}
		})
	}
}

func controller(d *images.Drives) kernel.Controller {
	if d.Set.Name == "rp" {
		return kernel.RP
	}
	return kernel.RK
}

// masked returns a copy of a pack without what differs between a state seen and one
// that V7 has written later: the times of inodes and superblocks. Behind its
// file systems there is nothing.
func masked(t *testing.T, s *block.Store, volumes []kernel.Volume) *block.Store {
	t.Helper()
	var b [block.Size]byte
	out := block.NewStore(s.Blocks())
	for _, v := range volumes {
		var super fs.Super
		for n := range v.Blocks {
			if err := s.ReadBlock(v.First+n, b[:]); err != nil {
				t.Fatal(err)
			}
			switch {
			case n == fs.SuperBlock:
				super.Decode(b[:])
				super.Time = 0
				super.Encode(b[:])
			case n >= fs.FirstIBlock && n < int(super.ISize):
				for i := 0; i < len(b); i += fs.InodeSize {
					var node fs.Inode
					node.Decode(b[i:])
					node.ATime, node.MTime, node.CTime = 0, 0, 0
					node.Encode(b[i : i+fs.InodeSize])
				}
			}
			if err := out.WriteBlock(v.First+n, b[:]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// TestWritesTheSame holds the state that is seen against the one that the guest itself
// writes: it does something, the state is read from memory, and then it syncs.
func TestWritesTheSame(t *testing.T) {
	work := map[string][]string{
		guest.V7: {
			"cd /tmp; mkdir a a/b; cp /bin/ls a/b; ln a/b/ls l; echo hello >a/x",
			"rm l; mv a/b b; chmod 4711 b/ls; chown bin a/x; /etc/mknod n c 5 6",
			"rm -r a; cat b/ls b/ls b/ls b/ls b/ls >big; cp big big2; rm big",
			"rmdir c; rm -rf b; ls -l / | sort >s; mkdir d e; rmdir d; rm n",
		},
		guest.Mini: {
			"cd /usr/tmp; mkdir a a/b; cp /bin/ls a/b; ln a/b/ls l; echo hello >a/x",
			"rm l; mv a/b b; chmod 4711 b/ls; mknod n c 5 6; cp /unix /tmp",
			"rm -r a; cat b/ls /unix /unix /unix >big; cp big big2; rm big",
			"rmdir c; rm -r b; ls -l / | cat >s; mkdir d e; rmdir d; rm n",
		},
	}
	for _, o := range configs {
		t.Run(name(o), func(t *testing.T) {
			g := guest.Boot(t, o)
			k := find(t, g)
			commands := work[guest.V7]
			if o.Guest != "" {
				commands = work[o.Guest]
			}
			for _, command := range commands {
				g.Run(command)
				g.Wait(guest.Second / 10)
				for s := seen(g.M); !s.User && !s.Waiting; s = seen(g.M) { // a tick of the clock
					g.M.Run(1000)
				}
				v, err := k.Look(seen(g.M))
				if err != nil {
					t.Fatal(err)
				}
				if !v.Settled(nil) {
					t.Fatalf("not settled at the prompt: %+v", v.Underway(nil))
				}
				volumes := v.Volumes()
				if len(volumes) < 2 {
					t.Fatalf("mounted: %+v", volumes)
				}
				states := map[kernel.Drive]*block.Store{}
				stale := false
				for _, vol := range volumes {
					pack := disk(g.M, vol.Drive)
					s, err := v.State(vol.Drive, pack, kernel.AllParts)
					if err != nil {
						t.Fatal(err)
					}
					for range masked(t, s, volumesOn(volumes, vol.Drive)).Diff(masked(t, pack, volumesOn(volumes, vol.Drive))) {
						stale = true
					}
					states[vol.Drive] = s
				}
				if !stale {
					t.Errorf("%s: the guest had written all of it before", command)
				}
				g.Sync()
				for d, s := range states {
					on := volumesOn(volumes, d)
					for n := range masked(t, s, on).Diff(masked(t, disk(g.M, d), on)) {
						t.Errorf("%s: block %d of %v is not what the guest writes", command, n, d)
					}
				}
			}
		})
	}
}

func volumesOn(all []kernel.Volume, d kernel.Drive) (on []kernel.Volume) {
	for _, v := range all {
		if v.Drive == d {
			on = append(on, v)
		}
	}
	return on
}

// load6 starts six loops, on two file systems, that never end.
func load6(g *guest.Guest, system string) {
	g.Run("mkdir /tmp/1 /tmp/2 /tmp/3 /usr/tmp/1 /usr/tmp/2 /usr/tmp/3")
	pipes, ccs := "pipes", "ccs"
	if system == guest.Mini {
		pipes, ccs = "cats", "copies"
	}
	for _, c := range []string{"dirs /tmp/1", "dirs /usr/tmp/1", "files /tmp/2", "files /usr/tmp/2", pipes + " /usr/tmp/3", ccs + " /tmp/3"} {
		g.Run("sh /tmp/" + c + " >/dev/null 2>&1 &")
	}
}

var loops = map[string]string{
	"/tmp/dirs":  "cd $1; while :; do mkdir x x/y x/y/z q; mv x w; mv w/y q/y; rmdir q/y/z q/y w q; done\n",
	"/tmp/files": "cd $1; while :; do cp /bin/ls f1; cp f1 f2; ln f1 f3; mv f3 f4; mv f4 g; rm -f f1 f2 g; done\n",
	// V7 has more programs.
	"/tmp/pipes":  "cd $1; while :; do ls -l /bin | sort +3 | tee t | wc >u; cat t | (rm t; cat) | sort -r >v; rm u v; done\n",
	"/tmp/ccs":    "cd $1; echo 'main(){printf(\"%d\\n\",6*7);}' >a.c; while :; do cc -O a.c; a.out >o; rm a.out o; done\n",
	"/tmp/cats":   "cd $1; while :; do ls -l /bin | cat | cat >t; cat t | wc >u; cat t | (rm t; cat) | cat >v; rm u v; done\n",
	"/tmp/copies": "cd $1; while :; do cp /unix a; cmp a /unix; cat a a >b; rm a b; done\n",
}

// TestTwoTests holds the two tests of what is under way, the process table and
// the locks, against each other, with slow disks and quick ones.
func TestTwoTests(t *testing.T) {
	for _, o := range configs {
		t.Run(name(o), func(t *testing.T) {
			o.Files = loops
			g := guest.Boot(t, o)
			k := find(t, g)
			load6(g, o.Guest)
			rng := rand.New(rand.NewPCG(2, 2))
			type outcome struct{ within, locked, excused bool }
			count := map[outcome]int{}
			const looks = 1500
			for n := range looks {
				if n%10 == 0 {
					g.M.RK.SetTiming(rk.FastTiming)
					g.M.RP.SetTiming(rk.FastTiming)
					if rng.IntN(2) == 0 {
						g.M.RK.SetTiming(rk.RealRK05Timing)
						g.M.RP.SetTiming(rk.RealRP03Timing)
					}
				}
				g.M.Run(uint64(rng.IntN(30_000_000)))
				for s := seen(g.M); !s.User && !s.Waiting; s = seen(g.M) {
					g.M.Run(uint64(rng.IntN(100_000)))
				}
				v, err := k.Look(seen(g.M))
				if err != nil {
					t.Fatal(err)
				}
				c := outcome{len(v.Underway(nil)) > 0, v.Locked(), v.Excused()}
				count[c]++
				if !c.within && c.locked && !c.excused {
					t.Errorf("look %d: something is locked, but no process is within an operation: %+v", n, v.Processes())
				}
			}
			t.Log(count)
			lone := 0
			settled := 0
			for c, n := range count {
				if c.within && !c.locked {
					lone += n
				}
				if !c.within && !c.locked {
					settled += n
				}
			}
			if lone > looks/50 || settled < looks/10 || settled > looks*9/10 {
				t.Errorf("%d looks at a settled guest, %d where a process is within an operation and nothing is locked", settled, lone)
			}
		})
	}
}
