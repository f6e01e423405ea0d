package main

import (
	"context"
	"time"

	"v7em/images"
	"v7em/keys"
	"v7em/machine"
	"v7em/unix/kernel"
)

const keyMenu = 'E' & 0o37 // ^E

// lookAgain is how often a kernel is looked for while none is known, in nanoseconds of
// virtual time.
const lookAgain = 1e9

// console tells how the guest's kernel has its terminal set. It belongs to the machine's
// goroutine.
func (s *session) console() (kernel.TTY, bool) {
	if s.kernel != nil {
		if tty, ok := images.Console(s.m, s.kernel); ok {
			return tty, true
		}
	}
	now := s.m.Now()
	if s.looked > 0 && now < s.looked+lookAgain {
		return kernel.TTY{}, false
	}
	s.looked = now
	k, err := images.Recognize(s.m, s.kernel)
	if err != nil {
		return kernel.TTY{}, false
	}
	s.kernel = k
	return images.Console(s.m, k)
}

// typed passes on what the terminal has sent, and returns how long to wait for more
// before late is to be called; 0 for ever.
func (s *session) typed(ctx context.Context, p ...byte) (wait time.Duration) {
	s.do(ctx, func(m *machine.Machine) {
		taken := true
		for _, c := range p {
			var k []keys.Key
			if s.decoder.Wait() == 0 && s.keyboard.Direct() {
				k = []keys.Key{{Code: keys.Code(c), Raw: string([]byte{c})}}
			} else {
				k = s.decoder.Put(c)
			}
			taken = s.keyboard.Type(k...) && taken
		}
		if !taken && !s.full {
			s.say("too much is typed that the guest does not read: the rest is lost")
		}
		s.full = !taken
		wait = s.decoder.Wait()
		m.Console.Wake()
	})
	return wait
}

// late says that nothing more has come from the terminal.
func (s *session) late(ctx context.Context) (wait time.Duration) {
	s.do(ctx, func(m *machine.Machine) {
		s.keyboard.Type(s.decoder.Late()...)
		wait = s.decoder.Wait()
		m.Console.Wake()
	})
	return wait
}
