package asm_test

import (
	"fmt"
	"log"

	"v7em/asm"
)

// Assemble a loop, and disassemble what came of it.
func Example() {
	p, err := asm.AssembleString("sum.s", `
start:	mov	$10.,r0		/ the sum of 1 to 10
	clr	r1
1:	add	r0,r1
	sob	r0,1b
	halt
`, asm.Options{Origin: 0o1000})
	if err != nil {
		log.Fatal(err) // an asm.ErrorList: each with its line
	}
	image, err := p.Image()
	if err != nil {
		log.Fatal(err)
	}
	for at := 0; at < len(image); {
		word := func(i int) uint16 { return uint16(image[at+2*i]) | uint16(image[at+2*i+1])<<8 }
		pc := 0o1000 + uint16(at)
		text, n := asm.Disasm(word, pc)
		fmt.Printf("%06o: %06o  %s\n", pc, word(0), text)
		at += 2 * n
	}
	// Output:
	// 001000: 012700  mov $012,r0
	// 001004: 005001  clr r1
	// 001006: 060001  add r0,r1
	// 001010: 077002  sob r0,01006
	// 001012: 000000  halt
}
