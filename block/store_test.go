package block

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// rk05 is a size that is no multiple of chunkBlocks.
const rk05 = 4872

// filled returns a block of a byte.
func filled(c byte) []byte { return bytes.Repeat([]byte{c}, Size) }

func read(t testing.TB, s *Store, n int) []byte {
	t.Helper()
	p := filled(0xee)
	if err := s.ReadBlock(n, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, s *Store, n int, p []byte) {
	t.Helper()
	if err := s.WriteBlock(n, p); err != nil {
		t.Fatal(err)
	}
}

func TestStoreRefuses(t *testing.T) {
	for _, blocks := range []int{-1, 0, 1, rk05} {
		s := NewStore(blocks)
		if got, want := s.Blocks(), max(blocks, 0); got != want {
			t.Errorf("NewStore(%d) has %d blocks", blocks, got)
		}
		for _, n := range []int{-1, max(blocks, 0), 1 << 40} {
			for name, do := range map[string]func(int, []byte) error{"ReadBlock": s.ReadBlock, "WriteBlock": s.WriteBlock} {
				var e *RangeError
				if err := do(n, filled(0)); !errors.As(err, &e) || e.Block != n {
					t.Errorf("%s(%d) of %d blocks gives %v", name, n, blocks, err)
				}
			}
		}
	}
	s := NewStore(2)
	for _, l := range []int{0, Size - 1, Size + 1} {
		if s.ReadBlock(0, make([]byte, l)) == nil || s.WriteBlock(0, make([]byte, l)) == nil {
			t.Errorf("a buffer of %d bytes is taken", l)
		}
	}
}

// TestStoreAgainstModel does random writes, clones and reads on a family of
// stores and holds each against a plain map.
func TestStoreAgainstModel(t *testing.T) {
	type pair struct {
		s *Store
		m map[int]byte
	}
	const blocks = 3*chunkBlocks + 5
	rnd := rand.New(rand.NewPCG(1, 2))
	family := []pair{{NewStore(blocks), map[int]byte{}}}
	for range 20_000 {
		i := rnd.IntN(len(family))
		p := family[i]
		n := rnd.IntN(blocks)
		switch k := rnd.IntN(20); {
		case k < 9:
			c := byte(rnd.IntN(4))
			write(t, p.s, n, filled(c))
			p.m[n] = c
		case k < 18:
			if got := read(t, p.s, n); !bytes.Equal(got, filled(p.m[n])) {
				t.Fatalf("block %d is %d, want %d", n, got[0], p.m[n])
			}
		case k == 18:
			m := map[int]byte{}
			for n, c := range p.m {
				m[n] = c
			}
			q := pair{p.s.Clone(), m}
			if len(family) < 6 {
				family = append(family, q)
			} else {
				family[rnd.IntN(len(family))] = q
			}
		default:
			q := family[rnd.IntN(len(family))]
			var want []int
			for n := range blocks {
				if p.m[n] != q.m[n] {
					want = append(want, n)
				}
			}
			if got := slices.Collect(p.s.Diff(q.s)); !slices.Equal(got, want) {
				t.Fatalf("Diff is %v, want %v", got, want)
			}
		}
	}
}

func TestDiffStopsAndLengths(t *testing.T) {
	s, u := NewStore(130), NewStore(133)
	write(t, s, 5, filled(1))
	write(t, u, 129, filled(1))
	if got := slices.Collect(s.Diff(u)); !slices.Equal(got, []int{5, 129, 130, 131, 132}) {
		t.Errorf("Diff is %v", got)
	}
	if got := slices.Collect(NewStore(2 * chunkBlocks).Diff(NewStore(2 * chunkBlocks))); got != nil {
		t.Errorf("Diff of equal stores of whole chunks is %v", got)
	}
	for n := range s.Diff(u) {
		if n != 5 {
			t.Errorf("first difference is %d", n)
		}
		break
	}
	for n := range u.Diff(s) {
		if n == 131 {
			break
		}
	}
}

func TestLoad(t *testing.T) {
	data := make([]byte, 70*Size+100)
	for i := range data {
		data[i] = byte(i / Size * 3)
	}
	for _, blocks := range []int{0, 1, 64, 65, 70, 71, 200} {
		s := NewStore(blocks)
		if blocks > 1 {
			write(t, s, blocks-1, filled(9)) // must go away
		}
		if err := s.Load(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		for n := range blocks {
			want := make([]byte, Size)
			if n*Size < len(data) {
				copy(want, data[n*Size:])
			}
			if !bytes.Equal(read(t, s, n), want) {
				t.Errorf("%d blocks: block %d is wrong", blocks, n)
			}
		}
	}
	s := NewStore(10 * chunkBlocks)
	if err := s.Load(bytes.NewReader(make([]byte, 10*chunkBlocks*Size))); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(s.chunks, func(c *chunk) bool { return c != nil }); i >= 0 {
		t.Error("zeros take memory")
	}
}

func TestReadAt(t *testing.T) {
	s := NewStore(200)
	for n := range 70 {
		write(t, s, n, filled(byte(n+1)))
	}
	image := make([]byte, 200*Size)
	for n := range 70 {
		copy(image[n*Size:], filled(byte(n+1)))
	}
	for _, off := range []int64{0, 1, Size, 63*Size + 7, 64 * Size, 69*Size + 511, 128 * Size, 200*Size - 3, 200 * Size, 200*Size + 9} {
		for _, n := range []int{0, 1, 511, 512, 1000, 130 * Size, 200 * Size, 300 * Size} {
			got, want := bytes.Repeat([]byte{0xee}, n), bytes.Repeat([]byte{0xee}, n)
			k, err := s.ReadAt(got, off)
			wk, werr := bytes.NewReader(image).ReadAt(want, off)
			if n == 0 && off >= int64(len(image)) {
				werr = nil
			}
			if k != wk || err != werr || !bytes.Equal(got, want) {
				t.Errorf("%d bytes at %d: %d, %v; must be %d, %v", n, off, k, err, wk, werr)
			}
		}
	}
	if _, err := s.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("byte -1 can be read")
	}
}

// failing is a reader that breaks at an offset.
type failing struct {
	io.ReaderAt
	at int64
}

var errBroken = errors.New("broken")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.at {
		n := max(f.at-off, 0)
		f.ReaderAt.ReadAt(p[:n], off)
		return int(n), errBroken
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestLoadError(t *testing.T) {
	s := NewStore(200)
	write(t, s, 3, filled(7))
	err := s.Load(failing{bytes.NewReader(bytes.Repeat([]byte{1}, 200*Size)), 100*Size + 1})
	if !errors.Is(err, errBroken) || !bytes.Contains([]byte(err.Error()), []byte("block 100")) {
		t.Errorf("error is %v", err)
	}
	if !bytes.Equal(read(t, s, 3), filled(7)) || !bytes.Equal(read(t, s, 4), filled(0)) {
		t.Error("a failed load changed the store")
	}
}

// TestOwnChunks shows that a store copies no chunk that it has to itself.
func TestOwnChunks(t *testing.T) {
	s := NewStore(2 * chunkBlocks)
	if err := s.Load(bytes.NewReader(bytes.Repeat([]byte{1}, chunkBlocks*Size))); err != nil {
		t.Fatal(err)
	}
	write(t, s, chunkBlocks, filled(1))
	p := filled(2)
	if n := testing.AllocsPerRun(10, func() {
		write(t, s, 3, p)
		write(t, s, chunkBlocks+3, p)
	}); n != 0 {
		t.Errorf("two writes allocate %v times", n)
	}
}

// TestClonesConcurrently writes a store and its clones from several goroutines
// (the race detector sees what they must not share).
func TestClonesConcurrently(t *testing.T) {
	s := NewStore(rk05)
	for n := range rk05 {
		write(t, s, n, filled(1))
	}
	var wg sync.WaitGroup
	for i := range 4 {
		c := s.Clone()
		wg.Go(func() {
			p := make([]byte, Size)
			for n := 0; n < rk05; n += 7 {
				if err := c.ReadBlock(n, p); err != nil || p[0] != 1 {
					t.Errorf("clone %d: block %d is %d, %v", i, n, p[0], err)
				}
				if err := c.WriteBlock(n, filled(byte(10+i))); err != nil {
					t.Error(err)
				}
			}
		})
		write(t, s, 7*i+1, filled(2))
	}
	wg.Wait()
	if !bytes.Equal(read(t, s, 0), filled(1)) {
		t.Error("a clone's write shows in the original")
	}
}

func BenchmarkClone(b *testing.B) {
	s := NewStore(rk05)
	for n := range rk05 {
		write(b, s, n, filled(1))
	}
	for b.Loop() {
		s = s.Clone()
	}
}
