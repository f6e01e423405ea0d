package kernel

import (
	"fmt"
	"slices"
)

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

// Diff says in what two kernels differ.
func Diff(a, b *Kernel) string {
	x, y := *a, *b
	n := min(len(x.text), len(y.text))
	same := slices.Equal(x.text[:n], y.text[:n]) // one may have the padding behind it
	x.text, y.text = nil, nil
	if d, e := fmt.Sprintf("%+v", x), fmt.Sprintf("%+v", y); d != e || !same {
		return fmt.Sprintf("%s, want %s; texts of %d and %d words alike: %v", d, e, len(a.text), len(b.text), same)
	}
	return ""
}

// Sizes are how many buffers, inodes, processes, mounts and texts a kernel has.
func Sizes(k *Kernel) [5]int {
	return [5]int{k.buf.n, k.inode.n, k.proc.n, k.mount.n, k.texts.n}
}
