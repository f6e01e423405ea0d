package commit

import (
	"slices"

	"v7em/journaldev"
	"v7em/machine"
	"v7em/mmu"
	"v7em/unix/kernel"
)

// Some of V7's system calls (intro(2)).
const (
	callIndirect = 0 // the call proper is in data space
	callWrite    = 4
	callMount    = 21
	callUmount   = 22
	callExec     = 11
	callSync     = 36
	callExece    = 59
)

// A syscall is what is noted of a system call.
type syscall struct {
	name  string // empty: it changes nothing
	paths int    // how many of its arguments, from the first, are names of files
}

// syscalls are those that change a file system, by number.
var syscalls = [64]syscall{
	callWrite:  {"write", 0},
	8:          {"creat", 1},
	9:          {"link", 2},
	10:         {"unlink", 1},
	14:         {"mknod", 1},
	15:         {"chmod", 1},
	16:         {"chown", 1},
	callMount:  {"mount", 2},
	callUmount: {"umount", 1},
	30:         {"utime", 1},
}

// userWord reads a word of the user's I or D space, whatever its access rights.
func userWord(m *machine.Machine, data bool, va uint16) uint16 {
	space := mmu.User << 1
	if data && m.MMU.MMR3&mmu.MMR3UserD != 0 {
		space |= 1
	}
	n := int(m.MMU.PAR[space][va>>13])<<5 + int(va&0o17777)/2
	if n >= len(m.MMU.Mem) {
		return 0
	}
	return m.MMU.Mem[n]
}

// maxPath is how much of a file's name is noted.
const maxPath = 100

// userString reads a string of the user's D space. Bytes that no name has become
// question marks.
func userString(m *machine.Machine, va uint16) string {
	var s []byte
	for ; len(s) < maxPath; va++ {
		w := userWord(m, true, va)
		if va&1 != 0 {
			w >>= 8
		}
		c := byte(w)
		if c == 0 {
			break
		}
		if c < ' ' || c > '~' {
			c = '?'
		}
		s = append(s, c)
	}
	return string(s)
}

// decode returns which system call a TRAP with that code is, when the processor is
// about to take it, and where its arguments are: in D space, or behind the
// instruction in I space. The C library makes most calls by way of the indirect one.
func decode(m *machine.Machine, code uint8) (call uint8, args uint16, data bool) {
	pc := m.CPU.R[7]
	if code&0o77 != callIndirect {
		return code & 0o77, pc, false
	}
	at := userWord(m, false, pc)
	return uint8(userWord(m, true, at)) & 0o77, at + 2, true
}

// maxOps is how many operations are noted between two commits.
const maxOps = 256

// operations are those seen since the newest commit point.
type operations struct {
	list []journaldev.Op
	more int // not kept
}

// see notes a system call that changes a file system. The processor is about to
// take its TRAP.
func (o *operations) see(m *machine.Machine, k *kernel.Kernel, code uint8) {
	number, args, data := decode(m, code)
	call := syscalls[number]
	if call.name == "" {
		return
	}
	g := see(m)
	if number == callWrite && !k.OnDisk(g, m.CPU.R[0]) {
		return
	}
	p, ok := k.Caller(g)
	if !ok {
		return
	}
	op := journaldev.Op{Program: p.Name, PID: p.PID, Call: call.name}
	for i := range call.paths {
		if i > 0 {
			op.Path += " "
		}
		op.Path += userString(m, userWord(m, data, args+uint16(2*i)))
	}
	switch n := len(o.list); {
	case n > 0 && o.list[n-1] == op: // the next block of the same file
	case n < maxOps:
		o.list = append(o.list, op)
	default:
		o.more++
	}
}

// take returns what was seen, and begins anew.
func (o *operations) take() operations {
	taken := *o
	*o = operations{}
	return taken
}

// giveBack puts what take returned before what was seen since.
func (o *operations) giveBack(taken operations) {
	all := slices.Concat(taken.list, o.list)
	o.more += taken.more + max(len(all)-maxOps, 0)
	o.list = all[:min(len(all), maxOps)]
}
