package fstest

import (
	"bytes"
	"fmt"
	"testing"

	"v7em/unix/fs"
)

func sample(t testing.TB, seed uint64) *fs.Mem {
	t.Helper()
	m, err := Sample(seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSampleIsClean(t *testing.T) {
	for seed := range uint64(30) {
		m := sample(t, seed)
		r := fs.Check(m)
		if !r.Clean() || r.Double == 0 || r.Free < 150 || r.CharDev != 1 {
			t.Errorf("seed %d: %v %v", seed, r, r.Problems)
		}
		if again := sample(t, seed); !bytes.Equal(again.Bytes(), m.Bytes()) {
			t.Errorf("seed %d does not give the same image again", seed)
		}
	}
}

// Each way to damage an image is found as what it is, whatever the place, and
// V7's programs would see it exactly when the table says so.
func TestCorruptions(t *testing.T) {
	var c fs.Checker
	for _, cor := range Corruptions() {
		t.Run(cor.Name, func(t *testing.T) {
			for seed := range uint64(25) {
				m := sample(t, seed)
				text, err := cor.Apply(m, seed)
				if err != nil {
					t.Fatal(err)
				}
				r := c.Check(m)
				if !r.Has(cor.Want) {
					t.Errorf("seed %d: %s: no %s in %v", seed, text, cor.Want, r.Problems)
				}
				if cor.Want.Severity() == fs.Harmful && r.Harmful == 0 {
					t.Errorf("seed %d: %s: nothing harmful in %v", seed, text, r.Problems)
				}
				ic, dc := Predict(r)
				if ic.Clean() == cor.Icheck || dc.Clean() == cor.Dcheck {
					t.Errorf("seed %d: %s: would show in icheck: %v, in dcheck: %v; problems %v", seed, text, !ic.Clean(), !dc.Clean(), r.Problems)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// Damage that must not pass for harmful, since nothing whole is in danger.
func TestHarmless(t *testing.T) {
	for _, name := range []string{"blocks missing", "link count too high", "orphan", "entry lost", "inode without an entry", "free list cut short", "blocks past the size", "directory leaked", "directory lost, its .. not counted"} {
		for _, cor := range Corruptions() {
			if cor.Name != name {
				continue
			}
			m := sample(t, 3)
			if _, err := cor.Apply(m, 4); err != nil {
				t.Fatal(err)
			}
			if r := fs.Check(m); r.Harmful != 0 || r.Harmless == 0 {
				t.Errorf("%s: %v", name, r.Problems)
			}
		}
	}
}

// The parsers on output put together from the formats in V7's documentation.
func TestParse(t *testing.T) {
	c, err := ParseIcheck("/tmp/img:\n" +
		"123456 bad; inode=17, class=data (small)\n" +
		"  77 dup; inode=0, class=free\nbad mode 9\nBad free list, s.b. count = 51\n" +
		"files     60 (r=50,d=8,b=1,c=1)\nused     300 (i=3,ii=1,iii=0,d=296)\nfree     200\nmissing    5\n")
	want := Icheck{Bad: []int{123456}, Dup: []int{77}, BadMode: []int{9}, BadList: 1,
		Regular: 50, Dirs: 8, BlockDev: 1, CharDev: 1, Data: 296, Single: 3, Double: 1, Free: 200, Missing: 5}
	if err != nil || fmt.Sprint(*c) != fmt.Sprint(want) {
		t.Errorf("icheck: %+v, %v", c, err)
	}
	if _, err := ParseIcheck("cannot open /tmp/img\n"); err == nil {
		t.Error("took no output for a whole one")
	}
	d := ParseDcheck("/tmp/img:\n60001 bad; 5/f1\n     entries  link cnt\n12\t1\t2\n13\t0\t-1\n")
	if fmt.Sprint(*d) != "{[5] map[12:[1 2] 13:[0 -1]]}" {
		t.Errorf("dcheck: %+v", *d)
	}
}
