package kernel

import (
	"bytes"
	"slices"

	"v7em/unix/fs"
)

// Brackets tell which processes are inside a series of system calls that belong
// together, which no commit point may cut.
type Brackets struct {
	// Programs are names of programs, as far as the kernel keeps them (14 bytes). A
	// process that runs one is inside, unless it can be seen not to have begun or
	// to wait for its child or for a terminal's input.
	Programs []string
	// PIDs are processes that have said so themselves.
	PIDs []int
	// Waiting has those count that wait for their child or for input, too.
	Waiting bool
	// Except are processes that do not count.
	Except []int
}

func (b *Brackets) none() bool { return b == nil || len(b.Programs) == 0 && len(b.PIDs) == 0 }

// lists says whether a program's name, padded with NULs, is one of those listed.
func (b *Brackets) lists(comm []byte) bool {
	return slices.ContainsFunc(b.Programs, func(s string) bool {
		return len(s) > 0 && len(s) <= len(comm) && string(comm[:len(s)]) == s && (len(s) == len(comm) || comm[len(s)] == 0)
	})
}

// inside says whether a process is inside a bracket. user reads its user
// structure; a process whose structure cannot be read is inside.
func (b *Brackets) inside(k *Kernel, r *reader, p *proc, user func(off, n int) ([]byte, bool)) bool {
	if p.stat == 0 || p.stat == pZomb || p.flag&pSys != 0 || slices.Contains(b.Except, p.pid) {
		return false
	}
	if slices.Contains(b.PIDs, p.pid) {
		return true
	}
	if len(b.Programs) == 0 {
		return false
	}
	comm, ok := user(userComm, fs.NameMax)
	if !ok {
		return true
	}
	if !b.lists(comm) || !b.Waiting && p.stat == pSleep && (p.pri == priTTYInput || p.pri == priWait) {
		return false
	}
	// The last name that the kernel looked up for the process is still that of
	// the program: it has not named a file since.
	names, ok := user(userDbuf, userDent+fs.DirentSize-userDbuf)
	if !ok || !bytes.Equal(names[:fs.NameMax], comm) || !bytes.Equal(names[len(names)-fs.NameMax:], comm) {
		return true
	}
	t, ok := k.texts.index(p.text)
	if !ok {
		return true
	}
	ip := r.word(k.texts.at(t) + textInode)
	if _, ok := k.inode.index(ip); !ok {
		return true
	}
	ino := names[userDent-userDbuf:]
	return r.word(ip+inodeNumber) != uint16(ino[0])|uint16(ino[1])<<8
}

// InBracket says whether the current process is inside a bracket.
func (k *Kernel) InBracket(g *Guest, b *Brackets) bool {
	if b.none() {
		return false
	}
	r := &reader{g: g}
	current := r.word(userVA + userProc)
	if _, ok := k.proc.index(current); !ok {
		return false
	}
	p := readProc(r, current)
	return b.inside(k, r, &p, func(off, n int) ([]byte, bool) {
		data := make([]byte, n)
		r.bytes(userVA+uint16(off), data)
		return data, !r.bad
	})
}

// Inside returns the processes inside brackets. The kernel must be loaded; the
// processor may do anything.
func (k *Kernel) Inside(g *Guest, b *Brackets) []Process {
	if b.none() {
		return nil
	}
	v, r := k.partly(g)
	var list []Process
	for i := 1; i < k.proc.n; i++ {
		if r.byte(k.proc.at(i)+procStat) == 0 {
			continue
		}
		p := readProc(r, k.proc.at(i))
		if b.inside(k, r, &p, func(off, n int) ([]byte, bool) { return p.user(v, off, n) }) {
			list = append(list, v.process(&p))
		}
	}
	return list
}

// Settled says whether an instant may be settled: the processor is in user mode or
// in WAIT, no process is inside an operation that may change a file system or
// inside a bracket, and no inode or buffer is locked. It is quick and checks
// nothing; Look and View.Settled have the last word.
func (k *Kernel) Settled(g *Guest, b *Brackets) bool {
	if !g.User && !g.Waiting {
		return false
	}
	r := &reader{g: g}
	for i := 1; i < k.proc.n; i++ {
		// The words that most entries need no more of.
		e := k.proc.at(i)
		if r.byte(e+procStat) == 0 {
			continue
		}
		p := readProc(r, e)
		if p.within() {
			return false
		}
		if !b.none() && p.flag&pLoad != 0 && b.inside(k, r, &p, func(off, n int) ([]byte, bool) { return coreUser(r, &p, off, n) }) {
			return false
		}
	}
	for i := range k.inode.n {
		e := k.inode.at(i)
		if w := r.word(e); w>>8 != 0 && w&iLock != 0 {
			return false
		}
	}
	for i := range k.buf.n {
		e := k.buf.at(i)
		if r.word(e+bufFlags)&(bBusy|bAsync) == bBusy && r.word(e+bufDev) != noDev {
			return false
		}
	}
	return !r.bad
}

// Settled says whether the instant is settled: no file-system operation is half
// done, and no bracket.
func (v *View) Settled(b *Brackets) bool {
	return !v.locked() && len(v.Underway(b)) == 0
}

// Underway returns the processes that keep the instant from being settled: those
// within an operation, and those inside a bracket.
func (v *View) Underway(b *Brackets) []Process {
	var list []Process
	r := &reader{g: v.g}
	for i := range v.procs {
		p := &v.procs[i]
		if p.flag&pSys != 0 {
			continue
		}
		if p.within() || !b.none() && b.inside(v.k, r, p, func(off, n int) ([]byte, bool) { return p.user(v, off, n) }) {
			list = append(list, v.process(p))
		}
	}
	return list
}

// locked says whether some operation has locked an inode or a buffer. It is the
// other test of what is under way, without the process table.
func (v *View) locked() bool {
	for i := range v.inodes {
		if v.inodes[i].flag&iLock != 0 {
			return true
		}
	}
	for i := range v.bufs {
		if b := &v.bufs[i]; b.flags&(bBusy|bAsync) == bBusy && b.dev != noDev {
			return true
		}
	}
	return false
}

// Hurry makes the scheduler look for a better process at the next trap or
// interrupt from user mode: it sets runrun. It is the one thing here that changes
// memory, through write, which stores those bits of v that mask has at an even
// physical byte address; it is meant for clones of a machine.
func (k *Kernel) Hurry(g *Guest, write func(pa uint32, v, mask uint16) bool) {
	if pa := (&reader{g: g}).pa(k.runrun) &^ 1; int(pa/2) < len(g.Memory) {
		write(pa, 1, 0o377)
	}
}
