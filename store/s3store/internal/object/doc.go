// Package object is what stands in the objects of a store's bucket: torrents with their
// aliases and tombstones, batches of the feed, named values and the epoch. It turns them into
// bytes and back, and sends nothing.
//
// Each begins with a magic that tells its format, and has checksums (CRC32C, Castagnoli) of
// all its bytes. What is whole and of a format that this program does not know is no damage:
// it is neither given nor overwritten, for a newer program has it. Format 1 was that of
// tests, in which the ranks of writers had other numbers.
//
// Functions and values are safe for concurrent use as long as nobody changes the value.
package object
