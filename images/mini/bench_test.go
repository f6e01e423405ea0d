package mini

import "testing"

// BenchmarkPack: a pack is made while somebody waits for the first prompt.
func BenchmarkPack(b *testing.B) {
	for b.Loop() {
		if _, err := Pack(then); err != nil {
			b.Fatal(err)
		}
	}
}
