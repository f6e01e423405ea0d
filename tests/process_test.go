package tests

import (
	"fmt"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/aout"
)

// Errors and signals of V7's, from intro(2) and signal(2).
const (
	sigTERM, sigKILL = 15, 9
	eSRCH            = 3
	eINTR            = 4
	eAGAIN           = 11
	eINVAL           = 22
	eNOSPC           = 28
	ePIPE            = 32
	coreDumped       = 0o200 // in a wait status
)

func TestSignals(t *testing.T) {
	t.Parallel()
	g := boot(t)
	g.Run("cc -o signals signals.c traps.s")
	expect(t, g, "signals", lines(
		fmt.Sprintf("4 %d 14", 0), // pause returns its own number in the low byte; the library leaves errno
		fmt.Sprintf("-1 %d", eINTR),
		fmt.Sprintf("%o", 3<<8),
		fmt.Sprintf("%o", sigTERM<<8),
		fmt.Sprintf("1 %o", sigKILL),
		"jump 4", // SIGILL
		fmt.Sprintf("-1 %d 13", ePIPE),
		fmt.Sprintf("-1 %d", eSRCH),
		fmt.Sprintf("-1 %d", eINVAL),
	))
	for _, c := range []struct{ how, message string }{
		{"b", "Bus error"}, {"m", "Memory fault"}, {"i", "Illegal instruction"}, {"t", "Trace/BPT trap"},
		{"e", "EMT trap"}, {"o", "IOT trap"}, {"f", "Floating exception"},
	} {
		expect(t, g, "rm -f core; signals "+c.how+"; test -s core && rm core", c.message+" - core dumped\n")
	}
	// A core dump is the user area and the process, in whole blocks.
	g.Run("signals i")
	g.Sync()
	if n := len(g.ReadFile("/tmp/core")); n%64 != 0 || n < 1024+4096 {
		t.Errorf("the core dump has %d bytes", n)
	}
	checkPacks(t, g)
}

// From the keyboard: DEL interrupts, ^\ quits with a core dump, ^S holds the output
// and ^Q lets it go on, ^D ends the input.
func TestKeys(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	prompt := g.Run("") + "\x02v7\x03"
	for _, c := range []struct{ key, want string }{{"\x7f", prompt}, {"\x1c", "Quit - core dumped\n" + prompt}} {
		g.Send("sleep 1000\r")
		g.Wait(2 * guest.Second)
		if out := g.Printed(); out != "" {
			t.Errorf("sleep printed %q", out)
		}
		before := g.M.Now()
		g.Send(c.key)
		if out := g.Await(prompt); strings.TrimLeft(out, "\n") != c.want {
			t.Errorf("%q interrupts with %q, want %q", c.key, out, c.want)
		}
		if d := g.M.Now() - before; d > 2*guest.Second {
			t.Errorf("%q took %d ms", c.key, d/1e6)
		}
	}
	g.Send("cat -u\r")
	g.Wait(guest.Second)
	g.Send("one\rtwo\r")
	g.Wait(guest.Second)
	if got := g.Printed(); got != "one\ntwo\n" {
		t.Errorf("cat printed %q", got)
	}
	g.Send("three\x04")
	g.Wait(guest.Second)
	if got := g.Printed(); got != "three" { // the first ^D only sends the line
		t.Errorf("cat printed %q", got)
	}
	g.Send("\x04")
	g.Await(prompt)

	g.Send("cat /usr/dict/words\r")
	g.Await("abc\r\n")
	g.Send("\x13")
	g.Wait(guest.Second)
	g.Send("")
	g.Wait(5 * guest.Second)
	if out := g.Printed(); out != "" {
		t.Errorf("after ^S it went on: %q", out)
	}
	g.Send("\x11")
	if out := g.Await("Zurich\r\n" + prompt); len(out) < 150000 {
		t.Errorf("after ^Q came %d bytes", len(out))
	}
	// Erase and kill, and a backslash before them.
	expect(t, g, "echo abd\bc x\\\by", "abc x\by\n")
	expect(t, g, "echo no\x15echo yes", "yes\n")
	// The keys that V7 has by itself, on the upper-case terminal that it starts with.
	g = guest.PowerOn(t, guest.Options{})
	g.Send("echo no@echo abd#c \\# \\@ \\abc\r")
	if out := g.Await("\n# "); !strings.HasSuffix(out, "\nABC # @ ABC\n# ") {
		t.Errorf("with # and @ V7 printed %q", out)
	}
}

// Pipes: in order, whole, and with more in them than they hold at a time.
func TestPipes(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	expect(t, g, "cat /usr/dict/words | cat | cat | cat | cat | cat | cmp - /usr/dict/words; echo $?", "0\n")
	n := len(words(g))
	expect(t, g, "cat /usr/dict/words | tee copy | wc -l; cmp copy /usr/dict/words", fmt.Sprintf("%7d\n", n))
	expect(t, g, "tr a-z A-Z </usr/dict/words | tr A-Z a-z | sort | uniq -c | awk '{n += $1} END {print n}'", fmt.Sprintf("%d\n", n))
	// The shell ends the line of one that a signal has ended.
	expect(t, g, "yes | sed 3q", "y\ny\ny\n\n")
	checkPacks(t, g)
}

// Background jobs: the shell goes on, wait waits, the sum of the sleeps is not slept.
func TestBackground(t *testing.T) {
	t.Parallel()
	g := boot(t)
	before := g.M.Now()
	g.Run("(sleep 6; echo first >a) & (sleep 9; echo second >b) &")
	if d := g.M.Now() - before; d > guest.Second {
		t.Errorf("starting jobs took %d ms", d/1e6)
	}
	contains(t, g, "ps", "sleep 6", "sleep 9")
	expect(t, g, "cat a b", "cat: can't open a\ncat: can't open b\n")
	g.Run("wait")
	if d := g.M.Now() - before; d < 8*guest.Second || d > 11*guest.Second {
		t.Errorf("waiting for the jobs took %d ms", d/1e6)
	}
	expect(t, g, "cat a b", "first\nsecond\n")
	before = g.M.Now()
	contains(t, g, "sleep 100 & kill -9 $!; wait; echo $?", " Killed\n137\n")
	if d := g.M.Now() - before; d > 2*guest.Second {
		t.Errorf("killing a job took %d ms", d/1e6)
	}
}

// A sleep takes as long as it says, by the guest's clock and by the machine's. V7's
// sleep ends at a turn of the second, so it is up to a second short.
func TestSleep(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	g.Run("sleep 1")
	before := g.M.Now()
	g.Run("sleep 2")
	if d := g.M.Now() - before; d < 1*guest.Second || d > 23*guest.Second/10 {
		t.Errorf("sleep 2 took %d ms", d/1e6)
	}
	before = g.M.Now()
	out := g.Run("date; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 2; done; date")
	if d := g.M.Now() - before; d < 19*guest.Second || d > 22*guest.Second {
		t.Errorf("ten times sleep 2 took %d ms", d/1e6)
	}
	var from, to, m int
	if _, err := fmt.Sscanf(out, "Mon Mar 14 10:%d:%d EST 1983\nMon Mar 14 10:%d:%d EST 1983\n", &m, &from, &m, &to); err != nil {
		t.Fatal(err, out)
	}
	if d := (to - from + 60) % 60; d < 19 || d > 22 {
		t.Errorf("by the guest's clock ten times sleep 2 took %d s", d)
	}
	// The clock is not slowed down by work.
	before = g.M.Now()
	out = g.Run("date; sort -r /usr/dict/words >/dev/null; date")
	if _, err := fmt.Sscanf(out, "Mon Mar 14 10:%d:%d EST 1983\nMon Mar 14 10:%d:%d EST 1983\n", &m, &from, &m, &to); err != nil {
		t.Fatal(err, out)
	}
	if real, d := int((g.M.Now()-before)/guest.Second), (to-from+60)%60; d < real-1 || d > real+1 {
		t.Errorf("a sort took %d s by the guest's clock, %d by the machine's", d, real)
	}
}

// work computes what testdata/twenty.sh prints.
func work() string {
	out := ""
	for i := 1; i <= 20; i++ {
		var a [7000]int16
		x := int32(i)
		for j := range a {
			x = x*1103515245 + 12345
			a[j] = int16(x >> 16)
		}
		for range 4 {
			for j := 1; j < len(a); j++ {
				a[j] = a[j]*3 + a[j-1]
			}
		}
		out += fmt.Sprintf("%d %d\n", i, a[len(a)-1])
	}
	return out
}

// Twenty processes at once, on a machine that has memory for a few of them: V7 swaps
// and all of them come out right.
func TestSwapping(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o        guest.Options
		from, to int // the swap space
	}{
		{guest.Options{Machine: small}, 4000, 4000 + 872}, // rktmconf
		{guest.Options{Disk: "rp"}, 5000, 7000},           // drive 2 of the rp driver
	} {
		t.Run(name(c.o), func(t *testing.T) {
			g := bootOn(t, c.o)
			g.Run("cc -o worker worker.c")
			swapped := g.CountWrites(c.from, c.to)
			expect(t, g, "sh twenty.sh 2>pids", work())
			// They are 14 KB each without their stacks: more than there is memory
			// for, and all of them are there at once.
			const kernel = 75136 // it has this much for itself
			memory := (g.M.Config().Memory - kernel) / 512
			if least := 20*28 - memory; *swapped < least {
				t.Errorf("%d blocks were written to the swap space, want at least %d", *swapped, least)
			}
			t.Logf("%d blocks swapped out", *swapped)
			checkPacks(t, g)
		})
	}
	// With memory for all nothing is: exec alone keeps arguments there for a while.
	g := boot(t)
	g.Run("cc -o worker worker.c")
	swapped := g.CountWrites(4000, 4872)
	expect(t, g, "sh twenty.sh 2>pids", work())
	if *swapped > 20*10+20 {
		t.Errorf("with memory for all, %d blocks were written to the swap space", *swapped)
	}
}

// V7's own way to hang. wakeup follows the queue of its sleepers while setrun, for one
// that is swapped out, wakes the swapper by a second wakeup; when the two queues are one
// the first goes astray, and sooner or later a wakeup runs in circles. Each inode in 28
// has its waiters in the swapper's queue: here it is the program that all want to
// execute. SIMH's 11/45 comes to the same end. So a guest that hangs while it swaps need
// not be our fault.
func TestSwapperHang(t *testing.T) {
	long(t)
	t.Parallel()
	const (
		inodes, inodeSize = 0o10750, 74 // of the kernel's table
		runout            = 0o4126      // what the swapper sleeps on
	)
	hash := func(addr int) int { return addr >> 5 & 0o77 } // of slp.c
	slot := 0
	for hash(inodes+slot*inodeSize) != hash(runout) {
		slot++
	}
	at := fmt.Sprintf(" %06o ", inodes+slot*inodeSize)
	// It takes a process that is swapped out while it waits: not every speed has one.
	for nanos := uint64(900); nanos < 1200; nanos += 37 {
		g := bootOn(t, guest.Options{Machine: machine.Config{Model: machine.PDP1145, NanosPerInstr: nanos}})
		g.Run("cc -o worker worker.c; cc -o hold hold.c")
		var ino int
		if _, err := fmt.Sscan(g.Run("ls -i worker"), &ino); err != nil {
			t.Fatal(err)
		}
		// Open files until the program's inode gets the slot.
		hold := "hold"
		for _, f := range []string{"", "arith.c", "crash.c", "deep.c", "forks.c", "fp.c", "ids.c", "k.c", "part1.c", "part2.c", "prose"} {
			hold += " " + f
			c := g.Clone(t)
			c.Run(hold + " worker &")
			c.Wait(2 * guest.Second)
			_, row, _ := strings.Cut(c.Run("pstat -i"), at)
			if f := strings.Fields(row); len(f) < 4 || f[3] != fmt.Sprint(ino) {
				continue
			}
			c.Send("sh livelock.sh 2>pids; echo over\r")
			c.Wait(100 * guest.Second)
			if c.Printed() != "" {
				continue
			}
			kernel, err := aout.Parse(g.ReadFile("/unix"))
			if err != nil {
				t.Fatal(err)
			}
			wakeup, _ := kernel.Lookup("_wakeup")
			for range 20 {
				c.Wait(guest.Second / 7)
				if pc := c.M.CPU.R[7]; c.M.CPU.PSW()>>14 == 0 && pc > wakeup.Value && pc < wakeup.Value+0o200 {
					return
				}
			}
			t.Error("it hangs, but not in wakeup")
		}
	}
	t.Error("it did not hang")
}

// The limits on processes: 150 in all, and one more than 25 for a user.
func TestForks(t *testing.T) {
	long(t)
	t.Parallel()
	const procs, perUser = 150, 25 // NPROC and MAXUPRC of V7's param.h
	g := boot(t)
	g.Run("cc -o forks forks.c")
	all := procs - 4 // the swapper, init, the shell, the parent
	expect(t, g, "forks", fmt.Sprintf("%d errno %d\n%d\n", all, eAGAIN, all))
	expect(t, g, "forks 7", fmt.Sprintf("%d errno %d\n%d\n", perUser, eAGAIN, perUser))
	checkPacks(t, g)
}

// The stack grows by itself as far as there is room below it.
func TestStack(t *testing.T) {
	long(t)
	t.Parallel()
	for _, o := range []guest.Options{{}, {Machine: small}} {
		g := bootOn(t, o)
		g.Run("cc -o deep deep.c; cc -i -o deepi deep.c")
		for _, n := range []int{1, 20, 300, 900} {
			want := fmt.Sprintf("%d\n", n*(n+1)/2)
			expect(t, g, fmt.Sprintf("deep %d; deepi %d", n, n), want+want)
		}
		// A frame takes 60 bytes at least: these do not fit into 64 KB.
		expect(t, g, "deep 1200", "Memory fault - core dumped\n")
		expect(t, g, "deepi 30000", "Memory fault - core dumped\n")
	}
}
