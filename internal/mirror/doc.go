// Package mirror follows another server's feed and makes what it names true here: torrents
// that were cached there are cached here, and removals there are in force here. The server that
// it works for serves all the while and takes uploads of its own; what it has beyond the source
// stays. Followers of each other, in any circle, come to rest.
//
// # The one state
//
// A [Follower] is a cursor in the source's feed, kept in the store as a named value together
// with the count of removals. It reads an answer of the feed, does all that the answer names,
// and moves the cursor. A change is a hint: what is done is what ReadTorrents says of the
// torrent now, so any change may be done twice, late, or out of order, without harm.
//
// Invariants:
//
//   - The cursor moves when everything before it is durable here, or refused here for good (by
//     the policy that holds for uploads, or because it was removed here), or not to be had
//     there. After a crash the same answer is done again.
//   - What the source has and cannot give is left out, so that the rest goes on, and is asked for
//     again later, also after a crash. A removal is not left out.
//   - Nothing that the source says takes a torrent away but a removal, which hides it. Removals
//     are counted, durably, before they are made, and too many of them stop the follower.
//   - A removal that was made here by others stays as it is, and is never lifted by a source. What
//     this source removed is lifted when its feed tells of a restoration and ReadTorrents of no
//     removal.
//   - A removal has an origin, the server whose operator made it. One that comes back to its origin
//     is passed over, so that a restoration in a circle is not undone by its own echo.
//   - A torrent that is held is not read again unless the feed says that it was replaced. What is put
//     is equal to what is stored then, or outranks it, or changes nothing: no echo goes on.
//   - Of a feed that began anew all is looked at, and only what is lacking is read.
package mirror
