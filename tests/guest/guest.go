// Package guest gives tests a running V7, or a mini, which needs no distribution:
// packs as an install makes them, a machine booted from copies of them in memory, and
// a shell to give commands to. All of it is in virtual time and comes out the same
// each time, however fast the host is.
//
// What is slow is done once in a process: the install, and each way of booting
// that several tests share. A test gets a clone.
package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"v7em/block"
	"v7em/images"
	"v7em/images/console"
	"v7em/images/mini"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/fs"
)

// Second is a second of virtual time.
const Second = console.Second

// Epoch is the guest's clock at boot unless a test says otherwise.
var Epoch = time.Date(1983, time.March, 14, 15, 9, 26, 0, time.UTC)

// limit bounds what a guest is waited for, in virtual time.
const limit = 1800 * Second

// The guests.
const (
	V7   = "v7"
	Mini = "mini"
)

// Dist returns the path of the distribution, or skips the test.
func Dist(t testing.TB) string {
	t.Helper()
	dist := os.Getenv("V7EM_DIST")
	if dist == "" {
		t.Skip("no V7: set V7EM_DIST to v7.tar.gz (Henry Spencer's V7 tree, from The Unix Heritage Society)")
	}
	return dist
}

// installed are the packs as an install makes them, by set. Each store is cloned
// under its lock, never written.
type installed struct {
	sync.Mutex
	stores map[string][]*block.Store
}

var install = sync.OnceValues(func() (*installed, error) {
	tmp, err := os.MkdirTemp("", "v7em-guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	dir := filepath.Join(tmp, "machine")
	o := images.InstallOptions{Dir: dir, Finder: &images.Finder{File: os.Getenv("V7EM_DIST")}, Now: Epoch}
	if err := images.Install(context.Background(), o); err != nil {
		return nil, err
	}
	in := &installed{stores: map[string][]*block.Store{}}
	for _, set := range []*images.Set{images.RK(), images.RP()} {
		for unit := range set.Units {
			f, err := os.Open(filepath.Join(dir, set.PackFile(unit)))
			if err != nil {
				return nil, err
			}
			s := block.NewStore(set.Kind.Blocks)
			err = errors.Join(s.Load(f), f.Close())
			if err != nil {
				return nil, err
			}
			in.stores[set.Name] = append(in.stores[set.Name], s)
		}
	}
	return in, nil
})

// miniLock is held while mini's packs are cloned.
var miniLock sync.Mutex

// miniPacks are the packs of MiniPacks.
var miniPacks = sync.OnceValues(func() (stores [2]*block.Store, err error) {
	image, err := mini.Pack(Epoch)
	if err != nil {
		return stores, err
	}
	packs := [2]*fs.Mem{fs.MemOf(image), fs.NewMem(mini.PackBlocks)}
	f, err := fs.Open(packs[0])
	if err != nil {
		return stores, err
	}
	f.SetClock(Epoch)
	g, err := fs.Mkfs(packs[1], fs.MkfsOptions{Time: Epoch, Inodes: 1000, Root: fs.Attr{Perm: 0o777, MTime: Epoch},
		Name: "tmp", Pack: "rk7"})
	if err != nil {
		return stores, err
	}
	_, err = f.Put("/etc/rc", strings.NewReader("/etc/mount /dev/rk7 /tmp\n"), fs.Attr{Perm: 0o644, MTime: Epoch})
	err = errors.Join(err, f.Mkdir("/usr/tmp", fs.Attr{Perm: 0o777, MTime: Epoch}), f.Sync(), g.Sync())
	for i, p := range packs {
		stores[i] = block.NewStore(p.Blocks())
		err = errors.Join(err, stores[i].Load(bytes.NewReader(p.Bytes())))
	}
	return stores, err
})

// Set returns a set of disks by name: "rk", also if name is empty, or "rp".
func Set(name string) *images.Set {
	if name == "rp" {
		return images.RP()
	}
	return images.RK()
}

// Packs returns copies in memory of the packs that an install makes. It skips the
// test where there is no distribution.
func Packs(t testing.TB, set string) *images.Drives {
	t.Helper()
	Dist(t)
	in, err := install()
	if err != nil {
		t.Fatal(err)
	}
	in.Lock()
	defer in.Unlock()
	d := &images.Drives{Set: Set(set)}
	for _, s := range in.stores[d.Set.Name] {
		d.Disks = append(d.Disks, machine.MemDisk{Store: s.Clone()})
	}
	return d
}

// MiniPacks returns copies in memory of mini's packs. The one in drive 0 is that which
// v7em makes, with a directory /usr/tmp, but does not start /etc/update: its /etc/rc
// mounts the other one, which is empty, from drive 7 on /tmp.
func MiniPacks(t testing.TB) *images.Drives {
	t.Helper()
	stores, err := miniPacks()
	if err != nil {
		t.Fatal(err)
	}
	miniLock.Lock()
	defer miniLock.Unlock()
	d := &images.Drives{Set: images.RK(), Disks: make([]rk.Disk, 8)}
	d.Disks[0], d.Disks[7] = machine.MemDisk{Store: stores[0].Clone()}, machine.MemDisk{Store: stores[1].Clone()}
	return d
}

// Drives returns the packs that a guest is booted from.
func (o Options) Drives(t testing.TB) *images.Drives {
	t.Helper()
	switch {
	case o.Packs != nil:
		return o.Packs
	case o.Guest == Mini:
		return MiniPacks(t)
	}
	return Packs(t, o.Disk)
}

// Options say how a guest is booted.
type Options struct {
	Guest   string            // V7, the default, or Mini
	Disk    string            // "rk", the default, or "rp", which mini has not
	Machine machine.Config    // the default is what goes with the disks
	Now     time.Time         // the guest's clock at boot; the default is Epoch
	Files   map[string]string // put on the packs before booting, by their names in the guest
	// Packs are other packs than those of an install. They are used as they are,
	// not copied.
	Packs *images.Drives
}

// Guest is a V7, or a mini, that runs.
type Guest struct {
	M *machine.Machine
	*console.Session

	mini   bool
	t      testing.TB
	ctx    context.Context
	set    *images.Set
	out    bytes.Buffer // printed since the last command
	prompt string
}

// PutFiles puts files on packs.
func PutFiles(t testing.TB, d *images.Drives, files map[string]string) {
	t.Helper()
	tree, _, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	tree.SetClock(Epoch)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := tree.Put(name, strings.NewReader(files[name]), fs.Attr{Perm: 0o755, MTime: Epoch}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.Sync(); err != nil {
		t.Fatal(err)
	}
}

// PowerOn boots V7 to the prompt of its single-user shell, or mini to that of its only
// one, and does no more.
func PowerOn(t testing.TB, o Options) *Guest {
	t.Helper()
	d := o.Drives(t)
	if o.Machine.Model == 0 {
		o.Machine.Model = d.Set.Model(0)
	}
	if o.Now.IsZero() {
		o.Now = Epoch
	}
	if len(o.Files) > 0 {
		PutFiles(t, d, o.Files)
	}
	m, err := machine.New(o.Machine)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetClock(o.Now); err != nil {
		t.Fatal(err)
	}
	g := New(t, m, d)
	g.mini = o.Guest == Mini
	if err := d.Set.Boot(g.ctx, m, g.Session); err != nil {
		t.Fatal(err)
	}
	return g
}

// New puts packs into the drives of a machine, which it does not start, and sits down
// at its console.
func New(t testing.TB, m *machine.Machine, d *images.Drives) *Guest {
	t.Helper()
	if err := d.Attach(m); err != nil {
		t.Fatal(err)
	}
	return adopt(t, m, d.Set)
}

// Bare sits down at the console of a machine that has its RK05 packs and whatever else in
// its drives.
func Bare(t testing.TB, m *machine.Machine) *Guest { return adopt(t, m, images.RK()) }

// adopt takes the console of a machine.
func adopt(t testing.TB, m *machine.Machine, set *images.Set) *Guest {
	g := &Guest{M: m, Session: console.New(m), t: t, ctx: t.Context(), set: set}
	g.Echo = func(c byte) {
		if c &= 0o177; c != 0 && c != '\r' && c != 0o177 { // parity, padding
			g.out.WriteByte(c)
		}
	}
	return g
}

// booted are guests that tests share, by their options.
var booted struct {
	sync.Mutex
	guests map[string]*Guest
}

// Boot boots V7, not multi-user, or mini, with all packs mounted as /etc/rc does it, and
// a shell that Run gives commands to. Nothing else runs: no /etc/update either.
func Boot(t testing.TB, o Options) *Guest {
	t.Helper()
	if o.Packs != nil {
		g := PowerOn(t, o)
		g.prepare()
		return g
	}
	if o.Guest != Mini {
		Dist(t)
	}
	key := fmt.Sprintf("%+v", o)
	booted.Lock()
	defer booted.Unlock()
	g := booted.guests[key]
	if g == nil {
		g = PowerOn(t, o)
		g.prepare()
		if booted.guests == nil {
			booted.guests = map[string]*Guest{}
		}
		booted.guests[key] = g
	}
	g.t = t
	return g.Clone(t)
}

// prepare mounts the packs. Mini's /etc/rc has done it.
func (g *Guest) prepare() {
	g.t.Helper()
	g.Shell()
	if g.mini {
		g.Run("umask 2")
		return
	}
	d := g.Drives()
	_, mounts, err := d.Tree()
	if err != nil {
		g.t.Fatal(err)
	}
	commands := []string{"PATH=:/bin:/usr/bin HOME=/; export PATH HOME; umask 2; rm -f /etc/mtab; cat /dev/null " +
		">/etc/mtab"}
	for _, m := range mounts {
		commands = append(commands, fmt.Sprintf("/etc/mount %s %s", m.Device, m.Dir))
	}
	for _, c := range commands {
		if out := g.Run(c); out != "" {
			g.t.Fatalf("%s: %s", c, out)
		}
	}
}

// Program assembles a program that runs on both guests. It starts at main and ends by
// returning from there; mini's library is before it (images/mini/pdp11/lib/start.s).
func Program(t testing.TB, text string) string {
	t.Helper()
	b, err := mini.Assemble("program.s", text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// quiet is a command that makes the terminal one for programs: nothing is echoed,
// delayed or changed, and what is typed means what it does elsewhere.
const quiet = "stty -lcase -echo cr0 nl0 tabs erase '^h' kill '^u'"

// Shell makes the shell that has just prompted one for programs: its terminal does
// not echo, and its prompt is one that no program prints by chance.
func (g *Guest) Shell() {
	g.t.Helper()
	g.Type(quiet + "\r")
	g.Await("# ", "$ ")
	g.prompt = "\x02v7\x03"
	g.Type("PS1='" + g.prompt + "' PS2=\r")
	g.Await(g.prompt)
}

// Clone returns a guest in the same state, for a test.
func (g *Guest) Clone(t testing.TB) *Guest {
	g.t.Helper()
	m, err := g.M.Clone()
	if err != nil {
		g.t.Fatal(err)
	}
	c := adopt(t, m, g.set)
	c.prompt, c.mini = g.prompt, g.mini
	return c
}

// Await lets the guest run until it prints one of the texts and returns what it
// printed since the last command, that text included. The test fails when it does
// not come.
func (g *Guest) Await(texts ...string) string {
	g.t.Helper()
	if _, err := g.Expect(g.ctx, limit, texts...); err != nil {
		g.t.Fatal(err)
	}
	return g.out.String()
}

// Context ends with the test.
func (g *Guest) Context() context.Context { return g.ctx }

// Send types text; what the guest printed before is forgotten.
func (g *Guest) Send(text string) {
	g.out.Reset()
	g.Type(text)
}

// Printed returns what the guest has printed since the last Send or Run, without
// carriage returns.
func (g *Guest) Printed() string { return g.out.String() }

// Run gives the shell a command, of at most 250 characters, and returns what is
// printed until the next prompt, without carriage returns.
func (g *Guest) Run(command string) string {
	g.t.Helper()
	if len(command) > 250 { // CANBSIZ is 256
		g.t.Fatalf("a guest's terminal does not take so long a line: %q", command)
	}
	for { // prompts that nobody has waited for
		if _, err := g.Expect(g.ctx, 0, g.prompt); err != nil {
			break
		}
	}
	g.Send(command + "\r")
	return strings.TrimSuffix(g.Await(g.prompt), g.prompt)
}

// Wait lets virtual time pass.
func (g *Guest) Wait(nanos uint64) {
	g.t.Helper()
	stop, err := g.Session.Run(g.ctx, nanos)
	if err == nil && stop != machine.StopLimit {
		err = fmt.Errorf("the machine stopped: %v", stop)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

// Sync gives the shell the command sync and lets the drives write.
func (g *Guest) Sync() {
	g.t.Helper()
	if out := g.Run("sync"); out != "" {
		g.t.Fatalf("sync: %s", out)
	}
	g.Wait(Second)
}

// Drives returns the packs in the machine's drives as they are. What V7 holds in
// memory is not on them.
func (g *Guest) Drives() *images.Drives {
	d := &images.Drives{Set: g.set}
	for unit := range g.set.Units {
		disk := g.M.RK.Disk(unit)
		if g.set.Name == "rp" {
			disk = g.M.RP.Disk(unit)
		}
		d.Disks = append(d.Disks, disk)
	}
	return d
}

// Insert puts a pack of so many bytes, the rest of it zeros, into an RK05 drive in
// place of the one that is there.
func (g *Guest) Insert(unit int, image []byte) {
	g.t.Helper()
	s := block.NewStore(g.set.Kind.Blocks)
	if err := s.Load(bytes.NewReader(image)); err != nil {
		g.t.Fatal(err)
	}
	g.M.DetachRK(unit)
	if err := g.M.AttachRK(unit, machine.MemDisk{Store: s}); err != nil {
		g.t.Fatal(err)
	}
}

// Image returns the bytes of a disk.
func Image(t testing.TB, disk rk.Disk) []byte {
	t.Helper()
	b := make([]byte, disk.Blocks()*block.Size)
	for n := range disk.Blocks() {
		if err := disk.ReadBlock(n, b[n*block.Size:(n+1)*block.Size]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// counted is a pack that counts the blocks written to a part of it.
type counted struct {
	machine.MemDisk
	from, to int
	n        *int
}

func (c counted) WriteBlock(n int, p []byte) error {
	if n >= c.from && n < c.to {
		*c.n++
	}
	return c.MemDisk.WriteBlock(n, p)
}

// CountWrites has the returned number count the blocks that are written to the blocks
// from to to-1 of the pack in drive 0 from now on.
func (g *Guest) CountWrites(from, to int) *int {
	g.t.Helper()
	attach, disk := g.M.AttachRK, g.M.RK.Disk(0)
	if g.set.Name == "rp" {
		attach, disk = g.M.AttachRP, g.M.RP.Disk(0)
	}
	mem, ok := disk.(machine.MemDisk)
	if !ok {
		g.t.Fatalf("drive 0 holds %T", disk)
	}
	n := new(int)
	g.M.DetachRK(0)
	g.M.DetachRP(0)
	if err := attach(0, counted{mem, from, to, n}); err != nil {
		g.t.Fatal(err)
	}
	return n
}

// ReadFile returns a file of the guest's as it is on the packs: see Sync.
func (g *Guest) ReadFile(name string) []byte {
	g.t.Helper()
	tree, _, err := g.Drives().Tree()
	if err != nil {
		g.t.Fatal(err)
	}
	b, err := tree.ReadFile(name)
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

// Volume is a file system that the guest has mounted.
type Volume struct {
	Device string // "/dev/rk1"
	Dir    string // "/usr"
	Dev    fs.Device
}

// Volumes returns the guest's file systems, the root first.
func Volumes(t testing.TB, d *images.Drives) []Volume {
	t.Helper()
	_, mounts, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	if d.Set.Name == "rp" {
		// Drives 1 and 3 of V7's rp driver.
		return []Volume{
			{"/dev/rp0", "/", fs.Region{Device: d.Disks[0], N: 5000}},
			{"/dev/rp3", "/usr", fs.Region{Device: d.Disks[0], Start: 7000, N: 74000}},
		}
	}
	list := []Volume{{"/dev/rk0", "/", d.Disks[0]}}
	for _, m := range mounts {
		unit := int(m.Device[len(m.Device)-1] - '0')
		list = append(list, Volume{m.Device, m.Dir, d.Disks[unit]})
	}
	return list
}
