package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"v7em/block"
	"v7em/escape"
	"v7em/images"
	"v7em/internal/hostfile"
	"v7em/journaldev"
	"v7em/unix/fs"
)

// ModeOf returns the mode that the ID of a cut is of.
func ModeOf(id string) (Mode, error) {
	p, err := parseID(id)
	return p.mode, err
}

// Point makes one cut of a run again, by its ID and the seed of its campaign, in a
// directory, which it makes: its disks as the power failure left them, in before; as
// recovery leaves them, in recovered, if there is a journal; and trace.txt and
// README.txt. An error leaves no directory. The returned Cut is that of the campaign.
func Point(run *Run, seed uint64, id, dir string) (*Cut, error) {
	p, err := parseID(id)
	if err != nil {
		return nil, err
	}
	if p.mode != run.Mode {
		return nil, fmt.Errorf("the cut %s is of the mode %s, the run is of %s", id, p.mode, run.Mode)
	}
	if p.event >= len(run.Events) {
		return nil, fmt.Errorf("there is no cut %s: the run has %d events, from 0", id, len(run.Events))
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s is there already; name a directory that is not", dir)
		}
		return nil, err
	}
	c, err := newCourt(run, seed)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.points(p.model), p) {
		return nil, fmt.Errorf("there is no cut %s: event %d has no such variant", id, p.event)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), ".point-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, err
	}
	f, err := c.point(p, tmp)
	if err != nil {
		return nil, fmt.Errorf("the cut %s: %w", id, err)
	}
	if err := hostfile.SyncTree(tmp); err != nil {
		return nil, err
	}
	if err := hostfile.Rename(tmp, dir); err != nil {
		return nil, err
	}
	return &f.Cut, nil
}

// fileOf returns the name that a pack has in a machine's directory.
func fileOf(p *Pack) string {
	if p.Start.Blocks() == journaldev.RK05.Blocks {
		return images.RK().PackFile(p.Unit)
	}
	return p.Drive + ".pack"
}

// point makes what Point does.
func (c *court) point(p point, dir string) (*finding, error) {
	j, err := c.judge()
	if err != nil {
		return nil, err
	}
	f, err := j.judge(p)
	if err != nil {
		return nil, err
	}
	before, recovered := filepath.Join(dir, "before"), filepath.Join(dir, "recovered")
	dirs := []string{before}
	if c.Mode == Journal {
		dirs = append(dirs, recovered)
	}
	for _, d := range dirs {
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(d, images.ConfigName), []byte(images.DefaultConfig), 0o644); err != nil {
			return nil, err
		}
		for i := range c.Packs {
			path := filepath.Join(d, fileOf(&c.Packs[i]))
			if err := save(path, &j.left[i][0]); err != nil {
				return nil, err
			}
			if c.Mode == Journal {
				if err := save(journaldev.JournalPath(path), &j.left[i][1]); err != nil {
					return nil, err
				}
			}
		}
	}
	var reports []*fs.Report
	for i := range c.Packs {
		store, err := j.left[i][0].store()
		if err != nil {
			return nil, err
		}
		if c.Mode == Journal && f.packs[i].err == nil {
			path := filepath.Join(recovered, fileOf(&c.Packs[i]))
			if store, err = restore(path, store, f.Time); err != nil {
				return nil, err
			}
		}
		reports = append(reports, fs.Check(store))
	}
	if err := write(filepath.Join(dir, "trace.txt"), func(w io.Writer) error { return j.trace(w, p, f, reports) }); err != nil {
		return nil, err
	}
	return f, write(filepath.Join(dir, "README.txt"), func(w io.Writer) error { return c.readme(w, p, f) })
}

// save writes what is left of a file.
func save(path string, r *remains) error {
	return write(path, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(r, 0, r.size))
		return err
	})
}

// write makes a file.
func write(path string, f func(w io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	return errors.Join(f(w), w.Flush(), file.Close())
}

// restore recovers a pack, which holds what store has, in its files.
func restore(path string, store *block.Store, nanos uint64) (*block.Store, error) {
	var files [2]journaldev.File
	for k, name := range []string{path, journaldev.JournalPath(path)} {
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if files[k], err = journaldev.NewFile(file, journaldev.SyncNone); err != nil {
			return nil, err
		}
	}
	r := journaldev.Restorer{Clock: func() time.Time { return Epoch.Add(time.Duration(nanos)) }}
	done, err := r.Restore(store, files[0], files[1])
	if err != nil {
		return nil, err
	}
	return done.Store, nil
}

// around is how many events before and after a cut a trace shows.
const around = 60

// trace writes what happened around a cut, and what came of it. The judge has judged
// the cut and nothing else.
func (j *judge) trace(w io.Writer, p point, f *finding, reports []*fs.Report) error {
	ms := func(t uint64) string { return fmt.Sprintf("%.3f ms", float64(t)/1e6) }
	last := min(p.event+around, len(j.Events)-1)
	fmt.Fprintf(w, "The cut %s\n\nIn the mode %s the power failed at %s, ", p.ID(), p.mode, ms(f.Time))
	switch p.model {
	case Prefix:
		fmt.Fprintf(w, "after event %d. All that was written before is on the platter.\n", p.event)
	case Lost:
		fmt.Fprintf(w, "after event %d. Of what no sync had covered, some sectors are missing.\n", p.event)
	case Torn:
		fmt.Fprintf(w, "during event %d, a write, which stopped half-way.\n", p.event)
	}
	fmt.Fprintf(w, "It came to this: %s.\n", f.Outcome)

	fmt.Fprintf(w, "\nWhat is wrong\n\n")
	count := 0
	line := func(format string, args ...any) {
		count++
		fmt.Fprintf(w, "  "+format+"\n", args...)
	}
	for i, r := range f.packs {
		drive := j.Packs[i].Drive
		if r.err != nil {
			line("%s cannot be recovered: %s", drive, escape.Line(r.err.Error()))
		}
		for k, q := range reports[i].Problems {
			if k == 40 {
				line("%s has %d problems more", drive, len(reports[i].Problems)-k)
				break
			}
			line("%s %v", drive, q)
		}
		if r.strange > 0 {
			line("%s has %d names that there never were", drive, r.strange)
		}
		if r.mixed && j.Mode == Journal {
			line("%s is older in one place than in another: it is as it was at no time", drive)
		}
	}
	for _, b := range f.broken {
		h := &j.promises.paths[b.path]
		how := "had returned and is not there"
		if b.promised {
			how = "was promised and is not there"
		}
		var ops []string
		for k, op := range b.ops {
			if k == 5 {
				ops = append(ops, fmt.Sprintf("%d more", len(b.ops)-k))
				break
			}
			ops = append(ops, fmt.Sprintf("%d (%s)", op, j.Ops[op].text()))
		}
		what := "what was there at the start"
		if len(ops) > 0 {
			what = "operation " + strings.Join(ops, ", ")
		}
		line("%s %s: %s %s", j.Packs[h.pack].Drive, escape.Name(h.path), what, how)
	}
	if count == 0 {
		line("nothing")
	}

	if p.model == Lost {
		fmt.Fprintf(w, "\nWhat no sync had covered, and what is left of it\n\n")
		j.losses(w)
	}

	fmt.Fprintf(w, "\nThe events around it\n\n")
	first := max(p.event-around, 0)
	whats, err := j.whats(first, last)
	if err != nil {
		return err
	}
	for i := first; i <= last; i++ {
		e := j.Events[i]
		mark := "  "
		if i == p.event && p.model == Torn {
			mark = "->"
		} else if i == p.event+1 && p.model != Torn {
			fmt.Fprintf(w, "-- the power fails --\n")
		}
		fmt.Fprintf(w, "%s %6d %12s  %s\n", mark, i, ms(e.Time), whats[i-first])
	}
	if p.model != Torn && p.event == last {
		fmt.Fprintf(w, "-- the power fails --\n")
	}

	fmt.Fprintf(w, "\nThe operations around it\n\n")
	ops, sure := j.c.ops, j.c.sure
	for op := max(ops-20, 0); op < min(ops+10, len(j.Ops)); op++ {
		o := &j.Ops[op]
		state := "had returned"
		switch {
		case op < sure:
			state = "had returned, and a sync after it"
		case op >= ops && o.Called <= f.Time:
			state = "was under way"
		case op >= ops:
			state = "came later"
		}
		fmt.Fprintf(w, "  %6d %12s to %12s  pid %d %s: %s\n", op, ms(o.Called), ms(o.Returned), o.PID, o.text(), state)
	}
	return nil
}

func (o *Op) text() string {
	return strings.TrimSpace(escape.Name(o.Program) + ": " + o.Call + " " + escape.Name(o.Path))
}

// losses tells of each sector that is not synced what is left.
func (j *judge) losses(w io.Writer) {
	lines := 0
	for i := range j.c.files {
		for k := range j.c.files[i] {
			file, left := &j.c.files[i][k], &j.left[i][k]
			name := j.Packs[i].Drive
			if k == 1 {
				name += " journal"
			}
			seen := map[int]int{}
			kept := map[int]int{}
			var order []int
			for _, v := range file.pending {
				if seen[v.sector]++; seen[v.sector] == 1 {
					order = append(order, v.sector)
				}
				if at, ok := left.at[v.sector]; ok && &left.over[at].data[0] == &v.data[0] {
					kept[v.sector] = seen[v.sector]
				}
			}
			for _, s := range order {
				if lines++; lines > 400 {
					continue
				}
				switch n, of := kept[s], seen[s]; {
				case n == 0 && of == 1:
					fmt.Fprintf(w, "  %s block %d: lost\n", name, s)
				case n == 0:
					fmt.Fprintf(w, "  %s block %d: all of %d writes are lost\n", name, s, of)
				case n < of:
					fmt.Fprintf(w, "  %s block %d: write %d of %d survives\n", name, s, n, of)
				default:
					fmt.Fprintf(w, "  %s block %d: survives\n", name, s)
				}
			}
		}
	}
	if lines > 400 {
		fmt.Fprintf(w, "  and %d more\n", lines-400)
	}
	if lines == 0 {
		fmt.Fprintf(w, "  nothing: all was synced\n")
	}
}

// sight is what is known of a pack's blocks and inodes after an event.
type sight struct {
	owner []int32          // of the blocks of files: the inode
	paths map[int][]string // by inode
}

// sights are those after each of a row of events. A block is often written before what
// says whose it is, and an inode before it has a name, or when it has none any more.
type sights []sight

// owner returns whose a block is, was next or had been, 0 if it is nobody's.
func (s sights) owner(at, b int) int {
	return s.find(at, func(v *sight) int {
		if b < len(v.owner) {
			return int(v.owner[b])
		}
		return 0
	})
}

// name returns a name of an inode, likewise; empty if it has none.
func (s sights) name(at, ino int) string {
	name := ""
	s.find(at, func(v *sight) int {
		if p := v.paths[ino]; len(p) > 0 {
			name = p[0]
		}
		return len(name)
	})
	return name
}

// find returns what f has, at first from an event on and then backwards.
func (s sights) find(at int, f func(*sight) int) int {
	for i := at; i < len(s); i++ {
		if n := f(&s[i]); n != 0 {
			return n
		}
	}
	for i := at - 1; i >= 0; i-- {
		if n := f(&s[i]); n != 0 {
			return n
		}
	}
	return 0
}

// whats tells of the events from first to last what each was.
func (j *judge) whats(first, last int) ([]string, error) {
	writes, err := j.blockWrites()
	if err != nil {
		return nil, err
	}
	of := map[int][]BlockWrite{}
	for _, b := range writes {
		of[b.Event] = append(of[b.Event], b)
	}
	c, err := j.cursor()
	if err != nil {
		return nil, err
	}
	if err := c.goTo(first); err != nil {
		return nil, err
	}
	now := make([]names, len(j.Packs))
	seen := make([]sights, len(j.Packs))
	inodes := make([][]int, last-first+1) // that the writes changed
	for i := first; i <= last; i++ {
		if e := j.Events[i]; e.Kind == Write && !e.Journal {
			for _, v := range j.versions[i] {
				var old [block.Size]byte
				if err := c.file(e).now.ReadBlock(v.sector, old[:]); err != nil {
					return nil, err
				}
				for off := 0; off < block.Size; off += fs.InodeSize {
					if string(old[off:off+fs.InodeSize]) != string(v.data[off:off+fs.InodeSize]) {
						inodes[i-first] = append(inodes[i-first], (v.sector-fs.FirstIBlock)*fs.InodesBlock+off/fs.InodeSize+1)
					}
				}
			}
		}
		if err := c.step(); err != nil {
			return nil, err
		}
		for p := range now {
			if _, err := now[p].update(c.files[p][0].now.Store); err != nil {
				now[p] = names{} // its superblock is damaged
			}
			seen[p] = append(seen[p], sight{slices.Clone(now[p].owner), now[p].paths})
		}
	}
	var list []string
	for i := first; i <= last; i++ {
		switch e := j.Events[i]; e.Kind {
		case Sync:
			what := ": synced"
			if e.Journal {
				what = ": journal synced"
			}
			list = append(list, j.Packs[e.Pack].Drive+what)
		case Return:
			o := &j.Ops[e.Op]
			list = append(list, fmt.Sprintf("operation %d returned: pid %d %s", e.Op, o.PID, o.text()))
		case Synced:
			list = append(list, fmt.Sprintf("the guest's sync returned: the operations before %d are promised", e.Op))
		case Write:
			var parts []string
			for _, b := range of[i] {
				parts = append(parts, b.text(seen[e.Pack], i-first, inodes[i-first]))
			}
			if e.Journal {
				parts = []string{e.journalText()}
			}
			list = append(list, j.Packs[e.Pack].Drive+" write: "+strings.Join(parts, "; "))
		}
	}
	return list, nil
}

// journalText tells what was written to a journal.
func (e Event) journalText() string {
	s := fmt.Sprintf("journal, %d sectors at %d", (len(e.Data)+block.Size-1)/block.Size, e.Off/block.Size)
	if strings.HasPrefix(string(e.Data), "V7EMJRNL") {
		s += ", its header"
	}
	e.records(func(kind byte, id uint64) {
		switch kind {
		case 'D':
			s += fmt.Sprintf(", data of transaction %d", id)
		case 'C':
			s += fmt.Sprintf(", commit mark of transaction %d", id)
		case 'H':
			s += fmt.Sprintf(", transactions up to %d are home", id)
		}
	})
	return s
}

// text tells what was written, with names where there are some. inodes are those that
// the write changed, if these are blocks of inodes.
func (b *BlockWrite) text(s sights, at int, inodes []int) string {
	text := fmt.Sprintf("block %d", b.Block)
	if b.Count > 1 {
		text = fmt.Sprintf("blocks %d-%d", b.Block, b.Block+b.Count-1)
	}
	named := func(ino int) string {
		if name := s.name(at, ino); name != "" {
			return fmt.Sprintf("%d %s", ino, escape.Name(name))
		}
		return fmt.Sprint(ino)
	}
	switch b.What {
	case "superblock":
		return text + ", the superblock"
	case "free":
		return text + ", of the free chain"
	case "swap":
		return text + ", swap space"
	case "inode":
		first := (b.Block-fs.FirstIBlock)*fs.InodesBlock + 1
		text += fmt.Sprintf(", inodes %d-%d", first, first+b.Count*fs.InodesBlock-1)
		var list []string
		for _, ino := range inodes {
			if ino >= first && ino < first+b.Count*fs.InodesBlock {
				list = append(list, named(ino))
			}
		}
		if list == nil {
			return text + ", as before"
		}
		return text + ": " + strings.Join(list, ", ")
	}
	text += ", " + b.What
	if ino := s.owner(at, b.Block); ino != 0 {
		text += " of inode " + named(ino)
	}
	return text
}

// readme writes what there is to see and how.
func (c *court) readme(w io.Writer, p point, f *finding) error {
	fmt.Fprintf(w, `A power cut: %s, which came to this: %s.

trace.txt    what happened around the cut, what was lost, and why
before/      the packs of the machine as the power failure left them
`, p.ID(), f.Outcome)
	see := "before"
	if c.Mode == Journal {
		see = "recovered"
		fmt.Fprint(w, "recovered/   the same packs with their journals brought home\n")
		for i, r := range f.packs {
			if r.err != nil {
				fmt.Fprintf(w, "             (but not %s, which cannot be recovered)\n", fileOf(&c.Packs[i]))
			}
		}
	}
	fmt.Fprint(w, "\nTo look at it, in this directory:\n\n")
	for i := range c.Packs {
		touched := slices.ContainsFunc(c.Events, func(e Event) bool { return e.Pack == i && e.Kind <= Sync })
		if !touched {
			continue
		}
		name := fileOf(&c.Packs[i])
		if c.Mode == Journal {
			fmt.Fprintf(w, "  v7em journal status before/%s\n  v7em journal dump before/%s\n", name, name)
		}
		fmt.Fprintf(w, "  v7em fs check %s/%s\n", see, name)
	}
	journal := map[Mode]string{Plain: "off", WriteThrough: "write-through", Journal: "on"}[c.Mode]
	_, err := fmt.Fprintf(w, `
Booting changes the packs, so boot from a copy:

  cp -r before try && v7em boot --dir try --single --journal %s
`, journal)
	return err
}
