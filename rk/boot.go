package rk

import "fmt"

// bootOrigin is where the bootstraps lie: behind the block that they read.
const bootOrigin = 0o2000

// Bootstrap returns what a hardware bootstrap would do for a drive: a program,
// as words, its origin, which is also its initial stack pointer, and where it
// starts. It reads block 0 of the pack to address 0 and jumps there, with the
// drive's number in R0 and the controller's control and status register in R1.
// If the block cannot be read it halts. dev is rk or rp, unit 0 to 7.
//
// The MMU must be off.
func Bootstrap(dev string, unit int) (code []uint16, origin, start uint16, err error) {
	if unit < 0 || unit >= Drives {
		return nil, 0, 0, fmt.Errorf("boot from %s%d: there are only drives 0 to %d", dev, unit, Drives-1)
	}
	u := uint16(unit)
	switch dev {
	case "rk":
		code = []uint16{
			0o012706, bootOrigin, //       mov   $origin,sp
			0o012700, u, //                mov   $unit,r0
			0o012701, 0o177412, //         mov   $rkda,r1
			0o012711, u << 13, //          mov   $unit<<13.,(r1)    block 0
			0o005041,           //         clr   -(r1)              rkba
			0o012741, 0o177400, //         mov   $-256.,-(r1)       rkwc
			0o012741, 0o000005, //         mov   $5,-(r1)           rkcs: read, go
			0o105711, //               1:  tstb  (r1)
			0o100376, //                   bpl   1b                 until ready
			0o005711, //                   tst   (r1)
			0o100401, //                   bmi   2f                 error
			0o005007, //                   clr   pc
			0o000000, //               2:  halt
		}
	case "rp":
		code = []uint16{
			0o012706, bootOrigin, //       mov   $origin,sp
			0o012700, u, //                mov   $unit,r0
			0o012701, 0o176726, //         mov   $rpda+2,r1
			0o005041,           //         clr   -(r1)              rpda
			0o005041,           //         clr   -(r1)              rpca
			0o005041,           //         clr   -(r1)              rpba
			0o012741, 0o177400, //         mov   $-256.,-(r1)       rpwc
			0o012741, u<<8 | 5, //         mov   $unit<<8.+5,-(r1)  rpcs: read, go
			0o105711, //               1:  tstb  (r1)
			0o100376, //                   bpl   1b                 until ready
			0o005711, //                   tst   (r1)
			0o100401, //                   bmi   2f                 error
			0o005007, //                   clr   pc
			0o000000, //               2:  halt
		}
	default:
		return nil, 0, 0, fmt.Errorf("boot from %s%d: only rk and rp drives can be booted from", dev, unit)
	}
	return code, bootOrigin, bootOrigin, nil
}
