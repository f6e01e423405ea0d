package mini

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"v7em/asm"
	"v7em/unix/aout"
)

//go:embed pdp11
var sources embed.FS

// kernelFiles are the kernel's sources in the order in which they are assembled: the
// constants first, the vectors at the start of the data, the end at the end.
var kernelFiles = []string{
	"param.s", "low.s", "main.s", "proc.s", "sys.s", "bio.s", "rk.s", "alloc.s", "inode.s",
	"namei.s", "rdwri.s", "file.s", "pipe.s", "tty.s", "exec.s", "end.s",
}

// source reads one of the embedded files.
func source(name string) (asm.File, error) {
	b, err := sources.ReadFile("pdp11/" + name)
	if err != nil {
		return asm.File{}, fmt.Errorf("mini: %w", err)
	}
	return asm.File{Name: name, Text: string(b)}, nil
}

// assemble assembles sources to one program.
func assemble(layout asm.Layout, names ...string) (*asm.Program, error) {
	var files []asm.File
	for _, n := range names {
		f, err := source(n)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	p, err := asm.Assemble(asm.Options{Layout: layout}, files...)
	if err != nil {
		return nil, fmt.Errorf("mini: %w", err)
	}
	return p, nil
}

// executable makes an a.out of a program, with its name list.
func executable(p *asm.Program) ([]byte, error) {
	types := map[asm.SymType]aout.Type{asm.SymText: aout.Text, asm.SymData: aout.Data, asm.SymBSS: aout.BSS}
	f := &aout.File{Header: aout.Header{Magic: uint16(p.Layout), BSSSize: uint16(p.BSSSize), Entry: p.TextBase},
		Text: p.Text, Data: p.Data}
	for _, s := range p.Symbols {
		if t, ok := types[s.Type]; ok {
			if strings.HasPrefix(s.Name, "_") {
				t |= aout.External
			}
			f.Symbols = append(f.Symbols, aout.Symbol{Name: s.Name[:min(len(s.Name), 8)], Type: t, Value: s.Value})
		}
	}
	return f.Bytes()
}

// Kernel returns the kernel as a V7 a.out with separate instruction and data space and
// a name list.
func Kernel() ([]byte, error) {
	p, err := kernelProgram()
	if err != nil {
		return nil, err
	}
	return executable(p)
}

func kernelProgram() (*asm.Program, error) {
	var names []string
	for _, n := range kernelFiles {
		names = append(names, "kernel/"+n)
	}
	return assemble(asm.Split, names...)
}

// library is assembled into every program, before it: how it starts, and what many need.
const library = "lib/start.s"

// parts are what some programs need besides.
var parts = map[string][]string{
	"date": {"lib/calendar.s"},
	"ls":   {"lib/calendar.s", "lib/names.s"},
}

// Program returns the a.out of one of the user programs.
func Program(name string) ([]byte, error) {
	p, err := assemble(asm.Contiguous, append([]string{library, "cmd/" + name + ".s"}, parts[name]...)...)
	if err != nil {
		return nil, err
	}
	return executable(p)
}

// Assemble makes an a.out of a program's text, with the library before it that all of
// mini's programs have. It runs on V7 too. name is for error messages.
func Assemble(name, text string) ([]byte, error) {
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

// Programs returns the names of the user programs, in alphabetical order.
func Programs() ([]string, error) {
	files, err := fs.Glob(sources, "pdp11/cmd/*.s")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".s"))
	}
	slices.Sort(names)
	return names, nil
}
