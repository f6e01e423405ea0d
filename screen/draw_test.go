package screen

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"v7em/journaldev"
)

// testModel is a machine in the midst of work, with so many drives of so many blocks.
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
			d.Blocks[n].Kind = testKind(n, blocks)
			if r.IntN(10) == 0 {
				d.Blocks[n].Act, d.Blocks[n].Age = Act(1+r.IntN(4)), uint8(r.IntN(25))
			}
		}
		d.Journal = &Journal{
			Transactions: []journaldev.TransStatus{{State: journaldev.StateCreate, ID: 43}, {State: journaldev.StateTrans, ID: 42}, {State: journaldev.StateEStart, ID: 41}},
			States:       [...]int{5, 1, 0, 1, 0, 1}, Ages: [...]uint8{0, 0, 3, 0, 100, 0},
			Used: 1 << 20, Size: 4 << 20, Head: 512 << 10, Rate: 4.9, Latency: 2300 * time.Microsecond,
		}
		m.Drives = append(m.Drives, d)
	}
	return m
}

// testKind is what a block of a pack could be used for.
func testKind(n, blocks int) Kind {
	switch {
	case n == 0:
		return KindOther
	case n == 1:
		return KindSuper
	case n < blocks/16:
		return KindInodes
	case n >= blocks*4/5:
		return KindSwap
	case n > blocks/2 && n%50 == 0:
		return KindChain
	case n > blocks/2:
		return KindFree
	case n%61 == 0:
		return KindDir
	case n%149 == 0:
		return KindIndirect
	}
	return KindData
}

// simulation returns a simulated terminal.
func simulation(t testing.TB, w, h int) tcell.SimulationScreen {
	t.Helper()
	s := tcell.NewSimulationScreen("UTF-8")
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	s.SetSize(w, h)
	t.Cleanup(s.Fini)
	return s
}

// rows returns the text on a simulated terminal.
func rows(s tcell.SimulationScreen) []string {
	c, w, h := s.GetContents()
	var rows []string
	for y := range h {
		var b strings.Builder
		for x := range w {
			if r := c[y*w+x].Runes; len(r) > 0 {
				b.WriteRune(r[0])
			} else {
				b.WriteByte(' ')
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

// find returns where a text is on a simulated terminal, by columns and rows.
func find(t *testing.T, s tcell.SimulationScreen, text string) (x, y int) {
	t.Helper()
	for y, row := range rows(s) {
		if i := strings.Index(row, text); i >= 0 {
			return len([]rune(row[:i])), y
		}
	}
	t.Fatalf("%q is not on the screen:\n%s", text, strings.Join(rows(s), "\n"))
	return 0, 0
}

// cut returns the text of a part of a simulated terminal.
func cut(s tcell.SimulationScreen, x, y, w, h int) []string {
	var c []string
	for _, row := range rows(s)[y : y+h] {
		c = append(c, strings.TrimRight(string([]rune(row)[x:x+w]), " "))
	}
	return c
}

const listing = "-rwxr-xr-x 1 root    50990 Jan 10 15:19 unix"

// TestBeside looks for everything that belongs on a terminal of 121 columns and 30
// rows, and that the console has its part for itself.
func TestBeside(t *testing.T) {
	s := simulation(t, 121, 30)
	x := still(s, testModel(2, 4872))
	for i := range 40 {
		fmt.Fprintf(x.Console, "%s%d\r\n", listing, i)
	}
	fmt.Fprint(x.Console, "# ")
	x.draw()
	got := cut(s, 0, 1, 80, 28)
	for i, row := range got[:27] {
		if want := fmt.Sprint(listing, i+13); row != want {
			t.Errorf("row %d of the console: %q, want %q", i, row, want)
		}
	}
	if got[27] != "#" {
		t.Errorf("the last row: %q", got[27])
	}
	if cx, cy, ok := s.GetCursor(); cx != 2 || cy != 28 || !ok {
		t.Errorf("cursor at %d,%d, %v", cx, cy, ok)
	}
	for _, row := range cut(s, 80, 1, 1, 28) {
		if row != string(tcell.RuneVLine) {
			t.Errorf("between console and picture: %q", row)
		}
	}
	for _, want := range []string{
		" v7em  PDP-11/70, 2048 KB", "running  up 1m23s", "○kernel ○super ●user", "pri 0", "T N Z V C", "PC 001234  PSW 170005  DISPLAY 123456",
		"12.3 MIPS", "─ rk0 ─", "─ rk1 ─", "123 rd/s  45 wr/s", "S super", "≡ inodes", "/ dir", "▒ data", "* indirect", "+ chain", "· free", "~ swap",
		"read", "written", "journaled", "home", "● now", "○ just", "█ used", "> head", "1:", "F1 legend", "─ transactions ─", "9.8 commits/s", "FREE CREATE START TRANS END ESTART", " 25%   4.9/s 2.3ms",
		"^E menu", "F8 cut the power", "F6 sync & power off", "F9 boot again", "F4 picture", "PgUp/Dn scroll",
	} {
		find(t, s, want)
	}
	// Transactions stand under their states' names.
	fx, fy := find(t, s, "FREE CREATE")
	if got := cut(s, fx, fy+1, 34, 1)[0]; got != "  5  ●      ○     ●     ·   ●" {
		t.Errorf("transactions: %q", got)
	}
	// A quarter of the ring is used, round its end, up to the head at an eighth.
	ring := cut(s, fx, fy+2, 34, 1)[0]
	ring = ring[strings.Index(ring, "[")+1 : strings.Index(ring, "]")]
	if n := len([]rune(ring)); strings.Count(ring, "█") < n/4-1 || strings.Count(ring, "█") > n/4+1 || !strings.HasPrefix(ring, "█") || !strings.HasSuffix(ring, "█") {
		t.Errorf("ring %q", ring)
	}
	// C and Z are lit, N, V and T are not.
	lx, ly := find(t, s, "T N Z V C")
	c, w, _ := s.GetContents()
	for i, lit := range []bool{false, false, true, false, true} {
		if _, _, a := c[ly*w+lx+2*i].Style.Decompose(); (a&tcell.AttrReverse != 0) != lit {
			t.Errorf("condition %d: lit is %v", i, !lit)
		}
	}
}

func TestAbove(t *testing.T) {
	s := simulation(t, 80, 24)
	x := still(s, testModel(3, 4872))
	for i := range 40 {
		fmt.Fprintf(x.Console, "%s%d\r\n", strings.Repeat("x", 70), i)
	}
	x.draw()
	got := rows(s)
	for i := range 10 {
		if want := fmt.Sprint(strings.Repeat("x", 70), 30+i); strings.TrimRight(got[12+i], " ") != want {
			t.Errorf("row %d: %q, want %q", 12+i, got[12+i], want)
		}
	}
	for _, want := range []string{"─ packs ─", "369 rd/s 135 wr/s", " rk0 S≡", " rk1 S≡", " rk2 S≡", "MIPS", "S super", "~ swap", "read   written   journaled   home", "FREE CREATE START TRANS END ESTART", "^E menu"} {
		find(t, s, want)
	}
	if _, y := find(t, s, "─ transactions"); y >= 11 {
		t.Errorf("the picture goes down to row %d", y)
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		w, h, drives int
		with         []string
		without      []string
	}{
		{200, 60, 8, []string{"─ rk7 ─", "12.3 MIPS", "PgUp/Dn scroll", "ESTART", "●43 ", "●42 ", "●41 "}, []string{"taller", "needs"}},
		{132, 43, 8, []string{" rk0 S≡", " rk7 S≡", "ESTART", "] 25%"}, []string{"needs", "taller"}},
		{121, 24, 8, []string{" rk0 S≡", " rk7 S≡", "ESTART", "] 25%"}, []string{"needs", "taller"}},
		{121, 24, 16, []string{" rk0 S≡", "more drives: make the window taller"}, []string{"rk14", "needs"}},
		{121, 18, 8, []string{" rk0 S≡", " rk7 S≡", "transactions: no room"}, []string{"needs", "taller"}},
		{121, 18, 1, []string{"rk0 ", "ESTART", "] 25%"}, []string{"needs"}},
		{100, 30, 8, []string{" rk0 S≡", " rk7 S≡", "ESTART", "] 25%", "● now"}, []string{"needs", "taller"}},
		{120, 30, 8, []string{" rk0 S≡", " rk7 S≡", "ESTART", "] 25%", "● now"}, []string{"needs", "taller"}},
		{91, 22, 3, []string{" rk0 S≡", "ESTART"}, []string{"needs"}},
		{80, 24, 8, []string{" rk0 S≡", "ESTART", "F1 legend"}, []string{"needs"}},
		{79, 60, 3, []string{"hello", "the picture needs 80x22", "^E menu"}, []string{"rk0"}},
		{100, 17, 3, []string{"hello", "the picture needs 80x22"}, []string{"rk0"}},
		{30, 6, 3, []string{"hello", "the picture needs 80x22", "^E menu"}, []string{"rk0"}},
		{5, 3, 3, []string{"hello"}, nil},
		{100, 30, 0, []string{"no packs"}, nil},
	} {
		s := simulation(t, c.w, c.h)
		x := still(s, testModel(c.drives, 4872))
		fmt.Fprint(x.Console, "hello")
		x.draw()
		all := strings.Join(rows(s), "\n")
		for _, want := range c.with {
			if !strings.Contains(all, want) {
				t.Errorf("%dx%d, %d drives: no %q:\n%s", c.w, c.h, c.drives, want, all)
			}
		}
		for _, not := range c.without {
			if strings.Contains(all, not) {
				t.Errorf("%dx%d: %q:\n%s", c.w, c.h, not, all)
			}
		}
		if os.Getenv("SHOW") != "" {
			t.Logf("%dx%d:\n%s", c.w, c.h, all)
		}
	}
	// No size is too small, and nothing is drawn outside.
	m := testModel(8, 81200)
	m.Recovery = &Recovery{Drive: "rk0", Done: 3, Total: 8}
	for w := range 110 {
		for _, h := range []int{0, 1, 2, 3, 4, 9, 22, 31} {
			s := simulation(t, max(w, 1), max(h, 1))
			x := still(s, m)
			x.dialog, x.title = newDialog(), "menu"
			fmt.Fprint(x.Console, "hello\r\nthere")
			x.draw()
		}
	}
}

// TestConsoleKeepsToItself prints anything at all: the picture stays as it was.
func TestConsoleKeepsToItself(t *testing.T) {
	s := simulation(t, 121, 30)
	x := still(s, testModel(3, 4872))
	x.draw()
	before := cut(s, 80, 0, 41, 30)
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		b := make([]byte, 5000)
		for i := range b {
			b[i] = byte(r.IntN(256))
			if r.IntN(4) == 0 {
				b[i] = "\x1b[\r\n\b\t\a\xe6\x97\xa5"[r.IntN(10)]
			}
		}
		x.Console.Write(b)
		x.draw()
		if after := cut(s, 80, 0, 41, 30); !slices.Equal(before, after) {
			t.Fatalf("the picture is\n%s", strings.Join(after, "\n"))
		}
	}
}

// TestMap gives each block a place of its own and looks at shape and colour.
func TestMap(t *testing.T) {
	m := testModel(1, 0)
	var blocks []Block
	for k := range numKinds {
		blocks = append(blocks, Block{Kind: k})
		for a := ActRead; a < numActs; a++ {
			for _, age := range []uint8{0, hotAge, hotAge + 1, warmAge, warmAge + 1} {
				blocks = append(blocks, Block{k, a, age})
			}
		}
	}
	m.Drives[0].Blocks = blocks
	s := simulation(t, 200, 60)
	still(s, m).draw()
	x, y := find(t, s, "─ rk0 ─")
	c, w, _ := s.GetContents()
	columns := w - x - 2
	seen := map[rune]Kind{}
	for n, b := range blocks {
		cell := c[(y+1+n/columns)*w+x+1+n%columns]
		r := cell.Runes[0]
		if was, ok := seen[r]; ok && was != b.Kind {
			t.Fatalf("kinds %d and %d have the same shape", was, b.Kind)
		}
		seen[r] = b.Kind
		fg, bg, _ := cell.Style.Decompose()
		hue := actHue[b.Act]
		switch {
		case b.Act == ActJournaled: // until it is home
			b.Age = 0
			fg = bg
		case b.Act == ActNone || b.Age > warmAge:
			hue = tcell.ColorDefault
		case b.Age <= hotAge:
			fg = bg
		}
		if fg != hue || b.Age > hotAge && bg != tcell.ColorDefault {
			t.Errorf("block %+v is drawn in %v on %v", b, fg, bg)
		}
	}
	if len(seen) != int(numKinds) {
		t.Errorf("%d shapes for %d kinds", len(seen), numKinds)
	}
}

func TestJoin(t *testing.T) {
	many := func(n int, b Block) (bs []Block) {
		for range n {
			bs = append(bs, b)
		}
		return bs
	}
	data := Block{Kind: KindData, Age: 255}
	for _, c := range []struct {
		name   string
		blocks []Block
		want   Block
	}{
		{"most", append(many(3, Block{Kind: KindFree}), many(4, data)...), data},
		{"a superblock is never lost", append(many(60, data), Block{Kind: KindSuper}), Block{Kind: KindSuper, Age: 255}},
		{"a directory among few", append(many(9, data), Block{Kind: KindDir}), Block{Kind: KindDir, Age: 255}},
		{"a directory among many", append(many(40, data), Block{Kind: KindDir}), data},
		{"the newest", append(many(9, Block{KindData, ActRead, 7}), Block{KindData, ActWritten, 2}, Block{KindData, ActHome, 3}), Block{KindData, ActWritten, 2}},
		{"journaled stays in sight", append(many(9, Block{KindData, ActRead, 7}), Block{KindData, ActJournaled, 0}), Block{KindData, ActJournaled, 0}},
		{"what happens now comes before it", append(many(9, Block{KindData, ActRead, 1}), Block{KindData, ActJournaled, 0}), Block{KindData, ActRead, 1}},
	} {
		if got := join(c.blocks); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestFewColours: no colour but the first eight, which every terminal has, and no
// character that a terminal without Unicode cannot stand in for.
func TestFewColours(t *testing.T) {
	for _, size := range [][2]int{{100, 30}, {80, 24}} {
		s := tcell.NewSimulationScreen("US-ASCII")
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
		defer s.Fini()
		s.SetSize(size[0], size[1])
		m := testModel(3, 4872)
		m.Drives[1].ReadOnly, m.Drives[2].Failed = true, true
		m.Recovery = &Recovery{Drive: "rk0", Done: 3, Total: 8, Text: "recovered"}
		x := still(s, m)
		for r, subst := range fallbacks {
			s.RegisterRuneFallback(r, subst)
		}
		x.Console.Say("v7em: hello\r\n", false)
		x.draw()
		c, _, _ := s.GetContents()
		colours := map[tcell.Color]bool{}
		for _, cell := range c {
			fg, bg, _ := cell.Style.Decompose()
			for _, k := range []tcell.Color{fg, bg} {
				if k != tcell.ColorDefault && (k < tcell.ColorBlack || k > tcell.ColorSilver) {
					t.Fatalf("%q is drawn in %v", cell.Runes, k)
				}
				colours[k] = true
			}
			for _, b := range cell.Bytes {
				if b >= 0x80 || b == '?' { // tcell's stand-in for what has none
					t.Errorf("%q is sent as %q", cell.Runes, cell.Bytes)
				}
			}
		}
		if len(colours) < 6 {
			t.Errorf("only %d colours: nothing happens", len(colours))
		}
	}
}

// TestResize changes the size of the terminal, while the console is written to.
func TestResize(t *testing.T) {
	s := simulation(t, 100, 30)
	x := Open(s, nil)
	var writers sync.WaitGroup
	writers.Add(1)
	go func() {
		defer writers.Done()
		for i := range 2000 {
			fmt.Fprintf(x.Console, "line %d\r\n", i)
		}
	}()
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		s.SetSize(1+r.IntN(150), 1+r.IntN(50))
		x.s.PostEvent(tcell.NewEventResize(s.Size()))
	}
	writers.Wait()
	s.SetSize(121, 30)
	x.s.PostEvent(tcell.NewEventResize(121, 30))
	fmt.Fprint(x.Console, "end")
	eventually(t, func() bool {
		return strings.HasPrefix(screenRow(x, 28), "end ") && strings.HasPrefix(screenRow(x, 27), "line 1999 ")
	})
	x.Close()
}

// screenRow returns a row as it is drawn, not before the drawing goroutine is between
// two drawings.
func screenRow(x *Screen, y int) string {
	w, h := x.s.Size()
	if y >= h {
		return ""
	}
	var b strings.Builder
	for c := range w {
		text, _, _ := x.s.Get(c, y)
		b.WriteString(text)
	}
	return b.String()
}

// eventually waits for what must come; how long does not matter.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal("it does not come")
		}
	}
}

func TestDialogAndNotes(t *testing.T) {
	s := simulation(t, 100, 30)
	x := still(s, testModel(1, 4872))
	x.wake = make(chan struct{}, 1)
	fmt.Fprint(x.Console, strings.Repeat("console\r\n", 100))
	d := x.OpenDialog("menu")
	fmt.Fprint(d, strings.Repeat("x", 80)+"\r\nv7em> ")
	x.draw()
	find(t, s, " menu ")
	find(t, s, "│"+strings.Repeat("x", 80)+"│")
	cx, cy := find(t, s, "v7em> ")
	if gx, gy, ok := s.GetCursor(); !ok || gx != cx+6 || gy != cy {
		t.Errorf("cursor at %d,%d", gx, gy)
	}
	// The status of eight packs has room; what has none can be scrolled to.
	d.Clear()
	for i := range 20 {
		fmt.Fprintf(d, "line %d\r\n", i)
	}
	fmt.Fprint(d, "v7em> ")
	x.draw()
	find(t, s, "line 0 ")
	find(t, s, "line 19 ")
	if all := strings.Join(rows(s), "\n"); strings.Contains(all, "xxx") {
		t.Error("it was not cleared")
	}
	for i := range 20 {
		fmt.Fprintf(d, "more %d\r\n", i)
	}
	x.draw()
	find(t, s, "PgUp and PgDn show the rest")
	x.key(tcell.NewEventKey(tcell.KeyPgUp, 0, 0), nil)
	x.draw()
	find(t, s, "line 0 ")
	x.CloseDialog()
	x.Console.Scroll(-5, 100, 13)
	x.draw()
	find(t, s, " rk0 ")
	if all := strings.Join(rows(s), "\n"); strings.Contains(all, "v7em>") || strings.Contains(all, "xxx") {
		t.Error("the dialog is still there")
	}
	find(t, s, "scrolled back")
	if _, _, ok := s.GetCursor(); ok {
		t.Error("the cursor shows where it is not")
	}
	x.Console.Follow()
	x.model.Note = "no commit since 12:00:00: mkdir does not end"
	x.draw()
	find(t, s, "no commit since 12:00:00: mkdir does not end")
}

// TestHelp explains everything, at the usual sizes, until a key is pressed.
func TestHelp(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 30}, {132, 43}} {
		s := simulation(t, size[0], size[1])
		x := still(s, testModel(8, 4872))
		x.key(tcell.NewEventKey(tcell.KeyF1, 0, 0), nil)
		x.draw()
		for _, want := range []string{"S super", "~ swap", "journaled", "CREATE  collects", "ESTART  that they are home", "○ one was", "> where the next", "condition codes", "F4 hides"} {
			find(t, s, want)
		}
		x.key(tcell.NewEventKey(tcell.KeyRune, 'q', 0), nil)
		x.draw()
		if all := strings.Join(rows(s), "\n"); strings.Contains(all, "collects") {
			t.Error("the legend is still there")
		}
	}
}

// TestRecoveryBox: a recovery is shown beside the console, of which all stays in sight.
func TestRecoveryBox(t *testing.T) {
	for _, c := range []struct {
		w, h  int
		alone bool
	}{{132, 43, false}, {121, 30, false}, {100, 30, false}, {80, 24, false}, {100, 30, true}, {60, 15, false}} {
		s := simulation(t, c.w, c.h)
		m := testModel(8, 4872)
		m.Recovery = &Recovery{Drive: "rk0", Transaction: 41, Block: 1234, Kind: KindInodes, Written: true, Done: 17, Total: 34, Text: "recovered transactions 41 to 42"}
		x := still(s, m)
		x.alone = c.alone
		for i := range 60 {
			fmt.Fprintf(x.Console, "\r\nmessage %d", i)
		}
		x.draw()
		for _, want := range []string{"recovery of rk0", "transaction 41  block 1234", "17 of 34 blocks of the journal", "any key goes on", "message 59"} {
			find(t, s, want)
		}
		// The console's rows are there without a gap.
		_, y := find(t, s, "message 59")
		for i := 1; i < 6; i++ {
			if row := rows(s)[y-i]; !strings.HasPrefix(row, fmt.Sprintf("message %d ", 59-i)) {
				t.Errorf("%dx%d: %q is above message %d", c.w, c.h, row, 60-i)
			}
		}
		if os.Getenv("SHOW") != "" {
			t.Logf("%dx%d:\n%s", c.w, c.h, strings.Join(rows(s), "\n"))
		}
	}
	s := simulation(t, 132, 43)
	m := testModel(1, 4872)
	m.Recovery = &Recovery{Drive: "rk0", Transaction: 41, Block: 1234, Kind: KindInodes, Written: true, Done: 17, Total: 34, Text: "recovered transactions 41 to 42"}
	still(s, m).draw()
	find(t, s, "recovered transactions 41 to 42")
	find(t, s, "inodes: brought home")
	x, y := find(t, s, "transaction 41")
	bar := strings.Trim(cut(s, x, y+2, 47, 1)[0], " ")
	if full, empty := strings.Count(bar, "█"), strings.Count(bar, "─"); full != (full+empty)/2 {
		t.Errorf("half done is %q", bar)
	}
}

// TestNoColour: without colours the four kinds of activity differ by character.
func TestNoColour(t *testing.T) {
	m := testModel(1, 0)
	for a := ActRead; a < numActs; a++ {
		for _, age := range []uint8{0, hotAge + 1} {
			m.Drives[0].Blocks = append(m.Drives[0].Blocks, Block{KindData, a, age})
		}
	}
	m.Drives[0].Blocks = append(m.Drives[0].Blocks, Block{KindData, ActNone, 255}, Block{KindData, ActRead, warmAge + 1})
	s := simulation(t, 132, 43)
	x := still(s, m)
	x.mono = true
	x.draw()
	_, y := find(t, s, "─ rk0 ─")
	if got := cut(s, 82, y+1, 10, 1)[0]; got != "rrwwjjhh▒▒" {
		t.Errorf("the blocks are %q", got)
	}
	for _, want := range []string{"r read", "w written", "j journaled", "h home"} {
		find(t, s, want)
	}
	c, _, _ := s.GetContents()
	for _, cell := range c {
		if _, bg, _ := cell.Style.Decompose(); bg != tcell.ColorDefault {
			t.Fatalf("%q is drawn on %v", cell.Runes, bg)
		}
	}
	t.Setenv("NO_COLOR", "1")
	y2 := Open(simulation(t, 80, 24), nil)
	defer y2.Close()
	if !y2.mono {
		t.Error("NO_COLOR is not heeded")
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", 40 * time.Microsecond: "40µs", 2340 * time.Microsecond: "2.3ms", 45 * time.Millisecond: "45ms", 999 * time.Millisecond: "999ms", 12300 * time.Millisecond: "12.3s",
	} {
		if got := short(d); got != want || len([]rune(got)) > 5 {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
