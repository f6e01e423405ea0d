package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/aout"
	v7fs "v7em/unix/fs"
)

// machines are those that V7 runs on, and from which disks.
var machines = []guest.Options{
	{Disk: "rk"},
	{Disk: "rk", Machine: machine.Config{Model: machine.PDP1170, Memory: 1 << 20}},
	{Disk: "rk", Machine: machine.Config{Model: machine.PDP1170, Memory: 256 << 10}},
	{Disk: "rk", Machine: small},
	{Disk: "rk", Machine: machine.Config{Model: machine.PDP1145, NoFPP: true}},
	{Disk: "rp"},
}

func name(o guest.Options) string {
	c := o.Machine
	if c.Model == 0 {
		c.Model = guest.Set(o.Disk).Model(0)
	}
	if c.Memory == 0 {
		c.Memory = c.Model.DefaultMemory()
	}
	s := fmt.Sprintf("%s %v %dK", o.Disk, c.Model, c.Memory>>10)
	if c.NoFPP {
		s += " without FP11"
	}
	return s
}

// V7 counts its memory by touching it, and prints what the kernel and its first user
// area leave of it.
func TestMemory(t *testing.T) {
	t.Parallel()
	for _, o := range machines {
		t.Run(name(o), func(t *testing.T) {
			g := guest.PowerOn(t, o)
			kernel, err := aout.Parse(g.ReadFile(map[string]string{"rk": "/unix", "rp": "/rptmunix"}[o.Disk]))
			if err != nil {
				t.Fatal(err)
			}
			const click = 64
			used := (int(kernel.Header.DataSize) + int(kernel.Header.BSSSize) + click - 1) / click * click
			used += (int(kernel.Header.TextSize) + click - 1) / click * click
			const userArea = 16 * click
			memory := g.M.Config().Memory
			if g.M.Config().Model == machine.PDP1145 {
				memory = min(memory, 248<<10) // the I/O page is on top of it
			}
			want := fmt.Sprintf("mem = %d\n", memory-used-userArea)
			if got := g.Printed(); !strings.Contains(got, want) {
				t.Errorf("booting printed %q, without %q", got, want)
			}
		})
	}
}

// login answers the login prompt and returns what V7 says then, up to want.
func login(g *guest.Guest, user, password, want string) string {
	g.Send(user + "\r")
	if password != "" {
		g.Await("Password:")
		g.Type(password + "\r")
	}
	return g.Await(want)
}

// Multi-user: the ^D that ends the single-user shell, /etc/rc with all its mounts,
// getty, login with and without the right password, and the way back.
func TestMultiUser(t *testing.T) {
	t.Parallel()
	for _, o := range machines {
		t.Run(name(o), func(t *testing.T) {
			if o.Machine.Memory != 0 || o.Machine.NoFPP {
				long(t)
			}
			g := guest.PowerOn(t, o)
			g.Send("\x04")
			out := g.Await("login: ")
			// Epoch is 10:09:26 in New York; the boot took some seconds.
			if !strings.Contains(out, "MON MAR 14 10:09:") || !strings.Contains(out, "RESTRICTED RIGHTS") {
				t.Errorf("/etc/rc printed %q", out)
			}
			login(g, "root", "toor", "Login incorrect\r\nlogin: ")
			login(g, "nobody", "root", "Login incorrect\r\nlogin: ")
			if out := login(g, "root", "root", "# "); strings.Contains(out, "root\nroot") {
				t.Errorf("the password was echoed: %q", out)
			}
			g.Shell()
			contains(t, g, "who", "root     console Mar 14 10:")
			contains(t, g, "pwd", "/\n")
			contains(t, g, "ps ax", "/etc/update", "/etc/cron", "/etc/init", "swapper")

			_, mounts, err := g.Drives().Tree()
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			for _, m := range mounts {
				want += fmt.Sprintf("%s on %s\n", strings.TrimPrefix(m.Device, "/dev/"), m.Dir)
			}
			if n := strings.Count(want, "\n"); o.Disk == "rk" && n != 7 || o.Disk == "rp" && n != 1 {
				t.Errorf("/etc/rc mounts %q", want)
			}
			expect(t, g, "/etc/mount", want)
			for _, m := range mounts {
				contains(t, g, "ls -ld "+m.Dir, "drwx", m.Dir)
			}

			// Log out and come back as somebody who has no password.
			g.Send("\x04")
			g.Await("login: ")
			login(g, "bin", "", "$ ")
			g.Send("\x04")
			g.Await("login: ")
			login(g, "root", "root", "# ")
			g.Shell()
			contains(t, g, "who", "root     console")

			// Back to single user: init kills everything else.
			g.Send("kill -1 1\r")
			g.Await("# ")
			g.Shell()
			if out := g.Run("ps ax"); strings.Contains(out, "cron") || strings.Contains(out, "update") {
				t.Errorf("single user again, ps printed %s", out)
			}
			g.Run("PATH=:/bin:/usr/bin")
			checkPacks(t, g)
		})
	}
}

// df and icheck know how much is free, and so do we.
func TestDf(t *testing.T) {
	t.Parallel()
	g := boot(t)
	checkPacks(t, g)
	for _, v := range guest.Volumes(t, g.Drives()) {
		free := v7fs.Check(v.Dev).Free
		expect(t, g, "df "+v.Device, fmt.Sprintf("%s %d\n", v.Device, free))
	}
}

// The guest's clock starts from the host's, in V7's own zone: five hours behind
// Greenwich, four from the last Sunday of April to the last of October.
func TestDate(t *testing.T) {
	long(t)
	t.Parallel()
	for _, c := range []struct{ now, want string }{
		{"1979-01-10T05:00:00Z", "Wed Jan 10 00:00:.. EST 1979"},
		{"1983-04-24T06:59:30Z", "Sun Apr 24 01:59:.. EST 1983"},
		{"1983-04-24T07:00:00Z", "Sun Apr 24 03:00:.. EDT 1983"},
		{"1983-10-30T05:59:30Z", "Sun Oct 30 01:59:.. EDT 1983"},
		{"1983-10-30T06:00:00Z", "Sun Oct 30 01:00:.. EST 1983"},
		{"1999-12-31T23:59:00Z", "Fri Dec 31 18:59:.. EST 1999"},
		{"2000-02-29T17:00:00Z", "Tue Feb 29 12:00:.. EST 2000"},
		{"2026-07-04T16:30:00Z", "Sat Jul  4 12:30:.. EDT 2026"},
		{"2038-01-19T03:13:30Z", "Mon Jan 18 22:13:.. EST 2038"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		g := guest.PowerOn(t, guest.Options{Now: now})
		g.Send("/bin/date\r")
		out := g.Await("\n# ")
		if !regexp.MustCompile("(?i)\n" + c.want + "\n").MatchString(out) {
			t.Errorf("at %s V7 prints %q, want %q", c.now, out, c.want)
		}
	}
}
