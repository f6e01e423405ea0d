package commit

import (
	"testing"

	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
)

// TestOwnRace: V7 leaves a file without a name, on a plain disk and after an orderly end,
// when a program makes one in a directory while rmdir takes that away: rmdir has found it
// empty, and removes its names one by one. A captured state has just what the disk has
// then: the file is there, and nothing else is wrong. See docs/v7-races.md.
func TestOwnRace(t *testing.T) {
	if !form.Long() {
		t.Skip("the long form")
	}
	lost, rounds := 0, 0
	for ; rounds < 40 && lost == 0; rounds++ {
		g := guest.Boot(t, guest.Options{})
		setTiming(g.M, middling)
		g.Wait(uint64(rounds) * guest.Second / 3)
		g.Run("mkdir /tmp/r; cd /tmp/r; echo >/usr/tmp/go")
		for _, loop := range []string{"mkdir a; rmdir a", "echo >a/f; rm a/f"} {
			g.Run("(while test -r /usr/tmp/go; do " + loop + "; done) >/dev/null 2>&1 &")
		}
		g.Wait(200 * guest.Second)
		g.Run("rm /usr/tmp/go; wait")
		p := newCampaign(t, g).capture(1)
		g.Sync()
		g.Wait(5 * guest.Second)
		plain, captured := fs.Check(g.M.RK.Disk(7)), fs.Check(p.Packs[rk7])
		if plain.Harmful > 0 {
			t.Errorf("round %d: %v", rounds, plain.Problems)
		}
		if a, b := problemsOf(plain), problemsOf(captured); a != b {
			t.Errorf("round %d: the plain disk has %q, the captured state %q", rounds, a, b)
		}
		if plain.Has(fs.Unreferenced) {
			lost++
		}
	}
	t.Logf("a file without a name in round %d", rounds)
	if lost == 0 {
		t.Error("V7 has left nothing: the test does nothing")
	}
}

// problemsOf returns the problems of a file system, one behind the other.
func problemsOf(r *fs.Report) (s string) {
	for _, p := range r.Problems {
		s += p.String() + "; "
	}
	return s
}
