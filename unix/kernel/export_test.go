package kernel

// Locked is the test of what is under way that does without the process table.
func (v *View) Locked() bool { return v.locked() }

// Excused says whether a process sleeps as if within an operation, and is not
// taken to be: it waits for swapping or for a text, or was just born.
func (v *View) Excused() bool {
	for i := range v.procs {
		p := &v.procs[i]
		if p.flag&pSys == 0 && (p.stat == pSleep || p.stat == pRun) && p.pri < priZero && !p.within() {
			return true
		}
	}
	return false
}
