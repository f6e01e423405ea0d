package simh

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"v7em/machine"
	"v7em/unix/fs"
)

func program(t *testing.T) string {
	t.Helper()
	path, err := Find()
	if err != nil {
		t.Skip(err)
	}
	return path
}

func distribution(t *testing.T) string {
	t.Helper()
	d := os.Getenv("V7EM_DIST")
	if d == "" {
		t.Skip("set V7EM_DIST to v7.tar.gz, the V7 distribution")
	}
	return d
}

func start(t *testing.T, dir string, commands ...string) *Sim {
	t.Helper()
	s, err := Start(program(t), dir, commands...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestCommands(t *testing.T) {
	s := start(t, t.TempDir(), "set cpu 11/70", "set cpu 2M")
	// A program that adds 1 to r0 for ever, to be interrupted.
	for _, c := range []string{"deposit 1000 005200", "deposit 1002 000776", "deposit pc 1000"} {
		if out, err := s.Command(c); err != nil || out != "" {
			t.Fatalf("%s: %q, %v", c, out, err)
		}
	}
	if out, err := s.Command("examine 1000"); err != nil || strings.TrimSpace(out) != "1000:\t005200" {
		t.Errorf("examine: %q, %v", out, err)
	}
	if err := s.Go("cont"); err != nil {
		t.Fatal(err)
	}
	if err := s.Interrupt(); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Command("examine sp"); err != nil || strings.TrimSpace(out) != "SP:\t000000" {
		t.Errorf("examine: %q, %v", out, err)
	}
	if out, err := s.Command("examine r0"); err != nil || strings.TrimSpace(out) == "R0:\t000000" {
		t.Errorf("r0 after a run: %q, %v", out, err)
	}
	if _, err := s.Command("frobnicate"); err == nil || !strings.Contains(err.Error(), "frobnicate") {
		t.Errorf("an unknown command: %v", err)
	}
	if _, err := s.Command("attach rk0 /nonexistent/file"); err == nil {
		t.Error("an impossible file was attached")
	}
	if err := s.Go("continue"); err == nil { // this SIMH knows "cont" only
		t.Error("the machine was started by an unknown command")
	}
	s.Timeout = 10 * time.Millisecond
	if _, err := s.Expect("never"); err == nil || !strings.Contains(err.Error(), `"never"`) {
		t.Errorf("a wait in vain: %v", err)
	}
	s.Timeout = time.Minute
	if err := s.Send("exit\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Expect("never"); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("a wait for a simulator that has ended: %v", err)
	}
}

// V7 boots from our RK05 pack on both models of SIMH; a command leaves its trace on the
// disk; and V7's own /boot can be started by our bootstrap.
func TestBootV7(t *testing.T) {
	dist := distribution(t)
	kernel, err := Kernel(program(t), t.TempDir(), dist)
	if err != nil {
		t.Fatal(err)
	}
	pack, err := RKPack(dist, kernel, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []struct {
		cpu, memory string
		start, name string
	}{
		{"11/70", "2M", "", ""},
		{"11/45", "256K", "\r", ""},
		{"11/45", "256K", "boot\r", "rk(0,0)unix\r"},
	} {
		t.Run(model.cpu+model.name, func(t *testing.T) {
			dir := t.TempDir()
			disk := filepath.Join(dir, "rk0")
			if err := os.WriteFile(disk, pack, 0o666); err != nil {
				t.Fatal(err)
			}
			s := start(t, dir, "set cpu "+model.cpu, "set cpu "+model.memory, "attach rk0 rk0")
			step := func(send, expect string) {
				t.Helper()
				err := s.Type(send)
				if err == nil {
					_, err = s.Expect(expect)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Go("boot rk0"); err != nil {
				t.Fatal(err)
			}
			step("", "boot: ")
			if model.name != "" {
				step(model.start, "\n\r: ")
				step(model.name, "# ")
			} else {
				step(model.start, "# ")
			}
			step("stty -lcase\r", "# ")
			step("echo $$ it works >/trace; sync; sync\r", "# ")
			if err := s.Interrupt(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Command("detach rk0"); err != nil {
				t.Fatal(err)
			}
			image, err := os.ReadFile(disk)
			if err != nil {
				t.Fatal(err)
			}
			v, err := fs.Open(fs.MemOf(image))
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.ReadFile("/trace")
			if err != nil || !strings.HasSuffix(string(got), " it works\n") {
				t.Errorf("/trace: %q, %v", got, err)
			}
		})
	}
	// The same pack on our own machine.
	for _, model := range []machine.Model{machine.PDP1145, machine.PDP1170} {
		t.Run("ours/"+model.String(), func(t *testing.T) {
			m, err := machine.New(machine.Config{Model: model})
			if err != nil {
				t.Fatal(err)
			}
			var out printer
			m.Console.SetTerminal(&out)
			disk := packed{fs.MemOf(append([]byte(nil), pack...))}
			if err := m.AttachRK(0, disk); err != nil {
				t.Fatal(err)
			}
			if err := m.Boot("rk", 0); err != nil {
				t.Fatal(err)
			}
			const second = 1_000_000_000
			for end := m.Now() + 60*second; !strings.HasSuffix(string(out), "# "); {
				if stop := m.Run(second / 100); stop != machine.StopLimit || m.Now() > end {
					t.Fatalf("%v; it printed %q", stop, out)
				}
			}
			if !strings.Contains(string(out), "boot: unix\r\n") || !strings.Contains(string(out), "mem = ") {
				t.Errorf("it printed %q", out)
			}
		})
	}
}

type printer []byte

func (p *printer) Put(c byte) { *p = append(*p, c&0o177) }

type packed struct{ *fs.Mem }

func (packed) ReadOnly() bool { return false }
