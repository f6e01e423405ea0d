package crash

import (
	"v7em/commit"
	"v7em/journaldev"
	"v7em/unix/kernel"
)

// Flaw is a mistake in how packs are journaled, by which tests see that a campaign
// notices it. The empty Flaw is none.
type Flaw string

// The flaws.
const (
	FlawMarkFirst   Flaw = "mark-first"   // the commit mark is durable before the records are
	FlawNoSync      Flaw = "no-sync"      // no sync between the journal and what goes home
	FlawInherit     Flaw = "inherit"      // a block that a newer transaction has counts as home
	FlawUnsettled   Flaw = "unsettled"    // states are captured in the middle of operations
	FlawNoQueued    Flaw = "no-queued"    // states lack the writes that are queued
	FlawServeCommit Flaw = "serve-commit" // the guest reads what was committed
)

// Flaws lists them.
var Flaws = []Flaw{FlawMarkFirst, FlawNoSync, FlawInherit, FlawUnsettled, FlawNoQueued, FlawServeCommit}

// ofVolume returns the flaw that a volume has.
func (f Flaw) ofVolume() journaldev.Flaw {
	return map[Flaw]journaldev.Flaw{
		FlawMarkFirst: journaldev.FlawMarkFirst, FlawNoSync: journaldev.FlawNoSync,
		FlawInherit: journaldev.FlawInherit, FlawServeCommit: journaldev.FlawServe,
	}[f]
}

// settler returns a settler with the flaw, if it is one of those.
func (f Flaw) settler() *commit.Settler {
	s := commit.NewSettler()
	switch f {
	case FlawUnsettled:
		s.Hasty = true
	case FlawNoQueued:
		s.Parts &^= kernel.Queued
	}
	return s
}
