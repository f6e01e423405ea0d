package journaldev

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// emptyJournal makes an RK05 image with a journal that has not a byte.
func emptyJournal(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rk0.rk05")
	image := make([]byte, RK05.Bytes())
	copy(image, testPack(t))
	for name, b := range map[string][]byte{path: image, JournalPath(path): nil} {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestEmptyJournal holds everything that opens a pack against a journal without a byte:
// it is as good as none, and all say what that may mean.
func TestEmptyJournal(t *testing.T) {
	for name, open := range map[string]func(path string) (Recovery, error){
		"Recover": func(path string) (Recovery, error) { return Recover(path, false) },
		"RemoveJournal": func(path string) (Recovery, error) {
			r, err := RemoveJournal(path)
			if _, serr := os.Stat(JournalPath(path)); !errors.Is(serr, os.ErrNotExist) {
				t.Errorf("after RemoveJournal: %v", serr)
			}
			return r, err
		},
		"Look": func(path string) (Recovery, error) { _, r, err := Look(path); return r, err },
		"Open": func(path string) (Recovery, error) {
			p, err := Open(path, RK05, Options{})
			if err != nil {
				return Recovery{}, err
			}
			return p.Recovery(), p.Close()
		},
		"Open to read": func(path string) (Recovery, error) {
			p, err := Open(path, RK05, Options{ReadOnly: true})
			if err != nil {
				return Recovery{}, err
			}
			return p.Recovery(), p.Close()
		},
		"OpenVolume": func(path string) (Recovery, error) {
			v, err := OpenVolume(path, RK05, VolumeOptions{})
			if err != nil {
				return Recovery{}, err
			}
			return v.Recovery(), v.Close()
		},
		"OpenVolume to read": func(path string) (Recovery, error) {
			v, err := OpenVolume(path, RK05, VolumeOptions{Options: Options{ReadOnly: true}})
			if err != nil {
				return Recovery{}, err
			}
			return v.Recovery(), v.Close()
		},
	} {
		path := emptyJournal(t)
		before, _ := os.ReadFile(path)
		r, err := open(path)
		if err != nil || r != (Recovery{Empty: true}) || !r.Telling() || !strings.Contains(r.String(), "empty file") {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s changed the image", name)
		}
	}
	path := emptyJournal(t)
	if l, err := ReadLog(path); !errors.Is(err, ErrEmpty) {
		t.Errorf("ReadLog: %v, %v", l, err)
	}
	if h, err := DropJournal(path); err != nil || h != (Held{Known: true}) {
		t.Errorf("DropJournal: %v, %v", h, err)
	}
}
