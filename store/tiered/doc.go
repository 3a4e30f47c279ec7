// Package tiered puts a bounded, disposable cache on the local disk before a store
// that several nodes share.
//
// # What it promises
//
// Store is a [store.Store] with the promises of the remote one: it acknowledges
// nothing that the remote did not, and its copies may be lost at any time. Only
// Get is answered from the cache.
//
// A change elsewhere is in force here as soon as this node hears of it by the
// remote's feed, at the latest after [Fresh]: a copy is served without the remote
// only if the feed was read to its end within that time. When it was not,
//
//  1. the remote is asked, and its word counts;
//  2. if it cannot be reached either, the copy is served, marked
//     [store.Torrent.Stale], until the feed has not been heard for
//     [Options.MaxStale]; from then on the answer is [store.ErrUnavailable].
//
// So reads of cached torrents survive an outage of the remote, in which nobody can
// remove anything anyway, and a node that alone is cut off does not serve what the
// others removed for longer than MaxStale. The cache never answers that a torrent
// is not there, and Has and Put always ask the remote.
//
// Changes gives a change only after the cache knows it, so that a reader of the
// feed that keeps copies never gets an older copy after it. It fails while the feed
// is not heard.
//
// # How it keeps the promise
//
// A copy is a torrent of a bounded diskstore, with what the remote said of it in
// front of its bytes. It is made by the first read, after that was answered, if the
// bytes are those of the version that the remote named: this package knows nothing
// of info hashes, and the remote vouches for those; doors verify them again. Reads
// of the same torrent wait for one load. A change takes away the copy, and the
// loads that may be from before it.
//
// The folder says whose copies are in it and up to which place of the feed they are
// true; that note is written after the changes were applied. Opened again, the feed
// is followed from there, and until that has caught up nothing is served. A folder
// of another remote, one that cannot be opened and one whose place is no longer in
// the feed are emptied. A folder that is no such cache is refused. When the disk
// fails reads go to the remote, and every minute the cache tries to begin anew.
//
// Everything here is safe for concurrent use.
package tiered
