package screen

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"v7em/block"
	"v7em/journaldev"
	"v7em/machine"
)

const (
	// rateTime is the time over which rates are counted, at least.
	rateTime = 2 * time.Second
	// mipsTime is the same for MIPS.
	mipsTime = time.Second / 2
	// historyLength is how many seconds of MIPS are kept.
	historyLength = 240
	// surveyTime is how often it is found out what the blocks of a pack without a
	// journal are used for, when it was written.
	surveyTime = time.Second
)

// Pack is a pack in a drive.
type Pack interface {
	machine.Snapshotter
	Path() string
	Err() error
}

// Source is a pack to be shown.
type Source struct {
	Drive    string // "rk0"
	Pack     Pack
	Activity *Activity // nil if it is not noted
}

// Sampler collects what is shown of a machine. Attend and Called belong to the goroutine
// that runs the machine, Sample to the one that shows it; the rest is for any.
type Sampler struct {
	want atomic.Uint32 // whether the machine is to be looked at, and when

	mu      sync.Mutex
	sources []*source
	cpu     look
	replay  *replay
	note    func() string
	power   Power // PowerOff, Halted or Recovering; otherwise as the machine is

	tick   uint32
	mips   counter
	marks  []float64
	marked time.Time
}

// When the machine is looked at. A machine that waits for its disks would otherwise
// hardly ever be seen at work, as it calls Attend whenever it waits.
const (
	seen   = iota
	anyway // at the next occasion, unless it waits then
	atCall // at a system call, if there is one
)

// look is what was seen of a machine.
type look struct {
	name         string
	power        Power
	pc, psw, dsp uint16
	instructions uint64
	time         uint64
}

// source is a Source with what is remembered of it.
type source struct {
	Source
	volume *journaldev.Volume // nil for a pack without a journal
	blocks []Block
	acts   uint64 // what has happened to them, in all
	quiet  int    // samples since anything has
	fresh  bool   // kinds have changed

	reads, writes, commits counter
	status                 journaldev.Status
	ages                   [journaldev.StateEStart + 1]uint8

	// kinds are what the blocks are used for, found out by survey. Of a pack without a
	// journal it goes on in a goroutine of its own.
	kinds    []Kind
	uses     *journaldev.Use // the first of those that kinds were made of
	surveyed time.Time
	wrote    uint64 // writes when the pack was last looked at

	// Of a pack without a journal; under the sampler's mu.
	need             bool // a snapshot, the next time that the machine is looked at
	busy             bool // surveying
	snapshot         *block.Store
	found            []Kind
	readOnly, failed bool
}

// counter tells how fast a count grows.
type counter struct {
	at []count
}

type count struct {
	when time.Time
	n    uint64
}

// rate notes the count and returns its growth in a second, over the given time.
func (c *counter) rate(when time.Time, n uint64, over time.Duration) float64 {
	if l := len(c.at); l > 0 && n < c.at[l-1].n {
		c.at = c.at[:0] // it began anew
	}
	c.at = append(c.at, count{when, n})
	drop := 0
	for drop+1 < len(c.at) && when.Sub(c.at[drop+1].when) >= over {
		drop++
	}
	c.at = append(c.at[:0], c.at[drop:]...)
	d := when.Sub(c.at[0].when)
	if d <= 0 {
		return 0
	}
	return float64(n-c.at[0].n) / d.Seconds()
}

// NewSampler returns a sampler that knows of nothing yet.
func NewSampler() *Sampler { return &Sampler{} }

// SetSources says which packs are in the drives, in the order in which they are
// shown.
func (s *Sampler) SetSources(sources []Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = nil
	for _, o := range sources {
		n := &source{Source: o}
		n.blocks, n.fresh = make([]Block, o.Pack.Blocks()), true
		n.volume, _ = o.Pack.(*journaldev.Volume)
		n.need = n.volume == nil
		for i := range n.ages {
			n.ages[i] = 255
		}
		if n.volume != nil {
			n.status = n.volume.Status() // what it has done is done
		}
		s.sources = append(s.sources, n)
	}
}

// SetNote sets what tells, in a few words, of anything that the user must know of a machine
// that is on. Any goroutine may call it; empty is nothing.
func (s *Sampler) SetNote(note func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = note
}

// SetPower says that the machine does not run, and why: PowerOff, Halted or
// Recovering. Running lets the machine itself tell.
func (s *Sampler) SetPower(p Power) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.power = p
	if p != Running {
		s.cpu.psw, s.cpu.pc, s.cpu.dsp = 0, 0, 0
	}
}

// Attend looks at the machine, if it is time to. It is called between two
// instructions, as often as you like.
func (s *Sampler) Attend(m *machine.Machine) {
	w := s.want.Load()
	if w == seen {
		return
	}
	if w == anyway && !m.CPU.Waiting {
		s.want.Store(seen)
	}
	s.look(m)
}

// Called is Attend for the moment at which a program calls the system.
func (s *Sampler) Called(m *machine.Machine) {
	if s.want.Load() == atCall {
		s.want.Store(seen)
		s.look(m)
	}
}

func (s *Sampler) look(m *machine.Machine) {
	c := m.CPU
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cpu = look{s.cpu.name, Running, c.R[7], c.PSW(), c.Display, m.Instructions(), m.Now()}
	if c.Waiting {
		s.cpu.power = Waiting
	}
	if s.cpu.name == "" {
		s.cpu.name = fmt.Sprintf("PDP-%v, %d KB", m.Config().Model, len(m.MMU.Mem)*2>>10)
	}
	for _, o := range s.sources {
		if o.volume != nil {
			continue
		}
		o.readOnly, o.failed = o.Pack.ReadOnly(), o.Pack.Err() != nil
		if o.need {
			o.snapshot, o.need = o.Pack.Snapshot(), false
		}
	}
}

// Sample returns what is to be shown now. The model is good until the next call.
func (s *Sampler) Sample(now time.Time) *Model {
	s.mu.Lock()
	cpu, sources, replay, note := s.cpu, s.sources, s.replay, s.note
	if s.power != Running {
		cpu.power = s.power
	}
	s.mu.Unlock()
	s.tick++
	m := &Model{Processor: Processor{
		Name: cpu.name, Power: cpu.power, PC: cpu.pc, PSW: cpu.psw, Display: cpu.dsp, Up: time.Duration(cpu.time),
		MIPS: s.mips.rate(now, cpu.instructions, mipsTime) / 1e6,
	}}
	if now.Sub(s.marked) >= time.Second {
		s.marked = now
		if s.marks = append(s.marks, m.Processor.MIPS); len(s.marks) > historyLength {
			s.marks = s.marks[1:]
		}
	}
	m.Processor.History = s.marks
	if note != nil && cpu.power.on() {
		m.Note = note()
	}
	for _, o := range sources {
		m.Drives = append(m.Drives, s.drive(o, now))
	}
	if replay != nil {
		m.Recovery = replay.overlay(m.Drives, now)
		for _, o := range sources {
			o.fresh = true
		}
	}
	s.want.Store(anyway + s.tick%2)
	return m
}

// drive samples one drive.
func (s *Sampler) drive(o *source, now time.Time) Drive {
	d := Drive{Name: o.Drive, File: filepath.Base(o.Pack.Path()), Blocks: o.blocks}
	if o.volume != nil {
		d.ReadOnly, d.Failed = o.volume.ReadOnly(), o.volume.Err() != nil
		o.kindsOfVolume()
	} else {
		s.kindsOfPack(o, now)
		s.mu.Lock()
		d.ReadOnly, d.Failed = o.readOnly, o.failed
		s.mu.Unlock()
	}
	var acts uint64
	if a := o.Activity; a != nil {
		acts = a.reads.Load() + a.writes.Load() + a.homes.Load()
		d.Reads = o.reads.rate(now, a.reads.Load(), rateTime)
		d.Writes = o.writes.rate(now, a.writes.Load(), rateTime)
	}
	if o.quiet++; acts != o.acts || o.fresh {
		o.quiet, o.acts, o.fresh = 0, acts, false
	}
	if o.quiet <= warmAge+1 { // else all is as it was
		o.refresh()
	}
	if o.Activity != nil {
		o.Activity.now.Add(1)
	}
	if o.volume != nil {
		d.Journal = o.journal(now)
	}
	return d
}

// refresh finds out what each block is and what has happened to it.
func (o *source) refresh() {
	for n := range o.blocks {
		o.blocks[n] = Block{Kind: KindOther}
		if n < len(o.kinds) {
			o.blocks[n].Kind = o.kinds[n]
		}
	}
	if a := o.Activity; a != nil {
		tick := a.now.Load()
		for n := range min(len(o.blocks), len(a.read)) {
			b := &o.blocks[n]
			last := uint32(0)
			home := a.home[n].Load()
			if o.volume == nil {
				home = 0 // what is written is written there
			}
			for i, when := range [...]uint32{a.read[n].Load(), a.written[n].Load(), home} {
				if when > 0 && when >= last {
					last, b.Act = when, [...]Act{ActRead, ActWritten, ActHome}[i]
				}
			}
			b.Age = uint8(min(tick-last, 255))
		}
	}
}

// journal samples a journal, and marks the blocks that are in it and not home. A
// volume that was opened to be read has none.
func (o *source) journal(now time.Time) *Journal {
	st, was := o.volume.Status(), o.status
	if len(st.Transactions) == 0 {
		return nil
	}
	o.status = st
	j := &Journal{
		Transactions: st.Transactions, Used: st.RingUsed, Size: st.RingSize, Head: st.RingHead,
		Commits: uint64(st.Commits), Rate: o.commits.rate(now, uint64(st.Commits), rateTime),
		Latency: st.Latency, LatencyMax: st.LatencyMax,
	}
	for i := range o.ages {
		o.ages[i] = min(o.ages[i], 254) + 1
	}
	for _, t := range st.Transactions {
		j.States[t.State]++
		o.ages[t.State] = 0
		if t.State != journaldev.StateStart && t.State != journaldev.StateTrans {
			continue
		}
		for _, n := range t.Blocks {
			// What has happened to the block since shows for a moment.
			if n < len(o.blocks) && (o.blocks[n].Act == ActNone || o.blocks[n].Age > hotAge) {
				o.blocks[n].Act, o.blocks[n].Age = ActJournaled, 0
			}
		}
	}
	// Between two samples a transaction can go through any number of states.
	if st.Newest > was.Newest {
		o.ages[journaldev.StateCreate] = 0
	}
	if st.Committed > was.Committed {
		o.ages[journaldev.StateStart], o.ages[journaldev.StateTrans] = 0, 0
	}
	if st.Home > was.Home {
		o.ages[journaldev.StateEnd], o.ages[journaldev.StateEStart] = 0, 0
	}
	j.Ages = o.ages
	return j
}

// kindsOfVolume finds out what the blocks are used for: the volume knows.
func (o *source) kindsOfVolume() {
	uses, layout := o.volume.Uses()
	if len(uses) == 0 || &uses[0] == o.uses {
		return
	}
	o.uses = &uses[0]
	o.kinds, o.fresh = kinds(o.kinds, uses, layout), true
}

func kinds(to []Kind, uses []journaldev.Use, layout journaldev.Layout) []Kind {
	if len(to) != len(uses) {
		to = make([]Kind, len(uses))
	}
	for n, u := range uses {
		to[n] = kindOf(u)
		if layout.Swap.Has(n) {
			to[n] = KindSwap
		}
	}
	return to
}

// kindsOfPack has it found out by a snapshot and a survey of that, when the pack was
// written since it was last done.
func (s *Sampler) kindsOfPack(o *source, now time.Time) {
	var writes uint64
	if o.Activity != nil {
		writes = o.Activity.writes.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.found != nil {
		o.kinds, o.found, o.fresh = o.found, nil, true
	}
	switch {
	case o.busy || o.need:
	case o.snapshot != nil:
		o.busy = true
		store := o.snapshot
		o.snapshot = nil
		go func() {
			layout := journaldev.Detect(store)
			found := kinds(nil, journaldev.Survey(store, layout), layout)
			s.mu.Lock()
			defer s.mu.Unlock()
			o.found, o.busy = found, false
		}()
	case writes != o.wrote && now.Sub(o.surveyed) >= surveyTime:
		o.wrote, o.surveyed, o.need = writes, now, true
	}
}
