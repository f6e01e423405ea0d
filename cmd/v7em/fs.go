package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"v7em/block"
	"v7em/escape"
	"v7em/images"
	"v7em/internal/hostfile"
	"v7em/journaldev"
	v7fs "v7em/unix/fs"
)

// inconsistent ends `fs check` with status 1 when it has printed what is wrong.
type inconsistent struct{}

func (inconsistent) Error() string   { return "" }
func (inconsistent) ExitStatus() int { return 1 }

// fsRegion is the part of an image that a file system is in.
type fsRegion struct {
	offset, blocks int

	wrap func(name string, f journaldev.File) journaldev.File // for tests: see journaldev.Options
}

func fsCommand() *cobra.Command {
	var r fsRegion
	cmd := &cobra.Command{
		Use:   "fs",
		Short: "Work on V7 file systems in disk images",
		Long: `The fs commands make, change, read and check Seventh Edition file systems in
disk images, without a running machine. Paths in an image start at its root,
with or without a leading slash. An image that a machine has in use is refused.

A command that changes an image does all of it or nothing, also when it fails,
is killed, or the host loses its power. With a journal beside the image the
change is one transaction; otherwise a changed copy takes the image's name:
other hard links to it keep the old one. Only a disk of the host's own is
written in place.

A pack may be cut up: --offset says at which block of the image the file system
begins. The file system itself says where it ends.`,
		Example: `  v7em fs ls -l rk0.rk05 /etc
  v7em fs put rk0.rk05 hello.c /tmp
  v7em fs check rk0.rk05`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().IntVar(&r.offset, "offset", 0, "block of the image at which the file system begins")
	cmd.PersistentFlags().IntVar(&r.blocks, "blocks", 0,
		"length of that part in blocks, when the image leaves off its unwritten end")
	cmd.AddCommand(
		fsMkfsCommand(&r), fsTarCommand(&r), fsLsCommand(&r), fsCatCommand(&r), fsPutCommand(&r), fsGetCommand(&r),
		fsMkdirCommand(&r), fsMknodCommand(&r), fsRmCommand(&r), fsCheckCommand(&r),
	)
	return withAdvice(cmd)
}

func (r *fsRegion) check() error {
	if r.offset < 0 || r.blocks < 0 || r.offset > v7fs.MaxBlocks {
		return usagef("--offset %d --blocks %d: must be from 0 to %d", r.offset, r.blocks, v7fs.MaxBlocks)
	}
	return nil
}

// open opens the region in the image itself, whatever a journal beside it has.
func (r *fsRegion) open(image string, readOnly bool) (*v7fs.HostFile, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	d, err := v7fs.OpenHostFile(image, r.offset, r.blocks, readOnly)
	switch {
	case errors.Is(err, v7fs.ErrInUse):
		err = journaldev.InUse(image)
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%s: no such image", image)
	}
	return d, err
}

// journaled says whether there is a journal beside the image.
func journaled(image string) bool {
	_, err := os.Lstat(journaldev.JournalPath(image))
	return !errors.Is(err, fs.ErrNotExist)
}

// oddPack says whether the file of an image is a pack of a known kind, but not as such:
// its end is missing, or SIMH's footer is behind it.
func oddPack(image string) bool {
	_, odd, err := journaldev.ImageBlocks(image)
	return err == nil && odd
}

// hostRegion is the region in an image itself.
type hostRegion interface {
	v7fs.Device
	Sync() error
	Close() error
}

// packRegion is the region in a pack that is no more nor less than its blocks only when
// package journaldev has looked at it.
type packRegion struct {
	v7fs.Device
	*journaldev.Pack
}

func (p packRegion) Blocks() int                      { return p.Device.Blocks() }
func (p packRegion) ReadBlock(n int, b []byte) error  { return p.Device.ReadBlock(n, b) }
func (p packRegion) WriteBlock(n int, b []byte) error { return p.Device.WriteBlock(n, b) }

// openToWrite opens blocks of the region, 0 for all, in an image without a journal.
func (r *fsRegion) openToWrite(image string, blocks int) (hostRegion, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	part := fsRegion{offset: r.offset, blocks: blocks}
	if !oddPack(image) {
		d, err := part.open(image, false)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	p, err := journaldev.Open(image, journaldev.Kind{}, journaldev.Options{})
	if err != nil {
		return nil, err
	}
	d, err := part.in(image, p)
	if err == nil {
		err = p.Protected()
	}
	if err == nil && d.Blocks() > p.Blocks()-r.offset {
		err = fmt.Errorf("%s: %d blocks at block %d do not fit: the pack has %d", image, d.Blocks(), r.offset, p.Blocks())
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return packRegion{d, p}, nil
}

// in returns the region in the pack of an image.
func (r *fsRegion) in(image string, pack v7fs.Device) (v7fs.Device, error) {
	blocks := r.blocks
	if blocks == 0 {
		blocks = pack.Blocks() - r.offset
	}
	if blocks <= 0 {
		return nil, fmt.Errorf("%s: has %d blocks of %d bytes, so nothing at block offset %d", image, pack.Blocks(),
			block.Size, r.offset)
	}
	return v7fs.Region{Device: pack, Start: r.offset, N: blocks}, nil
}

// look opens the region for reading, through the journal if the image has one. It
// changes nothing.
func (r *fsRegion) look(image string) (v7fs.Device, func(), error) {
	if !journaled(image) && !oddPack(image) {
		d, err := r.open(image, true)
		if err != nil {
			return nil, nil, err
		}
		return d, func() { d.Close() }, nil
	}
	if err := r.check(); err != nil {
		return nil, nil, err
	}
	s, _, err := journaldev.Look(image)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%s: no such image", image)
	case err != nil:
		return nil, nil, err
	}
	d, err := r.in(image, s)
	return d, func() {}, err
}

// read opens the file system for reading and calls fn with it.
func (r *fsRegion) read(image string, fn func(v *v7fs.FS) error) error {
	d, done, err := r.look(image)
	if err != nil {
		return err
	}
	defer done()
	v, err := v7fs.Open(d)
	if err == nil {
		err = fn(v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", image, err)
	}
	return nil
}

// recoverImage brings home what a journal beside the image has, and says so.
func recoverImage(cmd *cobra.Command, image string) error {
	if _, err := os.Stat(image); err != nil || !journaled(image) {
		return nil
	}
	rec, err := journaldev.Recover(image, false)
	if err == nil {
		sayRecovered(cmd, image, rec)
	}
	return err
}

// sayRecovered says what a recovery has done to an image.
func sayRecovered(cmd *cobra.Command, image string, rec journaldev.Recovery) {
	if rec.Telling() {
		fmt.Fprintf(cmd.ErrOrStderr(), "v7em: %s: %s\n", image, rec)
	}
}

// write opens the file system, calls fn with it, and makes what fn has changed
// durable, all of it or nothing. When fn fails or the command is interrupted the file
// system stays as it is.
func (r *fsRegion) write(cmd *cobra.Command, image string, fn func(v *v7fs.FS) error) error {
	err := r.check()
	switch {
	case err != nil:
	case journaled(image):
		err = r.commit(cmd, image, fn)
	default:
		err = r.copyAndChange(cmd, image, fn)
	}
	return err
}

// change calls fn with the file system on d and leaves d as fn wants it.
func change(cmd *cobra.Command, image string, d v7fs.Device, fn func(v *v7fs.FS) error) error {
	v, err := v7fs.Open(d)
	if err == nil {
		v.SetClock(time.Now())
		err = fn(v)
	}
	if err == nil {
		err = v.Sync()
	}
	if err == nil {
		err = cmd.Context().Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", image, err)
	}
	return nil
}

// commit is write for an image with a journal, which is recovered first: the change
// is one transaction.
func (r *fsRegion) commit(cmd *cobra.Command, image string, fn func(v *v7fs.FS) error) (err error) {
	var o journaldev.VolumeOptions
	o.Layout = journaldev.NoLayout // what is swap space to V7 may hold this file system
	o.Wrap = r.wrap
	vol, err := journaldev.OpenVolume(image, journaldev.Kind{}, o)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such image", image)
	}
	if err != nil {
		return err
	}
	defer func() {
		if cerr := vol.Close(); err == nil {
			err = cerr
		}
	}()
	if vol.ReadOnly() {
		return fmt.Errorf("%s: %w", image, vol.Protected())
	}
	sayRecovered(cmd, image, vol.Recovery())
	d, err := r.in(image, vol)
	if err != nil {
		return err
	}
	if err := change(cmd, image, d, fn); err != nil {
		return err
	}
	_, err = vol.Commit(vol.Snapshot(), journaldev.Note{Reason: "fs-" + cmd.Name()})
	return err
}

// copyAndChange is write for an image without a journal.
func (r *fsRegion) copyAndChange(cmd *cobra.Command, image string, fn func(v *v7fs.FS) error) error {
	if real, err := filepath.EvalSymlinks(image); err == nil {
		image = real
	}
	old, err := r.openToWrite(image, r.blocks)
	if err != nil {
		return err
	}
	defer old.Close() // its lock is held until the new image is in place
	to := &readFrom{old, old}
	cache := v7fs.NewCache(to)
	if err := change(cmd, image, cache, fn); err != nil {
		return err
	}
	if st, err := os.Stat(image); err != nil {
		return err
	} else if !st.Mode().IsRegular() {
		return errors.Join(cache.Flush(), old.Sync())
	}
	return replaceImage(image, true, func(temp *os.File) error {
		if err := copyHostFile(temp, image); err != nil {
			return err
		}
		d, err := r.openToWrite(temp.Name(), r.blocks)
		if err != nil {
			return err
		}
		defer d.Close()
		to.Device = d
		return cache.Flush()
	})
}

// readFrom is a device that is read from another one.
type readFrom struct {
	v7fs.Device
	from v7fs.Device
}

func (r *readFrom) ReadBlock(n int, p []byte) error { return r.from.ReadBlock(n, p) }

// replaceImage makes an image, anew or in the place of one whose lock the caller has.
// It gets its name when fill has made it; on an error nothing is changed.
func replaceImage(image string, exists bool, fill func(temp *os.File) error) error {
	o := hostfile.Options{Whole: true, Alone: exists, New: !exists}
	return hostfile.Replace(image, o, func(f *hostfile.File) error { return fill(f.OS()) })
}

// interruptible returns the command's standard input, of which a read ends when the
// command is interrupted.
func interruptible(cmd *cobra.Command) io.Reader {
	return &contextReader{ctx: cmd.Context(), r: cmd.InOrStdin()}
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	type result struct {
		p   []byte
		err error
	}
	done := make(chan result, 1)
	go func() { // it may outlive the call, so it has a buffer of its own
		b := make([]byte, len(p))
		n, err := c.r.Read(b)
		done <- result{b[:n], err}
	}()
	select {
	case <-c.ctx.Done():
		return 0, c.ctx.Err()
	case r := <-done:
		return copy(p, r.p), r.err
	}
}

// octalFlag is a flag for a mode, in octal.
type octalFlag struct {
	value uint16
	set   bool
}

func (o *octalFlag) Set(s string) error {
	v, err := strconv.ParseUint(s, 8, 16)
	if err != nil || v > uint64(v7fs.ModePerm) {
		return fmt.Errorf("%q: must be octal, at most 7777", s)
	}
	o.value, o.set = uint16(v), true
	return nil
}

func (o *octalFlag) Type() string { return "octal" }

func (o *octalFlag) String() string {
	if !o.set && o.value == 0 {
		return ""
	}
	return fmt.Sprintf("%o", o.value)
}

// attrFlags are the options for what a new file gets.
type attrFlags struct {
	mode     octalFlag
	uid, gid int16
}

func (a *attrFlags) add(f *pflag.FlagSet, mode uint16) {
	a.mode.value = mode
	f.Var(&a.mode, "mode", "permissions")
	f.Int16Var(&a.uid, "uid", 0, "owner")
	f.Int16Var(&a.gid, "gid", 0, "group")
}

func (a *attrFlags) attr() v7fs.Attr {
	return v7fs.Attr{Perm: a.mode.value, UID: a.uid, GID: a.gid}
}

// number reads an argument that must be a number from lo to hi.
func number(what, s string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < lo || n > hi {
		return 0, usagef("%s %q: must be a number from %d to %d", what, s, lo, hi)
	}
	return n, nil
}

func fsMkfsCommand(r *fsRegion) *cobra.Command {
	o := v7fs.MkfsOptions{}
	var interleave []int
	var force bool
	cmd := &cobra.Command{
		Use:   "mkfs IMAGE BLOCKS",
		Short: "Make an empty file system of BLOCKS blocks",
		Long: `Mkfs makes an empty V7 file system of BLOCKS blocks of 512 bytes. An image that
does not exist yet is made as long as the smallest pack that has room, an RK05
(4872 blocks) or an RP03 (81200), or longer if need be. What follows the file
system on the pack stays free, for swap space or another file system.

An image that exists keeps its length and all outside of the file system, boot
block included. Since the file system in it is lost, --force is needed. The
image is replaced only when the new one is complete.`,
		Example: `  v7em fs mkfs rk1.rk05 4872
  v7em fs mkfs --inodes 1000 --interleave 3,24 rk0.rk05 4000
  v7em fs mkfs --offset 40600 --force rp0.rp03 40400`,
		Args: argCount(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			blocks, err := number("BLOCKS", args[1], 1, v7fs.MaxBlocks)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("interleave") {
				if len(interleave) != 2 {
					return usagef("--interleave takes two numbers, m,n")
				}
				o.M, o.N = interleave[0], interleave[1]
			}
			o.Blocks, o.Time = blocks, time.Now()
			return r.mkfs(cmd, args[0], o, force)
		},
	}
	cmd.Flags().IntVar(&o.Inodes, "inodes", 0, "number of inodes (default: 8 for every 25 blocks)")
	cmd.Flags().IntSliceVar(&interleave, "interleave", nil,
		"order of the free list: m,n steps m blocks within every n (default 3,500)")
	cmd.Flags().StringVar(&o.Name, "name", "", "name of the file system, at most 6 letters")
	cmd.Flags().StringVar(&o.Pack, "pack", "", "name of the pack, at most 6 letters")
	cmd.Flags().BoolVar(&force, "force", false, "replace what an existing image has there")
	return cmd
}

// mkfs makes a file system in a copy of the image, or in a new one, that takes
// the image's name when it is complete.
func (r *fsRegion) mkfs(cmd *cobra.Command, image string, o v7fs.MkfsOptions, force bool) error {
	if err := r.check(); err != nil {
		return err
	}
	end := r.offset + o.Blocks
	if real, err := filepath.EvalSymlinks(image); err == nil {
		image = real
	}
	if force {
		// What lies outside of the new file system stays as it was committed.
		if err := recoverImage(cmd, image); err != nil {
			return err
		}
	}
	old, err := r.openToWrite(image, r.blocks)
	exists := err == nil
	switch {
	case exists:
		defer old.Close() // its lock is held until the new image is in place
		if !force {
			return fmt.Errorf("%s exists: give --force to lose the file system in it", image)
		}
		if old.Blocks() < o.Blocks {
			return fmt.Errorf("%s: %d blocks at block %d do not fit: the image has %d there", image, o.Blocks, r.offset,
				old.Blocks())
		}
	default:
		if _, serr := os.Lstat(image); !errors.Is(serr, fs.ErrNotExist) {
			return err
		}
		if !force && journaled(image) {
			return fmt.Errorf("%s is the journal of an image that is gone: give --force to lose what it has",
				journaldev.JournalPath(image))
		}
	}
	if st, err := os.Stat(image); err == nil && !st.Mode().IsRegular() { // a disk of the host's own
		if _, err := v7fs.Mkfs(old, o); err != nil {
			return fmt.Errorf("%s: %w", image, err)
		}
		return old.Sync()
	}
	return replaceImage(image, exists, func(temp *os.File) error {
		if exists {
			err = copyHostFile(temp, image)
		} else {
			err = temp.Truncate(int64(packBlocks(end)) * v7fs.BlockSize)
		}
		if err != nil {
			return err
		}
		d, err := r.openToWrite(temp.Name(), o.Blocks)
		if err != nil {
			return err
		}
		defer d.Close()
		if _, err := v7fs.Mkfs(d, o); err != nil {
			return fmt.Errorf("%s: %w", image, err)
		}
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		// A journal is of the image as it was, and goes before that does.
		err = hostfile.Remove(journaldev.JournalPath(image))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// packBlocks returns the length of a new image for so many blocks.
func packBlocks(blocks int) int {
	for _, k := range []journaldev.Kind{journaldev.RK05, journaldev.RP03} {
		if blocks <= k.Blocks {
			return k.Blocks
		}
	}
	return blocks
}

// copyHostFile copies a regular file of the host.
func copyHostFile(to io.Writer, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", from)
	}
	_, err = io.Copy(to, f)
	return err
}

func fsTarCommand(r *fsRegion) *cobra.Command {
	var into string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "tar IMAGE ARCHIVE",
		Short: "Extract a tar archive into the file system",
		Long: `Tar extracts an archive, such as V7's distribution, with permissions, owners,
times and hard links. The archive is in V7's old format, in ustar or pax format,
or as GNU tar makes it, plain or compressed by gzip; - is standard input. What
is in the way is replaced, but for directories; missing directories are made.

What V7 can have is extracted. Changed, with a line each: names are cut to 14
bytes as V7 does it, and absolute ones begin at the top; owners above 65535
become root, without a set-id bit; times outside 1901 to 2038 become the nearest
inside. Left out, with a line each: symbolic links, fifos, devices with numbers
above 255, names with .. in them and names that are the same when they are cut,
and what is damaged. If anything was left out the status is 1.`,
		Example: `  v7em fs mkfs rp0.rp03 80000 && v7em fs tar rp0.rp03 v7.tar.gz
  tar --format=v7 -cf - src | v7em fs tar --into /usr/src rk1.rk05 -`,
		Args: argCount(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := interruptible(cmd)
			if args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			t, err := v7fs.NewTarReader(in)
			if err != nil {
				return fmt.Errorf("%s: %w", args[1], err)
			}
			var done v7fs.Extracted
			err = r.write(cmd, args[0], func(v *v7fs.FS) error {
				if err := v.MkdirAll(into, v7fs.Attr{Perm: 0o755}); err != nil {
					return err
				}
				done, err = v.Extract(t, v7fs.ExtractOptions{
					Tell: sayOn(cmd.ErrOrStderr()),
					Map:  func(name string) (string, bool) { return path.Join("/", into, name), true },
					Progress: func(h *v7fs.TarHeader, to string) {
						if verbose {
							fmt.Fprintln(cmd.OutOrStdout(), escape.Name(to))
						}
					},
				})
				if errors.Is(err, v7fs.ErrTar) { // which of the two files is bad
					err = fmt.Errorf("%s: %w", args[1], err)
				}
				return err
			})
			if err != nil {
				return err
			}
			line := fmt.Sprintf("%d files, %d links, %d directories, %d devices, %d bytes",
				done.Files, done.Links, done.Dirs, done.Devices, done.Bytes)
			if done.Changed > 0 {
				line += fmt.Sprintf("; %d changed", done.Changed)
			}
			if done.Left > 0 {
				line += fmt.Sprintf("; %d left out", done.Left)
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
				return err
			}
			switch {
			case done.Cut != nil:
				return fmt.Errorf("%s: %w: what came before is extracted", args[1], done.Cut)
			case done.Left > 0:
				return fmt.Errorf("%s: %s left out", args[1], count(done.Left, "member"))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&into, "into", "/", "directory for the archive's tree")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print the names")
	return cmd
}

func fsLsCommand(r *fsRegion) *cobra.Command {
	var o listing
	cmd := &cobra.Command{
		Use:   "ls IMAGE [PATH...]",
		Short: "List files and directories",
		Long: `Ls lists files and the contents of directories, the root if none is given,
sorted by name. Times are in UTC.`,
		Example: `  v7em fs ls rk0.rk05
  v7em fs ls -l rk0.rk05 /etc /dev
  v7em fs ls -lR rk0.rk05`,
		Args: argCount(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths := args[1:]
			if len(paths) == 0 {
				paths = []string{"/"}
			}
			o.w, o.say = cmd.OutOrStdout(), sayOn(cmd.ErrOrStderr())
			return r.read(args[0], func(v *v7fs.FS) error {
				for _, p := range paths {
					if err := o.list(v, p, len(paths) > 1); err != nil {
						return err
					}
				}
				if o.left > 0 {
					return fmt.Errorf("%s could not be listed", count(o.left, "file"))
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.long, "long", "l", false, "mode, links, owner, size or device, and time")
	f.BoolVarP(&o.inode, "inode", "i", false, "inode numbers")
	f.BoolVarP(&o.all, "all", "a", false, "the entries . and .. too")
	f.BoolVarP(&o.recursive, "recursive", "R", false, "directories below too")
	f.BoolVarP(&o.self, "directory", "d", false, "a directory itself, not its contents")
	return cmd
}

// listing prints what ls does.
type listing struct {
	w                                 io.Writer
	long, inode, all, recursive, self bool
	printed                           bool

	say  func(line string) // gets what -R goes on past
	left int               // how much that was
}

// list lists p; heading says that others are listed too.
func (o *listing) list(v *v7fs.FS, p string, heading bool) error {
	st, err := v.Lookup(p)
	if err != nil {
		return err
	}
	if !st.IsDir() || o.self {
		return o.line(p, st)
	}
	if !o.recursive {
		return o.dir(v, p, heading)
	}
	return v.WalkAll(p, func(dir string, st v7fs.Stat, err error) error {
		if err != nil {
			o.left++
			o.say(escape.Line(err.Error()))
			return nil
		}
		if !st.IsDir() {
			return nil
		}
		return o.dir(v, dir, true)
	})
}

func (o *listing) dir(v *v7fs.FS, dir string, heading bool) error {
	list, err := v.ReadDir(dir)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b v7fs.Dirent) int { return strings.Compare(a.Name, b.Name) })
	if heading {
		if o.printed {
			fmt.Fprintln(o.w)
		}
		fmt.Fprintf(o.w, "%s:\n", escape.Name(dir))
	}
	o.printed = true
	for _, e := range list {
		if !o.all && (e.Name == "." || e.Name == "..") {
			continue
		}
		n, err := v.Inode(e.Ino)
		if err != nil && !errors.Is(err, v7fs.ErrDamaged) {
			return fmt.Errorf("%s: %w", v7fs.Join(dir, e.Name), err)
		}
		// An inode number out of range is listed too, as an inode of no type.
		if err := o.line(e.Name, v7fs.Stat{Ino: e.Ino, Inode: n}); err != nil {
			return err
		}
	}
	return nil
}

func (o *listing) line(name string, st v7fs.Stat) error {
	o.printed = true
	s := ""
	if o.inode {
		s = fmt.Sprintf("%5d ", st.Ino)
	}
	if o.long {
		size := fmt.Sprintf("%8d", st.Size)
		if st.IsDevice() {
			major, minor := st.Device()
			size = fmt.Sprintf("%4d,%3d", major, minor)
		}
		s += fmt.Sprintf("%s %3d %3d %3d %s %s ", modeString(st.Mode), st.Nlink, st.UID, st.GID, size,
			v7fs.UnixTime(st.MTime).Format("2006-01-02 15:04"))
	}
	_, err := fmt.Fprintf(o.w, "%s%s\n", s, escape.Name(name))
	return err
}

// modeString returns a mode as ls shows it.
func modeString(mode uint16) string {
	b := []byte("?rwxrwxrwx")
	switch mode & v7fs.ModeType {
	case v7fs.ModeRegular:
		b[0] = '-'
	case v7fs.ModeDir:
		b[0] = 'd'
	case v7fs.ModeChar:
		b[0] = 'c'
	case v7fs.ModeBlock:
		b[0] = 'b'
	}
	for i := range 9 {
		if mode>>(8-i)&1 == 0 {
			b[1+i] = '-'
		}
	}
	for _, x := range []struct {
		bit      uint16
		at       int
		low, cap byte
	}{{v7fs.ModeSetUID, 3, 's', 'S'}, {v7fs.ModeSetGID, 6, 's', 'S'}, {v7fs.ModeSticky, 9, 't', 'T'}} {
		if mode&x.bit == 0 {
			continue
		}
		if b[x.at] == 'x' {
			b[x.at] = x.low
		} else {
			b[x.at] = x.cap
		}
	}
	return string(b)
}

func fsCatCommand(r *fsRegion) *cobra.Command {
	return &cobra.Command{
		Use:     "cat IMAGE PATH...",
		Short:   "Print files",
		Long:    `Cat writes the contents of files to standard output, as they are.`,
		Example: `  v7em fs cat rk0.rk05 /etc/passwd`,
		Args:    argCount(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.read(args[0], func(v *v7fs.FS) error {
				for _, p := range args[1:] {
					if err := catFile(cmd.OutOrStdout(), v, p); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// catFile copies a regular file to w.
func catFile(w io.Writer, v *v7fs.FS, p string) error {
	f, err := v.Open(p)
	if err != nil {
		return err
	}
	if st := f.Stat(); st.IsDir() {
		return fmt.Errorf("%s: %w", p, v7fs.ErrIsDir)
	}
	if _, err = io.Copy(w, f); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

func fsPutCommand(r *fsRegion) *cobra.Command {
	var a attrFlags
	var recursive bool
	cmd := &cobra.Command{
		Use:   "put IMAGE FILE... PATH",
		Short: "Copy host files into the file system",
		Long: `Put copies files of the host into the file system: to PATH, or into it if it is
a directory. A file that is there is replaced. FILE - is standard input.
Permissions, with the set-id and sticky bits, and times are the host file's if
--mode is not given. The owner, if --uid and --gid are not, is root, but for a
file that is replaced: that keeps its own. Names have at most 14 letters in V7.`,
		Example: `  v7em fs put rk0.rk05 hello.c notes.txt /tmp
  echo hello | v7em fs put rk0.rk05 - /etc/motd
  v7em fs put -r rk1.rk05 src /`,
		Args: argCount(3, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, dest := args[1:len(args)-1], args[len(args)-1]
			return r.write(cmd, args[0], func(v *v7fs.FS) error {
				st, err := v.Lookup(dest)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				isDir := err == nil && st.IsDir()
				if len(files) > 1 && !isDir {
					return fmt.Errorf("%s: %w, for more than one file", dest, v7fs.ErrNotDir)
				}
				c := images.Copier{Tree: images.NewTree(v), Recursive: recursive, Say: sayOn(cmd.ErrOrStderr()),
					Stdin: interruptible(cmd), InPlace: true}
				if a.mode.set {
					c.Perm = &a.mode.value
				}
				if cmd.Flags().Changed("uid") || cmd.Flags().Changed("gid") {
					c.UID, c.GID = &a.uid, &a.gid
				}
				for _, f := range files {
					if err := c.In(cmd.Context(), f, dest); err != nil {
						return err
					}
				}
				if c.Left > 0 {
					return fmt.Errorf("%s cannot be copied, so nothing is", count(c.Left, "file"))
				}
				return nil
			})
		},
	}
	a.add(cmd.Flags(), 0)
	cmd.Flags().Lookup("mode").Usage = "permissions (default: the host file's)"
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "directories with all that is in them")
	return cmd
}

func fsGetCommand(r *fsRegion) *cobra.Command {
	var recursive bool
	cmd := &cobra.Command{
		Use:   "get IMAGE PATH... FILE",
		Short: "Copy files out of the file system",
		Long: `Get copies files out of the image: to FILE, or into it if it is a directory.
FILE - is standard output. Permissions, with the set-id and sticky bits, and
times go with them; the owner is you. A file appears under its name when it is
complete. With -r, what the host cannot have (a name that it does not take, or
takes for another's) and what is damaged is left out with a line each, and the
status is 1; devices are left out too.`,
		Example: `  v7em fs get rk0.rk05 /etc/passwd /etc/rc .
  v7em fs get -r rk0.rk05 /etc etc.copy`,
		Args: argCount(3, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, dest := args[1:len(args)-1], args[len(args)-1]
			st, err := os.Stat(dest)
			isDir := err == nil && st.IsDir()
			if len(paths) > 1 && !isDir && dest != "-" {
				return fmt.Errorf("%s: not a directory, for more than one file", dest)
			}
			return r.read(args[0], func(v *v7fs.FS) error {
				c := images.Copier{Tree: images.NewTree(v), Recursive: recursive, Say: sayOn(cmd.ErrOrStderr()),
					Stdout: cmd.OutOrStdout()}
				for _, p := range paths {
					if err := c.Out(cmd.Context(), p, dest); err != nil {
						return err
					}
				}
				if c.Left > 0 {
					return fmt.Errorf("%s left out", count(c.Left, "file"))
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "directories with all that is in them")
	return cmd
}

func fsMkdirCommand(r *fsRegion) *cobra.Command {
	var a attrFlags
	var parents bool
	cmd := &cobra.Command{
		Use:   "mkdir IMAGE PATH...",
		Short: "Make directories",
		Example: `  v7em fs mkdir rk0.rk05 /usr/local
  v7em fs mkdir -p --mode 777 rk0.rk05 /usr/spool/uucp`,
		Long: `Mkdir makes directories, each with its . and .. entries.`,
		Args: argCount(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.write(cmd, args[0], func(v *v7fs.FS) error {
				for _, p := range args[1:] {
					mk := v.Mkdir
					if parents {
						mk = v.MkdirAll
					}
					if err := mk(p, a.attr()); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	a.add(cmd.Flags(), 0o755)
	cmd.Flags().BoolVarP(&parents, "parents", "p", false, "missing directories above too; one that is there is no error")
	return cmd
}

func fsMknodCommand(r *fsRegion) *cobra.Command {
	var a attrFlags
	cmd := &cobra.Command{
		Use:   "mknod IMAGE PATH b|c MAJOR MINOR",
		Short: "Make a device node",
		Long: `Mknod makes a node for a block device (b) or a character device (c) with the
given numbers, each from 0 to 255.`,
		Example: `  v7em fs mknod rk0.rk05 /dev/rk1 b 0 1
  v7em fs mknod --mode 622 rk0.rk05 /dev/console c 0 0`,
		Args: argCount(5, 5),
		RunE: func(cmd *cobra.Command, args []string) error {
			mode := v7fs.ModeBlock
			switch args[2] {
			case "b":
			case "c":
				mode = v7fs.ModeChar
			default:
				return usagef("type %q: must be b or c", args[2])
			}
			major, err := number("MAJOR", args[3], 0, 255)
			if err != nil {
				return err
			}
			minor, err := number("MINOR", args[4], 0, 255)
			if err != nil {
				return err
			}
			return r.write(cmd, args[0], func(v *v7fs.FS) error {
				return v.Mknod(args[1], mode, major, minor, a.attr())
			})
		},
	}
	a.add(cmd.Flags(), 0o644)
	return cmd
}

// sayOn returns a function that tells the user a line.
func sayOn(w io.Writer) func(line string) {
	return func(line string) { fmt.Fprintf(w, "v7em: %s\n", escape.Line(line)) }
}

func fsRmCommand(r *fsRegion) *cobra.Command {
	var recursive, force bool
	cmd := &cobra.Command{
		Use:   "rm IMAGE PATH...",
		Short: "Remove files and directories",
		Long: `Rm removes names and, with the last one, the file. If one of the PATHs cannot be
removed none is.`,
		Example: `  v7em fs rm rk0.rk05 /tmp/core
  v7em fs rm -rf rk0.rk05 /usr/games`,
		Args: argCount(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.write(cmd, args[0], func(v *v7fs.FS) error {
				for _, p := range args[1:] {
					st, err := v.Lookup(p)
					if force && errors.Is(err, fs.ErrNotExist) {
						continue
					}
					switch {
					case err != nil:
					case st.IsDir() && !recursive:
						err = fmt.Errorf("%s: %w: give -r to remove it with all that is in it", p, v7fs.ErrIsDir)
					case st.Ino == v7fs.RootIno:
						err = fmt.Errorf("%s: the root cannot be removed", p)
					default:
						err = v.RemoveAll(p)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "directories with all that is in them")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "what is not there is no error")
	return cmd
}

func fsCheckCommand(r *fsRegion) *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "check IMAGE",
		Short: "Check a file system for inconsistencies",
		Long: `Check looks for all that can be wrong with a file system: blocks used twice,
used and free, missing or out of range; the free chain; link counts against
entries; . and ..; inodes without entries and entries without inodes. It prints
a line for each problem, which begins with "harmful" (data can be lost or mixed
up when the file system is used) or "harmless" (only space is lost, or what was
lost anyway, such as a directory that no path leads to), and a summary. It
changes nothing.

The status is 0 when nothing is wrong and 1 otherwise.`,
		Example: `  v7em fs check rk0.rk05
  v7em fs check --json rk0.rk05 | jq .harmful`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usagef("--max %d: must be at least 1", limit)
			}
			d, done, err := r.look(args[0])
			if err != nil {
				return err
			}
			defer done()
			c := v7fs.Checker{Max: limit}
			report := c.Check(d)
			out := cmd.OutOrStdout()
			if asJSON {
				err = printJSON(out, struct {
					Image string `json:"image"`
					Clean bool   `json:"clean"`
					*v7fs.Report
				}{args[0], report.Clean(), report}, "  ")
			} else {
				for _, p := range report.Problems {
					fmt.Fprintln(out, p)
				}
				if more := report.Harmful + report.Harmless - len(report.Problems); more > 0 {
					fmt.Fprintf(out, "and %d more\n", more)
				}
				_, err = fmt.Fprintf(out, "%s: %v\n", args[0], report)
			}
			if err != nil {
				return err
			}
			if !report.Clean() {
				return inconsistent{}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	cmd.Flags().IntVar(&limit, "max", v7fs.DefaultMaxProblems, "problems to print")
	return cmd
}
