package journaldev

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"v7em/journaldev/crashtest"
	"v7em/tests/forgetful"
)

func init() { processes["writer"] = func() error { return writer(os.Args[1], os.Args[2]) } }

// writer opens a file, or makes it, and does what it reads: "write OFF LEN BYTE", which
// may be a write to several places at once, "sync", or "leave". It answers each line.
func writer(path, method string) error {
	h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	f, err := NewFile(h, SyncMethod(method))
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println("done") {
		var off, n int
		var b byte
		switch line := in.Text(); {
		case line == "sync":
			err = f.Sync()
		case line == "leave":
			return f.Close()
		default:
			if _, err = fmt.Sscanf(line, "write %d %d %d", &off, &n, &b); err == nil {
				_, err = f.WriteAt(bytes.Repeat([]byte{b}, n), int64(off))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TestSyncedIsDurable writes files on a host that forgets, by each method: after a sync a
// power cut leaves all that was written before, be it from another process that was
// killed, however the file has grown and wherever in it the writes were.
func TestSyncedIsDurable(t *testing.T) {
	const name = "f"
	for _, method := range SyncMethods {
		t.Run(string(method), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 1))
			h := forgetful.Mount(t, t.TempDir(), nil, forgetful.Fault{})
			var want []byte
			forgotten := false
			for life := range 4 {
				cmd := exec.Command(os.Args[0], h.Dir+"/"+name, string(method))
				cmd.Env = append(os.Environ(), asProcess+"=writer")
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				said := new(strings.Builder)
				cmd.Stderr = said
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { cmd.Process.Kill() })
				answers := bufio.NewScanner(out)
				do := func(line string) {
					t.Helper()
					fmt.Fprintln(in, line)
					if !answers.Scan() {
						cmd.Wait()
						t.Fatalf("%s: %s", line, said)
					}
				}
				synced := func() {
					t.Helper()
					do("sync")
					// The name is not durable: that is the directory's affair.
					got := h.DurableFile(name)
					if method == SyncNone {
						forgotten = forgotten || !bytes.Equal(got, want)
					} else if !bytes.Equal(got, want) {
						at := 0
						for at < min(len(got), len(want)) && got[at] == want[at] {
							at++
						}
						t.Fatalf("life %d: a power cut leaves %d bytes of %d, and byte %d is wrong", life, len(got), len(want), at)
					}
				}
				write := func(off, n int) {
					t.Helper()
					b := byte(1 + rnd.IntN(255))
					do(fmt.Sprintf("write %d %d %d", off, n, b))
					if need := off + n - len(want); need > 0 {
						want = append(want, make([]byte, need)...)
					}
					copy(want[off:], bytes.Repeat([]byte{b}, n))
				}
				if life == 0 {
					write(0, 8*512)
				} // else what a killed process has left is to be synced
				synced()
				for range 8 {
					if rnd.IntN(3) == 0 { // longer
						write(len(want), 512*(1+rnd.IntN(40)))
					}
					for range 1 + rnd.IntN(4) { // here and there, pages apart
						write(rnd.IntN(len(want)/512)*512, 512)
					}
					synced()
				}
				write(0, 512)
				write(len(want), 20*512)
				write(len(want)-512, 512)
				if life == 2 {
					do("sync")
					fmt.Fprintln(in, "leave")
				} else {
					cmd.Process.Kill()
				}
				cmd.Wait() // it was killed, or has left
			}
			if left := h.Left(crashtest.LoseAll, nil); len(left) > 0 {
				t.Errorf("the name is durable, and nobody has synced the directory: %d files", len(left))
			}
			if method == SyncNone && !forgotten {
				t.Error("the host does not forget")
			}
		})
	}
}
