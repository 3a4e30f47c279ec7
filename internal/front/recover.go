package front

import (
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
		a, ok := w.(*answer)
		if !ok {
			a = &answer{ResponseWriter: w}
		}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			log.ErrorContext(r.Context(), "panic in a handler", "panic", v, "method", r.Method, "stack", string(debug.Stack()))
			if a.status != 0 {
				panic(http.ErrAbortHandler)
			}
			clear(a.Header()) // it may describe the body that did not come
			httpx.SetSecurityHeaders(a.Header())
			refuse(a, r, reason.New(reason.Internal, "internal error"))
		}()
		next.ServeHTTP(a, r)
	})
}
