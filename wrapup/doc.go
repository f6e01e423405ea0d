// Package wrapup has no code. Its test says what a run of all tests has left out;
// go test ./... runs the packages in the order of their names, and this is the last.
package wrapup
