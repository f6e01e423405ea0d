package journaldev

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"v7em/block"
)

var kills = flag.Int("kills", 12, "how often TestKill kills a process that writes a volume")

// asVictim makes the test binary run a volume on the image named, until it is killed.
const asVictim = "V7EM_TEST_VICTIM"

// killBlocks are what every commit of the victim writes: all of them the number of
// the commit, so that a mixture of two shows.
var killBlocks = Range{200, 260}

// victim commits for ever, and tells of every commit that is durable.
func victim(path string) error {
	var o VolumeOptions
	o.JournalSize = 2 * MinJournalSize
	o.Sync = SyncMethod(os.Getenv(asVictim))
	v, err := OpenVolume(path, RK05, o)
	if err != nil {
		return err
	}
	p := make([]byte, block.Size)
	if err := v.ReadBlock(killBlocks.From, p); err != nil {
		return err
	}
	for k := binary.LittleEndian.Uint64(p) + 1; ; k++ {
		for n := killBlocks.From; n < killBlocks.To; n++ {
			binary.LittleEndian.PutUint64(p, k)
			if err := v.WriteBlock(n, p); err != nil {
				return err
			}
		}
		t, err := v.Commit(v.Snapshot(), Note{})
		if err != nil {
			return err
		}
		if k%3 == 0 { // let some collect
			if err := t.Wait(); err != nil {
				return err
			}
			fmt.Println(k)
		}
	}
}

// TestKill kills processes that write a volume on files of the host.
func TestKill(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, uint64(os.Getpid())))
	path := filepath.Join(t.TempDir(), "rk0.rk05")
	if err := os.WriteFile(path, make([]byte, RK05.Bytes()), 0o644); err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	for i := range *kills {
		cmd := exec.Command(os.Args[0], path)
		cmd.Env = append(os.Environ(), asVictim+"="+string(SyncMethods[i%len(SyncMethods)]))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 1 + rnd.IntN(60); n > 0 && lines.Scan(); n-- {
			k, err := strconv.ParseUint(strings.TrimSpace(lines.Text()), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			last = k
		}
		cmd.Process.Kill()
		cmd.Wait()
		v := openVol(t, path, VolumeOptions{})
		p, k := make([]byte, block.Size), uint64(0)
		for n := killBlocks.From; n < killBlocks.To; n++ {
			v.ReadBlock(n, p)
			is := binary.LittleEndian.Uint64(p)
			if n == killBlocks.From {
				k = is
			}
			if is != k || k < last {
				t.Fatalf("kill %d: block %d is of commit %d, the first of %d; %d was durable (%v)", i, n, is, k, last, v.Recovery())
			}
		}
		if r := v.Recovery(); r.Damaged != 0 || r.Changed {
			t.Fatalf("kill %d: %v", i, r)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if last < 50 {
		t.Errorf("only %d commits were durable", last)
	}
}
