//go:build !unix

package journaldev

import "errors"

func newMapped(osFile) (File, error) {
	return nil, errors.New("this host has no msync: choose another way to sync")
}
