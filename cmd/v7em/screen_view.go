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

	"github.com/gdamore/tcell/v2"
	"golang.org/x/term"

	"v7em/block"
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
	// say shows a line of v7em's own.
	say(line string)
	// hold gives the display to the menu, until release.
	hold()
	release()
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
	said   []string // since the machine was started
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

func (f *fullScreen) say(line string) {
	f.mu.Lock()
	f.said = append(f.said, line)
	f.mu.Unlock()
	f.x.Console.Say(line)
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

// close gives the terminal back. What was said since the machine was started stays
// there.
func (f *fullScreen) close() {
	if !f.x.Close() {
		// It is stuck: at least it shall be usable once it is not any more.
		_ = term.Restore(int(f.last.Fd()), f.before)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	// A terminal that is gone cannot be told.
	_, _ = io.WriteString(f.last, strings.Join(f.said, ""))
}

// starts shows what recovery did to the packs, and that the machine runs.
func (w *watcher) starts(drives map[string]images.Pack) {
	if w == nil {
		return
	}
	f := w.view
	f.mu.Lock()
	f.said = nil
	f.mu.Unlock()
	w.packs(drives)
	var recovered []tui.Recovered
	for _, name := range slices.Sorted(maps.Keys(drives)) {
		if v, ok := drives[name].(*journaldev.Volume); ok {
			recovered = append(recovered, tui.Recovered{Drive: name, Text: v.Recovery().String(), Replayed: v.Replayed()})
		}
	}
	f.x.Replay(recovered)
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
