// Package hotcache keeps the torrents that are requested most, and the fast path's answers
// for them, in the memory of a server or of an HTTP door.
//
// # Content
//
// The cache keeps a torrent only under an id of its info bytes: it parses and hashes every torrent
// that it keeps, from any source. It also keeps the answer that a torrent is absent, for a minute
// at most. The cache is bounded in bytes. How often entries are asked for decides which of them
// stay (W-TinyLFU of otter v2), so that a crawler that takes everything once displaces nothing. A
// full cache keeps only torrents that are asked for a second time (see seen). An entry leaves after
// 12 hours at the latest, so that the store learns which torrents are read.
//
// A torrent that passes through without being kept is hashed only if it came from another
// machine: the store of this process, by [Reader], has just compared the record's checksums.
//
// # Memory
//
// The entries count against [Options.Size]. A torrent that is being loaded or sent counts
// in the [limit.Reservation] of its request. One from the cache counts once for all requests to
// which it is being sent, also after its entry is gone. The cache gives entries without
// copying them.
//
// # How it stays true
//
// Callers that ask for the same torrent at the same time wait for one load of it (see flight).
// [Cache.Invalidate] removes the entries of a changed torrent and keeps loads in flight out of the
// cache. In the server's process, the server calls it before it answers the change. At an edge,
// [Cache.Follow] calls it when the backend's feed tells of the change; while the feed is silent
// for longer than its heartbeat allows, or has not caught up, every request goes past the cache.
// If [Backend.MaxStale] is set, as in front of a bucket, and the backend cannot reach its store,
// the cache still gives its copy, marked stale. So reads go on through an outage, in which nobody
// can remove anything, and a node that alone is cut off stops giving copies after MaxStale. An
// upload through a door is visible at that door at once, because of [Cache.Conn].
package hotcache
