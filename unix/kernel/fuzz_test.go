package kernel

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"v7em/unix/fs"
)

func FuzzNew(f *testing.F) {
	file, _ := fakeFile(f, nil)
	f.Add(file)
	f.Add(file[:100])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := New(file)
		if err != nil {
			if !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
			return
		}
		// A memory without it is unknown, whatever the file says.
		g := Guest{Memory: make([]uint16, 4096), Waiting: true}
		if _, err := k.Look(&g); !errors.Is(err, ErrUnknown) {
			t.Errorf("an empty memory: %v", err)
		}
		k.Settled(&g, &Brackets{Programs: []string{"a"}})
		k.InBracket(&g, &Brackets{Programs: []string{"a"}})
		k.Hurry(&g, func(pa uint32, _, _ uint16) bool { g.Memory[pa/2]++; return true })
	})
}

// FuzzView changes words of a kernel's memory: data is words of three, an address
// (up to 64K in kernel data, in the units of a word; beyond, anywhere), and what is
// put there. There must be no panic, every error must be ErrUnknown, and what is
// taken for a commit point must be one of this kernel: its text whole, its root
// mounted, and nothing but file systems and buffers changed on a pack.
func FuzzView(f *testing.F) {
	model := newFake(f)
	model.mountFake(1, 2)
	model.buffer(2, bDelwri|bDone, 0, 500, 1)
	model.putInode(4, 0, 3, 1, iUpd, fs.Inode{Mode: fs.ModeRegular, Nlink: 0, Size: 512, Addr: [fs.NAddr]uint32{300}})
	patch := func(list ...uint16) (data []byte) {
		for _, w := range list {
			data = binary.LittleEndian.AppendUint16(data, w)
		}
		return data
	}
	at := func(name string, off int) uint16 { return (model.symbols[name] + uint16(off)) / 2 }
	f.Add([]byte{})
	f.Add(patch(0, at("_time", 2), 5))
	f.Add(patch(0, at("_mount", mountBuf), 0))
	f.Add(patch(0, at("_mount", mountSize+mountDev), 3))
	f.Add(patch(0, at("_buf", 2*bufSize+bufBlkno), 0xffff))
	f.Add(patch(0, at("_buf", 2*bufSize+bufForw), at("_inode", 0)*2))
	f.Add(patch(0, at("_inode", 4*inodeSize+inodeAddr+2), 0xffff, 0, at("_inode", 4*inodeSize+inodeSizeL), 0x7fff))
	f.Add(patch(0, at("_proc", procSize), 0x1405))
	f.Add(patch(0, at("_buffers", 6), 0))
	f.Add(patch(1, 0x8000, 7))
	f.Add(patch(0x8000, 3, 7))
	k, err := New(model.file)
	if err != nil {
		f.Fatal(err)
	}
	memory := make([]uint16, len(model.guest.Memory))
	f.Fuzz(func(t *testing.T, data []byte) {
		g := model.guest
		g.Memory = memory
		copy(memory, model.guest.Memory)
		text := false
		for len(data) >= 6 {
			hi, lo, v := binary.LittleEndian.Uint16(data), binary.LittleEndian.Uint16(data[2:]), binary.LittleEndian.Uint16(data[4:])
			data = data[6:]
			switch {
			case hi&0x8000 != 0 && lo&8 == 0:
				g.KDSA[lo&7] = v
			case hi&0x8000 != 0:
				g.KISA[lo&7] = v
			default:
				n := (int(hi)<<16 | int(lo)) % len(memory)
				memory[n] = v
				from := fakeTextAt / 2
				text = text || n >= from && n < from+len(k.text) && model.guest.Memory[n] != v
			}
		}
		brackets := &Brackets{Programs: []string{"mkdir"}, PIDs: []int{9}}
		k.InBracket(&g, brackets)
		k.Inside(&g, brackets)
		k.Runs(&g, k.Helpers(&g, brackets))
		k.Release(&g, func(uint32, uint16, uint16) bool { return true })
		k.Caller(&g)
		k.OnDisk(&g, 3)
		k.Alive(&g, 1)
		quick := k.Settled(&g, brackets)
		v, err := k.Look(&g)
		if err != nil {
			if !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
			return
		}
		if text && g.KISA == model.guest.KISA {
			t.Error("its text has changed")
		}
		if quick && v.locked() {
			t.Error("locked, but taken to be settled")
		}
		v.Processes()
		v.Underway(brackets)
		volumes := v.Volumes()
		if len(volumes) == 0 || volumes[0].OnInode != 0 {
			t.Errorf("volumes %+v", volumes)
		}
		rk0 := Drive{RK, 0}
		s, err := v.State(rk0, model.pack, AllParts)
		if err != nil {
			if !errors.Is(err, ErrUnknown) {
				t.Error(err)
			}
			return
		}
		if !v.Settled(nil) {
			t.Error("not settled, but it has a state")
		}
		for n := range model.pack.Diff(s) {
			mine := slices.ContainsFunc(volumes, func(v Volume) bool {
				return v.Drive == rk0 && !v.ReadOnly && n >= v.First && n < v.First+v.Blocks
			})
			buffered := slices.ContainsFunc(v.bufs, func(b buf) bool {
				r, ok := v.region(b.dev)
				return ok && r.drive == rk0 && r.first+int(b.blkno) == n
			})
			if !mine && !buffered {
				t.Errorf("block %d has changed", n)
			}
		}
	})
}
