package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"v7em/commit"
	"v7em/journaldev"
	v7fs "v7em/unix/fs"
	"v7em/unix/kernel"
)

func TestLossTold(t *testing.T) {
	at := time.Unix(100, 0)
	clean, bad := &v7fs.Report{}, &v7fs.Report{Harmful: 2, Harmless: 1, Problems: []v7fs.Problem{
		{Kind: v7fs.Missing, Severity: v7fs.Harmless}, {Kind: "dup", Severity: v7fs.Harmful}, {Kind: "dup", Severity: v7fs.Harmful},
	}}
	ops := []journaldev.Op{{Program: "mkdir", Call: "mknod", Path: "/tmp/a"}, {Program: "mkdir", Call: "link", Path: "/tmp/a /tmp/a/."}}
	handed := &commit.Undone{
		Since: at.Add(-500 * time.Millisecond), Ops: ops, Handed: map[kernel.Drive]uint64{{Controller: kernel.RK, Unit: 1}: 9},
		Later: &commit.Undone{Since: at.Add(-20 * time.Millisecond), Ops: ops[1:]},
	}
	recovered := func(to uint64) journaldev.Recovery {
		return journaldev.Recovery{First: 7, Last: to, Count: int(to - 6), Blocks: 3}
	}
	for _, tt := range []struct {
		name string
		l    loss
		want []string
	}{
		{"all durable", loss{fragile: true, undone: &commit.Undone{Quiet: true}, drives: map[string]*driveLoss{
			"rk0": {journaled: true, check: clean, dropped: dropped{Journal: journaldev.Dropped{Writes: 1, Bytes: 512}}},
			"rk1": {journaled: true, check: clean}, "rk2": {journaled: true, check: clean}, "rk3": {journaled: true, check: clean},
			"rp0": {journaled: true},
		}}, []string{
			"the host has forgotten what no sync had covered",
			"nothing is lost: all that the guest had done was durable",
			"rk0: 1 write (512 bytes) gone; nothing to recover; clean",
			"rk1 to rk3: nothing unsynced; nothing to recover; clean",
			"rp0: nothing unsynced; nothing to recover; no file system of V7",
		}},
		{"a commit that nobody had heard of, and is not there", loss{undone: handed, drives: map[string]*driveLoss{
			"rk1": {journaled: true, check: clean, recovery: recovered(8)},
		}}, []string{
			"what was written to the host is still there (with --fragile it is not)",
			"lost: 2 operations of the last 500ms: mknod /tmp/a (mkdir), link /tmp/a /tmp/a/. (mkdir)",
			"rk1: recovered transactions 7 to 8 (3 blocks); clean",
		}},
		{"the same, and it is there", loss{undone: handed, drives: map[string]*driveLoss{
			"rk1": {journaled: true, check: clean, recovery: recovered(9)},
		}}, []string{
			"what was written to the host is still there (with --fragile it is not)",
			"lost: 1 operation of the last 20ms: link /tmp/a /tmp/a/. (mkdir)",
			"rk1: recovered transactions 7 to 9 (3 blocks); clean",
		}},
		{"many", loss{fragile: true, undone: &commit.Undone{Since: at.Add(-2 * time.Second), Ops: slices.Repeat(ops[:1], 6), More: 10}, drives: map[string]*driveLoss{}}, []string{
			"the host has forgotten what no sync had covered",
			"lost: 16 operations of the last 2s: " + strings.Repeat("mknod /tmp/a (mkdir), ", 4) + "and 12 more",
		}},
		{"a plain pack", loss{drives: map[string]*driveLoss{
			"rk0": {path: "m/rk0.rk05", check: bad}, "rk1": {check: clean},
		}}, []string{
			"what was written to the host is still there (with --fragile it is not)",
			"lost: what the guest kept in memory to write it later",
			"rk0: damaged: 2 harmful (dup), 1 harmless (missing)",
			"rk1: clean",
			"v7em fs check m/rk0.rk05 tells more; in the guest icheck and dcheck do, clri removes, icheck -s makes a new free list",
		}},
	} {
		tt.l.at = at
		if got := tt.l.told(); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

func TestSpans(t *testing.T) {
	for _, tt := range []struct{ names, want string }{
		{"rk0", "rk0"},
		{"rk0 rk1", "rk0, rk1"},
		{"rk0 rk1 rk2 rk5 rk7 rp0", "rk0 to rk2, rk5, rk7, rp0"},
		{"rk7 rp0 rp1 rp2", "rk7, rp0 to rp2"},
	} {
		if got := spans(strings.Fields(tt.names)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.names, got, tt.want)
		}
	}
}
