package mini_test

import (
	"fmt"
	"strings"
	"testing"

	"v7em/asm"
	"v7em/images/mini"
	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/fs"
)

// start boots mini.
func start(t *testing.T, cfg machine.Config) *guest.Guest {
	t.Helper()
	return guest.Boot(t, guest.Options{Guest: guest.Mini, Machine: cfg})
}

// clean syncs and checks the file systems.
func clean(t *testing.T, g *guest.Guest) {
	t.Helper()
	g.Sync()
	for _, v := range guest.Volumes(t, g.Drives()) {
		if r := fs.Check(v.Dev); !r.Clean() {
			t.Errorf("%s is not clean:\n%s\n%v", v.Device, r, r.Problems[:min(len(r.Problems), 40)])
		}
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
		{"(echo a; echo b) | wc", "      2      2       4\n"},
		{"cd /tmp; pwd; cd /; pwd", "/tmp\n/\n"},
		{"mkdir a; mkdir a/b; ls a; pwd", "b\n/\n"},
		{"echo hi >a/f; echo there >>a/f; cat a/f; cat <a/f; wc a/f", "hi\nthere\nhi\nthere\n      2      2       9 a/f\n"},
		{"cp a/f a/g; cmp a/f a/g; mv a/g a/h; ln a/h a/i; ls -l a", "drwxrwxr-x  2 root      32 Mar 14 15:09 b\n-rw-rw-r--  1 root       9 Mar 14 15:09 f\n-rw-rw-r--  2 root       9 Mar 14 15:09 h\n-rw-rw-r--  2 root       9 Mar 14 15:09 i\n"},
		{"ls a; rm a/i a/h; ls a", "b\nf\nh\ni\nb\nf\n"},
		{"echo a/*; echo a/[f-g] a/?; echo zz*", "a/b a/f\na/f a/b a/f\nzz*\n"},
		{"rmdir a", "rmdir: not empty: a\n"},
		{"mv a/b b; ls a; ls -d b; rmdir b; rm -r a; ls a", "f\nb\nls: a: no such file or directory\n"},
		{"nonsense; echo $?", "sh: not found: nonsense\n127\n"},
		{"x=`echo a; echo b`; echo \"$x\"; echo $x", "a\nb\na b\n"},
		{"cat >/tmp/s <<x", "sh: syntax error\n"},
		{"echo 'echo $0 $1 $#; exit 3' >/tmp/s; sh /tmp/s q r; echo $?; chmod 755 /tmp/s; /tmp/s z", "/tmp/s q 2\n3\n/tmp/s z 1\n"},
		{"echo 'true; echo a; false || echo b; false; echo c' >/tmp/e; sh -e /tmp/e; echo $?; sh /tmp/e; rm /tmp/e", "a\nb\n1\na\nb\nc\n"},
		{"(sleep 1 & wait; echo done)", "done\n"},
		{"true & wait; test $! -gt 4 && echo started", "*\nstarted\n"},
		{"date 7912312359; date >/tmp/d; date 7907011200", ""},
		{"cat /tmp/d", "Mon Dec 31 23:59:00 GMT 1979\n"},
		{"df /dev/rk5 2>/dev/null; echo $?", "1\n"},
		{"ls nothing 2>/dev/null; echo $?", "1\n"},
		{"echo x | cat | cat | cat", "x\n"},
		{"ls -l /dev/null", "crw-rw-rw-  1 root   8,  2 Jul  1 12:00 /dev/null\n"},
	} {
		got := g.Run(tt.command)
		if rest, ok := strings.CutPrefix(tt.want, "*"); ok && strings.HasSuffix(got, rest) && got != rest { // a number before it
			continue
		}
		if got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.command, got, tt.want)
		}
	}
	clean(t, g)
	if t.Failed() {
		t.Log(dump(g))
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
		if got := g.Run("echo hello | cat"); got != "hello\n" {
			t.Errorf("%+v: %q", cfg, got)
		}
		clean(t, g)
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
		g.Run("mkdir /w; cd /w")
		for i, loop := range tt.loops {
			g.Run(fmt.Sprintf("mkdir p%d; (cd p%d; %s) >out%d 2>&1 &", i, i, loop, i))
		}
		if got := g.Run("wait; echo all done"); got != "all done\n" {
			t.Fatalf("%q\n%s", got, dump(g))
		}
		if got := g.Run("cat out*; echo p?/*; cd /; rm -r w"); got != "p?/*\n" {
			t.Errorf("%v: %s", tt.model, got)
		}
		clean(t, g)
	}
}

// TestFull fills the disk.
func TestFull(t *testing.T) {
	g := start(t, machine.Config{})
	g.Run("echo >/tmp/after; df >/tmp/before; df >/tmp/before; mkdir /full; cd /full")
	out := g.Run("for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do cp /unix u$i$j; cp /bin/sh s$i$j; done; done; mkdir a b c d e f g h; df")
	if !strings.Contains(out, "no space left") || !strings.Contains(out, "rk0 0 of") {
		t.Errorf("filling: %s", out)
	}
	clean(t, g)
	// A directory that cannot grow.
	out = g.Run("for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do ln u11 l$i$j; mkdir m$i$j; done; done 2>&1 | wc; cd /; ls -l full | wc")
	t.Log(out)
	clean(t, g)
	if out = g.Run("rm -r /full; df >/tmp/after; cmp /tmp/before /tmp/after || cat /tmp/before /tmp/after"); out != "" {
		t.Error(out)
	}
	clean(t, g)
}

// TestTerminal edits lines, interrupts programs, and ends a shell and a file.
func TestTerminal(t *testing.T) {
	g := guest.PowerOn(t, guest.Options{Guest: guest.Mini})
	sh := func(command string) string {
		t.Helper()
		g.Send(command + "\r")
		_, out, _ := strings.Cut(strings.TrimSuffix(g.Await("\r\n# "), "# "), "\n") // the echo
		return out
	}
	if got := sh("echo abd#c; echo a\\#b\\@"); got != "\nabc\na#b@\n" { // a @ is echoed with a newline
		t.Errorf("erase: %q", got)
	}
	g.Type("echo wrong@")
	if got := sh("echo right"); !strings.HasSuffix(got, "right\n") || strings.Contains(got, "\nwrong") {
		t.Errorf("kill: %q", got)
	}
	g.Type("for i in 1 2 3; do sleep 1000; done\r")
	g.Wait(guest.Second)
	g.Type("\x7f")
	g.Await("# ")
	if got := sh("echo $?"); got != "130\n" {
		t.Errorf("status after DEL: %q", got)
	}
	g.Type("cat >/tmp/f; cat /tmp/f\rline\r\x04")
	g.Await("line\r\nline\r\n# ")
	g.Type("x=1\r")
	g.Await("# ")
	g.Type("\x04") // the shell ends; init starts another
	g.Await("\r\n# ")
	if got := sh("echo $x."); got != ".\n" {
		t.Errorf("a new shell: %q", got)
	}
	g.Type("if true\r")
	g.Await("> ")
	g.Type("then echo more\r")
	g.Await("> ")
	if got := sh("fi"); got != "more\n" {
		t.Errorf("several lines: %q", got)
	}
	if got := sh("stty; stty erase '^h' kill '^u'; stty"); got != "erase # kill @ echo -raw -cbreak -nl \nerase ^H kill ^U echo -raw -cbreak -nl \n" {
		t.Errorf("stty: %q", got)
	}
	if got := sh("wrong\x15echo rie\bght#1@2"); !strings.HasSuffix(got, "right#1@2\n") {
		t.Errorf("other keys: %q", got)
	}
	for _, tt := range []struct{ command, want string }{
		{"stty -lcase cr0 nl0 tabs", ""},
		{"stty erase", "stty: unknown mode: erase\n"},
		{"stty sane", "stty: unknown mode: sane\n"},
		{"stty nl; stty >/tmp/s; stty -nl; cat /tmp/s", "stty: standard output: not a terminal\n"},
		{"PS1='$ '", ""},
	} {
		g.Send(tt.command + "\r")
		g.Wait(guest.Second)
		_, got, _ := strings.Cut(g.Printed(), "\n")
		if got != tt.want+"# " && !(strings.HasPrefix(tt.command, "PS1") && got == "$ ") {
			t.Errorf("%s: %q", tt.command, got)
		}
	}
}

// TestMount mounts a second pack, and finds it as it was left.
func TestMount(t *testing.T) {
	g := start(t, machine.Config{})
	second := g.M.RK.Disk(0).(machine.MemDisk).Clone()
	if err := g.M.AttachRK(2, machine.MemDisk{Store: second}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ command, want string }{
		{"mount /dev/rk2 /mnt; ls /mnt", "bin\ndev\netc\nmnt\nrkboot\ntmp\nunix\nusr\n"},
		{"cd /mnt/tmp; mkdir a; pwd; cd ../..; pwd", "/mnt/tmp\n/\n"},
		{"ln /unix /mnt/x", "ln: cannot make /mnt/x: on another device\n"},
		{"rmdir /mnt", "rmdir: cannot remove /mnt\n"},
		{"cd /mnt; umount /dev/rk2; cd /", "umount: /dev/rk2: busy\n"},
		{"umount /dev/rk2; ls /mnt; umount /dev/rk2", "umount: /dev/rk2: invalid argument\n"},
		{"mount /dev/rk2 /mnt -r; ls /mnt/tmp; echo x >/mnt/f; umount /dev/rk2", "a\nsh: cannot open /mnt/f: read-only file system\n"},
		{"mount /dev/rk3 /mnt", "mount: /dev/rk3: i/o error\n"},
	} {
		if got := g.Run(tt.command); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.command, got, tt.want)
		}
	}
	clean(t, g)
	if r := fs.Check(second); !r.Clean() {
		t.Errorf("the second pack: %s", r)
	}
}

// dump describes the processes, for a test that fails.
func dump(g *guest.Guest) string {
	symbols, err := mini.KernelSymbols()
	if err != nil {
		return err.Error()
	}
	name := func(v uint16) string {
		best := ""
		var at uint16
		for _, s := range symbols {
			if (s.Type == asm.SymBSS || s.Type == asm.SymData) && s.Value <= v && s.Value >= at {
				best, at = s.Name, s.Value
			}
		}
		return fmt.Sprintf("%s+%o", best, v-at)
	}
	var b strings.Builder
	var proc uint16
	for _, s := range symbols {
		if s.Name == "_proc" {
			proc = s.Value
		}
	}
	mem := g.M.MMU.Mem
	for i := range uint16(48) {
		w := mem[(proc+28*i)/2:]
		if w[0]&0o377 == 0 {
			continue
		}
		fmt.Fprintf(&b, "proc %d: stat %d flag %o pri %d sig %06o pid %d ppid %d addr %o size %o wchan %s\n", i, w[0]&0o377, w[0]>>8, w[1]&0o377, w[3], w[6], w[7], w[8], w[9], name(w[10]))
	}
	return b.String()
}
