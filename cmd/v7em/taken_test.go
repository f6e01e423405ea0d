package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"v7em/journaldev"
)

// deed does something once, when it is told of a text.
type deed struct {
	bytes.Buffer
	on   string
	do   func()
	once sync.Once
}

func (d *deed) Write(p []byte) (int, error) {
	n, err := d.Buffer.Write(p)
	if strings.Contains(d.String(), d.on) {
		d.once.Do(d.do)
	}
	return n, err
}

// TestPackTakenAway takes the root's pack, or its journal, from under a guest that goes on
// to work: the run fails, with a line that says why.
func TestPackTakenAway(t *testing.T) {
	for _, c := range []struct{ keep, what string }{
		{"--sync=fdatasync", "journal"}, {"--sync=fsync", "image"}, {"--sync=msync", "cut short"}, {"--journal=off", "image"},
	} {
		func(keep, what string) {
			dir := newMachineDir(t)
			img := filepath.Join(dir, "rk0.rk05")
			out := &deed{on: "now", do: func() {
				var err error
				switch what {
				case "image":
					err = os.Remove(img)
				case "journal":
					err = os.Remove(journaldev.JournalPath(img))
				default:
					err = os.Truncate(img, 4096)
				}
				if err != nil {
					t.Error(err)
				}
			}}
			var errs bytes.Buffer
			script := "echo precious >/precious; sync; echo now; echo more >/more; sync; sleep 3; cp /unix /more; sync; true"
			status := execute([]string{"run", "--dir", dir, keep, script}, strings.NewReader(""), out, &errs)
			if status != statusOwn || !strings.Contains(errs.String(), "while it was in use") || strings.Contains(errs.String(), "recovered") ||
				strings.Count(errs.String(), "deleted or replaced") > 2 || // once as it happens, once at the end
				strings.Contains(errs.String(), "runtime") {
				t.Errorf("%s, %s: status %d, %q", keep, what, status, errs.String())
			}
		}(c.keep, c.what)
	}
}
