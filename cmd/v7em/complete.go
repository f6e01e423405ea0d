package main

import (
	"os"
	osuser "os/user"
	"path/filepath"
	"slices"
	"strings"

	"v7em/escape"
)

// completions is how many names are shown that a line might go on with.
const completions = 20

// expandHome replaces ~ and ~name at the start of a file name with that user's home
// directory.
func expandHome(name string) (string, error) {
	if !strings.HasPrefix(name, "~") {
		return name, nil
	}
	who, rest, _ := strings.Cut(name[1:], string(filepath.Separator))
	if who == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		return filepath.Join(home, rest), nil
	}
	u, err := osuser.Lookup(who)
	if err != nil {
		return "", err
	}
	return filepath.Join(u.HomeDir, rest), nil
}

// completeFile completes the name of a host file as far as the files there let it. When
// that is no further, it also returns what it might go on with. Names that would do
// something to the terminal are passed over.
func completeFile(line string) (done string, others []string) {
	dir, start := filepath.Split(line)
	at := dir
	if at == "" {
		at = "."
	}
	at, err := expandHome(at)
	if err != nil {
		return line, nil
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return line, nil
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, start) || escape.Name(name) != name || start == "" && name[0] == '.' {
			continue
		}
		if st, err := os.Stat(filepath.Join(at, name)); err == nil && st.IsDir() {
			name += string(filepath.Separator)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return line, nil
	}
	slices.Sort(names)
	first, last := names[0], names[len(names)-1]
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	if n > len(start) || len(names) == 1 {
		return dir + first[:n], nil
	}
	if len(names) > completions {
		names = append(names[:completions], "...")
	}
	return line, names
}
