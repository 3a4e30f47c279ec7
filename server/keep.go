package server

import (
	"bytes"
	"context"
	"errors"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
)

// maxAttempts bounds how often one upload is tried again because its record has changed. Each
// change completes, replaces, heals or removes the record, so even two are rare.
const maxAttempts = 5

// outcomes names the store's outcomes in the API.
var outcomes = map[store.Outcome]torrentcachev1.Outcome{
	store.Created:       torrentcachev1.Outcome_OUTCOME_CREATED,
	store.AlreadyCached: torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED,
	store.Replaced:      torrentcachev1.Outcome_OUTCOME_REPLACED,
	store.Healed:        torrentcachev1.Outcome_OUTCOME_HEALED,
}

// keep stores the torrent durably. If the stored torrent lacks piece layers that the upload has,
// keep adds them; if the upload outranks the stored torrent, it replaces it.
func (s *Server) keep(ctx context.Context, upload *metainfo.Torrent, rank store.Rank) (torrentcachev1.Outcome, error) {
	settle, err := s.pass(ctx, upload)
	if err != nil {
		return 0, err
	}
	created := false
	defer func() { settle(created) }()
	for range maxAttempts {
		outcome, err := s.attempt(ctx, upload, rank)
		if changedMeanwhile(err) {
			continue
		}
		if err != nil {
			return 0, api.TorrentError(err, upload.IDs().Primary(), s.Contact)
		}
		created = outcome == torrentcachev1.Outcome_OUTCOME_CREATED
		return outcome, nil
	}
	return 0, reason.New(reason.Overloaded, "the torrent is being changed by other uploads, try again")
}

// attempt is one try of keep. It fails if somebody else changes the torrent meanwhile. Errors are
// the store's.
func (s *Server) attempt(ctx context.Context, upload *metainfo.Torrent, rank store.Rank) (torrentcachev1.Outcome, error) {
	outcome, err := s.put(ctx, item(ctx, upload, rank))
	if err == nil && outcome == store.Outranked {
		outcome, err = s.replace(ctx, upload, rank)
	}
	// Only v2 has piece layers (BEP 52).
	if err != nil || outcome != store.AlreadyCached || upload.IDs().V2.IsZero() {
		return outcomes[outcome], err
	}
	return s.completed(ctx, upload)
}

// completed returns the outcome of an upload that was cached already, which may complete the
// stored torrent. Errors are the store's.
func (s *Server) completed(ctx context.Context, upload *metainfo.Torrent) (torrentcachev1.Outcome, error) {
	completed, err := s.complete(ctx, upload)
	if errors.Is(err, store.ErrRemoved) { // removed since then: the upload itself was not refused
		return torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED, nil
	}
	if completed {
		return torrentcachev1.Outcome_OUTCOME_COMPLETED, err
	}
	return torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED, err
}

// changedMeanwhile reports whether err says that the record was changed by others
// between two calls of the store.
func changedMeanwhile(err error) bool {
	return errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound)
}

// complete adds to the stored torrent the piece layers that it lacks and the upload has. It
// reports whether it added any. Errors are the store's.
func (s *Server) complete(ctx context.Context, upload *metainfo.Torrent) (bool, error) {
	current, err := s.Store.Get(ctx, upload.IDs().Primary(), nil)
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
	merged := s.merge(stored, upload)
	if merged == nil || merged == stored {
		return false, nil
	}
	it := item(ctx, merged, current.Rank)
	it.Replaces = current.Version
	outcome, err := s.put(ctx, it)
	return outcome == store.Replaced, err
}

// merge returns torrent with the piece layers that only other has. It returns torrent itself if
// there are none, and nil if the result is too large for this server.
func (s *Server) merge(torrent, other *metainfo.Torrent) *metainfo.Torrent {
	b, ok := metainfo.Complete(torrent, other)
	if !ok {
		return torrent
	}
	if !s.takes(len(b)) {
		return nil
	}
	merged, err := metainfo.Parse(b)
	if err != nil {
		return nil
	}
	return merged
}

func (s *Server) put(ctx context.Context, it store.Item) (store.Outcome, error) {
	result := s.Store.Put(ctx, []store.Item{it})[0]
	return result.Outcome, result.Err
}

// item returns the store's item for a torrent of the caller of ctx. Nobody changes the bytes of a
// torrent from the network; those from a door belong to the door again when its call has
// succeeded.
func item(ctx context.Context, t *metainfo.Torrent, rank store.Rank) store.Item {
	offset, length := t.InfoSpan()
	return store.Item{IDs: t.IDs(), Torrent: t.Bytes(), InfoOffset: offset, InfoLength: length, Rank: rank, Shared: !rpc.FromDoor(ctx), Unasked: store.IsCopying(ctx)}
}

// rank returns the rank of an upload of the caller. The caller may say that it fetched the torrent
// from elsewhere, which counts for less.
func rank(ctx context.Context, fetched bool) store.Rank {
	switch {
	case fetched:
		return store.RankFetched
	case access.FromContext(ctx).Keyed:
		return store.RankKeyed
	}
	return store.RankAnonymous
}
