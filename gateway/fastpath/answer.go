package fastpath

import (
	"bytes"
	"io"
	"net/http"
	"strconv"

	"github.com/torrentcache/torrentcache/infohash"
)

// Source has the answers that are ready. It is called for each plain request and
// must be safe for concurrent use.
type Source interface {
	// Answer returns the answer to GET /torrent/ID.torrent, or nil if it is not
	// ready, and then the http.Server answers. It must not block.
	Answer(id infohash.ID) *Answer
}

// Answer is a whole HTTP response kept ready: everything but its first lines
// (status, Date, Connection), which the listener writes. It never changes and is
// safe for concurrent use.
type Answer struct {
	status int
	header int    // bytes of rest up to and including the blank line
	rest   []byte // header and body
}

// Capture asks h for the download of id by GET and keeps what it answers, so that
// the fast path cannot say anything but what h says. It returns nil if the answer
// is none to keep: of a status other than 200 and 404, or without a Content-Type
// and the right Content-Length.
//
// h must answer alike whoever asks; of the request it may use the method and the
// path.
func Capture(h http.Handler, id infohash.ID) *Answer {
	r, err := http.NewRequest(http.MethodGet, "/torrent/"+id.String()+".torrent", nil)
	if err != nil {
		return nil
	}
	r.RequestURI = r.URL.Path
	var rec recorder
	h.ServeHTTP(&rec, r)
	return rec.answer()
}

// Size returns about how much memory the answer takes, in bytes.
func (a *Answer) Size() int { return cap(a.rest) + answerOverhead }

// answerOverhead is the memory of an Answer without its response, in bytes.
const answerOverhead = 64

// Body returns the response's body, which nobody may change.
func (a *Answer) Body() []byte { return a.rest[a.header:len(a.rest):len(a.rest)] }

// content returns what follows the first lines.
func (a *Answer) content(headOnly bool) []byte {
	if headOnly {
		return a.rest[:a.header]
	}
	return a.rest
}

// recorder is an http.ResponseWriter that lays out a response as one run of bytes.
type recorder struct {
	status int
	head   http.Header
	start  int // bytes of out that are header
	out    bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header {
	if r.head == nil {
		r.head = http.Header{}
	}
	return r.head
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status != 0 || status < http.StatusOK {
		return
	}
	r.status = status
	if length, err := strconv.Atoi(r.Header().Get("Content-Length")); err == nil && length >= 0 {
		r.out.Grow(length + headerEstimate)
	}
	_ = r.Header().Write(&r.out) // a Buffer takes everything
	_, _ = r.out.WriteString("\r\n")
	r.start = r.out.Len()
}

// headerEstimate is more than the header of a download takes, in bytes.
const headerEstimate = 768

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.out.Write(p)
}

// ReadFrom implements [io.ReaderFrom], so that no copying buffer is needed.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.WriteHeader(http.StatusOK)
	return io.Copy(writer{&r.out}, src)
}

// writer hides ReadFrom of a Buffer, which grows it beyond what is written.
type writer struct{ *bytes.Buffer }

func (r *recorder) answer() *Answer {
	if r.status != http.StatusOK && r.status != http.StatusNotFound {
		return nil
	}
	h := r.head
	body := r.out.Len() - r.start
	if h.Get("Content-Type") == "" || h.Get("Content-Length") != strconv.Itoa(body) {
		return nil
	}
	for _, name := range []string{"Date", "Connection", "Transfer-Encoding", "Trailer", "Upgrade"} {
		if _, set := h[name]; set {
			return nil // net/http treats these in its own way
		}
	}
	return &Answer{status: r.status, header: r.start, rest: r.out.Bytes()}
}
