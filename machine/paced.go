package machine

import (
	"context"
	"time"

	"v7em/cpu"
)

const (
	// aheadLimit is how far virtual time may run ahead of the host's before
	// a waiting machine sleeps: shorter sleeps are not worth their cost.
	aheadLimit = 2 * time.Millisecond
	// maxNanos is the longest that an instruction may take, in nanoseconds of
	// virtual time: about that of a real 11/70. However far the guest is behind,
	// there are some 16,000 instructions between two ticks, or it waits.
	maxNanos = 1000
	// paceSlice is about the host time between two looks at the clock.
	paceSlice = 2 * time.Millisecond
)

// BehindLimit is how far a guest's clock may fall behind, as when the host sleeps or this
// process is stopped, before the difference is given up. What is less the guest lives
// through, tick by tick, as fast as the host can but no faster than maxNanos lets it: a
// day of an idle V7 takes seconds.
const BehindLimit = 7 * 24 * time.Hour

// Behind has the guest's clock be behind the host's by so much more, for RunPaced to have
// it catch up. What is left of that when RunPaced returns is for the next one.
func (m *Machine) Behind(d time.Duration) { m.behind += d }

// HostClock is the time that paces a machine: time since some fixed moment,
// never going back, and a timer.
type HostClock interface {
	Now() time.Duration
	After(d time.Duration) <-chan time.Time
}

// SystemClock is the host's clock that never goes back, and goes on while the
// host sleeps, where it has such a clock.
func SystemClock() HostClock { return systemClock{} }

type systemClock struct{}

func (systemClock) Now() time.Duration                     { return hostTime() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// RunPaced lets the machine run with virtual time tied to a host clock: an
// hour of the guest's clock is an hour. The processor runs as fast as the
// host can; in WAIT the host sleeps. When the host or this process has been
// stopped for a while the guest catches up, and misses no tick. Functions sent on req run between
// instructions and may do anything with the machine. It returns when the
// machine halts or waits for ever with no req, when Stop is called, or with
// the context's error.
func (m *Machine) RunPaced(ctx context.Context, clock HostClock, req <-chan func(*Machine)) (Stop, error) {
	configured := m.nanos
	m.setTime(m.Now())
	m.nanos = 10
	// Virtual time is origin plus host time.
	last := clock.Now()
	origin := int64(m.Now()) - int64(last) + int64(m.behind)
	defer func() {
		m.behind = time.Duration(max(origin+int64(clock.Now())-int64(m.Now()), 0))
		m.setTime(m.Now())
		m.nanos = configured
	}()
	var sliceStart = m.CPU.Instructions()
	for {
		select {
		case f := <-req:
			f(m)
			continue
		case <-ctx.Done():
			return StopRequested, ctx.Err()
		default:
		}
		if m.stop.Swap(false) {
			return StopRequested, nil
		}
		host := clock.Now()
		lag := origin + int64(host) - int64(m.Now())
		if lag > int64(BehindLimit) {
			origin -= lag
			lag = 0
		}
		// The pace of the last slice, helped on or held back so that
		// virtual time meets the host's within a few slices.
		if done := m.CPU.Instructions() - sliceStart; done > 1000 {
			pace := int64(host-last) / int64(done)
			pace += lag / 4 / int64(done)
			m.setTime(m.Now())
			m.nanos = uint64(min(max(pace, 1), maxNanos))
		}
		last, sliceStart = host, m.CPU.Instructions()

		end := m.Now() + uint64(paceSlice)
		stop := m.runTo(end)
		if stop == cpu.StopHalt {
			return StopHalt, nil
		}
		if stop != cpu.StopWait {
			continue
		}
		// Waiting: sleep until the next event is due by the host's clock,
		// or somebody wants something.
		m.attend(0)
		held := m.held()
		next, ok := m.Bus.Next()
		var timer <-chan time.Time
		if ok {
			sleep := time.Duration(int64(next) - origin - int64(clock.Now()))
			if sleep < aheadLimit {
				m.setTime(max(m.Now(), next))
				last, sliceStart = clock.Now(), m.CPU.Instructions()
				continue
			}
			timer = clock.After(sleep)
		} else if req == nil {
			return StopWaitForever, nil
		}
		var f func(*Machine)
		select {
		case <-timer:
		case f = <-req:
		case <-held:
		case <-ctx.Done():
		}
		now := uint64(max(origin+int64(clock.Now()), 0))
		if ok {
			now = min(now, next)
			if f == nil && held == nil && ctx.Err() == nil {
				now = next
			}
		}
		m.setTime(max(m.Now(), now))
		last, sliceStart = clock.Now(), m.CPU.Instructions()
		if f != nil {
			f(m)
		}
	}
}

// runTo runs to a virtual time, a WAIT or a HALT.
func (m *Machine) runTo(end uint64) cpu.Stop {
	for {
		m.attend(attendEvery)
		now := m.Now()
		m.Bus.RunDue(now)
		if now >= end || m.stop.Load() {
			return cpu.StopLimit
		}
		if s := m.step(now, end); s == cpu.StopHalt || s == cpu.StopWait {
			return s
		}
	}
}
