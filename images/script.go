package images

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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

	// Off, if not nil, is called when the guest is off and before the host
	// changes the packs again.
	Off func() error
}

// Files that a script needs in the guest's root directory.
const (
	scriptFile  = "/.v7em.cmd" // the commands
	wrapperFile = "/.v7em.sh"  // what mounts the packs and runs them
)

// scriptLimit bounds a script in virtual time; who wants less has a context.
const scriptLimit = 1 << 62

// rescueTime is how long, on the host, a guest that is cut short may take to write
// everything out.
const rescueTime = 20 * time.Second

// RunScript boots V7 from the drives in the machine m, without going multi-user,
// mounts the packs as /etc/rc does it, and runs the commands with nothing on their
// standard input. It returns the exit status of the shell when V7 has written
// everything out. When the context ends first, or nobody takes the output any more,
// V7 still gets the chance to.
func (d *Drives) RunScript(ctx context.Context, m *machine.Machine, s Script) (status int, err error) {
	if err := d.Recognize(); err != nil {
		return 0, err
	}
	token := rand.Text()
	if err := d.putScript(s, token); err != nil {
		return 0, err
	}
	defer func() {
		if s.Off != nil {
			err = errors.Join(err, s.Off())
		}
		if rerr := d.removeScript(); err == nil {
			err = rerr
		}
	}()
	if err := d.SetClock(s.Now); err != nil {
		return 0, err
	}
	if err := d.Attach(m); err != nil {
		return 0, err
	}
	c := console.New(m)
	if err := d.Set.Boot(ctx, m, c); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &scriptOutput{token: token, out: s.Out, fail: cancel}
	c.Echo = out.put
	c.Type("sh " + wrapperFile + "\r")
	_, err = c.Expect(ctx, promptLimit, mark(token, begin))
	if err == nil {
		_, err = c.Expect(ctx, scriptLimit, mark(token, synced))
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
			rescue(m, c)
		}
		return 0, err
	}
	return out.status, settle(ctx, m, c)
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

// The wrapper marks on the console where the script's output begins and ends. A mark
// has a token that does not turn up by accident.
const (
	begin  = '[' // the script's output follows
	end    = ']' // it has ended; the status and a newline follow
	synced = '.' // V7 has written everything out
)

func mark(token string, kind byte) string { return "\x01" + token + string(kind) }

// wrapper returns the shell script that runs the commands. The terminal is raw
// meanwhile: then V7 passes every byte on as it is.
func wrapper(mounts []Mount, token string) string {
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
	line("stty raw -echo -lcase")
	line("echo -n '%s'", mark(token, begin))
	line("sh %s </dev/null", scriptFile)
	line("s=$?")
	line("stty raw -echo -lcase") // the script may have changed it
	line("echo '%s'$s", mark(token, end))
	line("sync")
	line("sync")
	line("echo '%s'", mark(token, synced))
	return b.String()
}

func (d *Drives) putScript(s Script, token string) error {
	t, mounts, err := d.Tree()
	if err != nil {
		return err
	}
	t.SetClock(s.Now)
	a := fs.Attr{Perm: 0o600, MTime: s.Now}
	if err := t.Put(wrapperFile, strings.NewReader(wrapper(mounts, token)), a); err != nil {
		return err
	}
	if err := t.Put(scriptFile, strings.NewReader(s.Commands), a); err != nil {
		return err
	}
	return t.Sync()
}

// removeScript takes the script's files away. The machine must not run any more.
func (d *Drives) removeScript() error {
	t, _, err := d.Tree()
	if err != nil {
		return err
	}
	return errors.Join(t.Remove(wrapperFile), t.Remove(scriptFile), t.Sync())
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

func (o *scriptOutput) flush() {
	_, err := io.Copy(o.out, bytes.NewReader(o.line))
	o.line = o.line[:0]
	if err != nil {
		o.fail(fmt.Errorf("writing the output: %w", err))
		o.out = io.Discard
	}
}
