package asm

// Format says which operands an instruction takes and where they lie in the
// instruction word.
type Format uint8

// The instruction formats. "dd" and "ss" are six-bit general operands (mode in
// bits 5-3, register in bits 2-0); a mode other than 0, 1, 2, 4 (or 0-5 with the
// program counter's extra uses) is followed by an address word.
const (
	FmtNone       Format = iota // no operand
	FmtReg                      // register in bits 2-0: rts
	FmtPriority                 // a number in bits 2-0: spl
	FmtCC                       // condition-code operator: bit 4 set or clear, bits 3-0 NZVC
	FmtSingle                   // dd in bits 5-0
	FmtDouble                   // ss in bits 11-6, dd in bits 5-0
	FmtRegDst                   // register in bits 8-6, then dd: jsr, xor
	FmtSrcReg                   // ss in bits 5-0, register in bits 8-6: mul, div, ash, ashc
	FmtBranch                   // signed word offset in bits 7-0
	FmtSob                      // register in bits 8-6, words back in bits 5-0
	FmtMark                     // a number in bits 5-0
	FmtTrap                     // a number in bits 7-0
	FmtFPSingle                 // floating operand in bits 5-0; mode 0 names an accumulator
	FmtFPSrcAC                  // floating source in bits 5-0, accumulator in bits 7-6
	FmtFPACDst                  // accumulator in bits 7-6, floating destination in bits 5-0
	FmtFPIntSrcAC               // general source in bits 5-0, accumulator in bits 7-6: ldexp, ldcif
	FmtFPACIntDst               // accumulator in bits 7-6, general destination in bits 5-0: stexp, stcfi
)

// Instr is one instruction of the PDP-11/45 and 11/70. The two have the same
// instructions; those with FP set need the floating-point processor (FP11).
type Instr struct {
	Name   string // as the V7 assembler spells it where it knows it, else as the handbook does
	Base   uint16 // the word with every operand field zero
	Mask   uint16 // the bits that must equal Base
	Format Format
	Byte   bool // operates on bytes
	FP     bool // FP11 instruction
}

// Table lists every instruction once; no word matches two entries. Opcodes are
// from the PDP-11/70 processor handbook, appendix B. Callers must not change it.
var Table = []Instr{
	{"halt", 0o000000, 0o177777, FmtNone, false, false},
	{"wait", 0o000001, 0o177777, FmtNone, false, false},
	{"rti", 0o000002, 0o177777, FmtNone, false, false},
	{"bpt", 0o000003, 0o177777, FmtNone, false, false},
	{"iot", 0o000004, 0o177777, FmtNone, false, false},
	{"reset", 0o000005, 0o177777, FmtNone, false, false},
	{"rtt", 0o000006, 0o177777, FmtNone, false, false},
	{"jmp", 0o000100, 0o177700, FmtSingle, false, false},
	{"rts", 0o000200, 0o177770, FmtReg, false, false},
	{"spl", 0o000230, 0o177770, FmtPriority, false, false},
	{"cc", 0o000240, 0o177740, FmtCC, false, false},
	{"swab", 0o000300, 0o177700, FmtSingle, false, false},

	{"br", 0o000400, 0o177400, FmtBranch, false, false},
	{"bne", 0o001000, 0o177400, FmtBranch, false, false},
	{"beq", 0o001400, 0o177400, FmtBranch, false, false},
	{"bge", 0o002000, 0o177400, FmtBranch, false, false},
	{"blt", 0o002400, 0o177400, FmtBranch, false, false},
	{"bgt", 0o003000, 0o177400, FmtBranch, false, false},
	{"ble", 0o003400, 0o177400, FmtBranch, false, false},
	{"bpl", 0o100000, 0o177400, FmtBranch, false, false},
	{"bmi", 0o100400, 0o177400, FmtBranch, false, false},
	{"bhi", 0o101000, 0o177400, FmtBranch, false, false},
	{"blos", 0o101400, 0o177400, FmtBranch, false, false},
	{"bvc", 0o102000, 0o177400, FmtBranch, false, false},
	{"bvs", 0o102400, 0o177400, FmtBranch, false, false},
	{"bcc", 0o103000, 0o177400, FmtBranch, false, false},
	{"bcs", 0o103400, 0o177400, FmtBranch, false, false},

	{"jsr", 0o004000, 0o177000, FmtRegDst, false, false},

	{"clr", 0o005000, 0o177700, FmtSingle, false, false},
	{"com", 0o005100, 0o177700, FmtSingle, false, false},
	{"inc", 0o005200, 0o177700, FmtSingle, false, false},
	{"dec", 0o005300, 0o177700, FmtSingle, false, false},
	{"neg", 0o005400, 0o177700, FmtSingle, false, false},
	{"adc", 0o005500, 0o177700, FmtSingle, false, false},
	{"sbc", 0o005600, 0o177700, FmtSingle, false, false},
	{"tst", 0o005700, 0o177700, FmtSingle, false, false},
	{"ror", 0o006000, 0o177700, FmtSingle, false, false},
	{"rol", 0o006100, 0o177700, FmtSingle, false, false},
	{"asr", 0o006200, 0o177700, FmtSingle, false, false},
	{"asl", 0o006300, 0o177700, FmtSingle, false, false},
	{"mark", 0o006400, 0o177700, FmtMark, false, false},
	{"mfpi", 0o006500, 0o177700, FmtSingle, false, false},
	{"mtpi", 0o006600, 0o177700, FmtSingle, false, false},
	{"sxt", 0o006700, 0o177700, FmtSingle, false, false},

	{"clrb", 0o105000, 0o177700, FmtSingle, true, false},
	{"comb", 0o105100, 0o177700, FmtSingle, true, false},
	{"incb", 0o105200, 0o177700, FmtSingle, true, false},
	{"decb", 0o105300, 0o177700, FmtSingle, true, false},
	{"negb", 0o105400, 0o177700, FmtSingle, true, false},
	{"adcb", 0o105500, 0o177700, FmtSingle, true, false},
	{"sbcb", 0o105600, 0o177700, FmtSingle, true, false},
	{"tstb", 0o105700, 0o177700, FmtSingle, true, false},
	{"rorb", 0o106000, 0o177700, FmtSingle, true, false},
	{"rolb", 0o106100, 0o177700, FmtSingle, true, false},
	{"asrb", 0o106200, 0o177700, FmtSingle, true, false},
	{"aslb", 0o106300, 0o177700, FmtSingle, true, false},
	{"mfpd", 0o106500, 0o177700, FmtSingle, false, false},
	{"mtpd", 0o106600, 0o177700, FmtSingle, false, false},

	{"mov", 0o010000, 0o170000, FmtDouble, false, false},
	{"cmp", 0o020000, 0o170000, FmtDouble, false, false},
	{"bit", 0o030000, 0o170000, FmtDouble, false, false},
	{"bic", 0o040000, 0o170000, FmtDouble, false, false},
	{"bis", 0o050000, 0o170000, FmtDouble, false, false},
	{"add", 0o060000, 0o170000, FmtDouble, false, false},
	{"movb", 0o110000, 0o170000, FmtDouble, true, false},
	{"cmpb", 0o120000, 0o170000, FmtDouble, true, false},
	{"bitb", 0o130000, 0o170000, FmtDouble, true, false},
	{"bicb", 0o140000, 0o170000, FmtDouble, true, false},
	{"bisb", 0o150000, 0o170000, FmtDouble, true, false},
	{"sub", 0o160000, 0o170000, FmtDouble, false, false},

	{"mul", 0o070000, 0o177000, FmtSrcReg, false, false},
	{"div", 0o071000, 0o177000, FmtSrcReg, false, false},
	{"ash", 0o072000, 0o177000, FmtSrcReg, false, false},
	{"ashc", 0o073000, 0o177000, FmtSrcReg, false, false},
	{"xor", 0o074000, 0o177000, FmtRegDst, false, false},
	{"sob", 0o077000, 0o177000, FmtSob, false, false},

	{"emt", 0o104000, 0o177400, FmtTrap, false, false},
	{"sys", 0o104400, 0o177400, FmtTrap, false, false},

	{"cfcc", 0o170000, 0o177777, FmtNone, false, true},
	{"setf", 0o170001, 0o177777, FmtNone, false, true},
	{"seti", 0o170002, 0o177777, FmtNone, false, true},
	{"setd", 0o170011, 0o177777, FmtNone, false, true},
	{"setl", 0o170012, 0o177777, FmtNone, false, true},
	{"ldfps", 0o170100, 0o177700, FmtSingle, false, true},
	{"stfps", 0o170200, 0o177700, FmtSingle, false, true},
	{"stst", 0o170300, 0o177700, FmtSingle, false, true},
	{"clrf", 0o170400, 0o177700, FmtFPSingle, false, true},
	{"tstf", 0o170500, 0o177700, FmtFPSingle, false, true},
	{"absf", 0o170600, 0o177700, FmtFPSingle, false, true},
	{"negf", 0o170700, 0o177700, FmtFPSingle, false, true},
	{"mulf", 0o171000, 0o177400, FmtFPSrcAC, false, true},
	{"modf", 0o171400, 0o177400, FmtFPSrcAC, false, true},
	{"addf", 0o172000, 0o177400, FmtFPSrcAC, false, true},
	{"ldf", 0o172400, 0o177400, FmtFPSrcAC, false, true},
	{"subf", 0o173000, 0o177400, FmtFPSrcAC, false, true},
	{"cmpf", 0o173400, 0o177400, FmtFPSrcAC, false, true},
	{"stf", 0o174000, 0o177400, FmtFPACDst, false, true},
	{"divf", 0o174400, 0o177400, FmtFPSrcAC, false, true},
	{"movei", 0o175000, 0o177400, FmtFPACIntDst, false, true},
	{"movfi", 0o175400, 0o177400, FmtFPACIntDst, false, true},
	{"movfo", 0o176000, 0o177400, FmtFPACDst, false, true},
	{"movie", 0o176400, 0o177400, FmtFPIntSrcAC, false, true},
	{"movif", 0o177000, 0o177400, FmtFPIntSrcAC, false, true},
	{"movof", 0o177400, 0o177400, FmtFPSrcAC, false, true},
}

// aliases are further spellings of entries of Table: the V7 assembler's second
// names, then the handbook's names of what V7 spells differently.
var aliases = map[string]string{
	"bec": "bcc", "bhis": "bcc", "bes": "bcs", "blo": "bcs",
	"als": "ash", "alsc": "ashc", "mpy": "mul", "dvd": "div",
	"trap":  "sys",
	"stexp": "movei", "stcfi": "movfi", "stcfl": "movfi", "stcdi": "movfi", "stcdl": "movfi",
	"stcfd": "movfo", "stcdf": "movfo", "ldexp": "movie",
	"ldcif": "movif", "ldcid": "movif", "ldclf": "movif", "ldcld": "movif",
	"ldcdf": "movof", "ldcfd": "movof",
	"ldd": "ldf", "std": "stf", "clrd": "clrf", "tstd": "tstf", "absd": "absf", "negd": "negf",
	"muld": "mulf", "modd": "modf", "addd": "addf", "subd": "subf", "cmpd": "cmpf", "divd": "divf",
}

// ccNames are the condition-code operators with a name of their own. Others are
// written as sums of these: "clc|clv".
var ccNames = map[string]uint16{
	"nop": 0o240, "clc": 0o241, "clv": 0o242, "clz": 0o244, "cln": 0o250, "ccc": 0o257,
	"sec": 0o261, "sev": 0o262, "sez": 0o264, "sen": 0o270, "scc": 0o277,
}

// Find returns the instruction that the word w is the first word of. It reports
// false for the words that the 11/45 and 11/70 reserve.
func Find(w uint16) (Instr, bool) {
	for _, in := range Table {
		if w&in.Mask == in.Base {
			return in, true
		}
	}
	return Instr{}, false
}
