package fastpath

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/infohash"
)

// Source has the answers that are ready. It is called for each plain request and
// must be safe for concurrent use.
type Source interface {
	// Answer returns the answer to GET /torrent/ID.torrent, or nil if it is not
	// ready, and then the http.Server answers. It must not block.
	Answer(id infohash.ID) *Answer
	// Load returns the answer that has to be fetched, which lies in s and is sent
	// before s is used again, or is one to keep. Nil: the http.Server answers. It
	// may block for as long as reading from the disk takes, and no longer.
	Load(id infohash.ID, s *Scratch) *Answer
}

// Answer is a whole HTTP response kept ready: everything but its status line, Date
// and Connection, which the listener writes. It never changes and is safe for
// concurrent use.
type Answer struct {
	found  bool   // 200, else 404
	header []byte // lines with their CR LF, sorted as net/http sorts them
	body   []byte
	region atomic.Pointer[region] // the body, if it lies in an arena, which may move it; body is nil then
}

// Capture asks h for the download of id by GET and keeps what it answers, so that
// the fast path cannot say anything but what h says. If that turns out to be
// content, content is kept and not a copy of it. It returns nil if the answer is
// none to keep: of a status other than 200 and 404, or without a Content-Type and
// the right Content-Length.
//
// h must answer alike whoever asks; of the request it may use ctx, the method and
// the path.
func Capture(ctx context.Context, h http.Handler, id infohash.ID, content []byte) *Answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/torrent/"+id.String()+".torrent", nil)
	if err != nil {
		return nil
	}
	r.RequestURI = r.URL.Path
	rec := recorder{content: content}
	h.ServeHTTP(&rec, r)
	return rec.answer()
}

// Body returns the response's body, which nobody may change. Of an answer in an
// arena it is a copy.
func (a *Answer) Body() []byte {
	if r := a.region.Load(); r != nil {
		return r.read()
	}
	return a.body
}

// Header returns the lines of the response's header that [Capture] kept.
func (a *Answer) Header() string { return string(a.header) }

// InArena reports whether the body lies in an arena and not in the heap.
func (a *Answer) InArena() bool { return a.region.Load() != nil }

// recorder is an http.ResponseWriter that keeps a response as the fast path sends it.
type recorder struct {
	status  int
	header  http.Header
	lines   bytes.Buffer
	content []byte       // what the body is expected to be
	same    int          // how many bytes of the body are as expected
	body    bytes.Buffer // the body, once it is not
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status != 0 || status < http.StatusOK {
		return
	}
	r.status = status
	_ = r.Header().Write(&r.lines) // a Buffer takes everything
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len() == 0 && bytes.HasPrefix(r.content[r.same:], p) {
		r.same += len(p)
		return len(p), nil
	}
	if r.body.Len() == 0 {
		r.body.Write(r.content[:r.same])
	}
	return r.body.Write(p)
}

// whole returns the body.
func (r *recorder) whole() []byte {
	if r.body.Len() == 0 {
		return r.content[:r.same:r.same]
	}
	return bytes.Clone(r.body.Bytes())
}

func (r *recorder) answer() *Answer {
	if r.status != http.StatusOK && r.status != http.StatusNotFound {
		return nil
	}
	body := r.whole()
	if r.header.Get("Content-Type") == "" || r.header.Get("Content-Length") != strconv.Itoa(len(body)) {
		return nil
	}
	for _, name := range []string{"Date", "Connection", "Transfer-Encoding", "Trailer", "Upgrade"} {
		if _, set := r.header[name]; set {
			return nil // net/http treats these in its own way
		}
	}
	return &Answer{
		found:  r.status == http.StatusOK,
		header: bytes.Clone(r.lines.Bytes()),
		body:   body,
	}
}
