package fs

import "testing"

func TestGoodName(t *testing.T) {
	for _, c := range []struct {
		name string
		good bool
	}{
		{"a", true}, {"seven77", true}, {"eight888", true}, {"nine99999", true}, {"thirteen13131", true}, {"fourteen141414", true},
		{"\xff\x80\x01", true}, {"\x01", true},
		{"", false}, {"/", false}, {"eight88/", false}, {"nine9999/", false}, {"fourteen14141/", false},
		{"a\x00b", false}, {"\x00b", false}, {"a\x00\x00\x00\x00\x00\x00\x00\x00b", false}, {"eight888\x00b", false}, {"a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00b", false},
		{"seven77\x00b", false}, {"a\x00\x01", false},
	} {
		var b [NameMax]byte
		copy(b[:], c.name)
		if got := goodName(nameWords(b[:])); got != c.good {
			t.Errorf("%q: %v", c.name, got)
		}
	}
}
