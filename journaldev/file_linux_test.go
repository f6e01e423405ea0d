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

func init() {
	processes["volume"] = func() error { return packWriter(os.Args[1], SyncMethod(os.Args[2]), os.Args[3]) }
}

// packWriter writes block 5 of a pack and tells when it should be durable: committed to a
// volume, brought home by its end, or written through.
func packWriter(path string, method SyncMethod, how string) error {
	o := Options{Sync: method, WriteThrough: how == "through"}
	if how == "through" {
		p, err := Open(path, RK05, o)
		if err != nil {
			return err
		}
		if err := p.WriteBlock(5, fill(7)); err != nil {
			return err
		}
	} else {
		v, err := OpenVolume(path, RK05, VolumeOptions{Options: o, JournalSize: MinJournalSize})
		if err != nil {
			return err
		}
		if err := v.WriteBlock(5, fill(7)); err != nil {
			return err
		}
		ticket, err := v.Commit(v.Snapshot(), Note{})
		if err != nil {
			return err
		}
		if err := ticket.Wait(); err != nil {
			return err
		}
		if how == "home" {
			if err := v.Close(); err != nil {
				return err
			}
		}
	}
	fmt.Println("durable")
	fmt.Scanln() // until it is killed
	return nil
}

// TestPacksAreDurable has processes write packs on a host that forgets, by each method,
// and cuts the power when they tell that it is durable. A pack that was closed needs no
// journal to have it.
func TestPacksAreDurable(t *testing.T) {
	for _, method := range SyncMethods {
		for _, how := range []string{"committed", "home", "through"} {
			h := forgetful.Mount(t, t.TempDir(), map[string][]byte{"p": make([]byte, RK05.Bytes())}, forgetful.Fault{})
			cmd := exec.Command(os.Args[0], h.Dir+"/p", string(method), how)
			cmd.Env = append(os.Environ(), asProcess+"=volume")
			cmd.Stderr = os.Stderr
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if !bufio.NewScanner(out).Scan() {
				t.Errorf("%s, %s: it tells nothing", method, how)
			}
			h.SetPower(forgetful.Off)
			cmd.Process.Kill()
			cmd.Wait() // it was killed
			in.Close()
			h.Unmount()
			files := h.Left(crashtest.LoseAll, nil)
			if how != "committed" {
				delete(files, "p.journal")
			}
			dir := t.TempDir()
			forgetful.Store(t, dir, files)
			got := make([]byte, 512)
			s, _, err := Look(dir + "/p")
			if err == nil {
				err = s.ReadBlock(5, got)
			}
			if kept := err == nil && bytes.Equal(got, fill(7)); kept != (method != SyncNone) {
				t.Errorf("%s, %s: kept %v, %v", method, how, kept, err)
			}
		}
	}
}
