package rk

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"v7em/block"
	"v7em/unibus"
)

// TestTransfersAgainstModel does random transfers on both controllers and holds
// memory and pack against a model that knows only words: a pack is one array of
// them, a read or write a copy.
func TestTransfersAgainstModel(t *testing.T) {
	for _, name := range []string{"rk", "rp"} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 7))
			g := newRK(t, 1)
			blocks := RK05Blocks
			if name == "rp" {
				g = newRP(t, 1)
				blocks = RP03Blocks
			}
			mem := make([]uint16, memWords)
			for i := range mem {
				mem[i] = uint16(rnd.Uint32())
			}
			copy(g.mem, mem)
			disk := make([]uint16, blocks*sectorWords)
			touched := map[int]bool{}
			for round := range 600 {
				blk := rnd.IntN(blocks)
				if rnd.IntN(2) == 0 {
					blk = blocks - 1 - rnd.IntN(100) // keep to a few blocks, and to the end
				}
				words := 1 + rnd.IntN(1<<uint(1+rnd.IntN(15)))
				at := rnd.IntN(memWords)
				if rnd.IntN(8) == 0 {
					at = memWords - 1 - rnd.IntN(600)
				}
				f := rkWrite + rnd.IntN(2) // the same numbers as the RP11's
				// What the model expects: as many words as pack and memory have.
				n := min(words, memWords-at, len(disk)-blk*sectorWords)
				if f == rkRead {
					copy(mem[at:at+n], disk[blk*sectorWords:])
				} else {
					sectors := (n + sectorWords - 1) / sectorWords
					to := disk[blk*sectorWords:][:sectors*sectorWords]
					clear(to[copy(to, mem[at:at+n]):])
					for i := range sectors {
						touched[blk+i] = true
					}
				}
				if name == "rk" {
					g.rkGo(rkda(0, blk), uint32(2*at), words, fn(f))
					g.settle()
					g.want("RKWC", aRKWC, 0o177777, uint16(n-words))
					g.put(aRKCS, fn(rkReset)|RKCSGO)
				} else {
					g.rpGo(0, blk, uint32(2*at), words, fn(f))
					g.settle()
					g.want("RPWC", aRPWC, 0o177777, uint16(n-words))
				}
				if !slices.Equal(g.mem, mem) {
					t.Fatalf("round %d: function %d, block %d, %d words at %o: memory differs", round, f, blk, words, 2*at)
				}
			}
			for blk := range touched {
				if !slices.Equal(g.disks[0].words(t, blk), disk[blk*sectorWords:(blk+1)*sectorWords]) {
					t.Errorf("block %d differs", blk)
				}
			}
			for _, blk := range g.disks[0].writes {
				if !touched[blk] {
					t.Errorf("block %d was written", blk)
				}
			}
		})
	}
}

// FuzzControllers does to both controllers what the input says: register writes,
// bytes of them, time, resets, grants, packs that come, go, fail and lock. They
// must not panic, nor ask a pack for a block that it has not, nor hang.
func FuzzControllers(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 6, 0, 0xff, 0, 4, 0, 7, 10, 0, 0, 0})        // RKWC, read, time
	f.Add([]byte{0, 10, 0x10, 0x0f, 0, 4, 0, 3, 10, 0, 0, 0})    // write at an odd place
	f.Add([]byte{0, 10, 0xff, 0xff, 0, 4, 0, 9, 10, 0, 0, 0})    // seek to nowhere
	f.Add([]byte{2, 4, 0, 5, 10, 0, 0, 0, 2, 4, 7, 5, 10, 0})    // RP11 reads
	f.Add([]byte{2, 10, 1, 0x95, 2, 12, 19, 9, 2, 4, 0, 3, 10})  // the end of a pack
	f.Add([]byte{0, 4, 0, 0x43, 8, 0, 10, 0, 0, 0, 12, 0, 0, 0}) // detach in the middle
	f.Fuzz(func(t *testing.T, in []byte) {
		g := newRig(t)
		g.rk, g.rp = NewRK11(g.bus), NewRP11(g.bus)
		disks := map[string]*fakeDisk{}
		attach := func(name string, unit, blocks int, to func(int, Disk) error) {
			d := newDisk(blocks)
			disks[name] = d
			if err := to(unit, d); err != nil {
				t.Fatal(err)
			}
		}
		attach("rk0", 0, RK05Blocks, g.rk.Attach)
		attach("rk7", 7, RK05Blocks, g.rk.Attach)
		attach("rp0", 0, RP03Blocks, g.rp.Attach)
		attach("rp7", 7, RP03Blocks, g.rp.Attach)
		inRange := func() {
			var r *block.RangeError
			for u := range Drives {
				if errors.As(g.rk.LastError(u), &r) || errors.As(g.rp.LastError(u), &r) {
					t.Fatalf("drive %d: %v", u, r)
				}
			}
		}
		for ; len(in) >= 4; in = in[4:] {
			op, a, v := in[0]%20, uint32(in[1]), binary.BigEndian.Uint16(in[2:])
			masks := []uint16{0o177777, 0o177777, 0o377, 0o177400}
			switch op {
			case 0, 1:
				g.bus.Write(rkAddr+a%16&^1, v, masks[a>>4&3])
			case 2, 3:
				g.bus.Write(rpAddr+a%24&^1, v, masks[a>>5&3])
			case 4:
				g.bus.Read(rkAddr + a%16)
				g.bus.Read(rpAddr + a%24)
			case 5:
				g.clock += fakeClock(v) * 100
				g.bus.RunDue(uint64(g.clock))
			case 6:
				g.bus.Grant(rkLevel)
			case 7:
				g.bus.Reset()
			case 8:
				g.rk.Detach(int(a % 8))
				g.rp.Detach(int(a % 8))
			case 9:
				g.rk.Attach(int(a%8), newDisk(RK05Blocks))
			case 11:
				g.rk.SetWriteLock(int(a%8), v&1 != 0)
				g.rk.SetMissing(int(a%8), v&2 != 0)
				g.rp.SetWriteLock(int(a%8), v&4 != 0)
			case 12:
				disks["rk0"].fail[int(v)%RK05Blocks] = Fault(in[1])
				disks["rp7"].readOnly = v&1 != 0
			case 13:
				g.bus.Schedule(unibus.SlotRK11, int(int8(a)), uint64(v))
				g.bus.Schedule(unibus.SlotRP11, int(int8(a)), uint64(v))
			case 14:
				s, p := g.rk.State(), g.rp.State()
				s.Func, s.RKDA, p.Func, p.RPDA, p.RPCA = v&7, v, v>>3&7, v&rpdaWritable, v>>7
				s.RKCS &^= RKCSRDY
				p.RPCS &^= RPCSRDY
				if g.rk.SetState(s) != nil || g.rp.SetState(p) != nil {
					t.Fatal("a state is refused")
				}
				g.bus.Schedule(unibus.SlotRK11, rkEventTransfer, 1)
				g.bus.Schedule(unibus.SlotRP11, rpEventTransfer, 1)
			default:
				g.next()
			}
			inRange()
		}
		for n := 0; g.next(); n++ {
			if n > 100 {
				t.Fatal("the events do not end")
			}
		}
		inRange()
		g.want("RKCS", aRKCS, RKCSRDY, RKCSRDY)
		g.want("RPCS", aRPCS, RPCSRDY, RPCSRDY)
		if err := g.rk.SetState(g.rk.State()); err != nil {
			t.Fatal(err)
		}
		if err := g.rp.SetState(g.rp.State()); err != nil {
			t.Fatal(err)
		}
	})
}
