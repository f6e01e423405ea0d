package screen

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// shown returns the rows of a view.
func shown(v View) string {
	var rows []string
	for _, r := range v.Rows {
		rows = append(rows, string(r.Text))
	}
	return strings.Join(rows, "|")
}

func TestGlass(t *testing.T) {
	for _, c := range []struct {
		name, in string
		w, h     int
		want     string
		x, y     int
	}{
		{"nothing", "", 10, 3, "", 0, 0},
		{"a line", "hello", 10, 3, "hello", 5, 0},
		{"two lines", "a\r\nb", 10, 3, "a|b", 1, 1},
		{"a line feed keeps the column", "ab\nc", 10, 3, "ab|  c", 3, 1},
		{"carriage return", "hello\rj", 10, 3, "jello", 1, 0},
		{"backspace erases nothing", "abc\b\b", 10, 3, "abc", 1, 0},
		{"backspace stops", "a\b\b\bz", 10, 3, "z", 1, 0},
		{"rubout", "abc\b \b", 10, 3, "ab ", 2, 0},
		{"tab", "a\tb", 20, 3, "a       b", 9, 0},
		{"tab at a stop", "12345678\tb", 20, 3, "12345678        b", 17, 0},
		{"tab erases nothing", "0123456789\r\tX", 20, 3, "01234567X9", 9, 0},
		{"bell", "a\ab", 10, 3, "ab", 2, 0},
		{"fold", "abcdefgh", 3, 4, "abc|def|gh", 2, 2},
		{"at the margin", "abc", 3, 4, "abc", 2, 0},
		{"fold at the margin", "abcd", 3, 4, "abc|d", 1, 1},
		{"carriage return in a folded line", "abcd\rX", 3, 4, "Xbc|d", 1, 0},
		{"scroll", "1\r\n2\r\n3\r\n4", 5, 2, "3|4", 1, 1},
		{"scroll of folded lines", "abcdef\r\ng", 3, 2, "def|g", 1, 1},
		{"escape sequences are not for it", "\x1b[2Jx", 10, 3, "[2Jx", 4, 0},
		{"NUL and DEL", "a\x00\x7fb", 10, 3, "ab", 2, 0},
		{"UTF-8", "naïve", 10, 3, "naïve", 5, 0},
		{"what is wide", "a日b", 10, 3, "a?b", 3, 0},
		{"what is cut off", "a\xc3b", 10, 3, "a\ufffdb", 3, 0},
		{"empty lines", "\r\n\r\n", 10, 4, "||", 0, 2},
		{"no size", "ab", 0, 0, "b", 0, 0},
	} {
		g := NewGlass()
		g.Write([]byte(c.in))
		v := g.View(c.w, c.h)
		if got := shown(v); got != c.want || v.X != c.x || v.Y != c.y {
			t.Errorf("%s: %q shows %q with the cursor at %d,%d; want %q, %d,%d", c.name, c.in, got, v.X, v.Y, c.want, c.x, c.y)
		}
	}
}

func TestGlassBytewise(t *testing.T) {
	text := "añb\r\n\tç\b\bx\ay"
	a, b := NewGlass(), NewGlass()
	a.Write([]byte(text))
	for i := range len(text) {
		b.Write([]byte{text[i]})
	}
	if x, y := shown(a.View(9, 5)), shown(b.View(9, 5)); x != y {
		t.Errorf("%q at once, %q by bytes", x, y)
	}
	if a.Bells() != 1 {
		t.Errorf("%d bells", a.Bells())
	}
}

func TestDialog(t *testing.T) {
	g := newDialog()
	g.Write([]byte("save? abc\x1b[D \x1b[D\x1b[3;1mX\x1b[D\x1b[K"))
	if got := shown(g.View(20, 1)); got != "save? ab" {
		t.Errorf("shows %q", got)
	}
}

func TestScrollBack(t *testing.T) {
	g := NewGlass()
	for i := range 10 {
		fmt.Fprintf(g, "%d%d%d%d\r\n", i, i, i, i)
	}
	check := func(what, want string, behind int) {
		t.Helper()
		v := g.View(2, 4)
		if shown(v) != want || v.Behind != behind || (v.Y >= 0) != (behind == 0) {
			t.Errorf("%s: %q, %d behind, cursor in row %d; want %q, %d", what, shown(v), v.Behind, v.Y, want, behind)
		}
	}
	check("at the end", "88|99|99|", 0)
	g.Scroll(-1, 2, 4)
	check("a row back", "88|88|99|99", 1)
	g.Scroll(-3, 2, 4)
	check("four rows back", "66|77|77|88", 4)
	g.Write([]byte("more\r\n"))
	check("while more comes", "66|77|77|88", 6)
	g.Scroll(2, 2, 4)
	check("on", "77|88|88|99", 4)
	g.Scroll(100, 2, 4)
	check("at the end again", "99|mo|re|", 0)
	g.Write([]byte("x"))
	check("it follows", "99|mo|re|x", 0)
	g.Scroll(-1000, 2, 4)
	check("at the beginning", "00|00|11|11", 19)
	if g.View(2, 4).Above {
		t.Error("there is something above the beginning")
	}
	if v := g.View(4, 4); shown(v) != "0000|1111|2222|3333" {
		t.Errorf("wider: %q", shown(v))
	}
	g.Follow()
	check("following", "99|mo|re|x", 0)
	for i := range 3 * keepLines {
		fmt.Fprintf(g, "%d\r\n", i)
	}
	if n := len(g.lines); n > 2*keepLines {
		t.Errorf("%d lines are kept", n)
	}
	g.Scroll(-10*keepLines, 10, 4)
	if v := g.View(10, 1); len(v.Rows) != 1 || v.Above {
		t.Errorf("the oldest: %+v", v)
	}
}

func TestSay(t *testing.T) {
	g := NewGlass()
	g.Write([]byte("# "))
	g.Say("v7em: the power is cut\r\n", false)
	g.Write([]byte("@"))
	v := g.View(40, 5)
	if shown(v) != "# |v7em: the power is cut|@" || v.Rows[0].Own || !v.Rows[1].Own || v.Rows[2].Own {
		t.Errorf("%+v", v)
	}
}

// TestSayFolds folds what the host says between words, not what the guest prints.
func TestSayFolds(t *testing.T) {
	const text = "the power is cut, unfortunately"
	g := NewGlass()
	g.Say(text, false)
	if got := shown(g.View(10, 9)); got != "the power |is cut, |unfortunat|ely" {
		t.Errorf("%q", got)
	}
	if v := g.View(10, 9); v.X != 3 || v.Y != 3 {
		t.Errorf("cursor at %d,%d", v.X, v.Y)
	}
	g = NewGlass()
	g.Write([]byte(text))
	if got := shown(g.View(10, 9)); got != "the power |is cut, un|fortunatel|y" {
		t.Errorf("%q", got)
	}
}

func FuzzGlass(f *testing.F) {
	for _, s := range []string{"", "hello\r\n", "\b\b\t\t\a", "\x1b[D\x1b[K", "\xff\xc3\xbf日", strings.Repeat("x", 3*lineLimit)} {
		f.Add([]byte(s), uint8(10), uint8(4), int16(-3))
	}
	f.Fuzz(func(t *testing.T, in []byte, w, h uint8, scroll int16) {
		for _, g := range []*Glass{NewGlass(), newDialog()} {
			g.Write(in[:len(in)/2])
			g.Say(string(in[len(in)/2:]), len(in)%2 == 0)
			g.Scroll(int(scroll), int(w), int(h))
			v := g.View(int(w), int(h))
			width, height := max(int(w), 1), max(int(h), 1)
			if len(v.Rows) == 0 || len(v.Rows) > height {
				t.Fatalf("%d rows of %d", len(v.Rows), height)
			}
			for _, r := range v.Rows {
				if len(r.Text) > width {
					t.Fatalf("a row of %d in %d columns", len(r.Text), width)
				}
				for _, c := range r.Text {
					if c < ' ' || c == 0o177 || !utf8.ValidRune(c) {
						t.Fatalf("shows %q", c)
					}
				}
			}
			if v.Y >= len(v.Rows) || v.Y < -1 || v.Y >= 0 && (v.X < 0 || v.X >= width) {
				t.Fatalf("cursor at %d,%d", v.X, v.Y)
			}
			if v.Y < 0 && v.Behind == 0 && g.top == nil {
				t.Fatal("the cursor is not in sight")
			}
			g.Follow()
			if v := g.View(int(w), int(h)); v.Y < 0 && v.Behind != 0 {
				t.Fatal("does not follow")
			}
		}
	})
}

// TestGlassSayAgain: the prompt that a message interrupts is shown again behind it, once.
func TestGlassSayAgain(t *testing.T) {
	g := NewGlass()
	g.Write([]byte("hello\r\n# lsx\b \b"))
	g.Say("v7em: one\r\n", true)
	g.Say("v7em: two\r\n", true)
	g.Write([]byte(" /"))
	g.Say("v7em: three\r\n", true)
	g.Say("v7em: off\r\n", false)
	var got []string
	for _, r := range g.View(80, 24).Rows {
		got = append(got, strings.TrimRight(string(r.Text), " "))
	}
	if s := strings.Join(got, "|"); s != "hello|# ls|v7em: one|v7em: two|# ls /|v7em: three|v7em: off|" {
		t.Errorf("%q", s)
	}
	g = NewGlass()
	g.Write([]byte("# lsx\b \b"))
	g.Say("v7em: one\r\n", true)
	if v := g.View(80, 24); v.X != 4 || v.Y != 2 {
		t.Errorf("cursor at %d,%d", v.X, v.Y)
	}
}
