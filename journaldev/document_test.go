package journaldev_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"v7em/journaldev"
	"v7em/journaldev/crashtest"
)

// piece is a line of the example in docs/journal-format.md.
type piece struct {
	at   int // in the file
	data []byte
}

// documented reads the example.
func documented(t *testing.T) (pieces []piece) {
	t.Helper()
	text, err := os.ReadFile("../docs/journal-format.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "```journal\n")[1:] {
		part, _, _ := strings.Cut(part, "```")
		for line := range strings.Lines(part) {
			word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			at, err := strconv.ParseInt(word, 16, 32)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			code, _, _ := strings.Cut(rest, "  ")
			p := piece{at: int(at)}
			if zeros, ok := strings.CutPrefix(code, "00*"); ok {
				n, err := strconv.Atoi(zeros)
				if err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				p.data = make([]byte, n)
			} else if p.data, err = hex.DecodeString(strings.ReplaceAll(code, " ", "")); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			pieces = append(pieces, p)
		}
	}
	return pieces
}

// example writes the journal of the example, and returns it and the image.
func example(t *testing.T) (journal, image []byte) {
	t.Helper()
	i, j := &crashtest.Plain{Data: make([]byte, 64*512)}, &crashtest.Plain{}
	v, err := journaldev.Mount(i, j, journaldev.VolumeOptions{
		ByHand: true, Layout: journaldev.NoLayout, JournalSize: journaldev.MinJournalSize,
		Random: strings.NewReader("a journal's name"),
		Clock:  func() time.Time { return time.Unix(1000, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 512)
	copy(b[8:], "V7")
	if err := v.WriteBlock(5, b); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Commit(v.Snapshot(), journaldev.Note{Reason: "sync"}); err != nil {
		t.Fatal(err)
	}
	for v.Step() {
	}
	return j.Data, i.Data
}

// TestDocument holds the example in docs/journal-format.md against what is written, and
// its sums against what the document says of them.
func TestDocument(t *testing.T) {
	pieces := documented(t)
	journal, image := example(t)
	end := 0
	for _, p := range pieces {
		if p.at == 8192 {
			if end != 512 {
				t.Errorf("the header of the example ends at %#x", end)
			}
			end = p.at
		}
		if p.at != end {
			t.Errorf("at %#x: what comes before ends at %#x", p.at, end)
		}
		end = p.at + len(p.data)
		if got := journal[p.at:end]; !bytes.Equal(got, p.data) {
			t.Errorf("at %#x is %x, the document has %x", p.at, got, p.data)
		}
	}
	if end != 8192+4*512 {
		t.Fatalf("the records of the example end at %#x", end)
	}
	if rest := journal[end:]; !bytes.Equal(rest, make([]byte, len(rest))) {
		t.Error("there is more in the ring than the document has")
	}

	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	for _, r := range [][2]int{{0, 512}, {4096, 4608}, {8192, 9216}, {9216, 9728}, {9728, 10240}} {
		b := journal[r[0]:r[1]]
		n := len(b) - 4
		if sum := crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)); sum != u32(b[n:]) {
			t.Errorf("the checksum of what stands at %#x is %08x, not %08x", r[0], u32(b[n:]), sum)
		}
	}
	of := func(n int, b []byte) uint64 {
		sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, uint64(n)), b...))
		return u64(sum[:])
	}
	var old, now uint64
	for n := range 64 {
		old += of(n, make([]byte, 512))
		now += of(n, image[n*512:][:512])
	}
	if got := u64(journal[0x50:]); got != old {
		t.Errorf("the header's fingerprint is %#x, want %#x", got, old)
	}
	if got := u64(journal[0x2460:]); got != now {
		t.Errorf("the commit's fingerprint is %#x, want %#x", got, now)
	}
	before := of(5, make([]byte, 512))&(1<<30-1) | 8<<30 | 9<<39
	if got := u64(append(journal[0x2052:0x2058:0x2058], 0, 0)); got != before {
		t.Errorf("the sum before block 5 is %#x, want %#x", got, before)
	}
	if text := fmt.Sprintf("is 0x%012x: ", before); !documentHas(t, text) {
		t.Errorf("the document does not say %q", text)
	}
	sums := crc32.Checksum(journal[0x23fc:0x2400], crc32.MakeTable(crc32.Castagnoli))
	if got := u32(journal[0x244c:]); got != sums {
		t.Errorf("the commit's checksum of checksums is %08x, want %08x", got, sums)
	}
}

func documentHas(t *testing.T, s string) bool {
	t.Helper()
	text, err := os.ReadFile("../docs/journal-format.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), s)
}
