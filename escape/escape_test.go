package escape

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for _, tt := range []struct{ in, name, word, line string }{
		{"passwd", "passwd", "passwd", "passwd"},
		{"", "", "-", ""},
		{"a b", "a b", `a\040b`, "a b"},
		{`a\b`, `a\\b`, `a\\b`, `a\b`},
		{"\x1b[31mred\a", `\033[31mred\007`, `\033[31mred\007`, `\033[31mred\007`},
		{"a\nb\rc\x7f\x00", `a\012b\015c\177\000`, `a\012b\015c\177\000`, `a\012b\015c\177\000`},
		{"\x9b31m", `\23331m`, `\23331m`, `\23331m`},                                               // CSI, one byte
		{"\u009b31m", `\302\23331m`, `\302\23331m`, `\302\23331m`},                                 // CSI in UTF-8
		{"größe", `gr\303\266\303\237e`, `gr\303\266\303\237e`, "größe"},                           // of the host
		{"a\u202egpj.exe", `a\342\200\256gpj.exe`, `a\342\200\256gpj.exe`, `a\342\200\256gpj.exe`}, // right to left
		{"\ufffd", `\357\277\275`, `\357\277\275`, "\ufffd"},
	} {
		if got := Name(tt.in); got != tt.name {
			t.Errorf("Name(%q) = %q, want %q", tt.in, got, tt.name)
		}
		if got := Word(tt.in); got != tt.word {
			t.Errorf("Word(%q) = %q, want %q", tt.in, got, tt.word)
		}
		if got := Line(tt.in); got != tt.line {
			t.Errorf("Line(%q) = %q, want %q", tt.in, got, tt.line)
		}
	}
}

func TestJSON(t *testing.T) {
	for _, name := range []string{"plain", "größe", "\x7f\u009b31m", "\u202e", "\U000e0001\U0001f600", "\\ \" \n\t\x1b"} {
		b, err := json.MarshalIndent(map[string]string{"name": name}, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		got := JSON(b)
		if err := json.Unmarshal(got, &back); err != nil || back["name"] != name {
			t.Errorf("%q is %q: %q, %v", name, got, back["name"], err)
		}
		if i := strings.IndexFunc(string(got), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q is %q", name, got)
		}
	}
}

// Different names stay different, and nothing that is no plain text comes out.
func FuzzEscape(f *testing.F) {
	f.Add("a\\033", "a\x1b")
	f.Add("\\", "\\\\")
	f.Fuzz(func(t *testing.T, a, b string) {
		if (Name(a) == Name(b)) != (a == b) {
			t.Errorf("Name(%q) = %q, Name(%q) = %q", a, Name(a), b, Name(b))
		}
		for _, s := range []string{Name(a), Word(a)} {
			if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
				t.Errorf("%q from %q", s, a)
			}
		}
		if s := Line(a); !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Line(%q) = %q", a, s)
		}
	})
}
