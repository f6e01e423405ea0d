package images

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"

	"v7em/images/console"
	"v7em/machine"
)

// kernelMD5 is the checksum of the RK kernel that V7 makes of the distribution's
// own objects.
const kernelMD5 = "452bfb1605cb0aa15692a54c11cbbbf8"

// Where V7 makes a kernel, and under which name.
const (
	confDir    = "/usr/sys/conf"
	madeKernel = confDir + "/unix"
)

// makeKernel boots V7 from the packs of the set rp and has it make the kernel for
// RK disks. It changes the packs.
func makeKernel(ctx context.Context, rp *Drives, p Progress) ([]byte, error) {
	const what = "making the RK kernel in V7"
	m, err := machine.New(machine.Config{Model: rp.Set.Model(0)})
	if err != nil {
		return nil, err
	}
	if err := rp.Attach(m); err != nil {
		return nil, err
	}
	c := console.New(m)
	p.report(what, 0, 0)
	if err := rp.Set.Boot(ctx, m, c); err != nil {
		return nil, err
	}
	_, mounts, err := rp.Tree()
	if err != nil {
		return nil, err
	}
	lines := []string{"stty -lcase cr0 nl0"}
	for _, mt := range mounts {
		lines = append(lines, "/etc/mount "+mt.Device+" "+mt.Dir)
	}
	lines = append(lines, "cd "+confDir, "mkconf <rktmconf", "make unix", "sync", "sync")
	for i, l := range lines {
		p.report(what, int64(i), int64(len(lines)))
		c.Type(l + "\r")
		if _, err := c.Expect(ctx, buildLimit, "\n"+prompt); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", what, l, err)
		}
	}
	// sync has queued the last blocks; a second is more than the disk needs.
	if _, err := c.Run(ctx, console.Second); err != nil {
		return nil, err
	}
	t, _, err := rp.Tree()
	if err != nil {
		return nil, err
	}
	kernel, err := t.ReadFile(madeKernel)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	sum := md5.Sum(kernel)
	if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, kernelMD5) {
		return nil, fmt.Errorf("%s: the result has MD5 %s, want %s", what, got, kernelMD5)
	}
	return kernel, nil
}
