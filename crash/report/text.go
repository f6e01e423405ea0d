package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"v7em/crash"
	"v7em/unix/fs"
)

// term is a word and what it means.
type term struct {
	Class, Name, Means string
}

var modeTerms = map[crash.Mode]term{
	crash.Plain: {Name: "Plain disk", Means: "The host keeps the disk in a file and writes to it when it likes, as most emulators do. V7’s own sync is all " +
		"the care there is, and it only queues writes."},
	crash.WriteThrough: {Name: "Write-through disk", Means: "Every block that V7 writes is forced to the host’s disk before the next. Nothing is reordered, but V7 itself " +
		"writes in an order that a power cut can tear apart."},
	crash.Journal: {Name: "Journaled disk", Means: "v7em collects what V7 changes into transactions. Each goes whole into a journal first, and from there to its place on the disk. " +
		"After a cut, whole transactions are brought home and unfinished ones are dropped."},
}

var modelTerms = map[crash.Model]term{
	crash.Prefix: {Name: "prefix", Means: "Everything the host wrote before the cut is on the platter, in order, and nothing after it."},
	crash.Lost:   {Name: "lost", Means: "The host’s disk has a cache of its own: of what no sync had covered, any sectors may be missing, in any combination."},
	crash.Torn:   {Name: "torn", Means: "The write under way is cut in two: some of its sectors are new, some are old, and one may be half of each."},
}

var outcomeTerms = map[crash.Outcome]term{
	crash.Clean:          {Name: "clean", Means: "The file system is consistent. Nothing has to be repaired."},
	crash.Harmless:       {Name: "harmless damage", Means: "Only space is lost, or files that were going anyway. The disk can be used as it is."},
	crash.HalfDone:       {Name: "half-done directory", Means: "The cut fell in the middle of a mkdir, rmdir or mv, which V7 does in several steps: some were done, some were not."},
	crash.PromiseLost:    {Name: "promised work lost", Means: "The guest’s sync had returned, and yet work that it covers is not there."},
	crash.Harmful:        {Name: "harmful damage", Means: "Going on with this disk can destroy files that are still whole: one block in two files, a file in use that counts as free."},
	crash.RecoveryFailed: {Name: "recovery failed", Means: "The journal could not be used."},
}

// kindTerms says what kinds of damage are, for people who have not read V7's sources.
var kindTerms = map[fs.Kind]string{
	fs.BadSuper:         "The superblock has sizes or counts that cannot be.",
	fs.BadAddress:       "A file has a block number outside the disk’s data area.",
	fs.UsedTwice:        "One block belongs to two files.",
	fs.UsedAndFree:      "A block is in a file and also free: the next file to grow takes it.",
	fs.FreeTwice:        "A block is free twice, so two files will get it.",
	fs.BadFreeAddress:   "The free list has a block outside the data area.",
	fs.BadFreeCount:     "A block of the free list has an impossible count.",
	fs.FreeLoop:         "The free list runs in a circle.",
	fs.BadFreeInode:     "The list of free inodes has a number that is none.",
	fs.BadType:          "An inode is of a type that V7 does not have.",
	fs.BadRoot:          "The root is not a directory.",
	fs.BadDirSize:       "A directory has an impossible size.",
	fs.DirHole:          "A part of a directory is missing.",
	fs.BadEntry:         "A directory entry has an inode number that is none.",
	fs.EntryUnallocated: "A name leads to an inode that is free.",
	fs.DotMissing:       "A directory has no “.”.",
	fs.DotDotMissing:    "A directory has no “..”.",
	fs.DotWrong:         "A directory’s “.” is another directory.",
	fs.DotDotWrong:      "A directory’s “..” is not the one above it.",
	fs.LinksLow:         "A file has more names than it counts: removing one destroys it under the others.",
	fs.Unreadable:       "A block cannot be read.",
	fs.TooTangled:       "Blocks are shared so often that the check gave up.",
	fs.Missing:          "Blocks are neither in a file nor free: lost space.",
	fs.LinksHigh:        "A file counts more names than it has: its space is never freed.",
	fs.Unreferenced:     "A file without a name.",
	fs.Orphan:           "A file that was removed while open, or a pipe.",
	fs.Unreachable:      "A directory that no path leads to.",
	fs.LostDamaged:      "A directory that no path leads to is damaged: nobody comes by it.",
	fs.LostLinks:        "A file counts fewer links than it has, but for those in directories that no path leads to.",
	fs.SecondName:       "A directory with two names.",
	fs.DuplicateName:    "One name twice in a directory.",
	fs.BadName:          "A name that no path can give.",
	fs.BadSize:          "A file’s size cannot be.",
	fs.PastSize:         "A file has blocks past its end.",
	fs.FreeInodeUsed:    "The list of free inodes has one that is in use. V7 notices, and looks for another.",
	fs.FreeInodeTwice:   "The list of free inodes has one twice.",
	fs.FreeCut:          "The free list ends too soon.",
}

// writeNames are the names of what writes are, in the order of the lanes of a timeline.
var writeNames = []struct{ what, name string }{
	{"journal", "journal"}, {"boot", "boot block"}, {"superblock", "superblock"}, {"inode", "inodes"}, {"indirect", "indirect"},
	{"free", "free list"}, {"directory", "directories"}, {"file", "file data"}, {"swap", "swap"},
}

func modeName(m crash.Mode) string {
	if t, ok := modeTerms[m]; ok {
		return t.Name
	}
	return printable(string(m))
}

func outcomeName(o crash.Outcome) string {
	if t, ok := outcomeTerms[o]; ok {
		return t.Name
	}
	return printable(string(o))
}

// class returns a word as the name of a class of the style sheet.
func class(s string) ink {
	return ink(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, s))
}

// count returns a number with its thousands apart.
func count[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural returns a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// percent returns a share in words that never call something nothing, nor almost all all.
func percent(n, of int) string {
	switch {
	case of == 0:
		return "–"
	case n == 0:
		return "0%"
	case n == of:
		return "100%"
	}
	p := 100 * float64(n) / float64(of)
	switch {
	case p < 0.1:
		return "<0.1%"
	case p > 99.9:
		return ">99.9%"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + "%"
}

// span returns a time in nanoseconds for people.
func span(ns uint64) string {
	v, unit := float64(ns), "ns"
	switch {
	case ns == 0:
		return "0 ms"
	case ns >= 60e9:
		return fmt.Sprintf("%d min %02d s", ns/60e9, ns/1e9%60)
	case ns >= 1e9:
		v, unit = v/1e9, "s"
	case ns >= 1e6:
		v, unit = v/1e6, "ms"
	case ns >= 1e3:
		v, unit = v/1e3, "µs"
	}
	digits := 0
	if v < 100 {
		digits = int(math.Min(2, 2-math.Floor(math.Log10(v))))
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s + " " + unit
}

// size returns a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%.0f MB", float64(n)/(1<<20))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// list joins words as in a sentence.
func list(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// quote returns a word for a shell.
func quote(s string) string {
	s = printable(s)
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./,:=+@", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Command returns the command line of a campaign, which gives the same result again.
func Command(r *crash.Result) string {
	var modes, models []string
	checks := 0
	for _, m := range r.Modes {
		modes = append(modes, string(m.Mode))
		checks += m.GuestChecks
	}
	for _, m := range r.Models {
		models = append(models, string(m))
	}
	if len(models) == len(crash.Models) {
		models = []string{"all"}
	}
	var b strings.Builder
	b.WriteString(workload(r) + flag("modes", strings.Join(modes, ",")) + flag("points", r.Points) + flag("model", strings.Join(models, ",")) + recording(r))
	if checks > 0 {
		b.WriteString(flag("guest-check", strconv.Itoa(checks)))
	}
	return b.String()
}

// PointCommand returns the command line that makes the disks of one cut of a campaign,
// in a directory named after it.
func PointCommand(r *crash.Result, id string) string {
	return workload(r) + recording(r) + flag("point", id) + flag("out", "cut-"+id)
}

// workload begins a command line.
func workload(r *crash.Result) string {
	return "v7em crash" + flag("guest", r.Guest) + flag("workload", r.Workload)
}

// recording is the options that say how a workload was recorded.
func recording(r *crash.Result) string {
	s := flag("seed", strconv.FormatUint(r.Seed, 10))
	if r.Stress {
		s += " --stress"
	}
	return s
}

// flag is an option with its value; nothing if it has none.
func flag(name, value string) string {
	if value == "" {
		return ""
	}
	return " --" + name + " " + quote(value)
}
