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

	"v7em/images"
	"v7em/journaldev"
	"v7em/keys"
	"v7em/machine"
)

const menuText = "\r\n" +
	"  c  continue                  s  sync and power off\r\n" +
	"  i  status                    w  save the machine's state and leave\r\n" +
	"  a  attach a pack             p  cut the power and boot again\r\n" +
	"  d  detach a pack             x  cut the power and leave\r\n" +
	"  e  send ^E                   b  sync, power off and boot again\r\n"

// menu has the screen while the machine runs on. It returns how the user wants to
// leave, or stay.
func (t *terminal) menu(ctx context.Context) leaving {
	t.screen.hold()
	how := t.choose(ctx)
	t.screen.release()
	if how == stay && t.watch == nil {
		t.do(ctx, func(*machine.Machine) { t.keyboard.Redisplay() })
	}
	return how
}

// choose is the menu.
func (t *terminal) choose(ctx context.Context) leaving {
	fmt.Fprint(t.screen, menuText)
	for {
		fmt.Fprint(t.screen, "v7em> ")
		c, err := t.key(ctx)
		for err == nil && c < 0 { // an arrow, say
			fmt.Fprint(t.screen, "\a")
			c, err = t.key(ctx)
		}
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
			t.do(ctx, t.status)
		case 'a':
			err = t.attach(ctx)
		case 'd':
			err = t.detach(ctx)
		default:
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
	e := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keyReader{ctx, t}, t.screen}, question)
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

func (t *terminal) askSave(ctx context.Context) error {
	if t.o.save != "" {
		return nil
	}
	file, err := t.ask(ctx, "save in which file? ")
	if err == nil {
		t.o.save = file
	}
	return err
}

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
		fmt.Fprintf(t.screen, "%s  %s: %s read, %d written%s\r\n", name, t.packName(p), count(int(stats.Reads), "block"), stats.Writes, what)
		if v, ok := p.(*journaldev.Volume); ok {
			fmt.Fprintf(t.screen, "     journal: %s\r\n", journalLine(v.Status()))
		}
	}
	if t.committer != nil {
		s := t.committer.Stats()
		fmt.Fprintf(t.screen, "%s, %d not settled in time\r\n", count(s.Settled+s.Prefixes+s.Fallbacks, "commit point"), s.Unsettled)
		for _, line := range t.committer.Status().Lines() {
			fmt.Fprintf(t.screen, "%s\r\n", line)
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
	for _, name := range []string{"FREE", "CREATE", "START", "TRANS", "END", "ESTART"} {
		if n := s.States[name]; n > 0 {
			states = append(states, fmt.Sprintf("%s %d", name, n))
		}
	}
	return fmt.Sprintf("%d commits, %d home, %d%% full; %s", s.Committed, s.Home, 100*s.RingUsed/max(s.RingSize, 1), strings.Join(states, ", "))
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
	file, err := t.ask(ctx, "image file: ")
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
	if err := p.Close(); err != nil {
		return err
	}
	fmt.Fprintf(t.screen, "%s is empty; %s is free\r\n", d.name, p.Path())
	return nil
}
