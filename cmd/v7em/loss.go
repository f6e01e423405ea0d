package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"v7em/block"
	"v7em/commit"
	"v7em/escape"
	"v7em/images"
	"v7em/journaldev"
	v7fs "v7em/unix/fs"
)

// loss is what a power cut has taken, and what was repaired when the power came back.
type loss struct {
	fragile bool      // the host has forgotten what no sync had covered
	at      time.Time // of the cut
	undone  *commit.Undone
	drives  map[string]*driveLoss
}

// driveLoss is that of one drive.
type driveLoss struct {
	path      string
	journaled bool
	failed    error // before the cut: what the guest wrote since is not all kept
	dropped   dropped
	layout    journaldev.Layout // before the cut

	// When the power is back:
	recovery journaldev.Recovery
	home     []int        // the blocks of the image that the recovery has changed
	check    *v7fs.Report // of all its file systems; nil: there is none
	store    *block.Store // the pack, recovered
}

// cutNow cuts the power of packs and of the host that holds them, if that is fragile. The
// packs are closed then.
func cutNow(h *fragileHost, drives map[string]images.Pack) *loss {
	l := &loss{fragile: h != nil, at: time.Now(), drives: map[string]*driveLoss{}}
	gone := map[string]dropped{}
	failed := map[string]error{}
	for name, p := range drives {
		failed[name] = p.Err()
	}
	if h != nil {
		gone = h.cut()
	}
	for name, p := range drives {
		d := &driveLoss{path: p.Path(), dropped: gone[name], failed: failed[name], layout: journaldev.Detect(p.Snapshot())}
		_, d.journaled = p.(*journaldev.Volume)
		l.drives[name] = d
		p.Cut()
	}
	return l
}

// readImage reads an image as it is on the host, if it can.
func readImage(path string, kind journaldev.Kind) *block.Store {
	f, err := os.Open(path)
	if err != nil {
		return nil // opening the pack will tell
	}
	defer f.Close()
	s := block.NewStore(kind.Blocks)
	if s.Load(f) != nil {
		return nil
	}
	return s
}

// back notes what has become of the pack when it was opened again. before is the image
// as the cut left it, or nil.
func (d *driveLoss) back(p images.Pack, before *block.Store) {
	d.recovery, d.store = p.Recovery(), p.Snapshot()
	if before != nil {
		d.home = slices.Collect(before.Diff(d.store))
	}
	starts := d.layout.Start[:d.layout.Systems]
	for i, start := range starts {
		end := d.store.Blocks()
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		r := v7fs.Check(v7fs.Region{Device: d.store, Start: start, N: end - start})
		if d.check == nil {
			d.check = r
			continue
		}
		d.check.Problems = append(d.check.Problems, r.Problems...)
		d.check.Harmful += r.Harmful
		d.check.Harmless += r.Harmless
	}
}

// lost returns what the guest did in vain, nil if that is not known. A commit of which
// nobody had heard that it was durable may have been.
func (l *loss) lost() *commit.Undone {
	u := l.undone
	for u != nil && u.Later != nil {
		for k, id := range u.Handed {
			d := l.drives[k.String()]
			if d == nil || d.recovery.Count == 0 || d.recovery.Last < id {
				return u
			}
		}
		u = u.Later
	}
	return u
}

// failed returns an error that names the packs that had failed before the cut, nil if none
// had.
func (l *loss) failed() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(l.drives)) {
		if err := l.drives[name].failed; err != nil {
			errs = append(errs, fmt.Errorf("%s: not all that the guest wrote is kept: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// maxTold is how many lost operations are told one by one.
const maxTold = 4

// told returns the lines that tell the user.
func (l *loss) told() []string {
	var lines []string
	if l.fragile {
		lines = append(lines, "the host has forgotten what no sync had covered")
	} else {
		lines = append(lines, "what was written to the host is still there (with --fragile it is not)")
	}
	if u := l.lost(); u != nil {
		line := undoneLine(u, l.at)
		if u.Quiet && l.failed() != nil {
			line = "nothing is lost but on packs that had failed: all else that the guest had done was durable"
		}
		lines = append(lines, line)
		if w := l.undone.Worst; w > 0 {
			lines = append(lines, fmt.Sprintf("in this session, work was durable after at most %v", w.Round(time.Millisecond)))
		}
	} else {
		lines = append(lines, "lost: what the guest kept in memory to write it later")
	}
	// Drives of which the same is to be told share a line.
	names := map[string][]string{}
	var order []string
	damaged := ""
	for _, name := range slices.Sorted(maps.Keys(l.drives)) {
		d := l.drives[name]
		text := d.told(l.fragile)
		if names[text] == nil {
			order = append(order, text)
		}
		names[text] = append(names[text], name)
		if d.check != nil && !d.check.Clean() && damaged == "" {
			damaged = d.path
		}
	}
	for _, text := range order {
		lines = append(lines, spans(names[text])+": "+text)
	}
	if damaged != "" {
		lines = append(lines, "v7em fs check "+damaged+" tells more; in the guest icheck and dcheck do, clri removes, "+
			"icheck -s makes a new free list")
	}
	return lines
}

// told returns what there is to say of a drive.
func (d *driveLoss) told(fragile bool) string {
	var parts []string
	if d.failed != nil {
		parts = append(parts, fmt.Sprintf("not all that the guest wrote is kept: %v", d.failed))
	}
	if n := d.dropped.Image.Writes + d.dropped.Journal.Writes; n > 0 {
		parts = append(parts, fmt.Sprintf("%s (%s) gone", count(n, "write"),
			size(d.dropped.Image.Bytes+d.dropped.Journal.Bytes)))
	} else if fragile {
		parts = append(parts, "nothing unsynced")
	}
	if r := d.recovery; d.journaled || r != (journaldev.Recovery{}) {
		parts = append(parts, r.String())
	}
	switch {
	case d.check == nil:
		parts = append(parts, "no file system of V7")
	case d.check.Clean():
		parts = append(parts, "clean")
	default:
		parts = append(parts, problems(d.check))
	}
	return strings.Join(parts, "; ")
}

// problems sums up what is wrong with a file system.
func problems(r *v7fs.Report) string {
	var parts []string
	for _, s := range []struct {
		severity v7fs.Severity
		n        int
	}{{v7fs.Harmful, r.Harmful}, {v7fs.Harmless, r.Harmless}} {
		if s.n == 0 {
			continue
		}
		kinds := map[string]bool{}
		for _, p := range r.Problems {
			if p.Severity == s.severity {
				kinds[string(p.Kind)] = true
			}
		}
		parts = append(parts, fmt.Sprintf("%d %s (%s)", s.n, s.severity, strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")))
	}
	return "damaged: " + strings.Join(parts, ", ")
}

// undoneLine tells what the guest did in vain.
func undoneLine(u *commit.Undone, at time.Time) string {
	if u.Quiet {
		return "nothing is lost: all that the guest had done was durable"
	}
	ago := at.Sub(u.Since).Round(time.Millisecond)
	n := len(u.Ops) + u.More
	if n == 0 {
		return fmt.Sprintf("lost: what the guest did in its last %v, no operation that was noted", ago)
	}
	var ops []string
	for _, o := range u.Ops[:min(len(u.Ops), maxTold)] {
		ops = append(ops, strings.TrimSpace(o.Call+" "+escape.Name(o.Path))+" ("+escape.Name(o.Program)+")")
	}
	if more := n - len(ops); more > 0 {
		ops = append(ops, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("lost: %s of the last %v: %s", count(n, "operation"), ago, strings.Join(ops, ", "))
}

// spans names drives in short: "rk0, rk2 to rk7". They are in order.
func spans(names []string) string {
	var out []string
	for i := 0; i < len(names); {
		j := i
		for j+1 < len(names) && names[j+1][:2] == names[i][:2] && names[j+1][2] == names[j][2]+1 {
			j++
		}
		switch j - i {
		case 0:
			out = append(out, names[i])
		case 1:
			out = append(out, names[i], names[j])
		default:
			out = append(out, names[i]+" to "+names[j])
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size returns a number of bytes for people.
func size(n int64) string {
	if n < 10<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d KB", n>>10)
}
