package journaldev

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// ring is the ring of sectors in a journal's file.
type ring struct {
	f       *backing
	sectors int
}

// write writes b, whole sectors and no more than the ring has, from sector seq on.
func (r ring) write(seq uint64, b []byte) error {
	at := int(seq % uint64(r.sectors))
	n := min(len(b), (r.sectors-at)*sectorSize)
	if err := r.f.writeAt(b[:n], ringOffset+int64(at)*sectorSize); err != nil || n == len(b) {
		return err
	}
	return r.f.writeAt(b[n:], ringOffset)
}

// journal is the contents of a journal's file.
type journal struct {
	header
	data    []byte   // the ring
	records []record // the whole ones, of all generations, in ascending order of seq
}

// pickHeader reads the newer of the two headers at the start of a journal.
func pickHeader(b []byte) (header, error) {
	h, err := decodeHeader(b)
	if len(b) < headerApart {
		return h, err
	}
	h2, err2 := decodeHeader(b[headerApart:])
	var v versionError
	switch {
	case err != nil && err2 != nil && errors.As(err2, &v):
		return h2, err2
	case err2 == nil && (err != nil || h2.generation > h.generation):
		return h2, nil
	}
	return h, err
}

// readJournal reads a journal and finds its records. It changes nothing, and
// believes only what checksums confirm.
func readJournal(f File) (*journal, error) { return readJournalInto(f, nil) }

// readJournalInto is readJournal with memory for the ring, if it is large enough.
func readJournalInto(f File, data []byte) (*journal, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	top := make([]byte, ringOffset)
	if n, err := f.ReadAt(top, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	} else {
		top = top[:n]
	}
	j := new(journal)
	if j.header, err = pickHeader(top); err != nil {
		return nil, err
	}
	if want := ringOffset + int64(j.ring)*sectorSize; size < want {
		return nil, fmt.Errorf("it has %d bytes and should have %d: it was cut short", size, want)
	}
	j.data = slices.Grow(data[:0], j.ring*sectorSize)[:j.ring*sectorSize]
	n, err := f.ReadAt(j.data, ringOffset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	clear(j.data[n:])
	j.scan()
	return j, nil
}

// scan finds the whole records, wherever in the ring they begin.
func (j *journal) scan() {
	for at := 0; at < j.ring; {
		r, ok := j.recordAt(at)
		if !ok {
			at++
			continue
		}
		j.records = append(j.records, r)
		at += r.sectors
	}
	slices.SortFunc(j.records, func(a, b record) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
}

// recordAt returns the whole record that begins in a sector of the ring.
func (j *journal) recordAt(at int) (record, bool) {
	b := j.data[at*sectorSize:]
	if string(b[:4]) != recordMagic {
		return record{}, false
	}
	if n := int(le.Uint32(b[8:])); n > len(b) && n <= maxRecord && n <= len(j.data) {
		b = slices.Concat(b, j.data[:n-len(b)]) // it goes on at the ring's beginning
	}
	r, id, ok := decodeRecord(b)
	return r, ok && id == j.id && r.generation <= j.generation && r.seq%uint64(j.ring) == uint64(at)
}

// end returns the number of the sector behind the last record of this generation.
func (j *journal) end() uint64 {
	end := j.start
	for _, r := range j.records {
		if r.generation == j.generation {
			end = max(end, r.seq+uint64(r.sectors))
		}
	}
	return end
}

// logged is a whole transaction in a journal: its mark and all of its data.
type logged struct {
	id         uint64
	generation uint64
	mark       commitMark
	data       []record
	end        uint64 // the sector behind its mark
}

// assemble finds the whole transactions among records in ascending order of seq.
func assemble(records []record) []logged {
	var whole []logged
	var data []record
	for _, r := range records {
		if n := len(data); n > 0 && (data[n-1].id != r.id || data[n-1].generation != r.generation || data[n-1].seq+uint64(data[n-1].sectors) != r.seq) {
			data = nil
		}
		switch r.kind {
		case kindData:
			if r.index == len(data) {
				data = append(data, r)
				continue
			}
		case kindCommit:
			if l, ok := complete(data, r); ok {
				whole = append(whole, l)
			}
		}
		data = nil
	}
	return whole
}

// complete holds a commit mark against the data records before it.
func complete(data []record, r record) (logged, bool) {
	mark, err := decodeCommit(r.payload)
	first := r.seq
	var sums []byte
	if len(data) > 0 {
		first = data[0].seq
	}
	for _, d := range data {
		sums = le.AppendUint32(sums, d.sum)
	}
	ok := err == nil && r.index == len(data) && mark.first == first && mark.sums == checksum(sums)
	return logged{id: r.id, generation: r.generation, mark: mark, data: data, end: r.seq + uint64(r.sectors)}, ok
}

// entries reads the updates of a transaction on a pack with that many blocks.
func (l *logged) entries(blocks int) ([]entry, error) {
	var all []entry
	for _, d := range l.data {
		e, err := decodeData(d.payload, blocks)
		if err != nil {
			return nil, err
		}
		all = append(all, e...)
	}
	if len(all) != l.mark.updates {
		return nil, errData
	}
	return all, nil
}
