package fastpath

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Download is a download that was answered on the fast path.
type Download struct {
	ID       infohash.ID
	Method   string // GET or HEAD
	Found    bool   // 200, else 404
	Sent     int64  // bytes of the body
	Begin    time.Time
	Duration time.Duration
	Peer     net.Addr // of the connection, which may be a proxy's; nil if it is not known

	TLS *tls.ConnectionState // of the connection; nil if it is without
}

// started returns the time if downloads are told to somebody: telling it costs nothing else.
func started(told func(Download)) time.Time {
	if told == nil {
		return time.Time{}
	}
	return time.Now()
}

// tell tells of the answer to h, of which n bytes were sent, header included.
func (c *conn) tell(h head, a *Answer, header int, n int64, begin time.Time) {
	if c.l.OnAnswer == nil {
		return
	}
	method := http.MethodGet
	if h.headOnly {
		method = http.MethodHead
	}
	d := Download{
		ID: h.id, Method: method, Found: a.found, Sent: max(0, n-int64(header)),
		Begin: begin, Duration: time.Since(begin), Peer: c.Conn.RemoteAddr(),
	}
	if secure, ok := c.Conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		d.TLS = &state
	}
	c.l.OnAnswer(d)
}

// tell tells of the answer to r, of whose body n bytes were sent.
func (h *Handler) tell(r *http.Request, id infohash.ID, a *Answer, n int64, begin time.Time) {
	if h.OnAnswer == nil {
		return
	}
	d := Download{ID: id, Method: r.Method, Found: a.found, Sent: n, Begin: begin, Duration: time.Since(begin), TLS: r.TLS}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		d.Peer = net.TCPAddrFromAddrPort(from)
	}
	h.OnAnswer(d)
}
