// Package log is the log of a disk store: segment files, in the order of their numbers, with
// records one behind the other. It opens them, goes through their records, and takes them away
// when nobody reads them any more. It says nothing about what a record means, and knows no
// index.
//
// Bytes are appended to the last segment alone, by package commit. All before it are sealed:
// nothing of them changes any more. A segment that may be retired meanwhile is read between
// [Segment.Hold] and [Segment.LetGo].
//
// What cannot be parsed is format.ErrBadRecord, which is damage or a torn end; a read that
// failed is files.ErrUnreadable, which proves nothing.
package log
