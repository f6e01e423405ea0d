package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// Workload is what the guest does while it is recorded.
type Workload struct {
	Name   string
	Script string // for the guest's sh
}

// Workloads are the names of those that are built in.
var Workloads = []string{"mkdir", "files", "churn", "mixed"}

// maxScript bounds a script: it must fit on the guest's pack.
const maxScript = 64 << 10

// LoadWorkload returns the built-in workload of a name, or that of a shell script on
// the host. seed says what the built-in ones do in what order. They do the same in
// V7 and in mini, whose sh knows less.
func LoadWorkload(name string, seed uint64) (Workload, error) {
	rnd := rand.New(rand.NewPCG(seed, 4))
	switch name {
	case "mkdir":
		return Workload{name, mkdirScript()}, nil
	case "files":
		return Workload{name, filesScript()}, nil
	case "churn":
		return Workload{name, churnScript(rnd)}, nil
	case "mixed":
		return Workload{name, mixedScript(rnd)}, nil
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(name, "./") {
		return Workload{}, fmt.Errorf("no workload %q: want %s, or the name of a shell script", name,
			strings.Join(Workloads, ", "))
	}
	if err == nil && len(b) > maxScript {
		err = fmt.Errorf("%s: a workload may have %d bytes", name, maxScript)
	}
	if err != nil {
		return Workload{}, err
	}
	return Workload{name, string(b)}, nil
}

// script collects the lines of a shell script.
type script struct{ strings.Builder }

func (s *script) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// count returns the numbers from 1 to n as words.
func count(n int) string {
	var w []string
	for i := range n {
		w = append(w, fmt.Sprint(i+1))
	}
	return strings.Join(w, " ")
}

// mkdirScript makes and removes directories: one at a time with syncs between, then
// many without.
func mkdirScript() string {
	var s script
	s.line("cd %s", workDir)
	s.line("for i in %s", count(12))
	s.line("do mkdir d$i; sync; rmdir d$i; sync")
	s.line("done")
	s.line("for i in %s", count(6))
	s.line("do mkdir a$i b$i a$i/x a$i/y; sync; rmdir a$i/x b$i")
	s.line("done")
	s.line("sync")
	s.line("for i in %s", count(10))
	s.line("do mkdir m$i")
	s.line("done")
	s.line("for i in %s", count(10))
	s.line("do rmdir m$i")
	s.line("done")
	s.line("sync")
	s.line("for i in %s", count(6))
	s.line("do rmdir a$i/y a$i; mkdir z$i; rmdir z$i")
	s.line("done")
	return s.String()
}

// filesScript makes, grows, cuts short, renames and removes files. Some have
// indirect blocks, some are used when they have no name any more, and so are pipes.
func filesScript() string {
	var s script
	s.line("cd %s", workDir)
	s.line("for i in %s", count(5))
	s.line("do echo first $i >f$i; cp /bin/echo big$i; sync")
	s.line("for j in %s", count(4))
	s.line("do echo line $j of $i >>f$i")
	s.line("done")
	s.line("cat f$i f$i f$i >g$i; mv g$i h$i; ln h$i l$i; chmod 600 f$i")
	s.line(">big$i; cat /bin/cat >>big$i")
	s.line("(rm t$i; cat /bin/echo h$i; sync) >t$i")
	s.line("cat big$i | cat | cat >p$i; rm p$i")
	s.line("sync; mv big$i old$i; cp f$i old$i; rm l$i f$i")
	s.line("done")
	s.line("sync")
	s.line("for i in %s", count(5))
	s.line("do cp h$i k$i; rm h$i old$i; mv k$i h$i")
	s.line("done")
	return s.String()
}

// churnScript has three processes make and remove many small files and directories at
// once, which fills and empties directories and the free list.
func churnScript(rnd *rand.Rand) string {
	var s script
	s.line("cd %s", workDir)
	for p := range 3 {
		name := string(rune('p' + p))
		n := 6 + rnd.IntN(3) // V7's root has few inodes to spare
		s.line("(mkdir %s; cd %s", name, name)
		s.line("for r in %s", count(4))
		s.line("do for i in %s", count(n))
		s.line("do echo %s$r$i >%sf$r$i", name, name)
		s.line("done")
		for i := range n {
			switch rnd.IntN(3) {
			case 0:
				s.line("rm %sf${r}%d", name, i+1)
			case 1:
				s.line("rm %sf${r}%d; mkdir %sd${r}%d", name, i+1, name, i+1)
			default:
				s.line("echo more >>%sf${r}%d", name, i+1)
			}
		}
		if p == 0 {
			s.line("sync")
		}
		s.line("rm -f *f$r[3-9]; mkdir %sd${r}0; rmdir *d$r*", name)
		s.line("done; rm -f *f*) &")
	}
	s.line("wait")
	s.line("sync")
	return s.String()
}

// mixedScript has three processes do what people do, on two packs, and a fourth sync
// as /etc/update does, if more often.
func mixedScript(rnd *rand.Rand) string {
	var s script
	for p := range 3 {
		name := string(rune('u' + p))
		dir := workDir
		if p == 1 {
			dir = otherDir
		}
		s.line("(cd %s; mkdir %s; cd %s", dir, name, name)
		s.line("for r in %s", count(3))
		s.line("do mkdir %sa$r %sb$r", name, name)
		for i := range 6 {
			switch rnd.IntN(6) {
			case 0:
				s.line("cp /bin/pwd %sc${r}%d; mv %sc${r}%d %sa$r", name, i, name, i, name)
			case 1:
				s.line("mkdir %sd${r}%d; mv %sd${r}%d %se${r}%d; rmdir %se${r}%d", name, i, name, i, name, i, name, i)
			case 2:
				s.line("echo %s $r >%sf${r}%d; ln %sf${r}%d %sl${r}%d; rm %sf${r}%d", name, name, i, name, i, name, i, name, i)
			case 3:
				s.line("echo one >%sg${r}%d; echo two >>%sg${r}%d; cp %sg${r}%d %sb$r", name, i, name, i, name, i, name)
			case 4:
				s.line("mkdir %sa$r/%sx%d; rmdir %sa$r/%sx%d", name, name, i, name, name, i)
			default:
				s.line("mkdir %sy${r}%d %sz${r}%d; rmdir %sy${r}%d", name, i, name, i, name, i)
			}
		}
		s.line("rm -f %sa$r/* %sb$r/*; rmdir %sa$r", name, name, name)
		s.line("done) &")
	}
	s.line("for i in %s", count(4))
	s.line("do sleep 1; sync")
	s.line("done")
	s.line("wait")
	return s.String()
}
