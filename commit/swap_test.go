package commit

import (
	"bytes"
	"os"
	"testing"

	"v7em/block"
	"v7em/journaldev"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

// TestDataBehindFileSystem writes to blocks of a pack that are behind its file system, in
// a drive that V7 does not swap to, and syncs. After a power cut that takes all that no
// sync of the host's had covered they are there.
func TestDataBehindFileSystem(t *testing.T) {
	g := guest.Boot(t, guest.Options{})
	words := g.ReadFile("/usr/dict/words")
	if out := g.Run("cd /; /etc/umount /dev/rk7"); out != "" {
		t.Fatal(out)
	}
	m := fs.NewMem(journaldev.RK05.Blocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: 2000, Time: guest.Epoch})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	g.Insert(7, m.Bytes())
	var host []*journaldev.Fragile
	j := journaledOn(t, g, func(name string, f journaldev.File) journaldev.File {
		w := journaldev.NewFragile(f, journaldev.FragileOptions{})
		host = append(host, w)
		return w
	})
	c := NewCommitter(g.M, j.volumes, Options{SyncWaits: true, Clock: j.clock.Now})
	defer c.Close()
	const from, count = 4400, 100
	if out := g.Run("sync; dd if=/usr/dict/words of=/dev/rrk7 seek=4400 count=100; sync"); out != "100+0 records in\n100+0 records out\n" {
		t.Errorf("dd: %q", out)
	}
	rk0, rk7 := j.volume(0), j.volume(7)
	if _, l := rk0.Uses(); l.Swap != (journaldev.Range{From: 4000, To: 4872}) {
		t.Errorf("V7 swaps to %v of rk0", l.Swap)
	}
	if _, l := rk7.Uses(); l.Swap != (journaldev.Range{}) {
		t.Errorf("V7 swaps to %v of rk7", l.Swap)
	}
	for _, w := range host {
		w.Cut()
	}
	rk0.Cut()
	rk7.Cut()
	if _, err := journaldev.Recover(j.path(7), false); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(j.path(7))
	if err != nil {
		t.Fatal(err)
	}
	if got := image[from*block.Size : (from+count)*block.Size]; !bytes.Equal(got, words[:len(got)]) {
		t.Error("sync had returned, and the data is not there")
	}
	if _, err := journaldev.Recover(j.path(0), false); err != nil {
		t.Fatal(err)
	}
}

// volume returns the pack in an RK05 drive.
func (j *journal) volume(unit int) *journaldev.Volume {
	return j.volumes[kernel.Drive{Controller: kernel.RK, Unit: unit}].(*journaldev.Volume)
}
