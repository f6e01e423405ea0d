// Package escape makes text that others chose fit to be shown on a terminal: names
// from disk images and archives, what a guest's programs are called, what a journal
// says of them. It is used wherever such text is printed and is not what the user has
// asked for byte by byte.
package escape

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Name returns a name, of which nothing is known, in printable ASCII: every other byte
// is a backslash and its three octal digits, and a backslash is two. So different names
// look different, and none moves a cursor, breaks a line or hides what follows it.
func Name(name string) string {
	for i := range len(name) {
		if !plain(name[i]) {
			return escaped(name, func(s string) int {
				if plain(s[0]) {
					return 1
				}
				return 0
			})
		}
	}
	return name
}

// plain says whether Name leaves c as it is.
func plain(c byte) bool { return c >= ' ' && c <= '~' && c != '\\' }

// Word is Name for what must stay one word: a blank is escaped too, and no name at all
// is "-".
func Word(name string) string {
	if name == "" {
		return "-"
	}
	return strings.ReplaceAll(Name(name), " ", `\040`)
}

// Line returns a whole message, in which the host's own names may be in any script,
// with everything in it escaped that is not printable Unicode. It leaves backslashes
// alone: the names in a message may have been escaped before.
func Line(message string) string {
	return escaped(message, func(s string) int {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) {
			return 0
		}
		return n
	})
}

// escaped returns s with each byte escaped at which keep says that nothing can be
// kept; else keep says how many bytes can.
func escaped(s string, keep func(s string) int) string {
	var b strings.Builder
	for len(s) > 0 {
		n := keep(s)
		if n == 0 {
			n = 1
			if s[0] == '\\' {
				b.WriteString(`\\`)
			} else {
				b.Write([]byte{'\\', '0' + s[0]>>6, '0' + s[0]>>3&7, '0' + s[0]&7})
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// JSON returns JSON text, which may hold any Unicode in its strings, with what is not
// printable escaped as JSON has it: it means the same, and does nothing to a terminal.
func JSON(text []byte) []byte {
	var b []byte
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			b = append(b, text[i:i+n]...)
		case r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			hi, lo := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
		}
		i += n
	}
	return b
}
