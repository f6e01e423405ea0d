package mini

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"v7em/asm"

	"v7em/block"
	"v7em/images/console"
	"v7em/machine"
	v7fs "v7em/unix/fs"
)

var then = time.Date(1979, 7, 1, 12, 0, 0, 0, time.UTC)

// small is a machine that runs mini.
type small struct {
	t    *testing.T
	m    *machine.Machine
	c    *console.Session
	disk *block.Store
	out  []byte
}

// off makes the machine, with a new pack in its drive, and leaves it off.
func off(t *testing.T, cfg machine.Config) *small {
	t.Helper()
	image, err := Pack(then)
	if err != nil {
		t.Fatal(err)
	}
	g := &small{t: t, disk: block.NewStore(PackBlocks)}
	if err := g.disk.Load(bytes.NewReader(image)); err != nil {
		t.Fatal(err)
	}
	if g.m, err = machine.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := g.m.AttachRK(0, machine.MemDisk{Store: g.disk}); err != nil {
		t.Fatal(err)
	}
	g.c = console.New(g.m)
	g.c.Echo = func(c byte) { g.out = append(g.out, c) }
	return g
}

// on boots it and waits for the prompt.
func (g *small) on() {
	g.t.Helper()
	if err := g.m.Boot("rk", 0); err != nil {
		g.t.Fatal(err)
	}
	g.expect("boot: ")
	g.c.Type("\r")
	g.expect("# ")
}

func start(t *testing.T, cfg machine.Config) *small {
	t.Helper()
	g := off(t, cfg)
	g.on()
	return g
}

func (g *small) expect(text string) {
	g.t.Helper()
	if _, err := g.c.Expect(context.Background(), 60*console.Second, text); err != nil {
		g.t.Fatalf("%v\n%s\nPC %06o PSW %06o R %06o\n%s", err, g.out, g.m.CPU.R[7], g.m.CPU.PSW(), g.m.CPU.R, g.dump())
	}
}

// sh types a command at the prompt and returns what it prints.
func (g *small) sh(command string) string {
	g.t.Helper()
	at := len(g.out)
	g.c.Type(command + "\r")
	g.expect("\r\n# ")
	out := strings.ReplaceAll(string(g.out[at:]), "\r", "")
	_, out, _ = strings.Cut(out, "\n") // the echo
	return strings.TrimSuffix(out, "# ")
}

// clean syncs and checks the file system.
func (g *small) clean() {
	g.t.Helper()
	g.sh("sync")
	if _, err := g.c.Run(context.Background(), 2*console.Second); err != nil {
		g.t.Fatal(err)
	}
	if r := v7fs.Check(g.disk); !r.Clean() {
		g.t.Errorf("the pack is not clean:\n%s\n%v", r, r.Problems[:min(len(r.Problems), 40)])
	}
}

func TestCommands(t *testing.T) {
	g := start(t, machine.Config{})
	for _, tt := range []struct{ command, want string }{
		{"echo a b  c", "a b c\n"},
		{"echo -n x; echo y", "xy\n"},
		{"echo 'a  b' \"c  d\" e\\ f", "a  b c  d e f\n"},
		{"for i in 1 2 3; do echo x$i; done | cat", "x1\nx2\nx3\n"},
		{"x=5; echo $x ${x}y '$x'", "5 5y $x\n"},
		{"false; echo $?; true; echo $?", "1\n0\n"},
		{"false || echo no; true && echo yes", "no\nyes\n"},
		{"if test a = a; then echo same; else echo other; fi", "same\n"},
		{"if test a = b; then echo same; elif test 3 -gt 2; then echo more; else echo other; fi", "more\n"},
		{"i=; while test ! \"$i\" = xxx; do i=x$i; echo $i; done", "x\nxx\nxxx\n"},
		{"(echo a; echo b) | wc", "      2      2      4 \n"},
		{"cd /tmp; pwd; cd /; pwd", "/tmp\n/\n"},
		{"mkdir a; mkdir a/b; ls a; pwd", "b\n/\n"},
		{"echo hi >a/f; echo there >>a/f; cat a/f; cat <a/f; wc a/f", "hi\nthere\nhi\nthere\n      2      2      9 a/f\n"},
		{"cp a/f a/g; cmp a/f a/g; mv a/g a/h; ln a/h a/i; ls -l a", "drwxrwxrwx  2 root      32 Jul  1 12:00 b\n-rw-rw-rw-  1 root       9 Jul  1 12:00 f\n-rw-rw-rw-  2 root       9 Jul  1 12:00 h\n-rw-rw-rw-  2 root       9 Jul  1 12:00 i\n"},
		{"ls a; rm a/i a/h; ls a", "b\nf\nh\ni\nb\nf\n"},
		{"echo a/*; echo a/[f-g] a/?; echo zz*", "a/b a/f\na/f a/b a/f\nzz*\n"},
		{"rmdir a", "rmdir: not empty: a\n"},
		{"mv a/b b; ls a; ls -d b; rmdir b; rm -r a; ls a", "f\nb\nls: a: no such file or directory\n"},
		{"nonsense; echo $?", "sh: not found: nonsense\n127\n"},
		{"x=`echo a; echo b`; echo \"$x\"; echo $x", "a\nb\na b\n"},
		{"cat >/tmp/s <<x", "sh: syntax error\n"},
		{"echo 'echo $0 $1 $\\#; exit 3' >/tmp/s; sh /tmp/s q r; echo $?; chmod 755 /tmp/s; /tmp/s z", "/tmp/s q 2\n3\n/tmp/s z 1\n"},
		{"sleep 1 & wait; echo done", "done\n"},
		{"date 7912312359; date >/tmp/d; date 7907011200", ""},
		{"cat /tmp/d", "Mon Dec 31 23:59:00 GMT 1979\n"},
		{"df /dev/rk1 2>/dev/null; echo $?", "1\n"},
		{"ls nothing 2>/dev/null; echo $?", "1\n"},
		{"echo x | cat | cat | cat", "x\n"},
		{"ls -l /dev/null", "crw-rw-rw-  1 root   8,  2 Jul  1 12:00 /dev/null\n"},
	} {
		if got := g.sh(tt.command); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.command, got, tt.want)
		}
	}
	g.clean()
	if t.Failed() {
		t.Log(g.dump())
	}
}

// TestModels boots every machine that mini is for.
func TestModels(t *testing.T) {
	for _, cfg := range []machine.Config{
		{Model: machine.PDP1145},
		{Model: machine.PDP1145, Memory: 192 << 10},
		{Model: machine.PDP1170, Memory: 512 << 10},
		{Model: machine.PDP1170, Memory: 3840 << 10},
		{Model: machine.PDP1170, NoFPP: true},
	} {
		g := start(t, cfg)
		if got := g.sh("echo hello | cat"); got != "hello\n" {
			t.Errorf("%+v: %q", cfg, got)
		}
		g.clean()
	}
}

// loads are loops that change the file system in every way that there is.
var loads = []string{
	"for i in 1 2 3 4 5 6 7 8; do mkdir d$i; mkdir d$i/x; done; for i in 1 2 3 4 5 6 7 8; do rmdir d$i/x d$i; done",
	"for i in 1 2 3 4; do cp /unix u$i; cp /unix v; cmp u$i v; rm u$i v; done",
	"for i in a b c d e f g h; do echo $i >f$i; ln f$i g$i; mv g$i h$i; done; rm f? h?",
	"for i in 1 2 3 4 5 6; do cat /bin/sh /unix | cat | wc >n; done; rm n",
	"for i in 1 2 3 4 5 6 7 8 9; do mkdir e; mkdir n; mkdir e/f; mv e/f n; rm -r e n; sync; done",
}

// TestLoad runs several loops at once.
func TestLoad(t *testing.T) {
	for _, tt := range []struct {
		model machine.Model
		loops []string
	}{{machine.PDP1145, loads[:3]}, {machine.PDP1145, loads[2:]}, {machine.PDP1170, loads}} {
		g := start(t, machine.Config{Model: tt.model})
		g.sh("mkdir /w; cd /w")
		for i, loop := range tt.loops {
			g.sh(fmt.Sprintf("mkdir p%d; (cd p%d; %s) >out%d 2>&1 &", i, i, loop, i))
		}
		g.c.Type("wait; echo all done\r")
		if _, err := g.c.Expect(context.Background(), 3600*console.Second, "\nall done"); err != nil {
			t.Fatalf("%v\n%s\n%s", err, g.out, g.dump())
		}
		g.expect("# ")
		if got := g.sh("cat out*; echo p?/*; cd /; rm -r w"); got != "p?/*\n" {
			t.Errorf("%v: %s", tt.model, got)
		}
		g.clean()
	}
}

// TestFull fills the disk.
func TestFull(t *testing.T) {
	g := start(t, machine.Config{})
	g.sh("echo >/tmp/after; df >/tmp/before; df >/tmp/before; mkdir /full; cd /full")
	out := g.sh("for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do cp /unix u$i$j; cp /bin/sh s$i$j; done; done; mkdir a b c d e f g h; df")
	if !strings.Contains(out, "no space left") || !strings.Contains(out, "rk0 0 of") {
		t.Errorf("filling: %s", out)
	}
	g.clean()
	// A directory that cannot grow.
	out = g.sh("for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do ln u11 l$i$j; mkdir m$i$j; done; done 2>&1 | wc; cd /; ls -l full | wc")
	t.Log(out)
	g.clean()
	if out = g.sh("rm -r /full; df >/tmp/after; cmp /tmp/before /tmp/after || cat /tmp/before /tmp/after"); out != "" {
		t.Error(out)
	}
	g.clean()
}

// dump describes the processes, for a test that fails.
func (g *small) dump() string {
	p, err := kernelProgram()
	if err != nil {
		return err.Error()
	}
	name := func(v uint16) string {
		best := ""
		var at uint16
		for _, s := range p.Symbols {
			if (s.Type == asm.SymBSS || s.Type == asm.SymData) && s.Value <= v && s.Value >= at {
				best, at = s.Name, s.Value
			}
		}
		return fmt.Sprintf("%s+%o", best, v-at)
	}
	var b strings.Builder
	proc, _ := p.Lookup("_proc")
	mem := g.m.MMU.Mem
	for i := range uint16(48) {
		w := mem[(proc+28*i)/2:]
		if w[0]&0o377 == 0 {
			continue
		}
		fmt.Fprintf(&b, "proc %d: stat %d flag %o pri %d sig %06o pid %d ppid %d addr %o size %o wchan %s\n", i, w[0]&0o377, w[0]>>8, w[1]&0o377, w[3], w[6], w[7], w[8], w[9], name(w[10]))
	}
	return b.String()
}

// TestTerminal edits lines, interrupts programs, and ends a shell and a file.
func TestTerminal(t *testing.T) {
	g := start(t, machine.Config{})
	if got := g.sh("echo abd#c; echo a\\#b\\@"); got != "\nabc\na#b@\n" { // a @ is echoed with a newline
		t.Errorf("erase: %q", got)
	}
	g.c.Type("echo wrong@")
	if got := g.sh("echo right"); !strings.HasSuffix(got, "right\n") || strings.Contains(got, "\nwrong") {
		t.Errorf("kill: %q", got)
	}
	g.c.Type("for i in 1 2 3; do sleep 1000; done\r")
	if _, err := g.c.Run(context.Background(), console.Second); err != nil {
		t.Fatal(err)
	}
	g.c.Type("\x7f")
	g.expect("# ")
	if got := g.sh("echo $?"); got != "130\n" {
		t.Errorf("status after DEL: %q", got)
	}
	g.c.Type("cat >/tmp/f; cat /tmp/f\rline\r\x04")
	g.expect("line\r\nline\r\n# ")
	g.c.Type("x=1\r")
	g.expect("# ")
	g.c.Type("\x04") // the shell ends; init starts another
	g.expect("# ")
	if got := g.sh("echo $x."); got != ".\n" {
		t.Errorf("a new shell: %q", got)
	}
	g.c.Type("if true\r")
	g.expect("> ")
	g.c.Type("then echo more\r")
	g.expect("> ")
	if got := g.sh("fi"); got != "more\n" {
		t.Errorf("several lines: %q", got)
	}
	g.clean()
}

// TestMount mounts a second pack, and finds it as it was left.
func TestMount(t *testing.T) {
	g := off(t, machine.Config{})
	second := g.disk.Clone()
	if err := g.m.AttachRK(1, machine.MemDisk{Store: second}); err != nil {
		t.Fatal(err)
	}
	g.on()
	for _, tt := range []struct{ command, want string }{
		{"mount /dev/rk1 /mnt; ls /mnt", "bin\ndev\netc\nmnt\nrkboot\ntmp\nunix\nusr\n"},
		{"cd /mnt/tmp; mkdir a; pwd; cd ../..; pwd", "/mnt/tmp\n/\n"},
		{"ln /unix /mnt/x", "ln: cannot make /mnt/x: on another device\n"},
		{"rmdir /mnt", "rmdir: cannot remove /mnt\n"},
		{"cd /mnt; umount /dev/rk1; cd /", "umount: /dev/rk1: busy\n"},
		{"umount /dev/rk1; ls /mnt; umount /dev/rk1", "umount: /dev/rk1: invalid argument\n"},
		{"mount /dev/rk1 /mnt -r; ls /mnt/tmp; echo x >/mnt/f; umount /dev/rk1", "a\nsh: cannot open /mnt/f: read-only file system\n"},
		{"mount /dev/rk2 /mnt", "mount: /dev/rk2: i/o error\n"},
	} {
		if got := g.sh(tt.command); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.command, got, tt.want)
		}
	}
	g.clean()
	if r := v7fs.Check(second); !r.Clean() {
		t.Errorf("the second pack: %s", r)
	}
}
