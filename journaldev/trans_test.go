package journaldev

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The model checker drives the core through every order of the guest's steps and
// the I/O's, with a disk on which any part of what was not synced may be lost, and
// recovers after every step in every way in which the power could have failed.

const (
	modelBlocks = 3
	modelRing   = 6
)

type content [modelBlocks]int // what each block holds: the commit that wrote it

// cell is a sector of the model's journal: one record.
type cell struct {
	kind       byte
	seq, id    uint64
	index      int // as in a record
	block, val int
	first      uint64
	home       uint64
}

// model is one state of the world.
type model struct {
	rules

	c         *core
	doing     action
	doingHome action // with lanes
	bracket   uint64 // the transaction that a bracket has entered
	opened    int    // how many brackets there were
	waiting   bool   // the guest's commit waits for a free transaction

	states []content      // the state of each commit, the first being the empty pack
	of     map[uint64]int // which of them a transaction holds
	late   []cell         // records written after their mark (markFirst)
	acked  int            // the newest commit that was called durable

	journal [modelRing][]cell  // versions of a sector: the first is durable
	home    [modelBlocks][]int // versions of a block
	path    []string
}

// rules are the ways to break them.
type rules struct {
	unsafeInherit bool // count an inherited block as home
	noSync        bool // do not sync the journal
	markFirst     bool // write the records after the mark
	noMark        bool // write no completion marks
	noHomeSync    bool // do not sync the image
	lanes         bool // bring home beside the rest; no rule
	commits       int  // how many the guest makes
}

func newModel(r rules) *model {
	m := &model{rules: r, c: newCore(2, 0, 0, modelRing), states: []content{{}}, of: map[uint64]int{}}
	m.c.unsafeInherit, m.c.lanes = r.unsafeInherit, r.lanes
	for i := range m.journal {
		m.journal[i] = []cell{{}}
	}
	for i := range m.home {
		m.home[i] = []int{0}
	}
	return m
}

func (c *core) clone() *core {
	d := *c
	d.trans = slices.Clone(c.trans)
	for i := range d.trans {
		t := &d.trans[i]
		t.updates = slices.Clone(t.updates)
		t.blocks = maps.Clone(t.blocks)
	}
	return &d
}

func (m *model) clone() *model {
	n := *m
	n.c = m.c.clone()
	n.states = slices.Clone(m.states)
	n.of = maps.Clone(m.of)
	n.late = slices.Clone(m.late)
	for i := range n.journal {
		n.journal[i] = slices.Clone(m.journal[i])
	}
	for i := range n.home {
		n.home[i] = slices.Clone(m.home[i])
	}
	n.path = slices.Clone(m.path)
	return &n
}

func (m *model) key() string {
	var k []byte
	add := func(vs ...int) {
		for _, v := range vs {
			k = append(k, byte(v), byte(v>>8))
		}
	}
	flag := func(f bool) int {
		if f {
			return 1
		}
		return 0
	}
	c := m.c
	for i := range c.trans {
		t := &c.trans[i]
		add(int(t.id), int(t.state), t.nest, int(t.first), t.sectors, m.of[t.id], flag(t.going))
		for b := range modelBlocks {
			h, ok := t.blocks[b]
			add(flag(ok), int(h.heir))
		}
	}
	add(int(c.last), int(c.committed), int(c.home), int(c.head), flag(c.waiting), flag(c.err != nil), int(c.chain), int(m.doing.op), int(m.bracket),
		int(c.homing), int(c.homeward), flag(c.markDue), int(m.doingHome.op), int(m.doing.id),
		m.opened, flag(m.waiting), m.acked, m.of[c.committed], len(m.late), len(m.states))
	for _, s := range m.states {
		add(s[:]...)
	}
	for _, v := range m.home {
		add(len(v))
		add(v...)
	}
	for _, v := range m.journal {
		add(len(v))
		for _, l := range v {
			add(int(l.kind), int(l.seq), int(l.id), l.index, l.block, l.val, int(l.home))
		}
	}
	return string(k)
}

// base returns the state that a transaction starts from.
func (m *model) base(id uint64) content {
	for id--; ; id-- {
		if k, ok := m.of[id]; ok {
			return m.states[k]
		}
		if id == 0 {
			return m.states[0]
		}
	}
}

// commit makes the newest state the transaction's, as a Volume does.
func (m *model) commit() {
	id := m.c.get()
	if id == 0 {
		m.waiting = true
		return
	}
	m.waiting = false
	k := len(m.states) - 1
	_, joined := m.of[id]
	m.c.clear(id)
	n := 0
	for b, v := range m.states[k] {
		if m.base(id)[b] != v {
			m.c.add(id, Update{Block: b, Type: TypeFData, From: 0, To: 512})
			n++
		}
	}
	if n > 0 || joined || m.bracket == id {
		n++
	}
	if m.c.put(id, n); m.c.find(id) == nil {
		return // nothing had changed
	}
	m.of[id] = k
}

// steps returns the worlds that can come next.
func (m *model) steps() []*model {
	if m.c.err != nil {
		return nil // nothing may happen any more
	}
	var next []*model
	step := func(name string, do func(n *model)) {
		n := m.clone()
		n.path = append(n.path, name)
		do(n)
		next = append(next, n)
	}
	k := len(m.states)
	switch {
	case m.waiting:
		if m.c.in(StateFree) != nil || m.c.in(StateCreate) != nil {
			step("commit goes on", (*model).commit)
		}
	case k <= m.commits:
		for set := range 1 << modelBlocks {
			s := m.states[k-1]
			for b := range s {
				if set>>b&1 != 0 {
					s[b] = k
				}
			}
			if set == 0 {
				s = m.states[max(0, k-2)] // undo the last one
			}
			step(fmt.Sprint("commit ", s), func(n *model) {
				n.states = append(n.states, s)
				n.commit()
			})
		}
		if m.bracket == 0 && m.opened < 1 {
			step("open bracket", func(n *model) {
				if n.bracket = n.c.get(); n.bracket != 0 {
					n.opened++
				}
			})
		}
	}
	if m.bracket != 0 && !m.waiting {
		step("close bracket", func(n *model) {
			n.c.put(n.bracket, n.c.find(n.bracket).sectors)
			n.bracket = 0
		})
	}
	if m.doing.op == opNone {
		n := m.clone()
		if n.doing = n.c.next(); n.doing.op != opNone {
			n.path = append(n.path, fmt.Sprintf("do %d %v", n.doing.op, n.doing.writes))
			n.perform(n.doing)
			next = append(next, n)
		}
	} else {
		step("fails", func(n *model) {
			n.c.done(errBroken)
			n.doing = action{}
		})
		step("done", func(n *model) {
			n.c.done(nil)
			n.doing = action{}
			if k, ok := n.of[n.c.committed]; ok {
				n.acked = max(n.acked, k)
			}
		})
	}
	if !m.lanes {
		return next
	}
	if m.doingHome.op == opNone {
		n := m.clone()
		if n.doingHome = n.c.nextHome(); n.doingHome.op != opNone {
			n.path = append(n.path, fmt.Sprintf("do %d %v beside", n.doingHome.op, n.doingHome.writes))
			n.perform(n.doingHome)
			next = append(next, n)
		}
		return next
	}
	step("fails beside", func(n *model) {
		n.c.doneHome(errBroken)
		n.doingHome = action{}
	})
	step("done beside", func(n *model) {
		n.c.doneHome(nil)
		n.doingHome = action{}
	})
	return next
}

func (m *model) put(c cell) {
	i := c.seq % modelRing
	m.journal[i] = append(m.journal[i], c)
}

// perform does the I/O asked for.
func (m *model) perform(a action) {
	if len(m.late) > 0 && a.op != opJournalSync {
		for _, c := range m.late {
			m.put(c)
		}
		m.late = nil
	}
	switch a.op {
	case opJournal:
		t := m.c.find(a.id)
		var data []cell
		for i, b := range slices.Sorted(maps.Keys(t.blocks)) {
			data = append(data, cell{kind: kindData, seq: a.at + uint64(i), id: a.id, index: i, block: b, val: m.states[m.of[a.id]][b]})
		}
		if m.markFirst {
			m.late = data
		} else {
			for _, c := range data {
				m.put(c)
			}
		}
		m.put(cell{kind: kindCommit, seq: a.at + uint64(len(data)), id: a.id, index: len(data), first: a.at, home: a.home})
	case opMark:
		if !m.noMark {
			m.put(cell{kind: kindHome, seq: a.at, id: a.id})
		}
	case opJournalSync:
		for i, v := range m.journal {
			if !m.noSync {
				m.journal[i] = v[len(v)-1:]
			}
		}
	case opHome:
		for _, w := range a.writes {
			m.home[w.block] = append(m.home[w.block], m.states[m.of[w.id]][w.block])
		}
	case opHomeSync:
		for i, v := range m.home {
			if !m.noHomeSync {
				m.home[i] = v[len(v)-1:]
			}
		}
	}
}

// writeAhead checks rule 1: what goes home is durable in the journal.
func (m *model) writeAhead() error {
	for _, w := range slices.Concat(m.doing.writes, m.doingHome.writes) {
		t := m.c.find(w.id)
		for i := range t.sectors {
			at := (t.first + uint64(i)) % modelRing
			if v := m.journal[at]; len(v) != 1 || v[0].id != w.id {
				return fmt.Errorf("block %d of transaction %d goes home before its record %d is durable", w.block, w.id, i)
			}
		}
	}
	return nil
}

// crash cuts the power in every way and checks what recovery makes of it.
func (m *model) crash(marks map[cell]*commitMark) error {
	var chosen [modelRing]cell
	var choose func(i int) error
	choose = func(i int) error {
		if i < modelRing {
			for _, v := range m.journal[i] {
				chosen[i] = v
				if err := choose(i + 1); err != nil {
					return err
				}
			}
			return nil
		}
		return m.recover(chosen, marks)
	}
	return choose(0)
}

func (m *model) recover(cells [modelRing]cell, marks map[cell]*commitMark) error {
	slices.SortFunc(cells[:], func(a, b cell) int { return int(a.seq) - int(b.seq) })
	var records []record
	for _, c := range cells {
		if c.kind == 0 {
			continue
		}
		r := record{kind: c.kind, seq: c.seq, sectors: 1, id: c.id, index: c.index}
		if c.kind == kindCommit {
			if marks[c] == nil {
				marks[c] = &commitMark{first: c.first, updates: c.index, home: c.home, sums: checksum(make([]byte, 4*c.index))}
			}
			r.mark = marks[c]
		}
		records = append(records, r)
	}
	p := makePlan(header{}, records)
	if p.damaged != 0 {
		return fmt.Errorf("transaction %d counts as damaged", p.damaged)
	}
	var over content
	var has [modelBlocks]bool
	for _, l := range p.apply {
		for _, d := range l.data {
			i, _ := slices.BinarySearchFunc(cells[:], d.seq, func(c cell, seq uint64) int { return int(c.seq) - int(seq) })
			over[cells[i].block], has[cells[i].block] = cells[i].val, true
		}
	}
	// Every mixture of what may be on the image, under that.
	var home func(b int) error
	home = func(b int) error {
		if b == modelBlocks {
			if slices.Contains(m.states[m.acked:], over) {
				return nil
			}
			return fmt.Errorf("recovery gives %v, which is none of the commits %v", over, m.states[m.acked:])
		}
		if has[b] {
			return home(b + 1)
		}
		for _, v := range m.home[b] {
			over[b] = v
			if err := home(b + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return home(0)
}

// check explores all that can happen and returns the first violation with the way
// there, and how many worlds there are.
func check(r rules) (int, error) {
	seen := map[string]bool{}
	marks := map[cell]*commitMark{}
	todo := []*model{newModel(r)}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if k := m.key(); seen[k] {
			continue
		} else {
			seen[k] = true
		}
		err := m.writeAhead()
		if err == nil {
			err = m.crash(marks)
		}
		if m.c.used() > modelRing && err == nil {
			err = errors.New("the ring overflows")
		}
		next := m.steps()
		if a := m.clone().c.next(); m.c.err != nil && a.op != opNone && err == nil {
			err = errors.New("there is I/O after a failure")
		}
		if err == nil && m.c.err == nil && len(next) == 0 && (m.waiting || m.acked != len(m.states)-1 && m.states[m.acked] != m.states[len(m.states)-1]) {
			err = errors.New("it is stuck")
		}
		if err != nil {
			return len(seen), fmt.Errorf("%w\nafter %s", err, strings.Join(m.path, ", "))
		}
		todo = append(todo, next...)
	}
	return len(seen), nil
}

func TestModel(t *testing.T) {
	for _, lanes := range []bool{false, true} {
		n, err := check(rules{lanes: lanes, commits: 3})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d worlds", n)
		if n < 10_000 {
			t.Errorf("only %d worlds: the model does nothing", n)
		}
	}
}

// TestModelFindsBrokenRules breaks one rule at a time.
func TestModelFindsBrokenRules(t *testing.T) {
	for name, r := range map[string]rules{
		"inheritance without the heir's commit": {unsafeInherit: true, commits: 3},
		"no sync between journal and home":      {noSync: true, commits: 2},
		"mark before records":                   {markFirst: true, commits: 2},
		"completion before the home sync":       {noHomeSync: true, commits: 3},
		"no completion marks":                   {noMark: true, commits: 3},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r.lanes = range []bool{false, true} {
				_, err := check(r)
				if err == nil {
					t.Fatal("the model checker finds nothing wrong")
				}
				t.Log(err)
			}
		})
	}
}
