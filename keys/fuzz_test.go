package keys

import (
	"testing"

	"v7em/unix/kernel"
)

// wholes are sequences that terminals send for keys and by themselves.
var wholes = []string{
	"\x1b[A", "\x1bOB", "\x1b[1;5C", "\x1b[3~", "\x1b[15;2~", "\x1b[[A", "\x1bOP", "\x1b[Z", "\x1b[200~", "\x1b[201~", "\x1b[M ab", "\x1b[M\xff\xe0!",
	"\x1b[<64;12;7M", "\x1b[<0;1;1m", "\x1b[I", "\x1b[O", "\x1b[12;80R", "\x1b[?62;1;6c", "\x1b]11;rgb:ff/ff/ff\x1b\\", "\x1b]52;c;YWJj\a", "\x1bP1$r0m\x1b\\",
	"\x1b[?1;2$y", "\x1b_Gi=1;OK\x1b\\", "\x1b(B", "\x1bx", "\x1b\x1b[A", "\x1b[97;5u", "\x1bO5A",
}

// FuzzDecode mixes text with whole sequences, and lets time pass anywhere: nothing but
// the text comes out as characters.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("ab\x80\x00c\x81\x02d"))
	for i := range wholes {
		f.Add([]byte{'a', 0x80, byte(i), 'b', 0x81, byte(i), 'c'})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d Decoder
		var want, got []byte
		note := func(keys []Key) {
			for _, k := range keys {
				if k.Code > ' ' && k.Code < 0o177 {
					got = append(got, byte(k.Code))
				}
			}
		}
		late := func() {
			for d.Wait() > 0 {
				note(d.Late())
			}
		}
		for len(data) > 0 {
			c := data[0]
			data = data[1:]
			if c < 0x80 || len(data) == 0 {
				if c > ' ' && c < 0o177 {
					want = append(want, c)
					late() // nobody types in the midst of a sequence
					note(d.Put(c))
				}
				continue
			}
			s := wholes[int(data[0])%len(wholes)]
			data = data[1:]
			late()
			for i := range len(s) {
				note(d.Put(s[i]))
				if c&1 != 0 && i == 0 {
					note(d.Late()) // ESC has been taken for a key; the rest is late
				}
			}
			if s == "\x1bx" && c&1 != 0 {
				want = append(want, 'x') // the keys ESC and x
			}
			if s == "\x1b(B" && c&1 != 0 || s[1] == ']' && c&1 != 0 || s[1] == 'P' && c&1 != 0 || s[1] == '_' && c&1 != 0 {
				want = append([]byte{}, got...) // these do not come late
			}
		}
		late()
		if string(got) != string(want) {
			t.Errorf("%q comes out, want %q", got, want)
		}
	})
}

// FuzzKeyboard types anything at V7's terminal in any mode, with time and output
// between: nothing goes wrong, V7's queue does not overflow in line mode, and no
// sequence is begun there.
func FuzzKeyboard(f *testing.F) {
	f.Add(uint16(0o30), byte('#'), byte('@'), byte(0), []byte("a\x1b[D\x1b[A#\\\x7f\r\xf0\xf1\xf2"))
	f.Add(uint16(0o34), byte('\b'), byte('U'&0o37), byte(8), []byte("\\a\x7f\x1b[Hxyz\t\x15\r"))
	f.Fuzz(func(t *testing.T, flags uint16, erase, kill, width byte, data []byte) {
		v := newV7(t, int(width))
		v.tty.Flags, v.tty.Erase, v.tty.Kill = kernel.TTYFlags(flags)&^kernel.TTYRaw, erase&0o177, kill&0o177
		special := erase&0o177 == 0o33 || kill&0o177 == 0o33
		for _, c := range data {
			switch c {
			case 0xf0:
				v.k.Type(v.d.Late()...)
			case 0xf1:
				v.prints("output\n# ")
			case 0xf2:
				v.drain(3)
			case 0xf3:
				v.canon()
			case 0xf4:
				v.tty.Flags ^= kernel.TTYCbreak
			case 0xf5:
				v.tty.Flags ^= kernel.TTYEcho
			case 0xf6:
				v.k.Redisplay()
			default:
				v.k.Type(v.d.Put(c)...)
				v.step(2)
			}
		}
		v.settle()
		lines := kernel.TTYFlags(flags)&kernel.TTYCbreak == 0
		for i, c := range v.typed {
			if lines && !special && !hasMode(data) && c == 0o33 && i+1 < len(v.typed) && (v.typed[i+1] == '[' || v.typed[i+1] == 'O') && !hasLate(data) {
				t.Errorf("%q reaches V7", v.typed)
			}
		}
		if lines && !hasMode(data) && v.lost > 0 {
			t.Errorf("lost %d times", v.lost)
		}
	})
}

func hasMode(data []byte) bool { return has(data, 0xf4) || has(data, 0xf5) }
func hasLate(data []byte) bool { return has(data, 0xf0) }

func has(data []byte, b byte) bool {
	for _, c := range data {
		if c == b {
			return true
		}
	}
	return false
}
