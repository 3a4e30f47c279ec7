// Package tiered puts a bounded, disposable cache on the local disk in front of a store that
// several nodes share.
//
// # Promises
//
// Store is a [store.Store] with the promises of the remote store. It acknowledges nothing that
// the remote did not, and its copies may be lost at any time. Only Get is answered from the
// cache.
//
// A change made elsewhere is in force here once this node reads it in the remote's feed, at the
// latest after [Fresh]. A copy is served without asking the remote only if the feed was read to
// its end within that time. Otherwise:
//
//  1. the remote is asked, and its answer counts;
//  2. if the remote cannot be reached, the copy is served, marked
//     [store.Torrent.Stale], until the feed was last read longer than
//     [Options.MaxStale] ago; from then on the answer is [store.ErrUnavailable].
//
// So reads of cached torrents survive an outage of the remote, in which no node can remove
// anything. A node that alone is cut off does not serve torrents removed by others for longer
// than MaxStale. The cache never answers that a torrent is absent, and Has and Put always ask
// the remote.
//
// Changes returns a change only after the cache has applied it, so that a follower of the feed
// never gets an older copy afterwards. It fails while the feed cannot be read.
//
// # How the cache keeps its promises
//
// A copy is a torrent of a bounded diskstore, with its metadata from the remote in front of its
// bytes. The first read makes it, after that read was answered, if the bytes match the version
// that the remote named. This package knows nothing of info hashes: the remote vouches for
// those, and doors verify them again. Concurrent reads of a torrent share one load. A change
// deletes the copy, and cancels the loads that may have begun before it.
//
// The folder records its remote, and the position in the feed up to which its copies are
// current; that note is written after the changes were applied. After reopening, the cache
// follows the feed from there, and serves nothing until it has caught up. The cache is emptied
// if it belongs to another remote, cannot be opened, or has a position that is no longer in the
// feed. A folder with other content is refused. When the disk fails, reads go to the remote, and
// every minute the cache tries to start over.
//
// Everything here is safe for concurrent use.
package tiered
