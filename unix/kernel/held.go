package kernel

import "slices"

// priPipe is the priority of a process that waits for the other end of a pipe: at its
// inode + 1 until there is room, + 2 until something is in it.
const priPipe = 26

// Helpers returns the numbers of the processes that those inside brackets wait for,
// directly or not: their children, and all that have the pipe open that they write to
// or read from. When these go on, so may the brackets.
func (k *Kernel) Helpers(g *Guest, b *Brackets) []int {
	if b.none() {
		return nil
	}
	v, r := k.partly(g)
	var all []proc
	var waits []proc // to be looked at
	for i := 1; i < k.proc.n; i++ {
		e := k.proc.at(i)
		if stat := r.byte(e + procStat); stat == 0 || stat == pZomb {
			continue
		}
		p := readProc(r, e)
		all = append(all, p)
		if b.inside(k, r, &p, func(off, n int) ([]byte, bool) { return p.user(v, off, n) }) {
			waits = append(waits, p)
		}
	}
	seen := map[int]bool{}
	for _, p := range waits {
		seen[p.pid] = true
	}
	var list []int
	for len(waits) > 0 {
		p := waits[0]
		waits = waits[1:]
		if p.stat != pSleep {
			continue
		}
		var waitsFor func(q *proc) bool
		switch p.pri {
		case priWait:
			waitsFor = func(q *proc) bool { return q.ppid == p.pid }
		case priPipe:
			at := r.word(p.entry + procWchan)
			pipe := at - 1
			if _, ok := k.inode.index(pipe); !ok {
				pipe = at - 2
			}
			if _, ok := k.inode.index(pipe); !ok {
				continue
			}
			waitsFor = func(q *proc) bool { return q.hasPipe(v, r, pipe) }
		default:
			continue
		}
		for i := range all {
			if q := &all[i]; !seen[q.pid] && q.flag&pSys == 0 && waitsFor(q) {
				seen[q.pid] = true
				list = append(list, q.pid)
				waits = append(waits, *q)
			}
		}
	}
	return list
}

// hasPipe says whether a process has the pipe with that inode open.
func (p *proc) hasPipe(v *View, r *reader, inode uint16) bool {
	files, ok := p.user(v, userOfile, 2*userFiles)
	if !ok {
		return false
	}
	for i := range userFiles {
		file := uint16(files[2*i]) | uint16(files[2*i+1])<<8
		if file == 0 || file%2 != 0 || file >= dataEnd {
			continue
		}
		if r.byte(file+fileFlag)&filePipe != 0 && r.word(file+fileInode) == inode {
			return true
		}
	}
	return false
}

// partly returns what is needed to look at single processes, those in swap space
// included, whatever the processor does.
func (k *Kernel) partly(g *Guest) (*View, *reader) {
	r := &reader{g: g}
	v := &View{k: k, g: g, swapdev: r.word(k.swapdev), swplo: r.long(k.swplo)}
	if err := v.readDevices(r); err != nil {
		v.tabs = nil // those in swap space cannot be told
	}
	return v, r
}

// Runs says whether the current process is one of the given.
func (k *Kernel) Runs(g *Guest, pids []int) bool {
	r := &reader{g: g}
	current := r.word(userVA + userProc)
	_, ok := k.proc.index(current)
	return ok && slices.Contains(pids, int(r.word(current+procPID)))
}

// Release ends what ^S has begun: the console's output may go on, when its transmitter
// interrupts again. It says whether the output was held. Like Hurry it changes
// memory, and is meant for clones of a machine.
func (k *Kernel) Release(g *Guest, write func(pa uint32, v, mask uint16) bool) bool {
	t, ok := k.Console(g)
	if !ok || !t.Stopped {
		return false
	}
	r := &reader{g: g}
	if k.console != 0 {
		return write(r.pa(k.console+ttyState), 0, ttyStopped)
	}
	return write(r.pa(k.ttStop), 0, 0o177777)
}
