package journaldev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"v7em/block"
	"v7em/journaldev/crashtest"
)

// TestFormatBytes holds what is written against the offsets that format.go
// documents.
func TestFormatBytes(t *testing.T) {
	sum := func(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
	id := journalID{1, 2, 3, 15: 16}
	state := packState{0x1122334455667788, true, Layout{Swap: Range{4000, 4872}, Systems: 2, Start: [4]int{0, 7000}}}
	checkState := func(b []byte) {
		t.Helper()
		want := slices.Concat([]byte{0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 1, 0, 0, 0, 0xa0, 0x0f, 0, 0, 0x08, 0x13, 0, 0, 2, 0, 0, 0},
			[]byte{0, 0, 0, 0, 0x58, 0x1b, 0, 0}, make([]byte, 16))
		if !bytes.Equal(b, want) {
			t.Errorf("state %x, want %x", b, want)
		}
	}
	h := header{id: id, generation: 7, start: 1000, home: 42, ring: 8176, blocks: 4872, time: -5, state: state}
	b := h.encode()
	u64, u32, u16 := binary.LittleEndian.Uint64, binary.LittleEndian.Uint32, binary.LittleEndian.Uint16
	if len(b) != 512 || string(b[:8]) != "V7EMJRNL" || u32(b[8:]) != 1 || u32(b[12:]) != 512 || !bytes.Equal(b[16:32], id[:]) ||
		u64(b[32:]) != 7 || u64(b[40:]) != 1000 || u64(b[48:]) != 42 || u64(b[56:]) != 8176 || u32(b[64:]) != 4872 ||
		u32(b[68:]) != 512 || int64(u64(b[72:])) != -5 || u32(b[508:]) != sum(b[:508]) {
		t.Errorf("header %x", b)
	}
	checkState(b[80:128])
	if got, err := decodeHeader(b); err != nil || got != h {
		t.Errorf("decoded %+v, %v", got, err)
	}

	redo, undo := fill('r'), fill('u')
	entries := []entry{
		{Update{Block: 257, Type: TypeInode, From: 128, To: 192}, redo, undo, 0x665544332211},
		{Update{Block: 257, Type: TypeInode, From: 448, To: 512}, nil, nil, 0},
		{Update{Block: 300, Type: TypeUsed, From: 0, To: 512, Direct: true}, nil, nil, 0},
	}
	note := []byte(`{"reason":"sync"}`)
	rec := encodeTrans(recordPlace{id, 7, 1003}, 99, entries, true, commitMark{home: 98, time: 77, state: state, note: note})
	if n := transSectors(entries, true, note); len(rec) != n*512 {
		t.Fatalf("%d bytes of records, transSectors says %d sectors", len(rec), n)
	}
	d := rec[:3*512] // 64 + 8 + 3*16 + 2*512 + 16 bytes
	if string(d[:8]) != "V7JRD\000\000\000" || u32(d[8:]) != 3*512 || u32(d[12:]) != 8+48+1024 || !bytes.Equal(d[16:32], id[:]) ||
		u64(d[32:]) != 7 || u64(d[40:]) != 1003 || u64(d[48:]) != 99 || u32(d[56:]) != 0 ||
		u32(d[1520:]) != 3*512 || string(d[1528:1532]) != "RJ7V" || u32(d[1532:]) != sum(d[:1532]) {
		t.Errorf("data record %x", d)
	}
	p := d[64:]
	if u32(p) != 3 || u32(p[8:]) != 257 || p[12] != 2 || p[13] != 3 || u16(p[14:]) != 128 || u16(p[16:]) != 192 || string(p[18:24]) != "\x11\x22\x33\x44\x55\x66" ||
		u32(p[24:]) != 257 || p[28] != 2 || p[29] != 0 || u16(p[30:]) != 448 || u16(p[32:]) != 512 ||
		u32(p[40:]) != 300 || p[44] != 5 || p[45] != 4 || u16(p[46:]) != 0 || u16(p[48:]) != 512 ||
		!bytes.Equal(p[56:568], redo) || !bytes.Equal(p[568:1080], undo) {
		t.Errorf("payload %x", p)
	}
	c := rec[3*512:]
	if len(c) != 512 || string(c[:5]) != "V7JRC" || u64(c[40:]) != 1006 || u64(c[48:]) != 99 || u32(c[56:]) != 1 || u32(c[12:]) != uint32(80+len(note)) {
		t.Errorf("commit record %x", c)
	}
	p = c[64:]
	if u64(p) != 1003 || u32(p[8:]) != 3 || u32(p[12:]) != sum(d[1532:1536]) || u64(p[16:]) != 98 || u64(p[24:]) != 77 || !bytes.HasPrefix(p[80:], append(note, 0)) {
		t.Errorf("commit mark %x", p)
	}
	checkState(p[32:80])
	// A changed byte anywhere is noticed.
	for i := range d {
		d[i] ^= 0x10
		if _, _, ok := decodeRecord(d); ok {
			t.Errorf("a change of byte %d goes unnoticed", i)
		}
		d[i] ^= 0x10
	}
}

// TestEntriesRoundTrip writes transactions of all sizes and reads them back.
func TestEntriesRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	per := updatesPerRecord(false)
	for _, n := range []int{0, 1, 2, per - 1, per, per + 1, 3*per + 5} {
		for _, undo := range []bool{false, true} {
			entries := make([]entry, n)
			for i := range entries {
				from := rnd.IntN(512)
				e := entry{Update: Update{Block: rnd.IntN(4872), Type: Type(1 + rnd.IntN(6)), From: from, To: from + 1 + rnd.IntN(512-from)}}
				switch rnd.IntN(4) {
				case 0:
					e.Direct = true
				case 1:
				default:
					e.redo = fill(byte(i))
					if undo {
						e.undo = fill(byte(i + 1))
					}
				}
				entries[i] = e
			}
			j := &journal{header: header{generation: 3, ring: 4096, blocks: 4872}}
			start := uint64(4096*5 + rnd.IntN(4096))
			rec := encodeTrans(recordPlace{generation: 3, seq: start}, 8, entries, undo, commitMark{})
			data := make([]byte, ringOffset+4096*512)
			for i := range len(rec) / 512 {
				copy(data[ringOffset+(int(start)+i)%4096*512:], rec[i*512:][:512])
			}
			j.f = &crashtest.Plain{Data: data}
			if err := j.scan(false); err != nil {
				t.Fatal(err)
			}
			whole := assemble(j.records)
			if len(whole) != 1 || whole[0].id != 8 {
				t.Fatalf("%d updates: found %+v", n, whole)
			}
			got, err := j.entries(&whole[0])
			if err != nil || n > 0 && !reflect.DeepEqual(got, entries) {
				t.Errorf("%d updates: %v", n, err)
			}
			if transSectors(entries, undo, nil) != len(rec)/512 {
				t.Errorf("%d updates: %d bytes", n, len(rec))
			}
		}
	}
}

// TestBackwards reads the ring from the last record to the first by the records'
// ends alone.
func TestBackwards(t *testing.T) {
	w := startWorkload(t, 4, VolumeOptions{JournalSize: 2 * MinJournalSize})
	w.run(60)
	j, err := readJournal(w.v.journal.f)
	if err != nil {
		t.Fatal(err)
	}
	seq, n := j.end(), 0
	for i := len(j.records) - 1; i >= 0; i-- {
		r := j.records[i]
		last, err := j.sectors(int((seq-1)%uint64(j.ring)), 1)
		if err != nil {
			t.Fatal(err)
		}
		if string(last[504:508]) != "RJ7V" || uint64(le.Uint32(last[496:]))/512 != uint64(r.sectors) || seq-uint64(r.sectors) != r.seq {
			t.Fatalf("before sector %d: length %d, the record there has %d sectors", seq, le.Uint32(last[496:]), r.sectors)
		}
		seq, n = r.seq, n+1
	}
	if n < 20 {
		t.Errorf("only %d records", n)
	}
}

func TestNoteIsBounded(t *testing.T) {
	for _, n := range []Note{
		{},
		{Reason: "interval", Ops: []Op{{"mkdir", 12, "mknod", "/tmp/d\xff"}}},
		{Ops: slices.Repeat([]Op{{"a", 1, "b", "c"}}, 10_000)},
		{Ops: slices.Repeat([]Op{{"a", 1, "b", strings.Repeat("/x", 500)}}, 300), More: 5},
		{Reason: strings.Repeat("long", 20_000)},
	} {
		all := len(n.Ops) + n.More
		b := n.encode()
		if len(b) > maxNote || len(n.Ops) > maxOps || len(n.Ops)+n.More != all {
			t.Errorf("%d bytes, %d of %d operations and %d more", len(b), len(n.Ops), all, n.More)
		}
		mark := commitMark{note: b}
		for i := range n.Ops {
			n.Ops[i].Path = strings.ToValidUTF8(n.Ops[i].Path, "\ufffd")
		}
		if back := mark.commitNote(); !reflect.DeepEqual(back, n) {
			t.Errorf("%.80s comes back as %.80s", fmt.Sprint(n), fmt.Sprint(back))
		}
	}
}

// dirty returns the files of a volume with transactions that are committed and not
// home, and all states that were committed: the last was acknowledged.
func dirty(t testing.TB, seed uint64, o VolumeOptions) (image, journal []byte, states []*block.Store) {
	t.Helper()
	o.Transactions = 8
	w := startWorkload(t, seed, o)
	w.run(5)
	for w.step() {
	}
	first := len(w.states) - 1
	for len(w.states) < first+6 {
		w.change()
		if slices.Collect(w.v.view.Diff(w.states[len(w.states)-1])) == nil {
			continue
		}
		w.commit()
		for w.acked < len(w.tokens) {
			w.step()
		}
	}
	_, files := w.trace.Kill(len(w.trace.Events()))
	get := func(f *crashtest.File) []byte {
		n, _ := f.Size()
		b := make([]byte, n)
		f.ReadAt(b, 0)
		return b
	}
	return get(files[0]), get(files[1]), w.states
}

// packOf returns what stands before an image that is a pack and nothing else.
func packOf(f File) *backing {
	form, err := wholly(f)
	if err != nil {
		panic(err)
	}
	return &backing{f: f, path: "rk0.rk05", shape: form}
}

// recoverBytes recovers copies of the files of a pack.
func recoverBytes(image, journal []byte) (*recovered, []byte, error) {
	im := &crashtest.Plain{Data: bytes.Clone(image)}
	r, err := open(packOf(im), &backing{f: &crashtest.Plain{Data: bytes.Clone(journal)}}, false)
	return r, im.Data, err
}

// TestHomeMarkLost spoils the marks that say what is home, in rings that have gone round.
// The commit marks behind them say it too: what is home already is not looked for, were
// it overwritten, and no commit is lost.
func TestHomeMarkLost(t *testing.T) {
	gone := 0
	for seed := range uint64(12) {
		w := startWorkload(t, seed, VolumeOptions{JournalSize: MinJournalSize, Transactions: 8})
		for len(w.states) < 40 {
			w.change()
			w.commit()
			for w.acked < len(w.tokens) {
				w.step()
			}
		}
		_, files := w.trace.Kill(len(w.trace.Events()))
		var b [2][]byte
		for i, f := range files {
			n, _ := f.Size()
			b[i] = make([]byte, n)
			f.ReadAt(b[i], 0)
		}
		j, err := readJournal(&crashtest.Plain{Data: b[1]})
		if err != nil {
			t.Fatal(err)
		}
		p := makePlan(j.header, j.records)
		if len(p.apply) == 0 {
			continue
		}
		marks, there := 0, map[uint64]bool{}
		for _, l := range assemble(j.records) {
			there[l.id] = true
		}
		for _, r := range j.records {
			if r.kind == kindHome {
				b[1][ringOffset+int(r.seq)%j.ring*sectorSize+10] ^= 1
				marks++
			}
		}
		if marks > 0 && !there[j.home+1] {
			gone++
		}
		r, out, err := recoverBytes(b[0], b[1])
		if err != nil || which(out, w.states) != len(w.states)-1 || r.report.Damaged != 0 || r.report.First != p.home+1 || r.report.Count != len(p.apply) {
			t.Errorf("seed %d, %d marks lost: %v, %v; want transactions %d to %d", seed, marks, r, err, p.home+1, p.home+uint64(len(p.apply)))
		}
	}
	if gone < 3 {
		t.Errorf("only in %d rings the records of what is home are overwritten", gone)
	}
}

// which returns the state that an image is, -1 for none.
func which(image []byte, states []*block.Store) int {
	got := block.NewStore(testBlocks)
	got.Load(bytes.NewReader(image))
	for k := len(states) - 1; k >= 0; k-- {
		if same(got, states[k], counted(states[k], VolumeOptions{}, testSwap)) {
			return k
		}
	}
	return -1
}

// TestDamage spoils every sector of a journal in turn. What recovery makes of the
// pack is one of the commits; if not the newest, recovery says what is missing.
func TestDamage(t *testing.T) {
	image, journal, states := dirty(t, 1, VolumeOptions{JournalSize: 8 * MinJournalSize})
	newest := len(states) - 1
	if r, out, err := recoverBytes(image, journal); err != nil || which(out, states) != newest || r.report.Count < 3 {
		t.Fatalf("undamaged: %v, %v", r.report, err)
	}
	damaged, prefixes := 0, map[int]bool{}
	for at := 0; at < len(journal); at += sectorSize {
		bad := bytes.Clone(journal)
		bad[at+100] ^= 4
		r, out, err := recoverBytes(image, bad)
		if err != nil {
			t.Fatalf("byte %d: %v", at+100, err)
		}
		k := which(out, states)
		if k < 0 || k != newest && r.report.Damaged == 0 && r.report.Uncommitted == 0 {
			t.Errorf("byte %d: state %d of %d, %v", at+100, k, newest, r.report)
		}
		if r.report.Damaged != 0 {
			damaged++
			prefixes[k] = true
			if k == newest || !strings.Contains(r.report.String(), "damaged") {
				t.Errorf("byte %d: state %d of %d, %v", at+100, k, newest, r.report)
			}
		}
	}
	if damaged < 5 || len(prefixes) < 2 {
		t.Errorf("%d sectors count as damaged, with prefixes %v: the test does nothing", damaged, prefixes)
	}
	// The damaged transaction was on its way home: there is no commit to go back to.
	j, err := readJournal(&crashtest.Plain{Data: journal})
	if err != nil {
		t.Fatal(err)
	}
	p := makePlan(j.header, j.records)
	entries, err := j.entries(&p.apply[0])
	if err != nil {
		t.Fatal(err)
	}
	half, bad := bytes.Clone(image), bytes.Clone(journal)
	copy(half[entries[0].Block*512:], entries[0].redo)
	bad[ringOffset+int(p.apply[0].mark.first)%j.ring*512+100] ^= 4
	if r, out, err := recoverBytes(half, bad); !errors.Is(err, ErrJournal) || !bytes.Equal(out, half) {
		t.Errorf("half home and damaged: %+v, %v", r, err)
	}
	// Both headers.
	bad = bytes.Clone(journal)
	bad[50], bad[4096+50] = bad[50]^1, bad[4096+50]^1
	if _, out, err := recoverBytes(image, bad); !errors.Is(err, ErrJournal) || !bytes.Equal(out, image) {
		t.Errorf("both headers damaged: %v", err)
	}
	if _, out, err := recoverBytes(image, journal[:len(journal)-1]); !errors.Is(err, ErrJournal) || !bytes.Equal(out, image) {
		t.Errorf("cut short: %v", err)
	}
}

// TestForeign puts journals to packs that are not theirs.
func TestForeign(t *testing.T) {
	o := VolumeOptions{JournalSize: MinJournalSize}
	image, journal, _ := dirty(t, 1, o)
	image2, journal2, _ := dirty(t, 2, o)
	for name, c := range map[string]struct{ image, journal []byte }{
		"another pack":         {image, journal2},
		"the other way":        {image2, journal},
		"a pack of other size": {append(bytes.Clone(image), make([]byte, 512)...), journal},
		"changed since": {func() []byte {
			b := bytes.Clone(image)
			b[(testFSize-1)*512] ^= 1
			return b
		}(), journal},
	} {
		if _, out, err := recoverBytes(c.image, c.journal); !errors.Is(err, ErrForeign) || !bytes.Equal(out, c.image) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A change in the swap space is none.
	b := bytes.Clone(image)
	b[(testFSize+3)*512] ^= 1
	if _, _, err := recoverBytes(b, journal); err != nil {
		t.Errorf("swap space changed: %v", err)
	}
	for version, word := range map[uint32]string{0: "older", 2: "newer", 1 << 31: "newer"} {
		v := bytes.Clone(journal)
		for _, at := range []int{0, 4096} {
			le.PutUint32(v[at+8:], version)
			le.PutUint32(v[at+508:], checksum(v[at:at+508]))
		}
		if _, out, err := recoverBytes(image, v); !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), word) || !bytes.Equal(out, image) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// TestForce applies a journal that does not fit, or drops it, on demand only.
func TestForce(t *testing.T) {
	path := rk05(t)
	prepare := func() {
		broken := &crashtest.Fault{At: 1, Err: errBroken}
		v := openVol(t, path, VolumeOptions{Options: Options{Wrap: func(name string, f File) File {
			if name == "image" { // nothing comes home
				return crashtest.Faulty{HostFile: f, Fault: broken}
			}
			return f
		}}})
		for n := range 20 {
			write(t, v, 500+n, 7)
		}
		if err := commit(t, v).Wait(); err != nil {
			t.Fatal(err)
		}
		v.Cut()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[600*512]++ // as if another emulator had run
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	prepare()
	if r, err := Recover(path, false); !errors.Is(err, ErrForeign) {
		t.Fatalf("recover: %v, %v", r, err)
	}
	if _, err := OpenVolume(path, RK05, VolumeOptions{}); !errors.Is(err, ErrForeign) {
		t.Errorf("open: %v", err)
	}
	if _, err := Open(path, RK05, Options{}); !errors.Is(err, ErrForeign) {
		t.Errorf("open plain: %v", err)
	}
	if _, err := RemoveJournal(path); !errors.Is(err, ErrForeign) {
		t.Errorf("remove: %v", err)
	}
	r, err := Recover(path, true)
	if err != nil || !r.Forced || r.Count != 1 {
		t.Errorf("forced: %v, %v", r, err)
	}
	if b, _ := os.ReadFile(path); b[500*512] != 7 || b[519*512] != 7 {
		t.Error("the forced recovery did nothing")
	}
	if b, _ := os.ReadFile(path); os.WriteFile(path, append(append(b[:500*512:500*512], make([]byte, 20*512)...), b[520*512:]...), 0o644) != nil {
		t.Fatal("the image cannot be written")
	}
	prepare()
	if _, err := DropJournal(path); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); b[500*512] != 0 {
		t.Error("the journal was applied")
	}
	if r, err := Recover(path, false); err != nil || r.Count != 0 {
		t.Errorf("without a journal: %v, %v", r, err)
	}
}

// FuzzJournal recovers a pack from any bytes. Only a state that was committed may
// come out of it, else the image stays as it is.
func FuzzJournal(f *testing.F) {
	image, journal, states := dirty(f, 1, VolumeOptions{JournalSize: MinJournalSize})
	f.Add(journal, 0, byte(0))
	f.Add(journal[:5000], 0, byte(0))
	f.Add(journal, 9000, byte(1))
	f.Add(journal, 4096+60, byte(255))
	f.Add([]byte{}, 0, byte(0))
	f.Fuzz(func(t *testing.T, journal []byte, at int, x byte) {
		b := bytes.Clone(journal)
		if at >= 0 && at < len(b) {
			b[at] ^= x
		}
		_, out, err := recoverBytes(image, b)
		if err != nil && !bytes.Equal(out, image) {
			t.Errorf("the image changed, with error %v", err)
		}
		if !bytes.Equal(out, image) && which(out, states) < 0 {
			t.Error("the image is no state that was committed")
		}
	})
}

// FuzzRecords recovers from records with good checksums and any contents.
func FuzzRecords(f *testing.F) {
	image, _, _ := dirty(f, 1, VolumeOptions{JournalSize: MinJournalSize})
	data := encodeData([]entry{{Update{Block: 70, Type: TypeFData, From: 0, To: 512}, fill(1), nil, 0}})
	mark := (&commitMark{first: 64, updates: 1, home: 0}).encode()
	f.Add(data, mark, uint64(1), uint32(1))
	f.Add(data[:20], mark[:50], uint64(2), uint32(0))
	f.Fuzz(func(t *testing.T, data, mark []byte, id uint64, index uint32) {
		if len(data) > maxRecord-100 || len(mark) > maxRecord-100 {
			return
		}
		h := header{generation: 1, ring: 512, start: 64, blocks: testBlocks}
		place := recordPlace{generation: 1, seq: 64}
		ring := make([]byte, 64*512)
		ring, sum := appendRecord(ring, &place, kindData, id, 0, data)
		if len(mark) >= 16 { // let it get past the checksum
			mark = bytes.Clone(mark)
			le.PutUint32(mark[12:], checksum(le.AppendUint32(nil, sum)))
		}
		ring, _ = appendRecord(ring, &place, kindCommit, id, int(index), mark)
		ring, _ = appendRecord(ring, &place, kindHome, id-1, 0, nil)
		file := make([]byte, ringOffset, ringOffset+512*512)
		copy(file, h.encode())
		file = append(file, ring...)
		file = file[:ringOffset+512*512]
		_, out, err := recoverBytes(image, file)
		if !bytes.Equal(out, image) {
			t.Errorf("the image changed: %v", err)
		}
		if j, err := readJournal(&crashtest.Plain{Data: file}); err == nil {
			for tr := range newLog("", j).Transactions(true) {
				_ = tr
			}
		}
	})
}
