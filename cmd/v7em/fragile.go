package main

import (
	"sync"
	"time"

	"v7em/journaldev"
)

// fragileHost is a host whose files forget, at a power cut, what no sync had covered.
type fragileHost struct {
	unsynced  bool          // --sync none
	writeBack time.Duration // see journaldev.FragileOptions

	mu    sync.Mutex
	files map[string]map[string]*journaldev.Fragile // by drive, then "image" or "journal"
}

// wrap makes a pack's file forget. See images.Keep.
func (h *fragileHost) wrap(drive, name string, f journaldev.File) journaldev.File {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files == nil {
		h.files = map[string]map[string]*journaldev.Fragile{}
	}
	if h.files[drive] == nil {
		h.files[drive] = map[string]*journaldev.Fragile{}
	}
	w := journaldev.NewFragile(f, journaldev.FragileOptions{Unsynced: h.unsynced, WriteBack: h.writeBack})
	h.files[drive][name] = w
	return w
}

// cut cuts the power of all files, and tells what of each drive's is gone.
func (h *fragileHost) cut() map[string]dropped {
	h.mu.Lock()
	defer h.mu.Unlock()
	gone := map[string]dropped{}
	for drive, files := range h.files {
		var d dropped
		for name, f := range files {
			if name == "journal" {
				d.Journal = f.Cut()
			} else {
				d.Image = f.Cut()
			}
		}
		gone[drive] = d
	}
	h.files = nil
	return gone
}

// dropped is what a power cut took of a drive's files.
type dropped struct{ Image, Journal journaldev.Dropped }
