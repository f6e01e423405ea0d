package journaldev

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"v7em/block"
	"v7em/unix/fs"
)

func TestDetect(t *testing.T) {
	mk := func(blocks int, systems ...[2]int) *block.Store {
		s := block.NewStore(blocks)
		for _, x := range systems {
			f, err := fs.Mkfs(fs.Region{Device: s, Start: x[0], N: s.Blocks() - x[0]}, fs.MkfsOptions{Blocks: x[1]})
			if err == nil {
				err = f.Sync()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	noise := block.NewStore(RK05.Blocks)
	b := make([]byte, block.Size)
	for n := range 100 {
		for i := range b {
			b[i] = byte(n * i)
		}
		noise.WriteBlock(n, b)
	}
	for name, c := range map[string]struct {
		s    *block.Store
		want Layout
	}{
		"root":               {mk(RK05.Blocks, [2]int{0, 4000}), Layout{Systems: 1}},
		"all file system":    {mk(RK05.Blocks, [2]int{0, 4872}), Layout{Systems: 1}},
		"two on an RP03":     {mk(RP03.Blocks, [2]int{0, 5000}, [2]int{7000, 74000}), Layout{Systems: 2, Start: [4]int{0, 7000}}},
		"one on an RP03":     {mk(RP03.Blocks, [2]int{0, 81000}), Layout{Systems: 1}},
		"one covers another": {mk(RP03.Blocks, [2]int{7000, 74000}, [2]int{0, 7001}), Layout{Systems: 1}},
		"empty":              {block.NewStore(RK05.Blocks), Layout{}},
		"tiny":               {block.NewStore(1), Layout{}},
		"noise":              {noise, Layout{}},
	} {
		if got := Detect(c.s); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestWithSwap has kernels swap to packs.
func TestWithSwap(t *testing.T) {
	rp := block.NewStore(RP03.Blocks)
	for _, x := range [][2]int{{0, 5000}, {7000, 74000}} {
		f, err := fs.Mkfs(fs.Region{Device: rp, Start: x[0], N: rp.Blocks() - x[0]}, fs.MkfsOptions{Blocks: x[1]})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	for swap, want := range map[Range]Range{
		{}:              {},
		{5000, 7000}:    {5000, 7000},
		{5200, 6000}:    {5200, 6000},
		{4000, 6000}:    {5000, 6000},
		{6000, 8000}:    {6000, 7000},
		{0, 90_000}:     {5000, 7000},
		{100, 200}:      {},
		{81_000, 99999}: {81_000, RP03.Blocks},
		{-5, 1 << 40}:   {5000, 7000},
		{9, 3}:          {},
	} {
		l := Detect(rp)
		if l.Swap != (Range{}) {
			t.Fatalf("superblocks tell of swap space: %+v", l)
		}
		l = l.WithSwap(rp, swap)
		if l.Swap != want || l.Systems != 2 || !l.valid(rp.Blocks()) {
			t.Errorf("%v: %+v, want %v", swap, l, want)
		}
	}
	blank := block.NewStore(RK05.Blocks)
	if l := Detect(blank).WithSwap(blank, Range{0, 872}); l != (Layout{Swap: Range{0, 872}}) {
		t.Errorf("a pack for swapping only: %+v", l)
	}
}

// TestSurvey holds the survey of a file system against what the checker counts.
func TestSurvey(t *testing.T) {
	for _, start := range []int{0, 70} {
		s := block.NewStore(1200 + start)
		dev := fs.Region{Device: s, Start: start, N: s.Blocks() - start}
		f, err := fs.Mkfs(dev, fs.MkfsOptions{Blocks: 1150})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			dir := fmt.Sprintf("/d%d", i)
			f.Mkdir(dir, fs.Attr{})
			f.WriteFile(dir+"/f", bytes.Repeat([]byte{1}, i*2000), fs.Attr{})
			f.Mknod(dir+"/dev", fs.ModeChar, 200, i, fs.Attr{})
		}
		if err := f.WriteFile("/big", make([]byte, 200*512), fs.Attr{}); err != nil {
			t.Fatal(err)
		}
		f.RemoveAll("/d7")
		f.Sync()
		r := fs.Check(dev)
		if !r.Clean() || r.Double == 0 {
			t.Fatalf("%v", r)
		}
		var count [UseSuper + 1]int
		for _, u := range Survey(s, Layout{Systems: 1, Start: [4]int{start}}) {
			count[u]++
		}
		isize := int(f.Super().ISize)
		if count[UseFile]+count[UseDir] != r.Data || count[UseIList] != r.Single+r.Double+r.Triple || count[UseNone]+count[UseChain] != r.Free ||
			count[UseSuper] != 1 || count[UseInode] != isize-2 || count[UseDir] != 20 || count[UseChain] < r.Free/50-1 || count[UseChain] > r.Free/50+1 ||
			count[UseOther] != start+1+1200-1150 {
			t.Errorf("start %d: uses %v, check counts %+v", start, count, r)
		}
	}
}

// FuzzSurvey surveys damaged file systems.
func FuzzSurvey(f *testing.F) {
	good := testPack(f)
	f.Add(uint64(1), 5)
	f.Add(uint64(2), 5000)
	f.Fuzz(func(t *testing.T, seed uint64, changes int) {
		rnd := rand.New(rand.NewPCG(seed, seed))
		b := bytes.Clone(good)
		for range min(max(changes, 0), 10_000) {
			at := rnd.IntN(len(b))
			if rnd.IntN(2) == 0 {
				at %= 8 * 512
			}
			b[at] = byte(rnd.Uint32())
		}
		s := block.NewStore(testBlocks)
		s.Load(bytes.NewReader(b))
		for _, l := range []Layout{Detect(s), {Systems: 2, Start: [4]int{0, 3}}} {
			if got := Survey(s, l); len(got) != testBlocks {
				t.Errorf("%d uses", len(got))
			}
		}
	})
}

// TestChanges checks that the ranges of updates cover what changed, and are as the
// types want them.
func TestChanges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	var old, new [block.Size]byte
	for range 20_000 {
		for i := range old {
			old[i] = byte(rnd.Uint32())
		}
		new = old
		for range 1 + rnd.IntN(4) {
			for i := rnd.IntN(block.Size); i < block.Size && rnd.IntN(9) > 0; i++ {
				new[i] ^= byte(rnd.Uint32())
			}
		}
		if new == old {
			continue
		}
		was, is := Use(rnd.IntN(int(UseSuper)+1)), Use(rnd.IntN(int(UseSuper)+1))
		got, end := old, 0
		for _, u := range changes(9, was, is, &old, &new) {
			if u.Block != 9 || u.From < end || u.From >= u.To || u.To > block.Size {
				t.Fatalf("%v to %v: update %+v behind %d", was, is, u, end)
			}
			end = u.To
			switch {
			case u.Type == TypeInode && (is != UseInode || u.From%64 != 0 || u.To != u.From+64),
				u.Type == TypeUsed && (was != UseNone && was != UseChain || u.From != 0 || u.To != 512),
				u.Type == TypeSuper && is != UseSuper,
				u.Type == TypeFree && is != UseNone && is != UseChain,
				u.Type == TypeIList && is != UseIList,
				u.Type == TypeFData && is == UseDir && (u.From%16 != 0 || u.To%16 != 0):
				t.Fatalf("%v to %v: update %+v", was, is, u)
			}
			copy(got[u.From:u.To], new[u.From:u.To])
		}
		if got != new {
			t.Fatalf("%v to %v: the updates leave something out", was, is)
		}
	}
}

// TestOrdered checks which data goes home before the commit, and that it does.
func TestOrdered(t *testing.T) {
	w := startWorkload(t, 1, VolumeOptions{Data: DataOrdered})
	f, err := fs.Open(w.v)
	if err != nil {
		t.Fatal(err)
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	// durable commits and lets the commit become durable, but not go home, and
	// returns the updates by block, and the image as a power failure leaves it.
	durable := func() (map[int]Update, []byte) {
		w.commit()
		us := map[int]Update{}
		for _, u := range w.v.core.find(w.v.core.last).updates {
			us[u.Block] = u
		}
		for w.acked < len(w.tokens) {
			w.step()
		}
		d := w.trace.Replay()
		for {
			if _, ok := d.Next(); !ok {
				return us, d.Crash(0, nil)[0]
			}
		}
	}
	blocksOf := func(path string) []int {
		st := lookup(t, f, path)
		var bs []int
		for i := 0; i*512 < int(st.Size); i++ {
			bs = append(bs, int(st.Addr[i]))
		}
		return bs
	}
	do(f.WriteFile("/a", bytes.Repeat([]byte("a"), 1500), fs.Attr{}))
	a := blocksOf("/a")
	us, image := durable()
	for _, b := range a {
		if u := us[b]; u.Type != TypeUsed || !u.Direct || image[b*512] != 'a' {
			t.Errorf("fresh data: %+v, at home %q", u, image[b*512])
		}
	}
	if u := us[1]; u.Direct || u.Type != TypeSuper {
		t.Errorf("the superblock: %+v", u)
	}
	// A file in the place of one that the commit before has.
	do(f.Unlink("/a"))
	do(f.WriteFile("/b", bytes.Repeat([]byte("b"), 1500), fs.Attr{}))
	b := blocksOf("/b")
	us, image = durable()
	reused := 0
	for _, n := range b {
		for _, m := range a {
			if n == m {
				reused++
				if us[n].Direct || image[n*512] != 'a' {
					t.Errorf("block %d is still the old file's before the commit: %+v, at home %q", n, us[n], image[n*512])
				}
			}
		}
	}
	if reused == 0 {
		t.Error("the file system did not use the blocks again: the test does nothing")
	}
	// Free since the commit before, but the journal still has an older version that
	// recovery would write over it.
	do(f.Unlink("/b"))
	durable()
	do(f.WriteFile("/c", bytes.Repeat([]byte("c"), 1500), fs.Attr{}))
	us, _ = durable()
	for _, n := range blocksOf("/c") {
		for _, m := range b {
			if n == m && us[n].Direct {
				t.Errorf("block %d goes home though the journal has it", n)
			}
		}
	}
	if _, err := w.verify(VolumeOptions{Data: DataOrdered}); err != nil {
		t.Error(err)
	}
}
