package main

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	line, stderr, status := v7em("", "version")
	if status != 0 || stderr != "" || strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "v7em ") ||
		!strings.Contains(line, runtime.Version()) || !strings.Contains(line, runtime.GOOS+"/"+runtime.GOARCH) {
		t.Errorf("%q, %q, status %d", line, stderr, status)
	}
	if flag, _, status := v7em("", "--version"); flag != line || status != 0 {
		t.Errorf("--version prints %q, version %q", flag, line)
	}
	text, _, _ := v7em("", "version", "--json")
	var b build
	if err := json.Unmarshal([]byte(text), &b); err != nil || b.Go != runtime.Version() {
		t.Errorf("%q: %v", text, err)
	}
	made := build{Version: "v1.2.3", Revision: "0123456789abcdef", Time: "2026-11-29T00:00:00Z", Modified: true, Go: "go1.26", OS: "linux", Arch: "arm64"}
	if got, want := made.String(), "v7em v1.2.3 0123456789ab+ of 2026-11-29T00:00:00Z, go1.26 linux/arm64"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
