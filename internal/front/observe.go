package front

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"time"

	"github.com/torrentcache/torrentcache/internal/outcome"
)

// Access is a request that has been answered.
type Access struct {
	Route   *Route
	Request *http.Request // as its route got it: without the key in its path
	Outcome outcome.Outcome
	Status  int
	// Received and Sent are bytes of the bodies.
	Received, Sent int64
	Begin          time.Time
	Duration       time.Duration
}

// Meter is told of requests. It must be safe for concurrent use.
type Meter interface {
	// Began is called when a request has come, and Ended when it was answered.
	Began()
	Ended(Access)
}

// observed returns next with its requests reported to the meter, those whose connection is cut
// included, and with the status that the operator wants for removed torrents.
func (o *Options) observed(rt *Route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w, gone: o.RemovedStatus}
		if o.Meter == nil {
			next.ServeHTTP(a, r)
			return
		}
		begin := time.Now()
		o.Meter.Began()
		body := &countedBody{ReadCloser: r.Body}
		r.Body = body
		defer func() {
			o.Meter.Ended(Access{
				Route: rt, Request: r, Outcome: a.outcome, Status: cmp.Or(a.status, http.StatusOK), // as net/http for a handler that says nothing
				Received: body.n, Sent: a.n, Begin: begin, Duration: time.Since(begin),
			})
		}()
		next.ServeHTTP(a, r)
	})
}

// answer remembers the status and the outcome of an answer, and counts its body. It is used by
// one request's goroutine at a time, as any ResponseWriter.
type answer struct {
	http.ResponseWriter
	gone    int   // the status in place of 410, which nothing but a removed torrent has; 0: 410
	status  int   // 0: the answer has not begun
	n       int64 // bytes of the body
	outcome outcome.Outcome
}

// Observe implements [outcome.Observer].
func (a *answer) Observe(o outcome.Outcome) { a.outcome.Add(o) }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	if status == http.StatusGone {
		status = cmp.Or(a.gone, status)
	}
	a.begin(status)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) begin(status int) {
	if a.status == 0 && status >= http.StatusOK { // 1xx is not the answer yet
		a.status = status
	}
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) {
	a.begin(http.StatusOK)
	n, err := a.ResponseWriter.Write(p)
	a.n += int64(n)
	return n, err
}

// ReadFrom writes a body that is whole in memory, which [http.ServeContent] wraps in an
// io.LimitedReader, without a copy: io.Copy would first copy it to new memory.
func (a *answer) ReadFrom(src io.Reader) (int64, error) {
	if limited, ok := src.(*io.LimitedReader); ok {
		if whole, ok := limited.R.(*bytes.Reader); ok && int64(whole.Len()) <= limited.N {
			n, err := whole.WriteTo(struct{ io.Writer }{a})
			limited.N -= n
			return n, err
		}
	}
	return io.Copy(struct{ io.Writer }{a}, src)
}

// Flush is for handlers that ask for an [http.Flusher].
func (a *answer) Flush() {
	a.begin(http.StatusOK)
	_ = http.NewResponseController(a.ResponseWriter).Flush() // a writer that cannot flush holds nothing back
}

// Unwrap lets [http.ResponseController] reach the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// countedBody counts the bytes that are read from a body. A handler reads it from one
// goroutine at a time.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}
