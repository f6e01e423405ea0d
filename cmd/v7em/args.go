package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// argCount checks the number of arguments; high -1 is any number. The error says how
// the command is used.
func argCount(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || high >= 0 && len(args) > high {
			return usagef("usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// noArgs refuses arguments: of a command with others below it as a command that there
// is not, with those that may have been meant, and of any other as too many.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usagef("%s takes no argument, and has %q", cmd.CommandPath(), args[0])
	}
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	meant := ""
	for i, s := range cmd.SuggestionsFor(args[0]) {
		switch i {
		case 0:
			meant = "; did you mean " + s
		default:
			meant += " or " + s
		}
	}
	if meant != "" {
		meant += "?"
	}
	return usagef("%s", fmt.Sprintf("unknown command %q for %q%s", args[0], cmd.CommandPath(), meant))
}

// checkTopics has cobra's own commands, help and completion, refuse what is none of
// their arguments, as the others do. The output of root must be set: cobra takes it now.
func checkTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Args = noArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				topic, rest, _ := root.Find(args)
				if topic == root || topic.HasSubCommands() {
					return noArgs(topic, rest)
				}
				return nil
			}
		}
	}
}
