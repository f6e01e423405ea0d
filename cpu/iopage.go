package cpu

// Unibus addresses of the processor's registers (PDP-11/70 Processor
// Handbook, appendix D).
const (
	RegSwitches   = 0777570
	regMemErrLow  = 0777740 // address of the last memory error
	regMemErrHigh = 0777742
	regMemError   = 0777744
	regCache      = 0777746
	regMaint      = 0777750
	regHitMiss    = 0777752
	regLowerSize  = 0777760
	regUpperSize  = 0777762
	regSystemID   = 0777764
	regCPUError   = 0777766
	regMicroBreak = 0777770
	regPIRQ       = 0777772
	regStackLimit = 0777774
	regPSW        = 0777776
)

// Event does nothing: the processor schedules none.
func (c *CPU) Event(int) {}

// Reset does nothing: the RESET instruction clears the processor's own
// registers before it pulls INIT.
func (c *CPU) Reset() {}

// Read returns the processor register at a Unibus address.
func (c *CPU) Read(addr uint32) (uint16, bool) {
	switch addr {
	case regPSW:
		return c.PSW(), true
	case regStackLimit:
		return c.StackLimit, true
	case regPIRQ:
		return c.PIRQ, true
	case regMicroBreak:
		return c.MicroBreak, true
	case RegSwitches:
		return c.Switches, true
	}
	if !c.is70 {
		return 0, false
	}
	switch addr {
	case regCPUError:
		return c.CPUError, true
	case regSystemID, regUpperSize, regMaint, regHitMiss, regMemErrLow, regMemErrHigh:
		return 0, true
	case regLowerSize:
		return uint16(c.mmu.Size()>>6 - 1), true
	case regMemError:
		return c.MemError, true
	case regCache:
		return c.Cache, true
	}
	return 0, false
}

// Write stores into the processor register at a Unibus address. The T bit
// of the PSW cannot be changed so.
func (c *CPU) Write(addr uint32, v, mask uint16) bool {
	switch addr {
	case regPSW:
		mask &^= PSWT
		c.SetPSW(c.PSW()&^mask | v&mask)
		return true
	case regStackLimit:
		c.StackLimit = (c.StackLimit&^mask | v&mask) & 0177400
		c.remap()
		return true
	case regPIRQ:
		c.setPIRQ((c.PIRQ&^mask | v&mask) & 0177000)
		return true
	case regMicroBreak:
		c.MicroBreak = (c.MicroBreak&^mask | v&mask) & 0377
		return true
	case RegSwitches:
		c.Display = c.Display&^mask | v&mask
		return true
	}
	if !c.is70 {
		return false
	}
	switch addr {
	case regCPUError:
		c.CPUError = 0
	case regSystemID, regUpperSize, regLowerSize, regMaint, regHitMiss, regMemErrLow, regMemErrHigh:
	case regMemError:
		c.MemError &^= v & mask
	case regCache:
		c.Cache = (c.Cache&^mask | v&mask) & 077
	default:
		return false
	}
	return true
}

// setPIRQ loads the request bits 15-9; the number of the highest appears in
// bits 7-5 and 3-1.
func (c *CPU) setPIRQ(v uint16) {
	for level := uint16(7); level > 0; level-- {
		if v>>(8+level)&1 != 0 {
			v |= level<<5 | level<<1
			break
		}
	}
	c.PIRQ = v
}
