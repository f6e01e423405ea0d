package machine

import (
	"reflect"
	"slices"
	"testing"
)

func TestBrackets(t *testing.T) {
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	const word, low, high = 0o177777, 0o377, 0o177400
	type write struct {
		addr    uint32
		v, mask uint16
	}
	do := func(command, pid uint16) []write {
		return []write{{RegBracketProcess, pid, word}, {RegBracketCommand, command, word}}
	}
	begin := func(pid uint16) []write { return do(BracketBegin, pid) }
	end := func(pid uint16) []write { return do(BracketEnd, pid) }
	for _, c := range []struct {
		name   string
		writes [][]write
		want   []int
	}{
		{"one", [][]write{begin(7)}, []int{7}},
		{"over", [][]write{begin(7), end(7)}, nil},
		{"two", [][]write{begin(7), begin(8), end(7)}, []int{8}},
		{"nested", [][]write{begin(7), begin(7), end(7)}, []int{7}},
		{"nested, over", [][]write{begin(7), begin(7), end(7), end(7)}, nil},
		{"ended too often", [][]write{end(7), begin(7), end(7), end(7), begin(7)}, []int{7}},
		{"no process", [][]write{begin(0), begin(0o100000)}, nil},
		{"no command", [][]write{do(0, 7), do(3, 7), do(0o400, 7)}, nil},
		{"bytes", [][]write{{
			{RegBracketProcess, 0o21, low}, {RegBracketProcess, 0o14400, high}, {RegBracketCommand, 1, low}, {RegBracketCommand, 0, high},
		}}, []int{0o14421}},
	} {
		m.Brackets.Reset()
		for _, w := range slices.Concat(c.writes...) {
			if !m.Bus.Write(w.addr, w.v, w.mask) {
				t.Fatalf("%s: no answer at %06o", c.name, w.addr)
			}
		}
		if got := m.Brackets.PIDs(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if n, ok := m.Bus.Read(RegBracketCommand); !ok || int(n) != len(c.want)<<8 {
			t.Errorf("%s: the command register reads %06o", c.name, n)
		}
	}

	// As V7's /dev/kmem does it: each byte by reading and writing the word.
	m.Brackets.Reset()
	kmem := func(addr uint32, bytes ...uint16) {
		for i, b := range bytes {
			a := addr + uint32(i)
			w, _ := m.Bus.Read(a &^ 1)
			if a&1 != 0 {
				w = w&0o377 | b<<8
			} else {
				w = w&^0o377 | b
			}
			m.Bus.Write(a&^1, w, word)
		}
	}
	for range 2 {
		kmem(RegBracketProcess, 0o21, 0o30, BracketBegin, 0)
		kmem(RegBracketProcess, 0o22, 0, BracketBegin, 0)
		if got := m.Brackets.PIDs(); !slices.Equal(got, []int{0o14021, 0o22}) {
			t.Errorf("by way of kmem: %v", got)
		}
		kmem(RegBracketProcess, 0o22, 0, BracketEnd, 0)
		kmem(RegBracketProcess, 0o21, 0o30, BracketEnd, 0)
		if got := m.Brackets.PIDs(); got != nil {
			t.Errorf("by way of kmem, ended: %v", got)
		}
	}

	for pid := range uint16(100) {
		for _, w := range begin(pid + 1) {
			m.Bus.Write(w.addr, w.v, w.mask)
		}
	}
	if got := m.Brackets.PIDs(); len(got) != maxBrackets || got[maxBrackets-1] != maxBrackets {
		t.Errorf("a hundred begin: %v", got)
	}
	m.Brackets.Forget(func(pid int) bool { return pid > 2 })
	if got := m.Brackets.PIDs(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("all but two are gone: %v", got)
	}
	if m.Bus.Reset(); m.Brackets.PIDs() != nil {
		t.Error("INIT leaves brackets")
	}
}

func TestBracketsState(t *testing.T) {
	a, b := new(Brackets), new(Brackets)
	a.Write(RegBracketProcess, 5, 0o177777)
	a.Write(RegBracketCommand, BracketBegin, 0o177777)
	s := a.State()
	if err := b.SetState(s); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%+v is now %+v", a, b)
	}
	if a.Write(RegBracketCommand, BracketEnd, 0o177777); len(s.Open) != 1 || len(b.state.Open) != 1 {
		t.Error("the copies share memory")
	}
	for _, bad := range [][]Bracket{{{0, 1}}, {{1, 0}}, {{1, 1}, {1, 1}}, {{0o100000, 1}}, make([]Bracket, maxBrackets+1)} {
		if b.SetState(BracketsState{Open: bad}) == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
