package rk

import (
	"bytes"
	"encoding/gob"
	"errors"
	"slices"
	"testing"

	"v7em/unibus"
)

// rpCyl and rpDA are RPCA and RPDA of a block.
func rpCyl(blk int) uint16 { return uint16(blk / 200) }
func rpDA(blk int) uint16  { return uint16(blk/10%20<<8 | blk%10) }

// rpLast is the last block of an RP03.
const rpLast = RP03Blocks - 1

// rpGo starts a function.
func (g *rig) rpGo(unit, blk int, addr uint32, words int, cs uint16) {
	g.t.Helper()
	cs |= uint16(unit) << 8
	g.put(aRPCS, cs)
	g.put(aRPCA, rpCyl(blk))
	g.put(aRPDA, rpDA(blk))
	g.put(aRPBA, uint16(addr))
	g.put(aRPWC, uint16(-words))
	g.put(aRPCS, cs|uint16(addr>>12)&rpcsMEX|RPCSGO)
}

func TestRP11Functions(t *testing.T) {
	const end = 2 * memWords
	for _, x := range []struct {
		name      string
		setup     func(g *rig)
		unit, blk int
		ca, da    int // instead of blk's, if not 0
		addr      uint32
		words     int
		cs        uint16

		er    uint16
		left  int
		addr2 uint32
		blk2  int // address afterwards, if it moves
		ds    uint16
		check func(t *testing.T, g *rig)
	}{
		{
			name: "read over a cylinder's end", unit: 2, blk: 198, addr: 0o1000, words: 3*256 + 5, cs: fn(rpRead),
			addr2: 0o4012, blk2: 202,
			check: func(t *testing.T, g *rig) {
				for i := range 3 {
					if !slices.Equal(g.mem[0o400*(i+1):0o400*(i+2)], g.disks[2].words(t, 198+i)) {
						t.Errorf("the data of block %d are wrong", 198+i)
					}
				}
				if g.mem[0o4010/2] != g.disks[2].words(t, 201)[4] || g.mem[0o4012/2] != 0 {
					t.Error("the end is wrong")
				}
			},
		},
		{
			name: "write part of a second sector", blk: 9, addr: 0o177774, words: 258, cs: fn(rpWrite),
			setup: func(g *rig) {
				for i := range 300 {
					g.mem[0o177774/2+i] = 0o123456
				}
			},
			addr2: 0o177774 + 516, blk2: 11,
			check: func(t *testing.T, g *rig) {
				want := make([]uint16, 256)
				want[0], want[1] = 0o123456, 0o123456
				if !slices.Equal(g.disks[0].words(t, 10), want) || !slices.Equal(g.disks[0].writes, []int{9, 10}) {
					t.Errorf("the data or the blocks %v are wrong", g.disks[0].writes)
				}
			},
		},
		{
			name: "write check, same", blk: 100, addr: 0o1000, words: 256, cs: fn(rpWriteCheck),
			setup: func(g *rig) { copy(g.mem[0o400:], g.disks[0].words(g.t, 100)) },
			addr2: 0o2000, blk2: 101,
		},
		{
			name: "write check, different", blk: 100, addr: 0o1000, words: 512, cs: fn(rpWriteCheck),
			setup: func(g *rig) { copy(g.mem[0o400:], g.disks[0].words(g.t, 100)); g.mem[0o400]++ },
			er:    RPERWCE, addr2: 0o3000, blk2: 102,
		},
		{
			name: "read where the heads are", blk: 100, addr: 0o1000, words: 256, cs: fn(rpReadNoSeek),
			addr2: 0o2000, blk2: 101,
			check: func(t *testing.T, g *rig) {
				if !slices.Equal(g.mem[0o400:0o1000], g.disks[0].words(t, 100)) {
					t.Error("the data are wrong")
				}
			},
		},
		{
			name: "write where the heads are", blk: 100, addr: 0o1000, words: 256, cs: fn(rpWriteNoSeek),
			addr2: 0o2000, blk2: 101,
		},
		{
			name: "read where the heads are not", blk: 200, addr: 0o1000, words: 256, cs: fn(rpReadNoSeek),
			er: RPERDSK, left: 256, addr2: 0o1000, ds: RPDSHNF,
		},
		{name: "the last sector", blk: rpLast, addr: 0o1000, words: 256, cs: fn(rpWrite), addr2: 0o2000, blk2: RP03Blocks},
		{
			name: "over the last sector", blk: rpLast, addr: 0o1000, words: 257, cs: fn(rpWrite),
			er: RPEREOP, left: 1, addr2: 0o2000, blk2: RP03Blocks,
			check: func(t *testing.T, g *rig) {
				if !slices.Equal(g.disks[0].writes, []int{rpLast}) {
					t.Errorf("blocks %v were written", g.disks[0].writes)
				}
			},
		},

		{name: "no such sector", da: 10, words: 1, cs: fn(rpRead), er: RPERNXS, left: 1},
		{name: "no such track", da: 20 << 8, words: 1, cs: fn(rpRead), er: RPERNXT, left: 1},
		{name: "no such cylinder", ca: 406, words: 1, cs: fn(rpSeek), er: RPERNXC, left: 1},
		{name: "nothing of it", ca: 0o777, da: 0o17417, words: 1, cs: fn(rpWriteCheck), er: RPERNXC | RPERNXT | RPERNXS, left: 1},
		{name: "no pack", unit: 7, words: 1, cs: fn(rpRead), er: RPERPGE, left: 1, ds: 0},
		{name: "18-bit words", words: 1, cs: fn(rpRead) | RPCSMODE, er: RPERMODE, left: 1},
		{name: "header in 16-bit words", words: 1, cs: fn(rpWrite) | RPCSHDR, er: RPERMODE, left: 1},
		{name: "header", words: 1, cs: fn(rpRead) | RPCSHDR | RPCSMODE, er: RPERFMT, left: 1},
		{
			name: "write-protected pack", setup: func(g *rig) { g.disks[0].readOnly = true },
			words: 1, cs: fn(rpWrite), er: RPERWPV, left: 1, ds: RPDSWP,
		},
		{
			name: "write-protected by the switch", setup: func(g *rig) { g.rp.SetWriteLock(0, true) },
			words: 1, cs: fn(rpWriteNoSeek), er: RPERWPV, left: 1, ds: RPDSWP,
		},
		{
			name: "a protected pack can be read", setup: func(g *rig) { g.disks[0].readOnly = true },
			words: 1, cs: fn(rpRead), addr2: 2, blk2: 1, ds: RPDSWP,
		},
		{
			name: "memory ends", blk: 100, addr: end - 514, words: 512, cs: fn(rpRead),
			er: RPERNXM, left: 255, addr2: end, blk2: 102,
		},
		{
			name: "memory ends in a sector written", blk: 100, addr: end - 4, words: 512, cs: fn(rpWrite),
			er: RPERNXM, left: 510, addr2: end, blk2: 101,
		},
		{
			name: "the host cannot read", setup: func(g *rig) { g.disks[0].fail[101] = errHost },
			blk: 100, addr: 0o1000, words: 512, cs: fn(rpRead), er: RPERCSM, left: 256, addr2: 0o2000, blk2: 101,
			check: func(t *testing.T, g *rig) {
				var e *Error
				if err := g.rp.LastError(0); !errors.As(err, &e) || e.Drive != "rp0" || e.Op != "read" || e.Block != 101 {
					t.Errorf("the host's error is %v", err)
				}
			},
		},
		{
			name: "the host cannot write", setup: func(g *rig) { g.disks[0].fail[100] = errHost },
			blk: 100, addr: 0o1000, words: 512, cs: fn(rpWrite), er: RPERDSK, left: 512, addr2: 0o1000,
		},
		{
			name: "the disk chooses its errors", setup: func(g *rig) { g.disks[0].fail[100] = Fault(RPERTIME | RPERWPE | RPERLPE | RPERFUV) },
			blk: 100, addr: 0o1000, words: 512, cs: fn(rpRead), er: RPERTIME | RPERWPE | RPERLPE | RPERFUV, left: 512, addr2: 0o1000,
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			g := newRP(t, 3)
			for u := range 3 {
				for _, n := range []int{0, 100, 101, 198, 199, 200, 201, rpLast} {
					g.disks[u].fill(t, n, uint16(1000*u+256*n))
				}
			}
			if x.setup != nil {
				x.setup(g)
			}
			ca, da := rpCyl(x.blk), rpDA(x.blk)
			if x.ca != 0 || x.da != 0 {
				ca, da = uint16(x.ca), uint16(x.da)
			}
			cs := x.cs | uint16(x.unit)<<8 | RPCSIDE
			g.put(aRPCA, ca)
			g.put(aRPDA, da)
			g.put(aRPBA, uint16(x.addr))
			g.put(aRPWC, uint16(-x.words))
			g.put(aRPCS, cs|uint16(x.addr>>12)&rpcsMEX|RPCSGO)
			g.settle()
			g.want("RPER", aRPER, 0o177777, x.er)
			cs |= RPCSRDY | uint16(x.addr2>>12)&rpcsMEX
			if x.er != 0 {
				cs |= RPCSERR
			}
			if x.er&^(RPERLPE|RPERWPE|RPERCSM|RPERWCE|RPEREOP|RPERTIME|RPERFMT) != 0 {
				cs |= RPCSHE
			}
			g.want("RPCS", aRPCS, 0o177777, cs)
			g.want("RPWC", aRPWC, 0o177777, uint16(-x.left))
			g.want("RPBA", aRPBA, 0o177777, uint16(x.addr2))
			if x.blk2 != 0 {
				ca, da = rpCyl(x.blk2), rpDA(x.blk2)
			}
			g.want("RPCA", aRPCA, 0o177777, ca)
			g.want("RPDA", aRPDA, 0o17417, da)
			g.want("RPDS", aRPDS, RPDSWP|RPDSHNF|RPDSFU|RPDSSI, x.ds)
			if v := g.bus.Grant(rpLevel); v != rpVector {
				t.Errorf("vector %o, want %o", v, rpVector)
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

// TestRP11Seeks overlaps seeks, with attentions.
func TestRP11Seeks(t *testing.T) {
	g := newRP(t, 3)
	g.rp.SetTiming(Timing{Overhead: 1000, SeekPerCyl: 1000, Sector: 1000})
	const look = RPDSRDY | RPDSOL | RPDSRP03 | RPDSSU | 0o377
	g.want("RPDS", aRPDS, look, RPDSRDY|RPDSOL|RPDSRP03)

	g.rpGo(2, 200*50, 0, 1, fn(rpSeek)|RPCSAIE|RPCSIDE)
	g.want("RPDS", aRPDS, look, RPDSOL|RPDSRP03|RPDSSU)
	g.want("SUCA", aSUCA, 0o177777, 50)
	if v := g.bus.Grant(rpLevel); v != rpVector || g.bus.Level() != 0 {
		t.Errorf("vector %o, level %d", v, g.bus.Level())
	}
	g.rpGo(2, 0, 0, 1, fn(rpRead)|RPCSAIE) // not while it moves
	g.want("RPER", aRPER, 0o177777, RPERPGE)
	g.rpGo(1, 200*20, 0, 1, fn(rpSeek)|RPCSAIE) // another may
	g.want("RPER", aRPER, 0o177777, 0)
	g.next()
	g.want("RPDS", aRPDS, look, RPDSRDY|RPDSOL|RPDSRP03|1<<1)
	if v := g.bus.Grant(rpLevel); v != rpVector {
		t.Errorf("vector %o", v)
	}
	g.next()
	g.want("RPDS", aRPDS, 0o377, 1<<1|1<<2)
	g.bus.Write(aRPDS, 1<<1, 0o377) // a one clears one
	g.want("RPDS", aRPDS, 0o377, 1<<2)
	if g.bus.Level() != rpLevel {
		t.Error("the other attention is lost")
	}
	g.bus.Write(aRPDS, 0o177777, 0o177400) // the odd byte does nothing
	g.want("RPDS", aRPDS, 0o377, 1<<2)
	g.put(aRPDS, 0o377)
	if g.bus.Level() != 0 {
		t.Error("an attention that was cleared interrupts")
	}
	// Home, without AIE; enabling it later brings the interrupt.
	g.rpGo(1, 0, 0, 1, fn(rpHomeSeek))
	g.settle()
	g.want("SUCA", aSUCA, 0o177777, 0)
	if g.bus.Level() != 0 {
		t.Error("an interrupt without AIE")
	}
	g.put(aRPCS, RPCSAIE)
	if g.bus.Level() != rpLevel {
		t.Error("no interrupt when AIE comes on")
	}
	g.put(aRPCS, 0)
	if g.bus.Level() != 0 {
		t.Error("an interrupt when AIE is off again")
	}
	// The home seek needs no valid address.
	g.put(aRPDA, 0o17417)
	g.put(aRPCA, 0o777)
	g.bus.Write(aRPCS, fn(rpHomeSeek)|RPCSGO, 0o377) // a byte, as V7 does
	g.want("RPER", aRPER, 0o177777, 0)
	g.want("SUCA", aSUCA, 0o177777, 0)
	g.settle()
	// A transfer leaves the heads where it ends; the end of the pack is a cylinder.
	for _, x := range []struct {
		blk  int
		want uint16
	}{{199, 1}, {rpLast, rpCylinders - 1}} {
		g.rpGo(1, x.blk, 0, 257, fn(rpRead))
		g.settle()
		g.want("SUCA", aSUCA, 0o177777, x.want)
	}
	// A function takes back the interrupt of the one before.
	g.rpGo(1, 0, 0, 1, fn(rpRead)|RPCSIDE)
	g.settle()
	g.put(aRPCS, 1<<8|fn(rpRead)|RPCSIDE|RPCSGO)
	if g.bus.Level() != 0 {
		t.Error("a busy controller interrupts")
	}
	// A protected drive refuses a write at once.
	g.settle()
	g.rp.SetWriteLock(1, true)
	g.rpGo(1, 0, 0, 1, fn(rpWrite))
	g.want("RPER", aRPER, 0o177777, RPERWPV)
	if g.rp.Disk(1) != Disk(g.disks[1]) {
		t.Error("Disk is wrong")
	}
	// Reset clears all and interrupts nobody.
	g.put(aRPCS, 1<<8|RPCSIDE|RPCSGO)
	g.want("RPCS", aRPCS, 0o177777, RPCSRDY)
	for _, a := range []uint32{aRPER, aRPWC, aRPBA, aRPCA} {
		g.want("a register", a, 0o177777, 0)
	}
	g.want("RPDA", aRPDA, 0o17417, 0)
	g.want("RPDS", aRPDS, 0o377, 0)
	if g.bus.Level() != 0 {
		t.Error("a reset interrupts")
	}
	// IDE on a free controller interrupts.
	g.put(aRPCS, RPCSIDE)
	if g.bus.Grant(rpLevel) != rpVector {
		t.Error("no interrupt when IDE comes on")
	}
}

// TestRP11Busy looks at what can be written when, and at INIT.
func TestRP11Busy(t *testing.T) {
	g := newRP(t, 2)
	for _, x := range []struct {
		addr uint32
		want uint16
	}{{aRPER, 0}, {aRPWC, 0o177777}, {aRPBA, 0o177776}, {aRPCA, 0o777}, {aSUCA, 0}, {rpAddr + offRPM1, 0}, {rpAddr + offSILO, 0}} {
		g.put(x.addr, 0o177777)
		if v := g.get(x.addr); v != x.want {
			t.Errorf("%o holds %o, want %o", x.addr, v, x.want)
		}
	}
	g.put(aRPDA, 0o177777)
	g.want("RPDA", aRPDA, 0o177777&^uint16(rpdaCount), 0o17417)
	g.put(aRPCS, 0o177776)
	g.want("RPCS", aRPCS, 0o177777, 0o37776&^RPCSRDY|RPCSRDY)
	g.bus.Reset()

	g.rpGo(0, 100, 0, 256, fn(rpWrite))
	g.want("RPCS", aRPCS, RPCSRDY, 0)
	g.put(aRPCA, 3)
	g.put(aRPDA, 3)
	g.put(aRPCS, fn(rpRead)|RPCSIDE)
	g.want("RPER", aRPER, 0o177777, 0)
	g.put(aRPCS, fn(rpRead)|RPCSIDE|1<<8) // selecting another drive is an error
	g.want("RPER", aRPER, 0o177777, RPERPGE)
	g.settle()
	g.want("RPCS", aRPCS, 0o177777, RPCSERR|RPCSHE|RPCSRDY|RPCSIDE|fn(rpWrite))
	if !slices.Equal(g.disks[0].writes, []int{100}) {
		t.Errorf("blocks %v were written", g.disks[0].writes)
	}
	g.rpGo(0, 100, 0, 256, fn(rpRead))
	g.put(aRPCS, fn(rpRead)|RPCSGO) // so is another GO
	g.want("RPER", aRPER, 0o177777, RPERPGE)
	g.settle()

	g.disks[0].writes = nil
	g.rpGo(0, 100, 0, 256, fn(rpSeek)|RPCSAIE)
	g.settle()
	g.bus.Reset()
	if g.bus.Level() != 0 {
		t.Error("an attention interrupts after INIT")
	}
	g.rpGo(0, 100, 0, 256, fn(rpWrite)|RPCSIDE)
	g.bus.Reset()
	g.settle()
	g.want("RPCS", aRPCS, 0o177777, RPCSRDY)
	if len(g.disks[0].writes) != 0 || g.bus.Level() != 0 {
		t.Error("INIT does not stop a transfer")
	}
	g.rpGo(0, 100, 0, 256, fn(rpWrite))
	g.rp.Detach(0)
	g.settle()
	g.want("RPER", aRPER, 0o177777, RPERDSK)
	g.rp.Attach(0, g.disks[0])
	g.rpGo(0, 100, 0, 256, fn(rpWrite))
	g.disks[0].readOnly = true
	g.settle()
	g.want("RPER", aRPER, 0o177777, RPERWPV)
	if len(g.disks[0].writes) != 0 {
		t.Errorf("blocks %v were written", g.disks[0].writes)
	}
}

func TestRP11State(t *testing.T) {
	g := newRP(t, 2)
	g.rpGo(1, 200*30, 0, 1, fn(rpSeek)|RPCSAIE)
	g.rpGo(0, 300, 0, 256, fn(rpWrite)|RPCSIDE|RPCSAIE)
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(g.rp.State()); err != nil {
		t.Fatal(err)
	}
	var s RP11State
	if err := gob.NewDecoder(&buf).Decode(&s); err != nil {
		t.Fatal(err)
	}
	h := newRP(t, 2)
	h.clock = g.clock
	if err := h.rp.SetState(s); err != nil {
		t.Fatal(err)
	}
	if err := h.bus.SetState(g.bus.State()); err != nil {
		t.Fatal(err)
	}
	g.settle()
	h.settle()
	if g.rp.State() != h.rp.State() || g.clock != h.clock || !slices.Equal(h.disks[0].writes, []int{300}) {
		t.Errorf("they went apart:\n%+v\n%+v", g.rp.State(), h.rp.State())
	}
	if st := h.rp.Drive(0); st.Stats != (Stats{Writes: 1, Last: 300}) || st.Cylinder != 1 {
		t.Errorf("the drive is %+v", st)
	}
	for name, f := range map[string]func(*RP11State){
		"RPCS":       func(s *RP11State) { s.RPCS |= RPCSERR },
		"RPBA":       func(s *RP11State) { s.RPBA = 1 },
		"RPCA":       func(s *RP11State) { s.RPCA = 0o1000 },
		"RPDA":       func(s *RP11State) { s.RPDA = 0o20 },
		"attention":  func(s *RP11State) { s.Attention = 0o400 },
		"function":   func(s *RP11State) { s.Func = 8 },
		"cylinder":   func(s *RP11State) { s.Drives[3].Cylinder = rpCylinders },
		"last block": func(s *RP11State) { s.Drives[7].Stats.Last = RP03Blocks },
		"timing":     func(s *RP11State) { s.Timing.Rotation = 1 << 63 },
	} {
		s := g.rp.State()
		f(&s)
		if g.rp.SetState(s) == nil || g.rp.State() != h.rp.State() {
			t.Errorf("%s: taken", name)
		}
	}
	if err := g.rp.Attach(2, newDisk(RK05Blocks)); err == nil || err.Error() != "rp2: the pack has 4872 blocks of 512 bytes, the drive takes packs of 81200" {
		t.Errorf("attaching an RK05 pack: %v", err)
	}
}

// TestRP11HostileState lets states run that no controller would come to.
func TestRP11HostileState(t *testing.T) {
	for f := range uint16(8) {
		for _, a := range [][2]uint16{{0, 0}, {0o777, 0}, {406, 0}, {405, 10}, {405, 20 << 8}, {0o777, 0o17417}} {
			g := newRP(t, 1)
			s := g.rp.State()
			s.Func, s.RPCA, s.RPDA, s.RPCS = f, a[0], a[1], RPCSIDE
			if err := g.rp.SetState(s); err != nil {
				t.Fatal(err)
			}
			for _, code := range []int{rpEventTransfer, -1, rpEventSeek + Drives, 1 << 40} {
				g.bus.Schedule(unibus.SlotRP11, code, 1)
			}
			g.settle()
			g.want("RPCS", aRPCS, RPCSRDY, RPCSRDY)
			if err := g.rp.LastError(0); err != nil {
				t.Errorf("function %d, RPCA %o, RPDA %o: %v", f, a[0], a[1], err)
			}
		}
	}
}
