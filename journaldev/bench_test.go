package journaldev

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"v7em/block"
	"v7em/unix/fs"
)

// BenchmarkCommit makes a directory and commits, over and over, and tells the time
// from the call of Commit until it is durable. Beside it stands what the host needs
// to append as many bytes to a file and fdatasync it.
func BenchmarkCommit(b *testing.B) {
	for _, method := range SyncMethods {
		b.Run(string(method), func(b *testing.B) {
			o := VolumeOptions{}
			o.Sync = method
			v := openVol(b, rk05(b), o)
			f, err := fs.Open(v)
			if err != nil {
				b.Fatal(err)
			}
			var times []time.Duration
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				f.Mkdir("/d", fs.Attr{Perm: 0o755})
				if i%2 == 1 {
					f.Rmdir("/d")
				}
				f.Sync()
				for v.Status().Pending > 0 {
					time.Sleep(50 * time.Microsecond)
				}
				s := v.Snapshot()
				b.StartTimer()
				start := time.Now()
				tok, err := v.Commit(s, Note{Reason: "bench"})
				if err == nil {
					err = tok.Wait()
				}
				if err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(start))
			}
			st := v.Status()
			if st.Commits > 0 {
				size := st.JournalBytes / st.Commits
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Microseconds()), "median-µs")
				b.ReportMetric(float64(size), "journal-B/commit")
				b.ReportMetric(float64(st.JournalBytes)/float64(st.ChangedBytes), "journal-B/changed-B")
				if method == SyncFdatasync {
					b.ReportMetric(float64(bareAppend(b, int(size)).Microseconds()), "bare-µs")
				}
			}
			v.Close()
		})
	}
}

// bareAppend returns the median time of an append and fdatasync of that many bytes,
// to a file whose space is there already.
func bareAppend(b *testing.B, size int) time.Duration {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	f.Write(make([]byte, 4<<20))
	f.Sync()
	p := fill(1)
	for len(p) < size {
		p = append(p, p...)
	}
	var times []time.Duration
	for i := range 200 {
		start := time.Now()
		if _, err := f.WriteAt(p[:size], int64(i*size%(3<<20))); err != nil {
			b.Fatal(err)
		}
		if err := fdatasync(f); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// BenchmarkCommitCall is what Commit costs its caller on packs that are full of
// files.
func BenchmarkCommitCall(b *testing.B) {
	for _, blocks := range []int{RK05.Blocks, RP03.Blocks} {
		b.Run(fmt.Sprint(blocks), func(b *testing.B) {
			s := block.NewStore(blocks)
			f, err := fs.Mkfs(s, fs.MkfsOptions{})
			if err != nil {
				b.Fatal(err)
			}
			data := make([]byte, 20_000)
			for i := 0; f.WriteFile(fmt.Sprintf("/f%d", i), data, fs.Attr{}) == nil && i < 1900; i++ {
			}
			f.Sync()
			b.Run("survey", func(b *testing.B) {
				for b.Loop() {
					Survey(s, Detect(s))
				}
			})
			b.Run("fingerprint", func(b *testing.B) {
				l := Detect(s)
				for b.Loop() {
					new(fingerprint).update(s, l, false, nil, nil)
				}
			})
			var print fingerprint
			print.update(s, Detect(s), false, nil, nil)
			b.Run("update", func(b *testing.B) {
				for b.Loop() {
					print.update(s, Detect(s), false, nil, func(n int) bool { return n < 10 })
				}
			})
		})
	}
}
