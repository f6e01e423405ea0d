package images

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"v7em/machine"
)

// scriptWith runs commands with an input on copies of the packs.
func scriptWith(t *testing.T, d *Drives, s Script) (string, int, error) {
	t.Helper()
	m, err := machine.New(machine.Config{Model: d.Set.Model(0)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.Out, s.Now = &out, testTime
	status, err := d.RunScript(t.Context(), m, s)
	return out.String(), status, err
}

func TestScriptInput(t *testing.T) {
	d := drives(t, RK())
	got, status, err := scriptWith(t, d, Script{Commands: "cat; exit 3", In: &Input{Reader: strings.NewReader("hello\n")}})
	if err != nil || got != "hello\n" || status != 3 {
		t.Errorf("%q, %d, %v", got, status, err)
	}
	clean(t, d)
}

// reader counts how often it is read.
type reader struct {
	r     io.Reader
	reads atomic.Int32
}

func (r *reader) Read(p []byte) (int, error) {
	r.reads.Add(1)
	return r.r.Read(p)
}

// TestScriptLiveInput: a terminal is not read before the commands need it, as a shell
// stops its background jobs that do.
func TestScriptLiveInput(t *testing.T) {
	for commands, want := range map[string]string{"sleep 10; echo done": "done\n", "read x; echo $x": "typed\n"} {
		r := &reader{r: strings.NewReader("typed\n")}
		got, _, err := scriptWith(t, drives(t, RK()), Script{Commands: commands, In: &Input{Reader: r, Live: true}})
		if read := r.reads.Load() > 0; err != nil || got != want || read != (want == "typed\n") {
			t.Errorf("%q: %q, %v, read: %v", commands, got, err, read)
		}
	}
}

// TestScriptInputFails: input that cannot be read is no end of input.
func TestScriptInputFails(t *testing.T) {
	broken := errors.New("broken")
	got, _, err := scriptWith(t, drives(t, RK()), Script{
		Commands: "cat -u; echo more", In: &Input{Reader: io.MultiReader(strings.NewReader("some\n"), iotest.ErrReader(broken))},
	})
	if !errors.Is(err, broken) || got != "some\n" {
		t.Errorf("%q, %v", got, err)
	}
}
