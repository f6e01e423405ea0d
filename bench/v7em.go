package bench

import (
	"context"
	"errors"
	"strings"
	"time"

	"v7em/images"
	"v7em/images/console"
	"v7em/machine"
)

// Here is this project's own machine, free-running, its packs written through
// to the host.
type Here struct {
	Config machine.Config
}

// Name is "v7em".
func (Here) Name() string { return "v7em" }

// commandLimit bounds a command in virtual time.
const commandLimit = 3600 * console.Second

var errFailed = errors.New("the task's script failed in the guest")

type here struct {
	packs   *images.Packs
	session *console.Session
}

// Boot boots V7 to the single user's shell.
func (e Here) Boot(ctx context.Context, dir string) (Guest, time.Duration, error) {
	packs, err := images.RK().OpenPacks(dir)
	if err != nil {
		return nil, 0, err
	}
	g := &here{packs: packs}
	d, err := g.boot(ctx, e.Config, nil)
	if err != nil {
		return nil, 0, errors.Join(err, packs.Close())
	}
	return g, d, nil
}

// boot switches a machine with the packs on. ready, if not nil, gets it before that.
func (g *here) boot(ctx context.Context, cfg machine.Config, ready func(*machine.Machine)) (time.Duration, error) {
	m, err := machine.New(cfg)
	if err != nil {
		return 0, err
	}
	if err := g.packs.Attach(m); err != nil {
		return 0, err
	}
	if ready != nil {
		ready(m)
	}
	g.session = console.New(m)
	start := time.Now()
	if err := images.RK().Boot(ctx, m, g.session); err != nil {
		return 0, err
	}
	d := time.Since(start)
	return d, prepare(ctx, g)
}

// Type types a command and waits for the echo.
func (g *here) Type(ctx context.Context, line string) error {
	g.session.Type(line)
	_, err := g.session.Expect(ctx, commandLimit, line, strings.ToUpper(line))
	return err
}

// Enter types the return and waits for the prompt.
func (g *here) Enter(ctx context.Context) error {
	g.session.Type("\r")
	which, err := g.session.Expect(ctx, commandLimit, prompt, failed)
	if err == nil && which == 1 {
		err = errFailed
	}
	return err
}

// Close closes the packs; V7 is not shut down, as they are thrown away.
func (g *here) Close() error { return g.packs.Close() }
