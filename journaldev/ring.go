package journaldev

import (
	"cmp"
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

// journal is what was found in a journal's file. It has where the records are, not what
// is in them: a ring may be much larger than what is of use in it.
type journal struct {
	header
	f       File
	records []record // whole ones, in ascending order of seq
	window  []byte   // the sectors of the ring read last
	from    int      // the first of them
}

// windowSectors is how much of a ring is read in one piece: all of one of the default
// size.
const windowSectors = DefaultJournalSize / sectorSize

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

// readJournal reads a journal and finds the records of its generation. It changes
// nothing, and believes only what checksums confirm.
func readJournal(f File) (*journal, error) { return readJournalInto(f, nil, false) }

// readJournalInto is readJournal with memory for a part of the ring, if it is large
// enough. With all it finds the records of older generations too.
func readJournalInto(f File, memory []byte, all bool) (*journal, error) {
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
	j := &journal{f: f, window: memory[:0]}
	if j.header, err = pickHeader(top); err != nil {
		return nil, err
	}
	if want := ringOffset + int64(j.ring)*sectorSize; size < want {
		return nil, fmt.Errorf("it has %d bytes and should have %d: it was cut short", size, want)
	}
	return j, j.scan(all)
}

// scan finds the whole records, wherever in the ring they begin.
func (j *journal) scan(all bool) error {
	for at := 0; at < j.ring; {
		if !j.has(at, 1) {
			if at = j.pastHole(at); at >= j.ring {
				break
			}
		}
		r, ok, err := j.recordAt(at)
		switch {
		case err != nil:
			return err
		case !ok:
			at++
			continue
		case all || r.generation == j.generation && r.seq >= j.start:
			j.records = append(j.records, r)
		}
		at += r.sectors
	}
	slices.SortFunc(j.records, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
	return nil
}

// recordAt returns the whole record that begins in a sector of the ring, without its
// payload.
func (j *journal) recordAt(at int) (record, bool, error) {
	b, err := j.sectors(at, 1)
	if err != nil || string(b[:4]) != recordMagic {
		return record{}, false, err
	}
	n := int(le.Uint32(b[8:]))
	if n%sectorSize != 0 || n == 0 || n > maxRecord || n > j.ring*sectorSize {
		return record{}, false, nil
	}
	if b, err = j.sectors(at, n/sectorSize); err != nil {
		return record{}, false, err
	}
	r, id, ok := decodeRecord(b)
	if r.kind == kindCommit && ok {
		if mark, err := decodeCommit(r.payload); err == nil {
			mark.note = nil
			r.mark = &mark
		}
	}
	r.payload = nil
	return r, ok && id == j.id && r.generation <= j.generation && r.seq%uint64(j.ring) == uint64(at), nil
}

// payload reads what is in a record that was found. It may be a part of the window, if
// that is all of the ring.
func (j *journal) payload(r record) ([]byte, error) {
	var b []byte
	var err error
	if at := int(r.seq % uint64(j.ring)); j.ring <= windowSectors {
		b, err = j.sectors(at, r.sectors)
	} else {
		b, err = j.read(at, r.sectors)
	}
	if err != nil {
		return nil, err
	}
	now, _, ok := decodeRecord(b)
	if !ok || now.sum != r.sum {
		return nil, errData
	}
	return now.payload, nil
}

// has says whether the window has n sectors of the ring.
func (j *journal) has(at, n int) bool {
	return at >= j.from && at+n <= j.from+len(j.window)/sectorSize
}

// sectors returns n sectors of the ring, which goes on at its beginning. They may be a
// part of the window.
func (j *journal) sectors(at, n int) ([]byte, error) {
	if at+n > j.ring && j.ring > windowSectors {
		return j.read(at, n)
	}
	if at+n > j.ring {
		j.sectors(0, 1) // so that the window is all of the ring
		return slices.Concat(j.window[at*sectorSize:], j.window[:(at+n-j.ring)*sectorSize]), nil
	}
	if !j.has(at, n) {
		j.from = at
		if j.ring <= windowSectors {
			j.from = 0
		}
		size := min(windowSectors, j.ring-j.from) * sectorSize
		j.window = slices.Grow(j.window[:0], size)[:size]
		if err := readZeroed(j.f, j.window, ringOffset+int64(j.from)*sectorSize); err != nil {
			j.window = j.window[:0]
			return nil, err
		}
	}
	return j.window[(at-j.from)*sectorSize:][:n*sectorSize], nil
}

// read returns n sectors of the ring, not through the window.
func (j *journal) read(at, n int) ([]byte, error) {
	b := make([]byte, n*sectorSize)
	k := min(n, j.ring-at) * sectorSize
	err := readZeroed(j.f, b[:k], ringOffset+int64(at)*sectorSize)
	if err == nil && k < len(b) {
		err = readZeroed(j.f, b[k:], ringOffset)
	}
	return b, err
}

// readZeroed reads p from a file at byte off, with zeros for what is past its end.
func readZeroed(f io.ReaderAt, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	clear(p[n:])
	return err
}

// seeker is a File that knows where its holes are. nextData returns the first byte at
// or past off that may not be in one, or the end of the file.
type seeker interface {
	nextData(off int64) (int64, error)
}

// pastHole returns the first sector of the ring at or past one that is in no hole of
// the file, as far as the host tells.
func (j *journal) pastHole(at int) int {
	f, ok := j.f.(seeker)
	if !ok {
		return at
	}
	to, err := f.nextData(ringOffset + int64(at)*sectorSize)
	if err != nil {
		return at
	}
	return max(at, int(min((to-ringOffset)/sectorSize, int64(j.ring))))
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
	mark       commitMark // without its note
	data       []record
	commit     record
	end        uint64 // the sector behind its mark
}

// assemble finds the whole transactions among records in ascending order of seq.
func assemble(records []record) []logged {
	var whole []logged
	var data []record
	for _, r := range records {
		if n := len(data); n > 0 && (data[n-1].id != r.id || data[n-1].generation != r.generation ||
			data[n-1].seq+uint64(data[n-1].sectors) != r.seq) {
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
	first := r.seq
	var sums []byte
	if len(data) > 0 {
		first = data[0].seq
	}
	for _, d := range data {
		sums = le.AppendUint32(sums, d.sum)
	}
	if r.mark == nil || r.index != len(data) || r.mark.first != first || r.mark.sums != checksum(sums) {
		return logged{}, false
	}
	end := r.seq + uint64(r.sectors)
	return logged{id: r.id, generation: r.generation, mark: *r.mark, data: data, commit: r, end: end}, true
}

// entries reads the updates of a transaction.
func (j *journal) entries(l *logged) ([]entry, error) {
	var all []entry
	for _, d := range l.data {
		payload, err := j.payload(d)
		if err != nil {
			return nil, err
		}
		e, err := decodeData(payload, j.blocks)
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

// note reads the note of a transaction; one that cannot be read is none.
func (j *journal) note(l *logged) Note {
	payload, err := j.payload(l.commit)
	if err != nil {
		return Note{}
	}
	mark, err := decodeCommit(payload)
	if err != nil {
		return Note{}
	}
	return mark.commitNote()
}
