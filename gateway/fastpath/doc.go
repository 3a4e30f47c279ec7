// Package fastpath answers the plain download before net/http sees it: a GET or
// HEAD of a torrent whose answer is ready in memory costs one read and one write.
// Everything else goes to the ordinary [http.Server] on the same connection.
//
// # How it works
//
// [Listener] wraps the connections that an http.Server accepts. The server reads
// a request by calling Read on the connection. When it is between two requests,
// that Read looks at what arrived: as long as it is a plain request it is
// answered on the spot and the server never hears of it; the first bytes that are
// anything else are what Read returns. So the server's goroutine, its buffer, its
// idle and header timeouts and its Shutdown serve both ways, an idle connection
// costs no more memory than with net/http alone, and nothing is copied when a
// request goes the ordinary way.
//
// After the server has answered such a request the connection comes back to the
// fast path, but only if it is certain that the server consumed exactly the
// bytes it was given (see frame): that keeps both sides' idea of where a request
// begins the same. Any doubt (a chunked body, a folded header, requests sent
// ahead) leaves the connection to the server for good. So does a head that arrives
// in pieces: the server has the first ones by then, and nobody here has kept them to
// tell where the request ends. Clients that send one do so by hand, or slowly.
//
// # TLS and HTTP/2
//
// [TLSListener] does the same over TLS for connections that are for HTTP/1, which it
// knows after their handshakes. Package tls reads and writes there; header and body are
// put into records together, and the records of 64 KiB leave by one system call. The
// body is copied, as it has to be for the cipher.
//
// HTTP/2 is net/http's, which reads requests itself. [Handler] answers the plain ones
// before any other handler has seen them, from the same [Source].
//
// # What is plain
//
// The whole head in one read; GET or HEAD; /torrent/HASH.torrent with HASH of 40
// or 64 hex digits; HTTP/1.1 or HTTP/1.0; lines that end in CR LF; exactly one
// Host (HTTP/1.0: at most one); no header that may change the answer. The
// headers that may are a closed list (see classify): those of the body and the
// connection, ranges, conditions, credentials. All others are ignored, as RFC
// 9110, section 5.1, asks of a recipient that does not know them and as the
// handler behind does; an open list of harmless headers would instead send
// everyone behind an unusual proxy the slow way without anyone noticing.
//
// # System calls
//
// On Linux a request costs one read and one write, of a large body a vmsplice and a
// splice as well, and no call that the scheduler hears of; see socket and pipe. Whatever a socket does not take at once, and every other
// kind of connection, goes through Go's own Read and Write.
//
// # Why no event loop
//
// One goroutine per connection over Go's poller was measured against an own epoll
// loop: the loop costs more (5.7 to 6.6 us a request against 5.2), because Go's
// scheduler polls for many connections at once and a thread that blocks in a
// system call loses its turn.
package fastpath
