// Package crash cuts the power of a machine at thousands of points and finds out
// what survives. It runs a workload in a guest once for each way of keeping packs,
// records every write and sync of the host's files, makes of that the disks that a
// power failure leaves, recovers and checks each, and compares it with what the
// guest had been promised.
//
// All of it is in virtual time and comes out the same each time, byte for byte: the
// host's disk too is one of virtual time.
package crash

import (
	"v7em/block"
	"v7em/unix/fs"
)

// Mode says how packs are kept while the workload runs.
type Mode string

// The modes.
const (
	Plain        Mode = "plain"         // the host writes when it likes
	WriteThrough Mode = "write-through" // each write of the guest is synced
	Journal      Mode = "journal"       // the transaction layer
)

// Modes lists them in the order of the comparison.
var Modes = []Mode{Plain, WriteThrough, Journal}

// Model says what a power failure does to what was written and not synced.
type Model string

// The models.
const (
	Prefix Model = "prefix" // all that was written before the cut is on the platter
	Lost   Model = "lost"   // any of the sectors that no sync had covered may be missing
	Torn   Model = "torn"   // the write under way stops between or within sectors
)

// Models lists them.
var Models = []Model{Prefix, Lost, Torn}

// Outcome is what a cut came to. The worst that applies is a cut's outcome.
type Outcome string

// The outcomes, from good to bad.
const (
	Clean          Outcome = "clean"
	Harmless       Outcome = "harmless"        // only space, or what was lost anyway: fs.Harmless
	HalfDone       Outcome = "half-done"       // a mkdir, rmdir or mv of a directory that was begun and not ended
	PromiseLost    Outcome = "promise-lost"    // work is missing that a sync that had returned covers
	Harmful        Outcome = "harmful"         // fs.Harmful
	RecoveryFailed Outcome = "recovery-failed" // the journal could not be used
)

// Outcomes lists them from good to bad.
var Outcomes = []Outcome{Clean, Harmless, HalfDone, PromiseLost, Harmful, RecoveryFailed}

// Kind is a kind of event on the host.
type Kind uint8

// The kinds of events.
const (
	Write  Kind = iota // Data was written at Off of a file
	Sync               // a file was synced
	Return             // a system call that changes a file system has returned: Op is its number
	Synced             // the guest's sync has returned: Op is the first operation it does not cover
)

// Event is one thing that happened while a workload ran, as the host sees it.
type Event struct {
	Kind    Kind
	Time    uint64 // virtual nanoseconds since the workload began
	Pack    int    // Write, Sync: index in Run.Packs
	Journal bool   // Write, Sync: the pack's journal, not its image
	Off     int64  // Write: in bytes
	Data    []byte // Write
	Op      int    // Return, Synced: index in Run.Ops
}

// Run is the record of a workload in one mode.
type Run struct {
	Mode   Mode
	Packs  []Pack
	Events []Event
	Ops    []Op
	Time   uint64 // how long the workload ran, virtual nanoseconds
	Output string // what the guest printed meanwhile

	SyncTime uint64 // what a sync takes on the host's disk, virtual nanoseconds
}

// Pack is a pack of a recorded run, as it was before the first event: durable.
type Pack struct {
	Drive   string // "rk0"
	Unit    int
	Dir     string       // where the guest has it mounted, "/"; empty if it has not
	Start   *block.Store // the image
	Journal []byte       // the journal; nil if the mode has none
	Swap    int          // the first block of swap space; Start.Blocks() if there is none
	Tree    Tree         // what is on it at the beginning
}

// Op is a system call of the guest that changed a file system, in the order in which
// they returned.
type Op struct {
	Called, Returned uint64 // virtual nanoseconds
	Began            uint64 // when the process called for its program to be run; 0 before the workload
	PID              int
	Program          string   // "mkdir"
	Call             string   // "mknod"
	Path             string   // its first argument, if that is a name
	Changes          []Change // what it changed, found by comparing the settled states before and after
}

// Change is what an operation did to one name.
type Change struct {
	Pack int    // index in Run.Packs
	Path string // from the root of the pack, "/tmp/d"
	Is   Value  // afterwards; the zero Value if it is gone
}

// Value sums up what a name leads to: its type, mode, owner, size and contents, but
// not its times, link count or, of a directory, its entries.
type Value [16]byte

// Tree has all names of a pack.
type Tree map[string]Value

// ResultVersion is the version of a Result's JSON: docs/crash-json.md. A field more is no
// other version; one that is gone, or means something else, is.
const ResultVersion = 1

// Result is the outcome of a campaign. It is the same each time, for the same
// Options, byte for byte: nothing in it is measured on the host.
type Result struct {
	Version  int          `json:"version"` // ResultVersion
	Workload string       `json:"workload"`
	Guest    string       `json:"guest"`
	Seed     uint64       `json:"seed"`
	Stress   bool         `json:"stress,omitempty"` // packs were journaled as in StressKeep, not as in ProductKeep
	Points   string       `json:"points"`           // "all" or a number
	Models   []Model      `json:"models"`
	Modes    []ModeResult `json:"modes"`
}

// ModeResult is what the cuts of one mode came to.
type ModeResult struct {
	Mode    Mode                      `json:"mode"`
	Time    uint64                    `json:"time_ns"`   // of the workload, virtual
	Writes  int                       `json:"writes"`    // of the host, events
	Syncs   int                       `json:"syncs"`     // of the host
	Bytes   int64                     `json:"bytes"`     // written on the host
	Commits int                       `json:"commits"`   // durable ones, of all packs
	Ops     []OpInfo                  `json:"ops"`       // the operations, for a timeline
	Synced  []uint64                  `json:"synced_ns"` // when the guest's syncs returned
	Blocks  []BlockWrite              `json:"blocks"`    // every write of the host
	Cuts    []Cut                     `json:"cuts"`      // in the order of their events
	Counts  map[Model]map[Outcome]int `json:"counts"`
	Kinds   map[fs.Kind]int           `json:"kinds"` // in how many cuts there was such a problem

	// Guest checks: on how many recovered disks icheck and dcheck ran in the guest, and
	// where they did not agree.
	GuestChecks   int      `json:"guest_checks"`
	Disagreements []string `json:"disagreements"` // a line each, with the cut's ID
}

// OpInfo is an operation, for people.
type OpInfo struct {
	Called   uint64 `json:"called_ns"`
	Returned uint64 `json:"returned_ns"`
	Program  string `json:"program"`
	Call     string `json:"call"`
	Path     string `json:"path,omitempty"`
}

// BlockWrite is what one write of the host was.
type BlockWrite struct {
	Event int    `json:"event"`
	Time  uint64 `json:"time_ns"`
	Drive string `json:"drive"` // "rk0"
	Block int    `json:"block"` // the first; in a journal, the sector
	Count int    `json:"count"` // of sectors
	What  string `json:"what"`  // "journal", "superblock", "inode", "indirect", "free", "directory", "file", "swap", "boot"
}

// Cut is one cut and what it came to.
type Cut struct {
	ID      string    `json:"id"` // for --point: "journal.lost.1234.2": mode, model, event, variant
	Model   Model     `json:"model"`
	Event   int       `json:"event"` // the cut is after (torn: in) that event
	Time    uint64    `json:"time_ns"`
	Outcome Outcome   `json:"outcome"`
	Kinds   []fs.Kind `json:"kinds,omitempty"` // of problems, sorted

	HalfDone    int `json:"half_done,omitempty"`    // directories
	PromiseLost int `json:"promise_lost,omitempty"` // operations that a returned sync covers, and are not there; of a journaled pack also what never was: names, contents, a mixture of old and new

	// What had returned and is not there, promised or not.
	LostOps  int    `json:"lost_ops"`
	LostTime uint64 `json:"lost_ns"` // from the return of the oldest of them to the cut

	Transactions int    `json:"transactions,omitempty"` // brought home
	HomeBlocks   int    `json:"home_blocks,omitempty"`
	RecoveryTime uint64 `json:"recovery_ns,omitempty"` // on the host's virtual disk
}
