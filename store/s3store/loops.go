package s3store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// healthTick is how often the health is looked at, and how often a bucket
	// that could not be written is tried.
	healthTick = time.Second
	// healthProof is how old the last write may be before another is tried.
	healthProof = 10 * time.Second
	// feedProof is for how long the feed may be impossible to write.
	feedProof = 5 * time.Second
	// maintainPause is how often finished sessions are looked for.
	maintainPause = time.Minute
)

// health is whether the bucket takes writes. It is safe for concurrent use.
type health struct {
	mu  sync.Mutex
	err error
}

// set notes the outcome of a test and returns the one before.
func (h *health) set(err error) (before error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.err = h.err, err
	return before
}

// Err returns why the store cannot take uploads at the moment, as a write of the
// last ten seconds has shown, or that no change came into the feed for five; nil if
// it can. It is for readiness: the store
// recovers by itself.
func (s *Store) Err() error {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.err
}

// watchHealth tests the bucket until ctx ends.
func (s *Store) watchHealth(ctx context.Context) {
	for wait.For(ctx, healthTick) {
		err := s.proveHealth(ctx)
		if ctx.Err() != nil {
			return
		}
		switch before := s.health.set(err); {
		case err != nil && before == nil:
			s.logger.Error("the object store takes no writes; uploads are refused until it does", "cause", err)
		case err == nil && before != nil:
			s.logger.Info("the object store takes writes again")
		}
	}
}

// proveHealth returns why the bucket takes no uploads, after a test write if the
// last write is not of late.
func (s *Store) proveHealth(ctx context.Context) error {
	if s.announcer.failingFor() > feedProof {
		return fmt.Errorf("%w: %s takes no writes below feed/", store.ErrUnavailable, s.location)
	}
	if s.Err() == nil && time.Since(s.bucket.LastWritten()) < healthProof {
		return nil
	}
	if err := s.bucket.TryWrite(ctx, s.node); err != nil {
		return fmt.Errorf("%w: %s takes no writes: %w", store.ErrUnavailable, s.location, err)
	}
	return nil
}

// follow reads what other nodes put into the feed, until ctx ends. Who writes to it
// has read it.
func (s *Store) follow(ctx context.Context) {
	failing := false
	for wait.For(ctx, s.poll) {
		if s.feed.silence() < s.poll {
			continue
		}
		err := s.feed.advance(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.logger.Error("the feed cannot be read: changes made by other nodes are not heard", "cause", err)
		}
		failing = err != nil
	}
}

// maintain settles sessions and purges what was removed, until ctx ends.
func (s *Store) maintain(ctx context.Context) {
	var purged time.Time
	for wait.For(ctx, maintainPause) {
		s.settleSessions(ctx, false)
		if time.Since(purged) < purgePause {
			continue
		}
		if err := s.purge(ctx); err != nil {
			s.logger.Warn("bytes of removed torrents are not erased yet", "cause", err)
			continue
		}
		purged = time.Now()
	}
}
