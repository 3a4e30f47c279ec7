// Package mirror follows another server's feed and repeats its changes here: torrents cached at the
// source are cached here, and removals made there are in force here. Meanwhile the server here
// serves and takes uploads of its own. Torrents that the source lacks stay here. When servers
// follow each other in a circle, no change goes round it for ever.
//
// # State
//
// A [Follower] has a cursor in the source's feed. The store keeps it as a named value, together
// with the count of removals. The follower reads an answer of the feed, processes all changes in
// it, and moves the cursor. A change is only a hint: the follower acts on the present state of the
// torrent, which it asks for by ReadTorrents. So it may process a change twice, late, or out of
// order without harm.
//
// Invariants:
//
//   - The cursor moves past an answer only when everything up to there is durable here, or refused
//     here for good (by the policy for uploads, or because it was removed here), or not available
//     at the source, or left out. After a crash the follower processes the same answer again.
//   - A torrent that the source has and cannot give now is left out, so that following goes on. The
//     follower asks for it again later, also after a crash. It never leaves out a removal.
//   - Only a removal takes a torrent away; nothing else that the source says does. Removals are
//     counted, durably, before they are made, and too many of them stop the follower.
//   - A removal that others made here stays as it is; no source lifts it. A removal that this
//     source made is lifted when its feed names a restoration and ReadTorrents reports no removal.
//   - A removal has an origin: the server whose operator made it. A follower passes over a removal
//     whose origin is its own server, so that in a circle the echo of a removal does not undo a
//     restoration.
//   - A torrent that is held here is read again only if the feed names another change of it than
//     its addition, or if ranks are kept and the held copy counts as fetched. The torrent that was
//     read then outranks the stored one or changes nothing, so that every echo ends.
//   - When the feed began anew, the follower reads the whole feed, but only those torrents that are
//     lacking.
package mirror
