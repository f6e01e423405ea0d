package tests

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/guest"
)

// values are those of testdata/fp.c.
var values = []float64{1e-30, .001, .1, .3333333333333333, .5, .9999, 1, 1.5, 2, 2.718281828459045, 10, 123.456, 65535, 1e10}

// fp computes what testdata/fp.c prints, by line: a letter and numbers.
func fp() []string {
	var out []string
	line := func(letter string, v ...any) {
		for _, x := range v {
			letter += fmt.Sprintf(" %v", x)
		}
		out = append(out, letter)
	}
	for _, y := range values {
		line("a", y+.7, y-.7, y*.7, y/.7)
		line("b", math.Sqrt(y), math.Log(y), math.Atan(y))
		if y < 1000 {
			line("c", math.Sin(y), math.Cos(y))
		}
		if y < 80 {
			p := math.Pow(y, 2.5)
			if p < 1e-38 {
				p = 0
			}
			line("d", math.Exp(y), p)
		}
		line("e", math.Floor(y*10), math.Ceil(-y*10))
		m, e := math.Frexp(y)
		line("f", m, e, math.Ldexp(m, e-3))
		f := float32(y)
		line("g", f*f+1)
		if y < 60000 {
			line("h", int(y), int(y/2))
		}
	}
	sum := 0.0
	for i := 30000; i > 0; i-- { // the way that loses least
		sum += 1 / float64(i)
	}
	line("s", sum)
	return out
}

// checkFP holds what fp.c printed to it. The PDP-11's fraction has 56 bits, Go's 53:
// the tolerances are those of Go's numbers and of V7's library, and for the sum of
// 30000 numbers the one given.
func checkFP(t *testing.T, got string, sum float64) {
	t.Helper()
	rows := strings.Split(got, "\n")
	want := fp()
	if len(rows) < len(want) {
		t.Fatalf("fp printed %q", got)
	}
	for i, w := range want {
		a, b := strings.Fields(rows[i]), strings.Fields(w)
		if len(a) != len(b) || a[0] != b[0] {
			t.Errorf("fp printed %q, want %q", rows[i], w)
			continue
		}
		tolerance := map[string]float64{"c": 2e-14, "d": 2e-14, "g": 2e-7, "e": 0, "f": 1e-15, "h": 0, "s": sum}[a[0]]
		if strings.Contains("ab", a[0]) {
			tolerance = 3e-15
		}
		for j := 1; j < len(a); j++ {
			var x, y float64
			fmt.Sscan(a[j], &x)
			fmt.Sscan(b[j], &y)
			if d := math.Abs(x - y); d > tolerance*math.Max(math.Abs(y), .1) || math.IsNaN(d) {
				t.Errorf("fp printed %q, want %q: number %d is off by %g", rows[i], w, j, d)
			}
		}
	}
	same(t, "formats", rows[len(want):], []string{
		"t 0.3333333333     -2.718|3.14      |1.e+05 1.e+20 .0001",
		"u 3.141592653589790e+00 -1.500000000000000e-10",
		"v 1 0 1 0",
		"",
	})
}

func TestFloatingPoint(t *testing.T) {
	t.Parallel()
	g := boot(t)
	g.Run("cc -o fp fp.c -lm")
	checkFP(t, g.Run("fp"), 2e-14)
	g.Run("cc -O -i -o fp fp.c -lm")
	checkFP(t, g.Run("fp"), 2e-14)
}

// Without the FP11 V7 runs all the same. Programs that use it get a signal, but for
// those that were linked with V7's own interpreter of its instructions.
func TestWithoutFP11(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	g.Run("cc -c fp.c; cc -o fp fp.o -lm; cc -o k k.c; cd /usr/src/libfpsim; sh compall; cd /tmp")
	expect(t, g, "ld -o fpsim /lib/fcrt0.o fp.o /usr/src/libfpsim/fpsim.o -lm -lc", "")
	g.Sync()
	g = guest.Boot(t, guest.Options{Packs: g.Drives(), Machine: machine.Config{NoFPP: true}})
	expect(t, g, "cd /tmp; k", "42\n")
	expect(t, g, "fp", "Illegal instruction - core dumped\n")
	checkFP(t, g.Run("fpsim"), 30000*16/float64(1<<56)) // it does not round
	contains(t, g, "echo 1 | awk '{print $1/4}'", "Illegal instruction - core dumped\n")
	expect(t, g, "sort -r /usr/dict/words >sorted; sed 1q sorted", "zucchini\n")
	checkPacks(t, g)
}
