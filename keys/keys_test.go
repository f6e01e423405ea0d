package keys

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"v7em/unix/kernel"
)

// names of the keys, as an xterm sends them.
var sequences = strings.NewReplacer(
	"<up>", "\x1b[A", "<down>", "\x1b[B", "<right>", "\x1b[C", "<left>", "\x1b[D", "<home>", "\x1b[H", "<end>", "\x1b[F",
	"<del>", "\x1b[3~", "<bs>", "\x7f", "<kill>", "\x15", "<ret>", "\r",
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, bytes string
		want        string // codes; the time passes at |
	}{
		{"text", "ab\r\x7f", "a b \\r \\x7f"},
		{"arrows", "\x1b[A\x1bOB\x1b[1;5C\x1bOD", "up down right left"},
		{"home and the like", "\x1b[H\x1b[4~\x1b[3~\x1b[7~\x1bOF", "home end del home end"},
		{"functions", "\x1bOP\x1b[15~\x1b[[Ax\x1b[24;2~", "? ? ? x ?"},
		{"a lone escape", "\x1b|a", "\\x1b a"},
		{"two", "\x1b\x1b|", "\\x1b \\x1b"},
		{"alt", "\x1bx\x1b\x1b[Ay", "? up y"},
		{"split at a timeout", "\x1b|[A", "\\x1b up"},
		{"escape, and a bracket later", "\x1b|[|Ab", "\\x1b [ A b"},
		{"escape, much later", "\x1b||[A", "\\x1b [ A"},
		{"paste", "\x1b[200~a\x1b[201~", ". a ."},
		{"mouse", "\x1b[M !!x\x1b[<0;12;7Mx\x1b[<0;12;7mx", ". x . x . x"},
		{"focus", "\x1b[I\x1b[O", ". ."},
		{"a report", "\x1b[12;80R\x1b[?1;2c\x1b]11;rgb:0/0/0\x1b\\x\x1bP1$r\ax", ". . . x . x"},
		{"a string cut off", "\x1b]11;rgb\rx", "\\r x"},
		{"controls within", "\x1b[1\x03;5C", "\\x03 right"},
		{"cancelled", "\x1b[1\x18C", "\\x18 C"},
		{"restarted", "\x1b[1\x1b[A", "up"},
		{"keypad", "\x1bOM\x1bOq", "\\r 1"},
		{"rxvt", "\x1b[3$x\x1b[a", "del x ?"},
		{"UTF-8", "é漢\xffx\xc3|x", "é 漢 � x � x"},
		{"character sets", "\x1b(Bx", "? x"},
	} {
		var d Decoder
		var got []string
		note := func(keys []Key) {
			for _, k := range keys {
				name := map[Code]string{Up: "up", Down: "down", Left: "left", Right: "right", Home: "home", End: "end", Delete: "del", Unknown: "?", Report: "."}[k.Code]
				if name == "" {
					name = strings.Trim(fmt.Sprintf("%q", string(rune(k.Code))), `"`)
				}
				got = append(got, name)
			}
		}
		for _, c := range []byte(tt.bytes) {
			if c == '|' {
				note(d.Late())
			} else {
				note(d.Put(c))
			}
		}
		for d.Wait() > 0 {
			note(d.Late())
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
	}
}

// TestLines types lines and looks at what V7 reads, and what is on the screen.
func TestLines(t *testing.T) {
	for _, tt := range []struct {
		name, typed, screen, reads string
		width                      int
		set                        func(v *v7)
	}{
		{name: "a line", typed: "date<ret>", screen: "# date$", reads: "date$"},
		{name: "backspace", typed: "datf<bs>e", screen: "# date"},
		{name: "erase nothing", typed: "<bs><bs>a<ret>", screen: "# a$", reads: "a$"},
		{name: "no further than the start", typed: "a<bs><bs><bs>b<ret>", screen: "# b$", reads: "b$"},
		{name: "kill", typed: "ab<kill>c<ret>", screen: "# c$", reads: "c$"},
		{name: "hash and at", typed: "#include a@b<ret>", screen: "# #include a@b$", reads: "#include a@b$"},
		{name: "erase them", typed: "#<bs>@<bs>x<ret>", screen: "# x$", reads: "x$"},
		{name: "erase a backslash", typed: `\<bs>x\\<bs><bs>y<ret>`, screen: "# xy$", reads: "xy$"},
		{name: "kill after a backslash", typed: `a\<kill>x<ret>`, screen: "# x$", reads: "x$"},
		{name: "backslashes", typed: `a\\#\@<ret>`, screen: `# a\\#\@$`, reads: `a\\#\@$`},
		{name: "a tab", typed: "a\t<bs>b<ret>", screen: "# ab$", reads: "ab$"},
		{name: "a tab after an erasure", typed: "abc<bs>\tx<bs><bs>d", screen: "# abd"},
		{name: "control characters", typed: "a\x01<bs>b\x01c<ret>", screen: "# abc$", reads: "ab\x01c$"},
		{name: "end of file", typed: "ab\x04cd<bs><ret>", screen: "# abc$", reads: "ab|c$"},
		{name: "other characters", typed: "a#b@c\b\b\x15ab#<ret>", screen: "# ab#$", reads: "ab#$", set: func(v *v7) { v.tty.Erase, v.tty.Kill = '\b', 'U'&0o37 }},
		{name: "letters as such", typed: "exit<bs><ret>", screen: "# exi$", reads: "exi$", set: func(v *v7) { v.tty.Erase, v.tty.Kill = 'x', 'k' }},
		{name: "control characters as such", typed: "ab\x07c\x18d<ret>", screen: "# d$", reads: "d$", set: func(v *v7) { v.tty.Erase, v.tty.Kill = 7, 0o30 }},
		{name: "V7's own interrupt", typed: "ab|\x03cd|\x07<ret>", screen: "# abcd$", reads: "$", set: func(v *v7) { v.tty.Interrupt = 7 }},
		{name: "new line", typed: "a\rb\n", screen: "b a$ ", reads: "a\rb$", set: func(v *v7) { v.tty.Flags &^= kernel.TTYCRMod }},
		{name: "upper case", typed: `a{~\b\<bs><bs>C<ret>`, screen: `# A\(\^C$`, reads: "a{~c$", set: func(v *v7) { v.tty.Flags |= kernel.TTYLcase }},

		{name: "left and insert", typed: "ehco<left><left><left>x<bs><del><right>h<end>!<ret>", screen: "# echo!$", reads: "echo!$"},
		{name: "home and end", typed: "bc<home>a<end>d<ret>", screen: "# abcd$", reads: "abcd$"},
		{name: "the cursor", typed: "abcd<left><left>", screen: "# ab_cd"},
		{name: "backspace within", typed: "abxc<left><bs>", screen: "# ab_c"},
		{name: "hash and at within", typed: "ab<left>#@<ret>", screen: "# a#@b$", reads: "a#@b$"},
		{name: "after a backslash", typed: `a\<left><right>b<ret>`, screen: `# a\b$`, reads: `a\b$`},
		{name: "emptied", typed: "ab<left><bs><del><bs>c<bs>d<ret>", screen: "# d$", reads: "d$"},
		{name: "killed", typed: "ab<left><kill>cd<ret>", screen: "# cd$", reads: "cd$"},
		{name: "interrupted", typed: "ab<left>|\x03cd<ret>", screen: "# acd$", reads: "cd$"},
		{name: "end of file within", typed: "ab<left>x\x04cd<ret>", screen: "# axbcd$", reads: "axb|cd$"},
		{name: "up", typed: "one<ret>two<ret><up><up><ret>", screen: "# one$two$one$", reads: "one$|two$|one$"},
		{name: "up and down", typed: "one<ret>two<ret>thr<up><up><down><down>ee<ret>", screen: "# one$two$three$", reads: "one$|two$|three$"},
		{name: "up and edit", typed: "cat x<ret><up><bs>y<ret><up><up><ret>", screen: "# cat x$cat y$cat x$", reads: "cat x$|cat y$|cat x$"},
		{name: "a shorter line", typed: "a<ret>longer<up>", screen: "# a$a", reads: "a$"},
		{name: "keys that mean nothing", typed: "a<up><left><right><down>\x1b[15~\x1bOPb\x1b[200~c<ret>", screen: "# abc$", reads: "abc$"},
		{name: "not ASCII", typed: "café “x” 漢<ret>", screen: `# cafe "x"$`, reads: `cafe "x" $`},
		{name: "margins", typed: "0123456789abcdefghi<bs><bs><home>x<end>y<ret>", width: 8, screen: "# x0123456789abcdefgy$", reads: "x0123456789abcdefgy$"},
		{name: "backspace at the margin below", typed: "a<ret>01234567<bs><bs>x", width: 8, screen: "# a$012345x", reads: "a$"},
		{name: "backspace at the margin", typed: "012345<bs><bs>67<bs>x", width: 8, screen: "# 01236x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newV7(t, tt.width)
			v.prints("# ")
			v.settle()
			if tt.set != nil {
				tt.set(v)
			}
			for part := range strings.SplitSeq(sequences.Replace(tt.typed), "|") {
				v.types(part)
			}
			v.pauses()
			if s := v.screen.String(); s != tt.screen {
				t.Errorf("screen %q, want %q\n%q", s, tt.screen, v.paper)
			}
			if s := v.reads(); s != tt.reads {
				t.Errorf("V7 reads %q, want %q", s, tt.reads)
			}
			if v.screen.wrong != "" || v.lost > 0 {
				t.Errorf("%q on the screen, %d times lost", v.screen.wrong, v.lost)
			}
		})
	}
}

// TestUnusable: characters that V7 cannot erase with are not sent as such; one would
// interrupt.
func TestUnusable(t *testing.T) {
	for _, c := range []byte{0o377, 0o177, 0o23} {
		v := newV7(t, 0)
		v.tty.Erase, v.tty.Kill = c, c
		v.types(sequences.Replace("ab<bs><kill><left>c<ret>"))
		if s := v.reads(); s != "abc$" || v.signals > 0 || v.screen.bells != 3 {
			t.Errorf("%o: V7 reads %q, %d signals, %d bells", c, s, v.signals, v.screen.bells)
		}
	}
}

// TestAsTheyAre: where V7 does not edit lines, is not known, or the user wants it so,
// every byte goes through.
func TestAsTheyAre(t *testing.T) {
	const typed = "a#b@\x7f\b\x15\x03\x1b[A\x1bOP\x1b[200~é\xff\x1b"
	for name, set := range map[string]func(v *v7){
		"raw":     func(v *v7) { v.tty.Flags |= kernel.TTYRaw; v.reader = "dd" },
		"unclear": func(v *v7) { v.tty.Flags |= kernel.TTYRaw },
		"cbreak":  func(v *v7) { v.tty.Flags |= kernel.TTYCbreak },
		"unknown": func(v *v7) { v.unknown = true },
		"plain":   func(v *v7) { v.k.Plain = true },
	} {
		v := newV7(t, 0)
		set(v)
		v.types(typed)
		v.pauses()
		if string(v.typed) != typed {
			t.Errorf("%s: V7 gets %q", name, v.typed)
		}
	}
}

// TestLogin types at getty, which edits the name itself and echoes it a while later.
func TestLogin(t *testing.T) {
	v := newV7(t, 0)
	v.tty.Flags = kernel.TTYRaw
	v.prints("login: ")
	v.settle()
	name := ""
	types := func(s string) {
		for _, c := range []byte(sequences.Replace(s)) {
			v.reader = "getty"
			v.k.Type(v.d.Put(c)...)
			v.reader = "" // it comes back to reading only after a while
			for i := range 8 {
				if v.step(1); i == 3 {
					v.reader = "getty"
				}
			}
			for v.getty(&name) {
				v.step(1)
			}
		}
		v.drain(100)
	}
	types("<up>rot<bs>x\x1bOP<bs><bs><bs><bs><bs>bin<kill>guest\x03ro<left>ot")
	if s := v.screen.String(); s != "login: root" || name != "root" {
		t.Errorf("screen %q, name %q\n%q", s, name, v.paper)
	}
	types("<ret>")
	v.reader = ""
	v.tty.Flags = kernel.TTYEcho | kernel.TTYCRMod
	v.types("ab\x7fc\r")
	if s := v.reads(); s != "ac$" || name != "root$" {
		t.Errorf("V7 reads %q, name %q", s, name)
	}
	if s := v.screen.String(); s != "login: root$ac$" {
		t.Errorf("screen %q", s)
	}
}

// TestPasswords: what is not echoed is not remembered, nor edited where all can see it.
func TestPasswords(t *testing.T) {
	v := newV7(t, 0)
	v.tty.Flags &^= kernel.TTYEcho
	v.types(sequences.Replace("secret<left><bs>#x<ret>"))
	if s := v.reads(); s != "secre#x$" {
		t.Errorf("V7 reads %q", s)
	}
	v.tty.Flags |= kernel.TTYEcho
	v.types(sequences.Replace("<up><ret>"))
	if s := v.reads(); s != "$" {
		t.Errorf("V7 reads %q", s)
	}
	if s := v.screen.String(); s != "$" {
		t.Errorf("screen %q", s)
	}
}

// TestPaste pastes more than V7's queue holds, and V7 echoes late: nothing is lost, and
// nothing but what was pasted shows.
func TestPaste(t *testing.T) {
	v := newV7(t, 0)
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "#define A%d \"@\"\t\\# %d\r", i, i)
	}
	for _, c := range []byte(text.String()) {
		v.k.Type(v.d.Put(c)...)
	}
	for n := 0; len(v.k.queue) > 0 || len(v.outq) > 0; n++ {
		v.step(n % 3)
		if n%7 == 0 {
			v.canon()
		}
		if n > 100_000 {
			t.Fatal("it does not end")
		}
	}
	for v.canon() {
	}
	if got := strings.ReplaceAll(strings.Join(v.lines, ""), "\n", "\r"); got != text.String() || v.lost > 0 {
		t.Errorf("V7 reads %q, %d times lost", got, v.lost)
	}
	want := ""
	for i := range 200 {
		want += strings.TrimRight(expand(fmt.Sprintf("#define A%d \"@\"\t\\# %d", i, i)), " ") + "$"
	}
	if got := v.screen.String(); got != want {
		t.Errorf("screen %q", got)
	}
}

func expand(s string) string {
	for {
		i := strings.IndexByte(s, '\t')
		if i < 0 {
			return s
		}
		s = s[:i] + strings.Repeat(" ", 8-i%8) + s[i+1:]
	}
}

// TestTooLong: a line that V7 would throw away is not typed on; an interrupt still comes
// through, and stops a paste.
func TestTooLong(t *testing.T) {
	v := newV7(t, 0)
	v.types(strings.Repeat("x", 300) + sequences.Replace("<bs><ret>"))
	if s := v.reads(); s != strings.Repeat("x", lineLimit-1)+"$" || v.screen.bells == 0 || v.lost > 0 {
		t.Errorf("V7 reads %d characters, %d bells, %d times lost", len(s), v.screen.bells, v.lost)
	}
	v.types(strings.Repeat(sequences.Replace("y<bs>"), 300) + sequences.Replace("<ret>"))
	if v.reads(); v.lost > 0 {
		t.Error("lost by erasing")
	}
	v.types(sequences.Replace("<up><home>" + strings.Repeat("y", 300) + "<ret>"))
	if v.reads(); v.lost > 0 {
		t.Error("lost by editing")
	}
	v.types(strings.Repeat("line\r", 1000))
	if len(v.k.queue) == 0 {
		t.Fatal("all is typed, though nobody reads")
	}
	v.types("\x03")
	if v.signals != 1 || len(v.k.queue) > 0 || v.lost > 0 {
		t.Errorf("%d signals, %d keys left, %d times lost", v.signals, len(v.k.queue), v.lost)
	}
}

// TestOutputBetween: what a program prints while a line is typed stays on the screen.
func TestOutputBetween(t *testing.T) {
	v := newV7(t, 0)
	v.prints("# ")
	v.settle()
	v.types("sleep 1\r")
	v.types("ab\tc") // ahead of the prompt
	v.prints("out\n# ")
	v.settle()
	v.types("\x7f\x7f")
	if s := v.screen.String(); s != "# sleep 1$ab      cout$# ab" {
		t.Errorf("screen %q", s)
	}
	v.types("x\x1b[D")
	v.prints("again\n# ")
	v.settle()
	v.types("y\r")
	if s := v.screen.String(); s != "# sleep 1$ab      cout$# ab_xagain$# abyx$" && s != "# sleep 1$ab      cout$# abagain$# abyx$" {
		t.Errorf("screen %q", s)
	}
	if s := v.reads(); s != "sleep 1$|abyx$" {
		t.Errorf("V7 reads %q", s)
	}
}

// TestStopped: while ^S holds the output nothing is lost, and any key lets it go on.
func TestStopped(t *testing.T) {
	v := newV7(t, 0)
	v.prints("# ")
	v.settle()
	v.types("ab\x1b[D\x13")
	v.prints("x")
	v.settle()
	if s := v.screen.String(); s != "# a_b" {
		t.Errorf("screen %q", s)
	}
	v.types("c\r")
	if s := v.reads(); s != "acb$" || v.tty.Stopped {
		t.Errorf("V7 reads %q", s)
	}
}

// TestModesChange: a line that is being edited goes to a program that turns to another
// mode.
func TestModesChange(t *testing.T) {
	v := newV7(t, 0)
	v.types("ab\x1b[Dc")
	v.tty.Flags |= kernel.TTYCbreak
	v.settle()
	if got := string(v.typed[len(v.typed)-3:]); got != "acb" {
		t.Errorf("V7 gets %q", v.typed)
	}
}

// TestRedisplay: behind a menu the prompt and the line are shown again.
func TestRedisplay(t *testing.T) {
	v := newV7(t, 0)
	v.prints("hello\n# ")
	v.settle()
	v.types("abc\x1b[D")
	v.show([]byte("\r\nmenu\r\n"))
	v.k.Redisplay()
	if s := v.screen.String(); s != "hello$# abc$menu$# ab_c" {
		t.Errorf("screen %q", s)
	}
	v.types("\x7fx\r")
	if s := v.reads(); s != "axc$" {
		t.Errorf("V7 reads %q", s)
	}
}

func TestSaysOnce(t *testing.T) {
	v := newV7(t, 0)
	v.types("éé漢漢é")
	if len(v.said) != 2 {
		t.Errorf("said %q", v.said)
	}
}

// TestFlushed: V7 throws away what it had to send; then later output is shown as it is.
func TestFlushed(t *testing.T) {
	v := newV7(t, 0)
	for _, c := range []byte("#x#") {
		v.k.Type(v.d.Put(c)...)
	}
	for range 3 {
		v.step(0)
	}
	v.outq = nil
	v.prints("# @x")
	v.settle()
	for range 10 {
		v.step(0)
	}
	v.types("y\x7f")
	if s := v.screen.String(); s != "# @x" {
		t.Errorf("screen %q", s)
	}
	v = newV7(t, 0)
	for _, c := range []byte("ab") {
		v.k.Type(v.d.Put(c)...)
	}
	v.step(0)
	v.step(0)
	v.outq = nil
	v.types("\x1b[Dc\r") // does not wait for what will not come
	if s := v.reads(); s != "acb$" {
		t.Errorf("V7 reads %q", s)
	}
}

// editor is what the keys are to do, in short.
type editor struct {
	text, was string
	pos, nth  int
	lines     []string
	read      []string
}

func (e *editor) key(c Code) {
	set := func(s string) { e.text, e.pos = s, len(s) }
	switch {
	case c == '\r':
		e.read = append(e.read, e.text)
		if e.text != "" && (len(e.lines) == 0 || e.lines[len(e.lines)-1] != e.text) {
			e.lines = append(e.lines, e.text)
		}
		set("")
		e.nth = len(e.lines)
	case c == keyRubout && e.pos > 0:
		e.text = e.text[:e.pos-1] + e.text[e.pos:]
		e.pos--
	case c == keyKill:
		set("")
	case c == Left && e.pos > 0:
		e.pos--
	case c == Right && e.pos < len(e.text):
		e.pos++
	case c == Home:
		e.pos = 0
	case c == End:
		e.pos = len(e.text)
	case c == Delete && e.pos < len(e.text):
		e.text = e.text[:e.pos] + e.text[e.pos+1:]
	case c == Up && e.nth > 0:
		if e.nth == len(e.lines) {
			e.was = e.text
		}
		e.nth--
		set(e.lines[e.nth])
	case c == Down && e.nth < len(e.lines):
		if e.nth++; e.nth < len(e.lines) {
			set(e.lines[e.nth])
		} else {
			set(e.was)
		}
	case c >= ' ' && c != keyRubout:
		e.text = e.text[:e.pos] + string(rune(c)) + e.text[e.pos:]
		e.pos++
	}
}

// TestRandomLines holds V7's lines and the screen against an editor of a few lines, for
// any keys, margins and delays.
func TestRandomLines(t *testing.T) {
	keys := strings.Fields(`a b c # @ \ # \ <left> <left> <right> <home> <end> <del> <bs> <bs> <kill> <up> <up> <down> <ret> d e f g h i j`)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		width := []int{0, 7, 20}[seed%3]
		v := newV7(t, width)
		if seed%2 == 1 {
			v.tty.Erase, v.tty.Kill = '\b', 'U'&0o37
		}
		var e editor
		v.prints("> ")
		v.settle()
		var typed strings.Builder
		for range 80 {
			key := keys[r.IntN(len(keys))]
			typed.WriteString(key)
			var d Decoder
			for _, c := range []byte(sequences.Replace(key)) {
				for _, k := range d.Put(c) {
					e.key(k.Code)
				}
				v.k.Type(v.d.Put(c)...)
			}
			for range r.IntN(4) {
				v.step(r.IntN(3))
			}
			if key == "<ret>" || r.IntN(8) == 0 {
				v.settle()
				rows := strings.Split(v.screen.String(), "$")
				want := e.text[:e.pos] + "_" + e.text[e.pos:]
				if e.pos == len(e.text) {
					want = e.text
				}
				if len(rows) == 1 {
					want = "> " + want
				}
				if got := rows[len(rows)-1]; got != want && width == 0 {
					t.Fatalf("seed %d: %s: the screen shows %q, want %q", seed, typed.String(), got, want)
				}
				for v.canon() {
				}
			}
		}
		v.types("\r")
		e.key('\r')
		want := strings.Join(e.read, "$|") + "$"
		if got := v.reads(); got != want {
			t.Fatalf("seed %d: %s:\nV7 reads %q\n    want %q", seed, typed.String(), got, want)
		}
		if v.lost > 0 || v.screen.wrong != "" {
			t.Fatalf("seed %d: %d times lost, %q on the screen", seed, v.lost, v.screen.wrong)
		}
	}
}
