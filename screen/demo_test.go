package screen

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"v7em/journaldev"
)

// testModel is a machine with so many drives of so many blocks that does something.
func testModel(drives, blocks int) *Model {
	m := &Model{Processor: Processor{
		Name: "PDP-11/70, 2048 KB", Power: Running, PC: 0o1234, PSW: 0o170005, Display: 0o123456, Up: 83 * time.Second, MIPS: 12.34,
	}}
	for i := range 60 {
		m.Processor.History = append(m.Processor.History, float64(i%13))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range drives {
		d := Drive{Name: fmt.Sprintf("rk%d", i), File: fmt.Sprintf("rk%d.rk05", i), Reads: 123, Writes: 45, Blocks: make([]Block, blocks)}
		for n := range d.Blocks {
			k := KindData
			switch {
			case n == 0:
				k = KindOther
			case n == 1:
				k = KindSuper
			case n < blocks/16:
				k = KindInodes
			case n >= blocks*4/5:
				k = KindSwap
			case n%61 == 0:
				k = KindDir
			case n%149 == 0:
				k = KindIndirect
			case n > blocks/2:
				k = KindFree
				if n%50 == 0 {
					k = KindChain
				}
			}
			d.Blocks[n].Kind = k
			if r.IntN(200) == 0 {
				d.Blocks[n].Act, d.Blocks[n].Age = Act(1+r.IntN(4)), uint8(r.IntN(25))
			}
		}
		d.Journal = &Journal{
			States: [...]int{5, 1, 0, 1, 0, 1}, Ages: [...]uint8{0, 0, 3, 0, 100, 0},
			Used: 1 << 20, Size: 4 << 20, Head: 512 << 10, Rate: 4.9, Latency: 2300 * time.Microsecond,
		}
		m.Drives = append(m.Drives, d)
	}
	return m
}

var _ = journaldev.StateFree

// simulation returns a simulated terminal.
func simulation(t testing.TB, w, h int) tcell.SimulationScreen {
	t.Helper()
	s := tcell.NewSimulationScreen("UTF-8")
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	s.SetSize(w, h)
	return s
}

// cells returns the text on a simulated terminal, row by row.
func cells(s tcell.SimulationScreen) []string {
	c, w, h := s.GetContents()
	var rows []string
	for y := range h {
		var b strings.Builder
		for x := range w {
			if r := c[y*w+x].Runes; len(r) > 0 {
				b.WriteRune(r[0])
			}
		}
		rows = append(rows, b.String())
	}
	return rows
}

// still returns a screen that shows the model and draws only when told.
func still(s tcell.Screen, m *Model) *Screen {
	return &Screen{Console: NewGlass(), Sampler: NewSampler(), s: s, model: m}
}

func TestDemo(t *testing.T) {
	if os.Getenv("DEMO") == "" {
		t.Skip("for the eye")
	}
	for _, size := range [][2]int{{100, 30}, {80, 24}, {160, 45}, {60, 15}} {
		s := simulation(t, size[0], size[1])
		x := still(s, testModel(4, 4872))
		for i := range 12 {
			fmt.Fprintf(x.Console, "-rwxr-xr-x 1 root    50990 Jan 10 15:19 unix%d\r\n", i)
		}
		x.Console.Write([]byte("# "))
		x.draw()
		for _, r := range cells(s) {
			t.Log(r)
		}
	}
}
