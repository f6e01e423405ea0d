package mini

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"v7em/asm"

	"v7em/block"
	"v7em/images/console"
	"v7em/machine"
)

var then = time.Date(1979, 7, 1, 12, 0, 0, 0, time.UTC)

// guest is a machine that runs mini.
type guest struct {
	t    *testing.T
	m    *machine.Machine
	c    *console.Session
	disk *block.Store
	out  []byte
}

func start(t *testing.T, cfg machine.Config) *guest {
	t.Helper()
	image, err := Pack(then)
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, disk: block.NewStore(PackBlocks)}
	if err := g.disk.Load(bytes.NewReader(image)); err != nil {
		t.Fatal(err)
	}
	if g.m, err = machine.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := g.m.AttachRK(0, machine.MemDisk{Store: g.disk}); err != nil {
		t.Fatal(err)
	}
	g.c = console.New(g.m)
	g.c.Echo = func(c byte) { g.out = append(g.out, c) }
	if err := g.m.Boot("rk", 0); err != nil {
		t.Fatal(err)
	}
	g.expect("boot: ")
	g.c.Type("\r")
	return g
}

func (g *guest) expect(text string) {
	g.t.Helper()
	if _, err := g.c.Expect(context.Background(), 60*console.Second, text); err != nil {
		g.t.Fatalf("%v\n%s\nPC %06o PSW %06o R %06o\n%s", err, g.out, g.m.CPU.R[7], g.m.CPU.PSW(), g.m.CPU.R, g.dump())
	}
}

func TestBoot(t *testing.T) {
	g := start(t, machine.Config{})
	g.expect("# ")
	g.c.Type("echo a b c; for i in 1 2 3; do echo x$i; done | cat\r")
	g.expect("x3\r\n# ")
	t.Logf("%s", g.out)
}

// dump describes the processes, for a test that fails.
func (g *guest) dump() string {
	p, err := kernelProgram()
	if err != nil {
		return err.Error()
	}
	name := func(v uint16) string {
		best := ""
		var at uint16
		for _, s := range p.Symbols {
			if (s.Type == asm.SymBSS || s.Type == asm.SymData) && s.Value <= v && s.Value >= at {
				best, at = s.Name, s.Value
			}
		}
		return fmt.Sprintf("%s+%o", best, v-at)
	}
	var b strings.Builder
	proc, _ := p.Lookup("_proc")
	mem := g.m.MMU.Mem
	for i := range uint16(48) {
		w := mem[(proc+28*i)/2:]
		if w[0]&0o377 == 0 {
			continue
		}
		fmt.Fprintf(&b, "proc %d: stat %d flag %o pri %d sig %06o pid %d ppid %d addr %o size %o wchan %s\n", i, w[0]&0o377, w[0]>>8, w[1]&0o377, w[3], w[6], w[7], w[8], w[9], name(w[10]))
	}
	return b.String()
}
