package rk

import (
	"errors"
	"testing"

	"v7em/block"
	"v7em/unibus"
)

// fakeMemory is memory from address 0 on; behind it there is none.
type fakeMemory []uint16

func (m fakeMemory) DMARead(addr uint32, p []uint16) int {
	for i := range p {
		a := int(addr)/2 + i
		if a >= len(m) {
			return i
		}
		p[i] = m[a]
	}
	return len(p)
}

func (m fakeMemory) DMAWrite(addr uint32, p []uint16) int {
	for i, v := range p {
		a := int(addr)/2 + i
		if a >= len(m) {
			return i
		}
		m[a] = v
	}
	return len(p)
}

// fakeClock is virtual time that the test sets.
type fakeClock uint64

func (c *fakeClock) Now() uint64 { return uint64(*c) }

// fakeDisk is a pack in memory that can be protected, fail, and count.
type fakeDisk struct {
	*block.Store
	readOnly bool
	fail     map[int]error // by block
	writes   []int         // blocks written, in order
}

func newDisk(blocks int) *fakeDisk {
	return &fakeDisk{Store: block.NewStore(blocks), fail: map[int]error{}}
}

func (d *fakeDisk) ReadOnly() bool { return d.readOnly }

func (d *fakeDisk) ReadBlock(n int, p []byte) error {
	if err := d.fail[n]; err != nil {
		return err
	}
	return d.Store.ReadBlock(n, p)
}

func (d *fakeDisk) WriteBlock(n int, p []byte) error {
	if err := d.fail[n]; err != nil {
		return err
	}
	d.writes = append(d.writes, n)
	return d.Store.WriteBlock(n, p)
}

// words returns block n of a disk.
func (d *fakeDisk) words(t testing.TB, n int) []uint16 {
	t.Helper()
	var p [block.Size]byte
	if err := d.Store.ReadBlock(n, p[:]); err != nil {
		t.Fatal(err)
	}
	w := make([]uint16, sectorWords)
	unpack16(w, p[:])
	return w
}

// fill sets block n of a disk to words made of seed and their place.
func (d *fakeDisk) fill(t testing.TB, n int, seed uint16) {
	t.Helper()
	w := make([]uint16, sectorWords)
	for i := range w {
		w[i] = seed + uint16(i)
	}
	var p [block.Size]byte
	pack16(p[:], w)
	if err := d.Store.WriteBlock(n, p[:]); err != nil {
		t.Fatal(err)
	}
}

// rig is a bus with one controller on it.
type rig struct {
	t     testing.TB
	clock fakeClock
	mem   fakeMemory
	bus   *unibus.Bus
	rk    *RK11
	rp    *RP11
	disks [Drives]*fakeDisk
}

// memWords is how much memory a rig has: 96 KB, so that bit 16 of addresses
// counts and much does not exist.
const memWords = 48 << 10

func newRig(t testing.TB) *rig {
	g := &rig{t: t, mem: make(fakeMemory, memWords)}
	g.bus = unibus.NewBus(&g.clock, g.mem)
	return g
}

// newRK is a rig with an RK11 and packs in drives 0 to n-1.
func newRK(t testing.TB, n int) *rig {
	t.Helper()
	g := newRig(t)
	g.rk = NewRK11(g.bus)
	for i := range n {
		g.disks[i] = newDisk(RK05Blocks)
		if err := g.rk.Attach(i, g.disks[i]); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// newRP is a rig with an RP11 and packs in drives 0 to n-1.
func newRP(t testing.TB, n int) *rig {
	t.Helper()
	g := newRig(t)
	g.rp = NewRP11(g.bus)
	for i := range n {
		g.disks[i] = newDisk(RP03Blocks)
		if err := g.rp.Attach(i, g.disks[i]); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// get and put access a register.
func (g *rig) get(addr uint32) uint16 {
	g.t.Helper()
	v, ok := g.bus.Read(addr)
	if !ok {
		g.t.Fatalf("%06o: bus timeout", addr)
	}
	return v
}

func (g *rig) put(addr uint32, v uint16) {
	g.t.Helper()
	if !g.bus.Write(addr, v, 0o177777) {
		g.t.Fatalf("%06o: bus timeout", addr)
	}
}

// next lets time go to the next event and runs it; false if there is none.
func (g *rig) next() bool {
	when, ok := g.bus.Next()
	if ok {
		g.clock = max(g.clock, fakeClock(when))
		g.bus.RunDue(uint64(g.clock))
	}
	return ok
}

// settle runs all events.
func (g *rig) settle() {
	for g.next() {
	}
}

// want compares a register's bits under a mask.
func (g *rig) want(name string, addr uint32, mask, want uint16) {
	g.t.Helper()
	if v := g.get(addr); v&mask != want {
		g.t.Errorf("%s is %06o, under the mask %06o %06o, want %06o", name, v, mask, v&mask, want)
	}
}

var errHost = errors.New("the host's disk is broken")

// Addresses of the registers.
const (
	aRKDS, aRKER, aRKCS = rkAddr + offRKDS, rkAddr + offRKER, rkAddr + offRKCS
	aRKWC, aRKBA, aRKDA = rkAddr + offRKWC, rkAddr + offRKBA, rkAddr + offRKDA
	aRKMR, aRKDB        = rkAddr + offRKMR, rkAddr + offRKDB

	aRPDS, aRPER, aRPCS = rpAddr + offRPDS, rpAddr + offRPER, rpAddr + offRPCS
	aRPWC, aRPBA, aRPCA = rpAddr + offRPWC, rpAddr + offRPBA, rpAddr + offRPCA
	aRPDA, aSUCA        = rpAddr + offRPDA, rpAddr + offSUCA
)

// rkda is the disk address of a block.
func rkda(unit, blk int) uint16 {
	return uint16(unit<<13 | blk/rkSectors<<4 | blk%rkSectors)
}

// rkGo starts a function.
func (g *rig) rkGo(da uint16, addr uint32, words int, cs uint16) {
	g.t.Helper()
	g.put(aRKDA, da)
	g.put(aRKBA, uint16(addr))
	g.put(aRKWC, uint16(-words))
	g.put(aRKCS, cs|uint16(addr>>12)&rkcsMEX|RKCSGO)
}

// fn is a function as RKCS and RPCS have it.
func fn(f int) uint16 { return uint16(f) << 1 }
