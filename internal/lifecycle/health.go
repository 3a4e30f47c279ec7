package lifecycle

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

// checkTime bounds how long a readiness check may take.
const checkTime = 3 * time.Second

// Readiness says whether the program can serve: it has started, is not shutting
// down, and its dependencies are well. It is safe for concurrent use.
type Readiness struct {
	// Notes tell the operator of faults with which the program can still serve, each in a
	// line; "" for none. Set them before the first request.
	Notes []func() string

	check   func(context.Context) error
	serving atomic.Bool
}

// NewReadiness returns a Readiness that is not serving yet. Check returns nil if
// the program's dependencies are well.
func NewReadiness(check func(context.Context) error) *Readiness {
	return &Readiness{check: check}
}

// SetServing says whether the program serves.
func (r *Readiness) SetServing(serving bool) { r.serving.Store(serving) }

// Ready answers /readyz for the public: 200 if the program can serve, else 503.
func (r *Readiness) Ready(w http.ResponseWriter, req *http.Request) { r.answer(w, req, false) }

// ReadyInFull answers /readyz for the operator: with the cause of a 503, or with the notes.
func (r *Readiness) ReadyInFull(w http.ResponseWriter, req *http.Request) { r.answer(w, req, true) }

func (r *Readiness) answer(w http.ResponseWriter, req *http.Request, inFull bool) {
	if !r.serving.Load() {
		probe(w, http.StatusServiceUnavailable, "starting, draining or shutting down\n")
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), checkTime)
	defer cancel()
	text := "ready\n"
	switch err := r.check(ctx); {
	case err != nil && inFull:
		probe(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return
	case err != nil:
		probe(w, http.StatusServiceUnavailable, "the store or the backend of this server does not answer\n")
		return
	case inFull:
		text += r.notes()
	}
	probe(w, http.StatusOK, text)
}

// notes returns the lines of all Notes.
func (r *Readiness) notes() (text string) {
	for _, note := range r.Notes {
		if line := note(); line != "" {
			text += line + "\n"
		}
	}
	return text
}

// Live answers /livez: 200 as long as the program can answer at all.
func Live(w http.ResponseWriter, _ *http.Request) { probe(w, http.StatusOK, "live\n") }

func probe(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a probe that left needs no answer
}

// Watch asks failure each second whether something is out of order, until ctx ends. It calls
// changed with the cause when something goes out of order, and with nil when it is in order
// again. At first it assumes that all is in order.
func Watch(ctx context.Context, failure func() error, changed func(error)) {
	var now error
	WatchState(ctx, func() bool {
		now = failure()
		return now != nil
	}, func(bool) { changed(now) })
}

// WatchState calls state each second, until ctx ends, and calls changed with each state that
// differs from the one before. At first it assumes the zero state.
func WatchState[S comparable](ctx context.Context, state func() S, changed func(S)) {
	var before S
	for goesOn := true; goesOn; goesOn = wait.For(ctx, time.Second) {
		if now := state(); now != before {
			before = now
			changed(now)
		}
	}
}
