package machine

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"v7em/block"
	"v7em/cpu"
	"v7em/mmu"
	"v7em/rk"
	"v7em/unibus"
)

// State is all of a machine but its memory and the contents of its packs. It
// is plain data.
type State struct {
	Config  Config
	Time    uint64 // virtual, ns
	CPU     cpu.State
	MMU     mmu.State
	Bus     unibus.State
	Console unibus.KL11State
	Clock   unibus.KW11State
	RK      rk.RK11State
	RP      rk.RP11State

	Brackets BracketsState
}

// State returns a copy of the machine's state.
func (m *Machine) State() State {
	return State{
		Config: m.cfg, Time: m.Now(), CPU: m.CPU.State, MMU: m.MMU.State, Bus: m.Bus.State(),
		Console: m.Console.State(), Clock: m.Clock.State(), RK: m.RK.State(), RP: m.RP.State(),
		Brackets: m.Brackets.State(),
	}
}

// setState puts a state into a machine of the same configuration.
func (m *Machine) setState(s State) error {
	m.CPU.SetState(s.CPU)
	m.MMU.SetState(s.MMU)
	m.nanos = m.cfg.NanosPerInstr
	m.setTime(s.Time)
	return errors.Join(m.Bus.SetState(s.Bus), m.Console.SetState(s.Console), m.Clock.SetState(s.Clock),
		m.RK.SetState(s.RK), m.RP.SetState(s.RP), m.Brackets.SetState(s.Brackets))
}

// Snapshotter is a pack that can be copied in microseconds. A machine is
// cloned with its packs if they all are Snapshotters.
type Snapshotter interface {
	rk.Disk
	// Snapshot returns the blocks as they are, copy-on-write.
	Snapshot() *block.Store
}

// Clone returns a machine in the same state that shares nothing with m that
// either changes: memory is copied, packs are copied on write and live in
// memory only, the console prints nowhere. Both may run at once, in different
// goroutines.
func (m *Machine) Clone() (*Machine, error) {
	c, err := New(m.cfg)
	if err != nil {
		return nil, err
	}
	return c, m.CloneInto(c)
}

// CloneInto is Clone into a machine of the same configuration, which is
// overwritten: its memory need not be allocated anew, and when m was cloned into
// it before, and neither into or from another since, only the memory that the two
// have written since then is copied.
func (m *Machine) CloneInto(c *Machine) error {
	if c.cfg != m.cfg {
		return fmt.Errorf("clone: machines differ: %+v and %+v", m.cfg, c.cfg)
	}
	for unit := range rk.Drives {
		c.DetachRK(unit)
		c.DetachRP(unit)
	}
	attach := [2]func(int, rk.Disk) error{c.AttachRK, c.AttachRP}
	for i, drives := range m.disks {
		for unit, d := range drives {
			if d == nil {
				continue
			}
			s, ok := d.(Snapshotter)
			if !ok {
				return fmt.Errorf("clone: the pack in drive %d cannot be copied", unit)
			}
			if err := attach[i](unit, MemDisk{s.Snapshot(), d.ReadOnly()}); err != nil {
				return fmt.Errorf("clone: %w", err)
			}
		}
	}
	c.MMU.CopyFrom(m.MMU)
	return c.setState(m.State())
}

// A saved machine is this line, then a gzip stream of a gob of savedState.
const saveMagic = "v7em saved machine 1\n"

// saveLimit bounds the bytes of a saved state that are looked at.
const saveLimit = 64 << 20

// IsSaved says whether a file begins as those do that Save writes.
func IsSaved(r io.Reader) bool {
	magic := make([]byte, len(saveMagic))
	_, err := io.ReadFull(r, magic)
	return err == nil && string(magic) == saveMagic
}

type savedState struct {
	State State
	Mem   []uint16
	Packs []packID
	// At is the host's time, in nanoseconds since 1970, to which the machine's belongs; 0
	// if that is not known.
	At int64
}

// packID tells whether a pack is the one that was in a drive, and what the drive
// held that was not on the host yet.
type packID struct {
	RP    bool // in an RP03 drive, not an RK05
	Unit  int
	Sum   [sha256.Size]byte
	Ahead map[int][]byte // blocks by number
}

// Committer is a pack whose host file lags behind what the drive holds: it will be
// as Committed says.
type Committer interface {
	Snapshotter
	Committed() *block.Store
}

func (p packID) name() string {
	if p.RP {
		return fmt.Sprintf("rp%d", p.Unit)
	}
	return fmt.Sprintf("rk%d", p.Unit)
}

// Save writes the machine's state. Packs are not part of it, but their
// checksums are: Restore wants them unchanged. What a Committer's drive holds
// beyond what is committed is part of it. At is the host's time, which Restore returns,
// earlier by as much as the guest's clock is behind; zero if it does not matter.
func (m *Machine) Save(w io.Writer, at time.Time) error {
	s := savedState{State: m.State(), Mem: m.MMU.Mem}
	if !at.IsZero() {
		s.At = at.Add(-m.behind).UnixNano()
	}
	for i, drives := range m.disks {
		for unit, d := range drives {
			if d == nil {
				continue
			}
			p, err := identify(d)
			if err != nil {
				return fmt.Errorf("save: %w", err)
			}
			p.RP, p.Unit = i == 1, unit
			s.Packs = append(s.Packs, p)
		}
	}
	if _, err := io.WriteString(w, saveMagic); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	z := gzip.NewWriter(w)
	if err := errors.Join(gob.NewEncoder(z).Encode(s), z.Close()); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

// identify returns what Restore has to know of a pack.
func identify(d rk.Disk) (p packID, err error) {
	c, ok := d.(Committer)
	if !ok {
		p.Sum, err = packSum(d)
		return p, err
	}
	base, view := c.Committed(), c.Snapshot()
	p.Ahead = map[int][]byte{}
	for n := range view.Diff(base) {
		b := make([]byte, block.Size)
		if err := view.ReadBlock(n, b); err != nil {
			return p, err
		}
		p.Ahead[n] = b
	}
	p.Sum, err = packSum(MemDisk{Store: base})
	return p, err
}

func packSum(d rk.Disk) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	var b [block.Size]byte
	for n := range d.Blocks() {
		if err := d.ReadBlock(n, b[:]); err != nil {
			return sum, fmt.Errorf("block %d: %w", n, err)
		}
		h.Write(b[:])
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// Packs gives Restore the packs for the drives: those of the RK11 and of the
// RP11, nil for an empty drive.
type Packs struct {
	RK, RP [rk.Drives]rk.Disk
}

// Restore makes the machine that Save wrote, with these packs in its drives, and
// returns when that was by the host's clock, zero if the state does not tell.
// A state that is damaged, of another version, or whose packs have changed
// since or are other ones, is refused.
func Restore(r io.Reader, packs Packs) (m *Machine, at time.Time, err error) {
	s, err := readSaved(r)
	if err != nil {
		return nil, at, err
	}
	if m, err = s.restore(packs); err == nil && s.At != 0 {
		at = time.Unix(0, s.At)
	}
	return m, at, err
}

// readSaved reads what Save has written.
func readSaved(r io.Reader) (s savedState, err error) {
	magic := make([]byte, len(saveMagic))
	if _, err := io.ReadFull(r, magic); err != nil || !bytes.Equal(magic, []byte(saveMagic)) {
		return s, errors.New("restore: not a saved machine of this version")
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return s, fmt.Errorf("restore: the saved machine is damaged: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(z, saveLimit))
	if err != nil {
		return s, fmt.Errorf("restore: the saved machine is damaged: %w", err)
	}
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return s, fmt.Errorf("restore: the saved machine is damaged: %w", err)
	}
	return s, nil
}

// restore makes the machine of it.
func (s savedState) restore(packs Packs) (*Machine, error) {
	m, err := New(s.State.Config)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if len(s.Mem) != len(m.MMU.Mem) {
		return nil, fmt.Errorf("restore: the saved machine is damaged: %d words of memory, want %d", len(s.Mem),
			len(m.MMU.Mem))
	}
	attach := func(rp bool, unit int, d rk.Disk, to func(int, rk.Disk) error) error {
		i := slices.IndexFunc(s.Packs, func(p packID) bool { return p.RP == rp && p.Unit == unit })
		switch {
		case d == nil && i < 0:
			return nil
		case i < 0:
			return fmt.Errorf("drive %s was empty when the state was saved", packID{RP: rp, Unit: unit}.name())
		case d == nil:
			return fmt.Errorf("the pack in drive %s is missing", s.Packs[i].name())
		}
		sum, err := packSum(d)
		if err != nil {
			return err
		}
		if sum != s.Packs[i].Sum {
			return fmt.Errorf("the pack in drive %s has changed since the state was saved", s.Packs[i].name())
		}
		for n, b := range s.Packs[i].Ahead {
			if len(b) != block.Size {
				return fmt.Errorf("the saved machine is damaged: block %d of %s", n, s.Packs[i].name())
			}
			if err := d.WriteBlock(n, b); err != nil {
				return fmt.Errorf("%s: %w", s.Packs[i].name(), err)
			}
		}
		return to(unit, d)
	}
	for unit := range rk.Drives {
		if err := errors.Join(attach(false, unit, packs.RK[unit], m.AttachRK),
			attach(true, unit, packs.RP[unit], m.AttachRP)); err != nil {
			return nil, fmt.Errorf("restore: %w", err)
		}
	}
	copy(m.MMU.Mem, s.Mem)
	if err := m.setState(s.State); err != nil {
		return nil, fmt.Errorf("restore: the saved machine is damaged: %w", err)
	}
	return m, nil
}
