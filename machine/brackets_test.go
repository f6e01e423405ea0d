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
	begin := func(pid uint16) write { return write{RegBracketBegin, pid, word} }
	end := func(pid uint16) write { return write{RegBracketEnd, pid, word} }
	for _, c := range []struct {
		name   string
		writes []write
		want   []int
	}{
		{"one", []write{begin(7)}, []int{7}},
		{"over", []write{begin(7), end(7)}, nil},
		{"two", []write{begin(7), begin(8), end(7)}, []int{8}},
		{"nested", []write{begin(7), begin(7), end(7)}, []int{7}},
		{"nested, over", []write{begin(7), begin(7), end(7), end(7)}, nil},
		{"ended too often", []write{end(7), begin(7), end(7), end(7), begin(7)}, []int{7}},
		{"no process", []write{begin(0), begin(0o100000)}, nil},
		{"bytes", []write{{RegBracketBegin, 0o21, low}, {RegBracketBegin, 0o14400, high}}, []int{0o14421}},
		{"low byte only", []write{{RegBracketBegin, 0o21, low}}, nil},
		{"bytes of both", []write{
			{RegBracketBegin, 0o21, low}, {RegBracketEnd, 0o22, low}, {RegBracketBegin, 0o400, high}, {RegBracketEnd, 0o400, high},
		}, []int{0o421}},
		{"bytes over", []write{begin(0o421), {RegBracketEnd, 0o21, low}, {RegBracketEnd, 0o400, high}}, nil},
	} {
		m.Brackets.Reset()
		for _, w := range c.writes {
			if !m.Bus.Write(w.addr, w.v, w.mask) {
				t.Fatalf("%s: no answer at %06o", c.name, w.addr)
			}
		}
		if got := m.Brackets.PIDs(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		n, ok := m.Bus.Read(RegBracketBegin)
		z, ok2 := m.Bus.Read(RegBracketEnd)
		if !ok || !ok2 || int(n) != len(c.want) || z != 0 {
			t.Errorf("%s: the registers read %d and %d", c.name, n, z)
		}
	}
	m.Brackets.Reset()
	for pid := range uint16(100) {
		m.Bus.Write(RegBracketBegin, pid+1, word)
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
	a.Write(RegBracketBegin, 5, 0o177777)
	a.Write(RegBracketEnd, 6, 0o377)
	s := a.State()
	if err := b.SetState(s); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%+v is now %+v", a, b)
	}
	if a.Write(RegBracketBegin, 9, 0o177777); len(s.Open) != 1 || len(b.state.Open) != 1 {
		t.Error("the copies share memory")
	}
	for _, bad := range [][]Bracket{{{0, 1}}, {{1, 0}}, {{1, 1}, {1, 1}}, {{0o100000, 1}}, make([]Bracket, maxBrackets+1)} {
		if b.SetState(BracketsState{Open: bad}) == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
