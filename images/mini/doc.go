// Package mini makes the embedded guest: a small operating system for the PDP-11 in our
// own assembly language, with a shell and some twenty programs, on a bootable RK05 pack.
// Its system calls, file system and executables are those of V7. README.md in this
// directory is its design; the sources are in pdp11.
package mini
