// Package peer gets the info dictionary of a torrent from a peer: BEP 9 (ut_metadata) over
// BEP 10 (the extension protocol) over BEP 3, on a connection that somebody else has made. It
// asks for metadata and for nothing else, and has nothing to give.
//
// Nothing that a peer says is believed. Whoever calls holds what comes to the info hash; here
// sizes, numbers and times are bounded:
//
//   - each step has a time of its own, which bytes that do not complete it do not lengthen;
//   - what is not asked for is read and dropped, up to maxIdle bytes in all;
//   - memory is taken for what has arrived, not for what was announced.
package peer
