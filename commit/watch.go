package commit

import (
	"v7em/machine"
	"v7em/unix/kernel"
)

// Call is a system call of the guest that changes a file system, or sync or exec.
type Call struct {
	PID     int
	Program string
	Name    string   // "mknod"
	Paths   []string // those of its arguments that are names of files
	Failed  bool     // known when it returns

	// Of a write: the device number and the inode number of the file.
	Dev   uint16
	Inode int
}

// Watcher sees the system calls of a machine that change a file system, and sync and
// exec: when they are made, and when the caller goes on in user mode. Those of a process
// that does not come back from them do not return.
type Watcher struct {
	m      *machine.Machine
	kernel func() *kernel.Kernel

	called   func(Call)
	returned func(Call)

	trap  func(code uint8)
	hold  func() bool
	under map[uint16]*Call // by u_procp
}

// Watch has a machine watched. The functions are called in the goroutine that runs
// the machine, called before the system call is taken and returned before the
// program goes on, when the machine may be cloned. What the machine has as CPU.Hold
// and CPU.OnTRAP goes before, and must not change any more. As long as kernel returns
// nil no calls are seen.
func Watch(m *machine.Machine, kernel func() *kernel.Kernel, called, returned func(Call)) *Watcher {
	w := &Watcher{
		m: m, kernel: kernel, called: called, returned: returned,
		trap: m.CPU.OnTRAP, hold: m.CPU.Hold, under: map[uint16]*Call{},
	}
	m.CPU.OnTRAP, m.CPU.Hold = w.onTRAP, w.onHold
	return w
}

// Underway calls f for each call that has not returned.
func (w *Watcher) Underway(f func(*Call)) {
	for _, c := range w.under {
		f(c)
	}
}

func (w *Watcher) onTRAP(code uint8) {
	if w.trap != nil {
		w.trap(code)
	}
	number, args, data := decode(w.m, code)
	name, paths := syscalls[number].name, syscalls[number].paths
	switch number {
	case callSync:
		name = "sync"
	case callExec, callExece:
		name = "exec"
	}
	at := process(w.m)
	delete(w.under, at) // of a process that has ended inside a call
	k := w.kernel()
	if name == "" || at == 0 || k == nil {
		return
	}
	g := see(w.m)
	p, ok := k.Caller(g)
	if !ok {
		return
	}
	c := &Call{PID: p.PID, Program: p.Name, Name: name}
	if number == callWrite {
		if c.Dev, c.Inode, ok = k.OpenFile(g, w.m.CPU.R[0]); !ok {
			return
		}
	}
	for i := range paths {
		c.Paths = append(c.Paths, userString(w.m, userWord(w.m, data, args+uint16(2*i))))
	}
	w.under[at] = c
	w.called(*c)
}

func (w *Watcher) onHold() bool {
	if w.hold != nil && w.hold() {
		return true
	}
	if len(w.under) == 0 {
		return false
	}
	at := process(w.m)
	c := w.under[at]
	if c == nil {
		return false
	}
	delete(w.under, at)
	if p, ok := w.kernel().Caller(see(w.m)); !ok || p.PID != c.PID {
		return false // a new process in the place of one that has ended
	}
	c.Failed = w.m.CPU.PSW()&1 != 0 // intro(2): the C bit
	w.returned(*c)
	return false
}

// process is u_procp of the process that the processor runs, in physical memory
// where kernel D space page 6 begins.
func process(m *machine.Machine) uint16 {
	at := int(m.MMU.PAR[kernelData][6])*32 + procPointer/2
	if at >= len(m.MMU.Mem) {
		return 0
	}
	return m.MMU.Mem[at]
}
