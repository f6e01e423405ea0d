package mini

import "v7em/asm"

// KernelSymbols returns the kernel's symbols.
func KernelSymbols() ([]asm.Symbol, error) {
	p, err := kernelProgram()
	if err != nil {
		return nil, err
	}
	return p.Symbols, nil
}

// Executable assembles a program, behind what all programs start with, to an a.out.
func Executable(name, text string) ([]byte, error) {
	start, err := source(library)
	if err != nil {
		return nil, err
	}
	p, err := asm.Assemble(asm.Options{}, start, asm.File{Name: name, Text: text})
	if err != nil {
		return nil, err
	}
	return executable(p)
}
