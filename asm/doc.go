// Package asm assembles and disassembles PDP-11 code over one instruction
// table ([Table]).
//
// The source language is that of the Seventh Edition assembler ("Assembler
// Reference Manual", D. M. Ritchie): comments start with a slash, statements
// end at a newline or a semicolon, numbers are octal unless they end in a
// point, "*" is deferred and "$" immediate, operators have one precedence and
// group with brackets. All of it is accepted, but operands without an operator
// between them only after a number at the start of a statement, with these additions:
//
//   - mnemonics that the V7 assembler leaves to its user are predefined (halt,
//     wait, rti, rtt, reset, bpt, iot, spl, emt, mfpi, mtpi, mfpd, mtpd, nop,
//     ccc, scc), as are the handbook's names where V7 has its own (ldf, stf,
//     ldcif, ...). A source may still define such a name as its own.
//   - names are significant to their full length.
//   - addresses are final, so "." may be set to an absolute value and operators
//     may be applied to addresses.
//
// There is no linker: every name must be defined in the sources given.
//
// The package also writes and reads absolute-loader tapes (see [ParseLDA]).
package asm
