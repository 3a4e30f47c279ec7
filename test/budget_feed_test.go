//go:build e2e

package test

import (
	"context"
	"syscall"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// The server ends the stream of a follower that reads nothing after that many changes. Another
// follower gets all changes from the beginning.
func TestFollowerThatTakesNothing(t *testing.T) {
	t.Parallel()
	const some, ended = 2500, `torrentcache_refusals_total{limit="unsent_changes"}`
	s := startServer(t, "--anonymous", "read,write,sync", "--log-level", "error")
	defer s.stop(t, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stuck := dialHTTP2(ctx, t, s.GRPC, nil, 0)
	stuck.call(torrentcachev1.SyncService_WatchChanges_FullMethodName, &torrentcachev1.WatchChangesRequest{})
	for s.metric(t, "torrentcache_streams") == 0 {
		time.Sleep(pace / 10)
	}
	g := &guarded{server: s, stock: &stock{}}
	changes := 0
	for ; s.metric(t, ended) == 0; changes += some {
		if err := g.cacheSmall(ctx, some); err != nil {
			t.Fatalf("after %d changes the stream goes on: %v", changes, err)
		}
	}
	next := follow(t, s, "")
	for n := 0; n < changes; {
		n += len(next().GetChanges())
	}
	if n := s.metric(t, ended); n != 1 {
		t.Errorf("%.0f streams were ended, want 1", n)
	}
}
