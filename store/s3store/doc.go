// Package s3store keeps torrents in a bucket of an S3-compatible object store. Any number of
// nodes may share the bucket. It implements [store.Store].
//
// # Objects
//
// The store uses these keys below its prefix:
//
//	t/<ID>               the state of an id, in upper-case hex: a torrent, a
//	                     pointer to it (alias), a removal (tombstone) or nothing
//	                     any more (vacant); see internal/object/header.go
//	feed/<20 digits>     the changes, some in each object, numbered from 1 without
//	                     a gap; see internal/object/batch.go
//	session/<16 hex>     the writes that carry this session are all in the feed;
//	                     see session.go
//	change/<32 hex>/<ID> a removal or restoration that is not in the feed yet; see
//	                     unannounced.go
//	purge/<20 digits>/<ID>  bytes of a removed torrent leave at this Unix time;
//	                     see purge.go
//	value/<name>.value   a named value; see value.go
//	store                the epoch of the feed; see seek.go
//	probe/...            objects that tests of the bucket write
//
// A torrent lies under its primary id (v1 if it has one, else v2). Its other ids are aliases.
//
// # Writing
//
// Each write states a condition: If-None-Match says that the key has no object, If-Match that
// the object is the one read before. When two nodes write the same key, the object store refuses
// one of the writes; that node reads again and decides anew. Objects below t/ are never deleted,
// so a removal and an upload of the same torrent always meet at the same key.
//
// A put writes the aliases first and the torrent last. The last write is the commit point. An
// alias that leads to no torrent with its id counts as absent, and the next upload repairs it. A
// removal that meets such an alias cannot know whether its upload is still in progress. It
// therefore writes its tombstone under the primary id that the alias names, where that upload
// would commit. If another torrent lies there, the tombstone replaces the alias itself. An
// upload writes all its aliases anew before it commits, so the object store refuses either the
// tombstone or the alias. A removal by a damaged alias removes the whole torrent if the alias
// still names it. Otherwise it removes that one id only, and the other ids need removals of
// their own.
//
// The store answers after the object and then the feed are written. A write that timed out may
// have been done or not. Each write carries a unique number, so the node reads the object back
// to find out. If the read fails as well, the answer is [store.ErrUnavailable]; the node keeps
// reading back and announces the write in the feed if it was done (doubt.go).
//
// A put of the same bytes by a writer of a higher rank rewrites the object with that rank. The
// feed announces it as a replacement.
//
// # Reading
//
// A failed read proves nothing: neither that a torrent is absent nor that it is damaged. A
// truncated answer, a part other than the requested one, and an answer that no object store
// gives (without an ETag, or a web page) are failed reads. An object that arrives whole but
// fails its checksum is read once more. It counts as damaged only if both reads agree. Every
// other failure is [store.ErrUnavailable].
//
// An intact object of a format or kind that this version does not know is [store.ErrUnavailable]
// too, and is never overwritten. Feed entries of an unknown kind are passed on.
//
// # Limitations
//
// A bucket with versioning keeps overwritten objects, including erased torrents.
//
// An endpoint without If-Match (see [Store.Conditional]) leaves a moment between reading and
// overwriting in which another node's change may be lost. The first write of an id is safe
// there, too.
//
// If a node dies before its change is in the feed, the change was never acknowledged. Another
// node announces a removal or a restoration within a minute, or before it serves if it is just
// starting. An upload is announced by the next upload of the same torrent, before that one is
// answered.
//
// If two nodes set the same value, the last writer wins.
package s3store
