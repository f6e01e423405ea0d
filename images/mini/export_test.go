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
