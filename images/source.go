package images

import (
	"context"
	"fmt"
	"os"

	"v7em/unix/fs"
)

// sourceBlocks is the size of the file system in memory that the distribution is
// unpacked to: half as much again as it needs.
const sourceBlocks = 32000

// readDist unpacks the distribution into a file tree in memory.
func readDist(ctx context.Context, dist string, p Progress) (*Tree, error) {
	f, err := os.Open(dist)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := fs.NewTarReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dist, err)
	}
	v7, err := fs.Mkfs(fs.NewMem(sourceBlocks), fs.MkfsOptions{Inodes: 4000})
	if err != nil {
		return nil, err
	}
	var done int64
	got, err := v7.Extract(r, fs.ExtractOptions{Progress: func(h *fs.TarHeader, _ string) {
		done += h.Size
		p.report("reading the distribution", done, 0)
	}})
	if err == nil {
		err = got.Whole()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dist, err)
	}
	return NewTree(v7), ctx.Err()
}
