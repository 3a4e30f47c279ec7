// Package limit holds callers to what one of them, and all together, may take:
// connections, uploads and streams at a time, uploads and downloads a second, new bytes
// an hour and a day, and memory. docs/limits.md has the table.
//
// RATE_LIMITED refuses one caller for its own use, OVERLOADED for the use of all
// together; both say when to try again.
//
// There is one budget for all memory that grows with the work of callers. The [Hold] of a
// call takes memory from it before the memory is used, and gives it back when the memory is
// free: for an answer that grpc sends when its transport has released it ([Hold.Lend]), for
// a message that grpc reads when the garbage collector has found it ([Buffers]). A torrent
// that is being sent to many callers counts once ([Shared]). There are three [Use]s of it:
//
//   - Connections and calls have a part that is kept for them.
//   - Uploads have a bound within the rest, so that they do not starve downloads.
//   - Answers have the rest.
//
// One address has at most half of what a use has. When there is no room a claim waits, for
// seconds, and is then refused. Meanwhile [Limits.Tick] ends the connections of clients
// that have not taken what they asked for: for want of memory for all those of any address,
// for want of one address's half those of that address. A client that is merely slow keeps
// its connection while there is room.
//
// The books on callers are bounded, too: the caller that was not seen for longest is
// forgotten first. Everything is safe for concurrent use.
package limit
