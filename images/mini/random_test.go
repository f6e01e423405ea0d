package mini_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"v7em/machine"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/fs/fstest"
)

var (
	commands = flag.Int("commands", 0, "how many random commands TestRandom gives a guest (default 640, in the long form 2000)")
	seed     = flag.Uint64("seed", 1, "of the random commands")
)

// node is a file or a directory as it must be.
type node struct {
	kids map[string]*node // nil for a file
	data []byte
}

func (n *node) names() (names []string) {
	for name := range n.kids {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// place is a node with its path from the generator's root.
type place struct {
	path string
	*node
}

// generator makes commands of a shell, and says what they print and leave behind.
type generator struct {
	rnd  *rand.Rand
	dir  string // the root's name in the guest
	root *node
	cwd  string // from the root

	text, want strings.Builder
	n          int // commands
	budget     int // bytes that all files may have
	largest    int // file, bytes
}

func newGenerator(seed uint64, dir string, budget int) *generator {
	return &generator{rnd: rand.New(rand.NewPCG(seed, 5)), dir: dir, root: &node{kids: map[string]*node{}}, cwd: "/", budget: budget}
}

// script returns commands that have not been asked for before, and what they print.
func (g *generator) script(n int) (text, want string) {
	g.text.Reset()
	g.want.Reset()
	g.cwd = "/"
	fmt.Fprintf(&g.text, "cd %s\n", g.dir)
	for range n {
		g.n++
		g.command()
	}
	return g.text.String(), g.want.String()
}

// do adds a command and what it prints.
func (g *generator) do(want, format string, args ...any) {
	fmt.Fprintf(&g.text, "echo =%d\n"+format+"\n", append([]any{g.n}, args...)...)
	fmt.Fprintf(&g.want, "=%d\n%s", g.n, want)
}

// fails adds a command that must not succeed and must not print anything to its
// standard output.
func (g *generator) fails(format string, args ...any) {
	g.do("no\n", format+" >/dev/null 2>&1 || echo no", args...)
}

// all returns all files or all directories.
func (g *generator) all(dirs bool) (list []place) {
	var walk func(p place)
	walk = func(p place) {
		if (p.kids != nil) == dirs {
			list = append(list, p)
		}
		for _, name := range p.names() {
			walk(place{path.Join(p.path, name), p.kids[name]})
		}
	}
	walk(place{"/", g.root})
	return list
}

func pick[T any](g *generator, list []T) T { return list[g.rnd.IntN(len(list))] }

// name makes up a name, which may be there already. Only 14 characters count.
func (g *generator) name() string {
	switch g.rnd.IntN(12) {
	case 0:
		return "fourteen.chars"
	case 1:
		return fmt.Sprintf("x%d", g.rnd.IntN(100))
	}
	return string(rune('a' + g.rnd.IntN(12)))
}

// at returns a path that leads to p: from the root of the guest, or from where the
// shell is.
func (g *generator) at(p string) string {
	if g.rnd.IntN(4) == 0 {
		return path.Join(g.dir, p)
	}
	from, to := strings.Split(strings.Trim(g.cwd, "/"), "/"), strings.Split(strings.Trim(p, "/"), "/")
	if g.cwd == "/" {
		from = nil
	}
	if p == "/" {
		to = nil
	}
	for len(from) > 0 && len(to) > 0 && from[0] == to[0] {
		from, to = from[1:], to[1:]
	}
	var words []string
	for range from {
		words = append(words, "..")
	}
	words = append(words, to...)
	if len(words) == 0 {
		return "."
	}
	return strings.Join(words, "/")
}

// down is at without "..": V7's mv of a directory wants that.
func (g *generator) down(p string) string {
	if s := g.at(p); !strings.Contains(s, "..") {
		return s
	}
	return path.Join(g.dir, p)
}

// below says whether path p is d or below it.
func below(p, d string) bool { return p == d || d == "/" || strings.HasPrefix(p, d+"/") }

func depth(p string) int { return strings.Count(p, "/") }

// used sums up the files, and counts all there is.
func (g *generator) used() (size, count int) {
	seen := map[*node]bool{}
	for _, f := range g.all(false) {
		if !seen[f.node] {
			seen[f.node] = true
			size += len(f.data)
		}
	}
	return size, len(seen) + len(g.all(true))
}

// parent returns the directory that has a path, and its last component.
func (g *generator) parent(p string) (*node, string) {
	n := g.root
	for _, c := range strings.Split(strings.Trim(path.Dir(p), "/"), "/") {
		if c != "" {
			n = n.kids[c]
		}
	}
	return n, path.Base(p)
}

// words is a line of text.
func (g *generator) words() string {
	var w []string
	for range 1 + g.rnd.IntN(8) {
		w = append(w, fmt.Sprintf("w%d", g.rnd.IntN(1000)))
	}
	return strings.Join(w, " ")
}

// write makes path p a file with that contents.
func (g *generator) write(p string, data []byte) {
	g.largest = max(g.largest, len(data))
	d, name := g.parent(p)
	if old := d.kids[name]; old != nil {
		old.data = data // all its links have it
		return
	}
	d.kids[name] = &node{data: data}
}

// target returns a path for a file: a new one, or one that is a file.
func (g *generator) target() (place, bool) {
	d := pick(g, g.all(true))
	name := g.name()
	p := place{path.Join(d.path, name), d.kids[name]}
	return p, p.node == nil || p.kids == nil
}

// command adds one command.
func (g *generator) command() {
	dirs, files := g.all(true), g.all(false)
	dir := pick(g, dirs)
	name := g.name()
	fresh := path.Join(dir.path, name)
	there := dir.kids[name]
	size, count := g.used()
	if len(files) == 0 {
		text := g.words()
		if there == nil {
			g.do("", "echo %s >%s", text, g.at(fresh))
			g.write(fresh, []byte(text+"\n"))
		}
		return
	}
	file := pick(g, files)
	if size > g.budget || count > 250 {
		switch d := pick(g, dirs); {
		case !below(g.cwd, d.path) && g.rnd.IntN(3) == 0:
			g.remove(d)
		default:
			g.unlink(file)
		}
		return
	}
	switch g.rnd.IntN(31) {
	case 0, 1, 2: // mkdir
		switch {
		case there != nil:
			g.fails("mkdir %s", g.at(fresh))
		case depth(fresh) < 14:
			g.do("", "mkdir %s", g.at(fresh))
			dir.kids[name] = &node{kids: map[string]*node{}}
		}
	case 3, 4: // rmdir
		switch {
		case below(g.cwd, dir.path):
		case len(dir.kids) > 0:
			g.fails("rmdir %s", g.at(dir.path))
		default:
			g.do("", "rmdir %s", g.at(dir.path))
			d, name := g.parent(dir.path)
			delete(d.kids, name)
		}
	case 5, 6, 7: // echo
		if to, ok := g.target(); ok {
			text := g.words()
			if g.rnd.IntN(2) == 0 {
				g.do("", "echo %s >%s", text, g.at(to.path))
				g.write(to.path, []byte(text+"\n"))
				break
			}
			g.do("", "echo %s >>%s", text, g.at(to.path))
			var old []byte
			if to.node != nil {
				old = to.data
			}
			g.write(to.path, append(slices.Clone(old), text+"\n"...))
		}
	case 8, 9: // cp
		if to, ok := g.target(); ok && to.node != file.node {
			g.do("", "cp %s %s", g.at(file.path), g.at(to.path))
			g.write(to.path, slices.Clone(file.data))
		}
	case 10:
		if to := dir.kids[path.Base(file.path)]; to == nil || to.kids == nil && to != file.node {
			g.do("", "cp %s %s", g.at(file.path), g.at(dir.path))
			g.write(path.Join(dir.path, path.Base(file.path)), slices.Clone(file.data))
		}
	case 11, 12: // mv of a file
		if to, ok := g.target(); ok && to.node != file.node {
			g.do("", "mv %s %s", g.at(file.path), g.at(to.path))
			g.rename(file, to.path)
		}
	case 13:
		if to := dir.kids[path.Base(file.path)]; to == nil {
			g.do("", "mv %s %s", g.at(file.path), g.at(dir.path))
			g.rename(file, path.Join(dir.path, path.Base(file.path)))
		}
	case 14, 15: // mv of a directory, to another name or another place
		d := pick(g, dirs)
		switch {
		case below(g.cwd, d.path) || d.path == "/":
		case there == nil && !below(dir.path, d.path) && depth(fresh) < 10:
			g.do("", "mv %s %s", g.down(d.path), g.down(fresh))
			g.rename(d, fresh)
		case there == nil && dir.path != d.path && below(dir.path, d.path):
			g.fails("mv %s %s", g.down(d.path), g.down(fresh))
		}
	case 16, 17: // ln
		if there == nil {
			g.do("", "ln %s %s", g.at(file.path), g.at(fresh))
			dir.kids[name] = file.node
		} else if there.kids == nil {
			g.fails("ln %s %s", g.at(file.path), g.at(fresh))
		}
	case 18: // rm
		g.unlink(file)
	case 19:
		if there == nil { // without a terminal V7's rm does not say so
			g.do("", "rm %s >/dev/null 2>&1", g.at(fresh))
		} else if there.kids != nil {
			g.fails("rm %s", g.at(fresh))
		}
	case 20:
		if !below(g.cwd, dir.path) && len(dir.kids) < 6 {
			g.remove(dir)
		}
	case 21, 22, 23: // cat, to ever larger files
		other := pick(g, files)
		if to, ok := g.target(); ok && to.node != file.node && to.node != other.node {
			data := slices.Concat(file.data, other.data, file.data)
			if len(data) > 150_000 {
				break
			}
			g.do("", []string{"cat %s %s %s >%s", "cat %s %s %s | cat >%s", "(cat %s; cat %s) | cat - %s >%s"}[g.rnd.IntN(3)],
				g.at(file.path), g.at(other.path), g.at(file.path), g.at(to.path))
			g.write(to.path, data)
		}
	case 30: // a large one, with double indirect blocks
		for _, f := range files {
			if len(f.data) > len(file.data) && len(f.data) < 30_000 {
				file = f
			}
		}
		if to, ok := g.target(); ok && to.node != file.node && len(file.data) > 0 && len(file.data) < 30_000 {
			n := min(6, 150_000/len(file.data))
			g.do("", "for i in 1 2 3 4 5 6; do if test $i -lt %d; then cat %s; fi; done >%s", n+1, g.at(file.path), g.at(to.path))
			g.write(to.path, bytes.Repeat(file.data, n))
		}
	case 24: // what a file has
		lines := bytes.Count(file.data, []byte("\n"))
		g.do(fmt.Sprintf("%7d%7d%8d\n", lines, len(strings.Fields(string(file.data))), len(file.data)), "cat %s | wc", g.at(file.path))
	case 25: // names
		want := ""
		for _, n := range dir.names() {
			want += n + "\n"
		}
		g.do(want, "ls %s", g.at(dir.path))
	case 26:
		if g.rnd.IntN(2) == 0 || depth(dir.path) > 8 {
			dir = place{"/", g.root}
		}
		names := dir.names()
		if len(names) == 0 {
			names = []string{"*"}
		}
		g.do(strings.Join(names, " ")+"\n", "cd %s; echo *", g.at(dir.path))
		g.cwd = dir.path
	case 27: // loops
		if slices.ContainsFunc(dir.names(), func(n string) bool { return strings.HasPrefix(n, "l") }) || len(dir.kids) > 40 || depth(dir.path) > 12 {
			break
		}
		d := g.at(dir.path)
		if g.rnd.IntN(2) == 0 {
			g.do("", "for i in 1 2 3 4 5; do mkdir %s/l$i; mkdir %s/l$i/m; done; for i in 1 2 3 4 5; do rmdir %s/l$i/m %s/l$i; done", d, d, d, d)
			break
		}
		g.do("3\n", "for i in 1 2 3; do echo line $i >%s/l$i; ln %s/l$i %s/m$i; mv %s/m$i %s/n$i; done; cat %s/n? | wc | (read n x; echo 3); rm %s/l? %s/n?", d, d, d, d, d, d, d, d)
		for n := range dir.kids { // it takes others away that match
			if len(n) == 2 && n[0] == 'n' {
				delete(dir.kids, n)
			}
		}
	case 28:
		other := pick(g, files)
		if bytes.Equal(file.data, other.data) {
			g.do("", "cmp %s %s", g.at(file.path), g.at(other.path))
		} else {
			g.do("differ\n", "cmp %s %s >/dev/null 2>&1 || echo differ", g.at(file.path), g.at(other.path))
		}
	case 29:
		g.do("", "sync")
	}
}

func (g *generator) unlink(f place) {
	g.do("", "rm %s", g.at(f.path))
	d, name := g.parent(f.path)
	delete(d.kids, name)
}

func (g *generator) remove(d place) {
	g.do("", "rm -r %s", g.at(d.path))
	up, name := g.parent(d.path)
	delete(up.kids, name)
}

func (g *generator) rename(p place, to string) {
	d, name := g.parent(p.path)
	delete(d.kids, name)
	d, name = g.parent(to)
	d.kids[name] = p.node
}

// compare holds a directory of a file system against what must be there.
func compare(f *fs.FS, dir string, root *node) (wrong []string) {
	links := map[*node]int{}
	inodes := map[*node]int{}
	var walk func(p string, n *node)
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	walk = func(p string, n *node) {
		st, err := f.Lookup(p)
		if err != nil {
			bad("%v", err)
			return
		}
		if n.kids == nil {
			links[n]++
			if old := inodes[n]; old != 0 && old != st.Ino {
				bad("%s has inode %d, and its other link %d", p, st.Ino, old)
			}
			inodes[n] = st.Ino
			if got, err := f.ReadFile(p); err != nil || !bytes.Equal(got, n.data) {
				bad("%s has %d bytes, want %d: %.40q, want %.40q; %v", p, len(got), len(n.data), got, n.data, err)
			}
			return
		}
		if !st.IsDir() {
			bad("%s is no directory", p)
			return
		}
		entries, err := f.ReadDir(p)
		if err != nil {
			bad("%v", err)
		}
		for _, e := range entries {
			if e.Name != "." && e.Name != ".." && n.kids[e.Name] == nil {
				bad("%s should not be there", path.Join(p, e.Name))
			}
		}
		for _, name := range n.names() {
			walk(path.Join(p, name), n.kids[name])
		}
	}
	walk(dir, root)
	for n, want := range links {
		if i, err := f.Inode(inodes[n]); err != nil || int(i.Nlink) != want {
			bad("inode %d has %d links, want %d; %v", inodes[n], i.Nlink, want, err)
		}
	}
	return wrong
}

// fill fills the disk, in a directory of its own, and uses all inodes up; in the end all
// is as before. The file $1 has some hundred blocks.
const fill = `mkdir /tmp/full; cd /tmp/full
for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4; do cat $1 $1 >$i$j; done; done 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9; do echo $i >s$i; mkdir d$i; ln 11 l$i; done >/dev/null 2>&1
sync
cmp 11 12 && echo filled
rm *1; rmdir d? 2>/dev/null
for i in 1 2 3; do cat $1 $1 >$i.1; done 2>/dev/null
cd /; rm -r /tmp/full; mkdir /tmp/full; cd /tmp/full
n='0 1 2 3 4 5 6 7 8 9'
for i in $n; do mkdir $i; for j in $n; do for k in $n; do >$i/$j$k; done; done; done >/dev/null 2>&1
sync
cd /; rm -r /tmp/full; echo emptied
`

// TestRandom gives random commands to both guests and compares what they print, and what
// is on the disk, with a model. The packs stay clean, and V7's own checkers find nothing
// on the one that mini has written.
func TestRandom(t *testing.T) {
	for _, o := range []guest.Options{
		{Guest: guest.Mini},
		{Guest: guest.Mini, Machine: machine.Config{Model: machine.PDP1145}},
		{Guest: guest.V7},
	} {
		t.Run(fmt.Sprintf("%s %d", o.Guest, int(o.Machine.Model)), func(t *testing.T) {
			if o.Guest == guest.V7 {
				guest.Dist(t)
			}
			random(t, o)
		})
	}
}

// clone copies a model.
func clone(n *node, seen map[*node]*node) *node {
	if c := seen[n]; c != nil {
		return c
	}
	c := &node{data: n.data}
	seen[n] = c
	if n.kids != nil {
		c.kids = map[string]*node{}
		for name, k := range n.kids {
			c.kids[name] = clone(k, seen)
		}
	}
	return c
}

// round is some scripts, and what must be there after them.
type round struct {
	alone      []string // one after the other
	together   [2][]string
	wantAlone  string
	wantBeside [2]string
	models     []*node
}

func random(t *testing.T, o guest.Options) {
	const batch, rounds = 40, 8
	n := *commands
	if n == 0 {
		n = form.Pick(640, 2000)
	}
	each := n / rounds / batch / 2
	if testing.Short() {
		each /= 4
	}
	each = max(each, 1)
	// The second and the third work at the same time.
	gens := []*generator{
		newGenerator(*seed, "/tmp/r", 500_000),
		newGenerator(*seed+1, "/tmp/s", 150_000),
		newGenerator(*seed+2, "/tmp/t", 150_000),
	}
	o.Files = map[string]string{"/usr/tmp/fill": fill}
	script := func(g *generator) (name, want string) {
		name = fmt.Sprintf("/usr/tmp/k%d", len(o.Files))
		o.Files[name], want = g.script(batch)
		return name, want
	}
	var list []round
	for range rounds {
		var r round
		for range each {
			name, want := script(gens[0])
			r.alone = append(r.alone, name)
			r.wantAlone += want
			for i := range r.together {
				name, want := script(gens[i+1])
				r.together[i] = append(r.together[i], name)
				r.wantBeside[i] += want
			}
		}
		for _, g := range gens {
			r.models = append(r.models, clone(g.root, map[*node]*node{}))
		}
		list = append(list, r)
	}

	g := guest.Boot(t, o)
	expect := func(what string, scripts []string, got, want string) {
		t.Helper()
		if got == want {
			return
		}
		a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
		for i := range a {
			if i >= len(b) || a[i] != b[i] {
				marks := strings.Split(strings.Join(a[:i], "\n"), "\n=")
				mark, _, _ := strings.Cut(marks[len(marks)-1], "\n")
				var command string
				for _, s := range scripts {
					if _, rest, ok := strings.Cut(o.Files[s], "echo ="+strings.TrimPrefix(mark, "=")+"\n"); ok {
						command, _, _ = strings.Cut(rest, "\n")
					}
				}
				t.Fatalf("%s, %s: %s: printed %q, want %q", what, mark, command, strings.Join(a[i:min(i+4, len(a))], "\n"), strings.Join(b[min(i, len(b)):min(i+4, len(b))], "\n"))
			}
		}
		t.Fatalf("%s: printed only %q of %q", what, got, want)
	}
	run := func(scripts []string) string {
		var out string
		for _, s := range scripts {
			out += g.Run("sh " + s)
		}
		return out
	}
	g.Run("mkdir /tmp/r /tmp/s /tmp/t")
	for i, r := range list {
		what := fmt.Sprintf("round %d", i)
		expect(what+", alone", r.alone, run(r.alone), r.wantAlone)
		for k := range each {
			g.Run(fmt.Sprintf("sh %s >/usr/tmp/out0 2>&1 & sh %s >/usr/tmp/out1 2>&1; wait", r.together[0][k], r.together[1][k]))
			for j := range r.together {
				out := g.Run(fmt.Sprintf("cat /usr/tmp/out%d", j))
				if !strings.HasPrefix(r.wantBeside[j], out) {
					expect(what+", at once", r.together[j][k:k+1], out, r.wantBeside[j])
				}
				r.wantBeside[j] = strings.TrimPrefix(r.wantBeside[j], out)
			}
		}
		if i == rounds/2 && o.Guest == guest.Mini && !testing.Short() {
			g.Run("rm -r /tmp/full; for i in 1 2 3 4 5 6 7 8; do cat /unix /unix; done >/usr/tmp/much 2>/dev/null")
			out := g.Run("sh /usr/tmp/fill /usr/tmp/much")
			if !strings.HasSuffix(out, "emptied\n") {
				t.Errorf("a full disk: %q", out)
			}
		}
		g.Sync()
		for _, v := range guest.Volumes(t, g.Drives()) {
			if r := fs.Check(v.Dev); !r.Clean() {
				t.Fatalf("%s: %s: %v", what, v.Device, r.Problems[:min(len(r.Problems), 20)])
			}
		}
		tmp, err := fs.Open(g.M.RK.Disk(7))
		if err != nil {
			t.Fatal(err)
		}
		for k, dir := range []string{"/r", "/s", "/t"} {
			if wrong := compare(tmp, dir, r.models[k]); wrong != nil {
				t.Fatalf("%s: %s", what, strings.Join(wrong[:min(len(wrong), 20)], "\n"))
			}
		}
	}
	r := fs.Check(g.M.RK.Disk(7))
	t.Logf("%d commands; the largest file had %d bytes; left are %s", gens[0].n+gens[1].n+gens[2].n, gens[0].largest, r)
	if gens[0].largest < (fs.NDirect+fs.BlockSize/4+1)*fs.BlockSize && !testing.Short() {
		t.Error("no file had double indirect blocks: that is no test")
	}
	if o.Guest != guest.Mini || os.Getenv("V7EM_DIST") == "" {
		return
	}
	v7 := guest.PowerOn(t, guest.Options{})
	v7.Shell()
	v7.Insert(1, guest.Image(t, g.M.RK.Disk(7)))
	v7.Insert(2, guest.Image(t, g.M.RK.Disk(0)))
	for _, unit := range []int{1, 2} {
		ic, dc := v7.Run(fmt.Sprintf("icheck /dev/rk%d", unit)), v7.Run(fmt.Sprintf("dcheck /dev/rk%d", unit))
		if c, err := fstest.ParseIcheck(ic); err != nil || !c.Clean() || !fstest.ParseDcheck(dc).Clean() {
			t.Errorf("icheck: %s\ndcheck: %s", ic, dc)
		}
	}
}
