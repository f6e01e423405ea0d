package kernel_test

import (
	"testing"

	"v7em/machine"
	"v7em/tests/guest"
	"v7em/unix/kernel"
)

// setc sets the console's special characters, which V7's stty cannot.
const setc = `#include <sgtty.h>
struct tchars c = { 1, 2, 3, 5, 6, 7 };
main() { ioctl(0, TIOCSETC, &c); }
`

// TestConsoleOfGuests has guests set their terminal, and looks whether that is seen.
func TestConsoleOfGuests(t *testing.T) {
	for _, o := range []guest.Options{{}, {Machine: machine.Config{Model: machine.PDP1145}}, {Disk: "rp"}, {Guest: guest.Mini}} {
		t.Run(name(o), func(t *testing.T) {
			if o.Guest != guest.Mini {
				o.Files = map[string]string{"/tmp/setc.c": setc}
			}
			g := guest.Boot(t, o)
			k := find(t, g)
			look := func() kernel.TTY {
				t.Helper()
				g.Wait(guest.Second / 10)
				c, ok := k.Console(seen(g.M))
				if !ok {
					t.Fatal("it has no console")
				}
				return c
			}
			// The test's own stty has been before: erase ^H, kill ^U, no echo.
			c := look()
			if c.Erase != 0o10 || c.Kill != 0o25 || c.Interrupt != 0o177 || c.Quit != 0o34 || c.Start != 0o21 || c.Stop != 0o23 || c.EOF != 4 || c.Break != 0o377 {
				t.Errorf("at first: %+v", c)
			}
			if !c.LineMode() || !c.Reading || c.Typed != 0 || c.Flags&(kernel.TTYEcho|kernel.TTYCRMod) != kernel.TTYCRMod {
				t.Errorf("at the prompt: %+v", c)
			}
			g.Type("typ")
			if c := look(); c.Typed != 3 || c.Lines != 0 || !c.Reading {
				t.Errorf("three characters typed: %+v", c)
			}
			g.Type("\x15")
			g.Run("stty erase '#' kill '@'")
			if c := look(); c.Erase != '#' || c.Kill != '@' {
				t.Errorf("erase is # and kill @: %+v", c)
			}
			g.Type("sleep 5\n")
			g.Wait(guest.Second)
			g.Type("ec")
			if c := look(); c.Reading || c.Typed != 2 {
				t.Errorf("typed ahead, while sleep runs: %+v", c)
			}
			g.Type("ho a\n")
			if c := look(); c.Reading || c.Lines != 1 {
				t.Errorf("a line typed ahead, while sleep runs: %+v", c)
			}
			g.Wait(10 * guest.Second)
			g.Type("\x13")
			if c := look(); !c.Stopped {
				t.Errorf("stopped: %+v", c)
			}
			g.Type("\x11")
			if c := look(); c.Stopped {
				t.Errorf("going on: %+v", c)
			}
			for _, mode := range []string{"cbreak", "raw"} {
				g.Type("stty " + mode + "; cat; stty -" + mode + "\n")
				g.Wait(2 * guest.Second)
				if c := look(); c.LineMode() || !c.Reading {
					t.Errorf("%s, and cat reads: %+v", mode, c)
				}
				if mode == "raw" {
					break // nothing ends it
				}
				g.Type("\x7f")
				g.Wait(guest.Second)
				g.Type("stty -cbreak\n")
				g.Wait(guest.Second)
				if o.Guest == guest.Mini {
					continue
				}
				g.Run("cd /tmp; cc setc.c; a.out")
				if c := look(); c.Interrupt != 1 || c.Quit != 2 || c.Start != 3 || c.Stop != 5 || c.EOF != 6 || c.Break != 7 {
					t.Errorf("all characters changed: %+v", c)
				}
			}
		})
	}
}
