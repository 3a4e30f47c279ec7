// Package limit enforces the limits of one caller and of all together: connections, concurrent
// uploads and streams, uploads and downloads per second, new bytes per hour and day, and memory.
// docs/limits.md has the table.
//
// RATE_LIMITED refuses a caller for its own use, OVERLOADED for the use of all together. Both
// say when to try again.
//
// One budget covers all memory that grows with the work of callers. The [Reservation] of a call
// takes memory from it before using it, and gives it back when the memory is free. The memory of an
// answer is free when grpc's transport has released it ([Reservation.Lend]), that of an incoming
// message when the garbage collector has found it ([Buffers]). An incoming message counts at the
// address of its connection ([Buffers.Frames]). A torrent being sent to many callers counts once
// ([Shared]). There are three [Use]s of memory:
//
//   - Connections and calls have a part that is kept for them.
//   - Uploads have a bound within the rest, so that they do not starve downloads.
//   - Answers have the rest.
//
// One address has at most half of the memory of a use. If there is no room, a claim waits for
// seconds and is then refused. Meanwhile [Limits.Tick] ends the connections of clients that do
// not take the answers they requested: clients of all addresses if memory is short, clients of
// one address if only that address has used up its half. A client that is merely slow keeps its
// connection while there is room.
//
// The books on callers are bounded, too: they forget the least recently seen caller first.
// Everything is safe for concurrent use.
package limit
