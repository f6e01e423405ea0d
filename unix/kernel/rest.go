package kernel

import "slices"

// procAlarm is the offset of p_clktim in an entry of the process table: seconds until
// SIGALRM.
const (
	procSig   = 6
	procAlarm = 26
)

// priTTYOutput is the priority at which a process waits for the terminal to print.
const priTTYOutput = 29

// Rest is what a guest waits for that has nothing to do.
type Rest struct {
	// Stuck says that no process will go on by itself: each waits for another one, or
	// for what is typed.
	Stuck bool
	// Readers are the processes that wait until something is typed.
	Readers []Process
}

// Rest returns what the guest waits for. The kernel must be loaded. Where the processor
// is not in WAIT, something goes on: nothing is stuck.
//
// The programs that are named as daemons do not count: they go round for ever.
func (k *Kernel) Rest(g *Guest, daemons ...string) Rest {
	r := &reader{g: g}
	rest := Rest{Stuck: g.Waiting && !g.User}
	for i := 1; i < k.proc.n; i++ {
		e := k.proc.at(i)
		stat := r.byte(e + procStat)
		if stat == 0 || stat == pZomb || stat == pStop {
			continue
		}
		p := readProc(r, e)
		reads := stat == pSleep && p.pri == priTTYInput
		alarm := r.word(e+procAlarm) != 0
		name := ""
		if reads || alarm {
			name = coreName(r, &p)
		}
		if reads {
			rest.Readers = append(rest.Readers, Process{
				PID: p.pid, PPID: p.ppid, UID: int(int16(p.uid)), Name: name, State: Sleeping, Priority: int(p.pri),
			})
		}
		switch {
		case alarm && slices.Contains(daemons, name):
		case stat != pSleep, p.pri < priZero, p.pri == priTTYOutput, alarm, r.word(e+procSig) != 0:
			rest.Stuck = false
		}
	}
	rest.Stuck = rest.Stuck && !r.bad
	return rest
}

// coreName returns the name of the program of a process that is in memory, else "".
func coreName(r *reader, p *proc) string {
	if p.flag&pLoad == 0 {
		return ""
	}
	b, ok := coreUser(r, p, userComm, nameSize)
	if !ok {
		return ""
	}
	return cutName(b)
}

// nameSize is how many bytes of a program's name the kernel keeps.
const nameSize = 14

// maxPanic is how much of a panic's message is read.
const maxPanic = 64

// Panic returns what the kernel has panicked with, and whether it has. The kernel must be
// loaded.
func (k *Kernel) Panic(g *Guest) (string, bool) {
	r := &reader{g: g}
	at := r.word(k.panicstr)
	if at == 0 || r.bad {
		return "", false
	}
	var msg []byte
	for len(msg) < maxPanic {
		c := r.byte(at + uint16(len(msg)))
		if c == 0 || r.bad {
			break
		}
		msg = append(msg, c)
	}
	return string(msg), true
}
