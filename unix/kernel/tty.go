package kernel

import "v7em/unix/fs"

// The console's terminal in memory (sys/h/tty.h), 50 bytes: offsets in it.
const (
	ttyRaw    = 0  // t_rawq.c_cc: characters typed, not yet read
	ttyCanon  = 6  // t_canq.c_cc: of a line that was read in part
	ttyOutput = 12 // t_outq: count, pointer to the first, pointer to the last
	ttyStart  = 18 // t_oproc
	ttyAddr   = 26
	ttyDev    = 28
	ttyFlags  = 30
	ttyState  = 32
	ttyLines  = 36 // byte: lines in the queue
	ttyColumn = 38 // byte
	ttyErase  = 39 // byte
	ttyKill   = 40 // byte
	ttyIntr   = 44 // bytes: interrupt, quit, start, stop, end of file, delimiter
	ttySize   = 50

	ttyOpen    = 0o4   // in its state
	ttyStopped = 0o400 // by ^S

	consoleAddr = 0o177560 // of the console's registers

	// A queue's characters are in blocks at multiples of clistBlock, which begin with
	// a pointer to the next. In the output, those above lastChar are delays.
	clistBlock = 16
	clistMost  = 4096 // more than all queues together can have
	lastChar   = 0o177
)

// Mini's terminal: what its gtty copies out, and its characters, which are fixed.
const (
	sgttyErase = 2 // byte
	sgttyKill  = 3 // byte
	sgttyFlags = 4
)

// TTYFlags are the modes of a terminal, as stty(2) has them.
type TTYFlags uint16

// The modes.
const (
	TTYTandem TTYFlags = 0o1
	TTYCbreak TTYFlags = 0o2
	TTYLcase  TTYFlags = 0o4
	TTYEcho   TTYFlags = 0o10
	TTYCRMod  TTYFlags = 0o20
	TTYRaw    TTYFlags = 0o40
	// TTYXTabs, all of these bits, has tabs come out as blanks.
	TTYXTabs TTYFlags = 0o6000
)

// TTY is how the kernel has its console's terminal set.
type TTY struct {
	Flags       TTYFlags
	Erase, Kill byte
	// Interrupt, Quit, Start, Stop, EOF and Break are the special characters; 0377 is
	// none (tty(4)).
	Interrupt, Quit, Start, Stop, EOF, Break byte

	Column  int  // where the kernel believes the cursor to be
	Stopped bool // output is held by Stop
	Typed   int  // characters in the kernel's queue that nobody has read
	Lines   int  // lines among them that are complete, in line mode
	Output  int  // characters that are still to be sent to the console
	// Reading says that a process sleeps until something is typed: in line mode for
	// a line, else for a character.
	Reading bool
	// Reader is the program of that process, if its name can be read: getty, which
	// edits lines itself, looks like any other in raw mode.
	Reader string
}

// LineMode says whether the kernel edits lines: neither raw nor cbreak.
func (t TTY) LineMode() bool { return t.Flags&(TTYRaw|TTYCbreak) == 0 }

// Console returns how the console's terminal is set, and whether somebody waits for
// its input. The processor may do anything, and a few words are all that is read.
// False means that it is not known: the kernel is not in memory, or nobody has
// opened the console yet. Its characters are then the guest's own affair.
func (k *Kernel) Console(g *Guest) (TTY, bool) {
	if !k.Loaded(g) {
		return TTY{}, false
	}
	r := &reader{g: g}
	switch {
	case k.console != 0:
		return k.klTTY(r)
	case k.sgtty != 0:
		return k.miniTTY(r)
	}
	return TTY{}, false
}

func (k *Kernel) klTTY(r *reader) (TTY, bool) {
	e := k.console
	state := r.word(e + ttyState)
	if r.word(e+ttyAddr) != consoleAddr || state&ttyOpen == 0 {
		return TTY{}, false
	}
	t := TTY{
		Flags: TTYFlags(r.word(e + ttyFlags)), Erase: r.byte(e + ttyErase), Kill: r.byte(e + ttyKill),
		Interrupt: r.byte(e + ttyIntr), Quit: r.byte(e + ttyIntr + 1), Start: r.byte(e + ttyIntr + 2),
		Stop: r.byte(e + ttyIntr + 3), EOF: r.byte(e + ttyIntr + 4), Break: r.byte(e + ttyIntr + 5),
		Column: int(r.byte(e + ttyColumn)), Stopped: state&ttyStopped != 0,
		Typed: int(r.word(e+ttyRaw)) + int(r.word(e+ttyCanon)), Lines: int(r.byte(e + ttyLines)),
	}
	t.Reader, t.Reading = k.sleeps(r, e+ttyRaw)
	t.Output = t.output(r, e+ttyOutput)
	return t, !r.bad
}

// output counts the characters in the queue at an address, without the delays.
func (t TTY) output(r *reader, queue uint16) int {
	count := int(r.word(queue))
	if count > clistMost {
		r.bad = true
		return 0
	}
	n, at := 0, r.word(queue+2)
	for i := range count {
		if t.Flags&TTYRaw != 0 || r.byte(at) <= lastChar {
			n++
		}
		if at++; at%clistBlock == 0 && i+1 < count {
			at = r.word(at-clistBlock) + 2 // past the next block's pointer
		}
	}
	return n
}

func (k *Kernel) miniTTY(r *reader) (TTY, bool) {
	t := TTY{
		Flags: TTYFlags(r.word(k.sgtty + sgttyFlags)), Erase: r.byte(k.sgtty + sgttyErase), Kill: r.byte(k.sgtty + sgttyKill),
		Interrupt: 0o177, Quit: 0o34, Start: 0o21, Stop: 0o23, EOF: 0o4, Break: 0o377,
		Stopped: r.word(k.ttStop) != 0,
		Typed:   int(r.word(k.inN)) + int(r.word(k.lineN)), Lines: int(r.word(k.inLine)), Output: int(r.word(k.outN)),
	}
	t.Reader, t.Reading = k.sleeps(r, k.inLine)
	return t, !r.bad
}

// sleeps says whether a process sleeps for input of the terminal whose queue is at an
// address, and what its program is called, if it is in memory.
func (k *Kernel) sleeps(r *reader, queue uint16) (string, bool) {
	for i := 1; i < k.proc.n; i++ {
		e := k.proc.at(i)
		if r.byte(e+procStat) != pSleep || r.word(e+procWchan) != queue || int8(r.byte(e+procPri)) != priTTYInput {
			continue
		}
		core := reader{g: r.g}
		p := proc{entry: e, addr: r.word(e + procAddr)}
		if r.byte(e+procFlag)&pLoad == 0 {
			return "", true
		}
		name, ok := coreUser(&core, &p, userComm, fs.NameMax)
		if !ok {
			return "", true
		}
		return cutName(name), true
	}
	return "", false
}
