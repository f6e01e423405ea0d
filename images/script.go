package images

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"v7em/images/console"
	"v7em/machine"
	"v7em/unix/fs"
)

// Script is a list of shell commands for V7 to run by itself.
type Script struct {
	Commands string    // what /bin/sh gets
	Out      io.Writer // gets what the commands print, byte for byte
	Now      time.Time // the guest's clock starts here

	// In is what the commands read on their standard input; nil: nothing.
	In *Input
	// Limit bounds the commands in the guest's time; 0: it does not. When it is over
	// the error is a *LimitError.
	Limit time.Duration
	// Fixed has the guest's memory and packs be the same at the end of each run of the
	// same commands at the same Now on the same packs.
	Fixed bool
	// Note, if not nil, gets a line for each thing that is not as usual.
	Note func(line string)

	// Off, if not nil, is called when the guest is off and before the host changes the
	// packs again. It makes durable also what V7 had only in memory.
	Off func() error
}

// Files that a script needs in the guest's root directory.
const (
	scriptFile  = "/.v7em.cmd" // the commands
	wrapperFile = "/.v7em.sh"  // what mounts the packs and runs them
)

// noLimit is no limit in virtual time.
const noLimit = 1 << 62

// rescueTime is how long, on the host, a guest that is cut short may take to write
// everything out.
const rescueTime = 20 * time.Second

// LimitError says that commands took longer than they may.
type LimitError struct {
	Limit time.Duration // in the guest's time
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the commands were not done after %v of the guest's time", e.Limit)
}

// RunScript boots V7 from the drives in the machine m, without going multi-user,
// mounts the packs as /etc/rc does it, and runs the commands. It returns the exit status
// of the shell when V7 has written everything out. When the context ends first, or the
// limit is over, or nobody takes the output any more, V7 still gets the chance to. A
// guest that will never come to an end is recognized: the error is a *CrashError or a
// *StuckError.
//
// A pack that /etc/rc mounts and that is missing, or has no file system, is left out
// with a note, as V7 itself goes on without.
func (d *Drives) RunScript(ctx context.Context, m *machine.Machine, s Script) (status int, err error) {
	if err := d.Recognize(); err != nil {
		return 0, err
	}
	defer func() {
		if s.Off != nil {
			err = errors.Join(err, s.Off())
		}
		err = errors.Join(err, d.removeScript())
	}()
	token := s.token()
	if err := d.putScript(&s, token); err != nil {
		return 0, err
	}
	if err := d.SetClock(s.Now); err != nil {
		return 0, err
	}
	if err := d.Attach(m); err != nil {
		return 0, err
	}
	c := console.New(m)
	if err := d.Set.Boot(ctx, m, c); err != nil {
		return 0, cause(ctx, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &scriptOutput{token: token, out: s.Out, fail: cancel}
	c.Echo = out.put
	w := attend(ctx, m, &s, out, cancel)
	defer w.leave()
	if w.kernel == nil && s.In != nil {
		return 0, fmt.Errorf("%w: its commands can have no standard input (</dev/null gives none)", w.foreign)
	}
	c.Type("sh " + wrapperFile + "\r")
	_, err = c.Expect(ctx, promptLimit, mark(token, begin))
	if err == nil {
		limit := uint64(noLimit)
		if s.Limit > 0 {
			limit = uint64(s.Limit)
		}
		if _, err = c.Expect(ctx, limit, mark(token, synced)); tookTooLong(err) {
			err = &LimitError{s.Limit}
		}
	}
	w.leave()
	if err == nil {
		return out.status, settle(ctx, m, c)
	}
	if e := new(console.Error); errors.As(err, &e) && e.Stop != machine.StopLimit {
		err = &CrashError{fmt.Sprintf("its processor has stopped (%v) at PC %06o", e.Stop, m.CPU.R[7])}
	}
	err = cause(ctx, err)
	out.flush()
	out.out = io.Discard
	switch {
	case errors.As(err, new(*CrashError)):
		_ = rest(m, c) // what it had queued is all that will ever be written
	case s.Off == nil || w.kernel == nil:
		rescue(m, c)
	}
	return 0, err
}

// token returns what tells the script's marks from what it prints.
func (s *Script) token() string {
	if !s.Fixed {
		return rand.Text()
	}
	sum := sha256.Sum256([]byte(s.Now.UTC().Format(time.RFC3339Nano) + "\n" + s.Commands))
	return base32.StdEncoding.EncodeToString(sum[:])[:len(rand.Text())]
}

// cause returns why a context has ended, if it has, and else err.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// tookTooLong says whether what was waited for did not come in time.
func tookTooLong(err error) bool {
	e := new(console.Error)
	return errors.As(err, &e) && e.Stop == machine.StopLimit
}

// rescue lets /etc/update, which a script has running, write everything out.
func rescue(m *machine.Machine, c *console.Session) {
	ctx, cancel := context.WithTimeout(context.Background(), rescueTime)
	defer cancel()
	// An error means that the time is up: then the power is cut.
	if _, err := c.Run(ctx, updatePeriod+console.Second); err == nil {
		_ = settle(ctx, m, c)
	}
}

// rest lets the drives of a guest that has crashed finish what they are at.
func rest(m *machine.Machine, c *console.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), rescueTime)
	defer cancel()
	return settle(ctx, m, c)
}

// The wrapper marks on the console where the script's output begins and ends. A mark
// has a token that does not turn up by accident.
const (
	begin  = '[' // the script's output follows
	end    = ']' // it has ended; the status and a newline follow
	synced = '.' // V7 has written everything out
)

func mark(token string, kind byte) string { return "\x01" + token + string(kind) }

// wrapper returns the shell script that runs the commands, with what the host types on
// their standard input or with nothing. The terminal is raw meanwhile: then V7 passes
// every byte on as it is.
func wrapper(mounts []Mount, token string, input bool) string {
	const raw = "stty raw -echo -lcase"
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("PATH=:/bin:/usr/bin HOME=/")
	line("export PATH HOME")
	line("umask 2")
	line("rm -f /etc/mtab")
	line("cat /dev/null >/etc/mtab")
	for _, mt := range mounts {
		line("/etc/mount %s %s", mt.Device, mt.Dir)
	}
	line("/etc/update")
	line(raw)
	line("echo -n '%s'", mark(token, begin))
	if input {
		line("%s | (", feederFile)
		line("sh %s", scriptFile)
	} else {
		line("sh %s </dev/null", scriptFile)
	}
	line("s=$?")
	line(raw) // the script may have changed it
	line("echo '%s'$s", mark(token, end))
	if input {
		line(")")
	}
	line("sync")
	line("sync")
	line("echo '%s'", mark(token, synced))
	return b.String()
}

// needed are the programs without which a run would not end, would lose what it did, or
// would print something else than the commands do.
var needed = []string{"sh", "stty", "echo", "sync"}

// missing returns an error if a needed program is where the wrapper does not find it.
func missing(t *Tree) error {
	for _, name := range needed {
		_, err := t.Lookup("/bin/" + name)
		if err != nil {
			if _, usr := t.Lookup("/usr/bin/" + name); usr != nil {
				return fmt.Errorf("the guest cannot run commands: %w", err)
			}
		}
	}
	return nil
}

func (d *Drives) putScript(s *Script, token string) error {
	t, mounts, err := d.Mounted(s.Note)
	if err != nil {
		return err
	}
	if err := missing(t); err != nil {
		return err
	}
	t.SetClock(s.Now)
	put := func(name, text string, perm uint16) {
		err = errors.Join(err, t.Put(name, strings.NewReader(text), fs.Attr{Perm: perm, MTime: s.Now}))
	}
	put(wrapperFile, wrapper(mounts, token, s.In != nil), 0o600)
	put(scriptFile, s.Commands, 0o600)
	if s.In != nil {
		program, ferr := feeder()
		if ferr != nil {
			return ferr
		}
		put(feederFile, string(program), 0o700)
	}
	return errors.Join(err, t.Sync())
}

// removeScript takes the script's files away, whatever the script has done to the other
// packs. The machine must not run any more.
func (d *Drives) removeScript() error {
	root, err := d.root()
	if err == nil {
		var errs []error
		for _, name := range []string{wrapperFile, scriptFile, feederFile} {
			if err := root.Unlink(name); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		err = errors.Join(append(errs, root.Sync())...)
	}
	if err != nil {
		return fmt.Errorf("%s, %s or %s is left behind in the root: %w", wrapperFile, scriptFile, feederFile, err)
	}
	return nil
}

// scriptOutput picks the script's output out of what the console prints.
type scriptOutput struct {
	token string
	out   io.Writer
	fail  context.CancelCauseFunc // called when out takes no more

	state  byte   // the last mark seen; 0, begin or end
	held   []byte // may be the start of the next mark
	line   []byte // output not yet passed on
	status int
}

// flushAt is how much output is kept back at most while its line is not complete.
const flushAt = 1 << 10

// put takes the next byte.
func (o *scriptOutput) put(c byte) {
	switch o.state {
	case 0:
		// The terminal becomes raw when the wrapper says so: parity until then.
		if o.match(c&0o177, mark(o.token, begin)) {
			o.state = begin
		}
		o.line = o.line[:0]
	case begin:
		if o.match(c, mark(o.token, end)) {
			o.state = end
		}
		if n := len(o.line); n >= flushAt || n > 0 && (o.line[n-1] == '\n' || o.state == end) {
			o.flush()
		}
	case end:
		if c < '0' || c > '9' {
			o.state = synced
			return
		}
		o.status = o.status*10 + int(c-'0')
	}
}

// done says whether the commands have ended.
func (o *scriptOutput) done() bool { return o.state == end || o.state == synced }

// match says whether the bytes up to c end with the mark want. What cannot be part
// of it goes to line.
func (o *scriptOutput) match(c byte, want string) bool {
	o.held = append(o.held, c)
	for !strings.HasPrefix(want, string(o.held)) {
		o.line = append(o.line, o.held[0])
		o.held = o.held[1:]
	}
	if len(o.held) < len(want) {
		return false
	}
	o.held = o.held[:0]
	return true
}

// idle passes on what there is of a line, as the guest says no more for now.
func (o *scriptOutput) idle() {
	if o.state == begin && len(o.held) == 0 {
		o.flush()
	}
}

// flush passes on what there is of a line.
func (o *scriptOutput) flush() {
	if len(o.line) == 0 {
		return
	}
	_, err := io.Copy(o.out, bytes.NewReader(o.line))
	o.line = o.line[:0]
	if err != nil {
		o.fail(fmt.Errorf("writing the output: %w", err))
		o.out = io.Discard
	}
}
