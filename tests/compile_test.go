package tests

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/aout"
)

// lines joins lines.
func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

// arith computes what testdata/arith.c prints, with Go's integers.
func arith() string {
	var b strings.Builder
	x, s, u := int32(1), int16(0), uint16(0)
	for range 2000 {
		x = x*1103515245 + 12345
		s += int16((x >> 16) % 1000)
		s ^= int16(x)
		u = u*3 + uint16(s)/7 + uint16(s%13)
	}
	fmt.Fprintf(&b, "%d %d %d\n", x, s, u)
	y := int32(0)
	for i := int32(1); i < 300; i++ {
		x = x*69069 + 1
		y += x/(i*77) - x%(i*3)
		y ^= x<<(i&15) ^ x>>(i%20)
	}
	fmt.Fprintf(&b, "%d %x %o\n", y, uint32(y), uint32(y))
	for i := int16(-3); i < 4; i++ {
		n := i * 1234
		fmt.Fprintf(&b, "%d %d %d %d %d\n", n, int32(n)*int32(n)*int32(n), int8(n), int8(n>>3), int8(n^0o125))
	}
	p, q := int16(300), int16(123)
	fmt.Fprintf(&b, "%d %d %d ", p+q, p-q, p*q)
	low := []int{1, 1, 2, 3, 5, 8, 0, 0} // by the value's low bits
	for i := -2; i < 8; i++ {
		switch i {
		case -1:
			b.WriteString("10 ")
		case 3:
			b.WriteString("20 ")
		default:
			fmt.Fprintf(&b, "%d ", low[i&7])
		}
	}
	fmt.Fprintf(&b, "30 40\n")
	fmt.Fprintf(&b, "%5d|%-5d|%05d|%c|%s|%.3s|%10.4s|\n", 42, 42, 42, 'x', "str", "string", "string")
	return b.String()
}

func TestC(t *testing.T) {
	t.Parallel()
	g := boot(t)
	expect(t, g, "cc arith.c; a.out", arith())
	expect(t, g, "cc -O arith.c; a.out", arith())
	expect(t, g, "pcc arith.c; a.out", "arith.c\n"+arith())
	expect(t, g, "cc -S part2.c; as - -o part2.o part2.s; cc -c part1.c; cc part1.o part2.o; a.out x; echo $?", "two 9\n9\n")
	expect(t, g, "ar r lib.a part2.o; ranlib lib.a; ar t lib.a; cc part1.c lib.a; a.out", lines("ar: creating lib.a", "__.SYMDEF", "part2.o", "one 9"))
	contains(t, g, "lint part1.c", "argv unused", "count used", "not defined")
	checkPacks(t, g)
}

// as and ld: what they make has the layout that was asked for, and size, nm and strip
// agree with our own reader of it.
func TestAsLd(t *testing.T) {
	t.Parallel()
	g := boot(t)
	expect(t, g, "as -o hello.o hello.s; ld hello.o; a.out; echo $?", "in assembler\n7\n")
	g.Run("cc -c part1.c part2.c")
	for _, c := range []struct {
		flag  string
		magic uint16
	}{{"", 0o407}, {"-n", 0o410}, {"-i", 0o411}} {
		expect(t, g, "ld "+c.flag+" -o p /lib/crt0.o part1.o part2.o -lc; p x; echo $?", "two 9\n9\n")
		sizes := g.Run("size p")
		names := g.Run("nm -g p")
		g.Sync()
		f, err := aout.Parse(g.ReadFile("/tmp/p"))
		if err != nil {
			t.Fatal(err)
		}
		h := f.Header
		if h.Magic != c.magic {
			t.Errorf("ld %s made a file of type %#o, want %#o", c.flag, h.Magic, c.magic)
		}
		sum := int(h.TextSize) + int(h.DataSize) + int(h.BSSSize)
		if want := fmt.Sprintf("%d+%d+%d = %db = 0%ob\n", h.TextSize, h.DataSize, h.BSSSize, sum, sum); sizes != want {
			t.Errorf("size printed %q, want %q", sizes, want)
		}
		globals := 0
		for _, s := range f.Symbols {
			if s.Type&aout.External == 0 {
				continue
			}
			globals++
			if want := fmt.Sprintf("%06o %c %s\n", s.Value, " ATDB"[s.Type&aout.TypeMask], s.Name); !strings.Contains(names, want) {
				t.Errorf("nm -g does not print %q but %q", want, names)
			}
		}
		if n := strings.Count(names, "\n"); n != globals || n < 20 {
			t.Errorf("nm -g prints %d names, the file has %d", n, globals)
		}
		g.Run("strip p")
		expect(t, g, "p x; nm p", "two 9\nnm: p-- no name list\n")
	}
}

// V7 makes its own kernel again, byte for byte.
func TestMakeUnix(t *testing.T) {
	long(t)
	t.Parallel()
	const want = "452bfb1605cb0aa15692a54c11cbbbf8" // FACTS
	for _, o := range []guest.Options{{Disk: "rk"}, {Disk: "rk", Machine: small}, {Disk: "rp"}} {
		t.Run(name(o), func(t *testing.T) {
			g := guest.Boot(t, o)
			g.Run("cd /usr/sys/conf")
			g.Run("rm -f l.o l.s c.o c.c unix")
			contains(t, g, "mkconf <rktmconf", "console at 60\n", "clock at 100\n", "rk at 220\n")
			contains(t, g, "make unix", "as - -o l.o l.s\n", "cc  -c c.c\n",
				"ld -o unix -X -i l.o mch.o c.o ../sys/LIB1 ../dev/LIB2\n")
			if o.Disk == "rk" {
				expect(t, g, "cmp unix /unix; echo $?", "0\n")
			}
			g.Sync()
			sum := md5.Sum(g.ReadFile("/usr/sys/conf/unix"))
			if got := hex.EncodeToString(sum[:]); got != want {
				t.Errorf("the kernel that V7 made has MD5 %s, want %s", got, want)
			}
			checkPacks(t, g)
		})
	}
}

// The new kernel starts, by its name, from the boot block.
func TestBootNewKernel(t *testing.T) {
	long(t)
	t.Parallel()
	d := guest.Packs(t, "rk")
	g := guest.Boot(t, guest.Options{Packs: d})
	g.Run("cd /usr/sys/conf; mkconf <rktmconf; make unix")
	expect(t, g, "cp unix /newunix; rm /unix; sync", "")
	g.Wait(guest.Second)
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g = guest.New(t, m, d)
	if err := m.Boot("rk", 0); err != nil {
		t.Fatal(err)
	}
	g.Await("boot: ")
	g.Send("\r") // /unix is gone: it has to ask again
	g.Await("boot: ")
	g.Send("newunix\r")
	if out := g.Await("# "); !strings.Contains(out, "mem = 2022016\n") {
		t.Errorf("the new kernel printed %q", out)
	}
}

func TestYaccLex(t *testing.T) {
	t.Parallel()
	g := boot(t)
	if out := g.Run("yacc calc.y; lex calc.l; cc y.tab.c -o calc"); strings.Contains(out, "rror") {
		t.Errorf("making calc printed %s", out)
	}
	for _, c := range []struct{ in, want string }{
		{"1+2*3", fmt.Sprint(1 + 2*3)},
		{"(1+2)*3 - -4", fmt.Sprint((1+2)*3 + 4)},
		{"100/7%4*(3-10)", fmt.Sprint(100 / 7 % 4 * (3 - 10))},
		{"2*(3", "error"},
		{"((((((((7))))))))", "7"},
	} {
		expect(t, g, "echo '"+c.in+"' | calc", c.want+"\n")
	}
}

// number reads one of Fortran's.
func number(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(strings.Replace(s, "d", "e", 1), 64)
	if err != nil {
		t.Error(err)
	}
	return x
}

func TestFortran(t *testing.T) {
	t.Parallel()
	g := boot(t)
	g.Run("f77 -o sums sums.f")
	out := strings.Split(g.Run("sums"), "\n")
	if len(out) != 8 {
		t.Fatalf("sums printed %q", out)
	}
	harmonic := 0.0
	for i := 1; i <= 1000; i++ {
		harmonic += 1 / float64(i)
	}
	if got := number(t, strings.Fields(out[0])[1]); math.Abs(got-harmonic) > 2e-14 {
		t.Errorf("the harmonic number is %s, want %.14f", out[0], harmonic)
	}
	var primes strings.Builder
	for i, n := 2, 0; n < 30; i++ {
		prime := true
		for j := 2; j < i; j++ {
			prime = prime && i%j != 0
		}
		if prime {
			if fmt.Fprintf(&primes, "%5d", i); n%10 == 9 {
				primes.WriteByte('\n')
			}
			n++
		}
	}
	if got := strings.Join(out[1:4], "\n") + "\n"; got != primes.String() {
		t.Errorf("the primes are\n%s\nwant\n%s", got, primes.String())
	}
	for i, want := range []float64{math.Sqrt2, math.E, math.Pi} {
		if got := number(t, strings.TrimSpace(out[4][22*i:22*i+22])); math.Abs(got-want) > 1e-13 {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if want := "    5.00   -7.00   24.00"; out[5] != want {
		t.Errorf("complex arithmetic gives %q, want %q", out[5], want)
	}
	if want := "abcd |  5  5040"; out[6] != want {
		t.Errorf("characters and a function give %q, want %q", out[6], want)
	}
}

// Ratfor, and struct, which turns its output back into structured source.
func TestRatforStruct(t *testing.T) {
	t.Parallel()
	g := boot(t)
	want := ""
	for k, c := 0, 1; k < 10; k++ {
		want += fmt.Sprintf("%4d", c)
		c = c * (9 - k) / (k + 1)
	}
	g.Run("ratfor loop.r >loop.f; f77 -o loop loop.f")
	expect(t, g, "loop", want+"\n")

	steps := 0
	for n := 27; n != 1; steps++ {
		if n%2 == 0 {
			n /= 2
		} else {
			n = 3*n + 1
		}
	}
	structured := contains(t, g, "struct goto.f", "repeat", "else", "until")
	if n := len(regexp.MustCompile(`go ?to`).FindAllString(structured, -1)); n > 1 {
		t.Errorf("struct left %d jumps in\n%s", n, structured)
	}
	g.Run("struct goto.f >new.r; ratfor new.r >new.f; f77 -o new new.f; f77 -o old goto.f")
	expect(t, g, "old", fmt.Sprintf("%5d\n", steps))
	expect(t, g, "new", fmt.Sprintf("%5d\n", steps))
}

func TestM4(t *testing.T) {
	t.Parallel()
	g := boot(t)
	expect(t, g, "m4 defs.m4", lines("5040", "htneves", "8 7 3 UNIX", "first", "fact(3) yes 42", "a`b", "last"))
}

// The debugger, on a core dump and on a process that it runs.
func TestAdb(t *testing.T) {
	t.Parallel()
	g := boot(t)
	expect(t, g, "cc -o crash crash.c; crash", "Bus error - core dumped\n")
	trace := []string{"~inner(025,050)\n~middle(024)\n~main(01,", "_depth:\t\t61\n", "was here"} // 21+40, 21, 20
	contains(t, g, "(echo '$c'; echo depth/d; echo '*message/s') | adb crash core", trace...)
	contains(t, g, "(echo 'inner:b'; echo :r; echo '$c'; echo depth/d; echo :c; echo depth/d) | adb crash",
		"breakpoint\t~inner:", "~middle(024)\n", "_depth:\t\t0\n", "bus error", "_depth:\t\t61\n")
	// Single steps take the trace trap.
	contains(t, g, "(echo 'middle:b'; echo :r; echo :s; echo '$q') | adb crash", "breakpoint\t~middle:", "stopped\tat")
	// The kernel, as its operators looked at it.
	g.Sync()
	kernel, err := aout.Parse(g.ReadFile("/unix"))
	if err != nil {
		t.Fatal(err)
	}
	sym, ok := kernel.Lookup("_proc")
	if !ok {
		t.Fatal("the kernel has no _proc")
	}
	expect(t, g, "echo 'proc=o' | adb /unix -", fmt.Sprintf("\t\t%#o\n", sym.Value))
}
