package journaldev

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"v7em/block"
	"v7em/journaldev/crashtest"
)

// stopped is a clock that goes when it is told.
type stopped struct{ now time.Time }

func (c *stopped) time() time.Time { return c.now }

// forgetter says by its own simple means what a Fragile is to do: it keeps two copies of
// the whole file.
type forgetter struct {
	seen, below []byte
	writeBack   time.Duration
	writes      int
	bytes       int64
	since       time.Time
	touched     map[int64]bool
}

func (m *forgetter) written(p []byte, off int64, now time.Time) {
	m.age(now)
	if len(p) == 0 {
		return // as pwrite(2)
	}
	if m.writes == 0 {
		m.since = now
	}
	if end := int(off) + len(p); end > len(m.seen) {
		m.seen = append(m.seen, make([]byte, end-len(m.seen))...)
	}
	copy(m.seen[off:], p)
	for i := range p {
		m.touched[(off+int64(i))/512] = true
	}
	m.writes++
	m.bytes += int64(len(p))
}

func (m *forgetter) through() {
	m.below = bytes.Clone(m.seen)
	m.writes, m.bytes, m.touched = 0, 0, map[int64]bool{}
}

func (m *forgetter) age(now time.Time) {
	if m.writes > 0 && m.writeBack > 0 && now.Sub(m.since) >= m.writeBack {
		m.through()
	}
}

// TestFragile holds Fragile against a plain model: what is read, what is below, and what
// a cut drops, after random writes, reads, syncs and pauses.
func TestFragile(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		clock := &stopped{time.Unix(1, 0)}
		start := make([]byte, rnd.IntN(5000))
		for i := range start {
			start[i] = byte(rnd.Uint32())
		}
		below := &crashtest.Plain{Data: bytes.Clone(start)}
		o := FragileOptions{Clock: clock.time, Unsynced: seed%4 == 0}
		after := 30 * time.Second
		switch seed % 5 {
		case 0:
			o.WriteBack, after = -1, 0
		case 1:
			o.WriteBack, after = 7*time.Second, 7*time.Second
		}
		f := NewFragile(below, o)
		m := &forgetter{seen: bytes.Clone(start), below: bytes.Clone(start), writeBack: after, touched: map[int64]bool{}}
		for step := range 60 {
			bad := func(format string, args ...any) {
				t.Helper()
				t.Fatalf("seed %d, step %d: "+format, append([]any{seed, step}, args...)...)
			}
			switch rnd.IntN(8) {
			case 0, 1, 2, 3:
				p := make([]byte, rnd.IntN(2000))
				for i := range p {
					p[i] = byte(rnd.Uint32())
				}
				off := int64(rnd.IntN(6000))
				if rnd.IntN(2) == 0 { // whole sectors, as usual
					off, p = off/512*512, p[:len(p)/512*512]
				}
				m.written(p, off, clock.now)
				if n, err := f.WriteAt(p, off); n != len(p) || err != nil {
					bad("WriteAt: %d, %v", n, err)
				}
			case 4:
				clock.now = clock.now.Add(time.Duration(rnd.IntN(20)) * time.Second)
			case 5:
				if err := f.Sync(); err != nil {
					bad("Sync: %v", err)
				}
				if m.age(clock.now); !o.Unsynced {
					m.through()
				}
			default:
				p := make([]byte, rnd.IntN(3000))
				off := int64(rnd.IntN(8000))
				n, err := f.ReadAt(p, off)
				want := m.seen[min(int(off), len(m.seen)):]
				want = want[:min(len(p), len(want))]
				short := len(want) < len(p) || int(off) >= len(m.seen)
				if !bytes.Equal(p[:n], want) || short != (err == io.EOF) || err != nil && err != io.EOF {
					bad("ReadAt(%d, %d): %d bytes, %v; want %d", len(p), off, n, err, len(want))
				}
			}
			if size, err := f.Size(); err != nil || size != int64(len(m.seen)) {
				bad("Size: %d, %v, want %d", size, err, len(m.seen))
			}
			if !bytes.Equal(below.Data, m.below) {
				bad("the file below is not as it should be")
			}
		}
		if seed%3 == 0 { // an end in good order
			if err := f.Close(); err != nil || !bytes.Equal(below.Data, m.seen) {
				t.Fatalf("seed %d: Close: %v", seed, err)
			}
			continue
		}
		m.age(clock.now)
		d := f.Cut()
		sectors := []int64{}
		for s := range m.touched {
			sectors = append(sectors, s)
		}
		slices.Sort(sectors)
		if d.Writes != m.writes || d.Bytes != m.bytes || !slices.Equal(d.Sectors, sectors) {
			t.Fatalf("seed %d: Cut drops %+v, want %d writes, %d bytes, sectors %v", seed, d, m.writes, m.bytes, sectors)
		}
		if !bytes.Equal(below.Data, m.below) {
			t.Fatalf("seed %d: after Cut the file below is not as it should be", seed)
		}
		if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, ErrCut) {
			t.Errorf("a write without power: %v", err)
		}
		if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrCut) {
			t.Errorf("a read without power: %v", err)
		}
		if err := f.Sync(); !o.Unsynced && !errors.Is(err, ErrCut) {
			t.Errorf("a sync without power: %v", err)
		}
		if d := f.Cut(); d.Writes != 0 {
			t.Errorf("a second cut drops %+v", d)
		}
		if err := f.Close(); err != nil || !bytes.Equal(below.Data, m.below) {
			t.Errorf("closing it without power: %v", err)
		}
	}
}

// TestFragileFaults: what fails below comes through when it is met, at a sync or when
// time writes back, and is final. What was read stays what was written.
func TestFragileFaults(t *testing.T) {
	write := func(f File, n int) error {
		_, err := f.WriteAt(bytes.Repeat([]byte{byte(n)}, 512), int64(n)*1024)
		return err
	}
	for at := 1; at <= 4; at++ { // three writes and a sync
		for _, late := range []bool{false, true} {
			if late && at == 4 {
				continue // time does not sync
			}
			clock := &stopped{time.Unix(1, 0)}
			fault := &crashtest.Fault{At: at, Err: syscall.EIO}
			f := NewFragile(crashtest.Faulty{HostFile: &crashtest.Plain{}, Fault: fault}, FragileOptions{Clock: clock.time})
			for n := range 3 {
				if err := write(f, n); err != nil {
					t.Fatalf("nothing goes below, but %v", err)
				}
			}
			if late {
				clock.now = clock.now.Add(WriteBackAfter)
				if err := write(f, 3); !errors.Is(err, syscall.EIO) {
					t.Errorf("call %d, late: %v", at, err)
				}
			}
			for range 2 {
				if err := f.Sync(); !errors.Is(err, syscall.EIO) {
					t.Errorf("call %d: Sync: %v", at, err)
				}
				if err := write(f, 4); !errors.Is(err, syscall.EIO) {
					t.Errorf("call %d: WriteAt: %v", at, err)
				}
			}
			p := make([]byte, 512)
			if _, err := f.ReadAt(p, 2048); err != nil || p[0] != 2 {
				t.Errorf("call %d: reading: %d, %v", at, p[0], err)
			}
			if _, after := fault.Calls(); after > 0 {
				t.Errorf("call %d: %d calls after it", at, after)
			}
		}
	}
}

// TestFragileVolume commits to a volume on a host that forgets while others read its
// status, and cuts the power at once: all that a ticket has told durable is there.
func TestFragileVolume(t *testing.T) {
	for _, method := range SyncMethods {
		if method == SyncNone {
			continue
		}
		path := rk05(t)
		var mu sync.Mutex
		var files []*Fragile
		o := VolumeOptions{Options: Options{Sync: method, Wrap: func(name string, f File) File {
			mu.Lock()
			defer mu.Unlock()
			files = append(files, NewFragile(f, FragileOptions{}))
			return files[len(files)-1]
		}}}
		v := openVol(t, path, o)
		var busy sync.WaitGroup
		stop := make(chan struct{})
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					v.Status()
					for _, f := range files {
						f.Size()
					}
				}
			}
		})
		for n := 1; n <= 40; n++ {
			write(t, v, 100+n%7, byte(n))
			write(t, v, 4850, byte(n)) // swap space: it goes its own way
			if err := commit(t, v).Wait(); err != nil {
				t.Fatal(err)
			}
		}
		write(t, v, 100, 99) // committed, perhaps; nobody was told
		commit(t, v)
		for _, f := range files {
			f.Cut()
		}
		close(stop)
		busy.Wait()
		v.Cut()
		v = openVol(t, path, o)
		p := make([]byte, block.Size)
		for n := 34; n <= 40; n++ {
			if err := v.ReadBlock(100+n%7, p); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(p, fill(byte(n))) && !(100+n%7 == 100 && p[0] == 99) {
				t.Errorf("%s: block %d has %d, not what was told durable", method, 100+n%7, p[0])
			}
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFragilePack: a plain pack syncs nothing, so a cut takes all; written through, it
// takes nothing.
func TestFragilePack(t *testing.T) {
	for _, through := range []bool{false, true} {
		path := rk05(t)
		var f *Fragile
		o := Options{WriteThrough: through, Wrap: func(_ string, below File) File {
			f = NewFragile(below, FragileOptions{})
			return f
		}}
		p, err := Open(path, RK05, o)
		if err != nil {
			t.Fatal(err)
		}
		b := fill(7)
		if err := p.WriteBlock(5, b); err != nil {
			t.Fatal(err)
		}
		d := f.Cut()
		p.Cut()
		if p, err = Open(path, RK05, o); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, block.Size)
		if err := p.ReadBlock(5, got); err != nil {
			t.Fatal(err)
		}
		if kept := bytes.Equal(got, b); kept != through || through == (d.Writes == 1) {
			t.Errorf("through %v: kept %v, dropped %+v", through, kept, d)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
