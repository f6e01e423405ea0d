package journaldev

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"v7em/block"
)

// # The journal file
//
// The journal of the pack "rk0.rk05" is the file "rk0.rk05.journal". Integers are
// little-endian and unsigned unless said otherwise; a sector is 512 bytes; every
// checksum is a CRC-32C (Castagnoli). The file is
//
//	byte 0      header
//	byte 4096   the same header again
//	byte 8192   the ring: the header says how many sectors
//
// The two headers are written one after the other, each made durable before the
// next write. The one with the greater generation counts; one whose checksum is
// wrong does not.
//
// Header, 512 bytes:
//
//	  0  8  "V7EMJRNL"
//	  8  4  version of the format, 1
//	 12  4  bytes in a header, 512
//	 16 16  the journal's id, random
//	 32  8  generation: how often the header was written, from 1, which says that the
//	        journal was never used and the state below means nothing
//	 40  8  start: number of the first sector of this generation's records
//	 48  8  home: all transactions up to this one are home
//	 56  8  sectors in the ring, at least 64
//	 64  4  blocks in the pack
//	 68  4  bytes in a block, 512
//	 72  8  when it was written, nanoseconds since 1970 in UTC, signed
//	 80 48  the state of the pack, below
//	508  4  checksum of bytes 0-507
//
// State of the pack, 48 bytes, as a commit left it:
//
//	  0  8  fingerprint: the sum, modulo 2^64, over the blocks that count, of the
//	        first 8 bytes of the SHA-256 of the block's number (8 bytes) and contents
//	  8  4  flags: 1, blocks that no file uses do not count (--data ordered)
//	 12  4  first block of the swap space
//	 16  4  first block behind it; swap space does not count
//	 20  4  how many file systems there are, 0 to 4
//	 24 16  where they start: 4 block numbers
//	 40  8  zeros
//
// A file system's start is where its boot block lies, so 0 for a pack with one.
//
// # Records
//
// The ring's sectors are numbered from the beginning of time: sector number s lies
// at byte 8192 + 512*(s mod ring). Records follow each other without gaps, each in
// whole sectors; one that reaches the ring's end goes on at its beginning. What
// the ring holds besides records of the header's generation are older records,
// all of them home, or remains of them.
//
// Record, a multiple of 512 bytes, at most 64 KB:
//
//	  0  4  "V7JR"
//	  4  1  kind: 'D' data, 'C' commit mark, 'H' completion mark
//	  5  3  zeros
//	  8  4  bytes in the record, L
//	 12  4  bytes of payload
//	 16 16  the journal's id
//	 32  8  generation of the header when it was written
//	 40  8  number of its first sector
//	 48  8  transaction: ids grow by one; for 'H', all up to this one are home
//	 56  4  D: number in its transaction, from 0. C: how many D there are. H: 0
//	 60  4  zeros
//	 64     payload, then zeros
//	L-16  4  bytes in the record, L, so that the ring can be read backwards
//	L-12  4  zeros
//	 L-8  4  "RJ7V"
//	 L-4  4  checksum of all bytes before it
//
// Data, the payload of 'D':
//
//	  0  4  number of updates
//	  4  4  zeros
//	  8     updates, 16 bytes each:
//	        0  4  block
//	        4  1  type: 1 SUPER, 2 INODE, 3 ILIST, 4 FREE, 5 USED, 6 FDATA
//	        5  1  flags: 1 a redo image follows, 2 an undo image follows, 4 the block
//	              was written home before the commit
//	        6  2  first byte of the block that changed
//	        8  2  first byte behind, at most 512
//	       10  6  of the first update of a block: what the block was before, in 48 bits;
//	              zeros if that is not known. Bits 0-29 are the lowest 30 of what the
//	              fingerprint takes of it, or 1 where these are 0; bits 30-38 are the
//	              first of its bytes that the transaction changes, 39-47 the last
//	        then the images, 512 bytes each, in the order of the updates that have
//	        them, redo before undo
//
// An update without images that was not written home belongs to the block of the
// update before it, whose images show both.
//
// Commit, the payload of 'C':
//
//	  0  8  number of the first sector of the transaction's records
//	  8  4  number of updates
//	 12  4  checksum of the checksums of its D records, 4 bytes each
//	 16  8  all transactions up to this one were home when the mark was written
//	 24  8  when, nanoseconds since 1970 in UTC, signed
//	 32 48  the state of the pack with this transaction, as in the header
//	 80     the note: a JSON object with the members "reason" and "ops"; each of ops
//	        has "program", "pid", "call" and "path"; "more" counts those left out
//
// The payload of 'H' is 8 bytes: when, nanoseconds since 1970 in UTC, signed.

const (
	journalMagic   = "V7EMJRNL"
	journalVersion = 1
	headerSize     = 512
	headerApart    = 4096 // the second header's offset
	ringOffset     = 8192
	sectorSize     = 512

	recordMagic = "V7JR"
	recordEnd   = "RJ7V"
	recordHead  = 64
	recordTail  = 16
	maxRecord   = 64 << 10

	kindData   = 'D'
	kindCommit = 'C'
	kindHome   = 'H'

	updateSize = 16
	flagRedo   = 1
	flagUndo   = 2
	flagDirect = 4

	stateSize  = 48
	commitSize = 32 + stateSize // before the note

	// minRing is the least number of sectors in a ring.
	minRing = 64
	// maxRing bounds what is believed of a header: 1 GB.
	maxRing = 1 << 30 / sectorSize
	// maxNote bounds the note's JSON in bytes, maxOps the operations in it.
	maxNote = 32 << 10
	maxOps  = 256
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

var le = binary.LittleEndian

// journalID tells one journal from every other.
type journalID [16]byte

// header is what the start of a journal says.
type header struct {
	id         journalID
	generation uint64
	start      uint64
	home       uint64
	ring       int // sectors
	blocks     int // in the pack
	time       int64
	state      packState
}

// packState describes the contents of a pack at a commit point.
type packState struct {
	fingerprint uint64
	ordered     bool // blocks that no file uses are not in the fingerprint
	layout      Layout
}

func (s packState) encode(b []byte) {
	le.PutUint64(b, s.fingerprint)
	if s.ordered {
		b[8] = 1
	}
	le.PutUint32(b[12:], uint32(s.layout.Swap.From))
	le.PutUint32(b[16:], uint32(s.layout.Swap.To))
	le.PutUint32(b[20:], uint32(s.layout.Systems))
	for i, start := range s.layout.starts() {
		le.PutUint32(b[24+4*i:], uint32(start))
	}
}

func (s *packState) decode(b []byte) error {
	s.fingerprint = le.Uint64(b)
	s.ordered = b[8]&1 != 0
	s.layout = Layout{
		Swap:    Range{int(le.Uint32(b[12:])), int(le.Uint32(b[16:]))},
		Systems: int(le.Uint32(b[20:])),
	}
	if s.layout.Systems > len(s.layout.Start) {
		return fmt.Errorf("%d file systems on a pack", s.layout.Systems)
	}
	for i := range s.layout.starts() {
		s.layout.Start[i] = int(le.Uint32(b[24+4*i:]))
	}
	return nil
}

func (h *header) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, journalMagic)
	le.PutUint32(b[8:], journalVersion)
	le.PutUint32(b[12:], headerSize)
	copy(b[16:], h.id[:])
	le.PutUint64(b[32:], h.generation)
	le.PutUint64(b[40:], h.start)
	le.PutUint64(b[48:], h.home)
	le.PutUint64(b[56:], uint64(h.ring))
	le.PutUint32(b[64:], uint32(h.blocks))
	le.PutUint32(b[68:], block.Size)
	le.PutUint64(b[72:], uint64(h.time))
	h.state.encode(b[80:])
	le.PutUint32(b[508:], checksum(b[:508]))
	return b
}

// versionError tells that a header is of another version of the format.
type versionError uint32

func (e versionError) Error() string {
	how := "newer"
	if e < journalVersion {
		how = "older"
	}
	return fmt.Sprintf("its format is version %d, of a %s v7em; this one knows version %d", uint32(e), how, journalVersion)
}

var errHeader = errors.New("its header is damaged")

// decodeHeader reads one copy of the header. It believes nothing that it has not
// checked.
func decodeHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerSize || string(b[:8]) != journalMagic {
		return h, errHeader
	}
	if v := le.Uint32(b[8:]); v != journalVersion {
		return h, versionError(v)
	}
	if le.Uint32(b[508:]) != checksum(b[:508]) || le.Uint32(b[12:]) != headerSize || le.Uint32(b[68:]) != block.Size {
		return h, errHeader
	}
	ring := le.Uint64(b[56:])
	if ring < minRing || ring > maxRing {
		return h, errHeader
	}
	h = header{
		id:         journalID(b[16:]),
		generation: le.Uint64(b[32:]),
		start:      le.Uint64(b[40:]),
		home:       le.Uint64(b[48:]),
		ring:       int(ring),
		blocks:     int(le.Uint32(b[64:])),
		time:       int64(le.Uint64(b[72:])),
	}
	if h.state.decode(b[80:]) != nil || h.start > 1<<62 || h.home > 1<<62 || h.generation > 1<<62 {
		return header{}, errHeader
	}
	return h, nil
}

// recordPlace is what sets a record apart from one of the same contents written at
// another time.
type recordPlace struct {
	id         journalID
	generation uint64
	seq        uint64 // its first sector
}

// appendRecord appends a record to b, which holds what comes before it in the
// ring, from place.seq on; place moves behind it. Returned are b and the record's
// checksum.
func appendRecord(b []byte, place *recordPlace, kind byte, id uint64, index int, payload []byte) ([]byte, uint32) {
	n := recordSectors(len(payload)) * sectorSize
	at := len(b)
	b = append(b, make([]byte, n)...)
	r := b[at:]
	copy(r, recordMagic)
	r[4] = kind
	le.PutUint32(r[8:], uint32(n))
	le.PutUint32(r[12:], uint32(len(payload)))
	copy(r[16:], place.id[:])
	le.PutUint64(r[32:], place.generation)
	le.PutUint64(r[40:], place.seq)
	le.PutUint64(r[48:], id)
	le.PutUint32(r[56:], uint32(index))
	copy(r[recordHead:], payload)
	le.PutUint32(r[n-16:], uint32(n))
	copy(r[n-8:], recordEnd)
	sum := checksum(r[:n-4])
	le.PutUint32(r[n-4:], sum)
	place.seq += uint64(n / sectorSize)
	return b, sum
}

// recordSectors returns how many sectors a record with that many bytes of payload
// takes.
func recordSectors(payload int) int {
	return (recordHead + payload + recordTail + sectorSize - 1) / sectorSize
}

// record is a record found in a ring.
type record struct {
	kind       byte
	generation uint64
	seq        uint64
	sectors    int
	id         uint64 // of the transaction
	index      int
	sum        uint32
	payload    []byte      // nil for one in a journal, which reads it when it is wanted
	mark       *commitMark // of a commit in a journal, without its note; nil if it makes no sense
}

// decodeRecord reads the record at the start of b. It returns false for anything
// but a whole one. Whether the place is right the caller has to see.
func decodeRecord(b []byte) (record, journalID, bool) {
	if len(b) < sectorSize || string(b[:4]) != recordMagic {
		return record{}, journalID{}, false
	}
	n, payload := int(le.Uint32(b[8:])), int(le.Uint32(b[12:]))
	if n > len(b) || n > maxRecord || n%sectorSize != 0 || payload > maxRecord || recordSectors(payload)*sectorSize != n {
		return record{}, journalID{}, false
	}
	b = b[:n]
	sum := checksum(b[:n-4])
	if le.Uint32(b[n-4:]) != sum || string(b[n-8:n-4]) != recordEnd || int(le.Uint32(b[n-16:])) != n {
		return record{}, journalID{}, false
	}
	r := record{
		kind:       b[4],
		generation: le.Uint64(b[32:]),
		seq:        le.Uint64(b[40:]),
		sectors:    n / sectorSize,
		id:         le.Uint64(b[48:]),
		index:      int(le.Uint32(b[56:])),
		sum:        sum,
		payload:    b[recordHead : recordHead+payload],
	}
	return r, journalID(b[16:]), true
}

// entry is an update as a data record has it.
type entry struct {
	Update
	redo, undo []byte // a block each, or nil
	before     before // the block at home; 0 if that is not known
}

// updatesPerRecord is how many updates go into one data record, each with its
// images.
func updatesPerRecord(undo bool) int {
	each := updateSize + block.Size
	if undo {
		each += block.Size
	}
	return (maxRecord - recordHead - recordTail - 8) / each
}

func entryFlags(e *entry) (flags byte, images int) {
	if e.redo != nil {
		flags, images = flags|flagRedo, images+1
	}
	if e.undo != nil {
		flags, images = flags|flagUndo, images+1
	}
	if e.Direct {
		flags |= flagDirect
	}
	return flags, images
}

// encodeData returns the payload of a data record.
func encodeData(entries []entry) []byte {
	size := 8 + updateSize*len(entries)
	for i := range entries {
		_, n := entryFlags(&entries[i])
		size += n * block.Size
	}
	b := make([]byte, size)
	le.PutUint32(b, uint32(len(entries)))
	at := 8 + updateSize*len(entries)
	for i := range entries {
		e, p := &entries[i], b[8+updateSize*i:]
		le.PutUint32(p, uint32(e.Block))
		p[4] = byte(e.Type)
		p[5], _ = entryFlags(e)
		le.PutUint16(p[6:], uint16(e.From))
		le.PutUint16(p[8:], uint16(e.To))
		le.PutUint16(p[10:], uint16(e.before))
		le.PutUint32(p[12:], uint32(e.before>>16))
		at += copy(b[at:], e.redo)
		at += copy(b[at:], e.undo)
	}
	return b
}

var errData = errors.New("a data record makes no sense")

// decodeData reads the payload of a data record of a pack with that many blocks.
// The images are parts of b.
func decodeData(b []byte, blocks int) ([]entry, error) {
	if len(b) < 8 {
		return nil, errData
	}
	n := int(le.Uint32(b))
	if n > (len(b)-8)/updateSize {
		return nil, errData
	}
	entries := make([]entry, n)
	rest := b[8+updateSize*n:]
	take := func() (p []byte) {
		if len(rest) >= block.Size {
			p, rest = rest[:block.Size:block.Size], rest[block.Size:]
		}
		return p
	}
	for i := range entries {
		e, p := &entries[i], b[8+updateSize*i:]
		e.Update = Update{
			Block: int(le.Uint32(p)), Type: Type(p[4]), From: int(le.Uint16(p[6:])), To: int(le.Uint16(p[8:])),
			Direct: p[5]&flagDirect != 0,
		}
		e.before = before(le.Uint16(p[10:])) | before(le.Uint32(p[12:]))<<16
		if e.Block >= blocks || e.Type == 0 || e.Type >= numTypes || e.From >= e.To || e.To > block.Size {
			return nil, errData
		}
		if p[5]&flagRedo != 0 {
			if e.redo = take(); e.redo == nil {
				return nil, errData
			}
		}
		if p[5]&flagUndo != 0 {
			if e.undo = take(); e.undo == nil {
				return nil, errData
			}
		}
	}
	if len(rest) != 0 {
		return nil, errData
	}
	return entries, nil
}

// Note says what a commit contains, as far as it was seen.
type Note struct {
	Reason string `json:"reason,omitempty"` // why now: "interval", "sync", "umount", ...
	Ops    []Op   `json:"ops,omitempty"`    // the operations, at most 256 are kept
	More   int    `json:"more,omitempty"`   // how many were not kept
}

// Op is an operation that a guest's program did.
type Op struct {
	Program string `json:"program,omitempty"` // "mkdir"
	PID     int    `json:"pid,omitempty"`
	Call    string `json:"call,omitempty"` // the system call, "mknod"
	Path    string `json:"path,omitempty"`
}

// join returns a note for a transaction that both belong to.
func (n Note) join(later Note) Note {
	all := Note{Reason: later.Reason, More: n.More + later.More}
	all.Ops = append(append(all.Ops, n.Ops...), later.Ops...)
	return all
}

// encode returns the note as JSON of at most maxNote bytes. It cuts n down to what
// it kept.
func (n *Note) encode() []byte {
	keep := min(len(n.Ops), maxOps)
	for {
		n.More += len(n.Ops) - keep
		n.Ops = n.Ops[:keep]
		b, err := json.Marshal(n)
		if err == nil && len(b) <= maxNote {
			return b
		}
		if keep == 0 {
			n.Reason = ""
		}
		keep /= 2
	}
}

// commitMark is the payload of a commit record.
type commitMark struct {
	first   uint64 // the transaction's first sector
	updates int
	sums    uint32
	home    uint64
	time    int64
	state   packState
	note    []byte
}

func (c *commitMark) encode() []byte {
	b := make([]byte, commitSize, commitSize+len(c.note))
	le.PutUint64(b, c.first)
	le.PutUint32(b[8:], uint32(c.updates))
	le.PutUint32(b[12:], c.sums)
	le.PutUint64(b[16:], c.home)
	le.PutUint64(b[24:], uint64(c.time))
	c.state.encode(b[32:])
	return append(b, c.note...)
}

func decodeCommit(b []byte) (commitMark, error) {
	if len(b) < commitSize {
		return commitMark{}, errors.New("a commit mark makes no sense")
	}
	c := commitMark{
		first:   le.Uint64(b),
		updates: int(le.Uint32(b[8:])),
		sums:    le.Uint32(b[12:]),
		home:    le.Uint64(b[16:]),
		time:    int64(le.Uint64(b[24:])),
		note:    b[commitSize:],
	}
	return c, c.state.decode(b[32:])
}

// commitNote returns what a mark's note says; a note that makes no sense is none.
func (c *commitMark) commitNote() Note {
	var n Note
	if json.Unmarshal(c.note, &n) != nil {
		return Note{}
	}
	return n
}

// split cuts the entries of a transaction into those of its data records.
func split(entries []entry, undo bool) [][]entry {
	var s [][]entry
	for n := updatesPerRecord(undo); len(entries) > 0; {
		k := min(n, len(entries))
		s = append(s, entries[:k])
		entries = entries[k:]
	}
	return s
}

// transSectors returns how many sectors the records of a transaction take.
func transSectors(entries []entry, undo bool, note []byte) int {
	n := recordSectors(commitSize + len(note))
	for _, part := range split(entries, undo) {
		payload := 8
		for i := range part {
			_, k := entryFlags(&part[i])
			payload += updateSize + k*block.Size
		}
		n += recordSectors(payload)
	}
	return n
}

// encodeTrans returns the records of a transaction, in transSectors sectors. mark
// gets what depends on the records.
func encodeTrans(place recordPlace, id uint64, entries []entry, undo bool, mark commitMark) []byte {
	var b, sums []byte
	var sum uint32
	parts := split(entries, undo)
	mark.first, mark.updates = place.seq, len(entries)
	for i, part := range parts {
		b, sum = appendRecord(b, &place, kindData, id, i, encodeData(part))
		sums = le.AppendUint32(sums, sum)
	}
	mark.sums = checksum(sums)
	b, _ = appendRecord(b, &place, kindCommit, id, len(parts), mark.encode())
	return b
}

// nanos converts a time to what the journal keeps.
func nanos(t time.Time) int64 { return t.UnixNano() }

// fromNanos converts back.
func fromNanos(n int64) time.Time { return time.Unix(0, n).UTC() }
