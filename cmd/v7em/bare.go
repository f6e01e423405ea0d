package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"v7em/asm"
	"v7em/images"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/mmu"
	"v7em/unix/aout"
)

func bareCommand() *cobra.Command {
	var o bareOptions
	cmd := &cobra.Command{
		Use:   "bare [FILE]",
		Short: "Run a program on a bare machine until it halts",
		Long: `Bare loads an absolute-loader tape (.lda) or a V7 a.out (0407 or 0410) into a
machine without disks, runs it in kernel mode with memory management off until
it halts, and prints one line with the registers in octal. What the program
prints on the console comes before it, or goes to standard error with --json.
v7em asm makes such programs.

Packs are put into drives with --attach. What the program writes goes straight
to their images: no journal stands between, but one that is beside an image is
brought home first. Without a FILE the machine boots from rk0, or else from rp0.

On a terminal, without --max, what is typed is the console's input, ^C too; ^E
ends the run. Elsewhere the console gets what is in --input FILE, or nothing.

The exit status is 0 after a HALT and 1 otherwise.`,
		Example: `  v7em asm hello.s; v7em bare hello.lda
  v7em bare --model 45 --memory 64K --max 1000000 test.lda
  v7em bare --json --dump 1000:10 a.out
  echo 6 7 | v7em bare --input - sum.lda
  v7em bare --attach rk0=xxdp.rk05 --switches 400`,
		Args: argCount(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, strings.Join(args, ""))
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.model, "model", 70, "the PDP-11: 70 or 45")
	f.StringVar(&o.memory, "memory", "", "its memory, such as 64K (default: 2M, or 256K for a 45)")
	f.StringVar(&o.start, "start", "", "start at this `address`, octal (default: the file's)")
	f.BoolVar(&o.noFPP, "nofpp", false, "without the floating-point processor")
	f.Uint64Var(&o.max, "max", 0, "give up after this many instructions, or as long a time in WAIT; 0: never")
	f.BoolVar(&o.json, "json", false, "print all of the machine's state as JSON")
	f.StringVar(&o.input, "input", "", "what the console gets as input: a `file`, or - for standard input")
	f.StringVar(&o.switches, "switches", "0", "the console's switch register, octal")
	f.StringArrayVar(&o.attach, "attach", nil,
		"put a pack into a drive: `DRIVE=FILE`, such as rk0=a.rk05 (may be repeated)")
	addAnySize(f, &o.anySize)
	f.StringArrayVar(&o.dump, "dump", nil, "print N words of physical memory from an address on: `A:N`, octal (may "+
		"be repeated)")
	return cmd
}

type bareOptions struct {
	model  int
	memory string
	start  string
	noFPP  bool
	max    uint64
	json   bool
	dump   []string

	input, switches string
	attach          []string
	anySize         bool
}

// memoryRange is a value of --dump.
type memoryRange struct{ addr, words int }

// octal reads an octal number, with or without a leading 0 or 0o.
func octal(s string) (int, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 22)
	if err != nil {
		return 0, fmt.Errorf("%q is not an octal number below 20000000", s)
	}
	return int(n), nil
}

func parseRange(s string) (r memoryRange, err error) {
	a, n, ok := strings.Cut(s, ":")
	if !ok {
		return r, usagef("--dump %q: want ADDRESS:WORDS", s)
	}
	if r.addr, err = octal(a); err == nil {
		r.words, err = octal(n)
	}
	if err == nil && r.addr%2 != 0 {
		err = errors.New("the address is odd")
	}
	if err != nil {
		return r, usagef("--dump %q: %w", s, err)
	}
	return r, nil
}

// nanosPerInstr makes virtual time a count of instructions.
const nanosPerInstr = 1000

func (o *bareOptions) run(cmd *cobra.Command, file string) error {
	c := machine.Config{Model: machine.Model(o.model), NoFPP: o.noFPP, NanosPerInstr: nanosPerInstr}
	if o.memory != "" {
		n, err := images.ParseMemory(o.memory)
		if err != nil {
			return badUsage{err}
		}
		c.Memory = n
	}
	m, err := machine.New(c)
	if err != nil {
		return badUsage{err}
	}
	var dump []memoryRange
	for _, s := range o.dump {
		r, err := parseRange(s)
		if err == nil && r.addr+2*r.words > 2*len(m.MMU.Mem) {
			err = usagef("--dump %q: memory ends at %o", s, 2*len(m.MMU.Mem))
		}
		if err != nil {
			return err
		}
		dump = append(dump, r)
	}
	switches, err := octal(o.switches)
	if err != nil || switches > 0o177777 {
		return usagef("--switches %q: must be an octal number up to 177777", o.switches)
	}
	m.CPU.Switches = uint16(switches)
	input, err := o.readInput(cmd.InOrStdin())
	if err != nil {
		return err
	}
	packs, err := o.attachPacks(m)
	defer func() {
		for _, p := range packs {
			p.Close() // an error in what follows is told first
		}
	}()
	if err != nil {
		return err
	}
	if err := o.load(m, file); err != nil {
		return err
	}

	out := cmd.OutOrStdout()
	console := &printer{w: out}
	if o.json {
		console.w = cmd.ErrOrStderr()
	}
	m.Console.SetTerminal(console)
	m.Console.Type(input...)
	var why string
	if keys, ok := o.terminal(cmd, console.w); ok {
		why, err = attended(cmd.Context(), m, console, keys)
	} else {
		why = o.runToEnd(cmd.Context(), m)
	}
	console.endLine()
	for len(packs) > 0 {
		p := packs[0]
		packs = packs[1:]
		err = errors.Join(err, p.Err(), p.Close())
	}
	s := newBareState(m, why)
	for _, r := range dump {
		s.Dump = append(s.Dump, dumped{Address: oct(uint32(r.addr), 8),
			Words: octals(m.MMU.Mem[r.addr/2 : r.addr/2+r.words]...)})
	}
	var perr error
	if o.json {
		perr = printJSON(out, s, "  ")
	} else {
		perr = s.print(out)
	}
	if err := errors.Join(err, perr); err != nil {
		return err
	}
	switch why {
	case stopHalt, stopKeys:
		return nil
	case stopMax:
		return fmt.Errorf("no HALT within %d instructions (--max)", o.max)
	case stopWait:
		return errors.New("the program waits and no device will ever interrupt it")
	}
	return cmd.Context().Err()
}

// maxInput bounds --input.
const maxInput = 1 << 20

// readInput returns what the console is to get.
func (o *bareOptions) readInput(stdin io.Reader) ([]byte, error) {
	if o.input == "" {
		return nil, nil
	}
	if o.input != "-" {
		return readAtMost(o.input, maxInput)
	}
	data, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("more than %d bytes", maxInput)
	}
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return data, nil
}

// attachPacks puts the packs of --attach into the drives. Those that are open are
// returned also with an error.
func (o *bareOptions) attachPacks(m *machine.Machine) (packs []images.Pack, err error) {
	seen := map[string]bool{}
	for _, a := range o.attach {
		name, path, ok := strings.Cut(a, "=")
		if !ok || path == "" {
			return packs, usagef("--attach %q: want DRIVE=FILE, such as rk0=a.rk05", a)
		}
		d, err := parseDrive(name)
		if err != nil {
			return packs, usagef("--attach %q: %w", a, err)
		}
		if seen[name] {
			return packs, usagef("--attach %q: %s has a pack already", a, name)
		}
		seen[name] = true
		kind := journaldev.RK05
		if d.rp {
			kind = journaldev.RP03
		}
		p, err := images.Keep{Journal: images.JournalOff, AnySize: o.anySize}.Open(path, kind, name)
		if err != nil {
			return packs, err
		}
		packs = append(packs, p)
		if err := insert(m, name, p); err != nil {
			return packs, err
		}
	}
	return packs, nil
}

// load puts the program into the machine and starts it, or boots it when there is none.
func (o *bareOptions) load(m *machine.Machine, file string) error {
	if file == "" {
		if o.start != "" {
			return usagef("--start is for a program: without one the machine boots from a pack")
		}
		for _, name := range []string{"rk", "rp"} {
			if m.RK.Disk(0) != nil && name == "rk" || m.RP.Disk(0) != nil && name == "rp" {
				return m.Boot(name, 0)
			}
		}
		return usagef("name a program, or a pack to boot from: --attach rk0=FILE")
	}
	data, err := readAtMost(file, maxProgram)
	if err != nil {
		return err
	}
	start, known, err := load(m, data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if o.start != "" {
		n, err := octal(o.start)
		if err != nil || n > 0o177777 {
			return usagef("--start %q: must be an octal address up to 177777", o.start)
		}
		start, known = uint16(n), true
	}
	if !known {
		return usagef("%s has no start address: give one with --start", file)
	}
	m.CPU.Start(start)
	return nil
}

// terminal returns the terminal whose keys are the console's input, if there is one.
func (o *bareOptions) terminal(cmd *cobra.Command, out any) (*os.File, bool) {
	if o.input != "" || o.max > 0 || !isTerminal(cmd.InOrStdin()) || !isTerminal(out) {
		return nil, false
	}
	return cmd.InOrStdin().(*os.File), true
}

// keyEnd ends a run on a terminal: ^E.
const keyEnd = 5

// attended runs the machine in the host's time, with a terminal for its console, until
// it halts or the user has enough of it.
func attended(ctx context.Context, m *machine.Machine, p *printer, keys *os.File) (string, error) {
	old, err := term.MakeRaw(int(keys.Fd()))
	if err != nil {
		return stopInterrupted, fmt.Errorf("the terminal: %w", err)
	}
	p.raw = true
	defer func() {
		p.raw = false
		_ = term.Restore(int(keys.Fd()), old) // one that is gone need not be restored
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req := make(chan func(*machine.Machine))
	go func() {
		var buf [256]byte
		for {
			n, err := keys.Read(buf[:])
			typed := bytes.Clone(buf[:n])
			if i := bytes.IndexByte(typed, keyEnd); i >= 0 {
				cancel(errKeys)
				return
			}
			if err != nil {
				cancel(err)
				return
			}
			select {
			case req <- func(m *machine.Machine) { m.Console.Type(typed...) }:
			case <-ctx.Done():
				return
			}
		}
	}()
	stop, _ := m.RunPaced(ctx, machine.SystemClock(), req)
	switch {
	case stop == machine.StopHalt:
		return stopHalt, nil
	case errors.Is(context.Cause(ctx), errKeys):
		return stopKeys, nil
	}
	return stopInterrupted, nil
}

var errKeys = errors.New("ended by ^E")

// How a bare program ended: the first word of its line.
const (
	stopHalt        = "HALT"
	stopMax         = "MAX"
	stopWait        = "WAIT"
	stopInterrupted = "INTERRUPTED"
	stopKeys        = "ENDED" // by ^E
)

// runToEnd runs the machine until it halts, or must stop for another reason.
func (o *bareOptions) runToEnd(ctx context.Context, m *machine.Machine) string {
	defer context.AfterFunc(ctx, m.Stop)()
	limit := uint64(1) << 62
	if o.max > 0 && o.max < limit/nanosPerInstr {
		limit = o.max * nanosPerInstr
	}
	switch m.Run(limit) {
	case machine.StopHalt:
		return stopHalt
	case machine.StopLimit:
		return stopMax
	case machine.StopWaitForever:
		return stopWait
	}
	return stopInterrupted
}

// load puts a program into memory and returns where it starts, if it says so.
func load(m *machine.Machine, data []byte) (start uint16, known bool, err error) {
	put := func(addr int, p []byte) error {
		if addr+len(p) > 2*len(m.MMU.Mem) {
			return fmt.Errorf("the program goes up to %o, but memory ends at %o", addr+len(p), 2*len(m.MMU.Mem))
		}
		for i, c := range p {
			pa := uint32(addr + i)
			shift := pa & 1 * 8
			m.MMU.WritePhys(pa&^1, uint16(c)<<shift, 0o377<<shift)
		}
		return nil
	}
	if len(data) >= 2 && aout.IsMagic(uint16(data[0])|uint16(data[1])<<8) {
		f, err := aout.Parse(data)
		if err != nil {
			return 0, false, err
		}
		dataAt := len(f.Text)
		switch f.Magic {
		case aout.Plain:
		case aout.Shared:
			dataAt = (dataAt + 8191) &^ 8191
		default:
			return 0, false, fmt.Errorf("an a.out of type %04o does not run on a bare machine: want 0407 or 0410", f.Magic)
		}
		if err := put(0, f.Text); err != nil {
			return 0, false, err
		}
		return f.Entry, true, put(dataAt, f.Data)
	}
	l, err := asm.ParseLDA(data)
	if err != nil {
		return 0, false, err
	}
	for _, b := range l.Blocks {
		if err := put(int(b.Addr), b.Data); err != nil {
			return 0, false, err
		}
	}
	return l.Start, l.HasStart, nil
}

// printer is a terminal that prints on a stream.
type printer struct {
	w    io.Writer
	last byte
	raw  bool // the terminal does not return the carriage by itself
}

func (p *printer) Put(c byte) {
	if c &= 0o177; c == 0 || c == '\r' || c == 0o177 {
		return
	}
	p.last = c
	if c == '\n' && p.raw {
		_, _ = p.w.Write([]byte{'\r'})
	}
	// Nothing can be done about an error here; the state that follows tells it.
	_, _ = p.w.Write([]byte{c})
}

// endLine makes what follows start on a line of its own.
func (p *printer) endLine() {
	if p.last != 0 && p.last != '\n' {
		p.Put('\n')
	}
}

// bareState is all of a machine's state, numbers in octal.
type bareState struct {
	Stop         string     `json:"stop"`
	Model        int        `json:"model"`
	Memory       int        `json:"memory_bytes"`
	Instructions uint64     `json:"instructions"`
	PC           string     `json:"pc"`
	PSW          string     `json:"psw"`
	R            []string   `json:"r"`             // R0-R5 of the current set
	Sets         [][]string `json:"register_sets"` // R0-R5 of both
	SP           string     `json:"sp"`            // of the current mode
	KSP          string     `json:"ksp"`
	SSP          string     `json:"ssp"`
	USP          string     `json:"usp"`
	MMR          []string   `json:"mmr"`
	PAR          pages      `json:"par"`
	PDR          pages      `json:"pdr"`
	UnibusMap    []string   `json:"unibus_map,omitempty"`
	FP           *bareFP    `json:"fp,omitempty"`
	CPUError     string     `json:"cpu_error"`
	PIRQ         string     `json:"pirq"`
	StackLimit   string     `json:"stack_limit"`
	Display      string     `json:"display"`
	Dump         []dumped   `json:"dump,omitempty"`
}

// pages are the eight registers of each space.
type pages struct {
	KernelI []string `json:"kernel_i"`
	KernelD []string `json:"kernel_d"`
	SuperI  []string `json:"supervisor_i"`
	SuperD  []string `json:"supervisor_d"`
	UserI   []string `json:"user_i"`
	UserD   []string `json:"user_d"`
}

// bareFP is the floating-point processor.
type bareFP struct {
	AC  [][]string `json:"ac"` // four words each, sign and exponent first
	FPS string     `json:"fps"`
	FEC string     `json:"fec"`
	FEA string     `json:"fea"`
}

type dumped struct {
	Address string   `json:"address"`
	Words   []string `json:"words"`
}

func oct(v uint32, digits int) string { return fmt.Sprintf("%0*o", digits, v) }

func octals(words ...uint16) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = oct(uint32(w), 6)
	}
	return list
}

func word(v uint16) string { return oct(uint32(v), 6) }

func newPages(r *[8][8]uint16) pages {
	of := func(mode, d int) []string { return octals(r[mode<<1|d][:]...) }
	return pages{
		KernelI: of(mmu.Kernel, 0), KernelD: of(mmu.Kernel, 1),
		SuperI: of(mmu.Supervisor, 0), SuperD: of(mmu.Supervisor, 1),
		UserI: of(mmu.User, 0), UserD: of(mmu.User, 1),
	}
}

func newBareState(m *machine.Machine, why string) *bareState {
	c, u := m.CPU, m.MMU
	s := &bareState{
		Stop: why, Model: int(m.Config().Model), Memory: 2 * len(u.Mem), Instructions: m.Instructions(),
		PC: word(c.R[7]), PSW: word(c.PSW()), R: octals(c.R[:6]...), SP: word(c.R[6]),
		KSP: word(c.StackPointer(mmu.Kernel)), SSP: word(c.StackPointer(mmu.Supervisor)), USP: word(c.StackPointer(mmu.User)),
		MMR: octals(u.MMR0, u.MMR1, u.MMR2, u.MMR3), PAR: newPages(&u.PAR), PDR: newPages(&u.PDR),
		CPUError: word(c.CPUError), PIRQ: word(c.PIRQ), StackLimit: word(c.StackLimit), Display: word(c.Display),
	}
	for set := range 2 {
		var r []string
		for n := range 6 {
			r = append(r, word(c.Register(set, n)))
		}
		s.Sets = append(s.Sets, r)
	}
	if m.Config().Model == machine.PDP1170 {
		for _, v := range u.UBMap[:31] {
			s.UnibusMap = append(s.UnibusMap, oct(v, 8))
		}
	}
	if !m.Config().NoFPP {
		s.FP = &bareFP{FPS: word(c.FP.FPS), FEC: word(c.FP.FEC), FEA: word(c.FP.FEA)}
		for _, v := range c.FP.AC {
			s.FP.AC = append(s.FP.AC, octals(uint16(v>>48), uint16(v>>32), uint16(v>>16), uint16(v)))
		}
	}
	return s
}

// print writes the state as one line, and a line for every eight words dumped.
func (s *bareState) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s PC=%s", s.Stop, s.PC)
	for i, r := range s.R {
		fmt.Fprintf(&b, " R%d=%s", i, r)
	}
	fmt.Fprintf(&b, " SP=%s PSW=%s\n", s.SP, s.PSW)
	for _, d := range s.Dump {
		addr, _ := octal(d.Address)
		for i := 0; i < len(d.Words); i += 8 {
			fmt.Fprintf(&b, "%08o: %s\n", addr+2*i, strings.Join(d.Words[i:min(i+8, len(d.Words))], " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
