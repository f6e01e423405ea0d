//go:build !unix

package fs

import "os"

// lock does nothing: this system has no advisory locks.
func lock(*os.File, bool) error { return nil }
