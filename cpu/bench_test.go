package cpu

import (
	"testing"

	"v7em/mmu"
)

// quietBus has no device and never interrupts.
type quietBus struct{}

func (quietBus) Level() int                        { return 0 }
func (quietBus) Grant(int) uint16                  { return 0 }
func (quietBus) Reset()                            {}
func (quietBus) Read(uint32) (uint16, bool)        { return 0, false }
func (quietBus) Write(uint32, uint16, uint16) bool { return false }

// newTestCPU makes an 11/70 with 64 KB whose memory begins with code, in
// kernel mode with relocation on and each page mapped to itself.
func newTestCPU(tb testing.TB, code ...uint16) *CPU {
	tb.Helper()
	m, err := mmu.New(256<<10, true)
	if err != nil {
		tb.Fatal(err)
	}
	m.IO = quietBus{}
	for page := range 8 {
		for space := range 2 {
			m.PAR[space][page] = uint16(page) << 7
			m.PDR[space][page] = 077406
		}
	}
	m.MMR0 = mmu.MMR0Enable
	c := New(m, quietBus{}, true, false)
	copy(m.Mem[01000/2:], code)
	c.Start(01000)
	c.R[6] = 0700
	return c
}

func benchmark(b *testing.B, code ...uint16) {
	c := newTestCPU(b, code...)
	c.Run(b.N)
	b.ReportMetric(0, "allocs/op")
}

func BenchmarkRegisterLoop(b *testing.B) {
	benchmark(b,
		0010001, // mov r0,r1
		0060102, // add r1,r2
		0005203, // inc r3
		0020203, // cmp r2,r3
		0000773, // br .-8
	)
}

func BenchmarkMixedModes(b *testing.B) {
	benchmark(b,
		0012704, 02000, // mov $2000,r4
		0012705, 03000, // mov $3000,r5
		0012425,    // mov (r4)+,(r5)+
		0016401, 4, // mov 4(r4),r1
		0060165, 6, // add r1,6(r5)
		0111415, // movb (r4),(r5)
		0005714, // tst (r4)
		0001401, // beq .+2
		0005215, // inc (r5)
		0000762, // br to the start
	)
}
