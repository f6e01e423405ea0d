package boot_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"v7em/asm"
	"v7em/images/boot"
	"v7em/machine"
	"v7em/simh"
	"v7em/unix/fs"
)

const (
	rkBlocks = 4872
	second   = uint64(1_000_000_000) // of virtual time
)

func TestSizes(t *testing.T) {
	b, err := boot.Block0()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != 512 {
		t.Errorf("block 0 has %d bytes", len(b))
	}
	s, err := boot.SecondStage()
	if err != nil {
		t.Fatal(err)
	}
	if len(s) == 0 || len(s) > 10*512 {
		t.Errorf("the second stage has %d bytes", len(s))
	}
	// Block 0 recognises the second stage by its second word.
	if w := binary.LittleEndian.Uint16(s[2:]); w != 0o72153 {
		t.Errorf("second word of the second stage is %06o", w)
	}
}

// Programs to be loaded. Each checks what it was started with, that its text, data
// and bss are what they must be, prints one line, and halts.

const common = `
	.globl	start
/ Print the string at r0.
puts:
	movb	(r0)+,r1
	beq	2f
1:
	tstb	*$177564
	bpl	1b
	movb	r1,*$177566
	br	puts
2:
	tstb	*$177564
	bpl	2b
	rts	pc
/ r4: the sum of r3 words at r2, rotated left before each.
sum:
	clr	r4
1:
	asl	r4
	adc	r4
	add	(r2)+,r4
	sob	r3,1b
	rts	pc
.macrobad
`

// bad makes the labels b1, b2, ...: print which check failed.
func bad(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "b%d:\tmov $[\"00+%d.+%o],r4; jmp bad\n", i, i%10<<8, i/10)
	}
	b.WriteString("bad:\tmov $1000,sp; mov r4,-(sp); mov $badm,r0; jsr pc,puts; clr 2(sp); mov sp,r0; jsr pc,puts; halt\n")
	b.WriteString(".data; badm: <bad \\0>; .even; .text\n")
	return b.String()
}

// filler is n pseudo-random words and their sum.
func filler(n int, seed uint32) (string, uint16) {
	var b strings.Builder
	sum := uint16(0)
	for range n {
		seed = seed*1664525 + 1013904223
		w := uint16(seed >> 16)
		sum = sum<<1 | sum>>15
		sum += w
		fmt.Fprintf(&b, "%o\n", w)
	}
	return b.String(), sum
}

// unmapped is a program of layout 0407 or 0410 with so many words of filler.
func unmapped(t *testing.T, layout asm.Layout, text, data, bss int) []byte {
	tf, ts := filler(text, 1)
	df, ds := filler(data, 2)
	src := fmt.Sprintf(`
start:
	mov	r0,r5
	cmp	sp,$157740;	jne b1
	cmp	r1,$177404;	jne b2
	bit	$1,*$177572;	jne b3
	mov	*$177776,r0
	bic	$17,r0
	cmp	r0,$340;	jne b4
	mov	$bssarea,r2
	mov	$%o,r3
1:	tst	(r2)+;	jne b5
	sob	r3,1b
	mov	$textarea,r2
	mov	$%o,r3
	jsr	pc,sum
	cmp	r4,$%o;	jne b6
	mov	$dataarea,r2
	mov	$%o,r3
	jsr	pc,sum
	cmp	r4,$%o;	jne b7
	add	$'0,r5
	movb	r5,unitm
	mov	$okm,r0
	jsr	pc,puts
	halt
	.data
okm:	<ok %o unit >
unitm:	<0\r\n\0>
	.even
	.text
`, bss, text, ts, data, ds, layout) + strings.Replace(common, ".macrobad\n", bad(8), 1) +
		"textarea:\n" + tf + ".data\ndataarea:\n" + df + fmt.Sprintf(".bss\nbssarea: .=.+%o\n", 2*bss)
	return aout(t, src, layout)
}

// kernel is a 0411 program: started mapped, through the vector of the trap instruction.
func kernel(t *testing.T, text, data, bss int) []byte {
	tf, ts := filler(text, 3)
	df, ds := filler(data, 4)
	src := fmt.Sprintf(`
start:
	mov	*$177776,r5
	mov	$1000,sp	/ not below the stack limit
	cmp	r5,$30346;	jne b1
	mov	*$177572,r0
	bic	$!160001,r0
	cmp	r0,$1;	jne b2
/ The text: read from the previous mode's instruction space, the kernel's.
	mov	$340,*$177776
	mov	$textarea,r2
	mov	$%o,r3
	clr	r4
1:	asl	r4
	adc	r4
	mfpi	(r2)+
	add	(sp)+,r4
	sob	r3,1b
	cmp	r4,$%o;	jne b3
	mov	$dataarea,r2
	mov	$%o,r3
	jsr	pc,sum
	cmp	r4,$%o;	jne b4
	mov	$bssarea,r2
	mov	$%o,r3
1:	tst	(r2)+;	jne b5
	sob	r3,1b
/ Page registers: those of an 11/45 keep 12 bits.
	mov	$172340,r0
	mov	$172360,r1
	mov	$[ebss+63.]\>6,r2
	clr	r3
1:	cmp	r0,$172354
	bhi	2f
	cmp	(r0),r2;	jne b6
	cmp	r0,$172354
	bhis	3f
	cmp	(r1),r3;	jne b7
3:	tst	(r0)+
	tst	(r1)+
	add	$200,r2
	add	$200,r3
	br	1b
2:	tst	*$172374;	jne b8
	mov	*$172356,r0
	bic	$170000,r0
	cmp	r0,$7600;	jne b9
	mov	*$172376,r0
	bic	$170000,r0
	cmp	r0,$7600;	jne b10
/ Page descriptors, but for the access bits.
	mov	$172300,r0
	mov	$16.,r3
1:	mov	(r0)+,r1
	bic	$300,r1
	cmp	r1,$77406;	jne b11
	sob	r3,1b
	mov	$ok45,r0
	cmp	*$172516,$5
	jeq	done
	cmp	*$172516,$65;	jne b12
/ An 11/70: the Unibus map maps each page to itself.
	mov	$170200,r0
	clr	r1
	clr	r2
	mov	$31.,r3
1:	cmp	(r0)+,r1;	jne b13
	cmp	(r0)+,r2;	jne b14
	add	$20000,r1
	adc	r2
	sob	r3,1b
	mov	$ok70,r0
done:
	jsr	pc,puts
	halt
	.data
zero:	.=34
	start;	346
	.=1000
ok45:	<ok 411 model 45\r\n\0>
ok70:	<ok 411 model 70\r\n\0>
	.even
	.text
`, text, ts, data, ds, bss) + strings.Replace(common, ".macrobad\n", bad(15), 1) +
		"textarea:\n" + tf + ".data\ndataarea:\n" + df + fmt.Sprintf(".bss\nbssarea: .=.+%o\nebss:\n", 2*bss)
	return aout(t, src, asm.Split)
}

func aout(t *testing.T, src string, layout asm.Layout) []byte {
	t.Helper()
	p, err := asm.AssembleString("program", src, asm.Options{Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := p.Lookup("start")
	var b []byte
	for _, w := range []uint16{uint16(layout), uint16(len(p.Text)), uint16(len(p.Data)), uint16(p.BSSSize), 0, entry, 0, 1} {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	return append(append(b, p.Text...), p.Data...)
}

// pack makes an RK05 pack with the bootstrap and files.
func pack(t *testing.T, files map[string][]byte) (*fs.Mem, *fs.FS) {
	t.Helper()
	m := fs.NewMem(rkBlocks)
	v, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: 4000})
	if err != nil {
		t.Fatal(err)
	}
	b, err := boot.Block0()
	if err != nil {
		t.Fatal(err)
	}
	copy(m.Block(0), b)
	s, err := boot.SecondStage()
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) {
		err := v.MkdirAll(filepath.Dir(name), fs.Attr{Perm: 0o755})
		if err == nil {
			err = v.WriteFile(name, data, fs.Attr{Perm: 0o755})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(boot.Name, s)
	for name, data := range files {
		put(name, data)
	}
	if err := v.Sync(); err != nil {
		t.Fatal(err)
	}
	return m, v
}

// disk is a pack in a drive whose block bad cannot be read so many times.
type disk struct {
	*fs.Mem
	bad, times int
}

func (d *disk) ReadOnly() bool { return false }

func (d *disk) ReadBlock(n int, p []byte) error {
	if n == d.bad && d.times > 0 {
		d.times--
		return errors.New("bad surface")
	}
	return d.Mem.ReadBlock(n, p)
}

// station is a machine with someone at its console.
type station interface {
	enter(text string)
	// expect waits for text and returns what is printed before it.
	expect(text string) string
}

// emulator is our own machine.
type emulator struct {
	t   *testing.T
	m   *machine.Machine
	out []byte
}

func (e *emulator) Put(c byte) { e.out = append(e.out, c&0o177) }

func (e *emulator) enter(text string) { e.m.Console.Type([]byte(text)...) }

func (e *emulator) expect(text string) string {
	e.t.Helper()
	for end := e.m.Now() + 20*second; ; {
		if before, after, ok := bytes.Cut(e.out, []byte(text)); ok {
			e.out = after
			return string(before)
		}
		if stop := e.m.Run(second / 1000); stop != machine.StopLimit && !bytes.Contains(e.out, []byte(text)) {
			e.t.Fatalf("%v at %06o; wanted %q, got %q", stop, e.m.CPU.R[7], text, e.out)
		}
		if e.m.Now() > end {
			e.t.Fatalf("too long: wanted %q, got %q", text, e.out)
		}
	}
}

func emulate(t *testing.T, cfg machine.Config, unit int, m *fs.Mem) *emulator {
	t.Helper()
	e := &emulator{t: t}
	var err error
	if e.m, err = machine.New(cfg); err != nil {
		t.Fatal(err)
	}
	e.m.Console.SetTerminal(e)
	if err := e.m.AttachRK(unit, &disk{Mem: m, bad: -1}); err != nil {
		t.Fatal(err)
	}
	if err := e.m.Boot("rk", unit); err != nil {
		t.Fatal(err)
	}
	return e
}

var both = []machine.Config{{Model: machine.PDP1145}, {Model: machine.PDP1170}}

// simulator is SIMH.
type simulator struct {
	t *testing.T
	s *simh.Sim
}

func (s *simulator) enter(text string) {
	s.t.Helper()
	if err := s.s.Send(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *simulator) expect(text string) string {
	s.t.Helper()
	before, err := s.s.Expect(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return before
}

func simulate(t *testing.T, cfg machine.Config, unit int, m *fs.Mem, commands ...string) *simulator {
	t.Helper()
	path, err := simh.Find()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pack"), m.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	memory := "2M"
	if cfg.Model == machine.PDP1145 {
		memory = "256K"
	}
	commands = append([]string{"set cpu " + cfg.Model.String(), "set cpu " + memory,
		fmt.Sprintf("attach rk%d pack", unit)}, commands...)
	s, err := simh.Start(path, dir, commands...)
	if err != nil {
		t.Fatal(err)
	}
	s.Timeout = 20 * time.Second
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Go(fmt.Sprintf("boot rk%d", unit)); err != nil {
		t.Fatal(err)
	}
	return &simulator{t, s}
}

// testFiles are programs of all layouts and sizes.
func testFiles(t *testing.T) map[string][]byte {
	small := unmapped(t, asm.Contiguous, 10, 20, 30)
	k := kernel(t, 15800, 700, 19900) // about the size of V7's
	return map[string][]byte{
		"/unix":               k,
		"/small":              small,
		"/shared":             unmapped(t, asm.Shared, 5000, 3000, 1000),
		"/edge":               unmapped(t, asm.Contiguous, 20000, 7000, 700),
		"/bigkernel":          kernel(t, 28200, 20000, 4000), // two levels of indirect blocks
		"/a/b/fourteenletter": small,
		"/text":               []byte("just a text, and no program at all\n"),
		"/empty":              {},
		"/short":              small[:len(small)-1],
		"/header":             small[:10],
		"/large":              unmapped(t, asm.Contiguous, 20000, 7000, 2000),
		"/largeshared":        unmapped(t, asm.Shared, 5000, 16000, 5000),
		"/largekernel":        kernel(t, 1000, 20000, 6000),
	}
}

// Every layout is loaded as it must be, on both models, ours and SIMH's.
func TestPrograms(t *testing.T) {
	m, _ := pack(t, testFiles(t))
	for _, cfg := range both {
		for _, tt := range []struct{ enter, want string }{
			{"\r", fmt.Sprintf("boot: unix\r\nok 411 model %d\r\n", cfg.Model)},
			{"small\r", "boot: small\r\nok 407 unit 3\r\n"},
			{"shared\n", "boot: shared\r\nok 410 unit 3\r\n"},
			{"edge\r", "boot: edge\r\nok 407 unit 3\r\n"},
			{"/bigkernel\r", fmt.Sprintf("boot: /bigkernel\r\nok 411 model %d\r\n", cfg.Model)},
			{"//a/b//fourteenletters\r", "boot: //a/b//fourteenletters\r\nok 407 unit 3\r\n"},
		} {
			run := func(t *testing.T, s station) {
				s.expect("boot: ")
				s.enter(tt.enter)
				got := "boot: " + s.expect("\r\n") + "\r\n" + s.expect("\r\n") + "\r\n"
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
			name := fmt.Sprintf("%d/%s", cfg.Model, strings.Trim(tt.enter, "\r\n/"))
			t.Run(name, func(t *testing.T) { run(t, emulate(t, cfg, 3, m)) })
			t.Run(name+"/simh", func(t *testing.T) { run(t, simulate(t, cfg, 3, m)) })
		}
	}
}

// A dialogue with every key that means something and every kind of failure.
func TestDialogue(t *testing.T) {
	m, v := pack(t, testFiles(t))
	// A direct and an indirect address past the end of the pack.
	damage := func(name string, index int) {
		st, err := v.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		block, off := fs.InodeBlock(st.Ino)
		fs.PutAddr3(m.Block(block)[off+12+3*index:], rkBlocks)
	}
	for _, name := range []string{"/bad0", "/bad10", "/badhigh"} {
		if err := v.WriteFile(name, testFiles(t)["/edge"], fs.Attr{Perm: 0o755}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Sync(); err != nil {
		t.Fatal(err)
	}
	damage("/bad0", 3)
	damage("/bad10", 10)
	st, err := v.Lookup("/badhigh")
	if err != nil {
		t.Fatal(err)
	}
	block, off := fs.InodeBlock(st.Ino)
	m.Block(block)[off+12] = 1 // the high byte

	dialogue := []struct{ enter, want string }{
		{"nothere\r", "nothere\r\nnothere: not found\r\n"},
		{"a/nothere\r", "a/nothere\r\na/nothere: not found\r\n"},
		{"small/x\r", "small/x\r\nsmall/x: not found\r\n"},
		{"smal\r", "smal\r\nsmal: not found\r\n"},
		{"a\r", "a\r\na: not executable\r\n"},
		{"/\r", "/\r\n/: not executable\r\n"},
		{"text\r", "text\r\ntext: not executable\r\n"},
		{"empty\r", "empty\r\nempty: not executable\r\n"},
		{"short\r", "short\r\nshort: not executable\r\n"},
		{"header\r", "header\r\nheader: not executable\r\n"},
		{"large\r", "large\r\nlarge: too large\r\n"},
		{"largeshared\r", "largeshared\r\nlargeshared: too large\r\n"},
		{"largekernel\r", "largekernel\r\nlargekernel: too large\r\n"},
		{"bad0\r", "bad0\r\nbad0: bad block number\r\n"},
		{"bad10\r", "bad10\r\nbad10: bad block number\r\n"},
		{"badhigh\r", "badhigh\r\nbadhigh: bad block number\r\n"},
		{"xy\x7f\bz\r", "xy\b \b\b \bz\r\nz: not found\r\n"},
		{"xy##z\r", "xy##z\r\nz: not found\r\n"},
		{"\b#\x01z\r", "z\r\nz: not found\r\n"},
		{"junk@", "junk\r\n"},
		{"junk\x15", "junk\r\n"},
		{strings.Repeat("x", 70) + "\r", strings.Repeat("x", 63) + "\r\n" + strings.Repeat("x", 63) + ": not found\r\n"},
		{"small\r", "small\r\nok 407 unit 0\r\n"},
	}
	for _, cfg := range both {
		run := func(t *testing.T, s station, slow bool) {
			for _, d := range dialogue {
				s.expect("boot: ")
				got := ""
				if slow { // SIMH's line has no buffer: a character after the echo of the one before
					for _, c := range d.enter {
						s.enter(string(c))
						rest := strings.TrimPrefix(d.want, got)
						for _, echo := range []string{string(c), "\b \b"} {
							if c != '\r' && strings.HasPrefix(rest, echo) {
								got += s.expect(echo) + echo
								break
							}
						}
					}
				} else {
					s.enter(d.enter)
				}
				for strings.Count(got, "\r\n") < strings.Count(d.want, "\r\n") {
					got += s.expect("\r\n") + "\r\n"
				}
				if got != d.want {
					t.Errorf("%q: got %q, want %q", d.enter, got, d.want)
				}
			}
		}
		t.Run(cfg.Model.String(), func(t *testing.T) { run(t, emulate(t, cfg, 0, m), false) })
		t.Run(cfg.Model.String()+"/simh", func(t *testing.T) { run(t, simulate(t, cfg, 0, m), true) })
	}
}

// Without a key /unix starts after two seconds, in which the processor rests; after
// a key, or a failure, nothing starts by itself.
func TestPatience(t *testing.T) {
	m, _ := pack(t, testFiles(t))
	for _, cfg := range both {
		e := emulate(t, cfg, 0, m)
		e.expect("boot: ")
		start, count := e.m.Now(), e.m.Instructions()
		e.expect("unix\r\n")
		if d := e.m.Now() - start; d < 19*second/10 || d > 21*second/10 {
			t.Errorf("%v: /unix started after %d ms", cfg.Model, d/1_000_000)
		}
		if n := e.m.Instructions() - count; n > 5000 {
			t.Errorf("%v: %d instructions in that time", cfg.Model, n)
		}
		e.expect("ok 411")

		e = emulate(t, cfg, 0, m)
		e.expect("boot: ")
		e.enter("x")
		e.expect("x")
		if stop := e.m.Run(10 * second); stop != machine.StopLimit || len(e.out) > 0 {
			t.Errorf("%v: %v, %q after a key", cfg.Model, stop, e.out)
		}
		e.enter("\r")
		e.expect("boot: ")
		if stop := e.m.Run(10 * second); stop != machine.StopLimit || len(e.out) > 0 {
			t.Errorf("%v: %v, %q after a failure", cfg.Model, stop, e.out)
		}
	}
}

// Memories of all sizes.
func TestMemories(t *testing.T) {
	m, _ := pack(t, testFiles(t))
	for _, tt := range []struct {
		model        machine.Model
		kb           int
		kernel, edge bool // fit
	}{
		{machine.PDP1145, 64, false, true},
		{machine.PDP1145, 72, false, true},
		{machine.PDP1145, 80, false, true},
		{machine.PDP1145, 88, true, true},
		{machine.PDP1145, 128, true, true},
		{machine.PDP1145, 248, true, true},
		{machine.PDP1170, 128, true, true},
		{machine.PDP1170, 256, true, true},
		{machine.PDP1170, 1024, true, true},
		{machine.PDP1170, 3840, true, true},
	} {
		t.Run(fmt.Sprintf("%d/%d", tt.model, tt.kb), func(t *testing.T) {
			for _, p := range []struct {
				name, ok string
				fits     bool
			}{{"unix", "ok 411", tt.kernel}, {"edge", "ok 407", tt.edge}, {"small", "ok 407", true}} {
				e := emulate(t, machine.Config{Model: tt.model, Memory: tt.kb << 10}, 0, m)
				e.expect("boot: ")
				e.enter(p.name + "\r")
				if p.fits {
					e.expect(p.ok)
				} else {
					e.expect(p.name + ": too large\r\nboot: ")
				}
			}
		})
	}
}

// A file with holes reads as zeros there.
func TestHoles(t *testing.T) {
	// A long text of zeros behind the program, of which only the end is written.
	src := "start: mov $area,r0\n1: tst (r0)+; beq 1b; cmp r0,$area+50002; bne 2f; cmp -(r0),$123; bne 2f\n" +
		"mov $'y,r1; br 3f; 2: mov $'n,r1; 3: movb r1,*$177566; 1: tstb *$177564; bpl 1b; halt\n.=4000\narea: .=.+50000\n 123\n"
	p := aout(t, src, asm.Contiguous)
	m, v := pack(t, map[string][]byte{"/hole": p[:512]})
	if _, err := v.WriteAt("/hole", p[len(p)-2:], int64(len(p)-2)); err != nil {
		t.Fatal(err)
	}
	if err := v.Sync(); err != nil {
		t.Fatal(err)
	}
	st, err := v.Lookup("/hole")
	if err != nil {
		t.Fatal(err)
	}
	if st.Addr[1] != 0 || st.Addr[10] == 0 {
		t.Fatalf("this is no file with a hole: %v", st.Addr)
	}
	e := emulate(t, machine.Config{}, 0, m)
	e.expect("boot: ")
	e.enter("hole\r")
	e.expect("hole\r\n")
	e.expect("y")
}

// Blocks that cannot be read, for good or only at first.
func TestDiskErrors(t *testing.T) {
	m, v := pack(t, testFiles(t))
	addr := func(name string, i int) int {
		st, err := v.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		return int(st.Addr[i])
	}
	boot := func(bad, times int) *emulator {
		e := &emulator{t: t}
		var err error
		if e.m, err = machine.New(machine.Config{}); err != nil {
			t.Fatal(err)
		}
		e.m.Console.SetTerminal(e)
		if err := e.m.AttachRK(0, &disk{m, bad, times}); err != nil {
			t.Fatal(err)
		}
		if err := e.m.Boot("rk", 0); err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, b := range []int{2, addr("/", 0), addr("/rkboot", 2)} {
		e := boot(b, 5)
		e.expect("boot: ")
		e = boot(b, 1000)
		e.expect("disk error\r\n")
		if stop := e.m.Run(second); stop != machine.StopHalt {
			t.Errorf("block %d bad: %v", b, stop)
		}
	}
	for _, b := range []int{addr("/unix", 0), addr("/unix", 3), addr("/unix", 10)} {
		e := boot(b, 5)
		e.expect("boot: ")
		e.enter("\r")
		e.expect("ok 411")
		e = boot(b, 15)
		e.expect("boot: ")
		e.enter("\r")
		e.expect("unix\r\nunix: disk error\r\nboot: ")
		e.enter("\r") // and once more
		e.expect("unix\r\nok 411")
	}
}

// Block 0 without a second stage says so; it finds one late in a long directory.
func TestBlock0(t *testing.T) {
	small := testFiles(t)["/small"]
	m, v := pack(t, nil)
	if err := v.Unlink(boot.Name); err != nil {
		t.Fatal(err)
	}
	e := emulate(t, machine.Config{}, 0, m)
	e.expect("no /rkboot on this pack\r\n")
	if stop := e.m.Run(second); stop != machine.StopHalt {
		t.Errorf("%v without a second stage", stop)
	}
	// The root has 10 direct blocks of 32 entries, "." and ".." among them.
	for i := range 317 {
		if err := v.WriteFile(fmt.Sprintf("/f%d", i), nil, fs.Attr{}); err != nil {
			t.Fatal(err)
		}
	}
	second, err := boot.SecondStage()
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		v.WriteFile(boot.Name, second, fs.Attr{}),
		v.WriteFile("/last", small, fs.Attr{}), // in the first indirect block
		v.Sync())
	if err != nil {
		t.Fatal(err)
	}
	e = emulate(t, machine.Config{}, 0, m)
	e.expect("boot: ")
	e.enter("last\r")
	e.expect("ok 407")

	if err := v.WriteFile(boot.Name, make([]byte, 1000), fs.Attr{}); err != nil {
		t.Fatal(err)
	}
	e = emulate(t, machine.Config{}, 0, m)
	e.expect("no /rkboot on this pack\r\n")
}

// A machine without a line clock still asks, and takes an answer.
func TestNoClock(t *testing.T) {
	m, _ := pack(t, testFiles(t))
	s := simulate(t, machine.Config{Model: machine.PDP1170}, 0, m, "set clk disabled")
	s.expect("boot: ")
	s.enter("s")
	s.expect("s")
	for _, c := range "mall\r" {
		s.enter(string(c))
		s.expect(strings.ReplaceAll(string(c), "\r", "\r\n"))
	}
	s.expect("ok 407 unit 0")
	s = simulate(t, machine.Config{Model: machine.PDP1145}, 0, m, "set clk disabled")
	s.expect("boot: unix\r\nok 411 model 45")
}
