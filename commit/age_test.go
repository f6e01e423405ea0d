package commit

import (
	"strings"
	"testing"
	"time"

	"v7em/block"
	"v7em/machine"
	"v7em/mmu"
	"v7em/rk"
	"v7em/tests/guest"
	"v7em/unix/aout"
	"v7em/unix/kernel"
)

// lines returns how many lines were told that have all of the texts.
func (h *simHost) lines(texts ...string) (n int) {
	for _, line := range h.told {
		has := true
		for _, s := range texts {
			has = has && strings.Contains(line, s)
		}
		if has {
			n++
		}
	}
	return n
}

// TestAgeOfWork has a busy guest on hosts of slow disks: work is durable after an interval
// and two syncs.
func TestAgeOfWork(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		o.Files = loops
		base := guest.Boot(t, o)
		background(base, "dirs /tmp/1", "files /tmp/2", "files /usr/tmp/1")
		for _, sync := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond} {
			h := simulated(t, base.Clone(t), sync, Options{}, nil, 0, 7)
			h.g.Wait(20 * guest.Second)
			limit := DefaultInterval + 2*sync + 20*time.Millisecond // it is looked now and then only
			if got := percentile(h.ages, 999); got > limit {
				t.Errorf("syncs of %v: work was %v old; limit %v", sync, got, limit)
			}
			s, stats := h.c.Status(), h.c.Stats()
			if worst := max(percentile(h.ages, 1000), percentile(stats.Ages, 1000)); s.Worst != worst || s.Worst < sync {
				t.Errorf("syncs of %v: the worst was %v; the status says %v", sync, worst, s.Worst)
			}
			if stats.Settled < 90 {
				t.Errorf("syncs of %v: %d points in 100 intervals", sync, stats.Settled)
			}
			late := sync > DefaultInterval
			if got := h.lines("no commit point since"); got != map[bool]int{true: 1}[late] {
				t.Errorf("syncs of %v: told %q", sync, h.told)
			}
		}
	})
}

// TestLate has the host stand still for ten seconds: that is told within a second, with
// what it waits for, and again when it is over. The guest's sync does not return meanwhile.
func TestLate(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		h := simulated(t, g, time.Millisecond, Options{}, nil, 0, 7)
		g.Run("sync")
		h.sync = 10 * guest.Second
		begin := h.clock()
		g.Type("echo x >/tmp/x; sync; echo ret''urned\r")
		for range 9 {
			g.Wait(guest.Second)
			if strings.Contains(g.Printed(), "returned") {
				t.Fatal("sync returns before its commit is durable")
			}
		}
		if h.lines("no commit point since ", "rk7") != 1 || len(h.told) != 1 {
			t.Errorf("told %q", h.told)
		}
		s := h.c.Status()
		if !s.Waits || s.Age < 8*time.Second || s.Late == nil || begin.Sub(s.Late.Since) > time.Second || !strings.Contains(s.Late.Why, "rk7") {
			t.Errorf("%+v", s)
		}
		if lines := strings.Join(s.Lines(), "\n"); !strings.Contains(lines, "no commit point since") || !strings.Contains(lines, "kept: whole operations") {
			t.Errorf("the status says %q", lines)
		}
		h.sync = 1000
		g.Await("returned")
		g.Wait(guest.Second)
		g.Run("sync")
		if !h.has(7, "/x") || h.lines("commit points come again") != 1 || len(h.told) != 2 {
			t.Errorf("told %q", h.told)
		}
		if s := h.c.Status(); s.Late != nil || s.Worst < 9*time.Second || s.Worst > 12*time.Second {
			t.Errorf("%+v", s)
		}
	})
}

// TestStoodStill stops the machine and its committer for a minute, as a stop signal does:
// that makes no work older.
func TestStoodStill(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		g := guest.Boot(t, o)
		j := journaled(t, g)
		var told []string
		c := NewCommitter(g.M, j.volumes, Options{Clock: j.clock.Now, Tell: func(line string) { told = append(told, line) }})
		defer c.Close()
		c.attend()
		g.Run("echo x >/tmp/x")
		j.clock.add(10 * time.Millisecond)
		c.attend()
		j.clock.add(time.Minute)
		c.attend()
		c.wait()
		if s := c.Status(); len(told) > 0 || s.Worst > DefaultInterval || !j.has(7, "/x") {
			t.Errorf("told %q, %+v", told, s)
		}
	})
}

// TestComingUp boots a guest under a committer: nothing is told of a guest that is on
// its way to be known.
func TestComingUp(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		d := o.Drives(t)
		o.Machine.Model = d.Set.Model(0)
		m, err := machine.New(o.Machine)
		if err != nil {
			t.Fatal(err)
		}
		g := guest.New(t, m, d)
		units := []int{0, 7}
		h := simulated(t, g, time.Millisecond, Options{}, nil, units...)
		if err := d.Set.Boot(g.Context(), m, g.Session); err != nil {
			t.Fatal(err)
		}
		g.Shell()
		g.Run("echo x >/x; sync")
		if s := h.c.Status(); len(h.told) > 0 || s.Promise != WholeOperations || !h.has(0, "/x") {
			t.Errorf("told %q, %+v", h.told, s)
		}
	})
}

// TestLateForAMoment: nothing is told of a host that is slow by a fraction of a second, nor
// while a guest comes up on one that is slower; the status has the age.
func TestLateForAMoment(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		d := o.Drives(t)
		o.Machine.Model = d.Set.Model(0)
		m, err := machine.New(o.Machine)
		if err != nil {
			t.Fatal(err)
		}
		g := guest.New(t, m, d)
		s := NewSettler()
		s.Limit = 1
		h := simulated(t, g, 700*time.Millisecond, Options{Settler: s}, nil, 0, 7)
		if err := d.Set.Boot(g.Context(), m, g.Session); err != nil {
			t.Fatal(err)
		}
		g.Shell()
		g.Wait(guest.Second)
		if len(h.told) > 0 || h.c.Status().Late != nil {
			t.Errorf("on its way up: told %q, %+v", h.told, h.c.Status())
		}
		s.Limit, h.sync = DefaultLimit, 300_000_000
		g.Run("sync")
		g.Wait(2 * guest.Second)
		h.ages = nil
		g.Run("while :; do echo x >/tmp/x; done &")
		g.Wait(10 * guest.Second)
		if worst := percentile(h.ages, 1000); worst < 3*DefaultInterval || worst > 2*DefaultInterval+slack {
			t.Fatalf("work was %v old", worst)
		}
		if st := h.c.Status(); len(h.told) > 0 || st.Worst < 3*DefaultInterval {
			t.Errorf("told %q, %+v", h.told, st)
		}
		for range 100 { // the status says so from two intervals on
			if st := h.c.Status(); st.Late != nil && st.Age > 2*DefaultInterval {
				break
			} else if st.Late == nil && st.Age > 2*DefaultInterval {
				t.Fatalf("%+v", st)
			}
			g.Wait(guest.Second / 20)
		}
	})
}

// TestSlowToSettle: a clone that takes its time on the host is not said to be the guest's
// operations that do not end.
func TestSlowToSettle(t *testing.T) {
	c := &Committer{o: Options{Interval: DefaultInterval}}
	now := time.Unix(1000, 0)
	if why := c.whyLate(now); !strings.Contains(why, "this host is slow") {
		t.Errorf("none was begun: %q", why)
	}
	c.under = []*handed{{begin: now.Add(-time.Second)}}
	if why := c.whyLate(now); !strings.Contains(why, "this host is slow: the point begun 1s ago") {
		t.Errorf("one settles: %q", why)
	}
	c.err = &UnsettledError{Instructions: 5}
	if why := c.whyLate(now); !strings.Contains(why, "did not come to an end") {
		t.Errorf("after one that did not end: %q", why)
	}
}

// scribbler is a program that writes a block of rk7 again and again. It is no V7.
var scribbler = []uint16{
	0o012701, 0o177412, // mov $rkda, r1
	0o012711, 0o160003, // mov $drive 7 sector 3, (r1)
	0o012741, 0o001000, // mov $1000, -(r1)
	0o012741, 0o177400, // mov $-256, -(r1)
	0o012741, 0o000003, // mov $write, -(r1)
	0o105711, 0o100376, // 1: tstb (r1); bpl 1b
	0o005237, 0o001000, // inc 1000
	0o000761, // br to the begin
}

// TestUnknownGuestIsTold: what is only kept to a prefix of its writes is told as soon as
// it writes, and what has not written is not.
func TestUnknownGuestIsTold(t *testing.T) {
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pack := block.NewStore(rk.RK05Blocks)
	if err := m.AttachRK(7, machine.MemDisk{Store: pack}); err != nil {
		t.Fatal(err)
	}
	g := guest.Bare(t, m)
	h := simulated(t, g, time.Millisecond, Options{}, nil, 7)
	copy(m.MMU.Mem, []uint16{0o000777}) // br .
	m.CPU.SetPSW(0o340)
	m.CPU.Start(0)
	m.Run(5 * guest.Second)
	if s := h.c.Status(); len(h.told) > 0 || s.Promise != NoPoint || s.Waits {
		t.Errorf("it has done nothing: told %q, %+v", h.told, s)
	}
	copy(m.MMU.Mem[0o1000/2+256:], scribbler)
	m.CPU.Start(0o2000)
	m.Run(guest.Second)
	s := h.c.Status()
	if h.lines("a prefix of its writes", "no V7 kernel") != 1 || len(h.told) != 1 || s.Promise != WritePrefix || s.Why == "" {
		t.Errorf("told %q, %+v", h.told, s)
	}
	if s.Late != nil || h.c.Stats().Prefixes < 4 {
		t.Errorf("%+v, %+v", s, h.c.Stats())
	}
	// Its end is orderly: all that it has written is there.
	if err := h.c.Last("stopped"); err != nil {
		t.Error(err)
	}
	for n := range h.recovered(7).Diff(h.volumes[rk7].Snapshot()) {
		t.Errorf("block %d is not as it was written", n)
	}
}

// TestContradiction has V7's tables contradict each other while it runs on: that is told
// within a second, and its packs are kept as it has written them, by sync too; when they can be
// read again, that is told.
func TestContradiction(t *testing.T) {
	g := guest.Boot(t, guest.Options{})
	file, err := aout.Parse(g.ReadFile("/unix"))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := file.Lookup("_nblkdev")
	if !ok {
		t.Fatal("no nblkdev")
	}
	word := &g.M.MMU.Mem[s.Value/2] // kernel data is at 0
	h := simulated(t, g, time.Millisecond, Options{}, nil, 0, 7)
	g.Run("echo a >/a; sync")
	*word += 3
	g.M.MMU.Touch(uint32(s.Value), 2)
	begin := h.clock()
	g.Run("while :; do echo x >/x; done & p=$!")
	g.Wait(guest.Second)
	if n := h.lines("a prefix of its writes", "contradict"); n != 1 {
		t.Errorf("after %v told %q", h.clock().Sub(begin), h.told)
	}
	g.Run("kill $p; echo b >/b; sync")
	if s := h.c.Status(); s.Promise != WritePrefix || !strings.Contains(s.Why, "contradict") {
		t.Errorf("%+v", s)
	}
	if got := h.c.Stats(); got.Given != 0 || got.Fallbacks < 2 || !h.has(0, "/b") {
		t.Errorf("%+v, or what sync covered is lost", got)
	}
	if err := h.c.Last("power off"); err == nil || kernel.Why(err) != kernel.Contradictory || !strings.Contains(err.Error(), "as the guest's writes have left them") {
		t.Errorf("the run ends with %v", err)
	}
	*word -= 3
	g.M.MMU.Touch(uint32(s.Value), 2)
	g.Run("echo c >/c; sync")
	if s := h.c.Status(); s.Promise != WholeOperations || h.lines("seen again") != 1 || !h.has(0, "/c") {
		t.Errorf("told %q, %+v", h.told, s)
	}
	if err := h.c.Last("power off"); err != nil {
		t.Error(err)
	}
}

// TestTriesGoOn has no clone settle for a while: the committer goes on to try, a sync does
// not return meanwhile, and it is durable when it does.
func TestTriesGoOn(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		o.Files = loops
		g := guest.Boot(t, o)
		sixLoops(g, o)
		setTiming(g.M, slow)
		g.Wait(2 * guest.Second)
		s := NewSettler()
		s.Limit = 1
		h := simulated(t, g, time.Millisecond, Options{Settler: s}, nil, 0, 7)
		g.Wait(60 * guest.Second)
		// What fails is tried again after three intervals, or when it is looked next.
		if n := h.c.Stats().Clones; n < 50 {
			t.Errorf("%d tries in 300 intervals", n)
		}
		if h.lines("no commit point since") != 1 {
			t.Errorf("told %q", h.told)
		}
		attend := g.M.Attend
		begin := h.c.Stats()
		g.M.Attend = func() {
			if h.c.Stats().Unsettled >= begin.Unsettled+3 {
				s.Limit = DefaultLimit
			}
			attend()
		}
		g.Run("echo x >/tmp/x; sync")
		after := h.c.Stats()
		if !h.has(7, "/x") || after.Syncs != begin.Syncs+1 || after.Given != begin.Given || after.Unsettled < begin.Unsettled+3 {
			t.Errorf("sync has returned, or given up: %+v", after)
		}
	})
}

// TestSyncIsNotCovered has no clone settle at all: sync does not hang for ever, and when it
// returns the user has been told that it covers nothing.
func TestSyncIsNotCovered(t *testing.T) {
	both(t, func(t *testing.T, o guest.Options) {
		o.Files = loops
		g := guest.Boot(t, o)
		sixLoops(g, o)
		setTiming(g.M, slow)
		g.Wait(2 * guest.Second)
		s := NewSettler()
		s.Limit = 1
		h := simulated(t, g, time.Millisecond, Options{Settler: s}, nil, 0, 7)
		g.Run("echo x >/tmp/x; sync")
		if h.c.Stats().Given == 0 && h.has(7, "/x") {
			return // by chance an instant was settled
		}
		if h.lines("sync returns", "NOT durable") != 1 {
			t.Errorf("told %q, %+v", h.told, h.c.Stats())
		}
	})
}

// TestUnknownCallsAreTold: a guest that is not known and makes system calls is told before
// it writes anything: it is at work, and may have much in its memory.
func TestUnknownCallsAreTold(t *testing.T) {
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.AttachRK(7, machine.MemDisk{Store: block.NewStore(rk.RK05Blocks)}); err != nil {
		t.Fatal(err)
	}
	g := guest.Bare(t, m)
	h := simulated(t, g, time.Millisecond, Options{}, nil, 7)
	for _, space := range []int{mmu.Kernel << 1, mmu.User << 1} {
		for i := range 8 {
			m.MMU.PAR[space][i], m.MMU.PDR[space][i] = uint16(0o200*i), 0o77406
		}
	}
	copy(m.MMU.Mem[0o34/2:], []uint16{0o3000, 0})
	m.MMU.Mem[0o3000/2] = 0o000002                           // the kernel: rti
	copy(m.MMU.Mem[0o2000/2:], []uint16{0o104401, 0o000776}) // the user: trap; br .-2
	m.CPU.SetPSW(0)
	m.CPU.R[6] = 0o1000
	m.MMU.MMR0 = 1
	m.CPU.SetPSW(0o170000)
	m.CPU.Start(0o2000)
	m.Run(guest.Second)
	s := h.c.Status()
	if h.lines("a prefix of its writes", "no V7 kernel") != 1 || len(h.told) != 1 || s.Promise != WritePrefix {
		t.Errorf("told %q, %+v", h.told, s)
	}
}
