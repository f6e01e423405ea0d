package images

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"v7em/machine"
	"v7em/unix/fs"
)

// script runs commands on copies of the packs.
func script(t *testing.T, ctx context.Context, d *Drives, commands string) (string, int, error) {
	t.Helper()
	m, err := machine.New(machine.Config{Model: d.Set.Model(0)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	status, err := d.RunScript(ctx, m, Script{Commands: commands, Out: &out, Now: testTime})
	return out.String(), status, err
}

func TestRunScript(t *testing.T) {
	for _, tt := range []struct {
		name, commands, want string
		status               int
	}{
		{"nothing", "", "", 0},
		{"output", "echo hello; echo world", "hello\nworld\n", 0},
		{"no newline", "echo -n hello", "hello", 0},
		{"status", "echo x; exit 3", "x\n", 3},
		{"failure", "false", "", 1},
		{"last command", "false; true", "", 0},
		{"signal", "sh -c 'kill -9 $$'", "/.v7em.cmd: ", 137}, // and the process and "Killed"
		{"standard error", "echo oops 1>&2", "oops\n", 0},
		{"no input", "cat; read x; echo $?", "1\n", 0},
		{"marks", "cat /.v7em.sh | grep -c mount", "7\n", 0},
		{"packs", "test -d /usr/src/cmd/awk -a -r /usr/doc/setup && echo mounted", "mounted\n", 0},
		{"a long line", "sed 2000q /usr/dict/words | tr -d '\\012' >/tmp/x; wc -c </tmp/x; cat /tmp/x | wc -c", "  14434\n  14434\n", 0},
		{"the clock", "date", "Wed Jan 15 07:00:", 0},
		{"a sleep", "sleep 1000; date", "Wed Jan 15 07:16:", 0},
		{"a terminal mode of its own", "stty -raw; echo x; exit 4", "x\x8d\n", 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := drives(t, RK())
			got, status, err := script(t, t.Context(), d, tt.commands)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(tt.want, "Wed") || tt.name == "signal" {
				got = got[:min(len(got), len(tt.want))]
			}
			if got != tt.want || status != tt.status {
				t.Errorf("%q printed %q, status %d; want %q, %d", tt.commands, got, status, tt.want, tt.status)
			}
			clean(t, d)
			tree, _, err := d.Tree()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{scriptFile, wrapperFile} {
				if _, err := tree.Lookup(f); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is still there: %v", f, err)
				}
			}
		})
	}
}

// TestRunScriptBytes prints every byte there is.
func TestRunScriptBytes(t *testing.T) {
	d := drives(t, RK())
	tree, _, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for i := range 3 * 256 {
		all = append(all, byte(i*7))
	}
	if err := tree.Put("/all", bytes.NewReader(all), fs.Attr{Perm: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := tree.Sync(); err != nil {
		t.Fatal(err)
	}
	got, _, err := script(t, t.Context(), d, "cat /all")
	if err != nil || got != string(all) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRunScriptOnRP(t *testing.T) {
	d := drives(t, RP())
	got, status, err := script(t, t.Context(), d, "ls -d /usr/src/cmd/troff; df | wc -l")
	if err != nil || status != 0 || got != "/usr/src/cmd/troff\n      2\n" {
		t.Errorf("%q, %d, %v", got, status, err)
	}
	clean(t, d)
}

// TestScriptIsDeterministic: the same packs, commands and time give the same packs.
func TestScriptIsDeterministic(t *testing.T) {
	var first *Drives
	for range 2 {
		d := drives(t, RK())
		if _, _, err := script(t, t.Context(), d, "cd /tmp; mkdir d; cp /bin/* d; rm d/[a-m]*; ps alx >d/ps"); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = d
			continue
		}
		for unit := range d.Disks {
			a, b := d.Disks[unit].(machine.MemDisk), first.Disks[unit].(machine.MemDisk)
			for n := range a.Diff(b.Store) {
				// The wrapper's token, which is random, was in a block that is free now.
				p := make([]byte, 512)
				a.ReadBlock(n, p)
				if !bytes.Contains(p, []byte("\x01")) {
					t.Errorf("rk%d block %d differs", unit, n)
				}
			}
		}
	}
}

func TestRunScriptCut(t *testing.T) {
	// The guest signals that it is at it; what it wrote before must survive.
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	d := drives(t, RK())
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	out := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "ready") {
			cancel(why)
		}
		return len(p), nil
	})
	_, err = d.RunScript(ctx, m, Script{Commands: "mkdir /made; echo ready; while true; do :; done", Out: out, Now: testTime})
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	tree, _, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Lookup("/made"); err != nil {
		t.Error(err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestRunScriptOutputFails(t *testing.T) {
	d := drives(t, RK())
	m, err := machine.New(machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("broken pipe")
	before := time.Now()
	_, err = d.RunScript(t.Context(), m, Script{Commands: "yes", Out: writerFunc(func([]byte) (int, error) { return 0, gone }), Now: testTime})
	if !errors.Is(err, gone) {
		t.Errorf("after %v: %v", time.Since(before), err)
	}
}

// TestScriptOutput feeds the filter what looks like its marks but is not.
func TestScriptOutput(t *testing.T) {
	const token = "TOK"
	b, e, s := mark(token, begin), mark(token, end), mark(token, synced)
	for _, tt := range []struct {
		in, want string
		status   int
	}{
		{"noise" + b + "out\n" + e + "0\n" + s, "out\n", 0},
		{b + e + "255\n" + s, "", 255},
		{b + "\x01\x01TOK\x01TO" + e + "7\n", "\x01\x01TOK\x01TO", 7},
		{b + "\x01TOK[\x01TOK." + e + "0\n", "\x01TOK[\x01TOK.", 0},
		{strings.ReplaceAll(b, "T", "\xd4") + "x\xff" + e + "0\n", "x\xff", 0},
		{b + strings.Repeat("x", 5000) + e + "0\n" + s, strings.Repeat("x", 5000), 0},
	} {
		var out bytes.Buffer
		o := &scriptOutput{token: token, out: &out, fail: func(error) {}}
		for _, c := range []byte(tt.in) {
			o.put(c)
		}
		if out.String() != tt.want || o.status != tt.status {
			t.Errorf("%q: %q, status %d; want %q, %d", tt.in, out.String(), o.status, tt.want, tt.status)
		}
	}
}

func copyIn(t *Tree, host, guest string) error {
	return (&Copier{Tree: t}).In(context.Background(), host, guest)
}

func copyOut(t *Tree, guest, host string) error {
	return (&Copier{Tree: t}).Out(context.Background(), guest, host)
}

func TestTransfer(t *testing.T) {
	d := drives(t, RK())
	tree, _, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	host := filepath.Join(dir, "a.c")
	if err := os.WriteFile(host, []byte("main(){}\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(host, testTime, testTime); err != nil {
		t.Fatal(err)
	}
	for guest, want := range map[string]string{
		"/tmp/x.c": "/tmp/x.c", "/tmp": "/tmp/a.c", "/usr/tmp/": "/usr/tmp/a.c", "rel": "/rel", "/usr/src/cmd/../x": "/usr/src/x",
	} {
		if err := copyIn(tree, host, guest); err != nil {
			t.Errorf("%s: %v", guest, err)
			continue
		}
		st, err := tree.Lookup(want)
		if err != nil || st.Mode&0o777 != 0o640 || st.UID != 0 || st.MTime != int32(testTime.Unix()) {
			t.Errorf("%s: %+v, %v", want, st, err)
		}
		back := filepath.Join(dir, "back")
		if err := copyOut(tree, want, back); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(back); err != nil || string(b) != "main(){}\n" {
			t.Errorf("%s came back as %q, %v", want, b, err)
		}
		if st, err := os.Stat(back); err != nil || !st.ModTime().Equal(testTime) {
			t.Errorf("%s came back of %v", want, st.ModTime())
		}
	}
	var out bytes.Buffer
	if err := (&Copier{Tree: tree, Stdout: &out}).Out(t.Context(), "/etc/group", "-"); err != nil || !strings.HasPrefix(out.String(), "other::1:") {
		t.Errorf("to standard output: %q, %v", out.String(), err)
	}
	if err := copyOut(tree, "/etc/group", dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "group")); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct{ from, to string }{
		{filepath.Join(dir, "none"), "/tmp/x"}, {dir, "/tmp/x"}, {host, "/no/such/dir/x"}, {host, "/tmp/a-name-of-15-ch"}, {host, "/dev/null"},
	} {
		if err := copyIn(tree, tt.from, tt.to); err == nil {
			t.Errorf("In(%q, %q) succeeded", tt.from, tt.to)
		}
	}
	for _, tt := range []struct{ from, to string }{
		{"/none", dir}, {"/usr", dir}, {"/dev/mem", dir}, {"/etc/rc", filepath.Join(dir, "no", "such")},
	} {
		if err := copyOut(tree, tt.from, tt.to); err == nil {
			t.Errorf("Out(%q, %q) succeeded", tt.from, tt.to)
		}
	}
	if err := tree.Sync(); err != nil {
		t.Fatal(err)
	}
	clean(t, d)
}
