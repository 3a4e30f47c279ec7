package httpx

import "net/http"

// ReplaceStatus returns next with the status of those of its answers that have
// old replaced.
func ReplaceStatus(next http.Handler, old, replacement int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&statusReplacer{w, old, replacement}, r)
	})
}

type statusReplacer struct {
	http.ResponseWriter
	old, replacement int
}

func (w *statusReplacer) WriteHeader(status int) {
	if status == w.old {
		status = w.replacement
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *statusReplacer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
