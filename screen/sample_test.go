package screen

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"v7em/block"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/unix/fs"
)

// pack makes the image of an RK05 with a file system of 4000 blocks, and a journal.
func pack(t testing.TB) string {
	t.Helper()
	m := fs.NewMem(journaldev.RK05.Blocks)
	f, err := fs.Mkfs(m, fs.MkfsOptions{Blocks: 4000})
	if err == nil {
		err = f.Sync()
	}
	path := filepath.Join(t.TempDir(), "rk0.rk05")
	if err == nil {
		err = os.WriteFile(path, m.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// gate is a file whose writes wait until it is opened.
type gate struct {
	journaldev.File
	open chan struct{}
}

func (g gate) WriteAt(p []byte, off int64) (int, error) {
	<-g.open
	return g.File.WriteAt(p, off)
}

// TestBlockLife follows a block from the guest's write to the image.
func TestBlockLife(t *testing.T) {
	path := pack(t)
	a := NewActivity(journaldev.RK05.Blocks)
	open := make(chan struct{})
	o := journaldev.VolumeOptions{Swap: journaldev.Range{From: 4000, To: 4872}}
	o.Wrap = func(name string, f journaldev.File) journaldev.File {
		if name != "image" {
			return f
		}
		return gate{a.Image(f), open}
	}
	v, err := journaldev.OpenVolume(path, journaldev.RK05, o)
	if err != nil {
		t.Fatal(err)
	}
	d := a.Disk(v)
	if _, ok := d.(machine.Committer); !ok {
		t.Error("the volume does not tell what is committed any more")
	}
	s := NewSampler()
	s.SetSources([]Source{{"rk0", v, a}})
	now := time.Now()
	sample := func() Drive {
		t.Helper()
		now = now.Add(samplePeriod)
		m := s.Sample(now)
		if len(m.Drives) != 1 || m.Drives[0].Name != "rk0" || m.Drives[0].File != "rk0.rk05" || m.Drives[0].Journal == nil {
			t.Fatalf("%d drives", len(m.Drives))
		}
		return m.Drives[0]
	}
	b := sample().Blocks
	for n, want := range map[int]Kind{0: KindOther, 1: KindSuper, 2: KindInodes, 3999: KindFree, 4000: KindSwap, 4871: KindSwap} {
		if b[n] != (Block{want, ActNone, 1}) && b[n].Kind != want {
			t.Errorf("block %d: %+v", n, b[n])
		}
		if b[n].Act != ActNone {
			t.Errorf("block %d: %+v at rest", n, b[n])
		}
	}
	buf := make([]byte, block.Size)
	d.ReadBlock(3000, buf)
	d.ReadBlock(-1, buf)
	d.ReadBlock(1<<20, buf)
	if b := sample().Blocks[3000]; b.Act != ActRead || b.Age > 1 {
		t.Errorf("read: %+v", b)
	}
	d.WriteBlock(3000, bytes.Repeat([]byte{1}, block.Size))
	if dr := sample(); dr.Blocks[3000].Act != ActWritten || dr.Reads == 0 || dr.Writes == 0 {
		t.Errorf("written: %+v, %v reads, %v writes", dr.Blocks[3000], dr.Reads, dr.Writes)
	}
	for range 2 * hotAge {
		sample()
	}
	ticket, err := v.Commit(d.Snapshot(), journaldev.Note{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ticket.Wait(); err != nil {
		t.Fatal(err)
	}
	dr := sample()
	if b := dr.Blocks[3000]; b.Act != ActJournaled || dr.Journal.States[journaldev.StateTrans] != 1 || dr.Journal.Commits != 1 || dr.Journal.Used == 0 || dr.Journal.Rate == 0 || dr.Journal.Latency == 0 {
		t.Errorf("journaled: %+v, %+v", b, dr.Journal)
	}
	for _, st := range []journaldev.State{journaldev.StateCreate, journaldev.StateStart, journaldev.StateTrans} {
		if dr.Journal.Ages[st] > hotAge {
			t.Errorf("no trace in %v", st)
		}
	}
	close(open)
	eventually(t, func() bool { return v.Status().Home == 1 })
	if b := sample().Blocks[3000]; b.Act != ActHome || b.Age > 1 {
		t.Errorf("home: %+v", b)
	}
	v.Cut()
	sample()
}

// TestPlainPack surveys a pack without a journal, and again when it has changed.
func TestPlainPack(t *testing.T) {
	p, err := journaldev.Open(pack(t), journaldev.RK05, journaldev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	a := NewActivity(p.Blocks())
	d := a.Disk(p)
	if _, ok := d.(machine.Committer); ok {
		t.Error("a pack without a journal tells what is committed")
	}
	s := NewSampler()
	s.SetPower(Running)
	s.SetSources([]Source{{"rk1", p, a}})
	now := time.Now()
	kind := func(n int) Kind {
		now = now.Add(samplePeriod)
		s.Attend(m)
		model := s.Sample(now)
		if c := model.Processor; c.Name != "" && c.Name != "PDP-11/70, 2048 KB" {
			t.Errorf("the machine is %q", c.Name)
		}
		return model.Drives[0].Blocks[n].Kind
	}
	eventually(t, func() bool { return kind(1) == KindSuper && kind(2) == KindInodes && kind(4000) == KindOther })
	d.WriteBlock(1, make([]byte, block.Size)) // no superblock any more
	eventually(t, func() bool { return kind(1) == KindOther })
	if s.Sample(now).Drives[0].Journal != nil {
		t.Error("it has a journal")
	}
}

func TestCounter(t *testing.T) {
	var c counter
	at := time.Unix(0, 0)
	for i := range 100 {
		got := c.rate(at.Add(time.Duration(i)*100*time.Millisecond), uint64(i)*5, time.Second)
		if i > 0 && (got < 49.9 || got > 50.1) || i == 0 && got != 0 {
			t.Fatalf("after %d: %v", i, got)
		}
	}
	if len(c.at) > 12 {
		t.Errorf("%d counts are kept", len(c.at))
	}
	// It begins anew, as with a new machine.
	if got := c.rate(at.Add(11*time.Second), 3, time.Second); got != 0 {
		t.Errorf("begun anew: %v", got)
	}
}

// TestReplay shows a recovery: first the blocks are in the journal, one by one they
// come home; a key skips it.
func TestReplay(t *testing.T) {
	rec := []Recovered{{"rk0", "recovered", []journaldev.Replay{{Transaction: 7, Blocks: []int{5, 9}, Written: []bool{true, true}}, {Transaction: 8, Blocks: []int{9, 4}, Written: []bool{true, false}}}}}
	r := newReplay(rec)
	now := time.Now()
	acts := func() (a []Act) {
		d := []Drive{{Name: "rk0", Blocks: make([]Block, 10)}}
		v := r.overlay(d, now)
		if v.Total != 4 {
			t.Fatalf("%+v", v)
		}
		for _, n := range []int{5, 9, 4} {
			a = append(a, d[0].Blocks[n].Act)
		}
		return a
	}
	j, h, r0 := ActJournaled, ActHome, ActRead // the last was home already
	for i, want := range [][]Act{{j, j, j}, {h, j, j}, {h, h, j}, {h, h, j}, {h, h, r0}, {h, h, r0}} {
		got := acts()
		// Block 9 comes home twice: once for each transaction.
		if i == 2 {
			got[1] = h
		}
		if !slices.Equal(got, want) {
			t.Errorf("step %d: %v, want %v", i, got, want)
		}
		now = now.Add(stepTime)
	}
	select {
	case <-r.over:
		t.Error("the end was not shown")
	default:
	}
	now = now.Add(time.Hour)
	acts()
	select {
	case <-r.over:
		t.Error("it goes away by itself")
	default:
	}

	s := simulation(t, 100, 30)
	x := Open(s, nil)
	defer x.Close()
	over := make(chan struct{})
	many := Recovered{Drive: "rk0", Replayed: []journaldev.Replay{{Transaction: 1, Blocks: make([]int, 1000), Written: make([]bool, 1000)}}}
	go func() {
		x.Replay(t.Context(), []Recovered{{Drive: "rk0"}}) // nothing to show
		x.Replay(t.Context(), []Recovered{many})
		ended, end := context.WithCancel(t.Context())
		end()
		x.Replay(ended, []Recovered{many}) // v7em is to end
		close(over)
	}()
	// A key before the replay begins would be the guest's.
	eventually(t, func() bool {
		x.Sampler.mu.Lock()
		defer x.Sampler.mu.Unlock()
		return x.Sampler.replay != nil
	})
	s.InjectKey(tcell.KeyRune, 'q', 0)
	<-over
	select {
	case k := <-x.Keys():
		t.Errorf("the guest gets %q", k)
	case <-time.After(50 * time.Millisecond):
	}
}

// TestLights looks at a machine at moments that tell something.
func TestLights(t *testing.T) {
	m, err := machine.New(machine.Config{Model: machine.PDP1145})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSampler()
	s.SetPower(Running)
	now := time.Now()
	sample := func() Processor {
		now = now.Add(samplePeriod)
		return s.Sample(now).Processor
	}
	set := func(pc, psw uint16, waiting bool) {
		m.CPU.R[7], m.CPU.Waiting = pc, waiting
		m.CPU.SetPSW(psw)
	}
	s.tick = 1 // the next sample is followed by one at any time
	sample()
	set(0o100, 0o340, true)
	s.Attend(m)
	set(0o200, 0o170017, false)
	s.Called(m) // not asked for
	s.Attend(m)
	set(0o300, 0, true)
	s.Attend(m) // seen already
	if p := sample(); p.PC != 0o200 || p.Mode() != 3 || p.Priority() != 0 || p.Power != Running || p.Name != "PDP-11/45, 248 KB" {
		t.Errorf("at work: %+v", p)
	}
	set(0o400, 0o170000, false)
	s.Called(m)
	set(0o500, 0o340, true)
	s.Attend(m)
	if p := sample(); p.PC != 0o400 || p.Power != Running {
		t.Errorf("at a call: %+v", p)
	}
	s.Attend(m)
	if p := sample(); p.PC != 0o500 || p.Power != Waiting || p.Priority() != 7 || p.Mode() != 0 {
		t.Errorf("waiting: %+v", p)
	}
	s.SetPower(PowerOff)
	if p := sample(); p.Power != PowerOff || p.PC != 0 || p.PSW != 0 {
		t.Errorf("off: %+v", p)
	}
}

// TestNote: what is told of a machine is not told of it when its power is off.
func TestNote(t *testing.T) {
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSampler()
	s.SetNote(func() string { return "no commit since noon" })
	now := time.Now()
	for _, tt := range []struct {
		power Power
		want  string
	}{{Running, "no commit since noon"}, {Halted, "no commit since noon"}, {PowerOff, ""}, {Recovering, ""}, {Running, "no commit since noon"}} {
		s.SetPower(tt.power)
		s.tick = 1
		s.Attend(m)
		now = now.Add(samplePeriod)
		s.Sample(now)
		s.Attend(m)
		now = now.Add(samplePeriod)
		if got := s.Sample(now); got.Note != tt.want {
			t.Errorf("%s (%s): %q, want %q", powerNames[tt.power], powerNames[got.Processor.Power], got.Note, tt.want)
		}
	}
}
