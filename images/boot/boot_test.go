package boot

import "testing"

func TestSizes(t *testing.T) {
	b, err := Block0()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != 512 {
		t.Errorf("block 0 has %d bytes", len(b))
	}
	s, err := SecondStage()
	if err != nil {
		t.Fatal(err)
	}
	if len(s) == 0 || len(s) > 10*512 {
		t.Errorf("the second stage has %d bytes", len(s))
	}
	// Block 0 recognises the second stage by its second word.
	if w := uint16(s[2]) | uint16(s[3])<<8; w != 0o72153 {
		t.Errorf("second word of the second stage is %06o", w)
	}
}
