package journaldev

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackInTwoDrives: a file that is in a drive of this machine under another name is
// refused for another drive, and the message does not send the user after a process.
func TestPackInTwoDrives(t *testing.T) {
	dir := t.TempDir()
	lock, err := LockDir(dir, "v7em boot")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	a, b := filepath.Join(dir, "rk0.rk05"), filepath.Join(dir, "rk7.rk05")
	if err := errors.Join(os.WriteFile(a, make([]byte, RK05.Bytes()), 0o666), os.Link(a, b)); err != nil {
		t.Fatal(err)
	}
	p, err := Open(a, RK05, Options{Unit: "rk0"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, err = Open(b, RK05, Options{Unit: "rk7"})
	if busy := new(BusyError); !errors.As(err, &busy) || !strings.Contains(err.Error(), "this v7em, which has the same file in another drive") {
		t.Error(err)
	}
}
