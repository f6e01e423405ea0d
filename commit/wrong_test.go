package commit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"v7em/block"
	"v7em/journaldev"
	"v7em/tests/form"
	"v7em/tests/guest"
	"v7em/unix/fs"
	"v7em/unix/kernel"
)

var rk7 = kernel.Drive{Controller: kernel.RK, Unit: 7}

// put makes the bytes the contents of the pack in a drive, as a guest would.
func (h *simHost) put(unit int, image []byte) {
	h.t.Helper()
	v := h.volumes[kernel.Drive{Controller: kernel.RK, Unit: unit}]
	full := make([]byte, v.Blocks()*block.Size)
	copy(full, image)
	for n := range v.Blocks() {
		if err := v.WriteBlock(n, full[n*block.Size:][:block.Size]); err != nil {
			h.t.Fatal(err)
		}
	}
}

// wrongPacks are what no file system is on, by what it is.
func wrongPacks(t *testing.T) map[string][]byte {
	noise := make([]byte, journaldev.RK05.Bytes())
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	big := fs.NewMem(journaldev.RK05.Blocks)
	if _, err := fs.Mkfs(big, fs.MkfsOptions{Time: guest.Epoch}); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint16(big.Bytes()[block.Size+4:], uint16(journaldev.RK05.Blocks)+128) // s_fsize
	tar := make([]byte, 1<<16)
	copy(tar[block.Size:], "usr/src/cmd/ls.c")
	return map[string][]byte{
		"blank": nil, "text": bytes.Repeat([]byte("All work and no play makes Jack a dull boy.\n"), 5000),
		"random bytes": noise, "a tar": tar, "too many blocks": big.Bytes(),
	}
}

// TestVolumeThatMakesNoSense mounts what V7 should not, and does: everything else is
// committed by whole operations, and that volume by its writes and is named.
func TestVolumeThatMakesNoSense(t *testing.T) {
	booted := guest.Boot(t, guest.Options{})
	booted.Run("cd /; /etc/umount /dev/rk7")
	kinds := wrongPacks(t)
	kinds["/unix"] = nil
	for what, image := range kinds {
		g := booted.Clone(t)
		h := simulated(t, g, 0, Options{}, nil, 0, 7)
		h.put(7, image)
		if what == "/unix" {
			g.Run("cp /unix /dev/rk7")
		}
		g.Run("/etc/mount /dev/rk7 /tmp; echo precious >/precious; mkdir /whole; sync")
		// At the prompt the sync has returned.
		if !h.has(0, "/precious") || !h.has(0, "/whole/..") {
			t.Errorf("%s: sync has returned, and it is lost", what)
		}
		s := h.c.Status()
		if s.Promise != WholeOperations || len(s.Volumes) != 1 || s.Volumes[0].Name != "rk7" || s.Volumes[0].State != VolumePrefix || s.Volumes[0].Why == "" {
			t.Errorf("%s: %+v", what, s)
		}
		if len(h.told) != 1 || !strings.Contains(h.told[0], "rk7: kept to a prefix of its writes: ") {
			t.Errorf("%s: told %q", what, h.told)
		}
		if got := h.c.Stats(); got.Given != 0 || got.Unknown != 0 || got.Syncs != 1 {
			t.Errorf("%s: %+v", what, got)
		}
		// What the guest writes to the pack itself is kept with the next point.
		g.Run("echo changed | dd of=/dev/rrk7 seek=40 2>/dev/null; echo bye >/bye")
		if err := h.c.Last("power off"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		var b [block.Size]byte
		if h.recovered(7).ReadBlock(40, b[:]); !h.has(0, "/bye") || !bytes.HasPrefix(b[:], []byte("changed\n")) {
			t.Errorf("%s: lost at the power off, or %q", what, b[:8])
		}
		for n := range h.recovered(7).Diff(h.volumes[rk7].Snapshot()) {
			t.Errorf("%s: block %d of rk7 is not as the guest wrote it", what, n)
		}
		g.Run("/etc/umount /dev/rk7; sync")
		if s := h.c.Status(); len(s.Volumes) != 0 {
			t.Errorf("%s: unmounted, and %+v", what, s.Volumes)
		}
	}
}

// hostile returns what a pack may hold that somebody has made to do harm.
func hostile(rng *rand.Rand, good []byte) []byte {
	image := slices.Clone(good)
	word := func(at int, v uint16) { binary.LittleEndian.PutUint16(image[at:], v) }
	switch rng.IntN(4) {
	case 0: // noise
		for i := range image[:64*block.Size] {
			image[i] = byte(rng.Uint32())
		}
	case 1: // some of the superblock
		for range 1 + rng.IntN(6) {
			word(block.Size+2*rng.IntN(block.Size/2), uint16(rng.Uint32()))
		}
	case 2: // one that may pass, before noise
		for i := 2 * block.Size; i < 64*block.Size; i++ {
			image[i] = byte(rng.Uint32())
		}
	case 3: // bits anywhere in the first blocks
		for range 1 + rng.IntN(200) {
			image[block.Size+rng.IntN(40*block.Size)] ^= byte(1 << rng.IntN(8))
		}
	}
	return image
}

// try gives the shell a command, and returns whether it has prompted again.
func try(g *guest.Guest, command string) bool {
	g.Type(command + "\r")
	_, err := g.Expect(g.Context(), 60*guest.Second, "\x02v7\x03")
	return err == nil
}

// TestHostileMounts has V7 mount what somebody has made to do harm, and work on it: an
// orderly power off never keeps less than it would without a journal, and what sync has
// covered elsewhere is there.
func TestHostileMounts(t *testing.T) {
	booted := guest.Boot(t, guest.Options{})
	booted.Run("cd /; /etc/umount /dev/rk7")
	good := fs.NewMem(journaldev.RK05.Blocks)
	v, err := fs.Mkfs(good, fs.MkfsOptions{Time: guest.Epoch})
	if err == nil {
		err = v.WriteFile("/file", bytes.Repeat([]byte("data"), 5000), fs.Attr{Perm: 0o644})
	}
	if err == nil {
		err = v.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	commands := []string{
		"echo one >/one", "/etc/mount /dev/rk7 /tmp; echo two >/two", "ls -l /tmp >/list 2>&1; echo three >/three",
		"cp /bin/ls /tmp/ls; cat /tmp/file >/dev/null", "mkdir /tmp/d /four; echo x >/tmp/d/x; rm -f /tmp/file", "sync", "echo five >/five",
	}
	crashed, wrong, own := 0, 0, 0
	seed := -1
	form.Batches(t, func(t *testing.T) bool {
		seed++
		more := seed+1 < form.Times(16, 100)
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		image := hostile(rng, good.Bytes())
		run := func(h *simHost) (synced bool) {
			up := true
			for _, c := range commands {
				if up = up && try(h.g, c); up && c == "sync" {
					synced = true
				}
			}
			if !up {
				crashed++
			}
			// The end of a session: what V7 still can, it writes.
			if up {
				try(h.g, "sync")
			}
			h.g.Session.Run(h.g.Context(), 5*guest.Second)
			return synced
		}
		plain := simulated(t, booted.Clone(t), 0, Options{}, nil, 0, 7)
		plain.put(7, image)
		plain.c.Close()
		run(plain)
		journaled := simulated(t, booted.Clone(t), 0, Options{}, nil, 0, 7)
		journaled.put(7, image)
		synced := run(journaled)
		wrong += len(journaled.c.Status().Volumes)
		left := journaled.c.Last("power off")
		// V7 trusts a superblock, and may write past its end in memory, over what it has of
		// the root: that is on the plain disk too.
		rootOf := func(s *block.Store) fs.Region { return fs.Region{Device: s, N: 4000} }
		harmed := fs.Check(rootOf(plain.volumes[kernel.Drive{Unit: 0}].Snapshot())).Harmful
		journaled.harmed = harmed
		if harmed > 0 {
			own++
		}
		for _, unit := range []int{0, 7} {
			want := plain.volumes[kernel.Drive{Unit: unit}].Snapshot()
			got := journaled.recovered(unit)
			if unit == 0 {
				for _, name := range missing(t, want, got) {
					t.Errorf("seed %d: %s is there without a journal, and not with one; %v; told %q", seed, name, left, journaled.told)
				}
				if r := fs.Check(rootOf(got)); r.Harmful > harmed && left == nil {
					t.Errorf("seed %d: the root: %v", seed, r.Problems)
				}
			}
		}
		if !synced {
			return more
		}
		for _, name := range []string{"/one", "/two", "/three", "/four/.."} {
			if !journaled.has(0, name) && (harmed == 0 || found(plain, name)) {
				t.Errorf("seed %d: sync has returned, and %s is lost", seed, name)
			}
		}
		return more
	})
	t.Logf("%d runs crashed or hung, %d volumes made no sense; %d times V7 itself harmed its root", crashed, wrong, own)
	if wrong == 0 {
		t.Error("no volume was wrong")
	}
}

// found says whether a plain disk's root has a file.
func found(h *simHost, name string) bool {
	f, err := fs.Open(fs.Region{Device: h.volumes[kernel.Drive{Unit: 0}].Snapshot(), N: 4000})
	if err != nil {
		return false
	}
	_, err = f.Lookup(name)
	return err == nil
}

// missing returns the files of one root that another has not, or has with less in them.
func missing(t *testing.T, want, got *block.Store) (names []string) {
	t.Helper()
	a, err := fs.Open(fs.Region{Device: want, N: 4000})
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.Open(fs.Region{Device: got, N: 4000})
	if err != nil {
		return []string{fmt.Sprint("the root: ", err)}
	}
	for _, name := range []string{"/one", "/two", "/three", "/list", "/four", "/five"} {
		x, err := a.Lookup(name)
		if err != nil {
			continue
		}
		if y, err := b.Lookup(name); err != nil || y.Size < x.Size {
			names = append(names, name)
		}
	}
	return names
}
