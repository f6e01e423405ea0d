// Package fstest has what tests of V7 file systems share: sample images, a
// seeded corruptor, and a comparison of the checker of unix/fs with what V7's
// own icheck and dcheck print.
package fstest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"v7em/unix/fs"
)

// SampleBlocks is the size of a sample image in blocks.
const SampleBlocks = 700

// Sample returns a clean file system of SampleBlocks blocks with some of
// everything: nested directories, one of more than a block, files with single
// and double indirection, holes, links, devices, and free space of several
// chain blocks. The seed decides sizes and places.
func Sample(seed uint64) (*fs.Mem, error) {
	rng := rand.New(rand.NewPCG(seed, 0x5a3917))
	m := fs.NewMem(SampleBlocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{
		Inodes: 160, M: 1 + rng.IntN(4), N: 4 + rng.IntN(40),
		Time: time.Date(1979, 5, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		return nil, err
	}
	attr := fs.Attr{Perm: 0o644, UID: 3, GID: 3}
	var files []string
	write := func(path string, blocks int) {
		size := max(0, blocks*fs.BlockSize-rng.IntN(fs.BlockSize))
		data := bytes.Repeat([]byte(path+"\n"), size/len(path)+1)[:size]
		err = errors.Join(err, f.WriteFile(path, data, attr))
		files = append(files, path)
	}
	for _, d := range []string{"/bin", "/usr", "/usr/lib", "/usr/src", "/usr/src/cmd", "/tmp", "/dev"} {
		err = errors.Join(err, f.Mkdir(d, fs.Attr{Perm: 0o775, UID: 3, GID: 3}))
		for i := range 4 + rng.IntN(4) {
			write(fmt.Sprintf("%s/f%d", d, i), rng.IntN(6))
		}
	}
	for i := range 40 {
		write(fmt.Sprintf("/tmp/some.name%d", i), i%2)
	}
	write("/big1", 11+rng.IntN(20))
	write("/big2", 15+rng.IntN(20))
	write("/usr/huge", 139+rng.IntN(20))
	for i := range 5 {
		err = errors.Join(err, f.Link(files[rng.IntN(len(files))], fmt.Sprintf("/bin/link%d", i)))
	}
	err = errors.Join(err, f.WriteFile("/hole", nil, attr))
	_, e := f.WriteAt("/hole", []byte("end"), int64(20+rng.IntN(20))*fs.BlockSize)
	err = errors.Join(err, e,
		f.Mknod("/dev/tty", fs.ModeChar, 17, 0, attr),
		f.Mknod("/dev/rk0", fs.ModeBlock, 0, 0, attr),
		// Free inodes and empty slots among the others.
		f.Unlink("/tmp/some.name6"), f.Unlink("/usr/src/f0"), f.Unlink("/bin/f1"))
	// Some free blocks in the superblock, for what damages those.
	for i := 0; f.Super().NFree < 8; i++ {
		write(fmt.Sprintf("/usr/pad%d", i), 1)
	}
	err = errors.Join(err, f.Sync())
	if err != nil {
		return nil, fmt.Errorf("sample %d: %w", seed, err)
	}
	return m, nil
}
