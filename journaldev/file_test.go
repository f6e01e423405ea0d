//go:build unix

package journaldev

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMappedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	page := unix.Getpagesize()
	want := make([]byte, 5*page+512)
	if err := os.WriteFile(path, want, 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := openMethod(h, SyncMsync)
	if err != nil {
		t.Fatal(err)
	}
	m := f.(*mapped)
	rnd := rand.New(rand.NewPCG(1, 1))
	dirty := map[int]bool{} // pages
	for i := range 3000 {
		off := rnd.IntN(len(want)/512) * 512
		if rnd.IntN(100) == 0 { // longer
			off = len(want)
			want = append(want, make([]byte, 512)...)
		}
		p := bytes.Repeat([]byte{byte(i)}, min(512*(1+rnd.IntN(9)), len(want)-off))
		if n, err := f.WriteAt(p, int64(off)); err != nil || n != len(p) {
			t.Fatal(n, err)
		}
		copy(want[off:], p)
		for at := off; at < off+len(p); at += 512 {
			dirty[at/page] = true
		}
		end := -1
		for _, d := range m.dirty {
			if d.from <= end || d.from%page != 0 || m.synced && d.to%page != 0 && d.to != len(m.data) {
				t.Fatalf("dirty pages %v", m.dirty)
			}
			end = d.to
			for at := d.from; at < d.to; at += page {
				if !dirty[at/page] {
					t.Fatalf("page %d counts as dirty", at/page)
				}
				delete(dirty, at/page)
			}
		}
		if m.synced && len(dirty) > 0 {
			t.Fatalf("pages %v do not count as dirty", dirty)
		}
		clear(dirty)
		if rnd.IntN(10) == 0 {
			if err := f.Sync(); err != nil || len(m.dirty) != 0 || !m.synced {
				t.Fatal(err, m.dirty)
			}
		} else {
			for _, d := range m.dirty {
				for at := d.from; at < d.to; at += page {
					dirty[at/page] = true
				}
			}
		}
	}
	got := make([]byte, len(want)+100)
	if n, err := f.ReadAt(got, 0); n != len(want) || !errors.Is(err, io.EOF) || !bytes.Equal(got[:n], want) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); !bytes.Equal(b, want) {
		t.Error("the file has something else")
	}
}

// TestMappedFileVanishes cuts a mapped file short: what would be a fatal signal is an
// error.
func TestMappedFileVanishes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 64<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := openMethod(h, SyncMsync)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 512), 32<<10); err == nil {
		t.Error("a write to what is no more succeeds")
	}
	if _, err := f.ReadAt(make([]byte, 512), 32<<10); err == nil {
		t.Error("a read of what is no more succeeds")
	}
}

// TestMappedStopsInOrder stops a write through a mapping in its middle, as a full disk under
// a hole does: what is before the place is written, and nothing behind it. Recovery knows
// such a block by that.
func TestMappedStopsInOrder(t *testing.T) {
	page := os.Getpagesize()
	for _, run := range []int{512, page, 2 * page, 1 << 20} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, bytes.Repeat([]byte{'o'}, 2*page+1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		m, err := newMapped(osFile{f})
		if err != nil {
			t.Skip(err)
		}
		if err := f.Truncate(int64(page)); err != nil {
			t.Fatal(err)
		}
		at := page - 512/2
		_, err = m.WriteAt(bytes.Repeat([]byte{'n'}, run), int64(at))
		if err == nil {
			t.Fatalf("%d bytes were written past the end", run)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat("o", at) + strings.Repeat("n", page-at); string(b) != want {
			t.Errorf("a write of %d bytes that stops after %d leaves %q", run, page-at, b[at:])
		}
		m.Close()
	}
}
