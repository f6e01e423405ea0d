package fs

import (
	"fmt"
	"os"
	"testing"
)

// benchImage is an RK05 image about three quarters full.
func benchImage(b testing.TB) *Mem {
	f, m := newFS(b, 4872)
	for d := range 40 {
		dir := fmt.Sprintf("/dir%d", d)
		if err := f.Mkdir(dir, Attr{}); err != nil {
			b.Fatal(err)
		}
		for i := range 25 {
			if err := f.WriteFile(fmt.Sprintf("%s/file%d", dir, i), content(uint64(i), i*120), Attr{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	mustCheck(b, f)
	return m
}

func BenchmarkCheck(b *testing.B) {
	m := benchImage(b)
	var c Checker
	b.ReportAllocs()
	for b.Loop() {
		if !c.Check(m).Clean() {
			b.Fatal("not clean")
		}
	}
}

// An image as a crash leaves it: an old superblock and inodes lost.
func BenchmarkCheckDamaged(b *testing.B) {
	m := benchImage(b)
	for i := range 5 {
		clear(m.Block(20 + 7*i)[64:128])
	}
	c := Checker{Brief: true}
	b.ReportAllocs()
	for b.Loop() {
		if c.Check(m).Clean() {
			b.Fatal("clean")
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	dist := os.Getenv("V7EM_DIST")
	if dist == "" {
		b.Skip("set V7EM_DIST to v7.tar.gz (Henry Spencer's V7 tree, from The Unix Heritage Society)")
	}
	for b.Loop() {
		file, err := os.Open(dist)
		if err != nil {
			b.Fatal(err)
		}
		r, err := NewTarReader(file)
		if err != nil {
			b.Fatal(err)
		}
		f, _ := newFS(b, 81000)
		if _, err := f.Extract(r, ExtractOptions{}); err != nil {
			b.Fatal(err)
		}
		file.Close()
	}
}
