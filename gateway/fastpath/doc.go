// Package fastpath answers the plain download before net/http sees it: a GET or HEAD of a
// torrent costs one read and one write. Everything else goes to the ordinary [http.Server]
// on the same connection.
//
// # How it works
//
// [Listener] wraps the connections that an http.Server accepts. The server reads a request
// by calling Read on the connection. When it is between two requests, that Read looks at
// what arrived: as long as it is a plain request it is answered on the spot and the server
// never hears of it; the first bytes that are anything else are what Read returns. So the
// server's goroutine, its buffer, its timeouts and its Shutdown serve both ways, and nothing
// is copied when a request goes the ordinary way.
//
// After the server has answered such a request the connection comes back to the fast path,
// but only if it is certain that the server consumed exactly the bytes it was given (see
// handOver): that keeps both sides' idea of where a request begins the same. Any doubt (a
// chunked body, a folded header, requests sent ahead) leaves the connection to the server
// for good, and so does a head that arrives in pieces.
//
// Over TLS, [TLSListener] does the same for connections that are for HTTP/1. HTTP/2 is
// net/http's, which reads requests itself: [Handler] answers the plain ones before any other
// handler has seen them, from the same [Source].
//
// # What is plain
//
// The whole head in one read; GET or HEAD; /torrent/HASH.torrent with HASH of 40 or 64 hex
// digits; HTTP/1.1 or HTTP/1.0; lines that end in CR LF; exactly one Host (HTTP/1.0: at most
// one); no header that may change the answer. The headers that may are a closed list (see
// classify). All others are ignored, as RFC 9110, section 5.1, asks of a recipient that does
// not know them; an open list of harmless headers would instead send everyone behind an
// unusual proxy the slow way without anyone noticing.
//
// # System calls and memory
//
// Bodies lie in the heap. Those that no cache keeps lie in memory that is used again
// (see [Scratch]). On Linux header and body leave by one system call of which the
// scheduler does not hear (see socket and calls); what the socket does not take at once
// waits in Go's poller. Over TLS they are put into records together.
//
// What the socket takes at once is not counted. The memory of an answer that has to wait is
// taken from the budget of [limit.Limits] and given back when the answer has left; if there
// is none the connection ends. Over TLS and HTTP/2 it is taken before the answer begins; if
// there is none the request goes the ordinary way, which refuses it.
//
// One goroutine per connection over Go's poller costs less than an own epoll loop did:
// 5.2 us a request against 5.7 to 6.6.
package fastpath
