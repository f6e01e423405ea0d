package mini_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/images/mini"
	"v7em/machine"
	"v7em/simh"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/fs/fstest"
)

// TestV7Programs runs programs of the distribution on mini.
func TestV7Programs(t *testing.T) {
	packs := guest.Packs(t, "rk")
	v7, _, err := packs.Tree()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, n := range []string{"ls", "cat", "echo", "cp", "mv", "rm", "mkdir", "rmdir", "pwd", "wc", "grep", "sort", "od", "cmp", "ed", "sh", "expr", "test", "sum", "df", "icheck", "dcheck", "du"} {
		b, err := v7.ReadFile("/bin/" + n)
		if err != nil {
			t.Fatal(err)
		}
		files["/usr/tmp/"+n] = string(b)
	}
	for _, model := range []machine.Model{machine.PDP1145, machine.PDP1170} {
		g := guest.Boot(t, guest.Options{Guest: guest.Mini, Machine: machine.Config{Model: model}, Files: files})
		g.Run("mkdir /w; cd /w; PATH=/usr/tmp:/bin:/etc")
		for _, tt := range []struct{ command, want string }{
			{"/usr/tmp/echo a b", "a b\n"},
			{"mkdir x; mkdir x/y; cd x/y; pwd; cd ../..", "/w/x/y\n"},
			{"echo one >x/1; echo two >x/2; cat x/1 x/2 | sort -r; cp x/1 x/3; mv x/3 x/4; ls x", "two\none\n1\n2\n4\ny\n"},
			{"wc x/1; grep -n o x/1 x/2", "      1      1       4 x/1\nx/1:1:one\nx/2:1:two\n"},
			{"rmdir x/y; rm x/4; ls -s x", "total 2\n   1 1\n   1 2\n"},
			{"sh -c 'for i in a b; do echo $i; done | cat; expr 3 + 4; cd x; pwd'", "a\nb\n7\n/w/x\n"},
			{"od x/1", "0000000 067157 005145\n0000004\n"},
			{"(echo a; echo 1; echo 2; echo .; echo w f; echo q) | ed; cat f", "4\n1\n2\n"},
			{"rm -r x; rm f; ls", ""},
		} {
			if got := g.Run(tt.command); got != tt.want {
				t.Errorf("%v: %s:\n got %q\nwant %q", model, tt.command, got, tt.want)
			}
		}
		clean(t, g)
	}
}

// worked returns a pack on which mini has done all kinds of things.
func worked(t *testing.T) *guest.Guest {
	g := start(t, machine.Config{})
	for i, loop := range loads {
		g.Run(fmt.Sprintf("mkdir p%d; (cd p%d; %s; cp /unix u; mkdir d) >out%d 2>&1 &", i, i, loop, i))
	}
	g.Run("wait; mkdir big; for i in 1 2 3 4 5 6 7 8; do cat /unix /unix /unix /unix /unix >big/$i; done; rm big/[2-5]")
	clean(t, g)
	return g
}

// TestCheckedByV7: V7's own checkers find a worked pack as clean as ours does.
func TestCheckedByV7(t *testing.T) {
	v7 := guest.PowerOn(t, guest.Options{})
	v7.Shell()
	g := worked(t)
	v7.Insert(1, guest.Image(t, g.M.RK.Disk(0)))
	ic, dc := v7.Run("icheck /dev/rk1"), v7.Run("dcheck /dev/rk1")
	if c, err := fstest.ParseIcheck(ic); err != nil || !c.Clean() || !fstest.ParseDcheck(dc).Clean() {
		t.Errorf("icheck: %s\ndcheck: %s", ic, dc)
	}
	if out := v7.Run("mkdir /mnt; /etc/mount /dev/rk1 /mnt; ls /mnt/big; cmp /mnt/big/1 /mnt/big/8; mkdir /mnt/v7; ls /mnt/p4; /etc/umount /dev/rk1"); out != "1\n6\n7\n8\nd\nu\n" {
		t.Errorf("mounted in V7: %q", out)
	}
}

// TestSIMH boots the pack on SIMH's 11/70 and 11/45.
func TestSIMH(t *testing.T) {
	path, err := simh.Find()
	if err != nil {
		t.Skip(err)
	}
	image, err := mini.Pack(guest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []struct{ cpu, memory string }{{"11/70", "2M"}, {"11/45", "256K"}} {
		dir := t.TempDir()
		pack := filepath.Join(dir, "rk0.dsk")
		if err := os.WriteFile(pack, image, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := simh.Start(path, dir, "set cpu "+model.cpu, "set cpu "+model.memory, "attach rk0 rk0.dsk")
		if err != nil {
			t.Fatal(err)
		}
		step := func(err error) {
			t.Helper()
			if err != nil {
				s.Close()
				t.Fatal(err)
			}
		}
		expect := func(text string) string {
			t.Helper()
			out, err := s.Expect(text)
			step(err)
			return out
		}
		step(s.Go("boot rk0"))
		expect("boot: ")
		step(s.Type("\r"))
		expect("# ")
		step(s.Type("mkdir /w; cd /w; (" + loads[0] + ") & (" + loads[2] + ") & wait; ls; echo to be kept >kept; cat kept | wc; sync; sync; echo synced\r"))
		if out := expect("\nsynced"); !strings.Contains(out, "1      3      11") {
			t.Errorf("%s: %s", model.cpu, out)
		}
		expect("# ")
		step(s.Type("sleep 1\r"))
		expect("# ")
		step(s.Interrupt())
		_, err = s.Command("detach rk0")
		step(err)
		step(s.Close())
		b, err := os.ReadFile(pack)
		if err != nil {
			t.Fatal(err)
		}
		if r := fs.Check(fs.MemOf(b)); !r.Clean() {
			t.Errorf("%s: %s", model.cpu, r)
		}
		f, err := fs.Open(fs.MemOf(b))
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := f.ReadFile("/w/kept"); err != nil || string(kept) != "to be kept\n" {
			t.Errorf("%s: %q, %v", model.cpu, kept, err)
		}
	}
}
