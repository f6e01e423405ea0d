//go:build !unix

package journaldev

import "os"

// Without flock two programs on the same packs are not kept apart.

func flock(*os.File, bool) error { return nil }

func isBusy(error) bool { return false }

func isReadOnlyFS(error) bool { return false }
