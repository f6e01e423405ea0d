package images

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"v7em/asm"
	"v7em/block"
	"v7em/images/boot"
	"v7em/images/console"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
	"v7em/unix/fs"
)

// talker is a boot block that prints what V7's prompts look like, and then counts in
// location 1000 what it is typed.
const talker = `
	start:	mov $text, r1
	1:	movb (r1)+, r0
		beq 3f
	2:	tstb 177564
		bpl 2b
		movb r0, 177566
		br 1b
	3:	tstb 177560
		bpl 3b
		tstb 177562
		inc 1000
		br 3b
	text:	<boot: # login: \0>
`

// foreign are packs that are not V7's, by name. Each has the boot block talker.
func foreign(t *testing.T) map[string]*block.Store {
	t.Helper()
	p, err := asm.AssembleString("talker.s", talker, asm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	packs := map[string]*block.Store{}
	pack := func(name string, fill func(b func(n int) []byte)) {
		image := make([]byte, journaldev.RK05.Bytes())
		fill(func(n int) []byte { return image[n*512:][:512] })
		copy(image, code)
		s := block.NewStore(journaldev.RK05.Blocks)
		for n := range journaldev.RK05.Blocks {
			if err := s.WriteBlock(n, image[n*512:][:512]); err != nil {
				t.Fatal(err)
			}
		}
		packs[name] = s
	}
	words := func(b []byte, w ...uint16) {
		for i, v := range w {
			binary.LittleEndian.PutUint16(b[2*i:], v)
		}
	}
	pack("zeros", func(func(int) []byte) {})
	pack("V6", func(b func(int) []byte) {
		words(b(1), 60, 4000, 3, 70, 71, 72) // s_isize, s_fsize, s_nfree, s_free: all of one word
		words(b(2), 0o140777, 1)             // inode 1 is the root, of 32 bytes
		words(b(70), 1, '.', 0, 0, 0, 0, 0, 0, 1, '.'|'.'<<8)
	})
	pack("RT-11", func(b func(int) []byte) {
		h := b(1)
		copy(h[0o722:], "\001\000\006\000\105\216RT11A               DECRT11A    ")
		words(b(6), 4, 0, 1, 0, 14, 0o2000) // a directory segment
	})
	pack("Files-11", func(b func(int) []byte) {
		words(b(1), 3, 0, 4872, 16, 1, 0, 0o401) // home block: index bitmap's size and place, files, ...
	})
	// What is V7's in all but one thing.
	v7ish := func(change func(f *fs.FS, m *fs.Mem)) func(b func(int) []byte) {
		return func(b func(int) []byte) {
			m := fs.NewMem(journaldev.RK05.Blocks)
			f, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: 4000, Inodes: 64, Time: testTime})
			if err != nil {
				t.Fatal(err)
			}
			change(f, m)
			for n := range m.Blocks() {
				copy(b(n), m.Block(n))
			}
		}
	}
	second, err := boot.SecondStage()
	if err != nil {
		t.Fatal(err)
	}
	pack("no kernel", v7ish(func(f *fs.FS, _ *fs.Mem) {
		err := errors.Join(f.WriteFile(boot.Name, second, fs.Attr{}), f.WriteFile("/unix", []byte("\x09\x01an a.out, or so"), fs.Attr{}), f.Sync())
		if err != nil {
			t.Fatal(err)
		}
	}))
	pack("a root that does not name itself", v7ish(func(f *fs.FS, m *fs.Mem) {
		root, err := f.Inode(fs.RootIno)
		if err != nil {
			t.Fatal(err)
		}
		clear(m.Block(int(root.Addr[0]))[:fs.DirentSize])
	}))
	return packs
}

// TestForeign: nothing that v7em knows of V7 is done to a pack or a guest that is not V7.
func TestForeign(t *testing.T) {
	for name, s := range foreign(t) {
		before := s.Clone()
		d := &Drives{Set: RK(), Disks: make([]rk.Disk, 8)}
		d.Disks[0] = machine.MemDisk{Store: s}
		refused := func(what string, err error) {
			t.Helper()
			if !errors.As(err, new(*ForeignError)) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		refused("SetClock", d.SetClock(testTime))
		m, err := machine.New(machine.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Attach(m); err != nil {
			t.Fatal(err)
		}
		_, err = d.RunScript(t.Context(), m, Script{Commands: "true", Now: testTime})
		refused("RunScript", err)
		c := console.New(m)
		refused("Boot", d.Set.Boot(t.Context(), m, c))
		// It was started all the same, and looks like V7 to who reads its console.
		if _, err := c.Expect(t.Context(), console.Second, "login: "); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		refused("MultiUser", MultiUser(t.Context(), m, c))
		_, err = Shutdown(context.Background(), m, c, nil)
		refused("Shutdown", err)
		if _, err := c.Run(t.Context(), console.Second); err != nil {
			t.Fatal(err)
		}
		if n := m.MMU.Mem[0o1000/2]; n != 0 || m.Console.Pending() > 0 {
			t.Errorf("%s: %d characters were typed, and %d wait", name, n, m.Console.Pending())
		}
		for n := range s.Diff(before) {
			t.Errorf("%s: block %d was written", name, n)
		}
	}
}

// TestRecognize: V7's and mini's packs are recognized, whatever the kernel is called and
// though its name list is stripped.
func TestRecognize(t *testing.T) {
	d := drives(t, RK())
	if err := d.Recognize(); err != nil {
		t.Error(err)
	}
	tree, _, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	data, err := tree.ReadFile("/unix")
	if err != nil {
		t.Fatal(err)
	}
	// a.out's header: magic, sizes of text, data, bss, name list.
	text, size := binary.LittleEndian.Uint16(data[2:]), binary.LittleEndian.Uint16(data[4:])
	stripped := append([]byte(nil), data[:16+int(text)+int(size)]...)
	clear(stripped[8:10])
	root := tree.mounts[len(tree.mounts)-1].fs
	if err := errors.Join(root.Unlink("/unix"), root.Sync()); err != nil {
		t.Fatal(err)
	}
	if err := d.Recognize(); !errors.As(err, new(*ForeignError)) {
		t.Errorf("without a kernel: %v", err)
	}
	if err := errors.Join(root.WriteFile("/vmunix", stripped, fs.Attr{}), root.Sync()); err != nil {
		t.Fatal(err)
	}
	if err := d.Recognize(); err != nil {
		t.Errorf("with a kernel that is stripped: %v", err)
	}
	// Once it is up it is recognized too, and told what V7 is told.
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Attach(m); err != nil {
		t.Fatal(err)
	}
	c := console.New(m)
	if err := errors.Join(d.Set.BootKernel(t.Context(), m, c, "vmunix"), MultiUser(t.Context(), m, c)); err != nil {
		t.Error(err)
	}
	if answered, err := Shutdown(t.Context(), m, c, nil); err != nil {
		t.Errorf("%v, %v", answered, err)
	}
	if err := drives(t, RP()).Recognize(); err != nil {
		t.Error(err)
	}
}
