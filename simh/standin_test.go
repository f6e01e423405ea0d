package simh

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"v7em/asm"
	"v7em/machine"
	"v7em/unix/fs"
)

// standInVar is set for a test binary that is to be SIMH, and says how it behaves.
const standInVar = "V7EM_SIMH_STANDIN"

func TestMain(m *testing.M) {
	how := os.Getenv(standInVar)
	if how == "" {
		os.Exit(m.Run())
	}
	s := standIn{words: strings.Fields(how)}
	if err := s.run(); err != nil {
		fmt.Println("stand-in:", err)
		os.Exit(1)
	}
}

// standIn speaks as SIMH does. It cannot simulate: what it is told to run is V7 that
// prints a prompt after each line, or a program that halts.
type standIn struct {
	words    []string
	attached string
}

// is says whether the stand-in is to behave in some way:
//
//	mute         it prints no prompt
//	pieces       all that it prints comes character by character
//	dies:WORD    it dies when it is given a command, or V7 a line, with this word
//	hangs:WORD   it does not answer that any more
//	leaves:TEXT  it puts a file of this text where V7 would have made its kernel
func (s *standIn) is(word string) bool { return slices.Contains(s.words, word) }

// aliveFile is a file that the stand-in keeps locked as long as it lives.
const aliveFile = "alive"

func (s *standIn) run() error {
	f, err := os.Create(aliveFile)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	s.put("\nPDP-11 simulator V3.8-1\n")
	if s.is("mute") {
		time.Sleep(time.Hour)
	}
	for {
		s.put(Prompt)
		line := s.line(false)
		if err := s.obey(line); err != nil {
			return err
		}
	}
}

// put prints text.
func (s *standIn) put(text string) {
	if !s.is("pieces") {
		os.Stdout.WriteString(text)
		return
	}
	for i := range len(text) {
		os.Stdout.WriteString(text[i : i+1])
		time.Sleep(200 * time.Microsecond)
	}
}

// line reads a line, and behaves as the stand-in is to behave when it sees it.
func (s *standIn) line(raw bool) string {
	var line []byte
	for b := make([]byte, 1); ; {
		if n, err := os.Stdin.Read(b); n == 0 || err != nil {
			os.Exit(1)
		}
		if raw {
			switch {
			case b[0] == 'E'&0o37:
				return "\x05"
			case b[0] == '\r':
				s.put("\r\n")
			case b[0] >= 'a' && b[0] <= 'z': // as V7 does for a terminal without lower case
				s.put(string([]byte{b[0] - 'a' + 'A' | 0o200}))
			default:
				s.put(string(b))
			}
		}
		if b[0] == '\n' || b[0] == '\r' {
			break
		}
		line = append(line, b[0])
	}
	for _, word := range strings.Fields(string(line)) {
		switch {
		case s.is("dies:" + word):
			os.Exit(0)
		case s.is("hangs:" + word):
			time.Sleep(time.Hour)
		}
	}
	return string(line)
}

// obey does a command.
func (s *standIn) obey(line string) error {
	words := append(strings.Fields(line), "", "", "")
	switch words[0] {
	case "":
	case "set", "deposit":
		if words[2] == "11/70" {
			s.put("Disabling XQ\n")
		}
	case "examine":
		s.put("1000:\t005200\n1002:\t000776\nR0:\t000017\n")
	case "attach":
		if _, err := os.Stat(words[2]); err != nil {
			s.put("File open error\n")
			return nil
		}
		s.attached = words[2]
	case "detach":
		return s.leave()
	case "halt": // a program that halts at once
		s.put("\nHALT instruction, PC: 001002 (BR 1000)\n")
	case "boot", "cont":
		if words[0] == "boot" && s.attached == "" {
			s.put("Unit not attached\n")
			return nil
		}
		old, err := term.MakeRaw(0)
		if err != nil {
			return err
		}
		for line := "#"; line != "\x05"; line = s.line(true) {
			if line == "boot" {
				s.put("Boot\r\n: ")
			} else {
				s.put("# ")
			}
		}
		if err := term.Restore(0, old); err != nil {
			return err
		}
		s.put("\nSimulation stopped, PC: 001000 (INC R0)\n")
	case "exit":
		s.put("Goodbye\n")
		os.Exit(0)
	default:
		s.put("Unknown command\n")
	}
	return nil
}

// leave puts on the attached pack what V7 would have made there.
func (s *standIn) leave() error {
	for _, word := range s.words {
		kernel, ok := strings.CutPrefix(word, "leaves:")
		if !ok {
			continue
		}
		image, err := os.ReadFile(s.attached)
		if err != nil {
			return err
		}
		m := fs.MemOf(image)
		v, err := fs.Open(m)
		if err != nil {
			return err
		}
		if err := errors.Join(v.WriteFile("/usr/sys/conf/unix", []byte(kernel), fs.Attr{Perm: 0o755}), v.Sync()); err != nil {
			return err
		}
		return os.WriteFile(s.attached, m.Bytes(), 0o666)
	}
	return nil
}

// self is the program that is the stand-in, told how to behave.
func self(t *testing.T, how string) string {
	t.Helper()
	t.Setenv(standInVar, "as "+how)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// gone fails the test if a stand-in in dir, or a goroutine that reads what it prints, is
// still there soon.
func gone(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, aliveFile), os.O_RDONLY|os.O_CREATE, 0o666) // it may have died young
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		reads := bytes.Contains(stacks, []byte("simh.startWithin"))
		if err == nil && !reads {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("left behind: the program %v, its reader %v", err != nil, reads)
		}
	}
}

// begin starts a stand-in in a directory of its own; when the test ends nothing of it may
// be left.
func begin(t *testing.T, how string, commands ...string) *Sim {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pack"), make([]byte, 512), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Start(self(t, how), dir, commands...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		gone(t, dir)
	})
	return s
}

// saying fails the test unless an error says all of these.
func saying(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("the error is %v: it does not say %q", err, w)
		}
	}
}

// A session with commands, wrong ones among them, and with a machine that runs.
func TestDialogue(t *testing.T) {
	for _, how := range []string{"", "pieces"} {
		t.Run("as "+how, func(t *testing.T) {
			s := begin(t, how, "set cpu 11/70", "set cpu 2M", "attach rk0 pack")
			var log bytes.Buffer
			s.Log = func(p []byte) { log.Write(p) }
			if out, err := s.Command("set cpu 11/70"); err != nil || out != "Disabling XQ\n" {
				t.Errorf("set: %q, %v", out, err)
			}
			if out, err := s.Command("examine 1000-1002,r0"); err != nil || out != "1000:\t005200\n1002:\t000776\nR0:\t000017\n" {
				t.Errorf("examine: %q, %v", out, err)
			}
			out, err := s.Command("frobnicate the disk")
			saying(t, err, `"frobnicate the disk"`, "Unknown command")
			if out != "Unknown command\n" {
				t.Errorf("it printed %q", out)
			}
			_, err = s.Command("attach rk1 /nonexistent/pack")
			saying(t, err, "attach rk1", "File open error")
			if out, err := s.Command("deposit pc 1000"); err != nil || out != "" {
				t.Errorf("after two complaints: %q, %v", out, err)
			}

			if err := s.Go("boot rk0"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Expect("# "); err != nil {
				t.Fatal(err)
			}
			// Echoed in upper case, with parity.
			if err := s.Type("echo a1\r"); err != nil {
				t.Fatal(err)
			}
			if which, before, err := s.ExpectAny("no such", " ", "#"); err != nil || which != 2 || before != "\n" { // the rest of the echo
				t.Errorf("the first of several: %d after %q, %v", which, before, err)
			}
			if err := s.Interrupt(); err != nil {
				t.Fatal(err)
			}
			if out, err := s.Command("detach rk0"); err != nil || out != "" {
				t.Errorf("detach: %q, %v", out, err)
			}
			err = s.Go("continue") // this SIMH knows "cont" only
			saying(t, err, `"continue"`, "Unknown command")
			if _, err := s.Expect(Prompt); err != nil {
				t.Fatal(err)
			}
			// The machine has stopped before one could look.
			if err := s.Go("halt"); err != nil {
				t.Fatal(err)
			}
			if before, err := s.Expect(Prompt); err != nil || !strings.Contains(before, "HALT instruction, PC: 001002") {
				t.Errorf("HALT: %q, %v", before, err)
			}
			for _, want := range []string{"frobnicate the disk\r\nUnknown command\r\n", "\xc5\xc3\xc8\xcf \xc11\r\n", "Simulation stopped"} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log has no %q: %q", want, log.String())
				}
			}
		})
	}
}

// A program that does not start, or says nothing that one can wait for.
func TestStartFails(t *testing.T) {
	if _, err := Start(filepath.Join(t.TempDir(), "pdp11"), t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
	for _, x := range []struct {
		how      string
		timeout  time.Duration
		commands []string
		says     []string
	}{
		{"mute", 100 * time.Millisecond, nil, []string{"did not print", Prompt, "100ms"}},
		{"dies:2M", time.Minute, []string{"set cpu 11/70", "set cpu 2M"}, []string{`"set cpu 2M"`, "SIMH ended"}},
		{"", time.Minute, []string{"set cpu 11/70", "frobnicate"}, []string{`"frobnicate"`, "Unknown command"}},
		{"", time.Minute, []string{"exit"}, []string{`"exit"`, "SIMH ended", "Goodbye"}},
	} {
		t.Run("as "+x.how, func(t *testing.T) {
			dir := t.TempDir()
			if s, err := startWithin(x.timeout, self(t, x.how), dir, x.commands); s != nil {
				t.Errorf("started, and %v", err)
			} else {
				saying(t, err, x.says...)
			}
			gone(t, dir)
		})
	}
}

// What it is asked for never comes.
func TestHangs(t *testing.T) {
	s := begin(t, "hangs:rk0")
	s.Timeout = 50 * time.Millisecond
	_, err := s.Command("attach rk0 pack")
	saying(t, err, `"attach rk0 pack"`, "did not print", "50ms")
	saying(t, s.Interrupt(), "did not print", Prompt)
	saying(t, s.Go("boot rk0"), `"boot rk0"`, "did not start the machine", "50ms")

}

// V7 does not go on.
func TestGuestHangs(t *testing.T) {
	s := begin(t, "hangs:sync", "attach rk0 pack")
	if err := s.Go("boot rk0"); err != nil {
		t.Fatal(err)
	}
	if err := s.Type("sync\r"); err != nil {
		t.Fatal(err)
	}
	s.Timeout = 50 * time.Millisecond
	saying(t, s.Type("x"), "the echo of 'x'", "50ms")
	_, err := s.Expect("# # ")
	saying(t, err, `"# # "`, "50ms")
}

// It ends while one waits for it.
func TestDies(t *testing.T) {
	s := begin(t, "dies:rk0", "set cpu 11/70")
	s.Timeout = time.Hour // none that is waited for
	saying(t, s.Go("boot rk0"), `"boot rk0"`, "SIMH ended")
}

// V7 prints a prompt and the program ends.
func TestGuestDies(t *testing.T) {
	s := begin(t, "pieces dies:sync", "attach rk0 pack")
	if err := s.Go("boot rk0"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Expect("# "); err != nil {
		t.Fatal(err)
	}
	if err := s.Type("sync\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Expect("# "); err == nil {
		t.Error("a prompt of a program that has ended")
	} else {
		saying(t, err, "SIMH ended", `"# "`)
	}
	// Whatever is written now, it is an error and no panic.
	if err := s.Interrupt(); err == nil {
		t.Error("a program that has ended was interrupted")
	}
}

// pdp11 may be a script that starts the simulator: both end.
func TestWrapped(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, Program)
	text := fmt.Sprintf("#!/bin/sh\n'%s' \"$@\"\nexit $?\n", self(t, ""))
	if err := os.WriteFile(script, []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	path, err := Find()
	if err != nil || path != script {
		t.Fatalf("found %q, %v", path, err)
	}
	s, err := Start(path, dir, "set cpu 11/70")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pack"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command("attach rk0 pack"); err != nil {
		t.Error(err)
	}
	if err := s.Go("boot rk0"); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	gone(t, dir)
	t.Setenv("PATH", t.TempDir())
	_, err = Find()
	saying(t, err, "no SIMH here", Program, "install")
}

// dist is an invented distribution.
func dist(t *testing.T, files map[string]string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "v7.tar")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for name, text := range files {
		h := &tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), ModTime: time.Unix(300_000_000, 0)}
		err = errors.Join(err, w.WriteHeader(h))
		_, werr := w.Write([]byte(text))
		err = errors.Join(err, werr)
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

// invented are files of such a distribution.
func invented() map[string]string {
	return map[string]string{
		"boot": "the boot", "hptmunix": "a kernel", "bin/sh": "the shell", "lib/crt0.o": "start", "etc/rc": "",
		"usr/sys/conf/makefile": "unix:", "usr/include/a.out.h": "header", "usr/mdec/hpuboot": strings.Repeat("h", 16) + "block 0",
		"usr/games/chess": "not needed", "usr/man/man1/ls.1": "nor this",
	}
}

func TestPacks(t *testing.T) {
	check := func(image []byte, there, absent []string) {
		t.Helper()
		v, err := fs.Open(fs.MemOf(image))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range there {
			got, err := v.ReadFile("/" + name)
			if err != nil || string(got) != invented()[name] {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		for _, name := range absent {
			if got, err := v.ReadFile("/" + name); err == nil {
				t.Errorf("%s is there: %q", name, got)
			}
		}
		if r := fs.Check(fs.MemOf(image)); len(r.Problems) > 0 {
			t.Errorf("the file system: %v", r.Problems)
		}
	}
	tarred := dist(t, invented())
	hp, err := HPPack(tarred)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(hp, []byte("block 0\x00")) || len(hp) != hpDisk*fs.BlockSize {
		t.Errorf("block 0 begins %q, of %d bytes", hp[:16], len(hp))
	}
	check(hp, []string{"boot", "hptmunix", "bin/sh", "lib/crt0.o", "etc/rc", "usr/sys/conf/makefile", "usr/include/a.out.h"},
		[]string{"usr/games/chess", "usr/man/man1/ls.1", "unix"})

	rk, err := RKPack(tarred, []byte("new kernel"), func(v *fs.FS) error {
		return v.WriteFile("/extra", nil, fs.Attr{})
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rk) != rkBlocks*fs.BlockSize {
		t.Errorf("an RK05 pack of %d bytes", len(rk))
	}
	check(rk, []string{"boot", "bin/sh", "lib/crt0.o", "etc/rc"}, []string{"hptmunix", "usr/mdec/hpuboot", "usr/games/chess"})

	no := errors.New("no")
	if _, err := RKPack(tarred, nil, func(*fs.FS) error { return no }); !errors.Is(err, no) {
		t.Errorf("the error of extra: %v", err)
	}
	for _, boot := range []string{"short", strings.Repeat("long", 200)} {
		files := invented()
		files["usr/mdec/hpuboot"] = boot
		_, err := HPPack(dist(t, files))
		saying(t, err, "hpuboot", fmt.Sprint(len(boot)))
	}
	_, err = HPPack(dist(t, map[string]string{"bin/sh": ""}))
	saying(t, err, "hpuboot")
	_, err = HPPack(filepath.Join(t.TempDir(), "v7.tar"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no distribution: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "bad.tar")
	if err := os.WriteFile(bad, bytes.Repeat([]byte("no tar"), 1000), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = RKPack(bad, nil, nil)
	saying(t, err, bad)
}

// The bootstrap on the pack starts its /unix, on both machines.
func TestPackBoots(t *testing.T) {
	p, err := asm.AssembleString("unix.s", `
	mov	$text,r1
1:	tstb	*$177564
	bpl	1b
	movb	(r1)+,r0
	beq	2f
	movb	r0,*$177566
	br	1b
2:	halt
text:	<a kernel\n\0>
	.even
`, asm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var kernel []byte
	for _, w := range []uint16{0o407, uint16(len(p.Text)), 0, 0, 0, 0, 0, 1} {
		kernel = binary.LittleEndian.AppendUint16(kernel, w)
	}
	kernel = append(kernel, p.Text...)
	pack, err := RKPack(dist(t, invented()), kernel, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []machine.Model{machine.PDP1145, machine.PDP1170} {
		m, err := machine.New(machine.Config{Model: model})
		if err != nil {
			t.Fatal(err)
		}
		var out printer
		m.Console.SetTerminal(&out)
		err = errors.Join(m.AttachRK(0, packed{fs.MemOf(bytes.Clone(pack))}), m.Boot("rk", 0))
		if err != nil {
			t.Fatal(err)
		}
		if stop := m.Run(60e9); stop != machine.StopHalt || !strings.Contains(string(out), "boot: unix\r\na kernel\n") {
			t.Errorf("%v: %v; it printed %q", model, stop, out)
		}
	}
}

// V7 in the stand-in is told to make a kernel, and makes another one than it should, or
// none, or dies over it.
func TestKernelFails(t *testing.T) {
	tarred := dist(t, invented())
	for _, x := range []struct {
		how  string
		says []string
	}{
		{"leaves:wrong", []string{"MD5", "2bda2998d9b0ee197da142a0447f6725", KernelMD5}},
		{"", []string{"/usr/sys/conf/unix"}},
		{"dies:sync", []string{"SIMH ended", `"# "`}},
		{"dies:hp(0,0)hptmunix", []string{"SIMH ended"}},
		{"dies:boot", []string{"SIMH ended"}},
	} {
		t.Run("as "+x.how, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Kernel(self(t, x.how), dir, tarred)
			saying(t, err, x.says...)
			gone(t, dir)
		})
	}
}
