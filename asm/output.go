package asm

import (
	"fmt"
	"strings"
)

// Image returns text and data as they lie in memory from TextBase on, with zeros
// between them where the layout leaves a gap. It fails for [Split] programs, whose
// segments share addresses.
func (p *Program) Image() ([]byte, error) {
	if p.Layout == Split {
		return nil, fmt.Errorf("a program with separate instruction and data spaces has no flat image")
	}
	image := append([]byte(nil), p.Text...)
	if len(p.Data) > 0 {
		image = append(image, make([]byte, int(p.DataBase)-int(p.TextBase)-len(image))...)
		image = append(image, p.Data...)
	}
	return image, nil
}

// Listing returns the source with the octal address and words (or bytes, where they
// start or end at an odd address) that each line produced, three to a line.
func (p *Program) Listing() string {
	var b strings.Builder
	at := 0
	for i, f := range p.files {
		text := strings.TrimSuffix(f.Text, "\n")
		for n, src := range strings.Split(text, "\n") {
			shown := false
			row := func(addr, codes string) {
				line := fmt.Sprintf("%6s  %-20s", addr, codes)
				if !shown {
					line += "  " + src
					shown = true
				}
				b.WriteString(strings.TrimRight(line, " \t\r") + "\n")
			}
			for at < len(p.lines) && p.lines[at].file == i && p.lines[at].line == n+1 {
				e := p.lines[at]
				at++
				codes := e.codes()
				for k := 0; k < len(codes); k += 3 {
					step := uint16(2)
					if e.odd() {
						step = 1
					}
					row(fmt.Sprintf("%06o", e.addr+step*uint16(k)), strings.Join(codes[k:min(k+3, len(codes))], " "))
				}
			}
			if !shown {
				row("", "")
			}
		}
	}
	return b.String()
}

func (e emitted) odd() bool { return e.addr&1 != 0 || len(e.bytes)&1 != 0 }

func (e emitted) codes() []string {
	var out []string
	if e.odd() {
		for _, c := range e.bytes {
			out = append(out, fmt.Sprintf("   %03o", c))
		}
		return out
	}
	for i := 0; i < len(e.bytes); i += 2 {
		out = append(out, fmt.Sprintf("%06o", uint16(e.bytes[i])|uint16(e.bytes[i+1])<<8))
	}
	return out
}
