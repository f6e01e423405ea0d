package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"v7em/internal/hostfile"
)

var updateMan = flag.Bool("update-man", false, "write docs/man anew from the commands' own help")

const manDir = "../../docs/man"

// TestManPages: docs/man has a page for each command, made from its help. After a change
// of a help text: go test ./cmd/v7em -run TestManPages -update-man.
func TestManPages(t *testing.T) {
	pages := map[string][]byte{}
	day := time.Date(1979, time.January, 1, 0, 0, 0, 0, time.UTC) // not that of the build
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "completion" || c.Name() == "help" {
			return
		}
		c.DisableAutoGenTag = true
		var b bytes.Buffer
		if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Source: "v7em", Manual: "v7em", Date: &day}, &b); err != nil {
			t.Fatal(err)
		}
		pages[strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"] = b.Bytes()
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	t.Setenv("HOME", "/home/you") // no page names this one's
	root := rootCommand()
	root.InitDefaultVersionFlag()
	walk(root)
	if *updateMan {
		if err := os.RemoveAll(manDir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(manDir, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, page := range pages {
			if err := hostfile.Write(filepath.Join(manDir, name), page, hostfile.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	there, err := os.ReadDir(manDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range there {
		if pages[e.Name()] == nil {
			t.Errorf("docs/man/%s is of no command: -update-man makes the pages anew", e.Name())
		}
	}
	for name, page := range pages {
		if have, err := os.ReadFile(filepath.Join(manDir, name)); err != nil || !bytes.Equal(have, page) {
			t.Errorf("docs/man/%s is not what the help says (%v): -update-man makes the pages anew", name, err)
		}
	}
}
