package commit

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
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

var captures = flag.Int("captures", 2000, "how many captures of loaded guests TestCapturesAreClean checks")

// loops are shell scripts that never end; $1 is a directory to work in.
var loops = map[string]string{
	"/bin/loop.dirs":  "cd $1; while :; do mkdir x x/y x/y/z q; mv x w; mv w/y q/y; rmdir q/y/z q/y w q; done\n",
	"/bin/loop.files": "cd $1; while :; do cp /bin/ls f1; cp f1 f2; ln f1 f3; mv f3 f4; mv f4 g; rm -f f1 f2 g; done\n",
	"/bin/loop.pipes": "cd $1; while :; do ls -l /bin | sort +3 | tee t | wc >u; cat t | (rm t; cat) | sort -r >v; rm u v; done\n",
	"/bin/loop.cats":  "cd $1; while :; do ls -l /bin | cat | cat >t; cat t | wc >u; cat t | (rm t; cat) | cat >v; rm u v; done\n",
	"/bin/loop.rm":    "cd $1; while :; do mkdir r r/s; cp /unix r/s/u; cat r/s/u /unix >r/v; rm -r r; done\n",
	"/bin/loop.cc":    "cd $1; echo 'main(){printf(\"%d\\n\",6*7);}' >a.c; while :; do cc -O a.c; a.out >o; rm a.out o; done\n",
	"/bin/loop.sync":  "cd $1; n='1 2 3 4 5 6 7 8 9 0'; while :; do cp /bin/ls s1; sync; for i in $n $n $n; do for j in $n; do :; done; done; rm s1; done\n",
	"/bin/loop.sync1": "cd $1; while :; do cp /unix s1; sync; for i in 1 2 3 4 5 6 7 8 9 0; do :; done; rm s1; done\n",
	"/bin/loop.mount": "cd $1; while :; do cp /bin/ls $2/m1; mkdir $2/m2; /etc/umount $3; /etc/mount $3 $2; rm $2/m1; rmdir $2/m2; done\n",
}

// pipes is the loop with pipes: V7 has more programs.
func pipes(o guest.Options) string {
	if o.Guest == guest.Mini {
		return "cats"
	}
	return "pipes"
}

// sixLoops keeps two volumes busy with all that changes them.
func sixLoops(g *guest.Guest, o guest.Options) {
	cc := "cc"
	if o.Guest == guest.Mini {
		cc = "rm"
	}
	background(g, "dirs /tmp/1", "dirs /usr/tmp/1", "files /tmp/2", "files /usr/tmp/2", pipes(o)+" /usr/tmp/3", cc+" /tmp/3")
}

func background(g *guest.Guest, jobs ...string) {
	g.Run("mkdir /tmp/1 /tmp/2 /tmp/3 /usr/tmp/1 /usr/tmp/2 /usr/tmp/3")
	for _, j := range jobs {
		g.Run("loop." + j + " >/dev/null 2>&1 &")
	}
}

// How quick a guest's disks are.
const (
	quick = iota
	middling
	slow // as real ones are
)

func setTiming(m *machine.Machine, how int) {
	t, u := rk.FastTiming, rk.FastTiming
	switch how {
	case middling:
		t.Overhead, u.Overhead = 5_000_000, 5_000_000
	case slow:
		t, u = rk.RealRK05Timing, rk.RealRP03Timing
	}
	m.RK.SetTiming(t)
	m.RP.SetTiming(u)
}

// campaign takes captures of a running guest at random instants.
type campaign struct {
	t       *testing.T
	g       *guest.Guest
	s       *Settler
	rng     *rand.Rand
	checker fs.Checker

	captured, unsettled, damaged, cut int
	instructions                      []int
	cloned, settled                   []time.Duration
}

func newCampaign(t *testing.T, g *guest.Guest) *campaign {
	return &campaign{t: t, g: g, s: NewSettler(), rng: rand.New(rand.NewPCG(7, 7))}
}

// capture lets the guest run on for up to so much virtual time and takes a commit
// point, nil if there is none.
func (c *campaign) capture(within uint64) *Point {
	c.t.Helper()
	c.g.M.Run(c.rng.Uint64N(within))
	t0 := time.Now()
	if err := c.s.Clone(c.g.M); err != nil {
		c.t.Fatal(err)
	}
	toClone := time.Since(t0)
	if !slices.Equal(c.s.clone.MMU.Mem, c.g.M.MMU.Mem) {
		c.t.Fatalf("capture %d: the clone's memory is not the machine's", c.captured)
	}
	t0 = time.Now()
	p, err := c.s.Settle()
	toSettle := time.Since(t0)
	if e := new(UnsettledError); errors.As(err, &e) {
		c.unsettled++
		c.t.Logf("capture %d: %v", c.captured, err)
		return nil
	}
	if err != nil {
		c.t.Fatalf("capture %d: %v", c.captured, err)
	}
	if !p.Settled || len(p.Volumes) == 0 {
		c.t.Fatalf("capture %d: the guest is not recognized", c.captured)
	}
	c.captured++
	if len(p.Cut) > 0 {
		c.cut++
	}
	c.instructions = append(c.instructions, int(p.Instructions))
	c.cloned, c.settled = append(c.cloned, toClone), append(c.settled, toSettle)
	return p
}

// check returns what is wrong with the volumes of a commit point.
func (c *campaign) check(p *Point) (wrong []string) {
	for _, v := range p.Volumes {
		if r := c.checker.Check(fs.Region{Device: p.Packs[v.Drive], Start: v.First, N: v.Blocks}); !r.Clean() {
			for _, problem := range r.Problems {
				wrong = append(wrong, fmt.Sprintf("%v: %v", v.Drive, problem))
			}
		}
	}
	if wrong != nil {
		c.damaged++
	}
	return wrong
}

// report logs how long it took.
func (c *campaign) report() {
	if len(c.instructions) == 0 {
		return
	}
	slices.Sort(c.instructions)
	slices.Sort(c.cloned)
	slices.Sort(c.settled)
	n := len(c.instructions)
	c.t.Logf("%d captures, %d did not settle, %d cut a bracket; to clone %v, 99%% %v; to settle %d instructions, 99%% %d, worst %d; %v, 99%% %v, worst %v",
		n, c.unsettled, c.cut, c.cloned[n/2], c.cloned[n*99/100],
		c.instructions[n/2], c.instructions[n*99/100], c.instructions[n-1],
		c.settled[n/2], c.settled[n*99/100], c.settled[n-1])
}

// configs are the machines that the guests run on, with the disks that they boot from.
var configs = []struct {
	name  string
	o     guest.Options
	share int // of the captures, in percent
}{
	{"RK 70", guest.Options{}, 50},
	{"RK 45", guest.Options{Machine: machine.Config{Model: machine.PDP1145}}, 25},
	{"RP 45", guest.Options{Disk: "rp"}, 25},
	{"mini 70", guest.Options{Guest: guest.Mini}, 25},
	{"mini 45", guest.Options{Guest: guest.Mini, Machine: machine.Config{Model: machine.PDP1145}}, 25},
}

// programs are those that the loops of sixLoops run.
var programs = map[string][]string{
	guest.V7:   {"mkdir", "rmdir", "mv", "cp", "ln", "rm", "ls", "sort", "tee", "wc", "cc", "cpp", "c0", "c1", "as2", "ld"},
	guest.Mini: {"mkdir", "rmdir", "mv", "cp", "ln", "rm", "ls", "cat", "wc"},
}

func TestCapturesAreClean(t *testing.T) {
	ran := map[string]map[string]bool{}
	for _, cfg := range configs {
		t.Run(cfg.name, func(t *testing.T) {
			cfg.o.Files = loops
			g := guest.Boot(t, cfg.o)
			system := guest.V7
			if cfg.o.Guest == guest.Mini {
				system = guest.Mini
			}
			if ran[system] == nil {
				ran[system] = map[string]bool{}
			}
			sixLoops(g, cfg.o)
			c := newCampaign(t, g)
			setTiming(g.M, slow)
			g.Wait(10 * guest.Second)
			if c.capture(1) == nil {
				t.Fatal("not settled")
			}
			k := c.s.Kernel()
			g.M.CPU.OnTRAP = func(uint8) {
				if p, ok := k.Caller(see(g.M)); ok {
					ran[system][p.Name] = true
				}
			}
			n := *captures * cfg.share / 100
			if testing.Short() {
				n /= 10
			}
			moved := map[kernel.Drive]bool{}
			before := map[kernel.Drive]*block.Store{}
			for i := range n {
				if i%20 == 0 {
					setTiming(g.M, c.rng.IntN(3))
				}
				p := c.capture(60e6)
				if p == nil {
					continue
				}
				for _, w := range c.check(p) {
					t.Errorf("capture %d: %s", i, w)
				}
				if c.damaged > 5 {
					t.Fatal("and so on")
				}
				for d, s := range p.Packs {
					if before[d] != nil {
						for range before[d].Diff(s) {
							moved[d] = true
							break
						}
					}
					before[d] = s
				}
			}
			c.report()
			if len(moved) < 2 && cfg.o.Disk != "rp" || len(moved) < 1 {
				t.Errorf("only %v changed", moved)
			}
			if c.unsettled+c.cut > n/100 {
				t.Errorf("%d of %d clones did not settle, %d cut a bracket", c.unsettled, n, c.cut)
			}
		})
	}
	for system, ran := range ran {
		for _, program := range programs[system] {
			if !ran[program] && !testing.Short() {
				t.Errorf("%s: %s never ran: no test of what happens to it", system, program)
			}
		}
	}
}

// BenchmarkClone is what a commit costs the guest: a copy of a machine with 2 MB
// and eight packs.
func BenchmarkClone(b *testing.B) {
	g := guest.Boot(b, guest.Options{})
	s := NewSettler()
	for b.Loop() {
		if err := s.Clone(g.M); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSettle is what a commit costs beside the guest, when that waits for
// input: no more than reading the kernel's tables.
func BenchmarkSettle(b *testing.B) {
	g := guest.Boot(b, guest.Options{})
	s := NewSettler()
	if err := s.Clone(g.M); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Settle(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllPartsAreNeeded leaves out each part of the state in turn, and the
// brackets: every one makes captures damaged.
func TestAllPartsAreNeeded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many captures: left out with -short")
	}
	both(t, func(t *testing.T, o guest.Options) {
		o.Files = loops
		loaded := guest.Boot(t, o)
		sixLoops(loaded, o)
		setTiming(loaded.M, slow)
		loaded.Wait(5 * guest.Second)
		// Writes are queued at a settled instant when nothing waits for them.
		syncs := guest.Boot(t, o)
		sync := "sync"
		if o.Guest == guest.Mini {
			sync = "sync1" // its shell is slower than V7's
		}
		background(syncs, sync+" /tmp/1")
		syncs.Wait(5 * guest.Second)
		setTiming(syncs.M, slow)
		syncs.Wait(5 * guest.Second)
		dirs := guest.Boot(t, o)
		background(dirs, "dirs /tmp/1", "dirs /usr/tmp/1")
		dirs.Wait(5 * guest.Second)
		for _, c := range []struct {
			name  string
			guest *guest.Guest
			leave func(s *Settler)
		}{
			{"delayed buffers", loaded, func(s *Settler) { s.Parts &^= kernel.Delayed }},
			{"queued buffers", syncs, func(s *Settler) { s.Parts &^= kernel.Queued }},
			{"inodes", loaded, func(s *Settler) { s.Parts &^= kernel.Inodes }},
			{"superblocks", loaded, func(s *Settler) { s.Parts &^= kernel.Supers }},
			{"orphans", loaded, func(s *Settler) { s.Parts &^= kernel.Orphans }},
			{"brackets", dirs, func(s *Settler) { s.Programs = nil }},
		} {
			t.Run(c.name, func(t *testing.T) {
				for _, all := range []bool{true, false} {
					g := c.guest.Clone(t)
					k := newCampaign(t, g)
					if !all {
						c.leave(k.s)
					}
					n := 200
					for i := 0; i < n && (all || k.damaged == 0); i++ {
						if p := k.capture(60e6); p != nil {
							k.check(p)
						}
					}
					t.Logf("with all: %v: %d of %d damaged", all, k.damaged, k.captured)
					if all == (k.damaged > 0) || all && k.captured < n*9/10 {
						t.Errorf("with all: %v: %d of %d damaged", all, k.damaged, k.captured)
					}
				}
			})
		}
	})
}

// TestMountAndUmount takes captures while packs come and go. One that is not
// mounted is clean too, though its last writes may still be queued.
func TestMountAndUmount(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many captures: left out with -short")
	}
	both(t, func(t *testing.T, o guest.Options) {
		o.Files = loops
		g := guest.Boot(t, o)
		volumes := 8
		if o.Guest == guest.Mini {
			volumes = 4
			g.Run("mkdir /usr/doc /usr/sys")
			for _, unit := range []int{3, 4} {
				m := fs.NewMem(journaldev.RK05.Blocks)
				if _, err := fs.Mkfs(m, fs.MkfsOptions{Time: guest.Epoch}); err != nil {
					t.Fatal(err)
				}
				g.Insert(unit, m.Bytes())
			}
			g.Run("/etc/mount /dev/rk3 /usr/doc; /etc/mount /dev/rk4 /usr/sys")
		}
		background(g, "mount /tmp/1 /usr/doc /dev/rk3", "mount /tmp/2 /usr/sys /dev/rk4", "files /tmp/3", "dirs /usr/tmp/1")
		g.Wait(5 * guest.Second)
		c := newCampaign(t, g)
		away := 0
		for i := range 300 {
			if i%20 == 0 {
				setTiming(g.M, c.rng.IntN(3))
			}
			p := c.capture(60e6)
			if p == nil {
				continue
			}
			for _, unit := range []int{3, 4} {
				d := kernel.Drive{Controller: kernel.RK, Unit: unit}
				if !slices.ContainsFunc(p.Volumes, func(v kernel.Volume) bool { return v.Drive == d }) {
					away++
					p.Volumes = append(p.Volumes, kernel.Volume{Drive: d, Blocks: p.Packs[d].Blocks()})
				}
			}
			if len(p.Volumes) != volumes {
				t.Fatalf("volumes %+v", p.Volumes)
			}
			for _, w := range c.check(p) {
				t.Errorf("capture %d: %s", i, w)
			}
			if c.damaged > 5 {
				t.Fatal("and so on")
			}
		}
		c.report()
		if away < 5 {
			t.Errorf("a pack was not mounted %d times", away)
		}
	})
}

// TestOwnBracket runs a program that makes a directory by itself, slowly, in the
// brackets that the two registers give it. Without them captures are damaged.
func TestOwnBracket(t *testing.T) {
	source, err := os.ReadFile("testdata/bracket.c")
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range configs {
		t.Run(cfg.name, func(t *testing.T) {
			if cfg.o.Guest == guest.Mini {
				return // it has no /dev/kmem to reach them by
			}
			cfg.o.Files = map[string]string{"/tmp/bracket.c": string(source)}
			g := guest.Boot(t, cfg.o)
			if out := g.Run("cd /tmp; cc -o makedir bracket.c"); out != "" {
				t.Fatal(out)
			}
			for _, bracket := range []bool{true, false} {
				g := g.Clone(t)
				option := ""
				if !bracket {
					option = "-n "
				}
				g.Run("makedir " + option + "/tmp/d &")
				c := newCampaign(t, g)
				open := 0
				for range 100 {
					p := c.capture(60e6)
					if p == nil {
						t.Fatal("not settled")
					}
					if wrong := c.check(p); wrong != nil && bracket {
						t.Error(wrong)
					}
					open += len(g.M.Brackets.PIDs())
				}
				if bracket == (open < 20) || bracket == (c.damaged > 0) {
					t.Errorf("brackets: %v: %d of 100 captures within one, %d damaged", bracket, open, c.damaged)
				}
				// Killed, it leaves its bracket open until it is known to be gone.
				g.Run("kill -9 $!; sleep 1")
				c.capture(1)
				if pids := g.M.Brackets.PIDs(); pids != nil {
					t.Errorf("%v are in brackets, and gone", pids)
				}
			}
		})
	}
}

// TestOperations looks at what is noted of the system calls of some commands.
func TestOperations(t *testing.T) {
	for _, cfg := range configs {
		t.Run(cfg.name, func(t *testing.T) {
			g := guest.Boot(t, cfg.o)
			c := newCampaign(t, g)
			if c.capture(1) == nil {
				t.Fatal("not settled")
			}
			var seen operations
			calls := map[uint8]int{}
			g.M.CPU.OnTRAP = func(code uint8) {
				n, _, _ := decode(g.M, code)
				calls[n]++
				seen.see(g.M, c.s.Kernel(), code)
			}
			g.Run("cd /tmp; mkdir d; cp /bin/ls d/l; ln d/l /tmp/x; rm d/l x; chmod 755 d; sync; echo hi; rmdir d")
			g.Run("/etc/umount /dev/nothing")
			var got []string
			pids := map[int]string{}
			for _, op := range seen.list {
				got = append(got, op.Program+" "+op.Call+" "+op.Path)
				if name := pids[op.PID]; name != "" && name != op.Program {
					t.Errorf("process %d is %s and %s", op.PID, name, op.Program)
				}
				pids[op.PID] = op.Program
			}
			want := []string{
				"mkdir mknod d", "mkdir chown d", "mkdir link d d/.", "mkdir link . d/..",
				"cp creat d/l", "cp write ",
				"ln link d/l /tmp/x",
				"rm unlink d/l", "rm unlink x",
				"chmod chmod d",
				"rmdir unlink d/..", "rmdir unlink d/.", "rmdir unlink d",
				"umount umount /dev/nothing",
			}
			if cfg.o.Guest == guest.Mini { // its mkdir has no other owner to give the directory to
				want = slices.Delete(want, 1, 2)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if calls[callSync] != 2 || // umount does it first
				calls[callUmount] != 1 {
				t.Errorf("sync was called %d times, umount %d times", calls[callSync], calls[callUmount])
			}
		})
	}
}
