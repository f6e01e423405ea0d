package crash

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"v7em/block"
)

// point is a cut: what its ID says.
type point struct {
	mode    Mode
	model   Model
	event   int
	variant int
}

// ID returns the point as the command line has it: "journal.lost.1234.2".
func (p point) ID() string {
	return fmt.Sprintf("%s.%s.%d.%d", p.mode, p.model, p.event, p.variant)
}

// parseID reads an ID. What ID returns is the only way to write a point.
func parseID(id string) (point, error) {
	var p point
	bad := func() (point, error) {
		return point{}, fmt.Errorf("%q is no cut: one is called like journal.lost.1234.2, by its mode (%s), model "+
			"(%s), event and variant", id, list(Modes), list(Models))
	}
	words := strings.Split(id, ".")
	if len(words) != 4 {
		return bad()
	}
	p.mode, p.model = Mode(words[0]), Model(words[1])
	var err1, err2 error
	p.event, err1 = strconv.Atoi(words[2])
	p.variant, err2 = strconv.Atoi(words[3])
	if err1 != nil || err2 != nil || p.event < 0 || p.variant < 0 || p.ID() != id ||
		!slices.Contains(Modes, p.mode) || !slices.Contains(Models, p.model) {
		return bad()
	}
	return p, nil
}

func list[T ~string](words []T) string {
	var s []string
	for _, w := range words {
		s = append(s, string(w))
	}
	return strings.Join(s, ", ")
}

// How many cuts there are of one event.
const (
	lostVariants = 4 // everything that was not synced; then half of the sectors, 5% and 95%
	tornVariants = 4 // between sectors, before the last, within one, within the last
)

// random returns the random numbers of a cut, which depend on nothing else.
func (p point) random(seed uint64) *rand.Rand {
	h := fnv.New64a()
	io.WriteString(h, p.ID())
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// sum is a sum over the contents of blocks, kept up block by block: two disks with the
// same sum are the same.
type sum [2]uint64

// sumOf returns the part of block n.
func sumOf(n int, data []byte) sum {
	var b [8 + block.Size]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	copy(b[8:], data)
	h := sha256.Sum256(b[:])
	return sum{binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])}
}

// swap takes the part of one version of a block out of the sum and puts another in.
func (s *sum) swap(old, new sum) {
	s[0] += new[0] - old[0]
	s[1] += new[1] - old[1]
}

// version is what a write made of one sector.
type version struct {
	sector int
	data   []byte // of the whole sector
	sum    sum    // zero in a journal and in swap space: those do not count
}

// replay is a run made ready to be cut. It is not changed any more, and shared by all
// who cut it.
type replay struct {
	*Run
	versions [][]version // of each event, those of its sectors
	unsynced []int       // how many sectors a power failure could lose after each event
	sums     [][]sum     // of each pack, those of its blocks at the start; swap space has none
	sectors  []int       // of each pack's journal, when it is longest
}

// newReplay makes a run ready. The error says what makes no sense in it.
func newReplay(run *Run) (*replay, error) {
	r := &replay{Run: run, versions: make([][]version, len(run.Events)), unsynced: make([]int, len(run.Events))}
	for i, p := range run.Packs {
		if p.Start == nil || p.Swap < 0 || p.Swap > p.Start.Blocks() {
			return nil, fmt.Errorf("pack %d of the run makes no sense", i)
		}
		sums := make([]sum, p.Start.Blocks())
		var b [block.Size]byte
		for n := range p.Swap {
			if err := p.Start.ReadBlock(n, b[:]); err != nil {
				return nil, err
			}
			sums[n] = sumOf(n, b[:])
		}
		r.sums = append(r.sums, sums)
		r.sectors = append(r.sectors, (len(p.Journal)+block.Size-1)/block.Size)
	}
	for i, e := range run.Events {
		switch {
		case e.Kind > Synced:
			return nil, fmt.Errorf("event %d of the run is of no kind that there is", i)
		case e.Kind > Sync && (e.Op < 0 || e.Op > len(run.Ops) || e.Kind == Return && e.Op == len(run.Ops)):
			return nil, fmt.Errorf("event %d of the run is about operation %d of %d", i, e.Op, len(run.Ops))
		case e.Kind > Sync:
			continue
		case e.Pack < 0 || e.Pack >= len(run.Packs):
			return nil, fmt.Errorf("event %d of the run is on pack %d of %d", i, e.Pack, len(run.Packs))
		case e.Kind == Write && (e.Off < 0 || len(e.Data) == 0 || e.Off > 1<<32 ||
			!e.Journal && e.Off+int64(len(e.Data)) > int64(run.Packs[e.Pack].Start.Blocks())*block.Size):
			return nil, fmt.Errorf("event %d of the run writes %d bytes at %d, which is out of its file", i, len(e.Data), e.Off)
		case e.Kind == Write && e.Journal:
			r.sectors[e.Pack] = max(r.sectors[e.Pack], int((e.Off+int64(len(e.Data))+block.Size-1)/block.Size))
		}
	}
	c, err := r.cursor()
	if err != nil {
		return nil, err
	}
	for i, e := range run.Events {
		if e.Kind == Write {
			f := c.file(e)
			for off, data := e.Off, e.Data; len(data) > 0; {
				n := min(int(block.Size-off%block.Size), len(data))
				v := version{sector: int(off / block.Size), data: data[:n:n]}
				if n < block.Size {
					v.data = make([]byte, block.Size)
					if err := f.now.ReadBlock(v.sector, v.data); err != nil {
						return nil, err
					}
					copy(v.data[off%block.Size:], data[:n])
				}
				if f.counts(v.sector) {
					v.sum = sumOf(v.sector, v.data)
				}
				r.versions[i] = append(r.versions[i], v)
				off, data = off+int64(n), data[n:]
			}
		}
		if err := c.step(); err != nil {
			return nil, err
		}
		r.unsynced[i] = c.unsynced()
	}
	return r, nil
}

// written is a file as the host has written it.
type written struct {
	now    contents // with all that was written
	synced contents // without what no sync has covered
	// pending are the versions that no sync has covered, in their order, and many how
	// often they name a sector.
	pending []version
	many    map[int]int
}

// contents is what a file holds.
type contents struct {
	*block.Store
	size  int64 // in bytes
	sums  []sum // of its blocks; nil in a journal
	total sum   // all of them
	state int   // changes whenever the contents do, and no two contents of a file have the same
}

// counts says whether a sector is one that sums count.
func (c *contents) counts(sector int) bool { return sector < len(c.sums) }

func (f *written) counts(sector int) bool { return f.now.counts(sector) }

func (c *contents) put(v version) error {
	if c.counts(v.sector) {
		c.total.swap(c.sums[v.sector], v.sum)
		c.sums[v.sector] = v.sum
	}
	c.size = max(c.size, int64(v.sector+1)*block.Size)
	return c.WriteBlock(v.sector, v.data)
}

func (c *contents) clone() contents {
	d := *c
	d.Store, d.sums = c.Store.Clone(), slices.Clone(c.sums)
	return d
}

// cursor goes through a run's events, and has the files as they were after each.
type cursor struct {
	r     *replay
	next  int          // Events[:next] have happened
	files [][2]written // of each pack: its image and its journal
	ops   int          // how many have returned: Ops[:ops]
	sure  int          // Ops[:sure] are covered by a sync of the guest that has returned
}

// cursor returns one that stands before the first event.
func (r *replay) cursor() (*cursor, error) {
	c := &cursor{r: r, files: make([][2]written, len(r.Packs))}
	for i, p := range r.Packs {
		image := contents{Store: p.Start.Clone(), size: int64(p.Start.Blocks()) * block.Size,
			sums: slices.Clone(r.sums[i][:p.Swap])}
		for _, s := range image.sums {
			image.total.swap(sum{}, s)
		}
		journal := contents{Store: block.NewStore(r.sectors[i]), size: int64(len(p.Journal))}
		if err := journal.Load(strings.NewReader(string(p.Journal))); err != nil {
			return nil, err
		}
		for k, f := range []contents{image, journal} {
			c.files[i][k] = written{now: f, synced: f.clone(), many: map[int]int{}}
		}
	}
	return c, nil
}

func (c *cursor) file(e Event) *written {
	if e.Journal {
		return &c.files[e.Pack][1]
	}
	return &c.files[e.Pack][0]
}

// step lets the next event happen.
func (c *cursor) step() error {
	e := c.r.Events[c.next]
	c.next++
	switch e.Kind {
	case Return:
		c.ops = max(c.ops, e.Op+1)
	case Synced:
		c.sure = max(c.sure, e.Op)
	case Write:
		f := c.file(e)
		f.now.state = c.next
		for _, v := range c.r.versions[c.next-1] {
			if err := f.now.put(v); err != nil {
				return err
			}
			f.pending = append(f.pending, v)
			f.many[v.sector]++
		}
	case Sync:
		f := c.file(e)
		for _, v := range f.pending {
			if err := f.synced.put(v); err != nil {
				return err
			}
		}
		f.synced.state = f.now.state
		f.pending = f.pending[:0]
		clear(f.many)
	}
	return nil
}

// goTo lets all events before Events[next] happen. It only goes forwards.
func (c *cursor) goTo(next int) error {
	for c.next < next {
		if err := c.step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) unsynced() (n int) {
	for i := range c.files {
		for k := range c.files[i] {
			n += len(c.files[i][k].many)
		}
	}
	return n
}

// remains are what a power failure leaves of a file: what it held at some time, and
// the sectors in which it differs from that.
type remains struct {
	base  *contents
	over  []version // each sector at most once
	at    map[int]int
	total sum
	size  int64
}

// reset has r be what a file held, without any difference.
func (r *remains) reset(base *contents) {
	r.base, r.over, r.total, r.size = base, r.over[:0], base.total, base.size
	if r.at == nil {
		r.at = map[int]int{}
	}
	clear(r.at)
}

// put sets a sector, also one that is set already.
func (r *remains) put(v version) {
	r.size = max(r.size, int64(v.sector+1)*block.Size)
	i, ok := r.at[v.sector]
	if !ok {
		i = len(r.over)
		r.over = append(r.over, version{})
		r.at[v.sector] = i
	}
	if r.base.counts(v.sector) {
		old := r.base.sums[v.sector]
		if ok {
			old = r.over[i].sum
		}
		r.total.swap(old, v.sum)
	}
	r.over[i] = v
}

// store returns what is left as a store of its own.
func (r *remains) store() (*block.Store, error) {
	s := r.base.Store.Clone()
	for _, v := range r.over {
		if err := s.WriteBlock(v.sector, v.data); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ReadAt implements io.ReaderAt.
func (r *remains) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(r.size-off, 0)))
	if _, err := r.base.ReadAt(p[:n], off); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for _, v := range r.over {
		at := int64(v.sector)*block.Size - off
		switch {
		case at >= int64(n) || at+block.Size <= 0:
		case at < 0:
			copy(p[:n], v.data[-at:])
		default:
			copy(p[at:n], v.data)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// cut makes the remains of all files of a cut. A torn write is the next event of the
// cursor; for the others the cursor stands behind the event.
func (c *cursor) cut(p point, seed uint64, left [][2]remains) error {
	rnd := p.random(seed)
	for i := range c.files {
		for k := range c.files[i] {
			f, r := &c.files[i][k], &left[i][k]
			if p.model != Lost || len(f.pending) == 0 {
				r.reset(&f.now)
				continue
			}
			r.reset(&f.synced)
			if p.variant > 0 {
				f.lose(r, rnd, []int{50, 5, 95}[(p.variant-1)%3])
			}
		}
	}
	if p.model == Torn {
		e := c.r.Events[p.event]
		if e.Kind != Write {
			return fmt.Errorf("event %d is no write, which could be torn", p.event)
		}
		r := &left[e.Pack][0]
		if e.Journal {
			r = &left[e.Pack][1]
		}
		return tear(r, c.r.versions[p.event], p.variant, rnd)
	}
	return nil
}

// lose puts back what survives: of every sector the newest version or, at so many in
// a hundred, an older one or the one that was synced.
func (f *written) lose(r *remains, rnd *rand.Rand, percent int) {
	keep := make(map[int]int, len(f.many)) // which version, from 1; 0 for none of them
	seen := make(map[int]int, len(f.many))
	for _, v := range f.pending {
		k, ok := keep[v.sector]
		if !ok {
			k = f.many[v.sector]
			if rnd.IntN(100) < percent {
				k = rnd.IntN(k)
			}
			keep[v.sector] = k
		}
		if seen[v.sector]++; seen[v.sector] == k {
			r.put(v)
		}
	}
}

// tear puts as much of a write in place as is done when it stops.
func tear(r *remains, write []version, variant int, rnd *rand.Rand) error {
	whole, bytes := 0, 0 // sectors, and bytes of the next
	n := len(write)
	switch variant % tornVariants {
	case 0:
		whole = n / 2
	case 1:
		whole = n - 1
	case 2:
		whole, bytes = rnd.IntN(n), 1+rnd.IntN(block.Size-1)
	case 3:
		whole, bytes = n-1, []int{block.Size - 1, 1, 256, block.Size - 4}[rnd.IntN(4)]
	}
	if whole == 0 {
		// A sector of several entries, inodes or addresses can stop at each.
		bytes = cmp.Or(bytes, 16*(1+rnd.IntN(block.Size/16-1)))
	}
	for _, v := range write[:whole] {
		r.put(v)
	}
	if bytes > 0 {
		v := write[whole]
		torn := version{sector: v.sector, data: make([]byte, block.Size)}
		// A sector past the end of a journal was never there: it is zeros.
		if v.sector < r.base.Blocks() {
			if err := r.base.ReadBlock(v.sector, torn.data); err != nil {
				return err
			}
		}
		copy(torn.data, v.data[:bytes])
		if r.base.counts(v.sector) {
			torn.sum = sumOf(v.sector, torn.data)
		}
		r.put(torn)
	}
	return nil
}

// points returns all cuts of a model, in their order.
func (r *replay) points(m Model) []point {
	var all []point
	for i, e := range r.Events {
		n := 1
		switch {
		case m == Torn && e.Kind != Write:
			n = 0
		case m == Torn:
			n = tornVariants
		case m == Lost && r.unsynced[i] > 0:
			n = lostVariants
		}
		for v := range n {
			all = append(all, point{r.Mode, m, i, v})
		}
	}
	return all
}

// choose returns n of the cuts, evenly spread, one at random from each of n equal
// parts; all of them if n is 0 or there are no more.
func choose(all []point, n int, seed uint64) []point {
	if n == 0 || n >= len(all) {
		return all
	}
	rnd := rand.New(rand.NewPCG(seed, 0x706f696e7473))
	some := make([]point, n)
	for i := range some {
		from, to := i*len(all)/n, (i+1)*len(all)/n
		some[i] = all[from+rnd.IntN(to-from)]
	}
	return some
}
