package vectors

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/asm"
)

var update = flag.Bool("update", false, "write cpu/testdata anew")

// TestFiles sees to it that cpu/testdata is what this package makes.
func TestFiles(t *testing.T) {
	for name, want := range Files() {
		path := filepath.Join("../../cpu/testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what go generate ./tests/vectors makes", path)
		}
	}
}

// TestText holds the words of the instructions against the assembler.
func TestText(t *testing.T) {
	seen := map[string]bool{}
	for name, text := range Files() {
		for line := range strings.Lines(text) {
			if line[0] == '#' {
				continue
			}
			word, source, _ := strings.Cut(strings.Split(line, " / ")[0], " ")
			if seen[source] {
				continue
			}
			seen[source] = true
			p, err := asm.AssembleString(name, source+"\n", asm.Options{Origin: at})
			if err != nil {
				t.Errorf("%s: %v", source, err)
				continue
			}
			image, err := p.Image()
			if err != nil || len(image) != 2 {
				t.Errorf("%s: %d bytes, %v", source, len(image), err)
				continue
			}
			if got := octal(int(image[0]) | int(image[1])<<8); got != word {
				t.Errorf("%s is %s, want %s", source, got, word)
			}
		}
	}
}

func octal(w int) string {
	var b [6]byte
	for i := range b {
		b[5-i] = byte('0' + w&7)
		w >>= 3
	}
	return string(b[:])
}
