package lifecycle

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// checkTime bounds how long a readiness check may take.
const checkTime = 3 * time.Second

// Readiness says whether the program can serve: it has started, is not shutting
// down, and what it depends on is well. It is safe for concurrent use.
type Readiness struct {
	check   func(context.Context) error
	serving atomic.Bool
}

// NewReadiness returns a Readiness that is not serving yet. Check tells whether
// what the program depends on is well.
func NewReadiness(check func(context.Context) error) *Readiness {
	return &Readiness{check: check}
}

// SetServing says whether the program serves.
func (r *Readiness) SetServing(serving bool) { r.serving.Store(serving) }

// Ready answers /readyz: 200 if the program can serve, else 503 with the cause
// in a few words.
func (r *Readiness) Ready(w http.ResponseWriter, req *http.Request) {
	if !r.serving.Load() {
		probe(w, http.StatusServiceUnavailable, "starting, draining or shutting down\n")
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), checkTime)
	defer cancel()
	if r.check(ctx) != nil {
		probe(w, http.StatusServiceUnavailable, "what this server depends on does not answer\n")
		return
	}
	probe(w, http.StatusOK, "ready\n")
}

// Live answers /livez: 200 as long as the program can answer at all.
func Live(w http.ResponseWriter, _ *http.Request) { probe(w, http.StatusOK, "live\n") }

func probe(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a probe that left needs no answer
}
