package kernel_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/aout"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// atRest lets a guest run until its processor is in user mode or in WAIT.
func atRest(g *guest.Guest) *kernel.Guest {
	for s := seen(g.M); ; s = seen(g.M) {
		if s.User || s.Waiting {
			return s
		}
		g.M.Run(1000)
	}
}

// TestProbe finds kernels without their files, while they are busy, and holds what is found
// against the name lists.
func TestProbe(t *testing.T) {
	for _, o := range []guest.Options{{}, {Machine: machine.Config{Model: machine.PDP1145}}, {Disk: "rp"}} {
		t.Run(name(o), func(t *testing.T) {
			o.Files = loops
			g := guest.Boot(t, o)
			want := find(t, g)
			load6(g, o.Guest)
			for n := range 100 {
				g.M.Run(uint64(n%7) * 9_000_000)
				s := seen(g.M)
				work := !s.User && !s.Waiting
				_, err := kernel.Probe(s)
				if work && kernel.Why(err) != kernel.AtWork {
					t.Fatalf("look %d, at work: %v", n, err)
				}
				got, err := kernel.Probe(atRest(g))
				if err != nil {
					t.Fatalf("look %d: %v", n, err)
				}
				if d := kernel.Diff(got, want); d != "" {
					t.Fatalf("look %d: %s", n, d)
				}
			}
		})
	}
}

// TestProbeDamaged changes words of a V7's memory at random, half of them in what the
// kernel keeps its tables in, and some page registers: Probe must come to an end, and
// what it takes for a kernel must stand the tests of one.
func TestProbeDamaged(t *testing.T) {
	g := guest.Boot(t, guest.Options{})
	s := atRest(g)
	good := s.Memory
	rng := rand.New(rand.NewPCG(3, 4))
	found := 0
	for n := range form.Pick(300, 10_000) {
		damaged := *s
		damaged.Memory = slices.Clone(good[:0o600000])
		for range 1 + rng.IntN(40) {
			at := rng.IntN(len(damaged.Memory))
			if rng.IntN(2) == 0 {
				at = rng.IntN(0o60000)
			}
			damaged.Memory[at] = []uint16{uint16(rng.Uint32()), 0, 0o177777, damaged.Memory[rng.IntN(0o60000)]}[rng.IntN(4)]
		}
		switch rng.IntN(20) {
		case 0:
			damaged.KISA[rng.IntN(8)] = uint16(rng.Uint32())
		case 1:
			damaged.KDSA[rng.IntN(8)] = uint16(rng.Uint32())
		}
		k, err := kernel.Probe(&damaged)
		if err != nil {
			if !errors.Is(err, kernel.ErrUnknown) {
				t.Fatalf("%d: %v", n, err)
			}
			continue
		}
		found++
		if _, err := k.Look(&damaged); err != nil && kernel.Why(err) != kernel.Panicked {
			t.Errorf("%d: %v", n, err)
		}
	}
	if found == 0 {
		t.Error("it was never found: the test does nothing")
	}
}

// TestProbeNothing: what is no V7, or not up, is not taken for one.
func TestProbeNothing(t *testing.T) {
	for _, o := range []guest.Options{{Guest: guest.Mini}, {Guest: guest.Mini, Machine: machine.Config{Model: machine.PDP1145}}} {
		g := guest.Boot(t, o)
		for range 20 {
			g.M.Run(guest.Second / 7)
			if k, err := kernel.Probe(atRest(g)); !errors.Is(err, kernel.ErrUnknown) || k != nil {
				t.Errorf("%s: %v", name(o), err)
			}
		}
	}
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := seen(m)
	s.Waiting = true
	if _, err := kernel.Probe(s); kernel.Why(err) != kernel.NotV7 {
		t.Errorf("an empty machine: %v", err)
	}
	g := guest.Boot(t, guest.Options{})
	s = atRest(g)
	s.Memory = s.Memory[:len(s.Memory)/64]
	if _, err := kernel.Probe(s); kernel.Why(err) != kernel.NotV7 {
		t.Errorf("a memory that ends: %v", err)
	}
}

// sizes are a kernel's, as sys/h/param.h has them.
type sizes struct{ NBUF, NINODE, NPROC, NMOUNT, NTEXT int }

// dependent are the sources of a kernel that know its sizes.
var dependent = []string{
	"conf/c", "sys/main", "sys/alloc", "sys/iget", "sys/nami", "sys/sys3", "sys/clock", "sys/sig", "sys/slp", "sys/sys1", "sys/sys4", "sys/text", "dev/bio",
}

// build has V7 make a kernel of other sizes, and returns its file.
func build(t *testing.T, z sizes, sources []string, flags string) []byte {
	t.Helper()
	g := guest.Boot(t, guest.Options{})
	run := func(format string, a ...any) {
		t.Helper()
		c := fmt.Sprintf(format, a...)
		if out := g.Run(c); strings.TrimSpace(out) != "" && !strings.HasPrefix(c, "cc") {
			t.Fatalf("%s: %s", c, out)
		}
	}
	run("cd /tmp; mkdir h conf sys dev; cp /usr/sys/h/*.h h; cp /usr/sys/conf/l.s conf; cp /usr/sys/conf/mch.o .")
	for name, n := range map[string]int{"NBUF": z.NBUF, "NINODE": z.NINODE, "NPROC": z.NPROC, "NMOUNT": z.NMOUNT, "NTEXT": z.NTEXT} {
		if n != 0 {
			run("sed '/^#define.%s[ \t]/s/.*/#define %s %d/' h/param.h >p; mv p h/param.h", name, name, n)
		}
	}
	var objects []string
	run("cd /tmp/conf; cp /usr/sys/conf/rktmconf /usr/sys/conf/mkconf .; mkconf <rktmconf >t 2>&1; as -o ../l.o l.s; cd ..")
	for _, s := range sources {
		if !strings.HasPrefix(s, "conf/") {
			run("cp /usr/sys/%s.c %s.c", s, s)
		}
		dir, file, _ := strings.Cut(s, "/")
		run("cc -c %s %s.c; test -s %s.o || mv %s/%s.o .", flags, s, file, dir, file)
		objects = append(objects, file+".o")
	}
	run("ld -o k -X -i l.o mch.o %s /usr/sys/sys/LIB1 /usr/sys/dev/LIB2", strings.Join(objects, " "))
	g.Sync()
	return g.ReadFile("/tmp/k")
}

// stripped returns a kernel's file without its name list.
func stripped(t *testing.T, file []byte) []byte {
	t.Helper()
	f, err := aout.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	f.Symbols = nil
	b, err := f.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOtherSizes boots kernels of other sizes that V7 has made, without their name lists,
// and holds what is found against those.
func TestOtherSizes(t *testing.T) {
	for _, c := range []struct {
		what    string
		z       sizes
		sources []string
		flags   string
		long    bool
	}{
		{"fewer of all", sizes{17, 90, 40, 9, 15}, dependent, "-O", false},
		{"more of all", sizes{35, 230, 170, 12, 50}, dependent, "-O", true},
		{"not optimized", sizes{20, 120, 60, 8, 30}, dependent, "", true},
		{"more in c.c alone", sizes{40, 205, 155, 0, 0}, []string{"conf/c"}, "-O", false},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.long && !form.Long() {
				t.Skip("the long form")
			}
			file := build(t, c.z, c.sources, c.flags)
			packs := guest.Packs(t, "rk")
			tree, _, err := packs.Tree()
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(tree.Put("/unix", strings.NewReader(string(stripped(t, file))), fs.Attr{Perm: 0o755, MTime: guest.Epoch}), tree.Sync()); err != nil {
				t.Fatal(err)
			}
			g := guest.Boot(t, guest.Options{Packs: packs})
			s := atRest(g)
			got, err := kernel.Probe(s)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Loaded(s) {
				t.Error("it is not what is in memory")
			}
			want := [5]int{c.z.NBUF, c.z.NINODE, c.z.NPROC, c.z.NMOUNT, c.z.NTEXT}
			if len(c.sources) == 1 { // what has been compiled before goes on as it was
				want = [5]int{29, 200, 150, 8, 40}
			}
			if z := kernel.Sizes(got); z != want {
				t.Errorf("its sizes are %v, want %v", z, want)
			}
			// Where names and code agree, so must the two ways to look for it. They do not
			// always: V7's library has tables of its own lengths.
			if named, err := kernel.New(file); err == nil {
				if d := kernel.Diff(got, named); d != "" {
					t.Error(d)
				}
			}
		})
	}
}
