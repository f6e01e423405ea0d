package kernel

import (
	"bytes"
	"slices"

	"v7em/unix/fs"
)

// proc is an entry of the process table.
type proc struct {
	entry      uint16 // its address
	stat, flag uint8
	pri        int8
	pid, ppid  int
	uid        uint16
	addr       uint16 // in units of 64 bytes; in blocks of swap space when out
	text       uint16
}

func readProc(r *reader, e uint16) proc {
	return proc{
		entry: e,
		stat:  r.byte(e + procStat),
		flag:  r.byte(e + procFlag),
		pri:   int8(r.byte(e + procPri)),
		uid:   r.word(e + procUID),
		pid:   int(r.word(e + procPID)),
		ppid:  int(r.word(e + procPPID)),
		addr:  r.word(e + procAddr),
		text:  r.word(e + procText),
	}
}

// within says that a process is inside an operation that may change a file
// system: it sleeps, or slept last, at a priority that no signal ends. Those that
// wait for swapping or for a text have nothing half done: a child that is just
// born, whose priority is that of the last process in its slot, and one that
// grows, have pSwap.
func (p *proc) within() bool {
	if p.stat != pSleep && p.stat != pRun || p.pri >= priZero {
		return false
	}
	return p.flag&(pSwap|pLock) == 0 && (p.pri < 0 || p.pri > priSwapped)
}

// readProcs reads the process table: the scheduler, init, and those that there
// are besides.
func (v *View) readProcs(r *reader) error {
	k := v.k
	pids := map[int]bool{}
	for i := range k.proc.n {
		p := readProc(r, k.proc.at(i))
		if p.stat == 0 {
			if i < 2 {
				return unknown("there is no process %d", i)
			}
			continue
		}
		switch {
		case p.stat > pStop:
			return unknown("process %d has state %d", p.pid, p.stat)
		case i < 2 && p.pid != i, p.pid >= 30000, pids[p.pid]:
			return unknown("process %d is in slot %d", p.pid, i)
		case i == 0 && p.flag&(pLoad|pSys) != pLoad|pSys:
			return unknown("the scheduler has flags %03o", p.flag)
		case p.stat != pZomb && p.flag&pLoad != 0 && int(p.addr)*32+userSize/2 > len(v.g.Memory):
			return unknown("process %d is behind the memory", p.pid)
		}
		pids[p.pid] = true
		v.procs = append(v.procs, p)
	}
	current := r.word(userVA + userProc)
	i := slices.IndexFunc(v.procs, func(p proc) bool { return p.entry == current })
	if i < 0 || v.procs[i].addr != v.g.KDSA[userVA>>13] {
		return unknown("the current process is %06o", current)
	}
	return nil
}

// coreUser reads n bytes of the user structure of a process in memory, from an
// even offset on. False means that it is not there.
func coreUser(r *reader, p *proc, off, n int) ([]byte, bool) {
	at := uint32(p.addr) << 6
	if uint16(r.phys(at+userProc)) != p.entry {
		return nil, false
	}
	data := make([]byte, n)
	for i := 0; i < n; i += 2 {
		w := r.phys(at + uint32(off+i))
		data[i] = byte(w)
		if i+1 < n {
			data[i+1] = byte(w >> 8)
		}
	}
	return data, !r.bad
}

// user reads n bytes of a process's user structure, from an even offset on: from
// memory, where it still is while it is written out, or from swap space. False
// means that it is in neither.
func (p *proc) user(v *View, off, n int) ([]byte, bool) {
	if p.flag&(pLoad|pLock) != 0 {
		return coreUser(&reader{g: v.g}, p, off, n)
	}
	at, ok := v.region(v.swapdev)
	if !ok || v.g.Pack == nil {
		return nil, false
	}
	pack := v.g.Pack(at.drive)
	block := int(v.swplo) + int(p.addr)
	if pack == nil || block < 0 || block >= at.blocks {
		return nil, false
	}
	var b [fs.BlockSize]byte
	if err := pack.ReadBlock(at.first+block, b[:]); err != nil || off+n > len(b) {
		return nil, false
	}
	return b[off : off+n], uint16(b[userProc])|uint16(b[userProc+1])<<8 == p.entry
}

// Process is a process.
type Process struct {
	PID, PPID int
	UID       int
	Name      string // of the program, at most 14 bytes; empty if it cannot be read
	State     State
	Priority  int
	Within    bool // inside an operation that may change a file system
}

// State is what a process does.
type State uint8

// The states of a process (sys/proc.h).
const (
	Sleeping State = 1
	Running  State = 3
	Newborn  State = 4 // a parent while its child is copied
	Zombie   State = 5
	Stopped  State = 6 // traced
)

// String is the state's name.
func (s State) String() string {
	names := [...]string{1: "sleeping", 3: "running", 4: "newborn", 5: "zombie", 6: "stopped"}
	if int(s) < len(names) && names[s] != "" {
		return names[s]
	}
	return "unknown"
}

// Processes returns all processes but the scheduler, zombies included.
func (v *View) Processes() []Process {
	var list []Process
	for i := range v.procs {
		p := &v.procs[i]
		if p.flag&pSys == 0 {
			list = append(list, v.process(p))
		}
	}
	return list
}

func (v *View) process(p *proc) Process {
	return Process{
		PID: p.pid, PPID: p.ppid, UID: int(int16(p.uid)), Name: v.name(p),
		State: State(p.stat), Priority: int(p.pri), Within: p.flag&pSys == 0 && p.within(),
	}
}

// name returns the name of a process's program.
func (v *View) name(p *proc) string {
	if p.stat == pZomb {
		return ""
	}
	b, ok := p.user(v, userComm, fs.NameMax)
	if !ok {
		return ""
	}
	return cutName(b)
}

// cutName returns a name without the NULs behind it.
func cutName(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// Alive says whether there is a process of that number, zombies not counted. The
// kernel must be loaded; the processor may do anything.
func (k *Kernel) Alive(g *Guest, pid int) bool {
	r := &reader{g: g}
	for i := range k.proc.n {
		e := k.proc.at(i)
		if stat := r.byte(e + procStat); stat != 0 && stat != pZomb && int(r.word(e+procPID)) == pid {
			return true
		}
	}
	return false
}

// Caller returns the current process, one that has just made a system call. The
// kernel must be loaded. False means that there is no such process.
func (k *Kernel) Caller(g *Guest) (Process, bool) {
	r := &reader{g: g}
	current := r.word(userVA + userProc)
	if i, ok := k.proc.index(current); !ok || i == 0 {
		return Process{}, false
	}
	p := readProc(r, current)
	comm := make([]byte, fs.NameMax)
	r.bytes(userVA+userComm, comm)
	if r.bad || p.addr != g.KDSA[userVA>>13] {
		return Process{}, false
	}
	return Process{
		PID: p.pid, PPID: p.ppid, UID: int(int16(p.uid)), Name: cutName(comm),
		State: State(p.stat), Priority: int(p.pri),
	}, true
}

// OnDisk says whether an open file of the current process is kept on a disk: a plain
// file or directory, and no pipe.
func (k *Kernel) OnDisk(g *Guest, descriptor uint16) bool {
	_, _, ok := k.OpenFile(g, descriptor)
	return ok
}

// OpenFile returns the device and inode number of an open file of the current
// process. False means that it is not kept on a disk: see OnDisk.
func (k *Kernel) OpenFile(g *Guest, descriptor uint16) (dev uint16, ino int, ok bool) {
	r := &reader{g: g}
	if descriptor >= userFiles {
		return 0, 0, false
	}
	file := r.word(userVA + userOfile + 2*descriptor)
	if file == 0 || file%2 != 0 || file >= dataEnd || r.byte(file+fileFlag)&filePipe != 0 {
		return 0, 0, false
	}
	ip := r.word(file + fileInode)
	if _, ok := k.inode.index(ip); !ok || r.bad {
		return 0, 0, false
	}
	typ := r.word(ip+inodeMode) & fs.ModeType
	dev, ino = r.word(ip+inodeDev), int(r.word(ip+inodeNumber))
	return dev, ino, !r.bad && (typ == fs.ModeRegular || typ == fs.ModeDir)
}
