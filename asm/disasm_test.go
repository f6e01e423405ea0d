package asm

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Every first word, with random address words at random places, must disassemble
// to text that assembles to the same words.
func TestDisasmAssemblesBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 70))
	for w := 0; w < 1<<16; w++ {
		words := [3]uint16{uint16(w), uint16(rng.Uint32()), uint16(rng.Uint32())}
		if w%3 == 0 { // small and boundary values too
			words[1] = uint16(rng.IntN(64) - 32)
		}
		pc := uint16(rng.Uint32()) &^ 1
		if pc > 0o177770 {
			pc = 0o177770 // the assembler does not wrap around the top
		}
		text, n := Disasm(func(i int) uint16 { return words[i] }, pc)
		if n < 1 || n > 3 {
			t.Fatalf("%06o: %d words", w, n)
		}
		p, err := AssembleString("t", text+"\n", Options{Origin: pc})
		if err != nil {
			t.Fatalf("%06o at %06o: %q: %v", w, pc, text, err)
		}
		if len(p.Text) != 2*n {
			t.Fatalf("%06o at %06o: %q: %d words, assembled to %d bytes", w, pc, text, n, len(p.Text))
		}
		for i := range n {
			if got := uint16(p.Text[2*i]) | uint16(p.Text[2*i+1])<<8; got != words[i] {
				t.Fatalf("%06o at %06o: %q: word %d is %06o, want %06o", w, pc, text, i, got, words[i])
			}
		}
	}
}

func TestDisasmText(t *testing.T) {
	tests := []struct {
		words []uint16
		want  string
	}{
		{[]uint16{0o012700, 5}, "mov $5,r0"},
		{[]uint16{0o013701, 0o177560}, "mov *$0177560,r1"},
		{[]uint16{0o105767, 0o000010}, "tstb 01014"},
		{[]uint16{0o116562, 0o177776, 0o20}, "movb -2(r5),020(r2)"},
		{[]uint16{0o016767, 0o4, 0o10}, "mov 01010,01016"},
		{[]uint16{0o005037, 0o177776}, "clr *$0177776"},
		{[]uint16{0o000777}, "br 01000"},
		{[]uint16{0o001375}, "bne 0774"},
		{[]uint16{0o077103}, "sob r1,0774"},
		{[]uint16{0o004737, 0o1234}, "jsr pc,*$01234"},
		{[]uint16{0o000207}, "rts pc"},
		{[]uint16{0o000247}, "clc|clv|clz"},
		{[]uint16{0o000277}, "scc"},
		{[]uint16{0o000260}, "0260"},
		{[]uint16{0o070127, 0o12}, "mul $012,r1"},
		{[]uint16{0o074203}, "xor r2,r3"},
		{[]uint16{0o172401}, "ldf fr1,fr0"},
		{[]uint16{0o172412}, "movf (r2),fr0"},
		{[]uint16{0o174301}, "movf fr3,fr1"},
		{[]uint16{0o174006}, "0174006"},
		{[]uint16{0o177001}, "movif r1,fr0"},
		{[]uint16{0o170127, 0o40}, "ldfps $040"},
		{[]uint16{0o104401}, "sys 1"},
		{[]uint16{0o006507}, "mfpi pc"},
		{[]uint16{0o000007}, "7"},
		{[]uint16{0o000210}, "0210"},
	}
	for _, tt := range tests {
		got, n := Disasm(func(i int) uint16 { return tt.words[i] }, 0o1000)
		if got != tt.want || n != len(tt.words) {
			t.Errorf("%06o: %q, %d words; want %q", tt.words, got, n, tt.want)
		}
	}
}

func TestTableHasNoOverlap(t *testing.T) {
	names := map[string]bool{}
	for _, in := range Table {
		if in.Base&^in.Mask != 0 {
			t.Errorf("%s: base %06o outside mask %06o", in.Name, in.Base, in.Mask)
		}
		if names[in.Name] {
			t.Errorf("%s is there twice", in.Name)
		}
		names[in.Name] = true
	}
	for w := 0; w < 1<<16; w++ {
		var hit []string
		for _, in := range Table {
			if uint16(w)&in.Mask == in.Base {
				hit = append(hit, in.Name)
			}
		}
		if len(hit) > 1 {
			t.Fatalf("%06o is %s", w, strings.Join(hit, " and "))
		}
		in, ok := Find(uint16(w))
		if ok != (len(hit) == 1) || ok && in.Name != hit[0] {
			t.Fatalf("Find(%06o) = %s, %v", w, in.Name, ok)
		}
		reserved := w >= 7 && w < 0o100 || w >= 0o210 && w < 0o230 || w >= 0o7000 && w < 0o10000 ||
			w >= 0o75000 && w < 0o77000 || w >= 0o106400 && w < 0o106500 || w >= 0o106700 && w < 0o110000 ||
			w >= 0o170003 && w < 0o170100 && w != 0o170011 && w != 0o170012
		if ok == reserved {
			t.Fatalf("%06o: instruction %v, want %v", w, ok, !reserved)
		}
	}
}
