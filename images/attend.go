package images

import (
	"context"
	"fmt"
	"strings"

	"v7em/escape"
	"v7em/images/console"
	"v7em/machine"
	"v7em/mmu"
	"v7em/unix/kernel"
)

// CrashError says that the guest's system runs no more.
type CrashError struct{ What string }

func (e *CrashError) Error() string { return "the guest has crashed: " + e.What }

// StuckError says that no process of the guest will ever go on by itself.
type StuckError struct {
	// Readers are the programs that wait for what is typed at the terminal, their names
	// escaped; nil: all wait for one another.
	Readers []string
	// Set says that they wait for their input, but have set the terminal anew, by which
	// it comes.
	Set bool
}

func (e *StuckError) Error() string {
	if e.Set {
		return "the commands have set the guest's terminal anew (stty), by which their standard input comes: it cannot"
	}
	if len(e.Readers) == 0 {
		return "the guest's processes wait for one another, for ever"
	}
	return fmt.Sprintf("in the guest %s reads the terminal, and nobody types there", strings.Join(e.Readers, ", "))
}

// How long, in virtual time, it takes to believe that a guest will do no more.
const (
	// deadTime is how long the kernel may be at it without a program getting its turn
	// or making a system call.
	deadTime = 10 * console.Second
	// stuckTime is how long nothing may go on.
	stuckTime = 2 * console.Second
	// silentTime is how long the processor may wait, in a kernel that is not known,
	// without a system call. /etc/update makes one every 30 s.
	silentTime = 300 * console.Second
)

// daemons are the programs that go round for ever: one syncs, one looks at the clock.
var daemons = []string{"update", "cron"}

// attendant looks after a guest that runs a script: it hands over the input, and sees
// when nothing will come of the script any more. It lives in the goroutine that runs the
// machine.
type attendant struct {
	ctx    context.Context
	m      *machine.Machine
	in     *Input
	out    *scriptOutput
	stop   context.CancelCauseFunc
	kernel *kernel.Kernel // nil: not known
	// foreign says why the kernel is not known.
	foreign error
	leave   func() // gives the machine back as it was

	// All in virtual time.
	alive    uint64 // when a program was last seen to do something, or nothing was to be done
	called   uint64 // when a system call was last seen, while the processor waits
	stuck    uint64 // since when nothing goes on; 0: something does
	panicked uint64 // since when the kernel has panicked; 0: it has not
	calls    uint64 // system calls so far
	seen     uint64 // those at alive
}

// attend has a guest attended to from now on. stop is called with what is wrong.
func attend(ctx context.Context, m *machine.Machine, s *Script, out *scriptOutput, stop context.CancelCauseFunc) *attendant {
	a := &attendant{ctx: ctx, m: m, in: s.In, out: out, stop: stop, alive: m.Now(), called: m.Now()}
	a.kernel, a.foreign = Recognize(m, nil)
	attend, held, trap := m.Attend, m.Held, m.CPU.OnTRAP
	m.Attend = func() {
		if attend != nil {
			attend()
		}
		a.look()
	}
	m.Held = func() <-chan struct{} {
		if held != nil {
			if ch := held(); ch != nil {
				return ch
			}
		}
		return a.idle()
	}
	m.CPU.OnTRAP = func(code uint8) {
		a.calls++
		if trap != nil {
			trap(code)
		}
	}
	a.leave = func() {
		m.Attend, m.Held, m.CPU.OnTRAP = attend, held, trap
		a.leave = func() {}
	}
	return a
}

// Attend returns a context that ends when the guest in m has crashed, or when nothing in
// it will ever go on by itself, as nobody types anything: its cause is then a
// *CrashError or a *StuckError. leave gives m back as it was.
func Attend(ctx context.Context, m *machine.Machine) (attended context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := attend(ctx, m, &Script{}, &scriptOutput{}, cancel)
	return ctx, func() {
		a.leave()
		cancel(nil)
	}
}

// fail ends the run.
func (a *attendant) fail(err error) {
	a.stop(err)
	a.m.Stop()
}

// known returns the kernel if it is in memory.
func (a *attendant) known(g *kernel.Guest) *kernel.Kernel {
	if a.kernel != nil && a.kernel.Loaded(g) {
		return a.kernel
	}
	return nil
}

// look is called now and then while the processor is at work.
func (a *attendant) look() {
	now := a.m.Now()
	if a.m.CPU.Mode == mmu.User || a.calls != a.seen || a.m.CPU.Waiting {
		a.alive, a.seen = now, a.calls
	}
	if now-a.alive > deadTime {
		a.fail(&CrashError{fmt.Sprintf("its kernel stays at PC %06o, at priority %d", a.m.CPU.R[7], a.m.CPU.PSW()>>5&7)})
		return
	}
	g := look(a.m)
	if k := a.known(g); k != nil && !a.panics(k, g) && a.in != nil && raw(k, g) {
		a.feed(k.Rest(g, daemons...), false)
	}
}

// idle is called when the processor stands still. A channel tells when to ask again.
func (a *attendant) idle() <-chan struct{} {
	if !a.m.CPU.Waiting || a.ctx.Err() != nil {
		return nil
	}
	a.out.idle()
	now := a.m.Now()
	g := look(a.m)
	k := a.known(g)
	if k != nil || a.calls != a.seen {
		a.called = now
	}
	a.alive, a.seen = now, a.calls
	if k == nil {
		if now-a.called > silentTime {
			a.fail(&CrashError{fmt.Sprintf("it has done nothing for %d s", silentTime/console.Second)})
		}
		return nil
	}
	if a.panics(k, g) {
		return nil
	}
	r := k.Rest(g, daemons...)
	carries := raw(k, g)
	var typed bool
	var wait <-chan struct{}
	if carries {
		typed, wait = a.feed(r, true)
	}
	switch {
	case wait != nil:
		return wait
	case typed || !r.Stuck || a.m.Console.Pending() > 0:
		a.stuck = 0
	case a.stuck == 0:
		a.stuck = now
	case now-a.stuck > stuckTime:
		e := &StuckError{Set: !carries && len(r.Readers) == 1 && r.Readers[0].Name == feederName}
		for _, p := range r.Readers {
			if p.Name != feederName {
				e.Readers = append(e.Readers, escape.Name(p.Name))
			}
		}
		a.fail(e)
	}
	return nil
}

// raw says whether the terminal passes on to a program every byte that is typed, as it is.
func raw(k *kernel.Kernel, g *kernel.Guest) bool {
	t, ok := k.Console(g)
	return ok && t.Flags&(kernel.TTYRaw|kernel.TTYLcase) == kernel.TTYRaw
}

// panics says whether the kernel has panicked, and ends the run when it is sure.
func (a *attendant) panics(k *kernel.Kernel, g *kernel.Guest) bool {
	why, panicked := k.Panic(g)
	switch {
	case !panicked || g.User:
		a.panicked = 0
		return false
	case a.panicked == 0:
		a.panicked = a.m.Now()
	case a.m.Now()-a.panicked > console.Second:
		a.fail(&CrashError{fmt.Sprintf("panic: %q", why)})
	}
	return true
}
