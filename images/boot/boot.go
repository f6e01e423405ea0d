// Package boot makes the bootstrap of an RK05 pack: block 0, which the controller's
// bootstrap ROM reads and starts, and the file /rkboot, the second stage, which asks for a
// program and loads it. Both are PDP-11 code of this project, assembled when they are needed.
package boot

import (
	_ "embed"
	"fmt"

	"v7em/asm"
)

// Name is where the second stage must be on the pack: a plain file of this name in
// the root directory.
const Name = "/rkboot"

//go:embed pdp11/block0.s
var block0Source string

//go:embed pdp11/rkboot.s
var rkbootSource string

const (
	blockSize = 512
	direct    = 10 // blocks that an inode addresses directly; block 0 reads no others
	pageSize  = 8192
)

// Block0 returns the 512 bytes for block 0 of the pack.
func Block0() ([]byte, error) {
	p, err := asm.AssembleString("block0.s", block0Source, asm.Options{})
	if err != nil {
		return nil, fmt.Errorf("boot block: %w", err)
	}
	b, err := p.Image()
	if err != nil {
		return nil, fmt.Errorf("boot block: %w", err)
	}
	if len(b) > blockSize {
		return nil, fmt.Errorf("boot block: %d bytes, but a block has %d", len(b), blockSize)
	}
	return append(b, make([]byte, blockSize-len(b))...), nil
}

// SecondStage returns the contents of the file /rkboot.
func SecondStage() ([]byte, error) {
	p, err := asm.AssembleString("rkboot.s", rkbootSource, asm.Options{})
	if err != nil {
		return nil, fmt.Errorf("second stage of the bootstrap: %w", err)
	}
	b, err := p.Image()
	if err != nil {
		return nil, fmt.Errorf("second stage of the bootstrap: %w", err)
	}
	if len(b) > direct*blockSize {
		return nil, fmt.Errorf("second stage of the bootstrap: %d bytes; block 0 reads at most %d", len(b), direct*blockSize)
	}
	// The loader runs in one page, with its stack at the top.
	stack, _ := p.Lookup("stack")
	const minStack = 512
	if end := int(p.BSSBase) + p.BSSSize; end > int(stack)-minStack || int(p.TextBase)%pageSize != 0 {
		return nil, fmt.Errorf("second stage of the bootstrap: it ends at %06o, too near to its stack at %06o", end, stack)
	}
	return b, nil
}
