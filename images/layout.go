package images

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"v7em/journaldev"
	"v7em/machine"
	"v7em/unix/fs"
)

// volume is one file system of a disk set, and where V7 mounts it.
type volume struct {
	node   string // its name in /dev
	dir    string
	unit   int // the drive
	offset int // where it starts on the pack, in blocks
	blocks int // its size; what follows is swap space or another volume
	inodes int // how many inodes at least; 0: by what is put there
}

// Set is a set of disks that V7 boots from.
type Set struct {
	Name  string // "rk" or "rp", as the drives are called
	Kind  journaldev.Kind
	Units int // how many packs, in drives 0 up

	volumes []volume // the root first, then in the order of mounting
	nodes   []node   // the set's own device nodes
	moved   map[string]string
	block   int // major number of the block device
}

// node is a device node in /dev.
type node struct {
	name         string
	kind         uint16
	major, minor int
	perm         uint16
}

// The disk nodes can be written by root only, as V7's own /dev/makefile has it.
const diskPerm = 0o644

// commonNodes are what every V7 has in /dev.
var commonNodes = []node{
	{"console", fs.ModeChar, 0, 0, 0o622},
	{"tty", fs.ModeChar, 17, 0, 0o666},
	{"mem", fs.ModeChar, 8, 0, 0o644},
	{"kmem", fs.ModeChar, 8, 1, 0o644},
	{"null", fs.ModeChar, 8, 2, 0o666},
}

// swapBlocks is where the swap space of rktmconf starts on rk0.
const swapStart = 4000

// RK returns the set of eight RK05 packs. V7 mounts at most eight file systems,
// so eight directories share out the distribution; what does not fit where it
// was has moved to a place nearby:
//
//   - the kernels for other disks, from the root to /usr/sys/conf, where V7's
//     makefile makes them
//   - the sources of troff, f77 and c from /usr/src/cmd to /usr/src
//
// df and dump look at /dev/rp0 and /dev/rp3 if they are not told otherwise; here
// those are the root and /usr.
func RK() *Set {
	s := &Set{
		Name: "rk", Kind: journaldev.RK05, Units: 8, block: 0,
		volumes: []volume{
			{dir: "/", blocks: swapStart},
			{dir: "/usr"},
			{dir: "/usr/lib"},
			{dir: "/usr/doc"},
			{dir: "/usr/sys"},
			{dir: "/usr/src"},
			{dir: "/usr/src/cmd"},
			{dir: "/tmp", inodes: 1000},
		},
		nodes: []node{
			{"swap", fs.ModeBlock, 0, 0, diskPerm},
			{"rp0", fs.ModeBlock, 0, 0, diskPerm}, {"rrp0", fs.ModeChar, 9, 0, diskPerm},
			{"rp3", fs.ModeBlock, 0, 1, diskPerm}, {"rrp3", fs.ModeChar, 9, 1, diskPerm},
		},
		moved: map[string]string{
			"/hphtunix":          "/usr/sys/conf/hphtunix",
			"/hptmunix":          "/usr/sys/conf/hptmunix",
			"/rphtunix":          "/usr/sys/conf/rphtunix",
			"/rptmunix":          "/usr/sys/conf/rptmunix",
			"/usr/src/cmd/troff": "/usr/src/troff",
			"/usr/src/cmd/f77":   "/usr/src/f77",
			"/usr/src/cmd/c":     "/usr/src/c",
		},
	}
	for i := range s.volumes {
		v := &s.volumes[i]
		v.unit, v.node = i, fmt.Sprintf("rk%d", i)
		if v.blocks == 0 {
			v.blocks = s.Kind.Blocks
		}
		s.nodes = append(s.nodes,
			node{v.node, fs.ModeBlock, 0, i, diskPerm}, node{"r" + v.node, fs.ModeChar, 9, i, diskPerm})
	}
	return s
}

// RP returns the set of one RP03 pack, cut up as V7's rp driver does it: the root
// in what it calls drive 1, swap space in 2, /usr in 3. The names in /dev are
// those of V7's /dev/makefile.
func RP() *Set {
	return &Set{
		Name: "rp", Kind: journaldev.RP03, Units: 1, block: 1,
		volumes: []volume{
			{node: "rp0", dir: "/", offset: 0, blocks: 5000},
			{node: "rp3", dir: "/usr", offset: 35 * 200, blocks: 74000, inodes: 16000},
		},
		nodes: []node{
			{"rp0", fs.ModeBlock, 1, 1, diskPerm}, {"rrp0", fs.ModeChar, 11, 1, diskPerm},
			{"swap", fs.ModeBlock, 1, 2, diskPerm},
			{"rp3", fs.ModeBlock, 1, 3, diskPerm}, {"rrp3", fs.ModeChar, 11, 3, diskPerm},
		},
	}
}

// Model returns the machine that V7 runs on from these disks, given the one that is
// wanted (0: none in particular). V7's rp driver does not use the Unibus map: on an
// 11/70 it swaps to and from wrong places as soon as memory above 256 KB is in use.
func (s *Set) Model(want machine.Model) machine.Model {
	switch {
	case s.Name == "rp":
		return machine.PDP1145
	case want == 0:
		return machine.PDP1170
	}
	return want
}

// dirs are directories that the distribution's archive does not have, or whose
// permissions matter: everyone may write where V7 keeps everyone's files.
var dirs = []struct {
	name     string
	perm     uint16
	uid, gid int16
}{
	{"/tmp", 0o777, 3, 3},
	{"/usr/tmp", 0o777, 3, 3},
	{"/usr/adm", 0o775, 3, 3},
	{"/usr/bin", 0o775, 3, 3},
	{"/usr/lib/learn/log", 0o777, 3, 3},
	{"/usr/lib/learn/play", 0o777, 3, 3},
	{"/usr/spool/at", 0o777, 3, 3},
	{"/usr/spool/at/past", 0o777, 3, 3},
	{"/usr/spool/lpd", 0o777, 1, 1},
	{"/usr/spool/mail", 0o777, 3, 3},
	{"/usr/spool/secretmail", 0o777, 3, 3},
	{"/usr/spool/uucp", 0o777, 4, 4},
}

// dirAttr returns what directory name gets.
func dirAttr(name string, now time.Time) fs.Attr {
	a := fs.Attr{Perm: 0o775, UID: 3, GID: 3, MTime: now}
	for _, d := range dirs {
		if d.name == name {
			a.Perm, a.UID, a.GID = d.perm, d.uid, d.gid
		}
	}
	return a
}

// place returns where a file of the distribution is kept.
func (s *Set) place(name string) string {
	for d := name; d != "/"; d = path.Dir(d) {
		if to, ok := s.moved[d]; ok {
			return to + name[len(d):]
		}
	}
	return name
}

// volume returns the index of the volume that a path is on.
func (s *Set) volume(name string) int {
	best := 0
	for i, v := range s.volumes {
		if (name == v.dir || strings.HasPrefix(name, v.dir+"/")) && len(v.dir) > len(s.volumes[best].dir) {
			best = i
		}
	}
	return best
}

// file is a file of the distribution or one that is put beside it.
type file struct {
	name string // absolute, in the set
	from string // in the source tree; empty: data
	data []byte
	link string // the file is another name of this one
	attr fs.Attr
}

// build makes the set's file systems on its packs, with the files of the tree src,
// the set's device nodes, a boot block for drive 0, and extra files, which replace
// those of the same name.
func (s *Set) build(src *Tree, packs []fs.Device, boot []byte, extra []file, now time.Time) (*Tree, error) {
	files, err := s.files(src, extra)
	if err != nil {
		return nil, err
	}
	// Directories and inodes that each volume needs.
	need := make([]map[string]bool, len(s.volumes))
	for i := range need {
		need[i] = map[string]bool{}
	}
	all := map[string]bool{}
	addDir := func(d string) {
		for ; d != "/" && !all[d]; d = path.Dir(d) {
			all[d] = true
			need[s.volume(d)][d] = true
		}
	}
	for _, d := range dirs {
		addDir(d.name)
	}
	for _, v := range s.volumes {
		addDir(v.dir)
	}
	for _, f := range files {
		addDir(path.Dir(f.name))
		need[s.volume(f.name)][f.name] = true
	}

	var t *Tree
	for i, v := range s.volumes {
		inodes := v.inodes
		if inodes == 0 {
			n := len(need[i])
			inodes = n + n/8 + 64
		}
		o := fs.MkfsOptions{
			Inodes: inodes, Time: now, Root: dirAttr(v.dir, now),
			Name: label(path.Base(v.dir)), Pack: label(v.node),
		}
		f, err := fs.Mkfs(fs.Region{Device: packs[v.unit], Start: v.offset, N: v.blocks}, o)
		if err != nil {
			return nil, fmt.Errorf("%s for %s: %w", v.node, v.dir, err)
		}
		f.SetClock(now)
		if t == nil {
			t = NewTree(f)
			continue
		}
		if err := t.mkdirAll(v.dir, now); err != nil {
			return nil, err
		}
		if err := t.Mount(f, v.dir); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(all))
	for d := range all {
		names = append(names, d)
	}
	slices.Sort(names)
	for _, d := range names {
		if err := t.mkdirAll(d, now); err != nil {
			return nil, err
		}
	}
	for _, n := range slices.Concat(commonNodes, s.nodes) {
		f, rel := t.at("/dev/" + n.name)
		if err := f.Mknod(rel, n.kind, n.major, n.minor, fs.Attr{Perm: n.perm, MTime: now}); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		if err := t.add(src, f); err != nil {
			return nil, fmt.Errorf("%s pack for %s: %w", s.Name, s.volumes[s.volume(f.name)].dir, err)
		}
	}
	if err := t.Sync(); err != nil {
		return nil, err
	}
	var block [fs.BlockSize]byte
	if len(boot) > len(block) {
		return nil, fmt.Errorf("boot block of %d bytes", len(boot))
	}
	copy(block[:], boot)
	return t, packs[0].WriteBlock(0, block[:])
}

func label(s string) string {
	if s == "/" {
		s = "root"
	}
	return s[:min(len(s), 6)]
}

// mkdirAll makes a directory, and those above it, with the set's attributes.
func (t *Tree) mkdirAll(name string, now time.Time) error {
	if name == "/" {
		return nil
	}
	if err := t.mkdirAll(path.Dir(name), now); err != nil {
		return err
	}
	f, rel := t.at(name)
	return f.MkdirAll(rel, dirAttr(name, now))
}

// add puts a file into the tree.
func (t *Tree) add(src *Tree, f file) error {
	if f.link != "" {
		to, rel := t.at(f.name)
		if from, old := t.at(f.link); from == to {
			return to.Link(old, rel)
		}
		// The two names are on different volumes here: V7 cannot link them.
	}
	if f.from == "" {
		return t.Put(f.name, bytes.NewReader(f.data), f.attr)
	}
	r, err := src.Open(f.from)
	if err != nil {
		return err
	}
	return t.Put(f.name, r, f.attr)
}

// files lists what goes into the set, in the order in which it is made.
func (s *Set) files(src *Tree, extra []file) ([]file, error) {
	byName := map[string]int{}
	var list []file
	add := func(f file) {
		if i, ok := byName[f.name]; ok {
			list[i] = f
			return
		}
		byName[f.name] = len(list)
		list = append(list, f)
	}
	first := map[int]string{} // the first name of each inode
	root := src.mounts[len(src.mounts)-1].fs
	err := root.Walk("/", func(name string, st fs.Stat) error {
		if st.Type() != fs.ModeRegular {
			return nil
		}
		f := file{name: s.place(name), from: name, link: first[st.Ino], attr: fs.Attr{
			Perm: st.Mode & fs.ModePerm, UID: st.UID, GID: st.GID, MTime: fs.UnixTime(st.MTime),
		}}
		if first[st.Ino] == "" {
			first[st.Ino] = f.name
		}
		add(f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("the distribution is empty")
	}
	for _, f := range extra {
		add(f)
	}
	return list, nil
}

// rc returns the distribution's /etc/rc with the line that mounts /usr replaced by
// those that mount all of the set's volumes.
func (s *Set) rc(old []byte) ([]byte, error) {
	var b bytes.Buffer
	found := false
	for line := range bytes.Lines(old) {
		if !bytes.HasPrefix(line, []byte("/etc/mount ")) {
			b.Write(line)
			continue
		}
		if !found {
			for _, v := range s.volumes[1:] {
				fmt.Fprintf(&b, "/etc/mount /dev/%s %s\n", v.node, v.dir)
			}
		}
		found = true
	}
	if !found {
		return nil, errors.New("the distribution's /etc/rc mounts nothing")
	}
	return b.Bytes(), nil
}
