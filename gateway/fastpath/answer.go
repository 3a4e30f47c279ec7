package fastpath

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// Source has the answers to plain downloads. It is called for each of them and must be
// safe for concurrent use.
type Source interface {
	// Answer returns the answer to GET /torrent/ID.torrent, or nil if the http.Server is
	// to find it. It may block for as long as a read from the disk takes, and no longer.
	//
	// What an answer takes of memory while it is on its way, hold has already or it is in
	// the answer's own count. Memory is not waited for: without it the answer is nil. The
	// caller releases hold when the answer has left, or at once if there is none.
	Answer(id infohash.ID, hold *limit.Hold) *Answer

	// Kept returns the same answer for a HEAD, for which nothing is read: nil unless it is in
	// memory. A HEAD is no read that keeps a torrent from being dropped.
	Kept(id infohash.ID) *Answer
}

// answerTo returns the answer of a source to a HEAD or a GET.
func answerTo(source Source, id infohash.ID, headOnly bool, hold *limit.Hold) *Answer {
	if headOnly {
		return source.Kept(id)
	}
	return source.Answer(id, hold)
}

// Answer is a whole HTTP response kept ready: everything but its status line, Date
// and Connection, which the listener writes. It never changes and is safe for
// concurrent use.
type Answer struct {
	found   bool   // 200, else 404
	header  []byte // lines with their CR LF, sorted as net/http sorts them
	body    []byte
	shared  *limit.Shared // the memory of the body; nil if the caller's Hold has it
	scratch *Scratch      // in which the body lies, for this one answer; nil if it does not
}

// Found returns an answer 200 of a header, lines with their CR LF as net/http sorts them
// without Date and Connection, and a body, which nobody changes any more. Shared is what
// counts the body; nil: the caller's Hold does.
func Found(header, body []byte, shared *limit.Shared) *Answer {
	return &Answer{found: true, header: header, body: body, shared: shared}
}

// Capture asks h for the download of id by GET and keeps what it answers, so that
// the fast path cannot say anything but what h says. If that turns out to be
// content, content is kept and not a copy of it. It returns nil if the answer is
// none to keep: of a status other than 200 and 404, or without a Content-Type and
// the right Content-Length. Shared is what counts the body; nil: nothing does.
//
// h must answer alike whoever asks; of the request it may use ctx, the method and
// the path.
func Capture(ctx context.Context, h http.Handler, id infohash.ID, content []byte, shared *limit.Shared) *Answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/torrent/"+id.String()+".torrent", nil)
	if err != nil {
		return nil
	}
	r.RequestURI = r.URL.Path
	rec := recorder{content: content}
	h.ServeHTTP(&rec, r)
	a := rec.answer()
	if a != nil {
		a.shared = shared
	}
	return a
}

// Body returns the response's body, which nobody may change.
func (a *Answer) Body() []byte { return a.body }

// Header returns the lines of the response's header that [Capture] kept.
func (a *Answer) Header() string { return string(a.header) }

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
