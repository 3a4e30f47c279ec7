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
// # How it keeps the promise
//
// One goroutine, the committer, does every change. It gathers what waits into a
// group, decides each item, appends the group to the active segment, makes it
// durable with one fdatasync, applies one batch to the index, and then answers
// all that waited; the next group gathers and is written meanwhile. The index has
// no log of its own: it is never ahead of the segments, and on opening it learns
// from them what it missed. Whoever deletes the index loses time, not torrents.
//
// docs/storage.md describes the files, the order of writes, recovery, and what
// may be lost. The format is frozen: version 1.
package diskstore
