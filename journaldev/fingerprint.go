package journaldev

import (
	"crypto/sha256"
	"iter"
	"slices"

	"v7em/block"
)

// fingerprint is a sum over the contents of a pack's blocks that is kept up block
// by block. Every commit mark carries it, so recovery can tell that an image with
// the journal's blocks put over it is exactly what was committed: a journal of
// another pack, an image that another program has changed, a write that never
// arrived all give another sum.
type fingerprint struct {
	sums   []uint64 // of the blocks that count; 0 for the others
	counts []bool   // which blocks count
}

// counting returns which blocks of a store count: those outside the swap space
// and, if ordered, only those that something uses (and then uses is needed).
func counting(blocks int, l Layout, ordered bool, uses []Use) []bool {
	counts := make([]bool, blocks)
	for n := range counts {
		counts[n] = !l.Swap.Has(n) && (!ordered || uses[n] != UseNone)
	}
	return counts
}

// update makes f that of the store, of which the blocks for which changed is true
// may differ from those that f was made of, and returns what describes the pack
// now. The zero fingerprint was made of nothing; then changed is not asked.
func (f *fingerprint) update(s *block.Store, l Layout, ordered bool, uses []Use, changed func(n int) bool) packState {
	counts := counting(s.Blocks(), l, ordered, uses)
	if f.sums == nil {
		f.sums, f.counts = make([]uint64, s.Blocks()), make([]bool, s.Blocks())
	}
	var total uint64
	for n, c := range counts {
		switch {
		case !c:
			f.sums[n] = 0
		case !f.counts[n] || changed(n):
			f.sums[n] = blockSum(s, n)
		}
		total += f.sums[n]
	}
	f.counts = counts
	return packState{fingerprint: total, ordered: ordered, layout: l}
}

// clone returns a copy.
func (f *fingerprint) clone() fingerprint {
	return fingerprint{sums: slices.Clone(f.sums), counts: slices.Clone(f.counts)}
}

// renew makes f that of the store, of which the given blocks may differ from those
// that f was made of. Which blocks count stays as it is.
func (f *fingerprint) renew(s *block.Store, changed iter.Seq[int]) {
	for n := range changed {
		if f.counts[n] {
			f.sums[n] = blockSum(s, n)
		}
	}
}

// blockSum returns a block's part of the sum.
func blockSum(s *block.Store, n int) uint64 {
	var b [8 + block.Size]byte
	le.PutUint64(b[:], uint64(n))
	s.ReadBlock(n, b[8:])
	sum := sha256.Sum256(b[:])
	return le.Uint64(sum[:])
}

// before is what an update says of its block as it was: see format.go.
type before uint64

const (
	beforeSum   = 1<<30 - 1
	beforeFirst = 30
	beforeLast  = 39
)

// newBefore describes block n of a store before it becomes what b holds.
func newBefore(s *block.Store, n int, b []byte) before {
	var old [block.Size]byte
	s.ReadBlock(n, old[:])
	first, last := 0, 0
	for i := range old {
		if old[i] != b[i] {
			if last = i; first == 0 {
				first = i
			}
		}
	}
	if old[0] != b[0] {
		first = 0
	}
	return before(max(blockSum(s, n)&beforeSum, 1) | uint64(first)<<beforeFirst | uint64(last)<<beforeLast)
}

// is says whether block n of a store is as it was, or nobody knows how.
func (b before) is(s *block.Store, n int) bool {
	return b == 0 || uint64(b)&beforeSum == max(blockSum(s, n)&beforeSum, 1)
}

// changes returns the first and the last byte that the transaction changes.
func (b before) changes() (first, last int) {
	return int(b >> beforeFirst % block.Size), int(b >> beforeLast % block.Size)
}
