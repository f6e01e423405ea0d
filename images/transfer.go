package images

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"v7em/internal/hostfile"
	"v7em/unix/fs"
)

// CopyIn copies a host file into the guest's file tree, with its permissions and
// time and root as its owner. A guest path that is a directory, or ends in a slash,
// gets the file under its own name.
func (t *Tree) CopyIn(host, guest string) error {
	f, err := os.Open(host)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", host)
	}
	g, err := t.Lookup(guest)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if strings.HasSuffix(guest, "/") || err == nil && g.IsDir() {
		guest = path.Join(guest, filepath.Base(host))
	}
	return t.Put(guest, f, fs.Attr{Perm: uint16(st.Mode().Perm()), MTime: st.ModTime()})
}

// CopyOut copies a guest file to the host, with its permissions and time. A host
// path that is a directory gets the file under its own name; "-" is w. On an error what
// was there before is there still.
func (t *Tree) CopyOut(guest, host string, w io.Writer) error {
	g, err := t.Lookup(guest)
	if err != nil {
		return err
	}
	if g.Type() != fs.ModeRegular {
		return fmt.Errorf("%s: not a regular file in the guest", guest)
	}
	r, err := t.Open(guest)
	if err != nil {
		return err
	}
	if host == "-" {
		_, err := io.Copy(w, r)
		return err
	}
	if st, err := os.Stat(host); err == nil && st.IsDir() {
		host = filepath.Join(host, path.Base(guest))
	}
	return hostfile.Replace(host, hostfile.Options{}, func(f *hostfile.File) error {
		f.SetMode(os.FileMode(g.Mode & 0o777))
		f.SetTime(fs.UnixTime(g.MTime))
		_, err := io.Copy(f, r)
		return err
	})
}
