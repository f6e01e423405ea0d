package tests

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
)

// answer waits for a question and types what it is answered with.
func answer(g *guest.Guest, question, text string) {
	g.Await(question)
	g.Type(text + "\r")
}

// subshell gives a command that starts a shell, which prompts for answers first.
func subshell(g *guest.Guest, command string, answers ...string) {
	g.Send(command + "\r")
	for i := 0; i < len(answers); i += 2 {
		answer(g, answers[i], answers[i+1])
	}
	g.Await("$ ", "# ")
	g.Shell()
}

// Users: passwords, su, who may do what, and programs with their owner's rights.
func TestUsers(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	g.Send("passwd sys\r")
	answer(g, "New password:", "secret9")
	answer(g, "Retype new password:", "secret9")
	g.Wait(guest.Second)
	if f := strings.Split(g.Run("grep sys: /etc/passwd"), ":"); len(f) != 7 || len(f[1]) != 13 {
		t.Errorf("the password file has %q", f)
	}
	g.Run("cc -o ids ids.c; chown uucp ids; chgrp sys ids; chmod 6755 ids")
	contains(t, g, "ls -l ids", "-rwsr-sr-x")
	expect(t, g, "ids", "0 0 0 2\n") // root stays root

	// daemon 1, sys 2, bin 3, uucp 4, as the distribution's files have it
	subshell(g, "su bin")
	expect(t, g, "/tmp/ids", "3 4 3 2\n")
	expect(t, g, "echo x >>/etc/passwd", "/etc/passwd: cannot create\n")
	expect(t, g, "echo x >/etc/mine; cat /etc/mine; rm /etc/mine", "x\n") // bin's own directory
	expect(t, g, "mkdir mine; ls -ld mine | awk '{print $1, $3}'", "drwxrwxr-x bin\n")
	subshell(g, "su", "Password:", "root")
	expect(t, g, "ids", "0 0 1 2\n")
	g.Run("echo private >/tmp/private; chmod 600 /tmp/private")
	g.Send("\x04")
	g.Wait(guest.Second)
	expect(t, g, "cat /tmp/private", "cat: can't open /tmp/private\n")
	g.Send("su\r")
	answer(g, "Password:", "toor")
	g.Await("orry")
	g.Wait(guest.Second)
	subshell(g, "su sys", "Password:", "secret9")
	expect(t, g, "/tmp/ids", "2 4 2 2\n")
	checkPacks(t, g)
}

func TestMail(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	subshell(g, "su bin")
	g.Run("(echo Hello root.; echo From bin) | mail root")
	g.Send("\x04")
	g.Wait(guest.Second)
	out := contains(t, g, "mail -p </dev/null", "From bin Mon Mar 14 10:09:", "Hello root.\n>From bin\n")
	if n := strings.Count(out, "Hello"); n != 1 {
		t.Errorf("mail printed %q", out)
	}
	g.Send("mail\r")
	answer(g, "? ", "s /tmp/letter")
	g.Wait(guest.Second)
	g.Type("x\r")
	g.Wait(guest.Second)
	contains(t, g, "cat /tmp/letter", "Hello root.")
	checkPacks(t, g)
}

// The clock: set, read, and used by cron and at. Multi-user, as cron has to run.
func TestCron(t *testing.T) {
	long(t)
	t.Parallel()
	g := guest.PowerOn(t, guest.Options{})
	g.Send("\x04")
	g.Await("login: ")
	login(g, "root", "root", "# ")
	g.Shell()
	// cron is daemon.
	g.Run("echo '* * * * * date >>/tmp/minutes' >>/usr/lib/crontab")
	g.Run("echo 'date >/usr/adm/at; pwd >>/usr/adm/at' >job; cd /usr/src; at 1012 /job")
	contains(t, g, "ls /usr/spool/at", "83.072.1012.")
	for range 6 {
		g.Wait(60 * guest.Second)
	}
	var want []string
	for m := 11; m <= 15; m++ {
		want = append(want, fmt.Sprintf("Mon Mar 14 10:%02d:0", m))
	}
	contains(t, g, "cat /tmp/minutes", want...)
	// atrun comes every five minutes.
	contains(t, g, "cat /usr/adm/at", "Mon Mar 14 10:15:", "/usr/src\n")
	if out := g.Run("ls /usr/spool/at"); strings.Contains(out, "1012") {
		t.Errorf("the job is still there: %s", out)
	}
	// update has written it all out without being asked.
	g.Wait(35 * guest.Second)
	if got := string(g.ReadFile("/usr/adm/at")); !strings.HasSuffix(got, "/usr/src\n") {
		t.Errorf("on the pack the job's output is %q", got)
	}

	// The operator sets the clock; half a year later it is another offset.
	g.Run("date 8507041200")
	contains(t, g, "date", "Thu Jul  4 12:00:0", "EDT 1985")
	contains(t, g, "date -u", "Thu Jul  4 16:00:0", "GMT 1985")
}

// Accounting of processes.
func TestAccounting(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	g.Run("cat /dev/null >/usr/adm/acct; /etc/accton /usr/adm/acct")
	g.Run("for i in 1 2 3; do wc /usr/dict/words; done; ls /; /etc/accton")
	g.Sync()
	b := g.ReadFile("/usr/adm/acct")
	const record = 32 // acct.h: the name is the first ten characters
	if len(b) == 0 || len(b)%record != 0 {
		t.Fatalf("the accounting file has %d bytes", len(b))
	}
	ran := map[string]int{}
	for i := 0; i < len(b); i += record {
		name, _, _ := bytes.Cut(b[i:i+10], []byte{0})
		ran[string(name)]++
	}
	if ran["wc"] != 3 || ran["ls"] != 1 {
		t.Errorf("accounted were %v", ran)
	}
	if out := g.Run("sa /usr/adm/acct"); !regexp.MustCompile(`(?m)^ +3 .* wc$`).MatchString(out) {
		t.Errorf("sa printed %s", out)
	}
}

// A dump of one pack, restored to another.
func TestDump(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	contains(t, g, "dump 0f /tmp/dump /dev/rk3", "DONE")
	g.Run("cd /; /etc/umount /dev/rk4; /etc/mkfs /dev/rk4 4872")
	g.Send("restor rf /tmp/dump /dev/rk4\r")
	answer(g, "scribbling", "")
	g.Wait(60 * guest.Second)
	g.Run("")
	g.Run("/etc/mount /dev/rk4 /usr/sys")
	checkPacks(t, g)
	g.Sync()
	d := g.Drives()
	want, got := entries(t, d.Disks[3]), entries(t, d.Disks[4])
	if len(want) < 100 {
		t.Errorf("only %d files on rk3", len(want))
	}
	for name, e := range want {
		if got[name] != e {
			t.Errorf("%s: restored %.200v, dumped %.200v", name, got[name], e)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files were restored, %d dumped", len(got), len(want))
	}
}

// entry is what a file system has under a name.
type entry struct {
	mode, links int
	uid, gid    int
	mtime       int32
	device      string
	data        string
}

// entries returns all that a file system holds.
func entries(t *testing.T, dev v7fs.Device) map[string]entry {
	t.Helper()
	f, err := v7fs.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]entry{}
	err = f.Walk("/", func(name string, st v7fs.Stat) error {
		e := entry{mode: int(st.Mode), links: int(st.Nlink), uid: int(st.UID), gid: int(st.GID), mtime: st.MTime}
		switch st.Type() {
		case v7fs.ModeRegular:
			b, err := f.ReadFile(name)
			if err != nil {
				return err
			}
			e.data = string(b)
		case v7fs.ModeBlock, v7fs.ModeChar:
			major, minor := st.Device()
			e.device = fmt.Sprintf("%d/%d", major, minor)
		}
		out[name] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
