package fs_test

import (
	"fmt"
	"log"
	"time"

	"v7em/unix/fs"
)

// Make a file system in memory, put a file on it, damage it, and see what V7's icheck
// and dcheck would say.
func Example() {
	dev := fs.NewMem(4872)
	f, err := fs.Mkfs(dev, fs.MkfsOptions{Time: time.Unix(284000000, 0)})
	if err != nil {
		log.Fatal(err)
	}
	if err := f.MkdirAll("/usr/dmr", fs.Attr{Perm: 0o755}); err != nil {
		log.Fatal(err)
	}
	if err := f.WriteFile("/usr/dmr/note", []byte("hello, world\n"), fs.Attr{Perm: 0o644}); err != nil {
		log.Fatal(err)
	}
	if err := f.Sync(); err != nil { // the superblock is kept in memory
		log.Fatal(err)
	}
	text, err := f.ReadFile("/usr/dmr/note")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", text)
	fmt.Println("clean:", fs.Check(dev).Clean())

	st, err := f.Lookup("/usr/dmr/note")
	if err != nil {
		log.Fatal(err)
	}
	// Free the inode behind the back of the directory that names it.
	var b [fs.BlockSize]byte
	block, offset := fs.InodeBlock(st.Ino)
	if err := dev.ReadBlock(block, b[:]); err != nil {
		log.Fatal(err)
	}
	clear(b[offset : offset+64])
	if err := dev.WriteBlock(block, b[:]); err != nil {
		log.Fatal(err)
	}
	for _, p := range fs.Check(dev).Problems {
		fmt.Println(p.Severity, p.Kind)
	}
	// Output:
	// hello, world
	// clean: true
	// harmful entry-unallocated
	// harmless missing
}
