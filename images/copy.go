package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"v7em/escape"
	"v7em/internal/hostfile"
	"v7em/unix/fs"
)

// Copier copies files and directories between the host and a V7 file tree, each file
// whole or not at all, with its permissions (set-id and sticky bits too) and time. Of a
// directory it copies what it can: what has to be left out, because its name or its
// kind cannot be had on the other side or because it is damaged, is said and counted.
type Copier struct {
	Tree      *Tree
	Recursive bool // directories with all that is in them; otherwise they are an error

	// Say, if not nil, gets a line, fit for a terminal, for each thing that is left out
	// or changed.
	Say func(line string)

	Stdin  io.Reader // what "-" is on the host for In; nil: a file of that name
	Stdout io.Writer // and for Out

	// In place of the host file's permissions and of the owner: root for a new file,
	// and what a file that is replaced has. nil does not change that.
	Perm     *uint16
	UID, GID *int16

	// InPlace overwrites files of the guest as V7 does it, for a change that is undone
	// as a whole when it fails. It takes room for the longer of the two, not for both.
	InPlace bool

	// Left counts what was left out.
	Left int

	made map[hostID]bool // what this Out has made or been in
	dirs []hostDir       // those to finish

	names hostfile.Names // that are not durable yet
}

type hostDir struct {
	path  string
	mode  os.FileMode
	mtime time.Time
}

// leave says what is left out, and why.
func (c *Copier) leave(err error) {
	c.Left++
	c.say(fmt.Sprintf("left out: %v", err))
}

func (c *Copier) say(line string) {
	if c.Say != nil {
		c.Say(escape.Line(line))
	}
}

// In copies the host's file or directory into the tree: to guest, or under its own name
// into guest if that is a directory or ends in a slash. On an error, or when something
// was left out, what was copied before is there; see Left.
func (c *Copier) In(ctx context.Context, host, guest string) error {
	g, err := c.Tree.Lookup(guest)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	into := strings.HasSuffix(guest, "/") || err == nil && g.IsDir()
	if host == "-" && c.Stdin != nil {
		if into {
			return fmt.Errorf("%s: %w: name the file for standard input", escape.Name(guest), fs.ErrIsDir)
		}
		return c.put(contextReader{ctx, c.Stdin}, guest, 0o644, time.Time{})
	}
	st, err := os.Stat(host)
	if err != nil {
		return err
	}
	if into {
		abs, err := filepath.Abs(host) // so that . has a name too
		if err != nil {
			return err
		}
		if base := filepath.Base(abs); base != string(filepath.Separator) {
			guest = fs.Join(guest, base)
		}
	}
	if !st.IsDir() {
		return c.inFile(ctx, host, guest)
	}
	if !c.Recursive {
		return fmt.Errorf("%s: is a directory: give -r to copy it with all that is in it", host)
	}
	return c.inDir(ctx, host, guest, st)
}

// put makes the file guest with what r has.
func (c *Copier) put(r io.Reader, guest string, perm uint16, mtime time.Time) error {
	put := c.Tree.PutWhole
	if c.InPlace {
		put = c.Tree.Put
	}
	return put(guest, r, c.attr(perm, mtime, true))
}

func (c *Copier) attr(perm uint16, mtime time.Time, file bool) fs.Attr {
	a := fs.Attr{Perm: perm, MTime: mtime, KeepOwner: c.UID == nil && c.GID == nil}
	if c.Perm != nil && file {
		a.Perm = *c.Perm
	}
	if c.UID != nil {
		a.UID = *c.UID
	}
	if c.GID != nil {
		a.GID = *c.GID
	}
	return a
}

// inFile copies a file of the host.
func (c *Copier) inFile(ctx context.Context, host, guest string) error {
	// Not before it is known what it is: opening a fifo waits for who writes to it.
	st, err := os.Stat(host)
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s: neither a file nor a directory", host)
	}
	if err != nil {
		return err
	}
	f, err := os.Open(host)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.put(contextReader{ctx, f}, guest, fs.PermOf(st.Mode()), st.ModTime())
}

// inDir copies a directory of the host.
func (c *Copier) inDir(ctx context.Context, host, guest string, st os.FileInfo) error {
	list, err := os.ReadDir(host)
	if err != nil {
		return err
	}
	fresh, err := c.Tree.MkdirAll(guest, c.attr(fs.PermOf(st.Mode()), st.ModTime(), false))
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		from, to := filepath.Join(host, e.Name()), fs.Join(guest, e.Name())
		st, err := os.Stat(from)
		switch {
		case err != nil:
		case st.IsDir() && e.Type()&os.ModeSymlink != 0:
			// Links are followed for files only, so that no loop is.
			err = fmt.Errorf("%s: a symbolic link to a directory, which V7 cannot have", from)
		case st.IsDir():
			err = c.inDir(ctx, from, to, st)
		default:
			err = c.inFile(ctx, from, to)
		}
		if err == nil {
			continue
		}
		if guestIsOut(err) || ctx.Err() != nil {
			return err
		}
		c.leave(err)
	}
	if fresh {
		return c.Tree.Chtimes(guest, st.ModTime(), st.ModTime())
	}
	return nil
}

// guestIsOut says whether an error will meet the next file as well.
func guestIsOut(err error) bool {
	return errors.Is(err, fs.ErrNoSpace) || errors.Is(err, fs.ErrNoInodes) || errors.Is(err, fs.ErrDamaged)
}

// contextReader is a reader that ends with a context, though only between two reads.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Out copies the tree's file or directory to the host: to host, or under its own name
// into host if that is a directory. In a tree, devices are left out, and not counted.
func (c *Copier) Out(ctx context.Context, guest, host string) error {
	if host == "-" && c.Stdout != nil {
		return c.print(ctx, guest)
	}
	c.made = map[hostID]bool{}
	if st, err := os.Stat(host); err == nil && st.IsDir() {
		if base := path.Base(path.Clean("/" + guest)); base != "/" {
			host = filepath.Join(host, base)
		}
	}
	st, err := c.Tree.Lookup(guest)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		f, err := c.Tree.Open(guest)
		if err != nil {
			return err
		}
		return errors.Join(c.outFile(ctx, f, host), c.names.Sync())
	}
	if !c.Recursive {
		return fmt.Errorf("%s: %w: give -r to copy it with all that is in it", escape.Name(guest), fs.ErrIsDir)
	}
	err = c.outDir(ctx, guest, host)
	return errors.Join(err, c.finish())
}

// print copies a file to standard output.
func (c *Copier) print(ctx context.Context, guest string) error {
	f, err := c.Tree.Open(guest)
	if err != nil {
		return err
	}
	st := f.Stat()
	if st.IsDir() {
		return fmt.Errorf("%s: %w", escape.Name(guest), fs.ErrIsDir)
	}
	if _, err := io.Copy(c.Stdout, contextReader{ctx, f}); err != nil {
		return fmt.Errorf("%s: %w", escape.Name(guest), err)
	}
	return nil
}

// outDir copies a directory. The host's directories can be written to until finish.
func (c *Copier) outDir(ctx context.Context, guest, host string) error {
	top := path.Clean("/" + guest)
	return c.Tree.WalkAll(guest, func(at string, v *fs.FS, st fs.Stat, err error) error {
		if cerr := ctx.Err(); cerr != nil {
			return cerr
		}
		if err != nil {
			c.leave(err)
			return nil
		}
		to := filepath.Join(host, filepath.FromSlash(strings.TrimPrefix(at, top)))
		switch {
		case st.IsDir():
			err = c.mkdir(to, &st)
		case st.Type() != fs.ModeRegular:
			c.say(fmt.Sprintf("%s: a device, left out", escape.Name(at)))
		default:
			err = c.outFile(ctx, v.OpenStat(st), to)
		}
		if err == nil {
			return nil
		}
		if hostIsOut(err) || ctx.Err() != nil || at == top {
			return err
		}
		c.leave(err)
		if st.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// hostIsOut says whether an error will meet the next file as well.
func hostIsOut(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// errSameName is the error of a host that takes two names for one, or of a directory
// that has a name twice.
var errSameName = errors.New("the host takes the name for that of another file that was just copied")

// mkdir makes a directory on the host, if it is not there.
func (c *Copier) mkdir(to string, st *fs.Stat) error {
	err := c.names.Mkdir(to, 0o700)
	fresh := err == nil
	if errors.Is(err, os.ErrExist) {
		if is, serr := os.Stat(to); serr == nil && is.IsDir() {
			err = nil
		}
	}
	if err == nil {
		err = c.note(to)
	}
	if err == nil && fresh {
		c.dirs = append(c.dirs, hostDir{to, fs.HostPerm(st.Mode), fs.UnixTime(st.MTime)})
	}
	return err
}

// note notes that this copy has made the host's file or directory, and returns an error
// if it had done so before.
func (c *Copier) note(to string) error {
	st, err := os.Stat(to)
	if err != nil {
		return err
	}
	if id, ok := idOf(st); ok {
		if c.made[id] {
			return &os.PathError{Op: "copy", Path: to, Err: errSameName}
		}
		c.made[id] = true
	}
	return nil
}

// finish makes the host's names durable and gives its directories their permissions and
// times, those below first.
func (c *Copier) finish() error {
	errs := []error{c.names.Sync()} // while all can be read
	for i := len(c.dirs) - 1; i >= 0; i-- {
		d := c.dirs[i]
		if err := os.Chmod(d.path, d.mode); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.Chtimes(d.path, d.mtime, d.mtime))
		c.compare(d.path, d.mode)
	}
	c.dirs = nil
	return errors.Join(errs...)
}

// compare says it when the host has not taken over the permissions.
func (c *Copier) compare(to string, want os.FileMode) {
	const bits = os.ModePerm | os.ModeSetuid | os.ModeSetgid | os.ModeSticky
	if st, err := os.Stat(to); err == nil && (st.IsDir() || st.Mode().IsRegular()) && st.Mode()&bits != want&bits {
		c.say(fmt.Sprintf("%s: has permissions %04o: the host did not take %04o", to, fs.PermOf(st.Mode()), fs.PermOf(want)))
	}
}

// outFile copies the regular file r to the host.
func (c *Copier) outFile(ctx context.Context, r *fs.File, to string) error {
	st := r.Stat()
	if is, err := os.Lstat(to); err == nil {
		if id, ok := idOf(is); ok && c.made[id] {
			return &os.PathError{Op: "copy", Path: to, Err: errSameName}
		}
	}
	mode := fs.HostPerm(st.Mode)
	err := hostfile.Replace(to, hostfile.Options{Names: &c.names, Context: ctx}, func(f *hostfile.File) error {
		f.SetMode(mode)
		f.SetTime(fs.UnixTime(st.MTime))
		return pour(f, contextReader{ctx, r})
	})
	if err != nil {
		return err
	}
	c.compare(to, mode)
	if is, err := os.Lstat(to); err == nil && is.Mode().IsRegular() {
		return c.note(to)
	}
	return nil
}

// pour writes what r has to a file of the host, with holes where that is zeros: a file of
// V7's may be a gigabyte of them, on a disk of two megabytes.
func pour(f *hostfile.File, r io.Reader) error {
	to := f.OS()
	if st, err := to.Stat(); err != nil || !st.Mode().IsRegular() || to == os.Stdout || to == os.Stderr {
		_, err := io.Copy(f, r)
		return err
	}
	buf, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, err := io.ReadFull(r, buf)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		if !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := to.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if err != nil {
			return to.Truncate(at)
		}
	}
}
