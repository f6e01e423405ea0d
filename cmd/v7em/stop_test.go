//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"v7em/images"
	"v7em/images/mini"
)

// writeAndHalt is a boot block: it writes memory from 0 on to block 100 (cylinder 4,
// surface 0, sector 4), waits until the controller is ready, and halts. The first word
// written is 123456.
var writeAndHalt = []uint16{
	0o000240, 0o012737, 0o123456, 0o001000, 0o012701, 0o177412, 0o012711, 0o000204,
	0o012741, 0o001000, 0o012741, 0o177400, 0o012741, 0o000003, 0o105711, 0o100376, 0o000000,
}

// foreignPack makes a directory whose drive 0 holds a pack with that boot block and
// nothing else.
func foreignPack(t *testing.T, boot []uint16) (dir, rk0 string) {
	t.Helper()
	image := make([]byte, images.RK().Kind.Bytes())
	for i, w := range boot {
		binary.LittleEndian.PutUint16(image[2*i:], w)
	}
	dir = t.TempDir()
	rk0 = filepath.Join(dir, images.RK().PackFile(0))
	if err := os.WriteFile(rk0, image, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir, rk0
}

// wordOf returns the first word of a block of an image.
func wordOf(t *testing.T, image string, block int) uint16 {
	t.Helper()
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint16(b[512*block:])
}

// TestBootHalt: what a program has written when it halts is there, with a journal or
// without.
func TestBootHalt(t *testing.T) {
	for _, journal := range []string{"on", "off", "write-through"} {
		dir, rk0 := foreignPack(t, writeAndHalt)
		u := sitDown(t, "boot", "--dir", dir, "--journal", journal)
		u.sees("the machine has stopped: halt at PC 000042")
		if status := u.leaves(); status != 1 {
			t.Errorf("--journal %s: status %d", journal, status)
		}
		if _, errs, status := v7em("", "journal", "recover", rk0); journal == "on" && status != 0 {
			t.Errorf("recover: %s", errs)
		}
		if w := wordOf(t, rk0, 100); w != 0o123456 {
			t.Errorf("--journal %s: block 100 begins with %06o", journal, w)
		}
	}
}

// TestBootStops: however a session ends, short of a power cut, what the guest has written
// is there. The guest writes a block and goes round for ever.
func TestBootStops(t *testing.T) {
	program := append(slices.Clone(writeAndHalt[:len(writeAndHalt)-1]), 0o000777) // br . for the halt
	for what, tt := range map[string]struct {
		stop   func(u *user)
		status int
	}{
		"menu":    {func(u *user) { u.types("\x05s") }, 0},
		"a save":  {func(u *user) { u.types("\x05w") }, 0},
		"SIGTERM": {func(u *user) { u.cmd.Process.Signal(syscall.SIGTERM) }, 1},
		"SIGHUP":  {func(u *user) { u.cmd.Process.Signal(syscall.SIGHUP) }, 1},
	} {
		dir, rk0 := foreignPack(t, program)
		args := []string{"boot", "--dir", dir, "--commit-interval", "1h"}
		if what == "a save" {
			args = append(args, "--save", filepath.Join(dir, "state"))
		}
		u := sitDown(t, args...)
		u.sees("rk0 is not recognized as V7")
		time.Sleep(200 * time.Millisecond) // the program is quick
		tt.stop(u)
		select {
		case <-u.ended:
		case <-time.After(patience):
			t.Fatalf("%s: v7em does not end: %q", what, u.seen.String())
		}
		if got := u.cmd.ProcessState.ExitCode(); got != tt.status {
			t.Errorf("%s: status %d", what, got)
		}
		if _, errs, status := v7em("", "journal", "recover", rk0); status != 0 {
			t.Errorf("recover: %s", errs)
		}
		if w := wordOf(t, rk0, 100); w != 0o123456 {
			t.Errorf("%s: block 100 begins with %06o", what, w)
		}
	}
}

// TestBootForeign: a boot leaves a pack that is not V7's as it is, and so does its end.
func TestBootForeign(t *testing.T) {
	dir, rk0 := foreignPack(t, []uint16{0o000777}) // br .
	before, err := os.ReadFile(rk0)
	if err != nil {
		t.Fatal(err)
	}
	u := sitDown(t, "boot", "--dir", dir)
	u.sees("rk0 is not recognized as V7: ")
	u.types("\x05s")
	u.sees("is not recognized as V7: ")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	if _, errs, status := v7em("", "journal", "recover", rk0); status != 0 {
		t.Errorf("recover: %s", errs)
	}
	after, err := os.ReadFile(rk0)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the pack was changed")
	}
}

// stuckReader runs v7em run with a standard output that nobody reads, and returns it when
// it has begun to write there, or has ended before.
func stuckReader(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer, begun bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr = exec.Command(self, args...), new(bytes.Buffer)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = w, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		cmd.Process.Kill()
		r.Close()
	})
	_, err = io.ReadFull(r, make([]byte, 2))
	return cmd, stderr, err == nil
}

// slack is what ending in good order may take on a busy host. Without a time of its own a
// run would not end at all.
const slack = 20 * time.Second

// TestRunStuckReader: who does not read what a run prints holds up neither its timeout nor
// a signal, and costs nothing that was done.
func TestRunStuckReader(t *testing.T) {
	for i, tt := range []struct {
		args   []string
		signal os.Signal
		want   string
		status int
	}{
		{[]string{"--timeout", "3s"}, nil, "timed out after 3s", 124},
		{nil, syscall.SIGTERM, "interrupted", 130},
		{nil, os.Interrupt, "interrupted", 130},
		{[]string{"--journal", "off"}, syscall.SIGHUP, "interrupted", 130},
	} {
		dir := newMachineDir(t)
		made := fmt.Sprintf("/made%d", i)
		args := append([]string{"run", "--dir", dir}, tt.args...)
		cmd, stderr, begun := stuckReader(t, append(args, "mkdir "+made+"; yes")...)
		if tt.signal != nil {
			time.Sleep(time.Second / 2) // until all pipes are full, most likely
			cmd.Process.Signal(tt.signal)
		}
		late := time.AfterFunc(slack, func() { cmd.Process.Kill() })
		cmd.Wait()
		late.Stop()
		if got := cmd.ProcessState.ExitCode(); got != tt.status {
			t.Errorf("%s: status %d", tt.want, got)
		}
		if !begun && tt.signal == nil {
			continue // a host so slow that the time was over before V7 was up
		}
		oneLine(t, tt.want, stderr.String(), tt.want)
		packsAreWhole(t, dir, made)
	}
}

// TestRunReaderGone: a reader that goes away is an error, not the end of all.
func TestRunReaderGone(t *testing.T) {
	dir := newMachineDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := exec.Command(self, "run", "--dir", dir, "--journal", "off", "mkdir /gone; yes")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &stderr
	err = cmd.Run()
	w.Close()
	if cmd.ProcessState.ExitCode() != 125 {
		t.Errorf("%v", err)
	}
	oneLine(t, "no reader", stderr.String(), "writing the output: ")
	packsAreWhole(t, dir, "/gone")
}

// TestRunScriptNeverComes: a script on a standard input that says nothing can be waited
// for no longer than a signal, or a timeout.
func TestRunScriptNeverComes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--timeout", "100ms"}, {"run", "--timeout", "500ms", "--guest", "mini", "cat"}} {
		cmd := exec.Command(self, append(args, "--dir", t.TempDir()+"/m")...)
		if args[len(args)-1] == "cat" {
			cmd = exec.Command(self, append(args[:len(args)-1], "--dir", t.TempDir()+"/m", "cat")...)
		}
		cmd.Env = append(os.Environ(), asProgram+"=1")
		cmd.Stdin = r
		late := time.AfterFunc(slack, func() { cmd.Process.Kill() })
		out, _ := cmd.CombinedOutput()
		late.Stop()
		if got := cmd.ProcessState.ExitCode(); got != 124 {
			t.Errorf("%v: status %d, %s", args, got, out)
		}
	}
}

// TestStuckReaders: a signal ends every command whose output nobody reads.
func TestStuckReaders(t *testing.T) {
	dir := t.TempDir()
	if _, err := mini.Install(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop.s")
	if err := os.WriteFile(loop, []byte("1:\ttstb 177564\n\tbpl 1b\n\tmovb $101, 177566\n\tbr 1b\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, errs, status := v7em("", "asm", "-o", filepath.Join(dir, "loop.lda"), loop); status != 0 {
		t.Fatal(errs)
	}
	cat := []string{"fs", "cat", filepath.Join(dir, "rk0.rk05")}
	for range 20 {
		cat = append(cat, "/unix")
	}
	for _, args := range [][]string{cat, {"bare", filepath.Join(dir, "loop.lda")}} {
		cmd, stderr, _ := stuckReader(t, args...)
		time.Sleep(time.Second / 2) // until the pipe is full
		cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(slack, func() { cmd.Process.Kill() })
		cmd.Wait()
		late.Stop()
		if got := cmd.ProcessState.ExitCode(); got != 1 {
			t.Errorf("%v: status %d", args[:2], got)
		}
		oneLine(t, args[0], stderr.String(), "interrupted")
	}
}

// TestPowerOffInterruptsNothing: at an orderly power off no program is interrupted, since a
// rmdir would leave half a directory.
func TestPowerOffInterruptsNothing(t *testing.T) {
	dir := newMachineDir(t)
	u := sitDown(t, "boot", "--dir", dir)
	u.logsIn()
	u.types("trap 'echo x >/tmp/interrupted' 2; mkdir /tmp/made; while :; do echo go''es on; sleep 1; done\r")
	u.sees("goes on")
	u.types("\x05s")
	u.sees("powered off")
	if status := u.leaves(); status != 0 {
		t.Errorf("status %d", status)
	}
	packsAreClean(t, dir, "/tmp/made")
	p, err := images.RK().OpenPacks(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	tree, _, err := p.Tree()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Lookup("/tmp/interrupted"); err == nil {
		t.Error("the shell was interrupted")
	}
}
