package fastpath

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// longestFile is the length of the longest name of a torrent's file.
const longestFile = 2*infohash.SizeV2 + len(".torrent")

// usualLines is how many lines the header of an answer usually has.
const usualLines = 12

// NewHandler returns a handler that answers the plain downloads which net/http has read itself, as
// it does with HTTP/2, and passes all other requests to next. Make it the outermost handler.
func NewHandler(next http.Handler, downloads *Downloads) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !downloads.serve(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// serve answers r if it is plain and there is an answer.
func (d *Downloads) serve(w http.ResponseWriter, r *http.Request) bool {
	var request head
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !request.requestURI(r.RequestURI) || !isPlain(r) {
		return false
	}
	begin := d.started()
	reserved := ConnOf(r).Reservation()
	defer reserved.Release()
	a := d.Source(request.id, reserved, r.Method == http.MethodGet)
	if a == nil || !a.found && r.Header.Get("Sec-Fetch-Dest") != "" {
		return false
	}
	if a.shared != nil && r.Method == http.MethodGet && !reserved.Share(a.shared) {
		return false // the next handler waits for memory, and reports the lack of it
	}
	n := write(w, r, a)
	d.answered(a, n, func() Download {
		return Download{ID: request.id, Method: r.Method, Sent: n, Begin: begin, Peer: peerOf(r), TLS: r.TLS}
	})
	return true
}

// peerOf returns the address from which r came; nil if it is none.
func peerOf(r *http.Request) net.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil
	}
	return net.TCPAddrFromAddrPort(from)
}

// connKey is the context key of a connection, as ConnContext puts it there.
type connKey struct{}

// ConnOf returns the connection of r; nil if the connection is not counted, or the server does not
// use ConnContext.
func ConnOf(r *http.Request) *limit.Conn {
	c, _ := r.Context().Value(connKey{}).(*limit.Conn)
	return c
}

// ConnContext is for the field of this name of an [http.Server]. It tells [ConnOf] and
// [NewHandler] the connection of a request.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, limit.ConnOf(c.RemoteAddr()))
}

// requestURI reads the target of a plain download. It returns false if target is none.
func (h *head) requestURI(target string) bool {
	file, ok := strings.CutPrefix(target, "/torrent/")
	return ok && len(file) <= longestFile && h.parseID([]byte(file))
}

// isPlain reports whether nothing in r but its target can change the answer.
func isPlain(r *http.Request) bool {
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.Trailer != nil {
		return false
	}
	for name := range r.Header {
		if name == "" || !suspicious[name[0]] {
			continue
		}
		switch classify([]byte(name)) {
		case ignored, connectionHeader, browserHeader:
		case loopHeader:
			if origin.Looped(r.Header[name]) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// write answers r with a. It returns how many bytes of the body were sent.
func write(w http.ResponseWriter, r *http.Request, a *Answer) int64 {
	a.setHeader(w.Header())
	if a.found {
		w.WriteHeader(http.StatusOK)
	} else {
		w.WriteHeader(http.StatusNotFound)
	}
	body := a.body
	if r.Method != http.MethodGet {
		body = nil
	}
	n := writeBody(w, body)
	if n == int64(len(body)) { // else a frame may still be in flight
		a.recycle()
	}
	return n
}

// setHeader copies the header lines of a into h.
func (a *Answer) setHeader(h http.Header) {
	values := make([]string, 0, usualLines)
	for rest := string(a.header); rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, _ := strings.Cut(line, ": ")
		if h[name] != nil {
			h[name] = append(h[name], value)
			continue
		}
		values = append(values, value)
		n := len(values)
		h[name] = values[n-1 : n : n]
	}
}

// lastPart is the size of the last write of a body, in bytes. With HTTP/2, net/http keeps less
// than 4 KiB until the handler returns, and then marks that frame as the last. After a larger
// write it would send an empty frame for the mark.
const lastPart = 4<<10 - 1

// writeBody writes body to w, the last part in a write of its own. It returns how many bytes were
// written. An error means that the client has left, so writeBody drops it.
func writeBody(w io.Writer, body []byte) int64 {
	first := max(0, len(body)-lastPart)
	n := 0
	if first > 0 {
		var err error
		if n, err = w.Write(body[:first]); err != nil {
			return int64(n)
		}
	}
	if first == len(body) {
		return int64(n)
	}
	m, _ := w.Write(body[first:])
	return int64(n + m)
}
