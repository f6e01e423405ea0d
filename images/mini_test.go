package images_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"v7em/images"
	"v7em/images/console"
	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/fs"
)

// runMini runs a script on mini's packs.
func runMini(t *testing.T, ctx context.Context, d *images.Drives, s images.Script) (int, error) {
	t.Helper()
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.Now = guest.Epoch
	return d.RunScript(ctx, m, s)
}

// TestMiniScript runs scripts on mini: all bytes come through, the status does, and
// afterwards the packs are clean, without the script.
func TestMiniScript(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	for _, c := range []struct {
		commands, want string
		status         int
	}{
		{"echo hello; cat nothing", "hello\ncat: cannot open nothing: no such file or directory\n", 1},
		{"cat bytes; exit 7", string(all), 7},
		{"date; sleep 3600; date", "Mon Mar 14 15:09:26 GMT 1983\nMon Mar 14 16:09:26 GMT 1983\n", 0},
		{"cat; stty -echo; read x; echo $?; mkdir a; cd a; pwd", "stty: standard output: not a terminal\n", 0},
		{"for i in 1 2 3; do mkdir d$i; done &\nwait; ls -d d?", "d1\nd2\nd3\n", 0},
	} {
		d := guest.MiniPacks(t)
		guest.PutFiles(t, d, map[string]string{"/bytes": string(all)})
		var out bytes.Buffer
		status, err := runMini(t, t.Context(), d, images.Script{Commands: c.commands, Out: &out})
		got := out.String()
		if strings.HasPrefix(c.commands, "date") { // booting takes some seconds
			got = strings.NewReplacer(":09:27", ":09:26", ":09:28", ":09:26", ":09:29", ":09:26").Replace(got)
		}
		if strings.HasPrefix(c.commands, "cat;") { // the standard output is the terminal
			c.want = "1\n/a\n"
		}
		if err != nil || status != c.status || got != c.want {
			t.Errorf("%s: printed %q, want %q; status %d, %v", c.commands, got, c.want, status, err)
		}
		tree, _, err := d.Tree()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Lookup("/.v7em.cmd"); err == nil {
			t.Error("the script is still there")
		}
		for _, v := range guest.Volumes(t, d) {
			if r := fs.Check(v.Dev); !r.Clean() {
				t.Errorf("%s: %s: %v", c.commands, v.Device, r.Problems)
			}
		}
	}
}

// TestMiniScriptRepeats: the same packs, commands and time give the same packs.
func TestMiniScriptRepeats(t *testing.T) {
	var first []byte
	for i := range 2 {
		d := guest.MiniPacks(t)
		var out bytes.Buffer
		if _, err := runMini(t, t.Context(), d, images.Script{Commands: "for i in 1 2 3 4; do (mkdir /d$i; cp /unix /d$i) & done; wait; date", Out: &out}); err != nil {
			t.Fatal(err)
		}
		image := guest.Image(t, d.Disks[0])
		for n := 0; i > 0 && n < len(image); n += fs.BlockSize {
			a, b := first[n:n+fs.BlockSize], image[n:n+fs.BlockSize]
			// The wrapper's token, which is random, was in blocks that are free now.
			if !bytes.Equal(a, b) && !bytes.Contains(a, []byte("\x01")) {
				t.Errorf("block %d differs", n/fs.BlockSize)
			}
		}
		first = image
	}
}

// TestMiniScriptCut ends a script in the middle, by its context and by an output that
// takes no more: mini still writes everything out.
func TestMiniScriptCut(t *testing.T) {
	full := errors.New("full")
	for _, how := range []string{"context", "output"} {
		d := guest.MiniPacks(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		out := writer(func(p []byte) error {
			if how == "output" {
				return full
			}
			cancel(full)
			return nil
		})
		_, err := runMini(t, ctx, d, images.Script{Commands: "mkdir /made; echo made; while :; do mkdir /x; rmdir /x; done", Out: out})
		if !errors.Is(err, full) {
			t.Errorf("%s: %v", how, err)
		}
		tree, _, err := d.Tree()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Lookup("/made"); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}

type writer func(p []byte) error

func (w writer) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// TestMiniShutdown powers off while a program has the terminal: it is interrupted, and
// all is written.
func TestMiniShutdown(t *testing.T) {
	g := guest.PowerOn(t, guest.Options{Guest: guest.Mini})
	g.Type("mkdir /last; while :; do :; done\r")
	g.Wait(guest.Second)
	answered, err := images.Shutdown(t.Context(), g.M, console.New(g.M), nil)
	if !answered || err != nil {
		t.Errorf("answered %v, %v", answered, err)
	}
	f, err := fs.Open(g.M.RK.Disk(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Lookup("/last"); err != nil {
		t.Error(err)
	}
	if r := fs.Check(g.M.RK.Disk(0)); !r.Clean() {
		t.Errorf("%v", r.Problems)
	}
}
