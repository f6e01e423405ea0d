package crash

import (
	"bytes"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"v7em/block"
	"v7em/images"
	"v7em/journaldev"
	"v7em/journaldev/crashtest"
	"v7em/tests/guest"
	"v7em/unix/fs"
)

// eachGuest runs a test with mini's packs, and with V7's where they can be had.
func eachGuest(t *testing.T, f func(t *testing.T, packs *images.Drives)) {
	t.Helper()
	t.Run(guest.Mini, func(t *testing.T) { f(t, guest.MiniPacks(t)) })
	t.Run(guest.V7, func(t *testing.T) {
		if testing.Short() {
			t.Skip("takes long: left out with -short")
		}
		f(t, guest.Packs(t, ""))
	})
}

// workload returns a built-in workload.
func workload(t *testing.T, name string) Workload {
	t.Helper()
	w, err := LoadWorkload(name, 1)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func record(t *testing.T, o RecordOptions) *Run {
	t.Helper()
	begin := time.Now()
	r, err := Record(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	kinds := counted(r)
	t.Logf("%s, %s: %d events (%d writes, %d syncs, %d synced), %d operations, %.1f s virtual, recorded in %v",
		o.Workload.Name, o.Mode, len(r.Events), kinds[Write], kinds[Sync], kinds[Synced], kinds[Return], float64(r.Time)/1e9, time.Since(begin).Round(time.Millisecond))
	return r
}

func counted(r *Run) map[Kind]int {
	kinds := map[Kind]int{}
	for _, e := range r.Events {
		kinds[e.Kind]++
	}
	return kinds
}

// final returns the packs as they are when all that was written is there.
func final(t *testing.T, r *Run) []*block.Store {
	t.Helper()
	var list []*block.Store
	for i, p := range r.Packs {
		files := [2][]byte{stored(t, p.Start), bytes.Clone(p.Journal)}
		for _, e := range r.Events {
			if e.Kind != Write || e.Pack != i {
				continue
			}
			f := &files[0]
			if e.Journal {
				f = &files[1]
			}
			if more := int(e.Off) + len(e.Data) - len(*f); more > 0 {
				*f = append(*f, make([]byte, more)...)
			}
			copy((*f)[e.Off:], e.Data)
		}
		s := block.NewStore(p.Start.Blocks())
		if p.Journal != nil {
			v, err := journaldev.Mount(&crashtest.Plain{Data: files[0]}, &crashtest.Plain{Data: files[1]}, journaldev.VolumeOptions{ByHand: true})
			if err != nil {
				t.Fatalf("%s: %v", p.Drive, err)
			}
			list = append(list, v.Snapshot())
			continue
		}
		if err := s.Load(bytes.NewReader(files[0])); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

func stored(t *testing.T, s *block.Store) []byte {
	t.Helper()
	b := make([]byte, s.Blocks()*block.Size)
	for n := range s.Blocks() {
		if err := s.ReadBlock(n, b[n*block.Size:][:block.Size]); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestRecord records all workloads in all modes. At the end of each the guest syncs, so
// that the packs must have exactly what the operations have made.
func TestRecord(t *testing.T) {
	eachGuest(t, func(t *testing.T, packs *images.Drives) {
		for _, name := range Workloads {
			var first *Run
			for _, mode := range Modes {
				w := workload(t, name)
				w.Script += "sync; sync; sleep 2\n"
				r := record(t, RecordOptions{Mode: mode, Workload: w, Packs: packs})
				if r.Output != "" {
					t.Errorf("%s, %s: the guest printed %q", name, mode, r.Output)
				}
				kinds := counted(r)
				if n := kinds[Write]; n < 100 || n > 3000 {
					t.Errorf("%s, %s: %d writes", name, mode, n)
				}
				if n := len(r.Ops); n < 150 || n > 900 || n != kinds[Return] {
					t.Errorf("%s, %s: %d operations, %d of them returned", name, mode, n, kinds[Return])
				}
				wantSyncs := map[Mode]int{Plain: 0, WriteThrough: kinds[Write], Journal: kinds[Sync]}[mode]
				if kinds[Sync] != wantSyncs || mode == Journal && wantSyncs < 20 || kinds[Synced] < 4 {
					t.Errorf("%s, %s: %d syncs, %d of the guest's", name, mode, kinds[Sync], kinds[Synced])
				}
				ordered(t, r)
				consistent(t, r, name)
				for i, s := range final(t, r) {
					if rep := fs.Check(s); r.Packs[i].Dir != "" && !rep.Clean() {
						t.Errorf("%s, %s: %s at the end: %v", name, mode, r.Packs[i].Drive, rep.Problems)
					}
				}
				if first == nil {
					first = r
				} else if mode == WriteThrough && !reflect.DeepEqual(first.Ops, r.Ops) {
					t.Errorf("%s: the guest has done something else than in the plain mode", name)
				}
			}
		}
	})
}

// ordered checks the times and numbers of a run.
func ordered(t *testing.T, r *Run) {
	t.Helper()
	var last uint64
	ops := 0
	for i, e := range r.Events {
		if e.Time < last || e.Time > r.Time {
			t.Fatalf("event %d is at %d, after %d; the run ends at %d", i, e.Time, last, r.Time)
		}
		last = e.Time
		switch e.Kind {
		case Return:
			op := r.Ops[e.Op]
			if e.Op != ops || op.Called >= op.Returned || op.Returned > e.Time {
				t.Fatalf("event %d: operation %d of %d: %+v", i, e.Op, ops, op)
			}
			ops++
		case Synced:
			if e.Op > ops {
				t.Fatalf("event %d: a sync covers %d operations of %d", i, e.Op, ops)
			}
		}
	}
}

// consistent checks that what the operations say of the names on the packs is what
// the packs have at the end.
func consistent(t *testing.T, r *Run, name string) {
	t.Helper()
	calls := map[string]int{}
	var trees []Tree
	for _, p := range r.Packs {
		trees = append(trees, maps.Clone(p.Tree))
	}
	changes := 0
	for _, op := range r.Ops {
		calls[op.Program+" "+op.Call]++
		for _, c := range op.Changes {
			changes++
			if c.Is == (Value{}) {
				delete(trees[c.Pack], c.Path)
			} else {
				trees[c.Pack][c.Path] = c.Is
			}
		}
	}
	for i, s := range final(t, r) {
		if trees[i] == nil {
			continue
		}
		got, err := TreeOf(s)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, trees[i]) {
			for p := range trees[i] {
				if got[p] != trees[i][p] {
					t.Errorf("%s, %s: %s%s is %x, and should be %x", name, r.Mode, r.Packs[i].Drive, p, got[p], trees[i][p])
				}
			}
			for p := range got {
				if _, ok := trees[i][p]; !ok {
					t.Errorf("%s, %s: there is %s%s", name, r.Mode, r.Packs[i].Drive, p)
				}
			}
		}
	}
	if changes == 0 {
		t.Errorf("%s, %s: nothing was changed", name, r.Mode)
	}
	want := []string{"mkdir mknod", "mkdir link", "rmdir unlink"}
	if name == "files" {
		want = []string{"cp write", "mv unlink", "rm unlink", "ln link", "sh creat", "chmod chmod"}
	}
	for _, c := range want {
		if calls[c] == 0 {
			t.Errorf("%s, %s: no %s: %v", name, r.Mode, c, calls)
		}
	}
}

// TestRecordPromises holds what is promised against what is on the disk when V7's own
// sync has written all: that owes nothing to the states that commits are made of.
func TestRecordPromises(t *testing.T) {
	eachGuest(t, func(t *testing.T, packs *images.Drives) {
		w := workload(t, "files")
		w.Script = strings.ReplaceAll(w.Script, "sync", "sync; sleep 2")
		r := record(t, RecordOptions{Mode: Plain, Workload: w, Packs: packs})
		var disks []*block.Store
		var trees []Tree
		for _, p := range r.Packs {
			disks, trees = append(disks, p.Start.Clone()), append(trees, maps.Clone(p.Tree))
		}
		at, ops, compared := 0, 0, 0
		for _, e := range r.Events {
			if e.Kind != Synced {
				continue
			}
			for ; at < len(r.Events) && r.Events[at].Time < e.Time+1e9; at++ {
				if e := r.Events[at]; e.Kind == Write {
					if err := disks[e.Pack].WriteBlock(int(e.Off/block.Size), e.Data); err != nil {
						t.Fatal(err)
					}
				}
			}
			for ; ops < e.Op; ops++ {
				for _, c := range r.Ops[ops].Changes {
					if trees[c.Pack][c.Path] = c.Is; c.Is == (Value{}) {
						delete(trees[c.Pack], c.Path)
					}
				}
			}
			for i, tree := range trees {
				if tree == nil {
					continue
				}
				compared++
				if got, err := TreeOf(disks[i]); err != nil || !maps.Equal(got, tree) {
					t.Errorf("after the sync at %.3f s %s does not have what %d operations have made", float64(e.Time)/1e9, r.Packs[i].Drive, ops)
				}
			}
		}
		if compared < 10 {
			t.Errorf("compared %d times", compared)
		}
	})
}

// TestRecordRepeats records the same twice, and gets the same.
func TestRecordRepeats(t *testing.T) {
	eachGuest(t, func(t *testing.T, packs *images.Drives) {
		for _, mode := range []Mode{Plain, Journal} {
			o := RecordOptions{Mode: mode, Workload: workload(t, "mixed"), Packs: packs}
			a, b := record(t, o), record(t, o)
			for i := range min(len(a.Events), len(b.Events)) {
				if !reflect.DeepEqual(a.Events[i], b.Events[i]) {
					t.Fatalf("%s: event %d is %+v and then %+v", mode, i, a.Events[i], b.Events[i])
				}
			}
			for i := range a.Packs {
				if !bytes.Equal(stored(t, a.Packs[i].Start), stored(t, b.Packs[i].Start)) {
					t.Errorf("%s: the packs in %s differ", mode, a.Packs[i].Drive)
				}
				a.Packs[i].Start, b.Packs[i].Start = nil, nil
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s: the runs differ", mode)
			}
		}
	})
}

// TestRecordChanges looks at what some operations are said to have done.
func TestRecordChanges(t *testing.T) {
	eachGuest(t, func(t *testing.T, packs *images.Drives) {
		w := Workload{"some", `cd /crash
mkdir d
sync
echo some >d/f
mv d/f g
rmdir d
rmdir nothing
`}
		r := record(t, RecordOptions{Mode: Plain, Workload: w, Packs: packs})
		var got []string
		values := map[Value]string{{}: "gone"}
		for i, op := range r.Ops {
			if op.Program == "mv" && op.Call == "chown" {
				continue
			}
			s := op.Program + " " + op.Call + " " + op.Path
			for _, c := range op.Changes {
				if values[c.Is] == "" {
					values[c.Is] = string(rune('A' + len(values) - 1))
				}
				s += " " + c.Path + "=" + values[c.Is]
			}
			for _, e := range r.Events {
				if e.Kind == Synced && e.Op == i {
					s = "sync; " + s
				}
			}
			got = append(got, s)
		}
		// mkdir: mknod, chown, two links. The shell creates f, then echo writes.
		want := []string{
			"mkdir mknod d /crash/d=A", "mkdir link d", "mkdir link .",
			"sync; sh creat d/f /crash/d/f=B", "echo write  /crash/d/f=C",
			"mv link d/f /crash/g=C", "mv unlink d/f /crash/d/f=gone",
			"rmdir unlink d/..", "rmdir unlink d/.", "rmdir unlink d /crash/d=gone",
		}
		got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "mkdir chown") })
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestLoadWorkload(t *testing.T) {
	name := t.TempDir() + "/mine.sh"
	if err := os.WriteFile(name, []byte("echo hello\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if w, err := LoadWorkload(name, 1); err != nil || w.Script != "echo hello\n" {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := LoadWorkload("mkdirs", 1); err == nil || !strings.Contains(err.Error(), "churn") {
		t.Errorf("no such workload: %v", err)
	}
	if err := os.WriteFile(name, make([]byte, maxScript+1), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadWorkload(name, 1); err == nil {
		t.Error("a script that is too long")
	}
	for _, n := range Workloads {
		if again := workload(t, n); again != workload(t, n) {
			t.Errorf("%s is not the same each time", n)
		}
	}
	a, _ := LoadWorkload("mixed", 1)
	if b, _ := LoadWorkload("mixed", 2); a == b {
		t.Error("the seed does not matter")
	}
}
