package rk

import (
	"bytes"
	"encoding/gob"
	"errors"
	"slices"
	"strings"
	"testing"

	"v7em/block"
	"v7em/unibus"
)

// last is the last block of an RK05.
const last = RK05Blocks - 1

// TestRK11Functions does one function after another, each on a new controller,
// and looks at every register and at the error, the pack and the memory.
func TestRK11Functions(t *testing.T) {
	const end = 2 * memWords // the first address without memory
	for _, x := range []struct {
		name  string
		setup func(g *rig)
		da    uint16
		addr  uint32
		words int
		cs    uint16 // without GO

		er    uint16
		left  int    // words not done
		addr2 uint32 // bus address afterwards
		da2   uint16
		check func(t *testing.T, g *rig)
	}{
		{
			name: "read one sector", da: rkda(1, 100), addr: 0o1000, words: 256, cs: fn(rkRead),
			addr2: 0o2000, da2: rkda(1, 101),
			check: func(t *testing.T, g *rig) {
				if !slices.Equal(g.mem[0o1000/2:0o2000/2], g.disks[1].words(t, 100)) {
					t.Error("the data are wrong")
				}
				if g.mem[0o776/2] != 0 || g.mem[0o2000/2] != 0 {
					t.Error("memory beside the buffer changed")
				}
			},
		},
		{
			name: "read part of a sector", da: rkda(0, 100), addr: 0o1000, words: 3, cs: fn(rkRead),
			addr2: 0o1006, da2: rkda(0, 101),
			check: func(t *testing.T, g *rig) {
				if !slices.Equal(g.mem[0o1000/2:0o1010/2], append(g.disks[0].words(t, 100)[:3], 0)) {
					t.Error("the data are wrong")
				}
			},
		},
		{
			name: "read over a cylinder's end", da: rkda(0, 22), addr: 0o1000, words: 4*256 + 1, cs: fn(rkRead),
			addr2: 0o5002, da2: 1<<5 | 3, // cylinder 1, surface 0, sector 3
			check: func(t *testing.T, g *rig) {
				for i := range 4 {
					if !slices.Equal(g.mem[0o400*(i+1):0o400*(i+2)], g.disks[0].words(t, 22+i)) {
						t.Errorf("the data of block %d are wrong", 22+i)
					}
				}
				if g.mem[0o5000/2] != g.disks[0].words(t, 26)[0] || g.mem[0o5002/2] != 0 {
					t.Error("the last word is wrong")
				}
			},
		},
		{
			name: "read over a track's end", da: rkda(0, 11), addr: 0o1000, words: 256, cs: fn(rkRead),
			addr2: 0o2000, da2: 1 << 4, // surface 1
		},
		{
			name: "a word count of 0 is 65536, and bus addresses carry into the extension",
			da:   rkda(2, 0), addr: 0, words: 0, cs: fn(rkReadCheck),
			addr2: 0o400000, da2: rkda(2, 256),
		},
		{
			name: "read to the extended memory", da: rkda(0, 100), addr: 0o177776, words: 2, cs: fn(rkRead),
			addr2: 0o200002, da2: rkda(0, 101),
			check: func(t *testing.T, g *rig) {
				w := g.disks[0].words(t, 100)
				if g.mem[0o177776/2] != w[0] || g.mem[0o200000/2] != w[1] {
					t.Error("the data are wrong")
				}
			},
		},
		{
			name: "write one sector", da: rkda(3, 7), addr: 0o1000, words: 256, cs: fn(rkWrite),
			setup: func(g *rig) {
				for i := range 256 {
					g.mem[0o1000/2+i] = uint16(i * 257)
				}
			},
			addr2: 0o2000, da2: rkda(3, 8),
			check: func(t *testing.T, g *rig) {
				if !slices.Equal(g.mem[0o1000/2:0o2000/2], g.disks[3].words(t, 7)) || !slices.Equal(g.disks[3].writes, []int{7}) {
					t.Errorf("the data are wrong, or the blocks %v", g.disks[3].writes)
				}
				var p [block.Size]byte
				g.disks[3].Store.ReadBlock(7, p[:])
				if p[2] != 0o1 || p[3] != 0o1 || p[510] != 255 || p[4] != 2 {
					t.Errorf("the bytes are wrong: %v", p)
				}
			},
		},
		{
			name: "write part of a second sector", da: rkda(0, 100), addr: 0o1000, words: 258, cs: fn(rkWrite),
			setup: func(g *rig) {
				for i := range 300 {
					g.mem[0o1000/2+i] = 0o123456
				}
			},
			addr2: 0o2004, da2: rkda(0, 102),
			check: func(t *testing.T, g *rig) {
				want := make([]uint16, 256)
				want[0], want[1] = 0o123456, 0o123456
				if !slices.Equal(g.disks[0].words(t, 101), want) {
					t.Error("the rest of the sector is not zeros")
				}
				if !slices.Equal(g.disks[0].writes, []int{100, 101}) {
					t.Errorf("blocks %v were written", g.disks[0].writes)
				}
			},
		},
		{
			name: "write, bus address inhibited", da: rkda(0, 5), addr: 0o1000, words: 4, cs: fn(rkWrite) | RKCSIBA,
			setup: func(g *rig) { g.mem[0o1000/2], g.mem[0o1002/2] = 5, 6 },
			addr2: 0o1000, da2: rkda(0, 6),
			check: func(t *testing.T, g *rig) {
				if w := g.disks[0].words(t, 5); !slices.Equal(w[:5], []uint16{5, 5, 5, 5, 0}) {
					t.Errorf("the data are %v", w[:5])
				}
			},
		},
		{
			name: "read, bus address inhibited", da: rkda(0, 100), addr: 0o1000, words: 300, cs: fn(rkRead) | RKCSIBA,
			addr2: 0o1000, da2: rkda(0, 102),
			check: func(t *testing.T, g *rig) {
				want := g.disks[0].words(t, 101)[43]
				if g.mem[0o1000/2] != want || g.mem[0o1002/2] != 0 {
					t.Error("the data are wrong")
				}
				g.want("RKDB", aRKDB, 0o177777, want)
			},
		},
		{
			name: "write check, same", da: rkda(0, 100), addr: 0o1000, words: 700, cs: fn(rkWriteCheck),
			setup: func(g *rig) {
				for i := range 3 {
					copy(g.mem[0o400*(i+1):], g.disks[0].words(g.t, 100+i))
				}
			},
			addr2: 0o1000 + 1400, da2: rkda(0, 103),
			check: func(t *testing.T, g *rig) {
				if len(g.disks[0].writes) != 0 {
					t.Error("the pack was written")
				}
			},
		},
		{
			name: "write check, different in the second sector", da: rkda(0, 100), addr: 0o1000, words: 700, cs: fn(rkWriteCheck),
			setup: func(g *rig) {
				for i := range 3 {
					copy(g.mem[0o400*(i+1):], g.disks[0].words(g.t, 100+i))
				}
				g.mem[0o1000+5]++
			},
			er: RKERWCE, addr2: 0o1000 + 1400, da2: rkda(0, 103),
		},
		{
			name: "write check, stop on soft error", da: rkda(0, 100), addr: 0o1000, words: 700, cs: fn(rkWriteCheck) | RKCSSSE,
			setup: func(g *rig) {
				copy(g.mem[0o400:], g.disks[0].words(g.t, 100))
				copy(g.mem[0o1000:], g.disks[0].words(g.t, 101))
				g.mem[0o1000+5]++
			},
			er: RKERWCE, left: 700 - 512, addr2: 0o1000 + 1024, da2: rkda(0, 102),
		},
		{
			name: "write check of one word, repeated", da: rkda(0, 9), addr: 0o1000, words: 256, cs: fn(rkWriteCheck) | RKCSIBA,
			addr2: 0o1000, da2: rkda(0, 10), // block 9 is zeros, and so is memory
		},
		{
			name: "write check without memory", da: rkda(0, 100), addr: end - 4, words: 4, cs: fn(rkWriteCheck),
			setup: func(g *rig) { copy(g.mem[memWords-2:], g.disks[0].words(g.t, 100)[:2]) },
			er:    RKERNXM, left: 2, addr2: end, da2: rkda(0, 101),
		},
		{
			name: "read check leaves memory alone", da: rkda(0, 100), addr: 0o1000, words: 512, cs: fn(rkReadCheck),
			addr2: 0o3000, da2: rkda(0, 102),
			check: func(t *testing.T, g *rig) {
				if slices.ContainsFunc(g.mem, func(w uint16) bool { return w != 0 }) {
					t.Error("memory changed")
				}
			},
		},
		{
			name: "read headers", da: rkda(0, 23), addr: 0o1000, words: 26, cs: fn(rkRead) | RKCSFMT,
			addr2: 0o1000 + 52, da2: rkda(0, 49),
			check: func(t *testing.T, g *rig) {
				if g.mem[0o1000/2] != 0 || g.mem[0o1002/2] != 1<<5 || g.mem[0o1000/2+24] != 1<<5 || g.mem[0o1000/2+25] != 2<<5 {
					t.Errorf("the headers are %o", g.mem[0o400:0o400+26])
				}
			},
		},
		{
			name: "format one sector", da: rkda(0, 100), addr: 0o1000, words: 256, cs: fn(rkWrite) | RKCSFMT,
			addr2: 0o2000, da2: rkda(0, 101),
			check: func(t *testing.T, g *rig) {
				if slices.ContainsFunc(g.disks[0].words(t, 100), func(w uint16) bool { return w != 0 }) {
					t.Error("the data were not written")
				}
			},
		},

		// Errors.
		{name: "no such sector", da: 12, addr: 0o1000, words: 1, cs: fn(rkRead), er: RKERNXS, left: 1, addr2: 0o1000, da2: 12},
		{name: "no such cylinder", da: 203 << 5, addr: 0o1000, words: 1, cs: fn(rkWrite), er: RKERNXC, left: 1, addr2: 0o1000, da2: 203 << 5},
		{name: "neither", da: 0o377<<5 | 0o17, addr: 0, words: 1, cs: fn(rkSeek), er: RKERNXC | RKERNXS, left: 1, da2: 0o377<<5 | 0o17},
		{name: "no pack", da: rkda(7, 0), addr: 0, words: 1, cs: fn(rkRead), er: RKERDRE, left: 1, da2: rkda(7, 0)},
		{
			name: "no drive", setup: func(g *rig) { g.rk.SetMissing(1, true) },
			da: rkda(1, 0), addr: 0, words: 1, cs: fn(rkSeek), er: RKERNXD, left: 1, da2: rkda(1, 0),
		},
		{name: "format and write check", da: 0, addr: 0, words: 1, cs: fn(rkWriteCheck) | RKCSFMT, er: RKERPGE, left: 1},
		{name: "format and seek", da: 0, addr: 0, words: 1, cs: fn(rkSeek) | RKCSFMT, er: RKERPGE, left: 1},
		{
			name: "write-protected pack", setup: func(g *rig) { g.disks[2].readOnly = true },
			da: rkda(2, 0), addr: 0, words: 1, cs: fn(rkWrite), er: RKERWLO, left: 1, da2: rkda(2, 0),
			check: func(t *testing.T, g *rig) {
				if len(g.disks[2].writes) != 0 {
					t.Error("the pack was written")
				}
			},
		},
		{
			name: "a write-protected pack can be read", setup: func(g *rig) { g.disks[2].readOnly = true },
			da: rkda(2, 0), addr: 0, words: 1, cs: fn(rkRead), addr2: 2, da2: rkda(2, 1),
		},
		{
			name: "read to the end of memory", da: rkda(0, 100), addr: end - 1024, words: 512, cs: fn(rkRead),
			addr2: end, da2: rkda(0, 102),
		},
		{
			name: "memory ends in a sector read", da: rkda(0, 100), addr: end - 1022, words: 512, cs: fn(rkRead),
			er: RKERNXM, left: 1, addr2: end, da2: rkda(0, 102),
			check: func(t *testing.T, g *rig) {
				if !slices.Equal(g.mem[memWords-255:], g.disks[0].words(t, 101)[:255]) {
					t.Error("the data before the end are wrong")
				}
			},
		},
		{
			name: "memory ends between sectors read", da: rkda(0, 100), addr: end - 512, words: 512, cs: fn(rkRead),
			er: RKERNXM, left: 256, addr2: end, da2: rkda(0, 101),
		},
		{
			name: "memory ends in a sector written", da: rkda(0, 100), addr: end - 2, words: 256, cs: fn(rkWrite),
			setup: func(g *rig) { g.mem[memWords-1] = 0o70707 },
			er:    RKERNXM, left: 255, addr2: end, da2: rkda(0, 101),
			check: func(t *testing.T, g *rig) {
				w := g.disks[0].words(t, 100)
				if w[0] != 0o70707 || slices.ContainsFunc(w[1:], func(w uint16) bool { return w != 0 }) {
					t.Errorf("the sector is %o", w)
				}
			},
		},
		{
			name: "no memory at all to write from", da: rkda(0, 100), addr: 0o600000, words: 256, cs: fn(rkWrite),
			er: RKERNXM, left: 256, addr2: 0o600000, da2: rkda(0, 100),
			check: func(t *testing.T, g *rig) {
				if len(g.disks[0].writes) != 0 {
					t.Error("the pack was written")
				}
			},
		},
		{
			name: "no memory at the one address", da: rkda(0, 100), addr: 0o600000, words: 256, cs: fn(rkRead) | RKCSIBA,
			er: RKERNXM, left: 256, addr2: 0o600000, da2: rkda(0, 100),
		},
		{
			name: "the last sector", da: rkda(0, last), addr: 0o1000, words: 256, cs: fn(rkWrite),
			addr2: 0o2000, da2: 203 << 5,
		},
		{
			name: "over the last sector", da: rkda(0, last-1), addr: 0o1000, words: 1000, cs: fn(rkWrite),
			er: RKEROVR, left: 1000 - 512, addr2: 0o3000, da2: 203 << 5,
			check: func(t *testing.T, g *rig) {
				if !slices.Equal(g.disks[0].writes, []int{last - 1, last}) {
					t.Errorf("blocks %v were written", g.disks[0].writes)
				}
			},
		},
		{
			name: "headers over the last sector", da: rkda(0, last-1), addr: 0o1000, words: 3, cs: fn(rkRead) | RKCSFMT,
			er: RKEROVR, left: 1, addr2: 0o1004, da2: 203 << 5,
		},
		{
			name: "the host cannot read", setup: func(g *rig) { g.disks[1].fail[101] = errHost },
			da: rkda(1, 100), addr: 0o1000, words: 700, cs: fn(rkRead),
			er: RKERCSE, left: 700 - 256, addr2: 0o2000, da2: rkda(1, 101),
			check: func(t *testing.T, g *rig) {
				var e *Error
				if err := g.rk.LastError(1); !errors.As(err, &e) || !errors.Is(err, errHost) || e.Block != 101 ||
					e.Drive != "rk1" || !strings.Contains(err.Error(), "rk1: read of block 101: the host's disk is broken") {
					t.Errorf("the host's error is %v", err)
				}
				if g.rk.LastError(0) != nil {
					t.Error("another drive has an error")
				}
			},
		},
		{
			name: "the host cannot write", setup: func(g *rig) { g.disks[1].fail[101] = errHost },
			da: rkda(1, 100), addr: 0o1000, words: 700, cs: fn(rkWrite),
			er: RKERDRE, left: 700 - 256, addr2: 0o2000, da2: rkda(1, 101),
			check: func(t *testing.T, g *rig) {
				if err := g.rk.LastError(1); err == nil || !strings.Contains(err.Error(), "write of block 101") {
					t.Errorf("the host's error is %v", err)
				}
			},
		},
		{
			name: "the disk chooses its errors", setup: func(g *rig) { g.disks[1].fail[100] = Fault(RKERTE | RKERDLT | RKERSKE | 1<<3) },
			da: rkda(1, 100), addr: 0o1000, words: 256, cs: fn(rkReadCheck),
			er: RKERTE | RKERDLT | RKERSKE, left: 256, addr2: 0o1000, da2: rkda(1, 100),
			check: func(t *testing.T, g *rig) {
				if err := g.rk.LastError(1); err == nil || !strings.Contains(err.Error(), "drive fault 011410") {
					t.Errorf("the host's error is %v", err)
				}
			},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			g := newRK(t, 7)
			for u := range 7 {
				for _, n := range []int{0, 11, 22, 23, 24, 25, 26, 100, 101, 102, last - 1, last} {
					g.disks[u].fill(t, n, uint16(1000*u+256*n))
				}
			}
			if x.setup != nil {
				x.setup(g)
			}
			g.rkGo(x.da, x.addr, x.words, x.cs|RKCSIDE)
			g.settle()
			g.want("RKER", aRKER, 0o177777, x.er)
			cs := x.cs | RKCSIDE | RKCSRDY | uint16(x.addr2>>12)&rkcsMEX
			if x.er != 0 {
				cs |= RKCSERR
			}
			if x.er&^(RKERWCE|RKERCSE) != 0 {
				cs |= RKCSHE
			}
			g.want("RKCS", aRKCS, 0o177777, cs)
			g.want("RKWC", aRKWC, 0o177777, uint16(-x.left))
			g.want("RKBA", aRKBA, 0o177777, uint16(x.addr2))
			g.want("RKDA", aRKDA, 0o177777, x.da2)
			if v := g.bus.Grant(rkLevel); v != rkVector {
				t.Errorf("vector %o, want %o", v, rkVector)
			}
			if g.bus.Level() != 0 {
				t.Errorf("another interrupt at level %d", g.bus.Level())
			}
			if x.check != nil {
				x.check(t, g)
			}
		})
	}
}

// TestRK11Power shows that a transfer happens whole, when it is complete.
func TestRK11Power(t *testing.T) {
	g := newRK(t, 1)
	g.mem[0] = 1
	g.rkGo(rkda(0, 5), 0, 1024, fn(rkWrite))
	g.want("RKCS", aRKCS, RKCSRDY|RKCSGO, 0)
	when, _ := g.bus.Next()
	g.clock = fakeClock(when - 1)
	g.bus.RunDue(when - 1)
	if len(g.disks[0].writes) != 0 {
		t.Error("the pack is written before the end")
	}
	g.mem[0] = 2
	g.settle()
	g.want("RKCS", aRKCS, RKCSRDY, RKCSRDY)
	if !slices.Equal(g.disks[0].writes, []int{5, 6, 7, 8}) || g.disks[0].words(t, 5)[0] != 2 {
		t.Errorf("blocks %v were written", g.disks[0].writes)
	}
	if s := g.rk.Drive(0).Stats; s != (Stats{Writes: 4, Last: 8}) {
		t.Errorf("statistics are %+v", s)
	}
	g.rkGo(rkda(0, 3), 0, 257, fn(rkRead))
	g.settle()
	if s := g.rk.Drive(0).Stats; s != (Stats{Writes: 4, Reads: 2, Last: 4}) {
		t.Errorf("statistics are %+v", s)
	}
}

// TestRK11Errors looks at how errors stay and go.
func TestRK11Errors(t *testing.T) {
	g := newRK(t, 1)
	g.mem[0] = 1
	g.rkGo(0, 0, 1, fn(rkWriteCheck))
	g.settle()
	g.want("RKER", aRKER, 0o177777, RKERWCE)
	g.want("RKCS", aRKCS, RKCSERR|RKCSHE, RKCSERR)
	g.rkGo(0, 0, 1, fn(rkRead)) // a new function clears soft errors
	g.want("RKER", aRKER, 0o177777, 0)
	g.want("RKCS", aRKCS, RKCSERR|RKCSHE, 0)
	g.settle()
	g.rkGo(12, 0, 1, fn(rkRead))
	g.want("RKER", aRKER, 0o177777, RKERNXS)
	g.rkGo(0, 0, 1, fn(rkRead)) // but not hard ones
	g.settle()
	g.want("RKER", aRKER, 0o177777, RKERNXS)
	g.want("RKCS", aRKCS, RKCSERR|RKCSHE|RKCSRDY, RKCSERR|RKCSHE|RKCSRDY)
	g.put(aRKER, 0) // which is read only
	g.want("RKER", aRKER, 0o177777, RKERNXS)
	g.put(aRKCS, fn(rkReset)|RKCSGO|RKCSIDE|RKCSFMT)
	for _, r := range []struct {
		name string
		addr uint32
		want uint16
	}{{"RKER", aRKER, 0}, {"RKCS", aRKCS, RKCSRDY}, {"RKWC", aRKWC, 0}, {"RKBA", aRKBA, 0}, {"RKDA", aRKDA, 0}, {"RKDB", aRKDB, 0}} {
		g.want(r.name, r.addr, 0o177777, r.want)
	}
	if g.bus.Level() != 0 {
		t.Error("a control reset interrupts")
	}
}

// TestRK11Reset cuts a transfer and a seek off.
func TestRK11Reset(t *testing.T) {
	g := newRK(t, 2)
	g.rk.SetTiming(RealRK05Timing)
	g.rkGo(rkda(1, 2000), 0, 0, fn(rkSeek)|RKCSIDE)
	g.rkGo(rkda(0, 5), 0, 1024, fn(rkWrite)|RKCSIDE)
	g.clock += 1000
	g.bus.Reset()
	g.want("RKCS", aRKCS, 0o177777, RKCSRDY)
	g.want("RKDA", aRKDA, 0o177777, 0)
	g.put(aRKDA, rkda(1, 0))
	g.want("RKDS", aRKDS, RKDSRWS, 0) // its heads go on moving
	g.settle()
	g.want("RKDS", aRKDS, RKDSRWS, RKDSRWS)
	if len(g.disks[0].writes) != 0 || g.bus.Level() != 0 {
		t.Errorf("blocks %v were written, level %d", g.disks[0].writes, g.bus.Level())
	}
	g.rkGo(rkda(0, 5), 0, 1, fn(rkWrite)) // and all works again
	g.settle()
	if !slices.Equal(g.disks[0].writes, []int{5}) {
		t.Errorf("blocks %v were written", g.disks[0].writes)
	}
}

// TestRK11Registers looks at what can be written, and when.
func TestRK11Registers(t *testing.T) {
	g := newRK(t, 1)
	for _, x := range []struct {
		addr uint32
		want uint16
	}{{aRKER, 0}, {aRKWC, 0o177777}, {aRKBA, 0o177776}, {aRKDA, 0o177777}, {aRKMR, 0}, {aRKDB, 0}} {
		g.put(x.addr, 0o177777)
		if v := g.get(x.addr); v != x.want {
			t.Errorf("%o holds %o, want %o", x.addr, v, x.want)
		}
	}
	g.put(aRKCS, 0o177776)
	g.want("RKCS", aRKCS, 0o177777, RKCSRDY|RKCSIBA|RKCSFMT|RKCSSSE|RKCSIDE|0o76)
	g.bus.Reset()

	// Bytes.
	g.bus.Write(aRKWC, 0o123456, 0o177400)
	g.bus.Write(aRKBA, 0o123456, 0o377)
	g.bus.Write(aRKDA, 0o020000, 0o177400)
	g.want("RKWC", aRKWC, 0o177777, 0o123400)
	g.want("RKBA", aRKBA, 0o177777, 0o56)
	g.want("RKDA", aRKDA, 0o177777, 0o020000)
	g.bus.Write(aRKCS, RKCSSSE|RKCSGO, 0o177400) // GO is in the other byte
	g.want("RKCS", aRKCS, 0o177777, RKCSRDY|RKCSSSE)
	g.bus.Write(aRKDA, 0, 0o177400)
	g.bus.Write(aRKCS, fn(rkReadCheck)|RKCSGO, 0o377)
	g.want("RKCS", aRKCS, 0o177777, RKCSSSE|fn(rkReadCheck))

	// Busy: the disk address is locked, GO does nothing, and the function under
	// way is the one that was started.
	g.put(aRKDA, 0o7)
	g.want("RKDA", aRKDA, 0o177777, 0)
	g.put(aRKCS, fn(rkWrite)|RKCSGO)
	g.settle()
	g.want("RKCS", aRKCS, RKCSRDY, RKCSRDY)
	if len(g.disks[0].writes) != 0 || g.rk.Drive(0).Stats.Reads == 0 {
		t.Error("another function was done than was started")
	}
	if _, ok := g.bus.Read(0o777420); ok {
		t.Error("there is a register behind the last one")
	}
}

// TestRK11Status looks at RKDS.
func TestRK11Status(t *testing.T) {
	const look = RKDSWPS | RKDSRWS | RKDSDRY | RKDSSOK | RKDSRK05
	g := newRK(t, 2)
	ready := uint16(RKDSRK05 | RKDSSOK | RKDSDRY | RKDSRWS)
	g.want("RKDS", aRKDS, look, ready)
	g.put(aRKDA, rkda(2, 0))
	g.want("RKDS without pack", aRKDS, look, RKDSRK05)
	g.rk.SetMissing(2, true)
	g.want("RKDS without drive", aRKDS, look, 0)
	g.put(aRKDA, rkda(1, 0))
	g.disks[1].readOnly = true
	g.want("RKDS of a protected pack", aRKDS, look, ready|RKDSWPS)
	g.disks[1].readOnly = false
	g.want("RKDS", aRKDS, look, ready)

	// The write lock function locks until the switch on the drive is used.
	g.rkGo(rkda(1, 0), 0, 1, fn(rkWriteLock))
	g.want("RKCS", aRKCS, RKCSRDY, RKCSRDY)
	g.want("RKDS locked", aRKDS, look, ready|RKDSWPS)
	g.rkGo(rkda(1, 0), 0, 1, fn(rkDriveReset))
	g.settle()
	g.bus.Reset()
	g.rkGo(rkda(1, 0), 0, 1, fn(rkWrite))
	g.want("RKER", aRKER, 0o177777, RKERWLO)
	g.rk.SetWriteLock(1, false)
	g.put(aRKCS, fn(rkReset)|RKCSGO)
	g.rkGo(rkda(1, 0), 0, 1, fn(rkWrite))
	g.settle()
	g.want("RKER", aRKER, 0o177777, 0)
	if !slices.Equal(g.disks[1].writes, []int{0}) {
		t.Errorf("blocks %v were written", g.disks[1].writes)
	}

	// The pack turns: the sector counter follows virtual time.
	g.put(aRKDA, 7)
	seen := map[uint16]bool{}
	for range 120 {
		ds := g.get(aRKDS)
		if sc := ds & 0o17; sc >= rkSectors || (sc == 7) != (ds&RKDSSame != 0) {
			t.Fatalf("RKDS is %o", ds)
		}
		seen[ds&0o17] = true
		g.clock += 1_000_000
	}
	if len(seen) != rkSectors {
		t.Errorf("%d sectors pass in three turns", len(seen))
	}
}

// TestRK11Seeks overlaps seeks on three drives with a transfer on a fourth.
func TestRK11Seeks(t *testing.T) {
	g := newRK(t, 4)
	g.rk.SetTiming(Timing{Overhead: 1000, SeekPerCyl: 1000, Sector: 1000})
	grant := func(scp bool, id uint16) {
		t.Helper()
		if v := g.bus.Grant(rkLevel); v != rkVector {
			t.Fatalf("vector %o at time %d", v, g.clock)
		}
		want := uint16(0)
		if scp {
			want = RKCSSCP
		}
		g.want("RKCS", aRKCS, RKCSSCP, want)
		g.want("RKDS", aRKDS, 7<<rkdsIDPos, id<<rkdsIDPos)
	}
	// Enabling interrupts that are enabled does nothing.
	g.put(aRKCS, RKCSIDE)
	grant(false, 0)
	g.put(aRKCS, RKCSIDE)
	if g.bus.Level() != 0 {
		t.Error("IDE interrupts again")
	}
	g.put(aRKCS, 0)
	// A seek frees the controller at once, with an interrupt.
	g.rkGo(rkda(2, 24*50), 0, 1, fn(rkSeek)|RKCSIDE)
	g.want("RKCS", aRKCS, RKCSRDY|RKCSSCP, RKCSRDY)
	g.want("RKDS", aRKDS, RKDSRWS|RKDSDRY, RKDSDRY)
	grant(false, 2)
	g.rkGo(rkda(3, 24*100), 0, 1, fn(rkSeek)|RKCSIDE)
	grant(false, 3)
	g.rkGo(rkda(1, 24*100), 0, 1, fn(rkSeek)|RKCSIDE)
	grant(false, 1)
	if g.bus.Level() != 0 {
		t.Error("a seek that goes on interrupts")
	}
	// Drive 2 arrives first.
	g.next()
	if g.clock != 51_000 {
		t.Errorf("it is %d", g.clock)
	}
	grant(true, 2)
	// Drives 1 and 3 arrive while drive 0 transfers: they wait until the
	// controller is free, and then come after it, by number.
	g.rkGo(0, 0, 256*60, fn(rkReadCheck)|RKCSIDE)
	g.want("RKCS", aRKCS, RKCSSCP|RKCSRDY, 0)
	g.next()
	if g.clock != 101_000 || g.bus.Level() != 0 {
		t.Errorf("it is %d, level %d", g.clock, g.bus.Level())
	}
	g.next()
	grant(false, 0)
	grant(true, 1)
	grant(true, 3)
	if g.bus.Level() != 0 {
		t.Error("one interrupt too many")
	}

	// A new function before the grant: the drive is polled again afterwards.
	g.rkGo(rkda(2, 0), 0, 1, fn(rkDriveReset)|RKCSIDE)
	grant(false, 2)
	g.next()
	g.rkGo(0, 0, 1, fn(rkReadCheck)|RKCSIDE)
	if g.bus.Level() != 0 {
		t.Error("an interrupt while the controller works")
	}
	g.settle()
	grant(false, 0)
	grant(true, 2)

	// Without IDE the end of a seek only sets SCP, and is not kept.
	g.rkGo(rkda(2, 24*9), 0, 1, fn(rkSeek))
	g.settle()
	g.want("RKCS", aRKCS, RKCSSCP, RKCSSCP)
	g.put(aRKCS, RKCSIDE) // enabling interrupts on a free controller gives one
	grant(false, 2)
	if g.bus.Level() != 0 {
		t.Error("a seek without IDE interrupts")
	}
	// Taking IDE back takes back what waits.
	g.rkGo(rkda(2, 0), 0, 1, fn(rkSeek)|RKCSIDE)
	g.settle()
	g.put(aRKCS, 0)
	g.put(aRKCS, RKCSIDE)
	grant(false, 2)
	if g.bus.Level() != 0 {
		t.Error("an interrupt that was taken back")
	}
}

// TestRK11Timing looks at how long things take.
func TestRK11Timing(t *testing.T) {
	took := func(timing Timing, start uint64, do func(g *rig)) uint64 {
		g := newRK(t, 1)
		g.rk.SetTiming(timing)
		g.clock = fakeClock(start)
		do(g)
		g.settle()
		return uint64(g.clock) - start
	}
	read := func(blk, sectors int) func(*rig) {
		return func(g *rig) { g.rkGo(rkda(0, blk), 0, 256*sectors, fn(rkReadCheck)) }
	}
	if d := took(FastTiming, 12345, read(4000, 1)); d < 100_000 || d > 200_000 {
		t.Errorf("a fast transfer takes %d ns", d)
	}
	real := RealRK05Timing
	for _, x := range []struct {
		name     string
		blk, n   int
		start    uint64
		min, max uint64 // ns
	}{
		{"on the cylinder, just missed", 0, 1, 0, 40e6, 43.4e6},
		{"on the cylinder, half a turn", 6, 1, 0, 23e6, 23.4e6},
		{"at once", 1, 1, 3_333_333 - 10_000, 3.3e6, 3.4e6},
		{"a track", 0, 12, 39_990_000, 39.9e6, 40.1e6},
		{"the next cylinder", 24, 1, 0, 10e6 + 3e6, 10e6 + 40e6 + 3.4e6},
		{"all across", 24 * 202, 1, 0, 85e6, 85e6 + 40e6 + 3.4e6},
	} {
		if d := took(real, x.start, read(x.blk, x.n)); d < x.min || d > x.max {
			t.Errorf("%s: %d ns, want %d to %d", x.name, d, x.min, x.max)
		}
	}
	// A transfer on a drive whose heads still move waits for them; so does a seek.
	two := func(f int) func(*rig) {
		return func(g *rig) {
			g.rkGo(rkda(0, 24*100), 0, 1, fn(rkSeek))
			g.rkGo(rkda(0, 0), 0, 1, fn(f))
		}
	}
	flat := Timing{Overhead: 10, SeekBase: 5, SeekPerCyl: 1000, Sector: 7}
	if d := took(flat, 0, two(rkReadCheck)); d != 10+2*(5+100_000)+7 {
		t.Errorf("a transfer behind a seek takes %d ns", d)
	}
	// A drive reset brings the heads home, whatever the address; a transfer leaves
	// them where it ends.
	if d := took(flat, 0, func(g *rig) {
		g.rkGo(rkda(0, 24*3-1), 0, 2*256, fn(rkReadCheck))
		g.settle()
		if c := g.rk.Drive(0).Cylinder; c != 3 {
			t.Errorf("the heads are on cylinder %d, want 3", c)
		}
		g.rkGo(0o17740, 0, 1, fn(rkDriveReset))
	}); d != (10+5+2*1000+2*7)+(10+5+3*1000) {
		t.Errorf("a transfer and a drive reset take %d ns", d)
	}
	if d := took(flat, 0, two(rkSeek)); d != 10+2*(5+100_000) {
		t.Errorf("a seek behind a seek takes %d ns", d)
	}
}

func TestRK11Packs(t *testing.T) {
	g := newRK(t, 1)
	for _, x := range []struct {
		unit, blocks int
		want         string
	}{
		{-1, RK05Blocks, "rk-1: there are only drives 0 to 7"},
		{8, RK05Blocks, "rk8: there are only drives 0 to 7"},
		{0, RK05Blocks, "rk0: it already holds a pack; detach that first"},
		{1, 4871, "rk1: the pack has 4871 blocks of 512 bytes, the drive takes packs of 4872"},
		{1, RP03Blocks, "rk1: the pack has 81200 blocks of 512 bytes, the drive takes packs of 4872"},
	} {
		if err := g.rk.Attach(x.unit, newDisk(x.blocks)); err == nil || err.Error() != x.want {
			t.Errorf("attach to %d of %d blocks: %v, want %s", x.unit, x.blocks, err, x.want)
		}
	}
	if g.rk.Disk(0) != Disk(g.disks[0]) || g.rk.Disk(1) != nil || g.rk.Disk(-1) != nil || g.rk.Disk(8) != nil {
		t.Error("Disk is wrong")
	}
	if g.rk.Detach(-1) != nil || g.rk.Detach(8) != nil || g.rk.Detach(1) != nil || g.rk.LastError(-1) != nil || g.rk.LastError(8) != nil {
		t.Error("drives that are not there have something")
	}
	// A pack taken off in the middle of a transfer.
	g.rkGo(0, 0, 256, fn(rkWrite))
	if g.rk.Detach(0) != Disk(g.disks[0]) {
		t.Error("another pack was detached")
	}
	g.settle()
	g.want("RKER", aRKER, 0o177777, RKERDRE)
	if len(g.disks[0].writes) != 0 {
		t.Error("a detached pack was written")
	}
	// A pack that turns read-only in the middle.
	if err := g.rk.Attach(0, g.disks[0]); err != nil {
		t.Fatal(err)
	}
	g.put(aRKCS, fn(rkReset)|RKCSGO)
	g.rkGo(0, 0, 256, fn(rkWrite))
	g.disks[0].readOnly = true
	g.settle()
	g.want("RKER", aRKER, 0o177777, RKERWLO)
	// A new pack comes unlocked.
	g.rkGo(0, 0, 256, fn(rkWriteLock))
	g.rk.Detach(0)
	if err := g.rk.Attach(0, newDisk(RK05Blocks)); err != nil {
		t.Fatal(err)
	}
	g.want("RKDS", aRKDS, RKDSWPS, 0)
}

// TestRK11State copies a controller in the middle of its work through gob; both
// must go on alike, each on its own pack.
func TestRK11State(t *testing.T) {
	g := newRK(t, 2)
	g.mem[5] = 0o1234
	g.rkGo(rkda(1, 24*30), 0, 1, fn(rkSeek)|RKCSIDE)
	g.rkGo(rkda(0, 7), 0, 256, fn(rkWrite)|RKCSIDE)

	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(g.rk.State()); err != nil {
		t.Fatal(err)
	}
	var s RK11State
	if err := gob.NewDecoder(&buf).Decode(&s); err != nil {
		t.Fatal(err)
	}
	h := newRK(t, 2)
	copy(h.mem, g.mem)
	h.clock = g.clock
	if err := h.rk.SetState(s); err != nil {
		t.Fatal(err)
	}
	if err := h.bus.SetState(g.bus.State()); err != nil {
		t.Fatal(err)
	}
	g.settle()
	if len(h.disks[0].writes) != 0 {
		t.Fatal("the clone's pack is the original's")
	}
	h.settle()
	if g.rk.State() != h.rk.State() || g.clock != h.clock {
		t.Errorf("they went apart:\n%+v\n%+v", g.rk.State(), h.rk.State())
	}
	if !slices.Equal(g.disks[0].words(t, 7), h.disks[0].words(t, 7)) || g.disks[0].words(t, 7)[5] != 0o1234 {
		t.Error("the packs differ")
	}
	for name, f := range map[string]func(*RK11State){
		"RKER":       func(s *RK11State) { s.RKER = 4 },
		"RKCS GO":    func(s *RK11State) { s.RKCS |= RKCSGO },
		"RKBA":       func(s *RK11State) { s.RKBA = 1 },
		"ID":         func(s *RK11State) { s.ID = 8 },
		"function":   func(s *RK11State) { s.Func = 8 },
		"cylinder":   func(s *RK11State) { s.Drives[3].Cylinder = rkCylinders },
		"last block": func(s *RK11State) { s.Drives[7].Stats.Last = -1 },
		"timing":     func(s *RK11State) { s.Timing.Sector = 1 << 63 },
	} {
		s := g.rk.State()
		f(&s)
		if g.rk.SetState(s) == nil || g.rk.State() != h.rk.State() {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestRK11HostileState lets states run that no controller would come to.
func TestRK11HostileState(t *testing.T) {
	for f := range uint16(8) {
		for _, da := range []uint16{0, 12, 0o177777, 203 << 5, 202<<5 | 12, 203<<5 | 1} {
			g := newRK(t, 8)
			s := g.rk.State()
			s.Func, s.RKDA, s.RKCS = f, da, RKCSFMT|RKCSIDE
			if err := g.rk.SetState(s); err != nil {
				t.Fatal(err)
			}
			for _, code := range []int{rkEventTransfer, -1, rkEventSeek + Drives, 1 << 40} {
				g.bus.Schedule(unibus.SlotRK11, code, 1)
			}
			g.settle()
			g.want("RKCS", aRKCS, RKCSRDY, RKCSRDY)
			for u := range Drives {
				if err := g.rk.LastError(u); err != nil {
					t.Errorf("function %d, RKDA %o: %v", f, da, err)
				}
			}
		}
	}
}
