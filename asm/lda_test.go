package asm

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// A tape made by hand: two bytes at 01000, then start at 01000.
var handTape = []byte{
	0, 0, 0,
	1, 0, 8, 0, 0o000, 2, 5, 7, 0o351, // 1+8+2+5+7 = 23 = 027; 0400-027 = 0351
	1, 0, 6, 0, 0o000, 2, 0o367, // 1+6+2 = 011; 0400-011 = 0367
	9, 9, 9,
}

func TestParseLDA(t *testing.T) {
	l, err := ParseLDA(handTape)
	if err != nil {
		t.Fatal(err)
	}
	want := &LDA{[]LDABlock{{0o1000, []byte{5, 7}}}, 0o1000, true}
	if !reflect.DeepEqual(l, want) {
		t.Errorf("%v, want %v", l, want)
	}
	if got := want.Bytes(); !bytes.Equal(got, handTape[3:len(handTape)-3]) {
		t.Errorf("written %v", got)
	}
}

func TestLDANoStart(t *testing.T) {
	l := &LDA{Blocks: []LDABlock{{0, make([]byte, 2000)}}}
	m, err := ParseLDA(l.Bytes())
	if err != nil || m.HasStart {
		t.Fatalf("%v, %v", m, err)
	}
	n := 0
	for _, b := range m.Blocks {
		if int(b.Addr) != n {
			t.Fatalf("block at %d, want %d", b.Addr, n)
		}
		n += len(b.Data)
	}
	if n != 2000 {
		t.Errorf("%d bytes", n)
	}
}

func TestLDAErrors(t *testing.T) {
	good := handTape[3 : len(handTape)-3]
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	tests := []struct {
		tape []byte
		want string
	}{
		{nil, "no block with a start address"},
		{make([]byte, 100), "no block with a start address"},
		{good[:9], "no block with a start address"},
		{good[:4], "cut short"},
		{good[:8], "cut short: 8 of 9"},
		{change(0, 2), "no block at byte 0"},
		{change(1, 2), "no block at byte 0"},
		{change(2, 5), "less than its header"},
		{change(8, 0), "wrong checksum"},
		{change(6, 0), "wrong checksum"},
		{[]byte{1, 0, 8, 0, 0o377, 0o377, 0, 0, 0o400 - 7}, "passes the top"},
	}
	for _, tt := range tests {
		if _, err := ParseLDA(tt.tape); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.tape, err, tt.want)
		}
	}
}

func FuzzParseLDA(f *testing.F) {
	f.Add(handTape)
	f.Add([]byte{1, 0, 6, 0, 1, 0, 0o370})
	f.Add([]byte{0, 1, 0})
	f.Fuzz(func(t *testing.T, tape []byte) {
		l, err := ParseLDA(tape)
		if err != nil {
			return
		}
		again, err := ParseLDA(l.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		flat := func(l *LDA) (m [1 << 16]int) {
			for _, b := range l.Blocks {
				for i, c := range b.Data {
					m[int(b.Addr)+i] = int(c) + 1
				}
			}
			return m
		}
		if flat(l) != flat(again) || l.HasStart != again.HasStart || l.HasStart && l.Start != again.Start {
			t.Fatal("a tape written back differs")
		}
	})
}
