package fastpath

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// longestFile is the length of the longest name of a torrent's file.
const longestFile = 2*infohash.SizeV2 + len(".torrent")

// usualLines is how many lines the header of an answer usually has.
const usualLines = 12

// Handler answers plain downloads that net/http has read itself, as those by HTTP/2.
// It is safe for concurrent use.
type Handler struct {
	// OnAnswer is told of each answer that was given here, by the goroutine of its request,
	// whose end it holds up. Nil: nobody is. Set it before the first request.
	OnAnswer func(Download)

	next   http.Handler
	source Source
	counts counts
}

// NewHandler returns next with its plain downloads answered by source. Make it the
// outermost handler: next does not hear of the downloads that it answers.
func NewHandler(next http.Handler, source Source) *Handler {
	return &Handler{next: next, source: source}
}

// Stats returns the counts until now. Headers are not among the bytes.
func (h *Handler) Stats() Stats { return h.counts.stats() }

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.answer(w, r) {
		h.next.ServeHTTP(w, r)
	}
}

// answer answers r if it is plain and there is an answer.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) bool {
	var asked head
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !asked.requestURI(r.RequestURI) || !isPlain(r) {
		return false
	}
	begin := started(h.OnAnswer)
	hold := ConnOf(r).Hold()
	defer hold.Release()
	a := answerTo(h.source, asked.id, r.Method == http.MethodHead, hold)
	if a == nil || !a.found && r.Header.Get("Sec-Fetch-Dest") != "" {
		return false
	}
	if a.shared != nil && r.Method == http.MethodGet && !hold.Share(a.shared) {
		return false // next waits for memory, and says so if there is none
	}
	h.tell(r, asked.id, a, h.write(w, r, a), begin)
	return true
}

// connKey is the context key of a connection, as ConnContext puts it there.
type connKey struct{}

// ConnOf returns the connection by which r came; nil if nobody counts it, or the server has
// not ConnContext.
func ConnOf(r *http.Request) *limit.Conn {
	c, _ := r.Context().Value(connKey{}).(*limit.Conn)
	return c
}

// ConnContext is for the field of this name of an [http.Server]: by it [ConnOf] and a
// [Handler] know by which connection a request came.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, limit.ConnOf(c.RemoteAddr()))
}

// requestURI reads what a plain download asks for.
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
func (h *Handler) write(w http.ResponseWriter, r *http.Request, a *Answer) int64 {
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
	if n == int64(len(body)) { // else a frame of it may be on its way still
		a.left()
	}
	h.counts.add(a.found, n)
	return n
}

// setHeader sets in h what a says in its header.
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

// lastPart is how much of a body is written by itself at its end, in bytes. Of HTTP/2
// net/http keeps less than 4 KiB until the handler returns, and then marks the frame as
// the last; after a larger one it sends an empty one for that.
const lastPart = 4<<10 - 1

// writeBody writes body to w, the last part by itself. It returns how many bytes were
// written: a client that left needs no more.
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
