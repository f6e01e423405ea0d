// Package images turns the V7 distribution into disk packs that boot: it finds or
// downloads the distribution, lays its files out on an RP03 pack and on eight RK05
// packs, and has V7 itself build the kernel for the latter.
package images
