// Package hotcache keeps the torrents that are asked for most in the memory of an
// HTTP door, and the answers that the fast path gives with them.
//
// # What may be in it
//
// Only bytes whose info hashes to the id they are kept under: each fill is parsed
// and hashed, whoever it came from. And that an id is not cached, for a minute at
// most. The cache is bounded in bytes; which entries stay is decided by how often
// they are asked for (W-TinyLFU of otter v2), so that a crawler who takes
// everything once displaces nothing. Once it is full, only what is asked for a
// second time is kept at all (see seen): the rest is neither hashed nor copied. An
// entry leaves after 12 hours at the latest, so that the store sees what is read
// most.
//
// What passes through without being kept has no hash taken if it comes from the
// store of this process, by [Reader]: that has just compared the record's checksums
// and its id, and whoever stored it took the hash. At an edge, where it also
// came from another machine, the hash is taken always.
//
// # How it stays true
//
// Each change of a torrent ends its entries and the fills that are under way, by
// [Cache.Invalidate]. In the process of the server that is called before the change
// is answered. At an edge [Cache.Follow] calls it as it hears of changes from the
// backend; while the feed is silent for longer than a heartbeat allows, or not
// caught up with, every request goes past the cache. Where [Options.MaxStale] is set,
// as before a bucket, a copy is given all the same if the backend then cannot
// reach its store, marked stale: so reads go on through an outage, in which nobody can
// remove anything, and a node that alone is cut off stops when MaxStale is over. What a door itself uploads
// is visible at that door at once, by [Cache.Conn].
package hotcache
