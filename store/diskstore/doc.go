// Package diskstore keeps torrents on the disk of one machine. Append-only segment files are the
// source of truth; a Pebble index locates records in them.
//
// # Promises
//
// When Put, Remove or Restore returns without an error, the change survives kill -9 and power loss,
// provided that the disk keeps the data it was told to sync. Get returns exactly the bytes put, or
// an error. One of several concurrent puts of an id wins.
//
// Removed bytes leave the disk within a day, or before Remove returns if the removal has Erase
// set.
//
// Bytes are damaged if they were read and are wrong, or if their file is missing. A failed read
// proves nothing: the store marks nothing and gives nothing up, and the next call reads again.
// [Store.Missing] reports missing segments. The state that the index has of their ids stays in
// force.
//
// # How the store keeps its promises
//
// One goroutine, the committer, makes every change. It gathers the waiting changes into a group,
// decides each of them, appends the group to the active segment, makes it durable with one
// fdatasync, applies one batch to the index, and then answers the callers. Meanwhile the next
// group gathers. The index has no log of its own: it is never ahead of the segments, and on
// opening it catches up from them. Deleting the index costs time, but no torrents.
//
// # As a bounded cache
//
// With Options.Bounded the store is a disposable cache of another store, such as a bucket. The
// caller puts the torrents it fetches, and fetches a torrent again if Get returns an error. Puts
// need not wait for room: the store discards its oldest segment as a whole. First it appends
// again the records that were read since they were written, up to half of the segment. So
// torrents in use stay, and the others go in the order in which they came. A put answers ErrFull
// only if puts come faster than segments can be discarded; the caller may ignore that error.
//
// A discarded torrent is unknown, also to the feed. A removal becomes unknown in time, and a
// damaged torrent as soon as its segment is compacted. Forget discards torrents that changed
// elsewhere. The store does not remember reads across Close. Deleting the folder of a closed
// store loses nothing; do so if changes made elsewhere in the meantime cannot be known.
//
// # The files
//
// docs/storage.md describes the files, the order of writes, recovery, and the possible losses.
// The format is version 2, which is frozen with release 0.1.0.
//
// # Where to look
//
// internal/commit makes every change, and internal/recovery brings the index up to the log.
// internal/log has the segments and internal/index the index. internal/files has the file names
// and all calls that make files durable, and internal/format the encoding of records. This
// package puts them together.
package diskstore
