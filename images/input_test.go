package images

import (
	"bytes"
	"strings"
	"testing"

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
