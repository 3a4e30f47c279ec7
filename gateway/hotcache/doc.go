// Package hotcache keeps the torrents that are asked for most in the memory of a server or
// of an HTTP door, and the answers that the fast path gives with them.
//
// # What may be in it
//
// Only bytes whose info hashes to the id they are kept under: what is kept is parsed and
// hashed, whoever it came from. And that an id is not cached, for a minute at most. The
// cache is bounded in bytes; which entries stay is decided by how often they are asked for
// (W-TinyLFU of otter v2), so that a crawler who takes everything once displaces nothing.
// Once it is full, only what is asked for a second time is kept at all (see seen). An entry
// leaves after 12 hours at the latest, so that the store sees what is read most.
//
// What passes through without being kept is hashed only if it came from another machine: the
// store of this process, by [Reader], has just compared the record's checksums.
//
// # Memory
//
// The entries count against [Options.Size]. What is being loaded or sent counts in the
// [limit.Hold] of whoever asks: a torrent that is kept once for all to whom it is sent at
// a time, whether it is still kept or not. Entries are given as they are, never copied.
//
// # How it stays true
//
// Those who ask for the same torrent at a time wait for one load of it (see flight). Each
// change of a torrent ends its entries, and what is being loaded meanwhile is not kept, by
// [Cache.Invalidate]. In the process of the server that is called before the change is
// answered. At an edge [Cache.Follow] calls it as it hears of changes from the backend;
// while the feed is silent for longer than a heartbeat allows, or not caught up with, every
// request goes past the cache. Where [Backend.MaxStale] is set, as before a bucket, a copy
// is given all the same if the backend then cannot reach its store, marked stale: so reads
// go on through an outage, in which nobody can remove anything, and a node that alone is cut
// off stops when MaxStale is over. What a door itself uploads is visible at that door at
// once, by [Cache.Conn].
package hotcache
