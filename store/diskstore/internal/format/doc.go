// Package format is what stands in the files of a disk store: records, the headers of
// segments, and the mark. It turns them into bytes and back, names places in them, and touches
// no file.
//
// docs/storage.md describes the format field by field. It is version 2, which release 0.1.0
// freezes (TestFormatFrozen). All integers are little endian, checksums are CRC32C
// (Castagnoli). A parser accepts exactly the bytes that are written, and allocates nothing
// that the bytes ask for. The index is no part of the format: package index has it.
//
// Functions and values are safe for concurrent use as long as nobody changes the value.
package format
