package commit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"v7em/unix/kernel"
)

// Promise is what a power cut now would bring back of the guest's work.
type Promise string

// The promises.
const (
	// NoPoint: no commit point has been made yet.
	NoPoint Promise = "none"
	// WholeOperations: every operation of a file system is there whole or not at all.
	WholeOperations Promise = "operations"
	// WritePrefix: the packs are as a prefix of the guest's writes has left them, as
	// those of a real machine. An operation may be half done.
	WritePrefix Promise = "writes"
)

// String says it to people.
func (p Promise) String() string {
	switch p {
	case WholeOperations:
		return "whole operations"
	case WritePrefix:
		return "a prefix of its writes"
	}
	return "nothing yet"
}

// Status is how the durability of a guest's work stands. It does not change.
type Status struct {
	Promise Promise `json:"promise"`
	Why     string  `json:"why,omitempty"` // why it is not WholeOperations

	// Point is when the newest durable commit point was taken, or when the committer
	// began. Waits says that the guest has done something since.
	Point time.Time `json:"point"`
	Waits bool      `json:"waits"`
	// Age is for how long the oldest work has waited that no durable point covers: what a
	// power cut now would take. It is 0 when none waits. Worst is the longest that it has
	// been.
	Age   time.Duration `json:"age_ns"`
	Worst time.Duration `json:"worst_age_ns"`
	// Late says that commit points do not come as promised: they are late by more than
	// what a busy host may be for a moment.
	Late *Late `json:"late,omitempty"`

	// Volumes are those that are not kept to whole operations, or not at all, in the
	// order of their drives.
	Volumes []VolumeStatus `json:"volumes,omitempty"`

	// Open are the processes whose brackets did not end at the newest point.
	Open []OpenBracket `json:"open,omitempty"`
}

// Late says since when work waits for a commit point, and why.
type Late struct {
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

// VolumeState is how one volume is kept that is not kept as the others are.
type VolumeState string

// The states of such volumes.
const (
	// VolumePrefix: what it holds makes no sense; it is kept to a prefix of its writes.
	VolumePrefix VolumeState = "prefix"
	// VolumeFailed: a write or sync on the host has failed. It is read-only now, and what
	// was durable before can be recovered.
	VolumeFailed VolumeState = "failed"
	// VolumeExchanged: another pack is in the drive than the one that the guest has
	// mounted. It is left alone, but for what the guest writes to it.
	VolumeExchanged VolumeState = "exchanged"
)

// VolumeStatus is how such a volume stands.
type VolumeStatus struct {
	Drive kernel.Drive `json:"-"`
	Name  string       `json:"drive"` // "rk7"
	State VolumeState  `json:"state"`
	Since time.Time    `json:"since"`
	Why   string       `json:"why"`
}

// String is a line for people: "rk7: kept to a prefix of its writes: its superblock is
// impossible".
func (v VolumeStatus) String() string {
	how := map[VolumeState]string{
		VolumePrefix: "kept to a prefix of its writes", VolumeFailed: "no longer kept",
		VolumeExchanged: "another pack is in the drive",
	}[v.State]
	return fmt.Sprintf("%s: %s: %s", v.Name, how, v.Why)
}

// Lines tells people how things stand.
func (s Status) Lines() []string {
	var lines []string
	switch {
	case s.Promise == NoPoint:
		lines = append(lines, "no commit point yet")
	case s.Why != "":
		lines = append(lines, fmt.Sprintf("kept: %v: %s", s.Promise, s.Why))
	default:
		lines = append(lines, fmt.Sprintf("kept: %v", s.Promise))
	}
	age := "nothing waits for a commit"
	if s.Waits {
		age = fmt.Sprintf("work of the last %v is not durable yet", rounded(s.Age))
	}
	lines = append(lines, fmt.Sprintf("%s (at most %v so far)", age, rounded(s.Worst)))
	if l := s.Late; l != nil {
		lines = append(lines, fmt.Sprintf("no commit point since %s: %s", l.Since.Format(time.TimeOnly), l.Why))
	}
	for _, v := range s.Volumes {
		lines = append(lines, v.String())
	}
	for _, b := range s.Open {
		lines = append(lines, b.String())
	}
	return lines
}

// rounded is a time for people: milliseconds below ten seconds, else seconds.
func rounded(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

// sortVolumes puts volumes into the order of their drives.
func sortVolumes(list []VolumeStatus) {
	slices.SortFunc(list, func(a, b VolumeStatus) int { return compareDrives(a.Drive, b.Drive) })
}

// compareDrives orders drives.
func compareDrives(a, b kernel.Drive) int {
	return cmp.Or(cmp.Compare(a.Controller, b.Controller), cmp.Compare(a.Unit, b.Unit))
}
