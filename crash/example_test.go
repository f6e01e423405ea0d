package crash_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"v7em/block"
	"v7em/crash"
	"v7em/images"
	"v7em/images/mini"
	"v7em/machine"
	"v7em/rk"
)

// Cut the power of mini while it makes directories, with a plain disk and with a journal.
func Example() {
	image, err := mini.Pack(crash.Epoch)
	if err != nil {
		log.Fatal(err)
	}
	store := block.NewStore(mini.PackBlocks)
	if err := store.Load(bytes.NewReader(image)); err != nil {
		log.Fatal(err)
	}
	packs := &images.Drives{Set: images.RK(), Disks: make([]rk.Disk, 8)}
	packs.Disks[0] = machine.MemDisk{Store: store}

	var runs []*crash.Run
	for _, mode := range []crash.Mode{crash.Plain, crash.Journal} {
		run, err := crash.Record(context.Background(), crash.RecordOptions{
			Mode: mode, Packs: packs,
			Workload: crash.Workload{Name: "three", Script: "cd /tmp\nmkdir a b c\nsync\nrmdir a b c\nsync\n"},
		})
		if err != nil {
			log.Fatal(err)
		}
		runs = append(runs, run)
	}
	result, err := crash.Campaign(context.Background(), runs, crash.CampaignOptions{
		Workload: "three", Guest: "mini", Models: []crash.Model{crash.Prefix},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range result.Modes {
		bad := 0
		for _, cut := range m.Cuts {
			if cut.Outcome != crash.Clean {
				bad++
			}
		}
		fmt.Printf("%s: damaged or out of date after some cut: %v\n", m.Mode, bad > 0)
	}
	// Output:
	// plain: damaged or out of date after some cut: true
	// journal: damaged or out of date after some cut: false
}
