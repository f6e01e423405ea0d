package journaldev

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"v7em/block"
	"v7em/journaldev/crashtest"
)

// sparse is a journal's file of which only the beginning has bytes; the rest reads as
// zeros. It counts what is read, and cannot tell where its holes are.
type sparse struct {
	crashtest.Plain
	size int64
	read int64
}

func (f *sparse) Size() (int64, error) { return f.size, nil }

func (f *sparse) ReadAt(p []byte, off int64) (int, error) {
	f.read += int64(len(p))
	n, _ := f.Plain.ReadAt(p, off)
	clear(p[n:])
	return len(p), nil
}

// allocated returns how many bytes f allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestLargeJournal puts the records of a journal into a ring of 64 MB, at its beginning
// and across its end, and reads it: with little memory, and to the same result.
func TestLargeJournal(t *testing.T) {
	const ring = 64 << 20 / sectorSize
	image, file, states := dirty(t, 1, VolumeOptions{JournalSize: 8 * MinJournalSize})
	small, err := readJournal(&crashtest.Plain{Data: file})
	if err != nil {
		t.Fatal(err)
	}
	want := makePlan(small.header, small.records)
	for _, before := range []uint64{0, 1, 5, 30} { // sectors of the first record before the ring's end
		h := small.header
		h.ring, h.start = ring, ring-before
		h.home = want.home
		data := make([]byte, ringOffset+ring*sectorSize)
		copy(data, h.encode())
		place := recordPlace{id: h.id, generation: h.generation, seq: h.start}
		for i := range want.apply {
			entries, err := small.entries(&want.apply[i])
			if err != nil {
				t.Fatal(err)
			}
			b := encodeTrans(place, want.apply[i].id, entries, false, want.apply[i].mark)
			for k := 0; k < len(b); k += sectorSize {
				copy(data[ringOffset+int(place.seq%ring)*sectorSize:], b[k:][:sectorSize])
				place.seq++
			}
		}
		f := &sparse{Plain: crashtest.Plain{Data: data}, size: int64(len(data))}
		var r *recovered
		mem := allocated(func() {
			var j *journal
			if j, err = readJournal(f); err != nil {
				t.Fatal(err)
			}
			store := block.NewStore(testBlocks)
			store.Load(&crashtest.Plain{Data: image})
			if r, err = lookThrough(store, j, false); err != nil {
				t.Fatal(err)
			}
		})
		if r.report.Count != len(want.apply) || !same(r.store, states[len(states)-1], counted(states[len(states)-1], VolumeOptions{}, testSwap)) {
			t.Errorf("%d sectors before the end: %v", before, r.report)
		}
		if mem > 10<<20 { // the race detector has its share
			t.Errorf("%d sectors before the end: %d KB for a ring with %d sectors of use", before, mem>>10, place.seq-h.start)
		}
		if f.read > 2*int64(len(data)) {
			t.Errorf("%d KB read", f.read>>10)
		}
	}
}

// TestSparseJournal opens a pack beside a journal of 1 GB that is nearly all hole.
func TestSparseJournal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rk0.rk05")
	if err := os.WriteFile(path, append(testPack(t), make([]byte, int(RK05.Bytes())-testBlocks*512)...), 0o644); err != nil {
		t.Fatal(err)
	}
	o := VolumeOptions{JournalSize: MinJournalSize}
	v, err := OpenVolume(path, RK05, o)
	if err != nil {
		t.Fatal(err)
	}
	write(t, v, 90, 7)
	if err := commit(t, v).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	// The same journal with a ring of the greatest size: all is home.
	name := JournalPath(path)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h, err := pickHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	h.ring = maxRing
	h.generation++
	b = append(h.encode(), make([]byte, headerApart-headerSize)...)
	b = append(b, h.encode()...)
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, ringOffset+int64(maxRing)*sectorSize); err != nil {
		t.Skip("needs a host file of 1 GB: ", err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if to, err := (osFile{f}).nextData(ringOffset); err != nil || to != ringOffset+int64(maxRing)*sectorSize {
		t.Skipf("needs a host that tells where a file's holes are: %d, %v", to, err)
	}
	for name, do := range map[string]func() error{
		"Look":    func() error { _, _, err := Look(path); return err },
		"ReadLog": func() error { _, err := ReadLog(path); return err },
		"Recover": func() error { _, err := Recover(path, false); return err },
		"OpenVolume": func() error {
			v, err := OpenVolume(path, RK05, VolumeOptions{})
			if err != nil {
				return err
			}
			write(t, v, 91, 8)
			if err := commit(t, v).Wait(); err != nil {
				return err
			}
			return v.Close()
		},
	} {
		var err error
		if mem := allocated(func() { err = do() }); err != nil || mem > 32<<20 {
			t.Errorf("%s: %d KB allocated, %v", name, mem>>10, err)
		}
	}
}
