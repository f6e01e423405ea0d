package fs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"v7em/escape"
)

// ExtractOptions guides Extract. The zero value extracts everything under the
// root.
type ExtractOptions struct {
	// Map chooses where the member of that name goes, or with false that it is
	// not wanted. The targets of hard links go through it too. nil puts each
	// member at "/" and its name. Names are as V7 can have them.
	Map func(name string) (path string, ok bool)

	// Progress is called before each member that is extracted.
	Progress func(h *TarHeader, path string)

	// Tell gets a line, fit for a terminal, for each member that is left out or
	// changed; see Extracted.
	Tell func(line string)

	// Dir is given to directories that no member made. Permissions 0 give 0755.
	Dir Attr
}

// Extracted says what Extract did.
type Extracted struct {
	Files, Links, Dirs, Devices int   // members extracted
	Bytes                       int64 // in files

	Left    int // members left out: V7 cannot have them, or they are damaged
	Changed int // members extracted with something changed: a name, owner or time

	// Cut says why the archive could not be read to its end, nil if it could. What came
	// before is extracted.
	Cut error

	// Apart lists the hard links whose target is not on this file system,
	// because Map left it out. The caller may copy them from elsewhere.
	Apart []TarHeader
}

// Whole returns an error unless all of the archive was extracted.
func (e *Extracted) Whole() error {
	if e.Left > 0 {
		return errors.Join(fmt.Errorf("%w: %d members left out", ErrTar, e.Left), e.Cut)
	}
	return e.Cut
}

// Extract puts the members of an archive, to its end, into the file system,
// with their permissions, owners and times. What is in the way is replaced, but
// for directories. Missing directories are made. Names are cut to 14 bytes, as the
// kernel does it; of two that are the same then the later one is left out. Each file is
// extracted whole or not at all.
//
// It goes on past what V7 cannot have, and what is damaged in the archive. An error is
// of the file system: it is full, say; or nothing could be read of the archive.
func (f *FS) Extract(t *TarReader, o ExtractOptions) (Extracted, error) {
	x := extractor{f: f, t: t, o: o, names: map[string]string{}, times: map[string]time.Time{}}
	if x.o.Map == nil {
		x.o.Map = func(name string) (string, bool) { return "/" + name, true }
	}
	if x.o.Dir.Perm == 0 {
		x.o.Dir.Perm = 0o755
	}
	for {
		h, err := t.Next()
		if err == io.EOF {
			return x.done, x.setTimes()
		}
		if err == nil {
			err = x.member(h)
		} else if t.good == 0 {
			return x.done, err
		}
		if errors.Is(err, ErrTar) {
			x.done.Cut = err
			return x.done, x.setTimes()
		}
		if err != nil {
			return x.done, fmt.Errorf("extract %s: %w", escape.Name(h.Name), err)
		}
	}
}

type extractor struct {
	f    *FS
	t    *TarReader
	o    ExtractOptions
	done Extracted
	dir  string // of the last member

	names map[string]string    // what members were called whose names were cut, or might be taken for one that was
	times map[string]time.Time // of directories, to be set when nothing changes in them any more
}

// maxRemembered bounds the names and directories that are remembered: more than any V7
// file system has.
const maxRemembered = 1 << 17

// leave counts a member that is left out, and says why.
func (x *extractor) leave(h *TarHeader, err error) {
	x.done.Left++
	name := escape.Name(h.Name)
	if h.Name == "" {
		name = "a member"
	}
	x.tell(fmt.Sprintf("%s: left out: %v", name, err))
}

func (x *extractor) tell(line string) {
	if x.o.Tell != nil {
		x.o.Tell(escape.Line(line))
	}
}

// member extracts a member, or leaves it out. An error ends it all.
func (x *extractor) member(h *TarHeader) error {
	err := h.Bad
	if err == nil {
		err = unfit(h)
	}
	if err != nil {
		x.leave(h, err)
		return nil
	}
	notes := h.Notes
	name, err := x.shorten(h.Name)
	if err != nil {
		x.leave(h, err)
		return nil
	}
	to, ok := x.o.Map(name)
	if !ok {
		return nil
	}
	if name != h.Name {
		notes = append(notes, "the name is cut to "+escape.Name(name))
	}
	target := ""
	if h.Type == TarLink {
		if target, err = x.shorten(h.Link); err != nil {
			x.leave(h, fmt.Errorf("hard link: %w", err))
			return nil
		}
		if target, ok = x.o.Map(target); !ok {
			x.done.Apart = append(x.done.Apart, *h)
			return nil
		}
	}
	if x.o.Progress != nil {
		x.o.Progress(h, to)
	}
	a, more := attrOf(h)
	notes = append(notes, more...)
	if dir := path.Dir("/" + to); dir != x.dir {
		if err = x.f.MkdirAll(dir, x.o.Dir); err == nil {
			x.dir = dir
		}
	}
	if err == nil {
		err = x.extract(h, a, to, target)
	}
	if err == nil {
		if len(notes) > 0 {
			x.done.Changed++
			x.tell(fmt.Sprintf("%s: %s", escape.Name(h.Name), strings.Join(notes, "; ")))
		}
		return nil
	}
	if errors.Is(err, ErrTar) { // it ends in this file
		x.leave(h, err)
		return err
	}
	if ofMember(err) {
		x.leave(h, err)
		return nil
	}
	return err
}

// ofMember says whether an error is of one member: others may fare better.
func ofMember(err error) bool {
	for _, e := range []error{ErrNotDir, ErrIsDir, ErrNotFile, ErrName, ErrTooBig, ErrLinks, os.ErrExist,
		os.ErrNotExist, os.ErrInvalid} {
		if errors.Is(err, e) && !errors.Is(err, ErrDamaged) {
			return true
		}
	}
	return false
}

// unfit returns why V7 can have no such member.
func unfit(h *TarHeader) error {
	switch h.Type {
	case TarFile:
		if h.Size > MaxFileSize {
			return fmt.Errorf("%d bytes: %w", h.Size, ErrTooBig)
		}
	case TarSymlink:
		return fmt.Errorf("a symbolic link to %s, which V7 does not have", quoted(h.Link[:min(len(h.Link), maxTarName)]))
	case TarFifo:
		return errors.New("a fifo, which V7 does not have")
	case TarChar, TarBlock:
		if h.Major < 0 || h.Major > 255 || h.Minor < 0 || h.Minor > 255 {
			return fmt.Errorf("device %d,%d: V7 has numbers of 0 to 255", h.Major, h.Minor)
		}
	}
	return nil
}

// attrOf returns what V7 can have of a member's attributes, and in words what it cannot.
func attrOf(h *TarHeader) (a Attr, notes []string) {
	a = Attr{Perm: h.Mode, MTime: h.MTime}
	for _, o := range []struct {
		what string
		id   int64
		to   *int16
		bit  uint16
	}{{"owner", h.UID, &a.UID, ModeSetUID}, {"group", h.GID, &a.GID, ModeSetGID}} {
		if o.id >= 0 && o.id <= 65535 {
			*o.to = int16(o.id)
			continue
		}
		// Not with the rights of another.
		a.Perm &^= o.bit
		notes = append(notes, fmt.Sprintf("%s %d is 0", o.what, o.id))
		if h.Mode&o.bit != 0 {
			notes = append(notes, "without its set-id bit")
		}
	}
	if sec := Stamp(h.MTime); int64(sec) != h.MTime.Unix() {
		a.MTime = UnixTime(sec)
		notes = append(notes, fmt.Sprintf("time %d is %s", h.MTime.Unix(), a.MTime.Format("2006-01-02 15:04:05")))
	}
	return a, notes
}

// shorten returns a name as V7 has it, its components cut to 14 bytes. It is an error
// when that is what another member, or a directory above it, was cut to.
func (x *extractor) shorten(name string) (string, error) {
	long := false
	for c := range strings.SplitSeq(name, "/") {
		long = long || len(c) >= NameMax
	}
	if !long {
		return name, nil
	}
	short, full := "", ""
	for c := range strings.SplitSeq(name, "/") {
		full = strings.TrimPrefix(full+"/"+c, "/")
		short = strings.TrimPrefix(short+"/"+c[:min(len(c), NameMax)], "/")
		if len(c) < NameMax {
			continue
		}
		is, ok := x.names[short]
		switch {
		case ok && is != full:
			return "", fmt.Errorf("its name, cut to %s, is that of %s", escape.Name(short), escape.Name(is))
		case !ok && len(x.names) >= maxRemembered:
			return "", errors.New("more long names than V7 has files")
		}
		x.names[short] = full
	}
	return short, nil
}

// extract puts one member at path to, whose directory is there.
func (x *extractor) extract(h *TarHeader, a Attr, to, target string) error {
	switch h.Type {
	case TarDir:
		if err := x.f.extractDir(to, a); err != nil {
			return err
		}
		x.done.Dirs++
		if len(x.times) < maxRemembered {
			x.times[to] = a.MTime
		}
		return nil
	case TarLink:
		if err := x.f.extractLink(to, target); err != nil {
			return err
		}
		x.done.Links++
		return nil
	case TarChar, TarBlock:
		mode := ModeChar
		if h.Type == TarBlock {
			mode = ModeBlock
		}
		if err := x.f.Unlink(to); err != nil && !isNotExist(err) {
			return err
		}
		if err := x.f.Mknod(to, mode, int(h.Major), int(h.Minor), a); err != nil {
			return err
		}
		x.done.Devices++
		return nil
	}
	err := x.f.putNew(to, a, func(ino int, n *Inode) error {
		if h.Pieces == nil {
			_, err := x.f.pour(ino, n, x.t)
			return err
		}
		for _, p := range h.Pieces {
			if _, err := x.f.pourAt(ino, n, io.LimitReader(x.t, p.Len), p.Off); err != nil {
				return err
			}
		}
		return x.f.truncate(ino, n, h.Size)
	})
	if err != nil {
		return fail("write", to, err)
	}
	x.done.Files++
	x.done.Bytes += h.Size
	return nil
}

// extractLink makes to another name of the file at target.
func (f *FS) extractLink(to, target string) error {
	from, err := f.Lookup(target)
	if err != nil {
		return fmt.Errorf("hard link: %w", err)
	}
	if from.IsDir() {
		return fmt.Errorf("hard link to %s: %w", escape.Name(target), ErrIsDir)
	}
	if from.Nlink == 1<<15-1 {
		return fmt.Errorf("hard link to %s: %w", escape.Name(target), ErrLinks)
	}
	// The old name may be that very file.
	if there, err := f.Lookup(to); err == nil && there.Ino == from.Ino {
		return nil
	}
	if err := f.Unlink(to); err != nil && !isNotExist(err) {
		return err
	}
	return f.Link(target, to)
}

func (f *FS) extractDir(to string, a Attr) error {
	st, err := f.Lookup(to)
	if isNotExist(err) {
		return f.Mkdir(to, a)
	}
	if err == nil && !st.IsDir() {
		err = fail("mkdir", to, os.ErrExist)
	}
	if err == nil {
		err = f.Chmod(to, a.Perm)
	}
	if err == nil {
		err = f.Chown(to, a.UID, a.GID)
	}
	return err
}

// setTimes gives the directories their times.
func (x *extractor) setTimes() error {
	for dir, t := range x.times {
		if err := x.f.Chtimes(dir, t, t); err != nil && !isNotExist(err) {
			return err
		}
	}
	return nil
}
