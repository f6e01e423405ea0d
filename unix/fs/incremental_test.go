package fs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// watched is a device that remembers which blocks were written, and what they
// held before.
type watched struct {
	*Mem
	written []int
	old     []oldBlock
}

type oldBlock struct {
	n int
	b [BlockSize]byte
}

func (d *watched) WriteBlock(n int, p []byte) error {
	if n >= 0 && n < d.Blocks() {
		o := oldBlock{n: n}
		copy(o.b[:], d.Block(n))
		d.old = append(d.old, o)
		d.written = append(d.written, n)
	}
	return d.Mem.WriteBlock(n, p)
}

// fullCounts returns a full check's report and its problems by kind.
func fullCounts(dev Device) (*Report, map[Kind]int) {
	full := Checker{Brief: true, Max: 1 << 30}
	r := full.Check(dev)
	kinds := map[Kind]int{}
	for _, p := range r.Problems {
		kinds[p.Kind]++
	}
	return r, kinds
}

// agree returns how c's report differs from a full check of dev, "" if it does
// not.
func agree(c *Incremental, dev Device) string {
	want, kinds := fullCounts(dev)
	got := *c.Report()
	var listed []Kind
	for _, p := range got.Problems {
		listed = append(listed, p.Kind)
		if p.Severity != p.Kind.Severity() {
			return fmt.Sprintf("%s is called %s", p.Kind, p.Severity)
		}
	}
	for _, k := range numbered {
		if c.Count(k) != kinds[k] {
			return fmt.Sprintf("%d of kind %s, want %d (all: %v)", c.Count(k), k, kinds[k], kinds)
		}
		if slices.Contains(listed, k) != (kinds[k] != 0) {
			return fmt.Sprintf("kinds %v, want %v", listed, kinds)
		}
	}
	w := *want
	w.Problems, got.Problems = nil, nil
	if fmt.Sprint(w) != fmt.Sprint(got) {
		return fmt.Sprintf("report %+v, want %+v", got, w)
	}
	return ""
}

// same returns what of c's tables is not as in those of a new checker, "" if all
// is.
func same(c *Incremental) string {
	d := NewIncremental(c.dev)
	d.Report()
	if c.unread || d.unread {
		if d.unread != c.unread {
			return fmt.Sprintf("full checks %v, a new one %v", c.unread, d.unread)
		}
		return ""
	}
	held := [2]int{}
	for i, f := range c.blocks {
		g := d.blocks[i]
		if f.uses != g.uses || f.free != g.free || (f.held != 0) != (g.held != 0) {
			return fmt.Sprintf("of block %d we know %+v, a new one %+v", i+int(c.isize), f, g)
		}
		if f.held == 0 {
			continue
		}
		h, k := &c.held[f.held], &d.held[g.held]
		if h.b != k.b || h.visits != k.visits || h.chain != k.chain || h.chain && h.next != k.next {
			return fmt.Sprintf("block %d is held differently", i+int(c.isize))
		}
		held[0]++
		held[1] += int(h.visits)
	}
	spare := 0
	for i := c.spareVisit; i != 0; i = c.visits[i].next {
		spare++
	}
	switch {
	case len(c.held) != 1+held[0]+len(c.spareHeld) || len(c.visits) != 1+held[1]+spare:
		return fmt.Sprintf("%d blocks and %d visits, of them %d and %d in use, %d and %d not", len(c.held), len(c.visits), held[0], held[1], len(c.spareHeld), spare)
	case !slices.Equal(c.facts, d.facts) || !slices.Equal(c.isDir, d.isDir) || !bytes.Equal(c.inode, d.inode) || c.super != d.super:
		return "the inodes are not as in a new one"
	case !slices.Equal(c.chain, d.chain):
		return fmt.Sprintf("the free chain is %v, of a new one %v", c.chain, d.chain)
	case c.spent != d.spent:
		return fmt.Sprintf("%d blocks spent, by a new one %d", c.spent, d.spent)
	}
	return ""
}

// editor changes an image in ways that an incremental checker must follow.
type editor struct {
	dev  *watched
	base []byte // to take old blocks from
	pick func(n int) int
}

// block picks a block, most often one that matters.
func (e *editor) block(c *Incremental) int {
	switch e.pick(8) {
	case 0, 1:
		return SuperBlock
	case 2, 3:
		return e.inodes(c)
	case 4:
		if len(c.chain) > 0 {
			return int(c.chain[e.pick(len(c.chain))])
		}
	case 5, 6: // a directory or indirect block
		if len(c.blocks) > 0 {
			at := e.pick(len(c.blocks))
			for i := range c.blocks {
				if j := (at + i) % len(c.blocks); c.blocks[j].held != 0 {
					return j + int(c.isize)
				}
			}
		}
	}
	return e.pick(e.dev.Blocks())
}

// inodes picks a block of inodes, most often of ones in use.
func (e *editor) inodes(c *Incremental) int {
	if e.pick(12) == 0 {
		return max(int(c.isize)-1, FirstIBlock)
	}
	return FirstIBlock + e.pick(max(1, min(int(c.isize)-FirstIBlock, 6)))
}

// number returns something that may stand for a block or an inode.
func (e *editor) number(c *Incremental) int {
	switch e.pick(6) {
	case 0:
		return e.pick(4)
	case 1:
		if e.pick(3) == 0 {
			return c.inodes - 1 + e.pick(3)
		}
		return e.pick(c.inodes + 1)
	case 2:
		return int(c.fsize) - 2 + e.pick(4)
	case 3:
		return e.pick(1 << 16)
	case 4: // a free block
		if s := e.dev.Block(SuperBlock)[superFree:]; e.pick(2) == 0 {
			return int(Long(s[4*e.pick(NICFree):]))
		}
	}
	return e.block(c)
}

// edit damages one block or two and says what it did.
func (e *editor) edit(c *Incremental) string {
	n := e.block(c)
	var b [BlockSize]byte
	copy(b[:], e.dev.Block(n))
	what := ""
	switch e.pick(12) {
	case 0:
		at := e.pick(BlockSize)
		b[at] = byte(e.pick(256))
		what = fmt.Sprintf("byte %d of block %d is %#x", at, n, b[at])
	case 1, 2:
		at, v := 2*e.pick(BlockSize/2), e.number(c)
		putWord(b[at:], uint16(v))
		what = fmt.Sprintf("word %d of block %d is %d", at, n, v)
	case 3, 4:
		at, v := 4*e.pick(BlockSize/4)+n%2*2, e.number(c)
		PutLong(b[min(at, BlockSize-4):], int32(v))
		what = fmt.Sprintf("long %d of block %d is %d", at, n, v)
	case 5: // an address in an inode
		n = e.inodes(c)
		copy(b[:], e.dev.Block(n))
		i, k, v := e.pick(InodesBlock), e.pick(NAddr), e.number(c)
		PutAddr3(b[i*InodeSize+inodeAddr+3*k:], uint32(v))
		what = fmt.Sprintf("address %d of inode %d in block %d is %d", k, i, n, v)
	case 6: // mode, links or size of an inode
		n = e.inodes(c)
		copy(b[:], e.dev.Block(n))
		i := e.pick(InodesBlock)
		d := b[i*InodeSize:]
		switch e.pick(5) {
		case 0:
			putWord(d[inodeMode:], uint16(e.pick(16)<<12))
		case 1:
			putWord(d[inodeNlink:], uint16(e.pick(4)))
		case 2:
			PutLong(d[inodeSize:], int32(e.pick(20)*e.pick(4000)))
		case 3:
			PutLong(d[inodeSize:], Long(d[inodeSize:])+int32(e.pick(9)*DirentSize/2-32))
		case 4: // a block more
			size := Long(d[inodeSize:])
			PutLong(d[inodeSize:], size+BlockSize)
			PutAddr3(d[inodeAddr+3*(int(uint32(size)/BlockSize)%NAddr):], uint32(e.number(c)))
		}
		what = fmt.Sprintf("inode %d of block %d", i, n)
	case 7: // an entry of a directory
		i := e.pick(BlockSize / DirentSize)
		name := []string{"", ".", "..", "f0", "f1", "a/b", "new", "b"}[e.pick(8)]
		putDirent(b[i*DirentSize:], e.number(c), name)
		what = fmt.Sprintf("entry %d of block %d is %q", i, n, name)
	case 8:
		clear(b[:])
		what = fmt.Sprintf("block %d is cleared", n)
	case 9: // as it was once
		copy(b[:], e.base[n*BlockSize:])
		what = fmt.Sprintf("block %d is as at first", n)
		if len(e.dev.old) > 0 && e.pick(2) == 0 {
			o := e.dev.old[e.pick(len(e.dev.old))]
			n, b = o.n, o.b
			what = fmt.Sprintf("block %d is as it was", n)
		}
	case 10:
		m := e.block(c)
		if e.pick(3) == 0 && len(c.chain) > 0 { // a chain block again in the chain, or in the superblock
			m = int(c.chain[e.pick(len(c.chain))])
			n = int(c.chain[e.pick(len(c.chain))])
			if e.pick(2) == 0 {
				n = SuperBlock
				copy(b[:], e.dev.Block(n))
				copy(b[superNFree:superNInode], e.dev.Block(m))
				what = fmt.Sprintf("chain block %d is in the superblock", m)
				break
			}
		}
		copy(b[:], e.dev.Block(m))
		what = fmt.Sprintf("block %d is a copy of %d", n, m)
	case 11:
		m := e.block(c)
		var o [BlockSize]byte
		copy(o[:], e.dev.Block(m))
		e.dev.WriteBlock(m, b[:])
		b = o
		what = fmt.Sprintf("block %d and %d change places", n, m)
	}
	if n == SuperBlock && e.pick(8) != 0 { // mostly with the sizes as they are: else nothing much is checked
		copy(b[:superNFree], e.base[SuperBlock*BlockSize:])
	}
	e.dev.WriteBlock(n, b[:])
	return what
}

// smallSample is like sample, but small and with files of two levels of
// indirection, so that random damage meets itself.
func smallSample(t testing.TB) []byte {
	f, m := newFS(t, 420)
	for _, d := range []string{"/a", "/a/b", "/a/b/c", "/d"} {
		if err := f.Mkdir(d, Attr{Perm: 0o755}); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			if err := f.WriteFile(fmt.Sprintf("%s/f%d", d, i), content(uint64(i), i*1500), Attr{Perm: 0o644}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range []string{"/d/holes", "/d/more"} {
		if err := f.WriteFile(p, []byte("y"), Attr{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt("/d/holes", []byte("x"), (NDirect+NIndirect+300)*BlockSize); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt("/d/more", []byte("x"), (NDirect+NIndirect+NIndirect*NIndirect+7)*BlockSize); err != nil {
		t.Fatal(err)
	}
	if err := f.Mknod("/tty", ModeChar, 17, 0, Attr{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Link("/a/f5", "/a/b/link"); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	return m.Bytes()
}

// manySample has a directory that needs an indirect block.
func manySample(t testing.TB) []byte {
	f, m := newFS(t, 1500)
	for i := range 340 {
		if err := f.WriteFile(fmt.Sprintf("/f%d", i), content(uint64(i), i%2*600), Attr{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Mkdir("/b", Attr{}); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	return m.Bytes()
}

// After random damage of all sorts the incremental checker says what a full
// check says, whether it is told of each block at once or of several later, and
// when all is put back.
func TestIncrementalDamage(t *testing.T) {
	sequences := 1500
	if testing.Short() {
		sequences = 300
	}
	bases := [][]byte{smallSample(t), sample(t), manySample(t)}
	reports, tables := 0, 0
	for seed := range sequences {
		rng := rand.New(rand.NewPCG(uint64(seed), 21))
		base := bases[seed%len(bases)]
		dev := &watched{Mem: MemOf(bytes.Clone(base))}
		c := NewIncremental(dev)
		e := &editor{dev: dev, base: base, pick: rng.IntN}
		if diff := agree(c, dev); diff != "" {
			t.Fatalf("seed %d at the start: %s", seed, diff)
		}
		var trail []string
		for range 1 + rng.IntN(25) {
			for range 1 + rng.IntN(3)*rng.IntN(2) {
				trail = append(trail, e.edit(c))
			}
			if rng.IntN(6) == 0 { // go back
				for k := rng.IntN(len(dev.old) + 1); k > 0; k-- {
					o := dev.old[len(dev.old)-1]
					dev.old = dev.old[:len(dev.old)-1]
					dev.Mem.WriteBlock(o.n, o.b[:])
					dev.written = append(dev.written, o.n)
				}
				trail = append(trail, "back")
			}
			if rng.IntN(5) == 0 { // tell it more than is needed, in no order
				dev.written = append(dev.written, rng.IntN(dev.Blocks()), -1, dev.Blocks(), 0)
				rng.Shuffle(len(dev.written), func(i, j int) {
					dev.written[i], dev.written[j] = dev.written[j], dev.written[i]
				})
			}
			c.Update(dev.written...)
			dev.written = dev.written[:0]
			if rng.IntN(4) == 0 {
				continue
			}
			if diff := agree(c, dev); diff != "" {
				t.Fatalf("seed %d: %s\n%q", seed, diff, trail)
			}
			if rng.IntN(4) == 0 {
				if diff := same(c); diff != "" {
					t.Fatalf("seed %d: %s\n%q", seed, diff, trail)
				}
			}
			reports++
			if !c.unread {
				tables++
			}
			if rng.IntN(10) == 0 {
				c = c.Clone(dev)
			}
		}
		copy(dev.Bytes(), base)
		for n := range dev.Blocks() {
			c.Update(n)
		}
		if diff := agree(c, dev); diff != "" {
			t.Fatalf("seed %d, all put back: %s\n%q", seed, diff, trail)
		}
	}
	t.Logf("%d reports, %d from the tables", reports, tables)
	if tables < reports*3/4 {
		t.Errorf("only %d of %d reports came from the tables", tables, reports)
	}
}

// While a file system is in use, and at each block that reaches the disk, the
// incremental checker says what a full check says.
func TestIncrementalUse(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 22))
		m := NewMem(2500)
		f, err := Mkfs(m, MkfsOptions{Time: testTime})
		if err != nil {
			t.Fatal(err)
		}
		dev := &watched{Mem: m.Clone()}
		f.dev = dev
		c := NewIncremental(dev)
		model := newModel()
		for range 150 {
			dev.old = dev.old[:0]
			op, want, got := model.step(rng, f)
			if (want == nil) != (got == nil) {
				break // the disk is full
			}
			if rng.IntN(3) == 0 {
				f.Sync()
			}
			// Once more, block by block.
			steps := make([]oldBlock, len(dev.old))
			for i, o := range dev.old {
				steps[i].n = o.n
			}
			for i := len(steps) - 1; i >= 0; i-- {
				copy(steps[i].b[:], dev.Block(steps[i].n))
				dev.Mem.WriteBlock(steps[i].n, dev.old[i].b[:])
			}
			for _, s := range steps {
				dev.Mem.WriteBlock(s.n, s.b[:])
				c.Update(s.n)
				if diff := agree(c, dev); diff != "" {
					t.Fatalf("seed %d, block %d of %s: %s", seed, s.n, op, diff)
				}
				if c.unread {
					t.Fatalf("seed %d, block %d of %s: the tables do not hold it", seed, s.n, op)
				}
			}
		}
	}
}

// Directories name each other at random: loops, several names, none.
func TestIncrementalTree(t *testing.T) {
	f, m := newFS(t, 100)
	const dirs = 8
	var block [dirs + 1]int
	for i := range dirs {
		if err := f.Mkdir(fmt.Sprintf("/d%d", i), Attr{}); err != nil {
			t.Fatal(err)
		}
	}
	mustCheck(t, f)
	for i := range block {
		n, err := f.Inode(RootIno + i)
		if err != nil {
			t.Fatal(err)
		}
		block[i] = int(n.Addr[0])
		b, off := InodeBlock(RootIno + i)
		PutLong(m.Block(b)[off+inodeSize:], BlockSize)
	}
	lost, many := 0, 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 24))
		dev := m.Clone()
		c := NewIncremental(dev)
		c.Report()
		for range 120 {
			b := block[rng.IntN(len(block))]
			slot := dev.Block(b)[rng.IntN(2+dirs)*DirentSize:]
			switch {
			case word(slot[2:]) == '.' || rng.IntN(6) == 0:
				putWord(slot, uint16(rng.IntN(dirs+3)))
			case rng.IntN(3) > 0:
				putWord(slot, 0)
			default:
				putDirent(slot, RootIno+rng.IntN(dirs+1), fmt.Sprintf("e%d", rng.IntN(3)))
			}
			c.Update(b)
			if diff := agree(c, dev); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
			lost += c.Count(Unreachable)
			many += c.Count(SecondName)
		}
		if diff := same(c); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
	if lost < 2000 || many < 2000 {
		t.Errorf("only %d directories were unreachable, %d had second names", lost, many)
	}
}

// A directory's and a file's size change, entry by entry and around the ends of
// blocks, with names that are there twice, holes and blocks past the size.
func TestIncrementalSizes(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 25))
		f, m := newFS(t, 200)
		var at [2][]byte // the inodes
		var block int
		for i, p := range []string{"/d", "/f"} {
			if err := f.WriteFile(p, content(seed, 4*BlockSize), Attr{}); err != nil {
				t.Fatal(err)
			}
			st, err := f.Lookup(p)
			if err != nil {
				t.Fatal(err)
			}
			b, off := InodeBlock(st.Ino)
			at[i], block = m.Block(b)[off:off+InodeSize], b
			for k := range NDirect {
				if a := int(Addr3(at[i][inodeAddr+3*k:])); a != 0 && i == 0 {
					for e := range BlockSize / DirentSize {
						name := []string{".", "..", "a", "b", fmt.Sprint(k, e), fmt.Sprint(k, e, "x")}[rng.IntN(6)]
						putDirent(m.Block(a)[e*DirentSize:], rng.IntN(5), name)
					}
				}
			}
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		putWord(at[0][inodeMode:], ModeDir)
		c := NewIncremental(m)
		c.Report()
		for i := range 200 {
			d := at[i%2]
			switch size := Long(d[inodeSize:]); rng.IntN(12) {
			case 0:
				size = int32(rng.IntN(6*BlockSize) - 200)
				PutLong(d[inodeSize:], size)
			case 1:
				PutLong(d[inodeSize:], int32(rng.IntN(6)*BlockSize))
			case 2: // a hole, or no longer
				p, q := d[inodeAddr+3*rng.IntN(4):], d[inodeAddr+3*(NDirect-1-rng.IntN(2)):]
				a, b := Addr3(p), Addr3(q)
				PutAddr3(p, b)
				PutAddr3(q, a)
			default:
				PutLong(d[inodeSize:], size+int32(rng.IntN(15)*DirentSize/2-7*DirentSize/2))
			}
			c.Update(block)
			if diff := agree(c, m); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
			if i%10 == 0 {
				if diff := same(c); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
			}
		}
	}
}

// What the tables do not hold is left to full checks: one block in more than a
// thousand places, and more names in a directory than are compared.
func TestIncrementalTooMany(t *testing.T) {
	t.Run("visits", func(t *testing.T) {
		m := NewMem(4000)
		f, err := Mkfs(m, MkfsOptions{Time: testTime, Inodes: 1200})
		if err != nil {
			t.Fatal(err)
		}
		mustCheck(t, f)
		c := NewIncremental(m)
		for i := range maxVisits + 1 {
			b, off := InodeBlock(10 + i)
			d := m.Block(b)[off:]
			putWord(d[inodeMode:], ModeRegular)
			PutAddr3(d[inodeAddr+3*NDirect:], 3999)
			c.Update(b)
			if i%100 != 99 && i < maxVisits-2 {
				continue
			}
			if diff := agree(c, m); diff != "" {
				t.Fatalf("%d visits: %s", i+1, diff)
			}
			if c.unread != (i >= maxVisits) {
				t.Fatalf("%d visits: from the tables %v", i+1, !c.unread)
			}
		}
		b, off := InodeBlock(500)
		clear(m.Block(b)[off:][:InodeSize])
		if diff := agree(c, m); diff != "" || c.unread {
			t.Fatalf("one less: from the tables %v, %s", !c.unread, diff)
		}
	})
	t.Run("names", func(t *testing.T) {
		f, m := newFS(t, 2600)
		entries := make([]byte, (maxNames+2)*DirentSize)
		for i := range maxNames + 2 {
			putDirent(entries[i*DirentSize:], RootIno, fmt.Sprint(min(i, maxNames)))
		}
		putDirent(entries, RootIno, "none")
		if err := f.WriteFile("/d", entries, Attr{}); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, f)
		c := NewIncremental(m)
		st, err := f.Lookup("/d")
		if err != nil {
			t.Fatal(err)
		}
		b, off := InodeBlock(st.Ino)
		d := m.Block(b)[off:]
		putWord(d, ModeDir)
		for _, n := range []int{maxNames - 1, maxNames, maxNames + 1, maxNames + 2, maxNames} {
			PutLong(d[inodeSize:], int32(n*DirentSize))
			c.Update(b)
			if diff := agree(c, m); diff != "" {
				t.Fatalf("%d names: %s", n, diff)
			}
			if c.unread != (n > maxNames) {
				t.Fatalf("%d names: from the tables %v", n, !c.unread)
			}
		}
	})
}

// A clone and its original go their own ways.
func TestIncrementalClone(t *testing.T) {
	base := smallSample(t)
	one := &watched{Mem: MemOf(bytes.Clone(base))}
	c := NewIncremental(one)
	c.Report()
	rng := rand.New(rand.NewPCG(1, 23))
	for range 50 {
		two := &watched{Mem: one.Mem.Clone()}
		d := c.Clone(two)
		for range 10 {
			for _, k := range []*Incremental{c, d} {
				dev := k.dev.(*watched)
				e := &editor{dev: dev, base: base, pick: rng.IntN}
				e.edit(k)
				k.Update(dev.written...)
				dev.written = nil
			}
			if diff := agree(c, one) + agree(d, two); diff != "" {
				t.Fatal(diff)
			}
		}
		copy(one.Bytes(), base)
		for n := range one.Blocks() {
			c.Update(n)
		}
	}
}

// With a device that has errors the reports are those of full checks.
func TestIncrementalErrors(t *testing.T) {
	base := sample(t)
	for n := range len(base) / BlockSize {
		dev := &badBlocks{Device: MemOf(bytes.Clone(base)), bad: map[int]bool{}}
		c := NewIncremental(dev)
		c.Report()
		dev.bad[n] = true
		c.Update(n)
		if diff := agree(c, dev); diff != "" {
			t.Fatalf("block %d: %s", n, diff)
		}
		delete(dev.bad, n)
		c.Update(n)
		if !c.Report().Clean() {
			t.Fatalf("block %d is good again: %v", n, c.Report())
		}
	}
}

// badBlocks is a device of which some blocks cannot be read.
type badBlocks struct {
	Device
	bad map[int]bool
}

func (d *badBlocks) ReadBlock(n int, p []byte) error {
	if d.bad[n] {
		return errBroken
	}
	return d.Device.ReadBlock(n, p)
}

// FuzzIncremental lets the fuzzer's bytes choose the damage.
func FuzzIncremental(f *testing.F) {
	bases := [][]byte{smallSample(f), manySample(f)}
	f.Add([]byte{})
	f.Add(content(1, 60))
	f.Add(content(2, 400))
	for i := range byte(12) {
		f.Add([]byte{0, 1, 3, i, 9, i, 77, 3, i, 200, i, 7, 9, 9, 2, i, 11, 40, i, 6, 0})
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		pick := func(n int) int {
			if n <= 1 || len(in) == 0 {
				return 0
			}
			v := int(in[0])
			in = in[1:]
			if n > 256 && len(in) > 0 {
				v = v<<8 | int(in[0])
				in = in[1:]
			}
			return v % n
		}
		base := bases[pick(2)]
		dev := &watched{Mem: MemOf(bytes.Clone(base))}
		c := NewIncremental(dev)
		c.Report()
		e := &editor{dev: dev, base: base, pick: pick}
		for i := 0; i < 100 && len(in) > 0; i++ {
			what := e.edit(c)
			c.Update(dev.written...)
			dev.written = dev.written[:0]
			if diff := agree(c, dev); diff != "" {
				t.Fatalf("%s: %s", what, diff)
			}
		}
	})
}

// writes of a running V7 to the image of incrementalImage: a block, and what it
// holds instead.
type blockWrite struct {
	name string
	n    int
	b    [BlockSize]byte
}

// incrementalImage returns an image and single blocks of it as they are after a
// typical operation.
func incrementalImage(t testing.TB) (*Mem, []blockWrite) {
	m := benchImage(t)
	f, err := Open(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.WriteFile("/big", content(1, 100*BlockSize), Attr{}); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, f)
	var list []blockWrite
	add := func(name string, n int, change func(p []byte)) {
		w := blockWrite{name: name, n: n}
		copy(w.b[:], m.Block(n))
		change(w.b[:])
		list = append(list, w)
	}
	stat := func(path string) Stat {
		st, err := f.Lookup(path)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	inode := func(name, path string, change func(d []byte)) {
		n, off := InodeBlock(stat(path).Ino)
		add(name, n, func(p []byte) { change(p[off : off+InodeSize]) })
	}
	super := m.Block(SuperBlock)
	last := int(word(super[superNFree:])) - 1
	free := uint32(Long(super[superFree+4*last:]))
	chain := int(Long(super[superFree:]))
	add("Data", int(stat("/dir7/file20").Addr[0]), func(p []byte) { p[1]++ })
	inode("InodeTime", "/dir7/file20", func(d []byte) { d[inodeMTime]++ })
	inode("InodeLinks", "/dir7/file20", func(d []byte) { d[inodeNlink]++ })
	inode("InodeGrows", "/dir7/file20", func(d []byte) {
		PutLong(d[inodeSize:], Long(d[inodeSize:])+BlockSize)
		PutAddr3(d[inodeAddr+3*5:], free)
	})
	inode("InodeOfBigGrows", "/big", func(d []byte) { PutLong(d[inodeSize:], Long(d[inodeSize:])+BlockSize) })
	inode("InodeOfDirectory", "/dir7", func(d []byte) { PutLong(d[inodeSize:], Long(d[inodeSize:])+DirentSize) })
	inode("InodeCleared", "/dir7/file20", func(d []byte) { clear(d) })
	add("Directory", int(stat("/dir7").Addr[0]), func(p []byte) { putWord(p[5*DirentSize:], 0) })
	add("DirectoryOfDirectories", int(stat("/").Addr[0]), func(p []byte) { putWord(p[5*DirentSize:], 0) })
	add("Indirect", int(stat("/big").Addr[NDirect]), func(p []byte) { PutLong(p[95*4:], int32(free)) })
	add("SuperAlloc", SuperBlock, func(p []byte) { putWord(p[superNFree:], uint16(last)) })
	add("SuperInode", SuperBlock, func(p []byte) { putWord(p[superNInode:], word(p[superNInode:])-1) })
	add("SuperChain", SuperBlock, func(p []byte) { copy(p[superNFree:superNInode], m.Block(chain)) })
	add("Chain", chain, func(p []byte) { PutLong(p[chainFree+40:], int32(free)) })
	return m, list
}

// BenchmarkIncremental changes one block and asks for a report.
func BenchmarkIncremental(b *testing.B) {
	m, list := incrementalImage(b)
	for _, w := range list {
		b.Run(w.name, func(b *testing.B) {
			dev := m.Clone()
			c := NewIncremental(dev)
			c.Report()
			is := [2][BlockSize]byte{w.b}
			copy(is[1][:], dev.Block(w.n))
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				dev.WriteBlock(w.n, is[i][:])
				i ^= 1
				c.Update(w.n)
				c.Report()
			}
		})
	}
}

// BenchmarkIncrementalFirst reads a whole file system.
func BenchmarkIncrementalFirst(b *testing.B) {
	m, _ := incrementalImage(b)
	c := NewIncremental(m)
	for b.Loop() {
		c.unread = true
		c.Report()
	}
}

func BenchmarkIncrementalClone(b *testing.B) {
	m, _ := incrementalImage(b)
	c := NewIncremental(m)
	c.Report()
	b.ReportAllocs()
	for b.Loop() {
		c.Clone(m)
	}
}

// Once the tables have grown to what is needed, nothing is allocated.
func TestIncrementalAllocations(t *testing.T) {
	m, list := incrementalImage(t)
	c := NewIncremental(m)
	c.Report()
	for _, w := range list {
		var old [BlockSize]byte
		copy(old[:], m.Block(w.n))
		n := testing.AllocsPerRun(20, func() {
			m.WriteBlock(w.n, w.b[:])
			c.Update(w.n)
			c.Report()
			m.WriteBlock(w.n, old[:])
			c.Update(w.n)
			c.Report()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", w.name, n)
		}
		if diff := agree(c, m); diff != "" {
			t.Errorf("%s: %s", w.name, diff)
		}
	}
}
