package cpu

import (
	"testing"

	"v7em/asm"
)

// TestDecode holds the decoder against the assembler's instruction table: the
// same words are instructions, and two words are the same operation here when
// they have the same name there.
func TestDecode(t *testing.T) {
	names := map[op]string{}
	ops := map[string]op{}
	for w := range 1 << 16 {
		got := decoded[w]
		in, ok := asm.Find(uint16(w))
		name := in.Name
		switch {
		case w>>12 == 017:
			name = "floating point" // which has a decoder of its own for words without a name too
		case !ok:
			name = "reserved"
		case in.Format == asm.FmtCC && w&020 != 0:
			name = "set codes"
		}
		if n, seen := names[got]; seen && n != name {
			t.Fatalf("%06o, %s, is decoded like %s", w, name, n)
		}
		if o, seen := ops[name]; seen && o != got {
			t.Fatalf("%06o, %s, is decoded otherwise than others of that name", w, name)
		}
		names[got], ops[name] = name, got
	}
	if ops["reserved"] != opReserved || ops["floating point"] != opFP {
		t.Error("reserved words are instructions")
	}
}
