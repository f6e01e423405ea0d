package tests

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"v7em/tests/guest"
)

const dict = "/usr/dict/words"

// words returns V7's word list.
func words(g *guest.Guest) []string {
	return strings.Split(strings.TrimSuffix(string(g.ReadFile(dict)), "\n"), "\n")
}

// file returns a file of the guest's, as lines.
func file(g *guest.Guest, name string) []string {
	g.Sync()
	return strings.Split(strings.TrimSuffix(string(g.ReadFile(name)), "\n"), "\n")
}

// same says whether two lists are the same, and where they first are not.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		a, b := "(nothing)", "(nothing)"
		if i < len(got) {
			a = got[i]
		}
		if i < len(want) {
			b = want[i]
		}
		if a != b {
			t.Errorf("%s: line %d of %d is %q, want %q of %d", what, i+1, len(got), a, b, len(want))
			return
		}
	}
}

func TestSort(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	list := words(g)
	slices.Sort(list)
	g.Run("sort " + dict + " >s")
	same(t, "sort", file(g, "/tmp/s"), list)
	slices.Reverse(list)
	g.Run("sort -r s >r")
	same(t, "sort -r", file(g, "/tmp/r"), list)

	// Fields, numbers, and lines that are the same.
	rng := rand.New(rand.NewPCG(1979, 7))
	type row struct {
		key  string
		n    int
		text string
	}
	var rows []row
	for range 3000 {
		r := row{key: fmt.Sprintf("k%d", rng.IntN(40)), n: rng.IntN(2000) - 1000}
		r.text = fmt.Sprintf("%s:%d:%x", r.key, r.n, rng.IntN(100))
		rows = append(rows, r)
	}
	var text strings.Builder
	for _, r := range rows {
		text.WriteString(r.text + "\n")
	}
	g = guest.Boot(t, guest.Options{Files: map[string]string{"/tmp/rows": text.String()}})
	g.Run("cd /tmp")
	g.Run("sort -t: +0 -1 +1n -2 rows >s")
	slices.SortFunc(rows, func(a, b row) int {
		// The first key ends before the second field: its colon belongs to it.
		if c := strings.Compare(a.key+":", b.key+":"); c != 0 {
			return c
		}
		if a.n != b.n {
			return a.n - b.n
		}
		return strings.Compare(a.text, b.text) // equal keys: the whole line counts
	})
	var want []string
	for _, r := range rows {
		want = append(want, r.text)
	}
	same(t, "sort by fields", file(g, "/tmp/s"), want)
	slices.Sort(want)
	g.Run("sort -u rows | tee u | wc -l >n; sort rows | uniq | cmp - u; comm -3 u u >c")
	same(t, "sort -u", file(g, "/tmp/u"), slices.Compact(want))
	expect(t, g, "cat n c", fmt.Sprintf("%7d\n", len(slices.Compact(want))))
	checkPacks(t, g)
}

// grep, egrep, fgrep, look and sed against Go's regular expressions.
func TestPatterns(t *testing.T) {
	t.Parallel()
	g := boot(t)
	list := words(g)
	for _, c := range []struct{ command, pattern string }{
		{"grep '^q[^u]' " + dict, "^q[^u]"},
		{"grep 'a.*e.*i.*o.*u' " + dict, "a.*e.*i.*o.*u"},
		{"grep -y 'xx' " + dict, "(?i)xx"},
		{"egrep '^(re|un)+do?.?.?$' " + dict, "^(re|un)+do?.?.?$"},
		{"egrep '(an|en|on)tal+y$|zz' " + dict, "(an|en|on)tal+y$|zz"},
		{"fgrep tion- " + dict, "tion-"},
		{"look unex " + dict, "^unex"},
	} {
		re := regexp.MustCompile(c.pattern)
		want := ""
		for _, w := range list {
			if re.MatchString(w) {
				want += w + "\n"
			}
		}
		expect(t, g, c.command, want)
	}
	// Lines of a text, with numbers, the other way round, counted.
	expect(t, g, "grep -n pil prose", "3:Computing programs compile quickly, and the compilers were\n")
	expect(t, g, "grep -c il prose; grep -v -c il prose", "2\n3\n")

	swap := regexp.MustCompile(`^(.)(.*)(.)$`)
	var want []string
	for i, w := range list {
		if i < 300 { // sed holds 4000 characters
			want = append(want, swap.ReplaceAllString(w, "$3$2$1"))
		}
	}
	g.Run(`sed -e 's/^\(.\)\(.*\)\(.\)$/\3\2\1/' -e 300q ` + dict + " >s")
	same(t, "sed", file(g, "/tmp/s"), want)
	// Its own way to turn a file round: hold space and branches.
	for i, j := 0, len(want)-1; i < j; i, j = i+1, j-1 {
		want[i], want[j] = want[j], want[i]
	}
	g.Run("sed -n -e '1!G' -e 'h' -e '$p' <s >r")
	same(t, "sed G and h", file(g, "/tmp/r"), want)
}

// awk against the same in Go.
func TestAwk(t *testing.T) {
	long(t)
	t.Parallel()
	g := boot(t)
	list := words(g)
	letters := map[byte]int{}
	length := 0
	longest := ""
	for _, w := range list {
		letters[w[0]]++
		length += len(w)
		if len(w) > len(longest) {
			longest = w
		}
	}
	expect(t, g, `awk '{n += length($1); if (length($0) > m) {m = length($0); w = $0}} END {print NR, n, n/NR, w}' `+dict,
		fmt.Sprintf("%d %d %.6g %s\n", len(list), length, float64(length)/float64(len(list)), longest))
	got := g.Run(`awk '{c[substr($0,1,1)]++} END {for (i in c) print i, c[i]}' ` + dict + " | sort")
	var want []string
	for c, n := range letters {
		want = append(want, fmt.Sprintf("%c %d", c, n))
	}
	slices.Sort(want)
	same(t, "awk's arrays", strings.Split(strings.TrimSuffix(got, "\n"), "\n"), want)

	// Numbers: each is right to the digits that are printed.
	out := g.Run(`awk 'BEGIN{for(i=1;i<=30;i++)printf "%.12e %.12e %.12e\n",sqrt(i),exp(i/7),log(i)}' </dev/null`)
	rows := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(rows) != 30 {
		t.Fatalf("awk printed %q", out)
	}
	for i, r := range rows {
		x := float64(i + 1)
		for j, want := range []float64{math.Sqrt(x), math.Exp(x / 7), math.Log(x)} {
			f := strings.Fields(r)
			if len(f) != 3 {
				t.Fatalf("awk printed %q", r)
			}
			got, err := strconv.ParseFloat(f[j], 64)
			if err != nil || math.Abs(got-want) > 2e-12*math.Max(1, want) {
				t.Errorf("awk: function %d of %v is %s, want %.12e", j, x, f[j], want)
			}
		}
	}
	expect(t, g, `echo 'a:bc:def' | awk -F: '{for(i=NF;i>0;i--)printf "%s,",$i;print index($3,"f") substr($2,2)}'`, "def,bc,a,3c\n")
	expect(t, g, `awk '$2 ~ /^[0-4]/ && $1 != "x" {s[$1] += $2} END {print s["a"], s["x"], s["b"]}' <<!
a 10
b 90
x 20
a 30
b 7
!
`, "40  \n")
}

// bas, the interpreter for Basic.
func TestBas(t *testing.T) {
	t.Parallel()
	g := boot(t)
	want := ""
	f := 1
	for i := 1; i <= 9; i++ {
		f *= i
		want += fmt.Sprintf("%d %d\n", i, f)
	}
	expect(t, g, "echo run | bas fact.bas", want)
	for _, c := range []struct {
		in   string
		want float64
	}{
		{"2+3*4^2", 50}, {"sqr(2)", math.Sqrt2}, {"exp(1)", math.E}, {"atn(1)*4", math.Pi}, {"(1<2)+(2<1)", 1}, {"int(7/2)", 3}, {"sin(1)", math.Sin(1)},
	} {
		out := g.Run("echo '" + c.in + "' | bas")
		got, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
		if err != nil || math.Abs(got-c.want) > 1e-5*c.want {
			t.Errorf("bas: %s is %q, want %.6g", c.in, out, c.want)
		}
	}
}

// unfold joins the lines that dc breaks.
func unfold(s string) string { return strings.ReplaceAll(s, "\\\n", "") }

// dc and bc against math/big.
func TestBigNumbers(t *testing.T) {
	t.Parallel()
	g := boot(t)
	rng := rand.New(rand.NewPCG(7, 7))
	random := func(digits int) *big.Int {
		n := new(big.Int)
		for range digits {
			n.Add(n.Mul(n, big.NewInt(10)), big.NewInt(int64(rng.IntN(10))))
		}
		return n.Add(n, big.NewInt(1))
	}
	for range 8 {
		a, b := random(40+rng.IntN(40)), random(10+rng.IntN(30))
		q, r := new(big.Int).QuoRem(a, b, new(big.Int))
		want := fmt.Sprintf("%d\n%d\n%d\n%d\n%d\n", new(big.Int).Add(a, b), new(big.Int).Mul(a, b), q, r, new(big.Int).Sqrt(a))
		got := unfold(g.Run(fmt.Sprintf("echo '%dsa %dsb lalb+p lalb*p lalb/p lalb%%p lavp' | dc", a, b)))
		if got != want {
			t.Errorf("dc with %d and %d:\n%s\nwant\n%s", a, b, got, want)
		}
		got = unfold(g.Run(fmt.Sprintf("echo 'a=%d;b=%d;a+b;a*b;a/b;a%%b;sqrt(a)' | bc", a, b)))
		if got != want {
			t.Errorf("bc with %d and %d:\n%s\nwant\n%s", a, b, got, want)
		}
	}
	want := new(big.Int).Exp(big.NewInt(2), big.NewInt(600), nil)
	if got := unfold(g.Run("echo '2 600^p' | dc")); got != want.String()+"\n" {
		t.Errorf("dc: 2^600 is %s, want %d", got, want)
	}
	want.MulRange(1, 60)
	if got := unfold(g.Run("bc fact.b </dev/null")); got != want.String()+"\n" {
		t.Errorf("bc: 60! is %s, want %d", got, want)
	}
	// Other bases, and digits behind the point.
	expect(t, g, "echo '16o 8i 7777p 2o p' | dc", fmt.Sprintf("%X\n%b\n", 0o7777, 0o7777))
	root := new(big.Float).SetPrec(300).Sqrt(big.NewFloat(2).SetPrec(300)).Text('f', 60)
	if got := g.Run("echo '50k2vp' | dc"); got != root[:52]+"\n" {
		t.Errorf("dc: the root of 2 is %s, want %s", got, root[:52])
	}
	expect(t, g, "factor 1234567890", lines("", "     2", "     3", "     3", "     5", "     3607", "     3803"))
	primes := ""
	for n, k := int64(100000), 0; k < 50; n++ {
		if big.NewInt(n).ProbablyPrime(10) {
			primes += fmt.Sprintf("%d\n", n)
			k++
		}
	}
	expect(t, g, "echo 100000 | primes | sed 50q", primes)
}

// fill fills lines of a width with words, as a formatter that does not adjust.
func fill(text string, width int) []string {
	var out []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(out, line)
}

const tale = `It was the best of times, it was the worst of times, it was the age of wisdom,
	it was the age of foolishness, it was the epoch of belief, it was the epoch of incredulity,
	it was the season of Light, it was the season of Darkness.`

func TestNroff(t *testing.T) {
	t.Parallel()
	g := boot(t)
	out := strings.Split(g.Run("nroff fill.n"), "\n")
	want := fill(tale, 40)
	if len(out) < len(want)+9 {
		t.Fatalf("nroff printed %q", out)
	}
	same(t, "nroff fills", out[:len(want)], want)
	rest := out[len(want):]
	// An adjusted line is as wide as can be.
	spring := fill("it was the spring of hope, it was the winter of despair", 40)
	if len(rest[0]) != 40 || strings.Join(strings.Fields(rest[0]), " ") != spring[0] || rest[1] != spring[1] {
		t.Errorf("nroff adjusts %q, want %q", rest[:2], spring)
	}
	title := "left" + strings.Repeat(" ", (65-6)/2-4) + "middle" // of 65 characters
	title += strings.Repeat(" ", 65-5-len(title)) + "right"
	same(t, "nroff", rest[2:8], []string{
		"two one 3 15 MCMLXXIX ab string 96 nroff", // a character is 24 units wide
		"    indented",
		"  less",
		strings.Repeat(" ", (40-6)/2) + "centre",
		title,
		"_\bu_\bn_\bd_\be_\br",
	})

	// A manual page of the distribution's.
	man := contains(t, g, "man echo | col -b", "ECHO(1)", "UNIX Programmer's Manual",
		"NAME\n     echo - echo arguments\n", "SYNOPSIS\n     echo [ -n ] [ arg ] ...\n")
	if pages := strings.Count(man, "\n"); pages%66 != 0 {
		t.Errorf("man prints %d lines, which makes no whole pages of 66", pages)
	}
}

// tbl and eqn before nroff.
func TestTblEqn(t *testing.T) {
	t.Parallel()
	g := boot(t)
	// Left, right, and by the decimal point.
	contains(t, g, "tbl table.t | nroff",
		"name     count   price\n"+
			"bolt        12    3.5\n"+
			"washer       7   10.25\n"+
			"nut        123     .75\n")
	// The exponent is half a line up, the index half a line down; col moves both to
	// the next whole line.
	out := g.Run("neqn form.e | nroff | col")
	if want := lines("x2+y =z", "    i"); !strings.HasPrefix(out, want) {
		t.Errorf("neqn: %q, want %q", out, want)
	}
	contains(t, g, "eqn form.e | troff -a", "x 2 ", "y i ")
}

// troff fills for a typesetter, and its output flashes each letter with one code.
func TestTroff(t *testing.T) {
	t.Parallel()
	g := boot(t)
	out := g.Run("troff -a fill.n")
	if got, want := strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(tale), " "); !strings.HasPrefix(got, want) {
		t.Errorf("troff -a printed %q, want %q", got, want)
	}
	if !strings.Contains(out, "two one 3 15 MCMLXXIX ab string ") || !strings.Contains(out, "troff\n") || strings.Contains(out, "nroff") {
		t.Errorf("troff -a printed %q", out)
	}
	// The typesetter's codes: with bit 7 a motion, with bit 6 control, else a
	// character.
	text := "the quick brown dog jumps over a lazy wolverine and six gnats"
	g = guest.Boot(t, guest.Options{Files: map[string]string{"/tmp/t": ".hy 0\n.lg 0\n" + text + "\n"}})
	g.Run("cd /tmp; troff -t t >cat; troff -t t | cmp - cat")
	g.Sync()
	codes := g.ReadFile("/tmp/cat")
	var flashed []byte
	for _, c := range codes {
		if c&0o300 == 0 && c != 0 {
			flashed = append(flashed, c)
		}
	}
	letters := strings.ReplaceAll(text, " ", "")
	if len(flashed) < len(letters) {
		t.Fatalf("%d characters are set, want %d", len(flashed), len(letters))
	}
	code, back := map[byte]byte{}, map[byte]byte{}
	for i := range letters {
		l, c := letters[i], flashed[i]
		if code[l] != 0 && code[l] != c || back[c] != 0 && back[c] != l {
			t.Errorf("character %d, %q, has code %#o", i, l, c)
		}
		code[l], back[c] = c, l
	}
}

func TestSpell(t *testing.T) {
	t.Parallel()
	g := boot(t)
	want := []string{"PDP", "misspeled", "operatng", "tre"}
	got := strings.Fields(g.Run("spell prose"))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("spell printed %q, want %q", got, want)
	}
	// How the others are derived; spell -v shows it only if its last sort is quick.
	contains(t, g, "deroff -w prose | sort -u | /usr/lib/spell /usr/dict/hlista v -v >/dev/null; cat v",
		"+r+s\tcompilers\n", "-e+ing\tComputing\n", "+ly\tquickly\n", ".\tlanguage\n")
}
