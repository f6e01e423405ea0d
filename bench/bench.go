// Package bench times guest work on V7 or on mini, here and under SIMH side by side, on
// copies of the same packs.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"v7em/block"
	"v7em/images"
	"v7em/journaldev"
	"v7em/unix/fs"
)

// Task is one piece of guest work: a shell script.
type Task struct {
	Name string `json:"name"`
	// Prepare runs once, not timed, after booting.
	Prepare string `json:"-"`
	// Script is what is timed.
	Script string `json:"-"`
}

// BootTask is the name of the time from the bootstrap to the shell's prompt.
const BootTask = "boot to #"

const sieve = `cat >/tmp/sieve.c <<'!'
char	flags[8191];
main()
{
	register int i, k, prime;
	int count, n;

	for (n = 0; n < 300; n++) {
		count = 0;
		for (i = 0; i < 8191; i++)
			flags[i] = 1;
		for (i = 0; i < 8191; i++)
			if (flags[i]) {
				prime = i + i + 3;
				for (k = i + prime; k < 8191; k += prime)
					flags[k] = 0;
				count++;
			}
	}
	printf("%d\n", count);
}
!
cd /tmp; cc -O -o sieve sieve.c
`

// Work is what a guest does.
type Work struct {
	Tasks []Task // in the order they are done; the first is booting
	Disk  []Task // for Disk; each leaves the file systems as it found them
	load  Task   // six loops
}

// V7 is work for V7.
var V7 = Work{tasks, diskTasks, load}

// Mini is work for mini, which has neither compilers nor sort.
var Mini = Work{
	Tasks: []Task{
		{Name: BootTask},
		{Name: "count", Script: "i=; while test x$i != x" + strings.Repeat("a", 400) + "; do i=a$i; done"},
		{Name: "cat and wc", Script: "for i in " + numbers(40) +
			"; do cat /unix /unix /bin/sh | cat | wc >/tmp/n; done; rm /tmp/n"},
		{Name: "cp and cmp", Script: "cd /tmp; for i in " + numbers(40) + "; do cp /unix a; cp a b; cmp a b; rm a b; done"},
		{Name: "mkdir and rmdir", Script: mkdirs},
		{Name: "fork and exec", Script: "for i in " + numbers(150) + "; do (cat </dev/null); test x; done"},
	},
	Disk: []Task{
		{Name: "mkdir and rmdir", Script: mkdirs},
		{Name: "cp of a tree", Script: "cd /tmp; for i in " + numbers(10) +
			"; do mkdir t t/bin t/etc; cp /bin/* t/bin; cp /etc/* t/etc; cp /unix t; rm -r t; done"},
		{Name: "small files", Script: "cd /tmp; for i in " + numbers(10) + "; do for j in " + numbers(10) +
			"; do echo $j >f$j; ln f$j g$j; mv g$j h$j; done; rm f? f?? h? h??; done"},
	},
	load: Task{Name: "six loops", Script: `cd /tmp; mkdir 1 2 3; mkdir /usr/tmp; cd /usr/tmp; mkdir 1 2 3
for d in /tmp /usr/tmp; do
	(cd $d/1; while :; do mkdir x x/y; mv x w; rmdir w/y w; done) &
	(cd $d/2; while :; do cp /bin/ls a; ln a b; cp a c; mv c d; rm -f a b d; done) &
	(cd $d/3; while :; do ls -l /bin | cat | cat >t; cat t | wc >u; rm -f t u; done) &
done`},
}

const mkdirs = "cd /tmp; for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; " +
	"do mkdir a b c d; rmdir a b c d; done; done"

// numbers are those from 1 to n, as words.
func numbers(n int) string {
	var w []string
	for i := range n {
		w = append(w, fmt.Sprint(i+1))
	}
	return strings.Join(w, " ")
}

var tasks = []Task{
	{Name: BootTask},
	{Name: "sieve", Prepare: sieve, Script: "/tmp/sieve"},
	{Name: "sort -r words", Script: "sort -r /usr/dict/words >/tmp/w; rm /tmp/w"},
	{Name: "cc -O -c ed.c", Script: "cd /tmp; cp /usr/src/cmd/ed.c .; cc -O -c ed.c; rm ed.*"},
	{Name: "nroff -man adb.1", Script: "nroff -man /usr/man/man1/adb.1 >/tmp/n; rm /tmp/n"},
	{Name: "make unix", Prepare: "cd /usr/sys/conf; mkconf <rktmconf",
		Script: "cd /usr/sys/conf; rm -f *.o unix; make unix"},
	{Name: "dc 2^600", Script: "echo '2 600^p' | dc >/tmp/d; rm /tmp/d"},
}

// Guest is a V7, or a mini, at its shell's prompt, on one machine or another.
type Guest interface {
	// Type types a command without its return, and waits for the echo.
	Type(ctx context.Context, line string) error
	// Enter types the return and waits for the next prompt. That a script
	// failed is an error.
	Enter(ctx context.Context) error
	Close() error
}

// Engine boots a guest from the packs in a directory.
type Engine interface {
	Name() string
	// Boot returns the guest at its prompt and the host time that booting
	// took.
	Boot(ctx context.Context, dir string) (Guest, time.Duration, error)
}

// Result is the times of one task, in seconds of host time.
type Result struct {
	Task  string               `json:"task"`
	Times map[string][]float64 `json:"times"` // by engine
	// Ratio is the second engine's median over the first's; 0 with one
	// engine.
	Ratio float64 `json:"ratio,omitempty"`
}

// Report is what a benchmark found.
type Report struct {
	Engines []string `json:"engines"`
	Runs    int      `json:"runs"`
	Results []Result `json:"results"`
	// GeomeanRatio is the geometric mean of the ratios: above 1 the first
	// engine is the faster one. 0 with one engine.
	GeomeanRatio float64 `json:"geomean_ratio,omitempty"`
}

// Median is the middle of some times, in seconds.
func Median(times []float64) float64 {
	s := slices.Sorted(slices.Values(times))
	if len(s) == 0 {
		return math.NaN()
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Run does all tasks of w on each engine in turn, runs times, on copies of the RK05
// packs in dir. progress is told what is being timed, and an empty task at the end.
func Run(ctx context.Context, dir string, w Work, engines []Engine, runs int,
	progress func(engine, task string)) (*Report, error) {
	r := &Report{Runs: runs}
	for _, t := range w.Tasks {
		r.Results = append(r.Results, Result{Task: t.Name, Times: map[string][]float64{}})
	}
	for _, e := range engines {
		r.Engines = append(r.Engines, e.Name())
	}
	for range runs {
		for _, e := range engines {
			if err := r.once(ctx, dir, w.Tasks, e, progress); err != nil {
				return nil, fmt.Errorf("benchmark on %s: %w", e.Name(), err)
			}
		}
	}
	progress("", "")
	if len(engines) == 2 {
		sum := 0.0
		for i := range r.Results {
			t := &r.Results[i]
			t.Ratio = Median(t.Times[r.Engines[1]]) / Median(t.Times[r.Engines[0]])
			sum += math.Log(t.Ratio)
		}
		r.GeomeanRatio = math.Exp(sum / float64(len(r.Results)))
	}
	return r, nil
}

// once times every task on one engine.
func (r *Report) once(ctx context.Context, dir string, tasks []Task, e Engine,
	progress func(engine, task string)) (err error) {
	tmp, err := os.MkdirTemp("", "v7em-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := copyPacks(tmp, dir, tasks); err != nil {
		return err
	}
	note := func(i int, d time.Duration) {
		r.Results[i].Times[e.Name()] = append(r.Results[i].Times[e.Name()], d.Seconds())
	}
	progress(e.Name(), tasks[0].Name)
	g, d, err := e.Boot(ctx, tmp)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := g.Close(); err == nil {
			err = closeErr
		}
	}()
	note(0, d)
	for i := 1; i < len(tasks); i++ {
		progress(e.Name(), tasks[i].Name)
		if err := command(ctx, g, script("p", i)); err != nil {
			return err
		}
		if err := g.Type(ctx, script("t", i)); err != nil {
			return err
		}
		start := time.Now()
		if err := g.Enter(ctx); err != nil {
			return err
		}
		note(i, time.Since(start))
	}
	return nil
}

// failed is what a task's line prints when its script fails.
const failed = "bench: failed"

// script is the line that runs a task's script.
func script(letter string, i int) string {
	return fmt.Sprintf("sh -e /bench.%s%d >/dev/null || echo %s", letter, i, failed)
}

// command has a guest do one line.
func command(ctx context.Context, g Guest, line string) error {
	if err := g.Type(ctx, line); err != nil {
		return err
	}
	return g.Enter(ctx)
}

// prepare sets up a fresh single-user shell: a terminal with lower case and no
// delays, and all packs mounted.
func prepare(ctx context.Context, g Guest) error {
	for _, c := range []string{"stty -lcase cr0 nl0 -tabs", "sh /bench.mount"} {
		if err := command(ctx, g, c); err != nil {
			return err
		}
	}
	return nil
}

// copyPacks copies the packs of a machine's directory and puts the scripts of tasks
// on the copies.
func copyPacks(to, from string, tasks []Task) error {
	packs, err := filepath.Glob(filepath.Join(from, "rk[0-7].rk05"))
	if err != nil || len(packs) == 0 {
		return fmt.Errorf("no RK05 packs in %s: run v7em install", from)
	}
	for _, p := range packs {
		// As recovery would leave it, were there something to recover.
		store, _, err := journaldev.LookAs(p, journaldev.RK05, journaldev.Options{})
		if err != nil {
			return err
		}
		data := make([]byte, store.Blocks()*block.Size)
		if _, err := store.ReadAt(data, 0); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(p)), data, 0o644); err != nil {
			return err
		}
	}
	set, err := images.RK().OpenPacks(to)
	if err != nil {
		return err
	}
	tree, mounts, err := set.Mounted(nil)
	if err == nil {
		err = makeRoom(tree, len(tasks))
	}
	if err == nil {
		var mount strings.Builder
		for _, m := range mounts {
			fmt.Fprintf(&mount, "/etc/mount %s %s\n", m.Device, m.Dir)
		}
		err = tree.Put("/bench.mount", strings.NewReader(mount.String()), fs.Attr{Perm: 0o644})
	}
	if err == nil {
		for i, t := range tasks {
			for letter, text := range map[string]string{"p": t.Prepare, "t": t.Script} {
				name := fmt.Sprintf("/bench.%s%d", letter, i)
				if err = tree.Put(name, strings.NewReader(text+"\n"), fs.Attr{Perm: 0o644}); err != nil {
					break
				}
			}
		}
		if err == nil {
			err = tree.Sync()
		}
	}
	if closeErr := set.Close(); err == nil {
		err = closeErr
	}
	return err
}

// makeRoom takes away, on copies, what could be in the way of the tasks: what there is in
// the directories where they work, and files of their scripts' names.
func makeRoom(tree *images.Tree, tasks int) error {
	err := errors.Join(tree.Empty("/tmp"), tree.Empty("/usr/tmp"), tree.RemoveAll("/bench.mount"))
	for i := range tasks {
		err = errors.Join(err, tree.RemoveAll(fmt.Sprintf("/bench.p%d", i)), tree.RemoveAll(fmt.Sprintf("/bench.t%d", i)))
	}
	return err
}
