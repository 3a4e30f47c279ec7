// Package diskstore keeps torrents on one machine's disk: append-only segment
// files hold the truth, a Pebble index finds it.
//
// # What it promises
//
// When Put, Remove or Restore returns without an error, what it did survives
// kill -9 and power loss, provided that the disk keeps what it was told to sync.
// Get returns exactly the bytes put, or an error, never other bytes. Per id
// there is one winner.
//
// What is removed leaves the disk within a day, or before Remove returns if the
// removal says Erase.
//
// Damage is what was read and is wrong, or is gone. A read that failed proves nothing: it
// marks nothing, gives nothing up, and the next call reads again. What is missing of the
// segments is told ([Store.Missing]), and what the index knows of it holds.
//
// # How it keeps the promise
//
// One goroutine, the committer, does every change. It gathers what waits into a
// group, decides each item, appends the group to the active segment, makes it
// durable with one fdatasync, applies one batch to the index, and then answers
// all that waited; the next group gathers and is written meanwhile. The index has
// no log of its own: it is never ahead of the segments, and on opening it learns
// from them what it missed. Whoever deletes the index loses time, not torrents.
//
// # As a bounded cache
//
// With Options.Bounded the store is a disposable cache of something else, such as
// a bucket: Put what was fetched, Get it, and fetch what gives any error. Puts
// never have to wait for room: the oldest segment falls off as a whole, and what
// was read since it was written, at most half of it, is appended again. So what is
// read stays, and what nobody asks for goes in the order in which it came. Only
// when puts come faster than segments can fall off does one answer ErrFull; it
// may be ignored. A torrent that fell off is unknown, also to the feed; so is in
// time what was removed, and at once what was found damaged and its segment
// compacted. Forget takes out what is no longer true elsewhere. What was read is
// not remembered across Close. Whoever deletes the folder of a closed store loses
// nothing; do so when what happened elsewhere in the meantime cannot be known.
//
// # The files
//
// docs/storage.md describes the files, the order of writes, recovery, and what
// may be lost. The format is version 2, which is frozen with release 0.1.0.
//
// # Where to look
//
// internal/commit makes every change, internal/recovery brings the index up to the log,
// internal/log has the segments, internal/index the index, internal/files the names of all files
// and every call that makes them durable, and internal/format their bytes. Here is what a store
// does with them.
package diskstore
