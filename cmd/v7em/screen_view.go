package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"
	"golang.org/x/term"

	"v7em/block"
	"v7em/commit"
	"v7em/images"
	"v7em/journaldev"
	"v7em/machine"
	"v7em/rk"
	tui "v7em/screen"
)

// display is where a session's console and menu are seen.
type display interface {
	// Write shows what the menu prints.
	io.Writer
	// write shows what the machine prints.
	write(p []byte)
	// say shows a line of v7em's own, in the midst of what a running machine prints.
	say(line string, running bool)
	// hold gives the display to the menu, until release.
	hold()
	release()
	// page has what comes begin on an empty page of the menu, where it has pages.
	page()
	// hurry makes writers not wait any more, for a terminal that may be stuck.
	hurry()
	// suspend gives the terminal back for a while, and resume takes it again, whatever
	// was done to it meanwhile.
	suspend()
	resume()
	// close shows what is left and gives the terminal back.
	close()
}

// watcher notes what becomes of the blocks of the packs in a session's drives, for the
// screen. A nil watcher notes nothing.
type watcher struct {
	mu       sync.Mutex
	activity map[string]*tui.Activity // by drive
	view     *fullScreen              // nil until there is one
}

// watch has a watcher note what reaches the images of the packs that are opened from
// now on.
func (f *keepFlags) watch() *watcher {
	w := &watcher{activity: map[string]*tui.Activity{}}
	inner := f.keep.Wrap
	f.keep.Wrap = func(drive, name string, file journaldev.File) journaldev.File {
		if inner != nil {
			file = inner(drive, name, file)
		}
		if size, err := file.Size(); err == nil && name == "image" {
			file = w.fresh(drive, int(size/block.Size)).Image(file)
		}
		return file
	}
	return w
}

// fresh returns a new activity for a drive.
func (w *watcher) fresh(drive string, blocks int) *tui.Activity {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.activity[drive] = tui.NewActivity(blocks)
	return w.activity[drive]
}

func (w *watcher) of(drive string) *tui.Activity {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.activity[drive]
}

// disk returns what goes into a drive of the machine for a pack.
func (w *watcher) disk(drive string, p images.Pack) rk.Disk {
	if w == nil {
		return p
	}
	a := w.of(drive)
	if a == nil { // opened to be read
		a = w.fresh(drive, p.Blocks())
	}
	return a.Disk(p)
}

// attend has the watcher look at a machine, too, and at what is in its drives.
func (w *watcher) attend(m *machine.Machine, drives map[string]images.Pack) {
	if w == nil || w.view == nil {
		return
	}
	w.packs(drives)
	s, attend, trap := w.view.x.Sampler, m.Attend, m.CPU.OnTRAP
	m.Attend = func() {
		if attend != nil {
			attend()
		}
		s.Attend(m)
	}
	m.CPU.OnTRAP = func(code uint8) {
		if trap != nil {
			trap(code)
		}
		s.Called(m)
	}
}

// note has the screen tell when the guest's work is not kept as it should be.
func (w *watcher) note(c *commit.Committer) {
	if w == nil || w.view == nil {
		return
	}
	w.view.x.Sampler.SetNote(func() string {
		if c == nil {
			return ""
		}
		s := c.Status()
		switch {
		case s.Late != nil:
			return fmt.Sprintf("no commit since %s: %s", s.Late.Since.Format(time.TimeOnly), s.Late.Why)
		case len(s.Volumes) > 0:
			return s.Volumes[0].String()
		case s.Why != "":
			return fmt.Sprintf("kept: %v: %s", s.Promise, s.Why)
		}
		return ""
	})
}

// packs shows these.
func (w *watcher) packs(drives map[string]images.Pack) {
	if w == nil || w.view == nil {
		return
	}
	var sources []tui.Source
	for _, name := range slices.Sorted(maps.Keys(drives)) {
		sources = append(sources, tui.Source{Drive: name, Pack: drives[name], Activity: w.of(name)})
	}
	w.view.x.Sampler.SetSources(sources)
}

// fullScreen is a display with a picture of the machine.
type fullScreen struct {
	x      *tui.Screen
	last   *os.File // the terminal, once it has been given back
	before *term.State

	mu     sync.Mutex
	dialog *tui.Glass
}

// newFullScreen opens the screen. Function keys stand for what the menu does.
func newFullScreen(last *os.File) (*fullScreen, error) {
	before, err := term.GetState(int(last.Fd()))
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	s, err := tcell.NewScreen()
	if err == nil {
		err = s.Init()
	}
	if err != nil {
		return nil, fmt.Errorf("no screen on this terminal (TERM=%s): %w; boot without --screen", os.Getenv("TERM"), err)
	}
	menu := string(rune(keyMenu))
	return &fullScreen{last: last, before: before, x: tui.Open(s, map[tui.Command]string{
		tui.PowerOffKey: menu + "s", tui.CutKey: menu + "p", tui.BootKey: menu + "b",
	})}, nil
}

func (f *fullScreen) write(p []byte) { f.x.Console.Write(p) }

func (f *fullScreen) say(line string, running bool) { f.x.Console.Say(line, running) }

func (f *fullScreen) page() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dialog != nil {
		f.dialog.Clear()
	}
}

func (f *fullScreen) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dialog == nil {
		return len(p), nil
	}
	return f.dialog.Write(p)
}

func (f *fullScreen) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dialog = f.x.OpenDialog("the machine")
}

func (f *fullScreen) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dialog = nil
	f.x.CloseDialog()
}

func (f *fullScreen) hurry() {}

func (f *fullScreen) suspend() { f.x.Suspend() }

func (f *fullScreen) resume() { f.x.Resume() }

// close gives the terminal back. What the console showed last stays there.
func (f *fullScreen) close() {
	if !f.x.Close() {
		// It is stuck: at least it shall be usable once it is not any more.
		_ = term.Restore(int(f.last.Fd()), f.before)
		return
	}
	w, h, err := term.GetSize(int(f.last.Fd()))
	if err != nil || w <= 0 || h <= 1 {
		w, h = 80, 24
	}
	var text strings.Builder
	for _, row := range f.x.Console.View(w, h-1).Rows {
		text.WriteString(strings.TrimRight(string(row.Text), " ") + "\n")
	}
	// A terminal that is gone cannot be told.
	_, _ = io.WriteString(f.last, strings.TrimRight(text.String(), "\n")+"\n")
}

// starts shows what recovery did to the packs, and that the machine runs.
func (w *watcher) starts(ctx context.Context, drives map[string]images.Pack) {
	if w == nil {
		return
	}
	f := w.view
	w.packs(drives)
	var recovered []tui.Recovered
	for _, name := range slices.Sorted(maps.Keys(drives)) {
		if v, ok := drives[name].(*journaldev.Volume); ok {
			recovered = append(recovered, tui.Recovered{Drive: name, Text: v.Recovery().String(), Replayed: v.Replayed()})
		}
	}
	f.x.Replay(ctx, recovered)
	f.x.Sampler.SetPower(tui.Running)
}

// stops shows that the machine does not run any more.
func (w *watcher) stops() {
	if w != nil {
		w.view.x.Sampler.SetPower(tui.PowerOff)
	}
}

// openScreen makes the screen the session's display.
func (t *terminal) openScreen() error {
	f, err := newFullScreen(t.out)
	if err != nil {
		return err
	}
	t.watch.view, t.screen = f, f
	go func() {
		defer close(t.keys)
		for b := range f.x.Keys() {
			t.pass(b)
		}
	}()
	return nil
}

// bootsAgain asks, on a screen that is to stay, whether to boot again. why says why the
// machine has stopped, if the user did not ask for it.
func (t *terminal) bootsAgain(ctx context.Context, why error) bool {
	if t.watch == nil || ctx.Err() != nil {
		return false
	}
	if why != nil {
		t.say("%v", why)
	}
	t.say("F9 boots again; any other key leaves")
	for t.rest = nil; len(t.keys) > 0; { // typed before that was said
		<-t.keys
	}
	c, _ := t.byte(ctx, nil, nil)
	if c == keyMenu {
		c, _ = t.byte(ctx, nil, nil)
		return c == 'b'
	}
	return false
}
