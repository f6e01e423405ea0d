// Package house has no code. Its tests keep the house in order: which package may
// import which, what is documented, how long lines are, and that docs/ shows the house
// as it is. They read the sources with go/parser, those of every operating system, and
// need no other tool.
//
//go:generate go test v7em/tests/house -update
package house
