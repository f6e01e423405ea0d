package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what this program was made from.
type build struct {
	Version  string `json:"version"`            // of the module; "(devel)" when it was built in a working tree
	Revision string `json:"revision,omitempty"` // of the repository
	Time     string `json:"time,omitempty"`     // of that revision
	Modified bool   `json:"modified,omitempty"` // the tree had changes beside it
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// thisBuild reads what the Go linker has noted in the program.
func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is the line that `v7em version` prints.
func (b build) String() string {
	s := "v7em " + b.Version
	if b.Revision != "" {
		s += " " + b.Revision[:min(12, len(b.Revision))]
		if b.Modified {
			s += "+"
		}
		s += " of " + b.Time
	}
	return fmt.Sprintf("%s, %s %s/%s", s, b.Go, b.OS, b.Arch)
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which v7em this is",
		Long: `Version prints the version of v7em, the revision of the repository that it was
built from (with a + when the tree had changes beside it), and the version of Go
and the system that it was built for. v7em --version prints the same line.`,
		Example: "  v7em version\n  v7em version --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printBuild(cmd.OutOrStdout(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func printBuild(w io.Writer, asJSON bool) error {
	b := thisBuild()
	if !asJSON {
		_, err := fmt.Fprintln(w, b)
		return err
	}
	return printJSON(w, b, "  ")
}
