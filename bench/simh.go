package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"v7em/machine"
	"v7em/simh"
)

// prompt is the single user's.
const prompt = "# "

// SIMH is a PDP-11 of SIMH's.
type SIMH struct {
	Path   string
	Config machine.Config // model and memory
}

// Name is "simh".
func (SIMH) Name() string { return "simh" }

type simulated struct{ sim *simh.Sim }

// Boot boots V7 to the single user's shell.
func (e SIMH) Boot(ctx context.Context, dir string) (Guest, time.Duration, error) {
	packs, err := filepath.Glob(filepath.Join(dir, "rk[0-7].rk05"))
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(packs)
	commands := []string{
		fmt.Sprintf("set cpu %s", e.Config.Model),
		fmt.Sprintf("set cpu %dK", e.Config.Memory>>10),
		"set tti 7b",
	}
	for i, p := range packs {
		commands = append(commands, fmt.Sprintf("attach rk%d %s", i, filepath.Base(p)))
	}
	sim, err := simh.Start(e.Path, dir, commands...)
	if err != nil {
		return nil, 0, err
	}
	sim.Timeout = 10 * time.Minute
	g := &simulated{sim}
	start := time.Now()
	if err := g.boot(); err != nil {
		return nil, 0, errors.Join(err, sim.Close())
	}
	d := time.Since(start)
	if err := prepare(ctx, g); err != nil {
		return nil, 0, errors.Join(err, sim.Close())
	}
	return g, d, nil
}

func (g *simulated) boot() error {
	if err := g.sim.Send("boot rk0\r"); err != nil {
		return err
	}
	if _, err := g.sim.Expect("boot: "); err != nil {
		return err
	}
	if err := g.sim.Type("\r"); err != nil {
		return err
	}
	_, err := g.sim.Expect(prompt)
	return err
}

// Type types a command and waits for the echo.
func (g *simulated) Type(_ context.Context, line string) error { return g.sim.Type(line) }

// Enter types the return and waits for the prompt.
func (g *simulated) Enter(context.Context) error {
	if err := g.sim.Send("\r"); err != nil {
		return err
	}
	which, _, err := g.sim.ExpectAny(prompt, failed)
	if err == nil && which == 1 {
		err = errFailed
	}
	return err
}

// Close ends the simulator.
func (g *simulated) Close() error { return g.sim.Close() }

// FindSIMH returns the path of a SIMH PDP-11 given by path or name.
func FindSIMH(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("no SIMH: %w; Debian's package simh has one, pdp11", err)
	}
	return filepath.Abs(path)
}
