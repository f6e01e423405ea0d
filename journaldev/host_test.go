package journaldev

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTakenAway has another program take away, replace, or cut short the image or the
// journal of a pack in use. At the next sync, or when the pack is closed at the latest,
// that is an error which says so.
func TestTakenAway(t *testing.T) {
	deeds := map[string]struct {
		do   func(name string) error
		want string
		late bool // seen only when the pack is closed
	}{
		"delete":  {do: os.Remove, want: "deleted or replaced"},
		"replace": {do: func(name string) error { return errors.Join(copyFile(name, name+".2"), os.Rename(name+".2", name)) }, want: "deleted or replaced"},
		"replace and keep": {do: func(name string) error {
			return errors.Join(os.Rename(name, name+".old"), copyFile(name+".old", name))
		}, want: "another file has taken its place", late: true},
		"move":     {do: func(name string) error { return os.Rename(name, name+".old") }, want: "was moved", late: true},
		"cut":      {do: func(name string) error { return os.Truncate(name, 1000*512) }, want: "cut short from"},
		"cut to 0": {do: func(name string) error { return os.Truncate(name, 0) }, want: "cut short from"},
	}
	for _, method := range []SyncMethod{SyncFdatasync, SyncMsync, SyncNone} {
		for deed, d := range deeds {
			for _, what := range []string{"image", "journal", "plain"} {
				for _, quiet := range []bool{false, true} { // nothing is written afterwards
					name := deed + " " + what + " " + string(method)
					path := filepath.Join(t.TempDir(), "rk0.rk05")
					if err := os.WriteFile(path, make([]byte, RK05.Bytes()), 0o644); err != nil {
						t.Fatal(err)
					}
					o := Options{Unit: "rk0", Sync: method}
					check := func(when string, err error) {
						t.Helper()
						if err == nil || !strings.Contains(err.Error(), d.want) || strings.Contains(err.Error(), "runtime") ||
							!strings.HasPrefix(err.Error(), "rk0: ") || strings.Contains(err.Error(), "\n") {
							t.Errorf("%s, quiet %t: %s: %v, want %q", name, quiet, when, err, d.want)
						}
					}
					if what == "plain" {
						p, err := Open(path, RK05, o)
						if err != nil {
							t.Fatal(err)
						}
						if err := errors.Join(p.WriteBlock(2000, fill(1)), p.Sync(), d.do(path)); err != nil {
							t.Fatal(err)
						}
						if !quiet {
							err := p.WriteBlock(3000, fill(2)) // into the mapping, or past the end
							if err == nil {
								err = p.Sync()
							}
							if !d.late {
								check("sync", err)
							}
						}
						check("close", p.Close())
						continue
					}
					file := path
					if what == "journal" {
						file = JournalPath(path)
					}
					v, err := OpenVolume(path, RK05, VolumeOptions{Options: o, Layout: NoLayout})
					if err != nil {
						t.Fatal(err)
					}
					write(t, v, 2000, 1)
					if err := commit(t, v).Wait(); err != nil {
						t.Fatal(err)
					}
					for v.Status().States["FREE"] < DefaultTransactions-1 { // all is home
						time.Sleep(time.Millisecond)
					}
					if err := d.do(file); err != nil {
						t.Fatal(err)
					}
					if !quiet {
						err := v.WriteBlock(500, fill(2)) // it may know already
						tok, cerr := v.Commit(v.Snapshot(), Note{})
						if cerr == nil {
							cerr = tok.Wait()
						}
						if err == nil {
							err = cerr
						}
						if what == "journal" && !d.late {
							check("commit", err)
						}
					}
					check("close", v.Close())
				}
			}
		}
	}
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
