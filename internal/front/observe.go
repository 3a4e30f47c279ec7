package front

import (
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

// Meter hears of requests. It must be safe for concurrent use.
type Meter interface {
	// Began is called when a request has come, and Ended when it was answered.
	Began()
	Ended(Access)
}

// observed returns next with its requests told to the meter, those whose connection is cut
// included.
func (o *Options) observed(rt *Route, next http.Handler) http.Handler {
	if o.Meter == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		o.Meter.Began()
		answer := &countedWriter{ResponseWriter: w}
		body := &countedBody{ReadCloser: r.Body}
		r.Body = body
		defer func() {
			o.Meter.Ended(Access{
				Route: rt, Request: r, Outcome: answer.outcome, Status: answer.code(),
				Received: body.n, Sent: answer.n, Begin: begin, Duration: time.Since(begin),
			})
		}()
		next.ServeHTTP(answer, r)
	})
}

// countedWriter remembers an answer's status and outcome, and counts its body.
type countedWriter struct {
	http.ResponseWriter
	status  int
	n       int64
	outcome outcome.Outcome
}

// Hear implements [outcome.Hearer].
func (w *countedWriter) Hear(o outcome.Outcome) { w.outcome.Add(o) }

func (w *countedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 { // 1xx is not the answer yet
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.n += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// code returns the status; net/http sends 200 for a handler that says nothing.
func (w *countedWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// countedBody counts what is read of a body. A handler reads it from one
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
