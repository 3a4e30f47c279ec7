package fastpath

import (
	"io"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
)

// longestFile is the length of the longest name of a torrent's file.
const longestFile = 2*infohash.SizeV2 + len(".torrent")

// usualLines is how many lines the header of an answer usually has.
const usualLines = 12

// Handler answers plain downloads that net/http has read itself, as those by HTTP/2.
// It is safe for concurrent use.
type Handler struct {
	next   http.Handler
	source Source
	counts counts
}

// NewHandler returns next with its plain downloads answered by source. It is to be
// around all else: what it answers nobody in next hears of.
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
	a := h.source.Answer(asked.id)
	if a != nil {
		_ = h.write(w, r, a) // a client that left needs no answer
		return true
	}
	s := scratches.Get().(*Scratch)
	if a = h.source.Load(asked.id, s); a == nil {
		scratches.Put(s)
		return false
	}
	if h.write(w, r, a) == nil {
		scratches.Put(s)
	}
	return true
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
		if k := classify([]byte(name)); k != ignored && k != connectionHeader {
			return false
		}
	}
	return true
}

// write answers r with a. After an error what a lies in may still be read: HTTP/2
// leaves a frame that is being written alone.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, a *Answer) error {
	a.setHeader(w.Header())
	if a.found {
		w.WriteHeader(http.StatusOK)
	} else {
		w.WriteHeader(http.StatusNotFound)
	}
	var n int64
	var err error
	if r.Method == http.MethodGet {
		n, err = a.writeBody(w)
	}
	h.counts.add(a.found, n)
	return err
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

// writeBody writes the body to w, from an arena by way of memory that is used again.
// If it fails that memory is not: it may still be read.
func (a *Answer) writeBody(w io.Writer) (sent int64, err error) {
	if !a.InArena() {
		return writeParts(w, a.body, true)
	}
	buf := chunks.Get().(*[chunk]byte)
	for from := 0; from < a.size(); from += chunk {
		part := buf[:min(a.size()-from, chunk)]
		a.read(part, from)
		n, err := writeParts(w, part, from+len(part) == a.size())
		if sent += n; err != nil {
			return sent, err
		}
	}
	chunks.Put(buf)
	return sent, nil
}

// writeParts writes b, and if it is the end of a body the last part by itself.
func writeParts(w io.Writer, b []byte, end bool) (int64, error) {
	first := len(b)
	if end {
		first = max(0, first-lastPart)
	}
	n := 0
	if first > 0 {
		var err error
		if n, err = w.Write(b[:first]); err != nil {
			return int64(n), err
		}
	}
	m, err := w.Write(b[first:])
	return int64(n + m), err
}
