package screen

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"
)

const (
	// samplePeriod is the time between two samples, and drawPeriod the least time
	// between two drawings of the console while it is written to.
	samplePeriod = 66 * time.Millisecond
	drawPeriod   = 25 * time.Millisecond
	// typeAhead is how many keys may wait for a reader.
	typeAhead = 4096
	// A dialog is as large as this, if it can be.
	dialogColumns, dialogRows = 82, 32
)

// Command is what a function key asks for.
type Command uint8

// The commands.
const (
	PowerOffKey Command = iota // sync and power off
	CutKey                     // cut the power
	BootKey                    // sync, power off, and boot again
)

// Screen is a terminal that shows a machine. Its methods may be called by any
// goroutine.
type Screen struct {
	// Console is the machine's console.
	Console *Glass
	// Sampler has what is shown beside it.
	Sampler *Sampler

	s        tcell.Screen
	keys     chan []byte
	commands map[Command]string
	wake     chan struct{} // something but the sample has changed
	orders   chan func()   // for the goroutine that draws
	quit     chan struct{}
	done     chan struct{}
	close    sync.Once

	mu     sync.Mutex
	dialog *Glass // over the console, if not nil
	title  string

	// Of the goroutine that draws.
	away   bool // the terminal is somebody else's meanwhile
	alone  bool // without the picture
	help   bool // the legend is shown
	mono   bool // there are no colours
	model  *Model
	rung   int
	canvas canvas
}

// Open shows a machine on a terminal, which must be initialized and belongs to it
// from now on. commands are what counts as typed when a command is asked for.
func Open(s tcell.Screen, commands map[Command]string) *Screen {
	x := &Screen{
		Console: NewGlass(), Sampler: NewSampler(), s: s, keys: make(chan []byte), commands: commands,
		wake: make(chan struct{}, 1), orders: make(chan func()), quit: make(chan struct{}), done: make(chan struct{}),
	}
	x.Console.Changed = x.changed
	x.mono = s.Colors() == 0 || os.Getenv("NO_COLOR") != ""
	for r, subst := range fallbacks {
		s.RegisterRuneFallback(r, subst)
	}
	s.SetStyle(plain)
	go x.run()
	return x
}

// Keys returns the channel of what is typed, as the bytes that a plain terminal sends.
// Nobody has to read it. It is closed when the terminal is gone.
func (x *Screen) Keys() <-chan []byte { return x.keys }

// closeTime is how long a terminal may take to be given back.
const closeTime = 2 * time.Second

// Close gives the terminal back, as it was. It returns false if that does not take
// what is sent to it.
func (x *Screen) Close() bool {
	x.close.Do(func() { close(x.quit) })
	select {
	case <-x.done:
		return true
	case <-time.After(closeTime):
		return false
	}
}

// Suspend gives the terminal back for a while, as it was.
func (x *Screen) Suspend() {
	x.order(func() {
		if !x.away {
			x.away = true
			_ = x.s.Suspend() // a terminal that is gone cannot be given back
		}
	})
}

// Resume takes the terminal again, whatever was done to it, and draws everything.
func (x *Screen) Resume() {
	x.Suspend()
	x.order(func() {
		if x.s.Resume() == nil {
			x.away, x.canvas = false, canvas{}
			x.s.Sync()
			x.draw()
		}
	})
}

// order has the goroutine that draws do something, while there is one.
func (x *Screen) order(f func()) {
	done := make(chan struct{})
	select {
	case x.orders <- func() { defer close(done); f() }:
		<-done
	case <-x.done:
	}
}

func (x *Screen) changed() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// OpenDialog shows another terminal over the console, until CloseDialog. It also
// understands what a line editor sends.
func (x *Screen) OpenDialog(title string) *Glass {
	g := newDialog()
	g.Changed = x.changed
	x.mu.Lock()
	x.dialog, x.title = g, title
	x.mu.Unlock()
	x.changed()
	return g
}

// dialogArea is where dialogs are.
func dialogArea(w, h int) rect {
	bars := 0
	if h >= 4 {
		bars = 1
	}
	return center(rect{0, bars, w, h - 2*bars}, dialogColumns, dialogRows)
}

// CloseDialog takes the dialog away.
func (x *Screen) CloseDialog() {
	x.mu.Lock()
	x.dialog = nil
	x.mu.Unlock()
	x.changed()
}

// Replay shows how recovery has brought blocks home, until a key is pressed or ctx
// ends. Without any blocks it returns at once.
func (x *Screen) Replay(ctx context.Context, of []Recovered) {
	r := newReplay(of)
	if len(r.steps) == 0 {
		return
	}
	s := x.Sampler
	s.mu.Lock()
	was := s.power
	s.replay, s.power = r, Recovering
	s.mu.Unlock()
	select {
	case <-r.over:
	case <-ctx.Done():
	case <-x.done:
	}
	s.mu.Lock()
	s.replay, s.power = nil, was
	s.mu.Unlock()
}

// run draws and serves the terminal until it is closed.
func (x *Screen) run() {
	defer close(x.done)
	defer x.s.Fini()
	typed := make(chan []byte, 1)
	go x.pump(typed)
	defer close(typed)
	events := make(chan tcell.Event, 16)
	go x.s.ChannelEvents(events, x.quit)
	sample := time.NewTicker(samplePeriod)
	defer sample.Stop()
	x.model = x.Sampler.Sample(time.Now())
	x.draw()
	last := time.Now()
	var later <-chan time.Time
	for {
		select {
		case <-x.quit:
			x.draw()
			return
		case f := <-x.orders:
			f()
		case e, ok := <-events:
			if !ok {
				return
			}
			if !x.event(e, typed) {
				return
			}
			x.draw()
		case now := <-sample.C:
			x.model = x.Sampler.Sample(now)
			x.draw()
			last, later = now, nil
		case <-x.wake:
			if later != nil {
				continue
			}
			if wait := drawPeriod - time.Since(last); wait > 0 {
				later = time.After(wait)
				continue
			}
			x.draw()
			last = time.Now()
		case now := <-later:
			later = nil
			x.draw()
			last = now
		}
	}
}

// pump passes keys on to whoever reads them, some time.
func (x *Screen) pump(typed <-chan []byte) {
	defer close(x.keys)
	var waiting [][]byte
	for {
		var out chan<- []byte
		var next []byte
		if len(waiting) > 0 {
			out, next = x.keys, waiting[0]
		}
		select {
		case b, ok := <-typed:
			if !ok {
				return
			}
			if len(waiting) < typeAhead {
				waiting = append(waiting, b)
			}
		case out <- next:
			waiting = waiting[1:]
		}
	}
}

// event serves an event of the terminal. It returns false when that is gone.
func (x *Screen) event(e tcell.Event, typed chan<- []byte) bool {
	switch e := e.(type) {
	case *tcell.EventResize:
		x.canvas = canvas{} // tcell has forgotten what is beyond a smaller terminal
		x.s.Sync()
	case *tcell.EventKey:
		x.key(e, typed)
	case *tcell.EventError:
		return false
	}
	return true
}

// key serves a key.
func (x *Screen) key(e *tcell.EventKey, typed chan<- []byte) {
	s := x.Sampler
	s.mu.Lock()
	replay := s.replay
	s.mu.Unlock()
	if replay != nil {
		replay.end()
		return
	}
	w, h := x.s.Size()
	p := divide(w, h, x.alone)
	if x.help {
		x.help = false
		return
	}
	x.mu.Lock()
	glass, in := x.Console, p.console
	if x.dialog != nil {
		glass, in = x.dialog, dialogArea(w, h).inner()
	}
	x.mu.Unlock()
	switch e.Key() {
	case tcell.KeyPgUp:
		glass.Scroll(-max(in.h-1, 1), in.w, in.h)
		return
	case tcell.KeyPgDn:
		glass.Scroll(max(in.h-1, 1), in.w, in.h)
		return
	case tcell.KeyF1:
		x.help = true
		return
	case tcell.KeyF4:
		x.alone = !x.alone
		return
	}
	b := keyBytes(e)
	if c, ok := commandKeys[e.Key()]; ok {
		b = []byte(x.commands[c])
	}
	if len(b) > 0 {
		glass.Follow()
		typed <- b
	}
}

var commandKeys = map[tcell.Key]Command{tcell.KeyF6: PowerOffKey, tcell.KeyF8: CutKey, tcell.KeyF9: BootKey}

// specialKeys are the keys that send more than a character, as a VT100 or xterm does.
var specialKeys = map[tcell.Key]string{
	tcell.KeyUp: "\x1b[A", tcell.KeyDown: "\x1b[B", tcell.KeyRight: "\x1b[C", tcell.KeyLeft: "\x1b[D",
	tcell.KeyHome: "\x1b[H", tcell.KeyEnd: "\x1b[F", tcell.KeyInsert: "\x1b[2~", tcell.KeyDelete: "\x1b[3~",
	tcell.KeyBacktab: "\x1b[Z",
}

// keyBytes returns what a plain terminal sends for a key, nil for nothing.
func keyBytes(e *tcell.EventKey) []byte {
	var b []byte
	switch k := e.Key(); {
	case k == tcell.KeyRune:
		r := e.Rune()
		if e.Modifiers()&tcell.ModCtrl != 0 && r < 0o177 {
			if r == ' ' {
				r = '@'
			}
			r &= 0o37
		}
		b = utf8.AppendRune(nil, r)
	case k == tcell.KeyBackspace:
		b = []byte{0o177} // as nearly all terminals have it; tcell does not tell ^H from it
	case k >= tcell.KeyCtrlSpace && k <= tcell.KeyCtrlUnderscore:
		b = []byte{byte(k - tcell.KeyCtrlSpace)}
	case k < ' ':
		b = []byte{byte(k)}
	default:
		b = []byte(specialKeys[k])
	}
	if e.Modifiers()&tcell.ModAlt != 0 && len(b) > 0 {
		b = append([]byte{0x1b}, b...)
	}
	if len(b) == 0 {
		return nil
	}
	return b
}

// draw draws everything; tcell sends the terminal what has changed.
func (x *Screen) draw() {
	w, h := x.s.Size()
	if w <= 0 || h <= 0 || x.away {
		return
	}
	p := divide(w, h, x.alone)
	var recovery rect
	if x.model.Recovery != nil {
		p, recovery = p.recovery()
	}
	x.canvas.resize(w, h)
	d := painter{&x.canvas, x.mono}
	x.mu.Lock()
	dialog, title := x.dialog, x.title
	x.mu.Unlock()

	v := x.Console.View(p.console.w, p.console.h)
	cx, cy, ok := d.console(p.console, v)
	if !p.picture.empty() {
		d.picture(p.picture, p.above, x.model)
		for y := range p.rule.h {
			for c := range p.rule.w {
				line := tcell.RuneVLine
				if p.above {
					line = tcell.RuneHLine
				}
				x.canvas.set(p.rule.x+c, p.rule.y+y, line, dim)
			}
		}
		if p.above {
			d.legend(rect{p.rule.x + 1, p.rule.y, p.rule.w - 1, 1}, [][]legendEntry{append(d.actLegend(), stateLegend()...)})
		}
	}
	note := ""
	switch {
	case v.Behind > 0:
		note = "scrolled back: PgDn or any key goes on"
	case x.model.Note != "":
		note = x.model.Note
	case p.cramped:
		note = fmt.Sprintf("the picture needs %dx%d", aboveColumns, aboveRows)
	}
	if !p.title.empty() {
		d.title(p.title, x.model.Processor, note)
		d.keys(p.keys)
	}
	if x.model.Recovery != nil {
		d.recovery(recovery, x.model.Recovery)
	}
	if dialog != nil {
		area := dialogArea(w, h)
		in := area.inner()
		v := dialog.View(in.w, in.h)
		if v.Above || v.Behind > 0 {
			title += ": PgUp and PgDn show the rest"
		}
		d.box(area, title)
		cx, cy, ok = d.console(in, v)
	}
	if x.help {
		d.help(dialogArea(w, h))
		ok = false
	}
	if ok {
		x.s.ShowCursor(cx, cy)
	} else {
		x.s.HideCursor()
	}
	if n := x.Console.Bells(); n != x.rung {
		x.rung = n
		_ = x.s.Beep() // a terminal without a bell is none the worse
	}
	x.canvas.flush(x.s)
	x.s.Show()
}
