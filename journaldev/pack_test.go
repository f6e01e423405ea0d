package journaldev

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"v7em/block"
)

// image makes an RK05 image whose block n starts with the byte n%251.
func image(t *testing.T) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "rk0.rk05")
	b := make([]byte, RK05.Bytes())
	for n := range RK05.Blocks {
		b[n*block.Size] = byte(n % 251)
	}
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func fill(c byte) []byte { return bytes.Repeat([]byte{c}, block.Size) }

func TestPackReadsAndWritesThrough(t *testing.T) {
	path := image(t)
	p, err := Open(path, RK05, Options{Unit: "rk0"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Blocks() != 4872 || p.ReadOnly() {
		t.Errorf("Blocks %d, ReadOnly %v", p.Blocks(), p.ReadOnly())
	}
	before := p.Snapshot()
	if err := p.WriteBlock(100, fill('x')); err != nil {
		t.Fatal(err)
	}
	host, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(host[100*512:101*512], fill('x')) {
		t.Error("the write did not reach the host file at once")
	}
	if host[99*512] != 99 || host[101*512] != 101 {
		t.Error("the write touched its neighbours")
	}
	buf := make([]byte, block.Size)
	if err := p.ReadBlock(100, buf); err != nil || !bytes.Equal(buf, fill('x')) {
		t.Errorf("read back %q..., %v", buf[:4], err)
	}
	if err := before.ReadBlock(100, buf); err != nil || buf[0] != 100 {
		t.Errorf("the snapshot changed: %d, %v", buf[0], err)
	}
	if err := before.WriteBlock(7, fill('s')); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	host, _ = os.ReadFile(path)
	if host[7*512] != 7 {
		t.Error("a write to a snapshot reached the host")
	}
	if int64(len(host)) != RK05.Bytes() {
		t.Errorf("the file has %d bytes now", len(host))
	}
}

func TestPackRefusesBadBlocks(t *testing.T) {
	path := image(t)
	p, err := Open(path, RK05, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, n := range []int{-1, 4872, 1 << 40} {
		var re *block.RangeError
		if err := p.WriteBlock(n, fill(1)); !errors.As(err, &re) {
			t.Errorf("WriteBlock(%d): %v", n, err)
		}
	}
	if err := p.WriteBlock(0, make([]byte, 3)); err == nil {
		t.Error("a short buffer was accepted")
	}
	if p.ReadOnly() {
		t.Error("a refused write turned the pack read-only")
	}
	if st, _ := os.Stat(path); st.Size() != RK05.Bytes() {
		t.Errorf("the file has %d bytes now", st.Size())
	}
}

func TestWrongSizeIsRefused(t *testing.T) {
	for _, size := range []int64{0, 1, RK05.Bytes() - 1, RK05.Bytes() + 512, RP03.Bytes()} {
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, RK05, Options{Unit: "rk1"})
		var se *SizeError
		if !errors.As(err, &se) || se.Size != size {
			t.Errorf("size %d: %v", size, err)
		}
		if st, _ := os.Stat(path); st.Size() != size {
			t.Errorf("size %d became %d", size, st.Size())
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), RK05, Options{Unit: "rk3"}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "rk3") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(dir, RK05, Options{}); err == nil {
		t.Error("a directory was opened")
	}
}

func TestWriteProtected(t *testing.T) {
	path := image(t)
	p, err := Open(path, RK05, Options{Unit: "rk0", ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !p.ReadOnly() {
		t.Error("not read-only")
	}
	if err := p.WriteBlock(5, fill('x')); err == nil {
		t.Error("a write to a protected pack succeeded")
	}
	buf := make([]byte, block.Size)
	if err := p.ReadBlock(5, buf); err != nil || buf[0] != 5 {
		t.Errorf("block 5 changed: %d, %v", buf[0], err)
	}
	if p.Err() != nil {
		t.Errorf("protection counts as a failure: %v", p.Err())
	}
}

func TestSecondOpenSaysWho(t *testing.T) {
	path := image(t)
	lock, err := LockDir(filepath.Dir(path), "v7em boot")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(path, RK05, Options{})
	if err != nil {
		t.Fatal(err)
	}
	who := fmt.Sprintf("pid %d (v7em boot)", os.Getpid())
	var busy *BusyError
	if _, err := Open(path, RK05, Options{}); !errors.As(err, &busy) || !strings.Contains(err.Error(), "another drive") {
		t.Errorf("second open: %v", err)
	}
	if _, err := Open(path, RK05, Options{ReadOnly: true}); !errors.As(err, &busy) {
		t.Errorf("reading beside a writer: %v", err)
	}
	if _, err := LockDir(filepath.Dir(path), "v7em run"); !errors.As(err, &busy) || !strings.Contains(err.Error(), who) {
		t.Errorf("second LockDir: %v", err)
	}
	// As if another process had written it.
	other := fmt.Sprintf("pid %d (v7em run) on host h", os.Getppid())
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), LockName), []byte(other+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, RK05, Options{}); !errors.As(err, &busy) || !strings.Contains(err.Error(), other) {
		t.Errorf("second open, of another process's: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	lock, err = LockDir(filepath.Dir(path), "v7em run")
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	defer lock.Unlock()
	p, err = Open(path, RK05, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	q, err := Open(path, RK05, Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("two readers: %v", err)
	}
	q.Close()
}

// brokenFile fails from the given write or sync on, 1 being the first.
type brokenFile struct {
	hostFile
	failWrite, failSync int
}

var errBroken = errors.New("input/output error")

func (f *brokenFile) WriteAt(p []byte, off int64) (int, error) {
	if f.failWrite--; f.failWrite == 0 {
		return 0, errBroken
	}
	return f.hostFile.WriteAt(p, off)
}

func (f *brokenFile) Sync() error {
	if f.failSync--; f.failSync == 0 {
		return errBroken
	}
	return f.hostFile.Sync()
}

func TestFailedWriteIsFinal(t *testing.T) {
	p, err := Open(image(t), RK05, Options{Unit: "rk2"})
	if err != nil {
		t.Fatal(err)
	}
	p.back.f = &brokenFile{hostFile: p.back.f, failWrite: 2}
	if err := p.WriteBlock(1, fill('a')); err != nil {
		t.Fatal(err)
	}
	err = p.WriteBlock(2, fill('b'))
	var e *Error
	if !errors.As(err, &e) || e.Block != 2 || e.Unit != "rk2" || !errors.Is(err, errBroken) {
		t.Fatalf("the failing write: %v", err)
	}
	if !strings.HasPrefix(err.Error(), "rk2: write ") || !strings.Contains(err.Error(), "block 2: input/output error") {
		t.Errorf("message %q", err)
	}
	buf := make([]byte, block.Size)
	if p.ReadBlock(2, buf); buf[0] != 2 {
		t.Error("what failed to reach the host is read back")
	}
	// The host file would take the next write again; the pack must not.
	if err := p.WriteBlock(3, fill('c')); !errors.Is(err, errBroken) {
		t.Errorf("write after a failure: %v", err)
	}
	if !p.ReadOnly() || p.Err() == nil {
		t.Error("the pack is still writable")
	}
	if err := p.Close(); !errors.Is(err, errBroken) {
		t.Errorf("close after a failure: %v", err)
	}
}

func TestFailedSyncIsFinal(t *testing.T) {
	p, err := Open(image(t), RK05, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.back.f = &brokenFile{hostFile: p.back.f, failSync: 1}
	if err := p.Sync(); err != nil {
		t.Errorf("nothing to sync: %v", err)
	}
	if err := p.WriteBlock(1, fill('a')); err != nil {
		t.Fatal(err)
	}
	if err := p.Sync(); !errors.Is(err, errBroken) {
		t.Errorf("sync: %v", err)
	}
	if err := p.Sync(); !errors.Is(err, errBroken) {
		t.Errorf("second sync must not call it durable: %v", err)
	}
	if err := p.WriteBlock(1, fill('b')); !errors.Is(err, errBroken) {
		t.Errorf("write after a failed sync: %v", err)
	}
	p.Close()
}

// unsyncedCount is a file that knows how many of its writes no sync has covered.
type unsyncedCount struct {
	File
	writes *int
}

func (u unsyncedCount) WriteAt(p []byte, off int64) (int, error) {
	*u.writes++
	return u.File.WriteAt(p, off)
}

func (u unsyncedCount) Sync() error {
	err := u.File.Sync()
	if err == nil {
		*u.writes = 0
	}
	return err
}

// TestCloseIsDurable: what is in a pack or in a volume when it is closed is durable, also
// what goes by the journal. It was not before, or the test would say nothing.
func TestCloseIsDurable(t *testing.T) {
	for _, journaled := range []bool{false, true} {
		writes := map[string]*int{"image": new(int), "journal": new(int)}
		o := Options{Wrap: func(name string, f File) File { return unsyncedCount{f, writes[name]} }}
		var d interface {
			WriteBlock(n int, p []byte) error
			Close() error
		}
		path := rk05(t)
		if journaled {
			v := openVol(t, path, VolumeOptions{Options: o})
			write(t, v, 100, 1)
			if err := commit(t, v).Wait(); err != nil {
				t.Fatal(err)
			}
			d = v
		} else {
			p, err := Open(path, RK05, o)
			if err != nil {
				t.Fatal(err)
			}
			d = p
		}
		const swap = 4850
		if err := d.WriteBlock(swap, fill(7)); err != nil {
			t.Fatal(err)
		}
		if !journaled && *writes["image"] == 0 {
			t.Error("a plain pack syncs each write")
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		for name, n := range writes {
			if *n > 0 {
				t.Errorf("journaled %v: closed with %d writes of the %s that are not durable", journaled, *n, name)
			}
		}
	}
}
