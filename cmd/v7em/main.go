// Command v7em boots Seventh Edition Unix on an emulated PDP-11.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"v7em/escape"
)

func main() {
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// signals end a command in good order.
var signals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// execute runs the command line and returns the exit status: 0, 1 for what went
// wrong, 2 for a command line that cannot be understood; run has statuses of its own. An
// error is one line.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	// A second signal is not waited for: it ends the process as it would any other.
	context.AfterFunc(ctx, stop)
	understood := false
	root := rootCommand()
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(yielding(ctx, stdout))
	root.SetErr(yielding(ctx, stderr))
	checkTopics(root)
	cmd, err := root.ExecuteContextC(ctx)
	status := 0
	var coded interface{ ExitStatus() int }
	switch {
	case err == nil:
	case !understood && cmd.CommandPath() == "v7em run":
		status = statusOwn // the guest's commands may end with any other
	case !understood:
		status = 2
	case errors.As(err, &coded):
		status = coded.ExitStatus()
	default:
		status = 1
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if err != nil && err.Error() != "" {
		line := "v7em: " + errorLine(err) + "\n"
		if !understood || errors.As(err, new(badUsage)) {
			line += "v7em: try --help\n"
		}
		lastWords(stderr, line)
	}
	return status
}

// errorLine returns an error for the terminal. What several have met is said once.
func errorLine(err error) string {
	var parts []string
	for part := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return escape.Line(strings.Join(parts, "; "))
}

// printJSON prints a value as JSON, indented or on one line.
func printJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	if err == nil {
		_, err = w.Write(escape.JSON(b.Bytes()))
	}
	return err
}

// lastWordsTime is how long a terminal may take for an error.
const lastWordsTime = 500 * time.Millisecond

// lastWords writes a text, but does not wait for long: a terminal may be stuck.
func lastWords(w io.Writer, text string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.WriteString(w, text)
	}()
	select {
	case <-done:
	case <-time.After(lastWordsTime):
	}
}

// badUsage is a command line that is wrong in what it says, not in its form.
type badUsage struct{ error }

func (badUsage) ExitStatus() int { return 2 }

func usagef(format string, args ...any) error { return badUsage{fmt.Errorf(format, args...)} }

// guestStatus is the exit status of the guest's last command, which becomes that of
// v7em without a word.
type guestStatus int

func (guestStatus) Error() string     { return "" }
func (s guestStatus) ExitStatus() int { return int(s) }

func rootCommand() *cobra.Command {
	root := bootCommand()
	root.Use = "v7em"
	root.Short = "Seventh Edition Unix on an emulated PDP-11"
	root.Long = "v7em boots Seventh Edition Unix, unmodified, on an emulated PDP-11/70 or 11/45\n" +
		"with RK05 disks in a directory of yours. Without a subcommand it boots on this\n" +
		"terminal; the first time it makes the disks from the V7 distribution.\n\n" + root.Long
	// Flags are explained in as many columns as the rest.
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.Version = thisBuild().String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SilenceUsage = true
	root.SilenceErrors = true
	root.AddCommand(bootCommand(), runCommand(), installCommand(), bareCommand(), benchCommand(), crashCommand(), fsCommand(), journalCommand(), asmCommand(), disasmCommand(), versionCommand())
	withAdvice(root)
	for _, cmd := range append(root.Commands(), root) {
		if cmd.Name() != "crash" { // its --model is another
			completeMachine(cmd)
		}
		if f := cmd.Flags().Lookup("dir"); f != nil {
			if err := cmd.MarkFlagDirname("dir"); err != nil {
				panic(err) // a flag that is not there
			}
		}
	}
	return root
}

// completeMachine gives the shell what the flags of a machine can be.
func completeMachine(cmd *cobra.Command) {
	for flag, values := range map[string][]string{
		"guest":   {guestV7, guestMini},
		"model":   {"70", "45"},
		"disk":    {"rk", "rp"},
		"journal": {"on", "off", "write-through"},
		"sync":    {"fsync", "fdatasync", "msync", "none"},
		"data":    {"journal", "ordered"},
	} {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Value.Type() != "bool" {
			complete(cmd, flag, values...)
		}
	}
}

// complete gives the shell the values of a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // a flag that is not there
	}
}

// isTerminal says whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := fileOf(stream)
	return ok && term.IsTerminal(int(f.Fd()))
}
