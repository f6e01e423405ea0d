package asm

import (
	"fmt"
	"strings"
)

type tokKind uint8

const (
	tokEnd    tokKind = iota // end of the statement
	tokName                  // text
	tokNumber                // val
	tokLocal                 // val is the digit, back says "b" or "f"
	tokString                // text
	tokOp                    // op; the two-character operators \/ \> \< are '/', '>', '<'
)

type token struct {
	kind tokKind
	op   byte
	back bool
	val  uint16
	text string
}

func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "end of statement"
	case tokName:
		return fmt.Sprintf("%q", t.text)
	case tokNumber:
		return "number " + octal(t.val)
	case tokLocal:
		if t.back {
			return fmt.Sprintf(`"%db"`, t.val)
		}
		return fmt.Sprintf(`"%df"`, t.val)
	case tokString:
		return "string"
	}
	return fmt.Sprintf("%q", string(t.op))
}

// statement is the tokens between two separators; they end with tokEnd.
type statement struct {
	file, line int // index into the files, line from 1
	toks       []token
}

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '~'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// lexer cuts one file into statements.
type lexer struct {
	src  string
	pos  int
	line int
	errf func(line int, format string, args ...any)
}

func (l *lexer) statements(file int) []statement {
	var out []statement
	var toks []token
	bad := false // a statement with a bad token is dropped: it has its error
	flush := func() {
		if len(toks) > 0 && !bad {
			out = append(out, statement{file, l.line, append(toks, token{})})
		}
		toks, bad = nil, false
	}
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == '\n':
			flush()
			l.pos++
			l.line++
		case c == ';':
			flush()
			l.pos++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			l.pos++
		case c == '/':
			n := strings.IndexByte(l.src[l.pos:], '\n')
			if n < 0 {
				n = len(l.src) - l.pos
			}
			l.pos += n
		default:
			t, ok := l.token()
			toks = append(toks, t)
			bad = bad || !ok
		}
	}
	flush()
	return out
}

// token reads one token at a character that is no blank, separator or comment.
// It always advances.
func (l *lexer) token() (token, bool) {
	c := l.src[l.pos]
	switch {
	case isNameStart(c):
		start := l.pos
		for l.pos < len(l.src) && (isNameStart(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		return token{kind: tokName, text: l.src[start:l.pos]}, true
	case isDigit(c):
		return l.number()
	case c == '<':
		return l.str()
	case c == '\'':
		l.pos++
		v, ok := l.char()
		return token{kind: tokNumber, val: uint16(v)}, ok
	case c == '"':
		l.pos++
		lo, ok1 := l.char()
		hi, ok2 := l.char()
		return token{kind: tokNumber, val: uint16(lo) | uint16(hi)<<8}, ok1 && ok2
	case c == '\\' && l.pos+1 < len(l.src) && strings.IndexByte("/<>", l.src[l.pos+1]) >= 0:
		l.pos += 2
		return token{kind: tokOp, op: l.src[l.pos-1]}, true
	case strings.IndexByte("+-*&|%!^[]()$,:=", c) >= 0:
		l.pos++
		return token{kind: tokOp, op: c}, true
	}
	l.errf(l.line, "unexpected character %q", c)
	l.pos++
	return token{}, false
}

func (l *lexer) number() (token, bool) {
	start := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
	digits := l.src[start:l.pos]
	next := byte(0)
	if l.pos < len(l.src) {
		next = l.src[l.pos]
	}
	base := uint32(8)
	switch {
	case next == '.':
		base = 10
		l.pos++
	case len(digits) == 1 && (next == 'f' || next == 'b'):
		l.pos++
		if l.pos < len(l.src) && (isNameStart(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			break
		}
		return token{kind: tokLocal, val: uint16(digits[0] - '0'), back: next == 'b'}, true
	case len(digits) > 1 && strings.ContainsAny(digits, "89"):
		// V7 takes 8 and 9 for octal 10 and 11; alone that is harmless, in a longer
		// number it hides a forgotten point.
		l.errf(l.line, "%s: 8 or 9 in an octal number; decimal numbers end in a point", digits)
		return token{}, false
	}
	if l.pos < len(l.src) && (isNameStart(l.src[l.pos]) || isDigit(l.src[l.pos])) {
		l.errf(l.line, "bad number %q", l.src[start:l.pos+1])
		for l.pos < len(l.src) && (isNameStart(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		return token{}, false
	}
	v := uint32(0)
	for _, d := range []byte(digits) {
		if v = v*base + uint32(d-'0'); v > 0o17777777 {
			break
		}
	}
	// Bus and physical addresses in the I/O page may be written in full.
	io := base == 8 && (v >= 0o760000 && v <= 0o777777 || v >= 0o17760000 && v <= 0o17777777)
	if v > 0o177777 && !io {
		l.errf(l.line, "number %s does not fit in 16 bits", digits)
		return token{}, false
	}
	return token{kind: tokNumber, val: uint16(v)}, true
}

// escapes are the characters that may follow a backslash in strings and
// character constants, and what they stand for; others stand for themselves.
var escapes = map[byte]byte{
	'n': '\n', 's': ' ', 't': '\t', 'e': 0o4, '0': 0, 'r': '\r', 'a': 0o6, 'p': 0o33,
}

func (l *lexer) char() (byte, bool) {
	if l.pos >= len(l.src) || l.src[l.pos] == '\n' {
		l.errf(l.line, "character missing at end of line")
		return 0, false
	}
	c := l.src[l.pos]
	l.pos++
	if c != '\\' {
		return c, true
	}
	if l.pos >= len(l.src) || l.src[l.pos] == '\n' {
		l.errf(l.line, "character missing after backslash")
		return 0, false
	}
	c = l.src[l.pos]
	l.pos++
	if e, ok := escapes[c]; ok {
		return e, true
	}
	return c, true
}

func (l *lexer) str() (token, bool) {
	l.pos++
	var b strings.Builder
	for {
		if l.pos >= len(l.src) || l.src[l.pos] == '\n' {
			l.errf(l.line, `string without closing ">"`)
			return token{}, false
		}
		if l.src[l.pos] == '>' {
			l.pos++
			return token{kind: tokString, text: b.String()}, true
		}
		c, ok := l.char()
		if !ok {
			return token{}, false
		}
		b.WriteByte(c)
	}
}

// octal formats v as the assembler reads it back.
func octal(v uint16) string {
	if v < 8 {
		return fmt.Sprintf("%d", v)
	}
	return fmt.Sprintf("0%o", v)
}
