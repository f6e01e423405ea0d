package fs

import (
	"fmt"
	"io"
	"os"
	"path"
)

// ExtractOptions guides Extract. The zero value extracts everything under the
// root.
type ExtractOptions struct {
	// Map chooses where the member of that name goes, or with false that it is
	// left out. The targets of hard links go through it too. nil puts each
	// member at "/" and its name.
	Map func(name string) (path string, ok bool)

	// Progress is called before each member that is extracted.
	Progress func(h *TarHeader, path string)

	// Dir is given to directories that no member made. Permissions 0 give 0755.
	Dir Attr
}

// Extracted says what Extract did.
type Extracted struct {
	Files, Links, Dirs, Devices int   // members extracted
	Bytes                       int64 // in files

	// Apart lists the hard links whose target is not on this file system,
	// because Map left it out. The caller may copy them from elsewhere.
	Apart []TarHeader
}

// Extract puts the members of an archive, to its end, into the file system,
// with their permissions, owners and times. What is in the way is replaced, but
// for directories. Missing directories are made.
func (f *FS) Extract(t *TarReader, o ExtractOptions) (Extracted, error) {
	var done Extracted
	if o.Map == nil {
		o.Map = func(name string) (string, bool) { return "/" + name, true }
	}
	if o.Dir.Perm == 0 {
		o.Dir.Perm = 0o755
	}
	lastDir := ""
	for {
		h, err := t.Next()
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		to, ok := o.Map(h.Name)
		if !ok {
			continue
		}
		target := ""
		if h.Type == TarLink {
			if target, ok = o.Map(h.Link); !ok {
				done.Apart = append(done.Apart, *h)
				continue
			}
		}
		if o.Progress != nil {
			o.Progress(h, to)
		}
		if dir := path.Dir("/" + to); dir != lastDir {
			if err := f.MkdirAll(dir, o.Dir); err != nil {
				return done, fmt.Errorf("extract %s: %w", h.Name, err)
			}
			lastDir = dir
		}
		if err := f.extract(h, t, to, target, &done); err != nil {
			return done, fmt.Errorf("extract %s: %w", h.Name, err)
		}
	}
}

// extract puts one member at path to, whose directory is there.
func (f *FS) extract(h *TarHeader, r io.Reader, to, target string, done *Extracted) error {
	a := Attr{Perm: h.Mode, UID: int16(h.UID), GID: int16(h.GID), MTime: h.MTime}
	if h.Type == TarDir {
		done.Dirs++
		return f.extractDir(to, a)
	}
	if h.Type == TarLink {
		// Look before the old name goes: the target may be that very file.
		from, err := f.Lookup(target)
		if err != nil {
			return fmt.Errorf("hard link: %w", err)
		}
		done.Links++
		if there, err := f.Lookup(to); err == nil && there.Ino == from.Ino {
			return nil
		}
	}
	if err := f.Unlink(to); err != nil && !isNotExist(err) {
		return err
	}
	switch h.Type {
	case TarLink:
		return f.Link(target, to)
	case TarChar, TarBlock:
		mode := ModeChar
		if h.Type == TarBlock {
			mode = ModeBlock
		}
		done.Devices++
		return f.Mknod(to, mode, h.Major, h.Minor, a)
	}
	n, err := f.Put(to, r, a)
	done.Files++
	done.Bytes += n
	return err
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
	if err == nil {
		err = f.Chtimes(to, a.MTime, a.MTime)
	}
	return err
}
