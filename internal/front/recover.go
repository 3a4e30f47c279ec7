package front

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Recover returns next with its panics turned into answers by refuse, as INTERNAL. The panic
// and its stack are logged once. If the answer had already begun, the connection is cut
// instead, so that no client takes half an answer for a whole one. [http.ErrAbortHandler]
// passes through.
func Recover(log *slog.Logger, refuse Refusal, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := &beginWatcher{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			log.ErrorContext(r.Context(), "panic in a handler", "panic", v, "method", r.Method, "stack", string(debug.Stack()))
			if begun.begun {
				panic(http.ErrAbortHandler)
			}
			clear(w.Header()) // it may describe the body that did not come
			httpx.SetSecurityHeaders(w.Header())
			refuse(w, r, reason.New(reason.Internal, "internal error"))
		}()
		next.ServeHTTP(begun, r)
	})
}

// beginWatcher notes whether the answer has begun. It is used by one request's
// goroutine at a time, as any ResponseWriter.
type beginWatcher struct {
	http.ResponseWriter
	begun bool
}

func (w *beginWatcher) WriteHeader(status int) {
	w.begun = w.begun || status >= 200 // 1xx are not the answer
	w.ResponseWriter.WriteHeader(status)
}

func (w *beginWatcher) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// ReadFrom keeps the fast path of the writer below, if it has one. A whole body in
// memory, which [http.ServeContent] hides in a limit, is written as it is: Copy would
// copy it to new memory first.
func (w *beginWatcher) ReadFrom(src io.Reader) (int64, error) {
	w.begun = true
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		return io.Copy(w.ResponseWriter, src)
	}
	whole, ok := limited.R.(*bytes.Reader)
	if !ok || int64(whole.Len()) > limited.N {
		return io.Copy(w.ResponseWriter, src)
	}
	n, err := whole.WriteTo(w.ResponseWriter)
	limited.N -= n
	return n, err
}

// Flush is for handlers that ask for an http.Flusher, such as grpc's.
func (w *beginWatcher) Flush() {
	w.begun = true
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a writer that cannot flush holds nothing back
}

// Unwrap is for [http.ResponseController].
func (w *beginWatcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }
