package cpu

// op numbers the operations that the interpreter tells apart.
type op uint8

const (
	opReserved op = iota
	opMOV
	opMOVB
	opCMP
	opCMPB
	opBIT
	opBITB
	opBIC
	opBICB
	opBIS
	opBISB
	opADD
	opSUB
	opMUL
	opDIV
	opASH
	opASHC
	opXOR
	opSOB
	opBR
	opBNE
	opBEQ
	opBGE
	opBLT
	opBGT
	opBLE
	opBPL
	opBMI
	opBHI
	opBLOS
	opBVC
	opBVS
	opBCC
	opBCS
	opJSR
	opJMP
	opRTS
	opSPL
	opCLx
	opSEx
	opSWAB
	opCLR
	opCLRB
	opCOM
	opCOMB
	opINC
	opINCB
	opDEC
	opDECB
	opNEG
	opNEGB
	opADC
	opADCB
	opSBC
	opSBCB
	opTST
	opTSTB
	opROR
	opRORB
	opROL
	opROLB
	opASR
	opASRB
	opASL
	opASLB
	opMARK
	opMFPI
	opMFPD
	opMTPI
	opMTPD
	opSXT
	opEMT
	opTRAP
	opHALT
	opWAIT
	opRTI
	opRTT
	opBPT
	opIOT
	opRESET
	opFP
)

// opcodes lists the instruction set as runs of codes, first to last. A code
// in none of them is reserved. asm has the same set with names and operand
// forms; a test holds the two together.
var opcodes = []struct {
	first, last uint16
	op          op
}{
	{0000000, 0000000, opHALT}, {0000001, 0000001, opWAIT}, {0000002, 0000002, opRTI}, {0000003, 0000003, opBPT},
	{0000004, 0000004, opIOT}, {0000005, 0000005, opRESET}, {0000006, 0000006, opRTT},
	{0000100, 0000177, opJMP}, {0000200, 0000207, opRTS}, {0000230, 0000237, opSPL},
	{0000240, 0000257, opCLx}, {0000260, 0000277, opSEx}, {0000300, 0000377, opSWAB},
	{0000400, 0000777, opBR}, {0001000, 0001377, opBNE}, {0001400, 0001777, opBEQ}, {0002000, 0002377, opBGE},
	{0002400, 0002777, opBLT}, {0003000, 0003377, opBGT}, {0003400, 0003777, opBLE},
	{0004000, 0004777, opJSR},
	{0005000, 0005077, opCLR}, {0005100, 0005177, opCOM}, {0005200, 0005277, opINC}, {0005300, 0005377, opDEC},
	{0005400, 0005477, opNEG}, {0005500, 0005577, opADC}, {0005600, 0005677, opSBC}, {0005700, 0005777, opTST},
	{0006000, 0006077, opROR}, {0006100, 0006177, opROL}, {0006200, 0006277, opASR}, {0006300, 0006377, opASL},
	{0006400, 0006477, opMARK}, {0006500, 0006577, opMFPI}, {0006600, 0006677, opMTPI}, {0006700, 0006777, opSXT},
	{0010000, 0017777, opMOV}, {0020000, 0027777, opCMP}, {0030000, 0037777, opBIT}, {0040000, 0047777, opBIC},
	{0050000, 0057777, opBIS}, {0060000, 0067777, opADD},
	{0070000, 0070777, opMUL}, {0071000, 0071777, opDIV}, {0072000, 0072777, opASH}, {0073000, 0073777, opASHC},
	{0074000, 0074777, opXOR}, {0077000, 0077777, opSOB},
	{0100000, 0100377, opBPL}, {0100400, 0100777, opBMI}, {0101000, 0101377, opBHI}, {0101400, 0101777, opBLOS},
	{0102000, 0102377, opBVC}, {0102400, 0102777, opBVS}, {0103000, 0103377, opBCC}, {0103400, 0103777, opBCS},
	{0104000, 0104377, opEMT}, {0104400, 0104777, opTRAP},
	{0105000, 0105077, opCLRB}, {0105100, 0105177, opCOMB}, {0105200, 0105277, opINCB}, {0105300, 0105377, opDECB},
	{0105400, 0105477, opNEGB}, {0105500, 0105577, opADCB}, {0105600, 0105677, opSBCB}, {0105700, 0105777, opTSTB},
	{0106000, 0106077, opRORB}, {0106100, 0106177, opROLB}, {0106200, 0106277, opASRB}, {0106300, 0106377, opASLB},
	{0106500, 0106577, opMFPD}, {0106600, 0106677, opMTPD},
	{0110000, 0117777, opMOVB}, {0120000, 0127777, opCMPB}, {0130000, 0137777, opBITB}, {0140000, 0147777, opBICB},
	{0150000, 0157777, opBISB}, {0160000, 0167777, opSUB}, {0170000, 0177777, opFP},
}

// decoded maps every instruction word to its operation.
var decoded = func() (t [1 << 16]op) {
	for _, o := range opcodes {
		for i := uint32(o.first); i <= uint32(o.last); i++ {
			t[i] = o.op
		}
	}
	return t
}()
