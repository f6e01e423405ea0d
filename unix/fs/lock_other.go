//go:build !unix

package fs

import "os"

// Lock does nothing: this system has no advisory locks, and two programs on the same
// images are not kept apart.
func Lock(*os.File, bool) error { return nil }
