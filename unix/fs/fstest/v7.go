package fstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"v7em/unix/fs"
)

// Icheck is what V7's icheck printed about one file system.
type Icheck struct {
	Bad, Dup []int // block numbers, one for each complaint
	BadMode  []int // inodes
	BadList  int   // complaints about a count in the free list

	Regular, Dirs, BlockDev, CharDev int
	Data, Single, Double, Triple     int
	Free, Missing                    int
}

// Clean reports whether icheck had nothing to say.
func (c *Icheck) Clean() bool {
	return len(c.Bad)+len(c.Dup)+len(c.BadMode)+c.BadList+c.Missing == 0
}

// ParseIcheck reads icheck's output about one file system. Lines of other
// programs are passed over; the last lines must be there.
func ParseIcheck(out string) (*Icheck, error) {
	var c Icheck
	seen := 0
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		var n, m, used int
		var class string
		switch {
		case scan(line, "%d bad; inode=%d, class=%s", &n, &m, &class):
			c.Bad = append(c.Bad, n)
		case scan(line, "%d dup; inode=%d, class=%s", &n, &m, &class):
			c.Dup = append(c.Dup, n)
		case scan(line, "bad mode %d", &n):
			c.BadMode = append(c.BadMode, n)
		case strings.HasPrefix(line, "Bad free list"):
			c.BadList++
		case scan(line, "files %d (r=%d,d=%d,b=%d,c=%d)", &n, &c.Regular, &c.Dirs, &c.BlockDev, &c.CharDev),
			scan(line, "used %d (i=%d,ii=%d,iii=%d,d=%d)", &used, &c.Single, &c.Double, &c.Triple, &c.Data),
			scan(line, "free %d", &c.Free),
			scan(line, "missing %d", &c.Missing):
			seen++
		}
	}
	if seen != 4 {
		return nil, fmt.Errorf("icheck's output is not whole: %q", out)
	}
	slices.Sort(c.Bad)
	slices.Sort(c.Dup)
	slices.Sort(c.BadMode)
	return &c, nil
}

// scan matches a line that must have been used up by format, blanks apart.
func scan(line, format string, args ...any) bool {
	n, err := fmt.Sscanf(line, format, args...)
	return err == nil && n == len(args)
}

// Dcheck is what V7's dcheck printed about one file system.
type Dcheck struct {
	Bad   []int          // directories, one for each entry out of range
	Links map[int][2]int // by inode: entries and links counted, where they differ
}

// Clean reports whether dcheck had nothing to say.
func (d *Dcheck) Clean() bool { return len(d.Bad)+len(d.Links) == 0 }

// ParseDcheck reads dcheck's output about one file system. Lines that dcheck
// does not print are passed over.
func ParseDcheck(out string) *Dcheck {
	d := Dcheck{Links: map[int][2]int{}}
	table := false
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		var ino, n, m int
		switch {
		case strings.HasPrefix(line, "entries"):
			table = true
		case scan(line, "%d bad; %d/", &ino, &n):
			d.Bad = append(d.Bad, n)
		case table && len(strings.Fields(line)) == 3 && scan(line, "%d %d %d", &ino, &n, &m):
			d.Links[ino] = [2]int{n, m}
		}
	}
	slices.Sort(d.Bad)
	return &d
}

// Predict returns what V7's icheck and dcheck print about a file system, as
// far as the parsed forms have it, according to the checker's report.
func Predict(r *fs.Report) (*Icheck, *Dcheck) {
	c := &Icheck{
		Regular: r.Regular, Dirs: r.Dirs, BlockDev: r.BlockDev, CharDev: r.CharDev,
		Data: r.Data, Single: r.Single, Double: r.Double, Triple: r.Triple,
		Free: r.Free, Missing: r.Missing,
	}
	d := &Dcheck{Links: map[int][2]int{}}
	for _, p := range r.Problems {
		k := p.Kind
		if p.Of != "" { // dcheck does not ask whether a directory can be reached
			k = p.Of
		}
		switch k {
		case fs.BadAddress, fs.BadFreeAddress:
			c.Bad = append(c.Bad, p.Block)
		case fs.UsedTwice, fs.UsedAndFree, fs.FreeTwice, fs.FreeLoop:
			c.Dup = append(c.Dup, p.Block)
		case fs.BadType:
			c.BadMode = append(c.BadMode, p.Inode)
		case fs.BadFreeCount:
			if !strings.Contains(p.Detail, "is 0,") { // icheck takes 0 for the end
				c.BadList++
			}
		case fs.BadSuper:
			if strings.Contains(p.Detail, "s_nfree") && !strings.Contains(p.Detail, "is -") {
				c.BadList++
			}
		case fs.BadEntry:
			d.Bad = append(d.Bad, p.Inode)
		case fs.EntryUnallocated:
			d.Links[p.Entry] = [2]int{}
		case fs.LinksLow, fs.LostLinks, fs.LinksHigh, fs.Unreferenced, fs.Orphan:
			d.Links[p.Inode] = [2]int{}
		}
	}
	slices.Sort(c.Bad)
	slices.Sort(c.Dup)
	slices.Sort(c.BadMode)
	slices.Sort(d.Bad)
	return c, d
}

// Compare holds a report against what V7's icheck and dcheck printed about the
// same file system and returns the differences, none when they agree.
func Compare(r *fs.Report, icheckOut, dcheckOut string) []string {
	var diff []string
	c, err := ParseIcheck(icheckOut)
	if err != nil {
		return []string{err.Error()}
	}
	wc, wd := Predict(r)
	if got, want := fmt.Sprintf("%+v", *c), fmt.Sprintf("%+v", *wc); got != want {
		diff = append(diff, fmt.Sprintf("icheck printed %s, the checker says %s", got, want))
	}
	d := ParseDcheck(dcheckOut)
	if !slices.Equal(d.Bad, wd.Bad) {
		diff = append(diff, fmt.Sprintf("dcheck has bad entries in directories %v, the checker in %v", d.Bad, wd.Bad))
	}
	got, want := slices.Sorted(maps.Keys(d.Links)), slices.Sorted(maps.Keys(wd.Links))
	if !slices.Equal(got, want) {
		diff = append(diff, fmt.Sprintf("dcheck finds the links of inodes %v wrong, the checker of %v", got, want))
	}
	return diff
}
