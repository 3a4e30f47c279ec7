package fastpath

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// shape is what the first lines of a response depend on beside the time.
type shape struct {
	found  bool // 200, else 404
	http10 bool
	close  bool
}

func (s shape) index() int {
	i := 0
	for bit, set := range [...]bool{s.found, s.http10, s.close} {
		if set {
			i |= 1 << bit
		}
	}
	return i
}

// firstLines holds the first lines of every shape as of one second.
type firstLines struct {
	second int64 // Unix time
	text   [8][]byte
}

// clock keeps the first lines current. It is safe for concurrent use.
type clock struct {
	lines atomic.Pointer[firstLines]
}

// at returns the first lines of a response of shape s that is sent now. Nobody
// may change them.
func (c *clock) at(now time.Time, s shape) []byte {
	lines := c.lines.Load()
	if lines == nil || lines.second != now.Unix() {
		lines = newFirstLines(now)
		c.lines.Store(lines) // of two that do this at once either is right
	}
	return lines.text[s.index()]
}

func newFirstLines(now time.Time) *firstLines {
	lines := &firstLines{second: now.Unix()}
	date := now.UTC().Format(http.TimeFormat)
	for _, found := range []bool{false, true} {
		for _, http10 := range []bool{false, true} {
			for _, closed := range []bool{false, true} {
				s := shape{found, http10, closed}
				lines.text[s.index()] = fmt.Appendf(nil, "%s\r\nDate: %s\r\n%s", s.statusLine(), date, s.connection())
			}
		}
	}
	return lines
}

func (s shape) statusLine() string {
	version, status := "HTTP/1.1", http.StatusNotFound
	if s.http10 {
		version = "HTTP/1.0"
	}
	if s.found {
		status = http.StatusOK
	}
	return fmt.Sprintf("%s %d %s", version, status, http.StatusText(status))
}

// connection returns the Connection line, which says only what differs from the
// version's default (RFC 9112, section 9.3).
func (s shape) connection() string {
	switch {
	case s.http10 && !s.close:
		return "Connection: keep-alive\r\n"
	case !s.http10 && s.close:
		return "Connection: close\r\n"
	}
	return ""
}
