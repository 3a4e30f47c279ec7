// Package histories records the calls of many clients about a few torrents and their answers,
// over all doors of running servers that are killed, stopped and cut off. It checks with
// Porcupine that one order of the calls explains the answers.
//
// Each torrent is a separate register: the cached file, the rank of its writer, and which of its
// ids are removed. A call takes effect at one moment between its sending and its answer. Three
// rules widen that:
//
//   - A change is in force in the memory of a node at the latest when it is answered, while
//     other changes may meet it some milliseconds before. So a read may return the state at the
//     time when the oldest change was sent that was unanswered when the read was sent.
//   - A call without an answer may take effect at any later moment, also when the store is
//     reopened. The model lets it last to the end of the history, where an effect that never
//     came is the same as one that came last.
//   - A read that a copy may answer may return an older state, as docs/distributed.md allows:
//     by two seconds at a node of a bucket, by three at an edge, and by the time of
//     --local-cache-max-stale if the answer says that it is stale. One node on its own disk
//     allows none.
//
// A history that no order explains fails the test. The test writes it as a page for a browser and
// as text.
package histories
