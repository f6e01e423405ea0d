package commit

import (
	"fmt"
	"testing"

	"v7em/journaldev"
)

func TestOperationsAreBounded(t *testing.T) {
	var o operations
	add := func(n int) {
		for i := range n {
			if len(o.list) < maxOps {
				o.list = append(o.list, journaldev.Op{Path: fmt.Sprint(len(o.list), i)})
			} else {
				o.more++
			}
		}
	}
	add(200)
	first := o.take()
	if len(o.list) != 0 || o.more != 0 {
		t.Fatalf("after take: %d, %d more", len(o.list), o.more)
	}
	add(100)
	newest := o.list[99]
	o.giveBack(first)
	if len(o.list) != maxOps || o.more != 300-maxOps || o.list[0] != first.list[0] || o.list[199] != first.list[199] || o.list[200] == newest {
		t.Errorf("given back: %d, %d more, from %v", len(o.list), o.more, o.list[0])
	}
	all := o.take()
	o.giveBack(all)
	if len(o.list) != maxOps || o.more != 300-maxOps {
		t.Errorf("given back again: %d, %d more", len(o.list), o.more)
	}
}
