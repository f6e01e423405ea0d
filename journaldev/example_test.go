package journaldev_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"v7em/journaldev"
)

// A pack with a journal: the guest writes, one state of the pack is committed, and after
// a power cut the pack is as it was then.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "rk0.rk05")
	if err := os.WriteFile(path, make([]byte, journaldev.RK05.Bytes()), 0o666); err != nil {
		log.Fatal(err)
	}

	v, err := journaldev.OpenVolume(path, journaldev.RK05, journaldev.VolumeOptions{})
	if err != nil {
		log.Fatal(err)
	}
	write := func(n int, text string) {
		b := make([]byte, 512)
		copy(b, text)
		if err := v.WriteBlock(n, b); err != nil {
			log.Fatal(err)
		}
	}
	write(10, "first")
	write(11, "second")
	ticket, err := v.Commit(v.Snapshot(), journaldev.Note{Reason: "example"})
	if err != nil {
		log.Fatal(err)
	}
	if err := ticket.Wait(); err != nil { // now it is durable
		log.Fatal(err)
	}
	write(10, "never committed")
	v.Cut() // the power fails

	pack, _, err := journaldev.Look(path) // as recovery will leave it
	if err != nil {
		log.Fatal(err)
	}
	b := make([]byte, 512)
	for n := 10; n <= 11; n++ {
		if err := pack.ReadBlock(n, b); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d: %s\n", n, bytes.TrimRight(b, "\x00"))
	}
	// Output:
	// 10: first
	// 11: second
}
