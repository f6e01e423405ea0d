package crash

// An independent reckoning of a campaign's plain column: a recorded trace replayed on
// a flat array of bytes, a check of V7's file system that shares nothing with unix/fs,
// and V7's own icheck and dcheck on a sample.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"v7em/block"
	"v7em/crash"
	"v7em/images"
	"v7em/tests/guest"
	"v7em/unix/fs/fstest"
)

// pdpLong is a long of V7's: the high word first.
func pdpLong(b []byte) int {
	return int(int32(uint32(binary.LittleEndian.Uint16(b))<<16 | uint32(binary.LittleEndian.Uint16(b[2:]))))
}

func pdpWord(b []byte) int { return int(binary.LittleEndian.Uint16(b)) }

// reckoning is what there is to say about a pack.
type reckoning struct {
	harmful, harmless []string
	halfDone          int
	names             map[string]bool // of all files, from the pack's root
}

func (r *reckoning) harm(format string, a ...any) {
	r.harmful = append(r.harmful, fmt.Sprintf(format, a...))
}
func (r *reckoning) waste(format string, a ...any) {
	r.harmless = append(r.harmless, fmt.Sprintf(format, a...))
}

// reckon looks at an image: every inode, every block, every entry, the free list.
func reckon(img []byte) *reckoning {
	r := &reckoning{names: map[string]bool{}}
	blk := func(n int) []byte { return img[n*512 : n*512+512] }
	super := blk(1)
	isize, fsize := pdpWord(super), pdpLong(super[2:])
	if isize < 3 || fsize <= isize || fsize*512 > len(img) {
		r.harm("sizes %d %d", isize, fsize)
		return r
	}
	data := func(n int) bool { return n >= isize && n < fsize }
	type inode struct {
		mode, nlink, size int
		blocks            []int // of data, in order; 0 for a hole
	}
	inodes := (isize - 2) * 8
	files := make([]inode, inodes+1)
	used := map[int]int{}
	use := func(i, n int) bool {
		if !data(n) {
			r.harm("inode %d has block %d", i, n)
			return false
		}
		if used[n]++; used[n] > 1 {
			r.harm("block %d is used twice", n)
			return false
		}
		return true
	}
	for i := 1; i <= inodes; i++ {
		d := blk(2 + (i-1)/8)[(i-1)%8*64:]
		f := inode{mode: pdpWord(d), nlink: int(int16(pdpWord(d[2:]))), size: pdpLong(d[8:])}
		if f.mode == 0 {
			continue
		}
		kind := f.mode & 0o170000
		if kind == 0o100000 || kind == 0o040000 {
			if f.size < 0 || kind == 0o040000 && f.size%16 != 0 {
				r.harm("inode %d has size %d", i, f.size)
			}
			var follow func(n, level int)
			follow = func(n, level int) {
				switch {
				case n == 0:
					for range pow(128, level) {
						f.blocks = append(f.blocks, 0)
					}
				case !use(i, n):
				case level == 0:
					f.blocks = append(f.blocks, n)
				default:
					for k := range 128 {
						follow(pdpLong(blk(n)[4*k:]), level-1)
					}
				}
			}
			for k := range 13 {
				a := d[12+3*k:]
				n := int(a[0])<<16 | int(a[1]) | int(a[2])<<8
				if level := max(0, k-9); n != 0 || level == 0 {
					follow(n, level)
				}
			}
			for k, n := range f.blocks {
				if n != 0 && k*512 >= f.size {
					r.waste("inode %d has block %d past its size", i, n)
				}
				if n == 0 && kind == 0o040000 && k*512 < f.size {
					r.harm("directory %d has a hole", i)
				}
			}
		} else if kind != 0o020000 && kind != 0o060000 {
			r.harm("inode %d has mode %o", i, f.mode)
		}
		files[i] = f
	}

	// The free list, until its first bad entry.
	free := map[int]bool{}
	for n, list := pdpWord(super[6:]), super[8:]; ; {
		if n < 0 || n > 50 {
			r.harm("free count %d", n)
			break
		}
		next := 0
		for k := n - 1; k >= 0; k-- {
			b := pdpLong(list[4*k:])
			if k == 0 && b == 0 {
				break
			}
			if !data(b) || free[b] {
				r.harm("free list: %d", b)
				next = 0
				break
			}
			if used[b] > 0 {
				r.harm("block %d is used and free", b)
			}
			free[b] = true
			next = b
			if k > 0 {
				next = 0
			}
		}
		if next == 0 {
			break
		}
		n, list = pdpWord(blk(next)), blk(next)[2:]
	}
	missing := 0
	for b := isize; b < fsize; b++ {
		if used[b] == 0 && !free[b] {
			missing++
		}
	}
	if missing > 0 && len(r.harmful) == 0 {
		r.waste("%d blocks missing", missing)
	}

	// The list of free inodes.
	if n := pdpWord(super[208:]); n > 100 {
		r.harm("%d free inodes", n)
	} else {
		listed := map[int]bool{}
		for k := range n {
			i := pdpWord(super[210+2*k:])
			switch {
			case i < 1 || i > inodes:
				r.harm("free inode %d", i)
			case files[i].mode != 0 || listed[i]:
				r.waste("inode %d is listed as free", i)
			}
			listed[i] = true
		}
	}

	// Entries.
	entries := map[int]int{}
	named := map[int]int{}
	list := func(i int) (out []struct {
		ino  int
		name string
	}) {
		f := files[i]
		for k := 0; k < f.size/16; k++ {
			b := 0
			if k/32 < len(f.blocks) {
				b = f.blocks[k/32]
			}
			if b == 0 {
				continue
			}
			e := blk(b)[k%32*16:]
			if ino := pdpWord(e); ino != 0 {
				name, _, _ := strings.Cut(string(e[2:16]), "\x00")
				out = append(out, struct {
					ino  int
					name string
				}{ino, name})
			}
		}
		return out
	}
	// What no path from the root leads to, nobody comes across: damage there is none to
	// anything that is in use.
	reached := map[int]bool{2: true}
	for todo := []int{2}; len(todo) > 0; todo = todo[1:] {
		if files[todo[0]].mode&0o170000 != 0o040000 {
			continue
		}
		for _, e := range list(todo[0]) {
			if e.ino <= inodes && e.name != "." && e.name != ".." && !reached[e.ino] {
				reached[e.ino] = true
				todo = append(todo, e.ino)
			}
		}
	}
	held := map[int]int{} // entries in directories that are reached
	for i := 1; i <= inodes; i++ {
		if files[i].mode&0o170000 != 0o040000 {
			continue
		}
		harm := r.harm
		if !reached[i] {
			harm = r.waste
		}
		dot, dotdot := 0, 0
		for _, e := range list(i) {
			if e.ino > inodes {
				harm("inode %d has entry %q to %d", i, e.name, e.ino)
				continue
			}
			entries[e.ino]++
			if reached[i] {
				held[e.ino]++
			}
			if files[e.ino].mode == 0 {
				harm("inode %d has entry %q to a free inode", i, e.name)
			}
			switch e.name {
			case ".":
				dot = e.ino
			case "..":
				dotdot = e.ino
			default:
				named[e.ino]++
			}
		}
		if dot != i || dotdot == 0 {
			harm("directory %d has . %d and .. %d", i, dot, dotdot)
			r.halfDone++
		}
	}
	for i := 1; i <= inodes; i++ {
		f := files[i]
		switch n := entries[i]; {
		case f.mode == 0 || i == 1:
		case n == f.nlink && n > 0:
			if f.mode&0o170000 == 0o040000 && named[i] > 1 {
				r.waste("directory %d has %d names", i, named[i])
				r.halfDone++
			}
		case held[i] > f.nlink:
			r.harm("inode %d has %d links for %d entries", i, f.nlink, n)
		default:
			r.waste("inode %d has %d links for %d entries", i, f.nlink, n)
		}
	}

	// The tree.
	seen := map[int]bool{}
	var walk func(i int, path string)
	walk = func(i int, path string) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, e := range list(i) {
			if e.name == "." || e.name == ".." || e.ino > inodes {
				continue
			}
			r.names[path+"/"+e.name] = true
			if files[e.ino].mode&0o170000 == 0o040000 {
				walk(e.ino, path+"/"+e.name)
			}
		}
	}
	walk(2, "")
	for i := 1; i <= inodes; i++ {
		if files[i].mode&0o170000 == 0o040000 && entries[i] > 0 && !seen[i] {
			r.waste("directory %d cannot be reached", i)
			r.halfDone++
		}
	}
	return r
}

func pow(b, n int) int {
	p := 1
	for range n {
		p *= b
	}
	return p
}

// promised are the names that must be there, and those that must not, after a cut at a
// time when the operations before sure were covered by a sync.
type promised struct {
	run  *crash.Run
	pack int
}

// broken returns the names of which the promise is broken.
func (p promised) broken(names map[string]bool, sure int, now uint64) (list []string) {
	may := map[string][2]bool{} // may it be gone, may it be there
	for k, op := range p.run.Ops {
		if k >= sure && op.Called > now {
			continue
		}
		for _, c := range op.Changes {
			if c.Pack != p.pack {
				continue
			}
			there := 0
			if c.Is != (crash.Value{}) {
				there = 1
			}
			m := may[c.Path]
			if k < sure {
				m = [2]bool{}
			} else if _, known := may[c.Path]; !known {
				_, at := p.run.Packs[p.pack].Tree[c.Path]
				m[0], m[1] = !at, at
			}
			m[there] = true
			may[c.Path] = m
		}
	}
	for path, m := range may {
		there := 0
		if names[path] {
			there = 1
		}
		if !m[there] {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// image returns the bytes of a store.
func image(t *testing.T, s *block.Store) []byte {
	b := make([]byte, s.Blocks()*block.Size)
	for n := range s.Blocks() {
		if err := s.ReadBlock(n, b[n*block.Size:][:block.Size]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// sample is a disk of a campaign.
type sample struct {
	cut crash.Cut
	img []byte
}

// TestReckoning replays the plain column of a campaign.
func TestReckoning(t *testing.T) {
	if testing.Short() {
		t.Skip("checks each disk twice: left out with -short")
	}
	each := func(t *testing.T, packs *images.Drives) {
		w, err := crash.LoadWorkload("mkdir", 1)
		if err != nil {
			t.Fatal(err)
		}
		run, err := crash.Record(t.Context(), crash.RecordOptions{Mode: crash.Plain, Workload: w, Packs: packs})
		if err != nil {
			t.Fatal(err)
		}
		res, err := crash.Campaign(t.Context(), []*crash.Run{run}, crash.CampaignOptions{Models: []crash.Model{crash.Prefix}, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		said := map[int]crash.Cut{} // by event
		for _, c := range res.Modes[0].Cuts {
			said[c.Event] = c
		}

		var disks [][]byte
		var views []*reckoning
		for _, p := range run.Packs {
			img := image(t, p.Start)
			r := reckon(img)
			if len(r.harmful)+len(r.harmless)+r.halfDone > 0 {
				t.Fatalf("%s, to begin with: %+v", p.Drive, r)
			}
			disks, views = append(disks, img), append(views, r)
		}
		counts := map[crash.Outcome]int{}
		var samples []sample
		sure, compared, wrong, unkept := 0, 0, 0, 0
		for at, e := range run.Events {
			switch e.Kind {
			case crash.Synced:
				sure = e.Op
			case crash.Write:
				copy(disks[e.Pack][e.Off:], e.Data)
				views[e.Pack] = reckon(disks[e.Pack])
			}
			c, ok := said[at]
			if !ok {
				continue
			}
			compared++
			is, half, missing := crash.Clean, 0, 0
			set := func(o crash.Outcome, yes bool) {
				if yes && slices.Index(crash.Outcomes, o) > slices.Index(crash.Outcomes, is) {
					is = o
				}
			}
			var why []any
			for i, r := range views {
				lost := promised{run, i}.broken(r.names, sure, e.Time)
				set(crash.Harmless, len(r.harmless) > 0)
				set(crash.HalfDone, r.halfDone > 0)
				set(crash.PromiseLost, len(lost) > 0)
				set(crash.Harmful, len(r.harmful) > 0)
				half += r.halfDone
				missing += len(lost)
				why = append(why, r.harmful, r.harmless, r.halfDone, lost)
			}
			counts[is]++
			if missing > 0 {
				unkept++
			}
			if is != c.Outcome || (half > 0) != (c.HalfDone > 0) || (missing > 0) != (c.PromiseLost > 0) {
				if wrong++; wrong <= 5 {
					t.Errorf("cut %s: the campaign says %s (%v, %d half done, %d promises), the reckoning %s: %v", c.ID, c.Outcome, c.Kinds, c.HalfDone, c.PromiseLost, is, why)
				}
			}
			if compared%29 == 0 {
				samples = append(samples, sample{c, bytes.Clone(disks[0])})
			}
		}
		t.Logf("%d cuts: %v; promises broken in %d", compared, counts, unkept)
		if compared < 300 || counts[crash.Harmful] < compared/10 || unkept < compared/20 {
			t.Errorf("that is no test")
		}
		for o, n := range res.Modes[0].Counts[crash.Prefix] {
			if counts[o] != n {
				t.Errorf("%s: the table has %d, the reckoning %d", o, n, counts[o])
			}
		}

		t.Run("V7's own opinion", func(t *testing.T) { opinions(t, samples) })
	}
	t.Run(guest.V7, func(t *testing.T) { each(t, guest.Packs(t, "")) })
	t.Run(guest.Mini, func(t *testing.T) { each(t, guest.MiniPacks(t)) })
}

// opinions compares what icheck and dcheck say with the reckoning.
func opinions(t *testing.T, samples []sample) {
	g := guest.PowerOn(t, guest.Options{})
	g.Shell()
	g.Run("PATH=:/bin")
	spoken := 0
	for _, s := range samples {
		h := g.Clone(t)
		h.Insert(7, s.img)
		ic, dc := h.Run("icheck /dev/rrk7"), h.Run("dcheck /dev/rrk7")
		c, err := fstest.ParseIcheck(ic)
		if err != nil {
			t.Fatalf("%s: %v", s.cut.ID, err)
		}
		complains := !c.Clean() || !fstest.ParseDcheck(dc).Clean()
		if complains {
			spoken++
		}
		r := reckon(s.img)
		if fault := len(r.harmful)+len(r.harmless) > 0; fault != complains {
			t.Errorf("%s: icheck and dcheck say %q, %q; the reckoning %v %v", s.cut.ID, ic, dc, r.harmful, r.harmless)
		}
	}
	t.Logf("icheck and dcheck on %d of them; they complain of %d", len(samples), spoken)
	if spoken == 0 {
		t.Error("V7 has nothing to say")
	}
}
