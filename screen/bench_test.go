package screen

import (
	"fmt"
	"testing"
	"time"

	"v7em/journaldev"
)

// BenchmarkFrame takes a sample of eight packs with some activity and draws it; there
// are 15 of those a second.
func BenchmarkFrame(b *testing.B) {
	for _, size := range [][2]int{{100, 30}, {200, 60}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			x := still(simulation(b, size[0], size[1]), nil)
			var sources []Source
			for i := range 8 {
				v, err := journaldev.OpenVolume(pack(b), journaldev.RK05, journaldev.VolumeOptions{})
				if err != nil {
					b.Fatal(err)
				}
				defer v.Close()
				sources = append(sources, Source{fmt.Sprintf("rk%d", i), v, NewActivity(v.Blocks())})
			}
			x.Sampler.SetSources(sources)
			x.Sampler.SetPower(Running)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a := sources[i%8].Activity
				for n := range 100 {
					a.note(a.written, &a.writes, (i*977+n)%4000)
				}
				x.model = x.Sampler.Sample(time.Now())
				x.draw()
			}
		})
	}
}
