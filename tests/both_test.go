package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
)

// guests are both guests, on both machines: what is done here must come to the same.
var guests = []guest.Options{
	{Guest: guest.V7},
	{Guest: guest.Mini},
	{Guest: guest.Mini, Machine: small},
}

// both runs a test on each guest, with a shell in /tmp.
func both(t *testing.T, files map[string]string, test func(t *testing.T, g *guest.Guest)) {
	t.Helper()
	for _, o := range guests {
		t.Run(o.Guest+" "+name(o), func(t *testing.T) {
			o.Files = files
			g := guest.Boot(t, o)
			expect(t, g, "cd /tmp", "")
			test(t, g)
			g.Sync()
			for _, v := range guest.Volumes(t, g.Drives()) {
				if r := v7fs.Check(v.Dev); !r.Clean() {
					t.Errorf("%s is not clean: %v", v.Device, r.Problems)
				}
			}
		})
	}
}

// What the shell and the commands that both have print, and what they leave.
func TestBothCommands(t *testing.T) {
	both(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, c := range []struct{ command, want string }{
			{"mkdir a a/b a/b/c; cd a/b/c; pwd; cd ../..; pwd; ls; cd ..", "/tmp/a/b/c\n/tmp/a\nb\n"},
			{"echo one >a/1; echo two >>a/1; cat a/1; cp a/1 a/2; cmp a/1 a/2; ls a", "one\ntwo\n1\n2\nb\n"},
			{"ln a/1 a/3; rm a/1; cat a/3; mv a/3 a/b; ls a a/b | cat", "one\ntwo\n\na:\n2\nb\n\na/b:\n3\nc\n"},
			{"mv a/b q; ls a; rmdir q/c; ls q; rm q/3; rmdir q; ls", "2\n3\na\n"},
			{"wc a/2; cat a/2 a/2 | wc", "      2      2       8 a/2\n      4      4      16\n"},
			{"for i in 3 1 2; do mkdir d$i; done; echo d?; echo d[12]; rmdir d?; echo d?", "d1 d2 d3\nd1 d2\nd?\n"},
			{"x=5; echo $x \"$x\" '$x' ${x}y; x=`echo a; echo b`; echo $x; echo \"$x\"", "5 5 $x 5y\na b\na\nb\n"},
			{"if test -d a; then echo dir; else echo none; fi; if test -f a; then echo file; else echo none; fi", "dir\nnone\n"},
			{"i=; while test x$i != xaaa; do i=a$i; echo $i; done; until test -f w; do echo >w; done; rm w; echo $i", "a\naa\naaa\naaa\n"},
			{"true && echo yes; false && echo no; false || echo or; (exit 3); echo $?", "yes\nor\n3\n"},
			{"(echo b; echo a) | cat; { echo x; echo y; } | cat | cat", "b\na\nx\ny\n"},
			{"cat nothing 2>/dev/null | wc; echo x 2>e; cat e", "      0      0       0\nx\n"},
			{"echo 'echo $# $1 $2; shift; echo $*' >s; sh s p q r; chmod 755 s; s x; rm s e", "3 p q\nq r\n1 x\n\n"},
			{"echo long >fourteen.chars.and.more; cat fourteen.chars; rm fourteen.chars.and.even.more; echo f*", "long\nf*\n"},
			{"(sleep 2; echo late) & (sleep 1; echo soon) & wait; echo all", "soon\nlate\nall\n"},
			{"sleep 100 & kill -9 $!; wait; echo gone", "gone\n"},
			{"rm -r a; mkdir a; rm -r a; ls", ""},
		} {
			got := g.Run(c.command)
			// Numbers of background processes, and how one that is killed is told.
			if strings.Contains(c.command, "&") && strings.HasSuffix(got, "\n"+c.want) || c.want == "gone\n" && strings.HasSuffix(got, c.want) {
				continue
			}
			if got != c.want {
				t.Errorf("%s: printed %q, want %q", c.command, got, c.want)
			}
		}
	})
}

// forks is a program that forks until there are no more processes, tells the error,
// kills its children and waits for them, and tells how many of the statuses were right.
const forks = `
kids = 60.
main:
	clr	r0			/ V7 counts the uses of an open file in a signed byte
	sys	close
	mov	$2,r0
	sys	close
	clr	r5
	mov	$pids,r4
1:
	cmp	r5,$kids
	bhis	3f
	sys	fork
	br	child
	bcs	2f
	mov	r0,(r4)+
	inc	r5
	br	1b
2:
	mov	r0,why
3:
	mov	$pids,r4
	mov	r5,r3
4:
	mov	(r4)+,r0
	sys	kill; 9.
	sob	r3,4b
	clr	r4
5:
	sys	wait.
	bcs	6f
	cmp	r1,$9.
	bne	5b
	inc	r4
	br	5b
6:
	mov	r0,r2			/ ECHILD
	cmp	r4,r5
	bne	7f
	mov	$same,r0
	jsr	pc,puts
7:
	mov	why,r0
	jsr	pc,putnum
	jsr	pc,space
	mov	r2,r0
	jsr	pc,putnum
	jmp	newline
child:
	sys	pause
	br	child
	.data
why:	0
same:	<all killed \0>
	.even
	.bss
pids:	.=.+[2*kids]
`

// Processes until there are no more: for lack of memory or of entries, the error is the
// same, and so is what becomes of the children.
func TestBothForks(t *testing.T) {
	both(t, map[string]string{"/forks": guest.Program(t, forks)}, func(t *testing.T, g *guest.Guest) {
		out := g.Run("/forks")
		// A V7 that swaps has room for all.
		if want := "all killed 11 10\n"; out != want && out != "all killed 0 10\n" {
			t.Errorf("printed %q, want %q", out, want)
		}
		expect(t, g, "/forks >/dev/null; echo again | cat", "again\n")
	})
}

// A full disk, and one without inodes: what fits is there, and the room comes back.
func TestBothFullDisk(t *testing.T) {
	both(t, nil, func(t *testing.T, g *guest.Guest) {
		dev := volume(t, g, "/tmp").Dev
		g.Run("echo >f; rm f")
		g.Sync()
		before := v7fs.Check(dev)
		g.Run("mkdir d; cd d; n='1 2 3 4 5 6 7'; for i in $n; do cat /unix /unix; done >much")
		full := v7fs.Check(dev)
		for i := 0; full.Free > 0 && i < 5; i++ {
			g.Run(fmt.Sprintf("for i in $n; do cat much; done >big%d 2>/dev/null", i))
			g.Sync()
			full = v7fs.Check(dev)
		}
		if !full.Clean() || full.Free != 0 {
			t.Errorf("the full disk: %v %v", full, full.Problems)
		}
		much := g.ReadFile("/tmp/d/much")
		if big := g.ReadFile("/tmp/d/big0"); len(much) == 0 || len(big) < len(much) || !bytes.HasPrefix(bytes.Repeat(much, 8), big) {
			t.Errorf("%d bytes of big0 are not what was written", len(big))
		}
		if out := g.Run("(cat much >/usr/tmp/other; cmp much /usr/tmp/other && echo same; rm /usr/tmp/other) 2>&1"); out != "same\n" {
			t.Errorf("the other disk: %q", out)
		}
		g.Run("cd ..; rm -r d")
		g.Sync()
		if after := v7fs.Check(dev); !after.Clean() || *reportCounts(after) != *reportCounts(before) {
			t.Errorf("after all is removed: %v, before: %v; %v", after, before, after.Problems)
		}
	})
}

// A block that cannot be read or written: the program that wants it gets an error, and
// all else goes on.
func TestBothBadBlock(t *testing.T) {
	both(t, nil, func(t *testing.T, g *guest.Guest) {
		g.Run("for i in 1 2 3 4 5 6 7 8 9; do echo this is line $i of 9; done >f; cat f f f f f f f f >g; cp g h")
		g.Sync()
		tmp, err := v7fs.Open(g.M.RK.Disk(7))
		if err != nil {
			t.Fatal(err)
		}
		st, err := tmp.Lookup("/g")
		if err != nil {
			t.Fatal(err)
		}
		swapPack(t, g, 7, faulty{g.M.RK.Disk(7).(machine.MemDisk), int(st.Addr[1])})
		g.Run("cat /unix /bin/* >/dev/null") // forget what is in memory
		// V7's cat takes an error for the end.
		if out := g.Run("cat g 2>/dev/null | wc"); !strings.HasSuffix(out, "     512\n") {
			t.Errorf("of a file with a bad block: %q", out)
		}
		expect(t, g, "cat h | wc", fmt.Sprintf("%7d%7d%8d\n", 72, 72*6, 72*len("this is line 1 of 9\n")))
		swapPack(t, g, 7, g.M.RK.Disk(7).(faulty).MemDisk)
		expect(t, g, "cmp g h; rm f g h; ls", "")
	})
}

// A write-protected pack can be read.
func TestBothWriteProtected(t *testing.T) {
	both(t, nil, func(t *testing.T, g *guest.Guest) {
		g.Run("mkdir d; echo kept >d/f; cd /; /etc/umount /dev/rk7")
		g.Wait(guest.Second)
		swapPack(t, g, 7, protected{g.M.RK.Disk(7).(machine.MemDisk)})
		expect(t, g, "/etc/mount /dev/rk7 /tmp -r; cat /tmp/d/f", "kept\n")
		if out := g.Run("echo x >/tmp/new"); !strings.Contains(out, "new") {
			t.Errorf("writing to it printed %q", out)
		}
		expect(t, g, "ls /tmp; /etc/umount /dev/rk7", "d\n")
		swapPack(t, g, 7, g.M.RK.Disk(7).(protected).MemDisk)
		expect(t, g, "/etc/mount /dev/rk7 /tmp; mkdir /tmp/e; ls /tmp", "d\ne\n")
	})
}

// protected is a pack whose drive's switch says so.
type protected struct{ machine.MemDisk }

func (protected) ReadOnly() bool { return true }

// The clock goes on while nobody works, and the machine can be saved and go on from
// there.
func TestBothGoOn(t *testing.T) {
	both(t, nil, func(t *testing.T, g *guest.Guest) {
		first := g.Run("date")
		g.Wait(3600 * guest.Second)
		second := g.Run("date")
		if len(first) != len(second) || first[:10] != second[:10] || first[11:13] == second[11:13] {
			t.Errorf("an hour after %q it is %q", first, second)
		}
		g.Run("x=kept; (sleep 50; echo woken >/tmp/w) &")
		c := g.Clone(t)
		for _, g := range []*guest.Guest{g, c} {
			expect(t, g, "echo $x; sleep 60; cat w; rm w", "kept\nwoken\n")
		}
		a, b := g.M.State(), c.M.State()
		if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
			t.Error("a machine and its clone went different ways")
		}
	})
}

// Mini counts its memory by touching it.
func TestMiniMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		machine machine.Config
		want    string
	}{
		{machine.Config{Model: machine.PDP1145}, "mini: 248K"}, // the I/O page is on top of it
		{machine.Config{Model: machine.PDP1145, Memory: 192 << 10}, "mini: 192K"},
		{machine.Config{Model: machine.PDP1170, Memory: 1 << 20}, "mini: 1024K"},
		{machine.Config{Model: machine.PDP1170, Memory: 3840 << 10}, "mini: 3840K"},
	} {
		g := guest.PowerOn(t, guest.Options{Guest: guest.Mini, Machine: c.machine})
		if !strings.Contains(g.Printed(), c.want) {
			t.Errorf("%+v: booting printed %q, without %q", c.machine, g.Printed(), c.want)
		}
	}
}

// Who has only Go types "go run ./cmd/v7em" and has a Unix to work in. No download is
// tried here: the cache and the mirrors are others.
func TestFirstSessionMini(t *testing.T) {
	long(t)
	t.Parallel()
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_DATA_HOME=", "XDG_CACHE_HOME=", "V7EM_DIST=", "V7EM_DIR=", "https_proxy=127.0.0.1:1", "HTTPS_PROXY=127.0.0.1:1", "http_proxy=127.0.0.1:1", "HTTP_PROXY=127.0.0.1:1"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		b, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(b)))
	}
	x := guest.OnTerminal(t, "..", env, "go", "run", "./cmd/v7em")
	x.Sees("booting mini")
	x.Sees("# ")
	x.Types("mkdir /a /a/b; for i in 1 2 3; do mkdir /a/c$i; rmdir /a/c$i; mkdir /a/d$i; done; ls /a\r")
	x.Sees("b\r\nd1\r\nd2\r\nd3\r\n# ")
	x.Types("sync; echo synced\r")
	x.Sees("\nsynced\r\n# ")
	x.Types("\x05")
	x.Sees("v7em> ")
	x.Types("s")
	x.Sees("powered off")
	if err := x.Cmd.Wait(); err != nil {
		t.Error(err)
	}
	pack := filepath.Join(home, ".local", "share", "v7em-mini", "rk0.rk05")
	if _, err := os.Stat(pack); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"run", "echo /a/*"}, "/a/b /a/d1 /a/d2 /a/d3\n"},
		{[]string{"fs", "ls", pack, "/a"}, "b\nd1\nd2\nd3\n"},
	} {
		cmd := exec.Command("go", append([]string{"run", "./cmd/v7em"}, c.args...)...)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.Output(); err != nil || string(out) != c.want {
			t.Errorf("v7em %v: %q, %v", c.args, out, err)
		}
	}
}
