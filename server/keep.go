package server

import (
	"bytes"
	"context"
	"errors"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/store"
)

// maxAttempts bounds how often one upload meets a record that changes under it.
// Each change completes, heals or removes the record, so even two are rare.
const maxAttempts = 5

// outcomes names the store's outcomes in the API.
var outcomes = map[store.Outcome]torrentcachev1.Outcome{
	store.Created:       torrentcachev1.Outcome_OUTCOME_CREATED,
	store.AlreadyCached: torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED,
	store.Replaced:      torrentcachev1.Outcome_OUTCOME_REPLACED,
	store.Healed:        torrentcachev1.Outcome_OUTCOME_HEALED,
}

// keep stores the torrent durably. If it is stored already without all of its
// piece layers, those that the upload has are added.
func (s *Server) keep(ctx context.Context, upload *metainfo.Torrent) (torrentcachev1.Outcome, error) {
	settle, err := s.budget(ctx, upload)
	if err != nil {
		return 0, err
	}
	created := false
	defer func() { settle(created) }()
	for range maxAttempts {
		outcome, err := s.put(ctx, item(ctx, upload))
		created = err == nil && outcome == store.Created
		if err != nil {
			return 0, s.torrentError(err, upload.IDs().Primary())
		}
		// Only v2 has piece layers (BEP 52).
		if outcome != store.AlreadyCached || upload.IDs().V2.IsZero() {
			return outcomes[outcome], nil
		}
		completed, err := s.complete(ctx, upload)
		if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, s.torrentError(err, upload.IDs().Primary())
		}
		if completed {
			return torrentcachev1.Outcome_OUTCOME_COMPLETED, nil
		}
		return torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED, nil
	}
	return 0, reason.New(reason.Overloaded, "the torrent is being changed by other uploads, try again")
}

// budget takes a torrent's bytes from what its writer may add; settle says
// whether they were new. One that is here already costs nothing, so it is taken
// whatever the writer has used up.
func (s *Server) budget(ctx context.Context, upload *metainfo.Torrent) (settle func(isNew bool), err error) {
	settle, err = s.limits.NewBytes(caller(ctx), int64(len(upload.Bytes())))
	if err == nil {
		return settle, nil
	}
	known, hasErr := s.store.Has(ctx, []infohash.ID{upload.IDs().Primary()})
	if hasErr == nil && known[0] {
		return func(bool) {}, nil
	}
	return nil, err
}

// complete adds to the stored torrent the piece layers that it lacks and the
// upload has. It reports whether there were any. Errors are the store's;
// ErrChanged, ErrDamaged and ErrNotFound say that the record changed meanwhile.
func (s *Server) complete(ctx context.Context, upload *metainfo.Torrent) (bool, error) {
	current, err := s.store.Get(ctx, upload.IDs().Primary())
	if err != nil {
		return false, err
	}
	if bytes.Equal(current.Bytes, upload.Bytes()) {
		return false, nil
	}
	stored, err := metainfo.Parse(current.Bytes)
	if err != nil {
		// Stored under older rules: it stays as it is.
		return false, nil
	}
	merged, ok := s.merge(stored, upload)
	if !ok {
		return false, nil
	}
	it := item(ctx, merged)
	it.Rank, it.Replaces = current.Rank, current.Version
	outcome, err := s.put(ctx, it)
	return outcome == store.Replaced, err
}

// merge returns stored with the piece layers that only upload has; false if
// there are none, or if they make it larger than what this server takes.
func (s *Server) merge(stored, upload *metainfo.Torrent) (*metainfo.Torrent, bool) {
	b, ok := metainfo.Complete(stored, upload)
	if !ok || int64(len(b)) > s.maxSize {
		return nil, false
	}
	merged, err := metainfo.Parse(b)
	return merged, err == nil
}

func (s *Server) put(ctx context.Context, it store.Item) (store.Outcome, error) {
	result := s.store.Put(ctx, []store.Item{it})[0]
	return result.Outcome, result.Err
}

// item is the torrent as the caller of ctx stores it. One from the network nobody
// changes any more; that of a door is the door's again when the call has succeeded.
func item(ctx context.Context, t *metainfo.Torrent) store.Item {
	offset, length := t.InfoSpan()
	return store.Item{IDs: t.IDs(), Torrent: t.Bytes(), InfoOffset: offset, InfoLength: length, Rank: rank(ctx), Shared: !fromDoor(ctx)}
}
