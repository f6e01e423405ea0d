package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"v7em/commit"
	"v7em/escape"
	"v7em/images"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/unix/kernel"
)

// keepFlags are the options that say how a machine's packs are kept on the host.
type keepFlags struct {
	keep      images.Keep
	interval  time.Duration
	syncWaits bool
	fragile   bool
	writeBack time.Duration
	host      *fragileHost // with fragile
}

func (f *keepFlags) add(fs *pflag.FlagSet) {
	f.keep = images.Keep{Journal: images.JournalOn, Sync: journaldev.SyncFdatasync, Data: journaldev.DataJournal}
	fs.Var(&f.keep.Journal, "journal", "on: packs survive a power cut; off: the host writes when it likes; "+
		"write-through: each write is synced")
	fs.Var(&f.keep.Sync, "sync", "how writes are made durable: fsync, fdatasync, msync, none")
	fs.Var(&f.keep.Data, "data", "journal: file data goes through the journal; ordered: it is written home first")
	fs.Var((*sizeFlag)(&f.keep.JournalSize), "journal-size", "the `size` of each new journal, such as 512K or 8M (default 4M)")
	addAnySize(fs, &f.keep.AnySize)
	fs.DurationVar(&f.interval, "commit-interval", commit.DefaultInterval,
		"commit so often while there is something to commit")
	fs.BoolVar(&f.fragile, "fragile", false,
		"the host forgets at a power cut, or when v7em is killed, what no sync had covered: a plain pack, which is "+
			"never synced, loses all of --write-back")
	fs.DurationVar(&f.writeBack, "write-back", journaldev.WriteBackAfter,
		"a fragile host writes by itself what has waited so long; 0: never")
	fs.BoolVar(&f.syncWaits, "sync-waits", true, "the guest's sync returns when what it wrote is durable")
}

// addAnySize adds the flag that takes images of any length.
func addAnySize(fs *pflag.FlagSet, to *bool) {
	fs.BoolVar(to, anySize, false, "take images of any length: what is missing in a pack reads as zeros, what is "+
		"behind it is left alone")
}

const anySize = "any-size"

// sizeFlag is a number of bytes, which may be given in K or M.
type sizeFlag int64

// String and Set implement pflag.Value, with Type.
func (s *sizeFlag) String() string { return fmt.Sprint(int64(*s)) }

// Set takes a number of bytes, of K or of M.
func (s *sizeFlag) Set(text string) error {
	n, err := images.ParseMemory(text)
	if err != nil {
		return errors.New("want a size such as 512K or 8M")
	}
	*s = sizeFlag(n)
	return nil
}

// Type names the value in messages.
func (*sizeFlag) Type() string { return "size" }

// check checks the options, and completes keep.
func (f *keepFlags) check() error {
	if f.fragile {
		f.host = &fragileHost{unsynced: f.keep.Sync == journaldev.SyncNone, writeBack: f.writeBack}
		if f.writeBack == 0 {
			f.host.writeBack = -1 // never
		}
		f.keep.Wrap = f.host.wrap
	}
	if f.writeBack < 0 {
		return usagef("--write-back %v: must not be negative", f.writeBack)
	}
	if f.interval <= 0 {
		return usagef("--commit-interval %v: must be positive", f.interval)
	}
	if err := (journaldev.VolumeOptions{JournalSize: f.keep.JournalSize}).Check(); err != nil {
		return usagef("--journal-size: %w", err)
	}
	return nil
}

// committer has the journaled ones among the packs committed while the machine runs.
// Without any it returns nil. tell gets a line when they are kept to less than is promised,
// or again to that; late is when old work is told, 0 for the default.
func (f *keepFlags) committer(m *machine.Machine, drives map[string]images.Pack, late time.Duration,
	tell func(line string)) *commit.Committer {
	if f.keep.Journal != images.JournalOn {
		return nil
	}
	return commit.NewCommitter(m, volumes(drives), commit.Options{
		Interval: f.interval, SyncWaits: f.syncWaits, Late: late, Tell: tell,
	})
}

// volumes returns the packs that commit, and those that have and failed.
func volumes(drives map[string]images.Pack) map[kernel.Drive]commit.Volume {
	vs := map[kernel.Drive]commit.Volume{}
	for name, p := range drives {
		v, ok := p.(*journaldev.Volume)
		if !ok || v.ReadOnly() && v.Err() == nil {
			continue
		}
		d, err := parseDrive(name)
		if err != nil {
			continue
		}
		k := kernel.Drive{Controller: kernel.RK, Unit: d.unit}
		if d.rp {
			k.Controller = kernel.RP
		}
		vs[k] = v
	}
	return vs
}

// tellRecovery says, a line a pack, what the journals had to bring home and what is not
// as it should be.
func tellRecovery(w io.Writer, drives map[string]images.Pack, eol string) {
	for _, name := range slices.Sorted(maps.Keys(drives)) {
		for _, line := range packLines(drives[name]) {
			fmt.Fprintf(w, "v7em: %s: %s%s", name, escape.Line(line), eol)
		}
	}
}

// packLines returns what the user should hear of a pack that was just opened.
func packLines(p images.Pack) []string {
	var lines []string
	if r := p.Recovery(); r.Telling() {
		lines = append(lines, r.String())
	}
	if why := p.Protected(); why != nil {
		lines = append(lines, fmt.Sprintf("write-protected: %v", why))
	}
	return lines
}
