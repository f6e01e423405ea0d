package mini_test

import (
	"testing"

	"v7em/images/mini"
	"v7em/tests/guest"
)

// BenchmarkPack: a pack is made while somebody waits for the first prompt.
func BenchmarkPack(b *testing.B) {
	for b.Loop() {
		if _, err := mini.Pack(guest.Epoch); err != nil {
			b.Fatal(err)
		}
	}
}
