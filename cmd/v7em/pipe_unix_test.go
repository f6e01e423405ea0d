//go:build unix

package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"v7em/images"
	"v7em/journaldev"
)

// TestPipes puts pipes where an image and a journal should be. Whatever opens them fails
// at once, where it would wait for ever.
func TestPipes(t *testing.T) {
	for _, what := range []string{"image", "journal"} {
		img := journaledPack(t, false)
		name := img
		if what == "journal" {
			name = journaldev.JournalPath(img)
		}
		if err := errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o666)); err != nil {
			t.Skip("needs named pipes: ", err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, args := range [][]string{
				{"fs", "ls", img}, {"fs", "mkdir", img, "/x"}, {"fs", "mkfs", "--force", img, "4000"}, {"journal", "status", img},
				{"journal", "recover", img}, {"journal", "off", img}, {"bare", "--attach", "rk0=" + img},
			} {
				if _, errs, status := v7em("", args...); status != 1 || !strings.Contains(errs, "not a ") {
					t.Errorf("%v with a pipe as the %s: status %d, %q", args, what, status, errs)
				}
			}
			if _, err := (images.Keep{}).Open(img, journaldev.RK05, "rk0"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("a pipe as the %s: %v", what, err)
			}
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("with a pipe as the %s something waits", what)
		}
	}
	// Without a journal the image is opened by others.
	img := journaledPack(t, true)
	if err := errors.Join(os.Remove(img), os.Remove(journaldev.JournalPath(img)), syscall.Mkfifo(img, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"ls", img}, {"mkdir", img, "/x"}, {"check", img}, {"mkfs", "--force", img, "4000"}} {
		refused(t, "not a ", args...)
	}
}
