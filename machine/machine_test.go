package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"v7em/asm"
	"v7em/block"
	"v7em/rk"
)

// newBare makes a machine with a program at 01000, started in kernel mode.
func newBare(tb testing.TB, cfg Config, source string) *Machine {
	tb.Helper()
	m, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := asm.AssembleString("bare.s", ".=1000\n"+source, asm.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	image, err := p.Image()
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(image); i += 2 {
		m.MMU.Mem[i/2] = uint16(image[i]) | uint16(image[i+1])<<8
	}
	m.CPU.SetPSW(0340)
	m.CPU.R[6] = 0700
	m.CPU.Start(01000)
	return m
}

// busy exercises disk, clock and memory: it counts clock ticks in 2000 and
// writes the count to successive blocks of rk0.
const busy = `
	mov	$tick,100
	mov	$340,102
	mov	$done,220
	mov	$340,222
	mov	$100,*$177546
	mov	$100,r5
	clr	r4
	jsr	pc,write
	mov	$0,-(sp)
	mov	$loop,-(sp)
	rti
loop:	inc	r3
	add	r3,1776
	wait
	br	loop
tick:	inc	2000
	mov	$100,*$177546
	rti
done:	inc	r4
	cmp	r4,r5
	beq	stop
	jsr	pc,write
	rti
stop:	halt
write:	mov	$1777,r0
	mov	$-400,*$177406
	mov	$1776,*$177410
	mov	r4,r0
	bic	$177760,r0
	cmp	r0,$13.
	ble	1f
	clr	r0
1:	mov	r0,*$177412
	mov	$103,*$177404
	rts	pc
`

func newBusy(tb testing.TB) *Machine {
	m := newBare(tb, Config{}, busy)
	if err := m.AttachRK(0, MemDisk{Store: block.NewStore(4872)}); err != nil {
		tb.Fatal(err)
	}
	return m
}

func diskOf(tb testing.TB, m *Machine, unit int) []byte {
	tb.Helper()
	d := m.disks[0][unit]
	out := make([]byte, 0, d.Blocks()*block.Size)
	var b [block.Size]byte
	for n := range d.Blocks() {
		if err := d.ReadBlock(n, b[:]); err != nil {
			tb.Fatal(err)
		}
		out = append(out, b[:]...)
	}
	return out
}

// same fails the test unless two machines are in the same state.
func same(t *testing.T, what string, a, b *Machine) {
	t.Helper()
	x, y := reflect.ValueOf(a.State()), reflect.ValueOf(b.State())
	for i := range x.NumField() {
		// As text: an empty list may be nil or not.
		if p, q := fmt.Sprintf("%+v", x.Field(i)), fmt.Sprintf("%+v", y.Field(i)); p != q {
			t.Errorf("%s: %s differs:\n%s\n%s", what, x.Type().Field(i).Name, p, q)
		}
	}
	if !reflect.DeepEqual(a.MMU.Mem, b.MMU.Mem) {
		t.Errorf("%s: memories differ", what)
	}
	if !bytes.Equal(diskOf(t, a, 0), diskOf(t, b, 0)) {
		t.Errorf("%s: packs differ", what)
	}
}

func TestBusyHalts(t *testing.T) {
	m := newBusy(t)
	if s := m.Run(60e9); s != StopHalt {
		t.Fatalf("stopped by %v at PC %06o", s, m.CPU.R[7])
	}
	if m.CPU.R[4] != 0100 || m.CPU.R[4] != m.CPU.R[5] {
		t.Errorf("did %o transfers, want 100", m.CPU.R[4])
	}
}

func TestCloneRunsOn(t *testing.T) {
	for _, at := range []uint64{1, 37, 1000, 5003} {
		m := newBusy(t)
		for range at {
			m.Step()
		}
		c, err := m.Clone()
		if err != nil {
			t.Fatal(err)
		}
		same(t, "at the clone", m, c)
		before := c.State()
		memory := append([]uint16(nil), c.MMU.Mem...)
		if s := m.Run(60e9); s != StopHalt {
			t.Fatalf("original stopped by %v", s)
		}
		if !reflect.DeepEqual(before, c.State()) || !reflect.DeepEqual(memory, c.MMU.Mem) {
			t.Fatal("the original's run changed the clone")
		}
		if s := c.Run(60e9); s != StopHalt {
			t.Fatalf("clone stopped by %v", s)
		}
		same(t, "at the end", m, c)
	}
}

func TestCloneInto(t *testing.T) {
	m, c := newBusy(t), newBusy(t)
	c.Run(1e6)
	m.Run(2e6)
	if err := m.CloneInto(c); err != nil {
		t.Fatal(err)
	}
	m.Run(60e9)
	c.Run(60e9)
	same(t, "at the end", m, c)
	other, err := New(Config{Model: PDP1145})
	if err != nil {
		t.Fatal(err)
	}
	if m.CloneInto(other) == nil {
		t.Error("a clone into another model was accepted")
	}
}

func TestSaveRestore(t *testing.T) {
	m := newBusy(t)
	m.Run(3e6)
	var saved bytes.Buffer
	if err := m.Save(&saved, time.Time{}); err != nil {
		t.Fatal(err)
	}
	file := saved.Bytes()
	pack := func() *block.Store {
		s := block.NewStore(4872)
		if err := s.Load(bytes.NewReader(diskOf(t, m, 0))); err != nil {
			t.Fatal(err)
		}
		return s
	}
	packs := Packs{}
	packs.RK[0] = MemDisk{Store: pack()}
	r, _, err := Restore(bytes.NewReader(file), packs)
	if err != nil {
		t.Fatal(err)
	}
	changed := Packs{}
	s := pack()
	if err := s.WriteBlock(7, bytes.Repeat([]byte{1}, block.Size)); err != nil {
		t.Fatal(err)
	}
	changed.RK[0] = MemDisk{Store: s}
	extra := packs
	extra.RK[3] = MemDisk{Store: pack()}
	for what, p := range map[string]Packs{"a changed pack": changed, "a missing pack": {}, "one pack more": extra} {
		if _, _, err := Restore(bytes.NewReader(file), p); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	m.Run(60e9)
	r.Run(60e9)
	same(t, "at the end", m, r)

	for _, n := range []int{0, 5, len(saveMagic), len(file) / 2, len(file) - 1} {
		if _, _, err := Restore(bytes.NewReader(file[:n]), packs); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(file))
		}
	}
	for i := len(saveMagic); i < len(file); i += len(file)/50 + 1 {
		bad := bytes.Clone(file)
		bad[i] ^= 0x55
		// Header bytes of gzip that mean nothing may change.
		if r, _, err := Restore(bytes.NewReader(bad), packs); err == nil && i > len(saveMagic)+10 {
			t.Errorf("byte %d changed and accepted: %v", i, r)
		}
	}
}

// lagging is a pack of which less is on the host than in the drive.
type lagging struct {
	MemDisk
	committed *block.Store
}

func (d lagging) Committed() *block.Store { return d.committed.Clone() }

// TestSaveAheadOfTheHost saves a machine that has written more than is committed,
// and restores it on packs as the commit left them.
func TestSaveAheadOfTheHost(t *testing.T) {
	m := newBusy(t)
	m.Run(2e6)
	committed := m.disks[0][0].(MemDisk).Snapshot()
	m.Run(2e6)
	pack := m.disks[0][0].(MemDisk)
	n := 0
	for range pack.Diff(committed) {
		n++
	}
	if n == 0 {
		t.Fatal("the guest has written nothing meanwhile")
	}
	m.disks[0][0] = lagging{pack, committed}
	var saved bytes.Buffer
	if err := m.Save(&saved, time.Time{}); err != nil {
		t.Fatal(err)
	}
	packs := Packs{}
	packs.RK[0] = MemDisk{Store: committed.Clone()}
	r, _, err := Restore(&saved, packs)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "restored", m, r)
	m.Run(60e9)
	r.Run(60e9)
	same(t, "at the end", m, r)
}

func FuzzRestore(f *testing.F) {
	m, err := New(Config{Memory: 8 << 10, Model: PDP1145})
	if err != nil {
		f.Fatal(err)
	}
	var saved bytes.Buffer
	if err := m.Save(&saved, time.Time{}); err != nil {
		f.Fatal(err)
	}
	f.Add(saved.Bytes())
	f.Add([]byte(saveMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		if m, _, err := Restore(bytes.NewReader(file), Packs{}); err == nil {
			m.Run(1e6)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []Config{{Model: 34}, {Memory: 1}, {Memory: 5000}, {Memory: 8 << 20}, {Model: PDP1145, Memory: 1 << 20}, {Memory: -8192}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

// TestDisksThatCannotBeCloned has a drive hold a disk without Snapshot.
func TestDisksThatCannotBeCloned(t *testing.T) {
	m := newBusy(t)
	type plain struct{ rk.Disk }
	if err := m.AttachRK(1, plain{MemDisk{Store: block.NewStore(4872)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Clone(); err == nil {
		t.Error("cloned a machine with a disk that cannot be copied")
	}
}

// fakeClock is the clock of a host that needs 7 ns for an instruction.
type fakeClock struct {
	m     *Machine
	slept time.Duration
}

func (c *fakeClock) Now() time.Duration {
	return c.slept + time.Duration(c.m.Instructions())*7
}
func (c *fakeClock) After(d time.Duration) <-chan time.Time {
	c.slept += max(d, 0)
	ch := make(chan time.Time, 1)
	ch <- time.Time{}
	return ch
}

// TestPacedClock holds the guest's ticks against the host's time, for a guest
// that waits and for one that never does.
func TestPacedClock(t *testing.T) {
	const setup = `
	mov	$tick,100
	mov	$340,102
	mov	$100,*$177546
	spl	0
`
	for name, program := range map[string]string{
		"idle": setup + "1: wait; br 1b\ntick: inc r1; cmp r1,$60.; beq 2f; rti; 2: halt\n",
		"busy": setup + "1: inc r2; br 1b\ntick: inc r1; cmp r1,$60.; beq 2f; rti; 2: halt\n",
	} {
		t.Run(name, func(t *testing.T) {
			m := newBare(t, Config{}, program)
			clock := &fakeClock{m: m}
			stop, err := m.RunPaced(context.Background(), clock, nil)
			if err != nil || stop != StopHalt {
				t.Fatalf("stopped by %v, %v", stop, err)
			}
			// 60 ticks of 60 Hz are a second.
			if d := clock.Now() - time.Second; d.Abs() > 20*time.Millisecond {
				t.Errorf("60 ticks took %v of host time, want 1s", clock.Now())
			}
		})
	}
}

// leaps is a fakeClock that leaps ahead once, as when the process was stopped or the
// host slept.
type leaps struct {
	fakeClock
	at, by time.Duration
}

func (c *leaps) Now() time.Duration {
	now := c.fakeClock.Now()
	if now >= c.at {
		now += c.by
	}
	return now
}

// TestPacedCatchesUp: a guest that was stopped gets every tick that it has missed, soon,
// and one that computes gets to do something between any two of them.
func TestPacedCatchesUp(t *testing.T) {
	const away = 10 * time.Second
	const program = `
	mov	$tick,100
	mov	$340,102
	mov	$100,*$177546
	mov	$77777,r4
	spl	0
1:	%s
	inc	r2
	bpl	1b
	mov	$77777,r2		/ it counts no further
	br	1b
tick:	inc	r1
	cmp	r2,r4
	bhis	2f
	mov	r2,r4			/ the fewest between two ticks
2:	clr	r2
	cmp	r1,$660.
	beq	3f
	rti
3:	halt
`
	for name, body := range map[string]string{"idle": "wait", "busy": "nop"} {
		t.Run(name, func(t *testing.T) {
			m := newBare(t, Config{}, fmt.Sprintf(program, body))
			clock := &leaps{fakeClock: fakeClock{m: m}, at: time.Second / 2, by: away}
			stop, err := m.RunPaced(context.Background(), clock, nil)
			if err != nil || stop != StopHalt {
				t.Fatalf("stopped by %v, %v", stop, err)
			}
			// 660 ticks are eleven seconds, of which ten passed while it was stopped.
			if d := clock.Now() - 11*time.Second; d.Abs() > 20*time.Millisecond {
				t.Errorf("the guest is at 11s when the host is at %v", clock.Now())
			}
			if least := m.CPU.R[4]; name == "busy" && least < 5000 {
				t.Errorf("only %d turns of its loop between two ticks", least)
			}
		})
	}
}

// TestSavedCatchesUp: a guest that was saved while it was behind, and restored later, gets
// every tick that it has missed, though it is run in pieces.
func TestSavedCatchesUp(t *testing.T) {
	m := newBare(t, Config{}, `
	mov	$tick,100
	mov	$340,102
	mov	$100,*$177546
	spl	0
1:	wait
	br	1b
tick:	inc	r1
	cmp	r1,$660.
	beq	3f
	rti
3:	halt
`)
	m.Behind(4 * time.Second)
	now := time.Unix(300000000, 0)
	var saved bytes.Buffer
	if err := m.Save(&saved, now); err != nil {
		t.Fatal(err)
	}
	m, at, err := Restore(&saved, Packs{})
	if err != nil || now.Sub(at) != 4*time.Second {
		t.Fatalf("restored as of %v, %v; want 4s before %v", at, err, now)
	}
	m.Behind(now.Add(6 * time.Second).Sub(at))
	clock := &fakeClock{m: m}
	for stop := StopRequested; stop == StopRequested; {
		ctx, cancel := context.WithCancel(context.Background())
		pieces := 0
		m.Attend = func() {
			if pieces++; pieces == 100 {
				cancel()
			}
		}
		if stop, err = m.RunPaced(ctx, clock, nil); stop == StopHalt {
			err = nil
		}
		cancel()
		if err != nil && err != context.Canceled {
			t.Fatalf("stopped by %v, %v", stop, err)
		}
	}
	// 660 ticks are eleven seconds, of which ten passed before.
	if d := clock.Now() - time.Second; d.Abs() > 20*time.Millisecond {
		t.Errorf("the guest is at 11s when the host is at %v", clock.Now())
	}
}

func TestPacedRequests(t *testing.T) {
	m := newBare(t, Config{}, "1: wait; br 1b\n")
	ctx, cancel := context.WithCancel(context.Background())
	req := make(chan func(*Machine))
	done := make(chan error)
	go func() {
		_, err := m.RunPaced(ctx, SystemClock(), req)
		done <- err
	}()
	seen := make(chan uint16)
	req <- func(m *Machine) { seen <- m.CPU.R[7] }
	if pc := <-seen; pc < 01000 || pc > 01004 {
		t.Errorf("PC %06o", pc)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func BenchmarkClone(b *testing.B) {
	m := newBusy(b)
	for unit := 1; unit < 8; unit++ {
		if err := m.AttachRK(unit, MemDisk{Store: block.NewStore(4872)}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.Clone(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("into", func(b *testing.B) {
		c, err := m.Clone()
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := m.CloneInto(c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
