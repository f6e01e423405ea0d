package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"v7em/asm"
	"v7em/escape"
	"v7em/internal/hostfile"
	"v7em/unix/aout"
)

// maxProgram bounds the files that are read whole: a PDP-11 program is at most 128 KB,
// its source may be longer.
const maxProgram = 16 << 20

// readAtMost reads a file that must not be longer than n bytes.
func readAtMost(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, n+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case int64(len(data)) > n:
		return nil, fmt.Errorf("%s has more than %d bytes: that is no program", path, n)
	}
	return data, nil
}

func asmCommand() *cobra.Command {
	var o asmOptions
	cmd := &cobra.Command{
		Use:   "asm FILE...",
		Short: "Assemble a program for a bare machine",
		Long: `Asm assembles PDP-11 source in the syntax of V7's own assembler, several files
as if they were one, and writes an absolute-loader tape (.lda), which v7em bare
runs, an a.out (0407), or the bare words of a boot block (--format image).

Without --start the program starts at its symbol "start" or, if it has none, at
its first word. Without --origin it is assembled for address 0, or for what the
source sets ".." to.`,
		Example: `  v7em asm hello.s                     # makes hello.lda
  v7em asm --list --origin 1000 -o test.lda test.s
  v7em asm --format image -o boot.bin boot.s`,
		Args: argCount(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.out, "output", "o", "",
		"the `file` to make, - for standard output (default: the first source's name with .lda or .out)")
	f.StringVar(&o.format, "format", "lda", "what to make: lda, a.out or image")
	f.StringVar(&o.start, "start", "", "where it starts: a symbol or an octal `address`")
	f.StringVar(&o.origin, "origin", "0", "the octal `address` that it is assembled for")
	f.BoolVar(&o.list, "list", false, "print the source with addresses and words")
	complete(cmd, "format", "lda", "a.out", "image")
	return cmd
}

type asmOptions struct {
	out, format, start, origin string
	list                       bool
}

func (o *asmOptions) run(cmd *cobra.Command, names []string) error {
	suffix, ok := map[string]string{"lda": ".lda", "a.out": ".out", "image": ".bin"}[o.format]
	if !ok {
		return usagef("--format %q: want lda, a.out or image", o.format)
	}
	origin, err := octal(o.origin)
	if err != nil || origin > 0o177776 || origin%2 != 0 {
		return usagef("--origin %q: must be an even octal address up to 177776", o.origin)
	}
	var files []asm.File
	for _, name := range names {
		text, err := readAtMost(name, maxProgram)
		if err != nil {
			return err
		}
		files = append(files, asm.File{Name: name, Text: string(text)})
	}
	p, err := asm.Assemble(asm.Options{Origin: uint16(origin)}, files...)
	if err != nil {
		return mistakes(cmd.ErrOrStderr(), err)
	}
	start, err := startOf(p, o.start)
	if err != nil {
		return err
	}
	data, err := o.encode(p, start)
	if err != nil {
		return err
	}
	out := o.out
	if out == "" {
		out = strings.TrimSuffix(names[0], filepath.Ext(names[0])) + suffix
	}
	if o.list {
		if out == "-" {
			return usagef("--list and -o - both want standard output")
		}
		if _, err := io.WriteString(cmd.OutOrStdout(), p.Listing()); err != nil {
			return err
		}
	}
	if out == "-" {
		_, err := cmd.OutOrStdout().Write(data)
		return err
	}
	for _, name := range names {
		if sameFile(name, out) {
			return usagef("-o %s: that is the source", out)
		}
	}
	return hostfile.Write(out, data, hostfile.Options{})
}

// sameFile says whether two names are of one file that is there.
func sameFile(a, b string) bool {
	sa, err := os.Stat(a)
	if err != nil {
		return false
	}
	sb, err := os.Stat(b)
	return err == nil && os.SameFile(sa, sb)
}

// mistakes prints the mistakes in a source, a line each, and returns how many there are.
func mistakes(w io.Writer, err error) error {
	list, ok := err.(asm.ErrorList)
	if !ok || len(list) == 1 {
		return err
	}
	for _, e := range list {
		fmt.Fprintln(w, "v7em:", escape.Line(e.Error()))
	}
	return fmt.Errorf("%d mistakes: nothing was made", len(list))
}

// startOf returns where a program starts.
func startOf(p *asm.Program, wish string) (uint16, error) {
	if wish == "" {
		if at, ok := p.Lookup("start"); ok {
			return at, nil
		}
		return p.TextBase, nil
	}
	if at, ok := p.Lookup(wish); ok {
		return at, nil
	}
	at, err := octal(wish)
	if err != nil || at > 0o177777 {
		return 0, usagef("--start %q: the program has no such symbol, and it is no octal address up to 177777", wish)
	}
	return uint16(at), nil
}

// encode returns the file to make.
func (o *asmOptions) encode(p *asm.Program, start uint16) ([]byte, error) {
	switch o.format {
	case "lda":
		return p.LDA(start).Bytes(), nil
	case "image":
		return p.Image()
	}
	if p.TextBase != 0 {
		return nil, usagef("an a.out is loaded at address 0, and this program is assembled for %o", p.TextBase)
	}
	f := &aout.File{Header: aout.Header{Magic: uint16(p.Layout), BSSSize: uint16(p.BSSSize), Entry: start},
		Text: p.Text, Data: p.Data}
	return f.Bytes()
}

func disasmCommand() *cobra.Command {
	var o disasmOptions
	cmd := &cobra.Command{
		Use:   "disasm FILE",
		Short: "Disassemble a program",
		Long: `Disasm prints the instructions of an absolute-loader tape, of a V7 a.out (with
its names, if it has them), or with --raw of the words of any file: a boot
block, say, or block 0 of a pack. What it prints behind the words v7em asm
assembles to the same words.`,
		Example: `  v7em disasm hello.lda
  v7em disasm --raw --words 400 rk0.rk05
  v7em fs get rk0.rk05 /unix unix; v7em disasm unix`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.raw, "raw", false, "take the file as words, whatever it is")
	f.StringVar(&o.origin, "origin", "0", "with --raw: the octal `address` of the first word")
	f.StringVar(&o.words, "words", "100000", "with --raw: at most so many words, octal")
	return cmd
}

type disasmOptions struct {
	raw           bool
	origin, words string
}

func (o *disasmOptions) run(cmd *cobra.Command, name string) error {
	origin, err := octal(o.origin)
	if err != nil || origin > 0o177776 || origin%2 != 0 {
		return usagef("--origin %q: must be an even octal address up to 177776", o.origin)
	}
	words, err := octal(o.words)
	if err != nil || words > 0o100000 {
		return usagef("--words %q: must be an octal number up to 100000", o.words)
	}
	d := disassembler{w: cmd.OutOrStdout()}
	if o.raw {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, int64(2*words)))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.code(uint16(origin), data)
		return d.err
	}
	data, err := readAtMost(name, maxProgram)
	if err != nil {
		return err
	}
	if len(data) >= 2 && aout.IsMagic(binary.LittleEndian.Uint16(data)) {
		f, err := aout.Parse(data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.aout(f)
		return d.err
	}
	l, err := asm.ParseLDA(data)
	if err != nil {
		return fmt.Errorf("%s: %w; --raw takes the file as words", name, err)
	}
	for _, b := range l.Blocks {
		d.code(b.Addr, b.Data)
	}
	if l.HasStart {
		d.printf("/ starts at %06o\n", l.Start)
	}
	return d.err
}

// disassembler prints code. err is the first error in writing it.
type disassembler struct {
	w      io.Writer
	labels map[uint16][]string
	err    error
}

func (d *disassembler) printf(format string, a ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format, a...)
	}
}

// aout prints an executable: its text as instructions, its data as words.
func (d *disassembler) aout(f *aout.File) {
	label := func(of ...aout.Type) {
		d.labels = map[uint16][]string{}
		for _, s := range f.Symbols {
			for _, t := range of {
				if s.Type&aout.TypeMask == t {
					d.labels[s.Value] = append(d.labels[s.Value], s.Name)
				}
			}
		}
	}
	label(aout.Text)
	d.code(0, f.Text)
	at := len(f.Text)
	switch f.Magic {
	case aout.Shared:
		at = (at + 8191) &^ 8191
	case aout.Separate:
		at = 0
	}
	if len(f.Data) > 0 {
		d.printf("/ data\n")
		label(aout.Data)
		d.data(uint16(at), f.Data)
	}
	d.printf("/ starts at %06o; %d bytes of bss\n", f.Entry, f.BSSSize)
}

// name prints the labels of an address.
func (d *disassembler) name(at uint16) {
	for _, s := range d.labels[at] {
		d.printf("%s:\n", escape.Name(s))
	}
}

// code prints instructions. A last odd byte is printed as one.
func (d *disassembler) code(at uint16, p []byte) {
	word := func(i int) uint16 {
		if 2*i+1 < len(p) {
			return binary.LittleEndian.Uint16(p[2*i:])
		}
		return 0
	}
	for d.err == nil && len(p) > 1 {
		text, n := asm.Disasm(word, at)
		if 2*n > len(p) { // its operands are not there
			text, n = fmt.Sprintf("%06o", word(0)), 1
		}
		var codes strings.Builder
		for i := range n {
			fmt.Fprintf(&codes, "%06o ", word(i))
		}
		d.name(at)
		d.printf("%06o: %-21s %s\n", at, codes.String(), text)
		at, p = at+uint16(2*n), p[2*n:]
	}
	if len(p) == 1 {
		d.printf("%06o: %03o\n", at, p[0])
	}
}

// data prints words, and those with a label on a line of their own.
func (d *disassembler) data(at uint16, p []byte) {
	for d.err == nil && len(p) > 0 {
		d.name(at)
		n := 2
		for n < min(len(p), 16) && d.labels[at+uint16(n)] == nil {
			n += 2
		}
		n = min(n, len(p))
		d.printf("%06o:", at)
		for i := 0; i+1 < n; i += 2 {
			d.printf(" %06o", binary.LittleEndian.Uint16(p[i:]))
		}
		if n%2 != 0 {
			d.printf(" %03o", p[n-1])
		}
		d.printf("\n")
		at, p = at+uint16(n), p[n:]
	}
}
