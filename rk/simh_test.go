package rk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"v7em/block"
)

// TestRK11AgainstSIMH does random functions on an RK11 of ours and on SIMH's, and
// compares registers after each, and all of memory and of the packs at the end.
// Memory that ends is left out: SIMH 3.8.1 subtracts the bytes that were not
// transferred from the words that were, and can crash.
func TestRK11AgainstSIMH(t *testing.T) {
	simh, err := exec.LookPath("pdp11")
	if err != nil {
		t.Skip("no SIMH: the pdp11 of Debian's package simh must be in PATH")
	}
	const (
		rounds = 400
		packs  = 2
	)
	rnd := rand.New(rand.NewPCG(11, 3))
	g := newRK(t, packs)
	dir := t.TempDir()

	var script strings.Builder
	do := func(format string, a ...any) { fmt.Fprintf(&script, format+"\n", a...) }
	do("set cpu 11/45 %dk", memWords*2>>10)
	for u := range packs {
		for _, n := range []int{0, 1, 2, 11, 12, 13, 23, 24, 25, 100, 4850, 4860, 4869, 4870, 4871} {
			g.disks[u].fill(t, n, uint16(rnd.Uint32()))
		}
		do("attach rk%d %s", u, writePack(t, dir, u, g.disks[u]))
	}
	// A program that loops on itself, out of interrupts' reach. SIMH lets devices
	// be deposited into only when it has run.
	do("dep 1000 777")
	do("dep psw 340")
	do("dep pc 1000")
	do("step 1")
	g.mem[0o1000/2] = 0o777
	for a := 0o2000; a < 0o6000; a += 2 {
		v := uint16(rnd.Uint32())
		g.mem[a/2] = v
		do("dep %o %o", a, v)
	}

	type regs struct{ er, cs, wc, ba, da uint16 }
	read := func() regs {
		return regs{g.get(aRKER), g.get(aRKCS), g.get(aRKWC), g.get(aRKBA), g.get(aRKDA)}
	}
	var want []regs
	var ops []string
	var isReset []bool
	for range rounds {
		blk := rnd.IntN(60)
		if rnd.IntN(3) == 0 {
			blk = RK05Blocks - 1 - rnd.IntN(20)
		}
		da := rkda(rnd.IntN(packs), blk)
		switch rnd.IntN(20) {
		case 0:
			da |= 0o17 // no such sector
		case 1:
			da |= 0o377 << 5 // no such cylinder
			da &^= 0o17
		case 2:
			da = da&0o17777 | 5<<13 // no pack
		}
		addr := uint32(0o2000 + 2*rnd.IntN(0o2000))
		if rnd.IntN(5) == 0 {
			addr = uint32(0o200000 - 2*rnd.IntN(600)) // into the extension bits
		}
		words := 1 + rnd.IntN(600)
		if rnd.IntN(4) == 0 {
			words = sectorWords * (1 + rnd.IntN(14))
		}
		f := 1 + rnd.IntN(6)
		if rnd.IntN(30) == 0 {
			f = rkReset
		}
		cs := fn(f)
		for _, bit := range []uint16{RKCSSSE, RKCSFMT, RKCSIBA} {
			if rnd.IntN(8) == 0 {
				cs |= bit
			}
		}
		switch f {
		case rkWriteCheck:
			cs &^= RKCSSSE // stops at the end of the sector, with SIMH at the word
		case rkRead:
			cs &^= RKCSFMT // SIMH 3.8.1 has the headers' cylinder in bits 7-0
		}
		if words > 0o1000 && cs&RKCSIBA == 0 && f != rkWrite && addr < 0o10000 {
			addr += 0o20000 // leave the program alone
		}
		ops = append(ops, fmt.Sprintf("function %d, RKCS %06o, RKDA %06o, address %06o, %d words", f, cs, da, addr, words))
		do("dep 17777412 %o", da)
		do("dep 17777410 %o", uint16(addr))
		do("dep 17777406 %o", uint16(-words))
		do("dep 17777404 %o", cs|uint16(addr>>12)&rkcsMEX|RKCSGO)
		do("step 3000")
		do("ex 17777402-17777412")
		g.rkGo(da, addr, words, cs)
		g.settle()
		want = append(want, read())
		isReset = append(isReset, f == rkReset)
	}
	do("ex 0-%o", 2*memWords-2)
	do("detach all")
	do("quit")

	file := filepath.Join(dir, "script")
	if err := os.WriteFile(file, []byte(script.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(simh, file).CombinedOutput()
	if err != nil {
		t.Fatalf("SIMH: %v\n%.2000s", err, out)
	}

	var mem []uint16
	var got []uint16
	for line := range bytes.Lines(out) {
		a, v, ok := strings.Cut(strings.TrimSpace(string(line)), ":\t")
		if !ok {
			continue
		}
		addr, err1 := strconv.ParseUint(a, 8, 32)
		val, err2 := strconv.ParseUint(v, 8, 16)
		switch {
		case err1 != nil || err2 != nil:
		case addr >= 0o17777400:
			got = append(got, uint16(val))
		default:
			mem = append(mem, uint16(val))
		}
	}
	if len(got) != 5*rounds || len(mem) != memWords {
		t.Fatalf("SIMH printed %d registers and %d words of memory, want %d and %d:\n%.2000s", len(got), len(mem), 5*rounds, memWords, out)
	}
	for i := range want {
		s := regs{got[5*i], got[5*i+1], got[5*i+2], got[5*i+3], got[5*i+4]}
		if isReset[i] {
			s.wc = 0 // the handbook clears it, SIMH does not
		}
		if s != want[i] {
			t.Fatalf("round %d, %s: RKER RKCS RKWC RKBA RKDA are\n%06o, with SIMH\n%06o", i, ops[i], want[i], s)
		}
	}
	for i := range mem {
		if mem[i] != g.mem[i] {
			t.Fatalf("memory at %06o is %06o, with SIMH %06o", 2*i, g.mem[i], mem[i])
		}
	}
	for u := range packs {
		s := block.NewStore(RK05Blocks)
		f, err := os.Open(filepath.Join(dir, fmt.Sprintf("rk%d", u)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := s.Load(f); err != nil {
			t.Fatal(err)
		}
		for n := range s.Diff(g.disks[u].Store) {
			t.Errorf("block %d of rk%d is another than with SIMH", n, u)
		}
	}
}

// writePack writes a pack to a file for SIMH.
func writePack(t *testing.T, dir string, unit int, d *fakeDisk) string {
	t.Helper()
	var all []byte
	for n := range d.Blocks() {
		var p [block.Size]byte
		if err := d.Store.ReadBlock(n, p[:]); err != nil {
			t.Fatal(err)
		}
		all = append(all, p[:]...)
	}
	name := filepath.Join(dir, fmt.Sprintf("rk%d", unit))
	if err := os.WriteFile(name, all, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}
