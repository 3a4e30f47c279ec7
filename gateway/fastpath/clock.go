package fastpath

import (
	"net/http"
	"sync/atomic"
	"time"
)

// ends are the last lines of a header as of one second, one for each thing that
// Connection can say.
type ends struct {
	second                 int64 // Unix time
	silent, keepAlive, end []byte
}

// clock keeps the Date line current. It is safe for concurrent use.
type clock struct{ now atomic.Pointer[ends] }

// at returns the ends of a header that is sent now. Nobody may change them.
func (c *clock) at(now time.Time) *ends {
	e := c.now.Load()
	if e == nil || e.second != now.Unix() {
		e = newEnds(now)
		c.now.Store(e) // of two that do this at once either is right
	}
	return e
}

func newEnds(now time.Time) *ends {
	date := "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"
	return &ends{
		second:    now.Unix(),
		silent:    []byte(date + "\r\n"),
		keepAlive: []byte(date + "Connection: keep-alive\r\n\r\n"),
		end:       []byte(date + "Connection: close\r\n\r\n"),
	}
}

// of returns the end of the answer to h. Connection says only what differs from
// the default of the request's version (RFC 9112, section 9.3).
func (e *ends) of(h head) []byte {
	switch {
	case h.http10 && !h.close:
		return e.keepAlive
	case !h.http10 && h.close:
		return e.end
	}
	return e.silent
}

// statusLine returns the first line of the answer a to h.
func statusLine(h head, a *Answer) string {
	switch {
	case a.found && h.http10:
		return "HTTP/1.0 200 OK\r\n"
	case a.found:
		return "HTTP/1.1 200 OK\r\n"
	case h.http10:
		return "HTTP/1.0 404 Not Found\r\n"
	}
	return "HTTP/1.1 404 Not Found\r\n"
}
