// Package tracker asks trackers which peers a torrent has: by HTTP (BEP 3, compact peers of
// BEP 23 and BEP 7) and by UDP (BEP 15).
//
// A tracker tells nobody but those who say that they take part. So it is asked as by a peer that
// has nothing, and told at once that this one has left (event=stopped): nobody is to look for it.
//
// What a tracker says is bounded: maxReply bytes are read of an answer, maxPeers peers are taken
// of it. Each host is asked once a second at most, by whatever port and scheme.
package tracker
