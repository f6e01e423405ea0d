//go:build unix

package main

import (
	"context"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/gdamore/tcell/v2"

	"v7em/bench"
	"v7em/images"
	"v7em/machine"
	"v7em/rk"
	tui "v7em/screen"
)

// BenchmarkScreen tells what the screen costs: it has the same guest run with the
// screen and without it, by turns, and compares how many instructions it does.
//
//	go test ./cmd/v7em -run '^$' -bench Screen -benchtime 40x
//
// speed is with the screen, as a part of that without, and cpu% how much more time
// of all processors an instruction takes: medians of as many pairs.
func BenchmarkScreen(b *testing.B) {
	for _, w := range []struct{ name, script string }{
		{"cpu", "while :; do :; done"},
		{"mkdir", "cd /tmp; while :; do mkdir a b c; rmdir a b c; done"},
		{"print", "while :; do cat /usr/dict/words; done"},
	} {
		b.Run(w.name, func(b *testing.B) { benchmarkScreen(b, w.script) })
	}
}

func benchmarkScreen(b *testing.B, script string) {
	b.Setenv("TERM", "xterm-256color")
	b.Setenv("LC_ALL", "C.UTF-8")
	ctx := context.Background()
	o := &bootOptions{single: true, screen: true}
	o.dir = newMachineDir(b)
	o.keep.Journal, o.syncWaits = images.JournalOn, true
	s, err := o.open(ctx, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	s.show, s.say = func([]byte) {}, func(string, ...any) {}
	s.start()
	<-s.booted
	s.do(ctx, func(m *machine.Machine) { m.Console.Type([]byte("STTY -LCASE\r")...) })
	time.Sleep(time.Second)
	s.do(ctx, func(m *machine.Machine) { m.Console.Type([]byte(script + "\r")...) })
	time.Sleep(2 * time.Second)

	master, tty, err := pty.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 30, Cols: 100}); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, master) }()

	attend, trap := s.m.Attend, s.m.CPU.OnTRAP
	insertAll := func(m *machine.Machine, disk func(name string, p images.Pack) rk.Disk) {
		for name, p := range s.drives {
			d, err := parseDrive(name)
			if err != nil {
				b.Fatal(err)
			}
			m.DetachRK(d.unit)
			if err := insert(m, name, disk(name, p)); err != nil {
				b.Error(err)
			}
		}
	}
	const window = time.Second
	run := func() (instructions, cpu float64) {
		var before, after uint64
		s.do(ctx, func(m *machine.Machine) { before = m.Instructions() })
		start, used := time.Now(), processTime()
		time.Sleep(window)
		s.do(ctx, func(m *machine.Machine) { after = m.Instructions() })
		n := float64(after - before)
		return n / time.Since(start).Seconds(), (processTime() - used).Seconds() / n
	}
	var speeds, cpus, mips []float64
	for range b.N {
		s.do(ctx, func(m *machine.Machine) {
			insertAll(m, func(_ string, p images.Pack) rk.Disk { return p })
			m.Attend, m.CPU.OnTRAP, s.show = attend, trap, func([]byte) {}
		})
		without, spent := run()

		dev, err := tcell.NewDevTtyFromDev(tty.Name())
		if err != nil {
			b.Fatal(err)
		}
		screen, err := tcell.NewTerminfoScreenFromTty(dev)
		if err != nil {
			b.Fatal(err)
		}
		if err := screen.Init(); err != nil {
			b.Fatal(err)
		}
		f := &fullScreen{x: tui.Open(screen, nil)}
		s.do(ctx, func(m *machine.Machine) {
			insertAll(m, s.watch.disk)
			s.show = f.write
			s.watch.view = f
			s.watch.attend(m, s.drives)
		})
		f.x.Sampler.SetPower(tui.Running)
		n, c := run()
		speeds, cpus, mips = append(speeds, n/without), append(cpus, 100*(c/spent-1)), append(mips, n/1e6)
		s.do(ctx, func(m *machine.Machine) { m.Attend, m.CPU.OnTRAP, s.show = attend, trap, func([]byte) {} })
		if !f.x.Close() {
			b.Fatal("the screen is stuck")
		}
	}
	s.halt()
	b.ReportMetric(bench.Median(speeds), "speed")
	b.ReportMetric(bench.Median(cpus), "cpu%")
	b.ReportMetric(bench.Median(mips), "MIPS")
	b.ReportMetric(0, "ns/op")
}

// processTime is the time that the processors have spent on this process.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
