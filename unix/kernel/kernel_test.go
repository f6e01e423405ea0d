package kernel

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"v7em/block"
	"v7em/unix/aout"
	"v7em/unix/fs"
)

func TestNewRefuses(t *testing.T) {
	file, _ := fakeFile(t, nil)
	if _, err := New(file); err != nil {
		t.Fatal(err)
	}
	if _, err := New(file[:len(file)/2]); !errors.Is(err, ErrUnknown) {
		t.Errorf("half a file: %v", err)
	}
	symbol := func(f *aout.File, name string) *aout.Symbol {
		return &f.Symbols[slices.IndexFunc(f.Symbols, func(s aout.Symbol) bool { return s.Name == name })]
	}
	for what, change := range map[string]func(f *aout.File){
		"plain":            func(f *aout.File) { f.Magic = aout.Plain },
		"little text":      func(f *aout.File) { f.Text = f.Text[:1000] },
		"no names":         func(f *aout.File) { f.Symbols = nil },
		"no processes":     func(f *aout.File) { symbol(f, "_proc").Name = "_prok" },
		"no clock":         func(f *aout.File) { symbol(f, "_time").Name = "_tyme" },
		"no disks":         func(f *aout.File) { symbol(f, "_rktab").Name, symbol(f, "_rptab").Name = "a", "b" },
		"other inodes":     func(f *aout.File) { symbol(f, "_proc").Value += 2 },
		"fewer buffers":    func(f *aout.File) { symbol(f, "_panicst").Value -= bufferSize },
		"an odd variable":  func(f *aout.File) { symbol(f, "_rootdev").Value++ },
		"time is text":     func(f *aout.File) { symbol(f, "_time").Type = aout.Text },
		"data over user":   func(f *aout.File) { f.BSSSize = 0o140000 },
		"table at the end": func(f *aout.File) { symbol(f, "_mount").Value = symbol(f, "_end").Value },
	} {
		file, _ := fakeFile(t, change)
		if _, err := New(file); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestFind(t *testing.T) {
	f := newFake(t)
	other, _ := fakeFile(t, func(f *aout.File) { f.Text[5000] ^= 1 })
	pack := fs.Region{Device: f.pack, N: fakeSwplo}
	put := func(name string, data []byte) {
		v, err := fs.Open(pack)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.WriteFile(name, data, fs.Attr{Perm: 0o755}); err != nil {
			t.Fatal(err)
		}
		if err := v.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	put("/unix", other)
	put("/junk", []byte{0o11, 1, 3})
	noise := block.NewStore(100)
	if _, err := Find(&f.guest, noise, pack); !errors.Is(err, ErrUnknown) {
		t.Fatalf("found another kernel: %v", err)
	}
	put("/oldunix", f.file)
	k, err := Find(&f.guest, noise, pack)
	if err != nil {
		t.Fatal(err)
	}
	if !k.Loaded(&f.guest) {
		t.Error("the kernel that was found is not in memory")
	}
	f.guest.Memory[(fakeTextAt+6000)/2]++
	if k.Loaded(&f.guest) {
		t.Error("a change of its text goes unnoticed")
	}
}

// TestUnknown breaks the fake in one place at a time.
func TestUnknown(t *testing.T) {
	buf := func(i int) uint16 { return uint16(i * bufSize) }
	for what, breakIt := range map[string]func(f *fake){
		"at work":                func(f *fake) { f.guest.Waiting = false },
		"text overwritten":       func(f *fake) { f.guest.Memory[fakeTextAt/2] ^= 1 },
		"text elsewhere":         func(f *fake) { f.guest.KISA[1]++ },
		"memory ends":            func(f *fake) { f.guest.Memory = f.guest.Memory[:fakeUserAt/2-0o10000] },
		"panicked":               func(f *fake) { f.set("_panicst", 0, 0o1234) },
		"not counted devices":    func(f *fake) { f.set("_nblkdev", 0, 0) },
		"device table odd":       func(f *fake) { f.set("_bdevsw", bdevTab, f.symbols["_rktab"]+1) },
		"partition too long":     func(f *fake) { f.set("_rp_size", 4, 400) },
		"data elsewhere":         func(f *fake) { f.set("_buf", int(buf(3))+bufAddr, 0o1000) },
		"data beyond 64K":        func(f *fake) { f.set("_buf", int(buf(3))+bufXmem, 1) },
		"list broken":            func(f *fake) { f.set("_buf", int(buf(2))+bufForw, f.symbols["_inode"]) },
		"list does not end":      func(f *fake) { f.set("_buf", int(buf(5))+bufForw, f.symbols["_buf"]+buf(1)) },
		"back link":              func(f *fake) { f.set("_buf", int(buf(2))+bufBack, f.symbols["_buf"]+buf(4)) },
		"free list broken":       func(f *fake) { f.set("_buf", int(buf(2))+avForw, 0) },
		"busy and free":          func(f *fake) { f.set("_buf", int(buf(2)), bBusy) },
		"free nowhere":           func(f *fake) { f.set("_buf", 0, 0) },
		"on another's list":      func(f *fake) { f.set("_buf", int(buf(2))+bufDev, 0o400) },
		"root not mounted":       func(f *fake) { f.set("_mount", mountBuf, 0) },
		"root elsewhere":         func(f *fake) { f.set("_rootdev", 0, 1) },
		"superblock in no buf":   func(f *fake) { f.set("_mount", mountBuf, f.symbols["_buf"]+2) },
		"superblock free":        func(f *fake) { f.set("_mount", mountBuf, f.symbols["_buf"]+buf(1)) },
		"mounted on nothing":     func(f *fake) { f.mountFake(1, 2); f.set("_mount", mountSize+mountNode, 0o100) },
		"mounted twice":          func(f *fake) { f.mountFake(1, 0) },
		"one superblock":         func(f *fake) { f.mountFake(1, 2); f.set("_mount", mountSize+mountBuf, f.symbols["_buf"]) },
		"inode of no volume":     func(f *fake) { f.set("_inode", inodeDev, 3) },
		"inode twice":            func(f *fake) { f.putInode(5, 0, fs.RootIno, 1, 0, fs.Inode{}) },
		"no inodes":              func(f *fake) { f.set("_inode", 0, 0) },
		"no init":                func(f *fake) { f.set("_proc", procSize, 0) },
		"process state":          func(f *fake) { f.set("_proc", 2*procSize, 7|pLoad<<8) },
		"process number":         func(f *fake) { f.set("_proc", 2*procSize+procPID, 30001) },
		"process twice":          func(f *fake) { f.set("_proc", 2*procSize+procPID, 1) },
		"scheduler out":          func(f *fake) { f.set("_proc", 0, pSleep) },
		"process behind memory":  func(f *fake) { f.set("_proc", 2*procSize+procAddr, 0o70000) },
		"current process":        func(f *fake) { f.guest.Memory[(fakeUserAt+userProc)/2] = 0 },
		"current process's page": func(f *fake) { f.guest.KDSA[6]++ },
	} {
		f := newFake(t)
		f.look(t)
		k, err := New(f.file)
		if err != nil {
			t.Fatal(err)
		}
		breakIt(f)
		if _, err := k.Look(&f.guest); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestWrongVolume has a volume make no sense: the others are as before, and what is
// wrong is as its pack has it.
func TestWrongVolume(t *testing.T) {
	super := func(off int, v uint16) func(f *fake) {
		return func(f *fake) { f.set("_buffers", bufferSize+off, v) }
	}
	node := func(number uint16) func(f *fake) {
		return func(f *fake) {
			f.putInode(4, 2, int(number), 1, iUpd, fs.Inode{Mode: fs.ModeRegular, Nlink: 1})
		}
	}
	for what, c := range map[string]struct {
		breakIt func(f *fake)
		want    string
	}{
		"free blocks":      {super(6, 51), "s_nfree 51"},
		"fewer than none":  {super(6, 0o177777), "s_nfree -1"},
		"free inodes":      {super(208, 101), "s_ninode 101"},
		"too long":         {super(4, rkBlocks+1), "s_fsize 4873"},
		"of 2^31 blocks":   {super(2, 0o77777), "and the device has 4872 blocks"},
		"no inodes":        {super(0, 2), "s_isize 2,"},
		"all inodes":       {super(0, 0o177777), "s_isize 65535,"},
		"inode 0":          {node(0), "inode 0 is in use"},
		"inode too high":   {node(0o177777), "inode 65535 is in use"},
		"same as the root": {func(f *fake) { f.set("_mount", mountSize+mountDev, 0o10) }, "overlaps device 000000"},
		"tape":             {func(f *fake) { f.set("_mount", mountSize+mountDev, 0o3000) }, "no disk"},
	} {
		f := newFake(t)
		f.mountFake(1, 2)
		c.breakIt(f)
		// Something new on both.
		f.buffer(2, bDelwri|bDone, 0, 500, 0x11)
		f.buffer(3, bDelwri|bDone, 2, 600, 0x22)
		v := f.look(t)
		list := v.Volumes()
		if len(list) != 2 || list[0].Wrong != "" || !strings.Contains(list[1].Wrong, c.want) {
			t.Errorf("%s: %+v", what, list)
			continue
		}
		s, err := v.State(Drive{RK, 0}, f.pack, AllParts)
		if err != nil || read(t, s, 500)[0] != 0x11 {
			t.Errorf("%s: the root: %v", what, err)
		}
		if list[1].Drive != (Drive{RK, 2}) {
			continue
		}
		rk2 := block.NewStore(rkBlocks)
		s, err = v.State(Drive{RK, 2}, rk2, AllParts)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		for n := range rk2.Diff(s) {
			t.Errorf("%s: block %d is not as it was written", what, n)
		}
	}
}

// mountFake mounts a device on /mnt, with a copy of the root's superblock.
func (f *fake) mountFake(slot int, dev uint16) {
	buf := slot
	f.set("_buf", buf*bufSize, bBusy)
	f.lists()
	for i := 0; i < fs.BlockSize; i += 2 {
		f.set("_buffers", buf*bufferSize+i, f.get("_buffers", i))
	}
	e := slot * mountSize
	f.set("_mount", e+mountDev, dev)
	f.set("_mount", e+mountBuf, f.symbols["_buf"]+uint16(buf*bufSize))
	f.set("_mount", e+mountNode, f.symbols["_inode"]+inodeSize)
	f.putInode(1, 0, 4, 1, iMount, fs.Inode{Mode: fs.ModeDir | 0o755, Nlink: 2})
}

func TestVolumes(t *testing.T) {
	f := newFake(t)
	f.mountFake(1, 0o2)
	f.mountFake(2, 0o413) // rp1, partition 3
	f.set("_mount", 2*mountSize+mountNode, f.symbols["_inode"]+2*inodeSize)
	f.putInode(2, 2, 3, 1, iMount, fs.Inode{Mode: fs.ModeDir | 0o755, Nlink: 2})
	f.set("_buffers", 2*bufferSize+412, 1<<8) // s_ronly
	want := []Volume{
		{Dev: 0, Drive: Drive{RK, 0}, Blocks: fakeSwplo, Extent: rkBlocks},
		{Dev: 2, Drive: Drive{RK, 2}, Blocks: fakeSwplo, OnInode: 4, Extent: rkBlocks},
		{Dev: 0o413, Drive: Drive{RP, 1}, First: 7000, Blocks: fakeSwplo, OnDev: 2, OnInode: 3, ReadOnly: true, Extent: 74000},
	}
	if got := f.look(t).Volumes(); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := (Drive{RP, 1}).String(); got != "rp1" {
		t.Error(got)
	}
}

func TestSwap(t *testing.T) {
	f := newFake(t)
	check := func(what string, d Drive, first, blocks int, ok bool) {
		t.Helper()
		if gd, gf, gb, gok := f.look(t).Swap(); gd != d || gf != first || gb != blocks || gok != ok {
			t.Errorf("%s: %v, %d blocks from %d on, %v", what, gd, gb, gf, gok)
		}
	}
	check("rk0", Drive{RK, 0}, 4000, 872, true)
	f.set("_nswap", 0, 0o177777)
	check("more than there is", Drive{RK, 0}, 4000, 872, true)
	f.set("_swapdev", 0, 0o412) // rp1, partition 2: 2000 blocks from 5000 on
	f.set("_swplo", 0, 0o177777)
	f.set("_swplo", 2, 0o177777)
	f.set("_nswap", 0, 1999)
	check("rp1", Drive{RP, 1}, 5000, 1999, true)
	f.set("_swplo", 0, 0o100000)
	check("before the beginning", Drive{}, 0, 0, false)
	f.set("_swplo", 0, 0o77777)
	check("behind the end", Drive{}, 0, 0, false)
	f.set("_swapdev", 0, 0o3000)
	f.set("_swplo", 0, 0)
	f.set("_swplo", 2, 0)
	check("a tape", Drive{}, 0, 0, false)
}

func TestProcesses(t *testing.T) {
	f := newFake(t)
	f.process(4, 12, pZomb, 0, 20, 0, "")
	f.process(2, 7, pRun, pLoad, 20, fakeUserAt/64+0o200, "fourteen-chars")
	got := f.look(t).Processes()
	want := []Process{
		{PID: 1, Name: "init", State: Sleeping, Priority: 30},
		{PID: 7, Name: "fourteen-chars", State: Running, Priority: 20, Within: true},
		{PID: 9, Name: "cron", State: Sleeping, Priority: 40},
		{PID: 12, State: Zombie, Priority: 20},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAlive(t *testing.T) {
	f := newFake(t)
	f.process(4, 12, pZomb, 0, 20, 0, "")
	k, err := New(f.file)
	if err != nil {
		t.Fatal(err)
	}
	for pid, want := range map[int]bool{1: true, 7: true, 9: true, 12: false, 13: false} {
		if got := k.Alive(&f.guest, pid); got != want {
			t.Errorf("process %d: %v", pid, got)
		}
	}
}

func TestCaller(t *testing.T) {
	f := newFake(t)
	k, err := New(f.file)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := k.Caller(&f.guest); ok {
		t.Errorf("the scheduler calls: %+v", p)
	}
	f.guest.KDSA[6] = fakeUserAt/64 + 0o200
	p, ok := k.Caller(&f.guest)
	if want := (Process{PID: 7, Name: "sh", State: Sleeping, Priority: 28}); !ok || p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}

	// Descriptors 0 to 3: a plain file, a terminal, a pipe, nothing.
	at := fakeUserAt + 0o200*64
	user := func(off int, v uint16) { f.guest.Memory[(at+off)/2] = v }
	file := func(i int, flag uint16, slot int) {
		e := f.symbols["vectors"] + uint16(8*(i+1))
		user(userOfile+2*i, e)
		f.guest.Memory[e/2] = flag
		f.guest.Memory[e/2+1] = f.symbols["_inode"] + uint16(slot*inodeSize)
	}
	f.putInode(4, 0, 3, 1, 0, fs.Inode{Mode: fs.ModeRegular | 0o644})
	f.putInode(5, 0, 4, 1, 0, fs.Inode{Mode: fs.ModeChar | 0o644})
	file(0, 0o3, 4)
	file(1, 0o3, 5)
	file(2, 0o7, 4)
	for fd, want := range []bool{true, false, false, false} {
		if got := k.OnDisk(&f.guest, uint16(fd)); got != want {
			t.Errorf("descriptor %d is on a disk: %v", fd, got)
		}
	}
	if k.OnDisk(&f.guest, 20) || k.OnDisk(&f.guest, 0o177777) {
		t.Error("there are no such descriptors")
	}
}

func TestSettled(t *testing.T) {
	b := &Brackets{Programs: []string{"mkdir", "exactly14chars"}, PIDs: []int{77}}
	comm := func(slot int, pid int, stat, flag uint8, pri int8, name string) func(f *fake) {
		return func(f *fake) { f.process(slot, pid, stat, flag, pri, fakeUserAt/64+0o200, name) }
	}
	for what, c := range map[string]struct {
		change func(f *fake)
		want   bool
	}{
		"waiting":           {func(f *fake) {}, true},
		"in user mode":      {func(f *fake) { f.guest.Waiting, f.guest.User = false, true }, true},
		"for a block":       {comm(2, 7, pSleep, pLoad, 20, "sh"), false},
		"with a block":      {comm(2, 7, pRun, pLoad, 20, "sh"), false},
		"for an inode":      {comm(2, 7, pSleep, pLoad, 10, "sh"), false},
		"at 2":              {comm(2, 7, pSleep, pLoad, 2, "sh"), false},
		"negative priority": {comm(2, 7, pSleep, pLoad, -5, "sh"), false},
		"in a pipe":         {comm(2, 7, pSleep, pLoad, 26, "sh"), true},
		"for a swap":        {comm(2, 7, pSleep, pLoad, 1, "sh"), true},
		"just born":         {comm(2, 7, pRun, pLoad|pSwap, 20, "sh"), true},
		"for its text":      {comm(2, 7, pSleep, pLoad|pLock, 20, "sh"), true},
		"stopped":           {comm(2, 7, pStop, pLoad, 20, "sh"), true},
		"zombie":            {comm(2, 7, pZomb, pLoad, 20, "sh"), true},
		"inode locked":      {func(f *fake) { f.set("_inode", 0, iLock|2<<8) }, false},
		"free inode locked": {func(f *fake) { f.set("_inode", 3*inodeSize, iLock) }, true},
		"buffer in use":     {func(f *fake) { f.buffer(2, bBusy|bDone, 0, 9, 0) }, false},
		"buffer on its way": {func(f *fake) { f.buffer(2, bBusy|bAsync, 0, 9, 0) }, true},
		"read ahead":        {func(f *fake) { f.buffer(2, bBusy|bAsync|bRead, 0, 9, 0) }, true},

		"mkdir":                   {comm(2, 7, pRun, pLoad, 60, "mkdir"), false},
		"mkdir stopped":           {comm(2, 7, pStop, pLoad, 60, "mkdir"), false},
		"mkdir prints":            {comm(2, 7, pSleep, pLoad, 29, "mkdir"), false},
		"mkdir asks":              {comm(2, 7, pSleep, pLoad, 28, "mkdir"), true},
		"mkdir waits for a child": {comm(2, 7, pSleep, pLoad, 30, "mkdir"), true},
		"mkdir is over":           {comm(2, 7, pZomb, pLoad, 60, "mkdir"), true},
		"mkdirs":                  {comm(2, 7, pRun, pLoad, 60, "mkdirs"), true},
		"mkdi":                    {comm(2, 7, pRun, pLoad, 60, "mkdi"), true},
		"a long name":             {comm(2, 7, pRun, pLoad, 60, "exactly14chars"), false},
		"of itself":               {comm(2, 77, pSleep, pLoad, 30, "sh"), false},
		"of itself, over":         {comm(2, 77, pZomb, pLoad, 30, "sh"), true},
		"mkdir not begun":         {func(f *fake) { comm(2, 7, pRun, pLoad, 60, "mkdir")(f); f.begun(2, "mkdir", "mkdir", 3) }, true},
		"mkdir has a name":        {func(f *fake) { comm(2, 7, pRun, pLoad, 60, "mkdir")(f); f.begun(2, "x", "mkdir", 3) }, false},
		"mkdir mkdir":             {func(f *fake) { comm(2, 7, pRun, pLoad, 60, "mkdir")(f); f.begun(2, "mkdir", "mkdir", 5) }, false},
		"mkdir found another":     {func(f *fake) { comm(2, 7, pRun, pLoad, 60, "mkdir")(f); f.begun(2, "mkdir", "x", 3) }, false},
		"user unreadable": {func(f *fake) {
			comm(2, 7, pRun, pLoad, 60, "sh")(f)
			f.guest.Memory[(fakeUserAt+0o20000+userProc)/2] = 0
		}, false},
	} {
		f := newFake(t)
		c.change(f)
		k, err := New(f.file)
		if err != nil {
			t.Fatal(err)
		}
		v := f.look(t)
		if quick, slow := k.Settled(&f.guest, b), v.Settled(b); quick != c.want || slow != c.want {
			t.Errorf("%s: settled %v and %v, want %v", what, quick, slow, c.want)
		}
		if c.want == (len(v.Underway(b)) > 0) && !strings.Contains(what, "inode locked") && !strings.Contains(what, "buffer in use") {
			t.Errorf("%s: under way: %+v", what, v.Underway(b))
		}
	}

	f := newFake(t)
	f.guest.Waiting = false
	if k, err := New(f.file); err != nil || k.Settled(&f.guest, b) {
		t.Error("settled though the kernel is at work")
	}
	f.guest.Waiting = true
	f.swapUser(t, 3, 5, "mkdir")
	if f.look(t).Settled(b) {
		t.Error("settled though a mkdir is in swap space")
	}
	if !f.look(t).Settled(nil) {
		t.Error("not settled without brackets")
	}
}

// begun has the process in a slot be one of text 1, whose file is inode 3, that
// has looked up the given names last.
func (f *fake) begun(slot int, dbuf, dent string, ino uint16) {
	at := int(f.get("_proc", slot*procSize+procAddr)) * 32
	put := func(off int, s string) {
		b := make([]byte, 14)
		copy(b, s)
		for i := 0; i < 14; i += 2 {
			f.guest.Memory[at+(off+i)/2] = uint16(b[i]) | uint16(b[i+1])<<8
		}
	}
	put(userDbuf, dbuf)
	put(userDent+2, dent)
	f.guest.Memory[at+userDent/2] = ino
	f.set("_proc", slot*procSize+procText, f.symbols["_text"]+textSize)
	f.set("_text", textSize+textInode, f.symbols["_inode"]+3*inodeSize)
	f.putInode(3, 0, 3, 1, 0, fs.Inode{Mode: fs.ModeRegular | 0o755, Nlink: 1})
}

func TestInBracket(t *testing.T) {
	f := newFake(t)
	k, err := New(f.file)
	if err != nil {
		t.Fatal(err)
	}
	b := &Brackets{Programs: []string{"mv"}, PIDs: []int{7}}
	f.process(1, 1, pRun, pLoad, 60, fakeUserAt/64+0o100, "mv")
	f.guest.Waiting, f.guest.User = false, true
	for slot, want := range []bool{false, true, true} {
		f.guest.KDSA[6] = uint16(fakeUserAt/64 + 0o100*slot)
		if got := k.InBracket(&f.guest, b); got != want {
			t.Errorf("process in slot %d: %v, want %v", slot, got, want)
		}
		if k.InBracket(&f.guest, nil) {
			t.Error("in a bracket where there are none")
		}
	}
}

func TestHurry(t *testing.T) {
	f := newFake(t)
	k, err := New(f.file)
	if err != nil {
		t.Fatal(err)
	}
	f.set("_runrun", 0, 0o177400)
	write := func(pa uint32, v, mask uint16) bool {
		p := &f.guest.Memory[pa/2]
		*p = *p&^mask | v&mask
		return true
	}
	k.Hurry(&f.guest, write)
	if got := f.get("_runrun", 0); got != 0o177401 {
		t.Errorf("runrun and its neighbour are %06o", got)
	}
}

func read(t *testing.T, s *block.Store, n int) []byte {
	t.Helper()
	b := make([]byte, fs.BlockSize)
	if err := s.ReadBlock(n, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fake) state(t *testing.T, d Drive, pack *block.Store, parts Parts) *block.Store {
	t.Helper()
	s, err := f.look(t).State(d, pack, parts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStateOfBuffers(t *testing.T) {
	f := newFake(t)
	rk0 := Drive{RK, 0}
	f.buffer(1, bDelwri|bDone, 0, 500, 0x11)
	f.buffer(2, bBusy|bAsync, 0, 501, 0x22)
	f.buffer(3, bBusy|bAsync|bRead, 0, 502, 0x33) // being read
	f.buffer(4, bDone, 0, 503, 0x44)              // as on the pack
	f.buffer(5, bDelwri|bDone, 1, 504, 0x55)      // rk1, not mounted
	s := f.state(t, rk0, f.pack, AllParts)
	for n, want := range map[int]byte{500: 0x11, 501: 0x22} {
		if got := read(t, s, n); !bytes.Equal(got, bytes.Repeat([]byte{want}, fs.BlockSize)) {
			t.Errorf("block %d has %x, want %x", n, got[0], want)
		}
	}
	var changed []int
	for n := range f.pack.Diff(s) {
		changed = append(changed, n)
	}
	if !slices.Equal(changed, []int{500, 501}) {
		t.Errorf("changed %v", changed)
	}
	for parts, n := range map[Parts]int{Delayed: 500, Queued: 501} {
		if got := read(t, f.state(t, rk0, f.pack, AllParts&^parts), n); !bytes.Equal(got, read(t, f.pack, n)) {
			t.Errorf("block %d is there without part %d", n, parts)
		}
	}
	rk1 := block.NewStore(rkBlocks)
	if got := read(t, f.state(t, Drive{RK, 1}, rk1, AllParts), 504); got[0] != 0x55 {
		t.Error("the buffer of a pack that is not mounted is missing")
	}

	// Partitions of an RP03, and blocks that the driver refuses.
	f.buffer(1, bDelwri|bDone, 0o413, 10, 0x66)
	f.buffer(2, bDelwri|bDone, 0o412, 2000, 0x77)
	f.buffer(3, bDelwri|bDone, 0o412, -1, 0x77)
	f.buffer(4, bDelwri|bDone, 0o414, 0, 0x77)
	rp1 := block.NewStore(rpBlocks)
	s = f.state(t, Drive{RP, 1}, rp1, AllParts)
	changed = nil
	for n := range rp1.Diff(s) {
		changed = append(changed, n)
	}
	if !slices.Equal(changed, []int{7010}) {
		t.Errorf("changed %v of rp1", changed)
	}
}

func TestStateOfInodes(t *testing.T) {
	f := newFake(t)
	// An inode whose block is in a delayed buffer, beside one that is on the pack.
	b, off := fs.InodeBlock(3)
	raw := read(t, f.pack, b)
	var was fs.Inode
	was.Decode(raw[off:])
	was.ATime, was.MTime, was.CTime = 11, 12, 13
	was.Encode(raw[off:])
	f.buffer(2, bDelwri|bDone, 0, int32(b), 0)
	f.data(2, raw)
	now := was
	now.UID, now.GID, now.Mode, now.Size = 5, -1, fs.ModeRegular|0o4711, 0x12345
	now.Addr[10], now.Addr[0] = 0xabcdef, 0x123456
	for flag, want := range map[uint8][3]int32{
		0:           {11, 12, 13},
		iAcc:        {f.now, 12, 13},
		iUpd:        {11, f.now, 13},
		iChg:        {11, 12, f.now},
		iAcc | iUpd: {f.now, f.now, 13},
	} {
		f.putInode(4, 0, 3, 1, flag, now)
		s := f.state(t, Drive{RK, 0}, f.pack, AllParts)
		var got fs.Inode
		got.Decode(read(t, s, b)[off:])
		expect := now
		if flag == 0 {
			expect = was
		}
		expect.ATime, expect.MTime, expect.CTime = want[0], want[1], want[2]
		if got != expect {
			t.Errorf("flags %03o:\ngot  %+v\nwant %+v", flag, got, expect)
		}
		s = f.state(t, Drive{RK, 0}, f.pack, AllParts&^Inodes)
		if got.Decode(read(t, s, b)[off:]); got != was {
			t.Errorf("without inodes: %+v", got)
		}
	}
	// None of a file system that is mounted read-only.
	f.set("_buffers", 412, 1<<8)
	f.putInode(4, 0, 3, 1, iUpd, now)
	var got fs.Inode
	if got.Decode(read(t, f.state(t, Drive{RK, 0}, f.pack, AllParts), b)[off:]); got != was {
		t.Errorf("read-only, but changed to %+v", got)
	}
}

func TestStateOfSuper(t *testing.T) {
	f := newFake(t)
	changed := func(s *block.Store) (list []int) {
		for n := range f.pack.Diff(s) {
			list = append(list, n)
		}
		return list
	}
	super := func(off int, v uint16) { f.set("_buffers", off, v) }
	var want fs.Super
	want.Decode(read(t, f.pack, fs.SuperBlock))
	want.NFree--
	want.Time = f.now
	super(6, uint16(want.NFree))

	// What is in memory is another, but nothing has changed it there: the pack's own
	// counts, whoever has written it.
	if got := changed(f.state(t, Drive{RK, 0}, f.pack, AllParts)); got != nil {
		t.Errorf("s_fmod is not set, but blocks %v changed", got)
	}
	super(412, 1) // s_fmod
	state := f.state(t, Drive{RK, 0}, f.pack, AllParts)
	var got fs.Super
	if got.Decode(read(t, state, fs.SuperBlock)); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := changed(state); !slices.Equal(got, []int{fs.SuperBlock}) {
		t.Errorf("changed %v", got)
	}
	if got := changed(f.state(t, Drive{RK, 0}, f.pack, AllParts&^Supers)); got != nil {
		t.Errorf("without superblocks, but blocks %v changed", got)
	}
	super(412, 1|1<<8) // s_ronly besides
	if got := changed(f.state(t, Drive{RK, 0}, f.pack, AllParts)); got != nil {
		t.Errorf("mounted read-only, but blocks %v changed", got)
	}
}

// TestStateOfCachedInode: a program has written an inode's block past the kernel's
// buffers, as clri does on a raw device. An inode of that block that has changed goes
// into the buffer that the kernel has, and takes all of it along.
func TestStateOfCachedInode(t *testing.T) {
	f := newFake(t)
	b, off := fs.InodeBlock(3)
	raw := read(t, f.pack, b)
	var was fs.Inode
	was.Decode(raw[off:])
	f.buffer(2, bDone, 0, int32(b), 0)
	f.data(2, raw)
	if err := f.pack.WriteBlock(b, make([]byte, fs.BlockSize)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, f.state(t, Drive{RK, 0}, f.pack, AllParts), b); !bytes.Equal(got, make([]byte, fs.BlockSize)) {
		t.Error("nothing has changed in memory, but the buffer was written")
	}
	f.putInode(0, 0, fs.RootIno, 2, iAcc, was)
	// Another of the same block changes too: neither must get lost.
	other := fs.Inode{Mode: fs.ModeRegular | 0o600, Nlink: 1, Addr: [fs.NAddr]uint32{1: 77}}
	f.putInode(4, 0, 5, 1, iAcc|iUpd|iChg, other)
	other.ATime, other.MTime, other.CTime = f.now, f.now, f.now
	_, at := fs.InodeBlock(5)
	other.Encode(raw[at:])
	was.ATime = f.now
	var root fs.Inode
	root.Decode(raw[fs.InodeSize:])
	_, at = fs.InodeBlock(fs.RootIno)
	was.MTime, was.CTime = root.MTime, root.CTime
	was.Encode(raw[at:])
	if got := read(t, f.state(t, Drive{RK, 0}, f.pack, AllParts), b); !bytes.Equal(got, raw) {
		t.Error("the block is not the kernel's buffer with both inodes in it")
	}
}

func TestStateOfOrphans(t *testing.T) {
	f := newFake(t)
	dev := fs.Region{Device: f.pack, N: fakeSwplo}
	v, err := fs.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	st, err := v.Lookup("/file")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Unlink("/file"); err != nil {
		t.Fatal(err)
	}
	if err := v.WriteFile("/file", make([]byte, 60*fs.BlockSize), fs.Attr{Perm: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := v.Sync(); err != nil {
		t.Fatal(err)
	}
	free, inodes, err := v.Free()
	if err != nil {
		t.Fatal(err)
	}
	f.data(0, read(t, f.pack, fs.SuperBlock))
	for _, fmod := range []uint16{0, 1} {
		f.set("_buffers", 412, fmod)
		f.orphan(t, v, st.Ino, free, inodes)
	}
}

func (f *fake) orphan(t *testing.T, v *fs.FS, ino, free, inodes int) {
	t.Helper()
	// The file is open, its entry has gone, and the link count with it.
	root, err := v.Lookup("/")
	if err != nil {
		t.Fatal(err)
	}
	dir := read(t, f.pack, int(root.Addr[0]))
	i := bytes.Index(dir, []byte("file\x00"))
	if i >= 0 {
		dir[i-2], dir[i-1] = 0, 0
	}
	if err := f.pack.WriteBlock(int(root.Addr[0]), dir); err != nil {
		t.Fatal(err)
	}
	f.inode(t, 0, 0, fs.RootIno, 2)
	n, err := v.Inode(ino)
	if err != nil {
		t.Fatal(err)
	}
	n.Nlink = 0
	f.putInode(4, 0, ino, 1, iChg, n)

	if r := fs.Check(fs.Region{Device: f.state(t, Drive{RK, 0}, f.pack, AllParts&^Orphans), N: fakeSwplo}); r.Clean() || !r.Has(fs.Orphan) {
		t.Errorf("without that part: %v", r.Problems)
	}
	s := f.state(t, Drive{RK, 0}, f.pack, AllParts)
	if r := fs.Check(fs.Region{Device: s, N: fakeSwplo}); !r.Clean() {
		t.Errorf("problems: %v", r.Problems)
	}
	o, err := fs.Open(fs.Region{Device: s, N: fakeSwplo})
	if err != nil {
		t.Fatal(err)
	}
	free2, inodes2, err := o.Free()
	if err != nil || free2 != free+61 || inodes2 != inodes+1 {
		t.Errorf("%d blocks and %d inodes free, %d and %d before; %v", free2, inodes2, free, inodes, err)
	}
	if o.Super().Time != f.now {
		t.Errorf("superblock of %d", o.Super().Time)
	}
}

// TestNoStateAtWork breaks what must be so at a settled instant.
func TestNoStateAtWork(t *testing.T) {
	for what, breakIt := range map[string]func(f *fake){
		"sync":             func(f *fake) { f.set("_updlock", 0, 1) },
		"inode locked":     func(f *fake) { f.set("_inode", 0, iLock|2<<8) },
		"buffer busy":      func(f *fake) { f.buffer(2, bBusy|bDone, 0, 9, 0) },
		"process within":   func(f *fake) { f.process(2, 7, pSleep, pLoad, 20, fakeUserAt/64+0o200, "sh") },
		"delayed and busy": func(f *fake) { f.buffer(2, bBusy|bAsync|bDelwri|bDone, 0, 9, 0) },
		"flock":            func(f *fake) { f.set("_buffers", 410, 1) },
		"ilock":            func(f *fake) { f.set("_buffers", 410, 1<<8) },
		"mount unknown":    func(f *fake) { f.mountFake(1, 2); f.set("_inode", inodeSize, 1<<8) },
	} {
		f := newFake(t)
		breakIt(f)
		if _, err := f.look(t).State(Drive{RK, 0}, f.pack, AllParts); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
