package s3store

import (
	"context"
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// healthTick is the interval between health checks, and between test writes to a failing
	// bucket.
	healthTick = time.Second
	// healthProof is the age of the last write at which a test write is due.
	healthProof = 10 * time.Second
	// feedProof is how long writes of the feed may fail before the store counts as failing.
	feedProof = 5 * time.Second
	// maintainPause is the interval between looks for finished sessions.
	maintainPause = time.Minute
)

// Err returns why the store cannot take uploads; nil if it can. The reason is a failed write of
// the last ten seconds, or a feed that took no batch for five. Readiness uses it: the store
// recovers by itself.
func (s *Store) Err() error {
	if failing := s.health.Load(); failing != nil {
		return *failing
	}
	return nil
}

// watchHealth tests the bucket until ctx ends.
func (s *Store) watchHealth(ctx context.Context) {
	for wait.For(ctx, healthTick) {
		err := s.proveHealth(ctx)
		if ctx.Err() != nil {
			return
		}
		var failing *error
		if err != nil {
			failing = &err
		}
		switch before := s.health.Swap(failing); {
		case err != nil && before == nil:
			s.logger.Error("the object store takes no writes; uploads are refused until it does", "cause", err)
		case err == nil && before != nil:
			s.logger.Info("the object store takes writes again")
		}
	}
}

// proveHealth returns why the bucket takes no uploads. It makes a test write if the last write
// is too old to tell.
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

// follow reads the feed entries of other nodes until ctx ends. It skips a round if writing the
// feed has just read it.
func (s *Store) follow(ctx context.Context) {
	failing := false
	for wait.For(ctx, s.poll) {
		if s.feed.sinceRead() < s.poll {
			continue
		}
		err := s.feed.advance(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.logger.Error("the feed cannot be read: this node misses the changes of other nodes", "cause", err)
		}
		failing = err != nil
	}
}

// maintain settles sessions and purges removed torrents until ctx ends.
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
