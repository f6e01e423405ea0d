package crash

import (
	"strings"
	"testing"
)

// Names of the guest's do nothing to the terminal that a trace is read on.
func TestTraceNames(t *testing.T) {
	const evil = "/x\x1b[2J\n\x9b"
	s := sights{{owner: []int32{0, 0, 0, 0, 0, 0, 0, 9}, paths: map[int][]string{9: {evil}}}}
	op := Op{Program: "p\x1b", Call: "mknod", Path: evil}
	for _, text := range []string{
		(&BlockWrite{What: "directory", Block: 7, Count: 1}).text(s, 0, nil),
		(&BlockWrite{What: "inode", Block: 3, Count: 1}).text(s, 0, []int{9}),
		op.text(),
	} {
		if !strings.Contains(text, `/x\033[2J\012\233`) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", text)
		}
	}
}
