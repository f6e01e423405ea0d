package images

import (
	"fmt"

	"v7em/block"
	"v7em/journaldev"
	"v7em/rk"
)

// Pack is a pack that is open on the host, with or without a journal.
type Pack interface {
	rk.Disk
	Snapshot() *block.Store
	Kind() journaldev.Kind
	Path() string
	Recovery() journaldev.Recovery
	Protected() error // why it is write-protected since it was opened; nil if it is not
	Err() error
	Sync() error
	Close() error
	Cut()
}

// Journal says what stands between a guest's writes and the host's files.
type Journal string

const (
	JournalOn      Journal = "on"            // the transaction layer
	JournalOff     Journal = "off"           // nothing: the host writes when it likes
	JournalThrough Journal = "write-through" // each write is made durable, one by one
)

// String, Set and Type implement pflag.Value.
func (j *Journal) String() string { return string(*j) }

// Set takes one of the three values.
func (j *Journal) Set(s string) error {
	switch Journal(s) {
	case JournalOn, JournalOff, JournalThrough:
		*j = Journal(s)
		return nil
	}
	return fmt.Errorf("want %s, %s or %s", JournalOn, JournalOff, JournalThrough)
}

// Type names the value in messages.
func (*Journal) Type() string { return "mode" }

// Keep says how packs are kept on the host.
type Keep struct {
	Journal     Journal // empty for JournalOn
	Sync        journaldev.SyncMethod
	Data        journaldev.DataMode
	JournalSize int64 // bytes; 0 for what is there, or the default
	AnySize     bool  // take images of any length; see journaldev.Options
	// Wrap, if set, stands between the packs and their files; see journaldev.Options.
	Wrap func(drive, name string, f journaldev.File) journaldev.File
}

// Open opens an image as the pack in a drive, which has that name in messages.
func (k Keep) Open(path string, kind journaldev.Kind, drive string) (Pack, error) {
	o := journaldev.Options{Unit: drive, AnySize: k.AnySize, Sync: k.Sync, WriteThrough: k.Journal == JournalThrough}
	if k.Wrap != nil {
		o.Wrap = func(name string, f journaldev.File) journaldev.File { return k.Wrap(drive, name, f) }
	}
	if k.Journal == JournalOn || k.Journal == "" {
		v, err := journaldev.OpenVolume(path, kind, journaldev.VolumeOptions{Options: o, Data: k.Data,
			JournalSize: k.JournalSize})
		if err != nil {
			return nil, err
		}
		return v, nil
	}
	p, err := journaldev.Open(path, kind, o)
	if err != nil {
		return nil, err
	}
	return p, nil
}
