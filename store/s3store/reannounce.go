package s3store

import (
	"context"
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

const (
	// underWay is how old a write may be that its node is still about to put
	// into the feed.
	underWay = time.Minute
	// underWayWait is how long to wait for that.
	underWayWait = time.Second
)

// ensureAnnounced returns when the torrent that h is of is in the feed. See session.go.
func (s *Store) ensureAnnounced(ctx context.Context, h *object.Header) error {
	if there, _ := s.feed.has(h.Write); there {
		return nil
	}
	if progress := s.sessions.progress(h.Write); progress != nil {
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("%w: another upload of it is not in the feed yet", store.ErrUnavailable)
		}
	}
	if settled, err := s.isSettled(ctx, h.Write.Session); err != nil || settled {
		return err
	}
	if s.now().Sub(h.Stored) < underWay {
		s.awaitEntry(ctx, h.Write)
	}
	if there, _ := s.feed.has(h.Write); there {
		return nil
	}
	// Whether that write added the torrent or replaced one is not known: who lists
	// what was added must hear of it, and who keeps copies of what was before.
	var last *notice
	for _, kind := range []store.ChangeKind{store.ChangeAdded, store.ChangeReplaced} {
		e := object.Entry{Change: store.Change{Kind: kind, IDs: h.IDs, Time: h.Stored}, Write: h.Write}
		last = s.announcer.add(e, object.Totals{}, func() {})
	}
	return last.wait(ctx)
}

// awaitEntry waits a while for a write to come into the feed.
func (s *Store) awaitEntry(ctx context.Context, id object.WriteID) {
	timer := time.NewTimer(underWayWait)
	defer timer.Stop()
	for {
		there, grown := s.feed.has(id)
		if there {
			return
		}
		select {
		case <-grown:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
