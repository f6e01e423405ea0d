// Package forgetful is a host's file system for tests, on linux: it forgets, when its
// power is cut, whatever no fsync, fdatasync or msync had covered, names as well as
// contents, and its calls can be made to fail.
package forgetful
