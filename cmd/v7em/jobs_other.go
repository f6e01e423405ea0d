//go:build !unix

package main

import (
	"context"
	"errors"
)

func (t *terminal) jobs(context.Context) (end func()) { return func() {} }

func (t *terminal) suspend(context.Context) error {
	return errors.New("there are no stopped processes on this system")
}
