// Package s3store keeps torrents in a bucket of an S3-compatible object store,
// which any number of nodes share. It is a [store.Store].
//
// # Objects
//
// Below the prefix of the store there are:
//
//	t/<ID>               what is known of an id, in upper-case hex: a torrent, a
//	                     pointer to it (alias), a removal (tombstone) or nothing
//	                     any more (vacant); see object.go
//	feed/<20 digits>     the changes, some in each object, numbered from 1 without
//	                     a gap; see batch.go
//	session/<16 hex>     the writes that carry this session are all in the feed;
//	                     see session.go
//	change/<32 hex>/<ID> a removal or restoration that is not in the feed yet; see
//	                     leftover.go
//	purge/<20 digits>/<ID>  bytes of a removed torrent leave at this Unix time;
//	                     see purge.go
//	value/<name>.value   a named value; see value.go
//	store                the epoch of the feed; see epoch.go
//	probe/...            what tests of the bucket write
//
// A torrent lies under its primary id (v1, else v2); its other ids are aliases.
//
// # Writing
//
// Each write names what it expects: If-None-Match says that there is no object,
// If-Match that it is the one read before. If two write a key, the object store
// refuses one of them, which reads again and decides anew. Objects below t/ are
// never deleted, so a removal and an upload always meet in the same key.
//
// A put writes the aliases first and the torrent last. That last write alone
// commits: an alias that leads to no torrent of its id counts as not there, and the
// next upload repairs it. A removal that meets such an alias cannot know whether
// the upload that wrote it is still under way, so it removes all ids that the alias
// names, where the upload would commit. If another object lies there, the tombstone
// takes the place of the alias itself; so an upload writes all its aliases anew
// before it commits, and of these two writes one is refused. A removal by a damaged
// alias removes the whole torrent if the alias still names it. Otherwise it removes
// that one id, and the others need removals of their own.
//
// Then comes the feed, then the answer. A write that timed out may have been done
// or not: reading back tells, since each write carries a number of its own. If
// that fails as well the answer is [store.ErrUnavailable]; the node goes on
// reading back and puts a write that was done into the feed (doubt.go).
//
// A put of the same bytes by a writer of a higher rank writes the object anew, with
// that rank, and the feed tells of it as of a replacement.
//
// # Reading
//
// A read that failed proves nothing: neither that a torrent is not there nor that it
// is damaged. An answer that is cut short, a part that is not the one asked for, and
// an answer that no object store gives (no ETag, a web page) are failed reads. An
// object that arrived whole and fails its checksum is read once more, and is damaged
// only if it comes twice alike. All else is [store.ErrUnavailable].
//
// So is what another version of this program wrote, which is whole, but of a format or
// a kind that this one does not know; it is never overwritten. See format.go. Kinds of
// changes that it does not know are passed on.
//
// # What is not promised
//
// A bucket with versioning keeps overwritten objects, erased torrents as well. An
// endpoint without If-Match (see [Store.Conditional]) leaves a moment between
// reading and overwriting, in which another node's change may get lost; the first
// write of an id is safe there, too. A change whose node died before it was in the
// feed was never acknowledged. If it is a removal or a restoration the other nodes
// put it there within a minute, and a node that starts before it serves; if it is an
// upload, the next one of the same torrent does, before it is answered. Of two nodes
// that set the same value the last writer wins.
package s3store
