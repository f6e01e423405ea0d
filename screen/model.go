package screen

import (
	"time"

	"v7em/journaldev"
)

// Kind is what a block is used for.
type Kind uint8

// The kinds of blocks.
const (
	KindOther    Kind = iota // a boot block, or in no file system
	KindFree                 // free, or nobody's
	KindData                 // data of a file
	KindSwap                 // swap space
	KindInodes               // inodes
	KindChain                // of the chain of free blocks
	KindDir                  // data of a directory
	KindIndirect             // block numbers of a large file
	KindSuper                // a superblock
	numKinds
)

// Act is the newest thing that has happened to a block.
type Act uint8

// What can happen to a block.
const (
	ActNone      Act = iota
	ActRead          // the guest has read it
	ActWritten       // the guest has written it
	ActJournaled     // a transaction has it in the journal, and it is not home
	ActHome          // it was written to the image
	numActs
)

// Block is a block of a pack.
type Block struct {
	Kind Kind
	Act  Act
	Age  uint8 // of Act, in samples, up to 255
}

// Power says what the machine does.
type Power uint8

// What a machine can do.
const (
	PowerOff Power = iota
	Running
	Waiting // for an interrupt
	Halted
	Recovering
)

// on says whether the lights are lit.
func (p Power) on() bool { return p != PowerOff && p != Recovering }

// Processor is what the lights show.
type Processor struct {
	Name    string // "PDP-11/70, 2048 KB"
	Power   Power
	PC      uint16
	PSW     uint16
	Display uint16        // the display register
	Up      time.Duration // virtual time since power-up
	MIPS    float64       // millions of instructions in a second of the host's
	History []float64     // MIPS of the last seconds, oldest first
}

// Mode returns the current mode: 0 kernel, 1 supervisor, 3 user.
func (p Processor) Mode() int { return int(p.PSW >> 14) }

// Priority returns the priority, 0 to 7.
func (p Processor) Priority() int { return int(p.PSW >> 5 & 7) }

// Drive is a drive with a pack in it.
type Drive struct {
	Name     string // "rk0"
	File     string // the image's name, without directories
	ReadOnly bool
	Failed   bool // a host write has failed
	Blocks   []Block
	Reads    float64 // blocks in a second
	Writes   float64
	Journal  *Journal // nil without one
}

// Journal is a pack's journal with its transactions.
type Journal struct {
	Transactions []journaldev.TransStatus
	States       [journaldev.StateEStart + 1]int   // how many transactions are in each state
	Ages         [journaldev.StateEStart + 1]uint8 // samples since one was last in that state, or went through it
	Used, Size   int64                             // of the ring, in bytes
	Head         int64                             // where the next record goes
	Commits      uint64                            // all so far
	Rate         float64                           // commits in a second
	Latency      time.Duration                     // of the newest commit
	LatencyMax   time.Duration
}

// Recovery is a recovery that is shown, block by block.
type Recovery struct {
	Drive       string
	Transaction uint64
	Block       int
	Written     bool // the image did not have it yet
	Kind        Kind
	Done, Total int
	Text        string // what the journal had to say
}

// Model is all that is shown beside the console.
type Model struct {
	Processor Processor
	Drives    []Drive
	Recovery  *Recovery // nil when there is none to show
	Note      string    // what the user must know, in a few words; empty for nothing
}

// kindOf translates.
func kindOf(u journaldev.Use) Kind {
	switch u {
	case journaldev.UseNone:
		return KindFree
	case journaldev.UseFile:
		return KindData
	case journaldev.UseDir:
		return KindDir
	case journaldev.UseChain:
		return KindChain
	case journaldev.UseIList:
		return KindIndirect
	case journaldev.UseInode:
		return KindInodes
	case journaldev.UseSuper:
		return KindSuper
	}
	return KindOther
}
