package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"v7em/escape"
	"v7em/images"
	"v7em/journaldev"
	"v7em/keys"
	"v7em/machine"
	"v7em/unix/kernel"
)

const menuText = "\r\n" +
	"  c  continue                  s  sync and power off\r\n" +
	"  i  status                    w  save the machine's state and leave\r\n" +
	"  a  attach a pack             p  cut the power and boot again\r\n" +
	"  d  detach a pack             x  cut the power and leave\r\n" +
	"  e  send ^E                   b  sync, power off and boot again\r\n" +
	"                               z  suspend v7em, until the shell's fg\r\n"

// menu has the screen while the machine runs on. It returns how the user wants to
// leave, or stay.
func (t *terminal) menu(ctx context.Context) leaving {
	t.screen.hold()
	how := t.choose(ctx)
	t.screen.release()
	if how == stay {
		t.redisplay(ctx)
	}
	return how
}

// redisplay shows the prompt again, where something else was on the screen.
func (t *terminal) redisplay(ctx context.Context) {
	if t.watch == nil {
		t.do(ctx, func(*machine.Machine) { t.keyboard.Redisplay() })
	}
}

// choose is the menu.
func (t *terminal) choose(ctx context.Context) leaving {
	fmt.Fprint(t.screen, menuText)
	for {
		fmt.Fprint(t.screen, "v7em> ")
		t.choosing.Store(true)
		c, err := t.key(ctx)
		for err == nil && c < 0 { // an arrow, say
			fmt.Fprint(t.screen, "\a")
			c, err = t.key(ctx)
		}
		t.choosing.Store(false)
		if err != nil {
			return stay // serve will meet the reason
		}
		if c > ' ' && c < 0o177 {
			fmt.Fprintf(t.screen, "%c", c)
		}
		fmt.Fprint(t.screen, "\r\n")
		switch c {
		case 'c', '\r', '\n', 0x1b:
			return stay
		case 'e', keyMenu:
			t.do(ctx, func(m *machine.Machine) {
				t.keyboard.Type(keys.Key{Code: keyMenu, Raw: string(rune(keyMenu))})
				m.Console.Wake()
			})
			return stay
		case 's':
			return leaveSync
		case 'b':
			return syncAndBoot
		case 'p':
			return cutAndBoot
		case 'x':
			return leaveCut
		case 'w':
			err = t.askSave(ctx)
			if err == nil {
				return leaveSave
			}
		case 'i':
			t.screen.page()
			t.do(ctx, t.status)
		case 'z':
			if err = t.suspend(ctx); err == nil {
				return stay
			}
		case 'a':
			err = t.attach(ctx)
		case 'd':
			err = t.detach(ctx)
		default:
			t.screen.page()
			fmt.Fprint(t.screen, menuText)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			fmt.Fprintf(t.screen, "%s\r\n", errorLine(err))
		}
	}
}

// errLate says that nothing was typed in time.
var errLate = errors.New("nothing was typed")

// byte waits for the next byte of the terminal, until late or over; nil is never.
func (t *terminal) byte(ctx context.Context, late <-chan time.Time, over <-chan struct{}) (byte, error) {
	if len(t.rest) == 0 {
		select {
		case p, ok := <-t.keys:
			if !ok {
				return 0, io.EOF
			}
			t.rest = p
		case <-late:
			return 0, errLate
		case <-over:
			return 0, errors.New("the machine has stopped")
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	c := t.rest[0]
	t.rest = t.rest[1:]
	return c, nil
}

// key waits for a key.
func (t *terminal) key(ctx context.Context) (keys.Code, error) {
	var d keys.Decoder
	for {
		var late <-chan time.Time
		if w := d.Wait(); w > 0 {
			late = time.After(w)
		}
		c, err := t.byte(ctx, late, t.ended)
		var k []keys.Key
		switch {
		case err == errLate:
			k = d.Late()
		case err != nil:
			return 0, err
		default:
			k = d.Put(c)
		}
		for _, k := range k {
			if k.Code != keys.Report {
				return k.Code, nil
			}
		}
	}
}

// keyReader gives the keys to a line editor, one by one, so that none is taken
// that belongs to others.
type keyReader struct {
	ctx context.Context
	t   *terminal
}

func (r keyReader) Read(p []byte) (int, error) {
	c, err := r.t.byte(r.ctx, nil, r.t.ended)
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// ask reads a line. io.EOF means that the user thought better of it, with ^C or
// ^D or an empty line.
func (t *terminal) ask(ctx context.Context, question string) (string, error) {
	return t.askWith(ctx, question, nil)
}

// askFile reads the name of a host file. Tab completes it, and ~ is the home directory.
func (t *terminal) askFile(ctx context.Context, question string) (string, error) {
	name, err := t.askWith(ctx, question, completeFile)
	if err != nil {
		return "", err
	}
	return expandHome(name)
}

// askWith is ask with a function that completes a line and returns what else it might
// have been completed to.
func (t *terminal) askWith(ctx context.Context, question string,
	complete func(string) (string, []string)) (string, error) {
	e := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keyReader{ctx, t}, t.screen}, question)
	if complete != nil {
		e.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
			if key != '\t' {
				return "", 0, false
			}
			done, others := complete(line[:pos])
			if len(others) > 0 {
				fmt.Fprintf(e, "%s\n", strings.Join(others, "  "))
			}
			return done + line[pos:], len(done), true
		}
	}
	line, err := e.ReadLine()
	if err != nil {
		fmt.Fprint(t.screen, "\r\n")
		return "", io.EOF
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", io.EOF
	}
	return line, nil
}

// sure asks a question that only y answers with yes. Otherwise the error is io.EOF.
func (t *terminal) sure(ctx context.Context, question string) error {
	answer, err := t.ask(ctx, question+" (y or n) ")
	if err == nil && !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes") {
		err = io.EOF
	}
	return err
}

func (t *terminal) askSave(ctx context.Context) error {
	if t.o.save != "" {
		return nil
	}
	file, err := t.askFile(ctx, "save in which file? ")
	if err == nil {
		err = checkSave(file)
	}
	if err == nil {
		t.o.save = file
	}
	return err
}

// statusColumns is how long a line of the status may be.
const statusColumns = 79

// status prints what the machine does and what is in the drives.
func (t *terminal) status(m *machine.Machine) {
	c := m.Config()
	mode := [4]string{"kernel", "supervisor", "no", "user"}[m.CPU.Mode]
	state := "running"
	if m.CPU.Waiting {
		state = "waiting"
	}
	fmt.Fprintf(t.screen, "PDP-%v, %d KB: %s in %s mode, PC %06o PSW %06o\r\n",
		c.Model, len(m.MMU.Mem)*2>>10, state, mode, m.CPU.R[7], m.CPU.PSW())
	fmt.Fprintf(t.screen, "%d instructions in %v\r\n", m.Instructions(), time.Duration(m.Now()).Round(time.Millisecond))
	for _, name := range slices.Sorted(maps.Keys(t.drives)) {
		p := t.drives[name]
		d, _ := parseDrive(name)
		stats := m.RK.Drive(d.unit).Stats
		if d.rp {
			stats = m.RP.Drive(d.unit).Stats
		}
		what := ""
		if p.ReadOnly() {
			what = ", write-protected"
		}
		if err := p.Err(); err != nil {
			what += fmt.Sprintf(" (%v)", err)
		}
		line := fmt.Sprintf("%s  %s: %s read, %d written%s", name, escape.Name(t.packName(p)),
			count(int(stats.Reads), "block"), stats.Writes, what)
		if v, ok := p.(*journaldev.Volume); ok {
			journal := "journal: " + journalLine(v.Status())
			if len(line)+2+len(journal) <= statusColumns {
				line += "; " + journal
			} else {
				line += "\r\n     " + journal
			}
		}
		fmt.Fprintf(t.screen, "%s\r\n", line)
	}
	if t.committer != nil {
		s := t.committer.Stats()
		fmt.Fprintf(t.screen, "%s, %d not settled in time\r\n",
			count(s.Settled+s.Prefixes+s.Fallbacks, "commit point"), s.Unsettled)
		for _, line := range t.committer.Status().Lines() {
			fmt.Fprintf(t.screen, "%s\r\n", fold(line, statusColumns))
		}
	}
}

// packName is a pack's file, without the machine's directory.
func (t *terminal) packName(p images.Pack) string {
	if filepath.Dir(p.Path()) == filepath.Clean(t.dir) {
		return filepath.Base(p.Path())
	}
	return p.Path()
}

// journalLine is a journal's status in short.
func journalLine(s journaldev.Status) string {
	var states []string
	for _, name := range []string{"CREATE", "START", "TRANS", "END", "ESTART"} {
		if n := s.States[name]; n > 0 {
			states = append(states, fmt.Sprintf(", %s %d", name, n))
		}
	}
	return fmt.Sprintf("%d commits, %d home, %d%% full%s", s.Committed, s.Home, 100*s.RingUsed/max(s.RingSize, 1),
		strings.Join(states, ""))
}

// mounted says what V7 has a drive for: nothing, if that is empty.
func (t *terminal) mounted(ctx context.Context, drive string) (what string) {
	const times, pause = 20, 5 * time.Millisecond
	for range times {
		var volumes []kernel.Volume
		var err error
		known := false
		t.do(ctx, func(m *machine.Machine) {
			var k *kernel.Kernel
			if k, err = images.Recognize(m, t.kernel); err == nil {
				known = true
				volumes, err = images.Mounted(m, k)
			}
		})
		switch {
		case !known:
			return "" // it is not V7
		case kernel.Why(err) == kernel.AtWork:
			time.Sleep(pause) // its tables may be half changed
			continue
		case err != nil:
			return "may have " + drive + " mounted"
		}
		for _, v := range volumes {
			switch {
			case v.Drive.String() != drive || v.Extent == 0 && v.Wrong != "":
			case v.OnInode == 0:
				return "has its root on " + drive
			default:
				return "has " + drive + " mounted"
			}
		}
		return ""
	}
	return "may have " + drive + " mounted"
}

// attach puts a pack into an empty drive.
func (t *terminal) attach(ctx context.Context) error {
	name, err := t.ask(ctx, "drive (rk0 to rk7, rp0 to rp7): ")
	if err != nil {
		return err
	}
	d, err := parseDrive(name)
	if err != nil {
		return err
	}
	if t.drives[d.name] != nil {
		return fmt.Errorf("%s holds %s: detach it first", d.name, t.drives[d.name].Path())
	}
	if what := t.mounted(ctx, d.name); what != "" {
		fmt.Fprintf(t.screen, "V7 %s: it will take this pack for the one that was there.\r\n", what)
		if err := t.sure(ctx, "attach a pack all the same?"); err != nil {
			return err
		}
	}
	file, err := t.askFile(ctx, "image file: ")
	if err != nil {
		return err
	}
	kind := journaldev.RK05
	if d.rp {
		kind = journaldev.RP03
	}
	p, err := t.o.keep.Open(file, kind, d.name)
	if err != nil {
		return advise(err)
	}
	ok := t.do(ctx, func(m *machine.Machine) {
		if err = insert(m, d.name, t.watch.disk(d.name, p)); err == nil {
			t.drives[d.name] = p
			t.drivesChanged()
		}
	})
	if !ok || err != nil {
		return errors.Join(err, p.Close())
	}
	fmt.Fprintf(t.screen, "%s holds %s\r\n", d.name, file)
	for _, line := range packLines(p) {
		fmt.Fprintf(t.screen, "%s: %s\r\n", d.name, line)
	}
	return nil
}

// detach takes a pack out of its drive.
func (t *terminal) detach(ctx context.Context) error {
	name, err := t.ask(ctx, "drive: ")
	if err != nil {
		return err
	}
	d, err := parseDrive(name)
	if err != nil {
		return err
	}
	p := t.drives[d.name]
	if p == nil {
		return fmt.Errorf("%s is empty", d.name)
	}
	if what := t.mounted(ctx, d.name); what != "" {
		fmt.Fprintf(t.screen, "V7 %s, with %s in it: what it does there will fail.\r\n", what, escape.Name(t.packName(p)))
		if err := t.sure(ctx, "detach it all the same?"); err != nil {
			return err
		}
	}
	ok := t.do(ctx, func(m *machine.Machine) {
		if err = t.commit("detach"); err != nil {
			return
		}
		if d.rp {
			m.DetachRP(d.unit)
		} else {
			m.DetachRK(d.unit)
		}
		delete(t.drives, d.name)
		t.drivesChanged()
	})
	if !ok || err != nil {
		return err
	}
	err = p.Err()
	if cerr := p.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		err = fmt.Errorf("%s is empty; not all that the guest wrote to it is kept: %w", d.name, err)
		t.behind = errors.Join(t.behind, err)
		return err
	}
	fmt.Fprintf(t.screen, "%s is empty; %s is free\r\n", d.name, p.Path())
	return nil
}
