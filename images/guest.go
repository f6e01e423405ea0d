package images

import (
	"context"
	"errors"
	"fmt"

	"v7em/images/console"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/kernel"
)

// Time limits of the dialogue with the guest, in nanoseconds of virtual time. They
// are generous: they only bound how long a guest that is not V7 is waited for.
const (
	promptLimit = 60 * console.Second
	buildLimit  = 3600 * console.Second
)

const (
	prompt = "# " // of the shell of V7's single user

	// LoginPrompt is what a V7 that runs multi-user prints on an idle terminal.
	LoginPrompt = "login: "
)

// Boot boots V7 from drive 0 of the set and returns when its single-user shell has
// printed its prompt. The console is an upper-case terminal then, until told
// otherwise.
func (s *Set) Boot(ctx context.Context, m *machine.Machine, c *console.Session) error {
	return s.BootKernel(ctx, m, c, "")
}

// BootKernel is Boot with the kernel of that name in the root directory; empty for
// the usual one. A pack that is not recognized as V7's is started like any other, but
// nothing is typed, and it does not run yet: the error is a *ForeignError then.
func (s *Set) BootKernel(ctx context.Context, m *machine.Machine, c *console.Session, name string) error {
	if err := m.Boot(s.Name, 0); err != nil {
		return err
	}
	root := m.RK.Disk(0)
	if s.Name == "rp" {
		root = m.RP.Disk(0)
	}
	if root == nil {
		return &ForeignError{s.Name + "0", errors.New("the drive is empty")}
	}
	if err := s.recognize(root); err != nil {
		return err
	}
	asked := ""
	for _, step := range s.dialogue(name) {
		if step.wait == "" {
			// The boot block polls the receiver, and drops what came before.
			if _, err := c.Run(ctx, console.Second); err != nil {
				return err
			}
		} else if _, err := c.Expect(ctx, promptLimit, step.wait); err != nil {
			return s.bootError(ctx, err)
		}
		c.Type(step.answer)
		asked = step.wait
	}
	i, err := c.Expect(ctx, promptLimit, prompt, asked)
	if err != nil {
		return s.bootError(ctx, err)
	}
	if i == 1 {
		return &BootError{s, errors.New("the bootstrap finds no kernel that it can start, and asks again")}
	}
	return nil
}

// BootError says that V7 did not come up. The machine is as the console shows it.
type BootError struct {
	Set *Set
	Err error
}

func (e *BootError) Error() string { return fmt.Sprintf("booting V7 from %s0: %v", e.Set.Name, e.Err) }

func (e *BootError) Unwrap() error { return e.Err }

// bootError is a *BootError unless the context has ended.
func (s *Set) bootError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return &BootError{s, err}
}

type step struct {
	wait   string // what is printed; empty: nothing is, a while later
	answer string
}

// dialogue is what is said between the bootstrap and V7's first prompt.
func (s *Set) dialogue(name string) []step {
	if s.Name == "rp" {
		// V7's boot block and /boot, neither of which starts anything by itself.
		if name == "" {
			name = "rptmunix"
		}
		return []step{{"", "boot\n"}, {"\r: ", "rp(0,0)" + name + "\n"}}
	}
	return []step{{"boot: ", name + "\r"}}
}

// MultiUser takes V7 from the single-user shell to multi-user operation, and
// returns when it asks for a login. When it is not V7 that runs nothing is typed, and
// the error is a *ForeignError.
func MultiUser(ctx context.Context, m *machine.Machine, c *console.Session) error {
	if _, err := Recognize(m, nil); err != nil {
		return err
	}
	c.Type("\x04")
	_, err := c.Expect(ctx, promptLimit, LoginPrompt)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("going multi-user: %w", err)
	}
	return err
}

// updatePeriod is how often /etc/update makes V7 write everything out.
const updatePeriod = 30 * console.Second

// settle lets the machine run until no drive has written anything for a while.
func settle(ctx context.Context, m *machine.Machine, c *console.Session) error {
	const quiet = console.Second / 2
	for deadline := m.Now() + updatePeriod; m.Now() < deadline; {
		before := writes(m)
		stop, err := c.Run(ctx, quiet)
		if err != nil || stop != machine.StopLimit || writes(m) == before {
			return err
		}
	}
	return nil
}

// writes counts the blocks that the machine's drives have written.
func writes(m *machine.Machine) (n uint64) {
	for unit := range rk.Drives {
		n += m.RK.Drive(unit).Stats.Writes + m.RP.Drive(unit).Stats.Writes
	}
	return n
}

// Shutdown makes V7 write everything out before the power goes. Virtual time runs
// freely past the next turn of /etc/update, which multi-user V7 has running. As
// single-user V7 has not, sync is typed at the console too: whatever has the
// terminal is interrupted. It returns whether a shell has answered that.
//
// known is the V7 kernel that was seen to run, nil if none was. When it is not V7 that
// runs the machine is left as it is, and the error is a *ForeignError.
func Shutdown(
	ctx context.Context, m *machine.Machine, c *console.Session, known *kernel.Kernel,
) (answered bool, err error) {
	if _, err := Recognize(m, known); err != nil {
		return false, err
	}
	if stop, err := c.Run(ctx, updatePeriod+console.Second); err != nil || stop != machine.StopLimit {
		return false, err // halted: nothing will be written any more
	}
	c.Type("\x11\x7f") // XON, for a terminal that was stopped, and DEL
	if _, err := c.Run(ctx, console.Second); err != nil {
		return false, err
	}
	c.Type("sync\r")
	_, err = c.Expect(ctx, 10*console.Second, "sync\r\n"+prompt, "SYNC\r\n"+prompt)
	if err != nil && !errors.As(err, new(*console.Error)) {
		return false, err
	}
	return err == nil, settle(ctx, m, c)
}
