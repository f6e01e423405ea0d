package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"v7em/images"
	"v7em/machine"
	"v7em/simh"
	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
)

// The packs of an install boot on SIMH's machines as they do on ours, multi-user with
// everything mounted; what V7 does there is sound on the packs; and ours takes them
// back.
func TestPacksOnSIMH(t *testing.T) {
	long(t)
	t.Parallel()
	program, err := simh.Find()
	if err != nil {
		t.Skip(err)
	}
	for _, model := range []machine.Model{machine.PDP1170, machine.PDP1145} {
		t.Run(model.String(), func(t *testing.T) {
			t.Parallel()
			d := guest.Packs(t, "rk")
			if err := d.SetClock(guest.Epoch); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			commands := []string{"set cpu " + model.String(), fmt.Sprintf("set cpu %dK", model.DefaultMemory()>>10), "set tti 7b"}
			for unit, disk := range d.Disks {
				name := d.Set.PackFile(unit)
				if err := os.WriteFile(filepath.Join(dir, name), guest.Image(t, disk), 0o666); err != nil {
					t.Fatal(err)
				}
				commands = append(commands, fmt.Sprintf("attach rk%d %s", unit, name))
			}
			s, err := simh.Start(program, dir, commands...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			s.Timeout = 3 * time.Minute
			step := func(send, expect string) string {
				t.Helper()
				err := s.Type(send)
				out := ""
				if err == nil {
					out, err = s.Expect(expect)
				}
				if err != nil {
					t.Fatal(err)
				}
				return strings.ReplaceAll(out, "\r", "")
			}
			if err := s.Go("boot rk0"); err != nil {
				t.Fatal(err)
			}
			step("", "boot: ")
			step("\r", "# ")
			if err := s.Send("\x04"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Expect("login: "); err != nil {
				t.Fatal(err)
			}
			step("root\r", "Password:")
			if err := s.Send("root\r"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Expect("# "); err != nil {
				t.Fatal(err)
			}
			step("stty cr0 nl0 tabs\r", "# ")
			for _, c := range []struct{ command, want string }{
				{"/etc/mount | wc -l", "      7\n"},
				{"cd /usr/sys/conf; mkconf <rktmconf 2>/dev/null; make unix | tail -1; cmp unix /unix; echo $?", "ld -o unix -X -i l.o mch.o c.o ../sys/LIB1 ../dev/LIB2\n0\n"},
				{"cd /tmp; mkdir simh; cd simh; cp /usr/src/games/*.c .; sort -r /usr/dict/words >w; tail -1 w", "10th\n"},
				{"sync; sync; for i in 0 1 2 3 4 5 6 7; do icheck /dev/rk$i | grep missing; done", strings.Repeat("missing    0\n", 8)},
				{"for i in 0 1 2 3 4 5 6 7; do dcheck /dev/rk$i; done >d; wc -l <d", "      8\n"},
			} {
				out := step(c.command+"\r", "\n# ") + "\n"
				if _, got, _ := strings.Cut(out, "\n"); got != c.want {
					t.Errorf("%s: printed %q, want %q", c.command, got, c.want)
				}
			}
			step("sync; sync; sync; echo done\r", "\ndone\r\n")
			if err := s.Interrupt(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Command("detach all"); err != nil {
				t.Fatal(err)
			}

			packs, err := images.RK().OpenPacks(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := packs.Close(); err != nil {
					t.Error(err)
				}
			})
			for _, v := range guest.Volumes(t, &packs.Drives) {
				if r := v7fs.Check(v.Dev); !r.Clean() {
					t.Errorf("%s after SIMH: %v", v.Device, r.Problems)
				}
			}
			g := guest.Boot(t, guest.Options{Packs: &packs.Drives, Machine: machine.Config{Model: model}})
			expect(t, g, "cd /tmp/simh; for i in *.c; do cmp $i /usr/src/games/$i; done; sort -r /usr/dict/words | cmp - w; rm *; cd ..; rmdir simh", "")
			checkPacks(t, g)
		})
	}
}
