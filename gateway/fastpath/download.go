package fastpath

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Downloads answers plain downloads for the connections of [New] and [NewTLS] and the requests of
// [NewHandler]. It is safe for concurrent use.
type Downloads struct {
	// Source has the answers. Required.
	Source Source
	// OnAnswer is called with each answer, by the goroutine of its connection or request, which
	// waits for it. Nil: nothing is called.
	OnAnswer func(Download)

	found, absent, bytes atomic.Int64
}

// Stats counts the answers of the fast path since it began.
type Stats struct {
	Found  int64 // answers 200
	Absent int64 // answers 404
	Bytes  int64 // sent, headers included except by [NewHandler]
}

// Stats returns the counts until now.
func (d *Downloads) Stats() Stats {
	return Stats{Found: d.found.Load(), Absent: d.absent.Load(), Bytes: d.bytes.Load()}
}

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

// started returns the time if there is an OnAnswer, the only user of the time.
func (d *Downloads) started() time.Time {
	if d.OnAnswer == nil {
		return time.Time{}
	}
	return time.Now()
}

// answered counts the answer a, of which n bytes were sent, and calls OnAnswer with the result of
// about.
func (d *Downloads) answered(a *Answer, n int64, about func() Download) {
	if a.found {
		d.found.Add(1)
	} else {
		d.absent.Add(1)
	}
	d.bytes.Add(n)
	if d.OnAnswer == nil {
		return
	}
	told := about()
	told.Found, told.Duration = a.found, time.Since(told.Begin)
	d.OnAnswer(told)
}
