package hotcache_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// notYet is the error of a backend while other caches may still have the torrent.
func notYet() error {
	return reason.New(reason.TorrentNotFound, "not here; the upstreams are being asked").Upstreams("asking").After(time.Second).GRPCStatus().Err()
}

// No cache keeps the answer that a torrent may be elsewhere. The answer that it is nowhere is kept.
func TestWhatMayBeElsewhereIsNotKept(t *testing.T) {
	for name, h := range map[string]*harness{"server": newLocal(t, roomy), "edge": newHarness(t, roomy, false)} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			h.set(func(tap *tap) { tap.before = func(context.Context) error { asked++; return notYet() } })
			if h.reader != nil {
				h.reader.err = reason.New(reason.TorrentNotFound, "not here").After(time.Second)
			}
			h.wantReason(t, unknown, reason.TorrentNotFound)
			h.wantReason(t, unknown, reason.TorrentNotFound)
			if asked != 2 { // a caller that may wait asks the backend, which asks elsewhere
				t.Errorf("the backend was asked %d times", asked)
			}
			if h.answer(unknown) != nil {
				t.Error("the fast path has an answer, which does not last")
			}
		})
	}
}

// A call of another cache does not wait for a load, because it may be a part of that load.
func TestCallsOfOtherCachesGoPastTheCache(t *testing.T) {
	h := newHarness(t, roomy, false)
	id := h.upload(t, one).V1
	entered, leave := make(chan bool), make(chan bool)
	h.set(func(tap *tap) { tap.before = func(context.Context) error { entered <- true; <-leave; return nil } })
	loaded := make(chan error)
	go func() {
		_, err := h.GetTorrent(t.Context(), id)
		loaded <- err
	}()
	<-entered
	h.set(func(tap *tap) { tap.before = nil })
	if _, err := h.GetTorrent(metadata.AppendToOutgoingContext(t.Context(), "cdn-loop", "torrentcache"), id); err != nil {
		t.Error(err)
	}
	leave <- true
	if err := <-loaded; err != nil {
		t.Error(err)
	}
}
