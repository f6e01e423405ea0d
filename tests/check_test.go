package tests

import (
	"errors"
	"fmt"
	"testing"

	"v7em/rk"
	"v7em/tests/guest"
	v7fs "v7em/unix/fs"
	"v7em/unix/fs/fstest"
)

// damaged is a file system, perhaps damaged, that V7 and we are to judge.
type damaged struct {
	name  string
	image *v7fs.Mem
}

// damage returns the packs of an install as they are, and each way to damage a file
// system applied to one of them; what no pack has, to a sample.
func damage(t *testing.T) []damaged {
	t.Helper()
	disks := guest.Packs(t, "rk").Disks
	var list []damaged
	for unit := 1; unit < len(disks); unit++ {
		list = append(list, damaged{fmt.Sprintf("rk%d", unit), v7fs.MemOf(guest.Image(t, disks[unit]))})
	}
	packs := list
	for i, cor := range fstest.Corruptions() {
		if cor.Endless {
			continue
		}
		seed := uint64(45 + i)
		d := damaged{}
		for try := range len(packs) {
			p := packs[(i+try)%len(packs)]
			image := p.image.Clone()
			if text, err := cor.Apply(image, seed); err == nil {
				d = damaged{fmt.Sprintf("%s, %s: %s", p.name, cor.Name, text), image}
				break
			}
		}
		if d.image == nil {
			image, err := fstest.Sample(seed)
			if err != nil {
				t.Fatal(err)
			}
			text, err := cor.Apply(image, seed)
			if err != nil {
				t.Fatal(err)
			}
			d = damaged{fmt.Sprintf("a sample, %s: %s", cor.Name, text), image}
		}
		if r := v7fs.Check(d.image); !r.Has(cor.Want) {
			t.Errorf("%s: we do not find it", d.name)
		}
		list = append(list, d)
	}
	return list
}

// V7's own icheck and dcheck, run in the guest on packs in its drives, find what we
// find, on sound packs and on damaged ones.
func TestCheckAgrees(t *testing.T) {
	t.Parallel()
	list := damage(t)
	if len(list) < 7+40 {
		t.Fatalf("only %d images", len(list))
	}
	g := guest.PowerOn(t, guest.Options{})
	g.Shell()
	g.Run("PATH=:/bin")
	const drives = rk.Drives - 1
	harmful, shown := 0, 0
	for len(list) > 0 {
		g := g.Clone(t) // whose buffers hold no blocks of the packs
		batch := list[:min(drives, len(list))]
		list = list[len(batch):]
		for i, d := range batch {
			g.Insert(1+i, d.image.Bytes())
		}
		for i, d := range batch {
			ic := g.Run(fmt.Sprintf("icheck /dev/rk%d", 1+i))
			dc := g.Run(fmt.Sprintf("dcheck /dev/rk%d", 1+i))
			r := v7fs.Check(d.image)
			if r.Harmful > 0 {
				harmful++
			}
			if diff := fstest.Compare(r, ic, dc); len(diff) > 0 {
				t.Errorf("%s: %q; we say %v", d.name, diff, r.Problems)
			}
			if c, err := fstest.ParseIcheck(ic); err == nil && (!c.Clean() || !fstest.ParseDcheck(dc).Clean()) {
				shown++
			}
		}
	}
	// The images are not all ones that V7 has nothing to say about.
	if harmful < 30 || shown < 35 {
		t.Errorf("only %d of the images are harmed, V7 complains of %d", harmful, shown)
	}
}

// A free chain in a loop keeps icheck busy for ever; we say what it is.
func TestCheckLoop(t *testing.T) {
	long(t)
	t.Parallel()
	for _, cor := range fstest.Corruptions() {
		if !cor.Endless {
			continue
		}
		image, err := fstest.Sample(3)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cor.Apply(image, 3); err != nil {
			t.Fatal(err)
		}
		if r := v7fs.Check(image); !r.Has(cor.Want) {
			t.Errorf("%s: we say %v", cor.Name, r.Problems)
		}
		g := guest.PowerOn(t, guest.Options{})
		g.Shell()
		g.Insert(1, image.Bytes())
		g.Send("/bin/icheck /dev/rk1 >/dev/null\r")
		g.Wait(120 * guest.Second)
		g.Send("\x7f")
		if out := g.Await("\x02v7\x03"); out != "\n\x02v7\x03" {
			t.Errorf("%s: icheck came to an end: %q", cor.Name, out)
		}
	}
}

// What V7 itself leaves when a directory must grow on a full disk is lost space, and
// harms nobody: an inode without a name, of a file or of a directory.
func TestFullDiskLeaks(t *testing.T) {
	t.Parallel()
	image := v7fs.NewMem(4872)
	f, err := v7fs.Mkfs(image, v7fs.MkfsOptions{Blocks: 100, Inodes: 200})
	if err == nil {
		err = f.Mkdir("/d", v7fs.Attr{Perm: 0o755})
	}
	for i := range 30 { // with . and .. they fill a block
		if err == nil {
			err = f.WriteFile(fmt.Sprintf("/d/%d", i), nil, v7fs.Attr{})
		}
	}
	for i := 0; err == nil; i++ {
		err = f.WriteFile(fmt.Sprintf("/%d", i), make([]byte, v7fs.BlockSize), v7fs.Attr{})
	}
	if !errors.Is(err, v7fs.ErrNoSpace) {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	g := guest.PowerOn(t, guest.Options{})
	g.Shell()
	g.Run("PATH=:/bin")
	g.Insert(1, image.Bytes())
	g.Run("mkdir /mnt; /etc/mount /dev/rk1 /mnt; mkdir /mnt/d/new; >/mnt/d/file; mkdir /mnt/d/more")
	g.Run("/etc/umount /dev/rk1")
	g.Sync()
	left := v7fs.MemOf(guest.Image(t, g.Drives().Disks[1]))
	r := v7fs.Check(left)
	if r.Harmful != 0 || !r.Has(v7fs.Unreferenced) || !r.Has(v7fs.LostDamaged) || r.Dirs != 4 {
		t.Errorf("%v: %v", r, r.Problems)
	}
	if diff := fstest.Compare(r, g.Run("icheck /dev/rk1"), g.Run("dcheck /dev/rk1")); len(diff) > 0 {
		t.Errorf("%q", diff)
	}
}
