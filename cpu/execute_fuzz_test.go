package cpu

import (
	"testing"
)

// FuzzExecute runs whatever comes, from any state, for a while: it must not
// panic, as it would on touching memory that the machine does not have, nor
// hang, and what it leaves is a whole state.
func FuzzExecute(f *testing.F) {
	f.Add([]byte{0, 0}, uint64(0))
	f.Add([]byte{1, 0, 2, 0, 3, 0, 5, 0, 6, 0}, uint64(1))
	f.Add([]byte("\xc0\x15\x1f\x0a\xc0\x17\x00\xf0 some bytes that are instructions too"), uint64(0xfedcba9876543210))
	f.Add([]byte{0x26, 0x0a, 0x46, 0x11, 0xdf, 0x15, 0xff, 0xff, 0xfe, 0xff, 0xc0, 0x65}, uint64(0x8000_1234_ffff_0001))
	f.Fuzz(func(t *testing.T, code []byte, seed uint64) {
		if len(code) == 0 {
			return
		}
		r := newModelRig(t, seed&1 != 0, "halt")
		r.noFPP = seed&2 != 0
		next := func() uint16 { // xorshift
			seed ^= seed << 13
			seed ^= seed >> 7
			seed ^= seed << 17
			return uint16(seed >> 32)
		}
		seed |= 1 << 63
		sparse := func() uint16 { // fewer ones
			v := next()
			return v & next()
		}
		for i := range r.m.Mem {
			r.m.Mem[i] = uint16(code[2*i%len(code)]) | uint16(code[(2*i+1)%len(code)])<<8
			if i%7 == 0 {
				r.m.Mem[i] ^= sparse()
			}
		}
		for space := range 8 {
			for page := range 8 {
				r.m.PAR[space][page], r.m.PDR[space][page] = sparse(), next()|077402
			}
		}
		for i := range r.R {
			r.R[i] = next()
		}
		r.SetPSW(next())
		r.m.MMR0, r.m.MMR3 = next()&01001, next()&067
		r.R[7] &^= 1
		const limit = 20_000
		for done := false; !done && r.Count < limit; {
			switch r.Run(1000) {
			case StopHalt:
				done = true
			case StopWait:
				r.requests[4+next()&3] = next() & 0774
				done = next()&7 == 0
			case StopIO:
				if next()&017 == 0 {
					r.requests[4+next()&3] = next() & 0774
				}
			}
		}
		if psw := r.PSW(); psw&03400 != 0 {
			t.Errorf("PSW %06o has bits that do not exist", psw)
		}
		// The state is complete: another machine with it and the memory is in the
		// same place.
		other := newModelRig(t, r.is70, "halt")
		copy(other.m.Mem, r.m.Mem)
		other.noFPP = r.noFPP
		other.m.SetState(r.m.State)
		other.SetState(r.State)
		other.requests = r.requests
		r.Run(50)
		other.Run(50)
		if other.State != r.State || other.m.State != r.m.State {
			t.Errorf("a copy goes another way:\n%+v\n%+v", other.State, r.State)
		}
	})
}
