// Package histories records what many clients saw of a few torrents, over all doors of
// running servers that are killed, stopped and cut off, and checks with Porcupine that one
// order of the calls explains it.
//
// Each torrent is a register of its own: the file that is held, the rank of its writer, and
// which of its ids are removed. A call takes effect at one moment between its sending and
// its answer. Three things widen that:
//
//   - A change is in force in the memory of a node at the latest when it is answered, while
//     other changes may meet it some milliseconds before. So a read may tell what was true
//     when the oldest change was sent that had no answer when the read was sent.
//   - A call without an answer may take effect at any later moment, a reopening of the store
//     included. It lasts to the end of the history, where an effect that never came is the
//     same as one that came last.
//   - A read that a copy may answer may tell what was true for as long before it was sent as
//     docs/distributed.md allows: two seconds at a node of a bucket, three at an edge, and
//     the time of --local-cache-max-stale if the answer itself says that it is stale. One
//     node on its own disk allows nothing.
//
// A history that no order explains fails the test, and is written out as a page for a
// browser and as text.
//
// TestSimulation has the store of a bucket, its feed, a migration and a mirror in one process, in a
// bubble of package synctest: minutes of faults pass in milliseconds. A failure prints all
// that happened. Its seed gives the same calls and faults again, but not always the same
// order of what runs side by side.
package histories
